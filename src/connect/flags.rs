//! What the user set on the command line about the connection, without any parser's types.

use std::path::PathBuf;
use std::time::Duration;

use crate::duration::parse_go;
use crate::redact::Redacted;

/// kubectl's connection flags. An empty text counts as not given, as in kubectl.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub kubeconfig: Option<PathBuf>,
    pub context: Option<String>,
    pub cluster: Option<String>,
    pub user: Option<String>,
    pub namespace: Option<String>,
    pub server: Option<String>,
    pub token: Option<Redacted<String>>,
    pub client_certificate: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    pub certificate_authority: Option<PathBuf>,
    pub insecure_skip_tls_verify: bool,
    pub tls_server_name: Option<String>,
    pub impersonate_user: Option<String>,
    pub impersonate_groups: Vec<String>,
    pub impersonate_uid: Option<String>,
    /// Pairs of `--as-user-extra`; a key may come more than once.
    pub impersonate_extra: Vec<(String, String)>,
    pub username: Option<String>,
    pub password: Option<Redacted<String>>,
    /// The limit for one request; `None` is none.
    pub request_timeout: Option<Duration>,
    pub disable_compression: bool,
}

/// Reads `--request-timeout`: whole seconds, or a Go duration; zero means no limit.
pub fn parse_request_timeout(text: &str) -> Result<Duration, String> {
    let parsed = match text.parse::<i64>() {
        Ok(seconds) => u64::try_from(seconds).ok().map(Duration::from_secs),
        Err(_) => parse_go(text).ok().and_then(|duration| Duration::try_from(duration).ok()),
    };
    parsed.ok_or_else(|| {
        "Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a \
         corresponding time unit (e.g. 1s | 2m | 3h)"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_timeouts_are_seconds_or_go_durations() {
        for (text, expected) in [
            ("0", Duration::ZERO),
            ("0s", Duration::ZERO),
            ("7", Duration::from_secs(7)),
            ("1m30s", Duration::from_secs(90)),
            ("250ms", Duration::from_millis(250)),
        ] {
            assert_eq!(parse_request_timeout(text), Ok(expected), "{text}");
        }
        for text in ["", "soon", "-1", "-1s", "1d"] {
            assert!(parse_request_timeout(text).unwrap_err().starts_with("Invalid timeout value."), "{text}");
        }
    }
}
