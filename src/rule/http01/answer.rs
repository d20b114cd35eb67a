//! Somebody answers on the challenge path, but not with the key authorization.
//!
//! Each rule goes by a status or body that the self check or the CA tells of; who answers is for a person to see.

use k8s_openapi::api::core::v1::Pod;

use super::words::{Body, CaSaid, SelfCheck};
use super::{Heard, Words, front, heard};
use crate::api::Object;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;
use crate::rule::live::and_http01_probes;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity};

pub static NOT_FOUND: Rule = Rule {
    id: "http01-404",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the challenge path answers 404: nothing routes it to the solver",
    doc: include_str!("../../../docs/rules/http01-404.md"),
    needs: &[Kind::Challenge, Kind::Ingress, Kind::HttpRoute, Kind::Event],
    explains: and_http01_probes![],
    judge: not_found,
};

fn not_found(facts: &Facts) -> Judgement {
    let heard = heard(facts)?;
    let not_found = heard.iter().filter_map(|heard| Some((heard, status(heard)?)));
    let not_found = not_found.filter(|(_, code)| matches!(code, 404 | 410));
    Ok(not_found.map(|(heard, code)| not_found_at(facts, heard, code)).collect())
}

fn not_found_at(facts: &Facts, heard: &Heard, code: u16) -> Finding {
    let name = heard.name();
    let says = match &heard.words {
        Words::Ca(verdict) => {
            let at = verdict.address().map(|address| format!(" at {address}")).unwrap_or_default();
            format!("the CA got {code} from http://{name}{at} on the challenge path: nothing routes it to the solver")
        }
        Words::SelfCheck(_) | Words::Present { .. } => {
            format!(
                "cert-manager's own check got {code} from http://{name}: nothing routes the challenge path to the solver"
            )
        }
    };
    let finding = NOT_FOUND.on(heard.node.challenge.objref()).says(says).because(format!(
        "{} {}",
        why_not_found(facts, heard),
        heard.what_follows()
    ));
    let finding = solver_objects(heard.quote(finding), facts, heard);
    let finding = finding.fix(heard.fetch()).fix(Fix::command(
        "check that the solver's Ingress has the class of the controller that the name points to, and an address",
        format!("kubectl get ingress -l acme.cert-manager.io/http01-solver=true{}", heard.flag()),
    ));
    heard.retry(finding, facts)
}

/// What the solver's objects show of the missing route.
fn why_not_found(facts: &Facts, heard: &Heard) -> String {
    let name = heard.name();
    if let Some(ingress) = heard.node.ingresses.first() {
        let solver = ingress.name();
        let class = front::class_of(ingress).map_or_else(|| "no class".to_owned(), |class| format!("class {class}"));
        return if front::addresses_of(ingress).is_empty() {
            format!(
                "The solver's Ingress {solver} has {class} and no address: it looks as if no controller has taken it \
                 up, so whoever answers for {name} does not know the path."
            )
        } else {
            format!(
                "The solver's Ingress {solver} ({}) is taken up by a controller, but the answer comes from somewhere \
                 else: {name} points to another machine, or another route of the host comes first.",
                front::describe(ingress)
            )
        };
    }
    if let Some(route) = heard.node.routes.first() {
        return format!(
            "The solver's HTTPRoute {} exists, but whoever answers for {name} does not serve it.",
            route.name()
        );
    }
    if !facts.inventory.ingresses_serving(name).is_empty() {
        return format!(
            "The host {name} has an Ingress of its own, but the challenge path does not lead to the solver."
        );
    }
    format!("Whoever answers for {name} does not know the path.")
}

/// Adds the solver's Ingress and the other Ingresses of the host.
fn solver_objects(mut finding: Finding, facts: &Facts, heard: &Heard) -> Finding {
    for ingress in &heard.node.ingresses {
        let words = format!("{}: {}", ingress.name(), front::describe(ingress));
        finding = finding.evidence(Witness::Status(Kind::Ingress, "loadBalancer"), words);
    }
    for ingress in facts.inventory.ingresses_serving(heard.name()) {
        let words = format!("{} serves {} too: {}", ingress.objref(), heard.name(), front::describe(ingress));
        finding = finding.evidence(Witness::Spec(Kind::Ingress, "rules"), words);
    }
    finding
}

pub static REFUSED: Rule = Rule {
    id: "http01-403-or-401",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the challenge path is guarded: it answers 403, 401 or a like refusal",
    doc: include_str!("../../../docs/rules/http01-403-or-401.md"),
    needs: &[Kind::Challenge, Kind::Ingress, Kind::Event],
    explains: and_http01_probes![],
    judge: refused,
};

/// Keys of annotations that guard a whole host.
const GUARDS: [&str; 6] = ["auth", "whitelist", "allowlist", "denylist", "waf", "modsecurity"];

fn refused(facts: &Facts) -> Judgement {
    let heard = heard(facts)?;
    let findings = heard.iter().filter_map(|heard| {
        let code = status(heard).filter(|code| (400..500).contains(code) && !matches!(code, 404 | 410))?;
        let guards = front::annotations_like(facts, heard.name(), &GUARDS);
        let mut finding = REFUSED
            .on(heard.node.challenge.objref())
            .says(format!("{} got {code} from http://{} on the challenge path: {}", who(heard), heard.name(), what_refuses(code)))
            .because(format!(
                "Something in front of the solver turns the request away; the solver itself only answers 200 or 404. {}",
                heard.what_follows()
            ));
        finding = heard.quote(finding);
        for guard in &guards {
            finding = finding.evidence(Witness::Metadata(Kind::Ingress), guard);
        }
        let finding = finding
            .fix(Fix::manual(match code {
                400 => "send port 80 of the load balancer to the controller's HTTP port, not to its HTTPS port".to_owned(),
                _ => format!("let /.well-known/acme-challenge/ on {} through without log-in, allow list or bot rule", heard.name()),
            }))
            .fix(heard.fetch());
        Some(heard.retry(finding, facts))
    });
    Ok(findings.collect())
}

/// What a refusal by status most often is.
fn what_refuses(code: u16) -> &'static str {
    match code {
        400 => "a listener that expects TLS or another host turns it away",
        401 | 407 => "a log-in stands before it",
        403 => "an allow list, firewall or access rule stands before it",
        429 => "a limit on requests stands before it",
        451 => "a country or policy block stands before it",
        _ => "something before the solver turns it away",
    }
}

pub static UNAVAILABLE: Rule = Rule {
    id: "http01-503-or-502",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the challenge path is routed, but the controller cannot reach the solver: 502, 503 or 504",
    doc: include_str!("../../../docs/rules/http01-503-or-502.md"),
    needs: &[Kind::Challenge, Kind::Pod, Kind::Service, Kind::Event],
    explains: and_http01_probes![],
    judge: unavailable,
};

fn unavailable(facts: &Facts) -> Judgement {
    let heard = heard(facts)?;
    let findings = heard.iter().filter_map(|heard| {
        let code = status(heard).filter(|code| (500..600).contains(code))?;
        let ready = heard.node.pods.iter().find(|pod| is_ready(pod));
        let why = match ready {
            Some(pod) => format!(
                "The solver Pod {} is ready, so the way from the ingress controller to its port 8089 is cut: a \
                 NetworkPolicy, strict mTLS of a mesh, or a Service that does not choose it.",
                pod.name()
            ),
            None => "Whoever answers knows a backend for the host, but gets no answer from it.".to_owned(),
        };
        let finding = UNAVAILABLE
            .on(heard.node.challenge.objref())
            .says(format!(
                "{} got {code} from http://{} on the challenge path: the backend does not answer",
                who(heard),
                heard.name()
            ))
            .because(format!("{why} {}", heard.what_follows()));
        let mut finding = heard.quote(finding);
        for pod in &heard.node.pods {
            finding = finding.evidence(Witness::Status(Kind::Pod, "phase"), format!("{}: {}", pod.name(), phase(pod)));
        }
        let flag = heard.flag();
        let finding = finding
            .fix(Fix::command(
                "look at the solver's Pod and Service, and at policies that guard port 8089",
                format!(
                    "kubectl get pod,service,endpointslice,networkpolicy{flag} -o wide"
                ),
            ))
            .fix(Fix::manual(
                "allow the ingress controller to reach port 8089 of Pods labelled acme.cert-manager.io/http01-solver=true",
            ));
        Some(heard.retry(finding, facts))
    });
    Ok(findings.collect())
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("no phase")
}

/// Whether the Pod's condition Ready is True.
fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

pub static WRONG_BODY: Rule = Rule {
    id: "http01-wrong-body",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the challenge path answers with something other than the key authorization",
    doc: include_str!("../../../docs/rules/http01-wrong-body.md"),
    needs: &[Kind::Challenge, Kind::Ingress, Kind::Event],
    explains: and_http01_probes![],
    judge: wrong_body,
};

fn wrong_body(facts: &Facts) -> Judgement {
    let heard = heard(facts)?;
    let findings = heard.iter().filter_map(|heard| {
        let kind = body(heard)?;
        let (what, why) = explain_body(kind);
        let finding = WRONG_BODY
            .on(heard.node.challenge.objref())
            .says(format!("{} got {what} from http://{} instead of the key authorization", who(heard), heard.name()))
            .because(format!("{why} {}", heard.what_follows()));
        let finding = solver_objects(heard.quote(finding), facts, heard);
        let finding = finding.fix(heard.fetch()).fix(Fix::manual(mend_body(kind, heard.name())));
        Some(heard.retry(finding, facts))
    });
    Ok(findings.collect())
}

fn explain_body(kind: Body) -> (&'static str, &'static str) {
    match kind {
        Body::Html => (
            "a web page",
            "Another backend answers the path with status 200: a catch-all of a web application, a parking or log-in \
             page, or the default site of a web server.",
        ),
        Body::OtherAccount => (
            "the right token with the key of another ACME account",
            "Another ACME client answers for this name: a second cluster or cert-manager behind the same name, or a \
             load balancer or hosting panel that solves challenges itself.",
        ),
        Body::OtherToken => (
            "the key authorization of another challenge",
            "An old answer is served: a cache in front keeps it, or the solver of an earlier challenge, perhaps of \
             another cluster, still has the path.",
        ),
        Body::Empty => ("an empty answer", "Another backend answers the path, with status 200 and no content."),
        Body::Other => ("another text", "Another backend answers the path with status 200."),
        Body::NotQuoted => (
            "another answer",
            "The answer has status 200 but is not the key authorization: another backend, a cache, or another ACME \
             client answers. This release of cert-manager does not keep the body.",
        ),
    }
}

fn mend_body(kind: Body, name: &str) -> String {
    match kind {
        Body::OtherAccount => format!("let only one cluster and one ACME client answer for {name}"),
        Body::OtherToken => {
            format!("purge and bypass the cache for /.well-known/acme-challenge/ on {name}, and let one cluster answer")
        }
        Body::Html | Body::Empty | Body::Other | Body::NotQuoted => format!(
            "give /.well-known/acme-challenge/ on {name} precedence over the catch-all route, or point the name at the \
             controller that serves the solver"
        ),
    }
}

/// The status of an answer, whoever got it.
fn status(heard: &Heard) -> Option<u16> {
    if let Some(SelfCheck::Status(code)) = heard.self_check() {
        return Some(*code);
    }
    if let Some(CaSaid::Status(code)) = heard.ca().map(|verdict| &verdict.said) {
        return Some(*code);
    }
    None
}

/// What an answer with status 200 is instead of the key authorization, whoever got it.
fn body(heard: &Heard) -> Option<Body> {
    let expected = &heard.node.challenge.spec.key;
    if let Some(SelfCheck::Body(body)) = heard.self_check() {
        return Some(Body::of(*body, expected));
    }
    if let Some(CaSaid::Body(body)) = heard.ca().map(|verdict| &verdict.said) {
        return Some(Body::of(*body, expected));
    }
    None
}

/// Whose word an answer is.
fn who(heard: &Heard) -> String {
    match &heard.words {
        Words::Ca(verdict) => match verdict.address() {
            Some(address) => format!("the CA, asking {address},"),
            None => "the CA".to_owned(),
        },
        Words::SelfCheck(_) | Words::Present { .. } => "cert-manager's own check".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::staging::{refused, self_check};
    use crate::facts::specimen::Specimen;

    const URL: &str = "http://web.example.com/.well-known/acme-challenge/r_f7";

    #[test]
    fn each_status_has_its_rule_after_the_grace_time() {
        for (code, id) in [
            (404, Some("http01-404")),
            (410, Some("http01-404")),
            (401, Some("http01-403-or-401")),
            (403, Some("http01-403-or-401")),
            (429, Some("http01-403-or-401")),
            (502, Some("http01-503-or-502")),
            (503, Some("http01-503-or-502")),
            (504, Some("http01-503-or-502")),
            (304, None),
        ] {
            let words = format!("wrong status code '{code}', expected '200'");
            assert_eq!(self_check(&words).ids(), id.into_iter().collect::<Vec<_>>(), "{code}");
        }
    }

    #[test]
    fn every_challenge_of_the_order_is_judged() {
        assert_eq!(Specimen::http01().later(3).ids(), ["http01-404", "http01-404"]);
    }

    #[test]
    fn no_answer_is_a_fault_in_the_first_minute() {
        for words in ["wrong status code '404', expected '200'", "wrong status code '503', expected '200'"] {
            let mut young = self_check(words);
            young.now = Specimen::http01().now;
            assert_eq!(young.ids(), Vec::<&str>::new(), "{words}");
        }
    }

    #[test]
    fn an_old_event_of_a_passed_challenge_is_no_fault() {
        let passed = self_check("wrong status code '404', expected '200'").broken(|objects| {
            objects.challenge().status.state = Some(crate::api::AcmeState::Valid);
        });
        assert_eq!(passed.ids(), Vec::<&str>::new());
    }

    #[test]
    fn the_cas_word_on_a_status_counts_at_once() {
        for (code, id) in [(404, "http01-404"), (403, "http01-403-or-401"), (503, "http01-503-or-502")] {
            let specimen = refused(&format!("unauthorized: 203.0.113.7: Invalid response from {URL}: {code}"));
            assert_eq!(specimen.root(), Some(id), "{code}");
            assert!(specimen.judge().headline.contains("203.0.113.7"), "{}", specimen.judge().headline);
        }
    }

    #[test]
    fn a_404_names_the_solvers_ingress_and_what_it_lacks() {
        let finding = &self_check("wrong status code '404', expected '200'").judge().findings[0];
        assert!(finding.explanation.contains("cm-acme-http-solver-c56md has class nginx and no address"));
        let taken_up = self_check("wrong status code '404', expected '200'").broken(|objects| {
            let ingress =
                objects.ingresses.iter_mut().find(|i| i.metadata.name.as_deref() == Some("cm-acme-http-solver-c56md"));
            let balancer = serde_json::json!({"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}});
            ingress.unwrap().status = Some(serde_json::from_value(balancer).unwrap());
        });
        let finding = &taken_up.judge().findings[0];
        assert!(finding.explanation.contains("is taken up by a controller"), "{}", finding.explanation);
    }

    #[test]
    fn a_wrong_body_is_told_by_what_it_is() {
        let key = "KoNgn0RvJ3npi6lS1kuc2UAHOZH9DX4iaWNDCPBgWtI";
        let got = |body: &str| {
            let words = format!(
                "did not get expected response when querying endpoint, expected \"{key}.x\" but got: {body} (truncated)"
            );
            self_check(&words)
        };
        for (body, word) in [
            ("<!doctype html><title>Shop</title>".to_owned(), "a web page"),
            (format!("{key}.kPTBkpucqO83cxu2bjSPk8UXRT4MEj0zIQKKrq_1fzU"), "another ACME account"),
            (
                "r_f7urXTq7zA1j_m5mio0z-TygnOV286CrYdhmylmFs.TTgRdBupq9afzybNinrnhyU7viX21dmqRcLn8UVpKtA".into(),
                "another challenge",
            ),
            ("pong".into(), "another text"),
        ] {
            assert_eq!(got(&body).ids(), ["http01-wrong-body"]);
            assert!(got(&body).judge().headline.contains(word), "{}", got(&body).judge().headline);
        }
        let newer = self_check(&format!("did not get expected response \"{key}.x\" when querying endpoint"));
        assert_eq!(newer.ids(), ["http01-wrong-body"]);
    }

    #[test]
    fn the_cas_word_on_a_body_counts() {
        let report = Specimen::rejected().judge();
        assert_eq!(Specimen::rejected().root(), Some("http01-wrong-body"));
        assert!(
            report.headline.starts_with("the CA got a web page from http://web.example.com"),
            "{}",
            report.headline
        );
    }

    #[test]
    fn what_guards_the_host_is_named() {
        let guarded = self_check("wrong status code '401', expected '200'").with(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: storefront\n  namespace: shop\n  \
             annotations: {nginx.ingress.kubernetes.io/auth-url: https://sso.example.com/auth}\nspec:\n  rules:\n  - \
             {host: www.shop.example.com}\n",
        );
        let finding = &guarded.judge().findings[0];
        assert!(
            finding.evidence.iter().any(|evidence| evidence.text.contains("auth-url=https://sso.example.com/auth"))
        );
    }
}
