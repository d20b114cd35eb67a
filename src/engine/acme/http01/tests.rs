//! What presenting makes.

use serde_json::{Value, json};

use super::*;
use crate::api::HttpRoute;
use crate::engine::acme::client::Clients;
use crate::engine::calls::Calls;
use crate::engine::cluster::Cluster;
use crate::engine::queue::{Item, Queue};
use crate::engine::random::Random;

/// What comes of presenting a Challenge with this solver, for this name.
fn presented(flags: &Flags, name: &str, solver: &Value, times: usize) -> (Cluster, Result<(), String>) {
    let challenge: Challenge = serde_json::from_value(json!({
        "metadata": {"name": "web-1-1-1", "namespace": "shop"},
        "spec": {"dnsName": name, "type": "HTTP-01", "token": "tok", "key": "tok.print", "solver": {"http01": solver}},
    }))
    .unwrap();
    presented_for(flags, challenge, times)
}

fn presented_for(flags: &Flags, challenge: Challenge, times: usize) -> (Cluster, Result<(), String>) {
    let mut cluster = Cluster::new("2026-03-01T00:00:00Z".parse().unwrap(), Random::seeded(1));
    let object = cluster.adopt(challenge);
    let item: Item = (crate::engine::controller::Controller::Challenges, object.clone());
    let challenge = cluster.find::<Challenge>(&object).unwrap().clone();
    let mut turn = Turn {
        now: "2026-03-01T00:00:00Z".parse().unwrap(),
        flags,
        cluster: &mut cluster,
        clients: &mut Clients::default(),
        item: &item,
        queue: &mut Queue::default(),
        calls: &mut Calls::default(),
        told: Vec::new(),
        is_open: false,
        outside: Vec::new(),
        refusals: Vec::new(),
    };
    let mut last = Ok(());
    for _ in 0..times {
        last = present(&mut turn, &challenge);
    }
    (cluster, last)
}

fn plain(solver: &Value) -> Cluster {
    let (cluster, result) = presented(&Flags::default(), "www.example.com", solver, 2);
    assert_eq!(result, Ok(()));
    cluster
}

/// The only object of a kind, as JSON without what the API server adds.
fn only<T: Kept + serde::Serialize>(cluster: &Cluster) -> Value {
    let all: Vec<_> = T::shelf(cluster).iter().collect();
    assert_eq!(all.len(), 1);
    let mut json = serde_json::to_value(all[0]).unwrap();
    let name = json["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("cm-acme-http-solver-") && name.len() == 25, "{name}");
    assert_eq!(json["metadata"]["ownerReferences"][0]["name"], "web-1-1-1");
    for key in ["name", "uid", "creationTimestamp", "generation", "generateName", "ownerReferences", "namespace"] {
        json["metadata"].as_object_mut().unwrap().remove(key);
    }
    json
}

fn own_labels() -> Value {
    json!({
        "acme.cert-manager.io/http-domain": adler32(b"www.example.com").to_string(),
        "acme.cert-manager.io/http-token": adler32(b"tok").to_string(),
        "acme.cert-manager.io/http01-solver": "true",
    })
}

#[test]
fn pod_service_and_ingress_are_those_of_cert_manager() {
    let cluster = plain(&json!({"ingress": {}}));
    let pod = only::<k8s_openapi::api::core::v1::Pod>(&cluster);
    let annotations =
        json!({"cluster-autoscaler.kubernetes.io/safe-to-evict": "true", "sidecar.istio.io/inject": "false"});
    assert_eq!(pod["metadata"], json!({"labels": own_labels(), "annotations": annotations}));
    let expected = json!({
        "automountServiceAccountToken": false,
        "containers": [{
            "args": ["--listen-port=8089", "--domain=www.example.com", "--token=tok", "--key=tok.print"],
            "image": "quay.io/jetstack/cert-manager-acmesolver:v1.21.1",
            "imagePullPolicy": "IfNotPresent",
            "name": "acmesolver",
            "ports": [{"containerPort": 8089, "name": "http"}],
            "resources": {"limits": {"cpu": "100m", "memory": "64Mi"}, "requests": {"cpu": "10m", "memory": "64Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": true,
            },
        }],
        "enableServiceLinks": false,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "restartPolicy": "OnFailure",
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
    });
    assert_eq!(pod["spec"], expected);

    let service = only::<k8s_openapi::api::core::v1::Service>(&cluster);
    assert_eq!(service["metadata"], json!({"labels": own_labels(), "annotations": {"auth.istio.io/8089": "NONE"}}));
    let ports = json!([{"name": "http", "port": 8089, "targetPort": 8089}]);
    assert_eq!(service["spec"], json!({"type": "NodePort", "ports": ports, "selector": own_labels()}));

    let name = cluster.services.iter().next().unwrap().name().to_owned();
    let ingress = only::<k8s_openapi::api::networking::v1::Ingress>(&cluster);
    let annotations = json!({"nginx.ingress.kubernetes.io/whitelist-source-range": "0.0.0.0/0,::/0"});
    assert_eq!(ingress["metadata"], json!({"labels": own_labels(), "annotations": annotations}));
    let paths = json!([{
        "backend": {"service": {"name": name, "port": {"number": 8089}}},
        "path": "/.well-known/acme-challenge/tok",
        "pathType": "Exact",
    }]);
    assert_eq!(ingress["spec"], json!({"rules": [{"host": "www.example.com", "http": {"paths": paths}}]}));
}

/// Saved from a real control plane, which adds its defaults.
#[test]
fn real_solver_objects_are_those_that_we_make() {
    let saved = include_str!("../../../../tests/cases/http01-solver-pod-not-running/objects.yaml");
    let saved: Vec<Value> = serde_saphyr::from_multiple(saved).unwrap();
    let real = |kind: &str| saved.iter().find(|object| object["kind"] == kind).unwrap();
    let challenge: Challenge = serde_json::from_value(real("Challenge").clone()).unwrap();
    let (cluster, result) = presented_for(&Flags::default(), challenge, 1);
    assert_eq!(result, Ok(()));
    let pod = serde_json::to_value(cluster.pods.iter().next().unwrap()).unwrap();
    let ingress = serde_json::to_value(cluster.ingresses.iter().next().unwrap()).unwrap();
    for (mut ours, real) in [(pod, real("Pod")), (ingress, real("Ingress"))] {
        for key in ["name", "uid", "creationTimestamp"] {
            ours["metadata"].as_object_mut().unwrap().remove(key);
        }
        if let Some(service) = ours.pointer_mut("/spec/rules/0/http/paths/0/backend/service/name") {
            *service = real.pointer("/spec/rules/0/http/paths/0/backend/service/name").unwrap().clone();
        }
        assert_eq!(missing(real, &ours), None);
    }
}

/// What of ours is not in the real object, if anything.
fn missing(real: &Value, ours: &Value) -> Option<String> {
    match (real, ours) {
        (Value::Object(real), Value::Object(ours)) => ours.iter().find_map(|(key, value)| {
            let found = real.get(key).unwrap_or(&Value::Null);
            missing(found, value).map(|path| format!("{key}.{path}"))
        }),
        (Value::Array(real), Value::Array(ours)) if real.len() == ours.len() => {
            real.iter().zip(ours).find_map(|(real, ours)| missing(real, ours))
        }
        _ => (real != ours).then(|| format!(" {real} is not {ours}")),
    }
}

#[test]
fn class_class_name_and_service_type_go_where_they_belong() {
    let cluster = plain(&json!({"ingress": {"class": "nginx", "serviceType": "ClusterIP"}}));
    let ingress = only::<k8s_openapi::api::networking::v1::Ingress>(&cluster);
    assert_eq!(ingress["metadata"]["annotations"]["kubernetes.io/ingress.class"], "nginx");
    assert_eq!(ingress["spec"]["ingressClassName"], Value::Null);
    assert_eq!(only::<k8s_openapi::api::core::v1::Service>(&cluster)["spec"]["type"], "ClusterIP");
    let cluster = plain(&json!({"ingress": {"ingressClassName": "nginx"}}));
    let ingress = only::<k8s_openapi::api::networking::v1::Ingress>(&cluster);
    assert_eq!(ingress["metadata"]["annotations"].as_object().unwrap().len(), 1);
    assert_eq!(ingress["spec"]["ingressClassName"], "nginx");
    let both = json!({"ingress": {"ingressClassName": "a", "class": "b"}});
    let (cluster, result) = presented(&Flags::default(), "www.example.com", &both, 1);
    assert_eq!(result, Err("the fields ingressClassName and class cannot be set at the same time".to_owned()));
    assert_eq!((cluster.pods.len(), cluster.ingresses.len()), (1, 0));
}

#[test]
fn templates_are_merged_over_the_defaults() {
    let cluster = plain(&json!({"ingress": {
        "podTemplate": {
            "metadata": {"labels": {"team": "shop"}, "annotations": {"sidecar.istio.io/inject": "true"}},
            "spec": {
                "nodeSelector": {"disk": "ssd"},
                "tolerations": [{"key": "a", "operator": "Exists"}],
                "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}},
                "priorityClassName": "high",
                "serviceAccountName": "solver",
                "imagePullSecrets": [{"name": "pull"}],
                "securityContext": {"runAsUser": 7, "seLinuxOptions": {"level": "s0"}},
                "resources": {"requests": {"cpu": "1m"}, "limits": {"gpu": "1"}},
            },
        },
        "ingressTemplate": {"metadata": {
            "labels": {"team": "shop"},
            "annotations": {"example.com/whitelist-source-range": "10.0.0.0/8"},
        }},
    }}));
    let pod = only::<k8s_openapi::api::core::v1::Pod>(&cluster);
    assert_eq!(pod["metadata"]["labels"]["team"], "shop");
    assert_eq!(pod["metadata"]["annotations"]["sidecar.istio.io/inject"], "true");
    let spec = &pod["spec"];
    assert_eq!(spec["nodeSelector"], json!({"kubernetes.io/os": "linux", "disk": "ssd"}));
    assert_eq!(spec["tolerations"], json!([{"key": "a", "operator": "Exists"}]));
    let terms = json!({"nodeSelectorTerms": []});
    assert_eq!(spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"], terms);
    assert_eq!((&spec["priorityClassName"], &spec["serviceAccountName"]), (&json!("high"), &json!("solver")));
    assert_eq!(spec["imagePullSecrets"], json!([{"name": "pull"}]));
    assert_eq!(spec["securityContext"], json!({"runAsUser": 7, "seLinuxOptions": {"level": "s0"}}), "put in its place");
    let resources = json!({
        "requests": {"cpu": "1m", "memory": "64Mi"},
        "limits": {"cpu": "100m", "memory": "64Mi", "gpu": "1"},
    });
    assert_eq!(spec["containers"][0]["resources"], resources);
    let ingress = only::<k8s_openapi::api::networking::v1::Ingress>(&cluster);
    assert_eq!(ingress["metadata"]["labels"]["team"], "shop");
    let annotations = json!({"example.com/whitelist-source-range": "10.0.0.0/8"});
    assert_eq!(ingress["metadata"]["annotations"], annotations);
}

#[test]
fn extra_labels_come_from_the_flags_and_hide_none_of_ours() {
    let extra = [("team", "shop"), ("acme.cert-manager.io/http01-solver", "false")];
    let extra = extra.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let flags = Flags { http01_solver_extra_labels: extra.into(), ..Flags::default() };
    let (cluster, _) = presented(&flags, "www.example.com", &json!({"ingress": {}}), 2);
    let service = only::<k8s_openapi::api::core::v1::Service>(&cluster);
    assert_eq!(service["metadata"]["labels"]["team"], "shop");
    assert_eq!(service["metadata"]["labels"]["acme.cert-manager.io/http01-solver"], "true");
    assert_eq!(service["spec"]["selector"], own_labels());
}

#[test]
fn a_route_leads_from_the_parents_to_the_service() {
    let parents = json!([{"name": "edge", "namespace": "infra", "kind": "Gateway"}]);
    let solver = json!({"gatewayHTTPRoute": {"parentRefs": parents, "labels": {"team": "shop"}}});
    let mut flags = Flags::default();
    flags.shim.gateway_api = true;
    let (cluster, result) = presented(&flags, "www.example.com", &solver, 2);
    assert_eq!(result, Ok(()));
    let route = only::<HttpRoute>(&cluster);
    assert_eq!(route["metadata"]["labels"]["team"], "shop");
    let name = cluster.services.iter().next().unwrap().name().to_owned();
    let expected = json!({
        "parentRefs": parents,
        "hostnames": ["www.example.com"],
        "rules": [{
            "matches": [{"path": {"type": "Exact", "value": "/.well-known/acme-challenge/tok"}}],
            "backendRefs": [{
                "group": "", "kind": "Service", "name": name, "namespace": "shop", "port": 8089, "weight": 1,
            }],
        }],
    });
    assert_eq!(route["spec"], expected);
    let (_, result) = presented(&Flags::default(), "www.example.com", &solver, 1);
    assert_eq!(result, Err("couldn't Present challenge shop/web-1-1-1: gateway api is not enabled".to_owned()));
}

#[test]
fn an_address_has_no_host() {
    let (cluster, _) = presented(&Flags::default(), "192.0.2.1", &json!({"ingress": {}}), 1);
    assert_eq!(only::<k8s_openapi::api::networking::v1::Ingress>(&cluster)["spec"]["rules"][0]["host"], Value::Null);
}

#[test]
fn a_solver_of_neither_kind_makes_a_pod_and_no_more() {
    let (cluster, result) = presented(&Flags::default(), "www.example.com", &json!({}), 1);
    assert_eq!(result, Err("neither HTTP01 Ingress nor Gateway solvers were found".to_owned()));
    assert_eq!((cluster.pods.len(), cluster.services.len()), (1, 0));
}

#[test]
fn a_named_ingress_must_be_there() {
    let (_, result) = presented(&Flags::default(), "www.example.com", &json!({"ingress": {"name": "site"}}), 1);
    assert_eq!(result, Err("ingress.networking.k8s.io \"site\" not found".to_owned()));
}

#[test]
fn errors_are_joined_as_kubernetes_joins_them() {
    let error = |text: &str| Err(text.to_owned());
    assert_eq!(aggregate([Ok(()), Ok(())]), Ok(()));
    assert_eq!(aggregate([error("a"), error("a")]), error("a"));
    assert_eq!(aggregate([error("a"), error("b")]), error("[a, b]"));
}
