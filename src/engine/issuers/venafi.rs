//! The check of a Venafi issuer (`pkg/issuer/venafi/setup.go`).

use super::Checked;
use crate::api::IssuerReason;
use crate::api::issuer::VenafiIssuer;
use crate::engine::outside::{Outside, Then};
use crate::engine::turn::Turn;
use crate::engine::venafi::{Client, Fault};

/// What the check says. It takes it that the service knows the credentials and answers.
pub fn checked(turn: &mut Turn, venafi: &VenafiIssuer, namespace: &str) -> Checked {
    let client = match Client::new(turn.cluster, venafi, namespace) {
        Ok(client) => client,
        Err(Fault::Credentials(words)) => return Checked::again("AuthFailed", words),
        Err(Fault::NotFound(words) | Fault::Other(words)) => {
            let words = format!("Failed to setup Certificate Manager issuer: error building client: {words}");
            return Checked::again("ErrorSetup", words);
        }
    };
    let calls = client.checks();
    if !calls.is_empty() {
        turn.ask_outside(Outside {
            service: client.service(),
            calls,
            unknown: "it takes cert-manager's credentials".to_owned(),
            then: Then::GoesOn,
        });
    }
    Checked::ready(IssuerReason::VenafiStarted.as_str(), IssuerReason::VenafiStarted.as_str())
}
