//! Distinguished names as text (RFC 4514), read as go-ldap reads them (`github.com/go-ldap/ldap/v3.ParseDN`).

use thiserror::Error;

use super::der::Reader;

/// One attribute of a relative name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The word or the OID before the `=`.
    pub word: String,
    /// The value, with what was no UTF-8 replaced.
    pub value: String,
}

/// Why a text is no distinguished name, in go-ldap's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SyntaxError {
    #[error("incomplete type, value pair")]
    Incomplete,
    #[error("DN ended with incomplete type, value pair")]
    EndsEarly,
    #[error("got corrupted escaped character: '{0}'")]
    Corrupted(String),
    #[error("failed to decode escaped character: encoding/hex: invalid byte: {0}")]
    HalfEscape(char),
    #[error("failed to decode escaped character: invalid byte: {0}")]
    WideEscape(String),
    #[error("failed to decode escaped character: {0}")]
    Escape(HexError),
    #[error("failed to decode BER encoding: {0}")]
    Hex(HexError),
    #[error("failed to decode BER encoding: unexpected EOF")]
    Ber,
}

/// Why digits are not hexadecimal, in Go's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HexError {
    #[error("encoding/hex: invalid byte: {}", unicode(*.0))]
    Byte(char),
    #[error("encoding/hex: odd length hex string")]
    Odd,
}

/// A character as `%#U` of Go's fmt writes it.
fn unicode(char: char) -> String {
    format!("U+{:04X} '{char}'", u32::from(char))
}

/// The relative names of a text in its order, each a list of attributes. A text of blanks has none.
pub fn parse(text: &str) -> Result<Vec<Vec<Attribute>>, SyntaxError> {
    let mut names = Vec::new();
    if text.trim().is_empty() {
        return Ok(names);
    }
    let mut relative = Vec::new();
    let (mut word, mut start, mut is_escaped) = (String::new(), 0, false);
    for (at, char) in text.char_indices() {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '=' if word.is_empty() => {
                word = unescaped(&text[start..at])?;
                start = at + 1;
            }
            ',' | ';' | '+' => {
                if word.is_empty() {
                    return Err(SyntaxError::Incomplete);
                }
                let value = value(&text[start..at])?;
                relative.push(Attribute { word: std::mem::take(&mut word), value });
                start = at + 1;
                if char != '+' {
                    names.push(std::mem::take(&mut relative));
                }
            }
            _ => {}
        }
    }
    if word.is_empty() {
        return Err(SyntaxError::EndsEarly);
    }
    relative.push(Attribute { word, value: value(&text[start..])? });
    names.push(relative);
    Ok(names)
}

/// A value: text, or behind a `#` the DER of one in hexadecimal.
fn value(text: &str) -> Result<String, SyntaxError> {
    let Some(digits) = text.strip_prefix('#') else { return unescaped(text) };
    let bytes = hex(digits).map_err(SyntaxError::Hex)?;
    let element = Reader(&bytes).next().ok_or(SyntaxError::Ber)?;
    Ok(String::from_utf8_lossy(element.content).into_owned())
}

fn unescaped(text: &str) -> Result<String, SyntaxError> {
    let trimmed = trimmed(text);
    let mut bytes = Vec::new();
    let mut chars = trimmed.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            bytes.extend(char.encode_utf8(&mut [0; 4]).bytes());
            continue;
        }
        let escaped = chars.next().ok_or_else(|| SyntaxError::Corrupted(trimmed.clone()))?;
        if " \"#+,;<=>\\".contains(escaped) {
            bytes.extend(escaped.encode_utf8(&mut [0; 4]).bytes());
            continue;
        }
        let second = chars.next().ok_or(SyntaxError::HalfEscape(escaped))?;
        let pair = String::from_iter([escaped, second]);
        if pair.len() != 2 {
            return Err(SyntaxError::WideEscape(pair));
        }
        bytes.extend(hex(&pair).map_err(SyntaxError::Escape)?);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The text without the blanks around it; one that is escaped at the end stays.
fn trimmed(text: &str) -> String {
    let inner = text.trim_matches(' ');
    let blank = if inner.ends_with('\\') && text.ends_with(' ') { " " } else { "" };
    format!("{inner}{blank}")
}

fn hex(digits: &str) -> Result<Vec<u8>, HexError> {
    let digit = |byte: u8| {
        let digit = char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        digit.ok_or(HexError::Byte(char::from(byte)))
    };
    let mut bytes = Vec::new();
    for pair in digits.as_bytes().chunks(2) {
        let high = digit(pair[0])?;
        let low = pair.get(1).map_or(Err(HexError::Odd), |byte| digit(*byte))?;
        bytes.push(high << 4 | low);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Vec<(String, String)>> {
        let names = parse(text).unwrap();
        names.into_iter().map(|relative| relative.into_iter().map(|one| (one.word, one.value)).collect()).collect()
    }

    fn pair(word: &str, value: &str) -> (String, String) {
        (word.to_owned(), value.to_owned())
    }

    #[test]
    fn names_and_values_are_unescaped() {
        let text = r#"CN=a\, b\ +UID= x ,O=\e4\b8\9c;1.2.3=#0C0161,L=a=b\"c"#;
        let expected = [
            vec![pair("CN", "a, b "), pair("UID", "x")],
            vec![pair("O", "东")],
            vec![pair("1.2.3", "a")],
            vec![pair("L", "a=b\"c")],
        ];
        assert_eq!(read(text), expected);
        assert_eq!(read("  "), Vec::<Vec<_>>::new());
        assert_eq!(read("CN="), [[pair("CN", "")]]);
    }

    #[test]
    fn what_is_wrong_is_said_as_go_ldap_says_it() {
        for (text, words) in [
            ("foo", "DN ended with incomplete type, value pair"),
            ("CN=a,", "DN ended with incomplete type, value pair"),
            ("CN=a,foo,O=b", "incomplete type, value pair"),
            ("CN=a\\", "got corrupted escaped character: 'a\\'"),
            ("CN=a\\4", "failed to decode escaped character: encoding/hex: invalid byte: 4"),
            ("CN=a\\4ñ", "failed to decode escaped character: invalid byte: 4ñ"),
            ("CN=a\\zz", "failed to decode escaped character: encoding/hex: invalid byte: U+007A 'z'"),
            ("CN=#0", "failed to decode BER encoding: encoding/hex: odd length hex string"),
            ("CN=#0405", "failed to decode BER encoding: unexpected EOF"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), words, "{text}");
        }
    }
}
