//! A certificate of today, and what more does to the limits.

use jiff::SignedDuration;

use super::*;
use crate::api::issuer::RenewalInformationSource;
use crate::api::{Object, Secret};
use crate::facts::specimen::Specimen;
use crate::inventory::Objects;
use crate::objref::Kind;

const LE: &str = "https://acme-v02.api.letsencrypt.org/directory";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What is left after what the objects tell of, with the changes that manifests make.
fn planned(specimen: &Specimen, changes: &BTreeMap<ObjRef, Change>, days: i64) -> Budget {
    let inventory = Inventory::new(specimen.objects.clone());
    let chosen: Vec<ObjRef> = inventory.certificates.iter().map(Object::objref).collect();
    let until = specimen.now + SignedDuration::from_hours(24 * days);
    Budget::new(&inventory, &chosen, changes, specimen.now, until)
}

fn budget(specimen: &Specimen) -> Budget {
    planned(specimen, &BTreeMap::new(), 1)
}

fn line<'b>(budget: &'b Budget, id: &str) -> Option<&'b Line> {
    budget.accounts.iter().flat_map(|account| &account.lines).find(|line| line.key.id() == id)
}

/// Tokens left, planned, and the fewest on the way.
fn figures(budget: &Budget, id: &str) -> Option<(i64, usize, i64)> {
    line(budget, id).map(|line| (line.left, line.planned, line.lowest))
}

/// So many new Certificates for names that `names` gives, as a manifest brings them.
fn with_new(specimen: Specimen, count: usize, names: impl Fn(usize) -> String) -> (Specimen, BTreeMap<ObjRef, Change>) {
    let mut changes = BTreeMap::new();
    let specimen = specimen.broken(|objects| {
        for number in 0..count {
            let mut new = objects.certificates[0].clone();
            new.metadata.name = Some(format!("new-{number:03}"));
            new.metadata.uid = None;
            new.spec.secret_name = format!("new-{number:03}-tls");
            new.spec.dns_names = names(number).split(' ').map(str::to_owned).collect();
            new.status = crate::api::CertificateStatus::default();
            changes.insert(new.objref(), Change::New);
            objects.certificates.push(new);
        }
    });
    (specimen, changes)
}

fn under_example(number: usize) -> String {
    format!("n{number}.example.com")
}

#[test]
fn a_certificate_of_today_spends_one_of_each() {
    // Ordered at 06:29:52, issued at 06:30:10, judged at 06:40.
    let budget = budget(&Specimen::healthy());
    let [account] = budget.accounts.as_slice() else { panic!("one CA") };
    assert_eq!((account.host.as_str(), account.issued, account.planned), ("acme-v02.api.letsencrypt.org", 1, 0));
    assert_eq!(account.issuers, ["ClusterIssuer letsencrypt"]);
    assert_eq!(figures(&budget, "domain"), Some((49, 0, 49)));
    // One of 50 in seven days is back after 3 hours, 21 minutes and 36 seconds; one of five after 33 h 36 min.
    assert_eq!(line(&budget, "domain").unwrap().next_free, Some(at("2026-11-22T09:51:46Z")));
    assert_eq!(figures(&budget, "exact-set"), Some((4, 0, 4)));
    assert_eq!(line(&budget, "exact-set").unwrap().next_free, Some(at("2026-11-23T16:06:10Z")));
    // One of 300 in three hours is back after 36 seconds.
    assert_eq!(line(&budget, "new-orders").map(|line| line.left), None);
    assert!(!budget.is_short());
    let Key::Domain(domain) = &line(&budget, "domain").unwrap().key else { panic!("a domain") };
    assert_eq!(domain, "example.com");
}

#[test]
fn an_order_of_a_moment_ago_is_counted_for_the_account() {
    let mut specimen = Specimen::healthy();
    specimen.now = at("2026-11-22T06:30:15Z");
    let budget = budget(&specimen);
    let orders = line(&budget, "new-orders").unwrap();
    assert_eq!((orders.left, orders.next_free), (299, Some(at("2026-11-22T06:30:28Z"))));
}

#[test]
fn the_secret_and_its_request_count_as_one() {
    let both = Specimen::healthy();
    let without_request = Specimen::healthy().broken(|objects| objects.requests.clear());
    let without_secret = Specimen::healthy().broken(|objects| objects.secrets.clear());
    let without_either = without_request.clone().broken(|objects| objects.secrets.clear());
    for specimen in [both, without_request, without_secret, without_either] {
        let counted = budget(&specimen);
        assert_eq!(figures(&counted, "exact-set").map(|(left, ..)| left), Some(4), "{:?}", counted.accounts);
        assert_eq!(counted.accounts[0].issued, 1);
    }
}

#[test]
fn new_certificates_are_planned_and_the_last_one_finds_nothing_left() {
    let (specimen, changes) = with_new(Specimen::healthy(), 50, under_example);
    let budget = planned(&specimen, &changes, 1);
    assert_eq!(figures(&budget, "domain"), Some((49, 50, 0)));
    let refused: Vec<&str> = budget.refused().map(|refused| refused.object.name.as_str()).collect();
    assert_eq!(refused, ["new-049"]);
    // 49 are issued at 06:40 beside the one of 06:30:10: the bucket is short by one, and one is back at 09:51:46.
    assert_eq!(line(&budget, "domain").unwrap().done_by, Some(at("2026-11-22T09:51:46Z")));
    assert!(budget.is_short());
    // The refused one spends nothing elsewhere.
    assert_eq!(figures(&budget, "new-orders"), Some((300, 50, 251)));
    let (specimen, changes) = with_new(Specimen::healthy(), 49, under_example);
    let budget = planned(&specimen, &changes, 1);
    assert_eq!((figures(&budget, "domain"), budget.is_short()), (Some((49, 49, 0)), false));
}

#[test]
fn the_last_of_many_is_issued_when_its_token_is_back() {
    let (specimen, changes) = with_new(Specimen::healthy(), 60, under_example);
    let budget = planned(&specimen, &changes, 1);
    let domain = line(&budget, "domain").unwrap();
    assert_eq!((domain.refused, domain.planned), (11, 60));
    // Eleven times 3 h 21 min 36 s after 06:30:10.
    assert_eq!(domain.done_by, Some(at("2026-11-23T19:27:46Z")));
}

#[test]
fn more_than_the_limit_allows_was_an_exception() {
    // 60 of this morning under one domain.
    let many = Specimen::healthy().broken(|objects| {
        for number in 0..60 {
            let mut more = objects.certificates[0].clone();
            more.metadata.name = Some(format!("more-{number}"));
            more.metadata.uid = Some(format!("more-{number}"));
            more.spec.secret_name = format!("more-{number}-tls");
            more.spec.dns_names = vec![under_example(number)];
            objects.certificates.push(more);
        }
    });
    let budget = budget(&many);
    let domain = line(&budget, "domain").unwrap();
    assert_eq!((domain.left, domain.spent, domain.beyond), (0, 61, 11));
    // All but the first are taken for issued now, an hour after they begin at most: one is back after 201.6 minutes.
    assert_eq!(domain.next_free, Some(at("2026-11-22T10:01:36Z")));
}

#[test]
fn private_suffixes_are_domains_of_their_own() {
    let (specimen, changes) = with_new(Specimen::healthy(), 60, |number| format!("n{number}.github.io"));
    let budget = planned(&specimen, &changes, 1);
    assert_eq!(budget.refused().count(), 0);
    let is_one_of_them = |key: &Key| matches!(key, Key::Domain(domain) if domain == "n7.github.io");
    let own = budget.accounts[0].lines.iter().find(|line| is_one_of_them(&line.key)).unwrap();
    assert_eq!((own.left, own.planned, own.lowest), (50, 1, 49));
}

#[test]
fn a_certificate_spends_at_every_domain_that_it_names() {
    let (specimen, changes) = with_new(Specimen::healthy(), 1, |_| "a.example.com b.example.net c.example.net".into());
    let budget = planned(&specimen, &changes, 1);
    let domains: Vec<(&Key, usize)> = budget.accounts[0]
        .lines
        .iter()
        .filter(|line| line.key.id() == "domain")
        .map(|line| (&line.key, line.planned))
        .collect();
    assert_eq!(domains, [(&Key::Domain("example.com".into()), 1), (&Key::Domain("example.net".into()), 1)]);
}

#[test]
fn the_same_names_five_times_a_week_and_not_six() {
    let (specimen, changes) = with_new(Specimen::healthy(), 5, |_| "shop.example.com www.shop.example.com".into());
    let budget = planned(&specimen, &changes, 1);
    assert_eq!(figures(&budget, "exact-set"), Some((4, 5, 0)));
    assert_eq!(budget.refused().map(|refused| refused.key.id()).collect::<Vec<_>>(), ["exact-set"]);
    // They are renewals, as the set was issued this week, and those count neither for the domain nor as new orders.
    assert_eq!(figures(&budget, "domain"), Some((49, 0, 49)));
    assert_eq!(figures(&budget, "new-orders"), None);
    assert_eq!((budget.accounts[0].planned, budget.accounts[0].renewals), (5, 5));
    let [double] = budget.accounts[0].doubles.as_slice() else { panic!("one set") };
    assert_eq!(double.certificates.len(), 6);
}

#[test]
fn a_renewal_in_the_range_spends_only_of_its_set() {
    // Due on 26 November at 06:30:09.
    let budget = planned(&Specimen::healthy(), &BTreeMap::new(), 7);
    assert_eq!((budget.accounts[0].planned, budget.accounts[0].renewals), (1, 1));
    assert_eq!(figures(&budget, "exact-set"), Some((4, 1, 4)));
    assert_eq!(figures(&budget, "domain"), Some((49, 0, 49)));
    let sooner = planned(&Specimen::healthy(), &BTreeMap::new(), 3);
    assert_eq!(sooner.accounts[0].planned, 0);
}

#[test]
fn a_set_issued_long_ago_is_new_again() {
    let old = Specimen::healthy().broken(|objects| {
        let (before, after) = ("\"2026-07-20T00:00:00Z\"", "\"2026-10-18T00:00:00Z\"");
        let status = &mut objects.certificate().status;
        status.not_before = serde_json::from_str(before).unwrap();
        status.not_after = serde_json::from_str(after).unwrap();
        status.renewal_time = serde_json::from_str(after).unwrap();
        objects.requests.clear();
        objects.orders.clear();
        objects.secrets.clear();
    });
    // 125 days are too many, 120 are not.
    let budget_of_old = budget(&old);
    assert_eq!(figures(&budget_of_old, "domain"), Some((50, 1, 49)));
    let newer = old.broken(|objects| {
        objects.certificate().status.not_before = serde_json::from_str("\"2026-07-26T00:00:00Z\"").unwrap();
    });
    assert_eq!(figures(&budget(&newer), "domain"), None);
}

#[test]
fn a_later_revision_is_taken_for_a_renewal() {
    let second = Specimen::healthy().broken(|objects| {
        for meta in [&mut objects.requests[0].metadata, &mut objects.orders[0].metadata] {
            let annotations = meta.annotations.as_mut().unwrap();
            annotations.insert("cert-manager.io/certificate-revision".into(), "2".into());
        }
    });
    let budget = budget(&second);
    assert_eq!((figures(&budget, "domain"), figures(&budget, "exact-set")), (None, Some((4, 0, 4))));
}

#[test]
fn an_order_that_names_what_it_replaces_counts_nowhere() {
    let replacing = Specimen::healthy()
        .broken(|objects| objects.order().spec.replaces = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE".into());
    let budget = budget(&replacing);
    assert_eq!((budget.accounts[0].issued, budget.accounts[0].lines.len()), (1, 0));
}

#[test]
fn renewals_by_the_cas_suggestion_are_planned_and_count_nowhere() {
    let suggested = |source: Option<RenewalInformationSource>| {
        Specimen::healthy().broken(move |objects| {
            let acme = r#"{"ari":{"suggestedWindow":{"start":"2026-11-23T00:00:00Z","end":"2026-11-24T00:00:00Z"}}}"#;
            objects.certificate().status.acme = serde_json::from_str(acme).unwrap();
            objects.cluster_issuer().spec.acme.as_mut().unwrap().renewal_information_source = source;
        })
    };
    let by_ari = planned(&suggested(Some(RenewalInformationSource::Ari)), &BTreeMap::new(), 2);
    assert_eq!((by_ari.accounts[0].planned, by_ari.accounts[0].suggested), (1, 1));
    assert_eq!(figures(&by_ari, "exact-set"), Some((4, 0, 4)));
    let without = planned(&suggested(None), &BTreeMap::new(), 2);
    assert_eq!((without.accounts[0].suggested, figures(&without, "exact-set").unwrap().1), (0, 1));
}

#[test]
fn a_failed_validation_is_counted_for_its_name() {
    // The CA refused it at validation; the Order says when.
    let rejected = Specimen::rejected();
    let failed_at = rejected.objects.orders[0].status.failure_time.as_ref().unwrap().0;
    let budget = budget(&rejected);
    let lines: Vec<&Line> =
        budget.accounts[0].lines.iter().filter(|line| line.key.id() == "failed-authorizations").collect();
    assert!(!lines.is_empty(), "{:?}", budget.accounts[0].lines);
    for line in lines {
        assert_eq!((line.left, line.spent), (4, 1));
        // One of five an hour.
        assert_eq!(line.next_free, Some(failed_at + SignedDuration::from_mins(12)));
    }
}

#[test]
fn a_name_that_failed_too_often_gets_no_order() {
    let failing = Specimen::rejected().broken(|objects| {
        for number in 0..5 {
            let mut order = objects.orders[0].clone();
            order.metadata.name = Some(format!("again-{number}"));
            order.metadata.uid = Some(format!("again-{number}"));
            order.spec.dns_names = vec!["only.example.com".into()];
            objects.orders.push(order);
        }
        let web = objects.certificate();
        web.spec.dns_names = vec!["only.example.com".into()];
    });
    let changes = BTreeMap::from([(failing.subject.clone(), Change::Reissued)]);
    let budget = planned(&failing, &changes, 1);
    assert_eq!(budget.refused().next().map(|refused| refused.key.id()), Some("failed-authorizations"));
}

#[test]
fn an_order_that_the_ca_never_took_counts_nothing() {
    let mut refused = Specimen::healthy().broken(|objects| {
        objects.order().status.url.clear();
        objects.requests.clear();
        objects.secrets.clear();
        objects.certificates.clear();
    });
    refused.now = at("2026-11-22T06:30:00Z");
    assert_eq!(figures(&budget(&refused), "new-orders"), None);
}

#[test]
fn the_cas_own_word_counts_more_than_what_was_counted() {
    let said = |words: &str| {
        let reason = format!("Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: {words}");
        Specimen::healthy().broken(move |objects| {
            let order = &mut objects.order().status;
            order.reason = reason;
            order.state = Some(crate::api::AcmeState::Errored);
        })
    };
    let until = "retry after 2026-11-23 03:10:42 UTC: see https://letsencrypt.org/docs/rate-limits/";
    for (words, id, left) in [
        (
            format!("too many certificates (50) already issued for \"example.com\" in the last 168h0m0s, {until}"),
            "domain",
            0,
        ),
        (
            format!("too many certificates (5) already issued for this exact set of identifiers, {until}"),
            "exact-set",
            0,
        ),
        (format!("too many new orders (300) from this account in the last 3h0m0s, {until}"), "new-orders", 0),
        (
            format!("too many failed authorizations (5) for \"shop.example.com\" in the last 1h0m0s, {until}"),
            "failed-authorizations",
            0,
        ),
        // A date that has passed, and words that name no bucket.
        (
            "too many certificates (50) already issued for \"example.com\", retry after 2026-11-20 00:00:00 UTC".into(),
            "domain",
            49,
        ),
        (format!("too many certificates already issued, {until}"), "domain", 49),
    ] {
        let budget = budget(&said(&words));
        let line = line(&budget, id).unwrap_or_else(|| panic!("{words}"));
        assert_eq!((line.left, budget.is_short()), (left, left == 0), "{words}");
        let told = (left == 0).then(|| at("2026-11-23T03:10:42Z"));
        assert_eq!(line.told, told, "{words}");
        assert!(told.is_none() || line.next_free == told, "{words}: {:?}", line.next_free);
    }
}

#[test]
fn staging_has_its_own_limits_and_an_unknown_ca_none() {
    let at_server = |server: &str| {
        let (specimen, changes) = with_new(Specimen::healthy(), 100, under_example);
        let server = server.to_owned();
        let specimen = specimen.broken(move |objects| {
            objects.cluster_issuer().spec.acme.as_mut().unwrap().server = server;
        });
        planned(&specimen, &changes, 1)
    };
    assert_eq!(at_server(LE).refused().count(), 51);
    let staging = at_server("https://acme-staging-v02.api.letsencrypt.org/directory");
    assert_eq!((staging.refused().count(), staging.accounts[0].planned), (0, 100));
    assert_eq!(staging.staging, []);
    let own = at_server("https://ca.corp.example/acme/acme/directory");
    assert!(own.accounts[0].rules.is_none() && own.accounts[0].lines.is_empty() && !own.is_short());
    let zerossl = at_server("https://acme.zerossl.com/v2/DV90");
    assert!(zerossl.accounts[0].rules.is_some_and(|rules| rules.limits.is_none()));
}

#[test]
fn other_issuers_count_against_nothing() {
    let private = Specimen::healthy().broken(|objects| objects.cluster_issuer().spec.acme = None);
    let budget = budget(&private);
    assert_eq!((budget.accounts.len(), budget.uncounted), (0, 1));
}

#[test]
fn staging_is_advised_for_what_is_new_or_too_much() {
    let (specimen, changes) = with_new(Specimen::healthy(), 1, under_example);
    let budget = planned(&specimen, &changes, 1);
    let [advice] = budget.staging.as_slice() else { panic!("one advice") };
    let issuer = ObjRef::new(Kind::ClusterIssuer, None, "letsencrypt");
    assert_eq!((&advice.issuer, advice.exists, &advice.there), (&issuer, true, &None));
    assert_eq!(advice.server, "https://acme-staging-v02.api.letsencrypt.org/directory");
    // An issuer that is there is named.
    let with_staging = specimen.broken(|objects| {
        let mut staging = objects.cluster_issuer().clone();
        staging.metadata.name = Some("letsencrypt-staging".into());
        staging.spec.acme.as_mut().unwrap().server = "https://acme-staging-v02.api.letsencrypt.org/directory".into();
        objects.cluster_issuers.push(staging);
    });
    let there = planned(&with_staging, &changes, 1).staging[0].there.clone();
    assert_eq!(there, Some(ObjRef::new(Kind::ClusterIssuer, None, "letsencrypt-staging")));
    // A quiet renewal needs no trial.
    assert_eq!(planned(&Specimen::healthy(), &BTreeMap::new(), 7).staging, []);
}

#[test]
fn a_temporary_certificate_is_of_no_ca() {
    let (mut specimen, _) = with_new(Specimen::healthy(), 0, under_example);
    let temporary = temporary();
    specimen = specimen.broken(|objects: &mut Objects| {
        objects.requests.clear();
        let secret: &mut Secret = objects.secret();
        secret.data.insert("tls.crt".into(), crate::api::SecretValue::Bytes(temporary.into_bytes().into()));
    });
    assert_eq!(budget(&specimen).accounts[0].issued, 0);
}

fn temporary() -> String {
    let mut ca = rcgen::CertificateParams::default();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.distinguished_name = rcgen::DistinguishedName::new();
    ca.distinguished_name.push(rcgen::DnType::CommonName, "cert-manager.local");
    let issuer = rcgen::Issuer::new(ca, rcgen::KeyPair::generate().unwrap());
    let key = rcgen::KeyPair::generate().unwrap();
    let mut leaf = rcgen::CertificateParams::new(vec!["shop.example.com".into()]).unwrap();
    leaf.not_before = rcgen::date_time_ymd(2026, 11, 21);
    leaf.signed_by(&key, &issuer).unwrap().pem()
}
