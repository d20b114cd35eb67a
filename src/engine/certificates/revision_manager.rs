//! Deletes the requests of past issuances (`pkg/controller/certificates/revisionmanager`).

use super::{certificate_if, owned_requests};
use crate::api::{Certificate, CertificateConditionType, Object};
use crate::engine::turn::Turn;
use crate::objref::ObjRef;

/// How many requests are kept unless the spec says.
const KEPT: usize = 1;

/// One look of the revision manager: only of a Certificate that is ready.
pub fn revision_manager(turn: &mut Turn) {
    let ready = |certificate: &Certificate| certificate.is(CertificateConditionType::Ready);
    let Some(certificate) = certificate_if(turn, ready) else { return };
    let limit = certificate.spec.revision_history_limit.map_or(KEPT, |limit| usize::try_from(limit).unwrap_or(0));
    let requests: Vec<_> = owned_requests(turn, &certificate).collect();
    if limit >= requests.len() {
        return;
    }
    let mut revisions: Vec<(i64, ObjRef)> =
        requests.into_iter().filter_map(|request| Some((request.revision()?, request.objref()))).collect();
    revisions.sort_by_key(|(revision, _)| *revision);
    let surplus = revisions.len().saturating_sub(limit);
    for (_, request) in &revisions[..surplus] {
        turn.cluster.delete(request);
    }
}
