//! Whole issuances from an ACME issuer, and what may go wrong.

mod world;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::scheduler;
use crate::api::{
    AcmeState, Certificate, CertificateConditionType, CertificateRequest, Issuer, Object, Order, RequestConditionType,
    Secret,
};
use crate::engine::flags::Flags;
use crate::engine::question::HttpReply;
use crate::engine::question::acme::{AcmeFailure, Problem};
use crate::engine::question::dns::{DnsFailure, DnsVerb, Library, Unstable};
use crate::engine::{Engine, Step};
use crate::objref::{Kind, ObjRef};
use crate::x509::Bundle;
use world::{World, challenge, days, play, solver_objects};

fn start() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

const HTTP01: &str = "{http01: {ingress: {ingressClassName: nginx}}}";
const DNS01: &str = "{dns01: {cloudflare: {apiTokenSecretRef: {name: cf, key: token}}}}";

/// An engine with an issuer of these solvers and a Certificate for these names.
struct Case {
    engine: Engine,
    world: World,
}

impl Case {
    fn new(solvers: &str, names: &str) -> Self {
        Self::with(Flags::default(), "", solvers, names)
    }

    fn with(flags: Flags, issuer: &str, solvers: &str, names: &str) -> Self {
        let yaml = format!(
            "
metadata: {{name: acme, namespace: shop}}
spec:
  acme:
    server: https://ca.example/dir
    email: ops@example.com
    privateKeySecretRef: {{name: account}}
    solvers: [{solvers}]
    {issuer}
"
        );
        let mut case = Self { engine: Engine::new(start(), 1, flags), world: World::new() };
        case.put_secret("{metadata: {name: cf, namespace: shop}, data: {token: aGVsbG8=}}");
        case.engine.cluster().adopt::<Issuer>(serde_saphyr::from_str(&yaml).unwrap());
        case.put_certificate("web", names, "");
        case
    }

    fn put_secret(&mut self, yaml: &str) {
        self.engine.cluster().adopt::<Secret>(serde_saphyr::from_str(yaml).unwrap());
    }

    fn put_certificate(&mut self, name: &str, names: &str, annotations: &str) {
        let yaml = format!(
            "
metadata: {{name: {name}, namespace: shop, annotations: {{{annotations}}}}}
spec:
  secretName: {name}-tls
  dnsNames: [{names}]
  privateKey: {{algorithm: ECDSA}}
  issuerRef: {{name: acme}}
"
        );
        self.engine.cluster().adopt::<Certificate>(serde_saphyr::from_str(&yaml).unwrap());
    }

    fn play(&mut self, until: i64) -> Vec<Step> {
        play(&mut self.engine, &mut self.world, start(), after(until))
    }

    fn play_on(&mut self, from: Timestamp, until: Timestamp) -> Vec<Step> {
        play(&mut self.engine, &mut self.world, from, until)
    }

    fn certificate(&mut self) -> Certificate {
        self.engine.cluster().get::<Certificate>(Some("shop"), "web").unwrap().clone()
    }

    fn order(&mut self) -> Order {
        self.engine.cluster().orders.iter().next().unwrap().clone()
    }

    fn issuer_says(&mut self) -> (String, String) {
        let issuer = self.engine.cluster().get::<Issuer>(Some("shop"), "acme").unwrap();
        let ready = issuer.status.ready().unwrap();
        (ready.reason.as_ref().unwrap().as_str().to_owned(), ready.message.clone())
    }

    fn request_says(&mut self) -> String {
        let request = self.engine.cluster().get::<CertificateRequest>(Some("shop"), "web-1").unwrap();
        request.condition(RequestConditionType::Ready).unwrap().message.clone()
    }

    /// The reasons of the Events about an object of a kind, in order.
    fn reasons(&self, kind: Kind) -> Vec<&str> {
        let told = self.engine.events().all().iter().filter(|event| event.about.kind == kind);
        told.map(|event| event.reason.as_str()).collect()
    }

    fn words(&self, kind: Kind, reason: &str) -> Vec<&str> {
        let told = self.engine.events().all().iter();
        let told = told.filter(|event| event.about.kind == kind && event.reason == reason);
        told.map(|event| event.message.as_str()).collect()
    }

    fn is_ready(&mut self) -> bool {
        self.certificate().is(CertificateConditionType::Ready)
    }
}

fn caa() -> Problem {
    Problem::new(403, "caa", "CAA record for www.example.com prevents issuance")
}

#[test]
fn http_01_issues_cleans_up_and_renews() {
    let mut case = Case::new(HTTP01, "www.example.com");
    let steps = case.play(60);
    assert!(case.is_ready(), "{:?} {:#?}", case.order().status, steps.last());
    assert_eq!(case.reasons(Kind::Challenge), ["Started", "Presented", "DomainVerified"]);
    assert_eq!(case.reasons(Kind::Order), ["Created", "Complete"]);
    // Only the first Pending is told, and that was the issuer's.
    let of_request = case.reasons(Kind::CertificateRequest);
    assert!(of_request.ends_with(&["cert-manager.io", "IssuerNotReady", "CertificateIssued"]), "{of_request:?}");
    assert_eq!(case.engine.cluster().challenges.len(), 0);
    assert!(solver_objects(case.engine.cluster()).is_empty());
    let secret = case.engine.cluster().get::<Secret>(Some("shop"), "web-tls").unwrap().clone();
    let chain = Bundle::from_pem(secret.bytes("tls.crt").unwrap().expose()).unwrap();
    assert_eq!((chain.iter().count(), chain.leaf().alt_names.dns.clone()), (2, vec!["www.example.com".to_owned()]));
    assert_eq!(secret.bytes("ca.crt").map(|bytes| bytes.expose().len()).unwrap_or_default(), 0);
    let issuer = case.engine.cluster().get::<Issuer>(Some("shop"), "acme").unwrap().clone();
    let status = issuer.status.acme.unwrap();
    assert_eq!(
        (status.uri.as_str(), status.last_registered_email.as_str()),
        ("https://ca.example/account/0", "ops@example.com")
    );
    assert_eq!(status.last_private_key_hash.len(), 44);
    let kinds = case.world.log.join(" ");
    assert_eq!(kinds, "newAccount newOrder http http http http http accept finalize");

    let due = case.engine.deadline().unwrap();
    assert_eq!(due, case.certificate().status.renewal_time.unwrap().0);
    case.play_on(due, due + SignedDuration::from_mins(1));
    assert_eq!(case.certificate().status.revision, Some(2));
    assert_eq!(case.world.asked.len(), 2);
}

#[test]
fn the_self_check_passes_five_times_in_a_row() {
    let mut case = Case::new(HTTP01, "www.example.com");
    case.play(60);
    let at = |reason: &str| {
        let told = case.engine.events().all().iter().find(|event| event.reason == reason).unwrap();
        told.first
    };
    // One second for the scheduler, and four pauses of two.
    assert_eq!((at("Started"), at("DomainVerified")), (after(1), after(9)));
}

#[test]
fn the_solver_is_there_while_the_check_fails_and_comes_back_when_it_is_deleted() {
    let mut case = Case::new(HTTP01, "www.example.com");
    case.world.rules.http = Some(Ok(HttpReply { status: 404, body: Vec::new() }));
    case.play(5);
    let cluster = case.engine.cluster();
    assert_eq!((cluster.pods.len(), cluster.services.len(), cluster.ingresses.len()), (1, 1, 1));
    let found = challenge(cluster);
    let reason = "Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'";
    assert_eq!(found.status.reason, reason);
    assert!(found.status.presented && found.status.processing && found.status.presented_at.is_some());
    let pod = cluster.pods.iter().next().unwrap().objref();
    cluster.delete(&pod);
    let waits = case.engine.deadline().unwrap();
    assert_eq!(waits, after(11));
    case.play_on(after(5), after(12));
    let cluster = case.engine.cluster();
    assert_eq!(cluster.pods.len(), 1);
    assert_ne!(cluster.pods.iter().next().unwrap().objref(), pod);
    case.world.rules.http = None;
    case.play_on(after(12), after(60));
    assert!(case.is_ready());
}

#[test]
fn what_the_check_sees_is_worded_as_cert_manager_words_it() {
    let long = "x".repeat(30);
    let key = "token-0-http-01.";
    for (seen, expected) in [
        (Err("dial tcp: no such host".to_owned()), "failed to perform self check GET request 'http://www.example.com/.well-known/acme-challenge/token-0-http-01': dial tcp: no such host".to_owned()),
        (Ok(HttpReply { status: 200, body: b"no".to_vec() }), "but got: no".to_owned()),
        (Ok(HttpReply { status: 200, body: long.into_bytes() }), format!("but got: {}... (truncated)", "x".repeat(24))),
    ] {
        let mut case = Case::new(HTTP01, "www.example.com");
        case.world.rules.http = Some(seen);
        case.play(5);
        let reason = challenge(case.engine.cluster()).status.reason;
        assert!(reason.ends_with(&expected), "{reason}");
        if expected.starts_with("but got") {
            assert!(reason.contains(&format!("did not get expected response when querying endpoint, expected \"{key}")));
        }
    }
}

#[test]
fn dns_01_writes_the_record_waits_and_removes_it() {
    let mut case = Case::new(DNS01, "www.example.com");
    case.play(120);
    assert!(case.is_ready());
    let fqdn = "_acme-challenge.www.example.com.".to_owned();
    assert_eq!(case.world.records, [(DnsVerb::Present, fqdn.clone()), (DnsVerb::CleanUp, fqdn)]);
    let told = |reason: &str| {
        let told: Vec<_> = case.engine.events().all().iter().filter(|event| event.reason == reason).collect();
        assert_eq!((told.len(), told[0].count), (1, 1), "played again and not told again");
        (told[0].first, told[0].message.as_str())
    };
    assert_eq!(told("Presented"), (after(1), "Presented challenge using DNS-01 challenge mechanism"));
    let words = "Domain \"www.example.com\" verified with \"DNS-01\" validation";
    assert_eq!(told("DomainVerified"), (after(61), words));
}

#[test]
fn a_record_that_is_not_seen_is_looked_for_again_every_ten_seconds() {
    let mut case = Case::new(DNS01, "www.example.com");
    case.world.rules.dns = Some(Ok(false));
    case.play(35);
    let found = challenge(case.engine.cluster());
    let words = "Waiting for DNS-01 challenge propagation: DNS record for \"www.example.com\" not yet propagated";
    assert_eq!(found.status.reason, words);
    // Twice at first, for the new reason is a change to look at.
    assert_eq!(case.world.log.iter().filter(|kind| **kind == "dns").count(), 5);
    case.world.rules.dns = Some(Err("Could not determine the zone".into()));
    case.play_on(after(35), after(45));
    let found = challenge(case.engine.cluster());
    assert_eq!(found.status.reason, "Waiting for DNS-01 challenge propagation: Could not determine the zone");
}

#[test]
fn a_wildcard_and_its_apex_share_a_record_and_take_turns() {
    let mut case = Case::new(DNS01, "'*.example.com', example.com");
    case.play(30);
    let processing = |case: &mut Case| {
        case.engine.cluster().challenges.iter().filter(|challenge| challenge.status.processing).count()
    };
    assert_eq!((case.engine.cluster().challenges.len(), processing(&mut case)), (2, 1));
    case.play_on(after(30), after(300));
    assert!(case.is_ready());
    assert_eq!(case.world.records.len(), 4);
    assert_eq!(
        case.world.records.iter().map(|(verb, _)| *verb).collect::<Vec<_>>(),
        [DnsVerb::Present, DnsVerb::CleanUp, DnsVerb::Present, DnsVerb::CleanUp]
    );
}

#[test]
fn several_names_are_solved_at_once_each_by_its_solver() {
    let zone =
        "{selector: {dnsZones: [example.org]}, dns01: {cloudflare: {apiTokenSecretRef: {name: cf, key: token}}}}";
    let mut case = Case::new(&format!("{HTTP01}, {zone}"), "a.example.com, b.example.com, c.example.org");
    case.play(5);
    let types: Vec<_> = case.engine.cluster().challenges.iter().map(|one| one.spec.type_.clone()).collect();
    assert_eq!(types.iter().filter(|type_| type_.as_str() == "DNS-01").count(), 1);
    assert_eq!(types.len(), 3);
    case.play_on(after(5), after(120));
    assert!(case.is_ready());
    assert_eq!(case.words(Kind::Order, "Created").len(), 3);
}

#[test]
fn valid_authorizations_need_no_challenge() {
    let mut case = Case::new(HTTP01, "www.example.com");
    case.world.rules.reuse = true;
    case.play(5);
    assert!(case.is_ready());
    assert_eq!(case.reasons(Kind::Order), ["Complete"]);
}

#[test]
fn a_failed_validation_fails_the_request_and_the_issuance_backs_off() {
    let mut case = Case::new(HTTP01, "www.example.com");
    case.world.rules.refused.insert("www.example.com".into(), caa());
    case.play(60);
    let error = "acme: authorization error for www.example.com: 403 urn:ietf:params:acme:error:caa: CAA record for \
                 www.example.com prevents issuance";
    assert_eq!(case.words(Kind::Challenge, "Failed"), [format!("Accepting challenge authorization failed: {error}")]);
    let order = case.order();
    assert_eq!((order.status.state.clone(), order.status.reason.as_str()), (Some(AcmeState::Invalid), ""));
    assert!(order.status.failure_time.is_some());
    let message = format!(
        "Failed to wait for order resource {:?} to become ready: order is in \"invalid\" state: ",
        order.name()
    );
    assert_eq!(case.request_says(), message);
    let challenge = challenge(case.engine.cluster());
    assert_eq!(challenge.status.reason, format!("Error accepting authorization: {error}"));
    assert!(!challenge.status.presented && !challenge.status.processing && challenge.finalizers().is_empty());
    assert!(solver_objects(case.engine.cluster()).is_empty());
    let certificate = case.certificate();
    assert!(!certificate.is(CertificateConditionType::Issuing));
    assert_eq!(certificate.status.failed_issuance_attempts, Some(1));
    let again = case.engine.next_scheduled().unwrap();
    assert_eq!(again.duration_since(certificate.status.last_failure_time.unwrap().0), SignedDuration::from_hours(1));
}

#[test]
fn a_rate_limit_ends_the_order_and_an_outage_does_not() {
    let mut case = Case::new(HTTP01, "www.example.com");
    let problem = Problem::new(429, "rateLimited", "too many certificates already issued");
    case.world.rules.new_order = Some(AcmeFailure::Problem(problem));
    case.play(5);
    let order = case.order();
    let words =
        "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: too many certificates already issued";
    assert_eq!((order.status.state.clone(), order.status.reason.as_str()), (Some(AcmeState::Errored), words));

    let mut case = Case::new(HTTP01, "www.example.com");
    case.world.rules.new_order = Some(AcmeFailure::Problem(Problem::new(503, "serverInternal", "down")));
    let steps = case.play(60);
    let troubles: Vec<_> = steps.iter().filter_map(|step| step.trouble.as_deref()).collect();
    assert_eq!(troubles.len(), 4, "after 5, 10, 20, 40 seconds: {troubles:?}");
    assert!(troubles[0].starts_with("error creating new order: 503 "), "{troubles:?}");
    assert_eq!(case.order().status.state, None);
    case.world.rules.new_order = None;
    case.play_on(after(60), after(120));
    assert!(case.is_ready());
}

#[test]
fn without_a_solver_the_order_waits_without_end() {
    let solver = "{selector: {dnsZones: [example.org]}, http01: {ingress: {}}}";
    let mut case = Case::new(solver, "www.example.com");
    case.play(60);
    let words = "Failed to determine a valid solver configuration for the set of domains on the Order: no configured \
                 challenge solvers can be used for this challenge";
    assert_eq!(case.words(Kind::Order, "Solver"), [words]);
    assert_eq!((case.engine.deadline(), case.order().status.state), (None, Some(AcmeState::Pending)));
    let name = case.order().name().to_owned();
    assert_eq!(case.request_says(), format!("Waiting on certificate issuance from order shop/{name}: \"pending\""));
}

#[test]
fn no_more_challenges_are_worked_on_than_there_are_slots() {
    let names: Vec<_> = (0..70).map(|at| format!("n{at}.example.com")).collect();
    let mut case = Case::new(HTTP01, &names.join(", "));
    case.world.rules.http = Some(Err("no".into()));
    let processing = |case: &mut Case| {
        case.engine.cluster().challenges.iter().filter(|challenge| challenge.status.processing).count()
    };
    case.play(1);
    assert_eq!(processing(&mut case), 20);
    case.play_on(after(1), after(2));
    assert_eq!(processing(&mut case), 40);
    case.play_on(after(2), after(30));
    assert_eq!((processing(&mut case), case.engine.cluster().challenges.len()), (60, 70));
    case.world.rules.http = None;
    case.play_on(after(30), after(120));
    assert!(case.is_ready());
}

#[test]
fn the_scheduler_never_starts_two_for_one_name() {
    let mut case = Case::new(HTTP01, "www.example.com");
    case.put_certificate("other", "www.example.com", "");
    case.world.rules.http = Some(Err("no".into()));
    case.play(20);
    let states: Vec<_> = case.engine.cluster().challenges.iter().map(|one| one.status.processing).collect();
    assert_eq!((states.len(), states.iter().filter(|processing| **processing).count()), (2, 1));
    let held = case.engine.cluster().challenges.iter().find(|one| !one.status.processing).unwrap().clone();
    assert_eq!((held.status.state, held.status.reason.as_str()), (None, ""));
    case.world.rules.http = None;
    case.play_on(after(20), after(60));
    assert!(case.is_ready());
    let other = case.engine.cluster().get::<Certificate>(Some("shop"), "other").unwrap();
    assert!(other.is(CertificateConditionType::Ready));
}

#[test]
fn a_deleted_challenge_is_cleaned_up_and_made_again() {
    let mut case = Case::new(DNS01, "www.example.com");
    case.world.rules.dns = Some(Ok(false));
    case.play(5);
    let first = challenge(case.engine.cluster());
    case.engine.cluster().delete(&first.objref());
    case.play_on(after(5), after(10));
    assert_eq!(
        case.world.records.iter().map(|(verb, _)| *verb).collect::<Vec<_>>(),
        [DnsVerb::Present, DnsVerb::CleanUp, DnsVerb::Present]
    );
    let second = challenge(case.engine.cluster());
    assert_eq!(second.name(), first.name());
    assert_ne!(second.uid(), first.uid());
}

#[test]
fn a_provider_that_fails_is_tried_again_with_its_words_in_the_status() {
    let mut case = Case::new(DNS01, "www.example.com");
    let message = "failed to change Route 53 record set: request id 123: AccessDenied".to_owned();
    let unstable = Unstable { library: Library::AwsResponse, part: "request id 123: AccessDenied".into() };
    case.world.rules.provider = Some(DnsFailure { message: message.clone(), unstable: Some(unstable) });
    let steps = case.play(20);
    assert_eq!(case.words(Kind::Challenge, "PresentError"), [format!("Error presenting challenge: {message}")]);
    let found = challenge(case.engine.cluster());
    let words = "failed to change Route 53 record set: <redacted AWS SDK error: http.ResponseError: see events and logs \
                 for details>";
    assert_eq!((found.status.reason.as_str(), found.status.presented), (words, false));
    assert!(steps.iter().any(|step| step.trouble.as_deref() == Some(message.as_str())));
}

#[test]
fn credentials_that_are_missing_are_named() {
    // The issuer was checked when the Secret was there.
    let mut case = Case::new(DNS01, "www.example.com");
    case.play(0);
    case.engine.cluster().delete(&ObjRef::new(Kind::Secret, Some("shop"), "cf"));
    case.play_on(start(), after(3));
    let found = challenge(case.engine.cluster());
    assert_eq!(found.status.reason, "error getting cloudflare secret: secrets \"cf\" not found");
    assert_eq!(
        case.issuer_says(),
        ("InvalidSolver".into(), "failed to get secret \"cf\": secrets \"cf\" not found".into())
    );
}

#[test]
fn a_missing_binding_key_is_not_tried_again_until_it_comes() {
    let binding = "externalAccountBinding: {keyID: kid, keySecretRef: {name: eab, key: secret}}";
    let mut case = Case::with(Flags::default(), binding, HTTP01, "www.example.com");
    case.play(60);
    let words = "Failed to register ACME account: secrets \"eab\" not found";
    assert_eq!(case.issuer_says(), ("ErrRegisterACMEAccount".into(), words.into()));
    assert_eq!(case.words(Kind::Issuer, "ErrRegisterACMEAccount"), [words]);
    assert_eq!(case.request_says(), "Referenced issuer does not have a Ready status condition");
    assert_eq!(case.engine.deadline(), None);
    case.put_secret("{metadata: {name: eab, namespace: shop}, stringData: {secret: c2VjcmV0}}");
    case.play_on(after(60), after(120));
    assert!(case.is_ready());
}

#[test]
fn a_registration_that_fails_for_the_server_is_tried_again() {
    let mut case = Case::new(HTTP01, "www.example.com");
    case.world.rules.new_account = Some(AcmeFailure::Network("dial tcp: connection refused".into()));
    case.play(1);
    let words = "Failed to register ACME account: dial tcp: connection refused";
    assert_eq!(case.issuer_says(), ("ErrRegisterACMEAccount".into(), words.into()));
    assert_eq!(case.words(Kind::Issuer, "ErrInitIssuer"), ["Error initializing issuer: dial tcp: connection refused"]);
    assert_eq!(case.engine.deadline(), Some(after(5)));
    case.world.rules.new_account = None;
    case.play_on(after(1), after(60));
    assert!(case.is_ready());

    let mut case = Case::new(HTTP01, "www.example.com");
    let problem = Problem::new(400, "invalidContact", "no such domain");
    case.world.rules.new_account = Some(AcmeFailure::Problem(problem));
    case.play(60);
    let words = "Failed to register ACME account: 400 urn:ietf:params:acme:error:invalidContact: no such domain";
    assert_eq!(case.issuer_says(), ("ErrRegisterACMEAccount".into(), words.into()));
    assert_eq!((case.engine.deadline(), case.words(Kind::Issuer, "ErrInitIssuer")), (None, vec![]));
}

#[test]
fn a_profile_must_be_offered() {
    let issuer = |profile: &str| Case::with(Flags::default(), profile, HTTP01, "www.example.com");
    let mut case = issuer("profile: short");
    case.play(5);
    let words = "Failed to create Order: acme: certificate authority does not support profiles";
    assert_eq!(case.order().status.reason, words);
    let mut case = issuer("profile: short");
    case.world.rules.profiles = vec!["classic".into()];
    case.play(5);
    let words = "Failed to create Order: acme: certificate authority does not advertise a profile with name short";
    assert_eq!(case.order().status.reason, words);
    let mut case = issuer("profile: classic");
    case.world.rules.profiles = vec!["classic".into()];
    case.play(60);
    assert!(case.is_ready());
    assert_eq!(case.world.asked[0].profile.as_deref(), Some("classic"));
}

#[test]
fn the_preferred_chain_is_taken_if_there_is_one() {
    for (preferred, alternate, root, asked) in [
        ("", true, "Little Root", false),
        ("Little Root", true, "Little Root", false),
        ("Other Root", true, "Other Root", true),
        ("Other Root", false, "Little Root", true),
        ("No Root", true, "Little Root", true),
    ] {
        let issuer = format!("preferredChain: {preferred:?}");
        let mut case = Case::with(Flags::default(), &issuer, HTTP01, "www.example.com");
        case.world.rules.alternate = alternate;
        case.play(60);
        let order = case.order();
        let chain = Bundle::from_pem(&order.status.certificate.decode().unwrap()).unwrap();
        let top = chain.iter().last().unwrap().issuer.common_name().to_owned();
        assert_eq!((top.as_str(), case.world.log.contains(&"alternates")), (root, asked), "{preferred}");
        assert!(case.is_ready());
    }
}

#[test]
fn an_order_may_ask_for_the_certificates_duration() {
    let mut case = Case::with(Flags::default(), "enableDurationFeature: true", HTTP01, "www.example.com");
    let object = ObjRef::new(Kind::Certificate, Some("shop"), "web");
    case.engine.cluster().modify::<Certificate>(&object, |certificate| {
        certificate.spec.duration = Some(crate::api::GoDuration("48h".into()));
        true
    });
    case.play(60);
    assert_eq!(case.world.asked[0].not_after, Some(start() + days(2)));
}

#[test]
fn a_certificate_for_another_key_makes_the_order_begin_anew() {
    let mut case = Case::new(HTTP01, "www.example.com");
    case.world.rules.reuse = true;
    case.world.rules.other_key = true;
    case.engine.step(start());
    let mut orders = 0;
    for _ in 0..400 {
        if let Some((id, question)) = case.engine.poll_question() {
            let answer = case.world.answer(question, start());
            case.engine.answer(id, answer, start());
        }
        case.engine.step(start());
        orders = case.world.asked.len();
        if orders == 3 {
            case.world.rules.other_key = false;
        }
    }
    assert_eq!(orders, 3, "each bad certificate costs an order");
    assert!(case.is_ready());
}

#[test]
fn a_common_name_must_be_among_the_names() {
    let mut case = Case::new(HTTP01, "www.example.com");
    let object = ObjRef::new(Kind::Certificate, Some("shop"), "web");
    case.engine.cluster().modify::<Certificate>(&object, |certificate| {
        certificate.spec.common_name = "Shop".into();
        true
    });
    case.play(5);
    assert!(
        case.request_says().ends_with("\"Shop\" does not exist in [www.example.com] or []"),
        "{}",
        case.request_says()
    );
    assert_eq!(case.engine.cluster().orders.len(), 0);
}

#[test]
fn a_wait_may_take_the_place_of_the_self_check() {
    let mut case = Case::new("{waitInsteadOfSelfCheck: 25s, http01: {ingress: {}}}", "www.example.com");
    case.play(5);
    let reason = challenge(case.engine.cluster()).status.reason;
    assert_eq!(reason, "Waiting 25s before accepting HTTP-01 challenge without self-check");
    case.play_on(after(5), after(60));
    assert!(case.is_ready() && !case.world.log.contains(&"http"));
    let verified = case.engine.events().all().iter().find(|event| event.reason == "DomainVerified").unwrap();
    assert_eq!(verified.first, after(26));
}

#[test]
fn an_existing_ingress_gets_the_path_and_loses_it_again() {
    let mut case = Case::new("{http01: {ingress: {name: site}}}", "www.example.com");
    let yaml = "{metadata: {name: site, namespace: shop}, spec: {rules: [{host: www.example.com, http: {paths: [{path: /, \
                pathType: Prefix, backend: {service: {name: site, port: {number: 80}}}}]}}]}}";
    let site: k8s_openapi::api::networking::v1::Ingress = serde_saphyr::from_str(yaml).unwrap();
    let object = case.engine.cluster().adopt(site.clone());
    case.world.rules.http = Some(Err("no".into()));
    case.play(5);
    let paths = |case: &mut Case| {
        let found = case.engine.cluster().find::<k8s_openapi::api::networking::v1::Ingress>(&object).unwrap().clone();
        let rules = found.spec.unwrap().rules.unwrap();
        rules.into_iter().flat_map(|rule| rule.http.unwrap().paths).map(|path| path.path.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(paths(&mut case), ["/.well-known/acme-challenge/token-0-http-01", "/"]);
    case.world.rules.http = None;
    case.play_on(after(5), after(60));
    assert!(case.is_ready());
    assert_eq!(paths(&mut case), ["/"]);
}

#[test]
fn trouble_with_the_server_in_the_middle_ends_or_delays_the_challenge() {
    let expired = AcmeFailure::Problem(Problem::new(404, "malformed", "no such challenge"));
    let refused = AcmeFailure::Problem(Problem::new(403, "unauthorized", "no"));
    let html = AcmeFailure::Nonsense("invalid character '<' looking for beginning of value".into());
    for (accept, state, reason) in [
        (
            expired.clone(),
            "expired",
            "Error accepting challenge: 404 urn:ietf:params:acme:error:malformed: no such challenge",
        ),
        (refused, "errored", "Failed to retrieve Order resource: 403 urn:ietf:params:acme:error:unauthorized: no"),
        (html, "errored", "unexpected non-ACME API error: invalid character '<' looking for beginning of value"),
        (AcmeFailure::timeout(), "pending", "Error accepting challenge: context deadline exceeded"),
    ] {
        let mut case = Case::new(HTTP01, "www.example.com");
        case.world.rules.accept = Some(accept);
        case.play(12);
        let found = challenge(case.engine.cluster());
        assert_eq!((found.status.state.unwrap().as_str(), found.status.reason.as_str()), (state, reason));
    }
    let mut case = Case::new(HTTP01, "www.example.com");
    case.world.rules.get_authorization = Some(expired);
    case.play(5);
    let words = "Failed to fetch authorization: 404 urn:ietf:params:acme:error:malformed: no such challenge";
    assert_eq!(case.order().status.reason, words);
}

#[test]
fn what_goes_wrong_at_the_end_ends_the_order_or_is_tried_again() {
    let mut case = Case::new(HTTP01, "www.example.com");
    case.world.rules.reuse = true;
    case.world.rules.finalize = Some(AcmeFailure::Problem(Problem::new(400, "badCSR", "no such key type")));
    case.play(5);
    let order = case.order();
    let words = "Failed to finalize Order: 400 urn:ietf:params:acme:error:badCSR: no such key type";
    assert_eq!((order.status.state.clone(), order.status.reason.as_str()), (Some(AcmeState::Errored), words));

    let mut case = Case::new(HTTP01, "www.example.com");
    case.world.rules.reuse = true;
    case.world.rules.finalize = Some(AcmeFailure::Network("EOF".into()));
    let steps = case.play(5);
    assert!(steps.iter().any(|step| step.trouble.as_deref() == Some("error finalizing order: EOF")));
    case.world.rules.finalize = None;
    case.play_on(after(5), after(20));
    assert!(case.is_ready());
}

#[test]
fn an_account_key_may_have_to_be_there_and_must_be_rsa() {
    let mut case = Case::with(Flags::default(), "disableAccountKeyGeneration: true", HTTP01, "www.example.com");
    case.play(1);
    let words = "Failed to verify ACME account: the ACME issuer config has 'disableAccountKeyGeneration' set to true, but \
                 the secret was not found: secrets \"account\" not found";
    assert_eq!(case.issuer_says(), ("ErrVerifyACMEAccount".into(), words.into()));
    let pem = crate::pki::PrivateKey::generate(&crate::x509::KeyType::Ecdsa(256)).unwrap().to_pkcs8_pem().unwrap();
    let text = pem.expose().replace('\n', "\\n");
    case.put_secret(&format!("{{metadata: {{name: account, namespace: shop}}, stringData: {{tls.key: \"{text}\"}}}}"));
    case.play_on(after(1), after(60));
    let words = "ACME private key in \"account\" is not of type RSA";
    assert_eq!(case.issuer_says(), ("ErrVerifyACMEAccount".into(), words.into()));
}

#[test]
fn the_server_must_be_a_url_of_today() {
    for (server, reason, words) in [
        (
            "https://acme-v01.api.letsencrypt.org/directory/",
            "InvalidConfig",
            "Your ACME server URL is set to a v1 endpoint (https://acme-v01.api.letsencrypt.org/directory/). You should \
             update the spec.acme.server field to \"https://acme-v02.api.letsencrypt.org/directory\"",
        ),
        (
            "https://ca.example:port/dir",
            "InvalidURL",
            "Failed to parse existing ACME server URI \"https://ca.example:port/dir\": parse \
             \"https://ca.example:port/dir\": invalid port \":port\" after host",
        ),
    ] {
        let mut case = Case::new(HTTP01, "www.example.com");
        let object = ObjRef::new(Kind::Issuer, Some("shop"), "acme");
        case.engine.cluster().modify::<Issuer>(&object, |issuer| {
            server.clone_into(&mut issuer.spec.acme.as_mut().unwrap().server);
            true
        });
        case.play(60);
        assert_eq!(case.issuer_says(), (reason.into(), words.into()));
    }
}

#[test]
fn a_registered_issuer_does_not_ask_again() {
    let mut case = Case::new(HTTP01, "www.example.com");
    case.play(60);
    let object = ObjRef::new(Kind::Issuer, Some("shop"), "acme");
    let asked = |case: &Case| case.world.log.iter().filter(|kind| kind.ends_with("Account")).count();
    let before = asked(&case);
    let touch = |case: &mut Case, email: &str| {
        case.engine.cluster().modify::<Issuer>(&object, |issuer| {
            email.clone_into(&mut issuer.spec.acme.as_mut().unwrap().email);
            true
        });
        case.play_on(after(60), after(61));
    };
    touch(&mut case, "ops@example.com");
    assert_eq!(asked(&case), before);
    touch(&mut case, "new@example.com");
    assert_eq!(asked(&case), before + 3, "the account is found, its address changed, and then it is found again");
    let acme = |case: &mut Case| {
        let issuer = case.engine.cluster().find::<Issuer>(&object).unwrap().clone();
        issuer.status.acme.unwrap()
    };
    assert_eq!(acme(&mut case).uri, "https://ca.example/account/0");
    // The server keeps the address in small letters, so it is changed again each time, and does not say where.
    touch(&mut case, "New@example.com");
    let status = acme(&mut case);
    assert_eq!((status.uri.as_str(), status.last_registered_email.as_str()), ("", "New@example.com"));
}

#[test]
fn an_answer_to_who_is_gone_is_dropped() {
    let mut case = Case::new(HTTP01, "www.example.com");
    while case.engine.step(start()).is_some() {}
    let (id, question) = case.engine.poll_question().unwrap();
    assert_eq!(case.engine.asker(id).unwrap().1.name, "acme");
    case.engine.cluster().delete(&ObjRef::new(Kind::Issuer, Some("shop"), "acme"));
    while case.engine.step(start()).is_some() {}
    assert_eq!(case.engine.asker(id), None);
    let answer = case.world.answer(question, start());
    case.engine.answer(id, answer, start());
    assert!(case.engine.step(start()).is_none());
}

#[test]
fn the_scheduler_looks_at_whole_seconds() {
    assert_eq!(scheduler::next_pass(start()), after(1));
    assert_eq!(scheduler::next_pass(start() + SignedDuration::from_millis(1500)), after(2));
}

fn failures() -> impl Strategy<Value = Option<AcmeFailure>> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(AcmeFailure::Problem(Problem::new(429, "rateLimited", "slow down")))),
        1 => Just(Some(AcmeFailure::Problem(Problem::new(500, "serverInternal", "sorry")))),
        1 => Just(Some(AcmeFailure::Problem(Problem::new(404, "malformed", "gone")))),
        1 => Just(Some(AcmeFailure::Network("dial tcp: i/o timeout".into()))),
        1 => Just(Some(AcmeFailure::Nonsense("acme: invalid response".into()))),
    ]
}

fn rules() -> impl Strategy<Value = world::Rules> {
    let http = prop_oneof![2 => Just(None), 1 => Just(Some(Err("no such host".to_owned())))];
    let provider = prop_oneof![2 => Just(None), 1 => Just(Some(DnsFailure::from("no zone")))];
    let acme = (failures(), failures(), failures(), failures(), failures(), failures());
    (acme, any::<bool>(), any::<bool>(), http, prop_oneof![Just(None), Just(Some(Ok(false)))], provider).prop_map(
        |((new_account, new_order, get_authorization, accept, wait, finalize), reuse, refuses, http, dns, provider)| {
            let refused = refuses.then(|| ("a.example.com".to_owned(), caa())).into_iter().collect();
            world::Rules {
                new_order,
                new_account,
                get_authorization,
                accept,
                wait,
                finalize,
                refused,
                reuse,
                http,
                dns,
                provider,
                ..world::Rules::default()
            }
        },
    )
}

fn trace(rules: &world::Rules, seed: u64, deleted: Option<i64>) -> Vec<String> {
    let mut case = Case::new(
        &format!("{HTTP01}, {{selector: {{dnsNames: [b.example.com]}}, {}", &DNS01[1..]),
        "a.example.com, b.example.com",
    );
    // Keys are not replayed, so the account's is given.
    case.put_secret(&format!(
        "{{metadata: {{name: account, namespace: shop}}, stringData: {{tls.key: {:?}}}}}",
        *ACCOUNT
    ));
    let mut engine = Engine::new(start(), seed, Flags::default());
    for secret in case.engine.cluster().secrets.iter().cloned().collect::<Vec<_>>() {
        engine.cluster().adopt(secret);
    }
    let issuer = case.engine.cluster().issuers.iter().next().unwrap().clone();
    let certificate = case.certificate();
    engine.cluster().adopt(issuer);
    engine.cluster().adopt(certificate);
    case.engine = engine;
    case.world.rules = rules.clone();
    let mut steps = case.play(deleted.unwrap_or(5000));
    if let Some(at) = deleted {
        let all: Vec<_> = case.engine.cluster().challenges.iter().map(Object::objref).collect();
        for challenge in all {
            case.engine.cluster().delete(&challenge);
        }
        steps.extend(case.play_on(after(at), after(5000)));
    }
    let events = case.engine.events().all().iter().map(|event| format!("{} {}", event.reason, event.count));
    steps.iter().map(|step| format!("{step:?}")).chain(events).collect()
}

static ACCOUNT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    let key = crate::pki::PrivateKey::generate(&crate::x509::KeyType::Rsa(2048)).unwrap();
    key.encode(None).unwrap().expose().clone()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// In more than an hour with any faults: no deadline lies in the past, the steps are bounded (`play` sees to both), and the
    /// same seed takes the same steps.
    #[test]
    fn whatever_goes_wrong_it_comes_to_rest_and_replays(rules in rules(), seed in 0u64..4, deleted in prop::option::of(0i64..90)) {
        let first = trace(&rules, seed, deleted);
        prop_assert_eq!(first, trace(&rules, seed, deleted));
    }
}
