//! Challenges that the controller works on: they hold its slots and keep others of their name waiting.

use super::super::index::Index;
use super::super::{Inventory, Store};
use super::positions;
use crate::api::{Challenge, Object};

/// Positions of the Challenges that are worked on (`status.processing`).
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    /// The oldest first, then by namespace and name.
    at_work: Vec<usize>,
    by_name: Index,
}

impl Queue {
    pub(super) fn of(challenges: &Store<Challenge>) -> Self {
        let items = &challenges.items;
        let mut at_work = positions(challenges, |challenge| challenge.status.processing);
        at_work.sort_by_key(|position| (items[*position].created(), *position));
        let names = at_work.iter().map(|position| (items[*position].spec.dns_name.as_str(), *position));
        Self { by_name: Index::new(names), at_work }
    }
}

impl Inventory {
    /// The Challenges of the whole source that the controller works on, the oldest first.
    pub fn challenges_at_work(&self) -> impl ExactSizeIterator<Item = &Challenge> + DoubleEndedIterator {
        let at_work = self.crossrefs.queue.at_work.iter().map(|position| &self.challenges.items[*position]);
        #[cfg(test)]
        let at_work = at_work.inspect(|_| crate::inventory::walk::step());
        at_work
    }

    /// Those for this name, sorted by namespace and name.
    pub fn challenges_at_work_for(&self, dns_name: &str) -> impl Iterator<Item = &Challenge> {
        let is_for = move |challenge: &Challenge| challenge.spec.dns_name == dns_name;
        self.crossrefs.queue.by_name.find(&self.challenges.items, dns_name, is_for)
    }
}

#[cfg(test)]
mod tests {
    use super::super::inventory;
    use super::*;

    #[test]
    fn challenges_at_work_come_by_age_and_those_for_a_name_by_namespace() {
        let challenge = |namespace: &str, name: &str, day: u8, works: bool| {
            format!(
                "apiVersion: acme.cert-manager.io/v1\nkind: Challenge\nmetadata: {{namespace: {namespace:?}, name: {name:?}, \
                 creationTimestamp: '2026-01-0{day}T00:00:00Z'}}\nspec: {{dnsName: {name}.example.com}}\nstatus: \
                 {{processing: {works}}}\n---\n"
            )
        };
        let inventory = inventory(
            &[
                challenge("a", "x", 3, true),
                challenge("b", "y", 1, true),
                challenge("b", "x", 2, true),
                challenge("c", "x", 1, false),
            ]
            .concat(),
        );
        let place = |challenge: &Challenge| format!("{}/{}", challenge.namespace().unwrap(), challenge.name());
        let at_work = inventory.challenges_at_work();
        assert_eq!(at_work.len(), 3);
        assert_eq!(at_work.map(place).collect::<Vec<_>>(), ["b/y", "b/x", "a/x"]);
        assert_eq!(inventory.challenges_at_work_for("x.example.com").map(place).collect::<Vec<_>>(), ["a/x", "b/x"]);
    }
}
