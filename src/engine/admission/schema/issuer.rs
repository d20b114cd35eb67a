//! `issuers.cert-manager.io` and `clusterissuers.cert-manager.io`, whose schemas are the same.

use super::solver::SOLVER;
use super::{
    ANY_TEXT, BOOLEAN, BYTES, CONDITION, LOCAL_REF, METADATA, Object, Rule, SECRET_KEY_REF, SERVICE_ACCOUNT_REF,
    Schema, TEXT, TEXTS, Text, keyed, list, object, one_of, optional, required,
};

pub static ISSUER: Schema = object(&[
    optional("apiVersion", &TEXT),
    optional("kind", &TEXT),
    optional("metadata", &METADATA),
    required("spec", &SPEC),
    optional("status", &STATUS),
]);

static SPEC: Schema = object(&[
    optional("acme", &ACME),
    optional("ca", &CA),
    optional("selfSigned", &SELF_SIGNED),
    optional("vault", &VAULT),
    optional("venafi", &VENAFI),
]);

static ACME: Schema = object(&[
    optional("caBundle", &BYTES),
    optional("disableAccountKeyGeneration", &BOOLEAN),
    optional("email", &TEXT),
    optional("enableDurationFeature", &BOOLEAN),
    optional("externalAccountBinding", &EXTERNAL_ACCOUNT_BINDING),
    optional("preferredChain", &PREFERRED_CHAIN),
    required("privateKeySecretRef", &SECRET_KEY_REF),
    optional("profile", &TEXT),
    required("server", &TEXT),
    optional("skipTLSVerify", &BOOLEAN),
    optional("solvers", &SOLVERS),
]);
static EXTERNAL_ACCOUNT_BINDING: Schema = object(&[
    optional("keyAlgorithm", &MAC_ALGORITHM),
    required("keyID", &TEXT),
    required("keySecretRef", &SECRET_KEY_REF),
]);
static MAC_ALGORITHM: Schema = one_of(&["HS256", "HS384", "HS512"]);
static PREFERRED_CHAIN: Schema = Schema::Text(Text { max: Some(64), ..ANY_TEXT });
static SOLVERS: Schema = list(&SOLVER);

static CA: Schema = object(&[
    optional("crlDistributionPoints", &TEXTS),
    optional("issuingCertificateURLs", &TEXTS),
    optional("ocspServers", &TEXTS),
    required("secretName", &TEXT),
]);

static SELF_SIGNED: Schema = object(&[optional("crlDistributionPoints", &TEXTS)]);

static VAULT: Schema = object(&[
    required("auth", &VAULT_AUTH),
    optional("caBundle", &BYTES),
    optional("caBundleSecretRef", &SECRET_KEY_REF),
    optional("clientCertSecretRef", &SECRET_KEY_REF),
    optional("clientKeySecretRef", &SECRET_KEY_REF),
    optional("namespace", &TEXT),
    required("path", &TEXT),
    required("server", &TEXT),
    optional("serverName", &TEXT),
]);
static VAULT_AUTH: Schema = object(&[
    optional("appRole", &VAULT_APP_ROLE),
    optional("aws", &VAULT_AWS),
    optional("clientCertificate", &VAULT_CLIENT_CERTIFICATE),
    optional("kubernetes", &VAULT_KUBERNETES),
    optional("tokenSecretRef", &SECRET_KEY_REF),
]);
static VAULT_APP_ROLE: Schema =
    object(&[required("path", &TEXT), required("roleId", &TEXT), required("secretRef", &SECRET_KEY_REF)]);
static VAULT_AWS: Schema = object(&[
    optional("iamRoleArn", &TEXT),
    optional("mountPath", &TEXT),
    optional("region", &TEXT),
    required("role", &SOME_TEXT),
    optional("serviceAccountRef", &SERVICE_ACCOUNT_REF),
    optional("vaultHeaderValue", &TEXT),
]);
static SOME_TEXT: Schema = Schema::Text(Text { min: 1, ..ANY_TEXT });
static VAULT_CLIENT_CERTIFICATE: Schema =
    object(&[optional("mountPath", &TEXT), optional("name", &TEXT), optional("secretName", &TEXT)]);
static VAULT_KUBERNETES: Schema = object(&[
    optional("mountPath", &TEXT),
    required("role", &TEXT),
    optional("secretRef", &SECRET_KEY_REF),
    optional("serviceAccountRef", &SERVICE_ACCOUNT_REF),
]);

static VENAFI: Schema = Schema::Object(Object {
    fields: &[
        optional("cloud", &VENAFI_CLOUD),
        optional("ngts", &VENAFI_NGTS),
        optional("tpp", &VENAFI_TPP),
        required("zone", &TEXT),
    ],
    rule: Some(&Rule {
        one_of: &["tpp", "cloud", "ngts"],
        message: "exactly one of tpp, cloud, or ngts must be configured",
    }),
});
static VENAFI_CLOUD: Schema = object(&[required("apiTokenSecretRef", &SECRET_KEY_REF), optional("url", &TEXT)]);
static VENAFI_NGTS: Schema = object(&[
    required("credentialsRef", &LOCAL_REF),
    optional("tokenEndpoint", &TEXT),
    required("tsgID", &TEXT),
    optional("url", &TEXT),
]);
static VENAFI_TPP: Schema = object(&[
    optional("caBundle", &BYTES),
    optional("caBundleSecretRef", &SECRET_KEY_REF),
    required("credentialsRef", &LOCAL_REF),
    required("url", &TEXT),
]);

static STATUS: Schema = object(&[optional("acme", &ACME_STATUS), optional("conditions", &CONDITIONS)]);
static ACME_STATUS: Schema =
    object(&[optional("lastPrivateKeyHash", &TEXT), optional("lastRegisteredEmail", &TEXT), optional("uri", &TEXT)]);
static CONDITIONS: Schema = keyed(&CONDITION, "type");
