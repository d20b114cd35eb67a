//! TLS towards the server and towards an `https` proxy, and what went wrong with a certificate in words.
//!
//! Never talks to the network itself.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::refusal::ConnectError;
use super::resolve::{Identity, Trust};

/// The configuration for connecting, and the place where a refused certificate is described.
pub struct Tls {
    pub config: ClientConfig,
    pub refused: Refused,
}

/// What the last certificate that was refused looked like: names and issuer, and why.
#[derive(Clone, Debug, Default)]
pub struct Refused(Arc<Mutex<Option<String>>>);

impl Refused {
    /// The words for the last one.
    pub fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, text: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }
}

/// Sets TLS up. The roots of the machine are read only where nothing else is trusted.
pub fn configure(trust: &Trust, identity: Option<&Identity>) -> Result<Tls, ConnectError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let failed = |err: &dyn std::fmt::Display| ConnectError::Tls(err.to_string());
    let judge: Arc<dyn ServerCertVerifier> = match trust {
        Trust::System => {
            Arc::new(rustls_platform_verifier::Verifier::new(Arc::clone(&provider)).map_err(|err| failed(&err))?)
        }
        Trust::Roots(roots) => {
            let mut store = RootCertStore::empty();
            for root in roots {
                store.add(root.clone()).map_err(|err| failed(&err))?;
            }
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider))
                .build()
                .map_err(|err| failed(&err))?
        }
        Trust::Nothing => Arc::new(TrustAnything::new(Arc::clone(&provider))),
    };
    let refused = Refused::default();
    let verifier = Arc::new(Describing { judge, refused: refused.clone() });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|err| failed(&err))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match identity {
        Some(Identity { chain, key }) => {
            builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(|err| failed(&err))?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(Tls { config, refused })
}

/// Passes the judgement on, and notes what was refused while the certificate is at hand.
#[derive(Debug)]
struct Describing {
    judge: Arc<dyn ServerCertVerifier>,
    refused: Refused,
}

impl ServerCertVerifier for Describing {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        if let Err(err) = &verdict {
            self.refused.set(describe(err, end_entity, server_name));
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// Says what is wrong in client-go's words, then which certificate it was.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is worded by rustls")]
fn describe(err: &rustls::Error, leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> String {
    let name = name.to_str();
    let x509 = x509_parser::parse_x509_certificate(leaf).ok().map(|(_, certificate)| certificate);
    let issuer = x509.as_ref().map_or_else(|| "unknown".to_owned(), |x509| x509.issuer().to_string());
    let subject = x509.as_ref().map_or_else(|| "unknown".to_owned(), |x509| x509.subject().to_string());
    let names = x509.as_ref().map(subject_names).unwrap_or_default();
    let rustls::Error::InvalidCertificate(problem) = err else {
        return format!("tls: failed to verify certificate: {err}");
    };
    let why = match problem {
        CertificateError::UnknownIssuer => {
            format!("certificate signed by unknown authority (subject {subject:?}, issuer {issuer:?})")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } if names.is_empty() => {
            format!("certificate is not valid for any names, but wanted to match {name}")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("certificate is valid for {}, not {name}", names.join(", "))
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            let until = x509.as_ref().map(|x509| x509.validity().not_after.to_string()).unwrap_or_default();
            format!("certificate has expired or is not yet valid: it was good until {until} (issuer {issuer:?})")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            let from = x509.as_ref().map(|x509| x509.validity().not_before.to_string()).unwrap_or_default();
            format!("certificate has expired or is not yet valid: it is good from {from} (issuer {issuer:?})")
        }
        other => format!("{other} (subject {subject:?}, issuer {issuer:?})"),
    };
    format!("tls: failed to verify certificate: x509: {why}")
}

#[expect(clippy::wildcard_enum_match_arm, reason = "servers are verified by these two alone")]
fn subject_names(x509: &x509_parser::certificate::X509Certificate<'_>) -> Vec<String> {
    use x509_parser::extensions::GeneralName;
    let Ok(Some(extension)) = x509.subject_alternative_name() else { return Vec::new() };
    extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress([a, b, c, d]) => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
            GeneralName::IPAddress(bytes) => {
                <[u8; 16]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string())
            }
            _ => None,
        })
        .collect()
}

/// Takes every certificate, for `--insecure-skip-tls-verify`; signatures are still checked against it.
#[derive(Debug)]
pub struct TrustAnything(Arc<CryptoProvider>);

impl TrustAnything {
    pub fn new(provider: Arc<CryptoProvider>) -> Self {
        Self(provider)
    }
}

impl ServerCertVerifier for TrustAnything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
