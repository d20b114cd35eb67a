//! YAML and JSON text into objects.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::FilesError;
use crate::inventory::Objects;
use crate::source::decode::{self, Unreadable};

/// Takes every document of one file.
pub fn take(objects: &mut Objects, name: &str, bytes: &[u8]) -> Result<Vec<Unreadable>, FilesError> {
    let text = text(name, bytes)?;
    let is_json = matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'['));
    if is_json { json(objects, name, &text) } else { yaml(objects, name, &text) }
}

/// One or more JSON values, one behind the other.
fn json(objects: &mut Objects, name: &str, text: &str) -> Result<Vec<Unreadable>, FilesError> {
    let mut unreadable = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
        match value {
            Ok(value) => unreadable.extend(decode::take(objects, value.get())),
            // `{a: b}` is YAML in flow style, not JSON.
            Err(error) if unreadable.is_empty() => {
                return yaml(objects, name, text).map_err(|_| FilesError::Syntax {
                    file: name.to_owned(),
                    line: error.line(),
                    column: error.column(),
                    what: error.to_string(),
                });
            }
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                return Err(FilesError::Syntax { file: name.to_owned(), line, column, what: error.to_string() });
            }
        }
    }
    Ok(unreadable)
}

fn yaml(objects: &mut Objects, name: &str, text: &str) -> Result<Vec<Unreadable>, FilesError> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| {
        let at = error.location();
        FilesError::Syntax {
            file: name.to_owned(),
            line: at.map_or(0, |at| usize::try_from(at.line()).unwrap_or(usize::MAX)),
            column: at.map_or(0, |at| usize::try_from(at.column()).unwrap_or(usize::MAX)),
            what: error.to_string().lines().next().unwrap_or_default().to_owned(),
        }
    })?;
    let mut unreadable = Vec::new();
    for document in documents {
        unreadable.extend(decode::take(objects, &document.to_string()));
    }
    Ok(unreadable)
}

/// UTF-8 with or without a byte order mark, or UTF-16 with one.
fn text<'b>(name: &str, bytes: &'b [u8]) -> Result<Cow<'b, str>, FilesError> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok().map(Cow::Owned)
    };
    let utf8 = |bytes: &'b [u8]| std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        _ => utf8(bytes),
    };
    text.ok_or_else(|| {
        let good = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
        // All before the bad byte is text.
        let before = String::from_utf8_lossy(&bytes[..good]);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        FilesError::Syntax { file: name.to_owned(), line, column, what: "not text: neither UTF-8 nor UTF-16".into() }
    })
}
