//! The JSON of the annotation `cert-manager.io/secret-template`, as a strict `json.Decoder` of Go's reads it.
//!
//! It reads one value and no further, takes names of members in any case, lets `null` pass and stops at the first
//! error, for which it has its own words. A reader of ours would take other texts.

use std::collections::BTreeMap;

use crate::api::certificate::SecretTemplate;
use crate::engine::golang::quote;

/// Reads the template, or says why Go does not.
pub(super) fn secret_template(text: &str) -> Result<SecretTemplate, String> {
    let value = Scanner { text, at: 0, open: Vec::new() }.value()?;
    let mut template = SecretTemplate::default();
    match Shape::of(value) {
        Shape::Null => {}
        Shape::Object => {
            for (key, value) in members(value) {
                match fold(&key).as_str() {
                    "annotations" => fill(&mut template.annotations, "annotations", value)?,
                    "labels" => fill(&mut template.labels, "labels", value)?,
                    _ => return Err(format!("json: unknown field {}", quote(&key))),
                }
            }
        }
        shape @ (Shape::Array | Shape::Text | Shape::Number | Shape::Truth) => {
            return Err(format!("json: cannot unmarshal {} into Go value of type v1.{STRUCT}", shape.word()));
        }
    }
    Ok(template)
}

const STRUCT: &str = "CertificateSecretTemplate";

/// Adds to a map; members that come twice replace each other, `null` takes all away.
fn fill(map: &mut BTreeMap<String, String>, field: &str, value: &str) -> Result<(), String> {
    let wrong = |shape: Shape, type_: &str| {
        let what = shape.word();
        Err(format!("json: cannot unmarshal {what} into Go struct field {STRUCT}.{field} of type {type_}"))
    };
    match Shape::of(value) {
        Shape::Null => map.clear(),
        Shape::Object => {
            for (key, value) in members(value) {
                match Shape::of(value) {
                    Shape::Text => map.insert(key, unquote(value)),
                    Shape::Null => map.insert(key, String::new()),
                    shape @ (Shape::Object | Shape::Array | Shape::Number | Shape::Truth) => {
                        return wrong(shape, "string");
                    }
                };
            }
        }
        shape @ (Shape::Array | Shape::Text | Shape::Number | Shape::Truth) => {
            return wrong(shape, "map[string]string");
        }
    }
    Ok(())
}

/// What a value is; its first letter shows it.
#[derive(Clone, Copy)]
enum Shape {
    Object,
    Array,
    Text,
    Number,
    Truth,
    Null,
}

impl Shape {
    fn of(value: &str) -> Self {
        match value.as_bytes() {
            [b'{', ..] => Self::Object,
            [b'[', ..] => Self::Array,
            [b'"', ..] => Self::Text,
            [b't' | b'f', ..] => Self::Truth,
            [b'n', ..] => Self::Null,
            _ => Self::Number,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::Text => "string",
            Self::Number => "number",
            Self::Truth => "bool",
            Self::Null => "null",
        }
    }
}

/// A name of a member as Go compares it: lower case, and the long s is an s.
fn fold(key: &str) -> String {
    key.chars().map(|char| if char == '\u{17f}' { 's' } else { char.to_ascii_lowercase() }).collect()
}

/// The members of an object that was scanned, in order.
fn members(object: &str) -> Vec<(String, &str)> {
    let mut members = Vec::new();
    let mut rest = object[1..].trim_start_matches(SPACE);
    while rest.starts_with('"') {
        let (key, after) = rest.split_at(end_of_text(rest));
        let value = after.trim_start_matches(SPACE).trim_start_matches(':').trim_start_matches(SPACE);
        let (value, after) = value.split_at(end_of_value(value));
        members.push((unquote(key), value));
        rest = after.trim_start_matches(SPACE).trim_start_matches(',').trim_start_matches(SPACE);
    }
    members
}

const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Where a valid value that starts here ends.
fn end_of_value(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'"' => at += end_of_text(&text[at..]),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
                continue;
            }
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            _ => at += text[at..].find(|char| "{}[],: \t\r\n\"".contains(char)).unwrap_or(text.len() - at),
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Where a valid text in quotes that starts here ends.
fn end_of_text(text: &str) -> usize {
    let mut at = 1;
    loop {
        match text.as_bytes().get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') => return at + 1,
            Some(_) => at += 1,
            None => return text.len(),
        }
    }
}

/// A valid text without its quotes. Half of a surrogate pair becomes the replacement character.
fn unquote(quoted: &str) -> String {
    let mut out = String::new();
    let mut rest = quoted.strip_prefix('"').unwrap_or(quoted);
    while let Some(char) = rest.chars().next() {
        rest = &rest[char.len_utf8()..];
        match char {
            '"' => break,
            '\\' => rest = unescape(rest, &mut out),
            _ => out.push(char),
        }
    }
    out
}

/// Reads what follows a backslash; gives what is left.
fn unescape<'t>(text: &'t str, out: &mut String) -> &'t str {
    let Some(letter) = text.chars().next() else { return text };
    let rest = &text[letter.len_utf8()..];
    out.push(match letter {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let (first, rest) = (code(rest), rest.get(4..).unwrap_or_default());
            let second = rest.strip_prefix("\\u").map(code).unwrap_or_default();
            let pair = char::decode_utf16([first, second]).next();
            out.push(pair.and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER));
            let is_pair = (0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(&second);
            return if is_pair { rest.get(6..).unwrap_or_default() } else { rest };
        }
        _ => letter,
    });
    rest
}

fn code(digits: &str) -> u16 {
    digits.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok()).unwrap_or_default()
}

/// Finds the end of one value, or what Go says is wrong with it.
struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// The objects (true) and arrays (false) that are open.
    open: Vec<bool>,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    AfterValue,
}

impl<'t> Scanner<'t> {
    /// So deep go Go's objects and arrays.
    const DEPTH: usize = 10_000;

    fn value(mut self) -> Result<&'t str, String> {
        self.space();
        if self.peek().is_none() {
            return Err("EOF".to_owned());
        }
        let start = self.at;
        let mut next = Next::Value;
        loop {
            next = self.step(next)?;
            if next == Next::AfterValue && self.open.is_empty() {
                return Ok(&self.text[start..self.at]);
            }
        }
    }

    fn step(&mut self, next: Next) -> Result<Next, String> {
        self.space();
        let byte = self.need()?;
        match (next, byte) {
            (Next::ValueOrEnd, b']') | (Next::KeyOrEnd, b'}') => Ok(self.close()),
            (Next::Value | Next::ValueOrEnd, _) => self.begin(byte),
            (Next::Key | Next::KeyOrEnd, b'"') => {
                self.string()?;
                self.space();
                match self.need()? {
                    b':' => self.at += 1,
                    byte => return Err(invalid(byte, "after object key")),
                }
                Ok(Next::Value)
            }
            (Next::Key | Next::KeyOrEnd, _) => Err(invalid(byte, "looking for beginning of object key string")),
            (Next::AfterValue, _) => match (self.open.last(), byte) {
                (Some(true), b',') => Ok(self.pass(Next::Key)),
                (Some(false), b',') => Ok(self.pass(Next::Value)),
                (Some(true), b'}') | (Some(false), b']') => Ok(self.close()),
                (Some(true), _) => Err(invalid(byte, "after object key:value pair")),
                (Some(false) | None, _) => Err(invalid(byte, "after array element")),
            },
        }
    }

    fn begin(&mut self, byte: u8) -> Result<Next, String> {
        match byte {
            b'{' | b'[' => {
                self.open.push(byte == b'{');
                if self.open.len() > Self::DEPTH {
                    return Err(invalid(byte, "exceeded max depth"));
                }
                return Ok(self.pass(if byte == b'{' { Next::KeyOrEnd } else { Next::ValueOrEnd }));
            }
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => return Err(invalid(byte, "looking for beginning of value")),
        }
        Ok(Next::AfterValue)
    }

    fn string(&mut self) -> Result<(), String> {
        self.at += 1;
        loop {
            match self.take()? {
                b'"' => return Ok(()),
                b'\\' => match self.take()? {
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let byte = self.take()?;
                            if !byte.is_ascii_hexdigit() {
                                return Err(invalid(byte, "in \\u hexadecimal character escape"));
                            }
                        }
                    }
                    byte => return Err(invalid(byte, "in string escape code")),
                },
                byte @ 0..0x20 => return Err(invalid(byte, "in string literal")),
                _ => {}
            }
        }
    }

    fn number(&mut self) -> Result<(), String> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.take()? {
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            byte => return Err(invalid(byte, "in numeric literal")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digit("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digit("in exponent of numeric literal")?;
        }
        Ok(())
    }

    fn digit(&mut self, place: &str) -> Result<(), String> {
        let byte = self.need()?;
        if !byte.is_ascii_digit() {
            return Err(invalid(byte, place));
        }
        self.digits();
        Ok(())
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str) -> Result<(), String> {
        for expected in word.bytes() {
            let byte = self.take()?;
            if byte != expected {
                return Err(invalid(byte, &format!("in literal {word} (expecting '{}')", char::from(expected))));
            }
        }
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn pass(&mut self, next: Next) -> Next {
        self.at += 1;
        next
    }

    fn close(&mut self) -> Next {
        self.open.pop();
        self.pass(Next::AfterValue)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn need(&self) -> Result<u8, String> {
        self.peek().ok_or_else(|| "unexpected EOF".to_owned())
    }

    fn take(&mut self) -> Result<u8, String> {
        let byte = self.need()?;
        self.at += 1;
        Ok(byte)
    }
}

/// A byte that may not stand there; Go shows it as the character of that number.
fn invalid(byte: u8, place: &str) -> String {
    let quoted = match byte {
        b'\'' => "\\'".to_owned(),
        b'"' => "\"".to_owned(),
        _ => quote(&char::from(byte).to_string()).trim_matches('"').to_owned(),
    };
    format!("invalid character '{quoted}' {place}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn maps(annotations: &[(&str, &str)], labels: &[(&str, &str)]) -> SecretTemplate {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        SecretTemplate { annotations: map(annotations), labels: map(labels) }
    }

    #[test]
    fn what_go_reads_is_read() {
        for (text, annotations, labels) in [
            ("null", &[][..], &[][..]),
            ("{}x", &[], &[]),
            ("nullx", &[], &[]),
            (r#" {"labels" : {"x" : "y" , "z":"" } } {"#, &[], &[("x", "y"), ("z", "")]),
            (r#"{"annotations":{"a":null}}"#, &[("a", "")], &[]),
            (r#"{"annotations":{"a":"b"},"annotations":{"c":"d"}}"#, &[("a", "b"), ("c", "d")], &[]),
            (r#"{"annotations":{"a":"b"},"annotations":null}"#, &[], &[]),
            (r#"{"ANNOTATIONS":{"a":"b"},"labelſ":{"c":"d"}}"#, &[("a", "b")], &[("c", "d")]),
            (r#"{"annotations":{"\"\u0061{":"\ud800x\ud83d\ude00\n\/\\"}}"#, &[("\"a{", "\u{fffd}x😀\n/\\")], &[]),
        ] {
            assert_eq!(secret_template(text), Ok(maps(annotations, labels)), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        const FIELD: &str = "into Go struct field CertificateSecretTemplate";
        const VALUE: &str = "into Go value of type v1.CertificateSecretTemplate";
        for (text, why) in [
            ("", "EOF".to_owned()),
            (" \n", "EOF".to_owned()),
            ("{", "unexpected EOF".to_owned()),
            ("tru", "unexpected EOF".to_owned()),
            ("-", "unexpected EOF".to_owned()),
            ("{\"annotations\":{\"a\":\"é", "unexpected EOF".to_owned()),
            ("[]", format!("json: cannot unmarshal array {VALUE}")),
            ("3 x", format!("json: cannot unmarshal number {VALUE}")),
            ("01", format!("json: cannot unmarshal number {VALUE}")),
            ("\"a\"", format!("json: cannot unmarshal string {VALUE}")),
            ("true", format!("json: cannot unmarshal bool {VALUE}")),
            (r#"{"a":[{"b":[1.5e-3,"]"]}],"labels":3}"#, "json: unknown field \"a\"".to_owned()),
            (
                r#"{"labels":3,"a":1}"#,
                format!("json: cannot unmarshal number {FIELD}.labels of type map[string]string"),
            ),
            (
                r#"{"annotations":{"a":-1}}"#,
                format!("json: cannot unmarshal number {FIELD}.annotations of type string"),
            ),
            (r#"{"labels":{"a":{"b":"c"}}}"#, format!("json: cannot unmarshal object {FIELD}.labels of type string")),
            (r#"{"labels":{"a":[]}}"#, format!("json: cannot unmarshal array {FIELD}.labels of type string")),
            ("{'a':1}", r"invalid character '\'' looking for beginning of object key string".to_owned()),
            (r#"{"a" 1}"#, "invalid character '1' after object key".to_owned()),
            (r#"{"a":1,}"#, "invalid character '}' looking for beginning of object key string".to_owned()),
            (r#"{"a":1 "b"}"#, r#"invalid character '"' after object key:value pair"#.to_owned()),
            ("[1 2]", "invalid character '2' after array element".to_owned()),
            ("trux", "invalid character 'x' in literal true (expecting 'e')".to_owned()),
            ("é", "invalid character 'Ã' looking for beginning of value".to_owned()),
            ("{\"a\":\"\n\"}", r"invalid character '\n' in string literal".to_owned()),
            (r#"{"a":"\x"}"#, "invalid character 'x' in string escape code".to_owned()),
            (r#"{"a":"\u12g"}"#, r"invalid character 'g' in \u hexadecimal character escape".to_owned()),
            ("-x", "invalid character 'x' in numeric literal".to_owned()),
            ("1.x", "invalid character 'x' after decimal point in numeric literal".to_owned()),
            ("1ex", "invalid character 'x' in exponent of numeric literal".to_owned()),
        ] {
            assert_eq!(secret_template(text), Err(why), "{text}");
        }
        assert_eq!(secret_template(&"[".repeat(10_001)), Err("invalid character '[' exceeded max depth".to_owned()));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"[{}\[\]",:\\u0dn a1.e-]{0,40}"#) {
            let _ = secret_template(&text);
        }

        #[test]
        fn what_serde_writes_is_read_back(key in ".{0,8}", value in ".{0,8}") {
            let template = maps(&[(&key, &value)], &[(&value, &key)]);
            let text = serde_json::json!({"annotations": template.annotations, "labels": template.labels}).to_string();
            prop_assert_eq!(secret_template(&text), Ok(template));
        }
    }
}
