//! The one reader of wall time.
//!
//! Everything else takes `now` as an argument, so that a saved incident is judged as of its own hour.

use jiff::Timestamp;

/// The wall time at this instant.
#[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
