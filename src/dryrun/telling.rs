//! What there is to tell of an object: the few things of its status that people ask for.

use crate::api::{
    AcmeState, Certificate, CertificateConditionType, CertificateReason, CertificateRequest, Challenge, ClusterIssuer,
    ConditionStatus, Issuer, IssuerStatus, Object, Order, RequestConditionType, RequestReason, Secret, annotation,
};
use crate::engine::cluster::Cluster;
use crate::objref::{Kind, ObjRef};

/// Whether something is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    Plain,
    Good,
    /// It goes on later.
    Wait,
    Bad,
}

/// One thing to tell, and why it is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aspect {
    pub what: String,
    pub why: String,
    pub tone: Tone,
}

impl Aspect {
    fn new(tone: Tone, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into(), tone }
    }
}

/// The parts of an object that are worth a line, by a name that stays.
type Aspects = Vec<(&'static str, Aspect)>;

/// What there is to tell of an object as it is now.
pub fn aspects(cluster: &Cluster, object: &ObjRef) -> Aspects {
    match object.kind {
        Kind::Certificate => cluster.find(object).map(certificate),
        Kind::CertificateRequest => cluster.find(object).map(request),
        Kind::Order => cluster.find(object).map(order),
        Kind::Challenge => cluster.find(object).map(challenge),
        Kind::Issuer => cluster.find::<Issuer>(object).map(|issuer| self::issuer(&issuer.status)),
        Kind::ClusterIssuer => cluster.find::<ClusterIssuer>(object).map(|issuer| self::issuer(&issuer.status)),
        Kind::Secret => cluster.find(object).map(secret),
        Kind::Pod | Kind::Service | Kind::HttpRoute => Some(made("created")),
        Kind::Ingress
        | Kind::Event
        | Kind::IngressClass
        | Kind::Gateway
        | Kind::ListenerSet
        | Kind::Deployment
        | Kind::Lease
        | Kind::EndpointSlice
        | Kind::Host => None,
    }
    .unwrap_or_default()
}

/// What there is to tell when an object is gone. The end of what was there for a while only goes without saying.
pub fn end(object: &ObjRef) -> Option<Aspect> {
    match object.kind {
        Kind::Certificate | Kind::Challenge | Kind::Issuer | Kind::ClusterIssuer | Kind::Gateway => {
            Some(Aspect::new(Tone::Plain, "removed", ""))
        }
        Kind::CertificateRequest
        | Kind::Order
        | Kind::Secret
        | Kind::Pod
        | Kind::Service
        | Kind::Ingress
        | Kind::HttpRoute
        | Kind::Event
        | Kind::IngressClass
        | Kind::ListenerSet
        | Kind::Deployment
        | Kind::Lease
        | Kind::EndpointSlice
        | Kind::Host => None,
    }
}

fn made(words: &str) -> Aspects {
    vec![("made", Aspect::new(Tone::Plain, words, ""))]
}

/// `message (Reason)`.
fn because(message: &str, reason: Option<&str>) -> String {
    match reason {
        Some(reason) if message.is_empty() => reason.to_owned(),
        Some(reason) => format!("{message} ({reason})"),
        None => message.to_owned(),
    }
}

fn certificate(certificate: &Certificate) -> Aspects {
    let mut told = Vec::new();
    let reason = |reason: &Option<CertificateReason>| reason.as_ref().map(|reason| reason.as_str().to_owned());
    if let Some(issuing) = certificate.condition(CertificateConditionType::Issuing) {
        let why = because(&issuing.message, reason(&issuing.reason).as_deref());
        match issuing.status {
            ConditionStatus::True => told.push(("issuing", Aspect::new(Tone::Plain, "issuance begins", why))),
            ConditionStatus::False => {
                let attempts = certificate.status.failed_issuance_attempts.unwrap_or(1);
                let what = if attempts > 1 {
                    format!("issuance failed, {attempts} times in a row by now")
                } else {
                    "issuance failed".to_owned()
                };
                told.push(("issuing", Aspect::new(Tone::Bad, what, why)));
            }
            ConditionStatus::Undetermined | ConditionStatus::Unknown(_) => {}
        }
    }
    let Some(ready) = certificate.condition(CertificateConditionType::Ready) else { return told };
    let status = &certificate.status;
    if ready.is_true() {
        let revision = status.revision.map(|revision| format!("revision {revision}"));
        let until = status.not_after.as_ref().map(|time| format!("valid until {}", time.0));
        let renewal = status.renewal_time.as_ref().map(|time| format!("renewal at {}", time.0));
        let words: Vec<_> = [revision, until, renewal].into_iter().flatten().collect();
        told.push(("ready", Aspect::new(Tone::Good, format!("ready: {}", words.join(", ")), "")));
    } else if !matches!(ready.reason, Some(CertificateReason::DoesNotExist)) {
        // That there is no Secret yet is what the beginning of the issuance says.
        let why = because(&ready.message, reason(&ready.reason).as_deref());
        told.push(("ready", Aspect::new(Tone::Bad, "not ready", why)));
    }
    told
}

fn request(request: &CertificateRequest) -> Aspects {
    let revision = request.revision().map(|revision| format!(" for revision {revision}")).unwrap_or_default();
    let mut told = made(&format!("created{revision}"));
    if let Some(approved) = request.condition(RequestConditionType::Approved).filter(|condition| condition.is_true()) {
        let by = approved.reason.as_ref().map(RequestReason::as_str).unwrap_or_default();
        told.push(("approval", Aspect::new(Tone::Plain, format!("approved by {by}"), "")));
    }
    if let Some(denied) = request.condition(RequestConditionType::Denied).filter(|condition| condition.is_true()) {
        let by = denied.reason.as_ref().map(RequestReason::as_str);
        told.push(("approval", Aspect::new(Tone::Bad, "denied", because(&denied.message, by))));
    }
    if let Some(invalid) = request.condition(RequestConditionType::InvalidRequest).filter(|one| one.is_true()) {
        told.push(("invalid", Aspect::new(Tone::Bad, "marked as invalid", invalid.message.clone())));
    }
    if let Some(ready) = request.condition(RequestConditionType::Ready) {
        told.push((
            "ready",
            match &ready.reason {
                Some(RequestReason::Issued) => Aspect::new(Tone::Good, "signed", ""),
                Some(RequestReason::Failed | RequestReason::Denied) => {
                    Aspect::new(Tone::Bad, "failed", ready.message.clone())
                }
                Some(
                    RequestReason::Pending
                    | RequestReason::CertManagerApprover
                    | RequestReason::KubectlCertManager
                    | RequestReason::ApproverPolicy
                    | RequestReason::Unknown(_),
                )
                | None => Aspect::new(Tone::Wait, "waits", ready.message.clone()),
            },
        ));
    }
    told
}

fn order(order: &Order) -> Aspects {
    let names: Vec<_> = order.spec.dns_names.iter().chain(&order.spec.ip_addresses).map(String::as_str).collect();
    let mut told = made(&format!("created for {}", names.join(", ")));
    if let Some(state) = &order.status.state {
        let reason = &order.status.reason;
        told.push((
            "state",
            match state {
                AcmeState::Pending => Aspect::new(Tone::Plain, "open at the CA", reason),
                AcmeState::Ready => Aspect::new(Tone::Plain, "every name is authorized", reason),
                AcmeState::Processing => Aspect::new(Tone::Plain, "being signed by the CA", reason),
                AcmeState::Valid => Aspect::new(Tone::Good, "valid", reason),
                AcmeState::Invalid | AcmeState::Expired | AcmeState::Errored | AcmeState::Unknown(_) => {
                    Aspect::new(Tone::Bad, state.as_str(), reason)
                }
            },
        ));
    }
    told
}

fn challenge(challenge: &Challenge) -> Aspects {
    let spec = &challenge.spec;
    let star = if spec.wildcard { "*." } else { "" };
    let mut told = made(&format!("created: {} for {star}{}", spec.type_.as_str(), spec.dns_name));
    let status = &challenge.status;
    if status.presented {
        told.push(("presented", Aspect::new(Tone::Plain, "response presented", "")));
    }
    let (tone, what) = match &status.state {
        Some(AcmeState::Valid) => (Tone::Good, "valid"),
        Some(state) if state.is_failure() => (Tone::Bad, state.as_str()),
        Some(_) | None if status.reason.is_empty() => return told,
        Some(_) | None => (Tone::Wait, "waits"),
    };
    // A valid one keeps words of its way there.
    let why = if tone == Tone::Good { "" } else { status.reason.as_str() };
    told.push(("state", Aspect::new(tone, what, why)));
    told
}

fn issuer(status: &IssuerStatus) -> Aspects {
    let Some(ready) = status.ready() else { return Vec::new() };
    let reason = ready.reason.as_ref().map(|reason| reason.as_str().to_owned());
    let aspect = if ready.is_true() {
        let account = status.acme.as_ref().map(|acme| acme.uri.as_str()).filter(|uri| !uri.is_empty());
        Aspect::new(Tone::Good, account.map_or("ready".to_owned(), |uri| format!("ready: account {uri}")), "")
    } else {
        Aspect::new(Tone::Bad, "not ready", because(&ready.message, reason.as_deref()))
    };
    vec![("ready", aspect)]
}

fn secret(secret: &Secret) -> Aspects {
    if secret.label(annotation::NEXT_PRIVATE_KEY).is_some() {
        return made("created: the next private key");
    }
    let Some(certificate) = secret.annotation(annotation::CERTIFICATE_NAME) else { return made("created") };
    let leaf = secret.bytes("tls.crt").and_then(|pem| crate::x509::Bundle::from_pem(pem.expose()).ok());
    // The serial number tells one certificate from the next; its beginning is enough.
    let serial = leaf.map(|bundle| bundle.leaf().serial.chars().take(8).collect::<String>()).unwrap_or_default();
    let what = if serial.is_empty() {
        format!("holds nothing yet for {certificate}")
    } else {
        format!("holds the certificate of {certificate}, serial number {serial}…")
    };
    vec![("stored", Aspect::new(Tone::Plain, what, ""))]
}
