//! Carries out a plan. The only place that writes to a cluster.

use std::io::{BufRead, Write};

use jiff::Timestamp;
use serde_json::Value;

use super::plan::{Renewal, trigger};
use crate::connect::{Accept, RequestError, Session};
use crate::objref::Kind;

/// Proof that the user wants the change. Made only here.
#[derive(Clone, Copy, Debug)]
pub struct Consent(());

/// Whether the server stores the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storing {
    Yes,
    /// The server checks it and throws it away (`dryRun=All`).
    CheckOnly,
}

/// Tries in all when others change the object in between.
const TRIES: usize = 5;

impl Consent {
    /// The user typed `--yes`, or named each object by hand.
    pub fn typed() -> Self {
        Self(())
    }

    /// Puts the question to `err` and reads the answer from `stdin`; anything but `y` is a no.
    pub fn ask(question: &str, stdin: &mut dyn BufRead, err: &mut dyn Write) -> std::io::Result<Option<Self>> {
        write!(err, "{question}")?;
        err.flush()?;
        let mut answer = String::new();
        stdin.read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y").then_some(Self(())))
    }
}

/// What became of one renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    Started,
    /// Another object of that name stands there now, or an issuance began in between.
    NoLongerNeeded,
}

/// Starts one renewal: PUT of the status subresource with the resourceVersion that was read, again after a conflict.
/// PUT, because the chart's edit role grants `update` on `certificates/status` and not `patch`.
pub async fn renew(
    session: &Session,
    renewal: &Renewal,
    storing: Storing,
    now: Timestamp,
    _: Consent,
) -> Result<Applied, RequestError> {
    let namespace = renewal.object.namespace.as_deref().unwrap_or_default();
    let path = format!(
        "/apis/{}/namespaces/{namespace}/{}/{}",
        Kind::Certificate.api_version(),
        Kind::Certificate.plural(),
        renewal.object.name
    );
    let dry_run = match storing {
        Storing::Yes => "",
        Storing::CheckOnly => "&dryRun=All",
    };
    let mut tries = 0;
    loop {
        tries += 1;
        let mut certificate: Value = session.get_json(&path, Accept::Json).await?;
        let is_issuing = certificate["status"]["conditions"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one["type"] == "Issuing" && one["status"] == "True"));
        if certificate["metadata"]["uid"] != renewal.uid.as_str() || is_issuing {
            return Ok(Applied::NoLongerNeeded);
        }
        trigger(&mut certificate, now);
        let body = serde_json::to_vec(&certificate).unwrap_or_default();
        match session.put(&format!("{path}/status?fieldManager=kubectl-cert{dry_run}"), body).await {
            Ok(_) => return Ok(Applied::Started),
            Err(RequestError::Conflict { .. }) if tries < TRIES => {}
            Err(error) => return Err(error),
        }
    }
}
