//! Who may approve or deny a CertificateRequest (`internal/webhook/admission/certificaterequest/approval`).

use super::super::Requester;
use crate::api::{CertificateRequest, IssuerRef, RequestConditionType};
use crate::engine::field::{FieldError, Path};
use crate::engine::golang;

/// Whether someone may approve for an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    Granted,
    Refused,
    /// The API server serves no such kind.
    NoSuchKind,
}

/// The names of a signer of which one must be granted to the requester: verb `approve` on `signers` of
/// `cert-manager.io`. `resource` is `issuers.cert-manager.io` or the like; `namespace` is none if the issuer's kind has no
/// namespaces.
pub fn signer_names(resource: &str, namespace: Option<&str>, issuer: &str) -> [String; 2] {
    let name = namespace.map_or_else(|| issuer.to_owned(), |namespace| format!("{namespace}.{issuer}"));
    [format!("{resource}/*"), format!("{resource}/{name}")]
}

/// The errors of an update of a request's status: only if it adds Approved or Denied is anybody asked.
pub fn on_update(
    old: &CertificateRequest,
    new: &CertificateRequest,
    by: &Requester,
    permission: &dyn Fn(&CertificateRequest) -> Permission,
) -> Option<FieldError> {
    let is_added = |wanted: &RequestConditionType| {
        let has = |request: &CertificateRequest| request.condition(wanted.clone()).is_some();
        has(new) && !has(old)
    };
    if ![RequestConditionType::Approved, RequestConditionType::Denied].iter().any(is_added) {
        return None;
    }
    let issuer = shown(&new.spec.issuer_ref);
    match permission(new) {
        Permission::Granted => None,
        Permission::NoSuchKind => {
            let detail = format!("referenced signer resource does not exist: {issuer}");
            Some(FieldError::forbidden(Path::new("spec").child("issuerRef"), detail))
        }
        Permission::Refused => {
            let user = golang::quote(&by.username);
            let detail =
                format!("user {user} does not have permissions to set approved/denied conditions for issuer {issuer}");
            Some(FieldError::forbidden(Path::new("status").child("conditions"), detail))
        }
    }
}

/// A reference as `%v` of Go's fmt writes the struct.
fn shown(issuer: &IssuerRef) -> String {
    format!("{{{} {} {}}}", issuer.name, issuer.kind, issuer.group)
}
