//! The end of an order: the CSR is checked, the certificate signed and downloaded (RFC 8555 §7.4).

use std::collections::BTreeSet;

use super::order::Signing;
use super::{Ca, after, not_found};
use crate::api::AcmeState;
use crate::api::KeyUsage;
use crate::api::certificate::CertificateSpec;
use crate::dryrun::outside::network::Network;
use crate::engine::question::acme::{AcmeReply, Identifier, Problem};
use crate::engine::random::Random;
use crate::pki::Template;
use crate::x509::{KeyType, Request};

impl Ca {
    pub(super) fn finalize(
        &mut self,
        url: &str,
        csr: &[u8],
        network: &Network<'_>,
        random: &mut Random,
    ) -> Result<AcmeReply, Problem> {
        let at = self.find_order(&url.replace("/acme/finalize/", "/acme/order/"))?;
        let status = self.order_status(&self.orders[at], network.now);
        if status != AcmeState::Ready {
            let detail = format!("Order's status ({:?}) is not acceptable for finalization", status.as_str());
            return Err(Problem::new(403, "orderNotReady", detail));
        }
        let request = Request::from_der(csr).map_err(|_| {
            Problem::new(400, "badCSR", "Error parsing certificate request: malformed certificate request")
        })?;
        request
            .check_signature()
            .map_err(|_| Problem::new(400, "badCSR", "Error finalizing order :: invalid signature on CSR"))?;
        self.check_key(&request.key.key_type)?;
        let order = &self.orders[at];
        if names(&request) != order.identifiers.iter().map(|one| one.value().to_ascii_lowercase()).collect() {
            let detail = "Error finalizing order :: CSR does not specify same identifiers as Order";
            return Err(Problem::new(403, "unauthorized", detail));
        }
        let mut spec = CertificateSpec {
            usages: vec![KeyUsage::DigitalSignature, KeyUsage::ServerAuth],
            ..CertificateSpec::default()
        };
        if matches!(request.key.key_type, KeyType::Rsa(_)) {
            spec.usages.push(KeyUsage::KeyEncipherment);
        }
        for identifier in &order.identifiers {
            match identifier {
                Identifier::Dns(name) => spec.dns_names.push(name.clone()),
                Identifier::Ip(address) => spec.ip_addresses.push(address.clone()),
            }
        }
        let common = request.subject.common_name();
        // Only the profile of old has a common name, and only a short one.
        if !common.is_empty()
            && common.len() <= 64
            && !matches!(order.profile.as_deref(), Some("tlsserver" | "shortlived"))
        {
            common.clone_into(&mut spec.common_name);
        }
        let refused = |error: String| Problem::new(400, "badCSR", format!("Error finalizing order :: {error}"));
        let mut template =
            Template::of_certificate(&spec, &request.key, network.now).map_err(|error| refused(error.to_string()))?;
        let life = self.settings.life(order.profile.as_deref());
        let begin = network.now.saturating_sub(self.settings.backdate).unwrap_or(network.now);
        template.not_before = begin;
        template.not_after = after(begin, life - jiff::SignedDuration::from_secs(1));
        let chains = self.signer.sign(&template, random).map_err(refused)?;
        let url = format!("{}/acme/cert/{}", self.settings.origin, at + 1);
        self.orders[at].signing = Some(Signing { done: after(network.now, self.settings.issuance_takes), url, chains });
        Ok(AcmeReply::Order(self.order(at, network.now)))
    }

    /// Keys that a public CA does not take.
    fn check_key(&self, key: &KeyType) -> Result<(), Problem> {
        if !self.settings.is_public {
            return Ok(());
        }
        let what = match key {
            KeyType::Rsa(2048 | 3072 | 4096) | KeyType::Ecdsa(256 | 384) => return Ok(()),
            KeyType::Rsa(bits) => format!("key size not supported: {bits}"),
            KeyType::Ecdsa(bits) => format!("ECDSA curve P-{bits} not allowed"),
            KeyType::Ed25519 | KeyType::Other(_) => "unsupported key type".to_owned(),
        };
        let detail = format!("Error finalizing order :: invalid public key in CSR: {what}");
        Err(Problem::new(400, "badCSR", detail))
    }

    pub(super) fn certificate(&self, url: &str) -> Result<AcmeReply, Problem> {
        let (base, chain) = match url.rsplit_once("/alternate/") {
            Some((base, number)) => (base, number.parse::<usize>().unwrap_or(usize::MAX)),
            None => (url, 0),
        };
        let chain = self.signing(base).and_then(|signing| signing.chains.get(chain));
        chain.map(|chain| AcmeReply::Certificate(chain.clone())).ok_or_else(|| not_found("Certificate not found"))
    }

    pub(super) fn alternates(&self, url: &str) -> Result<AcmeReply, Problem> {
        let signing = self.signing(url).ok_or_else(|| not_found("Certificate not found"))?;
        let urls = (1..signing.chains.len()).map(|number| format!("{url}/alternate/{number}"));
        Ok(AcmeReply::Alternates(urls.collect()))
    }

    fn signing(&self, url: &str) -> Option<&Signing> {
        self.orders.iter().filter_map(|order| order.signing.as_ref()).find(|signing| signing.url == url)
    }
}

/// The names of a CSR, in lower case.
fn names(request: &Request) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = request.alt_names.dns.iter().map(|name| name.to_ascii_lowercase()).collect();
    names.extend(request.alt_names.ips.iter().map(ToString::to_string));
    let common = request.subject.common_name();
    if !common.is_empty() {
        names.insert(common.to_ascii_lowercase());
    }
    names
}
