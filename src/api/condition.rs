//! A condition of an object's status, whatever the kind.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Serialize};

use super::wire::{Wire, or_default};
use super::word::word;

word! {
    /// The three words of `status.conditions[].status`.
    pub enum ConditionStatus {
        True = "True",
        False = "False",
        /// The API's word `Unknown`.
        Undetermined = "Unknown",
    }
}

/// One entry of `status.conditions`: `T` are the words of its type, `R` those of its reason.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(
    rename_all = "camelCase",
    default,
    bound(deserialize = "T: Wire + Default + Deserialize<'de>, R: Wire + Default + Deserialize<'de>")
)]
pub struct Condition<T, R> {
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub type_: T,
    #[serde(deserialize_with = "or_default")]
    pub status: ConditionStatus,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "or_default")]
    pub reason: Option<R>,
    /// Verbatim; may come from a CA or an attacker.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub message: String,
    /// When `status` last changed; reason and message may be newer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
    /// The `metadata.generation` that was judged. Only on Certificate, Issuer and Gateway API objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

impl<T, R> Condition<T, R> {
    /// Whether its status is `True`.
    pub fn is_true(&self) -> bool {
        self.status == ConditionStatus::True
    }

    /// Whether its status is `False`.
    pub fn is_false(&self) -> bool {
        self.status == ConditionStatus::False
    }

    /// When `status` last changed.
    pub fn since(&self) -> Option<jiff::Timestamp> {
        self.last_transition_time.as_ref().map(|time| time.0)
    }
}

/// The entry of a type; the API server keeps types unique.
pub(super) fn find<'c, T: PartialEq, R>(conditions: &'c [Condition<T, R>], wanted: &T) -> Option<&'c Condition<T, R>> {
    conditions.iter().find(|condition| condition.type_ == *wanted)
}
