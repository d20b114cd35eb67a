//! Versioned JSON, laid out as kubectl lays it out.

use serde::Serialize;

/// Pretty JSON with four spaces and a final line break.
pub fn text<T: Serialize>(value: &T) -> String {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    // Our own structs have string keys and no failing parts; a Vec takes every write.
    value.serialize(&mut serializer).expect("our documents are JSON");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("serde_json writes UTF-8")
}
