//! Versions of cert-manager's API: only v1 is served, since release 1.6.

use crate::objref::Kind;

/// cert-manager's group before 0.11.
const FORMER_GROUP: &str = "certmanager.k8s.io";

/// Why an object of one of cert-manager's kinds is not served in this version; `None` if it is, or is of another kind.
pub fn not_served(api_version: &str, kind: &str) -> Option<&'static str> {
    let (group, version) = api_version.split_once('/')?;
    let is_own = match Kind::from_api(api_version, kind) {
        Some(kind) => kind.is_cert_managers() && version != "v1",
        None => group == FORMER_GROUP && Kind::ALL.into_iter().any(|one| one.is_cert_managers() && one.word() == kind),
    };
    is_own.then_some(match version {
        _ if group == FORMER_GROUP => "cert-manager.io took the place of this group in 0.11",
        "v1alpha2" | "v1alpha3" | "v1beta1" => "only v1 is served since 1.6",
        _ => "only v1 is known here",
    })
}
