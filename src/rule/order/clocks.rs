//! The two clocks of a refused order: the CA's date and cert-manager's back-off, and the expiry that both run against.
//!
//! Arithmetic and its sentences. Reads no object and no clock.

use jiff::{SignedDuration, Timestamp};

use crate::engine::backoff::{BackOff, first_attempt_from};

/// The dates that decide what to do about a refused order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    pub now: Timestamp,
    /// cert-manager's own next try; `None` if it may come at any moment.
    pub next_try: Option<Timestamp>,
    /// How many issuances have failed in a row.
    pub attempts: i64,
    pub back_off: BackOff,
    /// From when on the CA takes the order, if it says so.
    pub retry_after: Option<Timestamp>,
    /// The end of the certificate that is in use.
    pub expiry: Option<Timestamp>,
}

/// How cert-manager's next try lies to the CA's date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// The CA names no date.
    NoDate,
    /// The CA's date has passed: nothing but the back-off stands in the way.
    Open,
    /// The next try comes before the date: it is wasted, and so may be more after it.
    Early { wasted: u32, first_good: Timestamp },
    /// The next try is the first one and comes at the date or after it.
    Late,
}

impl Clocks {
    /// How the two clocks meet.
    pub fn meeting(&self) -> Meeting {
        let Some(date) = self.retry_after else { return Meeting::NoDate };
        if date <= self.now {
            return Meeting::Open;
        }
        match first_attempt_from(date, self.next_try.unwrap_or(self.now), self.attempts, &self.back_off) {
            (0, _) => Meeting::Late,
            (wasted, first_good) => Meeting::Early { wasted, first_good },
        }
    }

    /// What the two clocks mean, in sentences.
    pub fn sentences(&self) -> String {
        let mut text = self.about_tries();
        if let Some(expiry) = self.expiry {
            text.push(' ');
            text.push_str(&self.about_expiry(expiry));
        }
        text
    }

    fn about_tries(&self) -> String {
        let next = self.next_try.map_or_else(|| "at any moment".to_owned(), |next| format!("at {next}"));
        match (self.meeting(), self.retry_after) {
            (Meeting::NoDate, _) | (_, None) => {
                format!("The CA names no date; cert-manager tries again {next}, whether there is room by then or not.")
            }
            (Meeting::Open, Some(date)) => format!(
                "The CA's date, {date}, passed {} ago; only cert-manager's back-off is left, which tries again {next}.",
                exact(self.now.duration_since(date))
            ),
            (Meeting::Late, Some(date)) => {
                let by = self.next_try.map(|next| next.duration_since(date)).unwrap_or_default();
                format!(
                    "cert-manager tries again {next}, {} after the CA's date {date}: that try is not wasted.",
                    exact(by)
                )
            }
            (Meeting::Early { wasted, first_good }, Some(date)) => {
                let by = date.duration_since(self.next_try.unwrap_or(self.now));
                let all = if wasted == 1 {
                    "that try is".to_owned()
                } else {
                    format!("that try and {} more are", wasted - 1)
                };
                format!(
                    "cert-manager tries again {next}, {} before the CA's date {date}: {all} wasted, and each one doubles \
                     the back-off. Left alone, the first try that the CA can accept starts at {first_good}, {} after that date.",
                    exact(by),
                    exact(first_good.duration_since(date))
                )
            }
        }
    }

    fn about_expiry(&self, expiry: Timestamp) -> String {
        if expiry <= self.now {
            return format!(
                "The certificate in use expired {} ago, at {expiry}.",
                exact(self.now.duration_since(expiry))
            );
        }
        let next = self.next_try.unwrap_or(self.now);
        let good = match self.meeting() {
            Meeting::Early { first_good, .. } => first_good,
            Meeting::NoDate | Meeting::Open | Meeting::Late => next,
        };
        match self.retry_after {
            Some(date) if expiry < date => {
                format!(
                    "The certificate in use expires at {expiry}, {} before the CA's date.",
                    exact(date.duration_since(expiry))
                )
            }
            Some(date) if expiry < good => format!(
                "The certificate in use expires at {expiry}, {} after the CA's date but {} before that try: left alone, \
                 it expires.",
                exact(expiry.duration_since(date)),
                exact(good.duration_since(expiry))
            ),
            None if expiry < good => {
                format!(
                    "The certificate in use expires at {expiry}, {} before that try.",
                    exact(good.duration_since(expiry))
                )
            }
            Some(_) | None => {
                format!(
                    "The certificate in use is valid until {expiry}, {} past that try.",
                    exact(expiry.duration_since(good))
                )
            }
        }
    }

    /// Whether the certificate in use ends before cert-manager's own try can succeed.
    pub fn expires_first(&self) -> bool {
        let good = match self.meeting() {
            Meeting::Early { first_good, .. } => first_good,
            Meeting::NoDate | Meeting::Open | Meeting::Late => self.next_try.unwrap_or(self.now),
        };
        self.expiry.is_some_and(|expiry| expiry < good)
    }
}

/// A duration to the second: `2d3h0m5s`.
fn exact(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let mut text = String::new();
    for (value, unit) in [(days, "d"), (hours, "h"), (minutes, "m")] {
        if value > 0 || !text.is_empty() {
            text.push_str(&format!("{value}{unit}"));
        }
    }
    format!("{text}{}s", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn clocks(next: &str, attempts: i64, date: Option<&str>) -> Clocks {
        let now = at("2026-03-01T10:30:00Z");
        Clocks {
            now,
            next_try: Some(at(next)),
            attempts,
            back_off: BackOff::default(),
            retry_after: date.map(at),
            expiry: None,
        }
    }

    #[test]
    fn a_try_before_the_date_is_wasted_and_the_wait_doubles() {
        for (what, date, wasted, first_good) in [
            ("one second too early", "2026-03-01T11:00:01Z", 1, "2026-03-01T13:00:00Z"),
            ("two tries", "2026-03-01T13:00:01Z", 2, "2026-03-01T17:00:00Z"),
            ("the second try meets the date", "2026-03-01T13:00:00Z", 1, "2026-03-01T13:00:00Z"),
            ("up to the longest wait", "2026-03-04T00:00:00Z", 5, "2026-03-04T01:00:00Z"),
            ("at the longest wait", "2026-03-08T00:00:00Z", 8, "2026-03-08T01:00:00Z"),
        ] {
            let meeting = clocks("2026-03-01T11:00:00Z", 1, Some(date)).meeting();
            assert_eq!(meeting, Meeting::Early { wasted, first_good: at(first_good) }, "{what}");
        }
    }

    #[test]
    fn a_try_at_the_date_or_after_it_is_not_wasted() {
        for date in ["2026-03-01T11:00:00Z", "2026-03-01T10:59:59Z"] {
            assert_eq!(clocks("2026-03-01T11:00:00Z", 1, Some(date)).meeting(), Meeting::Late, "{date}");
        }
        assert_eq!(clocks("2026-03-01T11:00:00Z", 1, Some("2026-03-01T10:30:00Z")).meeting(), Meeting::Open);
        assert_eq!(clocks("2026-03-01T11:00:00Z", 1, None).meeting(), Meeting::NoDate);
    }

    #[test]
    fn a_date_in_the_far_future_is_reached() {
        let Meeting::Early { wasted, first_good } =
            clocks("2026-03-01T11:00:00Z", 9, Some("9999-12-30T00:00:00Z")).meeting()
        else {
            panic!("the date lies after the try")
        };
        assert!(wasted > 2_000_000 && first_good >= at("9999-12-30T00:00:00Z"));
    }

    #[test]
    fn the_distances_are_told_to_the_second() {
        let early = clocks("2026-03-01T11:00:00Z", 1, Some("2026-03-03T13:00:05Z"));
        let text = early.sentences();
        assert!(text.contains("at 2026-03-01T11:00:00Z, 2d2h0m5s before the CA's date 2026-03-03T13:00:05Z"), "{text}");
        assert!(text.contains("that try and 4 more are wasted"), "{text}");
        let late = clocks("2026-03-01T11:00:00Z", 1, Some("2026-03-01T10:58:59Z")).sentences();
        assert!(late.contains("1m1s after the CA's date 2026-03-01T10:58:59Z: that try is not wasted"), "{late}");
    }

    #[test]
    fn the_expiry_is_set_against_both() {
        let with = |expiry: &str| Clocks {
            expiry: Some(at(expiry)),
            ..clocks("2026-03-01T11:00:00Z", 1, Some("2026-03-01T12:00:00Z"))
        };
        for (expiry, first, part) in [
            ("2026-03-01T10:29:00Z", true, "expired 1m0s ago"),
            ("2026-03-01T11:59:00Z", true, "1m0s before the CA's date"),
            (
                "2026-03-01T12:30:00Z",
                true,
                "30m0s after the CA's date but 30m0s before that try: left alone, it expires",
            ),
            ("2026-03-01T13:00:10Z", false, "10s past that try"),
        ] {
            let clocks = with(expiry);
            assert_eq!(clocks.expires_first(), first, "{expiry}");
            assert!(clocks.sentences().contains(part), "{expiry}: {}", clocks.sentences());
        }
        let undated = Clocks { expiry: Some(at("2026-03-01T10:59:58Z")), ..clocks("2026-03-01T11:00:00Z", 1, None) };
        assert!(undated.sentences().contains("2s before that try"), "{}", undated.sentences());
    }
}
