//! cert-manager's schemas and webhook, asked in a real API server: the answers that `tests/admission` holds.

use std::fs;
use std::sync::Arc;

use http::{Method, Request};
use http_body_util::BodyExt as _;
use kube::client::Body;
use kubectl_cert::connect::{Flags, Session, Stdin, open};
use kubectl_cert::env::Env;
use kubectl_cert::objref::Kind;
use serde_json::Value;

use crate::admission_cases::{self as cases, Asker, Case, Cases};
use crate::lab::Lab;

/// An answer of the API server.
struct Answer {
    body: Value,
    warnings: Vec<String>,
}

/// The lab's API server, asked as its admin or in another's name.
struct Server {
    session: Session,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    fn of(lab: &Lab) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let flags = Flags { kubeconfig: Some(lab.ready.kubeconfigs["admin"].clone()), ..Flags::default() };
        let env = Env::from_pairs([("HOME", "/nowhere")]);
        let session = runtime.block_on(open(&flags, &env, Stdin::NotATerminal, Arc::new(|_| {}))).unwrap();
        Self { session, runtime }
    }

    fn ask(&self, method: Method, path: &str, by: Option<&Asker>, object: &Value) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("Content-Type", "application/json");
        if let Some(by) = by {
            request = request.header("Impersonate-User", &by.user);
            if !by.uid.is_empty() {
                request = request.header("Impersonate-Uid", &by.uid);
            }
            for group in &by.groups {
                request = request.header("Impersonate-Group", group);
            }
            for (key, values) in &by.extra {
                for value in values {
                    request = request.header(format!("Impersonate-Extra-{key}"), value);
                }
            }
        }
        let request = request.body(Body::from(object.to_string().into_bytes())).unwrap();
        self.runtime.block_on(async {
            // The limit of the lab's tests is on the whole; nothing here waits for anything but the server.
            let response = self.session.client().send(request).await.unwrap();
            let headers = response.headers().get_all("warning").iter();
            let warnings = headers.map(|value| warning(value.to_str().unwrap())).collect();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            Answer { body: serde_json::from_slice(&bytes).unwrap(), warnings }
        })
    }

    /// Puts one case and writes down the answer.
    fn put(&self, file: &Cases, case: &Case) -> Case {
        let mut answered = case.clone();
        let sent = file.sent(case);
        let path = path_of(&file.base);
        let name = sent["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let query = format!("dryRun=All&fieldValidation={}", case.validation.as_deref().unwrap_or("Ignore"));
        let (answer, sent) = if let Some(before) = file.before(case) {
            let created = self.ask(Method::POST, &path, None, &before).body;
            assert_eq!(created["kind"], before["kind"], "{}: {created}", case.name);
            let mut version = created["metadata"]["resourceVersion"].clone();
            if before.get("status").is_some() {
                let mut with_status = before.clone();
                with_status["metadata"]["resourceVersion"] = version;
                let stored = self.ask(Method::PUT, &format!("{path}/{name}/status"), None, &with_status).body;
                assert_eq!(stored["kind"], before["kind"], "{}: {stored}", case.name);
                version = stored["metadata"]["resourceVersion"].clone();
            }
            let mut sent = sent;
            sent["metadata"]["resourceVersion"] = version;
            // The webhook fills these in, and whoever updates a request sends them back.
            for identity in ["username", "uid", "groups", "extra"] {
                if case.set.pointer(&format!("/spec/{identity}")).is_none()
                    && let Some(value) = created["spec"].get(identity)
                {
                    sent["spec"][identity] = value.clone();
                }
            }
            let part = if case.status { "/status" } else { "" };
            let answer = self.ask(Method::PUT, &format!("{path}/{name}{part}?{query}"), case.by.as_ref(), &sent);
            let gone = self.ask(Method::DELETE, &format!("{path}/{name}"), None, &Value::Null).body;
            assert!(gone["code"].is_null(), "{gone}");
            (answer, sent)
        } else {
            (self.ask(Method::POST, &format!("{path}?{query}"), case.by.as_ref(), &sent), sent)
        };
        answered.refused = errors(&answer.body);
        answered.warned = answer.warnings;
        answered.stored = Value::Null;
        if answered.refused.is_empty() {
            let (mut before, mut after) = (sent, answer.body);
            for object in [&mut before, &mut after] {
                let meta = object["metadata"].as_object_mut().unwrap();
                for set in ["uid", "creationTimestamp", "generation", "managedFields", "resourceVersion"] {
                    meta.remove(set);
                }
            }
            answered.stored = cases::difference(&before, &after);
        }
        answered
    }
}

/// The text of a Warning header: `299 - "text"`.
fn warning(header: &str) -> String {
    let text = header.split_once(" - \"").unwrap().1;
    text.strip_suffix('"').unwrap().replace("\\\"", "\"")
}

/// The errors of a refusal: those of the API server about fields one by one, sorted; others as one text.
fn errors(answer: &Value) -> Vec<String> {
    if answer["kind"] != "Status" {
        return Vec::new();
    }
    let message = answer["message"].as_str().unwrap().to_owned();
    let causes = answer.pointer("/details/causes").and_then(Value::as_array).filter(|_| answer["reason"] == "Invalid");
    let Some(causes) = causes else { return vec![message] };
    let text = |cause: &Value| {
        format!(
            "{}: {}",
            cause["field"].as_str().unwrap_or("<nil>"),
            cause["message"].as_str().unwrap_or_else(|| panic!("{answer}"))
        )
    };
    let mut errors: Vec<_> = causes.iter().map(text).collect();
    errors.sort();
    errors.dedup();
    // What is in the causes is what the message says, in its words.
    assert!(errors.iter().all(|error| message.contains(error.as_str())), "{answer}");
    errors
}

/// The path of the kind's objects.
fn path_of(object: &Value) -> String {
    let (version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
    let kind = Kind::from_api(version, kind).unwrap();
    let (version, plural) = (kind.api_version(), kind.plural());
    if kind.is_namespaced() {
        format!("/apis/{version}/namespaces/default/{plural}")
    } else {
        format!("/apis/{version}/{plural}")
    }
}

#[test]
fn the_api_server_still_answers_as_it_is_written_down() {
    let lab = Lab::start("admission", &["--webhook", "--controllers=none"]);
    lab.kubectl(&["apply", "-f", &cases::rights().display().to_string()]);
    let server = Server::of(&lab);
    let mut changed = Vec::new();
    for (path, mut file) in cases::all() {
        let healthy = Case { name: "base".into(), ..file.cases[0].clone() };
        let healthy = Case { set: Value::Null, from: None, status: false, by: None, ..healthy };
        let base = server
            .put(&Cases { base: file.base.clone(), cases: vec![] }, &Case { set: serde_json::json!({}), ..healthy });
        assert!(base.refused.is_empty(), "{}: {:?}", path.display(), base.refused);
        let answered: Vec<_> = file.cases.iter().map(|case| server.put(&file, case)).collect();
        let before = file.to_text();
        file.cases = answered;
        let after = file.to_text();
        if before != after {
            if crate::is_set("UPDATE") {
                fs::write(&path, after).unwrap();
            } else {
                let differs = before.lines().zip(after.lines()).find(|(before, after)| before != after);
                changed.push(format!("{}: {differs:?}", path.display()));
            }
        }
    }
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}
