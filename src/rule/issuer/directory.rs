//! The address of a public CA's ACME directory that was probably meant.
//!
//! Knowledge for better words only: nothing is decided by a host that is not in the list.

use crate::public_ca::{PUBLIC_CAS, PublicCa, host};

/// The first versions of Let's Encrypt's addresses, and what came after.
const RETIRED: [(&str, &str); 2] = [
    ("acme-v01.api.letsencrypt.org", "https://acme-v02.api.letsencrypt.org/directory"),
    ("acme-staging.api.letsencrypt.org", "https://acme-staging-v02.api.letsencrypt.org/directory"),
];

/// How many letters of a host may differ for it to be a slip of the pen.
const NEAR: usize = 3;

/// The hosts of the directories whose certificates are trusted.
pub(super) fn real_hosts() -> impl Iterator<Item = &'static str> {
    PUBLIC_CAS.iter().filter(|ca| !ca.is_staging).flat_map(PublicCa::hosts)
}

/// The address that was probably meant by `url`, if that is not it: the successor of a retired one, the right path of
/// a known host, or a host of nearly the same name.
pub(super) fn meant(url: &str) -> Option<&'static str> {
    if let Some((_, successor)) = RETIRED.iter().find(|(retired, _)| retired.eq_ignore_ascii_case(host(url))) {
        return Some(successor);
    }
    let distance = |ca: &&PublicCa| {
        ca.hosts().map(|known| strsim::damerau_levenshtein(known, host(url))).min().unwrap_or(usize::MAX)
    };
    let near = || PUBLIC_CAS.iter().filter(|ca| distance(ca) <= NEAR).min_by_key(distance);
    let ca = PublicCa::of_server(url).or_else(near).filter(|ca| !ca.has_directory(url))?;
    ca.directory()
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
        assert_eq!(meant("https://acme.ssl.com/sslcom-dv-ecc"), None);
        assert_eq!(meant("https://ca.corp.example/acme/acme/directory"), None);
    }
}
