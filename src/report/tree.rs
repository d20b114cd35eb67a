//! One certificate's chain as a tree of objects with what there is to say about each.
//!
//! Neutral: no width, no colour, no ages; times are values.

mod certificate;
mod issuance;
mod secret;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

use crate::api::{Condition, Object};
use crate::chain::{IssuerView, Next, RequestNode, Role, Tie, next};
use crate::engine::Stage;
use crate::fact::{Fact, WhyNot};
use crate::facts::{Facts, gap};
use crate::inventory::last_seen;
use crate::objref::{Kind, ObjRef};

/// The whole tree of one target.
#[derive(Clone, Debug)]
pub struct Tree {
    pub now: Timestamp,
    pub subject: ObjRef,
    /// Where the issuance stands and what comes next; `None` where there is none to be seen.
    pub course: Option<(Stage, Next)>,
    pub root: Node,
}

/// One object, or the place where one should be.
#[derive(Clone, Debug)]
pub struct Node {
    pub title: String,
    pub object: Option<ObjRef>,
    pub tone: Tone,
    /// A few words right behind the title.
    pub state: String,
    pub details: Vec<Detail>,
    pub children: Vec<Node>,
}

/// One line about an object.
#[derive(Clone, Debug)]
pub struct Detail {
    pub label: String,
    pub text: String,
    /// When it happened; shown as an age.
    pub at: Option<Timestamp>,
}

/// How an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    Busy,
    Bad,
    Unknown,
}

/// Which requests to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requests {
    CurrentAndNext,
    All,
}

impl Tree {
    /// The tree of the target that `facts` is about.
    pub fn of(facts: &Facts, requests: Requests) -> Self {
        let root = match &facts.chain.certificate {
            Fact::Seen(certificate) => certificate::node(facts, certificate, requests),
            missing @ (Fact::Absent | Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_)) => {
                let mut node = Node::missing(&facts.chain.subject, missing);
                node.children.extend(below(facts, requests));
                node
            }
        };
        let subject = facts.chain.subject.clone();
        let course = facts.chain.is_issuance().then(|| {
            let next = next(&facts.chain, &facts.stage, facts.now, &facts.back_off);
            (facts.stage.clone(), next.alone(facts.chain.expiry(), facts.now))
        });
        Self { now: facts.now, subject, course, root }
    }
}

/// Issuer, Secret and requests: what hangs under a Certificate.
fn below(facts: &Facts, requests: Requests) -> Vec<Node> {
    let mut nodes = Vec::new();
    nodes.extend(issuer(facts));
    nodes.extend(secret::node(facts));
    let shown = |node: &&RequestNode| requests == Requests::All || node.role != Role::Older;
    nodes.extend(facts.chain.requests.iter().filter(shown).map(|node| issuance::request(facts, node)));
    nodes
}

fn issuer(facts: &Facts) -> Option<Node> {
    let reference = facts.chain.issuer_ref?;
    let title = format!("{} {}", reference.kind_or_default(), reference.name);
    let namespace = facts.chain.subject.namespace.as_deref().unwrap_or_default();
    let object = reference.objref(namespace);
    let status = match &facts.chain.issuer {
        Fact::Seen(IssuerView::Builtin { status, .. }) => *status,
        Fact::Seen(IssuerView::External(issuer)) => &issuer.status,
        missing @ (Fact::Absent | Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_)) => {
            let mut node = Node::new(title, Tone::Unknown, not_seen(missing, Kind::Issuer));
            if missing.is_absent() {
                node.tone = Tone::Bad;
            }
            return Some(Node { object, ..node });
        }
    };
    let mut node = match status.ready() {
        Some(ready) if ready.is_true() => Node::new(title, Tone::Good, "ready"),
        Some(_) => Node::new(title, Tone::Bad, "not ready"),
        None => Node::new(title, Tone::Busy, "no status yet"),
    };
    node.object = object;
    node.details.extend(status.ready().map(condition));
    if let Some(IssuerView::Builtin { spec, .. }) = facts.chain.issuer.seen() {
        let server = spec.acme.as_ref().map(|acme| acme.server.clone());
        node.details.extend(server.map(|server| Detail::new("acme", server)));
    }
    Some(node)
}

impl Node {
    fn new(title: impl Into<String>, tone: Tone, state: impl Into<String>) -> Self {
        Self { title: title.into(), object: None, tone, state: state.into(), details: Vec::new(), children: Vec::new() }
    }

    fn of(object: ObjRef, tone: Tone, state: impl Into<String>) -> Self {
        let title = format!("{} {}", object.kind, object.name);
        Self { object: Some(object), ..Self::new(title, tone, state) }
    }

    fn missing<T>(object: &ObjRef, fact: &Fact<T>) -> Self {
        let tone = if fact.is_absent() { Tone::Bad } else { Tone::Unknown };
        Self::of(object.clone(), tone, not_seen(fact, object.kind))
    }
}

impl Detail {
    fn new(label: impl Into<String>, text: impl Into<String>) -> Self {
        Self { label: label.into(), text: text.into(), at: None }
    }

    fn at(label: impl Into<String>, text: impl Into<String>, at: Option<Timestamp>) -> Self {
        Self { label: label.into(), text: text.into(), at }
    }
}

/// Why there is nothing to show.
fn not_seen<T>(fact: &Fact<T>, kind: Kind) -> String {
    match fact {
        Fact::Seen(_) => String::new(),
        Fact::Absent => "does not exist".into(),
        Fact::NotLooked(WhyNot::NotNeeded | WhyNot::NotReferenced | WhyNot::NotAsked) => "not looked at".into(),
        Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(WhyNot::NotInSource) => gap(fact, kind).why,
    }
}

/// `Ready  False DoesNotExist: Issuing certificate as Secret does not exist`.
fn condition<T: ToString, R: ToString>(condition: &Condition<T, R>) -> Detail
where
    Condition<T, R>: Clone,
{
    let reason = condition.reason.as_ref().map(|reason| format!(" {}", reason.to_string())).unwrap_or_default();
    let message = if condition.message.is_empty() { String::new() } else { format!(": {}", condition.message) };
    let at = condition.last_transition_time.as_ref().map(|time| time.0);
    Detail::at(condition.type_.to_string(), format!("{}{reason}{message}", condition.status), at)
}

/// The last events about an object, oldest first.
fn events<T: Object>(facts: &Facts, object: &T) -> Vec<Detail> {
    const SHOWN: usize = 4;
    let mut newest: Vec<&Event> = facts.events_of(object).into_iter().take(SHOWN).collect();
    newest.reverse();
    newest.into_iter().map(event).collect()
}

fn event(event: &Event) -> Detail {
    let word = |text: &Option<String>| text.clone().unwrap_or_default();
    let kind = if event.type_.as_deref() == Some("Warning") { "warning" } else { "event" };
    let times = event.count.filter(|count| *count > 1).map(|count| format!(" (x{count})")).unwrap_or_default();
    Detail::at(kind, format!("{}: {}{times}", word(&event.reason), word(&event.message)), last_seen(event))
}

/// How a request is tied, where that is worth a word.
fn tie_words(node: &RequestNode) -> Option<&'static str> {
    match (node.tie, node.role) {
        (Tie::AnnotationOnly, _) => Some("names this Certificate but is not owned by it: cert-manager ignores it"),
        (Tie::Owner, Role::Stray) => Some("its revision fits neither the stored certificate nor the next"),
        (Tie::Root, _) | (Tie::Owner, Role::Current | Role::Next | Role::Older) => None,
    }
}
