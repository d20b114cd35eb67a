//! `certificaterequests.cert-manager.io`.

use super::certificate::USAGES;
use super::{
    BOOLEAN, BYTES, CONDITION_STATUS, ISSUER_REF, METADATA, Schema, TEXT, TEXTS, TIME, keyed, object, optional,
    required,
};

pub static REQUEST: Schema = object(&[
    optional("apiVersion", &TEXT),
    optional("kind", &TEXT),
    optional("metadata", &METADATA),
    optional("spec", &SPEC),
    optional("status", &STATUS),
]);

static SPEC: Schema = object(&[
    optional("duration", &TEXT),
    optional("extra", &EXTRA),
    optional("groups", &TEXTS),
    optional("isCA", &BOOLEAN),
    required("issuerRef", &ISSUER_REF),
    required("request", &BYTES),
    optional("uid", &TEXT),
    optional("usages", &USAGES),
    optional("username", &TEXT),
]);
static EXTRA: Schema = Schema::Map(&TEXTS);

static STATUS: Schema = object(&[
    optional("ca", &BYTES),
    optional("certificate", &BYTES),
    optional("conditions", &CONDITIONS),
    optional("failureTime", &TIME),
]);
static CONDITIONS: Schema = keyed(&CONDITION, "type");

/// A condition without `observedGeneration`.
static CONDITION: Schema = object(&[
    optional("lastTransitionTime", &TIME),
    optional("message", &TEXT),
    optional("reason", &TEXT),
    required("status", &CONDITION_STATUS),
    required("type", &TEXT),
]);
