//! How JSON is read and written, as Go's `encoding/json` would: `null` is absence, `omitempty` leaves out.
//!
//! Knows no kind of object.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::duration;
use crate::redact::Redacted;

/// Declares wire structs: camel case, every field optional on reading, `null` read as absence.
/// `#[serde(skip_serializing_if = "omit")]` on a field is Go's `omitempty`.
macro_rules! wire {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $ty:ty,)* })*) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Debug, Default, PartialEq, serde::Deserialize, serde::Serialize)]
            #[serde(rename_all = "camelCase", default)]
            pub struct $name {
                $($(#[$field_meta])* #[serde(deserialize_with = "crate::api::wire::or_default")] pub $field: $ty,)*
            }

            impl crate::api::wire::Wire for $name {}
        )*
    };
}
pub(super) use wire;

/// What may stand in a field.
pub trait Wire: Sized {
    /// Whether this value in an optional field means that the field is absent.
    fn is_nothing(&self) -> bool {
        false
    }

    /// Turns spellings of absence into absence.
    fn tidy(self) -> Self {
        self
    }
}

/// Reads a field whose value may be `null`.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Wire + Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default().tidy())
}

impl<T: Wire> Wire for Option<T> {
    fn tidy(self) -> Self {
        self.filter(|value| !value.is_nothing())
    }
}

impl<T> Wire for Vec<T> {}
impl<T> Wire for BTreeMap<String, T> {}
impl Wire for String {}
impl Wire for bool {}
impl Wire for i32 {}
impl Wire for i64 {}
impl Wire for Time {}
impl Wire for ObjectMeta {}
impl Wire for serde_json::Value {}
impl<T> Wire for Redacted<T> {}

/// Go's `omitempty`: false, zero, nil pointer, empty text, list or map. A struct is never empty.
pub(super) fn omit<T: Omit>(value: &T) -> bool {
    value.is_empty_in_go()
}

pub(super) trait Omit {
    fn is_empty_in_go(&self) -> bool;
}

impl<T> Omit for Option<T> {
    fn is_empty_in_go(&self) -> bool {
        self.is_none()
    }
}

impl<T> Omit for Vec<T> {
    fn is_empty_in_go(&self) -> bool {
        self.is_empty()
    }
}

impl<T> Omit for BTreeMap<String, T> {
    fn is_empty_in_go(&self) -> bool {
        self.is_empty()
    }
}

impl Omit for String {
    fn is_empty_in_go(&self) -> bool {
        self.is_empty()
    }
}

impl Omit for bool {
    fn is_empty_in_go(&self) -> bool {
        !*self
    }
}

impl Omit for i64 {
    fn is_empty_in_go(&self) -> bool {
        *self == 0
    }
}

/// A `[]byte` field: base64 text, kept as it came. Tools that save clusters put other words in its place. Clones share it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base64Text(pub Arc<str>);

impl<'de> Deserialize<'de> for Base64Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

impl Serialize for Base64Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Base64Text {
    /// The encoding of `bytes`.
    pub fn encode(bytes: &[u8]) -> Self {
        Self(STANDARD.encode(bytes).into())
    }

    /// The bytes, unless the text is no base64.
    pub fn decode(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.0.as_bytes()).ok()
    }

    /// Whether the field is absent or empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Wire for Base64Text {}

impl Omit for Base64Text {
    fn is_empty_in_go(&self) -> bool {
        self.0.is_empty()
    }
}

/// A duration as Go writes it (`2160h0m0s`), kept as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct GoDuration(pub String);

impl Wire for GoDuration {}

impl GoDuration {
    /// The duration, if it is one.
    pub fn parse(&self) -> Option<SignedDuration> {
        duration::parse_go(&self.0).ok()
    }

    /// The same duration as Go prints it; a text that is no duration stays as it is.
    #[must_use]
    pub fn normalized(&self) -> Self {
        self.parse().map_or_else(|| self.clone(), |duration| Self(duration::format_go(duration)))
    }
}

impl std::fmt::Display for GoDuration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
