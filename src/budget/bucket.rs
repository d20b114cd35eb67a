//! A token bucket as the CA keeps it (GCRA): each use pushes a date ahead, and the date limits the next uses.
//!
//! There is no fixed week: tokens come back one by one, the whole bucket in its window.

use jiff::{SignedDuration, Timestamp};

use crate::public_ca::Limit;

/// One bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    limit: Limit,
    /// The theoretical arrival time; `None` while nothing was spent.
    full_at: Option<Timestamp>,
}

impl Bucket {
    pub fn new(limit: Limit) -> Self {
        Self { limit, full_at: None }
    }

    pub fn limit(&self) -> Limit {
        self.limit
    }

    /// Spends a token at a time not before the last one. `false` if there was none: then the bucket stays empty, and
    /// whoever got something all the same has an exception.
    pub fn spend(&mut self, at: Timestamp) -> bool {
        let had = self.tokens(at) > 0;
        let from = self.full_at.map_or(at, |full_at| full_at.max(at));
        let empty = shift(at, self.limit.window.as_nanos());
        self.full_at = Some(if had { shift(from, self.interval()) } else { from.max(empty) });
        had
    }

    /// Takes the CA's word that nothing is there before a time.
    pub fn empty_until(&mut self, until: Timestamp) {
        let full_at = shift(until, self.limit.window.as_nanos() - self.interval());
        self.full_at = Some(self.full_at.map_or(full_at, |known| known.max(full_at)));
    }

    /// Tokens at a time; never fewer than none.
    pub fn tokens(&self, at: Timestamp) -> i64 {
        let window = self.limit.window.as_nanos();
        let debt = self.full_at.map_or(0, |full_at| full_at.duration_since(at).as_nanos().max(0));
        let tokens = (window - debt).max(0) / self.interval();
        i64::try_from(tokens).unwrap_or(self.limit.burst).min(self.limit.burst)
    }

    /// When there are so many tokens.
    pub fn when(&self, tokens: i64, at: Timestamp) -> Timestamp {
        let Some(full_at) = self.full_at else { return at };
        let back = self.limit.window.as_nanos() - i128::from(tokens) * self.interval();
        shift(full_at, -back).max(at)
    }

    /// When one token more is free than at a time; `None` where the bucket is full.
    pub fn next_free(&self, at: Timestamp) -> Option<Timestamp> {
        let tokens = self.tokens(at);
        (tokens < self.limit.burst).then(|| self.when(tokens + 1, at))
    }

    /// Nanoseconds until one token is back.
    fn interval(&self) -> i128 {
        self.limit.window.as_nanos() / i128::from(self.limit.burst)
    }
}

fn shift(at: Timestamp, nanos: i128) -> Timestamp {
    let by = SignedDuration::from_nanos_i128(nanos);
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// 5 in 168 hours: one each 33 hours and 36 minutes.
    fn five_a_week() -> Bucket {
        Bucket::new(Limit { burst: 5, window: SignedDuration::from_secs(604_800) })
    }

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_one_by_one() {
        let now = at("2026-11-22T07:00:00Z");
        let mut bucket = five_a_week();
        assert_eq!((bucket.tokens(now), bucket.next_free(now)), (5, None));
        for left in (0..5).rev() {
            bucket.spend(now);
            assert_eq!(bucket.tokens(now), left);
        }
        assert_eq!(bucket.next_free(now), Some(at("2026-11-23T16:36:00Z")));
        assert_eq!(bucket.tokens(at("2026-11-23T16:35:59Z")), 0);
        assert_eq!(bucket.tokens(at("2026-11-23T16:36:00Z")), 1);
        assert_eq!(bucket.when(3, now), at("2026-11-26T11:48:00Z"));
        assert_eq!(bucket.tokens(at("2026-11-29T07:00:00Z")), 5);
    }

    #[test]
    fn what_was_spent_long_ago_counts_no_more() {
        let mut bucket = five_a_week();
        bucket.spend(at("2026-11-01T00:00:00Z"));
        bucket.spend(at("2026-11-22T00:00:00Z"));
        let now = at("2026-11-22T07:00:00Z");
        assert_eq!((bucket.tokens(now), bucket.next_free(now)), (4, Some(at("2026-11-23T09:36:00Z"))));
    }

    #[test]
    fn the_cas_own_date_empties_the_bucket_until_then() {
        let now = at("2026-11-22T07:00:00Z");
        let mut bucket = five_a_week();
        bucket.spend(now);
        bucket.empty_until(at("2026-11-23T00:00:00Z"));
        assert_eq!((bucket.tokens(now), bucket.next_free(now)), (0, Some(at("2026-11-23T00:00:00Z"))));
        assert_eq!(bucket.tokens(at("2026-11-23T00:00:00Z")), 1);
        // A date that has passed takes nothing away that is there.
        let mut bucket = five_a_week();
        bucket.empty_until(at("2026-11-01T00:00:00Z"));
        assert_eq!(bucket.tokens(now), 5);
    }

    #[test]
    fn more_than_there_is_leaves_the_bucket_empty_and_no_more() {
        let now = at("2026-11-22T07:00:00Z");
        let mut bucket = five_a_week();
        let had: Vec<bool> = (0..7).map(|_| bucket.spend(now)).collect();
        assert_eq!(had, [true, true, true, true, true, false, false]);
        assert_eq!(bucket.tokens(now), 0);
        assert_eq!(bucket.next_free(now), Some(at("2026-11-23T16:36:00Z")));
    }

    proptest! {
        #[test]
        fn tokens_stay_within_the_burst_and_come_when_they_are_said_to(
            spent in proptest::collection::vec(0i64..2_000_000, 0..20),
            later in 0i64..2_000_000,
        ) {
            let mut bucket = five_a_week();
            let mut times = spent;
            times.sort_unstable();
            for second in &times {
                bucket.spend(Timestamp::from_second(*second).unwrap());
            }
            let now = Timestamp::from_second(times.last().unwrap_or(&0) + later).unwrap();
            let tokens = bucket.tokens(now);
            prop_assert!((0..=5).contains(&tokens));
            if let Some(next) = bucket.next_free(now) {
                prop_assert!(next > now && bucket.tokens(next) == tokens + 1);
            } else {
                prop_assert_eq!(tokens, 5);
            }
        }
    }
}
