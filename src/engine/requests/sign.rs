//! What every signer does with a request before and after it signs (`certificaterequests/sync.go`).

use super::report::report;
use super::{acme, ca, external, self_signed, vault, venafi};
use crate::api::{
    Base64Text, CertificateRequest, ClusterIssuer, Issuer, IssuerConditionType, IssuerSpec, IssuerStatus, Object,
    RequestConditionType, RequestReason, annotation,
};
use crate::engine::controller::Controller;
use crate::engine::decoded::{CsrFault, Decoded};
use crate::engine::event::EventType;
use crate::engine::issuers::AnyIssuer;
use crate::engine::turn::{Looked, Trouble, Turn};
use crate::objref::Kind;
use crate::pki::Template;
use crate::pki::template::TemplateFault;

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Nothing to write: it is not this signer's, or there is nothing to say yet.
    Nothing,
    /// It waits for something that may come.
    Pending {
        reason: &'static str,
        message: String,
    },
    /// It has failed for good.
    Failed {
        reason: &'static str,
        message: String,
    },
    Denied,
    Issued(Issued),
    /// It is written down as it is, and looked at again for this error.
    Again(Box<Self>, String),
}

/// What an issuer gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Issued {
    /// The PEM chain, leaf first.
    pub certificate: Base64Text,
    pub ca: Base64Text,
}

/// An issuer of either scope.
#[derive(Clone, Debug)]
pub struct IssuerFound {
    pub spec: IssuerSpec,
    pub status: IssuerStatus,
    /// Where it reads its Secrets.
    pub resource_namespace: String,
    /// Its own; a ClusterIssuer has none.
    pub namespace: Option<String>,
    /// Its annotation for Venafi's custom fields.
    pub custom_fields: Option<String>,
}

impl IssuerFound {
    fn new<T: AnyIssuer>(issuer: &T, resource_namespace: String) -> Self {
        Self {
            spec: issuer.spec().clone(),
            status: issuer.status().clone(),
            resource_namespace,
            namespace: issuer.namespace().map(str::to_owned),
            custom_fields: issuer.annotation(annotation::VENAFI_CUSTOM_FIELDS).map(str::to_owned),
        }
    }
}

/// One look of a signer.
pub fn sign(turn: &mut Turn, signer: Controller) -> Looked {
    let Some(request) = turn.cluster.find::<CertificateRequest>(turn.object()) else { return Ok(()) };
    if request.deleting_since().is_some() || is_others(turn, request, signer) {
        return Ok(());
    }
    let request = request.clone();
    if request.spec.issuer_ref.is_external() {
        external::wait(turn, &request);
        return Ok(());
    }
    let (outcome, error) = match look(turn, signer, &request) {
        Outcome::Again(outcome, error) => (*outcome, Some(error)),
        outcome @ (Outcome::Nothing
        | Outcome::Pending { .. }
        | Outcome::Failed { .. }
        | Outcome::Denied
        | Outcome::Issued(_)) => (outcome, None),
    };
    report(turn, &request, outcome);
    error.map_or(Ok(()), |error| Err(Trouble(error)))
}

/// Whether [`look`] would find at its end that another signer is asked: most looks are such, and copy nothing.
fn is_others(turn: &Turn, request: &CertificateRequest, signer: Controller) -> bool {
    let is_open = request.is(RequestConditionType::Approved)
        && !request.is(RequestConditionType::Denied)
        && !request.spec.issuer_ref.is_external();
    let found = || {
        let kind = request.spec.issuer_ref.own_kind()?;
        let name = &request.spec.issuer_ref.name;
        if kind == Kind::ClusterIssuer {
            turn.cluster.get::<ClusterIssuer>(None, name).map(AnyIssuer::spec)
        } else {
            turn.cluster.get::<Issuer>(request.namespace(), name).map(AnyIssuer::spec)
        }
    };
    is_open && found().and_then(asked).is_some_and(|type_| type_ != signer)
}

/// The signer for an issuer's type; `None` if it has none.
fn asked(spec: &IssuerSpec) -> Option<Controller> {
    match (&spec.acme, &spec.ca, &spec.self_signed, &spec.vault, &spec.venafi) {
        (Some(_), ..) => Some(Controller::RequestsAcme),
        (_, Some(_), ..) => Some(Controller::RequestsCa),
        (_, _, Some(_), ..) => Some(Controller::RequestsSelfSigned),
        (_, _, _, Some(_), _) => Some(Controller::RequestsVault),
        (.., Some(_)) => Some(Controller::RequestsVenafi),
        (None, None, None, None, None) => None,
    }
}

fn look(turn: &mut Turn, signer: Controller, request: &CertificateRequest) -> Outcome {
    if request.is(RequestConditionType::Denied) {
        return Outcome::Denied;
    }
    if request.is(RequestConditionType::InvalidRequest) {
        return Outcome::Nothing;
    }
    if !request.is(RequestConditionType::Approved) {
        turn.tell(
            request,
            EventType::Normal,
            "WaitingForApproval",
            "Not signing CertificateRequest until it is Approved",
        );
        return Outcome::Nothing;
    }
    if matches!(request.ready_reason(), Some(RequestReason::Failed | RequestReason::Issued)) {
        return Outcome::Nothing;
    }
    let reference = &request.spec.issuer_ref;
    // Another kind of cert-manager's group is an error in the log and nothing else.
    let Some(kind) = reference.own_kind() else { return Outcome::Nothing };
    let Some(issuer) = find_issuer(turn, request, kind) else {
        let message = format!(
            "Referenced {:?} not found: {}.cert-manager.io {:?} not found",
            kind.word(),
            kind.singular(),
            reference.name
        );
        return Outcome::Pending { reason: "IssuerNotFound", message };
    };
    let Some(type_) = asked(&issuer.spec) else {
        let message = format!(
            "Missing issuer type: no issuer specified for Issuer '{}/{}'",
            request.namespace().unwrap_or_default(),
            reference.name
        );
        return Outcome::Pending { reason: "IssuerTypeMissing", message };
    };
    if type_ != signer {
        return Outcome::Nothing;
    }
    if !is_ready(&issuer.status) {
        let message = "Referenced issuer does not have a Ready status condition".to_owned();
        return Outcome::Pending { reason: "IssuerNotReady", message };
    }
    if !request.status.certificate.is_empty() {
        return Outcome::Nothing;
    }
    let outcome = match signer {
        Controller::RequestsAcme => acme::sign(turn, request, &issuer),
        Controller::RequestsCa => ca::sign(turn, request, &issuer),
        Controller::RequestsSelfSigned => self_signed::sign(turn, request, &issuer),
        Controller::RequestsVault => vault::sign(turn, request, &issuer),
        Controller::RequestsVenafi => venafi::sign(turn, request, &issuer),
        // The other controllers sign nothing.
        Controller::Trigger
        | Controller::KeyManager
        | Controller::RequestManager
        | Controller::Issuing
        | Controller::Readiness
        | Controller::RevisionManager
        | Controller::Approver
        | Controller::Orders
        | Controller::Challenges
        | Controller::Issuers
        | Controller::ClusterIssuers
        | Controller::IngressShim
        | Controller::GatewayShim
        | Controller::ListenerSetShim => Outcome::Nothing,
    };
    checked(&turn.cluster.decoded, outcome, signer)
}

/// What a request will become.
pub fn template(turn: &Turn, request: &CertificateRequest) -> Result<Template, TemplateFault> {
    Template::of_decoded(&request.spec, turn.now, || {
        let csr = turn.cluster.decoded.request(&request.spec.request).map_err(|fault| match fault {
            CsrFault::NoBase64 => TemplateFault::NoBase64,
            CsrFault::Request(error) => error.into(),
        })?;
        let is_signed = csr.is_signed();
        Ok((csr, is_signed))
    })
}

/// What an issuer gives must decode.
fn checked(decoded: &Decoded, outcome: Outcome, signer: Controller) -> Outcome {
    let Outcome::Issued(issued) = &outcome else { return outcome };
    let Err(error) = decoded.bundle(&decoded.text(&issued.certificate)) else { return outcome };
    let hint = if signer == Controller::RequestsCa {
        ": with CA issuers, ensure the Certificate's secretName is different from the CA issuer's secretName to avoid \
         overwriting the CA secret"
    } else {
        ""
    };
    Outcome::Failed { reason: "DecodeError", message: format!("Failed to decode returned certificate{hint}: {error}") }
}

fn is_ready(status: &IssuerStatus) -> bool {
    status.conditions.iter().any(|condition| condition.type_ == IssuerConditionType::Ready && condition.is_true())
}

fn find_issuer(turn: &Turn, request: &CertificateRequest, kind: Kind) -> Option<IssuerFound> {
    let name = &request.spec.issuer_ref.name;
    if kind == Kind::ClusterIssuer {
        let issuer = turn.cluster.get::<ClusterIssuer>(None, name)?;
        let resource_namespace = turn.flags.cluster_resource_namespace.clone();
        return Some(IssuerFound::new(issuer, resource_namespace));
    }
    let issuer = turn.cluster.get::<Issuer>(request.namespace(), name)?;
    let resource_namespace = request.namespace().unwrap_or_default().to_owned();
    Some(IssuerFound::new(issuer, resource_namespace))
}
