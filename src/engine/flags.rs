//! How the controllers were started: their flags and gates, with cert-manager's defaults.

mod given;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::backoff::BackOff;
use super::controller::Controller;
use super::shim::ShimFlags;
use crate::api::CertificateRequestSpec;
use crate::pki::Gates;

pub use given::Flag;

/// Flags of cert-manager's controller program (`pkg/apis/config/controller`), as far as they change what it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags")]
pub struct Flags {
    /// `--controllers`: those that do not run.
    pub disabled: BTreeSet<Controller>,
    /// `--cluster-resource-namespace`: where ClusterIssuers read their Secrets.
    pub cluster_resource_namespace: String,
    /// `--certificate-request-minimum-backoff-duration` and `-maximum-`.
    pub back_off: BackOff,
    /// `--enable-certificate-owner-ref`.
    pub certificate_owner_ref: bool,
    /// `--copied-annotation-prefixes`; a leading `-` leaves out.
    pub copied_annotation_prefixes: Vec<String>,
    /// `--feature-gates`, as far as they shape requests.
    pub gates: Gates,
    /// `--max-concurrent-challenges`.
    pub max_concurrent_challenges: usize,
    /// `--dns01-check-retry-period`, which counts for HTTP-01 too.
    pub dns01_check_retry_period: SignedDuration,
    /// `--dns01-recursive-nameservers-only`: the self check does not ask the zone's own servers.
    pub dns01_recursive_nameservers_only: bool,
    /// `--issuer-ambient-credentials`: the providers of Issuers may use credentials of the controller's environment.
    pub issuer_ambient_credentials: bool,
    /// `--cluster-issuer-ambient-credentials`.
    pub cluster_issuer_ambient_credentials: bool,
    /// `--acme-http01-solver-image`.
    pub http01_solver_image: String,
    /// `--acme-http01-solver-resource-request-cpu` and its like.
    pub http01_solver_resources: SolverResources,
    /// `--acme-http01-solver-run-as-non-root`.
    pub http01_solver_run_as_non_root: bool,
    /// `--acme-http01-solver-runtime-class-name`.
    pub http01_solver_runtime_class_name: String,
    /// `--acme-http01-solver-extra-labels`.
    pub http01_solver_extra_labels: BTreeMap<String, String>,
    /// Gate `ACMEHTTP01IngressPathTypeExact`, which is on.
    pub http01_ingress_path_type_exact: bool,
    /// Those of the shims.
    pub shim: ShimFlags,
    /// No flag of cert-manager's: whether there is a Vault to ask. Without one the play stops where only Vault can tell.
    pub asks_vault: bool,
}

/// What the Pod of an HTTP-01 solver asks for, as Kubernetes writes quantities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SolverResources {
    pub request_cpu: String,
    pub request_memory: String,
    pub limit_cpu: String,
    pub limit_memory: String,
}

impl Default for SolverResources {
    fn default() -> Self {
        let [request_cpu, limit_cpu] = ["10m", "100m"].map(str::to_owned);
        let [request_memory, limit_memory] = ["64Mi", "64Mi"].map(str::to_owned);
        Self { request_cpu, request_memory, limit_cpu, limit_memory }
    }
}

impl Default for Flags {
    /// cert-manager's own defaults, but for the namespace, where the chart's is used.
    fn default() -> Self {
        Self {
            disabled: BTreeSet::new(),
            cluster_resource_namespace: "cert-manager".to_owned(),
            back_off: BackOff::default(),
            certificate_owner_ref: false,
            copied_annotation_prefixes: ["*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"]
                .map(str::to_owned)
                .to_vec(),
            gates: Gates::default(),
            max_concurrent_challenges: 60,
            dns01_check_retry_period: SignedDuration::from_secs(10),
            dns01_recursive_nameservers_only: false,
            issuer_ambient_credentials: false,
            cluster_issuer_ambient_credentials: true,
            http01_solver_image: "quay.io/jetstack/cert-manager-acmesolver:v1.21.1".to_owned(),
            http01_solver_resources: SolverResources::default(),
            http01_solver_run_as_non_root: true,
            http01_solver_runtime_class_name: String::new(),
            http01_solver_extra_labels: BTreeMap::new(),
            http01_ingress_path_type_exact: true,
            shim: ShimFlags::default(),
            asks_vault: false,
        }
    }
}

impl Flags {
    /// Who creates the requests of Certificates, as the webhook writes it into them: the controller's ServiceAccount.
    pub fn requester(&self) -> CertificateRequestSpec {
        let namespace = &self.cluster_resource_namespace;
        let groups = [
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{namespace}"),
            "system:authenticated".to_owned(),
        ];
        CertificateRequestSpec {
            username: format!("system:serviceaccount:{namespace}:cert-manager"),
            groups: groups.to_vec(),
            ..CertificateRequestSpec::default()
        }
    }

    /// Whether an annotation of a Certificate goes to its request: the last prefix that fits decides, and with a `*`
    /// anywhere every prefix without `-` fits (`BuildAnnotationsToCopy` of `pkg/controller/util.go`).
    pub fn copies_annotation(&self, key: &str) -> bool {
        let all = self.copied_annotation_prefixes.iter().any(|prefix| prefix == "*");
        self.copied_annotation_prefixes.iter().fold(false, |copied, prefix| match prefix.strip_prefix('-') {
            Some(excluded) => copied && !key.starts_with(excluded),
            None => copied || all || key.starts_with(prefix.as_str()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_copied_as_the_prefixes_say_in_their_order() {
        let copied = |prefixes: &[&str], key: &str| {
            let prefixes = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
            Flags { copied_annotation_prefixes: prefixes, ..Flags::default() }.copies_annotation(key)
        };
        assert!(Flags::default().copies_annotation("example.com/team"));
        assert!(!Flags::default().copies_annotation("kubectl.kubernetes.io/last-applied-configuration"));
        assert!(!copied(&[], "a/b"));
        assert!(copied(&["a/"], "a/b") && !copied(&["a/"], "c/d"));
        assert!(copied(&["-a/", "a/b"], "a/b") && !copied(&["a/b", "-a/"], "a/b"));
    }
}
