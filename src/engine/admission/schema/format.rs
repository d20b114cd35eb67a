//! The formats of texts, as the API server checks them (`k8s.io/kube-openapi/pkg/validation/strfmt`).

use super::{Format, Pattern, pattern};

impl Format {
    /// Whether a text has the format.
    pub fn fits(self, text: &str) -> bool {
        match self {
            Self::Byte => is_base64(text),
            Self::DateTime => is_date_time(text),
        }
    }
}

/// Base64 with padding and without line breaks. The empty text is none: the API server's expression wants a group.
fn is_base64(text: &str) -> bool {
    let bytes = text.as_bytes();
    let body = bytes.strip_suffix(b"==").or_else(|| bytes.strip_suffix(b"=")).unwrap_or(bytes);
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    !bytes.is_empty() && bytes.len().is_multiple_of(4) && body.iter().all(is_letter)
}

/// A date, `t`, and a time of day with seconds and a zone.
fn is_date_time(text: &str) -> bool {
    let lower = text.to_lowercase();
    let mut parts = lower.split('t');
    parts.next().is_some_and(is_date) && parts.next().is_some_and(is_time_of_day)
}

fn is_date(text: &str) -> bool {
    DATE.is_in(text) && text.parse::<jiff::civil::Date>().is_ok()
}

/// No leap second: the API server compares with 59.
fn is_time_of_day(text: &str) -> bool {
    let within = |at: usize, most: &str| text.get(at..at + 2).is_some_and(|two| two <= most);
    TIME_OF_DAY.is_in(text) && within(0, "23") && within(3, "59") && within(6, "59")
}

static DATE: Pattern = pattern!(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$");
/// The point before the fraction is any character in the original too.
static TIME_OF_DAY: Pattern = pattern!(r"^[0-9]{2}:[0-9]{2}:[0-9]{2}(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_whole_groups() {
        for (text, fits) in [
            ("AAAA", true),
            ("AAA=", true),
            ("AA==", true),
            ("a+/9AAAA", true),
            ("", false),
            ("A", false),
            ("AA=A", false),
            ("A===", false),
            ("AAAA\n", false),
            ("AA-_", false),
        ] {
            assert_eq!(Format::Byte.fits(text), fits, "{text:?}");
        }
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        for (text, fits) in [
            ("2026-11-22T06:35:00Z", true),
            ("2026-11-22t06:35:00.123+01:00", true),
            ("2026-11-22T06:35:00", false),
            ("2026-11-22T06:35:60Z", false),
            ("2026-11-22T24:35:00Z", false),
            ("2026-02-30T06:35:00Z", false),
            ("2026-2-3T06:35:00Z", false),
            ("2026-11-22", false),
            ("2026-11-22T06:35:00.Z", false),
            ("now", false),
        ] {
            assert_eq!(Format::DateTime.fits(text), fits, "{text:?}");
        }
    }
}
