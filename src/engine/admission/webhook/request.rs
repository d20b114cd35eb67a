//! The rules for CertificateRequests (`internal/apis/certmanager/validation/certificaterequest.go`).

use jiff::Timestamp;

use super::issuer_ref;
use crate::api::{
    CertificateRequest, CertificateRequestCondition, CertificateRequestSpec, ConditionStatus, GoDuration, Object,
    RequestConditionType,
};
use crate::engine::field::{FieldError, Path};
use crate::pki::Template;
use crate::pki::template::TemplateFault;

/// The errors of a new request.
pub fn on_create(request: &CertificateRequest) -> Vec<FieldError> {
    let mut errors = spec(&request.spec);
    errors.extend(approval(&request.status.conditions));
    errors
}

/// The errors of a changed request.
pub fn on_update(old: &CertificateRequest, new: &CertificateRequest) -> Vec<FieldError> {
    let mut errors = annotations(old, new);
    errors.extend(annotations(new, old));
    errors.extend(changed_approval(&old.status.conditions, &new.status.conditions));
    if !is_same(&old.spec, &new.spec) {
        errors.push(FieldError::forbidden(Path::new("spec"), "cannot change spec after creation"));
    }
    errors
}

/// Go compares the durations, not how they are written.
fn is_same(old: &CertificateRequestSpec, new: &CertificateRequestSpec) -> bool {
    let plain = |spec: &CertificateRequestSpec| {
        let duration = spec.duration.as_ref().map(GoDuration::normalized);
        CertificateRequestSpec { duration, ..spec.clone() }
    };
    old == new || plain(old) == plain(new)
}

/// Annotations of cert-manager's that `b` has not, or with another value.
fn annotations(a: &CertificateRequest, b: &CertificateRequest) -> Vec<FieldError> {
    let at = Path::new("metadata").child("annotations");
    let all = a.metadata.annotations.iter().flatten();
    // The other group, acme.cert-manager.io, begins otherwise; what follows the group does not matter.
    let own = all.filter(|(key, _)| key.starts_with("cert-manager.io") || key.starts_with("acme.cert-manager.io"));
    let changed = own.filter(|(key, value)| b.annotation(key) != Some(value));
    let detail = "cannot change cert-manager annotation after creation";
    changed.map(|(key, _)| FieldError::forbidden(at.child(key.clone()), detail)).collect()
}

fn spec(spec: &CertificateRequestSpec) -> Vec<FieldError> {
    let at = Path::new("spec");
    let mut errors = issuer_ref(&spec.issuer_ref, &at);
    errors.extend(csr(spec, &at));
    errors
}

/// The request must be one, and ask for what the spec says: CA or not, and which usages, if it says any.
fn csr(spec: &CertificateRequestSpec, at: &Path) -> Option<FieldError> {
    let request = at.child("request");
    if spec.request.is_empty() {
        return Some(FieldError::required(request, "must be specified"));
    }
    // How long the certificate is to last is not judged.
    let spec = CertificateRequestSpec { duration: None, ..spec.clone() };
    let whole = CertificateRequest { spec, ..CertificateRequest::default() };
    let fault = Template::of(&whole, Timestamp::UNIX_EPOCH).err()?;
    if let TemplateFault::UnknownUsages(_) = fault {
        return Some(FieldError::invalid_json(at.child("usages"), &whole.spec.usages, fault.to_string()));
    }
    let bytes = whole.csr_pem().unwrap_or_default();
    let shown = if bytes.len() > SHOWN { [&bytes[..SHOWN - 3], b"..."].concat() } else { bytes };
    Some(FieldError::invalid(request, &String::from_utf8_lossy(&shown), fault.to_string()))
}

/// How much of a request is printed.
const SHOWN: usize = 100;

/// Approved and Denied may be there once each, True, and not together.
fn approval(conditions: &[CertificateRequestCondition]) -> Vec<FieldError> {
    let at = Path::new("status").child("conditions");
    let mut errors = Vec::new();
    let both = [RequestConditionType::Approved, RequestConditionType::Denied];
    let counts = both.map(|wanted| {
        let found: Vec<_> = conditions.iter().filter(|condition| condition.type_ == wanted).collect();
        match found.as_slice() {
            [] => {}
            [only] if only.status == ConditionStatus::True => {}
            [only] => {
                let detail = format!("\"{wanted}\" condition may only be set to True");
                errors.push(FieldError::invalid_json(at.child(wanted.as_str().to_owned()), &only.status, detail));
            }
            _ => errors.push(FieldError::forbidden(at.clone(), format!("multiple \"{wanted}\" conditions present"))),
        }
        found.len()
    });
    if counts.iter().all(|count| *count > 0) {
        errors.push(FieldError::forbidden(at, "both 'Denied' and 'Approved' conditions cannot coexist"));
    }
    errors
}

/// Approved and Denied stay as they are once they are there.
fn changed_approval(old: &[CertificateRequestCondition], new: &[CertificateRequestCondition]) -> Vec<FieldError> {
    let find = |conditions: &'_ [CertificateRequestCondition], wanted: &RequestConditionType| {
        conditions.iter().find(|condition| condition.type_ == *wanted).cloned()
    };
    let at = Path::new("status").child("conditions");
    let both = [RequestConditionType::Approved, RequestConditionType::Denied];
    let changed = both
        .into_iter()
        .filter(|wanted| find(old, wanted).is_some_and(|before| find(new, wanted).is_none_or(|after| after != before)));
    let detail = |wanted| format!("'{wanted}' condition may not be modified once set");
    let mut errors: Vec<_> = changed.map(|wanted| FieldError::forbidden(at.clone(), detail(wanted))).collect();
    errors.extend(approval(new));
    errors
}
