//! The nameserver of the rfc2136 provider: a host with a port or without
//! (`internal/apis/certmanager/validation/util/nameserver.go`, Go's `net.SplitHostPort`).

/// Whether a text is `host`, `host:port` or `[address]:port` with a host in it.
pub fn is_valid(text: &str) -> bool {
    let text = text.trim();
    match split(text) {
        Split::BeforePort(host) => !host.is_empty(),
        Split::NoPort => !text.trim_matches(['[', ']']).is_empty(),
        Split::Neither => false,
    }
}

enum Split<'t> {
    /// The host that stands before a port.
    BeforePort(&'t str),
    NoPort,
    /// The text is neither a host nor one with a port.
    Neither,
}

fn split(text: &str) -> Split<'_> {
    let Some(colon) = text.rfind(':') else { return Split::NoPort };
    let (host, port) = (&text[..colon], &text[colon + 1..]);
    let before_port = |host, is_plain| if is_plain { Split::BeforePort(host) } else { Split::Neither };
    let Some(inner) = text.strip_prefix('[') else {
        return before_port(host, !host.contains([':', '[', ']']) && !port.contains(['[', ']']));
    };
    let Some(end) = inner.find(']') else { return Split::Neither };
    match end + 2 {
        next if next == text.len() => Split::NoPort,
        next if next == colon => before_port(&inner[..end], !inner[..end].contains('[') && !port.contains(['[', ']'])),
        next if text[next..].starts_with(':') => Split::Neither,
        _ => Split::NoPort,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_may_be_missing_and_a_host_not() {
        for (text, is_good) in [
            ("8.8.8.8", true),
            ("8.8.8.8:", true),
            (" 8.8.8.8:5353 ", true),
            ("[2001:db8::1]", true),
            ("[2001:db8::1]:", true),
            ("[2001:db8::1]:53", true),
            ("nameserver.com", true),
            ("nameserver.com:53", true),
            ("2001:db8::1", false),
            (":53", false),
            ("", false),
            ("[]:53", false),
            ("[]", false),
            ("[2001:db8::1", false),
            ("[2001:db8::1]x:53", true),
            ("[::1]::53", false),
            ("a]:53", false),
            ("a:[53", false),
        ] {
            assert_eq!(is_valid(text), is_good, "{text}");
        }
    }
}
