//! The Service of an HTTP-01 solver (`pkg/issuer/acme/http/service.go`).

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{PORT, delete_owned, labels, labels_with_extra, metadata, owned};
use crate::api::{Challenge, Object};
use crate::engine::flags::Flags;
use crate::engine::turn::Turn;

/// Makes the Service, if it is not there, and gives its name.
pub fn ensure(turn: &mut Turn, challenge: &Challenge) -> Result<String, String> {
    let there = owned::<Service>(turn, challenge);
    match there.as_slice() {
        [] => {
            let service = build(turn.flags, challenge)?;
            turn.cluster.create(service).map(|made| made.name).map_err(|error| error.to_string())
        }
        [only] => Ok(only.name().to_owned()),
        [..] => {
            clean_up(turn, challenge);
            let words = "multiple existing challenge solver services found and cleaned up. retrying challenge sync";
            Err(words.to_owned())
        }
    }
}

/// Deletes it.
pub fn clean_up(turn: &mut Turn, challenge: &Challenge) {
    delete_owned::<Service>(turn, challenge);
}

fn build(flags: &Flags, challenge: &Challenge) -> Result<Service, String> {
    let http01 = challenge.spec.solver.http01.as_ref();
    let ingress = http01.and_then(|http01| http01.ingress.as_ref()).map(|ingress| &ingress.service_type);
    let gateway = http01.and_then(|http01| http01.gateway_http_route.as_ref()).map(|route| &route.service_type);
    let type_ = ingress.or(gateway).ok_or("neither HTTP01 Ingress nor Gateway solvers were found")?;
    let type_ = if type_.is_empty() { "NodePort" } else { type_ };
    Ok(Service {
        metadata: metadata(challenge, labels_with_extra(flags, challenge), &[("auth.istio.io/8089", "NONE")]),
        spec: Some(ServiceSpec {
            type_: Some(type_.to_owned()),
            ports: Some(vec![ServicePort {
                name: Some("http".to_owned()),
                port: PORT,
                target_port: Some(IntOrString::Int(PORT)),
                ..ServicePort::default()
            }]),
            selector: Some(labels(challenge)),
            ..ServiceSpec::default()
        }),
        status: None,
    })
}
