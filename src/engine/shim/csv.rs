//! One record of CSV, as Go's `encoding/csv` reads it: `SplitWithEscapeCSV` of cert-manager's `pkg/util`.

use crate::engine::golang::quote;

const BARE: &str = "bare \" in non-quoted-field";
const QUOTE: &str = "extraneous or missing \" in quoted-field";

/// The fields of the only record in `text`.
pub(in crate::engine) fn split(text: &str) -> Result<Vec<String>, String> {
    let failed = |why: String| format!("failed to parse {} as CSV: {why}", quote(text));
    let mut reader = Reader { rest: text, line: 0 };
    let mut records: Vec<Vec<String>> = Vec::new();
    while let Some((line, record)) = reader.record().map_err(failed)? {
        if records.first().is_some_and(|first| first.len() != record.len()) {
            return Err(failed(format!("record on line {line}: wrong number of fields")));
        }
        records.push(record);
    }
    match records.len() {
        0 => Err(format!("no values found after parsing {}", quote(text))),
        1 => Ok(records.swap_remove(0)),
        _ => Err(format!("refusing to use {} as input as it parses as multiple lines of CSV", quote(text))),
    }
}

struct Reader<'t> {
    rest: &'t str,
    /// How many lines were read.
    line: usize,
}

impl Reader<'_> {
    /// The next line with its end, which is `\n` also where it was `\r\n`.
    fn line(&mut self) -> Option<String> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.find('\n').map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.line += 1;
        Some(match line.strip_suffix("\r\n") {
            Some(line) => format!("{line}\n"),
            None if rest.is_empty() => line.strip_suffix('\r').unwrap_or(line).to_owned(),
            None => line.to_owned(),
        })
    }

    /// The line on which the next record starts, and its fields; empty lines are passed over. Columns count bytes, from
    /// one.
    fn record(&mut self) -> Result<Option<(usize, Vec<String>)>, String> {
        let mut line = loop {
            match self.line() {
                None => return Ok(None),
                Some(line) if line.is_empty() || line == "\n" => {}
                Some(line) => break line,
            }
        };
        let start = self.line;
        let (mut at, mut fields) = (0, Vec::new());
        loop {
            let Some(quoted) = line[at..].strip_prefix('"') else {
                let field = line[at..].split(',').next().unwrap_or_default();
                let is_last = at + field.len() == line.len();
                let text = if is_last { field.strip_suffix('\n').unwrap_or(field) } else { field };
                if let Some(bare) = text.find('"') {
                    return Err(error(start, self.line, at + bare + 1, BARE));
                }
                fields.push(text.to_owned());
                if is_last {
                    return Ok(Some((start, fields)));
                }
                at += field.len() + 1;
                continue;
            };
            let mut text = String::new();
            at = line.len() - quoted.len();
            loop {
                let Some(end) = line[at..].find('"') else {
                    text.push_str(&line[at..]);
                    let column = line.len() + 1;
                    match self.line() {
                        Some(next) => (line, at) = (next, 0),
                        // A line that is not ended stands for the end itself, and does not count.
                        None => return Err(error(start, self.line, column, QUOTE)),
                    }
                    continue;
                };
                text.push_str(&line[at..at + end]);
                at += end + 1;
                match &line.as_bytes()[at..] {
                    [b'"', ..] => {
                        text.push('"');
                        at += 1;
                    }
                    [b',', ..] => {
                        at += 1;
                        fields.push(text);
                        break;
                    }
                    [] | [b'\n'] => {
                        fields.push(text);
                        return Ok(Some((start, fields)));
                    }
                    _ => return Err(error(start, self.line, at, QUOTE)),
                }
            }
        }
    }
}

fn error(start: usize, line: usize, column: usize, what: &str) -> String {
    if start == line {
        format!("parse error on line {line}, column {column}: {what}")
    } else {
        format!("record on line {start}; parse error on line {line}, column {column}: {what}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_record_is_split_into_its_fields() {
        for (text, fields) in [
            ("a", &["a"][..]),
            ("a,b", &["a", "b"]),
            (" a , b", &[" a ", " b"]),
            ("a,", &["a", ""]),
            (r#"""#.repeat(2).as_str(), &[""]),
            (r#""Example, Inc.",b"#, &["Example, Inc.", "b"]),
            (r#""say ""hi""""#, &["say \"hi\""]),
            ("\"a\nb\",c\n", &["a\nb", "c"]),
            ("\"a\r\nb\"\r\n\r\n", &["a\nb"]),
            ("\n\na\r", &["a"]),
        ] {
            assert_eq!(split(text).unwrap(), fields, "{text:?}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        for (text, why) in [
            ("", r#"no values found after parsing """#),
            ("\n\r", r#"no values found after parsing "\n\r""#),
            ("a\nb", r#"refusing to use "a\nb" as input as it parses as multiple lines of CSV"#),
            (
                "a\n\nb,\"c\nd\"",
                r#"failed to parse "a\n\nb,\"c\nd\"" as CSV: record on line 3: wrong number of fields"#,
            ),
            (
                "x,a\"b",
                r#"failed to parse "x,a\"b" as CSV: parse error on line 1, column 4: bare " in non-quoted-field"#,
            ),
            (
                "\"a",
                r#"failed to parse "\"a" as CSV: parse error on line 1, column 3: extraneous or missing " in quoted-field"#,
            ),
            (
                "\"a\"b",
                r#"failed to parse "\"a\"b" as CSV: parse error on line 1, column 3: extraneous or missing " in quoted-field"#,
            ),
            (
                "\"a\nbc",
                r#"failed to parse "\"a\nbc" as CSV: record on line 1; parse error on line 2, column 3: extraneous or missing " in quoted-field"#,
            ),
        ] {
            assert_eq!(split(text).unwrap_err(), why, "{text:?}");
        }
    }
}
