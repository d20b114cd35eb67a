//! Faults of HTTP-01 staged on the loopback interface: each is told by its own word, and a healthy answer by none.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::net::tls::{Chain, Wanted};
use super::net::{Net, Said, answer, redirect, request};

const TOKEN: &str = "KoNgn0RvJ3npi6lS1kuc2UAHOZH9DX4iaWNDCPBgWtI";
const KEY: &str = "KoNgn0RvJ3npi6lS1kuc2UAHOZH9DX4iaWNDCPBgWtI.TTgRdBupq9afzybNinrnhyU7viX21dmqRcLn8UVpKtA";
const OTHER_ACCOUNT: &str = "KoNgn0RvJ3npi6lS1kuc2UAHOZH9DX4iaWNDCPBgWtI.kPTBkpucqO83cxu2bjSPk8UXRT4MEj0zIQKKrq_1fzU";
const OTHER_TOKEN: &str = "qLvIgrKc-FhRJH2k9yt63V4_q0EAWsuojh68qltKl44.TTgRdBupq9afzybNinrnhyU7viX21dmqRcLn8UVpKtA";
const PROBE: [&str; 4] = ["http01", "www.example.com", "--key-authorization", KEY];

/// `verdict reason` of a probe of the host in this world.
fn said(net: &Net) -> String {
    let probe = net.probe(&PROBE);
    assert!(!probe.text.contains(TOKEN), "the token is not shown: {}", probe.text);
    probe.said()
}

fn ok(body: &str) -> String {
    answer("200 OK", "", body)
}

#[test]
fn the_key_authorization_is_a_pass_and_asked_for_as_a_ca_asks() {
    let mut net = Net::new();
    net.name("www.example.com", &["45.33.32.1"]);
    let calls = net.http("45.33.32.1:80", ok(KEY));
    let probe = net.probe(&PROBE);
    assert_eq!((probe.said().as_str(), probe.code), ("pass works", 0), "{}", probe.text);
    assert_eq!(probe.document["vantage"], "local");
    assert_eq!(probe.fix(), "");
    let heard = calls.heard();
    assert_eq!(heard.len(), 1, "one request, no more");
    let mut lines: Vec<_> = heard[0].trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), format!("GET /.well-known/acme-challenge/{TOKEN} HTTP/1.1"));
    lines.sort_unstable();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        lines,
        [
            "accept-encoding: identity",
            "accept: */*",
            "connection: close",
            "host: www.example.com",
            &format!("user-agent: kubectl-cert/{version}"),
        ]
    );
}

#[test]
fn an_unknown_token_is_reachable_with_404_and_a_catch_all_with_200() {
    let probe = |net: &Net| net.probe(&["http01", "www.example.com"]);
    let reachable = probe(&Net::answering(answer("404 Not Found", "", "404 page not found\n")));
    assert_eq!((reachable.said().as_str(), reachable.code), ("pass reachable", 0));
    let catch_all = probe(&Net::answering(ok("<html>hello")));
    assert_eq!((catch_all.said().as_str(), catch_all.code), ("fail catch-all", 1));
    let guarded = probe(&Net::answering(answer("401 Unauthorized", "WWW-Authenticate: Basic\r\n", "")));
    assert_eq!(guarded.said(), "fail unauthorized");
    let mut net = Net::answering(ok(KEY));
    let calls = net.http("45.33.32.1:80", ok(KEY));
    let known = net.probe(&["http01", "www.example.com", "--token", TOKEN]);
    assert_eq!(known.said(), "pass works", "whose account it is cannot be told: {}", known.text);
    assert!(calls.heard()[0].contains(TOKEN));
}

#[test]
fn names_without_addresses_are_told_apart() {
    for (said_of_it, expected, code) in
        [(None, "fail nxdomain", 1), (Some(Said::NoData), "fail nodata", 1), (Some(Said::ServFail), "fail servfail", 1)]
    {
        let net = Net::new();
        if let Some(said_of_it) = said_of_it {
            net.says("www.example.com", said_of_it);
        }
        let probe = net.probe(&PROBE);
        assert_eq!((probe.said().as_str(), probe.code), (expected, code), "{}", probe.text);
    }
}

#[test]
fn a_resolver_that_says_nothing_proves_nothing() {
    let net = Net::new();
    net.says("www.example.com", Said::Silence);
    let probe = net.probe(&PROBE);
    assert_eq!((probe.said().as_str(), probe.code), ("inconclusive lookup-timeout", 2), "{}", probe.text);
}

#[test]
fn an_alias_is_followed_and_shown() {
    let mut net = Net::new();
    net.says("www.example.com", Said::Alias("lb.example.net".into()));
    net.name("lb.example.net", &["45.33.32.1"]);
    net.http("45.33.32.1:80", ok(KEY));
    let probe = net.probe(&PROBE);
    assert_eq!(probe.said(), "pass works", "{}", probe.text);
    assert!(probe.text.contains("lb.example.net"), "{}", probe.text);
}

#[test]
fn nobody_is_called_at_addresses_that_are_not_public() {
    for address in ["10.0.0.5", "192.168.1.1", "127.0.0.1", "169.254.169.254", "203.0.113.7", "fd00:ec2::254", "::1"] {
        let mut net = Net::new();
        net.name("www.example.com", &[address]);
        let at = if address.contains(':') { format!("[{address}]:80") } else { format!("{address}:80") };
        let calls = net.http(&at, ok(KEY));
        let probe = net.probe(&PROBE);
        assert_eq!((probe.said().as_str(), probe.code), ("inconclusive reserved", 2), "{address}: {}", probe.text);
        assert_eq!(calls.count(), 0, "{address}");
        let allowed = net.probe(&[&PROBE[..], &["--allow-private"]].concat());
        let is_private = ["10.0.0.5", "192.168.1.1"].contains(&address);
        let expected = if is_private { "pass works" } else { "inconclusive reserved" };
        assert_eq!(allowed.said(), expected, "{address} with --allow-private: {}", allowed.text);
        assert_eq!(calls.count(), usize::from(is_private), "{address}");
    }
}

#[test]
fn connections_that_fail_are_told_apart() {
    let refused = {
        let mut net = Net::new();
        net.name("www.example.com", &["45.33.32.1"]);
        net.closed("45.33.32.1:80");
        said(&net)
    };
    assert_eq!(refused, "fail refused");
    let speaking = |speak: fn(TcpStream)| {
        let mut net = Net::new();
        net.name("www.example.com", &["45.33.32.1"]);
        net.serve("45.33.32.1:80", move |stream, _| speak(stream));
        said(&net)
    };
    // What was sent and not read is answered with a reset.
    let reset = |stream: TcpStream| {
        let _ = stream.peek(&mut [0; 512]);
    };
    let empty = |mut stream: TcpStream| {
        request(&mut stream);
    };
    let cut_off = |mut stream: TcpStream| {
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le");
    };
    assert_eq!(speaking(reset), "fail reset");
    assert_eq!(speaking(empty), "fail empty-reply");
    assert_eq!(speaking(cut_off), "fail cut-off");
}

#[test]
fn what_is_no_http_is_told_apart() {
    for (bytes, expected) in [
        (&b"\x15\x03\x01\x00\x02\x02\x46"[..], "fail tls-on-80"),
        (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80", "fail h2-preface"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "fail not-http"),
        (b"\x00\x00\x00\x00", "fail not-http"),
    ] {
        assert_eq!(said(&Net::answering(bytes)), expected, "{bytes:?}");
    }
    let nginx = "<html><center>The plain HTTP request was sent to HTTPS port</center></html>";
    assert_eq!(said(&Net::answering(answer("400 Bad Request", "Server: nginx\r\n", nginx))), "fail tls-on-80");
    let other = answer("400 Bad Request", "Server: nginx\r\n", "<html>no</html>");
    assert_eq!(said(&Net::answering(other)), "fail other-status");
}

#[test]
fn answers_that_are_not_the_key_authorization_are_told_apart() {
    let long = "a".repeat(128);
    for (answer, expected, fix) in [
        (
            answer("404 Not Found", "", "default backend - 404"),
            "fail not-found",
            "class of the controller that answers",
        ),
        (answer("404 Not Found", "", "404 page not found\n"), "fail not-found", "Traefik"),
        (answer("404 Not Found", "Server: awselb/2.0\r\n", ""), "fail not-found", "group"),
        (answer("404 Not Found", "server: istio-envoy\r\n", ""), "fail not-found", "gateway a route"),
        (answer("404 Not Found", "Via: 1.1 google\r\n", ""), "fail not-found", "GKE"),
        (answer("404 Not Found", "Server: nginx\r\n", "<html>404"), "fail not-found", "name points to"),
        (answer("410 Gone", "", ""), "fail not-found", "name points to"),
        (answer("401 Unauthorized", "WWW-Authenticate: Basic\r\n", ""), "fail unauthorized", "authentication"),
        (answer("403 Forbidden", "Server: cloudflare\r\ncf-ray: 1\r\n", "<html>"), "fail forbidden", "CDN"),
        (answer("403 Forbidden", "", "application acme-protocol"), "fail forbidden", "acme-protocol"),
        (answer("403 Forbidden", "Server: nginx\r\n", "<html>"), "fail forbidden", "allow lists"),
        (answer("429 Too Many Requests", "", ""), "fail too-many-requests", "rate limits"),
        (answer("503 Service Unavailable", "", ""), "fail unavailable", "endpoints"),
        (answer("525 SSL", "Server: cloudflare\r\n", ""), "fail unavailable", "origin"),
        (answer("304 Not Modified", "", ""), "fail other-status", "route"),
        (answer("204 No Content", "", ""), "fail other-status", "route"),
        (ok(&format!("{KEY}\n")), "fail trailing-newline", "proxy"),
        (ok(OTHER_ACCOUNT), "fail other-account", "one ACME client"),
        (ok(OTHER_TOKEN), "fail other-token", "route"),
        (ok(""), "fail empty-body", "route"),
        (ok("<!DOCTYPE html><title>My app</title>"), "fail html", "catch-all"),
        (ok("<html><form><input type=\"password\"></form>"), "fail html", "login"),
        (ok("<html><script src=\"/aes.js\"></script>"), "fail html", "cookie wall"),
        (answer("200 OK", "Server: micro_httpd\r\n", "<html>"), "fail html", "router"),
        (ok(&long), "fail too-long", "route"),
        (ok("hello"), "fail other-body", "route"),
        (ok(&KEY[..KEY.len() - 1]), "fail other-body", "route"),
        (ok(&format!(" {KEY}")), "fail other-body", "route"),
    ] {
        let probe = Net::answering(answer.clone()).probe(&PROBE);
        assert_eq!(probe.said(), expected, "{answer}\n{}", probe.text);
        assert!(probe.fix().contains(fix), "{answer}\n{}", probe.fix());
        assert_eq!(probe.code, 1);
    }
}

#[test]
fn redirects_that_the_ca_does_not_follow_are_told_apart() {
    let long = format!("http://www.example.com/{}", "a".repeat(2000));
    for (status, location, expected) in [
        ("303 See Other", "http://www.example.com/x", "fail redirect-303"),
        ("301 Moved", "https://www.example.com:8443/x", "fail redirect-port"),
        ("301 Moved", "https://www.example.com.well-known/acme-challenge/x", "fail redirect-missing-slash"),
        ("302 Found", "file:///etc/passwd", "fail redirect-scheme"),
        ("302 Found", "gopher://www.example.com/", "fail redirect-scheme"),
        ("302 Found", "http://10.0.0.5/x", "fail redirect-reserved"),
        ("302 Found", "http://169.254.169.254/latest/meta-data/", "fail redirect-reserved"),
        ("302 Found", "http://[::ffff:127.0.0.1]/x", "fail redirect-reserved"),
        ("302 Found", "http://2130706433/x", "fail redirect-reserved"),
        ("302 Found", "http://web.internal/x", "fail redirect-host"),
        ("302 Found", "http://localhost/x", "fail redirect-host"),
        ("307 Temporary", &long, "fail redirect-too-long"),
        (
            "308 Permanent",
            "http://www.example.com/.well-known/acme-challenge/KoNgn0RvJ3npi6lS1kuc2UAHOZH9DX4iaWNDCPBgWtI",
            "fail redirect-loop",
        ),
        ("301 Moved", "http://[", "fail redirect-malformed"),
        ("301 Moved", "http://gone.example.net/x", "fail redirect-no-address"),
    ] {
        assert_eq!(said(&Net::answering(redirect(status, location))), expected, "{location}");
    }
}

/// Redirects to `/1`, `/2` and so on, then the key authorization.
fn hops(count: usize) -> Net {
    let mut net = Net::new();
    net.name("www.example.com", &["45.33.32.1"]);
    net.serve("45.33.32.1:80", move |mut stream, _| {
        let head = request(&mut stream);
        let path = head.split_whitespace().nth(1).unwrap_or_default();
        let at = path.trim_start_matches('/').parse::<usize>().unwrap_or(0);
        let answer = if at == count { ok(KEY) } else { redirect("302 Found", &format!("/{}", at + 1)) };
        let _ = stream.write_all(answer.as_bytes());
    });
    net
}

#[test]
fn ten_redirects_are_followed_and_no_more() {
    assert_eq!(said(&hops(1)), "pass works");
    assert_eq!(said(&hops(10)), "pass works");
    assert_eq!(said(&hops(11)), "fail redirect-too-many");
}

#[test]
fn a_redirect_never_reaches_a_machine_that_is_not_public() {
    let mut net = Net::answering(redirect("302 Found", "http://inside.example.com/x"));
    net.name("inside.example.com", &["10.0.0.5"]);
    let inside = net.http("10.0.0.5:80", ok(KEY));
    assert_eq!(said(&net), "fail redirect-reserved");
    assert_eq!(inside.count(), 0);
}

#[test]
fn a_name_is_looked_up_once_for_a_visit() {
    let mut net = Net::new();
    let address = |ip: &str| Said::Addresses(vec![ip.parse().unwrap()]);
    net.says("www.example.com", Said::InTurn(vec![address("45.33.32.1"), address("127.0.0.1")]));
    net.http("45.33.32.1:80", redirect("302 Found", "http://www.example.com/again"));
    let inside = net.http("127.0.0.1:80", ok(KEY));
    assert_eq!(said(&net), "fail redirect-loop");
    assert_eq!((net.asked("www.example.com"), inside.count()), (2, 0), "A and AAAA, once");
}

#[test]
fn https_on_the_way_may_have_any_certificate() {
    let expired = Wanted { valid: (100, -10), ..Wanted::default() };
    let of_another = Wanted { names: &["other.example.net"], ..Wanted::default() };
    for wanted in [Wanted::default(), expired, of_another] {
        let chain = Chain::of(&wanted);
        let mut net = Net::answering(redirect("301 Moved", "https://www.example.com/x"));
        net.https("45.33.32.1:443", &chain, &[0], ok(KEY));
        assert_eq!(said(&net), "pass works");
    }
}

#[test]
fn https_on_the_way_that_fails_is_told_apart() {
    let to_https = || Net::answering(redirect("301 Moved", "https://www.example.com/x"));
    let mut plain = to_https();
    plain.raw("45.33.32.1:443", ok(KEY));
    assert_eq!(said(&plain), "fail http-on-443");
    let mut alert = to_https();
    alert.raw("45.33.32.1:443", b"\x15\x03\x03\x00\x02\x02\x70".to_vec());
    let probe = alert.probe(&PROBE);
    assert_eq!(probe.said(), "fail tls-alert", "{}", probe.text);
    assert!(probe.answer().contains("unrecognized_name"), "{}", probe.answer());
    let mut closed = to_https();
    closed.closed("45.33.32.1:443");
    assert_eq!(said(&closed), "fail redirect-no-answer");
}

#[test]
fn addresses_are_visited_each_by_itself() {
    let two = |other: &str| {
        let mut net = Net::new();
        net.name("www.example.com", &["45.33.32.1", "45.33.32.2"]);
        net.http("45.33.32.1:80", ok(KEY));
        net.http("45.33.32.2:80", other);
        net.probe(&PROBE)
    };
    assert_eq!(two(&ok(KEY)).said(), "pass works");
    let differ = two(&answer("404 Not Found", "Server: old\r\n", ""));
    assert_eq!((differ.said().as_str(), differ.code), ("fail addresses-differ", 1));
    assert!(differ.answer().contains("45.33.32.2 answers 404 (server \"old\")"), "{}", differ.answer());
    let six = |speak: fn(&mut Net)| {
        let mut net = Net::new();
        net.name("www.example.com", &["45.33.32.1", "2606:4700::1"]);
        net.http("45.33.32.1:80", ok(KEY));
        speak(&mut net);
        net.probe(&PROBE)
    };
    let refused = six(|net| net.closed("[2606:4700::1]:80"));
    assert_eq!(refused.said(), "fail addresses-differ");
    assert!(refused.answer().contains("2606:4700::1 refuses the connection"), "{}", refused.answer());
    let wrong = six(|net| drop(net.http("[2606:4700::1]:80", answer("404 Not Found", "", ""))));
    assert!(wrong.answer().contains("2606:4700::1 answers 404"), "{}", wrong.answer());
}

#[test]
fn a_server_that_stalls_or_drips_ends_with_its_time() {
    let stall = |mut stream: TcpStream| {
        request(&mut stream);
        let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
        let _ = std::io::Read::read(&mut stream, &mut [0]);
    };
    let drip = |mut stream: TcpStream| {
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        // Reads for a moment, to wait; nothing comes.
        let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
        while stream.write_all(b"a").is_ok() && !matches!(std::io::Read::read(&mut stream, &mut [0]), Ok(0)) {}
    };
    let start = Instant::now();
    let both: Vec<_> = [stall as fn(TcpStream), drip]
        .map(|speak| {
            std::thread::spawn(move || {
                let mut net = Net::new();
                net.name("www.example.com", &["45.33.32.1"]);
                net.serve("45.33.32.1:80", move |stream, _| speak(stream));
                said(&net)
            })
        })
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    assert_eq!(both, ["fail read-timeout", "fail read-timeout"]);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn answers_without_end_are_read_to_a_limit() {
    let sent = |what: fn(&mut TcpStream) -> usize, expected: &str, most: usize| {
        let total = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = std::sync::Arc::clone(&total);
        let mut net = Net::new();
        net.name("www.example.com", &["45.33.32.1"]);
        net.serve("45.33.32.1:80", move |mut stream, _| {
            request(&mut stream);
            counted.store(what(&mut stream), std::sync::atomic::Ordering::SeqCst);
        });
        assert_eq!(said(&net), expected);
        // Buffers of the kernel take some without anybody reading.
        let total = total.load(std::sync::atomic::Ordering::SeqCst);
        assert!(total < most, "{total} bytes were taken");
    };
    let headers = |stream: &mut TcpStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        flood(stream, b"X-Header: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
    };
    let body = |stream: &mut TcpStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        flood(stream, &[b'a'; 4096])
    };
    sent(headers, "fail head-too-large", 20_000_000);
    sent(body, "fail too-long", 20_000_000);
    let gzip = [&b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\n"[..], b"\x1f\x8b\x08\0\0\0"]
        .concat();
    assert_eq!(said(&Net::answering(gzip)), "fail other-body", "nothing is unpacked");
}

/// Writes until nobody reads any more; a billion bytes at most.
fn flood(stream: &mut TcpStream, block: &[u8]) -> usize {
    let mut sent = 0;
    while sent < 1_000_000_000 && stream.write_all(block).is_ok() {
        sent += block.len();
    }
    sent
}

#[test]
fn foreign_words_reach_no_terminal() {
    let evil = answer("200 OK", "Server: red\r\n", "<html><title>\u{1b}]0;owned\u{7}</title>");
    let net = Net::answering(evil);
    let output = net.run(&["probe", "http01", "www.example.com", "--key-authorization", KEY]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    assert!(!net.probe(&PROBE).text.contains('\u{1b}'));
    assert!(text.starts_with("fail www.example.com at 45.33.32.1 answers 200 with a web page"), "{text}");
}

#[test]
fn what_is_no_target_is_refused() {
    for args in [
        &["http01", ""][..],
        &["http01", "a b"],
        &["http01", "www.example.com", "--resolver", "nobody"],
        &["http01", "www.example.com", "--key-authorization", "nodot"],
        &["http01"],
        &["what", "www.example.com"],
    ] {
        let output = Net::new().run(&[&["probe"], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
}
