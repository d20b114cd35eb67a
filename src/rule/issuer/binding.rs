//! The external account binding (RFC 8555 §7.3.4): missing, not readable, or refused.
//!
//! Looks at the stored key's shape, and never says anything of the key itself.

use super::account::{Fault, complaint};
use super::credentials::{Home, missing_secret};
use super::{Complaint, restart, says};
use crate::api::issuer::ExternalAccountBinding;
use crate::api::{AcmeIssuer, Secret};
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;
use crate::public_ca::PublicCa;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity};

pub static BINDING_WRONG: Rule = Rule {
    id: "acme-eab-missing-or-wrong",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the CA asks for an external account binding that is missing or wrong",
    doc: include_str!("../../../docs/rules/acme-eab-missing-or-wrong.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuer-not-ready", "acme-account-registration-failed"],
    judge: binding_wrong,
};

fn binding_wrong(facts: &Facts) -> Judgement {
    let Some((complaint, acme, ca)) = complaint(facts, Fault::Binding)? else { return Ok(vec![]) };
    let home = Home::of(facts, &complaint.issuer);
    let Some(binding) = &acme.external_account_binding else {
        return Ok(vec![binding_missing(&complaint, acme, ca, &home)]);
    };
    let (secret, key) = (&binding.key_secret_ref.name, &binding.key_secret_ref.key);
    let place = format!("Secret {}/{secret}", home.namespace);
    let finding = complaint.found(&BINDING_WRONG).evidence(
        Witness::Spec(complaint.issuer.kind, "acme.externalAccountBinding"),
        format!("keyID {}, keySecretRef {secret}, key {key}", binding.key_id),
    );
    let create =
        format!("kubectl create secret generic {secret} -n {} --from-literal={key}='HMAC-KEY'", home.namespace);
    let stored = home.secret(facts, secret);
    let shape = stored.and_then(|secret| shape(secret, key));
    let words = complaint.words();
    let finding = if missing_secret(words).is_some() {
        finding
            .says(format!("{place} with the external account key does not exist"))
            .because("The key is read before the account is asked for, so nothing has reached the CA yet.")
            .fix(Fix::command("create it from the HMAC key that the CA's web site gives", create))
    } else if says(words, &["failed to find"]) {
        let has: Vec<&str> = stored.into_iter().flat_map(|secret| secret.data.keys()).map(String::as_str).collect();
        let has = if has.is_empty() { String::new() } else { format!("keys: {}", has.join(", ")) };
        finding
            .says(format!("{place} has no key {key}, which the external account binding names"))
            .because("The key is read before the account is asked for, so nothing has reached the CA yet.")
            .evidence(Witness::Data(Kind::Secret), has)
            .fix(Fix::command("put the HMAC key there under that name", create))
    } else if says(words, &["decode"]) || shape.is_some() {
        finding
            .says(format!("the external account key in {place} is not base64url without padding"))
            .because(
                "CAs give the HMAC key as base64url. cert-manager decodes exactly that: no '+', '/' or '=', no \
                 line break.",
            )
            .evidence(Witness::Data(Kind::Secret), shape.unwrap_or_default())
            .fix(Fix::command("write the same key in that form", reencode(binding, &home)))
    } else {
        finding
            .says(format!("{ca} refuses the external account binding of {}", complaint.issuer))
            .because(
                "With many CAs a pair of key id and HMAC key makes one account only, and it must belong to this very \
                 directory. A refusal is not tried again by itself.",
            )
            .fix(Fix::command(
                "get a new pair from the CA, set spec.acme.externalAccountBinding.keyID, and replace the key",
                format!("{create} --dry-run=client -o yaml | kubectl apply -f -"),
            ))
            .fix(Fix::command("then let the controller look at its issuers again", restart(facts)))
    };
    Ok(vec![finding])
}

fn binding_missing(complaint: &Complaint, acme: &AcmeIssuer, ca: &str, home: &Home) -> Finding {
    let needs = PublicCa::of_server(&acme.server).is_some_and(|directory| directory.needs_binding);
    let habit =
        if needs { "It gives accounts to its customers only" } else { "It gives accounts to known customers only" };
    complaint
        .found(&BINDING_WRONG)
        .says(format!("{ca} asks for an external account binding, and {} has none", complaint.issuer))
        .because(format!(
            "{habit}: a key id and an HMAC key from its web site prove who asks. Without them there \
         is no account."
        ))
        .evidence(Witness::Spec(complaint.issuer.kind, "acme.server"), &acme.server)
        .fix(Fix::command(
            "store the HMAC key that the CA's web site gives",
            format!("kubectl create secret generic acme-eab -n {} --from-literal=hmac='HMAC-KEY'", home.namespace),
        ))
        .fix(Fix::patch(
            "and name it in the issuer",
            "spec:\n  acme:\n    externalAccountBinding:\n      keyID: KEY-ID\n      keySecretRef:\n        \
             name: acme-eab\n        key: hmac\n",
        ))
}

/// What keeps a stored key from being base64url, in words that give nothing of it away.
fn shape(secret: &Secret, key: &str) -> Option<String> {
    let bytes = secret.likeness(key)?;
    let what = if bytes.is_empty() {
        "is empty"
    } else if bytes.ends_with(b"\n") {
        "ends with a line break"
    } else if bytes.contains(&b'=') {
        "is padded with '='"
    } else if bytes.iter().any(|byte| b"+/".contains(byte)) {
        "holds '+' or '/', so it is standard base64"
    } else {
        return None;
    };
    Some(format!("{key} {what}"))
}

/// A command that re-encodes the stored key without showing it.
fn reencode(binding: &ExternalAccountBinding, home: &Home) -> String {
    let (secret, key) = (&binding.key_secret_ref.name, &binding.key_secret_ref.key);
    let path = key.replace('.', "\\.");
    let read = format!("kubectl get secret {secret} -n {} -o jsonpath='{{.data.{path}}}' | base64 -d", home.namespace);
    format!(
        "kubectl patch secret {secret} -n {} -p \"{{\\\"data\\\":{{\\\"{key}\\\":\\\"$({read} | tr '+/' '-_' | \
         tr -d '= \\n' | base64 -w0)\\\"}}}}\"",
        home.namespace
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::issuer_ref::SecretKeyRef;
    use crate::api::{ConditionStatus, IssuerReason};
    use crate::facts::specimen::Specimen;

    /// ClusterIssuer letsencrypt could not register an account; the first issuance waits for it.
    fn unregistered(words: &str, change: impl FnOnce(&mut AcmeIssuer)) -> Specimen {
        Specimen::http01().broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            let issuer = objects.cluster_issuer();
            let condition = &mut issuer.status.conditions[0];
            condition.status = ConditionStatus::False;
            condition.reason = Some(IssuerReason::ErrRegisterAcmeAccount);
            condition.message = format!("Failed to register ACME account: {words}");
            change(issuer.spec.acme.as_mut().unwrap());
        })
    }

    fn summary(specimen: &Specimen) -> String {
        specimen.judge().findings[0].summary.clone()
    }

    #[test]
    fn the_binding_is_told_apart_by_what_is_stored() {
        let bound = |words: &str, value: Option<&str>| {
            let specimen = unregistered(words, |acme| {
                acme.server = "https://acme.zerossl.com/v2/DV90".into();
                acme.external_account_binding = Some(ExternalAccountBinding {
                    key_id: "kid-1".into(),
                    key_secret_ref: SecretKeyRef { name: "eab".into(), key: "secret".into() },
                    ..ExternalAccountBinding::default()
                });
            });
            let Some(value) = value else { return specimen };
            specimen.with(&format!(
                "apiVersion: v1\nkind: Secret\nmetadata: {{name: eab, namespace: cert-manager}}\nstringData: \
                 {{secret: {value:?}}}\n"
            ))
        };
        let padded = bound(
            "failed to decode external account binding key data: illegal base64 data at input byte 42",
            Some("c2VjcmV0LWhtYWM="),
        );
        assert_eq!(padded.root(), Some("acme-eab-missing-or-wrong"));
        let report = padded.judge();
        assert!(report.findings[0].evidence.iter().any(|evidence| evidence.text == "secret is padded with '='"));
        assert!(report.findings.iter().all(|finding| !format!("{finding:?}").contains("c2VjcmV0LWhtYWM")));
        let gone = bound(r#"secrets "eab" not found"#, None);
        assert!(summary(&gone).contains("does not exist"), "{}", summary(&gone));
        let used = bound("The account is not awaiting external account binding", Some("c2VjcmV0"));
        assert!(summary(&used).contains("refuses the external account binding"), "{}", summary(&used));
    }
}
