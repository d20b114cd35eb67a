//! The template of a solver's Pod, down to affinity and tolerations.

use super::{
    ANY_TEXT, BOOLEAN, INT32, INT64, Pattern, Schema, TEXT, TEXT_MAP, TEXTS, Text, keyed, list, object, optional,
    pattern, required,
};

pub static POD_TEMPLATE: Schema = object(&[optional("metadata", &TEMPLATE_META), optional("spec", &POD_SPEC)]);

pub static TEMPLATE_META: Schema = object(&[optional("annotations", &TEXT_MAP), optional("labels", &TEXT_MAP)]);

static POD_SPEC: Schema = object(&[
    optional("affinity", &AFFINITY),
    optional("imagePullSecrets", &IMAGE_PULL_SECRETS),
    optional("nodeSelector", &TEXT_MAP),
    optional("priorityClassName", &TEXT),
    optional("resources", &RESOURCES),
    optional("securityContext", &SECURITY_CONTEXT),
    optional("serviceAccountName", &TEXT),
    optional("tolerations", &TOLERATIONS),
]);

static AFFINITY: Schema = object(&[
    optional("nodeAffinity", &NODE_AFFINITY),
    optional("podAffinity", &POD_AFFINITY),
    optional("podAntiAffinity", &POD_AFFINITY),
]);
static NODE_AFFINITY: Schema = object(&[
    optional("preferredDuringSchedulingIgnoredDuringExecution", &PREFERRED_NODES),
    optional("requiredDuringSchedulingIgnoredDuringExecution", &NODE_SELECTOR),
]);
static PREFERRED_NODES: Schema = list(&PREFERRED_NODE);
static PREFERRED_NODE: Schema = object(&[required("preference", &NODE_SELECTOR_TERM), required("weight", &INT32)]);
static NODE_SELECTOR: Schema = object(&[required("nodeSelectorTerms", &NODE_SELECTOR_TERMS)]);
static NODE_SELECTOR_TERMS: Schema = list(&NODE_SELECTOR_TERM);
static NODE_SELECTOR_TERM: Schema =
    object(&[optional("matchExpressions", &REQUIREMENTS), optional("matchFields", &REQUIREMENTS)]);
static REQUIREMENTS: Schema = list(&REQUIREMENT);
static REQUIREMENT: Schema = object(&[required("key", &TEXT), required("operator", &TEXT), optional("values", &TEXTS)]);
static POD_AFFINITY: Schema = object(&[
    optional("preferredDuringSchedulingIgnoredDuringExecution", &PREFERRED_PODS),
    optional("requiredDuringSchedulingIgnoredDuringExecution", &POD_AFFINITY_TERMS),
]);
static PREFERRED_PODS: Schema = list(&PREFERRED_POD);
static PREFERRED_POD: Schema = object(&[required("podAffinityTerm", &POD_AFFINITY_TERM), required("weight", &INT32)]);
static POD_AFFINITY_TERMS: Schema = list(&POD_AFFINITY_TERM);
static POD_AFFINITY_TERM: Schema = object(&[
    optional("labelSelector", &LABEL_SELECTOR),
    optional("matchLabelKeys", &TEXTS),
    optional("mismatchLabelKeys", &TEXTS),
    optional("namespaceSelector", &LABEL_SELECTOR),
    optional("namespaces", &TEXTS),
    required("topologyKey", &TEXT),
]);
static LABEL_SELECTOR: Schema =
    object(&[optional("matchExpressions", &REQUIREMENTS), optional("matchLabels", &TEXT_MAP)]);

static IMAGE_PULL_SECRETS: Schema = keyed(&IMAGE_PULL_SECRET, "name");
static IMAGE_PULL_SECRET: Schema = object(&[optional("name", &EMPTY_BY_DEFAULT)]);
static EMPTY_BY_DEFAULT: Schema = Schema::Text(Text { default: Some(""), ..ANY_TEXT });

static RESOURCES: Schema = object(&[optional("limits", &QUANTITIES), optional("requests", &QUANTITIES)]);
static QUANTITIES: Schema = Schema::Map(&QUANTITY);
static QUANTITY: Schema = Schema::Quantity(&QUANTITY_TEXT);
static QUANTITY_TEXT: Pattern = pattern!(
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
);

static SECURITY_CONTEXT: Schema = object(&[
    optional("fsGroup", &INT64),
    optional("fsGroupChangePolicy", &TEXT),
    optional("runAsGroup", &INT64),
    optional("runAsNonRoot", &BOOLEAN),
    optional("runAsUser", &INT64),
    optional("seLinuxOptions", &SE_LINUX_OPTIONS),
    optional("seccompProfile", &SECCOMP_PROFILE),
    optional("supplementalGroups", &INT64S),
    optional("sysctls", &SYSCTLS),
]);
static SE_LINUX_OPTIONS: Schema =
    object(&[optional("level", &TEXT), optional("role", &TEXT), optional("type", &TEXT), optional("user", &TEXT)]);
static SECCOMP_PROFILE: Schema = object(&[optional("localhostProfile", &TEXT), required("type", &TEXT)]);
static INT64S: Schema = list(&INT64);
static SYSCTLS: Schema = list(&SYSCTL);
static SYSCTL: Schema = object(&[required("name", &TEXT), required("value", &TEXT)]);

static TOLERATIONS: Schema = list(&TOLERATION);
static TOLERATION: Schema = object(&[
    optional("effect", &TEXT),
    optional("key", &TEXT),
    optional("operator", &TEXT),
    optional("tolerationSeconds", &INT64),
    optional("value", &TEXT),
]);
