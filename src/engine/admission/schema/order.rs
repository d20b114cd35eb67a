//! `orders.acme.cert-manager.io` and `challenges.acme.cert-manager.io`.

use super::solver::SOLVER;
use super::{
    BOOLEAN, BYTES, ISSUER_REF, METADATA, Schema, TEXT, TEXTS, TIME, list, object, one_of, optional, required,
};

pub static ORDER: Schema = object(&[
    optional("apiVersion", &TEXT),
    optional("kind", &TEXT),
    required("metadata", &METADATA),
    required("spec", &ORDER_SPEC),
    optional("status", &ORDER_STATUS),
]);

static ORDER_SPEC: Schema = object(&[
    optional("commonName", &TEXT),
    optional("dnsNames", &TEXTS),
    optional("duration", &TEXT),
    optional("ipAddresses", &TEXTS),
    required("issuerRef", &ISSUER_REF),
    optional("profile", &TEXT),
    optional("replaces", &TEXT),
    required("request", &BYTES),
]);

static ORDER_STATUS: Schema = object(&[
    optional("authorizations", &AUTHORIZATIONS),
    optional("certificate", &BYTES),
    optional("failureTime", &TIME),
    optional("finalizeURL", &TEXT),
    optional("reason", &TEXT),
    optional("state", &STATE),
    optional("url", &TEXT),
]);
static STATE: Schema = one_of(&["valid", "ready", "pending", "processing", "invalid", "expired", "errored"]);
static AUTHORIZATIONS: Schema = list(&AUTHORIZATION);
static AUTHORIZATION: Schema = object(&[
    optional("challenges", &OFFERED_CHALLENGES),
    optional("identifier", &TEXT),
    optional("initialState", &STATE),
    required("url", &TEXT),
    optional("wildcard", &BOOLEAN),
]);
static OFFERED_CHALLENGES: Schema = list(&OFFERED_CHALLENGE);
static OFFERED_CHALLENGE: Schema = object(&[required("token", &TEXT), required("type", &TEXT), required("url", &TEXT)]);

pub static CHALLENGE: Schema = object(&[
    optional("apiVersion", &TEXT),
    optional("kind", &TEXT),
    required("metadata", &METADATA),
    required("spec", &CHALLENGE_SPEC),
    optional("status", &CHALLENGE_STATUS),
]);

static CHALLENGE_SPEC: Schema = object(&[
    required("authorizationURL", &TEXT),
    required("dnsName", &TEXT),
    required("issuerRef", &ISSUER_REF),
    required("key", &TEXT),
    required("solver", &SOLVER),
    required("token", &TEXT),
    required("type", &CHALLENGE_TYPE),
    required("url", &TEXT),
    optional("wildcard", &BOOLEAN),
]);
static CHALLENGE_TYPE: Schema = one_of(&["HTTP-01", "DNS-01"]);

static CHALLENGE_STATUS: Schema = object(&[
    optional("presented", &BOOLEAN),
    optional("presentedAt", &TIME),
    optional("processing", &BOOLEAN),
    optional("reason", &TEXT),
    optional("state", &STATE),
]);
