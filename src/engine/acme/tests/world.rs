//! A world for the tests: a little ACME CA, and names that answer as they are told to.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::api::{AcmeState, Base64Text, Certificate, CertificateRequest, CertificateRequestSpec, Challenge, Object};
use crate::engine::cluster::Cluster;
use crate::engine::question::acme::{
    AcmeAccount, AcmeAuthorization, AcmeCall, AcmeChallenge, AcmeDirectory, AcmeFailure, AcmeOrder, AcmeReply,
    AcmeRequest, Identifier, NewOrder, Problem,
};
use crate::engine::question::dns::DnsVerb;
use crate::engine::question::{Answer, HttpReply, Question};
use crate::engine::{Engine, Step};
use crate::pki::{Ca, Gates, PrivateKey, RequestInfo, Template, Urls};
use crate::x509::{Bundle, KeyType, Request, pem};

const BASE: &str = "https://ca.example";

/// What the world does when asked.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The answer to the next orders.
    pub new_order: Option<AcmeFailure>,
    pub new_account: Option<AcmeFailure>,
    pub get_authorization: Option<AcmeFailure>,
    pub accept: Option<AcmeFailure>,
    pub wait: Option<AcmeFailure>,
    pub finalize: Option<AcmeFailure>,
    /// Identifiers whose validation fails, and why.
    pub refused: BTreeMap<String, Problem>,
    /// Authorizations are valid from the start.
    pub reuse: bool,
    /// Certificates are for another key than the one that asks.
    pub other_key: bool,
    pub profiles: Vec<String>,
    /// Whether there is a second chain, to another root.
    pub alternate: bool,
    /// What the HTTP-01 self check sees in place of the right answer.
    pub http: Option<Result<HttpReply, String>>,
    /// What the DNS-01 self check sees in place of the record.
    pub dns: Option<Result<bool, String>>,
    /// What the DNS provider says to a new record.
    pub provider: Option<crate::engine::question::dns::DnsFailure>,
}

struct Order {
    authorizations: Vec<usize>,
    chain: Option<Vec<Vec<u8>>>,
}

struct Authorization {
    identifier: String,
    wildcard: bool,
    status: AcmeState,
    error: Option<Problem>,
}

/// The CA with all that it has done.
pub struct World {
    pub rules: Rules,
    ca: Ca,
    other_root: Vec<u8>,
    orders: Vec<Order>,
    authorizations: Vec<Authorization>,
    accounts: BTreeMap<String, Vec<String>>,
    /// The orders that were asked for.
    pub asked: Vec<NewOrder>,
    /// The changes of TXT records.
    pub records: Vec<(DnsVerb, String)>,
    /// The kinds of all questions, in order.
    pub log: Vec<&'static str>,
}

impl World {
    pub fn new() -> Self {
        let (root, key) = root("Little Root");
        Self {
            rules: Rules::default(),
            ca: Ca::new(root, Vec::new(), key),
            other_root: self::root("Other Root").0.der().to_vec(),
            orders: Vec::new(),
            authorizations: Vec::new(),
            accounts: BTreeMap::new(),
            asked: Vec::new(),
            records: Vec::new(),
            log: Vec::new(),
        }
    }

    pub fn answer(&mut self, question: Question, now: Timestamp) -> Answer {
        match question {
            Question::Acme(call) => Answer::Acme(self.acme(call, now)),
            Question::Http01Check(check) => {
                self.log.push("http");
                let right = Ok(HttpReply { status: 200, body: check.key_authorization.into_bytes() });
                Answer::Http01Check(self.rules.http.clone().unwrap_or(right))
            }
            Question::Dns01Check(_) => {
                self.log.push("dns");
                Answer::Dns01Check(self.rules.dns.clone().unwrap_or(Ok(true)))
            }
            Question::Vault(_) => unreachable!("no issuer here is of Vault"),
            Question::Dns01Change(change) => {
                self.log.push("record");
                self.records.push((change.verb, change.fqdn));
                let fault = self.rules.provider.clone().filter(|_| change.verb == DnsVerb::Present);
                Answer::Dns01Change(fault.map_or(Ok(()), Err))
            }
        }
    }

    fn acme(&mut self, call: AcmeCall, now: Timestamp) -> Result<AcmeReply, AcmeFailure> {
        let key = call.account.thumbprint;
        let fault = |fault: &Option<AcmeFailure>| fault.clone().map_or(Ok(()), Err);
        match call.request {
            AcmeRequest::Directory => Ok(AcmeReply::Directory(AcmeDirectory { profiles: self.rules.profiles.clone() })),
            AcmeRequest::NewAccount { contact, .. } => {
                self.log.push("newAccount");
                fault(&self.rules.new_account)?;
                let existed = self.accounts.contains_key(&key);
                self.accounts.entry(key.clone()).or_insert(contact);
                Ok(self.account(&key, existed))
            }
            AcmeRequest::FindAccount => Ok(self.account(&key, true)),
            AcmeRequest::UpdateAccount { contact } => {
                self.log.push("updateAccount");
                self.accounts.insert(key.clone(), contact.clone());
                // As Pebble does, without a Location.
                Ok(AcmeReply::Account(AcmeAccount { url: String::new(), contact, existed: true }))
            }
            AcmeRequest::NewOrder(new) => {
                self.log.push("newOrder");
                self.asked.push(new.clone());
                fault(&self.rules.new_order)?;
                Ok(self.open(&new))
            }
            AcmeRequest::GetOrder { url } | AcmeRequest::WaitOrder { url } => Ok(self.order(number(&url))),
            AcmeRequest::GetAuthorization { url } => {
                fault(&self.rules.get_authorization)?;
                Ok(self.authorization(number(&url)))
            }
            AcmeRequest::AcceptChallenge { url } => {
                self.log.push("accept");
                fault(&self.rules.accept)?;
                let at = number(&url);
                let error = self.rules.refused.get(&self.authorizations[at].identifier).cloned();
                let found = &mut self.authorizations[at];
                found.status = if error.is_some() { AcmeState::Invalid } else { AcmeState::Valid };
                found.error = error;
                Ok(AcmeReply::Challenge(self.offers(at).into_iter().find(|offer| offer.url == url).unwrap()))
            }
            AcmeRequest::WaitAuthorization { url, .. } => {
                fault(&self.rules.wait)?;
                Ok(self.authorization(number(&url)))
            }
            AcmeRequest::Finalize { url, csr } => {
                self.log.push("finalize");
                fault(&self.rules.finalize)?;
                let at = number(&url);
                self.orders[at].chain = Some(self.sign(&csr, now));
                Ok(self.order(at))
            }
            AcmeRequest::GetCertificate { url } => {
                let mut chain = self.orders[number(&url)].chain.clone().unwrap();
                if url.contains("/alternate/") {
                    chain[1].clone_from(&self.other_root);
                }
                Ok(AcmeReply::Certificate(chain))
            }
            AcmeRequest::ListAlternates { url } => {
                self.log.push("alternates");
                let url = url.replace("/cert/", "/cert/alternate/");
                Ok(AcmeReply::Alternates(Some(url).filter(|_| self.rules.alternate).into_iter().collect()))
            }
        }
    }

    fn account(&self, key: &str, existed: bool) -> AcmeReply {
        let number = self.accounts.keys().position(|known| known == key).unwrap();
        let contact = self.accounts[key].clone();
        AcmeReply::Account(AcmeAccount { url: format!("{BASE}/account/{number}"), contact, existed })
    }

    fn open(&mut self, new: &NewOrder) -> AcmeReply {
        let first = self.authorizations.len();
        for identifier in &new.identifiers {
            let value = identifier.value();
            let wildcard = matches!(identifier, Identifier::Dns(name) if name.starts_with("*."));
            self.authorizations.push(Authorization {
                identifier: value.trim_start_matches("*.").to_owned(),
                wildcard,
                status: if self.rules.reuse { AcmeState::Valid } else { AcmeState::Pending },
                error: None,
            });
        }
        let authorizations = (first..self.authorizations.len()).collect();
        self.orders.push(Order { authorizations, chain: None });
        self.order(self.orders.len() - 1)
    }

    fn order(&self, at: usize) -> AcmeReply {
        let order = &self.orders[at];
        let all = |state: &AcmeState| order.authorizations.iter().all(|at| self.authorizations[*at].status == *state);
        let any_invalid = order.authorizations.iter().any(|at| self.authorizations[*at].status == AcmeState::Invalid);
        let status = match (&order.chain, any_invalid) {
            (Some(_), _) => AcmeState::Valid,
            (None, true) => AcmeState::Invalid,
            (None, false) if all(&AcmeState::Valid) => AcmeState::Ready,
            (None, false) => AcmeState::Pending,
        };
        AcmeReply::Order(AcmeOrder {
            url: Some(format!("{BASE}/order/{at}")),
            status,
            authorizations: order.authorizations.iter().map(|at| format!("{BASE}/authz/{at}")).collect(),
            finalize: format!("{BASE}/finalize/{at}"),
            certificate: order.chain.as_ref().map(|_| format!("{BASE}/cert/{at}")),
            error: None,
        })
    }

    fn offers(&self, at: usize) -> Vec<AcmeChallenge> {
        let authorization = &self.authorizations[at];
        let types: &[&str] = if authorization.wildcard { &["dns-01"] } else { &["http-01", "dns-01", "tls-alpn-01"] };
        let offer = |type_: &&str| AcmeChallenge {
            url: format!("{BASE}/chall/{type_}/{at}"),
            type_: (*type_).to_owned(),
            token: format!("token-{at}-{type_}"),
            status: authorization.status.clone(),
            error: authorization.error.clone().filter(|_| *type_ != "tls-alpn-01"),
        };
        // Once it is through, only what was tried is left.
        types.iter().take(if authorization.error.is_some() { 1 } else { 3 }).map(offer).collect()
    }

    fn authorization(&self, at: usize) -> AcmeReply {
        let found = &self.authorizations[at];
        AcmeReply::Authorization(AcmeAuthorization {
            status: found.status.clone(),
            identifier: found.identifier.clone(),
            wildcard: found.wildcard,
            challenges: self.offers(at),
        })
    }

    fn sign(&self, csr: &[u8], now: Timestamp) -> Vec<Vec<u8>> {
        let other = PrivateKey::generate(&KeyType::Ecdsa(256)).unwrap();
        let mut text = pem::encode("CERTIFICATE REQUEST", csr);
        if self.rules.other_key {
            let names = Request::from_der(csr).unwrap().alt_names.dns;
            text = request(&format!("dnsNames: [{}]", names.join(", ")), &other).csr_text();
        }
        let spec = CertificateRequestSpec { request: Base64Text::encode(text.as_bytes()), ..Default::default() };
        let template = Template::of(&CertificateRequest { spec, ..Default::default() }, now).unwrap();
        let issued = self.ca.issue(&template, Urls::default(), [2; 20]).unwrap();
        vec![issued.der, self.ca.signing().der().to_vec()]
    }
}

fn root(name: &str) -> (crate::x509::Certificate, PrivateKey) {
    let key = PrivateKey::generate(&KeyType::Ecdsa(256)).unwrap();
    let request = request(&format!("isCA: true, commonName: {name}"), &key);
    let spec = CertificateRequestSpec { is_ca: true, duration: Some(ten_years()), ..request.spec.clone() };
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let template = Template::of(&CertificateRequest { spec, ..request }, now).unwrap();
    let chain = template.self_sign(&key, Urls::default(), [1; 20]).unwrap().bundle.chain;
    (Bundle::from_pem(chain.as_bytes()).unwrap().leaf().clone(), key)
}

trait CsrText {
    fn csr_text(&self) -> String;
}

impl CsrText for CertificateRequest {
    fn csr_text(&self) -> String {
        String::from_utf8(self.csr_pem().unwrap()).unwrap()
    }
}

fn ten_years() -> crate::api::GoDuration {
    crate::api::GoDuration("87600h".to_owned())
}

/// A request with the spec of a Certificate.
fn request(spec: &str, key: &PrivateKey) -> CertificateRequest {
    let yaml = format!("{{metadata: {{name: x}}, spec: {{privateKey: {{algorithm: ECDSA}}, {spec}}}}}");
    let certificate: Certificate = serde_saphyr::from_str(&yaml).unwrap();
    let text = RequestInfo::of(&certificate.spec, Gates::default()).unwrap().sign(key).unwrap().to_pem();
    let spec = CertificateRequestSpec { request: Base64Text::encode(text.as_bytes()), ..Default::default() };
    CertificateRequest { spec, ..Default::default() }
}

fn number(url: &str) -> usize {
    url.rsplit('/').next().unwrap().parse().unwrap()
}

/// Lets all happen that is due until a time, each question answered at once.
pub fn play(engine: &mut Engine, world: &mut World, from: Timestamp, until: Timestamp) -> Vec<Step> {
    let (mut now, mut steps) = (from, Vec::new());
    loop {
        while let Some(step) = engine.step(now) {
            steps.push(step);
            assert!(steps.len() < 20_000, "it does not come to rest: {:?}", &steps[steps.len() - 10..]);
        }
        if let Some((id, question)) = engine.poll_question() {
            let answer = world.answer(question, now);
            engine.answer(id, answer, now);
            continue;
        }
        match engine.deadline() {
            Some(due) if due <= until => {
                assert!(due > now, "a deadline in the past: {due} at {now}");
                now = due;
            }
            Some(_) | None => return steps,
        }
    }
}

/// The one Challenge, or the first.
pub fn challenge(cluster: &mut Cluster) -> Challenge {
    cluster.challenges.iter().next().unwrap().clone()
}

/// The names of all that solves challenges.
pub fn solver_objects(cluster: &Cluster) -> BTreeSet<String> {
    let pods = cluster.pods.iter().map(|object| object.objref().to_string());
    let services = cluster.services.iter().map(|object| object.objref().to_string());
    let ingresses = cluster.ingresses.iter().map(|object| object.objref().to_string());
    let routes = cluster.http_routes.iter().map(|object| object.objref().to_string());
    pods.chain(services).chain(ingresses).chain(routes).collect()
}

pub const fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(days * 24)
}
