//! Against what cert-manager 1.21.1's own controllers made: `tests/fixtures/pki/` (its README tells how).
//!
//! Requests must be the same to the last byte before the signature, certificates too once serial number and time of
//! issue are taken over; chains, annotations, labels and keys of Secrets must be the same.

mod issue;
mod keys;
mod refusals;
mod round_trip;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;

use super::certificate::{Parent, bytes};
use super::request::RequestFault;
use super::secret::{SecretContents, SecretData};
use super::temporary::temporary;
use super::*;
use crate::api::certificate::CertificateSpec;
use crate::api::{Base64Text, CertificateRequest, CertificateRequestSpec, IssuerSpec};
use crate::redact::Redacted;
use crate::x509::der::{self, Reader};
use crate::x509::{Bundle, Certificate, KeyType, Request};

/// One issuance, as `tests/fixtures/pki/` holds it.
#[derive(Deserialize)]
struct Fixture {
    certificate: Spec<CertificateSpec>,
    issuer: IssuerSpec,
    /// The PEM in the Secret of a CA issuer.
    #[serde(default)]
    signer: BTreeMap<String, String>,
    request: Option<RequestFixture>,
    secret: Option<SecretFixture>,
}

#[derive(Deserialize)]
struct Spec<T> {
    spec: T,
}

#[derive(Deserialize)]
struct RequestFixture {
    spec: CertificateRequestSpec,
    certificate: Option<String>,
    ca: Option<String>,
}

#[derive(Deserialize)]
struct SecretFixture {
    annotations: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    keys: Vec<String>,
    /// The first line.
    #[serde(rename = "tls.key")]
    key: String,
    /// Absent if it is the request's.
    #[serde(rename = "tls.crt")]
    certificate: Option<String>,
}

impl Fixture {
    fn spec(&self) -> &CertificateSpec {
        &self.certificate.spec
    }

    /// The request with its PEM text in base64, as the API has it.
    fn request(&self) -> Option<CertificateRequest> {
        let mut spec = self.request.as_ref()?.spec.clone();
        spec.request = Base64Text::encode(spec.request.0.as_bytes());
        Some(CertificateRequest { spec, ..CertificateRequest::default() })
    }

    fn urls(&self) -> Urls<'_> {
        match (&self.issuer.ca, &self.issuer.self_signed) {
            (Some(ca), _) => ca.into(),
            (None, Some(self_signed)) => self_signed.into(),
            (None, None) => Urls::default(),
        }
    }

    /// The certificates that a CA issuer works with, the signing one first.
    fn authority(&self) -> Vec<Certificate> {
        let all = |key: &str| self.signer.get(key).map(|text| Bundle::from_pem(text.as_bytes()).unwrap());
        let chain = all("tls.crt").into_iter().flat_map(|bundle| bundle.iter().cloned().collect::<Vec<_>>());
        chain.chain(all("ca.crt").map(|bundle| bundle.leaf().clone())).collect()
    }
}

fn fixtures() -> Vec<(String, Fixture)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pki");
    let mut fixtures: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let fixture = serde_json::from_str(&fs::read_to_string(&path).unwrap());
            (name.clone(), fixture.unwrap_or_else(|error| panic!("{name}: {error}")))
        })
        .collect();
    fixtures.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert!(fixtures.len() > 50);
    fixtures
}

/// The parts of what is signed: itself, the algorithm, the signature.
fn parts(signed: &[u8]) -> [Vec<u8>; 3] {
    let parts = Reader(signed).next().unwrap().inner(der::SEQUENCE).unwrap();
    parts.map(|part| part.whole.to_vec()).collect::<Vec<_>>().try_into().unwrap()
}

fn leaf(text: &str) -> Certificate {
    Bundle::from_pem(text.as_bytes()).unwrap().leaf().clone()
}

fn serial(certificate: &Certificate) -> [u8; 20] {
    let bytes = bytes(&format!("{:0>40}", certificate.serial));
    bytes.try_into().unwrap()
}

/// The `TBSCertificate` with the serial number and the times that the real one has. cert-manager's clock has parts of
/// seconds that the real one does not show.
fn same_tbs(real: &Certificate, make: impl Fn(Timestamp) -> Template, parent: &Parent<'_>, urls: Urls<'_>) {
    let [tbs, algorithm, _] = parts(real.der());
    let signed = |nanos| {
        let template = make(real.not_before + jiff::SignedDuration::from_nanos(nanos));
        let of = |key: KeyType| SignatureAlgorithm::of_key(&key).unwrap();
        let algorithms = [KeyType::Rsa(2048), KeyType::Rsa(3072), KeyType::Rsa(4096), KeyType::Ecdsa(256)];
        let more = [KeyType::Ecdsa(384), KeyType::Ecdsa(521), KeyType::Ed25519];
        let algorithm = algorithms.into_iter().chain(more).map(of).find(|known| known.identifier() == algorithm);
        template.to_be_signed(parent, algorithm.unwrap(), urls, serial(real)).unwrap()
    };
    if signed(0) != tbs {
        assert_eq!(signed(999_999_999), tbs);
    }
}

#[test]
fn requests_are_the_same_to_the_last_byte_before_the_signature() {
    for (name, fixture) in fixtures() {
        let info = RequestInfo::of(fixture.spec(), Gates::default()).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let Some(request) = fixture.request() else { continue };
        let csr = Request::from_pem(&request.csr_pem().unwrap()).unwrap();
        csr.check_signature().unwrap();
        let [signed, algorithm, _] = parts(csr.der());
        assert_eq!(info.der(&csr.key), signed, "{name}");
        assert_eq!(info.algorithm.identifier(), algorithm, "{name}");
        let expected: &[&str] = if name == "uri-normalised" { &["spec.uris"] } else { &[] };
        assert_eq!(matches::request_matches_spec(&request, fixture.spec()).unwrap(), expected, "{name}");
    }
}

#[test]
fn certificates_are_the_same_to_the_last_byte_before_the_signature() {
    let mut compared = 0;
    for (_, fixture) in fixtures() {
        let Some(text) = fixture.request.as_ref().and_then(|request| request.certificate.as_ref()) else { continue };
        let (real, request) = (leaf(text), fixture.request().unwrap());
        let authority = fixture.authority();
        let parent = match authority.first() {
            Some(signing) => Parent {
                subject: &signing.subject.der,
                key_id: signing.subject_key_id.as_deref().map(bytes).unwrap_or_default(),
            },
            None => Parent { subject: &real.subject.der, key_id: Vec::new() },
        };
        same_tbs(&real, |now| Template::of(&request, now).unwrap(), &parent, fixture.urls());
        compared += 1;
    }
    assert!(compared > 45, "{compared}");
}

#[test]
fn chains_are_the_same() {
    let mut compared = 0;
    for (name, fixture) in fixtures() {
        let Some(request) = &fixture.request else { continue };
        let (Some(text), authority) = (&request.certificate, fixture.authority()) else { continue };
        if authority.is_empty() {
            continue;
        }
        let real = leaf(text);
        let bundle = chain::single(authority.iter().chain([&real])).unwrap();
        assert_eq!(bundle, PemBundle { chain: text.clone(), ca: request.ca.clone() }, "{name}");
        compared += 1;
    }
    assert!(compared > 35, "{compared}");
}

#[test]
fn temporary_certificates_are_the_same_to_the_last_byte_before_the_signature() {
    let mut compared = 0;
    for (name, fixture) in fixtures() {
        if !name.starts_with("temporary") {
            continue;
        }
        let spec = fixture.spec();
        let Some(text) = fixture.secret.as_ref().and_then(|secret| secret.certificate.as_ref()) else {
            let key = PrivateKey::generate(&KeyType::Ecdsa(256)).unwrap();
            let refused = temporary(spec, key.public(), Timestamp::UNIX_EPOCH, [1; 20]).unwrap_err();
            assert_eq!(refused, RequestFault::Nameless.into(), "{name}");
            continue;
        };
        let real = leaf(text);
        let key_id = bytes(real.authority_key_id.as_deref().unwrap());
        let parent = Parent { subject: &real.issuer.der, key_id };
        same_tbs(&real, |now| Template::of_certificate(spec, &real.key, now).unwrap(), &parent, Urls::default());
        let ours = leaf(&temporary(spec, &real.key, real.not_before, serial(&real)).unwrap());
        assert_eq!((&ours.issuer, &ours.serial, &ours.not_after), (&real.issuer, &real.serial, &real.not_after));
        assert_eq!(ours.signature_algorithm(), "ECDSA-SHA512");
        compared += 1;
    }
    assert_eq!(compared, 3);
}

#[test]
fn secrets_have_the_same_keys_annotations_and_labels() {
    for (name, fixture) in fixtures() {
        let Some(secret) = &fixture.secret else { continue };
        let request = fixture.request.as_ref();
        let is_real = request.is_some_and(|request| request.certificate.is_some());
        let kind = key::wanted(fixture.spec()).unwrap();
        // Of RSA, one stands for all: they take long to make.
        let kind = if matches!(kind, KeyType::Rsa(_)) { KeyType::Rsa(2048) } else { kind };
        let encoding = fixture.spec().private_key.as_ref().and_then(|key| key.encoding.as_ref());
        let private_key = of_kind(&kind).encode(encoding).unwrap();
        assert!(private_key.expose().starts_with(&secret.key), "{name}");
        let private_key = Redacted::from(private_key.expose().clone().into_bytes());
        let certificate = secret.certificate.as_ref().or(request.and_then(|request| request.certificate.as_ref()));
        let certificate: Arc<[u8]> = certificate.unwrap().as_bytes().into();
        let leaf = Bundle::from_pem(&certificate).unwrap();
        let data = SecretData {
            private_key: &private_key,
            certificate: &certificate,
            ca: &request.and_then(|request| request.ca.as_deref()).unwrap_or_default().as_bytes().into(),
            certificate_name: &name,
            issuer: is_real.then(|| &request.unwrap().spec.issuer_ref),
        };
        let contents = SecretContents::of(fixture.spec(), &data, leaf.leaf()).unwrap();
        assert_eq!(contents.annotations, secret.annotations, "{name}");
        assert_eq!(contents.labels, secret.labels, "{name}");
        assert!(contents.data.keys().eq(secret.keys.iter()), "{name}");
        if let Some(combined) = contents.data.get("tls-combined.pem") {
            let expected = [private_key.expose(), &b"\n"[..], &certificate].concat();
            assert_eq!(combined.expose()[..], expected);
            // As long as Go's own, which is 121 bytes long.
            assert_eq!(contents.data["key.der"].expose().len(), 121);
        }
    }
}

/// One key of each kind for all tests.
fn of_kind(kind: &KeyType) -> &'static PrivateKey {
    use std::sync::LazyLock;
    fn generated(kind: &KeyType) -> PrivateKey {
        PrivateKey::generate(kind).unwrap()
    }
    static RSA: LazyLock<PrivateKey> = LazyLock::new(|| generated(&KeyType::Rsa(2048)));
    static P256: LazyLock<PrivateKey> = LazyLock::new(|| generated(&KeyType::Ecdsa(256)));
    static P384: LazyLock<PrivateKey> = LazyLock::new(|| generated(&KeyType::Ecdsa(384)));
    static P521: LazyLock<PrivateKey> = LazyLock::new(|| generated(&KeyType::Ecdsa(521)));
    static ED25519: LazyLock<PrivateKey> = LazyLock::new(|| generated(&KeyType::Ed25519));
    match kind {
        KeyType::Rsa(_) => &RSA,
        KeyType::Ecdsa(256) => &P256,
        KeyType::Ecdsa(384) => &P384,
        KeyType::Ecdsa(_) => &P521,
        KeyType::Ed25519 | KeyType::Other(_) => &ED25519,
    }
}

const KINDS: [KeyType; 5] =
    [KeyType::Rsa(2048), KeyType::Ecdsa(256), KeyType::Ecdsa(384), KeyType::Ecdsa(521), KeyType::Ed25519];
