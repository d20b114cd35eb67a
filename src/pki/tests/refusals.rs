//! What cert-manager refuses, in its words.

use jiff::Timestamp;
use serde_json::json;

use super::super::request::{Gates, RequestInfo};
use super::super::template::Template;
use super::of_kind;
use crate::api::{Base64Text, CertificateRequest, CertificateRequestSpec};
use crate::x509::{KeyType, der};

fn refusal(spec: serde_json::Value) -> String {
    RequestInfo::of(&serde_json::from_value(spec).unwrap(), Gates::default()).unwrap_err().to_string()
}

#[test]
fn specs_without_a_request_are_refused() {
    let nameless = "at least one of commonName (from the commonName field or from a literalSubject), dnsNames, \
                    emailSANs, ipAddresses, otherNames, or uriSANs must be set";
    for (spec, words) in [
        (json!({}), nameless),
        (json!({"subject": {"organizations": ["Shop"]}}), nameless),
        (json!({"literalSubject": "O=Shop"}), nameless),
        (json!({"ipAddresses": ["fe80::1%eth0", "10.0.0.1"]}), nameless),
        (json!({"literalSubject": "CN"}), "incomplete type, value pair"),
        (json!({"literalSubject": "FOO=x"}), "asn1: structural error: invalid object identifier"),
        (json!({"ipAddresses": ["10.0.0"]}), "ParseAddr(\"10.0.0\"): unable to parse IP"),
        (json!({"otherNames": [{"utf8Value": "x"}]}), "zero length OBJECT IDENTIFIER"),
        (json!({"otherNames": [{"oid": "1.x", "utf8Value": "x"}]}), "strconv.Atoi: parsing \"x\": invalid syntax"),
        (
            json!({"otherNames": [{"oid": "1.99999999999999999999", "utf8Value": "x"}]}),
            "strconv.Atoi: parsing \"99999999999999999999\": value out of range",
        ),
        (
            json!({"otherNames": [{"oid": "9.9", "utf8Value": "x"}]}),
            "asn1: structural error: invalid object identifier",
        ),
        (json!({"otherNames": [{"oid": "1.2"}]}), "UniversalValue should have exactly one field set"),
        (json!({"dnsNames": ["bücher.example"]}), "x509: \"bücher.example\" cannot be encoded as an IA5String"),
        (json!({"uris": ["https://ü"]}), "x509: \"https://ü\" cannot be encoded as an IA5String"),
        (json!({"dnsNames": ["a"], "usages": ["fly"]}), "failed to build key usages: unknown key usages: [fly]"),
        (
            json!({"dnsNames": ["a"], "nameConstraints": {"excluded": {"ipRanges": ["10.0.0.0/33"]}}}),
            "invalid CIDR address: 10.0.0.0/33",
        ),
        (
            json!({"dnsNames": ["a"], "nameConstraints": {"permitted": {"dnsDomains": ["ü"]}}}),
            "x509: \"ü\" cannot be encoded as an IA5String",
        ),
    ] {
        assert_eq!(refusal(spec.clone()), words, "{spec}");
    }
}

#[test]
fn gates_take_fields_out() {
    let spec = json!({"commonName": "a", "literalSubject": "CN=b", "otherNames": [{"oid": "1.2", "utf8Value": "x"}],
        "nameConstraints": {"permitted": {"dnsDomains": ["a"]}}});
    let spec = serde_json::from_value(spec).unwrap();
    let oids = |gates| {
        let info = RequestInfo::of(&spec, gates).unwrap();
        let oids: Vec<String> = info.extensions.into_iter().map(|extension| extension.oid).collect();
        (info.subject.ends_with(b"b"), oids)
    };
    assert_eq!(oids(Gates::OFF), (false, vec!["2.5.29.15".into()]));
    assert_eq!(oids(Gates::default()), (true, vec!["2.5.29.17".into(), "2.5.29.15".into(), "2.5.29.30".into()]));
    let basic = Gates { basic_constraints: true, ..Gates::OFF };
    assert_eq!(oids(basic), (false, vec!["2.5.29.15".into(), "2.5.29.19".into()]));
}

/// A request that was made from one spec, in a CertificateRequest that says something else.
fn template(made: serde_json::Value, says: serde_json::Value) -> Result<Template, String> {
    let gates = Gates { basic_constraints: true, ..Gates::default() };
    let info = RequestInfo::of(&serde_json::from_value(made).unwrap(), gates).unwrap();
    let signed = info.sign(of_kind(&KeyType::Ecdsa(256))).unwrap();
    let mut spec: CertificateRequestSpec = serde_json::from_value(says).unwrap();
    spec.request = Base64Text::encode(signed.to_pem().as_bytes());
    let request = CertificateRequest { spec, ..CertificateRequest::default() };
    Template::of(&request, Timestamp::UNIX_EPOCH).map_err(|fault| fault.to_string())
}

#[test]
fn a_request_must_say_what_its_object_says() {
    let key = json!({"algorithm": "ECDSA"});
    for (made, says, words) in [
        (
            json!({"isCA": true}),
            json!({"usages": ["cert sign", "digital signature", "key encipherment"]}),
            "encoded CSR error: IsCA true does not match expected value false",
        ),
        (
            json!({"usages": ["signing"]}),
            json!({}),
            "encoded CSR error: the KeyUsages [ 'digital signature' ] do not match the expected KeyUsages \
             [ 'digital signature', 'key encipherment' ]",
        ),
        (
            json!({"usages": ["server auth", "client auth"]}),
            json!({"usages": ["client auth", "server auth"]}),
            "encoded CSR error: the ExtKeyUsages [ 'server auth', 'client auth' ] do not match the expected \
             ExtKeyUsages [ 'client auth', 'server auth' ]",
        ),
        (json!({}), json!({"usages": ["x", "y"]}), "unknown key usages: [x y]"),
    ] {
        let mut made = made;
        made["dnsNames"] = json!(["a"]);
        made["privateKey"] = key.clone();
        assert_eq!(template(made, says.clone()).unwrap_err(), words, "{says}");
    }
    let silent = json!({"dnsNames": ["a"], "privateKey": key, "encodeUsagesInRequest": false});
    let template = template(silent, json!({"usages": ["client auth"]})).unwrap();
    assert_eq!(template.usages.purposes, ["1.3.6.1.5.5.7.3.2"]);
}

#[test]
fn a_signature_must_be_the_requests_own() {
    let spec = json!({"dnsNames": ["a"], "privateKey": {"algorithm": "ECDSA"}});
    let info = RequestInfo::of(&serde_json::from_value(spec).unwrap(), Gates::default()).unwrap();
    let mut signed = info.sign(of_kind(&KeyType::Ecdsa(256))).unwrap();
    let at = signed.der.windows(3).position(|bytes| bytes == [0x82, 1, b'a']).unwrap();
    signed.der[at + 2] = b'b';
    let mut request = CertificateRequest::default();
    request.spec.request = Base64Text::encode(signed.to_pem().as_bytes());
    let refused = Template::of(&request, Timestamp::UNIX_EPOCH).unwrap_err();
    assert_eq!(refused.to_string(), "x509: ECDSA verification failure");
}

/// Requests of others may order constraints as they like, and leave host bits in addresses.
#[test]
fn foreign_constraints_are_rewritten_as_go_writes_them() {
    use super::super::constraints::rewritten;
    let tree = |tag: u8, content: &[u8]| der::sequence([der::element(der::PRIMITIVE_0 + tag, content)]);
    let side = |tag: u8, trees: &[Vec<u8>]| der::constructed(der::CONTEXT_0 + tag, trees);
    let (uri, mail, dns) = (tree(6, b"u"), tree(1, b"m"), tree(2, b"d"));
    let (raw, masked) = (tree(7, &[10, 1, 2, 3, 255, 0, 0, 0]), tree(7, &[10, 0, 0, 0, 255, 0, 0, 0]));
    let foreign = der::sequence([side(1, &[uri.clone(), mail.clone(), raw, dns.clone()])]);
    assert_eq!(rewritten(&foreign).unwrap(), der::sequence([side(1, &[dns, masked, mail, uri])]));
    for (value, words) in [
        (der::sequence::<Vec<u8>>([]), "x509: empty name constraints extension"),
        (vec![0x30], "x509: invalid NameConstraints extension"),
        (der::sequence([side(0, &[tree(7, &[1, 2])])]), "x509: IP constraint contained value of length 2"),
        (
            der::sequence([side(0, &[tree(7, &[1, 2, 3, 4, 255, 1, 0, 0])])]),
            "x509: IP constraint contained invalid mask ff010000",
        ),
        (der::sequence([side(0, &[tree(4, &[])])]), "x509: unsupported NameConstraints tag: 132"),
    ] {
        assert_eq!(rewritten(&value).unwrap_err().to_string(), words);
    }
}
