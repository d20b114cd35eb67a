//! The services that are asked for real, as the command line names them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use crate::acme::{self, RealCa, http};
use crate::cli::DryRunArgs;
use crate::command::{Context, Failure};
use crate::dryrun::real::Real;
use crate::dryrun::world::World;
use crate::inventory::Objects;
use crate::source::files::FilesError;

/// How long cert-manager's client lets one request take (`pkg/acme/accounts/client.go`).
const LIMIT: Duration = Duration::from_secs(90);

/// Who answers for real, if anybody does.
pub fn real(args: &DryRunArgs, world: &World, context: &Context) -> Result<Option<Box<dyn Real>>, Failure> {
    let Some(directory) = &args.acme else { return Ok(None) };
    if context.now.is_some() {
        let message = "--acme goes by the real time: it cannot be used with --now".to_owned();
        return Err(Failure::Usage { message });
    }
    let uri = directory.parse::<::http::Uri>().ok();
    let is_url = uri.is_some_and(|uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("https" | "http")));
    if !is_url {
        return Err(Failure::Usage {
            message: format!("invalid --acme {directory:?}: it is not the URL of a directory"),
        });
    }
    let roots = args.ca_file.as_deref().map(roots).transpose()?.unwrap_or_default();
    let limit = context.flags.request_timeout.unwrap_or(LIMIT);
    let options = acme::Options { roots, limit };
    let real = RealCa::new(options, world.solvers.clone()).map_err(Failure::Runtime)?;
    Ok(Some(Box::new(real)))
}

/// Has every ACME issuer name the server of `--acme`, as if the manifests did.
pub fn name_server(objects: &mut Objects, directory: &str) {
    let issuers = objects.issuers.iter_mut().map(|issuer| &mut issuer.spec);
    let wide = objects.cluster_issuers.iter_mut().map(|issuer| &mut issuer.spec);
    for acme in issuers.chain(wide).filter_map(|spec| spec.acme.as_mut()) {
        directory.clone_into(&mut acme.server);
    }
}

fn roots(path: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let text = fs::read(path).map_err(|source| FilesError::Read { path: Path::new(path).to_owned(), source })?;
    let roots = http::certificates(&text);
    if roots.is_empty() {
        return Err(Failure::Usage { message: format!("--ca-file {path}: there is no certificate in it") });
    }
    Ok(roots)
}
