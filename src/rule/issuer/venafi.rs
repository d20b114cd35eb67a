//! Venafi issuers (`CyberArk` Certificate Manager): the set-up fails at the server or before it.

use super::credentials::{Home, missing_secret};
use super::{Complaint, NETWORK, TLS, says};
use crate::api::IssuerReason;
use crate::api::issuer::VenafiIssuer;
use crate::facts::Facts;
use crate::finding::{Fix, Witness};
use crate::objref::Kind;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};

pub static SETUP: Rule = Rule {
    id: "venafi-setup",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the Venafi issuer cannot be set up: credentials, zone or connection",
    doc: include_str!("../../../docs/rules/venafi-setup.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuer-not-ready"],
    judge: setup,
};

fn setup(facts: &Facts) -> Judgement {
    let complaint = Complaint::of(facts)?;
    let venafi = complaint.spec.venafi.as_ref().ok_or(Withheld::NotApplicable)?;
    if !matches!(complaint.reason(), Some(IssuerReason::ErrorSetup | IssuerReason::AuthFailed)) {
        return Ok(vec![]);
    }
    let (issuer, words) = (&complaint.issuer, complaint.words());
    let home = Home::of(facts, issuer);
    let secret = credentials(venafi);
    let has: Vec<&str> =
        home.secret(facts, secret).into_iter().flat_map(|secret| secret.data.keys()).map(String::as_str).collect();
    let has = if has.is_empty() { String::new() } else { format!("keys: {}", has.join(", ")) };
    let finding = complaint
        .found(&SETUP)
        .evidence(Witness::Spec(issuer.kind, "venafi.zone"), &venafi.zone)
        .evidence(Witness::Data(Kind::Secret), has);
    let place = format!("Secret {}/{secret}", home.namespace);
    let replace = format!(
        "kubectl create secret generic {secret} -n {} --from-literal={}='TOKEN' --dry-run=client -o yaml | \
         kubectl apply -f -",
        home.namespace,
        if venafi.cloud.is_some() { "api-key" } else { "access-token" }
    );
    Ok(vec![if missing_secret(words).is_some() || says(words, &["no data for", "does not have key", "missing key"]) {
        finding
            .says(format!("{place} does not give {issuer} the credential that it needs"))
            .because(
                "It is read before the server is asked: access-token, or username and password, or for the \
             cloud api-key.",
            )
            .fix(Fix::command("store the credential there", replace))
    } else if says(words, TLS) || says(words, NETWORK) {
        finding
            .says(format!("{issuer} does not reach its server, or does not trust it"))
            .because(
                "The controller tries again by itself. A private server needs its root in spec.venafi.tpp.caBundle.",
            )
            .fix(Fix::patch(
                "give the root of the server",
                "spec:\n  venafi:\n    tpp:\n      caBundle: BASE64-OF-THE-PEM\n",
            ))
    } else if says(words, &["zone", "application", "template", "policy folder"]) && !says(words, &["401", "token"]) {
        finding
            .says(format!("the server does not know the zone \"{}\" of {issuer}", venafi.zone))
            .because("A zone is APPLICATION\\TEMPLATE in the cloud, and a policy folder in the self-hosted product.")
            .fix(Fix::patch("correct the zone", "spec:\n  venafi:\n    zone: APPLICATION\\TEMPLATE\n"))
    } else {
        finding
            .says(format!("the server does not accept the credential in {place} of {issuer}"))
            .because("Access tokens end: it has expired, was revoked, or lacks the scope certificate:manage.")
            .fix(Fix::command("get a new token and store it; the issuer takes it up by itself", replace))
    }])
}

/// The Secret with the credentials.
fn credentials(venafi: &VenafiIssuer) -> &str {
    let tpp = venafi.tpp.as_ref().map(|tpp| tpp.credentials_ref.name.as_str());
    let cloud = venafi.cloud.as_ref().map(|cloud| cloud.api_token_secret_ref.name.as_str());
    let ngts = venafi.ngts.as_ref().map(|ngts| ngts.credentials_ref.name.as_str());
    tpp.or(cloud).or(ngts).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::issuer::VenafiTpp;
    use crate::api::issuer_ref::LocalRef;
    use crate::api::{ConditionStatus, IssuerSpec};
    use crate::facts::specimen::Specimen;

    fn unready(words: &str) -> Specimen {
        Specimen::http01().broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            let tpp = VenafiTpp { credentials_ref: LocalRef { name: "tpp-token".into() }, ..VenafiTpp::default() };
            let venafi = VenafiIssuer { zone: "DevOps\\web".into(), tpp: Some(tpp), ..VenafiIssuer::default() };
            let issuer = objects.cluster_issuer();
            issuer.spec = IssuerSpec { venafi: Some(venafi), ..IssuerSpec::default() };
            let condition = &mut issuer.status.conditions[0];
            condition.status = ConditionStatus::False;
            condition.reason = Some(IssuerReason::ErrorSetup);
            condition.message = format!("Failed to setup Certificate Manager issuer: {words}");
        })
    }

    #[test]
    fn the_words_of_the_set_up_are_told_apart() {
        for (words, has) in [
            ("client.VerifyCredentials: 401 Unauthorized", "does not accept the credential"),
            (r#"error loading credentials: secrets "tpp-token" not found"#, "does not give"),
            ("client.Ping: dial tcp: i/o timeout", "does not reach"),
            ("client.ReadZoneConfiguration: policy folder not found", "does not know the zone"),
        ] {
            let specimen = unready(words);
            assert_eq!(specimen.ids(), ["venafi-setup", "issuer-not-ready"], "{words}");
            let summary = specimen.judge().findings[0].summary.clone();
            assert!(summary.contains(has), "{summary}");
            assert_eq!(specimen.about(Kind::ClusterIssuer, None, "letsencrypt").root(), Some("venafi-setup"));
        }
    }
}
