//! The seam to the file system: what finding a cluster needs to read.
//!
//! Never writes.

use std::io;
use std::path::Path;

/// Reads files; the disk in the program, a table in tests.
pub trait Files {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
}

/// The real file system.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }
}

/// Why a file could not be read, as Go puts it: `open /x: no such file or directory`.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds are worded by the system")]
pub(super) fn why_unread(path: &Path, err: &io::Error) -> String {
    let path = path.display();
    match err.kind() {
        io::ErrorKind::NotFound => format!("open {path}: no such file or directory"),
        io::ErrorKind::PermissionDenied => format!("open {path}: permission denied"),
        io::ErrorKind::IsADirectory => format!("read {path}: is a directory"),
        _ => format!("read {path}: {err}"),
    }
}

#[cfg(test)]
pub(super) mod testing {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::*;

    /// Files that exist only in a table.
    #[derive(Default)]
    pub struct Table(BTreeMap<PathBuf, Vec<u8>>);

    impl Table {
        pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
            Self(files.into_iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect())
        }

        pub fn bytes(mut self, path: &str, bytes: &[u8]) -> Self {
            self.0.insert(PathBuf::from(path), bytes.to_vec());
            self
        }
    }

    impl Files for Table {
        fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
            self.0.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        }
    }
}
