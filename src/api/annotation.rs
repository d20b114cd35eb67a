//! Annotations, labels and finalizers of cert-manager.
//!
//! Sources: cert-manager's `pkg/apis/certmanager/v1/types.go` and `pkg/apis/acme/v1/types.go`.

/// Written by `kubectl apply` on what it applies; its value repeats the whole object and is never shown.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// What a bundle of ours has in its place.
pub const WAS_APPLIED: &str = "cert.kubectl.dev/was-applied";
/// On Secret and CertificateRequest: the Certificate it belongs to.
pub const CERTIFICATE_NAME: &str = "cert-manager.io/certificate-name";
/// On CertificateRequest: which issuance of the Certificate, a decimal number.
pub const CERTIFICATE_REVISION: &str = "cert-manager.io/certificate-revision";
/// On CertificateRequest: the Secret that held the key when the request was made.
pub const PRIVATE_KEY_SECRET_NAME: &str = "cert-manager.io/private-key-secret-name";
/// On issuers, Certificates and CertificateRequests: fields for Venafi's products, as JSON.
pub const VENAFI_CUSTOM_FIELDS: &str = "venafi.cert-manager.io/custom-fields";
/// On Secret: `issuerRef.name` of the request that was stored.
pub const ISSUER_NAME: &str = "cert-manager.io/issuer-name";
/// On Secret: `issuerRef.kind`; on Ingress and Gateway: the kind to use.
pub const ISSUER_KIND: &str = "cert-manager.io/issuer-kind";
/// On Secret: `issuerRef.group`; on Ingress and Gateway: the group to use.
pub const ISSUER_GROUP: &str = "cert-manager.io/issuer-group";
/// On Secret and shim objects: the common name.
pub const COMMON_NAME: &str = "cert-manager.io/common-name";
/// On Secret and shim objects: DNS names, comma separated.
pub const ALT_NAMES: &str = "cert-manager.io/alt-names";
/// On Secret and shim objects: IP addresses, comma separated.
pub const IP_SANS: &str = "cert-manager.io/ip-sans";
/// On Secret: URIs, comma separated.
pub const URI_SANS: &str = "cert-manager.io/uri-sans";
/// On Secret and shim objects: mail addresses, comma separated.
pub const EMAIL_SANS: &str = "cert-manager.io/email-sans";
/// On Secret and shim objects: organizations of the subject, comma separated.
pub const SUBJECT_ORGANIZATIONS: &str = "cert-manager.io/subject-organizations";
/// On Secret and shim objects: organizational units of the subject, comma separated.
pub const SUBJECT_ORGANIZATIONAL_UNITS: &str = "cert-manager.io/subject-organizationalunits";
/// On Secret and shim objects: countries of the subject, comma separated.
pub const SUBJECT_COUNTRIES: &str = "cert-manager.io/subject-countries";
/// On Secret and shim objects: provinces of the subject, comma separated.
pub const SUBJECT_PROVINCES: &str = "cert-manager.io/subject-provinces";
/// On Secret and shim objects: localities of the subject, comma separated.
pub const SUBJECT_LOCALITIES: &str = "cert-manager.io/subject-localities";
/// On Secret and shim objects: postal codes of the subject, comma separated.
pub const SUBJECT_POSTAL_CODES: &str = "cert-manager.io/subject-postalcodes";
/// On Secret and shim objects: street addresses of the subject, comma separated.
pub const SUBJECT_STREET_ADDRESSES: &str = "cert-manager.io/subject-streetaddresses";
/// On Secret and shim objects: the subject's own serial number, which is not the certificate's.
pub const SUBJECT_SERIAL_NUMBER: &str = "cert-manager.io/subject-serialnumber";
/// On Certificate: `true` asks for a self-signed certificate until the real one is there.
pub const ISSUE_TEMPORARY_CERTIFICATE: &str = "cert-manager.io/issue-temporary-certificate";
/// On Secret: `true` lets the CA injector read it.
pub const ALLOW_DIRECT_INJECTION: &str = "cert-manager.io/allow-direct-injection";
/// On webhook configurations, APIService and CRD: `namespace/certificate` whose CA is injected.
pub const INJECT_CA_FROM: &str = "cert-manager.io/inject-ca-from";
/// On webhook configurations, APIService and CRD: `namespace/secret` whose CA is injected.
pub const INJECT_CA_FROM_SECRET: &str = "cert-manager.io/inject-ca-from-secret";
/// On webhook configurations, APIService and CRD: inject the API server's CA.
pub const INJECT_APISERVER_CA: &str = "cert-manager.io/inject-apiserver-ca";

/// On Ingress, Gateway, ListenerSet: the Issuer to use.
pub const SHIM_ISSUER: &str = "cert-manager.io/issuer";
/// On Ingress, Gateway, ListenerSet: the ClusterIssuer to use.
pub const SHIM_CLUSTER_ISSUER: &str = "cert-manager.io/cluster-issuer";
/// On shim objects: `spec.duration`.
pub const SHIM_DURATION: &str = "cert-manager.io/duration";
/// On shim objects: `spec.renewBefore`.
pub const SHIM_RENEW_BEFORE: &str = "cert-manager.io/renew-before";
/// On shim objects: `spec.renewBeforePercentage`.
pub const SHIM_RENEW_BEFORE_PERCENTAGE: &str = "cert-manager.io/renew-before-percentage";
/// On shim objects: `spec.usages`, comma separated.
pub const SHIM_USAGES: &str = "cert-manager.io/usages";
/// On shim objects: `spec.revisionHistoryLimit`.
pub const SHIM_REVISION_HISTORY_LIMIT: &str = "cert-manager.io/revision-history-limit";
/// On shim objects: `spec.privateKey.algorithm`.
pub const SHIM_KEY_ALGORITHM: &str = "cert-manager.io/private-key-algorithm";
/// On shim objects: `spec.privateKey.encoding`.
pub const SHIM_KEY_ENCODING: &str = "cert-manager.io/private-key-encoding";
/// On shim objects: `spec.privateKey.size`.
pub const SHIM_KEY_SIZE: &str = "cert-manager.io/private-key-size";
/// On shim objects: `spec.privateKey.rotationPolicy`.
pub const SHIM_ROTATION_POLICY: &str = "cert-manager.io/private-key-rotation-policy";
/// On shim objects: `spec.secretTemplate`, as JSON.
pub const SHIM_SECRET_TEMPLATE: &str = "cert-manager.io/secret-template";
/// On Gateway and ListenerSet: names of listeners that get no Certificate, comma separated.
pub const SHIM_IGNORE_LISTENERS: &str = "cert-manager.io/ignore-tls-listeners";
/// On Ingress: `true` asks for a Certificate from the default issuer.
pub const TLS_ACME: &str = "kubernetes.io/tls-acme";
/// On ListenerSet: true attaches the solver's route to the parent Gateway and not to the ListenerSet.
pub const HTTP01_PARENT_REF_FALLBACK: &str = "acme.cert-manager.io/http01-parentreffallback";
/// On Ingress: solve HTTP-01 on the same Ingress.
pub const HTTP01_EDIT_IN_PLACE: &str = "acme.cert-manager.io/http01-edit-in-place";
/// On Ingress: class of the solver's Ingress.
pub const HTTP01_INGRESS_CLASS: &str = "acme.cert-manager.io/http01-ingress-class";
/// On Ingress: class name of the solver's Ingress.
pub const HTTP01_INGRESS_CLASS_NAME: &str = "acme.cert-manager.io/http01-ingress-ingressclassname";
/// On Ingress: the class, before `spec.ingressClassName` existed.
pub const INGRESS_CLASS: &str = "kubernetes.io/ingress.class";

/// On Certificate, CertificateRequest, Order: edit this Ingress.
pub const HTTP01_OVERRIDE_NAME: &str = "acme.cert-manager.io/http01-override-ingress-name";
/// On Certificate, CertificateRequest, Order: use this class.
pub const HTTP01_OVERRIDE_CLASS: &str = "acme.cert-manager.io/http01-override-ingress-class";
/// On Certificate, CertificateRequest, Order: use this class name.
pub const HTTP01_OVERRIDE_CLASS_NAME: &str = "acme.cert-manager.io/http01-override-ingress-ingressclassname";
/// On Certificate, CertificateRequest, Order: the Gateway (or other parent) to attach the solver's route to.
pub const HTTP01_PARENT_REF_NAME: &str = "acme.cert-manager.io/http01-parentrefname";
/// The kind of that parent.
pub const HTTP01_PARENT_REF_KIND: &str = "acme.cert-manager.io/http01-parentrefkind";
/// The namespace of that parent; default that of the Order.
pub const HTTP01_PARENT_REF_NAMESPACE: &str = "acme.cert-manager.io/http01-parentrefnamespace";

/// Label on Secrets that cert-manager's filtered cache watches.
pub const PART_OF_CERT_MANAGER: &str = "controller.cert-manager.io/fao";
/// Label on the Secret with the next private key.
pub const NEXT_PRIVATE_KEY: &str = "cert-manager.io/next-private-key";
/// Label on solver objects: decimal Adler-32 of the DNS name.
pub const SOLVER_DOMAIN: &str = "acme.cert-manager.io/http-domain";
/// Label on solver objects: decimal Adler-32 of the token.
pub const SOLVER_TOKEN: &str = "acme.cert-manager.io/http-token";
/// Label on solver objects: `true`.
pub const SOLVER: &str = "acme.cert-manager.io/http01-solver";

/// Finalizer on a Challenge whose clean-up is pending.
pub const CHALLENGE_FINALIZER: &str = "acme.cert-manager.io/finalizer";
/// The same, in releases before 1.19.
pub const CHALLENGE_FINALIZER_LEGACY: &str = "finalizer.acme.cert-manager.io";

/// Label by which `kubectl apply --applyset` prunes; the shims do not pass it on.
pub const APPLYSET_PART_OF: &str = "applyset.kubernetes.io/part-of";
