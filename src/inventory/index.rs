//! Where in a list the things with a key are, without a copy of the keys.
//!
//! A key is kept as its hash, so whoever looks one up says how to tell the things that have it. It knows no kind of
//! object.

use std::hash::{BuildHasher, Hash, RandomState};

/// Positions by key. A thing may have several keys, or none.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    hasher: RandomState,
    /// The hash of a key and where a thing with that key is; sorted, each pair once.
    entries: Vec<(u64, usize)>,
}

impl Index {
    /// Indexes pairs of a key and a position.
    pub(super) fn new<K: Hash>(keys: impl IntoIterator<Item = (K, usize)>) -> Self {
        let hasher = RandomState::new();
        let mut entries: Vec<_> = keys.into_iter().map(|(key, position)| (hasher.hash_one(key), position)).collect();
        entries.sort_unstable();
        entries.dedup();
        Self { hasher, entries }
    }

    /// Indexes things by one key each, or none.
    pub(super) fn of<'t, T: 't, K: Hash>(
        things: impl IntoIterator<Item = &'t T>,
        key: impl Fn(&'t T) -> Option<K>,
    ) -> Self {
        Self::new(things.into_iter().enumerate().filter_map(|(position, thing)| Some((key(thing)?, position))))
    }

    /// The things with this key, in their order. `has` tells them from those whose key only has the same hash.
    pub(super) fn find<'t, T>(
        &self,
        things: &'t [T],
        key: impl Hash,
        has: impl Fn(&T) -> bool,
    ) -> impl DoubleEndedIterator<Item = &'t T> {
        self.same_hash(key).iter().map(|(_, position)| &things[*position]).filter(move |thing| has(thing))
    }

    /// The positions of the things that may share a key with others.
    pub(super) fn shared(&self) -> impl Iterator<Item = usize> {
        let groups = self.entries.chunk_by(|(one, _), (other, _)| one == other);
        groups.filter(|group| group.len() > 1).flatten().map(|(_, position)| *position)
    }

    /// The positions of the things whose key has the hash of this one, in order.
    pub(super) fn same_hash(&self, key: impl Hash) -> &[(u64, usize)] {
        let wanted = self.hasher.hash_one(key);
        let start = self.entries.partition_point(|(hash, _)| *hash < wanted);
        let length = self.entries[start..].partition_point(|(hash, _)| *hash == wanted);
        &self.entries[start..start + length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_found_by_any_of_their_keys_in_their_order() {
        let things = [["a", "b"], ["b", "b"], ["c", "a"]];
        let keys = things.iter().enumerate().flat_map(|(at, keys)| keys.iter().map(move |key| (*key, at)));
        let index = Index::new(keys);
        let found = |key: &str| -> Vec<_> { index.find(&things, key, |thing| thing.contains(&key)).collect() };
        assert_eq!(found("b"), [&things[0], &things[1]]);
        assert_eq!(found("a"), [&things[0], &things[2]]);
        assert_eq!(found("d"), Vec::<&[&str; 2]>::new());
    }

    #[test]
    fn a_thing_with_another_key_of_the_same_hash_is_left_out() {
        let things = ["a", "b"];
        let index = Index::of(&things, |_| Some("a"));
        assert_eq!(index.find(&things, "a", |thing| *thing == "a").collect::<Vec<_>>(), [&"a"]);
    }
}
