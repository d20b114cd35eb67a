//! Decoding and linking, on certificates made for the purpose.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512,
    PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize, SanType, SerialNumber, date_time_ymd,
};

use super::der::{self, Reader};
use super::*;

fn ca(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn leaf() -> CertificateParams {
    CertificateParams::new(vec!["a.example".to_owned()]).unwrap()
}

fn bundle(pems: &[String]) -> Result<Bundle, CertificateError> {
    Bundle::from_pem(pems.concat().as_bytes())
}

/// A leaf signed by a CA with these parameters, and that CA.
fn pair(issuer: CertificateParams) -> Bundle {
    let (ca_key, leaf_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let issuer_pem = issuer.self_signed(&ca_key).unwrap().pem();
    let leaf_pem = leaf().signed_by(&leaf_key, &Issuer::new(issuer, ca_key)).unwrap().pem();
    bundle(&[leaf_pem, issuer_pem]).unwrap()
}

fn armour(label: &str, data: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(data))
}

#[test]
fn the_facts_of_a_certificate_are_read() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let mut params = leaf();
    params.subject_alt_names.extend([
        SanType::IpAddress("10.0.0.1".parse().unwrap()),
        SanType::IpAddress("2001:db8::1".parse().unwrap()),
        SanType::Rfc822Name("me@a.example".try_into().unwrap()),
        SanType::URI("spiffe://cluster.local/ns/shop".try_into().unwrap()),
        SanType::OtherName((vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3], "upn@a.example".into())),
        SanType::DnsName("*.a.example".try_into().unwrap()),
    ]);
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::OrganizationName, "Shop, Inc.");
    params.distinguished_name.push(DnType::CommonName, "a.example");
    params.serial_number = Some(SerialNumber::from_slice(&[0, 0xab, 1]));
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2026, 4, 1);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::Other(vec![1, 2, 3, 4]),
    ];
    params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec!["http://ca.example/crl".into()] }];
    let access = |oid: &str, url: &str| {
        der::element(
            der::SEQUENCE,
            &[der::element(der::OID, &der::oid(oid).unwrap()), der::element(0x86, url.as_bytes())].concat(),
        )
    };
    let authority = der::element(
        der::SEQUENCE,
        &[
            access("1.3.6.1.5.5.7.48.1", "http://ca.example/ocsp"),
            access("1.3.6.1.5.5.7.48.2", "http://ca.example/crt"),
        ]
        .concat(),
    );
    params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], authority)];
    let bundle = bundle(&[params.self_signed(&key).unwrap().pem()]).unwrap();

    let leaf = bundle.leaf();
    assert_eq!(leaf.subject.to_string(), r"CN=a.example,O=Shop\, Inc.");
    assert_eq!((leaf.serial.as_str(), leaf.signature_algorithm()), ("ab01", "ECDSA-SHA384"));
    assert_eq!(leaf.not_before.to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(leaf.not_after.to_string(), "2026-04-01T00:00:00Z");
    assert_eq!(leaf.key.key_type.to_string(), "ECDSA P-384");
    assert_eq!(leaf.alt_names.dns, ["a.example", "*.a.example"]);
    assert_eq!(leaf.alt_names.emails, ["me@a.example"]);
    assert_eq!(leaf.alt_names.uris, ["spiffe://cluster.local/ns/shop"]);
    assert_eq!(leaf.alt_names.ips.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.1", "2001:db8::1"]);
    let upn = OtherName { oid: "1.3.6.1.4.1.311.20.2.3".into(), value: Some("upn@a.example".into()) };
    assert_eq!(leaf.alt_names.others, [upn]);
    assert_eq!(leaf.key_usages.as_deref().unwrap(), ["digital signature", "key encipherment"]);
    assert_eq!(leaf.extended_key_usages.as_deref().unwrap(), ["client auth", "server auth", "1.2.3.4"]);
    assert_eq!((leaf.ocsp_servers.len(), leaf.ocsp_servers[0].as_str()), (1, "http://ca.example/ocsp"));
    assert_eq!(leaf.issuing_urls, ["http://ca.example/crt"]);
    assert_eq!(leaf.crl_urls, ["http://ca.example/crl"]);
    assert_eq!(leaf.fingerprint.len(), 64);
    assert!(leaf.is_self_signed() && !leaf.is_ca());
}

#[test]
fn a_chain_in_order_has_no_gaps_for_any_kind_of_key() {
    let keys = [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P521_SHA512, &PKCS_ED25519];
    let mut keys: Vec<KeyPair> = keys.into_iter().map(|algorithm| KeyPair::generate_for(algorithm).unwrap()).collect();
    keys.push(KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap());
    let mut issuer = Issuer::new(ca("root"), KeyPair::generate().unwrap());
    let mut pems = vec![ca("root").self_signed(issuer.key()).unwrap().pem()];
    for (index, key) in keys.into_iter().enumerate() {
        let params = ca(&format!("intermediate {index}"));
        pems.insert(0, params.signed_by(&key, &issuer).unwrap().pem());
        issuer = Issuer::new(params, key);
    }
    pems.insert(0, leaf().signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().pem());
    let whole = bundle(&pems).unwrap();
    assert_eq!(whole.rest().len(), 6);
    assert_eq!(whole.gaps(), []);
    assert!(whole.iter().next_back().unwrap().is_self_signed());

    // Without the second, the first does not lead to the third.
    pems.remove(1);
    assert_eq!(bundle(&pems).unwrap().gaps(), [(0, LinkFault::NameMismatch)]);
}

#[test]
fn the_signer_must_be_a_ca_that_may_sign_and_did() {
    assert_eq!(pair(ca("root")).gaps(), []);
    let changed = |change: fn(&mut CertificateParams)| {
        let mut params = ca("root");
        change(&mut params);
        pair(params).gaps()
    };
    assert_eq!(changed(|params| params.is_ca = IsCa::ExplicitNoCa), [(0, LinkFault::NotCa)]);
    assert_eq!(changed(|params| params.is_ca = IsCa::NoCa), [(0, LinkFault::NotCa)]);
    assert_eq!(changed(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]), [(0, LinkFault::NoCertSign)]);
    assert_eq!(changed(|params| params.key_usages.clear()), []);

    let (one, other) = (pair(ca("root")), pair(ca("root")));
    assert_eq!(one.leaf().issued_by(&other.rest()[0]), Err(LinkFault::BadSignature));
    assert_eq!(one.leaf().signed_by(&other.rest()[0]), Err(LinkFault::BadSignature));
    assert!(!one.leaf().is_self_signed());
}

#[test]
fn an_issuer_is_named_by_name_and_key_identifier_or_else_proven_by_signature() {
    let names = |change: fn(&mut CertificateParams), with_key_id: bool| {
        let (ca_key, leaf_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut issuer = ca("root");
        change(&mut issuer);
        let mut leaf = leaf();
        leaf.use_authority_key_identifier_extension = with_key_id;
        let ours = issuer.clone().self_signed(&ca_key).unwrap().pem();
        let renewed = issuer.clone().self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
        let leaf = leaf.signed_by(&leaf_key, &Issuer::new(issuer, ca_key)).unwrap().pem();
        let all = bundle(&[leaf, ours, renewed]).unwrap();
        assert_eq!(all.leaf().authority_key_id.is_some(), with_key_id);
        (all.leaf().names_issuer(&all.rest()[0]), all.leaf().names_issuer(&all.rest()[1]))
    };
    assert_eq!(names(|_| {}, true), (true, false));
    assert_eq!(names(|_| {}, false), (true, false));
    assert_eq!(names(|params| params.is_ca = IsCa::ExplicitNoCa, true), (false, false));
    let (one, other) = (pair(ca("root")), pair(ca("other")));
    assert!(!one.leaf().names_issuer(&other.rest()[0]));
}

#[test]
fn every_block_must_be_a_certificate() {
    let pem = leaf().self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    assert_eq!(bundle(&["# no block\n".into()]), Err(CertificateError::Empty));
    let relabelled = pem.replace("CERTIFICATE", "ANYTHING");
    assert_eq!(bundle(&["text\n".into(), relabelled, pem.clone()]).unwrap().rest().len(), 1);

    let broken = bundle(&[pem.clone(), armour("EC PARAMETERS", &[6, 1, 1])]).unwrap_err();
    assert_eq!(
        broken.to_string(),
        "error parsing X.509 certificate: PEM block 2 (of type EC PARAMETERS): malformed certificate"
    );
    let der = pem::blocks(pem.as_bytes()).remove(0).der;
    assert_eq!(Certificate::from_der(&[&der[..], &[0]].concat()), Err("trailing data"));
}

#[test]
fn private_keys_of_every_spelling_give_their_public_half() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P521_SHA512, &PKCS_ED25519] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = bundle(&[leaf().self_signed(&key).unwrap().pem()]).unwrap();
        let public = PublicKey::of_private_pem(key.serialize_pem().as_bytes()).unwrap();
        assert_eq!(public, certificate.leaf().key);
    }

    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let certificate = bundle(&[leaf().self_signed(&key).unwrap().pem()]).unwrap();
    let pkcs8 = key.serialize_der();
    let pkcs1 = Reader(&pkcs8).next().unwrap().inner(der::SEQUENCE).unwrap().nth(2).unwrap().content;
    for pem in [armour("PRIVATE KEY", &pkcs8), armour("RSA PRIVATE KEY", pkcs1)] {
        let public = PublicKey::of_private_pem(pem.as_bytes()).unwrap();
        assert_eq!(public, certificate.leaf().key);
        assert_eq!(public.key_type, KeyType::Rsa(2048));
    }

    for (algorithm, bits) in [(&ECDSA_P256_SHA256_ASN1_SIGNING, 256), (&ECDSA_P384_SHA384_ASN1_SIGNING, 384)] {
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        let sec1 = armour("EC PRIVATE KEY", pair.private_key().as_der().unwrap().as_ref());
        assert_eq!(PublicKey::of_private_pem(sec1.as_bytes()).unwrap().key_type, KeyType::Ecdsa(bits));
    }
}

#[test]
fn what_is_no_private_key_is_named() {
    let of = |pem: &str| PublicKey::of_private_pem(pem.as_bytes()).unwrap_err();
    assert_eq!(of(""), KeyError::NoPem);
    assert_eq!(of(&armour("CERTIFICATE", &[0])).to_string(), "unknown private key type: CERTIFICATE");
    assert_eq!(of(&armour("PRIVATE KEY", &[0x30, 0])), KeyError::Pkcs8);
    assert_eq!(of(&armour("RSA PRIVATE KEY", b"x")), KeyError::Rsa);
    assert_eq!(of(&armour("EC PRIVATE KEY", b"")), KeyError::Ec);
}

#[test]
fn requests_are_read_with_their_names_in_order() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["b.example".to_owned(), "a.example".to_owned()]).unwrap();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, "b.example");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let pem = params.serialize_request(&key).unwrap().pem().unwrap();
    let request = Request::from_pem(pem.as_bytes()).unwrap();
    assert_eq!(request.subject.common_name(), "b.example");
    assert_eq!(request.alt_names.dns, ["b.example", "a.example"]);
    assert_eq!(request.usages, ["digital signature", "server auth"]);
    assert_eq!(request.key, PublicKey::of_private_pem(key.serialize_pem().as_bytes()).unwrap());

    assert_eq!(Request::from_pem(b"none"), Err(RequestError::NoPem));
    assert_eq!(Request::from_pem(armour("CERTIFICATE REQUEST", b"x").as_bytes()), Err(RequestError::Malformed));
}

proptest! {
    #[test]
    fn garbage_never_panics(data in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Certificate::from_der(&data);
        let _ = Request::from_der(&data);
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
            let _ = PublicKey::of_private_pem(armour(label, &data).as_bytes());
        }
        let _ = Bundle::from_pem(&data);
    }

    #[test]
    fn no_text_as_a_name_panics(text in "\\PC{0,40}") {
        if let Ok(name) = Name::literal(&text) {
            let _ = name.to_string();
        }
    }
}

#[test]
fn certificates_and_keys_with_any_one_byte_changed_never_panic() {
    let key = KeyPair::generate().unwrap();
    let der = leaf().self_signed(&key).unwrap().der().to_vec();
    let private = key.serialize_der();
    for change in [1, 0x80] {
        for at in 0..der.len() {
            let mut data = der.clone();
            data[at] ^= change;
            if let Ok(certificate) = Certificate::from_der(&data) {
                let _ = (certificate.is_self_signed(), certificate.subject.to_string());
            }
            let _ = Certificate::from_der(&der[..at]);
        }
        for at in 0..private.len() {
            let mut data = private.clone();
            data[at] ^= change;
            let _ = PublicKey::of_private_pem(armour("PRIVATE KEY", &data).as_bytes());
        }
    }
}
