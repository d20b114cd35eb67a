//! Annotations that cert-manager does not know, cannot read, or does not find.

use super::{
    Family, Judgement, Nature, Outlook, Rule, Severity, Withheld, annotate, is_served, issuer_setting, named, quote,
    setting,
};
use crate::api::annotation::{ISSUER_GROUP, ISSUER_KIND, SHIM_CLUSTER_ISSUER, SHIM_ISSUER};
use crate::api::{Object, annotation};
use crate::engine::shim::{BadAnnotation, Refusal, refused};
use crate::facts::{Asked, Facts};
use crate::finding::{Finding, Fix, Witness};
use crate::objref::{Kind, ObjRef};

pub static OLD_GROUP: Rule = Rule {
    id: "ingress-annotation-old-group",
    aliases: &[],
    family: Family::Shim,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "the annotation that is meant to name the issuer is none that cert-manager reads",
    doc: include_str!("../../../docs/rules/ingress-annotation-old-group.md"),
    needs: &[Kind::Ingress, Kind::Gateway, Kind::ListenerSet],
    explains: &[],
    judge: old_group,
};

/// The API group before 0.11.
const FORMER_GROUP: &str = "certmanager.k8s.io/";

fn old_group(facts: &Facts) -> Judgement {
    let asked = facts.asked()?;
    let Some(Untriggered { .. }) = untriggered(asked) else { return Ok(vec![]) };
    let Some((wrong, right)) = meant(asked) else { return Ok(vec![]) };
    // Somebody has made the Certificates by hand, so that the annotation is a leftover.
    if is_served(facts) {
        return Ok(vec![]);
    }
    let value = asked.annotation(wrong).unwrap_or_default();
    let (says, why) = if wrong.starts_with(FORMER_GROUP) {
        (
            format!("{} names its issuer by {wrong}, which cert-manager has not read since 0.11", named(asked)),
            format!(
                "The group of cert-manager's API is cert-manager.io since 0.11, and that of its annotations too: this one is {right} now."
            ),
        )
    } else {
        (
            format!("{} names its issuer by {wrong}, which cert-manager does not know: it is {right}", named(asked)),
            "An annotation with another name is none to cert-manager, however near it comes.".to_owned(),
        )
    };
    let finding = OLD_GROUP.on(asked.object.clone()).says(says).because(format!(
        "{why} Without one that it knows it looks at nothing else of the {}, and tells nobody.",
        asked.object.kind
    ));
    let changes = [setting(right, value), format!("{wrong}-")];
    Ok(vec![
        quote(finding, asked, [wrong])
            .fix(Fix::command("name the issuer by the annotation that is read", annotate(asked, &changes))),
    ])
}

/// That no annotation asks for Certificates.
struct Untriggered<'a> {
    /// Annotations that would ask for the default issuer if their value were true.
    untrue: &'a [String],
}

fn untriggered(asked: &Asked) -> Option<Untriggered<'_>> {
    asked.refusal(
        |refusal| if let Refusal::NoTrigger { untrue, .. } = refusal { Some(Untriggered { untrue }) } else { None },
    )
}

/// The annotation that is meant to name the issuer, and the one that does.
fn meant(asked: &Asked) -> Option<(&str, &'static str)> {
    asked.annotations().find_map(|(key, _)| Some((key, near(key)?)))
}

/// Whether some annotation is meant to name the issuer and does not.
pub(super) fn is_meant(asked: &Asked) -> bool {
    meant(asked).is_some()
}

/// The annotation that a wrong key is a slip of the pen for.
fn near(key: &str) -> Option<&'static str> {
    if [ISSUER_KIND, ISSUER_GROUP].contains(&key) {
        return None;
    }
    let (group, name) = key.split_once('/')?;
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let (group, name) = (plain(group), plain(name));
    let groups = ["certmanagerio", "certmanagerk8sio", "certmanager", "acmecertmanagerio"];
    if !groups.iter().any(|one| strsim::damerau_levenshtein(one, &group) <= 2) {
        return None;
    }
    let close = |meant: &str| strsim::damerau_levenshtein(meant, &name) <= 2;
    if close("clusterissuer") || name == "clusterissuername" {
        Some(SHIM_CLUSTER_ISSUER)
    } else if close("issuer") || name == "issuername" {
        Some(SHIM_ISSUER)
    } else {
        None
    }
}

pub static NOT_ANNOTATED: Rule = Rule {
    id: "ingress-not-annotated",
    aliases: &[],
    family: Family::Shim,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "the Ingress has a TLS entry, and asks nobody for its certificate",
    doc: include_str!("../../../docs/rules/ingress-not-annotated.md"),
    needs: &[Kind::Ingress, Kind::Secret],
    explains: &[],
    judge: not_annotated,
};

fn not_annotated(facts: &Facts) -> Judgement {
    let asked = facts.asked()?;
    let is_ingress = asked.object.kind == Kind::Ingress;
    let Some(Untriggered { untrue }) = untriggered(asked).filter(|_| is_ingress && meant(asked).is_none()) else {
        return Err(Withheld::NotApplicable);
    };
    let missing = missing_secrets(facts)?;
    if missing.is_empty() {
        return Ok(vec![]);
    }
    let names: Vec<&str> = missing.iter().map(|secret| secret.name.as_str()).collect();
    let names = names.join(", ");
    let finding = NOT_ANNOTATED
        .on(asked.object.clone())
        .says(format!("{} asks nobody for a certificate: no annotation names an issuer, and no Certificate is for Secret {names}", named(asked)))
        .because("cert-manager makes Certificates only of Ingresses that name an issuer, and leaves all others alone. Until the Secret is there, the ingress controller serves its own default certificate.")
        .evidence(Witness::Spec(Kind::Ingress, "tls[].secretName"), &names)
        .evidence(Witness::Source, format!("neither Secret {names} nor a Certificate that writes it"));
    let finding = quote(finding, asked, untrue.iter().map(String::as_str));
    let finding = match untrue.first() {
        Some(key) => finding.evidence(Witness::Computed, format!("{key} counts only with the value true")),
        None => finding,
    };
    Ok(vec![
        finding
            .fix(Fix::command("name an issuer", annotate(asked, &[issuer_setting(facts)])))
            .fix(Fix::manual(format!("or make a Certificate with spec.secretName {names}, or the Secret by hand"))),
    ])
}

/// The Secrets that the subject names, that no Certificate writes and that are known not to be there.
pub(super) fn missing_secrets(facts: &Facts) -> Result<Vec<ObjRef>, Withheld> {
    match facts.unseen_secret() {
        Some(gap) => Err(Withheld::Undetermined(gap)),
        None => Ok(facts.missing_secrets()),
    }
}

pub static BAD_VALUE: Rule = Rule {
    id: "ingress-bad-annotation-value",
    aliases: &[],
    family: Family::Shim,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "the value of an annotation cannot be read, so nothing is done for the whole object",
    doc: include_str!("../../../docs/rules/ingress-bad-annotation-value.md"),
    needs: &[Kind::Ingress, Kind::Gateway, Kind::ListenerSet],
    explains: &["shim-certificate-missing", "ingress-not-annotated"],
    judge: bad_value,
};

fn bad_value(facts: &Facts) -> Judgement {
    let asked = facts.asked()?;
    if let Some(bad) = asked.outcome.error() {
        return Ok(vec![unreadable(asked, bad)]);
    }
    if let Some(key) = [SHIM_ISSUER, SHIM_CLUSTER_ISSUER].into_iter().find(|key| asked.annotation(key) == Some("")) {
        return Ok(vec![empty(facts, asked, key)]);
    }
    if let Some(Untriggered { untrue: [key, ..] }) = untriggered(asked)
        && let Some(value) = asked.annotation(key).filter(|value| is_meant_as_true(value))
    {
        return Ok(vec![untrue(asked, key, value)]);
    }
    let refused = asked.wanted.iter().find_map(|wanted| Some((wanted.name(), refused(wanted)?)));
    let told = refused.map(|(name, refusal)| {
        let why = refusal.errors().first().map_or_else(|| refusal.to_string(), ToString::to_string);
        not_admitted(asked, name, &why)
    });
    Ok(told.into_iter().collect())
}

fn unreadable(asked: &Asked, bad: &BadAnnotation) -> Finding {
    let finding = BAD_VALUE
        .on(asked.object.clone())
        .says(format!("cert-manager cannot read {} of {}: {}", bad.key, named(asked), bad.why))
        .because(format!(
            "While one value cannot be read, cert-manager makes, changes and deletes no Certificate of this {}. It tries again for ever, and only its log says so: there is no event.",
            asked.object.kind
        ));
    let finding = quote(finding, asked, [bad.key]).evidence(Witness::Computed, format!("the log says: {bad}"));
    let value = asked.annotation(bad.key).unwrap_or_default();
    let (title, value) = match better(bad.key, value) {
        Some(value) => ("write it as cert-manager reads it".to_owned(), value),
        None => (format!("give it a value that is read: {}", form(bad.key)), "VALUE".to_owned()),
    };
    finding
        .fix(Fix::command(title, annotate(asked, &[setting(bad.key, &value), "--overwrite".to_owned()])))
        .fix(Fix::command("or take it off", annotate(asked, &[format!("{}-", bad.key)])))
}

/// What a value was meant to be, where that is plain: days, which Go has not, as hours; a word in its own spelling.
fn better(key: &str, value: &str) -> Option<String> {
    match key {
        annotation::SHIM_DURATION | annotation::SHIM_RENEW_BEFORE => {
            let days: u64 = value.trim().strip_suffix('d')?.parse().ok()?;
            Some(format!("{}h", days.checked_mul(24)?))
        }
        annotation::SHIM_KEY_ALGORITHM => spelled(value, &["RSA", "ECDSA", "Ed25519"]),
        annotation::SHIM_KEY_ENCODING => spelled(value, &["PKCS1", "PKCS8"]),
        annotation::SHIM_ROTATION_POLICY => spelled(value, &["Never", "Always"]),
        _ => None,
    }
}

fn spelled(value: &str, words: &[&str]) -> Option<String> {
    words.iter().find(|word| word.eq_ignore_ascii_case(value.trim())).map(|word| (*word).to_owned())
}

/// Which values an annotation takes.
fn form(key: &str) -> &'static str {
    match key {
        annotation::SHIM_DURATION | annotation::SHIM_RENEW_BEFORE => {
            "hours, minutes and seconds, such as 2160h or 720h30m"
        }
        annotation::SHIM_RENEW_BEFORE_PERCENTAGE => "a whole number, such as 33",
        annotation::SHIM_REVISION_HISTORY_LIMIT => "a whole number from 1",
        annotation::SHIM_USAGES => "usages with commas between, such as digital signature,key encipherment,server auth",
        annotation::SHIM_KEY_ALGORITHM => "RSA, ECDSA or Ed25519",
        annotation::SHIM_KEY_ENCODING => "PKCS1 or PKCS8",
        annotation::SHIM_KEY_SIZE => "2048 to 8192 for RSA, 256, 384 or 521 for ECDSA",
        annotation::SHIM_ROTATION_POLICY => "Never or Always",
        annotation::SHIM_SECRET_TEMPLATE => r#"JSON such as {"annotations":{},"labels":{}}"#,
        _ => "one line of comma separated values, as in a CSV file",
    }
}

fn empty(facts: &Facts, asked: &Asked, key: &str) -> Finding {
    BAD_VALUE
        .on(asked.object.clone())
        .says(format!("{key} of {} is empty, so it names no issuer", named(asked)))
        .because("The annotation asks for Certificates, whatever its value. Without a name cert-manager does not know which issuer to ask, and makes none.")
        .evidence(Witness::Metadata(asked.object.kind), format!("{key}: \"\""))
        .fix(Fix::command("name the issuer", annotate(asked, &[issuer_setting(facts), "--overwrite".to_owned()])))
        .fix(Fix::manual("if a chart wrote it: its value for the issuer is not set"))
}

fn is_meant_as_true(value: &str) -> bool {
    ["yes", "y", "on", "enabled", "enable", "true"].contains(&value.trim().to_ascii_lowercase().as_str())
}

fn untrue(asked: &Asked, key: &str, value: &str) -> Finding {
    BAD_VALUE
        .on(asked.object.clone())
        .says(format!("{key} of {} is {value:?}, which cert-manager does not take for true", named(asked)))
        .because("Only true, in this spelling or as t, T, TRUE, True or 1, asks for a Certificate of the default issuer. Anything else is as if the annotation were not there, without an event.")
        .evidence(Witness::Metadata(asked.object.kind), format!("{key}: {value}"))
        .fix(Fix::command("write true", annotate(asked, &[setting(key, "true"), "--overwrite".to_owned()])))
}

fn not_admitted(asked: &Asked, certificate: &str, refusal: &str) -> Finding {
    let given: Vec<&str> =
        asked.annotations().map(|(key, _)| key).filter(|key| key.starts_with("cert-manager.io/")).collect();
    let finding = BAD_VALUE
        .on(asked.object.clone())
        .says(format!(
            "the Certificate {certificate} that {} asks for is refused by cert-manager's webhook: {refusal}",
            named(asked)
        ))
        .because(
            "cert-manager tries to make it again and again, and only its log says why it cannot: there is no event.",
        );
    quote(finding, asked, given)
        .evidence(Witness::Computed, refusal)
        .fix(Fix::manual("change the annotation, or the host of the TLS entry, that the refused field comes from"))
}

#[cfg(test)]
mod tests {
    use super::near;
    use crate::api::annotation::{SHIM_CLUSTER_ISSUER, SHIM_ISSUER};

    #[test]
    fn slips_of_the_pen_are_told_from_other_annotations() {
        for (key, meant) in [
            ("certmanager.k8s.io/cluster-issuer", Some(SHIM_CLUSTER_ISSUER)),
            ("certmanager.k8s.io/issuer", Some(SHIM_ISSUER)),
            ("cert-manager.io/clusterissuer", Some(SHIM_CLUSTER_ISSUER)),
            ("cert-manager.io/cluster_issuer", Some(SHIM_CLUSTER_ISSUER)),
            ("cert-manager.io/Cluster-Issuer", Some(SHIM_CLUSTER_ISSUER)),
            ("certmanager.io/cluster-issuer", Some(SHIM_CLUSTER_ISSUER)),
            ("cert-manager/cluster-issuer", Some(SHIM_CLUSTER_ISSUER)),
            ("cert-manager.io/cluster-isuer", Some(SHIM_CLUSTER_ISSUER)),
            ("cert-manager.io/issuer-name", Some(SHIM_ISSUER)),
            ("cert-manager.io/issuer-kind", None),
            ("cert-manager.io/usages", None),
            ("cert-manager.io/duration", None),
            ("acme.cert-manager.io/http01-edit-in-place", None),
            ("nginx.ingress.kubernetes.io/issuer", None),
            ("issuer", None),
        ] {
            assert_eq!(near(key), meant, "{key}");
        }
    }
}
