//! Requests of the programs beside cert-manager, played.

use super::*;
use crate::api::IssuerRef;
use crate::engine::companion::csi::{Wanted, volumes};
use crate::engine::companion::istio::{self, Options};
use crate::engine::companion::trust::{self, Bundle};
use crate::pki::PrivateKey;
use crate::x509::KeyType;

const MISSING: &str =
    "Annotation \"cert-manager.io/private-key-secret-name\" missing or reference empty: secret name missing";

fn key() -> PrivateKey {
    PrivateKey::generate(&KeyType::Ed25519).unwrap()
}

fn ready_words(engine: &mut Engine, namespace: &str, name: &str) -> (String, String) {
    let request = engine.cluster().get::<CertificateRequest>(Some(namespace), name).unwrap();
    let ready = request.condition(RequestConditionType::Ready).unwrap();
    (ready.reason.as_ref().unwrap().as_str().to_owned(), ready.message.clone())
}

/// The request of a Pod's volume, signed by an issuer in its namespace.
fn csi(engine: &mut Engine, issuer: &str) {
    let pod = format!(
        "metadata: {{name: web-0, namespace: shop}}\nspec:\n  containers: []\n  volumes: [{{name: tls, csi: {{driver: \
         csi.cert-manager.io, volumeAttributes: {{csi.cert-manager.io/issuer-name: {issuer}, csi.cert-manager.io/dns-names: a.example.com, csi.cert-manager.io/key-algorithm: ECDSA}}}}}}]\n"
    );
    let pod = serde_saphyr::from_str(&pod).unwrap();
    let wanted = Wanted::of(volumes(&pod).next().unwrap()).unwrap();
    let request = wanted.request("random", &wanted.key().unwrap()).unwrap();
    engine.cluster().adopt(request);
    run(engine, start());
}

#[test]
fn a_self_signed_issuer_fails_every_volume_and_every_workload() {
    let mut engine = engine(SELF_SIGNED);
    run(&mut engine, start());
    csi(&mut engine, "self");
    assert_eq!(ready_words(&mut engine, "shop", "random"), ("Failed".into(), MISSING.into()));

    let issuer = IssuerRef { name: "self".into(), kind: "Issuer".into(), group: "cert-manager.io".into() };
    let options = Options { namespace: "shop".into(), issuer: Some(issuer), ..Options::default() };
    let request = istio::request(&options, ("bookinfo", "reviews"), "abcde", &key()).unwrap();
    assert_eq!(
        request.annotation("istio.cert-manager.io/identities"),
        Some("spiffe://cluster.local/ns/bookinfo/sa/reviews")
    );
    engine.cluster().adopt(request);
    run(&mut engine, start());
    assert_eq!(ready_words(&mut engine, "shop", "istio-csr-abcde"), ("Failed".into(), MISSING.into()));

    let nothing = istio::request(&Options::default(), ("bookinfo", "reviews"), "abcde", &key());
    assert_eq!(nothing.unwrap_err().to_string(), "no active issuerRef is configured for istio-csr");
}

#[test]
fn a_ca_signs_a_volume() {
    let mut engine = engine(&format!("{SELF_SIGNED}{CA}"));
    run(&mut engine, start());
    run(&mut engine, start() + SignedDuration::from_secs(30));
    csi(&mut engine, "ca");
    let request = engine.cluster().get::<CertificateRequest>(Some("shop"), "random").unwrap();
    assert_eq!(request.ready_reason(), Some(&RequestReason::Issued), "{:?}", request.status);
}

#[test]
fn a_bundle_says_what_it_lacks() {
    let mut engine = engine(SELF_SIGNED);
    run(&mut engine, start());
    let secret = |name: &str| engine.cluster.secrets.get(Some("shop"), name);
    let said = |source: &str| {
        let bundle: Bundle = serde_saphyr::from_str(&format!("spec: {{sources: [{{secret: {source}}}]}}")).unwrap();
        trust::check(&bundle, "shop", secret).map_err(|fault| (fault.reason(), fault.to_string()))
    };
    assert_eq!(said("{name: root-tls, key: ca.crt}"), Ok(()));
    assert_eq!(
        said("{name: nowhere, key: ca.crt}"),
        Err(("SourceNotFound", "failed to get Secret shop/nowhere: Secret \"nowhere\" not found".into()))
    );
    assert_eq!(
        said("{name: root-tls, key: root.crt}"),
        Err(("SourceNotFound", "no data found in Secret shop/root-tls at key \"root.crt\"".into()))
    );
    assert_eq!(
        said("{name: root-tls, key: tls.key}"),
        Err(("SourceBuildError", "invalid PEM data in Secret shop/root-tls at key \"tls.key\"".into()))
    );
    assert_eq!(
        said("{name: root-tls, includeAllKeys: true}"),
        Err(("SourceBuildError", "includeAllKeys is not supported for TLS Secrets such as shop/root-tls".into()))
    );
}
