//! What was issued, ordered and refused lately, as far as the objects tell.
//!
//! Old requests are deleted, and others spend from the same buckets: what is counted here is the least that was spent.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::identifiers::{self, Identifiers};
use crate::api::issuer::RenewalInformationSource;
use crate::api::{
    AcmeIssuer, AcmeState, Base64Text, Condition, IssuerRef, Object, RequestConditionType, RequestReason, Secret,
    annotation,
};
use crate::chain::IssuerView;
use crate::inventory::Inventory;
use crate::objref::ObjRef;
use crate::public_ca::{PublicCa, host};
use crate::rule::rate_limit::{Limit, RateLimit};
use crate::x509::Bundle;

/// The CA and account that an issuer stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Payer {
    /// The host of the ACME server, in lower case.
    pub host: String,
    /// The URL of the account; where the issuer is not registered yet, the issuer.
    pub account: String,
    /// The issuer that leads there.
    pub issuer: ObjRef,
    /// Whether renewals go by the CA's own suggestions (RFC 9773).
    pub by_suggestion: bool,
}

/// One certificate that was issued.
#[derive(Clone, Debug)]
pub struct Issued {
    pub at: Timestamp,
    pub host: String,
    pub names: Identifiers,
    /// Whether it replaces one of the same names, as far as is known.
    pub is_renewal: bool,
    /// Whether its order named the certificate that it replaces.
    pub is_replacement: bool,
}

/// One order that the CA took.
#[derive(Clone, Debug)]
pub struct Ordered {
    pub at: Timestamp,
    pub host: String,
    pub account: String,
    pub names: Identifiers,
    pub is_renewal: bool,
    pub is_replacement: bool,
}

/// One validation that the CA failed.
#[derive(Clone, Debug)]
pub struct Failed {
    pub at: Timestamp,
    pub host: String,
    pub account: String,
    pub name: String,
}

/// A refusal of the CA that names a date.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub host: String,
    pub account: String,
    /// The names that were asked for.
    pub names: Identifiers,
    pub limit: Limit,
    /// Nothing is taken before.
    pub until: Timestamp,
}

/// All that was spent, each list in the order of time.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub issued: Vec<Issued>,
    pub ordered: Vec<Ordered>,
    pub failed: Vec<Failed>,
    pub refusals: Vec<Refusal>,
    /// When sets of names were issued, by CA.
    sets: BTreeMap<(String, Identifiers), Vec<Timestamp>>,
}

/// Who pays for what `reference` asks for, seen from a namespace; `None` if it is no ACME issuer, or was not seen.
pub fn payer(inventory: &Inventory, reference: &IssuerRef, namespace: &str) -> Option<Payer> {
    let view = IssuerView::resolve(inventory, reference, namespace);
    let (objref, acme, uri) = match view.seen()? {
        IssuerView::Builtin { objref, spec, status, .. } => {
            let uri = status.acme.as_ref().map(|acme| acme.uri.clone()).filter(|uri| !uri.is_empty());
            (objref.clone(), spec.acme.as_ref()?, uri)
        }
        IssuerView::External(_) => return None,
    };
    Some(Payer {
        host: host(&acme.server).to_ascii_lowercase(),
        account: uri.unwrap_or_else(|| objref.to_string()),
        issuer: objref,
        by_suggestion: by_suggestion(acme),
    })
}

fn by_suggestion(acme: &AcmeIssuer) -> bool {
    acme.renewal_information_source == Some(RenewalInformationSource::Ari)
}

impl History {
    /// Everything that the objects tell of, up to `now`.
    pub fn of(inventory: &Inventory, now: Timestamp) -> Self {
        let mut history = Self::default();
        let mut serials = BTreeSet::new();
        let mut revisions = BTreeSet::new();
        history.requests(inventory, now, &mut serials, &mut revisions);
        history.certificates(inventory, now, &serials, &revisions);
        history.orders(inventory);
        history.issued.retain(|issued| issued.at <= now);
        history.ordered.retain(|ordered| ordered.at <= now);
        history.failed.retain(|failed| failed.at <= now);
        history.refusals.retain(|refusal| refusal.until > now);
        history.issued.sort_by_key(|issued| (issued.at, issued.names.clone()));
        history.ordered.sort_by_key(|ordered| (ordered.at, ordered.names.clone()));
        history.failed.sort_by_key(|failed| (failed.at, failed.name.clone()));
        history.class();
        history
    }

    /// Whether the set was issued before a time, recently enough for it to be a renewal then.
    pub fn is_renewal(&self, host: &str, names: &Identifiers, at: Timestamp, rules: Option<&PublicCa>) -> bool {
        let days = rules.map_or(0, |rules| rules.renewal_within_days);
        let since = at.saturating_sub(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MIN);
        let times = self.sets.get(&(host.to_owned(), names.clone())).into_iter().flatten();
        times.copied().any(|issued| since <= issued && issued < at)
    }

    fn requests(
        &mut self,
        inventory: &Inventory,
        now: Timestamp,
        serials: &mut BTreeSet<String>,
        revisions: &mut BTreeSet<(String, i64)>,
    ) {
        for request in inventory.requests.iter() {
            let namespace = request.namespace().unwrap_or_default();
            if request.ready_reason() != Some(&RequestReason::Issued) {
                continue;
            }
            let Some(payer) = payer(inventory, &request.spec.issuer_ref, namespace) else { continue };
            let order = request.uid().and_then(|uid| inventory.orders.owned_by(uid).next());
            let leaf = leaf(&request.status.certificate);
            let ready = request.condition(RequestConditionType::Ready).and_then(Condition::since);
            let (Some(at), Some(names)) = (
                ready.or_else(|| leaf.as_ref().map(|leaf| undated(leaf.leaf().not_before, &payer, now))),
                leaf.as_ref()
                    .map(|leaf| identifiers::of_leaf(leaf.leaf()))
                    .or_else(|| order.map(|order| identifiers::of_order(&order.spec))),
            ) else {
                continue;
            };
            serials.extend(leaf.map(|leaf| leaf.leaf().serial.clone()));
            if let (Some(owner), Some(revision)) = (request.controller_uid(), request.revision()) {
                revisions.insert((owner.to_owned(), revision));
            }
            let is_replacement = order.is_some_and(|order| !order.spec.replaces.is_empty());
            // A later revision was most likely issued for the same names before; its request is deleted.
            let is_renewal = request.revision().is_some_and(|revision| revision > 1);
            self.issued.push(Issued { at, host: payer.host, names, is_renewal, is_replacement });
        }
    }

    /// Certificates in use whose requests are gone.
    fn certificates(
        &mut self,
        inventory: &Inventory,
        now: Timestamp,
        serials: &BTreeSet<String>,
        revisions: &BTreeSet<(String, i64)>,
    ) {
        for certificate in inventory.certificates.iter() {
            let namespace = certificate.namespace().unwrap_or_default();
            let Some(payer) = payer(inventory, &certificate.spec.issuer_ref, namespace) else { continue };
            let status = &certificate.status;
            let is_renewal = status.revision.is_some_and(|revision| revision > 1);
            let secret = inventory.get::<Secret>(Some(namespace), &certificate.spec.secret_name);
            let stored = secret.seen().and_then(|secret| secret.bytes("tls.crt"));
            let stored = stored.and_then(|pem| Bundle::from_pem(pem.expose()).ok());
            let (not_before, names) = match &stored {
                // A temporary certificate comes from no CA.
                Some(stored) if stored.leaf().issuer.common_name() == "cert-manager.local" => continue,
                Some(stored) if serials.contains(&stored.leaf().serial) => continue,
                Some(stored) => (stored.leaf().not_before, identifiers::of_leaf(stored.leaf())),
                None => {
                    let known = certificate.uid().zip(status.revision);
                    if known.is_some_and(|(uid, revision)| revisions.contains(&(uid.to_owned(), revision))) {
                        continue;
                    }
                    let Some(not_before) = &status.not_before else { continue };
                    (not_before.0, identifiers::of_certificate(certificate))
                }
            };
            let at = undated(not_before, &payer, now);
            self.issued.push(Issued { at, host: payer.host, names, is_renewal, is_replacement: false });
        }
    }

    fn orders(&mut self, inventory: &Inventory) {
        for order in inventory.orders.iter() {
            let namespace = order.namespace().unwrap_or_default();
            let Some(payer) = payer(inventory, &order.spec.issuer_ref, namespace) else { continue };
            let names = identifiers::of_order(&order.spec);
            if let Some(RateLimit { limit, retry_after: Some(until) }) = RateLimit::parse(&order.status.reason) {
                let (host, account, names) = (payer.host.clone(), payer.account.clone(), names.clone());
                self.refusals.push(Refusal { host, account, names, limit, until });
            }
            // Without an address the CA never took it, and counts nothing.
            if order.status.url.is_empty() {
                continue;
            }
            let failed_at = order.status.failure_time.as_ref().map(|time| time.0);
            let is_invalid = order.status.state == Some(AcmeState::Invalid);
            let mut failed: BTreeMap<String, Timestamp> = BTreeMap::new();
            let owned = order.uid().into_iter().flat_map(|uid| inventory.challenges.owned_by(uid));
            for challenge in owned.filter(|challenge| challenge.status.state == Some(AcmeState::Invalid)) {
                if let Some(at) = failed_at.or(challenge.created()).or(order.created()) {
                    failed.insert(identifiers::tidy(&challenge.spec.dns_name), at);
                }
            }
            // Of several names it is not known which one failed once the Challenges are gone.
            if let (true, true, 1, Some(at)) =
                (failed.is_empty(), is_invalid, names.len(), failed_at.or(order.created()))
            {
                failed.extend(names.iter().map(|name| (name.trim_start_matches("*.").to_owned(), at)));
            }
            let (host, account) = (payer.host, payer.account);
            for (name, at) in failed {
                self.failed.push(Failed { at, host: host.clone(), account: account.clone(), name });
            }
            if let Some(at) = order.created() {
                let is_replacement = !order.spec.replaces.is_empty();
                let revision = order.annotation(annotation::CERTIFICATE_REVISION).and_then(|text| text.parse().ok());
                let is_renewal = revision.is_some_and(|revision: i64| revision > 1);
                self.ordered.push(Ordered { at, host, account, names, is_renewal, is_replacement });
            }
        }
    }

    /// Tells renewals from new sets, in the order of time.
    fn class(&mut self) {
        for at in 0..self.issued.len() {
            let issued = &self.issued[at];
            let rules = PublicCa::of_server(&format!("https://{}", issued.host));
            let is_renewal = issued.is_renewal || self.is_renewal(&issued.host, &issued.names, issued.at, rules);
            let key = (issued.host.clone(), issued.names.clone());
            self.sets.entry(key).or_default().push(issued.at);
            self.issued[at].is_renewal = is_renewal;
        }
    }
}

fn leaf(text: &Base64Text) -> Option<Bundle> {
    text.decode().and_then(|pem| Bundle::from_pem(&pem).ok())
}

/// When a certificate was issued, from its beginning; not after `now` if it has begun.
fn undated(not_before: Timestamp, payer: &Payer, now: Timestamp) -> Timestamp {
    let back = PublicCa::of_server(&format!("https://{}", payer.host)).map_or(SignedDuration::ZERO, |ca| ca.dated_back);
    not_before.saturating_add(back).unwrap_or(not_before).min(now.max(not_before))
}
