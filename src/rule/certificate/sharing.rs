//! Certificates that get in each other's way: one Secret for two, or one set of names over and over.

use std::collections::BTreeSet;

use super::super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use super::{acme, listed, merge_patch, unready};
use crate::api::{Certificate, CertificateConditionType, CertificateReason, Object, annotation};
use crate::facts::Facts;
use crate::finding::{Fix, Witness};
use crate::objref::Kind;

pub static TWO_CERTIFICATES_ONE_SECRET: Rule = Rule {
    id: "two-certificates-one-secret",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "another Certificate writes to the same Secret, and cert-manager issues only one of them",
    doc: include_str!("../../../docs/rules/two-certificates-one-secret.md"),
    needs: &[Kind::Certificate, Kind::Secret],
    explains: &[],
    judge: two_certificates_one_secret,
};

fn two_certificates_one_secret(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let namespace = certificate.namespace().unwrap_or_default();
    let mut writers = facts.inventory.certificates_for_secret(namespace, &certificate.spec.secret_name);
    if !writers.any(|writer| is_rival(certificate, writer)) {
        return Err(Withheld::NotApplicable);
    }
    let owner = owner(facts, certificate);
    if owner.name() == certificate.name() || certificate.is(CertificateConditionType::Ready) {
        return Ok(vec![]);
    }
    let (name, secret) = (certificate.name(), certificate.spec.secret_name.as_str());
    let mut finding = TWO_CERTIFICATES_ONE_SECRET
        .on(certificate.objref())
        .says(format!("Certificates {name} and {} both write to Secret {secret}, and only {} is issued", owner.name(), owner.name()))
        .because(format!(
            "cert-manager issues one Certificate for a Secret: the one that the Secret was issued for, else the oldest. {name} gets neither a request nor an event, and stays as it is until the two no longer share the Secret."
        ))
        .evidence(Witness::Spec(Kind::Certificate, "secretName"), format!("{secret}, of {name} and of {}", owner.name()));
    if let Some((CertificateReason::IncorrectCertificate, message)) = unready(certificate) {
        finding = finding.evidence(Witness::Condition(Kind::Certificate, "Ready"), message);
    }
    if let Some(named) = facts.chain.secret.seen().and_then(|secret| secret.annotation(annotation::CERTIFICATE_NAME)) {
        finding =
            finding.evidence(Witness::Metadata(Kind::Secret), format!("{}: {named}", annotation::CERTIFICATE_NAME));
    }
    if let (Some(ours), Some(theirs)) = (certificate.created(), owner.created()) {
        finding = finding.evidence(
            Witness::Metadata(Kind::Certificate),
            format!("{name} is of {ours}, {} of {theirs}", owner.name()),
        );
    }
    let own = if secret == name { format!("{name}-tls") } else { name.to_owned() };
    let separate = match certificate.controller().filter(|owner| owner.kind == Kind::Ingress.word()) {
        Some(ingress) => Fix::patch(
            format!("give the TLS block of Ingress {} a Secret of its own", ingress.name),
            format!("spec:\n  tls:\n  - secretName: {own}\n    hosts: [{}]", certificate.spec.dns_names.join(", ")),
        ),
        None => merge_patch(
            "give it a Secret of its own, and let its users read that",
            certificate,
            &format!(r#"{{"spec":{{"secretName":"{own}"}}}}"#),
        ),
    };
    let delete = format!("kubectl delete certificate {name}{}", certificate.objref().namespace_flag());
    let title = format!("or delete it, if {} has all the names that are needed", owner.name());
    Ok(vec![finding.fix(separate).fix(Fix::command(title, delete))])
}

/// Whether another Certificate of the namespace claims the same Secret.
fn is_rival(certificate: &Certificate, other: &Certificate) -> bool {
    other.name() != certificate.name()
        && other.spec.secret_name == certificate.spec.secret_name
        && other.deleting_since().is_none()
}

/// The one that cert-manager issues: whom the Secret was issued for, else the oldest, else the first by name.
fn owner<'i>(facts: &Facts<'i>, certificate: &'i Certificate) -> &'i Certificate {
    let namespace = certificate.namespace().unwrap_or_default();
    let by_secret = facts.chain.secret.seen().and_then(|secret| secret.annotation(annotation::CERTIFICATE_NAME));
    let by_condition = match unready(certificate) {
        Some((CertificateReason::IncorrectCertificate, message)) => message.split('"').nth(1),
        Some(_) | None => None,
    };
    let named = by_secret.or(by_condition).and_then(|name| {
        let named = facts.inventory.get::<Certificate>(Some(namespace), name).seen().copied()?;
        (named.name() == certificate.name() || is_rival(certificate, named)).then_some(named)
    });
    named.unwrap_or_else(|| {
        let age = |certificate: &&'i Certificate| (certificate.created(), certificate.name());
        let oldest = facts.inventory.oldest_writer(namespace, &certificate.spec.secret_name);
        std::iter::once(certificate).chain(oldest).min_by_key(age).unwrap_or(certificate)
    })
}

/// From how many namespaces on it is worth a word: two may be a move from one to the other.
const MANY: usize = 3;

pub static DUPLICATE_CERTIFICATE_IN_MANY_NAMESPACES: Rule = Rule {
    id: "duplicate-certificate-in-many-namespaces",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Risk,
    severity: Severity::Info,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "several namespaces each ask the ACME server for the same set of names",
    doc: include_str!("../../../docs/rules/duplicate-certificate-in-many-namespaces.md"),
    needs: &[Kind::Certificate, Kind::Issuer, Kind::ClusterIssuer],
    explains: &[],
    judge: duplicate_certificate,
};

fn duplicate_certificate(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let acme = acme(facts).ok_or(Withheld::NotApplicable)?;
    let alike = facts.inventory.certificates_like(certificate);
    let count = alike.len();
    // The first few are enough to tell, however many there are.
    let namespaces: BTreeSet<&str> = alike.filter_map(Object::namespace).take(4 * MANY).collect();
    if namespaces.len() < MANY || certificate.spec.dns_names.is_empty() {
        return Ok(vec![]);
    }
    let ours = certificate.namespace().unwrap_or_default();
    let others: Vec<&str> = namespaces.into_iter().filter(|namespace| *namespace != ours).collect();
    let names: Vec<&str> = certificate.spec.dns_names.iter().map(String::as_str).collect();
    let finding = DUPLICATE_CERTIFICATE_IN_MANY_NAMESPACES
        .on(certificate.objref())
        .says(format!("{count} Certificates in namespaces {ours}, {} ask for the same names: {}", listed(&others), listed(&names)))
        .because("Each counts against the CA's limit for one set of names (Let's Encrypt: five a week). When all are asked for at once, as in a new cluster, the last ones are refused.")
        .evidence(Witness::Source, format!("{count} Certificates with these names and issuer {}", certificate.spec.issuer_ref.name))
        .evidence(Witness::Spec(facts.issuer_ref()?.own_kind().unwrap_or(Kind::Issuer), "acme.server"), &acme.server)
        .fix(Fix::patch(
            "keep one Certificate, and let a replicator such as Reflector copy its Secret",
            "spec:\n  secretTemplate:\n    annotations:\n      reflector.v1.k8s.emberstack.com/reflection-allowed: \"true\"\n      reflector.v1.k8s.emberstack.com/reflection-auto-enabled: \"true\"",
        ))
        .fix(Fix::manual("or let one shared Gateway hold the certificate for all of them"));
    Ok(vec![finding])
}

#[cfg(test)]
mod tests {
    use crate::facts::specimen::Specimen;

    fn rival(name: &str, created: &str) -> String {
        format!(
            "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {{name: {name}, namespace: shop, uid: '1', creationTimestamp: '{created}'}}\n\
             spec: {{secretName: web-tls, dnsNames: [api.example.com], issuerRef: {{name: letsencrypt, kind: ClusterIssuer}}}}\n\
             status: {{conditions: [{{type: Ready, status: 'False', reason: IncorrectCertificate, lastTransitionTime: '{created}', \
             message: 'Secret was issued for \"web\". If this message is not transient, you might have two conflicting Certificates pointing to the same secret.'}}]}}\n"
        )
    }

    #[test]
    fn the_certificate_that_the_secret_is_not_issued_for_is_found() {
        let both = Specimen::healthy().with(&rival("api", "2026-11-21T06:30:00Z"));
        assert_eq!(both.ids(), Vec::<&str>::new(), "the owner is well");
        let loser = both.clone().about(crate::objref::Kind::Certificate, Some("shop"), "api");
        assert_eq!(loser.root(), Some("two-certificates-one-secret"));
        let going = loser.broken(|objects| {
            let web = objects.certificates.iter_mut().find(|one| one.metadata.name.as_deref() == Some("web")).unwrap();
            web.metadata.deletion_timestamp = web.metadata.creation_timestamp.clone();
        });
        assert!(!going.ids().contains(&"two-certificates-one-secret"));
    }

    #[test]
    fn without_the_secret_the_oldest_is_the_owner() {
        let young = Specimen::http01().with(&rival("api", "2026-11-22T06:29:59Z"));
        assert_eq!(young.ids(), Vec::<&str>::new());
        let old = Specimen::http01().with(&rival("api", "2026-11-20T06:00:00Z"));
        assert_eq!(old.ids(), ["two-certificates-one-secret"]);
    }

    #[test]
    fn the_same_names_in_three_namespaces_are_worth_knowing() {
        let spread = |namespaces: &[&str]| {
            let copies = namespaces.iter().map(|namespace| {
                format!(
                    "---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {{name: web, namespace: {namespace}}}\n\
                     spec: {{secretName: web-tls, dnsNames: [www.shop.example.com, shop.example.com], issuerRef: {{name: letsencrypt, kind: ClusterIssuer, group: cert-manager.io}}}}\n"
                )
            });
            Specimen::healthy().with(&copies.collect::<String>())
        };
        assert_eq!(spread(&["a"]).ids(), Vec::<&str>::new());
        assert_eq!(spread(&["a", "b"]).ids(), ["duplicate-certificate-in-many-namespaces"]);
        let private = spread(&["a", "b"]).broken(|objects| objects.cluster_issuer().spec.acme = None);
        assert_eq!(private.ids(), Vec::<&str>::new());
    }
}
