//! CA issuers: the key pair that they sign with is missing, or is no CA's.

use serde_json::json;

use super::credentials::{Home, missing_secret};
use super::{Complaint, is_waiting, patch, request_words, says};
use crate::api::{CertificateConditionType, IssuerReason, Object};
use crate::chain::IssuerView;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, PROGRAM, Witness};
use crate::objref::{Kind, ObjRef};
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use crate::x509::Bundle;

pub static SECRET_MISSING: Rule = Rule {
    id: "ca-secret-missing",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the CA issuer finds no key pair to sign with",
    doc: include_str!("../../../docs/rules/ca-secret-missing.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuer-not-ready"],
    judge: secret_missing,
};

fn secret_missing(facts: &Facts) -> Judgement {
    let Some((issuer, secret, witness, words)) = no_key_pair(facts)? else { return Ok(vec![]) };
    let home = Home::of(facts, &issuer);
    let place = format!("Secret {}/{secret}", home.namespace);
    let finding = SECRET_MISSING.on(issuer.clone()).evidence(witness, words);
    let create = Fix::command(
        "put the CA's certificate and key there",
        format!("kubectl create secret tls {secret} -n {} --cert=CA.crt --key=CA.key", home.namespace),
    );
    if let Some(stored) = home.secret(facts, &secret) {
        let keys: Vec<&str> = stored.data.keys().map(String::as_str).collect();
        let lacks: Vec<&str> =
            ["tls.crt", "tls.key"].into_iter().filter(|key| !stored.data.contains_key(*key)).collect();
        let has = if keys.is_empty() { "no keys".to_owned() } else { format!("keys: {}", keys.join(", ")) };
        let what = if lacks.is_empty() {
            "holds no key pair that can be read".to_owned()
        } else {
            format!("has no {}", lacks.join(" and no "))
        };
        return Ok(vec![
            finding
                .says(format!("{place} of {issuer} {what}"))
                .because(
                    "A CA issuer reads the certificate from tls.crt and the private key from tls.key, both in PEM.",
                )
                .evidence(Witness::Data(Kind::Secret), has)
                .fix(create),
        ]);
    }
    let finding = finding.says(format!("{issuer} signs with {place}, which does not exist"));
    let writer = facts.inventory.certificates_for_secret(&home.namespace, &secret).next();
    if let Some(writer) = writer.filter(|writer| !writer.is(CertificateConditionType::Ready)) {
        let name = writer.name();
        return Ok(vec![
            finding
                .because(format!(
                    "Certificate {name} writes that Secret, and is not ready itself: the cause lies there."
                ))
                .evidence(Witness::Source, format!("Certificate {}/{name} is not ready", home.namespace))
                .fix(Fix::command(
                    "ask about that Certificate",
                    format!("{PROGRAM} diagnose certificate/{name} -n {}", home.namespace),
                )),
        ]);
    }
    let there = home.elsewhere(facts, &secret);
    let seen = there.map_or_else(String::new, |there| format!("Secret {secret} exists in namespace {there}"));
    Ok(vec![
        finding
            .because(format!("{issuer} looks nowhere else. It is taken up by itself when the Secret appears."))
            .evidence(Witness::Source, seen)
            .fix(create),
    ])
}

/// The issuer, its Secret, and who says that there is no key pair in it.
fn no_key_pair<'i>(facts: &Facts<'i>) -> Result<Option<(ObjRef, String, Witness, &'i str)>, Withheld> {
    match Complaint::of(facts) {
        Ok(complaint) => {
            let Some(ca) =
                complaint.spec.ca.as_ref().filter(|_| complaint.reason() == Some(&IssuerReason::ErrGetKeyPair))
            else {
                return Ok(None);
            };
            let witness = Witness::Condition(complaint.issuer.kind, "Ready");
            return Ok(Some((complaint.issuer, ca.secret_name.clone(), witness, complaint.condition.message.as_str())));
        }
        Err(Withheld::NotApplicable) => {}
        Err(gap) => return Err(gap),
    }
    // The Secret may have gone after the issuer was found ready: then the signer says it on the request.
    let Some(words) = request_words(facts).filter(|_| is_waiting(facts)) else { return Ok(None) };
    let Ok(IssuerView::Builtin { objref, spec, .. }) = facts.issuer() else { return Ok(None) };
    let Some(ca) = &spec.ca else { return Ok(None) };
    if missing_secret(words) != Some(ca.secret_name.as_str()) && !says(words, &["failed to parse signing ca keypair"]) {
        return Ok(None);
    }
    let witness = Witness::Condition(Kind::CertificateRequest, "Ready");
    Ok(Some((objref.clone(), ca.secret_name.clone(), witness, words)))
}

pub static NOT_A_CA: Rule = Rule {
    id: "ca-not-a-ca",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the CA issuer's certificate is not a CA",
    doc: include_str!("../../../docs/rules/ca-not-a-ca.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuer-not-ready"],
    judge: not_a_ca,
};

fn not_a_ca(facts: &Facts) -> Judgement {
    let complaint = Complaint::of(facts)?;
    let ca = complaint.spec.ca.as_ref().ok_or(Withheld::NotApplicable)?;
    if complaint.reason() != Some(&IssuerReason::ErrInvalidKeyPair) {
        return Ok(vec![]);
    }
    let home = Home::of(facts, &complaint.issuer);
    let secret = &ca.secret_name;
    let stored = home.secret(facts, secret).and_then(|secret| secret.bytes("tls.crt"));
    let shown = stored.and_then(|pem| Bundle::from_pem(pem.expose()).ok()).map(|bundle| {
        let leaf = bundle.leaf();
        let names = [leaf.subject.common_name()].into_iter().chain(leaf.alt_names.dns.iter().map(String::as_str));
        let name = names.into_iter().find(|name| !name.is_empty()).unwrap_or("no name");
        format!("tls.crt is for {name}, CA: {}", leaf.is_ca())
    });
    let finding = complaint
        .found(&NOT_A_CA)
        .says(format!(
            "{} signs with Secret {}/{secret}, whose certificate is not a \
         CA",
            complaint.issuer, home.namespace
        ))
        .because(
            "Only a certificate with basicConstraints CA:TRUE may sign others, so the issuer refuses to \
         start with this one.",
        )
        .evidence(Witness::Data(Kind::Secret), shown.unwrap_or_default());
    let writer = facts.inventory.certificates_for_secret(&home.namespace, secret).next();
    Ok(vec![match writer {
        Some(writer) if !writer.spec.dns_names.is_empty() => of_a_server(finding, &complaint.issuer, &writer.objref()),
        Some(writer) if !writer.spec.is_ca => made_as_leaf(finding, &writer.objref()),
        Some(_) | None => finding.fix(Fix::command(
            "put the CA's own certificate and key there, not those of a server",
            format!(
                "kubectl create secret tls {secret} -n {} --cert=CA.crt --key=CA.key --dry-run=client -o yaml | \
                 kubectl apply -f -",
                home.namespace
            ),
        )),
    }])
}

/// The Secret is that of a server: turning the server's certificate into a CA would be no remedy.
fn of_a_server(finding: Finding, issuer: &ObjRef, writer: &ObjRef) -> Finding {
    finding.evidence(Witness::Source, format!("{writer} with DNS names writes that Secret")).fix(Fix::command(
        "name the Secret of a CA instead of a server's",
        patch(issuer, &json!({"spec": {"ca": {"secretName": "CA-SECRET"}}})),
    ))
}

fn made_as_leaf(finding: Finding, writer: &ObjRef) -> Finding {
    let name = &writer.name;
    finding.evidence(Witness::Spec(Kind::Certificate, "isCA"), format!("not true on {writer}, which makes it")).fix(
        Fix::command(
            format!("say on Certificate {name} that it is a CA; it is issued anew by itself"),
            patch(writer, &json!({"spec": {"isCA": true}})),
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::issuer::CaIssuer;
    use crate::api::{ConditionStatus, IssuerSpec};
    use crate::facts::specimen::Specimen;
    use crate::inventory::Objects;

    /// ClusterIssuer letsencrypt turned into a CA issuer, not ready with these words.
    fn unready(reason: IssuerReason, words: &str) -> Specimen {
        as_ca().broken(|objects| {
            let condition = &mut objects.cluster_issuer().status.conditions[0];
            condition.status = ConditionStatus::False;
            condition.reason = Some(reason);
            condition.message = format!("Error getting keypair for CA issuer: {words}");
        })
    }

    fn as_ca() -> Specimen {
        Specimen::http01().broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            let ca = CaIssuer { secret_name: "root".into(), ..CaIssuer::default() };
            objects.cluster_issuer().spec = IssuerSpec { ca: Some(ca), ..IssuerSpec::default() };
        })
    }

    fn request_says(objects: &mut Objects, words: &str) {
        for condition in objects.request().status.conditions.iter_mut().filter(|condition| !condition.is_true()) {
            condition.message = words.into();
        }
    }

    fn root(specimen: &Specimen) -> Finding {
        specimen.judge().findings[0].clone()
    }

    #[test]
    fn a_missing_key_pair_is_found_for_chain_and_issuer() {
        let gone = unready(IssuerReason::ErrGetKeyPair, r#"secrets "root" not found"#);
        assert_eq!(gone.ids(), ["ca-secret-missing", "issuer-not-ready"]);
        assert_eq!(
            gone.about(Kind::ClusterIssuer, None, "letsencrypt").ids(),
            ["ca-secret-missing", "issuer-not-ready"]
        );
    }

    #[test]
    fn keys_of_other_names_are_shown_and_no_value_is() {
        let odd = unready(IssuerReason::ErrGetKeyPair, r#"no data for "tls.crt" in secret 'cert-manager/root'"#).with(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: root, namespace: cert-manager}\nstringData: {ca.crt: \
             hidden, ca.key: hidden}\n",
        );
        let finding = root(&odd);
        assert!(finding.summary.ends_with("has no tls.crt and no tls.key"), "{}", finding.summary);
        assert!(finding.evidence.iter().any(|evidence| evidence.text == "keys: ca.crt, ca.key"));
        assert!(!format!("{finding:?}").contains("hidden"));
    }

    #[test]
    fn a_root_certificate_that_is_not_ready_is_followed() {
        let pending = unready(IssuerReason::ErrGetKeyPair, r#"secrets "root" not found"#).with(
            "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: root-ca, namespace: \
             cert-manager}\nspec: {secretName: root}\n",
        );
        assert!(
            root(&pending).fixes[0].command.as_ref().unwrap().contains("diagnose certificate/root-ca -n cert-manager")
        );
    }

    #[test]
    fn the_signers_word_counts_after_the_issuer_was_ready() {
        let later = as_ca().broken(|objects| {
            request_says(objects, r#"Referenced secret cert-manager/root not found: secrets "root" not found"#);
        });
        assert_eq!(later.ids(), ["ca-secret-missing"]);
        let other = as_ca().broken(|objects| {
            request_says(objects, r#"Referenced secret shop/other not found: secrets "other" not found"#);
        });
        assert!(!other.ids().contains(&"ca-secret-missing"));
        assert_eq!(as_ca().ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_leaf_in_place_of_a_ca_is_found_with_its_maker() {
        let leaf = unready(IssuerReason::ErrInvalidKeyPair, "certificate is not a CA");
        assert_eq!(leaf.ids(), ["ca-not-a-ca", "issuer-not-ready"]);
        let made = leaf.with(
            "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: root-ca, \
         namespace: cert-manager}\nspec: {secretName: root}\n",
        );
        let fix = root(&made).fixes[0].command.clone().unwrap();
        assert!(
            fix.contains(
                r#"certificate.cert-manager.io/root-ca -n cert-manager --type merge -p '{"spec":{"isCA":true}}'"#
            ),
            "{fix}"
        );
        // A server's certificate must not be turned into a CA.
        let server = made.broken(|objects| objects.certificates[1].spec.dns_names = vec!["mesh.example.com".into()]);
        let fix = root(&server).fixes[0].command.clone().unwrap();
        assert!(fix.contains(r#"'{"spec":{"ca":{"secretName":"CA-SECRET"}}}'"#), "{fix}");
    }
}
