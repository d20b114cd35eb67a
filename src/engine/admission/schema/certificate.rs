//! `certificates.cert-manager.io`.

use super::{
    ANY_TEXT, BOOLEAN, CONDITION, INT32, INTEGER, ISSUER_REF, METADATA, Pattern, SECRET_KEY_REF, Schema, TEXT,
    TEXT_MAP, TEXTS, TIME, Text, keyed, list, object, one_of, optional, pattern, required,
};

pub static CERTIFICATE: Schema = object(&[
    optional("apiVersion", &TEXT),
    optional("kind", &TEXT),
    optional("metadata", &METADATA),
    optional("spec", &SPEC),
    optional("status", &STATUS),
]);

static SPEC: Schema = object(&[
    optional("additionalOutputFormats", &OUTPUT_FORMATS),
    optional("commonName", &TEXT),
    optional("dnsNames", &TEXTS),
    optional("duration", &TEXT),
    optional("emailAddresses", &TEXTS),
    optional("encodeUsagesInRequest", &BOOLEAN),
    optional("ipAddresses", &TEXTS),
    optional("isCA", &BOOLEAN),
    required("issuerRef", &ISSUER_REF),
    optional("keystores", &KEYSTORES),
    optional("literalSubject", &TEXT),
    optional("nameConstraints", &NAME_CONSTRAINTS),
    optional("otherNames", &OTHER_NAMES),
    optional("privateKey", &PRIVATE_KEY),
    optional("renewBefore", &TEXT),
    optional("renewBeforePercentage", &INT32),
    optional("renewal", &RENEWAL),
    optional("revisionHistoryLimit", &INT32),
    required("secretName", &TEXT),
    optional("secretTemplate", &SECRET_TEMPLATE),
    optional("signatureAlgorithm", &SIGNATURE_ALGORITHM),
    optional("subject", &SUBJECT),
    optional("uris", &TEXTS),
    optional("usages", &USAGES),
]);

static OUTPUT_FORMATS: Schema = list(&OUTPUT_FORMAT);
static OUTPUT_FORMAT: Schema = object(&[required("type", &OUTPUT_FORMAT_TYPE)]);
static OUTPUT_FORMAT_TYPE: Schema = one_of(&["DER", "CombinedPEM"]);

static KEYSTORES: Schema = object(&[optional("jks", &JKS), optional("pkcs12", &PKCS12)]);
static JKS: Schema = object(&[
    optional("alias", &TEXT),
    required("create", &BOOLEAN),
    optional("password", &TEXT),
    optional("passwordSecretRef", &SECRET_KEY_REF),
]);
static PKCS12: Schema = object(&[
    required("create", &BOOLEAN),
    optional("password", &TEXT),
    optional("passwordSecretRef", &SECRET_KEY_REF),
    optional("profile", &PKCS12_PROFILE),
]);
static PKCS12_PROFILE: Schema = one_of(&["LegacyRC2", "LegacyDES", "Modern2023", "Modern2026"]);

static NAME_CONSTRAINTS: Schema = object(&[
    optional("critical", &BOOLEAN),
    optional("excluded", &NAME_CONSTRAINT_ITEM),
    optional("permitted", &NAME_CONSTRAINT_ITEM),
]);
static NAME_CONSTRAINT_ITEM: Schema = object(&[
    optional("dnsDomains", &TEXTS),
    optional("emailAddresses", &TEXTS),
    optional("ipRanges", &TEXTS),
    optional("uriDomains", &TEXTS),
]);

static OTHER_NAMES: Schema = list(&OTHER_NAME);
static OTHER_NAME: Schema = object(&[optional("oid", &TEXT), optional("utf8Value", &TEXT)]);

static PRIVATE_KEY: Schema = object(&[
    optional("algorithm", &KEY_ALGORITHM),
    optional("encoding", &KEY_ENCODING),
    optional("rotationPolicy", &ROTATION_POLICY),
    optional("size", &INTEGER),
]);
static KEY_ALGORITHM: Schema = one_of(&["RSA", "ECDSA", "Ed25519"]);
static KEY_ENCODING: Schema = one_of(&["PKCS1", "PKCS8"]);
static ROTATION_POLICY: Schema = one_of(&["Never", "Always"]);

static RENEWAL: Schema = object(&[optional("policy", &RENEWAL_POLICY), optional("windows", &RENEWAL_WINDOWS)]);
static RENEWAL_POLICY: Schema = one_of(&["RenewBefore", "Disabled"]);
static RENEWAL_WINDOWS: Schema = list(&RENEWAL_WINDOW);
static RENEWAL_WINDOW: Schema = object(&[
    required("cron", &SOME_TEXT),
    optional("timezone", &SOME_TEXT),
    required("windowDuration", &WINDOW_DURATION),
]);
static SOME_TEXT: Schema = Schema::Text(Text { min: 1, ..ANY_TEXT });
static WINDOW_DURATION: Schema = Schema::Text(Text { pattern: Some(&SIMPLE_DURATION), ..ANY_TEXT });
static SIMPLE_DURATION: Pattern = pattern!(r"^([0-9]+(\.[0-9]+)?(s|m|h))+$");

static SECRET_TEMPLATE: Schema = object(&[optional("annotations", &TEXT_MAP), optional("labels", &TEXT_MAP)]);

static SIGNATURE_ALGORITHM: Schema = one_of(&[
    "SHA256WithRSA",
    "SHA384WithRSA",
    "SHA512WithRSA",
    "ECDSAWithSHA256",
    "ECDSAWithSHA384",
    "ECDSAWithSHA512",
    "PureEd25519",
]);

static SUBJECT: Schema = object(&[
    optional("countries", &TEXTS),
    optional("localities", &TEXTS),
    optional("organizationalUnits", &TEXTS),
    optional("organizations", &TEXTS),
    optional("postalCodes", &TEXTS),
    optional("provinces", &TEXTS),
    optional("serialNumber", &TEXT),
    optional("streetAddresses", &TEXTS),
]);

pub(super) static USAGES: Schema = list(&USAGE);
static USAGE: Schema = one_of(&[
    "signing",
    "digital signature",
    "content commitment",
    "key encipherment",
    "key agreement",
    "data encipherment",
    "cert sign",
    "crl sign",
    "encipher only",
    "decipher only",
    "any",
    "server auth",
    "client auth",
    "code signing",
    "email protection",
    "s/mime",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "timestamping",
    "ocsp signing",
    "microsoft sgc",
    "netscape sgc",
]);

static STATUS: Schema = object(&[
    optional("acme", &ACME_STATUS),
    optional("conditions", &CONDITIONS),
    optional("failedIssuanceAttempts", &INTEGER),
    optional("lastFailureTime", &TIME),
    optional("nextPrivateKeySecretName", &TEXT),
    optional("notAfter", &TIME),
    optional("notBefore", &TIME),
    optional("renewalTime", &TIME),
    optional("revision", &INTEGER),
]);
static CONDITIONS: Schema = keyed(&CONDITION, "type");
static ACME_STATUS: Schema = object(&[optional("ari", &ARI)]);
static ARI: Schema = object(&[
    optional("explanationURL", &TEXT),
    optional("lastChecked", &TIME),
    optional("lastError", &TEXT),
    optional("nextCheck", &TIME),
    optional("suggestedWindow", &ARI_WINDOW),
]);
static ARI_WINDOW: Schema = object(&[required("end", &TIME), required("start", &TIME)]);
