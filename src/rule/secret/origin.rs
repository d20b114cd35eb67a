//! Where the stored certificate came from: another issuer, cert-manager's own stopgap, or an older spec.

use super::super::certificate::{outlasts_an_issuance, unready};
use super::super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use super::content::secret_ref;
use crate::api::{Certificate, CertificateConditionType, CertificateReason, Condition, Object, annotation};
use crate::duration::human;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, PROGRAM, Witness};
use crate::objref::Kind;
use crate::pki::matches::{Violation, leaf_matches_spec, request_matches_spec};

pub static SECRET_ISSUER_MISMATCH: Rule = Rule {
    id: "secret-issuer-mismatch",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Symptom,
    severity: Severity::Error,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "the Secret still holds the certificate of another issuer",
    doc: include_str!("../../../docs/rules/secret-issuer-mismatch.md"),
    needs: &[Kind::Certificate, Kind::Secret],
    explains: &[],
    judge: secret_issuer_mismatch,
};

fn secret_issuer_mismatch(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let Some((CertificateReason::IncorrectIssuer, message)) = unready(certificate) else {
        return Err(Withheld::NotApplicable);
    };
    if is_temporary(facts, certificate) || !outlasts_an_issuance(facts, certificate) {
        return Ok(vec![]);
    }
    let wanted = &certificate.spec.issuer_ref;
    let name = certificate.spec.secret_name.as_str();
    let mut finding = SECRET_ISSUER_MISMATCH
        .on(secret_ref(certificate))
        .says(format!(
            "Secret {name} still holds the certificate of another issuer than {} {}",
            wanted.kind_or_default(),
            wanted.name
        ))
        .because("That is normal until the new issuer has signed. Here it lasts: the new issuance failed, hangs or was not started.")
        .evidence(Witness::Condition(Kind::Certificate, "Ready"), message)
        .evidence(
            Witness::Spec(Kind::Certificate, "issuerRef"),
            format!("{} {}", wanted.kind_or_default(), wanted.name),
        );
    if let Some(secret) = facts.chain.secret.seen() {
        let words = match secret.annotation(annotation::ISSUER_NAME) {
            Some(issuer) => format!("{}: {issuer}", annotation::ISSUER_NAME),
            None => "no issuer annotations: cert-manager did not write it".to_owned(),
        };
        finding = finding.evidence(Witness::Metadata(Kind::Secret), words);
    }
    Ok(vec![with_since(finding, facts, certificate).fix(follow(certificate))])
}

pub static TEMPORARY_CERTIFICATE_STAYS: Rule = Rule {
    id: "temporary-certificate-stays",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Symptom,
    severity: Severity::Error,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "cert-manager's temporary certificate is still in place of a real one",
    doc: include_str!("../../../docs/rules/temporary-certificate-stays.md"),
    needs: &[Kind::Certificate, Kind::Secret],
    explains: &[],
    judge: temporary_certificate_stays,
};

fn temporary_certificate_stays(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    if !is_temporary(facts, certificate) {
        return Err(Withheld::NotApplicable);
    }
    if !outlasts_an_issuance(facts, certificate) {
        return Ok(vec![]);
    }
    let name = certificate.spec.secret_name.as_str();
    let mut finding = TEMPORARY_CERTIFICATE_STAYS
        .on(secret_ref(certificate))
        .says(format!("Secret {name} still holds cert-manager's temporary certificate, which no client trusts"))
        .because("It fills in until the real one is signed. It stays because the real issuance failed, hangs or was not started.");
    if let Ok(stored) = facts.stored() {
        finding =
            finding.evidence(Witness::Data(Kind::Secret), format!("issuer of the leaf: {}", stored.leaf().issuer));
    }
    if let Some((CertificateReason::IncorrectIssuer, message)) = unready(certificate) {
        finding = finding.evidence(Witness::Condition(Kind::Certificate, "Ready"), message);
    }
    if asks_for_temporary(certificate) {
        let words = format!("{}: true", annotation::ISSUE_TEMPORARY_CERTIFICATE);
        finding = finding.evidence(Witness::Metadata(Kind::Certificate), words);
    }
    Ok(vec![with_since(finding, facts, certificate).fix(follow(certificate))])
}

/// Whether the Secret holds a certificate of cert-manager's own throw-away CA.
pub(super) fn is_temporary(facts: &Facts, certificate: &Certificate) -> bool {
    if let Ok(stored) = facts.stored() {
        return stored.leaf().issuer.common_name() == "cert-manager.local";
    }
    // Without the Secret: one that no issuer signed, for a Certificate that asks for a temporary one.
    match unready(certificate) {
        Some((CertificateReason::IncorrectIssuer, message)) => {
            message.trim_end_matches(['.', '"']).ends_with('/') && asks_for_temporary(certificate)
        }
        Some(_) | None => false,
    }
}

fn asks_for_temporary(certificate: &Certificate) -> bool {
    certificate.annotation(annotation::ISSUE_TEMPORARY_CERTIFICATE) == Some("true")
}

pub static SECRET_SPEC_DRIFT: Rule = Rule {
    id: "secret-spec-drift",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Symptom,
    severity: Severity::Error,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "the stored certificate is not what the spec asks for, and no new one comes",
    doc: include_str!("../../../docs/rules/secret-spec-drift.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Secret],
    explains: &[],
    judge: secret_spec_drift,
};

fn secret_spec_drift(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let Some((CertificateReason::RequestChanged | CertificateReason::SecretMismatch, message)) = unready(certificate)
    else {
        return Err(Withheld::NotApplicable);
    };
    if !outlasts_an_issuance(facts, certificate) {
        return Ok(vec![]);
    }
    let name = certificate.spec.secret_name.as_str();
    let fields = fields(facts, certificate, message);
    let what = if fields.is_empty() { "its request".to_owned() } else { fields.join(", ") };
    let mut finding = SECRET_SPEC_DRIFT
        .on(secret_ref(certificate))
        .says(format!("the certificate in Secret {name} no longer fits {what} of Certificate {}", certificate.name()))
        .because("A changed spec leads to a new issuance within minutes. Here that failed, hangs or was not started, and the old certificate is served on.")
        .evidence(Witness::Condition(Kind::Certificate, "Ready"), message);
    let issuer_alters = facts.chain.current().is_none() && !facts.is_issuing() && !facts.has_failed();
    if let (true, Ok(stored)) = (issuer_alters, facts.stored()) {
        let leaf = stored.leaf();
        finding = finding
            .because("No CertificateRequest of the present revision is left, so cert-manager compares the certificate itself with the spec. An issuer that alters what was asked for never gives one that fits, and each new one is replaced again.")
            .evidence(Witness::Data(Kind::Secret), format!("names of the leaf: {} {}", leaf.subject, leaf.alt_names.dns.join(", ")));
    }
    finding = with_since(finding, facts, certificate).fix(follow(certificate));
    if issuer_alters {
        finding =
            finding.fix(Fix::manual("make the spec say what the issuer gives, if it always alters the same field"));
    }
    Ok(vec![finding])
}

/// The fields that differ: worked out where request or leaf are there, else as cert-manager lists them.
fn fields(facts: &Facts, certificate: &Certificate, message: &str) -> Vec<String> {
    let worked_out: Vec<Violation> = match facts.chain.current() {
        Some(node) => request_matches_spec(node.request, &certificate.spec).unwrap_or_default(),
        None => facts.stored().map(|stored| leaf_matches_spec(stored.leaf(), &certificate.spec)).unwrap_or_default(),
    };
    if !worked_out.is_empty() {
        return worked_out.into_iter().map(str::to_owned).collect();
    }
    let listed = message.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(listed, _)| listed);
    listed.map(|listed| listed.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
}

/// How long Ready has been False.
fn with_since(finding: Finding, facts: &Facts, certificate: &Certificate) -> Finding {
    let since = certificate.condition(CertificateConditionType::Ready).filter(|ready| ready.is_false());
    match since.and_then(Condition::since) {
        Some(since) => finding.evidence(Witness::Computed, format!("not Ready for {}", human(facts.since(since)))),
        None => finding,
    }
}

/// The state itself needs no mending: the issuance that would replace the certificate does.
fn follow(certificate: &Certificate) -> Fix {
    Fix::command(
        "start a new issuance at once, and see where it stops",
        format!(
            "{PROGRAM} renew {name}{namespace} && {PROGRAM} diagnose {name}{namespace}",
            name = certificate.name(),
            namespace = certificate.objref().namespace_flag()
        ),
    )
}

#[cfg(test)]
mod tests {
    use crate::api::ConditionStatus;
    use crate::facts::specimen::Specimen;

    /// The healthy chain, whose Ready turned False for `reason` at 06:35, judged later.
    fn unready(reason: &str, message: &str, minutes: i64) -> Specimen {
        Specimen::healthy().later(minutes - 5).broken(|objects| {
            let ready = &mut objects.certificate().status.conditions[0];
            ready.status = ConditionStatus::False;
            ready.reason = Some(reason.into());
            ready.message = message.into();
            ready.last_transition_time = Some(serde_json::from_str("\"2026-11-22T06:35:00Z\"").unwrap());
        })
    }

    fn issuing(specimen: Specimen) -> Specimen {
        specimen.broken(|objects| {
            let issuing = r#"{"type":"Issuing","status":"True","lastTransitionTime":"2026-11-22T06:35:00Z"}"#;
            objects.certificate().status.conditions.push(serde_json::from_str(issuing).unwrap());
        })
    }

    const OTHER: &str =
        "Issuing certificate as Secret was previously issued by \"ClusterIssuer.cert-manager.io/staging\"";

    #[test]
    fn the_certificate_of_another_issuer_is_found_when_it_stays() {
        assert_eq!(unready("IncorrectIssuer", OTHER, 10).root(), Some("secret-issuer-mismatch"));
        assert!(!unready("IncorrectIssuer", OTHER, 2).ids().contains(&"secret-issuer-mismatch"));
        assert!(!issuing(unready("IncorrectIssuer", OTHER, 9)).ids().contains(&"secret-issuer-mismatch"));
        assert!(issuing(unready("IncorrectIssuer", OTHER, 12)).ids().contains(&"secret-issuer-mismatch"));
    }

    #[test]
    fn a_secret_without_issuer_is_temporary_only_if_one_was_asked_for() {
        let message = "Issuing certificate as Secret was previously issued by \"Issuer.cert-manager.io/\"";
        let unseen = || unready("IncorrectIssuer", message, 10).broken(|objects| objects.secrets.clear());
        assert_eq!(unseen().root(), Some("secret-issuer-mismatch"));
        let asked = unseen().broken(|objects| {
            let annotation = ("cert-manager.io/issue-temporary-certificate".to_owned(), "true".to_owned());
            objects.certificate().metadata.annotations.get_or_insert_default().extend([annotation]);
        });
        assert_eq!(asked.root(), Some("temporary-certificate-stays"));
    }

    #[test]
    fn the_temporary_certificate_is_known_by_its_issuer() {
        let yaml = include_str!("../../../tests/cases/temporary-certificate-stays/objects.yaml");
        let case = |now| Specimen::read(yaml, now).about(crate::objref::Kind::Certificate, Some("store"), "checkout");
        assert!(case("2026-11-22T07:30:00Z").ids().contains(&"temporary-certificate-stays"));
        assert!(!case("2026-11-22T06:31:00Z").ids().contains(&"temporary-certificate-stays"));
    }

    #[test]
    fn a_changed_spec_is_found_when_nothing_comes_of_it() {
        let changed = |minutes| {
            let message = "Fields on existing CertificateRequest resource not up to date: [spec.dnsNames]";
            unready("RequestChanged", message, minutes)
                .broken(|objects| objects.certificate().spec.dns_names.push("new.example.com".into()))
        };
        assert_eq!(changed(10).root(), Some("secret-spec-drift"));
        assert!(!changed(3).ids().contains(&"secret-spec-drift"));
        let report = changed(10).judge();
        assert!(report.headline.contains("spec.dnsNames"), "{}", report.headline);
    }

    #[test]
    fn without_a_request_the_leaf_is_compared() {
        let altered =
            unready("SecretMismatch", "Existing issued Secret is not up to date for spec: [spec.dnsNames]", 10).broken(
                |objects| {
                    objects.requests.clear();
                    objects.certificate().spec.dns_names.push("other.example.com".into());
                },
            );
        assert_eq!(altered.root(), Some("secret-spec-drift"));
        assert!(altered.judge().findings[0].explanation.contains("alters"));
    }
}
