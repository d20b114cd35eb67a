//! Faults of TLS endpoints staged on the loopback interface: each is told by its own word, and a healthy one by none.

use super::net::Net;
use super::net::tls::{Chain, Wanted};

/// A host that serves these certificates of a chain; leaf, intermediate and root are numbers 0 to 2.
fn serving(wanted: &Wanted, sent: &[usize]) -> Net {
    let chain = Chain::of(wanted);
    let mut net = Net::new();
    net.name("www.example.com", &["45.33.32.1"]);
    net.https("45.33.32.1:443", &chain, sent, "");
    net.trust(&chain);
    net
}

fn said(net: &Net) -> String {
    net.probe(&["tls", "www.example.com"]).said()
}

#[test]
fn a_good_chain_passes() {
    let probe = serving(&Wanted::default(), &[0, 1]).probe(&["tls", "www.example.com"]);
    assert_eq!((probe.said().as_str(), probe.code), ("pass works", 0), "{}", probe.text);
    assert!(probe.text.contains("certificate 2"), "{}", probe.text);
    assert_eq!(
        said(&serving(&Wanted::default(), &[0, 1, 2])),
        "pass works",
        "a root behind it is too much, and no fault"
    );
    let wildcard = Wanted { names: &["*.example.com"], ..Wanted::default() };
    assert_eq!(said(&serving(&wildcard, &[0, 1])), "pass works");
}

#[test]
fn what_is_wrong_with_a_certificate_is_told_apart() {
    let default = Wanted::default;
    for (wanted, expected) in [
        (Wanted { valid: (100, -10), ..default() }, "fail expired"),
        (Wanted { valid: (-10, 100), ..default() }, "fail not-yet-valid"),
        (Wanted { names: &["other.example.com"], ..default() }, "fail wrong-name"),
        (Wanted { names: &["*.www.example.com"], ..default() }, "fail wrong-name"),
        (Wanted { authority: "(STAGING) Tenuous Tomato", ..default() }, "fail staging"),
        (
            Wanted {
                names: &["ingress.local"],
                organization: "Acme Co",
                common_name: "Kubernetes Ingress Controller Fake Certificate",
                ..default()
            },
            "fail default-certificate",
        ),
        (
            Wanted { names: &["x.traefik.default"], common_name: "TRAEFIK DEFAULT CERT", ..default() },
            "fail default-certificate",
        ),
    ] {
        let probe = serving(&wanted, &[0, 1]).probe(&["tls", "www.example.com"]);
        assert_eq!(probe.said(), expected, "{}", probe.text);
        assert!(!probe.fix().is_empty());
    }
}

#[test]
fn chains_that_lack_something_are_told_apart() {
    assert_eq!(said(&serving(&Wanted::default(), &[0])), "fail untrusted", "no address to fetch an issuer from");
    assert_eq!(said(&serving(&Wanted::default(), &[0, 2, 1])), "fail chain-order");
    let mut stranger = serving(&Wanted::default(), &[0, 1]);
    stranger.trust(&Chain::of(&Wanted::default()));
    assert_eq!(said(&stranger), "fail untrusted");
}

#[test]
fn no_handshake_is_told_apart() {
    let host = || {
        let net = Net::new();
        net.name("www.example.com", &["45.33.32.1"]);
        net
    };
    let mut alert = host();
    alert.raw("45.33.32.1:443", b"\x15\x03\x03\x00\x02\x02\x70".to_vec());
    assert_eq!(said(&alert), "fail tls-alert");
    let mut plain = host();
    plain.raw("45.33.32.1:443", "HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(said(&plain), "fail http-on-443");
    let mut closed = host();
    closed.closed("45.33.32.1:443");
    assert_eq!(said(&closed), "fail refused");
    let mut private = Net::new();
    private.name("www.example.com", &["10.0.0.7"]);
    let calls = private.http("10.0.0.7:443", "");
    assert_eq!(said(&private), "inconclusive reserved");
    assert_eq!(calls.count(), 0);
    assert_eq!(said(&Net::new()), "fail nxdomain");
}

#[test]
fn one_address_that_serves_something_else_is_named() {
    let good = Chain::of(&Wanted::default());
    let old = Chain::of(&Wanted { valid: (100, -10), ..Wanted::default() });
    let mut net = Net::new();
    net.name("www.example.com", &["45.33.32.1", "45.33.32.2"]);
    net.https("45.33.32.1:443", &good, &[0, 1], "");
    net.https("45.33.32.2:443", &old, &[0, 1], "");
    net.trust(&good);
    let probe = net.probe(&["tls", "www.example.com"]);
    assert_eq!(probe.said(), "fail addresses-differ");
    assert!(probe.answer().contains("45.33.32.2 serves a certificate that ended"), "{}", probe.answer());
    let one = net.probe(&["tls", "www.example.com", "--connect-to", "45.33.32.1"]);
    assert_eq!(one.said(), "pass works", "{}", one.text);
}
