//! Certificates of a CA's staging environment, which nobody trusts.

use serde_json::json;

use super::directory::real_hosts;
use super::patch;
use super::reference::point_at;
use crate::api::{AcmeIssuer, Certificate, Object};
use crate::chain::IssuerView;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, PROGRAM, Witness};
use crate::objref::{Kind, ObjRef};
use crate::public_ca::PublicCa;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use crate::x509::Bundle;

pub static STAGING_SERVED: Rule = Rule {
    id: "staging-certificate-served",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Risk,
    severity: Severity::Warning,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the stored certificate is from a staging CA, which no browser trusts",
    doc: include_str!("../../../docs/rules/staging-certificate-served.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer, Kind::Secret],
    explains: &[],
    judge: staging_served,
};

fn staging_served(facts: &Facts) -> Judgement {
    let certificate = *facts.chain.certificate.seen().ok_or(Withheld::NotApplicable)?;
    if facts.is_issuing() {
        // A change to another issuer is on its way.
        return Err(Withheld::NotApplicable);
    }
    let (witness, signer) = signer(facts).ok_or(Withheld::NotApplicable)?;
    if !is_staging(&signer) {
        return Ok(vec![]);
    }
    let finding = STAGING_SERVED
        .on(certificate.objref())
        .because("Ready only means that the certificate is what was asked for. Browsers and clients refuse it.")
        .evidence(witness, format!("issued by {signer}"));
    let acme = facts.issuer().ok().and_then(acme);
    let Some((issuer, acme)) = acme else {
        return Ok(vec![finding.says(unspecific(certificate)).fix(renew(certificate))]);
    };
    let finding = finding.evidence(Witness::Spec(issuer.kind, "acme.server"), &acme.server);
    let now_real = PublicCa::of_server(&acme.server).is_none_or(|directory| !directory.is_staging);
    if now_real {
        return Ok(vec![
            finding
                .says(format!(
                    "{} still holds a staging certificate, though {issuer} asks the real CA \
                 now",
                    certificate.spec.secret_name
                ))
                .because(
                    "The server of the issuer was changed in place. cert-manager issues anew when the issuer's \
                     name or kind \
                     changes, not when its server does, so the old certificate stays until its renewal.",
                )
                .fix(renew(certificate)),
        ]);
    }
    Ok(vec![with_real_issuer(facts, certificate, &issuer, finding.says(unspecific(certificate)))])
}

fn unspecific(certificate: &Certificate) -> String {
    format!("the certificate in {} is from a staging CA, which no browser trusts", certificate.spec.secret_name)
}

fn with_real_issuer(facts: &Facts, certificate: &Certificate, issuer: &ObjRef, finding: Finding) -> Finding {
    let namespace = certificate.namespace().unwrap_or_default();
    let own = real_hosts().filter_map(|host| Some(facts.inventory.issuers_at_host(namespace, host).next()?.objref()));
    let cluster = real_hosts().filter_map(|host| Some(facts.inventory.cluster_issuers_at_host(host).next()?.objref()));
    if let Some(real) = own.min().or_else(|| cluster.min()) {
        let fix = point_at(certificate, &real);
        return finding.fix(Fix { title: format!("{}: a real certificate follows by itself", fix.title), ..fix });
    }
    let change = json!({"spec": {"acme": {
        "server": "https://acme-v02.api.letsencrypt.org/directory",
        "privateKeySecretRef": {"name": format!("{}-real-account", issuer.name)},
    }}});
    finding
        .fix(Fix::command("let the issuer ask the real CA, with an account of its own", patch(issuer, &change)))
        .fix(renew(certificate))
}

fn renew(certificate: &Certificate) -> Fix {
    let command = format!("{PROGRAM} renew {}{}", certificate.name(), certificate.objref().namespace_flag());
    Fix::command("issue anew", command)
}

/// The common name of who signed the stored certificate, and where that was read.
fn signer(facts: &Facts) -> Option<(Witness, String)> {
    let name = |bundle: &Bundle| bundle.leaf().issuer.common_name().to_owned();
    if let Ok(bundle) = facts.stored() {
        return Some((Witness::Data(Kind::Secret), name(bundle)));
    }
    Some((Witness::Status(Kind::CertificateRequest, "certificate"), name(facts.answered()?)))
}

/// Let's Encrypt marks its staging CAs with `(STAGING)`, before that with `Fake LE`; others write it out.
fn is_staging(signer: &str) -> bool {
    let signer = signer.to_ascii_lowercase();
    ["(staging)", "fake le ", "staging ca"].iter().any(|mark| signer.contains(mark))
}

fn acme<'i>(view: &IssuerView<'i>) -> Option<(ObjRef, &'i AcmeIssuer)> {
    match view {
        IssuerView::Builtin { objref, spec, .. } => Some((objref.clone(), spec.acme.as_ref()?)),
        IssuerView::External(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Base64Text, SecretValue};
    use crate::facts::specimen::Specimen;
    use crate::inventory::Objects;

    const STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

    /// A certificate for the specimen's names, signed by a CA called `signer`.
    fn signed_by(signer: &str) -> String {
        let mut ca = rcgen::CertificateParams::default();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        ca.distinguished_name.push(rcgen::DnType::CommonName, signer);
        let key = rcgen::KeyPair::generate().unwrap();
        let issuer = rcgen::Issuer::new(ca, key);
        let leaf_key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::new(vec!["shop.example.com".into()])
            .unwrap()
            .signed_by(&leaf_key, &issuer)
            .unwrap()
            .pem()
    }

    fn stored(objects: &mut Objects, signer: &str) {
        let pem = signed_by(signer).into_bytes();
        objects.request().status.certificate = Base64Text::encode(&pem);
        objects.secret().data.insert("tls.crt".into(), SecretValue::Bytes(pem.into()));
    }

    fn served(signer: &str, server: &str) -> Specimen {
        Specimen::healthy().broken(|objects| {
            stored(objects, signer);
            objects.cluster_issuer().spec.acme.as_mut().unwrap().server = server.into();
        })
    }

    fn finding(specimen: &Specimen) -> Option<Finding> {
        specimen.judge().findings.iter().find(|finding| finding.rule.id == "staging-certificate-served").cloned()
    }

    #[test]
    fn a_staging_certificate_is_found_and_a_real_one_is_not() {
        assert!(finding(&served("(STAGING) Riddling Rhubarb R12", STAGING)).is_some());
        assert!(finding(&served("Fake LE Intermediate X1", STAGING)).is_some());
        assert!(finding(&served("R12", STAGING)).is_none());
        assert!(finding(&Specimen::healthy()).is_none());
    }

    #[test]
    fn a_server_changed_in_place_is_told_from_a_staging_issuer() {
        let changed =
            finding(&served("(STAGING) Riddling Rhubarb R12", "https://acme-v02.api.letsencrypt.org/directory"))
                .unwrap();
        assert!(changed.summary.contains("asks the real CA now"), "{}", changed.summary);
        assert!(changed.fixes[0].command.as_ref().unwrap().contains("renew web -n shop"));
    }

    #[test]
    fn the_real_issuer_is_named_where_there_is_one() {
        let both = served("(STAGING) Riddling Rhubarb R12", STAGING).broken(|objects| {
            let mut real = objects.cluster_issuer().clone();
            real.metadata.name = Some("letsencrypt-prod".into());
            real.spec.acme.as_mut().unwrap().server = "https://acme-v02.api.letsencrypt.org/directory".into();
            objects.cluster_issuers.push(real);
        });
        let fix = finding(&both).unwrap().fixes[0].command.clone().unwrap();
        assert!(fix.contains(r#""name":"letsencrypt-prod""#), "{fix}");
    }

    #[test]
    fn the_request_speaks_where_the_secret_is_hidden() {
        let hidden = served("(STAGING) Riddling Rhubarb R12", STAGING).broken(|objects| objects.secrets.clear());
        assert!(finding(&hidden).is_some());
    }

    #[test]
    fn while_a_new_one_is_on_its_way_nothing_is_said() {
        let on_its_way = served("(STAGING) Riddling Rhubarb R12", STAGING).broken(|objects| {
            let mut issuing = objects.certificate().status.conditions[0].clone();
            issuing.type_ = crate::api::CertificateConditionType::Issuing;
            objects.certificate().status.conditions.push(issuing);
        });
        assert!(finding(&on_its_way).is_none());
    }
}
