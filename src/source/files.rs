//! Saved objects and logs: files, folders, archives and standard input, in every layout that bundles have.
//!
//! Untrusted input: bounded in bytes and files, never followed outside its folder. What the files do not hold stays
//! unknown; nothing here concludes that it is absent, unless a bundle of ours says that it was looked for.

mod archive;
mod budget;
mod document;
mod dump;
mod layout;
mod parts;

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::bundle::{MANIFEST, Manifest};
use crate::fact::Failure;
use crate::inventory::{Objects, PodLog, Run};
use crate::source::decode::Taken;
use layout::{Member, Writer, member};

pub use budget::{Budget, Limits};
pub(super) use document::text;
pub(super) use layout::holds_objects;

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
    /// When the source was saved, if it says so: `kubectl-cert/manifest.json` (field `time`), must-gather's `timestamp`.
    pub recorded: Option<Timestamp>,
    /// Whether the name of the bundle has a time, without its zone.
    is_dated: bool,
}

impl Loaded {
    /// The time to judge at: the one that was asked for; else that of a bundle which says when it was saved, unless
    /// that is in the future; else now.
    pub fn as_of(&self, asked: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let newest = self.is_dated.then(|| self.objects.newest_time()).flatten();
        asked.or(self.recorded.max(newest).filter(|saved| *saved <= now)).unwrap_or(now)
    }
}

/// Reads every path; `-` is standard input. A file that was named must be readable; one broken file in a folder or
/// archive is noted and the rest is used.
pub fn load(paths: &[String], stdin: &mut dyn Read, limits: Limits) -> Result<Loaded, FilesError> {
    let mut reader = Reader { loaded: Loaded::default(), budget: Budget::new(limits), taken: Taken::default() };
    if paths.iter().filter(|path| *path == "-").count() > 1 {
        return Err(FilesError::StdinTwice);
    }
    for path in paths {
        let before = (reader.loaded.objects.unread.len(), reader.loaded.objects.logs.len());
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
    /// Ends the reading of one path; `before` is how much was unread by then, and how many logs there were. A path without
    /// any object or log is a mistake.
    fn finish(&mut self, name: &str, before: (usize, usize)) -> Result<(), FilesError> {
        let taken = std::mem::take(&mut self.taken);
        if taken.seen == 0 && self.loaded.objects.logs.len() == before.1 {
            let unread = self.loaded.objects.unread.get(before.0).map(|first| format!("; {first}")).unwrap_or_default();
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
        match member(&name) {
            Member::Log(_) | Member::Dump => self.one_of_folder(path, &name),
            Member::Objects | Member::Timestamp | Member::Other => {
                let bytes = self.budget.read(&mut fs::File::open(path).map_err(read)?, &name)?;
                self.file(&name, &bytes)
            }
        }
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
            } else if kind.is_file() {
                let name = path.display().to_string();
                let outcome = self.one_of_folder(&path, &name);
                self.note(&name, outcome)?;
            }
        }
        Ok(())
    }

    fn one_of_folder(&mut self, path: &Path, name: &str) -> Result<(), FilesError> {
        let read = |source| FilesError::Read { path: path.to_owned(), source };
        let member = member(name);
        let content = match member {
            Member::Other => return Ok(()),
            Member::Objects | Member::Timestamp => self.budget.read(&mut fs::File::open(path).map_err(read)?, name)?,
            Member::Log(_) | Member::Dump => {
                let mut file = fs::File::open(path).map_err(read)?;
                let length = file.metadata().map_err(read)?.len();
                file.seek(SeekFrom::Start(length.saturating_sub(TAIL as u64))).map_err(read)?;
                let content = tail(&mut file).map_err(read)?;
                self.budget.grow(name, content.len() as u64)?;
                content
            }
        };
        self.member(&member, name, &content)
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
        archive::each_file(format, name, bytes, limits, &mut |path, member, content| {
            let path = format!("{name}:{path}");
            let outcome =
                self.budget.grow(&path, content.len() as u64).and_then(|()| self.member(member, &path, content));
            self.note(&path, outcome)
        })
    }

    fn member(&mut self, member: &Member, name: &str, content: &[u8]) -> Result<(), FilesError> {
        self.loaded.is_dated |= layout::is_dated(name);
        match member {
            Member::Objects => self.one_of_many(name, content),
            Member::Log(writer) => {
                self.log(writer, &String::from_utf8_lossy(content));
                Ok(())
            }
            Member::Dump => {
                let text = String::from_utf8_lossy(content);
                for part in dump::parts(&text).unwrap_or_default() {
                    self.dumped_log(&part);
                }
                Ok(())
            }
            Member::Timestamp => {
                let time = layout::timestamp(&String::from_utf8_lossy(content));
                self.loaded.recorded = self.loaded.recorded.max(time);
                Ok(())
            }
            Member::Other => Ok(()),
        }
    }

    fn log(&mut self, writer: &Writer, text: &str) {
        let Writer { namespace, pod, container, run } = writer;
        if self.loaded.objects.logs.len() < MOST_LOGS {
            self.loaded.objects.logs.push(PodLog::read(namespace.as_deref(), pod, container, *run, text));
        }
    }

    /// A log of a dump, if it is one of cert-manager's.
    fn dumped_log(&mut self, part: &dump::Part) {
        let dump::Part::Log { namespace, pod, container, text } = *part else { return };
        if [pod, container].into_iter().any(layout::is_cert_managers_name) {
            let namespace = Some(namespace.to_owned());
            self.log(&Writer { namespace, pod: pod.into(), container: container.into(), run: Run::Current }, text);
        }
    }

    fn one_of_many(&mut self, name: &str, bytes: &[u8]) -> Result<(), FilesError> {
        self.budget.count(name)?;
        self.documents(name, bytes)
    }

    fn documents(&mut self, name: &str, bytes: &[u8]) -> Result<(), FilesError> {
        if name.ends_with(MANIFEST) {
            if let Some(manifest) = Manifest::read(bytes) {
                self.loaded.recorded = self.loaded.recorded.max(manifest.time);
                self.loaded.objects.coverage.absorb(manifest.coverage());
            }
            return Ok(());
        }
        let text = text(name, bytes)?;
        let Some(parts) = dump::parts(&text) else { return self.document(name, &text) };
        parts.iter().try_for_each(|part| match part {
            dump::Part::Objects(text) => self.document(name, text),
            log @ dump::Part::Log { .. } => {
                self.dumped_log(log);
                Ok(())
            }
        })
    }

    fn document(&mut self, name: &str, text: &str) -> Result<(), FilesError> {
        let mut taken = document::take(&mut self.loaded.objects, name, text)?;
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

/// How much is kept of one log: its end.
const TAIL: usize = 4 << 20;

/// How many logs are kept.
const MOST_LOGS: usize = 200;

/// The end of a log. What comes before is read and dropped.
fn tail(from: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => kept.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if kept.len() > 2 * TAIL {
            kept.drain(..kept.len() - TAIL);
        }
    }
    kept.drain(..kept.len().saturating_sub(TAIL));
    Ok(kept)
}
