//! Constraints that Go writes into a certificate and then does not read again (`crypto/x509/parser.go`, Go 1.26), which is
//! how cert-manager comes to sign a certificate and refuse it.

use std::net::IpAddr;

use thiserror::Error;

use crate::x509::der::{self, Reader};

/// A constraint that makes no name, in Go's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Unreadable {
    #[error("x509: failed to parse dnsName constraint {0:?}")]
    Dns(String),
    #[error("x509: failed to parse rfc822Name constraint {0:?}")]
    Mail(String),
    #[error("x509: failed to parse URI constraint {0:?}")]
    Uri(String),
    #[error("x509: failed to parse URI constraint {0:?}: cannot be IP address")]
    UriAddress(String),
}

/// Reads the value of an extension that was written here.
pub(in crate::pki) fn reread(value: &[u8]) -> Result<(), Unreadable> {
    let sides = Reader(value).next().and_then(|whole| whole.inner(der::SEQUENCE)).into_iter().flatten();
    let bases = sides.flat_map(|side| Reader(side.content)).filter_map(|tree| tree.inner(der::SEQUENCE)?.next());
    for base in bases {
        let Ok(text) = std::str::from_utf8(base.content) else { continue };
        let owned = || text.to_owned();
        match base.tag.wrapping_sub(der::PRIMITIVE_0) {
            1 if !(if text.contains('@') { is_mailbox(text) } else { is_domain(text) }) => {
                return Err(Unreadable::Mail(owned()));
            }
            2 if !is_domain(text) => return Err(Unreadable::Dns(owned())),
            6 if text.parse::<IpAddr>().is_ok() => return Err(Unreadable::UriAddress(owned())),
            6 if !is_domain(text) => return Err(Unreadable::Uri(owned())),
            _ => {}
        }
    }
    Ok(())
}

/// `domainNameValid`: labels that are not empty, perhaps behind a dot; the empty text counts.
fn is_domain(text: &str) -> bool {
    text.is_empty() || are_labels(text.strip_prefix('.').unwrap_or(text))
}

/// Labels of visible ASCII, none of them empty.
fn are_labels(text: &str) -> bool {
    text.split('.').all(|label| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// `parseRFC2821Mailbox`: a local part, quoted or not, and any labels as its domain.
fn is_mailbox(text: &str) -> bool {
    let domain = match text.strip_prefix('"') {
        Some(quoted) => behind_quoted(quoted),
        None => behind_atoms(text),
    };
    domain.and_then(|domain| domain.strip_prefix('@')).is_some_and(|domain| domain.is_empty() || are_labels(domain))
}

/// What follows a quoted local part.
fn behind_quoted(text: &str) -> Option<&str> {
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return text.get(at + 1..),
            b'\\' => {
                bytes.next().filter(|(_, byte)| !matches!(byte, 0 | 10 | 13))?;
            }
            0 | 9 | 10 | 13 => return None,
            _ => {}
        }
    }
    None
}

/// What follows a local part without quotes: atoms between dots, where a backslash lets the next character pass.
fn behind_atoms(text: &str) -> Option<&str> {
    let mut local = String::new();
    let mut rest = text.chars();
    loop {
        let mut ahead = rest.clone();
        match ahead.next() {
            Some('\\') => local.push(ahead.next()?),
            Some(char) if char.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(char) => local.push(char),
            Some(_) | None => break,
        }
        rest = ahead;
    }
    let is_dotted = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    (!local.is_empty() && !is_dotted).then_some(rest.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tag: u8, text: &str) -> Result<(), Unreadable> {
        let base = der::element(der::PRIMITIVE_0 + tag, text.as_bytes());
        reread(&der::sequence([der::element(der::CONTEXT_0, &der::element(der::SEQUENCE, &base))]))
    }

    #[test]
    fn names_are_read_as_go_reads_them() {
        for (tag, text) in [
            (2, ""),
            (2, ".example.com"),
            (2, "*.Example_1.com"),
            (1, "example.com"),
            (1, "a.b+c@example.com"),
            (1, r#""a b\""@example.com"#),
            (1, r"a\@b@example.com"),
            (1, "a@"),
            (6, ".example.com"),
        ] {
            assert_eq!(read(tag, text), Ok(()), "{text}");
        }
        let wrong = [
            (2, "example.com.", "x509: failed to parse dnsName constraint \"example.com.\""),
            (2, "a..b", "x509: failed to parse dnsName constraint \"a..b\""),
            (2, ".", "x509: failed to parse dnsName constraint \".\""),
            (1, "a.@example.com", "x509: failed to parse rfc822Name constraint \"a.@example.com\""),
            (1, "@example.com", "x509: failed to parse rfc822Name constraint \"@example.com\""),
            (1, "a b@example.com", "x509: failed to parse rfc822Name constraint \"a b@example.com\""),
            (1, "\"a@b", "x509: failed to parse rfc822Name constraint \"\\\"a@b\""),
            (1, "a@.example.com", "x509: failed to parse rfc822Name constraint \"a@.example.com\""),
            (6, "10.0.0.1", "x509: failed to parse URI constraint \"10.0.0.1\": cannot be IP address"),
            (6, "a b", "x509: failed to parse URI constraint \"a b\""),
        ];
        for (tag, text, words) in wrong {
            assert_eq!(read(tag, text).map_err(|error| error.to_string()), Err(words.to_owned()), "{text}");
        }
    }
}
