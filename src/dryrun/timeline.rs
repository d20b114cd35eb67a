//! What happened in a run, for people: who it happened to, what, and why. Repetitions are counted, not told.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use super::telling::{self, Aspect, Tone};
use super::{Moment, objects};
use crate::engine::cluster::{Change, Cluster, Verb};
use crate::engine::event::EventType;
use crate::engine::shim::Refusal;
use crate::engine::{Engine, Step};
use crate::objref::{Kind, ObjRef};

/// Everything that happened, in order.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    pub entries: Vec<Entry>,
    /// What an Ingress, Gateway or `ListenerSet` seems to ask for and does not get, and why, each said once.
    pub refusals: Vec<(ObjRef, Refusal)>,
}

/// One thing that happened to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: Timestamp,
    pub object: ObjRef,
    /// What it is part of: the object at the top of its owners.
    pub root: ObjRef,
    /// Which side of the object it tells of. Of several entries at one time the last one stays.
    pub side: &'static str,
    pub what: String,
    pub why: String,
    pub tone: Tone,
    /// How often it happened in all, and when last.
    pub count: usize,
    pub last: Timestamp,
}

/// The sides of which only the last word at one time is told: where things stand.
const REPLACED: [&str; 2] = ["ready", "state"];

/// Challenge, Order, request, Certificate.
const MOST_OWNERS: usize = 4;

impl Entry {
    /// Whether it tells of an issuance that begins.
    pub fn begins_issuance(&self) -> bool {
        self.side == "issuing" && self.tone == Tone::Plain
    }
}

/// Makes a [`Timeline`] of the moments of a run.
#[derive(Debug, Default)]
pub struct Recorder {
    /// What was told; `None` where it was on the way to something told later.
    entries: Vec<Option<Entry>>,
    refusals: Vec<(ObjRef, Refusal)>,
    /// Where the entries are that stand for a side of an object at the time of the last one.
    standing: (Timestamp, HashMap<(ObjRef, &'static str), usize>),
    known: HashMap<ObjRef, BTreeMap<&'static str, Aspect>>,
    roots: HashMap<ObjRef, ObjRef>,
    /// What was told of an object already, so that an Event does not say it again.
    said: HashMap<ObjRef, HashSet<String>>,
    events: usize,
    /// Whether nobody will read what is told: only refusals are noted then.
    is_silent: bool,
    /// Where the entry of a repeated trouble is.
    troubles: HashMap<(ObjRef, String), usize>,
}

impl Recorder {
    /// Takes note of what is there before the run begins: it is not told.
    pub fn begin(cluster: &Cluster) -> Self {
        let mut recorder = Self::default();
        let all = objects::all(cluster);
        // Owners may come behind what they own; the chains are short.
        for _ in 0..MOST_OWNERS {
            for (object, owner) in &all {
                recorder.roots.remove(object);
                recorder.root(object, owner.as_ref().map(|owner| (owner.kind.as_str(), owner.name.as_str())));
            }
        }
        for (object, _) in all {
            recorder.known.insert(object.clone(), aspects(cluster, &object));
        }
        recorder
    }

    /// Notes refusals and nothing else.
    pub fn silent() -> Self {
        Self { is_silent: true, ..Self::default() }
    }

    /// The timeline so far.
    pub fn finish(self) -> Timeline {
        Timeline { entries: self.entries.into_iter().flatten().collect(), refusals: self.refusals }
    }

    /// Takes note of a moment.
    pub fn see(&mut self, moment: &Moment<'_>, engine: &Engine) {
        match moment {
            Moment::Looked(step) => self.look(step, engine),
            Moment::Answered { .. } => {}
            Moment::Changed { .. } if self.is_silent => {}
            Moment::Changed { at, objects } => {
                for object in *objects {
                    self.update(*at, object, engine.objects());
                }
            }
        }
    }

    fn look(&mut self, step: &Step, engine: &Engine) {
        if !self.is_silent {
            self.happened(step, engine);
        }
        let object = &step.item.1;
        for refusal in &step.refusals {
            let known = (object.clone(), refusal.clone());
            if !self.refusals.contains(&known) {
                // Nobody asked, and cert-manager says it by itself.
                let is_plain = matches!(refusal, Refusal::NoTrigger { untrue, .. } if untrue.is_empty());
                let is_told = self.is_silent || is_plain || refusal.event().is_some();
                self.refusals.push(known);
                if !is_told {
                    let what = format!("no Certificate: {refusal}");
                    self.tell(step.at, object, "refusal", Aspect { what, why: String::new(), tone: Tone::Plain });
                }
            }
        }
    }

    fn happened(&mut self, step: &Step, engine: &Engine) {
        self.changes(step.at, &step.changes, engine.objects());
        let all = engine.events().all();
        for told in &all[self.events.min(all.len())..] {
            let of_asker = matches!(told.about.kind, Kind::Ingress | Kind::Gateway | Kind::ListenerSet);
            // Of an issuer the condition says the same.
            let of_issuer = matches!(told.about.kind, Kind::Issuer | Kind::ClusterIssuer);
            let is_news = of_asker || (told.type_ == EventType::Warning && !of_issuer);
            let said = self.said.entry(told.about.clone()).or_default();
            // Events word the same thing another way up to the first colon.
            let core = told.message.split_once(": ").map_or(told.message.as_str(), |(_, rest)| rest);
            let is_said = said.iter().any(|words| words.contains(core));
            if is_news && !is_said {
                said.insert(told.message.clone());
                // Of a request that goes on all the same, a warning is by the way.
                let by_the_way = told.about.kind == Kind::CertificateRequest || told.type_ == EventType::Normal;
                let tone = if by_the_way { Tone::Plain } else { Tone::Bad };
                let aspect = Aspect { what: told.message.clone(), why: String::new(), tone };
                self.tell(step.at, &told.about, "event", aspect);
            }
        }
        self.events = all.len();
        let object = &step.item.1;
        if let Some(trouble) = &step.trouble {
            self.trouble(step.at, object, trouble);
        }
    }

    fn changes(&mut self, at: Timestamp, changes: &[Change], cluster: &Cluster) {
        for change in changes {
            let object = &change.object;
            let owner = change.owners.iter().find(|owner| owner.is_controller).or(change.owners.first());
            self.root(object, owner.map(|owner| (owner.kind.as_str(), owner.name.as_str())));
            if change.verb == Verb::Delete {
                self.known.remove(object);
                if let Some(aspect) = telling::end(object) {
                    self.tell(at, object, "end", aspect);
                }
                continue;
            }
            self.update(at, object, cluster);
        }
    }

    /// Tells what is new about an object.
    fn update(&mut self, at: Timestamp, object: &ObjRef, cluster: &Cluster) {
        let now = aspects(cluster, object);
        let before = self.known.insert(object.clone(), now.clone()).unwrap_or_default();
        for (side, aspect) in now.into_iter().filter(|(side, aspect)| before.get(side) != Some(aspect)) {
            self.tell(at, object, side, aspect);
        }
    }

    /// A controller will look again. The same words again are counted.
    fn trouble(&mut self, at: Timestamp, object: &ObjRef, trouble: &str) {
        let key = (object.clone(), trouble.to_owned());
        if let Some(entry) = self.troubles.get(&key).and_then(|index| self.entries.get_mut(*index)?.as_mut()) {
            entry.count += 1;
            entry.last = at;
            return;
        }
        let is_said = self.said.get(object).is_some_and(|said| said.iter().any(|words| words.contains(trouble)));
        if !is_said {
            self.troubles.insert(key, self.entries.len());
            let what = "tries again".to_owned();
            self.tell(at, object, "trouble", Aspect { what, why: trouble.to_owned(), tone: Tone::Wait });
        }
    }

    fn tell(&mut self, at: Timestamp, object: &ObjRef, side: &'static str, aspect: Aspect) {
        let Aspect { what, why, tone } = aspect;
        if REPLACED.contains(&side) {
            self.replace(at, object, side);
        }
        if !why.is_empty() {
            self.said.entry(object.clone()).or_default().insert(why.clone());
        }
        let root = self.roots.get(object).unwrap_or(object).clone();
        self.entries.push(Some(Entry { at, object: object.clone(), root, side, what, why, tone, count: 1, last: at }));
    }

    /// What was told of a side of an object at this very time was on the way to what is told now.
    fn replace(&mut self, at: Timestamp, object: &ObjRef, side: &'static str) {
        let (time, standing) = &mut self.standing;
        if *time != at {
            *time = at;
            standing.clear();
        }
        if let Some(old) = standing.insert((object.clone(), side), self.entries.len()) {
            self.entries[old] = None;
        }
    }

    /// Notes what a new object is part of; the owner by kind and name.
    fn root(&mut self, object: &ObjRef, owner: Option<(&str, &str)>) {
        if self.roots.contains_key(object) {
            return;
        }
        let owner = owner.and_then(|(kind, name)| {
            let kind = Kind::ALL.into_iter().find(|known| known.word() == kind)?;
            Some(ObjRef::new(kind, object.namespace.as_deref(), name))
        });
        let root = match owner {
            // What a Certificate is made for is told as its own.
            Some(owner) if object.kind != Kind::Certificate => self.roots.get(&owner).cloned().unwrap_or(owner),
            Some(_) | None => object.clone(),
        };
        self.roots.insert(object.clone(), root);
    }
}

fn aspects(cluster: &Cluster, object: &ObjRef) -> BTreeMap<&'static str, Aspect> {
    telling::aspects(cluster, object).into_iter().collect()
}
