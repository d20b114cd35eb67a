//! What happens next to a chain, and when.
//!
//! Joins cert-manager's back-off, the renewal time and the expiry. Whether it will help is not known here: that hangs
//! on what is wrong, which the report knows.

use jiff::Timestamp;

use super::{Chain, OrderNode, Stray};
use crate::api::{AcmeState, Challenge, Object};
use crate::duration::format_brief;
use crate::engine::Stage;
use crate::engine::backoff::{BackOff, next_attempt};
use crate::fact::{Fact, WhyNot};
use crate::horizon;

/// What happens next, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// `None` if it may happen at any moment, or never.
    pub at: Option<Timestamp>,
    /// Who does what then.
    pub what: String,
}

/// The next step of an issuance and who takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `None` if it may happen at any moment, or never.
    pub at: Option<Timestamp>,
    /// Who does what then.
    pub what: String,
    pub kind: StepKind,
}

/// What kind of step it is, for whoever asks whether it can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// The next issuance, of a certificate that is good.
    Renewal(Timestamp),
    /// A new issuance, after a failure or because it is due.
    Attempt(Attempt),
    /// Something that is tried over and over.
    Repeat,
    /// Something that happens once somebody does their part.
    Wait,
    /// Nothing follows.
    End,
}

/// A new issuance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub at: Timestamp,
    /// How many have failed in a row before it.
    pub failures: i64,
}

impl Step {
    fn new(kind: StepKind, what: impl Into<String>) -> Self {
        Self { at: None, what: what.into(), kind }
    }

    fn repeat(what: &str) -> Self {
        Self::new(StepKind::Repeat, what)
    }

    fn wait(what: &str) -> Self {
        Self::new(StepKind::Wait, what)
    }

    /// An issuer that is not ready, as every issuer controller goes about it (`DefaultItemBasedRateLimiter` in
    /// `pkg/controller/util.go`).
    pub fn of_unready_issuer() -> Self {
        Self::repeat(
            "cert-manager sets the issuer up again when its spec or a Secret of it changes, and after failures that \
             may pass, with pauses of up to 5 minutes",
        )
    }

    /// The step by itself, where nobody knows whether it helps.
    pub fn alone(self, expiry: Option<Timestamp>, now: Timestamp) -> Next {
        let then = match self.kind {
            StepKind::Renewal(at) | StepKind::Attempt(Attempt { at, .. }) => Some(at),
            StepKind::Repeat | StepKind::Wait | StepKind::End => None,
        };
        let late = then.map_or_else(String::new, |then| comes_late(then, expiry, now));
        Next { at: self.at, what: format!("{}{late}", self.what) }
    }
}

/// Words for a certificate that ends before `then`, and has not ended yet.
pub fn comes_late(then: Timestamp, expiry: Option<Timestamp>, now: Timestamp) -> String {
    let before = expiry.filter(|expiry| now < *expiry && *expiry < then);
    before.map_or_else(String::new, |expiry| format!("; the certificate in use expires before that, at {expiry}"))
}

/// What follows on `stage`.
pub fn next(chain: &Chain, stage: &Stage, now: Timestamp, back_off: &BackOff) -> Step {
    match stage {
        Stage::Settled { renewal: Some(renewal) } if horizon::is_never(*renewal) => {
            Step::new(StepKind::End, "nothing: the renewal is never due")
        }
        Stage::Settled { renewal: Some(renewal) } => {
            Step { at: Some(*renewal), ..Step::new(StepKind::Renewal(*renewal), "cert-manager starts the renewal") }
        }
        Stage::Settled { renewal: None } => Step::new(StepKind::End, "nothing: cert-manager plans no renewal"),
        Stage::Trigger => Step::new(
            attempt(chain, stage, now, back_off).map_or(StepKind::Wait, StepKind::Attempt),
            "cert-manager's trigger controller starts an issuance",
        ),
        Stage::BackOff { until } => Step {
            at: Some(*until),
            ..Step::new(
                StepKind::Attempt(Attempt { at: *until, failures: failures(chain).max(1) }),
                format!("cert-manager tries again{}", failed_words(chain)),
            )
        },
        Stage::Key => Step::wait("the key manager stores the next private key"),
        Stage::Request => Step::wait("the request manager creates the CertificateRequest"),
        Stage::Approval => Step::wait("an approver approves or denies the CertificateRequest"),
        Stage::Issuer => Step::wait("the issuer takes the request up, and signs or refuses it"),
        Stage::Order => Step::repeat("cert-manager opens the order at the CA"),
        Stage::Authorizations => Step::wait("cert-manager creates the Challenges of the order"),
        Stage::ChallengeQueued
        | Stage::ChallengeScheduled
        | Stage::ChallengePresented
        | Stage::ChallengeSelfCheck
        | Stage::ChallengeAccepted
            if is_being_deleted(chain) =>
        {
            Step::repeat("cert-manager repeats the clean-up of the deleted Challenge, with pauses of up to 30 minutes")
        }
        Stage::ChallengeQueued => Step::wait("the scheduler starts the Challenge when a slot is free"),
        Stage::ChallengeScheduled => Step::repeat("cert-manager presents the Challenge and retries with back-off"),
        Stage::ChallengePresented => Step::wait("cert-manager runs the self check"),
        Stage::ChallengeSelfCheck => Step::repeat("cert-manager repeats the self check every 10s"),
        Stage::ChallengeAccepted => Step::wait("the CA validates the Challenge"),
        Stage::Finalize => Step::wait("the CA signs and cert-manager downloads the certificate"),
        Stage::Issued => Step::repeat("cert-manager stores the certificate in the Secret"),
        Stage::Stored => Step::wait("cert-manager updates the Certificate's status"),
        Stage::ChallengeFailed if order_stays_open(chain) => Step::new(
            StepKind::End,
            "cert-manager takes over what the CA says of the order, and while the CA keeps that open nothing more happens",
        ),
        Stage::Denied | Stage::RequestFailed | Stage::OrderFailed | Stage::ChallengeFailed => {
            failed(chain, stage, now, back_off)
        }
    }
}

/// The next issuance and the failures before it, where one comes by cert-manager's own reckoning: at `now` if it may
/// come at any moment.
pub fn attempt(chain: &Chain, stage: &Stage, now: Timestamp, back_off: &BackOff) -> Option<Attempt> {
    chain.certificate.seen()?;
    let failures = failures(chain);
    match stage {
        Stage::Trigger => Some(Attempt { at: now, failures }),
        Stage::BackOff { until } => Some(Attempt { at: *until, failures: failures.max(1) }),
        // The failure is not counted yet.
        Stage::Denied | Stage::RequestFailed | Stage::OrderFailed | Stage::ChallengeFailed => {
            let failures = failures.saturating_add(1);
            Some(Attempt { at: next_attempt(failed_at(chain).unwrap_or(now), Some(failures), back_off), failures })
        }
        Stage::Settled { .. }
        | Stage::Key
        | Stage::Request
        | Stage::Approval
        | Stage::Issuer
        | Stage::Order
        | Stage::Authorizations
        | Stage::ChallengeQueued
        | Stage::ChallengeScheduled
        | Stage::ChallengePresented
        | Stage::ChallengeSelfCheck
        | Stage::ChallengeAccepted
        | Stage::Finalize
        | Stage::Issued
        | Stage::Stored => None,
    }
}

fn failures(chain: &Chain) -> i64 {
    let certificate = chain.certificate.seen();
    certificate.and_then(|certificate| certificate.status.failed_issuance_attempts).unwrap_or(0).max(0)
}

fn failed_words(chain: &Chain) -> String {
    match failures(chain) {
        0 => String::new(),
        1 => " (1 attempt has failed)".to_owned(),
        attempts => format!(" ({attempts} attempts have failed)"),
    }
}

/// When the Order or the request failed, by its own word.
fn failed_at(chain: &Chain) -> Option<Timestamp> {
    let order = order(chain).and_then(|node| node.order.status.failure_time.as_ref());
    let request = || chain.in_flight().and_then(|node| node.request.status.failure_time.as_ref());
    order.or_else(request).map(|time| time.0)
}

/// An issuance that has failed: the Certificate is tried again; without one nobody does.
fn failed(chain: &Chain, stage: &Stage, now: Timestamp, back_off: &BackOff) -> Step {
    if let Some(attempt) = attempt(chain, stage, now, back_off) {
        let wait = format_brief(back_off.delay(Some(attempt.failures)));
        return Step::new(
            StepKind::Attempt(attempt),
            format!("cert-manager marks the issuance as failed and tries again {wait} later"),
        );
    }
    match (&chain.stray, &chain.certificate) {
        (Some(_), _) => {
            Step::new(StepKind::End, format!("nothing more happens to it: a failed {} is final", chain.subject.kind))
        }
        (None, Fact::Absent | Fact::NotLooked(WhyNot::NotReferenced)) => Step::new(
            StepKind::End,
            "nothing: a failed CertificateRequest is final, and whoever made it has to make a new one",
        ),
        (None, Fact::Seen(_) | Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_)) => {
            Step::wait("cert-manager marks the issuance as failed and backs off")
        }
    }
}

/// Whether a Challenge has failed for another reason than the CA's verdict, while the Order goes on: cert-manager then
/// asks the CA once how the order is, and the CA may know of no failure (`pkg/controller/acmeorders/sync.go`).
pub fn order_stays_open(chain: &Chain) -> bool {
    let Some(node) = order(chain) else { return false };
    let is_refused = |state: &AcmeState| *state == AcmeState::Invalid;
    let open = !node.order.status.state.as_ref().is_some_and(AcmeState::is_failure);
    let refused = node.challenges.iter().any(|node| node.challenge.status.state.as_ref().is_some_and(is_refused));
    open && !refused
}

/// Whether a Challenge that is not over is deleted: then its clean-up is all that cert-manager does about it
/// (`pkg/controller/acmechallenges/sync.go`).
fn is_being_deleted(chain: &Chain) -> bool {
    let challenges = match &chain.stray {
        Some(Stray::Challenge(challenge)) => std::slice::from_ref(challenge),
        Some(Stray::Order(_)) | None => order(chain).map_or(&[][..], |node| &node.challenges),
    };
    let is_over = |challenge: &Challenge| challenge.status.state.as_ref().is_some_and(AcmeState::is_final);
    challenges.iter().map(|node| node.challenge).any(|it| it.deleting_since().is_some() && !is_over(it))
}

fn order<'c, 'i>(chain: &'c Chain<'i>) -> Option<&'c OrderNode<'i>> {
    match &chain.stray {
        Some(Stray::Order(order)) => Some(order),
        Some(Stray::Challenge(_)) | None => chain.in_flight()?.order(),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::api::Certificate;
    use crate::inventory::Inventory;
    use crate::objref::{Kind, ObjRef};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// What is said of `stage` at 11:00 for a certificate with so many failures that ends at `expiry`.
    fn said(stage: &Stage, attempts: Option<i64>, expiry: Option<&str>) -> Next {
        let mut certificate = Certificate::default();
        certificate.status.failed_issuance_attempts = attempts;
        certificate.status.not_after = expiry.map(|time| Time(at(time)));
        let inventory = Inventory::default();
        let subject = ObjRef::new(Kind::Certificate, Some("shop"), "web");
        let chain = Chain { certificate: Fact::Seen(&certificate), ..Chain::of(&inventory, &subject) };
        let now = at("2026-03-01T11:00:00Z");
        next(&chain, stage, now, &BackOff::default()).alone(chain.expiry(), now)
    }

    #[test]
    fn a_back_off_tells_its_failures_and_an_expiry_that_comes_first() {
        let stage = Stage::BackOff { until: at("2026-03-01T12:00:00Z") };
        for (attempts, expiry, expected) in [
            (None, None, "cert-manager tries again"),
            (Some(1), None, "cert-manager tries again (1 attempt has failed)"),
            (Some(3), Some("2026-03-01T12:00:00Z"), "cert-manager tries again (3 attempts have failed)"),
            (
                Some(1),
                Some("2026-03-01T11:59:59Z"),
                "cert-manager tries again (1 attempt has failed); the certificate in use expires before that, at 2026-03-01T11:59:59Z",
            ),
            (None, Some("2026-03-01T10:59:59Z"), "cert-manager tries again"),
        ] {
            assert_eq!(said(&stage, attempts, expiry).what, expected);
        }
    }

    #[test]
    fn a_renewal_that_comes_too_late_is_told() {
        let stage = Stage::Settled { renewal: Some(at("2026-03-02T00:00:00Z")) };
        let late = said(&stage, None, Some("2026-03-01T23:00:00Z"));
        assert_eq!(late.at, Some(at("2026-03-02T00:00:00Z")));
        assert!(late.what.ends_with("expires before that, at 2026-03-01T23:00:00Z"), "{}", late.what);
        assert_eq!(said(&stage, None, Some("2026-03-03T00:00:00Z")).what, "cert-manager starts the renewal");
    }

    #[test]
    fn a_failure_that_is_not_counted_yet_lengthens_the_wait() {
        for (attempts, wait) in [(None, "1h"), (Some(1), "2h"), (Some(9), "32h")] {
            let words = said(&Stage::RequestFailed, attempts, None).what;
            assert_eq!(words, format!("cert-manager marks the issuance as failed and tries again {wait} later"));
        }
    }
}
