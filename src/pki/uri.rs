//! URIs as Go's `net/url` prints them.

use std::fmt::Write as _;

/// A URI as Go's `net/url` prints it after parsing: the scheme in lower case, no empty fragment, and what may not stand
/// in a path escaped. A spec whose URI changes on the way never matches its own request.
pub(super) fn printed(uri: &str) -> String {
    let (rest, fragment) = uri.split_once('#').map_or((uri, None), |(rest, fragment)| (rest, Some(fragment)));
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let scheme_end = rest.find(':').filter(|end| is_scheme(&rest[..*end]));
    let (scheme, rest) = rest.split_at(scheme_end.unwrap_or(0));
    // An opaque part (`urn:…`) is printed as it came.
    let is_opaque = scheme_end.is_some() && !rest.starts_with(":/");
    let path_start = match rest.find("//") {
        Some(at) if at <= 1 => rest[at + 2..].find('/').map_or(rest.len(), |path| at + 2 + path),
        Some(_) | None => rest.find('/').unwrap_or(rest.len()),
    };
    let (authority, path) = rest.split_at(path_start);
    let mut out = format!("{}{authority}", scheme.to_ascii_lowercase());
    out.push_str(&if is_opaque { path.to_owned() } else { escaped(path) });
    if let Some(query) = query {
        out.push('?');
        out.push_str(query);
    }
    if let Some(fragment) = fragment.filter(|fragment| !fragment.is_empty()) {
        out.push('#');
        out.push_str(&escaped(fragment));
    }
    out
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '+' | '-' | '.'))
}

/// Left alone if it is a valid escaping already, as Go's `EscapedPath` does; else decoded and escaped anew.
fn escaped(path: &str) -> String {
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:@[]%/?".contains(&byte);
    if path.bytes().all(may_stand) {
        return path.to_owned();
    }
    let keeps = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte);
    let mut out = String::new();
    for byte in unescaped(path) {
        if keeps(byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn unescaped(text: &str) -> Vec<u8> {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let decoded = match (*first, tail) {
            (b'%', [high, low, after @ ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| (high << 4 | low, after)),
            _ => None,
        };
        match decoded {
            Some((byte, after)) => {
                out.push(byte);
                rest = after;
            }
            None => out.push(*first),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_printed_as_go_prints_them() {
        for (uri, expected) in [
            ("spiffe://cluster.local/ns/shop", "spiffe://cluster.local/ns/shop"),
            ("SPIFFE://Cluster.local/Ns", "spiffe://Cluster.local/Ns"),
            ("https://a.example/a b?c d#", "https://a.example/a%20b?c d"),
            ("https://a.example/a%2Fb#x", "https://a.example/a%2Fb#x"),
            ("urn:uuid:1-2", "urn:uuid:1-2"),
            ("https://a.example", "https://a.example"),
            ("/path:x", "/path:x"),
            ("", ""),
            ("https://u:p@h/x", "https://u:p@h/x"),
            ("https://a/ü", "https://a/%C3%BC"),
            ("https://a/a[b]", "https://a/a[b]"),
            ("https://a/!$&'()*+,;=:@", "https://a/!$&'()*+,;=:@"),
            ("https://a/a b!(c)", "https://a/a%20b%21%28c%29"),
            ("https://a?", "https://a?"),
            ("https://a/%7euser", "https://a/%7euser"),
            ("https://a/{x}'", "https://a/%7Bx%7D%27"),
            ("urn:a b", "urn:a b"),
            ("http://[::1]/x", "http://[::1]/x"),
            ("//host/pa th", "//host/pa%20th"),
            ("https://a/x?q#f%20x g", "https://a/x?q#f%20x%20g"),
        ] {
            // The right-hand side is what Go 1.26 prints.
            assert_eq!(printed(uri), expected);
        }
    }
}
