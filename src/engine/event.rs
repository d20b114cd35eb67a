//! The Events that controllers leave on objects.

use jiff::Timestamp;

use super::controller::Controller;
use crate::objref::ObjRef;

/// `type` of an Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventType {
    Normal,
    Warning,
}

impl EventType {
    /// The word in the Event.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// One Event, with how often it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub about: ObjRef,
    /// The UID of the object that it was about.
    pub uid: String,
    pub type_: EventType,
    pub reason: String,
    pub message: String,
    pub controller: Controller,
    pub first: Timestamp,
    pub last: Timestamp,
    pub count: u32,
}

impl Told {
    /// Whether both say the same of the same object.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.about, &self.uid, self.type_, &self.reason, &self.message, self.controller)
            == (&other.about, &other.uid, other.type_, &other.reason, &other.message, other.controller)
    }
}

/// All Events of a run, in the order in which they were first told.
#[derive(Clone, Debug, Default)]
pub struct Events {
    told: Vec<Told>,
    /// By object, the Events about it: the recorder counts one up that says the same as before
    /// (`client-go/tools/record/events_cache.go`).
    by_object: std::collections::HashMap<ObjRef, Vec<usize>>,
}

impl Events {
    /// Tells one, or counts up the one that says the same.
    pub fn tell(&mut self, event: Told) {
        let known = self.by_object.entry(event.about.clone()).or_default();
        let same = known.iter().copied().find(|index| self.told[*index].is_same(&event));
        if let Some(index) = same {
            self.told[index].count += 1;
            self.told[index].last = event.last;
        } else {
            known.push(self.told.len());
            self.told.push(event);
        }
    }

    /// Every Event, in the order in which they were first told.
    pub fn all(&self) -> &[Told] {
        &self.told
    }

    /// The Events about one object, in that order.
    pub fn about(&self, object: &ObjRef) -> impl Iterator<Item = &Told> {
        self.by_object.get(object).into_iter().flatten().map(|index| &self.told[*index])
    }
}
