//! Whole runs.

use jiff::{SignedDuration, Timestamp};

use super::timeline::Recorder;
use super::world::World;
use super::*;
use crate::api::{Certificate, CertificateConditionType, Issuer, Object};
use crate::engine::cluster::Kept;
use crate::engine::flags::Flags;
use crate::objref::Kind;

fn start() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

fn world(yaml: &str) -> World {
    let head = "apiVersion: cert.kubectl.dev/v1\nkind: World\n";
    world::read("world.yaml", &format!("{head}{yaml}")).unwrap_or_else(|fault| panic!("{fault}"))
}

/// A run that is over, with its timeline as `+SECONDS OBJECT: WHAT`.
struct Ran {
    engine: Engine,
    over: Over,
    told: Vec<String>,
    trace: Vec<String>,
}

fn run(yaml: &str, world: World, until: &str) -> Ran {
    run_with(yaml, world, until, 1, 100_000)
}

fn run_with(yaml: &str, world: World, until: &str, seed: u64, steps: usize) -> Ran {
    let mut flags: Flags = world.controller.flags();
    if world.approval.is_some() {
        flags.disabled.insert(crate::engine::controller::Controller::Approver);
    }
    let mut engine = Engine::new(start(), seed, flags);
    let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(yaml).unwrap();
    for document in documents {
        fn adopt<T: Kept + serde::de::DeserializeOwned>(engine: &mut Engine, document: serde_json::Value) {
            engine.cluster().adopt::<T>(serde_json::from_value(document).unwrap());
        }
        match document["kind"].as_str().unwrap() {
            "Issuer" => adopt::<Issuer>(&mut engine, document),
            "Certificate" => adopt::<Certificate>(&mut engine, document),
            other => panic!("{other}"),
        }
    }
    let mut outside = Outside::new(world, start(), seed);
    let until: world::Span = until.parse().unwrap();
    let limits = Limits { until: start() + until.0, steps };
    let mut recorder = Recorder::begin(engine.objects());
    let mut tracer = trace::Tracer::default();
    let mut trace = Vec::new();
    let over = play(&mut engine, &mut outside, start(), limits, &mut |moment, engine| {
        recorder.see(moment, engine);
        trace.push(serde_json::to_string(&tracer.line(moment, engine)).unwrap());
    });
    let told = recorder.finish().entries;
    let told = told.iter().map(|entry| {
        let seconds = entry.at.duration_since(start()).as_secs();
        format!("+{seconds} {}: {} {} {}", entry.object, entry.what, entry.why, entry.count)
    });
    Ran { told: told.collect(), engine, over, trace }
}

impl Ran {
    fn is_ready(&self, name: &str) -> bool {
        let certificate = self.engine.objects().get::<Certificate>(Some("shop"), name).unwrap();
        certificate.is(CertificateConditionType::Ready)
    }

    fn tells(&self, words: &str) -> bool {
        self.told.iter().any(|line| line.contains(words))
    }
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

#[test]
fn a_run_ends_when_nothing_more_is_due_in_its_time() {
    let ran = run(SELF_SIGNED, world(""), "24h");
    assert!(ran.is_ready("root"), "{:?}", ran.told);
    let renewal = start() + SignedDuration::from_hours(60 * 24);
    assert_eq!((ran.over.ended, ran.over.last), (Ended::TimeUp { next: renewal }, start()));
    assert!(ran.tells("+0 Certificate shop/root: issuance begins") && ran.tells("ready: revision 1"), "{:?}", ran.told);
    let nobody = run(&SELF_SIGNED.replace("issuerRef: {name: self}", "issuerRef: {name: nobody}"), world(""), "24h");
    assert_eq!(nobody.over.ended, Ended::AtRest);
    assert!(!nobody.is_ready("root") && nobody.tells("waits Referenced \"Issuer\" not found"), "{:?}", nobody.told);
}

#[test]
fn a_longer_run_renews_and_tells_each_renewal_once() {
    let ran = run(SELF_SIGNED, world(""), "70d");
    let ready: Vec<_> = ran.told.iter().filter(|line| line.contains("Certificate shop/root: ready")).collect();
    assert_eq!(ready.len(), 2, "{ready:?}");
    assert!(ready[1].starts_with("+5184000 ") && ready[1].contains("revision 2"), "{ready:?}");
}

#[test]
fn a_run_stops_at_its_most_steps() {
    let ran = run_with(SELF_SIGNED, world(""), "24h", 1, 3);
    assert_eq!((ran.over.ended, ran.over.steps), (Ended::TooManySteps, 3));
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed| run_with(SELF_SIGNED, world(""), "70d", seed, 100_000).trace;
    assert_eq!(trace(3), trace(3));
    assert_ne!(trace(3), trace(4));
}

#[test]
fn a_policy_approves_denies_or_lets_wait() {
    let approved = run(SELF_SIGNED, world("approval: {rules: [{decision: approve, after: 30s}]}"), "24h");
    assert!(
        approved.is_ready("root")
            && approved.tells("+30 CertificateRequest shop/root-1: approved by policy.cert-manager.io"),
        "{:?}",
        approved.told
    );
    let denied = run(
        SELF_SIGNED,
        world(
            "approval: {rules: [{namespaces: [shop], names: [root.example.com], decision: deny, message: not ours}]}",
        ),
        "24h",
    );
    assert!(!denied.is_ready("root") && denied.tells("denied not ours (policy.cert-manager.io)"), "{:?}", denied.told);
    let waiting = run(SELF_SIGNED, world("approval: {rules: [{issuers: [other], decision: approve}]}"), "24h");
    assert!(!waiting.is_ready("root") && !waiting.tells("approved"), "{:?}", waiting.told);
}

#[test]
fn cyclic_cas_wait_for_each_other() {
    let ca = |own: &str, other: &str| {
        format!(
            "---\napiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {{name: {own}, namespace: shop}}\nspec: {{ca: \
             {{secretName: {own}-tls}}}}\n---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {{name: {own}, \
             namespace: shop}}\nspec: {{secretName: {own}-tls, commonName: {own}, isCA: true, privateKey: {{algorithm: \
             ECDSA}}, issuerRef: {{name: {other}}}}}\n"
        )
    };
    let ran = run(format!("{}{}", ca("a", "b"), ca("b", "a")).trim_start_matches("---"), world(""), "24h");
    assert!(!ran.is_ready("a") && !ran.is_ready("b"));
    // The issuers look again every five minutes; that is one line.
    let troubles: Vec<_> = ran.told.iter().filter(|line| line.contains("tries again")).collect();
    assert!(troubles.len() <= 2, "{troubles:?}");
    assert!(ran.over.steps < 2_000, "{:?}", ran.over);
}

#[test]
fn repeated_troubles_are_one_line_with_their_number() {
    let ca = SELF_SIGNED.replace("spec: {selfSigned: {}}", "spec: {ca: {secretName: nowhere}}");
    let ran = run(&ca, world(""), "1h");
    let lines: Vec<_> = ran.told.iter().filter(|line| line.contains("Issuer shop/self")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(
        ran.engine.objects().get::<Issuer>(Some("shop"), "self").map(Object::objref).unwrap().kind,
        Kind::Issuer
    );
}
