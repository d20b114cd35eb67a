//! The values in a world file that are more than text.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use crate::duration;
use crate::redact::Redacted;

/// Reads a scalar as text and then as a value; what is wrong with it is said at its place.
macro_rules! from_text {
    ($($type:ty: $expecting:literal),+ $(,)?) => {
        $(impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                        <$type>::from_str(text).map_err(|why| E::custom(format_args!("{text:?} is not {}: {why}", $expecting)))
                    }
                }
                deserializer.deserialize_str(Text)
            }
        })+
    };
}

from_text! {
    Version: "the version cert.kubectl.dev/v1",
    Kind: "the kind World",
    Span: "a duration such as 90s, 36h or 7d",
    When: "a time such as 2026-03-01T00:00:00Z, or a duration from the start such as 2h",
    DnsName: "a DNS name",
    Url: "a URL of http or https",
    ObjectName: "a name of an object",
    Server: "the URL of an ACME directory, or *",
}

/// `apiVersion` of a world file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version;

impl FromStr for Version {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "cert.kubectl.dev/v1" { Ok(Self) } else { Err("there is no other") }
    }
}

/// `kind` of a world file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kind;

impl FromStr for Kind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "World" { Ok(Self) } else { Err("there is no other") }
    }
}

/// A length of time that is not negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub SignedDuration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let days = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok());
        let length = match days {
            Some(days) => days.checked_mul(24 * 60 * 60).map(SignedDuration::from_secs).ok_or("it is too long")?,
            None => duration::parse_go(text).map_err(|error| error.to_string())?,
        };
        if length.is_negative() { Err("it is negative".to_owned()) } else { Ok(Self(length)) }
    }
}

/// A time, or a length of time from the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    After(SignedDuration),
    At(Timestamp),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        text.parse().map(|Span(length)| Self::After(length))
    }
}

impl When {
    /// The time, in a run that starts then.
    pub fn in_run(self, start: Timestamp) -> Timestamp {
        match self {
            Self::After(length) => start.saturating_add(length).unwrap_or(Timestamp::MAX),
            Self::At(at) => at,
        }
    }
}

/// Whether a thing that holds from one moment to another holds now.
pub fn is_now(from: Option<When>, to: Option<When>, start: Timestamp, now: Timestamp) -> bool {
    from.is_none_or(|from| from.in_run(start) <= now) && to.is_none_or(|to| now < to.in_run(start))
}

/// A DNS name in lower case, without the dot at its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DnsName(pub String);

impl FromStr for DnsName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_label = |label: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            (1..=63).contains(&label.len()) && label.bytes().all(fits)
        };
        if name.len() > 253 {
            Err("it is longer than 253 bytes")
        } else if name.split('.').all(is_label) {
            Ok(Self(name))
        } else {
            Err("its labels are letters, digits, - and _, 1 to 63 of them")
        }
    }
}

/// A URL of http or https.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(pub String);

impl FromStr for Url {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or("it has no scheme")?;
        if scheme != "http" && scheme != "https" {
            return Err("its scheme is another");
        }
        let host_end = rest.find('/').ok_or("it has no path: put / behind the host for all paths")?;
        if host_end == 0 {
            return Err("it has no host");
        }
        let (host, path) = rest.split_at(host_end);
        Ok(Self(format!("{scheme}://{}{path}", host.to_ascii_lowercase())))
    }
}

/// A name that Kubernetes takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName(pub String);

impl FromStr for ObjectName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        if !text.is_empty() && text.len() <= 253 && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err("it is made of lower case letters, digits, - and .")
        }
    }
}

/// Which ACME server is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    All,
    Directory(String),
}

impl FromStr for Server {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "*" => Ok(Self::All),
            _ if text.starts_with("https://") || text.starts_with("http://") => Ok(Self::Directory(text.to_owned())),
            _ => Err("its scheme is https"),
        }
    }
}

/// The key of an external account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacKey(pub Redacted<Vec<u8>>);

impl FromStr for MacKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| "another alphabet, or = at its end")?;
        Ok(Self(Redacted::new(bytes)))
    }
}

impl<'de> Deserialize<'de> for MacKey {
    /// The text is not quoted: it is a key.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|why| de::Error::custom(format_args!("not a key in base64url without padding: {why}")))
    }
}

/// The key that a name server shares with those who may change its zones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedKey(pub Redacted<Vec<u8>>);

impl<'de> Deserialize<'de> for SharedKey {
    /// The text is not quoted: it is a key.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(|_| de::Error::custom("not a key in base64"))?;
        Ok(Self(Redacted::new(bytes)))
    }
}

/// The status of an HTTP response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Status(pub u16);

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u16::deserialize(deserializer)?;
        if (200..600).contains(&number) {
            Ok(Self(number))
        } else {
            Err(de::Error::custom(format_args!("{number} is not the status of a response: those are 200 to 599")))
        }
    }
}

/// Names, with `*` for any text. `*.example.com` also means the wildcard itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Names(pub Vec<String>);

impl Names {
    /// Whether a name is one of these.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| fits(&pattern.to_ascii_lowercase(), &name.to_ascii_lowercase()))
    }
}

/// Whether a text fits a pattern in which `*` stands for any text.
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(head) else { return false };
    let starts = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    starts.into_iter().any(|at| fits(tail, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_with_any_text_at_its_stars() {
        for (pattern, text, is_fit) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "*.example.com", true),
            ("*.example.com", "example.com", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "acb", false),
        ] {
            assert_eq!(fits(pattern, text), is_fit, "{pattern} {text}");
        }
    }

    #[test]
    fn times_are_absolute_or_from_the_start() {
        let start: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let at = |text: &str| text.parse::<When>().unwrap().in_run(start).to_string();
        assert_eq!(at("36h"), "2026-03-02T12:00:00Z");
        assert_eq!(at("7d"), "2026-03-08T00:00:00Z");
        assert_eq!(at("2026-04-01T00:00:00Z"), "2026-04-01T00:00:00Z");
        for wrong in ["-1h", "soon", "1", "99999999999999999999d", "9223372036854775807d"] {
            assert!(wrong.parse::<When>().is_err(), "{wrong}");
        }
    }
}
