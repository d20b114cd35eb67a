//! The chain in `tls.crt`, and `ca.crt`.

use k8s_openapi::api::core::v1::{Pod, PodSpec};

use super::super::certificate::{is_acme, renew};
use super::super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use super::content::secret_ref;
use super::origin::is_temporary;
use crate::api::{Certificate, Object, Secret};
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;
use crate::x509::{self, Bundle, LinkFault};

pub static CHAIN_INCOMPLETE_OR_CA_CRT_MISUSED: Rule = Rule {
    id: "chain-incomplete-or-ca-crt-misused",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Risk,
    severity: Severity::Warning,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "clients cannot build a chain from tls.crt, or a Pod wants a ca.crt that is not there",
    doc: include_str!("../../../docs/rules/chain-incomplete-or-ca-crt-misused.md"),
    needs: &[Kind::Certificate, Kind::Order, Kind::Secret, Kind::Pod],
    explains: &[],
    judge: chain_incomplete_or_ca_crt_misused,
};

fn chain_incomplete_or_ca_crt_misused(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let Some(secret) = facts.chain.secret.seen().copied() else { return Err(Withheld::NotApplicable) };
    let stored = facts.stored().map_err(|_| Withheld::NotApplicable)?;
    if is_temporary(facts, certificate) {
        return Ok(vec![]);
    }
    let broken =
        broken_link(facts, certificate, stored).or_else(|| missing_intermediate(facts, certificate, secret, stored));
    let misused = if is_acme(facts) && !secret.data.contains_key("ca.crt") {
        waits_for_ca(facts, certificate, secret)
    } else {
        None
    };
    Ok(broken.into_iter().chain(misused).collect())
}

/// Certificates in `tls.crt` of which one does not sign the one before it.
fn broken_link(facts: &Facts, certificate: &Certificate, stored: &Bundle) -> Option<Finding> {
    // What we cannot check is not broken.
    let is_certain = |fault: &LinkFault| match fault {
        LinkFault::NameMismatch | LinkFault::NotCa | LinkFault::NoCertSign | LinkFault::BadSignature => true,
        LinkFault::Insecure | LinkFault::Unsupported => false,
    };
    let (index, fault) = stored.gaps().into_iter().find(|(_, fault)| is_certain(fault))?;
    let all: Vec<&x509::Certificate> = stored.iter().collect();
    let (child, next) = (all.get(index)?, all.get(index + 1)?);
    let out_of_order = all.iter().any(|parent| child.issued_by(parent).is_ok());
    let how = if out_of_order { "is in the wrong order" } else { "holds a certificate that is not part of the chain" };
    let finding = CHAIN_INCOMPLETE_OR_CA_CRT_MISUSED
        .on(secret_ref(certificate))
        .says(format!("tls.crt in Secret {} {how}: certificate {} is not signed by certificate {}", certificate.spec.secret_name, index + 1, index + 2))
        .because(format!("{fault}. Strict clients give up there (\"unable to get local issuer certificate\"); browsers that know the intermediate from elsewhere hide it."))
        .evidence(Witness::Data(Kind::Secret), format!("certificate {}: {}, issued by {}", index + 1, child.subject, child.issuer))
        .evidence(Witness::Data(Kind::Secret), format!("certificate {}: {}", index + 2, next.subject));
    Some(with_fixes(finding, facts, certificate))
}

/// A leaf alone, though something stands between it and the root.
fn missing_intermediate(facts: &Facts, certificate: &Certificate, secret: &Secret, stored: &Bundle) -> Option<Finding> {
    let leaf = stored.leaf();
    if !stored.rest().is_empty() || leaf.is_self_issued() {
        return None;
    }
    let ca = secret.bytes("ca.crt").and_then(|pem| Bundle::from_pem(pem.expose()).ok());
    let why = match &ca {
        Some(ca) if ca.iter().any(|ca| leaf.names_issuer(ca)) => {
            if ca.iter().any(x509::Certificate::is_self_issued) {
                return None;
            }
            format!("its issuer {} is in ca.crt only, and is no root", leaf.issuer)
        }
        Some(ca) => format!("its issuer {} is missing; ca.crt holds {}", leaf.issuer, ca.leaf().subject),
        None if is_acme(facts) => format!("the intermediate {} is missing", leaf.issuer),
        // A private root that signs leaves itself needs none.
        None => return None,
    };
    let finding = CHAIN_INCOMPLETE_OR_CA_CRT_MISUSED
        .on(secret_ref(certificate))
        .says(format!("tls.crt in Secret {} holds the leaf alone: {why}", certificate.spec.secret_name))
        .because("Clients that know the root only cannot build the chain: \"unable to get local issuer certificate\". Browsers that know the intermediate from elsewhere hide it.")
        .evidence(Witness::Data(Kind::Secret), format!("1 certificate, issued by {}", leaf.issuer));
    Some(with_fixes(finding, facts, certificate))
}

fn with_fixes(finding: Finding, facts: &Facts, certificate: &Certificate) -> Finding {
    let issuer = &certificate.spec.issuer_ref;
    let (kind, name) = (issuer.kind_or_default(), &issuer.name);
    let whole = if is_acme(facts) {
        format!(
            "look at spec.acme of {kind} {name}: the server, or the chain in preferredChain, comes without its intermediate"
        )
    } else {
        format!(
            "make {kind} {name} give the whole chain: for a CA issuer put the intermediates behind the CA in tls.crt of its Secret"
        )
    };
    finding.fix(Fix::manual(whole)).fix(renew("then issue anew", certificate))
}

/// A Pod that wants `ca.crt`, which an ACME server never gives.
fn waits_for_ca(facts: &Facts, certificate: &Certificate, secret: &Secret) -> Option<Finding> {
    let (namespace, name) = (certificate.namespace().unwrap_or_default(), secret.name());
    let mut pods = facts.inventory.pods_with_secret(namespace, name);
    let pod = pods.find(|pod: &&Pod| pod.spec.as_ref().is_some_and(|spec| wants_ca(spec, name)))?;
    Some(
        CHAIN_INCOMPLETE_OR_CA_CRT_MISUSED
            .on(pod.objref())
            .says(format!("Pod {} wants ca.crt from Secret {name}, which a certificate from an ACME server does not have", pod.name()))
            .because("ACME servers give the chain, not the root, so cert-manager writes no ca.crt. Clients trust public roots by their own trust store. The Pod does not start without the key.")
            .evidence(Witness::Spec(Kind::Pod, "volumes, env"), format!("key ca.crt of Secret {name}"))
            .evidence(Witness::Data(Kind::Secret), format!("keys: {}", secret.data.keys().map(String::as_str).collect::<Vec<_>>().join(", ")))
            .fix(Fix::manual("take ca.crt out of the Pod's items, and let the program use the system's trust store"))
            .fix(Fix::manual("or hand out the roots with trust-manager: a Bundle with useDefaultCAs: true")),
    )
}

fn wants_ca(spec: &PodSpec, secret: &str) -> bool {
    let mut volumes = spec.volumes.iter().flatten().filter_map(|volume| volume.secret.as_ref());
    let by_file = volumes.any(|source| {
        source.secret_name.as_deref() == Some(secret)
            && source.optional != Some(true)
            && source.items.iter().flatten().any(|item| item.key == "ca.crt")
    });
    let variables = spec.containers.iter().flat_map(|container| container.env.iter().flatten());
    let mut references = variables.filter_map(|variable| variable.value_from.as_ref()?.secret_key_ref.as_ref());
    by_file
        || references
            .any(|reference| reference.name == secret && reference.key == "ca.crt" && reference.optional != Some(true))
}

#[cfg(test)]
mod tests {
    use crate::api::{Secret, SecretValue};
    use crate::facts::specimen::Specimen;

    fn blocks(secret: &Secret) -> Vec<String> {
        let pem = String::from_utf8(secret.bytes("tls.crt").unwrap().expose().to_vec()).unwrap();
        pem.split_inclusive("-----END CERTIFICATE-----\n")
            .map(str::to_owned)
            .filter(|block| block.contains("BEGIN"))
            .collect()
    }

    fn put(secret: &mut Secret, key: &str, value: String) {
        secret.data.insert(key.into(), SecretValue::Bytes(value.into_bytes().into()));
    }

    #[test]
    fn a_leaf_without_its_intermediate_is_found_for_acme() {
        let alone = || {
            Specimen::healthy().broken(|objects| {
                let leaf = blocks(objects.secret())[0].clone();
                put(objects.secret(), "tls.crt", leaf);
            })
        };
        assert_eq!(alone().ids(), ["chain-incomplete-or-ca-crt-misused"]);
        let private = || {
            alone().broken(|objects| {
                objects.cluster_issuer().spec.acme = None;
                objects.orders.clear();
            })
        };
        assert_eq!(private().ids(), Vec::<&str>::new());
        let beside = private().broken(|objects| {
            let intermediate = blocks(Specimen::healthy().objects.secret())[1].clone();
            put(objects.secret(), "ca.crt", intermediate);
        });
        assert_eq!(beside.ids(), ["chain-incomplete-or-ca-crt-misused"]);
    }

    #[test]
    fn a_stranger_in_the_chain_is_found() {
        let doubled = Specimen::healthy().broken(|objects| {
            let both = blocks(objects.secret());
            put(objects.secret(), "tls.crt", [both[0].clone(), both[0].clone(), both[1].clone()].concat());
        });
        assert_eq!(doubled.ids(), ["chain-incomplete-or-ca-crt-misused"]);
    }

    #[test]
    fn a_pod_that_wants_the_ca_is_found_unless_it_can_do_without() {
        let wanting = |optional: bool| {
            Specimen::healthy().with(&format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: front-0, namespace: shop}}\nspec:\n  containers: [{{name: front}}]\n  \
                 volumes: [{{name: tls, secret: {{secretName: web-tls, optional: {optional}, items: [{{key: ca.crt, path: ca.crt}}]}}}}]\n"
            ))
        };
        assert_eq!(wanting(false).ids(), ["chain-incomplete-or-ca-crt-misused"]);
        assert_eq!(wanting(true).ids(), Vec::<&str>::new());
    }
}
