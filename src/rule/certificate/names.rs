//! Names: those of the certificate against the common name and against the hosts that are served with it.

use std::collections::BTreeSet;

use k8s_openapi::api::networking::v1::Ingress;

use super::super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use super::{is_acme, leaf, listed, merge_patch};
use crate::api::certificate::CertificateSpec;
use crate::api::gateway::Listener;
use crate::api::{Certificate, Gateway, KeyUsage, Object, RequestConditionType, Secret, annotation};
use crate::fact::Fact;
use crate::facts::{Facts, gap};
use crate::finding::{Finding, Fix, Witness};
use crate::host::covers;
use crate::objref::Kind;
use crate::x509::Name;

pub static COMMON_NAME_NOT_IN_DNS_NAMES: Rule = Rule {
    id: "common-name-not-in-dns-names",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the common name is not among the DNS names, which ACME demands",
    doc: include_str!("../../../docs/rules/common-name-not-in-dns-names.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Issuer, Kind::ClusterIssuer],
    explains: &[],
    judge: common_name_not_in_dns_names,
};

fn common_name_not_in_dns_names(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let spec = &certificate.spec;
    let name = common_name(spec).filter(|name| !name.is_empty()).ok_or(Withheld::NotApplicable)?;
    if spec.dns_names.contains(&name) || spec.ip_addresses.contains(&name) {
        return Ok(vec![]);
    }
    let refusal = refusal(facts);
    if refusal.is_none() && !is_acme(facts) {
        return unless_the_issuer_is_unknown(facts);
    }
    let objref = certificate.objref();
    let mut finding = COMMON_NAME_NOT_IN_DNS_NAMES
        .on(objref.clone())
        .says(format!(
            "the common name \"{name}\" of {} is not among its dnsNames, which ACME demands",
            certificate.name()
        ))
        .because("cert-manager refuses such a request itself, before it opens an order, and each retry fails in the same way.")
        .evidence(Witness::Spec(Kind::Certificate, "commonName"), &name)
        .evidence(Witness::Spec(Kind::Certificate, "dnsNames"), spec.dns_names.join(", "));
    if let Some(words) = refusal {
        finding = finding.evidence(Witness::Condition(Kind::CertificateRequest, "Ready"), words);
    }
    if let Some(owner) = certificate.controller().filter(|owner| owner.kind == Kind::Ingress.word()) {
        let command =
            format!("kubectl annotate ingress {}{} {}-", owner.name, objref.namespace_flag(), annotation::COMMON_NAME);
        let title = "take the common name off the Ingress that this Certificate is made from";
        return Ok(vec![finding.fix(Fix::command(title, command))]);
    }
    let drop =
        merge_patch("drop the common name: clients read the DNS names", certificate, r#"{"spec":{"commonName":null}}"#);
    let mut names = vec![name.as_str()];
    names.extend(spec.dns_names.iter().map(String::as_str));
    let add = Fix::patch("or ask for it as a DNS name too", format!("spec:\n  dnsNames: [{}]", names.join(", ")));
    let finding = if spec.literal_subject.is_empty() {
        finding.fix(drop)
    } else {
        finding.fix(Fix::manual("take CN=… out of spec.literalSubject: clients read the DNS names"))
    };
    // A name without a dot, such as "controller", is none that a public CA signs.
    Ok(vec![if name.contains('.') { finding.fix(add) } else { finding }])
}

/// The common name that the CSR gets.
fn common_name(spec: &CertificateSpec) -> Option<String> {
    if spec.literal_subject.is_empty() {
        return Some(spec.common_name.clone());
    }
    Some(Name::literal(&spec.literal_subject).ok()?.common_name().to_owned())
}

/// cert-manager's own words about it, if the request failed already.
fn refusal<'i>(facts: &Facts<'i>) -> Option<&'i str> {
    let condition = facts.chain.in_flight()?.request.condition(RequestConditionType::Ready)?;
    condition.message.contains("commonName that is not present").then_some(condition.message.as_str())
}

fn unless_the_issuer_is_unknown(facts: &Facts) -> Judgement {
    let reference = facts.issuer_ref()?;
    let in_trouble = facts.has_failed() || facts.is_issuing();
    match (reference.own_kind(), &facts.chain.issuer) {
        (Some(kind), issuer @ (Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_))) if in_trouble => {
            Err(Withheld::Undetermined(gap(issuer, kind)))
        }
        (Some(_) | None, _) => Ok(vec![]),
    }
}

pub static COMMON_NAME_ALONE: Rule = Rule {
    id: "common-name-alone",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Risk,
    severity: Severity::Warning,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the certificate has a common name and no alternative name, which clients do not look at",
    doc: include_str!("../../../docs/rules/common-name-alone.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Order, Kind::Issuer, Kind::ClusterIssuer],
    explains: &[],
    judge: common_name_alone,
};

fn common_name_alone(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let spec = &certificate.spec;
    let name = common_name(spec).filter(|name| !name.is_empty()).ok_or(Withheld::NotApplicable)?;
    // A CA is not spoken to; nor is who asks for other uses than a server's.
    let is_server = spec.usages.is_empty() || spec.usages.contains(&KeyUsage::ServerAuth);
    // ACME demands the name among the others; that is the other rule's matter.
    if spec.is_ca || !is_server || is_acme(facts) {
        return Err(Withheld::NotApplicable);
    }
    let asks = !spec.dns_names.is_empty()
        || !spec.ip_addresses.is_empty()
        || !spec.uris.is_empty()
        || !spec.email_addresses.is_empty()
        || !spec.other_names.is_empty();
    // Some issuers put the common name among the names by themselves.
    let has = leaf(facts).is_some_and(|leaf| !leaf.alt_names.is_empty());
    if asks || has {
        return Ok(vec![]);
    }
    let add = format!(r#"{{"spec":{{"dnsNames":["{name}"]}}}}"#);
    let finding = COMMON_NAME_ALONE
        .on(certificate.objref())
        .says(format!("{} has the common name \"{name}\" and no other name, so clients take it for no host", certificate.name()))
        .because("Go, browsers and current libraries compare hosts with the alternative names only; a common name alone matches nothing.")
        .evidence(Witness::Spec(Kind::Certificate, "commonName"), &name)
        .evidence(Witness::Spec(Kind::Certificate, "dnsNames, ipAddresses"), "none");
    // What is no host name, as `controller of x`, would be refused among the DNS names.
    let is_host = name.chars().all(|c| c.is_ascii_alphanumeric() || ".-*".contains(c));
    let fix = if is_host {
        merge_patch("ask for it as a DNS name too", certificate, &add)
    } else {
        Fix::patch("name the hosts that it is for", "spec:\n  dnsNames: [HOST]")
    };
    let other = Fix::patch("if it is no server's certificate: say what it is for", "spec:\n  usages: [client auth]");
    Ok(vec![finding.fix(fix).fix(other)])
}

pub static HOST_NOT_IN_CERTIFICATE: Rule = Rule {
    id: "host-not-in-certificate",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Risk,
    severity: Severity::Warning,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "an Ingress or Gateway serves a host with a certificate that is not for it",
    doc: include_str!("../../../docs/rules/host-not-in-certificate.md"),
    needs: &[Kind::Certificate, Kind::Ingress, Kind::Gateway, Kind::Secret],
    explains: &[],
    judge: host_not_in_certificate,
};

/// How many Ingresses of one host are looked at: more would say nothing new, and cost for each Certificate.
const ENOUGH: usize = 50;

fn host_not_in_certificate(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let namespace = certificate.namespace().unwrap_or_default();
    let secret = certificate.spec.secret_name.as_str();
    let names = names_of(facts, certificate);
    if names.is_empty() {
        return Err(Withheld::NotApplicable);
    }
    let served = facts.inventory.ingresses_with_secret(namespace, secret);
    let mut findings: Vec<_> = served.filter_map(|ingress| uncovered(certificate, &names, ingress)).collect();
    let gateways = facts.inventory.gateways_with_secret(namespace, secret);
    findings.extend(gateways.filter_map(|gateway| uncovered_listener(certificate, &names, gateway)));
    let mut seen = BTreeSet::new();
    for ingress in names.iter().flat_map(|name| facts.inventory.ingresses_for_host(name).take(ENOUGH)) {
        if seen.insert(ingress.objref()) {
            findings.extend(without_its_secret(facts, certificate, &names, ingress));
        }
    }
    Ok(findings)
}

/// What is asked for, and what is stored: an issuance that is under way shall not alarm.
fn names_of(facts: &Facts, certificate: &Certificate) -> Vec<String> {
    let spec = certificate.spec.dns_names.iter().chain(&certificate.spec.ip_addresses);
    let stored = facts.stored().ok().map(|stored| stored.leaf().alt_names.dns.clone());
    let mut names: Vec<String> = spec.cloned().chain(stored.unwrap_or_default()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// An Ingress that uses the Secret for a host that the certificate is not for.
fn uncovered(certificate: &Certificate, names: &[String], ingress: &Ingress) -> Option<Finding> {
    let secret = certificate.spec.secret_name.as_str();
    let spec = ingress.spec.as_ref()?;
    let blocks = || spec.tls.iter().flatten();
    let is_bare = |host: &&str| !names.iter().any(|name| covers(name, host));
    let of_block = blocks().filter(|block| block.secret_name.as_deref() == Some(secret));
    let asked: BTreeSet<&str> = of_block.flat_map(|block| block.hosts.iter().flatten().map(String::as_str)).collect();
    let listed_anywhere: BTreeSet<&str> =
        blocks().flat_map(|block| block.hosts.iter().flatten().map(String::as_str)).collect();
    // With several Secrets the controller may choose another one for a host that no block lists.
    let only_secret = blocks().all(|block| block.secret_name.as_deref() == Some(secret));
    let routed = spec.rules.iter().flatten().filter_map(|rule| rule.host.as_deref());
    let routed = routed.filter(|host| only_secret && !host.is_empty() && !listed_anywhere.contains(host));
    let bare: BTreeSet<&str> = asked.iter().copied().chain(routed).filter(is_bare).collect();
    if bare.is_empty() {
        return None;
    }
    let hosts: Vec<&str> = bare.into_iter().collect();
    let mut explanation = format!(
        "The certificate in Secret {secret} is not for {}, so clients see a name mismatch, or the controller's own default certificate.",
        listed(&hosts)
    );
    if names.iter().any(|name| name.starts_with("*.")) {
        explanation.push_str(" A wildcard covers exactly one label: neither the bare domain nor deeper names.");
    }
    let finding = HOST_NOT_IN_CERTIFICATE
        .on(ingress.objref())
        .says(format!("Ingress {} serves {} with a certificate that is not for it", ingress.name(), listed(&hosts)))
        .because(explanation)
        .evidence(Witness::Spec(Kind::Ingress, "tls, rules"), hosts.join(", "))
        .evidence(Witness::Spec(Kind::Certificate, "dnsNames"), certificate.spec.dns_names.join(", "));
    Some(finding.fix(add_hosts(certificate, &hosts)))
}

/// A Gateway with a listener that has no other certificate than this one, which is not for its host.
fn uncovered_listener(certificate: &Certificate, names: &[String], gateway: &Gateway) -> Option<Finding> {
    let secret = certificate.spec.secret_name.as_str();
    let serves_with_it_alone =
        |listener: &&Listener| match listener.tls.as_ref().map(|tls| tls.certificate_refs.as_slice()) {
            Some([only]) => only.name == secret,
            Some(_) | None => false,
        };
    let listeners = gateway.spec.listeners.iter().filter(serves_with_it_alone);
    let bare = listeners.filter_map(|listener| Some((listener, listener.hostname.as_deref()?)));
    let bare: Vec<_> =
        bare.filter(|(_, host)| !host.is_empty() && !names.iter().any(|name| covers(name, host))).collect();
    let hosts: Vec<&str> = bare.iter().map(|(_, host)| *host).collect::<BTreeSet<_>>().into_iter().collect();
    let listeners: Vec<&str> = bare.iter().map(|(listener, _)| listener.name.as_str()).collect();
    if hosts.is_empty() {
        return None;
    }
    let finding = HOST_NOT_IN_CERTIFICATE
        .on(gateway.objref())
        .says(format!("Gateway {} serves {} with a certificate that is not for it", gateway.name(), listed(&hosts)))
        .because(format!(
            "The certificate in Secret {secret} is not for {}, so clients see a name mismatch. A wildcard covers exactly one \
             label: neither the bare domain nor deeper names.",
            listed(&hosts)
        ))
        .evidence(Witness::Spec(Kind::Gateway, "listeners"), format!("{}: {}", listeners.join(", "), hosts.join(", ")))
        .evidence(Witness::Spec(Kind::Certificate, "dnsNames"), certificate.spec.dns_names.join(", "));
    Some(finding.fix(add_hosts(certificate, &hosts)))
}

/// Adds hosts where the Certificate's names come from.
fn add_hosts(certificate: &Certificate, hosts: &[&str]) -> Fix {
    match certificate.controller().filter(|owner| owner.kind == Kind::Ingress.word()) {
        Some(owner) => Fix::patch(
            format!("list the host in the TLS block of Ingress {}: the Certificate is made from it", owner.name),
            format!(
                "spec:\n  tls:\n  - secretName: {}\n    hosts: [{}]",
                certificate.spec.secret_name,
                tls_hosts(certificate, hosts)
            ),
        ),
        None => Fix::patch(
            format!("ask for the host in Certificate {}", certificate.name()),
            format!("spec:\n  dnsNames: [{}]", tls_hosts(certificate, hosts)),
        ),
    }
}

fn tls_hosts(certificate: &Certificate, hosts: &[&str]) -> String {
    let names = certificate.spec.dns_names.iter().map(String::as_str).chain(hosts.iter().copied());
    names
        .map(|name| if name.starts_with('*') { format!("\"{name}\"") } else { name.to_owned() })
        .collect::<Vec<_>>()
        .join(", ")
}

/// An Ingress for one of our names whose own Secret is not there, and that nothing will write.
fn without_its_secret(
    facts: &Facts,
    certificate: &Certificate,
    names: &[String],
    ingress: &Ingress,
) -> Option<Finding> {
    let (ours, theirs) = (certificate.namespace().unwrap_or_default(), ingress.namespace().unwrap_or_default());
    let secret = certificate.spec.secret_name.as_str();
    // cert-manager makes a Certificate for an Ingress that asks for one.
    if [annotation::SHIM_ISSUER, annotation::SHIM_CLUSTER_ISSUER].iter().any(|key| ingress.annotation(key).is_some()) {
        return None;
    }
    let blocks = ingress.spec.iter().flat_map(|spec| spec.tls.iter().flatten());
    let mut for_us =
        blocks.filter(|block| block.hosts.iter().flatten().any(|host| names.iter().any(|name| covers(name, host))));
    let block = for_us.find(|block| theirs != ours || block.secret_name.as_deref() != Some(secret))?;
    let wanted = block.secret_name.as_deref().filter(|wanted| !wanted.is_empty())?;
    let looked = facts.inventory.get::<Secret>(Some(theirs), wanted);
    let written = facts.inventory.certificates_for_secret(theirs, wanted).next().is_some();
    let near = wanted == secret || strsim::jaro_winkler(wanted, secret) > 0.85;
    let missing = looked.is_absent() || (looked.seen().is_none() && near);
    if !missing || written {
        return None;
    }
    let host = block.hosts.iter().flatten().find(|host| names.iter().any(|name| covers(name, host)))?;
    let (says, fix) = if theirs == ours {
        let says = format!(
            "Ingress {} wants Secret {wanted} for {host}, but the certificate is in Secret {secret}",
            ingress.name()
        );
        let patch = format!("spec:\n  tls:\n  - hosts: [{host}]\n    secretName: {secret}");
        (says, Fix::patch(format!("name the Secret of Certificate {}", certificate.name()), patch))
    } else {
        let says = format!(
            "Ingress {theirs}/{} wants Secret {wanted} for {host}, but that is in namespace {ours}",
            ingress.name()
        );
        let title = format!(
            "make a Certificate for {host} in namespace {theirs}: an Ingress reads Secrets of its own namespace only"
        );
        let command = format!(
            "kubectl annotate ingress {} -n {theirs} {}={}",
            ingress.name(),
            if certificate.spec.issuer_ref.own_kind() == Some(Kind::ClusterIssuer) {
                annotation::SHIM_CLUSTER_ISSUER
            } else {
                annotation::SHIM_ISSUER
            },
            certificate.spec.issuer_ref.name
        );
        (says, Fix::command(title, command))
    };
    let finding = HOST_NOT_IN_CERTIFICATE
        .on(ingress.objref())
        .says(says)
        .because("The controller finds no certificate for the host and serves its own default one, such as \"Kubernetes Ingress Controller Fake Certificate\".")
        .evidence(Witness::Spec(Kind::Ingress, "tls[].secretName"), wanted)
        .evidence(Witness::Source, format!("no Secret {theirs}/{wanted}, and no Certificate that writes it"))
        .evidence(Witness::Spec(Kind::Certificate, "secretName"), secret);
    Some(finding.fix(fix))
}

#[cfg(test)]
mod tests {
    use super::{CertificateSpec, KeyUsage};
    use crate::facts::specimen::Specimen;

    #[test]
    fn a_common_name_outside_the_names_is_found_for_acme_only() {
        let named = |name: &str| {
            let name = name.to_owned();
            Specimen::http01().broken(move |objects| objects.certificate().spec.common_name = name)
        };
        assert_eq!(named("controller").ids(), ["common-name-not-in-dns-names"]);
        assert_eq!(named("shop.example.com").ids(), Vec::<&str>::new());
        let private = named("controller").broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            objects.cluster_issuer().spec.acme = None;
        });
        assert_eq!(private.ids(), Vec::<&str>::new());
    }

    /// Certificate shop/web of a CA issuer, before anything is issued, with this changed in its spec.
    fn of_a_ca(change: impl FnOnce(&mut CertificateSpec)) -> Specimen {
        Specimen::http01().broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            objects.cluster_issuer().spec = serde_saphyr::from_str("{ca: {secretName: root}}").unwrap();
            change(&mut objects.certificate().spec);
        })
    }

    #[test]
    fn a_common_name_alone_is_told_of_servers() {
        let alone = |change: fn(&mut CertificateSpec)| {
            let specimen = of_a_ca(|spec| {
                spec.common_name = "shop.example.com".into();
                spec.dns_names.clear();
                change(spec);
            });
            specimen.ids().contains(&"common-name-alone")
        };
        assert!(alone(|_| {}));
        assert!(alone(|spec| spec.usages = vec![KeyUsage::ServerAuth, KeyUsage::ClientAuth]));
        assert!(!alone(|spec| spec.usages = vec![KeyUsage::ClientAuth]));
        assert!(!alone(|spec| spec.is_ca = true));
        assert!(!alone(|spec| spec.ip_addresses = vec!["10.0.0.1".into()]));
        assert!(!alone(|spec| spec.common_name.clear()));
    }

    #[test]
    fn what_acme_does_with_a_common_name_alone_is_another_matter() {
        let alone = Specimen::http01().broken(|objects| {
            objects.certificate().spec.common_name = "shop.example.com".into();
            objects.certificate().spec.dns_names.clear();
        });
        assert_eq!(alone.ids(), ["common-name-not-in-dns-names"]);
    }

    #[test]
    fn the_common_name_of_a_literal_subject_counts() {
        let literal = Specimen::http01().broken(|objects| {
            objects.certificate().spec.literal_subject = "CN=controller,O=Shop".into();
        });
        assert_eq!(literal.ids(), ["common-name-not-in-dns-names"]);
    }

    #[test]
    fn without_the_issuer_the_request_may_still_tell() {
        let blind = Specimen::http01().broken(|objects| {
            objects.certificate().spec.common_name = "controller".into();
            objects.cluster_issuers.clear();
            objects.orders.clear();
        });
        let withheld: Vec<_> = blind.judge().withheld.iter().map(|withheld| withheld.rule.id).collect();
        assert!(withheld.contains(&"common-name-not-in-dns-names"), "{withheld:?}");
        let told = blind.broken(|objects| {
            let ready = objects.request().status.conditions.last_mut().unwrap();
            ready.message = "The CSR PEM requests a commonName that is not present in the list of dnsNames".into();
        });
        assert_eq!(told.root(), Some("common-name-not-in-dns-names"));
    }

    fn ingress(host: &str, tls_host: &str, secret: &str, namespace: &str) -> String {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: front, namespace: {namespace}}}\nspec:\n  \
             tls: [{{hosts: ['{tls_host}'], secretName: {secret}}}]\n  rules: [{{host: '{host}'}}]\n"
        )
    }

    #[test]
    fn a_host_outside_the_certificate_is_found() {
        let served = |host, tls_host| Specimen::healthy().with(&ingress(host, tls_host, "web-tls", "shop")).ids();
        assert_eq!(served("shop.example.com", "shop.example.com"), Vec::<&str>::new());
        assert_eq!(served("shop.example.com", "api.example.com"), ["host-not-in-certificate"]);
        assert_eq!(served("api.example.com", "shop.example.com"), ["host-not-in-certificate"]);
        assert_eq!(served("SHOP.example.com", "shop.example.com"), Vec::<&str>::new());
    }

    #[test]
    fn a_listener_outside_the_certificate_is_found() {
        let gateway = |host: &str, more: &str, namespace: &str| {
            Specimen::healthy().with(&format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: front, namespace: {namespace}}}\n\
                 spec:\n  gatewayClassName: nginx\n  listeners:\n  - {{name: web, port: 443, protocol: HTTPS, hostname: '{host}', \
                 tls: {{certificateRefs: [{{name: web-tls, namespace: shop}}{more}]}}}}\n"
            ))
        };
        assert_eq!(gateway("shop.example.com", "", "shop").ids(), Vec::<&str>::new());
        assert_eq!(gateway("api.example.com", "", "shop").ids(), ["host-not-in-certificate"]);
        assert_eq!(gateway("api.example.com", "", "edge").ids(), ["host-not-in-certificate"]);
        assert_eq!(gateway("api.example.com", ", {name: other}", "shop").ids(), Vec::<&str>::new(), "the other may do");
    }

    #[test]
    fn a_misspelt_secret_is_found_unless_something_writes_it() {
        let misspelt = Specimen::healthy().with(&ingress("shop.example.com", "shop.example.com", "web-tsl", "shop"));
        assert_eq!(misspelt.ids(), ["host-not-in-certificate"]);
        let written = misspelt.with(
            "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: other, namespace: shop}\n\
             spec: {secretName: web-tsl, dnsNames: [x.example.com], issuerRef: {name: letsencrypt}}\n",
        );
        assert_eq!(written.ids(), Vec::<&str>::new());
        let other = Specimen::healthy().with(&ingress("shop.example.com", "shop.example.com", "gateway", "shop"));
        assert_eq!(other.ids(), Vec::<&str>::new());
    }

    #[test]
    fn an_ingress_in_another_namespace_cannot_use_the_secret() {
        let elsewhere = Specimen::healthy().with(&ingress("shop.example.com", "shop.example.com", "web-tls", "edge"));
        assert_eq!(elsewhere.ids(), ["host-not-in-certificate"]);
        let shimmed = elsewhere.broken(|objects| {
            let annotations = [("cert-manager.io/cluster-issuer".to_owned(), "letsencrypt".to_owned())];
            objects.ingresses[0].metadata.annotations = Some(annotations.into());
        });
        assert_eq!(shimmed.ids(), Vec::<&str>::new());
    }
}
