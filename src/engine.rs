//! How cert-manager issues: the stages of an issuance, the rules that its controllers follow, and the controllers
//! themselves, played on an imagined cluster.
//!
//! Pure: no client, no clock; time and the seed of everything random come in as arguments.
//! A live chain is placed in the same [`Stage`]s by `chain::position`.

pub mod acme;
pub mod admission;
pub mod backoff;
mod calls;
mod certificates;
pub mod cluster;
pub mod companion;
mod condition;
pub mod controller;
pub mod cron;
mod decoded;
pub mod event;
pub mod field;
pub mod flags;
mod golang;
mod issuers;
mod key_pair;
pub mod name;
pub mod outside;
pub mod question;
mod queue;
pub mod random;
pub mod renewal;
mod requests;
pub mod shim;
mod shims;
pub mod solver;
pub mod stage;
mod turn;
mod vault;
mod venafi;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use calls::QuestionId;
pub use stage::Stage;

use acme::client::Clients;
use acme::scheduler;
use calls::Calls;
use cluster::{Change, Cluster};
use controller::{Controller, woken};
use event::Events;
use flags::Flags;
use outside::Outside;
use question::{Answer, Question};
use queue::{Item, Queue};
use random::Random;
use turn::{Looked, Turn};

use crate::api::{ClusterIssuer, Issuer};
use crate::objref::{Kind, ObjRef};

/// One step of a run: what a controller did when it looked at an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub at: Timestamp,
    pub item: Item,
    /// What was written, in order.
    pub changes: Vec<Change>,
    /// Why it will look again with back-off.
    pub trouble: Option<String>,
    /// Whether it has stopped in the middle, for an answer of the world or a pause of its own.
    pub is_open: bool,
    /// What only services outside can say, as far as it was not said before.
    pub outside: Vec<Outside>,
    /// Why something that an Ingress, Gateway or ListenerSet seems to ask for is not done.
    pub refusals: Vec<shim::Refusal>,
}

/// cert-manager on an imagined cluster.
///
/// Whoever drives it puts objects there ([`Engine::cluster`]), lets it work off what is due ([`Engine::step`]), takes up
/// what the controllers ask the world ([`Engine::poll_question`]) and brings the answers ([`Engine::answer`]), at once or
/// at any later time, and moves the time on to the next [`Engine::deadline`].
#[derive(Debug)]
pub struct Engine {
    flags: Flags,
    cluster: Cluster,
    queue: Queue,
    calls: Calls<Question, Answer>,
    clients: Clients,
    events: Events,
    outside: BTreeMap<ObjRef, Vec<Outside>>,
}

impl Engine {
    /// An empty cluster at `now`. The same seed, objects and answers give the same run, keys and signatures aside.
    pub fn new(now: Timestamp, seed: u64, flags: Flags) -> Self {
        Self {
            flags,
            cluster: Cluster::new(now, Random::seeded(seed)),
            queue: Queue::default(),
            calls: Calls::default(),
            clients: Clients::default(),
            events: Events::default(),
            outside: BTreeMap::new(),
        }
    }

    /// The objects, also to be changed from outside, as a user would.
    pub fn cluster(&mut self) -> &mut Cluster {
        &mut self.cluster
    }

    /// The objects.
    pub const fn objects(&self) -> &Cluster {
        &self.cluster
    }

    /// The Events so far.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Lets one controller look at one object; `None` if nothing is due at `now`.
    pub fn step(&mut self, now: Timestamp) -> Option<Step> {
        self.cluster.set_now(now);
        self.wake();
        let item = loop {
            let item = self.queue.pop(now)?;
            if !self.flags.disabled.contains(&item.0) {
                break item;
            }
        };
        let mut turn = Turn {
            now,
            flags: &self.flags,
            cluster: &mut self.cluster,
            clients: &mut self.clients,
            item: &item,
            queue: &mut self.queue,
            calls: &mut self.calls,
            told: Vec::new(),
            outside: Vec::new(),
            is_open: false,
            refusals: Vec::new(),
        };
        let looked = look(&mut turn);
        let Turn { told, is_open, mut outside, refusals, .. } = turn;
        for event in self.calls.untold(&item, told, is_open) {
            self.events.tell(event);
        }
        if is_open {
            let changes = self.wake();
            return Some(Step { at: now, item, changes, trouble: None, is_open, outside: Vec::new(), refusals });
        }
        self.calls.finish(&item);
        if !outside.is_empty() {
            let known = self.outside.entry(item.1.clone()).or_default();
            outside.retain(|one| !known.contains(one));
            known.extend(outside.iter().cloned());
        }
        let trouble = match looked {
            Ok(()) => {
                self.queue.forget(&item);
                None
            }
            Err(trouble) => {
                self.queue.retry(item.clone(), now);
                Some(trouble.to_string())
            }
        };
        let changes = self.wake();
        Some(Step { at: now, item, changes, trouble, is_open, outside, refusals })
    }

    /// The next question to the world that nobody has taken up, in the order in which they were put.
    pub fn poll_question(&mut self) -> Option<(QuestionId, Question)> {
        self.calls.poll()
    }

    /// Which controller asks, and about which object; `None` if it does not wait for the answer any more.
    pub fn asker(&self, id: QuestionId) -> Option<&Item> {
        self.calls.asker(id)
    }

    /// Brings the answer to a question at `now`. It is dropped if nobody waits for it any more: the object has changed
    /// or is gone.
    pub fn answer(&mut self, id: QuestionId, answer: Answer, now: Timestamp) {
        self.cluster.set_now(now);
        if let Some(item) = self.calls.answer(id, answer) {
            self.queue.add(&item);
        }
    }

    /// What only services outside can say about an object, in the order in which it came up.
    pub fn outside(&self, object: &ObjRef) -> &[Outside] {
        self.outside.get(object).map_or(&[], Vec::as_slice)
    }

    /// What only services outside can say about any object.
    pub fn all_outside(&self) -> impl Iterator<Item = (&ObjRef, &Outside)> {
        self.outside.iter().flat_map(|(object, all)| all.iter().map(move |one| (object, one)))
    }

    /// When something is due next.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.queue.deadline()
    }

    /// When something is due next that is more than a repetition of what failed before.
    pub fn next_scheduled(&self) -> Option<Timestamp> {
        self.queue.next_scheduled()
    }

    /// Tells the controllers what was written.
    fn wake(&mut self) -> Vec<Change> {
        let changes = self.cluster.take_changes();
        for change in &changes {
            woken(&self.cluster, change, &mut |controllers, object| self.queue.add_all(controllers, object));
            // The scheduler of Challenges goes by the clock.
            let scheduler = scheduler::item();
            if change.object.kind == Kind::Challenge && !self.queue.is_scheduled(&scheduler) {
                self.queue.schedule(scheduler, scheduler::next_pass(self.cluster.stamp().0));
            }
        }
        changes
    }
}

fn look(turn: &mut Turn) -> Looked {
    match turn.controller() {
        Controller::Trigger => certificates::trigger(turn),
        Controller::KeyManager => certificates::key_manager(turn),
        Controller::RequestManager => certificates::request_manager(turn),
        Controller::Issuing => certificates::issuing(turn),
        Controller::Readiness => certificates::readiness(turn),
        Controller::RevisionManager => {
            certificates::revision_manager(turn);
            Ok(())
        }
        Controller::Approver => {
            requests::approver(turn);
            Ok(())
        }
        signer @ (Controller::RequestsAcme
        | Controller::RequestsCa
        | Controller::RequestsSelfSigned
        | Controller::RequestsVault
        | Controller::RequestsVenafi) => requests::sign(turn, signer),
        Controller::Issuers => issuers::setup::<Issuer>(turn),
        Controller::ClusterIssuers => issuers::setup::<ClusterIssuer>(turn),
        Controller::Orders => acme::orders(turn),
        Controller::Challenges => acme::challenges(turn),
        Controller::IngressShim => shims::ingress(turn),
        Controller::GatewayShim => shims::gateway(turn),
        Controller::ListenerSetShim => shims::listener_set(turn),
    }
}

#[cfg(test)]
mod tests;
