//! Vault's HTTP API for real: the login, the health and the signature that the engine asks for, in the words of Vault's
//! own client (`hashicorp/vault/api`, cert-manager's `internal/vault/vault.go`).

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Map, Value};

use super::http::{Content, Http, Response, certificates};
use super::read::{json, text_at};
use crate::connect::Trust;
use crate::engine::question::vault::{VaultAnswer, VaultCall, VaultLogin, VaultRequest, VaultServer};
use crate::redact::Redacted;
use rustls::pki_types::CertificateDer;

/// The statuses of a Vault that is in order though it is not the active one.
const STANDBY: [u16; 3] = [429, 472, 473];

/// Sends what a call asks for.
pub async fn answer(call: &VaultCall, roots: &[CertificateDer<'static>], limit: Duration) -> VaultAnswer {
    let VaultCall { server, login, request } = call;
    let http = Http::with_identity(&trusted(server, roots), server.identity.as_ref(), limit);
    let token = match login {
        VaultLogin::Token(token) => token.clone(),
        VaultLogin::Post { url, body } => {
            let members = body.iter().map(|(name, value)| ((*name).to_owned(), value.expose().clone().into()));
            match log_in(&http, server, url, members.collect()).await {
                Ok(token) => token,
                Err(words) => return VaultAnswer::NoLogin(words),
            }
        }
        VaultLogin::Elsewhere(_) => return VaultAnswer::Nobody,
    };
    match request {
        VaultRequest::Health { url } => health(&http, url).await,
        VaultRequest::Sign { url, body } => {
            let members = body.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
            match post(&http, server, url, Some(&token), members).await {
                Ok(reply) => signed(&reply),
                Err(words) => VaultAnswer::Failed(words),
            }
        }
    }
}

fn trusted(server: &VaultServer, roots: &[CertificateDer<'static>]) -> Trust {
    if !roots.is_empty() {
        return Trust::Roots(roots.to_vec());
    }
    let bundle = certificates(&server.ca_bundle);
    if bundle.is_empty() { Trust::System } else { Trust::Roots(bundle) }
}

/// A token for credentials.
async fn log_in(
    http: &Http,
    server: &VaultServer,
    url: &str,
    body: Map<String, Value>,
) -> Result<Redacted<String>, String> {
    // cert-manager words the failure of an AppRole in its own way.
    let is_role = body.contains_key("role_id");
    let lead = if is_role { "error logging in to Vault server" } else { "error calling Vault server" };
    let within = |words: String| {
        if is_role { words } else { format!("while requesting a Vault token using the Kubernetes auth: {words}") }
    };
    let reply = post(http, server, url, None, body).await.map_err(|words| within(format!("{lead}: {words}")))?;
    match text_at(&reply["auth"], "client_token") {
        token if token.is_empty() && is_role => Err("no token returned".to_owned()),
        token => Ok(Redacted::new(token)),
    }
}

async fn health(http: &Http, url: &str) -> VaultAnswer {
    // Always in the root namespace.
    match http.send(Method::GET, url, Content::default()).await {
        Err(words) => VaultAnswer::Failed(words),
        Ok(response) if response.status < 400 || STANDBY.contains(&response.status) => VaultAnswer::Healthy,
        Ok(response) if response.status == 501 => VaultAnswer::Failed("Vault is not initialized".to_owned()),
        Ok(response) if response.status == 503 => VaultAnswer::Failed("Vault is sealed".to_owned()),
        Ok(response) => {
            let words = error_of(&response, "GET", url, "");
            VaultAnswer::Failed(format!("error calling Vault /v1/sys/health: {words}"))
        }
    }
}

async fn post(
    http: &Http,
    server: &VaultServer,
    url: &str,
    token: Option<&Redacted<String>>,
    body: Map<String, Value>,
) -> Result<Value, String> {
    let mut headers = HeaderMap::new();
    headers.insert("x-vault-request", HeaderValue::from_static("true"));
    if let Some(token) = token {
        headers.insert("x-vault-token", secret(token.expose())?);
    }
    if !server.namespace.is_empty() {
        let namespace = HeaderValue::from_str(&server.namespace).map_err(|error| error.to_string())?;
        headers.insert("x-vault-namespace", namespace);
    }
    let bytes = Value::Object(body).to_string().into_bytes();
    let response = http.send(Method::POST, url, Content { type_: "application/json", bytes, headers }).await?;
    if response.status >= 400 {
        return Err(error_of(&response, "POST", url, &server.namespace));
    }
    json(&response.body)
}

fn secret(token: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(token).map_err(|_| "the token cannot be sent in a header".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// `ResponseError.Error` of Vault's client.
fn error_of(response: &Response, method: &str, url: &str, namespace: &str) -> String {
    let value = json(&response.body).unwrap_or_default();
    let errors: Option<Vec<&str>> =
        value["errors"].as_array().map(|errors| errors.iter().filter_map(Value::as_str).collect());
    let (word, text) = match errors {
        Some(errors) => ("Errors", errors.iter().fold(String::new(), |text, error| text + "* " + error)),
        None => ("Raw Message", String::from_utf8_lossy(&response.body).into_owned()),
    };
    let namespace = if namespace.is_empty() { String::new() } else { format!("Namespace: {namespace}\n") };
    let status = response.status;
    format!("Error making API request.\n\n{namespace}URL: {method} {url}\nCode: {status}. {word}:\n\n{text}")
}

fn signed(reply: &Value) -> VaultAnswer {
    let data = &reply["data"];
    let certificate = text_at(data, "certificate");
    let ca_chain = data["ca_chain"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    VaultAnswer::Signed { certificate, issuing_ca: text_at(data, "issuing_ca"), ca_chain: ca_chain.collect() }
}
