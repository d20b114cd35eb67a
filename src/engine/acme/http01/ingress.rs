//! The Ingress of an HTTP-01 solver, or the path in one that exists (`pkg/issuer/acme/http/ingress.go`).

use std::net::IpAddr;

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec,
    ServiceBackendPort,
};

use super::{PORT, delete_owned, labels_with_extra, metadata, owned, path};
use crate::api::annotation::INGRESS_CLASS;
use crate::api::solver::{Http01Ingress, IngressTemplate};
use crate::api::{Challenge, Object};
use crate::engine::flags::Flags;
use crate::engine::turn::Turn;
use crate::objref::{Kind, ObjRef};

const WHITELIST: &str = "nginx.ingress.kubernetes.io/whitelist-source-range";

/// Makes the Ingress, if it is not there, or adds the path to the one that the solver names.
pub fn ensure(turn: &mut Turn, challenge: &Challenge, config: &Http01Ingress, service: &str) -> Result<(), String> {
    if !config.name.is_empty() {
        return add_path(turn, challenge, &config.name, service);
    }
    let there = owned::<Ingress>(turn, challenge);
    let fault = match there.as_slice() {
        [] => {
            let ingress = build(turn.flags, challenge, config, service)?;
            return turn.cluster.create(ingress).map(drop).map_err(|error| error.to_string());
        }
        [only] if first_service(only) == Some(service) => return Ok(()),
        [_] => {
            "service name changed, existing challenge solver ingresses found and cleaned up. retrying challenge sync"
        }
        [..] => "multiple existing challenge solver ingresses found and cleaned up. retrying challenge sync",
    };
    delete_owned::<Ingress>(turn, challenge);
    Err(fault.to_owned())
}

/// Deletes it, or takes the path out of the one that the solver names.
pub fn clean_up(turn: &mut Turn, challenge: &Challenge) {
    let http01 = challenge.spec.solver.http01.as_ref();
    let Some(config) = http01.and_then(|http01| http01.ingress.as_ref()) else { return };
    if config.name.is_empty() {
        return delete_owned::<Ingress>(turn, challenge);
    }
    let (host, path) = (challenge.spec.dns_name.clone(), path(challenge));
    edit(turn, &ObjRef::new(Kind::Ingress, challenge.namespace(), &config.name), |spec| {
        let rules = spec.rules.get_or_insert_default();
        rules.retain_mut(|rule| {
            let ours = rule.host.as_deref().unwrap_or_default() == host;
            let Some(http) = rule.http.as_mut().filter(|_| ours) else { return true };
            http.paths.retain(|entry| entry.path.as_deref() != Some(&path));
            !http.paths.is_empty()
        });
        if rules.is_empty() {
            spec.rules = None;
        }
    });
}

fn first_service(ingress: &Ingress) -> Option<&str> {
    let rule = ingress.spec.as_ref()?.rules.as_ref()?.first()?;
    Some(rule.http.as_ref()?.paths.first()?.backend.service.as_ref()?.name.as_str())
}

fn build(flags: &Flags, challenge: &Challenge, config: &Http01Ingress, service: &str) -> Result<Ingress, String> {
    if config.class.is_some() && config.ingress_class_name.is_some() {
        return Err("the fields ingressClassName and class cannot be set at the same time".to_owned());
    }
    let mut annotations = vec![(WHITELIST, "0.0.0.0/0,::/0")];
    annotations.extend(config.class.as_deref().map(|class| (INGRESS_CLASS, class)));
    let name = &challenge.spec.dns_name;
    // An address is validated whatever the host.
    let host = Some(name.clone()).filter(|name| name.parse::<IpAddr>().is_err());
    let mut ingress = Ingress {
        metadata: metadata(challenge, labels_with_extra(flags, challenge), &annotations),
        spec: Some(IngressSpec {
            ingress_class_name: config.ingress_class_name.clone(),
            rules: Some(vec![IngressRule { host, http: Some(value(flags, challenge, service)) }]),
            ..IngressSpec::default()
        }),
        status: None,
    };
    if let Some(template) = &config.ingress_template {
        merge(&mut ingress, template);
    }
    Ok(ingress)
}

fn value(flags: &Flags, challenge: &Challenge, service: &str) -> HTTPIngressRuleValue {
    HTTPIngressRuleValue { paths: vec![entry(flags, challenge, service)] }
}

fn entry(flags: &Flags, challenge: &Challenge, service: &str) -> HTTPIngressPath {
    let path_type = if flags.http01_ingress_path_type_exact { "Exact" } else { "ImplementationSpecific" };
    HTTPIngressPath {
        path: Some(path(challenge)),
        path_type: path_type.to_owned(),
        backend: IngressBackend {
            service: Some(IngressServiceBackend {
                name: service.to_owned(),
                port: Some(ServiceBackendPort { number: Some(PORT), ..ServiceBackendPort::default() }),
            }),
            ..IngressBackend::default()
        },
    }
}

fn merge(ingress: &mut Ingress, template: &IngressTemplate) {
    let meta = &template.metadata;
    ingress.metadata.labels.get_or_insert_default().extend(meta.labels.clone());
    let annotations = ingress.metadata.annotations.get_or_insert_default();
    for (key, value) in &meta.annotations {
        // Whoever sets it for any controller does not want it for nginx.
        if key.rsplit('/').next() == Some("whitelist-source-range") {
            annotations.remove(WHITELIST);
        }
        annotations.insert(key.clone(), value.clone());
    }
}

/// Puts the path first under the rule for the host, or into a rule of its own.
fn add_path(turn: &mut Turn, challenge: &Challenge, name: &str, service: &str) -> Result<(), String> {
    let object = ObjRef::new(Kind::Ingress, challenge.namespace(), name);
    if turn.cluster.find::<Ingress>(&object).is_none() {
        return Err(format!("ingress.networking.k8s.io {name:?} not found"));
    }
    let (host, entry) = (challenge.spec.dns_name.clone(), entry(turn.flags, challenge, service));
    edit(turn, &object, |spec| {
        let rules = spec.rules.get_or_insert_default();
        let Some(rule) = rules.iter_mut().find(|rule| rule.host.as_deref().unwrap_or_default() == host) else {
            let http = Some(HTTPIngressRuleValue { paths: vec![entry] });
            rules.push(IngressRule { host: Some(host), http });
            return;
        };
        // cert-manager adds the path to a copy, if the rule has no paths, and so adds none.
        let Some(http) = &mut rule.http else { return };
        match http.paths.iter_mut().find(|known| known.path == entry.path) {
            Some(known) if known.backend.service == entry.backend.service => {}
            Some(known) => *known = entry,
            None => http.paths.insert(0, entry),
        }
    });
    Ok(())
}

/// Changes the spec of an Ingress, if there is one of that name.
fn edit(turn: &mut Turn, object: &ObjRef, change: impl FnOnce(&mut IngressSpec)) {
    turn.cluster.modify::<Ingress>(object, |ingress| {
        let before = ingress.spec.clone();
        change(ingress.spec.get_or_insert_default());
        let changed = ingress.spec != before;
        if changed {
            ingress.metadata.generation = Some(ingress.metadata.generation.unwrap_or(1) + 1);
        }
        changed
    });
}
