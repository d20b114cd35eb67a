//! What a run of probes needs of the world: where to dial, whom to ask for addresses, what to trust.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::CertificateDer;

use super::Vantage;
use super::dial::Dial;
use super::map::{MapFault, ProbeMap};
use super::resolve::{Resolver, ResolverFault};
use crate::x509::certificates_in;

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
    roots: Arc<OnceLock<Option<Arc<dyn ServerCertVerifier>>>>,
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
            roots: Arc::default(),
        })
    }

    /// The roots that this machine trusts, read when they are first asked for; `None` if it has none.
    pub fn roots(&self) -> Option<Arc<dyn ServerCertVerifier>> {
        let file = self.map.as_ref().and_then(|map| map.roots.as_deref());
        self.roots.get_or_init(|| roots(file)).clone()
    }
}

fn roots(file: Option<&Path>) -> Option<Arc<dyn ServerCertVerifier>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let Some(file) = file else {
        return Some(Arc::new(rustls_platform_verifier::Verifier::new(provider).ok()?));
    };
    let mut store = RootCertStore::empty();
    for root in certificates_in(&std::fs::read(file).ok()?) {
        store.add(CertificateDer::from(root.der()).into_owned()).ok()?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider).build().ok()?;
    Some(verifier)
}
