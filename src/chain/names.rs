//! The names that cert-manager will give to the Order and the Challenges, before they exist.
//!
//! Two things are not known here and leave the name a guess: `spec.replaces` (set only with the gate `ACMEUseARI`),
//! and resource quantities of a solver's pod template that Go would spell in another way.

use crate::api::{AcmeIssuer, Certificate, CertificateRequest, GoDuration, Object, Order, OrderSpec};
use crate::engine::acme::planned;
pub use crate::engine::acme::planned::{NoChallenge, PlannedChallenge, candidate, choose, planned_challenges};
use crate::engine::name;
use crate::x509::{Name, Request};

/// The name of the request of a revision.
pub fn request_name(certificate: &Certificate, revision: i64) -> String {
    name::request_name(certificate.name(), revision)
}

/// The name of a request's Order. Without the issuer it is taken to set neither profile nor durations.
pub fn order_name(request: &CertificateRequest, csr: &Request, issuer: Option<&AcmeIssuer>) -> String {
    planned::order_name(request.name(), &planned::order_spec(request, csr, issuer))
}

/// The name of the Order for a revision of a Certificate whose request is not known.
pub fn expected_order_name(certificate: &Certificate, revision: i64, issuer: Option<&AcmeIssuer>) -> String {
    let spec = &certificate.spec;
    let literal = Name::literal(&spec.literal_subject).ok();
    let literal = literal.as_ref().filter(|_| !spec.literal_subject.is_empty());
    let canonical = |text: &String| text.parse().map_or_else(|_| text.clone(), |ip: std::net::IpAddr| ip.to_string());
    let with_duration = issuer.is_some_and(|issuer| issuer.enable_duration_feature);
    let hashed = OrderSpec {
        issuer_ref: spec.issuer_ref.clone(),
        common_name: literal.map_or(spec.common_name.as_str(), |name| name.common_name()).to_owned(),
        dns_names: spec.dns_names.clone(),
        ip_addresses: spec.ip_addresses.iter().map(canonical).collect(),
        duration: spec.duration.as_ref().filter(|_| with_duration).map(GoDuration::normalized),
        profile: issuer.map(|issuer| issuer.profile.clone()).unwrap_or_default(),
        ..OrderSpec::default()
    };
    planned::order_name(&request_name(certificate, revision), &hashed)
}

/// The labels of an HTTP-01 Challenge's Pod, Service, Ingress and HTTPRoute, as a label selector
/// (`pkg/issuer/acme/http/pod.go`).
pub fn solver_selector(dns_name: &str, token: &str) -> String {
    format!(
        "acme.cert-manager.io/http-domain={},acme.cert-manager.io/http-token={}",
        name::adler32(dns_name.as_bytes()),
        name::adler32(token.as_bytes())
    )
}

/// The names of the Challenges that cert-manager will make. It makes none at all if it cannot make one of them.
pub fn challenge_names(order: &Order, issuer: &AcmeIssuer) -> Result<Vec<String>, NoChallenge> {
    planned_challenges(order, issuer).into_iter().map(|(_, planned)| Ok(planned?.name)).collect()
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use crate::api::{Challenge, ChallengeSpec, ClusterIssuer, Issuer, IssuerRef};

    use super::*;

    /// Saved from a real control plane.
    const FIXTURES: [&str; 2] =
        [include_str!("../../tests/fixtures/real-http01.yaml"), include_str!("../../tests/fixtures/real-dns01.yaml")];

    struct Saved(Vec<Value>);

    impl Saved {
        fn read(yaml: &str) -> Self {
            let list: Value = serde_saphyr::from_str(yaml).unwrap();
            Self(list["items"].as_array().unwrap().clone())
        }

        fn all<T: Object + DeserializeOwned>(&self) -> Vec<T> {
            let ours = self.0.iter().filter(|item| item["kind"] == T::KIND.word());
            ours.map(|item| serde_json::from_value(item.clone()).unwrap()).collect()
        }

        fn acme(&self, issuer: &IssuerRef) -> AcmeIssuer {
            let issuers = self.all::<Issuer>().into_iter().map(|found| (found.metadata, found.spec));
            let clusters = self.all::<ClusterIssuer>().into_iter().map(|found| (found.metadata, found.spec));
            let found = issuers.chain(clusters).find(|(meta, _)| meta.name.as_deref() == Some(&issuer.name));
            found.unwrap().1.acme.unwrap()
        }
    }

    #[test]
    fn real_requests_and_orders_have_the_names_that_we_foretell() {
        let mut seen = 0;
        for saved in FIXTURES.map(Saved::read) {
            for request in saved.all::<CertificateRequest>() {
                let acme = saved.acme(&request.spec.issuer_ref);
                let csr = Request::from_pem(&request.csr_pem().unwrap()).unwrap();
                let orders = saved.all::<Order>();
                let order = orders.iter().find(|order| order.controller_uid() == request.uid()).unwrap();
                assert_eq!(order_name(&request, &csr, Some(&acme)), order.name());

                let certificates = saved.all::<Certificate>();
                let certificate =
                    certificates.iter().find(|one| Some(one.name()) == request.certificate_name()).unwrap();
                assert_eq!(request_name(certificate, 1), request.name());
                assert_eq!(expected_order_name(certificate, 1, Some(&acme)), order.name());
                seen += 1;
            }
        }
        assert_eq!(seen, 5);
    }

    #[test]
    fn real_challenges_have_the_names_and_solvers_that_we_foretell() {
        let mut seen = 0;
        for saved in FIXTURES.map(Saved::read) {
            let orders = saved.all::<Order>();
            for challenge in saved.all::<Challenge>() {
                let order = orders.iter().find(|order| order.uid() == challenge.controller_uid()).unwrap();
                let acme = saved.acme(&order.spec.issuer_ref);
                let planned = planned_challenges(order, &acme).into_iter().map(|(_, planned)| planned.unwrap());
                let planned = planned.into_iter().find(|planned| planned.name == challenge.name()).unwrap();
                let spec = ChallengeSpec { key: challenge.spec.key.clone(), ..planned.spec };
                assert_eq!(spec, challenge.spec);
                seen += 1;
            }
        }
        assert_eq!(seen, 7);
    }

    #[test]
    fn the_specs_vector_for_an_order_is_met() {
        let certificate: Certificate = serde_json::from_value(json!({
            "metadata": {"name": "web"},
            "spec": {
                "dnsNames": ["example.com"],
                "duration": "1440h",
                "issuerRef": {"name": "letsencrypt", "kind": "ClusterIssuer", "group": "cert-manager.io"},
            },
        }))
        .unwrap();
        assert_eq!(expected_order_name(&certificate, 1, None), "web-1-4209275033");
        let plain = AcmeIssuer::default();
        assert_eq!(expected_order_name(&certificate, 1, Some(&plain)), "web-1-4209275033");
        let timed = AcmeIssuer { enable_duration_feature: true, ..AcmeIssuer::default() };
        let spelled = r#"{"request":null,"issuerRef":{"name":"letsencrypt","kind":"ClusterIssuer","group":"cert-manager.io"},"dnsNames":["example.com"],"duration":"1440h0m0s"}"#;
        let expected = name::compute_name("web-1", spelled.as_bytes());
        assert_eq!(expected_order_name(&certificate, 1, Some(&timed)), expected);
    }
}
