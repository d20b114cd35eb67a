//! Which redirects Let's Encrypt follows (Boulder `va/http.go`). Pure.

use std::net::IpAddr;

use url::Url;

use super::address::Class;
use super::outcome::http01::RedirectFault;

/// Redirects that are followed; the one after them is too many.
pub(super) const MOST: usize = 10;
/// The longest path that is followed, in bytes.
const LONGEST_PATH: usize = 2000;

/// Top-level domains that no registry delegates (RFC 6761, RFC 6762 appendix G, ICANN's `.internal`). Boulder asks for
/// one on IANA's list; what is on neither list has no address on the Internet anyway.
const NOT_ON_THE_INTERNET: [&str; 13] = [
    "corp",
    "example",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "test",
];

/// Whether a status sends elsewhere.
pub(super) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads, or why it is not followed. `been` is what was fetched so far, `from` among it.
pub(super) fn target(from: &Url, status: u16, location: &str, been: &[Url]) -> Result<Url, RedirectFault> {
    if status == 303 {
        return Err(RedirectFault::Status);
    }
    if been.len() > MOST {
        return Err(RedirectFault::TooMany);
    }
    let to = from.join(location).map_err(|_| RedirectFault::Malformed)?;
    if !matches!(to.scheme(), "http" | "https") {
        return Err(RedirectFault::Scheme);
    }
    let port = to.port_or_known_default().unwrap_or_default();
    if !matches!(port, 80 | 443) {
        return Err(RedirectFault::Port(port));
    }
    let host = to.host_str().filter(|host| !host.is_empty()).ok_or(RedirectFault::NoHost)?;
    check_host(host)?;
    if to.path().len() > LONGEST_PATH {
        return Err(RedirectFault::TooLong);
    }
    if been.contains(&to) {
        return Err(RedirectFault::Loop);
    }
    Ok(to)
}

fn check_host(host: &str) -> Result<(), RedirectFault> {
    if host.ends_with(".well-known") {
        return Err(RedirectFault::MissingSlash);
    }
    if let Some(ip) = literal(host) {
        let class = Class::of(ip);
        return if class.is_reserved() { Err(RedirectFault::Reserved(class.words())) } else { Ok(()) };
    }
    let name = host.trim_end_matches('.');
    let top = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    if !name.contains('.') || NOT_ON_THE_INTERNET.contains(&top.as_str()) {
        return Err(RedirectFault::Host);
    }
    Ok(())
}

/// The address that a host of a URL is; IPv6 stands in brackets there.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(location: &str) -> Result<String, RedirectFault> {
        let from: Url = "http://www.example.com/.well-known/acme-challenge/TOKEN".parse().unwrap();
        target(&from, 301, location, std::slice::from_ref(&from)).map(String::from)
    }

    #[test]
    fn what_lets_encrypt_follows_is_followed() {
        for (location, to) in [
            (
                "https://www.example.com/.well-known/acme-challenge/TOKEN",
                "https://www.example.com/.well-known/acme-challenge/TOKEN",
            ),
            ("/elsewhere", "http://www.example.com/elsewhere"),
            ("https://www.example.com:443/", "https://www.example.com/"),
            ("http://central.example.net/x", "http://central.example.net/x"),
            ("https://me.github.io/x", "https://me.github.io/x"),
            ("http://8.8.8.8/x", "http://8.8.8.8/x"),
            ("//example.org/x", "http://example.org/x"),
        ] {
            assert_eq!(follow(location).as_deref(), Ok(to));
        }
    }

    #[test]
    fn what_lets_encrypt_does_not_follow_is_told_apart() {
        let long = format!("/{}", "a".repeat(2000));
        for (location, fault) in [
            ("https://www.example.com:8443/x", RedirectFault::Port(8443)),
            ("ftp://www.example.com/x", RedirectFault::Scheme),
            ("file:///etc/passwd", RedirectFault::Scheme),
            ("javascript:alert(1)", RedirectFault::Scheme),
            ("https://www.example.com.well-known/acme-challenge/TOKEN", RedirectFault::MissingSlash),
            ("https://localhost/x", RedirectFault::Host),
            ("https://web/x", RedirectFault::Host),
            ("https://web.internal/x", RedirectFault::Host),
            ("https://web.svc.cluster.local/x", RedirectFault::Host),
            ("http://10.0.0.5/x", RedirectFault::Reserved("private")),
            ("http://169.254.169.254/latest/meta-data/", RedirectFault::Reserved("a cloud's metadata service")),
            ("http://[::1]/x", RedirectFault::Reserved("loopback")),
            ("http://0x7f.1/x", RedirectFault::Reserved("loopback")),
            (&long, RedirectFault::TooLong),
            ("http://www.example.com/.well-known/acme-challenge/TOKEN", RedirectFault::Loop),
            ("http://[", RedirectFault::Malformed),
        ] {
            assert_eq!(follow(location), Err(fault), "{location}");
        }
    }

    #[test]
    fn the_eleventh_redirect_and_303_are_too_much() {
        let url = |n: usize| format!("http://www.example.com/{n}").parse::<Url>().unwrap();
        let been: Vec<Url> = (0..=MOST).map(url).collect();
        assert_eq!(target(&been[0], 302, "/new", &been), Err(RedirectFault::TooMany));
        assert!(target(&been[0], 302, "/new", &been[1..]).is_ok());
        assert_eq!(target(&been[0], 303, "/new", &been[..1]), Err(RedirectFault::Status));
        assert!(is_redirect(303) && is_redirect(308) && !is_redirect(304) && !is_redirect(300));
    }
}
