//! Renewal times and the schedules of renewal windows are those that cert-manager's own code gave: `tests/renewal`.

use jiff::{SignedDuration, Timestamp};
use kubectl_cert::api::RenewalPolicy;
use kubectl_cert::api::certificate::{CertificateSpec, Renewal, RenewalWindow};
use kubectl_cert::engine::cron::Schedule;
use kubectl_cert::engine::renewal;

/// The lines of a file of answers, each in its parts.
fn answers<const PARTS: usize>(text: &str) -> Vec<[&str; PARTS]> {
    let lines: Vec<_> = text.lines().map(|line| line.split('|').collect::<Vec<_>>().try_into().unwrap()).collect();
    assert!(lines.len() > 500);
    lines
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn schedules_come_up_when_those_of_the_real_one_do() {
    for [cron, zone, after, wanted] in answers(include_str!("../renewal/schedules.txt")) {
        let next = match Schedule::parse(cron, zone) {
            Ok(schedule) => schedule.next(time(after)).map_or("none".to_owned(), |next| next.to_string()),
            Err(error) => format!("failed to parse cron spec '{cron}': {error}"),
        };
        assert_eq!(next, wanted, "{cron} in {zone} after {after}");
    }
}

#[test]
fn renewals_are_due_when_those_of_the_real_one_are() {
    for [not_before, not_after, before, percentage, windows, wanted, error] in
        answers(include_str!("../renewal/renewals.txt"))
    {
        let windows = windows.split(';').map(|window| {
            let parts: Vec<_> = window.rsplitn(3, ',').collect();
            let [length, zone, cron] = parts.as_slice() else { panic!("{window}") };
            RenewalWindow {
                timezone: (*zone).to_owned(),
                window_duration: Some(serde_json::from_value((*length).into()).unwrap()),
                cron: (*cron).to_owned(),
            }
        });
        let renewal = Renewal { policy: Some(RenewalPolicy::RenewBefore), windows: windows.collect() };
        let spec = CertificateSpec {
            renew_before: (before != "-").then(|| serde_json::from_value(before.into()).unwrap()),
            renew_before_percentage: percentage.parse().ok(),
            renewal: Some(renewal),
            ..CertificateSpec::default()
        };
        let due = renewal::of_spec(time(not_before), time(not_after), &spec);
        let words = due.error.map(|error| error.to_string()).unwrap_or_default();
        // What cert-manager prints of the window behind this holds an address.
        let words = words.split(" in window {").next().unwrap();
        let at = due.at.map_or("none".to_owned(), |at| at.to_string());
        assert_eq!((at.as_str(), words), (wanted, error), "{not_before} {not_after} {spec:?}");
    }
}

/// A long life and many windows cost little: the last start is found by halving.
#[test]
fn a_life_of_centuries_is_no_trouble() {
    let windows = vec![RenewalWindow {
        cron: "0 0 29 2 *".into(),
        window_duration: serde_json::from_value("1h".into()).ok(),
        ..RenewalWindow::default()
    }];
    let spec = CertificateSpec {
        renewal: Some(Renewal { policy: Some(RenewalPolicy::RenewBefore), windows }),
        ..CertificateSpec::default()
    };
    let due = renewal::of_spec(time("2026-01-01T00:00:00Z"), time("9999-12-30T22:00:00Z"), &spec);
    assert!(due.at.is_some_and(|at| at > time("2026-01-01T00:00:00Z") + SignedDuration::from_hours(24 * 365)));
}
