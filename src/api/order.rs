//! `acme.cert-manager.io/v1` Order.
//!
//! Mirrors cert-manager's `pkg/apis/acme/v1/types_order.go`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::issuer_ref::IssuerRef;
use super::wire::{Base64Text, GoDuration, omit, wire};
use super::word::word;

wire! {
    /// An ACME order (RFC 8555 §7.1.3) as cert-manager tracks it.
    pub struct Order {
        pub metadata: ObjectMeta,
        pub spec: OrderSpec,
        pub status: OrderStatus,
    }

    /// `Order.spec`.
    pub struct OrderSpec {
        /// A PEM CSR.
        pub request: Base64Text,
        pub issuer_ref: IssuerRef,
        #[serde(skip_serializing_if = "omit")]
        pub common_name: String,
        #[serde(skip_serializing_if = "omit")]
        pub dns_names: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub ip_addresses: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub duration: Option<GoDuration>,
        #[serde(skip_serializing_if = "omit")]
        pub profile: String,
        /// The ARI id of the certificate that this one replaces (RFC 9773 §5).
        #[serde(skip_serializing_if = "omit")]
        pub replaces: String,
    }

    /// `Order.status`. It has no conditions.
    pub struct OrderStatus {
        #[serde(skip_serializing_if = "omit")]
        pub url: String,
        #[serde(rename = "finalizeURL", skip_serializing_if = "omit")]
        pub finalize_url: String,
        #[serde(skip_serializing_if = "omit")]
        pub authorizations: Vec<Authorization>,
        #[serde(skip_serializing_if = "omit")]
        pub certificate: Base64Text,
        #[serde(skip_serializing_if = "omit")]
        pub state: Option<AcmeState>,
        #[serde(skip_serializing_if = "omit")]
        pub reason: String,
        #[serde(skip_serializing_if = "omit")]
        pub failure_time: Option<Time>,
    }

    /// `Order.status.authorizations[]` (RFC 8555 §7.1.4).
    pub struct Authorization {
        pub url: String,
        #[serde(skip_serializing_if = "omit")]
        pub identifier: String,
        #[serde(skip_serializing_if = "omit")]
        pub wildcard: Option<bool>,
        /// The state when the authorization was first read.
        #[serde(skip_serializing_if = "omit")]
        pub initial_state: Option<AcmeState>,
        #[serde(skip_serializing_if = "omit")]
        pub challenges: Vec<OfferedChallenge>,
    }

    /// A challenge that the CA offers.
    pub struct OfferedChallenge {
        pub url: String,
        pub token: String,
        /// The CA's word, such as `http-01`.
        #[serde(rename = "type")]
        pub type_: String,
    }
}

word! {
    /// The state of an Order or Challenge: RFC 8555 §7.1.6, plus `expired` and cert-manager's `errored`.
    pub enum AcmeState {
        Valid = "valid",
        Ready = "ready",
        Pending = "pending",
        Processing = "processing",
        Invalid = "invalid",
        Expired = "expired",
        Errored = "errored",
    }
}

impl AcmeState {
    /// Whether nothing more will happen without a certificate.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Invalid | Self::Expired | Self::Errored => true,
            Self::Valid | Self::Ready | Self::Pending | Self::Processing | Self::Unknown(_) => false,
        }
    }

    /// Whether cert-manager leaves the object alone from here on.
    pub fn is_final(&self) -> bool {
        *self == Self::Valid || self.is_failure()
    }
}
