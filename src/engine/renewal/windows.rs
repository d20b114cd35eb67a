//! Renewal windows: when one of them is open at or after the time that is wanted.
//!
//! Source: cert-manager's `pkg/util/pki/renewaltime.go`, of release 1.21.

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::api::certificate::RenewalWindow;
use crate::engine::cron::{CronError, Schedule, ZoneError, zone};
use crate::engine::golang;

/// Why windows give no time, in cert-manager's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WindowError {
    #[error("error parsing timezone in window {0}")]
    Zone(ZoneError),
    #[error("error parsing cron in window failed to parse cron spec '{cron}': {why}")]
    Cron { cron: String, why: CronError },
    /// cert-manager prints the window too, and with it an address in its memory.
    #[error("windowDuration must be a positive duration in window {{{timezone} {cron}}}")]
    Duration { timezone: String, cron: String },
    #[error(
        "cannot find a time with the given windows between {} and {} for: {}",
        golang::time(*.not_before), golang::time(*.not_after), golang::time(*.wanted)
    )]
    Never { not_before: Timestamp, not_after: Timestamp, wanted: Timestamp },
}

/// A certificate's life, and when it would be renewed without windows.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub at: Timestamp,
}

/// When it is renewed with these windows: at the time wanted if a window is open then, else when the next one opens, be
/// that after the certificate's end.
pub fn apply(wanted: Wanted, windows: &[RenewalWindow]) -> Result<Timestamp, WindowError> {
    let mut next: Option<Timestamp> = None;
    let mut is_open = windows.is_empty();
    for window in windows {
        let Opened { open, after } = opened(wanted, window)?;
        is_open |= open;
        next = match after {
            After::At(at) => next.into_iter().chain([at]).min(),
            After::Beyond => None,
            After::Never => next,
        };
    }
    if is_open {
        return Ok(wanted.at);
    }
    let Wanted { not_before, not_after, at } = wanted;
    next.ok_or(WindowError::Never { not_before, not_after, wanted: at })
}

/// What one window has to offer.
struct Opened {
    /// Whether it is open at the time wanted, or closes just then.
    open: bool,
    after: After,
}

/// When a window is open next, at the time wanted or after it.
enum After {
    At(Timestamp),
    /// After the certificate's end, with the length of a window added. cert-manager forgets over this what the windows
    /// before had to offer.
    Beyond,
    /// Not in the years that are searched.
    Never,
}

fn opened(wanted: Wanted, window: &RenewalWindow) -> Result<Opened, WindowError> {
    let timezone = if window.timezone.is_empty() { "UTC" } else { &window.timezone };
    zone(timezone).map_err(WindowError::Zone)?;
    let schedule =
        Schedule::parse(&window.cron, timezone).map_err(|why| WindowError::Cron { cron: window.cron.clone(), why })?;
    let length = window.window_duration.as_ref().and_then(crate::api::GoDuration::parse);
    let length = length
        .filter(SignedDuration::is_positive)
        .ok_or_else(|| WindowError::Duration { timezone: window.timezone.clone(), cron: window.cron.clone() })?;
    // The first and last start that are of interest.
    let from = wanted.not_before.saturating_sub(length).unwrap_or(Timestamp::MIN);
    let until = wanted.not_after.saturating_add(length).unwrap_or(Timestamp::MAX);
    let closes = |start: Timestamp| start.saturating_add(length).unwrap_or(Timestamp::MAX);
    let last = if wanted.at < from { None } else { last_start(&schedule, from, wanted.at.min(until)) };
    let after = match schedule.next(just_before(wanted.at.max(from))) {
        Some(start) if start > until => After::Beyond,
        Some(start) if start > wanted.at => After::At(start),
        Some(start) if wanted.at < closes(start) => After::At(wanted.at),
        None | Some(_) => After::Never,
    };
    Ok(Opened { open: last.is_some_and(|start| closes(start) >= wanted.at), after })
}

/// A schedule gives what comes after a time; this gives what comes at it, too.
fn just_before(time: Timestamp) -> Timestamp {
    time.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MIN)
}

/// The last start within `from..=until`, found by halving, so that a long life costs little.
fn last_start(schedule: &Schedule, from: Timestamp, until: Timestamp) -> Option<Timestamp> {
    let is_beyond = |start: Option<Timestamp>| start.is_none_or(|start| start > until);
    if from >= until || is_beyond(schedule.next(just_before(from))) {
        return None;
    }
    let (mut low, mut high) = (from, until);
    while high.duration_since(low) > SignedDuration::from_secs(1) {
        let middle = low.saturating_add(high.duration_since(low) / 2).unwrap_or(high);
        if is_beyond(schedule.next(middle)) {
            high = middle;
        } else {
            low = middle;
        }
    }
    schedule.next(just_before(low)).filter(|start| *start <= until)
}
