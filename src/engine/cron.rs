//! Cron expressions as cert-manager reads them in renewal windows (`internal/cron`, `pkg/util.CronParse`).
//!
//! Five fields or a descriptor such as `@daily`, with a time zone before them if there is one.

mod next;

use jiff::SignedDuration;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use thiserror::Error;

use crate::duration::{self, ParseDurationError};
use crate::engine::golang;

/// When a window opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// On a clock in a time zone; none is that of whoever reads it.
    Clock { zone: Option<TimeZone>, fields: Fields },
    /// Again and again after as long.
    Every(SignedDuration),
}

/// The values of a clock at which a window opens: one bit each, and [`STAR`] where any will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    pub minute: u64,
    pub hour: u64,
    /// From 1.
    pub day_of_month: u64,
    /// From 1.
    pub month: u64,
    /// Sunday is 0.
    pub day_of_week: u64,
}

/// Set where a field was given as `*` or `?`: of the two days both count only if neither is.
pub const STAR: u64 = 1 << 63;

/// Why a text is no schedule, in cert-manager's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CronError {
    #[error("empty spec string")]
    Empty,
    #[error("expected timezone prefix to be followed by a cron spec: {0}")]
    OnlyZone(String),
    #[error("provided bad location {name}: {why}")]
    Zone { name: String, why: ZoneError },
    #[error("expected exactly 5 fields, found {}: {}", .0.len(), golang::list(.0.iter().map(String::as_str)))]
    Count(Vec<String>),
    #[error("too many hyphens: {0}")]
    Hyphens(String),
    #[error("too many slashes: {0}")]
    Slashes(String),
    #[error("failed to parse int from {text}: strconv.Atoi: parsing {}: {why}", golang::quote(text))]
    Number { text: String, why: &'static str },
    #[error("negative number ({number}) not allowed: {text}")]
    Negative { number: i64, text: String },
    #[error("beginning of range ({start}) below minimum ({min}): {range}")]
    Below { start: u64, min: u64, range: String },
    #[error("end of range ({end}) above maximum ({max}): {range}")]
    Above { end: u64, max: u64, range: String },
    #[error("beginning of range ({start}) beyond end of range ({end}): {range}")]
    Backwards { start: u64, end: u64, range: String },
    #[error("step of range should be a positive number: {0}")]
    Step(String),
    #[error("unrecognized descriptor: {0}")]
    Descriptor(String),
    #[error("failed to parse duration {descriptor}: {source}")]
    Duration { descriptor: String, source: ParseDurationError },
}

/// Why a name is none of a time zone, in Go's words (`time.LoadLocation`).
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ZoneError {
    #[error("time: invalid location name")]
    Invalid,
    #[error("unknown time zone {0}")]
    Unknown(String),
}

/// The time zone of an IANA name in its own case; none stands for `Local`, which is that of whoever reads it.
pub fn zone(name: &str) -> Result<Option<TimeZone>, ZoneError> {
    match name {
        "" | "UTC" => return Ok(Some(TimeZone::UTC)),
        "Local" => return Ok(None),
        _ if name.contains("..") || name.starts_with(['/', '\\']) => return Err(ZoneError::Invalid),
        _ => {}
    }
    // jiff finds names in any case, Go in their own only.
    let found = TimeZoneDatabase::bundled().get(name).ok().filter(|zone| zone.iana_name() == Some(name));
    found.map(Some).ok_or_else(|| ZoneError::Unknown(name.to_owned()))
}

impl Schedule {
    /// Reads `cron` in a time zone, if `timezone` is not empty.
    pub fn parse(cron: &str, timezone: &str) -> Result<Self, CronError> {
        let text = if timezone.is_empty() { cron.to_owned() } else { format!("CRON_TZ={timezone} {cron}") };
        if text.is_empty() {
            return Err(CronError::Empty);
        }
        let named = text.strip_prefix("CRON_TZ=").or_else(|| text.strip_prefix("TZ="));
        let (zone, rest) = match named {
            Some(named) => {
                let (name, rest) = named.split_once(' ').ok_or_else(|| CronError::OnlyZone(text.clone()))?;
                (zone(name).map_err(|why| CronError::Zone { name: name.to_owned(), why })?, rest.trim())
            }
            None => (None, text.as_str()),
        };
        if rest.starts_with('@') { descriptor(rest, zone) } else { Ok(Self::Clock { zone, fields: fields(rest)? }) }
    }
}

fn fields(text: &str) -> Result<Fields, CronError> {
    let texts: Vec<&str> = text.split_whitespace().collect();
    let &[minute, hour, day_of_month, month, day_of_week] = texts.as_slice() else {
        return Err(CronError::Count(texts.into_iter().map(str::to_owned).collect()));
    };
    Ok(Fields {
        minute: MINUTES.bits(minute)?,
        hour: HOURS.bits(hour)?,
        day_of_month: DAYS_OF_MONTH.bits(day_of_month)?,
        month: MONTHS.bits(month)?,
        day_of_week: DAYS_OF_WEEK.bits(day_of_week)?,
    })
}

fn descriptor(text: &str, zone: Option<TimeZone>) -> Result<Schedule, CronError> {
    let cron = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => {
            let every = text.strip_prefix("@every ").ok_or_else(|| CronError::Descriptor(text.to_owned()))?;
            let parsed = duration::parse_go(every);
            return parsed
                .map(Schedule::Every)
                .map_err(|source| CronError::Duration { descriptor: text.to_owned(), source });
        }
    };
    Ok(Schedule::Clock { zone, fields: fields(cron)? })
}

/// The values of one field.
struct Bounds {
    min: u64,
    max: u64,
    /// Words for values, from the least on.
    names: &'static [&'static str],
}

const MINUTES: Bounds = Bounds { min: 0, max: 59, names: &[] };
const HOURS: Bounds = Bounds { min: 0, max: 23, names: &[] };
const DAYS_OF_MONTH: Bounds = Bounds { min: 1, max: 31, names: &[] };
const MONTHS: Bounds = Bounds {
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const DAYS_OF_WEEK: Bounds = Bounds { min: 0, max: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

impl Bounds {
    /// The bits of a field: ranges with commas between them.
    fn bits(&self, field: &str) -> Result<u64, CronError> {
        let ranges = field.split(',').filter(|range| !range.is_empty());
        ranges.map(|range| self.range(range)).try_fold(0, |bits, range| Ok(bits | range?))
    }

    /// `*`, a value, `from-to`, each with `/step` behind it or not.
    fn range(&self, text: &str) -> Result<u64, CronError> {
        let owned = || text.to_owned();
        let (range, step) = match text.split('/').collect::<Vec<_>>().as_slice() {
            [range] => (*range, None),
            [range, step] => (*range, Some(*step)),
            [range, ..] => (*range, Some("")),
            [] => ("", None),
        };
        let ends: Vec<&str> = range.split('-').collect();
        let is_star = matches!(ends[0], "*" | "?");
        let (start, mut end) = if is_star {
            (self.min, self.max)
        } else {
            let start = self.value(ends[0])?;
            match ends.as_slice() {
                [_] => (start, start),
                [_, end] => (start, self.value(end)?),
                _ => return Err(CronError::Hyphens(owned())),
            }
        };
        if text.matches('/').count() > 1 {
            return Err(CronError::Slashes(owned()));
        }
        let step = step.map_or(Ok(1), number)?;
        if text.contains('/') && ends.len() == 1 {
            end = self.max;
        }
        if start < self.min {
            return Err(CronError::Below { start, min: self.min, range: owned() });
        }
        if end > self.max {
            return Err(CronError::Above { end, max: self.max, range: owned() });
        }
        if start > end {
            return Err(CronError::Backwards { start, end, range: owned() });
        }
        let step = usize::try_from(step).ok().filter(|step| *step > 0).ok_or_else(|| CronError::Step(owned()))?;
        let bits = (start..=end).step_by(step).fold(0, |bits, value| bits | 1 << value);
        Ok(if is_star && step == 1 { bits | STAR } else { bits })
    }

    fn value(&self, text: &str) -> Result<u64, CronError> {
        let lower = text.to_lowercase();
        let named = (self.min..).zip(self.names).find(|(_, name)| **name == lower);
        named.map_or_else(|| number(text), |(value, _)| Ok(value))
    }
}

fn number(text: &str) -> Result<u64, CronError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let why = if is_number { "value out of range" } else { "invalid syntax" };
    let parsed = text.parse::<i64>().ok().filter(|_| is_number);
    let number = parsed.ok_or_else(|| CronError::Number { text: text.to_owned(), why })?;
    u64::try_from(number).map_err(|_| CronError::Negative { number, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(cron: &str) -> Fields {
        match Schedule::parse(cron, "").unwrap() {
            Schedule::Clock { fields, .. } => fields,
            Schedule::Every(_) => panic!("{cron}"),
        }
    }

    fn bits(values: impl IntoIterator<Item = u64>) -> u64 {
        values.into_iter().fold(0, |bits, value| bits | 1 << value)
    }

    #[test]
    fn fields_are_sets_of_values() {
        let fields = clock("*/20 1,3-5 1-31/10 JAN-mar sun");
        assert_eq!(fields.minute, bits([0, 20, 40]));
        assert_eq!(fields.hour, bits([1, 3, 4, 5]));
        assert_eq!(fields.day_of_month, bits([1, 11, 21, 31]));
        assert_eq!(fields.month, bits([1, 2, 3]));
        assert_eq!(fields.day_of_week, bits([0]));
        assert_eq!(clock("5/30 * ? * *").minute, bits([5, 35]));
        assert_eq!(clock("5/30 * ? * *").day_of_month, bits(1..=31) | STAR);
        assert_eq!(clock("@weekly"), clock("0 0 * * 0"));
        assert_eq!(Schedule::parse("@every 90m", ""), Ok(Schedule::Every(SignedDuration::from_mins(90))));
    }

    #[test]
    fn a_time_zone_stands_before_the_fields_or_beside_them() {
        let zone = |cron, timezone| match Schedule::parse(cron, timezone) {
            Ok(Schedule::Clock { zone: Some(zone), .. }) => zone.iana_name().map(str::to_owned),
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        assert_eq!(zone("* * * * *", "Europe/Berlin").as_deref(), Some("Europe/Berlin"));
        assert_eq!(zone("TZ=Asia/Tokyo * * * * *", "").as_deref(), Some("Asia/Tokyo"));
        assert_eq!(zone("* * * * *", "Local"), None);
        assert_eq!(
            zone("* * * * *", "asia/tokyo").as_deref(),
            Some("provided bad location asia/tokyo: unknown time zone asia/tokyo")
        );
    }
}
