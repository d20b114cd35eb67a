//! Renewal: when it is due, what keeps it from happening, and what happens at the end.

use jiff::SignedDuration;

use super::super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use super::{lifetime, merge_patch, renew, unready};
use crate::api::{Certificate, CertificateConditionType, CertificateReason, Object, RenewalPolicy};
use crate::chain::IssuerView;
use crate::duration::human;
use crate::engine::Stage;
use crate::facts::Facts;
use crate::finding::{Fix, Witness};
use crate::objref::Kind;

/// How late a renewal may be before it is worth a warning.
const LATE: SignedDuration = SignedDuration::from_hours(1);

pub static RENEWAL_WINDOW_ERROR: Rule = Rule {
    id: "renewal-window-error",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the renewal windows never open while the certificate is valid",
    doc: include_str!("../../../docs/rules/renewal-window-error.md"),
    needs: &[Kind::Certificate, Kind::Event],
    explains: &["renewal-failing-silently"],
    judge: renewal_window_error,
};

fn renewal_window_error(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let windows = certificate.spec.renewal.as_ref().map(|renewal| renewal.windows.as_slice()).unwrap_or_default();
    let said = match unready(certificate) {
        Some((CertificateReason::WindowError, message)) => Some(message),
        Some(_) | None => None,
    };
    let overridden = overridden(facts, certificate).filter(|_| said.is_none() && !windows.is_empty());
    let status = &certificate.status;
    let too_late = match (&status.renewal_time, &status.not_after) {
        (Some(renewal), Some(end)) if !windows.is_empty() && renewal.0 > end.0 => Some((renewal.0, end.0)),
        (Some(_) | None, _) => None,
    };
    if said.is_none() && too_late.is_none() && overridden.is_none() {
        return if windows.is_empty() { Err(Withheld::NotApplicable) } else { Ok(vec![]) };
    }
    let name = certificate.name();
    let summary = match too_late {
        Some(_) => format!("the next renewal window of {name} opens only after its certificate has expired"),
        None => format!("no renewal window of {name} opens in time, by cert-manager's reckoning"),
    };
    let explanation = match too_late {
        Some(_) => "cert-manager waits for the window, and by the time it opens the certificate has expired.",
        None if overridden.is_some() => {
            "cert-manager renews now without regard to the windows, so the change comes at a time that they were to exclude."
        }
        None => {
            "Ready is False for that alone: the certificate itself may be good. cert-manager renews without regard to the windows."
        }
    };
    let mut finding = RENEWAL_WINDOW_ERROR
        .on(certificate.objref())
        .says(summary)
        .because(explanation)
        .evidence(Witness::Condition(Kind::Certificate, "Ready"), said.unwrap_or_default());
    if let Some((witness, words)) = overridden {
        finding = finding.evidence(witness, words);
    }
    for window in windows {
        let zone = if window.timezone.is_empty() { "UTC" } else { &window.timezone };
        let length = window.window_duration.as_ref().map(ToString::to_string).unwrap_or_default();
        finding = finding.evidence(
            Witness::Spec(Kind::Certificate, "renewal.windows"),
            format!("cron \"{}\" in {zone}, for {length}", window.cron),
        );
    }
    if let Some((renewal, end)) = too_late {
        // The renewal itself will do, only too late.
        finding = finding.outlook(Outlook::Unhindered).evidence(
            Witness::Status(Kind::Certificate, "renewalTime, notAfter"),
            format!("{renewal}, but it ends {end}"),
        );
    }
    let wider = Fix::patch(
        "open a window every night, long enough for an issuance",
        "spec:\n  renewal:\n    policy: RenewBefore\n    windows:\n    - cron: \"0 2 * * *\"\n      windowDuration: 4h\n      timezone: UTC",
    );
    let drop = merge_patch("or renew at any time", certificate, r#"{"spec":{"renewal":null}}"#);
    Ok(vec![finding.fix(wider).fix(drop)])
}

/// What cert-manager says when it starts a renewal without regard to the windows: in the condition Issuing while that
/// lasts, and in an event.
fn overridden<'i>(facts: &Facts<'i>, certificate: &'i Certificate) -> Option<(Witness, &'i str)> {
    const WORDS: &str = "without satisfying renewal windows";
    let issuing = certificate.condition(CertificateConditionType::Issuing);
    let condition = issuing.filter(|issuing| issuing.message.contains(WORDS));
    if let Some(condition) = condition {
        return Some((Witness::Condition(Kind::Certificate, "Issuing"), &condition.message));
    }
    let event = facts.fresh_event(certificate, "WindowError", facts.issuance_began()).filter(|_| facts.is_issuing())?;
    let words = event.message.as_deref().filter(|words| words.contains(WORDS))?;
    Some((Witness::Event(Kind::Certificate, "WindowError".into()), words))
}

pub static RENEWAL_DISABLED: Rule = Rule {
    id: "renewal-disabled",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Cause,
    severity: Severity::Warning,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "renewal is switched off, and the certificate comes to its end",
    doc: include_str!("../../../docs/rules/renewal-disabled.md"),
    needs: &[Kind::Certificate],
    explains: &[],
    judge: renewal_disabled,
};

fn renewal_disabled(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    if !is_disabled(certificate) {
        return Err(Withheld::NotApplicable);
    }
    let end = certificate.status.not_after.as_ref().ok_or(Withheld::NotApplicable)?.0;
    let left = end.duration_since(facts.now);
    // Until the last third, when others are renewed, the switch does no harm.
    let third = lifetime(certificate).unwrap_or_default() / 3;
    if left > third || facts.is_issuing() {
        return Ok(vec![]);
    }
    let name = certificate.name();
    let when = if left.is_positive() {
        format!("ends in {}", human(left))
    } else {
        format!("ended {} ago", human(left.abs()))
    };
    let finding = RENEWAL_DISABLED
        .on(certificate.objref())
        .says(format!("nobody renews {name}: spec.renewal.policy is Disabled, and the certificate {when}"))
        .because("cert-manager plans no renewal while the policy is Disabled, not even of an expired certificate.")
        .evidence(Witness::Spec(Kind::Certificate, "renewal.policy"), "Disabled")
        .evidence(Witness::Status(Kind::Certificate, "notAfter"), end.to_string())
        .fix(renew("renew it now, by hand", certificate))
        .fix(merge_patch(
            "or let cert-manager renew it from now on",
            certificate,
            r#"{"spec":{"renewal":{"policy":"RenewBefore"}}}"#,
        ));
    Ok(vec![finding])
}

fn is_disabled(certificate: &Certificate) -> bool {
    certificate.spec.renewal.as_ref().and_then(|renewal| renewal.policy.as_ref()) == Some(&RenewalPolicy::Disabled)
}

pub static RENEWAL_FAILING_SILENTLY: Rule = Rule {
    id: "renewal-failing-silently",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Symptom,
    severity: Severity::Error,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "renewal is overdue while Ready is still True",
    doc: include_str!("../../../docs/rules/renewal-failing-silently.md"),
    needs: &[Kind::Certificate],
    explains: &["issuance-stalled"],
    judge: renewal_failing_silently,
};

fn renewal_failing_silently(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let status = &certificate.status;
    let (Some(due), Some(end)) = (&status.renewal_time, &status.not_after) else { return Err(Withheld::NotApplicable) };
    let is_quiet = certificate.is(CertificateConditionType::Ready) && facts.now < end.0;
    if !is_quiet || is_disabled(certificate) || facts.now < due.0 {
        return Ok(vec![]);
    }
    let late = facts.since(due.0);
    let failures = status.failed_issuance_attempts.unwrap_or(0);
    let has_failed_before = failures > 0 || facts.has_failed();
    let has_just_begun = facts.is_issuing() && !facts.is_older_than(facts.issuance_began(), LATE.as_secs());
    if late < LATE || (has_just_begun && !has_failed_before) {
        return Ok(vec![]);
    }
    let name = certificate.name();
    let mut finding = RENEWAL_FAILING_SILENTLY
        .on(certificate.objref())
        .says(format!(
            "{name} is Ready, but its renewal is overdue by {}; the certificate ends in {}",
            human(late),
            human(end.0.duration_since(facts.now))
        ))
        .because("Ready tells of the old certificate, which is good until it ends, so nothing looks wrong before. The renewal itself fails, hangs or was not started.")
        .evidence(Witness::Status(Kind::Certificate, "renewalTime"), due.0.to_string())
        .evidence(Witness::Status(Kind::Certificate, "notAfter"), end.0.to_string());
    if failures > 0 {
        finding = finding.evidence(Witness::Status(Kind::Certificate, "failedIssuanceAttempts"), failures.to_string());
    }
    if let Some(issuing) = certificate.condition(CertificateConditionType::Issuing) {
        finding = finding.evidence(Witness::Condition(Kind::Certificate, "Issuing"), &issuing.message);
    }
    let fix = renew("once the cause is mended, renew at once", certificate);
    let alert = Fix::manual(
        "alert on it before the users do: certmanager_certificate_renewal_timestamp_seconds lies more than an hour in the past",
    );
    Ok(vec![finding.fix(fix).fix(alert)])
}

pub static EXPIRED_BUT_READY: Rule = Rule {
    id: "expired-but-ready",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Symptom,
    severity: Severity::Error,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "the condition Ready is True although the certificate has expired",
    doc: include_str!("../../../docs/rules/expired-but-ready.md"),
    needs: &[Kind::Certificate],
    explains: &["certificate-expired"],
    judge: expired_but_ready,
};

fn expired_but_ready(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let end = certificate.status.not_after.as_ref().ok_or(Withheld::NotApplicable)?.0;
    let Some(ready) = certificate.condition(CertificateConditionType::Ready).filter(|ready| ready.is_true()) else {
        return Ok(vec![]);
    };
    // The Secret may be newer than the status.
    let stored = facts.stored().ok().map(|stored| stored.leaf().not_after);
    if facts.now <= end || stored.is_some_and(|stored| facts.now <= stored) {
        return Ok(vec![]);
    }
    let finding = EXPIRED_BUT_READY
        .on(certificate.objref())
        .says(format!("{} says Ready, but its certificate expired {} ago", certificate.name(), human(facts.since(end))))
        .because("cert-manager works Ready out only when it looks at the Certificate, so this is its word from before the expiry. Clients refuse the certificate now.")
        .evidence(Witness::Status(Kind::Certificate, "notAfter"), end.to_string())
        .evidence(Witness::Condition(Kind::Certificate, "Ready"), &ready.message)
        .fix(Fix::command(
            "see whether cert-manager runs at all: it works Ready out anew only when it looks at the Certificate",
            "kubectl get deployments -A -l app.kubernetes.io/name=cert-manager",
        ))
        .fix(renew("start a new issuance at once", certificate));
    Ok(vec![finding])
}

pub static RENEWAL_BLOCKED_BY_BACKOFF: Rule = Rule {
    id: "renewal-blocked-by-backoff",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Symptom,
    severity: Severity::Warning,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "after failures cert-manager waits for hours before it tries again, even if the cause is mended",
    doc: include_str!("../../../docs/rules/renewal-blocked-by-backoff.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest],
    explains: &[],
    judge: renewal_blocked_by_backoff,
};

fn renewal_blocked_by_backoff(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let Stage::BackOff { until } = facts.stage else { return Err(Withheld::NotApplicable) };
    let wait = until.duration_since(facts.now);
    let end = certificate.status.not_after.as_ref().map(|time| time.0);
    let comes_late = end.filter(|end| facts.now < *end && until >= *end);
    if wait <= LATE && comes_late.is_none() {
        return Ok(vec![]);
    }
    let name = certificate.name();
    let attempts = certificate.status.failed_issuance_attempts.unwrap_or(1);
    let failures = if attempts == 1 { "1 failure".to_owned() } else { format!("{attempts} failures") };
    let mut summary = format!("after {failures} cert-manager tries {name} again only in {}", human(wait));
    if comes_late.is_some() {
        summary.push_str(", when the certificate has expired");
    }
    let mut finding = RENEWAL_BLOCKED_BY_BACKOFF
        .on(certificate.objref())
        .says(summary)
        .because("The wait doubles with each failure, up to 32 hours, and does not end when the fault is mended. To delete the failed request does not shorten it.")
        .evidence(Witness::Status(Kind::Certificate, "failedIssuanceAttempts"), attempts.to_string())
        .evidence(Witness::Computed, format!("next attempt at {until}"));
    if let Some(failed) = certificate.status.last_failure_time.as_ref() {
        finding = finding.evidence(Witness::Status(Kind::Certificate, "lastFailureTime"), failed.0.to_string());
        if let Some((kind, since)) = mended_since(facts).filter(|(_, since)| *since > failed.0) {
            finding = finding
                .evidence(Witness::Condition(kind, "Ready"), format!("True since {since}, after the last failure"));
        }
    }
    if let Some(end) = comes_late {
        finding = finding.evidence(Witness::Status(Kind::Certificate, "notAfter"), end.to_string());
    }
    Ok(vec![finding.fix(renew("once the cause is mended, try again at once: this skips the wait", certificate))])
}

/// Since when the issuer is ready.
fn mended_since(facts: &Facts) -> Option<(Kind, jiff::Timestamp)> {
    match facts.chain.issuer.seen()? {
        IssuerView::Builtin { objref, status, .. } => {
            let ready = status.ready().filter(|ready| ready.is_true())?;
            Some((objref.kind, ready.since()?))
        }
        IssuerView::External(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::api::CertificateReason;
    use crate::facts::specimen::Specimen;

    const DAY: i64 = 24 * 60;

    fn renewal(json: serde_json::Value) -> Specimen {
        Specimen::healthy().broken(|objects| objects.certificate().spec.renewal = serde_json::from_value(json).unwrap())
    }

    #[test]
    fn a_window_that_never_opens_is_found() {
        let windows = || {
            renewal(
                serde_json::json!({"policy": "RenewBefore", "windows": [{"cron": "0 2 29 2 *", "windowDuration": "1h"}]}),
            )
        };
        assert_eq!(windows().ids(), Vec::<&str>::new());
        let told = windows().broken(|objects| {
            let ready = &mut objects.certificate().status.conditions[0];
            ready.status = crate::api::ConditionStatus::False;
            ready.reason = Some(CertificateReason::WindowError);
            ready.message = "Could not calculate renewal time: cannot find a time with the given windows".into();
        });
        assert_eq!(told.root(), Some("renewal-window-error"));
        let late = windows().broken(|objects| {
            objects.certificate().status.renewal_time = Some(serde_json::from_str("\"2026-11-29T02:00:00Z\"").unwrap());
        });
        assert_eq!(late.ids(), ["renewal-window-error"]);
    }

    #[test]
    fn a_renewal_outside_of_the_windows_is_told_while_it_runs() {
        const WORDS: &str = "Renewing certificate without satisfying renewal windows";
        let renewing = |message: &str| {
            let issuing = serde_json::json!({
                "type": "Issuing", "status": "True", "reason": "Renewing", "lastTransitionTime": "2026-11-22T06:39:30Z",
                "message": message,
            });
            renewal(
                serde_json::json!({"policy": "RenewBefore", "windows": [{"cron": "0 2 29 2 *", "windowDuration": "1h"}]}),
            )
            .broken(|objects| {
                objects.certificate().status.conditions.push(serde_json::from_value(issuing).unwrap());
            })
        };
        let event = format!(
            "apiVersion: v1\nkind: Event\nmetadata: {{name: window, namespace: shop}}\nreason: WindowError\ntype: Warning\n\
             lastTimestamp: '2026-11-22T06:39:31Z'\nmessage: '{WORDS} due to cannot find a time with the given windows'\n\
             involvedObject: {{kind: Certificate, namespace: shop, name: web}}\n"
        );
        assert_eq!(
            renewing(&format!("{WORDS} at: 2026-11-22 06:39:00 +0000 UTC")).root(),
            Some("renewal-window-error")
        );
        assert_eq!(renewing("Renewing").with(&event).root(), Some("renewal-window-error"));
        assert_eq!(renewing("Renewing").ids(), Vec::<&str>::new());
        assert_eq!(Specimen::healthy().with(&event).ids(), Vec::<&str>::new(), "an old event");
    }

    #[test]
    fn disabled_renewal_is_found_in_the_last_third() {
        let disabled = || {
            renewal(serde_json::json!({"policy": "Disabled"}))
                .broken(|objects| objects.certificate().status.renewal_time = None)
        };
        assert_eq!(disabled().later(3 * DAY).ids(), Vec::<&str>::new());
        assert_eq!(disabled().later(5 * DAY).ids(), ["renewal-disabled"]);
        assert_eq!(disabled().later(7 * DAY).root(), Some("renewal-disabled"));
        let enabled = renewal(serde_json::json!({"policy": "RenewBefore"}));
        assert!(!enabled.later(5 * DAY).ids().contains(&"renewal-disabled"));
    }

    #[test]
    fn an_overdue_renewal_is_found_though_ready_is_true() {
        let late = Specimen::healthy().later(4 * DAY + 120);
        assert_eq!(late.ids(), ["renewal-failing-silently", "issuance-stalled"]);
        assert!(!Specimen::healthy().later(4 * DAY + 30).ids().contains(&"renewal-failing-silently"));
    }

    fn renewing(attempts: Option<i64>) -> Specimen {
        Specimen::healthy().later(4 * DAY + 120).broken(|objects| {
            let status = &mut objects.certificate().status;
            status.failed_issuance_attempts = attempts;
            let issuing =
                r#"{"type":"Issuing","status":"True","reason":"Renewing","lastTransitionTime":"2026-11-26T08:35:00Z"}"#;
            status.conditions.push(serde_json::from_str(issuing).unwrap());
        })
    }

    #[test]
    fn a_renewal_that_has_just_begun_is_given_time() {
        assert!(!renewing(None).ids().contains(&"renewal-failing-silently"));
        assert!(renewing(Some(3)).ids().contains(&"renewal-failing-silently"));
    }

    #[test]
    fn ready_does_not_hide_the_expiry() {
        let ended = || Specimen::healthy().later(6 * DAY + 5);
        assert_eq!(ended().root(), Some("expired-but-ready"));
        assert!(ended().ids().contains(&"certificate-expired"), "folded");
        let honest = ended()
            .broken(|objects| objects.certificate().status.conditions[0].status = crate::api::ConditionStatus::False);
        assert!(!honest.ids().contains(&"expired-but-ready"));
    }

    #[test]
    fn a_long_back_off_is_told() {
        let backing = |attempts| {
            Specimen::rejected().broken(move |objects| {
                let certificate = objects.certificate();
                certificate.status.failed_issuance_attempts = Some(attempts);
                // As the request has it: a changed spec lifts the back-off.
                certificate.spec.dns_names = vec!["web.example.com".into()];
            })
        };
        assert!(!backing(1).ids().contains(&"renewal-blocked-by-backoff"));
        assert!(backing(4).ids().contains(&"renewal-blocked-by-backoff"));
        let ending = backing(1).broken(|objects| {
            objects.certificate().status.not_after = Some(serde_json::from_str("\"2026-11-22T07:00:00Z\"").unwrap());
        });
        assert!(ending.ids().contains(&"renewal-blocked-by-backoff"));
    }
}
