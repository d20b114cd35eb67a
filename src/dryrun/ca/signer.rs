//! The keys and certificates that a CA signs with: an intermediate, certified by each of its roots.

use jiff::{SignedDuration, Timestamp};

use super::settings::Settings;
use crate::api::GoDuration;
use crate::api::certificate::CertificateSpec;
use crate::engine::random::Random;
use crate::pki::{Ca, PrivateKey, Template, Urls};
use crate::x509::{Certificate, KeyType, PublicKey};

/// Twenty years.
const CA_LIFE: SignedDuration = SignedDuration::from_hours(20 * 365 * 24);

/// One CA's hierarchy.
#[derive(Debug)]
pub struct Signer {
    /// One for each root, with the same intermediate key.
    chains: Vec<Ca>,
}

impl Signer {
    /// New keys. That they begin early lets a run be of any time.
    pub fn new(settings: &Settings, random: &mut Random) -> Self {
        let start: Timestamp = "2015-01-01T00:00:00Z".parse().expect("it is a time");
        let new_key = || PrivateKey::generate(&KeyType::Ecdsa(256)).expect("the provider knows the curve");
        let intermediate = new_key();
        let pem = intermediate.to_pkcs8_pem().expect("a fresh key is written");
        let chains = settings
            .roots
            .iter()
            .map(|name| {
                let root_key = new_key();
                let template = ca_template(name, root_key.public(), start);
                let root = template.self_sign(&root_key, Urls::default(), random.bytes()).expect("the key is its own");
                let root = Certificate::from_der(&root.der).expect("it was just made");
                let own = "Imagined Intermediate";
                let template = ca_template(own, intermediate.public(), start);
                let above = Ca::new(root, Vec::new(), root_key);
                let signed = above.issue(&template, Urls::default(), random.bytes()).expect("the root may sign");
                let signing = Certificate::from_der(&signed.der).expect("it was just made");
                let key = PrivateKey::from_pem(pem.expose().as_bytes()).expect("it was just written");
                Ca::new(signing, Vec::new(), key)
            })
            .collect();
        Self { chains }
    }

    /// Signs. The chains come in the order of the roots, each leaf first, without its root.
    pub fn sign(&self, template: &Template, random: &mut Random) -> Result<Vec<Vec<Vec<u8>>>, String> {
        let Some(first) = self.chains.first() else { return Err("the CA has no root".to_owned()) };
        let leaf = first.issue(template, Urls::default(), random.bytes()).map_err(|error| error.to_string())?;
        Ok(self.chains.iter().map(|ca| vec![leaf.der.clone(), ca.signing().der().to_vec()]).collect())
    }
}

fn ca_template(name: &str, key: &PublicKey, start: Timestamp) -> Template {
    let spec = CertificateSpec {
        common_name: name.to_owned(),
        is_ca: true,
        duration: Some(GoDuration(crate::duration::format_go(CA_LIFE))),
        ..CertificateSpec::default()
    };
    Template::of_certificate(&spec, key, start).expect("a common name is enough")
}
