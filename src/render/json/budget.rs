//! `budget -o json`, version 1 of its form; `docs/schema/budget.v1.json` is the same in JSON Schema.

use serde::Serialize;

use super::origin::{Name, NotSeen, Source, Time};
use crate::budget::{Account, Budget, Double, Identifiers, Key, Line, Refused, Staging};
use crate::objref::ObjRef;
use crate::render::budget::staging_command;
use crate::report::SourceLine;
use crate::rule::Gap;

/// The answer to one `budget`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'b> {
    api_version: &'static str,
    kind: &'static str,
    now: Time,
    until: Time,
    source: Source<'b>,
    manifests: &'b [String],
    authorities: Vec<Wire<'b>>,
    staging: Vec<WireStaging<'b>>,
    /// Certificates of issuers that are no ACME servers, or were not seen.
    uncounted: usize,
    not_seen: Vec<NotSeen<'b>>,
    summary: Summary,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'b> {
    host: &'b str,
    /// `null` for a server that is in no table.
    name: Option<&'b str>,
    limits_known: bool,
    as_of: Option<String>,
    limits_from: Option<&'b str>,
    issuers: Vec<&'b str>,
    issued_in_seven_days: usize,
    planned: usize,
    renewals: usize,
    by_suggestion: usize,
    limits: Vec<WireLine<'b>>,
    refused: Vec<WireRefused<'b>>,
    same_names: Vec<WireDouble<'b>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WireLine<'b> {
    limit: &'static str,
    #[serde(flatten)]
    of: Of<'b>,
    burst: i64,
    window_seconds: i64,
    spent: usize,
    left: i64,
    next_free: Option<Time>,
    planned: usize,
    lowest: i64,
    refused: usize,
    done_by: Option<Time>,
    /// Until when the CA takes nothing, by its own word.
    refused_until: Option<Time>,
    beyond: usize,
}

/// What a bucket is for.
#[derive(Debug, Serialize)]
struct Of<'b> {
    domain: Option<&'b str>,
    names: Option<&'b Identifiers>,
    account: Option<&'b str>,
}

#[derive(Debug, Serialize)]
struct WireRefused<'b> {
    #[serde(flatten)]
    name: Name<'b>,
    at: Time,
    limit: &'static str,
}

#[derive(Debug, Serialize)]
struct WireDouble<'b> {
    names: &'b Identifiers,
    certificates: Vec<Name<'b>>,
}

#[derive(Debug, Serialize)]
struct WireStaging<'b> {
    issuer: &'b ObjRef,
    server: &'b str,
    existing: Option<&'b ObjRef>,
    command: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    planned: usize,
    refused: usize,
    used_up: usize,
}

impl<'b> Document<'b> {
    /// The budget in the form of version 1.
    pub fn of(budget: &'b Budget, line: Option<&'b SourceLine>, manifests: &'b [String], unseen: &'b [Gap]) -> Self {
        let lines = || budget.accounts.iter().flat_map(|account| &account.lines);
        Self {
            api_version: "cert.kubectl.dev/v1",
            kind: "Budget",
            now: Time::of(budget.now),
            until: Time::of(budget.until),
            source: Source::of(line),
            manifests,
            authorities: budget.accounts.iter().map(Wire::of).collect(),
            staging: budget.staging.iter().map(|advice| WireStaging::of(advice, manifests)).collect(),
            uncounted: budget.uncounted,
            not_seen: unseen.iter().map(NotSeen::of).collect(),
            summary: Summary {
                planned: budget.accounts.iter().map(|account| account.planned).sum(),
                refused: budget.refused().count(),
                used_up: lines().filter(|line| line.left == 0).count(),
            },
        }
    }
}

impl<'b> Wire<'b> {
    fn of(account: &'b Account) -> Self {
        let rules = account.rules;
        Self {
            host: &account.host,
            name: rules.map(|rules| rules.name),
            limits_known: rules.is_some_and(|rules| rules.limits.is_some()),
            as_of: rules.map(|rules| rules.as_of.to_string()),
            limits_from: rules.map(|rules| rules.source),
            issuers: account.issuers.iter().map(String::as_str).collect(),
            issued_in_seven_days: account.issued,
            planned: account.planned,
            renewals: account.renewals,
            by_suggestion: account.suggested,
            limits: account.lines.iter().map(WireLine::of).collect(),
            refused: account.refused.iter().map(WireRefused::of).collect(),
            same_names: account.doubles.iter().map(WireDouble::of).collect(),
        }
    }
}

impl<'b> WireLine<'b> {
    fn of(line: &'b Line) -> Self {
        let nothing = Of { domain: None, names: None, account: None };
        let of = match &line.key {
            Key::Domain(domain) => Of { domain: Some(domain), ..nothing },
            Key::ExactSet(names) => Of { names: Some(names), ..nothing },
            Key::NewOrders(account) => Of { account: Some(account), ..nothing },
            Key::FailedAuthorizations(name, account) => Of { domain: Some(name), account: Some(account), ..nothing },
        };
        Self {
            limit: line.key.id(),
            of,
            burst: line.limit.burst,
            window_seconds: line.limit.window.as_secs(),
            spent: line.spent,
            left: line.left,
            next_free: line.next_free.map(Time::of),
            planned: line.planned,
            lowest: line.lowest,
            refused: line.refused,
            done_by: line.done_by.map(Time::of),
            refused_until: line.told.map(Time::of),
            beyond: line.beyond,
        }
    }
}

impl<'b> WireRefused<'b> {
    fn of(refused: &'b Refused) -> Self {
        Self { name: Name::of(&refused.object), at: Time::of(refused.at), limit: refused.key.id() }
    }
}

impl<'b> WireDouble<'b> {
    fn of(double: &'b Double) -> Self {
        Self { names: &double.names, certificates: double.certificates.iter().map(Name::of).collect() }
    }
}

impl<'b> WireStaging<'b> {
    fn of(advice: &'b Staging, manifests: &[String]) -> Self {
        Self {
            issuer: &advice.issuer,
            server: advice.server,
            existing: advice.there.as_ref(),
            command: staging_command(advice, manifests).filter(|_| advice.there.is_none()),
        }
    }
}
