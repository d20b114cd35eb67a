//! Makes the CertificateRequest of an issuance (`pkg/controller/certificates/requestmanager`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{certificate_if, controller_ref, failed_before, is_issuing, matches, next_revision, owned_requests};
use crate::api::{
    Base64Text, Certificate, CertificateRequest, CertificateRequestSpec, CertificateRequestStatus, GoDuration, Object,
    Secret, annotation,
};
use crate::engine::event::EventType;
use crate::engine::name::request_name;
use crate::engine::turn::{Looked, Trouble, Turn};
use crate::objref::ObjRef;
use crate::pki::{PrivateKey, RequestInfo};
use crate::x509::PublicKey;

/// One look of the request manager.
pub fn request_manager(turn: &mut Turn) -> Looked {
    let Some(certificate) = certificate_if(turn, is_issuing) else { return Ok(()) };
    let Some(secret_name) = certificate.status.next_private_key_secret_name.clone() else { return Ok(()) };
    let secret = turn.cluster.get::<Secret>(certificate.namespace(), &secret_name);
    let Some(pem) = secret.and_then(|secret| secret.bytes("tls.key")) else { return Ok(()) };
    let Ok(key) = turn.cluster.decoded.private(pem) else { return Ok(()) };
    let revision = next_revision(&certificate);
    let (mut doomed, mut kept) = (Vec::new(), 0);
    for request in owned_requests(turn, &certificate) {
        match fate(turn, request, &certificate, revision, key.public()) {
            Fate::Delete => doomed.push(request.objref()),
            Fate::Keep => kept += 1,
            Fate::OtherRevision => {}
        }
    }
    for request in &doomed {
        turn.cluster.delete(request);
    }
    // Two that fit: cert-manager waits until somebody deletes one.
    if kept == 0 { create(turn, &certificate, &key, &secret_name, revision) } else { Ok(()) }
}

enum Fate {
    Keep,
    Delete,
    OtherRevision,
}

fn fate(turn: &Turn, request: &CertificateRequest, certificate: &Certificate, revision: i64, key: &PublicKey) -> Fate {
    match request.revision() {
        None => return Fate::Delete,
        Some(theirs) if theirs != revision => return Fate::OtherRevision,
        Some(_) => {}
    }
    let fits = matches(turn.cluster, request, &certificate.spec).is_ok_and(|violations| violations.is_empty());
    let csr = turn.cluster.decoded.request(&request.spec.request);
    if !fits || csr.map_or(true, |csr| csr.request.key != *key) || failed_before(request, certificate) {
        return Fate::Delete;
    }
    Fate::Keep
}

fn create(turn: &mut Turn, certificate: &Certificate, key: &PrivateKey, secret: &str, revision: i64) -> Looked {
    // A spec that makes no CSR stays so until somebody changes it; cert-manager says so in its log alone.
    let Ok(info) = RequestInfo::of(&certificate.spec, turn.flags.gates) else { return Ok(()) };
    let csr = info.sign(key).map_err(|error| Trouble(error.to_string()))?.to_pem();
    let copied = certificate.metadata.annotations.iter().flatten();
    let copied = copied.filter(|(name, _)| turn.flags.copies_annotation(name));
    let mut annotations: BTreeMap<String, String> = copied.map(|(name, value)| (name.clone(), value.clone())).collect();
    annotations.extend([
        (annotation::CERTIFICATE_REVISION.to_owned(), revision.to_string()),
        (annotation::PRIVATE_KEY_SECRET_NAME.to_owned(), secret.to_owned()),
        (annotation::CERTIFICATE_NAME.to_owned(), certificate.name().to_owned()),
    ]);
    let spec = &certificate.spec;
    let csr = Base64Text::encode(csr.as_bytes());
    turn.cluster.decoded.signed(&csr);
    let request = CertificateRequest {
        metadata: ObjectMeta {
            name: Some(request_name(certificate.name(), revision)),
            namespace: certificate.metadata.namespace.clone(),
            labels: certificate.metadata.labels.clone(),
            annotations: Some(annotations),
            owner_references: Some(vec![controller_ref(certificate)]),
            ..ObjectMeta::default()
        },
        spec: CertificateRequestSpec {
            duration: spec.duration.as_ref().map(GoDuration::normalized),
            issuer_ref: spec.issuer_ref.clone(),
            request: csr,
            is_ca: spec.is_ca,
            usages: spec.usages.clone(),
            ..turn.flags.requester()
        },
        status: CertificateRequestStatus::default(),
    };
    match turn.cluster.create(request) {
        Ok(ObjRef { name, .. }) => {
            let words = format!("Created new CertificateRequest resource {name:?}");
            turn.tell(certificate, EventType::Normal, "Requested", words);
            Ok(())
        }
        Err(error) => {
            let words = format!("Failed to create CertificateRequest: {error}");
            turn.tell(certificate, EventType::Warning, "RequestFailed", words);
            Err(error.into())
        }
    }
}
