//! A Gateway's listeners: which of them may serve the solver's route, and why not.
//!
//! Knows no labels of namespaces but the one with their name, and takes the benefit of the doubt.

use crate::api::Object;
use crate::api::gateway::{Gateway, Listener, ListenerProtocol, NamespacesFrom};
use crate::finding::Fix;
use crate::host;
use crate::objref::{Kind, ObjRef};

/// The label that every namespace carries with its own name.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// `web: HTTP on 80, hosts *.example.com, routes from Same`.
pub fn describe(listener: &Listener) -> String {
    let hosts = listener.hostname.as_deref().map(|host| format!(", host {host}")).unwrap_or_default();
    format!("{}: {} on {}{hosts}, routes from {}", listener.name, listener.protocol, listener.port, from(listener))
}

fn from(listener: &Listener) -> &NamespacesFrom {
    let namespaces = listener.allowed_routes.as_ref().and_then(|allowed| allowed.namespaces.as_ref());
    namespaces.and_then(|namespaces| namespaces.from.as_ref()).unwrap_or(&NamespacesFrom::Same)
}

/// Why a listener does not serve the route. The order is from far to near.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    NotHttp,
    OtherPort,
    OtherHost,
    OtherKind,
    Namespace,
}

/// What keeps a listener from serving the route of a Challenge for `name` in namespace `own`.
pub fn refusal(listener: &Listener, gateway: &Gateway, name: &str, own: &str) -> Option<Refusal> {
    // Traefik's listeners carry the ports of its entry points, behind the Service's port 80.
    let has_own_ports = gateway.spec.gateway_class_name.contains("traefik");
    if listener.protocol != ListenerProtocol::Http {
        return Some(Refusal::NotHttp);
    }
    if listener.port != 80 && !has_own_ports {
        return Some(Refusal::OtherPort);
    }
    if listener.hostname.as_deref().is_some_and(|host| !host.is_empty() && !host::takes(host, name)) {
        return Some(Refusal::OtherHost);
    }
    let kinds = listener.allowed_routes.as_ref().map(|allowed| allowed.kinds.as_slice()).unwrap_or_default();
    if !kinds.is_empty() && !kinds.iter().any(|kind| kind.kind == Kind::HttpRoute.word()) {
        return Some(Refusal::OtherKind);
    }
    let lets_in = match from(listener) {
        NamespacesFrom::All | NamespacesFrom::Unknown(_) => true,
        NamespacesFrom::Same => gateway.namespace() == Some(own),
        NamespacesFrom::Nobody => false,
        NamespacesFrom::Selector => selects(listener, own),
    };
    (!lets_in).then_some(Refusal::Namespace)
}

/// Whether a selector may choose the namespace. Only the label with the namespace's own name is known here.
fn selects(listener: &Listener, own: &str) -> bool {
    let namespaces = listener.allowed_routes.as_ref().and_then(|allowed| allowed.namespaces.as_ref());
    let wanted = namespaces.and_then(|namespaces| namespaces.selector.as_ref()?.match_labels.get(NAMESPACE_NAME));
    wanted.is_none_or(|wanted| wanted == own)
}

impl Refusal {
    /// The fault in one sentence.
    pub fn says(self, listener: &Listener, at: &ObjRef, name: &str, own: &str, section: Option<&str>) -> String {
        match (self, section) {
            (Self::NotHttp, Some(section)) => {
                format!(
                    "the solver's HTTPRoute for {name} hangs on listener {section} of {at}, which is not HTTP but {}",
                    listener.protocol
                )
            }
            (Self::NotHttp | Self::OtherPort, _) => {
                format!("{at} has no HTTP listener on port 80 for the challenge of {name}")
            }
            (Self::OtherHost, _) => {
                let host = listener.hostname.as_deref().unwrap_or_default();
                format!("the HTTP listener {} of {at} is for host {host}, not for {name}", listener.name)
            }
            (Self::OtherKind, _) => format!("the HTTP listener {} of {at} takes no HTTPRoutes", listener.name),
            (Self::Namespace, _) => {
                format!(
                    "the HTTP listener {} of {at} takes no routes from namespace {own}, where the challenge of {name} lives",
                    listener.name
                )
            }
        }
    }

    /// What to change in the Gateway.
    pub fn mend(self, listener: &Listener, at: &ObjRef, own: &str) -> Fix {
        let flag = at.namespace_flag();
        let title = |what: &str| format!("{what}: kubectl edit gateway {}{flag}", at.name);
        match self {
            Self::NotHttp | Self::OtherPort => Fix::patch(
                title("add a listener, and let the solver's parentRefs not name another one"),
                "spec:\n  listeners:\n  - name: http\n    port: 80\n    protocol: HTTP\n    allowedRoutes:\n      namespaces: {from: All}\n",
            ),
            Self::OtherHost => Fix::patch(
                title("let the listener take the name, by leaving its hostname out"),
                format!("spec:\n  listeners:\n  - name: {}\n    port: 80\n    protocol: HTTP\n", listener.name),
            ),
            Self::OtherKind | Self::Namespace => Fix::patch(
                title("let the route in"),
                format!(
                    "spec:\n  listeners:\n  - name: {}\n    port: 80\n    protocol: HTTP\n    allowedRoutes:\n      namespaces:\n        \
                 from: Selector\n        selector: {{matchLabels: {{{NAMESPACE_NAME}: {own}}}}}\n",
                    listener.name
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traefiks_listeners_have_ports_of_their_own() {
        let gateway = |class: &str| Gateway {
            spec: crate::api::gateway::GatewaySpec { gateway_class_name: class.into(), ..Default::default() },
            ..Gateway::default()
        };
        let allowed_routes = serde_json::from_str(r#"{"namespaces": {"from": "All"}}"#).unwrap();
        let listener = Listener { port: 8000, protocol: ListenerProtocol::Http, allowed_routes, ..Listener::default() };
        assert_eq!(refusal(&listener, &gateway("traefik"), "a.example", "shop"), None);
        assert_eq!(refusal(&listener, &gateway("eg"), "a.example", "shop"), Some(Refusal::OtherPort));
    }
}
