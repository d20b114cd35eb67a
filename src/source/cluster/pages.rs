//! Paths of the Kubernetes API, and lists read page by page.

use serde::Deserialize;

use super::ask::Sent;
use crate::connect::{Accept, RequestError, Session};
use crate::objref::{Kind, ObjRef};

/// Objects in one page.
pub const PAGE: usize = 500;

/// The path of one object.
pub fn object_path(object: &ObjRef) -> String {
    format!("{}/{}", collection_path(object.kind, object.namespace.as_deref()), encoded(&object.name))
}

/// The path of a collection: of one namespace, or of the cluster.
pub fn collection_path(kind: Kind, namespace: Option<&str>) -> String {
    let base = if kind.group().is_empty() { "/api/v1".to_owned() } else { format!("/apis/{}", kind.api_version()) };
    match namespace.filter(|_| kind.is_namespaced()) {
        Some(namespace) => format!("{base}/namespaces/{}/{}", encoded(namespace), kind.plural()),
        None => format!("{base}/{}", kind.plural()),
    }
}

/// Percent-encoding of one path segment or query value (RFC 3986 §2.3: only unreserved characters stay).
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Part of a list.
#[derive(Clone, Copy, Debug)]
pub enum Page<'b> {
    /// The list begins anew: what was handed on before is void.
    Restart,
    Body(&'b [u8]),
}

/// What every object and list of the API has.
#[derive(Debug, Deserialize)]
struct Head {
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(default)]
    metadata: ListMeta,
}

/// The head of an answer; an error if that is no object of the API, such as the page of a proxy.
fn head(path: &str, body: &[u8]) -> Result<Head, RequestError> {
    // A struct may be read from an array too: only an object will do.
    let is_object = body.trim_ascii_start().first() == Some(&b'{');
    let (line, column) = match serde_json::from_slice::<Head>(body) {
        Ok(head) if is_object => return Ok(head),
        Ok(_) => (1, 1),
        Err(error) => (error.line(), error.column()),
    };
    let path = path.split('?').next().unwrap_or_default().to_owned();
    Err(RequestError::Decode { path, line, column, bytes: body.len() })
}

/// Reads one object.
pub async fn object(session: &Session, path: &str) -> Result<Vec<u8>, RequestError> {
    let body = session.get_as(path, Accept::Json).await?;
    head(path, &body)?;
    Ok(body.to_vec())
}

#[derive(Debug, Default, Deserialize)]
struct ListMeta {
    #[serde(rename = "continue", default)]
    more: Option<String>,
}

/// Every page of a list, one behind the other. What was read before a failure is kept.
pub async fn every(session: &Session, kind: Kind, namespace: Option<&str>, query: &str) -> Sent {
    let mut sent = Sent::default();
    sent.trouble =
        each_page(session, kind, namespace, query, Accept::Json, &mut sent.requests, &mut |page| match page {
            Page::Restart => sent.bodies.clear(),
            Page::Body(body) => sent.bodies.push(body.to_vec()),
        })
        .await
        .err();
    sent
}

/// Calls `take` with every page. A list that expires half way (410) is read once more, in one piece.
pub async fn each_page(
    session: &Session,
    kind: Kind,
    namespace: Option<&str>,
    query: &str,
    accept: Accept,
    requests: &mut usize,
    take: &mut dyn FnMut(Page),
) -> Result<(), RequestError> {
    let base = collection_path(kind, namespace);
    let first = format!("{base}?limit={PAGE}{query}");
    *requests += 1;
    let mut answer = session.get_as(&first, accept).await;
    let mut is_first = true;
    loop {
        match answer {
            Ok(body) => {
                let head = head(&base, &body)?;
                let Some(more) = head.metadata.more.filter(|more| !more.is_empty()) else {
                    take(Page::Body(&body));
                    return Ok(());
                };
                *requests += 1;
                let next = format!("{first}&continue={}", encoded(&more));
                // The server is the slower one: it works on the next page while this one is read.
                let read = async {
                    tokio::task::yield_now().await;
                    take(Page::Body(&body));
                };
                (answer, ()) = futures::join!(session.get_as(&next, accept), read);
                is_first = false;
            }
            Err(RequestError::Expired { .. }) if !is_first => {
                *requests += 1;
                let whole = query.strip_prefix('&').map(|query| format!("?{query}")).unwrap_or_default();
                let body = session.get_as(&format!("{base}{whole}"), accept).await?;
                head(&base, &body)?;
                take(Page::Restart);
                take(Page::Body(&body));
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}

#[derive(Debug, Deserialize)]
struct MetadataOnly {
    metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
}

#[derive(Debug, Deserialize)]
struct MetadataPage {
    #[serde(default)]
    items: Vec<MetadataOnly>,
}

/// The names of a namespace's objects whose controlling owner has this UID, from metadata alone.
pub async fn names_owned_by(session: &Session, kind: Kind, namespace: &str, uid: &str) -> (Vec<String>, Sent) {
    let mut names = Vec::new();
    let mut sent = Sent::default();
    let read = each_page(session, kind, Some(namespace), "", Accept::MetadataList, &mut sent.requests, &mut |page| {
        let Page::Body(body) = page else { return names.clear() };
        let Ok(page) = serde_json::from_slice::<MetadataPage>(body) else { return };
        let owned = page.items.into_iter().filter(|item| {
            let owners = item.metadata.owner_references.as_deref().unwrap_or_default();
            owners.iter().any(|owner| owner.controller == Some(true) && owner.uid == uid)
        });
        names.extend(owned.filter_map(|item| item.metadata.name));
    })
    .await;
    sent.trouble = read.err();
    (names, sent)
}

/// The names of a collection, from metadata alone; empty if they may not be listed.
pub async fn names(session: &Session, kind: Kind, namespace: Option<&str>, query: &str) -> Vec<ObjRef> {
    let mut found = Vec::new();
    let mut requests = 0;
    let read = each_page(session, kind, namespace, query, Accept::MetadataList, &mut requests, &mut |page| {
        let Page::Body(body) = page else { return found.clear() };
        let Ok(page) = serde_json::from_slice::<MetadataPage>(body) else { return };
        found.extend(page.items.into_iter().filter_map(|item| {
            Some(ObjRef::new(kind, item.metadata.namespace.as_deref(), item.metadata.name.as_deref()?))
        }));
    })
    .await;
    // What is known so far is only an offer of names; nothing hangs on it.
    if read.is_err() { Vec::new() } else { found }
}

/// Where a kind of another group is served.
pub struct Resource {
    /// `/apis/awspca.cert-manager.io/v1beta1`.
    pub base: String,
    pub plural: String,
    pub namespaced: bool,
}

/// Asks for the group's preferred version and its resources; `None` if the kind is not served.
pub async fn discover(session: &Session, group: &str, kind: &str) -> Result<Option<Resource>, RequestError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Group {
        preferred_version: Version,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Version {
        group_version: String,
    }
    #[derive(Deserialize)]
    struct Resources {
        resources: Vec<Served>,
    }
    #[derive(Deserialize)]
    struct Served {
        name: String,
        kind: String,
        namespaced: bool,
    }
    let group: Group = session.get_json(&format!("/apis/{}", encoded(group)), Accept::Json).await?;
    let base = format!("/apis/{}", group.preferred_version.group_version);
    let served: Resources = session.get_json(&base, Accept::Json).await?;
    let found = served.resources.into_iter().find(|resource| resource.kind == kind && !resource.name.contains('/'));
    Ok(found.map(|resource| Resource { base, plural: resource.name, namespaced: resource.namespaced }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api() {
        let path = |kind, namespace, name| object_path(&ObjRef::new(kind, namespace, name));
        assert_eq!(
            path(Kind::Certificate, Some("shop"), "web"),
            "/apis/cert-manager.io/v1/namespaces/shop/certificates/web"
        );
        assert_eq!(path(Kind::ClusterIssuer, None, "le"), "/apis/cert-manager.io/v1/clusterissuers/le");
        assert_eq!(path(Kind::Secret, Some("shop"), "web-tls"), "/api/v1/namespaces/shop/secrets/web-tls");
        assert_eq!(collection_path(Kind::Order, None), "/apis/acme.cert-manager.io/v1/orders");
    }

    #[test]
    fn names_cannot_leave_their_place_in_the_path() {
        let object = ObjRef::new(Kind::Secret, Some("shop"), "../../x?y");
        assert_eq!(object_path(&object), "/api/v1/namespaces/shop/secrets/..%2F..%2Fx%3Fy");
    }
}
