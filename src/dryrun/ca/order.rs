//! Orders (RFC 8555 §7.1.3, §7.4).

use jiff::{SignedDuration, Timestamp};

use super::authorization::Authorization;
use super::{Ca, Outcome, after, not_found};
use crate::api::AcmeState;
use crate::dryrun::outside::network::Network;
use crate::engine::question::acme::{AcmeOrder, AcmeReply, Identifier, NewOrder, Problem};
use crate::engine::random::Random;

/// An order.
#[derive(Clone, Debug)]
pub struct Order {
    pub url: String,
    /// Sorted.
    pub identifiers: Vec<Identifier>,
    pub profile: Option<String>,
    /// Indexes of the authorizations.
    pub authorizations: Vec<usize>,
    pub expires: Timestamp,
    pub signing: Option<Signing>,
}

/// A certificate that is being signed, or is.
#[derive(Clone, Debug)]
pub struct Signing {
    pub done: Timestamp,
    pub url: String,
    /// The chains, the default one first: DER, leaf first.
    pub chains: Vec<Vec<Vec<u8>>>,
}

impl Ca {
    pub(super) fn new_order(
        &mut self,
        account: usize,
        wanted: &NewOrder,
        network: &Network<'_>,
        random: &mut Random,
    ) -> Result<AcmeReply, Problem> {
        self.check_order(wanted)?;
        self.check_names(wanted)?;
        self.check_redundant(wanted)?;
        self.check_order_limits(wanted, network)?;
        let mut identifiers = wanted.identifiers.clone();
        identifiers.sort();
        identifiers.dedup();
        let authorizations = identifiers
            .iter()
            .map(|identifier| {
                let known = self.reusable(account, identifier, network.now);
                known.unwrap_or_else(|| {
                    let number = self.authorizations.len() + 1;
                    let ends = after(network.now, self.settings.order_lifetime);
                    let new = Authorization::new(&self.settings, account, number, identifier, ends, random);
                    self.authorizations.push(new);
                    number - 1
                })
            })
            .collect();
        let order = Order {
            url: format!("{}/acme/order/{}/{}", self.settings.origin, account + 1, self.orders.len() + 1),
            identifiers,
            profile: wanted.profile.clone(),
            authorizations,
            expires: after(network.now, self.settings.order_lifetime),
            signing: None,
        };
        self.orders.push(order);
        Ok(AcmeReply::Order(self.order(self.orders.len() - 1, network.now)))
    }

    /// What an order must not ask for.
    fn check_order(&self, wanted: &NewOrder) -> Result<(), Problem> {
        let settings = &self.settings;
        if let Some(profile) = wanted.profile.as_deref().filter(|profile| !settings.profiles.contains_key(*profile)) {
            let detail = format!("profile name {profile:?} not recognized");
            return Err(Problem::new(400, "invalidProfile", detail));
        }
        if !settings.is_public {
            return Ok(());
        }
        if wanted.not_after.is_some() {
            return Err(Problem::new(400, "malformed", "NotBefore and NotAfter are not supported"));
        }
        let most = if matches!(wanted.profile.as_deref(), Some("tlsserver" | "shortlived")) { 25 } else { 100 };
        if wanted.identifiers.len() > most {
            return Err(Problem::new(400, "malformed", format!("Order cannot contain more than {most} identifiers")));
        }
        Ok(())
    }

    /// The order as the CA shows it.
    pub(super) fn order(&self, at: usize, now: Timestamp) -> AcmeOrder {
        let order = &self.orders[at];
        let status = self.order_status(order, now);
        let is_valid = status == AcmeState::Valid;
        AcmeOrder {
            url: Some(order.url.clone()),
            status,
            authorizations: order.authorizations.iter().map(|at| self.authorizations[*at].url.clone()).collect(),
            finalize: order.url.replace("/acme/order/", "/acme/finalize/"),
            certificate: order.signing.as_ref().filter(|_| is_valid).map(|signing| signing.url.clone()),
            error: None,
        }
    }

    pub(super) fn order_status(&self, order: &Order, now: Timestamp) -> AcmeState {
        if let Some(signing) = &order.signing {
            return if signing.done <= now { AcmeState::Valid } else { AcmeState::Processing };
        }
        let states: Vec<_> = order.authorizations.iter().map(|at| self.authorizations[*at].status(now)).collect();
        let is_over = |state: &AcmeState| state.is_failure();
        if order.expires <= now || states.iter().any(is_over) {
            AcmeState::Invalid
        } else if states.iter().all(|state| *state == AcmeState::Valid) {
            AcmeState::Ready
        } else {
            AcmeState::Pending
        }
    }

    pub(super) fn find_order(&self, url: &str) -> Result<usize, Problem> {
        let number = url.rsplit('/').next().unwrap_or_default();
        let found = self.orders.iter().position(|order| order.url == url);
        found.ok_or_else(|| not_found(format!("No order for ID {number}")))
    }

    pub(super) fn get_order(&self, url: &str, now: Timestamp) -> Result<AcmeReply, Problem> {
        self.find_order(url).map(|at| AcmeReply::Order(self.order(at, now)))
    }

    /// An order that is ready, valid or invalid; else when to look again.
    pub(super) fn wait_order(&self, url: &str, now: Timestamp) -> Outcome {
        let at = match self.find_order(url) {
            Ok(at) => at,
            Err(problem) => return problem.into(),
        };
        let order = self.order(at, now);
        if matches!(order.status, AcmeState::Ready | AcmeState::Valid | AcmeState::Invalid) {
            return AcmeReply::Order(order).into();
        }
        let signed = self.orders[at].signing.as_ref().map(|signing| signing.done);
        Outcome::Later(signed.unwrap_or_else(|| after(now, SignedDuration::from_secs(1))))
    }
}
