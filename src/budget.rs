//! Issuance set against the rate limits of the CA.
//!
//! Fills the CA's token buckets with what the objects tell of, then spends from them what is to come: certificates that
//! are due and what manifests add, as `forecast` plays them ahead. Knows of the CA only the dated table in
//! `limits.json`; asks nobody.

mod bucket;
mod history;
pub mod identifiers;
mod limits;
mod staging;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub use bucket::Bucket;
use history::Refusal;
pub use history::{History, Payer, payer};
pub use identifiers::Identifiers;
pub use limits::{ALL, Limit, Limits, Rules};
pub use staging::Staging;

use crate::api::{Certificate, Object};
use crate::forecast::Forecast;
use crate::inventory::Inventory;
use crate::objref::ObjRef;
use crate::planned::Change;
use crate::rule::rate_limit::Limit as Told;

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
    pub rules: Option<&'static Rules>,
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

/// An issuance to come.
struct Event {
    at: Timestamp,
    object: ObjRef,
    payer: Payer,
    names: Identifiers,
    /// Whether the CA's own suggestion starts it.
    is_suggested: bool,
    /// Whether a manifest brings it about.
    is_of_manifest: bool,
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

/// The buckets of one CA while they are reckoned.
struct Ledger {
    host: String,
    rules: Option<&'static Rules>,
    issuers: Vec<String>,
    doubles: Vec<Double>,
    buckets: BTreeMap<Key, (Bucket, Line)>,
    /// Sets issued in the plan so far, which makes the next one a renewal.
    issued_ahead: BTreeSet<Identifiers>,
    issued: usize,
    planned: usize,
    renewals: usize,
    suggested: usize,
    refused: Vec<Refused>,
}

impl Ledger {
    fn new(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            rules: Rules::of_server(&format!("https://{host}")),
            issuers: Vec::new(),
            doubles: Vec::new(),
            buckets: BTreeMap::new(),
            issued_ahead: BTreeSet::new(),
            issued: 0,
            planned: 0,
            renewals: 0,
            suggested: 0,
            refused: Vec::new(),
        }
    }

    fn limits(&self) -> Option<&'static Limits> {
        self.rules.and_then(|rules| rules.limits.as_ref())
    }

    fn bucket(&mut self, key: Key, limit: Limit) -> &mut (Bucket, Line) {
        self.buckets.entry(key.clone()).or_insert_with(|| {
            let (left, lowest) = (limit.burst, limit.burst);
            let line = Line {
                key,
                limit,
                spent: 0,
                left,
                next_free: None,
                planned: 0,
                lowest,
                refused: 0,
                done_by: None,
                told: None,
            };
            (Bucket::new(limit), line)
        })
    }

    /// Spends what was spent. Comes in the order of time.
    fn spend(&mut self, key: Key, limit: Limit, at: Timestamp, now: Timestamp) {
        let (bucket, line) = self.bucket(key, limit);
        bucket.spend(at);
        line.spent += usize::from(now.duration_since(at) <= limit.window());
        line.left = bucket.tokens(now);
        line.lowest = line.left;
        line.next_free = bucket.next_free(now);
    }

    /// Takes the CA's word for it.
    fn believe(&mut self, refusal: &Refusal, limits: &Limits, now: Timestamp) {
        let account = || refusal.account.clone();
        let told = match &refusal.limit {
            Told::ExactSet => Some((Key::ExactSet(refusal.names.clone()), limits.exact_set)),
            Told::Domain(Some(domain)) => Some((Key::Domain(domain.clone()), limits.domain)),
            Told::NewOrders => Some((Key::NewOrders(account()), limits.new_orders)),
            Told::FailedAuthorizations(Some(name)) => {
                let key = Key::FailedAuthorizations(identifiers::tidy(name), account());
                Some((key, limits.failed_authorizations))
            }
            // Which bucket that is nobody can tell, or it is none of these.
            Told::Domain(None)
            | Told::FailedAuthorizations(None)
            | Told::PendingAuthorizations
            | Told::Registrations
            | Told::Paused
            | Told::Unnamed => None,
        };
        let Some((key, limit)) = told else { return };
        let (bucket, line) = self.bucket(key, limit);
        bucket.empty_until(refusal.until);
        line.left = bucket.tokens(now);
        line.lowest = line.left;
        line.next_free = bucket.next_free(now);
        line.told = line.told.max(Some(refusal.until));
    }

    /// Spends what is to come, or notes which limit refuses it.
    fn plan(&mut self, event: &Event, history: &History) {
        self.planned += 1;
        let Some(limits) = self.limits() else { return };
        let before = history.is_renewal(&self.host, &event.names, event.at, self.rules);
        let is_renewal = before || self.issued_ahead.contains(&event.names);
        self.renewals += usize::from(is_renewal);
        self.suggested += usize::from(event.is_suggested);
        if event.is_suggested {
            self.issued_ahead.insert(event.names.clone());
            return;
        }
        let mut keys = vec![(Key::ExactSet(event.names.clone()), limits.exact_set)];
        if !is_renewal {
            keys.push((Key::NewOrders(event.payer.account.clone()), limits.new_orders));
            let domains = identifiers::domains(&event.names);
            keys.extend(domains.into_iter().map(|domain| (Key::Domain(domain), limits.domain)));
        }
        let mut refuser = None;
        for (key, limit) in &keys {
            let (bucket, line) = self.bucket(key.clone(), *limit);
            line.planned += 1;
            if bucket.tokens(event.at) == 0 {
                line.refused += 1;
                line.lowest = 0;
                refuser.get_or_insert_with(|| key.clone());
            }
        }
        // Names whose validation failed too often get no order at all.
        for name in &event.names {
            let name = name.trim_start_matches("*.").to_owned();
            let key = Key::FailedAuthorizations(name, event.payer.account.clone());
            if let Some((bucket, line)) = self.buckets.get_mut(&key)
                && bucket.tokens(event.at) == 0
            {
                line.refused += 1;
                refuser.get_or_insert(key);
            }
        }
        if let Some(key) = refuser {
            self.refused.push(Refused { object: event.object.clone(), at: event.at, key });
            return;
        }
        for (key, limit) in keys {
            let (bucket, line) = self.bucket(key, limit);
            bucket.spend(event.at);
            line.lowest = line.lowest.min(bucket.tokens(event.at));
        }
        self.issued_ahead.insert(event.names.clone());
    }

    fn close(self, now: Timestamp) -> Account {
        // A bucket that filled up again and that nothing is to be taken from says nothing.
        let is_telling = |line: &Line| line.planned > 0 || line.refused > 0 || line.left < line.limit.burst;
        let closed = |(bucket, mut line): (Bucket, Line)| {
            let waiting = i64::try_from(line.refused).unwrap_or(i64::MAX);
            line.done_by = (waiting > 0).then(|| bucket.when(waiting, now));
            line
        };
        let mut lines: Vec<Line> = self.buckets.into_values().map(closed).filter(is_telling).collect();
        lines.sort_by_cached_key(|line| (!line.is_short(), line.lowest, line.left, line.key.clone()));
        Account {
            host: self.host,
            rules: self.rules,
            issuers: self.issuers,
            lines,
            issued: self.issued,
            planned: self.planned,
            renewals: self.renewals,
            suggested: self.suggested,
            refused: self.refused,
            doubles: self.doubles,
        }
    }
}

/// Spends from the buckets what the objects tell of.
fn fill(ledgers: &mut BTreeMap<String, Ledger>, history: &History, now: Timestamp) {
    for issued in &history.issued {
        let ledger = ledgers.entry(issued.host.clone()).or_insert_with(|| Ledger::new(&issued.host));
        let within_week = now.duration_since(issued.at) <= jiff::SignedDuration::from_hours(7 * 24);
        ledger.issued += usize::from(within_week);
        let Some(limits) = ledger.limits() else { continue };
        if issued.is_replacement {
            continue;
        }
        ledger.spend(Key::ExactSet(issued.names.clone()), limits.exact_set, issued.at, now);
        if !issued.is_renewal {
            for domain in identifiers::domains(&issued.names) {
                ledger.spend(Key::Domain(domain), limits.domain, issued.at, now);
            }
        }
    }
    for ordered in &history.ordered {
        let ledger = ledgers.entry(ordered.host.clone()).or_insert_with(|| Ledger::new(&ordered.host));
        let Some(limits) = ledger.limits() else { continue };
        let known = history.is_renewal(&ordered.host, &ordered.names, ordered.at, ledger.rules);
        if !ordered.is_replacement && !ordered.is_renewal && !known {
            ledger.spend(Key::NewOrders(ordered.account.clone()), limits.new_orders, ordered.at, now);
        }
    }
    for failed in &history.failed {
        let ledger = ledgers.entry(failed.host.clone()).or_insert_with(|| Ledger::new(&failed.host));
        let Some(limits) = ledger.limits() else { continue };
        let key = Key::FailedAuthorizations(failed.name.clone(), failed.account.clone());
        ledger.spend(key, limits.failed_authorizations, failed.at, now);
    }
    for refusal in &history.refusals {
        let ledger = ledgers.entry(refusal.host.clone()).or_insert_with(|| Ledger::new(&refusal.host));
        let Some(limits) = ledger.limits() else { continue };
        ledger.believe(refusal, limits, now);
    }
}

/// The issuers of each ACME server.
fn issuers(inventory: &Inventory) -> BTreeMap<String, Vec<String>> {
    let own = inventory.issuers.iter().map(|issuer| (issuer.objref(), &issuer.spec));
    let of_cluster = inventory.cluster_issuers.iter().map(|issuer| (issuer.objref(), &issuer.spec));
    let mut by_host: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (object, spec) in of_cluster.chain(own) {
        if let Some(acme) = &spec.acme {
            let host = crate::inventory::host(&acme.server).to_ascii_lowercase();
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
