//! What a run of probes needs of the world: where to dial, whom to ask for addresses, what to trust.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::Vantage;
use super::dial::Dial;
use super::map::{MapFault, ProbeMap};
use super::resolve::{Resolver, ResolverFault};

/// What the flags say.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `--allow-private`.
    pub allow_private: bool,
    /// `--resolver`; the system's without it.
    pub resolver: Option<SocketAddr>,
    /// `--probe-map`, for tests.
    pub map: Option<PathBuf>,
}

/// The way to the network.
#[derive(Clone)]
pub struct Edge {
    pub vantage: Vantage,
    pub dial: Dial,
    pub resolver: Resolver,
    /// The whole world of a test.
    pub map: Option<Arc<ProbeMap>>,
}

/// Why nothing can be asked.
#[derive(Debug, thiserror::Error)]
pub enum EdgeFault {
    #[error(transparent)]
    Map(#[from] MapFault),
    #[error(transparent)]
    Resolver(#[from] ResolverFault),
}

impl Edge {
    /// Reads the map, if there is one, and the system's resolver, if no other is named.
    pub fn open(settings: &Settings) -> Result<Self, EdgeFault> {
        let map = settings.map.as_deref().map(ProbeMap::load).transpose()?.map(Arc::new);
        let resolver = settings.resolver.or_else(|| map.as_ref().and_then(|map| map.resolver));
        Ok(Self {
            vantage: Vantage::Local,
            dial: Dial::new(settings.allow_private, map.clone()),
            resolver: Resolver::new(resolver)?,
            map,
        })
    }
}
