//! The CA behind a certificate: one that ends before it, one that changed its key, and certificates that are their own CA.
//!
//! Looks at the CAs that the objects hold, in the certificate's own Secret and in that of its issuer. Public chains are left
//! to the CA's own care.

use super::super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use super::{is_acme, merge_patch, renew};
use crate::api::{Certificate, CertificateConditionType, KeyUsage, Object, Secret};
use crate::chain::IssuerView;
use crate::duration::human;
use crate::engine::Stage;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, PROGRAM, Witness};
use crate::objref::{Kind, ObjRef};
use crate::x509::{self, Bundle};

/// How many CAs stand above a leaf at most.
const DEPTH: usize = 5;

/// CAs take a minute off, for clocks that are slow.
const MINUTE: i64 = 60;

pub static CA_ENDS_FIRST: Rule = Rule {
    id: "ca-expired-or-shorter-than-leaf",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Risk,
    severity: Severity::Warning,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the CA has expired, or ends before the certificate that it signed",
    doc: include_str!("../../../docs/rules/ca-expired-or-shorter-than-leaf.md"),
    needs: &[Kind::Certificate, Kind::Order, Kind::Secret, Kind::Issuer, Kind::ClusterIssuer],
    explains: &[],
    judge: ca_ends_first,
};

fn ca_ends_first(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let stored = facts.stored().map_err(|_| Withheld::NotApplicable)?;
    if is_acme(facts) || facts.is_issuing() {
        return Err(Withheld::NotApplicable);
    }
    let leaf = stored.leaf();
    let ends_first = |ca: &x509::Certificate| leaf.not_after.duration_since(ca.not_after).as_secs() > MINUTE;
    let path = path(facts, stored);
    let Some(ca) = path.iter().filter(|ca| ends_first(ca)).min_by_key(|ca| ca.not_after) else { return Ok(vec![]) };
    let (name, end) = (certificate.name(), ca.not_after);
    let says = if end <= facts.now {
        format!("the CA {} behind {name} expired {} ago", ca.subject, human(facts.since(end)))
    } else {
        format!(
            "the CA {} ends in {}, {} before the certificate of {name} that it signed",
            ca.subject,
            human(end.duration_since(facts.now)),
            human(leaf.not_after.duration_since(end))
        )
    };
    let finding = CA_ENDS_FIRST
        .on(certificate.objref())
        .says(says)
        .because(
            "Clients check each certificate of the chain. From the end of the CA on they refuse everything that it signed, and \
             Ready stays True all the same.",
        )
        .evidence(Witness::Data(Kind::Secret), format!("the CA ends at {end}"))
        .evidence(Witness::Status(Kind::Certificate, "notAfter"), leaf.not_after.to_string());
    let finding = match maker(facts) {
        Some(maker) => finding
            .fix(Fix::command(
                "renew the CA, then this certificate",
                format!(
                    "{PROGRAM} renew {}{} --wait && {PROGRAM} renew {name}{}",
                    maker.name(),
                    maker.objref().namespace_flag(),
                    certificate.objref().namespace_flag()
                ),
            ))
            .fix(merge_patch(
                "let the CA last, and renew it while more is left of it than a leaf lasts",
                maker,
                r#"{"spec":{"duration":"87600h","renewBefore":"8760h"}}"#,
            )),
        None => finding
            .fix(Fix::manual(
                "put a CA certificate that lasts longer into the issuer's Secret (same key, so that leaves stay good)",
            ))
            .fix(renew("then issue anew", certificate)),
    };
    Ok(vec![finding])
}

/// The CAs above the leaf, as far as the objects hold them.
pub(super) fn path(facts: &Facts, stored: &Bundle) -> Vec<x509::Certificate> {
    let in_secret = facts.chain.secret.seen().and_then(|secret| in_key(secret, "ca.crt"));
    let mut known: Vec<x509::Certificate> = stored.rest().to_vec();
    known.extend(in_secret.iter().flat_map(Bundle::iter).cloned());
    known.extend(signing(facts).map(|signing| signing.ca));
    let mut path: Vec<x509::Certificate> = Vec::new();
    for _ in 0..DEPTH {
        let last = path.last().unwrap_or_else(|| stored.leaf());
        let Some(next) = known.iter().find(|ca| !last.is_self_issued() && last.names_issuer(ca)) else { break };
        path.push(next.clone());
    }
    path
}

fn in_key(secret: &Secret, key: &str) -> Option<Bundle> {
    Bundle::from_pem(secret.bytes(key)?.expose()).ok()
}

/// What a CA issuer signs with now.
struct Signing {
    secret: ObjRef,
    ca: x509::Certificate,
}

fn signing(facts: &Facts) -> Option<Signing> {
    let (namespace, name) = ca_secret(facts)?;
    let secret = *facts.inventory.get::<Secret>(Some(&namespace), &name).seen()?;
    Some(Signing { secret: secret.objref(), ca: in_key(secret, "tls.crt")?.leaf().clone() })
}

/// Namespace and name of the Secret that a CA issuer reads.
fn ca_secret(facts: &Facts) -> Option<(String, String)> {
    let IssuerView::Builtin { objref, spec, .. } = facts.chain.issuer.seen()? else { return None };
    let name = spec.ca.as_ref()?.secret_name.clone();
    Some((objref.namespace.clone().unwrap_or_else(|| facts.cluster_resource_namespace()), name))
}

/// The Certificate that the issuer's CA is made by.
pub(super) fn maker<'i>(facts: &Facts<'i>) -> Option<&'i Certificate> {
    let (namespace, name) = ca_secret(facts)?;
    facts.inventory.certificates_for_secret(&namespace, &name).next()
}

pub static CA_ROTATED: Rule = Rule {
    id: "ca-rotated-leaves-old",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Risk,
    severity: Severity::Warning,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the certificate is signed by a former key of its CA",
    doc: include_str!("../../../docs/rules/ca-rotated-leaves-old.md"),
    needs: &[Kind::Certificate, Kind::Secret, Kind::Issuer, Kind::ClusterIssuer],
    explains: &[],
    judge: ca_rotated,
};

fn ca_rotated(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let signing = signing(facts).ok_or(Withheld::NotApplicable)?;
    let stored = facts.stored().map_err(|_| Withheld::NotApplicable)?;
    // What is about to be replaced, or is of another issuer, is another matter.
    if facts.is_issuing() || !certificate.is(CertificateConditionType::Ready) || signing.ca.may_sign().is_err() {
        return Err(Withheld::NotApplicable);
    }
    let (leaf, ca) = (stored.leaf(), &signing.ca);
    if leaf.names_issuer(ca) {
        return Ok(vec![]);
    }
    let key_id = |id: &Option<String>| id.clone().map_or_else(String::new, |id| format!(", key id {id}"));
    let finding = CA_ROTATED
        .on(certificate.objref())
        .says(format!(
            "{} was signed before its CA changed: clients that trust the CA of now refuse it",
            certificate.name()
        ))
        .because(
            "A CA that is issued anew gets a new key (the default since release 1.18), and its issuer signs with that from then \
             on. Certificates that are out keep the old signature until their own renewal; nothing looks wrong meanwhile.",
        )
        .evidence(
            Witness::Data(Kind::Secret),
            format!("the leaf is signed by {}{}", leaf.issuer, key_id(&leaf.authority_key_id)),
        )
        .evidence(
            Witness::Data(Kind::Secret),
            format!("{} holds {}{} now", signing.secret, ca.subject, key_id(&ca.subject_key_id)),
        )
        .fix(renew("have it signed by the CA of now", certificate))
        .fix(Fix::manual("until all leaves are renewed, let clients trust both: keep the old CA in the bundle that is handed out"));
    Ok(vec![match maker(facts) {
        Some(maker) => finding.fix(merge_patch(
            "and let the CA keep its key over renewals",
            maker,
            r#"{"spec":{"privateKey":{"rotationPolicy":"Never"}}}"#,
        )),
        None => finding,
    }])
}

/// Whether the issuer lets each certificate sign itself.
fn is_self_signing(facts: &Facts) -> bool {
    match facts.chain.issuer.seen() {
        Some(IssuerView::Builtin { spec, .. }) => spec.self_signed.is_some(),
        Some(IssuerView::External(_)) | None => false,
    }
}

pub static EMPTY_DN: Rule = Rule {
    id: "selfsigned-empty-dn",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Risk,
    severity: Severity::Info,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the self-signed certificate names no issuer, which strict clients refuse",
    doc: include_str!("../../../docs/rules/selfsigned-empty-dn.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Secret, Kind::Issuer, Kind::ClusterIssuer, Kind::Event],
    explains: &[],
    judge: empty_dn,
};

fn empty_dn(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    if !is_self_signing(facts) {
        return Err(Withheld::NotApplicable);
    }
    let request = facts.chain.in_flight().or_else(|| facts.chain.current()).map(|node| node.request);
    let event = request.and_then(|request| facts.fresh_event(request, "BadConfig", request.created()));
    let said = event.and_then(|event| event.message.as_deref()).filter(|words| words.contains("empty Issuer DN"));
    let is_empty = facts.stored().is_ok_and(|stored| stored.leaf().is_self_issued() && stored.leaf().issuer.is_empty());
    if !is_empty && said.is_none() {
        return Ok(vec![]);
    }
    let name = certificate.name();
    let finding = EMPTY_DN
        .on(certificate.objref())
        .says(format!("the certificate of {name} names no issuer: it signs itself, and its spec gives it no name"))
        .because("RFC 5280 §4.1.2.4 wants the issuer's name not to be empty. Go and browsers let it pass; other clients refuse the certificate.");
    let finding = match (said, request) {
        (Some(words), Some(_)) => finding.evidence(Witness::Event(Kind::CertificateRequest, "BadConfig".into()), words),
        (Some(_) | None, _) => {
            finding.evidence(Witness::Data(Kind::Secret), "issuer and subject of the leaf are empty")
        }
    };
    let common_name = certificate.spec.dns_names.first().map_or(name, String::as_str);
    Ok(vec![finding.fix(merge_patch(
        "give it a common name",
        certificate,
        &format!(r#"{{"spec":{{"commonName":"{common_name}"}}}}"#),
    ))])
}

pub static USED_FOR_LEAVES: Rule = Rule {
    id: "selfsigned-used-for-leaves",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Risk,
    severity: Severity::Info,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the certificate of a server signs itself, so no client has a root to trust",
    doc: include_str!("../../../docs/rules/selfsigned-used-for-leaves.md"),
    needs: &[Kind::Certificate, Kind::Issuer, Kind::ClusterIssuer],
    explains: &[],
    judge: used_for_leaves,
};

fn used_for_leaves(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    if !is_self_signing(facts) || !matches!(facts.stage, Stage::Settled { .. }) {
        return Err(Withheld::NotApplicable);
    }
    let spec = &certificate.spec;
    if spec.is_ca || spec.usages.contains(&KeyUsage::CertSign) {
        return Ok(vec![]);
    }
    let reference = facts.issuer_ref()?;
    let issuer = format!("{} {}", reference.kind_or_default(), reference.name);
    let (name, place) = (certificate.name(), certificate.namespace().unwrap_or_default());
    let finding: Finding = USED_FOR_LEAVES
        .on(certificate.objref())
        .says(format!("{name} signs itself: {issuer} is self-signed and is no CA"))
        .because(
            "Each certificate of a self-signed issuer is its own root, new at each renewal, so there is nothing that clients \
             could trust for long. Such an issuer is for making one CA, which then signs the rest. It does where only the API server \
             asks, and the cainjector hands each new certificate on to it.",
        )
        .evidence(Witness::Spec(Kind::Certificate, "isCA"), "false")
        .evidence(Witness::Spec(reference.own_kind().unwrap_or(Kind::Issuer), "selfSigned"), "set");
    Ok(vec![finding.fix(Fix::patch(
        "make a CA with it once, and let that sign (then name Issuer internal-ca in the Certificate)",
        format!(
            "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata:\n  name: internal-ca\n  namespace: {place}\nspec:\n  isCA: \
             true\n  commonName: internal-ca\n  secretName: internal-ca\n  duration: 87600h\n  privateKey:\n    algorithm: ECDSA\n    \
             size: 256\n    rotationPolicy: Never\n  issuerRef:\n    kind: {}\n    name: {}\n---\napiVersion: \
             cert-manager.io/v1\nkind: Issuer\nmetadata:\n  name: internal-ca\n  namespace: {place}\nspec:\n  ca:\n    secretName: \
             internal-ca",
            reference.kind_or_default(),
            reference.name
        ),
    ))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::SecretValue;
    use crate::api::certificate::CertificateSpec;
    use crate::facts::specimen::Specimen;
    use crate::inventory::Objects;
    use crate::pki::certificate::{Ca, Urls};
    use crate::pki::key::PrivateKey;
    use crate::pki::template::Template;
    use crate::x509::KeyType;

    const ISSUED: &str = "2026-11-22T06:30:00Z";

    fn spec(yaml: &str) -> CertificateSpec {
        serde_saphyr::from_str(&format!("{{secretName: x, issuerRef: {{name: x}}, {yaml}}}")).unwrap()
    }

    /// A root of this name that lasts so long, with a key of its own.
    fn ca(name: &str, duration: &str) -> Ca {
        let key = PrivateKey::generate(&KeyType::Ecdsa(256)).unwrap();
        let spec = spec(&format!("commonName: {name}, isCA: true, duration: {duration}"));
        let template = Template::of_certificate(&spec, key.public(), ISSUED.parse().unwrap()).unwrap();
        let root = template.self_sign(&key, Urls::default(), [7; 20]).unwrap();
        Ca::new(x509::Certificate::from_der(&root.der).unwrap(), Vec::new(), key)
    }

    fn put(secret: &mut Secret, key: &str, pem: String) {
        secret.data.insert(key.into(), SecretValue::Bytes(pem.into_bytes().into()));
    }

    /// Certificate shop/web, stored as `signer` signed it for a week, and an issuer that signs with `now`.
    fn signed(signer: &Ca, now: &Ca) -> Specimen {
        let pem = |ca: &Ca| crate::pki::chain::single([ca.signing()]).unwrap().ca.unwrap_or_default();
        let root = pem(now);
        let spec = spec("dnsNames: [shop.example.com, www.shop.example.com], duration: 168h");
        Specimen::healthy()
            .broken(|objects| {
                objects.orders.clear();
                objects.challenges.clear();
                objects.cluster_issuer().spec = serde_saphyr::from_str("{ca: {secretName: root}}").unwrap();
                let private = objects.secret().bytes("tls.key").unwrap().expose().clone();
                let key = PrivateKey::from_pem(&private).unwrap();
                let template = Template::of_certificate(&spec, key.public(), ISSUED.parse().unwrap()).unwrap();
                let leaf = signer.issue(&template, Urls::default(), [9; 20]).unwrap();
                put(objects.secret(), "tls.crt", leaf.bundle.chain);
                put(objects.secret(), "ca.crt", pem(signer));
            })
            .with("apiVersion: v1\nkind: Secret\nmetadata: {name: root, namespace: cert-manager}\ntype: kubernetes.io/tls\n")
            .broken(|objects| {
                let secret = objects.secrets.iter_mut().find(|secret| secret.name() == "root").unwrap();
                put(secret, "tls.crt", root);
            })
    }

    fn ids(specimen: &Specimen) -> Vec<&'static str> {
        let ours = [
            "ca-expired-or-shorter-than-leaf",
            "ca-rotated-leaves-old",
            "selfsigned-empty-dn",
            "selfsigned-used-for-leaves",
        ];
        specimen.ids().into_iter().filter(|id| ours.contains(id)).collect()
    }

    #[test]
    fn a_ca_that_ends_before_its_leaf_is_found() {
        let (long, short) = (ca("root", "8760h"), ca("root", "24h"));
        assert_eq!(ids(&signed(&long, &long)), Vec::<&str>::new());
        let shorter = signed(&short, &short);
        assert_eq!(ids(&shorter), ["ca-expired-or-shorter-than-leaf"]);
        let summary = |specimen: &Specimen| specimen.judge().findings[0].summary.clone();
        assert!(summary(&shorter).contains("6d before"), "{}", summary(&shorter));
        assert!(summary(&shorter.later(2 * 24 * 60)).contains("expired"), "{}", summary(&signed(&short, &short)));
    }

    #[test]
    fn a_leaf_of_a_former_key_of_its_ca_is_found() {
        let (old, new) = (ca("root", "8760h"), ca("root", "8760h"));
        let rotated = signed(&old, &new);
        assert_eq!(ids(&rotated), ["ca-rotated-leaves-old"]);
        assert_eq!(ids(&signed(&new, &new)), Vec::<&str>::new());
        assert_eq!(ids(&signed(&old, &ca("other", "8760h"))), ["ca-rotated-leaves-old"]);
        let unseen = rotated.broken(|objects| objects.secrets.retain(|secret| secret.name() != "root"));
        assert_eq!(ids(&unseen), Vec::<&str>::new());
    }

    /// Certificate shop/web of a self-signed issuer, with this in its spec.
    fn self_signed(yaml: &str, change: impl FnOnce(&mut Objects)) -> Specimen {
        let spec = spec(yaml);
        Specimen::healthy().broken(change).broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            objects.cluster_issuer().spec = serde_saphyr::from_str("{selfSigned: {}}").unwrap();
            let private = objects.secret().bytes("tls.key").unwrap().expose().clone();
            let key = PrivateKey::from_pem(&private).unwrap();
            let template = Template::of_certificate(&spec, key.public(), ISSUED.parse().unwrap()).unwrap();
            let leaf = template.self_sign(&key, Urls::default(), [3; 20]).unwrap();
            put(objects.secret(), "tls.crt", leaf.bundle.chain);
        })
    }

    #[test]
    fn a_self_signed_leaf_is_told_and_a_ca_is_not() {
        let named =
            |is_ca: bool| self_signed("commonName: web", move |objects| objects.certificate().spec.is_ca = is_ca);
        assert_eq!(ids(&named(false)), ["selfsigned-used-for-leaves"]);
        assert_eq!(ids(&named(true)), Vec::<&str>::new());
    }

    #[test]
    fn a_self_signed_certificate_without_a_name_is_told() {
        let bare = self_signed("dnsNames: [shop.example.com]", |objects| objects.certificate().spec.is_ca = true);
        assert_eq!(ids(&bare), ["selfsigned-empty-dn"]);
    }
}
