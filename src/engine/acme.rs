//! The ACME half of cert-manager: accounts, orders, challenges and what solves them.

pub(super) mod account;
mod challenges;
mod check;
pub(super) mod client;
mod dns01;
mod finalize;
mod http01;
mod orders;
pub mod planned;
pub(super) mod scheduler;
mod url;

pub(super) use challenges::challenges;
pub use client::jwk;
pub(super) use orders::orders;

use client::{Client, NO_CLIENT};

use super::turn::{Trouble, Turn};
use crate::api::{AcmeIssuer, ClusterIssuer, Issuer, IssuerRef, Object};
use crate::objref::Kind;

/// The issuer of an Order or Challenge, and the client that speaks for it.
fn speaker(turn: &Turn, issuer: &IssuerRef, namespace: &str) -> Result<(AcmeIssuer, Client), Trouble> {
    let name = &issuer.name;
    let unread = |kind: Kind| {
        let error = format!("{}.cert-manager.io {name:?} not found", kind.singular());
        Trouble(format!("error reading (cluster)issuer {name:?}: {error}"))
    };
    let (spec, uid) = if issuer.kind_or_default() == Kind::ClusterIssuer.word() {
        let found = turn.cluster.get::<ClusterIssuer>(None, name).ok_or_else(|| unread(Kind::ClusterIssuer))?;
        (&found.spec, found.uid())
    } else {
        let found = turn.cluster.get::<Issuer>(Some(namespace), name).ok_or_else(|| unread(Kind::Issuer))?;
        (&found.spec, found.uid())
    };
    let client = turn.clients.get(uid.unwrap_or_default());
    let (Some(acme), Some(client)) = (&spec.acme, client) else { return Err(Trouble(NO_CLIENT.to_owned())) };
    Ok((acme.clone(), client.clone()))
}

#[cfg(test)]
mod tests;
