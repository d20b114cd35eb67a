//! Rate limits that the world file says are used up, in the words of Let's Encrypt.

use jiff::Timestamp;

use super::Ca;
use crate::dryrun::outside::network::Network;
use crate::dryrun::world::{Limit, UsedUp};
use crate::engine::question::acme::{Identifier, NewOrder, Problem};

impl Ca {
    /// Refuses what a used up limit does not let through. `names` are those of the order.
    pub(super) fn check_limit(&self, limit: Limit, names: &[&str], network: &Network<'_>) -> Result<(), Problem> {
        let Some(entry) = &self.settings.entry else { return Ok(()) };
        let is_used_up = |used: &&UsedUp| {
            let is_about = match (&used.names, limit) {
                (None, _) | (_, Limit::NewAccounts | Limit::NewOrders) => true,
                (Some(set), Limit::CertificatesPerExactSet) => is_same_set(&set.0, names),
                (Some(set), Limit::FailedAuthorizations) => names.iter().any(|name| set.has(name)),
                (Some(set), Limit::CertificatesPerDomain) => names.iter().any(|name| is_below(&set.0, name)),
            };
            used.limit == limit && is_about && network.now < used.until.in_run(network.start)
        };
        let Some(used) = entry.rate_limits.iter().find(is_used_up) else { return Ok(()) };
        let until = used.until.in_run(network.start);
        let name = match (&used.names, limit) {
            (Some(set), Limit::CertificatesPerDomain) => {
                set.0.iter().find(|domain| names.iter().any(|name| is_below(&[(*domain).clone()], name))).cloned()
            }
            (Some(set), _) => names.iter().find(|name| set.has(name)).map(|name| (*name).to_owned()),
            (None, _) => names.first().map(|name| (*name).to_owned()),
        };
        let mut problem = Problem::new(429, "rateLimited", words(limit, &name.unwrap_or_default(), until));
        problem.retry_after = Some(until.duration_since(network.now));
        Err(problem)
    }

    /// All limits that a new order meets.
    pub(super) fn check_order_limits(&self, wanted: &NewOrder, network: &Network<'_>) -> Result<(), Problem> {
        let names: Vec<_> = wanted.identifiers.iter().map(Identifier::value).collect();
        let met = [
            Limit::NewOrders,
            Limit::FailedAuthorizations,
            Limit::CertificatesPerDomain,
            Limit::CertificatesPerExactSet,
        ];
        met.into_iter().try_for_each(|limit| self.check_limit(limit, &names, network))
    }
}

fn is_same_set(set: &[String], names: &[&str]) -> bool {
    let sorted = |names: &mut dyn Iterator<Item = &str>| {
        let mut names: Vec<_> = names.map(str::to_ascii_lowercase).collect();
        names.sort();
        names.dedup();
        names
    };
    sorted(&mut set.iter().map(String::as_str)) == sorted(&mut names.iter().copied())
}

/// Whether a name is one of these domains or below it.
fn is_below(domains: &[String], name: &str) -> bool {
    let name = name.trim_start_matches("*.").to_ascii_lowercase();
    domains.iter().any(|domain| {
        let domain = domain.trim_start_matches("*.").to_ascii_lowercase();
        name == domain || name.ends_with(&format!(".{domain}"))
    })
}

fn words(limit: Limit, name: &str, until: Timestamp) -> String {
    let until = until.strftime("%Y-%m-%d %H:%M:%S UTC");
    let (what, page) = match limit {
        Limit::CertificatesPerDomain => (
            format!("too many certificates (50) already issued for {name:?} in the last 168h0m0s"),
            "new-certificates-per-registered-domain",
        ),
        Limit::CertificatesPerExactSet => (
            "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s"
                .to_owned(),
            "new-certificates-per-exact-set-of-identifiers",
        ),
        Limit::FailedAuthorizations => (
            format!("too many failed authorizations (5) for {name:?} in the last 1h0m0s"),
            "authorization-failures-per-identifier-per-account",
        ),
        Limit::NewOrders => {
            ("too many new orders (300) from this account in the last 3h0m0s".to_owned(), "new-orders-per-account")
        }
        Limit::NewAccounts => (
            "too many new registrations (10) from this IP address in the last 3h0m0s".to_owned(),
            "new-registrations-per-ip-address",
        ),
    };
    format!("{what}, retry after {until}: see https://letsencrypt.org/docs/rate-limits/#{page}")
}
