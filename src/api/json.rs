//! Objects from JSON text, the one way in which they are read.
//!
//! Each further kind of reader is the code of all our types and Kubernetes' once more, 1 MB of it: what comes as a value
//! or as YAML becomes text first.

use serde::de::DeserializeOwned;
use serde_json::{Error, Value};

/// Reads one object.
pub fn read<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    serde_json::from_str(json)
}

/// Reads an object from a value. The place in an error is that in the value's text.
pub fn of_value<T: DeserializeOwned>(value: &Value) -> Result<T, Error> {
    read(&value.to_string())
}

/// What an error says, without the place.
pub fn words(error: &Error) -> String {
    let words = error.to_string();
    words.rsplit_once(" at line ").map_or(words.as_str(), |(what, _)| what).to_owned()
}
