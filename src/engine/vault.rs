//! A client of Vault, made as cert-manager makes it, up to what only Vault can say (`internal/vault/vault.go`).

use super::cluster::Cluster;
use super::key_pair;
use super::outside::{Call, SECRET};
use super::question::vault::{VaultCall, VaultLogin, VaultRequest, VaultServer};
use crate::api::issuer::{VaultAppRole, VaultAws, VaultClientCertificate, VaultIssuer, VaultKubernetes};
use crate::api::issuer_ref::ServiceAccountRef;
use crate::api::{CertificateRequest, GoDuration, Secret, SecretKeyRef};
use crate::duration;
use crate::pki::DEFAULT_DURATION;
use crate::redact::Redacted;
use crate::x509::{Request, certificates_in};

/// An issuer, as far as its client goes by it.
#[derive(Clone, Copy)]
pub struct Issuer<'i> {
    pub vault: &'i VaultIssuer,
    /// Empty for a ClusterIssuer.
    pub namespace: &'i str,
    pub name: &'i str,
    /// Where its Secrets are.
    pub resource_namespace: &'i str,
}

/// Why there is no client, in cert-manager's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A Secret with credentials is not there.
    NotFound(String),
    /// The issuer names no credentials; it will not be tried again.
    Invalid(String),
    Other(String),
}

impl Fault {
    /// The words.
    pub fn words(&self) -> &str {
        match self {
            Self::NotFound(words) | Self::Invalid(words) | Self::Other(words) => words,
        }
    }

    fn within(self, lead: &str) -> Self {
        let words = format!("{lead}: {}", self.words());
        match self {
            Self::NotFound(_) => Self::NotFound(words),
            Self::Invalid(_) => Self::Invalid(words),
            Self::Other(_) => Self::Other(words),
        }
    }
}

/// A client that has all that the cluster can give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    server: VaultServer,
    login: Login,
    path: String,
}

/// How a client logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Login {
    /// What there is to tell of it; a token needs no login.
    told: Option<Call>,
    real: VaultLogin,
}

impl Client {
    /// Makes a client: trust, certificate of its own, credentials.
    pub fn new(cluster: &Cluster, issuer: Issuer) -> Result<Self, Fault> {
        let secrets = Secrets { cluster, namespace: issuer.resource_namespace };
        let vault = issuer.vault;
        let ca_bundle = trust(secrets, vault)?;
        let identity = own_certificate(secrets, vault)
            .map_err(|why| Fault::Other(format!("failed to load vault client certificate: {why}")))?;
        let login = login(secrets, issuer)?;
        let (url, namespace) = (vault.server.clone(), vault.namespace.clone());
        let server = VaultServer { url, namespace, ca_bundle, identity };
        Ok(Self { server, login, path: vault.path.clone() })
    }

    /// What is sent to see whether the issuer works.
    pub fn checks(&self) -> Vec<Call> {
        let health = Call { method: "GET", url: self.url(&["/v1", "sys", "health"]), body: Vec::new() };
        self.login.told.iter().cloned().chain([health]).collect()
    }

    /// The same, to be sent for real.
    pub fn check(&self) -> VaultCall {
        self.call(VaultRequest::Health { url: self.url(&["/v1", "sys", "health"]) })
    }

    /// A request to sign, to be sent for real.
    pub fn sign_call(&self, request: &CertificateRequest, csr: &Request, pem: &str) -> VaultCall {
        let body = Self::body(request, csr, pem);
        self.call(VaultRequest::Sign { url: self.url(&["/v1", &self.path]), body })
    }

    fn call(&self, request: VaultRequest) -> VaultCall {
        VaultCall { server: self.server.clone(), login: self.login.real.clone(), request }
    }

    /// What is sent to have a request signed.
    pub fn sign(&self, request: &CertificateRequest, csr: &Request, pem: &str) -> Vec<Call> {
        let body = Self::body(request, csr, pem);
        let sign = Call { method: "POST", url: self.url(&["/v1", &self.path]), body };
        self.login.told.iter().cloned().chain([sign]).collect()
    }

    fn body(request: &CertificateRequest, csr: &Request, pem: &str) -> Vec<(&'static str, String)> {
        let names = &csr.alt_names;
        let length = request.spec.duration.as_ref().and_then(GoDuration::parse).unwrap_or(DEFAULT_DURATION);
        vec![
            ("common_name", csr.subject.common_name().to_owned()),
            ("alt_names", names.dns.join(",")),
            ("ip_sans", names.ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
            ("uri_sans", names.uris.join(",")),
            ("ttl", duration::format_go(length)),
            ("csr", pem.to_owned()),
            ("exclude_cn_from_sans", "true".to_owned()),
        ]
    }

    fn url(&self, parts: &[&str]) -> String {
        url(&self.server.url, &join(parts))
    }
}

/// The address with a path behind its own (`api.Client.NewRequest`).
fn url(server: &str, path: &str) -> String {
    let host = server.find("://").map_or(0, |at| at + 3);
    let end = server[host..].find(['/', '?', '#']).map_or(server.len(), |at| host + at);
    let own = server[end..].split(['?', '#']).next().unwrap_or_default();
    format!("{}{}", &server[..end], join(&["/", own, path]))
}

/// Go's `path.Join`.
fn join(parts: &[&str]) -> String {
    let joined = parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/");
    let is_rooted = joined.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." if kept.last().is_some_and(|last| *last != "..") => {
                kept.pop();
            }
            ".." if is_rooted => {}
            part => kept.push(part),
        }
    }
    format!("{}{}", if is_rooted { "/" } else { "" }, kept.join("/"))
}

/// The Secrets that an issuer reads.
#[derive(Clone, Copy)]
struct Secrets<'c> {
    cluster: &'c Cluster,
    namespace: &'c str,
}

impl<'c> Secrets<'c> {
    fn get(self, name: &str) -> Result<&'c Secret, Fault> {
        let found = self.cluster.get::<Secret>(Some(self.namespace), name);
        found.ok_or_else(|| Fault::NotFound(format!("secrets {name:?} not found")))
    }

    /// What a key of a Secret holds, the way connections are set up: `word` is how the message calls a Secret.
    fn material(self, secret: &SecretKeyRef, default: &str, word: &str) -> Result<&'c [u8], String> {
        let (namespace, name) = (self.namespace, &secret.name);
        let found = self
            .get(name)
            .map_err(|fault| format!("could not access {word} '{namespace}/{name}': {}", fault.words()))?;
        let key = or(&secret.key, default);
        bytes(found, key).ok_or_else(|| format!("no data for {key:?} in {word} '{namespace}/{name}'"))
    }

    /// The credentials in a key of a Secret.
    fn credentials(self, secret: &SecretKeyRef, default: &str) -> Result<&'c [u8], Fault> {
        let key = or(&secret.key, default);
        let missing = || Fault::Other(format!("no data for {key:?} in secret '{}/{}'", self.namespace, secret.name));
        bytes(self.get(&secret.name)?, key).ok_or_else(missing)
    }
}

fn bytes<'s>(secret: &'s Secret, key: &str) -> Option<&'s [u8]> {
    secret.bytes(key).map(|bytes| &**bytes.expose())
}

fn or<'t>(text: &'t str, default: &'t str) -> &'t str {
    if text.is_empty() { default } else { text }
}

/// The CA bundle must hold a certificate, if there is one.
fn trust(secrets: Secrets, vault: &VaultIssuer) -> Result<Vec<u8>, Fault> {
    let inline = vault.ca_bundle.decode().unwrap_or_default();
    let bundle = match &vault.ca_bundle_secret_ref {
        _ if !inline.is_empty() => inline,
        Some(secret) => secrets
            .material(secret, "ca.crt", "secret")
            .map_err(|why| Fault::Other(format!("failed to load vault CA bundle: {why}")))?
            .to_vec(),
        None => return Ok(Vec::new()),
    };
    if !bundle.is_empty() && certificates_in(&bundle).is_empty() {
        return Err(Fault::Other("no Vault CA bundles loaded, check bundle contents".to_owned()));
    }
    Ok(bundle)
}

/// A certificate and its key, PEM.
type Identity = (Vec<u8>, Redacted<Vec<u8>>);

/// The certificate for mutual TLS must be one with its key, if both are named.
fn own_certificate(secrets: Secrets, vault: &VaultIssuer) -> Result<Option<Identity>, String> {
    let (Some(certificate), Some(key)) = (&vault.client_cert_secret_ref, &vault.client_key_secret_ref) else {
        return Ok(None);
    };
    let namespace = secrets.namespace;
    // Both Secrets are read before their keys.
    for secret in [certificate, key] {
        let name = &secret.name;
        secrets
            .get(name)
            .map_err(|fault| format!("could not access Secret '{namespace}/{name}': {}", fault.words()))?;
    }
    let pair = (secrets.material(certificate, "tls.crt", "Secret")?, secrets.material(key, "tls.key", "Secret")?);
    key_pair::check(pair.0, pair.1).map_err(|why| {
        format!(
            "could not parse the TLS certificate from Secrets '{namespace}/{}'(cert) and '{namespace}/{}'(key): {why}",
            certificate.name, key.name
        )
    })?;
    Ok(Some((pair.0.to_vec(), Redacted::new(pair.1.to_vec()))))
}

/// The first of the credentials counts, in this order.
fn login(secrets: Secrets, issuer: Issuer) -> Result<Login, Fault> {
    let (auth, server) = (&issuer.vault.auth, &issuer.vault.server);
    if let Some(token) = &auth.token_secret_ref {
        let key = or(&token.key, "token");
        // Name and namespace stand the other way round in this one.
        let missing = || Fault::Other(format!("no data for {key:?} in secret '{}/{}'", token.name, secrets.namespace));
        let bytes = bytes(secrets.get(&token.name)?, key).ok_or_else(missing)?;
        return Ok(Login { told: None, real: VaultLogin::Token(text(bytes)) });
    }
    if let Some(role) = &auth.app_role {
        return app_role(secrets, role, server);
    }
    if let Some(certificate) = &auth.client_certificate {
        let call = client_certificate(secrets, certificate, server)?;
        return Ok(Login { told: Some(call), real: VaultLogin::Elsewhere("a TLS connection of its own") });
    }
    if let Some(kubernetes) = &auth.kubernetes {
        let login = self::kubernetes(secrets, kubernetes, issuer);
        return login.map_err(|fault| fault.within("while requesting a Vault token using the Kubernetes auth"));
    }
    if let Some(aws) = &auth.aws {
        let real = VaultLogin::Elsewhere("an identity in AWS");
        return Ok(Login { told: Some(self::aws(aws, server)), real });
    }
    let words = "error initializing Vault client: unable to load credentials. One of: tokenSecretRef, appRoleSecretRef, \
                 clientCertificate, Kubernetes, or AWS auth must be set";
    Err(Fault::Invalid(words.to_owned()))
}

/// A credential as text, without the line break that often ends it.
fn text(bytes: &[u8]) -> Redacted<String> {
    Redacted::new(String::from_utf8_lossy(bytes).trim().to_owned())
}

fn app_role(secrets: Secrets, role: &VaultAppRole, server: &str) -> Result<Login, Fault> {
    let secret = text(secrets.credentials(&role.secret_ref, "")?);
    let path = join(&["/v1", "auth", or(&role.path, "approle"), "login"]);
    Ok(posted(url(server, &path), vec![("role_id", role.role_id.trim().to_owned())], ("secret_id", secret)))
}

/// A login by a POST with one secret member, the last one.
fn posted(url: String, open: Vec<(&'static str, String)>, secret: (&'static str, Redacted<String>)) -> Login {
    let name = secret.0;
    let real = open.iter().map(|(name, value)| (*name, Redacted::new(value.clone()))).chain([secret]).collect();
    let told = open.into_iter().chain([(name, SECRET.to_owned())]).collect();
    Login {
        told: Some(Call { method: "POST", url: url.clone(), body: told }),
        real: VaultLogin::Post { url, body: real },
    }
}

fn client_certificate(secrets: Secrets, auth: &VaultClientCertificate, server: &str) -> Result<Call, Fault> {
    if !auth.secret_name.is_empty() {
        let secret = secrets.get(&auth.secret_name)?;
        let read = |key: &str| {
            let words = || format!("no data for {key} in secret '{}/{}'", secrets.namespace, auth.secret_name);
            bytes(secret, key).ok_or_else(|| Fault::Other(words()))
        };
        let (certificate, key) = (read("tls.crt")?, read("tls.key")?);
        key_pair::check(certificate, key)
            .map_err(|why| Fault::Other(format!("error reading client certificate: {why}")))?;
    }
    let path = join(&[or(&auth.mount_path, "/v1/auth/cert"), "login"]);
    Ok(Call { method: "POST", url: url(server, &path), body: vec![("name", auth.name.clone())] })
}

fn kubernetes(secrets: Secrets, auth: &VaultKubernetes, issuer: Issuer) -> Result<Login, Fault> {
    let path = join(&[or(&auth.mount_path, "/v1/auth/kubernetes"), "login"]);
    let (url, role) = (url(&issuer.vault.server, &path), ("role", auth.role.clone()));
    match (auth.secret_ref.name.as_str(), &auth.service_account_ref) {
        ("", Some(account)) => {
            let body = vec![role, ("jwt", token_of(account, issuer))];
            let real = VaultLogin::Elsewhere("the token of a ServiceAccount");
            Ok(Login { told: Some(Call { method: "POST", url, body }), real })
        }
        ("", None) => {
            let words = "programmer mistake: both serviceAccountRef and tokenRef.name are empty";
            Err(Fault::Other(words.to_owned()))
        }
        (_, Some(_) | None) => {
            let jwt = secrets.credentials(&auth.secret_ref, "token")?;
            Ok(posted(url, vec![role], ("jwt", Redacted::new(String::from_utf8_lossy(jwt).into_owned()))))
        }
    }
}

/// Whose token is sent, and for whom it is: what a role in Vault has to allow.
fn token_of(account: &ServiceAccountRef, issuer: Issuer) -> String {
    let own = match issuer.namespace {
        "" => format!("vault://{}", issuer.name),
        namespace => format!("vault://{namespace}/{}", issuer.name),
    };
    let audiences: Vec<_> = account.audiences.iter().chain([&own, &issuer.vault.server]).map(String::as_str).collect();
    let namespace = issuer.resource_namespace;
    format!("a token of ServiceAccount {namespace}/{} for {}", account.name, audiences.join(", "))
}

/// The path of the login has `/v1` twice where its default is taken: Vault's library puts its own before it.
fn aws(auth: &VaultAws, server: &str) -> Call {
    let path = join(&["/v1/", &join(&[or(&auth.mount_path, "/v1/auth/aws"), "login"])]);
    let body = vec![
        ("iam_http_request_method", "POST".to_owned()),
        ("iam_request_headers", SECRET.to_owned()),
        ("role", auth.role.clone()),
    ];
    Call { method: "PUT", url: url(server, &path), body }
}
