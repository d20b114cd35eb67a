//! YAML text into JSON values, as kubectl reads it: plain words in the sense of YAML 1.1 (`yes` is true, `010` is
//! eight), the last of equal keys counts, and merge keys work (`sigs.k8s.io/yaml` over go-yaml 2).
//!
//! Bounded: nesting, and what aliases may add.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::{Map, Value};

use super::place::Position;
use super::scalar::{self, Scalar};
use crate::engine::field::{Path, Step};

/// How deep values may lie in one another. serde and the API server have limits of the same size.
const DEPTH: usize = 100;
/// How many values aliases may add to one document.
const ALIASED: usize = 1_000_000;

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {what}", at.line, at.column)]
pub struct Fault {
    pub at: Position,
    pub what: String,
}

/// One document of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    pub value: Value,
    /// Where its first value stands.
    pub start: Position,
    /// Its bytes: of YAML from the start of a line, of JSON from its value.
    pub range: Range<usize>,
    /// Where they begin.
    pub begin: Position,
    /// The keys that were given again, each with its path.
    pub repeated: Vec<(Path, Position)>,
}

/// The documents of a text. Empty ones are left out.
pub fn documents(text: &str) -> Result<Vec<Parsed>, Fault> {
    let mut documents = Vec::new();
    let mut open: Option<(usize, Position, Builder)> = None;
    for next in parser(text) {
        let (event, span) =
            next.map_err(|error| Fault { at: Position::of(error.marker()), what: error.info().clone() })?;
        if let Event::DocumentStart(..) = event {
            let begin = Position { column: 1, ..Position::of(&span.start) };
            open = Some((line_start(text, &span), begin, Builder::default()));
        } else if let Event::DocumentEnd = event {
            let Some((from, begin, builder)) = open.take() else { continue };
            let range = from..span.end.byte_offset().unwrap_or(text.len());
            documents.extend(builder.finish(range, begin));
        } else if let Some((_, _, builder)) = &mut open {
            let at = Position::of(&span.start);
            builder.take(event, at).map_err(|what| Fault { at, what })?;
        }
    }
    Ok(documents)
}

/// Without comments, which are no values.
fn parser(text: &str) -> Parser<'_, StrInput<'_>> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    Parser::new_from_str_with_options(text, options)
}

fn line_start(text: &str, span: &Span) -> usize {
    let start = span.start.byte_offset().unwrap_or_default();
    text[..start].rfind('\n').map_or(0, |newline| newline + 1)
}

/// A list or a map that is not complete yet.
enum Open {
    List { items: Vec<Value>, anchor: usize },
    Map { members: Map<String, Value>, key: Option<Key>, anchor: usize },
}

/// The key that waits for its value.
enum Key {
    Text(String),
    /// `<<`: the members of the value are members here.
    Merge,
}

#[derive(Default)]
struct Builder {
    start: Option<Position>,
    open: Vec<Open>,
    done: Option<Value>,
    anchors: HashMap<usize, Value>,
    aliased: usize,
    repeated: Vec<(Path, Position)>,
}

impl Builder {
    fn finish(self, range: Range<usize>, begin: Position) -> Option<Parsed> {
        let value = self.done.filter(|value| !value.is_null())?;
        Some(Parsed { value, start: self.start.unwrap_or(Position::START), range, begin, repeated: self.repeated })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser may know further events, none of which is a value")]
    fn take(&mut self, event: Event<'_>, at: Position) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.start.get_or_insert(at);
                if self.wants_key() {
                    return self.key(&text, style, tag.as_deref(), at);
                }
                let value = scalar::read(&text, is_plain(style), tag.as_deref())?.into_json()?;
                self.complete(value, anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(Open::List { items: Vec::new(), anchor }, at),
            Event::MappingStart(_, anchor, _) => self.begin(Open::Map { members: Map::new(), key: None, anchor }, at),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { items, anchor }) => self.complete(Value::Array(items), anchor),
                Some(Open::Map { members, anchor, .. }) => self.complete(Value::Object(members), anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).cloned().ok_or("an alias to what it stands in")?;
                self.aliased += count(&value);
                if self.aliased > ALIASED {
                    return Err(format!("aliases add more than {ALIASED} values"));
                }
                if self.wants_key() {
                    let Value::String(text) = value else { return Err("a key that is no text".to_owned()) };
                    self.put_key(text, at);
                    return Ok(());
                }
                self.complete(value, 0)
            }
            _ => Ok(()),
        }
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Map { key: None, .. }))
    }

    fn begin(&mut self, open: Open, at: Position) -> Result<(), String> {
        self.start.get_or_insert(at);
        if self.wants_key() {
            return Err("a key that is no text".to_owned());
        }
        if self.open.len() == DEPTH {
            return Err(format!("values lie more than {DEPTH} deep"));
        }
        self.open.push(open);
        Ok(())
    }

    fn key(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, at: Position) -> Result<(), String> {
        if is_plain(style) && tag.is_none() && text == "<<" {
            if let Some(Open::Map { key, .. }) = self.open.last_mut() {
                *key = Some(Key::Merge);
            }
            return Ok(());
        }
        let text = scalar::read(text, is_plain(style), tag)?.into_key()?;
        self.put_key(text, at);
        Ok(())
    }

    fn put_key(&mut self, text: String, at: Position) {
        let is_again = matches!(self.open.last(), Some(Open::Map { members, .. }) if members.contains_key(&text));
        if is_again {
            let path = self.path().child(text.clone());
            self.repeated.push((path, at));
        }
        if let Some(Open::Map { key, .. }) = self.open.last_mut() {
            *key = Some(Key::Text(text));
        }
    }

    /// The way to the innermost list or map that is open.
    fn path(&self) -> Path {
        let steps = self.open.iter().take(self.open.len().saturating_sub(1)).map(|open| match open {
            Open::List { items, .. } => Step::Index(items.len()),
            Open::Map { key: Some(Key::Text(key)), .. } => Step::Field(key.clone().into()),
            Open::Map { key: Some(Key::Merge) | None, .. } => Step::Field("<<".into()),
        });
        steps.collect()
    }

    fn complete(&mut self, value: Value, anchor: usize) -> Result<(), String> {
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        match self.open.last_mut() {
            None => self.done = Some(value),
            Some(Open::List { items, .. }) => items.push(value),
            Some(Open::Map { members, key, .. }) => match key.take() {
                Some(Key::Text(key)) => {
                    members.insert(key, value);
                }
                Some(Key::Merge) => merge(members, value)?,
                None => return Err("a value without a key".to_owned()),
            },
        }
        Ok(())
    }
}

/// Puts the members of a map, or of maps of which earlier ones count more, in place of what is there.
fn merge(members: &mut Map<String, Value>, value: Value) -> Result<(), String> {
    const WRONG: &str = "map merge requires map or sequence of maps as the value";
    match value {
        Value::Object(more) => members.extend(more),
        Value::Array(items) => {
            for item in items.into_iter().rev() {
                let Value::Object(more) = item else { return Err(WRONG.to_owned()) };
                members.extend(more);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Err(WRONG.to_owned()),
    }
    Ok(())
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(count).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

fn is_plain(style: ScalarStyle) -> bool {
    match style {
        ScalarStyle::Plain => true,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted | ScalarStyle::Literal | ScalarStyle::Folded => false,
    }
}

impl Scalar {
    fn into_json(self) -> Result<Value, String> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => bool.into(),
            Self::Int(int) => int.into(),
            Self::Uint(uint) => uint.into(),
            // JSON has no such numbers, and Go's words for that are these.
            Self::Float(float) => serde_json::Number::from_f64(float)
                .map(Value::Number)
                .ok_or_else(|| format!("json: unsupported value: {}", scalar::go_float(float)))?,
            Self::Text(text) => text.into(),
        })
    }

    fn into_key(self) -> Result<String, String> {
        Ok(match self {
            Self::Null => return Err("a key that is null".to_owned()),
            Self::Bool(bool) => bool.to_string(),
            Self::Int(int) => int.to_string(),
            Self::Uint(uint) => uint.to_string(),
            Self::Float(float) => scalar::go_float(float),
            Self::Text(text) => text,
        })
    }
}

/// Where the value of a path stands in a text of one document, or the last of the values on the way to it: at its key,
/// or where an item begins.
pub fn locate(text: &str, path: &Path) -> Option<Position> {
    let wanted = path.steps();
    let mut open: Vec<Way> = Vec::new();
    let mut found = None;
    for next in parser(text) {
        let Ok((event, span)) = next else { break };
        let at = Position::of(&span.start);
        let key = open.last_mut().and_then(|way| way.key.as_mut()).filter(|key| !key.is_given);
        match (&event, key) {
            (Event::Scalar(text, style, _, tag), Some(key)) => {
                let scalar = scalar::read(text, is_plain(*style), tag.as_deref());
                *key = KeyAt { text: scalar.and_then(Scalar::into_key).ok(), at, is_given: true };
                continue;
            }
            // Where the text of the key stands is not where the key is.
            (Event::Alias(_), Some(key)) => {
                *key = KeyAt { text: None, at, is_given: true };
                continue;
            }
            (Event::Scalar(..) | Event::Alias(_), None) | (Event::SequenceStart(..) | Event::MappingStart(..), _) => {}
            (Event::SequenceEnd | Event::MappingEnd, _) => {
                open.pop();
                continue;
            }
            (Event::DocumentEnd, _) => break,
            _ => continue,
        }
        let depth = open.len();
        let is_right = match open.last_mut() {
            None => true,
            Some(way) => {
                let (place, is_step) = way.step(at, wanted.get(depth - 1));
                let is_right = way.is_right && is_step;
                if is_right {
                    found = Some(place);
                }
                is_right
            }
        };
        if let Event::SequenceStart(..) = event {
            open.push(Way { is_right, index: 0, key: None });
        } else if let Event::MappingStart(..) = event {
            open.push(Way { is_right, index: 0, key: Some(KeyAt::default()) });
        }
    }
    found
}

/// A list or map on the way.
struct Way {
    /// Whether the way wanted leads through it.
    is_right: bool,
    /// The next item of a list.
    index: usize,
    /// The key that waits for its value, in a map.
    key: Option<KeyAt>,
}

#[derive(Default)]
struct KeyAt {
    text: Option<String>,
    at: Position,
    is_given: bool,
}

impl Way {
    /// Goes on to the next value: where it stands, and whether it is the one of `step`.
    fn step(&mut self, at: Position, step: Option<&Step>) -> (Position, bool) {
        if let Some(key) = &mut self.key {
            let key = std::mem::take(key);
            let is_step = match step {
                Some(Step::Field(name)) => key.text.as_deref() == Some(name),
                Some(Step::Index(_) | Step::Key(_)) | None => false,
            };
            (key.at, is_step)
        } else {
            let index = self.index;
            self.index += 1;
            let is_step = match step {
                Some(Step::Index(wanted)) => *wanted == index,
                Some(Step::Field(_) | Step::Key(_)) | None => false,
            };
            (at, is_step)
        }
    }
}
