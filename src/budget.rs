//! Issuance set against the rate limits of the CA.
//!
//! Fills the CA's token buckets with what the objects tell of, then spends from them what is to come: certificates that
//! are due and what manifests add, as `forecast` plays them ahead. Knows of the CA only the dated table in
//! `public_ca`; asks nobody.

mod bucket;
mod history;
pub mod identifiers;
mod ledger;
mod staging;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub use bucket::Bucket;
pub use history::{History, Payer, payer};
pub use identifiers::Identifiers;
pub use staging::Staging;

use ledger::{Event, Ledger, fill};

use crate::api::{Certificate, Object};
use crate::forecast::Forecast;
use crate::inventory::Inventory;
use crate::objref::ObjRef;
use crate::planned::Change;
use crate::public_ca::{Limit, PublicCa, host};

/// What is left of a CA's limits, and what is to come.
#[derive(Clone, Debug)]
pub struct Budget {
    pub now: Timestamp,
    /// Until when what is to come is counted.
    pub until: Timestamp,
    /// One for each ACME server that an issuer points at, public ones with known limits first.
    pub accounts: Vec<Account>,
    /// Where the same can be tried first.
    pub staging: Vec<Staging>,
    /// Certificates of issuers that are no ACME servers, or were not seen.
    pub uncounted: usize,
}

/// One ACME server.
#[derive(Clone, Debug)]
pub struct Account {
    pub host: String,
    /// `None` for a server that is in no table.
    pub rules: Option<&'static PublicCa>,
    /// The issuers that point there.
    pub issuers: Vec<String>,
    /// Every bucket that something was spent from or is to be.
    pub lines: Vec<Line>,
    /// Certificates issued in the last seven days.
    pub issued: usize,
    /// Issuances to come.
    pub planned: usize,
    /// Those of them that are renewals, which count in fewer buckets.
    pub renewals: usize,
    /// Those that go by the CA's own suggestion, which count in none.
    pub suggested: usize,
    /// Those that would be refused.
    pub refused: Vec<Refused>,
    /// Sets of names that several Certificates have: each issuance of one spends for all.
    pub doubles: Vec<Double>,
}

/// What a bucket is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A registered domain, an IPv4 address or an IPv6 network.
    Domain(String),
    ExactSet(Identifiers),
    /// New orders of an account.
    NewOrders(String),
    /// Failed validations of a name by an account.
    FailedAuthorizations(String, String),
}

/// One bucket.
#[derive(Clone, Debug)]
pub struct Line {
    pub key: Key,
    pub limit: Limit,
    /// What was spent within the window before now, as far as is known.
    pub spent: usize,
    /// Tokens now.
    pub left: i64,
    /// When one more is free; `None` if it is full.
    pub next_free: Option<Timestamp>,
    /// Tokens that what is to come asks for.
    pub planned: usize,
    /// The fewest tokens on the way.
    pub lowest: i64,
    /// Issuances that find it empty.
    pub refused: usize,
    /// When the last of those could be issued.
    pub done_by: Option<Timestamp>,
    /// Until when the CA takes nothing, by its own word.
    pub told: Option<Timestamp>,
    /// How much was spent that was not there: by an exception of the CA's, or by renewals that are not known as such.
    pub beyond: usize,
}

/// An issuance that a limit stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub object: ObjRef,
    pub at: Timestamp,
    pub key: Key,
}

/// Several Certificates with one set of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Double {
    pub names: Identifiers,
    pub certificates: Vec<ObjRef>,
}

impl Key {
    /// The word for the limit in every output, for ever.
    pub const fn id(&self) -> &'static str {
        match self {
            Self::Domain(_) => "domain",
            Self::ExactSet(_) => "exact-set",
            Self::NewOrders(_) => "new-orders",
            Self::FailedAuthorizations(..) => "failed-authorizations",
        }
    }
}

impl Line {
    /// Whether it is empty, or becomes so before all is issued.
    pub const fn is_short(&self) -> bool {
        self.refused > 0 || self.left == 0
    }
}

impl Account {
    /// Whether something would be refused, or can be refused any moment.
    pub fn is_short(&self) -> bool {
        !self.refused.is_empty() || self.lines.iter().any(Line::is_short)
    }
}

impl Budget {
    /// Counts for the chosen Certificates what is to come; what was spent counts whoever spent it.
    pub fn new(
        inventory: &Inventory,
        chosen: &[ObjRef],
        changes: &BTreeMap<ObjRef, Change>,
        now: Timestamp,
        until: Timestamp,
    ) -> Self {
        let history = History::of(inventory, now);
        let mut ledgers: BTreeMap<String, Ledger> = BTreeMap::new();
        fill(&mut ledgers, &history, now);
        let (events, uncounted) = to_come(inventory, chosen, changes, now, until);
        for event in &events {
            let ledger = ledgers.entry(event.payer.host.clone()).or_insert_with(|| Ledger::new(&event.payer.host));
            ledger.plan(event, &history);
        }
        for (host, issuers) in issuers(inventory) {
            ledgers.entry(host.clone()).or_insert_with(|| Ledger::new(&host)).issuers = issuers;
        }
        for (host, doubles) in doubles(inventory) {
            ledgers.entry(host.clone()).or_insert_with(|| Ledger::new(&host)).doubles = doubles;
        }
        let mut accounts: Vec<Account> = ledgers.into_values().map(|ledger| ledger.close(now)).collect();
        accounts.sort_by_key(|account| {
            let limits = account.rules.and_then(|rules| rules.limits.as_ref());
            let is_staging = account.rules.is_some_and(|rules| rules.is_staging);
            (!account.is_short(), limits.is_none(), is_staging, account.host.clone())
        });
        let staging = staging::advice(inventory, &accounts, &events);
        Self { now, until, accounts, staging, uncounted }
    }

    /// The issuances that would be refused.
    pub fn refused(&self) -> impl Iterator<Item = &Refused> {
        self.accounts.iter().flat_map(|account| &account.refused)
    }

    /// Whether something would be refused, or can be any moment.
    pub fn is_short(&self) -> bool {
        self.accounts.iter().any(Account::is_short)
    }
}

/// The issuances to come in the order of time, and how many certificates count against nothing.
fn to_come(
    inventory: &Inventory,
    chosen: &[ObjRef],
    changes: &BTreeMap<ObjRef, Change>,
    now: Timestamp,
    until: Timestamp,
) -> (Vec<Event>, usize) {
    let forecast = Forecast::new(inventory, chosen, changes, now, until);
    let mut events = Vec::new();
    let mut uncounted = 0;
    for course in &forecast.courses {
        let namespace = course.object.namespace.as_deref();
        let certificate = inventory.get::<Certificate>(namespace, &course.object.name);
        let Some(certificate) = certificate.seen() else { continue };
        let Some(payer) = payer(inventory, &certificate.spec.issuer_ref, namespace.unwrap_or_default()) else {
            uncounted += 1;
            continue;
        };
        let names = identifiers::of_certificate(certificate);
        // The field of the issuer alone does nothing while the controller's gate is off: its word is in the status.
        let ari = certificate.status.acme.as_ref().and_then(|acme| acme.ari.as_ref());
        let by_suggestion = payer.by_suggestion && ari.is_some_and(|ari| ari.suggested_window.is_some());
        for period in &course.to_come {
            let is_first = course.present.is_none() && period.issued == course.to_come[0].issued;
            events.push(Event {
                at: period.issued,
                object: course.object.clone(),
                is_suggested: by_suggestion && !is_first && course.failures == 0,
                is_of_manifest: matches!(course.change, Some(Change::New | Change::Reissued)),
                payer: payer.clone(),
                names: names.clone(),
            });
        }
    }
    events.sort_by_key(|event| (event.at, event.object.clone()));
    (events, uncounted)
}

/// The issuers of each ACME server.
fn issuers(inventory: &Inventory) -> BTreeMap<String, Vec<String>> {
    let own = inventory.issuers.iter().map(|issuer| (issuer.objref(), &issuer.spec));
    let of_cluster = inventory.cluster_issuers.iter().map(|issuer| (issuer.objref(), &issuer.spec));
    let mut by_host: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (object, spec) in of_cluster.chain(own) {
        if let Some(acme) = &spec.acme {
            let host = host(&acme.server).to_ascii_lowercase();
            by_host.entry(host).or_default().push(object.to_string());
        }
    }
    by_host
}

/// Sets of names that several Certificates order from the same CA.
fn doubles(inventory: &Inventory) -> BTreeMap<String, Vec<Double>> {
    let mut sets: BTreeMap<(String, Identifiers), BTreeSet<ObjRef>> = BTreeMap::new();
    for certificate in inventory.certificates.iter() {
        let namespace = certificate.namespace().unwrap_or_default();
        let names = identifiers::of_certificate(certificate);
        if let Some(payer) = payer(inventory, &certificate.spec.issuer_ref, namespace).filter(|_| !names.is_empty()) {
            sets.entry((payer.host, names)).or_default().insert(certificate.objref());
        }
    }
    let mut doubles: BTreeMap<String, Vec<Double>> = BTreeMap::new();
    for ((host, names), certificates) in sets.into_iter().filter(|(_, certificates)| certificates.len() > 1) {
        let certificates = certificates.into_iter().collect();
        doubles.entry(host).or_default().push(Double { names, certificates });
    }
    doubles
}
