//! Authorizations and their challenges (RFC 8555 §7.1.4, §7.5, §8).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};

use super::settings::Settings;
use super::{Ca, Outcome, after, caa, fetch, not_found};
use crate::api::AcmeState;
use crate::dryrun::outside::network::Network;
use crate::engine::question::acme::{AcmeAuthorization, AcmeChallenge, AcmeFailure, AcmeReply, Identifier, Problem};
use crate::engine::random::Random;

/// An authorization.
#[derive(Clone, Debug)]
pub struct Authorization {
    pub url: String,
    pub account: usize,
    pub identifier: Identifier,
    pub challenges: Vec<Challenge>,
    pub state: State,
    /// When it ends if nobody does anything.
    pub expires: Timestamp,
}

/// Where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Pending,
    /// The challenge of this index is validated at this time.
    Validating {
        challenge: usize,
        at: Timestamp,
    },
    Valid {
        challenge: usize,
        until: Timestamp,
    },
    Invalid {
        challenge: usize,
        problem: Problem,
    },
}

/// A challenge that is offered.
#[derive(Clone, Debug)]
pub struct Challenge {
    pub url: String,
    pub type_: &'static str,
    pub token: String,
}

impl Authorization {
    pub(super) fn new(
        settings: &Settings,
        account: usize,
        number: usize,
        identifier: &Identifier,
        expires: Timestamp,
        random: &mut Random,
    ) -> Self {
        let path = format!("{}/{number}", account + 1);
        let types: &[&'static str] = match identifier {
            Identifier::Dns(name) if name.starts_with("*.") => &["dns-01"],
            Identifier::Dns(_) => &["http-01", "dns-01", "tls-alpn-01"],
            Identifier::Ip(_) => &["http-01", "tls-alpn-01"],
        };
        let token = URL_SAFE_NO_PAD.encode(random.bytes::<32>());
        let challenges = types
            .iter()
            .map(|type_| Challenge {
                url: format!("{}/acme/chall/{path}/{type_}", settings.origin),
                type_,
                token: token.clone(),
            })
            .collect();
        Self {
            url: format!("{}/acme/authz/{path}", settings.origin),
            account,
            identifier: identifier.clone(),
            challenges,
            state: State::Pending,
            expires,
        }
    }

    /// The name without `*.`, and whether it had it.
    pub fn name(&self) -> (&str, bool) {
        let value = self.identifier.value();
        value.strip_prefix("*.").map_or((value, false), |base| (base, true))
    }

    pub(super) fn status(&self, now: Timestamp) -> AcmeState {
        match &self.state {
            State::Valid { until, .. } if *until <= now => AcmeState::Expired,
            State::Valid { .. } => AcmeState::Valid,
            State::Invalid { .. } => AcmeState::Invalid,
            State::Pending | State::Validating { .. } if self.expires <= now => AcmeState::Expired,
            State::Pending | State::Validating { .. } => AcmeState::Pending,
        }
    }
}

impl Ca {
    /// An authorization of the account that is valid already.
    pub(super) fn reusable(&self, account: usize, identifier: &Identifier, now: Timestamp) -> Option<usize> {
        self.authorizations.iter().position(|one| {
            one.account == account && one.identifier == *identifier && one.status(now) == AcmeState::Valid
        })
    }

    fn find_authorization(&self, url: &str) -> Result<usize, Problem> {
        let found = self.authorizations.iter().position(|authorization| authorization.url == url);
        found.ok_or_else(|| not_found("No such authorization"))
    }

    fn show(&self, at: usize, now: Timestamp) -> AcmeAuthorization {
        let authorization = &self.authorizations[at];
        let (name, wildcard) = authorization.name();
        let shown = |index: usize| self.show_challenge(at, index, now);
        AcmeAuthorization {
            status: authorization.status(now),
            identifier: name.to_owned(),
            wildcard,
            challenges: (0..authorization.challenges.len())
                .filter(|index| self.is_shown(at, *index))
                .map(shown)
                .collect(),
        }
    }

    /// Once one challenge has decided, the others are no longer shown.
    fn is_shown(&self, at: usize, index: usize) -> bool {
        match self.authorizations[at].state {
            State::Pending | State::Validating { .. } => true,
            State::Valid { challenge, .. } | State::Invalid { challenge, .. } => challenge == index,
        }
    }

    fn show_challenge(&self, at: usize, index: usize, now: Timestamp) -> AcmeChallenge {
        let authorization = &self.authorizations[at];
        let challenge = &authorization.challenges[index];
        let (status, error) = match &authorization.state {
            State::Valid { challenge, .. } if *challenge == index => (authorization.status(now), None),
            State::Invalid { challenge, problem } if *challenge == index => (AcmeState::Invalid, Some(problem.clone())),
            State::Pending | State::Validating { .. } | State::Valid { .. } | State::Invalid { .. } => {
                (AcmeState::Pending, None)
            }
        };
        AcmeChallenge {
            url: challenge.url.clone(),
            type_: challenge.type_.to_owned(),
            token: challenge.token.clone(),
            status,
            error,
        }
    }

    pub(super) fn get_authorization(&self, url: &str, now: Timestamp) -> Result<AcmeReply, Problem> {
        let at = self.find_authorization(url)?;
        if self.authorizations[at].status(now) == AcmeState::Expired {
            return Err(not_found("Expired authorization"));
        }
        Ok(AcmeReply::Authorization(self.show(at, now)))
    }

    /// An authorization that is valid or invalid; else when to look again.
    pub(super) fn wait_authorization(&self, url: &str, end: Timestamp, now: Timestamp) -> Outcome {
        let at = match self.find_authorization(url) {
            Ok(at) => at,
            Err(problem) => return problem.into(),
        };
        let authorization = &self.authorizations[at];
        match authorization.status(now) {
            AcmeState::Expired => not_found("Expired authorization").into(),
            AcmeState::Valid | AcmeState::Invalid => AcmeReply::Authorization(self.show(at, now)).into(),
            AcmeState::Ready
            | AcmeState::Pending
            | AcmeState::Processing
            | AcmeState::Errored
            | AcmeState::Unknown(_) => {
                if end <= now {
                    return Outcome::Failure(AcmeFailure::timeout());
                }
                let next = match authorization.state {
                    State::Validating { at, .. } => at,
                    State::Pending | State::Valid { .. } | State::Invalid { .. } => {
                        after(now, SignedDuration::from_secs(1))
                    }
                };
                Outcome::Later(next.min(end))
            }
        }
    }

    /// The client says that its response is there (§7.5.1).
    pub(super) fn accept(&mut self, url: &str, now: Timestamp) -> Result<AcmeReply, Problem> {
        let found = self.authorizations.iter().enumerate().find_map(|(at, authorization)| {
            authorization.challenges.iter().position(|challenge| challenge.url == url).map(|index| (at, index))
        });
        let Some((at, index)) = found else { return Err(not_found("No such challenge")) };
        let authorization = &mut self.authorizations[at];
        match authorization.status(now) {
            AcmeState::Expired => return Err(not_found("Expired authorization")),
            AcmeState::Invalid => {
                let detail = "Unable to update challenge :: authorization must be pending";
                return Err(Problem::new(400, "malformed", detail));
            }
            AcmeState::Valid
            | AcmeState::Ready
            | AcmeState::Pending
            | AcmeState::Processing
            | AcmeState::Errored
            | AcmeState::Unknown(_) => {}
        }
        if authorization.state == State::Pending {
            authorization.state =
                State::Validating { challenge: index, at: after(now, self.settings.validation_takes) };
        }
        Ok(AcmeReply::Challenge(self.show_challenge(at, index, now)))
    }

    /// Validates a challenge whose time has come.
    pub(super) fn validate(&mut self, at: usize, network: &Network<'_>) {
        let authorization = &self.authorizations[at];
        let State::Validating { challenge, at: when } = authorization.state else { return };
        if when > network.now {
            return;
        }
        let result = self.check(authorization, challenge, network);
        let reuse = self.settings.authorization_reuse;
        self.authorizations[at].state = match result {
            Ok(()) => State::Valid { challenge, until: after(when, reuse) },
            Err(problem) => State::Invalid { challenge, problem },
        };
    }

    fn check(&self, authorization: &Authorization, challenge: usize, network: &Network<'_>) -> Result<(), Problem> {
        let (name, is_wildcard) = authorization.name();
        let challenge = &authorization.challenges[challenge];
        let thumbprint = &self.accounts[authorization.account].thumbprint;
        let key_authorization = format!("{}.{thumbprint}", challenge.token);
        match challenge.type_ {
            "http-01" => fetch::http01(network, name, &challenge.token, &key_authorization)?,
            "dns-01" => fetch::dns01(network, name, &key_authorization)?,
            // cert-manager answers no other.
            _ => return Err(Problem::new(400, "malformed", "the challenge cannot be validated here")),
        }
        if matches!(authorization.identifier, Identifier::Dns(_)) && !self.settings.caa_identities.is_empty() {
            let question = caa::Question {
                name,
                is_wildcard,
                identities: &self.settings.caa_identities,
                account: &self.accounts[authorization.account].url,
                method: challenge.type_,
            };
            caa::check(network, &question)?;
        }
        Ok(())
    }
}
