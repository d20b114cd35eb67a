//! The rules for Orders and Challenges (`internal/apis/acme/validation`): what may not change. A new one may be
//! anything.

use crate::api::order::OfferedChallenge;
use crate::api::{Authorization, Challenge, ChallengeSpec, GoDuration, Order, OrderStatus};
use crate::engine::field::{FieldError, Path};

/// The errors of a changed Challenge.
pub fn challenge(old: &Challenge, new: &Challenge) -> Option<FieldError> {
    let detail = "challenge spec is immutable after creation";
    (!is_same(&old.spec, &new.spec)).then(|| FieldError::forbidden(Path::new("spec"), detail))
}

/// Go compares the duration of a solver's wait, not how it is written.
fn is_same(old: &ChallengeSpec, new: &ChallengeSpec) -> bool {
    let plain = |spec: &ChallengeSpec| {
        let mut spec = spec.clone();
        let wait = &mut spec.solver.wait_instead_of_self_check;
        *wait = wait.as_ref().map(GoDuration::normalized);
        spec
    };
    old == new || plain(old) == plain(new)
}

/// The errors of a changed Order.
pub fn order(old: &Order, new: &Order) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let request = &old.spec.request;
    once(!request.is_empty(), *request != new.spec.request, Path::new("spec").child("request"), &mut errors);
    status(&old.status, &new.status, &Path::new("status"), &mut errors);
    errors
}

fn status(old: &OrderStatus, new: &OrderStatus, at: &Path, errors: &mut Vec<FieldError>) {
    text(&old.url, &new.url, at.child("url"), errors);
    text(&old.finalize_url, &new.finalize_url, at.child("finalizeURL"), errors);
    let certificate = &old.certificate;
    once(!certificate.is_empty(), *certificate != new.certificate, at.child("certificate"), errors);
    let at = at.child("authorizations");
    let (before, after) = (&old.authorizations, &new.authorizations);
    once(!before.is_empty(), before.len() != after.len(), at.clone(), errors);
    for (index, (old, new)) in before.iter().zip(after).enumerate() {
        authorization(old, new, &at.index(index), errors);
    }
}

fn authorization(old: &Authorization, new: &Authorization, at: &Path, errors: &mut Vec<FieldError>) {
    text(&old.url, &new.url, at.child("url"), errors);
    text(&old.identifier, &new.identifier, at.child("identifier"), errors);
    once(old.wildcard.is_some(), old.wildcard != new.wildcard, at.child("wildcard"), errors);
    once(old.initial_state.is_some(), old.initial_state != new.initial_state, at.child("initialState"), errors);
    let at = at.child("challenges");
    let (before, after) = (&old.challenges, &new.challenges);
    once(!before.is_empty(), before.len() != after.len(), at.clone(), errors);
    for (index, (old, new)) in before.iter().zip(after).enumerate() {
        offered(old, new, &at.index(index), errors);
    }
}

fn offered(old: &OfferedChallenge, new: &OfferedChallenge, at: &Path, errors: &mut Vec<FieldError>) {
    text(&old.url, &new.url, at.child("url"), errors);
    text(&old.type_, &new.type_, at.child("type"), errors);
    text(&old.token, &new.token, at.child("token"), errors);
}

fn text(old: &str, new: &str, at: Path, errors: &mut Vec<FieldError>) {
    once(!old.is_empty(), old != new, at, errors);
}

/// A field that was set once stays as it is.
fn once(was_set: bool, is_changed: bool, at: Path, errors: &mut Vec<FieldError>) {
    if was_set && is_changed {
        errors.push(FieldError::forbidden(at, "field is immutable once set"));
    }
}
