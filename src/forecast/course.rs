//! One certificate's course: the certificate in use, the issuances to come, and how that ends.

use jiff::{SignedDuration, Timestamp};

use super::lifetime;
use crate::api::{Certificate, Object, RenewalPolicy};
use crate::chain::{IssuerView, attempt};
use crate::engine::Stage;
use crate::engine::backoff::first_attempt_from;
use crate::engine::renewal;
use crate::facts::Facts;
use crate::horizon;
use crate::objref::ObjRef;
use crate::planned::Change;
use crate::report::row::{issuer_words, names};

/// Issuances of one certificate that are played ahead at most. A certificate that renews every hour makes 2160 in 90
/// days.
const MOST: usize = 10_000;

/// Clocks of issuer and controller may differ, and public CAs date back by an hour: more than this is no dating back.
const MOST_DATED_BACK: SignedDuration = SignedDuration::from_hours(2);

/// What is to come for one Certificate.
#[derive(Clone, Debug)]
pub struct Course {
    pub object: ObjRef,
    /// `clusterissuer/NAME` and the like.
    pub issuer: String,
    /// All names, the common name first if it is not among the others.
    pub names: Vec<String>,
    /// What manifests make of it; `None` where it is in no manifest.
    pub change: Option<Change>,
    /// The certificate in use.
    pub present: Option<Period>,
    /// The issuances until the end of the range, in order.
    pub to_come: Vec<Period>,
    /// Whether there would be more than those.
    pub is_endless: bool,
    /// When the next issuance is due, also beyond the range; `None` if none is planned.
    pub next: Option<Timestamp>,
    pub lifetime: Lifetime,
    /// Issuances that have failed in a row.
    pub failures: i64,
    /// Attempts left before the certificate in use ends, if each of them fails.
    pub tries: Option<u32>,
    /// The CA above the first certificate that outlives it, and when it ends.
    pub cut: Option<(Timestamp, String)>,
    pub fate: Fate,
    /// Whether the issuer is an ACME server.
    pub is_acme: bool,
    /// Why the one in use ends before the next issuance, if it does.
    cause: Cause,
    /// The same for those to come.
    later: Cause,
    work: Work,
}

/// What cert-manager is about with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Nothing,
    Issuing,
    /// The last issuance failed.
    Failed,
}

/// A certificate in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// When it is issued.
    pub issued: Timestamp,
    pub ends: Timestamp,
}

/// How long its certificates live, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// As the one in use.
    Seen(SignedDuration),
    /// No certificate is there: by its spec and what is known of the issuer.
    Expected(SignedDuration),
}

/// How the certificate in use comes to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has ended.
    Ended,
    /// It ends within the range, and no issuance comes before that.
    EndsFirst { at: Timestamp, cause: Cause },
    /// A CA above it ends first, before the next issuance.
    CutShort { at: Timestamp, authority: String },
    /// The last issuance failed, and there is time for so many more.
    Failing { tries: Option<u32> },
    /// A new one is being issued.
    UnderWay,
    /// There is none yet, and the first one is to be issued.
    FirstIssue,
    /// It renews within the range.
    Renews,
    /// Nothing happens to it within the range.
    Quiet,
}

/// Why no issuance comes in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// `spec.renewal.policy` is Disabled.
    Disabled,
    /// After failures the next attempt comes too late.
    BackOff,
    /// No renewal window opens in time.
    Windows,
    /// cert-manager has set no time.
    Unplanned,
}

impl Fate {
    /// From urgent to quiet.
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Ended => 0,
            Self::EndsFirst { .. } | Self::CutShort { .. } => 1,
            Self::Failing { .. } => 2,
            Self::UnderWay => 3,
            Self::FirstIssue | Self::Renews => 4,
            Self::Quiet => 5,
        }
    }

    /// Whether somebody is without a good certificate if nothing is done.
    pub const fn is_bad(&self) -> bool {
        match self {
            Self::Ended | Self::EndsFirst { .. } | Self::CutShort { .. } => true,
            Self::Failing { .. } | Self::UnderWay | Self::FirstIssue | Self::Renews | Self::Quiet => false,
        }
    }

    /// The word for it in every output, for ever.
    pub const fn id(&self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::EndsFirst { .. } => "ends-first",
            Self::CutShort { .. } => "cut-short",
            Self::Failing { .. } => "failing",
            Self::UnderWay => "under-way",
            Self::FirstIssue => "first-issue",
            Self::Renews => "renews",
            Self::Quiet => "quiet",
        }
    }
}

impl Cause {
    /// The word for it in every output, for ever.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Disabled => "renewal-disabled",
            Self::BackOff => "back-off",
            Self::Windows => "renewal-windows",
            Self::Unplanned => "no-renewal-time",
        }
    }
}

impl Course {
    /// The course of the Certificate at the root of `facts`, but for CAs above it and its fate; `None` if there is none.
    pub(super) fn of(facts: &Facts, change: Option<Change>, until: Timestamp) -> Option<Self> {
        let certificate = *facts.chain.certificate.seen()?;
        let spec = &certificate.spec;
        let issuer = facts.issuer().ok();
        let present = present(facts).filter(|_| change != Some(Change::New));
        let given = present.map(|leaf| leaf.ends.duration_since(leaf.not_before));
        let expected = |at: Timestamp| lifetime::expected(spec, issuer, given, at);
        let (next, cause) = next(facts, certificate, present, change);
        let dated_back = present.map_or(SignedDuration::ZERO, |leaf| dated_back(facts, leaf));
        let issue = |at: Timestamp| {
            let begins = at.saturating_sub(dated_back).unwrap_or(at);
            let ends = begins.saturating_add(expected(at)).unwrap_or(horizon::LAST);
            // Where no window opens cert-manager renews without regard to them.
            let due = renewal::of_spec(begins, ends, spec).at;
            (Period { issued: at, ends }, due)
        };
        let (to_come, is_endless) = ahead(next, until, issue);
        let attempt = attempt(&facts.chain, &facts.stage, facts.now, &facts.back_off);
        let failures = attempt.map_or(0, |attempt| attempt.failures);
        let tries = attempt
            .zip(present)
            .map(|(attempt, leaf)| first_attempt_from(leaf.ends, attempt.at, attempt.failures, &facts.back_off).0);
        let work = match (failures > 0 || facts.has_failed(), facts.is_issuing()) {
            (true, _) => Work::Failed,
            (false, true) => Work::Issuing,
            (false, false) => Work::Nothing,
        };
        Some(Self {
            object: certificate.objref(),
            issuer: issuer_words(&spec.issuer_ref),
            names: names(certificate),
            change,
            present: present.map(|leaf| Period { issued: leaf.not_before, ends: leaf.ends }),
            to_come,
            is_endless,
            next,
            lifetime: given.map_or_else(|| Lifetime::Expected(expected(facts.now)), Lifetime::Seen),
            failures,
            tries,
            cut: None,
            fate: Fate::Quiet,
            is_acme: is_acme(issuer),
            cause,
            later: later(certificate),
            work,
        })
    }

    /// Settles its fate, once the CAs above it are known.
    pub(super) fn judge(&mut self, now: Timestamp, until: Timestamp) {
        let gap = self.gap(until);
        self.fate = match (self.present, gap, &self.cut) {
            (Some(leaf), _, _) if leaf.ends <= now => Fate::Ended,
            (_, Some((at, cause)), cut) if cut.as_ref().is_none_or(|(cut, _)| at <= *cut) => {
                Fate::EndsFirst { at, cause }
            }
            (_, _, Some((at, authority))) => Fate::CutShort { at: *at, authority: authority.clone() },
            (_, Some((at, cause)), None) => Fate::EndsFirst { at, cause },
            (_, None, None) if self.work == Work::Failed => Fate::Failing { tries: self.tries },
            (_, None, None) if self.work == Work::Issuing => Fate::UnderWay,
            (present, None, None) if self.next.is_some_and(|next| next <= until) => {
                if present.is_some() {
                    Fate::Renews
                } else {
                    Fate::FirstIssue
                }
            }
            (_, None, None) => Fate::Quiet,
        };
    }

    /// The first certificate within the range that ends before the next one is issued, and why.
    fn gap(&self, until: Timestamp) -> Option<(Timestamp, Cause)> {
        let present = self.present.map(|present| (present, self.next, self.cause));
        let replaced = self.to_come.iter().skip(1).map(|next| Some(next.issued));
        // What comes after the last one lies beyond the range, unless there are too many.
        let beyond = self.is_endless.then_some(Timestamp::MIN);
        let to_come = self.to_come.iter().zip(replaced.chain([beyond]));
        let later = to_come.map(|(period, replaced)| (*period, replaced, self.later));
        let mut all = present.into_iter().chain(later);
        let gap = |(period, replaced, _): &(Period, Option<Timestamp>, Cause)| {
            period.ends <= until && replaced.is_none_or(|replaced| replaced > period.ends)
        };
        all.find(gap).map(|(period, _, cause)| (period.ends, cause))
    }

    /// The renewals within the range: all issuances but a first one.
    pub fn renewals(&self) -> impl Iterator<Item = &Period> {
        self.to_come.iter().skip(usize::from(self.present.is_none()))
    }

    /// The moment that its fate is about.
    pub fn moment(&self) -> Option<Timestamp> {
        match &self.fate {
            Fate::Ended => self.present.map(|leaf| leaf.ends),
            Fate::EndsFirst { at, .. } | Fate::CutShort { at, .. } => Some(*at),
            Fate::Failing { .. } | Fate::UnderWay | Fate::FirstIssue | Fate::Renews | Fate::Quiet => self.next,
        }
    }
}

/// The leaf in use.
#[derive(Clone, Copy)]
struct Leaf {
    not_before: Timestamp,
    ends: Timestamp,
}

/// The certificate in use: as stored, else as it was issued, else by the Certificate's status.
fn present(facts: &Facts) -> Option<Leaf> {
    let decoded = facts.stored().ok().or_else(|| facts.answered()).map(crate::x509::Bundle::leaf);
    if let Some(leaf) = decoded {
        return Some(Leaf { not_before: leaf.not_before, ends: leaf.not_after });
    }
    let status = &facts.chain.certificate.seen()?.status;
    Some(Leaf { not_before: status.not_before.as_ref()?.0, ends: status.not_after.as_ref()?.0 })
}

/// When the next issuance starts, and why it does not where it does not in time.
fn next(
    facts: &Facts,
    certificate: &Certificate,
    present: Option<Leaf>,
    change: Option<Change>,
) -> (Option<Timestamp>, Cause) {
    if matches!(change, Some(Change::New | Change::Reissued)) {
        return (Some(facts.now), Cause::Unplanned);
    }
    let later = later(certificate);
    let is_disabled = later == Cause::Disabled;
    let cause = match &facts.stage {
        _ if is_disabled => Cause::Disabled,
        Stage::BackOff { .. } | Stage::Denied | Stage::RequestFailed | Stage::OrderFailed | Stage::ChallengeFailed => {
            Cause::BackOff
        }
        Stage::Settled { .. }
        | Stage::Trigger
        | Stage::Key
        | Stage::Request
        | Stage::Approval
        | Stage::Issuer
        | Stage::Order
        | Stage::Authorizations
        | Stage::ChallengeQueued
        | Stage::ChallengeScheduled
        | Stage::ChallengePresented
        | Stage::ChallengeSelfCheck
        | Stage::ChallengeAccepted
        | Stage::Finalize
        | Stage::Issued
        | Stage::Stored => later,
    };
    let next = match facts.stage {
        Stage::Settled { renewal: Some(planned) } => {
            let suggested = present.and_then(|leaf| renewal::suggested(&certificate.status, leaf.not_before));
            Some(suggested.unwrap_or(planned).max(facts.now))
        }
        Stage::Settled { renewal: None } if is_disabled => None,
        // The status does not say; where the certificate is known the time follows.
        Stage::Settled { renewal: None } => {
            let due = present.and_then(|leaf| renewal::of_spec(leaf.not_before, leaf.ends, &certificate.spec).at);
            due.map(|due| due.max(facts.now))
        }
        Stage::Trigger if is_disabled && present.is_some_and(|leaf| leaf.ends <= facts.now) => None,
        Stage::Trigger
        | Stage::BackOff { .. }
        | Stage::Denied
        | Stage::RequestFailed
        | Stage::OrderFailed
        | Stage::ChallengeFailed => {
            attempt(&facts.chain, &facts.stage, facts.now, &facts.back_off).map(|attempt| attempt.at.max(facts.now))
        }
        Stage::Key
        | Stage::Request
        | Stage::Approval
        | Stage::Issuer
        | Stage::Order
        | Stage::Authorizations
        | Stage::ChallengeQueued
        | Stage::ChallengeScheduled
        | Stage::ChallengePresented
        | Stage::ChallengeSelfCheck
        | Stage::ChallengeAccepted
        | Stage::Finalize
        | Stage::Issued
        | Stage::Stored => Some(facts.now),
    };
    (next.filter(|next| !horizon::is_never(*next)), cause)
}

/// Why a certificate that works otherwise ends before the next one comes.
fn later(certificate: &Certificate) -> Cause {
    match &certificate.spec.renewal {
        Some(renewal) if renewal.policy == Some(RenewalPolicy::Disabled) => Cause::Disabled,
        Some(renewal) if !renewal.windows.is_empty() => Cause::Windows,
        Some(_) | None => Cause::Unplanned,
    }
}

/// The issuances from `next` on, each at its due time.
fn ahead(
    next: Option<Timestamp>,
    until: Timestamp,
    issue: impl Fn(Timestamp) -> (Period, Option<Timestamp>),
) -> (Vec<Period>, bool) {
    let mut periods = Vec::new();
    let mut due = next;
    while let Some(at) = due.filter(|at| *at <= until) {
        if periods.len() == MOST {
            return (periods, true);
        }
        let (period, then) = issue(at);
        periods.push(period);
        // A due time in the past means at once, and at once is never the same moment.
        let after = at.saturating_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX);
        due = then.map(|then| then.max(after));
    }
    (periods, false)
}

/// How far the issuer dates certificates back: from the beginning of the one in use to the moment it was issued.
fn dated_back(facts: &Facts, leaf: Leaf) -> SignedDuration {
    let request = facts.chain.current().map(|node| node.request);
    let ready = request.and_then(|request| request.condition(crate::api::RequestConditionType::Ready));
    let issued = ready.and_then(crate::api::Condition::since);
    let back = issued.map(|issued| issued.duration_since(leaf.not_before)).filter(SignedDuration::is_positive);
    back.filter(|back| *back <= MOST_DATED_BACK).unwrap_or(SignedDuration::ZERO)
}

fn is_acme(issuer: Option<&IssuerView>) -> bool {
    match issuer {
        Some(IssuerView::Builtin { spec, .. }) => spec.acme.is_some(),
        Some(IssuerView::External(_)) | None => false,
    }
}
