//! How much is read of what is not trusted.

use std::io::Read;

use super::FilesError;

/// How much one source may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Unpacked bytes of one file.
    pub file_bytes: u64,
    /// Unpacked bytes of all files.
    pub total_bytes: u64,
    /// Files in all.
    pub files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 512 << 20, total_bytes: 2 << 30, files: 200_000 }
    }
}

/// What of the limits is used up.
#[derive(Debug)]
pub struct Budget {
    pub limits: Limits,
    bytes: u64,
    files: usize,
}

impl Budget {
    pub const fn new(limits: Limits) -> Self {
        Self { limits, bytes: 0, files: 0 }
    }

    /// How many files were counted.
    pub const fn files(&self) -> usize {
        self.files
    }

    /// Reads a file to its end.
    pub fn read(&mut self, from: &mut dyn Read, name: &str) -> Result<Vec<u8>, FilesError> {
        let limit = self.limits.file_bytes;
        let mut bytes = Vec::new();
        let read = from.take(limit + 1).read_to_end(&mut bytes);
        read.map_err(|source| FilesError::Read { path: name.into(), source })?;
        if bytes.len() as u64 > limit {
            return Err(FilesError::TooLarge { file: name.to_owned(), limit });
        }
        self.grow(name, bytes.len() as u64)?;
        Ok(bytes)
    }

    /// Counts bytes that were read.
    pub fn grow(&mut self, name: &str, bytes: u64) -> Result<(), FilesError> {
        self.bytes += bytes;
        let limit = self.limits.total_bytes;
        if self.bytes > limit { Err(FilesError::TooLarge { file: name.to_owned(), limit }) } else { Ok(()) }
    }

    /// Counts a file.
    pub fn count(&mut self, name: &str) -> Result<(), FilesError> {
        self.files += 1;
        let limit = self.limits.files;
        if self.files > limit { Err(FilesError::TooMany { file: name.to_owned(), limit }) } else { Ok(()) }
    }
}
