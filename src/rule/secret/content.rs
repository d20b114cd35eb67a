//! What the Secret holds: a key, a certificate, and both belong together.

use super::super::certificate::{outlasts_an_issuance, renew, unready};
use super::super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use super::writer::{foreign_writers, git_marks};
use crate::api::{Certificate, CertificateReason, Condition, Object, RequestConditionType, Secret};
use crate::engine::Stage;
use crate::fact::Fact;
use crate::facts::{Facts, gap};
use crate::finding::{Fix, Witness};
use crate::objref::Kind;
use crate::x509::Bundle;

/// The two keys that every certificate Secret has.
const PAIR: [&str; 2] = ["tls.key", "tls.crt"];

/// How long storing an issued certificate may take.
const STORE_SECONDS: i64 = 60;

pub static SECRET_KEY_MISMATCH: Rule = Rule {
    id: "secret-key-mismatch",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Symptom,
    severity: Severity::Error,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "key and certificate in the Secret do not belong together, or do not decode",
    doc: include_str!("../../../docs/rules/secret-key-mismatch.md"),
    needs: &[Kind::Certificate, Kind::Secret],
    explains: &[],
    judge: secret_key_mismatch,
};

fn secret_key_mismatch(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let said = match unready(certificate) {
        Some((CertificateReason::InvalidKeyPair | CertificateReason::InvalidCertificate, message)) => Some(message),
        Some(_) | None => None,
    };
    let secret = facts.chain.secret.seen().copied();
    let found = secret.and_then(|secret| fault_of_pair(facts, secret));
    // What is in the Secret now counts for more than a condition that may lag behind.
    let is_sound = secret.is_some_and(|secret| found.is_none() && is_seen(secret));
    if (said.is_none() && found.is_none()) || is_sound {
        return if secret.is_none() { Err(Withheld::NotApplicable) } else { Ok(vec![]) };
    }
    if !outlasts_an_issuance(facts, certificate) {
        return Ok(vec![]);
    }
    let name = certificate.spec.secret_name.as_str();
    let what = found.unwrap_or("key and certificate do not belong together");
    let mut finding = SECRET_KEY_MISMATCH
        .on(secret_ref(certificate))
        .says(format!("Secret {name} cannot serve TLS: {what}"))
        .because("Servers that read the Secret refuse to start, or go on with what they had. A new issuance mends it, but here it failed, hangs or was not started.")
        .evidence(Witness::Condition(Kind::Certificate, "Ready"), said.unwrap_or_default())
        .evidence(Witness::Data(Kind::Secret), found.unwrap_or_default());
    if let Some(secret) = secret {
        for writer in foreign_writers(secret, &PAIR) {
            finding = finding.evidence(Witness::Metadata(Kind::Secret), writer.to_string());
        }
    }
    Ok(vec![
        finding
            .fix(renew("issue anew: key and certificate are then written together", certificate))
            .fix(see_writers(certificate)),
    ])
}

/// Whether key and certificate can be told from what the Secret holds.
fn is_seen(secret: &Secret) -> bool {
    secret.public_key("tls.key").is_some() && secret.bytes("tls.crt").is_some()
}

/// What is wrong with the pair, if both are there and readable.
fn fault_of_pair(facts: &Facts, secret: &Secret) -> Option<&'static str> {
    let full = |key| secret.bytes(key).map(crate::redact::Redacted::expose).filter(|bytes| !bytes.is_empty());
    let pem = full("tls.crt");
    let leaf = facts.stored().ok().map(Bundle::leaf);
    if pem.is_some() && leaf.is_none() {
        return Some("tls.crt does not decode");
    }
    let is_blank = secret.bytes("tls.key").is_some_and(|bytes| bytes.expose().is_empty());
    let key = secret.public_key("tls.key").filter(|_| !is_blank);
    if key.as_ref().is_some_and(Result::is_err) {
        return Some("tls.key does not decode");
    }
    let (key, leaf) = (key?.ok()?, leaf?);
    (key != leaf.key).then_some("the key in tls.key is not the one of the certificate in tls.crt")
}

pub static SECRET_EMPTY_IN_GIT: Rule = Rule {
    id: "secret-empty-in-git",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "an empty placeholder for the Secret is applied from manifests, again and again",
    doc: include_str!("../../../docs/rules/secret-empty-in-git.md"),
    needs: &[Kind::Certificate, Kind::Secret],
    explains: &[
        "secret-missing-data",
        "secret-overwritten-by-controller",
        "certificate-reissued-constantly-secretname-change",
    ],
    judge: secret_empty_in_git,
};

fn secret_empty_in_git(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let Some(secret) = facts.chain.secret.seen() else { return Err(Withheld::NotApplicable) };
    let marks = git_marks(secret, certificate);
    let is_blank = |key: &str| secret.bytes(key).is_some_and(|bytes| bytes.expose().is_empty());
    if marks.is_empty() || !PAIR.iter().all(|key| is_blank(key)) {
        return Ok(vec![]);
    }
    // Before the first issuance a placeholder is filled in like any other Secret.
    let was_filled = certificate.status.revision.is_some_and(|revision| revision > 0);
    if !was_filled && !outlasts_an_issuance(facts, certificate) {
        return Ok(vec![]);
    }
    let name = certificate.spec.secret_name.as_str();
    let mut finding = SECRET_EMPTY_IN_GIT
        .on(secret_ref(certificate))
        .says(format!("Secret {name} is a placeholder from manifests: tls.key and tls.crt are there, and empty"))
        .because("Each sync empties the Secret again, and cert-manager orders another certificate, until the CA's rate limit ends it.")
        .evidence(Witness::Data(Kind::Secret), "tls.key and tls.crt are empty");
    for mark in marks {
        finding = finding.evidence(Witness::Metadata(Kind::Secret), mark);
    }
    if let Some(revision) = certificate.status.revision {
        finding = finding
            .evidence(Witness::Status(Kind::Certificate, "revision"), format!("{revision}: it was issued before"));
    }
    Ok(vec![
        finding
            .fix(Fix::manual(format!("take Secret {name} out of the manifests (Git repository or chart): cert-manager makes it")))
            .fix(Fix::patch(
                "or tell Argo CD to leave its data alone (spec of the Application)",
                format!("spec:\n  ignoreDifferences:\n  - kind: Secret\n    name: {name}\n    jsonPointers: [/data]\n  syncPolicy:\n    syncOptions: [RespectIgnoreDifferences=true]"),
            )),
    ])
}

pub static SECRET_MISSING_DATA: Rule = Rule {
    id: "secret-missing-data",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Symptom,
    severity: Severity::Error,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "Secret exists, but without the key or the certificate",
    doc: include_str!("../../../docs/rules/secret-missing-data.md"),
    needs: &[Kind::Certificate, Kind::Secret],
    explains: &[],
    judge: secret_missing_data,
};

fn secret_missing_data(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let said = match unready(certificate) {
        Some((CertificateReason::MissingData, message)) => Some(message),
        Some(_) | None => None,
    };
    let secret = facts.chain.secret.seen().copied();
    let missing: Vec<&str> =
        secret.map(|secret| PAIR.into_iter().filter(|key| lacks(secret, key)).collect()).unwrap_or_default();
    if missing.is_empty() && (said.is_none() || secret.is_some()) {
        return if secret.is_none() { Err(Withheld::NotApplicable) } else { Ok(vec![]) };
    }
    if !outlasts_an_issuance(facts, certificate) {
        return Ok(vec![]);
    }
    let name = certificate.spec.secret_name.as_str();
    let what = if missing.is_empty() { "data".to_owned() } else { missing.join(" and ") };
    let mut finding = SECRET_MISSING_DATA
        .on(secret_ref(certificate))
        .says(format!("Secret {name} exists, but has no {what}"))
        .because("cert-manager takes such a Secret for none and issues. It stays like this because that issuance failed, hangs, was not started or was undone.")
        .evidence(Witness::Condition(Kind::Certificate, "Ready"), said.unwrap_or_default());
    if let Some(secret) = secret {
        let keys: Vec<&str> = secret.data.keys().map(String::as_str).collect();
        let keys = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
        finding = finding.evidence(Witness::Data(Kind::Secret), format!("type {}; keys: {keys}", secret.type_));
        for writer in foreign_writers(secret, &PAIR) {
            finding = finding.evidence(Witness::Metadata(Kind::Secret), writer.to_string());
        }
    }
    let delete = format!("kubectl delete secret {name}{}", certificate.objref().namespace_flag());
    Ok(vec![
        finding
            .fix(Fix::command("delete it: cert-manager makes it anew when the certificate is signed", delete))
            .fix(renew("and start an issuance at once", certificate)),
    ])
}

fn lacks(secret: &Secret, key: &str) -> bool {
    !secret.is_elided(key) && secret.bytes(key).is_none_or(|bytes| bytes.expose().is_empty())
}

pub static SECRET_WRONG_TYPE_OR_IMMUTABLE: Rule = Rule {
    id: "secret-wrong-type-or-immutable",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "cert-manager cannot write the Secret: it is immutable or of another type",
    doc: include_str!("../../../docs/rules/secret-wrong-type-or-immutable.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Secret],
    explains: &[],
    judge: secret_wrong_type_or_immutable,
};

fn secret_wrong_type_or_immutable(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let request = facts.chain.in_flight().map(|node| node.request);
    let signed = request.and_then(|request| request.condition(RequestConditionType::Ready)).and_then(Condition::since);
    let is_stuck = matches!(facts.stage, Stage::Issued) && facts.is_older_than(signed, STORE_SECONDS);
    let secret = match &facts.chain.secret {
        Fact::Seen(secret) => *secret,
        missing @ (Fact::Hidden(_) | Fact::Failed(_)) if is_stuck => {
            return Err(Withheld::Undetermined(gap(missing, Kind::Secret)));
        }
        Fact::Absent | Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_) => return Err(Withheld::NotApplicable),
    };
    let is_immutable = secret.immutable == Some(true);
    let is_other = is_stuck && !secret.type_.is_empty() && secret.type_ != "kubernetes.io/tls";
    if !is_immutable && !is_other {
        return Ok(vec![]);
    }
    let name = certificate.spec.secret_name.as_str();
    let (what, evidence) = if is_immutable {
        ("is immutable", "immutable: true".to_owned())
    } else {
        ("has another type than kubernetes.io/tls", format!("type: {}", secret.type_))
    };
    let mut finding = SECRET_WRONG_TYPE_OR_IMMUTABLE
        .on(secret_ref(certificate))
        .says(format!("Secret {name} {what}, so no new certificate can be stored in it"))
        .because("The API server refuses the write. cert-manager repeats it, and a signed certificate never arrives in the Secret.")
        .evidence(Witness::Data(Kind::Secret), evidence);
    if let Some(signed) = signed.filter(|_| is_stuck) {
        finding = finding.evidence(
            Witness::Condition(Kind::CertificateRequest, "Ready"),
            format!("signed at {signed}, not stored since"),
        );
    }
    let delete = format!("kubectl delete secret {name}{}", certificate.objref().namespace_flag());
    Ok(vec![
        finding
            .fix(Fix::command("delete it: cert-manager makes it anew, and its users must be started anew", delete))
            .fix(renew("and start an issuance at once", certificate)),
    ])
}

/// The Secret as an object, seen or not.
pub(super) fn secret_ref(certificate: &Certificate) -> crate::objref::ObjRef {
    crate::objref::ObjRef::new(Kind::Secret, certificate.namespace(), &certificate.spec.secret_name)
}

/// Shows who wrote what.
pub(super) fn see_writers(certificate: &Certificate) -> Fix {
    let (name, namespace) = (&certificate.spec.secret_name, certificate.objref().namespace_flag());
    Fix::command(
        "see who writes it besides cert-manager",
        format!("kubectl get secret {name}{namespace} -o yaml --show-managed-fields"),
    )
}

#[cfg(test)]
mod tests {
    use crate::api::{ConditionStatus, Secret, SecretValue};
    use crate::facts::specimen::Specimen;

    fn put(secret: &mut Secret, key: &str, value: &str) {
        secret.data.insert(key.into(), SecretValue::Bytes(value.as_bytes().to_vec().into()));
    }

    /// The healthy chain, whose Ready turned False for `reason` ten minutes ago.
    fn unready(reason: &str) -> Specimen {
        Specimen::healthy().later(10).broken(|objects| {
            let ready = &mut objects.certificate().status.conditions[0];
            ready.status = ConditionStatus::False;
            ready.reason = Some(reason.into());
            ready.message = "Issuing certificate as Secret is not as it should be".into();
        })
    }

    #[test]
    fn a_key_of_another_certificate_is_found() {
        let other_key = Specimen::dns01().objects.secret().data["tls.key"].clone();
        let swapped = unready("InvalidKeyPair").broken(|objects| {
            objects.secret().data.insert("tls.key".into(), other_key);
        });
        assert_eq!(swapped.root(), Some("secret-key-mismatch"));
        let sound = unready("InvalidKeyPair");
        assert!(!sound.ids().contains(&"secret-key-mismatch"), "the pair is whole by now");
        let unseen = unready("InvalidKeyPair").broken(|objects| objects.secrets.clear());
        assert_eq!(unseen.root(), Some("secret-key-mismatch"), "the condition is enough");
    }

    #[test]
    fn a_certificate_that_does_not_decode_is_found() {
        let broken = unready("InvalidCertificate").broken(|objects| put(objects.secret(), "tls.crt", "no certificate"));
        assert_eq!(broken.root(), Some("secret-key-mismatch"));
    }

    #[test]
    fn an_issuance_that_mends_it_is_given_time() {
        let mending = |minute: u32| {
            unready("InvalidKeyPair").broken(|objects| {
                put(objects.secret(), "tls.key", "no key");
                let issuing = format!(
                    r#"{{"type":"Issuing","status":"True","lastTransitionTime":"2026-11-22T06:{minute}:00Z"}}"#
                );
                objects.certificate().status.conditions.push(serde_json::from_str(&issuing).unwrap());
            })
        };
        assert!(!mending(48).ids().contains(&"secret-key-mismatch"));
        assert!(mending(35).ids().contains(&"secret-key-mismatch"));
    }

    #[test]
    fn an_empty_placeholder_from_git_is_found() {
        let blank = |key: &str, value: &str| {
            let annotation = (key.to_owned(), value.to_owned());
            unready("MissingData").broken(|objects| {
                put(objects.secret(), "tls.key", "");
                put(objects.secret(), "tls.crt", "");
                objects.secret().metadata.annotations.get_or_insert_default().extend([annotation]);
            })
        };
        let tracked = blank("argocd.argoproj.io/tracking-id", "shop:/Secret:shop/web-tls");
        assert_eq!(tracked.root(), Some("secret-empty-in-git"));
        assert!(tracked.ids().contains(&"secret-missing-data"), "folded");
        assert_eq!(blank("other", "x").root(), Some("secret-missing-data"));
    }

    #[test]
    fn a_secret_without_a_key_is_found() {
        let keyless = unready("MissingData").broken(|objects| {
            objects.secret().data.remove("tls.key");
        });
        assert_eq!(keyless.root(), Some("secret-missing-data"));
        let elided = Specimen::healthy().later(10).broken(|objects| {
            let elided = SecretValue::Elided("***".into());
            objects.secret().data.insert("tls.key".into(), elided);
        });
        assert_eq!(elided.ids(), Vec::<&str>::new());
    }

    #[test]
    fn an_immutable_secret_is_found() {
        let immutable =
            |value| Specimen::healthy().broken(move |objects| objects.secret().immutable = Some(value)).ids();
        assert_eq!(immutable(true), ["secret-wrong-type-or-immutable"]);
        assert_eq!(immutable(false), Vec::<&str>::new());
    }

    #[test]
    fn another_type_matters_only_when_storing_fails() {
        let opaque = || Specimen::healthy().broken(|objects| objects.secret().type_ = "Opaque".into());
        assert_eq!(opaque().ids(), Vec::<&str>::new());
        let stuck = opaque().broken(|objects| {
            let status = &mut objects.certificate().status;
            *status = crate::api::CertificateStatus::default();
            let issuing = r#"{"type":"Issuing","status":"True","lastTransitionTime":"2026-11-22T06:30:00Z"}"#;
            status.conditions.push(serde_json::from_str(issuing).unwrap());
        });
        assert_eq!(stuck.root(), Some("secret-wrong-type-or-immutable"));
    }
}
