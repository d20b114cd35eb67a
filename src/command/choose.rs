//! Which rows of the table to show, and in which order.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::Failure;
use crate::api::{Certificate, Object};
use crate::cli::StatusArgs;
use crate::cli::selector::Selector;
use crate::duration::parse_go;
use crate::report::row::Row;

/// The conditions of the command line, read.
pub struct Choice {
    labels: Selector,
    fields: Selector,
    issuer: Option<String>,
    failing: bool,
    expires_before: Option<Timestamp>,
    order: Order,
}

/// What to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Urgency,
    Name,
    Age,
    Expires,
    Renews,
    Issuer,
    Ready,
    Stage,
}

impl Choice {
    /// Reads the conditions; `--expires-within` counts from `now`.
    pub fn read(args: &StatusArgs, now: Timestamp) -> Result<Self, Failure> {
        let usage = |message: String| Failure::Usage { message };
        let within = args.expires_within.as_deref().map(|text| {
            days_or_go(text)
                .ok_or_else(|| usage(format!("--expires-within: {text:?} is no duration such as 30d or 72h")))
        });
        Ok(Self {
            labels: Selector::labels(args.selector.as_deref().unwrap_or_default()).map_err(|e| usage(e.to_string()))?,
            fields: Selector::fields(args.field_selector.as_deref().unwrap_or_default())
                .map_err(|e| usage(e.to_string()))?,
            issuer: args.issuer.clone(),
            failing: args.failing,
            expires_before: within.transpose()?.map(|within| now + within),
            order: args.sort_by.as_deref().map_or(Ok(Order::Urgency), Order::read)?,
        })
    }

    /// Whether a Certificate is selected by its labels and fields.
    pub fn takes(&self, certificate: &Certificate) -> bool {
        let labels = certificate.metadata.labels.clone().unwrap_or_default();
        let reference = &certificate.spec.issuer_ref;
        let fields: BTreeMap<String, String> = [
            ("metadata.name", certificate.name()),
            ("metadata.namespace", certificate.namespace().unwrap_or_default()),
            // As the API server does it: the stored words, without defaults.
            ("spec.issuerRef.name", &reference.name),
            ("spec.issuerRef.kind", &reference.kind),
            ("spec.issuerRef.group", &reference.group),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
        self.labels.matches(&labels) && self.fields.matches(&fields)
    }

    /// Whether a row is to be shown.
    pub fn shows(&self, row: &Row) -> bool {
        let issuer = self.issuer.as_ref().is_none_or(|wanted| {
            row.issuer == *wanted || row.issuer.split_once('/').is_some_and(|(_, name)| name == wanted)
        });
        let expiring = self.expires_before.is_none_or(|before| row.expires.is_some_and(|at| at <= before));
        issuer && expiring && (!self.failing || row.is_failing())
    }

    /// Puts the rows in order; equal ones by namespace and name.
    pub fn sort(&self, rows: &mut [Row]) {
        let name = |row: &Row| (row.namespace.clone(), row.name.clone());
        let last = Timestamp::MAX;
        match self.order {
            Order::Urgency => rows.sort_by_cached_key(|row| (row.urgency, row.expires.unwrap_or(last), name(row))),
            Order::Name => rows.sort_by_cached_key(name),
            Order::Age => rows.sort_by_cached_key(|row| (row.created.unwrap_or(last), name(row))),
            Order::Expires => rows.sort_by_cached_key(|row| (row.expires.unwrap_or(last), name(row))),
            Order::Renews => rows.sort_by_cached_key(|row| (row.renews.unwrap_or(last), name(row))),
            Order::Issuer => rows.sort_by_cached_key(|row| (row.issuer.clone(), name(row))),
            Order::Ready => rows.sort_by_cached_key(|row| (row.ready.clone(), name(row))),
            Order::Stage => rows.sort_by_cached_key(|row| (row.stage, name(row))),
        }
    }
}

impl Order {
    fn read(text: &str) -> Result<Self, Failure> {
        let column = text.trim_matches(['{', '}']).trim_start_matches('.');
        match column {
            "urgency" => Ok(Self::Urgency),
            "name" | "metadata.name" => Ok(Self::Name),
            "age" | "metadata.creationTimestamp" => Ok(Self::Age),
            "expires" | "expiry" | "status.notAfter" => Ok(Self::Expires),
            "renews" | "status.renewalTime" => Ok(Self::Renews),
            "issuer" | "spec.issuerRef.name" => Ok(Self::Issuer),
            "ready" => Ok(Self::Ready),
            "stage" => Ok(Self::Stage),
            _ => Err(Failure::Usage {
                message: format!(
                    "--sort-by: there is no column {text:?}; the columns are urgency, name, age, expires, renews, \
                     issuer, ready, stage"
                ),
            }),
        }
    }
}

/// `30d`, or a Go duration.
pub fn days_or_go(text: &str) -> Option<SignedDuration> {
    match text.strip_suffix('d').map(str::parse::<i64>) {
        Some(Ok(days)) => days.checked_mul(24).map(SignedDuration::from_hours),
        Some(Err(_)) | None => parse_go(text).ok(),
    }
}
