//! Whether a challenge that is presented may be accepted (`pkg/controller/acmechallenges/readiness.go`, and the `Check`
//! of `pkg/issuer/acme/{http/http,dns/dns}.go`).

use std::net::IpAddr;

use jiff::SignedDuration;

use super::http01;
use crate::api::{Challenge, ChallengeStatus, ChallengeType, GoDuration};
use crate::duration::format_go;
use crate::engine::question::dns::Dns01Check;
use crate::engine::question::{Answer, Http01Check, Question};
use crate::engine::turn::Turn;

/// So many checks must pass one after the other, and the names of the pauses behind all but the last.
const PASSES: [&str; 5] = ["first pass", "second pass", "third pass", "fourth pass", ""];

const BETWEEN_PASSES: SignedDuration = SignedDuration::from_secs(2);

/// How long a DNS-01 response is given after the check has passed.
const PROPAGATION: SignedDuration = SignedDuration::from_secs(60);

/// A body is shown up to here.
const SHOWN: usize = 24;

/// The most of a body that is read.
const BODY: usize = 1024 * 1024;

/// Whether to go on.
pub enum Readiness {
    Ready,
    Waiting { reason: String, again: SignedDuration },
}

/// The self check, or the wait in its place; `None` while it goes on.
pub fn readiness(turn: &mut Turn, challenge: &Challenge, status: &ChallengeStatus) -> Option<Readiness> {
    let type_ = challenge.spec.type_.as_str();
    let period = turn.flags.dns01_check_retry_period;
    if let Some(wait) = &challenge.spec.solver.wait_instead_of_self_check {
        return Some(after(turn, wait, status, type_));
    }
    Some(match self_check(turn, challenge)? {
        Ok(()) => Readiness::Ready,
        Err(error) => {
            Readiness::Waiting { reason: format!("Waiting for {type_} challenge propagation: {error}"), again: period }
        }
    })
}

/// `waitInsteadOfSelfCheck`: ready when so long has passed since it was presented.
fn after(turn: &Turn, wait: &GoDuration, status: &ChallengeStatus, type_: &str) -> Readiness {
    let period = turn.flags.dns01_check_retry_period;
    let wait = wait.parse().unwrap_or_default();
    let since = status.presented_at.as_ref().map_or(turn.now, |time| time.0);
    let end = since.saturating_add(wait).unwrap_or(jiff::Timestamp::MAX);
    let left = end.duration_since(turn.now);
    if left <= SignedDuration::ZERO {
        return Readiness::Ready;
    }
    let reason = format!("Waiting {} before accepting {type_} challenge without self-check", format_go(left));
    Readiness::Waiting { reason, again: left.min(period) }
}

fn self_check(turn: &mut Turn, challenge: &Challenge) -> Option<Result<(), String>> {
    match &challenge.spec.type_ {
        ChallengeType::Http01 => http01_check(turn, challenge),
        ChallengeType::Dns01 => dns01_check(turn, challenge),
        ChallengeType::Unknown(word) => Some(Err(format!("no solver for {word:?} implemented"))),
    }
}

fn http01_check(turn: &mut Turn, challenge: &Challenge) -> Option<Result<(), String>> {
    // Whatever of the solver is gone comes back.
    if let Err(error) = http01::present(turn, challenge) {
        return Some(Err(error));
    }
    let spec = &challenge.spec;
    let host = match spec.dns_name.parse() {
        Ok(IpAddr::V6(_)) => format!("[{}]", spec.dns_name),
        Ok(IpAddr::V4(_)) | Err(_) => spec.dns_name.clone(),
    };
    let url = format!("http://{host}/.well-known/acme-challenge/{}", spec.token);
    for (pass, name) in (1..).zip(PASSES) {
        let key_authorization = spec.key.clone();
        let answer = turn.ask(Question::Http01Check(Http01Check { url: url.clone(), key_authorization, pass }))?;
        if let Err(error) = passed(&url, &spec.key, answer) {
            return Some(Err(error));
        }
        if !name.is_empty() {
            turn.pause(name, BETWEEN_PASSES)?;
        }
    }
    Some(Ok(()))
}

fn passed(url: &str, key: &str, answer: Answer) -> Result<(), String> {
    let Answer::Http01Check(answer) = answer else {
        return Err(format!("failed to perform self check GET request '{url}': the answer is to another question"));
    };
    let reply = answer.map_err(|error| format!("failed to perform self check GET request '{url}': {error}"))?;
    if reply.status != 200 {
        return Err(format!("wrong status code '{}', expected '200'", reply.status));
    }
    let body = &reply.body[..reply.body.len().min(BODY)];
    if body == key.as_bytes() {
        return Ok(());
    }
    let shown = if body.len() > SHOWN {
        format!("{}... (truncated)", String::from_utf8_lossy(&body[..SHOWN]).trim())
    } else {
        String::from_utf8_lossy(body).into_owned()
    };
    Err(format!("did not get expected response when querying endpoint, expected {key:?} but got: {shown}"))
}

fn dns01_check(turn: &mut Turn, challenge: &Challenge) -> Option<Result<(), String>> {
    let name = &challenge.spec.dns_name;
    let check = Dns01Check {
        fqdn: fqdn(name),
        value: challenge.spec.key.clone(),
        authoritative: !turn.flags.dns01_recursive_nameservers_only,
    };
    let Answer::Dns01Check(answer) = turn.ask(Question::Dns01Check(check))? else {
        return Some(Err("the answer is to another question".to_owned()));
    };
    match answer {
        Ok(true) => {}
        Ok(false) => return Some(Err(format!("DNS record for {name:?} not yet propagated"))),
        Err(error) => return Some(Err(error)),
    }
    turn.pause("propagation", PROPAGATION)?;
    Some(Ok(()))
}

/// Where the TXT record of a name is expected.
pub fn fqdn(name: &str) -> String {
    format!("_acme-challenge.{name}.")
}
