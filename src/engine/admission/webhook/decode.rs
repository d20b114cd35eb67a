//! How the webhook reads an object: what the schema lets through may still not fit Go's types.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::meta::go_type;
use crate::api::json;
use crate::duration::parse_go;

/// The fields of users that hold bytes: where they are, and what Go calls the place.
const BYTES: [(&str, &str); 4] = [
    ("/spec/acme/caBundle", "ACMEIssuer.spec.IssuerConfig.acme.caBundle"),
    ("/spec/vault/caBundle", "VaultIssuer.spec.IssuerConfig.vault.caBundle"),
    ("/spec/venafi/tpp/caBundle", "VenafiTPP.spec.IssuerConfig.venafi.tpp.caBundle"),
    ("/spec/request", "Spec.spec.request"),
];

/// The object, or in Go's words why it is none. `kind` is its word.
pub fn read<T: DeserializeOwned>(kind: &str, value: &Value) -> Result<T, String> {
    durations(value)?;
    let mut value = value.clone();
    bytes(kind, &mut value)?;
    json::of_value(&value).map_err(|error| json::words(&error))
}

/// Go reads a duration when it meets it, in the order of the text, which the API server sorts.
fn durations(value: &Value) -> Result<(), String> {
    const NAMES: [&str; 4] = ["duration", "renewBefore", "waitInsteadOfSelfCheck", "windowDuration"];
    match value {
        Value::Object(members) => members.iter().try_for_each(|(name, member)| match member {
            Value::String(text) if NAMES.contains(&name.as_str()) => {
                parse_go(text).map(drop).map_err(|error| error.to_string())
            }
            // A solver's webhook configuration is anybody's.
            Value::Object(_) if name == "config" => Ok(()),
            Value::Object(_) | Value::Array(_) => durations(member),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }),
        Value::Array(items) => items.iter().try_for_each(durations),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// Bytes may also be given as a list of numbers, which the schema lets pass.
fn bytes(kind: &str, value: &mut Value) -> Result<(), String> {
    for (place, name) in BYTES {
        let Some(bytes) = value.pointer_mut(place) else { continue };
        let Value::Array(items) = bytes else { continue };
        let byte = |item: &Value| item.as_u64().and_then(|number| u8::try_from(number).ok());
        let Some(read) = items.iter().map(byte).collect::<Option<Vec<u8>>>() else {
            let wrong = items.iter().find(|item| byte(item).is_none()).map_or("null", go_type);
            // The struct of a request is called for its kind.
            let prefix = if name.starts_with("Spec.") { kind } else { "" };
            return Err(format!("json: cannot unmarshal {wrong} into Go struct field {prefix}{name} of type uint8"));
        };
        *bytes = STANDARD.encode(read).into();
    }
    Ok(())
}
