//! The ACME directories of public CAs: their addresses, and what they ask of an account.
//!
//! Knowledge for better words only: nothing is decided by a host that is not in the list.

pub(super) use crate::inventory::host;

/// A public CA's ACME directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) name: &'static str,
    pub(super) url: &'static str,
    /// Whether an account needs an external account binding (RFC 8555 §7.3.4).
    pub(super) needs_binding: bool,
    /// Whether its certificates are for tests and trusted by nobody.
    pub(super) is_staging: bool,
}

const fn directory(name: &'static str, url: &'static str) -> Directory {
    Directory { name, url, needs_binding: false, is_staging: false }
}

const fn bound(name: &'static str, url: &'static str) -> Directory {
    Directory { needs_binding: true, ..directory(name, url) }
}

const DIRECTORIES: [Directory; 7] = [
    directory("Let's Encrypt", "https://acme-v02.api.letsencrypt.org/directory"),
    Directory {
        is_staging: true,
        ..directory("Let's Encrypt staging", "https://acme-staging-v02.api.letsencrypt.org/directory")
    },
    bound("ZeroSSL", "https://acme.zerossl.com/v2/DV90"),
    bound("Google Trust Services", "https://dv.acme-v02.api.pki.goog/directory"),
    Directory {
        is_staging: true,
        ..bound("Google Trust Services staging", "https://dv.acme-v02.test-api.pki.goog/directory")
    },
    bound("SSL.com", "https://acme.ssl.com/sslcom-dv-rsa"),
    bound("Sectigo", "https://acme.sectigo.com/v2/DV"),
];

/// The first versions of Let's Encrypt's addresses, and what came after.
const RETIRED: [(&str, &str); 2] = [
    ("acme-v01.api.letsencrypt.org", "https://acme-v02.api.letsencrypt.org/directory"),
    ("acme-staging.api.letsencrypt.org", "https://acme-staging-v02.api.letsencrypt.org/directory"),
];

/// How many letters of a host may differ for it to be a slip of the pen.
const NEAR: usize = 3;

/// The public directory on the host of `url`, whatever the path.
pub(super) fn known(url: &str) -> Option<&'static Directory> {
    DIRECTORIES.iter().find(|directory| host(directory.url).eq_ignore_ascii_case(host(url)))
}

/// The hosts of the directories whose certificates are trusted.
pub(super) fn real_hosts() -> impl Iterator<Item = &'static str> {
    DIRECTORIES.iter().filter(|directory| !directory.is_staging).map(|directory| host(directory.url))
}

/// The address that was probably meant by `url`, if that is not it: the successor of a retired one, the right path of
/// a known host, or a host of nearly the same name.
pub(super) fn meant(url: &str) -> Option<&'static str> {
    if let Some((_, successor)) = RETIRED.iter().find(|(retired, _)| retired.eq_ignore_ascii_case(host(url))) {
        return Some(successor);
    }
    let near = || {
        let distance = |directory: &&Directory| strsim::damerau_levenshtein(host(directory.url), host(url));
        DIRECTORIES.iter().filter(|directory| distance(directory) <= NEAR).min_by_key(distance)
    };
    known(url).or_else(near).map(|directory| directory.url).filter(|meant| *meant != url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_retired_addresses_are_known() {
        const LE: &str = "https://acme-v02.api.letsencrypt.org/directory";
        assert_eq!(meant("https://acme-v01.api.letsencrypt.org/directory"), Some(LE));
        assert_eq!(meant("https://acme-v02.api.letsencrypt.org/"), Some(LE));
        assert_eq!(meant("https://acme-v02.api.letsencypt.org/directory"), Some(LE));
        assert_eq!(meant(LE), None);
        assert_eq!(meant("https://ca.corp.example/acme/acme/directory"), None);
    }
}
