//! Updates to a name server (RFC 2136), signed with a shared key (TSIG, RFC 8945).
//!
//! As cert-manager's provider does it (`pkg/issuer/acme/dns/rfc2136/rfc2136.go`): one TXT record is added or removed,
//! and the server's code is all that is looked at.

use std::time::Duration;

use aws_lc_rs::hmac;
use jiff::Timestamp;
use tokio::net::UdpSocket;

use crate::clock;
use crate::dryrun::world::{Rfc2136, TsigAlgorithm, TsigKey};
use crate::engine::question::dns::DnsVerb;

const TXT: u16 = 16;
const SOA: u16 = 6;
const TSIG: u16 = 250;
const IN: u16 = 1;
const NONE: u16 = 254;
const ANY: u16 = 255;
/// The operation code of an update, in its place in the header.
const UPDATE: u16 = 5 << 11;
/// How long a record may be kept, in seconds.
const TTL: u32 = 60;
/// How far the clocks may be apart, in seconds.
const FUDGE: u16 = 300;

/// Adds or removes one TXT record.
pub async fn change(server: &Rfc2136, verb: DnsVerb, fqdn: &str, value: &str, limit: Duration) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("DNS update failed: {error}");
    let id = id();
    let mut message = update(id, &server.zone.0, verb, fqdn, value);
    if let Some(key) = &server.key {
        message = signed(&message, key, clock::now());
    }
    let exchange = async {
        let any = if server.server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(server.server).await?;
        socket.send(&message).await?;
        let mut reply = [0; 4096];
        loop {
            let length = socket.recv(&mut reply).await?;
            if length >= 12 && reply[..2] == id.to_be_bytes() {
                return Ok::<u8, std::io::Error>(reply[3] & 0x0f);
            }
        }
    };
    let code = tokio::time::timeout(limit, exchange).await;
    let code = code.map_err(|_| failed(&format_args!("read udp {}: i/o timeout", server.server)))?;
    match code.map_err(|error| failed(&error))? {
        0 => Ok(()),
        code => Err(format!("DNS update failed. Server replied: {}", word(code))),
    }
}

/// The words of response codes (RFC 1035 §4.1.1, RFC 2136 §2.2).
fn word(code: u8) -> String {
    let words = [
        "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
        "NOTZONE",
    ];
    words.get(usize::from(code)).map_or_else(|| format!("RCODE{code}"), |word| (*word).to_owned())
}

/// A number that a stranger cannot guess.
fn id() -> u16 {
    let mut bytes = [0; 2];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has random bytes");
    u16::from_be_bytes(bytes)
}

fn update(id: u16, zone: &str, verb: DnsVerb, fqdn: &str, value: &str) -> Vec<u8> {
    let mut message = Vec::new();
    // One zone, no condition, one change.
    for word in [id, UPDATE, 1, 0, 1, 0] {
        message.extend(word.to_be_bytes());
    }
    message.extend(name(zone));
    message.extend([SOA, IN].iter().flat_map(|word| word.to_be_bytes()));
    let (class, ttl) = match verb {
        DnsVerb::Present => (IN, TTL),
        DnsVerb::CleanUp => (NONE, 0),
    };
    let text = value.as_bytes();
    let length = u8::try_from(text.len()).expect("a digest in base64 is short");
    message.extend(name(fqdn));
    message.extend([TXT, class].iter().flat_map(|word| word.to_be_bytes()));
    message.extend(ttl.to_be_bytes());
    message.extend((u16::from(length) + 1).to_be_bytes());
    message.push(length);
    message.extend(text);
    message
}

/// A name without compression, in small letters.
fn name(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        let label = label.to_ascii_lowercase();
        bytes.push(u8::try_from(label.len().min(63)).expect("it is at most 63"));
        bytes.extend(label.bytes().take(63));
    }
    bytes.push(0);
    bytes
}

/// The message with a TSIG record behind it.
fn signed(message: &[u8], key: &TsigKey, now: Timestamp) -> Vec<u8> {
    let (algorithm, hash) = match key.algorithm {
        TsigAlgorithm::HmacSha256 => ("hmac-sha256", hmac::HMAC_SHA256),
        TsigAlgorithm::HmacSha384 => ("hmac-sha384", hmac::HMAC_SHA384),
        TsigAlgorithm::HmacSha512 => ("hmac-sha512", hmac::HMAC_SHA512),
    };
    let (owner, algorithm) = (name(&key.name.0), name(algorithm));
    let seconds = u64::try_from(now.as_second()).unwrap_or(0).to_be_bytes();
    let time = [&seconds[2..], &FUDGE.to_be_bytes()].concat();
    let no_error = [0; 4];
    let class = [&ANY.to_be_bytes()[..], &0_u32.to_be_bytes()].concat();
    let covered = [message, &owner, &class, &algorithm, &time, &no_error].concat();
    let mac = hmac::sign(&hmac::Key::new(hash, key.secret.0.expose()), &covered);
    let mac = mac.as_ref();
    let size = |bytes: &[u8]| u16::try_from(bytes.len()).expect("a digest and two names are short").to_be_bytes();
    let data = [&algorithm[..], &time, &size(mac), mac, &message[..2], &no_error].concat();
    let record = [&owner[..], &TSIG.to_be_bytes(), &class, &size(&data), &data].concat();
    let mut signed = message.to_vec();
    // One additional record.
    signed[10..12].copy_from_slice(&1_u16.to_be_bytes());
    signed.extend(record);
    signed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dryrun::world::read;

    #[test]
    fn an_update_names_its_zone_and_one_record() {
        let message = update(7, "example.com", DnsVerb::Present, "_acme-challenge.a.example.com.", "xyz");
        let zone = b"\x07example\x03com\x00\x00\x06\x00\x01";
        let record = b"\x0f_acme-challenge\x01a\x07example\x03com\x00\x00\x10\x00\x01\x00\x00\x00\x3c\x00\x04\x03xyz";
        assert_eq!(message, [&b"\x00\x07\x28\x00\x00\x01\x00\x00\x00\x01\x00\x00"[..], zone, record].concat());
        let message = update(7, "example.com", DnsVerb::CleanUp, "a.example.com", "xyz");
        assert!(
            message.ends_with(b"\x00\x10\x00\xfe\x00\x00\x00\x00\x00\x04\x03xyz"),
            "class NONE, no TTL: {message:?}"
        );
    }

    #[test]
    fn a_signature_covers_the_message_and_the_key() {
        let text = "apiVersion: cert.kubectl.dev/v1\nkind: World\nsolvers: {dns01: {rfc2136: {server: 127.0.0.1:53, zone: \
                    example.com, key: {name: k, secret: c2VjcmV0}}}}\n";
        let world = read("w", text).unwrap();
        let Some(crate::dryrun::world::DnsSolver::Rfc2136(server)) = world.solvers.dns01 else { panic!() };
        let key = server.key.unwrap();
        let message = update(7, "example.com", DnsVerb::Present, "a.example.com", "xyz");
        let now = Timestamp::from_second(0x0102_0304).unwrap();
        let once = signed(&message, &key, now);
        assert_eq!(once[10..12], [0, 1]);
        let record = &once[message.len()..];
        let head = b"\x01k\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x3d\x0bhmac-sha256\x00\x00\x00\x01\x02\x03\x04\x01\x2c\x00\x20";
        assert_eq!(record[..head.len()], head[..]);
        assert!(record.ends_with(b"\x00\x07\x00\x00\x00\x00"), "the message's own id, no error");
        let other = signed(&update(7, "example.com", DnsVerb::Present, "a.example.com", "xyy"), &key, now);
        assert_ne!(once[message.len()..], other[message.len()..]);
    }

    #[test]
    fn codes_have_words() {
        assert_eq!((word(5), word(9), word(15)), ("REFUSED".into(), "NOTAUTH".into(), "RCODE15".into()));
    }
}
