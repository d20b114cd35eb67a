//! What is known of one case: the chain, where it stands, and everything around it.
//!
//! Rules read facts through this file. It answers with [`Withheld`] where a thing does not apply or could not be
//! looked at, so that no rule mistakes "not seen" for "not there". It never judges.

mod asked;
mod breaks;
mod controller;
mod release;
#[cfg(test)]
pub mod specimen;
mod spoken;
mod stored;
mod subject;

use std::cell::OnceCell;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Event;

pub use asked::{Asked, Unmade};
pub use controller::{Component, Installation, Workload};
pub use release::Release;

use crate::api::{Certificate, CertificateConditionType, IssuerRef, Object, Secret};
use crate::chain::{Chain, ChallengeNode, IssuerView, OrderNode, RequestNode, Stray, position};
use crate::engine::Stage;
use crate::engine::backoff::BackOff;
use crate::fact::{Fact, WhyNot};
use crate::inventory::{Inventory, last_seen};
use crate::objref::Kind;
use crate::probe::outcome::{Outcome, Probed};
use crate::probe::task::Task;
use crate::rule::{Gap, Withheld};
use crate::x509::Bundle;

/// One target, with the time it is judged at.
#[derive(Debug)]
pub struct Facts<'i> {
    /// Read once, at the start of the run.
    pub now: Timestamp,
    pub inventory: &'i Inventory,
    pub chain: Chain<'i>,
    pub stage: Stage,
    /// The controller's back-off after failures: its flags, else its defaults.
    pub back_off: BackOff,
    stored: stored::Stored,
    installation: Installation<'i>,
    asked: OnceCell<Option<Asked>>,
    /// The host that the subject is looked at for: of what it serves beside that, nothing is said.
    pub host: Option<String>,
    /// What the network said; `None` where it was not asked.
    probed: Option<&'i Probed>,
}

impl<'i> Facts<'i> {
    /// The facts about `chain` at `now`.
    pub fn new(inventory: &'i Inventory, chain: Chain<'i>, now: Timestamp) -> Self {
        let installation = Installation::of(inventory);
        let back_off = installation.back_off();
        let stage = position(&chain, now, &back_off);
        let (stored, asked) = (stored::Stored::default(), OnceCell::new());
        Self { now, inventory, chain, stage, back_off, stored, installation, asked, host: None, probed: None }
    }

    /// The same, looked at for the sake of one host.
    #[must_use]
    pub fn for_host(self, host: Option<&str>) -> Self {
        Self { host: host.map(str::to_owned), ..self }
    }

    /// The same, with what the network said.
    #[must_use]
    pub fn with(self, probed: &'i Probed) -> Self {
        Self { probed: Some(probed), ..self }
    }

    /// The Certificate at the root of the chain.
    pub fn certificate(&self) -> Result<&'i Certificate, Withheld> {
        known(&self.chain.certificate, Kind::Certificate).copied()
    }

    /// The reference that the issuance goes by.
    pub fn issuer_ref(&self) -> Result<&'i IssuerRef, Withheld> {
        self.chain.issuer_ref.ok_or(Withheld::NotApplicable)
    }

    /// The issuer, when it was seen.
    pub fn issuer(&self) -> Result<&IssuerView<'i>, Withheld> {
        let kind = match self.chain.issuer_ref {
            Some(reference) if reference.kind_or_default() == "ClusterIssuer" => Kind::ClusterIssuer,
            Some(_) | None => Kind::Issuer,
        };
        known(&self.chain.issuer, kind)
    }

    /// The request that the present issuance stands or falls with.
    pub fn request(&self) -> Result<&RequestNode<'i>, Withheld> {
        self.chain.in_flight().ok_or(Withheld::NotApplicable)
    }

    /// The newest Order of that request.
    pub fn order(&self) -> Result<&OrderNode<'i>, Withheld> {
        if let Some(Stray::Order(order)) = &self.chain.stray {
            return Ok(order);
        }
        self.request()?.order().ok_or(Withheld::NotApplicable)
    }

    /// The Challenges of that Order.
    pub fn challenges(&self) -> Result<&[ChallengeNode<'i>], Withheld> {
        if let Some(Stray::Challenge(challenge)) = &self.chain.stray {
            return Ok(std::slice::from_ref(challenge));
        }
        let challenges = &self.order()?.challenges;
        if challenges.is_empty() { Err(Withheld::NotApplicable) } else { Ok(challenges) }
    }

    /// The Secret that the certificate is stored in.
    pub fn secret(&self) -> Result<&'i Secret, Withheld> {
        known(&self.chain.secret, Kind::Secret).copied()
    }

    /// The certificates in that Secret's `tls.crt`, decoded once.
    pub fn stored(&self) -> Result<&Bundle, Withheld> {
        self.stored.in_secret(self.secret()?).ok_or(Withheld::NotApplicable)
    }

    /// The certificates that the request of the present revision was answered with, decoded once. The Secret may be
    /// hidden; what was stored last is there, too.
    pub fn answered(&self) -> Option<&Bundle> {
        self.stored.in_request(self.chain.current()?.request)
    }

    /// Whether cert-manager is at work on a new certificate (condition Issuing is True).
    pub fn is_issuing(&self) -> bool {
        self.chain.certificate.seen().is_some_and(|certificate| certificate.is(CertificateConditionType::Issuing))
    }

    /// Whether the last issuance failed, or the present one has failed already.
    pub fn has_failed(&self) -> bool {
        self.stage.is_failed()
    }

    /// How long ago `then` was; zero for times in the future.
    pub fn since(&self, then: Timestamp) -> SignedDuration {
        self.now.duration_since(then).max(SignedDuration::ZERO)
    }

    /// Whether `then` is at least `seconds` ago. An unknown time is long ago.
    pub fn is_older_than(&self, then: Option<Timestamp>, seconds: i64) -> bool {
        then.is_none_or(|then| self.since(then) >= SignedDuration::from_secs(seconds))
    }

    /// The events about an object, newest first.
    pub fn events_of<T: Object>(&self, object: &T) -> Vec<&'i Event> {
        self.inventory.events_of(object).rev().collect()
    }

    /// The newest event about an object with this reason.
    pub fn event<T: Object>(&self, object: &T, reason: &str) -> Option<&'i Event> {
        self.inventory.events_of(object).rev().find(|event| event.reason.as_deref() == Some(reason))
    }

    /// The newest event about an object with this reason that belongs to the present issuance: not older than
    /// `since`. Events outlive what they tell of by up to an hour.
    pub fn fresh_event<T: Object>(&self, object: &T, reason: &str, since: Option<Timestamp>) -> Option<&'i Event> {
        self.event(object, reason).filter(|event| last_seen(event) >= since)
    }

    /// When the present issuance began: the Issuing condition's last change, else the request's creation.
    pub fn issuance_began(&self) -> Option<Timestamp> {
        let certificate = self.chain.certificate.seen();
        certificate
            .filter(|certificate| certificate.is(CertificateConditionType::Issuing))
            .and_then(|certificate| certificate.condition(CertificateConditionType::Issuing))
            .and_then(|condition| condition.last_transition_time.as_ref().map(|time| time.0))
            .or_else(|| self.chain.in_flight().and_then(|node| node.request.created()))
    }

    /// The namespace that ClusterIssuers read Secrets from: the controller's flag, else the program's default; where no
    /// controller was seen, the chart's.
    pub fn cluster_resource_namespace(&self) -> String {
        let installation = self.installation();
        let Some(controller) = installation.of_component(Component::Controller).next() else {
            return "cert-manager".to_owned();
        };
        match controller.flag("cluster-resource-namespace") {
            // `$(POD_NAMESPACE)`
            Some(value) if value.starts_with('$') => controller.deployment.namespace().unwrap_or_default().to_owned(),
            Some(value) => value.to_owned(),
            None => "kube-system".to_owned(),
        }
    }

    /// Everything that the network was asked in this run.
    pub fn network_said(&self) -> Option<&'i Probed> {
        self.probed
    }

    /// What the network said to one question.
    pub fn probed(&self, task: &Task) -> Fact<&'i Outcome> {
        self.probed.map_or(Fact::NotLooked(WhyNot::NotAsked), |probed| probed.of(task))
    }

    /// cert-manager's own workloads, as far as the source shows them.
    pub fn installation(&self) -> &Installation<'i> {
        &self.installation
    }
}

/// The value, or why a rule that needs it stays silent.
pub fn known<T>(fact: &Fact<T>, kind: Kind) -> Result<&T, Withheld> {
    match fact {
        Fact::Seen(value) => Ok(value),
        Fact::Absent | Fact::NotLooked(WhyNot::NotReferenced | WhyNot::NotNeeded | WhyNot::NotAsked) => {
            Err(Withheld::NotApplicable)
        }
        Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(WhyNot::NotInSource) => {
            Err(Withheld::Undetermined(gap(fact, kind)))
        }
    }
}

/// The gap that an unseen thing leaves, and what would close it.
pub fn gap<T>(fact: &Fact<T>, kind: Kind) -> Gap {
    match fact {
        Fact::Hidden(denial) => {
            Gap { why: denial.to_string(), needs: format!("permission to {} {}", denial.verb, denial.resource) }
        }
        Fact::Failed(failure) => Gap::of(failure),
        Fact::Seen(_) | Fact::Absent | Fact::NotLooked(_) => Gap {
            why: format!("the {kind} is not among the objects looked at"),
            needs: format!("{} in the source", kind.resource()),
        },
    }
}
