//! JKS and PKCS#12 keystores, which need a password from another Secret.

use super::super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use super::renew;
use crate::api::certificate::Keystore;
use crate::api::{Certificate, Object, Secret};
use crate::engine::Stage;
use crate::fact::Fact;
use crate::facts::{Facts, gap};
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;

/// How long storing an issued certificate may take.
const STORE_SECONDS: i64 = 60;

pub static KEYSTORE_PASSWORD_MISSING: Rule = Rule {
    id: "keystore-password-missing",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the password for the keystore is missing, so the certificate cannot be stored",
    doc: include_str!("../../../docs/rules/keystore-password-missing.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Secret, Kind::Event],
    explains: &[],
    judge: keystore_password_missing,
};

fn keystore_password_missing(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let stores = keystores(certificate);
    if stores.is_empty() {
        return Err(Withheld::NotApplicable);
    }
    let event = facts.fresh_event(certificate, "KeystorePasswordSecretNotFound", facts.issuance_began());
    let said = event.filter(|_| facts.is_issuing()).and_then(|event| event.message.as_deref());
    let mut findings = Vec::new();
    for (format, store) in stores {
        let reference = &store.password_secret_ref;
        if reference.name.is_empty() {
            continue;
        }
        let secret = facts.inventory.get::<Secret>(certificate.namespace(), &reference.name);
        let of_this = said.filter(|said| said.contains(&reference.name));
        match (&secret, of_this) {
            (Fact::Seen(secret), _) => findings.extend(without_key(certificate, format, store, secret)),
            (Fact::Absent, said) | (Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_), said @ Some(_)) => {
                findings.push(without_secret(certificate, format, store, said));
            }
            (Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_), None) if is_stuck(facts) => {
                return Err(Withheld::Undetermined(gap(&secret, Kind::Secret)));
            }
            (Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_), None) => {}
        }
    }
    Ok(findings)
}

/// The keystores that are to be made, by the word of the field.
fn keystores(certificate: &Certificate) -> Vec<(&'static str, &Keystore)> {
    let Some(keystores) = certificate.spec.keystores.as_ref() else { return Vec::new() };
    let all = [("jks", keystores.jks.as_ref()), ("pkcs12", keystores.pkcs12.as_ref())];
    all.into_iter().filter_map(|(format, store)| Some((format, store?))).filter(|(_, store)| store.create).collect()
}

/// Signed, and not stored in time.
fn is_stuck(facts: &Facts) -> bool {
    matches!(facts.stage, Stage::Issued) && facts.is_older_than(facts.issuance_began(), STORE_SECONDS)
}

fn without_secret(certificate: &Certificate, format: &str, store: &Keystore, said: Option<&str>) -> Finding {
    let name = store.password_secret_ref.name.as_str();
    let finding = KEYSTORE_PASSWORD_MISSING.on(certificate.objref()).says(format!(
        "Secret {name} with the password for the {format} keystore of {} does not exist",
        certificate.name()
    ));
    let finding = match said {
        Some(said) => {
            finding.evidence(Witness::Event(Kind::Certificate, "KeystorePasswordSecretNotFound".into()), said)
        }
        None => finding.evidence(Witness::Source, format!("no Secret {name}")),
    };
    with_fixes(finding, certificate, format, store)
}

fn without_key(certificate: &Certificate, format: &str, store: &Keystore, secret: &Secret) -> Option<Finding> {
    let reference = &store.password_secret_ref;
    let is_empty = secret.bytes(&reference.key).is_some_and(|bytes| bytes.expose().is_empty());
    if !is_empty && (secret.bytes(&reference.key).is_some() || secret.is_elided(&reference.key)) {
        return None;
    }
    let keys: Vec<&str> = secret.data.keys().map(String::as_str).collect();
    let what = if is_empty { "holds nothing under" } else { "has no" };
    let finding = KEYSTORE_PASSWORD_MISSING
        .on(certificate.objref())
        .says(format!(
            "Secret {} {what} key \"{}\", the password for the {format} keystore of {}",
            reference.name,
            reference.key,
            certificate.name()
        ))
        .evidence(Witness::Data(Kind::Secret), format!("{} has keys: {}", reference.name, keys.join(", ")));
    Some(with_fixes(finding, certificate, format, store))
}

fn with_fixes(finding: Finding, certificate: &Certificate, format: &str, store: &Keystore) -> Finding {
    let reference = &store.password_secret_ref;
    let namespace = certificate.objref().namespace_flag();
    let key = if reference.key.is_empty() { "password" } else { &reference.key };
    let field = match format {
        "jks" => "keystores.jks.passwordSecretRef",
        _ => "keystores.pkcs12.passwordSecretRef",
    };
    finding
        .because("cert-manager stores a signed certificate only together with its keystores, and tries again until the password is there.")
        .evidence(Witness::Spec(Kind::Certificate, field), format!("{}, key {}", reference.name, reference.key))
        .fix(Fix::command(
            "create it; cert-manager then stores the certificate by itself",
            format!(
                "kubectl create secret generic {}{namespace} --from-literal={key}=\"$(openssl rand -hex 24)\" --dry-run=client -o yaml | kubectl apply -f -",
                reference.name
            ),
        ))
        .fix(renew("if nothing moves within a minute", certificate))
}

#[cfg(test)]
mod tests {
    use crate::facts::specimen::Specimen;
    use crate::inventory::{Answer, Scope};
    use crate::objref::Kind;

    fn with_keystore(create: bool) -> Specimen {
        Specimen::healthy().broken(|objects| {
            objects.certificate().spec.keystores = serde_json::from_value(serde_json::json!({
                "jks": {"create": create, "passwordSecretRef": {"name": "web-jks", "key": "password"}}
            }))
            .unwrap();
        })
    }

    #[test]
    fn an_absent_password_secret_is_found() {
        let looked = |create| {
            with_keystore(create).broken(|objects| {
                objects.coverage.record(Kind::Secret, Scope::Namespace("shop".into()), Answer::Complete);
            })
        };
        assert_eq!(looked(true).ids(), ["keystore-password-missing"]);
        assert_eq!(looked(false).ids(), Vec::<&str>::new());
        assert_eq!(with_keystore(true).ids(), Vec::<&str>::new(), "nobody looked");
    }

    #[test]
    fn a_password_secret_without_the_key_is_found() {
        let keyed = |key: &str| {
            with_keystore(true).with(&format!(
                "apiVersion: v1\nkind: Secret\nmetadata: {{name: web-jks, namespace: shop}}\ndata: {{{key}}}\n"
            ))
        };
        assert_eq!(keyed("pass: aHVudGVyMg==").ids(), ["keystore-password-missing"]);
        assert_eq!(keyed("password: ''").ids(), ["keystore-password-missing"]);
        assert_eq!(keyed("password: aHVudGVyMg==").ids(), Vec::<&str>::new());
        assert_eq!(keyed("password: '***HIDDEN***'").ids(), Vec::<&str>::new());
    }

    #[test]
    fn the_event_of_this_issuance_is_enough() {
        let told = |at: &str| {
            let hanging = with_keystore(true).broken(|objects| {
                objects.secrets.clear();
                let certificate = objects.certificate();
                certificate.status = crate::api::CertificateStatus::default();
                certificate.status.next_private_key_secret_name = Some("web-v9jl4".into());
                certificate.status.conditions = serde_json::from_str(
                    r#"[{"type":"Issuing","status":"True","reason":"DoesNotExist","lastTransitionTime":"2026-11-22T06:30:00Z"}]"#,
                )
                .unwrap();
            });
            hanging.with(&format!(
                "apiVersion: v1\nkind: Event\nmetadata: {{name: e, namespace: shop}}\nreason: KeystorePasswordSecretNotFound\nlastTimestamp: '{at}'\n\
                 message: JKS keystore password Secret \"web-jks\" not found\ninvolvedObject: {{kind: Certificate, namespace: shop, name: web}}\n"
            ))
        };
        assert_eq!(told("2026-11-22T06:39:00Z").root(), Some("keystore-password-missing"));
        assert!(!told("2026-11-22T05:39:00Z").ids().contains(&"keystore-password-missing"));
    }
}
