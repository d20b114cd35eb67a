//! Whether the issuer that is named exists, and if not, which one was meant.

use jiff::Timestamp;
use serde_json::json;

use super::{is_said_missing, is_waiting, patch, request_words};
use crate::api::{ClusterIssuer, Condition, Issuer, IssuerRef, Object, RequestConditionType};
use crate::fact::Fact;
use crate::facts::{Facts, known};
use crate::finding::{Finding, Fix, Witness};
use crate::inventory::last_seen;
use crate::objref::{Kind, ObjRef};
use crate::rule::places::Places;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};

/// How many letters may differ for a name to be a slip of the pen.
const NEAR: usize = 2;

pub static NOT_FOUND: Rule = Rule {
    id: "issuer-not-found",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the issuer that is named does not exist",
    doc: include_str!("../../../docs/rules/issuer-not-found.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuer-not-ready"],
    judge: not_found,
};

fn not_found(facts: &Facts) -> Judgement {
    let missing = Missing::of(facts)?;
    let reference = missing.reference;
    let wanted = format!("{} {}", reference.kind_or_default(), reference.name);
    let finding = missing.found(&NOT_FOUND);
    Ok(match missing.meant() {
        Meant::Elsewhere(_) => vec![],
        Meant::NoSuchKind => vec![
            finding
                .says(format!(
                    "issuerRef.kind {} is no kind of cert-manager: it must be Issuer or \
                 ClusterIssuer",
                    reference.kind
                ))
                .because(
                    "No controller looks at such a request, so it gets neither a condition nor an event and \
                     waits for ever. \
                     An issuer of another project needs its API group in issuerRef.group.",
                )
                .fix(Fix::manual("correct issuerRef.kind, or set issuerRef.group to the group of that kind")),
        ],
        Meant::OtherKind(there) => vec![
            finding
                .says(format!("{}, but there is a {there}: issuerRef.kind is wrong", missing.denial(&wanted)))
                .because(
                    "issuerRef.kind means Issuer when it is left out. \
                     The request is taken up by itself as soon as the reference names an issuer that exists.",
                )
                .fix(missing.point_at(&there)),
        ],
        Meant::Near(there) => vec![
            finding
                .says(format!("{}; {there} has nearly that name", missing.denial(&wanted)))
                .because(
                    "The request waits until an issuer of exactly that kind and name exists, or until the \
                 reference is corrected.",
                )
                .fix(missing.point_at(&there)),
        ],
        Meant::Unknown => vec![
            finding
                .says(match missing.hearsay() {
                    None => format!("{} does not exist", missing.described()),
                    Some(_) => missing.denial(&missing.described()),
                })
                .because(format!(
                    "The request waits, and is taken up by itself when the issuer appears. Nothing needs a restart.{}",
                    if missing.hearsay().is_some() {
                        " The issuer may be there by now: it was not looked at."
                    } else {
                        ""
                    }
                ))
                .fix(Fix::command("see which issuers there are, then correct issuerRef", missing.list()))
                .fix(Fix::manual(format!("or create {wanted}"))),
        ],
    })
}

pub static IN_OTHER_NAMESPACE: Rule = Rule {
    id: "issuer-in-other-namespace",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the Issuer is in another namespace, and an Issuer serves its own only",
    doc: include_str!("../../../docs/rules/issuer-in-other-namespace.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuer-not-found", "issuer-not-ready"],
    judge: in_other_namespace,
};

fn in_other_namespace(facts: &Facts) -> Judgement {
    let missing = Missing::of(facts)?;
    let Meant::Elsewhere(there) = missing.meant() else { return Ok(vec![]) };
    let name = &missing.reference.name;
    let from = there.first();
    let copy = format!(
        "kubectl get issuer {name} -n {from} -o json | jq '{{apiVersion, kind, metadata: {{name: \
         .metadata.name}}, spec}}' \
         | kubectl apply -n {} -f -",
        missing.namespace
    );
    Ok(vec![
        missing
            .found(&IN_OTHER_NAMESPACE)
            .says(format!("Issuer {name} is in namespace {there}, the certificate in {}", missing.namespace))
            .because(
                "An Issuer signs for its own namespace only, so cert-manager does not find it from here and the \
                 request waits.",
            )
            .evidence(Witness::Source, format!("Issuer {name} exists in namespace {there}"))
            .fix(Fix::command("give this namespace an Issuer of its own (copy the Secrets that it names, too)", copy))
            .fix(Fix::manual(
                "or make it a ClusterIssuer, with its Secrets in the cluster resource namespace (usually \
                 cert-manager), \
                 and set issuerRef.kind to ClusterIssuer",
            )),
    ])
}

/// A reference to an issuer of cert-manager's own that is not there.
struct Missing<'f, 'i> {
    facts: &'f Facts<'i>,
    reference: &'i IssuerRef,
    /// Where the issuer is looked for.
    namespace: String,
    /// The controller's word, if it has spoken.
    words: Option<&'i str>,
}

/// What is known from the controller's word only.
struct Hearsay {
    at: Option<Timestamp>,
}

/// What was probably meant.
enum Meant {
    NoSuchKind,
    /// The same name under the other kind.
    OtherKind(ObjRef),
    /// An Issuer of the same name in these namespaces.
    Elsewhere(Places),
    Near(ObjRef),
    Unknown,
}

impl<'f, 'i> Missing<'f, 'i> {
    fn of(facts: &'f Facts<'i>) -> Result<Self, Withheld> {
        let reference = facts.issuer_ref()?;
        if reference.is_external() || !is_waiting(facts) || facts.chain.issuer.seen().is_some() {
            return Err(Withheld::NotApplicable);
        }
        let words = request_words(facts).filter(|_| is_said_missing(facts));
        if words.is_none() && !facts.chain.issuer.is_absent() {
            let kind = reference.own_kind().unwrap_or(Kind::Issuer);
            return match known(&facts.chain.issuer, kind) {
                Err(gap) if super::stands_at_issuer(facts) => Err(gap),
                Ok(_) | Err(_) => Err(Withheld::NotApplicable),
            };
        }
        let namespace = facts.chain.subject.namespace.clone().unwrap_or_default();
        Ok(Self { facts, reference, namespace, words })
    }

    fn meant(&self) -> Meant {
        let inventory = self.facts.inventory;
        let name = self.reference.name.as_str();
        let Some(kind) = self.reference.own_kind() else { return Meant::NoSuchKind };
        let other = if kind == Kind::ClusterIssuer {
            inventory.get::<Issuer>(Some(&self.namespace), name).map(Object::objref)
        } else {
            inventory.get::<ClusterIssuer>(None, name).map(Object::objref)
        };
        if let Fact::Seen(other) = other {
            return Meant::OtherKind(other);
        }
        let elsewhere = || Places::of(inventory.namespaces_of(Kind::Issuer, name));
        if let Some(elsewhere) = (kind == Kind::Issuer).then(elsewhere).flatten() {
            return Meant::Elsewhere(elsewhere);
        }
        let distance = |other: &ObjRef| strsim::damerau_levenshtein(&other.name, name);
        let own = inventory.issuers.around(&self.namespace, name).iter().map(Object::objref);
        let cluster = inventory.cluster_issuers.around("", name).iter().map(Object::objref);
        own.chain(cluster)
            .filter(|other| distance(other) <= NEAR && name.len() > 2 * NEAR)
            .min_by_key(|other| (distance(other), other.kind != kind))
            .map_or(Meant::Unknown, Meant::Near)
    }

    /// When the controller said that there is no such issuer, if nobody looked since: the last such event, else the
    /// condition's last change. Its message may be newer than that, never older.
    fn hearsay(&self) -> Option<Hearsay> {
        if self.facts.chain.issuer.is_absent() {
            return None;
        }
        let request = self.facts.chain.in_flight()?.request;
        let told = self.facts.event(request, "IssuerNotFound").and_then(last_seen);
        let since = request.condition(RequestConditionType::Ready).and_then(Condition::since);
        Some(Hearsay { at: told.max(since) })
    }

    /// `there is no Issuer le`, or whose word that is and of when.
    fn denial(&self, wanted: &str) -> String {
        match self.hearsay() {
            None => format!("there is no {wanted}"),
            Some(Hearsay { at: Some(at) }) => format!("cert-manager found no {wanted}, as of {at}"),
            Some(Hearsay { at: None }) => format!("cert-manager found no {wanted} at some time"),
        }
    }

    /// `Issuer shop/le` or `ClusterIssuer le`.
    fn described(&self) -> String {
        self.reference
            .objref(&self.namespace)
            .map_or_else(|| format!("{} {}", self.reference.kind, self.reference.name), |object| object.to_string())
    }

    /// Starts a finding about the object that holds the wrong reference.
    fn found(&self, rule: &'static Rule) -> Finding {
        let chain = &self.facts.chain;
        let reference = format!("{} {}", self.reference.kind_or_default(), self.reference.name);
        let (holder, kind) = match (chain.certificate.seen(), chain.in_flight()) {
            (Some(certificate), _) => (certificate.objref(), Kind::Certificate),
            (None, Some(node)) => (node.request.objref(), Kind::CertificateRequest),
            (None, None) => (chain.subject.clone(), chain.subject.kind),
        };
        let finding = rule
            .on(holder)
            .evidence(Witness::Spec(kind, "issuerRef"), reference)
            .evidence(Witness::Condition(Kind::CertificateRequest, "Ready"), self.words.unwrap_or_default());
        match self.hearsay() {
            None => finding,
            Some(Hearsay { at }) => {
                let at = at.map_or_else(String::new, |at| format!(" of {at}"));
                let words = format!("that is the request's word{at}: the issuer itself was not looked at");
                finding.evidence(Witness::Source, words)
            }
        }
    }

    /// Lets the certificate go by another issuer. What a shim made is changed at its source, or it is changed back.
    fn point_at(&self, there: &ObjRef) -> Fix {
        let certificate = self.facts.chain.certificate.seen();
        let Some(certificate) = certificate else {
            return Fix::manual(format!("name {there} in whatever makes the request: a request cannot be changed"));
        };
        point_at(*certificate, there)
    }

    fn list(&self) -> String {
        format!("kubectl get clusterissuers,issuers -n {}", self.namespace)
    }
}

/// Lets a Certificate go by another issuer. A Certificate that an Ingress or Gateway made is changed there.
pub(super) fn point_at(certificate: &impl Object, there: &ObjRef) -> Fix {
    let namespace = certificate.objref().namespace_flag();
    if let Some(owner) = certificate.controller().filter(|owner| matches!(owner.kind.as_str(), "Ingress" | "Gateway")) {
        let cluster = ("cluster-issuer", "issuer");
        let (set, unset) = if there.kind == Kind::ClusterIssuer { cluster } else { (cluster.1, cluster.0) };
        let kind = owner.kind.to_ascii_lowercase();
        let command = format!(
            "kubectl annotate {kind} {}{namespace} --overwrite cert-manager.io/{set}={} cert-manager.io/{unset}-",
            owner.name, there.name
        );
        return Fix::command(format!("name {there} on the {} that makes this Certificate", owner.kind), command);
    }
    let change = json!({"spec": {"issuerRef": {"kind": there.kind.word(), "name": there.name}}});
    Fix::command(format!("name {there} in the Certificate"), patch(&certificate.objref(), &change))
}

#[cfg(test)]
mod tests {
    use crate::api::Object;
    use crate::facts::specimen::Specimen;
    use crate::inventory::{Answer, Objects, Scope};
    use crate::objref::Kind;

    /// Certificate shop/web waits for an issuer that is not there.
    fn waiting(kind: &str, name: &str) -> Specimen {
        Specimen::http01().broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            let word = format!("{}.cert-manager.io", kind.to_ascii_lowercase());
            for reference in [&mut objects.certificates[0].spec.issuer_ref, &mut objects.requests[0].spec.issuer_ref] {
                reference.kind = kind.into();
                reference.name = name.into();
            }
            say(objects, &format!(r#"Referenced "{kind}" not found: {word} "{name}" not found"#));
        })
    }

    fn say(objects: &mut Objects, words: &str) {
        for condition in &mut objects.request().status.conditions {
            if !condition.is_true() {
                condition.message = words.into();
            }
        }
    }

    fn summary(specimen: &Specimen) -> String {
        specimen.judge().findings[0].summary.clone()
    }

    #[test]
    fn the_same_name_under_the_other_kind_is_a_wrong_kind() {
        let wrong = waiting("Issuer", "letsencrypt");
        assert_eq!(wrong.ids(), ["issuer-not-found"]);
        assert!(summary(&wrong).contains("but there is a ClusterIssuer letsencrypt"), "{}", summary(&wrong));
        let fix = wrong.judge().findings[0].fixes[0].command.clone().unwrap();
        assert!(fix.contains(r#"{"kind":"ClusterIssuer","name":"letsencrypt"}"#), "{fix}");
    }

    #[test]
    fn a_certificate_of_an_ingress_is_mended_at_the_ingress() {
        let wrong = waiting("Issuer", "letsencrypt").broken(|objects| {
            objects.certificate().metadata.owner_references =
                serde_json::from_value(serde_json::json!([{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
                    "name": "front", "uid": "1", "controller": true}]))
                .unwrap();
        });
        let fix = wrong.judge().findings[0].fixes[0].command.clone().unwrap();
        assert!(
            fix.contains("kubectl annotate ingress front -n shop") && fix.contains("cert-manager.io/issuer-"),
            "{fix}"
        );
    }

    #[test]
    fn a_near_name_is_a_slip_and_a_far_one_is_not() {
        let slip = waiting("ClusterIssuer", "letsencrpyt");
        assert_eq!(slip.ids(), ["issuer-not-found"]);
        assert!(summary(&slip).contains("ClusterIssuer letsencrypt has nearly that name"), "{}", summary(&slip));
        let none = waiting("ClusterIssuer", "corporate-ca");
        assert_eq!(none.ids(), ["issuer-not-found"]);
    }

    #[test]
    fn an_issuer_of_another_namespace_is_named() {
        let elsewhere = waiting("Issuer", "internal-ca").broken(|objects| {
            let mut issuer = crate::api::Issuer::default();
            issuer.metadata.name = Some("internal-ca".into());
            issuer.metadata.namespace = Some("security".into());
            objects.issuers.push(issuer);
        });
        assert_eq!(elsewhere.ids(), ["issuer-in-other-namespace"]);
        assert!(summary(&elsewhere).contains("in namespace security"), "{}", summary(&elsewhere));
        // An Issuer next door is no answer to a reference to a ClusterIssuer.
        let cluster = elsewhere.broken(|objects| {
            objects.certificate().spec.issuer_ref.kind = "ClusterIssuer".into();
            say(
                objects,
                r#"Referenced "ClusterIssuer" not found: clusterissuer.cert-manager.io "internal-ca" not found"#,
            );
        });
        assert_eq!(cluster.ids(), ["issuer-not-found"]);
    }

    #[test]
    fn a_kind_that_nobody_serves_is_found_without_a_word_of_the_controller() {
        let odd = waiting("Clusterissuer", "letsencrypt").broken(|objects| {
            objects.request().status.conditions.retain(crate::api::Condition::is_true);
        });
        assert!(odd.ids().contains(&"issuer-not-found"), "{:?}", odd.ids());
        let external =
            odd.broken(|objects| objects.certificate().spec.issuer_ref.group = "awspca.cert-manager.io".into());
        assert!(!external.ids().contains(&"issuer-not-found"));
    }

    #[test]
    fn an_issuer_that_is_there_now_is_not_missing() {
        let there = Specimen::http01().broken(|objects| {
            let name = objects.cluster_issuer().name().to_owned();
            say(
                objects,
                &format!(r#"Referenced "ClusterIssuer" not found: clusterissuer.cert-manager.io "{name}" not found"#),
            );
        });
        assert_eq!(there.ids(), Vec::<&str>::new());
        let stalled = there.later(10).broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
        });
        assert_eq!(stalled.ids(), ["issuance-stalled"]);
        let evidence = stalled.judge().findings[0].evidence.clone();
        assert!(evidence.iter().any(|one| one.text.contains("ClusterIssuer letsencrypt exists now")), "{evidence:?}");
    }

    #[test]
    fn what_only_the_request_says_is_told_with_its_time() {
        let told = || waiting("ClusterIssuer", "corporate-ca").broken(|objects| objects.events.clear());
        let (word, time) = ("cert-manager found no ClusterIssuer corporate-ca, as of ", "2026-11-22T06:29:52Z");
        assert_eq!(summary(&told()), format!("{word}{time}"));
        let looked = told().broken(|objects| {
            objects.coverage.record(Kind::ClusterIssuer, Scope::Cluster, Answer::Complete);
        });
        assert_eq!(summary(&looked), "ClusterIssuer corporate-ca does not exist");
        let evidence = looked.judge().findings[0].evidence.clone();
        assert!(!evidence.iter().any(|one| one.text.contains("not looked at")), "{evidence:?}");
        let later = told().with(
            "apiVersion: v1\nkind: Event\nmetadata: {name: e, namespace: shop}\nreason: IssuerNotFound\n\
             lastTimestamp: '2026-11-22T06:30:01Z'\ninvolvedObject: {kind: CertificateRequest, namespace: shop, name: web-1}\n",
        );
        assert_eq!(summary(&later), format!("{word}2026-11-22T06:30:01Z"));
    }

    #[test]
    fn where_the_issuer_was_not_looked_for_the_rule_says_so() {
        let unknown = waiting("Issuer", "internal-ca").broken(|objects| {
            objects.request().status.conditions.retain(crate::api::Condition::is_true);
        });
        assert_eq!(unknown.ids(), Vec::<&str>::new());
        let withheld = unknown.judge().withheld;
        assert!(withheld.iter().any(|gap| gap.rule.id == "issuer-not-found"), "{withheld:?}");
    }
}
