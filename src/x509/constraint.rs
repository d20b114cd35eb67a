//! What a CA lets stand below it: name constraints (RFC 5280 §4.2.1.10).
//!
//! Clients read host and mail constraints in two ways: with the domains below (Go), or to the letter (OpenSSL). Here only
//! that counts as forbidden which both forbid. Directory names are left to clients.

use std::fmt;
use std::net::IpAddr;

use x509_parser::extensions::{GeneralName, GeneralSubtree, NameConstraints as Parsed};

use super::name::{AltNames, ip};

/// The names that a CA may sign for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameConstraints {
    permitted: Vec<Subtree>,
    excluded: Vec<Subtree>,
}

/// Names that one constraint speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subtree {
    Dns(String),
    Email(String),
    Uri(String),
    /// Address and mask, both of one family.
    Ip(IpAddr, IpAddr),
}

/// One name of a certificate, by its form.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Given<'n> {
    Dns(&'n str),
    Email(&'n str),
    Uri(&'n str),
    Ip(IpAddr),
}

/// A name that constraints forbid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forbidden {
    /// The name in the certificate.
    pub name: String,
    /// The constraint that excludes it; `None` if it is outside of everything that is permitted.
    pub excluded_by: Option<String>,
    /// What is permitted of its form.
    pub permitted: Vec<String>,
}

impl NameConstraints {
    /// As they stand in the extension; forms that are not judged are left out.
    pub(super) fn of(parsed: &Parsed<'_>) -> Self {
        let side = |subtrees: &Option<Vec<GeneralSubtree<'_>>>| {
            subtrees.iter().flatten().filter_map(|subtree| Subtree::of(&subtree.base)).collect()
        };
        Self { permitted: side(&parsed.permitted_subtrees), excluded: side(&parsed.excluded_subtrees) }
    }

    /// The first of these names that a CA with these constraints may not sign for.
    pub fn forbidden(&self, names: &AltNames) -> Option<Forbidden> {
        let dns = names.dns.iter().map(|name| Given::Dns(name));
        let emails = names.emails.iter().map(|name| Given::Email(name));
        let uris = names.uris.iter().map(|name| Given::Uri(name));
        let ips = names.ips.iter().map(|address| Given::Ip(*address));
        dns.chain(emails).chain(uris).chain(ips).find_map(|name| self.judge(&name))
    }

    fn judge(&self, name: &Given<'_>) -> Option<Forbidden> {
        let of_form: Vec<&Subtree> = self.permitted.iter().filter(|subtree| subtree.is_about(name)).collect();
        let excluded_by = self.excluded.iter().find(|subtree| subtree.holds_to_the_letter(name));
        let is_outside = !of_form.is_empty() && !of_form.iter().any(|subtree| subtree.holds(name));
        (excluded_by.is_some() || is_outside).then(|| Forbidden {
            name: name.to_string(),
            excluded_by: excluded_by.map(ToString::to_string),
            permitted: of_form.iter().map(ToString::to_string).collect(),
        })
    }
}

impl Subtree {
    #[expect(clippy::wildcard_enum_match_arm, reason = "other forms of names are not judged")]
    fn of(name: &GeneralName<'_>) -> Option<Self> {
        match name {
            GeneralName::DNSName(name) => Some(Self::Dns((*name).to_owned())),
            GeneralName::RFC822Name(name) => Some(Self::Email((*name).to_owned())),
            GeneralName::URI(name) => Some(Self::Uri((*name).to_owned())),
            GeneralName::IPAddress(bytes) => {
                let (address, mask) = bytes.split_at(bytes.len() / 2);
                let (address, mask) = (ip(address)?, ip(mask)?);
                (address.is_ipv4() == mask.is_ipv4()).then_some(Self::Ip(address, mask))
            }
            _ => None,
        }
    }

    fn is_about(&self, name: &Given<'_>) -> bool {
        match (self, name) {
            (Self::Dns(_), Given::Dns(_)) | (Self::Email(_), Given::Email(_)) | (Self::Uri(_), Given::Uri(_)) => true,
            (Self::Ip(base, _), Given::Ip(address)) => base.is_ipv4() == address.is_ipv4(),
            (Self::Dns(_) | Self::Email(_) | Self::Uri(_) | Self::Ip(..), _) => false,
        }
    }

    /// Whether a name lies within, in the wider reading.
    fn holds(&self, name: &Given<'_>) -> bool {
        match (self, name) {
            (Self::Dns(base), Given::Dns(name)) => is_below(name, base),
            (Self::Email(base), Given::Email(name)) => is_mail_of(name, base, is_below),
            // One without a host cannot be judged.
            (Self::Uri(base), Given::Uri(name)) => host(name).is_none_or(|host| is_below(host, base)),
            (Self::Ip(base, mask), Given::Ip(address)) => masked(*base, *mask) == masked(*address, *mask),
            (Self::Dns(_) | Self::Email(_) | Self::Uri(_) | Self::Ip(..), _) => false,
        }
    }

    /// Whether a name lies within in every reading.
    fn holds_to_the_letter(&self, name: &Given<'_>) -> bool {
        match (self, name) {
            (Self::Dns(base), Given::Dns(name)) => is_below(name, base) || wildcard_reaches(name, base),
            (Self::Email(base), Given::Email(name)) => is_mail_of(name, base, is_host),
            (Self::Uri(base), Given::Uri(name)) => host(name).is_some_and(|host| is_host(host, base)),
            (Self::Ip(..), Given::Ip(_)) => self.holds(name),
            (Self::Dns(_) | Self::Email(_) | Self::Uri(_) | Self::Ip(..), _) => false,
        }
    }
}

/// The domain itself and all below it; with a dot in front only what is below. The empty one is all.
fn is_below(name: &str, base: &str) -> bool {
    let (name, base) = (name.to_ascii_lowercase(), base.to_ascii_lowercase());
    let domain = base.strip_prefix('.').unwrap_or(&base);
    let rest = name.strip_suffix(domain);
    domain.is_empty() || name == base || rest.is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// The host itself, or with a dot in front what is below.
fn is_host(name: &str, base: &str) -> bool {
    if base.starts_with('.') { is_below(name, base) } else { name.eq_ignore_ascii_case(base) }
}

/// `*.example.com` stands for `secret.example.com` too.
fn wildcard_reaches(name: &str, base: &str) -> bool {
    let parent = name.strip_prefix("*.");
    let above = base.strip_prefix('.').unwrap_or(base).split_once('.').map(|(_, above)| above);
    parent.zip(above).is_some_and(|(parent, above)| parent.eq_ignore_ascii_case(above))
}

fn is_mail_of(mailbox: &str, base: &str, is_of: fn(&str, &str) -> bool) -> bool {
    let host = |mailbox: &str| mailbox.rsplit_once('@').map(|(user, host)| (user.to_owned(), host.to_lowercase()));
    match (host(mailbox), host(base)) {
        (Some(given), Some(base)) => given == base,
        (Some((_, host)), None) => is_of(&host, base),
        (None, _) => false,
    }
}

fn host(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    (!host.is_empty() && !host.starts_with('[')).then_some(host)
}

fn masked(address: IpAddr, mask: IpAddr) -> Option<u128> {
    match (address, mask) {
        (IpAddr::V4(address), IpAddr::V4(mask)) => Some((address.to_bits() & mask.to_bits()).into()),
        (IpAddr::V6(address), IpAddr::V6(mask)) => Some(address.to_bits() & mask.to_bits()),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

impl fmt::Display for Subtree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(base) | Self::Email(base) | Self::Uri(base) => f.write_str(base),
            Self::Ip(base, mask) => {
                let ones = match mask {
                    IpAddr::V4(mask) => mask.to_bits().leading_ones(),
                    IpAddr::V6(mask) => mask.to_bits().leading_ones(),
                };
                write!(f, "{base}/{ones}")
            }
        }
    }
}

impl fmt::Display for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) | Self::Email(name) | Self::Uri(name) => f.write_str(name),
            Self::Ip(address) => write!(f, "{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraints(permitted: &[Subtree], excluded: &[Subtree]) -> NameConstraints {
        NameConstraints { permitted: permitted.to_vec(), excluded: excluded.to_vec() }
    }

    fn dns(base: &str) -> Subtree {
        Subtree::Dns(base.into())
    }

    fn names(dns: &[&str]) -> AltNames {
        AltNames { dns: dns.iter().map(|name| (*name).to_owned()).collect(), ..AltNames::default() }
    }

    #[test]
    fn names_outside_of_what_is_permitted_are_forbidden() {
        let only = constraints(&[dns("example.com"), dns(".example.org")], &[]);
        for good in ["example.com", "a.Example.com", "*.example.com", "a.b.example.org"] {
            assert_eq!(only.forbidden(&names(&[good])), None, "{good}");
        }
        for bad in ["badexample.com", "example.org", "example.net", "com"] {
            let forbidden = only.forbidden(&names(&["example.com", bad])).expect(bad);
            assert_eq!((forbidden.name.as_str(), forbidden.excluded_by), (bad, None));
            assert_eq!(forbidden.permitted, ["example.com", ".example.org"]);
        }
        // No constraint speaks of addresses.
        let by_address = AltNames { ips: vec!["10.0.0.1".parse().unwrap()], ..AltNames::default() };
        assert_eq!(only.forbidden(&by_address), None);
    }

    #[test]
    fn excluded_names_are_forbidden_though_permitted() {
        let but = constraints(&[dns("example.com")], &[dns("pay.example.com")]);
        assert_eq!(but.forbidden(&names(&["shop.example.com"])), None);
        for bad in ["pay.example.com", "eu.pay.example.com", "*.example.com"] {
            let forbidden = but.forbidden(&names(&[bad])).expect(bad);
            assert_eq!(forbidden.excluded_by.as_deref(), Some("pay.example.com"));
        }
        assert!(constraints(&[], &[dns("")]).forbidden(&names(&["a"])).is_some());
    }

    #[test]
    fn addresses_mails_and_uris_are_judged_by_their_form() {
        let ip = |address: &str, mask: &str| Subtree::Ip(address.parse().unwrap(), mask.parse().unwrap());
        let inside = constraints(&[ip("10.1.0.0", "255.255.0.0"), ip("fd00::", "ff00::")], &[]);
        let of = |address: &str| AltNames { ips: vec![address.parse().unwrap()], ..AltNames::default() };
        assert_eq!(inside.forbidden(&of("10.1.2.3")), None);
        assert_eq!(inside.forbidden(&of("fd12::1")), None);
        assert_eq!(inside.forbidden(&of("10.2.0.1")).unwrap().permitted, ["10.1.0.0/16"]);
        assert_eq!(inside.forbidden(&of("2001:db8::1")).unwrap().permitted, ["fd00::/8"]);

        let mail = constraints(&[Subtree::Email("example.com".into())], &[Subtree::Email("a@example.com".into())]);
        let of = |mailbox: &str| AltNames { emails: vec![mailbox.into()], ..AltNames::default() };
        assert_eq!(mail.forbidden(&of("b@Example.com")), None);
        // OpenSSL refuses this one, Go does not.
        assert_eq!(mail.forbidden(&of("b@sub.example.com")), None);
        assert!(mail.forbidden(&of("a@example.com")).unwrap().excluded_by.is_some());
        assert!(mail.forbidden(&of("b@example.net")).is_some());

        let uri = constraints(&[Subtree::Uri("cluster.local".into())], &[]);
        let of = |uri: &str| AltNames { uris: vec![uri.into()], ..AltNames::default() };
        assert_eq!(uri.forbidden(&of("spiffe://cluster.local/ns/shop")), None);
        assert_eq!(uri.forbidden(&of("urn:uuid:1")), None);
        assert!(uri.forbidden(&of("spiffe://example.com:443/ns")).is_some());
    }
}
