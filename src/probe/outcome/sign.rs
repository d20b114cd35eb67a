//! The table of answers that give away who answers.
//!
//! Each row is a mark in the head or body of an HTTP answer that somebody's software leaves there. A mark is a hint:
//! the rules say what follows from it.

/// Somebody's mark on an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// ingress-nginx and GKE answer so where no Ingress matches.
    DefaultBackend,
    /// Traefik, another Go program, or the solver itself.
    GoNotFound,
    AwsLoadBalancer,
    GoogleLoadBalancer,
    Envoy,
    Cloudflare,
    CloudFront,
    Fastly,
    Akamai,
    Imperva,
    Sucuri,
    /// The web interface of a router, not the cluster.
    Router,
    /// A wall of JavaScript that sets a cookie.
    CookieWall,
    /// A next-generation firewall that knows ACME as an application and blocks it.
    AcmeFirewall,
    /// HTTP arrived at a listener for HTTPS.
    HttpOnHttpsPort,
    /// `WWW-Authenticate`, or a page that asks for a password.
    Login,
}

/// Where a mark is found.
enum Mark {
    /// The header of this name holds these words.
    Header(&'static str, &'static str),
    /// There is a header of this name.
    HasHeader(&'static str),
    /// There is a header whose name begins so.
    HeaderBegins(&'static str),
    /// The body holds these words.
    Body(&'static str),
    /// The body is this text.
    Whole(&'static str),
}

const TABLE: &[(Sign, Mark)] = &[
    (Sign::DefaultBackend, Mark::Body("default backend - 404")),
    (Sign::DefaultBackend, Mark::Body("response 404 (backend notfound), service rules for the path non-existent")),
    (Sign::GoNotFound, Mark::Whole("404 page not found\n")),
    (Sign::AwsLoadBalancer, Mark::Header("server", "awselb")),
    (Sign::GoogleLoadBalancer, Mark::Header("via", "1.1 google")),
    (Sign::Envoy, Mark::Header("server", "istio-envoy")),
    (Sign::Envoy, Mark::Header("server", "envoy")),
    (Sign::Envoy, Mark::HeaderBegins("x-envoy-")),
    (Sign::Cloudflare, Mark::Header("server", "cloudflare")),
    (Sign::Cloudflare, Mark::HasHeader("cf-ray")),
    (Sign::CloudFront, Mark::HasHeader("x-amz-cf-id")),
    (Sign::Fastly, Mark::HeaderBegins("x-fastly-")),
    (Sign::Fastly, Mark::HasHeader("x-served-by")),
    (Sign::Akamai, Mark::Header("server", "akamaighost")),
    (Sign::Imperva, Mark::HasHeader("x-iinfo")),
    (Sign::Sucuri, Mark::HasHeader("x-sucuri-id")),
    (Sign::Router, Mark::Header("server", "micro_httpd")),
    (Sign::Router, Mark::Header("server", "cisco-ios")),
    (Sign::Router, Mark::Header("server", "lancom")),
    (Sign::Router, Mark::Header("server", "mini web server 1.0 zte")),
    (Sign::CookieWall, Mark::Body("src=\"/aes.js\"")),
    (Sign::CookieWall, Mark::Body("src=\"/aes.min.js\"")),
    (Sign::CookieWall, Mark::Body("var a=tonumbers")),
    (Sign::AcmeFirewall, Mark::Body("acme-protocol")),
    (Sign::HttpOnHttpsPort, Mark::Body("plain http request was sent to https port")),
    (Sign::HttpOnHttpsPort, Mark::Body("speaking plain http to an ssl-enabled server port")),
    (Sign::Login, Mark::HasHeader("www-authenticate")),
    (Sign::Login, Mark::Body("type=\"password\"")),
];

impl Sign {
    /// Who or what it gives away, as the end of "it looks like".
    pub const fn words(self) -> &'static str {
        match self {
            Self::DefaultBackend => "the default backend of an Ingress controller, for hosts and paths without a route",
            Self::GoNotFound => "Traefik or another Go program, which may be the solver itself",
            Self::AwsLoadBalancer => "an AWS load balancer (ALB)",
            Self::GoogleLoadBalancer => "a Google Cloud load balancer",
            Self::Envoy => "Envoy, as in Istio and other gateways",
            Self::Cloudflare => "Cloudflare",
            Self::CloudFront => "Amazon CloudFront",
            Self::Fastly => "Fastly",
            Self::Akamai => "Akamai",
            Self::Imperva => "Imperva",
            Self::Sucuri => "Sucuri",
            Self::Router => "the web interface of a router",
            Self::CookieWall => "a cookie wall of JavaScript",
            Self::AcmeFirewall => "a firewall that blocks ACME as an application",
            Self::HttpOnHttpsPort => "a listener for HTTPS that was spoken to in plain HTTP",
            Self::Login => "a login",
        }
    }

    /// Whether it is a network in front of the cluster's own servers.
    pub const fn is_cdn(self) -> bool {
        match self {
            Self::Cloudflare | Self::CloudFront | Self::Fastly | Self::Akamai | Self::Imperva | Self::Sucuri => true,
            Self::DefaultBackend
            | Self::GoNotFound
            | Self::AwsLoadBalancer
            | Self::GoogleLoadBalancer
            | Self::Envoy
            | Self::Router
            | Self::CookieWall
            | Self::AcmeFirewall
            | Self::HttpOnHttpsPort
            | Self::Login => false,
        }
    }
}

/// The marks on an answer, each once, in the order of the table. Names of headers are in lower case.
pub fn signs(headers: &[(&str, &str)], body: &str) -> Vec<Sign> {
    let lower = body.to_ascii_lowercase();
    let mut found: Vec<Sign> = Vec::new();
    for (sign, mark) in TABLE {
        let mut headers = headers.iter();
        let fits = match mark {
            Mark::Header(name, words) => {
                headers.any(|(have, value)| have == name && value.to_ascii_lowercase().contains(words))
            }
            Mark::HasHeader(name) => headers.any(|(have, _)| have == name),
            Mark::HeaderBegins(start) => headers.any(|(have, _)| have.starts_with(start)),
            Mark::Body(words) => lower.contains(words),
            Mark::Whole(text) => body == *text,
        };
        if fits && !found.contains(sign) {
            found.push(*sign);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_give_away_who_answers() {
        for (headers, body, expected) in [
            (&[("server", "nginx")][..], "default backend - 404", &[Sign::DefaultBackend][..]),
            (&[], "404 page not found\n", &[Sign::GoNotFound]),
            (&[], "<h1>404 page not found\n</h1>", &[]),
            (&[("server", "awselb/2.0")], "", &[Sign::AwsLoadBalancer]),
            (&[("server", "istio-envoy"), ("x-envoy-upstream-service-time", "3")], "", &[Sign::Envoy]),
            (&[("server", "cloudflare"), ("cf-ray", "1")], "", &[Sign::Cloudflare]),
            (&[("server", "micro_httpd")], "", &[Sign::Router]),
            (&[("server", "Mini web server 1.0 ZTE corp 2005.")], "", &[Sign::Router]),
            (&[], "<script>var a=toNumbers(\"x\")</script>", &[Sign::CookieWall]),
            (&[], "<b>application:</b> acme-protocol", &[Sign::AcmeFirewall]),
            (&[], "The plain HTTP request was sent to HTTPS port", &[Sign::HttpOnHttpsPort]),
            (&[], "You're speaking plain HTTP to an SSL-enabled server port.", &[Sign::HttpOnHttpsPort]),
            (&[("www-authenticate", "Basic")], "", &[Sign::Login]),
            (&[("server", "Apache")], "hello", &[]),
        ] {
            assert_eq!(signs(headers, body), expected, "{headers:?} {body}");
        }
    }
}
