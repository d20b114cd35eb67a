//! The names of a certificate as a CA counts them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use crate::api::{Certificate, OrderSpec};
use crate::registered::registered_domain;
use crate::x509;

/// A set of names, in lower case and each once, in order.
pub type Identifiers = BTreeSet<String>;

/// The identifiers that an order for the Certificate names: DNS names, the common name if it is one, IP addresses.
pub fn of_certificate(certificate: &Certificate) -> Identifiers {
    let spec = &certificate.spec;
    let common = Some(&spec.common_name).filter(|name| is_dns_name(name));
    spec.dns_names.iter().chain(common).chain(&spec.ip_addresses).map(|name| tidy(name)).collect()
}

/// The identifiers of an issued certificate.
pub fn of_leaf(leaf: &x509::Certificate) -> Identifiers {
    let common = Some(leaf.subject.common_name()).filter(|name| is_dns_name(name));
    let ips = leaf.alt_names.ips.iter().map(|ip| tidy(&ip.to_string()));
    leaf.alt_names.dns.iter().map(String::as_str).chain(common).map(tidy).chain(ips).collect()
}

/// The identifiers of an Order.
pub fn of_order(order: &OrderSpec) -> Identifiers {
    let common = Some(&order.common_name).filter(|name| is_dns_name(name));
    order.dns_names.iter().chain(common).chain(&order.ip_addresses).map(|name| tidy(name)).collect()
}

/// What a set of names counts under, once each: registered domains, IPv4 addresses, IPv6 networks of 64 bits.
pub fn domains(names: &Identifiers) -> BTreeSet<String> {
    names.iter().filter_map(|name| domain(name)).collect()
}

fn domain(name: &str) -> Option<String> {
    match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => Some(ip.to_string()),
        Ok(IpAddr::V6(ip)) => {
            let [a, b, c, d, ..] = ip.segments();
            Some(format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
        }
        Err(_) => registered_domain(name),
    }
}

/// One spelling for each name.
pub fn tidy(name: &str) -> String {
    match name.parse::<IpAddr>() {
        Ok(ip) => ip.to_string(),
        Err(_) => name.trim_end_matches('.').to_ascii_lowercase(),
    }
}

/// Whether a common name is one that cert-manager orders: a name with a dot, and no words.
fn is_dns_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.*".contains(c);
    name.contains('.') && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_each_name_once_and_in_order() {
        let mut certificate = Certificate::default();
        certificate.spec.dns_names = vec!["b.Example.com".into(), "a.example.com".into(), "b.example.com.".into()];
        certificate.spec.common_name = "a.example.com".into();
        certificate.spec.ip_addresses = vec!["2001:DB8::0001".into()];
        let expected = ["2001:db8::1", "a.example.com", "b.example.com"];
        assert_eq!(of_certificate(&certificate).into_iter().collect::<Vec<_>>(), expected);
        certificate.spec.common_name = "Shop of Example".into();
        assert_eq!(of_certificate(&certificate).len(), 3);
    }

    #[test]
    fn names_count_under_registered_domains_addresses_and_networks() {
        let names = ["a.example.com", "*.example.com", "x.github.io", "192.0.2.7", "2001:db8:1:2:3::4"];
        let set: Identifiers = names.iter().map(|name| tidy(name)).collect();
        let expected = ["192.0.2.7", "2001:db8:1:2::/64", "example.com", "x.github.io"];
        assert_eq!(domains(&set).into_iter().collect::<Vec<_>>(), expected);
    }
}
