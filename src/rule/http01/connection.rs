//! Nobody answers on the challenge path: no connection, or a redirect that leads nowhere.
//!
//! The self check and the CA stand at different places, so each has a rule of its own.

use super::front::{self, Compared};
use super::words::{CaSaid, NoAnswer, Redirect, SelfCheck};
use super::{Heard, Words, heard};
use crate::api::Object;
use crate::facts::{Facts, Release};
use crate::finding::{Finding, Fix, Witness};
use crate::inventory::speaks_of_proxy_protocol;
use crate::objref::Kind;
use crate::rule::live::and_http01_probes;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity};

pub static CANNOT_REACH: Rule = Rule {
    id: "http01-self-check-cannot-reach",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "cert-manager's own check gets no answer from the name, seen from its pod",
    doc: include_str!("../../../docs/rules/http01-self-check-cannot-reach.md"),
    needs: &[Kind::Challenge, Kind::Service, Kind::Ingress, Kind::Deployment],
    explains: and_http01_probes![],
    judge: cannot_reach,
};

fn cannot_reach(facts: &Facts) -> Judgement {
    let heard = heard(facts)?;
    let findings = heard.iter().filter_map(|heard| {
        let Some(SelfCheck::NoAnswer(how)) = heard.self_check() else { return None };
        Some(no_answer_inside(facts, heard, *how))
    });
    Ok(findings.collect())
}

fn no_answer_inside(facts: &Facts, heard: &Heard, how: NoAnswer) -> Finding {
    let name = heard.name();
    let reason = heard.node.challenge.status.reason.as_str();
    let where_from = "This is the view from cert-manager's pod: the CA, on the internet, may well get through.";
    let to_443 = if reason.contains("Get \"https://") { " It was on the way to HTTPS, after a redirect." } else { "" };
    let finding = CANNOT_REACH
        .on(heard.node.challenge.objref())
        .says(format!("cert-manager's own check gets no answer from http://{name}: {}", inside_words(how)))
        .because(format!("{}{to_443} {where_from} {}", inside_cause(how), heard.what_follows()));
    let mut finding = heard.quote(finding);
    let served = front::served_at(facts, heard.node);
    if let Some(words) = dialled(reason).and_then(|address| compared_words(address, &served)) {
        finding = finding.evidence(Witness::Computed, words);
    }
    let proxied =
        matches!(how, NoAnswer::Reset | NoAnswer::ClosedEarly).then(|| proxy_protocol(facts)).unwrap_or_default();
    for words in &proxied {
        finding = finding.evidence(Witness::Metadata(Kind::Service), words);
    }
    let url = heard.url();
    finding
        .fix(Fix::command(
            "compare: the same request from a pod, and from outside the cluster",
            format!(
                "kubectl run challenge-check --rm -i --restart=Never --image=curlimages/curl -- -sSiL -m 10 {url}\ncurl -iL {url}"
            ),
        ))
        .fix(Fix::manual(mend_inside(how)))
        .fix(without_check(facts))
}

/// The way past a check that cannot work from inside.
fn without_check(facts: &Facts) -> Fix {
    const SINCE: Release = Release::new(1, 21, 0);
    match facts.controller_release().filter(|release| *release < SINCE) {
        Some(release) => Fix::manual(format!(
            "if it works from outside only: use a DNS-01 solver; from {SINCE} on (this is {release}) the solver has \
             waitInsteadOfSelfCheck"
        )),
        None => Fix::patch(
            "if it works from outside only: let the CA be asked without a check (cert-manager 1.21 and later)",
            "# in the solver of the issuer\nwaitInsteadOfSelfCheck: 2m\n",
        ),
    }
}

fn inside_words(how: NoAnswer) -> &'static str {
    match how {
        NoAnswer::NoSuchHost => "no such host",
        NoAnswer::LookUpFailed => "the look-up of the name fails",
        NoAnswer::Refused => "connection refused",
        NoAnswer::TimedOut => "the time is up",
        NoAnswer::NoRoute => "no route to the address",
        NoAnswer::Reset => "the connection is reset",
        NoAnswer::ClosedEarly => "the connection closes without an answer (EOF)",
        NoAnswer::Other => "the request fails",
    }
}

fn inside_cause(how: NoAnswer) -> &'static str {
    match how {
        NoAnswer::NoSuchHost => "The cluster's resolver knows no address for the name.",
        NoAnswer::LookUpFailed => "The cluster's resolver does not get a verdict from the name servers.",
        NoAnswer::Refused => {
            "The address is there but nothing listens on the port, or the load balancer does not take connections \
             from inside the cluster."
        }
        NoAnswer::TimedOut => {
            "The packets are dropped: an egress policy on cert-manager's namespace, a router that does not turn \
             traffic back to its own public address (hairpin NAT), or a firewall."
        }
        NoAnswer::NoRoute => "The pod has no route to the address, as with an IPv6 address in an IPv4 cluster.",
        NoAnswer::Reset | NoAnswer::ClosedEarly => {
            "Something takes the connection and drops it. From inside the cluster that is mostly a load balancer with \
             PROXY protocol: kube-proxy short-cuts to the ingress controller, which then misses the header."
        }
        NoAnswer::Other => "The request breaks off before an answer.",
    }
}

fn mend_inside(how: NoAnswer) -> &'static str {
    match how {
        NoAnswer::NoSuchHost | NoAnswer::LookUpFailed => {
            "make the name resolve inside the cluster, or give cert-manager public resolvers with \
             --acme-http01-solver-nameservers=1.1.1.1:53"
        }
        NoAnswer::Reset | NoAnswer::ClosedEarly => {
            "give the load balancer a host name in its status (a provider annotation on the Service, or ipMode: Proxy), \
             so that traffic from inside goes through it, or turn PROXY protocol off"
        }
        NoAnswer::Refused | NoAnswer::TimedOut | NoAnswer::NoRoute | NoAnswer::Other => {
            "allow cert-manager's pod to reach ports 80 and 443 of that address, or let the cluster's DNS answer the \
             name with the ingress controller's Service"
        }
    }
}

/// The address in `dial tcp 203.0.113.7:80: connect: ...`.
fn dialled(reason: &str) -> Option<std::net::IpAddr> {
    let (_, after) = reason.split_once("dial tcp ")?;
    let end = after.find(": ").unwrap_or(after.len());
    after[..end].parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip())
}

fn compared_words(address: std::net::IpAddr, served: &[&str]) -> Option<String> {
    match front::compare(address, served) {
        Compared::Same => Some(format!("{address} is the address of the host's own Ingress or Gateway")),
        Compared::Differs => {
            Some(format!("the name leads to {address} there, while the host is served at {}", served.join(", ")))
        }
        Compared::Unknown => None,
    }
}

/// Load balancers whose annotations speak of PROXY protocol.
fn proxy_protocol(facts: &Facts) -> Vec<String> {
    let balancers = facts.inventory.balancers_with_proxy_protocol();
    let spoken = balancers.flat_map(|service| {
        let annotations = service.metadata.annotations.iter().flatten();
        annotations.filter(|annotation| speaks_of_proxy_protocol(*annotation)).map(move |spoken| (service, spoken))
    });
    spoken.map(|(service, (key, value))| format!("{}: {key}={value}", service.objref())).collect()
}

pub static CA_CANNOT_CONNECT: Rule = Rule {
    id: "http01-ca-cannot-connect",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the CA gets no connection to the name on port 80, or no answer over it",
    doc: include_str!("../../../docs/rules/http01-ca-cannot-connect.md"),
    needs: &[Kind::Challenge, Kind::Ingress, Kind::Gateway, Kind::Event],
    explains: and_http01_probes![],
    judge: ca_cannot_connect,
};

fn ca_cannot_connect(facts: &Facts) -> Judgement {
    let heard = heard(facts)?;
    let findings = heard.iter().filter_map(|heard| {
        let verdict = heard.ca()?;
        let CaSaid::NoAnswer(how) = verdict.said else { return None };
        let name = heard.name();
        let served = front::served_at(facts, heard.node);
        let at = verdict.address().map(|address| format!(" at {address}")).unwrap_or_default();
        let compared = verdict.address().map(|address| (address, front::compare(address, &served)));
        let address_words = match compared {
            Some((address, Compared::Same)) => {
                format!("{address} is the address that the host is served at, so the name is right and the way to it is shut.")
            }
            Some((address, Compared::Differs)) => {
                format!("{address} is not where the host is served: that is {}.", served.join(", "))
            }
            Some((_, Compared::Unknown)) | None => {
                "Whether the name points to the right machine, the objects do not show.".to_owned()
            }
        };
        let finding = CA_CANNOT_CONNECT
            .on(heard.node.challenge.objref())
            .says(format!("the CA gets no answer from {name}{at}: {}", outside_words(how)))
            .because(format!("{} {address_words} {}", outside_cause(how), heard.what_follows()));
        let finding = heard
            .quote(finding)
            .fix(Fix::manual(format!(
                "open TCP port 80 of {name} to the whole internet (security group, firewall, load balancer listener); \
                 the CA asks from addresses that it does not publish"
            )))
            .fix(Fix::command("check from outside, not from the cluster or its network", format!("curl -v -m 10 http://{name}/")))
            .fix(Fix::manual("if port 80 has to stay shut: use a DNS-01 solver for this name"));
        Some(heard.retry(finding, facts))
    });
    Ok(findings.collect())
}

fn outside_words(how: NoAnswer) -> &'static str {
    match how {
        NoAnswer::NoSuchHost | NoAnswer::LookUpFailed => "the name does not resolve",
        NoAnswer::Refused => "connection refused",
        NoAnswer::TimedOut => "the time is up, as behind a firewall",
        NoAnswer::NoRoute => "no route to the address",
        NoAnswer::Reset => "the connection is reset",
        NoAnswer::ClosedEarly => "the connection closes without an answer",
        NoAnswer::Other => "the connection fails",
    }
}

fn outside_cause(how: NoAnswer) -> &'static str {
    match how {
        NoAnswer::Refused => "A machine is there, but nothing listens on port 80.",
        NoAnswer::TimedOut => {
            "Packets to port 80 are dropped, or a load balancer takes the connection and has no backend."
        }
        NoAnswer::Reset | NoAnswer::ClosedEarly => {
            "Something takes the connection and drops it: a filter, or a listener that expects PROXY protocol or TLS."
        }
        NoAnswer::NoSuchHost | NoAnswer::LookUpFailed | NoAnswer::NoRoute | NoAnswer::Other => {
            "The CA fetches the challenge over port 80 from the internet, and got no answer."
        }
    }
}

pub static REDIRECT: Rule = Rule {
    id: "http01-redirect-to-https",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the challenge path redirects to a place where the challenge cannot be fetched",
    doc: include_str!("../../../docs/rules/http01-redirect-to-https.md"),
    needs: &[Kind::Challenge, Kind::Ingress, Kind::Event],
    explains: and_http01_probes![],
    judge: redirect,
};

fn redirect(facts: &Facts) -> Judgement {
    let heard = heard(facts)?;
    let findings = heard.iter().filter_map(|heard| {
        let how = redirected(heard)?;
        let voice = match &heard.words {
            Words::Ca(_) => "the CA",
            Words::SelfCheck(_) | Words::Present { .. } => "cert-manager's own check",
        };
        let name = heard.name();
        let (what, why) = redirect_words(how);
        let finding = REDIRECT
            .on(heard.node.challenge.objref())
            .says(format!("{voice} follows a redirect from http://{name} that leads nowhere: {what}"))
            .because(format!(
                "{why} A plain redirect to HTTPS of the same host is no fault by itself: CAs follow it and accept any \
                 certificate there. {}",
                heard.what_follows()
            ));
        let mut finding = heard.quote(finding);
        for words in front::annotations_like(facts, name, &["redirect", "entrypoints"]) {
            finding = finding.evidence(Witness::Metadata(Kind::Ingress), words);
        }
        let finding = finding
            .fix(Fix::manual(format!("exempt /.well-known/acme-challenge/ on {name} from the redirect")))
            .fix(Fix::command(
                "see where each step of the redirect leads",
                format!("curl -skIL --max-redirs 10 {}", heard.url()),
            ));
        Some(heard.retry(finding, facts))
    });
    Ok(findings.collect())
}

fn redirected(heard: &Heard) -> Option<Redirect> {
    if let Some(SelfCheck::Redirect(how)) = heard.self_check() {
        return Some(*how);
    }
    if let Some(CaSaid::Redirect(how)) = heard.ca().map(|verdict| &verdict.said) {
        return Some(*how);
    }
    None
}

fn redirect_words(how: Redirect) -> (&'static str, &'static str) {
    match how {
        Redirect::Loop => (
            "it goes round in a loop, or through too many steps",
            "A proxy in front speaks plain HTTP to the origin, which redirects to HTTPS again, or two rules send each \
             other the request.",
        ),
        Redirect::Tls => (
            "the TLS handshake there fails",
            "Most often the listener on port 443 has no certificate for the host yet and refuses the handshake, so that \
             the redirect waits for the very certificate that is being issued.",
        ),
        Redirect::PlainHttp => {
            ("the HTTPS port speaks plain HTTP", "Port 443 of the load balancer goes to a backend port without TLS.")
        }
        Redirect::Target => (
            "the CA does not follow it to that target",
            "CAs follow redirects to public hosts on ports 80 and 443 only.",
        ),
        Redirect::Kind => (
            "the CA does not follow that kind of redirect",
            "CAs follow 301, 302, 307 and 308; others, such as the 303 of a log-in page, they refuse. cert-manager's \
             own check follows them all.",
        ),
        Redirect::NoAnswer => {
            ("nobody answers on port 443", "Port 80 redirects to HTTPS while port 443 is shut or has no listener yet.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::staging::{causes, no_answer, refused};
    use crate::facts::specimen::Specimen;

    const URL: &str = "http://web.example.com/.well-known/acme-challenge/r_f7";

    #[test]
    fn each_broken_connection_of_the_self_check_is_told_apart() {
        for (words, told) in [
            ("dial tcp 203.0.113.7:80: connect: connection refused", "connection refused"),
            ("dial tcp 203.0.113.7:80: i/o timeout", "the time is up"),
            (
                "dial tcp: lookup www.shop.example.com on 10.96.0.10:53: server misbehaving",
                "the look-up of the name fails",
            ),
            ("EOF", "closes without an answer"),
            ("read tcp 10.0.0.1:4->203.0.113.7:80: read: connection reset by peer", "is reset"),
        ] {
            assert_eq!(no_answer(words).ids(), ["http01-self-check-cannot-reach"], "{words}");
            assert!(no_answer(words).judge().headline.contains(told), "{}", no_answer(words).judge().headline);
        }
    }

    #[test]
    fn a_refused_connection_in_the_first_minute_is_no_fault() {
        let mut young = no_answer("dial tcp 203.0.113.7:80: connect: connection refused");
        young.now = Specimen::http01().now;
        assert_eq!(young.ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_load_balancer_with_proxy_protocol_is_named_when_the_connection_breaks() {
        let service = "apiVersion: v1\nkind: Service\nmetadata:\n  name: edge\n  namespace: edge\n  annotations: \
                       {service.beta.kubernetes.io/do-loadbalancer-enable-proxy-protocol: 'true'}\nspec: {type: LoadBalancer}\n";
        let names_it = |specimen: Specimen| {
            let report = specimen.with(service).judge();
            report.findings[0].evidence.iter().any(|evidence| evidence.text.contains("proxy-protocol=true"))
        };
        assert!(names_it(no_answer("EOF")));
        assert!(!names_it(no_answer("dial tcp 203.0.113.7:80: connect: connection refused")));
    }

    #[test]
    fn the_cas_broken_connection_is_told_with_its_address() {
        for words in
            ["Timeout during connect (likely firewall problem)", "Connection refused", "Connection reset by peer"]
        {
            let specimen = refused(&format!("connection: 203.0.113.7: Fetching {URL}: {words}"));
            assert_eq!(causes(&specimen), ["http01-ca-cannot-connect"], "{words}");
            assert!(specimen.judge().headline.contains("at 203.0.113.7"));
        }
    }

    #[test]
    fn a_redirect_that_leads_nowhere_is_told_by_either_voice() {
        let https = URL.replace("http:", "https:");
        for words in [
            format!("connection: 203.0.113.7: Fetching {https}: Connection refused"),
            format!("connection: 203.0.113.7: Fetching {https}: remote error: tls: handshake failure"),
            format!("connection: 203.0.113.7: Fetching {URL}: Too many redirects"),
        ] {
            assert_eq!(causes(&refused(&words)), ["http01-redirect-to-https"], "{words}");
        }
        assert_eq!(no_answer("stopped after 10 redirects").ids(), ["http01-redirect-to-https"]);
        assert_eq!(no_answer("remote error: tls: unrecognized name").ids(), ["http01-redirect-to-https"]);
    }

    #[test]
    fn a_redirect_that_is_followed_to_an_answer_is_no_fault_of_the_redirect() {
        let https = URL.replace("http:", "https:");
        let specimen = refused(&format!("unauthorized: 203.0.113.7: Invalid response from {https}: 404"));
        assert_eq!(causes(&specimen), ["http01-404"]);
    }

    #[test]
    fn a_fault_between_cert_manager_and_the_ca_is_none_of_the_challenges() {
        let blip = Specimen::rejected().broken(|objects| {
            objects.events.clear();
            let status = &mut objects.challenge().status;
            status.state = Some(crate::api::AcmeState::Errored);
            status.reason =
                "unexpected non-ACME API error: Post \"https://acme-v02.api.letsencrypt.org/x\": net/http: TLS \
                             handshake timeout"
                    .into();
        });
        assert!(!blip.ids().iter().any(|id| id.starts_with("http01")), "{:?}", blip.ids());
    }
}
