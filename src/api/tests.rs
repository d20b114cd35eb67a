//! Decoding of whole objects, as `kubectl get -o yaml` prints them and as people write them.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::objref::Kind;

use super::certificate::SignatureAlgorithm;
use super::gateway::{GatewayConditionType, GatewayReason, ListenerProtocol, NamespacesFrom, TlsMode};
use super::*;

const REAL: [&str; 2] =
    [include_str!("../../tests/fixtures/real-http01.yaml"), include_str!("../../tests/fixtures/real-dns01.yaml")];

fn of<T: DeserializeOwned>(yaml: &str) -> T {
    serde_saphyr::from_str(yaml).unwrap()
}

/// Spec and status as read and written again.
fn again<T: DeserializeOwned + serde::Serialize>(object: &Value) -> (Value, Value) {
    let read: T = serde_json::from_value(object.clone()).unwrap();
    let written = serde_json::to_value(&read).unwrap();
    (written["spec"].clone(), written["status"].clone())
}

#[test]
fn real_objects_lose_nothing_on_the_way() {
    let mut seen = 0;
    for yaml in REAL {
        let list: Value = of(yaml);
        for object in list["items"].as_array().unwrap() {
            let kind = Kind::from_api(object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
            let (spec, status) = match kind {
                Some(Kind::Certificate) => again::<Certificate>(object),
                Some(Kind::CertificateRequest) => again::<CertificateRequest>(object),
                Some(Kind::Order) => again::<Order>(object),
                Some(Kind::Challenge) => again::<Challenge>(object),
                Some(Kind::Issuer) => again::<Issuer>(object),
                Some(Kind::ClusterIssuer) => again::<ClusterIssuer>(object),
                other => panic!("{other:?}"),
            };
            assert_eq!(spec, object["spec"]);
            // Go too writes a Challenge's two flags that were never set.
            if object.get("status").is_some_and(|status| *status != json!({})) {
                assert_eq!(status, object["status"]);
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 25);
}

#[test]
fn every_field_of_a_certificate_is_kept() {
    let spec = json!({
        "subject": {"organizations": ["o"], "countries": ["c"], "organizationalUnits": ["ou"], "localities": ["l"],
            "provinces": ["p"], "streetAddresses": ["s"], "postalCodes": ["z"], "serialNumber": "1"},
        "literalSubject": "CN=x", "commonName": "x", "duration": "24h", "renewBefore": "1h", "renewBeforePercentage": 25,
        "renewal": {"policy": "RenewBefore", "windows": [{"timezone": "UTC", "windowDuration": "1h", "cron": "0 0 * * *"}]},
        "dnsNames": ["a"], "ipAddresses": ["10.0.0.1"], "uris": ["urn:a"],
        "otherNames": [{"oid": "1.2", "utf8Value": "u"}], "emailAddresses": ["e@x"], "secretName": "s",
        "secretTemplate": {"annotations": {"a": "b"}, "labels": {"c": "d"}},
        "keystores": {"jks": {"create": true, "alias": "a", "passwordSecretRef": {"name": "p", "key": "k"}},
            "pkcs12": {"create": false, "profile": "Modern2023", "passwordSecretRef": {"name": ""}}},
        "issuerRef": {"name": "i", "kind": "ClusterIssuer", "group": "example.com"}, "isCA": true,
        "usages": ["s/mime", "any"],
        "privateKey": {"rotationPolicy": "Never", "encoding": "PKCS8", "algorithm": "ECDSA", "size": 384},
        "signatureAlgorithm": "ECDSAWithSHA384", "encodeUsagesInRequest": false, "revisionHistoryLimit": 3,
        "additionalOutputFormats": [{"type": "DER"}],
        "nameConstraints": {"critical": true, "permitted": {"dnsDomains": ["d"], "ipRanges": ["10.0.0.0/8"],
            "emailAddresses": ["x"], "uriDomains": ["u"]}, "excluded": {}},
    });
    let status = json!({
        "conditions": [{"type": "Ready", "status": "Unknown", "reason": "Odd", "message": "m",
            "lastTransitionTime": "2026-01-02T03:04:05Z", "observedGeneration": 2}],
        "lastFailureTime": "2026-01-02T03:04:05Z", "notBefore": "2026-01-02T03:04:05Z", "notAfter": "2026-01-02T03:04:05Z",
        "renewalTime": "2026-01-02T03:04:05Z", "revision": 4, "nextPrivateKeySecretName": "n", "failedIssuanceAttempts": 2,
        "acme": {"ari": {"suggestedWindow": {"start": "2026-01-02T03:04:05Z", "end": "2026-01-02T03:04:05Z"},
            "explanationURL": "https://x", "lastChecked": "2026-01-02T03:04:05Z", "nextCheck": "2026-01-02T03:04:05Z",
            "lastError": "e"}},
    });
    let object = json!({"metadata": {"name": "x"}, "spec": spec, "status": status, "unheard": {"of": 1}});
    assert_eq!(again::<Certificate>(&object), (spec, status));

    let certificate: Certificate = serde_json::from_value(object).unwrap();
    assert_eq!(certificate.spec.signature_algorithm, Some(SignatureAlgorithm::EcdsaWithSha384));
    assert_eq!(certificate.spec.rotation_policy(), Some(&RotationPolicy::Never));
    assert_eq!((certificate.spec.key_algorithm(), certificate.spec.key_size()), (KeyAlgorithm::Ecdsa, Some(384)));
    let ready = certificate.condition(CertificateConditionType::Ready).unwrap();
    assert_eq!(ready.status, ConditionStatus::Undetermined);
    assert_eq!(ready.reason, Some(CertificateReason::Unknown("Odd".into())));
    assert_eq!(ready.since().unwrap().to_string(), "2026-01-02T03:04:05Z");
    assert!(!certificate.is(CertificateConditionType::Ready) && !certificate.is(CertificateConditionType::Issuing));
}

#[test]
fn every_field_of_an_issuer_is_kept() {
    let key = json!({"name": "s", "key": "k"});
    let specs = [
        json!({"acme": {"email": "e", "server": "https://ca", "preferredChain": "p", "caBundle": "YQ==",
            "skipTLSVerify": true, "externalAccountBinding": {"keyID": "i", "keySecretRef": key, "keyAlgorithm": "HS256"},
            "privateKeySecretRef": {"name": "a"}, "solvers": [{"dns01": {"cnameStrategy": "Follow",
                "nameservers": ["1.1.1.1:53"], "cloudflare": {"email": "e", "apiTokenSecretRef": key}}}],
            "disableAccountKeyGeneration": true, "enableDurationFeature": true, "profile": "short",
            "renewalInformationSource": "None"}}),
        json!({"ca": {"secretName": "s", "crlDistributionPoints": ["c"], "ocspServers": ["o"],
            "issuingCertificateURLs": ["u"]}}),
        json!({"selfSigned": {}}),
        json!({"vault": {"auth": {"appRole": {"path": "p", "roleId": "r", "secretRef": key}}, "server": "https://v",
            "serverName": "n", "path": "pki/sign/x", "namespace": "ns", "caBundle": "YQ==", "caBundleSecretRef": key,
            "clientCertSecretRef": key, "clientKeySecretRef": key}}),
        json!({"vault": {"auth": {"kubernetes": {"mountPath": "m", "secretRef": {"name": ""}, "role": "r",
            "serviceAccountRef": {"name": "sa", "audiences": ["a"]}}}, "server": "https://v", "path": "p"}}),
        json!({"venafi": {"zone": "z", "tpp": {"url": "u", "credentialsRef": {"name": "c"}, "caBundle": "YQ=="}}}),
        json!({"venafi": {"zone": "z", "ngts": {"url": "u", "tokenEndpoint": "t", "tsgID": "g",
            "credentialsRef": {"name": "c"}}}}),
    ];
    for spec in specs {
        let status = json!({"conditions": [{"type": "Ready", "status": "True"}], "acme": {"uri": "https://ca/acct/1"}});
        let object = json!({"metadata": {"name": "i"}, "spec": spec, "status": status});
        assert_eq!(again::<Issuer>(&object), (spec.clone(), status.clone()));
        assert_eq!(again::<ClusterIssuer>(&object), (spec, status));
    }
    let issuer: Issuer = of("status: {conditions: [{type: Ready, status: 'False', reason: ErrRegisterACMEAccount}]}");
    let ready = issuer.status.ready().unwrap();
    assert!(ready.is_false());
    assert_eq!(ready.reason, Some(IssuerReason::ErrRegisterAcmeAccount));
}

#[test]
fn null_and_absence_are_the_same() {
    let certificate: Certificate = of("
metadata: null
spec: {dnsNames: null, secretName: null, isCA: null, privateKey: null, issuerRef: null, usages: ~, commonName: ''}
status: null
");
    assert_eq!(certificate, Certificate::default());
    assert_eq!(of::<Order>("metadata: {name: x}").status, OrderStatus::default());
    assert_eq!(of::<CertificateRequest>("status: {conditions: null}"), CertificateRequest::default());
    assert_eq!(of::<AcmeSolver>("{selector: {matchLabels: null, dnsNames: null}}").selector, Some(Selector::default()));
}

#[test]
fn an_empty_word_is_no_word() {
    let challenge: Challenge = of("status: {state: '', presented: true}");
    assert_eq!((challenge.status.state, challenge.status.presented), (None, true));
    let order: Order = of("status: {state: pending, authorizations: [{initialState: ''}]}");
    assert_eq!(order.status.state, Some(AcmeState::Pending));
    assert_eq!(order.status.authorizations[0].initial_state, None);
    let spec: CertificateSpec = of("privateKey: {algorithm: '', rotationPolicy: ''}");
    assert_eq!((spec.key_algorithm(), spec.rotation_policy()), (KeyAlgorithm::Rsa, None));
}

#[test]
fn an_elided_request_is_kept_as_it_came() {
    let request: CertificateRequest = of("
metadata: {annotations: {cert-manager.io/certificate-revision: '7', cert-manager.io/certificate-name: web}}
spec: {request: 1024 bytes long, issuerRef: {name: x}}
");
    assert_eq!((request.csr_pem(), &*request.spec.request.0), (None, "1024 bytes long"));
    assert_eq!((request.revision(), request.certificate_name()), (Some(7), Some("web")));
}

#[test]
fn issuer_references_have_defaults() {
    let empty: IssuerRef = of("name: x");
    let spelled: IssuerRef = of("{name: x, kind: Issuer, group: cert-manager.io}");
    assert!(empty.is_same(&spelled));
    assert_eq!(empty.own_kind(), Some(Kind::Issuer));
    assert_eq!(of::<IssuerRef>("{name: x, kind: ClusterIssuer}").own_kind(), Some(Kind::ClusterIssuer));
    assert_eq!(of::<IssuerRef>("{name: x, group: example.com}").own_kind(), None);
    assert_eq!(of::<IssuerRef>("{name: x, kind: clusterissuer}").own_kind(), None);
}

#[test]
fn a_password_in_a_spec_is_neither_shown_nor_written() {
    let certificate: Certificate = of("spec: {keystores: {jks: {create: true, password: hunter2}}}");
    assert!(!format!("{certificate:?}").contains("hunter2"));
    assert!(!serde_json::to_string(&certificate).unwrap().contains("hunter2"));
    let keystore = certificate.spec.keystores.unwrap().jks.unwrap();
    assert_eq!(keystore.password.unwrap().expose(), "hunter2");
}

#[test]
fn the_owner_is_the_one_that_controls() {
    let order: Order = of("
metadata:
  name: web-1-1
  namespace: shop
  uid: me
  labels: {team: shop}
  creationTimestamp: 2026-01-02T03:04:05Z
  ownerReferences:
  - {apiVersion: v1, kind: Pod, name: other, uid: other}
  - {apiVersion: cert-manager.io/v1, kind: CertificateRequest, name: web-1, uid: req, controller: true}
");
    assert_eq!((order.controller_uid(), order.uid(), order.label("team")), (Some("req"), Some("me"), Some("shop")));
    assert_eq!(order.created().unwrap().to_string(), "2026-01-02T03:04:05Z");
    assert_eq!(order.objref().to_string(), "Order shop/web-1-1");
    assert_eq!(Order::default().controller_uid(), None);
}

#[test]
fn gateways_and_routes_tell_what_solving_needs() {
    let gateway: Gateway = of("
spec:
  gatewayClassName: envoy
  listeners:
  - {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {a: b}}}}}
  - {name: odd, port: 9000, protocol: example.com/foo, hostname: '*.example.com'}
status:
  addresses: [{value: 10.0.0.1}]
  listeners: [{name: http, attachedRoutes: 2, conditions: [{type: Programmed, status: 'True', reason: Programmed}]}]
");
    let [http, odd] = gateway.spec.listeners.as_slice() else { panic!() };
    assert_eq!((&http.protocol, http.port), (&ListenerProtocol::Http, 80));
    let namespaces = http.allowed_routes.as_ref().unwrap().namespaces.as_ref().unwrap();
    assert_eq!(namespaces.from, Some(NamespacesFrom::Selector));
    assert_eq!(odd.protocol, ListenerProtocol::Unknown("example.com/foo".into()));
    assert_eq!(gateway.status.listeners[0].attached_routes, 2);

    let route: HttpRoute = of("
spec: {hostnames: [a.example], parentRefs: [{name: edge, sectionName: https}]}
status:
  parents:
  - parentRef: {name: edge}
    controllerName: example.com/gw
    conditions: [{type: Accepted, status: 'False', reason: NotAllowedByListeners, message: no}]
");
    let accepted = &route.status.parents[0].conditions[0];
    assert_eq!((&accepted.type_, accepted.is_false()), (&GatewayConditionType::Accepted, true));
    assert_eq!(accepted.reason, Some(GatewayReason::NotAllowedByListeners));
    assert_eq!(route.spec.parent_refs[0].section_name.as_deref(), Some("https"));
}

#[test]
fn listener_sets_name_their_parent_and_its_namespace() {
    let mut set: ListenerSet = of("
metadata: {name: more, namespace: shop}
spec:
  parentRef: {kind: Gateway, group: gateway.networking.k8s.io, name: edge}
  listeners:
  - name: https
    port: 443
    protocol: HTTPS
    hostname: a.example.com
    tls: {mode: Passthrough, certificateRefs: [{name: a-tls, group: '', kind: Secret}]}
");
    assert_eq!((set.spec.parent_ref.name.as_str(), set.parent_namespace()), ("edge", Some("shop")));
    let tls = set.spec.listeners[0].tls.as_ref().unwrap();
    assert_eq!((tls.mode.as_ref(), tls.certificate_refs[0].group.as_deref()), (Some(&TlsMode::Passthrough), Some("")));
    set.spec.parent_ref.namespace = Some("infra".into());
    assert_eq!(set.parent_namespace(), Some("infra"));
}

#[test]
fn external_issuers_show_their_group_and_readiness() {
    let issuer: ExternalIssuer = of(
        "{apiVersion: awspca.cert-manager.io/v1beta1, kind: AWSPCAIssuer, status: {conditions: [{type: Ready, status: 'True'}]}}",
    );
    assert_eq!((issuer.group(), issuer.kind.as_str()), ("awspca.cert-manager.io", "AWSPCAIssuer"));
    assert!(issuer.status.ready().unwrap().is_true());
}
