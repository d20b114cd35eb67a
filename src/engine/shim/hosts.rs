//! Which Secrets an object names, and for which hosts.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::networking::v1::IngressTLS;

use crate::api::annotation;
use crate::api::gateway::{Listener, ListenerProtocol, TlsMode};
use crate::engine::field::{FieldError, Path};

use super::object::{Asker, Asks};
use super::{Outcome, Refusal, ShimFlags, Skip};

/// A Secret that is asked for.
pub(super) struct Wanted {
    pub(super) secret_name: String,
    /// In the order in which they are named, as often as they are.
    pub(super) hosts: Vec<String>,
}

/// Whether Go's `net.ParseIP` takes it: addresses without a zone.
pub(super) fn is_ip(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
}

/// Whether any entry names this Secret, be it one that is skipped.
pub(super) fn mentions(asker: &Asker<'_>, secret_name: &str) -> bool {
    match asker.asks {
        Asks::Tls(blocks) => blocks.iter().any(|block| secret_of(block) == secret_name),
        Asks::Listeners(listeners) => listeners
            .iter()
            .filter_map(|listener| listener.tls.as_ref())
            .any(|tls| tls.certificate_refs.iter().any(|secret| secret.name == secret_name)),
    }
}

fn secret_of(block: &IngressTLS) -> &str {
    block.secret_name.as_deref().unwrap_or_default()
}

/// Secrets that an Ingress names twice; no names count as one name. Each is told once, with its first two places.
pub(super) fn doubled_secret_names(asker: &Asker<'_>) -> Vec<FieldError> {
    let Asks::Tls(blocks) = asker.asks else { return Vec::new() };
    let path = |index: usize| tls_path(index).child("secretName");
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, block) in blocks.iter().enumerate() {
        places.entry(secret_of(block)).or_default().push(index);
    }
    let mut doubled: Vec<_> = places
        .into_iter()
        .filter_map(|(name, places)| match places.as_slice() {
            [first, second, ..] => Some((*first, *second, name)),
            _ => None,
        })
        .collect();
    doubled.sort_unstable();
    let error = |(first, second, name): (usize, usize, &str)| {
        let second = path(second);
        let detail = format!("this secret name must only appear in a single TLS entry but is also used in {second}");
        FieldError::invalid(path(first), name, detail)
    };
    doubled.into_iter().map(error).collect()
}

fn tls_path(index: usize) -> Path {
    Path::new("spec").child("tls").index(index)
}

/// The Secrets that are asked for, each once, in the order in which they are first named. Entries that are skipped
/// are told or noted in `outcome`.
pub(super) fn wanted(asker: &Asker<'_>, flags: &ShimFlags, outcome: &mut Outcome) -> Vec<Wanted> {
    let wanted = match asker.asks {
        Asks::Tls(blocks) => of_blocks(blocks, outcome),
        Asks::Listeners(listeners) => of_listeners(asker, listeners, flags, outcome),
    };
    if wanted.is_empty() {
        outcome.refuse(Refusal::NothingAsked);
    }
    wanted
}

fn of_blocks(blocks: &[IngressTLS], outcome: &mut Outcome) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let path = tls_path(index);
        let hosts = block.hosts.as_deref().unwrap_or_default();
        let secret_name = secret_of(block);
        let mut errors = Vec::new();
        if hosts.is_empty() {
            errors.push(FieldError::required(path.child("hosts"), ""));
        }
        if secret_name.is_empty() {
            errors.push(FieldError::required(path.child("secretName"), ""));
        }
        if errors.is_empty() {
            wanted.push(Wanted { secret_name: secret_name.to_owned(), hosts: hosts.to_vec() });
        } else {
            outcome.refuse(Refusal::Block { index, errors });
        }
    }
    wanted
}

fn of_listeners(asker: &Asker<'_>, listeners: &[Listener], flags: &ShimFlags, outcome: &mut Outcome) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, listener) in listeners.iter().enumerate() {
        if let Some(skip) = passed_over(asker, listener, flags, index) {
            outcome.refuse(Refusal::Listener { index, name: listener.name.clone(), skip });
            continue;
        }
        let hostname = listener.hostname.as_deref().unwrap_or_default();
        for secret in listener.tls.iter().flat_map(|tls| &tls.certificate_refs) {
            let place = *places.entry(&secret.name).or_insert_with(|| {
                wanted.push(Wanted { secret_name: secret.name.clone(), hosts: Vec::new() });
                wanted.len() - 1
            });
            wanted[place].hosts.push(hostname.to_owned());
        }
    }
    wanted
}

/// Why a listener gets no Certificate.
fn passed_over(asker: &Asker<'_>, listener: &Listener, flags: &ShimFlags, index: usize) -> Option<Skip> {
    let is_tls = match &listener.protocol {
        ListenerProtocol::Https | ListenerProtocol::Tls => true,
        other @ (ListenerProtocol::Http
        | ListenerProtocol::Tcp
        | ListenerProtocol::Udp
        | ListenerProtocol::Unknown(_)) => flags.extra_protocols.contains(other.as_str()),
    };
    if !is_tls {
        return Some(Skip::Protocol(listener.protocol.clone()));
    }
    if listener.tls.as_ref().is_some_and(|tls| tls.mode == Some(TlsMode::Passthrough)) {
        return Some(Skip::Passthrough);
    }
    let ignored = asker.annotations.get(annotation::SHIM_IGNORE_LISTENERS);
    if ignored.is_some_and(|names| names.split(',').any(|name| name.trim() == listener.name)) {
        return Some(Skip::Ignored);
    }
    let errors = listener_errors(asker, listener, index);
    (!errors.is_empty()).then_some(Skip::Faults(errors))
}

fn listener_errors(asker: &Asker<'_>, listener: &Listener, index: usize) -> Vec<FieldError> {
    let path = Path::new("spec").child("listeners").index(index);
    let mut errors = Vec::new();
    if listener.hostname.as_deref().unwrap_or_default().is_empty() {
        errors.push(FieldError::required(path.child("hostname"), "the hostname cannot be empty"));
    }
    let Some(tls) = &listener.tls else {
        errors.push(FieldError::required(path.child("tls"), "the TLS block cannot be empty"));
        return errors;
    };
    let refs = path.child("tls").child("certificateRef");
    if tls.certificate_refs.is_empty() {
        errors.push(FieldError::required(refs.clone(), "listener has no certificateRefs"));
    }
    for (index, secret) in tls.certificate_refs.iter().enumerate() {
        let path = refs.index(index);
        for (field, value, supported) in
            [("group", &secret.group, ["core", ""]), ("kind", &secret.kind, ["Secret", ""])]
        {
            // Absent means the schema's default, which is among these.
            if let Some(value) = value.as_deref().filter(|value| !supported.contains(value)) {
                errors.push(FieldError::unsupported(path.child(field), json(value), supported));
            }
        }
        if let Some(namespace) = secret.namespace.as_ref().filter(|other| Some(*other) != asker.meta.namespace.as_ref())
        {
            let detail = "cross-namespace secret references are not allowed in listeners";
            errors.push(FieldError::invalid_json(path.child("namespace"), namespace, detail));
        }
    }
    // Absent means Terminate, by the schema; Passthrough was passed over before.
    if let Some(TlsMode::Unknown(mode)) = &tls.mode {
        errors.push(FieldError::unsupported(
            path.child("tls").child("mode"),
            json(mode),
            [TlsMode::Terminate.as_str()],
        ));
    }
    errors
}

fn json(text: &str) -> String {
    crate::engine::golang::json(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_go() {
        for host in ["10.0.0.1", "::1", "2001:db8::1", "::ffff:10.0.0.1"] {
            assert!(is_ip(host), "{host}");
        }
        for host in ["", "10.0.0", "10.0.0.01", "10.0.0.1/8", "fe80::1%eth0", "[::1]", "1.example.com", "12345::"] {
            assert!(!is_ip(host), "{host}");
        }
    }
}
