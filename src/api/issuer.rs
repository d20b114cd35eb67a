//! `cert-manager.io/v1` Issuer and ClusterIssuer, which differ in scope only, and what is known of foreign issuers.
//!
//! Mirrors cert-manager's `pkg/apis/certmanager/v1/types_issuer.go` and `pkg/apis/acme/v1/types_issuer.go`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::condition::{self, Condition};
use super::issuer_ref::{LocalRef, SecretKeyRef, ServiceAccountRef};
use super::solver::AcmeSolver;
use super::wire::{Base64Text, omit, wire};
use super::word::word;

wire! {
    /// Signs for its own namespace.
    pub struct Issuer {
        pub metadata: ObjectMeta,
        pub spec: IssuerSpec,
        pub status: IssuerStatus,
    }

    /// Signs for every namespace.
    pub struct ClusterIssuer {
        pub metadata: ObjectMeta,
        pub spec: IssuerSpec,
        pub status: IssuerStatus,
    }

    /// An issuer of another API group: only the part that all of them share.
    pub struct ExternalIssuer {
        #[serde(skip_serializing_if = "omit")]
        pub api_version: String,
        #[serde(skip_serializing_if = "omit")]
        pub kind: String,
        pub metadata: ObjectMeta,
        pub status: IssuerStatus,
    }

    /// `spec` of both kinds: exactly one of the five.
    pub struct IssuerSpec {
        #[serde(skip_serializing_if = "omit")]
        pub acme: Option<AcmeIssuer>,
        #[serde(skip_serializing_if = "omit")]
        pub ca: Option<CaIssuer>,
        #[serde(skip_serializing_if = "omit")]
        pub vault: Option<VaultIssuer>,
        #[serde(skip_serializing_if = "omit")]
        pub self_signed: Option<SelfSignedIssuer>,
        #[serde(skip_serializing_if = "omit")]
        pub venafi: Option<VenafiIssuer>,
    }

    /// `spec.acme`.
    pub struct AcmeIssuer {
        #[serde(skip_serializing_if = "omit")]
        pub email: String,
        /// The URL of the ACME directory.
        pub server: String,
        #[serde(skip_serializing_if = "omit")]
        pub preferred_chain: String,
        #[serde(skip_serializing_if = "omit")]
        pub ca_bundle: Base64Text,
        #[serde(rename = "skipTLSVerify", skip_serializing_if = "omit")]
        pub skip_tls_verify: bool,
        #[serde(skip_serializing_if = "omit")]
        pub external_account_binding: Option<ExternalAccountBinding>,
        /// The Secret with the account key; empty key means `tls.key`.
        pub private_key_secret_ref: SecretKeyRef,
        #[serde(skip_serializing_if = "omit")]
        pub solvers: Vec<AcmeSolver>,
        #[serde(skip_serializing_if = "omit")]
        pub disable_account_key_generation: bool,
        #[serde(skip_serializing_if = "omit")]
        pub enable_duration_feature: bool,
        #[serde(skip_serializing_if = "omit")]
        pub profile: String,
        #[serde(skip_serializing_if = "omit")]
        pub renewal_information_source: Option<RenewalInformationSource>,
    }

    /// `spec.acme.externalAccountBinding` (RFC 8555 §7.3.4).
    pub struct ExternalAccountBinding {
        #[serde(rename = "keyID")]
        pub key_id: String,
        pub key_secret_ref: SecretKeyRef,
        /// Ignored by cert-manager.
        #[serde(skip_serializing_if = "omit")]
        pub key_algorithm: String,
    }

    /// `spec.ca`.
    pub struct CaIssuer {
        pub secret_name: String,
        #[serde(skip_serializing_if = "omit")]
        pub crl_distribution_points: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub ocsp_servers: Vec<String>,
        #[serde(rename = "issuingCertificateURLs", skip_serializing_if = "omit")]
        pub issuing_certificate_urls: Vec<String>,
    }

    /// `spec.selfSigned`.
    pub struct SelfSignedIssuer {
        #[serde(skip_serializing_if = "omit")]
        pub crl_distribution_points: Vec<String>,
    }

    /// `spec.vault`.
    pub struct VaultIssuer {
        pub auth: VaultAuth,
        pub server: String,
        #[serde(skip_serializing_if = "omit")]
        pub server_name: String,
        /// The mount and role to sign with, such as `pki/sign/web`.
        pub path: String,
        #[serde(skip_serializing_if = "omit")]
        pub namespace: String,
        #[serde(skip_serializing_if = "omit")]
        pub ca_bundle: Base64Text,
        #[serde(skip_serializing_if = "omit")]
        pub ca_bundle_secret_ref: Option<SecretKeyRef>,
        #[serde(skip_serializing_if = "omit")]
        pub client_cert_secret_ref: Option<SecretKeyRef>,
        #[serde(skip_serializing_if = "omit")]
        pub client_key_secret_ref: Option<SecretKeyRef>,
    }

    /// `spec.vault.auth`: exactly one of the five.
    pub struct VaultAuth {
        #[serde(skip_serializing_if = "omit")]
        pub token_secret_ref: Option<SecretKeyRef>,
        #[serde(skip_serializing_if = "omit")]
        pub app_role: Option<VaultAppRole>,
        #[serde(skip_serializing_if = "omit")]
        pub client_certificate: Option<VaultClientCertificate>,
        #[serde(skip_serializing_if = "omit")]
        pub kubernetes: Option<VaultKubernetes>,
        #[serde(skip_serializing_if = "omit")]
        pub aws: Option<VaultAws>,
    }

    /// `spec.vault.auth.appRole`.
    pub struct VaultAppRole {
        pub path: String,
        pub role_id: String,
        pub secret_ref: SecretKeyRef,
    }

    /// `spec.vault.auth.clientCertificate`.
    pub struct VaultClientCertificate {
        #[serde(skip_serializing_if = "omit")]
        pub mount_path: String,
        #[serde(skip_serializing_if = "omit")]
        pub secret_name: String,
        #[serde(skip_serializing_if = "omit")]
        pub name: String,
    }

    /// `spec.vault.auth.kubernetes`.
    pub struct VaultKubernetes {
        #[serde(skip_serializing_if = "omit")]
        pub mount_path: String,
        pub secret_ref: SecretKeyRef,
        #[serde(skip_serializing_if = "omit")]
        pub service_account_ref: Option<ServiceAccountRef>,
        pub role: String,
    }

    /// `spec.vault.auth.aws`.
    pub struct VaultAws {
        #[serde(skip_serializing_if = "omit")]
        pub mount_path: String,
        pub role: String,
        #[serde(skip_serializing_if = "omit")]
        pub region: String,
        #[serde(skip_serializing_if = "omit")]
        pub service_account_ref: Option<ServiceAccountRef>,
        #[serde(skip_serializing_if = "omit")]
        pub iam_role_arn: String,
        #[serde(skip_serializing_if = "omit")]
        pub vault_header_value: String,
    }

    /// `spec.venafi`: exactly one of the three.
    pub struct VenafiIssuer {
        pub zone: String,
        #[serde(skip_serializing_if = "omit")]
        pub tpp: Option<VenafiTpp>,
        #[serde(skip_serializing_if = "omit")]
        pub cloud: Option<VenafiCloud>,
        #[serde(skip_serializing_if = "omit")]
        pub ngts: Option<VenafiNgts>,
    }

    /// `spec.venafi.tpp`.
    pub struct VenafiTpp {
        pub url: String,
        pub credentials_ref: LocalRef,
        #[serde(skip_serializing_if = "omit")]
        pub ca_bundle: Base64Text,
        #[serde(skip_serializing_if = "omit")]
        pub ca_bundle_secret_ref: Option<SecretKeyRef>,
    }

    /// `spec.venafi.cloud`.
    pub struct VenafiCloud {
        #[serde(skip_serializing_if = "omit")]
        pub url: String,
        pub api_token_secret_ref: SecretKeyRef,
    }

    /// `spec.venafi.ngts`.
    pub struct VenafiNgts {
        #[serde(skip_serializing_if = "omit")]
        pub url: String,
        #[serde(skip_serializing_if = "omit")]
        pub token_endpoint: String,
        #[serde(rename = "tsgID")]
        pub tsg_id: String,
        pub credentials_ref: LocalRef,
    }

    /// `status` of both kinds.
    pub struct IssuerStatus {
        #[serde(skip_serializing_if = "omit")]
        pub conditions: Vec<IssuerCondition>,
        #[serde(skip_serializing_if = "omit")]
        pub acme: Option<AcmeIssuerStatus>,
    }

    /// `status.acme`.
    pub struct AcmeIssuerStatus {
        /// The account's URL.
        #[serde(skip_serializing_if = "omit")]
        pub uri: String,
        #[serde(skip_serializing_if = "omit")]
        pub last_registered_email: String,
        #[serde(skip_serializing_if = "omit")]
        pub last_private_key_hash: String,
    }
}

/// An entry of an issuer's `status.conditions`.
pub type IssuerCondition = Condition<IssuerConditionType, IssuerReason>;

word! {
    /// The one condition type of issuers.
    pub enum IssuerConditionType {
        Ready = "Ready",
    }

    /// Reasons of an issuer's Ready condition (`pkg/issuer/*/setup.go`).
    pub enum IssuerReason {
        AcmeAccountRegistered = "ACMEAccountRegistered",
        InvalidConfig = "InvalidConfig",
        InvalidUrl = "InvalidURL",
        ErrVerifyAcmeAccount = "ErrVerifyACMEAccount",
        ErrRegisterAcmeAccount = "ErrRegisterACMEAccount",
        ErrUpdateAcmeAccount = "ErrUpdateACMEAccount",
        InvalidSolver = "InvalidSolver",
        KeyPairVerified = "KeyPairVerified",
        ErrGetKeyPair = "ErrGetKeyPair",
        ErrInvalidKeyPair = "ErrInvalidKeyPair",
        IsReady = "IsReady",
        VaultVerified = "VaultVerified",
        VaultError = "VaultError",
        /// Venafi's reason holds a sentence.
        VenafiStarted = "Certificate Manager issuer started",
        /// The same up to release 1.19.
        VenafiStartedLegacy = "Venafi issuer started",
        ErrorSetup = "ErrorSetup",
        AuthFailed = "AuthFailed",
    }

    /// `spec.acme.renewalInformationSource`.
    pub enum RenewalInformationSource {
        Ari = "ARI",
        Off = "None",
    }
}

impl IssuerStatus {
    /// The Ready condition.
    pub fn ready(&self) -> Option<&IssuerCondition> {
        condition::find(&self.conditions, &IssuerConditionType::Ready)
    }
}

impl ExternalIssuer {
    /// The group of `apiVersion`.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
}
