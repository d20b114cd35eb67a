//! Host names: how people type them, and which patterns take them.
//!
//! Knows no object and asks no name server.

/// The host of a URL, in lower case and without port, user and path; `None` if it is no URL or names none.
pub fn of_url(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    // An IPv6 address stands in brackets (RFC 3986 §3.2.2).
    let host = match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    normal(host)
}

/// A host name as it is compared: in lower case, without the dot at its end; `None` for what cannot be one.
pub fn normal(text: &str) -> Option<String> {
    let host = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let is_bad = |c: char| c.is_whitespace() || c.is_control() || "/@?#".contains(c);
    (!host.is_empty() && host.len() <= 253 && !host.contains(is_bad)).then_some(host)
}

/// Whether a word looks like a host name and not like the name of one object: labels with dots between them.
pub fn is_likely(word: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let name = word.strip_prefix("*.").unwrap_or(word);
    name.contains('.') && name.trim_end_matches('.').split('.').all(is_label)
}

/// Whether a name of a certificate, or a host of an Ingress, is good for a host (RFC 6125 §6.4.3): a wildcard stands for
/// one label.
pub fn covers(name: &str, host: &str) -> bool {
    if name.eq_ignore_ascii_case(host) {
        return true;
    }
    let parent = name.strip_prefix("*.");
    let rest = host.split_once('.').map(|(_, rest)| rest);
    parent.zip(rest).is_some_and(|(parent, rest)| parent.eq_ignore_ascii_case(rest))
}

/// Whether a listener or route of the Gateway API takes a host; unlike in an Ingress, `*.` covers any depth.
pub fn takes(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => host.len() > suffix.len() && host.to_ascii_lowercase().ends_with(&suffix.to_ascii_lowercase()),
        None => pattern.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_one_label() {
        assert!(covers("*.example.com", "a.example.com"));
        assert!(covers("*.example.com", "*.EXAMPLE.com"));
        assert!(!covers("*.example.com", "example.com"));
        assert!(!covers("*.example.com", "a.b.example.com"));
        assert!(!covers("*.b.example.com", "*.example.com"));
    }

    #[test]
    fn a_listeners_host_takes_names_of_any_depth_below_it() {
        for (pattern, host, expected) in [
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.B.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "badexample.com", false),
            ("a.example.com", "A.example.com", true),
            ("a.example.com", "b.example.com", false),
        ] {
            assert_eq!(takes(pattern, host), expected, "{pattern} {host}");
        }
    }

    #[test]
    fn the_host_of_a_url_is_read_as_browsers_do() {
        for (url, host) in [
            ("https://app.example.com", Some("app.example.com")),
            ("http://user:pw@App.Example.com.:8443/login?next=https://x.example/#top", Some("app.example.com")),
            ("https://[2001:db8::1]:443/", Some("2001:db8::1")),
            ("https://", None),
            ("app.example.com", None),
        ] {
            assert_eq!(of_url(url).as_deref(), host, "{url}");
        }
        assert_eq!(normal("a b"), None);
    }

    #[test]
    fn a_name_with_dots_may_be_a_host() {
        for likely in ["app.example.com", "*.example.com", "app.example.com.", "a.b"] {
            assert!(is_likely(likely), "{likely}");
        }
        for other in ["web", "", ".", "a..b", "a.b/c", "a_b.c"] {
            assert!(!is_likely(other), "{other}");
        }
    }
}
