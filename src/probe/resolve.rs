//! A and AAAA of a name, asked of one recursive resolver.
//!
//! The resolver is the user's own choice: the system's, or `--resolver`. Names are asked as they are, without search
//! domains, hosts files or caches of ours; a look-up is made once, and what it gave is dialled.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{Resolver as Hickory, system_conf};

use super::outcome::lookup::{Answer, Lookup};

/// The most that one try may take; there are three.
const TRY: Duration = Duration::from_secs(2);
const TRIES: usize = 3;

/// One recursive resolver.
#[derive(Clone)]
pub struct Resolver {
    hickory: Hickory<TokioRuntimeProvider>,
    name: String,
}

/// Why there is no resolver to ask.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the resolver: {why}")]
pub struct ResolverFault {
    why: String,
}

impl Resolver {
    /// The resolver at this address, or the system's.
    pub fn new(at: Option<SocketAddr>) -> Result<Self, ResolverFault> {
        let fault = |why: NetError| ResolverFault { why: why.to_string() };
        let (config, name) = if let Some(at) = at {
            (only(at), at.to_string())
        } else {
            let (config, _) = system_conf::read_system_conf().map_err(fault)?;
            let (_, _, servers) = config.into_parts();
            (ResolverConfig::from_parts(None, Vec::new(), servers), "the system's resolver".to_owned())
        };
        let mut builder = Hickory::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options();
        Ok(Self { hickory: builder.build().map_err(fault)?, name })
    }

    /// Both kinds of address of a name, or the address that it is.
    pub async fn addresses(&self, host: &str) -> Lookup {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Lookup::literal(ip);
        }
        let (a, aaaa) = futures::future::join(self.ask(host, RecordType::A), self.ask(host, RecordType::AAAA)).await;
        Lookup { name: host.to_owned(), resolver: self.name.clone(), a, aaaa }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "records of other kinds are no addresses")]
    async fn ask(&self, host: &str, kind: RecordType) -> Answer {
        let absolute = format!("{}.", host.trim_end_matches('.'));
        match self.hickory.lookup(absolute, kind).await {
            Ok(lookup) => {
                let mut addresses = Vec::new();
                let mut aliases = Vec::new();
                let mut ttl = u32::MAX;
                for record in lookup.answers() {
                    match &record.data {
                        RData::A(a) => addresses.push(IpAddr::V4(a.0)),
                        RData::AAAA(aaaa) => addresses.push(IpAddr::V6(aaaa.0)),
                        RData::CNAME(target) => aliases.push(target.0.to_ascii().trim_end_matches('.').to_owned()),
                        _ => continue,
                    }
                    ttl = ttl.min(record.ttl);
                }
                addresses.sort_unstable();
                addresses.dedup();
                if addresses.is_empty() { Answer::NoData } else { Answer::Addresses { addresses, aliases, ttl } }
            }
            Err(error) => refused(&error),
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the rest has words of its own")]
fn refused(error: &NetError) -> Answer {
    let code = match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => none.response_code,
        NetError::Dns(DnsError::ResponseCode(code)) => *code,
        NetError::Timeout => return Answer::TimedOut,
        other => return Answer::Failed(other.to_string()),
    };
    match code {
        ResponseCode::NXDomain => Answer::NxDomain,
        ResponseCode::NoError => Answer::NoData,
        ResponseCode::ServFail => Answer::ServFail,
        other => Answer::Failed(other.to_string()),
    }
}

fn only(at: SocketAddr) -> ResolverConfig {
    let at_port = |mut connection: ConnectionConfig| {
        connection.port = at.port();
        connection
    };
    let connections = vec![at_port(ConnectionConfig::udp()), at_port(ConnectionConfig::tcp())];
    ResolverConfig::from_name_servers(vec![NameServerConfig::new(at.ip(), true, connections)])
}

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = TRY;
    options.attempts = TRIES;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.preserve_intermediates = true;
    options.edns0 = true;
    options.case_randomization = false;
    options
}
