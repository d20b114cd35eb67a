//! Which proxy the way to the API server leads through, as Go decides it.
//!
//! Pure: takes the environment and the server's address, opens nothing.

use std::fmt;
use std::net::IpAddr;

use http::Uri;

use crate::env::Env;

/// A proxy and who named it. Its address may hold a login: [`Proxy::host_port`] is for showing.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub uri: Uri,
    /// `proxy-url` or the environment variable, for messages.
    pub named_by: &'static str,
}

impl Proxy {
    /// `host:port`, without credentials.
    pub fn host_port(&self) -> String {
        let port = self.uri.port_u16().unwrap_or_else(|| match self.uri.scheme_str() {
            Some("https") => 443,
            Some(scheme) if scheme.starts_with("socks") => 1080,
            Some(_) | None => 80,
        });
        format!("{}:{port}", self.uri.host().unwrap_or_default())
    }
}

/// The proxy of a cluster entry's `proxy-url`. It always applies: `NO_PROXY` is for the environment's proxies.
pub(super) fn from_kubeconfig(text: &str, cluster: &str) -> Result<Proxy, String> {
    let shown = without_userinfo(text);
    let invalid = |why: String| format!("invalid 'proxy-url' {shown:?} for cluster {cluster:?}: {why}");
    let uri: Uri = text.parse().map_err(|err: http::uri::InvalidUri| invalid(err.to_string()))?;
    match uri.scheme_str() {
        Some("http" | "https" | "socks5" | "socks5h") if uri.host().is_some() => {
            Ok(Proxy { uri, named_by: "proxy-url" })
        }
        scheme => {
            Err(invalid(format!("unsupported scheme {:?}, must be http, https, or socks5", scheme.unwrap_or_default())))
        }
    }
}

/// The proxy the environment names for this server, if any.
pub(super) fn from_env(env: &Env, server: &Uri) -> Result<Option<Proxy>, String> {
    let (upper, lower) =
        if server.scheme_str() == Some("http") { ("HTTP_PROXY", "http_proxy") } else { ("HTTPS_PROXY", "https_proxy") };
    let Some((named_by, text)) = first(env, [upper, lower]) else { return Ok(None) };
    if !applies(first(env, ["NO_PROXY", "no_proxy"]).map_or("", |(_, text)| text), server) {
        return Ok(None);
    }
    let parsed =
        parse_env(text).ok_or_else(|| format!("invalid proxy address {:?} in {named_by}", without_userinfo(text)))?;
    Ok(Some(Proxy { uri: parsed, named_by }))
}

fn first<'a>(env: &'a Env, names: [&'static str; 2]) -> Option<(&'static str, &'a str)> {
    names.into_iter().find_map(|name| env.nonempty(name).map(|value| (name, value)))
}

/// Reads an address of the environment, where `host:port` alone means `http`.
fn parse_env(text: &str) -> Option<Uri> {
    let known = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https" | "socks5" | "socks5h"));
    let direct = text.parse::<Uri>().ok().filter(|uri| known(uri) && uri.host().is_some());
    direct.or_else(|| {
        let with_scheme = if text.contains("://") { return None } else { format!("http://{text}/") };
        with_scheme.parse::<Uri>().ok().filter(|uri| uri.host().is_some_and(|host| !host.is_empty()))
    })
}

/// The address without `user:password@`, to show in an error.
fn without_userinfo(text: &str) -> String {
    match (text.find("://").map_or(0, |at| at + 3), text.rfind('@')) {
        (start, Some(at)) if at >= start => format!("{}{}", &text[..start], &text[at + 1..]),
        (_, Some(_) | None) => text.to_owned(),
    }
}

/// Whether an environment's proxy is used for `server` under this `NO_PROXY`; Go's `httpproxy` to the letter.
fn applies(no_proxy: &str, server: &Uri) -> bool {
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    let port = server.port_u16().unwrap_or(if server.scheme_str() == Some("http") { 80 } else { 443 });
    let ip: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || ip.is_some_and(|ip| ip.is_loopback()) {
        return false;
    }
    !no_proxy.split(',').any(|entry| exempts(&entry.trim().to_ascii_lowercase(), &host, ip, port))
}

/// Whether one entry of `NO_PROXY` exempts the host: `*`, an address, a network, `host`, `.suffix`, each but the
/// network with an optional port.
fn exempts(entry: &str, host: &str, ip: Option<IpAddr>, port: u16) -> bool {
    if entry.is_empty() {
        return false;
    }
    if entry == "*" {
        return true;
    }
    if let Some((network, bits)) = network(entry) {
        return ip.is_some_and(|ip| contains(network, bits, ip));
    }
    let (name, wanted_port) = split_port(entry);
    if name.is_empty() || wanted_port.is_some_and(|wanted| wanted != port.to_string()) {
        return false;
    }
    if let Ok(address) = name.parse::<IpAddr>() {
        return ip == Some(address);
    }
    let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
    match name.strip_prefix('.') {
        Some(_) => host.ends_with(name),
        None => host == name || host.ends_with(&format!(".{name}")),
    }
}

/// Splits `host:port` and `[v6]:port`; a bare IPv6 address has no port.
fn split_port(entry: &str) -> (&str, Option<&str>) {
    match entry.rsplit_once(':') {
        Some((head, port)) if head.starts_with('[') && head.ends_with(']') => (&head[1..head.len() - 1], Some(port)),
        Some((head, port)) if !head.contains(':') => (head, Some(port)),
        Some(_) | None => (entry.trim_matches(['[', ']']), None),
    }
}

fn network(entry: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = entry.split_once('/')?;
    let (address, bits) = (address.parse::<IpAddr>().ok()?, bits.parse::<u32>().ok()?);
    let width = if address.is_ipv4() { 32 } else { 128 };
    (bits <= width).then_some((address, bits))
}

fn contains(network: IpAddr, bits: u32, ip: IpAddr) -> bool {
    match (network, ip.to_canonical()) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            network.to_bits() & mask == ip.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(ip)) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            network.to_bits() & mask == ip.to_bits() & mask
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (named by {})", self.host_port(), self.named_by)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(no_proxy: &str, server: &str) -> bool {
        let env = Env::from_pairs([("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", no_proxy)]);
        from_env(&env, &server.parse().unwrap()).unwrap().is_some()
    }

    #[test]
    fn no_proxy_is_matched_against_the_server_as_go_does() {
        for (no_proxy, server, expected) in [
            ("", "https://api.example.com:6443", true),
            ("*", "https://api.example.com", false),
            ("api.example.com", "https://api.example.com:6443", false),
            ("example.com", "https://api.example.com", false),
            ("example.com", "https://badexample.com", true),
            (".example.com", "https://api.example.com", false),
            (".example.com", "https://example.com", true),
            ("*.example.com", "https://api.example.com", false),
            ("*.example.com", "https://example.com", true),
            ("api.example.com:6443", "https://api.example.com:6443", false),
            ("api.example.com:443", "https://api.example.com:6443", true),
            ("api.example.com:443", "https://api.example.com", false),
            ("API.example.COM", "https://api.example.com", false),
            (" other , api.example.com ,", "https://api.example.com", false),
            ("other,", "https://api.example.com", true),
            (":443", "https://api.example.com", true),
            ("10.0.0.0/8", "https://10.1.2.3:6443", false),
            ("10.0.0.0/8", "https://11.1.2.3:6443", true),
            ("0.0.0.0/0", "https://11.1.2.3:6443", false),
            ("10.1.2.3", "https://10.1.2.3:6443", false),
            ("10.1.2.3:6443", "https://10.1.2.3:6443", false),
            ("10.1.2.3:443", "https://10.1.2.3:6443", true),
            ("fd00::/8", "https://[fd00::1]:6443", false),
            ("fd00::1", "https://[fd00::1]:6443", false),
            ("[fd00::1]:6443", "https://[fd00::1]:6443", false),
            ("[fd00::1]:443", "https://[fd00::1]:6443", true),
        ] {
            assert_eq!(used(no_proxy, server), expected, "{no_proxy:?} {server}");
        }
    }

    #[test]
    fn the_own_machine_is_never_proxied() {
        for server in ["https://localhost:6443", "https://127.0.0.1:6443", "https://127.8.8.8", "https://[::1]:6443"] {
            assert!(!used("", server), "{server}");
        }
    }

    #[test]
    fn the_scheme_of_the_server_chooses_the_variable() {
        let env = Env::from_pairs([("https_proxy", "secure:1"), ("http_proxy", "plain:2"), ("HTTP_PROXY", "")]);
        let proxy = |server: &str| from_env(&env, &server.parse().unwrap()).unwrap().unwrap();
        assert_eq!(proxy("https://a").uri, "http://secure:1/");
        assert_eq!(proxy("https://a").named_by, "https_proxy");
        assert_eq!(proxy("http://a").uri, "http://plain:2/");
    }

    #[test]
    fn an_address_that_is_none_is_an_error_not_ignored() {
        let env = Env::from_pairs([("HTTPS_PROXY", "ftp://ada:secret@proxy:21")]);
        let err = from_env(&env, &Uri::from_static("https://a")).unwrap_err();
        assert_eq!(err, r#"invalid proxy address "ftp://proxy:21" in HTTPS_PROXY"#);
    }

    #[test]
    fn a_kubeconfig_proxy_must_have_a_known_scheme() {
        assert_eq!(from_kubeconfig("socks5://p:1080", "c").unwrap().host_port(), "p:1080");
        assert_eq!(from_kubeconfig("https://u:p@p", "c").unwrap().host_port(), "p:443");
        assert_eq!(
            from_kubeconfig("ftp://p", "c").unwrap_err(),
            r#"invalid 'proxy-url' "ftp://p" for cluster "c": unsupported scheme "ftp", must be http, https, or socks5"#
        );
    }
}
