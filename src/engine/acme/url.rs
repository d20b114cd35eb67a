//! URLs as Go's `net/url` parses them, as far as an issuer's check tells.

/// The host and port of a URL, empty if it has none, or Go's words for why it is no URL.
pub fn host(url: &str) -> Result<String, String> {
    parse(url.split('#').next().unwrap_or_default()).map_err(|fault| format!("parse {url:?}: {fault}"))
}

fn parse(url: &str) -> Result<String, String> {
    if url.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    let scheme = scheme(url)?;
    let rest = url.get(scheme.map_or(0, |scheme| scheme.len() + 1)..).unwrap_or_default();
    let rest = rest.split('?').next().unwrap_or_default();
    if !rest.starts_with('/') {
        let first = rest.split('/').next().unwrap_or_default();
        // With a scheme and no slash, all that follows is opaque.
        return match scheme {
            None if first.contains(':') => Err("first path segment in URL cannot contain colon".to_owned()),
            None => unescaped(rest).map(|()| String::new()),
            Some(_) => Ok(String::new()),
        };
    }
    let Some(authority) = rest.strip_prefix("//").filter(|_| scheme.is_some() || !rest.starts_with("///")) else {
        return unescaped(rest).map(|()| String::new());
    };
    let (authority, path) = authority.split_at(authority.find('/').unwrap_or(authority.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    checked_host(host)?;
    unescaped(path)?;
    Ok(host.to_owned())
}

/// What stands before the first colon, if it may be a scheme.
fn scheme(url: &str) -> Result<Option<&str>, String> {
    for (at, char) in url.char_indices() {
        match char {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            ':' => return Ok(Some(&url[..at])),
            _ => return Ok(None),
        }
    }
    Ok(None)
}

fn checked_host(host: &str) -> Result<(), String> {
    let port = if host.starts_with('[') {
        let end = host.rfind(']').ok_or("missing ']' in host")?;
        &host[end + 1..]
    } else {
        host.rfind(':').map_or("", |at| &host[at..])
    };
    let is_port =
        port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()));
    if !is_port {
        return Err(format!("invalid port {port:?} after host"));
    }
    unescaped(host)?;
    let may_stand =
        |char: char| !char.is_ascii() || char.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:[]<>\"%".contains(char);
    match host.chars().find(|char| !may_stand(*char)) {
        Some(char) => Err(format!("invalid character {:?} in host name", char.to_string())),
        None => Ok(()),
    }
}

/// Each `%` must be followed by two hexadecimal digits.
fn unescaped(text: &str) -> Result<(), String> {
    for (at, _) in text.match_indices('%') {
        let escape: String = text[at..].chars().take(3).collect();
        if escape.len() < 3 || !escape.bytes().skip(1).all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("invalid URL escape {escape:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_and_faults_worded_as_go_does() {
        for (url, expected) in [
            ("https://ca.example/dir", Ok("ca.example")),
            ("https://user@ca.example:14000/dir?x=/#y", Ok("ca.example:14000")),
            ("https://[::1]:443/dir", Ok("[::1]:443")),
            ("", Ok("")),
            ("ca.example/dir", Ok("")),
            ("mailto:me", Ok("")),
            ("://ca.example", Err("parse \"://ca.example\": missing protocol scheme")),
            ("https://ca.example:x", Err("parse \"https://ca.example:x\": invalid port \":x\" after host")),
            ("https://[::1", Err("parse \"https://[::1\": missing ']' in host")),
            ("https://a b/", Err("parse \"https://a b/\": invalid character \" \" in host name")),
            ("https://a/%zz", Err("parse \"https://a/%zz\": invalid URL escape \"%zz\"")),
            ("1a:b", Err("parse \"1a:b\": first path segment in URL cannot contain colon")),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(host(url), expected, "{url}");
        }
    }
}
