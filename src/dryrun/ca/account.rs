//! Accounts (RFC 8555 §7.1.2, §7.3).

use super::Ca;
use crate::api::{ClusterIssuer, Issuer, IssuerSpec, IssuerStatus};
use crate::dryrun::outside::network::Network;
use crate::dryrun::world::Limit;
use crate::engine::question::acme::{AcmeAccount, AcmeCall, AcmeReply, ExternalAccount, Problem};

/// An account, by the thumbprint of its key.
#[derive(Clone, Debug)]
pub struct Account {
    pub thumbprint: String,
    pub url: String,
    pub contact: Vec<String>,
}

impl Ca {
    pub(super) fn account(&self, at: usize) -> AcmeReply {
        let account = &self.accounts[at];
        AcmeReply::Account(AcmeAccount { url: account.url.clone(), contact: account.contact.clone(), existed: true })
    }

    /// The account of a call. One that an issuer in the source was registered with is known from before.
    pub(super) fn find_account(&mut self, call: &AcmeCall, network: &Network<'_>) -> Result<usize, Problem> {
        let thumbprint = &call.account.thumbprint;
        if let Some(at) = self.accounts.iter().position(|account| account.thumbprint == *thumbprint) {
            return Ok(at);
        }
        let Some(url) = self.registered_before(network) else {
            return Err(Problem::new(400, "accountDoesNotExist", "No account exists with the provided key"));
        };
        self.accounts.push(Account { thumbprint: thumbprint.clone(), url, contact: Vec::new() });
        Ok(self.accounts.len() - 1)
    }

    /// The URL of an account that an issuer of this server has in its status, and that nobody has claimed yet.
    fn registered_before(&self, network: &Network<'_>) -> Option<String> {
        let url = |spec: &IssuerSpec, status: &IssuerStatus| {
            let is_ours = spec.acme.as_ref().is_some_and(|acme| acme.server == self.settings.directory);
            let url = status.acme.as_ref().map(|acme| acme.uri.clone()).filter(|url| !url.is_empty());
            url.filter(|url| is_ours && self.accounts.iter().all(|account| account.url != *url))
        };
        let issuers = network.cluster.issuers.iter().filter_map(|one: &Issuer| url(&one.spec, &one.status));
        let wide = network.cluster.cluster_issuers.iter().filter_map(|one: &ClusterIssuer| url(&one.spec, &one.status));
        issuers.chain(wide).next()
    }

    pub(super) fn new_account(
        &mut self,
        thumbprint: &str,
        contact: &[String],
        external: Option<&ExternalAccount>,
        network: &Network<'_>,
    ) -> Result<AcmeReply, Problem> {
        if let Some(at) = self.accounts.iter().position(|account| account.thumbprint == thumbprint) {
            return Ok(self.account(at));
        }
        self.check_external(external)?;
        self.check_limit(Limit::NewAccounts, &[], network)?;
        let url = format!("{}/acme/acct/{}", self.settings.origin, self.accounts.len() + 1);
        let account = Account { thumbprint: thumbprint.to_owned(), url, contact: contact.to_vec() };
        let reply = AcmeAccount { url: account.url.clone(), contact: account.contact.clone(), existed: false };
        self.accounts.push(account);
        Ok(AcmeReply::Account(reply))
    }

    /// Whether the account is bound to one that the CA knows (§7.3.4).
    fn check_external(&self, given: Option<&ExternalAccount>) -> Result<(), Problem> {
        let known = self.settings.entry.as_ref().map(|entry| entry.external_accounts.as_slice()).unwrap_or_default();
        if known.is_empty() {
            return Ok(());
        }
        let Some(given) = given else {
            let detail = "The request must include a value for the \"externalAccountBinding\" field";
            return Err(Problem::new(403, "externalAccountRequired", detail));
        };
        let Some(account) = known.iter().find(|account| account.key_id == given.key_id) else {
            return Err(Problem::new(403, "unauthorized", "Unknown external account binding (EAB) key"));
        };
        if account.mac_key.0.expose() != given.mac_key.expose() {
            let detail = "External account binding JWS verification error";
            return Err(Problem::new(403, "unauthorized", detail));
        }
        Ok(())
    }
}
