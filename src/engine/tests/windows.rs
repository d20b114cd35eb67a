//! Renewals in windows, and without one that fits.

use super::*;

fn windowed(cron: &str) -> Engine {
    let text = SELF_SIGNED.replace(
        "  isCA: true\n",
        &format!("  isCA: true\n  duration: 24h\n  renewal:\n    policy: RenewBefore\n    windows:\n    - {{cron: '{cron}', timezone: Europe/Berlin, windowDuration: 1h}}\n"),
    );
    let mut engine = engine(&text);
    run(&mut engine, start());
    engine
}

#[test]
fn a_renewal_waits_for_its_window() {
    // Without windows it would be at 16:00Z; the window opens at 20:00 in Berlin.
    let mut engine = windowed("0 20 * * *");
    let root = certificate(&mut engine, "root");
    let due: Timestamp = "2026-03-01T19:00:00Z".parse().unwrap();
    assert_eq!(root.status.renewal_time.as_ref().unwrap().0, due);
    assert!(root.is(CertificateConditionType::Ready));
    run(&mut engine, due - SignedDuration::from_secs(1));
    assert_eq!(certificate(&mut engine, "root").status.revision, Some(1));
    run(&mut engine, due);
    assert_eq!(certificate(&mut engine, "root").status.revision, Some(2));
}

#[test]
fn without_a_window_that_fits_it_is_renewed_all_the_same_and_not_ready() {
    let mut engine = windowed("0 20 24 12 *");
    let root = certificate(&mut engine, "root");
    let due: Timestamp = "2026-03-01T16:00:00Z".parse().unwrap();
    assert_eq!(root.status.renewal_time.as_ref().unwrap().0, due);
    let ready = root.condition(CertificateConditionType::Ready).unwrap();
    assert_eq!(
        ready.message,
        "Could not calculate renewal time: cannot find a time with the given windows between 2026-03-01 00:00:00 +0000 UTC \
         and 2026-03-02 00:00:00 +0000 UTC for: 2026-03-01 16:00:00 +0000 UTC"
    );
    assert!(reasons(&engine, Kind::Certificate, "root").contains(&"WindowError".to_owned()));
    run(&mut engine, due);
    assert_eq!(certificate(&mut engine, "root").status.revision, Some(2));
    let object = ObjRef::new(Kind::Certificate, Some("shop"), "root");
    let told: Vec<_> = engine.events().about(&object).map(|event| event.message.clone()).collect();
    assert!(
        told.contains(
            &"Renewing certificate without satisfying renewal windows at: 2026-03-01 16:00:00 +0000 UTC".to_owned()
        ),
        "{told:?}"
    );
}
