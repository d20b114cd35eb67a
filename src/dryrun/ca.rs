//! A simulated ACME server (RFC 8555): accounts, orders, authorizations, challenges, certificates. Its words are those
//! of Let's Encrypt's server, Boulder.
//!
//! It has no nonces and checks no signatures: whoever asks is who he says he is. Time is an argument; what takes time
//! is answered later.

mod account;
mod authorization;
mod caa;
mod fetch;
mod finalize;
mod limits;
mod names;
mod order;
mod settings;
mod signer;

use jiff::{SignedDuration, Timestamp};

use super::outside::Reply;
use super::outside::network::Network;
use super::world::World;
use crate::api::Challenge;
use crate::engine::question::Answer;
use crate::engine::question::acme::{AcmeCall, AcmeDirectory, AcmeFailure, AcmeReply, AcmeRequest, Problem};
use crate::engine::random::Random;
use account::Account;
use authorization::Authorization;
use order::Order;
use settings::Settings;
use signer::Signer;

/// One server, with all that it remembers.
#[derive(Debug)]
pub struct Ca {
    settings: Settings,
    signer: Signer,
    accounts: Vec<Account>,
    orders: Vec<Order>,
    authorizations: Vec<Authorization>,
}

/// What a request comes to.
enum Outcome {
    Reply(AcmeReply),
    Failure(AcmeFailure),
    Later(Timestamp),
}

impl From<AcmeReply> for Outcome {
    fn from(reply: AcmeReply) -> Self {
        Self::Reply(reply)
    }
}

impl From<Problem> for Outcome {
    fn from(problem: Problem) -> Self {
        Self::Failure(AcmeFailure::Problem(problem))
    }
}

impl<T: Into<Outcome>> From<Result<T, Problem>> for Outcome {
    fn from(result: Result<T, Problem>) -> Self {
        match result {
            Ok(reply) => reply.into(),
            Err(problem) => problem.into(),
        }
    }
}

impl Ca {
    /// The server of a directory, as the world file has it.
    pub fn new(directory: &str, world: &World, random: &mut Random) -> Self {
        let settings = Settings::of(directory, world);
        let signer = Signer::new(&settings, random);
        Self { settings, signer, accounts: Vec::new(), orders: Vec::new(), authorizations: Vec::new() }
    }

    /// Answers a request that was first made at `asked`.
    pub fn answer(&mut self, call: &AcmeCall, asked: Timestamp, network: &Network<'_>, random: &mut Random) -> Reply {
        let outcome = match self.settings.out_of_order(network.start, network.now) {
            Some(failure) => Outcome::Failure(failure),
            None => self.request(call, asked, network, random),
        };
        match outcome {
            Outcome::Reply(reply) => Reply::now(Answer::Acme(Ok(reply))),
            Outcome::Failure(failure) => Reply::now(Answer::Acme(Err(failure))),
            Outcome::Later(at) => Reply::Later(at),
        }
    }

    fn request(&mut self, call: &AcmeCall, asked: Timestamp, network: &Network<'_>, random: &mut Random) -> Outcome {
        let now = network.now;
        match &call.request {
            AcmeRequest::Directory => {
                AcmeReply::Directory(AcmeDirectory { profiles: self.settings.profile_names() }).into()
            }
            AcmeRequest::NewAccount { contact, external_account } => {
                self.new_account(&call.account.thumbprint, contact, external_account.as_ref(), network).into()
            }
            AcmeRequest::FindAccount => self.find_account(call, network).map(|at| self.account(at)).into(),
            AcmeRequest::UpdateAccount { contact } => match self.find_account(call, network) {
                Ok(at) => {
                    self.accounts[at].contact.clone_from(contact);
                    self.account(at).into()
                }
                Err(problem) => problem.into(),
            },
            AcmeRequest::NewOrder(wanted) => match self.find_account(call, network) {
                Ok(account) => self.new_order(account, wanted, network, random).into(),
                Err(problem) => problem.into(),
            },
            AcmeRequest::GetOrder { url } => {
                self.settle(network);
                self.get_order(url, now).into()
            }
            AcmeRequest::WaitOrder { url } => {
                self.settle(network);
                self.wait_order(url, now)
            }
            AcmeRequest::GetAuthorization { url } => {
                self.settle(network);
                self.get_authorization(url, now).into()
            }
            AcmeRequest::WaitAuthorization { url, timeout } => {
                self.settle(network);
                let end = asked.saturating_add(*timeout).unwrap_or(Timestamp::MAX);
                self.wait_authorization(url, end, now)
            }
            AcmeRequest::AcceptChallenge { url } => {
                self.settle(network);
                self.accept(url, now).into()
            }
            AcmeRequest::Finalize { url, csr } => {
                self.settle(network);
                self.finalize(url, csr, network, random).into()
            }
            AcmeRequest::GetCertificate { url } => self.certificate(url).into(),
            AcmeRequest::ListAlternates { url } => self.alternates(url).into(),
        }
    }

    /// Lets everything happen that has been under way until now.
    fn settle(&mut self, network: &Network<'_>) {
        for at in 0..self.authorizations.len() {
            self.validate(at, network);
        }
    }
}

/// Whether a CA would see the response to an HTTP-01 challenge.
pub fn shows_http01(network: &Network<'_>, challenge: &Challenge) -> bool {
    let spec = &challenge.spec;
    fetch::http01(network, &spec.dns_name, &spec.token, &spec.key).is_ok()
}

/// The problem of something that is not there.
fn not_found(what: impl Into<String>) -> Problem {
    Problem::new(404, "malformed", what)
}

/// A time, or the last one there is.
fn after(at: Timestamp, length: SignedDuration) -> Timestamp {
    at.saturating_add(length).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
