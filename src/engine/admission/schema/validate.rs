//! Whether an object fits its schema, in the words of the API server (`k8s.io/kube-openapi/pkg/validation`).
//!
//! The API server goes through the members in no particular order; here it is that of the schema.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::{Integer, List, Object, Rule, Schema, Text};
use crate::engine::field::{ErrorKind, FieldError, Path, Step};
use crate::engine::golang;

/// The errors of an object: first those of its values, then of items that must differ, then of rules. Rules are asked
/// only of an object that has the right shape. What is as it was in `old` is not judged again, but for lists: the API
/// server does not know which item was which.
pub fn validate(object: &Value, old: Option<&Value>, schema: &'static Schema) -> Vec<FieldError> {
    Judging::new(Path::root()).judged(object, old, schema)
}

/// The same for an update of the status alone. The rules of the whole schema are not asked, and what is said of a
/// place begins below the status.
pub fn validate_status(status: &Value, old: Option<&Value>, schema: &'static Schema) -> Vec<FieldError> {
    let Schema::Object(object) = schema else { return Vec::new() };
    let Some(field) = object.field("status") else { return Vec::new() };
    let mut judging = Judging::new(Path::new("status"));
    judging.value(status, old, field.schema);
    judging.all_keys(status, old, field.schema);
    if has_rules(schema) && judging.is_misshapen() {
        judging.errors.push(unasked());
    }
    judging.errors
}

/// What is said in place of rules that were not asked.
fn unasked() -> FieldError {
    FieldError {
        path: Path::root(),
        kind: ErrorKind::Invalid,
        value: Some("null".to_owned()),
        detail:
            "some validation rules were not checked because the object was invalid; correct the existing errors to \
                 complete validation"
                .to_owned(),
    }
}

struct Judging {
    /// Where the schema begins.
    base: Path,
    /// The way from there.
    at: Path,
    errors: Vec<FieldError>,
}

impl Judging {
    const fn new(base: Path) -> Self {
        Self { base, at: Path::root(), errors: Vec::new() }
    }

    fn judged(mut self, object: &Value, old: Option<&Value>, schema: &'static Schema) -> Vec<FieldError> {
        self.value(object, old, schema);
        self.all_keys(object, old, schema);
        if has_rules(schema) {
            if self.is_misshapen() {
                self.errors.push(unasked());
            } else {
                self.rules(object, old, schema);
            }
        }
        self.errors
    }

    fn is_misshapen(&self) -> bool {
        self.errors.iter().any(|error| match error.kind {
            ErrorKind::Required | ErrorKind::TypeInvalid | ErrorKind::Unsupported | ErrorKind::TooLong => true,
            ErrorKind::Invalid | ErrorKind::Forbidden | ErrorKind::Duplicate => false,
        })
    }

    /// Where it stands in the object.
    fn place(&self) -> Path {
        self.base.join(&self.at)
    }

    fn within<R>(&mut self, step: Step, judge: impl FnOnce(&mut Self) -> R) -> R {
        self.at.push(step);
        let result = judge(self);
        self.at.pop();
        result
    }

    fn value(&mut self, value: &Value, old: Option<&Value>, schema: &'static Schema) {
        if old == Some(value) {
            return;
        }
        match schema {
            Schema::Object(object) => self.object(value, old, object),
            Schema::Map(item) => self.map(value, old, item),
            Schema::List(list) => self.list(value, old, list),
            Schema::Text(text) => self.text(value, text),
            Schema::Integer(integer) => self.integer(value, integer),
            Schema::Boolean => {
                if !value.is_boolean() {
                    self.type_error(value, "boolean");
                }
            }
            Schema::Quantity(pattern) => match value {
                Value::String(text) if !pattern.is_in(text) => self.pattern_error(text, pattern.text),
                Value::String(_) => {}
                Value::Number(number) if whole(number).is_some() => {}
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    self.type_error(value, "integer,string");
                    self.no_quantity(value);
                }
            },
            Schema::Metadata => {
                if !value.is_object() {
                    self.type_error(value, "object");
                }
            }
            Schema::Anything => {}
        }
    }

    fn object(&mut self, value: &Value, old: Option<&Value>, object: &'static Object) {
        let Value::Object(members) = value else { return self.type_error(value, "object") };
        for field in object.fields {
            if let Some(member) = members.get(field.name) {
                let old = old.and_then(|old| old.get(field.name));
                self.within(Step::Field(field.name.into()), |judging| judging.value(member, old, field.schema));
            }
        }
        for field in object.fields.iter().filter(|field| field.required && !members.contains_key(field.name)) {
            self.errors.push(FieldError::required(self.place().child(field.name), ""));
        }
    }

    fn map(&mut self, value: &Value, old: Option<&Value>, item: &'static Schema) {
        let Value::Object(members) = value else { return self.type_error(value, "object") };
        for (name, member) in members {
            let old = old.and_then(|old| old.get(name));
            self.within(Step::Field(name.clone().into()), |judging| judging.value(member, old, item));
        }
    }

    fn list(&mut self, value: &Value, old: Option<&Value>, list: &'static List) {
        let Value::Array(items) = value else { return self.type_error(value, "array") };
        let old = old.and_then(Value::as_array).zip(list.key);
        for (index, item) in items.iter().enumerate() {
            let same =
                |(old, key): (&'_ Vec<Value>, &str)| old.iter().position(|other| other.get(key) == item.get(key));
            let old = old.and_then(|(old, key)| same((old, key)).map(|at| &old[at]));
            self.within(Step::Index(index), |judging| judging.value(item, old, list.item));
        }
    }

    fn text(&mut self, value: &Value, text: &'static Text) {
        match (value, text.format) {
            (Value::String(given), _) => self.bounds(given, text),
            // The API server takes a list for bytes and says nothing; the webhook cannot read it then.
            (Value::Array(_), Some(_)) => {}
            (Value::Bool(_) | Value::Object(_) | Value::Number(_), Some(format)) => {
                self.typed(format.word(), format_of(value));
            }
            (Value::Null, Some(_))
            | (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_), None) => {
                self.type_error(value, "string");
            }
        }
        if !text.words.is_empty() && !text.words.iter().any(|word| value.as_str() == Some(word)) {
            let supported = text.words.iter().copied();
            self.errors.push(FieldError::unsupported(self.place(), shown(value), supported));
        }
    }

    /// The bounds of a text: the first that it breaks, and its format.
    fn bounds(&mut self, given: &str, text: &'static Text) {
        let length = given.chars().count();
        if let Some(max) = text.max.filter(|max| length > *max) {
            self.errors.push(FieldError::too_long(self.place(), max));
        } else if length < text.min {
            let detail = format!("{} in body should be at least {} chars long", self.at, text.min);
            self.errors.push(FieldError::invalid(self.place(), given, detail));
        } else if let Some(pattern) = text.pattern.filter(|pattern| !pattern.is_in(given)) {
            self.pattern_error(given, pattern.text);
        }
        if let Some(format) = text.format.filter(|format| !format.fits(given)) {
            self.typed(format.word(), given);
        }
    }

    fn integer(&mut self, value: &Value, integer: &'static Integer) {
        let Value::Number(number) = value else {
            // A value that is neither text nor list is held against the format.
            return match (integer.format, value) {
                (Some(format), Value::Bool(_) | Value::Object(_)) => self.typed(format, ""),
                (Some(_), Value::Null | Value::Array(_) | Value::String(_) | Value::Number(_)) | (None, _) => {
                    self.type_error(value, "integer");
                }
            };
        };
        let whole = whole(number);
        if whole.is_none() {
            match integer.format {
                Some(format) => self.typed(format, "float64"),
                None => self.type_error(value, "integer"),
            }
        }
        self.range(whole, integer.format);
        if let (Some((least, most)), Some(given)) = (integer.range, number.as_f64()) {
            // The bounds are small enough to be floats.
            #[expect(clippy::cast_precision_loss, reason = "the bounds of cert-manager's schemas are ports")]
            let (low, high) = (least as f64, most as f64);
            let bound = if given > high { Some(("less", most)) } else { (given < low).then_some(("greater", least)) };
            if let Some((side, bound)) = bound {
                let detail = format!("{} in body should be {side} than or equal to {bound}", self.at);
                self.errors.push(FieldError::invalid_json(self.place(), number, detail));
            }
        }
    }

    /// Whether a number lies within the range of its format.
    fn range(&mut self, whole: Option<i64>, format: Option<&str>) {
        let fits = whole.is_some_and(|whole| format != Some("int32") || i32::try_from(whole).is_ok());
        if !fits {
            let format = format.map_or("(default format)".to_owned(), |format| format!("with format {format}"));
            let detail = format!("Checked value must be of type integer {format} in {}", self.at);
            self.errors.push(FieldError::invalid(self.base.clone(), "", detail));
        }
    }

    fn pattern_error(&mut self, given: &str, pattern: &str) {
        let detail = format!("{} in body should match '{pattern}'", self.at);
        self.errors.push(FieldError::invalid(self.place(), given, detail));
    }

    fn type_error(&mut self, value: &Value, wanted: &str) {
        self.typed(wanted, type_of(value));
    }

    fn typed(&mut self, wanted: &str, given: &str) {
        self.errors.push(FieldError {
            path: self.place(),
            kind: ErrorKind::TypeInvalid,
            value: Some(golang::quote(given)),
            detail: format!("{} in body must be of type {wanted}: {}", self.at, golang::quote(given)),
        });
    }

    /// What is said besides of a quantity that is neither text nor whole number.
    fn no_quantity(&mut self, value: &Value) {
        let detail = format!("{} must validate at least one schema (anyOf)", golang::quote(&self.at.to_string()));
        self.errors.push(FieldError::invalid(self.base.clone(), "", detail));
        self.type_error(value, "integer");
        if value.is_number() {
            self.range(None, None);
        }
    }

    /// [`Judging::keys`], unless items of the object as it was were the same already.
    fn all_keys(&mut self, value: &Value, old: Option<&Value>, schema: &'static Schema) {
        let had_errors = old.is_some_and(|old| {
            let mut before = Self::new(Path::root());
            before.keys(old, schema);
            !before.errors.is_empty()
        });
        if !had_errors {
            self.keys(value, schema);
        }
    }

    /// Items of a list that must differ in one member.
    fn keys(&mut self, value: &Value, schema: &'static Schema) {
        match (value, schema) {
            (Value::Object(members), Schema::Object(object)) => {
                for field in object.fields {
                    if let Some(member) = members.get(field.name) {
                        self.within(Step::Field(field.name.into()), |judging| judging.keys(member, field.schema));
                    }
                }
            }
            (Value::Object(members), Schema::Map(item)) => {
                for (name, member) in members {
                    self.within(Step::Key(name.clone().into()), |judging| judging.keys(member, item));
                }
            }
            (Value::Array(items), Schema::List(list)) => {
                if let Some(key) = list.key {
                    self.duplicates(items, key);
                }
                for (index, item) in items.iter().enumerate() {
                    self.within(Step::Index(index), |judging| judging.keys(item, list.item));
                }
            }
            (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _)
            | (
                Value::Object(_) | Value::Array(_),
                Schema::Object(_)
                | Schema::Map(_)
                | Schema::List(_)
                | Schema::Text(_)
                | Schema::Integer(_)
                | Schema::Boolean
                | Schema::Quantity(_)
                | Schema::Metadata
                | Schema::Anything,
            ) => {}
        }
    }

    fn duplicates(&mut self, items: &[Value], key: &'static str) {
        if let Some((index, item)) = items.iter().enumerate().find(|(_, item)| !item.is_object() && !item.is_null()) {
            let detail = "must be an object for an array of list-type map".to_owned();
            let (path, value) = (self.place().index(index), Some(shown(item)));
            return self.errors.push(FieldError { path, kind: ErrorKind::Invalid, value, detail });
        }
        let values: Vec<Option<&Value>> = items.iter().map(|item| item.get(key)).collect();
        for (index, value) in values.iter().enumerate() {
            // Of many the second is told.
            if values[..index].iter().filter(|other| *other == value).count() == 1 {
                let named: BTreeMap<_, _> = value.map(|value| (key, value)).into_iter().collect();
                self.errors.push(FieldError::duplicate(self.place().index(index), golang::json(&named)));
            }
        }
    }

    fn rules(&mut self, value: &Value, old: Option<&Value>, schema: &'static Schema) {
        match (value, schema) {
            _ if old == Some(value) => {}
            (Value::Object(members), Schema::Object(object)) => {
                if let Some(rule) = object.rule.filter(|rule| !holds(rule, value)) {
                    self.errors.push(FieldError {
                        path: self.place(),
                        kind: ErrorKind::Invalid,
                        value: None,
                        detail: rule.message.to_owned(),
                    });
                }
                for field in object.fields {
                    if let Some(member) = members.get(field.name) {
                        let old = old.and_then(|old| old.get(field.name));
                        self.within(Step::Field(field.name.into()), |judging| judging.rules(member, old, field.schema));
                    }
                }
            }
            // No rule lies below a list or a map.
            (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_), _)
            | (
                Value::Object(_),
                Schema::Map(_)
                | Schema::List(_)
                | Schema::Text(_)
                | Schema::Integer(_)
                | Schema::Boolean
                | Schema::Quantity(_)
                | Schema::Metadata
                | Schema::Anything,
            ) => {}
        }
    }
}

fn holds(rule: &Rule, value: &Value) -> bool {
    rule.one_of.iter().filter(|name| value.get(**name).is_some()).count() == 1
}

/// The word of JSON Schema for the type of a value; a number with a fraction that is zero is whole.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The word for the format of a value.
fn format_of(value: &Value) -> &'static str {
    match value {
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => "",
    }
}

/// The number, if it is whole. Beyond what a float holds exactly, none written with a point or an exponent counts.
pub(super) fn whole(number: &Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_991.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within the range of exact floats")]
    let of_float = |float: f64| (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64);
    number.as_i64().or_else(|| number.as_f64().filter(|_| number.is_f64()).and_then(of_float))
}

/// Whether there is a CEL rule anywhere.
fn has_rules(schema: &Schema) -> bool {
    match schema {
        Schema::Object(object) => object.rule.is_some() || object.fields.iter().any(|field| has_rules(field.schema)),
        Schema::Map(item) => has_rules(item),
        Schema::List(list) => has_rules(list.item),
        Schema::Text(_)
        | Schema::Integer(_)
        | Schema::Boolean
        | Schema::Quantity(_)
        | Schema::Metadata
        | Schema::Anything => false,
    }
}

/// A value as Go prints it in a message.
fn shown(value: &Value) -> String {
    if let Value::String(text) = value { golang::quote(text) } else { golang::json(value) }
}
