//! Issuers by what they point at: an ACME server, the Secret of an account; and those of other API groups by name.

use jiff::Timestamp;

use super::super::index::Index;
use super::super::{Inventory, Store};
use crate::api::{
    AcmeIssuer, ClusterIssuer, ExternalIssuer, Issuer, IssuerCondition, IssuerRef, IssuerSpec, IssuerStatus, Object,
};
use crate::objref::ObjRef;
use crate::public_ca::host;

/// Positions of issuers by what they point at.
#[derive(Clone, Debug, Default)]
pub(super) struct Issuers {
    by_host: Index,
    cluster_by_host: Index,
    by_account_key: Index,
    cluster_by_account_key: Index,
    external: Index,
    external_by_kind: Index,
    /// Which of cert-manager's own issuers got its condition last, and when.
    last_judged: Option<(Timestamp, ObjRef)>,
}

impl Issuers {
    pub(super) fn of(
        issuers: &Store<Issuer>,
        cluster_issuers: &Store<ClusterIssuer>,
        external: &[ExternalIssuer],
    ) -> Self {
        let place = |issuer: &'_ Issuer| issuer.metadata.namespace.clone().unwrap_or_default();
        Self {
            by_host: Index::of(&issuers.items, |issuer| Some((place(issuer), server_host(&issuer.spec)?))),
            cluster_by_host: Index::of(&cluster_issuers.items, |issuer| server_host(&issuer.spec)),
            by_account_key: Index::of(&issuers.items, |issuer| Some((place(issuer), account_key(&issuer.spec)?))),
            cluster_by_account_key: Index::of(&cluster_issuers.items, |issuer| account_key(&issuer.spec)),
            external: Index::of(external, |issuer| Some(external_key(issuer))),
            external_by_kind: Index::of(external, |issuer| Some(issuer.kind.as_str())),
            last_judged: last_judged(issuers, cluster_issuers),
        }
    }
}

impl Inventory {
    /// The Issuers of a namespace with an ACME server on this host, sorted by name.
    pub fn issuers_at_host(&self, namespace: &str, host: &str) -> impl Iterator<Item = &Issuer> {
        let host = host.to_ascii_lowercase();
        let key = (namespace.to_owned(), host.clone());
        self.crossrefs.issuers.by_host.find(&self.issuers.items, key, move |issuer| {
            issuer.namespace() == Some(namespace) && server_host(&issuer.spec).as_ref() == Some(&host)
        })
    }

    /// The ClusterIssuers with an ACME server on this host, sorted by name.
    pub fn cluster_issuers_at_host(&self, host: &str) -> impl Iterator<Item = &ClusterIssuer> {
        let host = host.to_ascii_lowercase();
        let key = host.clone();
        let is_there = move |issuer: &ClusterIssuer| server_host(&issuer.spec).as_ref() == Some(&host);
        self.crossrefs.issuers.cluster_by_host.find(&self.cluster_issuers.items, key, is_there)
    }

    /// The Issuers of a namespace whose ACME account has its key in this Secret, sorted by name.
    pub fn issuers_with_account_key(&self, namespace: &str, secret: &str) -> impl Iterator<Item = &Issuer> {
        let key = (namespace.to_owned(), secret);
        self.crossrefs.issuers.by_account_key.find(&self.issuers.items, key, move |issuer| {
            issuer.namespace() == Some(namespace) && account_key(&issuer.spec) == Some(secret)
        })
    }

    /// The ClusterIssuers whose ACME account has its key in a Secret of this name, sorted by name.
    pub fn cluster_issuers_with_account_key(&self, secret: &str) -> impl Iterator<Item = &ClusterIssuer> {
        let has = move |issuer: &ClusterIssuer| account_key(&issuer.spec) == Some(secret);
        self.crossrefs.issuers.cluster_by_account_key.find(&self.cluster_issuers.items, secret, has)
    }

    /// The issuer of another API group that a reference names, seen from `namespace`: one of that namespace, else one
    /// of the cluster.
    pub fn external_issuer(&self, reference: &IssuerRef, namespace: &str) -> Option<&ExternalIssuer> {
        let find = |namespace: Option<&str>| {
            let key = [
                namespace,
                Some(reference.group_or_default()),
                Some(reference.kind_or_default()),
                Some(reference.name.as_str()),
            ];
            let index = &self.crossrefs.issuers.external;
            index.find(&self.external_issuers, key, move |issuer| external_key(issuer) == key).next()
        };
        find(Some(namespace)).or_else(|| find(None))
    }

    /// Which of cert-manager's own issuers got its condition Ready last, and when.
    pub fn last_judged_issuer(&self) -> Option<&(Timestamp, ObjRef)> {
        self.crossrefs.issuers.last_judged.as_ref()
    }

    /// The first issuer of another API group of this kind, whatever the group.
    pub fn external_issuer_of_kind(&self, kind: &str) -> Option<&ExternalIssuer> {
        let index = &self.crossrefs.issuers.external_by_kind;
        index.find(&self.external_issuers, kind, |issuer| issuer.kind == kind).next()
    }
}

fn acme(spec: &IssuerSpec) -> Option<&AcmeIssuer> {
    spec.acme.as_ref()
}

fn server_host(spec: &IssuerSpec) -> Option<String> {
    acme(spec).map(|acme| host(&acme.server).to_ascii_lowercase())
}

fn account_key(spec: &IssuerSpec) -> Option<&str> {
    acme(spec).map(|acme| acme.private_key_secret_ref.name.as_str())
}

fn external_key(issuer: &ExternalIssuer) -> [Option<&str>; 4] {
    let metadata = &issuer.metadata;
    let name = metadata.name.as_deref();
    [metadata.namespace.as_deref(), Some(issuer.group()), Some(issuer.kind.as_str()), name]
}

fn last_judged(issuers: &Store<Issuer>, cluster_issuers: &Store<ClusterIssuer>) -> Option<(Timestamp, ObjRef)> {
    let at = |status: &IssuerStatus| status.ready().and_then(IssuerCondition::since);
    let own = issuers.items.iter().filter_map(|issuer| Some((at(&issuer.status)?, issuer.objref())));
    let cluster = cluster_issuers.items.iter().filter_map(|issuer| Some((at(&issuer.status)?, issuer.objref())));
    own.chain(cluster).max()
}

#[cfg(test)]
mod tests {
    use super::super::inventory;
    use super::*;

    #[test]
    fn issuers_are_found_by_host_and_account_key_in_their_own_namespace() {
        let acme = |secret: &str, host: &str| {
            format!("spec: {{acme: {{server: 'https://{host}/dir', privateKeySecretRef: {{name: {secret}}}}}}}\n---\n")
        };
        let issuer = |namespace: &str, name: &str, spec: String| {
            let head = "apiVersion: cert-manager.io/v1\nkind: Issuer";
            format!("{head}\nmetadata: {{namespace: {namespace:?}, name: {name:?}}}\n{spec}")
        };
        let cluster_issuer = |name: &str, spec: String| {
            format!("apiVersion: cert-manager.io/v1\nkind: ClusterIssuer\nmetadata: {{name: {name:?}}}\n{spec}")
        };
        let inventory = inventory(
            &[
                issuer("a", "x", acme("key", "CA.example.com")),
                issuer("a", "y", acme("key-2", "ca.example.com")),
                issuer("b", "x", acme("key", "other.example.com")),
                cluster_issuer("le", acme("key", "ca.example.com:14000")),
            ]
            .concat(),
        );
        let names = |found: Vec<&Issuer>| -> Vec<String> { found.iter().map(|one| one.name().to_owned()).collect() };
        assert_eq!(names(inventory.issuers_at_host("a", "ca.EXAMPLE.com").collect()), ["x", "y"]);
        assert_eq!(names(inventory.issuers_at_host("b", "ca.example.com").collect()), Vec::<String>::new());
        assert_eq!(names(inventory.issuers_with_account_key("a", "key").collect()), ["x"]);
        assert_eq!(inventory.cluster_issuers_at_host("ca.example.com").count(), 1);
        assert_eq!(inventory.cluster_issuers_with_account_key("key").count(), 1);
    }

    #[test]
    fn external_issuers_are_found_in_their_namespace_or_in_the_cluster() {
        let external = |metadata: &str, kind: &str| {
            format!("apiVersion: pki.example.com/v1\nkind: {kind}\nmetadata: {{{metadata}}}\n---\n")
        };
        let inventory = inventory(
            &[
                external("name: pki, namespace: a", "PkiIssuer"),
                external("name: pki, namespace: b", "PkiIssuer"),
                external("name: pki", "PkiClusterIssuer"),
            ]
            .concat(),
        );
        let find = |kind: &str, namespace: &str| {
            let reference = IssuerRef { name: "pki".into(), kind: kind.into(), group: "pki.example.com".into() };
            inventory.external_issuer(&reference, namespace).map(|issuer| issuer.metadata.namespace.clone())
        };
        assert_eq!(find("PkiIssuer", "b"), Some(Some("b".into())));
        assert_eq!(find("PkiIssuer", "c"), None);
        assert_eq!(find("PkiClusterIssuer", "c"), Some(None));
        assert_eq!(inventory.external_issuer_of_kind("PkiIssuer").map(ExternalIssuer::group), Some("pki.example.com"));
        assert!(inventory.external_issuer_of_kind("Other").is_none());
    }
}
