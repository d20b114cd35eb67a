//! Issuers whose answers come from elsewhere: how far the objects lead, and where it stops.

use super::*;

const CERTIFICATE: &str = "
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web, namespace: shop}
spec:
  secretName: web-tls
  commonName: www.example.com
  dnsNames: [www.example.com, example.com]
  ipAddresses: [192.0.2.1]
  uris: ['spiffe://example.com/web']
  duration: 48h
  privateKey: {algorithm: ECDSA}
  issuerRef: ISSUER
---
";

fn secret(engine: &mut Engine, yaml: &str) {
    engine.cluster().adopt::<Secret>(serde_saphyr::from_str(yaml).unwrap());
}

/// Plays a Certificate of an issuer, with the Secret that it reads.
fn played(issuer: &str, secret_data: &str) -> Engine {
    let reference = "{name: corp}";
    let certificate = CERTIFICATE.replace("ISSUER", reference);
    let mut engine = engine(&format!(
        "{certificate}apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {{name: corp, namespace: shop}}\nspec: {issuer}\n"
    ));
    secret(&mut engine, &format!("metadata: {{name: credentials, namespace: shop}}\nstringData: {secret_data}\n"));
    run(&mut engine, start());
    engine
}

fn said(engine: &Engine, kind: Kind, name: &str) -> Vec<String> {
    engine.outside(&ObjRef::new(kind, Some("shop"), name)).iter().map(ToString::to_string).collect()
}

/// The reason and message of the request's Ready condition.
fn ready(engine: &mut Engine) -> (String, String) {
    let request = engine.cluster().get::<CertificateRequest>(Some("shop"), "web-1").unwrap();
    let ready = request.condition(RequestConditionType::Ready).unwrap();
    (ready.reason.as_ref().unwrap().as_str().to_owned(), ready.message.clone())
}

const VAULT: &str = "{vault: {server: 'https://vault.example.com:8200', path: pki/sign/web, auth: {appRole: {path: approle, roleId: ' web ', secretRef: {name: credentials, key: id}}}}}";

#[test]
fn the_request_to_vault_is_built_and_left_to_vault() {
    let mut engine = played(VAULT, "{id: s.1}");
    let issuer = engine.cluster().get::<Issuer>(Some("shop"), "corp").unwrap();
    assert_eq!(issuer.status.conditions[0].message, "Vault verified");
    assert_eq!(
        said(&engine, Kind::Issuer, "corp"),
        ["takes it that Vault lets cert-manager in, is initialized and unsealed, which only Vault at \
          https://vault.example.com:8200 can tell (POST https://vault.example.com:8200/v1/auth/approle/login, GET \
          https://vault.example.com:8200/v1/sys/health)"]
    );
    let request = ObjRef::new(Kind::CertificateRequest, Some("shop"), "web-1");
    let [stop] = engine.outside(&request) else { panic!("{:?}", engine.outside(&request)) };
    assert_eq!(
        stop.to_string(),
        "stops here: only Vault at https://vault.example.com:8200 can tell whether it signs web-1 with pki/sign/web (POST \
         https://vault.example.com:8200/v1/auth/approle/login, POST https://vault.example.com:8200/v1/pki/sign/web)"
    );
    let [login, sign] = stop.calls.as_slice() else { panic!("{stop:?}") };
    assert_eq!(login.body, [("role_id", "web".to_owned()), ("secret_id", "***".to_owned())]);
    let sent: Vec<_> = sign.body.iter().filter(|(name, _)| *name != "csr").cloned().collect();
    assert_eq!(
        sent,
        [
            ("common_name", "www.example.com"),
            ("alt_names", "www.example.com,example.com"),
            ("ip_sans", "192.0.2.1"),
            ("uri_sans", "spiffe://example.com/web"),
            ("ttl", "48h0m0s"),
            ("exclude_cn_from_sans", "true"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
    );
    let request = engine.cluster().get::<CertificateRequest>(Some("shop"), "web-1").unwrap();
    assert!(request.condition(RequestConditionType::Ready).is_none() && request.status.certificate.is_empty());
}

#[test]
fn what_is_asked_outside_is_said_once() {
    let mut engine = played(VAULT, "{id: s.1}");
    let before = said(&engine, Kind::Issuer, "corp");
    secret(&mut engine, "metadata: {name: other, namespace: shop}\nstringData: {a: b}\n");
    let issuer = engine.cluster().get::<Issuer>(Some("shop"), "corp").unwrap().clone();
    engine.cluster().replace(issuer);
    let steps = run(&mut engine, start());
    assert!(steps.iter().all(|step| step.outside.is_empty()), "{steps:?}");
    assert_eq!(said(&engine, Kind::Issuer, "corp"), before);
}

#[test]
fn an_issuer_without_its_secret_goes_no_further() {
    let mut engine = played(&VAULT.replace("credentials", "nowhere"), "{id: s.1}");
    let issuer = engine.cluster().get::<Issuer>(Some("shop"), "corp").unwrap();
    assert_eq!(issuer.status.conditions[0].message, "Failed to initialize Vault client: secrets \"nowhere\" not found");
    assert_eq!(
        ready(&mut engine),
        ("Pending".into(), "Referenced issuer does not have a Ready status condition".into())
    );
    assert_eq!(said(&engine, Kind::CertificateRequest, "web-1"), Vec::<String>::new());
}

/// The issuer was ready, and its Secret is gone when it is to sign.
#[test]
fn a_secret_that_is_gone_leaves_the_request_pending() {
    let text = format!(
        "{}apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {{name: corp, namespace: shop}}\nspec: {VAULT}\n\
         status: {{conditions: [{{type: Ready, status: 'True'}}]}}\n",
        CERTIFICATE.replace("ISSUER", "{name: corp}")
    );
    let flags = Flags { disabled: [Controller::Issuers].into(), ..Flags::default() };
    let mut engine = put(Engine::new(start(), 1, flags), &text);
    run(&mut engine, start());
    assert_eq!(
        ready(&mut engine),
        ("Pending".into(), "Required secret resource not found: secrets \"credentials\" not found".into())
    );
    secret(&mut engine, "metadata: {name: credentials, namespace: shop}\nstringData: {other: b}\n");
    let request = engine.cluster().get::<CertificateRequest>(Some("shop"), "web-1").unwrap().clone();
    engine.cluster().replace(request);
    let steps = run(&mut engine, start());
    let trouble = steps.iter().find_map(|step| step.trouble.clone());
    assert_eq!(trouble.as_deref(), Some("no data for \"id\" in secret 'shop/credentials'"));
    assert_eq!(
        ready(&mut engine).1,
        "Failed to initialise vault client for signing: no data for \"id\" in secret 'shop/credentials'"
    );
}

#[test]
fn a_token_for_vault_names_its_audiences() {
    let mut engine = played(
        "{vault: {server: 'https://vault.example.com', path: pki/sign/web, auth: {kubernetes: {role: web, mountPath: /v1/auth/k8s, serviceAccountRef: {name: vault, audiences: [extra]}}}}}",
        "{a: b}",
    );
    let request = ObjRef::new(Kind::CertificateRequest, Some("shop"), "web-1");
    let login = &engine.outside(&request)[0].calls[0];
    assert_eq!(login.url, "https://vault.example.com/v1/auth/k8s/login");
    assert_eq!(
        login.body[1].1,
        "a token of ServiceAccount shop/vault for extra, vault://shop/corp, https://vault.example.com"
    );
    assert!(engine.cluster().secrets.iter().all(|secret| secret.name() != "web-tls"));
}

#[test]
fn the_request_to_venafi_is_built_and_left_to_it() {
    let engine = played(
        "{venafi: {zone: shop, tpp: {url: 'https://TPP.example.com/vedsdk', credentialsRef: {name: credentials}}}}",
        "{username: jane, password: secret}",
    );
    assert_eq!(
        said(&engine, Kind::Issuer, "corp"),
        [
            "takes it that it takes cert-manager's credentials, which only Venafi at https://tpp.example.com/ can tell (POST \
          https://tpp.example.com/vedauth/authorize/oauth, GET https://tpp.example.com/vedsdk/)"
        ]
    );
    let request = ObjRef::new(Kind::CertificateRequest, Some("shop"), "web-1");
    let [stop] = engine.outside(&request) else { panic!("{:?}", engine.outside(&request)) };
    assert_eq!(stop.calls[1].body, [("PolicyDN", r"\VED\Policy\shop".to_owned())]);
    assert_eq!(stop.calls[2].url, "https://tpp.example.com/vedsdk/certificates/request");
    assert_eq!(reasons(&engine, Kind::Issuer, "corp"), ["Ready"]);
}

#[test]
fn venafi_takes_no_request_without_a_subject() {
    let mut engine = engine(
        "
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web, namespace: shop}
spec: {secretName: web-tls, dnsNames: [www.example.com], privateKey: {algorithm: ECDSA}, issuerRef: {name: corp}}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: corp, namespace: shop}
spec: {venafi: {zone: 'a\\b', cloud: {apiTokenSecretRef: {name: credentials, key: k}}}}
",
    );
    secret(&mut engine, "metadata: {name: credentials, namespace: shop}\nstringData: {k: v}\n");
    run(&mut engine, start());
    let (reason, message) = ready(&mut engine);
    assert_eq!(reason, "Failed");
    assert!(
        message.ends_with("must have the 'commonName' field or at least one other subject field set."),
        "{message}"
    );
}

#[test]
fn an_issuer_of_another_group_waits_for_its_approver_and_then_for_its_controller() {
    let external = CERTIFICATE.replace("ISSUER", "{name: pca, kind: AWSPCAIssuer, group: awspca.cert-manager.io}");
    let mut engine = engine(external.trim_end().trim_end_matches("---"));
    run(&mut engine, start());
    let object = ObjRef::new(Kind::CertificateRequest, Some("shop"), "web-1");
    assert_eq!(
        said(&engine, Kind::CertificateRequest, "web-1"),
        ["stops here: only an approver of awspcaissuers.awspca.cert-manager.io/shop.pca can tell whether web-1 is \
          approved: cert-manager's own approver has no right to, by default"]
    );
    let stamp = engine.cluster().stamp();
    engine.cluster().modify::<CertificateRequest>(&object, |request| {
        let reason = RequestReason::from("policy");
        let approved = condition::new(RequestConditionType::Approved, ConditionStatus::True, reason, "yes");
        condition::set(&mut request.status.conditions, approved, &stamp)
    });
    run(&mut engine, start());
    assert_eq!(
        said(&engine, Kind::CertificateRequest, "web-1").last().unwrap(),
        "stops here: only the controller of awspca.cert-manager.io can tell whether AWSPCAIssuer pca issues a certificate \
         for web-1"
    );
}

fn with_keystores(keystores: &str) -> Engine {
    let mut engine =
        engine(&SELF_SIGNED.replace("  isCA: true\n", &format!("  isCA: true\n  keystores: {keystores}\n")));
    secret(&mut engine, "metadata: {name: password, namespace: shop}\nstringData: {p: changeit}\n");
    run(&mut engine, start());
    engine
}

#[test]
fn keystores_are_left_out_and_that_is_said() {
    let mut engine = with_keystores(
        "{pkcs12: {create: true, passwordSecretRef: {name: password, key: p}}, jks: {create: true, password: changeit}}",
    );
    assert!(certificate(&mut engine, "root").is(CertificateConditionType::Ready));
    assert_eq!(
        said(&engine, Kind::Certificate, "root"),
        [
            "leaves out keystore.p12 and truststore.p12 and keystore.jks and truststore.jks of Secret root-tls, which only \
          cert-manager itself makes"
        ]
    );
}

#[test]
fn a_keystore_without_its_password_keeps_the_whole_secret_back() {
    let mut engine = with_keystores("{jks: {create: true, passwordSecretRef: {name: nowhere, key: p}}}");
    let root = certificate(&mut engine, "root");
    assert!(root.is(CertificateConditionType::Issuing) && !root.is(CertificateConditionType::Ready));
    assert!(engine.cluster().secrets.get(Some("shop"), "root-tls").is_none());
    assert!(reasons(&engine, Kind::Certificate, "root").contains(&"KeystorePasswordSecretNotFound".to_owned()));
    let again = engine.deadline().unwrap();
    let troubles: Vec<_> = run(&mut engine, again).into_iter().filter_map(|step| step.trouble).collect();
    assert_eq!(
        troubles,
        [
            "failed to add keystores to Secret: fetching JKS keystore password from Secret: secrets \"nowhere\" not found"
        ]
    );
}
