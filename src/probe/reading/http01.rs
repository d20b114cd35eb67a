//! The ladder of an HTTP-01 probe: name, address, connection, answer, redirects, status, body.

mod advice;
mod kind;

use std::net::IpAddr;

pub use advice::advice;
pub use kind::Kind;

use super::{Detail, Met, Network, Rung as _, Summary, Verdict, decide};
use crate::probe::Vantage;
use crate::probe::address::Refusal;
use crate::probe::outcome::http01::{Answer, Body, End, Expects, Http01, RedirectFault, Silence, Visit};
use crate::probe::outcome::lookup::{self, Lookup};
use crate::probe::outcome::sign::Sign;
use crate::probe::task;

/// What a whole probe amounts to.
pub type Reading = super::Reading<Kind>;

/// Reads an outcome. `network` is what other targets of the run showed of this machine's own network.
pub fn read(probe: &Http01, network: Network) -> Reading {
    let met: Vec<Met<Kind>> = probe.visits.iter().map(|visit| met(visit, probe.expects)).collect();
    if met.is_empty() { unresolved(&probe.lookup) } else { decide(&probe.host, met, network) }
}

/// The outcome in the form that all probes are shown in.
pub fn summary(probe: &Http01, vantage: Vantage, network: Network) -> Summary {
    let Reading { verdict, kind, words, met } = read(probe, network);
    let mut details = Detail::of_lookup(&probe.lookup);
    for (visit, met) in probe.visits.iter().zip(met) {
        let (about, text) = (met.address.to_string(), format!("{} ({} ms)", met.words, visit.elapsed.as_millis()));
        details.push(Detail { about: about.clone(), reason: Some(met.kind.id()), text });
        for hop in &visit.hops {
            let text = format!("{} from {}: {} to {}", about, hop.url, hop.status, hop.location);
            details.push(Detail::new("redirect", text));
        }
    }
    if probe.left_out > 0 {
        details.push(Detail::new("not visited", format!("{} more addresses", probe.left_out)));
    }
    let advice = if verdict == Verdict::Pass { "" } else { advice(kind, &signs(probe)) };
    let (host, reason) = (probe.host.clone(), kind.id());
    Summary { kind: task::Kind::Http01, target: host, vantage, verdict, reason, words, details, advice }
}

/// The marks on all answers.
pub fn signs(probe: &Http01) -> Vec<Sign> {
    let answers = probe.visits.iter().filter_map(|visit| match &visit.end {
        End::Answer(answer) => Some(answer.signs.iter().copied()),
        End::NotDialled { .. } | End::NoAddress { .. } | End::NoAnswer { .. } | End::BadRedirect { .. } => None,
    });
    answers.flatten().collect()
}

/// The machines that showed a sign of life.
pub(super) fn alive(probe: &Http01) -> impl Iterator<Item = IpAddr> {
    let is_alive = |visit: &&Visit| match &visit.end {
        End::Answer(_) | End::BadRedirect { .. } | End::NoAddress { .. } => true,
        End::NotDialled { .. } => !visit.hops.is_empty(),
        End::NoAnswer { silence, .. } => !silent(silence).0.is_silence() || !visit.hops.is_empty(),
    };
    probe.visits.iter().filter(is_alive).map(|visit| visit.address)
}

/// There is no address to visit.
pub(super) fn unresolved(lookup: &Lookup) -> Reading {
    use lookup::Answer;
    let (a, aaaa) = (&lookup.a, &lookup.aaaa);
    let name = &lookup.name;
    let is = |wanted: &Answer| a == wanted || aaaa == wanted;
    let (verdict, kind, words) = if is(&Answer::NxDomain) {
        (Verdict::Fail, Kind::NxDomain, format!("the name {name} does not exist (NXDOMAIN)"))
    } else if lookup.is_empty() {
        (Verdict::Fail, Kind::NoData, format!("the name {name} has neither an A nor an AAAA record"))
    } else if is(&Answer::ServFail) {
        (Verdict::Fail, Kind::ServFail, format!("the addresses of {name} cannot be looked up (SERVFAIL)"))
    } else if is(&Answer::TimedOut) {
        (Verdict::Inconclusive, Kind::LookupTimedOut, format!("nobody answers in time what addresses {name} has"))
    } else {
        let words = format!("the addresses of {name} cannot be looked up ({})", a.words());
        (Verdict::Inconclusive, Kind::LookupFailed, words)
    };
    Reading { verdict, kind, words: format!("{words}, by the word of {}", lookup.resolver), met: Vec::new() }
}

fn met(visit: &Visit, expects: Expects) -> Met<Kind> {
    let redirected = !visit.hops.is_empty();
    let (kind, words) = match &visit.end {
        End::NotDialled { refusal, .. } if redirected => {
            (Kind::RedirectReserved, format!("redirects to an address that is {}", refusal.words()))
        }
        End::NotDialled { refusal, .. } => (undialled(*refusal), refusal.words().to_owned()),
        End::NoAddress { url, lookup } => {
            let (a, aaaa) = (lookup.a.words(), lookup.aaaa.words());
            (Kind::RedirectNoAddress, format!("redirects to {url}, whose host has no address (A: {a}, AAAA: {aaaa})"))
        }
        End::NoAnswer { url, silence, .. } if redirected => {
            let (kind, words) = silent(silence);
            (on_the_way(kind), format!("redirects to {url}, which {words}"))
        }
        End::NoAnswer { silence, .. } => silent(silence),
        End::BadRedirect { status, location, fault, .. } => {
            let (kind, words) = bad_redirect(fault);
            (kind, format!("redirects with {status} to {location}, where the CA does not go: {words}"))
        }
        End::Answer(answer) => answered(answer, expects),
    };
    Met { address: visit.address, kind, words }
}

pub(super) const fn undialled(refusal: Refusal) -> Kind {
    match refusal {
        Refusal::Private(_) | Refusal::Never(_) => Kind::Reserved,
        Refusal::NotInMap => Kind::NotInMap,
    }
}

pub(super) fn silent(silence: &Silence) -> (Kind, String) {
    let (kind, words) = match silence {
        Silence::NobodyListens => (Kind::Refused, "refuses the connection: nobody listens on the port"),
        Silence::ConnectTimedOut => (Kind::ConnectTimedOut, "takes no connection in time: packets are dropped"),
        Silence::NoRoute => (Kind::Unreachable, "has no route to it"),
        Silence::Reset => (Kind::Reset, "resets the connection"),
        Silence::EmptyReply => (Kind::EmptyReply, "closes the connection without a byte of an answer"),
        Silence::ReadTimedOut => (Kind::ReadTimedOut, "takes the connection and does not answer in time"),
        Silence::CutOff => (Kind::CutOff, "closes the connection in the middle of its answer"),
        Silence::TlsOnPlainPort => (Kind::TlsOn80, "speaks TLS on the port for plain HTTP"),
        Silence::Http2Only => (Kind::Http2Only, "speaks HTTP/2 only, where the CA asks in HTTP/1.1"),
        Silence::NotHttp => (Kind::NotHttp, "answers with something that is not HTTP"),
        Silence::HeadTooLarge => (Kind::HeadTooLarge, "answers with headers that do not end"),
        Silence::PlainHttpOnTlsPort => (Kind::HttpOn443, "speaks plain HTTP where TLS is asked"),
        Silence::TlsAlert(alert) => return (Kind::TlsAlert, format!("refuses the TLS handshake (alert {alert})")),
        Silence::TlsFailed(why) => return (Kind::TlsFailed, format!("fails in the TLS handshake ({why})")),
        Silence::Other(why) => return (Kind::OtherFailure, format!("takes no connection ({why})")),
    };
    (kind, words.to_owned())
}

/// The same, met behind a redirect.
const fn on_the_way(kind: Kind) -> Kind {
    if matches!(kind, Kind::HttpOn443 | Kind::TlsAlert | Kind::TlsFailed) { kind } else { Kind::RedirectNoAnswer }
}

fn bad_redirect(fault: &RedirectFault) -> (Kind, String) {
    let (kind, words) = match fault {
        RedirectFault::Status => (Kind::RedirectStatus, "only 301, 302, 307 and 308 count"),
        RedirectFault::Scheme => (Kind::RedirectScheme, "only http and https count"),
        RedirectFault::Port(port) => {
            return (Kind::RedirectPort, format!("only ports 80 and 443 count, not {port}"));
        }
        RedirectFault::NoHost => (Kind::RedirectHost, "there is no host in it"),
        RedirectFault::MissingSlash => (Kind::RedirectMissingSlash, "a / is missing behind the host"),
        RedirectFault::Host => (Kind::RedirectHost, "the host is no name on the Internet"),
        RedirectFault::Reserved(what) => {
            return (Kind::RedirectReserved, format!("the address is not on the Internet ({what})"));
        }
        RedirectFault::TooLong => (Kind::RedirectTooLong, "the path is longer than 2000 bytes"),
        RedirectFault::Loop => (Kind::RedirectLoop, "it was there already, which makes a loop"),
        RedirectFault::TooMany => (Kind::RedirectTooMany, "it is one redirect too many"),
        RedirectFault::Malformed => (Kind::RedirectMalformed, "it is no URL"),
    };
    (kind, words.to_owned())
}

fn answered(answer: &Answer, expects: Expects) -> (Kind, String) {
    let status = answer.status;
    let (kind, words) = match (status, expects) {
        (200, Expects::KeyAuthorization | Expects::Token) => body(answer.body),
        (200..=299, Expects::NotFound) => {
            (Kind::CatchAll, "answers 200 for a token that does not exist, as if for every path")
        }
        (404 | 410, Expects::NotFound) => {
            return (Kind::Reachable, format!("is reachable, and answers {status} for a token that does not exist"));
        }
        (400, _) if answer.signs.contains(&Sign::HttpOnHttpsPort) => {
            (Kind::TlsOn80, "speaks TLS on the port for plain HTTP, as its 400 says")
        }
        (_, _) => return (refused(status), format!("answers {status}{}", who(answer))),
    };
    let who = if kind.is_good() { String::new() } else { who(answer) };
    (kind, format!("{words}{who}"))
}

const fn refused(status: u16) -> Kind {
    match status {
        404 | 410 => Kind::NotFound,
        401 => Kind::Unauthorized,
        403 => Kind::Forbidden,
        429 => Kind::TooManyRequests,
        500..=599 => Kind::Unavailable,
        _ => Kind::OtherStatus,
    }
}

const fn body(body: Body) -> (Kind, &'static str) {
    match body {
        Body::OfToken => (Kind::Works, "answers the token with some account's key authorization"),
        Body::Expected => (Kind::Works, "answers the challenge with its key authorization"),
        Body::ExpectedThenSpace => {
            (Kind::TrailingSpace, "answers with the key authorization and white space behind it")
        }
        Body::OtherAccount => (Kind::OtherAccount, "answers this token with the thumbprint of another ACME account"),
        Body::OtherToken => (Kind::OtherToken, "answers with a key authorization of another token"),
        Body::Empty => (Kind::EmptyBody, "answers 200 without a body"),
        Body::Html => (Kind::Html, "answers 200 with a web page"),
        Body::TooLong => (Kind::TooLong, "answers 200 with 128 bytes or more, which no key authorization has"),
        Body::Other => (Kind::OtherBody, "answers 200 with something that is no key authorization"),
    }
}

/// ` (server "nginx", title "Sign in"; it looks like a login)`.
fn who(answer: &Answer) -> String {
    let server = answer.server.iter().map(|server| format!("server {server:?}"));
    let title = answer.title.iter().map(|title| format!("title {title:?}"));
    let sign = answer.signs.iter().take(1).map(|sign| format!("it looks like {}", sign.words()));
    let parts: Vec<String> = server.chain(title).chain(sign).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}
