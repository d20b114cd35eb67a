//! `status -w`: a certificate of the real controllers, followed from its creation to Ready.

use std::time::Duration;

use crate::lab::Lab;

/// The stages of an ACME issuance in their order. Some pass too fast to be seen.
const ORDER: [&str; 16] = [
    "trigger",
    "key",
    "request",
    "approval",
    "issuer",
    "order",
    "authorizations",
    "challenge-queued",
    "challenge-scheduled",
    "challenge-presented",
    "challenge-self-check",
    "challenge-accepted",
    "finalize",
    "issued",
    "stored",
    "settled",
];

/// The stage's id at the end of a `stage` line.
fn stage_of(line: &str) -> Option<&str> {
    line.contains("  stage  ").then(|| line.rsplit_once('(').map(|(_, id)| id.trim_end_matches(')')))?
}

#[test]
fn a_certificate_is_followed_from_creation_to_ready() {
    let lab = Lab::shared();
    let place = lab.place("follow");
    place.certificate("web", "follow.example.com", "pebble");
    let mut watch = lab.cert_running(&["status", "-w", "web", "-n", "follow"]);
    watch.line("the tree", Duration::from_secs(20), |line| line.contains("Certificate web"));
    watch.line("the end of the issuance", Duration::from_mins(1), |line| stage_of(line) == Some("settled"));
    watch.line("the Certificate itself", Duration::from_secs(10), |line| line.ends_with("Certificate web  ready"));
    let seen = watch.seen.clone();
    let all = seen.join("\n");
    let stages: Vec<_> = seen.iter().filter_map(|line| stage_of(line)).collect();
    let places: Vec<_> = stages.iter().map(|id| ORDER.iter().position(|known| known == id).unwrap()).collect();
    assert!(places.is_sorted(), "forwards only: {all}");
    assert!(stages.iter().any(|id| id.starts_with("challenge-")), "the challenge was seen: {all}");
    assert!(stages.len() >= 3, "{all}");
    for object in ["CertificateRequest web-1", "Order web-1-", "Challenge web-1-", "Secret web-tls"] {
        assert!(seen.iter().any(|line| line.contains(object)), "no {object}: {all}");
    }
    // A line per change, with its time; nothing is said twice in a row.
    let changes: Vec<_> = seen.iter().filter(|line| line.as_bytes().get(8) == Some(&b'Z')).collect();
    assert!(changes.len() >= 5, "{all}");
    assert!(changes.windows(2).all(|pair| pair[0] != pair[1]), "{all}");
    watch.interrupt();
    let output = watch.output(Duration::from_secs(10));
    assert_eq!(output.code, 130, "{output}");
}

#[test]
fn a_certificate_can_be_followed_before_it_exists() {
    let lab = Lab::shared();
    let place = lab.place("follow-early");
    let mut watch = lab.cert_running(&["status", "-w", "web", "-n", "follow-early"]);
    watch.line("a word about the missing certificate", Duration::from_secs(20), |line| line.contains("web"));
    place.certificate("web", "follow-early.example.com", "lab-ca");
    watch.line("the end of the issuance", Duration::from_mins(1), |line| stage_of(line) == Some("settled"));
}

#[test]
fn the_table_is_followed_row_by_row() {
    let lab = Lab::shared();
    let place = lab.place("follow-table");
    place.certificate("one", "one.example.com", "lab-ca");
    place.until("one", "Ready", "True");
    let mut watch = lab.cert_running(&["status", "-w", "-n", "follow-table"]);
    watch.line("the head", Duration::from_secs(20), |line| line.starts_with("NAME") && line.contains("STAGE"));
    watch.line("the first row", Duration::from_secs(10), |line| line.starts_with("one") && line.contains("True"));
    place.certificate("two", "two.example.com", "lab-ca");
    watch.line("a new row", Duration::from_secs(20), |line| line.starts_with("two"));
    watch.line("the row when it is ready", Duration::from_secs(30), |line| {
        line.starts_with("two") && line.contains("True")
    });
    assert_eq!(watch.seen.iter().filter(|line| line.starts_with("NAME")).count(), 1, "one head: {:#?}", watch.seen);
    watch.interrupt();
    let output = watch.output(Duration::from_secs(10));
    assert_eq!(output.code, 130, "{output}");
}

#[test]
fn a_deleted_certificate_is_told_in_table_and_tree() {
    let lab = Lab::shared();
    let place = lab.place("follow-deleted");
    place.certificate("web", "follow-deleted.example.com", "lab-ca");
    place.until("web", "Ready", "True");
    let mut table = lab.cert_running(&["status", "-w", "-n", "follow-deleted"]);
    table.line("the row", Duration::from_secs(20), |line| line.starts_with("web "));
    let mut tree = lab.cert_running(&["status", "-w", "web", "-n", "follow-deleted"]);
    tree.line("the tree", Duration::from_secs(20), |line| line.contains("Secret web-tls"));
    place.kubectl(&["delete", "certificate", "web"]);
    table.line("the end of the row", Duration::from_secs(20), |line| {
        line.starts_with("web ") && line.contains(" deleted ")
    });
    tree.line("the end of the Certificate", Duration::from_secs(20), |line| {
        line.ends_with("Certificate web  does not exist")
    });
    assert!(
        !tree.seen.iter().any(|line| stage_of(line) == Some("trigger")),
        "nothing is to be issued: {:#?}",
        tree.seen
    );
}
