//! A bundle of the lab is diagnosed as the lab that it came from.

use std::time::Duration;

use serde_json::Value;

use crate::lab::{Lab, Place, certificate_yaml, condition_of, text_at, wait_for};
use crate::run::Output;

/// What was said, the source apart.
fn told(output: &Output) -> Value {
    let mut document = output.json();
    document.as_object_mut().unwrap().remove("source");
    document
}

/// The first rule of each target, by namespace and name.
fn roots(document: &Value) -> Vec<(String, String)> {
    let targets = document["targets"].as_array().unwrap().iter();
    let certificates = targets.filter(|target| text_at(target, "/object/kind") == "Certificate");
    let root = |target: &Value| {
        let place = text_at(target, "/object/namespace").to_owned();
        (place, text_at(target, "/findings/0/rule").to_owned())
    };
    let mut roots: Vec<_> = certificates.map(root).collect();
    roots.sort();
    roots
}

fn reason_is(place: &Place, kind: &str, reason: &str) {
    place.until_first(kind, |object| object.to_string().contains(reason));
}

/// Chains that are broken in several ways, each in a namespace of its own, and a healthy one.
fn break_chains(lab: &Lab) {
    lab.cmd("solver off");
    lab.place("solver").certificate("web", "solver.example.com", "pebble-fast");
    lab.place("no-issuer").certificate("web", "no-issuer.example.com", "no-such-issuer");
    let no_ca = lab.place("no-ca");
    no_ca.apply("apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: ca}\nspec: {ca: {secretName: absent}}");
    no_ca.apply(&certificate_yaml("web", "[no-ca.example.com]", "{kind: Issuer, name: ca}", ""));
    for name in ["healthy", "other-key"] {
        let place = lab.place(name);
        place.certificate("web", &format!("{name}.example.com"), "lab-ca");
        place.until("web", "Ready", "True");
    }
    let place = |namespace: &str| Place { lab, namespace: namespace.to_owned() };
    reason_is(&place("no-issuer"), "certificaterequest", "Pending");
    reason_is(&place("no-ca"), "certificaterequest", "Pending");
    wait_for("the issuer's word", Duration::from_secs(30), || {
        place("no-ca").find("issuer", "ca").filter(|issuer| condition_of(issuer, "Ready") == "False")
    });
    place("solver").until_first("challenge", |challenge| challenge.pointer("/status/presented") == Some(&true.into()));
    // From here on nothing moves.
    lab.cmd("controllers stop");
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let patch = serde_json::json!({"stringData": {"tls.key": key}}).to_string();
    place("other-key").kubectl(&["patch", "secret", "web-tls", "--type=merge", "-p", &patch]);
}

#[test]
fn a_bundle_is_diagnosed_as_the_cluster_that_it_came_from() {
    let lab = Lab::start("bundles", &["--issuers"]);
    break_chains(&lab);
    let folder = lab.folder("bundles");
    lab.cmd("grant viewer other-key");
    for (user, scope, name) in [
        ("admin", &["-A"][..], "admin.tar.gz"),
        ("admin", &["-A"], "folder"),
        ("viewer", &["-n", "other-key"], "viewer.tar.gz"),
    ] {
        let path = folder.join(name).display().to_string();
        lab.cert_as(user, &[&["collect", "-o", &path], scope].concat()).expect_code(0).says("Wrote");
        let ask = [&["diagnose", "-o", "json"], scope].concat();
        let offline = lab.cert_as(user, &[&ask[..], &["--from", &path]].concat());
        // The bundle is judged as of the time that it records.
        let now = text_at(&offline.json(), "/now").to_owned();
        let live = lab.cert_as(user, &[&ask[..], &["--now", &now]].concat());
        assert_eq!(offline.code, live.code, "{user}: {offline} {live}");
        assert_eq!(told(&offline), told(&live), "{user} {name}");
        if user == "admin" {
            let roots = roots(&told(&offline));
            let root = |place: &str| {
                roots.iter().find(|(namespace, _)| namespace == place).map(|(_, rule)| rule.as_str()).unwrap()
            };
            assert_eq!((root("no-issuer"), root("no-ca")), ("issuer-not-found", "ca-secret-missing"), "{roots:?}");
            assert_eq!(root("healthy"), "", "{roots:?}");
        }
    }
    // Nothing that could be used is in it.
    let secret = folder.join("folder/namespaces/other-key/core/secrets/web-tls.yaml");
    let text = std::fs::read_to_string(secret).unwrap();
    assert!(
        text.contains("tls.crt") && text.contains("withheld: private key of ") && !text.contains("PRIVATE KEY"),
        "{text}"
    );
    lab.cmd("controllers start");
}
