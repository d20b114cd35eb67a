//! Renewals by day, and the days with too many.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::course::Course;
use crate::objref::ObjRef;
use crate::registered::registered_domain;

/// Fewer renewals than these are no storm.
const LEAST: usize = 10;
/// A storm has this many times the renewals of a mean day.
const TIMES: i64 = 3;
/// The mean is taken over at least so many days.
const MEAN_DAYS: i64 = 30;

/// The renewals of one day of UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    pub date: Date,
    pub renewals: usize,
    /// Which renew, by namespace and name; each once.
    pub certificates: Vec<ObjRef>,
}

/// A day with many renewals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storm {
    pub date: Date,
    pub renewals: usize,
    /// The registered domain that they share at an ACME server; `None` for many of any name.
    pub domain: Option<String>,
}

/// The day of UTC.
pub fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

pub(super) fn days(courses: &[Course]) -> Vec<Day> {
    let mut days: BTreeMap<Date, (usize, Vec<ObjRef>)> = BTreeMap::new();
    for course in courses {
        for period in course.renewals() {
            let (renewals, certificates) = days.entry(day_of(period.issued)).or_default();
            *renewals += 1;
            if certificates.last() != Some(&course.object) {
                certificates.push(course.object.clone());
            }
        }
    }
    let day = |(date, (renewals, mut certificates)): (Date, (usize, Vec<ObjRef>))| {
        certificates.sort();
        Day { date, renewals, certificates }
    };
    days.into_iter().map(day).collect()
}

pub(super) fn storms(courses: &[Course], days: &[Day], now: Timestamp, until: Timestamp) -> Vec<Storm> {
    let range = i64::from(day_of(until).since(day_of(now)).map_or(0, |span| span.get_days())).max(MEAN_DAYS - 1) + 1;
    let total = count(days.iter().map(|day| day.renewals).sum());
    let is_many = |renewals: usize| renewals >= LEAST && count(renewals) * range >= TIMES * total;
    let mut by_domain: BTreeMap<(Date, String), usize> = BTreeMap::new();
    for course in courses.iter().filter(|course| course.is_acme) {
        let mut domains: Vec<String> = course.names.iter().filter_map(|name| registered_domain(name)).collect();
        domains.sort();
        domains.dedup();
        for period in course.renewals() {
            for domain in &domains {
                *by_domain.entry((day_of(period.issued), domain.clone())).or_default() += 1;
            }
        }
    }
    let mut storms: Vec<Storm> = by_domain
        .into_iter()
        .filter(|(_, renewals)| is_many(*renewals))
        .map(|((date, domain), renewals)| Storm { date, renewals, domain: Some(domain) })
        .collect();
    for day in days.iter().filter(|day| is_many(day.renewals)) {
        // A domain that makes up the whole day has said it.
        if !storms.iter().any(|storm| storm.date == day.date && storm.renewals == day.renewals) {
            storms.push(Storm { date: day.date, renewals: day.renewals, domain: None });
        }
    }
    storms.sort_by(|a, b| (a.date, &a.domain).cmp(&(b.date, &b.domain)));
    storms
}

fn count(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX / 4096)
}
