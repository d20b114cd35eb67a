//! A dry run for people: how it ends, what happened, and what is wrong at the end.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::style::Tint;
use super::text::{self, Detail};
use super::{Style, escape, prose, tree};
use crate::dryrun::telling::Tone;
use crate::dryrun::timeline::{Entry, Timeline};
use crate::dryrun::{Ended, Over};
use crate::duration::human;
use crate::engine::outside::Outside;
use crate::engine::shim::Refusal;
use crate::manifest::Note;
use crate::objref::{Kind, ObjRef};
use crate::report::Report;
use crate::report::tree::Tree;

/// More Certificates than these are told by their number; of their timeline and trees only the failing ones' is shown.
const FEW: usize = 10;
/// More Certificates than these, and only the trees of the failing ones are shown.
const FEW_TREES: usize = 3;
/// A pause as long as this begins a new part of the timeline.
const PAUSE: SignedDuration = SignedDuration::from_mins(30);
/// How many failing objects the first line names.
const NAMED: usize = 3;

/// All that there is to show.
pub struct Shown<'s> {
    pub start: Timestamp,
    pub over: Over,
    /// The last moment that was to be played.
    pub until: Timestamp,
    pub timeline: &'s Timeline,
    /// Every Certificate, sorted.
    pub fates: Vec<Fate>,
    pub report: Report,
    /// Of the Certificates that [`worth_a_tree`] chooses, in the same order.
    pub trees: Vec<Tree>,
    /// About the manifests.
    pub notes: &'s [Note],
    /// What is asked for and not made.
    pub refusals: Vec<&'s (ObjRef, Refusal)>,
    /// What the play takes for granted or leaves out.
    pub left: Vec<(&'s ObjRef, &'s Outside)>,
}

/// What becomes of a Certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    pub certificate: ObjRef,
    pub outcome: Outcome,
    /// The first finding about it.
    pub rule: Option<&'static str>,
}

/// How it is at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ready,
    NotReady,
    /// The old certificate is there still, and a new one does not come.
    NotRenewed,
    /// It cannot be played to its end, for this reason.
    Unknown(String),
}

/// The whole answer.
pub fn text(shown: &Shown, style: &Style) -> String {
    let mut out = String::new();
    prose::hang(&mut out, "", &answer(shown), 0, 2, style.width);
    let notes = notes(shown);
    if !notes.is_empty() {
        out.push('\n');
    }
    for note in notes {
        prose::hang(&mut out, "", &escape::line(&note), 0, 2, style.width);
    }
    timeline(&mut out, shown, style);
    end(&mut out, shown, style);
    out
}

/// The first line.
fn answer(shown: &Shown) -> String {
    let total = shown.fates.len();
    let of = |wanted: fn(&Outcome) -> bool| shown.fates.iter().filter(|fate| wanted(&fate.outcome)).collect::<Vec<_>>();
    let ready = of(|outcome| *outcome == Outcome::Ready);
    let mut parts = Vec::new();
    let refused = shown.notes.iter().filter(|note| note.said.is_refusal()).count();
    if refused > 0 {
        parts.push(format!("{} refused", counted(refused, "manifest is", "manifests are")));
    }
    for (object, _) in shown.refusals.iter().take(NAMED) {
        parts.push(format!("{object} does not get what it asks for"));
    }
    let failing = [
        (of(|outcome| *outcome == Outcome::NotReady), "does not become ready", "do not become ready"),
        (of(|outcome| *outcome == Outcome::NotRenewed), "is not renewed", "are not renewed"),
        (
            of(|outcome| matches!(outcome, Outcome::Unknown(_))),
            "cannot be played to the end",
            "cannot be played to the end",
        ),
    ];
    for (fates, one, many) in failing {
        if let Some(words) = failing_words(&fates, total, one, many) {
            parts.push(words);
        }
    }
    if !ready.is_empty() && ready.len() == total {
        let subject = match total {
            1 => "the certificate is".to_owned(),
            2 => "both certificates are".to_owned(),
            _ => format!("all {total} certificates are"),
        };
        parts.push(format!("{subject} ready{}", when(shown)));
    } else if total == 0 && parts.is_empty() {
        parts.push("there is no Certificate, and none comes of what is there".to_owned());
    }
    let renewals = renewals(shown);
    if renewals > 0 {
        parts.push(format!("{} until {}", counted(renewals, "renewal", "renewals"), shown.until));
    }
    if shown.over.ended == Ended::TooManySteps {
        parts.push(format!("the run was stopped after {} steps, at {}", shown.over.steps, shown.over.last));
    }
    parts.join("; ")
}

fn failing_words(fates: &[&Fate], total: usize, one: &str, many: &str) -> Option<String> {
    if fates.is_empty() {
        return None;
    }
    let names: Vec<_> = fates
        .iter()
        .take(NAMED)
        .map(|fate| match fate.rule {
            Some(rule) => format!("{} ({rule})", fate.certificate),
            None => fate.certificate.to_string(),
        })
        .collect();
    let more = fates.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let names = escape::line(&names.join(", "));
    Some(if total == 1 {
        format!("{names} {one}")
    } else {
        let verb = if fates.len() == 1 { one } else { many };
        format!("{} of {total} certificates {verb}: {names}{rest}", fates.len())
    })
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// When the last Certificate became ready for the first time.
fn when(shown: &Shown) -> String {
    let times = times_ready(shown);
    let first = |fate: &Fate| times.get(&fate.certificate).map(|(first, _)| *first);
    let last = shown.fates.iter().filter_map(first).max();
    last.map_or(String::new(), |last| format!(" after {}", human(last.duration_since(shown.start))))
}

fn is_ready(entry: &Entry) -> bool {
    entry.object.kind == Kind::Certificate && entry.tone == Tone::Good
}

/// How often a Certificate that was ready became so again.
fn renewals(shown: &Shown) -> usize {
    let times = times_ready(shown);
    let again = |fate: &Fate| times.get(&fate.certificate).map_or(0, |(_, count)| count - 1);
    shown.fates.iter().map(again).sum()
}

/// When each Certificate became ready first, and how often in all.
fn times_ready<'s>(shown: &Shown<'s>) -> BTreeMap<&'s ObjRef, (Timestamp, usize)> {
    let mut times = BTreeMap::new();
    for entry in shown.timeline.entries.iter().filter(|entry| is_ready(entry)) {
        times.entry(&entry.object).or_insert((entry.at, 0)).1 += 1;
    }
    times
}

/// What is to be said of the manifests, and of what cannot be played.
pub fn notes(shown: &Shown) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    for note in shown.notes {
        let lead = if note.said.is_refusal() { "Refused" } else { "Note" };
        notes.push(format!("{lead}: {note}"));
    }
    for (object, refusal) in &shown.refusals {
        notes.push(format!("Not made: {object}: {refusal}"));
    }
    for (object, outside) in &shown.left {
        notes.push(format!("Note: {object}: {outside}"));
    }
    for fate in &shown.fates {
        if let Outcome::Unknown(why) = &fate.outcome {
            notes.push(format!("Not played: {}: {why}", fate.certificate));
        }
    }
    notes
}

fn timeline<'s>(out: &mut String, shown: &Shown<'s>, style: &Style) {
    let entries: Vec<&'s Entry> = if shown.fates.len() > FEW {
        let failing: Vec<_> = failing(&shown.fates).take(FEW).collect();
        shown.timeline.entries.iter().filter(|entry| failing.contains(&&entry.root)).collect()
    } else {
        shown.timeline.entries.iter().collect()
    };
    if shown.fates.len() > FEW {
        let words = format!(
            "The timeline is that of at most {FEW} certificates that do not become ready; -o trace has every step."
        );
        out.push('\n');
        prose::wrap(out, &words, 0, style.width);
    }
    let mut part: Option<(Timestamp, Timestamp)> = None;
    let mut told = Told::default();
    let mut index = 0;
    while index < entries.len() {
        let entry = entries[index];
        let (begin, last) = part.unwrap_or((entry.at, entry.at));
        let is_new = part.is_none() || entry.at.duration_since(last) >= PAUSE;
        let begin = if is_new { entry.at } else { begin };
        if is_new {
            out.push('\n');
            let since = entry.at.duration_since(shown.start);
            let words = if since.is_zero() { String::new() } else { format!(", after {}", long(since)) };
            out.push_str(&format!("{}{words}\n", style.tint(Tint::Strong, &entry.at.to_string())));
        }
        // What happens to one object at one time is one paragraph.
        let same = |other: &&Entry| other.at == entry.at && other.object == entry.object;
        let end = index + entries[index..].iter().take_while(|other| same(other)).count();
        let is_first = is_new || entry.at != last;
        paragraph(out, &entries[index..end], (begin, is_first), &mut told, style);
        part = Some((begin, entry.at));
        index = end;
    }
}

/// The reasons that were given, so that a long one is given once.
#[derive(Default)]
struct Told<'s> {
    whys: Vec<(&'s ObjRef, Timestamp, &'s str)>,
}

impl<'s> Told<'s> {
    /// Shorter ones may be given again.
    const LONG: usize = 40;

    /// The reason of an entry, without what was said before.
    fn why(&mut self, entry: &'s Entry) -> String {
        let why = entry.why.as_str();
        if why.len() < Self::LONG {
            return why.to_owned();
        }
        let of_root = self.whys.iter().filter(|(root, ..)| *root == &entry.root);
        let is_old = of_root.clone().any(|(_, at, told)| *told == why && *at != entry.at);
        let part = of_root.filter(|(_, at, told)| *at == entry.at && *told != why && why.contains(told));
        let part = part.max_by_key(|(_, _, told)| told.len()).map(|(_, _, told)| *told);
        self.whys.push((&entry.root, entry.at, why));
        match part {
            _ if is_old => "as before".to_owned(),
            Some(part) => why.replace(part, "…"),
            None => why.to_owned(),
        }
    }
}

fn paragraph<'s>(
    out: &mut String,
    entries: &[&'s Entry],
    (begin, is_first): (Timestamp, bool),
    told: &mut Told<'s>,
    style: &Style,
) {
    /// Behind the time and the mark.
    const INDENT: usize = 11;
    let Some(first) = entries.first() else { return };
    let tone = entries.iter().map(|entry| entry.tone).max().unwrap_or(Tone::Plain);
    let time = if is_first { format!("+{}", long(first.at.duration_since(begin))) } else { String::new() };
    let mark = mark(tone, style);
    let words: Vec<_> = entries.iter().map(|entry| words(entry, &told.why(entry))).collect();
    let text = format!("{}: {}", first.object, words.join("; "));
    let mut lines = String::new();
    prose::hang(&mut lines, &format!("  {time:<7}{mark} "), &escape::line(&text), 0, INDENT, style.width);
    out.push_str(&lines.replacen(mark, &style.tint(tint(tone), mark), 1));
}

fn words(entry: &Entry, why: &str) -> String {
    let mut words = entry.what.clone();
    if !why.is_empty() {
        words = format!("{words}: {why}");
    }
    if entry.count > 1 {
        words = format!("{words} ({} times until {})", entry.count, entry.last);
    }
    words
}

fn mark(tone: Tone, style: &Style) -> &'static str {
    match (tone, style.unicode) {
        (Tone::Plain, _) => " ",
        (Tone::Good, true) => "√",
        (Tone::Wait, true) => "…",
        (Tone::Bad, true) => "×",
        (Tone::Good, false) => "+",
        (Tone::Wait, false) => ".",
        (Tone::Bad, false) => "!",
    }
}

fn tint(tone: Tone) -> Tint {
    match tone {
        Tone::Plain => Tint::Faint,
        Tone::Good => Tint::Good,
        Tone::Wait => Tint::Busy,
        Tone::Bad => Tint::Bad,
    }
}

/// `59d23h`, `1m24s`: the two largest units.
fn long(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    let units = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let first = units.iter().position(|(count, _)| *count > 0).unwrap_or(units.len() - 1);
    let shown = units[first..].iter().take(2).filter(|(count, _)| *count > 0);
    let words = shown.map(|(count, unit)| format!("{count}{unit}")).collect::<Vec<_>>().concat();
    if words.is_empty() { "0s".to_owned() } else { words }
}

/// The Certificates whose chain is shown: all of a few, else those of the first that do not become ready.
pub fn worth_a_tree(fates: &[Fate]) -> impl Iterator<Item = &Fate> {
    let is_few = fates.len() <= FEW_TREES;
    fates.iter().filter(move |fate| is_few || fate.outcome != Outcome::Ready).take(FEW)
}

fn failing(fates: &[Fate]) -> impl Iterator<Item = &ObjRef> {
    fates.iter().filter(|fate| fate.outcome != Outcome::Ready).map(|fate| &fate.certificate)
}

/// The end: what the rules say of it, and the chains.
fn end(out: &mut String, shown: &Shown, style: &Style) {
    if shown.report.targets.is_empty() {
        return;
    }
    let at = shown.report.now;
    let words = match shown.over.ended {
        Ended::AtRest => format!("At the end, {at}, nothing more will happen:"),
        Ended::TimeUp { next } => format!("At {at}; the next thing happens at {next}:"),
        Ended::TooManySteps | Ended::Interrupted => format!("At {at}, where the run was stopped:"),
        Ended::Ahead { next } => {
            format!("At {at}; the next thing happens at {next}, and a real CA is not asked ahead of time:")
        }
    };
    out.push('\n');
    prose::hang(out, "", &words, 0, 2, style.width);
    out.push('\n');
    out.push_str(&text::report(&shown.report, Detail::Normal, style));
    for tree in &shown.trees {
        out.push('\n');
        out.push_str(&tree::text(tree, style));
    }
}
