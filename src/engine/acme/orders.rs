//! The controller of Orders (`pkg/controller/acmeorders/sync.go`).

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::client::Client;
use super::finalize::{download, finalize};
use super::planned::planned_challenges;
use super::speaker;
use crate::api::order::OfferedChallenge;
use crate::api::{
    AcmeIssuer, AcmeState, Authorization, Challenge, ChallengeSpec, ChallengeStatus, ChallengeType, GoDuration, Object,
    Order, OrderStatus,
};
use crate::engine::certificates::controller_ref;
use crate::engine::event::EventType;
use crate::engine::question::acme::{AcmeChallenge, AcmeFailure, AcmeOrder, AcmeRequest, Identifier, NewOrder};
use crate::engine::turn::{Looked, Trouble, Turn};
use crate::objref::ObjRef;

/// How long after the last challenge the server is asked again that still calls the order pending.
const REQUEUE: SignedDuration = SignedDuration::from_secs(5);

pub const RETRIEVE_FAILED: &str = "Failed to retrieve Order resource";

/// One look at an Order.
pub fn orders(turn: &mut Turn) -> Looked {
    let Some(order) = turn.cluster.find::<Order>(turn.object()).cloned() else { return Ok(()) };
    if order.deleting_since().is_some() {
        return Ok(());
    }
    let (issuer, client) = speaker(turn, &order.spec.issuer_ref, order.namespace().unwrap_or_default())?;
    let mut work = Work { order: &order, issuer, client, status: order.status.clone(), now: turn.stamp() };
    // The rest waits for the server's answer.
    let Some(looked) = work.look(turn) else { return Ok(()) };
    let status = work.status;
    turn.cluster.modify::<Order>(&order.objref(), |order| {
        let changed = order.status != status;
        order.status = status;
        changed
    });
    looked
}

/// An Order in hand, with the status that it will get.
pub struct Work<'o> {
    pub order: &'o Order,
    pub issuer: AcmeIssuer,
    pub client: Client,
    pub status: OrderStatus,
    now: Time,
}

impl Work<'_> {
    fn look(&mut self, turn: &mut Turn) -> Option<Looked> {
        let state = self.status.state.clone();
        let is_valid = state == Some(AcmeState::Valid);
        if state.as_ref().is_some_and(AcmeState::is_failure) {
            return Some(Ok(()));
        }
        if self.status.url.is_empty() {
            return self.open(turn);
        }
        if self.status.finalize_url.is_empty() {
            let replied = self.refresh(turn)?;
            return Some(self.absorb(RETRIEVE_FAILED, replied.map(|_| ())));
        }
        if self.status.authorizations.iter().any(|authorization| authorization.identifier.is_empty()) {
            return self.read_authorizations(turn);
        }
        if is_valid && self.status.certificate.is_empty() {
            return match self.refresh(turn)? {
                Ok(order) => download(self, turn, &order),
                Err(failure) => Some(self.absorb(RETRIEVE_FAILED, Err(failure))),
            };
        }
        if is_valid {
            self.delete_challenges(turn, |_| true);
            return Some(Ok(()));
        }
        let planned = planned_challenges(self.order, &self.issuer);
        let required: Result<Vec<_>, _> =
            planned.into_iter().map(|(_, planned)| planned.map(|planned| (planned.name, planned.spec))).collect();
        let required = match required {
            Ok(required) => required,
            Err(error) => {
                let words = "Failed to determine a valid solver configuration for the set of domains on the Order";
                turn.tell(self.order, EventType::Warning, "Solver", format!("{words}: {error}"));
                return Some(Ok(()));
            }
        };
        if required.iter().any(|(name, _)| turn.cluster.get::<Challenge>(self.order.namespace(), name).is_none()) {
            self.create_challenges(turn, required);
            return Some(Ok(()));
        }
        let names: BTreeSet<_> = required.into_iter().map(|(name, _)| name).collect();
        if self.delete_challenges(turn, |name| !names.contains(name)) {
            return Some(Ok(()));
        }
        if state == Some(AcmeState::Ready) {
            return finalize(self, turn);
        }
        self.follow_challenges(turn)
    }

    /// Opens the order at the server.
    fn open(&mut self, turn: &mut Turn) -> Option<Looked> {
        let spec = &self.order.spec;
        let duration = spec.duration.as_ref().and_then(GoDuration::parse);
        let new = NewOrder {
            identifiers: identifiers(self.order),
            not_after: duration.and_then(|duration| turn.now.checked_add(duration).ok()),
            profile: Some(spec.profile.clone()).filter(|profile| !profile.is_empty()),
        };
        if let Some(profile) = &new.profile {
            let fault = match self.client.directory(turn)? {
                Ok(directory) if directory.profiles.is_empty() => {
                    "acme: certificate authority does not support profiles".to_owned()
                }
                Ok(directory) if !directory.profiles.contains(profile) => {
                    format!("acme: certificate authority does not advertise a profile with name {profile}")
                }
                Ok(_) => String::new(),
                Err(failure) => return Some(self.not_opened(&failure)),
            };
            if !fault.is_empty() {
                self.fail(format!("Failed to create Order: {fault}"));
                return Some(Ok(()));
            }
        }
        match self.client.order(turn, AcmeRequest::NewOrder(new))? {
            Ok(opened) => {
                self.status.url = opened.url.unwrap_or_default();
                self.status.finalize_url = opened.finalize;
                self.status.authorizations = unread(&opened.authorizations);
                self.set_state(opened.status);
                Some(Ok(()))
            }
            Err(failure) => Some(self.not_opened(&failure)),
        }
    }

    fn not_opened(&mut self, failure: &AcmeFailure) -> Looked {
        if failure.is_of_client() {
            self.fail(format!("Failed to create Order: {failure}"));
            return Ok(());
        }
        Err(Trouble(format!("error creating new order: {failure}")))
    }

    fn read_authorizations(&mut self, turn: &mut Turn) -> Option<Looked> {
        for index in 0..self.status.authorizations.len() {
            let authorization = &self.status.authorizations[index];
            if !authorization.identifier.is_empty() {
                continue;
            }
            let request = AcmeRequest::GetAuthorization { url: authorization.url.clone() };
            let read = match self.client.authorization(turn, request)? {
                Ok(read) => read,
                Err(failure) => return Some(self.absorb("Failed to fetch authorization", Err(failure))),
            };
            let offered = |challenge: AcmeChallenge| OfferedChallenge {
                url: challenge.url,
                token: challenge.token,
                type_: challenge.type_,
            };
            let authorization = &mut self.status.authorizations[index];
            authorization.initial_state = Some(read.status);
            authorization.identifier = read.identifier;
            authorization.wildcard = Some(read.wildcard);
            authorization.challenges = read.challenges.into_iter().map(offered).collect();
        }
        Some(Ok(()))
    }

    fn create_challenges(&self, turn: &mut Turn, required: Vec<(String, ChallengeSpec)>) {
        for (name, mut spec) in required {
            spec.key = match spec.type_ {
                ChallengeType::Http01 => self.client.key_authorization(&spec.token),
                ChallengeType::Dns01 => self.client.dns_record(&spec.token),
                ChallengeType::Unknown(_) => continue,
            };
            let words = format!("Created Challenge resource {name:?} for domain {:?}", spec.dns_name);
            let challenge = Challenge {
                metadata: ObjectMeta {
                    name: Some(name),
                    namespace: self.order.metadata.namespace.clone(),
                    owner_references: Some(vec![controller_ref(self.order)]),
                    ..ObjectMeta::default()
                },
                spec,
                status: ChallengeStatus::default(),
            };
            if turn.cluster.create(challenge).is_ok() {
                turn.tell(self.order, EventType::Normal, "Created", words);
            }
        }
    }

    /// Deletes the Order's Challenges whose names are given, and says whether there were any.
    fn delete_challenges(&self, turn: &mut Turn, which: impl Fn(&str) -> bool) -> bool {
        let owned = self.owned(turn).map(Object::objref);
        let chosen: Vec<ObjRef> = owned.filter(|challenge| which(&challenge.name)).collect();
        for challenge in &chosen {
            turn.cluster.delete(challenge);
        }
        !chosen.is_empty()
    }

    /// The Challenges that the Order controls, by name.
    fn owned<'t>(&'t self, turn: &'t Turn) -> impl Iterator<Item = &'t Challenge> {
        turn.cluster.challenges.owned_by(self.order.uid().unwrap_or_default())
    }

    /// Once the Challenges are through, the server says what became of the order.
    fn follow_challenges(&mut self, turn: &mut Turn) -> Option<Looked> {
        let states: Vec<_> = self.owned(turn).map(|challenge| challenge.status.state.clone()).collect();
        let has_failed = states.iter().flatten().any(AcmeState::is_failure);
        let are_final = states.iter().all(|state| state.as_ref().is_some_and(AcmeState::is_final));
        if !has_failed && !are_final {
            return Some(Ok(()));
        }
        let read = match self.read(turn)? {
            Ok(read) => read,
            Err(failure) => return Some(self.absorb(RETRIEVE_FAILED, Err(failure))),
        };
        if !has_failed && read.status == AcmeState::Pending {
            self.set_state(AcmeState::Pending);
            turn.again_in(REQUEUE);
        } else {
            self.take_over(&read);
        }
        Some(Ok(()))
    }

    fn read(&self, turn: &mut Turn) -> Option<Result<AcmeOrder, AcmeFailure>> {
        self.client.order(turn, AcmeRequest::GetOrder { url: self.status.url.clone() })
    }

    /// Reads the order at the server and takes its state over.
    pub fn refresh(&mut self, turn: &mut Turn) -> Option<Result<AcmeOrder, AcmeFailure>> {
        let replied = self.read(turn)?;
        if let Ok(order) = &replied {
            self.take_over(order);
        }
        Some(replied)
    }

    fn take_over(&mut self, order: &AcmeOrder) {
        if let Some(url) = order.url.as_ref().filter(|url| !url.is_empty()) {
            self.status.url.clone_from(url);
        }
        self.status.finalize_url.clone_from(&order.finalize);
        self.set_state(order.status.clone());
        if self.status.authorizations.is_empty() {
            self.status.authorizations = unread(&order.authorizations);
        }
    }

    /// Sets the state, and with one of failure the time.
    pub fn set_state(&mut self, state: AcmeState) {
        if state.is_failure() {
            self.status.failure_time = Some(self.now.clone());
        }
        self.status.state = Some(state);
    }

    /// The Order is errored for good.
    pub fn fail(&mut self, reason: String) {
        self.set_state(AcmeState::Errored);
        self.status.reason = reason;
    }

    /// A problem of which the server says that the client is at fault ends the Order; others are tried again.
    pub fn absorb(&mut self, lead: &str, replied: Result<(), AcmeFailure>) -> Looked {
        match replied {
            Ok(()) => Ok(()),
            Err(failure) if failure.is_of_client() => {
                self.fail(format!("{lead}: {failure}"));
                Ok(())
            }
            Err(failure) => Err(Trouble(failure.to_string())),
        }
    }
}

fn unread(urls: &[String]) -> Vec<Authorization> {
    urls.iter().map(|url| Authorization { url: url.clone(), ..Authorization::default() }).collect()
}

/// What the order is for: names first, then addresses, each sorted and once. A common name counts as what it looks like.
fn identifiers(order: &Order) -> Vec<Identifier> {
    let spec = &order.spec;
    let mut dns: BTreeSet<&str> = spec.dns_names.iter().map(String::as_str).collect();
    let mut ips: BTreeSet<&str> = spec.ip_addresses.iter().map(String::as_str).collect();
    let name = spec.common_name.as_str();
    if name.parse::<IpAddr>().is_ok() {
        ips.insert(name);
    } else if is_fully_qualified(name) {
        dns.insert(name);
    }
    let dns = dns.into_iter().map(|name| Identifier::Dns(name.to_owned()));
    dns.chain(ips.into_iter().map(|ip| Identifier::Ip(ip.to_owned()))).collect()
}

/// Kubernetes' `IsFullyQualifiedDomainName`: at least two labels of lower-case letters, digits and hyphens.
fn is_fully_qualified(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::OrderSpec;

    #[test]
    fn identifiers_are_sorted_and_hold_the_common_name_once() {
        let order = |name: &str| {
            let dns_names = ["b.example", "*.b.example"].map(str::to_owned).to_vec();
            let spec = OrderSpec {
                common_name: name.into(),
                dns_names,
                ip_addresses: vec!["192.0.2.1".into()],
                ..OrderSpec::default()
            };
            let found = identifiers(&Order { spec, ..Order::default() });
            found.iter().map(|one| format!("{} {}", one.type_(), one.value())).collect::<Vec<_>>()
        };
        let plain = ["dns *.b.example", "dns b.example", "ip 192.0.2.1"];
        assert_eq!(order(""), plain);
        assert_eq!(order("b.example"), plain);
        assert_eq!(order("Some Name"), plain);
        assert_eq!(order("*.c.example"), plain, "no FQDN, and so not taken from the common name");
        assert_eq!(order("a.example"), ["dns *.b.example", "dns a.example", "dns b.example", "ip 192.0.2.1"]);
        assert_eq!(order("192.0.2.0"), ["dns *.b.example", "dns b.example", "ip 192.0.2.0", "ip 192.0.2.1"]);
    }
}
