//! Which source a command reads, and as of when.

use jiff::Timestamp;

use super::{Context, Failure};
use crate::cli::SourceArgs;
use crate::inventory::Inventory;
use crate::report::SourceLine;
use crate::source::files;

/// Saved objects, read and indexed.
pub struct Saved {
    pub inventory: Inventory,
    pub line: SourceLine,
    pub now: Timestamp,
}

/// Reads `--from`.
pub fn saved(args: &SourceArgs, context: &mut Context) -> Result<Saved, Failure> {
    let loaded = files::load(&args.from, context.stdin, files::Limits::default())?;
    let inventory = Inventory::new(loaded.objects);
    Ok(Saved { inventory, line: SourceLine::Files { paths: args.from.clone() }, now: context.now() })
}
