//! `cert-manager.io/v1` Certificate.
//!
//! Mirrors cert-manager's `pkg/apis/certmanager/v1/types_certificate.go`; applies none of its defaults.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use crate::redact::Redacted;

use super::condition::{self, Condition};
use super::issuer_ref::{IssuerRef, SecretKeyRef};
use super::wire::{GoDuration, omit, wire};
use super::word::word;

wire! {
    /// A certificate that cert-manager shall keep valid in a Secret.
    pub struct Certificate {
        pub metadata: ObjectMeta,
        pub spec: CertificateSpec,
        pub status: CertificateStatus,
    }

    /// `Certificate.spec`.
    pub struct CertificateSpec {
        #[serde(skip_serializing_if = "omit")]
        pub subject: Option<Subject>,
        /// An RFC 4514 name that replaces `subject` and `common_name`.
        #[serde(skip_serializing_if = "omit")]
        pub literal_subject: String,
        #[serde(skip_serializing_if = "omit")]
        pub common_name: String,
        #[serde(skip_serializing_if = "omit")]
        pub duration: Option<GoDuration>,
        #[serde(skip_serializing_if = "omit")]
        pub renew_before: Option<GoDuration>,
        /// The share of the lifetime that remains at renewal.
        #[serde(skip_serializing_if = "omit")]
        pub renew_before_percentage: Option<i32>,
        #[serde(skip_serializing_if = "omit")]
        pub renewal: Option<Renewal>,
        #[serde(skip_serializing_if = "omit")]
        pub dns_names: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub ip_addresses: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub uris: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub other_names: Vec<OtherName>,
        #[serde(skip_serializing_if = "omit")]
        pub email_addresses: Vec<String>,
        pub secret_name: String,
        #[serde(skip_serializing_if = "omit")]
        pub secret_template: Option<SecretTemplate>,
        #[serde(skip_serializing_if = "omit")]
        pub keystores: Option<Keystores>,
        pub issuer_ref: IssuerRef,
        #[serde(rename = "isCA", skip_serializing_if = "omit")]
        pub is_ca: bool,
        #[serde(skip_serializing_if = "omit")]
        pub usages: Vec<KeyUsage>,
        #[serde(skip_serializing_if = "omit")]
        pub private_key: Option<PrivateKeySpec>,
        #[serde(skip_serializing_if = "omit")]
        pub signature_algorithm: Option<SignatureAlgorithm>,
        #[serde(skip_serializing_if = "omit")]
        pub encode_usages_in_request: Option<bool>,
        #[serde(skip_serializing_if = "omit")]
        pub revision_history_limit: Option<i32>,
        #[serde(skip_serializing_if = "omit")]
        pub additional_output_formats: Vec<OutputFormat>,
        #[serde(skip_serializing_if = "omit")]
        pub name_constraints: Option<NameConstraints>,
    }

    /// `Certificate.spec.subject`.
    pub struct Subject {
        #[serde(skip_serializing_if = "omit")]
        pub organizations: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub countries: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub organizational_units: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub localities: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub provinces: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub street_addresses: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub postal_codes: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub serial_number: String,
    }

    /// An otherName SAN.
    pub struct OtherName {
        #[serde(skip_serializing_if = "omit")]
        pub oid: String,
        #[serde(skip_serializing_if = "omit")]
        pub utf8_value: String,
    }

    /// `Certificate.spec.renewal`: when renewal is allowed.
    pub struct Renewal {
        #[serde(skip_serializing_if = "omit")]
        pub policy: Option<RenewalPolicy>,
        #[serde(skip_serializing_if = "omit")]
        pub windows: Vec<RenewalWindow>,
    }

    /// One window: starts as `cron` says, lasts `window_duration`.
    pub struct RenewalWindow {
        #[serde(skip_serializing_if = "omit")]
        pub timezone: String,
        #[serde(skip_serializing_if = "omit")]
        pub window_duration: Option<GoDuration>,
        #[serde(skip_serializing_if = "omit")]
        pub cron: String,
    }

    /// `Certificate.spec.privateKey`. Size 0 means none is given.
    pub struct PrivateKeySpec {
        #[serde(skip_serializing_if = "omit")]
        pub rotation_policy: Option<RotationPolicy>,
        #[serde(skip_serializing_if = "omit")]
        pub encoding: Option<KeyEncoding>,
        #[serde(skip_serializing_if = "omit")]
        pub algorithm: Option<KeyAlgorithm>,
        #[serde(skip_serializing_if = "omit")]
        pub size: i64,
    }

    /// Metadata copied to the target Secret.
    pub struct SecretTemplate {
        #[serde(skip_serializing_if = "omit")]
        pub annotations: BTreeMap<String, String>,
        #[serde(skip_serializing_if = "omit")]
        pub labels: BTreeMap<String, String>,
    }

    /// `Certificate.spec.keystores`.
    pub struct Keystores {
        #[serde(skip_serializing_if = "omit")]
        pub jks: Option<Keystore>,
        #[serde(skip_serializing_if = "omit")]
        pub pkcs12: Option<Keystore>,
    }

    /// A JKS or PKCS#12 keystore. `alias` belongs to the first, `profile` to the second.
    pub struct Keystore {
        pub create: bool,
        #[serde(skip_serializing_if = "omit")]
        pub alias: Option<String>,
        #[serde(skip_serializing_if = "omit")]
        pub profile: Option<Pkcs12Profile>,
        pub password_secret_ref: SecretKeyRef,
        /// A password written into the Certificate itself; never written out again.
        #[serde(skip_serializing)]
        pub password: Option<Redacted<String>>,
    }

    /// An entry of `spec.additionalOutputFormats`.
    pub struct OutputFormat {
        #[serde(rename = "type")]
        pub type_: OutputFormatType,
    }

    /// `Certificate.spec.nameConstraints`.
    pub struct NameConstraints {
        #[serde(skip_serializing_if = "omit")]
        pub critical: bool,
        #[serde(skip_serializing_if = "omit")]
        pub permitted: Option<NameConstraintItem>,
        #[serde(skip_serializing_if = "omit")]
        pub excluded: Option<NameConstraintItem>,
    }

    /// One side of the name constraints.
    pub struct NameConstraintItem {
        #[serde(skip_serializing_if = "omit")]
        pub dns_domains: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub ip_ranges: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub email_addresses: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub uri_domains: Vec<String>,
    }

    /// `Certificate.status`.
    pub struct CertificateStatus {
        #[serde(skip_serializing_if = "omit")]
        pub conditions: Vec<CertificateCondition>,
        /// When the last issuance failed; reset by a success only.
        #[serde(skip_serializing_if = "omit")]
        pub last_failure_time: Option<Time>,
        #[serde(skip_serializing_if = "omit")]
        pub not_before: Option<Time>,
        #[serde(skip_serializing_if = "omit")]
        pub not_after: Option<Time>,
        #[serde(skip_serializing_if = "omit")]
        pub renewal_time: Option<Time>,
        /// The number of the last successful issuance.
        #[serde(skip_serializing_if = "omit")]
        pub revision: Option<i64>,
        #[serde(skip_serializing_if = "omit")]
        pub next_private_key_secret_name: Option<String>,
        /// Failures in a row since the last success.
        #[serde(skip_serializing_if = "omit")]
        pub failed_issuance_attempts: Option<i64>,
        #[serde(skip_serializing_if = "omit")]
        pub acme: Option<CertificateAcmeStatus>,
    }

    /// `Certificate.status.acme`.
    pub struct CertificateAcmeStatus {
        #[serde(skip_serializing_if = "omit")]
        pub ari: Option<AriStatus>,
    }

    /// What the CA's renewal information said (RFC 9773).
    pub struct AriStatus {
        #[serde(skip_serializing_if = "omit")]
        pub suggested_window: Option<SuggestedWindow>,
        #[serde(rename = "explanationURL", skip_serializing_if = "omit")]
        pub explanation_url: String,
        #[serde(skip_serializing_if = "omit")]
        pub last_checked: Option<Time>,
        #[serde(skip_serializing_if = "omit")]
        pub next_check: Option<Time>,
        #[serde(skip_serializing_if = "omit")]
        pub last_error: String,
    }

    /// The CA's suggested window of renewal.
    pub struct SuggestedWindow {
        pub start: Option<Time>,
        pub end: Option<Time>,
    }
}

/// An entry of `Certificate.status.conditions`.
pub type CertificateCondition = Condition<CertificateConditionType, CertificateReason>;

word! {
    /// The condition types of a Certificate.
    pub enum CertificateConditionType {
        Ready = "Ready",
        /// True during an issuance; removed by a success.
        Issuing = "Issuing",
    }

    /// Reasons of a Certificate's conditions: the policy checks of
    /// `internal/controller/certificates/policies`, and what ends an issuance.
    pub enum CertificateReason {
        Ready = "Ready",
        DoesNotExist = "DoesNotExist",
        MissingData = "MissingData",
        InvalidKeyPair = "InvalidKeyPair",
        InvalidCertificate = "InvalidCertificate",
        IncorrectIssuer = "IncorrectIssuer",
        IncorrectCertificate = "IncorrectCertificate",
        SecretMismatch = "SecretMismatch",
        InvalidCertificateRequest = "InvalidCertificateRequest",
        RequestChanged = "RequestChanged",
        Renewing = "Renewing",
        Expired = "Expired",
        WindowError = "WindowError",
        ManuallyTriggered = "ManuallyTriggered",
        Issued = "Issued",
        Failed = "Failed",
        Denied = "Denied",
        /// Denied by cert-manager's own approver.
        CertManagerApprover = "cert-manager.io",
        /// Denied with `cmctl deny`.
        KubectlCertManager = "KubectlCertManager",
        /// Denied by approver-policy.
        ApproverPolicy = "policy.cert-manager.io",
    }

    /// `spec.privateKey.algorithm`.
    pub enum KeyAlgorithm {
        Rsa = "RSA",
        Ecdsa = "ECDSA",
        Ed25519 = "Ed25519",
    }

    /// `spec.privateKey.encoding`.
    pub enum KeyEncoding {
        Pkcs1 = "PKCS1",
        Pkcs8 = "PKCS8",
    }

    /// `spec.privateKey.rotationPolicy`. The default changed from Never to Always in release 1.18.
    pub enum RotationPolicy {
        Never = "Never",
        Always = "Always",
    }

    /// `spec.renewal.policy`.
    pub enum RenewalPolicy {
        RenewBefore = "RenewBefore",
        Disabled = "Disabled",
    }

    /// `spec.signatureAlgorithm`: of the request, not of what the issuer signs.
    pub enum SignatureAlgorithm {
        Sha256WithRsa = "SHA256WithRSA",
        Sha384WithRsa = "SHA384WithRSA",
        Sha512WithRsa = "SHA512WithRSA",
        EcdsaWithSha256 = "ECDSAWithSHA256",
        EcdsaWithSha384 = "ECDSAWithSHA384",
        EcdsaWithSha512 = "ECDSAWithSHA512",
        PureEd25519 = "PureEd25519",
    }

    /// `spec.keystores.pkcs12.profile`.
    pub enum Pkcs12Profile {
        LegacyRc2 = "LegacyRC2",
        LegacyDes = "LegacyDES",
        Modern2023 = "Modern2023",
        Modern2026 = "Modern2026",
    }

    /// `spec.additionalOutputFormats[].type`.
    pub enum OutputFormatType {
        Der = "DER",
        CombinedPem = "CombinedPEM",
    }

    /// `spec.usages[]`: the only spellings that the CRD accepts.
    pub enum KeyUsage {
        Signing = "signing",
        DigitalSignature = "digital signature",
        ContentCommitment = "content commitment",
        KeyEncipherment = "key encipherment",
        KeyAgreement = "key agreement",
        DataEncipherment = "data encipherment",
        CertSign = "cert sign",
        CrlSign = "crl sign",
        EncipherOnly = "encipher only",
        DecipherOnly = "decipher only",
        Any = "any",
        ServerAuth = "server auth",
        ClientAuth = "client auth",
        CodeSigning = "code signing",
        EmailProtection = "email protection",
        Smime = "s/mime",
        IpsecEndSystem = "ipsec end system",
        IpsecTunnel = "ipsec tunnel",
        IpsecUser = "ipsec user",
        Timestamping = "timestamping",
        OcspSigning = "ocsp signing",
        MicrosoftSgc = "microsoft sgc",
        NetscapeSgc = "netscape sgc",
    }
}

impl Certificate {
    /// The condition of a type.
    #[expect(clippy::needless_pass_by_value, reason = "the word is written at the call")]
    pub fn condition(&self, type_: CertificateConditionType) -> Option<&CertificateCondition> {
        condition::find(&self.status.conditions, &type_)
    }

    /// Whether the condition of a type is there and True.
    pub fn is(&self, type_: CertificateConditionType) -> bool {
        self.condition(type_).is_some_and(Condition::is_true)
    }
}

impl CertificateSpec {
    /// `privateKey.algorithm`; absent means RSA.
    pub fn key_algorithm(&self) -> KeyAlgorithm {
        self.private_key.as_ref().and_then(|key| key.algorithm.clone()).unwrap_or(KeyAlgorithm::Rsa)
    }

    /// `privateKey.size`, if one is given.
    pub fn key_size(&self) -> Option<i64> {
        self.private_key.as_ref().map(|key| key.size).filter(|size| *size != 0)
    }

    /// `privateKey.rotationPolicy`, if one is given.
    pub fn rotation_policy(&self) -> Option<&RotationPolicy> {
        self.private_key.as_ref()?.rotation_policy.as_ref()
    }
}
