//! A client of one of Venafi's products, made as cert-manager makes it, up to what only the product can say
//! (`pkg/issuer/venafi/client`, and the library below it, vcert 5.13).

use super::cluster::Cluster;
use super::outside::{Call, SECRET, Service};
use crate::api::Secret;
use crate::api::issuer::{VenafiCloud, VenafiIssuer, VenafiNgts, VenafiTpp};
use crate::x509::certificates_in;

/// Why there is no client, in cert-manager's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The Secret with the credentials is not there.
    NotFound(String),
    /// The credentials are none.
    Credentials(String),
    Other(String),
}

/// A client that has all that the cluster can give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    product: Product,
    /// Ends with a slash.
    url: String,
    /// What is sent to log in.
    login: Vec<Call>,
    zone: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Product {
    /// Certificate Manager, Self-Hosted, once Trust Protection Platform.
    SelfHosted,
    /// Certificate Manager as a service.
    Saas,
    /// Next-Gen Trust Security.
    Ngts,
}

impl Client {
    /// Makes a client: credentials, trust, address.
    pub fn new(cluster: &Cluster, venafi: &VenafiIssuer, namespace: &str) -> Result<Self, Fault> {
        let secrets = Secrets { cluster, namespace };
        match (&venafi.tpp, &venafi.cloud, &venafi.ngts) {
            (Some(tpp), ..) => self_hosted(secrets, tpp, &venafi.zone),
            (None, Some(cloud), _) => saas(secrets, cloud, &venafi.zone),
            (None, None, Some(ngts)) => self::ngts(secrets, ngts, &venafi.zone),
            (None, None, None) => {
                Err(Fault::Other("neither Venafi Cloud, TPP, or NGTS configuration found".to_owned()))
            }
        }
    }

    /// Who answers.
    pub fn service(&self) -> Service {
        Service::Venafi { url: self.url.clone() }
    }

    /// What is sent to see whether the issuer works; nothing where the library asks nobody.
    pub fn checks(&self) -> Vec<Call> {
        let ping = match self.product {
            Product::SelfHosted => Some(get(&self.url, "vedsdk/")),
            Product::Saas | Product::Ngts => None,
        };
        self.login.iter().cloned().chain(ping).collect()
    }

    /// Whether the library has something to show when it asks for a certificate.
    pub fn has_credentials(&self) -> bool {
        !self.login.is_empty()
    }

    /// What is sent to have a request taken: the policy of the zone is asked for, and then the certificate.
    pub fn sign(&self, csr: &str) -> Vec<Call> {
        let (policy, request) = match self.product {
            Product::SelfHosted => (
                Call {
                    method: "POST",
                    url: format!("{}vedsdk/certificates/checkpolicy", self.url),
                    body: vec![("PolicyDN", self.policy())],
                },
                "vedsdk/certificates/request",
            ),
            Product::Saas | Product::Ngts => {
                (get(&self.url, &self.template()), "outagedetection/v1/certificaterequests")
            }
        };
        let body = vec![("zone", self.zone.clone()), ("csr", csr.to_owned())];
        let request = Call { method: "POST", url: format!("{}{request}", self.url), body };
        self.login.iter().cloned().chain([policy, request]).collect()
    }
}

impl Client {
    /// The zone as a whole name.
    fn policy(&self) -> String {
        const ROOT: &str = r"\VED\Policy";
        if self.zone.starts_with(ROOT) {
            self.zone.clone()
        } else {
            format!(r"{ROOT}\{}", self.zone.strip_prefix('\\').unwrap_or(&self.zone))
        }
    }

    /// Where the template of the zone is, `application\template`.
    fn template(&self) -> String {
        let (application, template) = self.zone.split_once('\\').unwrap_or_default();
        format!("outagedetection/v1/applications/{application}/certificateissuingtemplates/{template}")
    }
}

/// The Secrets that an issuer reads.
#[derive(Clone, Copy)]
struct Secrets<'c> {
    cluster: &'c Cluster,
    namespace: &'c str,
}

impl<'c> Secrets<'c> {
    fn get(self, name: &str) -> Result<&'c Secret, String> {
        self.cluster.get::<Secret>(Some(self.namespace), name).ok_or_else(|| format!("secrets {name:?} not found"))
    }
}

/// A key that is not there is as one that is empty.
fn is_given(secret: &Secret, key: &str) -> bool {
    secret.bytes(key).is_some_and(|bytes| !bytes.expose().is_empty())
}

fn self_hosted(secrets: Secrets, tpp: &VenafiTpp, zone: &str) -> Result<Client, Fault> {
    let secret = secrets.get(&tpp.credentials_ref.name).map_err(Fault::NotFound)?;
    let bundle = bundle(secrets, tpp).map_err(Fault::Other)?;
    if !bundle.is_empty() && certificates_in(&bundle).is_empty() {
        let words =
            "error creating vcert client: vcert error: your data contains problems: failed to parse PEM trust bundle";
        return Err(Fault::Other(words.to_owned()));
    }
    let url = self_hosted_url(&tpp.url).ok_or_else(|| {
        Fault::Other(format!(
            "error creating vcert client: vcert error: your data contains problems: failed to normalize URL: The \
             specified CyberArk Certificate Manager, Self-Hosted URL is invalid. {}\nExpected CyberArk Certificate \
             Manager, Self-Hosted URL format 'https://cmsh.company.com/vedsdk/'",
            tpp.url
        ))
    })?;
    let login = if is_given(secret, "access-token") {
        get(&url, "vedauth/authorize/verify")
    } else if is_given(secret, "username") && is_given(secret, "password") {
        let body = vec![("username", SECRET.to_owned()), ("password", SECRET.to_owned())];
        Call { method: "POST", url: format!("{url}vedauth/authorize/oauth"), body }
    } else {
        return Err(no_credentials("no TPP credentials configured"));
    };
    Ok(Client { product: Product::SelfHosted, url, login: vec![login], zone: zone.to_owned() })
}

fn bundle(secrets: Secrets, tpp: &VenafiTpp) -> Result<Vec<u8>, String> {
    let inline = tpp.ca_bundle.decode().unwrap_or_default();
    let Some(from) = tpp.ca_bundle_secret_ref.as_ref().filter(|_| inline.is_empty()) else { return Ok(inline) };
    let (namespace, name) = (secrets.namespace, &from.name);
    let secret = secrets.get(name).map_err(|why| format!("could not access secret '{namespace}/{name}': {why}"))?;
    let key = if from.key.is_empty() { "ca.crt" } else { &from.key };
    let bytes = secret.bytes(key).map(|bytes| bytes.expose().to_vec());
    bytes.ok_or_else(|| format!("no data for {key:?} in secret '{namespace}/{name}'"))
}

/// Without an API key the library lets the issuer pass, and no request.
fn saas(secrets: Secrets, cloud: &VenafiCloud, zone: &str) -> Result<Client, Fault> {
    let token = &cloud.api_token_secret_ref;
    let secret = secrets.get(&token.name).map_err(Fault::NotFound)?;
    let url = normal_url(if cloud.url.is_empty() { "https://api.venafi.cloud/" } else { &cloud.url });
    let key = if token.key.is_empty() { "api-key" } else { &token.key };
    let login = if is_given(secret, key) { vec![get(&url, "v1/useraccounts")] } else { Vec::new() };
    Ok(Client { product: Product::Saas, url, login, zone: zone.to_owned() })
}

fn ngts(secrets: Secrets, ngts: &VenafiNgts, zone: &str) -> Result<Client, Fault> {
    let secret = secrets.get(&ngts.credentials_ref.name).map_err(Fault::NotFound)?;
    let tenant = ngts.tsg_id.get(..10).is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
    let fault = if !is_given(secret, "client-id") {
        Some("client id is required")
    } else if !is_given(secret, "client-secret") {
        Some("client secret is required")
    } else if !tenant {
        Some("scope should be in the format \"tsg_id:<TSG_ID>\"")
    } else {
        None
    };
    if let Some(fault) = fault {
        return Err(no_credentials(&format!("ngtsClient.Authenticate: failed to get access token: {fault}")));
    }
    let endpoint = if ngts.token_endpoint.is_empty() {
        "https://auth.apps.paloaltonetworks.com/oauth2/access_token"
    } else {
        &ngts.token_endpoint
    };
    let scope = format!("tsg_id:{}", ngts.tsg_id);
    let body = vec![("grant_type", "client_credentials".to_owned()), ("scope", scope)];
    let login = vec![Call { method: "POST", url: endpoint.to_owned(), body }];
    let url = normal_url(if ngts.url.is_empty() { "https://api.strata.paloaltonetworks.com/ngts/" } else { &ngts.url });
    Ok(Client { product: Product::Ngts, url, login, zone: zone.to_owned() })
}

fn no_credentials(why: &str) -> Fault {
    Fault::Credentials(format!("OAuth token request failed: {why}"))
}

fn get(url: &str, path: &str) -> Call {
    Call { method: "GET", url: format!("{url}{path}"), body: Vec::new() }
}

/// `util.NormalizeUrl`: small letters, HTTPS, a slash at the end.
fn normal_url(url: &str) -> String {
    let small = url.to_lowercase();
    let bare = small.strip_prefix("https://").or_else(|| small.strip_prefix("http://")).unwrap_or(&small);
    let slash = if bare.ends_with('/') { "" } else { "/" };
    format!("https://{bare}{slash}")
}

/// The address of a self-hosted product: a host, a port or none, and no path but the one that it is known by.
/// `^https://[a-z\d]+[-a-z\d.]+[a-z\d][:\d]*/$`.
fn self_hosted_url(url: &str) -> Option<String> {
    let normal = normal_url(url);
    let base = normal.strip_suffix("vedsdk/").unwrap_or(&normal);
    let host = base.strip_prefix("https://")?.strip_suffix('/')?;
    let is_word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = host.as_bytes();
    // The last letter or digit that may end the host: only colons and digits follow.
    let ends = (2..bytes.len()).any(|at| {
        is_word(&bytes[at])
            && bytes[at + 1..].iter().all(|byte| *byte == b':' || byte.is_ascii_digit())
            && bytes[1..at].iter().all(|byte| is_word(byte) || matches!(byte, b'-' | b'.'))
    });
    (bytes.first().is_some_and(is_word) && ends).then(|| base.to_owned())
}
