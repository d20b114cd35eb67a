//! All objects of one kind, found by name, namespace or owner.
//!
//! Whoever judges one target asks for few of them: a walk through a whole store for each target takes the square of
//! the time.

use super::index::Index;
use crate::api::Object;

/// Objects of one kind, sorted by namespace and name.
#[derive(Clone, Debug)]
pub struct Store<T> {
    pub(super) items: Vec<T>,
    by_name: Index,
    by_owner: Index,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self { items: Vec::new(), by_name: Index::default(), by_owner: Index::default() }
    }
}

impl<T: Object> Store<T> {
    /// Sorts and indexes. Of several objects with one name the first given wins, as in a bundle with copies.
    pub(super) fn new(mut items: Vec<T>) -> Self {
        items.sort_by(|a, b| key(a).cmp(&key(b)));
        items.dedup_by(|later, first| key(later) == key(first));
        let by_name = Index::of(&items, |item| Some(item.name()));
        let by_owner = Index::of(&items, T::controller_uid);
        Self { items, by_name, by_owner }
    }

    pub(super) fn find(&self, namespace: Option<&str>, name: &str) -> Option<&T> {
        self.position(namespace, name).map(|position| &self.items[position])
    }

    pub(super) fn position(&self, namespace: Option<&str>, name: &str) -> Option<usize> {
        let wanted = (namespace.unwrap_or_default(), name);
        // Those of one name are in the order of their namespaces.
        let namesakes = self.by_name.same_hash(name);
        let found = namesakes.binary_search_by(|(_, position)| key(&self.items[*position]).cmp(&wanted)).ok()?;
        Some(namesakes[found].1)
    }

    /// Every object, sorted by namespace and name. Not for the judgement of one target.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        let items = self.items.iter();
        #[cfg(test)]
        let items = items.inspect(|_| super::walk::step());
        items
    }

    /// The objects with this name, sorted by namespace.
    pub fn named(&self, name: &str) -> impl DoubleEndedIterator<Item = &T> {
        self.by_name.find(&self.items, name, move |item| item.name() == name)
    }

    /// The objects of a namespace (of none for the empty one), sorted by name.
    pub fn of_namespace(&self, namespace: &str) -> &[T] {
        let start = self.items.partition_point(|item| key(item).0 < namespace);
        let end = self.items.partition_point(|item| key(item).0 <= namespace);
        &self.items[start..end]
    }

    /// The objects of a namespace (of none for the empty one) that a slip of the pen may have meant, sorted by name:
    /// all, or where there are very many those whose names are next to this one in their order.
    pub fn around(&self, namespace: &str, name: &str) -> &[T] {
        const REACH: usize = 100;
        let start = self.items.partition_point(|item| key(item).0 < namespace);
        let end = self.items.partition_point(|item| key(item).0 <= namespace);
        let at = self.items.partition_point(|item| key(item) < (namespace, name));
        let near = start.max(at.saturating_sub(REACH))..end.min(at + REACH + 1);
        &self.items[near]
    }

    /// The objects whose controlling owner has this UID, sorted by namespace and name.
    pub fn owned_by(&self, uid: &str) -> impl Iterator<Item = &T> {
        self.by_owner.find(&self.items, uid, move |item| item.controller_uid() == Some(uid))
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// The names of a store, whatever it holds.
pub(super) trait Names {
    /// Namespace and name of every object, sorted.
    fn all(&self) -> Box<dyn Iterator<Item = (&str, &str)> + '_>;

    /// The namespaces with an object of this name, sorted.
    fn namespaces_of<'s>(&'s self, name: &'s str) -> Box<dyn Iterator<Item = &'s str> + 's>;
}

impl<T: Object> Names for Store<T> {
    fn all(&self) -> Box<dyn Iterator<Item = (&str, &str)> + '_> {
        Box::new(self.iter().map(key))
    }

    fn namespaces_of<'s>(&'s self, name: &'s str) -> Box<dyn Iterator<Item = &'s str> + 's> {
        Box::new(self.named(name).map(|item| key(item).0))
    }
}

fn key<T: Object>(item: &T) -> (&str, &str) {
    (item.namespace().unwrap_or_default(), item.name())
}
