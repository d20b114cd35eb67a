//! cert-manager cannot find its way through DNS: port 53 is closed, or no zone is found.
//!
//! Reads addresses and rcodes out of the controller's words; asks nothing itself.

use std::net::{IpAddr, Ipv6Addr};

use super::propagation::ask_public_servers;
use super::{
    Family, Judgement, Matter, Nature, Outlook, Rule, Severity, each, has_any, quoted, word_after, zone_not_found,
};
use crate::finding::Fix;
use crate::objref::Kind;

pub static PORT_53_BLOCKED: Rule = Rule {
    id: "dns01-port-53-blocked",
    aliases: &[],
    family: Family::Dns01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "name servers do not answer cert-manager on port 53",
    doc: include_str!("../../../docs/rules/dns01-port-53-blocked.md"),
    needs: &[Kind::Challenge, Kind::Event],
    explains: &[],
    judge: port_53_blocked,
};

fn port_53_blocked(facts: &crate::facts::Facts) -> Judgement {
    each(facts, Matter::Port53, |_, trouble| {
        let server = blocked_server(&trouble.words).map_or_else(String::new, |ip| ip.to_string());
        let private = blocked_server(&trouble.words).is_some_and(is_private);
        let finding = trouble.finding(&PORT_53_BLOCKED).says(format!(
            "name server {server} does not answer cert-manager on port 53, needed for {}",
            trouble.names()
        ));
        let finding = if private {
            finding.because(format!(
                "{server} is a private address: a resolver or name server inside your own network. Either it does not \
                 run, or a NetworkPolicy or firewall keeps cert-manager's pod away from it. The challenge cannot go on \
                 until it answers. {}",
                trouble.retries()
            ))
        } else {
            finding.because(format!(
                "Unless told otherwise, cert-manager asks every authoritative name server of the zone itself, over UDP \
                 and TCP port 53. {server} is a public address; that it does not answer usually means that egress to \
                 port 53 is closed for cert-manager's pod, and seldom that the server is down. {}",
                trouble.retries()
            ))
        };
        finding
            .fix(Fix::command(
                "ask the same server from elsewhere: if it answers there, the cluster's egress is closed",
                format!("dig +tries=1 SOA {} @{server}", quoted(trouble.dns_name())),
            ))
            .fix(Fix::manual(
                "open UDP and TCP port 53 outwards for cert-manager's controller (NetworkPolicy, firewall)",
            ))
            .fix(Fix::patch(
                "or let cert-manager ask over HTTPS (values of its Helm chart)",
                "dns01RecursiveNameservers: \"https://1.1.1.1/dns-query,https://9.9.9.9/dns-query\"\n\
                 dns01RecursiveNameserversOnly: true\n",
            ))
    })
}

/// The name server on port 53 that a connection or read failed to. Look-ups of host names by the pod's resolver,
/// the provider's own DNS updates and other ports are something else.
pub(super) fn blocked_server(words: &str) -> Option<IpAddr> {
    const TROUBLES: [&str; 5] =
        ["i/o timeout", "connection refused", "no route to host", "network is unreachable", "operation not permitted"];
    if !has_any(words, &TROUBLES) || words.contains("lookup ") || words.contains("DNS update failed") {
        return None;
    }
    words.split(|c: char| c.is_whitespace() || "\">,".contains(c)).find_map(|word| {
        let address = word.trim_end_matches(':').strip_suffix(":53")?;
        address.trim_start_matches('[').trim_end_matches(']').parse().ok()
    })
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local() || is_shared(ip.octets()),
        IpAddr::V6(ip) => ip == Ipv6Addr::LOCALHOST || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// 100.64.0.0/10 (RFC 6598), which some clusters number their services from.
fn is_shared(octets: [u8; 4]) -> bool {
    octets[0] == 100 && (64..128).contains(&octets[1])
}

pub static ZONE_SEARCH_FAILED: Rule = Rule {
    id: "dns01-zone-search-failed",
    aliases: &[],
    family: Family::Dns01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "cert-manager cannot find the DNS zone that the name belongs to",
    doc: include_str!("../../../docs/rules/dns01-zone-search-failed.md"),
    needs: &[Kind::Challenge, Kind::Event],
    explains: &[],
    judge: zone_search_failed,
};

fn zone_search_failed(facts: &crate::facts::Facts) -> Judgement {
    each(facts, Matter::ZoneSearch, |_, trouble| {
        let names = trouble.names();
        let asked = word_in_brackets(&trouble.words)
            .map_or_else(|| "its resolver".to_owned(), |servers| format!("its resolver {servers}"));
        let (says, because) = match zone_fault(&trouble.words) {
            Some(ZoneFault::Rcode(rcode)) => (
                format!("cert-manager cannot find the zone of {names}: {asked} answers {rcode}"),
                match rcode.as_str() {
                    "SERVFAIL" => "SERVFAIL is what a resolver answers when no name server of the zone answers it, or \
                                   when the zone's DNSSEC signatures do not hold."
                        .to_owned(),
                    "REFUSED" => "REFUSED is what a resolver answers to those it does not serve: an access list, or a \
                                  resolver that does not pass on SOA questions."
                        .to_owned(),
                    _ => format!("To find the zone, cert-manager accepts NOERROR and NXDOMAIN only; {rcode} ends the search."),
                },
            ),
            Some(ZoneFault::TopLevel(zone)) => (
                format!("cert-manager finds no zone for {names} below {zone}: for {asked} the domain does not exist"),
                format!(
                    "Going up from the name, the first SOA record found is that of {zone}. The domain is not registered, \
                     not delegated, or cut off in the DNS that cert-manager asks."
                ),
            ),
            Some(ZoneFault::NoNameServers) => (
                format!("cert-manager finds no name servers for the zone of {names}"),
                "The zone was found, and the question for its NS records had no answer: the delegation is not complete, \
                 or the resolver answers for a zone of its own without NS records."
                    .to_owned(),
            ),
            Some(ZoneFault::NoSoa) | None => (
                format!("cert-manager finds no SOA record for {names} up to the root, asking {asked}"),
                "Some zone up to the root always has an SOA record. That none is found means that the resolver leaves \
                 them out of its answers, as some forwarders and home routers do, or that it is cut off from the DNS."
                    .to_owned(),
            ),
        };
        trouble
            .finding(&ZONE_SEARCH_FAILED)
            .says(says)
            .because(format!(
                "{because} Without the zone the record can be neither written nor checked. {}",
                trouble.retries()
            ))
            .fix(Fix::command(
                "follow the delegation from the root; the last step that answers shows where it breaks",
                format!("dig +trace SOA {}", quoted(trouble.dns_name())),
            ))
            .fix(ask_public_servers())
            .fix(Fix::manual(
                "if public resolvers fail too: mend delegation or DNSSEC at the registrar and the DNS operator",
            ))
    })
}

/// How the search for the zone ended (`FindZoneByFqdn` in `pkg/issuer/acme/dns/util`).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ZoneFault {
    Rcode(String),
    /// The nearest SOA was the one of a top-level domain.
    TopLevel(String),
    NoNameServers,
    NoSoa,
}

pub(super) fn zone_fault(words: &str) -> Option<ZoneFault> {
    let rcode = word_after(words, "but got '").or_else(|| word_after(words, "Unexpected response code '"));
    if let Some(rcode) = rcode {
        return Some(ZoneFault::Rcode(rcode.trim_end_matches('\'').to_owned()));
    }
    if has_any(words, &["Could not find the SOA record", "Could not find the start of authority"]) {
        return Some(ZoneFault::NoSoa);
    }
    if words.contains("Could not determine authoritative nameservers") {
        return Some(ZoneFault::NoNameServers);
    }
    if words.contains("Could not determine the zone for") {
        return Some(ZoneFault::NoSoa);
    }
    zone_not_found(words)
        .filter(|zone| !zone.is_empty() && zone.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        .map(|zone| ZoneFault::TopLevel(format!(".{zone}")))
}

/// `10.96.0.10:53` of `using nameservers [10.96.0.10:53]`.
fn word_in_brackets(words: &str) -> Option<&str> {
    let (_, rest) = words.split_once("nameservers [")?;
    let (servers, _) = rest.split_once(']')?;
    (!servers.is_empty()).then_some(servers)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refused, says, unseen};
    use super::*;

    #[test]
    fn the_silent_server_is_named() {
        let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert_eq!(blocked_server("read udp 10.1.2.3:40000->198.51.100.53:53: i/o timeout"), ip("198.51.100.53"));
        assert_eq!(blocked_server("dial tcp [2001:db8::53]:53: connect: network is unreachable"), ip("2001:db8::53"));
        assert_eq!(blocked_server("Get \"https://api.x/\": dial tcp 104.16.0.1:443: i/o timeout"), None);
        assert_eq!(
            blocked_server("lookup api.x on 10.96.0.10:53: read udp 10.1.2.3:4->10.96.0.10:53: i/o timeout"),
            None
        );
        assert_eq!(blocked_server("DNS update failed: read udp 10.1.2.3:4->192.0.2.1:53: i/o timeout"), None);
        assert_eq!(blocked_server("NS 198.51.100.53:53 returned REFUSED"), None);
    }

    #[test]
    fn a_silent_public_server_is_a_closed_port() {
        let blocked = unseen(5, "read udp 10.42.0.9:51812->198.51.100.53:53: i/o timeout");
        assert_eq!(blocked.root(), Some("dns01-port-53-blocked"));
        assert!(blocked.judge().findings[0].explanation.contains("public address"));
        let own = unseen(5, "dial tcp 10.96.0.10:53: i/o timeout");
        assert!(own.judge().findings[0].explanation.contains("private address"));
        assert_eq!(unseen(1, "read udp 10.42.0.9:51812->198.51.100.53:53: i/o timeout").ids(), Vec::<&str>::new());
    }

    #[test]
    fn each_way_in_which_the_zone_search_ends_is_told_apart() {
        let servfail = "When querying the SOA record for the domain '_acme-challenge.web.example.com.' using nameservers \
                        [10.96.0.10:53], rcode was expected to be 'NOERROR' or 'NXDOMAIN', but got 'SERVFAIL'";
        let specimen = refused("cloudDNS: {project: p}", servfail);
        assert_eq!(specimen.root(), Some("dns01-zone-search-failed"));
        assert!(says(&specimen).ends_with("its resolver 10.96.0.10:53 answers SERVFAIL"), "{}", says(&specimen));
        assert_eq!(
            zone_fault("Could not find the SOA record in the DNS tree for the domain 'x'"),
            Some(ZoneFault::NoSoa)
        );
        assert_eq!(
            zone_fault("Could not determine authoritative nameservers for \"x.\""),
            Some(ZoneFault::NoNameServers)
        );
        assert_eq!(
            zone_fault("zone com. not found in Route 53 for domain _acme-challenge.x.com."),
            Some(ZoneFault::TopLevel(".com".into()))
        );
        assert_eq!(zone_fault("zone x.com. not found in Route 53 for domain _acme-challenge.x.com."), None);
    }
}
