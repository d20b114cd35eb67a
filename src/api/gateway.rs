//! Gateway API: as much of Gateway, ListenerSet and HTTPRoute as cert-manager's shims and HTTP-01 solving touch.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::condition::Condition;
use super::pod_template::LabelSelector;
use super::solver::ParentRef;
use super::wire::{omit, wire};
use super::word::word;

wire! {
    /// `gateway.networking.k8s.io/v1` Gateway.
    pub struct Gateway {
        pub metadata: ObjectMeta,
        pub spec: GatewaySpec,
        pub status: GatewayStatus,
    }

    /// `Gateway.spec`.
    pub struct GatewaySpec {
        pub gateway_class_name: String,
        pub listeners: Vec<Listener>,
    }

    /// `Gateway.spec.listeners[]` and `ListenerSet.spec.listeners[]`.
    pub struct Listener {
        pub name: String,
        /// Absent: all host names.
        #[serde(skip_serializing_if = "omit")]
        pub hostname: Option<String>,
        pub port: i32,
        pub protocol: ListenerProtocol,
        #[serde(skip_serializing_if = "omit")]
        pub tls: Option<ListenerTls>,
        #[serde(skip_serializing_if = "omit")]
        pub allowed_routes: Option<AllowedRoutes>,
    }

    /// `Gateway.spec.listeners[].tls`.
    pub struct ListenerTls {
        /// Absent: `Terminate`.
        #[serde(skip_serializing_if = "omit")]
        pub mode: Option<TlsMode>,
        #[serde(skip_serializing_if = "omit")]
        pub certificate_refs: Vec<GatewayObjectRef>,
    }

    /// A reference to a Secret or Service. Absent kind, group and namespace have defaults by place.
    pub struct GatewayObjectRef {
        #[serde(skip_serializing_if = "omit")]
        pub group: Option<String>,
        #[serde(skip_serializing_if = "omit")]
        pub kind: Option<String>,
        pub name: String,
        #[serde(skip_serializing_if = "omit")]
        pub namespace: Option<String>,
        #[serde(skip_serializing_if = "omit")]
        pub port: Option<i32>,
        /// Of a route's backend: its share of the traffic.
        #[serde(skip_serializing_if = "omit")]
        pub weight: Option<i32>,
    }

    /// `Gateway.spec.listeners[].allowedRoutes`.
    pub struct AllowedRoutes {
        #[serde(skip_serializing_if = "omit")]
        pub namespaces: Option<RouteNamespaces>,
        #[serde(skip_serializing_if = "omit")]
        pub kinds: Vec<RouteKind>,
    }

    /// From which namespaces routes may attach.
    pub struct RouteNamespaces {
        /// Absent: `Same`.
        #[serde(skip_serializing_if = "omit")]
        pub from: Option<NamespacesFrom>,
        #[serde(skip_serializing_if = "omit")]
        pub selector: Option<LabelSelector>,
    }

    /// A kind of route.
    pub struct RouteKind {
        #[serde(skip_serializing_if = "omit")]
        pub group: Option<String>,
        pub kind: String,
    }

    /// `Gateway.status`.
    pub struct GatewayStatus {
        #[serde(skip_serializing_if = "omit")]
        pub addresses: Vec<GatewayAddress>,
        #[serde(skip_serializing_if = "omit")]
        pub conditions: Vec<GatewayCondition>,
        #[serde(skip_serializing_if = "omit")]
        pub listeners: Vec<ListenerStatus>,
    }

    /// Where the Gateway listens.
    pub struct GatewayAddress {
        /// `IPAddress` or `Hostname`; absent means the first.
        #[serde(rename = "type", skip_serializing_if = "omit")]
        pub type_: Option<String>,
        pub value: String,
    }

    /// `Gateway.status.listeners[]`.
    pub struct ListenerStatus {
        pub name: String,
        pub attached_routes: i32,
        #[serde(skip_serializing_if = "omit")]
        pub supported_kinds: Vec<RouteKind>,
        #[serde(skip_serializing_if = "omit")]
        pub conditions: Vec<GatewayCondition>,
    }

    /// `gateway.networking.k8s.io/v1` ListenerSet: more listeners for a Gateway, in a namespace of their own.
    pub struct ListenerSet {
        pub metadata: ObjectMeta,
        pub spec: ListenerSetSpec,
    }

    /// `ListenerSet.spec`.
    pub struct ListenerSetSpec {
        pub parent_ref: ParentGatewayRef,
        pub listeners: Vec<Listener>,
    }

    /// `ListenerSet.spec.parentRef`: the Gateway that these listeners are added to.
    pub struct ParentGatewayRef {
        #[serde(skip_serializing_if = "omit")]
        pub group: Option<String>,
        #[serde(skip_serializing_if = "omit")]
        pub kind: Option<String>,
        pub name: String,
        /// Absent: that of the ListenerSet.
        #[serde(skip_serializing_if = "omit")]
        pub namespace: Option<String>,
    }

    /// `gateway.networking.k8s.io/v1` HTTPRoute.
    pub struct HttpRoute {
        pub metadata: ObjectMeta,
        pub spec: HttpRouteSpec,
        pub status: HttpRouteStatus,
    }

    /// `HTTPRoute.spec`.
    pub struct HttpRouteSpec {
        #[serde(skip_serializing_if = "omit")]
        pub parent_refs: Vec<ParentRef>,
        #[serde(skip_serializing_if = "omit")]
        pub hostnames: Vec<String>,
        #[serde(skip_serializing_if = "omit")]
        pub rules: Vec<RouteRule>,
    }

    /// `HTTPRoute.spec.rules[]`. Filters are left out.
    pub struct RouteRule {
        #[serde(skip_serializing_if = "omit")]
        pub matches: Vec<RouteMatch>,
        #[serde(skip_serializing_if = "omit")]
        pub backend_refs: Vec<GatewayObjectRef>,
    }

    /// `HTTPRoute.spec.rules[].matches[]`.
    pub struct RouteMatch {
        #[serde(skip_serializing_if = "omit")]
        pub path: Option<PathMatch>,
    }

    /// `HTTPRoute.spec.rules[].matches[].path`.
    pub struct PathMatch {
        /// Absent: `PathPrefix`.
        #[serde(rename = "type", skip_serializing_if = "omit")]
        pub type_: Option<String>,
        #[serde(skip_serializing_if = "omit")]
        pub value: Option<String>,
    }

    /// `HTTPRoute.status`.
    pub struct HttpRouteStatus {
        #[serde(skip_serializing_if = "omit")]
        pub parents: Vec<RouteParentStatus>,
    }

    /// What one Gateway controller says of the route.
    pub struct RouteParentStatus {
        pub parent_ref: ParentRef,
        pub controller_name: String,
        #[serde(skip_serializing_if = "omit")]
        pub conditions: Vec<GatewayCondition>,
    }
}

/// A condition of a Gateway, one of its listeners, or a route's parent.
pub type GatewayCondition = Condition<GatewayConditionType, GatewayReason>;

word! {
    /// Condition types of the Gateway API.
    pub enum GatewayConditionType {
        Accepted = "Accepted",
        Programmed = "Programmed",
        ResolvedRefs = "ResolvedRefs",
        Conflicted = "Conflicted",
        PartiallyInvalid = "PartiallyInvalid",
        Ready = "Ready",
    }

    /// Condition reasons of the Gateway API that bear on a solver's route.
    pub enum GatewayReason {
        Accepted = "Accepted",
        Programmed = "Programmed",
        ResolvedRefs = "ResolvedRefs",
        NotAllowedByListeners = "NotAllowedByListeners",
        NoMatchingListenerHostname = "NoMatchingListenerHostname",
        NoMatchingParent = "NoMatchingParent",
        UnsupportedValue = "UnsupportedValue",
        Pending = "Pending",
        InvalidKind = "InvalidKind",
        BackendNotFound = "BackendNotFound",
        RefNotPermitted = "RefNotPermitted",
        InvalidCertificateRef = "InvalidCertificateRef",
        InvalidRouteKinds = "InvalidRouteKinds",
        ListenersNotValid = "ListenersNotValid",
        Invalid = "Invalid",
        AddressNotAssigned = "AddressNotAssigned",
        NoResources = "NoResources",
    }

    /// `listeners[].protocol`.
    pub enum ListenerProtocol {
        Http = "HTTP",
        Https = "HTTPS",
        Tls = "TLS",
        Tcp = "TCP",
        Udp = "UDP",
    }

    /// `listeners[].tls.mode`.
    pub enum TlsMode {
        Terminate = "Terminate",
        Passthrough = "Passthrough",
    }

    /// `allowedRoutes.namespaces.from`.
    pub enum NamespacesFrom {
        All = "All",
        Same = "Same",
        Selector = "Selector",
        Nobody = "None",
    }
}

impl ListenerSet {
    /// The namespace of the parent Gateway: that of the reference, else the object's own.
    pub fn parent_namespace(&self) -> Option<&str> {
        let named = self.spec.parent_ref.namespace.as_deref().filter(|namespace| !namespace.is_empty());
        named.or(self.metadata.namespace.as_deref())
    }
}
