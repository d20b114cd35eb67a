//! Names, labels and annotations, as Kubernetes wants them (`k8s.io/apimachinery/pkg/api/validate/content`).

use std::collections::BTreeMap;

use super::schema::{Pattern, pattern};
use crate::engine::field::{FieldError, Path};

/// All annotations of an object together, in bytes.
const ANNOTATIONS: usize = 256 << 10;
const SUBDOMAIN_LENGTH: usize = 253;
const LABEL_LENGTH: usize = 63;

macro_rules! expression {
    ($name:ident, $bare:ident, $text:literal) => {
        const $bare: &str = $text;
        static $name: Pattern = pattern!(concat!("^", $text, "$"));
    };
}

expression!(SUBDOMAIN, SUBDOMAIN_TEXT, r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*");
expression!(DNS_LABEL, DNS_LABEL_TEXT, r"[a-z0-9]([-a-z0-9]*[a-z0-9])?");
expression!(KEY_NAME, KEY_NAME_TEXT, r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]");
expression!(LABEL_VALUE, LABEL_VALUE_TEXT, r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?");

/// What keeps a text from being a name of an object, which is a DNS subdomain of RFC 1123 in lower case.
pub fn subdomain(text: &str) -> Vec<String> {
    subdomain_of(text, "characters")
}

/// Kubernetes counts bytes in both, and calls them by two names.
fn subdomain_of(text: &str, unit: &str) -> Vec<String> {
    let mut errors = too_long(text, SUBDOMAIN_LENGTH, unit);
    if !SUBDOMAIN.is_in(text) {
        let what = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
                    must start and end with an alphanumeric character";
        errors.push(unlike(what, &["example.com"], SUBDOMAIN_TEXT));
    }
    errors
}

/// What keeps a text from being a name of a namespace, which is a DNS label of RFC 1123 in lower case.
pub fn dns_label(text: &str) -> Vec<String> {
    let mut errors = too_long(text, LABEL_LENGTH, "characters");
    if DNS_LABEL.is_in(text) {
        return errors;
    }
    if SUBDOMAIN.is_in(text) {
        errors.push("must not contain dots".to_owned());
    } else {
        let what = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
                    and end with an alphanumeric character";
        errors.push(unlike(what, &["my-name", "123-abc"], DNS_LABEL_TEXT));
    }
    errors
}

/// What keeps a text from being the key of a label or the name of a finalizer: a name with an optional prefix.
fn qualified(text: &str) -> Vec<String> {
    let what = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
                character";
    let unlike_name =
        |start: &str| unlike(&format!("{start} {what}"), &["MyName", "my.name", "123-abc"], KEY_NAME_TEXT);
    let mut errors = Vec::new();
    let name = match text.split('/').collect::<Vec<_>>().as_slice() {
        [name] => *name,
        ["", name] => {
            errors.push("prefix part must be non-empty".to_owned());
            name
        }
        [prefix, name] => {
            errors.extend(subdomain_of(prefix, "bytes").into_iter().map(|error| format!("prefix part {error}")));
            name
        }
        _ => {
            let prefix = " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![unlike_name("a valid label key") + prefix];
        }
    };
    if name.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    }
    errors.extend(too_long(name, LABEL_LENGTH, "bytes").into_iter().map(|error| format!("name part {error}")));
    if !KEY_NAME.is_in(name) {
        errors.push(unlike_name("name part"));
    }
    errors
}

fn label_value(text: &str) -> Vec<String> {
    let mut errors = too_long(text, LABEL_LENGTH, "bytes");
    if !LABEL_VALUE.is_in(text) {
        let what = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
                    start and end with an alphanumeric character";
        errors.push(unlike(what, &["MyValue", "my_value", "12345"], LABEL_VALUE_TEXT));
    }
    errors
}

/// The errors of labels. Kubernetes goes through them in no particular order.
pub fn labels(labels: &BTreeMap<String, String>, at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in labels {
        errors.extend(qualified(key).into_iter().map(|error| FieldError::invalid(at.clone(), key, error)));
        errors.extend(label_value(value).into_iter().map(|error| FieldError::invalid(at.clone(), value, error)));
    }
    errors
}

/// The errors of annotations, whose keys may have capitals anywhere.
pub fn annotations(annotations: &BTreeMap<String, String>, at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for key in annotations.keys() {
        let unfit = qualified(&key.to_lowercase()).into_iter();
        errors.extend(unfit.map(|error| FieldError::invalid(at.clone(), key, error)));
    }
    let size: usize = annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > ANNOTATIONS {
        errors.push(FieldError::too_long(at.clone(), ANNOTATIONS));
    }
    errors
}

/// The errors of finalizers.
pub fn finalizers(finalizers: &[String], at: &Path) -> Vec<FieldError> {
    let unfit = finalizers.iter().flat_map(|name| qualified(name).into_iter().map(move |error| (name, error)));
    unfit.map(|(name, error)| FieldError::invalid(at.clone(), name, error)).collect()
}

fn too_long(text: &str, max: usize, unit: &str) -> Vec<String> {
    if text.len() > max { vec![format!("must be no more than {max} {unit}")] } else { Vec::new() }
}

/// The words of Kubernetes for a text that is not like an expression.
fn unlike(what: &str, examples: &[&str], expression: &str) -> String {
    let examples: Vec<_> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{what} (e.g. {}regex used for validation is '{expression}')", examples.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(errors: &[String]) -> bool {
        errors.is_empty()
    }

    #[test]
    fn names_are_subdomains() {
        for (name, good) in [("a", true), ("a.b-c", true), ("A", false), ("a_b", false), ("-a", false), ("", false)] {
            assert_eq!(fits(&subdomain(name)), good, "{name:?}");
        }
        assert_eq!(subdomain(&"a".repeat(254)), ["must be no more than 253 characters"]);
        assert_eq!(dns_label("a.b"), ["must not contain dots"]);
        assert_eq!(dns_label(&"a".repeat(64)), ["must be no more than 63 characters"]);
        assert!(dns_label("A.b")[0].starts_with("a lowercase RFC 1123 label must"));
    }

    #[test]
    fn keys_have_a_name_and_perhaps_a_prefix() {
        for (key, good) in [("a", true), ("Example.com/a", false), ("example.com/My_Name", true), ("a/b/c", false)] {
            assert_eq!(fits(&qualified(key)), good, "{key:?}");
        }
        let annotation = BTreeMap::from([("Example.com/a".to_owned(), String::new())]);
        assert_eq!(annotations(&annotation, &Path::root()), []);
    }

    #[test]
    fn annotations_have_a_limit_together() {
        let at = Path::new("a");
        let of = |length: usize| BTreeMap::from([("k".to_owned(), "v".repeat(length))]);
        assert_eq!(annotations(&of(ANNOTATIONS - 1), &at), []);
        assert_eq!(annotations(&of(ANNOTATIONS), &at), [FieldError::too_long(at, ANNOTATIONS)]);
    }
}
