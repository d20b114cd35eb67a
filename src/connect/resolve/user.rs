//! The user entry: its flags, its checks, its client certificate.
//!
//! Says nothing about clusters, and runs no plugin.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::{AuthInfo, ExecConfig};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::ExposeSecret;

use super::{Identity, given};
use crate::connect::files::{Files, why_unread};
use crate::connect::flags::Flags;

/// The versions of the plugin protocol that client-go still speaks.
const PLUGIN_VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// Lays the flags over the entry.
pub(super) fn apply_flags(user: &mut AuthInfo, flags: &Flags) {
    if let Some(token) = flags.token.as_ref().filter(|token| !token.expose().is_empty()) {
        user.token = Some(token.expose().clone().into());
        user.token_file = None;
        // The token was asked for by name: nothing else may speak for the user then.
        user.auth_provider = None;
        user.username = None;
        user.password = None;
    }
    if let Some(path) = flags.client_certificate.as_ref().filter(|path| !path.as_os_str().is_empty()) {
        user.client_certificate = Some(path.to_string_lossy().into_owned());
        user.client_certificate_data = None;
    }
    if let Some(path) = flags.client_key.as_ref().filter(|path| !path.as_os_str().is_empty()) {
        user.client_key = Some(path.to_string_lossy().into_owned());
        user.client_key_data = None;
    }
    if let Some(name) = given(flags.username.as_deref()) {
        user.username = Some(name.to_owned());
    }
    if let Some(password) = flags.password.as_ref().filter(|password| !password.expose().is_empty()) {
        user.password = Some(password.expose().clone().into());
    }
    if let Some(name) = given(flags.impersonate_user.as_deref()) {
        user.impersonate = Some(name.to_owned());
    }
    if let Some(uid) = given(flags.impersonate_uid.as_deref()) {
        user.impersonate_uid = Some(uid.to_owned());
    }
    if !flags.impersonate_groups.is_empty() {
        user.impersonate_groups = Some(flags.impersonate_groups.clone());
    }
    if !flags.impersonate_extra.is_empty() {
        let extra = user.impersonate_user_extra.insert(std::collections::HashMap::new());
        for (key, value) in &flags.impersonate_extra {
            extra.entry(key.clone()).or_default().push(value.clone());
        }
    }
}

/// Checks the entry as client-go does, takes its client certificate and its plugin out of it. A plugin that another
/// credential makes needless is dropped.
pub(super) fn check(
    user: &mut AuthInfo,
    name: &str,
    files: &impl Files,
    problems: &mut Vec<String>,
) -> (Option<Identity>, Option<ExecConfig>) {
    blank_to_none(user);
    let has_token = user.token.is_some() || user.token_file.is_some();
    let has_basic = user.username.is_some() || user.password.is_some();
    if has_token && has_basic {
        problems.push(format!(
            "more than one authentication method found for {name}; found [token basicAuth], only one is allowed"
        ));
    }
    if user.impersonate.is_none()
        && (user.impersonate_uid.is_some()
            || user.impersonate_groups.as_ref().is_some_and(|groups| !groups.is_empty())
            || user.impersonate_user_extra.as_ref().is_some_and(|extra| !extra.is_empty()))
    {
        problems.push(format!("requesting uid, groups or user-extra for {name} without impersonating a user"));
    }
    let has_certificate = user.client_certificate.is_some() || user.client_certificate_data.is_some();
    let identity = if has_certificate { identity(user, name, files, problems) } else { None };
    drop_certificate(user);
    let plugin = user.exec.take();
    if plugin.is_some() && user.auth_provider.is_some() {
        problems.push(format!("authProvider cannot be provided in combination with an exec plugin for {name}"));
    }
    if let Some(plugin) = &plugin {
        check_plugin(plugin, name, problems);
    }
    (identity, plugin.filter(|_| !has_token && !has_basic && !has_certificate))
}

/// An empty text in a kubeconfig is as good as none.
fn blank_to_none(user: &mut AuthInfo) {
    for text in [
        &mut user.username,
        &mut user.token_file,
        &mut user.client_certificate,
        &mut user.client_certificate_data,
        &mut user.client_key,
        &mut user.impersonate,
        &mut user.impersonate_uid,
    ] {
        *text = text.take().filter(|text| !text.is_empty());
    }
    for secret in [&mut user.token, &mut user.password, &mut user.client_key_data] {
        *secret = secret.take().filter(|secret| !secret.expose_secret().is_empty());
    }
}

fn drop_certificate(user: &mut AuthInfo) {
    user.client_certificate = None;
    user.client_certificate_data = None;
    user.client_key = None;
    user.client_key_data = None;
}

fn identity(user: &AuthInfo, name: &str, files: &impl Files, problems: &mut Vec<String>) -> Option<Identity> {
    let key_data = user.client_key_data.as_ref().map(ExposeSecret::expose_secret);
    if key_data.is_none() && user.client_key.is_none() {
        problems.push(format!(
            "client-key-data or client-key must be specified for {name} to use the clientCert authentication method."
        ));
        return None;
    }
    let certificate =
        pem("client-cert", user.client_certificate_data.as_deref(), user.client_certificate.as_deref(), files);
    let key = pem("client-key", key_data, user.client_key.as_deref(), files);
    let parsed = certificate.and_then(|certificate| key.and_then(|key| parse_identity(&certificate, &key)));
    parsed.map_err(|why| problems.push(format!("{why} (user {name})"))).ok()
}

fn pem(what: &str, data: Option<&str>, file: Option<&str>, files: &impl Files) -> Result<Vec<u8>, String> {
    match (data, file) {
        (Some(data), _) => {
            STANDARD.decode(data.trim()).map_err(|err| format!("unable to decode {what}-data due to {err}"))
        }
        (None, Some(file)) => files
            .read(Path::new(file))
            .map_err(|err| format!("unable to read {what} {file} due to {}", why_unread(Path::new(file), &err))),
        (None, None) => Err(format!("no {what}")),
    }
}

/// Reads certificate and key; errors name what is missing and quote nothing.
pub(in crate::connect) fn parse_identity(certificate: &[u8], key: &[u8]) -> Result<Identity, String> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| "the client certificate is not valid PEM".to_owned())?;
    if chain.is_empty() {
        return Err("there is no certificate in the client certificate's PEM".to_owned());
    }
    let key =
        PrivateKeyDer::from_pem_slice(key).map_err(|_| "there is no private key in the client key's PEM".to_owned())?;
    Ok(Identity { chain, key })
}

fn check_plugin(plugin: &ExecConfig, name: &str, problems: &mut Vec<String>) {
    if given(plugin.command.as_deref()).is_none() {
        problems.push(format!("command must be specified for {name} to use exec authentication plugin"));
    }
    match given(plugin.api_version.as_deref()) {
        None => problems.push(format!("apiVersion must be specified for {name} to use exec authentication plugin")),
        Some(version) if !PLUGIN_VERSIONS.contains(&version) => {
            problems.push(format!("exec plugin: invalid apiVersion {version:?}"));
        }
        Some("client.authentication.k8s.io/v1") if plugin.interactive_mode.is_none() => {
            problems.push(format!("interactiveMode must be specified for {name} to use exec authentication plugin"));
        }
        Some(_) => {}
    }
    let nameless = plugin.env.iter().flatten().any(|pair| pair.get("name").is_none_or(String::is_empty));
    if nameless {
        problems.push(format!("env variable name must be specified for {name} to use exec authentication plugin"));
    }
}
