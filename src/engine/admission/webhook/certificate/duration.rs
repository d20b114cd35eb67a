//! How long a certificate lasts and when it is renewed. Judged only if `duration` or `renewBefore` is given.

use jiff::SignedDuration;

use crate::api::GoDuration;
use crate::api::certificate::CertificateSpec;
use crate::duration::format_go;
use crate::engine::field::{FieldError, Path};

/// `DefaultCertificateDuration`.
const DEFAULT: SignedDuration = SignedDuration::from_hours(2160);
/// `MinimumCertificateDuration`.
const MIN: SignedDuration = SignedDuration::from_hours(1);
/// `MinimumRenewBefore`.
const MIN_BEFORE: SignedDuration = SignedDuration::from_mins(5);

/// Judges both, and the percentage beside them.
pub fn judge(spec: &CertificateSpec, at: &Path, errors: &mut Vec<FieldError>) {
    // Texts that are no durations were refused on reading.
    let parse = |duration: &Option<GoDuration>| duration.as_ref().and_then(GoDuration::parse);
    let (duration, before) = (parse(&spec.duration).unwrap_or(DEFAULT), parse(&spec.renew_before));
    let (at_before, at_percentage) = (at.child("renewBefore"), at.child("renewBeforePercentage"));
    let invalid = |at: &Path, value: SignedDuration, detail: String| {
        FieldError::invalid_json(at.clone(), &nanoseconds(value), detail)
    };
    if duration < MIN {
        let detail = format!("certificate duration must be greater than {}", format_go(MIN));
        errors.push(invalid(&at.child("duration"), duration, detail));
    }
    if let (Some(before), Some(percentage)) = (before, spec.renew_before_percentage) {
        let detail = "renewBefore and renewBeforePercentage are mutually exclusive and cannot both be set";
        errors.push(invalid(&at_before, before, detail.to_owned()));
        errors.push(FieldError::invalid_json(at_percentage.clone(), &percentage, detail));
    }
    if let Some(before) = before.filter(|before| *before < MIN_BEFORE) {
        let detail = format!("certificate renewBefore must be greater than {}", format_go(MIN_BEFORE));
        errors.push(invalid(&at_before, before, detail));
    }
    if let Some(before) = before.filter(|before| *before >= duration) {
        let (whole, part) = (format_go(duration), format_go(before));
        errors.push(invalid(
            &at_before,
            before,
            format!("certificate duration {whole} must be greater than renewBefore {part}"),
        ));
    }
    if let Some(percentage) = spec.renew_before_percentage {
        let before = remaining(duration, percentage);
        let must = "certificate renewBeforePercentage must result in a renewBefore";
        if before < nanoseconds(MIN_BEFORE) {
            let detail = format!("{must} greater than {}", format_go(MIN_BEFORE));
            errors.push(FieldError::invalid_json(at_percentage.clone(), &percentage, detail));
        }
        if before >= nanoseconds(duration) {
            errors.push(FieldError::invalid_json(at_percentage, &percentage, format!("{must} less than duration")));
        }
    }
}

/// What the webhook takes for the time before the end: the rest of the percentage, the other way round than the
/// controllers. It reckons with floats, and what does not fit is the least of all numbers, as on amd64.
fn remaining(duration: SignedDuration, percentage: i32) -> i64 {
    #[expect(clippy::cast_precision_loss, reason = "Go loses it too")]
    let float = nanoseconds(duration) as f64 * f64::from(100_i32.wrapping_sub(percentage)) / 100.0;
    #[expect(clippy::cast_possible_truncation, reason = "within the range of an i64")]
    let whole = float as i64;
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&float) { whole } else { i64::MIN }
}

/// As Go holds a duration. All that Go can read fits.
fn nanoseconds(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(if duration.is_negative() { i64::MIN } else { i64::MAX })
}
