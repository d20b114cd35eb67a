//! JSON text: one value behind the other, as kubectl reads a stream of them.

use std::ops::Range;

use serde_json::{Deserializer, Value};

use super::place::Position;
use super::yaml::{Fault, Parsed};

/// Whether a text begins as JSON does.
pub fn begins(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// The values of a text. `null` is left out.
pub fn documents(text: &str) -> Result<Vec<Parsed>, Fault> {
    let mut documents = Vec::new();
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    let mut from = 0;
    while let Some(value) = values.next() {
        let value = value.map_err(|error| Fault {
            at: Position { line: error.line().max(1), column: error.column().max(1) },
            what: without_place(&error.to_string()),
        })?;
        let range = from..values.byte_offset();
        from = range.end;
        if !value.is_null() {
            documents.push(parsed(text, value, range));
        }
    }
    Ok(documents)
}

fn parsed(text: &str, value: Value, range: Range<usize>) -> Parsed {
    let blanks = text[range.clone()].len() - text[range.clone()].trim_start().len();
    let range = range.start + blanks..range.end;
    let before = &text[..range.start];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Parsed { value, start: Position { line, column }, range, repeated: Vec::new() }
}

/// `serde_json` puts the place behind its words.
fn without_place(words: &str) -> String {
    words.rsplit_once(" at line ").map_or(words, |(what, _)| what).to_owned()
}
