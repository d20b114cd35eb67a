//! When certificates renew, day by day, and which of them end before.
//!
//! Plays the renewals ahead by the engine's arithmetic: each due time is `engine::renewal`'s, each repeated attempt
//! `engine::backoff`'s. Assumes that every issuance works at once, but for those that fail now: of these it says how
//! many tries are left. Judges nothing by rules; fetches nothing.

mod authority;
mod calendar;
mod course;
mod lifetime;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use authority::Authority;
pub use calendar::{Day, Storm};
pub use course::{Cause, Course, Fate, Lifetime, Period};

use crate::chain::Chain;
use crate::facts::Facts;
use crate::inventory::Inventory;
use crate::objref::ObjRef;
use crate::planned::Change;

/// What comes until a date.
#[derive(Clone, Debug)]
pub struct Forecast {
    pub now: Timestamp,
    pub until: Timestamp,
    /// The most urgent first, then by their next issuance.
    pub courses: Vec<Course>,
    /// Days (of UTC) with renewals, in order.
    pub days: Vec<Day>,
    pub storms: Vec<Storm>,
    /// The CAs of CA issuers that end before `until`, or before a leaf of theirs.
    pub authorities: Vec<Authority>,
}

impl Forecast {
    /// The forecast for the chosen Certificates. `changes` are those that manifests make or change.
    pub fn new(
        inventory: &Inventory,
        chosen: &[ObjRef],
        changes: &BTreeMap<ObjRef, Change>,
        now: Timestamp,
        until: Timestamp,
    ) -> Self {
        let mut authorities = authority::Authorities::default();
        let course = |object: &ObjRef| {
            let facts = Facts::new(inventory, Chain::of(inventory, object), now);
            let mut course = Course::of(&facts, changes.get(object).copied(), until)?;
            authorities.look_at(&facts, changes, &mut course, until);
            course.judge(now, until);
            Some(course)
        };
        let mut courses: Vec<Course> = chosen.iter().filter_map(course).collect();
        courses.sort_by_cached_key(|course| {
            (course.fate.rank(), course.moment().unwrap_or(Timestamp::MAX), course.object.clone())
        });
        let days = calendar::days(&courses);
        let storms = calendar::storms(&courses, &days, now, until);
        Self { now, until, authorities: authorities.ending(&courses, until), courses, days, storms }
    }

    /// How many renewals there are in all.
    pub fn renewals(&self) -> usize {
        self.courses.iter().map(|course| course.renewals().count()).sum()
    }

    /// The certificates that end before they renew.
    pub fn ending(&self) -> impl Iterator<Item = &Course> {
        self.courses.iter().filter(|course| course.fate.is_bad())
    }

    /// The certificates whose last issuance failed and that have tries left.
    pub fn failing(&self) -> impl Iterator<Item = &Course> {
        self.courses.iter().filter(|course| matches!(course.fate, Fate::Failing { .. }))
    }
}
