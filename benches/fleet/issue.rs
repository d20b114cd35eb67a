//! What it costs to play issuances: ECDSA certificates of one CA issuer, beside a bare loop that makes as many keys,
//! requests and certificates with the same library, and beside the real controllers.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use kubectl_cert::api::{Certificate, CertificateConditionType, ClusterIssuer};
use kubectl_cert::dryrun::outside::Outside;
use kubectl_cert::dryrun::world::World;
use kubectl_cert::dryrun::{Limits, play};
use kubectl_cert::engine::Engine;
use kubectl_cert::engine::flags::Flags;
use kubectl_cert::engine::name::request_name;
use kubectl_cert::engine::renewal;
use kubectl_cert::pki::{Gates, RequestInfo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::Bench;
use crate::child::{Cost, megabytes};
use crate::lab::Lab;
use crate::table::Table;

/// Certificates that the real controllers issue: they take a fifth of a second for each.
const REAL: usize = 60;

/// The mode `bare`: a key, a request and a certificate, so many times.
pub fn bare(count: usize) -> anyhow::Result<()> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = Issuer::new(params, KeyPair::generate()?);
    for number in 0..count {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new([format!("c{number}.example.com")])?;
        let request = params.serialize_request(&key)?.pem()?;
        let certificate = params.signed_by(&key, &issuer)?.pem();
        ensure!(!request.is_empty() && !certificate.is_empty() && !key.serialize_pem().is_empty());
    }
    Ok(())
}

/// The mode `play`: the engine and its world, from objects to objects.
pub fn played(count: usize) -> anyhow::Result<()> {
    let start = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * 20_000);
    let mut engine = Engine::new(start, 1, Flags::default());
    for name in ["selfsigned", "ca"] {
        let spec = if name == "ca" { r#"{"ca":{"secretName":"root"}}"# } else { r#"{"selfSigned":{}}"# };
        let issuer: ClusterIssuer =
            serde_json::from_str(&format!(r#"{{"metadata":{{"name":"{name}"}},"spec":{spec}}}"#))?;
        engine.cluster().adopt(issuer);
    }
    engine.cluster().adopt(serde_json::from_str::<Certificate>(
        r#"{"metadata":{"name":"root","namespace":"cert-manager"},"spec":{"isCA":true,"commonName":"Root","secretName":"root",
            "privateKey":{"algorithm":"ECDSA"},"issuerRef":{"name":"selfsigned","kind":"ClusterIssuer"}}}"#,
    )?);
    for number in 0..count {
        engine.cluster().adopt(certificate(number)?);
    }
    let mut outside = Outside::new(World::default(), start, 1);
    let limits = Limits { until: start + jiff::SignedDuration::from_hours(24), steps: usize::MAX };
    play(&mut engine, &mut outside, start, limits, &mut |_, _| {});
    let is_ready = |certificate: &Certificate| certificate.is(CertificateConditionType::Ready);
    let ready = engine.objects().certificates.iter().filter(|certificate| is_ready(certificate)).count();
    ensure!(ready == count + 1, "{ready} of {count} certificates and their CA are ready");
    // The kernel takes the memory back faster than all its parts could be given back.
    std::mem::forget(engine);
    Ok(())
}

/// The mode `plan`: all that can be said of an issuance without a key: names, what the request will hold, when it is
/// renewed.
pub fn plan(count: usize) -> anyhow::Result<()> {
    let now = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * 20_000);
    let end = now + kubectl_cert::pki::DEFAULT_DURATION;
    for number in 0..count {
        let certificate = certificate(number)?;
        let info = RequestInfo::of(&certificate.spec, Gates::default())?;
        let due = renewal::of_spec(now, end, &certificate.spec);
        let name = request_name(certificate.metadata.name.as_deref().unwrap_or_default(), 1);
        ensure!(!info.extensions.is_empty() && !name.is_empty() && due.at.is_some_and(|at| at < end));
    }
    Ok(())
}

fn certificate(number: usize) -> anyhow::Result<Certificate> {
    Ok(serde_json::from_str(&format!(
        r#"{{"metadata":{{"name":"c{number}","namespace":"shop"}},"spec":{{"secretName":"c{number}-tls",
            "dnsNames":["c{number}.example.com"],"privateKey":{{"algorithm":"ECDSA","size":256}},
            "issuerRef":{{"name":"ca","kind":"ClusterIssuer"}}}}}}"#
    ))?)
}

fn manifests(count: usize) -> String {
    let mut text = "apiVersion: cert-manager.io/v1\nkind: ClusterIssuer\nmetadata: {name: selfsigned}\nspec: {selfSigned: {}}\n\
        ---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: root, namespace: cert-manager}\nspec:\n  \
        isCA: true\n  commonName: Root\n  secretName: root\n  privateKey: {algorithm: ECDSA}\n  \
        issuerRef: {name: selfsigned, kind: ClusterIssuer}\n\
        ---\napiVersion: cert-manager.io/v1\nkind: ClusterIssuer\nmetadata: {name: ca}\nspec: {ca: {secretName: root}}\n"
        .to_owned();
    for number in 0..count {
        let _ = write!(
            text,
            "---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {{name: c{number}, namespace: shop}}\nspec:\n  \
             secretName: c{number}-tls\n  dnsNames: [c{number}.example.com]\n  privateKey: {{algorithm: ECDSA, size: 256}}\n  \
             issuerRef: {{name: ca, kind: ClusterIssuer}}\n"
        );
    }
    text
}

pub fn measure(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    let (few, many, most) = (bench.size(1_000), bench.size(10_000), bench.size(100_000));
    let cost = |mode: &str, count: usize, runs| bench.baseline.cost(runs, &[mode, &count.to_string()]);
    let bare = cost("bare", many, 3)?;
    let bare_words = format!("bare loop {}", a_second(&bare, many));
    let played = cost("play", many, 3)?;
    let figure = format!("engine, {many} ECDSA certificates of a CA issuer");
    let words = format!("{}, {}", a_second(&played, many), played.memory_words());
    table.goal(&figure, "5000 a second at least", &words, &bare_words, rate(&played, many) >= 5_000.0);
    let ratio = bare.times_faster_than(&played);
    table.goal(&figure, "2 times the bare loop at most", &format!("{ratio:.2} times"), &bare_words, ratio <= 2.0);
    let played_few = cost("play", few, 3)?;
    let memory = grown(&played_few, few, &played, many);
    table.goal(&figure, "10 KB a certificate at most", &format!("{:.1} KB", memory / 1e3), "", memory <= 10_000.0);
    let played_most = cost("play", most, 1)?;
    let (small, large) = (each(&played, many), each(&played_most, most));
    let words = format!("{large:.0} µs each, {small:.0} for {many}; {}", played_most.memory_words());
    table.goal(&format!("engine, {most} of them"), "linear", &words, "", large <= small * 1.2);
    let plan = cost("plan", most, 3)?;
    let met = rate(&plan, most) >= 50_000.0;
    table.goal(&format!("planning {most} without keys"), "50000 a second at least", &a_second(&plan, most), "", met);
    whole(bench, table, &bare, [few, many, most])
}

/// The command, from YAML to JSON.
fn whole(bench: &Bench, table: &mut Table, bare: &Cost, [few, many, most]: [usize; 3]) -> anyhow::Result<()> {
    let mut costs = Vec::new();
    for (count, runs) in [(few, 3), (many, 3), (most, 1)] {
        let file = bench.work.join(format!("certificates-{count}.yaml"));
        std::fs::write(&file, manifests(count))?;
        costs.push(bench.ours.cost(runs, &["dry-run", "-f", &file.to_string_lossy(), "-o", "json"])?);
        std::fs::remove_file(&file)?;
    }
    let [first, second, third] = costs[..] else { unreachable!("three sizes") };
    let figure = format!("`dry-run -f FILE -o json`, {many} of them");
    let words = format!("{}, {}", a_second(&second, many), second.memory_words());
    table.goal(&figure, "5000 a second at least", &words, "", rate(&second, many) >= 5_000.0);
    let ratio = bare.times_faster_than(&second);
    table.goal(&figure, "2 times the bare loop at most", &format!("{ratio:.2} times"), "", ratio <= 2.0);
    let memory = grown(&first, few, &second, many);
    table.goal(&figure, "10 KB a certificate at most", &format!("{:.1} KB", memory / 1e3), "", memory <= 10_000.0);
    let (small, large) = (each(&second, many), each(&third, most));
    let words = format!("{large:.0} µs each, {small:.0} for {many}; {}", megabytes(third.memory));
    table.goal(&format!("`dry-run -f FILE -o json`, {most} of them"), "linear", &words, "", large <= small * 1.2);
    Ok(())
}

/// The same certificates from the real controllers.
pub fn real(bench: &Bench, lab: &Lab, table: &mut Table) -> anyhow::Result<()> {
    let file = bench.work.join("certificates.yaml");
    std::fs::write(&file, manifests(REAL))?;
    let kubectl = |args: &[&str]| -> anyhow::Result<()> {
        let out = bench.kubectl.run(&[&["--kubeconfig", lab.kubeconfig()], args].concat())?;
        ensure!(out.status.success(), "kubectl {}: {}", args.join(" "), String::from_utf8_lossy(&out.stderr));
        Ok(())
    };
    for namespace in ["shop", "cert-manager"] {
        // It may be there.
        let _ = kubectl(&["create", "namespace", namespace]);
    }
    let began = Instant::now();
    kubectl(&["apply", "-f", &file.to_string_lossy()]).context("the certificates are not applied")?;
    let wait = ["wait", "--for=condition=Ready", "certificates", "--all", "-n", "shop", "--timeout=120s"];
    kubectl(&wait).context("the certificates are not issued")?;
    let took = began.elapsed();
    let rate = count(REAL) / took.as_secs_f64();
    table.info(&format!("the real controllers, {REAL} of them"), "", &format!("{rate:.1} a second"));
    Ok(())
}

fn a_second(cost: &Cost, number: usize) -> String {
    format!("{:.0} a second", rate(cost, number))
}

fn rate(cost: &Cost, number: usize) -> f64 {
    count(number) / cost.wall.as_secs_f64()
}

/// Microseconds for one.
fn each(cost: &Cost, number: usize) -> f64 {
    cost.wall.as_secs_f64() * 1e6 / count(number)
}

/// Bytes of memory for each one more.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn grown(less: &Cost, few: usize, more: &Cost, many: usize) -> f64 {
    more.memory.saturating_sub(less.memory) as f64 / count(many - few)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}
