//! Whether keys, requests and certificates are what a Certificate's spec asks for, as cert-manager's
//! `pkg/util/pki/match.go` decides. What differs is named by the field's path, in cert-manager's own words.

use std::net::IpAddr;

use thiserror::Error;

use super::uri;
use crate::api::certificate::{CertificateSpec, KeyAlgorithm, Subject};
use crate::api::{CertificateRequest, GoDuration};
use crate::x509::{AltNames, Certificate, DnError, KeyType, Name, PublicKey, Request, RequestError};

/// The path of a field that differs, such as `spec.dnsNames`.
pub type Violation = &'static str;

/// Why a request cannot be compared. cert-manager then takes it for up to date when it looks at what is stored, and
/// deletes it when it is about to issue.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Incomparable {
    #[error("spec.request of the CertificateRequest is no base64")]
    NoBase64,
    #[error("spec.request of the CertificateRequest does not decode")]
    Request(#[source] RequestError),
    #[error("spec.literalSubject does not parse")]
    LiteralSubject(#[source] DnError),
    #[error("an otherName in the request is not a UTF-8 text")]
    OtherName,
}

/// `PrivateKeyMatchesSpec`, by the public half of the key. The encoding is never compared.
pub fn key_matches_spec(key: &PublicKey, spec: &CertificateSpec) -> Vec<Violation> {
    let given = spec.private_key.as_ref().map(|key| key.size).filter(|size| *size > 0);
    let size = |default: usize| given.map_or(Some(default), |size| usize::try_from(size).ok());
    let right_size = match (spec.key_algorithm(), &key.key_type) {
        (KeyAlgorithm::Rsa, KeyType::Rsa(bits)) => size(2048) == Some(*bits),
        (KeyAlgorithm::Ecdsa, KeyType::Ecdsa(bits)) => size(256) == Some(*bits),
        (KeyAlgorithm::Ed25519, KeyType::Ed25519) => true,
        (KeyAlgorithm::Rsa | KeyAlgorithm::Ecdsa | KeyAlgorithm::Ed25519 | KeyAlgorithm::Unknown(_), _) => {
            return vec!["spec.privateKey.algorithm"];
        }
    };
    if right_size { Vec::new() } else { vec!["spec.privateKey.size"] }
}

/// `RequestMatchesSpec`: the exact comparison of a CertificateRequest with the spec.
pub fn request_matches_spec(
    request: &CertificateRequest,
    spec: &CertificateSpec,
) -> Result<Vec<Violation>, Incomparable> {
    let pem = request.csr_pem().ok_or(Incomparable::NoBase64)?;
    let csr = Request::from_pem(&pem).map_err(Incomparable::Request)?;
    csr_matches_spec(&csr, request, spec)
}

/// The same for a request that is decoded already.
pub fn csr_matches_spec(
    csr: &Request,
    request: &CertificateRequest,
    spec: &CertificateSpec,
) -> Result<Vec<Violation>, Incomparable> {
    let mut violations = Vec::new();
    let mut check = |same: bool, field: Violation| {
        if !same {
            violations.push(field);
        }
    };
    check(same_ips(&csr.alt_names.ips, &spec.ip_addresses), "spec.ipAddresses");
    check(same(&printed_uris(&csr.alt_names), &spec.uris), "spec.uris");
    check(same(&csr.alt_names.emails, &spec.email_addresses), "spec.emailAddresses");
    check(same(&csr.alt_names.dns, &spec.dns_names), "spec.dnsNames");
    if !spec.other_names.is_empty() {
        check(same_other_names(csr, spec)?, "spec.otherNames");
    }
    if spec.literal_subject.is_empty() {
        subject_violations(&csr.subject, spec, &mut check);
    } else {
        let literal = Name::literal(&spec.literal_subject).map_err(Incomparable::LiteralSubject)?;
        check(csr.subject.der == literal.der, "spec.literalSubject");
    }
    check(request.spec.is_ca == spec.is_ca, "spec.isCA");
    check(same(&request.spec.usages, &spec.usages), "spec.usages");
    check(same_duration(request.spec.duration.as_ref(), spec.duration.as_ref()), "spec.duration");
    check(request.spec.issuer_ref.is_same(&spec.issuer_ref), "spec.issuerRef");
    Ok(violations)
}

fn subject_violations(subject: &Name, spec: &CertificateSpec, check: &mut impl FnMut(bool, Violation)) {
    let nothing = Subject::default();
    let wanted = spec.subject.as_ref().unwrap_or(&nothing);
    let serial = subject.values("SERIALNUMBER").last().copied().unwrap_or_default();
    check(subject.common_name() == spec.common_name, "spec.commonName");
    check(serial == wanted.serial_number, "spec.subject.serialNumber");
    for (attribute, values, field) in [
        ("O", &wanted.organizations, "spec.subject.organizations"),
        ("C", &wanted.countries, "spec.subject.countries"),
        ("L", &wanted.localities, "spec.subject.localities"),
        ("OU", &wanted.organizational_units, "spec.subject.organizationalUnits"),
        // cert-manager's spelling.
        ("POSTALCODE", &wanted.postal_codes, "spec.subject.postCodes"),
        ("ST", &wanted.provinces, "spec.subject.provinces"),
        ("STREET", &wanted.street_addresses, "spec.subject.streetAddresses"),
    ] {
        check(same(&subject.values(attribute), values), field);
    }
}

/// `FuzzyX509AltNamesMatchSpec`: the loose comparison of a stored leaf with the spec, used only when the request that
/// it came from is gone. Names may have moved between common name and DNS names.
pub fn leaf_matches_spec(leaf: &Certificate, spec: &CertificateSpec) -> Vec<Violation> {
    let alt = &leaf.alt_names;
    let (leaf_cn, spec_cn) = (leaf.subject.common_name(), spec.common_name.as_str());
    let is_actual = |name: &str| name == leaf_cn || alt.dns.iter().any(|dns| dns == name);
    let is_expected = |name: &str| name == spec_cn || spec.dns_names.iter().any(|dns| dns == name);
    let mut violations = Vec::new();
    if (!spec_cn.is_empty() && !is_actual(spec_cn)) || (!leaf_cn.is_empty() && !is_expected(leaf_cn)) {
        violations.push("spec.commonName");
    }
    if !spec.dns_names.iter().all(|name| is_actual(name)) || !alt.dns.iter().all(|name| is_expected(name)) {
        violations.push("spec.dnsNames");
    }
    if !same_ips(&alt.ips, &spec.ip_addresses) {
        violations.push("spec.ipAddresses");
    }
    if !same(&printed_uris(alt), &spec.uris) {
        violations.push("spec.uris");
    }
    if !same(&alt.emails, &spec.email_addresses) {
        violations.push("spec.emailAddresses");
    }
    violations
}

/// Equal as multisets.
fn same<A: PartialEq<B>, B>(ours: &[A], theirs: &[B]) -> bool {
    let mut left: Vec<&B> = theirs.iter().collect();
    ours.len() == left.len()
        && ours.iter().all(|item| left.iter().position(|other| item == *other).map(|at| left.swap_remove(at)).is_some())
}

/// A text that is no address equals none.
fn same_ips(addresses: &[IpAddr], texts: &[String]) -> bool {
    let parsed: Option<Vec<IpAddr>> =
        texts.iter().map(|text| Some(text.parse::<IpAddr>().ok()?.to_canonical())).collect();
    parsed.is_some_and(|parsed| same(addresses, &parsed))
}

fn same_duration(ours: Option<&GoDuration>, theirs: Option<&GoDuration>) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => ours.normalized() == theirs.normalized(),
        (Some(_) | None, None) | (None, Some(_)) => true,
    }
}

fn same_other_names(csr: &Request, spec: &CertificateSpec) -> Result<bool, Incomparable> {
    let ours = csr.alt_names.others.iter().map(|other| Some((other.oid.clone(), other.value.clone()?)));
    let ours: Vec<_> = ours.collect::<Option<_>>().ok_or(Incomparable::OtherName)?;
    let theirs: Vec<_> = spec.other_names.iter().map(|other| (other.oid.clone(), other.utf8_value.clone())).collect();
    Ok(same(&ours, &theirs))
}

fn printed_uris(names: &AltNames) -> Vec<String> {
    names.uris.iter().map(|uri| uri::printed(uri)).collect()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, Issuer, KeyPair, SanType};

    use crate::api::certificate::PrivateKeySpec;
    use crate::api::{Base64Text, KeyUsage};
    use crate::x509::Bundle;

    use super::*;

    /// A request with every kind of name, and the spec that it was made from.
    fn healthy() -> (CertificateRequest, CertificateSpec) {
        let spec: CertificateSpec = serde_json::from_value(serde_json::json!({
            "commonName": "a.example", "dnsNames": ["a.example", "b.example"], "ipAddresses": ["10.0.0.1", "2001:db8::1"],
            "uris": ["spiffe://cluster.local/ns/shop"], "emailAddresses": ["me@a.example"],
            "otherNames": [{"oid": "1.3.6.1.4.1.311.20.2.3", "utf8Value": "upn@a.example"}],
            "subject": {"organizations": ["Shop"], "countries": ["DE"]},
            "duration": "2160h", "usages": ["server auth", "digital signature"], "issuerRef": {"name": "ca"},
        }))
        .unwrap();
        let mut request = CertificateRequest::default();
        request.spec.request = Base64Text::encode(csr(&params()).as_bytes());
        request.spec.duration = Some(GoDuration("2160h0m0s".into()));
        request.spec.usages = vec![KeyUsage::DigitalSignature, KeyUsage::ServerAuth];
        request.spec.issuer_ref = spec.issuer_ref.clone();
        (request, spec)
    }

    fn params() -> CertificateParams {
        let mut params = CertificateParams::new(vec!["b.example".to_owned(), "a.example".to_owned()]).unwrap();
        params.subject_alt_names.extend([
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
            SanType::IpAddress("10.0.0.1".parse().unwrap()),
            SanType::URI("spiffe://cluster.local/ns/shop".try_into().unwrap()),
            SanType::Rfc822Name("me@a.example".try_into().unwrap()),
            SanType::OtherName((vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3], "upn@a.example".into())),
        ]);
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CountryName, "DE");
        params.distinguished_name.push(DnType::OrganizationName, "Shop");
        params.distinguished_name.push(DnType::CommonName, "a.example");
        params
    }

    fn csr(params: &CertificateParams) -> String {
        params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap()
    }

    fn leaf() -> Certificate {
        let issuer = Issuer::new(CertificateParams::default(), KeyPair::generate().unwrap());
        let pem = params().signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().pem();
        Bundle::from_pem(pem.as_bytes()).unwrap().leaf().clone()
    }

    type Break = fn(&mut CertificateSpec);

    #[test]
    fn each_change_of_the_spec_is_named_alone() {
        let (request, spec) = healthy();
        assert_eq!(request_matches_spec(&request, &spec), Ok(vec![]));
        let changes: [(Break, &[Violation]); 20] = [
            (|spec| spec.ip_addresses[0] = "10.0.0.2".into(), &["spec.ipAddresses"]),
            (|spec| spec.ip_addresses[0] = "no address".into(), &["spec.ipAddresses"]),
            (|spec| spec.ip_addresses[0] = "::ffff:10.0.0.1".into(), &[]),
            (|spec| spec.uris.clear(), &["spec.uris"]),
            (|spec| spec.email_addresses.push("you@a.example".into()), &["spec.emailAddresses"]),
            (|spec| spec.dns_names[1] = "B.example".into(), &["spec.dnsNames"]),
            (|spec| spec.dns_names.reverse(), &[]),
            (|spec| spec.dns_names[1] = "a.example".into(), &["spec.dnsNames"]),
            (|spec| spec.other_names[0].utf8_value.clear(), &["spec.otherNames"]),
            (|spec| spec.other_names.clear(), &[]),
            (|spec| spec.common_name.clear(), &["spec.commonName"]),
            (|spec| spec.subject = None, &["spec.subject.organizations", "spec.subject.countries"]),
            (|spec| spec.literal_subject = "CN=a.example,O=Shop".into(), &["spec.literalSubject"]),
            (|spec| spec.is_ca = true, &["spec.isCA"]),
            (|spec| spec.usages.clear(), &["spec.usages"]),
            (|spec| spec.duration = Some(GoDuration("1h".into())), &["spec.duration"]),
            (|spec| spec.duration = None, &[]),
            (|spec| spec.issuer_ref.kind = "ClusterIssuer".into(), &["spec.issuerRef"]),
            (|spec| spec.issuer_ref.kind = "Issuer".into(), &[]),
            (|spec| spec.secret_template = Some(crate::api::certificate::SecretTemplate::default()), &[]),
        ];
        for (index, (change, expected)) in changes.into_iter().enumerate() {
            let mut spec = spec.clone();
            change(&mut spec);
            assert_eq!(request_matches_spec(&request, &spec).unwrap(), expected, "change {index}");
        }
    }

    #[test]
    fn a_literal_subject_is_compared_byte_by_byte() {
        let (mut request, mut spec) = healthy();
        let mut params = params();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::OrganizationName, rcgen::DnValue::PrintableString("Shop".try_into().unwrap()));
        params.distinguished_name.push(DnType::CommonName, rcgen::DnValue::PrintableString("web".try_into().unwrap()));
        request.spec.request = Base64Text::encode(csr(&params).as_bytes());
        spec.literal_subject = "CN=web, O=Shop".into();
        assert_eq!(request_matches_spec(&request, &spec), Ok(vec![]));
        spec.literal_subject = "O=Shop, CN=web".into();
        assert_eq!(request_matches_spec(&request, &spec), Ok(vec!["spec.literalSubject"]));
        spec.literal_subject = "web".into();
        assert_eq!(request_matches_spec(&request, &spec), Err(Incomparable::LiteralSubject(DnError::Incomplete)));
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        let (mut request, spec) = healthy();
        request.spec.request = Base64Text("412 bytes long".into());
        assert_eq!(request_matches_spec(&request, &spec), Err(Incomparable::NoBase64));
        request.spec.request = Base64Text::encode(b"no pem");
        assert_eq!(request_matches_spec(&request, &spec), Err(Incomparable::Request(RequestError::NoPem)));
    }

    #[test]
    fn names_may_move_between_common_name_and_dns_names_of_a_leaf() {
        let (_, spec) = healthy();
        let leaf = leaf();
        assert_eq!(leaf_matches_spec(&leaf, &spec), [""; 0]);
        let changes: [(Break, &[Violation]); 6] = [
            (|spec| spec.common_name.clear(), &[]),
            (|spec| spec.dns_names = vec!["b.example".into()], &[]),
            (|spec| spec.common_name = "c.example".into(), &["spec.commonName"]),
            (|spec| spec.dns_names.push("c.example".into()), &["spec.dnsNames"]),
            (|spec| spec.ip_addresses.clear(), &["spec.ipAddresses"]),
            (|spec| spec.subject = None, &[]),
        ];
        for (index, (change, expected)) in changes.into_iter().enumerate() {
            let mut spec = spec.clone();
            change(&mut spec);
            assert_eq!(leaf_matches_spec(&leaf, &spec), expected, "change {index}");
        }
    }

    #[test]
    fn a_key_has_the_algorithm_and_size_of_the_spec() {
        let of = |algorithm, size| CertificateSpec {
            private_key: Some(PrivateKeySpec { algorithm, size, ..PrivateKeySpec::default() }),
            ..CertificateSpec::default()
        };
        let key = |pem: &str| PublicKey::of_private_pem(pem.as_bytes()).unwrap();
        let ec = key(&KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem());
        let ed = key(&KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem());
        assert_eq!(key_matches_spec(&ec, &CertificateSpec::default()), ["spec.privateKey.algorithm"]);
        assert_eq!(key_matches_spec(&ec, &of(Some(KeyAlgorithm::Ecdsa), 0)), [""; 0]);
        assert_eq!(key_matches_spec(&ec, &of(Some(KeyAlgorithm::Ecdsa), 384)), ["spec.privateKey.size"]);
        assert_eq!(key_matches_spec(&ed, &of(Some(KeyAlgorithm::Ed25519), 4096)), [""; 0]);
        assert_eq!(
            key_matches_spec(&ed, &of(Some(KeyAlgorithm::Unknown("X".into())), 0)),
            ["spec.privateKey.algorithm"]
        );
    }
}
