//! Saved objects: files, folders, archives and standard input.
//!
//! Untrusted input: bounded in bytes and files, never followed outside its folder. What the files do not hold stays
//! unknown; nothing here concludes that it is absent.

mod archive;
mod budget;
mod document;
mod parts;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::fact::Failure;
use crate::inventory::Objects;
use crate::source::decode::Taken;

pub use budget::{Budget, Limits};
pub(super) use document::text;

/// Why a source cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("the path {path:?} does not exist")]
    Missing { path: PathBuf },
    #[error("cannot read {path:?}")]
    Read { path: PathBuf, source: io::Error },
    #[error("standard input cannot be used for multiple arguments")]
    StdinTwice,
    #[error("{file}: line {line}, column {column}: {what}")]
    Syntax { file: String, line: usize, column: usize, what: String },
    #[error("{file}: {what}")]
    Archive { file: String, what: String },
    #[error("{file} holds more than {limit} bytes")]
    TooLarge { file: String, limit: u64 },
    #[error("{file} holds more than {limit} files")]
    TooMany { file: String, limit: usize },
    #[error("{path:?} holds no .json, .yaml or .yml file")]
    Nothing { path: PathBuf },
    #[error("{file} holds no Kubernetes objects{unread}")]
    NoObjects {
        file: String,
        /// Empty, or the first part of it that could not be read.
        unread: String,
    },
}

impl FilesError {
    /// What is known of a path that must be there; of what a link points to.
    pub(super) fn metadata(path: &Path) -> Result<fs::Metadata, Self> {
        fs::metadata(path).map_err(|source| {
            let path = path.to_owned();
            if source.kind() == io::ErrorKind::NotFound { Self::Missing { path } } else { Self::Read { path, source } }
        })
    }
}

/// What was read.
#[derive(Debug, Default)]
pub struct Loaded {
    pub objects: Objects,
    /// When the source was saved, if it says so (`kubectl-cert/manifest.json`, field `time`).
    pub recorded: Option<Timestamp>,
}

/// Reads every path; `-` is standard input. A file that was named must be readable; one broken file in a folder or
/// archive is noted and the rest is used.
pub fn load(paths: &[String], stdin: &mut dyn Read, limits: Limits) -> Result<Loaded, FilesError> {
    let mut reader = Reader { loaded: Loaded::default(), budget: Budget::new(limits), taken: Taken::default() };
    if paths.iter().filter(|path| *path == "-").count() > 1 {
        return Err(FilesError::StdinTwice);
    }
    for path in paths {
        let before = reader.loaded.objects.unread.len();
        if path == "-" {
            let bytes = reader.budget.read(stdin, "standard input")?;
            reader.file("standard input", &bytes)?;
        } else {
            reader.path(Path::new(path))?;
        }
        reader.finish(if path == "-" { "standard input" } else { path }, before)?;
    }
    Ok(reader.loaded)
}

struct Reader {
    loaded: Loaded,
    budget: Budget,
    /// What the path that is being read held so far.
    taken: Taken,
}

impl Reader {
    /// Ends the reading of one path; `before` is how much was unread by then. A path without any object is a mistake.
    fn finish(&mut self, name: &str, before: usize) -> Result<(), FilesError> {
        let taken = std::mem::take(&mut self.taken);
        if taken.seen == 0 {
            let unread = self.loaded.objects.unread.get(before).map(|first| format!("; {first}")).unwrap_or_default();
            return Err(FilesError::NoObjects { file: name.to_owned(), unread });
        }
        for words in taken.version_words() {
            self.trouble(&format!("read all of {name}"), &words);
        }
        Ok(())
    }

    fn path(&mut self, path: &Path) -> Result<(), FilesError> {
        let read = |source| FilesError::Read { path: path.to_owned(), source };
        if FilesError::metadata(path)?.is_dir() {
            let before = self.budget.files();
            self.folder(path)?;
            return if self.budget.files() == before {
                Err(FilesError::Nothing { path: path.to_owned() })
            } else {
                Ok(())
            };
        }
        let name = path.display().to_string();
        let bytes = self.budget.read(&mut fs::File::open(path).map_err(read)?, &name)?;
        self.file(&name, &bytes)
    }

    /// Every file under a folder that may hold objects, in order of name. Links are not followed.
    fn folder(&mut self, folder: &Path) -> Result<(), FilesError> {
        let read = |source| FilesError::Read { path: folder.to_owned(), source };
        let mut entries: Vec<_> = fs::read_dir(folder).map_err(read)?.collect::<Result<_, _>>().map_err(read)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let kind = entry.file_type().map_err(read)?;
            if kind.is_dir() {
                self.folder(&path)?;
            } else if kind.is_file() && holds_objects(&path.to_string_lossy()) {
                let name = path.display().to_string();
                let outcome = fs::File::open(&path)
                    .map_err(|source| FilesError::Read { path: path.clone(), source })
                    .and_then(|mut file| self.budget.read(&mut file, &name))
                    .and_then(|bytes| self.one_of_many(&name, &bytes));
                self.note(&name, outcome)?;
            }
        }
        Ok(())
    }

    /// A file or standard input: an archive by its first bytes, else documents.
    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), FilesError> {
        if let Some(format) = archive::format(bytes) {
            return self.archive(format, name, bytes);
        }
        self.one_of_many(name, bytes)
    }

    fn archive(&mut self, format: archive::Format, name: &str, bytes: &[u8]) -> Result<(), FilesError> {
        let limits = self.budget.limits;
        archive::each_file(format, name, bytes, limits, &mut |member, content| {
            let member = format!("{name}:{member}");
            let outcome =
                self.budget.grow(&member, content.len() as u64).and_then(|()| self.one_of_many(&member, content));
            self.note(&member, outcome)
        })
    }

    fn one_of_many(&mut self, name: &str, bytes: &[u8]) -> Result<(), FilesError> {
        self.budget.count(name)?;
        self.documents(name, bytes)
    }

    fn documents(&mut self, name: &str, bytes: &[u8]) -> Result<(), FilesError> {
        if name.ends_with(MANIFEST) {
            self.loaded.recorded = self.loaded.recorded.max(recorded_time(bytes));
            return Ok(());
        }
        let mut taken = document::take(&mut self.loaded.objects, name, bytes)?;
        for object in std::mem::take(&mut taken.unreadable) {
            self.trouble(&format!("read {} in {name}", object.object), &object.why);
        }
        self.taken.add(taken);
        Ok(())
    }

    /// One bad file among many is a fact about the source; a limit ends the reading.
    fn note(&mut self, name: &str, outcome: Result<(), FilesError>) -> Result<(), FilesError> {
        if let Err(error @ (FilesError::Syntax { .. } | FilesError::Read { .. })) = outcome {
            self.trouble(&format!("read {name}"), &error.to_string());
            return Ok(());
        }
        outcome
    }

    fn trouble(&mut self, asked: &str, said: &str) {
        self.loaded.objects.unread.push(Failure { asked: asked.to_owned(), said: said.to_owned() });
    }
}

/// What a bundle of ours says about itself.
const MANIFEST: &str = "kubectl-cert/manifest.json";

fn recorded_time(manifest: &[u8]) -> Option<Timestamp> {
    serde_json::from_slice::<serde_json::Value>(manifest).ok()?.get("time")?.as_str()?.parse().ok()
}

/// Whether a file's name says that it may hold objects.
pub(super) fn holds_objects(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
}
