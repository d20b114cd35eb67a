//! The class of the solver's Ingress: which controller is to serve it.
//!
//! An address in the status is the sign that some controller has taken an Ingress up.

use k8s_openapi::api::networking::v1::{Ingress, IngressClass};

use super::words::SelfCheck;
use super::{Heard, begin_anew, front, heard};
use crate::api::solver::Http01Ingress;
use crate::api::{AcmeState, Challenge, ChallengeType, Object, annotation};
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;
use crate::rule::live::and_http01_probes;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity};

pub static WRONG_CLASS: Rule = Rule {
    id: "http01-wrong-ingress-class",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the solver's Ingress has a class that the controller of the name does not serve",
    doc: include_str!("../../../docs/rules/http01-wrong-ingress-class.md"),
    needs: &[Kind::Challenge, Kind::Ingress, Kind::IngressClass],
    explains: and_http01_probes!["http01-404", "http01-403-or-401", "http01-503-or-502", "http01-wrong-body"],
    judge: wrong_class,
};

fn wrong_class(facts: &Facts) -> Judgement {
    let heard = heard(facts)?;
    Ok(heard.iter().filter_map(|heard| wrong_class_of(facts, heard)).collect())
}

/// What is wrong with the class, and the class to name instead.
struct Fault<'i> {
    says: String,
    why: String,
    right: Option<&'i str>,
    witness: Witness,
    words: String,
}

fn wrong_class_of(facts: &Facts, heard: &Heard) -> Option<Finding> {
    match heard.self_check()? {
        SelfCheck::Status(_) | SelfCheck::Body(_) => {}
        SelfCheck::NoAnswer(_)
        | SelfCheck::Redirect(_)
        | SelfCheck::Present(_)
        | SelfCheck::NotMade
        | SelfCheck::Other => return None,
    }
    let ingress = heard.node.ingresses.first()?;
    let fault = served_by_another(facts, heard, ingress).or_else(|| no_such_class(facts, ingress))?;
    let challenge = heard.node.challenge;
    let right = fault.right.unwrap_or("CLASS-OF-THE-PUBLIC-CONTROLLER");
    let issuer = &challenge.spec.issuer_ref;
    let finding = WRONG_CLASS
        .on(ingress.objref())
        .says(fault.says)
        .because(format!("{} {}", fault.why, heard.what_follows()))
        .evidence(
            Witness::Status(Kind::Ingress, "loadBalancer"),
            format!("{}: {}", ingress.name(), front::describe(ingress)),
        )
        .evidence(fault.witness, fault.words);
    let finding = heard.quote(finding);
    let override_key = overriding_class(facts);
    let finding = match (override_key, facts.certificate()) {
        (Some(key), Ok(certificate)) => finding.fix(Fix::command(
            "the Certificate's annotation sets the class: change it there (on the Ingress, if one made the Certificate)",
            format!(
                "kubectl annotate certificate {} {key}- {}={right}{}",
                certificate.name(),
                annotation::HTTP01_OVERRIDE_CLASS_NAME,
                heard.flag()
            ),
        )),
        (Some(_), Err(_)) | (None, _) => finding.fix(Fix::patch(
            format!("name the class of the public controller in {} {}", issuer.kind_or_default(), issuer.name),
            format!("spec:\n  acme:\n    solvers:\n    - http01:\n        ingress:\n          ingressClassName: {right}\n"),
        )),
    };
    Some(finding.fix(begin_anew(facts)))
}

/// The override annotation that sets the class.
fn overriding_class(facts: &Facts) -> Option<&'static str> {
    let order = facts.order().ok()?.order;
    [annotation::HTTP01_OVERRIDE_CLASS, annotation::HTTP01_OVERRIDE_CLASS_NAME]
        .into_iter()
        .find(|key| order.annotation(key).is_some())
}

/// Another Ingress of the host is taken up by the controller of another class.
fn served_by_another<'i>(facts: &Facts<'i>, heard: &Heard, ingress: &Ingress) -> Option<Fault<'i>> {
    let class = front::class_of(ingress);
    let addresses = front::addresses_of(ingress);
    let others = facts.inventory.ingresses_serving(heard.name());
    let other = others.into_iter().find(|other| {
        let theirs = front::addresses_of(other);
        front::class_of(other).is_some_and(|other| Some(other) != class)
            && !theirs.is_empty()
            && !theirs.iter().any(|address| addresses.contains(address))
    })?;
    let right = front::class_of(other)?;
    let ours = class.map_or_else(|| "no class".to_owned(), |class| format!("class {class}"));
    Some(Fault {
        says: format!(
            "the solver's Ingress for {} has {ours}, but the controller of class {right} serves that host",
            heard.name()
        ),
        why: format!(
            "{} names the same host and is served at {}, by another controller than the one that the solver's Ingress \
             asks for. So the name leads to a controller that does not know the challenge path.",
            other.objref(),
            front::addresses_of(other).join(", ")
        ),
        right: Some(right),
        witness: Witness::Status(Kind::Ingress, "loadBalancer"),
        words: format!("{}: {}", other.objref(), front::describe(other)),
    })
}

/// No controller has taken the solver's Ingress up, and its class explains it.
fn no_such_class<'i>(facts: &Facts<'i>, ingress: &Ingress) -> Option<Fault<'i>> {
    if !front::addresses_of(ingress).is_empty() {
        return None;
    }
    let classes: Vec<&'i IngressClass> = facts.inventory.ingress_classes.iter().collect();
    let complete = facts.inventory.missing::<()>(Kind::IngressClass, None, None).is_absent();
    if classes.is_empty() && !complete {
        return None;
    }
    let names: Vec<&'i str> = classes.iter().map(|class| class.name()).collect();
    let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let witness = Witness::Source;
    // Saved objects may hold some of the classes only.
    let nowhere = if complete {
        "and there is no such IngressClass".to_owned()
    } else {
        format!("which is not among the IngressClasses in the source ({there})")
    };
    let words = format!("IngressClasses there: {there}");
    let name = ingress.name();
    let by_field = ingress.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_deref());
    match (by_field, front::class_of(ingress)) {
        (_, None) => {
            let has_default = classes.iter().any(|class| is_default(class));
            (!has_default).then(|| Fault {
                says: if complete {
                    format!("the solver's Ingress {name} has no class, and no IngressClass is the default")
                } else {
                    format!(
                        "the solver's Ingress {name} has no class, and none of the IngressClasses in the source \
                         ({there}) is the default"
                    )
                },
                why: "The solver names no class, so it is left to a default class. Without one, no controller takes \
                      the Ingress up."
                    .into(),
                right: only(&names),
                witness,
                words,
            })
        }
        (Some(class), _) if !names.contains(&class) => Some(Fault {
            says: format!("the solver's Ingress {name} asks for class {class}, {nowhere}"),
            why: format!(
                "No controller takes up an Ingress whose class does not exist.{}",
                did_you_mean(class, &names)
            ),
            right: near(class, &names).or_else(|| only(&names)),
            witness,
            words,
        }),
        (Some(_), _) => None,
        (None, Some(class)) if names.contains(&class) => Some(Fault {
            says: format!(
                "the solver's Ingress {name} asks for class {class} by the old annotation, and no controller takes it up"
            ),
            why: format!(
                "The solver sets `class`, which becomes the annotation kubernetes.io/ingress.class. Many controllers \
                 read only spec.ingressClassName today. IngressClass {class} exists."
            ),
            right: names.iter().copied().find(|there| *there == class),
            witness,
            words,
        }),
        (None, Some(class)) => Some(Fault {
            says: format!(
                "the solver's Ingress {name} asks for class {class} by annotation, and no controller takes it up"
            ),
            why: format!(
                "{}, and no controller with that name in its own settings has written an address.{}",
                if complete {
                    format!("There is no IngressClass {class}")
                } else {
                    format!("IngressClass {class} is not in the source (which has {there})")
                },
                did_you_mean(class, &names)
            ),
            right: near(class, &names).or_else(|| only(&names)),
            witness,
            words,
        }),
    }
}

fn is_default(class: &IngressClass) -> bool {
    class.annotation("ingressclass.kubernetes.io/is-default-class") == Some("true")
}

fn only<'i>(names: &[&'i str]) -> Option<&'i str> {
    match names {
        [name] => Some(name),
        _ => None,
    }
}

fn near<'i>(wanted: &str, names: &[&'i str]) -> Option<&'i str> {
    let scored = names.iter().map(|name| (strsim::jaro_winkler(name, wanted), *name)).filter(|(score, _)| *score > 0.8);
    scored.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

fn did_you_mean(wanted: &str, names: &[&str]) -> String {
    near(wanted, names).map(|name| format!(" There is an IngressClass {name}.")).unwrap_or_default()
}

pub static CLASS_CONFLICT: Rule = Rule {
    id: "http01-class-and-name-conflict",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "two of class, ingressClassName and name are set for one solver",
    doc: include_str!("../../../docs/rules/http01-class-and-name-conflict.md"),
    needs: &[Kind::Order, Kind::Event],
    explains: and_http01_probes!["order-no-solver", "http01-present-failed"],
    judge: class_conflict,
};

const OVERRIDES: [&str; 3] =
    [annotation::HTTP01_OVERRIDE_NAME, annotation::HTTP01_OVERRIDE_CLASS, annotation::HTTP01_OVERRIDE_CLASS_NAME];

fn class_conflict(facts: &Facts) -> Judgement {
    let node = facts.order()?;
    let order = node.order;
    let state = order.status.state.as_ref();
    if state.is_some_and(|state| state.is_final() || *state == AcmeState::Ready || *state == AcmeState::Processing) {
        return Ok(vec![]);
    }
    let set: Vec<_> = OVERRIDES.into_iter().filter(|key| order.annotation(key).is_some()).collect();
    if set.len() > 1 && node.challenges.is_empty() {
        return Ok(vec![annotations_conflict(facts, &set)?]);
    }
    let in_solver = node.challenges.iter().filter(|node| node.challenge.spec.type_ == ChallengeType::Http01);
    Ok(in_solver
        .filter(|node| !node.challenge.status.presented)
        .filter_map(|node| solver_conflict(facts, node.challenge))
        .collect())
}

fn annotations_conflict(facts: &Facts, set: &[&'static str]) -> Result<Finding, crate::rule::Withheld> {
    let order = facts.order()?.order;
    let mut finding = CLASS_CONFLICT
        .on(order.objref())
        .says(format!(
            "Order {} carries {} of the three override annotations for the Ingress, where one is allowed",
            order.name(),
            set.len()
        ))
        .because(
            "cert-manager cannot choose between a class, an ingressClassName and the name of an Ingress to edit, so it \
             makes no Challenge. It does not try again by itself: the Order stays pending until it is made anew.",
        );
    for key in set {
        let value = order.annotation(key).unwrap_or_default();
        finding = finding.evidence(Witness::Metadata(Kind::Order), format!("{key}: {value}"));
    }
    if let Some(event) = facts.fresh_event(order, "Solver", facts.issuance_began()) {
        let message = event.message.as_deref().unwrap_or_default();
        finding = finding.evidence(Witness::Event(Kind::Order, "Solver".into()), message);
    }
    if let Ok(certificate) = facts.certificate() {
        let drop: Vec<_> = set.iter().skip(1).map(|key| format!("{key}-")).collect();
        finding = finding.fix(Fix::command(
            "keep one of them (on the Ingress or Gateway, if one made the Certificate)",
            format!(
                "kubectl annotate certificate {} {}{}",
                certificate.name(),
                drop.join(" "),
                certificate.objref().namespace_flag()
            ),
        ));
    }
    Ok(finding.fix(begin_anew(facts)))
}

/// The issuer sets two, as it could before the webhook forbade it or while the webhook was away.
fn solver_conflict(facts: &Facts, challenge: &Challenge) -> Option<Finding> {
    let ingress = challenge.spec.solver.http01.as_ref()?.ingress.as_ref()?;
    let set = settings(ingress);
    if set.len() < 2 {
        return None;
    }
    let issuer = &challenge.spec.issuer_ref;
    let names: Vec<_> = set.iter().map(|(key, _)| *key).collect();
    let mut finding = CLASS_CONFLICT
        .on(challenge.objref())
        .says(format!(
            "the solver of {} {} sets {} at once",
            issuer.kind_or_default(),
            issuer.name,
            names.join(" and ")
        ))
        .because("Only one of them can hold: the solver's Ingress cannot be made from this.");
    for (key, value) in &set {
        finding = finding.evidence(Witness::Spec(Kind::Challenge, "solver.http01.ingress"), format!("{key}: {value}"));
    }
    if !challenge.status.reason.is_empty() {
        finding = finding.evidence(Witness::Status(Kind::Challenge, "reason"), &challenge.status.reason);
    }
    Some(
        finding
            .fix(Fix::manual(format!("keep ingressClassName alone in {} {}", issuer.kind_or_default(), issuer.name)))
            .fix(begin_anew(facts)),
    )
}

fn settings(ingress: &Http01Ingress) -> Vec<(&'static str, &str)> {
    let given = [
        ("ingressClassName", ingress.ingress_class_name.as_deref()),
        ("class", ingress.class.as_deref()),
        ("name", Some(ingress.name.as_str())),
    ];
    given
        .into_iter()
        .filter_map(|(key, value)| value.filter(|value| !value.is_empty()).map(|value| (key, value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::staging::{no_answer, self_check};
    use crate::facts::specimen::Specimen;
    use crate::inventory::{Answer, Scope};
    use crate::objref::Kind;

    const NOT_FOUND: &str = "wrong status code '404', expected '200'";

    fn classes(names: &[(&str, bool)]) -> String {
        let one = |(name, default): &(&str, bool)| {
            format!(
                "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata:\n  name: {name}\n  annotations: \
                 {{ingressclass.kubernetes.io/is-default-class: '{default}'}}\nspec: {{controller: k8s.io/x}}\n"
            )
        };
        names.iter().map(one).collect()
    }

    /// Changes the solver's Ingress of the first Challenge.
    fn ingress(specimen: Specimen, change: impl Fn(&mut k8s_openapi::api::networking::v1::Ingress)) -> Specimen {
        specimen.broken(|objects| {
            objects
                .ingresses
                .iter_mut()
                .filter(|i| i.metadata.name.as_deref() == Some("cm-acme-http-solver-c56md"))
                .for_each(change);
        })
    }

    #[test]
    fn a_class_that_does_not_exist_explains_the_404() {
        let wrong = self_check(NOT_FOUND).with(&classes(&[("nginx-public", false), ("internal", false)]));
        assert_eq!(wrong.ids(), ["http01-wrong-ingress-class", "http01-404"]);
        assert!(wrong.judge().findings[0].explanation.contains("There is an IngressClass nginx-public."));
        assert_eq!(self_check(NOT_FOUND).with(&classes(&[("nginx", false)])).ids(), ["http01-404"]);
        assert_eq!(self_check(NOT_FOUND).ids(), ["http01-404"], "nobody looked at the classes");
    }

    #[test]
    fn only_a_complete_list_says_that_a_class_is_not_there() {
        let saved = self_check(NOT_FOUND).with(&classes(&[("public", false)]));
        let headline = saved.judge().headline;
        assert!(headline.ends_with("which is not among the IngressClasses in the source (public)"), "{headline}");
        let live = saved.broken(|objects| {
            objects.coverage.record(Kind::IngressClass, Scope::Cluster, Answer::Complete);
        });
        let headline = live.judge().headline;
        assert!(headline.ends_with("asks for class nginx, and there is no such IngressClass"), "{headline}");
    }

    #[test]
    fn an_ingress_with_an_address_is_served_whatever_its_class() {
        let served = ingress(self_check(NOT_FOUND).with(&classes(&[("nginx-public", false)])), |ingress| {
            let status = serde_json::json!({"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}});
            ingress.status = Some(serde_json::from_value(status).unwrap());
        });
        assert_eq!(served.ids(), ["http01-404"]);
    }

    #[test]
    fn no_class_needs_a_default_class() {
        let unset = |names: &[(&str, bool)]| {
            ingress(self_check(NOT_FOUND).with(&classes(names)), |ingress| {
                ingress.spec.as_mut().unwrap().ingress_class_name = None;
            })
        };
        assert_eq!(unset(&[("nginx", false)]).ids(), ["http01-wrong-ingress-class", "http01-404"]);
        assert_eq!(unset(&[("nginx", true)]).ids(), ["http01-404"]);
    }

    #[test]
    fn the_old_annotation_is_told_where_the_class_exists() {
        let annotated = ingress(self_check(NOT_FOUND).with(&classes(&[("nginx", false)])), |ingress| {
            ingress.spec.as_mut().unwrap().ingress_class_name = None;
            let annotations = ingress.metadata.annotations.get_or_insert_default();
            annotations.insert("kubernetes.io/ingress.class".into(), "nginx".into());
        });
        assert_eq!(annotated.ids(), ["http01-wrong-ingress-class", "http01-404"]);
        assert!(annotated.judge().headline.contains("by the old annotation"));
    }

    #[test]
    fn another_controller_that_serves_the_host_decides() {
        let app = |class: &str| {
            format!(
                "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: storefront, namespace: shop}}\nspec:\n  \
                 ingressClassName: {class}\n  rules: [{{host: www.shop.example.com}}]\nstatus: {{loadBalancer: {{ingress: \
                 [{{ip: 203.0.113.10}}]}}}}\n"
            )
        };
        let other = self_check(NOT_FOUND).with(&app("public"));
        assert_eq!(other.ids(), ["http01-wrong-ingress-class", "http01-404"]);
        assert!(other.judge().findings[0].fixes[0].patch.as_ref().unwrap().contains("ingressClassName: public"));
        assert_eq!(self_check(NOT_FOUND).with(&app("nginx")).ids(), ["http01-404"]);
        let refused = no_answer("dial tcp 203.0.113.7:80: connect: connection refused").with(&app("public"));
        assert_eq!(refused.ids(), ["http01-self-check-cannot-reach"]);
    }

    #[test]
    fn two_override_annotations_are_a_conflict() {
        let overridden = |keys: &[&str]| {
            Specimen::http01().broken(|objects| {
                objects.challenges.clear();
                let annotations = objects.orders[0].metadata.annotations.get_or_insert_default();
                for key in keys {
                    annotations.insert(format!("acme.cert-manager.io/http01-override-ingress-{key}"), "x".into());
                }
            })
        };
        assert_eq!(overridden(&["name", "class"]).ids(), ["http01-class-and-name-conflict"]);
        assert_eq!(overridden(&["name"]).ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_solver_with_two_settings_is_a_conflict_while_it_is_not_presented() {
        let both = |presented| {
            Specimen::http01().broken(|objects| {
                objects.challenges.truncate(1);
                let challenge = objects.challenge();
                challenge.status.presented = presented;
                let ingress = challenge.spec.solver.http01.as_mut().unwrap().ingress.as_mut().unwrap();
                ingress.class = Some("nginx".into());
            })
        };
        assert_eq!(both(false).ids(), ["http01-class-and-name-conflict"]);
        assert_eq!(both(true).ids(), Vec::<&str>::new());
    }
}
