//! What public CAs allow: a table with a date and a source, in `limits.json`.

use std::sync::LazyLock;

use jiff::SignedDuration;
use jiff::civil::Date;
use serde::Deserialize;

use crate::inventory::host;

/// A public CA, by its ACME server.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    pub name: String,
    hosts: Vec<String>,
    pub is_staging: bool,
    /// The directory of its staging environment.
    pub staging: Option<String>,
    /// When the figures were looked up.
    pub as_of: Date,
    pub source: String,
    /// `None` where the CA publishes none.
    pub limits: Option<Limits>,
    /// A set of names issued so many days ago or less makes the next one a renewal.
    pub renewal_within_days: i64,
    /// How far its certificates are dated back.
    dated_back_seconds: i64,
}

/// The limits that certificates count against.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
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
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limit {
    pub burst: i64,
    window_seconds: i64,
}

impl Limit {
    /// The time in which an empty bucket fills up.
    pub const fn window(self) -> SignedDuration {
        SignedDuration::from_secs(self.window_seconds)
    }
}

impl Rules {
    /// The rules of the CA at this ACME directory, if it is a known public one.
    pub fn of_server(url: &str) -> Option<&'static Self> {
        let is_at = |known: &String| known.eq_ignore_ascii_case(host(url));
        ALL.iter().find(|rules| rules.hosts.iter().any(is_at))
    }

    /// How far its certificates are dated back.
    pub const fn dated_back(&self) -> SignedDuration {
        SignedDuration::from_secs(self.dated_back_seconds)
    }
}

/// Every CA of the table.
pub static ALL: LazyLock<Vec<Rules>> = LazyLock::new(|| {
    // A test reads it too.
    serde_json::from_str(include_str!("limits.json")).expect("the table of limits is JSON of this form")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_those_that_were_looked_up() {
        let rules = Rules::of_server("https://ACME-v02.api.letsencrypt.org:443/directory").unwrap();
        assert_eq!((rules.name.as_str(), rules.as_of), ("Let's Encrypt", jiff::civil::date(2026, 8, 5)));
        let limits = rules.limits.as_ref().unwrap();
        let hours = |limit: Limit| (limit.burst, limit.window().as_hours());
        assert_eq!(hours(limits.domain), (50, 7 * 24));
        assert_eq!(hours(limits.exact_set), (5, 7 * 24));
        assert_eq!(hours(limits.new_orders), (300, 3));
        assert_eq!(hours(limits.failed_authorizations), (5, 1));
        assert_eq!(rules.renewal_within_days, 120);
    }

    #[test]
    fn every_entry_has_a_source_and_every_staging_a_table() {
        for rules in ALL.iter() {
            assert!(!rules.source.is_empty() && !rules.hosts.is_empty(), "{rules:?}");
            let staging = rules.staging.as_ref().map(|url| Rules::of_server(url).unwrap());
            assert!(staging.is_none_or(|staging| staging.is_staging && !rules.is_staging), "{rules:?}");
            for limit in rules.limits.iter().flat_map(|all| [all.domain, all.exact_set, all.new_orders]) {
                assert!(limit.burst > 0 && limit.window().is_positive(), "{rules:?}");
            }
        }
        assert!(Rules::of_server("https://ca.corp.example/acme/acme/directory").is_none());
    }
}
