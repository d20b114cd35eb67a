//! The way to the API server: kubectl's flags and files to one connection, and requests over it.
//!
//! [`open`] finds the cluster as kubectl would, gets the credential, and hands out a [`Session`]. Nothing here knows
//! what the objects mean, nothing is asked of the server but what the caller asks (no version probe, no discovery),
//! and neither a body nor a credential ever reaches a log.

mod exec;
mod files;
mod flags;
mod kubeconfig;
mod kuberc;
mod proxy;
mod refusal;
mod request_error;
pub mod resolve;
mod retry;
mod session;
mod stack;
mod status;
pub mod tls;
mod wire;

pub use self::exec::{ExecError, Stdin};
pub use self::files::{Disk, Files};
pub use self::flags::{Flags, parse_request_timeout};
pub use self::refusal::ConnectError;
pub use self::request_error::RequestError;
pub use self::resolve::{Resolved, Trust};
pub use self::session::{Accept, Session, WarningSink, open};
pub use self::status::{Cause, Details, Status};
pub use self::tls::TrustAnything;

/// Makes aws-lc-rs the crypto provider of the process, for the parts of the client that do not take one as an
/// argument. Called once, by `main`; again does nothing.
pub fn install_crypto_provider() {
    // The only failure is that one is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
