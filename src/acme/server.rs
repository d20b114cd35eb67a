//! One ACME server as a client knows it: its directory, its nonces, and signed requests with cert-manager's retries
//! (`third_party/forked/acme/http.go`, `pkg/acme/util/util.go`).

use std::time::Duration;

use http::Method;
use serde_json::Value;

use super::account::Account;
use super::http::{Content, Http, Response};
use super::jws::{self, Signer};
use super::read::{self, text_at};
use crate::connect::Trust;
use crate::engine::question::acme::{AcmeFailure, Problem};

/// How long each retry of a bad nonce waits; there are no more than these.
const WAITS: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(3),
    Duration::from_secs(3),
];

/// The parts of a directory that are used (RFC 8555 §7.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    pub new_nonce: String,
    pub new_account: String,
    pub new_order: String,
    pub terms: String,
    pub profiles: Vec<String>,
}

/// The server, and what was learned of it.
#[derive(Debug)]
pub struct Server {
    http: Http,
    url: String,
    directory: Option<Directory>,
    nonces: Vec<String>,
}

impl Server {
    /// A server that nothing was asked of.
    pub fn new(url: &str, trust: &Trust, limit: Duration) -> Self {
        Self { http: Http::new(trust, limit), url: url.to_owned(), directory: None, nonces: Vec::new() }
    }

    /// The directory, read once.
    pub async fn directory(&mut self) -> Result<Directory, AcmeFailure> {
        if let Some(known) = &self.directory {
            return Ok(known.clone());
        }
        let response =
            self.http.send(Method::GET, &self.url, Content::default()).await.map_err(AcmeFailure::Network)?;
        if response.status != 200 {
            return Err(AcmeFailure::Problem(read::problem_of(&response)));
        }
        self.keep_nonce(&response);
        let value = read::json(&response.body).map_err(AcmeFailure::Nonsense)?;
        let directory = directory_of(&value);
        if directory.new_order.is_empty() {
            let words = "acme: server does not support the RFC 8555 version of ACME";
            return Err(AcmeFailure::Nonsense(words.to_owned()));
        }
        Ok(self.directory.insert(directory).clone())
    }

    /// Posts a payload, signed by an account or, where it has no name yet, by its key. `good` are the statuses of success.
    pub async fn post(
        &mut self,
        account: &Account,
        url: &str,
        payload: &[u8],
        good: &[u16],
    ) -> Result<Response, AcmeFailure> {
        let signer = account.url.as_deref().map_or(Signer::Jwk(&account.jwk), Signer::Kid);
        self.post_as(account, signer, url, payload, good).await
    }

    /// Posts a payload under a certain name.
    pub async fn post_as(
        &mut self,
        account: &Account,
        signer: Signer<'_>,
        url: &str,
        payload: &[u8],
        good: &[u16],
    ) -> Result<Response, AcmeFailure> {
        let mut waits = WAITS.iter();
        loop {
            let nonce = self.nonce().await?;
            let text = jws::signed(&account.key, signer, &nonce, url, payload).map_err(AcmeFailure::Nonsense)?;
            let bytes = serde_json::to_vec(&text).expect("it is made of text");
            let content = Content { type_: "application/jose+json", bytes, ..Content::default() };
            let response = self.http.send(Method::POST, url, content).await.map_err(AcmeFailure::Network)?;
            self.keep_nonce(&response);
            if good.contains(&response.status) {
                return Ok(response);
            }
            let problem = read::problem_of(&response);
            if !is_bad_nonce(&problem) || response.status != 400 {
                return Err(AcmeFailure::Problem(problem));
            }
            // None of those that are left is worth a try.
            self.nonces.clear();
            match waits.next() {
                Some(wait) => tokio::time::sleep(*wait).await,
                None => return Err(AcmeFailure::Problem(problem)),
            }
        }
    }

    fn keep_nonce(&mut self, response: &Response) {
        let nonce = response.header("replay-nonce");
        if !nonce.is_empty() {
            self.nonces.push(nonce.to_owned());
        }
    }

    async fn nonce(&mut self) -> Result<String, AcmeFailure> {
        if let Some(nonce) = self.nonces.pop() {
            return Ok(nonce);
        }
        let named = self.directory.as_ref().map(|directory| directory.new_nonce.clone());
        let url = named.filter(|url| !url.is_empty()).unwrap_or_else(|| self.url.clone());
        let response = self.http.send(Method::HEAD, &url, Content::default()).await.map_err(AcmeFailure::Network)?;
        match response.header("replay-nonce") {
            "" if response.status > 299 => Err(AcmeFailure::Problem(read::problem_of(&response))),
            "" => Err(AcmeFailure::Nonsense("acme: nonce not found".to_owned())),
            nonce => Ok(nonce.to_owned()),
        }
    }
}

/// What a directory says.
fn directory_of(value: &Value) -> Directory {
    let meta = &value["meta"];
    Directory {
        new_nonce: text_at(value, "newNonce"),
        new_account: text_at(value, "newAccount"),
        new_order: text_at(value, "newOrder"),
        terms: text_at(meta, "termsOfService"),
        profiles: meta["profiles"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect(),
    }
}

/// Servers have words of their own for it, so only the end counts.
fn is_bad_nonce(problem: &Problem) -> bool {
    problem.type_.to_ascii_lowercase().ends_with(":badnonce")
}
