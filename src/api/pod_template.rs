//! The part of a Pod that an HTTP-01 solver may set, down to affinity and tolerations.
//!
//! These exist in `k8s_openapi` too, but written out in another field order than Go's.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::issuer_ref::LocalRef;
use super::solver::TemplateMeta;
use super::wire::{Wire, omit, wire};

wire! {
    /// `http01.*.podTemplate`.
    pub struct PodTemplate {
        pub metadata: TemplateMeta,
        pub spec: PodTemplateSpec,
    }

    /// `podTemplate.spec`.
    pub struct PodTemplateSpec {
        #[serde(skip_serializing_if = "omit")]
        pub node_selector: BTreeMap<String, String>,
        #[serde(skip_serializing_if = "omit")]
        pub affinity: Option<Affinity>,
        #[serde(skip_serializing_if = "omit")]
        pub tolerations: Vec<Toleration>,
        #[serde(skip_serializing_if = "omit")]
        pub priority_class_name: String,
        #[serde(skip_serializing_if = "omit")]
        pub service_account_name: String,
        #[serde(skip_serializing_if = "omit")]
        pub image_pull_secrets: Vec<LocalRef>,
        #[serde(skip_serializing_if = "omit")]
        pub security_context: Option<SecurityContext>,
        #[serde(skip_serializing_if = "omit")]
        pub resources: Option<Resources>,
    }

    /// core/v1 `Affinity`.
    pub struct Affinity {
        #[serde(skip_serializing_if = "omit")]
        pub node_affinity: Option<NodeAffinity>,
        #[serde(skip_serializing_if = "omit")]
        pub pod_affinity: Option<PodAffinity>,
        #[serde(skip_serializing_if = "omit")]
        pub pod_anti_affinity: Option<PodAffinity>,
    }

    /// core/v1 `NodeAffinity`.
    pub struct NodeAffinity {
        #[serde(skip_serializing_if = "omit")]
        pub required_during_scheduling_ignored_during_execution: Option<NodeSelector>,
        #[serde(skip_serializing_if = "omit")]
        pub preferred_during_scheduling_ignored_during_execution: Vec<PreferredNode>,
    }

    /// core/v1 `NodeSelector`.
    pub struct NodeSelector {
        pub node_selector_terms: Vec<NodeSelectorTerm>,
    }

    /// core/v1 `NodeSelectorTerm`.
    pub struct NodeSelectorTerm {
        #[serde(skip_serializing_if = "omit")]
        pub match_expressions: Vec<Requirement>,
        #[serde(skip_serializing_if = "omit")]
        pub match_fields: Vec<Requirement>,
    }

    /// A requirement on labels or fields.
    pub struct Requirement {
        pub key: String,
        pub operator: String,
        #[serde(skip_serializing_if = "omit")]
        pub values: Vec<String>,
    }

    /// core/v1 `PreferredSchedulingTerm`.
    pub struct PreferredNode {
        pub weight: i32,
        pub preference: NodeSelectorTerm,
    }

    /// core/v1 `PodAffinity` and `PodAntiAffinity`.
    pub struct PodAffinity {
        #[serde(skip_serializing_if = "omit")]
        pub required_during_scheduling_ignored_during_execution: Vec<PodAffinityTerm>,
        #[serde(skip_serializing_if = "omit")]
        pub preferred_during_scheduling_ignored_during_execution: Vec<PreferredPod>,
    }

    /// core/v1 `WeightedPodAffinityTerm`.
    pub struct PreferredPod {
        pub weight: i32,
        pub pod_affinity_term: PodAffinityTerm,
    }

    /// core/v1 `PodAffinityTerm`.
    pub struct PodAffinityTerm {
        #[serde(skip_serializing_if = "omit")]
        pub label_selector: Option<LabelSelector>,
        #[serde(skip_serializing_if = "omit")]
        pub namespaces: Vec<String>,
        pub topology_key: String,
        #[serde(skip_serializing_if = "omit")]
        pub namespace_selector: Option<LabelSelector>,
        #[serde(skip_serializing_if = "omit")]
        pub match_label_keys: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub mismatch_label_keys: Vec<String>,
    }

    /// meta/v1 `LabelSelector`.
    pub struct LabelSelector {
        #[serde(skip_serializing_if = "omit")]
        pub match_labels: BTreeMap<String, String>,
        #[serde(skip_serializing_if = "omit")]
        pub match_expressions: Vec<Requirement>,
    }

    /// core/v1 `Toleration`.
    pub struct Toleration {
        #[serde(skip_serializing_if = "omit")]
        pub key: String,
        #[serde(skip_serializing_if = "omit")]
        pub operator: String,
        #[serde(skip_serializing_if = "omit")]
        pub value: String,
        #[serde(skip_serializing_if = "omit")]
        pub effect: String,
        #[serde(skip_serializing_if = "omit")]
        pub toleration_seconds: Option<i64>,
    }

    /// `podTemplate.spec.securityContext`.
    pub struct SecurityContext {
        #[serde(skip_serializing_if = "omit")]
        pub se_linux_options: Option<SeLinuxOptions>,
        #[serde(skip_serializing_if = "omit")]
        pub run_as_user: Option<i64>,
        #[serde(skip_serializing_if = "omit")]
        pub run_as_group: Option<i64>,
        #[serde(skip_serializing_if = "omit")]
        pub run_as_non_root: Option<bool>,
        #[serde(skip_serializing_if = "omit")]
        pub supplemental_groups: Vec<i64>,
        #[serde(skip_serializing_if = "omit")]
        pub fs_group: Option<i64>,
        #[serde(skip_serializing_if = "omit")]
        pub sysctls: Vec<Sysctl>,
        #[serde(skip_serializing_if = "omit")]
        pub fs_group_change_policy: Option<String>,
        #[serde(skip_serializing_if = "omit")]
        pub seccomp_profile: Option<SeccompProfile>,
    }

    /// core/v1 `SELinuxOptions`.
    pub struct SeLinuxOptions {
        #[serde(skip_serializing_if = "omit")]
        pub user: String,
        #[serde(skip_serializing_if = "omit")]
        pub role: String,
        #[serde(rename = "type", skip_serializing_if = "omit")]
        pub type_: String,
        #[serde(skip_serializing_if = "omit")]
        pub level: String,
    }

    /// core/v1 `Sysctl`.
    pub struct Sysctl {
        pub name: String,
        pub value: String,
    }

    /// core/v1 `SeccompProfile`.
    pub struct SeccompProfile {
        #[serde(rename = "type")]
        pub type_: String,
        #[serde(skip_serializing_if = "omit")]
        pub localhost_profile: Option<String>,
    }

    /// `podTemplate.spec.resources`.
    pub struct Resources {
        #[serde(skip_serializing_if = "omit")]
        pub limits: BTreeMap<String, Quantity>,
        #[serde(skip_serializing_if = "omit")]
        pub requests: BTreeMap<String, Quantity>,
    }
}

/// A resource quantity as written (`100m`, `64Mi`), kept as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Quantity(pub String);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Whole(i64),
            Fraction(f64),
        }
        Ok(Self(match Written::deserialize(deserializer)? {
            Written::Text(text) => text,
            Written::Whole(number) => number.to_string(),
            Written::Fraction(number) => number.to_string(),
        }))
    }
}

impl Wire for Quantity {}
