//! Durations as Go and kubectl write them: `1h30m`, `2d1h`, `179m`.
//!
//! Pure text in and out; never reads a clock.

use std::fmt::Write as _;

use jiff::SignedDuration;
use thiserror::Error;

/// Why a text is not a Go duration; the wording is that of Go's `time.ParseDuration`.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ParseDurationError {
    #[error("time: invalid duration {}", quote(.0))]
    Invalid(String),
    #[error("time: missing unit in duration {}", quote(.0))]
    MissingUnit(String),
    #[error("time: unknown unit {} in duration {}", quote(.unit), quote(.text))]
    UnknownUnit { unit: String, text: String },
}

/// A text as Go's package `time` quotes it: what is not printable ASCII byte by byte.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        // Writing to a text cannot fail.
        let _ = match byte {
            b'"' | b'\\' => write!(out, "\\{}", char::from(byte)),
            b' '..0x80 => write!(out, "{}", char::from(byte)),
            0..b' ' | 0x80.. => write!(out, "\\x{byte:02x}"),
        };
    }
    out.push('"');
    out
}

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// Reads what Go's `time.ParseDuration` reads: a sign, then numbers with optional fractions, each with a unit of
/// `ns us µs ms s m h`; a bare `0` needs none. The range is Go's: signed nanoseconds in 64 bits.
pub fn parse_go(text: &str) -> Result<SignedDuration, ParseDurationError> {
    let invalid = || ParseDurationError::Invalid(text.to_owned());
    let (negative, body) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        Some(_) | None => (false, text),
    };
    if body == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if body.is_empty() {
        return Err(invalid());
    }
    let mut rest = body;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = split_number(rest).ok_or_else(invalid)?;
        let unit_end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        if unit.is_empty() {
            return Err(ParseDurationError::MissingUnit(text.to_owned()));
        }
        let scale = unit_nanos(unit)
            .ok_or_else(|| ParseDurationError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() })?;
        total = number.scaled(scale).and_then(|part| total.checked_add(part)).ok_or_else(invalid)?;
        rest = next;
    }
    signed_nanos(total, negative).map(SignedDuration::from_nanos).ok_or_else(invalid)
}

/// The digits before and behind the point of one number.
struct Number<'a> {
    whole: &'a str,
    fraction: &'a str,
}

impl Number<'_> {
    /// The number times `scale` in nanoseconds. The fraction goes through floating point as in Go, so that the same
    /// text gives the same nanosecond.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "Go's own arithmetic; the product is below 3.6e12"
    )]
    fn scaled(&self, scale: u64) -> Option<u64> {
        let whole = if self.whole.is_empty() { 0 } else { self.whole.parse::<u64>().ok()? };
        let mut part: u64 = 0;
        let mut divisor: f64 = 1.0;
        for digit in self.fraction.bytes().map(|byte| u64::from(byte - b'0')) {
            if part > i64::MAX.unsigned_abs() / 10 || part * 10 + digit > i64::MIN.unsigned_abs() {
                break;
            }
            part = part * 10 + digit;
            divisor *= 10.0;
        }
        let part = (part as f64 * (scale as f64 / divisor)) as u64;
        whole.checked_mul(scale)?.checked_add(part)
    }
}

/// Splits a leading `12`, `1.5`, `.5` or `1.` off.
fn split_number(text: &str) -> Option<(Number<'_>, &str)> {
    let whole_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = text.split_at(whole_end);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
        None => ("", rest),
    };
    (!whole.is_empty() || !fraction.is_empty()).then_some((Number { whole, fraction }, rest))
}

fn unit_nanos(unit: &str) -> Option<u64> {
    match unit {
        "ns" => Some(1),
        // The micro sign and the Greek letter mu, as Go takes both.
        "us" | "\u{b5}s" | "\u{3bc}s" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(SECOND),
        "m" => Some(MINUTE),
        "h" => Some(HOUR),
        _ => None,
    }
}

fn signed_nanos(total: u64, negative: bool) -> Option<i64> {
    if negative { 0i64.checked_sub_unsigned(total) } else { i64::try_from(total).ok() }
}

/// Writes a duration as Go's `Duration.String` does: `72h3m0.5s`, `1.5ms`, `0s`.
pub fn format_go(duration: SignedDuration) -> String {
    let nanos = u64::try_from(duration.as_nanos().unsigned_abs()).unwrap_or(u64::MAX);
    let sign = if duration.is_negative() { "-" } else { "" };
    if nanos == 0 {
        return "0s".to_owned();
    }
    if nanos < SECOND {
        let (scale, unit) = match nanos {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "\u{b5}s"),
            _ => (1_000_000, "ms"),
        };
        return format!("{sign}{}{unit}", decimal(nanos, scale));
    }
    let mut text = sign.to_owned();
    if nanos >= HOUR {
        let _ = write!(text, "{}h", nanos / HOUR);
    }
    if nanos >= MINUTE {
        let _ = write!(text, "{}m", nanos % HOUR / MINUTE);
    }
    let _ = write!(text, "{}s", decimal(nanos % MINUTE, SECOND));
    text
}

/// `value / scale` with as many decimals as it has, for a power of ten.
fn decimal(value: u64, scale: u64) -> String {
    let (whole, part) = (value / scale, value % scale);
    if part == 0 {
        return whole.to_string();
    }
    let width = scale.ilog10() as usize;
    let digits = format!("{part:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

/// [`format_go`] without the empty units at its end: `1h`, `1h30m`. Go reads it the same.
pub fn format_brief(duration: SignedDuration) -> String {
    let text = format_go(duration);
    let text = text.strip_suffix("m0s").map_or(text.clone(), |rest| format!("{rest}m"));
    text.strip_suffix("h0m").map_or(text.clone(), |rest| format!("{rest}h"))
}

/// The age of something, as kubectl's AGE columns show it (`duration.HumanDuration`): two units at most, and fewer
/// the older it gets. Below minus one second it is `<invalid>`, as there; a date to come wants its own words.
pub fn human(age: SignedDuration) -> String {
    // Go's float seconds are cut off towards zero.
    let seconds = age.as_secs();
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    if seconds < 0 {
        return "0s".to_owned();
    }
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    if seconds < 120 {
        format!("{seconds}s")
    } else if minutes < 10 {
        two(minutes, "m", seconds % 60, "s")
    } else if minutes < 180 {
        format!("{minutes}m")
    } else if hours < 8 {
        two(hours, "h", minutes % 60, "m")
    } else if hours < 48 {
        format!("{hours}h")
    } else if hours < 192 {
        two(days, "d", hours % 24, "h")
    } else if hours < 24 * 365 * 2 {
        format!("{days}d")
    } else if hours < 24 * 365 * 8 {
        two(years, "y", days % 365, "d")
    } else {
        format!("{years}y")
    }
}

fn two(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 { format!("{large}{large_unit}") } else { format!("{large}{large_unit}{small}{small_unit}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nanos(text: &str) -> i128 {
        parse_go(text).unwrap().as_nanos()
    }

    #[test]
    fn go_durations_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("0", 0),
            ("-0", 0),
            ("5s", 5_000_000_000),
            ("+5s", 5_000_000_000),
            ("-5s", -5_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("250ms", 250_000_000),
            ("2us", 2_000),
            ("2\u{b5}s", 2_000),
            ("2\u{3bc}s", 2_000),
            ("52763797000ns", 52_763_797_000),
            ("0.3333333333333333333h", 1_200_000_000_000),
            ("0.9223372036854775807h", 3_320_413_933_267),
            ("9223372036854775807ns", 9_223_372_036_854_775_807),
            ("-9223372036854775808ns", -9_223_372_036_854_775_808),
        ] {
            assert_eq!(nanos(text), expected, "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        for (text, message) in [
            ("", r#"time: invalid duration """#),
            ("3", r#"time: missing unit in duration "3""#),
            ("-", r#"time: invalid duration "-""#),
            ("s", r#"time: invalid duration "s""#),
            (".", r#"time: invalid duration ".""#),
            (".s", r#"time: invalid duration ".s""#),
            ("1d", r#"time: unknown unit "d" in duration "1d""#),
            ("1h 2m", r#"time: unknown unit "h " in duration "1h 2m""#),
            ("9223372036854775808ns", r#"time: invalid duration "9223372036854775808ns""#),
            ("9223372036s1000000000ns", r#"time: invalid duration "9223372036s1000000000ns""#),
            ("3000000h", r#"time: invalid duration "3000000h""#),
            ("é\"\\\n\u{7f}1h", "time: invalid duration \"\\xc3\\xa9\\\"\\\\\\x0a\u{7f}1h\""),
        ] {
            assert_eq!(parse_go(text).unwrap_err().to_string(), message, "{text}");
        }
    }

    #[test]
    fn go_durations_are_written_as_go_writes_them() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1\u{b5}s"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (3_600_000_000_000, "1h0m0s"),
            (-3_600_000_000_000, "-1h0m0s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(format_go(SignedDuration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn ages_are_kubectls() {
        for (seconds, text) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (599, "9m59s"),
            (600, "10m"),
            (10799, "179m"),
            (10800, "3h"),
            (10860, "3h1m"),
            (28799, "7h59m"),
            (28800, "8h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (176_400, "2d1h"),
            (691_199, "7d23h"),
            (691_200, "8d"),
            (63_071_999, "729d"),
            (63_072_000, "2y"),
            (63_158_400, "2y1d"),
            (252_287_999, "7y364d"),
            (252_288_000, "8y"),
        ] {
            assert_eq!(human(SignedDuration::from_secs(seconds)), text, "{seconds}");
        }
    }

    #[test]
    fn a_brief_duration_leaves_out_the_empty_units_at_its_end() {
        for (text, brief) in [
            ("1h0m0s", "1h"),
            ("1h30m0s", "1h30m"),
            ("1h0m5s", "1h0m5s"),
            ("10m0s", "10m"),
            ("20s", "20s"),
            ("0s", "0s"),
            ("-2h0m0s", "-2h"),
            ("1.5s", "1.5s"),
        ] {
            assert_eq!(format_brief(parse_go(text).unwrap()), brief);
            assert_eq!(nanos(brief), nanos(text));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(nanos: i64) {
            let duration = SignedDuration::from_nanos(nanos);
            prop_assert_eq!(parse_go(&format_go(duration)), Ok(duration));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[-+]?([0-9]{0,22}[.]?[0-9]{0,22}(ns|us|µs|ms|s|m|h|d| )?){0,3}") {
            let _ = parse_go(&text);
        }

        #[test]
        fn an_age_never_takes_more_than_seven_characters(seconds in 0i64..100 * 365 * 24 * 3600) {
            prop_assert!(human(SignedDuration::from_secs(seconds)).len() <= 7);
        }
    }
}
