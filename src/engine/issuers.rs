//! The controllers of Issuers and ClusterIssuers: they check what an issuer needs and say whether it is ready
//! (`pkg/controller/issuers`, `pkg/issuer/*/setup.go`).

mod vault;
mod venafi;

use super::acme;
use super::condition;
use super::event::EventType;
use super::turn::{Looked, Trouble, Turn};
use super::vault::Issuer as VaultIssuer;
use crate::api::issuer::AcmeIssuerStatus;
use crate::api::{
    ClusterIssuer, ConditionStatus, Issuer, IssuerConditionType, IssuerReason, IssuerSpec, IssuerStatus, Object as _,
    Secret,
};
use crate::engine::cluster::Kept;
use crate::pki::PrivateKey;
use crate::x509::{Bundle, Certificate};

/// An issuer of either scope.
pub trait AnyIssuer: Kept {
    fn spec(&self) -> &IssuerSpec;
    fn status(&self) -> &IssuerStatus;
    fn status_mut(&mut self) -> &mut IssuerStatus;
}

macro_rules! issuers {
    ($($kind:ty),+) => {
        $(impl AnyIssuer for $kind {
            fn spec(&self) -> &IssuerSpec {
                &self.spec
            }

            fn status(&self) -> &IssuerStatus {
                &self.status
            }

            fn status_mut(&mut self) -> &mut IssuerStatus {
                &mut self.status
            }
        })+
    };
}

issuers! { Issuer, ClusterIssuer }

/// What a check says: the Ready condition, and the error behind it where cert-manager tries again.
pub struct Checked {
    status: ConditionStatus,
    reason: &'static str,
    message: String,
    error: Option<String>,
    /// The new `status.acme`.
    pub acme: Option<Box<AcmeIssuerStatus>>,
}

impl Checked {
    /// The issuer can be used.
    pub fn ready(reason: &'static str, message: &str) -> Self {
        Self { status: ConditionStatus::True, reason, message: message.to_owned(), error: None, acme: None }
    }

    /// It cannot, until somebody changes it or what it refers to.
    pub fn failed(reason: &'static str, message: String) -> Self {
        Self { status: ConditionStatus::False, reason, message, error: None, acme: None }
    }

    /// It cannot now, and is checked again.
    pub fn failing(reason: &'static str, message: String, error: String) -> Self {
        Self { error: Some(error), ..Self::failed(reason, message) }
    }

    /// The same, for an error of the same words.
    pub fn again(reason: &'static str, message: String) -> Self {
        Self::failing(reason, message.clone(), message)
    }

    /// Whether it can be used.
    pub fn is_good(&self) -> bool {
        self.status == ConditionStatus::True
    }
}

/// One look at an issuer. Types whose check asks a server that is not played are left as they are.
pub fn setup<T: AnyIssuer>(turn: &mut Turn) -> Looked {
    let Some(issuer) = turn.cluster.find::<T>(turn.object()).cloned() else { return Ok(()) };
    if issuer.deleting_since().is_some() {
        return Ok(());
    }
    let spec = issuer.spec();
    let namespace = issuer.namespace().unwrap_or(&turn.flags.cluster_resource_namespace).to_owned();
    let checked = if let Some(spec) = &spec.acme {
        let Some(checked) = acme::account::check(turn, &issuer, &namespace, spec) else { return Ok(()) };
        checked
    } else if let Some(ca) = &spec.ca {
        ca_checked(turn, &namespace, &ca.secret_name)
    } else if spec.self_signed.is_some() {
        Checked::ready("IsReady", "")
    } else if let Some(vault) = &spec.vault {
        let seen = VaultIssuer {
            vault,
            namespace: issuer.namespace().unwrap_or_default(),
            name: issuer.name(),
            resource_namespace: &namespace,
        };
        let Some(checked) = vault::checked(turn, seen) else { return Ok(()) };
        checked
    } else if let Some(venafi) = &spec.venafi {
        venafi::checked(turn, venafi, &namespace)
    } else {
        return Ok(());
    };
    let (object, stamp, generation) = (turn.object().clone(), turn.stamp(), issuer.generation());
    // Only the check of CA issuers leaves an Event each time.
    if spec.ca.is_some() {
        let type_ = if checked.status == ConditionStatus::True { EventType::Normal } else { EventType::Warning };
        turn.tell(&issuer, type_, checked.reason, checked.message.clone());
    }
    let was_ready =
        issuer.status().conditions.iter().any(|old| old.type_ == IssuerConditionType::Ready && old.is_true());
    if spec.venafi.is_some() && checked.status == ConditionStatus::True && !was_ready {
        turn.tell(&issuer, EventType::Normal, "Ready", "Verified issuer with Certificate Manager server");
    }
    turn.cluster.modify::<T>(&object, |issuer| {
        let reason = IssuerReason::from(checked.reason);
        let mut ready = condition::new(IssuerConditionType::Ready, checked.status, reason, checked.message);
        ready.observed_generation = generation.filter(|generation| *generation != 0);
        let status = issuer.status_mut();
        let is_new = checked.acme.as_deref().is_some_and(|acme| status.acme.as_ref() != Some(acme));
        if let Some(acme) = checked.acme {
            status.acme = Some(*acme);
        }
        condition::set(&mut status.conditions, ready, &stamp) || is_new
    });
    match checked.error {
        None => Ok(()),
        Some(error) => {
            turn.tell(&issuer, EventType::Warning, "ErrInitIssuer", format!("Error initializing issuer: {error}"));
            Err(Trouble(error))
        }
    }
}

fn ca_checked(turn: &Turn, namespace: &str, name: &str) -> Checked {
    let message = |error: &str| format!("Error getting keypair for CA issuer: {error}");
    let Some(secret) = turn.cluster.get::<Secret>(Some(namespace), name) else {
        let error = format!("secrets {name:?} not found");
        return Checked::failing("ErrGetKeyPair", message(&error), error);
    };
    match signing(secret) {
        Err(error) => Checked::failing("ErrGetKeyPair", message(&error), error),
        Ok(signing) if !signing.is_ca() => Checked::failed("ErrInvalidKeyPair", message("certificate is not a CA")),
        Ok(_) => Checked::ready("KeyPairVerified", "Signing CA verified"),
    }
}

/// The certificate that is to sign, beside a key that decodes: neither whether they fit nor `ca.crt` is looked at before
/// something is signed.
fn signing(secret: &Secret) -> Result<Certificate, String> {
    let filled = |key: &str| {
        secret.bytes(key).map(|bytes| &**bytes.expose()).ok_or_else(|| {
            format!("no data for {key:?} in secret '{}/{}'", secret.namespace().unwrap_or_default(), secret.name())
        })
    };
    let chain = Bundle::from_pem(filled("tls.crt")?).map_err(|error| error.to_string())?;
    PrivateKey::from_pem(filled("tls.key")?).map_err(|error| error.to_string())?;
    Ok(chain.leaf().clone())
}
