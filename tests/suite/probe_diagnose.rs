//! `diagnose` with probes, from saved objects and a small Internet on the loopback interface: each fault ends in its own
//! root cause, and a healthy run stays silent.

use std::fs;

use super::net::tls::{Chain, Wanted};
use super::net::{Net, answer, redirect};

/// Certificate shop/web with two HTTP-01 challenges that are presented; its check has said nothing yet.
fn presented(net: &Net) -> String {
    let text = fs::read_to_string("tests/specimens/http01.yaml").unwrap();
    let mut out = String::new();
    for line in text.lines() {
        let is_reason = line.trim_start().starts_with("reason: ") && line.contains("Waiting for HTTP-01");
        if !is_reason {
            out.push_str(line);
            out.push('\n');
        }
    }
    net.write("presented.yaml", &out)
}

/// The key authorizations of its challenges, by host.
fn keys() -> Vec<(String, String)> {
    let text = fs::read_to_string("tests/specimens/http01.yaml").unwrap();
    let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&text).unwrap();
    let items = documents.iter().flat_map(|document| match document["items"].as_array() {
        Some(items) => items.clone(),
        None => vec![document.clone()],
    });
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let challenges = items.filter(|item| item["kind"] == "Challenge");
    challenges.map(|item| (word(&item["spec"]["dnsName"]), word(&item["spec"]["key"]))).collect()
}

const ADDRESS: [&str; 2] = ["45.33.32.1", "45.33.32.2"];

/// Both hosts answer with their key authorization.
fn healthy() -> Net {
    let mut net = Net::new();
    for ((host, key), address) in keys().into_iter().zip(ADDRESS) {
        net.name(&host, &[address]);
        net.http(&format!("{address}:80"), answer("200 OK", "", &key));
    }
    net
}

/// The diagnosis with these flags, three minutes on: `verdict`, the ids of what is found, and all of it.
fn diagnose(net: &Net, flags: &[&str]) -> (String, Vec<String>, serde_json::Value) {
    let file = presented(net);
    let args = ["diagnose", "web", "--from", &file, "--now", "2026-11-22T06:33:12Z", "-o", "json"];
    let output = net.run(&[&args[..], flags].concat());
    let document: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let target = document["targets"][0].clone();
    let findings = target["findings"].as_array().unwrap();
    let ids = findings.iter().map(|finding| finding["rule"].as_str().unwrap().to_owned());
    (target["verdict"].as_str().unwrap().to_owned(), ids.collect(), target)
}

fn live(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).filter(|id| id.contains("-probe-")).collect()
}

#[test]
fn a_challenge_that_works_from_here_adds_nothing() {
    let (_, ids, target) = diagnose(&healthy(), &["--probe=http01"]);
    assert_eq!(live(&ids), Vec::<&str>::new(), "{target}");
    let withheld = target["withheld"].to_string();
    assert!(!withheld.contains("http01-probe"), "{withheld}");
}

/// What is changed in a network in which all is well.
type Break = Box<dyn Fn(&mut Net)>;

#[test]
fn each_fault_has_its_root_cause() {
    let (host, _) = keys().remove(0);
    let closed = |net: &mut Net| net.closed("45.33.32.1:80");
    let answers = |text: String| move |net: &mut Net| drop(net.http("45.33.32.1:80", text.clone()));
    let gone = |net: &mut Net| net.name(&keys()[0].0, &[]);
    let two = |net: &mut Net| {
        let (host, _) = keys().remove(0);
        net.name(&host, &["45.33.32.1", "2606:4700::1"]);
        net.closed("[2606:4700::1]:80");
    };
    let cases: Vec<(Break, &str)> = vec![
        (Box::new(gone), "http01-probe-name"),
        (Box::new(closed), "http01-probe-connection"),
        (Box::new(answers(String::new())), "http01-probe-no-http"),
        (Box::new(answers("\x15\x03\x01\0\x02\x02F".into())), "http01-probe-no-http"),
        (Box::new(answers(redirect("303 See Other", "/login"))), "http01-probe-redirect"),
        (Box::new(answers(redirect("301 Moved", "https://10.0.0.1/"))), "http01-probe-redirect"),
        (Box::new(answers(answer("404 Not Found", "", "default backend - 404"))), "http01-probe-answer"),
        (Box::new(answers(answer("403 Forbidden", "cf-ray: 1\r\n", ""))), "http01-probe-answer"),
        (Box::new(two), "http01-probe-addresses-differ"),
    ];
    for (fault, id) in cases {
        let mut net = healthy();
        fault(&mut net);
        let (verdict, ids, target) = diagnose(&net, &["--probe=http01"]);
        assert_eq!((verdict.as_str(), live(&ids)), ("failing", vec![id]), "{target}");
        let finding = &target["findings"][0];
        assert_eq!(finding["rule"], id, "it is the root cause: {target}");
        let summary = finding["summary"].as_str().unwrap();
        assert!(summary.starts_with("from this machine: ") && summary.contains(&host), "{summary}");
        assert!(finding["evidence"].to_string().contains("seen from this machine"), "{finding}");
    }
}

#[test]
fn nothing_is_asked_about_saved_objects_by_itself() {
    let net = healthy();
    for flags in [&[][..], &["--probe=auto"], &["--probe=none"], &["--probe=tls", "--dry-run"]] {
        let file = presented(&net);
        net.run(&[&["diagnose", "web", "--from", &file, "--now", "2026-11-22T06:33:12Z"], flags].concat());
    }
    assert!(keys().iter().all(|(host, _)| net.asked(host) == 0));
    // Who asks for one kind is told of the other.
    let (_, _, target) = diagnose(&net, &["--probe=tls"]);
    assert!(target["withheld"].to_string().contains("--probe=http01"), "the gap is named: {target}");
}

#[test]
fn a_plan_is_printed_and_nothing_sent() {
    let net = healthy();
    let file = presented(&net);
    let output = net.run(&["diagnose", "web", "--from", &file, "--probe=all", "--dry-run"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let (host, key) = keys().remove(0);
    assert!(text.contains(&format!("http01 {host}: GET the challenge path with the challenge's token")), "{text}");
    assert!(text.contains(&format!("tls {host}: a TLS handshake")), "{text}");
    assert!(!text.contains(key.split('.').next().unwrap()), "{text}");
    assert_eq!(net.asked(&host), 0);
}

#[test]
fn a_word_that_is_no_probe_is_refused() {
    let net = healthy();
    let file = presented(&net);
    let output = net.run(&["diagnose", "web", "--from", &file, "--probe=smtp"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains("\"smtp\" is no probe") && error.contains("http01,tls"), "{error}");
}

#[test]
fn what_a_host_serves_is_told_against_the_secret() {
    let text = fs::read_to_string("tests/specimens/healthy.yaml").unwrap();
    let diagnose = |net: &Net, file: &str| {
        let args = ["diagnose", "web", "--from", file, "--now", "2026-11-22T06:40:00Z", "--probe=tls", "-o", "json"];
        let output = net.run(&args);
        let document: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let findings = document["targets"][0]["findings"].as_array().unwrap().clone();
        findings.iter().map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let serving = |wanted: &Wanted| {
        let chain = Chain::of(wanted);
        let mut net = Net::new();
        for (host, address) in ["shop.example.com", "www.shop.example.com"].into_iter().zip(ADDRESS) {
            net.name(host, &[address]);
            net.https(&format!("{address}:443"), &chain, &[0, 1], "");
        }
        net.trust(&chain);
        net
    };
    let fake = "Kubernetes Ingress Controller Fake Certificate";
    let net = serving(&Wanted { common_name: fake, ..Wanted::default() });
    let file = net.write("healthy.yaml", &text);
    assert!(diagnose(&net, &file).contains(&"tls-probe-default-certificate".to_owned()));
    let net = serving(&Wanted { names: &["nobody.example.net"], valid: (300, 300), ..Wanted::default() });
    let file = net.write("healthy.yaml", &text);
    let ids = diagnose(&net, &file);
    assert!(ids.contains(&"tls-probe-wrong-name".to_owned()), "{ids:?}");
    assert!(!ids.iter().any(|id| id.contains("old-certificate") || id.contains("expired")), "{ids:?}");
}
