//! A forecast for people: the answer, what ends first, the calendar.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::style::Tint;
use super::table::{expiry, plain, relative};
use super::{Style, escape, prose};
use crate::duration::human;
use crate::finding::PROGRAM;
use crate::forecast::{Authority, Cause, Course, Day, Fate, Forecast, Lifetime, Storm};
use crate::objref::ObjRef;
use crate::rule::Gap;

/// How much to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What ends first, and the calendar.
    Normal,
    /// Every day, and a table of all certificates.
    Wide,
}

/// Entries of a list before the rest is counted only.
const SHOWN: usize = 12;
/// Days with renewals that are shown one by one; where there are more, weeks are.
const DAYS: usize = 31;
/// Columns of the longest bar.
const BAR: usize = 20;

/// The whole forecast as text.
pub fn text(forecast: &Forecast, unseen: &[Gap], detail: Detail, style: &Style) -> String {
    let mut out = String::new();
    let page = Page { forecast, style, several: namespaces(forecast).len() > 1, detail };
    page.answer(&mut out);
    // What a known CA cuts short is told with the CA, once.
    let told: BTreeSet<&ObjRef> = forecast.authorities.iter().flat_map(|authority| &authority.cut).collect();
    page.courses(&mut out, "Ends before it renews", forecast.ending().filter(|course| !told.contains(&course.object)));
    page.authorities(&mut out);
    page.courses(&mut out, "Failing", forecast.failing());
    page.calendar(&mut out);
    page.storms(&mut out);
    if detail == Detail::Wide && !forecast.courses.is_empty() {
        out.push('\n');
        out.push_str(&plain(table(forecast)));
    }
    for (index, gap) in unseen.iter().enumerate() {
        if index == 0 {
            out.push('\n');
        }
        let lead = style.tint(Tint::Warn, "Not seen: ");
        prose::hang(&mut out, &lead, &escape::line(&gap.why), 0, 10, style.width);
    }
    out
}

/// `certificate.cert-manager.io/web`, one a line: those that renew or end within the range.
pub fn names(forecast: &Forecast) -> String {
    let mut out = String::new();
    for course in forecast.courses.iter().filter(|course| course.fate != Fate::Quiet) {
        out.push_str(&escape::line(&course.object.kubectl_name()));
        out.push('\n');
    }
    out
}

struct Page<'p> {
    forecast: &'p Forecast,
    style: &'p Style,
    /// Whether there is more than one namespace, so that names need theirs.
    several: bool,
    detail: Detail,
}

impl Page<'_> {
    fn name(&self, object: &ObjRef) -> String {
        let namespace = object.namespace.as_deref().filter(|_| self.several);
        escape::line(&namespace.map_or_else(|| object.name.clone(), |space| format!("{space}/{}", object.name)))
    }

    fn answer(&self, out: &mut String) {
        let forecast = self.forecast;
        let (all, ending) = (forecast.courses.len(), forecast.ending().count());
        let verdict = match (ending, all) {
            (0, 1) => self.style.tint(Tint::Good, "The certificate does not end before it renews"),
            (0, _) => self.style.tint(Tint::Good, &format!("None of {all} certificates ends before it renews")),
            (1, _) => self.style.tint(Tint::Bad, &format!("1 of {} ends before it renews", certificates(all))),
            (_, _) => self.style.tint(Tint::Bad, &format!("{ending} of {} end before they renew", certificates(all))),
        };
        let firsts = forecast.courses.iter().filter(|course| course.fate == Fate::FirstIssue).count();
        let failing = forecast.failing().count();
        let also = [
            (firsts > 0).then(|| counted(firsts, "first issuance", "first issuances")),
            Some(counted(forecast.renewals(), "renewal", "renewals")),
            (failing > 0).then(|| format!("{failing} failing now")),
        ];
        let also: Vec<String> = also.into_iter().flatten().collect();
        let range = human(forecast.until.duration_since(forecast.now));
        let words = format!("{verdict}. Until {} ({range}): {}.", date(forecast.until), also.join(", "));
        prose::wrap(out, &words, 0, self.style.width);
    }

    fn courses<'c>(&self, out: &mut String, title: &str, courses: impl Iterator<Item = &'c Course>) {
        let courses: Vec<&Course> = courses.collect();
        if courses.is_empty() {
            return;
        }
        self.title(out, title);
        for course in courses.iter().take(SHOWN) {
            let lead = format!("{}: ", self.name(&course.object));
            prose::hang(out, &lead, &fate(course, self.forecast.now), 2, 4, self.style.width);
            // A command stays on one line, to be pasted.
            let _ = writeln!(out, "    {}", escape::line(&command(course)));
        }
        more(out, courses.len(), "certificate", "certificates");
    }

    fn authorities(&self, out: &mut String) {
        let authorities = &self.forecast.authorities;
        if authorities.is_empty() {
            return;
        }
        self.title(out, "CAs that end");
        for authority in authorities.iter().take(SHOWN) {
            let lead = format!("{}: ", escape::line(&authority.issuer.to_string()));
            let words = self.authority(authority);
            prose::hang(out, &lead, &escape::line(&words), 2, 4, self.style.width);
            if let Some(maker) = authority.maker.as_ref().filter(|_| !authority.cut.is_empty()) {
                let command = format!("{PROGRAM} renew {}{}", maker.name, maker.namespace_flag());
                let _ = writeln!(out, "    {}", escape::line(&command));
            }
        }
        more(out, authorities.len(), "CA", "CAs");
    }

    fn authority(&self, authority: &Authority) -> String {
        let now = self.forecast.now;
        let place = format!("{}/{}", authority.secret.namespace.as_deref().unwrap_or_default(), authority.secret.name);
        let ends = authority.ends.map_or_else(
            || format!("the CA in Secret {place} is to be made"),
            |ends| format!("CA {:?} in Secret {place} {}", authority.name, when(ends, now)),
        );
        let renewal = match (&authority.maker, authority.renews) {
            (Some(maker), Some(at)) => {
                format!("{maker} renews it {}, and each leaf gets the new CA when it renews itself", relative(at, now))
            }
            (Some(maker), None) => format!("{maker} makes it and does not renew it in this range"),
            (None, _) => "no Certificate among those looked at renews it".to_owned(),
        };
        let cut = match authority.cut.as_slice() {
            [] => "No certificate is left under the old one by then.".to_owned(),
            [one] => format!("It cuts {} short: renew the CA, then this one.", self.name(one)),
            cut => format!(
                "It cuts {} certificates short: {}. Renew the CA, then these.",
                cut.len(),
                self.list(cut, usize::MAX)
            ),
        };
        format!("{ends}; {renewal}. {cut}")
    }

    fn calendar(&self, out: &mut String) {
        let days = &self.forecast.days;
        if days.is_empty() {
            return;
        }
        let by_week = days.len() > DAYS && self.detail == Detail::Normal;
        let rows = if by_week { weeks(days) } else { days.clone() };
        self.title(
            out,
            if by_week { "Renewals by week, from Monday, UTC (-o wide: by day)" } else { "Renewals by day, UTC" },
        );
        let most = rows.iter().map(|day| day.renewals).max().unwrap_or(1);
        let digits = most.to_string().len();
        for day in &rows {
            let bar = bar(day.renewals, most, self.style);
            let stormy = !by_week && self.forecast.storms.iter().any(|storm| storm.date == day.date);
            let tinted = if stormy { self.style.tint(Tint::Warn, &bar) } else { bar.clone() };
            let space = " ".repeat(BAR.min(most) + 2 - bar.chars().count());
            let head = format!("  {}  {:>digits$}  ", label(day.date), day.renewals);
            let room = self.style.width.saturating_sub(head.len() + BAR.min(most) + 2);
            let line = format!("{head}{tinted}{space}{}", self.list(&day.certificates, room));
            out.push_str(line.trim_end());
            out.push('\n');
        }
        if self.forecast.courses.iter().any(|course| course.is_endless) {
            prose::wrap(
                out,
                "Some certificates renew more often than 10000 times in this range; only those are counted.",
                2,
                self.style.width,
            );
        }
    }

    fn storms(&self, out: &mut String) {
        let storms = &self.forecast.storms;
        if storms.is_empty() {
            return;
        }
        self.title(out, "Many on one day");
        for storm in storms.iter().take(SHOWN) {
            prose::hang(out, &format!("{}: ", label(storm.date)), &storm_words(storm), 2, 4, self.style.width);
        }
        more(out, storms.len(), "day", "days");
        let advice = format!(
            "They were issued together and stay together. To spread them, renew some of them by hand on other days \
             before: {PROGRAM} renew NAME -n NAMESPACE"
        );
        prose::wrap(out, &advice, 2, self.style.width);
    }

    /// Names in so many columns, the rest counted.
    fn list(&self, objects: &[ObjRef], room: usize) -> String {
        let mut text = String::new();
        for (index, object) in objects.iter().enumerate() {
            let name = self.name(object);
            let left = objects.len() - index;
            let rest = if left > 1 { format!(" and {} more", left - 1).len() } else { 0 };
            let gap = if index == 0 { "" } else { ", " };
            let is_full = text.chars().count() + gap.len() + name.chars().count() + rest > room;
            if index > 0 && (is_full || index == SHOWN) {
                let _ = write!(text, " and {left} more");
                return text;
            }
            let _ = write!(text, "{gap}{name}");
        }
        text
    }

    fn title(&self, out: &mut String, title: &str) {
        out.push('\n');
        out.push_str(&self.style.tint(Tint::Strong, title));
        out.push('\n');
    }
}

fn namespaces(forecast: &Forecast) -> BTreeSet<&str> {
    forecast.courses.iter().filter_map(|course| course.object.namespace.as_deref()).collect()
}

fn certificates(count: usize) -> String {
    counted(count, "certificate", "certificates")
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn more(out: &mut String, count: usize, one: &str, many: &str) {
    if count > SHOWN {
        let _ = writeln!(out, "  and {} more: -o wide has all", counted(count - SHOWN, one, many));
    }
}

/// `ends in 3d, at 2026-11-28 06:30 UTC`.
fn when(ends: Timestamp, now: Timestamp) -> String {
    let at = ends.strftime("%Y-%m-%d %H:%M UTC");
    if ends < now {
        format!("ended {} ago, at {at}", human(now.duration_since(ends)))
    } else {
        format!("ends in {}, at {at}", human(ends.duration_since(now)))
    }
}

/// What becomes of it, and why.
fn fate(course: &Course, now: Timestamp) -> String {
    let next = || match course.next {
        Some(next) if next <= now => "an issuance is due now".to_owned(),
        Some(next) => format!("the next issuance starts {}", relative(next, now)),
        None => "no issuance is planned".to_owned(),
    };
    match &course.fate {
        Fate::Ended => {
            let ended = course.present.map_or_else(String::new, |present| when(present.ends, now));
            format!("{ended}; {}", next())
        }
        Fate::EndsFirst { at, cause } => {
            let why = match cause {
                Cause::Disabled => "renewal is switched off (spec.renewal.policy: Disabled)".to_owned(),
                Cause::BackOff => format!("after {} {}", counted_failures(course.failures), next()),
                Cause::Windows => format!("no renewal window opens before; {}", next()),
                Cause::Unplanned => format!("cert-manager has set no renewal before; {}", next()),
            };
            format!("{}; {why}", when(*at, now))
        }
        Fate::CutShort { at, authority } => {
            format!("{} above it {}, before it renews", escape::line(authority), when(*at, now))
        }
        Fate::Failing { tries } => {
            let failed = match course.failures {
                0 => "the last issuance failed".to_owned(),
                failures => counted_failures(failures),
            };
            let left = match (course.present, tries) {
                (Some(present), Some(tries)) => {
                    let tries = usize::try_from(*tries).unwrap_or(usize::MAX);
                    format!("; {} before it ends {}", counted(tries, "try", "tries"), relative(present.ends, now))
                }
                (Some(_) | None, _) => "; there is no certificate yet".to_owned(),
            };
            format!("{failed}; {}{left}", next())
        }
        Fate::UnderWay | Fate::FirstIssue | Fate::Renews | Fate::Quiet => next(),
    }
}

fn counted_failures(failures: i64) -> String {
    if failures == 1 { "1 failure".to_owned() } else { format!("{failures} failures") }
}

/// What to type about it.
fn command(course: &Course) -> String {
    let verb = match &course.fate {
        Fate::EndsFirst { cause: Cause::Disabled | Cause::Windows | Cause::Unplanned, .. } => "renew",
        Fate::Ended
        | Fate::EndsFirst { cause: Cause::BackOff, .. }
        | Fate::CutShort { .. }
        | Fate::Failing { .. }
        | Fate::UnderWay
        | Fate::FirstIssue
        | Fate::Renews
        | Fate::Quiet => "diagnose",
    };
    format!("{PROGRAM} {verb} {}{}", course.object.name, course.object.namespace_flag())
}

fn storm_words(storm: &Storm) -> String {
    match &storm.domain {
        Some(domain) => {
            format!("{} of names under {}", counted(storm.renewals, "renewal", "renewals"), escape::line(domain))
        }
        None => counted(storm.renewals, "renewal", "renewals"),
    }
}

/// `Thu 2026-11-26`.
fn label(date: Date) -> String {
    date.strftime("%a %Y-%m-%d").to_string()
}

fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// Days put together by week, each under its Monday.
fn weeks(days: &[Day]) -> Vec<Day> {
    let mut weeks: Vec<Day> = Vec::new();
    for day in days {
        let back = i64::from(day.date.weekday().to_monday_zero_offset());
        let monday = day.date.checked_sub(back.days()).unwrap_or(day.date);
        match weeks.last_mut().filter(|week| week.date == monday) {
            Some(week) => {
                week.renewals += day.renewals;
                week.certificates.extend(day.certificates.iter().cloned());
            }
            None => weeks.push(Day { date: monday, ..day.clone() }),
        }
    }
    for week in &mut weeks {
        week.certificates.sort();
        week.certificates.dedup();
    }
    weeks
}

/// One sign for each renewal where all fit, else in proportion; never nothing for something.
fn bar(renewals: usize, most: usize, style: &Style) -> String {
    let length = if most <= BAR { renewals } else { (renewals * BAR).div_ceil(most) };
    (if style.unicode { "█" } else { "#" }).repeat(length)
}

fn table(forecast: &Forecast) -> Vec<Vec<String>> {
    let now = forecast.now;
    let none = || "<none>".to_owned();
    let headers = ["NAMESPACE", "NAME", "ISSUER", "EXPIRES", "NEXT", "RENEWALS", "LIFETIME", "FATE"];
    let row = |course: &Course| {
        let lifetime = match course.lifetime {
            Lifetime::Seen(lifetime) => human(lifetime),
            Lifetime::Expected(lifetime) => format!("{} expected", human(lifetime)),
        };
        vec![
            escape::cell(course.object.namespace.as_deref().unwrap_or_default()),
            escape::cell(&course.object.name),
            escape::cell(&course.issuer),
            course.present.map_or_else(none, |present| expiry(present.ends, now)),
            course.next.map_or_else(none, |next| if next <= now { "now".to_owned() } else { relative(next, now) }),
            format!("{}{}", course.renewals().count(), if course.is_endless { "+" } else { "" }),
            lifetime,
            course.fate.id().to_owned(),
        ]
    };
    std::iter::once(headers.map(str::to_owned).to_vec()).chain(forecast.courses.iter().map(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str, renewals: usize, names: &[&str]) -> Day {
        let object = |name: &&str| ObjRef::new(crate::objref::Kind::Certificate, Some("shop"), name);
        Day { date: text.parse().unwrap(), renewals, certificates: names.iter().map(object).collect() }
    }

    #[test]
    fn a_bar_has_a_sign_for_each_renewal_or_is_in_proportion() {
        let style = Style::PLAIN;
        let bar = |renewals, most| bar(renewals, most, &style).chars().count();
        assert_eq!((bar(1, 12), bar(12, 12), bar(20, 20)), (1, 12, 20));
        assert_eq!((bar(1, 1000), bar(500, 1000), bar(1000, 1000)), (1, 10, 20));
        let plain = Style { unicode: false, ..style };
        assert_eq!(super::bar(3, 3, &plain), "###");
    }

    #[test]
    fn days_come_together_under_their_monday() {
        let days = [
            day("2026-11-22", 1, &["a"]),
            day("2026-11-23", 2, &["b", "c"]),
            day("2026-11-29", 1, &["b"]),
            day("2026-11-30", 1, &["b"]),
        ];
        let expected = [day("2026-11-16", 1, &["a"]), day("2026-11-23", 3, &["b", "c"]), day("2026-11-30", 1, &["b"])];
        assert_eq!(weeks(&days), expected);
    }
}
