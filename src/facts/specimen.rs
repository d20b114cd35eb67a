//! Healthy chains to break one thing in: what the tests of rules start from.
//!
//! The objects were made by the real controllers; `tests/specimens/` holds them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::networking::v1::IngressTLS;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::annotation;
use crate::api::{Certificate, CertificateRequest, Challenge, ClusterIssuer, Order, Secret};
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

    /// Ingress shop/web with the Certificate that cert-manager made of it, issued and stored; judged ten minutes later.
    pub fn ingress() -> Self {
        let owner =
            r#"{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","name":"web","uid":"i-1","controller":true}"#;
        Self::healthy()
            .broken(|objects| {
                let certificate = &mut objects.certificate().metadata;
                certificate.name = Some("web-tls".into());
                certificate.owner_references = Some(vec![serde_json::from_str(owner).expect("an owner")]);
                let rename = |meta: &mut ObjectMeta| {
                    meta.annotations.get_or_insert_default().insert(annotation::CERTIFICATE_NAME.into(), "web-tls".into());
                };
                rename(&mut objects.secret().metadata);
                rename(&mut objects.request().metadata);
                for owner in objects.request().metadata.owner_references.iter_mut().flatten() {
                    owner.name = "web-tls".into();
                }
            })
            .with(
                "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: shop, uid: i-1, creationTimestamp: \
                 '2026-11-22T06:29:50Z', annotations: {cert-manager.io/cluster-issuer: letsencrypt}}\nspec:\n  tls:\n  - hosts: \
                 [shop.example.com, www.shop.example.com]\n    secretName: web-tls\n  rules:\n  - host: shop.example.com\n  - host: \
                 www.shop.example.com\n",
            )
            .about(Kind::Ingress, Some("shop"), "web")
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
        TargetReport::of(&inventory, &self.subject, self.now)
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
    /// The annotations of the Ingress.
    pub fn annotations(&mut self) -> &mut BTreeMap<String, String> {
        self.ingresses[0].metadata.annotations.get_or_insert_default()
    }

    /// The TLS entries of the Ingress.
    pub fn entries(&mut self) -> &mut Vec<IngressTLS> {
        self.ingresses[0].spec.get_or_insert_default().tls.get_or_insert_default()
    }

    /// As if cert-manager had made nothing of anything: no Certificate, nothing below it, no Secret.
    pub fn unmake(&mut self) {
        self.certificates.clear();
        self.requests.clear();
        self.orders.clear();
        self.secrets.clear();
    }

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
