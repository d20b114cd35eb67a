//! Everything outside of cert-manager: who answers its questions, and who else works on the cluster.

mod approver;
mod neighbours;
pub mod network;
mod serving;
mod zone;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::ca::Ca;
use super::real::{Asking, Real};
use super::world::World;
use crate::engine::cluster::{Change, Cluster};
use crate::engine::question::dns::{Dns01Change, Dns01Check, DnsVerb};
use crate::engine::question::vault::VaultAnswer;
use crate::engine::question::{Answer, Http01Check, Question};
use crate::engine::random::Random;
use crate::objref::ObjRef;
use network::{Network, Viewer};
use zone::Zone;

/// What comes of a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Now(Box<Answer>),
    /// It is not known before then: ask again.
    Later(Timestamp),
}

impl Reply {
    /// An answer at once.
    pub fn now(answer: Answer) -> Self {
        Self::Now(Box::new(answer))
    }
}

/// The imagined world, as it is at some time of the run.
#[derive(Debug)]
pub struct Outside {
    world: World,
    start: Timestamp,
    random: Random,
    zone: Zone,
    /// By the URL of the directory.
    cas: BTreeMap<String, Ca>,
    neighbours: neighbours::Neighbours,
    approver: approver::Approver,
    real: Option<Box<dyn Real>>,
}

impl Outside {
    /// A world at the start of a run.
    pub fn new(world: World, start: Timestamp, seed: u64) -> Self {
        Self {
            world,
            start,
            // Another stream than that of the cluster.
            random: Random::seeded(seed ^ 0x6f75_7473_6964_6521),
            zone: Zone::default(),
            cas: BTreeMap::new(),
            neighbours: neighbours::Neighbours::default(),
            approver: approver::Approver::default(),
            real: None,
        }
    }

    /// The same world, in which somebody answers for real.
    #[must_use]
    pub fn with(self, real: Option<Box<dyn Real>>) -> Self {
        Self { real, ..self }
    }

    /// The time out there, where somebody answers for real.
    pub fn time(&self) -> Option<Timestamp> {
        self.real.as_ref().map(|real| real.time())
    }

    /// Whether the user has asked to stop.
    pub fn is_interrupted(&self) -> bool {
        self.real.as_ref().is_some_and(|real| real.is_interrupted())
    }

    /// Takes away what was shown for real and is there still. Gives what could not be taken away.
    pub fn clear(&mut self) -> Vec<String> {
        self.real.as_mut().map(|real| real.clear()).unwrap_or_default()
    }

    /// How the world is.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Takes note of what cert-manager has changed.
    pub fn see(&mut self, changes: &[Change], cluster: &Cluster, now: Timestamp) {
        self.neighbours.see(changes, now);
        if let Some(policy) = &self.world.approval {
            self.approver.see(policy, changes, cluster, now);
        }
    }

    /// When something out here happens next by itself.
    pub fn deadline(&self) -> Option<Timestamp> {
        [self.neighbours.deadline(), self.approver.deadline()].into_iter().flatten().min()
    }

    /// Does what is due. Gives what it has changed.
    pub fn act(&mut self, cluster: &mut Cluster, now: Timestamp) -> Vec<ObjRef> {
        cluster.set_now(now);
        let mut changed = self.neighbours.act(&self.world, cluster, now);
        changed.extend(self.approver.act(cluster, now));
        changed
    }

    /// Answers a question that was first put at `asked`.
    pub fn answer(&mut self, question: &Question, asked: Timestamp, cluster: &Cluster, now: Timestamp) -> Reply {
        let real = self.real.as_mut().and_then(|real| {
            let network = Network { world: &self.world, zone: &self.zone, cluster, start: self.start, now };
            real.answer(&Asking { question, asked, network })
        });
        if let Some(reply) = real {
            // The self-check looks at the imagined zone, which has the record as well then.
            if let (Question::Dns01Change(change), Reply::Now(answer)) = (question, &reply)
                && **answer == Answer::Dns01Change(Ok(()))
            {
                self.change(change, cluster, now);
            }
            return reply;
        }
        match question {
            Question::Acme(call) => {
                let directory = &call.server.directory;
                if !self.cas.contains_key(directory) {
                    let ca = Ca::new(directory, &self.world, &mut self.random);
                    self.cas.insert(directory.clone(), ca);
                }
                let network = Network { world: &self.world, zone: &self.zone, cluster, start: self.start, now };
                let ca = self.cas.get_mut(directory).expect("it was put there");
                ca.answer(call, asked, &network, &mut self.random)
            }
            Question::Http01Check(check) => Reply::now(Answer::Http01Check(self.http01(check, cluster, now))),
            Question::Dns01Check(check) => Reply::now(Answer::Dns01Check(self.dns01(check, cluster, now))),
            Question::Vault(_) => Reply::now(Answer::Vault(VaultAnswer::Nobody)),
            Question::Dns01Change(change) => {
                self.change(change, cluster, now);
                Reply::now(Answer::Dns01Change(Ok(())))
            }
        }
    }

    fn network<'n>(&'n self, cluster: &'n Cluster, now: Timestamp) -> Network<'n> {
        Network { world: &self.world, zone: &self.zone, cluster, start: self.start, now }
    }

    fn http01(
        &self,
        check: &Http01Check,
        cluster: &Cluster,
        now: Timestamp,
    ) -> Result<crate::engine::question::HttpReply, String> {
        self.network(cluster, now).follow(&check.url)
    }

    fn dns01(&self, check: &Dns01Check, cluster: &Cluster, now: Timestamp) -> Result<bool, String> {
        let name = check.fqdn.trim_end_matches('.');
        match self.network(cluster, now).txt(name, Viewer::Cluster) {
            Ok(values) => Ok(values.contains(&check.value)),
            Err(error) => error.in_self_check(&check.fqdn),
        }
    }

    /// A provider of DNS writes or removes a record, where the CNAMEs lead if the solver follows them.
    fn change(&mut self, change: &Dns01Change, cluster: &Cluster, now: Timestamp) {
        let follows = change.solver.cname_strategy == Some(crate::api::CnameStrategy::Follow);
        let name = change.fqdn.trim_end_matches('.');
        let network = self.network(cluster, now);
        let name = if follows { network.end_of_cnames(name, Viewer::Cluster) } else { name.to_owned() };
        let seen = now.saturating_add(self.world.dns.propagation.0).unwrap_or(Timestamp::MAX);
        match change.verb {
            DnsVerb::Present => self.zone.write(&name, &change.value, seen),
            DnsVerb::CleanUp => self.zone.remove(&name, &change.value),
        }
    }
}
