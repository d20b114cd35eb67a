//! Manifests to be applied: files, folders and standard input, as `kubectl apply -f` takes them.
//!
//! A file that is named may be called anything; of a folder those that end in `.yaml`, `.yml` or `.json` are read, and
//! folders in it only if that is asked for.

use std::fs;
use std::io::Read;
use std::path::Path;

use super::files::{Budget, FilesError, Limits, holds_objects, text};
use crate::manifest::{Fault, Manifests};

/// Reads every path; `-` is standard input.
pub fn read(paths: &[String], recursive: bool, stdin: &mut dyn Read, limits: Limits) -> Result<Manifests, FilesError> {
    if paths.iter().filter(|path| *path == "-").count() > 1 {
        return Err(FilesError::StdinTwice);
    }
    let mut reader = Reader { manifests: Manifests::default(), budget: Budget::new(limits), recursive };
    for path in paths {
        if path == "-" {
            reader.text("standard input", stdin)?;
        } else {
            reader.path(Path::new(path))?;
        }
    }
    Ok(reader.manifests)
}

struct Reader {
    manifests: Manifests,
    budget: Budget,
    recursive: bool,
}

impl Reader {
    fn path(&mut self, path: &Path) -> Result<(), FilesError> {
        if FilesError::metadata(path)?.is_dir() {
            let before = self.budget.files();
            self.folder(path)?;
            return if self.budget.files() == before {
                Err(FilesError::Nothing { path: path.to_owned() })
            } else {
                Ok(())
            };
        }
        self.file(path)
    }

    /// The files of a folder in order of name.
    fn folder(&mut self, folder: &Path) -> Result<(), FilesError> {
        let read = |source| FilesError::Read { path: folder.to_owned(), source };
        let mut entries: Vec<_> = fs::read_dir(folder).map_err(read)?.collect::<Result<_, _>>().map_err(read)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let kind = entry.file_type().map_err(read)?;
            if kind.is_dir() {
                if self.recursive {
                    self.folder(&path)?;
                }
            // kubectl follows a link to a file, and none to a folder.
            } else if holds_objects(&path.to_string_lossy()) && FilesError::metadata(&path)?.is_file() {
                self.file(&path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), FilesError> {
        let read = |source| FilesError::Read { path: path.to_owned(), source };
        let mut file = fs::File::open(path).map_err(read)?;
        self.text(&path.display().to_string(), &mut file)
    }

    fn text(&mut self, name: &str, from: &mut dyn Read) -> Result<(), FilesError> {
        self.budget.count(name)?;
        let bytes = self.budget.read(from, name)?;
        let Fault { at, what } = match self.manifests.add(name, &text(name, &bytes)?) {
            Ok(()) => return Ok(()),
            Err(fault) => fault,
        };
        Err(FilesError::Syntax { file: name.to_owned(), line: at.line, column: at.column, what })
    }
}
