//! DER in words, so that two encodings can be compared and a difference read: every tag and every content, but lengths
//! only where they are not those that DER prescribes.

use kubectl_cert::x509::der::{self, Element, Reader};

/// An element in words. `word` may give words for an element as a whole.
pub fn shown(element: Element<'_>, word: &dyn Fn(Element<'_>) -> Option<String>) -> String {
    if let Some(word) = word(element) {
        return word;
    }
    let Element { tag, content, .. } = element;
    if tag == der::OID {
        return der::dotted(content);
    }
    let is_constructed = tag & 0x20 != 0;
    if (is_constructed || (tag == der::OCTET_STRING && !content.is_empty()))
        && let Some(inner) = elements(content)
    {
        let inner: Vec<_> = inner.into_iter().map(|element| shown(element, word)).collect();
        return format!("{tag:02x}{{{}}}", inner.join(" "));
    }
    let text = std::str::from_utf8(content).ok().filter(|text| !text.is_empty() && !text.chars().any(char::is_control));
    text.map_or_else(|| format!("{tag:02x}:{}", hex(content)), |text| format!("{tag:02x}{text:?}"))
}

/// The elements of a content, if it holds nothing else.
pub fn elements(content: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut reader = Reader(content);
    let elements: Vec<_> = reader.by_ref().collect();
    let length: usize = elements.iter().map(|element| element.whole.len()).sum();
    (length == content.len()).then_some(elements)
}

/// The elements of a sequence.
pub fn inside(element: Element<'_>) -> Vec<Element<'_>> {
    elements(element.content).unwrap_or_default()
}

/// The one element that the bytes are.
pub fn whole(bytes: &[u8]) -> Option<Element<'_>> {
    elements(bytes).filter(|elements| elements.len() == 1)?.pop()
}

/// Hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
