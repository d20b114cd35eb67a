//! Puts times that are out of range back into it, so that the object around them can be read.
//!
//! Works on any kind, as the types of core objects and of metadata are not ours to make lenient. Only for an object
//! that could not be read as it is: the rest pays nothing for it.

use serde_json::Value;

use crate::horizon;

/// Maps of a user's own words: what looks like a time there is no time to the API.
const VERBATIM: [&str; 4] = ["annotations", "labels", "data", "stringData"];

/// Changes every time that is out of range to the nearest in it. Returns how many there were.
pub(super) fn bring_into_range(value: &mut Value) -> usize {
    match value {
        Value::String(text) => match horizon::nearest(text) {
            Some(nearest) => {
                *text = nearest.to_string();
                1
            }
            None => 0,
        },
        Value::Array(items) => items.iter_mut().map(bring_into_range).sum(),
        Value::Object(fields) => fields
            .iter_mut()
            .filter(|(key, _)| !VERBATIM.contains(&key.as_str()))
            .map(|(_, field)| bring_into_range(field))
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_changed_wherever_they_stand_and_a_users_words_are_not() {
        let late = "9999-12-31T23:59:59Z";
        let mut object = json!({
            "metadata": {"name": late.to_lowercase().trim_end_matches('z'), "annotations": {"until": late}},
            "spec": {"windows": [{"end": late}]},
            "status": {"notAfter": late, "notBefore": "2026-01-01T00:00:00Z", "message": format!("until {late}")},
        });
        let mut expected = object.clone();
        expected["spec"]["windows"][0]["end"] = json!("9999-12-30T22:00:00Z");
        expected["status"]["notAfter"] = json!("9999-12-30T22:00:00Z");
        assert_eq!(bring_into_range(&mut object), 2);
        assert_eq!(object, expected);
        assert_eq!(bring_into_range(&mut object), 0);
    }
}
