//! How cert-manager was started, in the words of its own flags.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{self, Deserializer};

use super::values::ObjectName;
use crate::engine::flags::{Flag, Flags};

/// `controller` of a world file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Controller {
    pub version: Option<Version>,
    /// Where it runs. ClusterIssuers read their Secrets there, unless a flag says otherwise.
    pub namespace: Option<ObjectName>,
    pub flags: Vec<Given>,
}

impl Controller {
    /// The flags as the engine takes them.
    pub fn flags(&self) -> Flags {
        let mut flags = Flags::default();
        if let Some(namespace) = &self.namespace {
            flags.cluster_resource_namespace.clone_from(&namespace.0);
        }
        flags.with(self.flags.iter().map(|given| &given.0))
    }
}

/// A release of cert-manager that the engine plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub String);

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_prefix('v').unwrap_or(text);
        if number == "1.21" || number.starts_with("1.21.") {
            return Ok(Self(number.to_owned()));
        }
        Err(format!("cert-manager {number} is not played: only the releases of 1.21 are"))
    }
}

/// One flag of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Given(pub Flag);

impl FromStr for Given {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer, "a flag of cert-manager's controller")
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer, "a version of cert-manager")
    }
}

fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(
    deserializer: D,
    what: &str,
) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|why| de::Error::custom(format_args!("{text:?} is not {what}: {why}")))
}
