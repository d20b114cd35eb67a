//! One saved or served object into the inventory's types.
//!
//! Tolerant: unknown kinds are passed over, unknown fields ignored. An object that does not fit its own type is
//! told by name and left out; the others stay.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::ExternalIssuer;
use crate::inventory::Objects;
use crate::objref::Kind;

/// The part of an object that says what it is, or what a `List` holds.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    metadata: Option<HeadMeta>,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Debug, Default, Deserialize)]
struct HeadMeta {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
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
    take_value(objects, json, None, NESTED, &mut unreadable);
    unreadable
}

/// How deep lists may stand in lists. Saved ones stand in none or one; each level is read once more, and is a level of
/// the stack.
const NESTED: usize = 8;

/// `implied` is the apiVersion and kind of the items of a typed list, which may leave them out.
fn take_value(
    objects: &mut Objects,
    json: &str,
    implied: Option<(&str, &str)>,
    nested: usize,
    unreadable: &mut Vec<Unreadable>,
) {
    let Some(deeper) = nested.checked_sub(1) else {
        let why = format!("it stands in more than {NESTED} lists");
        return unreadable.push(Unreadable { object: "an object".to_owned(), why });
    };
    if json.trim_start().starts_with('[') {
        if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(json) {
            for item in items {
                take_value(objects, item.get(), None, deeper, unreadable);
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
        for item in head.items.into_iter().flatten() {
            take_value(objects, item.get(), implied, deeper, unreadable);
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

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = r#"{"apiVersion":"cert-manager.io/v1","kind":"ClusterIssuer","metadata":{"name":"a"},"spec":{}}"#;

    fn in_lists(depth: usize, open: &str, close: &str) -> (usize, Vec<Unreadable>) {
        let mut objects = Objects::default();
        let unreadable = take(&mut objects, &format!("{}{ISSUER}{}", open.repeat(depth), close.repeat(depth)));
        (objects.cluster_issuers.len(), unreadable)
    }

    #[test]
    fn lists_in_lists_are_read() {
        assert_eq!(in_lists(2, r#"{"apiVersion":"v1","kind":"List","items":["#, "]}"), (1, vec![]));
        assert_eq!(in_lists(2, "[", "]"), (1, vec![]));
    }

    #[test]
    fn lists_without_end_are_told_and_cost_no_stack() {
        for (open, close) in [(r#"{"apiVersion":"v1","kind":"List","items":["#, "]}"), ("[", "]")] {
            let (read, unreadable) = in_lists(20_000, open, close);
            assert_eq!((read, unreadable.len()), (0, 1), "{unreadable:?}");
        }
    }
}
