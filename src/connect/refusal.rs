//! Why there is no connection to speak of: the configuration, the credential, the policy.
//!
//! The text is what kubectl prints, its leading `error: ` included; nothing here is about a request that was sent.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::exec::ExecError;
use super::files::why_unread;

/// Why no [`Session`](super::Session) can be opened.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// A kubeconfig that was named, or that is there, cannot be read.
    #[error("error: {}", read_config(path, source))]
    ReadConfig { path: PathBuf, source: io::Error },
    /// A kubeconfig is not one. Line and column are 0 when they are not known.
    #[error("error: error loading config file {:?}: {}{why}", path.display().to_string(), place(*line, *column))]
    ParseConfig { path: PathBuf, line: u64, column: u64, why: String },
    #[error("error: context {0:?} does not exist")]
    NoContext(String),
    /// `current-context` names a context that is in no file.
    #[error("Error in configuration: context was not found for specified context: {0}")]
    CurrentContextMissing(String),
    #[error("error: cluster {0:?} does not exist")]
    NoCluster(String),
    #[error("error: auth info {0:?} does not exist")]
    NoUser(String),
    /// Entries that contradict each other or lack something, in client-go's words.
    #[error("{}", invalid(.0))]
    Invalid(Vec<String>),
    /// No file, flag or pod environment says where the API server is.
    #[error("error: no cluster is configured{}", looked_at_text(looked_at))]
    NotConfigured { looked_at: Vec<PathBuf>, contexts: Vec<String> },
    #[error("error: the server address {server:?} is not a URL")]
    BadServer { server: String },
    #[error("Unable to connect to the server: getting credentials: {0}")]
    Exec(#[from] ExecError),
    /// The user's own policy file could not be understood, and a plugin would have to run.
    #[error("error: {} cannot be read, and it may forbid the credential plugin {plugin:?}: {why}", path.display())]
    Policy { path: PathBuf, plugin: String, why: String },
    #[error("error: the credential in the kubeconfig cannot be used: {0}")]
    Credential(String),
    #[error("error: TLS cannot be set up: {0}")]
    Tls(String),
}

impl ConnectError {
    /// What the user can do about it, as a sentence, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotConfigured { contexts, .. } if contexts.is_empty() => {
                Some("set KUBECONFIG, or pass --kubeconfig FILE or --server URL".to_owned())
            }
            Self::NotConfigured { contexts, .. } => Some(format!(
                "no current context is set: pass --context NAME (one of {}), or run kubectl config use-context NAME",
                contexts.join(", ")
            )),
            Self::NoContext(_) | Self::CurrentContextMissing(_) => {
                Some("kubectl config get-contexts lists the contexts".to_owned())
            }
            Self::NoCluster(_) => Some("kubectl config get-clusters lists the clusters".to_owned()),
            Self::NoUser(_) => Some("kubectl config get-users lists the users".to_owned()),
            Self::Exec(_)
            | Self::ReadConfig { .. }
            | Self::ParseConfig { .. }
            | Self::Invalid(_)
            | Self::BadServer { .. }
            | Self::Policy { .. }
            | Self::Credential(_)
            | Self::Tls(_) => None,
        }
    }
}

fn read_config(path: &std::path::Path, source: &io::Error) -> String {
    if source.kind() == io::ErrorKind::NotFound {
        format!("stat {}: no such file or directory", path.display())
    } else {
        format!("error loading config file \"{}\": {}", path.display(), why_unread(path, source))
    }
}

fn place(line: u64, column: u64) -> String {
    if line == 0 { String::new() } else { format!("line {line}, column {column}: ") }
}

/// kubectl's two forms: one problem is an ordinary error, several are a list.
fn invalid(problems: &[String]) -> String {
    match problems {
        [only] => format!("error: {only}"),
        several => format!("Error in configuration: \n* {}", several.join("\n* ")),
    }
}

fn looked_at_text(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return String::new();
    }
    let list: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    format!(" (looked at {})", list.join(", "))
}
