//! Pods with volumes that cert-manager's CSI driver fills: what they wait for, and drivers that do not exist.

use k8s_openapi::api::core::v1::{CSIVolumeSource, Event, Pod, Volume};

use super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use crate::api::{ClusterIssuer, Issuer, IssuerSpec, Object};
use crate::chain::way::{CSI_DRIVER, csi_volumes, ways};
use crate::fact::Fact;
use crate::facts::Facts;
use crate::finding::{Fix, Witness};
use crate::objref::Kind;

pub static MOUNT_WAITS: Rule = Rule {
    id: "csi-mount-waits",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Symptom,
    severity: Severity::Error,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "a Pod waits for a volume that cert-manager's CSI driver does not fill",
    doc: include_str!("../../../docs/rules/csi-mount-waits.md"),
    needs: &[Kind::Pod, Kind::Event, Kind::CertificateRequest, Kind::Issuer, Kind::ClusterIssuer],
    explains: &[],
    judge: mount_waits,
};

fn pod<'i>(facts: &Facts<'i>) -> Result<&'i Pod, Withheld> {
    let subject = &facts.chain.subject;
    if subject.kind != Kind::Pod {
        return Err(Withheld::NotApplicable);
    }
    let pod = facts.inventory.at::<Pod>(subject);
    pod.seen().copied().ok_or(Withheld::NotApplicable)
}

fn volumes(pod: &Pod) -> impl Iterator<Item = (&Volume, &CSIVolumeSource)> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| Some((volume, volume.csi.as_ref()?)))
}

/// The newest event that tells of a volume that could not be mounted, while no container has started.
fn failed_mount<'i>(facts: &Facts<'i>, pod: &Pod) -> Option<&'i Event> {
    let mut statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let has_started = statuses.any(|status| status.ready || status.started == Some(true));
    facts.event(pod, "FailedMount").filter(|_| !has_started)
}

fn mount_waits(facts: &Facts) -> Judgement {
    let pod = pod(facts)?;
    let Some(volume) = csi_volumes(pod).next() else { return Err(Withheld::NotApplicable) };
    let Some(event) = failed_mount(facts, pod) else { return Ok(vec![]) };
    let said = event.message.as_deref().unwrap_or_default();
    let attributes = Attributes::of(volume);
    let why = attributes.fault(facts, pod).unwrap_or_else(|| {
        let mut requests =
            ways(facts.inventory, &facts.chain.subject).into_iter().filter_map(|way| way.into_iter().nth(1));
        match requests.find(|object| object.kind == Kind::CertificateRequest) {
            Some(request) => format!("{request} is not answered"),
            None if said.contains("not found in the list of registered CSI drivers") => {
                format!("the driver {CSI_DRIVER} does not run on node {}", node(pod))
            }
            None => "the driver's last request is gone, and it makes a new one with growing pauses".to_owned(),
        }
    });
    let (name, flag) = (pod.name(), pod.objref().namespace_flag());
    let finding = MOUNT_WAITS
        .on(pod.objref())
        .says(format!("Pod {name} waits for its volume {}: {why}", volume.name))
        .because("The driver makes a CertificateRequest for the volume and waits for its answer before it lets the Pod start. A request that is not answered in time is deleted and made anew, under another name.")
        .evidence(Witness::Event(Kind::Pod, "FailedMount".to_owned()), said)
        .evidence(Witness::Spec(Kind::Pod, "volumes[].csi.volumeAttributes"), attributes.words());
    Ok(vec![
        finding
            .fix(Fix::patch(
                "name an issuer that can sign for Pods, a CA issuer or Vault, by all three attributes",
                "volumes:\n- name: tls\n  csi:\n    driver: csi.cert-manager.io\n    readOnly: true\n    volumeAttributes:\n      csi.cert-manager.io/issuer-name: NAME\n      csi.cert-manager.io/issuer-kind: ClusterIssuer\n      csi.cert-manager.io/issuer-group: cert-manager.io",
            ))
            .fix(Fix::command(
                "watch its requests, and what becomes of them",
                format!("kubectl get certificaterequests{flag} -w"),
            )),
    ])
}

fn node(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or("of the Pod")
}

/// What a volume asks of the driver.
struct Attributes<'v> {
    issuer: Option<&'v str>,
    kind: &'v str,
    group: &'v str,
    dns_names: &'v str,
}

impl<'v> Attributes<'v> {
    fn of(volume: &'v Volume) -> Self {
        let given = volume.csi.as_ref().and_then(|csi| csi.volume_attributes.as_ref());
        let get = |key: &str| {
            let value = given.and_then(|given| given.get(&format!("{CSI_DRIVER}/{key}")));
            value.map(String::as_str).filter(|value| !value.is_empty())
        };
        Self {
            issuer: get("issuer-name"),
            kind: get("issuer-kind").unwrap_or(Kind::Issuer.word()),
            group: get("issuer-group").unwrap_or(Kind::Issuer.group()),
            dns_names: get("dns-names").unwrap_or_default(),
        }
    }

    fn words(&self) -> String {
        format!("issuer {} {}, group {}", self.kind, self.issuer.unwrap_or("(none)"), self.group)
    }

    /// Why the issuer that is named cannot answer, if that is plain.
    fn fault(&self, facts: &Facts, pod: &Pod) -> Option<String> {
        let Some(name) = self.issuer else { return Some(format!("it has no attribute {CSI_DRIVER}/issuer-name")) };
        if self.group != Kind::Issuer.group() {
            return None;
        }
        let (inventory, namespace) = (facts.inventory, pod.namespace());
        let spec: Fact<&IssuerSpec> = if self.kind == Kind::ClusterIssuer.word() {
            inventory.get::<ClusterIssuer>(None, name).map(|issuer| &issuer.spec)
        } else {
            inventory.get::<Issuer>(namespace, name).map(|issuer| &issuer.spec)
        };
        let issuer = format!("{} {name}", self.kind);
        match spec {
            Fact::Absent => Some(format!("{issuer} does not exist")),
            Fact::Seen(spec) if spec.self_signed.is_some() => Some(format!(
                "{issuer} is a SelfSigned issuer, which needs the private key, and that never leaves the driver"
            )),
            Fact::Seen(spec) if spec.acme.is_some() && !self.is_public() => {
                Some(format!("{issuer} is an ACME issuer, which signs for names of public DNS only"))
            }
            Fact::Seen(_) | Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_) => None,
        }
    }

    /// Whether a public CA might sign for all of the names.
    fn is_public(&self) -> bool {
        let is_inner = |name: &str| {
            name.contains("${")
                || !name.contains('.')
                || name.contains(".svc")
                || name.rsplit('.').next() == Some("local")
        };
        !self.dns_names.is_empty() && !self.dns_names.split(',').any(|name| is_inner(name.trim()))
    }
}

pub static WRONG_DRIVER_NAME: Rule = Rule {
    id: "csi-wrong-driver-name",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "the volume names a CSI driver that there is not: cert-manager's is csi.cert-manager.io",
    doc: include_str!("../../../docs/rules/csi-wrong-driver-name.md"),
    needs: &[Kind::Pod],
    explains: &["csi-mount-waits"],
    judge: wrong_driver_name,
};

/// The driver of csi-driver-spiffe.
const SPIFFE_DRIVER: &str = "spiffe.csi.cert-manager.io";

fn wrong_driver_name(facts: &Facts) -> Judgement {
    let pod = pod(facts)?;
    let is_meant = |csi: &CSIVolumeSource| {
        let mut attributes = csi.volume_attributes.iter().flatten();
        csi.driver.contains("cert-manager") || attributes.any(|(key, _)| key.starts_with(CSI_DRIVER))
    };
    let wrong =
        volumes(pod).filter(|(_, csi)| ![CSI_DRIVER, SPIFFE_DRIVER].contains(&csi.driver.as_str()) && is_meant(csi));
    let said = facts.event(pod, "FailedMount").and_then(|event| event.message.as_deref()).unwrap_or_default();
    Ok(wrong
        .map(|(volume, csi)| {
            let said = if said.contains(&csi.driver) { said } else { "" };
            WRONG_DRIVER_NAME
                .on(pod.objref())
                .says(format!("volume {} of Pod {} names the driver {}, and cert-manager's is {CSI_DRIVER}", volume.name, pod.name(), csi.driver))
                .because("The kubelet finds no driver of that name on the node, so the volume is never mounted and no container starts. No request is made, and no issuer is asked.")
                .evidence(Witness::Spec(Kind::Pod, "volumes[].csi.driver"), &csi.driver)
                .evidence(Witness::Event(Kind::Pod, "FailedMount".to_owned()), said)
                .fix(Fix::patch(
                    "name the driver in the template of the workload; its attributes begin with csi.cert-manager.io/",
                    format!("volumes:\n- name: {}\n  csi:\n    driver: {CSI_DRIVER}", volume.name),
                ))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use crate::facts::specimen::Specimen;
    use crate::objref::Kind;
    use crate::report::Verdict;

    const NONE: [&str; 0] = [];

    /// Pod shop/api whose volume asks this issuer, with what the kubelet said of it last.
    fn pod(driver: &str, issuer: &str, said: &str) -> Specimen {
        let event = if said.is_empty() {
            String::new()
        } else {
            format!(
                "---\napiVersion: v1\nkind: Event\nmetadata: {{name: api.1, namespace: shop}}\ninvolvedObject: {{kind: Pod, namespace: shop, \
                 name: api, uid: p-1}}\nreason: FailedMount\ntype: Warning\nlastTimestamp: '2026-11-22T06:39:00Z'\nmessage: '{said}'\n"
            )
        };
        Specimen::healthy()
            .with(&format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: api, namespace: shop, uid: p-1}}\nspec:\n  nodeName: n1\n  containers: [{{name: \
                 api}}]\n  volumes:\n  - name: tls\n    csi: {{driver: {driver}, readOnly: true, volumeAttributes: {{{issuer}, \
                 csi.cert-manager.io/dns-names: api.shop.svc}}}}\n{event}"
            ))
            .about(Kind::Pod, Some("shop"), "api")
    }

    const WAITS: &str = "MountVolume.SetUp failed for volume \"tls\": rpc error: request \"x\" is pending";
    const LETSENCRYPT: &str =
        "csi.cert-manager.io/issuer-name: letsencrypt, csi.cert-manager.io/issuer-kind: ClusterIssuer";

    fn says(specimen: &Specimen) -> String {
        assert_eq!(specimen.ids(), ["csi-mount-waits"]);
        specimen.judge().findings[0].summary.clone()
    }

    #[test]
    fn a_pod_that_waits_for_its_volume_is_told_for_what() {
        let driver = "csi.cert-manager.io";
        assert_eq!(pod(driver, LETSENCRYPT, "").ids(), NONE);
        assert_eq!(pod(driver, LETSENCRYPT, "").judge().verdict, Verdict::Healthy);
        assert!(says(&pod(driver, LETSENCRYPT, WAITS)).contains("is an ACME issuer"));
        let nameless = "csi.cert-manager.io/issuer-kind: ClusterIssuer";
        assert!(says(&pod(driver, nameless, WAITS)).contains("no attribute csi.cert-manager.io/issuer-name"));
        let self_signed = pod(driver, LETSENCRYPT, WAITS).broken(|objects| {
            objects.cluster_issuer().spec = serde_json::from_str(r#"{"selfSigned": {}}"#).unwrap();
        });
        assert!(says(&self_signed).contains("SelfSigned"));
        let running = pod(driver, LETSENCRYPT, WAITS).broken(|objects| {
            let status = r#"{"containerStatuses": [{"name": "api", "ready": true, "image": "", "imageID": "", "restartCount": 0}]}"#;
            objects.pods[0].status = serde_json::from_str(status).unwrap();
        });
        assert_eq!(running.ids(), NONE, "the event is of before");
    }

    #[test]
    fn a_driver_of_another_name_is_found() {
        let said = "driver name certs.cert-manager.io not found in the list of registered CSI drivers";
        assert_eq!(pod("certs.cert-manager.io", LETSENCRYPT, said).ids(), ["csi-wrong-driver-name"]);
        assert_eq!(pod("csi.example.com", LETSENCRYPT, "").ids(), ["csi-wrong-driver-name"], "its attributes tell");
        assert_eq!(pod("spiffe.csi.cert-manager.io", LETSENCRYPT, "").ids(), NONE);
    }
}
