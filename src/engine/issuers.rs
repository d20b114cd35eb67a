//! The controllers of Issuers and ClusterIssuers: they check what an issuer needs and say whether it is ready
//! (`pkg/controller/issuers`, `pkg/issuer/*/setup.go`).

mod vault;
mod venafi;

use super::condition;
use super::event::EventType;
use super::turn::{Looked, Trouble, Turn};
use super::vault::Issuer as VaultIssuer;
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
struct Checked {
    status: ConditionStatus,
    reason: &'static str,
    message: String,
    error: Option<String>,
}

impl Checked {
    fn ready(reason: &'static str, message: &str) -> Self {
        Self { status: ConditionStatus::True, reason, message: message.to_owned(), error: None }
    }

    fn failed(reason: &'static str, message: String) -> Self {
        Self { status: ConditionStatus::False, reason, message, error: None }
    }

    /// Failed with an error of the same words.
    fn again(reason: &'static str, message: String) -> Self {
        Self { error: Some(message.clone()), ..Self::failed(reason, message) }
    }
}

/// One look at an issuer. Types whose check asks a server are left as they are.
pub fn setup<T: AnyIssuer>(turn: &mut Turn) -> Looked {
    let Some(issuer) = turn.cluster.find::<T>(turn.object()).cloned() else { return Ok(()) };
    let spec = issuer.spec();
    let checked = if let Some(ca) = &spec.ca {
        let namespace = issuer.namespace().unwrap_or(&turn.flags.cluster_resource_namespace).to_owned();
        ca_checked(turn, &namespace, &ca.secret_name)
    } else if spec.self_signed.is_some() {
        Checked::ready("IsReady", "")
    } else if let Some(vault) = &spec.vault {
        let resource_namespace = issuer.namespace().unwrap_or(&turn.flags.cluster_resource_namespace).to_owned();
        let seen = VaultIssuer {
            vault,
            namespace: issuer.namespace().unwrap_or_default(),
            name: issuer.name(),
            resource_namespace: &resource_namespace,
        };
        vault::checked(turn, seen)
    } else if let Some(venafi) = &spec.venafi {
        let namespace = issuer.namespace().unwrap_or(&turn.flags.cluster_resource_namespace).to_owned();
        venafi::checked(turn, venafi, &namespace)
    } else {
        return Ok(());
    };
    let (object, stamp, generation) = (turn.object().clone(), turn.stamp(), issuer.generation());
    // The SelfSigned issuer's check leaves no Event.
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
        condition::set(&mut issuer.status_mut().conditions, ready, &stamp)
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
    const LEAD: &str = "Error getting keypair for CA issuer: ";
    let failed = |reason, error: String, again: bool| Checked {
        status: ConditionStatus::False,
        reason,
        message: format!("{LEAD}{error}"),
        error: again.then_some(error),
    };
    let Some(secret) = turn.cluster.get::<Secret>(Some(namespace), name) else {
        return failed("ErrGetKeyPair", format!("secrets {name:?} not found"), true);
    };
    match signing(secret) {
        Err(error) => failed("ErrGetKeyPair", error, true),
        Ok(signing) if !signing.is_ca() => failed("ErrInvalidKeyPair", "certificate is not a CA".to_owned(), false),
        Ok(_) => Checked {
            status: ConditionStatus::True,
            reason: "KeyPairVerified",
            message: "Signing CA verified".to_owned(),
            error: None,
        },
    }
}

/// The certificate that is to sign, beside a key that decodes: neither whether they fit nor `ca.crt` is looked at before
/// something is signed.
fn signing(secret: &Secret) -> Result<Certificate, String> {
    let filled = |key: &str| {
        secret.bytes(key).map(|bytes| bytes.expose().as_slice()).ok_or_else(|| {
            format!("no data for {key:?} in secret '{}/{}'", secret.namespace().unwrap_or_default(), secret.name())
        })
    };
    let chain = Bundle::from_pem(filled("tls.crt")?).map_err(|error| error.to_string())?;
    PrivateKey::from_pem(filled("tls.key")?).map_err(|error| error.to_string())?;
    Ok(chain.leaf().clone())
}
