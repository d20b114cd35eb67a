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
        if !run.work(limits.steps, watch) {
            break Ended::TooManySteps;
        }
        match run.next() {
            None => break Ended::AtRest,
            Some(next) if next > limits.until => break Ended::TimeUp { next },
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
    /// Lets everything happen that is due now. False: there were too many steps.
    fn work(&mut self, most: usize, watch: &mut dyn FnMut(&Moment<'_>, &Engine)) -> bool {
        loop {
            while let Some(step) = self.engine.step(self.now) {
                self.steps += 1;
                self.outside.see(&step.changes, self.engine.objects(), self.now);
                self.note(&Moment::Looked(&step), watch);
                if self.steps >= most {
                    return false;
                }
            }
            while let Some((id, question)) = self.engine.poll_question() {
                self.wait(self.now, Waiting { id, question, asked: self.now });
            }
            let objects = self.outside.act(self.engine.cluster(), self.now);
            if !objects.is_empty() {
                self.note(&Moment::Changed { at: self.now, objects: &objects }, watch);
            } else if !self.ask(watch) {
                return true;
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
        match self.outside.answer(&waiting.question, waiting.asked, self.engine.objects(), self.now) {
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
