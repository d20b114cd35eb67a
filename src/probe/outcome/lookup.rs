//! What a recursive resolver said of a name's addresses.

use std::net::IpAddr;

/// Both kinds of address of one name, by one resolver's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    pub name: String,
    /// Whose word it is.
    pub resolver: String,
    pub a: Answer,
    pub aaaa: Answer,
}

/// What a resolver said of one kind of address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Addresses {
        /// Sorted.
        addresses: Vec<IpAddr>,
        /// The targets of the CNAME records on the way, as they came.
        aliases: Vec<String>,
        /// In seconds; the least of the answer.
        ttl: u32,
    },
    /// The name exists and has none.
    NoData,
    /// The name does not exist.
    NxDomain,
    ServFail,
    TimedOut,
    /// Another response code, or no way to ask. Holds the words.
    Failed(String),
}

impl Lookup {
    /// The name is an address: nobody is asked.
    pub fn literal(ip: IpAddr) -> Self {
        let here = || Answer::Addresses { addresses: vec![ip], aliases: Vec::new(), ttl: u32::MAX };
        let (a, aaaa) = if ip.is_ipv4() { (here(), Answer::NoData) } else { (Answer::NoData, here()) };
        Self { name: ip.to_string(), resolver: String::new(), a, aaaa }
    }

    /// All addresses in the order in which Let's Encrypt tries them: IPv6 first.
    pub fn addresses(&self) -> Vec<IpAddr> {
        [&self.aaaa, &self.a].into_iter().flat_map(Answer::addresses).copied().collect()
    }

    /// Whether a resolver said for both kinds that there is none.
    pub fn is_empty(&self) -> bool {
        let none = |answer: &Answer| matches!(answer, Answer::NoData | Answer::NxDomain);
        none(&self.a) && none(&self.aaaa)
    }
}

impl Answer {
    /// The addresses, if there are any.
    pub fn addresses(&self) -> &[IpAddr] {
        match self {
            Self::Addresses { addresses, .. } => addresses,
            Self::NoData | Self::NxDomain | Self::ServFail | Self::TimedOut | Self::Failed(_) => &[],
        }
    }

    /// The aliases on the way to the addresses.
    pub fn aliases(&self) -> &[String] {
        match self {
            Self::Addresses { aliases, .. } => aliases,
            Self::NoData | Self::NxDomain | Self::ServFail | Self::TimedOut | Self::Failed(_) => &[],
        }
    }

    /// What it was, in a few words.
    pub fn words(&self) -> String {
        match self {
            Self::Addresses { addresses, .. } => {
                addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
            Self::NoData => "none".into(),
            Self::NxDomain => "NXDOMAIN".into(),
            Self::ServFail => "SERVFAIL".into(),
            Self::TimedOut => "no answer in time".into(),
            Self::Failed(words) => words.clone(),
        }
    }
}
