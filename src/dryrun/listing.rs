//! Every object that there would be at the end, as a `List`.
//!
//! Values of Secrets are replaced but for certificates, unless they are asked for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::api::{Object, Secret, SecretValue};
use crate::engine::cluster::{Cluster, Shelf};
use crate::objref::Kind;

/// Whether private keys are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    Hidden,
    Shown,
}

/// Keys of a Secret whose values are public: certificates and truststores.
const PUBLIC: [&str; 4] = ["tls.crt", "ca.crt", "truststore.p12", "truststore.jks"];

/// Stands in the place of a value that is not shown.
const HIDDEN: &str = "[redacted: see --show-private-key]";

/// A `List` of the objects of a chain, kind by kind and sorted by namespace and name. It is made as it is written.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct List<'c> {
    api_version: &'static str,
    items: Items<'c>,
    kind: &'static str,
    metadata: Head,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    resource_version: &'static str,
}

#[derive(Clone, Copy, Debug)]
struct Items<'c> {
    cluster: &'c Cluster,
    keys: Keys,
}

impl<'c> List<'c> {
    /// The objects of a cluster.
    pub fn of(cluster: &'c Cluster, keys: Keys) -> Self {
        let (items, metadata) = (Items { cluster, keys }, Head { resource_version: "" });
        Self { api_version: "v1", items, kind: "List", metadata }
    }
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cluster = self.cluster;
        let all = wholes(&cluster.certificates, |_| true)
            .chain(wholes(&cluster.requests, |_| true))
            .chain(wholes(&cluster.orders, |_| true))
            .chain(wholes(&cluster.challenges, |_| true))
            .chain(cluster.secrets.iter().map(|object| secret(object, self.keys)))
            .chain(wholes(&cluster.pods, is_solver))
            .chain(wholes(&cluster.services, is_solver))
            .chain(wholes(&cluster.ingresses, is_solver))
            .chain(wholes(&cluster.http_routes, is_solver));
        serializer.collect_seq(all)
    }
}

/// Whether cert-manager made it for a Challenge, or has written into it.
fn is_solver<T: Object>(object: &T) -> bool {
    object.controller().is_some_and(|owner| owner.kind == Kind::Challenge.word())
}

fn wholes<T: Object + Serialize>(shelf: &Shelf<T>, wanted: impl Fn(&T) -> bool) -> impl Iterator<Item = Value> {
    shelf.iter().filter(move |object| wanted(object)).map(whole)
}

/// The object with its head. An empty status is left out, as the API server does.
fn whole<T: Object + Serialize>(object: &T) -> Value {
    let mut written = serde_json::to_value(object).expect("our types have string keys");
    let mut members = written.as_object_mut().map(std::mem::take).unwrap_or_default();
    if members.get("status").and_then(Value::as_object).is_some_and(Map::is_empty) {
        members.remove("status");
    }
    headed(T::KIND, members)
}

fn headed(kind: Kind, members: Map<String, Value>) -> Value {
    let mut all = Map::from_iter([
        ("apiVersion".to_owned(), Value::from(kind.api_version())),
        ("kind".to_owned(), Value::from(kind.word())),
    ]);
    all.extend(members);
    Value::Object(all)
}

fn secret(secret: &Secret, keys: Keys) -> Value {
    let value = |(key, value): (&String, &SecretValue)| {
        let text = match value {
            SecretValue::Bytes(bytes) if keys == Keys::Shown || PUBLIC.contains(&key.as_str()) => {
                STANDARD.encode(bytes.expose())
            }
            SecretValue::Bytes(bytes) if bytes.expose().is_empty() => String::new(),
            SecretValue::Bytes(_) => STANDARD.encode(HIDDEN),
            SecretValue::Elided(_) => STANDARD.encode("[redacted: not in the source]"),
        };
        (key.clone(), Value::from(text))
    };
    let mut meta = secret.metadata.clone();
    // kubectl keeps a copy of what was applied, values included.
    if let Some(annotations) = meta.annotations.as_mut().filter(|_| keys == Keys::Hidden) {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    let mut members = Map::new();
    members.insert("metadata".to_owned(), serde_json::to_value(&meta).expect("metadata has string keys"));
    if !secret.data.is_empty() {
        members.insert("data".to_owned(), Value::Object(secret.data.iter().map(value).collect()));
    }
    if let Some(immutable) = secret.immutable {
        members.insert("immutable".to_owned(), immutable.into());
    }
    if !secret.type_.is_empty() {
        members.insert("type".to_owned(), secret.type_.clone().into());
    }
    headed(Kind::Secret, members)
}
