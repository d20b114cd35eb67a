//! Ingresses, Gateways and `ListenerSets` that nobody thought of, as the API server takes them: annotations that are right,
//! wrong, or right by accident, and each object edited once.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::Picker;
use super::certificates::{USAGES, any_text, dns_name, mail, words_map};
use kubectl_cert::api::annotation;

/// The documents of the steps of a random case: an object, and what it is edited to.
pub fn steps(picker: &mut Picker) -> Vec<Vec<Value>> {
    let edit = |spec: BoxedStrategy<Value>| (spec, metadata()).prop_map(|(spec, metadata)| (metadata, spec));
    match picker.pick(&select(&["Ingress", "Ingress", "Gateway", "ListenerSet"][..])) {
        "Ingress" => {
            let versions = picker.pick(&vec(edit(ingress().boxed()), 2));
            versions
                .into_iter()
                .map(|version| vec![document("networking.k8s.io/v1", "Ingress", "web", version)])
                .collect()
        }
        "Gateway" => {
            let versions = picker.pick(&vec(edit(gateway().boxed()), 2));
            versions.into_iter().map(|version| vec![document(GATEWAY, "Gateway", "edge", version)]).collect()
        }
        _ => {
            let parents = picker.pick(&vec(edit(gateway().boxed()), 2));
            let sets = picker.pick(&vec(edit(listener_set().boxed()), 2));
            let parents = parents.into_iter().map(|version| document(GATEWAY, "Gateway", "edge", version));
            let sets = sets.into_iter().map(|version| document(GATEWAY, "ListenerSet", "more", version));
            let mut steps: Vec<Vec<Value>> = parents.map(|document| vec![document]).collect();
            // The first parent, then its set, then the set edited, then the parent edited.
            let places = [1, 2];
            places.into_iter().zip(sets).for_each(|(place, set)| steps.insert(place, vec![set]));
            steps
        }
    }
}

const GATEWAY: &str = "gateway.networking.k8s.io/v1";

fn document(api_version: &str, kind: &str, name: &str, (mut metadata, spec): (Value, Value)) -> Value {
    metadata["name"] = name.into();
    json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec})
}

fn ingress() -> impl Strategy<Value = Value> {
    let block = (vec(host(), 0..4), option::weighted(0.9, select(&SECRETS[..5]))).prop_map(|(hosts, secret)| {
        let mut block = json!({});
        if !hosts.is_empty() {
            block["hosts"] = json!(hosts);
        }
        if let Some(secret) = secret {
            block["secretName"] = secret.into();
        }
        block
    });
    vec(block, 0..4).prop_map(|blocks| json!({"tls": blocks, "rules": [{"host": "www.example.com"}]}))
}

fn gateway() -> impl Strategy<Value = Value> {
    listeners(&SECRETS[..5]).prop_map(|listeners| json!({"gatewayClassName": "any", "listeners": listeners}))
}

fn listener_set() -> impl Strategy<Value = Value> {
    // Not those of its Gateway: whose controller would be the first is chance.
    listeners(&SECRETS[5..]).prop_map(|listeners| json!({"parentRef": {"name": "edge"}, "listeners": listeners}))
}

/// Each has a name and a port of its own.
fn listeners(secrets: &'static [&'static str]) -> impl Strategy<Value = Vec<Value>> {
    let reference = (
        select(secrets),
        option::weighted(0.2, select(&["", "core", "example.com"][..])),
        option::weighted(0.2, select(&["Secret", "ConfigMap"][..])),
    );
    let reference = reference.prop_map(|(name, group, kind)| {
        let mut reference = json!({"name": name});
        let given = [("group", group), ("kind", kind)];
        given
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .for_each(|(key, value)| reference[key] = value.into());
        reference
    });
    let protocol = select(&["HTTPS", "HTTPS", "HTTPS", "TLS", "TLS", "HTTP", "TCP"][..]);
    let listener = (
        protocol,
        option::weighted(0.9, gateway_host()),
        vec(reference, 0..3),
        select(&["Terminate", "Passthrough"][..]),
        any::<bool>(),
    );
    let listener = listener.prop_map(|(protocol, host, references, mode, says_mode)| {
        let mut listener = json!({"protocol": protocol});
        if let Some(host) = host.filter(|_| protocol != "TCP") {
            listener["hostname"] = host.into();
        }
        let mode = if protocol == "TLS" { mode } else { "Terminate" };
        if ["HTTPS", "TLS"].contains(&protocol) {
            listener["tls"] = json!({});
            if says_mode || protocol == "TLS" {
                listener["tls"]["mode"] = mode.into();
            }
            if references.is_empty() && mode == "Terminate" {
                listener["tls"]["options"] = json!({"example.com/a": "b"});
            } else if !references.is_empty() {
                listener["tls"]["certificateRefs"] = references.into();
            }
        }
        listener
    });
    vec(listener, 1..5).prop_map(|mut listeners| {
        for (listener, (name, port)) in listeners.iter_mut().zip(["a", "b", "c", "d"].into_iter().zip(8000..)) {
            listener["name"] = name.into();
            listener["port"] = port.into();
        }
        listeners
    })
}

/// Few, so that some are named twice.
const SECRETS: [&str; 10] = ["a-tls", "b-tls", "c-tls", "d-tls", "e-tls", "f-tls", "g-tls", "h-tls", "i-tls", "j-tls"];

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "(\\*\\.)?[a-z0-9]{1,6}\\.example\\.com",
        1 => "[a-z]{1,8}",
        1 => select(&["a.example.com", "10.0.0.1", "example.co.uk", "xn--bcher-kva.example"][..]).prop_map(str::to_owned),
    ]
}

fn gateway_host() -> impl Strategy<Value = String> {
    "(\\*\\.)?[a-z]{1,6}\\.example\\.com"
}

fn metadata() -> impl Strategy<Value = Value> {
    (annotations(), words_map()).prop_map(|(annotations, labels)| json!({"annotations": annotations, "labels": labels}))
}

/// Mostly an issuer, and a few of the others.
fn annotations() -> impl Strategy<Value = Map<String, Value>> {
    let issuer = prop_oneof![
        8 => Just(vec![(annotation::SHIM_ISSUER, "ca")]),
        4 => Just(vec![(annotation::SHIM_CLUSTER_ISSUER, "ca")]),
        1 => Just(vec![(annotation::SHIM_ISSUER, "ca"), (annotation::SHIM_CLUSTER_ISSUER, "ca")]),
        1 => Just(vec![(annotation::SHIM_ISSUER, "ca"), (annotation::ISSUER_KIND, "AWSPCAIssuer"), (annotation::ISSUER_GROUP, "awspca.cert-manager.io")]),
        1 => Just(vec![(annotation::TLS_ACME, "true")]),
        1 => Just(vec![(annotation::SHIM_ISSUER, "")]),
        1 => Just(Vec::new()),
    ];
    (issuer, vec(other(), 0..4)).prop_map(|(issuer, others)| {
        let issuer = issuer.into_iter().map(|(key, value)| (key.to_owned(), value.into()));
        issuer.chain(others.into_iter().map(|(key, value)| (key.to_owned(), value.into()))).collect()
    })
}

fn other() -> impl Strategy<Value = (&'static str, String)> {
    let texts = || {
        prop_oneof![vec(any_text(), 1..3).prop_map(|texts| texts.join(",")), Just("\"A, B\",C".to_owned()), any_text()]
    };
    let times = || prop_oneof![4 => "[1-9][0-9]{0,3}h", 2 => "[0-9]{1,2}h[0-9]{1,2}m", 1 => "[0-9]{1,2}\\.[0-9]{1,2}(h|m|s)", 1 => "-?[0-9]{1,4}(ms|us|µs|ns|d)?", 1 => any_text()];
    let numbers = || prop_oneof![4 => "[1-9][0-9]{0,2}", 1 => "[+-]?[0-9]{1,11}", 1 => any_text()];
    let mut all: Vec<BoxedStrategy<(&'static str, String)>> = Vec::new();
    let mut add =
        |key: &'static str, value: BoxedStrategy<String>| all.push(value.prop_map(move |value| (key, value)).boxed());
    add(annotation::COMMON_NAME, prop_oneof![dns_name(), any_text()].boxed());
    add(
        annotation::ALT_NAMES,
        vec(prop_oneof![dns_name(), dns_name(), any_text()], 0..3).prop_map(|names| names.join(",")).boxed(),
    );
    add(
        annotation::IP_SANS,
        vec("(10\\.0\\.0\\.[0-9]{1,3}|::[0-9a-f]{1,4})", 0..3).prop_map(|ips| ips.join(",")).boxed(),
    );
    add(annotation::URI_SANS, any_text().boxed());
    add(annotation::EMAIL_SANS, vec(mail(), 0..3).prop_map(|mails| mails.join(",")).boxed());
    for key in [
        annotation::SUBJECT_ORGANIZATIONS,
        annotation::SUBJECT_ORGANIZATIONAL_UNITS,
        annotation::SUBJECT_COUNTRIES,
        annotation::SUBJECT_PROVINCES,
        annotation::SUBJECT_LOCALITIES,
        annotation::SUBJECT_POSTAL_CODES,
        annotation::SUBJECT_STREET_ADDRESSES,
        annotation::SUBJECT_SERIAL_NUMBER,
    ] {
        add(key, texts().boxed());
    }
    add(annotation::SHIM_DURATION, times().boxed());
    add(annotation::SHIM_RENEW_BEFORE, times().boxed());
    add(annotation::SHIM_RENEW_BEFORE_PERCENTAGE, numbers().boxed());
    add(annotation::SHIM_REVISION_HISTORY_LIMIT, numbers().boxed());
    add(
        annotation::SHIM_USAGES,
        prop_oneof![4 => subsequence(USAGES, 1..5).prop_map(|usages| usages.join(", ")), 1 => any_text()].boxed(),
    );
    add(
        annotation::SHIM_KEY_ALGORITHM,
        select(&["RSA", "ECDSA", "Ed25519", "rsa"][..]).prop_map(str::to_owned).boxed(),
    );
    add(annotation::SHIM_KEY_ENCODING, select(&["PKCS1", "PKCS8", "PEM"][..]).prop_map(str::to_owned).boxed());
    add(
        annotation::SHIM_KEY_SIZE,
        select(&["256", "384", "521", "2048", "4096", "1024", "+2048", "x"][..]).prop_map(str::to_owned).boxed(),
    );
    add(annotation::SHIM_ROTATION_POLICY, select(&["Always", "Never", "never"][..]).prop_map(str::to_owned).boxed());
    add(annotation::SHIM_SECRET_TEMPLATE, template().boxed());
    add(annotation::SHIM_IGNORE_LISTENERS, select(&["a", "a,b", " b , d ", "x"][..]).prop_map(str::to_owned).boxed());
    add(annotation::HTTP01_EDIT_IN_PLACE, select(&["true", "false", "yes"][..]).prop_map(str::to_owned).boxed());
    add(annotation::HTTP01_INGRESS_CLASS, select(&["nginx", ""][..]).prop_map(str::to_owned).boxed());
    add(annotation::HTTP01_INGRESS_CLASS_NAME, select(&["nginx", ""][..]).prop_map(str::to_owned).boxed());
    add(annotation::HTTP01_PARENT_REF_FALLBACK, select(&["true", "false"][..]).prop_map(str::to_owned).boxed());
    add(annotation::ISSUE_TEMPORARY_CERTIFICATE, select(&["true", "false"][..]).prop_map(str::to_owned).boxed());
    add(annotation::VENAFI_CUSTOM_FIELDS, any_text().boxed());
    proptest::strategy::Union::new(all)
}

/// JSON, and what is nearly JSON.
fn template() -> impl Strategy<Value = String> {
    let whole = (option::of(words_map()), option::of(words_map())).prop_map(|(annotations, labels)| {
        let mut template = json!({});
        let given = [("annotations", annotations), ("labels", labels)];
        given
            .into_iter()
            .filter_map(|(key, words)| Some((key, words?)))
            .for_each(|(key, words)| template[key] = words.into());
        template.to_string()
    });
    (whole, option::weighted(0.2, (any::<prop::sample::Index>(), "[ -~]"))).prop_map(|(whole, flaw)| match flaw {
        Some((at, char)) => {
            let at = at.index(whole.len());
            format!("{}{char}{}", &whole[..at], &whole[at + 1..])
        }
        None => whole,
    })
}
