//! The real binary, started from an Ingress, a Gateway, a route, a Pod or a host, against an API server that answers by
//! script: what it asks for, and what it makes of refusals.

use std::fs;

use serde_json::{Value, json};

use super::connect_world::Seen;
use super::live_cases::stored;
use super::scripted::{Scripted, forbidden, status};

const NOW: [&str; 2] = ["--now", "2026-11-22T06:37:00Z"];

async fn world(case: &str) -> Scripted {
    Scripted::new(&format!("start-{case}"), stored(case), |_| None).await
}

/// The requests that list a kind whole, in the cluster or in a namespace.
fn lists<'p>(paths: &'p [String], plural: &str) -> Vec<&'p String> {
    let end = format!("/{plural}");
    paths.iter().filter(|path| path.split('?').next().is_some_and(|place| place.ends_with(&end))).collect()
}

#[tokio::test]
async fn an_ingress_is_asked_for_by_name() {
    let world = world("ingress-annotation-old-group").await;
    let ran = world.run_at(&["diagnose", "ing/grafana", "-n", "monitoring"], NOW).await;
    ran.expect(1, &["failing Ingress monitoring/grafana:", "ingress-annotation-old-group"]);
    let first = ran.stdout.lines().next().unwrap_or_default();
    assert!(first.starts_with("failing Ingress monitoring/grafana: Ingress grafana names its issuer by"), "{first}");
    let paths = world.paths();
    assert!(paths.len() <= 16, "{paths:#?}");
    assert_eq!(lists(&paths, "ingresses"), Vec::<&String>::new());
}

#[tokio::test]
async fn a_host_is_searched_for_in_one_list_of_each_kind() {
    let world = world("gateway-not-annotated").await;
    let ran = world.run_at(&["diagnose", "https://app.example.com/login"], NOW).await;
    ran.expect(
        1,
        &[
            "Host app.example.com",
            "gateway-not-annotated-or-disabled",
            "HTTPRoute shop/app \u{2192} Gateway edge/public",
        ],
    );
    let paths = world.paths();
    for plural in ["ingresses", "gateways", "listenersets", "httproutes"] {
        assert_eq!(lists(&paths, plural).len(), 1, "{plural}: {paths:#?}");
    }
    assert_eq!(
        lists(&paths, "certificates").iter().filter(|path| !path.contains("/namespaces/")).count(),
        0,
        "{paths:#?}"
    );
}

#[tokio::test]
async fn a_bare_name_that_is_no_certificates_is_taken_for_a_host() {
    let world = world("ingress-not-annotated").await;
    let ran = world.run_at(&["diagnose", "grafana.example.com"], NOW).await;
    ran.expect(
        1,
        &["No Certificate grafana.example.com in namespace shop: taken for a host name", "ingress-not-annotated"],
    );
    let nobody = world.run_at(&["diagnose", "https://nobody.example.com"], NOW).await;
    nobody.expect(2, &["unknown Host nobody.example.com: nothing that was looked at serves nobody.example.com"]);
    let plain = world.run_at(&["diagnose", "grafana"], NOW).await;
    plain.expect(2, &["certificates.cert-manager.io \"grafana\" not found"]);
}

#[tokio::test]
async fn where_the_cluster_may_not_be_searched_the_namespace_is() {
    let refuse = |seen: &Seen| {
        let place = seen.path.split('?').next().unwrap_or_default();
        (!place.contains("/namespaces/")).then(|| forbidden(seen))
    };
    let objects = |case: &str| -> Vec<Value> {
        let mut objects = stored(case);
        for object in &mut objects {
            if object["metadata"]["namespace"] == "monitoring" {
                object["metadata"]["namespace"] = json!("shop");
            }
        }
        objects
    };
    let world = Scripted::new("start-tenant", objects("ingress-not-annotated"), refuse).await;
    let ran = world.run_at(&["diagnose", "https://grafana.example.com"], NOW).await;
    ran.expect(1, &["ingress-not-annotated", "no permission to list ingresses.networking.k8s.io"]);
    let elsewhere = Scripted::new("start-stranger", stored("ingress-not-annotated"), refuse).await;
    let ran = elsewhere.run_at(&["diagnose", "https://grafana.example.com"], NOW).await;
    ran.expect(2, &["unknown Host grafana.example.com: no permission to list ingresses.networking.k8s.io"]);
}

#[tokio::test]
async fn a_cluster_without_the_gateway_api_has_no_gateways() {
    let absent = |seen: &Seen| {
        let message = "the server could not find the requested resource";
        seen.path.contains("gateway.networking.k8s.io").then(|| status(404, "NotFound", message))
    };
    let world = Scripted::new("start-no-gateways", stored("ingress-not-annotated"), absent).await;
    world.run_at(&["diagnose", "https://grafana.example.com"], NOW).await.expect(1, &["ingress-not-annotated"]);
    world.run_at(&["diagnose", "gateway/public", "-n", "edge"], NOW).await.expect(2, &["Gateway edge/public"]);
}

#[tokio::test]
async fn a_secret_and_a_pod_lead_to_their_certificates() {
    let world = world("host-without-tls-entry").await;
    let ran = world.run_at(&["diagnose", "secret/dashboards-tls", "-n", "monitoring"], NOW).await;
    // The Secret is not there, and the Certificate that writes it is found by its name.
    assert!(!ran.stdout.contains("does not exist"), "{ran}");
    assert!(world.paths().iter().any(|path| path.contains("/certificates/dashboards-tls")), "{ran}");
    let pods = Scripted::new("start-pod", stored("csi-mount-waits"), |_| None).await;
    let ran = pods.run_at(&["diagnose", "pod/api-6c9f7b6d5-x2x9t", "-n", "payments"], NOW).await;
    ran.expect(1, &["csi-mount-waits", "ClusterIssuer letsencrypt is an ACME issuer"]);
}

/// Ingresses that ask in vain are found without being named.
#[tokio::test]
async fn a_namespace_is_diagnosed_with_what_asks_in_vain() {
    let world = world("ingress-bad-annotation-value").await;
    let ran = world.run_at(&["diagnose", "-n", "monitoring"], NOW).await;
    ran.expect(1, &["Ingress monitoring/grafana", "ingress-bad-annotation-value"]);
    let quiet = Scripted::new("start-quiet", stored("ingress-not-annotated"), |_| None).await;
    quiet.run_at(&["diagnose", "-n", "monitoring"], NOW).await.expect(0, &["No resources found"]);
}

#[tokio::test]
async fn a_live_dry_run_plays_the_gateways_that_are_there() {
    let mut objects = stored("gateway-not-annotated-or-disabled");
    objects.retain(|object| object["kind"] != "Deployment");
    let issuer = objects.iter_mut().find(|object| object["kind"] == "ClusterIssuer").unwrap();
    issuer["spec"] = json!({"selfSigned": {}});
    let world = Scripted::new("start-dry-run", objects, |_| None).await;
    let file = world.home.path.join("world.yaml");
    fs::write(&file, "apiVersion: cert.kubectl.dev/v1\nkind: World\ncontroller:\n  flags: [--enable-gateway-api]\n")
        .unwrap();
    let args = ["dry-run", "--live", "-n", "edge", "--world", file.to_str().unwrap(), "-o", "yaml"];
    let ran = world.run_at(&args, NOW).await;
    ran.expect(0, &["kind: Certificate", "name: app-tls", "- app.example.com"]);
    let paths = world.paths();
    for plural in ["gateways", "listenersets", "httproutes", "ingresses"] {
        assert_eq!(lists(&paths, plural).len(), 1, "{plural}: {paths:#?}");
    }
}
