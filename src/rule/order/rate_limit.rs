//! A CA's refusal for rate limits: which limit it is, and the date that the CA names.
//!
//! Reads words only. The wording is that of Let's Encrypt, today's and that of former years (RFC 8555 §6.6 fixes
//! the problem type and nothing else).

use jiff::Timestamp;

/// A refusal of type `rateLimited`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    pub limit: Limit,
    /// From this second on the CA will take the order. Older texts name none.
    pub retry_after: Option<Timestamp>,
}

/// The limits that the words tell apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The same set of names too often: 5 in 7 days.
    ExactSet,
    /// Too many certificates under one registered domain: 50 in 7 days.
    Domain(Option<String>),
    /// Too many orders of one account: 300 in 3 hours.
    NewOrders,
    /// Too many failed validations of one name: 5 in an hour.
    FailedAuthorizations(Option<String>),
    /// Too many authorizations that nobody finished.
    PendingAuthorizations,
    /// Too many new accounts from one address.
    Registrations,
    /// The name failed so often and so long that the CA has paused it for the account.
    Paused,
    /// A limit that the words do not tell.
    Unnamed,
}

impl RateLimit {
    /// The limit that `words` speak of; `None` if they are no refusal of this kind.
    pub fn parse(words: &str) -> Option<Self> {
        let lower = words.to_ascii_lowercase();
        let has = |part: &str| lower.contains(part);
        let limit = if has("exact set of") {
            Limit::ExactSet
        } else if has("too many certificates") {
            Limit::Domain(quoted(words).or_else(|| after(words, "already issued for: ")))
        } else if has("too many failed authorizations") {
            Limit::FailedAuthorizations(quoted(words))
        } else if has("pending authorizations") {
            Limit::PendingAuthorizations
        } else if has("too many new orders") {
            Limit::NewOrders
        } else if has("too many new registrations") || has("too many registrations") {
            Limit::Registrations
        } else if has("temporarily prevented from requesting") {
            Limit::Paused
        } else if has("error:ratelimited") {
            Limit::Unnamed
        } else {
            return None;
        };
        Some(Self { limit, retry_after: retry_after(words) })
    }
}

impl Limit {
    /// What there was too much of, for a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::ExactSet => "certificates for exactly this set of names".into(),
            Self::Domain(Some(domain)) => format!("certificates under {domain}"),
            Self::Domain(None) => "certificates under this domain".into(),
            Self::NewOrders => "new orders of this ACME account".into(),
            Self::FailedAuthorizations(Some(name)) => format!("failed validations of {name}"),
            Self::FailedAuthorizations(None) => "failed validations of a name".into(),
            Self::PendingAuthorizations => "unfinished authorizations of this ACME account".into(),
            Self::Registrations => "new ACME accounts from this address".into(),
            Self::Paused => "failures in a row: the CA has paused the name for this account".into(),
            Self::Unnamed => "requests, by the CA's count".into(),
        }
    }
}

/// The date in `retry after 2026-01-02 03:04:05 UTC`, also with `T`, fractions, `Z` or an offset of zero.
fn retry_after(words: &str) -> Option<Timestamp> {
    const INTRO: &str = "retry after ";
    let start = words.to_ascii_lowercase().find(INTRO)? + INTRO.len();
    let text = words.get(start..)?;
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let time = rest.strip_prefix([' ', 'T'])?;
    let end = time.find(|c: char| !(c.is_ascii_digit() || c == ':')).unwrap_or(time.len());
    format!("{date}T{}Z", &time[..end]).parse().ok()
}

/// The first text in double quotes.
fn quoted(words: &str) -> Option<String> {
    let name = words.split('"').nth(1)?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// The word behind `intro`, without the punctuation at its end.
fn after(words: &str, intro: &str) -> Option<String> {
    let name = words.split_once(intro)?.1.split_whitespace().next()?.trim_end_matches([':', ',', '.']);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "429 urn:ietf:params:acme:error:rateLimited: ";

    #[test]
    fn the_limit_is_told_by_its_words() {
        let name = |text: &str| Some(text.to_owned());
        for (words, expected) in [
            (
                "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s",
                Limit::ExactSet,
            ),
            (
                "Error creating new order :: too many certificates already issued for exact set of domains: a.example",
                Limit::ExactSet,
            ),
            (
                "too many certificates (50) already issued for \"example.com\" in the last 168h0m0s",
                Limit::Domain(name("example.com")),
            ),
            (
                "too many certificates already issued for: example.com: see https://letsencrypt.org",
                Limit::Domain(name("example.com")),
            ),
            ("too many certificates already issued", Limit::Domain(None)),
            ("too many new orders (300) from this account in the last 3h0m0s", Limit::NewOrders),
            ("too many new orders recently", Limit::NewOrders),
            (
                "too many failed authorizations (5) for \"a.example\" in the last 1h0m0s",
                Limit::FailedAuthorizations(name("a.example")),
            ),
            ("too many failed authorizations recently", Limit::FailedAuthorizations(None)),
            ("too many currently pending authorizations", Limit::PendingAuthorizations),
            ("too many new registrations (10) from this IP address in the last 3h0m0s", Limit::Registrations),
            ("Your account is temporarily prevented from requesting certificates for a.example", Limit::Paused),
            ("Service busy; retry later.", Limit::Unnamed),
        ] {
            let parsed = RateLimit::parse(&format!("{TYPE}{words}")).map(|parsed| parsed.limit);
            assert_eq!(parsed, Some(expected), "{words}");
        }
    }

    #[test]
    fn other_refusals_are_no_rate_limit() {
        for words in [
            "",
            "429 : Too Many Requests",
            "400 urn:ietf:params:acme:error:rejectedIdentifier: \"a\"",
            "retry after 2026-01-02 03:04:05 UTC",
        ] {
            assert_eq!(RateLimit::parse(words), None, "{words}");
        }
    }

    #[test]
    fn the_date_of_the_ca_is_read_to_the_second() {
        let date = |text: &str| RateLimit::parse(&format!("{TYPE}too many new orders{text}")).unwrap().retry_after;
        let expected = Some("2026-01-02T03:04:05Z".parse().unwrap());
        for text in [
            ", retry after 2026-01-02 03:04:05 UTC: see https://letsencrypt.org/docs/rate-limits/",
            ", Retry After 2026-01-02T03:04:05Z",
            ", retry after 2026-01-02 03:04:05.123456 +0000 UTC",
            " retry after 2026-01-02 03:04:05",
        ] {
            assert_eq!(date(text), expected, "{text}");
        }
        for text in [
            "",
            ": see https://letsencrypt.org/docs/rate-limits/",
            ", retry after",
            ", retry after 3h",
            ", retry after 2026-13-02 03:04:05 UTC",
            ", retry after 2026-01-02",
            ", retry after 2026-01-0\u{e9}2 03:04:05 UTC",
            ", retry after 99999-01-02 03:04:05 UTC",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
