//! Wraps plain text to a width.

/// Adds `text` to `out`, wrapped at `width`, every line behind `indent` spaces. Words longer than a line are kept
/// whole: a name or URL that is cut cannot be pasted.
pub fn wrap(out: &mut String, text: &str, indent: usize, width: usize) {
    hang(out, "", text, indent, indent, width);
}

/// Like [`wrap`] with `lead` in front of the first line and the rest of the lines behind `hanging` spaces.
pub fn hang(out: &mut String, lead: &str, text: &str, indent: usize, hanging: usize, width: usize) {
    let mut start = out.len();
    out.extend(std::iter::repeat_n(' ', indent));
    out.push_str(lead);
    let mut used = indent + lead.chars().count();
    let mut empty = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        // A lead keeps its first word beside it only if that fits, or if a new line would not help either.
        let crowded = empty && used > hanging && !lead.is_empty() && used + length > width;
        if (!empty && used + 1 + length > width) || crowded {
            end_line(out, start);
            start = out.len();
            out.extend(std::iter::repeat_n(' ', hanging));
            used = hanging;
            empty = true;
        }
        if !empty {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
        empty = false;
    }
    end_line(out, start);
}

/// Ends the line that begins at `start`, without space at its end.
fn end_line(out: &mut String, start: usize) {
    out.truncate(start + out[start..].trim_end().len());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_kept_whole() {
        let mut out = String::new();
        wrap(&mut out, "see http://example.com/a/very/long/path now", 2, 16);
        assert_eq!(out, "  see\n  http://example.com/a/very/long/path\n  now\n");
    }

    #[test]
    fn lines_after_the_first_hang_under_the_text() {
        let mut out = String::new();
        hang(&mut out, "Next  ", "one two three", 0, 6, 14);
        assert_eq!(out, "Next  one two\n      three\n");
    }
}
