//! The registered domain of a name, as public CAs count it.
//!
//! Goes by the Public Suffix List with its private section (`github.io` is a suffix), which stands in
//! `registered/suffixes.txt`, each rule in ASCII and on a line of its own: as old as the crate `psl` that a test takes it
//! from. The crate itself is that list as 10,000 functions, of which a program would be 5 MB larger.

use std::collections::HashSet;
use std::sync::LazyLock;

/// The rules of the list (<https://publicsuffix.org/list/>): `com`, `*.ck`, `!www.ck`.
static RULES: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("registered/suffixes.txt").lines().collect());

/// The registered domain that a DNS name lies under: one label more than a public suffix. A name that is a public suffix
/// itself stands for itself, as it does for Let's Encrypt (`ratelimits`, `FQDNsToETLDsPlusOne`). Wildcards count as the
/// name under them. `None` where there is no name.
pub fn registered_domain(name: &str) -> Option<String> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let name = name.strip_prefix("*.").unwrap_or(&name);
    if name.is_empty() || name == "*" {
        return None;
    }
    let suffix = suffix(name);
    let above = name[..name.len() - suffix.len()].strip_suffix('.');
    let domain = above.map_or(name, |above| &name[above.rfind('.').map_or(0, |dot| dot + 1)..]);
    Some(domain.to_owned())
}

/// The public suffix that a name ends in: by the longest rule that fits, or its last label if none does.
fn suffix(name: &str) -> &str {
    let mut rest = name;
    while let Some((_, above)) = rest.split_once('.') {
        if RULES.contains(format!("!{rest}").as_str()) {
            return above;
        }
        if RULES.contains(rest) || RULES.contains(format!("*.{above}").as_str()) {
            return rest;
        }
        rest = above;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_under_its_registered_domain() {
        for (name, domain) in [
            ("example.com", "example.com"),
            ("a.b.example.com", "example.com"),
            ("*.example.com", "example.com"),
            ("WWW.Example.COM.", "example.com"),
            ("a.example.co.uk", "example.co.uk"),
            ("example.co.uk", "example.co.uk"),
            // The private section.
            ("me.github.io", "me.github.io"),
            ("www.me.github.io", "me.github.io"),
            ("github.io", "github.io"),
            ("a.b.azurewebsites.net", "b.azurewebsites.net"),
            // Exceptions and wildcards of the list.
            ("a.www.ck", "www.ck"),
            ("a.b.something.ck", "b.something.ck"),
            // Names in ASCII, as they stand in certificates.
            ("www.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"),
            // What is on no list counts as under a suffix of one label.
            ("a.b.internal", "b.internal"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(registered_domain(name).as_deref(), Some(domain), "{name}");
        }
        for nothing in ["", ".", "*."] {
            assert_eq!(registered_domain(nothing), None, "{nothing:?}");
        }
    }
}
