//! Where a chain breaks off because nobody looked further.
//!
//! A stage is read from the objects that are there. Where the next kind of object was not looked at, the stage may be
//! further on than it seems, and whoever reads it must be told.

use super::{Facts, gap};
use crate::api::{AcmeState, Object};
use crate::chain::{OrderNode, RequestNode};
use crate::engine::Stage;
use crate::fact::Fact;
use crate::objref::Kind;
use crate::rule::Gap;

impl Facts<'_> {
    /// The link that was not looked at and that the stage hangs on.
    pub fn breaks_off(&self) -> Option<Gap> {
        if let Some(gap) = self.unseen_certificate() {
            return Some(gap);
        }
        match self.chain.in_flight() {
            None if matches!(self.stage, Stage::Key | Stage::Request) => self.unseen(Kind::CertificateRequest, None),
            None => None,
            Some(node) => match node.order() {
                None if self.stage == Stage::Issuer && speaks_of_an_order(node) => {
                    self.unseen(Kind::Order, node.request.uid())
                }
                Some(order) if self.stage == Stage::Authorizations && wants_challenges(order) => {
                    self.unseen(Kind::Challenge, order.order.uid())
                }
                None | Some(_) => None,
            },
        }
    }

    /// The gap, unless somebody looked. Saved objects that hold others of the kind were most likely saved with all.
    fn unseen(&self, kind: Kind, owner: Option<&str>) -> Option<Gap> {
        let namespace = self.chain.subject.namespace.as_deref();
        let coverage = &self.inventory.coverage;
        let fact: Fact<()> = match owner {
            Some(uid) => self.inventory.none_owned(kind, namespace, uid),
            None => self.inventory.missing(kind, namespace, None),
        };
        let saved_with_others = !coverage.asked_about(kind) && self.inventory.names(kind).next().is_some();
        // A live chain is followed by computed names, without listing the kind. Names of Orders and Challenges are
        // computed from the issuer.
        let by_name =
            coverage.knows_a_name(kind) && (kind == Kind::CertificateRequest || self.chain.issuer.seen().is_some());
        if fact.is_absent() || saved_with_others || by_name {
            return None;
        }
        Some(gap(&coverage.refusal(kind).unwrap_or(fact), kind))
    }
}

/// cert-manager names the Order in the condition of a request that waits for it.
fn speaks_of_an_order(node: &RequestNode) -> bool {
    let ready = node.request.condition(crate::api::RequestConditionType::Ready);
    ready.is_some_and(|condition| condition.message.to_ascii_lowercase().contains("order "))
        && node.request.namespace().is_some()
}

fn wants_challenges(node: &OrderNode) -> bool {
    let open = |state: &Option<AcmeState>| *state != Some(AcmeState::Valid);
    node.order.status.authorizations.iter().any(|authorization| open(&authorization.initial_state))
}
