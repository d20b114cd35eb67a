//! The controller's flags as they are written on its command line.
//!
//! What cert-manager would not take is told; what it takes and what changes nothing that is played is passed over.

use std::collections::BTreeSet;
use std::str::FromStr;

use jiff::SignedDuration;

use super::Flags;
use crate::duration;
use crate::engine::controller::Controller as Name;

impl Flags {
    /// These flags, changed by those that are given; a later one replaces an earlier one.
    #[must_use]
    pub fn with<'g>(mut self, given: impl IntoIterator<Item = &'g Flag>) -> Self {
        let mut gates = Gates::default();
        for flag in given {
            flag.put(&mut self, &mut gates);
        }
        // The flag counts only with its gate.
        self.shim.listener_sets &= gates.listener_sets;
        self
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Gates {
    listener_sets: bool,
}

/// One flag of cert-manager's controller.
#[derive(Clone, Debug, PartialEq)]
pub enum Flag {
    Controllers(BTreeSet<Name>),
    ClusterResourceNamespace(String),
    MinimumBackOff(SignedDuration),
    MaximumBackOff(SignedDuration),
    CertificateOwnerRef(bool),
    CopiedAnnotationPrefixes(Vec<String>),
    DefaultIssuerName(String),
    DefaultIssuerKind(String),
    DefaultIssuerGroup(String),
    AutoCertificateAnnotations(Vec<String>),
    ExtraCertificateAnnotations(Vec<String>),
    GatewayApi(bool),
    ListenerSets(bool),
    ExtraProtocols(BTreeSet<String>),
    MaxConcurrentChallenges(usize),
    CheckRetryPeriod(SignedDuration),
    RecursiveNameserversOnly(bool),
    IssuerAmbientCredentials(bool),
    ClusterIssuerAmbientCredentials(bool),
    SolverImage(String),
    SolverRunAsNonRoot(bool),
    SolverRuntimeClassName(String),
    SolverExtraLabels(Vec<(String, String)>),
    /// Which of the four, and the quantity.
    SolverResources(SolverResource, String),
    /// Gates by name.
    FeatureGates(Vec<(String, bool)>),
    /// It changes nothing that is played.
    WithoutEffect,
}

/// What a solver's Pod asks for, or may use at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SolverResource {
    RequestCpu,
    RequestMemory,
    LimitCpu,
    LimitMemory,
}

/// Flags that change nothing of what is made: logs, metrics, leases, profiling, speed.
const WITHOUT_EFFECT: [&str; 24] = [
    "v",
    "logging-format",
    "leader-elect",
    "leader-election-namespace",
    "leader-election-lease-duration",
    "leader-election-renew-deadline",
    "leader-election-retry-period",
    "metrics-listen-address",
    "metrics-tls-cert-file",
    "metrics-tls-private-key-file",
    "metrics-dynamic-serving-ca-secret-namespace",
    "metrics-dynamic-serving-ca-secret-name",
    "metrics-dynamic-serving-dns-names",
    "healthz-listen-address",
    "healthz-leader-election-timeout",
    "enable-profiling",
    "profiler-address",
    "kube-api-qps",
    "kube-api-burst",
    "concurrent-workers",
    "number-of-concurrent-workers",
    "kubeconfig",
    "master",
    "config",
];

impl FromStr for Flag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let body = text.strip_prefix("--").ok_or("it does not begin with --")?;
        let (name, value) = body.split_once('=').map_or((body, None), |(name, value)| (name, Some(value)));
        let words = || {
            let text = value.unwrap_or_default();
            text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        let needed = || value.map(str::to_owned).ok_or("it needs a value, behind =".to_owned());
        let time = || duration::parse_go(&needed()?).map_err(|error| error.to_string());
        let switch = || match value {
            None | Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(format!("{other:?} is neither true nor false")),
        };
        Ok(match name {
            "controllers" => Self::Controllers(disabled(&words())?),
            "cluster-resource-namespace" => Self::ClusterResourceNamespace(needed()?),
            "certificate-request-minimum-backoff-duration" => Self::MinimumBackOff(time()?),
            "certificate-request-maximum-backoff-duration" => Self::MaximumBackOff(time()?),
            "enable-certificate-owner-ref" => Self::CertificateOwnerRef(switch()?),
            "copied-annotation-prefixes" => Self::CopiedAnnotationPrefixes(words()),
            "default-issuer-name" => Self::DefaultIssuerName(needed()?),
            "default-issuer-kind" => Self::DefaultIssuerKind(needed()?),
            "default-issuer-group" => Self::DefaultIssuerGroup(needed()?),
            "auto-certificate-annotations" => Self::AutoCertificateAnnotations(words()),
            "extra-certificate-annotations" => Self::ExtraCertificateAnnotations(words()),
            "enable-gateway-api" => Self::GatewayApi(switch()?),
            "enable-gateway-api-listenerset" => Self::ListenerSets(switch()?),
            "gateway-api-extra-protocols" => Self::ExtraProtocols(words().into_iter().collect()),
            "max-concurrent-challenges" => {
                let most = needed()?.parse().map_err(|_| "its value is no number".to_owned())?;
                Self::MaxConcurrentChallenges(most)
            }
            "dns01-check-retry-period" => Self::CheckRetryPeriod(time()?),
            "dns01-recursive-nameservers-only" => Self::RecursiveNameserversOnly(switch()?),
            "issuer-ambient-credentials" => Self::IssuerAmbientCredentials(switch()?),
            "cluster-issuer-ambient-credentials" => Self::ClusterIssuerAmbientCredentials(switch()?),
            "acme-http01-solver-image" => Self::SolverImage(needed()?),
            "acme-http01-solver-run-as-non-root" => Self::SolverRunAsNonRoot(switch()?),
            "acme-http01-solver-runtime-class-name" => Self::SolverRuntimeClassName(needed()?),
            "acme-http01-solver-extra-labels" => Self::SolverExtraLabels(labels(&words())?),
            "acme-http01-solver-resource-request-cpu" => Self::SolverResources(SolverResource::RequestCpu, needed()?),
            "acme-http01-solver-resource-request-memory" => {
                Self::SolverResources(SolverResource::RequestMemory, needed()?)
            }
            "acme-http01-solver-resource-limits-cpu" => Self::SolverResources(SolverResource::LimitCpu, needed()?),
            "acme-http01-solver-resource-limits-memory" => {
                Self::SolverResources(SolverResource::LimitMemory, needed()?)
            }
            "feature-gates" => Self::FeatureGates(gates(&words())?),
            known if WITHOUT_EFFECT.contains(&known) => Self::WithoutEffect,
            other => return Err(format!("--{other} is not known here")),
        })
    }
}

/// `--controllers`: `*`, `foo`, `-foo`. What is not enabled is disabled.
fn disabled(words: &[String]) -> Result<BTreeSet<Name>, String> {
    let find = |word: &str| {
        let found = Name::ALL.into_iter().find(|one| one.name() == word);
        found.ok_or_else(|| format!("there is no controller {word:?}"))
    };
    let mut enabled: BTreeSet<Name> = BTreeSet::new();
    let mut without = BTreeSet::new();
    for word in words {
        match word.strip_prefix('-') {
            Some(word) => drop(without.insert(find(word)?)),
            None if word == "*" => enabled.extend(Name::ALL),
            None => drop(enabled.insert(find(word)?)),
        }
    }
    Ok(Name::ALL.into_iter().filter(|name| !enabled.contains(name) || without.contains(name)).collect())
}

fn labels(words: &[String]) -> Result<Vec<(String, String)>, String> {
    let label = |word: &String| {
        let (key, value) = word.split_once('=').ok_or_else(|| format!("{word:?} is not of the form key=value"))?;
        Ok((key.to_owned(), value.to_owned()))
    };
    words.iter().map(label).collect()
}

fn gates(words: &[String]) -> Result<Vec<(String, bool)>, String> {
    words
        .iter()
        .map(|word| match word.split_once('=') {
            Some((gate, "true")) => Ok((gate.to_owned(), true)),
            Some((gate, "false")) => Ok((gate.to_owned(), false)),
            Some(_) | None => Err(format!("{word:?} is not of the form Gate=true or Gate=false")),
        })
        .collect()
}

impl Flag {
    fn put(&self, flags: &mut Flags, gates: &mut Gates) {
        match self.clone() {
            Self::Controllers(disabled) => flags.disabled = disabled,
            Self::ClusterResourceNamespace(namespace) => flags.cluster_resource_namespace = namespace,
            Self::MinimumBackOff(least) => flags.back_off.min = least,
            Self::MaximumBackOff(most) => flags.back_off.max = most,
            Self::CertificateOwnerRef(is_on) => flags.certificate_owner_ref = is_on,
            Self::CopiedAnnotationPrefixes(prefixes) => flags.copied_annotation_prefixes = prefixes,
            Self::DefaultIssuerName(name) => flags.shim.default_issuer_name = name,
            Self::DefaultIssuerKind(kind) => flags.shim.default_issuer_kind = kind,
            Self::DefaultIssuerGroup(group) => flags.shim.default_issuer_group = group,
            Self::AutoCertificateAnnotations(keys) => flags.shim.auto_certificate_annotations = keys,
            Self::ExtraCertificateAnnotations(keys) => flags.shim.extra_certificate_annotations = keys,
            Self::GatewayApi(is_on) => flags.shim.gateway_api = is_on,
            Self::ListenerSets(is_on) => flags.shim.listener_sets = is_on,
            Self::ExtraProtocols(protocols) => flags.shim.extra_protocols = protocols,
            Self::MaxConcurrentChallenges(most) => flags.max_concurrent_challenges = most,
            Self::CheckRetryPeriod(period) => flags.dns01_check_retry_period = period,
            Self::RecursiveNameserversOnly(is_on) => flags.dns01_recursive_nameservers_only = is_on,
            Self::IssuerAmbientCredentials(is_on) => flags.issuer_ambient_credentials = is_on,
            Self::ClusterIssuerAmbientCredentials(is_on) => flags.cluster_issuer_ambient_credentials = is_on,
            Self::SolverImage(image) => flags.http01_solver_image = image,
            Self::SolverRunAsNonRoot(is_on) => flags.http01_solver_run_as_non_root = is_on,
            Self::SolverRuntimeClassName(name) => flags.http01_solver_runtime_class_name = name,
            Self::SolverExtraLabels(labels) => flags.http01_solver_extra_labels = labels.into_iter().collect(),
            Self::SolverResources(resource, quantity) => {
                let resources = &mut flags.http01_solver_resources;
                match resource {
                    SolverResource::RequestCpu => resources.request_cpu = quantity,
                    SolverResource::RequestMemory => resources.request_memory = quantity,
                    SolverResource::LimitCpu => resources.limit_cpu = quantity,
                    SolverResource::LimitMemory => resources.limit_memory = quantity,
                }
            }
            Self::FeatureGates(given) => {
                for (gate, is_on) in given {
                    match gate.as_str() {
                        "ListenerSets" => gates.listener_sets = is_on,
                        "ACMEHTTP01IngressPathTypeExact" => flags.http01_ingress_path_type_exact = is_on,
                        "ServerSideApply" => flags.shim.server_side_apply = is_on,
                        _ => {}
                    }
                }
            }
            Self::WithoutEffect => {}
        }
    }
}
