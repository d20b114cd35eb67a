//! Why one request failed, as a value that the caller can tell apart, in kubectl's words.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use thiserror::Error;
use tower::BoxError;

use super::proxy::Proxy;
use super::status::Status;
use super::tls::Refused;
use crate::duration::format_go;

/// What became of a request that brought no object. The text is what kubectl prints, without anything said twice;
/// there is no `source`, as the cause is in the text.
#[derive(Clone, Debug, Error)]
pub enum RequestError {
    /// 404 with a `Status`: the object is not there.
    #[error("{}", from_server(status))]
    NotFound { status: Box<Status> },
    /// 404 without one: the server does not know the API group, or not in this version.
    #[error("error: the server doesn't serve {group}")]
    GroupAbsent { group: String },
    #[error("{}", from_server(status))]
    Forbidden { status: Box<Status> },
    #[error("error: You must be logged in to the server ({})", status.message)]
    Unauthorized { status: Box<Status> },
    /// 409: someone else changed the object in between.
    #[error("{}", from_server(status))]
    Conflict { status: Box<Status> },
    #[error("{}", invalid(status))]
    Invalid { status: Box<Status> },
    /// 410: the list's continue token, or the watch's version, is too old.
    #[error("{}", from_server(status))]
    Expired { status: Box<Status> },
    /// 429, after all the tries.
    #[error("{}", from_server(status))]
    TooManyRequests { status: Box<Status> },
    /// Every other answer that is no success.
    #[error("{}", from_server(status))]
    ServerStatus { status: Box<Status> },
    #[error("Unable to connect to the server: no answer from {host_port} within {}", limit(*after))]
    Timeout { host_port: String, after: Duration },
    #[error("The connection to the server {host_port} was refused - did you specify the right host or port?")]
    Refused { host_port: String },
    #[error("Unable to connect to the server: {why}")]
    Tls { why: String },
    /// Every other way of not getting an answer. `proxy` says which proxy was on the way.
    #[error("Unable to connect to the server: {why}")]
    Unreachable { why: String, proxy: Option<String> },
    /// An auth provider could not renew its token.
    #[error("error: You must be logged in to the server ({why})")]
    Credential { why: String },
    /// The answer is not what was asked for. Says where, never what was in it.
    #[error("error: the server's answer for {path} cannot be read: line {line}, column {column} of {bytes} bytes")]
    Decode { path: String, line: usize, column: usize, bytes: usize },
}

impl RequestError {
    /// What the user can do about it, as a sentence, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::GroupAbsent { group } if group.contains("cert-manager.io") => Some(
                "cert-manager's CustomResourceDefinitions are not installed in this cluster, or not in this version"
                    .to_owned(),
            ),
            Self::Unauthorized { .. } | Self::Credential { .. } => {
                Some("the credential is wrong or has expired: log in again".to_owned())
            }
            Self::Tls { why } if why.contains("unknown authority") => Some(
                "pass the cluster's CA with --certificate-authority FILE, or check that this is the cluster you \
                      mean"
                    .to_owned(),
            ),
            Self::Timeout { .. } => Some("--request-timeout sets the limit for one request".to_owned()),
            Self::Unreachable { proxy: Some(proxy), .. } => Some(format!("the way led through the proxy {proxy}")),
            Self::Unreachable { proxy: None, .. }
            | Self::Tls { .. }
            | Self::GroupAbsent { .. }
            | Self::NotFound { .. }
            | Self::Forbidden { .. }
            | Self::Conflict { .. }
            | Self::Invalid { .. }
            | Self::Expired { .. }
            | Self::TooManyRequests { .. }
            | Self::ServerStatus { .. }
            | Self::Refused { .. }
            | Self::Decode { .. } => None,
        }
    }

    /// Reads an answer that is no success.
    pub(super) fn from_answer(code: u16, path: &str, body: &[u8]) -> Self {
        if code == 404 && is_plain_404(body) {
            return Self::GroupAbsent { group: group_of(path) };
        }
        Self::from_status(code, Status::read(code, body))
    }

    fn from_status(code: u16, status: Status) -> Self {
        let status = Box::new(status);
        match code {
            404 => Self::NotFound { status },
            401 => Self::Unauthorized { status },
            403 => Self::Forbidden { status },
            409 => Self::Conflict { status },
            410 => Self::Expired { status },
            422 => Self::Invalid { status },
            429 => Self::TooManyRequests { status },
            _ => Self::ServerStatus { status },
        }
    }

    /// Reads what kube's client, used for watches, makes of a failure.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest has no parts to tell apart")]
    pub(super) fn from_kube(err: kube::Error, host_port: &str, proxy: Option<&Proxy>, refused: &Refused) -> Self {
        let transport = |err: BoxError| Self::from_transport(&err, host_port, proxy, refused);
        match err {
            kube::Error::Api(status) => Self::from_status(status.code, Status::from(*status)),
            kube::Error::Service(err) => transport(err),
            kube::Error::HyperError(err) => transport(err.into()),
            other => transport(other.into()),
        }
    }

    /// Tells the ways apart in which a connection fails.
    pub(super) fn from_transport(err: &BoxError, host_port: &str, proxy: Option<&Proxy>, refused: &Refused) -> Self {
        let via = || proxy.map(ToString::to_string);
        if let Some(err) = find::<kube::client::AuthError>(err.as_ref()) {
            return Self::Credential { why: err.to_string() };
        }
        if let Some(tls) = find::<rustls::Error>(err.as_ref()) {
            return Self::Tls { why: tls_text(tls, refused) };
        }
        let io = find::<io::Error>(err.as_ref());
        match (io.map(io::Error::kind), proxy) {
            (Some(io::ErrorKind::ConnectionRefused), None) => Self::Refused { host_port: host_port.to_owned() },
            (Some(io::ErrorKind::ConnectionRefused), Some(proxy)) => {
                let why = format!("the proxy {} refused the connection", proxy.host_port());
                Self::Unreachable { why, proxy: via() }
            }
            (Some(io::ErrorKind::TimedOut), _) => {
                Self::Unreachable { why: format!("no connection to {host_port} in time"), proxy: via() }
            }
            (Some(_) | None, _) => Self::Unreachable { why: deepest(err.as_ref(), host_port), proxy: via() },
        }
    }
}

fn from_server(status: &Status) -> String {
    if status.reason.is_empty() {
        format!("Error from server: {}", status.message)
    } else {
        format!("Error from server ({}): {}", status.reason, status.message)
    }
}

/// kubectl's form for 422: the object, then what is wrong with it, on one line if it is one thing.
fn invalid(status: &Status) -> String {
    let Some(details) = &status.details else { return format!("The request is invalid: {}", status.message) };
    let head = if details.kind.is_empty() && details.name.is_empty() {
        "The request is invalid".to_owned()
    } else {
        format!("The {} {:?} is invalid", details.kind, details.name)
    };
    let causes: Vec<String> =
        details
            .causes
            .iter()
            .map(|cause| {
                if cause.field.is_empty() {
                    cause.message.clone()
                } else {
                    format!("{}: {}", cause.field, cause.message)
                }
            })
            .collect();
    match causes.as_slice() {
        [] => format!("{head}: {}", status.message),
        [only] => format!("{head}: {only}"),
        several => format!("{head}: \n* {}", several.join("\n* ")),
    }
}

/// Whether a 404 comes from the server's routing instead of from an object's absence.
fn is_plain_404(body: &[u8]) -> bool {
    !body.trim_ascii_start().starts_with(b"{")
}

/// `cert-manager.io/v1` for `/apis/cert-manager.io/v1/...`, `v1` for `/api/v1/...`, else the path.
fn group_of(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let mut parts = path.trim_start_matches('/').split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("apis"), Some(group), Some(version)) => format!("{group}/{version}"),
        (Some("api"), Some(version), _) => version.to_owned(),
        (Some(_) | None, Some(_) | None, Some(_) | None) => path.to_owned(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is worded by rustls")]
fn tls_text(err: &rustls::Error, refused: &Refused) -> String {
    match err {
        rustls::Error::InvalidCertificate(_) => {
            refused.last().unwrap_or_else(|| format!("tls: failed to verify certificate: {err}"))
        }
        rustls::Error::InvalidMessage(_) => {
            "tls: the server does not speak TLS (an http address called with https?)".to_owned()
        }
        rustls::Error::AlertReceived(alert) => format!("remote error: tls: {alert:?}"),
        other => format!("tls: {other}"),
    }
}

/// The first error of type `T` in a chain, also inside an `io::Error`, whose `source` skips what it wraps.
fn find<'a, T: StdError + 'static>(err: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(err);
    while let Some(err) = next {
        if let Some(found) = err.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapped = err.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(wrapped) = wrapped
            && let Some(found) = find::<T>(wrapped)
        {
            return Some(found);
        }
        next = err.source();
    }
    None
}

/// The text of the last error in a chain: those before it only say that something failed.
fn deepest(err: &(dyn StdError + 'static), host_port: &str) -> String {
    let mut last = err;
    while let Some(next) = last.source() {
        last = next;
    }
    let text = last.to_string();
    if text.contains("lookup address") || text.contains("dns error") {
        let host = host_port.rsplit_once(':').map_or(host_port, |(host, _)| host);
        return format!("dial tcp: lookup {host}: no such host ({text})");
    }
    match text.as_str() {
        "tunnel error: unsuccessful" => "the proxy would not connect to the server".to_owned(),
        "connection closed before message completed" | "end of file before message length reached" => {
            format!("unexpected EOF: {host_port} closed the connection before the answer was complete")
        }
        _ => text,
    }
}

fn limit(after: Duration) -> String {
    format_go(jiff::SignedDuration::try_from(after).unwrap_or(jiff::SignedDuration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16, body: &str) -> String {
        RequestError::from_answer(code, "/apis/cert-manager.io/v1/namespaces/a/certificates/x", body.as_bytes())
            .to_string()
    }

    #[test]
    fn answers_are_worded_as_kubectl_words_them() {
        for (code, body, expected) in [
            (
                404,
                r#"{"kind":"Status","reason":"NotFound","message":"certificates.cert-manager.io \"x\" not found"}"#,
                r#"Error from server (NotFound): certificates.cert-manager.io "x" not found"#,
            ),
            (404, "404 page not found\n", "error: the server doesn't serve cert-manager.io/v1"),
            (
                401,
                r#"{"kind":"Status","reason":"Unauthorized","message":"Unauthorized"}"#,
                "error: You must be logged in to the server (Unauthorized)",
            ),
            (500, r#"{"kind":"Status","message":"boom"}"#, "Error from server: boom"),
            (502, "<html>bad gateway</html>", "Error from server: the server answered with HTTP status 502"),
            (503, "no backend\nsecond line", "Error from server (ServiceUnavailable): no backend"),
            (
                422,
                r#"{"kind":"Status","reason":"Invalid","message":"m","details":{"kind":"Certificate","name":"x",
                    "causes":[{"field":"spec.secretName","message":"Required value"}]}}"#,
                r#"The Certificate "x" is invalid: spec.secretName: Required value"#,
            ),
            (
                422,
                r#"{"kind":"Status","message":"m","details":{"kind":"Certificate","name":"x",
                    "causes":[{"field":"a","message":"1"},{"field":"b","message":"2"}]}}"#,
                "The Certificate \"x\" is invalid: \n* a: 1\n* b: 2",
            ),
            (422, r#"{"kind":"Status","message":"m"}"#, "The request is invalid: m"),
        ] {
            assert_eq!(answer(code, body), expected);
        }
    }

    #[test]
    fn an_absent_group_names_cert_manager_as_the_thing_to_install() {
        let err = RequestError::from_answer(404, "/apis/acme.cert-manager.io/v1/orders?limit=1", b"404 page not found");
        assert!(matches!(&err, RequestError::GroupAbsent { group } if group == "acme.cert-manager.io/v1"));
        assert!(err.hint().unwrap().contains("not installed"));
    }

    #[test]
    fn an_error_inside_an_io_error_is_found() {
        let inner = rustls::Error::DecryptError;
        let err = io::Error::other(io::Error::other(inner));
        assert!(find::<rustls::Error>(&err).is_some());
        assert!(find::<std::fmt::Error>(&err).is_none());
    }
}
