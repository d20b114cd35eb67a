//! What the CAs above a certificate let stand below them: so many CAs, and some names (RFC 5280 §4.2.1.9 and §4.2.1.10).
//!
//! cert-manager and the CA sign without a look at that; clients refuse the chain.

use super::super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use super::authority::{maker, path};
use super::{listed, merge_patch, renew};
use crate::api::{Certificate, Object};
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;
use crate::x509::{self, Forbidden};

pub static PATH_LENGTH_OR_NAME_CONSTRAINTS: Rule = Rule {
    id: "ca-path-length-or-name-constraints",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Risk,
    severity: Severity::Warning,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "a CA above the certificate may not sign for its name, or not at this depth",
    doc: include_str!("../../../docs/rules/ca-path-length-or-name-constraints.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Secret, Kind::Issuer, Kind::ClusterIssuer],
    explains: &[],
    judge: path_length_or_name_constraints,
};

fn path_length_or_name_constraints(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let stored = facts.stored().map_err(|_| Withheld::NotApplicable)?;
    if facts.is_issuing() {
        return Err(Withheld::NotApplicable);
    }
    let (leaf, path) = (stored.leaf(), path(facts, stored));
    let too_deep = path.iter().enumerate().find_map(|(below, ca)| too_deep(certificate, leaf, &path[..below], ca));
    let wrong_name = path.iter().find_map(|ca| Some((ca, ca.name_constraints.as_ref()?.forbidden(&leaf.alt_names)?)));
    let wrong_name = wrong_name.map(|(ca, forbidden)| wrong_name_found(facts, certificate, ca, &forbidden));
    Ok(too_deep.into_iter().chain(wrong_name).collect())
}

/// A CA with more CAs below it, down to the leaf, than it allows. One that issued itself anew does not count.
fn too_deep(
    certificate: &Certificate,
    leaf: &x509::Certificate,
    between: &[x509::Certificate],
    ca: &x509::Certificate,
) -> Option<Finding> {
    let allowed = usize::try_from(ca.path_len?).ok()?;
    let counted: Vec<String> =
        between.iter().filter(|ca| !ca.is_self_issued()).map(|ca| ca.subject.to_string()).collect();
    let name = certificate.name();
    let may = match allowed {
        0 => "signs leaves only".to_owned(),
        1 => "lets one CA stand between it and a leaf".to_owned(),
        more => format!("lets {more} CAs stand between it and a leaf"),
    };
    let says = if counted.len() > allowed {
        format!(
            "clients refuse {name}: the CA {} {may}, and there {} {}",
            ca.subject,
            if counted.len() == 1 { "is" } else { "are" },
            listed(&counted.iter().map(String::as_str).collect::<Vec<_>>())
        )
    } else if leaf.is_ca() && counted.len() == allowed {
        format!("{name} is a CA whose certificates clients refuse: the CA {} {may}", ca.subject)
    } else {
        return None;
    };
    let finding = PATH_LENGTH_OR_NAME_CONSTRAINTS
        .on(certificate.objref())
        .says(says)
        .because(
            "The path length of a CA's certificate says how many CAs may follow before the leaf. cert-manager does not look at it, \
             so Ready is True; clients end with \"too many intermediates\" or \"path length constraint exceeded\".",
        )
        .evidence(Witness::Data(Kind::Secret), format!("{}: pathLenConstraint {allowed}", ca.subject))
        .evidence(Witness::Computed, format!("CAs between it and the leaf: {}", counted.len()));
    Some(
        finding
            .fix(Fix::manual(format!(
                "have the leaf signed by {} itself: put its certificate and key into the Secret of a CA issuer",
                ca.subject
            )))
            .fix(Fix::manual(format!(
                "or have {} made anew with a longer path, then all that stands below it",
                ca.subject
            ))),
    )
}

fn wrong_name_found(
    facts: &Facts,
    certificate: &Certificate,
    ca: &x509::Certificate,
    forbidden: &Forbidden,
) -> Finding {
    let Forbidden { name, excluded_by, permitted } = forbidden;
    let limits = match excluded_by {
        Some(excluded) => format!("excludes {excluded}"),
        None => format!("permits {} only", listed(&permitted.iter().map(String::as_str).collect::<Vec<_>>())),
    };
    let finding = PATH_LENGTH_OR_NAME_CONSTRAINTS
        .on(certificate.objref())
        .says(format!("clients refuse {} for {name}: the CA {} {limits}", certificate.name(), ca.subject))
        .because(
            "A CA with name constraints is good for some names only. cert-manager does not look at them, so Ready is True; \
             clients refuse the whole certificate, for its other names too: \"not permitted to sign for this domain\".",
        )
        .evidence(Witness::Data(Kind::Secret), format!("name constraints of {}: {limits}", ca.subject))
        .evidence(Witness::Data(Kind::Secret), format!("tls.crt is for {name}"));
    let finding = finding.fix(Fix::manual(format!(
        "take {name} out of Certificate {}, or ask an issuer for it whose CA may sign it",
        certificate.name()
    )));
    // The one that makes the issuer's own CA; others stand higher up.
    let maker = maker(facts).filter(|maker| maker.spec.name_constraints.is_some());
    match (maker, excluded_by) {
        (Some(maker), None) => finding
            .fix(merge_patch(
                "or let the CA sign for all names, and renew it",
                maker,
                r#"{"spec":{"nameConstraints":null}}"#,
            ))
            .fix(renew("then issue anew", certificate)),
        (Some(_) | None, _) => finding,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
        NameConstraints,
    };

    use crate::api::SecretValue;
    use crate::facts::specimen::Specimen;

    fn ca(name: &str, path: BasicConstraints) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(path);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
    }

    /// Certificate shop/web as the last of these signs it, each signed by the one before it.
    fn stored(cas: Vec<CertificateParams>, leaf: &CertificateParams) -> Vec<String> {
        let mut pems = Vec::new();
        let mut signer: Option<Issuer<'_, KeyPair>> = None;
        for params in cas {
            let key = KeyPair::generate().unwrap();
            let made = match &signer {
                None => params.self_signed(&key),
                Some(signer) => params.signed_by(&key, signer),
            };
            pems.insert(0, made.unwrap().pem());
            signer = Some(Issuer::new(params, key));
        }
        let key = KeyPair::generate().unwrap();
        pems.insert(0, leaf.signed_by(&key, &signer.expect("at least a root")).unwrap().pem());
        let specimen = Specimen::healthy().broken(|objects| {
            objects.secret().data.insert("tls.crt".into(), SecretValue::Bytes(pems.concat().into_bytes().into()));
        });
        let found = specimen.judge();
        let ours =
            found.findings.iter().chain(&found.folded).filter(|f| f.rule.id == "ca-path-length-or-name-constraints");
        ours.map(|finding| finding.summary.clone()).collect()
    }

    fn leaf() -> CertificateParams {
        let mut params = CertificateParams::new(vec!["shop.example.com".to_owned()]).unwrap();
        params.use_authority_key_identifier_extension = true;
        params
    }

    #[test]
    fn a_path_that_is_too_long_is_found() {
        use BasicConstraints::{Constrained, Unconstrained};
        let path = |root: BasicConstraints| stored(vec![ca("root", root), ca("middle", Unconstrained)], &leaf());
        assert_eq!(path(Unconstrained), Vec::<String>::new());
        assert_eq!(path(Constrained(1)), Vec::<String>::new());
        let [told] = path(Constrained(0)).try_into().unwrap();
        assert!(told.contains("CN=root signs leaves only, and there is CN=middle"), "{told}");
        assert_eq!(stored(vec![ca("root", Constrained(0))], &leaf()), Vec::<String>::new());
        let mut sub = leaf();
        sub.is_ca = IsCa::Ca(Unconstrained);
        let [told] = stored(vec![ca("root", Constrained(0))], &sub).try_into().unwrap();
        assert!(told.contains("web is a CA whose certificates clients refuse"), "{told}");
    }

    #[test]
    fn a_name_that_the_ca_may_not_sign_for_is_found() {
        let with = |permitted: &[&str], excluded: &[&str]| {
            let side = |names: &[&str]| names.iter().map(|name| GeneralSubtree::DnsName((*name).to_owned())).collect();
            let constraints =
                NameConstraints { permitted_subtrees: side(permitted), excluded_subtrees: side(excluded) };
            let mut root = ca("root", BasicConstraints::Unconstrained);
            root.name_constraints = Some(constraints);
            stored(vec![root, ca("middle", BasicConstraints::Unconstrained)], &leaf())
        };
        assert_eq!(with(&["example.com"], &[]), Vec::<String>::new());
        let [told] = with(&["example.org", "internal"], &[]).try_into().unwrap();
        assert!(told.ends_with("for shop.example.com: the CA CN=root permits example.org and internal only"), "{told}");
        let [told] = with(&[], &["shop.example.com"]).try_into().unwrap();
        assert!(told.ends_with("the CA CN=root excludes shop.example.com"), "{told}");
    }
}
