//! A wrapper for keys and tokens.
//!
//! What is inside can be used through [`Redacted::expose`], and never shows in a log line, a debug dump or an error.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};

/// A value that must not be printed: no `Display`, a blank `Debug`, no `Serialize`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    pub const fn new(secret: T) -> Self {
        Self(secret)
    }

    /// The value itself. Each call is a place to look at when reviewing what may leak.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Redacted<T> {
    fn from(secret: T) -> Self {
        Self(secret)
    }
}

impl From<Vec<u8>> for Redacted<Arc<[u8]>> {
    fn from(secret: Vec<u8>) -> Self {
        Self(secret.into())
    }
}

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Redacted<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debug_dump_shows_nothing_of_the_secret() {
        #[derive(Debug, Deserialize)]
        struct Login {
            #[expect(dead_code, reason = "read by Debug alone")]
            token: Redacted<Option<String>>,
        }
        let login: Login = serde_json::from_str(r#"{"token":"hunter2"}"#).unwrap();
        assert_eq!(format!("{login:?}"), "Login { token: [redacted] }");
    }

    #[test]
    fn the_secret_is_read_as_if_the_wrapper_were_not_there() {
        let secret: Redacted<String> = serde_json::from_str("\"hunter2\"").unwrap();
        assert_eq!(secret.expose(), "hunter2");
    }
}
