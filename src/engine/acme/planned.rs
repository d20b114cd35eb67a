//! The Order of a request and the Challenges of an Order, before they exist: their specs, and the names that are hashed
//! from them (`pkg/controller/certificaterequests/acme`, `pkg/controller/acmeorders/util.go`).

use std::collections::BTreeMap;

use serde::Serialize;
use thiserror::Error;

use crate::api::issuer_ref::IssuerRef;
use crate::api::solver::{AcmeSolver, ParentRef};
use crate::api::{
    AcmeIssuer, AcmeState, Authorization, CertificateRequest, ChallengeSpec, ChallengeType, GoDuration, Object, Order,
    OrderSpec, annotation,
};
use crate::engine::name;
use crate::engine::solver::{Candidate, Choice, Method, Selector, Wanted, pick};
use crate::x509::Request;

/// The Order's spec for a request. Without the issuer it is taken to set neither profile nor durations.
pub fn order_spec(request: &CertificateRequest, csr: &Request, issuer: Option<&AcmeIssuer>) -> OrderSpec {
    let with_duration = issuer.is_some_and(|issuer| issuer.enable_duration_feature);
    OrderSpec {
        request: request.spec.request.clone(),
        issuer_ref: request.spec.issuer_ref.clone(),
        common_name: csr.subject.common_name().to_owned(),
        dns_names: csr.alt_names.dns.clone(),
        ip_addresses: csr.alt_names.ips.iter().map(ToString::to_string).collect(),
        duration: request.spec.duration.as_ref().filter(|_| with_duration).map(GoDuration::normalized),
        profile: issuer.map(|issuer| issuer.profile.clone()).unwrap_or_default(),
        replaces: String::new(),
    }
}

/// The name of the Order with this spec that is made for a request.
pub fn order_name(request: &str, spec: &OrderSpec) -> String {
    /// cert-manager's `OrderSpec` without its request, in the order of its Go type.
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Hashed<'a> {
        request: (),
        issuer_ref: &'a IssuerRef,
        #[serde(skip_serializing_if = "str::is_empty")]
        common_name: &'a str,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        dns_names: &'a [String],
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        ip_addresses: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        duration: &'a Option<GoDuration>,
        #[serde(skip_serializing_if = "str::is_empty")]
        profile: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        replaces: &'a str,
    }
    let hashed = Hashed {
        request: (),
        issuer_ref: &spec.issuer_ref,
        common_name: &spec.common_name,
        dns_names: &spec.dns_names,
        ip_addresses: &spec.ip_addresses,
        duration: &spec.duration,
        profile: &spec.profile,
        replaces: &spec.replaces,
    };
    name::order_name(request, &hashed)
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

/// What cert-manager will make for each authorization that was not valid from the start, in order.
pub fn planned_challenges<'o>(
    order: &'o Order,
    issuer: &AcmeIssuer,
) -> Vec<(&'o Authorization, Result<PlannedChallenge<'o>, NoChallenge>)> {
    let open = order.status.authorizations.iter().filter(|auth| auth.initial_state != Some(AcmeState::Valid));
    open.map(|authorization| (authorization, plan(order, issuer, authorization))).collect()
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
    use serde_json::{Value, json};

    use super::*;

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
    fn a_valid_authorization_needs_no_solver() {
        let issuer: AcmeIssuer = serde_json::from_value(json!({"solvers": [{"dns01": {"cloudflare": {}}}]})).unwrap();
        let mut order = order(&json!({}));
        let planned =
            |order: &Order| planned_challenges(order, &issuer).into_iter().map(|(_, one)| one.err()).collect();
        let faults: Vec<_> = planned(&order);
        assert_eq!(faults, [Some(NoChallenge::NoSolver)]);
        order.status.authorizations[0].initial_state = Some(AcmeState::Valid);
        let faults: Vec<_> = planned(&order);
        assert_eq!(faults, []);
    }
}
