//! A CA's refusal: the ACME problem (RFC 8555 §6.7) inside the text that cert-manager keeps of it.
//!
//! Reads the text only; what a problem means for a certificate is for the rules.

use std::net::IpAddr;

/// A problem as Go's ACME client prints it: `403 urn:ietf:params:acme:error:caa: DETAIL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem<'t> {
    /// The HTTP status; absent where only the detail was kept.
    pub status: Option<u16>,
    /// Absent where only the detail was kept.
    pub type_: Option<ProblemType>,
    /// The CA's sentence, verbatim.
    pub detail: &'t str,
}

/// The last word of the problem's URN (RFC 8555 §6.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProblemType {
    Caa,
    Compound,
    Connection,
    Dns,
    IncorrectResponse,
    Malformed,
    RateLimited,
    RejectedIdentifier,
    ServerInternal,
    Tls,
    Unauthorized,
    /// Any other word.
    Other(String),
}

const URNS: [&str; 2] = ["urn:ietf:params:acme:error:", "urn:acme:error:"];

impl<'t> Problem<'t> {
    /// The first problem in a text. Without a URN there is none.
    pub fn find(text: &'t str) -> Option<Self> {
        let (before, after) = URNS.iter().find_map(|urn| text.split_once(urn))?;
        let status = before.split_whitespace().next_back().and_then(|word| word.parse().ok());
        let end = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
        let (word, detail) = after.split_at(end);
        let detail = detail.strip_prefix(':').unwrap_or(detail).trim();
        Some(Self { status, type_: Some(ProblemType::from(word)), detail })
    }

    /// The CA's verdict on a Challenge, from `status.reason` of a failed one. cert-manager keeps the bare detail
    /// where it finds an authorization already refused.
    pub fn of_failed_challenge(reason: &'t str) -> Self {
        Self::find(reason).unwrap_or(Self { status: None, type_: None, detail: reason.trim() })
    }

    /// Whether the CA's other vantage points say so, while the first one was content.
    pub fn is_secondary(&self) -> bool {
        let detail = self.detail.to_ascii_lowercase();
        detail.contains("during secondary validation") || detail.contains("remote perspective")
    }

    /// The address that the CA spoke to, where it says so: `203.0.113.7: Fetching http://...`, or in brackets
    /// behind the URL in older texts.
    pub fn address(&self) -> Option<IpAddr> {
        let detail = self.detail.strip_prefix("During secondary validation: ").unwrap_or(self.detail);
        let leading = detail.split_once(": ").and_then(|(head, _)| parse_address(head));
        leading.or_else(|| {
            let inside = detail.split('[').skip(1).filter_map(|part| part.split_once(']'));
            inside.map(|(head, _)| head).find_map(parse_address)
        })
    }

    /// The URL that the CA was fetching when it gave up; after a redirect not the one it began with.
    pub fn url(&self) -> Option<&'t str> {
        let start = self.detail.find("http://").into_iter().chain(self.detail.find("https://")).min()?;
        let url = &self.detail[start..];
        let end = url.find(|c: char| c.is_whitespace() || "\"'<>[]".contains(c)).unwrap_or(url.len());
        Some(url[..end].trim_end_matches([':', ',', ';']))
    }
}

fn parse_address(text: &str) -> Option<IpAddr> {
    text.trim().trim_start_matches('[').trim_end_matches(']').parse().ok()
}

impl From<&str> for ProblemType {
    fn from(word: &str) -> Self {
        match word {
            "caa" => Self::Caa,
            "compound" => Self::Compound,
            "connection" => Self::Connection,
            "dns" => Self::Dns,
            "incorrectResponse" => Self::IncorrectResponse,
            "malformed" => Self::Malformed,
            "rateLimited" => Self::RateLimited,
            "rejectedIdentifier" => Self::RejectedIdentifier,
            "serverInternal" => Self::ServerInternal,
            "tls" => Self::Tls,
            "unauthorized" => Self::Unauthorized,
            _ => Self::Other(word.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_read_from_the_words_around_it() {
        let text = "Error accepting authorization: acme: authorization error for a.example: 400 \
                    urn:ietf:params:acme:error:connection: 203.0.113.7: Fetching http://a.example/x: Connection refused";
        let problem = Problem::find(text).unwrap();
        assert_eq!(problem.status, Some(400));
        assert_eq!(problem.type_, Some(ProblemType::Connection));
        assert_eq!(problem.detail, "203.0.113.7: Fetching http://a.example/x: Connection refused");
        assert_eq!(problem.address(), Some("203.0.113.7".parse().unwrap()));
        assert_eq!(problem.url(), Some("http://a.example/x"));
        assert!(!problem.is_secondary());
    }

    #[test]
    fn unknown_types_and_bare_details_are_kept() {
        let problem = Problem::find("Failed: 429 urn:ietf:params:acme:error:quota: too many").unwrap();
        assert_eq!(problem.type_, Some(ProblemType::Other("quota".into())));
        assert_eq!(Problem::find("wrong status code '404'"), None);
        let bare = Problem::of_failed_challenge("CAA record for a.example prevents issuance");
        assert_eq!((bare.type_, bare.detail), (None, "CAA record for a.example prevents issuance"));
        let ends_at_type = Problem::find("403 urn:ietf:params:acme:error:caa").unwrap();
        assert_eq!((ends_at_type.type_, ends_at_type.detail), (Some(ProblemType::Caa), ""));
    }

    #[test]
    fn addresses_are_read_in_every_form() {
        for (detail, address) in [
            ("2001:db8::7: Fetching http://a.example/x: Connection refused", Some("2001:db8::7")),
            ("During secondary validation: 203.0.113.7: Fetching http://a.example/x: Timeout", Some("203.0.113.7")),
            ("Invalid response from http://a.example/x [203.0.113.7]: 404", Some("203.0.113.7")),
            ("Invalid response from http://a.example/x [2001:db8::7]: \"<html>\"", Some("2001:db8::7")),
            ("Fetching http://a.example/x: Timeout during connect", None),
            ("Fetching http://[2001:db8::7]/x: Timeout during connect", Some("2001:db8::7")),
            ("", None),
        ] {
            let problem = Problem { status: None, type_: None, detail };
            assert_eq!(problem.address(), address.map(|text| text.parse().unwrap()), "{detail}");
        }
    }

    #[test]
    fn the_url_ends_where_the_words_go_on() {
        for (detail, url) in [
            ("Invalid response from https://a.example/x: 404", Some("https://a.example/x")),
            ("Fetching http://a.example/x: Redirect loop", Some("http://a.example/x")),
            ("Get \"http://a.example/x\": dial tcp", Some("http://a.example/x")),
            ("Invalid response from http://a.example/x [203.0.113.7]: 404", Some("http://a.example/x")),
            ("no url here", None),
        ] {
            assert_eq!(Problem { status: None, type_: None, detail }.url(), url, "{detail}");
        }
    }

    #[test]
    fn other_vantage_points_are_told_apart() {
        let problem = |detail| Problem { status: None, type_: None, detail };
        assert!(
            problem("During secondary validation: DNS problem: SERVFAIL looking up A for a.example").is_secondary()
        );
        assert!(!problem("DNS problem: SERVFAIL looking up A for a.example").is_secondary());
    }
}
