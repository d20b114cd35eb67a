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
        match self.chain.in_flight() {
            None if matches!(self.stage, Stage::Key | Stage::Request) => self.unseen(Kind::CertificateRequest),
            None => None,
            Some(node) => match node.order() {
                None if self.stage == Stage::Issuer && speaks_of_an_order(node) => self.unseen(Kind::Order),
                Some(order) if self.stage == Stage::Authorizations && wants_challenges(order) => {
                    self.unseen(Kind::Challenge)
                }
                None | Some(_) => None,
            },
        }
    }

    /// The gap, unless somebody looked. Saved objects that hold others of the kind were most likely saved with all.
    fn unseen(&self, kind: Kind) -> Option<Gap> {
        let fact: Fact<()> = self.inventory.missing(kind, self.chain.subject.namespace.as_deref(), None);
        let looked = fact.is_absent() || self.inventory.names(kind).next().is_some() || self.asked_by_name(kind);
        (!looked).then(|| gap(&fact, kind))
    }

    /// A live chain is followed by computed names, without listing the kind.
    fn asked_by_name(&self, kind: Kind) -> bool {
        self.inventory.coverage.named_complete().any(|object| object.kind == kind)
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
