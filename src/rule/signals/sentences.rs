//! The sentences, by the part of the chain that they are about: the rule of the fault, where it stands, what it says.

use super::Place;
use super::Place::{
    Call, Check, Ended, Failed, Issuer, Order, OwnIssuer, Record, RecordRefused, Refused, Typed, Unapproved,
    Unpresented, Unready, Unseen, Unsigned, Unsolved, Waiting,
};

pub(super) type Sentence = (&'static str, Place, &'static str);

const REGISTER: &str = "ErrRegisterACMEAccount";
const CLOUDFLARE: &str = "cloudflare: {apiTokenSecretRef: {name: x, key: token}}";
const ROUTE53: &str =
    "route53: {region: eu-central-1, accessKeyID: A, secretAccessKeySecretRef: {name: aws, key: secret}}";
const AZURE: &str = "azureDNS: {subscriptionID: s, resourceGroupName: g}";
const GOOGLE: &str = "cloudDNS: {project: p, serviceAccountSecretRef: {name: g, key: key.json}}";
const RFC2136: &str = "rfc2136: {nameserver: '192.0.2.1:53', tsigKeyName: k, tsigSecretSecretRef: {name: t, key: k}}";
const WEBHOOK: &str = "webhook: {groupName: acme.example.org, solverName: x}";

pub(super) const ISSUERS: &[Sentence] = &[
    (
        "issuer-not-found",
        Waiting,
        r#"Referenced "ClusterIssuer" not found: clusterissuer.cert-manager.io "letsencrypt" not found"#,
    ),
    ("issuer-not-ready", Waiting, "Referenced issuer does not have a Ready status condition"),
    ("issuer-without-type-or-two-types", Waiting, "Missing issuer type: no issuer specified for Issuer '/letsencrypt'"),
    (
        "acme-account-registration-failed",
        Issuer(REGISTER),
        "Failed to register ACME account: Get \"https://acme-v02.api.letsencrypt.org/directory\": dial tcp: lookup acme-v02.api.letsencrypt.org on 10.96.0.10:53: server misbehaving",
    ),
    (
        "acme-account-registration-failed",
        Issuer(REGISTER),
        "Failed to register ACME account: Get \"https://acme-v02.api.letsencrypt.org/directory\": dial tcp 172.65.32.248:443: i/o timeout",
    ),
    (
        "acme-email-forbidden",
        Issuer(REGISTER),
        "Failed to register ACME account: 400 urn:ietf:params:acme:error:invalidContact: Error creating new account",
    ),
    (
        "acme-email-forbidden",
        Issuer(REGISTER),
        "Failed to register ACME account: invalid contact domain. Contact emails @example.com are forbidden",
    ),
    (
        "acme-eab-missing-or-wrong",
        Issuer(REGISTER),
        "Failed to register ACME account: 400 urn:ietf:params:acme:error:externalAccountRequired: External account required",
    ),
    (
        "acme-eab-missing-or-wrong",
        Issuer(REGISTER),
        "failed to find external account binding key data in Secret \"eab\" at index \"secret\"",
    ),
    (
        "acme-eab-missing-or-wrong",
        Issuer(REGISTER),
        "failed to decode external account binding key data: illegal base64 data at input byte 4",
    ),
    (
        "acme-eab-missing-or-wrong",
        Issuer(REGISTER),
        "Failed to register ACME account: 403 urn:ietf:params:acme:error:unauthorized: The account is not awaiting external account binding",
    ),
    (
        "acme-account-key-not-rsa",
        Issuer("ErrVerifyACMEAccount"),
        "ACME private key in \"letsencrypt-account\" is not of type RSA",
    ),
    (
        "acme-account-key-not-rsa",
        Issuer("ErrVerifyACMEAccount"),
        "Account private key is invalid: error decoding private key PEM block",
    ),
    (
        "acme-old-or-wrong-server",
        Issuer("InvalidConfig"),
        "Your ACME server URL is set to a v1 endpoint (https://acme-v01.api.letsencrypt.org/directory). You should update the spec.acme.server field",
    ),
    (
        "acme-old-or-wrong-server",
        Issuer("InvalidURL"),
        "Failed to parse existing ACME server URI \"htps:/x\": parse error",
    ),
    (
        "acme-old-or-wrong-server",
        OwnIssuer(REGISTER),
        "Failed to register ACME account: acme: 404 page not found: 404 Not Found",
    ),
    (
        "acme-old-or-wrong-server",
        OwnIssuer(REGISTER),
        "Failed to register ACME account: invalid character '<' looking for beginning of value",
    ),
    (
        "acme-private-server-tls",
        OwnIssuer(REGISTER),
        "Failed to register ACME account: Get \"https://ca.example.com/\": tls: failed to verify certificate: x509: certificate signed by unknown authority",
    ),
    (
        "invalid-solver-secret",
        Issuer("InvalidSolver"),
        "failed to get secret \"cloudflare\": secrets \"cloudflare\" not found",
    ),
    ("invalid-solver-secret", Issuer("InvalidSolver"), "the secret \"cloudflare\" does not have key \"token\""),
    (
        "acme-account-key-lost-or-shared",
        Order,
        "Failed to create Order: 400 urn:ietf:params:acme:error:malformed: JWS verification error",
    ),
    (
        "acme-account-key-lost-or-shared",
        Order,
        "Failed to create Order: 400 urn:ietf:params:acme:error:accountDoesNotExist: Account does not exist",
    ),
];

pub(super) const REQUESTS: &[Sentence] = &[
    ("request-never-approved", Unapproved("WaitingForApproval"), "Not signing CertificateRequest until it is Approved"),
    ("request-never-approved", Unapproved("Unprocessed"), "Request is not applicable for any policy so ignoring"),
    (
        "approver-may-not-approve-signer",
        Unapproved("Error"),
        "admission webhook \"webhook.cert-manager.io\" denied the request: user \"system:serviceaccount:cert-manager:cert-manager\" does not have permissions to set approved/denied conditions for issuer {letsencrypt ClusterIssuer cert-manager.io}",
    ),
    (
        "approver-may-not-approve-signer",
        Unapproved("Error"),
        "admission webhook \"webhook.cert-manager.io\" denied the request: referenced signer resource does not exist: {x X x.example.com}",
    ),
    ("foreign-issuer-grabs-request", Failed, "Unknown issuer kind: ClusterIssuer"),
    (
        "ca-secret-equals-leaf-secret",
        Failed,
        "Failed to decode returned certificate: with CA issuers, ensure the Certificate's secretName is different from the CA issuer's secretName",
    ),
    ("certificate-invalid-csr", Call, "Failed to generate CSR: cannot parse literalSubject - will not retry"),
    (
        "webhook-no-endpoints",
        Call,
        "Failed to create CertificateRequest: Internal error occurred: failed calling webhook \"webhook.cert-manager.io\": failed to call webhook: Post \"https://cert-manager-webhook.cert-manager.svc:443/validate?timeout=30s\": no endpoints available for service \"cert-manager-webhook\"",
    ),
    (
        "webhook-no-endpoints",
        Call,
        "Failed to create CertificateRequest: Internal error occurred: failed calling webhook \"webhook.cert-manager.io\": Post \"https://x\": dial tcp 10.96.12.7:443: connect: connection refused",
    ),
    (
        "webhook-no-endpoints",
        Call,
        "Failed to create CertificateRequest: Internal error occurred: failed calling webhook \"webhook.cert-manager.io\": Post \"https://x\": service \"cert-manager-webhook\" not found",
    ),
    (
        "webhook-unreachable-from-apiserver",
        Call,
        "Failed to create CertificateRequest: Internal error occurred: failed calling webhook \"webhook.cert-manager.io\": Post \"https://x\": context deadline exceeded",
    ),
    (
        "webhook-unreachable-from-apiserver",
        Call,
        "Failed to create CertificateRequest: Internal error occurred: failed calling webhook \"webhook.cert-manager.io\": Post \"https://x\": dial tcp 10.0.0.1:10250: i/o timeout",
    ),
    (
        "webhook-unreachable-from-apiserver",
        Call,
        "Failed to create CertificateRequest: Internal error occurred: failed calling webhook \"webhook.cert-manager.io\": Post \"https://x\": net/http: TLS handshake timeout",
    ),
    (
        "webhook-unreachable-from-apiserver",
        Call,
        "Failed to create CertificateRequest: Internal error occurred: failed calling webhook \"webhook.cert-manager.io\": Post \"https://x\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)",
    ),
    (
        "webhook-unreachable-from-apiserver",
        Call,
        "Failed to create CertificateRequest: Internal error occurred: failed calling webhook \"webhook.cert-manager.io\": received unexpected response: 502 Bad Gateway",
    ),
    (
        "webhook-ca-mismatch",
        Call,
        "Failed to create CertificateRequest: Internal error occurred: failed calling webhook \"webhook.cert-manager.io\": Post \"https://x\": tls: failed to verify certificate: x509: certificate signed by unknown authority",
    ),
    (
        "webhook-ca-mismatch",
        Call,
        "Failed to create CertificateRequest: Internal error occurred: failed calling webhook \"webhook.cert-manager.io\": Post \"https://x\": x509: certificate is valid for ip-10-0-0-1.eu-central-1.compute.internal, not cert-manager-webhook.cert-manager.svc",
    ),
    (
        "webhook-ca-mismatch",
        Call,
        "Failed to create CertificateRequest: Internal error occurred: failed calling webhook \"webhook.cert-manager.io\": Post \"https://x\": x509: certificate has expired or is not yet valid: current time 2026-11-22T06:00:00Z is after 2026-11-21T06:00:00Z",
    ),
];

pub(super) const ORDERS: &[Sentence] = &[
    (
        "order-rate-limited",
        Order,
        "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: Error creating new order :: too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2026-11-23 11:00:00 UTC",
    ),
    (
        "order-rate-limited",
        Order,
        "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: Error creating new order :: too many certificates (50) already issued for \"example.com\" in the last 168h0m0s",
    ),
    (
        "order-rate-limited",
        Order,
        "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: Error creating new order :: too many new orders recently",
    ),
    (
        "order-rate-limited",
        Order,
        "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: Error creating new order :: too many failed authorizations (5) for \"web.example.com\" in the last 1h0m0s",
    ),
    (
        "order-rate-limited",
        Order,
        "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: too many new registrations (10) from this IP address in the last 3h0m0s",
    ),
    ("order-zerossl-429", Order, "Failed to create Order: 429 : 429 Too Many Requests"),
    (
        "order-identifier-rejected",
        Order,
        "Failed to create Order: 400 urn:ietf:params:acme:error:rejectedIdentifier: Error creating new order :: Cannot issue for \"web.shop.svc\": Domain name does not end with a valid public suffix (TLD)",
    ),
    (
        "order-identifier-rejected",
        Order,
        "Failed to create Order: 400 urn:ietf:params:acme:error:malformed: Error creating new order :: Cannot issue for \"web\": Domain name needs at least one dot",
    ),
    (
        "order-identifier-rejected",
        Order,
        "Failed to create Order: 400 urn:ietf:params:acme:error:malformed: Error creating new order :: Domain name contains an invalid character",
    ),
    (
        "order-identifier-rejected",
        Order,
        "Failed to create Order: 400 urn:ietf:params:acme:error:malformed: Domain name contains wildcard characters where they are not allowed",
    ),
    (
        "order-identifier-rejected",
        Order,
        "Failed to create Order: 400 urn:ietf:params:acme:error:rejectedIdentifier: The ACME server refuses to issue a certificate for this domain name, because it is forbidden by policy",
    ),
    (
        "order-no-solver",
        Unsolved,
        "Failed to determine a valid solver configuration for the set of domains on the Order: no configured challenge solvers can be used for this challenge",
    ),
    (
        "http01-gateway-solver",
        Unsolved,
        "Failed to determine a valid solver configuration for the set of domains on the Order: must specify parentRefs either through annotations or solver config",
    ),
    (
        "order-gone-at-ca",
        Order,
        "Failed to retrieve Order resource: 404 urn:ietf:params:acme:error:malformed: No order for ID 123",
    ),
    (
        "order-finalize-badcsr",
        Order,
        "Failed to finalize Order: 400 urn:ietf:params:acme:error:badCSR: Error finalizing order :: invalid public key in CSR: key size not supported: 8192",
    ),
    (
        "order-profile-refused",
        Order,
        "Failed to create Order: 400 urn:ietf:params:acme:error:invalidProfile: profile \"fast\" not in set of supported profiles",
    ),
    ("order-profile-refused", Order, "Failed to create Order: acme: certificate authority does not support profiles"),
    (
        "too-many-names",
        Order,
        "Failed to create Order: 400 urn:ietf:params:acme:error:malformed: Order included more than 100 identifiers",
    ),
    (
        "caa-forbids",
        Order,
        "Failed to finalize Order: 403 urn:ietf:params:acme:error:caa: Error finalizing order :: Rechecking CAA for \"web.example.com\" and 1 more identifiers failed. Refer to sub-problems for more information",
    ),
    (
        "challenge-errored-by-network-blip",
        Ended("errored"),
        "unexpected non-ACME API error: Post \"https://acme-v02.api.letsencrypt.org/acme/chall/1\": net/http: TLS handshake timeout",
    ),
    (
        "authorization-expired",
        Ended("expired"),
        "Error accepting challenge: 400 urn:ietf:params:acme:error:malformed: authorization must be pending",
    ),
    (
        "authorization-expired",
        Ended("invalid"),
        "Error accepting challenge: 404 urn:ietf:params:acme:error:malformed: Expired authorization",
    ),
];

pub(super) const HTTP01: &[Sentence] = &[
    ("http01-404", Check, "wrong status code '404', expected '200'"),
    ("http01-403-or-401", Check, "wrong status code '403', expected '200'"),
    ("http01-403-or-401", Check, "wrong status code '401', expected '200'"),
    ("http01-503-or-502", Check, "wrong status code '503', expected '200'"),
    ("http01-503-or-502", Check, "wrong status code '502', expected '200'"),
    ("http01-503-or-502", Check, "wrong status code '504', expected '200'"),
    (
        "http01-self-check-cannot-reach",
        Check,
        "failed to perform self check GET request 'http://x/': Get \"http://x/\": dial tcp 203.0.113.7:80: connect: connection refused",
    ),
    (
        "http01-self-check-cannot-reach",
        Check,
        "failed to perform self check GET request 'http://x/': Get \"http://x/\": dial tcp 203.0.113.7:80: i/o timeout",
    ),
    (
        "http01-self-check-cannot-reach",
        Check,
        "failed to perform self check GET request 'http://x/': Get \"http://x/\": EOF",
    ),
    (
        "http01-self-check-cannot-reach",
        Check,
        "failed to perform self check GET request 'http://x/': Get \"http://x/\": read tcp 10.0.0.9:44321->203.0.113.7:80: read: connection reset by peer",
    ),
    (
        "http01-dns-missing-or-wrong",
        Check,
        "failed to perform self check GET request 'http://x/': Get \"http://x/\": dial tcp: lookup x on 10.96.0.10:53: no such host",
    ),
    (
        "http01-wrong-body",
        Check,
        "did not get expected response \"KEY\" when querying endpoint, expected \"KEY\" but got: <html><head>... (truncated)",
    ),
    ("http01-wrong-body", Check, "did not get expected response when querying endpoint, expected \"KEY\""),
    (
        "http01-solver-pod-not-running",
        Unpresented,
        "pods \"cm-acme-http-solver-\" is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false",
    ),
    (
        "http01-solver-pod-not-running",
        Unpresented,
        "pods \"cm-acme-http-solver-x\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=4, limited: pods=4",
    ),
    (
        "http01-solver-pod-not-running",
        Unpresented,
        "pods \"cm-acme-http-solver-x\" is forbidden: failed quota: q: must specify limits.cpu for: acmesolver",
    ),
    (
        "http01-pathtype-exact-refused",
        Unpresented,
        "admission webhook \"validate.nginx.ingress.kubernetes.io\" denied the request: ingress contains invalid paths: path /.well-known/acme-challenge/x cannot be used with pathType Exact",
    ),
    (
        "http01-pathtype-exact-refused",
        Unpresented,
        "Translation failed: only \"ImplementationSpecific\" path type is supported",
    ),
    (
        "http01-redirect-to-https",
        Refused,
        "400 urn:ietf:params:acme:error:connection: 203.0.113.7: Fetching https://web.example.com/.well-known/acme-challenge/x: remote error: tls: handshake failure",
    ),
    (
        "http01-redirect-to-https",
        Refused,
        "400 urn:ietf:params:acme:error:connection: 203.0.113.7: Fetching https://web.example.com/x: too many redirects",
    ),
    (
        "http01-redirect-to-https",
        Refused,
        "400 urn:ietf:params:acme:error:connection: 203.0.113.7: Fetching http://web.example.com/x: Redirect loop detected",
    ),
    (
        "http01-ca-cannot-connect",
        Refused,
        "400 urn:ietf:params:acme:error:connection: 203.0.113.7: Fetching http://web.example.com/x: Timeout during connect (likely firewall problem)",
    ),
    (
        "http01-ca-cannot-connect",
        Refused,
        "400 urn:ietf:params:acme:error:connection: 203.0.113.7: Fetching http://web.example.com/x: Connection refused",
    ),
    (
        "http01-secondary-validation",
        Refused,
        "400 urn:ietf:params:acme:error:connection: During secondary validation: 203.0.113.7: Fetching http://web.example.com/x: Timeout during connect",
    ),
    (
        "http01-ipv6",
        Refused,
        "400 urn:ietf:params:acme:error:connection: 2001:db8::7: Fetching http://web.example.com/x: Connection refused",
    ),
    (
        "http01-dns-missing-or-wrong",
        Refused,
        "400 urn:ietf:params:acme:error:dns: DNS problem: NXDOMAIN looking up A for web.example.com - check that a DNS record exists for this domain",
    ),
    (
        "http01-dns-missing-or-wrong",
        Refused,
        "400 urn:ietf:params:acme:error:dns: no valid A records found for web.example.com; no valid AAAA records found for web.example.com",
    ),
    ("caa-forbids", Refused, "403 urn:ietf:params:acme:error:caa: CAA record for example.com prevents issuance"),
    (
        "caa-lookup-fails",
        Refused,
        "400 urn:ietf:params:acme:error:dns: DNS problem: SERVFAIL looking up CAA for example.com - the domain's nameservers may be malfunctioning",
    ),
    (
        "caa-lookup-fails",
        Refused,
        "400 urn:ietf:params:acme:error:dns: DNS problem: query timed out looking up CAA for example.com",
    ),
];

pub(super) const DNS01: &[Sentence] = &[
    ("dns01-not-propagated", Unseen(10), "DNS record for \"web.example.com\" not yet propagated"),
    ("dns01-split-horizon", Unseen(180), "DNS record for \"web.example.com\" not yet propagated"),
    ("dns01-port-53-blocked", Unseen(10), "dial tcp 198.51.100.53:53: i/o timeout"),
    ("dns01-port-53-blocked", Unseen(10), "read udp 10.0.0.9:44321->198.51.100.53:53: i/o timeout"),
    (
        "dns01-zone-search-failed",
        Record(CLOUDFLARE),
        "Could not find the SOA record in the DNS tree for the domain '_acme-challenge.web.example.com.' using nameservers [10.96.0.10:53]",
    ),
    (
        "dns01-zone-search-failed",
        Record(CLOUDFLARE),
        "When querying the SOA record for the domain '_acme-challenge.web.example.com.' using nameservers [10.96.0.10:53], rcode was expected to be 'NOERROR' or 'NXDOMAIN', but got 'SERVFAIL'",
    ),
    (
        "dns01-zone-search-failed",
        Unseen(10),
        "Could not determine authoritative nameservers for \"_acme-challenge.web.example.com.\"",
    ),
    (
        "dns01-cname-delegation",
        Unseen(10),
        "Found recursive CNAME record to \"a.example.com.\" when looking up \"_acme-challenge.web.example.com.\"",
    ),
    (
        "dns01-cloudflare",
        Record(CLOUDFLARE),
        "while attempting to find Zones for domain _acme-challenge.web.example.com\nwhile querying the Cloudflare API for GET \"/zones?name=x\" \n\t Error: 6003: Invalid request headers<- 6103: Invalid format for X-Auth-Key header",
    ),
    (
        "dns01-cloudflare",
        Record(CLOUDFLARE),
        "while attempting to find Zones for domain x\n\t Error: 9109: Invalid access token",
    ),
    (
        "dns01-cloudflare",
        Record(CLOUDFLARE),
        "while attempting to find Zones for domain x\n\t Error: 10000: Authentication error",
    ),
    (
        "dns01-cloudflare",
        Record(CLOUDFLARE),
        "Found no Zones for domain _acme-challenge.web.example.com. (neither in the sub-domain nor in the SLD) please make sure your domain-entries in the config are correct and the API key is correctly setup with Zone.read rights.",
    ),
    (
        "dns01-route53",
        Record(ROUTE53),
        "failed to determine Route 53 hosted zone ID: AccessDenied: User is not authorized",
    ),
    (
        "dns01-route53",
        Record(ROUTE53),
        "failed to change Route 53 record set: operation error Route 53: ChangeResourceRecordSets, AccessDenied",
    ),
    (
        "dns01-route53",
        Record(ROUTE53),
        "failed to determine Route 53 hosted zone ID: InvalidClientTokenId: The security token included in the request is invalid",
    ),
    ("dns01-route53", Record(ROUTE53), "failed to determine Route 53 hosted zone ID: SignatureDoesNotMatch"),
    (
        "dns01-route53",
        Record(ROUTE53),
        "failed to change Route 53 record set: NoSuchHostedZone: No hosted zone found with ID: Z1",
    ),
    (
        "dns01-route53",
        Record(ROUTE53),
        "failed to change Route 53 record set: InvalidChangeBatch: [RRSet with DNS name _acme-challenge.web.example.com. is not permitted in zone example.org.]",
    ),
    (
        "dns01-route53",
        Record(ROUTE53),
        "unable to construct route53 provider: empty credentials; perhaps you meant to enable ambient credentials?",
    ),
    (
        "dns01-azure",
        Record(AZURE),
        "PUT https://management.azure.com/x: 403 Forbidden: AuthorizationFailed: The client 'c' does not have authorization to perform action 'Microsoft.Network/dnsZones/TXT/write'",
    ),
    ("dns01-azure", Record(AZURE), "ManagedIdentityCredential authentication failed: Identity not found"),
    ("dns01-azure", Record(AZURE), "<redacted Azure SDK error: azcore.ResponseError: see events and logs for details>"),
    ("dns01-google", Record(GOOGLE), "GoogleCloud API call failed: googleapi: Error 403: Forbidden, forbidden"),
    ("dns01-google", Record(GOOGLE), "No matching GoogleCloud domain found for domain example.com."),
    (
        "dns01-credentials-missing",
        Record(GOOGLE),
        "error getting clouddns service account: specified key \"key.json\" not found in secret shop/g",
    ),
    ("dns01-credentials-missing", Record(CLOUDFLARE), "error getting cloudflare secret: secrets \"x\" not found"),
    ("dns01-rfc2136-and-others", Record(RFC2136), "DNS update failed. Server replied: REFUSED"),
    ("dns01-rfc2136-and-others", Record(RFC2136), "DNS update failed. Server replied: NOTAUTH"),
    ("dns01-rfc2136-and-others", Record(RFC2136), "DNS update failed. Server replied: BADKEY"),
    ("dns01-rfc2136-and-others", Record(RFC2136), "algorithm 'sha256' is not supported"),
    ("dns01-rfc2136-and-others", Record(RFC2136), "error decoding the provided TSIG secret: illegal base64 data"),
    (
        "dns01-rfc2136-and-others",
        Record("digitalocean: {tokenSecretRef: {name: t, key: k}}"),
        "GET https://api.digitalocean.com/v2/domains/example.com/records: 404 The resource you were accessing could not be found.",
    ),
    (
        "dns01-rfc2136-and-others",
        Record("acmeDNS: {host: 'https://auth.example.org', accountSecretRef: {name: a, key: k}}"),
        "account credentials not found for domain web.example.com",
    ),
    (
        "dns01-webhook-solver-rbac",
        Record(WEBHOOK),
        "x.acme.example.org is forbidden: User \"system:serviceaccount:cert-manager:cert-manager\" cannot create resource \"x\" in API group \"acme.example.org\" at the cluster scope",
    ),
    (
        "dns01-webhook-solver-unavailable",
        Record(WEBHOOK),
        "the server is currently unable to handle the request (post x.acme.example.org)",
    ),
    (
        "dns01-webhook-solver-unavailable",
        Record(WEBHOOK),
        "the server could not find the requested resource (post x.acme.example.org)",
    ),
    (
        "dns01-stale-txt-records",
        RecordRefused,
        "403 urn:ietf:params:acme:error:unauthorized: Incorrect TXT record \"abc\" (and 1 more) found at _acme-challenge.web.example.com",
    ),
    (
        "dns01-dnssec-or-ns-broken",
        RecordRefused,
        "400 urn:ietf:params:acme:error:dns: DNS problem: SERVFAIL looking up TXT for _acme-challenge.web.example.com",
    ),
    (
        "dns01-dnssec-or-ns-broken",
        RecordRefused,
        "400 urn:ietf:params:acme:error:dns: DNS problem: looking up TXT for _acme-challenge.web.example.com: DNSSEC: DNSKEY Missing",
    ),
    (
        "dns01-dnssec-or-ns-broken",
        RecordRefused,
        "400 urn:ietf:params:acme:error:dns: DNS problem: query timed out looking up TXT for _acme-challenge.web.example.com",
    ),
    (
        "http01-secondary-validation",
        RecordRefused,
        "403 urn:ietf:params:acme:error:unauthorized: During secondary validation: No TXT record found at _acme-challenge.web.example.com",
    ),
];

const CA: &str = "ca: {secretName: root}";
const VAULT: &str = "vault: {server: 'https://vault.example.com', path: pki/sign/web, auth: {kubernetes: {mountPath: \
                     /v1/auth/kubernetes, role: cm, serviceAccountRef: {name: vault-issuer}}}}";
const VENAFI: &str = "venafi: {zone: shop, cloud: {apiTokenSecretRef: {name: v, key: api-key}}}";

pub(super) const SIGNERS: &[Sentence] = &[
    (
        "ca-secret-missing",
        Typed(CA, "ErrGetKeyPair"),
        "Error getting keypair for CA issuer: secrets \"root\" not found",
    ),
    (
        "ca-secret-missing",
        Typed(CA, "ErrGetKeyPair"),
        "Error getting keypair for CA issuer: no data for \"tls.crt\" in secret 'shop/root'",
    ),
    ("ca-not-a-ca", Typed(CA, "ErrInvalidKeyPair"), "Error getting keypair for CA issuer: certificate is not a CA"),
    (
        "selfsigned-missing-annotation",
        Unsigned("selfSigned: {}"),
        "Annotation \"cert-manager.io/private-key-secret-name\" missing or reference empty",
    ),
    (
        "vault-wrong-path",
        Unsigned(VAULT),
        "Vault failed to sign certificate: failed to sign certificate by vault: Error making API request. Code: 400. Errors: * unknown role: web",
    ),
    (
        "vault-wrong-path",
        Unsigned(VAULT),
        "Vault failed to sign certificate: failed to sign certificate by vault: Error making API request. Code: 404. Errors: * no handler for route \"pki/sign/web\"",
    ),
    (
        "vault-wrong-path",
        Unsigned(VAULT),
        "Vault failed to sign certificate: failed to sign certificate by vault: Error making API request. Code: 404. Errors: * unsupported path",
    ),
    (
        "vault-wrong-path",
        Unsigned(VAULT),
        "Vault failed to sign certificate: failed to sign certificate by vault: Error making API request. Code: 403. Errors: * permission denied",
    ),
    (
        "vault-role-refuses",
        Unsigned(VAULT),
        "Vault failed to sign certificate: failed to sign certificate by vault: Code: 400. Errors: * common name web.example.com not allowed by this role",
    ),
    (
        "vault-role-refuses",
        Unsigned(VAULT),
        "Vault failed to sign certificate: failed to sign certificate by vault: Code: 400. Errors: * subject alternate name web.example.com not allowed by this role",
    ),
    (
        "vault-role-refuses",
        Unsigned(VAULT),
        "Vault failed to sign certificate: failed to sign certificate by vault: Code: 400. Errors: * cannot satisfy request, as TTL would result in notAfter 2027-11-22T00:00:00Z that is beyond the expiration of the CA certificate at 2027-01-01T00:00:00Z",
    ),
    (
        "vault-auth",
        Typed(VAULT, "VaultError"),
        "Failed to initialize Vault client: while requesting a Vault token using the Kubernetes auth: error calling Vault server: Error making API request. Code: 403. Errors: * permission denied",
    ),
    (
        "vault-auth",
        Typed(VAULT, "VaultError"),
        "Failed to initialize Vault client: while requesting a token for the service account shop/vault-issuer: serviceaccounts \"vault-issuer\" is forbidden: User \"system:serviceaccount:cert-manager:cert-manager\" cannot create resource \"serviceaccounts/token\" in API group \"\" in the namespace \"shop\"",
    ),
    (
        "vault-auth",
        Typed(VAULT, "VaultError"),
        "Vault Kubernetes auth requires either secretRef.name or serviceAccountRef.name to be set",
    ),
    (
        "vault-auth",
        Typed(VAULT, "VaultError"),
        "Failed to initialize Vault client: error calling Vault server: Code: 400. Errors: * invalid audience (aud) claim: audience claim does not match any expected audience",
    ),
    (
        "vault-unreachable-or-sealed",
        Typed(VAULT, "VaultError"),
        "Failed to verify Vault is initialized and unsealed: Vault is sealed",
    ),
    (
        "vault-unreachable-or-sealed",
        Typed(VAULT, "VaultError"),
        "Failed to verify Vault is initialized and unsealed: error calling Vault sys/health: Get \"https://vault.example.com/v1/sys/health\": dial tcp 10.0.0.7:8200: connect: connection refused",
    ),
    (
        "vault-unreachable-or-sealed",
        Typed(VAULT, "VaultError"),
        "Failed to initialize Vault client: Put \"https://vault.example.com/v1/auth/kubernetes/login\": tls: failed to verify certificate: x509: certificate signed by unknown authority",
    ),
    (
        "venafi-setup",
        Typed(VENAFI, "ErrorSetup"),
        "Failed to setup Certificate Manager issuer: client.VerifyCredentials: 401 Unauthorized",
    ),
    (
        "venafi-setup",
        Typed(VENAFI, "ErrorSetup"),
        "Failed to setup Venafi issuer: client.VerifyCredentials: 401 Unauthorized",
    ),
    ("venafi-setup", Typed(VENAFI, "AuthFailed"), "OAuth token request failed: 400 Bad Request"),
    (
        "venafi-request",
        Unsigned(VENAFI),
        "Failed to request venafi certificate: vcert error: server error: policy: CN is required from venafi",
    ),
    (
        "venafi-request",
        Unsigned(VENAFI),
        "Failed to parse \"venafi.cert-manager.io/custom-fields\" annotation: invalid character",
    ),
];

pub(super) const SECRETS: &[Sentence] = &[
    (
        "secret-key-mismatch",
        Unready("InvalidKeyPair"),
        "Issuing certificate as Secret contains a private key that does not match the certificate",
    ),
    ("secret-missing-data", Unready("MissingData"), "Issuing certificate as Secret does not contain a private key"),
    ("secret-missing-data", Unready("MissingData"), "Issuing certificate as Secret does not contain any data"),
    (
        "secret-issuer-mismatch",
        Unready("IncorrectIssuer"),
        "Issuing certificate as Secret was previously issued by \"ClusterIssuer.cert-manager.io/x\"",
    ),
    (
        "secret-spec-drift",
        Unready("RequestChanged"),
        "Fields on existing CertificateRequest resource not up to date: [spec.dnsNames]",
    ),
    (
        "secret-spec-drift",
        Unready("SecretMismatch"),
        "Existing issued Secret is not up to date for spec: [spec.commonName]",
    ),
];
