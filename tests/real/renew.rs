//! `renew` on the real controllers: what it starts, what it leaves alone, how it waits.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::lab::{Lab, Place, certificate_yaml, text_at, wait_for};

/// A namespace with certificates of the lab's CA, all issued.
fn issued<'l>(lab: &'l Lab, namespace: &str, names: &[&str]) -> Place<'l> {
    let place = lab.place(namespace);
    for name in names {
        place.certificate(name, &format!("{name}.{namespace}.example.com"), "lab-ca");
    }
    for name in names {
        place.until(name, "Ready", "True");
    }
    place
}

fn revision(place: &Place, name: &str) -> i64 {
    place.object("certificate", name).pointer("/status/revision").and_then(Value::as_i64).unwrap_or(0)
}

fn until_revision(place: &Place, name: &str, wanted: i64) {
    wait_for(&format!("revision {wanted} of {name}"), Duration::from_secs(30), || {
        (revision(place, name) == wanted).then_some(())
    });
}

#[test]
fn names_labels_and_all_choose_what_is_renewed() {
    let place = issued(Lab::shared(), "renew-choose", &["one", "two", "three"]);
    place.kubectl(&["label", "certificate", "two", "team=shop"]);
    place.cert(&["renew", "one"]).expect_code(0).says("certificate.cert-manager.io/one renewed");
    until_revision(&place, "one", 2);
    let output = place.cert(&["renew", "-l", "team=shop", "--yes"]).expect_code(0);
    assert_eq!(output.stdout, "certificate.cert-manager.io/two renewed\n", "{output}");
    until_revision(&place, "two", 2);
    assert_eq!(revision(&place, "three"), 1);
    let output = place.cert(&["renew", "--all", "-y"]).expect_code(0);
    assert_eq!(output.stdout.lines().count(), 3, "{output}");
    for (name, wanted) in [("one", 3), ("two", 3), ("three", 2)] {
        until_revision(&place, name, wanted);
    }
    // Without a terminal nobody can be asked.
    place.cert(&["renew", "--all"]).expect_code(2).complains("pass --yes");
    assert_eq!(revision(&place, "three"), 2);
}

#[test]
fn a_dry_run_changes_nothing() {
    let place = issued(Lab::shared(), "renew-dry", &["web"]);
    let before = place.object("certificate", "web");
    for (flag, words) in [
        ("--dry-run", "renewed (dry run)"),
        ("--dry-run=client", "renewed (dry run)"),
        ("--dry-run=server", "renewed (server dry run)"),
    ] {
        place.cert(&["renew", "web", flag]).expect_code(0).says(&format!("certificate.cert-manager.io/web {words}"));
        place.cert(&["renew", "--all", flag]).expect_code(0);
    }
    assert_eq!(place.object("certificate", "web"), before);
    // The server's answer counts: a viewer would be refused.
    place.lab.cmd("grant viewer renew-dry");
    place.cert_as("viewer", &["renew", "web", "--dry-run=client"]).expect_code(0);
    place.cert_as("viewer", &["renew", "web", "--dry-run=server"]).expect_code(2).complains("certificates/status");
}

#[test]
fn waiting_ends_when_the_new_revision_is_stored() {
    let place = issued(Lab::shared(), "renew-wait", &["web"]);
    let stored = || text_at(&place.object("secret", "web-tls"), "/data/tls.crt").to_owned();
    for wanted in 2..5 {
        let before = stored();
        let output = place.cert(&["renew", "web", "--wait", "--timeout", "50s"]).expect_code(0);
        output.says("certificate.cert-manager.io/web renewed certificate.cert-manager.io/web issued");
        // The old certificate was Ready all along; the answer came after the new one was there.
        assert_eq!(revision(&place, "web"), wanted);
        assert_ne!(stored(), before);
    }
}

#[test]
fn waiting_for_several_ends_with_the_last() {
    let place = issued(Lab::shared(), "renew-several", &["a", "b", "c"]);
    let output = place.cert(&["renew", "--all", "-y", "--wait"]).expect_code(0);
    assert_eq!(output.stdout.matches(" issued\n").count(), 3, "{output}");
    for name in ["a", "b", "c"] {
        assert_eq!(revision(&place, name), 2);
    }
}

#[test]
fn a_renewal_that_fails_ends_in_the_diagnosis() {
    let place = Lab::shared().place("renew-fails");
    place.certificate("web", "renew-fails.example.com", "pebble-fast");
    place.until("web", "Ready", "True");
    // The CA will not sign this one; editing the spec starts an issuance of its own, which fails too.
    let issuer = "{kind: ClusterIssuer, name: pebble-fast}";
    place.apply(&certificate_yaml("web", "[blocked-domain.example]", issuer, ""));
    wait_for("the first failure", Duration::from_secs(30), || {
        place.object("certificate", "web").pointer("/status/lastFailureTime").cloned()
    });
    // cert-manager tells failures apart by whole seconds.
    wait_for("the next second", Duration::from_secs(10), || {
        let failed: Timestamp =
            text_at(&place.object("certificate", "web"), "/status/lastFailureTime").parse().unwrap();
        let output = place.cert(&["diagnose", "web", "-o", "json"]);
        let now: Timestamp = text_at(&output.json(), "/now").parse().unwrap();
        (now.duration_since(failed).as_secs() >= 2).then_some(())
    });
    let output = place.cert(&["renew", "web", "--wait", "--timeout", "50s"]).expect_code(1);
    output.complains("the new issuance of certificate.cert-manager.io/web failed");
    output.says("failing Certificate renew-fails/web");
    output.says("order-identifier-rejected");
    output.says("blocked-domain.example is a forbidden domain");
    let attempts = place.object("certificate", "web").pointer("/status/failedIssuanceAttempts").cloned();
    assert_eq!(attempts, Some(2.into()));
    // The certificate that was there is still there.
    assert_eq!(revision(&place, "web"), 1);
}

#[test]
fn a_wait_that_runs_out_says_where_it_stands() {
    let lab = Lab::steered();
    lab.controllers_without(&[]);
    let place = issued(&lab, "renew-timeout", &["web"]);
    lab.controllers_without(&["certificaterequests-approver"]);
    let output = place.cert(&["renew", "web", "--wait", "--timeout", "2s"]).expect_code(1);
    output.complains("timed out waiting for the condition on certificates/web");
    output.says("waiting for approval of the CertificateRequest (approval)");
    // It runs already, so there is nothing to start.
    let output = place.cert(&["renew", "web"]).expect_code(0);
    assert!(format!("{output}").contains("is being issued already"), "{output}");
    lab.controllers_without(&[]);
    until_revision(&place, "web", 2);
}

#[test]
fn an_issuance_that_runs_already_can_be_waited_for() {
    let lab = Lab::steered();
    lab.controllers_without(&[]);
    let place = issued(&lab, "renew-running", &["web"]);
    lab.controllers_without(&["certificaterequests-approver"]);
    place.cert(&["renew", "web"]).expect_code(0);
    let output = place.cert(&["renew", "web", "--wait", "--timeout", "2s"]).expect_code(1);
    output.complains("timed out waiting for the condition on certificates/web");
    // It must have seen the issuance before that goes on, or it would start another one.
    let waiting = lab.cert_running(&["renew", "web", "-n", "renew-running", "--wait", "--timeout", "50s"]);
    waiting.complaint("is being issued already", Duration::from_secs(20));
    lab.controllers_without(&[]);
    waiting.output(Duration::from_mins(1)).expect_code(0);
    assert_eq!(revision(&place, "web"), 2);
}

#[test]
fn wrong_names_are_told_and_the_right_ones_are_renewed() {
    let place = issued(Lab::shared(), "renew-names", &["web"]);
    let output = place.cert(&["renew", "web", "nothing"]).expect_code(2);
    output.says("certificate.cert-manager.io/web renewed");
    output.complains("Error from server (NotFound): certificates.cert-manager.io \"nothing\" not found");
    until_revision(&place, "web", 2);
    for (args, words) in [
        (&["renew"][..], "-l or --all"),
        (&["renew", "web", "--all"], "in conjunction with --all"),
        (&["renew", "web", "-l", "a=b"], "in conjunction with label selectors"),
        (&["renew", "-l", "a=b", "--all"], "in conjunction with --all"),
        (&["renew", "web", "-A"], "in conjunction with --all-namespaces"),
        (&["renew", "issuer/web"], "does not start from Issuer"),
        (&["renew", "web", "--timeout", "soon"], "is no duration"),
        (&["renew", "web", "--dry-run=maybe"], "maybe"),
    ] {
        place.cert(args).expect_code(2).complains(words);
    }
    assert_eq!(revision(&place, "web"), 2);
    place
        .cert(&["renew", "-l", "no=such", "-y"])
        .expect_code(0)
        .complains("No Certificates found in renew-names namespace.");
}

#[test]
fn a_conflict_is_tried_again() {
    let place = issued(Lab::shared(), "renew-conflict", &["web"]);
    // Somebody else writes to the object all the time.
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0.. {
                if stop.load(std::sync::atomic::Ordering::SeqCst) {
                    break;
                }
                let note = format!("turn={turn}");
                place.kubectl(&["annotate", "certificate", "web", "--overwrite", &note]);
            }
        });
        for wanted in 2..8 {
            let output = place.cert(&["renew", "web", "--wait", "--timeout", "40s"]);
            if output.code != 0 || revision(&place, "web") != wanted {
                stop.store(true, std::sync::atomic::Ordering::SeqCst);
                panic!("revision {wanted}: {output}");
            }
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
    });
}

#[test]
fn only_the_status_is_written_and_nothing_of_it_is_lost() {
    let place = issued(Lab::shared(), "renew-status", &["web"]);
    let before = place.object("certificate", "web");
    place.cert(&["renew", "web", "--wait"]).expect_code(0);
    let after = place.object("certificate", "web");
    assert_eq!(after["spec"], before["spec"]);
    assert_eq!(after["metadata"]["generation"], before["metadata"]["generation"]);
    let managers = place.kubectl(&["get", "certificate", "web", "-o", "json", "--show-managed-fields"]);
    assert!(!managers.contains("\"manager\": \"unknown\""), "{managers}");
}
