//! The last moment that a time can be here, and what lies beyond it.
//!
//! `jiff` ends a day and two hours before the year 9999 does. Go, YAML and X.509 reach to its last second, and
//! RFC 5280, section 4.1.2.5, gives that second a meaning: the certificate has no well-defined end. A time beyond the
//! range becomes the nearest one within it, so that what carries it can still be read. Never reads a clock.

use jiff::Timestamp;
use jiff::civil::DateTime;

/// The last whole second of the range: `9999-12-30T22:00:00Z`.
pub const LAST: Timestamp = Timestamp::constant(253_402_207_200, 0);

/// Whether a time stands for "never": the last of the range, and what was beyond it.
pub fn is_never(at: Timestamp) -> bool {
    at >= LAST
}

/// The time so many seconds after 1970, or the nearest in range.
pub fn from_seconds(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { LAST })
}

/// The nearest time in range, if the text is an RFC 3339 time out of it; `None` for every other text.
pub fn nearest(text: &str) -> Option<Timestamp> {
    if text.parse::<Timestamp>().is_ok() {
        return None;
    }
    let local: DateTime = without_offset(text)?.parse().ok()?;
    Some(if local.year() < 0 { Timestamp::MIN } else { LAST })
}

/// A time with its offset cut off: `Z`, or `+01:00` and the like.
fn without_offset(text: &str) -> Option<&str> {
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Some(local);
    }
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    (offset.starts_with(['+', '-']) && offset.as_bytes()[3] == b':').then_some(local)
}

/// The time as RFC 3339, or `never`.
pub fn words(at: Timestamp) -> String {
    if is_never(at) { "never".to_owned() } else { at.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_out_of_range_become_the_nearest_in_it() {
        for (text, nearest_one) in [
            ("9999-12-31T23:59:59Z", Some(LAST)),
            ("9999-12-31T23:59:59.999999999Z", Some(LAST)),
            ("9999-12-31t00:00:00z", Some(LAST)),
            ("9999-12-31T23:59:59-07:00", Some(LAST)),
            ("-009999-01-01T00:00:00+12:00", Some(Timestamp::MIN)),
            // These are in range.
            ("9999-12-30T22:00:00Z", None),
            ("0001-01-01T00:00:00Z", None),
            ("2026-11-22T06:35:00+01:00", None),
            // These are no times.
            ("", None),
            ("never", None),
            ("9999-12-31", None),
            ("9999-12-31T23:59:59", None),
            ("9999-12-31T23:59:61Z", None),
            ("ääääZ", None),
            ("äää:ä", None),
        ] {
            assert_eq!(nearest(text), nearest_one, "{text}");
        }
        assert_eq!(LAST.as_second(), Timestamp::MAX.as_second());
        assert_eq!(from_seconds(253_402_300_799), LAST);
        assert_eq!(from_seconds(i64::MIN), Timestamp::MIN);
        assert_eq!(from_seconds(0), Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn the_last_second_is_never() {
        assert_eq!(words(LAST), "never");
        assert_eq!(words(Timestamp::MAX), "never");
        assert_eq!(words(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00Z");
    }
}
