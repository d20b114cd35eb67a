//! The solver of DNS-01 challenges: finds the credentials of the provider and has it write or remove the record
//! (`pkg/issuer/acme/dns/dns.go`).

use std::fmt::Display;

use super::challenges::Fault;
use super::check::fqdn;
use crate::api::solver::{AzureDns, Cloudflare, Dns01Solver, Route53};
use crate::api::{Challenge, Object, Secret, SecretKeyRef};
use crate::engine::question::dns::{Dns01Change, DnsFailure, DnsVerb, Library};
use crate::engine::question::{Answer, Question};
use crate::engine::turn::Turn;
use crate::objref::Kind;

/// Writes the record; `None` while the provider is at it.
pub fn present(turn: &mut Turn, challenge: &Challenge) -> Option<Result<(), Fault>> {
    change(turn, challenge, DnsVerb::Present)
}

/// Removes the record; `None` while the provider is at it.
pub fn clean_up(turn: &mut Turn, challenge: &Challenge) -> Option<Result<(), Fault>> {
    change(turn, challenge, DnsVerb::CleanUp)
}

fn change(turn: &mut Turn, challenge: &Challenge, verb: DnsVerb) -> Option<Result<(), Fault>> {
    let spec = &challenge.spec;
    let Some(solver) = &spec.solver.dns01 else {
        return Some(Err("no dns01 challenge solver configuration found".to_owned().into()));
    };
    let is_cluster_wide = spec.issuer_ref.kind == Kind::ClusterIssuer.word();
    let credentials = Credentials {
        namespace: if is_cluster_wide {
            turn.flags.cluster_resource_namespace.clone()
        } else {
            challenge.namespace().unwrap_or_default().to_owned()
        },
        is_ambient: if is_cluster_wide {
            turn.flags.cluster_issuer_ambient_credentials
        } else {
            turn.flags.issuer_ambient_credentials
        },
        turn,
    };
    if let Err(error) = credentials.check(solver) {
        return Some(Err(error.into()));
    }
    let resource_namespace = credentials.namespace;
    let change = Dns01Change {
        verb,
        domain: spec.dns_name.clone(),
        fqdn: fqdn(&spec.dns_name),
        value: spec.key.clone(),
        solver: Box::new(solver.clone()),
        resource_namespace,
    };
    let Answer::Dns01Change(done) = turn.ask(Question::Dns01Change(change))? else {
        return Some(Err("the answer is to another question".to_owned().into()));
    };
    Some(done.map_err(Fault::from))
}

impl From<DnsFailure> for Fault {
    /// A status may not change at each try, or the controller would look without end.
    fn from(failure: DnsFailure) -> Self {
        let message = failure.message;
        let Some(unstable) = failure.unstable else { return Self::from(message) };
        let library = match unstable.library {
            Library::AwsResponse => "AWS SDK error: http.ResponseError",
            Library::AzureAuthentication => "Azure SDK error: azidentity.AuthenticationFailedError",
            Library::AzureResponse => "Azure SDK error: azcore.ResponseError",
            Library::DigitalOcean => "DigitalOcean SDK error: godo.ErrorResponse",
        };
        let stable = message.replace(&unstable.part, &format!("<redacted {library}: see events and logs for details>"));
        Self { message, stable }
    }
}

/// The names of Azure's clouds that cert-manager knows.
const CLOUDS: [&str; 6] =
    ["", "AZURECLOUD", "AZUREPUBLICCLOUD", "AZUREUSGOVERNMENT", "AZUREUSGOVERNMENTCLOUD", "AZURECHINACLOUD"];

/// Where a solver's credentials come from.
struct Credentials<'t, 'e> {
    turn: &'t Turn<'e>,
    namespace: String,
    is_ambient: bool,
}

impl Credentials<'_, '_> {
    /// Why the provider's client cannot be made, if so.
    fn check(&self, solver: &Dns01Solver) -> Result<(), String> {
        if solver.webhook.is_some() {
            return Ok(());
        }
        if let Some(rfc2136) = &solver.rfc2136 {
            return self.tsig(&rfc2136.tsig_secret_secret_ref);
        }
        if let Some(akamai) = &solver.akamai {
            let refs = [
                ("token", &akamai.client_token_secret_ref),
                ("secret", &akamai.client_secret_secret_ref),
                // cert-manager calls this one a client token too.
                ("token", &akamai.access_token_secret_ref),
            ];
            return refs.into_iter().try_for_each(|(what, selector)| self.akamai(what, selector));
        }
        if let Some(cloud_dns) = &solver.cloud_dns {
            return self.cloud_dns(cloud_dns.service_account_secret_ref.as_ref());
        }
        if let Some(cloudflare) = &solver.cloudflare {
            return self.cloudflare(cloudflare);
        }
        if let Some(ocean) = &solver.digitalocean {
            return self.digitalocean(&ocean.token_secret_ref);
        }
        if let Some(route53) = &solver.route53 {
            return self.route53(route53);
        }
        if let Some(azure) = &solver.azure_dns {
            return self.azure(azure);
        }
        if let Some(acme_dns) = &solver.acme_dns {
            let SecretKeyRef { name, key } = &acme_dns.account_secret_ref;
            let lead = "error getting acmedns accounts secret";
            let secret = self.secret(name).map_err(|error| format!("{lead}: {error}"))?;
            return has(secret, key).map_err(|()| format!("{lead}: key '{key}' not found in secret"));
        }
        Err("no dns provider config specified for challenge".to_owned())
    }

    fn secret(&self, name: &str) -> Result<&Secret, String> {
        let secret = self.turn.cluster.get::<Secret>(Some(&self.namespace), name);
        secret.ok_or_else(|| format!("secrets {name:?} not found"))
    }

    fn tsig(&self, SecretKeyRef { name, key }: &SecretKeyRef) -> Result<(), String> {
        if name.is_empty() {
            return Ok(());
        }
        if key.is_empty() {
            return Err("key of data in Secret resource must be specified".to_owned());
        }
        has(self.secret(name)?, key).map_err(|()| format!("data entry with key {key:?} not found in secret"))
    }

    fn akamai(&self, what: &str, SecretKeyRef { name, key }: &SecretKeyRef) -> Result<(), String> {
        let lead = format!("error getting akamai client {what}");
        let path = format!("{}/{name}", self.namespace);
        let secret = self.secret(name).map_err(|error| format!("{lead}: failed to load secret {path:?}: {error}"))?;
        has(secret, key).map_err(|()| format!("{lead}: no key {key:?} in secret {path:?}"))
    }

    fn cloud_dns(&self, selector: Option<&SecretKeyRef>) -> Result<(), String> {
        let Some(SecretKeyRef { name, key }) = selector else {
            let words = "error instantiating google clouddns challenge solver: unable to construct clouddns provider: empty \
                         credentials; perhaps you meant to enable ambient credentials?";
            return if self.is_ambient { Ok(()) } else { Err(words.to_owned()) };
        };
        let secret = self.secret(name).map_err(|error| format!("error getting clouddns service account: {error}"))?;
        let is_empty = secret.bytes(key).is_some_and(|bytes| bytes.expose().is_empty());
        if is_empty || has(secret, key).is_err() {
            return Err(self.no_key(key, name));
        }
        Ok(())
    }

    fn cloudflare(&self, cloudflare: &Cloudflare) -> Result<(), String> {
        if cloudflare.api_key_secret_ref.is_some() && cloudflare.api_token_secret_ref.is_some() {
            return Err("API key and API token secret references are both present".to_owned());
        }
        let selector = cloudflare.api_key_secret_ref.as_ref().or(cloudflare.api_token_secret_ref.as_ref());
        let SecretKeyRef { name, key } = selector.cloned().unwrap_or_default();
        let secret = self.secret(&name).map_err(|error| format!("error getting cloudflare secret: {error}"))?;
        has(secret, &key).map_err(|()| self.no_key(&key, &name))?;
        let Some(value) = secret.bytes(&key) else { return Ok(()) };
        let fault = |words: &dyn Display| Err(format!("error instantiating cloudflare challenge solver: {words}"));
        let is_key = cloudflare.api_key_secret_ref.is_some();
        if value.expose().is_empty() || (is_key && cloudflare.email.is_empty()) {
            return fault(&"no Cloudflare credential has been given (can be either an API key or an API token)");
        }
        // What may not stand in a header.
        if value.expose().iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            let what = if is_key { "key" } else { "token" };
            return fault(&format!("the Cloudflare API {what} is invalid (does the API {what} contain a newline?)"));
        }
        Ok(())
    }

    fn digitalocean(&self, SecretKeyRef { name, key }: &SecretKeyRef) -> Result<(), String> {
        let secret = self.secret(name).map_err(|error| format!("error getting digitalocean token: {error}"))?;
        let is_blank = secret.bytes(key).is_some_and(|bytes| bytes.expose().trim_ascii().is_empty());
        if is_blank || has(secret, key).is_err() {
            return Err("error instantiating digitalocean challenge solver: DigitalOcean token missing".to_owned());
        }
        Ok(())
    }

    fn route53(&self, route53: &Route53) -> Result<(), String> {
        let mut has_id = !route53.access_key_id.trim().is_empty();
        if let Some(SecretKeyRef { name, key }) = &route53.access_key_id_secret_ref {
            if !route53.access_key_id.is_empty() {
                return Err("route53 accessKeyID and accessKeyIDSecretRef cannot both be specified".to_owned());
            }
            for (field, value) in [("key", key), ("name", name)] {
                if value.is_empty() {
                    return Err(format!("route53 accessKeyIDSecretRef requires a {field} field to be specified"));
                }
            }
            let secret =
                self.secret(name).map_err(|error| format!("error getting route53 secret access key id: {error}"))?;
            has(secret, key).map_err(|()| format!("no data found in Secret {name:?} at Key {key:?}"))?;
            has_id = secret.bytes(key).is_none_or(|bytes| !bytes.expose().is_empty());
        }
        let SecretKeyRef { name, key } = &route53.secret_access_key_secret_ref;
        let mut has_secret = false;
        if !name.is_empty() {
            let lead = "error getting route53 secret access key";
            let secret = self.secret(name).map_err(|error| format!("{lead}: {error}"))?;
            has(secret, key).map_err(|()| format!("{lead}: key '{key}' not found in secret"))?;
            has_secret = secret.bytes(key).is_none_or(|bytes| !bytes.expose().trim_ascii().is_empty());
        }
        let kubernetes = route53.auth.as_ref().and_then(|auth| auth.kubernetes.as_ref());
        let account = kubernetes.and_then(|kubernetes| kubernetes.service_account_ref.as_ref());
        if account.is_some_and(|account| account.name.is_empty()) {
            return Err("service account name is required for Kubernetes auth".to_owned());
        }
        let has_token = account.is_some();
        let fault = match (has_id, has_secret) {
            (_, _) if route53.role.is_empty() && has_token => "role must be set when web identity token is set",
            (false, false) if !self.is_ambient && !has_token => {
                "empty credentials; perhaps you meant to enable ambient credentials?"
            }
            (true, false) | (false, true) => "only one of access and secret key was provided",
            (true, true) | (false, false) => return Ok(()),
        };
        Err(format!("error instantiating route53 challenge solver: unable to construct route53 provider: {fault}"))
    }

    fn azure(&self, azure: &AzureDns) -> Result<(), String> {
        let fault = |words: &str| Err(format!("error instantiating azuredns challenge solver: {words}"));
        if !azure.client_id.is_empty() {
            let SecretKeyRef { name, key } = azure.client_secret_secret_ref.clone().unwrap_or_default();
            let secret =
                self.secret(&name).map_err(|error| format!("error getting azuredns client secret: {error}"))?;
            let words = format!("error getting azure dns client secret: key '{key}' not found in secret");
            has(secret, &key).map_err(|()| words)?;
        }
        if !CLOUDS.contains(&azure.environment.to_uppercase().as_str()) {
            return fault(&format!("unknown cloud configuration name: {}", azure.environment));
        }
        if azure.client_id.is_empty() && !self.is_ambient {
            return fault(
                "ClientID was omitted without providing one of `--cluster-issuer-ambient-credentials` or \
                 `--issuer-ambient-credentials`. These are necessary to enable Azure Managed Identities",
            );
        }
        Ok(())
    }

    fn no_key(&self, key: &str, name: &str) -> String {
        format!("specified key {key:?} not found in secret {}/{name}", self.namespace)
    }
}

/// Whether a Secret has a key, be its value known here or not.
fn has(secret: &Secret, key: &str) -> Result<(), ()> {
    secret.data.contains_key(key).then_some(()).ok_or(())
}
