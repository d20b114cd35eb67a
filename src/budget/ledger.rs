//! The buckets of one CA: spent from by what was issued, then by what is planned.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::bucket::Bucket;
use super::history::{History, Payer, Refusal};
use super::identifiers::{self, Identifiers};
use super::{Account, Double, Key, Line, Refused};
use crate::objref::ObjRef;
use crate::public_ca::{Limit, Limits, PublicCa};
use crate::rule::rate_limit::Limit as Told;

/// An issuance to come.
pub(super) struct Event {
    pub at: Timestamp,
    pub object: ObjRef,
    pub payer: Payer,
    pub names: Identifiers,
    /// Whether the CA's own suggestion starts it.
    pub is_suggested: bool,
    /// Whether a manifest brings it about.
    pub is_of_manifest: bool,
}

/// The buckets of one CA while they are reckoned.
pub(super) struct Ledger {
    host: String,
    rules: Option<&'static PublicCa>,
    pub issuers: Vec<String>,
    pub doubles: Vec<Double>,
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
    pub fn new(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            rules: PublicCa::of_server(&format!("https://{host}")),
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
                beyond: 0,
            };
            (Bucket::new(limit), line)
        })
    }

    /// Spends what was spent. Comes in the order of time.
    fn spend(&mut self, key: Key, limit: Limit, at: Timestamp, now: Timestamp) {
        let (bucket, line) = self.bucket(key, limit);
        line.beyond += usize::from(!bucket.spend(at));
        line.spent += usize::from(now.duration_since(at) <= limit.window);
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
    pub fn plan(&mut self, event: &Event, history: &History) {
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

    pub fn close(self, now: Timestamp) -> Account {
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
pub(super) fn fill(ledgers: &mut BTreeMap<String, Ledger>, history: &History, now: Timestamp) {
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
