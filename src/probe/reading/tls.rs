//! The ladder of a TLS probe: name, address, connection, handshake, and what is served.

use std::net::IpAddr;

use jiff::Timestamp;

use super::{Detail, Met, Network, Rung, Summary, decide, http01};
use crate::host::covers;
use crate::probe::Vantage;
use crate::probe::outcome::tls::{Served, Tls, TlsEnd, TlsVisit, Trust};
use crate::probe::task;
use crate::x509::Certificate;

/// What was met. The order is that of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// No handshake came about: as on the way to an HTTP answer.
    Road(http01::Kind),
    /// Nothing that was sent is a certificate.
    Unreadable,
    /// What a controller serves where it has nothing for the host.
    DefaultCertificate,
    Expired,
    NotYetValid,
    WrongName,
    Staging,
    ChainIncomplete,
    ChainOrder,
    Untrusted,
    AddressesDiffer,
    Works,
}

impl Kind {
    /// The word in outputs, for ever.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Road(kind) => kind.id(),
            Self::Unreadable => "unreadable-certificate",
            Self::DefaultCertificate => "default-certificate",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::WrongName => "wrong-name",
            Self::Staging => "staging",
            Self::ChainIncomplete => "chain-incomplete",
            Self::ChainOrder => "chain-order",
            Self::Untrusted => "untrusted",
            Self::AddressesDiffer => "addresses-differ",
            Self::Works => "works",
        }
    }
}

impl Rung for Kind {
    const DIFFER: Self = Self::AddressesDiffer;

    fn is_good(self) -> bool {
        self == Self::Works
    }

    fn is_undialled(self) -> bool {
        matches!(self, Self::Road(kind) if kind.is_undialled())
    }

    fn is_silence(self) -> bool {
        matches!(self, Self::Road(kind) if kind.is_silence())
    }
}

/// What a whole probe amounts to.
pub type Reading = super::Reading<Kind>;

/// Reads an outcome as of `now`.
pub fn read(probe: &Tls, network: Network, now: Timestamp) -> Reading {
    let met: Vec<Met<Kind>> = probe.visits.iter().map(|visit| met(probe, visit, now)).collect();
    if met.is_empty() {
        let http01::Reading { verdict, kind, words, .. } = http01::unresolved(&probe.lookup);
        return Reading { verdict, kind: Kind::Road(kind), words, met: Vec::new() };
    }
    decide(&probe.host, met, network)
}

/// The outcome in the form that all probes are shown in.
pub fn summary(probe: &Tls, vantage: Vantage, network: Network, now: Timestamp) -> Summary {
    let Reading { verdict, kind, words, met } = read(probe, network, now);
    let mut details = Detail::of_lookup(&probe.lookup);
    for (visit, met) in probe.visits.iter().zip(met) {
        let text = format!("{} ({} ms)", met.words, visit.elapsed.as_millis());
        details.push(Detail { about: met.address.to_string(), reason: Some(met.kind.id()), text });
        if let TlsEnd::Served(served) = &visit.end {
            let lines = served.chain.iter().enumerate();
            details.extend(lines.map(|(at, one)| Detail::new(format!("certificate {}", at + 1), describe(one))));
        }
    }
    let advice = if verdict == super::Verdict::Pass { "" } else { advice(kind) };
    let (target, reason) = (probe.host.clone(), kind.id());
    Summary { kind: task::Kind::Tls, target, vantage, verdict, reason, words, details, advice }
}

/// The machines that showed a sign of life.
pub(super) fn alive(probe: &Tls) -> impl Iterator<Item = IpAddr> {
    let is_alive = |visit: &&TlsVisit| match &visit.end {
        TlsEnd::Served(_) => true,
        TlsEnd::NotDialled(_) => false,
        TlsEnd::NoHandshake(silence) => !http01::silent(silence).0.is_silence(),
    };
    probe.visits.iter().filter(is_alive).map(|visit| visit.address)
}

/// Subject, issuer, names and dates.
pub fn describe(one: &Certificate) -> String {
    let names = one.alt_names.dns.join(", ");
    let names = if names.is_empty() { String::new() } else { format!(", for {names}") };
    let (subject, issuer) = (one.subject.to_string(), one.issuer.to_string());
    let (from, until) = (one.not_before, one.not_after);
    format!("{subject}{names}, issued by {issuer}, from {from} until {until}, serial {}", one.serial)
}

fn met(probe: &Tls, visit: &TlsVisit, now: Timestamp) -> Met<Kind> {
    let (kind, words) = match &visit.end {
        TlsEnd::NotDialled(refusal) => (Kind::Road(http01::undialled(*refusal)), refusal.words().to_owned()),
        TlsEnd::NoHandshake(silence) => {
            let (kind, words) = http01::silent(silence);
            (Kind::Road(kind), words)
        }
        TlsEnd::Served(served) => judge(&probe.host, served, now),
    };
    Met { address: visit.address, kind, words }
}

fn judge(host: &str, served: &Served, now: Timestamp) -> (Kind, String) {
    let Some(leaf) = served.chain.first() else {
        return (Kind::Unreadable, "serves nothing that is a certificate".into());
    };
    if let Some(whose) = default_of(leaf) {
        return (Kind::DefaultCertificate, format!("serves {whose}: it has no certificate for {host}"));
    }
    let (from, until) = (leaf.not_before, leaf.not_after);
    if now > until {
        return (Kind::Expired, format!("serves a certificate that ended at {until}"));
    }
    if now < from {
        return (Kind::NotYetValid, format!("serves a certificate that begins at {from}"));
    }
    if !is_for(leaf, host) {
        return (Kind::WrongName, format!("serves a certificate that is not for {host} but for {}", names(leaf)));
    }
    if served.chain.iter().any(is_staging) {
        return (Kind::Staging, format!("serves a certificate of a staging CA ({})", leaf.issuer));
    }
    chain(served, leaf)
}

fn chain(served: &Served, leaf: &Certificate) -> (Kind, String) {
    let good = || (Kind::Works, format!("serves a certificate for it, good until {}", leaf.not_after));
    let broken = served.chain.windows(2).any(|pair| !pair[0].names_issuer(&pair[1]));
    match &served.trust {
        Trust::Trusted if broken => {
            let words = "serves its certificates in an order where one is not issued by the next".into();
            (Kind::ChainOrder, words)
        }
        Trust::Trusted | Trust::NotChecked => good(),
        // A public CA says where its certificate is to be had; whoever has it need not look.
        Trust::Untrusted(_) if served.sent == 1 && !leaf.is_self_signed() && !leaf.issuing_urls.is_empty() => {
            (Kind::ChainIncomplete, format!("serves the leaf alone, without {} that issued it", leaf.issuer))
        }
        Trust::Untrusted(why) => {
            let words = format!("serves a certificate of {} that this machine does not trust: {why}", leaf.issuer);
            (Kind::Untrusted, words)
        }
    }
}

/// Whose default certificate it is.
pub fn default_of(leaf: &Certificate) -> Option<&'static str> {
    match leaf.subject.common_name() {
        "Kubernetes Ingress Controller Fake Certificate" => Some("the default certificate of ingress-nginx"),
        "TRAEFIK DEFAULT CERT" => Some("the default certificate of Traefik"),
        _ => None,
    }
}

/// Whether a name of the certificate is good for the host; the common name does not count.
pub fn is_for(leaf: &Certificate, host: &str) -> bool {
    let is_address = host.parse::<IpAddr>().is_ok_and(|ip| leaf.alt_names.ips.contains(&ip));
    is_address || leaf.alt_names.dns.iter().any(|name| covers(name, host))
}

fn names(leaf: &Certificate) -> String {
    if leaf.alt_names.dns.is_empty() { "no name".into() } else { leaf.alt_names.dns.join(", ") }
}

fn is_staging(one: &Certificate) -> bool {
    [&one.subject, &one.issuer].iter().any(|name| {
        let name = name.to_string();
        name.contains("(STAGING)") || name.contains("Fake LE ")
    })
}

/// What to do about each.
pub const fn advice(kind: Kind) -> &'static str {
    match kind {
        Kind::Road(http01::Kind::HttpOn443) => "have port 443 lead to the controller's port for HTTPS, not for HTTP",
        Kind::Road(http01::Kind::TlsAlert | http01::Kind::TlsFailed | http01::Kind::EmptyReply) => {
            "give the listener a certificate for the host: the Secret must be in the namespace of what reads it, with \
             tls.crt and tls.key, and the host among those of the TLS block or listener"
        }
        Kind::Road(_) => "have the host take connections on port 443 from everywhere",
        Kind::Unreadable => "replace what the server has for a certificate",
        Kind::DefaultCertificate => {
            "check that the Ingress names the Secret in tls.secretName and the host in tls.hosts, that the Secret is in \
             the Ingress's namespace and has tls.crt and tls.key, and that the class is the controller's"
        }
        Kind::Expired => "renew the certificate, or have the server take in the renewed one",
        Kind::NotYetValid => "check the clocks of this machine and of the CA",
        Kind::WrongName => "add the name to the certificate, or serve the certificate that has it",
        Kind::Staging => "take an issuer of the CA's production directory",
        Kind::ChainIncomplete => "serve the whole tls.crt: the leaf and the certificates behind it",
        Kind::ChainOrder => "order the certificates: the leaf, its issuer, the issuer's issuer",
        Kind::Untrusted => "give clients the CA's certificate, or take an issuer that they trust",
        Kind::AddressesDiffer => "have the server at the address that differs take in the same certificate",
        Kind::Works => "",
    }
}
