//! The public CAs: where their ACME directories are, the names that they go by in CAA records, what they ask of an account,
//! and what they allow. One dated table; what prints a figure of it prints the date too.
//!
//! Knowledge for better words and warnings ahead: nothing is decided about a host that is not in it. Asks nobody.

use jiff::SignedDuration;
use jiff::civil::{Date, date};

use crate::registered::registered_domain;

/// A public CA, or its staging environment.
#[derive(Debug, PartialEq, Eq)]
pub struct PublicCa {
    pub name: &'static str,
    /// Its ACME directories, the usual one first; `*` stands for what is different from customer to customer.
    directories: &'static [&'static str],
    /// The names that it goes by in CAA records (RFC 8659 §4.2), the one to write first.
    pub identities: &'static [&'static str],
    /// Whether an account needs an external account binding (RFC 8555 §7.3.4).
    pub needs_binding: bool,
    /// Whether its certificates are for tests and trusted by nobody.
    pub is_staging: bool,
    /// The directory of its staging environment.
    pub staging: Option<&'static str>,
    /// From when on it issues nothing any more.
    pub ended: Option<Date>,
    /// When the figures were looked up.
    pub as_of: Date,
    /// Where they are from.
    pub source: &'static str,
    /// `None` where the CA publishes none.
    pub limits: Option<Limits>,
    /// A set of names issued so many days ago or less makes the next one a renewal.
    pub renewal_within_days: i64,
    /// How far its certificates are dated back.
    pub dated_back: SignedDuration,
}

/// The limits that certificates count against.
#[derive(Debug, PartialEq, Eq)]
pub struct Limits {
    /// Certificates per registered domain, IPv4 address or IPv6 /64; all accounts together.
    pub domain: Limit,
    /// Certificates for the very same set of names; all accounts together.
    pub exact_set: Limit,
    /// New orders per account.
    pub new_orders: Limit,
    /// Failed validations per name and account.
    pub failed_authorizations: Limit,
}

/// So many at once, and as many again over the window, one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub burst: i64,
    /// The time in which an empty bucket fills up.
    pub window: SignedDuration,
}

const HOUR: i64 = 3600;
const WEEK: i64 = 7 * 24 * HOUR;

const fn limit(burst: i64, window_seconds: i64) -> Limit {
    Limit { burst, window: SignedDuration::from_secs(window_seconds) }
}

/// A CA of which no more is known.
const fn at(name: &'static str, directories: &'static [&'static str], identities: &'static [&'static str]) -> PublicCa {
    PublicCa {
        name,
        directories,
        identities,
        needs_binding: false,
        is_staging: false,
        staging: None,
        ended: None,
        as_of: date(2026, 8, 5),
        source: "no published figures",
        limits: None,
        renewal_within_days: 0,
        dated_back: SignedDuration::ZERO,
    }
}

/// One that wants an external account binding.
const fn bound(
    name: &'static str,
    directories: &'static [&'static str],
    identities: &'static [&'static str],
) -> PublicCa {
    PublicCa { needs_binding: true, ..at(name, directories, identities) }
}

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
const LETS_ENCRYPT_STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

/// Sectigo under any of its brands; `ZeroSSL` issues through it.
const SECTIGO: &[&str] = &[
    "sectigo.com",
    "trust-provider.com",
    "usertrust.com",
    "comodoca.com",
    "comodo.com",
    "entrust.net",
    "affirmtrust.com",
];

/// Every CA of the table.
pub static PUBLIC_CAS: [PublicCa; 11] = [
    PublicCa {
        staging: Some(LETS_ENCRYPT_STAGING),
        source: "https://letsencrypt.org/docs/rate-limits/",
        limits: Some(Limits {
            domain: limit(50, WEEK),
            exact_set: limit(5, WEEK),
            new_orders: limit(300, 3 * HOUR),
            failed_authorizations: limit(5, HOUR),
        }),
        renewal_within_days: 120,
        dated_back: SignedDuration::from_secs(HOUR),
        ..at("Let's Encrypt", &[LETS_ENCRYPT], &["letsencrypt.org"])
    },
    PublicCa {
        is_staging: true,
        source: "https://letsencrypt.org/docs/staging-environment/",
        limits: Some(Limits {
            domain: limit(30_000, 1),
            exact_set: limit(30_000, WEEK),
            new_orders: limit(1500, 3 * HOUR),
            failed_authorizations: limit(200, HOUR),
        }),
        renewal_within_days: 120,
        dated_back: SignedDuration::from_secs(HOUR),
        ..at("Let's Encrypt staging", &[LETS_ENCRYPT_STAGING], &["letsencrypt.org"])
    },
    bound("ZeroSSL", &["https://acme.zerossl.com/v2/DV90"], SECTIGO),
    PublicCa {
        source: "quotas of the project at Google; no figures for all",
        ..bound("Google Trust Services", &["https://dv.acme-v02.api.pki.goog/directory"], &["pki.goog"])
    },
    PublicCa {
        is_staging: true,
        source: "quotas of the project at Google; no figures for all",
        ..bound("Google Trust Services staging", &["https://dv.acme-v02.test-api.pki.goog/directory"], &["pki.goog"])
    },
    bound("SSL.com", &["https://acme.ssl.com/sslcom-dv-rsa", "https://acme.ssl.com/sslcom-dv-ecc"], &["ssl.com"]),
    bound("Sectigo", &["https://acme.sectigo.com/v2/DV"], SECTIGO),
    PublicCa {
        ended: Some(date(2025, 10, 15)),
        ..at("Buypass", &["https://api.buypass.com/acme/directory"], &["buypass.com", "buypass.no"])
    },
    bound(
        "AWS Certificate Manager",
        &["https://acm-acme-enroll.*.api.aws/*/directory"],
        &["amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"],
    ),
    bound("Actalis", &["https://acme-api.actalis.com/acme/directory"], &["actalis.it"]),
    bound("DigiCert", &["https://one.digicert.com/mpki/api/v1/acme/v2/directory"], &["digicert.com"]),
];

impl PublicCa {
    /// The CA at the host of this ACME directory, whatever the path.
    pub fn of_server(url: &str) -> Option<&'static Self> {
        PUBLIC_CAS.iter().find(|ca| ca.hosts().any(|known| is_like(known, host(url))))
    }

    /// The hosts of its directories.
    pub fn hosts(&self) -> impl Iterator<Item = &'static str> {
        self.directories.iter().map(|url| host(url))
    }

    /// Whether this is the address of one of its directories.
    pub fn has_directory(&self, url: &str) -> bool {
        self.directories.iter().any(|known| is_like(known, url))
    }

    /// The address of its usual directory; `None` where each customer has one of his own.
    pub fn directory(&self) -> Option<&'static str> {
        self.directories.first().copied().filter(|url| !url.contains('*'))
    }
}

/// The names that the CA at this ACME directory goes by in CAA records; none for a CA that is in no table. Other servers
/// in the domain of a known CA are taken for that CA's.
pub fn identities(server: &str) -> &'static [&'static str] {
    let domain = registered_domain(host(server));
    let is_near = |ca: &&PublicCa| ca.hosts().any(|known| registered_domain(known) == domain);
    let found = PublicCa::of_server(server).or_else(|| PUBLIC_CAS.iter().find(is_near));
    found.map_or(&[], |ca| ca.identities)
}

/// The host of a URL, without port; empty if there is none.
pub fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default()
}

/// Whether `text` fits `pattern`, in which a `*` stands for one label or segment. Case counts for nothing.
fn is_like(pattern: &str, text: &str) -> bool {
    let parts = |text: &str| text.split(['.', '/']).map(str::to_ascii_lowercase).collect::<Vec<_>>();
    let (pattern, text) = (parts(pattern), parts(text));
    let fits = |(pattern, part): (&String, &String)| pattern == "*" && !part.is_empty() || pattern == part;
    pattern.len() == text.len() && pattern.iter().zip(&text).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_those_that_were_looked_up() {
        let ca = PublicCa::of_server("https://ACME-v02.api.letsencrypt.org:443/directory").unwrap();
        assert_eq!((ca.name, ca.as_of), ("Let's Encrypt", date(2026, 8, 5)));
        let limits = ca.limits.as_ref().unwrap();
        let hours = |limit: Limit| (limit.burst, limit.window.as_hours());
        assert_eq!(hours(limits.domain), (50, 7 * 24));
        assert_eq!(hours(limits.exact_set), (5, 7 * 24));
        assert_eq!(hours(limits.new_orders), (300, 3));
        assert_eq!(hours(limits.failed_authorizations), (5, 1));
        assert_eq!(ca.renewal_within_days, 120);
    }

    #[test]
    fn every_entry_has_a_source_and_every_staging_a_table() {
        for ca in &PUBLIC_CAS {
            assert!(!ca.source.is_empty() && !ca.directories.is_empty() && !ca.identities.is_empty(), "{ca:?}");
            let staging = ca.staging.map(|url| PublicCa::of_server(url).unwrap());
            assert!(staging.is_none_or(|staging| staging.is_staging && !ca.is_staging), "{ca:?}");
            for limit in ca.limits.iter().flat_map(|all| [all.domain, all.exact_set, all.new_orders]) {
                assert!(limit.burst > 0 && limit.window.is_positive(), "{ca:?}");
            }
        }
        assert!(PublicCa::of_server("https://ca.corp.example/acme/acme/directory").is_none());
    }

    #[test]
    fn customers_with_directories_of_their_own_are_known() {
        let aws = "https://acm-acme-enroll.eu-west-1.api.aws/0d6f/directory";
        let ca = PublicCa::of_server(aws).unwrap();
        assert!(ca.name == "AWS Certificate Manager" && ca.has_directory(aws) && ca.directory().is_none());
        assert!(PublicCa::of_server("https://eu-west-1.api.aws/0d6f/directory").is_none());
    }

    #[test]
    fn a_ca_is_known_by_its_servers_host() {
        for (server, expected) in [
            (LETS_ENCRYPT, "letsencrypt.org"),
            ("https://acme.zerossl.com/v2/DV90", "sectigo.com"),
            ("https://acme.ssl.com/sslcom-dv-ecc", "ssl.com"),
            ("https://dv.acme-v02.api.pki.goog/directory", "pki.goog"),
            ("https://acme.digicert.com/v2/acme/directory", "digicert.com"),
        ] {
            assert_eq!(identities(server).first(), Some(&expected), "{server}");
        }
        for unknown in ["https://ca.notssl.com.example/acme", "https://notssl.com/acme", "https://10.0.0.1/acme", ""] {
            assert!(identities(unknown).is_empty(), "{unknown}");
        }
    }

    #[test]
    fn the_host_is_cut_out_of_any_url() {
        assert_eq!(host("https://user@ca.example:9000/dir?x"), "ca.example");
        assert_eq!(host("ca.example/dir"), "ca.example");
        assert_eq!(host(""), "");
    }
}
