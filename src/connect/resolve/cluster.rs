//! The cluster entry: its flags, its address, its trust.
//!
//! Says nothing about users.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use kube::config::Cluster;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::{Trust, given};
use crate::connect::files::{Files, why_unread};
use crate::connect::flags::Flags;
use crate::connect::refusal::ConnectError;

/// The extension of a cluster entry that is passed to plugins.
const PLUGIN_EXTENSION: &str = "client.authentication.k8s.io/exec";

/// Lays the flags over the entry: `--server` drops the entry's `tls-server-name`, and either trust flag drops all of
/// the entry's trust.
pub(super) fn apply_flags(cluster: &mut Cluster, flags: &Flags) {
    if let Some(server) = given(flags.server.as_deref()) {
        cluster.server = Some(server.to_owned());
        cluster.tls_server_name = None;
    }
    if let Some(name) = given(flags.tls_server_name.as_deref()) {
        cluster.tls_server_name = Some(name.to_owned());
    }
    let authority = flags.certificate_authority.as_ref().filter(|path| !path.as_os_str().is_empty());
    if flags.insecure_skip_tls_verify || authority.is_some() {
        cluster.insecure_skip_tls_verify = Some(flags.insecure_skip_tls_verify);
        cluster.certificate_authority = authority.map(|path| path.to_string_lossy().into_owned());
        cluster.certificate_authority_data = None;
    }
    if flags.disable_compression {
        cluster.disable_compression = Some(true);
    }
}

/// What the server's certificate is checked against; what is wrong with it goes to `problems`.
pub(super) fn trust(cluster: &Cluster, name: &str, files: &impl Files, problems: &mut Vec<String>) -> Trust {
    let data = given(cluster.certificate_authority_data.as_deref());
    let file = given(cluster.certificate_authority.as_deref());
    let insecure = cluster.insecure_skip_tls_verify.unwrap_or_default();
    if insecure && (data.is_some() || file.is_some()) {
        problems.push("specifying a root certificates file with the insecure flag is not allowed".to_owned());
        return Trust::Nothing;
    }
    if insecure {
        return Trust::Nothing;
    }
    let pem = match (data, file) {
        (None, None) => return Trust::System,
        (Some(data), _) => STANDARD
            .decode(data.trim())
            .map_err(|err| format!("unable to decode certificate-authority-data for {name} due to {err}")),
        (None, Some(file)) => files.read(Path::new(file)).map_err(|err| {
            format!(
                "unable to read certificate-authority {file} for {name} due to {}",
                why_unread(Path::new(file), &err)
            )
        }),
    };
    let roots = pem.and_then(|pem| {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        found.map_err(|err| format!("unable to load root certificates for {name}: {err}"))
    });
    match roots {
        Ok(roots) if !roots.is_empty() => Trust::Roots(roots),
        Ok(_) => {
            problems.push(format!("unable to load root certificates for {name}: no certificate in it"));
            Trust::System
        }
        Err(problem) => {
            problems.push(problem);
            Trust::System
        }
    }
}

/// The address of the server, with the scheme client-go would assume: `https` as soon as anything about TLS is set.
pub(super) fn server_uri(cluster: &Cluster, trust: &Trust, has_identity: bool) -> Result<Uri, ConnectError> {
    let text = cluster.server.as_deref().unwrap_or_default().trim();
    let bad = || ConnectError::BadServer { server: without_userinfo(text) };
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        let tls = *trust != Trust::System || has_identity;
        format!("{}://{text}", if tls { "https" } else { "http" })
    };
    let uri: Uri = with_scheme.parse().map_err(|_| bad())?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(uri),
        (Some(_) | None, Some(_) | None) => Err(bad()),
    }
}

fn without_userinfo(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(start), Some(at)) if at > start => format!("{}{}", &text[..start + 3], &text[at + 1..]),
        (Some(_) | None, Some(_) | None) => text.to_owned(),
    }
}

/// The `spec.cluster` of `KUBERNETES_EXEC_INFO`.
pub(super) fn for_plugin(cluster: &Cluster, server: &Uri, trust: &Trust, files: &impl Files) -> Value {
    let mut info = json!({"server": cluster.server.clone().unwrap_or_else(|| server.to_string())});
    let mut set = |key: &str, value: Value| {
        if let Value::Object(fields) = &mut info {
            fields.insert(key.to_owned(), value);
        }
    };
    if let Some(name) = given(cluster.tls_server_name.as_deref()) {
        set("tls-server-name", json!(name));
    }
    if *trust == Trust::Nothing {
        set("insecure-skip-tls-verify", json!(true));
    }
    let data = given(cluster.certificate_authority_data.as_deref()).map(str::to_owned).or_else(|| {
        let file = given(cluster.certificate_authority.as_deref())?;
        files.read(Path::new(file)).ok().map(|pem| STANDARD.encode(pem))
    });
    if let Some(data) = data {
        set("certificate-authority-data", json!(data));
    }
    if let Some(url) = given(cluster.proxy_url.as_deref()) {
        set("proxy-url", json!(url));
    }
    if cluster.disable_compression.unwrap_or_default() {
        set("disable-compression", json!(true));
    }
    let extension = cluster.extensions.iter().flatten().find(|named| named.name == PLUGIN_EXTENSION);
    if let Some(extension) = extension {
        set("config", extension.extension.clone());
    }
    info
}
