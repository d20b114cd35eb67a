//! The CRD schemas of cert-manager 1.21.1 as data, and what the API server does with them.
//!
//! The order is the API server's: [`prune`] drops what the schema does not know, [`default`] fills in the few
//! defaults, [`validate`] judges. Facts from `deploy/crds`; a test on a real API server compares them node by node.

mod certificate;
mod issuer;
mod order;
mod pod;
mod request;
mod solver;

mod default;
mod format;
mod prune;
mod validate;

use std::sync::LazyLock;

use regex::Regex;

use crate::objref::Kind;

pub use default::default;
pub use prune::prune;
pub use validate::{validate, validate_status};

/// What may stand in one place of an object.
#[derive(Debug)]
pub enum Schema {
    /// Members with fixed names.
    Object(Object),
    /// Members with any names.
    Map(&'static Schema),
    List(List),
    Text(Text),
    Integer(Integer),
    Boolean,
    /// A quantity such as `100m`: text or whole number, as the pattern says.
    Quantity(&'static Pattern),
    /// `metadata`, which the API server reads by itself.
    Metadata,
    /// Any JSON.
    Anything,
}

/// An object with known members.
#[derive(Debug)]
pub struct Object {
    /// Sorted by name.
    pub fields: &'static [Field],
    /// The CEL rule on the object, if there is one.
    pub rule: Option<&'static Rule>,
}

impl Object {
    /// The member of a name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.binary_search_by(|field| field.name.cmp(name)).ok().map(|at| &self.fields[at])
    }
}

/// A member of an object.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub required: bool,
    pub schema: &'static Schema,
}

/// A list.
#[derive(Debug)]
pub struct List {
    pub item: &'static Schema,
    /// The member of an item that no two items may share (`x-kubernetes-list-type: map`).
    pub key: Option<&'static str>,
}

/// A text and its bounds.
#[derive(Debug)]
pub struct Text {
    /// The only words that it may be; empty: any.
    pub words: &'static [&'static str],
    pub pattern: Option<&'static Pattern>,
    /// In characters.
    pub min: usize,
    /// In characters.
    pub max: Option<usize>,
    pub format: Option<Format>,
    pub default: Option<&'static str>,
}

/// The formats of texts that the schemas name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Base64.
    Byte,
    /// RFC 3339.
    DateTime,
}

impl Format {
    /// The word in the schema.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Byte => "byte",
            Self::DateTime => "date-time",
        }
    }
}

/// A whole number and its bounds.
#[derive(Debug)]
pub struct Integer {
    /// `int32` or `int64`, if the schema says.
    pub format: Option<&'static str>,
    /// The least and the most that is allowed, both of them included.
    pub range: Option<(i64, i64)>,
}

/// A regular expression.
#[derive(Debug)]
pub struct Pattern {
    pub text: &'static str,
    compiled: LazyLock<Regex>,
}

impl Pattern {
    pub(super) const fn new(text: &'static str, compile: fn() -> Regex) -> Self {
        Self { text, compiled: LazyLock::new(compile) }
    }

    /// Whether the expression is found in a text.
    pub fn is_in(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }
}

/// A pattern as a static; the expression is compiled when it is first asked.
macro_rules! pattern {
    ($text:expr) => {
        $crate::engine::admission::schema::Pattern::new($text, || {
            regex::Regex::new($text).expect("the patterns are constants, and a test compiles each")
        })
    };
}
pub(super) use pattern;

/// A rule in CEL: exactly one of some members must be there. No CRD of cert-manager's has another kind of rule.
#[derive(Debug)]
pub struct Rule {
    /// The members.
    pub one_of: &'static [&'static str],
    /// What is said of an object against it.
    pub message: &'static str,
}

impl Rule {
    /// The expression as the CRD writes it.
    pub fn expression(&self) -> String {
        let counted: Vec<_> = self.one_of.iter().map(|name| format!("(has(self.{name}) ? 1 : 0)")).collect();
        format!("{} == 1", counted.join(" + "))
    }
}

/// The schema of a kind; none for kinds that are not cert-manager's.
pub const fn of(kind: Kind) -> Option<&'static Schema> {
    match kind {
        Kind::Certificate => Some(&certificate::CERTIFICATE),
        Kind::CertificateRequest => Some(&request::REQUEST),
        Kind::Issuer | Kind::ClusterIssuer => Some(&issuer::ISSUER),
        Kind::Order => Some(&order::ORDER),
        Kind::Challenge => Some(&order::CHALLENGE),
        Kind::Secret
        | Kind::Event
        | Kind::Pod
        | Kind::Service
        | Kind::Ingress
        | Kind::IngressClass
        | Kind::HttpRoute
        | Kind::Gateway
        | Kind::ListenerSet
        | Kind::Deployment
        | Kind::Lease
        | Kind::EndpointSlice
        | Kind::Host => None,
    }
}

const fn object(fields: &'static [Field]) -> Schema {
    Schema::Object(Object { fields, rule: None })
}

const fn list(item: &'static Schema) -> Schema {
    Schema::List(List { item, key: None })
}

/// A list whose items differ in one member.
const fn keyed(item: &'static Schema, key: &'static str) -> Schema {
    Schema::List(List { item, key: Some(key) })
}

const fn optional(name: &'static str, schema: &'static Schema) -> Field {
    Field { name, required: false, schema }
}

const fn required(name: &'static str, schema: &'static Schema) -> Field {
    Field { name, required: true, schema }
}

/// Any text; the others are made from it.
const ANY_TEXT: Text = Text { words: &[], pattern: None, min: 0, max: None, format: None, default: None };

const fn one_of(words: &'static [&'static str]) -> Schema {
    Schema::Text(Text { words, ..ANY_TEXT })
}

const fn integer(format: Option<&'static str>) -> Schema {
    Schema::Integer(Integer { format, range: None })
}

static TEXT: Schema = Schema::Text(ANY_TEXT);
static BYTES: Schema = Schema::Text(Text { format: Some(Format::Byte), ..ANY_TEXT });
static TIME: Schema = Schema::Text(Text { format: Some(Format::DateTime), ..ANY_TEXT });
static TEXTS: Schema = list(&TEXT);
static TEXT_MAP: Schema = Schema::Map(&TEXT);
static BOOLEAN: Schema = Schema::Boolean;
static INTEGER: Schema = integer(None);
static INT32: Schema = integer(Some("int32"));
static INT64: Schema = integer(Some("int64"));
static METADATA: Schema = Schema::Metadata;

static ISSUER_REF: Schema = object(&[optional("group", &TEXT), optional("kind", &TEXT), required("name", &TEXT)]);
static SECRET_KEY_REF: Schema = object(&[optional("key", &TEXT), required("name", &TEXT)]);
static LOCAL_REF: Schema = object(&[required("name", &TEXT)]);
static SERVICE_ACCOUNT_REF: Schema = object(&[optional("audiences", &TEXTS), required("name", &TEXT)]);

static CONDITION_STATUS: Schema = one_of(&["True", "False", "Unknown"]);

/// A condition of a Certificate or an issuer.
static CONDITION: Schema = object(&[
    optional("lastTransitionTime", &TIME),
    optional("message", &TEXT),
    optional("observedGeneration", &INT64),
    optional("reason", &TEXT),
    required("status", &CONDITION_STATUS),
    required("type", &TEXT),
]);

#[cfg(test)]
mod tests {
    use super::*;

    fn each(schema: &'static Schema, visit: &mut dyn FnMut(&'static Schema)) {
        visit(schema);
        match schema {
            Schema::Object(object) => object.fields.iter().for_each(|field| each(field.schema, visit)),
            Schema::Map(item) => each(item, visit),
            Schema::List(list) => each(list.item, visit),
            Schema::Text(_)
            | Schema::Integer(_)
            | Schema::Boolean
            | Schema::Quantity(_)
            | Schema::Metadata
            | Schema::Anything => {}
        }
    }

    fn each_of_all(visit: &mut dyn FnMut(&'static Schema)) {
        Kind::ALL.into_iter().filter_map(of).for_each(|schema| each(schema, visit));
    }

    #[test]
    fn fields_are_sorted_so_that_they_are_found() {
        each_of_all(&mut |schema| {
            if let Schema::Object(object) = schema {
                assert!(object.fields.is_sorted_by(|a, b| a.name < b.name), "{:?}", object.fields);
            }
        });
    }

    #[test]
    fn every_pattern_is_an_expression() {
        let mut count = 0;
        each_of_all(&mut |schema| match schema {
            Schema::Text(Text { pattern: Some(pattern), .. }) | Schema::Quantity(pattern) => {
                assert!(!pattern.is_in("\0"), "{}", pattern.text);
                count += 1;
            }
            Schema::Text(_)
            | Schema::Object(_)
            | Schema::Map(_)
            | Schema::List(_)
            | Schema::Integer(_)
            | Schema::Boolean
            | Schema::Metadata
            | Schema::Anything => {}
        });
        assert!(count > 5);
    }
}
