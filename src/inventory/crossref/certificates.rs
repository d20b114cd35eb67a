//! Certificates that ask for the same: one Secret, or the same names of the same issuer.

use std::collections::{BTreeMap, HashMap};

use super::super::index::Index;
use super::super::{Inventory, Store};
use super::positions;
use crate::api::{Certificate, Object, RenewalPolicy};

/// Positions of Certificates by what they ask for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    by_secret: Index,
    /// By namespace and name of a Secret that several Certificates write to: the oldest of them.
    oldest_writers: BTreeMap<(String, String), usize>,
    /// For each Certificate the number of its wish: issuer and names.
    wish_of: Vec<usize>,
    /// Number of a wish and position of a Certificate that has it, sorted.
    by_wish: Vec<(usize, usize)>,
    /// Certificates whose renewal is switched off.
    never_renewed: Vec<usize>,
}

impl Wishes {
    pub(super) fn of(certificates: &Store<Certificate>) -> Self {
        let items = &certificates.items;
        let by_secret = Index::of(items, |certificate| Some(secret_of(certificate)));
        let mut numbers = HashMap::new();
        let wish_of: Vec<usize> = items
            .iter()
            .map(|certificate| {
                let next = numbers.len();
                *numbers.entry(Wish::of(certificate)).or_insert(next)
            })
            .collect();
        let mut by_wish: Vec<_> = wish_of.iter().copied().zip(0..).collect();
        by_wish.sort_unstable();
        let never_renewed = positions(certificates, is_never_renewed);
        Self { oldest_writers: oldest_writers(items, &by_secret), by_secret, wish_of, by_wish, never_renewed }
    }

    /// The positions of all Certificates with the wish of this one.
    fn alike(&self, position: usize) -> &[(usize, usize)] {
        let wish = self.wish_of[position];
        let start = self.by_wish.partition_point(|(other, _)| *other < wish);
        let end = self.by_wish.partition_point(|(other, _)| *other <= wish);
        &self.by_wish[start..end]
    }
}

/// What a Certificate asks for: the issuer with its defaults, and the set of names.
#[derive(PartialEq, Eq, Hash)]
struct Wish<'c> {
    issuer: [&'c str; 3],
    names: Vec<&'c str>,
}

impl<'c> Wish<'c> {
    fn of(certificate: &'c Certificate) -> Self {
        let spec = &certificate.spec;
        let mut names: Vec<&str> = spec.dns_names.iter().chain(&spec.ip_addresses).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let issuer = &spec.issuer_ref;
        Self { issuer: [issuer.group_or_default(), issuer.kind_or_default(), &issuer.name], names }
    }
}

fn is_never_renewed(certificate: &Certificate) -> bool {
    let policy = certificate.spec.renewal.as_ref().and_then(|renewal| renewal.policy.as_ref());
    policy == Some(&RenewalPolicy::Disabled)
}

fn secret_of(certificate: &Certificate) -> (&str, &str) {
    (certificate.namespace().unwrap_or_default(), &certificate.spec.secret_name)
}

fn oldest_writers(items: &[Certificate], by_secret: &Index) -> BTreeMap<(String, String), usize> {
    let mut oldest: BTreeMap<(String, String), usize> = BTreeMap::new();
    let age = |position: usize| (items[position].created(), items[position].name());
    for position in by_secret.shared().filter(|position| items[*position].deleting_since().is_none()) {
        let (namespace, secret) = secret_of(&items[position]);
        let oldest = oldest.entry((namespace.to_owned(), secret.to_owned())).or_insert(position);
        if age(position) < age(*oldest) {
            *oldest = position;
        }
    }
    oldest
}

impl Inventory {
    /// The Certificates of a namespace that write to one Secret, by name.
    pub fn certificates_for_secret(&self, namespace: &str, secret: &str) -> impl Iterator<Item = &Certificate> {
        let wanted = (namespace, secret);
        self.crossrefs.wishes.by_secret.find(&self.certificates.items, wanted, move |one| secret_of(one) == wanted)
    }

    /// The Certificates of the whole source whose renewal is switched off.
    pub fn certificates_never_renewed(&self) -> impl Iterator<Item = &Certificate> {
        self.crossrefs.wishes.never_renewed.iter().map(|position| &self.certificates.items[*position])
    }

    /// Where several Certificates write to one Secret: the oldest of those that are not being deleted, the first by
    /// name among equals.
    pub fn oldest_writer(&self, namespace: &str, secret: &str) -> Option<&Certificate> {
        let position = self.crossrefs.wishes.oldest_writers.get(&(namespace.to_owned(), secret.to_owned()))?;
        Some(&self.certificates.items[*position])
    }

    /// The Certificates of the whole source that ask the issuer of the same name for the same names, the given one
    /// among them, sorted by namespace and name.
    pub fn certificates_like(&self, certificate: &Certificate) -> impl ExactSizeIterator<Item = &Certificate> {
        self.alike(certificate).iter().map(|(_, position)| &self.certificates.items[*position])
    }

    /// The same within the namespace of the given one.
    pub fn certificates_like_in_namespace(&self, certificate: &Certificate) -> impl Iterator<Item = &Certificate> {
        let namespace = certificate.namespace().unwrap_or_default();
        let items = &self.certificates.items;
        let of = |position: usize| items[position].namespace().unwrap_or_default();
        let alike = self.alike(certificate);
        let start = alike.partition_point(|(_, position)| of(*position) < namespace);
        let end = alike.partition_point(|(_, position)| of(*position) <= namespace);
        alike[start..end].iter().map(|(_, position)| &items[*position])
    }

    fn alike(&self, certificate: &Certificate) -> &[(usize, usize)] {
        let position = self.certificates.position(certificate.namespace(), certificate.name());
        position.map_or(&[], |position| self.crossrefs.wishes.alike(position))
    }
}

#[cfg(test)]
mod tests {
    use super::super::inventory;
    use super::*;

    fn certificate(namespace: &str, name: &str, rest: &str) -> String {
        format!(
            "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {{namespace: {namespace:?}, name: {name:?}{rest}}}\n"
        )
    }

    #[test]
    fn the_oldest_writer_is_not_being_deleted_and_the_first_by_name_of_its_age() {
        let spec = "spec: {secretName: tls}\n---\n";
        let created = |time: &str| format!(", creationTimestamp: '2026-01-0{time}T00:00:00Z'");
        let gone = ", creationTimestamp: '2026-01-01T00:00:00Z', deletionTimestamp: '2026-01-09T00:00:00Z'";
        let one = |namespace: &str, name: &str, rest: &str| certificate(namespace, name, rest) + spec;
        let inventory = inventory(
            &[
                one("a", "w", gone),
                one("a", "x", &created("3")),
                one("a", "z", &created("2")),
                one("a", "y", &created("2")),
                one("b", "y", &created("1")),
            ]
            .concat(),
        );
        assert_eq!(inventory.oldest_writer("a", "tls").map(Object::name), Some("y"));
        assert_eq!(inventory.oldest_writer("b", "tls").map(Object::name), None, "there is only one");
        let writers: Vec<&str> = inventory.certificates_for_secret("a", "tls").map(Object::name).collect();
        assert_eq!(writers, ["w", "x", "y", "z"]);
    }

    #[test]
    fn certificates_are_alike_by_issuer_and_set_of_names() {
        let one = |namespace: &str, name: &str, spec: &str| {
            format!("{}spec: {{{spec}}}\n---\n", certificate(namespace, name, ""))
        };
        let inventory = inventory(
            &[
                one("a", "x", "dnsNames: [p, q], issuerRef: {name: le}"),
                one("b", "x", "dnsNames: [q, p, p], issuerRef: {name: le, kind: Issuer}"),
                one("b", "y", "dnsNames: [p, q], issuerRef: {name: le, group: cert-manager.io}"),
                one("c", "x", "dnsNames: [p, q], issuerRef: {name: le, kind: ClusterIssuer}"),
                one("c", "y", "dnsNames: [p], issuerRef: {name: le}"),
            ]
            .concat(),
        );
        let names = |found: &mut dyn Iterator<Item = &Certificate>| -> Vec<String> {
            found.map(|one| format!("{}/{}", one.namespace().unwrap(), one.name())).collect()
        };
        let asked = inventory.certificates.find(Some("b"), "y").unwrap();
        assert_eq!(names(&mut inventory.certificates_like(asked)), ["a/x", "b/x", "b/y"]);
        assert_eq!(names(&mut inventory.certificates_like_in_namespace(asked)), ["b/x", "b/y"]);
        let stranger = Certificate::default();
        assert_eq!(inventory.certificates_like(&stranger).len(), 0);
    }
}
