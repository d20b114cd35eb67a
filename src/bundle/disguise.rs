//! Names, addresses and hosts replaced, consistently within one bundle and with no way back.
//!
//! Every name is replaced by a keyed hash of itself; the key is made for one bundle and kept nowhere. Equal names stay
//! equal, so references hold. `web-1-2389142218` becomes what `web` becomes, with the same numbers behind it; of a host
//! each label is replaced by itself, and its public suffix stays. What cert-manager, Kubernetes and public CAs are
//! called stays too: it names nobody.

mod text;

use std::collections::BTreeSet;

use aws_lc_rs::hmac;
use serde_json::{Map, Value};

use crate::registered::registered_domain;
use text::Words;

/// What to replace by what.
pub struct Disguise {
    key: hmac::Key,
    /// Names of objects that were met.
    names: BTreeSet<String>,
}

/// What is lost in a bundle with disguised names, as its manifest says.
pub const LOST: [&str; 5] = [
    "the certificates and requests themselves: nothing can be said of their names, keys, issuers and chains",
    "names that cert-manager computes from others with a hash in them cannot be computed again",
    "names of domains: whether they are misspelt, exist, or are known to this program (CAA, DNS zones, providers)",
    "values of labels and annotations that are not Kubernetes' or cert-manager's",
    "addresses: only whether they are private is kept",
];

impl Disguise {
    /// `key` must be random and kept nowhere.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), names: BTreeSet::new() }
    }

    /// Takes note of the names in an object. All objects are learned before the first one is disguised.
    pub fn learn(&mut self, object: &Value) {
        self.learn_below("", object);
    }

    fn learn_below(&mut self, under: &str, value: &Value) {
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    match member.as_str().filter(|_| names_an_object(under, key)) {
                        Some(name) => self.learn_name(name),
                        None => self.learn_below(key, member),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn_below(under, item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Takes note of one name.
    pub fn learn_name(&mut self, name: &str) {
        if !name.is_empty() && !is_well_known(name) {
            self.names.insert(name.to_owned());
        }
    }

    /// Disguises one object, in place.
    pub fn object(&self, object: &mut Value) {
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            self.marks(metadata);
        }
        for template in ["/spec/template/metadata", "/spec/secretTemplate"] {
            if let Some(metadata) = object.pointer_mut(template).and_then(Value::as_object_mut) {
                self.marks(metadata);
            }
        }
        without_certificates(object);
        self.below("", "", object);
    }

    /// Labels and annotations: the values of those that are not Kubernetes' or cert-manager's say anything.
    fn marks(&self, metadata: &mut Map<String, Value>) {
        metadata.remove("managedFields");
        for part in ["labels", "annotations"] {
            let Some(marks) = metadata.get_mut(part).and_then(Value::as_object_mut) else { continue };
            for (key, value) in marks.iter_mut() {
                let domain = key.split_once('/').map_or("", |(domain, _)| domain);
                let is_common = ["app", "release", "heritage", "pod-template-hash"].contains(&key.as_str());
                if !is_common && !text::is_public_host(domain) {
                    let token = self.token(value.as_str().unwrap_or_default());
                    *value = Value::from(token);
                }
            }
        }
    }

    fn below(&self, under: &str, key: &str, value: &mut Value) {
        match value {
            Value::Object(members) => {
                let old = std::mem::take(members);
                for (name, mut member) in old {
                    self.below(key, &name, &mut member);
                    // Keys of annotations and labels have domains in them; others are words of the API.
                    let name = if name.contains('/') { self.text(&name) } else { name };
                    members.insert(name, member);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.below(under, key, item)),
            Value::String(text) => {
                let is_name = names_an_object(under, key);
                *text = if is_name { self.name(text) } else { self.value(key, text) };
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn value(&self, key: &str, text: &str) -> String {
        // What these hold is random, or a time, or a word of the API; a Challenge's reason is a sentence.
        const PLAIN: [&str; 12] = [
            "uid",
            "resourceVersion",
            "apiVersion",
            "kind",
            "token",
            "key",
            "reason",
            "type",
            "image",
            "imageID",
            "containerID",
            "creationTimestamp",
        ];
        const HOSTS: [&str; 11] = [
            "dnsNames",
            "commonName",
            "dnsName",
            "host",
            "hosts",
            "hostname",
            "hostnames",
            "identifier",
            "dnsZones",
            "domain",
            "zone",
        ];
        const PEOPLE: [&str; 5] =
            ["organizations", "organizationalUnits", "localities", "provinces", "streetAddresses"];
        match key {
            _ if PLAIN.contains(&key) && !text.contains(' ') => self.image(key, text),
            _ if HOSTS.contains(&key) => self.host_like(text),
            _ if PEOPLE.contains(&key) => self.token(text),
            _ => self.text(text),
        }
    }

    /// An image in a registry of one's own tells whose it is.
    fn image(&self, key: &str, text: &str) -> String {
        if key == "image" || key == "imageID" { self.text(text) } else { text.to_owned() }
    }

    /// A host, also one of a single label.
    fn host_like(&self, text: &str) -> String {
        if text.contains(['@', '/', ' ']) || text.parse::<std::net::IpAddr>().is_ok() {
            return self.text(text);
        }
        let (star, rest) = text.strip_prefix("*.").map_or(("", text), |rest| ("*.", rest));
        if text::is_public_host(rest) { text.to_owned() } else { format!("{star}{}", self.host(rest)) }
    }

    /// The name of an object.
    pub fn name(&self, name: &str) -> String {
        if name.is_empty() || is_well_known(name) || name == "cm-acme-http-solver-" {
            return name.to_owned();
        }
        if let Some(random) = name.strip_prefix("cm-acme-http-solver-").filter(|random| !random.is_empty()) {
            return format!("cm-acme-http-solver-{}", &self.token(random)[1..]);
        }
        let (base, numbers) = numbered(name);
        format!("{}{numbers}", self.token(base))
    }

    /// A free text: the names that are known, addresses, hosts and e-mail addresses in it.
    pub fn text(&self, text: &str) -> String {
        Words { disguise: self }.replace(text)
    }

    fn knows(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// A host label by label; its public suffix stays.
    fn host(&self, host: &str) -> String {
        let host = host.to_ascii_lowercase();
        let domain = registered_domain(&host).unwrap_or_default();
        let suffix = domain.split_once('.').map_or("", |(_, suffix)| suffix);
        let own = host.strip_suffix(suffix).unwrap_or(&host).trim_end_matches('.');
        let labels: Vec<String> = own.split('.').map(|label| self.token(label)).collect();
        if suffix.is_empty() { labels.join(".") } else { format!("{}.{suffix}", labels.join(".")) }
    }

    /// `x` and ten hexadecimal digits: a name that Kubernetes and DNS take.
    fn token(&self, word: &str) -> String {
        if word.is_empty() {
            return String::new();
        }
        let tag = self.hash(&word.to_ascii_lowercase());
        let digits = tag.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).take(10);
        ['x'].into_iter().chain(digits).collect()
    }

    fn hash(&self, word: &str) -> Vec<u8> {
        hmac::sign(&self.key, word.as_bytes()).as_ref().to_vec()
    }
}

/// A name without the numbers at its end, such as `-1` or `-1-2389142218`, or the `-tls` that everybody writes; and these.
fn numbered(name: &str) -> (&str, &str) {
    let mut base = name;
    while let Some((rest, last)) = base.rsplit_once('-') {
        let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
        if rest.is_empty() || !(is_number || (last == "tls" && base.len() == name.len())) {
            break;
        }
        base = rest;
    }
    (base, &name[base.len()..])
}

/// Whether the string `key` of the object under `under` is the name of an object, or of a namespace.
fn names_an_object(under: &str, key: &str) -> bool {
    const ALWAYS: [&str; 10] = [
        "namespace",
        "secretName",
        "nextPrivateKeySecretName",
        "generateName",
        "nodeName",
        "serviceAccountName",
        "serviceAccount",
        "ingressClassName",
        "serviceName",
        "holderIdentity",
    ];
    let holds_names =
        ["metadata", "involvedObject", "related", "ownerReferences", "service", "parentRefs", "targetRef"];
    let is_reference = under.ends_with("Ref") || under.ends_with("Refs") || holds_names.contains(&under);
    ALWAYS.contains(&key) || (key == "name" && is_reference)
}

/// Names that are the same everywhere.
fn is_well_known(name: &str) -> bool {
    const KNOWN: [&str; 8] =
        ["default", "kube-system", "kube-public", "kube-node-lease", "nginx", "traefik", "haproxy", "istio"];
    KNOWN.contains(&name) || name.contains("cert-manager") || text::is_public_host(name)
}

/// Certificates and requests have the names in them, encoded: they are left out.
fn without_certificates(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for key in ["request", "certificate", "ca", "caBundle", "csr"] {
                if members.get(key).is_some_and(Value::is_string) {
                    members.remove(key);
                }
            }
            members.values_mut().for_each(without_certificates);
        }
        Value::Array(items) => items.iter_mut().for_each(without_certificates),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn disguise() -> Disguise {
        let mut disguise = Disguise::new(&[7; 32]);
        for name in ["web", "shop", "web-1", "acme-corp"] {
            disguise.learn_name(name);
        }
        disguise
    }

    #[test]
    fn names_stay_equal_and_keep_their_numbers() {
        let disguise = disguise();
        let web = disguise.name("web");
        assert_eq!(disguise.name("web-1-2389142218"), format!("{web}-1-2389142218"));
        assert_eq!(disguise.name("web-tls"), format!("{web}-tls"));
        assert_ne!(disguise.name("webs"), web);
        assert!(web.starts_with('x') && web.len() == 11 && !web.contains("web"));
        for kept in ["cert-manager-webhook", "kube-system", "default", "certificates.cert-manager.io", ""] {
            assert_eq!(disguise.name(kept), kept);
        }
        let other = Disguise::new(&[8; 32]);
        assert_ne!(other.name("web"), web, "another bundle has other names");
        assert_eq!(numbered("3"), ("3", ""));
        assert_eq!(numbered("tls"), ("tls", ""));
        assert_eq!(numbered("a-tls-tls"), ("a-tls", "-tls"));
    }

    #[test]
    fn what_points_to_an_object_still_does() {
        let mut disguise = disguise();
        let mut certificate = json!({"kind": "Certificate", "metadata": {"name": "api", "namespace": "shop", "uid": "1"},
            "spec": {"secretName": "api-tls", "dnsNames": ["api.acme-corp.example.com", "*.acme-corp.example.com"],
                     "issuerRef": {"name": "house-ca", "kind": "ClusterIssuer"}, "subject": {"organizations": ["Acme Corp"]}}});
        let mut event = json!({"kind": "Event", "metadata": {"name": "api.17", "namespace": "shop"},
            "involvedObject": {"kind": "Certificate", "name": "api", "namespace": "shop"},
            "message": "Created new CertificateRequest resource \"api-1\" for api.acme-corp.example.com by ops@acme-corp.example.com at 10.1.2.3:443"});
        disguise.learn(&certificate);
        disguise.learn(&event);
        disguise.object(&mut certificate);
        disguise.object(&mut event);
        assert_eq!(event["involvedObject"]["name"], certificate["metadata"]["name"]);
        let name = certificate["metadata"]["name"].as_str().unwrap();
        let host = certificate["spec"]["dnsNames"][0].as_str().unwrap();
        assert_eq!(certificate["spec"]["secretName"], format!("{name}-tls"));
        assert_eq!(certificate["spec"]["dnsNames"][1], format!("*.{}", host.split_once('.').unwrap().1));
        assert!(host.rsplit('.').next() == Some("com") && host.matches('.').count() == 3, "{host}");
        let message = event["message"].as_str().unwrap();
        assert!(message.contains(&format!("resource \"{name}-1\" for {host} by ")), "{message}");
        let all = format!("{certificate}{event}").to_lowercase();
        for gone in ["acme", "house", "api", "ops", "10.1.2.3", "\"shop\""] {
            assert!(!all.replace("apiversion", "").contains(gone), "{gone}: {all}");
        }
    }

    #[test]
    fn fields_keep_their_names_and_sentences_lose_theirs() {
        let mut disguise = disguise();
        let mut issuer = json!({"kind": "Issuer", "metadata": {"name": "ca", "namespace": "shop"}, "spec": {"ca": {"secretName": "root"}}});
        let mut challenge = json!({"kind": "Challenge", "metadata": {"name": "c", "namespace": "solver"},
            "spec": {"solver": {}}, "status": {"reason": "error for web.acme-corp.example.com: refused", "state": "pending"}});
        for object in [&issuer, &challenge] {
            disguise.learn(object);
        }
        disguise.object(&mut issuer);
        disguise.object(&mut challenge);
        assert_eq!(issuer["spec"]["ca"]["secretName"], disguise.name("root"));
        assert!(challenge["spec"]["solver"].is_object(), "{challenge}");
        let reason = challenge["status"]["reason"].as_str().unwrap();
        assert!(
            reason.starts_with("error for x") && !reason.contains("acme") && reason.ends_with(".com: refused"),
            "{reason}"
        );
    }

    #[test]
    fn certificates_and_foreign_marks_go() {
        let mut disguise = disguise();
        let mut object = json!({"kind": "CertificateRequest", "metadata": {"name": "web-1", "namespace": "shop",
            "labels": {"team.acme-corp.com/owner": "Payments", "app.kubernetes.io/name": "web"},
            "annotations": {"cert-manager.io/certificate-name": "web", "note": "call Bob"}, "managedFields": [{}]},
            "spec": {"request": "LS0t", "isCA": false}, "status": {"certificate": "LS0t", "ca": "LS0t", "conditions": []}});
        disguise.learn(&object);
        disguise.object(&mut object);
        let text = object.to_string();
        for gone in ["LS0t", "Payments", "Bob", "acme", "managedFields"] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
        assert_eq!(object["metadata"]["annotations"]["cert-manager.io/certificate-name"], disguise.name("web"));
        assert_eq!(object["metadata"]["name"], disguise.name("web-1"));
    }
}
