//! Values as Go prints them in messages.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use crate::engine::name;

/// A text in quotes, as `%q` of Go's fmt (`strconv.Quote`) writes it.
pub fn quote(text: &str) -> String {
    quoted(text.chars(), '"')
}

/// A character in quotes, as `%q` of Go's fmt (`strconv.QuoteRune`) writes it.
pub fn quote_char(char: char) -> String {
    quoted([char], '\'')
}

fn quoted(chars: impl IntoIterator<Item = char>, mark: char) -> String {
    let mut out = String::from(mark);
    for char in chars {
        // Writing to a text cannot fail.
        let _ = match char {
            '\\' => write!(out, "\\\\"),
            _ if char == mark => write!(out, "\\{mark}"),
            '\u{7}' => write!(out, "\\a"),
            '\u{8}' => write!(out, "\\b"),
            '\u{c}' => write!(out, "\\f"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            '\u{b}' => write!(out, "\\v"),
            '\0'..' ' | '\u{7f}' => write!(out, "\\x{:02x}", u32::from(char)),
            ' '..='~' => write!(out, "{char}"),
            _ if is_printable(char) => write!(out, "{char}"),
            '\0'..='\u{ffff}' => write!(out, "\\u{:04x}", u32::from(char)),
            '\u{10000}'.. => write!(out, "\\U{:08x}", u32::from(char)),
        };
    }
    out.push(mark);
    out
}

/// A value as Go's `encoding/json` writes it.
pub fn json(value: &impl Serialize) -> String {
    String::from_utf8_lossy(&name::go_json(value)).into_owned()
}

/// A list of texts as `%v` of Go's fmt writes it.
pub fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    format!("[{}]", texts.into_iter().collect::<Vec<_>>().join(" "))
}

/// A time in UTC as Go's `Time.String` writes it, without fractions of a second.
pub fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string()
}

/// Go's `unicode.IsPrint`. Rust knows it by the way it writes a text for debugging; the letter before keeps it from
/// taking a combining mark for the start of the text.
fn is_printable(char: char) -> bool {
    let text: String = ['a', char].into_iter().collect();
    text.escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_as_go_quotes_them() {
        for (text, quoted) in [
            ("web", r#""web""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("a\u{7}\u{8}\u{b}\u{c}\n\r\t\u{1}\u{7f}", r#""a\a\b\v\f\n\r\t\x01\x7f""#),
            ("jalapeño 東京 'x'", "\"jalapeño 東京 'x'\""),
            ("e\u{301}", "\"e\u{301}\""),
            ("\u{a0}\u{200b}\u{feff}", r#""\u00a0\u200b\ufeff""#),
            ("\u{1f600}\u{e0001}", "\"\u{1f600}\\U000e0001\""),
        ] {
            assert_eq!(quote(text), quoted);
        }
        assert_eq!([quote_char('\''), quote_char('"'), quote_char('\n')], [r"'\''", "'\"'", r"'\n'"]);
    }

    #[test]
    fn json_is_that_of_go() {
        assert_eq!(json(&"a<b>&"), r#""a\u003cb\u003e\u0026""#);
        assert_eq!(json(&vec!["a", "b"]), r#"["a","b"]"#);
        assert_eq!(list(["a", "b"]), "[a b]");
    }
}
