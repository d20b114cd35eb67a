//! What manifests would change of what exists: text for people, a document for programs.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::dry_run::{Shown, notes};
use super::style::Tint;
use super::{Style, escape, prose};
use crate::dryrun::diff::{Cause, Changed, Diff, Field, Issued, What};
use crate::objref::ObjRef;

/// The answer in the first line, then the objects, then the issuances.
pub fn text(diff: &Diff, shown: &Shown, style: &Style) -> String {
    let mut out = String::new();
    prose::hang(&mut out, "", &answer(diff), 0, 2, style.width);
    let notes = notes(shown);
    if !notes.is_empty() {
        out.push('\n');
    }
    for note in notes {
        prose::hang(&mut out, "", &escape::line(&note), 0, 2, style.width);
    }
    for changed in &diff.changed {
        out.push('\n');
        object(&mut out, changed, style);
    }
    if !diff.undone.is_empty() {
        out.push('\n');
    }
    for object in &diff.undone {
        let words =
            format!("{object} does not stay as the manifest has it: the object that it belongs to sets it back.");
        prose::hang(&mut out, "", &escape::line(&words), 0, 2, style.width);
    }
    for (cause, title) in [
        (Cause::Changed, "Issued anew because of the manifests:"),
        (Cause::New, "Issued for the first time:"),
        (Cause::Anyway, "Issued in this time with the manifests or without:"),
    ] {
        let of_cause: Vec<_> = diff.issued.iter().filter(|issued| issued.cause == cause).collect();
        if of_cause.is_empty() {
            continue;
        }
        out.push('\n');
        out.push_str(title);
        out.push('\n');
        for issued in of_cause {
            let words = format!("{} at {}: {}", issued.certificate, issued.at, issued.why);
            prose::hang(&mut out, "- ", &escape::line(&words), 2, 4, style.width);
        }
    }
    out
}

fn answer(diff: &Diff) -> String {
    let count = |cause: Cause| diff.issued.iter().filter(|issued| issued.cause == cause).count();
    let certificates =
        |count: usize| if count == 1 { "1 certificate".to_owned() } else { format!("{count} certificates") };
    let mut parts = Vec::new();
    match count(Cause::Changed) {
        0 => parts.push("no certificate that exists would be issued anew because of these manifests".to_owned()),
        number => parts.push(format!("{} would be issued anew because of these manifests", certificates(number))),
    }
    if count(Cause::New) > 0 {
        parts.push(format!("{} would be issued for the first time", certificates(count(Cause::New))));
    }
    parts.push(match diff.changed.len() {
        0 => "no object differs".to_owned(),
        1 => "1 object differs".to_owned(),
        number => format!("{number} objects differ"),
    });
    parts.join("; ")
}

fn object(out: &mut String, changed: &Changed, style: &Style) {
    let (word, tint) = match &changed.what {
        What::New => ("new", Tint::Good),
        What::Gone => ("gone", Tint::Bad),
        What::Fields(_) => ("changed", Tint::Warn),
    };
    out.push_str(&format!("{} {}\n", style.tint(tint, word), escape::line(&changed.object.to_string())));
    let What::Fields(fields) = &changed.what else { return };
    for field in fields {
        let words = format!("{} → {}", shown(field.before.as_ref()), shown(field.after.as_ref()));
        let words = if style.unicode { words } else { words.replace('→', "->") };
        prose::hang(out, &format!("{}: ", escape::line(&field.path)), &escape::line(&words), 2, 6, style.width);
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "<none>".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let items: Vec<_> = items.iter().map(|item| shown(Some(item))).collect();
            format!("[{}]", items.join(", "))
        }
        Some(other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_))) => other.to_string(),
    }
}

/// `kind: Changes` of apiVersion `cert.kubectl.dev/v1`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes<'d> {
    api_version: &'static str,
    kind: &'static str,
    now: Timestamp,
    changed: Vec<WireChanged<'d>>,
    issued: Vec<WireIssued<'d>>,
    undone: &'d [ObjRef],
}

#[derive(Debug, Serialize)]
struct WireChanged<'d> {
    object: &'d ObjRef,
    change: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    fields: Vec<WireField<'d>>,
}

#[derive(Debug, Serialize)]
struct WireField<'d> {
    path: &'d str,
    before: Option<&'d Value>,
    after: Option<&'d Value>,
}

#[derive(Debug, Serialize)]
struct WireIssued<'d> {
    certificate: &'d ObjRef,
    cause: &'static str,
    why: &'d str,
    at: Timestamp,
}

impl<'d> Changes<'d> {
    /// The differences as a document.
    pub fn of(diff: &'d Diff, now: Timestamp) -> Self {
        Self {
            api_version: "cert.kubectl.dev/v1",
            kind: "Changes",
            now,
            changed: diff.changed.iter().map(WireChanged::of).collect(),
            issued: diff.issued.iter().map(WireIssued::of).collect(),
            undone: &diff.undone,
        }
    }
}

impl<'d> WireChanged<'d> {
    fn of(changed: &'d Changed) -> Self {
        let field = |field: &'d Field| WireField {
            path: &field.path,
            before: field.before.as_ref(),
            after: field.after.as_ref(),
        };
        let (change, fields) = match &changed.what {
            What::New => ("new", Vec::new()),
            What::Gone => ("gone", Vec::new()),
            What::Fields(fields) => ("fields", fields.iter().map(field).collect()),
        };
        Self { object: &changed.object, change, fields }
    }
}

impl<'d> WireIssued<'d> {
    fn of(issued: &'d Issued) -> Self {
        let cause = match issued.cause {
            Cause::New => "new",
            Cause::Changed => "changed",
            Cause::Anyway => "anyway",
        };
        Self { certificate: &issued.certificate, cause, why: &issued.why, at: issued.at }
    }
}
