//! The services that are asked for real, as the command line names them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use crate::acme::{self, RealCa, RealOnes, http};
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
    if !args.is_real() {
        return match &args.ca_file {
            None => Ok(None),
            Some(_) => Err(usage("--ca-file goes with --acme or --vault".to_owned())),
        };
    }
    if context.now.is_some() {
        return Err(usage("--acme and --vault go by the real time: they cannot be used with --now".to_owned()));
    }
    for (flag, url, what) in [("--acme", &args.acme, "the URL of a directory"), ("--vault", &args.vault, "an address")]
    {
        if let Some(url) = url.as_ref().filter(|url| !is_url(url)) {
            return Err(usage(format!("invalid {flag} {url:?}: it is not {what}")));
        }
    }
    let roots = args.ca_file.as_deref().map(roots).transpose()?.unwrap_or_default();
    let limit = context.flags.request_timeout.unwrap_or(LIMIT);
    let options =
        acme::Options { real: RealOnes { acme: args.acme.is_some(), vault: args.vault.is_some() }, roots, limit };
    let real = RealCa::new(options, world.solvers.clone()).map_err(Failure::Runtime)?;
    Ok(Some(Box::new(real)))
}

fn usage(message: String) -> Failure {
    Failure::Usage { message }
}

fn is_url(text: &str) -> bool {
    let uri = text.parse::<::http::Uri>().ok();
    uri.is_some_and(|uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("https" | "http")))
}

/// Has every issuer name the server that is asked for real, as if the manifests did.
pub fn name_servers(objects: &mut Objects, args: &DryRunArgs) {
    let issuers = objects.issuers.iter_mut().map(|issuer| &mut issuer.spec);
    let wide = objects.cluster_issuers.iter_mut().map(|issuer| &mut issuer.spec);
    for spec in issuers.chain(wide) {
        if let (Some(acme), Some(directory)) = (&mut spec.acme, &args.acme) {
            directory.clone_into(&mut acme.server);
        }
        if let (Some(vault), Some(address)) = (&mut spec.vault, &args.vault) {
            address.clone_into(&mut vault.server);
        }
    }
}

fn roots(path: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let text = fs::read(path).map_err(|source| FilesError::Read { path: Path::new(path).to_owned(), source })?;
    let roots = http::certificates(&text);
    if roots.is_empty() {
        return Err(usage(format!("--ca-file {path}: there is no certificate in it")));
    }
    Ok(roots)
}
