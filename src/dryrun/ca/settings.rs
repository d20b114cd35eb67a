//! How a CA is set up: what the world file says, else what is known of it, else what most do.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::dryrun::world::values::{Server, Span};
use crate::dryrun::world::{CaEntry, World};
use crate::engine::question::acme::{AcmeFailure, Problem};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The CA's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    pub directory: String,
    /// The part of all its URLs: scheme and host.
    pub origin: String,
    /// Whether its certificates are for everybody, so that the rules for public CAs hold.
    pub is_public: bool,
    pub caa_identities: Vec<String>,
    pub profiles: BTreeMap<String, SignedDuration>,
    pub lifetime: SignedDuration,
    /// Certificates begin so much before they are signed.
    pub backdate: SignedDuration,
    pub roots: Vec<String>,
    pub validation_takes: SignedDuration,
    pub issuance_takes: SignedDuration,
    /// Orders and authorizations that are not finished end after this.
    pub order_lifetime: SignedDuration,
    /// Authorizations are used again for so long.
    pub authorization_reuse: SignedDuration,
    pub entry: Option<CaEntry>,
}

impl Settings {
    /// Of the server with this directory.
    pub fn of(directory: &str, world: &World) -> Self {
        let named = |ca: &&CaEntry| matches!(&ca.server, Server::Directory(url) if url == directory);
        let entry = world.cas.iter().find(named).or_else(|| world.cas.iter().find(|ca| ca.server == Server::All));
        let host = directory.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let origin =
            directory.split_once("://").map_or(directory.to_owned(), |(scheme, _)| format!("{scheme}://{host}"));
        let mut settings = if host.ends_with(".api.letsencrypt.org") {
            Self::lets_encrypt(host.contains("staging"))
        } else {
            Self::plain()
        };
        directory.clone_into(&mut settings.directory);
        settings.origin = origin;
        if let Some(entry) = entry {
            settings.take(entry);
        }
        settings
    }

    /// Let's Encrypt as of August 2026.
    fn lets_encrypt(is_staging: bool) -> Self {
        let roots: &[&str] = if is_staging {
            &["(STAGING) Pretend Pear X1", "(STAGING) Bogus Broccoli X2"]
        } else {
            &["ISRG Root X1", "ISRG Root X2"]
        };
        let profiles =
            [("classic", DAY * 90), ("tlsserver", DAY * 45), ("shortlived", SignedDuration::from_hours(160))];
        Self {
            is_public: true,
            caa_identities: vec!["letsencrypt.org".to_owned()],
            profiles: profiles.map(|(name, life)| (name.to_owned(), life)).into(),
            backdate: SignedDuration::from_secs(58 * 60 + 30),
            roots: roots.iter().map(|name| (*name).to_owned()).collect(),
            ..Self::plain()
        }
    }

    fn plain() -> Self {
        Self {
            directory: String::new(),
            origin: String::new(),
            is_public: false,
            caa_identities: Vec::new(),
            profiles: BTreeMap::new(),
            lifetime: DAY * 90,
            backdate: SignedDuration::ZERO,
            roots: vec!["Imagined Root".to_owned()],
            validation_takes: SignedDuration::from_secs(2),
            issuance_takes: SignedDuration::from_secs(2),
            order_lifetime: DAY * 7,
            authorization_reuse: DAY * 30,
            entry: None,
        }
    }

    fn take(&mut self, entry: &CaEntry) {
        fn put<T: Clone>(into: &mut T, given: Option<&T>) {
            if let Some(given) = given {
                into.clone_from(given);
            }
        }
        put(&mut self.caa_identities, entry.caa_identities.as_ref());
        put(&mut self.roots, entry.roots.as_ref());
        put(&mut self.lifetime, entry.lifetime.map(|Span(life)| life).as_ref());
        put(&mut self.validation_takes, entry.validation_takes.map(|Span(life)| life).as_ref());
        put(&mut self.issuance_takes, entry.issuance_takes.map(|Span(life)| life).as_ref());
        if let Some(profiles) = &entry.profiles {
            self.profiles = profiles.iter().map(|(name, Span(life))| (name.clone(), *life)).collect();
        } else if entry.lifetime.is_some() {
            self.profiles.values_mut().for_each(|life| *life = self.lifetime);
        }
        self.entry = Some(entry.clone());
    }

    /// The names of the profiles.
    pub fn profile_names(&self) -> Vec<String> {
        self.profiles.keys().cloned().collect()
    }

    /// How long a certificate of a profile lives.
    pub fn life(&self, profile: Option<&str>) -> SignedDuration {
        let named = profile.or(if self.is_public { Some("classic") } else { None });
        named.and_then(|name| self.profiles.get(name)).copied().unwrap_or(self.lifetime)
    }

    /// What the CA answers to everything while it is out of order.
    pub fn out_of_order(&self, start: Timestamp, now: Timestamp) -> Option<AcmeFailure> {
        let entry = self.entry.as_ref()?;
        let outage =
            entry.outages.iter().find(|outage| outage.from.in_run(start) <= now && now < outage.to.in_run(start))?;
        Some(if outage.unreachable {
            let host = self.origin.split("://").nth(1).unwrap_or_default();
            let words = format!("Get \"{}\": dial tcp: lookup {host}: i/o timeout", self.directory);
            AcmeFailure::Network(words)
        } else {
            AcmeFailure::Problem(Problem::new(503, "serverInternal", "Service busy; retry later."))
        })
    }
}
