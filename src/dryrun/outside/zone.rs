//! The TXT records that solvers have written.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Records by name, each with the time from which it is seen.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    records: BTreeMap<String, Vec<(String, Timestamp)>>,
}

impl Zone {
    /// Adds a record; one that is there stays as it is.
    pub fn write(&mut self, name: &str, value: &str, seen: Timestamp) {
        let records = self.records.entry(name.to_owned()).or_default();
        if records.iter().all(|(there, _)| there != value) {
            records.push((value.to_owned(), seen));
        }
    }

    /// Takes a record away.
    pub fn remove(&mut self, name: &str, value: &str) {
        if let Some(records) = self.records.get_mut(name) {
            records.retain(|(there, _)| there != value);
        }
    }

    /// The records of a name that are seen by now.
    pub fn seen(&self, name: &str, now: Timestamp) -> Vec<String> {
        let records = self.records.get(name).into_iter().flatten();
        records.filter(|(_, seen)| *seen <= now).map(|(value, _)| value.clone()).collect()
    }
}
