//! The check of an ACME issuer: its account's key is found or made, and the account registered
//! (`pkg/issuer/acme/setup.go`).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::client::{Client, Replied, key_hash};
use super::url;
use crate::api::issuer::{AcmeIssuerStatus, ExternalAccountBinding};
use crate::api::{AcmeIssuer, AcmeSolver, Condition, Object, Secret, SecretKeyRef, SecretValue};
use crate::engine::event::EventType;
use crate::engine::issuers::{AnyIssuer, Checked};
use crate::engine::question::acme::{AcmeAccount, AcmeFailure, AcmeRequest, ExternalAccount};
use crate::engine::turn::Turn;
use crate::pki::PrivateKey;
use crate::redact::Redacted;
use crate::x509::KeyType;

const REGISTERED: &str = "The ACME account was registered with the ACME server";
const REGISTRATION_FAILED: &str = "Failed to register ACME account: ";
const VERIFICATION_FAILED: &str = "Failed to verify ACME account: ";
const UPDATE_FAILED: &str = "Failed to update ACME account:";

const VERIFY: &str = "ErrVerifyACMEAccount";
const REGISTER: &str = "ErrRegisterACMEAccount";
const UPDATE: &str = "ErrUpdateACMEAccount";

/// Let's Encrypt's endpoints of the protocol before RFC 8555, and what took their place.
const RETIRED: [(&str, &str); 2] = [
    ("https://acme-v01.api.letsencrypt.org/directory", "https://acme-v02.api.letsencrypt.org/directory"),
    ("https://acme-staging.api.letsencrypt.org/directory", "https://acme-staging-v02.api.letsencrypt.org/directory"),
];

/// One check; `None` while the server's answer is awaited.
pub fn check<T: AnyIssuer>(turn: &mut Turn, issuer: &T, namespace: &str, spec: &AcmeIssuer) -> Option<Checked> {
    let server = spec.server.strip_suffix('/').unwrap_or(&spec.server);
    if let Some((_, new)) = RETIRED.iter().find(|(old, _)| *old == server) {
        let message = format!(
            "Your ACME server URL is set to a v1 endpoint ({}). You should update the spec.acme.server field to {new:?}",
            spec.server
        );
        return Some(Checked::failed("InvalidConfig", message));
    }
    let key = match account_key(turn, issuer, namespace, spec) {
        Ok(key) => key,
        Err(checked) => return Some(checked),
    };
    let warnings = missing_credentials(turn, namespace, &spec.solvers);
    if !warnings.is_empty() {
        return Some(Checked::failed("InvalidSolver", warnings.join("; ")));
    }
    let mut status = turn.cluster.find::<T>(turn.object())?.status().acme.clone().unwrap_or_default();
    let hash = key_hash(&key).unwrap_or_default();
    let client = Client::new(spec, &key).expect("the key is RSA");
    let uid = issuer.uid().unwrap_or_default().to_owned();
    // Until the check is through, nothing else speaks for the issuer.
    turn.clients.remove(&uid);
    let mut checked = registered(turn, issuer, namespace, spec, &client, &hash, &mut status)?;
    if checked.is_good() {
        turn.clients.insert(uid, client);
    }
    checked.acme = Some(Box::new(status));
    Some(checked)
}

/// The account's key from its Secret, which is made if it is not there.
fn account_key<T: AnyIssuer>(
    turn: &mut Turn,
    issuer: &T,
    namespace: &str,
    spec: &AcmeIssuer,
) -> Result<PrivateKey, Checked> {
    let selector = &spec.private_key_secret_ref;
    let entry = if selector.key.is_empty() { "tls.key" } else { &selector.key };
    let Some(secret) = turn.cluster.get::<Secret>(Some(namespace), &selector.name) else {
        let not_found = format!("secrets {:?} not found", selector.name);
        if spec.disable_account_key_generation {
            let message = format!(
                "{VERIFICATION_FAILED}the ACME issuer config has 'disableAccountKeyGeneration' set to true, but the secret was \
                 not found: {not_found}"
            );
            return Err(Checked::failing(VERIFY, message.clone(), message));
        }
        return generate(turn, issuer, namespace, &selector.name, entry).map_err(|error| {
            let message = format!("{REGISTRATION_FAILED}{error}");
            Checked::failing(REGISTER, message.clone(), message)
        });
    };
    let pem =
        secret.bytes(entry).ok_or_else(|| format!("no data for {entry:?} in secret '{namespace}/{}'", secret.name()));
    let key = pem.and_then(|pem| PrivateKey::from_pem(pem.expose()).map_err(|error| error.to_string()));
    let key = key.map_err(|error| Checked::failed(VERIFY, format!("Account private key is invalid: {error}")))?;
    match key.public().key_type {
        KeyType::Rsa(_) => Ok(key),
        KeyType::Ecdsa(_) | KeyType::Ed25519 | KeyType::Other(_) => {
            Err(Checked::failed(VERIFY, format!("ACME private key in {:?} is not of type RSA", selector.name)))
        }
    }
}

fn generate<T: AnyIssuer>(
    turn: &mut Turn,
    issuer: &T,
    namespace: &str,
    name: &str,
    entry: &str,
) -> Result<PrivateKey, String> {
    let key = PrivateKey::generate(&KeyType::Rsa(2048)).map_err(|error| error.to_string())?;
    let pem = key.encode(None).map_err(|error| error.to_string())?;
    let bytes = Redacted::new(pem.expose().as_bytes().into());
    let labels = BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), "cert-manager".to_owned())]);
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        type_: "Opaque".to_owned(),
        data: BTreeMap::from([(entry.to_owned(), SecretValue::Bytes(bytes))]),
        ..Secret::default()
    };
    turn.cluster.create(secret).map_err(|error| error.to_string())?;
    // A new key is another account. Written here, because the look goes on only when the server has answered.
    turn.cluster.modify::<T>(&issuer.objref(), |issuer| {
        let status = issuer.status_mut();
        let is_told = status.acme.as_ref().is_some_and(|acme| acme.uri.is_empty());
        status.acme.get_or_insert_default().uri.clear();
        !is_told
    });
    Ok(key)
}

/// What is wrong with the Secrets of the issuer's DNS-01 solvers.
fn missing_credentials(turn: &Turn, namespace: &str, solvers: &[AcmeSolver]) -> Vec<String> {
    let missing = |selector: &SecretKeyRef| {
        let name = &selector.name;
        let Some(secret) = turn.cluster.get::<Secret>(Some(namespace), name) else {
            return Some(format!("failed to get secret {name:?}: secrets {name:?} not found"));
        };
        let lacks = !selector.key.is_empty() && !secret.data.contains_key(&selector.key);
        lacks.then(|| format!("the secret {name:?} does not have key {:?}", selector.key))
    };
    solvers.iter().flat_map(required_secrets).filter_map(missing).collect()
}

/// The Secrets that must be there, in the order in which the webhook's rules come by them
/// (`internal/apis/certmanager/validation/issuer.go`).
fn required_secrets(solver: &AcmeSolver) -> Vec<&SecretKeyRef> {
    let Some(dns01) = &solver.dns01 else { return Vec::new() };
    let mut required = Vec::new();
    if let Some(akamai) = &dns01.akamai {
        let refs = [&akamai.access_token_secret_ref, &akamai.client_secret_secret_ref, &akamai.client_token_secret_ref];
        required.extend(refs);
    }
    if let Some(azure) = &dns01.azure_dns {
        required.extend(&azure.client_secret_secret_ref);
    }
    if let Some(cloud_dns) = &dns01.cloud_dns {
        required.extend(&cloud_dns.service_account_secret_ref);
    }
    if let Some(cloudflare) = &dns01.cloudflare {
        required.extend(cloudflare.api_key_secret_ref.iter().chain(&cloudflare.api_token_secret_ref));
    }
    if let Some(route53) = &dns01.route53 {
        required.extend(Some(&route53.secret_access_key_secret_ref).filter(|selector| !selector.name.is_empty()));
        required.extend(&route53.access_key_id_secret_ref);
    }
    required.extend(dns01.acme_dns.iter().map(|acme_dns| &acme_dns.account_secret_ref));
    required.extend(dns01.digitalocean.iter().map(|ocean| &ocean.token_secret_ref));
    let tsig = dns01.rfc2136.iter().map(|rfc2136| &rfc2136.tsig_secret_secret_ref);
    required.extend(tsig.filter(|selector| !selector.name.is_empty()));
    required
}

/// Registers the account, unless the status says that it is registered as the spec wants it.
fn registered<T: AnyIssuer>(
    turn: &mut Turn,
    issuer: &T,
    namespace: &str,
    spec: &AcmeIssuer,
    client: &Client,
    hash: &str,
    status: &mut AcmeIssuerStatus,
) -> Option<Checked> {
    let mut hosts = Vec::new();
    for (what, text) in [("server", &spec.server), ("account", &status.uri)] {
        match url::host(text) {
            Ok(host) => hosts.push(host),
            Err(error) => {
                let message = format!("Failed to parse existing ACME {what} URI {text:?}: {error}");
                turn.tell(issuer, EventType::Warning, "InvalidURL", message.clone());
                return Some(Checked::failed("InvalidURL", message));
            }
        }
    }
    let is_same_host = hosts[0] == hosts[1];
    let is_known = issuer.status().ready().is_some_and(Condition::is_true)
        && !status.uri.is_empty()
        && is_same_host
        && status.last_registered_email == spec.email
        && status.last_private_key_hash == hash;
    if is_known {
        return Some(Checked::ready("ACMEAccountRegistered", REGISTERED));
    }
    if !is_same_host {
        status.uri.clear();
    }
    let external_account = match &spec.external_account_binding {
        None => None,
        Some(binding) => match external_account(turn, namespace, binding) {
            Ok(account) => Some(account),
            Err(error) => {
                let message = format!("{REGISTRATION_FAILED}{error}");
                turn.tell(issuer, EventType::Warning, REGISTER, message.clone());
                return Some(Checked::failed(REGISTER, message));
            }
        },
    };
    let contact = contact(&spec.email);
    let account = match register(turn, client, contact.clone(), external_account)? {
        Ok(account) => account,
        Err(failure) => return Some(refused(REGISTER, REGISTRATION_FAILED, &failure)),
    };
    // The address is compared as it is, though it was sent in small letters: one with capitals is sent again.
    let known = account.contact.first().map(|first| first.replacen("mailto:", "", 1)).unwrap_or_default();
    let account = if known == spec.email {
        account
    } else {
        match client.account(turn, AcmeRequest::UpdateAccount { contact })? {
            Ok(account) => account,
            Err(failure) => {
                turn.tell(issuer, EventType::Warning, UPDATE, format!("{UPDATE_FAILED}{failure}"));
                return Some(refused(UPDATE, UPDATE_FAILED, &failure));
            }
        }
    };
    status.uri = account.url;
    status.last_registered_email.clone_from(&spec.email);
    hash.clone_into(&mut status.last_private_key_hash);
    Some(Checked::ready("ACMEAccountRegistered", REGISTERED))
}

fn contact(email: &str) -> Vec<String> {
    if email.is_empty() { Vec::new() } else { vec![format!("mailto:{}", email.to_lowercase())] }
}

/// A new account, or the one that the key has already.
fn register(
    turn: &mut Turn,
    client: &Client,
    contact: Vec<String>,
    external_account: Option<ExternalAccount>,
) -> Option<Replied<AcmeAccount>> {
    let replied = client.account(turn, AcmeRequest::NewAccount { contact, external_account })?;
    if !replied.as_ref().is_ok_and(|account| account.existed) {
        return Some(replied);
    }
    let found = client.account(turn, AcmeRequest::FindAccount)?;
    Some(match found {
        Err(AcmeFailure::Problem(problem)) if problem.is("accountDoesNotExist") => {
            Err(AcmeFailure::Nonsense("acme: account does not exist".to_owned()))
        }
        Ok(_) | Err(_) => found,
    })
}

/// A problem of which the server says that the client is at fault is not tried again.
fn refused(reason: &'static str, lead: &str, failure: &AcmeFailure) -> Checked {
    let message = format!("{lead}{failure}");
    if failure.is_of_client() {
        Checked::failed(reason, message)
    } else {
        Checked::failing(reason, message, failure.to_string())
    }
}

/// The account to bind to, whose MAC key is in a Secret as base64url.
fn external_account(turn: &Turn, namespace: &str, binding: &ExternalAccountBinding) -> Result<ExternalAccount, String> {
    let SecretKeyRef { name, key } = &binding.key_secret_ref;
    let secret = turn.cluster.get::<Secret>(Some(namespace), name);
    let secret = secret.ok_or_else(|| format!("secrets {name:?} not found"))?;
    let text = secret.bytes(key).ok_or_else(|| {
        format!("failed to find external account binding key data in Secret {name:?} at index {key:?}")
    })?;
    let mac_key = decode_base64url(text.expose()).map_err(|at| {
        format!("failed to decode external account binding key data: illegal base64 data at input byte {at}")
    })?;
    Ok(ExternalAccount { key_id: binding.key_id.clone(), mac_key: Redacted::new(mac_key) })
}

/// Base64url without padding as Go decodes it, over line breaks, or where it stops.
fn decode_base64url(text: &[u8]) -> Result<Vec<u8>, usize> {
    let lenient = NO_PAD.with_decode_allow_trailing_bits(true);
    let is_of_alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_\r\n".contains(byte);
    if let Some(at) = text.iter().position(|byte| !is_of_alphabet(byte)) {
        return Err(at);
    }
    let letters: Vec<u8> = text.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect();
    // A single letter at the end holds no whole byte.
    GeneralPurpose::new(&URL_SAFE, lenient).decode(letters).map_err(|_| text.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_keys_are_read_as_go_reads_them() {
        assert_eq!(decode_base64url(b"-_8\n"), Ok(vec![0xfb, 0xff]));
        assert_eq!(decode_base64url(b"-_9"), Ok(vec![0xfb, 0xff]));
        assert_eq!(decode_base64url(b"-_8="), Err(3));
        assert_eq!(decode_base64url(b"a+b"), Err(1));
        assert_eq!(decode_base64url(b"AAAAA"), Err(4));
    }
}
