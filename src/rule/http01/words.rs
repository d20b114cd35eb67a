//! The words about an HTTP-01 Challenge as values: the self check's, the CA's, and those of presenting.
//!
//! Wordings changed over releases, so they are matched loosely. Nothing here judges; the text itself stays the
//! evidence.

use std::net::IpAddr;

use crate::rule::acme_problem::{Problem, ProblemType};

/// What cert-manager's own check met, seen from its pod (`pkg/issuer/acme/http/http.go`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelfCheck<'t> {
    /// An answer with another status than 200.
    Status(u16),
    /// An answer with status 200 and another body; the body where the release quotes it.
    Body(Option<&'t str>),
    /// No answer.
    NoAnswer(NoAnswer),
    /// The way ended in a redirect that leads nowhere.
    Redirect(Redirect),
    /// The solver's objects could not be made anew.
    Present(&'t str),
    /// No check is made: `waitInsteadOfSelfCheck`.
    NotMade,
    /// Words that this program does not know.
    Other,
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// The name has no address.
    NoSuchHost,
    /// The name servers gave no verdict.
    LookUpFailed,
    Refused,
    TimedOut,
    NoRoute,
    Reset,
    /// The connection ended before a word was said.
    ClosedEarly,
    Other,
}

/// How a redirect leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// It goes on for ever, or too long.
    Loop,
    /// The TLS handshake at the target fails.
    Tls,
    /// The target speaks no TLS.
    PlainHttp,
    /// The target is one that the CA does not follow: another port or scheme, a private host.
    Target,
    /// The kind of redirect is one that the CA does not follow.
    Kind,
    /// Nothing takes the connection to port 443.
    NoAnswer,
}

/// What the CA met, seen from the internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict<'t> {
    pub problem: Problem<'t>,
    pub said: CaSaid<'t>,
}

/// The CA's reasons, as far as they concern HTTP-01.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaSaid<'t> {
    /// An answer with another status than 200.
    Status(u16),
    /// An answer with another body; the body where the CA quotes it.
    Body(Option<&'t str>),
    /// No connection, or no answer over it.
    NoAnswer(NoAnswer),
    Redirect(Redirect),
    /// The name has no public address.
    NoAddress,
    /// The name servers did not tell the address.
    LookUpFailed,
    /// CAA forbids, or could not be looked up.
    Caa,
    Other,
}

impl<'t> SelfCheck<'t> {
    /// Reads `status.reason` of a Challenge that waits.
    pub fn read(reason: &'t str) -> Self {
        if reason.contains("without self-check") {
            return Self::NotMade;
        }
        let words = reason.split_once("propagation: ").map_or(reason, |(_, words)| words);
        if let Some(code) = status_code(words) {
            return Self::Status(code);
        }
        if words.contains("did not get expected response") || words.contains("but got: ") {
            return Self::Body(quoted_body(words));
        }
        if words.contains("self check GET request") || words.contains("Get \"http") || words.contains("dial tcp") {
            return Self::no_answer(words);
        }
        if is_about_objects(words) { Self::Present(words) } else { Self::Other }
    }

    fn no_answer(words: &str) -> Self {
        let lower = words.to_ascii_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
        if has(&["stopped after 10 redirects"]) {
            return Self::Redirect(Redirect::Loop);
        }
        if has(&["server gave http response to https client", "first record does not look like a tls handshake"]) {
            return Self::Redirect(Redirect::PlainHttp);
        }
        if has(&["remote error: tls", "tls: "]) {
            return Self::Redirect(Redirect::Tls);
        }
        Self::NoAnswer(no_answer(&lower))
    }
}

impl<'t> Verdict<'t> {
    /// Reads `status.reason` of a Challenge that the CA refused.
    pub fn read(reason: &'t str) -> Self {
        let problem = Problem::of_failed_challenge(reason);
        let said = ca_said(&problem);
        Self { problem, said }
    }

    /// Whether only some of the CA's vantage points failed.
    pub fn is_secondary(&self) -> bool {
        self.problem.is_secondary()
    }

    /// The address that the CA asked.
    pub fn address(&self) -> Option<IpAddr> {
        self.problem.address()
    }
}

fn ca_said<'t>(problem: &Problem<'t>) -> CaSaid<'t> {
    let lower = problem.detail.to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    if problem.type_ == Some(ProblemType::Caa) || has(&["looking up caa", "caa record", "rechecking caa"]) {
        return CaSaid::Caa;
    }
    if has(&["nxdomain", "no valid a records", "no valid ip addresses", "no such host"]) {
        return CaSaid::NoAddress;
    }
    if problem.type_ == Some(ProblemType::Dns) || has(&["dns problem"]) {
        return CaSaid::LookUpFailed;
    }
    if let Some(redirect) = ca_redirect(problem, &lower) {
        return CaSaid::Redirect(redirect);
    }
    if has(&["key authorization file", "did not match this challenge"])
        || problem.type_ == Some(ProblemType::IncorrectResponse)
    {
        return CaSaid::Body(problem.detail.rsplit_once("!= ").map(|(_, body)| unquoted(body)));
    }
    if has(&["invalid response from", "invalid status code", "non-200 status"]) {
        let tail = problem.detail.rsplit(": ").next().unwrap_or_default();
        let code = tail.split_whitespace().next_back().unwrap_or_default().trim_matches(['"', '.']).parse();
        return match code {
            Ok(code) if (300..600).contains(&code) => CaSaid::Status(code),
            Ok(_) | Err(_) => CaSaid::Body(Some(unquoted(tail))),
        };
    }
    let is_connection = problem.type_ == Some(ProblemType::Connection);
    let how = no_answer(&lower);
    if how == NoAnswer::Other && !is_connection { CaSaid::Other } else { CaSaid::NoAnswer(how) }
}

fn ca_redirect(problem: &Problem, lower: &str) -> Option<Redirect> {
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    if has(&["redirect loop", "too many redirects"]) {
        return Some(Redirect::Loop);
    }
    if has(&["disallowed redirect status"]) {
        return Some(Redirect::Kind);
    }
    if has(&["redirect target"]) || (lower.contains("redirect") && lower.contains("invalid")) {
        return Some(Redirect::Target);
    }
    if has(&["only speaks http, not tls", "server gave http response to https client"]) {
        return Some(Redirect::PlainHttp);
    }
    let over_tls = problem.url().is_some_and(|url| url.starts_with("https://"));
    if has(&["remote error: tls", "tls: ", "tls handshake"]) || problem.type_ == Some(ProblemType::Tls) {
        return Some(Redirect::Tls);
    }
    let answered = has(&["invalid response from", "did not match this challenge"]);
    (over_tls && !answered && no_answer(lower) != NoAnswer::Other).then_some(Redirect::NoAnswer)
}

/// The words of Go's network stack and of CAs that are built on it, in lower case.
fn no_answer(lower: &str) -> NoAnswer {
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    if has(&["no such host"]) {
        NoAnswer::NoSuchHost
    } else if has(&["server misbehaving", "temporary failure in name resolution"])
        || lower.contains("lookup ") && has(&["timeout", "refused", "unreachable"])
    {
        NoAnswer::LookUpFailed
    } else if has(&["connection refused"]) {
        NoAnswer::Refused
    } else if has(&["no route to host", "network is unreachable", "network unreachable", "host unreachable"]) {
        NoAnswer::NoRoute
    } else if has(&["connection reset"]) {
        NoAnswer::Reset
    } else if has(&["timeout", "timed out", "deadline exceeded"]) {
        NoAnswer::TimedOut
    } else if lower.trim_end_matches(['"', '\'', ')', ' ']).ends_with("eof") || has(&["error getting validation data"])
    {
        NoAnswer::ClosedEarly
    } else {
        NoAnswer::Other
    }
}

/// `wrong status code '404', expected '200'`.
fn status_code(words: &str) -> Option<u16> {
    let (_, after) = words.split_once("wrong status code")?;
    let digits: String = after.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The body that releases up to 1.21 quote.
fn quoted_body(words: &str) -> Option<&str> {
    let (_, body) = words.split_once("but got: ")?;
    Some(unquoted(body.strip_suffix("(truncated)").unwrap_or(body)))
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

/// Presenting is done anew before each check, and fails with the API server's words.
fn is_about_objects(words: &str) -> bool {
    ["is forbidden", "denied the request", "not found", "is not enabled", "multiple existing"]
        .iter()
        .any(|part| words.contains(part))
}

/// What a wrong body looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// A web page.
    Html,
    /// A key authorization of this very token, by another ACME account.
    OtherAccount,
    /// A key authorization of another token.
    OtherToken,
    Empty,
    Other,
    /// The release of cert-manager or the CA does not quote it.
    NotQuoted,
}

impl Body {
    /// Compares an answer with the key authorization `TOKEN.THUMBPRINT` that was expected.
    pub fn of(body: Option<&str>, expected: &str) -> Self {
        let Some(body) = body else { return Self::NotQuoted };
        let start = body.trim_start().to_ascii_lowercase();
        if body.trim().is_empty() {
            return Self::Empty;
        }
        if ["<!doctype", "<html", "<head", "<body", "<?xml"].iter().any(|tag| start.starts_with(tag)) {
            return Self::Html;
        }
        let token_of = |key: &str| key.split_once('.').map(|(token, _)| token.to_owned());
        match token_of(body.trim()) {
            Some(token) if is_key_authorization(body.trim()) => {
                if token_of(expected) == Some(token) {
                    Self::OtherAccount
                } else {
                    Self::OtherToken
                }
            }
            Some(_) | None => Self::Other,
        }
    }
}

/// Token, dot, thumbprint of 43 characters (RFC 8555 §8.1). A quoted body may be cut short.
fn is_key_authorization(text: &str) -> bool {
    let is_base64url = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    text.split_once('.').is_some_and(|(token, thumbprint)| {
        token.len() >= 22 && thumbprint.len() >= 16 && is_base64url(token) && is_base64url(thumbprint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://a.example/.well-known/acme-challenge/TOKEN";

    #[test]
    fn the_self_checks_words_are_told_apart() {
        let get = |words: &str| format!("failed to perform self check GET request '{URL}': Get \"{URL}\": {words}");
        let none = |how| SelfCheck::NoAnswer(how);
        for (words, expected) in [
            ("wrong status code '404', expected '200'".into(), SelfCheck::Status(404)),
            ("wrong status code '503', expected '200'".into(), SelfCheck::Status(503)),
            ("did not get expected response \"T.K\" when querying endpoint".into(), SelfCheck::Body(None)),
            (
                "did not get expected response when querying endpoint, expected \"T.K\" but got: <html>: a (truncated)"
                    .into(),
                SelfCheck::Body(Some("<html>: a")),
            ),
            (get("dial tcp 203.0.113.7:80: connect: connection refused"), none(NoAnswer::Refused)),
            (get("dial tcp 203.0.113.7:80: i/o timeout"), none(NoAnswer::TimedOut)),
            (
                get("context deadline exceeded (Client.Timeout exceeded while awaiting headers)"),
                none(NoAnswer::TimedOut),
            ),
            (get("dial tcp: lookup a.example on 10.96.0.10:53: no such host"), none(NoAnswer::NoSuchHost)),
            (get("dial tcp: lookup a.example on 10.96.0.10:53: server misbehaving"), none(NoAnswer::LookUpFailed)),
            (get("dial tcp: lookup a.example on 10.96.0.10:53: i/o timeout"), none(NoAnswer::LookUpFailed)),
            (get("EOF"), none(NoAnswer::ClosedEarly)),
            (get("read tcp 10.0.0.1:4->203.0.113.7:80: read: connection reset by peer"), none(NoAnswer::Reset)),
            (get("dial tcp [2001:db8::7]:80: connect: network is unreachable"), none(NoAnswer::NoRoute)),
            (get("stopped after 10 redirects"), SelfCheck::Redirect(Redirect::Loop)),
            (get("remote error: tls: unrecognized name"), SelfCheck::Redirect(Redirect::Tls)),
            (get("http: server gave HTTP response to HTTPS client"), SelfCheck::Redirect(Redirect::PlainHttp)),
            ("something new".into(), SelfCheck::Other),
        ] {
            let reason = format!("Waiting for HTTP-01 challenge propagation: {words}");
            assert_eq!(SelfCheck::read(&reason), expected, "{words}");
            let old = format!("Waiting for http-01 challenge propagation: {words}");
            assert_eq!(SelfCheck::read(&old), expected, "{words}");
        }
        let wait = "Waiting 5m0s before accepting HTTP-01 challenge without self-check";
        assert_eq!(SelfCheck::read(wait), SelfCheck::NotMade);
        let quota = "Waiting for HTTP-01 challenge propagation: pods \"x\" is forbidden: exceeded quota: pods";
        assert_eq!(SelfCheck::read(quota), SelfCheck::Present("pods \"x\" is forbidden: exceeded quota: pods"));
    }

    #[test]
    fn the_cas_words_are_told_apart() {
        let https = URL.replace("http:", "https:");
        let fetching = |words: &str| format!("connection: 203.0.113.7: Fetching {URL}: {words}");
        let none = |how| CaSaid::NoAnswer(how);
        for (words, expected) in [
            (fetching("Timeout during connect (likely firewall problem)"), none(NoAnswer::TimedOut)),
            (fetching("Timeout after connect (your server may be slow or overloaded)"), none(NoAnswer::TimedOut)),
            (fetching("Connection refused"), none(NoAnswer::Refused)),
            (fetching("Connection reset by peer"), none(NoAnswer::Reset)),
            (fetching("Network unreachable"), none(NoAnswer::NoRoute)),
            (fetching("Error getting validation data"), none(NoAnswer::ClosedEarly)),
            (fetching("something new"), none(NoAnswer::Other)),
            (fetching("Redirect loop detected"), CaSaid::Redirect(Redirect::Loop)),
            (fetching("Too many redirects"), CaSaid::Redirect(Redirect::Loop)),
            (
                fetching("Invalid port in redirect target. Only ports 80 and 443 are supported, not 8443"),
                CaSaid::Redirect(Redirect::Target),
            ),
            (fetching("received disallowed redirect status code"), CaSaid::Redirect(Redirect::Kind)),
            (format!("connection: 203.0.113.7: Fetching {https}: Connection refused"), CaSaid::Redirect(Redirect::NoAnswer)),
            (format!("connection: 203.0.113.7: Fetching {https}: remote error: tls: handshake failure"), CaSaid::Redirect(Redirect::Tls)),
            (format!("tls: 203.0.113.7: Fetching {https}: Server only speaks HTTP, not TLS"), CaSaid::Redirect(Redirect::PlainHttp)),
            (format!("unauthorized: 203.0.113.7: Invalid response from {URL}: 404"), CaSaid::Status(404)),
            (format!("unauthorized: 203.0.113.7: Invalid response from {https}: 404"), CaSaid::Status(404)),
            (format!("unauthorized: Invalid response from {URL} [203.0.113.7]: \"<html>\""), CaSaid::Body(Some("<html>"))),
            (
                "unauthorized: The key authorization file from the server did not match this challenge \"T.K\" != \"hi\"".into(),
                CaSaid::Body(Some("hi")),
            ),
            ("dns: DNS problem: NXDOMAIN looking up A for a.example".into(), CaSaid::NoAddress),
            ("dns: no valid A records found for a.example; no valid AAAA records found".into(), CaSaid::NoAddress),
            ("dns: DNS problem: SERVFAIL looking up A for a.example".into(), CaSaid::LookUpFailed),
            ("dns: DNS problem: SERVFAIL looking up CAA for a.example".into(), CaSaid::Caa),
            ("caa: CAA record for a.example prevents issuance".into(), CaSaid::Caa),
            ("rateLimited: too many".into(), CaSaid::Other),
        ] {
            let reason = format!(
                "Error accepting authorization: acme: authorization error for a.example: 400 urn:ietf:params:acme:error:{words}"
            );
            assert_eq!(Verdict::read(&reason).said, expected, "{words}");
        }
    }

    #[test]
    fn bodies_are_told_apart() {
        let key = "qLvIgrKc-FhRJH2k9yt63V4_q0EAWsuojh68qltKl44.TTgRdBupq9afzybNinrnhyU7viX21dmqRcLn8UVpKtA";
        let other_account = "qLvIgrKc-FhRJH2k9yt63V4_q0EAWsuojh68qltKl44.kPTBkpucqO83cxu2bjSPk8UXRT4MEj0zIQKKrq_1fzU";
        let other_token = "KoNgn0RvJ3npi6lS1kuc2UAHOZH9DX4iaWNDCPBgWtI.TTgRdBupq9afzybNinrnhyU7viX21dmqRcLn8UVpKtA";
        for (body, expected) in [
            ("<!DOCTYPE html><title>x", Body::Html),
            ("\n <html lang=en>", Body::Html),
            (other_account, Body::OtherAccount),
            (other_token, Body::OtherToken),
            ("", Body::Empty),
            ("hello. world", Body::Other),
            ("ok", Body::Other),
        ] {
            assert_eq!(Body::of(Some(body), key), expected, "{body}");
        }
    }
}
