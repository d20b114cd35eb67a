//! Names of objects: kind, namespace, name.
//!
//! Knows how each kind is called by the API, by kubectl and by people; never looks an object up.

use std::fmt;

use serde::Serialize;

/// Every kind of object that the chain and its diagnosis speak of, and one that no API server has: a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Certificate,
    CertificateRequest,
    Order,
    Challenge,
    Issuer,
    ClusterIssuer,
    Secret,
    Event,
    Pod,
    Service,
    Ingress,
    IngressClass,
    HttpRoute,
    Gateway,
    ListenerSet,
    Deployment,
    Lease,
    EndpointSlice,
    /// A host name that clients ask for, such as `app.example.com`. No object: something to start from.
    Host,
}

/// What is fixed about a kind.
struct KindNames {
    kind: &'static str,
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    singular: &'static str,
    short: &'static [&'static str],
    namespaced: bool,
}

const fn names(
    kind: &'static str,
    group: &'static str,
    plural: &'static str,
    singular: &'static str,
    short: &'static [&'static str],
) -> KindNames {
    KindNames { kind, group, version: "v1", plural, singular, short, namespaced: true }
}

impl Kind {
    /// Every kind, in the order in which a chain is read.
    pub const ALL: [Self; 19] = [
        Self::Certificate,
        Self::CertificateRequest,
        Self::Order,
        Self::Challenge,
        Self::Issuer,
        Self::ClusterIssuer,
        Self::Secret,
        Self::Event,
        Self::Pod,
        Self::Service,
        Self::Ingress,
        Self::IngressClass,
        Self::HttpRoute,
        Self::Gateway,
        Self::ListenerSet,
        Self::Deployment,
        Self::Lease,
        Self::EndpointSlice,
        Self::Host,
    ];

    const fn names(self) -> KindNames {
        const CM: &str = "cert-manager.io";
        const ACME: &str = "acme.cert-manager.io";
        const NET: &str = "networking.k8s.io";
        const GW: &str = "gateway.networking.k8s.io";
        const OURS: &str = "cert.kubectl.dev";
        match self {
            Self::Certificate => names("Certificate", CM, "certificates", "certificate", &["cert", "certs"]),
            Self::CertificateRequest => {
                names("CertificateRequest", CM, "certificaterequests", "certificaterequest", &["cr", "crs"])
            }
            Self::Order => names("Order", ACME, "orders", "order", &[]),
            Self::Challenge => names("Challenge", ACME, "challenges", "challenge", &[]),
            Self::Issuer => names("Issuer", CM, "issuers", "issuer", &["iss"]),
            Self::ClusterIssuer => KindNames {
                namespaced: false,
                ..names("ClusterIssuer", CM, "clusterissuers", "clusterissuer", &["ciss"])
            },
            Self::Secret => names("Secret", "", "secrets", "secret", &[]),
            Self::Event => names("Event", "", "events", "event", &["ev"]),
            Self::Pod => names("Pod", "", "pods", "pod", &["po"]),
            Self::Service => names("Service", "", "services", "service", &["svc"]),
            Self::Ingress => names("Ingress", NET, "ingresses", "ingress", &["ing"]),
            Self::IngressClass => {
                KindNames { namespaced: false, ..names("IngressClass", NET, "ingressclasses", "ingressclass", &[]) }
            }
            Self::HttpRoute => names("HTTPRoute", GW, "httproutes", "httproute", &[]),
            Self::Gateway => names("Gateway", GW, "gateways", "gateway", &["gtw"]),
            Self::ListenerSet => names("ListenerSet", GW, "listenersets", "listenerset", &["lset"]),
            Self::Deployment => names("Deployment", "apps", "deployments", "deployment", &["deploy"]),
            Self::Lease => names("Lease", "coordination.k8s.io", "leases", "lease", &[]),
            Self::EndpointSlice => names("EndpointSlice", "discovery.k8s.io", "endpointslices", "endpointslice", &[]),
            Self::Host => KindNames { namespaced: false, ..names("Host", OURS, "hosts", "host", &[]) },
        }
    }

    /// The `kind:` word, such as `CertificateRequest`.
    pub const fn word(self) -> &'static str {
        self.names().kind
    }

    /// The API group, empty for the core group.
    pub const fn group(self) -> &'static str {
        self.names().group
    }

    /// `group/version`, or `v1` for the core group.
    pub fn api_version(self) -> String {
        let names = self.names();
        if names.group.is_empty() { names.version.into() } else { format!("{}/{}", names.group, names.version) }
    }

    /// The resource's plural, as in URLs.
    pub const fn plural(self) -> &'static str {
        self.names().plural
    }

    /// The resource's singular, as in `certificate/web`.
    pub const fn singular(self) -> &'static str {
        self.names().singular
    }

    /// Whether it is one of cert-manager's own kinds.
    pub const fn is_cert_managers(self) -> bool {
        match self {
            Self::Certificate
            | Self::CertificateRequest
            | Self::Order
            | Self::Challenge
            | Self::Issuer
            | Self::ClusterIssuer => true,
            Self::Secret
            | Self::Event
            | Self::Pod
            | Self::Service
            | Self::Ingress
            | Self::IngressClass
            | Self::HttpRoute
            | Self::Gateway
            | Self::ListenerSet
            | Self::Deployment
            | Self::Lease
            | Self::EndpointSlice
            | Self::Host => false,
        }
    }

    /// Whether objects of this kind live in a namespace.
    pub const fn is_namespaced(self) -> bool {
        self.names().namespaced
    }

    /// `certificates.cert-manager.io`, as kubectl and RBAC rules write it.
    pub fn resource(self) -> String {
        let names = self.names();
        if names.group.is_empty() { names.plural.into() } else { format!("{}.{}", names.plural, names.group) }
    }

    /// The kind for a TYPE word on the command line: plural, singular or short name, in any case, with the
    /// group behind a dot if wanted.
    pub fn from_type_word(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        let (head, group) = word.split_once('.').map_or((word.as_str(), None), |(head, group)| (head, Some(group)));
        Self::ALL.into_iter().find(|kind| {
            let names = kind.names();
            let called = head == names.plural || head == names.singular || names.short.contains(&head);
            called && group.is_none_or(|group| group == names.group || group == format!("v1.{}", names.group))
        })
    }

    /// The kind for `apiVersion` and `kind` of an object, whatever the version.
    pub fn from_api(api_version: &str, kind: &str) -> Option<Self> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        Self::ALL.into_iter().find(|candidate| {
            let names = candidate.names();
            names.kind == kind
                && (names.group == group
                    // Ingress and Event have lived in other groups.
                    || (names.kind == "Event" && group == "events.k8s.io")
                    || (names.kind == "Ingress" && group == "extensions"))
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A reference to one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjRef {
    pub kind: Kind,
    /// `None` for cluster-scoped kinds.
    pub namespace: Option<String>,
    pub name: String,
}

impl ObjRef {
    pub fn new(kind: Kind, namespace: Option<&str>, name: &str) -> Self {
        let namespace = if kind.is_namespaced() { namespace.map(str::to_owned) } else { None };
        Self { kind, namespace, name: name.into() }
    }

    /// `certificate.cert-manager.io/web`, as `kubectl -o name` prints it.
    pub fn kubectl_name(&self) -> String {
        let group = self.kind.group();
        let dot = if group.is_empty() { "" } else { "." };
        format!("{}{dot}{group}/{}", self.kind.singular(), self.name)
    }

    /// ` -n NAMESPACE`, or nothing: what a command to paste needs after the name.
    pub fn namespace_flag(&self) -> String {
        self.namespace.as_ref().map(|namespace| format!(" -n {namespace}")).unwrap_or_default()
    }
}

impl fmt::Display for ObjRef {
    /// `Certificate shop/web`: how people are told of an object.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// The `object` of the JSON output: `{apiVersion, kind, namespace, name}`.
impl Serialize for ObjRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            api_version: String,
            kind: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            namespace: Option<&'a str>,
            name: &'a str,
        }
        Wire {
            api_version: self.kind.api_version(),
            kind: self.kind.word(),
            namespace: self.namespace.as_deref(),
            name: &self.name,
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_words_are_those_of_the_crds() {
        for (word, kind) in [
            ("cert", Kind::Certificate),
            ("Certs", Kind::Certificate),
            ("cr", Kind::CertificateRequest),
            ("ciss", Kind::ClusterIssuer),
            ("certificates.cert-manager.io", Kind::Certificate),
            ("orders.v1.acme.cert-manager.io", Kind::Order),
            ("gtw", Kind::Gateway),
        ] {
            assert_eq!(Kind::from_type_word(word), Some(kind), "{word}");
        }
        assert_eq!(Kind::from_type_word("certificates.example.com"), None);
        assert_eq!(Kind::from_type_word("ord"), None);
    }

    #[test]
    fn names_are_printed_as_kubectl_prints_them() {
        assert_eq!(
            ObjRef::new(Kind::Certificate, Some("shop"), "web").kubectl_name(),
            "certificate.cert-manager.io/web"
        );
        assert_eq!(ObjRef::new(Kind::Secret, Some("shop"), "web").kubectl_name(), "secret/web");
        assert_eq!(ObjRef::new(Kind::ClusterIssuer, Some("shop"), "le").to_string(), "ClusterIssuer le");
    }
}
