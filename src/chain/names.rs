//! The names that cert-manager will give to the Order and the Challenges, before they exist.
//!
//! Holds the structs in exactly the order of cert-manager's Go types: their JSON is hashed into the names.
//! Two things are not known here and leave the name a guess: `spec.replaces` (set only with the gate `ACMEUseARI`),
//! and resource quantities of a solver's pod template that Go would spell in another way.

use std::collections::BTreeMap;

use serde::Serialize;
use thiserror::Error;

use crate::api::issuer_ref::IssuerRef;
use crate::api::solver::{AcmeSolver, ParentRef};
use crate::api::{
    AcmeIssuer, AcmeState, Authorization, Certificate, CertificateRequest, ChallengeSpec, ChallengeType, GoDuration,
    Object, Order, annotation,
};
use crate::engine::name;
use crate::engine::solver::{Candidate, Choice, Method, Selector, Wanted, pick};
use crate::x509::{Name, Request};

/// The name of the request of a revision.
pub fn request_name(certificate: &Certificate, revision: i64) -> String {
    name::request_name(certificate.name(), revision)
}

/// The name of a request's Order. Without the issuer it is taken to set neither profile nor durations.
pub fn order_name(request: &CertificateRequest, csr: &Request, issuer: Option<&AcmeIssuer>) -> String {
    let spec = HashedOrder {
        common_name: csr.subject.common_name(),
        dns_names: &csr.alt_names.dns,
        ip_addresses: csr.alt_names.ips.iter().map(ToString::to_string).collect(),
        ..HashedOrder::new(&request.spec.issuer_ref, request.spec.duration.as_ref(), issuer)
    };
    name::order_name(request.name(), &spec)
}

/// The name of the Order for a revision of a Certificate whose request is not known.
pub fn expected_order_name(certificate: &Certificate, revision: i64, issuer: Option<&AcmeIssuer>) -> String {
    let spec = &certificate.spec;
    let literal = Name::literal(&spec.literal_subject).ok();
    let literal = literal.as_ref().filter(|_| !spec.literal_subject.is_empty());
    let canonical = |text: &String| text.parse().map_or_else(|_| text.clone(), |ip: std::net::IpAddr| ip.to_string());
    let hashed = HashedOrder {
        common_name: literal.map_or(&spec.common_name, |name| name.common_name()),
        dns_names: &spec.dns_names,
        ip_addresses: spec.ip_addresses.iter().map(canonical).collect(),
        ..HashedOrder::new(&spec.issuer_ref, spec.duration.as_ref(), issuer)
    };
    name::order_name(&request_name(certificate, revision), &hashed)
}

/// cert-manager's `OrderSpec` without its request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HashedOrder<'a> {
    request: (),
    issuer_ref: &'a IssuerRef,
    #[serde(skip_serializing_if = "str::is_empty")]
    common_name: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    dns_names: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ip_addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<GoDuration>,
    #[serde(skip_serializing_if = "str::is_empty")]
    profile: &'a str,
}

impl<'a> HashedOrder<'a> {
    fn new(issuer_ref: &'a IssuerRef, duration: Option<&GoDuration>, issuer: Option<&'a AcmeIssuer>) -> Self {
        let with_duration = issuer.is_some_and(|issuer| issuer.enable_duration_feature);
        Self {
            request: (),
            issuer_ref,
            common_name: "",
            dns_names: &[],
            ip_addresses: Vec::new(),
            duration: duration.filter(|_| with_duration).map(GoDuration::normalized),
            profile: issuer.map_or("", |issuer| &issuer.profile),
        }
    }
}

/// The Challenge that cert-manager will make for an authorization.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedChallenge<'o> {
    pub authorization: &'o Authorization,
    /// The name of the Challenge.
    pub name: String,
    /// Which of the issuer's solvers it is, counted from 0.
    pub solver_index: usize,
    /// The Challenge's spec, but for its key.
    pub spec: ChallengeSpec,
}

/// Why cert-manager cannot make a Challenge; in its own words.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NoChallenge {
    #[error("no configured challenge solvers can be used for this challenge")]
    NoSolver,
    #[error("may not specify more than one of: name, class, ingressClassName override annotations")]
    IngressOverrides,
    #[error("cannot specify only one of parentRefName, parentRefKind override annotations")]
    HalfParentRef,
    #[error("must specify parentRefs either through annotations or solver config")]
    NoParentRefs,
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

/// What cert-manager will make for each authorization that was not valid from the start, in order.
pub fn planned_challenges<'o>(
    order: &'o Order,
    issuer: &AcmeIssuer,
) -> Vec<(&'o Authorization, Result<PlannedChallenge<'o>, NoChallenge>)> {
    let open = order.status.authorizations.iter().filter(|auth| auth.initial_state != Some(AcmeState::Valid));
    open.map(|authorization| (authorization, plan(order, issuer, authorization))).collect()
}

/// The names of the Challenges that cert-manager will make. It makes none at all if it cannot make one of them.
pub fn challenge_names(order: &Order, issuer: &AcmeIssuer) -> Result<Vec<String>, NoChallenge> {
    planned_challenges(order, issuer).into_iter().map(|(_, planned)| Ok(planned?.name)).collect()
}

fn plan<'o>(
    order: &'o Order,
    issuer: &AcmeIssuer,
    authorization: &'o Authorization,
) -> Result<PlannedChallenge<'o>, NoChallenge> {
    let Choice { solver, offer } = choose(order, issuer, authorization).ok_or(NoChallenge::NoSolver)?;
    let offer = &authorization.challenges[offer];
    let type_ = match Method::from_offer(&offer.type_).ok_or(NoChallenge::NoSolver)? {
        Method::Http01 => ChallengeType::Http01,
        Method::Dns01 => ChallengeType::Dns01,
    };
    let spec = ChallengeSpec {
        url: offer.url.clone(),
        authorization_url: authorization.url.clone(),
        dns_name: authorization.identifier.clone(),
        wildcard: authorization.wildcard == Some(true),
        type_,
        token: offer.token.clone(),
        // The name is made before the key is known.
        key: String::new(),
        solver: overridden(order, &issuer.solvers[solver])?,
        issuer_ref: order.spec.issuer_ref.clone(),
    };
    let name = name::challenge_name(order.name(), &spec);
    Ok(PlannedChallenge { authorization, name, solver_index: solver, spec })
}

/// Which solver answers which of the offered challenges.
pub fn choose(order: &Order, issuer: &AcmeIssuer, authorization: &Authorization) -> Option<Choice> {
    let star = if authorization.wildcard == Some(true) { "*." } else { "" };
    let offers: Vec<_> = authorization.challenges.iter().map(|offer| Method::from_offer(&offer.type_)).collect();
    let none = BTreeMap::new();
    let wanted = Wanted {
        domain: &format!("{star}{}", authorization.identifier),
        offers: &offers,
        labels: order.metadata.labels.as_ref().unwrap_or(&none),
    };
    pick(&wanted, &issuer.solvers.iter().map(candidate).collect::<Vec<_>>())
}

/// A solver as [`pick`] sees it.
pub fn candidate(solver: &AcmeSolver) -> Candidate<'_> {
    let methods = [(Method::Http01, solver.http01.is_some()), (Method::Dns01, solver.dns01.is_some())];
    Candidate {
        methods: methods.into_iter().filter_map(|(method, given)| given.then_some(method)).collect(),
        selector: solver.selector.as_ref().map(|selector| Selector {
            match_labels: &selector.match_labels,
            dns_names: &selector.dns_names,
            dns_zones: &selector.dns_zones,
        }),
    }
}

/// The solver with the Order's override annotations applied, as it is copied into the Challenge.
fn overridden(order: &Order, solver: &AcmeSolver) -> Result<AcmeSolver, NoChallenge> {
    let mut solver = solver.clone();
    solver.wait_instead_of_self_check = solver.wait_instead_of_self_check.as_ref().map(GoDuration::normalized);
    // Without any annotations cert-manager skips even the check for parents.
    if order.metadata.annotations.is_none() {
        return Ok(solver);
    }
    let Some(http01) = &mut solver.http01 else { return Ok(solver) };
    if let Some(ingress) = &mut http01.ingress {
        let name = order.annotation(annotation::HTTP01_OVERRIDE_NAME);
        let class = order.annotation(annotation::HTTP01_OVERRIDE_CLASS);
        let class_name = order.annotation(annotation::HTTP01_OVERRIDE_CLASS_NAME);
        match [name, class, class_name].iter().flatten().count() {
            0 => {}
            1 => {
                ingress.name = name.map(str::to_owned).unwrap_or_default();
                ingress.class = class.map(str::to_owned);
                ingress.ingress_class_name = class_name.map(str::to_owned);
            }
            _ => return Err(NoChallenge::IngressOverrides),
        }
    }
    if let Some(gateway) = &mut http01.gateway_http_route {
        let name = order.annotation(annotation::HTTP01_PARENT_REF_NAME);
        let kind = order.annotation(annotation::HTTP01_PARENT_REF_KIND);
        match (name, kind) {
            (None, None) => {}
            (Some(name), Some(kind)) => override_parent(order, &mut gateway.parent_refs, name, kind),
            (Some(_), None) | (None, Some(_)) => return Err(NoChallenge::HalfParentRef),
        }
        if gateway.parent_refs.is_empty() {
            return Err(NoChallenge::NoParentRefs);
        }
    }
    Ok(solver)
}

/// Adds the parent of the annotations in place of the issuer's entry for the same object, if there is one.
fn override_parent(order: &Order, parents: &mut Vec<ParentRef>, name: &str, kind: &str) {
    let given = order.annotation(annotation::HTTP01_PARENT_REF_NAMESPACE).filter(|namespace| !namespace.is_empty());
    let namespace = given.or(order.namespace()).unwrap_or_default();
    parents.retain(|parent| {
        let same_kind = parent.kind.as_deref().is_none_or(|own| own == kind);
        !(parent.namespace.as_deref() == Some(namespace) && parent.name == name && same_kind)
    });
    parents.push(ParentRef {
        kind: Some(kind.to_owned()),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
        ..ParentRef::default()
    });
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use crate::api::{Challenge, ClusterIssuer, Issuer};

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

    fn order(annotations: &Value) -> Order {
        serde_json::from_value(json!({
            "metadata": {"name": "web-1-1", "namespace": "shop", "annotations": annotations},
            "status": {"authorizations": [{
                "url": "https://ca/authz/1", "identifier": "a.example", "initialState": "pending",
                "challenges": [{"url": "https://ca/chall/1", "token": "t", "type": "http-01"}],
            }]},
        }))
        .unwrap()
    }

    fn planned_solver(annotations: &Value, solver: &Value) -> Result<Value, NoChallenge> {
        let issuer: AcmeIssuer = serde_json::from_value(json!({"solvers": [{"http01": solver}]})).unwrap();
        let order = order(annotations);
        let (_, planned) = planned_challenges(&order, &issuer).remove(0);
        Ok(serde_json::to_value(planned?.spec.solver.http01).unwrap())
    }

    #[test]
    fn an_override_replaces_all_three_ways_to_name_the_ingress() {
        let solver = json!({"ingress": {"ingressClassName": "nginx", "name": "x", "serviceType": "ClusterIP"}});
        let class = json!({(annotation::HTTP01_OVERRIDE_CLASS): "other"});
        let expected = json!({"ingress": {"class": "other", "serviceType": "ClusterIP"}});
        assert_eq!(planned_solver(&class, &solver), Ok(expected));
        let name = json!({(annotation::HTTP01_OVERRIDE_NAME): "mine"});
        assert_eq!(
            planned_solver(&name, &solver),
            Ok(json!({"ingress": {"name": "mine", "serviceType": "ClusterIP"}}))
        );
        let both = json!({(annotation::HTTP01_OVERRIDE_NAME): "mine", (annotation::HTTP01_OVERRIDE_CLASS): "other"});
        assert_eq!(planned_solver(&both, &solver), Err(NoChallenge::IngressOverrides));
        assert_eq!(planned_solver(&json!({}), &solver), Ok(solver));
    }

    #[test]
    fn an_annotated_parent_joins_those_of_the_issuer() {
        let own = json!({"name": "edge", "namespace": "shop", "sectionName": "http"});
        let other = json!({"name": "edge", "namespace": "infra"});
        let solver = json!({"gatewayHTTPRoute": {"parentRefs": [own, other]}});
        let annotated =
            json!({(annotation::HTTP01_PARENT_REF_NAME): "edge", (annotation::HTTP01_PARENT_REF_KIND): "Gateway"});
        let added = json!({"kind": "Gateway", "namespace": "shop", "name": "edge"});
        assert_eq!(
            planned_solver(&annotated, &solver),
            Ok(json!({"gatewayHTTPRoute": {"parentRefs": [other, added]}}))
        );
        let half = json!({(annotation::HTTP01_PARENT_REF_NAME): "edge"});
        assert_eq!(planned_solver(&half, &solver), Err(NoChallenge::HalfParentRef));
        let empty = json!({"gatewayHTTPRoute": {}});
        assert_eq!(planned_solver(&json!({"any": "thing"}), &empty), Err(NoChallenge::NoParentRefs));
        // Orders without annotations slip through.
        assert_eq!(planned_solver(&Value::Null, &empty), Ok(empty));
    }

    #[test]
    fn one_authorization_without_a_solver_stops_them_all() {
        let issuer: AcmeIssuer = serde_json::from_value(json!({"solvers": [{"dns01": {"cloudflare": {}}}]})).unwrap();
        let mut order = order(&json!({}));
        assert_eq!(challenge_names(&order, &issuer), Err(NoChallenge::NoSolver));
        order.status.authorizations[0].initial_state = Some(AcmeState::Valid);
        assert_eq!(challenge_names(&order, &issuer), Ok(Vec::new()));
    }
}
