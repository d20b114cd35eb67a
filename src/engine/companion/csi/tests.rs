//! What csi volumes ask for, and what comes of it with each kind of issuer.

use super::*;
use crate::x509::Request;

fn pod(attributes: &str) -> Pod {
    let text = format!(
        "metadata: {{name: web-0, namespace: shop, uid: u-1}}\nspec:\n  serviceAccountName: web\n  containers: []\n  volumes:\n\
         \x20 - {{name: tls, csi: {{driver: csi.cert-manager.io, readOnly: true, volumeAttributes: {{{attributes}}}}}}}\n\
         \x20 - {{name: other, csi: {{driver: secrets-store.csi.k8s.io}}}}\n\
         \x20 - {{name: tmp, emptyDir: {{}}}}\n"
    );
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Attributes without the prefix.
fn wanted(attributes: &[(&str, &str)]) -> Result<Wanted, String> {
    let text: Vec<_> = attributes
        .iter()
        .map(|(key, value)| {
            let key = if key.contains('/') { (*key).to_owned() } else { format!("{DRIVER}/{key}") };
            format!("'{key}': '{value}'")
        })
        .collect();
    let pod = pod(&text.join(", "));
    let [volume] = volumes(&pod).collect::<Vec<_>>()[..] else { panic!("one volume is csi-driver's") };
    Wanted::of(volume)
}

#[test]
fn a_volume_asks_for_its_pod_and_leaves_out_what_only_certificates_have() {
    let wanted = wanted(&[
        ("issuer-name", "ca"),
        ("common-name", "${SERVICE_ACCOUNT_NAME}.${POD_NAMESPACE}"),
        ("organizations", "Shop,\"A, B\""),
        ("dns-names", "$POD_NAME.web.svc, web.example.com"),
        ("ip-sans", "192.0.2.1"),
        ("uri-sans", "spiffe://example.com/ns/${POD_NAMESPACE}/sa/${SERVICE_ACCOUNT_NAME}"),
        ("key-algorithm", "ecdsa"),
        ("duration", "1h"),
        ("example.com/team", "blue"),
    ])
    .unwrap();
    let request = wanted.request("3f2b", &wanted.key().unwrap()).unwrap();
    let csr = Request::from_pem(&request.csr_pem().unwrap()).unwrap();
    assert_eq!(csr.subject.common_name(), "web.shop");
    // DER sorts what is one set.
    assert_eq!(csr.subject.values("O"), ["A, B", "Shop"]);
    assert_eq!(csr.alt_names.dns, ["web-0.web.svc", "web.example.com"]);
    assert_eq!(csr.alt_names.uris, ["spiffe://example.com/ns/shop/sa/web"]);
    assert!(csr.usages.is_empty(), "{csr:?}");
    let spec = &request.spec;
    assert_eq!(spec.duration.as_ref().unwrap().0, "1h0m0s");
    assert_eq!(spec.usages, [KeyUsage::DigitalSignature, KeyUsage::KeyEncipherment]);
    assert_eq!((spec.issuer_ref.kind.as_str(), spec.issuer_ref.group.as_str()), ("Issuer", "cert-manager.io"));
    let annotations = request.metadata.annotations.unwrap();
    assert_eq!(annotations.into_iter().collect::<Vec<_>>(), [("example.com/team".to_owned(), "blue".to_owned())]);
    let [owner] = &request.metadata.owner_references.unwrap()[..] else { panic!() };
    assert_eq!((owner.kind.as_str(), owner.name.as_str(), owner.controller), ("Pod", "web-0", None));
}

#[test]
fn a_volume_may_ask_for_no_name_at_all() {
    let wanted = wanted(&[("issuer-name", "ca"), ("key-algorithm", "Ed25519")]).unwrap();
    let request = wanted.request("3f2b", &wanted.key().unwrap()).unwrap();
    let csr = Request::from_pem(&request.csr_pem().unwrap()).unwrap();
    assert!(csr.subject.is_empty() && csr.extensions.is_empty());
    assert_eq!(request.spec.duration.unwrap().0, "2160h0m0s");
}

#[test]
fn wrong_attributes_are_refused_in_the_drivers_words() {
    let good = ("issuer-name", "ca");
    for (attributes, words) in [
        (vec![], "volumeAttributes.csi.cert-manager.io/issuer-name: Required value: issuer-name is a required field"),
        (
            vec![good, ("is-ca", "yes")],
            "volumeAttributes.csi.cert-manager.io/is-ca: Invalid value: \"yes\": may only accept values of \"true\" or \"false\"",
        ),
        (
            vec![good, ("duration", "1d")],
            "volumeAttributes.csi.cert-manager.io/duration: Invalid value: \"1d\": must be a valid duration string: time: unknown unit \"d\" in duration \"1d\"",
        ),
        (
            vec![good, ("key-usages", "server auth,client")],
            "volumeAttributes.csi.cert-manager.io/key-usages: Invalid value: \"client\": not a valid key usage",
        ),
        (
            vec![good, ("ca-file", "../ca.crt"), ("key-size", "1024")],
            "[volumeAttributes.csi.cert-manager.io/ca-file: Invalid value: \"../ca.crt\": filename must not start with '..', \
             volumeAttributes.csi.cert-manager.io/ca-file: Invalid value: \"../ca.crt\": filename must not include '/', \
             volumeAttributes.csi.cert-manager.io/key-size: Invalid value: \"1024\": key size must be at least 2048 when using the RSA key algorithm]",
        ),
        (
            vec![good, ("key-algorithm", "ECDSA"), ("key-encoding", "pkcs1")],
            "volumeAttributes.csi.cert-manager.io/key-encoding: Invalid value: \"PKCS1\": pkcs1 cannot be used with ecdsa. use pkcs8 or pkcs12 instead",
        ),
        (
            vec![good, ("ca-file", "tls.crt")],
            "[volumeAttributes.csi.cert-manager.io/ca-file: Duplicate value: \"tls.crt\", \
             volumeAttributes.csi.cert-manager.io/certificate-file: Duplicate value: \"tls.crt\"]",
        ),
        (
            vec![good, ("pkcs12-enable", "true")],
            "volumeAttributes.csi.cert-manager.io/pkcs12-password: Required value: required attribute when PKCS12 KeyStore is enabled",
        ),
        (
            vec![good, ("dns-names", "${POD}")],
            "\"csi.cert-manager.io/dns-names\": undefined variable \"POD\", known variables: [POD_NAME POD_NAMESPACE POD_UID SERVICE_ACCOUNT_NAME]",
        ),
        (
            vec![good, ("ip-sans", "a,192.0.2.1,b")],
            "\"csi.cert-manager.io/ip-sans\": failed to parse IP address: [\"a\",\"b\"]",
        ),
        (
            vec![good, ("uri-sans", "example.com")],
            "\"csi.cert-manager.io/uri-sans\": parse \"example.com\": invalid URI for request",
        ),
    ] {
        assert_eq!(wanted(&attributes).unwrap_err(), words);
    }
}
