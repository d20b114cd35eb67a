//! What an ACME server sends, read as leniently as cert-manager's client reads it: what is missing is empty, what is not
//! known is passed over (`third_party/forked/acme/{types,rfc8555,http}.go`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::http::Response;
use crate::api::AcmeState;
use crate::engine::question::acme::{
    AcmeAccount, AcmeAuthorization, AcmeChallenge, AcmeOrder, Identifier, Problem, Subproblem,
};
use crate::x509::pem;

/// The most certificates in a chain.
const CHAIN: usize = 5;

/// A body as JSON, or why it is none, in Go's words as far as they are known here.
pub fn json(body: &[u8]) -> Result<Value, String> {
    // Go's decoder stops behind the first value.
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) if error.is_eof() => Err("unexpected EOF".to_owned()),
        Some(Err(error)) => {
            let first = String::from_utf8_lossy(body).trim_start().chars().next();
            let is_value = |first: char| matches!(first, '{' | '[' | '"' | '-') || first.is_ascii_digit();
            match first {
                Some(first) if !is_value(first) => {
                    Err(format!("invalid character {first:?} looking for beginning of value"))
                }
                Some(_) | None => Err(format!("json: {error}")),
            }
        }
        None => Err("EOF".to_owned()),
    }
}

/// A member that is text; empty if it is not there.
pub fn text_at(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

fn texts_at(value: &Value, name: &str) -> Vec<String> {
    value[name].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The problem of a response that is none of success. A body that is no problem document is its detail.
pub fn problem_of(response: &Response) -> Problem {
    let mut problem = match json(&response.body) {
        Ok(value) if value.is_object() => problem(&value),
        Ok(_) | Err(_) => {
            Problem { detail: String::from_utf8_lossy(&response.body).into_owned(), ..Problem::default() }
        }
    };
    if problem.detail.is_empty() && problem.type_.is_empty() {
        problem.detail = response.status_line();
    }
    if problem.status == 0 {
        problem.status = response.status;
    }
    problem.retry_after = retry_after(&response.headers, crate::clock::now());
    problem
}

fn problem(value: &Value) -> Problem {
    let subproblem = |value: &Value| Subproblem {
        type_: text_at(value, "type"),
        detail: text_at(value, "detail"),
        identifier: value["identifier"].as_object().map(|_| identifier(&value["identifier"])),
    };
    Problem {
        status: value["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0),
        type_: text_at(value, "type"),
        detail: text_at(value, "detail"),
        subproblems: value["subproblems"].as_array().into_iter().flatten().map(subproblem).collect(),
        retry_after: None,
    }
}

fn identifier(value: &Value) -> Identifier {
    let name = text_at(value, "value");
    if value["type"] == "ip" { Identifier::Ip(name) } else { Identifier::Dns(name) }
}

/// An error within another object, if there is one.
fn error_of(value: &Value) -> Option<Problem> {
    value["error"].is_object().then(|| problem(&value["error"]))
}

/// An account.
pub fn account(response: &Response) -> Result<AcmeAccount, String> {
    let value = json(&response.body).map_err(|why| format!("acme: invalid account response: {why}"))?;
    let url = response.header("location").to_owned();
    Ok(AcmeAccount { url, contact: texts_at(&value, "contact"), existed: response.status == 200 })
}

/// An order.
pub fn order(response: &Response) -> Result<AcmeOrder, String> {
    let value = json(&response.body).map_err(|why| format!("acme: error reading order: {why}"))?;
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(AcmeOrder {
        url: some(response.header("location").to_owned()),
        status: AcmeState::from(text_at(&value, "status").as_str()),
        authorizations: texts_at(&value, "authorizations"),
        finalize: text_at(&value, "finalize"),
        certificate: some(text_at(&value, "certificate")),
        error: error_of(&value),
    })
}

/// An authorization.
pub fn authorization(response: &Response) -> Result<AcmeAuthorization, String> {
    let value = json(&response.body).map_err(|why| format!("acme: invalid response: {why}"))?;
    Ok(AcmeAuthorization {
        status: AcmeState::from(text_at(&value, "status").as_str()),
        identifier: text_at(&value["identifier"], "value"),
        wildcard: value["wildcard"].as_bool().unwrap_or(false),
        challenges: value["challenges"].as_array().into_iter().flatten().map(challenge_of).collect(),
    })
}

/// A challenge.
pub fn challenge(response: &Response) -> Result<AcmeChallenge, String> {
    json(&response.body).map(|value| challenge_of(&value)).map_err(|why| format!("acme: invalid response: {why}"))
}

fn challenge_of(value: &Value) -> AcmeChallenge {
    let status = text_at(value, "status");
    AcmeChallenge {
        url: text_at(value, "url"),
        type_: text_at(value, "type"),
        token: text_at(value, "token"),
        status: if status.is_empty() { AcmeState::Pending } else { AcmeState::from(status.as_str()) },
        error: error_of(value),
    }
}

/// A chain, leaf first.
pub fn chain(body: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut chain = Vec::new();
    for block in pem::blocks(body) {
        if block.label != "CERTIFICATE" {
            return Err(format!("acme: invalid PEM cert type {:?}", block.label));
        }
        chain.push(block.der);
        if chain.len() > CHAIN {
            return Err("acme: certificate chain is too long".to_owned());
        }
    }
    Ok(chain)
}

/// The URLs of the links of a relation.
pub fn links(headers: &HeaderMap, relation: &str) -> Vec<String> {
    let texts = headers.get_all("link").iter().filter_map(|value| value.to_str().ok());
    let fitting = texts.filter_map(|text| {
        let mut parts = text.split(';');
        let url = parts.next()?.trim().trim_matches(['<', '>']);
        let is_fit = |part: &str| part.trim().strip_prefix("rel=").is_some_and(|rel| rel.trim_matches('"') == relation);
        parts.any(is_fit).then(|| url.to_owned())
    });
    fitting.collect()
}

/// When the server wants to be asked again: seconds, or a date (RFC 9110 §10.2.3).
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let text = headers.get("retry-after")?.to_str().ok()?;
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(SignedDuration::from_secs(i64::from(seconds)));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(date.timestamp().duration_since(now))
}

/// Bytes as ACME writes them.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn response(status: u16, body: &str) -> Response {
        Response { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_problem_keeps_type_detail_and_subproblems() {
        let body = r#"{"type":"urn:ietf:params:acme:error:rejectedIdentifier","detail":"no","status":400,"subproblems":
            [{"type":"urn:x","detail":"never","identifier":{"type":"dns","value":"a.example"}}]}"#;
        let words =
            "400 urn:ietf:params:acme:error:rejectedIdentifier: no; subproblems:\n\turn:x: [dns: a.example] never";
        assert_eq!(problem_of(&response(400, body)).to_string(), words);
    }

    #[test]
    fn what_is_no_problem_document_is_told_as_it_is() {
        for (status, body, words) in [
            (502, "<html>bad gateway</html>", "502 : <html>bad gateway</html>"),
            (503, "", "503 : 503 Service Unavailable"),
            (404, "[]", "404 : []"),
            (429, r#"{"type":"urn:y","detail":"slow down"}"#, "429 urn:y: slow down"),
            (500, r#"{"status":503,"type":"urn:y"}"#, "503 urn:y: "),
        ] {
            assert_eq!(problem_of(&response(status, body)).to_string(), words);
        }
    }

    #[test]
    fn what_is_no_json_is_worded_as_go_words_it() {
        for (body, words) in
            [("<html>", "invalid character '<' looking for beginning of value"), ("", "EOF"), ("{", "unexpected EOF")]
        {
            assert_eq!(json(body.as_bytes()).unwrap_err(), words);
        }
        assert!(json(b"{\"a\":1} trailing").is_ok());
    }

    #[test]
    fn what_a_server_leaves_out_is_empty() {
        let read = order(&response(200, r#"{"status":7}"#)).unwrap();
        assert_eq!((read.status.as_str(), read.finalize.as_str(), read.url), ("", "", None));
        let read = authorization(&response(200, r#"{"challenges":[{"type":"dns-01","url":"u"}]}"#)).unwrap();
        assert_eq!(read.challenges[0].status, AcmeState::Pending);
    }

    #[test]
    fn a_server_says_when_to_come_back_in_seconds_or_by_a_date() {
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        for (text, expected) in
            [("7", Some(7)), ("Sun, 01 Mar 2026 00:01:00 GMT", Some(60)), ("soon", None), ("-1", None)]
        {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", HeaderValue::from_static(text));
            assert_eq!(retry_after(&headers, now).map(|wait| wait.as_secs()), expected, "{text}");
        }
    }

    #[test]
    fn alternate_chains_are_found_among_the_links() {
        let mut headers = HeaderMap::new();
        headers.append("link", HeaderValue::from_static("<https://ca.example/dir>;rel=\"index\""));
        headers.append("link", HeaderValue::from_static("<https://ca.example/1/alternate>; rel=\"alternate\""));
        assert_eq!(links(&headers, "alternate"), ["https://ca.example/1/alternate"]);
    }

    #[test]
    fn a_chain_is_certificates_alone_and_not_too_many() {
        let one = pem::encode("CERTIFICATE", &[1]);
        assert_eq!(chain(one.repeat(2).as_bytes()).unwrap(), [[1], [1]]);
        assert_eq!(chain(b"<html>").unwrap(), Vec::<Vec<u8>>::new());
        assert_eq!(chain(one.repeat(6).as_bytes()).unwrap_err(), "acme: certificate chain is too long");
        let key = pem::encode("PRIVATE KEY", &[1]);
        assert_eq!(chain(key.as_bytes()).unwrap_err(), "acme: invalid PEM cert type \"PRIVATE KEY\"");
    }
}
