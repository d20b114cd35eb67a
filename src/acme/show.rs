//! Shows a real CA the responses to its challenges, through the servers that the world file names.

mod challtestsrv;
mod rfc2136;

use std::collections::BTreeMap;
use std::time::Duration;

use super::http::Http;
use crate::connect::Trust;
use crate::dryrun::world::{DnsSolver, HttpSolver, Solvers};
use crate::engine::question::acme::AcmeFailure;
use crate::engine::question::dns::{Dns01Change, DnsVerb};

/// What is shown, so that all of it can be taken away again.
#[derive(Debug)]
pub struct Shown {
    solvers: Solvers,
    http: Http,
    /// Tokens of HTTP-01.
    tokens: Vec<String>,
    /// The values of TXT records by their name.
    records: BTreeMap<String, Vec<String>>,
    limit: Duration,
}

impl Shown {
    /// Nothing yet.
    pub fn new(solvers: Solvers, limit: Duration) -> Self {
        Self { solvers, http: Http::new(&Trust::System, limit), tokens: Vec::new(), records: BTreeMap::new(), limit }
    }

    /// Whether somebody shows responses to DNS-01 challenges.
    pub fn has_dns01(&self) -> bool {
        self.solvers.dns01.is_some()
    }

    /// Shows the response to an HTTP-01 challenge.
    pub async fn http01(&mut self, token: &str, key_authorization: &str) -> Result<(), AcmeFailure> {
        let Some(HttpSolver::Challtestsrv(url)) = &self.solvers.http01 else { return Ok(()) };
        challtestsrv::add_http01(&self.http, &url.0, token, key_authorization).await.map_err(AcmeFailure::Network)?;
        self.tokens.push(token.to_owned());
        Ok(())
    }

    /// Writes or removes the record of a DNS-01 challenge.
    pub async fn dns01(&mut self, change: &Dns01Change) -> Result<(), String> {
        self.change(change.verb, &change.fqdn, &change.value).await
    }

    async fn change(&mut self, verb: DnsVerb, fqdn: &str, value: &str) -> Result<(), String> {
        let values = self.records.entry(fqdn.to_owned()).or_default();
        values.retain(|known| known != value);
        match verb {
            DnsVerb::Present => values.push(value.to_owned()),
            DnsVerb::CleanUp => {}
        }
        match &self.solvers.dns01 {
            Some(DnsSolver::Challtestsrv(url)) => challtestsrv::set_txt(&self.http, &url.0, fqdn, values).await,
            Some(DnsSolver::Rfc2136(server)) => rfc2136::change(server, verb, fqdn, value, self.limit).await,
            None => Ok(()),
        }
    }

    /// Takes everything away that is shown still. Gives what could not be taken away.
    pub async fn clear(&mut self) -> Vec<String> {
        let mut failed = Vec::new();
        if let Some(HttpSolver::Challtestsrv(url)) = &self.solvers.http01 {
            for token in std::mem::take(&mut self.tokens) {
                failed.extend(challtestsrv::del_http01(&self.http, &url.0, &token).await.err());
            }
        }
        let records = std::mem::take(&mut self.records);
        let left = records.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        for (name, value) in left {
            failed.extend(self.change(DnsVerb::CleanUp, name, value).await.err());
        }
        failed
    }
}
