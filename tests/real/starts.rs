//! A diagnosis that starts from an Ingress, a Gateway or a host, and a dry run over what the cluster holds.

use std::time::Duration;

use crate::diagnosis::Diagnosis;
use crate::lab::{Lab, Place, wait_for};

fn ingress(place: &Place, name: &str, host: &str, annotation: &str) {
    place.apply(&format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: {name}, annotations: {{{annotation}}}}}\nspec:\n  tls:\n  - hosts: \
         [{host}]\n    secretName: {name}-tls\n  rules:\n  - host: {host}\n    http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: \
         {{name: {name}, port: {{number: 80}}}}}}}}]}}\n"
    ));
}

#[test]
fn an_ingress_with_a_slip_of_the_pen_and_its_host_are_diagnosed() {
    let place = Lab::shared().place("starts-typo");
    ingress(&place, "app", "typo.example.com", "cert-manager.io/clusterissuer: lab-ca");
    let found = Diagnosis::of(&place, "ingress/app").because("ingress-annotation-old-group");
    assert_eq!((found.verdict.as_str(), found.output.code), ("failing", 1), "{}", found.output);
    let by_host = Diagnosis::of(&place, "https://typo.example.com/").because("ingress-annotation-old-group");
    assert_eq!(by_host.output.json()["targets"][0]["object"]["kind"], "Host", "{}", by_host.output);
    // What the finding says to do mends it.
    let fix = by_host.output.json()["targets"][0]["findings"][0]["fix"][0]["command"].as_str().unwrap().to_owned();
    let words: Vec<&str> = fix.split_whitespace().skip(1).collect();
    place.lab.kubectl(&words);
    place.until("app-tls", "Ready", "True");
    let mended = Diagnosis::of(&place, "ingress/app").expect("healthy", "settled");
    let ends = &mended.output.json()["targets"][0]["paths"][0]["objects"];
    assert_eq!(ends.as_array().unwrap().last().unwrap()["name"], "app-tls", "{}", mended.output);
    Diagnosis::of(&place, "starts-typo.example.org").because_nothing();
}

#[test]
fn a_gateway_that_lacks_a_hostname_is_diagnosed_and_played() {
    let place = Lab::shared().place("starts-gateway");
    let gateway = |hostname: &str| {
        place.apply(&format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: edge, annotations: {{cert-manager.io/cluster-issuer: \
             lab-ca}}}}\nspec:\n  gatewayClassName: none\n  listeners:\n  - {{name: https, port: 443, protocol: HTTPS, {hostname} tls: \
             {{certificateRefs: [{{name: edge-tls}}]}}}}\n"
        ));
    };
    gateway("");
    Diagnosis::of(&place, "gateway/edge").because("gateway-listener-skipped");
    let told = wait_for("the event BadConfig", Duration::from_secs(30), || {
        let text = place.kubectl(&["get", "events", "-o", "yaml"]);
        text.contains("Skipped a listener block").then_some(text)
    });
    assert!(told.contains("the hostname cannot be empty"));
    gateway("hostname: edge.starts.example.com,");
    place.until("edge-tls", "Ready", "True");
    Diagnosis::of(&place, "gtw/edge").expect("healthy", "settled");
    // A dry run over the same cluster finds nothing left to make.
    let world = place.lab.folder("starts-gateway").join("world.yaml");
    std::fs::write(
        &world,
        "apiVersion: cert.kubectl.dev/v1\nkind: World\ncontroller:\n  flags: [--enable-gateway-api]\n",
    )
    .unwrap();
    // The exit code is not asked: the Secret of a ClusterIssuer is in a namespace that is not read.
    let played = place.cert(&["dry-run", "--live", "--world", world.to_str().unwrap(), "-o", "json"]);
    let items = played.json()["items"].as_array().unwrap().clone();
    let made: Vec<&str> = items
        .iter()
        .filter(|item| item["kind"] == "Certificate")
        .map(|item| item["metadata"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(made, ["edge-tls"], "{played}");
}
