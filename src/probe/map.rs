//! The seam for tests: where addresses of the Internet are to be found on the loopback interface.
//!
//! `--probe-map FILE` is not in `--help`. Where a map is given it is the whole world: an address that is not in it is
//! not dialled. The classification of addresses comes before it, and is never changed by it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The file of `--probe-map`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbeMap {
    /// `ip:port` or `host:port` to an address of the loopback interface.
    dial: BTreeMap<String, SocketAddr>,
    /// The recursive resolver.
    pub resolver: Option<SocketAddr>,
    /// PEM file with the roots that take the place of the system's.
    pub roots: Option<PathBuf>,
}

/// Why a map cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MapFault {
    #[error("cannot read the probe map {path}")]
    Unreadable { path: String, source: std::io::Error },
    #[error("the probe map {path} is not understood: {why}")]
    Malformed { path: String, why: String },
}

impl ProbeMap {
    /// Reads the file.
    pub fn load(path: &Path) -> Result<Self, MapFault> {
        let name = || path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| MapFault::Unreadable { path: name(), source })?;
        Self::parse(&text).map_err(|why| MapFault::Malformed { path: name(), why })
    }

    /// Reads its text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let map: Self = serde_saphyr::from_str(text).map_err(|err| err.to_string())?;
        let outside = map.dial.values().chain(&map.resolver).find(|to| !to.ip().is_loopback());
        match outside {
            Some(to) => Err(format!("{to} is not on the loopback interface")),
            None => Ok(map),
        }
    }

    /// Where an address is to be found: by itself, else by the name that it was looked up for.
    pub fn find(&self, host: Option<&str>, ip: IpAddr, port: u16) -> Option<SocketAddr> {
        let by_address = self.dial.get(&SocketAddr::new(ip, port).to_string());
        by_address.or_else(|| self.dial.get(&format!("{}:{port}", host?))).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_by_itself_before_its_name() {
        let map = ProbeMap::parse(
            "dial:\n  8.8.8.8:80: 127.0.0.2:8080\n  '[2606:4700::1]:80': '[::1]:8081'\n  a.example.com:80: 127.0.0.3:80\n",
        )
        .unwrap();
        let find = |host, ip: &str| map.find(host, ip.parse().unwrap(), 80).map(|to| to.to_string());
        assert_eq!(find(Some("a.example.com"), "8.8.8.8").as_deref(), Some("127.0.0.2:8080"));
        assert_eq!(find(Some("a.example.com"), "8.8.4.4").as_deref(), Some("127.0.0.3:80"));
        assert_eq!(find(None, "2606:4700::1").as_deref(), Some("[::1]:8081"));
        assert_eq!(find(None, "8.8.4.4"), None);
    }

    #[test]
    fn a_map_never_leads_off_the_loopback_interface() {
        assert!(ProbeMap::parse("dial: {'8.8.8.8:80': '8.8.8.8:80'}").unwrap_err().contains("loopback"));
        assert!(ProbeMap::parse("resolver: 9.9.9.9:53").is_err());
        assert!(ProbeMap::parse("dail: {}").is_err());
        assert!(ProbeMap::parse("resolver: 127.0.0.1:53").is_ok());
    }
}
