//! Single values of YAML in the sense of go-yaml 2 (`resolve.go`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use granit_parser::Tag;

/// A value that is no list and no map.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    /// Beyond the signed numbers.
    Uint(u64),
    Float(f64),
    Text(String),
}

/// Reads one value. What is quoted is a text, and so is what has a tag that YAML does not define.
pub fn read(text: &str, is_plain: bool, tag: Option<&Tag>) -> Result<Scalar, String> {
    let word = tag.and_then(known);
    match (tag, word) {
        (None, _) if is_plain => Ok(resolve(text)),
        (None, _) | (Some(_), None | Some("str" | "timestamp")) => Ok(Scalar::Text(text.to_owned())),
        (Some(_), Some("binary")) => {
            let bytes = STANDARD.decode(text).map_err(|_| "!!binary value contains invalid base64 data".to_owned())?;
            Ok(Scalar::Text(String::from_utf8_lossy(&bytes).into_owned()))
        }
        (Some(_), Some(word)) => {
            let value = resolve(text);
            match (word, value) {
                ("null", value @ Scalar::Null)
                | ("bool", value @ Scalar::Bool(_))
                | ("int", value @ (Scalar::Int(_) | Scalar::Uint(_)))
                | ("float", value @ Scalar::Float(_)) => Ok(value),
                #[expect(clippy::cast_precision_loss, reason = "Go loses it too")]
                ("float", Scalar::Int(int)) => Ok(Scalar::Float(int as f64)),
                (_, value) => Err(format!("cannot decode !!{} `{text}` as a !!{word}", value.tag())),
            }
        }
    }
}

/// The word of a tag that YAML defines for single values.
fn known(tag: &Tag) -> Option<&'static str> {
    let words = ["str", "bool", "int", "float", "null", "timestamp", "binary"];
    let suffix = tag.suffix_in_namespace("tag:yaml.org,2002:")?;
    words.into_iter().find(|word| suffix == *word)
}

impl Scalar {
    const fn tag(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Uint(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
        }
    }
}

/// A plain value.
fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let number = match text.as_bytes().first() {
        Some(b'.') => float(text),
        Some(b'+' | b'-' | b'0'..=b'9') => {
            let plain = text.replace('_', "");
            integer(&plain).or_else(|| float(&plain))
        }
        Some(_) | None => None,
    };
    number.unwrap_or_else(|| Scalar::Text(text.to_owned()))
}

/// A whole number in the notation of Go: `0x`, `0o`, `0b`, and octal behind a zero.
fn integer(text: &str) -> Option<Scalar> {
    let (is_negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &digits[2..]),
        [b'0', b'o', ..] => (8, &digits[2..]),
        [b'0', b'b', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // The sign was taken off; another one is none.
    let magnitude = u64::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with(['+', '-']))?;
    if is_negative {
        return i64::try_from(-i128::from(magnitude)).ok().map(Scalar::Int);
    }
    match i64::try_from(magnitude) {
        Ok(int) => Some(Scalar::Int(int)),
        Err(_) => (!text.starts_with('+')).then_some(Scalar::Uint(magnitude)),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn float(text: &str) -> Option<Scalar> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (number, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = match number.split_once('.') {
        Some((whole, part)) => is_digits(whole) && is_digits(part) && !(whole.is_empty() && part.is_empty()),
        None => is_digits(number) && !number.is_empty(),
    };
    let is_good = is_number && exponent.is_none_or(|exponent| is_digits(exponent) && !exponent.is_empty());
    text.parse().ok().filter(|_| is_good).map(Scalar::Float)
}

/// A float as a key, or in Go's words about it.
pub fn go_float(float: f64) -> String {
    if float.is_nan() {
        "NaN".to_owned()
    } else if float.is_infinite() {
        if float > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else {
        float.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_mean_what_they_mean_to_kubectl() {
        for (text, value) in [
            ("yes", Scalar::Bool(true)),
            ("Off", Scalar::Bool(false)),
            ("yEs", Scalar::Text("yEs".into())),
            ("~", Scalar::Null),
            ("010", Scalar::Int(8)),
            ("0o10", Scalar::Int(8)),
            ("0x1F", Scalar::Int(31)),
            ("-0b11", Scalar::Int(-3)),
            ("1_000", Scalar::Int(1000)),
            ("08", Scalar::Float(8.0)),
            ("+5", Scalar::Int(5)),
            ("18446744073709551615", Scalar::Uint(u64::MAX)),
            ("-9223372036854775808", Scalar::Int(i64::MIN)),
            ("99999999999999999999", Scalar::Float(1e20)),
            ("1e3", Scalar::Float(1000.0)),
            (".5", Scalar::Float(0.5)),
            ("1.", Scalar::Float(1.0)),
            (".", Scalar::Text(".".into())),
            ("1.2.3", Scalar::Text("1.2.3".into())),
            ("12h", Scalar::Text("12h".into())),
            ("1:30", Scalar::Text("1:30".into())),
            ("2026-11-22", Scalar::Text("2026-11-22".into())),
            ("--5", Scalar::Text("--5".into())),
        ] {
            assert_eq!(read(text, true, None), Ok(value), "{text}");
        }
        assert_eq!(read("yes", false, None), Ok(Scalar::Text("yes".into())));
    }
}
