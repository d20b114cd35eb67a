//! What is written is read back the same, by our own reader and by x509-parser alone.

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension, X509Certificate, X509CertificationRequest};

use super::super::certificate::Urls;
use super::super::matches::request_matches_spec;
use super::super::request::{Gates, RequestInfo};
use super::super::secret::annotations;
use super::super::template::Template;
use super::of_kind;
use crate::api::certificate::{CertificateSpec, OtherName, PrivateKeySpec, Subject};
use crate::api::{Base64Text, CertificateRequest, CertificateRequestSpec, KeyAlgorithm, KeyUsage};
use crate::x509::{Certificate, KeyType, Request, usage};

/// Texts with what makes encoders stumble.
fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 ,.*@&\"äß_+=\\\\#;<>]{1,40}"
}

fn subject() -> impl Strategy<Value = Subject> {
    (vec(text(), 0..4), vec(text(), 0..4), vec(text(), 0..2), vec(text(), 0..2), "[0-9A-Z*]{0,9}").prop_map(
        |(organizations, organizational_units, countries, postal_codes, serial_number)| Subject {
            organizations,
            countries,
            organizational_units,
            postal_codes,
            serial_number,
            ..Subject::default()
        },
    )
}

fn usages() -> impl Strategy<Value = Vec<KeyUsage>> {
    let words: Vec<&str> = usage::BITS.into_iter().chain(usage::EXTENDED.map(|(_, word)| word)).collect();
    vec(proptest::sample::select(words), 0..8).prop_map(|words| words.into_iter().map(KeyUsage::from).collect())
}

fn spec() -> impl Strategy<Value = CertificateSpec> {
    let names = (vec("(\\*\\.)?[a-z0-9-]{1,30}\\.example", 1..5), vec("[a-z+]{1,9}@a\\.example", 0..3));
    let more = (vec(any::<std::net::IpAddr>(), 0..4), vec("spiffe://[a-z]{1,9}/[a-z/]{0,9}", 0..3));
    let others = vec(("[12]\\.[0-9]\\.[1-9][0-9]{0,12}", text()), 0..3);
    (prop::option::of(subject()), "[a-z *.ä]{0,20}", names, more, others, usages(), any::<[bool; 2]>()).prop_map(
        |(subject, common_name, (dns_names, email_addresses), (ips, uris), others, usages, [is_ca, encode])| {
            let other_names = others.into_iter().map(|(oid, utf8_value)| OtherName { oid, utf8_value }).collect();
            let key = PrivateKeySpec { algorithm: Some(KeyAlgorithm::Ecdsa), ..PrivateKeySpec::default() };
            CertificateSpec {
                subject,
                common_name,
                dns_names,
                email_addresses,
                ip_addresses: ips.iter().map(ToString::to_string).collect(),
                uris,
                other_names,
                usages,
                is_ca,
                encode_usages_in_request: Some(encode),
                private_key: Some(key),
                ..CertificateSpec::default()
            }
        },
    )
}

proptest! {
    #[test]
    fn requests_and_certificates_are_read_as_they_were_meant(spec in spec()) {
        let key = of_kind(&KeyType::Ecdsa(256));
        let signed = RequestInfo::of(&spec, Gates::default()).unwrap().sign(key).unwrap();
        let read = Request::from_der(&signed.der).unwrap();
        prop_assert_eq!(&read.key, key.public());
        prop_assert_eq!(&read.alt_names.dns, &spec.dns_names);
        prop_assert_eq!(&read.extensions, &signed.extensions);
        prop_assert!(X509CertificationRequest::from_der(&signed.der).unwrap().1.verify_signature().is_ok());

        let request = CertificateRequestSpec {
            request: Base64Text::encode(signed.to_pem().as_bytes()),
            is_ca: spec.is_ca,
            usages: spec.usages.clone(),
            ..CertificateRequestSpec::default()
        };
        let request = CertificateRequest { spec: request, ..CertificateRequest::default() };
        prop_assert_eq!(request_matches_spec(&request, &spec).unwrap(), Vec::<&str>::new());

        let template = Template::of(&request, Timestamp::UNIX_EPOCH).unwrap();
        let issued = template.self_sign(key, Urls::default(), [9; 20]).unwrap();
        let certificate = Certificate::from_der(&issued.der).unwrap();
        prop_assert_eq!((&certificate.subject, &certificate.issuer), (&read.subject, &read.subject));
        prop_assert_eq!(&certificate.alt_names, &read.alt_names);
        prop_assert_eq!(certificate.basic_ca, Some(spec.is_ca));
        prop_assert!(certificate.is_self_signed());
        let told = annotations(&certificate);
        prop_assert_eq!(&told["cert-manager.io/common-name"], &spec.common_name);
        prop_assert_eq!(&told["cert-manager.io/alt-names"], &spec.dns_names.join(","));

        let (rest, other) = X509Certificate::from_der(&issued.der).unwrap();
        prop_assert!(rest.is_empty() && other.verify_signature(None).is_ok());
        let sans = other.subject_alternative_name().unwrap().unwrap();
        let dns = sans.value.general_names.iter().filter(|name| matches!(name, GeneralName::DNSName(_)));
        prop_assert_eq!(dns.count(), spec.dns_names.len());
        prop_assert_eq!(sans.critical, read.subject.is_empty());
        for extension in other.extensions() {
            let is_bad = matches!(extension.parsed_extension(), ParsedExtension::ParseError { .. });
            prop_assert!(!is_bad, "{}", extension.oid);
        }
    }
}
