//! How the CA looks at the response of a challenge (RFC 8555 §8.3, §8.4), as Boulder does and in its words.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Uri;

use crate::dryrun::outside::network::{self, Hop, Network, Unresolved, Viewer};
use crate::dryrun::world::{DnsError, HttpError};
use crate::engine::question::HttpReply;
use crate::engine::question::acme::Problem;

const MOST_REDIRECTS: usize = 10;
/// A body is read to this many bytes.
const MOST_BYTES: usize = 128;

/// HTTP-01.
pub fn http01(network: &Network<'_>, name: &str, token: &str, expected: &str) -> Result<(), Problem> {
    let host = if name.contains(':') { format!("[{name}]") } else { name.to_owned() };
    let first = format!("http://{host}/.well-known/acme-challenge/{token}");
    let mut url = first.clone();
    let mut seen = vec![url.clone()];
    loop {
        let uri: Uri =
            url.parse().map_err(|_| Problem::new(400, "connection", format!("Fetching {url}: Invalid URL")))?;
        let host = uri.host().unwrap_or_default();
        let address = addresses(network, host)?;
        let failed = |what: &str| Problem::new(400, "connection", format!("{address}: Fetching {url}: {what}"));
        match network.get(&uri, Viewer::Ca) {
            Hop::Reply(reply) => return judge(&reply, expected, &address, &url),
            Hop::Redirect { status, to } => {
                if !matches!(status, 301 | 302 | 307 | 308) {
                    return Err(failed(&format!("received disallowed redirect status code {status}")));
                }
                let next = network::absolute(&uri, &to);
                check_redirect(&next).map_err(|what| failed(&what))?;
                if seen.contains(&next) {
                    return Err(failed("Redirect loop detected"));
                }
                if seen.len() > MOST_REDIRECTS {
                    return Err(failed("Too many redirects"));
                }
                seen.push(next.clone());
                url = next;
            }
            Hop::Failed(HttpError::Refused) => return Err(failed("Connection refused")),
            Hop::Failed(HttpError::Timeout) => return Err(failed("Timeout during connect (likely firewall problem)")),
            Hop::Failed(HttpError::Reset) => return Err(failed("Connection reset by peer")),
            Hop::Failed(HttpError::Tls) => {
                let detail = format!("{address}: Fetching {url}: remote error: tls: handshake failure");
                return Err(Problem::new(400, "tls", detail));
            }
            Hop::Unresolved(why) => return Err(unresolved(host, why)),
        }
    }
}

fn judge(reply: &HttpReply, expected: &str, address: &str, url: &str) -> Result<(), Problem> {
    if reply.status != 200 {
        let detail = format!("{address}: Invalid response from {url}: {}", reply.status);
        return Err(Problem::new(403, "unauthorized", detail));
    }
    let body = String::from_utf8_lossy(&reply.body);
    let read = body.trim_end();
    if reply.body.len() >= MOST_BYTES {
        let start: String = read.chars().take(MOST_BYTES).collect();
        let detail = format!("{address}: Invalid response from {url}: {start:?}");
        return Err(Problem::new(403, "unauthorized", detail));
    }
    if read == expected {
        return Ok(());
    }
    let detail = format!(
        "{address}: The key authorization file from the server did not match this challenge. Expected {expected:?} (got \
         {read:?})"
    );
    Err(Problem::new(403, "unauthorized", detail))
}

fn check_redirect(to: &str) -> Result<(), String> {
    let Ok(uri) = to.parse::<Uri>() else { return Err("Invalid redirect target".to_owned()) };
    let scheme = uri.scheme_str().unwrap_or_default();
    if scheme != "http" && scheme != "https" {
        return Err(format!(
            "Invalid protocol scheme in redirect target. Only \"http\" and \"https\" protocol schemes are supported, not \
             {scheme:?}"
        ));
    }
    let port = network::port(&uri);
    if port != 80 && port != 443 {
        return Err(format!("Invalid port in redirect target. Only ports 80 and 443 are supported, not {port}"));
    }
    let host = uri.host().unwrap_or_default();
    let is_address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    if host.is_empty() {
        return Err("Invalid empty host in redirect target".to_owned());
    }
    if !host.contains('.') && !is_address {
        return Err("Invalid host in redirect target, must end in IANA registered TLD".to_owned());
    }
    if uri.path().len() > 2000 {
        return Err("redirect path exceeds 2000 bytes".to_owned());
    }
    Ok(())
}

/// The address that is connected to: the first one of version 6, else the first. Private ones are left out.
fn addresses(network: &Network<'_>, host: &str) -> Result<String, Problem> {
    let found = network.addresses(host, Viewer::Ca).map_err(|why| unresolved(host, why))?;
    found.into_iter().find(|address| !is_private(address)).ok_or_else(|| unresolved(host, Unresolved::Empty))
}

/// Addresses that lead nowhere from outside.
fn is_private(address: &str) -> bool {
    match address.parse() {
        Ok(std::net::IpAddr::V4(four)) => {
            let [first, second, ..] = four.octets();
            four.is_private()
                || four.is_loopback()
                || four.is_link_local()
                || four.is_unspecified()
                || (first == 100 && (64..128).contains(&second))
        }
        Ok(std::net::IpAddr::V6(six)) => {
            six.is_loopback() || six.is_unspecified() || six.is_unique_local() || six.is_unicast_link_local()
        }
        Err(_) => false,
    }
}

fn unresolved(host: &str, why: Unresolved) -> Problem {
    let detail = match why {
        Unresolved::Empty => format!("no valid A records found for {host}; no valid AAAA records found for {host}"),
        Unresolved::Error(error) => ["A", "AAAA"].map(|type_| dns_problem(error, type_, host)).join("; "),
    };
    Problem::new(400, "dns", detail)
}

/// Boulder's words for a look-up that failed.
pub fn dns_problem(error: DnsError, type_: &str, name: &str) -> String {
    match error {
        DnsError::Nxdomain => format!(
            "DNS problem: NXDOMAIN looking up {type_} for {name} - check that a DNS record exists for this domain"
        ),
        DnsError::Servfail => format!(
            "DNS problem: SERVFAIL looking up {type_} for {name} - the domain's nameservers may be malfunctioning"
        ),
        DnsError::Refused => format!("DNS problem: REFUSED looking up {type_} for {name}"),
        DnsError::Timeout => format!("DNS problem: query timed out looking up {type_} for {name}"),
    }
}

/// DNS-01.
pub fn dns01(network: &Network<'_>, name: &str, key_authorization: &str) -> Result<(), Problem> {
    let at = format!("_acme-challenge.{name}");
    let hash = digest::digest(&digest::SHA256, key_authorization.as_bytes());
    let expected = URL_SAFE_NO_PAD.encode(hash.as_ref());
    let values = match network.txt(&at, Viewer::Ca) {
        Ok(values) => values,
        Err(error) => return Err(Problem::new(400, "dns", dns_problem(error, "TXT", &at))),
    };
    if values.contains(&expected) {
        return Ok(());
    }
    let detail = match values.as_slice() {
        [] => format!("No TXT record found at {at}"),
        [one] => format!("Incorrect TXT record {one:?} found at {at}"),
        [first, more @ ..] => format!("Incorrect TXT record {first:?} (and {} more) found at {at}", more.len()),
    };
    Err(Problem::new(403, "unauthorized", detail))
}
