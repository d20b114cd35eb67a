//! How long a certificate lasts against what was asked for.

use jiff::SignedDuration;

use super::super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use super::{acme, issued_at, lifetime, merge_patch};
use crate::api::{Certificate, GoDuration, Object};
use crate::duration::{format_go, human};
use crate::engine::renewal::{RenewalSpec, renewal_time};
use crate::facts::Facts;
use crate::finding::{Fix, Witness};
use crate::objref::Kind;

pub static DURATION_IGNORED_BY_ACME: Rule = Rule {
    id: "duration-ignored-by-acme",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Risk,
    severity: Severity::Info,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "spec.duration has no effect: the ACME server sets the lifetime",
    doc: include_str!("../../../docs/rules/duration-ignored-by-acme.md"),
    needs: &[Kind::Certificate, Kind::Issuer, Kind::ClusterIssuer],
    explains: &[],
    judge: duration_ignored_by_acme,
};

fn duration_ignored_by_acme(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let acme = acme(facts).ok_or(Withheld::NotApplicable)?;
    let wanted = certificate.spec.duration.as_ref().and_then(GoDuration::parse).ok_or(Withheld::NotApplicable)?;
    let got = lifetime(certificate).ok_or(Withheld::NotApplicable)?;
    // CAs take a second or an hour off, for clocks that are slow.
    if (wanted - got).abs() <= wanted.abs() / 20 {
        return Ok(vec![]);
    }
    let kind = facts.issuer_ref()?.own_kind().unwrap_or(Kind::Issuer);
    let sent = if acme.enable_duration_feature {
        "cert-manager sent it to the CA, which did not keep to it."
    } else {
        "cert-manager does not even send it: issuers have enableDurationFeature off by default, because Let's Encrypt refuses orders with a lifetime in them."
    };
    let finding = DURATION_IGNORED_BY_ACME
        .on(certificate.objref())
        .says(format!(
            "spec.duration asks for {}, but the CA gave {}: an ACME server sets the lifetime itself",
            human(wanted),
            human(got + SignedDuration::from_secs(1))
        ))
        .because(format!("The lifetime in spec.duration is not the one of the certificate. {sent} Renewal goes by the true lifetime."))
        .evidence(Witness::Spec(Kind::Certificate, "duration"), format_go(wanted))
        .evidence(Witness::Status(Kind::Certificate, "notBefore, notAfter"), format!("{} apart", format_go(got)))
        .evidence(Witness::Spec(kind, "acme.server"), &acme.server)
        .fix(merge_patch("take the field out, so that nobody counts on it", certificate, r#"{"spec":{"duration":null}}"#))
        .fix(Fix::manual(format!(
            "for another lifetime choose a certificate profile of the CA (spec.acme.profile of {kind} {}), or a CA that honours the field",
            certificate.spec.issuer_ref.name
        )));
    Ok(vec![finding])
}

pub static RENEWBEFORE_CLOSE_TO_REAL_LIFETIME: Rule = Rule {
    id: "renewbefore-close-to-real-lifetime",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Cause,
    severity: Severity::Warning,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "renewal is due as soon as a certificate is issued: renewBefore is about its whole lifetime",
    doc: include_str!("../../../docs/rules/renewbefore-close-to-real-lifetime.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest],
    explains: &["certificate-reissued-constantly-secretname-change"],
    judge: renewbefore_close_to_real_lifetime,
};

fn renewbefore_close_to_real_lifetime(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let spec = &certificate.spec;
    if spec.renew_before.is_none() && spec.renew_before_percentage.is_none() {
        return Err(Withheld::NotApplicable);
    }
    let life = lifetime(certificate).ok_or(Withheld::NotApplicable)?;
    let issued = issued_at(facts, certificate).ok_or(Withheld::NotApplicable)?;
    let Some(renewal) = renewal(certificate) else { return Err(Withheld::NotApplicable) };
    let wait = renewal.duration_since(issued);
    // A fiftieth of 90 days is 43 hours: four renewals a week.
    if wait > (life / 50).max(SignedDuration::from_mins(10)) {
        return Ok(vec![]);
    }
    let field = if spec.renew_before.is_some() { "renewBefore" } else { "renewBeforePercentage" };
    let asked = match (&spec.renew_before, spec.renew_before_percentage) {
        (Some(before), _) => before.normalized().to_string(),
        (None, Some(percentage)) => format!("{percentage}"),
        (None, None) => String::new(),
    };
    let due = match wait.as_secs() {
        ..0 => "before it was even issued".to_owned(),
        0 => "the moment it was issued".to_owned(),
        1.. => format!("{} after it was issued", human(wait)),
    };
    let name = certificate.name();
    let finding = RENEWBEFORE_CLOSE_TO_REAL_LIFETIME
        .on(certificate.objref())
        .says(format!(
            "{name} is due for renewal {due}: {field} {asked} is about its whole lifetime of {}",
            human(life)
        ))
        .because("As soon as a certificate is stored the next one is due, so cert-manager orders one after the other, until the rate limit of the issuer ends it.")
        .evidence(Witness::Spec(Kind::Certificate, field), asked)
        .evidence(Witness::Status(Kind::Certificate, "notBefore, notAfter"), format!("{} apart", format_go(life)))
        .evidence(Witness::Status(Kind::Certificate, "renewalTime"), renewal.to_string())
        .evidence(Witness::Status(Kind::Certificate, "revision"), certificate.status.revision.unwrap_or(0).to_string())
        .fix(merge_patch(
            "renew when a third of the true lifetime is left",
            certificate,
            r#"{"spec":{"renewBefore":null,"renewBeforePercentage":33}}"#,
        ))
        .fix(Fix::manual("or let the issuer give longer ones: with Vault, raise max_ttl of the role and of the mount"));
    Ok(vec![finding])
}

/// When the present certificate is renewed: cert-manager's word, unless the CA's own suggestion moved it.
fn renewal(certificate: &Certificate) -> Option<jiff::Timestamp> {
    let status = &certificate.status;
    let moved = status.acme.as_ref().is_some_and(|acme| acme.ari.is_some())
        || certificate.spec.renewal.as_ref().is_some_and(|renewal| !renewal.windows.is_empty());
    if let Some(renewal) = status.renewal_time.as_ref().filter(|_| !moved) {
        return Some(renewal.0);
    }
    let spec = RenewalSpec {
        renew_before: certificate.spec.renew_before.as_ref().and_then(GoDuration::parse),
        renew_before_percentage: certificate.spec.renew_before_percentage,
    };
    Some(renewal_time(status.not_before.as_ref()?.0, status.not_after.as_ref()?.0, spec))
}

#[cfg(test)]
mod tests {
    use crate::api::GoDuration;
    use crate::facts::specimen::Specimen;

    #[test]
    fn a_lifetime_that_differs_from_the_asked_one_is_worth_knowing() {
        let asked = |duration: &str| {
            let duration = GoDuration(duration.into());
            Specimen::healthy().broken(move |objects| objects.certificate().spec.duration = Some(duration))
        };
        assert_eq!(asked("8760h").ids(), ["duration-ignored-by-acme"]);
        assert_eq!(asked("144h0m0s").ids(), Vec::<&str>::new());
        let private = asked("8760h").broken(|objects| objects.cluster_issuer().spec.acme = None);
        assert_eq!(private.ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_renewal_that_is_due_at_once_is_found() {
        let renewed = |before: &str, at: &str| {
            let (before, at) = (GoDuration(before.into()), serde_json::from_str(&format!("\"{at}\"")).unwrap());
            Specimen::healthy().broken(move |objects| {
                objects.certificate().spec.renew_before = Some(before);
                objects.certificate().status.renewal_time = Some(at);
            })
        };
        assert_eq!(renewed("143h59m0s", "2026-11-22T06:31:09Z").root(), Some("renewbefore-close-to-real-lifetime"));
        assert_eq!(renewed("120h", "2026-11-23T06:30:09Z").ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_percentage_that_leaves_nothing_is_found() {
        let high = Specimen::healthy().broken(|objects| {
            objects.certificate().spec.renew_before_percentage = Some(99);
            objects.certificate().status.renewal_time = None;
        });
        assert_eq!(high.root(), Some("renewbefore-close-to-real-lifetime"));
    }
}
