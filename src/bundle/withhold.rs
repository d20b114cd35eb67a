//! Takes out of an object what could be used, or carries what was taken out elsewhere.
//!
//! Secrets keep their type, labels, annotations, the names of their keys, and the certificates of `tls.crt` and
//! `ca.crt`. What is told of the rest is said in [`crate::api::withheld`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::api::{SecretValue, annotation, withheld};

/// What is left of a value that was taken out.
const WITHHELD: &str = "withheld";

/// What is left of a value of a Secret that somebody else took out. It is no base64, so that it does not read as a value.
const UNREAD: &str = "withheld: what stood here was no base64";

/// The bytes of a Secret's value, as far as they are certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// `tls.crt` and `ca.crt` stay.
    Certificates,
    /// Names are in certificates: where those are disguised nothing stays.
    Nothing,
}

/// Takes it out of one object, in place.
pub fn withhold(object: &mut Value, kept: Kept) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        clean(metadata);
    }
    match object.get("kind").and_then(Value::as_str).unwrap_or_default() {
        "Secret" => secret(object, kept),
        "CustomResourceDefinition" => without_schemas(object),
        "Pod" => variables(object.get_mut("spec")),
        "Deployment" => variables(object.pointer_mut("/spec/template/spec")),
        _ => inline_credentials(object, false),
    }
}

/// `managedFields` say who wrote which field; the values that they name in keys go. What kubectl applied last repeats
/// the whole object; that it was applied is kept.
fn clean(metadata: &mut Map<String, Value>) {
    if let Some(managed) = metadata.get_mut("managedFields") {
        without_values(managed);
    }
    let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) else { return };
    if annotations.remove(annotation::LAST_APPLIED).is_some() {
        annotations.insert(annotation::WAS_APPLIED.to_owned(), Value::from("kubectl apply"));
    }
}

fn without_values(fields: &mut Value) {
    match fields {
        Value::Object(members) => {
            members.retain(|key, _| !key.starts_with("v:") && !key.starts_with("k:"));
            members.values_mut().for_each(without_values);
        }
        Value::Array(items) => items.iter_mut().for_each(without_values),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn secret(object: &mut Value, kept: Kept) {
    let Some(members) = object.as_object_mut() else { return };
    // The API never sends it; files may have it.
    members.remove("stringData");
    let Some(data) = members.get_mut("data").and_then(Value::as_object_mut) else { return };
    for (key, value) in data {
        let Some(text) = value.as_str() else {
            *value = Value::from(UNREAD);
            continue;
        };
        let bytes = match SecretValue::from_data(key, text.to_owned()) {
            SecretValue::Bytes(bytes) => bytes,
            // Who reads a bundle, and collects from what it holds, passes on what was told before.
            SecretValue::Elided(words) if words.starts_with(WITHHELD) => continue,
            SecretValue::Elided(_) => {
                *value = Value::from(UNREAD);
                continue;
            }
        };
        let bytes = bytes.expose();
        if bytes.is_empty() {
            continue;
        }
        let is_certificate = ["tls.crt", "ca.crt"].contains(&key.as_str());
        *value = match kept {
            Kept::Certificates if is_certificate => Value::from(STANDARD.encode(certificates(bytes))),
            Kept::Certificates | Kept::Nothing => Value::from(withheld::words(key, bytes)),
        };
    }
}

/// The certificates of a PEM text and nothing else: people keep keys beside them.
fn certificates(pem: &[u8]) -> Vec<u8> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let text = String::from_utf8_lossy(pem);
    let mut out = String::new();
    let mut rest = &*text;
    while let Some(at) = rest.find(BEGIN) {
        let Some(length) = rest[at..].find(END) else { break };
        let (block, after) = rest[at..].split_at(length + END.len());
        // A second beginning before the end: not one block.
        if block.matches("-----BEGIN ").count() == 1 {
            out.push_str(block);
            out.push('\n');
        }
        rest = after;
    }
    // What holds no certificate must not read as empty, nor as what somebody else took out.
    if out.is_empty() { b"no certificate\n".to_vec() } else { out.into_bytes() }
}

/// Of a CustomResourceDefinition the schemas are large and in every release the same.
fn without_schemas(object: &mut Value) {
    let versions = object.pointer_mut("/spec/versions").and_then(Value::as_array_mut);
    for version in versions.into_iter().flatten().filter_map(Value::as_object_mut) {
        version.remove("schema");
        version.remove("additionalPrinterColumns");
    }
}

/// The values of a Pod's environment variables, except those that say where a proxy is, without its login.
fn variables(spec: Option<&mut Value>) {
    let Some(spec) = spec.and_then(Value::as_object_mut) else { return };
    for part in ["containers", "initContainers", "ephemeralContainers"] {
        let containers = spec.get_mut(part).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let variables = container.get_mut("env").and_then(Value::as_array_mut);
            for variable in variables.into_iter().flatten().filter_map(Value::as_object_mut) {
                let name = variable.get("name").and_then(Value::as_str).unwrap_or_default().to_ascii_uppercase();
                if let Some(value) = variable.get_mut("value")
                    && value.as_str().is_some_and(|text| !name.ends_with("_PROXY") || text.contains('@'))
                {
                    *value = Value::from(WITHHELD);
                }
            }
        }
    }
}

/// Credentials that somebody wrote into the free part of a webhook solver, or of an issuer of another kind, instead of
/// naming a Secret.
fn inline_credentials(value: &mut Value, is_free: bool) {
    const TELLING: [&str; 7] = ["password", "passwd", "token", "secret", "apikey", "privatekey", "credential"];
    match value {
        Value::Object(members) => {
            let is_issuer = members.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("Issuer"));
            for (key, member) in members {
                let plain = key.to_ascii_lowercase().replace(['-', '_'], "");
                let is_reference = ["name", "namespace", "ref", "key"]
                    .iter()
                    .any(|end| plain.ends_with(end) && !plain.ends_with("apikey") && !plain.ends_with("privatekey"));
                if is_free && member.is_string() && !is_reference && TELLING.iter().any(|word| plain.contains(word)) {
                    *member = Value::from(WITHHELD);
                } else {
                    inline_credentials(member, is_free || key == "config" || (is_issuer && key == "spec"));
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| inline_credentials(item, is_free)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::Secret;

    fn cleaned(mut object: Value, kept: Kept) -> Value {
        withhold(&mut object, kept);
        object
    }

    #[test]
    fn a_secret_keeps_its_certificates_and_no_secret() {
        let key = rcgen::KeyPair::generate().unwrap();
        let leaf =
            rcgen::CertificateParams::new(vec!["shop.example.com".to_owned()]).unwrap().self_signed(&key).unwrap();
        let both = format!("{}{}", leaf.pem(), key.serialize_pem());
        let secret = cleaned(
            json!({
                "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
                "metadata": {
                    "name": "web-tls", "labels": {"a": "b"},
                    "annotations": {"x": "y", "kubectl.kubernetes.io/last-applied-configuration": "{\"data\":\"MARKER\"}"},
                    "managedFields": [{"manager": "m", "fieldsV1": {"f:data": {"f:tls.crt": {}}, "f:x": {"v:\"MARKER\"": {}, "k:{\"a\":\"MARKER\"}": {}}}}],
                },
                "data": {
                    "tls.crt": STANDARD.encode(&both), "ca.crt": STANDARD.encode("MARKER"), "tls.key": STANDARD.encode(key.serialize_pem()),
                    "password": STANDARD.encode("MARKER\n"), "empty": "", "odd": 3,
                },
                "stringData": {"a": "MARKER"},
            }),
            Kept::Certificates,
        );
        let text = secret.to_string();
        let body: String = key.serialize_pem().lines().nth(1).unwrap().chars().take(30).collect();
        for gone in ["MARKER", &STANDARD.encode("MARKER")[..6], "last-applied", &body, "stringData"] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
        assert_eq!(secret["metadata"]["managedFields"][0]["fieldsV1"], json!({"f:data": {"f:tls.crt": {}}, "f:x": {}}));
        let read: Secret = serde_json::from_value(secret).unwrap();
        let kept = String::from_utf8(read.bytes("tls.crt").unwrap().expose().to_vec()).unwrap();
        assert!(kept == leaf.pem() && !kept.contains("PRIVATE"), "{kept}");
        assert!(read.bytes("ca.crt").unwrap().expose().starts_with(b"no certificate"));
        assert_eq!(
            read.public_key("tls.key").unwrap().unwrap().info().unwrap(),
            rcgen::PublicKeyData::subject_public_key_info(&key)
        );
        assert_eq!(read.likeness("password").unwrap().as_ref(), b"x\n");
        assert!(read.bytes("empty").unwrap().expose().is_empty() && read.is_elided("odd"));
        assert_eq!((read.type_.as_str(), read.metadata.labels.unwrap().len()), ("kubernetes.io/tls", 1));
    }

    #[test]
    fn what_was_told_before_is_told_again() {
        let object = json!({"kind": "Secret", "data": {"a": STANDARD.encode("x\n"), "tls.key": "???", "tls.crt": ""}});
        let once = cleaned(object, Kept::Certificates);
        assert_eq!(cleaned(once.clone(), Kept::Certificates), once);
        let certificate =
            json!({"kind": "Secret", "data": {"tls.crt": STANDARD.encode("-----BEGIN CERTIFICATE-----")}});
        assert!(cleaned(certificate, Kept::Nothing)["data"]["tls.crt"].as_str().unwrap().starts_with("withheld"));
    }

    #[test]
    fn inline_credentials_and_variables_are_taken_out() {
        let issuer = json!({"kind": "Issuer", "spec": {"acme": {"privateKeySecretRef": {"name": "k"}, "solvers": [{"dns01": {"webhook": {
            "groupName": "g", "config": {"apiKey": "MARKER", "zone": "z", "authToken": "MARKER", "apiKeySecretRef": {"name": "n", "key": "api-token"},
            "secretName": "s"}}}}]}}});
        let said = cleaned(issuer, Kept::Certificates);
        let config = &said["spec"]["acme"]["solvers"][0]["dns01"]["webhook"]["config"];
        assert!(!said.to_string().contains("MARKER"), "{said}");
        assert_eq!(
            (&config["zone"], &config["secretName"], &config["apiKeySecretRef"]["key"]),
            (&json!("z"), &json!("s"), &json!("api-token"))
        );
        let env = json!([{"name": "A", "value": "MARKER"}, {"name": "HTTPS_PROXY", "value": "http://proxy:3128"},
            {"name": "http_proxy", "value": "http://u:MARKER@p"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}]);
        let pod = json!({"kind": "Pod", "spec": {"containers": [{"name": "c", "args": ["--v=2"], "env": env}], "initContainers": [{"env": env}]}});
        let deployment = json!({"kind": "Deployment", "spec": {"template": {"spec": pod["spec"]}}});
        for object in [pod, deployment] {
            let said = cleaned(object, Kept::Certificates).to_string();
            assert!(!said.contains("MARKER") && said.contains("proxy:3128") && said.contains("fieldPath"), "{said}");
        }
    }

    #[test]
    fn definitions_keep_what_is_no_schema() {
        let crd = json!({"kind": "CustomResourceDefinition", "metadata": {"name": "x", "labels": {"a": "b"}}, "status": {"storedVersions": ["v1"]},
            "spec": {"conversion": {"strategy": "None"}, "versions": [{"name": "v1", "served": true, "schema": {"openAPIV3Schema": {}}}]}});
        let said = cleaned(crd, Kept::Certificates);
        assert_eq!(said["spec"]["versions"], json!([{"name": "v1", "served": true}]));
        assert_eq!(
            (&said["status"]["storedVersions"][0], &said["spec"]["conversion"]["strategy"]),
            (&json!("v1"), &json!("None"))
        );
    }
}
