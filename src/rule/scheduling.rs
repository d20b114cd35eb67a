//! Challenges that wait for their turn, never go away, or ended for reasons outside of the validation.

use super::progress::renew;
use super::request::failure;
use super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld, ca_refusal};
use crate::api::{AcmeState, Challenge, ChallengeType, Object, annotation};
use crate::chain::order_stays_open;
use crate::duration::human;
use crate::fact::Fact;
use crate::facts::{Component, Facts, gap};
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;

/// How long a Challenge may wait for a slot: the scheduler runs every second.
const QUEUE_SECONDS: i64 = 60;

/// How long a clean-up may take.
const CLEAN_UP_SECONDS: i64 = 120;

/// `--max-concurrent-challenges` of cert-manager, unless it is set.
const SLOTS: usize = 60;

/// How long a Challenge that gets on may hold a slot or a name.
const TURN_SECONDS: i64 = 600;

/// How long CAs keep an authorization open.
const AUTHORIZATION_DAYS: i64 = 7;

pub static SAME_NAME_ELSEWHERE: Rule = Rule {
    id: "challenge-same-name-elsewhere",
    aliases: &[],
    family: Family::Scheduling,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the Challenge waits for another one with the same name and type",
    doc: include_str!("../../docs/rules/challenge-same-name-elsewhere.md"),
    needs: &[Kind::Challenge],
    explains: &[],
    judge: same_name_elsewhere,
};

fn same_name_elsewhere(facts: &Facts) -> Judgement {
    let queued = queued(facts)?;
    let findings: Vec<_> =
        queued.iter().filter_map(|challenge| Some(blocked(facts, challenge, rival(facts, challenge)?))).collect();
    // The one in the way may be in a namespace that was not looked at.
    if findings.is_empty() && !queued.is_empty() && slots_in_use(facts) < slots(facts) {
        return all_challenges_seen(facts).map(|()| findings);
    }
    Ok(findings)
}

fn blocked(facts: &Facts, challenge: &Challenge, rival: &Challenge) -> Finding {
    let name = &challenge.spec.dns_name;
    let theirs = rival.objref();
    let age = rival.created().map_or_else(|| "a while".to_owned(), |created| human(facts.since(created)));
    let state = if rival.deleting_since().is_some() { "is being deleted and has held" } else { "has held" };
    let reason = match rival.status.reason.as_str() {
        "" => "no words on it",
        words => words,
    };
    let owner = rival
        .controller()
        .map_or_else(|| theirs.to_string(), |owner| format!("{} of {} {}", theirs, owner.kind, owner.name));
    SAME_NAME_ELSEWHERE
        .on(challenge.objref())
        .says(format!("{} waits its turn: {theirs} {state} {name} for {age}", challenge.objref()))
        .evidence(Witness::Status(Kind::Challenge, "processing"), "false, and no state: not started yet")
        .evidence(Witness::Computed, format!("{owner} has the same name and type and is being worked on"))
        .evidence(Witness::Status(Kind::Challenge, "reason"), format!("of the other one: {reason}"))
        .outlook(turn(facts, rival))
        .fix(Fix::command(
            "see what the other one waits for, and mend that",
            format!("kubectl describe challenge {}{}", theirs.name, theirs.namespace_flag()),
        ))
        .fix(Fix::command(
            "or delete it, if nobody needs that certificate any more (delete its Certificate too, or it comes back)",
            format!("kubectl delete challenge {}{}", theirs.name, theirs.namespace_flag()),
        ))
}

/// Whether a Challenge that holds something will let it go by itself: a young one may well get on.
fn turn(facts: &Facts, holder: &Challenge) -> Outlook {
    let is_stuck = holder.deleting_since().is_some() || facts.is_older_than(holder.created(), TURN_SECONDS);
    if is_stuck { Outlook::UntilMended } else { Outlook::ByItself }
}

/// A Challenge of another Order that is being worked on for the same name and type. Two of one Order, as for a
/// name and its wildcard, take turns as they should.
fn rival<'i>(facts: &Facts<'i>, challenge: &Challenge) -> Option<&'i Challenge> {
    facts.inventory.challenges_at_work_for(&challenge.spec.dns_name).find(|other| {
        other.spec.type_ == challenge.spec.type_
            && !other.is_at(&challenge.objref())
            && (other.controller_uid().is_none() || other.controller_uid() != challenge.controller_uid())
    })
}

pub static QUEUE_FULL: Rule = Rule {
    id: "challenge-queue-full",
    aliases: &[],
    family: Family::Scheduling,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "every slot for challenges is taken, so this one does not start",
    doc: include_str!("../../docs/rules/challenge-queue-full.md"),
    needs: &[Kind::Challenge, Kind::Deployment],
    explains: &[],
    judge: queue_full,
};

fn queue_full(facts: &Facts) -> Judgement {
    let queued = queued(facts)?;
    let (used, slots) = (slots_in_use(facts), slots(facts));
    let blocked: Vec<_> = queued.into_iter().filter(|challenge| rival(facts, challenge).is_none()).collect();
    let Some(first) = blocked.first() else { return Ok(vec![]) };
    if used < slots {
        return all_challenges_seen(facts).map(|()| vec![]);
    }
    let mut finding = QUEUE_FULL
        .on(first.objref())
        .says(format!("{} does not start: {used} Challenges hold all {slots} slots of the controller", first.objref()))
        .evidence(
            Witness::Status(Kind::Challenge, "processing"),
            format!("true on {used} Challenges, in every namespace together"),
        )
        .outlook(
            facts
                .inventory
                .challenges_at_work()
                .next_back()
                .map_or(Outlook::UntilMended, |youngest| turn(facts, youngest)),
        );
    for challenge in facts.inventory.challenges_at_work().take(3) {
        let age = challenge.created().map_or_else(|| "?".to_owned(), |created| human(facts.since(created)));
        finding = finding.evidence(
            Witness::Status(Kind::Challenge, "reason"),
            format!("{} ({}, {age}): {}", challenge.objref(), challenge.spec.dns_name, challenge.status.reason),
        );
    }
    Ok(vec![
        finding
            .fix(Fix::command(
                "find the old ones, and delete the Certificates that can never be issued",
                "kubectl get challenges -A --sort-by=.metadata.creationTimestamp",
            ))
            .fix(Fix::manual(format!("start the controller with a higher --max-concurrent-challenges than {slots}"))),
    ])
}

/// The Challenges of this issuance that have waited for a slot for longer than the scheduler needs.
fn queued<'i>(facts: &Facts<'i>) -> Result<Vec<&'i Challenge>, Withheld> {
    let challenges = present(facts)?;
    Ok(challenges
        .into_iter()
        .filter(|challenge| {
            let status = &challenge.status;
            let waits = !status.processing && status.state.is_none() && status.reason.is_empty();
            waits && challenge.deleting_since().is_none() && facts.is_older_than(challenge.created(), QUEUE_SECONDS)
        })
        .collect())
}

/// The Challenges of the issuance, or the one that was asked about when no Order is left above it.
fn present<'i>(facts: &Facts<'i>) -> Result<Vec<&'i Challenge>, Withheld> {
    let subject = &facts.chain.subject;
    if subject.kind == Kind::Challenge && facts.chain.in_flight().is_none() {
        return match facts.inventory.at::<Challenge>(subject) {
            Fact::Seen(challenge) => Ok(vec![challenge]),
            Fact::Absent | Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_) => Err(Withheld::NotApplicable),
        };
    }
    Ok(facts.challenges()?.iter().map(|node| node.challenge).collect())
}

fn slots_in_use(facts: &Facts) -> usize {
    facts.inventory.challenges_at_work().len()
}

fn slots(facts: &Facts) -> usize {
    let installation = facts.installation();
    let flag = installation
        .of_component(Component::Controller)
        .find_map(|workload| workload.flag("max-concurrent-challenges"));
    flag.and_then(|value| value.parse().ok()).unwrap_or(SLOTS)
}

/// Whether the Challenges of every namespace were looked at; what blocks one may be anywhere.
fn all_challenges_seen(facts: &Facts) -> Result<(), Withheld> {
    let missing: Fact<()> = facts.inventory.missing(Kind::Challenge, None, None);
    match missing {
        Fact::Absent | Fact::Seen(()) => Ok(()),
        Fact::NotLooked(_) | Fact::Hidden(_) | Fact::Failed(_) => {
            let mut gap = gap(&missing, Kind::Challenge);
            if matches!(missing, Fact::NotLooked(_)) {
                gap.why =
                    "the Challenges of the other namespaces were not looked at, and one of them may be in the way"
                        .into();
                gap.needs = format!("{} of all namespaces", Kind::Challenge.resource());
            }
            Err(Withheld::Undetermined(gap))
        }
    }
}

pub static STUCK_DELETING: Rule = Rule {
    id: "challenge-stuck-deleting",
    aliases: &[],
    family: Family::Scheduling,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the Challenge is deleted, but its clean-up does not finish",
    doc: include_str!("../../docs/rules/challenge-stuck-deleting.md"),
    needs: &[Kind::Challenge, Kind::Event, Kind::Deployment, Kind::ClusterIssuer, Kind::Issuer],
    // What a check of it says no longer matters: it is being taken away.
    explains: &[
        "http01-404",
        "http01-403-or-401",
        "http01-503-or-502",
        "http01-wrong-body",
        "http01-self-check-cannot-reach",
        "dns01-not-propagated",
        "dns01-split-horizon",
    ],
    judge: stuck_deleting,
};

fn stuck_deleting(facts: &Facts) -> Judgement {
    let findings = present(facts)?.into_iter().filter_map(|challenge| {
        let since = challenge.deleting_since().filter(|since| facts.is_older_than(Some(*since), CLEAN_UP_SECONDS))?;
        let ours = [annotation::CHALLENGE_FINALIZER, annotation::CHALLENGE_FINALIZER_LEGACY];
        let held: Vec<_> =
            challenge.finalizers().iter().filter(|name| ours.contains(&name.as_str())).cloned().collect();
        (!held.is_empty()).then(|| stuck(facts, challenge, &held, &human(facts.since(since))))
    });
    Ok(findings.collect())
}

fn stuck(facts: &Facts, challenge: &Challenge, held: &[String], age: &str) -> Finding {
    let said =
        facts.fresh_event(challenge, "CleanUpError", challenge.created()).and_then(|event| event.message.as_deref());
    let installation = facts.installation();
    let dead = installation.of_component(Component::Controller).find(|workload| workload.available() == 0);
    let why = if let Some(workload) = dead {
        format!("cert-manager does not run ({} has no Pod available)", workload.deployment.objref())
    } else if facts.chain.issuer.is_absent() || said.is_some_and(tells_of_a_lost_issuer) {
        format!("its {} is gone, with the credentials for the clean-up", issuer_words(challenge))
    } else if said.is_some() {
        "the clean-up fails".to_owned()
    } else {
        "cert-manager does not finish the clean-up, or is not there any more".to_owned()
    };
    let objref = challenge.objref();
    let mut finding = STUCK_DELETING
        .on(objref.clone())
        .says(format!("{objref} has been waiting {age} to be deleted: {why}"))
        .evidence(
            Witness::Metadata(Kind::Challenge),
            format!("deletionTimestamp {age} ago, finalizers {}", held.join(", ")),
        );
    if let Some(words) = said {
        finding = finding.evidence(Witness::Event(Kind::Challenge, "CleanUpError".into()), words);
    }
    let restore = match dead {
        Some(workload) => Fix::command(
            "let cert-manager run: it finishes the clean-up by itself",
            format!(
                "kubectl scale deployment {}{} --replicas=1",
                workload.deployment.name(),
                workload.deployment.objref().namespace_flag()
            ),
        ),
        None => Fix::manual(format!(
            "bring back what the clean-up needs: cert-manager, {} and its credentials",
            issuer_words(challenge)
        )),
    };
    finding = finding.fix(restore).fix(Fix::command(
        "or give the clean-up up: take the finalizer out by hand",
        format!(
            "kubectl patch challenge {}{} --type=merge -p '{{\"metadata\":{{\"finalizers\":null}}}}'",
            objref.name,
            objref.namespace_flag()
        ),
    ));
    match challenge.spec.type_ {
        ChallengeType::Dns01 => finding.fix(Fix::manual(format!(
            "then delete the TXT record _acme-challenge.{} yourself",
            challenge.spec.dns_name
        ))),
        ChallengeType::Http01 | ChallengeType::Unknown(_) => finding,
    }
}

/// Whether the words are `... issuer.cert-manager.io "x" not found`, or the like for cluster issuers.
fn tells_of_a_lost_issuer(words: &str) -> bool {
    words.contains("issuer.cert-manager.io") && words.contains("not found")
}

fn issuer_words(challenge: &Challenge) -> String {
    format!("{} {}", challenge.spec.issuer_ref.kind_or_default(), challenge.spec.issuer_ref.name)
}

pub static NETWORK_BLIP: Rule = Rule {
    id: "challenge-errored-by-network-blip",
    aliases: &[],
    family: Family::Scheduling,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::ByItself,
    since: "0.1.0",
    summary: "one failed connection to the CA has ended the Challenge for good",
    doc: include_str!("../../docs/rules/challenge-errored-by-network-blip.md"),
    needs: &[Kind::Challenge, Kind::Event],
    explains: &[],
    judge: network_blip,
};

/// How Go tells that a connection failed.
const NETWORK: [&str; 11] = [
    "timeout",
    "timed out",
    "deadline exceeded",
    "connection reset",
    "connection refused",
    "no such host",
    "server misbehaving",
    "network is unreachable",
    "no route to host",
    "broken pipe",
    "eof",
];

fn network_blip(facts: &Facts) -> Judgement {
    Ok(ended(facts)?
        .into_iter()
        .filter(|challenge| {
            let words = challenge.status.reason.to_lowercase();
            challenge.status.state == Some(AcmeState::Errored)
                && words.contains("non-acme")
                && NETWORK.iter().any(|part| words.contains(part))
                && !was_refused_before(facts, challenge)
        })
        .map(|challenge| {
            let name = &challenge.spec.dns_name;
            let finding = NETWORK_BLIP
                .on(challenge.objref())
                .says(format!("one failed connection to the CA has ended the Challenge for {name}; cert-manager does not try it again"))
                .evidence(Witness::Status(Kind::Challenge, "reason"), &challenge.status.reason)
                .evidence(Witness::Status(Kind::Challenge, "state"), "errored, which is final")
                // The CA knows of no failure, so its order stays open, and cert-manager waits for that.
                .outlook(if order_stays_open(&facts.chain) { Outlook::Halted } else { Outlook::ByItself });
            anew(finding, facts).fix(Fix::manual("upgrade cert-manager: newer releases try again after such errors"))
        })
        .collect())
}

pub static AUTHORIZATION_EXPIRED: Rule = Rule {
    id: "authorization-expired",
    aliases: &[],
    family: Family::Scheduling,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::ByItself,
    since: "0.1.0",
    summary: "the CA no longer takes the Challenge: its authorization is not pending any more",
    doc: include_str!("../../docs/rules/authorization-expired.md"),
    needs: &[Kind::Challenge, Kind::Event],
    explains: &[],
    judge: authorization_expired,
};

fn authorization_expired(facts: &Facts) -> Judgement {
    Ok(ended(facts)?
        .into_iter()
        .filter(|challenge| {
            let words = challenge.status.reason.to_lowercase();
            // Trouble with the account looks alike.
            let account = words.contains("jws") || words.contains("account");
            let told = words.contains("authorization must be pending") || words.contains("expired authorization");
            // cert-manager accepted it twice: the CA's answer to the first time counts, if it is still known.
            let twice = words.contains("cannot update challenge");
            !account
                && !twice
                && !was_refused_before(facts, challenge)
                && (told || challenge.status.state == Some(AcmeState::Expired))
        })
        .map(|challenge| {
            let name = &challenge.spec.dns_name;
            let age = challenge.created().map(|created| facts.since(created));
            let why = match age {
                Some(age) if age.as_hours() >= AUTHORIZATION_DAYS * 24 => {
                    format!(
                        "it was left open for {}, and CAs drop it after about {AUTHORIZATION_DAYS} days",
                        human(age)
                    )
                }
                Some(_) | None => "another client or Order has used it up, or the CA has dropped it".to_owned(),
            };
            let state = challenge.status.state.as_ref().map_or("(none)", AcmeState::as_str);
            let finding = AUTHORIZATION_EXPIRED
                .on(challenge.objref())
                .says(format!("the authorization for {name} is gone at the CA: {why}"))
                .evidence(Witness::Status(Kind::Challenge, "reason"), &challenge.status.reason)
                .evidence(Witness::Status(Kind::Challenge, "state"), state);
            let finding = if age.is_some_and(|age| age.as_hours() >= AUTHORIZATION_DAYS * 24) {
                finding.outlook(Outlook::UntilMended).fix(Fix::manual(
                    "first mend what the Challenge waited for all that time, or the next one ends the same way",
                ))
            } else {
                finding
            };
            anew(finding, facts)
        })
        .collect())
}

/// Whether the CA refused the Challenge before what its status tells of.
fn was_refused_before(facts: &Facts, challenge: &Challenge) -> bool {
    ca_refusal::of_challenge(facts, challenge).is_some_and(|refusal| refusal.is_in_event())
}

/// The Challenges that failed in this issuance, not in one before.
fn ended<'i>(facts: &Facts<'i>) -> Result<Vec<&'i Challenge>, Withheld> {
    if facts.request().is_ok_and(|node| failure::is_left_over(facts, node.request)) {
        return Ok(Vec::new());
    }
    let is_failure = |challenge: &&Challenge| challenge.status.state.as_ref().is_some_and(AcmeState::is_failure);
    Ok(present(facts)?.into_iter().filter(is_failure).collect())
}

/// Only a new order goes on: the request is deleted while it waits, and renewed once it has failed.
fn anew(finding: Finding, facts: &Facts) -> Finding {
    if let (Ok(node), true) = (facts.request(), facts.is_issuing()) {
        let request = node.request.objref();
        return finding.fix(Fix::command(
            "delete the request: cert-manager makes it again, with a new order",
            format!("kubectl delete certificaterequest {}{}", request.name, request.namespace_flag()),
        ));
    }
    match facts.certificate() {
        Ok(certificate) => finding.fix(renew(&certificate.objref())),
        Err(_) => finding.fix(Fix::manual("delete the request or Order above it, so that a new order is made")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::specimen::Specimen;
    use crate::inventory::{Answer, Scope};

    /// The first Challenge waits for a slot; the second one is being worked on.
    fn queue() -> Specimen {
        Specimen::http01().later(5).broken(|objects| {
            objects.challenge().status = crate::api::ChallengeStatus::default();
            objects.challenges[1].status.reason.clear();
            objects.coverage.record(Kind::Challenge, Scope::Cluster, Answer::Complete);
        })
    }

    /// A Challenge for the same name in another namespace.
    fn rival(specimen: Specimen, change: impl FnOnce(&mut Challenge)) -> Specimen {
        specimen.broken(|objects| {
            let mut other = objects.challenge().clone();
            other.metadata.namespace = Some("legacy".into());
            other.metadata.uid = Some("other".into());
            other.metadata.owner_references = None;
            other.status.processing = true;
            change(&mut other);
            objects.challenges.push(other);
        })
    }

    #[test]
    fn a_rival_for_the_same_name_is_found_in_any_namespace() {
        let blocked = rival(queue(), |_| {});
        assert_eq!(blocked.root(), Some("challenge-same-name-elsewhere"));
        assert!(
            blocked
                .judge()
                .headline
                .contains("Challenge legacy/web-1-1922310271-2182183280 has held www.shop.example.com"),
            "{}",
            blocked.judge().headline
        );
        let next = |specimen: &Specimen| specimen.judge().next.unwrap().what;
        assert!(next(&blocked).ends_with("; time alone can mend it"), "{}", next(&blocked));
        let old = blocked.later(10);
        assert!(next(&old).ends_with(", but not until the cause is mended"), "{}", next(&old));
        for (what, specimen) in [
            ("another name", rival(queue(), |other| other.spec.dns_name = "b.example.com".into())),
            ("another type", rival(queue(), |other| other.spec.type_ = ChallengeType::Dns01)),
            ("waits as well", rival(queue(), |other| other.status.processing = false)),
            ("young", rival(queue().later(-5), |_| {})),
        ] {
            assert!(!specimen.ids().contains(&"challenge-same-name-elsewhere"), "{what}");
        }
    }

    #[test]
    fn two_challenges_of_one_order_take_turns() {
        let pair = queue().broken(|objects| {
            let name = objects.challenges[1].spec.dns_name.clone();
            objects.challenge().spec.dns_name = name;
        });
        assert!(!pair.ids().contains(&"challenge-same-name-elsewhere"));
    }

    #[test]
    fn a_queue_without_the_other_namespaces_is_a_gap() {
        let unseen = queue().broken(|objects| objects.coverage = crate::inventory::Coverage::default());
        let withheld: Vec<_> = unseen.judge().withheld.iter().map(|withheld| withheld.rule.id).collect();
        assert!(
            withheld.contains(&"challenge-same-name-elsewhere") && withheld.contains(&"challenge-queue-full"),
            "{withheld:?}"
        );
        let seen = queue().judge();
        assert!(!seen.withheld.iter().any(|withheld| withheld.rule.family == Family::Scheduling));
    }

    #[test]
    fn full_slots_are_counted_against_the_flag() {
        let deployment = |slots: usize| {
            format!(
                "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: cert-manager, namespace: cert-manager}}, spec: {{selector: {{}}, \
                 template: {{spec: {{containers: [{{name: c, image: 'quay.io/jetstack/cert-manager-controller:v1.21.0', \
                 args: ['--max-concurrent-challenges={slots}']}}]}}}}}}}}"
            )
        };
        let full = queue().with(&deployment(1));
        assert_eq!(full.root(), Some("challenge-queue-full"));
        assert!(full.judge().headline.contains("1 Challenges hold all 1 slots"), "{}", full.judge().headline);
        assert!(!queue().with(&deployment(2)).ids().contains(&"challenge-queue-full"));
        assert!(!queue().ids().contains(&"challenge-queue-full"), "60 by default");
    }

    /// Deleted five minutes ago, with a finalizer that holds it.
    fn deleting() -> Specimen {
        Specimen::http01().later(10).broken(|objects| {
            let challenge = objects.challenge();
            challenge.metadata.deletion_timestamp = challenge.metadata.creation_timestamp.clone();
            challenge.metadata.finalizers = Some(vec!["acme.cert-manager.io/finalizer".into()]);
        })
    }

    #[test]
    fn a_challenge_that_is_not_cleaned_up_is_told_with_the_reason() {
        assert!(deleting().ids().contains(&"challenge-stuck-deleting"));
        assert!(!deleting().later(-9).ids().contains(&"challenge-stuck-deleting"));
        let free = deleting().broken(|objects| objects.challenge().metadata.finalizers = None);
        assert!(!free.ids().contains(&"challenge-stuck-deleting"));
        let gone = deleting().broken(|objects| {
            objects.cluster_issuers.clear();
            objects.coverage.record(Kind::ClusterIssuer, Scope::Cluster, Answer::Complete);
        });
        let report = gone.judge();
        let finding = report.findings.iter().find(|finding| finding.rule == &STUCK_DELETING).unwrap();
        assert!(finding.summary.contains("ClusterIssuer letsencrypt is gone"), "{}", finding.summary);
    }

    #[test]
    fn a_challenge_alone_is_judged_too() {
        let alone = deleting().about(Kind::Challenge, Some("shop"), "web-1-1922310271-2182183280").broken(|objects| {
            objects.orders.clear();
            objects.requests.clear();
            objects.certificates.clear();
            objects.challenge().metadata.finalizers = Some(vec!["finalizer.acme.cert-manager.io".into()]);
        });
        assert_eq!(alone.root(), Some("challenge-stuck-deleting"));
    }

    fn ended_by(state: AcmeState, words: &str) -> Specimen {
        let words = words.to_owned();
        Specimen::http01().broken(move |objects| {
            objects.challenge().status.state = Some(state);
            objects.challenge().status.reason = words;
            objects.challenges.truncate(1);
        })
    }

    #[test]
    fn a_broken_connection_is_told_from_other_errors() {
        let blip = ended_by(
            AcmeState::Errored,
            "unexpected non-ACME API error: Post \"https://a\": net/http: TLS handshake timeout",
        );
        assert_eq!(blip.root(), Some("challenge-errored-by-network-blip"));
        assert!(
            blip.judge().findings[0].fixes[0]
                .command
                .as_ref()
                .unwrap()
                .contains("delete certificaterequest web-1 -n shop")
        );
        assert_eq!(
            blip.judge().next.unwrap().what,
            "nothing more happens by itself before somebody acts on the cause",
            "the order is open at the CA"
        );
        let closed = blip.broken(|objects| objects.order().status.state = Some(AcmeState::Invalid));
        let next = closed.judge().next.unwrap().what;
        assert!(
            next.ends_with("tries again 1h later, which may be all it takes: such trouble passes by itself"),
            "{next}"
        );
        let other = ended_by(AcmeState::Errored, "unexpected non-ACME API error: acme: unexpected response");
        assert!(!other.ids().contains(&"challenge-errored-by-network-blip"));
        let refused = ended_by(AcmeState::Invalid, "acme: authorization error: Timeout during connect");
        assert!(!refused.ids().contains(&"challenge-errored-by-network-blip"));
    }

    #[test]
    fn an_authorization_that_is_gone_is_told_with_its_age() {
        let words =
            "Failed to retrieve Order resource: 400 urn:ietf:params:acme:error:malformed: Expired authorization";
        let young = ended_by(AcmeState::Expired, words);
        assert_eq!(young.root(), Some("authorization-expired"));
        assert!(young.judge().headline.contains("another client"), "{}", young.judge().headline);
        let old = ended_by(AcmeState::Expired, words).later(8 * 24 * 60);
        assert!(old.judge().headline.contains("left open for 8d"), "{}", old.judge().headline);
        let account = ended_by(AcmeState::Expired, "400 urn:ietf:params:acme:error:malformed: JWS verification error");
        assert!(!account.ids().contains(&"authorization-expired"));
    }
}
