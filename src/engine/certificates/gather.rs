//! What the policies look at (`internal/controller/certificates/policies/gatherer.go`).

use super::policy::Input;
use super::{next_revision, owned_requests};
use crate::api::{Certificate, CertificateRequest, Secret};
use crate::engine::turn::{Trouble, Turn};

/// The Secret and the requests of the present and the next revision. Two requests of one revision are an error: nothing
/// is decided until one of them is gone.
pub fn gather<'t>(turn: &'t Turn, certificate: &'t Certificate) -> Result<Input<'t>, Trouble> {
    let namespace = certificate.metadata.namespace.as_deref();
    let current = match certificate.status.revision {
        Some(revision) => one(turn, certificate, "current", revision)?,
        None => None,
    };
    Ok(Input {
        certificate,
        secret: turn.cluster.get::<Secret>(namespace, &certificate.spec.secret_name),
        current,
        next: one(turn, certificate, "next", next_revision(certificate))?,
        now: turn.now,
        cluster: turn.cluster,
    })
}

fn one<'t>(
    turn: &'t Turn,
    certificate: &'t Certificate,
    which: &str,
    revision: i64,
) -> Result<Option<&'t CertificateRequest>, Trouble> {
    let mut found = owned_requests(turn, certificate).filter(|request| request.revision() == Some(revision));
    let first = found.next();
    if found.next().is_some() {
        return Err(Trouble(format!(
            "multiple CertificateRequests were found for the '{which}' revision {revision}, issuance is skipped until \
             there are no more duplicates"
        )));
    }
    Ok(first)
}
