//! Where the same can be tried without spending anything: the CA's staging environment.

use std::collections::BTreeSet;

use super::{Account, Event};
use crate::api::{ClusterIssuer, Issuer, Object};
use crate::inventory::Inventory;
use crate::objref::{Kind, ObjRef};
use crate::public_ca::host;

/// An issuer of a real CA, and its staging environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staging {
    pub issuer: ObjRef,
    /// Whether the API server knows it.
    pub exists: bool,
    /// The directory of the staging environment.
    pub server: &'static str,
    /// An issuer that points there already.
    pub there: Option<ObjRef>,
}

/// The issuers that something is planned of, where there is something new to try or not enough for all.
pub(super) fn advice(inventory: &Inventory, accounts: &[Account], events: &[Event]) -> Vec<Staging> {
    let issuers: BTreeSet<(&str, &ObjRef)> = events
        .iter()
        .filter(|event| {
            event.is_of_manifest || accounts.iter().any(|one| one.host == event.payer.host && one.is_short())
        })
        .map(|event| (event.payer.host.as_str(), &event.payer.issuer))
        .collect();
    let of = |(at, issuer): (&str, &ObjRef)| {
        let rules = accounts.iter().find(|account| account.host == at)?.rules?;
        let server = rules.staging?;
        let there = there(inventory, issuer, host(server));
        Some(Staging { issuer: issuer.clone(), exists: exists(inventory, issuer), server, there })
    };
    issuers.into_iter().filter_map(of).collect()
}

/// An issuer at the staging host that can take the place of this one.
fn there(inventory: &Inventory, issuer: &ObjRef, at: &str) -> Option<ObjRef> {
    let own = issuer.namespace.as_deref().and_then(|space| inventory.issuers_at_host(space, at).next());
    own.map(Object::objref).or_else(|| inventory.cluster_issuers_at_host(at).next().map(Object::objref))
}

fn exists(inventory: &Inventory, issuer: &ObjRef) -> bool {
    let is_known = |uid: Option<&str>| uid.is_some();
    if issuer.kind == Kind::ClusterIssuer {
        inventory.get::<ClusterIssuer>(None, &issuer.name).seen().is_some_and(|seen| is_known(seen.uid()))
    } else {
        let seen = inventory.at::<Issuer>(issuer);
        seen.seen().is_some_and(|seen| is_known(seen.uid()))
    }
}
