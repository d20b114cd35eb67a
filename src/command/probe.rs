//! `probe`: one question to the network, without a cluster.

use std::net::{IpAddr, SocketAddr};

use super::source::block_on;
use super::{Context, Exit, Failure};
use crate::cli::{Http01Args, NetworkArgs, ProbeArgs, ProbeCommand, ProbeOutput, TlsArgs};
use crate::fact::Fact;
use crate::probe::edge::{Edge, Settings};
use crate::probe::reading::{self, Network, Verdict};
use crate::probe::run::{Limits, run as ask};
use crate::probe::task::{Http01Task, Task, TlsTask};
use crate::render::{json, probe, yaml};

pub fn run(args: &ProbeArgs, context: &mut Context) -> Result<Exit, Failure> {
    let (task, way) = match &args.probe {
        ProbeCommand::Http01(args) => (Task::Http01(http01(args, context)?), &args.way),
        ProbeCommand::Tls(args) => (Task::Tls(tls(args)?), &args.way),
    };
    let edge = open(&way.network, context)?;
    let probed = block_on(async { Ok(ask([task.clone()], &edge, Limits::default(), &|_| {}).await) })?;
    let outcome = match probed.of(&task) {
        Fact::Seen(outcome) => outcome,
        Fact::Failed(failure) => return Err(Failure::Probe { said: failure.to_string() }),
        Fact::Absent | Fact::Hidden(_) | Fact::NotLooked(_) => {
            return Err(Failure::Probe { said: "nothing was asked".into() });
        }
    };
    let summary = reading::summary(outcome, probed.vantage, Network::default(), context.now());
    let text = match way.output {
        ProbeOutput::Text => probe::text(&summary, &context.style),
        ProbeOutput::Json => json::text(&probe::Probe::of(&summary)),
        ProbeOutput::Yaml => yaml::text(&probe::Probe::of(&summary)),
    };
    context.write(&text)?;
    Ok(match summary.verdict {
        Verdict::Pass => Exit::Good,
        Verdict::Fail => Exit::Bad,
        Verdict::Inconclusive => Exit::Trouble,
    })
}

/// The way to the network that the flags describe.
pub fn open(args: &NetworkArgs, context: &Context) -> Result<Edge, Failure> {
    let resolver = args.resolver.as_deref().map(resolver).transpose()?;
    let settings = Settings { allow_private: args.allow_private, resolver, map: context.probe_map.clone() };
    Ok(Edge::open(&settings)?)
}

/// `IP`, `IP:PORT` or `[IP]:PORT`.
fn resolver(text: &str) -> Result<SocketAddr, Failure> {
    let alone = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
    alone.or_else(|_| text.parse()).map_err(|_| {
        let message = format!("--resolver must be an address, with or without a port: {text:?}");
        Failure::Usage { message }
    })
}

fn http01(args: &Http01Args, context: &Context) -> Result<Http01Task, Failure> {
    let host = host(&args.target)?;
    let expected = args.key_authorization.clone();
    let of_key =
        expected.as_ref().and_then(|key| key.expose().split_once('.').map(|(token, _)| token.to_owned().into()));
    if expected.is_some() && of_key.is_none() {
        return Err(Failure::Usage { message: "--key-authorization must be TOKEN.THUMBPRINT".into() });
    }
    // `--token` is a flag of all commands; nothing here is sent to an API server.
    let token = of_key.or_else(|| context.flags.token.clone());
    Ok(Http01Task { host, port: args.port, token, expected, connect_to: args.way.connect_to })
}

fn tls(args: &TlsArgs) -> Result<TlsTask, Failure> {
    Ok(TlsTask { host: host(&args.target)?, port: args.port, connect_to: args.way.connect_to })
}

/// The host of `HOST` or `http://HOST/...`, in lower case.
fn host(text: &str) -> Result<String, Failure> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    let is_name = host.split('.').all(|label| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !label.is_empty() && label.len() <= 63 && label.chars().all(plain)
    });
    if host.parse::<IpAddr>().is_err() && (!is_name || host.len() > 253) {
        return Err(Failure::Usage { message: format!("this is no host name and no address: {text:?}") });
    }
    Ok(host)
}
