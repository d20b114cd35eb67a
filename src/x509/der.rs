//! The little DER (X.690) that is read and written by hand.
//!
//! What is written must be, byte for byte, what Go's `encoding/asn1` writes; so nothing here sorts, merges or checks.

pub const BOOLEAN: u8 = 0x01;
pub const INTEGER: u8 = 0x02;
pub const BIT_STRING: u8 = 0x03;
pub const OCTET_STRING: u8 = 0x04;
pub const NULL: u8 = 0x05;
pub const OID: u8 = 0x06;
pub const UTF8_STRING: u8 = 0x0c;
pub const PRINTABLE_STRING: u8 = 0x13;
pub const UTC_TIME: u8 = 0x17;
pub const GENERALIZED_TIME: u8 = 0x18;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;
/// `[0]`, constructed. Those that follow count on from here.
pub const CONTEXT_0: u8 = 0xa0;
/// `[0]`, primitive. Those that follow count on from here.
pub const PRIMITIVE_0: u8 = 0x80;

/// One element: a single-byte tag, its content, and both together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'d> {
    pub tag: u8,
    pub content: &'d [u8],
    pub whole: &'d [u8],
}

/// Reads elements one after the other; ends at the first that is cut off.
#[derive(Clone, Debug)]
pub struct Reader<'d>(pub &'d [u8]);

impl<'d> Iterator for Reader<'d> {
    type Item = Element<'d>;

    fn next(&mut self) -> Option<Element<'d>> {
        let (element, rest) = split(self.0)?;
        self.0 = rest;
        Some(element)
    }
}

impl<'d> Element<'d> {
    /// The content, if the tag is this one.
    pub fn expect(self, tag: u8) -> Option<&'d [u8]> {
        (self.tag == tag).then_some(self.content)
    }

    /// The elements inside.
    pub fn inner(self, tag: u8) -> Option<Reader<'d>> {
        self.expect(tag).map(Reader)
    }
}

fn split(data: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (tag, length, header) = match *data {
        [tag, length @ 0..=0x7f, ..] => (tag, usize::from(length), 2),
        [tag, form @ 0x81..=0x84, ..] => {
            let bytes = usize::from(form & 0x7f);
            let length = data.get(2..2 + bytes)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (tag, length, 2 + bytes)
        }
        _ => return None,
    };
    let whole = data.get(..header.checked_add(length)?)?;
    Some((Element { tag, content: &whole[header..], whole }, &data[whole.len()..]))
}

/// Writes one element.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    if let Ok(short @ 0..=0x7f) = u8::try_from(content.len()) {
        out.push(short);
    } else {
        let length = content.len().to_be_bytes();
        let start = length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1);
        // A length has at most eight bytes.
        out.push(0x80 | u8::try_from(length.len() - start).unwrap_or(8));
        out.extend(&length[start..]);
    }
    out.extend(content);
    out
}

/// Writes a SEQUENCE of what is written already.
pub fn sequence<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> Vec<u8> {
    constructed(SEQUENCE, parts)
}

/// Writes an element around others that are written already.
pub fn constructed<P: AsRef<[u8]>>(tag: u8, parts: impl IntoIterator<Item = P>) -> Vec<u8> {
    let mut content = Vec::new();
    for part in parts {
        content.extend_from_slice(part.as_ref());
    }
    element(tag, &content)
}

/// Writes a BIT STRING of whole bytes.
pub fn bit_string(bytes: &[u8]) -> Vec<u8> {
    constructed(BIT_STRING, [&[0], bytes])
}

/// Writes an INTEGER that is not negative, from its bytes, most significant first.
pub fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    match &bytes[start..] {
        [] => element(INTEGER, &[0]),
        rest @ [first, ..] if *first >= 0x80 => constructed(INTEGER, [&[0], rest]),
        rest => element(INTEGER, rest),
    }
}

/// The content of an OID from its dotted text.
pub fn oid(dotted: &str) -> Option<Vec<u8>> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().ok()).collect::<Option<_>>()?;
    let [first, second, rest @ ..] = arcs.as_slice() else { return None };
    if *first > 2 || (*first < 2 && *second > 39) {
        return None;
    }
    let mut out = Vec::new();
    for arc in std::iter::once(first.checked_mul(40)?.checked_add(*second)?).chain(rest.iter().copied()) {
        let groups = (64 - arc.leading_zeros()).div_ceil(7).max(1);
        for group in (0..groups).rev() {
            let bits = u8::try_from(arc >> (group * 7) & 0x7f).unwrap_or(0);
            out.push(if group == 0 { bits } else { bits | 0x80 });
        }
    }
    Some(out)
}

/// The dotted text of an OID's content.
pub fn dotted(content: &[u8]) -> String {
    let mut arcs: Vec<u128> = Vec::new();
    let mut arc: u128 = 0;
    for byte in content {
        arc = arc.wrapping_shl(7) | u128::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.push(first);
                arc -= first * 40;
            }
            arcs.push(arc);
            arc = 0;
        }
    }
    arcs.iter().map(u128::to_string).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_are_never_negative_and_as_short_as_can_be() {
        for (bytes, expected) in [
            (&[][..], &[2, 1, 0][..]),
            (&[0, 0], &[2, 1, 0]),
            (&[0, 1], &[2, 1, 1]),
            (&[0x80], &[2, 2, 0, 0x80]),
            (&[0x7f, 0x80], &[2, 2, 0x7f, 0x80]),
        ] {
            assert_eq!(unsigned(bytes), expected);
        }
        assert_eq!(bit_string(&[7]), [3, 2, 0, 7]);
        assert_eq!(sequence([unsigned(&[1]), bit_string(&[])]), [0x30, 6, 2, 1, 1, 3, 1, 0]);
    }

    #[test]
    fn oids_are_read_and_written() {
        for (text, bytes) in [
            ("2.5.4.3", &[0x55, 4, 3][..]),
            ("1.2.840.113549.1.1.1", &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]),
            ("2.999.0", &[0x88, 0x37, 0]),
        ] {
            assert_eq!(oid(text).unwrap(), bytes);
            assert_eq!(dotted(bytes), text);
        }
        for bad in ["", "1", "3.1", "1.40", "1.2.x", "1..2"] {
            assert_eq!(oid(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(tag: u8, content in proptest::collection::vec(any::<u8>(), 0..70_000)) {
            let written = element(tag, &content);
            let mut reader = Reader(&written);
            prop_assert_eq!(reader.next().unwrap().content, &content[..]);
            prop_assert_eq!(reader.next(), None);
        }

        #[test]
        fn garbage_ends_the_reading(data in proptest::collection::vec(any::<u8>(), 0..60)) {
            let total: usize = Reader(&data).map(|element| element.whole.len()).sum();
            prop_assert!(total <= data.len());
            let _ = dotted(&data);
        }
    }
}
