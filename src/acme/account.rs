//! The accounts that requests are signed with: the engine's keys, and what the CA calls them. In memory alone.

use std::collections::BTreeMap;

use crate::engine::acme::jwk;
use crate::engine::question::acme::AccountKey;
use crate::pki::PrivateKey;

/// A key, and the URL of its account once the CA has named it.
#[derive(Debug)]
pub struct Account {
    pub key: PrivateKey,
    pub jwk: String,
    pub url: Option<String>,
}

/// By the thumbprint of the key.
#[derive(Debug, Default)]
pub struct Accounts(BTreeMap<String, Account>);

impl Accounts {
    /// The account of a key.
    pub fn of(&mut self, key: &AccountKey) -> Result<&mut Account, String> {
        if !self.0.contains_key(&key.thumbprint) {
            let private = PrivateKey::from_pem(key.pem.expose().as_bytes()).map_err(|fault| fault.to_string())?;
            let jwk = jwk(private.public()).ok_or("acme: the key of the account is not RSA")?;
            self.0.insert(key.thumbprint.clone(), Account { key: private, jwk, url: None });
        }
        Ok(self.0.get_mut(&key.thumbprint).expect("it was put there"))
    }
}
