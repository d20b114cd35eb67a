//! Why a command could not do its job.

use std::io;

use super::Exit;
use crate::bundle::write::WriteError;
use crate::cli::target::TargetError;
use crate::connect::{ConnectError, RequestError};
use crate::dryrun::world::WorldFault;
use crate::probe::edge::EdgeFault;
use crate::source::files::FilesError;
use crate::source::kustomize::KustomizeError;

/// Every error that ends a run. Findings are no errors.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    World(#[from] WorldFault),
    #[error(transparent)]
    Kustomize(#[from] KustomizeError),
    #[error(transparent)]
    Bundle(#[from] WriteError),
    #[error("{message}")]
    Usage { message: String },
    #[error("there is no rule {id:?}{near}")]
    UnknownRule { id: String, near: String },
    #[error("cannot write the answer")]
    Output(#[source] io::Error),
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    #[error("cannot go on watching")]
    Watch(#[source] Box<kube::runtime::watcher::Error>),
    #[error(transparent)]
    Network(#[from] EdgeFault),
    #[error("{said}")]
    Probe { said: String },
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Connect(error) => error.hint(),
            Self::Request(error) => error.hint(),
            Self::Target(_)
            | Self::Files(_)
            | Self::Bundle(_)
            | Self::World(_)
            | Self::Kustomize(_)
            | Self::Usage { .. }
            | Self::UnknownRule { .. }
            | Self::Output(_)
            | Self::Watch(_)
            | Self::Runtime(_)
            | Self::Network(_)
            | Self::Probe { .. }
            | Self::Interrupted => None,
        }
    }

    /// The exit code of the process. A reader that went away is no failure.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Good,
            Self::Interrupted => Exit::Interrupted,
            Self::Target(_)
            | Self::Files(_)
            | Self::Bundle(_)
            | Self::World(_)
            | Self::Kustomize(_)
            | Self::Connect(_)
            | Self::Request(_)
            | Self::Usage { .. }
            | Self::UnknownRule { .. }
            | Self::Output(_)
            | Self::Watch(_)
            | Self::Network(_)
            | Self::Probe { .. }
            | Self::Runtime(_) => Exit::Trouble,
        }
    }
}
