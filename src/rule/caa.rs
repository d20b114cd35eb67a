//! CAA records (RFC 8659): who may issue for a name, by the CA's own word.
//!
//! The CA looks at validation and again before it signs; no record is looked up here.

use super::acme_problem::{Problem, ProblemType};
use super::{Family, Judgement, Nature, Outlook, Rule, Severity, ca_refusal, progress};
use crate::api::{AcmeState, ChallengeType, Object};
use crate::chain::IssuerView;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::{Kind, ObjRef};
use crate::public_ca::identities;

pub static FORBIDS: Rule = Rule {
    id: "caa-forbids",
    aliases: &[],
    family: Family::Caa,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "a CAA record forbids this CA to issue for the name",
    doc: include_str!("../../docs/rules/caa-forbids.md"),
    needs: &[Kind::Challenge, Kind::Order, Kind::Issuer, Kind::ClusterIssuer, Kind::Event],
    explains: &[],
    judge: forbids,
};

fn forbids(facts: &Facts) -> Judgement {
    let findings = words(facts)?.into_iter().filter(Words::is_refusal).map(|words| forbidden(facts, &words));
    Ok(findings.collect())
}

fn forbidden(facts: &Facts, words: &Words) -> Finding {
    let owner = words.owner();
    let identity = server(facts).map(identities).unwrap_or_default();
    let tag = if words.wildcard { "issuewild" } else { "issue" };
    let name = if words.wildcard { format!("*.{}", words.name) } else { words.name.clone() };
    let place = if owner == words.name { String::new() } else { format!(" at {owner}") };
    let mut why = format!(
        "The first CAA set on the way up from {} decides, and it has to name the CA in an {tag} record; with none at all, any \
         CA may issue. A parameter can narrow a record to one account (accounturi) or method (validationmethods).",
        words.name
    );
    if words.wildcard {
        why.push_str(" For a wildcard, issuewild records replace the issue ones where there are any.");
    }
    let finding = FORBIDS
        .on(words.object.clone())
        .says(format!("the CA says that a CAA record{place} forbids it to issue for {name}"))
        .because(format!("{why} {AFTER}"))
        .evidence(words.witness.clone(), words.text);
    let finding = match account(facts) {
        Some((kind, uri)) => finding.evidence(Witness::Status(kind, "acme.uri"), format!("account: {uri}")),
        None => finding,
    };
    let value = identity.first().copied().unwrap_or("NAME-OF-THE-CA");
    let finding = finding
        .fix(Fix::manual(format!(
            "add beside the records there, in the zone of {owner}: {owner}. IN CAA 0 {tag} \"{value}\""
        )))
        .fix(Fix::command("see which set decides: the first that is not empty", climb(&words.name)));
    renewed(finding, facts)
}

pub static LOOKUP_FAILS: Rule = Rule {
    id: "caa-lookup-fails",
    aliases: &[],
    family: Family::Caa,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the CA cannot look up the CAA records of the name",
    doc: include_str!("../../docs/rules/caa-lookup-fails.md"),
    needs: &[Kind::Challenge, Kind::Order, Kind::Event],
    explains: &[],
    judge: lookup_fails,
};

fn lookup_fails(facts: &Facts) -> Judgement {
    let findings = words(facts)?.into_iter().filter(Words::is_failed_look_up).map(|words| {
        let owner = words.owner();
        let finding = LOOKUP_FAILS
            .on(words.object.clone())
            .says(format!("the CA cannot look up CAA of {owner}: {}", words.how()))
            .because(format!(
                "A CA must know the CAA records before it issues, so without an answer it refuses, also where there are \
                 no such records. Usual causes are name servers that do not answer for type CAA, broken DNSSEC, and a \
                 parent zone with dead servers. {AFTER}"
            ))
            .evidence(words.witness.clone(), words.text)
            .outlook(if words.is_silence() { Outlook::Unknown } else { Outlook::UntilMended })
            .fix(Fix::manual(format!(
                "make every name server of {owner} answer questions for type CAA, with an empty answer if there is no record"
            )))
            .fix(Fix::command(
                "ask each name server; SERVFAIL or silence is the fault, an empty NOERROR is fine",
                format!("for ns in $(dig +short NS {owner}); do dig @$ns CAA {owner} +noall +comments +answer; done\n{}", climb(&words.name)),
            ));
        renewed(finding, facts)
    });
    Ok(findings.collect())
}

const AFTER: &str =
    "The CA's refusal ends this Order: cert-manager makes a new one only after its back-off, or when told to.";

/// The CA's words about CAA, and where they stand.
struct Words<'i> {
    object: ObjRef,
    witness: Witness,
    /// Verbatim.
    text: &'i str,
    problem: Problem<'i>,
    name: String,
    wildcard: bool,
}

/// At validation the words are in the Challenge, at the end in the Order.
fn words<'i>(facts: &Facts<'i>) -> Result<Vec<Words<'i>>, super::Withheld> {
    let node = facts.order()?;
    let mut all = Vec::new();
    for challenge in node.challenges.iter().map(|node| node.challenge) {
        let is_acme = matches!(challenge.spec.type_, ChallengeType::Http01 | ChallengeType::Dns01);
        if let Some(refusal) = ca_refusal::of_challenge(facts, challenge).filter(|_| is_acme) {
            all.push(Words {
                object: challenge.objref(),
                text: refusal.text,
                problem: Problem::of_failed_challenge(refusal.text),
                witness: refusal.witness,
                name: challenge.spec.dns_name.clone(),
                wildcard: challenge.spec.wildcard,
            });
        }
    }
    let order = node.order;
    if order.status.state.as_ref().is_some_and(AcmeState::is_failure)
        && let Some(problem) = Problem::find(&order.status.reason)
    {
        let name = order.spec.dns_names.iter().find(|name| problem.detail.contains(name.trim_start_matches("*.")));
        let name = name.or(order.spec.dns_names.first()).map_or("", String::as_str);
        all.push(Words {
            object: order.objref(),
            witness: Witness::Status(Kind::Order, "reason"),
            text: &order.status.reason,
            problem,
            name: name.trim_start_matches("*.").to_owned(),
            wildcard: name.starts_with("*."),
        });
    }
    Ok(all)
}

impl Words<'_> {
    fn is_failed_look_up(&self) -> bool {
        self.problem.detail.contains("looking up CAA")
    }

    fn is_refusal(&self) -> bool {
        let detail = self.problem.detail.to_ascii_lowercase();
        let says_so = detail.contains("caa record")
            && ["prevents issuance", "does not include"].iter().any(|words| detail.contains(words));
        !self.is_failed_look_up() && (self.problem.type_ == Some(ProblemType::Caa) || says_so)
    }

    /// The name that holds the deciding set, or where the look-up failed; the Challenge's own where the CA does not
    /// say.
    fn owner(&self) -> String {
        let after =
            ["looking up CAA for ", "CAA record for "].iter().find_map(|lead| self.problem.detail.split_once(lead));
        let word = after.and_then(|(_, rest)| rest.split_whitespace().next()).unwrap_or_default();
        let owner = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        if owner.contains('.') || !owner.is_empty() && self.name.ends_with(&format!(".{owner}")) {
            owner.to_owned()
        } else {
            self.name.clone()
        }
    }

    /// Whether no answer came in time, which may be different the next time.
    fn is_silence(&self) -> bool {
        self.problem.detail.contains("timed out") || self.problem.detail.contains("timeout")
    }

    /// How the look-up failed, in the CA's word.
    fn how(&self) -> &'static str {
        let detail = self.problem.detail;
        if detail.contains("SERVFAIL") {
            "the question ends in SERVFAIL"
        } else if self.is_silence() {
            "there is no answer in time"
        } else if detail.contains("REFUSED") {
            "the name servers refuse the question"
        } else if detail.contains("NXDOMAIN") {
            "the CA is told that the name does not exist"
        } else {
            "there is no good answer"
        }
    }
}

/// `dig` for the name and each parent, up to the last but one label.
fn climb(name: &str) -> String {
    let labels: Vec<&str> = name.split('.').collect();
    let count = labels.len().saturating_sub(1).max(1);
    let names: Vec<String> = (0..count).map(|skip| labels[skip..].join(".")).collect();
    format!("for name in {}; do echo $name; dig +short CAA $name; done", names.join(" "))
}

fn server<'i>(facts: &Facts<'i>) -> Option<&'i str> {
    match facts.issuer().ok()? {
        IssuerView::Builtin { spec, .. } => spec.acme.as_ref().map(|acme| acme.server.as_str()),
        IssuerView::External(_) => None,
    }
}

/// The account that a record's accounturi would have to name.
fn account<'i>(facts: &Facts<'i>) -> Option<(Kind, &'i str)> {
    match facts.issuer().ok()? {
        IssuerView::Builtin { objref, status, .. } => Some((objref.kind, status.acme.as_ref()?.uri.as_str())),
        IssuerView::External(_) => None,
    }
}

fn renewed(finding: Finding, facts: &Facts) -> Finding {
    match facts.certificate() {
        Ok(certificate) => finding.fix(progress::renew(&certificate.objref())),
        Err(_) => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::specimen::Specimen;

    fn refused(problem: &str) -> Specimen {
        Specimen::rejected().broken(|objects| {
            objects.challenge().status.reason = format!(
                "Error accepting authorization: acme: authorization error for web.example.com: 403 \
                 urn:ietf:params:acme:error:{problem}"
            );
        })
    }

    #[test]
    fn a_record_that_forbids_is_told_with_its_owner_and_the_record_to_add() {
        let specimen =
            refused("caa: While processing CAA for web.example.com: CAA record for example.com prevents issuance");
        assert_eq!(specimen.root(), Some("caa-forbids"));
        let finding = &specimen.judge().findings[0];
        assert!(finding.summary.contains("a CAA record at example.com forbids it"), "{}", finding.summary);
        assert!(
            finding.fixes[0].title.contains("example.com. IN CAA 0 issue \"letsencrypt.org\""),
            "{}",
            finding.fixes[0].title
        );
        let wildcard = specimen.broken(|objects| objects.challenge().spec.wildcard = true);
        assert!(wildcard.judge().findings[0].fixes[0].title.contains("0 issuewild"));
    }

    #[test]
    fn a_refusal_before_signing_is_in_the_order() {
        let at_end = |type_: &str, detail: &str| {
            Specimen::rejected().broken(|objects| {
                objects.challenge().status.state = Some(AcmeState::Valid);
                objects.challenge().status.reason = "Successfully authorized domain".into();
                let status = &mut objects.order().status;
                status.state = Some(AcmeState::Errored);
                status.reason = format!("Failed to finalize Order: 403 urn:ietf:params:acme:error:{type_}: {detail}");
            })
        };
        let caa = "Error finalizing order :: Rechecking CAA: While processing CAA for web.example.com: CAA record for \
                   web.example.com prevents issuance";
        assert_eq!(at_end("caa", caa).root(), Some("caa-forbids"));
        assert!(!at_end("unauthorized", "Error finalizing order :: policy").ids().contains(&"caa-forbids"));
    }

    #[test]
    fn a_failed_look_up_is_no_refusal() {
        for words in [
            "dns: DNS problem: SERVFAIL looking up CAA for example.com - the domain's nameservers may be malfunctioning",
            "caa: DNS problem: query timed out looking up CAA for web.example.com",
            "dns: During secondary validation: DNS problem: SERVFAIL looking up CAA for example.com",
        ] {
            let ids = refused(words).ids();
            assert_eq!(ids.first(), Some(&"caa-lookup-fails"), "{words}");
            assert!(!ids.iter().any(|id| *id == "caa-forbids" || id.starts_with("http01")), "{ids:?}");
        }
        assert!(
            refused("dns: DNS problem: SERVFAIL looking up CAA for example.com - x")
                .judge()
                .headline
                .contains("CAA of example.com")
        );
        let address = "dns: DNS problem: SERVFAIL looking up A for web.example.com";
        assert!(!refused(address).ids().contains(&"caa-lookup-fails"));
    }

    #[test]
    fn the_climb_ends_before_the_last_label() {
        assert_eq!(
            climb("a.b.example.com"),
            "for name in a.b.example.com b.example.com example.com; do echo $name; dig +short CAA $name; done"
        );
        assert_eq!(climb("localhost"), "for name in localhost; do echo $name; dig +short CAA $name; done");
    }
}
