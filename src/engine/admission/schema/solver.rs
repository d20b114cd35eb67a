//! An ACME solver, in an issuer and in a Challenge.

use super::pod::{POD_TEMPLATE, TEMPLATE_META};
use super::{
    ANY_TEXT, Integer, Pattern, SECRET_KEY_REF, SERVICE_ACCOUNT_REF, Schema, TEXT, TEXT_MAP, TEXTS, Text, list, object,
    one_of, optional, pattern, required,
};

pub static SOLVER: Schema = object(&[
    optional("dns01", &DNS01),
    optional("http01", &HTTP01),
    optional("selector", &SELECTOR),
    optional("waitInsteadOfSelfCheck", &TEXT),
]);

static SELECTOR: Schema =
    object(&[optional("dnsNames", &TEXTS), optional("dnsZones", &TEXTS), optional("matchLabels", &TEXT_MAP)]);

static HTTP01: Schema = object(&[optional("gatewayHTTPRoute", &GATEWAY_HTTP_ROUTE), optional("ingress", &INGRESS)]);

static INGRESS: Schema = object(&[
    optional("class", &TEXT),
    optional("ingressClassName", &TEXT),
    optional("ingressTemplate", &INGRESS_TEMPLATE),
    optional("name", &TEXT),
    optional("podTemplate", &POD_TEMPLATE),
    optional("serviceType", &TEXT),
]);
static INGRESS_TEMPLATE: Schema = object(&[optional("metadata", &TEMPLATE_META)]);

static GATEWAY_HTTP_ROUTE: Schema = object(&[
    optional("labels", &TEXT_MAP),
    optional("parentRefs", &PARENT_REFS),
    optional("podTemplate", &POD_TEMPLATE),
    optional("serviceType", &TEXT),
]);
static PARENT_REFS: Schema = list(&PARENT_REF);
static PARENT_REF: Schema = object(&[
    optional("group", &PARENT_GROUP),
    optional("kind", &PARENT_KIND),
    required("name", &PARENT_NAME),
    optional("namespace", &PARENT_NAMESPACE),
    optional("port", &PORT),
    optional("sectionName", &SECTION_NAME),
]);
static PARENT_GROUP: Schema = Schema::Text(Text {
    pattern: Some(&GROUP),
    max: Some(253),
    default: Some("gateway.networking.k8s.io"),
    ..ANY_TEXT
});
static PARENT_KIND: Schema =
    Schema::Text(Text { pattern: Some(&KIND), min: 1, max: Some(63), default: Some("Gateway"), ..ANY_TEXT });
static PARENT_NAME: Schema = Schema::Text(Text { min: 1, max: Some(253), ..ANY_TEXT });
static PARENT_NAMESPACE: Schema = Schema::Text(Text { pattern: Some(&LABEL), min: 1, max: Some(63), ..ANY_TEXT });
static PORT: Schema = Schema::Integer(Integer { format: Some("int32"), range: Some((1, 65535)) });
static SECTION_NAME: Schema = Schema::Text(Text { pattern: Some(&SUBDOMAIN), min: 1, max: Some(253), ..ANY_TEXT });
static GROUP: Pattern = pattern!(r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$");
static KIND: Pattern = pattern!(r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$");
static LABEL: Pattern = pattern!(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$");
static SUBDOMAIN: Pattern = pattern!(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$");

static DNS01: Schema = object(&[
    optional("acmeDNS", &ACME_DNS),
    optional("akamai", &AKAMAI),
    optional("azureDNS", &AZURE_DNS),
    optional("cloudDNS", &CLOUD_DNS),
    optional("cloudflare", &CLOUDFLARE),
    optional("cnameStrategy", &CNAME_STRATEGY),
    optional("digitalocean", &DIGITALOCEAN),
    optional("rfc2136", &RFC2136),
    optional("route53", &ROUTE53),
    optional("webhook", &WEBHOOK),
]);
static CNAME_STRATEGY: Schema = one_of(&["None", "Follow"]);
static ACME_DNS: Schema = object(&[required("accountSecretRef", &SECRET_KEY_REF), required("host", &TEXT)]);
static AKAMAI: Schema = object(&[
    required("accessTokenSecretRef", &SECRET_KEY_REF),
    required("clientSecretSecretRef", &SECRET_KEY_REF),
    required("clientTokenSecretRef", &SECRET_KEY_REF),
    required("serviceConsumerDomain", &TEXT),
]);
static AZURE_DNS: Schema = object(&[
    optional("clientID", &TEXT),
    optional("clientSecretSecretRef", &SECRET_KEY_REF),
    optional("environment", &AZURE_ENVIRONMENT),
    optional("hostedZoneName", &TEXT),
    optional("managedIdentity", &AZURE_MANAGED_IDENTITY),
    required("resourceGroupName", &TEXT),
    required("subscriptionID", &TEXT),
    optional("tenantID", &TEXT),
    optional("zoneType", &AZURE_ZONE_TYPE),
]);
static AZURE_ENVIRONMENT: Schema =
    one_of(&["AzurePublicCloud", "AzureChinaCloud", "AzureGermanCloud", "AzureUSGovernmentCloud"]);
static AZURE_MANAGED_IDENTITY: Schema =
    object(&[optional("clientID", &TEXT), optional("resourceID", &TEXT), optional("tenantID", &TEXT)]);
static AZURE_ZONE_TYPE: Schema = one_of(&["AzurePublicZone", "AzurePrivateZone"]);
static CLOUD_DNS: Schema = object(&[
    optional("hostedZoneName", &TEXT),
    required("project", &TEXT),
    optional("serviceAccountSecretRef", &SECRET_KEY_REF),
]);
static CLOUDFLARE: Schema = object(&[
    optional("apiKeySecretRef", &SECRET_KEY_REF),
    optional("apiTokenSecretRef", &SECRET_KEY_REF),
    optional("email", &TEXT),
]);
static DIGITALOCEAN: Schema = object(&[required("tokenSecretRef", &SECRET_KEY_REF)]);
static RFC2136: Schema = object(&[
    required("nameserver", &TEXT),
    optional("protocol", &RFC2136_PROTOCOL),
    optional("tsigAlgorithm", &TEXT),
    optional("tsigKeyName", &TEXT),
    optional("tsigSecretSecretRef", &SECRET_KEY_REF),
]);
static RFC2136_PROTOCOL: Schema = one_of(&["TCP", "UDP"]);
static ROUTE53: Schema = object(&[
    optional("accessKeyID", &TEXT),
    optional("accessKeyIDSecretRef", &SECRET_KEY_REF),
    optional("auth", &ROUTE53_AUTH),
    optional("hostedZoneID", &TEXT),
    optional("region", &TEXT),
    optional("role", &TEXT),
    optional("secretAccessKeySecretRef", &SECRET_KEY_REF),
]);
static ROUTE53_AUTH: Schema = object(&[required("kubernetes", &ROUTE53_KUBERNETES)]);
static ROUTE53_KUBERNETES: Schema = object(&[required("serviceAccountRef", &SERVICE_ACCOUNT_REF)]);
static WEBHOOK: Schema =
    object(&[optional("config", &Schema::Anything), required("groupName", &TEXT), required("solverName", &TEXT)]);
