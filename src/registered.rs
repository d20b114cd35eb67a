//! The registered domain of a name, as public CAs count it.
//!
//! Goes by the Public Suffix List with its private section (`github.io` is a suffix), as built into the crate `psl`: as
//! old as that crate.

/// The registered domain that a DNS name lies under: one label more than a public suffix. A name that is a public suffix
/// itself stands for itself, as it does for Let's Encrypt (`ratelimits`, `FQDNsToETLDsPlusOne`). Wildcards count as the
/// name under them. `None` where there is no name.
pub fn registered_domain(name: &str) -> Option<String> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let name = name.strip_prefix("*.").unwrap_or(&name);
    if name.is_empty() || name == "*" {
        return None;
    }
    Some(psl::domain_str(name).unwrap_or(name).to_owned())
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
