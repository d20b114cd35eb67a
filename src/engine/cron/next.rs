//! When a schedule comes up next (`internal/cron/spec.go`, `constantdelay.go`).
//!
//! The steps are those of cert-manager, with the arithmetic of Go's package `time`: where clocks are set forward or back
//! they decide what comes out.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Fields, STAR, Schedule};

/// How many years are searched.
const YEARS: i16 = 5;

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl Schedule {
    /// The first time after `time`, in whole seconds; `None` if there is none within five years.
    pub fn next(&self, time: Timestamp) -> Option<Timestamp> {
        let whole = Timestamp::from_second(floor_second(time)).ok()?;
        match self {
            Self::Clock { zone, fields } => {
                // The times that are asked for are in UTC, and so is a schedule without a zone.
                let zone = zone.clone().unwrap_or(TimeZone::UTC);
                Clock { zone, at: whole.checked_add(SECOND).ok()?, reset: false }.find(fields)
            }
            Self::Every(delay) => {
                let delay = SignedDuration::from_secs(delay.as_secs().max(1));
                whole.checked_add(delay).ok()
            }
        }
    }
}

fn floor_second(time: Timestamp) -> i64 {
    time.as_second() - i64::from(time.subsec_nanosecond() < 0)
}

/// A clock that is put forward.
struct Clock {
    zone: TimeZone,
    at: Timestamp,
    /// Whether a field was put forward before, so that those below it stand at their least.
    reset: bool,
}

impl Clock {
    fn find(mut self, fields: &Fields) -> Option<Timestamp> {
        let last = self.civil().year().saturating_add(YEARS);
        'again: loop {
            if self.civil().year() > last {
                return None;
            }
            while !is_in(fields.month, self.civil().month()) {
                self.begin(|now| now.date().first_of_month().to_datetime(Time::midnight()))?;
                self.at = self.date(self.civil(), 1, 0)?;
                if self.civil().month() == 1 {
                    continue 'again;
                }
            }
            while !is_day(fields, self.civil().date()) {
                self.begin(|now| now.date().to_datetime(Time::midnight()))?;
                self.at = self.date(self.civil(), 0, 1)?;
                // Where midnight does not exist.
                let hour = i64::from(self.civil().hour());
                if hour != 0 {
                    let shift = if hour > 12 { 24 - hour } else { -hour };
                    self.at = self.at.checked_add(SignedDuration::from_hours(shift)).ok()?;
                }
                if self.civil().day() == 1 {
                    continue 'again;
                }
            }
            while !is_in(fields.hour, self.civil().hour()) {
                self.begin(|now| now.date().at(now.hour(), 0, 0, 0))?;
                self.at = self.at.checked_add(HOUR).ok()?;
                if self.civil().hour() == 0 {
                    continue 'again;
                }
            }
            while !is_in(fields.minute, self.civil().minute()) {
                self.truncate();
                self.at = self.at.checked_add(MINUTE).ok()?;
                if self.civil().minute() == 0 {
                    continue 'again;
                }
            }
            // A window opens with the minute.
            if self.civil().second() == 0 {
                return Some(self.at);
            }
            self.reset = true;
            let rest = SignedDuration::from_secs(60 - i64::from(self.civil().second()));
            self.at = self.at.checked_add(rest).ok()?;
        }
    }

    fn civil(&self) -> DateTime {
        self.zone.to_datetime(self.at)
    }

    /// Puts the fields below the one that is put forward to their least, the first time.
    fn begin(&mut self, least: impl FnOnce(DateTime) -> DateTime) -> Option<()> {
        if !self.reset {
            self.reset = true;
            self.at = instant(&self.zone, least(self.civil()))?;
        }
        Some(())
    }

    /// To the full minute of the time since the epoch, which is not that of every zone.
    fn truncate(&mut self) {
        if !self.reset {
            self.reset = true;
            let second = self.at.as_second();
            self.at = Timestamp::from_second(second - second.rem_euclid(60)).unwrap_or(self.at);
        }
    }

    /// Go's `Time.AddDate`: days that a month does not have run over into the next.
    fn date(&self, from: DateTime, months: i8, days: i64) -> Option<Timestamp> {
        let months_on = i16::from(from.month()) - 1 + i16::from(months);
        let year = from.year().checked_add(months_on.div_euclid(12))?;
        let month = i8::try_from(months_on.rem_euclid(12) + 1).ok()?;
        let days_on = i64::from(from.day()) - 1 + days;
        let date = Date::new(year, month, 1).ok()?.checked_add(jiff::Span::new().try_days(days_on).ok()?).ok()?;
        instant(&self.zone, date.to_datetime(from.time()))
    }
}

/// Go's `time.Date`: of a time that a clock skips or shows twice it takes the one that its look-ups come upon.
fn instant(zone: &TimeZone, civil: DateTime) -> Option<Timestamp> {
    let local = civil.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let offset = |at| SignedDuration::from_secs(i64::from(zone.to_offset(at).seconds()));
    let first = offset(local);
    if first.is_zero() {
        return Some(local);
    }
    let second = offset(local.checked_sub(first).ok()?);
    local.checked_sub(second).ok()
}

fn is_in(bits: u64, value: i8) -> bool {
    bits & (1 << value) != 0
}

fn is_day(fields: &Fields, date: Date) -> bool {
    let of_month = is_in(fields.day_of_month, date.day());
    let of_week = is_in(fields.day_of_week, date.weekday().to_sunday_zero_offset());
    if (fields.day_of_month | fields.day_of_week) & STAR != 0 { of_month && of_week } else { of_month || of_week }
}
