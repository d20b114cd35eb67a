//! The solver's `HTTPRoute` and the Gateway that it hangs on.
//!
//! What the Gateway's listeners allow is worked out; what its controller says of the route is quoted.

use super::listener::{Refusal, describe, refusal};
use super::words::{Body, SelfCheck};
use super::{Heard, begin_anew, front, heard};
use crate::api::gateway::{GatewayCondition, GatewayConditionType, Listener};
use crate::api::solver::ParentRef;
use crate::api::{AcmeState, Gateway, HttpRoute, Object, annotation};
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::{Kind, ObjRef};
use crate::rule::live::and_http01_probes;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};

pub static GATEWAY_SOLVER: Rule = Rule {
    id: "http01-gateway-solver",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the solver's HTTPRoute is not served by its Gateway on port 80",
    doc: include_str!("../../../docs/rules/http01-gateway-solver.md"),
    needs: &[Kind::Challenge, Kind::HttpRoute, Kind::Gateway, Kind::Event],
    explains: and_http01_probes![
        "http01-404",
        "http01-503-or-502",
        "http01-self-check-cannot-reach",
        "http01-wrong-body",
        "http01-present-failed",
        "order-no-solver",
    ],
    judge: gateway_solver,
};

fn gateway_solver(facts: &Facts) -> Judgement {
    if let Some(finding) = no_parents(facts)? {
        return Ok(vec![finding]);
    }
    let heard = heard(facts)?;
    Ok(heard.iter().filter_map(|heard| of_challenge(facts, heard)).collect())
}

/// The Order has no Challenge, because the solver has no Gateway to hang a route on.
fn no_parents(facts: &Facts) -> Result<Option<Finding>, Withheld> {
    let node = facts.order()?;
    let order = node.order;
    let state = order.status.state.as_ref();
    let is_open = !state.is_some_and(|state| state.is_final() || *state == AcmeState::Ready);
    if !is_open || !node.challenges.is_empty() {
        return Ok(None);
    }
    let keys = [annotation::HTTP01_PARENT_REF_NAME, annotation::HTTP01_PARENT_REF_KIND];
    let given: Vec<_> = keys.into_iter().filter(|key| order.annotation(key).is_some()).collect();
    let event = facts.fresh_event(order, "Solver", facts.issuance_began());
    let message = event.and_then(|event| event.message.as_deref()).unwrap_or_default();
    let (says, why) = match given[..] {
        [only] => (
            format!("Order {} carries {only} without its twin", order.name()),
            "The Gateway for the solver's route is named by two annotations, name and kind, and one is missing.",
        ),
        _ if message.contains("must specify parentRefs") => (
            format!("the solver for Order {} has no Gateway to hang its HTTPRoute on", order.name()),
            "The issuer's gatewayHTTPRoute names no parentRefs, and the Certificate carries no annotations that name one.",
        ),
        _ => return Ok(None),
    };
    let finding = GATEWAY_SOLVER
        .on(order.objref())
        .says(says)
        .because(format!(
            "{why} cert-manager makes no Challenge, and does not try again by itself: the Order stays pending until it is made anew."
        ))
        .evidence(Witness::Event(Kind::Order, "Solver".into()), message);
    let finding = given.iter().fold(finding, |finding, key| {
        finding
            .evidence(Witness::Metadata(Kind::Order), format!("{key}: {}", order.annotation(key).unwrap_or_default()))
    });
    Ok(Some(finding.fix(parent_refs("YOUR-GATEWAY", "ITS-NAMESPACE")).fix(begin_anew(facts))))
}

fn parent_refs(name: &str, namespace: &str) -> Fix {
    Fix::patch(
        "name the Gateway in the issuer's solver",
        format!(
            "spec:\n  acme:\n    solvers:\n    - http01:\n        gatewayHTTPRoute:\n          parentRefs:\n          - kind: \
             Gateway\n            name: {name}\n            namespace: {namespace}\n"
        ),
    )
}

fn of_challenge(facts: &Facts, heard: &Heard) -> Option<Finding> {
    let challenge = heard.node.challenge;
    challenge.spec.solver.http01.as_ref()?.gateway_http_route.as_ref()?;
    if let Some((text, _)) = heard.present_error() {
        return text.contains("gateway api is not enabled").then(|| not_enabled(heard));
    }
    if is_another_matter(heard.self_check()?, &challenge.spec.key) {
        return None;
    }
    let own = challenge.namespace().unwrap_or_default();
    let route = heard.node.routes.first().copied();
    let parents = front::parents(heard.node).iter().filter(|parent| front::is_gateway(parent));
    // One parent that serves the route is enough.
    let faults: Option<Vec<Fault>> = parents.map(|parent| parent_fault(facts, heard, parent, own)).collect();
    let fault = faults.and_then(|faults| faults.into_iter().next()).or_else(|| route_fault(heard, route?))?;
    let about = fault.about.clone().or_else(|| route.map(Object::objref)).unwrap_or_else(|| challenge.objref());
    let finding = GATEWAY_SOLVER.on(about).says(fault.says).because(format!("{} {}", fault.why, heard.what_follows()));
    let finding =
        fault.evidence.into_iter().fold(finding, |finding, (witness, words)| finding.evidence(witness, words));
    let finding = match route.and_then(|route| refused_by(route).first().copied()) {
        Some(condition) => {
            finding.evidence(Witness::Condition(Kind::HttpRoute, condition_name(condition)), words(condition))
        }
        None => finding,
    };
    let finding = heard.quote(finding).fix(fault.fix);
    Some(finding.fix(Fix::command(
        "see what the Gateway's controller says of the route",
        format!("kubectl get httproute -l {}=true{} -o yaml", annotation::SOLVER, heard.flag()),
    )))
}

/// An answer of another ACME client or of a cache is no matter of the route.
fn is_another_matter(check: &SelfCheck, key: &str) -> bool {
    match check {
        SelfCheck::Body(body) => matches!(Body::of(*body, key), Body::OtherAccount | Body::OtherToken),
        SelfCheck::Status(_) | SelfCheck::NoAnswer(_) => false,
        SelfCheck::Redirect(_) | SelfCheck::Present(_) | SelfCheck::NotMade | SelfCheck::Other => true,
    }
}

fn not_enabled(heard: &Heard) -> Finding {
    let issuer = &heard.node.challenge.spec.issuer_ref;
    let finding = GATEWAY_SOLVER
        .on(heard.node.challenge.objref())
        .says(format!("issuer {} solves {} by a Gateway, but cert-manager runs without the Gateway API", issuer.name, heard.name()))
        .because(format!(
            "cert-manager serves Gateways only when that is switched on, and looks for their CRDs once, when it starts. {}",
            heard.what_follows()
        ));
    heard
        .quote(finding)
        .fix(Fix::command(
            "switch it on",
            "helm upgrade cert-manager oci://quay.io/jetstack/charts/cert-manager -n cert-manager --reuse-values --set \
             config.apiVersion=controller.config.cert-manager.io/v1alpha1 --set config.kind=ControllerConfiguration --set \
             config.enableGatewayAPI=true",
        ))
        .fix(Fix::command(
            "if the CRDs came later than cert-manager: restart it",
            "kubectl rollout restart deployment cert-manager -n cert-manager",
        ))
}

/// What keeps a Gateway from serving the solver's route.
struct Fault {
    says: String,
    why: String,
    /// The object to look at; the route where there is none.
    about: Option<ObjRef>,
    evidence: Vec<(Witness, String)>,
    fix: Fix,
}

/// What is wrong with a parent, as far as the Gateway is known.
fn parent_fault(facts: &Facts, heard: &Heard, parent: &ParentRef, own: &str) -> Option<Fault> {
    let namespace = front::namespace_of(parent, own);
    let found = facts.inventory.get::<Gateway>(Some(namespace), &parent.name);
    if found.is_absent() {
        let elsewhere = facts.inventory.gateways.named(&parent.name).next();
        let hint = elsewhere.and_then(|gateway| gateway.namespace());
        return Some(Fault {
            says: format!(
                "the solver's HTTPRoute for {} hangs on Gateway {namespace}/{}, which does not exist",
                heard.name(),
                parent.name
            ),
            why: hint.map_or_else(String::new, |other| format!("Namespace {other} has a Gateway of that name.")),
            about: None,
            evidence: vec![(Witness::Source, format!("no Gateway {namespace}/{}", parent.name))],
            fix: parent_refs(&parent.name, hint.unwrap_or("ITS-NAMESPACE")),
        });
    }
    let gateway = *found.seen()?;
    listeners_fault(heard, parent, gateway, own).or_else(|| not_programmed(gateway))
}

fn listeners_fault(heard: &Heard, parent: &ParentRef, gateway: &Gateway, own: &str) -> Option<Fault> {
    let name = heard.name();
    let at = gateway.objref();
    let section = parent.section_name.as_deref().filter(|section| !section.is_empty());
    let chosen: Vec<&Listener> = gateway
        .spec
        .listeners
        .iter()
        .filter(|listener| section.is_none_or(|section| listener.name == section))
        .filter(|listener| parent.port.is_none_or(|port| listener.port == port))
        .collect();
    let refusals: Vec<Refusal> = chosen.iter().filter_map(|listener| refusal(listener, gateway, name, own)).collect();
    if !chosen.is_empty() && refusals.len() < chosen.len() {
        return None;
    }
    let (says, fix) = match (chosen.first(), refusals.iter().max()) {
        (Some(listener), Some(refusal)) => {
            let listener =
                chosen.iter().zip(&refusals).find(|(_, other)| *other == refusal).map_or(listener, |(found, _)| found);
            (refusal.says(listener, &at, name, own, section), refusal.mend(listener, &at, own))
        }
        (_, _) => (
            format!("{at} has no listener that the solver's HTTPRoute for {name} asks for ({})", asked(parent)),
            Fix::manual("drop sectionName and port from the solver's parentRefs, or name the listener for port 80"),
        ),
    };
    let listeners: Vec<_> = gateway.spec.listeners.iter().map(describe).collect();
    Some(Fault {
        says,
        why: "CAs fetch the challenge over plain HTTP on port 80, so the route needs an HTTP listener that lets it in."
            .into(),
        about: Some(at),
        evidence: vec![(Witness::Spec(Kind::Gateway, "listeners"), listeners.join("; "))],
        fix,
    })
}

fn asked(parent: &ParentRef) -> String {
    let section = parent.section_name.as_ref().map(|section| format!("sectionName {section}"));
    let port = parent.port.map(|port| format!("port {port}"));
    [section, port].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The Gateway's own controller says that it does not serve it.
fn not_programmed(gateway: &Gateway) -> Option<Fault> {
    let wanted = [GatewayConditionType::Accepted, GatewayConditionType::Programmed];
    let condition =
        gateway.status.conditions.iter().find(|condition| wanted.contains(&condition.type_) && condition.is_false())?;
    let at = gateway.objref();
    Some(Fault {
        says: format!("{at}, which is to serve the challenge, is not {}", condition.type_.as_str().to_lowercase()),
        why: "The solver's route can be served only once its Gateway is.".into(),
        fix: Fix::command(
            "see what keeps the Gateway from being served",
            format!("kubectl describe gateway {}{}", at.name, at.namespace_flag()),
        ),
        about: Some(at),
        evidence: vec![(Witness::Condition(Kind::Gateway, condition_name(condition)), words(condition))],
    })
}

/// The conditions by which parents refuse the route, one for each that does.
fn refused_by(route: &HttpRoute) -> Vec<&GatewayCondition> {
    let wanted = [GatewayConditionType::Accepted, GatewayConditionType::ResolvedRefs];
    let refusal = |conditions: &'_ [GatewayCondition]| {
        conditions.iter().position(|condition| wanted.contains(&condition.type_) && condition.is_false())
    };
    let parents = route.status.parents.iter();
    parents.filter_map(|parent| refusal(&parent.conditions).map(|at| &parent.conditions[at])).collect()
}

/// What the Gateway's controller says of the route: refused by all parents, or nothing at all.
fn route_fault(heard: &Heard, route: &HttpRoute) -> Option<Fault> {
    let parents = &route.status.parents;
    let refusals = refused_by(route);
    let name = route.name();
    if parents.is_empty() {
        return Some(Fault {
            says: format!("no Gateway controller has answered for the solver's HTTPRoute {name} of {}", heard.name()),
            why: "A controller that serves a route writes so into its status; this one's is empty.".into(),
            about: None,
            evidence: vec![(Witness::Status(Kind::HttpRoute, "parents"), "no entry".into())],
            fix: Fix::command(
                "check that the Gateway exists and its class has a controller",
                "kubectl get gateway,gatewayclass -A",
            ),
        });
    }
    let condition = refusals.first().filter(|_| refusals.len() == parents.len())?;
    let reason = condition.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    Some(Fault {
        says: format!(
            "the Gateway's controller does not serve the solver's HTTPRoute {name} of {}{reason}",
            heard.name()
        ),
        why: "The route's condition says why.".into(),
        about: None,
        evidence: Vec::new(),
        fix: Fix::manual(
            "give the Gateway an HTTP listener on port 80 that lets routes of this namespace in, and name it in parentRefs",
        ),
    })
}

fn condition_name(condition: &GatewayCondition) -> &'static str {
    match condition.type_ {
        GatewayConditionType::Accepted => "Accepted",
        GatewayConditionType::Programmed => "Programmed",
        GatewayConditionType::ResolvedRefs => "ResolvedRefs",
        GatewayConditionType::Conflicted => "Conflicted",
        GatewayConditionType::PartiallyInvalid => "PartiallyInvalid",
        GatewayConditionType::Ready => "Ready",
        GatewayConditionType::Unknown(_) => "of the Gateway API",
    }
}

/// Reason and message, verbatim.
fn words(condition: &GatewayCondition) -> String {
    let reason = condition.reason.as_ref().map(|reason| reason.as_str().to_owned());
    let message = Some(condition.message.clone()).filter(|message| !message.is_empty());
    reason.into_iter().chain(message).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::super::staging::{no_answer, not_presented, self_check};
    use crate::api::solver::{Http01Gateway, ParentRef};
    use crate::facts::specimen::Specimen;

    const NOT_FOUND: &str = "wrong status code '404', expected '200'";
    const REFUSED: &str = "dial tcp 203.0.113.7:80: connect: connection refused";

    /// The specimen with a Gateway solver in place of the Ingress one, and its route.
    fn by_gateway(specimen: Specimen, section: Option<&str>, status: &str) -> Specimen {
        let mut uid = String::new();
        let specimen = specimen.broken(|objects| {
            objects.ingresses.clear();
            let challenge = objects.challenge();
            uid = challenge.metadata.uid.clone().unwrap();
            let http01 = challenge.spec.solver.http01.as_mut().unwrap();
            http01.ingress = None;
            let parent = ParentRef {
                name: "edge".into(),
                namespace: Some("edge".into()),
                section_name: section.map(str::to_owned),
                ..ParentRef::default()
            };
            http01.gateway_http_route = Some(Http01Gateway { parent_refs: vec![parent], ..Http01Gateway::default() });
        });
        let section = section.map(|section| format!(", sectionName: {section}")).unwrap_or_default();
        specimen.with(&format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata:\n  name: cm-acme-http-solver-r\n  namespace: \
             shop\n  ownerReferences: [{{apiVersion: acme.cert-manager.io/v1, kind: Challenge, name: x, uid: {uid}, \
             controller: true}}]\nspec:\n  parentRefs: [{{name: edge, namespace: edge{section}}}]\nstatus: {status}\n"
        ))
    }

    const ACCEPTED: &str =
        "{parents: [{parentRef: {name: edge}, controllerName: c, conditions: [{type: Accepted, status: 'True'}]}]}";

    fn gateway(listeners: &str) -> String {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: edge, namespace: edge}}\nspec:\n  \
             gatewayClassName: eg\n  listeners: [{listeners}]\n"
        )
    }

    const OPEN: &str = "{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}";
    const HTTPS: &str = "{name: https, port: 443, protocol: HTTPS}";

    #[test]
    fn a_route_on_an_open_listener_is_no_fault_of_the_gateway() {
        let open = by_gateway(self_check(NOT_FOUND), None, ACCEPTED).with(&gateway(&format!("{OPEN}, {HTTPS}")));
        assert_eq!(open.ids(), ["http01-404"]);
    }

    #[test]
    fn a_gateway_without_a_fitting_listener_explains_what_is_heard() {
        for (listeners, section, told) in [
            (HTTPS, None, "has no HTTP listener on port 80"),
            (
                "{name: http, port: 8080, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}",
                None,
                "has no HTTP listener on port 80",
            ),
            (&format!("{OPEN}, {HTTPS}"), Some("https"), "hangs on listener https"),
            (OPEN, Some("web"), "has no listener that"),
            ("{name: http, port: 80, protocol: HTTP}", None, "takes no routes from namespace shop"),
            (
                "{name: http, port: 80, protocol: HTTP, hostname: '*.example.org', allowedRoutes: {namespaces: {from: All}}}",
                None,
                "is for host *.example.org",
            ),
            (
                "{name: http, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{kind: GRPCRoute}], namespaces: {from: All}}}",
                None,
                "takes no HTTPRoutes",
            ),
            (
                "{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: web}}}}}",
                None,
                "takes no routes from namespace shop",
            ),
        ] {
            let specimen = by_gateway(no_answer(REFUSED), section, ACCEPTED).with(&gateway(listeners));
            assert_eq!(specimen.ids(), ["http01-gateway-solver", "http01-self-check-cannot-reach"], "{listeners}");
            assert!(specimen.judge().headline.contains(told), "{}", specimen.judge().headline);
        }
    }

    #[test]
    fn a_listener_that_may_take_the_route_is_no_fault() {
        for listener in [
            "{name: http, port: 80, protocol: HTTP, hostname: '*.example.com', allowedRoutes: {namespaces: {from: All}}}",
            "{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: shop}}}}}",
        ] {
            let specimen = by_gateway(self_check(NOT_FOUND), None, ACCEPTED).with(&gateway(listener));
            assert_eq!(specimen.ids(), ["http01-404"], "{listener}");
        }
    }

    #[test]
    fn the_words_of_the_gateways_controller_count() {
        let refused = "{parents: [{parentRef: {name: edge}, controllerName: c, conditions: [{type: Accepted, status: 'False', reason: NotAllowedByListeners, message: nope}]}]}";
        let specimen = by_gateway(self_check(NOT_FOUND), None, refused);
        assert_eq!(specimen.ids(), ["http01-gateway-solver", "http01-404"]);
        assert!(specimen.judge().headline.contains("NotAllowedByListeners"));
        assert_eq!(by_gateway(self_check(NOT_FOUND), None, "{}").ids(), ["http01-gateway-solver", "http01-404"]);
        assert_eq!(by_gateway(self_check(NOT_FOUND), None, ACCEPTED).ids(), ["http01-404"]);
    }

    #[test]
    fn an_unserved_gateway_is_told() {
        let broken = format!(
            "{}status: {{conditions: [{{type: Programmed, status: 'False', reason: AddressNotAssigned, message: no address}}]}}\n",
            gateway(OPEN)
        );
        let specimen = by_gateway(self_check(NOT_FOUND), None, ACCEPTED).with(&broken);
        assert_eq!(specimen.ids(), ["http01-gateway-solver", "http01-404"]);
    }

    #[test]
    fn a_gateway_api_that_is_off_is_told() {
        let off =
            by_gateway(not_presented("couldn't Present challenge shop/x: gateway api is not enabled"), None, "{}");
        assert_eq!(off.ids(), ["http01-gateway-solver", "http01-present-failed"]);
    }

    #[test]
    fn a_solver_without_a_gateway_is_told_by_the_orders_event() {
        let event = |message: &str| {
            let mut specimen = Specimen::http01().broken(|objects| objects.challenges.clear());
            let order = specimen.objects.order().metadata.name.clone().unwrap();
            specimen = specimen.with(&format!(
                "apiVersion: v1\nkind: Event\nmetadata: {{name: e, namespace: shop}}\ninvolvedObject: {{kind: Order, name: \
                 {order}, namespace: shop}}\nreason: Solver\nmessage: '{message}'\nlastTimestamp: '2026-11-22T06:30:00Z'\n"
            ));
            specimen
        };
        let words = "Failed to determine a valid solver configuration for the set of domains on the Order: ";
        let gateway = format!("{words}must specify parentRefs either through annotations or solver config");
        assert!(event(&gateway).ids().contains(&"http01-gateway-solver"));
        let other = format!("{words}no configured challenge solvers can be used for this challenge");
        assert!(!event(&other).ids().contains(&"http01-gateway-solver"));
    }

    #[test]
    fn one_parent_annotation_without_the_other_is_told() {
        let with = |keys: &[&str]| {
            Specimen::http01().broken(|objects| {
                objects.challenges.clear();
                let annotations = objects.orders[0].metadata.annotations.get_or_insert_default();
                for key in keys {
                    annotations.insert(format!("acme.cert-manager.io/http01-{key}"), "edge".into());
                }
            })
        };
        assert_eq!(with(&["parentrefname"]).ids(), ["http01-gateway-solver"]);
        assert_eq!(with(&["parentrefname", "parentrefkind"]).ids(), Vec::<&str>::new());
    }
}
