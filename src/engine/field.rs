//! Errors about fields, in the words of Kubernetes (`k8s.io/apimachinery/pkg/util/validation/field`).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::golang;

/// One step from an object to a field of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A member, by its name.
    Field(Cow<'static, str>),
    /// An item of a list.
    Index(usize),
    /// A word in brackets: a map's key, or the key that makes items differ.
    Key(Cow<'static, str>),
}

/// The way from an object to a field: `spec.acme.solvers[0].dns01`. The empty path is the object.
///
/// cert-manager's webhook names some fields wrongly; such a path leads nowhere in the object.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Step>);

impl Path {
    /// The object itself.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// The path to a member of the object.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(vec![Step::Field(name.into())])
    }

    /// The path of a member of what is here.
    #[must_use]
    pub fn child(&self, name: impl Into<Cow<'static, str>>) -> Self {
        self.and(Step::Field(name.into()))
    }

    /// The path of a member some levels below.
    #[must_use]
    pub fn below(&self, names: &[&'static str]) -> Self {
        Self(self.0.iter().cloned().chain(names.iter().map(|name| Step::Field(Cow::Borrowed(name)))).collect())
    }

    /// The path of an item of the list that is here.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.and(Step::Index(index))
    }

    /// The path with a word in brackets behind it.
    #[must_use]
    pub fn key(&self, key: impl Into<Cow<'static, str>>) -> Self {
        self.and(Step::Key(key.into()))
    }

    /// This path and another one behind it.
    #[must_use]
    pub fn join(&self, further: &Self) -> Self {
        Self(self.0.iter().chain(&further.0).cloned().collect())
    }

    /// The steps, from the object on.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    pub(super) fn push(&mut self, step: Step) {
        self.0.push(step);
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }

    fn and(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }
}

impl FromIterator<Step> for Path {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl fmt::Display for Path {
    /// As Go prints it; the object itself, which has no path there, is `<nil>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("<nil>");
        }
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if at == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => write!(f, "[{key}]")?,
            }
        }
        Ok(())
    }
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// It must be there, or must not be empty.
    Required,
    /// Its value is not allowed.
    Invalid,
    /// Its value is of another type than the schema's.
    TypeInvalid,
    /// Its value is none of a fixed set.
    Unsupported,
    /// It must not be there, or not be changed.
    Forbidden,
    /// Its text is too long.
    TooLong,
    /// A value that must be unique is there twice.
    Duplicate,
}

impl ErrorKind {
    const fn words(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::Unsupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::Duplicate => "Duplicate value",
        }
    }
}

/// One error about one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    pub path: Path,
    pub kind: ErrorKind,
    /// The value as Go prints it, where it prints one.
    pub value: Option<String>,
    /// What is wrong with it; may be empty.
    pub detail: String,
}

impl FieldError {
    /// The field must be there.
    pub fn required(path: Path, detail: impl Into<String>) -> Self {
        Self { path, kind: ErrorKind::Required, value: None, detail: detail.into() }
    }

    /// The field must not be there, or not be changed.
    pub fn forbidden(path: Path, detail: impl Into<String>) -> Self {
        Self { path, kind: ErrorKind::Forbidden, value: None, detail: detail.into() }
    }

    /// The text of the field is not allowed.
    pub fn invalid(path: Path, value: &str, detail: impl Into<String>) -> Self {
        Self { path, kind: ErrorKind::Invalid, value: Some(golang::quote(value)), detail: detail.into() }
    }

    /// The value of the field, which is no plain text, is not allowed. Go prints such a value as JSON; a text of a
    /// type of its own is one too.
    pub fn invalid_json(path: Path, value: &impl Serialize, detail: impl Into<String>) -> Self {
        Self { path, kind: ErrorKind::Invalid, value: Some(golang::json(value)), detail: detail.into() }
    }

    /// The value of the field is none of those in `supported`. `value` is as Go prints it.
    pub fn unsupported<'s>(path: Path, value: String, supported: impl IntoIterator<Item = &'s str>) -> Self {
        let quoted: Vec<_> = supported.into_iter().map(golang::quote).collect();
        let detail = format!("supported values: {}", quoted.join(", "));
        Self { path, kind: ErrorKind::Unsupported, value: Some(value), detail }
    }

    /// The text of the field is longer than `max` bytes.
    pub fn too_long(path: Path, max: usize) -> Self {
        let bytes = if max == 1 { "byte" } else { "bytes" };
        Self { path, kind: ErrorKind::TooLong, value: None, detail: format!("may not be more than {max} {bytes}") }
    }

    /// A value that must be unique is there twice. `value` is as Go prints it.
    pub fn duplicate(path: Path, value: String) -> Self {
        Self { path, kind: ErrorKind::Duplicate, value: Some(value), detail: String::new() }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.kind.words())?;
        if let Some(value) = &self.value {
            write!(f, ": {value}")?;
        }
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

/// Errors in one text, as Go's `ErrorList.ToAggregate` joins them: one as it is, several in brackets, each text once.
pub fn joined<T: fmt::Display>(errors: &[T]) -> String {
    let mut said = BTreeSet::new();
    let texts: Vec<_> = errors.iter().map(T::to_string).filter(|text| said.insert(text.clone())).collect();
    if let [only] = texts.as_slice() { only.clone() } else { format!("[{}]", texts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_go_writes_it() {
        let path = Path::new("spec").below(&["acme", "solvers"]).index(2).child("dns01");
        assert_eq!(path.to_string(), "spec.acme.solvers[2].dns01");
        assert_eq!(Path::new("spec").child("formats").key("type").to_string(), "spec.formats[type]");
        assert_eq!(Path::root().to_string(), "<nil>");
    }

    #[test]
    fn errors_are_worded_as_kubernetes_words_them() {
        let at = || Path::new("spec").child("a");
        for (error, words) in [
            (FieldError::required(at(), ""), "spec.a: Required value"),
            (FieldError::required(at(), "must be set"), "spec.a: Required value: must be set"),
            (FieldError::forbidden(at(), "no"), "spec.a: Forbidden: no"),
            (FieldError::invalid(at(), "x\"", "no"), r#"spec.a: Invalid value: "x\"": no"#),
            (FieldError::invalid_json(at(), &3, "no"), "spec.a: Invalid value: 3: no"),
            (
                FieldError::unsupported(at(), "\"x\"".into(), ["A", "B"]),
                r#"spec.a: Unsupported value: "x": supported values: "A", "B""#,
            ),
            (FieldError::too_long(at(), 64), "spec.a: Too long: may not be more than 64 bytes"),
            (FieldError::duplicate(at(), "\"x\"".into()), r#"spec.a: Duplicate value: "x""#),
        ] {
            assert_eq!(error.to_string(), words);
        }
    }

    #[test]
    fn several_errors_stand_in_brackets_and_equal_ones_are_said_once() {
        assert_eq!(joined(&["a"]), "a");
        assert_eq!(joined(&["b", "a", "b"]), "[b, a]");
        assert_eq!(joined(&["a", "a"]), "a");
    }
}
