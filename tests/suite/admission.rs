//! The engine's front door gives the answers that a real API server and cert-manager's webhook gave.

use kubectl_cert::api::CertificateRequest;
use kubectl_cert::engine::admission::webhook::signer_names;
use kubectl_cert::engine::admission::{self, Admitted, Change, Part, Permission, Refusal, Requester, UnknownFields};
use kubectl_cert::objref::Kind;
use serde_json::Value;

use crate::admission_cases::{self as cases, Asker, Case, Cases};

#[test]
fn every_answer_is_that_of_the_real_ones() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, file) in cases::all() {
        for case in &file.cases {
            count += 1;
            let mut ours = answer(&file, case);
            let mut real = (case.refused.clone(), case.warned.clone(), case.stored.clone());
            if case.differs.is_some() {
                for refused in [&mut ours.0, &mut real.0] {
                    for words in refused.iter_mut() {
                        *words = before_the_reason(words).to_owned();
                    }
                }
            }
            if ours != real {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                wrong.push(format!("{name}: {}\n  real {real:?}\n  ours {ours:?}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} answers differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 300, "{count} cases");
}

/// The errors, the warnings, and the difference that was made.
fn answer(file: &Cases, case: &Case) -> (Vec<String>, Vec<String>, Value) {
    let kind = kind(&file.base);
    let by = requester(case.by.as_ref());
    let validation = case.validation.as_deref().unwrap_or("Ignore");
    let unknown = if validation == "Strict" { UnknownFields::Refuse } else { UnknownFields::Drop };
    let (sent, outcome) = if let Some(before) = file.before(case) {
        let stored = stored(kind, &before);
        let mut sent = file.sent(case);
        for identity in ["username", "uid", "groups", "extra"] {
            if case.set.pointer(&format!("/spec/{identity}")).is_none()
                && let Some(value) = stored["spec"].get(identity)
            {
                sent["spec"][identity] = value.clone();
            }
        }
        let part = if case.status { Part::Status } else { Part::Object };
        let change = Change { part, by: &by, permission: &|request| permission(request, &by) };
        (sent.clone(), admission::update(kind, &stored, sent, unknown, &change))
    } else {
        let sent = file.sent(case);
        (sent.clone(), admission::create(kind, sent, unknown, &by))
    };
    match outcome {
        Err(refusal) => (words(&refusal), warnings(&refusal), Value::Null),
        Ok(Admitted { object, unknown, warnings }) => {
            let told = unknown.iter().filter(|_| validation == "Warn").map(|path| format!("unknown field \"{path}\""));
            let warned = told.chain(warnings.into_iter().map(str::to_owned)).collect();
            (Vec::new(), warned, cases::difference(&sent, &object))
        }
    }
}

/// An object as it is there before an update: made and, if it has one, given its status.
fn stored(kind: Kind, before: &Value) -> Value {
    let by = requester(None);
    let made = admission::create(kind, before.clone(), UnknownFields::Drop, &by)
        .unwrap_or_else(|refusal| panic!("{refusal}"))
        .object;
    if before.get("status").is_none() {
        return made;
    }
    let mut with_status = made.clone();
    with_status["status"] = before["status"].clone();
    let change = Change { part: Part::Status, by: &by, permission: &|request| permission(request, &by) };
    admission::update(kind, &made, with_status, UnknownFields::Drop, &change)
        .unwrap_or_else(|refusal| panic!("{refusal}"))
        .object
}

/// The lab's admin may approve everything, Jane one signer; kinds of cert-manager's group are there, others are not.
fn permission(request: &CertificateRequest, by: &Requester) -> Permission {
    let issuer = &request.spec.issuer_ref;
    let Some(kind) = issuer.own_kind() else { return Permission::NoSuchKind };
    let namespace = Some("default").filter(|_| kind.is_namespaced());
    let signers = signer_names(&kind.resource(), namespace, &issuer.name);
    let is_granted = by.username == "admin" || signers.contains(&"issuers.cert-manager.io/default.allowed".to_owned());
    if is_granted { Permission::Granted } else { Permission::Refused }
}

/// A refusal up to the value that it prints.
fn before_the_reason(words: &str) -> &str {
    words.rsplit_once("\": ").map_or(words, |(before, _)| before)
}

/// What a refusal says: the API server's errors about fields one by one, sorted; others as one text.
fn words(refusal: &Refusal) -> Vec<String> {
    match refusal {
        Refusal::Invalid { errors, .. } => {
            let mut words: Vec<_> = errors.iter().map(ToString::to_string).collect();
            words.sort();
            words.dedup();
            words
        }
        Refusal::Unreadable { .. } | Refusal::Unintelligible { .. } | Refusal::Denied { .. } => {
            vec![refusal.to_string()]
        }
    }
}

fn warnings(refusal: &Refusal) -> Vec<String> {
    match refusal {
        Refusal::Denied { warnings, .. } => warnings.iter().map(|warning| (*warning).to_owned()).collect(),
        Refusal::Invalid { .. } | Refusal::Unreadable { .. } | Refusal::Unintelligible { .. } => Vec::new(),
    }
}

/// Who asks; the lab's admin unless the case says another.
fn requester(asker: Option<&Asker>) -> Requester {
    match asker {
        Some(asker) => Requester {
            username: asker.user.clone(),
            uid: asker.uid.clone(),
            // The API server adds the group of all who logged in.
            groups: asker.groups.iter().cloned().chain(["system:authenticated".to_owned()]).collect(),
            extra: asker.extra.clone(),
        },
        None => Requester {
            username: "admin".into(),
            uid: "uid-0".into(),
            groups: ["system:masters", "system:authenticated"].map(str::to_owned).to_vec(),
            extra: std::collections::BTreeMap::new(),
        },
    }
}

fn kind(object: &Value) -> Kind {
    let text = |member: &str| object[member].as_str().unwrap_or_default();
    Kind::from_api(text("apiVersion"), text("kind")).expect("cases are of kinds that are known")
}
