//! Whole issuances, from an empty cluster.

mod companions;
mod outside;
mod shims;
mod windows;

use jiff::{SignedDuration, Timestamp};

use k8s_openapi::api::networking::v1::Ingress;

use super::cluster::{Kept, Verb};
use super::*;
use crate::api::{
    Certificate, CertificateConditionType, CertificateRequest, ConditionStatus, Gateway, ListenerSet, Object,
    RequestConditionType, RequestReason, Secret,
};
use crate::objref::{Kind, ObjRef};
use crate::x509::Bundle;

fn start() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

/// An engine with the objects of a YAML text put there.
fn engine(yaml: &str) -> Engine {
    seeded(1, yaml)
}

fn seeded(seed: u64, yaml: &str) -> Engine {
    put(Engine::new(start(), seed, Flags::default()), yaml)
}

fn put(mut engine: Engine, yaml: &str) -> Engine {
    fn adopt<T: Kept + serde::de::DeserializeOwned>(engine: &mut Engine, document: serde_json::Value) {
        engine.cluster().adopt::<T>(serde_json::from_value(document).unwrap());
    }
    let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(yaml).unwrap();
    for document in documents {
        let kind = document["kind"].as_str().unwrap().to_owned();
        match kind.as_str() {
            "Issuer" => adopt::<Issuer>(&mut engine, document),
            "ClusterIssuer" => adopt::<ClusterIssuer>(&mut engine, document),
            "Certificate" => adopt::<Certificate>(&mut engine, document),
            "Ingress" => adopt::<Ingress>(&mut engine, document),
            "Gateway" => adopt::<Gateway>(&mut engine, document),
            "ListenerSet" => adopt::<ListenerSet>(&mut engine, document),
            other => panic!("{other}"),
        }
    }
    engine
}

/// Lets everything happen that is due, and gives the steps.
fn run(engine: &mut Engine, now: Timestamp) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some(step) = engine.step(now) {
        steps.push(step);
        assert!(steps.len() < 1000, "it does not come to rest");
    }
    steps
}

fn certificate(engine: &mut Engine, name: &str) -> Certificate {
    engine.cluster().get::<Certificate>(Some("shop"), name).unwrap().clone()
}

fn reasons(engine: &Engine, kind: Kind, name: &str) -> Vec<String> {
    engine.events().about(&ObjRef::new(kind, Some("shop"), name)).map(|event| event.reason.clone()).collect()
}

const SELF_SIGNED: &str = "
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: self, namespace: shop}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: root, namespace: shop}
spec:
  secretName: root-tls
  commonName: root.example.com
  isCA: true
  privateKey: {algorithm: ECDSA}
  issuerRef: {name: self}
";

const CA: &str = "
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: ca, namespace: shop}
spec: {ca: {secretName: root-tls}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web, namespace: shop}
spec:
  secretName: web-tls
  dnsNames: [www.example.com]
  privateKey: {algorithm: ECDSA}
  issuerRef: {name: ca}
";

#[test]
fn a_self_signed_certificate_is_issued_and_then_nothing_more_happens() {
    let mut engine = engine(SELF_SIGNED);
    run(&mut engine, start());
    let root = certificate(&mut engine, "root");
    assert!(root.is(CertificateConditionType::Ready) && !root.is(CertificateConditionType::Issuing), "{root:?}");
    assert_eq!((root.status.revision, root.status.next_private_key_secret_name.as_deref()), (Some(1), None));
    assert_eq!(reasons(&engine, Kind::Certificate, "root"), ["Issuing", "Generated", "Requested", "Issuing"]);
    let of_request = reasons(&engine, Kind::CertificateRequest, "root-1");
    assert_eq!(of_request.last().map(String::as_str), Some("CertificateIssued"), "{of_request:?}");
    let names: Vec<_> = engine.cluster().secrets.iter().map(|secret| secret.name().to_owned()).collect();
    assert_eq!(names, ["root-tls"]);
    assert_eq!(run(&mut engine, start()), []);
    assert_eq!(engine.deadline(), Some(root.status.renewal_time.unwrap().0));
}

#[test]
fn a_ca_waits_for_its_secret_and_then_signs_a_chain() {
    let mut engine = engine(&format!("{SELF_SIGNED}{CA}"));
    let mut now = start();
    for _ in 0..5 {
        run(&mut engine, now);
        now += SignedDuration::from_secs(10);
    }
    let web = certificate(&mut engine, "web");
    assert!(web.is(CertificateConditionType::Ready), "{:?} {:?}", web.status, engine.events().all());
    let secret = engine.cluster().get::<Secret>(Some("shop"), "web-tls").unwrap().clone();
    let leaf = Bundle::from_pem(secret.bytes("tls.crt").unwrap().expose()).unwrap();
    let ca = Bundle::from_pem(secret.bytes("ca.crt").unwrap().expose()).unwrap();
    assert_eq!(leaf.leaf().issued_by(ca.leaf()), Ok(()));
    assert_eq!(leaf.leaf().alt_names.dns, ["www.example.com"]);
}

#[test]
fn a_certificate_is_renewed_when_its_time_has_come() {
    let mut engine = engine(SELF_SIGNED);
    run(&mut engine, start());
    let first = engine.cluster().get::<Secret>(Some("shop"), "root-tls").unwrap().clone();
    let due = engine.deadline().unwrap();
    assert_eq!(due, start() + SignedDuration::from_hours(60 * 24));
    let steps = run(&mut engine, due);
    assert!(steps.iter().any(|step| step.changes.iter().any(|change| change.verb == Verb::Create)));
    let root = certificate(&mut engine, "root");
    assert_eq!(root.status.revision, Some(2));
    let requests: Vec<_> =
        engine.cluster().requests.iter().map(|one: &CertificateRequest| one.name().to_owned()).collect();
    assert_eq!(requests, ["root-2"]);
    let second = engine.cluster().get::<Secret>(Some("shop"), "root-tls").unwrap();
    assert_ne!(second.bytes("tls.key"), first.bytes("tls.key"));
    let said: Vec<_> = engine.events().all().iter().filter(|event| event.message.starts_with("Renewing")).collect();
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].message, "Renewing certificate as renewal was scheduled at 2026-04-30 00:00:00 +0000 UTC");
}

#[test]
fn an_issuance_that_cannot_begin_waits_without_end() {
    let mut engine = engine(&SELF_SIGNED.replace("issuerRef: {name: self}", "issuerRef: {name: nobody}"));
    run(&mut engine, start());
    let root = certificate(&mut engine, "root");
    assert!(root.is(CertificateConditionType::Issuing) && !root.is(CertificateConditionType::Ready));
    let request = engine.cluster().get::<CertificateRequest>(Some("shop"), "root-1").unwrap().clone();
    let ready = request.condition(crate::api::RequestConditionType::Ready).unwrap();
    assert_eq!(ready.message, "Referenced \"Issuer\" not found: issuer.cert-manager.io \"nobody\" not found");
    assert_eq!(engine.deadline(), None);
}

#[test]
fn a_failed_request_that_does_not_say_when_ends_the_issuance() {
    let foreign = "issuerRef: {name: acme, kind: Mint, group: example.com}";
    let mut engine = engine(&SELF_SIGNED.replace("issuerRef: {name: self}", foreign));
    run(&mut engine, start());
    let request = ObjRef::new(Kind::CertificateRequest, Some("shop"), "root-1");
    engine.cluster().modify::<CertificateRequest>(&request, |request| {
        request.status.conditions.push(condition::new(
            RequestConditionType::Ready,
            ConditionStatus::False,
            RequestReason::Failed,
            "the mint is closed",
        ));
        true
    });
    run(&mut engine, start() + SignedDuration::from_secs(5));
    let root = certificate(&mut engine, "root");
    assert_eq!((root.status.failed_issuance_attempts, root.status.revision), (Some(1), None));
    assert!(!root.is(CertificateConditionType::Issuing));
    assert!(engine.cluster().find::<CertificateRequest>(&request).is_some(), "it stays until the next attempt");
}

#[test]
fn the_same_seed_takes_the_same_steps() {
    let trace = |seed| run(&mut seeded(seed, SELF_SIGNED), start());
    assert_eq!(trace(3), trace(3));
    assert_ne!(trace(3), trace(4));
}
