//! What to do about each thing that can be met, in one sentence. The same for commands and rules.

use super::Kind;
use crate::probe::outcome::sign::Sign;

/// The remedy. The marks on the answers tell which of several it is.
pub fn advice(kind: Kind, signs: &[Sign]) -> &'static str {
    match kind {
        Kind::NxDomain | Kind::NoData => {
            "publish an A or AAAA record for the name that leads to the ingress, or use a DNS-01 solver"
        }
        Kind::ServFail | Kind::LookupTimedOut | Kind::LookupFailed => {
            "mend the zone or its DNSSEC: ask each of its name servers by itself"
        }
        Kind::Reserved => {
            "publish a public address, or use a DNS-01 solver: a public CA does not connect to this one; \
             --allow-private lets this probe do it"
        }
        Kind::NotInMap => "name the address in the map",
        Kind::Refused => {
            "have the load balancer listen on port 80; with the Gateway API, give the Gateway a listener for it that \
             admits the Challenge's namespace"
        }
        Kind::ConnectTimedOut | Kind::OtherFailure => {
            "let TCP port 80 in from everywhere in the cloud's security group and in firewalls, and check that the \
             address is still that of the load balancer"
        }
        Kind::Unreachable => "remove the AAAA record, or mend the route to the address",
        Kind::Reset | Kind::EmptyReply => {
            "check whether the listener expects PROXY protocol that nobody sends, and whether it has a server for this \
             host"
        }
        Kind::ReadTimedOut | Kind::CutOff => {
            "look at the load balancer's targets: they take the connection, and nobody behind them answers (unhealthy \
             targets, a NetworkPolicy, a blocked node port)"
        }
        Kind::TlsOn80 => "have the load balancer's port 80 lead to the controller's port for HTTP, not for HTTPS",
        Kind::Http2Only => "let the listener on port 80 speak HTTP/1.1 too",
        Kind::NotHttp | Kind::HeadTooLarge => "find out what listens on port 80: it is no web server as CAs know them",
        Kind::RedirectStatus => "exempt the challenge path from the redirect of the application (303 is a login's)",
        Kind::RedirectScheme | Kind::RedirectPort | Kind::RedirectMalformed => {
            "mend the external URL of the proxy: redirects may lead to port 80 or 443 only"
        }
        Kind::RedirectMissingSlash => "put a / behind the host in the redirect's template",
        Kind::RedirectHost | Kind::RedirectReserved | Kind::RedirectNoAddress => {
            "have the redirect name the public host"
        }
        Kind::RedirectLoop | Kind::RedirectTooMany => LOOP,
        Kind::RedirectTooLong => "keep the path of the redirect as it was",
        Kind::RedirectNoAnswer => "have the target of the redirect answer, or exempt the challenge path from it",
        Kind::HttpOn443 => "have port 443 lead to the controller's port for HTTPS, not for HTTP",
        Kind::TlsAlert | Kind::TlsFailed => {
            "the listener has no certificate for the host yet: exempt the challenge path from the redirect to HTTPS, or \
             annotate the Certificate's Ingress with cert-manager.io/issue-temporary-certificate"
        }
        Kind::NotFound => not_found(signs),
        Kind::Unauthorized => "exempt the challenge path from authentication; do not edit the own Ingress in place",
        Kind::Forbidden | Kind::TooManyRequests => forbidden(signs),
        Kind::Unavailable if has(signs, Sign::is_cdn) => {
            "the CDN does not reach the origin: have it not check the origin's certificate until there is one, or use \
             a DNS-01 solver"
        }
        Kind::Unavailable => {
            "look at the solver's Pod and the endpoints of its Service; exempt port 8089 from strict mTLS of a mesh"
        }
        Kind::OtherAccount => {
            "let one ACME client answer for the host: another cluster, a load balancer or a hosting panel answers too"
        }
        Kind::OtherToken | Kind::EmptyBody | Kind::TooLong | Kind::OtherBody | Kind::OtherStatus => {
            "have the route of the solver come before the one that answers now"
        }
        Kind::Html if has(signs, |sign| sign == Sign::Login) => "exempt the challenge path from the login",
        Kind::Html if has(signs, |sign| sign == Sign::CookieWall) => "exempt the challenge path from the cookie wall",
        Kind::Html if has(signs, |sign| sign == Sign::Router) => {
            "forward port 80 of the router to the ingress: its own web interface answers"
        }
        Kind::Html => "have the route of the solver come before the application's catch-all",
        Kind::TrailingSpace => {
            "keep the proxy from adding to the body: the CA takes it, cert-manager's own check does not"
        }
        Kind::CatchAll => "have the application answer 404 to paths that it does not know",
        Kind::AddressesDiffer => "mend the address that differs, or remove it from the name's A or AAAA records",
        Kind::Reachable | Kind::Works => "",
    }
}

const LOOP: &str = "end the loop: a CDN in flexible mode before an origin that redirects to HTTPS, or a proxy whose \
                    X-Forwarded-Proto is not trusted";

fn has(signs: &[Sign], fits: impl Fn(Sign) -> bool) -> bool {
    signs.iter().any(|sign| fits(*sign))
}

fn not_found(signs: &[Sign]) -> &'static str {
    match signs.first() {
        Some(Sign::DefaultBackend) => {
            "give the solver the class of the controller that answers: no Ingress matches the path there"
        }
        Some(Sign::GoNotFound) => {
            "with Traefik, let the solver's router listen on the entry point of port 80 \
             (traefik.ingress.kubernetes.io/router.entrypoints: web in the solver's ingressTemplate); the solver itself \
             answers so to another host or token"
        }
        Some(Sign::AwsLoadBalancer) => {
            "put the solver's Ingress into the load balancer's group (alb.ingress.kubernetes.io/group.name in the \
             solver's ingressTemplate)"
        }
        Some(Sign::GoogleLoadBalancer) => {
            "have the solver edit the Ingress that owns the address (http01.ingress.name): with GKE each Ingress has \
             an address of its own"
        }
        Some(Sign::Envoy) => "give the gateway a route for the path, and a listener on port 80 for the host",
        Some(Sign::Router) => "forward port 80 of the router to the ingress: its own web interface answers",
        Some(
            Sign::Cloudflare
            | Sign::CloudFront
            | Sign::Fastly
            | Sign::Akamai
            | Sign::Imperva
            | Sign::Sucuri
            | Sign::CookieWall
            | Sign::AcmeFirewall
            | Sign::HttpOnHttpsPort
            | Sign::Login,
        )
        | None => {
            "give the solver the class of the controller that the name points to, or point the name at that controller"
        }
    }
}

fn forbidden(signs: &[Sign]) -> &'static str {
    if has(signs, |sign| sign == Sign::AcmeFirewall) {
        "allow the application acme-protocol in the firewall"
    } else if has(signs, Sign::is_cdn) {
        "let /.well-known/acme-challenge/ pass the rules of the CDN's firewall, from every country"
    } else {
        "let /.well-known/acme-challenge/ pass allow lists, rate limits and ModSecurity of the controller"
    }
}
