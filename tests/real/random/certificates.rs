//! Certificates that nobody thought of: each as valid as the schema and the webhook want it, made of parts that differ in
//! how they are encoded.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::Picker;

/// Random Certificates without end, named by their number.
pub fn certificates(picker: &mut Picker) -> impl Iterator<Item = Value> {
    (0..).map(move |number| {
        let (mut spec, labels, annotations) = picker.pick(&(spec(), words_map(), words_map()));
        spec["secretName"] = format!("random-{number}-tls").into();
        let metadata = json!({"name": format!("random-{number}"), "labels": labels, "annotations": annotations});
        json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": metadata, "spec": spec})
    })
}

/// A spec but for its Secret.
fn spec() -> impl Strategy<Value = Value> {
    let names = (
        vec(dns_name(), 0..4),
        vec(select(IPS), 0..3),
        vec(uri(), 0..3),
        vec(mail(), 0..3),
        vec((oid(), any_text()).prop_map(|(oid, value)| json!({"oid": oid, "utf8Value": value})), 0..3),
    );
    let rest = (
        subject(),
        private_key(),
        option::of(subsequence(USAGES, 0..6)),
        option::of(any::<bool>()),
        option::of(select(DURATIONS)),
        option::weighted(0.3, constraints()),
    );
    // Requests to nobody stay as they were made.
    let issuer = (select(&["nobody", "selfsigned", "northwind-ca"][..]), option::of(select(&["cert-manager.io"][..])));
    (names, rest, issuer).prop_map(|((dns, ips, uris, mails, others), rest, (issuer, group))| {
        let (subject, (key, algorithm), usages, encode, duration, constraints) = rest;
        let mut issuer = json!({"name": issuer, "kind": "ClusterIssuer"});
        if let Some(group) = group {
            issuer["group"] = group.into();
        }
        let mut spec = json!({"issuerRef": issuer});
        let members = spec.as_object_mut().expect("it was made one");
        members.extend(subject);
        let lists = [("dnsNames", json!(dns)), ("ipAddresses", json!(ips)), ("uris", json!(uris))];
        members.extend(lists.map(|(key, list)| (key.to_owned(), list)));
        members.insert("emailAddresses".to_owned(), json!(mails));
        members.insert("otherNames".to_owned(), json!(others));
        members.insert("usages".to_owned(), json!(usages));
        members.insert("encodeUsagesInRequest".to_owned(), json!(encode));
        members.insert("duration".to_owned(), json!(duration));
        members.insert("privateKey".to_owned(), key);
        members.insert("signatureAlgorithm".to_owned(), json!(algorithm));
        if let Some(constraints) = constraints {
            members.insert("isCA".to_owned(), true.into());
            members.insert("nameConstraints".to_owned(), constraints);
        }
        members.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
        spec
    })
}

/// Common name and subject, or a literal subject in their place.
fn subject() -> impl Strategy<Value = Map<String, Value>> {
    let texts = || vec(any_text(), 0..3);
    let fields = (texts(), texts(), texts(), texts(), texts(), texts(), texts(), option::of(any_text()));
    let fields = fields.prop_map(|(o, c, ou, l, st, street, postal, serial)| {
        let mut subject = json!({"organizations": o, "countries": c, "organizationalUnits": ou, "localities": l, "provinces": st,
               "streetAddresses": street, "postalCodes": postal});
        if let Some(serial) = serial {
            subject["serialNumber"] = serial.into();
        }
        subject
    });
    let parts = (option::of(common_name()), option::of(fields)).prop_map(|(name, subject)| {
        let mut members = Map::new();
        members.extend(name.map(|name| ("commonName".to_owned(), name.into())));
        members.extend(subject.map(|subject| ("subject".to_owned(), subject)));
        members
    });
    let literal = vec(vec((select(ATTRIBUTES), any_text()), 1..3), 1..5).prop_map(|relative| {
        let attribute = |(word, value): &(&str, String)| format!("{word}={}", escaped(value));
        let sets: Vec<String> =
            relative.iter().map(|set| set.iter().map(attribute).collect::<Vec<_>>().join("+")).collect();
        let literal = Value::from(sets.join(","));
        std::iter::once(("literalSubject".to_owned(), literal)).collect::<Map<_, _>>()
    });
    prop_oneof![3 => parts, 1 => literal]
}

/// RFC 4514 §2.4.
fn escaped(value: &str) -> String {
    let mut out = String::new();
    let last = value.chars().count().saturating_sub(1);
    for (index, char) in value.chars().enumerate() {
        let is_edge = char == ' ' && (index == 0 || index == last);
        if r#",+"\<>;="#.contains(char) || is_edge || (char == '#' && index == 0) {
            out.push('\\');
        }
        out.push(char);
    }
    out
}

fn private_key() -> impl Strategy<Value = (Value, Option<&'static str>)> {
    let kinds: &[(&str, i64, &[&str])] = &[
        ("ECDSA", 256, &["ECDSAWithSHA256", "ECDSAWithSHA384", "ECDSAWithSHA512"]),
        ("ECDSA", 384, &["ECDSAWithSHA384", "ECDSAWithSHA512"]),
        ("ECDSA", 521, &["ECDSAWithSHA512"]),
        ("ECDSA", 0, &["ECDSAWithSHA256"]),
        ("Ed25519", 0, &["PureEd25519"]),
    ];
    let rsa: &[(&str, i64, &[&str])] = &[("RSA", 2048, &["SHA256WithRSA", "SHA384WithRSA", "SHA512WithRSA"])];
    let kinds: Vec<_> = kinds.to_vec();
    let kind = prop_oneof![9 => select(kinds), 1 => select(rsa.to_vec())];
    let encoding = option::of(select(&["PKCS1", "PKCS8"][..]));
    let policy = option::of(select(&["Always", "Never"][..]));
    kind.prop_flat_map(move |(algorithm, size, signatures)| {
        let spec = (encoding.clone(), policy.clone()).prop_map(move |(encoding, policy)| {
            let mut spec = json!({"algorithm": algorithm});
            let given = [("size", json!(size)), ("encoding", json!(encoding)), ("rotationPolicy", json!(policy))];
            for (key, value) in given {
                if !value.is_null() && value != 0 {
                    spec[key] = value;
                }
            }
            spec
        });
        (spec, option::of(select(signatures)))
    })
}

fn constraints() -> impl Strategy<Value = Value> {
    let side = || {
        (vec(dns_name(), 0..3), vec(select(RANGES), 0..3), vec(mail(), 0..2), vec(dns_name(), 0..2)).prop_map(
            |(dns, ranges, mails, uris)| {
                json!({"dnsDomains": dns, "ipRanges": ranges, "emailAddresses": mails, "uriDomains": uris})
            },
        )
    };
    (any::<bool>(), option::of(side()), option::of(side())).prop_map(|(critical, permitted, excluded)| {
        let mut constraints = if critical { json!({"critical": true}) } else { json!({}) };
        for (key, side) in [("permitted", permitted), ("excluded", excluded)] {
            if let Some(side) = side {
                constraints[key] = side;
            }
        }
        constraints
    })
}

pub fn words_map() -> impl Strategy<Value = Map<String, Value>> {
    let key = "[a-z]{1,8}(\\.example\\.com/[a-zA-Z]{1,8})?";
    vec((key, "[a-zA-Z0-9]{0,10}"), 0..3)
        .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key, value.into())).collect())
}

pub fn dns_name() -> impl Strategy<Value = String> {
    "(\\*\\.)?([a-zA-Z0-9_]([a-zA-Z0-9-]{0,10}[a-zA-Z0-9])?\\.){0,3}[a-z]{1,8}"
}

/// URIs that Go prints as they came; of others the request never matches the spec, and cert-manager makes it anew for ever.
pub fn uri() -> impl Strategy<Value = String> {
    "(spiffe|https|urn|x-a\\.b)://[a-z]{1,8}(\\.[a-z]{1,5}){0,2}(:[1-9][0-9]{1,3})?(/[a-zA-Z0-9._~-]{1,6}){0,3}(\\?[a-z]=[0-9]{1,3})?"
}

pub fn mail() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9._+-]{1,10}@[a-zA-Z0-9]{1,8}(\\.[a-z]{2,4}){0,2}"
}

fn oid() -> impl Strategy<Value = String> {
    "(1\\.[0-9]|2\\.[1-9][0-9]{0,2})(\\.(0|[1-9][0-9]{0,6})){1,6}"
}

fn common_name() -> impl Strategy<Value = String> {
    prop_oneof![dns_name(), any_text()]
}

/// Texts that are PrintableString, and others that are not.
pub fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9 '()+,./:=?-]{1,20}",
        "[a-zA-Z0-9*@_&!#;\"<>\\\\]{1,12}",
        "[a-zäöüßéЖ漢 ]{1,10}",
        "[ -~]{1,16}",
    ]
}

const IPS: &[&str] =
    &["10.0.0.1", "192.0.2.255", "255.255.255.255", "::1", "2001:db8::1", "fe80::1", "2001:DB8:0:0:1::1"];
const RANGES: &[&str] =
    &["10.0.0.0/8", "192.0.2.128/25", "0.0.0.0/0", "10.1.2.3/16", "2001:db8::/32", "::/0", "::1/128"];
const DURATIONS: &[&str] = &["1h", "90m", "2160h", "87600h0m0s", "24h30m15s", "1.5h", "3600000ms"];
const ATTRIBUTES: &[&str] =
    &["CN", "O", "OU", "C", "L", "ST", "STREET", "SERIALNUMBER", "DC", "UID", "2.5.4.17", "1.2.3.4"];
pub const USAGES: &[&str] = &[
    "signing",
    "digital signature",
    "content commitment",
    "key encipherment",
    "key agreement",
    "data encipherment",
    "cert sign",
    "crl sign",
    "encipher only",
    "decipher only",
    "any",
    "server auth",
    "client auth",
    "code signing",
    "email protection",
    "s/mime",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "timestamping",
    "ocsp signing",
    "microsoft sgc",
    "netscape sgc",
];
