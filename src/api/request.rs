//! `cert-manager.io/v1` CertificateRequest.
//!
//! Mirrors cert-manager's `pkg/apis/certmanager/v1/types_certificaterequest.go`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::annotation;
use super::certificate::KeyUsage;
use super::condition::{self, Condition};
use super::issuer_ref::IssuerRef;
use super::object::Object;
use super::wire::{Base64Text, GoDuration, omit, wire};
use super::word::word;

wire! {
    /// One request to an issuer: a CSR in, a certificate out, once.
    pub struct CertificateRequest {
        pub metadata: ObjectMeta,
        pub spec: CertificateRequestSpec,
        pub status: CertificateRequestStatus,
    }

    /// `CertificateRequest.spec`.
    pub struct CertificateRequestSpec {
        #[serde(skip_serializing_if = "omit")]
        pub duration: Option<GoDuration>,
        pub issuer_ref: IssuerRef,
        /// A PEM CSR.
        pub request: Base64Text,
        #[serde(rename = "isCA", skip_serializing_if = "omit")]
        pub is_ca: bool,
        #[serde(skip_serializing_if = "omit")]
        pub usages: Vec<KeyUsage>,
        /// Who created the request, set by the webhook.
        #[serde(skip_serializing_if = "omit")]
        pub username: String,
        #[serde(skip_serializing_if = "omit")]
        pub uid: String,
        #[serde(skip_serializing_if = "omit")]
        pub groups: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub extra: BTreeMap<String, Vec<String>>,
    }

    /// `CertificateRequest.status`.
    pub struct CertificateRequestStatus {
        #[serde(skip_serializing_if = "omit")]
        pub conditions: Vec<CertificateRequestCondition>,
        /// The PEM chain, leaf first.
        #[serde(skip_serializing_if = "omit")]
        pub certificate: Base64Text,
        /// The PEM of the CA, if the issuer knows it.
        #[serde(skip_serializing_if = "omit")]
        pub ca: Base64Text,
        #[serde(skip_serializing_if = "omit")]
        pub failure_time: Option<Time>,
    }
}

/// An entry of `CertificateRequest.status.conditions`.
pub type CertificateRequestCondition = Condition<RequestConditionType, RequestReason>;

word! {
    /// The condition types of a CertificateRequest.
    pub enum RequestConditionType {
        Ready = "Ready",
        Approved = "Approved",
        Denied = "Denied",
        InvalidRequest = "InvalidRequest",
    }

    /// Reasons of a CertificateRequest's conditions. In-tree issuers write only the first four on Ready;
    /// the Certificate controllers test Ready by this word and not by its status.
    pub enum RequestReason {
        Pending = "Pending",
        Failed = "Failed",
        Denied = "Denied",
        Issued = "Issued",
        /// Approved by cert-manager's own approver.
        CertManagerApprover = "cert-manager.io",
        /// Approved or denied with cmctl.
        KubectlCertManager = "KubectlCertManager",
        /// Approved or denied by approver-policy.
        ApproverPolicy = "policy.cert-manager.io",
    }
}

impl CertificateRequest {
    /// The condition of a type.
    #[expect(clippy::needless_pass_by_value, reason = "the word is written at the call")]
    pub fn condition(&self, type_: RequestConditionType) -> Option<&CertificateRequestCondition> {
        condition::find(&self.status.conditions, &type_)
    }

    /// Whether the condition of a type is there and True.
    pub fn is(&self, type_: RequestConditionType) -> bool {
        self.condition(type_).is_some_and(Condition::is_true)
    }

    /// The reason of the Ready condition: the word that the Certificate controllers go by.
    pub fn ready_reason(&self) -> Option<&RequestReason> {
        self.condition(RequestConditionType::Ready)?.reason.as_ref()
    }

    /// The annotation `cert-manager.io/certificate-revision`, if it is a number.
    pub fn revision(&self) -> Option<i64> {
        self.annotation(annotation::CERTIFICATE_REVISION)?.parse().ok()
    }

    /// The annotation `cert-manager.io/certificate-name`.
    pub fn certificate_name(&self) -> Option<&str> {
        self.annotation(annotation::CERTIFICATE_NAME)
    }

    /// The PEM CSR of the spec, unless it is no base64.
    pub fn csr_pem(&self) -> Option<Vec<u8>> {
        self.spec.request.decode()
    }
}
