//! One controller's look at one object: what it sees, and what it may do.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::acme::client::Clients;
use super::calls::Calls;
use super::cluster::{AlreadyExists, Cluster};
use super::event::{EventType, Told};
use super::flags::Flags;
use super::outside::Outside;
use super::question::vault::{VaultAnswer, VaultCall};
use super::question::{Answer, Question};
use super::queue::{Item, Queue};
use super::shim::Refusal;
use crate::api::Object;
use crate::objref::ObjRef;

/// Why a controller will look again with back-off; cert-manager writes such errors to its log only.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

impl From<AlreadyExists> for Trouble {
    fn from(error: AlreadyExists) -> Self {
        Self(error.to_string())
    }
}

/// How a look ends.
pub type Looked = Result<(), Trouble>;

/// What a controller has in hand.
pub struct Turn<'e> {
    pub now: Timestamp,
    pub flags: &'e Flags,
    pub cluster: &'e mut Cluster,
    /// Which issuers' ACME servers can be spoken to.
    pub clients: &'e mut Clients,
    pub(super) item: &'e Item,
    pub(super) queue: &'e mut Queue,
    pub(super) calls: &'e mut Calls<Question, Answer>,
    /// What only services outside can say.
    pub(super) outside: Vec<Outside>,
    /// The Events of this look, also those that it has told before it stopped at a question.
    pub(super) told: Vec<Told>,
    /// Whether the look has stopped at a question or a pause.
    pub(super) is_open: bool,
    /// What a shim does not do, and why.
    pub(super) refusals: Vec<Refusal>,
}

impl Turn<'_> {
    /// Who looks.
    pub fn controller(&self) -> super::controller::Controller {
        self.item.0
    }

    /// The object that is looked at.
    pub fn object(&self) -> &ObjRef {
        &self.item.1
    }

    /// The time, as objects hold it.
    pub fn stamp(&self) -> Time {
        self.cluster.stamp()
    }

    /// Leaves an Event on an object.
    pub fn tell<T: Object>(&mut self, object: &T, type_: EventType, reason: &str, message: impl Into<String>) {
        self.told.push(Told {
            about: object.objref(),
            uid: object.uid().unwrap_or_default().to_owned(),
            type_,
            reason: reason.to_owned(),
            message: message.into(),
            controller: self.item.0,
            first: self.now,
            last: self.now,
            count: 1,
        });
    }

    /// Leaves word of what only a service outside can say.
    pub fn ask_outside(&mut self, outside: Outside) {
        self.outside.push(outside);
    }

    /// Looks at the same object again after a while, in place of the time asked for before.
    pub fn again_in(&mut self, wait: SignedDuration) {
        let at = self.now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        self.queue.schedule(self.item.clone(), at);
    }

    /// Asks the world. Without an answer the look ends here, with no error and no status written; when the answer has come, the
    /// object is looked at again from the start.
    pub fn ask(&mut self, question: Question) -> Option<Answer> {
        let answer = self.calls.ask(self.item, question);
        self.is_open |= answer.is_none();
        answer
    }

    /// Asks Vault, if there is one.
    pub fn vault(&mut self, call: VaultCall) -> Option<VaultAnswer> {
        if !self.flags.asks_vault {
            return Some(VaultAnswer::Nobody);
        }
        Some(match self.ask(Question::Vault(call))? {
            Answer::Vault(answer) => answer,
            Answer::Acme(_) | Answer::Http01Check(_) | Answer::Dns01Check(_) | Answer::Dns01Change(_) => {
                VaultAnswer::Failed("the answer is to another question".to_owned())
            }
        })
    }

    /// Lets time pass in the middle of a look, as a sleeping controller does. `None` ends the look as [`Turn::ask`] does.
    pub fn pause(&mut self, name: &'static str, length: SignedDuration) -> Option<()> {
        let end = self.calls.pause(self.item, name, self.now, length);
        if self.now >= end {
            return Some(());
        }
        self.is_open = true;
        self.queue.resume(self.item.clone(), end);
        None
    }

    /// When this look, which may have stopped at questions since, first came here.
    pub fn first(&mut self, name: &'static str) -> Timestamp {
        self.calls.pause(self.item, name, self.now, SignedDuration::ZERO)
    }
}
