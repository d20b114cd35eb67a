//! Who made a CertificateRequest: written down when it is made, and fixed from then on
//! (`internal/webhook/admission/certificaterequest/identity`).

use serde_json::{Map, Value, json};

use super::super::{Refusal, Requester};
use crate::api::{CertificateRequest, CertificateRequestSpec};
use crate::engine::field::{FieldError, Path};

/// Writes the requester into a new request, whatever it says already.
pub fn mutate(object: &mut Value, by: &Requester) -> Result<(), Refusal> {
    let members = object.as_object_mut();
    let spec = members.map(|members| members.entry("spec").or_insert_with(|| Value::Object(Map::new())));
    let Some(spec) = spec.and_then(Value::as_object_mut) else {
        let why = "value cannot be set because .spec is not a map[string]interface{}".to_owned();
        return Err(Refusal::Unintelligible { why });
    };
    spec.insert("uid".into(), json!(by.uid));
    spec.insert("username".into(), json!(by.username));
    spec.insert("groups".into(), json!(by.groups));
    spec.remove("extra");
    if !by.extra.is_empty() {
        spec.insert("extra".into(), json!(by.extra));
    }
    Ok(())
}

/// The errors of a new request whose requester is another than it says.
pub fn on_create(request: &CertificateRequest, by: &Requester) -> Vec<FieldError> {
    let spec = &request.spec;
    let has_other_extra = spec.extra.len() != by.extra.len()
        || spec.extra.iter().any(|(key, values)| by.extra.get(key).is_none_or(|other| !is_same_set(values, other)));
    let differs = [
        ("uid", spec.uid != by.uid),
        ("username", spec.username != by.username),
        ("groups", !is_same_set(&spec.groups, &by.groups)),
        ("extra", has_other_extra),
    ];
    forbidden(differs, "must be that of the requester")
}

/// The errors of a changed request.
pub fn on_update(old: &CertificateRequestSpec, new: &CertificateRequestSpec) -> Vec<FieldError> {
    let differs = [
        ("uid", old.uid != new.uid),
        ("username", old.username != new.username),
        ("groups", !is_same_set(&old.groups, &new.groups)),
        ("extra", old.extra != new.extra),
    ];
    forbidden(differs, "cannot be changed once set")
}

fn forbidden(differs: [(&'static str, bool); 4], detail: &str) -> Vec<FieldError> {
    let at = Path::new("spec");
    let wrong = differs.into_iter().filter(|(_, differs)| *differs);
    wrong.map(|(member, _)| FieldError::forbidden(at.child(member), format!("{member} identity {detail}"))).collect()
}

/// The same texts as often, in any order.
fn is_same_set(a: &[String], b: &[String]) -> bool {
    let sorted = |texts: &[String]| {
        let mut sorted = texts.to_vec();
        sorted.sort();
        sorted
    };
    sorted(a) == sorted(b)
}
