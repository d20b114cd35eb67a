//! ACME Renewal Information (RFC 9773): the CA's word on when to renew, where cert-manager asks for it.

use super::super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use crate::api::Object;
use crate::facts::Facts;
use crate::finding::{Fix, Witness};
use crate::objref::Kind;

pub static ARI_ERROR: Rule = Rule {
    id: "ari-error",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Risk,
    severity: Severity::Info,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "the CA's advice on when to renew could not be had",
    doc: include_str!("../../../docs/rules/ari-error.md"),
    needs: &[Kind::Certificate, Kind::Event],
    explains: &[],
    judge: ari_error,
};

fn ari_error(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let acme = certificate.status.acme.as_ref().ok_or(Withheld::NotApplicable)?;
    let ari = acme.ari.as_ref().ok_or(Withheld::NotApplicable)?;
    if ari.last_error.is_empty() {
        return Ok(vec![]);
    }
    let name = certificate.name();
    let next = ari.next_check.as_ref().map(|next| format!(" It asks again at {}.", next.0)).unwrap_or_default();
    let told =
        ari.suggested_window.as_ref().and_then(|window| Some((window.start.as_ref()?.0, window.end.as_ref()?.0)));
    let says = match told {
        None => format!("the CA's advice on when to renew {name} could not be had"),
        Some(_) => {
            format!("the CA's advice on when to renew {name} could not be had or used, the last time it was asked")
        }
    };
    let mut finding = ARI_ERROR
        .on(certificate.objref())
        .says(says)
        .because(format!(
            "Nothing stops: cert-manager renews by renewBefore. Only a CA that revokes certificates early is not heard.{next}"
        ))
        .evidence(Witness::Status(Kind::Certificate, "acme.ari.lastError"), &ari.last_error);
    if let Some((start, end)) = told {
        let window = format!("{start} to {end}, from before");
        finding = finding.evidence(Witness::Status(Kind::Certificate, "acme.ari.suggestedWindow"), window);
    }
    if let Some(renewal) = &certificate.status.renewal_time {
        finding = finding.evidence(Witness::Status(Kind::Certificate, "renewalTime"), renewal.0.to_string());
    }
    let flag = certificate.objref().namespace_flag();
    let fix = if ari.last_error.contains("ACME client for issuer") {
        let reference = &certificate.spec.issuer_ref;
        let kind = reference.kind_or_default().to_ascii_lowercase();
        let flag = if reference.own_kind() == Some(Kind::Issuer) { flag } else { String::new() };
        Fix::command(
            "see whether the issuer's account is registered",
            format!("kubectl describe {kind} {}{flag}", reference.name),
        )
    } else {
        Fix::command(
            "nothing needs to be done; to follow the tries",
            format!("kubectl get events{flag} --field-selector involvedObject.name={name},reason=ARIError"),
        )
    };
    Ok(vec![finding.fix(fix)])
}

#[cfg(test)]
mod tests {
    use crate::facts::specimen::Specimen;

    fn told(ari: serde_json::Value) -> Specimen {
        Specimen::healthy().broken(move |objects| {
            let status = serde_json::json!({"ari": ari});
            objects.certificate().status.acme = serde_json::from_value(status).unwrap();
        })
    }

    #[test]
    fn only_an_error_is_told() {
        let window = serde_json::json!({"start": "2027-01-10T00:00:00Z", "end": "2027-01-12T00:00:00Z"});
        assert_eq!(told(serde_json::json!({"suggestedWindow": window})).ids(), Vec::<&str>::new());
        let failed = told(serde_json::json!({
            "suggestedWindow": window,
            "lastError": "404 urn:ietf:params:acme:error:malformed: not found",
            "nextCheck": "2026-11-22T12:00:00Z"
        }));
        let report = failed.judge();
        assert_eq!(failed.ids(), ["ari-error"]);
        let finding = &report.findings[0];
        assert!(finding.explanation.contains("asks again at 2026-11-22T12:00:00Z"), "{}", finding.explanation);
        assert!(finding.fixes[0].command.as_ref().unwrap().contains("reason=ARIError"), "{:?}", finding.fixes);
    }

    #[test]
    fn without_an_account_the_issuer_is_looked_at() {
        let unready = told(serde_json::json!({"lastError": "ACME client for issuer not initialised/available"}));
        let fixes = &unready.judge().findings[0].fixes;
        assert_eq!(fixes[0].command.as_deref(), Some("kubectl describe clusterissuer letsencrypt"));
    }
}
