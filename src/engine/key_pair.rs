//! A certificate with its key as Go's TLS wants them, and what it says of others (`crypto/tls.X509KeyPair`).

use super::golang;
use crate::x509::{Certificate, PublicKey, pem};

/// Whether a client may show this certificate.
pub fn check(certificate: &[u8], key: &[u8]) -> Result<(), String> {
    let leaf = leaf(certificate)?;
    let key = public_key(key)?;
    if leaf.key == key {
        Ok(())
    } else if std::mem::discriminant(&leaf.key.key_type) == std::mem::discriminant(&key.key_type) {
        Err("tls: private key does not match public key".to_owned())
    } else {
        Err("tls: private key type does not match public key type".to_owned())
    }
}

fn leaf(text: &[u8]) -> Result<Certificate, String> {
    let blocks = pem::blocks(text);
    let labels: Vec<_> = blocks.iter().map(|block| block.label.as_str()).collect();
    let Some(block) = blocks.iter().find(|block| block.label == "CERTIFICATE") else {
        return Err(match labels.as_slice() {
            [] => "tls: failed to find any PEM data in certificate input".to_owned(),
            [only] if only.ends_with("PRIVATE KEY") => {
                "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs \
                 may have been switched"
                    .to_owned()
            }
            _ => format!(
                "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the \
                 following types: {}",
                golang::list(labels)
            ),
        });
    };
    Certificate::from_der(&block.der).map_err(str::to_owned)
}

fn public_key(text: &[u8]) -> Result<PublicKey, String> {
    let blocks = pem::blocks(text);
    let is_key = |label: &str| label == "PRIVATE KEY" || label.ends_with(" PRIVATE KEY");
    if !blocks.iter().any(|block| is_key(&block.label)) {
        let labels: Vec<_> = blocks.iter().map(|block| block.label.as_str()).collect();
        return Err(match labels.as_slice() {
            [] => "tls: failed to find any PEM data in key input".to_owned(),
            ["CERTIFICATE"] => "tls: found a certificate rather than a key in the PEM for the private key".to_owned(),
            _ => format!(
                "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after skipping PEM \
                 blocks of the following types: {}",
                golang::list(labels)
            ),
        });
    }
    PublicKey::of_private_pem(text).map_err(|_| "tls: failed to parse private key".to_owned())
}
