//! Objects from a live cluster, asked for as the chain unfolds.
//!
//! Each wave sends all questions that are open at once; [`plan`] says which they are, from the chain that is known so
//! far. No kind is ever listed whole for one certificate: names are computed. A refusal or failure of one question
//! is recorded as a fact and the rest goes on.

mod ask;
mod logs;
mod pages;
mod plan;
mod start;
mod sweep;

use futures::StreamExt;
use futures::stream;
use jiff::Timestamp;

pub use ask::Ask;
pub use logs::{Voice, voices};
pub use pages::{Page, object, object_path};
pub use sweep::{Breadth, Sweep, definition_path, follow_up, query, questions};

use crate::chain::{Chain, way};
use crate::connect::{RequestError, Session};
use crate::fact::{Denial, Failure};
use crate::facts::Facts;
use crate::inventory::{Answer, Inventory, Objects, Scope};
use crate::objref::ObjRef;
use crate::source::decode;

/// Questions in flight at once: more than one chain ever asks together, as each further one would cost a round trip.
const PARALLEL: usize = 32;
/// A chain is at most this many waves deep, and the way to it from a host four; more would mean that the plan asks in
/// circles.
const MAX_WAVES: usize = 14;

/// How far to look around a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Where an issuance stands: no events, no solver objects, no Secret.
    Table,
    /// What `status` shows.
    Chain,
    /// Also what the rules need to tell causes apart when something is wrong.
    Causes,
    /// Also requests of former revisions.
    History,
}

/// Objects gathered so far.
pub struct Gather<'s> {
    session: &'s Session,
    objects: Objects,
    now: Timestamp,
    /// Requests sent, for the tests of the request budget.
    pub requests: usize,
    /// Waves sent.
    pub waves: usize,
}

impl<'s> Gather<'s> {
    pub fn new(session: &'s Session, now: Timestamp) -> Self {
        Self { session, objects: Objects::default(), now, requests: 0, waves: 0 }
    }

    /// Follows the chain of each subject to its ends.
    ///
    /// # Errors
    /// Only when the server cannot be reached or does not know us at all.
    pub async fn follow(&mut self, subjects: &[ObjRef], reach: Reach) -> Result<(), RequestError> {
        for _ in 0..MAX_WAVES {
            let inventory = Inventory::new(self.objects.clone());
            let own = self.session.namespace();
            let parts = subjects.iter().flat_map(|subject| way::parts(&way::ways(&inventory, subject)));
            let mut asks: Vec<Ask> = parts
                .flat_map(|part| {
                    let facts = Facts::new(&inventory, Chain::of(&inventory, &part), self.now);
                    plan::open_questions(&facts, reach, own)
                })
                .filter(|ask| !inventory.coverage.has(ask.kind(), &ask.scope()))
                .collect();
            asks.sort();
            asks.dedup();
            if asks.is_empty() {
                break;
            }
            self.wave(asks).await?;
        }
        Ok(())
    }

    /// Sends questions together and takes the answers in the order of the questions.
    async fn wave(&mut self, asks: Vec<Ask>) -> Result<(), RequestError> {
        self.waves += 1;
        let session = self.session;
        let mut answers =
            stream::iter(asks).map(|ask| async move { (ask.send(session).await, ask) }).buffered(PARALLEL);
        let mut lost = None;
        let mut answered = false;
        // Each answer is read as it comes, so that not all of them are held as text at once.
        while let Some((sent, ask)) = answers.next().await {
            self.requests += sent.requests;
            for body in &sent.bodies {
                let text = String::from_utf8_lossy(body);
                for unreadable in decode::take(&mut self.objects, &text).unreadable {
                    let asked = format!("read {}", unreadable.object);
                    self.objects.unread.push(Failure { asked, said: unreadable.why });
                }
            }
            let answer = ask.answer(sent.trouble.as_ref());
            match sent.trouble {
                Some(fatal @ (RequestError::GroupAbsent { .. } | RequestError::Decode { .. }))
                    if ask.is_essential() =>
                {
                    return Err(fatal);
                }
                Some(fatal @ RequestError::Unauthorized { .. }) => return Err(fatal),
                Some(trouble) if matches!(answer, Answer::Failed(_)) => {
                    lost = lost.or(is_connection(&trouble).then_some(trouble));
                    self.objects.coverage.record(ask.kind(), ask.scope(), answer);
                    continue;
                }
                Some(_) | None => {}
            }
            answered = true;
            self.objects.coverage.record(ask.kind(), ask.scope(), answer);
        }
        match lost {
            Some(trouble) if !answered && self.waves == 1 => Err(trouble),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the server says that an object is not there.
    pub fn is_absent(&self, object: &ObjRef) -> bool {
        let inventory = Inventory::new(self.objects.clone());
        let asked = inventory.coverage.has(object.kind, &Scope::Named(object.namespace.clone(), object.name.clone()));
        let facts = Facts::new(&inventory, Chain::of(&inventory, object), self.now);
        asked && facts.subject().is_absent()
    }

    /// What was gathered.
    pub fn into_objects(self) -> Objects {
        self.objects
    }
}

/// Objects of the same kind: all of the same namespace, and those of the same name elsewhere. By metadata alone; what
/// the user may not see is left out.
pub async fn others_than(session: &Session, object: &ObjRef) -> Vec<ObjRef> {
    let name = format!("&fieldSelector={}", pages::encoded(&format!("metadata.name={}", object.name)));
    let (here, elsewhere) = futures::join!(
        pages::names(session, object.kind, object.namespace.as_deref(), ""),
        pages::names(session, object.kind, None, &name)
    );
    here.into_iter().chain(elsewhere).collect()
}

/// Whether the server was not reached at all.
pub fn is_connection(error: &RequestError) -> bool {
    match error {
        RequestError::Timeout { .. }
        | RequestError::Refused { .. }
        | RequestError::Tls { .. }
        | RequestError::Unreachable { .. }
        | RequestError::Credential { .. } => true,
        RequestError::NotFound { .. }
        | RequestError::GroupAbsent { .. }
        | RequestError::Forbidden { .. }
        | RequestError::Unauthorized { .. }
        | RequestError::Conflict { .. }
        | RequestError::Invalid { .. }
        | RequestError::Expired { .. }
        | RequestError::TooManyRequests { .. }
        | RequestError::ServerStatus { .. }
        | RequestError::Decode { .. } => false,
    }
}

/// A refusal as a fact.
fn denial(verb: &'static str, resource: String, namespace: Option<&str>) -> Denial {
    Denial { verb, resource, namespace: namespace.map(str::to_owned) }
}
