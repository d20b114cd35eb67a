//! Which Challenges may be worked on (`pkg/controller/acmechallenges/scheduler`).
//!
//! The real scheduler looks each second; here it looks at the next whole second after a Challenge has changed.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::api::{AcmeState, Challenge, Object};
use crate::engine::controller::Controller;
use crate::engine::event::EventType;
use crate::engine::queue::Item;
use crate::engine::turn::Turn;
use crate::objref::{Kind, ObjRef};

/// How many are started at a time.
const PER_PASS: usize = 20;

const PERIOD: SignedDuration = SignedDuration::from_secs(1);

/// The scheduler's place in the queue: the controller of Challenges, and no Challenge.
pub fn item() -> Item {
    (Controller::Challenges, ObjRef::new(Kind::Challenge, None, ""))
}

/// When the scheduler looks next.
pub fn next_pass(now: Timestamp) -> Timestamp {
    let next = Timestamp::from_second(now.as_second()).and_then(|second| second.checked_add(PERIOD));
    next.unwrap_or(Timestamp::MAX)
}

/// One pass: gives slots to the oldest Challenges that may have one.
pub fn schedule(turn: &mut Turn) {
    let limit = turn.flags.max_concurrent_challenges;
    let chosen: Vec<Challenge> = candidates(turn, limit).into_iter().take(PER_PASS).cloned().collect();
    for challenge in &chosen {
        turn.cluster.modify::<Challenge>(&challenge.objref(), |challenge| {
            challenge.status.processing = true;
            true
        });
        turn.tell(challenge, EventType::Normal, "Started", "Challenge scheduled for processing");
    }
    if chosen.len() == PER_PASS {
        turn.again_in(PERIOD);
    }
}

/// Those that may start, as many as there are slots: never two at once for the same name and type.
fn candidates<'t>(turn: &'t Turn, limit: usize) -> Vec<&'t Challenge> {
    let same = |challenge: &'t Challenge| (challenge.spec.dns_name.as_str(), challenge.spec.type_.as_str());
    let all = || turn.cluster.challenges.iter();
    let processing: Vec<_> = all().filter(|challenge| challenge.status.processing).map(same).collect();
    let free = limit.saturating_sub(processing.len());
    let mut taken: BTreeSet<_> = processing.into_iter().collect();
    let is_open = |challenge: &Challenge| !challenge.status.state.as_ref().is_some_and(AcmeState::is_final);
    let mut waiting: Vec<_> = all().filter(|challenge| !challenge.status.processing && is_open(challenge)).collect();
    waiting.sort_by_key(|challenge| challenge.created());
    waiting.retain(|challenge| taken.insert(same(challenge)));
    waiting.truncate(free);
    waiting
}
