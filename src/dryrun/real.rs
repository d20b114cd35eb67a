//! The seam to services that are there for real: who answers in place of the imagined world.
//!
//! With one of these a run keeps to the clock out there. It may lead by [`LEAD`], as the controllers' own pauses are
//! skipped as long as nobody out there is asked, and what is due later than that ends the run: a real CA cannot be
//! asked what it will say in sixty days.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::ca;
use super::outside::Reply;
use super::outside::network::Network;
use crate::api::Challenge;
use crate::engine::question::Question;

/// How far a run may be ahead of the clock out there: more than the longest pause within an issuance, the minute after a
/// DNS-01 self-check.
pub const LEAD: SignedDuration = SignedDuration::from_mins(2);

/// The same where only what has failed would be tried again.
pub const LEAD_OF_RETRIES: SignedDuration = SignedDuration::from_secs(10);

/// A question, and the imagined world around it.
#[derive(Debug)]
pub struct Asking<'a> {
    pub question: &'a Question,
    /// When it was first put.
    pub asked: Timestamp,
    pub network: Network<'a>,
}

impl Asking<'_> {
    /// Whether a CA that looks at the imagined cluster would see the response to an HTTP-01 challenge there.
    pub fn shows(&self, challenge: &Challenge) -> bool {
        ca::shows_http01(&self.network, challenge)
    }
}

/// Somebody who answers for real.
pub trait Real: fmt::Debug {
    /// The time out there.
    fn time(&self) -> Timestamp;

    /// The answer to a question, once the time out there is that of the run; `None` if the question is the imagined
    /// world's.
    fn answer(&mut self, asking: &Asking<'_>) -> Option<Reply>;

    /// Whether the user has asked to stop.
    fn is_interrupted(&self) -> bool;

    /// Takes away what was shown out there and is there still. Gives what could not be taken away.
    fn clear(&mut self) -> Vec<String>;
}
