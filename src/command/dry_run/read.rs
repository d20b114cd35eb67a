//! Everything that a dry run reads before it plays: the world file, what exists, the manifests.

use std::fs;
use std::path::Path;

use jiff::Timestamp;

use super::existing::{self, Existing};
use crate::cli::{DryRunArgs, DryRunOutput};
use crate::command::{Context, Failure};
use crate::dryrun::world::{self, World};
use crate::engine::admission::{Requester, UnknownFields};
use crate::inventory::Objects;
use crate::manifest::Manifests;
use crate::manifest::admit::{Applying, LetIn, admit};
use crate::source::files::{FilesError, Limits};
use crate::source::{kustomize, manifests};

/// What was read.
pub struct Input {
    pub world: World,
    pub existing: Existing,
    pub let_in: LetIn,
}

impl Input {
    /// The same without manifests.
    pub fn without_manifests(&self) -> Self {
        Self { world: self.world.clone(), existing: self.existing.clone(), let_in: LetIn::default() }
    }
}

/// Reads it all.
pub fn read(args: &DryRunArgs, context: &mut Context) -> Result<Input, Failure> {
    check(args)?;
    let world = args.world.as_deref().map(world_file).transpose()?.unwrap_or_default();
    let mut manifests = manifests::read(&args.filename, args.recursive, context.stdin, Limits::default())?;
    if let Some(folder) = &args.kustomize {
        let text = kustomize::build(folder)?;
        manifests.add(folder, &text).map_err(|fault| FilesError::Syntax {
            file: folder.clone(),
            line: fault.at.line,
            column: fault.at.column,
            what: fault.what,
        })?;
    }
    let mut existing = existing::read(args, context)?;
    if args.is_real() {
        // What is asked for real happens now, whenever the objects were saved.
        let seconds = context.now().as_second();
        existing.now = Timestamp::from_second(seconds).expect("it was a time");
    }
    let let_in = let_in(manifests, &existing.objects, context);
    Ok(Input { world, existing, let_in })
}

fn check(args: &DryRunArgs) -> Result<(), Failure> {
    let usage = |message: &str| Err(Failure::Usage { message: message.to_owned() });
    let has_manifests = !args.filename.is_empty() || args.kustomize.is_some();
    let has_existing = args.live || !args.source.from.is_empty();
    if !has_manifests && !has_existing {
        return usage("must specify one of -f, -k, --from and --live");
    }
    if args.diff && !(has_manifests && has_existing) {
        return usage("--diff compares manifests (-f, -k) with what exists (--from, --live)");
    }
    if args.diff && args.output == DryRunOutput::Trace {
        return usage("--diff has no trace");
    }
    if args.filename.iter().chain(&args.source.from).filter(|path| *path == "-").count() > 1 {
        return Err(FilesError::StdinTwice.into());
    }
    Ok(())
}

fn world_file(path: &str) -> Result<World, Failure> {
    let error = |source: std::io::Error| {
        let path = Path::new(path).to_owned();
        if source.kind() == std::io::ErrorKind::NotFound {
            FilesError::Missing { path }
        } else {
            FilesError::Read { path, source }
        }
    };
    let text = fs::read_to_string(path).map_err(error)?;
    Ok(world::read(path, &text)?)
}

/// Lets the manifests in as the API server would, over what exists.
fn let_in(manifests: Manifests, existing: &Objects, context: &Context) -> LetIn {
    let namespace = context.flags.namespace.clone().unwrap_or_else(|| "default".to_owned());
    let groups = ["system:masters", "system:authenticated"].map(str::to_owned).to_vec();
    let by = Requester { username: "kubernetes-admin".to_owned(), groups, ..Requester::default() };
    let applying = Applying { namespace, unknown: UnknownFields::Drop, by };
    admit(manifests, existing::stored(existing), applying)
}
