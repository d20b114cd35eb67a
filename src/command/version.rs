//! `version`: this program, and the cert-manager of the cluster.

use super::{Context, Exit, Failure};
use crate::cli::VersionArgs;

pub fn run(args: &VersionArgs, context: &mut Context) -> Result<Exit, Failure> {
    context.write(&format!("Client Version: v{}\n", env!("CARGO_PKG_VERSION")))?;
    if args.client {
        return Ok(Exit::Good);
    }
    Ok(Exit::Good)
}
