//! The JSON forms as YAML.
//!
//! Takes the same values as `json`: the two never differ in what they say.

use serde::Serialize;

use super::{escape, json};

/// One YAML document.
pub fn text<T: Serialize>(value: &T) -> String {
    // Commands stay on one line, to be pasted.
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    // Our own structs have string keys and no failing parts.
    let text = serde_saphyr::to_string_with_options(value, options).expect("our documents are YAML");
    // Invisible characters are left bare by the writer. JSON is YAML too (YAML 1.2 §1.3), and there they are escaped.
    if text.chars().any(|c| c != '\n' && escape::is_hostile(c)) { json::text(value) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_yaml_could_misread_comes_back_as_it_was() {
        let words = [
            "no",
            "null",
            "~",
            "1e3",
            "0x1f",
            "- a",
            "a: b",
            "a # b",
            "",
            " lead",
            "trail ",
            "two\nlines\n",
            "\ttab",
            "esc\u{1b}[31m",
            "\u{9b}m",
            "\u{202e}rtl",
            "'",
            "\"",
            "%",
            "@x",
            "{a",
            "2026-11-22T06:35:00Z",
            "---",
            "...",
        ];
        let long = "word ".repeat(60);
        for word in words.into_iter().chain([long.as_str(), long.trim_end()]) {
            let value = serde_json::json!({"list": [{"text": word, "none": null}]});
            let written = text(&value);
            assert!(!written.chars().any(|c| c != '\n' && escape::is_hostile(c)), "{written:?}");
            let read: serde_json::Value = serde_saphyr::from_str(&written).unwrap();
            assert_eq!(read, value, "{written}");
        }
    }
}
