//! Which addresses a public CA connects to, and which a probe may.
//!
//! The IANA registries of special-purpose addresses, the well-known metadata services of clouds, and what is hidden in
//! an IPv6 address: an IPv4 address within one counts as itself. Names come from cluster objects, which a tenant may
//! write: nothing is dialled that was not classified here first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of address it is. The order is from harmless to forbidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A public CA connects to it, and so does a probe.
    Public,
    /// Of somebody's own network: no public CA connects to it, a probe only where `--allow-private` was typed.
    Private(&'static str),
    /// Never dialled: loopback, link-local, metadata services, multicast and what else is no host on the Internet.
    Never(&'static str),
}

impl Class {
    /// The class of an address.
    pub fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => of_v4(ip),
            IpAddr::V6(ip) => of_v6(ip),
        }
    }

    /// Whether a public CA drops it before it connects (RFC 6890 and successors).
    pub fn is_reserved(self) -> bool {
        self != Self::Public
    }

    /// What it is, in a few words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private(words) | Self::Never(words) => words,
        }
    }
}

/// Why an address is not dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// An address of somebody's own network, and `--allow-private` was not typed.
    Private(&'static str),
    /// Never dialled, whatever is typed.
    Never(&'static str),
    /// Tests: the map is the whole world, and the address is not in it.
    NotInMap,
}

impl Refusal {
    /// What kind of address it is.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Private(words) | Self::Never(words) => words,
            Self::NotInMap => "not in the map of this test",
        }
    }
}

type Row4 = (Ipv4Addr, u8, Class);

const fn v4(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

/// The first row that fits counts. IANA IPv4 Special-Purpose Address Registry, and metadata services before it.
const V4: &[Row4] = &[
    (v4(169, 254, 169, 254), 32, Class::Never("a cloud's metadata service")),
    (v4(168, 63, 129, 16), 32, Class::Never("a cloud's metadata service")),
    (v4(100, 100, 100, 200), 32, Class::Never("a cloud's metadata service")),
    (v4(0, 0, 0, 0), 8, Class::Never("unspecified")),
    (v4(10, 0, 0, 0), 8, Class::Private("private")),
    (v4(100, 64, 0, 0), 10, Class::Private("carrier-grade NAT")),
    (v4(127, 0, 0, 0), 8, Class::Never("loopback")),
    (v4(169, 254, 0, 0), 16, Class::Never("link-local")),
    (v4(172, 16, 0, 0), 12, Class::Private("private")),
    (v4(192, 0, 0, 0), 24, Class::Never("reserved for protocols")),
    (v4(192, 0, 2, 0), 24, Class::Never("reserved for documentation")),
    (v4(192, 31, 196, 0), 24, Class::Never("reserved for AS112")),
    (v4(192, 52, 193, 0), 24, Class::Never("reserved for AMT")),
    (v4(192, 88, 99, 0), 24, Class::Never("reserved for 6to4 relays")),
    (v4(192, 168, 0, 0), 16, Class::Private("private")),
    (v4(192, 175, 48, 0), 24, Class::Never("reserved for AS112")),
    (v4(198, 18, 0, 0), 15, Class::Never("reserved for benchmarks")),
    (v4(198, 51, 100, 0), 24, Class::Never("reserved for documentation")),
    (v4(203, 0, 113, 0), 24, Class::Never("reserved for documentation")),
    (v4(224, 0, 0, 0), 4, Class::Never("multicast")),
    (v4(255, 255, 255, 255), 32, Class::Never("broadcast")),
    (v4(240, 0, 0, 0), 4, Class::Never("reserved")),
];

type Row6 = (Ipv6Addr, u8, Class);

const fn v6(a: u16, b: u16, c: u16, d: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)
}

/// The first row that fits counts. IANA IPv6 Special-Purpose Address Registry; what holds an IPv4 address is unpacked
/// before.
const V6: &[Row6] = &[
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128, Class::Never("a cloud's metadata service")),
    (Ipv6Addr::UNSPECIFIED, 128, Class::Never("unspecified")),
    (Ipv6Addr::LOCALHOST, 128, Class::Never("loopback")),
    (v6(0x64, 0xff9b, 1, 0), 48, Class::Never("reserved for local NAT64")),
    (v6(0x100, 0, 0, 0), 64, Class::Never("discard-only")),
    (v6(0x100, 0, 0, 1), 64, Class::Never("reserved for dummy prefixes")),
    (v6(0x2001, 0xdb8, 0, 0), 32, Class::Never("reserved for documentation")),
    (v6(0x2001, 0, 0, 0), 23, Class::Never("reserved for protocols")),
    (v6(0x2620, 0x4f, 0x8000, 0), 48, Class::Never("reserved for AS112")),
    (v6(0x3fff, 0, 0, 0), 20, Class::Never("reserved for documentation")),
    (v6(0x5f00, 0, 0, 0), 16, Class::Never("reserved for segment routing")),
    (v6(0xfc00, 0, 0, 0), 7, Class::Private("unique local")),
    (v6(0xfe80, 0, 0, 0), 10, Class::Never("link-local")),
    (v6(0xfec0, 0, 0, 0), 10, Class::Private("site-local")),
    (v6(0xff00, 0, 0, 0), 8, Class::Never("multicast")),
];

fn of_v4(ip: Ipv4Addr) -> Class {
    let bits = u32::from(ip);
    let fits = |(net, length, _): &&Row4| (bits ^ u32::from(*net)).leading_zeros() >= u32::from(*length);
    V4.iter().find(fits).map_or(Class::Public, |row| row.2)
}

fn of_v6(ip: Ipv6Addr) -> Class {
    if let Some((inner, what)) = unpacked(ip) {
        // What is dialled in the end is the address inside; the form alone keeps CAs away.
        return match of_v4(inner) {
            Class::Public => Class::Never(what),
            class @ (Class::Private(_) | Class::Never(_)) => class,
        };
    }
    let bits = u128::from(ip);
    let fits = |(net, length, _): &&Row6| (bits ^ u128::from(*net)).leading_zeros() >= u32::from(*length);
    V6.iter().find(fits).map_or(Class::Public, |row| row.2)
}

/// The IPv4 address inside an IPv6 address: mapped or compatible (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056).
fn unpacked(ip: Ipv6Addr) -> Option<(Ipv4Addr, &'static str)> {
    let from = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match ip.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => Some((from(high, low), "an IPv4 address in IPv6 form")),
        // `::` and `::1` are rows of their own.
        [0, 0, 0, 0, 0, 0, high, low] if (high, low) > (0, 1) => {
            Some((from(high, low), "an IPv4 address in IPv6 form"))
        }
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some((from(high, low), "an IPv4 address behind NAT64")),
        [0x2002, high, low, ..] => Some((from(high, low), "an IPv4 address behind 6to4")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(ip: &str) -> Class {
        Class::of(ip.parse().unwrap())
    }

    #[test]
    fn addresses_on_the_internet_are_public() {
        for ip in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860::8888",
            "2001:200::",
            "2003::1",
            "2620:4f:7fff::1",
        ] {
            assert_eq!(class(ip), Class::Public, "{ip}");
            assert!(!class(ip).is_reserved());
        }
    }

    #[test]
    fn the_first_and_last_address_of_each_private_block_are_private() {
        for ip in [
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.0",
            "192.168.255.255",
            "fc00::",
            "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:a00:1::",
        ] {
            assert!(matches!(class(ip), Class::Private(_)), "{ip}: {:?}", class(ip));
        }
    }

    #[test]
    fn what_is_no_host_on_the_internet_is_never_dialled() {
        for (ip, words) in [
            ("169.254.169.254", "a cloud's metadata service"),
            ("168.63.129.16", "a cloud's metadata service"),
            ("100.100.100.200", "a cloud's metadata service"),
            ("fd00:ec2::254", "a cloud's metadata service"),
            ("::ffff:169.254.169.254", "a cloud's metadata service"),
            ("64:ff9b::a9fe:a9fe", "a cloud's metadata service"),
            ("2002:a9fe:a9fe::", "a cloud's metadata service"),
            ("0.0.0.0", "unspecified"),
            ("0.255.255.255", "unspecified"),
            ("::", "unspecified"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.255", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::7f00:1", "loopback"),
            ("2002:7f00:1::", "loopback"),
            ("169.254.0.1", "link-local"),
            ("fe80::1", "link-local"),
            ("febf:ffff::1", "link-local"),
            ("192.0.2.1", "reserved for documentation"),
            ("198.51.100.1", "reserved for documentation"),
            ("203.0.113.7", "reserved for documentation"),
            ("2001:db8::7", "reserved for documentation"),
            ("3fff:fff::1", "reserved for documentation"),
            ("2001:1ff::", "reserved for protocols"),
            ("192.0.0.1", "reserved for protocols"),
            ("198.18.0.1", "reserved for benchmarks"),
            ("198.19.255.255", "reserved for benchmarks"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("ff02::1", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "broadcast"),
            ("100::1", "discard-only"),
            ("64:ff9b:1::1", "reserved for local NAT64"),
            ("5f00::1", "reserved for segment routing"),
            ("::ffff:8.8.8.8", "an IPv4 address in IPv6 form"),
            ("64:ff9b::808:808", "an IPv4 address behind NAT64"),
            ("2002:808:808::", "an IPv4 address behind 6to4"),
        ] {
            assert_eq!(class(ip), Class::Never(words), "{ip}");
        }
    }
}
