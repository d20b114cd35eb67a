//! Who else writes the Secret, and who takes it away.

use std::fmt;

use jiff::Timestamp;

use super::super::certificate::pace::too_fast;
use super::super::certificate::{outlasts_an_issuance, unready};
use super::super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use super::content::{secret_ref, see_writers};
use crate::api::annotation::{LAST_APPLIED, WAS_APPLIED};
use crate::api::{Certificate, CertificateReason, Object, Secret};
use crate::duration::human;
use crate::facts::Facts;
use crate::finding::{Fix, Witness};
use crate::objref::Kind;

pub static SECRET_OVERWRITTEN_BY_CONTROLLER: Rule = Rule {
    id: "secret-overwritten-by-controller",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "another controller writes the same Secret, and the two undo each other's work",
    doc: include_str!("../../../docs/rules/secret-overwritten-by-controller.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Secret],
    explains: &["certificate-reissued-constantly-secretname-change"],
    judge: secret_overwritten_by_controller,
};

fn secret_overwritten_by_controller(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let Some(secret) = facts.chain.secret.seen().copied() else { return Err(Withheld::NotApplicable) };
    let writers: Vec<Writer> =
        foreign_writers(secret, &["tls.crt", "tls.key"]).into_iter().filter(|writer| !writer.is_person()).collect();
    let marks = sync_marks(secret, certificate);
    let spoilt = unready(certificate).filter(|(reason, _)| comes_from_writing(reason));
    let pace = too_fast(facts, certificate);
    let was_issued = certificate.status.revision.is_some_and(|revision| revision > 0);
    let lasts = || outlasts_an_issuance(facts, certificate);
    let by_writer = !writers.is_empty() && (pace.is_some() || (spoilt.is_some() && (was_issued || lasts())));
    let by_mark = !marks.is_empty() && (pace.is_some() || (spoilt.is_some() && lasts()));
    if !by_writer && !by_mark {
        return Ok(vec![]);
    }
    let name = certificate.spec.secret_name.as_str();
    let who = match (writers.first(), marks.first()) {
        (Some(writer), _) => writer.manager.clone(),
        (None, Some((who, _))) => who.clone(),
        (None, None) => "another controller".to_owned(),
    };
    let mut finding = SECRET_OVERWRITTEN_BY_CONTROLLER.on(secret_ref(certificate)).says(format!(
        "{who} writes Secret {name} as well as cert-manager does for Certificate {}",
        certificate.name()
    ))
        .because("Each time cert-manager has stored its certificate, the other one puts its own version back, and cert-manager issues anew. That goes on until the CA's rate limit ends it.");
    for writer in &writers {
        finding = finding.evidence(Witness::Metadata(Kind::Secret), writer.to_string());
    }
    for (who, mark) in &marks {
        finding = finding.evidence(Witness::Metadata(Kind::Secret), format!("{mark} ({who})"));
    }
    if let Some((_, message)) = spoilt {
        finding = finding.evidence(Witness::Condition(Kind::Certificate, "Ready"), message);
    }
    if let Some(pace) = pace {
        let words = format!("{} issuances in {}", pace.issued, human(pace.age));
        finding = finding.evidence(Witness::Status(Kind::Certificate, "revision"), words);
    }
    let own = format!("{name}-issued");
    let namespace = certificate.objref().namespace_flag();
    let separate = format!(
        "kubectl patch certificate {}{namespace} --type merge -p '{{\"spec\":{{\"secretName\":\"{own}\"}}}}'",
        certificate.name()
    );
    Ok(vec![
        finding
            .fix(Fix::command(
                "let cert-manager write a Secret of its own, and point the users of the certificate there",
                separate,
            ))
            .fix(Fix::manual(format!("or take Secret {name} out of what {who} writes")))
            .fix(see_writers(certificate)),
    ])
}

/// Whether a foreign hand on the Secret brings it about.
fn comes_from_writing(reason: &CertificateReason) -> bool {
    match reason {
        CertificateReason::MissingData
        | CertificateReason::InvalidKeyPair
        | CertificateReason::InvalidCertificate
        | CertificateReason::IncorrectIssuer
        | CertificateReason::IncorrectCertificate
        | CertificateReason::SecretMismatch => true,
        CertificateReason::Ready
        | CertificateReason::DoesNotExist
        | CertificateReason::InvalidCertificateRequest
        | CertificateReason::RequestChanged
        | CertificateReason::Renewing
        | CertificateReason::Expired
        | CertificateReason::WindowError
        | CertificateReason::ManuallyTriggered
        | CertificateReason::Issued
        | CertificateReason::Failed
        | CertificateReason::Denied
        | CertificateReason::CertManagerApprover
        | CertificateReason::KubectlCertManager
        | CertificateReason::ApproverPolicy
        | CertificateReason::Unknown(_) => false,
    }
}

/// A client that wrote some of the Secret's values last, by the Secret's `managedFields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Writer {
    manager: String,
    keys: Vec<String>,
    at: Option<Timestamp>,
}

impl Writer {
    /// Whether the client is a tool in someone's hand rather than a controller.
    fn is_person(&self) -> bool {
        ["kubectl", "velero", "k9s", "node-fetch", "Mozilla", "dashboard"]
            .iter()
            .any(|tool| self.manager.starts_with(tool))
    }
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} last written by {}", self.keys.join(" and "), self.manager)?;
        match self.at {
            Some(at) => write!(f, " at {at}"),
            None => Ok(()),
        }
    }
}

/// Clients other than cert-manager that wrote one of `keys` last.
pub(super) fn foreign_writers(secret: &Secret, keys: &[&str]) -> Vec<Writer> {
    // Old releases of cert-manager called themselves "controller".
    let is_ours = |manager: &str| manager.starts_with("cert-manager") || manager == "controller";
    let entries = secret.metadata.managed_fields.iter().flatten();
    entries
        .filter_map(|entry| {
            let manager = entry.manager.as_deref().filter(|manager| !is_ours(manager))?;
            let data = entry.fields_v1.as_ref()?.0.get("f:data")?;
            let written: Vec<String> =
                keys.iter().filter(|key| data.get(format!("f:{key}")).is_some()).map(|key| (*key).to_owned()).collect();
            let at = entry.time.as_ref().map(|time| time.0);
            (!written.is_empty()).then(|| Writer { manager: manager.to_owned(), keys: written, at })
        })
        .collect()
}

/// Annotations and labels that controllers which write Secrets leave on them, and whose they are.
const MARKS: [(&str, &str); 7] = [
    ("reconcile.external-secrets.io/managed", "External Secrets"),
    ("secrets-store.csi.k8s.io/managed", "Secrets Store CSI driver"),
    ("reflector.v1.k8s.emberstack.com/reflects", "Reflector"),
    ("replicator.v1.mittwald.de/replicate-from", "kubernetes-replicator"),
    ("replicator.v1.mittwald.de/replicated-from-version", "kubernetes-replicator"),
    ("kubed.appscode.com/origin", "config-syncer"),
    ("sealedsecrets.bitnami.com/managed", "Sealed Secrets"),
];

/// The same of tools that apply manifests.
const GIT_MARKS: [(&str, &str); 5] = [
    ("argocd.argoproj.io/tracking-id", "Argo CD"),
    ("argocd.argoproj.io/instance", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("helm.toolkit.fluxcd.io/name", "Flux"),
    ("meta.helm.sh/release-name", "Helm"),
];

/// Who keeps the Secret in step with something, and by what mark that shows.
fn sync_marks(secret: &Secret, certificate: &Certificate) -> Vec<(String, String)> {
    let owners =
        secret.metadata.owner_references.iter().flatten().filter(|owner| owner.kind != Kind::Certificate.word());
    let owners = owners.map(|owner| (owner.kind.clone(), format!("owned by {} {}", owner.kind, owner.name)));
    let marks = MARKS
        .iter()
        .chain(&GIT_MARKS)
        .filter_map(|(key, who)| Some(((*who).to_owned(), mark(secret, certificate, key)?)));
    owners.chain(marks).collect()
}

/// The marks of tools that apply manifests.
pub(super) fn git_marks(secret: &Secret, certificate: &Certificate) -> Vec<String> {
    let tools = GIT_MARKS.iter().filter_map(|(key, who)| Some(format!("{} ({who})", mark(secret, certificate, key)?)));
    let applied = [LAST_APPLIED, WAS_APPLIED].iter().any(|mark| secret.annotation(mark).is_some());
    let applied = applied.then(|| format!("{LAST_APPLIED} is set (kubectl apply)"));
    tools.chain(applied).collect()
}

/// An annotation or label that the Certificate's own `secretTemplate` did not put there.
fn mark(secret: &Secret, certificate: &Certificate, key: &str) -> Option<String> {
    let template = certificate.spec.secret_template.as_ref();
    if template.is_some_and(|template| template.annotations.contains_key(key) || template.labels.contains_key(key)) {
        return None;
    }
    let value = secret.annotation(key).or_else(|| secret.label(key))?;
    Some(format!("{key}: {value}"))
}

pub static SECRET_GONE_WITH_CERTIFICATE: Rule = Rule {
    id: "secret-gone-with-certificate",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Risk,
    severity: Severity::Info,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "the Secret is deleted together with its Certificate",
    doc: include_str!("../../../docs/rules/secret-gone-with-certificate.md"),
    needs: &[Kind::Certificate, Kind::Secret],
    explains: &[],
    judge: secret_gone_with_certificate,
};

fn secret_gone_with_certificate(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let Some(secret) = facts.chain.secret.seen() else { return Err(Withheld::NotApplicable) };
    let mut owners = secret.metadata.owner_references.iter().flatten();
    let Some(owner) = owners.find(|owner| owner.kind == Kind::Certificate.word()) else { return Ok(vec![]) };
    let (name, namespace) = (secret.name(), certificate.objref().namespace_flag());
    let mut finding = SECRET_GONE_WITH_CERTIFICATE
        .on(secret_ref(certificate))
        .says(format!("Secret {name} is deleted as soon as Certificate {} is", owner.name))
        .because("The owner comes from the controller's flag --enable-certificate-owner-ref. To delete or rename the Certificate takes the certificate away from whoever serves it, at once.")
        .evidence(Witness::Metadata(Kind::Secret), format!("owned by Certificate {}", owner.name));
    if let Some(above) = certificate.controller() {
        let words = format!("owned by {} {}: both go with that one too", above.kind, above.name);
        finding = finding.evidence(Witness::Metadata(Kind::Certificate), words);
    }
    Ok(vec![
        finding
            .fix(Fix::manual("start cert-manager's controller without --enable-certificate-owner-ref, and it takes the owner off again"))
            .fix(Fix::command(
                "before you delete or rename the Certificate, keep a copy",
                format!("kubectl get secret {name}{namespace} -o yaml > {name}.yaml"),
            )),
    ])
}

#[cfg(test)]
mod tests {
    use crate::api::{ConditionStatus, Secret};
    use crate::facts::specimen::Specimen;

    fn written_by(manager: &str) -> impl FnOnce(&mut Secret) {
        let entry = serde_json::json!([
            {"manager": "cert-manager-certificates-issuing", "operation": "Apply", "fieldsV1": {"f:type": {}}, "time": "2026-11-22T06:30:10Z"},
            {"manager": manager, "operation": "Update", "fieldsV1": {"f:data": {"f:tls.crt": {}, "f:tls.key": {}}}, "time": "2026-11-22T06:35:00Z"}
        ]);
        move |secret| secret.metadata.managed_fields = serde_json::from_value(entry).unwrap()
    }

    fn unready(reason: &str) -> Specimen {
        Specimen::healthy().later(10).broken(|objects| {
            let ready = &mut objects.certificate().status.conditions[0];
            ready.status = ConditionStatus::False;
            ready.reason = Some(reason.into());
            ready.message = "Secret does not match".into();
        })
    }

    #[test]
    fn a_controller_that_wrote_the_data_last_is_found() {
        let by = |manager: &str| unready("SecretMismatch").broken(|objects| written_by(manager)(objects.secret()));
        assert_eq!(by("external-secrets").root(), Some("secret-overwritten-by-controller"));
        assert!(!by("kubectl-edit").ids().contains(&"secret-overwritten-by-controller"));
        assert!(!by("cert-manager-certificates-issuing").ids().contains(&"secret-overwritten-by-controller"));
        let well = Specimen::healthy().broken(|objects| written_by("external-secrets")(objects.secret()));
        assert_eq!(well.ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_mark_counts_when_the_trouble_lasts() {
        let marked = |specimen: Specimen| {
            specimen.broken(|objects| {
                let label = ("secrets-store.csi.k8s.io/managed".to_owned(), "true".to_owned());
                objects.secret().metadata.labels.get_or_insert_default().extend([label]);
            })
        };
        assert_eq!(
            marked(unready("InvalidKeyPair")).broken(|o| o.secret().data.clear()).root(),
            Some("secret-overwritten-by-controller")
        );
        assert_eq!(marked(Specimen::healthy()).ids(), Vec::<&str>::new());
        let own = marked(unready("MissingData")).broken(|objects| {
            objects.certificate().spec.secret_template =
                serde_json::from_value(serde_json::json!({"labels": {"secrets-store.csi.k8s.io/managed": "true"}}))
                    .unwrap();
        });
        assert!(!own.ids().contains(&"secret-overwritten-by-controller"));
    }

    #[test]
    fn a_secret_that_its_certificate_owns_is_worth_knowing() {
        let owned = |kind: &str| {
            let owner = serde_json::json!([{"apiVersion": "x/v1", "kind": kind, "name": "web", "uid": "1"}]);
            Specimen::healthy()
                .broken(|objects| objects.secret().metadata.owner_references = serde_json::from_value(owner).unwrap())
        };
        assert_eq!(owned("Certificate").ids(), ["secret-gone-with-certificate"]);
        assert_eq!(owned("Release").ids(), Vec::<&str>::new());
    }
}
