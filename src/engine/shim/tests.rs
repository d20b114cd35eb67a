//! One healthy object of each kind, and what becomes of it when one thing is changed.
//!
//! The many situations that the real controllers have judged are in `tests/cases-shim`.

use serde::de::DeserializeOwned;

use k8s_openapi::api::networking::v1::Ingress;

use super::*;
use crate::api::{Gateway, ListenerSet, annotation};
use crate::objref::Kind;

const INGRESS: &str = "
metadata:
  name: web
  namespace: shop
  uid: web-uid
  labels: {team: shop, applyset.kubernetes.io/part-of: set}
  annotations: {cert-manager.io/issuer: ca, example.com/owner: me}
spec:
  tls:
  - {hosts: [www.example.com, 10.0.0.1], secretName: web-tls}
  - {hosts: ['*.example.com'], secretName: star-tls}
";

const GATEWAY: &str = "
metadata: {name: edge, namespace: shop, uid: edge-uid, annotations: {cert-manager.io/cluster-issuer: ca}}
spec:
  gatewayClassName: any
  listeners:
  - {name: a, port: 443, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: ab-tls}]}}
  - {name: b, port: 443, protocol: TLS, hostname: b.example.com, tls: {mode: Terminate, certificateRefs: [{name: c-tls, group: core}, {name: ab-tls, namespace: shop}]}}
";

const LISTENER_SET: &str = "
metadata: {name: more, namespace: team, uid: more-uid}
spec:
  parentRef: {name: edge, namespace: shop}
  listeners:
  - {name: a, port: 443, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: a-tls}]}}
";

fn of<T: DeserializeOwned>(yaml: &str) -> T {
    serde_saphyr::from_str(yaml).unwrap()
}

fn flags() -> ShimFlags {
    ShimFlags { gateway_api: true, listener_sets: true, ..ShimFlags::default() }
}

fn look(subject: &Subject<'_>, flags: &ShimFlags, certificates: &[Certificate]) -> Outcome {
    let named = |name: &str| certificates.iter().find(|certificate| certificate.name() == name);
    let controlled_by =
        |uid: &str| certificates.iter().filter(|certificate| certificate.controller_uid() == Some(uid)).collect();
    sync(subject, flags, &Existing { named: &named, controlled_by: &controlled_by })
}

fn with_ingress(change: impl FnOnce(&mut Ingress), certificates: &[Certificate]) -> Outcome {
    let mut ingress: Ingress = of(INGRESS);
    change(&mut ingress);
    look(&Subject::Ingress(&ingress), &flags(), certificates)
}

fn annotate(key: &str, value: &str) -> impl FnOnce(&mut Ingress) {
    move |ingress| {
        ingress.metadata.annotations.get_or_insert_default().insert(key.to_owned(), value.to_owned());
    }
}

/// What exists once the healthy Ingress was looked at.
fn made() -> Vec<Certificate> {
    created(&with_ingress(|_| (), &[]))
}

fn created(outcome: &Outcome) -> Vec<Certificate> {
    let one = |action: &Action| match action {
        Action::Create(new) => (**new).clone(),
        Action::Update(..) | Action::Delete(_) => panic!("{action:?}"),
    };
    outcome.actions().map(one).collect()
}

fn events(outcome: &Outcome) -> Vec<String> {
    outcome.events().map(|event| format!("{} {}", event.reason.as_str(), event.message)).collect()
}

fn said(outcome: &Outcome) -> Vec<String> {
    outcome.refusals.iter().map(ToString::to_string).collect()
}

#[test]
fn an_ingress_gets_a_certificate_for_each_tls_entry() {
    let outcome = with_ingress(|_| (), &[]);
    assert_eq!(
        events(&outcome),
        [
            r#"CreateCertificate Successfully created Certificate "web-tls""#,
            r#"CreateCertificate Successfully created Certificate "star-tls""#
        ]
    );
    assert_eq!(outcome.refusals, []);
    let web: Certificate = of("
metadata:
  name: web-tls
  namespace: shop
  labels: {team: shop}
  ownerReferences:
  - apiVersion: networking.k8s.io/v1
    kind: Ingress
    name: web
    uid: web-uid
    controller: true
    blockOwnerDeletion: true
spec:
  dnsNames: [www.example.com]
  ipAddresses: [10.0.0.1]
  secretName: web-tls
  issuerRef: {name: ca, kind: Issuer, group: cert-manager.io}
  usages: [digital signature, key encipherment]
");
    assert_eq!(created(&outcome)[0], web);
    assert_eq!(created(&outcome)[1].spec.dns_names, ["*.example.com"]);
}

#[test]
fn what_is_there_and_right_is_left_alone() {
    assert_eq!(with_ingress(|_| (), &made()), Outcome::default());
}

#[test]
fn each_compared_field_makes_an_update_and_each_other_one_is_overlooked() {
    type Break = fn(&mut Certificate);
    let cases: &[(Field, Break)] = &[
        (Field::Labels, |one| one.metadata.labels = None),
        (Field::CommonName, |one| one.spec.common_name = "x".into()),
        (Field::DnsNames, |one| one.spec.dns_names.push("x".into())),
        (Field::SecretName, |one| one.spec.secret_name = "gone".into()),
        (Field::IssuerName, |one| one.spec.issuer_ref.name = "x".into()),
        (Field::IssuerKind, |one| one.spec.issuer_ref.kind = "x".into()),
        (Field::RevisionHistoryLimit, |one| one.spec.revision_history_limit = Some(3)),
        (Field::KeyAlgorithm, |one| one.spec.private_key = Some(of("{algorithm: RSA}"))),
        (Field::KeyEncoding, |one| one.spec.private_key = Some(of("{encoding: PKCS8}"))),
        (Field::KeyRotationPolicy, |one| one.spec.private_key = Some(of("{rotationPolicy: Never}"))),
        (Field::KeySize, |one| one.spec.private_key = Some(of("{size: 4096}"))),
        (Field::Duration, |one| one.spec.duration = Some(of("1h"))),
        (Field::RenewBefore, |one| one.spec.renew_before = Some(of("1h"))),
        (Field::IssuerGroup, |one| one.spec.issuer_ref.group = "x".into()),
        (Field::IpAddresses, |one| one.spec.ip_addresses.clear()),
        (Field::EmailAddresses, |one| one.spec.email_addresses.push("x".into())),
        (Field::Subject, |one| one.spec.subject = Some(of("{serialNumber: x}"))),
        (Field::Usages, |one| one.spec.usages.clear()),
        (Field::SecretTemplate, |one| one.spec.secret_template = Some(of("{labels: {x: y}}"))),
        (Field::RenewBeforePercentage, |one| one.spec.renew_before_percentage = Some(3)),
    ];
    for (number, (field, break_it)) in cases.iter().enumerate() {
        let mut there = made();
        there[0].metadata.resource_version = Some("7".into());
        let healthy = there[0].clone();
        break_it(&mut there[0]);
        let outcome = with_ingress(|_| (), &there);
        if number < 13 {
            let update = Action::Update(Box::new(healthy), vec![*field]);
            assert_eq!(outcome.actions().collect::<Vec<_>>(), [&update]);
            assert_eq!(events(&outcome), [r#"UpdateCertificate Successfully updated Certificate "web-tls""#]);
        } else {
            let overlooked = Refusal::Overlooked { certificate: "web-tls".into(), fields: vec![*field] };
            assert_eq!((outcome.steps, outcome.refusals), (vec![], vec![overlooked]));
        }
    }
}

#[test]
fn sizes_of_ed25519_keys_are_not_compared() {
    let mut there = made();
    there[0].spec.private_key = Some(of("{algorithm: Ed25519, size: 256}"));
    let outcome = with_ingress(annotate(annotation::SHIM_KEY_ALGORITHM, "Ed25519"), &there);
    let Some(Action::Update(_, fields)) = outcome.actions().next() else { panic!() };
    // The other Certificate, which has no algorithm yet.
    assert_eq!((outcome.actions().count(), fields.as_slice()), (1, &[Field::KeyAlgorithm][..]));
}

#[test]
fn durations_are_compared_as_such() {
    let mut there = made();
    for one in &mut there {
        one.spec.duration = Some(of("60m"));
    }
    assert_eq!(with_ingress(annotate(annotation::SHIM_DURATION, "1h"), &there), Outcome::default());
}

#[test]
fn certificates_of_others_are_left_alone_and_only_the_log_says_so() {
    let mut there = made();
    there[0].metadata.owner_references = None;
    there[1].metadata.owner_references.as_mut().unwrap()[0].uid = "old-uid".into();
    for one in &mut there {
        one.spec.dns_names.clear();
    }
    let outcome = with_ingress(|_| (), &there);
    assert_eq!(outcome.steps, []);
    assert_eq!(
        said(&outcome),
        [
            "Certificate web-tls exists and belongs to no object, so it is left as it is",
            "Certificate star-tls exists and belongs to Ingress web, so it is left as it is",
        ]
    );
}

#[test]
fn certificates_that_nothing_mentions_are_deleted_last() {
    let mut there = made();
    let mut gone = there[0].clone();
    gone.metadata.name = Some("gone".into());
    gone.spec.secret_name = "gone".into();
    let mut of_another = gone.clone();
    of_another.metadata.owner_references.as_mut().unwrap()[0].uid = "another".into();
    of_another.metadata.name = Some("of-another".into());
    there.remove(1);
    there.extend([gone, of_another]);
    assert_eq!(
        events(&with_ingress(|_| (), &there)),
        [
            r#"CreateCertificate Successfully created Certificate "star-tls""#,
            r#"DeleteCertificate Successfully deleted unrequired Certificate "gone""#
        ]
    );
}

#[test]
fn entries_that_are_skipped_still_keep_their_certificates() {
    let without_hosts = |ingress: &mut Ingress| {
        ingress.spec.as_mut().unwrap().tls.as_mut().unwrap()[0].hosts = None;
    };
    let outcome = with_ingress(without_hosts, &made());
    assert_eq!(events(&outcome), ["BadConfig Skipped a TLS block: spec.tls[0].hosts: Required value"]);
    assert_eq!(said(&outcome), ["TLS entry 0 is skipped: spec.tls[0].hosts: Required value"]);
}

#[test]
fn a_secret_named_twice_disables_the_whole_ingress() {
    let doubled = |ingress: &mut Ingress| {
        let tls = ingress.spec.as_mut().unwrap().tls.as_mut().unwrap();
        tls[1].secret_name = Some("web-tls".into());
        tls.extend([of("{hosts: [a]}"), of("{hosts: [b]}"), of("{hosts: [c], secretName: web-tls}")]);
    };
    let same = "this secret name must only appear in a single TLS entry but is also used in";
    assert_eq!(
        events(&with_ingress(doubled, &[])),
        [format!(
            "BadConfig [spec.tls[0].secretName: Invalid value: \"web-tls\": {same} spec.tls[1].secretName, \
             spec.tls[2].secretName: Invalid value: \"\": {same} spec.tls[3].secretName]"
        )]
    );
}

#[test]
fn without_the_annotation_nothing_happens_and_nothing_is_deleted() {
    let outcome = with_ingress(|ingress| ingress.metadata.annotations = None, &made());
    assert_eq!(outcome.steps, []);
    let neither = "it has neither cert-manager.io/issuer nor cert-manager.io/cluster-issuer";
    assert_eq!(said(&outcome), [format!("{neither}, and not kubernetes.io/tls-acme with the value true")]);

    let only = |key: &'static str, value: &'static str| {
        with_ingress(|ingress| ingress.metadata.annotations = Some([(key.into(), value.into())].into()), &[])
    };
    assert_eq!(
        said(&only("kubernetes.io/tls-acme", "yes")),
        [format!("{neither}, and kubernetes.io/tls-acme is not true")]
    );
    assert_eq!(
        events(&only("kubernetes.io/tls-acme", "T")),
        [
            "BadConfig Could not determine issuer for ingress due to bad annotations: failed to determine issuer name to be used for ingress resource"
        ]
    );
    assert_eq!(only(annotation::ISSUER_KIND, "Issuer").steps, []);
}

#[test]
fn an_object_that_goes_away_asks_for_nothing() {
    let deleting = |ingress: &mut Ingress| {
        ingress.metadata.deletion_timestamp = Some(of("2026-01-01T00:00:00Z"));
    };
    let foreground = |ingress: &mut Ingress| ingress.metadata.finalizers = Some(vec!["foregroundDeletion".into()]);
    for outcome in [with_ingress(deleting, &[]), with_ingress(foreground, &[])] {
        assert_eq!((outcome.steps, outcome.refusals), (vec![], vec![Refusal::BeingDeleted]));
    }
}

#[test]
fn the_issuer_annotations_exclude_each_other() {
    let outcome = with_ingress(
        |ingress| {
            let wanted = [("issuer", "a"), ("cluster-issuer", ""), ("issuer-kind", "k"), ("issuer-group", "g")];
            let wanted = wanted.map(|(key, value)| (format!("cert-manager.io/{key}"), value.to_owned()));
            ingress.metadata.annotations = Some(wanted.into());
        },
        &[],
    );
    assert_eq!(
        events(&outcome),
        ["BadConfig Could not determine issuer for ingress due to bad annotations: \
          failed to determine issuer name to be used for ingress resource, \
          both \"cert-manager.io/issuer\" and \"cert-manager.io/cluster-issuer\" may not be set, \
          both \"cert-manager.io/cluster-issuer\" and \"cert-manager.io/issuer-group\" may not be set, \
          both \"cert-manager.io/cluster-issuer\" and \"cert-manager.io/issuer-kind\" may not be set"]
    );
}

#[test]
fn the_default_issuer_and_its_group_come_from_the_flags() {
    let flags = ShimFlags {
        default_issuer_name: "std".into(),
        default_issuer_kind: "ClusterIssuer".into(),
        default_issuer_group: "example.com".into(),
        auto_certificate_annotations: vec!["example.com/tls".into()],
        ..flags()
    };
    let issuer = |annotations: &[(&str, &str)]| {
        let mut ingress: Ingress = of(INGRESS);
        let annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        ingress.metadata.annotations = Some(annotations.collect());
        let issuer = created(&look(&Subject::Ingress(&ingress), &flags, &[]))[0].spec.issuer_ref.clone();
        [issuer.name, issuer.kind, issuer.group]
    };
    assert_eq!(issuer(&[("example.com/tls", "1")]), ["std", "ClusterIssuer", "example.com"]);
    assert_eq!(issuer(&[(annotation::SHIM_ISSUER, "ca")]), ["ca", "Issuer", "example.com"]);
    assert_eq!(
        issuer(&[(annotation::SHIM_ISSUER, "ca"), (annotation::ISSUER_KIND, "X"), (annotation::ISSUER_GROUP, "x.y")]),
        ["ca", "X", "x.y"]
    );
}

#[test]
fn one_bad_annotation_stops_everything_and_only_the_log_says_so() {
    let mut there = made();
    there.remove(1);
    there[0].spec.secret_name = "gone".into();
    let outcome = with_ingress(annotate(annotation::SHIM_DURATION, "1d"), &there);
    assert_eq!(outcome.steps, []);
    assert_eq!(
        outcome.error().unwrap().to_string(),
        r#"invalid ingress annotation "cert-manager.io/duration": time: unknown unit "d" in duration "1d""#
    );
    // With nothing to put it on, the annotation is not read.
    let outcome = with_ingress(
        |ingress| {
            annotate(annotation::SHIM_DURATION, "1d")(ingress);
            ingress.spec.as_mut().unwrap().tls = None;
        },
        &there,
    );
    assert_eq!(outcome.refusals, [Refusal::NothingAsked]);
    assert_eq!(events(&outcome), [r#"DeleteCertificate Successfully deleted unrequired Certificate "web-tls""#]);
}

#[test]
fn annotations_become_fields_of_the_spec() {
    let spec = |key: &str, value: &str| {
        let full = format!("cert-manager.io/{key}");
        created(&with_ingress(annotate(&full, value), &[]))[0].spec.clone()
    };
    assert_eq!(spec("common-name", "a b").common_name, "a b");
    assert_eq!(spec("alt-names", "www.example.com, b").dns_names, ["www.example.com", "www.example.com", " b"]);
    assert_eq!(spec("alt-names", "").dns_names, ["www.example.com"]);
    assert_eq!(spec("ip-sans", "10.0.0.2, x").ip_addresses, ["10.0.0.1", "10.0.0.2", " x"]);
    assert_eq!(spec("email-sans", "").email_addresses, [""]);
    assert_eq!(spec("subject-organizations", "\"A, Inc.\",B").subject, Some(of("{organizations: ['A, Inc.', B]}")));
    assert_eq!(spec("subject-serialnumber", "").subject, None);
    assert_eq!(spec("duration", "90m"), CertificateSpec { duration: Some(of("1h30m0s")), ..spec("x", "") });
    assert_eq!(spec("renew-before", "0").renew_before, Some(of("0s")));
    assert_eq!(spec("renew-before-percentage", "-3").renew_before_percentage, Some(-3));
    assert_eq!(spec("usages", "server auth , signing").usages, [KeyUsage::ServerAuth, KeyUsage::Signing]);
    assert_eq!(spec("revision-history-limit", "+1").revision_history_limit, Some(1));
    assert_eq!(spec("private-key-size", "8192").private_key, Some(of("{size: 8192}")));
    assert_eq!(spec("secret-template", "{\"annotations\":{}}").secret_template, None);
    assert_eq!(spec("secret-template", "{\"labels\":{\"a\":\"b\"}}").secret_template, Some(of("{labels: {a: b}}")));
}

#[test]
fn bad_values_are_told_in_the_words_of_the_log() {
    for (key, value, why) in [
        ("subject-organizationalunits", "", r#"no values found after parsing """#),
        ("renew-before", "x", r#"time: invalid duration "x""#),
        ("renew-before-percentage", "x", r#"strconv.ParseInt: parsing "x": invalid syntax"#),
        ("usages", "signing, ssl", r#"invalid key usage name " ssl""#),
        ("revision-history-limit", "0", r#"revision history limit must be a positive number "0""#),
        ("private-key-algorithm", "rsa", r#"invalid private key algorithm "rsa""#),
        ("private-key-encoding", "PKCS12", r#"invalid private key encoding "PKCS12""#),
        ("private-key-size", "1024", r#"invalid private key size for RSA algorithm "1024""#),
        ("private-key-size", "2k", r#"strconv.Atoi: parsing "2k": invalid syntax"#),
        ("private-key-rotation-policy", "always", r#"invalid private key rotation policy "always""#),
        ("secret-template", "{", "error parsing secret template JSON: unexpected EOF"),
        (
            "secret-template",
            r#"{"annotations":{"cert-manager.io/x":""}}"#,
            r#"secretTemplate must not have cert-manager.io/ annotations: "cert-manager.io/x""#,
        ),
    ] {
        let full = format!("cert-manager.io/{key}");
        let outcome = with_ingress(annotate(&full, value), &[]);
        let error = outcome.error().unwrap();
        assert_eq!((error.key, error.why.as_str(), outcome.steps.len()), (full.as_str(), why, 0));
        let named = if key == "subject-organizationalunits" { annotation::SUBJECT_ORGANIZATIONS } else { &full };
        assert_eq!(error.to_string(), format!("invalid ingress annotation \"{named}\": {why}"));
    }
}

#[test]
fn solver_annotations_are_written_at_creation_and_with_extra_ones_also_later() {
    let mut ingress: Ingress = of(INGRESS);
    annotate(annotation::HTTP01_EDIT_IN_PLACE, "true")(&mut ingress);
    annotate(annotation::HTTP01_INGRESS_CLASS, "nginx")(&mut ingress);
    annotate(annotation::HTTP01_INGRESS_CLASS_NAME, "")(&mut ingress);
    let solver = [
        (annotation::HTTP01_OVERRIDE_CLASS, "nginx"),
        (annotation::HTTP01_OVERRIDE_NAME, "web"),
        (annotation::ISSUE_TEMPORARY_CERTIFICATE, "true"),
    ];
    let map = |pairs: &[(&str, &str)]| -> Labels {
        Some(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    };
    let subject = Subject::Ingress(&ingress);
    assert_eq!(created(&look(&subject, &flags(), &[]))[0].metadata.annotations, map(&solver));

    let mut there = made();
    let overlooked = look(&subject, &flags(), &there);
    assert_eq!(overlooked.steps, []);
    assert!(said(&overlooked)[0].contains("a change of metadata.annotations alone is not noticed"));

    there[0].spec.dns_names.clear();
    there[0].metadata.annotations = map(&[("a", "b")]);
    let updated = |flags: &ShimFlags| match look(&subject, flags, &there[..1]).actions().nth(1) {
        Some(Action::Update(new, _)) => new.metadata.annotations.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(updated(&flags()), map(&[("a", "b")]));
    let extra = ShimFlags { extra_certificate_annotations: vec!["example.com/owner".into()], ..flags() };
    assert_eq!(updated(&extra), map(&[&solver[..], &[("a", "b"), ("example.com/owner", "me")]].concat()));
}

#[test]
fn an_object_with_no_label_but_that_of_its_set_is_updated_for_ever() {
    let only_set = |ingress: &mut Ingress| {
        let labels = ingress.metadata.labels.as_mut().unwrap();
        labels.remove("team");
    };
    let there = created(&with_ingress(only_set, &[]));
    assert_eq!(there[0].metadata.labels, None);
    let again = with_ingress(only_set, &there);
    let Some(Action::Update(new, fields)) = again.actions().next() else { panic!() };
    assert_eq!((&**new, fields.as_slice()), (&there[0], &[Field::Labels][..]));
}

#[test]
fn with_server_side_apply_some_fields_are_sent_and_the_others_stay() {
    let mut there = made();
    there[0].spec.common_name = "stays".into();
    there[0].spec.usages = vec![KeyUsage::Any];
    there[0].metadata.labels = Some([("mine".to_owned(), "stays".to_owned())].into());
    let ingress: Ingress = of(INGRESS);
    let flags = ShimFlags { server_side_apply: true, ..flags() };
    let outcome = look(&Subject::Ingress(&ingress), &flags, &there);
    let Some(Action::Update(new, fields)) = outcome.actions().next() else { panic!() };
    assert_eq!((fields.as_slice(), new.spec.common_name.as_str()), (&[Field::Labels, Field::CommonName][..], "stays"));
    assert_eq!((new.metadata.labels.as_ref().unwrap().len(), new.spec.usages.len()), (2, 2));
}

#[test]
fn listeners_of_a_gateway_that_share_a_secret_share_a_certificate() {
    let gateway: Gateway = of(GATEWAY);
    let all = created(&look(&Subject::Gateway(&gateway), &flags(), &[]));
    let names: Vec<_> = all.iter().map(|one| (one.name(), one.spec.dns_names.join(" "))).collect();
    assert_eq!(names, [("ab-tls", "a.example.com b.example.com".into()), ("c-tls", "b.example.com".into())]);
    assert_eq!(all[0].annotation(annotation::HTTP01_PARENT_REF_KIND), Some("Gateway"));
    assert_eq!(all[0].annotation(annotation::HTTP01_PARENT_REF_NAME), Some("edge"));
    assert_eq!(all[0].controller().unwrap().api_version, "gateway.networking.k8s.io/v1");

    let off = look(&Subject::Gateway(&gateway), &ShimFlags::default(), &[]);
    assert_eq!(said(&off), ["cert-manager looks at Gateways only with --enable-gateway-api"]);
}

#[test]
fn a_gateway_never_takes_the_default_issuer() {
    let mut gateway: Gateway = of(GATEWAY);
    gateway.metadata.annotations = Some([("kubernetes.io/tls-acme".to_owned(), "true".to_owned())].into());
    let flags = ShimFlags { default_issuer_name: "ca".into(), ..flags() };
    let outcome = look(&Subject::Gateway(&gateway), &flags, &[]);
    assert_eq!(said(&outcome), ["it has neither cert-manager.io/issuer nor cert-manager.io/cluster-issuer"]);
}

#[test]
fn listeners_are_skipped_silently_or_with_an_event() {
    for (change, skip, event) in [
        ("protocol: HTTP", "its protocol is HTTP", None),
        ("protocol: https", "its protocol is https", None),
        ("tls: {mode: Passthrough}", "its TLS mode is Passthrough", None),
        ("name: ignored", "cert-manager.io/ignore-tls-listeners names it", None),
        ("hostname: ''", "", Some("spec.listeners[0].hostname: Required value: the hostname cannot be empty")),
        (
            "{tls: null, hostname: null}",
            "",
            Some(
                "[spec.listeners[0].hostname: Required value: the hostname cannot be empty, spec.listeners[0].tls: Required value: the TLS block cannot be empty]",
            ),
        ),
        ("tls: {}", "", Some("spec.listeners[0].tls.certificateRef: Required value: listener has no certificateRefs")),
        (
            "tls: {mode: Odd, certificateRefs: [{name: a, group: g, kind: K, namespace: other}]}",
            "",
            Some(
                "[spec.listeners[0].tls.certificateRef[0].group: Unsupported value: \"g\": supported values: \"core\", \"\", spec.listeners[0].tls.certificateRef[0].kind: Unsupported value: \"K\": supported values: \"Secret\", \"\", spec.listeners[0].tls.certificateRef[0].namespace: Invalid value: \"other\": cross-namespace secret references are not allowed in listeners, spec.listeners[0].tls.mode: Unsupported value: \"Odd\": supported values: \"Terminate\"]",
            ),
        ),
    ] {
        let mut gateway: Gateway = of(GATEWAY);
        let annotations = gateway.metadata.annotations.as_mut().unwrap();
        annotations.insert(annotation::SHIM_IGNORE_LISTENERS.into(), "b , ignored".into());
        let mut listener = serde_json::to_value(&gateway.spec.listeners[0]).unwrap();
        let change: serde_json::Value = of(change);
        for (key, value) in change.as_object().unwrap() {
            listener[key] = value.clone();
        }
        gateway.spec.listeners[0] = serde_json::from_value(listener).unwrap();
        let outcome = look(&Subject::Gateway(&gateway), &flags(), &[]);
        let expected: Vec<_> =
            event.map(|event| format!("BadConfig Skipped a listener block: {event}")).into_iter().collect();
        assert_eq!(events(&outcome), expected);
        if event.is_none() {
            let name = &gateway.spec.listeners[0].name;
            assert_eq!(said(&outcome)[0], format!("listener {name} gets no Certificate: {skip}"));
        }
        assert_eq!(outcome.refusals.last(), Some(&Refusal::NothingAsked));
    }
}

#[test]
fn further_protocols_come_from_the_flags() {
    let mut gateway: Gateway = of(GATEWAY);
    gateway.spec.listeners[0].protocol = "example.com/x".into();
    let flags = ShimFlags { extra_protocols: ["example.com/x".to_owned()].into(), ..flags() };
    let all = created(&look(&Subject::Gateway(&gateway), &flags, &[]));
    assert_eq!(all[0].spec.dns_names, ["a.example.com", "b.example.com"]);
}

fn with_parent(set: &[(&str, &str)], parent: &[(&str, &str)]) -> Certificate {
    let (mut listeners, mut gateway): (ListenerSet, Gateway) = (of(LISTENER_SET), of(GATEWAY));
    let map = |pairs: &[(&str, &str)]| -> Labels {
        Some(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    };
    (listeners.metadata.annotations, gateway.metadata.annotations) = (map(set), map(parent));
    created(&look(&Subject::ListenerSet { set: &listeners, parent: Some(&gateway) }, &flags(), &[])).remove(0)
}

#[test]
fn a_listener_set_inherits_from_its_gateway() {
    use annotation::{ISSUER_GROUP, ISSUER_KIND, SHIM_CLUSTER_ISSUER, SHIM_ISSUER};
    let issuer = |set: &[(&str, &str)], parent: &[(&str, &str)]| {
        let issuer = with_parent(set, parent).spec.issuer_ref;
        format!("{} {} {}", issuer.name, issuer.kind, issuer.group)
    };
    assert_eq!(issuer(&[], &[(SHIM_CLUSTER_ISSUER, "up")]), "up ClusterIssuer cert-manager.io");
    assert_eq!(issuer(&[(SHIM_ISSUER, "own")], &[(SHIM_CLUSTER_ISSUER, "up")]), "own Issuer cert-manager.io");
    assert_eq!(
        issuer(&[(SHIM_ISSUER, "own"), (ISSUER_KIND, "Own")], &[(ISSUER_KIND, "Up"), (ISSUER_GROUP, "up.io")]),
        "own Up up.io"
    );
}

#[test]
fn the_solver_of_a_listener_set_is_its_own_or_falls_back_to_the_gateway() {
    use annotation::{HTTP01_PARENT_REF_FALLBACK, SHIM_ISSUER};
    let parent = |set: &[(&str, &str)]| {
        let certificate = with_parent(set, &[]);
        let keys = [
            annotation::HTTP01_PARENT_REF_KIND,
            annotation::HTTP01_PARENT_REF_NAME,
            annotation::HTTP01_PARENT_REF_NAMESPACE,
        ];
        keys.map(|key| certificate.annotation(key).unwrap_or("-").to_owned())
    };
    assert_eq!(parent(&[(SHIM_ISSUER, "ca")]), ["ListenerSet", "more", "-"]);
    assert_eq!(parent(&[(SHIM_ISSUER, "ca"), (HTTP01_PARENT_REF_FALLBACK, "1")]), ["Gateway", "edge", "shop"]);
    assert_eq!(parent(&[(SHIM_ISSUER, "ca"), (HTTP01_PARENT_REF_FALLBACK, "yes")]), ["ListenerSet", "more", "-"]);
}

#[test]
fn a_listener_set_without_its_gateway_is_passed_over() {
    let (set, mut gateway): (ListenerSet, Gateway) = (of(LISTENER_SET), of(GATEWAY));
    let outcome = look(&Subject::ListenerSet { set: &set, parent: None }, &flags(), &[]);
    assert_eq!(said(&outcome), ["there is no Gateway shop/edge, its parent"]);
    gateway.metadata.deletion_timestamp = Some(of("2026-01-01T00:00:00Z"));
    let outcome = look(&Subject::ListenerSet { set: &set, parent: Some(&gateway) }, &flags(), &[]);
    assert_eq!(said(&outcome), ["Gateway shop/edge, its parent, is being deleted"]);
    let outcome =
        look(&Subject::ListenerSet { set: &set, parent: None }, &ShimFlags { listener_sets: false, ..flags() }, &[]);
    assert_eq!(outcome.refusals, [Refusal::NotWatched(Kind::ListenerSet)]);
}

#[test]
fn an_object_without_a_uid_controls_nothing() {
    let mut there = made();
    there[0].metadata.owner_references.as_mut().unwrap()[0].uid = String::new();
    there.truncate(1);
    let outcome = with_ingress(|ingress| ingress.metadata.uid = None, &there);
    assert!(matches!(outcome.refusals[..], [Refusal::OtherOwner { .. }]), "{outcome:?}");
}
