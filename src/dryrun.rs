//! Dry runs: the engine on a virtual clock, with an imagined world around the cluster.
//!
//! The driver lets the controllers work off what is due, brings their questions to the [`World`](world::World) and the
//! answers back, and moves the time on, until nothing more will happen or the time is up. Nothing here reads a clock,
//! a file or a network, and the same objects, world and seed give the same run, keys and signatures aside.

pub mod ca;
pub mod diff;
pub mod listing;
pub mod objects;
pub mod outside;
pub mod real;
pub mod telling;
pub mod timeline;
pub mod trace;
pub mod world;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::engine::question::{Answer, Question};
use crate::engine::{Engine, QuestionId, Step};
use crate::objref::ObjRef;
use outside::{Outside, Reply};

/// How far a run goes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The last moment that is played.
    pub until: Timestamp,
    /// How many looks of controllers there may be in all.
    pub steps: usize,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Nothing more will ever happen.
    AtRest,
    /// Something is due later than the last moment that is played, at this time.
    TimeUp { next: Timestamp },
    /// There were as many looks as there may be.
    TooManySteps,
    /// Something is due at this time, and a real service cannot be asked ahead of time.
    Ahead { next: Timestamp },
    /// The user has stopped it.
    Interrupted,
}

/// A run that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    pub ended: Ended,
    /// When the last thing happened.
    pub last: Timestamp,
    pub steps: usize,
}

/// What a run tells those who watch it, as it happens.
#[derive(Debug)]
pub enum Moment<'m> {
    /// A controller has looked at an object.
    Looked(&'m Step),
    /// The world was asked and has answered.
    Answered { at: Timestamp, id: QuestionId, question: &'m Question, answer: &'m Answer },
    /// Something outside of cert-manager has changed objects: a kubelet, an Ingress controller, an approver.
    Changed { at: Timestamp, objects: &'m [ObjRef] },
}

/// A question that the world has not answered yet.
#[derive(Debug)]
struct Waiting {
    id: QuestionId,
    question: Question,
    asked: Timestamp,
}

/// Plays from `start` on. `watch` is told of everything in order.
pub fn play(
    engine: &mut Engine,
    outside: &mut Outside,
    start: Timestamp,
    limits: Limits,
    watch: &mut dyn FnMut(&Moment<'_>, &Engine),
) -> Over {
    let mut run = Run { engine, outside, now: start, last: start, steps: 0, waiting: BTreeMap::new(), counter: 0 };
    let ended = loop {
        if let Some(ended) = run.work(limits, watch) {
            break ended;
        }
        if run.outside.is_interrupted() {
            break Ended::Interrupted;
        }
        match run.next() {
            None => break Ended::AtRest,
            Some(next) if next > limits.until => break Ended::TimeUp { next },
            Some(next) if run.is_ahead(next) => break Ended::Ahead { next },
            Some(next) => run.now = run.now.max(next),
        }
    };
    Over { ended, last: run.last, steps: run.steps }
}

struct Run<'r> {
    engine: &'r mut Engine,
    outside: &'r mut Outside,
    now: Timestamp,
    last: Timestamp,
    steps: usize,
    /// By the time at which the world is to be asked again, and in the order of asking.
    waiting: BTreeMap<(Timestamp, u64), Waiting>,
    counter: u64,
}

impl Run<'_> {
    /// Lets everything happen that is due now. Where answers take real time, that may be more than there is.
    fn work(&mut self, limits: Limits, watch: &mut dyn FnMut(&Moment<'_>, &Engine)) -> Option<Ended> {
        loop {
            if self.now > limits.until {
                return Some(Ended::TimeUp { next: self.now });
            }
            while let Some(step) = self.engine.step(self.now) {
                self.steps += 1;
                self.outside.see(&step.changes, self.engine.objects(), self.now);
                self.note(&Moment::Looked(&step), watch);
                if self.steps >= limits.steps {
                    return Some(Ended::TooManySteps);
                }
            }
            while let Some((id, question)) = self.engine.poll_question() {
                self.wait(self.now, Waiting { id, question, asked: self.now });
            }
            let objects = self.outside.act(self.engine.cluster(), self.now);
            if !objects.is_empty() {
                self.note(&Moment::Changed { at: self.now, objects: &objects }, watch);
            } else if self.outside.is_interrupted() || !self.ask(watch) {
                return None;
            }
        }
    }

    /// Brings the next question that is due to the world. False: none is due.
    fn ask(&mut self, watch: &mut dyn FnMut(&Moment<'_>, &Engine)) -> bool {
        let Some(entry) = self.waiting.first_entry().filter(|entry| entry.key().0 <= self.now) else { return false };
        let waiting = entry.remove();
        if self.engine.asker(waiting.id).is_none() {
            return true;
        }
        let reply = self.outside.answer(&waiting.question, waiting.asked, self.engine.objects(), self.now);
        // A real answer takes its time.
        self.now = self.outside.time().map_or(self.now, |time| time.max(self.now));
        match reply {
            // A time that has come already would ask for ever.
            Reply::Later(at) => self.wait(at.max(self.now + jiff::SignedDuration::from_millis(1)), waiting),
            Reply::Now(answer) => {
                let (id, question) = (waiting.id, &waiting.question);
                self.note(&Moment::Answered { at: self.now, id, question, answer: &answer }, watch);
                self.engine.answer(waiting.id, *answer, self.now);
            }
        }
        true
    }

    /// Whether a time is too far ahead of the clock of whoever answers for real. What only repeats what has failed is
    /// not waited for as long.
    fn is_ahead(&self, next: Timestamp) -> bool {
        let Some(time) = self.outside.time() else { return false };
        let question = self.waiting.keys().next().map(|(at, _)| *at);
        let new = [self.engine.next_scheduled(), question, self.outside.deadline()].into_iter().flatten().min();
        let lead = if new.is_some_and(|new| new.duration_since(time) <= real::LEAD) {
            real::LEAD
        } else {
            real::LEAD_OF_RETRIES
        };
        next.duration_since(time) > lead
    }

    fn wait(&mut self, at: Timestamp, waiting: Waiting) {
        self.counter += 1;
        self.waiting.insert((at, self.counter), waiting);
    }

    /// When something happens next.
    fn next(&self) -> Option<Timestamp> {
        let question = self.waiting.keys().next().map(|(at, _)| *at);
        [self.engine.deadline(), question, self.outside.deadline()].into_iter().flatten().min()
    }

    fn note(&mut self, moment: &Moment<'_>, watch: &mut dyn FnMut(&Moment<'_>, &Engine)) {
        self.last = self.now;
        watch(moment, self.engine);
    }
}

#[cfg(test)]
mod tests;
