//! JSON text: one value behind the other, as kubectl reads a stream of them.

use serde_json::{Deserializer, Value};

use super::place::Position;
use super::yaml::{Fault, Parsed};
use crate::api::json;

/// Whether a text begins as JSON does.
pub fn begins(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// The values of a text. `null` is left out.
pub fn documents(text: &str) -> Result<Vec<Parsed>, Fault> {
    let mut documents = Vec::new();
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    let mut from = 0;
    // Where `from` is.
    let mut here = Position::START;
    while let Some(value) = values.next() {
        let value = value.map_err(|error| Fault {
            at: Position { line: error.line().max(1), column: error.column().max(1) },
            what: json::words(&error),
        })?;
        let range = from..values.byte_offset();
        from = range.end;
        let blanks = text[range.clone()].len() - text[range.clone()].trim_start().len();
        let start = here.after(&text[range.start..range.start + blanks]);
        here = here.after(&text[range.clone()]);
        if !value.is_null() {
            let range = range.start + blanks..range.end;
            documents.push(Parsed { value, start, range, begin: start, repeated: Vec::new() });
        }
    }
    Ok(documents)
}
