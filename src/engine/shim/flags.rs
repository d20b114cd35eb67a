//! How cert-manager was started, as far as its shims care.

use std::collections::BTreeSet;

use crate::api::annotation;
use crate::objref::Kind;

/// Flags and gates of cert-manager's controller (`cmd/controller/app/options`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShimFlags {
    /// `--default-issuer-name`; empty: none.
    pub default_issuer_name: String,
    /// `--default-issuer-kind`.
    pub default_issuer_kind: String,
    /// `--default-issuer-group`. It counts also where an annotation names the issuer.
    pub default_issuer_group: String,
    /// `--auto-certificate-annotations`: any of them, if true, asks for Certificates of an Ingress.
    pub auto_certificate_annotations: Vec<String>,
    /// `--extra-certificate-annotations`: passed on to the Certificate.
    pub extra_certificate_annotations: Vec<String>,
    /// `--enable-gateway-api`, with the gate `ExperimentalGatewayAPISupport`, which is on.
    pub gateway_api: bool,
    /// `--enable-gateway-api-listenerset` with the gate `ListenerSets`, which is off.
    pub listener_sets: bool,
    /// `--gateway-api-extra-protocols`: of listeners that get Certificates, beside HTTPS and TLS.
    pub extra_protocols: BTreeSet<String>,
    /// Gate `ServerSideApply`, which is off.
    pub server_side_apply: bool,
}

impl Default for ShimFlags {
    /// cert-manager's own defaults.
    fn default() -> Self {
        Self {
            default_issuer_name: String::new(),
            default_issuer_kind: Kind::Issuer.word().to_owned(),
            default_issuer_group: Kind::Issuer.group().to_owned(),
            auto_certificate_annotations: vec![annotation::TLS_ACME.to_owned()],
            extra_certificate_annotations: Vec::new(),
            gateway_api: false,
            listener_sets: false,
            extra_protocols: BTreeSet::new(),
            server_side_apply: false,
        }
    }
}
