//! What a bundle tells of a value of a Secret that it does not hold: enough to judge by, and nothing to use.
//!
//! Of a private key its public half, which is in the certificate anyway; of anything else a short text of the same outer
//! form, such as one that ends with a line break too. Neither its length nor any of its characters, except that what has
//! the form of a Cloudflare key or token keeps that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::x509::{KeyError, PublicKey};

/// The first word of a value that was taken out.
const MARK: &str = "withheld: ";
const KEY: &str = "private key of ";
const NO_KEY: &str = "no private key; ";
const LIKE: &str = "like ";

/// The words that stand in a bundle for a value. They are no base64, so that nobody takes them for one.
pub fn words(key: &str, value: &[u8]) -> String {
    let is_pem_key = value.windows(11).any(|part| part == b"PRIVATE KEY");
    if !is_pem_key && key != "tls.key" {
        return format!("{MARK}{LIKE}{:?}", String::from_utf8_lossy(&likeness(value)));
    }
    match PublicKey::of_private_pem(value) {
        Ok(public) => match public.info() {
            Some(info) => format!("{MARK}{KEY}{}", STANDARD.encode(info)),
            None => format!("{MARK}private key, {}", public.key_type),
        },
        Err(error) => format!("{MARK}{NO_KEY}{error}"),
    }
}

/// The public half of a private key that was taken out, or why it was none; `None` if the words tell of no key.
pub(super) fn public_key(words: &str) -> Option<Result<PublicKey, KeyError>> {
    let told = words.strip_prefix(MARK)?;
    if let Some(why) = told.strip_prefix(NO_KEY) {
        return Some(Err(KeyError::Told(why.to_owned())));
    }
    let info = STANDARD.decode(told.strip_prefix(KEY)?).ok()?;
    PublicKey::of_info_der(&info).map(Ok)
}

/// A text of the same outer form as the value that was taken out.
pub(super) fn form(words: &str) -> Option<Vec<u8>> {
    let told = words.strip_prefix(MARK)?.strip_prefix(LIKE)?;
    serde_json::from_str::<String>(told).ok().map(String::into_bytes)
}

fn likeness(value: &[u8]) -> Vec<u8> {
    let all = |allowed: fn(&u8) -> bool| value.iter().all(allowed);
    // The lengths that tell a Cloudflare API key from a token.
    if value.len() == 37 && all(u8::is_ascii_hexdigit) {
        return vec![b'0'; 37];
    }
    if value.len() == 40 && all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte)) {
        return vec![b'x'; 40];
    }
    let mut like = Vec::new();
    like.extend(value.first().filter(|byte| byte.is_ascii_whitespace()).map(|_| b' '));
    like.push(b'x');
    like.extend(value.iter().any(|byte| b"+/".contains(byte)).then_some(b'+'));
    like.extend(value.contains(&b'=').then_some(b'='));
    match value.last() {
        Some(b'\n' | b'\r') => like.push(b'\n'),
        Some(byte) if byte.is_ascii_whitespace() => like.push(b' '),
        Some(_) | None => {}
    }
    like
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_tell_the_form_and_nothing_else() {
        for (value, like) in [
            (&b"hunter2"[..], &b"x"[..]),
            (b"hunter2\n", b"x\n"),
            (b" hunter2\t", b" x "),
            (b"aGVsbG8+d29ybGQ=\r\n", b"x+=\n"),
            (b"\xff\x00\x01", b"x"),
            (b"c2547eb745079dac9320b638f5e225cf483cc", &[b'0'; 37]),
            (b"YQSn-xWAQiiEh9qM58wZNnyQS7FUdoqGIUAbrh7T", &[b'x'; 40]),
        ] {
            let words = words("key", value);
            assert_eq!(form(&words).unwrap(), like, "{words}");
            assert_eq!(likeness(like), like, "a bundle of a bundle");
            assert!(STANDARD.decode(&words).is_err() && public_key(&words).is_none());
        }
    }

    #[test]
    fn of_a_private_key_its_public_half_is_told() {
        let pair = rcgen::KeyPair::generate().unwrap();
        let pem = pair.serialize_pem();
        for key in ["tls.key", "other"] {
            let words = words(key, pem.as_bytes());
            let body: String = pem.lines().nth(1).unwrap().chars().take(40).collect();
            assert!(!words.contains(&body), "{words}");
            assert_eq!(public_key(&words), Some(PublicKey::of_private_pem(pem.as_bytes())));
            assert_eq!(form(&words), None);
        }
        let words = words("tls.key", b"nonsense");
        assert_eq!(public_key(&words).unwrap().unwrap_err().to_string(), KeyError::NoPem.to_string());
        assert!(!words.contains("nonsense"));
    }
}
