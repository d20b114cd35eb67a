//! HTTP-01 challenges (RFC 8555 §8.3): why the key authorization is not found under the well-known path.

use super::{Family, Judgement, Nature, Rule, Severity, Withheld};
use crate::api::{ChallengeType, Object};
use crate::chain::ChallengeNode;
use crate::facts::Facts;
use crate::finding::{Fix, Witness};
use crate::objref::Kind;

/// How long a new route may take before a failing self check is a fault: controllers need up to a minute.
const GRACE_SECONDS: i64 = 60;

pub static NOT_FOUND: Rule = Rule {
    id: "http01-404",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    since: "0.1.0",
    summary: "the challenge path answers 404: nothing routes it to the solver",
    doc: include_str!("../../docs/rules/http01-404.md"),
    needs: &[Kind::Challenge],
    explains: &[],
    judge: not_found,
};

fn not_found(facts: &Facts) -> Judgement {
    let stuck = stuck(facts)?;
    let findings = stuck.into_iter().filter(|node| node.challenge.status.reason.contains("wrong status code '404'"));
    Ok(findings
        .map(|node| {
            let challenge = node.challenge;
            let name = &challenge.spec.dns_name;
            let url = format!("http://{name}/.well-known/acme-challenge/{}", challenge.spec.token);
            NOT_FOUND
                .on(challenge.objref())
                .says(format!("http://{name} answers 404 on the challenge path: nothing routes it to the solver"))
                .evidence(Witness::Status(Kind::Challenge, "reason"), &challenge.status.reason)
                .fix(Fix::command("see who answers: 'server' headers and the body tell", format!("curl -i {url}")))
                .fix(Fix::command(
                    "check that the solver's Ingress has the class of the public controller, and an address",
                    format!(
                        "kubectl get ingress -l acme.cert-manager.io/http01-solver=true{}",
                        challenge.objref().namespace_flag()
                    ),
                ))
        })
        .collect())
}

/// The HTTP-01 Challenges whose self check still fails after the grace time.
fn stuck<'f, 'i>(facts: &'f Facts<'i>) -> Result<Vec<&'f ChallengeNode<'i>>, Withheld> {
    let http01: Vec<_> =
        facts.challenges()?.iter().filter(|node| node.challenge.spec.type_ == ChallengeType::Http01).collect();
    if http01.is_empty() {
        return Err(Withheld::NotApplicable);
    }
    Ok(http01
        .into_iter()
        .filter(|node| node.challenge.status.is_waiting_for_self_check())
        .filter(|node| facts.is_older_than(presented_at(node), GRACE_SECONDS))
        .collect())
}

/// When the response was presented; the Challenge's creation for releases that do not write it down.
fn presented_at(node: &ChallengeNode) -> Option<jiff::Timestamp> {
    node.challenge.status.presented_at.as_ref().map(|time| time.0).or_else(|| node.challenge.created())
}

#[cfg(test)]
mod tests {
    use crate::facts::specimen::Specimen;

    #[test]
    fn a_404_after_the_grace_time_is_found() {
        let stuck = |reason: &str| {
            Specimen::http01().later(3).broken(|objects| {
                for challenge in &mut objects.challenges {
                    challenge.status.reason = format!("Waiting for HTTP-01 challenge propagation: {reason}");
                }
            })
        };
        assert_eq!(stuck("wrong status code '404', expected '200'").ids(), ["http01-404", "http01-404"]);
        assert!(!stuck("wrong status code '200'").ids().contains(&"http01-404"));
    }

    #[test]
    fn a_404_in_the_first_minute_is_no_fault() {
        let young = Specimen::http01().broken(|objects| {
            objects.challenge().status.reason =
                "Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'".into();
        });
        assert_eq!(young.ids(), Vec::<&str>::new());
    }
}
