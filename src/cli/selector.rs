//! Label and field selectors, in kubectl's syntax.
//!
//! The cluster applies them itself; saved objects are matched here.

use std::collections::BTreeMap;

/// A comma-separated list of requirements; all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In { key: String, values: Vec<String> },
    NotIn { key: String, values: Vec<String> },
    Exists { key: String },
    Missing { key: String },
}

/// What cannot be read as a selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    #[error("cannot read {part:?} in the selector {whole:?}")]
    Syntax { part: String, whole: String },
    #[error("field label not supported: {field}; supported are {supported}")]
    Field { field: String, supported: String },
}

/// The fields that can be selected on.
pub const FIELDS: [&str; 5] =
    ["metadata.name", "metadata.namespace", "spec.issuerRef.name", "spec.issuerRef.kind", "spec.issuerRef.group"];

impl Selector {
    /// Reads a label selector: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`.
    pub fn labels(text: &str) -> Result<Self, SelectorError> {
        parts(text).into_iter().map(|part| requirement(part, text)).collect::<Result<_, _>>().map(Self)
    }

    /// Reads a field selector: `a=b`, `a==b`, `a!=b` over [`FIELDS`].
    pub fn fields(text: &str) -> Result<Self, SelectorError> {
        let selector = Self::labels(text)?;
        for requirement in &selector.0 {
            let (key, values) = match requirement {
                Requirement::In { key, values } | Requirement::NotIn { key, values } => (key, values.len()),
                Requirement::Exists { key } | Requirement::Missing { key } => (key, 0),
            };
            if values != 1 {
                return Err(SelectorError::Syntax { part: key.clone(), whole: text.to_owned() });
            }
            if !FIELDS.contains(&key.trim_start_matches('.')) {
                return Err(SelectorError::Field { field: key.clone(), supported: FIELDS.join(", ") });
            }
        }
        Ok(selector)
    }

    /// Whether an object with these values is selected.
    pub fn matches(&self, values: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In { key, values: wanted } => value(values, key).is_some_and(|value| wanted.contains(value)),
            Requirement::NotIn { key, values: unwanted } => {
                value(values, key).is_none_or(|value| !unwanted.contains(value))
            }
            Requirement::Exists { key } => value(values, key).is_some(),
            Requirement::Missing { key } => value(values, key).is_none(),
        })
    }
}

fn value<'v>(values: &'v BTreeMap<String, String>, key: &str) -> Option<&'v String> {
    values.get(key.trim_start_matches('.'))
}

/// Splits at commas outside parentheses.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_i32, 0);
    for (index, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn requirement(part: &str, whole: &str) -> Result<Requirement, SelectorError> {
    let syntax = || SelectorError::Syntax { part: part.to_owned(), whole: whole.to_owned() };
    let list = |text: &str| {
        let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(inner.split(',').map(|value| value.trim().to_owned()).collect::<Vec<_>>())
    };
    let word = |text: &str| {
        let text = text.trim();
        (!text.is_empty() && !text.contains([' ', '(', ')', '=', '!'])).then(|| text.to_owned())
    };
    if let Some((key, values)) = part.split_once(" notin ") {
        let (key, values) = word(key).zip(list(values)).ok_or_else(syntax)?;
        return Ok(Requirement::NotIn { key, values });
    }
    if let Some((key, values)) = part.split_once(" in ") {
        let (key, values) = word(key).zip(list(values)).ok_or_else(syntax)?;
        return Ok(Requirement::In { key, values });
    }
    if let Some((key, value)) = part.split_once("!=") {
        let key = word(key).ok_or_else(syntax)?;
        return Ok(Requirement::NotIn { key, values: vec![value.trim().to_owned()] });
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        let key = word(key).ok_or_else(syntax)?;
        return Ok(Requirement::In { key, values: vec![value.trim().to_owned()] });
    }
    if let Some(key) = part.strip_prefix('!') {
        return Ok(Requirement::Missing { key: word(key).ok_or_else(syntax)? });
    }
    Ok(Requirement::Exists { key: word(part).ok_or_else(syntax)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, values: &[(&str, &str)]) -> bool {
        let values = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Selector::labels(selector).unwrap().matches(&values)
    }

    #[test]
    fn every_form_of_label_selector_is_understood() {
        let labels = [("app", "web"), ("tier", "front")];
        for (selector, expected) in [
            ("app=web", true),
            ("app==web,tier=front", true),
            ("app=web,tier=back", false),
            ("app!=api", true),
            ("owner!=x", true),
            ("app in (api, web)", true),
            ("app notin (api,web)", false),
            ("tier", true),
            ("!owner", true),
            ("!tier", false),
            ("", true),
        ] {
            assert_eq!(selects(selector, &labels), expected, "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in ["=web", "app in web", "app in (web", "a b"] {
            assert!(Selector::labels(text).is_err(), "{text}");
        }
        assert!(matches!(Selector::fields("spec.secretName=x"), Err(SelectorError::Field { .. })));
        assert!(matches!(Selector::fields("metadata.name"), Err(SelectorError::Syntax { .. })));
        assert!(Selector::fields("spec.issuerRef.kind!=Issuer,metadata.name=web").is_ok());
    }
}
