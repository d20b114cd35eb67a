//! Keys, requests, certificates, chains and Secrets, made as cert-manager's controllers make them.
//!
//! What comes out is, byte for byte, what cert-manager 1.21 and the Go it is built with would write; what they refuse is
//! refused in their words. The time and serial numbers are arguments. Only keys and signatures are random.
//! Nothing here knows of controllers, events or conditions.

pub mod algorithm;
pub mod certificate;
pub mod chain;
mod constraints;
pub mod key;
pub mod keystore;
pub mod matches;
pub mod request;
mod sans;
pub mod secret;
pub mod template;
pub mod temporary;
mod uri;
mod usages;

pub use algorithm::SignatureAlgorithm;
pub use certificate::{Ca, Issued, Urls};
pub use chain::PemBundle;
pub use key::PrivateKey;
pub use request::{Gates, RequestInfo, SignedRequest};
pub use template::{DEFAULT_DURATION, Template};

#[cfg(test)]
mod tests;
