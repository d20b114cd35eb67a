//! Variables in attributes, as Go's `os.Expand` puts them in.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

const NAMES: [&str; 4] = ["POD_NAME", "POD_NAMESPACE", "POD_UID", "SERVICE_ACCOUNT_NAME"];

/// What is known of the Pod.
pub struct Variables(BTreeMap<&'static str, String>);

impl Variables {
    pub fn of(pod: &Pod) -> Self {
        let meta = &pod.metadata;
        let account = pod.spec.as_ref().and_then(|spec| spec.service_account_name.clone());
        let values = [
            meta.name.clone().unwrap_or_default(),
            meta.namespace.clone().unwrap_or_default(),
            meta.uid.clone().unwrap_or_default(),
            account.unwrap_or_else(|| "default".to_owned()),
        ];
        Self(NAMES.into_iter().zip(values).collect())
    }

    /// The text with every `$NAME` and `${NAME}` replaced.
    pub fn expand(&self, text: &str) -> Result<String, String> {
        let (mut out, mut rest, mut unknown) = (String::new(), text, Vec::new());
        while let Some(at) = rest.find('$') {
            let (before, after) = (&rest[..at], &rest[at + 1..]);
            out.push_str(before);
            if after.is_empty() {
                rest = &rest[at..];
                break;
            }
            let (name, length) = name(after);
            match name {
                Name::Is(name) => match self.0.get(name) {
                    Some(value) => out.push_str(value),
                    None => unknown.push(format!("undefined variable {name:?}")),
                },
                // The dollar stays.
                Name::Nothing => out.push('$'),
                // It goes, and what made it wrong.
                Name::Wrong => {}
            }
            rest = &after[length..];
        }
        out.push_str(rest);
        if unknown.is_empty() {
            return Ok(out);
        }
        Err(format!("{}, known variables: [{}]", unknown.join(", "), NAMES.join(" ")))
    }
}

enum Name<'t> {
    Is(&'t str),
    Nothing,
    Wrong,
}

/// The name at the start of a text, and how long it stands there (`os.getShellName`).
fn name(text: &str) -> (Name<'_>, usize) {
    let is_special = |char: char| "*#$@!?-".contains(char) || char.is_ascii_digit();
    if let Some(inner) = text.strip_prefix('{') {
        return match inner.find('}') {
            Some(0) => (Name::Wrong, 2),
            Some(end) => (Name::Is(&inner[..end]), end + 2),
            None => (Name::Wrong, 1),
        };
    }
    if text.starts_with(is_special) {
        return (Name::Is(&text[..1]), 1);
    }
    let end = text.find(|char: char| !(char.is_ascii_alphanumeric() || char == '_')).unwrap_or(text.len());
    if end == 0 { (Name::Nothing, 0) } else { (Name::Is(&text[..end]), end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_go_finds_them() {
        let mut pod = Pod::default();
        pod.metadata.name = Some("web-0".into());
        pod.metadata.namespace = Some("shop".into());
        let variables = Variables::of(&pod);
        for (text, wanted) in [
            ("", Ok("")),
            ("${POD_NAME}.$POD_NAMESPACE.svc", Ok("web-0.shop.svc")),
            ("${SERVICE_ACCOUNT_NAME}", Ok("default")),
            ("costs $", Ok("costs $")),
            ("a$.b", Ok("a$.b")),
            ("${}a${b", Ok("ab")),
            (
                "$X${Y}",
                Err(
                    "undefined variable \"X\", undefined variable \"Y\", known variables: [POD_NAME POD_NAMESPACE POD_UID SERVICE_ACCOUNT_NAME]",
                ),
            ),
            (
                "$1",
                Err("undefined variable \"1\", known variables: [POD_NAME POD_NAMESPACE POD_UID SERVICE_ACCOUNT_NAME]"),
            ),
        ] {
            assert_eq!(variables.expand(text).as_deref().map_err(String::as_str), wanted, "{text}");
        }
    }
}
