//! One saved or served object into the inventory's types.
//!
//! Tolerant: unknown kinds are passed over, unknown fields ignored. An object that does not fit its own type is
//! told by name and left out; the others stay.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::ExternalIssuer;
use crate::inventory::Objects;
use crate::objref::Kind;

/// The part of an object that says what it is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    metadata: Option<HeadMeta>,
}

#[derive(Debug, Default, Deserialize)]
struct HeadMeta {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
}

/// A `List` of any kind.
#[derive(Debug, Deserialize)]
struct ItemsOnly<'a> {
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

/// An object that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// `Certificate shop/web`.
    pub object: String,
    /// What does not fit.
    pub why: String,
}

/// Takes one JSON value: an object, a `List`, or an array of objects. Returns what could not be read.
pub fn take(objects: &mut Objects, json: &str) -> Vec<Unreadable> {
    let mut unreadable = Vec::new();
    take_value(objects, json, None, &mut unreadable);
    unreadable
}

/// `implied` is the apiVersion and kind of the items of a typed list, which may leave them out.
fn take_value(objects: &mut Objects, json: &str, implied: Option<(&str, &str)>, unreadable: &mut Vec<Unreadable>) {
    if json.trim_start().starts_with('[') {
        if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(json) {
            for item in items {
                take_value(objects, item.get(), None, unreadable);
            }
        }
        return;
    }
    let Ok(head) = serde_json::from_str::<Head>(json) else { return };
    let (api_version, kind) = match (&head.api_version, &head.kind, implied) {
        (Some(api_version), Some(kind), _) => (api_version.as_str(), kind.as_str()),
        (_, _, Some(implied)) => implied,
        (Some(_) | None, Some(_) | None, None) => return,
    };
    if let Some(item_kind) = kind.strip_suffix("List") {
        let implied = (!item_kind.is_empty()).then_some((api_version, item_kind));
        if let Ok(ItemsOnly { items: Some(items) }) = serde_json::from_str(json) {
            for item in items {
                take_value(objects, item.get(), implied, unreadable);
            }
        }
        return;
    }
    if let Err(why) = take_object(objects, api_version, kind, json) {
        let meta = head.metadata.unwrap_or_default();
        let name = [meta.namespace, meta.name].into_iter().flatten().collect::<Vec<_>>().join("/");
        unreadable.push(Unreadable { object: format!("{kind} {name}"), why: why.to_string() });
    }
}

fn take_object(objects: &mut Objects, api_version: &str, kind: &str, json: &str) -> Result<(), serde_json::Error> {
    fn push<T: for<'de> Deserialize<'de>>(into: &mut Vec<T>, json: &str) -> Result<(), serde_json::Error> {
        into.push(serde_json::from_str(json)?);
        Ok(())
    }
    match Kind::from_api(api_version, kind) {
        Some(Kind::Certificate) => push(&mut objects.certificates, json),
        Some(Kind::CertificateRequest) => push(&mut objects.requests, json),
        Some(Kind::Order) => push(&mut objects.orders, json),
        Some(Kind::Challenge) => push(&mut objects.challenges, json),
        Some(Kind::Issuer) => push(&mut objects.issuers, json),
        Some(Kind::ClusterIssuer) => push(&mut objects.cluster_issuers, json),
        Some(Kind::Secret) => push(&mut objects.secrets, json),
        // Events of the newer group have other fields; kubectl saves the core ones.
        Some(Kind::Event) if api_version != "v1" => Ok(()),
        Some(Kind::Event) => push(&mut objects.events, json),
        Some(Kind::Pod) => push(&mut objects.pods, json),
        Some(Kind::Service) => push(&mut objects.services, json),
        Some(Kind::Ingress) => push(&mut objects.ingresses, json),
        Some(Kind::IngressClass) => push(&mut objects.ingress_classes, json),
        Some(Kind::HttpRoute) => push(&mut objects.http_routes, json),
        Some(Kind::Gateway) => push(&mut objects.gateways, json),
        Some(Kind::Deployment) => push(&mut objects.deployments, json),
        Some(Kind::Lease) => push(&mut objects.leases, json),
        Some(Kind::EndpointSlice) => push(&mut objects.endpoint_slices, json),
        None if kind.ends_with("Issuer") => push::<ExternalIssuer>(&mut objects.external_issuers, json),
        None => Ok(()),
    }
}
