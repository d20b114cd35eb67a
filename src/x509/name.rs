//! Distinguished names and alternative names.

use std::fmt;
use std::net::IpAddr;

use thiserror::Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

use super::der::{self, Reader};

/// Names of attributes, as Go and RFC 4514 write them, and their OIDs.
const ATTRIBUTES: [(&str, &str); 11] = [
    ("CN", "2.5.4.3"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("POSTALCODE", "2.5.4.17"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("UID", "0.9.2342.19200300.100.1.1"),
];

/// A distinguished name: its DER, and its attributes in the order of the DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub der: Vec<u8>,
    /// One list for each relative name; the word is one of `CN`, `O`, … or a dotted OID.
    relative: Vec<Vec<(String, String)>>,
}

impl Name {
    pub(super) fn of(name: &X509Name<'_>) -> Self {
        let relative = name
            .iter_rdn()
            .map(|rdn| {
                rdn.iter()
                    .filter_map(|attribute| {
                        let oid = der::dotted(attribute.attr_type().as_bytes());
                        let word =
                            ATTRIBUTES.iter().find(|(_, known)| *known == oid).map(|(word, _)| (*word).to_owned());
                        let value = attribute.attr_value();
                        Some((word.unwrap_or(oid), text(value.header.tag().0, value.data)?))
                    })
                    .collect()
            })
            .collect();
        Self { der: name.as_raw().to_vec(), relative }
    }

    /// The name behind an RFC 4514 text, encoded as cert-manager does: last relative name first, each value a
    /// PrintableString if it can be one.
    pub fn literal(text: &str) -> Result<Self, DnError> {
        let der = literal_der(text)?;
        let (_, name) = X509Name::from_der(&der).map_err(|_| DnError::Incomplete)?;
        Ok(Self::of(&name))
    }

    /// The DER of a name from its relative names, in the order of the DER, each a list of attributes: a word such as
    /// `CN` or a dotted OID, and a value. What makes no relative name, an empty list, is left out. `None` if a word is
    /// neither known nor an OID.
    pub fn encode<'t>(relative: impl IntoIterator<Item = Vec<(&'t str, &'t str)>>) -> Option<Vec<u8>> {
        let mut sets = Vec::new();
        for attributes in relative.into_iter().filter(|attributes| !attributes.is_empty()) {
            let encoded = attributes.into_iter().map(|(word, value)| encode_attribute(word, value));
            let mut encoded: Vec<Vec<u8>> = encoded.collect::<Option<_>>()?;
            // DER orders the members of a set.
            encoded.sort();
            sets.push(der::constructed(der::SET, encoded));
        }
        Some(der::sequence(sets))
    }

    /// The values of an attribute such as `O`, in order.
    pub fn values(&self, word: &str) -> Vec<&str> {
        let attributes = self.relative.iter().flatten();
        attributes.filter(|(name, _)| name == word).map(|(_, value)| value.as_str()).collect()
    }

    /// The common name; of several, the last, as Go takes it. Empty if there is none.
    pub fn common_name(&self) -> &str {
        self.values("CN").last().copied().unwrap_or_default()
    }

    /// Whether there are no attributes.
    pub fn is_empty(&self) -> bool {
        self.relative.is_empty()
    }
}

impl fmt::Display for Name {
    /// RFC 4514: last in the DER comes first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, attributes) in self.relative.iter().rev().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            for (index, (word, value)) in attributes.iter().enumerate() {
                if index > 0 {
                    f.write_str("+")?;
                }
                write!(f, "{word}={}", escaped(value))?;
            }
        }
        Ok(())
    }
}

/// RFC 4514 §2.4.
fn escaped(value: &str) -> String {
    let mut out = String::new();
    let last = value.chars().count().saturating_sub(1);
    for (index, char) in value.chars().enumerate() {
        let special = matches!(char, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || (index == 0 && matches!(char, '#' | ' '))
            || (index == last && char == ' ');
        if special {
            out.push('\\');
        }
        out.push(char);
    }
    out
}

/// The text of a directory string (X.520), by its tag.
fn text(tag: u32, data: &[u8]) -> Option<String> {
    match tag {
        // UTF8String, NumericString, PrintableString, T61String, IA5String.
        12 | 18 | 19 | 20 | 22 => Some(String::from_utf8_lossy(data).into_owned()),
        // BMPString.
        30 => {
            let units: Vec<u16> = data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            Some(String::from_utf16_lossy(&units))
        }
        _ => None,
    }
}

/// Why a text is no distinguished name (cert-manager's `spec.literalSubject`).
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DnError {
    #[error("incomplete type, value pair")]
    Incomplete,
    #[error("unknown attribute type {0:?}")]
    UnknownType(String),
    #[error("value {0:?} is not escaped correctly")]
    Escape(String),
}

fn literal_der(literal: &str) -> Result<Vec<u8>, DnError> {
    let mut relative = Vec::new();
    if literal.trim().is_empty() {
        return Ok(der::element(der::SEQUENCE, &[]));
    }
    for attributes in split_unescaped(literal, &[',', ';']) {
        let attributes = split_unescaped(attributes, &['+']).into_iter().map(literal_attribute);
        relative.push(attributes.collect::<Result<Vec<_>, _>>()?);
    }
    relative.reverse();
    let relative = relative.iter().map(|attributes| attributes.iter().map(|(word, value)| (*word, &**value)).collect());
    // Each word was looked up already.
    Name::encode(relative).ok_or(DnError::Incomplete)
}

fn split_unescaped<'t>(text: &'t str, separators: &[char]) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let (mut start, mut escaping) = (0, false);
    for (at, char) in text.char_indices() {
        if escaping {
            escaping = false;
        } else if char == '\\' {
            escaping = true;
        } else if separators.contains(&char) {
            parts.push(&text[start..at]);
            start = at + char.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

fn literal_attribute(attribute: &str) -> Result<(&str, String), DnError> {
    let (word, value) = attribute.split_once('=').ok_or(DnError::Incomplete)?;
    let word = word.trim_matches(' ');
    // cert-manager knows this one under its OID alone.
    if word == "POSTALCODE" || attribute_oid(word).is_none() {
        return Err(DnError::UnknownType(word.to_owned()));
    }
    Ok((word, unescape(value)?))
}

fn attribute_oid(word: &str) -> Option<Vec<u8>> {
    der::oid(ATTRIBUTES.iter().find(|(known, _)| *known == word).map_or(word, |(_, oid)| oid))
}

fn encode_attribute(word: &str, value: &str) -> Option<Vec<u8>> {
    let tag = if value.chars().all(is_printable) { der::PRINTABLE_STRING } else { der::UTF8_STRING };
    Some(der::sequence([der::element(der::OID, &attribute_oid(word)?), der::element(tag, value.as_bytes())]))
}

/// The characters of a PrintableString that Go writes as one; it leaves `*` and `&` out when writing.
fn is_printable(char: char) -> bool {
    char.is_ascii_alphanumeric()
        || matches!(char, ' ' | '\'' | '(' | ')' | '+' | ',' | '-' | '.' | '/' | ':' | '=' | '?')
}

fn unescape(raw: &str) -> Result<String, DnError> {
    let bad = || DnError::Escape(raw.to_owned());
    if let Some(digits) = raw.strip_prefix('#') {
        return encoded_text(digits).ok_or_else(bad);
    }
    let mut out = Vec::new();
    let mut bytes = raw.trim_start_matches(' ').bytes();
    // A blank at the end counts only if it is escaped.
    let mut keep = 0;
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            if byte != b' ' {
                keep = out.len();
            }
            continue;
        }
        let escaped = bytes.next().ok_or_else(bad)?;
        match hex_digit(escaped) {
            Some(high) => {
                let low = bytes.next().and_then(hex_digit).ok_or_else(bad)?;
                out.push(high << 4 | low);
            }
            None if b" \"#+,;<=>\\".contains(&escaped) => out.push(escaped),
            None => return Err(bad()),
        }
        keep = out.len();
    }
    out.truncate(keep);
    String::from_utf8(out).map_err(|_| bad())
}

/// The text in an element given in hexadecimal (RFC 4514 §2.4, `#` form).
fn encoded_text(digits: &str) -> Option<String> {
    let digits: Vec<u8> = digits.bytes().map(hex_digit).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| Some(pair.first()? << 4 | pair.get(1)?)).collect::<Option<_>>()?;
    String::from_utf8(Reader(&bytes).next()?.content.to_vec()).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The subject alternative names (RFC 5280 §4.2.1.6), each list in its own order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AltNames {
    pub dns: Vec<String>,
    pub emails: Vec<String>,
    pub ips: Vec<IpAddr>,
    pub uris: Vec<String>,
    pub others: Vec<OtherName>,
}

/// An otherName: its OID, and its value if that is a UTF8String.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OtherName {
    pub oid: String,
    pub value: Option<String>,
}

impl AltNames {
    /// `None` if an entry is malformed.
    pub(super) fn of(names: &[GeneralName<'_>]) -> Option<Self> {
        let mut alt = Self::default();
        for name in names {
            match name {
                GeneralName::DNSName(name) => alt.dns.push((*name).to_owned()),
                GeneralName::RFC822Name(name) => alt.emails.push((*name).to_owned()),
                GeneralName::URI(uri) => alt.uris.push((*uri).to_owned()),
                GeneralName::IPAddress(bytes) => alt.ips.push(ip(bytes)?),
                GeneralName::OtherName(oid, rest) => alt.others.push(OtherName {
                    oid: der::dotted(oid.as_bytes()),
                    value: Reader(rest).next().and_then(|value| {
                        let text = value.inner(der::CONTEXT_0)?.next()?.expect(der::UTF8_STRING)?;
                        String::from_utf8(text.to_vec()).ok()
                    }),
                }),
                GeneralName::Invalid(..) => return None,
                GeneralName::X400Address(_)
                | GeneralName::DirectoryName(_)
                | GeneralName::EDIPartyName(_)
                | GeneralName::RegisteredID(_) => {}
            }
        }
        Some(alt)
    }

    /// Whether there are none of any sort.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// IPv4 in IPv6 counts as IPv4, as in Go.
pub(super) fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let ip = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()?;
    Some(ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(literal: &str) -> Name {
        Name::literal(literal).unwrap()
    }

    #[test]
    fn a_literal_name_is_written_backwards_and_read_again() {
        let read = name(r"CN=web\, shop ,OU=A+O=B,DC=example,1.2.3.4=x\ ,C=DE");
        assert_eq!(read.to_string(), r"CN=web\, shop,O=B+OU=A,DC=example,1.2.3.4=x\ ,C=DE");
        assert_eq!(read.common_name(), "web, shop");
        assert_eq!(read.values("OU"), ["A"]);
        assert!(name("").is_empty() && name("").common_name().is_empty());
    }

    #[test]
    fn literal_names_have_the_bytes_that_go_gives_them() {
        for (literal, hex) in [
            (
                "CN=*.example.com,O=Shop",
                "3027310d300b060355040a130453686f703116301406035504030c0d2a2e6578616d706c652e636f6d",
            ),
            (
                r"CN=web\, shop ,OU=A+O=B,DC=example,1.2.3.4=x\ ,C=DE",
                "305d310b3009060355040613024445310b300906032a03041302782031173015060a0992268993f22c64011913076578616d706c6531143008060355040a1301423008060355040b13014131123010060355040313097765622c2073686f70",
            ),
            (r"CN=\c3\bc", "300d310b300906035504030c02c3bc"),
            ("", "3000"),
            ("CN= a=b ;O=x", "301a310a3008060355040a130178310c300a06035504031303613d62"),
            ("CN=a@b.c, O=ü", "301d310b3009060355040a0c02c3bc310e300c06035504030c056140622e63"),
            (" CN = a", "300c310a30080603550403130161"),
            ("CN=", "300b3109300706035504031300"),
            ("CN=a+CN=b", "301631143008060355040313016130080603550403130162"),
            (r"CN=\ a", "300d310b3009060355040313022061"),
            (r"CN=a\  ", "300d310b3009060355040313026120"),
            ("CN=a  b  ,O=c", "301b310a3008060355040a130163310d300b0603550403130461202062"),
            ("CN=#04024869", "300d310b3009060355040313024869"),
        ] {
            let expected: Vec<u8> = hex
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect();
            assert_eq!(literal_der(literal).unwrap(), expected, "{literal}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert_eq!(literal_der("CN"), Err(DnError::Incomplete));
        assert_eq!(literal_der("CN=a,"), Err(DnError::Incomplete));
        assert_eq!(literal_der(r#"CN="a,b""#), Err(DnError::Incomplete));
        assert_eq!(literal_der("POSTALCODE=1"), Err(DnError::UnknownType("POSTALCODE".into())));
        assert_eq!(literal_der("CN=#0402"), Err(DnError::Escape("#0402".into())));
        assert_eq!(literal_der("cn=a"), Err(DnError::UnknownType("cn".into())));
        assert_eq!(literal_der(r"CN=a\"), Err(DnError::Escape(r"a\".into())));
        assert_eq!(literal_der(r"CN=a\zz"), Err(DnError::Escape(r"a\zz".into())));
    }

    #[test]
    fn ip_addresses_have_four_or_sixteen_bytes() {
        assert_eq!(ip(&[10, 0, 0, 1]), "10.0.0.1".parse().ok());
        let mut mapped = [0; 16];
        mapped[10..].copy_from_slice(&[0xff, 0xff, 10, 0, 0, 1]);
        assert_eq!(ip(&mapped), "10.0.0.1".parse().ok());
        assert_eq!(ip(&[1, 2, 3]), None);
    }
}
