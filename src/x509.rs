//! Certificates, requests and public keys, decoded as cert-manager's controllers decode them.
//!
//! Facts only: no judgement on dates, names or trust. A private key is read to learn its public half, and dropped.

mod certificate;
mod constraint;
pub mod der;
mod dn;
mod key;
mod link;
mod name;
pub mod pem;
mod request;
pub mod usage;

pub use certificate::{Bundle, Certificate, CertificateError, certificates_in};
pub use constraint::{Forbidden, NameConstraints};
pub use dn::{Attribute, SyntaxError, parse as parse_dn};
pub use key::{KeyError, KeyType, PublicKey};
pub use link::LinkFault;
pub use name::{AltNames, DnError, Name, OtherName};
pub use request::{Extension, Request, RequestError};

#[cfg(test)]
mod tests;
