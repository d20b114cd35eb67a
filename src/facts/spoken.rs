//! What cert-manager's logs say about the objects of one target.
//!
//! Words beside what the objects tell: no verdict hangs on them.

use super::Facts;
use crate::api::Object;
use crate::chain::{IssuerView, Stray};
use crate::inventory::{LogLine, PodLog};
use crate::objref::ObjRef;

impl<'i> Facts<'i> {
    /// The newest lines about the objects of the chain, each different from the others; oldest first, at most `most`.
    pub fn spoken(&self, most: usize) -> Vec<(&'i PodLog, &'i LogLine)> {
        if self.inventory.logs.is_empty() {
            return Vec::new();
        }
        let mut chosen: Vec<(&PodLog, &LogLine)> = Vec::new();
        for object in self.speakable() {
            let logs = &self.inventory.logs;
            for (log, line) in logs.about(object.kind.word(), object.namespace.as_deref(), &object.name).rev() {
                let is_new =
                    |(_, other): &(&PodLog, &LogLine)| other.message != line.message || other.error != line.error;
                if chosen.len() == most {
                    break;
                }
                if chosen.iter().all(is_new) {
                    chosen.push((log, line));
                }
            }
        }
        chosen.reverse();
        chosen
    }

    /// The objects whose lines bear on the target: the deepest first, as they are nearest to what goes wrong.
    fn speakable(&self) -> Vec<ObjRef> {
        let mut objects = Vec::new();
        if let Ok(challenges) = self.challenges() {
            objects.extend(challenges.iter().map(|node| node.challenge.objref()));
        }
        if let Ok(order) = self.order() {
            objects.push(order.order.objref());
        }
        if let Ok(request) = self.request() {
            objects.push(request.request.objref());
        }
        // A ready issuer's old troubles are over.
        if let Some(IssuerView::Builtin { objref, status, .. }) = self.chain.issuer.seen()
            && status.ready().is_none_or(|ready| !ready.is_true())
        {
            objects.push(objref.clone());
        }
        objects.extend(self.chain.certificate.seen().map(|certificate| certificate.objref()));
        let is_stray = matches!(self.chain.stray, Some(Stray::Order(_) | Stray::Challenge(_)));
        if !objects.contains(&self.chain.subject) && !is_stray {
            objects.push(self.chain.subject.clone());
        }
        objects
    }
}
