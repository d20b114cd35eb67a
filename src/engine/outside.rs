//! What only others can say or make, and nobody can make up: Vault, Venafi, the controllers of other issuers, and
//! cert-manager itself where it writes what is not written here.
//!
//! The controllers that would ask go as far as the objects lead, build what they would send, and leave one of these.

use std::fmt;

/// Something that is left to others, and what becomes of the play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    pub service: Service,
    /// What would be sent, in order, as far as the objects tell.
    pub calls: Vec<Call>,
    /// What only the service knows, `it signs this request`, or what only it makes.
    pub unknown: String,
    pub then: Then,
}

/// How the play goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// As if the answer were good; nothing in the cluster depends on more than that.
    GoesOn,
    /// Not at all: the answer would be an object of its own.
    Stops,
    /// Without something that nothing else depends on.
    LeavesOut,
}

/// Who would have to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    Vault {
        server: String,
    },
    /// Any of the products that a Venafi issuer can be for.
    Venafi {
        url: String,
    },
    /// Somebody who may approve requests for a signer: `awspcaissuers.awspca.cert-manager.io/shop.pca`.
    Approver {
        signer: String,
    },
    /// The controller of an issuer of another group.
    Controller {
        group: String,
    },
    /// cert-manager, which does more than is played here.
    CertManager,
}

/// One HTTP request, without what is secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub method: &'static str,
    pub url: String,
    /// The members of the body, in the order of the code that sends them; a secret one is `***`.
    pub body: Vec<(&'static str, String)>,
}

/// Stands for what is secret.
pub const SECRET: &str = "***";

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vault { server } => write!(f, "Vault at {server}"),
            Self::Venafi { url } => write!(f, "Venafi at {url}"),
            Self::Approver { signer } => write!(f, "an approver of {signer}"),
            Self::Controller { group } => write!(f, "the controller of {group}"),
            Self::CertManager => f.write_str("cert-manager itself"),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

impl fmt::Display for Outside {
    /// One sentence without a full stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, unknown, then, calls } = self;
        match then {
            Then::GoesOn => write!(f, "takes it that {unknown}, which only {service} can tell")?,
            Then::LeavesOut => write!(f, "leaves out {unknown}, which only {service} makes")?,
            Then::Stops => write!(f, "stops here: only {service} can tell whether {unknown}")?,
        }
        for (index, call) in calls.iter().enumerate() {
            write!(f, "{}{call}", if index == 0 { " (" } else { ", " })?;
        }
        if calls.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}
