//! One line of the table of certificates.

use jiff::Timestamp;

use crate::api::{
    Certificate, CertificateConditionType, CertificateReason, Condition, ConditionStatus, IssuerRef, Object,
};
use crate::engine::Stage;
use crate::facts::Facts;

/// What the table shows of one Certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub namespace: String,
    pub name: String,
    /// The Ready condition's word; `None` if no controller has looked yet.
    pub ready: Option<String>,
    /// A [`Stage`] id, or `issuing` where the chain below was not looked at.
    pub stage: &'static str,
    pub issuer: String,
    pub expires: Option<Timestamp>,
    pub renews: Option<Timestamp>,
    pub created: Option<Timestamp>,
    pub secret: String,
    /// All names, the common name first if it is not among the others.
    pub names: Vec<String>,
    pub revision: Option<i64>,
    /// When cert-manager tries again after a failure.
    pub next_try: Option<Timestamp>,
    /// Why it is not ready, or why the last issuance failed.
    pub message: String,
    pub labels: Vec<(String, String)>,
    pub urgency: Urgency,
}

/// How soon somebody should look. The order is from urgent to quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    Expired,
    Failed,
    NotReady,
    Issuing,
    RenewalFailed,
    RenewalDue,
    Quiet,
}

/// Whether the objects below the Certificate were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    CertificateOnly,
    Chain,
}

impl Row {
    /// The line of the Certificate at the root of `facts`; `None` if there is none.
    pub fn of(facts: &Facts, depth: Depth) -> Option<Self> {
        let certificate = *facts.chain.certificate.seen()?;
        let is_issuing = certificate.is(CertificateConditionType::Issuing);
        let stage = if is_issuing && depth == Depth::CertificateOnly { "issuing" } else { facts.stage.id() };
        let ready = certificate.condition(CertificateConditionType::Ready);
        let time =
            |time: &Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>| time.as_ref().map(|time| time.0);
        Some(Self {
            namespace: certificate.namespace().unwrap_or_default().to_owned(),
            name: certificate.name().to_owned(),
            ready: ready.map(|condition| condition.status.to_string()),
            stage,
            issuer: issuer_words(&certificate.spec.issuer_ref),
            expires: time(&certificate.status.not_after),
            renews: time(&certificate.status.renewal_time),
            created: certificate.created(),
            secret: certificate.spec.secret_name.clone(),
            names: names(certificate),
            revision: certificate.status.revision,
            next_try: if let Stage::BackOff { until } = facts.stage { Some(until) } else { None },
            message: message(certificate, ready),
            labels: certificate.metadata.labels.iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
            urgency: urgency(facts, certificate, is_issuing),
        })
    }

    /// Whether it is not ready or its last issuance failed.
    pub fn is_failing(&self) -> bool {
        match self.urgency {
            Urgency::Expired | Urgency::Failed | Urgency::NotReady | Urgency::Issuing | Urgency::RenewalFailed => true,
            Urgency::RenewalDue | Urgency::Quiet => false,
        }
    }
}

/// `issuer/NAME`, `clusterissuer/NAME`, or `kind.group/NAME` for a stranger.
pub fn issuer_words(reference: &IssuerRef) -> String {
    let kind = reference.kind_or_default();
    match reference.own_kind() {
        Some(kind) => format!("{}/{}", kind.singular(), reference.name),
        None => format!("{}.{}/{}", kind.to_lowercase(), reference.group_or_default(), reference.name),
    }
}

/// All names, the common name first if it is not among the others.
pub fn names(certificate: &Certificate) -> Vec<String> {
    let spec = &certificate.spec;
    let lists = [&spec.dns_names, &spec.ip_addresses, &spec.uris, &spec.email_addresses];
    let mut names: Vec<String> = lists.into_iter().flatten().cloned().collect();
    if !spec.common_name.is_empty() && !names.contains(&spec.common_name) {
        names.insert(0, spec.common_name.clone());
    }
    names
}

fn message(
    certificate: &Certificate,
    ready: Option<&Condition<CertificateConditionType, CertificateReason>>,
) -> String {
    let failed = certificate.condition(CertificateConditionType::Issuing).filter(|condition| condition.is_false());
    let not_ready = ready.filter(|condition| condition.status != ConditionStatus::True);
    failed.or(not_ready).map(|condition| condition.message.clone()).unwrap_or_default()
}

fn urgency(facts: &Facts, certificate: &Certificate, is_issuing: bool) -> Urgency {
    let expired = certificate.status.not_after.as_ref().is_some_and(|end| facts.now > end.0);
    let is_ready = certificate.is(CertificateConditionType::Ready);
    let has_failed = certificate.status.last_failure_time.is_some() && !is_issuing;
    if expired {
        Urgency::Expired
    } else if has_failed && !is_ready {
        Urgency::Failed
    } else if is_issuing && !is_ready {
        Urgency::Issuing
    } else if !is_ready {
        Urgency::NotReady
    } else if has_failed {
        Urgency::RenewalFailed
    } else if matches!(facts.stage, Stage::Settled { .. }) {
        Urgency::Quiet
    } else {
        Urgency::RenewalDue
    }
}
