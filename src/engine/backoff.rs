//! How long cert-manager waits after a failed issuance.
//!
//! Source: `pkg/controller/certificates/trigger`. Whether the back-off applies at all is for the caller to say: an
//! effective change of the spec or a manual renewal lifts it.

use jiff::{SignedDuration, Timestamp};

/// The bounds, flags of the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    /// `--certificate-request-minimum-backoff-duration`.
    pub min: SignedDuration,
    /// `--certificate-request-maximum-backoff-duration`.
    pub max: SignedDuration,
}

impl Default for BackOff {
    /// cert-manager's defaults: 1 hour to 32 hours.
    fn default() -> Self {
        Self { min: SignedDuration::from_hours(1), max: SignedDuration::from_hours(32) }
    }
}

impl BackOff {
    /// The wait after so many failures in a row: doubled each time, up to the maximum. No or a negative number counts
    /// as one.
    pub fn delay(&self, attempts: Option<i64>) -> SignedDuration {
        let doublings = attempts.unwrap_or(1).max(1) - 1;
        let factor = u32::try_from(doublings).ok().and_then(|doublings| 1i32.checked_shl(doublings)).filter(|f| *f > 0);
        factor.and_then(|factor| self.min.checked_mul(factor)).map_or(self.max, |delay| delay.min(self.max))
    }
}

/// When the next issuance may start: `status.lastFailureTime` plus the delay for `status.failedIssuanceAttempts`.
pub fn next_attempt(last_failure: Timestamp, attempts: Option<i64>, back_off: &BackOff) -> Timestamp {
    last_failure.saturating_add(back_off.delay(attempts)).unwrap_or(Timestamp::MAX)
}

/// How many attempts come before `date` if each of them fails, and when the first one comes that does not.
///
/// `next` is the next attempt and `attempts` are the failures before it; each further failure makes the wait longer.
pub fn first_attempt_from(date: Timestamp, next: Timestamp, attempts: i64, back_off: &BackOff) -> (u32, Timestamp) {
    if !back_off.min.is_positive() {
        // Without a wait the attempts follow each other at once.
        return if next < date { (1, date) } else { (0, next) };
    }
    let (mut early, mut attempts, mut at) = (0u32, attempts.max(0), next);
    while at < date && back_off.delay(Some(attempts)) < back_off.max {
        early = early.saturating_add(1);
        attempts = attempts.saturating_add(1);
        at = next_attempt(at, Some(attempts), back_off);
    }
    if at < date {
        // From here on the wait is always the longest one.
        let step = back_off.delay(Some(attempts)).as_nanos();
        let missing = (date.duration_since(at).as_nanos() + step - 1) / step;
        early = early.saturating_add(u32::try_from(missing).unwrap_or(u32::MAX));
        let wait = SignedDuration::from_nanos_i128(missing.saturating_mul(step));
        at = at.saturating_add(wait).unwrap_or(Timestamp::MAX);
    }
    (early, at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_wait_doubles_from_one_hour_to_thirty_two() {
        let back_off = BackOff::default();
        for (attempts, hours) in [
            (None, 1),
            (Some(-3), 1),
            (Some(0), 1),
            (Some(1), 1),
            (Some(2), 2),
            (Some(3), 4),
            (Some(4), 8),
            (Some(5), 16),
            (Some(6), 32),
            (Some(7), 32),
            (Some(32), 32),
            (Some(33), 32),
            (Some(i64::MAX), 32),
        ] {
            assert_eq!(back_off.delay(attempts), SignedDuration::from_hours(hours), "{attempts:?}");
        }
    }

    #[test]
    fn the_next_attempt_is_counted_from_the_last_failure() {
        let failed: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let next = next_attempt(failed, Some(3), &BackOff::default());
        assert_eq!(next, "2026-03-01T14:00:00Z".parse().unwrap());
        assert_eq!(next_attempt(Timestamp::MAX, Some(3), &BackOff::default()), Timestamp::MAX);
    }

    #[test]
    fn attempts_before_a_date_fail_and_make_the_wait_longer() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let next = at("2026-03-01T11:00:00Z");
        for (what, date, early, first) in [
            ("at the date", "2026-03-01T11:00:00Z", 0, "2026-03-01T11:00:00Z"),
            ("after the date", "2026-03-01T10:00:00Z", 0, "2026-03-01T11:00:00Z"),
            ("one second too early", "2026-03-01T11:00:01Z", 1, "2026-03-01T13:00:00Z"),
            ("two attempts", "2026-03-01T13:00:01Z", 2, "2026-03-01T17:00:00Z"),
            ("up to the longest wait", "2026-03-04T00:00:00Z", 5, "2026-03-04T01:00:00Z"),
            ("at the longest wait", "2026-03-08T00:00:00Z", 8, "2026-03-08T01:00:00Z"),
        ] {
            assert_eq!(first_attempt_from(at(date), next, 1, &BackOff::default()), (early, at(first)), "{what}");
        }
        let constant = BackOff { min: SignedDuration::from_mins(5), max: SignedDuration::from_mins(5) };
        let (early, first) = first_attempt_from(at("2026-03-01T11:07:00Z"), next, 1, &constant);
        assert_eq!((early, first), (2, at("2026-03-01T11:10:00Z")));
        let none = BackOff { min: SignedDuration::ZERO, max: SignedDuration::from_mins(5) };
        let date = at("2026-03-01T11:07:00Z");
        assert_eq!(first_attempt_from(date, next, 1, &none), (1, date));
    }

    proptest! {
        #[test]
        fn the_first_attempt_from_a_date_is_not_before_it(
            wait in 0i64..10_000_000,
            attempts: i64,
            min in 0i64..10_000,
            more in 0i64..100_000,
        ) {
            let next: Timestamp = "2026-03-01T11:00:00Z".parse().unwrap();
            let date = next + SignedDuration::from_secs(wait);
            let back_off = BackOff { min: SignedDuration::from_secs(min), max: SignedDuration::from_secs(min + more) };
            let (early, first) = first_attempt_from(date, next, attempts, &back_off);
            prop_assert!(first >= date && (early == 0) == (wait == 0));
        }

        #[test]
        fn the_wait_stays_within_its_bounds(attempts: Option<i64>) {
            let back_off = BackOff::default();
            let delay = back_off.delay(attempts);
            prop_assert!(back_off.min <= delay && delay <= back_off.max);
        }
    }
}
