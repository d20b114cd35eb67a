//! Renewal policy and windows.

use crate::api::RenewalPolicy;
use crate::api::certificate::{Renewal, RenewalWindow};
use crate::engine::cron::{self, Schedule};
use crate::engine::field::{FieldError, Path};
use crate::engine::golang;

/// The errors of `spec.renewal`.
pub fn judge(renewal: &Renewal, at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let windows = at.child("windows");
    match &renewal.policy {
        Some(RenewalPolicy::RenewBefore) => {}
        Some(RenewalPolicy::Disabled) => {
            if !renewal.windows.is_empty() {
                let detail = "windows cannot be set when `renewal.policy` is set to Disabled";
                errors.push(FieldError::forbidden(windows, detail));
            }
            return errors;
        }
        None | Some(RenewalPolicy::Unknown(_)) => {
            let given = golang::json(&renewal.policy.as_ref().map_or("", RenewalPolicy::as_str));
            errors.push(FieldError::unsupported(at.child("policy"), given, ["Disabled", "RenewBefore"]));
        }
    }
    for (index, one) in renewal.windows.iter().enumerate() {
        window(one, &windows.index(index), &mut errors);
    }
    errors
}

fn window(window: &RenewalWindow, at: &Path, errors: &mut Vec<FieldError>) {
    if window.window_duration.is_none() {
        let detail = "windowDuration must be specified and should be greater than 0";
        errors.push(FieldError::required(at.child("windowDuration"), detail));
    }
    if cron::zone(&window.timezone).is_err() {
        let detail = "invalid value for timezone. timezone must be IANA compliant";
        errors.push(FieldError::invalid(at.child("timezone"), &window.timezone, detail));
    }
    if let Err(error) = Schedule::parse(&window.cron, &window.timezone) {
        let detail = format!(
            "invalid cron syntax: failed to parse cron spec '{}': {error}. cron needs to follow: cron.Minute | cron.Hour | \
             cron.Dom | cron.Month | cron.Dow",
            window.cron
        );
        errors.push(FieldError::invalid(at.child("cron"), &window.cron, detail));
    }
}
