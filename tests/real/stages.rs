//! Every stage of an issuance, frozen in the real controllers, and what `diagnose` says of it.
//!
//! A stage is frozen by leaving out the controller that would end it, or by a world that does not answer.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::diagnosis::Diagnosis;
use crate::lab::{Lab, Place, certificate_yaml, condition_of, text_at, wait_for};

const ISSUING: &str = "Issuing";

/// Waits for the CertificateRequest of the first revision.
fn request(place: &Place, fits: impl Fn(&Value) -> bool) -> Value {
    place.until_first("certificaterequest", fits)
}

/// Waits for the Challenge of a chain.
fn challenge(place: &Place, fits: impl Fn(&Value) -> bool) -> Value {
    place.until_first("challenge", fits)
}

fn reason_of(request: &Value) -> &str {
    let conditions = request.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.and_then(|all| all.iter().find(|one| one["type"] == "Ready"));
    ready.and_then(|one| one["reason"].as_str()).unwrap_or_default()
}

#[test]
fn nothing_happens_without_the_trigger_controller() {
    let lab = Lab::steered();
    lab.controllers_without(&["certificates-trigger"]);
    let place = lab.place("trigger");
    place.certificate("web", "trigger.example.com", "lab-ca");
    place.until("web", "Ready", "False");
    Diagnosis::of(&place, "web").expect("issuing", "trigger");
}

#[test]
fn a_missing_key_manager_leaves_the_issuance_without_a_key() {
    let lab = Lab::steered();
    lab.controllers_without(&["certificates-key-manager"]);
    let place = lab.place("key");
    place.certificate("web", "key.example.com", "lab-ca");
    place.until("web", ISSUING, "True");
    Diagnosis::of(&place, "web").expect("issuing", "key");
}

#[test]
fn a_missing_request_manager_leaves_the_issuance_without_a_request() {
    let lab = Lab::steered();
    lab.controllers_without(&["certificates-request-manager"]);
    let place = lab.place("request");
    place.certificate("web", "request.example.com", "lab-ca");
    wait_for("the next private key", Duration::from_secs(30), || {
        let certificate = place.object("certificate", "web");
        certificate.pointer("/status/nextPrivateKeySecretName").cloned()
    });
    Diagnosis::of(&place, "web").expect("issuing", "request");
}

#[test]
fn a_request_waits_for_approval_until_somebody_denies_it() {
    let lab = Lab::steered();
    lab.controllers_without(&["certificaterequests-approver", "certificates-issuing"]);
    let place = lab.place("approval");
    place.certificate("web", "approval.example.com", "lab-ca");
    request(&place, |_| true);
    let waiting = Diagnosis::of(&place, "web").expect("issuing", "approval");
    waiting.after(60, &place, "web").because("request-never-approved");
    let denied = r#"[{"type":"Denied","status":"True","reason":"Policy","message":"not on our watch",
        "lastTransitionTime":"2026-01-01T00:00:00Z"}]"#;
    let patch = format!(r#"{{"status":{{"conditions":{denied}}}}}"#);
    place.kubectl(&["patch", "certificaterequest", "web-1", "--subresource=status", "--type=merge", "-p", &patch]);
    request(&place, |request| reason_of(request) == "Denied");
    let diagnosis = Diagnosis::of(&place, "web").expect("failing", "denied");
    diagnosis.because("request-denied").output.says("not on our watch");
}

#[test]
fn a_request_waits_for_an_issuer_that_does_not_exist() {
    let lab = Lab::steered();
    lab.controllers_without(&[]);
    let place = lab.place("no-issuer");
    place.certificate("web", "no-issuer.example.com", "no-such-issuer");
    request(&place, |request| reason_of(request) == "Pending");
    let diagnosis = Diagnosis::of(&place, "web").expect("failing", "issuer");
    diagnosis.because("issuer-not-found").output.says("no-such-issuer");
}

#[test]
fn a_request_waits_for_an_issuer_that_is_not_ready() {
    let lab = Lab::steered();
    lab.controllers_without(&[]);
    let place = lab.place("bad-issuer");
    place.apply("apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: ca}\nspec: {ca: {secretName: absent}}");
    let issuer = "{kind: Issuer, name: ca}";
    place.apply(&certificate_yaml("web", "[bad-issuer.example.com]", issuer, ""));
    request(&place, |request| reason_of(request) == "Pending");
    wait_for("the issuer's word", Duration::from_secs(30), || {
        place.find("issuer", "ca").filter(|issuer| condition_of(issuer, "Ready") == "False")
    });
    let diagnosis = Diagnosis::of(&place, "web").expect("failing", "issuer");
    diagnosis.because("ca-secret-missing").output.says("absent");
}

#[test]
fn a_request_without_its_issuer_controller_waits_for_the_issuer() {
    let lab = Lab::steered();
    lab.controllers_without(&["certificaterequests-issuer-acme"]);
    let place = lab.place("issuer");
    place.certificate("web", "issuer.example.com", "pebble-fast");
    request(&place, |request| condition_of(request, "Approved") == "True");
    Diagnosis::of(&place, "web").expect("issuing", "issuer");
}

#[test]
fn an_order_that_nobody_works_on_is_told_from_one_that_only_lacks_its_certificate() {
    let lab = Lab::steered();
    lab.controllers_without(&["orders"]);
    let place = lab.place("order");
    place.certificate("web", "order.example.com", "pebble-fast");
    let order = place.until_first("order", |_| true);
    Diagnosis::of(&place, "web").expect("issuing", "order");
    // The state after the last authorization became valid, which a CA leaves within the second.
    let url = &lab.ready.acme.directory;
    let patch = format!(r#"{{"status":{{"state":"ready","url":"{url}/order","finalizeURL":"{url}/finalize"}}}}"#);
    let name = text_at(&order, "/metadata/name");
    place.kubectl(&["patch", "order", name, "--subresource=status", "--type=merge", "-p", &patch]);
    Diagnosis::of(&place, "web").expect("issuing", "finalize");
}

#[test]
fn an_open_order_whose_challenges_cannot_be_made_waits_at_its_authorizations() {
    let lab = Lab::steered();
    lab.controllers_without(&[]);
    let place = lab.place("authorizations");
    let none = r#"{"count/challenges.acme.cert-manager.io":"0"}"#;
    place.apply(&format!("apiVersion: v1\nkind: ResourceQuota\nmetadata: {{name: none}}\nspec: {{hard: {none}}}"));
    // The lab has no controller that counts.
    let counted = format!(r#"{{"status":{{"hard":{none},"used":{none}}}}}"#);
    place.kubectl(&["patch", "resourcequota", "none", "--subresource=status", "--type=merge", "-p", &counted]);
    place.certificate("web", "authorizations.example.com", "pebble-fast");
    place.until_first("order", |order| order.pointer("/status/authorizations").is_some());
    Diagnosis::of(&place, "web").expect("issuing", "authorizations");
}

#[test]
fn a_challenge_without_a_slot_is_queued_behind_the_other() {
    let lab = Lab::steered();
    lab.cmd("solver off");
    lab.cmd("controllers stop");
    lab.cmd("controllers start --max-concurrent-challenges=1 --dns01-check-retry-period=1s");
    let first = lab.place("queued-first");
    first.certificate("web", "first.example.com", "pebble");
    challenge(&first, |challenge| challenge["status"]["processing"] == true);
    let place = lab.place("queued-second");
    place.certificate("web", "second.example.com", "pebble");
    challenge(&place, |_| true);
    let queued = Diagnosis::of(&place, "web").expect("issuing", "challenge-queued");
    assert_eq!(queued.rules, Vec::<String>::new(), "{}", queued.output);
    first.kubectl(&["delete", "certificate", "web"]);
    // The slot is given on.
    challenge(&place, |challenge| challenge["status"]["processing"] == true);
}

#[test]
fn a_challenge_that_cannot_be_presented_stays_scheduled() {
    let lab = Lab::steered();
    lab.controllers_without(&[]);
    lab.cmd("dns refuse-updates");
    let place = lab.place("scheduled");
    place.certificate("web", "scheduled.example.com", "pebble-dns");
    challenge(&place, |challenge| !text_at(challenge, "/status/reason").is_empty());
    let diagnosis = Diagnosis::of(&place, "web");
    assert_eq!(diagnosis.stage, "challenge-scheduled", "{}", diagnosis.output);
    diagnosis.because("dns01-rfc2136-and-others").output.says("REFUSED");
}

#[test]
fn a_self_check_that_does_not_pass_is_told_with_its_reason() {
    let lab = Lab::steered();
    lab.controllers_without(&[]);
    lab.cmd("solver off");
    let place = lab.place("self-check");
    place.certificate("web", "self-check.example.com", "pebble");
    challenge(&place, |challenge| text_at(challenge, "/status/reason").contains("propagation"));
    // The first answers are often wrong for a moment, so that only a lasting one is a fault.
    let diagnosis = Diagnosis::of(&place, "web").expect("issuing", "challenge-self-check");
    let lasting = diagnosis.after(20, &place, "web").expect("failing", "challenge-self-check");
    lasting.because("http01-wrong-ingress-class").output.says("wrong status code '404', expected '200'");
    place.apply(
        "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: nginx}\nspec: {controller: x/y}",
    );
    let classed = Diagnosis::of(&place, "web").after(20, &place, "web").expect("failing", "challenge-self-check");
    classed.because("http01-404");
    place.kubectl(&["delete", "ingressclass", "nginx"]);
    lab.cmd("solver on");
    place.until("web", "Ready", "True");
    Diagnosis::of(&place, "web").expect("healthy", "settled");
}

#[test]
fn what_failed_is_named_by_its_depth_until_the_issuance_is_given_up() {
    let lab = Lab::steered();
    lab.controllers_without(&["certificates-issuing"]);
    lab.cmd("front wrong-body ca");
    let challenged = lab.place("challenge-failed");
    challenged.certificate("web", "wrong.example.com", "pebble-fast");
    let ordered = lab.place("order-failed");
    ordered.certificate("web", "blocked-domain.example", "pebble-fast");
    let requested = lab.place("request-failed");
    let more = "  commonName: other.example.com\n";
    let issuer = "{kind: ClusterIssuer, name: pebble-fast}";
    requested.apply(&certificate_yaml("web", "[request-failed.example.com]", issuer, more));
    for place in [&challenged, &ordered, &requested] {
        request(place, |request| reason_of(request) == "Failed");
    }
    let failed = [
        (&ordered, "order-failed", "order-identifier-rejected", "is a forbidden domain"),
        (&requested, "request-failed", "common-name-not-in-dns-names", "other.example.com"),
    ];
    // What the CA said of the Challenge has a test of its own.
    Diagnosis::of(&challenged, "web").expect("failing", "challenge-failed");
    for (place, stage, rule, words) in &failed {
        Diagnosis::of(place, "web").expect("failing", stage).because(rule).output.says(words);
    }
    lab.controllers_without(&[]);
    lab.cmd("front pass");
    for place in [&challenged, &ordered, &requested] {
        place.until("web", ISSUING, "False");
        let diagnosis = Diagnosis::of(place, "web").expect("failing", "back-off");
        // cert-manager's first back-off is an hour.
        let certificate = place.object("certificate", "web");
        let failed: Timestamp = text_at(&certificate, "/status/lastFailureTime").parse().unwrap();
        let next: Timestamp = text_at(&diagnosis.output.json(), "/targets/0/next/at").parse().unwrap();
        assert_eq!(next.duration_since(failed).as_secs(), 3600, "{}", diagnosis.output);
    }
}

#[test]
fn an_issued_request_that_nobody_stores_is_issued() {
    let lab = Lab::steered();
    lab.controllers_without(&["certificates-issuing"]);
    let place = lab.place("issued");
    place.certificate("web", "issued.example.com", "lab-ca");
    request(&place, |request| reason_of(request) == "Issued");
    Diagnosis::of(&place, "web").expect("issuing", "issued");
}

#[test]
fn a_stored_certificate_without_a_ready_condition_is_stored() {
    let lab = Lab::steered();
    lab.controllers_without(&["certificates-readiness"]);
    let place = lab.place("stored");
    place.certificate("web", "stored.example.com", "lab-ca");
    wait_for("the first revision", Duration::from_secs(30), || {
        place.object("certificate", "web").pointer("/status/revision").cloned()
    });
    Diagnosis::of(&place, "web").expect("issuing", "stored");
}

#[test]
fn a_certificate_that_nothing_is_wrong_with_is_healthy() {
    let place = Lab::shared().place("healthy");
    place.certificate("web", "healthy.example.com", "pebble-fast");
    place.until("web", "Ready", "True");
    let diagnosis = Diagnosis::of(&place, "web").expect("healthy", "settled");
    diagnosis.output.says("nothing is wrong: the certificate is valid for 89d and renews in 59d");
    // Every other end of the same chain leads to the same answer.
    for target in ["cr/web-1", "secret/web-tls"] {
        Diagnosis::of(&place, target).expect("healthy", "settled");
    }
}
