//! The check of a Vault issuer (`pkg/issuer/vault/setup.go`).

use super::Checked;
use crate::api::issuer::{VaultAuth, VaultIssuer};
use crate::engine::outside::{Outside, Service, Then};
use crate::engine::question::vault::VaultAnswer;
use crate::engine::turn::Turn;
use crate::engine::vault::{Client, Issuer};

const REASON: &str = "VaultError";

/// What the check says. It takes it that Vault lets the client in and is in order.
pub fn checked(turn: &mut Turn, issuer: Issuer) -> Option<Checked> {
    if let Err(message) = complete(issuer.vault) {
        return Some(Checked::failed(REASON, message.to_owned()));
    }
    let no_client = |words: &str| Checked {
        error: Some(words.to_owned()),
        ..Checked::failed(REASON, format!("Failed to initialize Vault client: {words}"))
    };
    let client = match Client::new(turn.cluster, issuer) {
        Ok(client) => client,
        Err(fault) => return Some(no_client(fault.words())),
    };
    Some(match turn.vault(client.check())? {
        VaultAnswer::Healthy | VaultAnswer::Signed { .. } => Checked::ready("VaultVerified", "Vault verified"),
        VaultAnswer::NoLogin(words) => no_client(&words),
        VaultAnswer::Failed(words) => {
            let message = format!("Failed to verify Vault is initialized and unsealed: {words}");
            Checked::failing(REASON, message, words)
        }
        VaultAnswer::Nobody => {
            let server = issuer.vault.server.clone();
            turn.ask_outside(Outside {
                service: Service::Vault { server },
                calls: client.checks(),
                unknown: "Vault lets cert-manager in, is initialized and unsealed".to_owned(),
                then: Then::GoesOn,
            });
            Checked::ready("VaultVerified", "Vault verified")
        }
    })
}

/// What the webhook lets nobody leave out, and objects from elsewhere may lack.
fn complete(vault: &VaultIssuer) -> Result<(), &'static str> {
    if vault.server.is_empty() || vault.path.is_empty() {
        return Err("Vault server and path are required fields");
    }
    let VaultAuth { token_secret_ref, app_role, client_certificate, kubernetes, aws } = &vault.auth;
    let methods = [
        token_secret_ref.is_some(),
        app_role.is_some(),
        client_certificate.is_some(),
        kubernetes.is_some(),
        aws.is_some(),
    ];
    match methods.into_iter().filter(|is_set| *is_set).count() {
        0 => return Err("Vault tokenSecretRef, appRole, clientCertificate, kubernetes, or aws is required"),
        1 => {}
        _ => return Err("Multiple auth methods cannot be set on the same Vault issuer"),
    }
    if token_secret_ref.as_ref().is_some_and(|token| token.name.is_empty()) {
        return Err("Vault Token auth requires tokenSecretRef.name");
    }
    if let Some(role) = app_role {
        if role.role_id.is_empty() || role.secret_ref.name.is_empty() {
            return Err("Vault AppRole auth requires both roleId and tokenSecretRef.name");
        }
        if role.secret_ref.key.is_empty() {
            return Err("Vault AppRole auth requires secretRef.key");
        }
    }
    let Some(kubernetes) = kubernetes else { return Ok(()) };
    if kubernetes.role.is_empty() {
        return Err("Vault Kubernetes auth requires a role to be set");
    }
    match (kubernetes.secret_ref.name.as_str(), &kubernetes.service_account_ref) {
        ("", None) => Err("Vault Kubernetes auth requires either secretRef.name or serviceAccountRef.name to be set"),
        ("", Some(_)) | (_, None) => Ok(()),
        (_, Some(_)) => Err("Vault Kubernetes auth cannot be used with both secretRef.name and serviceAccountRef.name"),
    }
}
