//! Makes foreign text safe to print.
//!
//! Names, reasons and messages come from clusters, CAs and web servers. None of their control characters reaches
//! the terminal.

use std::fmt::Write;

/// `text` on one line: control characters are shown, not obeyed.
pub fn line(text: &str) -> String {
    // Nearly all text is printable ASCII.
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.to_owned();
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => safe.push(' '),
            '\r' => {}
            '\u{1b}' => safe.push_str("^["),
            c if is_hostile(c) => {
                // Writing to a String cannot fail.
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}

/// A table cell as kubectl shows it: cut at the first line break.
pub fn cell(text: &str) -> String {
    match text.find(['\n', '\r', '\u{c}']) {
        Some(end) => format!("{}...", line(&text[..end])),
        None => line(text),
    }
}

/// Whether a character could steer a terminal or mislead a reader.
pub fn is_hostile(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Format characters that reorder or hide text (bidirectional controls, zero-width characters).
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
            | '\u{2028}' | '\u{2029}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_not_obeyed() {
        assert_eq!(line("a\u{1b}[31mb"), "a^[[31mb");
        assert_eq!(line("a\nb\tc\rd\u{0}"), "a b cd\\u{0}");
        assert_eq!(line("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(line("\u{9b}31m"), "\\u{9b}31m");
    }

    #[test]
    fn a_cell_ends_at_the_first_line_break() {
        assert_eq!(cell("one\ntwo"), "one...");
        assert_eq!(cell("one"), "one");
    }
}
