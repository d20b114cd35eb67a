//! `status` for programs: versioned documents of their own, RFC 3339 times, never ages.

use jiff::Timestamp;
use serde::Serialize;

use super::escape;
use crate::objref::{Kind, ObjRef};
use crate::report::row::Row;
use crate::report::tree::{Node, Tone, Tree};

/// `kind: StatusReport` of apiVersion `cert.kubectl.dev/v1`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport<'a> {
    api_version: &'static str,
    kind: &'static str,
    now: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificates: Option<Vec<WireRow<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chains: Option<Vec<WireTree<'a>>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WireRow<'a> {
    namespace: &'a str,
    name: &'a str,
    ready: Option<&'a str>,
    stage: &'a str,
    issuer: &'a str,
    expires: Option<Timestamp>,
    renews: Option<Timestamp>,
    created: Option<Timestamp>,
    secret: &'a str,
    names: &'a [String],
    revision: Option<i64>,
    next_try: Option<Timestamp>,
    message: &'a str,
}

#[derive(Debug, Serialize)]
struct WireTree<'a> {
    stage: Option<&'a str>,
    next: Option<WireNext<'a>>,
    root: WireNode<'a>,
}

#[derive(Debug, Serialize)]
struct WireNext<'a> {
    at: Option<Timestamp>,
    what: &'a str,
}

#[derive(Debug, Serialize)]
struct WireNode<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'a ObjRef>,
    title: &'a str,
    tone: &'a str,
    state: &'a str,
    details: Vec<WireDetail<'a>>,
    children: Vec<WireNode<'a>>,
}

#[derive(Debug, Serialize)]
struct WireDetail<'a> {
    label: &'a str,
    text: &'a str,
    at: Option<Timestamp>,
}

impl<'a> StatusReport<'a> {
    /// The table as a document.
    pub fn of_rows(rows: &'a [Row], now: Timestamp) -> Self {
        Self { certificates: Some(rows.iter().map(WireRow::of).collect()), ..Self::empty(now) }
    }

    /// Trees as a document.
    pub fn of_trees(trees: &'a [Tree], now: Timestamp) -> Self {
        Self { chains: Some(trees.iter().map(WireTree::of).collect()), ..Self::empty(now) }
    }

    fn empty(now: Timestamp) -> Self {
        Self { api_version: "cert.kubectl.dev/v1", kind: "StatusReport", now, certificates: None, chains: None }
    }
}

impl<'a> WireRow<'a> {
    fn of(row: &'a Row) -> Self {
        Self {
            namespace: &row.namespace,
            name: &row.name,
            ready: row.ready.as_deref(),
            stage: row.stage,
            issuer: &row.issuer,
            expires: row.expires,
            renews: row.renews,
            created: row.created,
            secret: &row.secret,
            names: &row.names,
            revision: row.revision,
            next_try: row.next_try,
            message: &row.message,
        }
    }
}

impl<'a> WireTree<'a> {
    fn of(tree: &'a Tree) -> Self {
        Self {
            stage: tree.course.as_ref().map(|(stage, _)| stage.id()),
            next: tree.course.as_ref().map(|(_, next)| WireNext { at: next.at, what: &next.what }),
            root: WireNode::of(&tree.root),
        }
    }
}

impl<'a> WireNode<'a> {
    fn of(node: &'a Node) -> Self {
        let tone = match node.tone {
            Tone::Good => "good",
            Tone::Busy => "busy",
            Tone::Bad => "bad",
            Tone::Unknown => "unknown",
        };
        let details = node
            .details
            .iter()
            .map(|detail| WireDetail { label: &detail.label, text: &detail.text, at: detail.at })
            .collect();
        Self {
            object: node.object.as_ref(),
            title: &node.title,
            tone,
            state: &node.state,
            details,
            children: node.children.iter().map(Self::of).collect(),
        }
    }
}

/// `certificate.cert-manager.io/web`, one a line.
pub fn names(rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        let object = ObjRef::new(Kind::Certificate, Some(&row.namespace), &row.name);
        out.push_str(&escape::line(&object.kubectl_name()));
        out.push('\n');
    }
    out
}
