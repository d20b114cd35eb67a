//! A fleet, and single certificates with one thing changed.

use jiff::SignedDuration;

use super::*;
use crate::api::certificate::{Renewal, RenewalPolicy, RenewalWindow};
use crate::api::{Certificate, GoDuration, Object};
use crate::facts::specimen::Specimen;
use crate::inventory::Objects;
use crate::objref::Kind;

const NOW: &str = "2026-11-22T07:00:00Z";

fn fleet() -> Specimen {
    Specimen::read(include_str!("../../tests/specimens/fleet.yaml"), NOW)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn forecast(specimen: &Specimen, days: i64) -> Forecast {
    let inventory = Inventory::new(specimen.objects.clone());
    let chosen: Vec<ObjRef> = inventory.certificates.iter().map(Object::objref).collect();
    let until = specimen.now + SignedDuration::from_hours(24 * days);
    Forecast::new(&inventory, &chosen, &BTreeMap::new(), specimen.now, until)
}

fn course<'f>(forecast: &'f Forecast, name: &str) -> &'f Course {
    forecast.courses.iter().find(|course| course.object.name == name).unwrap()
}

fn certificate<'o>(objects: &'o mut Objects, name: &str) -> &'o mut Certificate {
    objects.certificates.iter_mut().find(|certificate| certificate.name() == name).unwrap()
}

fn times(course: &Course) -> Vec<String> {
    course.renewals().map(|period| period.issued.to_string()).collect()
}

#[test]
fn a_certificate_renews_when_its_status_says_and_then_by_the_engines_rule() {
    let forecast = forecast(&fleet(), 90);
    let web = course(&forecast, "web");
    assert_eq!(web.fate, Fate::Renews);
    // Issued 2 October for 90 days less a second; then for what Let's Encrypt gives by then, a third before its end.
    assert_eq!(times(web), ["2026-12-01T09:12:32Z", "2027-01-30T09:12:31Z"]);
    let life = SignedDuration::from_hours(90 * 24) - SignedDuration::from_secs(1);
    assert_eq!(web.lifetime, Lifetime::Seen(life));
    assert_eq!(web.next, Some(at("2026-12-01T09:12:32Z")));
}

#[test]
fn certificates_become_shorter_when_the_ca_says_so() {
    let forecast = forecast(&fleet(), 200);
    // The one issued on 31 March 2027 lasts 64 days, and the next one comes two thirds of them later.
    assert_eq!(
        times(course(&forecast, "web")),
        ["2026-12-01T09:12:32Z", "2027-01-30T09:12:31Z", "2027-03-31T09:12:30Z", "2027-05-13T01:12:30Z"]
    );
}

#[test]
fn a_certificate_of_a_week_renews_many_times() {
    // From 18 November for 7 days: a third of them is 2 days and 8 hours.
    let mut mesh = fleet();
    mesh.objects.issuers.clear();
    let forecast = forecast(&mesh, 30);
    let inbound = course(&forecast, "inbound");
    assert_eq!(inbound.next, Some(at("2026-11-22T19:00:00Z")));
    let expected: Vec<String> =
        (0..7).map(|n| (at("2026-11-22T19:00:00Z") + SignedDuration::from_hours(112 * n)).to_string()).collect();
    assert_eq!(times(inbound), expected);
}

#[test]
fn what_ends_first_comes_first() {
    let forecast = forecast(&fleet(), 90);
    let order: Vec<(&str, &str)> =
        forecast.courses.iter().map(|course| (course.object.name.as_str(), course.fate.id())).take(6).collect();
    assert_eq!(
        order,
        [
            ("pay", "ends-first"),
            ("legacy", "ends-first"),
            ("inbound", "cut-short"),
            ("outbound", "cut-short"),
            ("api", "failing"),
            ("web", "renews"),
        ]
    );
    assert_eq!((forecast.ending().count(), forecast.failing().count()), (4, 1));
}

#[test]
fn a_back_off_beyond_the_end_is_told() {
    let forecast = forecast(&fleet(), 90);
    let pay = course(&forecast, "pay");
    // The seventh failure was at 06:00: 32 hours.
    assert_eq!(pay.next, Some(at("2026-11-23T14:00:00Z")));
    assert_eq!(pay.fate, Fate::EndsFirst { at: at("2026-11-22T20:00:00Z"), cause: Cause::BackOff });
    assert_eq!((pay.failures, pay.tries), (7, Some(0)));
}

#[test]
fn the_tries_of_a_failing_certificate_are_counted() {
    let forecast = forecast(&fleet(), 90);
    let api = course(&forecast, "api");
    // The fifth failure was at 05:00: 16 hours, then 32 each. It ends on 4 December at 05:59:59: 21:00 on the 22nd, and
    // then every 32 hours until 2 December 13:00 is 8 tries; the next would be on the 3rd at 21:00, the 9th.
    assert_eq!(api.next, Some(at("2026-11-22T21:00:00Z")));
    assert_eq!(api.fate, Fate::Failing { tries: Some(9) });
    assert_eq!(api.failures, 5);
}

#[test]
fn a_renewal_that_is_switched_off_ends_the_certificate() {
    let forecast = forecast(&fleet(), 90);
    let legacy = course(&forecast, "legacy");
    assert_eq!(legacy.fate, Fate::EndsFirst { at: at("2026-12-09T09:59:59Z"), cause: Cause::Disabled });
    assert_eq!((legacy.next, times(legacy)), (None, vec![]));
    // Beyond the range it is nobody's worry yet.
    let soon = self::forecast(&fleet(), 10);
    assert_eq!(course(&soon, "legacy").fate, Fate::Quiet);
}

#[test]
fn an_ended_certificate_is_the_worst() {
    let ended = fleet().broken(|objects| {
        let status = &mut certificate(objects, "web").status;
        status.not_after = serde_json::from_str("\"2026-11-22T06:59:00Z\"").unwrap();
        status.renewal_time = serde_json::from_str("\"2026-11-01T00:00:00Z\"").unwrap();
    });
    let forecast = forecast(&ended, 90);
    assert_eq!(forecast.courses[0].object.name, "web");
    assert_eq!((&forecast.courses[0].fate, forecast.courses[0].next), (&Fate::Ended, Some(at(NOW))));
}

#[test]
fn a_window_that_opens_too_late_is_told() {
    let late = fleet().broken(|objects| {
        let web = certificate(objects, "web");
        let window = RenewalWindow { cron: "0 2 1 2 *".into(), ..RenewalWindow::default() };
        web.spec.renewal = Some(Renewal { policy: Some(RenewalPolicy::RenewBefore), windows: vec![window] });
        web.status.renewal_time = serde_json::from_str("\"2027-02-01T02:00:00Z\"").unwrap();
    });
    let forecast = forecast(&late, 90);
    assert_eq!(
        course(&forecast, "web").fate,
        Fate::EndsFirst { at: at("2026-12-31T09:12:32Z"), cause: Cause::Windows }
    );
}

#[test]
fn renewals_to_come_keep_to_the_windows() {
    let nightly = fleet().broken(|objects| {
        let web = certificate(objects, "web");
        let window = RenewalWindow {
            cron: "0 2 * * *".into(),
            window_duration: Some(GoDuration("4h".into())),
            ..RenewalWindow::default()
        };
        web.spec.renewal = Some(Renewal { policy: Some(RenewalPolicy::RenewBefore), windows: vec![window] });
        web.status.renewal_time = serde_json::from_str("\"2026-12-02T02:00:00Z\"").unwrap();
    });
    // Without them the second would be two thirds of 90 days later, on 31 January at 02:00, which is open.
    let forecast = forecast(&nightly, 90);
    assert_eq!(times(course(&forecast, "web")), ["2026-12-02T02:00:00Z", "2027-01-31T02:00:00Z"]);
    let at_noon = nightly.broken(|objects| {
        let renewal = certificate(objects, "web").spec.renewal.as_mut().unwrap();
        renewal.windows[0].cron = "0 12 * * *".into();
    });
    let forecast = self::forecast(&at_noon, 90);
    assert_eq!(times(course(&forecast, "web")), ["2026-12-02T02:00:00Z", "2027-01-31T12:00:00Z"]);
}

#[test]
fn a_window_that_opens_too_late_for_a_later_certificate_is_told() {
    // One of 7 days that may renew on the first of January and of July only.
    let rare = fleet().broken(|objects| {
        objects.issuers.clear();
        let inbound = certificate(objects, "inbound");
        let window = RenewalWindow {
            cron: "0 0 1 1,7 *".into(),
            window_duration: Some(GoDuration("200h".into())),
            ..RenewalWindow::default()
        };
        inbound.spec.renewal = Some(Renewal { policy: Some(RenewalPolicy::RenewBefore), windows: vec![window] });
    });
    let forecast = forecast(&rare, 90);
    let inbound = course(&forecast, "inbound");
    // Far from a window cert-manager renews without regard to them. Where one opens within its own length after the end it
    // waits for that: what is issued on 20 December ends on the 27th, and the window opens on 1 January.
    assert_eq!(inbound.fate, Fate::EndsFirst { at: at("2026-12-27T19:00:00Z"), cause: Cause::Windows });
    assert!(times(inbound).iter().any(|time| time == "2027-01-01T00:00:00Z"), "{:?}", times(inbound));
}

#[test]
fn a_new_certificate_without_renewal_ends_first() {
    let specimen = fleet().broken(|objects| {
        let web = certificate(objects, "web");
        web.status = crate::api::CertificateStatus::default();
        web.spec.renewal = Some(Renewal { policy: Some(RenewalPolicy::Disabled), windows: Vec::new() });
    });
    let inventory = Inventory::new(specimen.objects);
    let web = ObjRef::new(Kind::Certificate, Some("shop"), "web");
    let changes = BTreeMap::from([(web.clone(), Change::New)]);
    let until = at(NOW) + SignedDuration::from_hours(24 * 91);
    let forecast = Forecast::new(&inventory, &[web], &changes, at(NOW), until);
    let fate = Fate::EndsFirst { at: at("2027-02-20T07:00:00Z"), cause: Cause::Disabled };
    assert_eq!(forecast.courses[0].fate, fate);
}

#[test]
fn the_cas_own_suggestion_goes_before_the_status() {
    let suggested = fleet().broken(|objects| {
        let acme = r#"{"ari":{"suggestedWindow":{"start":"2026-11-25T00:00:00Z","end":"2026-11-26T00:00:00Z"}}}"#;
        certificate(objects, "web").status.acme = serde_json::from_str(acme).unwrap();
    });
    assert_eq!(course(&forecast(&suggested, 90), "web").next, Some(at("2026-11-25T00:00:00Z")));
}

#[test]
fn a_ca_that_ends_first_cuts_its_leaves_short() {
    let forecast = forecast(&fleet(), 90);
    let ca_ends = at("2026-12-20T00:00:00Z");
    let authority = "CA \"Mesh CA\"".to_owned();
    let cut = Fate::CutShort { at: ca_ends, authority };
    // Whether the leaf in use is cut, or one that it renews into.
    assert_eq!((&course(&forecast, "outbound").fate, &course(&forecast, "inbound").fate), (&cut, &cut));
    let [mesh] = forecast.authorities.as_slice() else { panic!("{:?}", forecast.authorities) };
    assert_eq!((mesh.ends, mesh.name.as_str(), &mesh.maker), (Some(ca_ends), "Mesh CA", &None));
    let names: Vec<&str> = mesh.cut.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(names, ["inbound", "outbound"]);
}

/// The CA's Certificate, due on a day.
fn with_maker(due: &str) -> Specimen {
    fleet().with(&format!(
        "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {{name: mesh-root, namespace: mesh, uid: root}}\nspec:\n  \
         isCA: true\n  secretName: mesh-ca\n  duration: 8760h\n  issuerRef: {{name: self}}\nstatus:\n  conditions: \
         [{{type: Ready, status: 'True'}}]\n  notBefore: '2025-12-20T00:00:00Z'\n  notAfter: '2026-12-20T00:00:00Z'\n  \
         renewalTime: '{due}'\n  revision: 1\n"
    ))
}

#[test]
fn a_ca_that_is_renewed_in_time_cuts_only_who_does_not_follow() {
    let forecast = forecast(&with_maker("2026-12-10T00:00:00Z"), 90);
    let [mesh] = forecast.authorities.as_slice() else { panic!("{:?}", forecast.authorities) };
    assert_eq!(mesh.renews, Some(at("2026-12-10T00:00:00Z")));
    assert_eq!(mesh.maker.as_ref().map(|maker| maker.name.as_str()), Some("mesh-root"));
    // That of a week has the new CA long before the old one ends, that of 90 days renews on 8 January.
    assert_eq!(course(&forecast, "inbound").fate, Fate::Renews);
    assert_eq!(course(&forecast, "outbound").fate.id(), "cut-short");
    assert_eq!(mesh.cut.len(), 1);
}

#[test]
fn a_ca_that_outlives_the_range_is_not_listed() {
    assert!(forecast(&fleet(), 20).authorities.is_empty());
}

#[test]
fn without_the_cas_secret_the_stored_chain_tells() {
    let hidden = fleet().broken(|objects| objects.secrets.retain(|secret| secret.name() != "mesh-ca"));
    let forecast = forecast(&hidden, 90);
    let cut = &course(&forecast, "outbound").fate;
    assert_eq!(cut, &Fate::CutShort { at: at("2026-12-20T00:00:00Z"), authority: "CA \"Mesh CA\"".into() });
}

#[test]
fn renewals_are_counted_by_day_of_utc() {
    let forecast = forecast(&fleet(), 90);
    let new_year = jiff::civil::date(2027, 1, 1);
    let day = forecast.days.iter().find(|day| day.date == new_year).unwrap();
    assert_eq!((day.renewals, day.certificates.len()), (12, 12));
    assert_eq!(forecast.days.iter().map(|day| day.renewals).sum::<usize>(), forecast.renewals());
    let sorted = forecast.days.windows(2).all(|pair| pair[0].date < pair[1].date);
    assert!(sorted, "{:?}", forecast.days);
}

#[test]
fn a_domain_with_many_renewals_on_a_day_is_a_storm() {
    let forecast = forecast(&fleet(), 60);
    let storm = Storm { date: jiff::civil::date(2027, 1, 1), renewals: 12, domain: Some("example.net".into()) };
    assert_eq!(forecast.storms, [storm]);
    // Nine are none.
    let fewer = fleet().broken(|objects| {
        objects.certificates.retain(|one| !["pr-1", "pr-2", "pr-3"].contains(&one.name()));
    });
    assert_eq!(self::forecast(&fewer, 60).storms, []);
}

#[test]
fn many_names_of_many_domains_on_a_day_are_a_storm_too() {
    let scattered = fleet().broken(|objects| {
        for certificate in &mut objects.certificates {
            if let Some(number) = certificate.name().strip_prefix("pr-") {
                certificate.spec.dns_names = vec![format!("pr.example{number}.net")];
            }
        }
    });
    let storm = Storm { date: jiff::civil::date(2027, 1, 1), renewals: 12, domain: None };
    assert_eq!(forecast(&scattered, 60).storms, [storm]);
}

#[test]
fn a_planned_certificate_is_issued_now_and_renews_then() {
    let specimen = fleet().broken(|objects| {
        let web = certificate(objects, "web");
        web.status = crate::api::CertificateStatus::default();
    });
    let inventory = Inventory::new(specimen.objects);
    let web = ObjRef::new(Kind::Certificate, Some("shop"), "web");
    let changes = BTreeMap::from([(web.clone(), Change::New)]);
    let until = at(NOW) + SignedDuration::from_hours(24 * 90);
    let forecast = Forecast::new(&inventory, &[web], &changes, at(NOW), until);
    let [course] = forecast.courses.as_slice() else { panic!("one course") };
    assert_eq!(course.fate, Fate::FirstIssue);
    // 90 days of Let's Encrypt, as no certificate tells otherwise: due after 60.
    assert_eq!(times(course), ["2027-01-21T07:00:00Z"]);
    assert_eq!(course.lifetime, Lifetime::Expected(SignedDuration::from_hours(90 * 24)));
    assert_eq!((course.present, course.to_come.len(), forecast.renewals()), (None, 2, 1));
}

#[test]
fn renewals_without_pause_are_cut_off() {
    let hasty = fleet().broken(|objects| {
        let inbound = certificate(objects, "inbound");
        inbound.spec.renew_before = Some(GoDuration("167h59m59s".into()));
        inbound.status.renewal_time = None;
    });
    let forecast = forecast(&hasty, 90);
    let inbound = course(&forecast, "inbound");
    assert!(inbound.is_endless);
    assert_eq!(inbound.to_come.len(), 10_000);
}

#[test]
fn nothing_is_foreseen_for_what_does_not_exist() {
    let inventory = Inventory::new(Objects::default());
    let ghost = ObjRef::new(Kind::Certificate, Some("shop"), "ghost");
    let forecast = Forecast::new(&inventory, &[ghost], &BTreeMap::new(), at(NOW), at("2026-12-22T07:00:00Z"));
    assert!(forecast.courses.is_empty() && forecast.days.is_empty() && forecast.storms.is_empty());
}

#[test]
fn an_issuance_on_its_way_counts_as_now() {
    let forecast = forecast(&Specimen::http01(), 90);
    let web = &forecast.courses[0];
    assert_eq!((web.fate.id(), web.next), ("under-way", Some(Specimen::http01().now)));
    assert_eq!(web.present, None);
}

#[test]
fn a_failure_is_reckoned_from_its_own_time() {
    let rejected = Specimen::rejected();
    let forecast = forecast(&rejected, 90);
    let web = &forecast.courses[0];
    assert_eq!(web.fate.id(), "failing");
    assert!(web.next.is_some_and(|next| next > rejected.now), "{:?}", web.next);
    assert_eq!(web.tries, None);
}
