//! Shims on the imagined cluster: the Certificates that follow an Ingress, a Gateway, a `ListenerSet`.

use k8s_openapi::api::networking::v1::Ingress;

use super::*;
use crate::api::Gateway;
use crate::engine::shim::Refusal;

const ISSUER: &str = "
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: self, namespace: shop}
spec: {selfSigned: {}}
---
";

const INGRESS: &str = "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, annotations: {cert-manager.io/issuer: self, cert-manager.io/private-key-algorithm: ECDSA}}
spec:
  tls: [{hosts: [www.example.com], secretName: web-tls}]
";

const GATEWAY: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop, annotations: {cert-manager.io/issuer: self}}
spec:
  gatewayClassName: any
  listeners:
  - {name: tls, port: 443, protocol: HTTPS, hostname: gw.example.com, tls: {certificateRefs: [{name: gw-tls}]}}
";

const SET: &str = "
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more, namespace: shop}
spec:
  parentRef: {name: edge}
  listeners:
  - {name: tls, port: 443, protocol: HTTPS, hostname: set.example.com, tls: {certificateRefs: [{name: set-tls}]}}
";

fn with_gateways(yaml: &str) -> Engine {
    let mut flags = Flags::default();
    (flags.shim.gateway_api, flags.shim.listener_sets) = (true, true);
    put(Engine::new(start(), 1, flags), yaml)
}

fn names(engine: &mut Engine) -> Vec<String> {
    engine.cluster().certificates.iter().map(|certificate| certificate.name().to_owned()).collect()
}

fn ingress() -> ObjRef {
    ObjRef::new(Kind::Ingress, Some("shop"), "web")
}

fn change_ingress(engine: &mut Engine, change: impl FnOnce(&mut Ingress)) {
    engine.cluster().modify::<Ingress>(&ingress(), |ingress| {
        change(ingress);
        true
    });
}

#[test]
fn an_ingress_gets_its_certificate_and_then_nothing_more_happens() {
    let mut engine = engine(&format!("{ISSUER}{INGRESS}"));
    run(&mut engine, start());
    let made = certificate(&mut engine, "web-tls");
    assert!(made.is(CertificateConditionType::Ready), "{:?}", made.status);
    assert_eq!((made.spec.dns_names.clone(), made.generation()), (vec!["www.example.com".to_owned()], Some(1)));
    assert_eq!(reasons(&engine, Kind::Ingress, "web"), ["CreateCertificate"]);
    assert_eq!(run(&mut engine, start()), []);
}

#[test]
fn a_changed_ingress_changes_its_certificate_and_a_deleted_one_takes_it_along() {
    let mut engine = engine(&format!("{ISSUER}{INGRESS}"));
    run(&mut engine, start());
    change_ingress(&mut engine, |ingress| {
        let tls = ingress.spec.as_mut().unwrap().tls.as_mut().unwrap();
        tls[0].hosts.as_mut().unwrap().push("shop.example.com".to_owned());
    });
    run(&mut engine, start());
    let changed = certificate(&mut engine, "web-tls");
    assert_eq!((changed.spec.dns_names.len(), changed.generation(), changed.status.revision), (2, Some(2), Some(2)));
    change_ingress(&mut engine, |ingress| ingress.spec.as_mut().unwrap().tls = None);
    run(&mut engine, start());
    assert_eq!(names(&mut engine), Vec::<String>::new());
    assert_eq!(reasons(&engine, Kind::Ingress, "web"), ["CreateCertificate", "UpdateCertificate", "DeleteCertificate"]);

    let mut engine = self::engine(&format!("{ISSUER}{INGRESS}"));
    run(&mut engine, start());
    engine.cluster().delete(&ingress());
    run(&mut engine, start());
    assert_eq!(names(&mut engine), Vec::<String>::new());
    assert_eq!(engine.cluster().requests.len(), 0);
    assert_eq!(
        engine.cluster().secrets.iter().map(Object::name).collect::<Vec<_>>(),
        ["web-tls"],
        "no owner, so it stays"
    );
}

#[test]
fn a_certificate_that_is_edited_or_deleted_comes_back_as_the_ingress_asks_for_it() {
    let mut engine = engine(&format!("{ISSUER}{INGRESS}"));
    run(&mut engine, start());
    let object = ObjRef::new(Kind::Certificate, Some("shop"), "web-tls");
    engine.cluster().modify::<Certificate>(&object, |certificate| {
        certificate.spec.dns_names = vec!["other.example.com".to_owned()];
        true
    });
    run(&mut engine, start());
    assert_eq!(certificate(&mut engine, "web-tls").spec.dns_names, ["www.example.com"]);
    engine.cluster().delete(&object);
    run(&mut engine, start());
    assert_eq!(names(&mut engine), ["web-tls"]);
}

#[test]
fn gateways_and_their_listener_sets_are_looked_at_only_if_the_flags_say_so() {
    let both = format!("{ISSUER}{GATEWAY}{SET}");
    let mut off = engine(&both);
    let steps = run(&mut off, start());
    let refusals: Vec<_> = steps.into_iter().flat_map(|step| step.refusals).collect();
    assert_eq!(refusals, [Refusal::NotWatched(Kind::Gateway), Refusal::NotWatched(Kind::ListenerSet)]);
    assert_eq!(names(&mut off), Vec::<String>::new());

    let mut on = with_gateways(&both);
    run(&mut on, start());
    assert_eq!(names(&mut on), ["gw-tls", "set-tls"]);
    assert!(certificate(&mut on, "set-tls").is(CertificateConditionType::Ready));
    assert_eq!(reasons(&on, Kind::ListenerSet, "more"), ["CreateCertificate"]);
}

#[test]
fn a_listener_set_waits_for_its_gateway_and_goes_by_its_annotations() {
    let mut engine = with_gateways(&format!("{ISSUER}{}", SET.trim_start_matches("\n---")));
    let steps = run(&mut engine, start());
    assert!(steps.iter().any(|step| matches!(step.refusals.as_slice(), [Refusal::NoParent { .. }])));
    let gateway: Gateway = serde_saphyr::from_str(GATEWAY).unwrap();
    engine.cluster().adopt(gateway);
    run(&mut engine, start());
    assert_eq!(names(&mut engine), ["gw-tls", "set-tls"]);
    engine.cluster().delete(&ObjRef::new(Kind::ListenerSet, Some("shop"), "more"));
    run(&mut engine, start());
    assert_eq!(names(&mut engine), ["gw-tls"]);
}

#[test]
fn an_annotation_that_cannot_be_read_is_tried_again() {
    let wrong = INGRESS.replace("private-key-algorithm: ECDSA", "private-key-size: \"large\"");
    let mut engine = engine(&format!("{ISSUER}{wrong}"));
    let steps = run(&mut engine, start());
    let troubles: Vec<_> = steps.iter().filter_map(|step| step.trouble.as_deref()).collect();
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    assert!(troubles[0].contains("private-key-size"), "{troubles:?}");
    assert_eq!(engine.deadline(), Some(start() + SignedDuration::from_secs(5)));
}
