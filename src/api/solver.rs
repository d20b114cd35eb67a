//! ACME solvers, in an issuer and copied into a Challenge.
//!
//! Mirrors cert-manager's `pkg/apis/acme/v1/types_issuer.go` field by field: Challenge names hash the JSON of this.

use std::collections::BTreeMap;

use super::issuer_ref::{SecretKeyRef, ServiceAccountRef};
use super::pod_template::PodTemplate;
use super::wire::{GoDuration, omit, wire};
use super::word::word;

wire! {
    /// `spec.acme.solvers[]`: how to answer challenges, and for which names.
    pub struct AcmeSolver {
        #[serde(skip_serializing_if = "omit")]
        pub selector: Option<Selector>,
        #[serde(skip_serializing_if = "omit")]
        pub http01: Option<Http01Solver>,
        #[serde(skip_serializing_if = "omit")]
        pub dns01: Option<Dns01Solver>,
        #[serde(skip_serializing_if = "omit")]
        pub wait_instead_of_self_check: Option<GoDuration>,
    }

    /// `selector`: all that is given must match.
    pub struct Selector {
        #[serde(skip_serializing_if = "omit")]
        pub match_labels: BTreeMap<String, String>,
        #[serde(skip_serializing_if = "omit")]
        pub dns_names: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub dns_zones: Vec<String>,
    }

    /// `http01`: exactly one of the two.
    pub struct Http01Solver {
        #[serde(skip_serializing_if = "omit")]
        pub ingress: Option<Http01Ingress>,
        #[serde(rename = "gatewayHTTPRoute", skip_serializing_if = "omit")]
        pub gateway_http_route: Option<Http01Gateway>,
    }

    /// `http01.ingress`: at most one of class name, class and name.
    pub struct Http01Ingress {
        #[serde(skip_serializing_if = "omit")]
        pub service_type: String,
        #[serde(skip_serializing_if = "omit")]
        pub ingress_class_name: Option<String>,
        #[serde(skip_serializing_if = "omit")]
        pub class: Option<String>,
        /// An existing Ingress to edit.
        #[serde(skip_serializing_if = "omit")]
        pub name: String,
        #[serde(skip_serializing_if = "omit")]
        pub pod_template: Option<PodTemplate>,
        #[serde(skip_serializing_if = "omit")]
        pub ingress_template: Option<IngressTemplate>,
    }

    /// `http01.ingress.ingressTemplate`.
    pub struct IngressTemplate {
        pub metadata: TemplateMeta,
    }

    /// Metadata merged into a solver object.
    pub struct TemplateMeta {
        #[serde(skip_serializing_if = "omit")]
        pub annotations: BTreeMap<String, String>,
        #[serde(skip_serializing_if = "omit")]
        pub labels: BTreeMap<String, String>,
    }

    /// `http01.gatewayHTTPRoute`.
    pub struct Http01Gateway {
        #[serde(skip_serializing_if = "omit")]
        pub service_type: String,
        #[serde(skip_serializing_if = "omit")]
        pub labels: BTreeMap<String, String>,
        #[serde(skip_serializing_if = "omit")]
        pub parent_refs: Vec<ParentRef>,
        #[serde(skip_serializing_if = "omit")]
        pub pod_template: Option<PodTemplate>,
    }

    /// A Gateway API `ParentReference`.
    pub struct ParentRef {
        #[serde(skip_serializing_if = "omit")]
        pub group: Option<String>,
        #[serde(skip_serializing_if = "omit")]
        pub kind: Option<String>,
        #[serde(skip_serializing_if = "omit")]
        pub namespace: Option<String>,
        pub name: String,
        #[serde(skip_serializing_if = "omit")]
        pub section_name: Option<String>,
        #[serde(skip_serializing_if = "omit")]
        pub port: Option<i32>,
    }

    /// `dns01`: exactly one provider.
    pub struct Dns01Solver {
        #[serde(skip_serializing_if = "omit")]
        pub cname_strategy: Option<CnameStrategy>,
        #[serde(skip_serializing_if = "omit")]
        pub nameservers: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub akamai: Option<Akamai>,
        #[serde(rename = "cloudDNS", skip_serializing_if = "omit")]
        pub cloud_dns: Option<CloudDns>,
        #[serde(skip_serializing_if = "omit")]
        pub cloudflare: Option<Cloudflare>,
        #[serde(skip_serializing_if = "omit")]
        pub route53: Option<Route53>,
        #[serde(rename = "azureDNS", skip_serializing_if = "omit")]
        pub azure_dns: Option<AzureDns>,
        #[serde(skip_serializing_if = "omit")]
        pub digitalocean: Option<DigitalOcean>,
        #[serde(rename = "acmeDNS", skip_serializing_if = "omit")]
        pub acme_dns: Option<AcmeDns>,
        #[serde(skip_serializing_if = "omit")]
        pub rfc2136: Option<Rfc2136>,
        #[serde(skip_serializing_if = "omit")]
        pub webhook: Option<Webhook>,
    }

    /// `dns01.akamai`.
    pub struct Akamai {
        pub service_consumer_domain: String,
        pub client_token_secret_ref: SecretKeyRef,
        pub client_secret_secret_ref: SecretKeyRef,
        pub access_token_secret_ref: SecretKeyRef,
    }

    /// `dns01.cloudDNS`.
    pub struct CloudDns {
        #[serde(skip_serializing_if = "omit")]
        pub service_account_secret_ref: Option<SecretKeyRef>,
        pub project: String,
        #[serde(skip_serializing_if = "omit")]
        pub hosted_zone_name: String,
    }

    /// `dns01.cloudflare`.
    pub struct Cloudflare {
        #[serde(skip_serializing_if = "omit")]
        pub email: String,
        #[serde(skip_serializing_if = "omit")]
        pub api_key_secret_ref: Option<SecretKeyRef>,
        #[serde(skip_serializing_if = "omit")]
        pub api_token_secret_ref: Option<SecretKeyRef>,
    }

    /// `dns01.digitalocean`.
    pub struct DigitalOcean {
        pub token_secret_ref: SecretKeyRef,
    }

    /// `dns01.route53`.
    pub struct Route53 {
        #[serde(skip_serializing_if = "omit")]
        pub auth: Option<Route53Auth>,
        #[serde(rename = "accessKeyID", skip_serializing_if = "omit")]
        pub access_key_id: String,
        #[serde(rename = "accessKeyIDSecretRef", skip_serializing_if = "omit")]
        pub access_key_id_secret_ref: Option<SecretKeyRef>,
        pub secret_access_key_secret_ref: SecretKeyRef,
        #[serde(skip_serializing_if = "omit")]
        pub role: String,
        #[serde(rename = "hostedZoneID", skip_serializing_if = "omit")]
        pub hosted_zone_id: String,
        #[serde(skip_serializing_if = "omit")]
        pub region: String,
    }

    /// `dns01.route53.auth`.
    pub struct Route53Auth {
        pub kubernetes: Option<Route53KubernetesAuth>,
    }

    /// `dns01.route53.auth.kubernetes`.
    pub struct Route53KubernetesAuth {
        pub service_account_ref: Option<ServiceAccountRef>,
    }

    /// `dns01.azureDNS`.
    pub struct AzureDns {
        #[serde(rename = "clientID", skip_serializing_if = "omit")]
        pub client_id: String,
        #[serde(skip_serializing_if = "omit")]
        pub client_secret_secret_ref: Option<SecretKeyRef>,
        #[serde(rename = "subscriptionID")]
        pub subscription_id: String,
        #[serde(rename = "tenantID", skip_serializing_if = "omit")]
        pub tenant_id: String,
        pub resource_group_name: String,
        #[serde(skip_serializing_if = "omit")]
        pub hosted_zone_name: String,
        #[serde(skip_serializing_if = "omit")]
        pub environment: String,
        #[serde(skip_serializing_if = "omit")]
        pub managed_identity: Option<AzureManagedIdentity>,
        #[serde(skip_serializing_if = "omit")]
        pub zone_type: String,
    }

    /// `dns01.azureDNS.managedIdentity`.
    pub struct AzureManagedIdentity {
        #[serde(rename = "clientID", skip_serializing_if = "omit")]
        pub client_id: String,
        #[serde(rename = "resourceID", skip_serializing_if = "omit")]
        pub resource_id: String,
        #[serde(rename = "tenantID", skip_serializing_if = "omit")]
        pub tenant_id: String,
    }

    /// `dns01.acmeDNS`.
    pub struct AcmeDns {
        pub host: String,
        pub account_secret_ref: SecretKeyRef,
    }

    /// `dns01.rfc2136`. Go prints `tsigSecretSecretRef` even when it is empty.
    pub struct Rfc2136 {
        pub nameserver: String,
        pub tsig_secret_secret_ref: SecretKeyRef,
        #[serde(skip_serializing_if = "omit")]
        pub tsig_key_name: String,
        #[serde(skip_serializing_if = "omit")]
        pub tsig_algorithm: String,
        #[serde(skip_serializing_if = "omit")]
        pub protocol: String,
    }

    /// `dns01.webhook`.
    pub struct Webhook {
        pub group_name: String,
        pub solver_name: String,
        /// Any JSON; the API server sorts its keys.
        #[serde(skip_serializing_if = "omit")]
        pub config: Option<serde_json::Value>,
    }
}

word! {
    /// `dns01.cnameStrategy`.
    pub enum CnameStrategy {
        Off = "None",
        Follow = "Follow",
    }
}

impl Dns01Solver {
    /// The name of the provider's field, of the first provider that is given.
    pub fn provider(&self) -> Option<&'static str> {
        [
            ("akamai", self.akamai.is_some()),
            ("cloudDNS", self.cloud_dns.is_some()),
            ("cloudflare", self.cloudflare.is_some()),
            ("route53", self.route53.is_some()),
            ("azureDNS", self.azure_dns.is_some()),
            ("digitalocean", self.digitalocean.is_some()),
            ("acmeDNS", self.acme_dns.is_some()),
            ("rfc2136", self.rfc2136.is_some()),
            ("webhook", self.webhook.is_some()),
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Go prints for the same solver, by cert-manager v1.21.1's types.
    const GO: &str = r#"{"selector":{},"http01":{"ingress":{"class":"","podTemplate":{"metadata":{},"spec":{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"k","operator":"In","values":["a"]}]}]}}},"tolerations":[{"key":"a","operator":"Exists"}],"securityContext":{"runAsUser":0,"seccompProfile":{"type":"RuntimeDefault"}},"resources":{"limits":{"cpu":"100m","memory":"64Mi"}}}}}},"dns01":{"route53":{"auth":{"kubernetes":{"serviceAccountRef":{"name":"x"}}},"secretAccessKeySecretRef":{"name":""},"region":"eu"},"azureDNS":{"subscriptionID":"s","resourceGroupName":"r"},"rfc2136":{"nameserver":"1.1.1.1","tsigSecretSecretRef":{"name":""}},"webhook":{"groupName":"g","solverName":"s","config":{"a":{"y":null,"z":1},"b":"\u003cx\u003e"}}},"waitInsteadOfSelfCheck":"1m30s"}"#;

    #[test]
    fn a_solver_is_written_as_go_writes_it() {
        let yaml = "
waitInsteadOfSelfCheck: 1m30s
dns01:
  webhook: {config: {b: <x>, a: {z: 1, y: null}}, solverName: s, groupName: g}
  rfc2136: {nameserver: 1.1.1.1}
  azureDNS: {resourceGroupName: r, subscriptionID: s, tenantID: null}
  route53: {region: eu, auth: {kubernetes: {serviceAccountRef: {name: x}}}}
http01:
  ingress:
    class: ''
    podTemplate:
      spec:
        resources: {limits: {memory: 64Mi, cpu: 100m}}
        securityContext: {seccompProfile: {type: RuntimeDefault}, runAsUser: 0}
        tolerations: [{operator: Exists, key: a}]
        affinity:
          nodeAffinity:
            requiredDuringSchedulingIgnoredDuringExecution:
              nodeSelectorTerms: [{matchExpressions: [{values: [a], operator: In, key: k}]}]
selector: {dnsNames: []}
";
        let solver: AcmeSolver = serde_saphyr::from_str(yaml).unwrap();
        let json = serde_json::to_string(&solver).unwrap();
        // Go's escape of `<` and `>` is the business of `engine::name`.
        assert_eq!(json, GO.replace("\\u003c", "<").replace("\\u003e", ">"));
        assert_eq!(solver.dns01.unwrap().provider(), Some("route53"));
    }
}
