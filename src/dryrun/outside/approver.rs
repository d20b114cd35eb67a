//! An approver by the rules of a world file, in place of cert-manager's own.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::api::{CertificateRequest, Condition, ConditionStatus, Object, RequestConditionType, RequestReason};
use crate::dryrun::world::{Approval, Decision, values};
use crate::engine::cluster::{Change, Cluster, Verb};
use crate::objref::{Kind, ObjRef};
use crate::x509::Request;

/// The decisions that are made and not yet told.
#[derive(Clone, Debug, Default)]
pub struct Approver {
    due: BTreeSet<(Timestamp, ObjRef, Verdict)>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Verdict {
    is_approved: bool,
    message: String,
}

impl Approver {
    /// Decides on new requests.
    pub fn see(&mut self, policy: &Approval, changes: &[Change], cluster: &Cluster, now: Timestamp) {
        let new = |change: &&Change| change.verb == Verb::Create && change.object.kind == Kind::CertificateRequest;
        for change in changes.iter().filter(new) {
            let Some(request) = cluster.find::<CertificateRequest>(&change.object) else { continue };
            let rule = policy.rules.iter().find(|rule| {
                let issuer = &request.spec.issuer_ref.name;
                let any = |patterns: &[String], text: &str| {
                    patterns.is_empty() || patterns.iter().any(|pattern| values::fits(pattern, text))
                };
                any(&rule.namespaces, request.namespace().unwrap_or_default())
                    && any(&rule.issuers, issuer)
                    && rule.names.as_ref().is_none_or(|names| names_of(request).iter().all(|name| names.has(name)))
            });
            let (decision, message, after) = match rule {
                Some(rule) => (rule.decision, rule.message.clone(), rule.after.0),
                None => (policy.otherwise, String::new(), jiff::SignedDuration::ZERO),
            };
            let is_approved = match decision {
                Decision::Approve => true,
                Decision::Deny => false,
                Decision::Wait => continue,
            };
            let at = now.saturating_add(after).unwrap_or(Timestamp::MAX);
            self.due.insert((at, change.object.clone(), Verdict { is_approved, message }));
        }
    }

    /// When the next decision is told.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, ..)| *at)
    }

    /// Tells the decisions that are due.
    pub fn act(&mut self, cluster: &mut Cluster, now: Timestamp) -> Vec<ObjRef> {
        let mut changed = Vec::new();
        while let Some((_, object, verdict)) = self.due.first().filter(|(at, ..)| *at <= now).cloned() {
            self.due.pop_first();
            let stamp = cluster.stamp();
            let (type_, message) = if verdict.is_approved {
                (RequestConditionType::Approved, "Approved by the policy of the world file")
            } else {
                (RequestConditionType::Denied, "Denied by the policy of the world file")
            };
            let message = if verdict.message.is_empty() { message.to_owned() } else { verdict.message };
            cluster.modify::<CertificateRequest>(&object, |request| {
                request.status.conditions.push(Condition {
                    type_,
                    status: ConditionStatus::True,
                    reason: Some(RequestReason::ApproverPolicy),
                    message,
                    last_transition_time: Some(stamp),
                    observed_generation: None,
                });
                true
            });
            changed.push(object);
        }
        changed
    }
}

/// The names that a request asks for.
fn names_of(request: &CertificateRequest) -> Vec<String> {
    let Some(csr) = request.csr_pem().and_then(|pem| Request::from_pem(&pem).ok()) else { return Vec::new() };
    let mut names = csr.alt_names.dns.clone();
    names.extend(csr.alt_names.ips.iter().map(ToString::to_string));
    names.extend(csr.alt_names.uris.iter().chain(&csr.alt_names.emails).cloned());
    let common = csr.subject.common_name();
    if !common.is_empty() && !names.iter().any(|name| name == common) {
        names.push(common.to_owned());
    }
    names
}
