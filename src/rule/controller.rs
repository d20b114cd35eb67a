//! cert-manager itself: controller, webhook and cainjector that do not run, as their Deployments, Pods and Leases show.
//!
//! A chain is told of it only where it stands still in a way that nothing but their absence explains. A good
//! certificate does not need them until its renewal.

pub(super) mod call;
pub(super) mod clock;
pub(super) mod down;
pub(super) mod managed;
pub(super) mod release;
mod trouble;
pub(super) mod twice;
pub(super) mod webhook;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;

use crate::api::{CertificateConditionType, Condition, Object, RequestConditionType};
use crate::chain::IssuerView;
use crate::engine::Stage;
use crate::engine::backoff::next_attempt;
use crate::fact::{Fact, WhyNot};
use crate::facts::{Component, Facts, Unmade, Workload};
use crate::objref::Kind;

/// How long a chain must stand before anybody's absence is a reason: a busy controller takes seconds.
const STANDSTILL_SECONDS: i64 = 120;

/// How long a new Deployment may take to start.
const START_SECONDS: i64 = 60;

/// The workload that was asked about, if it is of this component.
fn asked<'i>(facts: &Facts<'i>, component: Component) -> Option<Workload<'i>> {
    let installation = facts.installation();
    let subject = &facts.chain.subject;
    let workload = installation.of_component(component).find(|workload| workload.deployment.is_at(subject));
    workload.cloned()
}

/// Since when the target stands still although the next step is the controller's own, if for long enough.
fn standstill(facts: &Facts) -> Option<Timestamp> {
    let request_is_untouched =
        || facts.chain.in_flight().is_some_and(|node| node.request.condition(RequestConditionType::Ready).is_none());
    let is_ours = match facts.stage {
        Stage::Trigger => facts.chain.certificate.seen().is_some(),
        Stage::Key | Stage::Request | Stage::Order | Stage::Issued | Stage::Stored => true,
        Stage::Approval | Stage::Issuer => request_is_untouched(),
        Stage::Settled { .. }
        | Stage::BackOff { .. }
        | Stage::Authorizations
        | Stage::ChallengeQueued
        | Stage::ChallengeScheduled
        | Stage::ChallengePresented
        | Stage::ChallengeSelfCheck
        | Stage::ChallengeAccepted
        | Stage::Finalize
        | Stage::Denied
        | Stage::RequestFailed
        | Stage::OrderFailed
        | Stage::ChallengeFailed => false,
    };
    let since = match facts.unmade() {
        Some(Unmade::Since(since)) => Some(since),
        Some(Unmade::Soon) => None,
        None if is_ours => last_move(facts),
        None => issuer_without_status(facts),
    }?;
    facts.is_older_than(Some(since), STANDSTILL_SECONDS).then_some(since)
}

/// When the target is an issuer that nobody looked at: its creation.
fn issuer_without_status(facts: &Facts) -> Option<Timestamp> {
    let is_subject = matches!(facts.chain.subject.kind, Kind::Issuer | Kind::ClusterIssuer);
    match facts.chain.issuer.seen().filter(|_| is_subject)? {
        IssuerView::Builtin { metadata, status, .. } if status.ready().is_none() => {
            metadata.creation_timestamp.as_ref().map(|time| time.0)
        }
        IssuerView::Builtin { .. } | IssuerView::External(_) => None,
    }
}

/// The last time that anything happened to the chain, or was due to.
fn last_move(facts: &Facts) -> Option<Timestamp> {
    let chain = &facts.chain;
    let mut times: Vec<Timestamp> = Vec::new();
    if let Some(certificate) = chain.certificate.seen() {
        let status = &certificate.status;
        times.extend(certificate.created());
        times.extend(status.conditions.iter().filter_map(Condition::since));
        let is_issuing = certificate.is(CertificateConditionType::Issuing);
        times.extend(status.renewal_time.as_ref().map(|time| time.0).filter(|time| *time <= facts.now && !is_issuing));
        let failed = status.last_failure_time.as_ref().map(|time| time.0);
        let retry = failed.map(|failed| next_attempt(failed, status.failed_issuance_attempts, &facts.back_off));
        times.extend(retry.filter(|time| *time <= facts.now));
    }
    for node in &chain.requests {
        times.extend(node.request.created());
        times.extend(node.request.status.conditions.iter().filter_map(Condition::since));
        times.extend(node.orders.iter().filter_map(|order| order.order.created()));
    }
    times.into_iter().max()
}

/// The time that saved objects stand for: nothing in a folder can be fresher than its freshest object, whatever the
/// clock says now.
fn as_of(facts: &Facts, lease: &Lease) -> Timestamp {
    let looked: Fact<()> = facts.inventory.missing(Kind::Lease, lease.namespace(), Some(lease.name()));
    match (looked, facts.inventory.newest_time()) {
        (Fact::NotLooked(WhyNot::NotInSource), Some(newest)) => newest.min(facts.now),
        (Fact::Seen(()) | Fact::Absent | Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_), _) => facts.now,
    }
}

/// When the leader last renewed its Lease: by the API server's clock where `managedFields` tell, else by the leader's own.
fn renewed(lease: &Lease) -> Option<Timestamp> {
    arrived(lease).or_else(|| dated(lease))
}

/// The last renewal by the leader's own clock.
fn dated(lease: &Lease) -> Option<Timestamp> {
    lease.spec.as_ref()?.renew_time.as_ref().map(|time| time.0)
}

/// When the API server took the last renewal, by its own clock: it moves the time of a manager's entry whenever that
/// manager changes a value.
fn arrived(lease: &Lease) -> Option<Timestamp> {
    let entries = lease.metadata.managed_fields.iter().flatten();
    let renewals = entries.filter(|entry| {
        entry.fields_v1.as_ref().is_some_and(|fields| fields.0.pointer("/f:spec/f:renewTime").is_some())
    });
    renewals.filter_map(|entry| entry.time.as_ref().map(|time| time.0)).max()
}

#[cfg(test)]
mod specimen {
    /// A Deployment of a component in namespace cert-manager with so many Pods available.
    pub fn deployment(component: &str, wanted: i32, available: i32) -> String {
        let name =
            if component == "controller" { "cert-manager".to_owned() } else { format!("cert-manager-{component}") };
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: cert-manager, \
             creationTimestamp: '2026-11-20T00:00:00Z'}}\nspec:\n  replicas: {wanted}\n  selector: \
             {{matchLabels: {{app: {name}}}}}\n  \
             template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n      - {{name: c, \
             image: 'quay.io/jetstack/cert-manager-{component}:v1.21.0'}}\nstatus: {{replicas: {wanted}, \
             availableReplicas: {available}}}\n"
        )
    }

    /// A Pod of that Deployment with a container status.
    pub fn pod(component: &str, container: &str) -> String {
        let name =
            if component == "controller" { "cert-manager".to_owned() } else { format!("cert-manager-{component}") };
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}-7d4b, namespace: cert-manager, labels: {{app: \
             {name}}}}}\n\
             spec: {{containers: []}}\nstatus:\n  phase: Running\n  containerStatuses:\n  - {{name: c, image: x, \
             imageID: x, ready: false, \
             restartCount: 9, {container}}}\n"
        )
    }

    /// A leader election Lease.
    pub fn lease(name: &str, namespace: &str, renewed: &str) -> String {
        format!(
            "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
             spec: {{holderIdentity: pod-external-cert-manager-controller, leaseDurationSeconds: 60, renewTime: \
             '{renewed}'}}\n"
        )
    }
}
