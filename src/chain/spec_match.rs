//! Whether keys, requests and certificates are what a Certificate's spec asks for, as cert-manager's
//! `pkg/util/pki/match.go` decides. What differs is named by the field's path, in cert-manager's own words.

use std::net::IpAddr;

use thiserror::Error;

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
    let size = |default: usize| spec.key_size().map_or(Some(default), |size| usize::try_from(size).ok());
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
        check(same_other_names(&csr, spec)?, "spec.otherNames");
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
    names.uris.iter().map(|uri| printed(uri)).collect()
}

/// A URI as Go's `net/url` prints it after parsing: the scheme in lower case, no empty fragment, and what may not stand
/// in a path escaped. A spec whose URI changes on the way never matches its own request.
fn printed(uri: &str) -> String {
    let (rest, fragment) = uri.split_once('#').map_or((uri, None), |(rest, fragment)| (rest, Some(fragment)));
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let scheme_end = rest.find(':').filter(|end| is_scheme(&rest[..*end]));
    let (scheme, rest) = rest.split_at(scheme_end.unwrap_or(0));
    // An opaque part (`urn:…`) is printed as it came.
    let is_opaque = scheme_end.is_some() && !rest.starts_with(":/");
    let path_start = match rest.find("//") {
        Some(at) if at <= 1 => rest[at + 2..].find('/').map_or(rest.len(), |path| at + 2 + path),
        Some(_) | None => rest.find('/').unwrap_or(rest.len()),
    };
    let (authority, path) = rest.split_at(path_start);
    let mut out = format!("{}{authority}", scheme.to_ascii_lowercase());
    out.push_str(&if is_opaque { path.to_owned() } else { escaped(path) });
    if let Some(query) = query {
        out.push('?');
        out.push_str(query);
    }
    if let Some(fragment) = fragment.filter(|fragment| !fragment.is_empty()) {
        out.push('#');
        out.push_str(&escaped(fragment));
    }
    out
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '+' | '-' | '.'))
}

/// Left alone if it is a valid escaping already, as Go's `EscapedPath` does.
fn escaped(path: &str) -> String {
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:@[]%/?".contains(&byte);
    if path.bytes().all(may_stand) {
        return path.to_owned();
    }
    let keeps = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@%".contains(&byte);
    path.bytes().fold(String::new(), |mut out, byte| {
        if keeps(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}
