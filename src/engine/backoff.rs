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

    proptest! {
        #[test]
        fn the_wait_stays_within_its_bounds(attempts: Option<i64>) {
            let back_off = BackOff::default();
            let delay = back_off.delay(attempts);
            prop_assert!(back_off.min <= delay && delay <= back_off.max);
        }
    }
}
