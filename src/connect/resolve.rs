//! From flags, environment and files to one answer: which server, trusted how, as whom, through what.
//!
//! kubectl's loading rules. Reads files through [`Files`] and nothing else; runs no plugin, opens no connection.

mod cluster;
mod user;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use http::Uri;
use kube::config::{AuthInfo, Cluster, Context, ExecConfig, Kubeconfig};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::files::Files;
use super::flags::Flags;
use super::kubeconfig::{self, Loaded};
use super::kuberc::{self, PluginPolicy};
use super::proxy::{self, Proxy};
use super::refusal::ConnectError;
use crate::env::Env;

pub(super) use self::user::parse_identity;

const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How the server's certificate is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// By the roots of this machine, as nothing else was said.
    System,
    /// By these certificates alone.
    Roots(Vec<CertificateDer<'static>>),
    /// Not at all: `--insecure-skip-tls-verify`.
    Nothing,
}

/// A client certificate with its key.
#[derive(Debug)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

/// A credential plugin that has to run before the first request.
#[derive(Clone)]
pub struct Plugin {
    pub config: ExecConfig,
    /// Who it belongs to, for messages.
    pub user: String,
    /// What a plugin with `provideClusterInfo` is told.
    pub cluster: serde_json::Value,
    pub policy: PluginPolicy,
}

/// Everything that opening a connection needs.
#[derive(Clone)]
pub struct Resolved {
    pub server: Uri,
    pub namespace: String,
    /// The context in use, if a kubeconfig named one.
    pub context: Option<String>,
    pub trust: Trust,
    pub tls_server_name: Option<String>,
    pub identity: Option<Identity>,
    /// Token, basic login, auth provider and impersonation; no client certificate and no plugin.
    pub auth: AuthInfo,
    pub plugin: Option<Plugin>,
    pub proxy: Option<Proxy>,
    pub disable_compression: bool,
    pub request_timeout: Option<Duration>,
    /// To be told to the user; no reason to stop.
    pub warnings: Vec<String>,
}

/// Shows where, never as whom: kube's own types print what auth providers and plugins are given.
impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, context, tls_server_name, .. } = self;
        f.debug_struct("Resolved")
            .field("host", &self.server.host())
            .field("namespace", namespace)
            .field("context", context)
            .field("tls_server_name", tls_server_name)
            .finish_non_exhaustive()
    }
}

/// Finds the cluster, the credential and the namespace as kubectl would.
pub fn resolve(flags: &Flags, env: &Env, files: &impl Files) -> Result<Resolved, ConnectError> {
    let loaded = kubeconfig::load(flags, env, files)?;
    let choice = Choice::of(&loaded.config, flags)?;
    let pod = Pod::of(env, files);
    let mut cluster = choice.cluster.clone();
    cluster::apply_flags(&mut cluster, flags);
    let mut user = choice.user.clone();
    let mut trust_from_pod = false;
    if cluster.server.as_deref().unwrap_or_default().is_empty() {
        let Some(pod) = pod.as_ref().filter(|_| choice.is_empty()) else {
            return Err(not_configured(&loaded, &choice));
        };
        cluster.server = Some(pod.server.clone());
        user.token_file = Some(format!("{SERVICE_ACCOUNT}/token"));
        trust_from_pod = cluster.certificate_authority.is_none() && cluster.insecure_skip_tls_verify != Some(true);
    }
    if trust_from_pod {
        cluster.certificate_authority = Some(format!("{SERVICE_ACCOUNT}/ca.crt"));
    }
    user::apply_flags(&mut user, flags);

    let mut problems = Vec::new();
    let (identity, plugin_config) = user::check(&mut user, &choice.user_name, files, &mut problems);
    let trust = cluster::trust(&cluster, &choice.cluster_name, files, &mut problems);
    let server = cluster::server_uri(&cluster, &trust, identity.is_some())?;
    let proxy = match cluster.proxy_url.as_deref().filter(|url| !url.is_empty()) {
        Some(url) => proxy::from_kubeconfig(url, &choice.cluster_name).map(Some),
        None => proxy::from_env(env, &server),
    };
    let proxy = proxy.unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    if !problems.is_empty() {
        return Err(ConnectError::Invalid(problems));
    }
    let plugin = match plugin_config {
        Some(config) => Some(Plugin {
            policy: kuberc::policy(env, files, config.command.as_deref().unwrap_or_default())?,
            cluster: cluster::for_plugin(&cluster, &server, &trust, files),
            user: choice.user_name.clone(),
            config,
        }),
        None => None,
    };
    Ok(Resolved {
        namespace: namespace(flags, &choice, pod.as_ref(), env, files),
        context: choice.context_name.clone(),
        trust,
        tls_server_name: cluster.tls_server_name.clone().filter(|name| !name.is_empty()),
        identity,
        auth: user,
        plugin,
        proxy,
        disable_compression: cluster.disable_compression.unwrap_or_default(),
        request_timeout: flags.request_timeout,
        warnings: loaded.warnings,
        server,
    })
}

/// The entries of the files that apply, before flags change them.
#[derive(Default)]
struct Choice {
    context_name: Option<String>,
    context: Context,
    cluster_name: String,
    cluster: Cluster,
    user_name: String,
    user: AuthInfo,
}

impl Choice {
    /// Picks context, cluster and user. A name given by flag must exist; one that the files use themselves must
    /// only exist where nothing could be done without it.
    fn of(config: &Kubeconfig, flags: &Flags) -> Result<Self, ConnectError> {
        let mut choice = Self::default();
        let by_flag = given(flags.context.as_deref());
        let name = by_flag.or_else(|| given(config.current_context.as_deref()));
        if let Some(name) = name {
            let named = config.contexts.iter().find(|named| named.name == name);
            let Some(named) = named else {
                return Err(match by_flag {
                    Some(name) => ConnectError::NoContext(name.to_owned()),
                    None => ConnectError::CurrentContextMissing(name.to_owned()),
                });
            };
            choice.context_name = Some(name.to_owned());
            choice.context = named.context.clone().unwrap_or_default();
        }
        choice.pick_user(config, given(flags.user.as_deref()))?;
        choice.pick_cluster(config, given(flags.cluster.as_deref()), given(flags.server.as_deref()).is_some())?;
        Ok(choice)
    }

    fn pick_user(&mut self, config: &Kubeconfig, by_flag: Option<&str>) -> Result<(), ConnectError> {
        let Some(name) = by_flag.or_else(|| given(self.context.user.as_deref())) else { return Ok(()) };
        match config.auth_infos.iter().find(|named| named.name == name) {
            Some(named) => self.user = named.auth_info.clone().unwrap_or_default(),
            None if by_flag.is_some() => return Err(ConnectError::NoUser(name.to_owned())),
            // kubectl goes on without a credential.
            None => {}
        }
        name.clone_into(&mut self.user_name);
        Ok(())
    }

    fn pick_cluster(
        &mut self,
        config: &Kubeconfig,
        by_flag: Option<&str>,
        server_given: bool,
    ) -> Result<(), ConnectError> {
        let Some(name) = by_flag.or_else(|| given(Some(self.context.cluster.as_str()))) else { return Ok(()) };
        match config.clusters.iter().find(|named| named.name == name) {
            Some(named) => self.cluster = named.cluster.clone().unwrap_or_default(),
            None if by_flag.is_some() || !server_given => return Err(ConnectError::NoCluster(name.to_owned())),
            None => {}
        }
        name.clone_into(&mut self.cluster_name);
        Ok(())
    }

    /// Whether the files chose nothing at all, which is when a pod's own account may be used.
    fn is_empty(&self) -> bool {
        self.context_name.is_none() && self.cluster_name.is_empty() && self.user_name.is_empty()
    }
}

fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn not_configured(loaded: &Loaded, choice: &Choice) -> ConnectError {
    if choice.cluster_name.is_empty() {
        ConnectError::NotConfigured {
            looked_at: loaded.looked_at.clone(),
            contexts: loaded.config.contexts.iter().map(|named| named.name.clone()).collect(),
        }
    } else {
        ConnectError::Invalid(vec![format!("no server found for cluster {:?}", choice.cluster_name)])
    }
}

/// The API server as a pod knows it.
struct Pod {
    server: String,
}

impl Pod {
    fn of(env: &Env, files: &impl Files) -> Option<Self> {
        let host = env.nonempty("KUBERNETES_SERVICE_HOST")?;
        let port = env.nonempty("KUBERNETES_SERVICE_PORT")?;
        files.read(&Path::new(SERVICE_ACCOUNT).join("token")).ok()?;
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        Some(Self { server: format!("https://{host}:{port}") })
    }
}

/// Flag, context, then for a pod `POD_NAMESPACE` and its account's file, then `default`.
fn namespace(flags: &Flags, choice: &Choice, pod: Option<&Pod>, env: &Env, files: &impl Files) -> String {
    let chosen = given(flags.namespace.as_deref()).or_else(|| given(choice.context.namespace.as_deref()));
    if let Some(namespace) = chosen {
        return namespace.to_owned();
    }
    let in_pod = || {
        pod?;
        let file = || String::from_utf8(files.read(&Path::new(SERVICE_ACCOUNT).join("namespace")).ok()?).ok();
        env.nonempty("POD_NAMESPACE").map(str::to_owned).or_else(file).map(|text| text.trim().to_owned())
    };
    in_pod().filter(|namespace| !namespace.is_empty()).unwrap_or_else(|| "default".to_owned())
}

#[cfg(test)]
mod tests;
