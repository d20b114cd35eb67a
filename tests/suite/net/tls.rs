//! Servers that speak TLS, with certificates of any kind.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Calls, Net, request};

/// A chain as a server sends it, and the key of its leaf.
pub struct Chain {
    pub certificates: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
    /// The root, as PEM.
    pub root: String,
}

/// How a leaf is to be.
pub struct Wanted<'w> {
    pub names: &'w [&'w str],
    pub common_name: &'w str,
    pub organization: &'w str,
    /// Days before and after now.
    pub valid: (i64, i64),
    /// The common name of the authority.
    pub authority: &'w str,
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self {
            names: &["www.example.com"],
            common_name: "www.example.com",
            organization: "",
            valid: (10, 80),
            authority: "Intermediate",
        }
    }
}

/// The start of a day.
macro_rules! days_from_now {
    ($days:expr) => {{
        let day = (kubectl_cert::clock::now() + jiff::SignedDuration::from_hours(24 * $days))
            .to_zoned(jiff::tz::TimeZone::UTC);
        let number = |part: i8| u8::try_from(part).unwrap();
        rcgen::date_time_ymd(day.year().into(), number(day.month()), number(day.day()))
    }};
}

impl Chain {
    /// Leaf, intermediate and root, in this order.
    pub fn of(wanted: &Wanted) -> Self {
        let authority = |name: &str| {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
        };
        let root_key = KeyPair::generate().unwrap();
        let root_params = authority("Root");
        let root = root_params.self_signed(&root_key).unwrap();
        let root_issuer = Issuer::new(root_params, root_key);
        let middle_key = KeyPair::generate().unwrap();
        let middle_params = authority(wanted.authority);
        let middle = middle_params.signed_by(&middle_key, &root_issuer).unwrap();
        let middle_issuer = Issuer::new(middle_params, middle_key);
        let key = KeyPair::generate().unwrap();
        let names = wanted.names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if !wanted.organization.is_empty() {
            params.distinguished_name.push(DnType::OrganizationName, wanted.organization);
        }
        params.distinguished_name.push(DnType::CommonName, wanted.common_name);
        params.not_before = days_from_now!(-wanted.valid.0);
        params.not_after = days_from_now!(wanted.valid.1);
        params.use_authority_key_identifier_extension = true;
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        let leaf = params.signed_by(&key, &middle_issuer).unwrap();
        let root_pem = root.pem();
        let certificates = [leaf, middle, root].into_iter().map(|one| one.der().clone()).collect();
        Self { certificates, root: root_pem, key: PrivatePkcs8KeyDer::from(key.serialize_der()).into() }
    }

    fn config(&self, sent: &[usize]) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = sent.iter().map(|index| self.certificates[*index].clone()).collect();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, self.key.clone_key())
            .unwrap();
        Arc::new(config)
    }
}

impl Net {
    /// The root of this chain is trusted, and no other.
    pub fn trust(&mut self, chain: &Chain) {
        self.roots = Some(chain.root.clone());
    }

    /// A server that sends these certificates of a chain, and this answer to a request.
    pub fn https(&mut self, address: &str, chain: &Chain, sent: &[usize], answer: impl Into<Vec<u8>>) -> Calls {
        let config = chain.config(sent);
        let answer = answer.into();
        self.serve(address, move |stream: TcpStream, heard| {
            let Ok(session) = ServerConnection::new(Arc::clone(&config)) else { return };
            let mut tls = StreamOwned::new(session, stream);
            heard.push(request(&mut tls));
            let _ = tls.write_all(&answer);
            tls.conn.send_close_notify();
            let _ = tls.flush();
        })
    }
}
