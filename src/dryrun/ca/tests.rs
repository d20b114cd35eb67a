//! The simulated CA, asked as a client asks it.

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::api::AcmeState;
use crate::dryrun::outside::Outside;
use crate::dryrun::world;
use crate::engine::cluster::Cluster;
use crate::engine::question::Question;
use crate::engine::question::acme::{
    AccountKey, AcmeAuthorization, AcmeOrder, AcmeServer, ExternalAccount, Identifier, NewOrder,
};
use crate::engine::question::dns::{Dns01Change, DnsVerb};
use crate::pki::{Gates, PrivateKey, RequestInfo, SignatureAlgorithm};
use crate::redact::Redacted;
use crate::x509::{Certificate, KeyType};

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
const HEAD: &str = "apiVersion: cert.kubectl.dev/v1\nkind: World\n";

struct Client {
    outside: Outside,
    cluster: Cluster,
    now: Timestamp,
    directory: &'static str,
}

fn client(world: &str) -> Client {
    let now = "2026-03-01T00:00:00Z".parse().unwrap();
    let world = world::read("world.yaml", &format!("{HEAD}{world}")).unwrap_or_else(|fault| panic!("{fault}"));
    let cluster = Cluster::new(now, Random::seeded(1));
    Client { outside: Outside::new(world, now, 1), cluster, now, directory: LETS_ENCRYPT }
}

impl Client {
    /// Asks, and waits for the answer.
    fn ask(&mut self, request: AcmeRequest) -> Result<AcmeReply, AcmeFailure> {
        let asked = self.now;
        let call = AcmeCall {
            server: AcmeServer { directory: self.directory.to_owned(), ca_bundle: vec![], skip_tls_verify: false },
            account: AccountKey { thumbprint: "thumb".into(), pem: Redacted::new(String::new()) },
            request,
        };
        let question = Question::Acme(call);
        for _ in 0..1000 {
            match self.outside.answer(&question, asked, &self.cluster, self.now) {
                Reply::Now(answer) => {
                    let Answer::Acme(answer) = *answer else { panic!("{answer:?}") };
                    return answer;
                }
                Reply::Later(at) => self.now = at,
            }
        }
        panic!("no answer comes")
    }

    fn register(&mut self, external_account: Option<ExternalAccount>) -> Result<AcmeReply, AcmeFailure> {
        self.ask(AcmeRequest::NewAccount { contact: vec![], external_account })
    }

    fn order(&mut self, names: &[&str], profile: Option<&str>) -> Result<AcmeOrder, AcmeFailure> {
        let identifiers = names.iter().map(|name| Identifier::Dns((*name).to_owned())).collect();
        let wanted = NewOrder { identifiers, not_after: None, profile: profile.map(str::to_owned) };
        self.ask(AcmeRequest::NewOrder(wanted)).map(order_of)
    }

    fn authorization(&mut self, url: &str) -> AcmeAuthorization {
        match self.ask(AcmeRequest::GetAuthorization { url: url.to_owned() }) {
            Ok(AcmeReply::Authorization(authorization)) => authorization,
            other => panic!("{other:?}"),
        }
    }

    /// Answers the challenge of a type for every authorization of the order, and waits.
    fn solve(&mut self, order: &AcmeOrder, type_: &str) -> Vec<AcmeAuthorization> {
        let mut solved = Vec::new();
        for url in &order.authorizations {
            let authorization = self.authorization(url);
            let challenge = authorization.challenges.iter().find(|challenge| challenge.type_ == type_).unwrap().clone();
            if type_ == "dns-01" {
                self.write(&authorization.identifier, &challenge.token);
            }
            self.ask(AcmeRequest::AcceptChallenge { url: challenge.url }).unwrap();
            let wait = AcmeRequest::WaitAuthorization { url: url.clone(), timeout: SignedDuration::from_mins(2) };
            match self.ask(wait) {
                Ok(AcmeReply::Authorization(authorization)) => solved.push(authorization),
                other => panic!("{other:?}"),
            }
        }
        solved
    }

    /// Writes the TXT record of a challenge, as a solver would.
    fn write(&mut self, name: &str, token: &str) {
        use base64::Engine as _;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, format!("{token}.thumb").as_bytes());
        let change = Dns01Change {
            verb: DnsVerb::Present,
            domain: name.to_owned(),
            fqdn: format!("_acme-challenge.{name}."),
            value: base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest.as_ref()),
            solver: Box::default(),
            resource_namespace: String::new(),
        };
        let question = Question::Dns01Change(change);
        assert!(matches!(self.outside.answer(&question, self.now, &self.cluster, self.now), Reply::Now(_)));
    }

    fn finalize(&mut self, order: &AcmeOrder, names: &[&str], key: &KeyType) -> Result<AcmeOrder, AcmeFailure> {
        let key = PrivateKey::generate(key).unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let spec = crate::api::CertificateSpec { dns_names: names, ..Default::default() };
        let mut info = RequestInfo::of(&spec, Gates::default()).unwrap();
        info.algorithm = SignatureAlgorithm::of_key(&key.public().key_type).unwrap();
        let csr = info.sign(&key).unwrap().der;
        self.ask(AcmeRequest::Finalize { url: order.finalize.clone(), csr }).map(order_of)
    }

    fn certificate(&mut self, url: String) -> Vec<Certificate> {
        match self.ask(AcmeRequest::GetCertificate { url }) {
            Ok(AcmeReply::Certificate(chain)) => chain.iter().map(|der| Certificate::from_der(der).unwrap()).collect(),
            other => panic!("{other:?}"),
        }
    }
}

fn order_of(reply: AcmeReply) -> AcmeOrder {
    let AcmeReply::Order(order) = reply else { panic!("{reply:?}") };
    order
}

fn refusal<T: std::fmt::Debug>(result: Result<T, AcmeFailure>) -> String {
    result.unwrap_err().to_string()
}

/// An account, an order and its authorizations solved by DNS-01; gives the error of the first one.
fn dns01_error(world: &str, name: &str) -> String {
    let mut client = client(world);
    client.register(None).unwrap();
    let order = client.order(&[name], None).unwrap();
    let solved = client.solve(&order, "dns-01");
    assert_eq!(solved[0].status, AcmeState::Invalid, "{solved:?}");
    solved[0].challenges[0].error.clone().unwrap().to_string()
}

#[test]
fn an_order_goes_all_the_way() {
    let mut client = client("");
    assert!(refusal(client.order(&["a.example.com"], None)).contains("accountDoesNotExist"));
    client.register(None).unwrap();
    let names = ["*.example.com", "example.com"];
    let order = client.order(&names, None).unwrap();
    assert_eq!((order.status.clone(), order.authorizations.len()), (AcmeState::Pending, 2));
    let offers: Vec<_> = order
        .authorizations
        .iter()
        .map(|url| {
            let authorization = client.authorization(url);
            (authorization.wildcard, authorization.identifier, authorization.challenges.len())
        })
        .collect();
    assert_eq!(offers, [(true, "example.com".to_owned(), 1), (false, "example.com".to_owned(), 3)]);
    assert!(refusal(client.finalize(&order, &names, &KeyType::Ecdsa(256))).contains("orderNotReady"));
    let solved = client.solve(&order, "dns-01");
    assert!(solved.iter().all(|one| one.status == AcmeState::Valid && one.challenges.len() == 1), "{solved:?}");
    let url = order.url.clone().unwrap();
    assert_eq!(order_of(client.ask(AcmeRequest::WaitOrder { url: url.clone() }).unwrap()).status, AcmeState::Ready);
    assert!(refusal(client.finalize(&order, &["www.example.com"], &KeyType::Ecdsa(256))).contains("same identifiers"));
    let wrong_key = refusal(client.finalize(&order, &names, &KeyType::Ed25519));
    assert!(wrong_key.starts_with("400 urn:ietf:params:acme:error:badCSR: "), "{wrong_key}");
    let finalized = client.finalize(&order, &names, &KeyType::Ecdsa(256)).unwrap();
    assert_eq!((finalized.status, finalized.certificate), (AcmeState::Processing, None));
    let done = order_of(client.ask(AcmeRequest::WaitOrder { url }).unwrap());
    let certificate = done.certificate.unwrap();
    let chain = client.certificate(certificate.clone());
    assert_eq!((chain.len(), chain[0].issued_by(&chain[1])), (2, Ok(())));
    assert_eq!(chain[0].alt_names.dns, names);
    let life = chain[0].not_after.duration_since(chain[0].not_before);
    assert_eq!(life, SignedDuration::from_hours(90 * 24) - SignedDuration::from_secs(1));
    let Ok(AcmeReply::Alternates(alternates)) = client.ask(AcmeRequest::ListAlternates { url: certificate }) else {
        panic!("no alternates")
    };
    let other = client.certificate(alternates[0].clone());
    assert_eq!((chain[1].issuer.common_name(), other[1].issuer.common_name()), ("ISRG Root X1", "ISRG Root X2"));
    assert_eq!(other[0], chain[0]);
    // Authorizations are used again, so that the next order is ready at once.
    assert_eq!(client.order(&["example.com"], None).unwrap().status, AcmeState::Ready);
}

#[test]
fn http_01_is_refused_where_nobody_serves_the_path() {
    let mut client = client("");
    client.register(None).unwrap();
    let order = client.order(&["www.example.com"], None).unwrap();
    let solved = client.solve(&order, "http-01");
    let error = solved[0].challenges[0].error.clone().unwrap().to_string();
    let start = "403 urn:ietf:params:acme:error:unauthorized: 203.0.113.10: Invalid response from http://www.example.com/.well-known/acme-challenge/";
    assert!(error.starts_with(start) && error.ends_with(": 404"), "{error}");
    let url = order.url.unwrap();
    assert_eq!(order_of(client.ask(AcmeRequest::GetOrder { url }).unwrap()).status, AcmeState::Invalid);
}

#[test]
fn what_the_network_does_is_worded_as_boulder_words_it() {
    let http01 = |world: &str| {
        let mut client = client(world);
        client.register(None).unwrap();
        let order = client.order(&["www.example.com"], None).unwrap();
        client.solve(&order, "http-01")[0].challenges[0].error.clone().unwrap().to_string()
    };
    let url = "http:\n- url: http://www.example.com/\n  ";
    for (world, words) in [
        (
            "dns: {records: [{name: www.example.com, type: A, error: nxdomain}]}",
            "400 urn:ietf:params:acme:error:dns: DNS problem: NXDOMAIN looking up A for www.example.com - check that a DNS record exists for this domain; DNS problem: NXDOMAIN looking up AAAA",
        ),
        (
            "dns: {records: [{name: www.example.com, type: A}]}",
            "no valid A records found for www.example.com; no valid AAAA",
        ),
        ("dns: {records: [{name: www.example.com, type: A, values: [10.0.0.1]}]}", "no valid A records found"),
        (
            &format!("{url}error: refused"),
            "400 urn:ietf:params:acme:error:connection: 203.0.113.10: Fetching http://www.example.com/.well-known/acme-challenge/",
        ),
        (&format!("{url}error: timeout"), "Timeout during connect (likely firewall problem)"),
        (
            &format!("{url}redirect: https://www.example.com:8443{{path}}"),
            "Invalid port in redirect target. Only ports 80 and 443 are supported, not 8443",
        ),
        (&format!("{url}redirect: http://www.example.com{{path}}"), "Redirect loop detected"),
        (&format!("{url}redirect: https://login/"), "must end in IANA registered TLD"),
        (&format!("{url}status: 503"), ": 503"),
        (&format!("{url}status: 200\n  body: hello"), "did not match this challenge. Expected \""),
    ] {
        let said = http01(world);
        assert!(said.contains(words), "{world}: {said}");
    }
    let said = dns01_error("dns: {propagation: 10m}", "www.example.com");
    assert_eq!(
        said,
        "403 urn:ietf:params:acme:error:unauthorized: No TXT record found at _acme-challenge.www.example.com"
    );
    let said = dns01_error(
        "dns: {records: [{name: _acme-challenge.example.com, type: TXT, values: [old, older]}]}",
        "example.com",
    );
    assert!(said.ends_with("Incorrect TXT record \"old\" (and 1 more) found at _acme-challenge.example.com"), "{said}");
}

#[test]
fn caa_is_looked_for_from_the_name_upwards() {
    let caa = |name: &str, value: &str| format!("dns: {{records: [{{name: {name}, type: CAA, values: ['{value}']}}]}}");
    let forbids = |world: &str, name: &str| dns01_error(world, name);
    let said = forbids(&caa("example.com", "0 issue \"pki.goog\""), "www.example.com");
    assert_eq!(
        said,
        "403 urn:ietf:params:acme:error:caa: While processing CAA for www.example.com: CAA record for example.com prevents issuance"
    );
    assert!(forbids(&caa("example.com", "0 issuewild \";\""), "*.example.com").contains("CAA record for example.com"));
    assert!(forbids(&caa("example.com", "0 issue \"LetsEncrypt.org\""), "example.com").contains("prevents"));
    assert!(forbids(&caa("example.com", "128 tbs \"x\""), "example.com").contains("prevents"));
    assert!(
        forbids(&caa("example.com", "0 issue \"letsencrypt.org; validationmethods=http-01\""), "example.com")
            .contains("prevents")
    );
    let servfail = "dns: {records: [{name: example.com, type: CAA, error: servfail}]}";
    assert_eq!(
        forbids(servfail, "www.example.com"),
        "400 urn:ietf:params:acme:error:dns: DNS problem: SERVFAIL looking up CAA for example.com - the domain's nameservers may be malfunctioning"
    );
    for allowed in [
        caa("example.com", "0 issue \"letsencrypt.org\""),
        caa("example.com", "0 iodef \"mailto:a@example.com\""),
        caa("example.com", "0 issuewild \"pki.goog\""),
        "dns: {records: [{name: www.example.com, type: CAA, values: ['0 issue \"letsencrypt.org\"']}, {name: example.com, type: CAA, values: ['0 issue \";\"']}]}".to_owned(),
    ] {
        let mut client = client(&allowed);
        client.register(None).unwrap();
        let order = client.order(&["www.example.com"], None).unwrap();
        assert_eq!(client.solve(&order, "dns-01")[0].status, AcmeState::Valid, "{allowed}");
    }
}

#[test]
fn names_and_orders_that_a_public_ca_does_not_take_are_refused() {
    let mut client = client("cas: [{server: '*', refused: [{names: ['*.bank.example.com']}]}]");
    client.register(None).unwrap();
    let mut said = |names: &[&str], profile: Option<&str>| refusal(client.order(names, profile));
    let lead = "400 urn:ietf:params:acme:error:rejectedIdentifier: Invalid identifiers requested :: Cannot issue for ";
    assert_eq!(
        said(&["web.local"], None),
        format!("{lead}\"web.local\": Domain name does not end with a valid public suffix (TLD)")
    );
    assert!(said(&["web"], None).contains("needs at least one dot"));
    assert!(said(&["a_b.example.com"], None).contains("contains an invalid character"));
    assert!(said(&["www.bank.example.com"], None).contains("forbidden by policy"));
    let two = said(&["web.local", "web"], None);
    assert!(two.contains("(and 1 more problem. Refer to sub-problems") && two.contains("\n\t"), "{two}");
    assert!(said(&["*.example.com", "www.example.com"], None).contains("is redundant with a wildcard domain"));
    assert!(said(&["www.example.com"], Some("gold")).contains("invalidProfile: profile name \"gold\" not recognized"));
    let many: Vec<_> = (0..101).map(|number| format!("a{number}.example.com")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert!(said(&many, None).contains("cannot contain more than 100 identifiers"));
    assert!(said(&many[..26], Some("shortlived")).contains("cannot contain more than 25 identifiers"));
    // A CA that is not public takes them.
    client.directory = "https://ca.internal.test/directory";
    client.register(None).unwrap();
    assert_eq!(client.order(&["web.local", "web"], None).unwrap().authorizations.len(), 2);
}

#[test]
fn limits_that_are_used_up_let_through_again_when_they_end() {
    let world = "cas:\n- server: '*'\n  rateLimits:\n  - {limit: certificatesPerDomain, names: [example.com], until: 2h}\n  - {limit: certificatesPerExactSet, names: [a.example.org, b.example.org], until: 34h}\n";
    let mut client = client(world);
    client.register(None).unwrap();
    let said = refusal(client.order(&["www.example.com"], None));
    assert_eq!(
        said,
        "429 urn:ietf:params:acme:error:rateLimited: too many certificates (50) already issued for \"example.com\" in the last 168h0m0s, retry after 2026-03-01 02:00:00 UTC: see https://letsencrypt.org/docs/rate-limits/#new-certificates-per-registered-domain"
    );
    let exact = refusal(client.order(&["b.example.org", "a.example.org"], None));
    assert!(
        exact.contains("for this exact set of identifiers in the last 168h0m0s, retry after 2026-03-02 10:00:00 UTC")
    );
    assert!(client.order(&["a.example.org"], None).is_ok());
    client.now += SignedDuration::from_hours(2);
    assert!(client.order(&["www.example.com"], None).is_ok());
}

#[test]
fn a_ca_out_of_order_answers_as_one() {
    let mut client =
        client("cas:\n- server: '*'\n  outages: [{from: 0s, to: 1h}, {from: 2h, to: 3h, unreachable: true}]\n");
    assert_eq!(
        refusal(client.register(None)),
        "503 urn:ietf:params:acme:error:serverInternal: Service busy; retry later."
    );
    client.now += SignedDuration::from_hours(1);
    client.register(None).unwrap();
    client.now += SignedDuration::from_hours(1);
    assert!(matches!(client.ask(AcmeRequest::Directory), Err(AcmeFailure::Network(_))));
}

#[test]
fn accounts_are_bound_to_others_where_the_ca_wants_it() {
    let mut client = client("cas: [{server: '*', externalAccounts: [{keyId: kid-1, macKey: aGVsbG8}]}]");
    let given = |key_id: &str, mac_key: &[u8]| {
        Some(ExternalAccount { key_id: key_id.to_owned(), mac_key: Redacted::new(mac_key.to_vec()) })
    };
    assert!(refusal(client.register(None)).contains("externalAccountRequired"));
    assert!(refusal(client.register(given("kid-2", b"hello"))).contains("Unknown external account binding (EAB) key"));
    assert!(refusal(client.register(given("kid-1", b"other"))).contains("verification error"));
    client.register(given("kid-1", b"hello")).unwrap();
}

#[test]
fn what_nobody_finishes_ends_after_a_week() {
    let mut client = client("");
    client.register(None).unwrap();
    let order = client.order(&["www.example.com"], None).unwrap();
    client.now += SignedDuration::from_hours(7 * 24);
    let url = order.url.unwrap();
    assert_eq!(order_of(client.ask(AcmeRequest::GetOrder { url }).unwrap()).status, AcmeState::Invalid);
    let url = order.authorizations[0].clone();
    assert!(refusal(client.ask(AcmeRequest::GetAuthorization { url })).contains("Expired authorization"));
    let url = "https://acme-v02.api.letsencrypt.org/acme/order/1/99".to_owned();
    assert_eq!(
        refusal(client.ask(AcmeRequest::GetOrder { url })),
        "404 urn:ietf:params:acme:error:malformed: No order for ID 99"
    );
}
