//! When a request is sent again, and how long to wait before.
//!
//! Pure: looks at what came back, sleeps nowhere.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, StatusCode};

/// How often and how fast. client-go's rule: a read may be repeated, a write only where the server asked for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub tries: u32,
    pub first_wait: Duration,
    pub longest_wait: Duration,
    /// The most that all waits for one request may take together, if the request has no limit of its own.
    pub patience: Duration,
}

impl Policy {
    pub(super) const CLI: Self = Self {
        tries: 5,
        first_wait: Duration::from_millis(200),
        longest_wait: Duration::from_secs(5),
        patience: Duration::from_secs(30),
    };

    /// The wait before try `next` (the second is 2) after an answer, or `None` to take the answer as it is.
    pub(super) fn after_answer(
        &self,
        method: &Method,
        status: StatusCode,
        headers: &HeaderMap,
        next: u32,
    ) -> Option<Duration> {
        let busy = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];
        if next > self.tries {
            return None;
        }
        match retry_after(headers) {
            // client-go honours the header on 429 and on every 5xx.
            Some(wait) if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => Some(wait),
            _ if is_read(method) && busy.contains(&status) => Some(self.backoff(next)),
            Some(_) | None => None,
        }
    }

    /// The wait before try `next` after a connection that broke before the answer, or `None`.
    pub(super) fn after_break(&self, method: &Method, next: u32) -> Option<Duration> {
        (is_read(method) && next <= self.tries).then(|| self.backoff(next))
    }

    fn backoff(&self, next: u32) -> Duration {
        self.first_wait.saturating_mul(1 << next.saturating_sub(2).min(16)).min(self.longest_wait)
    }
}

fn is_read(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(method: &Method, code: u16, retry_after: Option<&str>, next: u32) -> Option<u128> {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(code).unwrap();
        Policy::CLI.after_answer(method, status, &headers, next).map(|wait| wait.as_millis())
    }

    #[test]
    fn reads_are_repeated_with_growing_waits_five_times_in_all() {
        let waits: Vec<_> = (2..=6).map(|next| wait(&Method::GET, 503, None, next)).collect();
        assert_eq!(waits, [Some(200), Some(400), Some(800), Some(1600), None]);
        assert_eq!(wait(&Method::GET, 500, None, 2), None);
        assert_eq!(wait(&Method::GET, 404, Some("1"), 2), None);
        assert_eq!(wait(&Method::GET, 429, Some("3"), 2), Some(3000));
    }

    #[test]
    fn writes_are_repeated_only_where_the_server_asked() {
        assert_eq!(wait(&Method::PUT, 503, None, 2), None);
        assert_eq!(wait(&Method::PUT, 429, None, 2), None);
        assert_eq!(wait(&Method::PUT, 429, Some("1"), 2), Some(1000));
        assert_eq!(Policy::CLI.after_break(&Method::PUT, 2), None);
        assert_eq!(Policy::CLI.after_break(&Method::GET, 2), Some(Duration::from_millis(200)));
    }
}
