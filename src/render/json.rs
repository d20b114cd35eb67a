//! Versioned JSON, laid out as kubectl lays it out.
//!
//! Foreign text stays what it is, and still no byte of it can steer a terminal: JSON may escape every character, so
//! those that would are escaped.

pub mod budget;
pub mod forecast;
pub mod origin;
pub mod v1;

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::escape;

/// Pretty JSON with four spaces and a final line break.
pub fn text<T: Serialize>(value: &T) -> String {
    let mut bytes = Vec::new();
    // Our own structs have string keys and no failing parts; a Vec takes every write.
    write(&mut bytes, value).expect("our documents are JSON");
    String::from_utf8(bytes).expect("serde_json writes UTF-8")
}

/// The same, as it comes.
pub fn write<T: Serialize>(mut out: &mut dyn io::Write, value: &T) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(&mut out, Escaping(PrettyFormatter::with_indent(b"    ")));
    value.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

/// One line of compact JSON.
pub fn line<T: Serialize>(value: &T) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Escaping(CompactFormatter));
    value.serialize(&mut serializer).expect("our documents are JSON");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("serde_json writes UTF-8")
}

/// The layout of the inner formatter, with DEL, the controls above it and invisible characters escaped. (`serde_json`
/// itself escapes what RFC 8259 §7 demands: the controls below the space.)
struct Escaping<F>(F);

impl<F: Formatter> Formatter for Escaping<F> {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, hostile)) = rest.char_indices().find(|(_, c)| escape::is_hostile(*c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            for unit in hostile.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + hostile.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_that_steers_a_terminal_is_written_as_it_is() {
        let hostile = "a\u{1b}[31m\u{7f}\u{9b}m\u{202e}\u{e0041}é\"";
        let written = text(&[hostile]);
        assert!(!written.chars().any(|c| c != '\n' && escape::is_hostile(c)), "{written:?}");
        assert!(written.contains("\\u001b[31m\\u007f\\u009bm\\u202e") && written.contains("é\\\""), "{written}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&written).unwrap(), [hostile]);
    }

    #[test]
    fn the_layout_is_that_of_kubectl() {
        assert_eq!(
            text(&serde_json::json!({"a": [1], "b": {}, "c": []})),
            "{\n    \"a\": [\n        1\n    ],\n    \"b\": {},\n    \"c\": []\n}\n"
        );
    }
}
