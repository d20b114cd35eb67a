//! What came of fetching a challenge's path, address by address and hop by hop.

use std::net::IpAddr;
use std::time::Duration;

use super::lookup::Lookup;
use super::sign::Sign;
use crate::probe::address::Refusal;

/// What came of one HTTP-01 probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http01 {
    pub host: String,
    pub port: u16,
    pub expects: Expects,
    pub lookup: Lookup,
    /// One for each address, in the order in which Let's Encrypt tries them.
    pub visits: Vec<Visit>,
    /// Addresses beyond the most that are visited.
    pub left_out: usize,
}

/// What the path should answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expects {
    /// The key authorization of a presented challenge.
    KeyAuthorization,
    /// A key authorization of the token, whoever's account it is.
    Token,
    /// Nothing: the token is no live one, and 404 is the healthy answer.
    NotFound,
}

/// One address, visited by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    pub address: IpAddr,
    /// The redirects on the way.
    pub hops: Vec<Hop>,
    pub end: End,
    pub elapsed: Duration,
}

/// A redirect that was followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// What was fetched; the token is not shown.
    pub url: String,
    pub address: IpAddr,
    pub status: u16,
    /// What the header said; the token is not shown.
    pub location: String,
}

/// How a visit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The address was not dialled.
    NotDialled {
        url: String,
        address: IpAddr,
        refusal: Refusal,
    },
    /// The host of a redirect has no address that was found.
    NoAddress {
        url: String,
        lookup: Lookup,
    },
    /// No HTTP answer came.
    NoAnswer {
        url: String,
        address: IpAddr,
        silence: Silence,
    },
    /// A redirect that Let's Encrypt does not follow.
    BadRedirect {
        url: String,
        status: u16,
        location: String,
        fault: RedirectFault,
    },
    Answer(Answer),
}

/// Why no HTTP answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    NobodyListens,
    ConnectTimedOut,
    NoRoute,
    Reset,
    /// Closed before a single byte came.
    EmptyReply,
    /// The connection came about, and the answer did not come or not to its end.
    ReadTimedOut,
    /// Closed in the middle of the answer.
    CutOff,
    /// The first bytes were a TLS record.
    TlsOnPlainPort,
    /// The first bytes were a frame of HTTP/2.
    Http2Only,
    /// Something else than HTTP.
    NotHttp,
    HeadTooLarge,
    /// HTTPS: the answer to the TLS hello was plain HTTP.
    PlainHttpOnTlsPort,
    /// HTTPS: the server refused the handshake with this alert.
    TlsAlert(String),
    /// HTTPS: the handshake failed otherwise.
    TlsFailed(String),
    Other(String),
}

/// Why Let's Encrypt does not follow a redirect (Boulder `va/http.go`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectFault {
    /// 303 is not among the statuses that it follows.
    Status,
    /// Neither http nor https.
    Scheme,
    /// Neither 80 nor 443.
    Port(u16),
    NoHost,
    /// The host ends in `.well-known`: there is a slash missing behind it.
    MissingSlash,
    /// The host is no name under a public TLD.
    Host,
    /// The host is an address that no CA connects to.
    Reserved(&'static str),
    TooLong,
    Loop,
    TooMany,
    /// The header is no URL.
    Malformed,
}

/// The answer at the end of the redirects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub url: String,
    pub address: IpAddr,
    pub status: u16,
    /// The header of that name.
    pub server: Option<String>,
    /// What head and body look like.
    pub signs: Vec<Sign>,
    pub body: Body,
    /// The bytes that were read; there may be more.
    pub length: usize,
    /// `<title>` of a page, cut.
    pub title: Option<String>,
}

/// What a body is, compared with the key authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Byte for byte the key authorization.
    Expected,
    /// The key authorization and white space behind it.
    ExpectedThenSpace,
    /// A key authorization of the token, where only that is known.
    OfToken,
    /// The token with the thumbprint of another ACME account.
    OtherAccount,
    /// A key authorization of another token.
    OtherToken,
    Empty,
    Html,
    /// 128 bytes or more: Let's Encrypt reads no further.
    TooLong,
    Other,
}
