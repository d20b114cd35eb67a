//! Writes the target Secret, and mends it when it is no longer as it was written
//! (`issuing/internal/secret.go`, `issuing/secret_manager.go`).

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::controller_ref;
use crate::api::{Base64Text, Certificate, CertificateRequest, IssuerRef, Object, Secret, SecretValue, annotation};
use crate::engine::decoded::{Bytes, Decoded};
use crate::engine::event::EventType;
use crate::engine::outside::{Outside, Service, Then};
use crate::engine::turn::{Looked, Trouble, Turn};
use crate::objref::{Kind, ObjRef};
use crate::pki::PrivateKey;
use crate::pki::keystore::{self, PasswordFault};
use crate::pki::secret::{KeystoreKey, SecretContents, SecretData};
use crate::redact::Redacted;

/// What goes into the Secret.
#[derive(Debug)]
pub struct Issued {
    private_key: Bytes,
    certificate: Arc<[u8]>,
    ca: Arc<[u8]>,
    certificate_name: String,
    issuer: Option<IssuerRef>,
}

impl Issued {
    /// What a request brought.
    pub fn of_request(
        decoded: &Decoded,
        certificate: &Certificate,
        request: &CertificateRequest,
        key: &PrivateKey,
    ) -> Result<Self, Trouble> {
        // What is no text is nothing.
        let text = |pem: &Base64Text| {
            let text = decoded.text(pem);
            if str::from_utf8(&text).is_ok() { text } else { Arc::default() }
        };
        let private_key = encoded(certificate, key)?;
        decoded.public_is(&private_key, key.public());
        Ok(Self {
            private_key,
            certificate: text(&request.status.certificate),
            ca: text(&request.status.ca),
            certificate_name: certificate.name().to_owned(),
            issuer: Some(request.spec.issuer_ref.clone()),
        })
    }

    /// A certificate that stands in for the real one: nobody issued it.
    pub fn temporary(certificate: &Certificate, pem: String, key: &PrivateKey) -> Result<Self, Trouble> {
        Ok(Self {
            private_key: encoded(certificate, key)?,
            certificate: pem.into_bytes().into(),
            ca: Arc::default(),
            certificate_name: certificate.name().to_owned(),
            issuer: None,
        })
    }

    /// What a Secret holds already; `None` if there is no key or certificate in it.
    fn of_secret(secret: &Secret) -> Option<Self> {
        let bytes = |key: &str| {
            secret.bytes(key).filter(|text| !text.expose().is_empty() && str::from_utf8(text.expose()).is_ok())
        };
        let text = |key: &str| bytes(key).map(|text| Arc::clone(text.expose()));
        let named = |key: &str| secret.annotation(key).unwrap_or_default().to_owned();
        Some(Self {
            private_key: bytes("tls.key")?.clone(),
            certificate: text("tls.crt")?,
            ca: text("ca.crt").unwrap_or_default(),
            certificate_name: named(annotation::CERTIFICATE_NAME),
            issuer: Some(IssuerRef {
                name: named(annotation::ISSUER_NAME),
                kind: named(annotation::ISSUER_KIND),
                group: named(annotation::ISSUER_GROUP),
            }),
        })
    }

    fn contents(&self, decoded: &Decoded, certificate: &Certificate) -> Result<SecretContents, Trouble> {
        let data = SecretData {
            private_key: &self.private_key,
            certificate: &self.certificate,
            ca: &self.ca,
            certificate_name: &self.certificate_name,
            issuer: self.issuer.as_ref(),
        };
        let bundle = decoded.bundle(&self.certificate).map_err(|error| Trouble(error.to_string()))?;
        SecretContents::of(&certificate.spec, &data, bundle.leaf()).map_err(|error| Trouble(error.to_string()))
    }
}

fn encoded(certificate: &Certificate, key: &PrivateKey) -> Result<Bytes, Trouble> {
    let encoding = certificate.spec.private_key.as_ref().and_then(|key| key.encoding.as_ref());
    let pem = key.encode(encoding).map_err(|error| Trouble(error.to_string()))?;
    Ok(Redacted::new(pem.expose().as_bytes().into()))
}

/// Writes what was issued.
pub fn write(turn: &mut Turn, certificate: &Certificate, issued: &Issued) -> Looked {
    passwords(turn, certificate)?;
    let contents = issued.contents(&turn.cluster.decoded, certificate)?;
    apply(turn, certificate, &contents)?;
    leave_out(turn, certificate, &contents.not_built);
    Ok(())
}

/// Without a password for a keystore nothing is written at all.
fn passwords(turn: &mut Turn, certificate: &Certificate) -> Looked {
    for (kind, keystore) in keystore::wanted(&certificate.spec) {
        let secret = |name: &str| turn.cluster.get::<Secret>(certificate.namespace(), name);
        let Err(fault) = keystore::check_password(kind, keystore, secret) else { continue };
        if let PasswordFault::NoSecret { name, .. } = &fault {
            let message = format!("{} keystore password Secret {name:?} not found", kind.word());
            turn.tell(certificate, EventType::Warning, "KeystorePasswordSecretNotFound", message);
        }
        return Err(Trouble(format!("failed to add keystores to Secret: {fault}")));
    }
    Ok(())
}

fn leave_out(turn: &mut Turn, certificate: &Certificate, keystores: &[KeystoreKey]) {
    if keystores.is_empty() {
        return;
    }
    let keys: Vec<_> = keystores.iter().map(|keystore| keystore.key()).collect();
    turn.ask_outside(Outside {
        service: Service::CertManager,
        calls: Vec::new(),
        unknown: format!("{} of Secret {}", keys.join(" and "), certificate.spec.secret_name),
        then: Then::LeavesOut,
    });
}

/// Brings the Secret of a Certificate that is not being issued back to what it should be: labels, annotations, formats,
/// owner. Keys and certificates stay as they are.
pub fn mend(turn: &mut Turn, certificate: &Certificate) -> Looked {
    let Some(secret) = turn.cluster.get::<Secret>(certificate.namespace(), &certificate.spec.secret_name) else {
        return Ok(());
    };
    let Some(issued) = Issued::of_secret(secret) else { return Ok(()) };
    // A certificate that does not decode is for the next issuance to mend, and a password for its user to give.
    let is_without = |(kind, keystore)| {
        let secret = |name: &str| turn.cluster.get::<Secret>(certificate.namespace(), name);
        keystore::check_password(kind, keystore, secret).is_err()
    };
    if keystore::wanted(&certificate.spec).into_iter().any(is_without) {
        return Ok(());
    }
    let Ok(contents) = issued.contents(&turn.cluster.decoded, certificate) else { return Ok(()) };
    if differs(turn, certificate, secret, &contents) { apply(turn, certificate, &contents) } else { Ok(()) }
}

fn differs(turn: &Turn, certificate: &Certificate, secret: &Secret, contents: &SecretContents) -> bool {
    let data = contents.data.iter().any(|(key, value)| secret.bytes(key) != Some(value));
    let labels = contents.labels.iter().any(|(key, value)| secret.label(key) != Some(value));
    let annotations = contents.annotations.iter().any(|(key, value)| secret.annotation(key) != Some(value));
    let owner = turn.flags.certificate_owner_ref && secret.controller_uid() != certificate.uid();
    let surplus = turn.cluster.applied_to(&secret.objref()).is_some_and(|applied| {
        applied.data.iter().any(|key| !contents.data.contains_key(key.as_str()))
            || applied.labels.iter().any(|key| !contents.labels.contains_key(key))
            || applied.annotations.iter().any(|key| !contents.annotations.contains_key(key))
    });
    data || labels || annotations || owner || surplus
}

/// Server-side apply, by force: what was applied before and is no longer wanted goes, what others wrote stays. The API
/// server lets nobody write to the data of an immutable Secret.
fn apply(turn: &mut Turn, certificate: &Certificate, contents: &SecretContents) -> Looked {
    let object = ObjRef::new(Kind::Secret, certificate.namespace(), &certificate.spec.secret_name);
    let old = turn.cluster.find::<Secret>(&object).cloned();
    let mut secret = old.clone().unwrap_or_else(|| Secret {
        metadata: ObjectMeta {
            name: Some(object.name.clone()),
            namespace: object.namespace.clone(),
            ..ObjectMeta::default()
        },
        type_: "kubernetes.io/tls".to_owned(),
        ..Secret::default()
    });
    let applied = turn.cluster.applied_to(&object).cloned().unwrap_or_default();
    secret.data.retain(|key, _| !applied.data.contains(key));
    let metadata = &mut secret.metadata;
    let labels = metadata.labels.get_or_insert_default();
    labels.retain(|key, _| !applied.labels.contains(key));
    labels.extend(contents.labels.clone());
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.retain(|key, _| !applied.annotations.contains(key));
    annotations.extend(contents.annotations.clone());
    if turn.flags.certificate_owner_ref {
        let owners = metadata.owner_references.get_or_insert_default();
        owners.retain(|owner| Some(owner.uid.as_str()) != certificate.uid());
        owners.push(controller_ref(certificate));
    }
    for (key, value) in &contents.data {
        secret.data.insert((*key).to_owned(), SecretValue::Bytes(value.clone()));
    }
    if old.as_ref().is_some_and(|old| old.immutable == Some(true) && old.data != secret.data) {
        let words = "data: Forbidden: field is immutable when `immutable` is set";
        return Err(Trouble(format!("Secret {:?} is invalid: {words}", object.name)));
    }
    turn.cluster.note_applied(&object, contents);
    if old.is_none() {
        turn.cluster.create(secret)?;
    } else {
        turn.cluster.replace(secret);
    }
    Ok(())
}
