//! Shakes hands at each address of a name and notes the certificates; sends nothing else.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use rustls::CertificateError;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::time::{Instant, timeout};

use super::dial::DialFault;
use super::edge::Edge;
use super::handshake::{Watched, shake};
use super::http::{silence_of, tls_silence};
use super::http01::MOST_ADDRESSES;
use super::outcome::http01::Silence;
use super::outcome::lookup::Lookup;
use super::outcome::tls::{Served, Tls, TlsEnd, TlsVisit, Trust};
use super::task::TlsTask;
use crate::x509::Certificate;

/// The most that a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Certificates that are read of a chain.
const MOST_CERTIFICATES: usize = 10;

/// Asks what the task says.
pub async fn probe(task: &TlsTask, edge: &Edge) -> Tls {
    let lookup = match task.connect_to {
        Some(address) => Lookup::literal(address),
        None => edge.resolver.addresses(&task.host).await,
    };
    let addresses = lookup.addresses();
    let visits = addresses.iter().take(MOST_ADDRESSES).map(|address| visit(task, edge, *address));
    Tls {
        host: task.host.clone(),
        port: task.port,
        visits: join_all(visits).await,
        left_out: addresses.len().saturating_sub(MOST_ADDRESSES),
        lookup,
    }
}

async fn visit(task: &TlsTask, edge: &Edge, address: IpAddr) -> TlsVisit {
    let start = Instant::now();
    let end = match edge.dial.tcp(Some(&task.host), address, task.port).await {
        Ok(stream) => {
            let (stream, first) = Watched::new(stream);
            match timeout(HANDSHAKE, shake(&task.host, stream)).await {
                Ok(Ok(tls)) => TlsEnd::Served(served(&task.host, edge, tls.get_ref().1.peer_certificates())),
                Ok(Err(error)) => TlsEnd::NoHandshake(tls_silence(&error, first.preface())),
                Err(_) => TlsEnd::NoHandshake(Silence::ReadTimedOut),
            }
        }
        Err(DialFault::Refused(refusal)) => TlsEnd::NotDialled(refusal),
        Err(fault) => TlsEnd::NoHandshake(silence_of(fault)),
    };
    TlsVisit { address, end, elapsed: start.elapsed() }
}

fn served(host: &str, edge: &Edge, sent: Option<&[CertificateDer<'_>]>) -> Served {
    let sent = sent.unwrap_or_default();
    let read = sent.iter().take(MOST_CERTIFICATES);
    let chain: Vec<Certificate> = read.filter_map(|der| Certificate::from_der(der).ok()).collect();
    let trust = match (edge.roots(), chain.first(), sent) {
        (Some(roots), Some(leaf), [first, rest @ ..]) => trust(&roots, host, leaf, first, rest),
        _ => Trust::NotChecked,
    };
    Served { chain, sent: sent.len(), trust }
}

/// Checks the chain as of the middle of the leaf's life: that it is over is another matter.
fn trust(
    roots: &Arc<dyn ServerCertVerifier>,
    host: &str,
    leaf: &Certificate,
    first: &CertificateDer<'_>,
    rest: &[CertificateDer<'_>],
) -> Trust {
    let Ok(name) = ServerName::try_from(host) else { return Trust::NotChecked };
    let middle = leaf.not_before.as_second().midpoint(leaf.not_after.as_second());
    let then = UnixTime::since_unix_epoch(Duration::from_secs(middle.try_into().unwrap_or_default()));
    let rest = &rest[..rest.len().min(MOST_CERTIFICATES)];
    match roots.verify_server_cert(first, rest, &name, &[], then) {
        Ok(_)
        | Err(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => Trust::Trusted,
        Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            Trust::Untrusted("no root that this machine trusts is at its end".into())
        }
        Err(error) => Trust::Untrusted(error.to_string()),
    }
}
