//! Healthy chains to break one thing in: what the tests of rules start from.
//!
//! The objects were made by the real controllers; `tests/specimens/` holds them.

use jiff::Timestamp;

use crate::api::{Certificate, CertificateRequest, Challenge, ClusterIssuer, Order, Secret};
use crate::chain::Chain;
use crate::facts::Facts;
use crate::inventory::{Inventory, Objects};
use crate::objref::{Kind, ObjRef};
use crate::report::TargetReport;
use crate::source::decode;

/// Objects that a test may change before they are judged.
#[derive(Clone, Debug)]
pub struct Specimen {
    pub objects: Objects,
    pub now: Timestamp,
    pub subject: ObjRef,
}

impl Specimen {
    /// Certificate shop/web, issued through ACME and stored; judged ten minutes later.
    pub fn healthy() -> Self {
        Self::read(include_str!("../../tests/specimens/healthy.yaml"), "2026-11-22T06:40:00Z")
    }

    /// Certificate shop/web, first issuance, two HTTP-01 challenges presented, self check not passed; judged 20
    /// seconds after it began, while that is no fault yet.
    pub fn http01() -> Self {
        Self::read(include_str!("../../tests/specimens/http01.yaml"), "2026-11-22T06:30:12Z")
    }

    /// Certificate shop/web, first issuance, DNS-01 through rfc2136 by Issuer; presented, TXT not seen everywhere;
    /// judged 20 seconds after it began, while that is no fault yet.
    pub fn dns01() -> Self {
        Self::read(include_str!("../../tests/specimens/dns01.yaml"), "2026-11-22T06:38:56Z")
    }

    /// Certificate shop/web, whose first issuance the CA refused at validation (wrong body); backing off.
    pub fn rejected() -> Self {
        Self::read(include_str!("../../tests/specimens/rejected.yaml"), "2026-11-22T06:31:00Z")
    }

    /// Reads any saved objects and takes Certificate shop/web as the subject.
    pub fn read(yaml: &str, now: &str) -> Self {
        let mut objects = Objects::default();
        let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(yaml).expect("the specimen is YAML");
        for document in documents {
            let unreadable = decode::take(&mut objects, &document.to_string()).unreadable;
            assert_eq!(unreadable, [], "the specimen fits its types");
        }
        let subject = ObjRef::new(Kind::Certificate, Some("shop"), "web");
        Self { objects, now: now.parse().expect("an RFC 3339 time"), subject }
    }

    /// The same objects, judged so much later.
    #[must_use]
    pub fn later(mut self, minutes: i64) -> Self {
        self.now += jiff::SignedDuration::from_mins(minutes);
        self
    }

    /// The same objects, judged for another target.
    #[must_use]
    pub fn about(mut self, kind: Kind, namespace: Option<&str>, name: &str) -> Self {
        self.subject = ObjRef::new(kind, namespace, name);
        self
    }

    /// Changes one thing.
    #[must_use]
    pub fn broken(mut self, change: impl FnOnce(&mut Objects)) -> Self {
        change(&mut self.objects);
        self
    }

    /// Adds objects from YAML.
    #[must_use]
    pub fn with(self, yaml: &str) -> Self {
        let more = Self::read(yaml, "2026-11-22T06:37:00Z").objects;
        self.broken(|objects| objects.absorb(more))
    }

    /// The whole judgement, as `diagnose` makes it.
    pub fn judge(&self) -> TargetReport {
        let inventory = Inventory::new(self.objects.clone());
        let facts = Facts::new(&inventory, Chain::of(&inventory, &self.subject), self.now);
        TargetReport::judge(&facts)
    }

    /// The ids of all findings, folded ones included, in order.
    pub fn ids(&self) -> Vec<&'static str> {
        let report = self.judge();
        report.findings.iter().chain(&report.folded).map(|finding| finding.rule.id).collect()
    }

    /// The id of the first finding that is shown: the root cause.
    pub fn root(&self) -> Option<&'static str> {
        self.judge().findings.first().map(|finding| finding.rule.id)
    }
}

/// The one object of its kind that the specimen is about.
impl Objects {
    pub fn certificate(&mut self) -> &mut Certificate {
        &mut self.certificates[0]
    }

    pub fn request(&mut self) -> &mut CertificateRequest {
        &mut self.requests[0]
    }

    pub fn order(&mut self) -> &mut Order {
        &mut self.orders[0]
    }

    pub fn challenge(&mut self) -> &mut Challenge {
        &mut self.challenges[0]
    }

    /// As if no Challenge had ever been presented.
    pub fn unpresent(&mut self) {
        for challenge in &mut self.challenges {
            challenge.status.presented = false;
            challenge.status.presented_at = None;
        }
        self.events.retain(|event| event.reason.as_deref() != Some("Presented"));
    }

    pub fn cluster_issuer(&mut self) -> &mut ClusterIssuer {
        &mut self.cluster_issuers[0]
    }

    pub fn secret(&mut self) -> &mut Secret {
        &mut self.secrets[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Verdict;

    #[test]
    fn the_healthy_chain_has_no_findings() {
        let report = Specimen::healthy().judge();
        assert_eq!(Specimen::healthy().ids(), Vec::<&str>::new());
        assert_eq!(report.verdict, Verdict::Healthy, "{}", report.headline);
        assert!(report.withheld.is_empty(), "{:?}", report.withheld);
    }

    #[test]
    fn a_young_issuance_has_no_findings() {
        let report = Specimen::http01().judge();
        assert_eq!(Specimen::http01().ids(), Vec::<&str>::new());
        assert_eq!(report.verdict, Verdict::Issuing, "{}", report.headline);
        assert_eq!(report.stage.unwrap().id(), "challenge-self-check");
    }
}
