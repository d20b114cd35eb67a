//! Real CAs: the engine's questions to an ACME server (RFC 8555) and to Vault, asked over the network.
//!
//! Speaks as cert-manager's clients do and words failures as those do. Keys of accounts are those that the engine
//! made or found, RSA as cert-manager's are; they stay in memory, and nothing is written but to the CA itself and to the
//! servers that the world file names for the responses to challenges.

mod account;
pub mod http;
mod jws;
mod read;
mod request;
mod server;
mod show;
mod vault;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use tokio::runtime::Runtime;

use crate::api::{AcmeState, Challenge, ChallengeType};
use crate::clock;
use crate::connect::Trust;
use crate::dryrun::outside::Reply;
use crate::dryrun::real::{Asking, Real};
use crate::dryrun::world::Solvers;
use crate::engine::question::acme::{AcmeCall, AcmeFailure, AcmeReply, AcmeRequest, AcmeServer, Identifier};
use crate::engine::question::dns::{Dns01Change, DnsFailure};
use crate::engine::question::vault::{VaultAnswer, VaultCall};
use crate::engine::question::{Answer, Question};
use account::Accounts;
use server::Server;
use show::Shown;

/// Which of the CAs are real.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RealOnes {
    pub acme: bool,
    pub vault: bool,
}

/// cert-manager asks on and on where a CA gives what it cannot use. A real CA is spared that.
const MOST_ORDERS: u32 = 3;

/// How to reach the CAs.
#[derive(Clone, Debug)]
pub struct Options {
    pub real: RealOnes,
    /// Trusted in place of what an issuer says, if there are any.
    pub roots: Vec<CertificateDer<'static>>,
    /// The longest that one request may take.
    pub limit: Duration,
}

/// The CAs, with all that must be remembered of them.
#[derive(Debug)]
pub struct RealCa {
    options: Options,
    runtime: Runtime,
    /// By the directory, and by what the issuers trust: each has connections of its own.
    servers: BTreeMap<(String, Vec<u8>, bool), Server>,
    accounts: Accounts,
    /// How many orders were asked for, by their names.
    orders: BTreeMap<Vec<Identifier>, u32>,
    shown: Shown,
    is_interrupted: bool,
}

impl RealCa {
    /// CAs that nothing has been asked of.
    pub fn new(options: Options, solvers: Solvers) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shown = Shown::new(solvers, options.limit);
        let (servers, accounts, orders) = (BTreeMap::new(), Accounts::default(), BTreeMap::new());
        Ok(Self { options, runtime, servers, accounts, orders, shown, is_interrupted: false })
    }

    /// Runs something to its end, unless the user stops it.
    fn work<T>(
        runtime: &Runtime,
        is_interrupted: &mut bool,
        now: Timestamp,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let done = runtime.block_on(async {
            tokio::select! {
                done = async {
                    // The run may be ahead.
                    let ahead = now.duration_since(clock::now());
                    tokio::time::sleep(Duration::try_from(ahead).unwrap_or_default()).await;
                    work.await
                } => Some(done),
                _ = tokio::signal::ctrl_c() => None,
            }
        });
        *is_interrupted |= done.is_none();
        done
    }

    fn ask(&mut self, call: &AcmeCall, asking: &Asking<'_>) -> Reply {
        let Self { options, runtime, servers, accounts, orders, shown, is_interrupted } = self;
        if let AcmeRequest::NewOrder(new) = &call.request {
            let count = orders.entry(new.identifiers.clone()).or_default();
            *count += 1;
            if *count > MOST_ORDERS {
                let words = format!("not asked: one run asks for no more than {MOST_ORDERS} orders of the same names");
                return Reply::now(Answer::Acme(Err(AcmeFailure::Network(words))));
            }
        }
        let challenge =
            if let AcmeRequest::AcceptChallenge { url } = &call.request { shown_to_ca(asking, url) } else { None };
        let AcmeServer { directory, ca_bundle, skip_tls_verify } = &call.server;
        let server = servers
            .entry((directory.clone(), ca_bundle.clone(), *skip_tls_verify))
            .or_insert_with(|| Server::new(directory, &trusted(&call.server, &options.roots), options.limit));
        let done = Self::work(runtime, is_interrupted, asking.network.now, async {
            if let Some(challenge) = challenge {
                shown.http01(&challenge.spec.token, &challenge.spec.key).await?;
            }
            request::answer(server, accounts, call).await
        });
        let replied = done.unwrap_or_else(|| Err(AcmeFailure::Network("interrupted".to_owned())));
        poll(call, asking, replied)
    }

    fn change(&mut self, change: &Dns01Change, asking: &Asking<'_>) -> Option<Reply> {
        let Self { options, runtime, shown, is_interrupted, .. } = self;
        if !options.real.acme || !shown.has_dns01() {
            return None;
        }
        let work = Self::work(runtime, is_interrupted, asking.network.now, shown.dns01(change));
        let changed = work.unwrap_or_else(|| Err("interrupted".to_owned()));
        let changed = changed.map_err(|words| DnsFailure { message: words, unstable: None });
        Some(Reply::now(Answer::Dns01Change(changed)))
    }

    fn vault(&mut self, call: &VaultCall, asking: &Asking<'_>) -> Reply {
        let Self { options, runtime, is_interrupted, .. } = self;
        let work = vault::answer(call, &options.roots, options.limit);
        let done = Self::work(runtime, is_interrupted, asking.network.now, work);
        Reply::now(Answer::Vault(done.unwrap_or(VaultAnswer::Nobody)))
    }
}

impl Real for RealCa {
    fn time(&self) -> Timestamp {
        // Whole seconds, as objects hold them.
        Timestamp::from_second(clock::now().as_second()).expect("it was a time")
    }

    fn answer(&mut self, asking: &Asking<'_>) -> Option<Reply> {
        match asking.question {
            Question::Acme(call) => self.options.real.acme.then(|| self.ask(call, asking)),
            Question::Vault(call) => self.options.real.vault.then(|| self.vault(call, asking)),
            Question::Dns01Change(change) => self.change(change, asking),
            Question::Http01Check(_) | Question::Dns01Check(_) => None,
        }
    }

    fn is_interrupted(&self) -> bool {
        self.is_interrupted
    }

    fn clear(&mut self) -> Vec<String> {
        self.runtime.block_on(self.shown.clear())
    }
}

/// The challenge of a URL, if a CA would see its response in the imagined cluster.
fn shown_to_ca<'c>(asking: &Asking<'c>, url: &str) -> Option<&'c Challenge> {
    let cluster = asking.network.cluster;
    let challenge = cluster.challenges.iter().find(|challenge: &&Challenge| challenge.spec.url == url)?;
    (challenge.spec.type_ == ChallengeType::Http01 && asking.shows(challenge)).then_some(challenge)
}

/// An issuer's own certificates in place of the system's, and those of the user in place of either.
fn trusted(server: &AcmeServer, roots: &[CertificateDer<'static>]) -> Trust {
    if !roots.is_empty() {
        return Trust::Roots(roots.to_vec());
    }
    if server.skip_tls_verify {
        return Trust::Nothing;
    }
    let bundle = http::certificates(&server.ca_bundle);
    if bundle.is_empty() { Trust::System } else { Trust::Roots(bundle) }
}

/// What waits for the CA asks again, as the CA says or each second.
fn poll(call: &AcmeCall, asking: &Asking<'_>, replied: Result<request::Answered, AcmeFailure>) -> Reply {
    let now = clock::now().max(asking.network.now);
    let answer = |replied| Reply::now(Answer::Acme(replied));
    let (is_over, end) = match (&call.request, &replied) {
        (AcmeRequest::WaitOrder { .. }, Ok(answered)) => (is_over(&answered.reply), Timestamp::MAX),
        (AcmeRequest::WaitAuthorization { timeout, .. }, Ok(answered)) => {
            (is_over(&answered.reply), asking.asked.saturating_add(*timeout).unwrap_or(Timestamp::MAX))
        }
        _ => (true, Timestamp::MAX),
    };
    match replied {
        Ok(answered) if !is_over => {
            let again = now.saturating_add(answered.again).unwrap_or(Timestamp::MAX);
            if again < end { Reply::Later(again) } else { answer(Err(AcmeFailure::timeout())) }
        }
        Ok(answered) => answer(Ok(answered.reply)),
        Err(failure) => answer(Err(failure)),
    }
}

/// Whether a reply is what cert-manager's client waits for.
fn is_over(reply: &AcmeReply) -> bool {
    match reply {
        AcmeReply::Order(order) => matches!(order.status, AcmeState::Ready | AcmeState::Valid | AcmeState::Invalid),
        AcmeReply::Authorization(found) => matches!(found.status, AcmeState::Valid | AcmeState::Invalid),
        AcmeReply::Directory(_)
        | AcmeReply::Account(_)
        | AcmeReply::Challenge(_)
        | AcmeReply::Certificate(_)
        | AcmeReply::Alternates(_) => true,
    }
}
