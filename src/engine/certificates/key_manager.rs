//! Keeps the next private key of an issuance in a Secret of its own (`pkg/controller/certificates/keymanager`).

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{certificate, controller_ref, is_issuing};
use crate::api::{Certificate, Object, RotationPolicy, Secret, SecretValue, annotation};
use crate::engine::event::EventType;
use crate::engine::turn::{Looked, Trouble, Turn};
use crate::objref::ObjRef;
use crate::pki::PrivateKey;
use crate::pki::key::{self, KeyFault};
use crate::pki::matches::key_matches_spec;
use crate::redact::Redacted;

/// One look of the key manager.
pub fn key_manager(turn: &mut Turn) -> Looked {
    let Some(certificate) = certificate(turn) else { return Ok(()) };
    let owned = next_keys(turn, &certificate);
    if !is_issuing(&certificate) {
        delete(turn, &owned);
        set_name(turn, None);
        return Ok(());
    }
    let named = certificate.status.next_private_key_secret_name.as_deref();
    match owned.as_slice() {
        [] => match certificate.spec.rotation_policy() {
            // The default since release 1.18.
            None | Some(RotationPolicy::Always) => generate(turn, &certificate),
            Some(RotationPolicy::Never) => reuse(turn, &certificate),
            Some(RotationPolicy::Unknown(_)) => Ok(()),
        },
        [one] => {
            match named {
                None => set_name(turn, Some(&one.name)),
                Some(name) if name != one.name => delete(turn, &owned),
                Some(_) => check(turn, &certificate, &owned),
            }
            Ok(())
        }
        several => {
            let surplus: Vec<_> = several.iter().filter(|one| named != Some(&one.name)).cloned().collect();
            delete(turn, &surplus);
            Ok(())
        }
    }
}

/// The Secrets with a next private key that the Certificate controls, by name.
fn next_keys(turn: &Turn, certificate: &Certificate) -> Vec<ObjRef> {
    let owned = turn.cluster.secrets.owned_by(certificate.uid().unwrap_or_default());
    owned.filter(|secret| secret.label(annotation::NEXT_PRIVATE_KEY) == Some("true")).map(Object::objref).collect()
}

fn delete(turn: &mut Turn, secrets: &[ObjRef]) {
    for secret in secrets {
        turn.cluster.delete(secret);
    }
}

fn set_name(turn: &mut Turn, name: Option<&str>) {
    let object = turn.object().clone();
    turn.cluster.modify::<Certificate>(&object, |certificate| {
        let old = &mut certificate.status.next_private_key_secret_name;
        let changes = old.as_deref() != name;
        *old = name.map(str::to_owned);
        changes
    });
}

/// A key that is there must decode and fit the spec, or it goes.
fn check(turn: &mut Turn, certificate: &Certificate, owned: &[ObjRef]) {
    let pem = owned.first().and_then(|one| turn.cluster.find::<Secret>(one)).and_then(|secret| secret.bytes("tls.key"));
    let key = pem.and_then(|pem| turn.cluster.decoded.public(pem).ok());
    let violations = match &key {
        Some(key) => key_matches_spec(key, &certificate.spec),
        None => return delete(turn, owned),
    };
    if violations.is_empty() {
        return;
    }
    let words = format!("Regenerating private key due to change in fields: [{}]", violations.join(" "));
    turn.tell(certificate, EventType::Normal, "Deleted", words);
    delete(turn, owned);
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn trouble(error: KeyFault) -> Trouble {
    Trouble(error.to_string())
}

fn generate(turn: &mut Turn, certificate: &Certificate) -> Looked {
    let key =
        key::wanted(&certificate.spec).and_then(|kind| PrivateKey::generate(&kind)).map(Arc::new).map_err(trouble)?;
    let name = store(turn, certificate, &key)?;
    let words = format!("Stored new private key in temporary Secret resource {name:?}");
    turn.tell(certificate, EventType::Normal, "Generated", words);
    set_name(turn, Some(&name));
    Ok(())
}

/// With rotation policy Never the stored key is used again, and one that does not fit the spec stops the issuance.
fn reuse(turn: &mut Turn, certificate: &Certificate) -> Looked {
    let secret_name = &certificate.spec.secret_name;
    let secret = turn.cluster.get::<Secret>(certificate.namespace(), secret_name);
    let pem = secret.and_then(|secret| secret.bytes("tls.key")).filter(|pem| !pem.expose().is_empty());
    let Some(pem) = pem else { return generate(turn, certificate) };
    let Ok(key) = turn.cluster.decoded.private(pem) else {
        let words = format!("Failed to decode private key stored in Secret {secret_name:?} - generating new key");
        turn.tell(certificate, EventType::Warning, "DecodeFailed", words);
        return generate(turn, certificate);
    };
    let violations = key_matches_spec(key.public(), &certificate.spec);
    if !violations.is_empty() {
        let words = format!(
            "User intervention required: existing private key in Secret {secret_name:?} does not match requirements on \
             Certificate resource, mismatching fields: [{}], but cert-manager cannot create new private key as the \
             Certificate's .spec.privateKey.rotationPolicy is unset or set to Never. To allow cert-manager to create a \
             new private key you can set .spec.privateKey.rotationPolicy to 'Always' (this will result in the private \
             key being regenerated every time a cert is renewed) ",
            violations.join(" ")
        );
        turn.tell(certificate, EventType::Warning, "CannotRegenerateKey", words);
        return Ok(());
    }
    let name = store(turn, certificate, &key)?;
    let words = format!("Reusing private key stored in existing Secret resource {secret_name:?}");
    turn.tell(certificate, EventType::Normal, "Reused", words);
    set_name(turn, Some(&name));
    Ok(())
}

/// Stores a key, always as PKCS#8, under the name in the status if there is one.
fn store(turn: &mut Turn, certificate: &Certificate, key: &Arc<PrivateKey>) -> Result<String, Trouble> {
    let named = certificate.status.next_private_key_secret_name.clone().filter(|name| !name.is_empty());
    let yes = || "true".to_owned();
    let labels = [annotation::NEXT_PRIVATE_KEY, annotation::PART_OF_CERT_MANAGER].map(|key| (key.to_owned(), yes()));
    let metadata = ObjectMeta {
        generate_name: named.is_none().then(|| format!("{}-", certificate.name())),
        name: named,
        namespace: certificate.metadata.namespace.clone(),
        labels: Some(labels.into()),
        owner_references: Some(vec![controller_ref(certificate)]),
        ..ObjectMeta::default()
    };
    let pem = Redacted::new(key.to_pkcs8_pem().map_err(trouble)?.expose().as_bytes().into());
    turn.cluster.decoded.private_is(&pem, key);
    let data = BTreeMap::from([("tls.key".to_owned(), SecretValue::Bytes(pem))]);
    let secret = Secret { metadata, type_: "Opaque".to_owned(), immutable: None, data };
    Ok(turn.cluster.create(secret)?.name)
}
