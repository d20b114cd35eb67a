//! What is asked before a change.
//!
//! Names every object that would change; the asking itself is done at the edge.

use super::escape;
use crate::objref::ObjRef;

/// Asks whether to renew these certificates, as kubectl asks before it deletes.
pub fn renew<'o>(objects: impl IntoIterator<Item = &'o ObjRef>) -> String {
    let lines: Vec<String> =
        objects.into_iter().map(|object| format!("  {}\n", escape::line(&object.to_string()))).collect();
    format!(
        "You are about to renew the following {} certificates:\n{}Do you want to continue? (y/N): ",
        lines.len(),
        lines.concat()
    )
}
