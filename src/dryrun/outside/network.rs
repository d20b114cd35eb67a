//! DNS and HTTP as the controller and the CA see them: what the world file says, else what is served in the cluster.
//!
//! What cert-manager's own check gets is worded as Go words it.

use http::Uri;
use jiff::Timestamp;

use super::serving;
use super::zone::Zone;
use crate::dryrun::world::{DnsError, HttpAnswer, HttpError, RecordType, SeenBy, World, values};
use crate::engine::cluster::Cluster;
use crate::engine::question::HttpReply;

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    Cluster,
    Ca,
}

impl Viewer {
    fn sees(self, seen_by: SeenBy) -> bool {
        match seen_by {
            SeenBy::All => true,
            SeenBy::Cluster => self == Self::Cluster,
            SeenBy::Ca => self == Self::Ca,
        }
    }
}

/// Where the names lead that the world file does not speak of.
pub const ADDRESS: &str = "203.0.113.10";

/// The resolver of the controller's Pod, as Go's errors name it.
const RESOLVER: &str = "10.96.0.10:53";
const POD: &str = "10.244.0.7:40000";
const MOST_CNAMES: usize = 8;
const MOST_REDIRECTS: usize = 10;

/// The network at one time.
#[derive(Clone, Copy, Debug)]
pub struct Network<'n> {
    pub world: &'n World,
    pub zone: &'n Zone,
    pub cluster: &'n Cluster,
    pub start: Timestamp,
    pub now: Timestamp,
}

/// What one request gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hop {
    /// A response that leads nowhere else.
    Reply(HttpReply),
    Redirect {
        status: u16,
        to: String,
    },
    /// Its name does not resolve.
    Unresolved(Unresolved),
    Failed(HttpError),
}

/// Why a name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// There are no records of the type.
    Empty,
    Error(DnsError),
}

impl DnsError {
    /// The word of the response code.
    pub const fn rcode(self) -> &'static str {
        match self {
            Self::Nxdomain => "NXDOMAIN",
            Self::Servfail => "SERVFAIL",
            Self::Refused => "REFUSED",
            Self::Timeout => "TIMEOUT",
        }
    }

    /// What it means to cert-manager's look for a TXT record (`pkg/issuer/acme/dns/util/wait.go`).
    pub fn in_self_check(self, fqdn: &str) -> Result<bool, String> {
        match self {
            Self::Nxdomain => Ok(false),
            Self::Servfail | Self::Refused => Err(format!("NS {ADDRESS}:53 returned {} for {fqdn}", self.rcode())),
            Self::Timeout => Err(format!("read udp {POD}->{ADDRESS}:53: i/o timeout")),
        }
    }
}

impl Network<'_> {
    /// What the world file says of a name and type.
    fn record(&self, name: &str, type_: RecordType, viewer: Viewer) -> Option<Result<&[String], DnsError>> {
        let name = name.to_ascii_lowercase();
        let found = self.world.dns.records.iter().find(|record| {
            record.type_ == type_
                && record.name.0 == name
                && viewer.sees(record.seen_by)
                && values::is_now(record.from, record.to, self.start, self.now)
        })?;
        Some(found.error.map_or(Ok(&found.values), Err))
    }

    /// Where the CNAMEs of a name lead.
    pub fn end_of_cnames(&self, name: &str, viewer: Viewer) -> String {
        let mut name = name.to_owned();
        for _ in 0..MOST_CNAMES {
            match self.record(&name, RecordType::Cname, viewer) {
                Some(Ok([target, ..])) => target.trim_end_matches('.').to_ascii_lowercase().clone_into(&mut name),
                Some(Ok([]) | Err(_)) | None => break,
            }
        }
        name
    }

    /// The addresses of a name, those of version 6 first, as both are asked for.
    pub fn addresses(&self, host: &str, viewer: Viewer) -> Result<Vec<String>, Unresolved> {
        if host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok() {
            return Ok(vec![host.trim_matches(['[', ']']).to_owned()]);
        }
        let name = self.end_of_cnames(host, viewer);
        let four = self.record(&name, RecordType::A, viewer);
        let six = self.record(&name, RecordType::Aaaa, viewer);
        if four.is_none() && six.is_none() {
            return Ok(vec![ADDRESS.to_owned()]);
        }
        let mut found: Vec<String> = Vec::new();
        for answer in [six, four].into_iter().flatten().flatten() {
            found.extend(answer.iter().cloned());
        }
        let error = [four, six].into_iter().flatten().find_map(Result::err);
        match error {
            _ if !found.is_empty() => Ok(found),
            Some(error) => Err(Unresolved::Error(error)),
            None => Err(Unresolved::Empty),
        }
    }

    /// The TXT records of a name: those of the world file, else those that solvers have written.
    pub fn txt(&self, name: &str, viewer: Viewer) -> Result<Vec<String>, DnsError> {
        let name = self.end_of_cnames(name, viewer);
        match self.record(&name, RecordType::Txt, viewer) {
            Some(said) => said.map(<[String]>::to_vec),
            None => Ok(self.zone.seen(&name, self.now)),
        }
    }

    /// The CAA records of one name. Nobody knows of one that the world file does not have.
    pub fn caa(&self, name: &str) -> Result<Vec<String>, DnsError> {
        let name = self.end_of_cnames(name, Viewer::Ca);
        self.record(&name, RecordType::Caa, Viewer::Ca).unwrap_or(Ok(&[])).map(<[String]>::to_vec)
    }

    /// One GET.
    pub fn get(&self, url: &Uri, viewer: Viewer) -> Hop {
        let host = url.host().unwrap_or_default();
        if let Err(why) = self.addresses(host, viewer) {
            return Hop::Unresolved(why);
        }
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        if let Some(answer) = self.answer(url, path, viewer) {
            return said(answer, path);
        }
        match port(url) {
            80 | 443 => Hop::Reply(serving::serve(self.world, self.cluster, host, url.path())),
            _ => Hop::Failed(HttpError::Refused),
        }
    }

    /// The longest entry of the world file that fits.
    fn answer(&self, url: &Uri, path: &str, viewer: Viewer) -> Option<&HttpAnswer> {
        let scheme = url.scheme_str().unwrap_or("http");
        let host = url.authority().map(|authority| authority.as_str().to_ascii_lowercase()).unwrap_or_default();
        let whole = format!("{scheme}://{host}{path}");
        let fits = |answer: &&HttpAnswer| {
            let said = &answer.url.0;
            (*said == whole || (said.ends_with('/') && whole.starts_with(said.as_str())))
                && viewer.sees(answer.seen_by)
                && values::is_now(answer.from, answer.to, self.start, self.now)
        };
        // Of entries that are equally long the first counts.
        self.world.http.iter().filter(fits).rev().max_by_key(|answer| answer.url.0.len())
    }

    /// What cert-manager's self check gets: redirects are followed wherever they lead, certificates are not verified.
    pub fn follow(&self, url: &str) -> Result<HttpReply, String> {
        let mut at = url.to_owned();
        for _ in 0..=MOST_REDIRECTS {
            let error = |words: String| format!("Get \"{at}\": {words}");
            let Ok(uri) = at.parse::<Uri>() else { return Err(error("invalid URL".to_owned())) };
            let host = uri.host().unwrap_or_default().to_owned();
            match self.get(&uri, Viewer::Cluster) {
                Hop::Reply(reply) => return Ok(reply),
                Hop::Redirect { to, .. } => at = absolute(&uri, &to),
                Hop::Unresolved(why) => return Err(error(unresolved(&host, why))),
                Hop::Failed(why) => {
                    let address = self.addresses(&host, Viewer::Cluster).ok();
                    let address = address.and_then(|all| all.into_iter().next()).unwrap_or_default();
                    let to = if address.contains(':') { format!("[{address}]") } else { address };
                    return Err(error(failed(&format!("{to}:{}", port(&uri)), why)));
                }
            }
        }
        Err(format!("Get \"{at}\": stopped after {MOST_REDIRECTS} redirects"))
    }
}

/// What an entry of the world file answers.
fn said(answer: &HttpAnswer, path: &str) -> Hop {
    if let Some(error) = answer.error {
        return Hop::Failed(error);
    }
    let status = answer.status.map(|status| status.0);
    match &answer.redirect {
        Some(to) => Hop::Redirect { status: status.unwrap_or(301), to: to.replace("{path}", path) },
        None => Hop::Reply(HttpReply { status: status.unwrap_or(200), body: answer.body.clone().into_bytes() }),
    }
}

/// The port of a URL, with the default of its scheme.
pub fn port(url: &Uri) -> u16 {
    url.port_u16().unwrap_or(if url.scheme_str() == Some("https") { 443 } else { 80 })
}

/// A `Location`, which may leave out scheme and host.
pub fn absolute(base: &Uri, to: &str) -> String {
    if to.contains("://") {
        return to.to_owned();
    }
    let authority = base.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    format!("{}://{authority}{to}", base.scheme_str().unwrap_or("http"))
}

fn unresolved(host: &str, why: Unresolved) -> String {
    let words = match why {
        Unresolved::Empty | Unresolved::Error(DnsError::Nxdomain) => "no such host".to_owned(),
        Unresolved::Error(DnsError::Servfail | DnsError::Refused) => "server misbehaving".to_owned(),
        Unresolved::Error(DnsError::Timeout) => format!("read udp {POD}->{RESOLVER}: i/o timeout"),
    };
    format!("dial tcp: lookup {host} on {RESOLVER}: {words}")
}

fn failed(address: &str, why: HttpError) -> String {
    match why {
        HttpError::Refused => format!("dial tcp {address}: connect: connection refused"),
        HttpError::Timeout => format!("dial tcp {address}: i/o timeout"),
        HttpError::Reset => format!("read tcp {POD}->{address}: read: connection reset by peer"),
        HttpError::Tls => "remote error: tls: handshake failure".to_owned(),
    }
}
