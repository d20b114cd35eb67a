//! The names that cert-manager gives to what it creates.
//!
//! Plain text in, plain text out. Which fields go into a hash is known by `engine::acme::planned`.

use std::fmt::Write as _;
use std::io;

use aws_lc_rs::digest;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Names of Orders and Challenges are cut to this many bytes before the hash is added.
const SHORT: usize = 52;

/// The name of a CertificateRequest is cut to this many bytes before the revision is added.
const REQUEST: usize = 233;

/// The length of a SHA-256 in hexadecimal.
const SHA256_HEX: usize = 64;

/// `DNSSafeShortenToNCharacters`: a text of `max` bytes or more is cut there, and then back to its last ASCII letter
/// or digit. A text of exactly `max` bytes goes through the cut too.
pub fn shorten(text: &str, max: usize) -> &str {
    if text.len() < max {
        return text;
    }
    let end = text.as_bytes()[..max].iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |last| last + 1);
    &text[..end]
}

/// [`shorten`] to 52 bytes.
pub fn shorten52(text: &str) -> &str {
    shorten(text, SHORT)
}

/// FNV-1 of 32 bits: multiply, then xor (not FNV-1a).
pub fn fnv1(bytes: &[u8]) -> u32 {
    bytes.iter().fold(2_166_136_261, |hash: u32, byte| hash.wrapping_mul(16_777_619) ^ u32::from(*byte))
}

/// Adler-32 (RFC 1950 §9): the labels of HTTP-01 solver objects hold it in decimal.
pub fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1, 0), |(a, b): (u32, u32), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    b << 16 | a
}

/// `ComputeName`: the shortened prefix and the hash of an object's JSON.
pub fn compute_name(prefix: &str, json: &[u8]) -> String {
    format!("{}-{}", shorten52(prefix), fnv1(json))
}

/// The name of a Certificate's CertificateRequest (gate `StableCertificateRequestName`, on since release 1.13).
pub fn request_name(certificate: &str, revision: i64) -> String {
    if certificate.len() <= REQUEST {
        return format!("{certificate}-{revision}");
    }
    let hash = hex(digest::digest(&digest::SHA256, certificate.as_bytes()).as_ref());
    match shorten(certificate, REQUEST - SHA256_HEX - 1) {
        "" => format!("{hash}-{revision}"),
        prefix => format!("{prefix}-{hash}-{revision}"),
    }
}

/// The name of a CertificateRequest's Order. `spec` is the Order's spec without its `request`.
pub fn order_name(request: &str, spec: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Long<'a, S> {
        #[serde(rename = "certificateRequestName")]
        request: &'a str,
        spec: &'a S,
    }
    // Names that are cut would collide, so they go into the hash whole.
    let json = if request.len() >= SHORT { go_json(&Long { request, spec }) } else { go_json(spec) };
    compute_name(request, &json)
}

/// The name of an Order's Challenge. `spec` is the Challenge's spec without its `key`.
pub fn challenge_name(order: &str, spec: &impl Serialize) -> String {
    compute_name(order, &go_json(spec))
}

/// JSON as Go's `encoding/json` writes it: no blanks, and what is special in HTML escaped.
pub fn go_json(value: &impl Serialize) -> Vec<u8> {
    let mut json = Vec::new();
    // Writing to memory cannot fail, and the objects have text keys only.
    let written = value.serialize(&mut Serializer::with_formatter(&mut json, GoFormatter));
    debug_assert!(written.is_ok(), "{written:?}");
    json
}

struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, special) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = special.chars();
            if let Some(char) = chars.next() {
                write!(writer, "\\u{:04x}", u32::from(char))?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a text cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn cert_managers_own_vectors_are_met() {
        assert_eq!(
            compute_name(
                "unit.test.jetstack.io",
                br#"{"commonName":"unit.test.jetstack.io","secretName":"","issuerRef":{"name":""}}"#
            ),
            "unit.test.jetstack.io-1683025094"
        );
        let spec = br#"{"request":null,"issuerRef":{"name":"test-issuer","kind":"Issuer","group":"cert-manager.io"},"commonName":"example.com","dnsNames":["example.com","foo.com"]}"#;
        assert_eq!(compute_name("test-cr", spec), "test-cr-1733622556");
        assert_eq!((adler32(b"example.com"), adler32(b"token")), (446_694_490, 108_921_378));
    }

    #[test]
    fn names_are_cut_at_their_bound_even_if_they_just_fit() {
        let at_bound = format!("{}--", "a".repeat(50));
        assert_eq!(shorten52(&at_bound), "a".repeat(50));
        assert_eq!(shorten52(&at_bound[..51]), &at_bound[..51]);
        assert_eq!(shorten52(&"-".repeat(60)), "");
        assert_eq!(shorten("any", 0), "");
    }

    #[test]
    fn long_certificate_names_are_hashed_into_the_request_name() {
        assert_eq!(request_name("web", 3), "web-3");
        assert_eq!(request_name(&"a".repeat(233), 1), format!("{}-1", "a".repeat(233)));
        let hash = "9b3043905ca79556acb1d2d12f9a4c0bed8ced2bd1a82e7cdf26743069be53e3";
        assert_eq!(request_name(&"a".repeat(240), 1), format!("{}-{hash}-1", "a".repeat(168)));
        assert!(!request_name(&".".repeat(240), 1).starts_with('-'));
    }

    #[test]
    fn a_long_request_name_goes_into_the_orders_hash() {
        let spec = json!({"request": null});
        let short = "a".repeat(51);
        let long = "a".repeat(52);
        assert_eq!(order_name(&short, &spec), compute_name(&short, br#"{"request":null}"#));
        let whole = format!(r#"{{"certificateRequestName":"{long}","spec":{{"request":null}}}}"#);
        assert_eq!(order_name(&long, &spec), compute_name(&long, whole.as_bytes()));
    }

    #[test]
    fn json_is_escaped_as_go_escapes_it() {
        let text = "a<b>&\u{2028}\u{2029}\"\\\n\t\u{1}\u{8}\u{c}ü";
        let expected = "\"a\\u003cb\\u003e\\u0026\\u2028\\u2029\\\"\\\\\\n\\t\\u0001\\b\\f\u{fc}\"";
        assert_eq!(String::from_utf8(go_json(&text)).unwrap(), expected);
        assert_eq!(go_json(&json!({"b": [1, null], "a": {}})), br#"{"a":{},"b":[1,null]}"#);
    }

    proptest! {
        #[test]
        fn a_short_name_is_a_short_prefix(text in "\\PC{0,80}", max in 0usize..70) {
            let short = shorten(&text, max);
            prop_assert!(text.starts_with(short) && (short.len() <= max));
        }

        #[test]
        fn escaping_keeps_the_meaning(text in "\\PC*") {
            let json = go_json(&text);
            prop_assert!(!json.contains(&b'<') && !json.contains(&b'&'));
            prop_assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
        }
    }
}
