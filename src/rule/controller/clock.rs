//! Clocks that disagree: that of cert-manager's node against the API server's, or against a certificate's dates.
//!
//! The API server dates creations and `managedFields`; cert-manager dates its Leases and what its TLS library says. Where
//! both tell of one moment, the difference is the skew.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;

use super::{arrived, asked, dated};
use crate::api::Object;
use crate::chain::IssuerView;
use crate::duration::human;
use crate::facts::{Component, Facts};
use crate::finding::{Finding, Fix, Witness};
use crate::objref::{Kind, ObjRef};
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};

/// From here on a difference is not the way over the network.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

pub static CLOCK_SKEW: Rule = Rule {
    id: "clock-skew",
    aliases: &[],
    family: Family::Controller,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the clock of cert-manager's node is wrong",
    doc: include_str!("../../../docs/rules/clock-skew.md"),
    needs: &[Kind::Lease, Kind::Issuer, Kind::ClusterIssuer, Kind::Deployment],
    explains: &[
        "issuer-not-ready",
        "acme-account-registration-failed",
        "acme-private-server-tls",
        "vault-unreachable-or-sealed",
        "venafi-setup",
    ],
    judge: clock_skew,
};

fn clock_skew(facts: &Facts) -> Judgement {
    let by_words = by_words(facts);
    let is_asked = asked(facts, Component::Controller).is_some();
    if by_words.is_none() && !is_asked {
        return Err(Withheld::NotApplicable);
    }
    let by_lease = skewed_lease(facts);
    Ok(match (by_words, by_lease) {
        (Some(refusal), by_lease) => {
            let finding = refusal.found();
            let finding = match by_lease {
                Some((lease, skew)) => finding.evidence(Witness::Spec(Kind::Lease, "renewTime"), words(lease, skew)),
                None => finding,
            };
            vec![with_fix(finding)]
        }
        (None, Some((lease, skew))) => {
            let (object, way) = (lease.objref(), if skew.is_positive() { "ahead of" } else { "behind" });
            let finding = CLOCK_SKEW
                .on(object)
                .says(format!(
                    "the clock of cert-manager's node is {} {way} the API server's",
                    human(skew.abs())
                ))
                .because(
                    "cert-manager dates its Lease by its own clock, and the API server notes when that arrived. With a wrong clock \
                     valid certificates look not yet or no longer valid, tokens are refused, and renewals come too early or too \
                     late.",
                )
                .evidence(Witness::Spec(Kind::Lease, "renewTime"), words(lease, skew));
            vec![with_fix(finding)]
        }
        (None, None) => vec![],
    })
}

fn with_fix(finding: Finding) -> Finding {
    finding
        .fix(Fix::command(
            "see on which node the controller runs",
            "kubectl get pods -A -l app.kubernetes.io/component=controller -o wide",
        ))
        .fix(Fix::command(
            "there: see whether the clock is kept in step, and mend that",
            "timedatectl timesync-status || chronyc tracking",
        ))
}

/// A certificate that was refused as not yet valid, although it was.
struct Refusal<'i> {
    issuer: ObjRef,
    words: &'i str,
    /// What the controller's clock said.
    current: Timestamp,
    /// When the issuer was made, by the API server's clock.
    made: Timestamp,
}

impl Refusal<'_> {
    fn found(&self) -> Finding {
        CLOCK_SKEW
            .on(self.issuer.clone())
            .says(format!(
                "the clock of cert-manager's node is at least {} behind: it takes a valid certificate for not yet valid",
                human(self.made.duration_since(self.current))
            ))
            .because(
                "When the controller wrote this, the issuer was already there, so its clock shows a time that had long passed. \
                 Nothing is wrong with the other side's certificate.",
            )
            .evidence(Witness::Condition(self.issuer.kind, "Ready"), self.words)
            .evidence(Witness::Metadata(self.issuer.kind), format!("created at {}, by the API server's clock", self.made))
    }
}

/// The words of the issuer's condition: `x509: certificate has expired or is not yet valid: current time T is before N`. They
/// prove a wrong clock if T lies before the issuer was made.
fn by_words<'i>(facts: &Facts<'i>) -> Option<Refusal<'i>> {
    let IssuerView::Builtin { objref, metadata, status, .. } = facts.chain.issuer.seen()? else { return None };
    let condition = status.ready().filter(|ready| !ready.is_true())?;
    let current = time_that_is_before(&condition.message)?;
    let made = metadata.creation_timestamp.as_ref()?.0;
    (made.duration_since(current) > SKEW).then(|| Refusal {
        issuer: objref.clone(),
        words: &condition.message,
        current,
        made,
    })
}

/// T of `current time T is before N`, as Go's x509 library writes it.
fn time_that_is_before(words: &str) -> Option<Timestamp> {
    let (_, after) = words.split_once("not yet valid: current time ")?;
    let (current, rest) = after.split_once(' ')?;
    rest.starts_with("is before ").then(|| current.parse().ok()).flatten()
}

/// A Lease of cert-manager's leaders whose renewal and arrival differ, and by how much the controller's clock is ahead.
fn skewed_lease<'i>(facts: &Facts<'i>) -> Option<(&'i Lease, SignedDuration)> {
    let leases = facts.inventory.leases.named("cert-manager-controller");
    let skews = leases.filter_map(|lease| Some((lease, dated(lease)?.duration_since(arrived(lease)?))));
    skews.filter(|(_, skew)| skew.abs() > SKEW).max_by_key(|(_, skew)| skew.abs())
}

fn words(lease: &Lease, skew: SignedDuration) -> String {
    let way = if skew.is_positive() { "after" } else { "before" };
    let dated = dated(lease).map_or_else(String::new, |dated| dated.to_string());
    format!("{dated}, which is {} {way} the API server took it", human(skew.abs()))
}

#[cfg(test)]
mod tests {
    use super::super::specimen::deployment;
    use super::*;
    use crate::api::{ConditionStatus, IssuerReason};
    use crate::facts::specimen::Specimen;

    fn lease(renewed: &str, arrived: &str) -> String {
        format!(
            "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata:\n  name: cert-manager-controller\n  namespace: \
             kube-system\n  managedFields:\n  - {{manager: controller, operation: Update, time: '{arrived}', fieldsType: \
             FieldsV1, fieldsV1: {{'f:spec': {{'f:renewTime': {{}}}}}}}}\nspec: {{leaseDurationSeconds: 60, renewTime: \
             '{renewed}'}}\n"
        )
    }

    fn asked(renewed: &str, arrived: &str) -> Specimen {
        let all = Specimen::healthy().with(&deployment("controller", 1, 1)).with(&lease(renewed, arrived));
        all.about(Kind::Deployment, Some("cert-manager"), "cert-manager")
    }

    #[test]
    fn a_lease_that_is_dated_otherwise_than_it_arrived_tells_the_skew() {
        let behind = asked("2026-11-22T06:31:00.000000Z", "2026-11-22T06:39:40Z");
        assert_eq!(behind.ids(), ["clock-skew"]);
        assert!(behind.judge().headline.contains("8m40s behind"), "{}", behind.judge().headline);
        let ahead = asked("2026-11-22T06:45:00.000000Z", "2026-11-22T06:39:40Z");
        assert!(ahead.judge().headline.contains("5m20s ahead of"), "{}", ahead.judge().headline);
        // A leader that is an hour behind is no leader that has gone.
        assert_eq!(asked("2026-11-22T05:39:00.000000Z", "2026-11-22T06:39:40Z").ids(), ["clock-skew"]);
        assert_eq!(asked("2026-11-22T06:39:38.900000Z", "2026-11-22T06:39:40Z").ids(), Vec::<&str>::new());
    }

    /// The issuer was made at 06:29, and says this.
    fn refused(current: &str, before: &str) -> Specimen {
        let words = format!(
            "Failed to register ACME account: Get \"https://acme.example.com/dir\": tls: failed to verify certificate: x509: \
             certificate has expired or is not yet valid: current time {current} is {before}"
        );
        Specimen::http01().about(Kind::ClusterIssuer, None, "letsencrypt").broken(move |objects| {
            let issuer = objects.cluster_issuer();
            issuer.metadata.creation_timestamp =
                serde_json::from_value(serde_json::json!("2026-11-22T06:29:00Z")).unwrap();
            let condition = &mut issuer.status.conditions[0];
            condition.status = ConditionStatus::False;
            condition.reason = Some(IssuerReason::ErrRegisterAcmeAccount);
            condition.message = words;
        })
    }

    #[test]
    fn a_certificate_that_was_valid_before_the_issuer_was_made_proves_a_wrong_clock() {
        let wrong = refused("2026-11-20T01:00:00Z", "before 2026-11-21T00:00:00Z");
        assert_eq!(wrong.root(), Some("clock-skew"));
        assert!(wrong.judge().headline.contains("2d5h behind"), "{}", wrong.judge().headline);
        // Here it is the server's certificate that is not valid yet.
        let young = refused("2026-11-22T06:30:00Z", "before 2026-11-23T00:00:00Z");
        assert_eq!(young.root(), Some("acme-account-registration-failed"));
        assert!(!refused("2026-11-22T06:30:00Z", "after 2026-11-21T00:00:00Z").ids().contains(&"clock-skew"));
    }

    #[test]
    fn a_chain_is_not_told_of_a_clock_that_did_it_no_harm() {
        let skewed = lease("2026-11-22T06:31:00.000000Z", "2026-11-22T06:39:40Z");
        assert_eq!(Specimen::healthy().with(&skewed).ids(), Vec::<&str>::new());
    }
}
