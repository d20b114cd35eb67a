//! Users who may see little: what they get, and that the rest is named.

use crate::lab::{Lab, Place};
use crate::run::flat;

/// A namespace with an issued certificate.
fn issued<'l>(lab: &'l Lab, namespace: &str) -> Place<'l> {
    let place = lab.place(namespace);
    place.certificate("web", &format!("{namespace}.example.com"), "lab-ca");
    place.until("web", "Ready", "True");
    place
}

#[test]
fn a_viewer_without_secrets_and_cluster_issuers_gets_an_answer_that_names_them() {
    let lab = Lab::shared();
    let place = issued(lab, "rbac-viewer");
    lab.cmd("grant viewer rbac-viewer");
    for command in ["diagnose", "status"] {
        let output = place.cert_as("viewer", &[command, "web"]).expect_code(0);
        output.says("Certificate rbac-viewer/web");
        let said = flat(&format!("{} {}", output.stdout, output.stderr));
        for refused in ["get secrets", "get clusterissuers.cert-manager.io"] {
            assert!(said.contains(&format!("no permission to {refused}")), "{command}: {refused}: {output}");
        }
        assert!(!said.contains("Secret web-tls does not exist"), "{command}: {output}");
    }
    place.cert_as("viewer", &["diagnose", "web"]).says("healthy Certificate rbac-viewer/web");
    place.cert_as("viewer", &["status"]).expect_code(0).says("web True settled");
    let swept = place.cert_as("viewer", &["diagnose"]).expect_code(0);
    swept.says("Certificate rbac-viewer/web");
    swept.says("no permission to list clusterissuers.cert-manager.io");
}

#[test]
fn a_viewer_of_one_namespace_is_refused_the_others_as_kubectl_refuses() {
    let lab = Lab::shared();
    lab.cmd("grant viewer rbac-one");
    let words = "Error from server (Forbidden): certificates.cert-manager.io is forbidden: User \"viewer\" cannot list \
                 resource \"certificates\" in API group \"cert-manager.io\"";
    lab.cert_as("viewer", &["status", "-A"]).expect_code(2).complains(&format!("{words} at the cluster scope"));
    lab.cert_as("viewer", &["status", "-n", "kube-system"])
        .expect_code(2)
        .complains(&format!("{words} in the namespace \"kube-system\""));
}

#[test]
fn a_viewer_may_not_renew_and_nothing_changes() {
    let lab = Lab::shared();
    let place = issued(lab, "rbac-renew");
    lab.cmd("grant viewer rbac-renew");
    let before = place.object("certificate", "web");
    place.cert_as("viewer", &["renew", "web"]).expect_code(2).complains(
        "Error from server (Forbidden): certificates.cert-manager.io \"web\" is forbidden: User \"viewer\" cannot update \
         resource \"certificates/status\"",
    );
    assert_eq!(place.object("certificate", "web"), before);
}
