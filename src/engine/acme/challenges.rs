//! The controller of Challenges (`pkg/controller/acmechallenges/sync.go`).

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::client::Client;
use super::{check, dns01, http01, scheduler, speaker};
use crate::api::annotation::{CHALLENGE_FINALIZER, CHALLENGE_FINALIZER_LEGACY};
use crate::api::{AcmeState, Challenge, ChallengeStatus, ChallengeType, Object};
use crate::engine::event::EventType;
use crate::engine::question::acme::{AcmeAuthorization, AcmeFailure, AcmeRequest};
use crate::engine::turn::{Looked, Trouble, Turn};

/// How long the controller polls an authorization before it gives up.
const AUTHORIZATION_TIMEOUT: SignedDuration = SignedDuration::from_mins(2);

/// One look at a Challenge, or, if the object has no name, the scheduler's look at all of them.
pub fn challenges(turn: &mut Turn) -> Looked {
    if turn.object().name.is_empty() {
        scheduler::schedule(turn);
        return Ok(());
    }
    let Some(challenge) = turn.cluster.find::<Challenge>(turn.object()).cloned() else { return Ok(()) };
    let mut work = Work { challenge: &challenge, status: challenge.status.clone() };
    // The rest waits for the world.
    let Some(looked) = work.look(turn) else { return Ok(()) };
    let status = work.status;
    turn.cluster.modify::<Challenge>(&challenge.objref(), |challenge| {
        let changed = challenge.status != status;
        challenge.status = status;
        changed
    });
    looked
}

fn is_of_acme(finalizer: &str) -> bool {
    [CHALLENGE_FINALIZER, CHALLENGE_FINALIZER_LEGACY].contains(&finalizer)
}

/// A Challenge in hand, with the status that it will get.
struct Work<'c> {
    challenge: &'c Challenge,
    status: ChallengeStatus,
}

impl Work<'_> {
    fn look(&mut self, turn: &mut Turn) -> Option<Looked> {
        let challenge = self.challenge;
        if challenge.deleting_since().is_some() || self.status.state.as_ref().is_some_and(AcmeState::is_final) {
            return self.end(turn);
        }
        if !self.status.processing {
            return Some(Ok(()));
        }
        let finalizers = challenge.finalizers();
        let has = |wanted: &str| finalizers.iter().any(|finalizer| finalizer == wanted);
        if !has(CHALLENGE_FINALIZER) || has(CHALLENGE_FINALIZER_LEGACY) {
            set_finalizers(turn, challenge, Some(CHALLENGE_FINALIZER));
            return Some(Ok(()));
        }
        let speaker = speaker(turn, &challenge.spec.issuer_ref, challenge.namespace().unwrap_or_default());
        let client = match speaker {
            Ok((_, client)) => client,
            Err(trouble) => return Some(Err(trouble)),
        };
        if self.status.state.is_none() {
            return self.read(turn, &client);
        }
        if !self.status.presented
            && let Err(trouble) = self.present(turn)?
        {
            return Some(Err(trouble));
        }
        let waits = challenge.spec.solver.wait_instead_of_self_check.is_some();
        if waits && self.status.presented_at.is_none() {
            self.status.presented_at = Some(turn.stamp());
        }
        match check::readiness(turn, challenge, &self.status)? {
            check::Readiness::Ready => self.accept(turn, &client),
            check::Readiness::Waiting { reason, again } => {
                self.status.reason = reason;
                turn.again_in(again);
                Some(Ok(()))
            }
        }
    }

    /// It is through or to be deleted: what was presented is cleaned up, and the slot given back.
    fn end(&mut self, turn: &mut Turn) -> Option<Looked> {
        if !self.challenge.finalizers().iter().any(|finalizer| is_of_acme(finalizer)) {
            self.status.presented = false;
            self.status.processing = false;
            return Some(Ok(()));
        }
        let cleaned = match &self.challenge.spec.type_ {
            ChallengeType::Http01 => {
                http01::clean_up(turn, self.challenge);
                Ok(())
            }
            ChallengeType::Dns01 => dns01::clean_up(turn, self.challenge)?,
            ChallengeType::Unknown(word) => return Some(Err(no_solver(word))),
        };
        if let Err(fault) = cleaned {
            let message = format!("Error cleaning up challenge: {}", fault.message);
            turn.tell(self.challenge, EventType::Warning, "CleanUpError", message.clone());
            self.status.reason = format!("Error cleaning up challenge: {}", fault.stable);
            return Some(Err(Trouble(message)));
        }
        set_finalizers(turn, self.challenge, None);
        Some(Ok(()))
    }

    /// Reads the state at the server, by way of the authorization.
    fn read(&mut self, turn: &mut Turn, client: &Client) -> Option<Looked> {
        let spec = &self.challenge.spec;
        let request = AcmeRequest::GetAuthorization { url: spec.authorization_url.clone() };
        let found = client.authorization(turn, request)?.and_then(|authorization| {
            let found = authorization.challenges.into_iter().find(|offered| offered.url == spec.url);
            found.ok_or_else(|| AcmeFailure::Nonsense("challenge was not present in authorization".to_owned()))
        });
        Some(match found {
            Ok(found) => {
                self.status.reason = found.error.map(|problem| problem.detail).unwrap_or_default();
                self.status.state = Some(found.status);
                Ok(())
            }
            Err(failure) => self.absorb(&failure),
        })
    }

    /// Presents the response; `Some(Err)` if it did not work.
    fn present(&mut self, turn: &mut Turn) -> Option<Looked> {
        let challenge = self.challenge;
        let presented = match &challenge.spec.type_ {
            ChallengeType::Http01 => http01::present(turn, challenge).map_err(Fault::from),
            ChallengeType::Dns01 => dns01::present(turn, challenge)?,
            ChallengeType::Unknown(word) => return Some(Err(no_solver(word))),
        };
        if let Err(fault) = presented {
            let message = format!("Error presenting challenge: {}", fault.message);
            turn.tell(challenge, EventType::Warning, "PresentError", message);
            self.status.reason = fault.stable;
            return Some(Err(Trouble(fault.message)));
        }
        self.status.presented = true;
        let seconds = turn.first("presented").as_second();
        self.status.presented_at = jiff::Timestamp::from_second(seconds).ok().map(Time);
        let words = format!("Presented challenge using {} challenge mechanism", challenge.spec.type_.as_str());
        turn.tell(challenge, EventType::Normal, "Presented", words);
        Some(Ok(()))
    }

    /// Has the server validate, and waits for what comes of it.
    fn accept(&mut self, turn: &mut Turn, client: &Client) -> Option<Looked> {
        let spec = &self.challenge.spec;
        match client.challenge(turn, AcmeRequest::AcceptChallenge { url: spec.url.clone() })? {
            Ok(accepted) => self.status.state = Some(accepted.status),
            Err(failure) => {
                self.status.reason = format!("Error accepting challenge: {failure}");
                return Some(self.absorb(&failure));
            }
        }
        let url = spec.authorization_url.clone();
        let waiting = AcmeRequest::WaitAuthorization { url, timeout: AUTHORIZATION_TIMEOUT };
        let authorization = match client.authorization(turn, waiting)? {
            Ok(authorization) => authorization,
            Err(failure) => return Some(self.absorb(&failure)),
        };
        if authorization.status == AcmeState::Invalid {
            let error = authorization_error(&authorization);
            self.status.state = Some(AcmeState::Invalid);
            self.status.reason = format!("Error accepting authorization: {error}");
            let words = format!("Accepting challenge authorization failed: {error}");
            turn.tell(self.challenge, EventType::Warning, "Failed", words);
            return Some(Ok(()));
        }
        // The client polls on until it is one or the other.
        if authorization.status != AcmeState::Valid {
            return Some(self.absorb(&AcmeFailure::timeout()));
        }
        self.status.state = Some(authorization.status);
        "Successfully authorized domain".clone_into(&mut self.status.reason);
        let words = format!("Domain {:?} verified with {:?} validation", spec.dns_name, spec.type_.as_str());
        turn.tell(self.challenge, EventType::Normal, "DomainVerified", words);
        Some(Ok(()))
    }

    /// What an exchange that failed makes of the Challenge.
    fn absorb(&mut self, failure: &AcmeFailure) -> Looked {
        match failure {
            // What is malformed has often expired.
            AcmeFailure::Problem(problem) if problem.is("malformed") => {
                self.status.state = Some(AcmeState::Expired);
                Ok(())
            }
            AcmeFailure::Problem(problem) if problem.is_of_client() => {
                self.status.state = Some(AcmeState::Errored);
                self.status.reason = format!("Failed to retrieve Order resource: {problem}");
                Ok(())
            }
            AcmeFailure::Problem(_) | AcmeFailure::Network(_) => Err(Trouble(failure.to_string())),
            AcmeFailure::Nonsense(words) => {
                self.status.state = Some(AcmeState::Errored);
                self.status.reason = format!("unexpected non-ACME API error: {words}");
                Err(Trouble(words.clone()))
            }
        }
    }
}

fn no_solver(word: &str) -> Trouble {
    Trouble(format!("no solver for {word:?} implemented"))
}

/// Puts cert-manager's finalizer there, or takes it away. Those of others stay.
fn set_finalizers(turn: &mut Turn, challenge: &Challenge, own: Option<&str>) {
    turn.cluster.modify::<Challenge>(&challenge.objref(), |challenge| {
        let finalizers = challenge.metadata.finalizers.get_or_insert_default();
        finalizers.retain(|finalizer| !is_of_acme(finalizer));
        finalizers.extend(own.map(str::to_owned));
        if finalizers.is_empty() {
            challenge.metadata.finalizers = None;
        }
        true
    });
}

/// The client's `AuthorizationError`: the problems of all challenges of the authorization.
fn authorization_error(authorization: &AcmeAuthorization) -> String {
    let problems = authorization.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
    let problems: Vec<_> = problems.map(ToString::to_string).collect();
    let whom = match authorization.identifier.as_str() {
        "" => String::new(),
        identifier => format!(" for {identifier}"),
    };
    format!("acme: authorization error{whom}: {}", problems.join("; "))
}

/// Why a response was not presented or cleaned up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub message: String,
    /// The same with what changes at each try left out, as a status holds it.
    pub stable: String,
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self { stable: message.clone(), message }
    }
}
