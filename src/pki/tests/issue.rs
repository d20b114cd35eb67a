//! Issuing with keys of our own, so that signatures can be checked.

use jiff::Timestamp;

use super::super::certificate::{Ca, Urls};
use super::super::chain::{self, ChainFault};
use super::super::key::PrivateKey;
use super::super::request::{Gates, RequestInfo, SignedRequest};
use super::super::template::Template;
use super::{KINDS, of_kind};
use crate::api::certificate::CertificateSpec;
use crate::api::issuer::CaIssuer;
use crate::api::{Base64Text, CertificateRequest, CertificateRequestSpec};
use crate::x509::{Bundle, Certificate, KeyType};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn spec(json: serde_json::Value) -> CertificateSpec {
    serde_json::from_value(json).unwrap()
}

/// A request as the request manager makes it.
fn request(spec: &CertificateSpec, key: &PrivateKey) -> (CertificateRequest, SignedRequest) {
    let mut info = RequestInfo::of(spec, Gates::default()).unwrap();
    info.algorithm = super::SignatureAlgorithm::of_key(&key.public().key_type).unwrap();
    let signed = info.sign(key).unwrap();
    let request = CertificateRequestSpec {
        request: Base64Text::encode(signed.to_pem().as_bytes()),
        duration: spec.duration.clone(),
        is_ca: spec.is_ca,
        usages: spec.usages.clone(),
        ..CertificateRequestSpec::default()
    };
    (CertificateRequest { spec: request, ..CertificateRequest::default() }, signed)
}

fn template(spec: &CertificateSpec, key: &PrivateKey) -> Template {
    Template::of(&request(spec, key).0, NOW).unwrap()
}

fn root(name: &str, key: &PrivateKey) -> Certificate {
    let spec = spec(serde_json::json!({"commonName": name, "isCA": true}));
    let issued = template(&spec, key).self_sign(key, Urls::default(), [7; 20]).unwrap();
    Certificate::from_der(&issued.der).unwrap()
}

fn new_key() -> PrivateKey {
    PrivateKey::generate(&KeyType::Ecdsa(256)).unwrap()
}

fn web() -> CertificateSpec {
    spec(serde_json::json!({"dnsNames": ["a.example"], "duration": "24h", "usages": ["server auth"]}))
}

#[test]
fn what_a_ca_of_any_key_signs_verifies() {
    for kind in KINDS {
        let key = PrivateKey::from_pem(of_kind(&kind).to_pkcs8_pem().unwrap().expose().as_bytes()).unwrap();
        let ca = Ca::new(root("root", &key), vec![], key);
        let leaf_key = new_key();
        let urls = CaIssuer { ocsp_servers: vec!["http://ocsp.example".into()], ..CaIssuer::default() };
        let issued = ca.issue(&template(&web(), &leaf_key), (&urls).into(), [0xff; 20]).unwrap();
        let leaf = Certificate::from_der(&issued.der).unwrap();
        leaf.issued_by(ca.signing()).unwrap();
        assert_eq!(&leaf.key, leaf_key.public());
        assert_eq!(leaf.alt_names.dns, ["a.example"]);
        assert_eq!((leaf.serial.as_str(), leaf.not_after.as_second()), (&*format!("7f{}", "ff".repeat(19)), 86_400));
        assert_eq!(leaf.authority_key_id, ca.signing().subject_key_id);
        assert_eq!(leaf.ocsp_servers, urls.ocsp_servers);
        assert!(ca.signing().is_self_signed() && ca.signing().is_ca());
    }
}

#[test]
fn a_request_of_our_own_needs_no_decoding() {
    let key = new_key();
    let specs = [
        web(),
        spec(serde_json::json!({"commonName": "x", "isCA": true, "nameConstraints": {
            "critical": true, "permitted": {"dnsDomains": ["a.example"], "ipRanges": ["10.1.0.0/8", "::/0"]}}})),
        spec(serde_json::json!({"uris": ["spiffe://a/b"], "encodeUsagesInRequest": false})),
    ];
    for spec in specs {
        let (request, signed) = request(&spec, &key);
        let decoded = Template::of(&request, NOW).unwrap();
        assert_eq!(Template::of_signed(&signed, &request.spec, NOW).unwrap(), decoded);
    }
}

/// The short way that a CA takes must end where the long one does.
#[test]
fn a_ca_chains_its_leaves_as_all_certificates_are_chained() {
    let [root_key, other_key, middle_key] = [new_key(), new_key(), new_key()];
    let top = root("root", &root_key);
    let stranger = root("stranger", &other_key);
    let twin = root("middle", &other_key);
    let ca_spec = spec(serde_json::json!({"commonName": "middle", "isCA": true}));
    let parent = Ca::new(top.clone(), vec![], root_key);
    let middle = parent.issue(&template(&ca_spec, &middle_key), Urls::default(), [1; 20]).unwrap();
    let middle = Certificate::from_der(&middle.der).unwrap();
    let not_ca = Template { is_ca: false, ..template(&ca_spec, &middle_key) };
    let not_ca = parent.issue(&not_ca, Urls::default(), [2; 20]).unwrap();
    let not_ca = Certificate::from_der(&not_ca.der).unwrap();
    let copy = |key: &PrivateKey| PrivateKey::from_pem(key.to_pkcs8_pem().unwrap().expose().as_bytes()).unwrap();
    let (leaf_key, again) = (new_key(), copy(&middle_key));
    for (signing, others, chain) in [
        (&middle, vec![], Some((2, false))),
        (&middle, vec![&top], Some((2, true))),
        (&middle, vec![&top, &top, &middle], Some((2, true))),
        (&middle, vec![&stranger], None),
        (&middle, vec![&twin], None),
        (&not_ca, vec![], None),
        (&not_ca, vec![&top], None),
    ] {
        let ca = Ca::new(signing.clone(), others.iter().map(|other| (*other).clone()).collect(), copy(&middle_key));
        for template in [template(&web(), &leaf_key), template(&ca_spec, &again), template(&ca_spec, &leaf_key)] {
            // The same certificate, and so the same signature, for both ways.
            let quick = ca.issue(&template, Urls::default(), [3; 20]);
            let Ok(issued) = &quick else {
                let fault = quick.unwrap_err();
                assert!(chain.is_none() || template.is_ca, "{fault}");
                assert_eq!(fault, ChainFault::Broken.into());
                continue;
            };
            let leaf = Certificate::from_der(&issued.der).unwrap();
            let all = [signing].into_iter().chain(others.iter().copied()).chain([&leaf]);
            assert_eq!(chain::single(all), Ok(issued.bundle.clone()));
            if let Some((length, has_root)) = chain.filter(|_| !template.is_ca) {
                let bundle = Bundle::from_pem(issued.bundle.chain.as_bytes()).unwrap();
                assert_eq!((bundle.iter().count(), bundle.gaps()), (length, vec![]));
                let top = Bundle::from_pem(issued.bundle.ca.as_ref().unwrap().as_bytes()).unwrap();
                assert_eq!(top.leaf().is_self_signed(), has_root);
            }
        }
    }
}

#[test]
fn one_certificate_is_a_chain_and_a_ca_only_if_it_is_a_root() {
    let key = new_key();
    let top = root("root", &key);
    let bundle = chain::single([&top, &top]).unwrap();
    assert_eq!(bundle.ca.as_ref(), Some(&bundle.chain));
    let issued = template(&web(), &key).self_sign(&key, Urls::default(), [1; 20]).unwrap();
    let leaf = Certificate::from_der(&issued.der).unwrap();
    // Self-signed, but no CA: it counts for nothing.
    assert!(leaf.is_self_signed());
    assert_eq!(chain::single([&leaf]).unwrap().ca, None);
    assert_eq!(issued.bundle.ca, Some(issued.bundle.chain));
    assert_eq!(chain::single([&leaf, &top]), Err(ChainFault::Broken));
    assert_eq!(chain::single([]), Err(ChainFault::Broken));
}

#[test]
fn a_key_that_is_not_the_cas_signs_nothing() {
    let ca = Ca::new(root("root", &new_key()), vec![], new_key());
    let refused = ca.issue(&template(&web(), &new_key()), Urls::default(), [1; 20]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "error creating x509 certificate: x509: provided PrivateKey doesn't match parent's PublicKey"
    );
}
