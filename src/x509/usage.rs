//! Key usages in the words of cert-manager's `spec.usages`.

use x509_parser::extensions::KeyUsage;

use super::der::{self, Reader};

/// The words for the bits of the key usage (RFC 5280 §4.2.1.3), in the order of the bits.
pub const BITS: [&str; 9] = [
    "digital signature",
    "content commitment",
    "key encipherment",
    "data encipherment",
    "key agreement",
    "cert sign",
    "crl sign",
    "encipher only",
    "decipher only",
];

/// The purposes of the extended key usage (RFC 5280 §4.2.1.12) that have words: OID and word.
pub const EXTENDED: [(&str, &str); 12] = [
    ("2.5.29.37.0", "any"),
    ("1.3.6.1.5.5.7.3.1", "server auth"),
    ("1.3.6.1.5.5.7.3.2", "client auth"),
    ("1.3.6.1.5.5.7.3.3", "code signing"),
    ("1.3.6.1.5.5.7.3.4", "email protection"),
    ("1.3.6.1.5.5.7.3.5", "ipsec end system"),
    ("1.3.6.1.5.5.7.3.6", "ipsec tunnel"),
    ("1.3.6.1.5.5.7.3.7", "ipsec user"),
    ("1.3.6.1.5.5.7.3.8", "timestamping"),
    ("1.3.6.1.5.5.7.3.9", "ocsp signing"),
    ("1.3.6.1.4.1.311.10.3.3", "microsoft sgc"),
    ("2.16.840.1.113730.4.1", "netscape sgc"),
];

/// The words for the bits (RFC 5280 §4.2.1.3), in the order of the bits.
pub(super) fn key_usages(usage: KeyUsage) -> Vec<String> {
    let words = BITS.iter().enumerate();
    words.filter(|(bit, _)| usage.flags >> bit & 1 == 1).map(|(_, word)| (*word).to_owned()).collect()
}

/// The words for the purposes (RFC 5280 §4.2.1.12) in their order; an unknown one is its dotted OID.
pub(super) fn extended_key_usages(value: &[u8]) -> Vec<String> {
    let Some(purposes) = Reader(value).next().and_then(|list| list.inner(der::SEQUENCE)) else { return Vec::new() };
    purposes
        .filter_map(|purpose| purpose.expect(der::OID))
        .map(|oid| {
            let oid = der::dotted(oid);
            EXTENDED.iter().find(|(known, _)| *known == oid).map_or(oid, |(_, word)| (*word).to_owned())
        })
        .collect()
}
