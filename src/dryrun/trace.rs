//! Every step of a run as a line for programs.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::Moment;
use crate::engine::Engine;
use crate::engine::cluster::{Change, Verb};
use crate::engine::question::acme::{AcmeFailure, AcmeReply, AcmeRequest, Identifier};
use crate::engine::question::vault::{VaultAnswer, VaultRequest};
use crate::engine::question::{Answer, Question};

/// One step. The fields are promises.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub at: Timestamp,
    /// `controller`, `world` (it answers a question) or `neighbour` (somebody else changes objects).
    pub actor: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<String>,
    /// Whether the look has stopped for an answer or a pause.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// Makes lines of moments.
#[derive(Clone, Debug, Default)]
pub struct Tracer {
    events: usize,
}

impl Tracer {
    /// The line of a moment.
    pub fn line(&mut self, moment: &Moment<'_>, engine: &Engine) -> Line {
        match moment {
            Moment::Looked(step) => {
                let all = engine.events().all();
                let new = &all[self.events.min(all.len())..];
                self.events = all.len();
                let events = new
                    .iter()
                    .map(|told| {
                        let type_ = told.type_.as_str();
                        json!({"about": told.about.to_string(), "type": type_, "reason": told.reason, "message": told.message})
                    })
                    .collect();
                Line {
                    controller: Some(step.item.0.name()),
                    object: Some(step.item.1.to_string()),
                    changes: step.changes.iter().map(change).collect(),
                    events,
                    trouble: step.trouble.clone(),
                    refusals: step.refusals.iter().map(ToString::to_string).collect(),
                    waits: step.is_open,
                    ..Line::empty(step.at, "controller")
                }
            }
            Moment::Answered { at, question: asked, answer: said, .. } => {
                Line { question: Some(question(asked)), answer: Some(answer(said)), ..Line::empty(*at, "world") }
            }
            Moment::Changed { at, objects } => {
                let changes = objects.iter().map(|object| json!({"verb": "update", "object": object.to_string()}));
                Line { changes: changes.collect(), ..Line::empty(*at, "neighbour") }
            }
        }
    }
}

impl Line {
    fn empty(at: Timestamp, actor: &'static str) -> Self {
        Self {
            at,
            actor,
            controller: None,
            object: None,
            changes: Vec::new(),
            events: Vec::new(),
            trouble: None,
            refusals: Vec::new(),
            waits: false,
            question: None,
            answer: None,
        }
    }
}

fn change(change: &Change) -> Value {
    let verb = match change.verb {
        Verb::Create => "create",
        Verb::Update => "update",
        Verb::Delete => "delete",
    };
    json!({"verb": verb, "object": change.object.to_string()})
}

/// A question in a few words. No key is among them.
fn question(question: &Question) -> String {
    match question {
        Question::Acme(call) => {
            let server = &call.server.directory;
            match &call.request {
                AcmeRequest::Directory => format!("ACME directory of {server}"),
                AcmeRequest::NewAccount { .. } => format!("ACME newAccount at {server}"),
                AcmeRequest::FindAccount => format!("ACME account at {server}"),
                AcmeRequest::UpdateAccount { .. } => format!("ACME contact of the account at {server}"),
                AcmeRequest::NewOrder(order) => {
                    let names: Vec<_> = order.identifiers.iter().map(Identifier::value).collect();
                    format!("ACME newOrder for {}", names.join(", "))
                }
                AcmeRequest::GetOrder { url } => format!("ACME order {url}"),
                AcmeRequest::WaitOrder { url } => format!("ACME order {url}, until it is done"),
                AcmeRequest::GetAuthorization { url } => format!("ACME authorization {url}"),
                AcmeRequest::WaitAuthorization { url, .. } => format!("ACME authorization {url}, until it is done"),
                AcmeRequest::AcceptChallenge { url } => format!("ACME response to challenge {url}"),
                AcmeRequest::Finalize { url, .. } => format!("ACME finalize {url}"),
                AcmeRequest::GetCertificate { url } => format!("ACME certificate {url}"),
                AcmeRequest::ListAlternates { url } => format!("ACME alternate chains of {url}"),
            }
        }
        Question::Http01Check(check) => format!("GET {}", check.url),
        Question::Dns01Check(check) => format!("TXT {}", check.fqdn),
        Question::Dns01Change(change) => format!("DNS provider: {:?} {}", change.verb, change.fqdn),
        Question::Vault(call) => match &call.request {
            VaultRequest::Health { url } => format!("Vault: GET {url}"),
            VaultRequest::Sign { url, .. } => format!("Vault: POST {url}"),
        },
    }
}

fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Acme(Ok(reply)) => reply_words(reply),
        Answer::Acme(Err(failure)) => failure_words(failure),
        Answer::Http01Check(Ok(reply)) => reply.status.to_string(),
        Answer::Http01Check(Err(words))
        | Answer::Dns01Check(Err(words))
        | Answer::Vault(VaultAnswer::NoLogin(words) | VaultAnswer::Failed(words)) => words.clone(),
        Answer::Dns01Check(Ok(true)) => "the value is there".to_owned(),
        Answer::Dns01Check(Ok(false)) => "the value is not there".to_owned(),
        Answer::Dns01Change(Ok(())) => "done".to_owned(),
        Answer::Dns01Change(Err(failure)) => failure.message.clone(),
        Answer::Vault(VaultAnswer::Nobody) => "nobody can tell".to_owned(),
        Answer::Vault(VaultAnswer::Healthy) => "in order".to_owned(),
        Answer::Vault(VaultAnswer::Signed { ca_chain, .. }) => format!("a certificate, and {} of CAs", ca_chain.len()),
    }
}

fn reply_words(reply: &AcmeReply) -> String {
    match reply {
        AcmeReply::Directory(_) => "the directory".to_owned(),
        AcmeReply::Account(account) => format!("account {}", account.url),
        AcmeReply::Order(order) => {
            format!("order {} {}", order.url.as_deref().unwrap_or_default(), order.status.as_str())
        }
        AcmeReply::Authorization(authorization) => {
            format!("authorization of {} {}", authorization.identifier, authorization.status.as_str())
        }
        AcmeReply::Challenge(challenge) => format!("challenge {} {}", challenge.type_, challenge.status.as_str()),
        AcmeReply::Certificate(chain) => format!("{} certificates", chain.len()),
        AcmeReply::Alternates(urls) => format!("{} alternate chains", urls.len()),
    }
}

fn failure_words(failure: &AcmeFailure) -> String {
    failure.to_string()
}
