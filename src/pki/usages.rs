//! Key usages and extended ones, from cert-manager's words to extensions and back
//! (cert-manager's `pkg/api/util/usages.go` and `pkg/util/pki/keyusage.go`).

use thiserror::Error;

use crate::api::KeyUsage;
use crate::x509::der::{self, Reader};
use crate::x509::{Extension, usage};

pub(super) const KEY_USAGE: &str = "2.5.29.15";
pub(super) const EXTENDED_KEY_USAGE: &str = "2.5.29.37";

/// Purposes that Go knows and cert-manager has no words for.
const WORDLESS: [&str; 2] = ["1.3.6.1.4.1.311.2.1.22", "1.3.6.1.4.1.311.61.1.1"];

const CERT_SIGN: u16 = 1 << 5;

/// What a key may be used for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usages {
    /// The bits of the key usage, the first one lowest.
    pub(super) bits: u16,
    /// The dotted OIDs of the extended key usage that Go knows, in order.
    pub(super) purposes: Vec<String>,
    /// The OIDs that Go does not know; only foreign requests have them.
    pub(super) unknown: Vec<String>,
}

/// Words that are no usages; the wording is cert-manager's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("unknown key usages: [{}]", .0.join(" "))]
pub struct UnknownUsages(pub Vec<String>);

impl Usages {
    /// From `spec.usages` of a Certificate or CertificateRequest; an empty list stands for cert-manager's default.
    pub(super) fn of(words: &[KeyUsage], is_ca: bool) -> Result<Self, UnknownUsages> {
        let default = [KeyUsage::DigitalSignature, KeyUsage::KeyEncipherment];
        let words = if words.is_empty() { &default } else { words };
        let mut usages = Self { bits: if is_ca { CERT_SIGN } else { 0 }, ..Self::default() };
        let mut unknown = Vec::new();
        for word in words {
            let word = canonical(word);
            if let Some(bit) = usage::BITS.iter().position(|known| *known == word) {
                usages.bits |= 1 << bit;
            } else if let Some((oid, _)) = usage::EXTENDED.iter().find(|(_, known)| *known == word) {
                usages.purposes.push((*oid).to_owned());
            } else {
                unknown.push(word.to_owned());
            }
        }
        if unknown.is_empty() { Ok(usages) } else { Err(UnknownUsages(unknown)) }
    }

    /// The key usage, critical; absent without bits.
    pub(super) fn key_usage(&self) -> Option<Extension> {
        if self.bits == 0 {
            return None;
        }
        let [low, high] = self.bits.to_le_bytes().map(u8::reverse_bits);
        let bytes = if high == 0 { &[low][..] } else { &[low, high] };
        let last = bytes[bytes.len() - 1];
        // DER leaves trailing zero bits out and says how many.
        let unused = u8::try_from(last.trailing_zeros()).unwrap_or(0);
        let value = der::constructed(der::BIT_STRING, [&[unused], bytes]);
        Some(Extension { oid: KEY_USAGE.into(), critical: true, value })
    }

    /// The extended key usage; absent without purposes.
    pub(super) fn extended_key_usage(&self) -> Option<Extension> {
        if self.purposes.is_empty() && self.unknown.is_empty() {
            return None;
        }
        let purposes = self.purposes.iter().chain(&self.unknown).filter_map(|oid| der::oid(oid));
        let value = der::sequence(purposes.map(|oid| der::element(der::OID, &oid)));
        Some(Extension { oid: EXTENDED_KEY_USAGE.into(), critical: false, value })
    }

    /// Whether it lets a certificate sign others, as Go's `CheckSignatureFrom` reads it.
    pub(super) fn may_sign(&self) -> bool {
        self.bits == 0 || self.bits & CERT_SIGN != 0
    }

    /// The words for the bits, as cert-manager lists them in errors.
    pub(super) fn key_usage_words(&self) -> String {
        let words = usage::BITS.iter().enumerate();
        listed(words.filter(|(bit, _)| self.bits >> bit & 1 == 1).map(|(_, word)| *word))
    }

    /// The words for the purposes that Go knows, as cert-manager lists them in errors.
    pub(super) fn purpose_words(&self) -> String {
        listed(
            self.purposes
                .iter()
                .map(|oid| usage::EXTENDED.iter().find(|(known, _)| known == oid).map_or("unknown", |(_, word)| *word)),
        )
    }
}

/// The bits in the value of a key usage extension; `None` if it is malformed.
pub(super) fn decode_key_usage(value: &[u8]) -> Option<u16> {
    let [unused, bytes @ ..] = Reader(value).next()?.expect(der::BIT_STRING)? else { return None };
    if *unused > 7 || (bytes.is_empty() && *unused != 0) {
        return None;
    }
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default().reverse_bits();
    // Bits behind the ninth mean nothing.
    Some(u16::from_le_bytes([byte(0), byte(1)]) & 0x1ff)
}

/// The OIDs in the value of an extended key usage: those that Go knows, and the others; `None` if it is malformed.
pub(super) fn decode_extended(value: &[u8]) -> Option<(Vec<String>, Vec<String>)> {
    let mut list = Reader(value).next()?.inner(der::SEQUENCE)?;
    let mut oids = Vec::new();
    for oid in list.by_ref() {
        oids.push(der::dotted(oid.expect(der::OID)?));
    }
    let is_known = |oid: &String| {
        usage::EXTENDED.iter().any(|(known, _)| known == oid) || WORDLESS.iter().any(|known| known == oid)
    };
    list.0.is_empty().then(|| oids.into_iter().partition(is_known))
}

/// Two pairs of words mean the same.
fn canonical(word: &KeyUsage) -> &str {
    if *word == KeyUsage::Signing {
        KeyUsage::DigitalSignature.as_str()
    } else if *word == KeyUsage::Smime {
        KeyUsage::EmailProtection.as_str()
    } else {
        word.as_str()
    }
}

fn listed<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let quoted: Vec<String> = words.map(|word| format!(" '{word}'")).collect();
    if quoted.is_empty() { "[]".to_owned() } else { format!("[{} ]", quoted.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(words: &[&str]) -> Vec<u8> {
        let words: Vec<KeyUsage> = words.iter().map(|word| (*word).into()).collect();
        Usages::of(&words, false).unwrap().key_usage().map_or_else(Vec::new, |extension| extension.value)
    }

    #[test]
    fn bit_strings_are_as_short_as_can_be() {
        assert_eq!(bits(&[]), [3, 2, 5, 0xa0]);
        assert_eq!(bits(&["signing"]), [3, 2, 7, 0x80]);
        assert_eq!(bits(&["encipher only"]), [3, 2, 0, 1]);
        assert_eq!(bits(&["decipher only"]), [3, 3, 7, 0, 0x80]);
        assert_eq!(bits(&["server auth"]), [0; 0]);
        for word in usage::BITS {
            let usages = Usages::of(&[word.into()], false).unwrap();
            assert_eq!(decode_key_usage(&usages.key_usage().unwrap().value), Some(usages.bits), "{word}");
        }
    }

    #[test]
    fn purposes_keep_their_order_and_their_doubles() {
        let words = ["s/mime", "email protection", "any"].map(KeyUsage::from);
        let usages = Usages::of(&words, false).unwrap();
        assert_eq!(usages.purposes, ["1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.4", "2.5.29.37.0"]);
        assert_eq!(usages.purpose_words(), "[ 'email protection', 'email protection', 'any' ]");
        let value = usages.extended_key_usage().unwrap().value;
        assert_eq!(decode_extended(&value), Some((usages.purposes, vec![])));
    }

    #[test]
    fn unknown_words_are_refused_by_name() {
        let words = ["any", "flying", "x"].map(KeyUsage::from);
        assert_eq!(Usages::of(&words, true).unwrap_err().to_string(), "unknown key usages: [flying x]");
        assert_eq!(
            Usages::of(&[], true).unwrap().key_usage_words(),
            "[ 'digital signature', 'key encipherment', 'cert sign' ]"
        );
        assert_eq!(Usages::default().key_usage_words(), "[]");
    }
}
