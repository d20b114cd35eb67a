//! When a certificate is due for renewal.
//!
//! Source: cert-manager's `pkg/util/pki/renewaltime.go`.

mod windows;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::api::GoDuration;
use crate::api::certificate::{CertificateSpec, CertificateStatus, RenewalPolicy, RenewalWindow};

use windows::Wanted;
pub use windows::WindowError;

/// What a Certificate's spec says about renewal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RenewalSpec {
    /// `spec.renewBefore`.
    pub renew_before: Option<SignedDuration>,
    /// `spec.renewBeforePercentage`: the share of the lifetime that remains.
    pub renew_before_percentage: Option<i32>,
}

/// How long before its end a certificate of this lifetime is renewed: `renewBefore` or the percentage where they
/// make sense, else a third.
pub fn renew_before(lifetime: SignedDuration, spec: RenewalSpec) -> SignedDuration {
    if let Some(before) = spec.renew_before.filter(|before| before.is_positive() && *before < lifetime) {
        return before;
    }
    match spec.renew_before_percentage {
        Some(percentage @ 1..=99) => share(lifetime, percentage),
        Some(_) | None => lifetime / 3,
    }
}

/// When a Certificate's leaf is renewed, and what is wrong with what its spec says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// `None` is never; with an error, that cert-manager knows no time at all.
    pub at: Option<Timestamp>,
    pub error: Option<RenewalError>,
}

/// Why no time for the renewal is found that is as the spec wants it, in cert-manager's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RenewalError {
    /// The webhook lets no such policy in.
    #[error("unsupported renewal policy: {0}")]
    Policy(String),
    #[error(transparent)]
    Window(#[from] WindowError),
}

/// When a Certificate's leaf is renewed. Where no window opens in its life, it is renewed when it would be without
/// windows, and that is an error all the same.
pub fn of_spec(not_before: Timestamp, not_after: Timestamp, spec: &CertificateSpec) -> Due {
    let renewal = RenewalSpec {
        renew_before: spec.renew_before.as_ref().and_then(GoDuration::parse),
        renew_before_percentage: spec.renew_before_percentage,
    };
    let at = renewal_time(not_before, not_after, renewal);
    let Some(renewal) = &spec.renewal else { return Due { at: Some(at), error: None } };
    match &renewal.policy {
        Some(RenewalPolicy::Disabled) => Due { at: None, error: None },
        Some(RenewalPolicy::RenewBefore) => within(Wanted { not_before, not_after, at }, &renewal.windows),
        policy @ (None | Some(RenewalPolicy::Unknown(_))) => {
            let word = policy.as_ref().map_or("", RenewalPolicy::as_str).to_owned();
            Due { at: None, error: Some(RenewalError::Policy(word)) }
        }
    }
}

fn within(wanted: Wanted, windows: &[RenewalWindow]) -> Due {
    match windows::apply(wanted, windows) {
        Ok(at) => Due { at: Some(at), error: None },
        Err(error) => {
            let at = matches!(error, WindowError::Never { .. }).then_some(wanted.at);
            Due { at, error: Some(error.into()) }
        }
    }
}

/// When the CA's own suggestion (RFC 9773) starts the renewal of a leaf, if there is one for it: at the start of the
/// suggested window, whatever `status.renewalTime` says. A window that starts before the leaf does is an older leaf's
/// (`CurrentCertificateNearingExpiry` in `internal/controller/certificates/policies`).
pub fn suggested(status: &CertificateStatus, not_before: Timestamp) -> Option<Timestamp> {
    let window = status.acme.as_ref()?.ari.as_ref()?.suggested_window.as_ref()?;
    window.start.as_ref().map(|start| start.0).filter(|start| *start > not_before)
}

/// When the certificate is renewed: whole seconds, as in the status.
pub fn renewal_time(not_before: Timestamp, not_after: Timestamp, spec: RenewalSpec) -> Timestamp {
    // Go cuts a span at its longest duration, 292 years: a certificate without an end has one that long.
    let lifetime = not_after.duration_since(not_before).min(SignedDuration::from_nanos(i64::MAX));
    let before = renew_before(lifetime, spec);
    let exact = not_after.saturating_sub(before).unwrap_or(Timestamp::MIN);
    Timestamp::from_second(exact.as_second().saturating_sub(i64::from(exact.subsec_nanosecond() < 0))).unwrap_or(exact)
}

/// Goes through floating point as Go does, so that the same second comes out.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "Go's own arithmetic")]
fn share(lifetime: SignedDuration, percentage: i32) -> SignedDuration {
    let nanos = lifetime.as_nanos() as f64 * f64::from(percentage) / 100.0;
    SignedDuration::from_nanos(nanos as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hours(hours: i64) -> SignedDuration {
        SignedDuration::from_hours(hours)
    }

    #[test]
    fn cert_managers_own_cases_are_met() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (lifetime, before, percentage, after) in [
            (hours(3), None, None, hours(2)),
            (hours(4380), None, None, hours(2920)),
            (hours(24), Some(hours(20)), None, hours(4)),
            (hours(730), Some(hours(706)), None, hours(24)),
            (hours(24), Some(hours(25)), None, hours(16)),
            (hours(730), None, Some(30), hours(511)),
            (hours(24) + SignedDuration::from_mins(3), Some(hours(24)), None, SignedDuration::from_mins(3)),
            (hours(24) - SignedDuration::from_secs(1), None, None, hours(16) - SignedDuration::from_secs(1)),
            (hours(3), None, Some(100), hours(2)),
            (hours(3), None, Some(0), hours(2)),
            (hours(3), Some(hours(-1)), Some(25), SignedDuration::from_mins(135)),
        ] {
            let spec = RenewalSpec { renew_before: before, renew_before_percentage: percentage };
            assert_eq!(renewal_time(start, start + lifetime, spec), start + after, "{lifetime:?} {spec:?}");
        }
    }

    #[test]
    fn a_long_lifetime_does_not_overflow() {
        let spec = RenewalSpec { renew_before_percentage: Some(99), ..RenewalSpec::default() };
        assert_eq!(renew_before(hours(24 * 365 * 10), spec).as_hours(), 86_724);
    }

    #[test]
    fn a_lifetime_beyond_gos_longest_duration_counts_as_that_long() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let end = start + hours(24 * 365 * 400);
        let third = SignedDuration::from_secs(3_074_457_346);
        assert_eq!(renewal_time(start, end, RenewalSpec::default()), end - third);
    }

    #[test]
    fn the_cas_suggestion_counts_if_it_is_about_this_leaf() {
        let json =
            r#"{"acme":{"ari":{"suggestedWindow":{"start":"2026-02-01T00:00:00Z","end":"2026-02-03T00:00:00Z"}}}}"#;
        let status: CertificateStatus = serde_json::from_str(json).unwrap();
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        assert_eq!(suggested(&status, at("2026-01-01T00:00:00Z")), Some(at("2026-02-01T00:00:00Z")));
        assert_eq!(suggested(&status, at("2026-02-01T00:00:00Z")), None);
        assert_eq!(suggested(&CertificateStatus::default(), at("2026-01-01T00:00:00Z")), None);
    }

    proptest! {
        #[test]
        fn renewal_never_comes_after_the_end(start in 0i64..4_000_000_000, life in 1i64..400_000_000, before: Option<i64>, percentage: Option<i32>) {
            let not_before = Timestamp::from_second(start).unwrap();
            let not_after = Timestamp::from_second(start + life).unwrap();
            let spec = RenewalSpec {
                renew_before: before.map(SignedDuration::from_secs),
                renew_before_percentage: percentage,
            };
            let due = renewal_time(not_before, not_after, spec);
            prop_assert!(not_before <= due && due < not_after);
        }
    }
}
