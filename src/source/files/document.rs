//! YAML and JSON text into objects.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::{FilesError, parts};
use crate::inventory::Objects;
use crate::source::decode::{self, Taken};

/// Takes every document of one text.
pub fn take(objects: &mut Objects, name: &str, text: &str) -> Result<Taken, FilesError> {
    let is_json = matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'['));
    if is_json { json(objects, name, text) } else { yaml(objects, name, text) }
}

/// One or more JSON values, one behind the other.
fn json(objects: &mut Objects, name: &str, text: &str) -> Result<Taken, FilesError> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    match values.collect::<Result<Vec<_>, _>>() {
        Ok(values) => {
            let mut taken = Taken::default();
            for value in values {
                taken.add(decode::take(objects, value.get()));
            }
            Ok(taken)
        }
        // `{a: b}` is YAML in flow style, not JSON.
        Err(error) => yaml(objects, name, text).map_err(|_| FilesError::Syntax {
            file: name.to_owned(),
            line: error.line(),
            column: error.column(),
            what: without_place(&error.to_string()).to_owned(),
        }),
    }
}

fn yaml(objects: &mut Objects, name: &str, text: &str) -> Result<Taken, FilesError> {
    if let Some((parts, taken)) = parts::items(text).and_then(|items| in_parts(&items)) {
        objects.absorb(parts);
        return Ok(taken);
    }
    let documents: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, options(text.len())).map_err(|error| {
            let at = error.location();
            let said = error.to_string();
            let what = without_place(said.lines().next().unwrap_or_default());
            let what = if what.starts_with("budget breached") {
                "it nests deeper, or its aliases unfold to more, than this program reads"
            } else {
                what
            };
            FilesError::Syntax {
                file: name.to_owned(),
                line: at.map_or(0, |at| usize::try_from(at.line()).unwrap_or(usize::MAX)),
                column: at.map_or(0, |at| usize::try_from(at.column()).unwrap_or(usize::MAX)),
                what: what.to_owned(),
            }
        })?;
    let mut taken = Taken::default();
    for document in documents {
        taken.add(decode::take(objects, &document.to_string()));
    }
    Ok(taken)
}

/// The objects of a list that is read item by item. `None` if some item is not YAML by itself: an error is told with its
/// place in the whole.
fn in_parts(items: &[String]) -> Option<(Objects, Taken)> {
    let (mut objects, mut taken) = (Objects::default(), Taken { seen: 1, ..Taken::default() });
    for item in items {
        let item: Value = serde_saphyr::from_str_with_options(item, options(item.len())).ok()?;
        taken.add(decode::take(&mut objects, &item.to_string()));
    }
    Some((objects, taken))
}

/// Limits that grow with the text, whose size is bounded already: a dump of a cluster has millions of nodes. What aliases
/// unfold to, and how deep things nest, stays limited.
fn options(bytes: usize) -> serde_saphyr::Options {
    let limits = serde_saphyr::Budget::default();
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: limits.max_nodes.max(bytes),
            max_events: limits.max_events.max(bytes.saturating_mul(2)),
            max_documents: limits.max_documents.max(bytes),
            max_total_scalar_bytes: limits.max_total_scalar_bytes.max(bytes),
            max_total_comment_bytes: limits.max_total_comment_bytes.max(bytes),
        },
    }
}

/// The words of an error without the place that its reader puts before (`error: line 5 column 2: `) or behind
/// (` at line 5 column 2`).
fn without_place(words: &str) -> &str {
    let words = words.strip_prefix("error: ").unwrap_or(words);
    if let Some((place, rest)) = words.split_once(": ")
        && is_place(place)
    {
        return rest;
    }
    match words.rsplit_once(" at ") {
        Some((rest, place)) if is_place(place) => rest,
        Some(_) | None => words,
    }
}

/// `line 5 column 2`, with or without a comma.
fn is_place(text: &str) -> bool {
    let mut words = text.split([' ', ',']).filter(|word| !word.is_empty());
    let mut number_after = |word| words.next() == Some(word) && words.next().is_some_and(|n| n.parse::<u64>().is_ok());
    number_after("line") && number_after("column") && words.next().is_none()
}

/// UTF-8 with or without a byte order mark, or UTF-16 with one.
pub fn text<'b>(name: &str, bytes: &'b [u8]) -> Result<Cow<'b, str>, FilesError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_said_once() {
        for text in ["a: [b\nc: d\n", "{\"a\": [}", "a: b\n  c: d\n", "a: \"b\n"] {
            let error = take(&mut Objects::default(), "x", text).unwrap_err().to_string();
            assert_eq!(error.matches(" line ").count(), 1, "{error}");
            assert!(!error.contains("error:"), "{error}");
        }
        assert_eq!(without_place("error: line 5 column 2: no such thing: a"), "no such thing: a");
        assert_eq!(without_place("expected value at line 3 column 13"), "expected value");
        assert_eq!(without_place("found: a"), "found: a");
    }

    #[test]
    fn a_dump_may_hold_more_than_a_reader_of_settings_takes() {
        let issuer = "apiVersion: cert-manager.io/v1\nkind: ClusterIssuer\nmetadata: {name: a, labels: {";
        let labels = (0..300_000).map(|n| format!("l{n}: v")).collect::<Vec<_>>().join(",");
        let mut objects = Objects::default();
        let taken = take(&mut objects, "x", &format!("{issuer}{labels}}}}}\n")).unwrap();
        assert_eq!((taken.seen, objects.cluster_issuers.len()), (1, 1));
        let many = format!("---\n{issuer}}}}}\n").repeat(2_000);
        assert_eq!(take(&mut Objects::default(), "x", &many).unwrap().seen, 2_000);
    }

    #[test]
    fn aliases_that_unfold_without_end_are_refused() {
        let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for (name, of) in ('b'..='j').zip('a'..) {
            let nine = vec![format!("*{of}"); 9].join(",");
            bomb += &format!("{name}: &{name} [{nine}]\n");
        }
        let error = take(&mut Objects::default(), "x", &bomb).unwrap_err().to_string();
        assert!(error.contains("aliases unfold to more"), "{error}");
    }

    #[test]
    fn a_broken_item_is_told_with_its_place_in_the_file() {
        let list = "kind: List\nitems:\n- kind: A\n- kind: B\n   c: d\n";
        let error = take(&mut Objects::default(), "x", list).unwrap_err().to_string();
        assert!(error.starts_with("x: line 5, column"), "{error}");
    }

    #[test]
    fn a_list_read_item_by_item_holds_the_same() {
        let text = include_str!("../../../tests/specimens/healthy.yaml");
        let (mut whole, mut parted) = (Objects::default(), Objects::default());
        let value: Value = serde_saphyr::from_str(text).unwrap();
        let taken = decode::take(&mut whole, &value.to_string());
        assert!(parts::items(text).is_some());
        assert_eq!(take(&mut parted, "x", text).unwrap(), taken);
        assert_eq!(format!("{parted:?}"), format!("{whole:?}"));
    }

    #[test]
    fn json_values_that_stand_in_yaml_documents_are_taken_once() {
        let issuer = r#"{"apiVersion":"cert-manager.io/v1","kind":"ClusterIssuer","metadata":{"name":"a"}}"#;
        let mut objects = Objects::default();
        let taken = take(&mut objects, "x", &format!("{issuer}\n---\n{issuer}\n")).unwrap();
        assert_eq!((taken.seen, objects.cluster_issuers.len()), (2, 2));
    }
}
