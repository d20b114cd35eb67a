//! One Ingress that is well, and one thing about it broken.

use crate::facts::specimen::Specimen;
use crate::inventory::Objects;
use crate::objref::Kind;
use crate::report::{TargetReport, Verdict};

const NONE: [&str; 0] = [];

/// The Ingress with an annotation more, or another value of it, and nothing made of it yet.
fn annotated(key: &str, value: &str) -> Specimen {
    Specimen::ingress().broken(|objects| {
        objects.unmake();
        objects.annotations().insert(key.into(), value.into());
    })
}

/// The Ingress without the annotation that names its issuer, and nothing made of it; another Secret is there.
fn bare() -> Specimen {
    let other = "apiVersion: v1\nkind: Secret\nmetadata: {name: other, namespace: shop}\n";
    Specimen::ingress()
        .broken(|objects| {
            objects.unmake();
            objects.annotations().clear();
        })
        .with(other)
}

/// A controller that was started with these flags.
fn started(args: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: cert-manager, namespace: cert-manager}}\nspec:\n  \
         selector: {{}}\n  template: {{spec: {{containers: [{{name: c, image: \
         'quay.io/jetstack/cert-manager-controller:v1.21.1', args: [{args}]}}]}}}}\nstatus: {{availableReplicas: 1}}\n"
    )
}

fn summary(report: &TargetReport) -> &str {
    &report.findings[0].summary
}

fn fix(report: &TargetReport) -> String {
    let fix = &report.findings[0].fixes[0];
    fix.command.clone().or(fix.patch.clone()).unwrap_or_default()
}

#[test]
fn an_ingress_that_is_well_leads_to_its_certificate() {
    let report = Specimen::ingress().judge();
    assert_eq!(report.findings.iter().map(|finding| finding.rule.id).collect::<Vec<_>>(), NONE);
    assert_eq!((report.verdict, report.object.kind), (Verdict::Healthy, Kind::Ingress));
    assert!(report.headline.contains("is valid for"), "{}", report.headline);
    let words: Vec<String> = report.paths[0].objects.iter().map(ToString::to_string).collect();
    assert_eq!(words, ["Ingress shop/web", "Secret shop/web-tls", "Certificate shop/web-tls"]);
}

#[test]
fn two_annotations_for_the_issuer_are_found() {
    let both = annotated("cert-manager.io/issuer", "local");
    assert_eq!(both.ids(), ["ingress-both-issuer-annotations"]);
    let external = annotated("cert-manager.io/issuer-group", "awspca.cert-manager.io");
    assert_eq!(external.ids(), ["ingress-both-issuer-annotations"]);
    assert!(fix(&external.judge()).contains("cert-manager.io/issuer=letsencrypt cert-manager.io/cluster-issuer-"));
}

#[test]
fn a_default_issuer_that_is_not_there_is_found() {
    let tls_acme = |value: &str| {
        bare().broken(|objects| {
            objects.annotations().insert("kubernetes.io/tls-acme".into(), value.into());
        })
    };
    assert_eq!(tls_acme("true").ids(), ["ingress-tls-acme-without-default-issuer"]);
    let known = tls_acme("true").with(&started("--v=2"));
    assert!(known.judge().findings[0].evidence.iter().any(|one| one.text.contains("no --default-issuer-name")));
    let with_default = tls_acme("true").with(&started("--default-issuer-name=letsencrypt"));
    assert!(!with_default.ids().contains(&"ingress-tls-acme-without-default-issuer"));
    assert_eq!(tls_acme("yes").root(), Some("ingress-bad-annotation-value"));
    assert_eq!(tls_acme("false").ids(), ["ingress-not-annotated"]);
}

#[test]
fn a_former_annotation_and_a_slip_of_the_pen_are_found() {
    for (key, right) in [
        ("certmanager.k8s.io/cluster-issuer", "cert-manager.io/cluster-issuer=letsencrypt"),
        ("cert-manager.io/clusterissuer", "cert-manager.io/cluster-issuer=letsencrypt"),
        ("cert-manager.io/isuer", "cert-manager.io/issuer=letsencrypt"),
    ] {
        let wrong = bare().broken(|objects| {
            objects.annotations().insert(key.into(), "letsencrypt".into());
        });
        assert_eq!(wrong.ids(), ["ingress-annotation-old-group"], "{key}");
        assert_eq!(fix(&wrong.judge()), format!("kubectl annotate ingress web -n shop {right} {key}-"));
    }
    let leftover = Specimen::ingress().broken(|objects| {
        objects.annotations().clear();
        objects.annotations().insert("certmanager.k8s.io/issuer".into(), "x".into());
    });
    assert_eq!(leftover.ids(), NONE, "somebody made the Certificate all the same");
}

#[test]
fn an_ingress_that_asks_nobody_is_found_unless_its_secret_is_there() {
    assert_eq!(bare().ids(), ["ingress-not-annotated"]);
    assert_eq!(fix(&bare().judge()), "kubectl annotate ingress web -n shop cert-manager.io/cluster-issuer=letsencrypt");
    let mut by_hand = bare();
    by_hand.objects.secrets = Specimen::healthy().objects.secrets;
    assert_eq!(by_hand.ids(), NONE);
    let unseen = bare().broken(|objects| objects.secrets.clear());
    assert_eq!((unseen.ids(), unseen.judge().verdict), (NONE.to_vec(), Verdict::Unknown), "it may be there");
    let headline = unseen.judge().headline;
    assert!(headline.contains("Ingress web names no issuer, no Certificate is for its Secret web-tls"), "{headline}");
    let without_tls = bare().broken(|objects| objects.entries().clear());
    assert_eq!(without_tls.ids(), NONE);
}

#[test]
fn a_value_that_cannot_be_read_is_found_with_the_one_that_can() {
    for (key, value, better) in [
        ("cert-manager.io/duration", "90d", "cert-manager.io/duration=2160h"),
        ("cert-manager.io/private-key-algorithm", "ecdsa", "cert-manager.io/private-key-algorithm=ECDSA"),
        ("cert-manager.io/private-key-size", "512", "cert-manager.io/private-key-size=VALUE"),
        ("cert-manager.io/usages", "tls", "cert-manager.io/usages=VALUE"),
    ] {
        let bad = annotated(key, value);
        assert_eq!(bad.ids(), ["ingress-bad-annotation-value"], "{key}");
        assert!(fix(&bad.judge()).contains(better), "{}", fix(&bad.judge()));
    }
    assert_eq!(annotated("cert-manager.io/cluster-issuer", "").ids(), ["ingress-bad-annotation-value"]);
    let refused = annotated("cert-manager.io/duration", "1m").judge();
    assert_eq!(refused.findings[0].rule.id, "ingress-bad-annotation-value");
    assert!(summary(&refused).contains("refused by cert-manager's webhook: spec.duration"), "{}", summary(&refused));
}

#[test]
fn tls_entries_that_lack_something_are_found() {
    type Case<'c> = (&'c dyn Fn(&mut Objects), &'c str, &'c str);
    let broken = |change: &dyn Fn(&mut Objects)| {
        Specimen::ingress().broken(|objects| {
            objects.unmake();
            change(objects);
        })
    };
    let cases: [Case; 4] = [
        (
            &|objects| objects.entries()[0].hosts = None,
            "has no hosts",
            "- hosts: [shop.example.com, www.shop.example.com]\n    secretName: web-tls",
        ),
        (&|objects| objects.entries()[0].secret_name = None, "has no secretName", "secretName: web-tls"),
        (
            &|objects| objects.entries().clear(),
            "has no TLS entry",
            "- hosts: [shop.example.com, www.shop.example.com]\n    secretName: web-tls",
        ),
        (
            &|objects| {
                let twin = objects.entries()[0].clone();
                objects.entries().push(twin);
            },
            "in several TLS entries",
            "- hosts: [shop.example.com, www.shop.example.com]\n    secretName: web-tls",
        ),
    ];
    for (change, says, patch) in cases {
        let specimen = broken(change);
        assert_eq!(specimen.ids(), ["ingress-tls-block-incomplete"], "{says}");
        let report = specimen.judge();
        assert!(summary(&report).contains(says), "{}", summary(&report));
        assert!(fix(&report).contains(patch), "{}", fix(&report));
    }
}

#[test]
fn a_certificate_of_somebody_else_is_found_if_it_lacks_something() {
    let foreign = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Specimen::ingress().broken(|objects| {
            let owner = objects.certificate().metadata.owner_references.as_mut().unwrap();
            (owner[0].name, owner[0].uid) = ("other".into(), "i-2".into());
            objects.entries()[0].hosts = Some(names);
        })
    };
    assert_eq!(foreign(&["shop.example.com"]).ids(), NONE);
    let lacking = foreign(&["shop.example.com", "new.example.com"]);
    assert_eq!(lacking.root(), Some("shim-certificate-not-owned"));
    let report = lacking.judge();
    assert!(
        summary(&report).contains("belongs to Ingress other, and it is not for new.example.com"),
        "{}",
        summary(&report)
    );
    let by_hand =
        foreign(&["new.example.com"]).broken(|objects| objects.certificate().metadata.owner_references = None);
    assert!(summary(&by_hand.judge()).contains("belongs to no object"));
}

#[test]
fn a_certificate_that_is_not_made_is_no_fault_at_first_and_one_later() {
    let neighbour = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: other, namespace: shop}\nspec: \
                     {secretName: other, dnsNames: [a.example.com], issuerRef: {name: x}}\n";
    let unmade = Specimen::ingress().broken(Objects::unmake);
    assert_eq!((unmade.ids(), unmade.judge().verdict), (NONE.to_vec(), Verdict::Unknown), "nobody looked for it");
    let missing = unmade.with(neighbour);
    assert_eq!(missing.ids(), ["shim-certificate-missing"]);
    let young = missing.clone().later(-10);
    assert_eq!((young.ids(), young.judge().verdict), (NONE.to_vec(), Verdict::Issuing));
    assert_eq!(young.judge().headline, "cert-manager is about to make Certificate web-tls");
    let down = missing.with(&started("--v=2").replace("availableReplicas: 1", "availableReplicas: 0"));
    assert_eq!(down.root(), Some("controller-down"));
}

#[test]
fn a_host_is_followed_to_what_serves_it() {
    let host = |name: &str| Specimen::ingress().about(Kind::Host, None, name);
    let report = host("shop.example.com").judge();
    assert_eq!((report.verdict, report.object.to_string().as_str()), (Verdict::Healthy, "Host shop.example.com"));
    assert_eq!(report.paths[0].objects.len(), 4);
    let nobody = host("else.example.com").judge();
    assert_eq!(nobody.verdict, Verdict::Unknown);
    assert!(nobody.headline.starts_with("nothing that was looked at serves else.example.com"), "{}", nobody.headline);
    let without = host("shop.example.com").broken(|objects| {
        objects.entries()[0].hosts = Some(vec!["www.shop.example.com".into()]);
    });
    assert_eq!(without.root(), Some("ingress-tls-block-incomplete"));
    // What is wrong with another entry is nothing to this host.
    let other = host("shop.example.com").broken(|objects| {
        let mut entry = objects.entries()[0].clone();
        (entry.hosts, entry.secret_name) = (Some(vec!["other.example.com".into()]), None);
        objects.entries().push(entry);
    });
    assert_eq!(other.ids(), NONE);
}

/// Gateway shop/web with the Certificate that cert-manager made of its one listener with TLS.
fn gateway() -> Specimen {
    Specimen::ingress()
        .broken(|objects| {
            objects.ingresses.clear();
            let owner = objects.certificate().metadata.owner_references.as_mut().unwrap();
            (owner[0].api_version, owner[0].kind) = ("gateway.networking.k8s.io/v1".into(), "Gateway".into());
        })
        .with(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: web, namespace: shop, uid: i-1, creationTimestamp: \
             '2026-11-22T06:29:50Z', annotations: {cert-manager.io/cluster-issuer: letsencrypt}}\nspec:\n  gatewayClassName: eg\n  listeners:\n  \
             - {name: http, port: 80, protocol: HTTP}\n  - {name: https, port: 443, protocol: HTTPS, hostname: shop.example.com, tls: {mode: \
             Terminate, certificateRefs: [{name: web-tls}]}}\n",
        )
        .with(&started("--enable-gateway-api"))
        .about(Kind::Gateway, Some("shop"), "web")
}

/// The Gateway before anything was made of it, with one thing about its listener with TLS changed.
fn listener(change: &dyn Fn(&mut crate::api::gateway::Listener)) -> Specimen {
    gateway().broken(|objects| {
        objects.unmake();
        change(&mut objects.gateways[0].spec.listeners[1]);
    })
}

#[test]
fn listeners_that_get_no_certificate_are_found() {
    let names = |specimen: &Specimen| {
        let ids = specimen.ids();
        ids.into_iter().filter(|id| id.starts_with("gateway-")).collect::<Vec<_>>()
    };
    assert_eq!(names(&gateway()), NONE);
    assert!(gateway().judge().headline.contains("is valid for"), "{}", gateway().judge().headline);
    let skipped = ["gateway-listener-skipped"];
    let nameless = listener(&|listener| listener.hostname = None);
    assert_eq!(names(&nameless), skipped);
    assert!(fix(&nameless.judge()).contains("- name: https\n    hostname: HOST"), "{}", fix(&nameless.judge()));
    let abroad = listener(&|listener| {
        listener.tls.as_mut().unwrap().certificate_refs[0].namespace = Some("vault".into());
    });
    assert_eq!(names(&abroad), skipped);
    assert_eq!(names(&listener(&|listener| listener.tls = None)), skipped);
    let passthrough = listener(&|listener| {
        listener.tls.as_mut().unwrap().mode = Some(crate::api::gateway::TlsMode::Passthrough);
    });
    assert_eq!(names(&passthrough), skipped, "nothing is left that gets one");
}

#[test]
fn a_gateway_that_cert_manager_does_not_look_at_is_found() {
    let silent = ["gateway-not-annotated-or-disabled"];
    let off = gateway().broken(|objects| {
        objects.unmake();
        objects.deployments.clear();
    });
    assert_eq!(off.clone().with(&started("--v=2")).ids(), silent);
    assert!(!off.ids().contains(&"gateway-not-annotated-or-disabled"), "how it was started is not known");
    let from_file = off.with(&started("--config=/config.yaml"));
    assert!(!from_file.ids().contains(&"gateway-not-annotated-or-disabled"), "nor is what the file says");
    let other = "apiVersion: v1\nkind: Secret\nmetadata: {name: other, namespace: shop}\n";
    let unasked = listener(&|_| {}).with(other).broken(|objects| objects.gateways[0].metadata.annotations = None);
    assert_eq!(unasked.ids(), silent);
    let on_route = unasked.with(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, namespace: shop, annotations: \
         {cert-manager.io/cluster-issuer: letsencrypt}}\nspec: {parentRefs: [{name: web}], hostnames: [shop.example.com]}\n",
    );
    assert!(
        summary(&on_route.judge()).contains("stands on HTTPRoute r and not on it"),
        "{}",
        summary(&on_route.judge())
    );
    let by_route = on_route.about(Kind::HttpRoute, Some("shop"), "r");
    assert_eq!(by_route.ids(), silent, "a route leads to its Gateway");
}

#[test]
fn a_secret_made_by_hand_under_an_annotated_gateway_is_a_risk() {
    let by_hand = gateway().broken(|objects| objects.secret().metadata.annotations = None);
    assert!(by_hand.ids().contains(&"gateway-unwanted-certificate"));
    let ignored = by_hand.broken(|objects| {
        let annotations = objects.gateways[0].metadata.annotations.get_or_insert_default();
        annotations.insert("cert-manager.io/ignore-tls-listeners".into(), "https".into());
    });
    assert!(!ignored.ids().contains(&"gateway-unwanted-certificate"));
}

#[test]
fn a_secret_that_the_gateway_may_not_read_is_found() {
    let said = |reason: &str| {
        let status = format!(
            r#"{{"listeners": [{{"name": "https", "attachedRoutes": 0, "conditions": [{{"type": "ResolvedRefs", "status": "False",
            "reason": "{reason}", "message": "not permitted"}}]}}]}}"#
        );
        gateway().broken(|objects| objects.gateways[0].status = serde_json::from_str(&status).unwrap())
    };
    assert!(said("RefNotPermitted").ids().contains(&"ingress-controller-cannot-read-secret"));
    assert!(!said("BackendNotFound").ids().contains(&"ingress-controller-cannot-read-secret"));
}
