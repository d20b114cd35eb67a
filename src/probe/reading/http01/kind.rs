//! What can be met on the ladder, each with its word.

use super::super::Rung;

/// What was met. The order is that of the ladder: an earlier step decides over a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    // H1: the name.
    NxDomain,
    NoData,
    ServFail,
    LookupTimedOut,
    LookupFailed,
    // H2: the address.
    Reserved,
    NotInMap,
    // H3: the connection.
    Refused,
    ConnectTimedOut,
    Unreachable,
    Reset,
    OtherFailure,
    // H4: the first answer.
    EmptyReply,
    ReadTimedOut,
    CutOff,
    TlsOn80,
    Http2Only,
    NotHttp,
    HeadTooLarge,
    // H5: redirects.
    RedirectStatus,
    RedirectScheme,
    RedirectPort,
    RedirectMissingSlash,
    RedirectHost,
    RedirectReserved,
    RedirectTooLong,
    RedirectLoop,
    RedirectTooMany,
    RedirectMalformed,
    RedirectNoAddress,
    RedirectNoAnswer,
    HttpOn443,
    TlsAlert,
    TlsFailed,
    // H6: status and body.
    NotFound,
    Unauthorized,
    Forbidden,
    TooManyRequests,
    Unavailable,
    OtherStatus,
    OtherAccount,
    OtherToken,
    EmptyBody,
    Html,
    TooLong,
    OtherBody,
    /// The CA takes it, cert-manager's own check does not.
    TrailingSpace,
    /// Every path is answered with 200.
    CatchAll,
    // H7: the addresses side by side.
    AddressesDiffer,
    // Nothing is wrong.
    Reachable,
    Works,
}

impl Kind {
    /// The word in outputs, for ever.
    pub const fn id(self) -> &'static str {
        match self {
            Self::NxDomain => "nxdomain",
            Self::NoData => "nodata",
            Self::ServFail => "servfail",
            Self::LookupTimedOut => "lookup-timeout",
            Self::LookupFailed => "lookup-failed",
            Self::Reserved => "reserved",
            Self::NotInMap => "not-in-map",
            Self::Refused => "refused",
            Self::ConnectTimedOut => "connect-timeout",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::OtherFailure => "connection-failed",
            Self::EmptyReply => "empty-reply",
            Self::ReadTimedOut => "read-timeout",
            Self::CutOff => "cut-off",
            Self::TlsOn80 => "tls-on-80",
            Self::Http2Only => "h2-preface",
            Self::NotHttp => "not-http",
            Self::HeadTooLarge => "head-too-large",
            Self::RedirectStatus => "redirect-303",
            Self::RedirectScheme => "redirect-scheme",
            Self::RedirectPort => "redirect-port",
            Self::RedirectMissingSlash => "redirect-missing-slash",
            Self::RedirectHost => "redirect-host",
            Self::RedirectReserved => "redirect-reserved",
            Self::RedirectTooLong => "redirect-too-long",
            Self::RedirectLoop => "redirect-loop",
            Self::RedirectTooMany => "redirect-too-many",
            Self::RedirectMalformed => "redirect-malformed",
            Self::RedirectNoAddress => "redirect-no-address",
            Self::RedirectNoAnswer => "redirect-no-answer",
            Self::HttpOn443 => "http-on-443",
            Self::TlsAlert => "tls-alert",
            Self::TlsFailed => "tls-failed",
            Self::NotFound => "not-found",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::TooManyRequests => "too-many-requests",
            Self::Unavailable => "unavailable",
            Self::OtherStatus => "other-status",
            Self::OtherAccount => "other-account",
            Self::OtherToken => "other-token",
            Self::EmptyBody => "empty-body",
            Self::Html => "html",
            Self::TooLong => "too-long",
            Self::OtherBody => "other-body",
            Self::TrailingSpace => "trailing-newline",
            Self::CatchAll => "catch-all",
            Self::AddressesDiffer => "addresses-differ",
            Self::Reachable => "reachable",
            Self::Works => "works",
        }
    }
}

impl Rung for Kind {
    const DIFFER: Self = Self::AddressesDiffer;

    fn is_good(self) -> bool {
        matches!(self, Self::Reachable | Self::Works)
    }

    fn is_undialled(self) -> bool {
        matches!(self, Self::Reserved | Self::NotInMap)
    }

    fn is_silence(self) -> bool {
        matches!(self, Self::ConnectTimedOut | Self::Unreachable | Self::OtherFailure)
    }
}
