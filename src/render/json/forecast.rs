//! `forecast -o json`, version 1 of its form; `docs/schema/forecast.v1.json` is the same in JSON Schema.

use serde::Serialize;

use super::origin::{Name, NotSeen, Source, Time};
use crate::forecast::{Authority, Course, Day, Fate, Forecast, Lifetime, Storm};
use crate::objref::ObjRef;
use crate::planned::Change;
use crate::report::SourceLine;
use crate::rule::Gap;

/// The answer to one `forecast`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'f> {
    api_version: &'static str,
    kind: &'static str,
    now: Time,
    until: Time,
    source: Source<'f>,
    manifests: &'f [String],
    certificates: Vec<Wire<'f>>,
    days: Vec<WireDay<'f>>,
    storms: Vec<WireStorm<'f>>,
    authorities: Vec<WireAuthority<'f>>,
    not_seen: Vec<NotSeen<'f>>,
    summary: Summary,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'f> {
    #[serde(flatten)]
    name: Name<'f>,
    issuer: &'f str,
    names: &'f [String],
    fate: &'static str,
    /// When the fate strikes: the end that comes first.
    at: Option<Time>,
    /// Why no renewal comes in time.
    cause: Option<&'static str>,
    /// The CA that ends first.
    authority: Option<&'f str>,
    expires: Option<Time>,
    /// The next issuance, also beyond the range.
    next: Option<Time>,
    renewals: Vec<Time>,
    /// Whether there are more renewals than the list holds.
    endless: bool,
    lifetime_seconds: i64,
    lifetime_from: &'static str,
    failures: i64,
    tries_left: Option<u32>,
    change: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct WireDay<'f> {
    date: String,
    renewals: usize,
    certificates: Vec<Name<'f>>,
}

#[derive(Debug, Serialize)]
struct WireStorm<'f> {
    date: String,
    renewals: usize,
    domain: Option<&'f str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WireAuthority<'f> {
    issuer: &'f ObjRef,
    secret: Name<'f>,
    name: &'f str,
    expires: Option<Time>,
    maker: Option<Name<'f>>,
    renews: Option<Time>,
    cut_short: Vec<Name<'f>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    certificates: usize,
    renewals: usize,
    first_issues: usize,
    ending_first: usize,
    failing: usize,
    storms: usize,
}

impl<'f> Document<'f> {
    /// The forecast in the form of version 1.
    pub fn of(
        forecast: &'f Forecast,
        line: Option<&'f SourceLine>,
        manifests: &'f [String],
        unseen: &'f [Gap],
    ) -> Self {
        let is_first = |course: &&Course| course.present.is_none() && !course.to_come.is_empty();
        Self {
            api_version: "cert.kubectl.dev/v1",
            kind: "Forecast",
            now: Time::of(forecast.now),
            until: Time::of(forecast.until),
            source: Source::of(line),
            manifests,
            certificates: forecast.courses.iter().map(Wire::of).collect(),
            days: forecast.days.iter().map(WireDay::of).collect(),
            storms: forecast.storms.iter().map(WireStorm::of).collect(),
            authorities: forecast.authorities.iter().map(WireAuthority::of).collect(),
            not_seen: unseen.iter().map(NotSeen::of).collect(),
            summary: Summary {
                certificates: forecast.courses.len(),
                renewals: forecast.renewals(),
                first_issues: forecast.courses.iter().filter(is_first).count(),
                ending_first: forecast.ending().count(),
                failing: forecast.failing().count(),
                storms: forecast.storms.len(),
            },
        }
    }
}

impl<'f> Wire<'f> {
    fn of(course: &'f Course) -> Self {
        let (cause, authority) = match &course.fate {
            Fate::EndsFirst { cause, .. } => (Some(cause.id()), None),
            Fate::CutShort { authority, .. } => (None, Some(authority.as_str())),
            Fate::Ended | Fate::Failing { .. } | Fate::UnderWay | Fate::FirstIssue | Fate::Renews | Fate::Quiet => {
                (None, None)
            }
        };
        let (lifetime, lifetime_from) = match course.lifetime {
            Lifetime::Seen(lifetime) => (lifetime, "certificate"),
            Lifetime::Expected(lifetime) => (lifetime, "expected"),
        };
        Self {
            name: Name::of(&course.object),
            issuer: &course.issuer,
            names: &course.names,
            fate: course.fate.id(),
            at: course.moment().map(Time::of),
            cause,
            authority,
            expires: course.present.map(|present| Time::of(present.ends)),
            next: course.next.map(Time::of),
            renewals: course.renewals().map(|period| Time::of(period.issued)).collect(),
            endless: course.is_endless,
            lifetime_seconds: lifetime.as_secs(),
            lifetime_from,
            failures: course.failures,
            tries_left: course.tries,
            change: course.change.map(change),
        }
    }
}

/// The word for what a manifest does, for ever.
pub fn change(change: Change) -> &'static str {
    match change {
        Change::New => "new",
        Change::Reissued => "reissued",
        Change::Kept => "kept",
    }
}

impl<'f> WireDay<'f> {
    fn of(day: &'f Day) -> Self {
        let certificates = day.certificates.iter().map(Name::of).collect();
        Self { date: day.date.to_string(), renewals: day.renewals, certificates }
    }
}

impl<'f> WireStorm<'f> {
    fn of(storm: &'f Storm) -> Self {
        Self { date: storm.date.to_string(), renewals: storm.renewals, domain: storm.domain.as_deref() }
    }
}

impl<'f> WireAuthority<'f> {
    fn of(authority: &'f Authority) -> Self {
        Self {
            issuer: &authority.issuer,
            secret: Name::of(&authority.secret),
            name: &authority.name,
            expires: authority.ends.map(Time::of),
            maker: authority.maker.as_ref().map(Name::of),
            renews: authority.renews.map(Time::of),
            cut_short: authority.cut.iter().map(Name::of).collect(),
        }
    }
}
