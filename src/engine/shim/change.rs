//! What becomes of a Certificate that exists under the name of one that is asked for.

use std::collections::BTreeMap;

use crate::api::{Certificate, GoDuration, KeyAlgorithm, Object as _};

use super::object::{Annotations, Asker};
use super::{Action, Refusal, ShimFlags};

/// A field of a Certificate that the shims set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    Labels,
    CommonName,
    DnsNames,
    SecretName,
    IssuerName,
    IssuerKind,
    RevisionHistoryLimit,
    KeyAlgorithm,
    KeyEncoding,
    KeyRotationPolicy,
    KeySize,
    Duration,
    RenewBefore,
    Annotations,
    IssuerGroup,
    IpAddresses,
    EmailAddresses,
    Subject,
    Usages,
    SecretTemplate,
    RenewBeforePercentage,
}

impl Field {
    /// The path of the field in the Certificate.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Labels => "metadata.labels",
            Self::CommonName => "spec.commonName",
            Self::DnsNames => "spec.dnsNames",
            Self::SecretName => "spec.secretName",
            Self::IssuerName => "spec.issuerRef.name",
            Self::IssuerKind => "spec.issuerRef.kind",
            Self::RevisionHistoryLimit => "spec.revisionHistoryLimit",
            Self::KeyAlgorithm => "spec.privateKey.algorithm",
            Self::KeyEncoding => "spec.privateKey.encoding",
            Self::KeyRotationPolicy => "spec.privateKey.rotationPolicy",
            Self::KeySize => "spec.privateKey.size",
            Self::Duration => "spec.duration",
            Self::RenewBefore => "spec.renewBefore",
            Self::Annotations => "metadata.annotations",
            Self::IssuerGroup => "spec.issuerRef.group",
            Self::IpAddresses => "spec.ipAddresses",
            Self::EmailAddresses => "spec.emailAddresses",
            Self::Subject => "spec.subject",
            Self::Usages => "spec.usages",
            Self::SecretTemplate => "spec.secretTemplate",
            Self::RenewBeforePercentage => "spec.renewBeforePercentage",
        }
    }
}

/// The update of `old`, or why there is none, if there is anything to say.
pub(super) fn of(
    asker: &Asker<'_>,
    old: &Certificate,
    wanted: &Certificate,
    extra: &Annotations,
    flags: &ShimFlags,
) -> Result<Action, Option<Refusal>> {
    let certificate = || old.name().to_owned();
    let Some(owner) = old.controller() else { return Err(Some(Refusal::NoOwner { certificate: certificate() })) };
    if !asker.controls(old) {
        let owner = format!("{} {}", owner.kind, owner.name);
        return Err(Some(Refusal::OtherOwner { certificate: certificate(), owner }));
    }
    let compared = compared(asker, old, wanted);
    if compared.is_empty() {
        let fields = overlooked(old, wanted);
        return Err((!fields.is_empty()).then(|| Refusal::Overlooked { certificate: certificate(), fields }));
    }
    let mut new = old.clone();
    if flags.server_side_apply {
        apply(&mut new, wanted);
    } else {
        new.spec.clone_from(&wanted.spec);
        new.metadata.labels.clone_from(&wanted.metadata.labels);
    }
    if !extra.is_empty() {
        merge(&mut new.metadata.annotations, extra);
    }
    Ok(Action::Update(Box::new(new), compared))
}

/// With the gate `ServerSideApply` an update sends a few fields only. What else was once written stays, for it is
/// still owned by the request that created the Certificate.
fn apply(new: &mut Certificate, wanted: &Certificate) {
    if let Some(labels) = &wanted.metadata.labels {
        merge(&mut new.metadata.labels, labels);
    }
    let (new, wanted) = (&mut new.spec, &wanted.spec);
    for (new, wanted) in [(&mut new.dns_names, &wanted.dns_names), (&mut new.ip_addresses, &wanted.ip_addresses)] {
        if !wanted.is_empty() {
            new.clone_from(wanted);
        }
    }
    new.secret_name.clone_from(&wanted.secret_name);
    new.issuer_ref.clone_from(&wanted.issuer_ref);
    new.usages.clone_from(&wanted.usages);
}

fn merge(into: &mut Option<BTreeMap<String, String>>, more: &BTreeMap<String, String>) {
    into.get_or_insert_default().extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
}

/// The fields by which cert-manager tells that a Certificate needs an update (`certNeedsUpdate`), where they differ.
fn compared(asker: &Asker<'_>, old: &Certificate, wanted: &Certificate) -> Vec<Field> {
    let old_labels = old.metadata.labels.as_ref().filter(|labels| !labels.is_empty());
    let (old, new) = (&old.spec, &wanted.spec);
    let key = |spec: &crate::api::CertificateSpec| spec.private_key.clone().unwrap_or_default();
    let (old_key, new_key) = (key(old), key(new));
    let is_ed25519 = old_key.algorithm == Some(KeyAlgorithm::Ed25519);
    [
        // An empty map is another than none: such a Certificate is updated for ever, without effect.
        (Field::Labels, old_labels != asker.labels().as_ref()),
        (Field::CommonName, old.common_name != new.common_name),
        (Field::DnsNames, old.dns_names != new.dns_names),
        (Field::SecretName, old.secret_name != new.secret_name),
        (Field::IssuerName, old.issuer_ref.name != new.issuer_ref.name),
        (Field::IssuerKind, old.issuer_ref.kind != new.issuer_ref.kind),
        (Field::RevisionHistoryLimit, old.revision_history_limit != new.revision_history_limit),
        (Field::KeyAlgorithm, old_key.algorithm != new_key.algorithm),
        (Field::KeyEncoding, old_key.encoding != new_key.encoding),
        (Field::KeyRotationPolicy, old_key.rotation_policy != new_key.rotation_policy),
        (Field::KeySize, !is_ed25519 && old_key.size != new_key.size),
        (Field::Duration, !is_same(old.duration.as_ref(), new.duration.as_ref())),
        (Field::RenewBefore, !is_same(old.renew_before.as_ref(), new.renew_before.as_ref())),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

/// However they are written.
fn is_same(one: Option<&GoDuration>, other: Option<&GoDuration>) -> bool {
    one.map(GoDuration::normalized) == other.map(GoDuration::normalized)
}

/// The fields that the shims set and do not compare, where they differ.
fn overlooked(old: &Certificate, wanted: &Certificate) -> Vec<Field> {
    let has = |key: &String, value: &String| old.annotation(key) == Some(value.as_str());
    let lacks_annotation = wanted.metadata.annotations.iter().flatten().any(|(key, value)| !has(key, value));
    let (old, new) = (&old.spec, &wanted.spec);
    [
        (Field::Annotations, lacks_annotation),
        (Field::IssuerGroup, old.issuer_ref.group_or_default() != new.issuer_ref.group_or_default()),
        (Field::IpAddresses, old.ip_addresses != new.ip_addresses),
        (Field::EmailAddresses, old.email_addresses != new.email_addresses),
        (Field::Subject, old.subject != new.subject),
        (Field::Usages, old.usages != new.usages),
        (Field::SecretTemplate, old.secret_template != new.secret_template),
        (Field::RenewBeforePercentage, old.renew_before_percentage != new.renew_before_percentage),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}
