//! A bundle on disk: an archive or a folder that is there whole, or not at all.
//!
//! Written beside its place under another name, and renamed when it is finished. Only its owner may read it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;

/// Why a bundle cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("cannot write {path:?}")]
    Write { path: PathBuf, source: io::Error },
    #[error("the folder {path:?} is not empty")]
    NotEmpty { path: PathBuf },
    #[error("{path:?} is no name for a bundle")]
    NoName { path: PathBuf },
}

/// A bundle that is being written. Dropped before [`Writer::finish`] it leaves nothing behind.
pub struct Writer {
    target: PathBuf,
    partial: PathBuf,
    /// What every member's time is, so that equal objects make equal bundles.
    seconds: u64,
    form: Form,
}

enum Form {
    /// `None` once it is finished.
    Archive(Option<Box<tar::Builder<GzEncoder<BufWriter<File>>>>>),
    Folder,
}

impl Writer {
    /// An archive for names that end in `.tar.gz` or `.tgz`, else a folder.
    pub fn create(target: &Path, time: Timestamp) -> Result<Self, WriteError> {
        let failed = |source| WriteError::Write { path: target.to_owned(), source };
        let name = target.file_name().ok_or_else(|| WriteError::NoName { path: target.to_owned() })?;
        let is_archive = [".tar.gz", ".tgz"].iter().any(|end| name.to_string_lossy().ends_with(end));
        if !is_archive && fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(WriteError::NotEmpty { path: target.to_owned() });
        }
        let hidden = format!(".{}.partial-{}", name.to_string_lossy(), std::process::id());
        let partial = target.with_file_name(hidden);
        let form = if is_archive {
            let file = private_file(&partial).map_err(failed)?;
            let packed = GzEncoder::new(BufWriter::new(file), Compression::default());
            Form::Archive(Some(Box::new(tar::Builder::new(packed))))
        } else {
            private_folder(&partial).map_err(failed)?;
            Form::Folder
        };
        let seconds = u64::try_from(time.as_second()).unwrap_or(0);
        Ok(Self { target: target.to_owned(), partial, seconds, form })
    }

    /// Adds a file. `path` is relative, with `/` between its parts.
    pub fn add(&mut self, path: &str, content: &[u8]) -> Result<(), WriteError> {
        let failed = |source| WriteError::Write { path: self.target.clone(), source };
        match &mut self.form {
            Form::Archive(archive) => {
                let archive = archive.as_mut().expect("a finished bundle is consumed");
                let mut header = tar::Header::new_gnu();
                header.set_size(content.len() as u64);
                header.set_mode(0o644);
                header.set_mtime(self.seconds);
                archive.append_data(&mut header, path, content).map_err(failed)
            }
            Form::Folder => {
                let place = self.partial.join(path);
                let parent = place.parent().unwrap_or(&self.partial);
                fs::create_dir_all(parent).and_then(|()| fs::write(&place, content)).map_err(failed)
            }
        }
    }

    /// Puts the finished bundle in its place.
    pub fn finish(mut self) -> Result<PathBuf, WriteError> {
        let failed = |source| WriteError::Write { path: self.target.clone(), source };
        if let Form::Archive(archive) = &mut self.form {
            let archive = archive.take().expect("a bundle is finished once");
            let packed = archive.into_inner().and_then(GzEncoder::finish).map_err(failed)?;
            let file = packed.into_inner().map_err(|error| failed(error.into_error()))?;
            file.sync_all().map_err(failed)?;
        } else {
            // An empty folder of that name makes place.
            let _ = fs::remove_dir(&self.target);
        }
        fs::rename(&self.partial, &self.target).map_err(failed)?;
        Ok(self.target.clone())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // After the rename neither is there.
        let _ = match self.form {
            Form::Archive(_) => fs::remove_file(&self.partial),
            Form::Folder => fs::remove_dir_all(&self.partial),
        };
    }
}

/// Objects that are kept on disk for a second reading, one behind the other; gone with the value.
pub struct Spool {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Spool {
    /// A file beside the bundle that is to come.
    pub fn create(target: &Path) -> Result<Self, WriteError> {
        let failed = |source| WriteError::Write { path: target.to_owned(), source };
        let name = target.file_name().ok_or_else(|| WriteError::NoName { path: target.to_owned() })?;
        let path = target.with_file_name(format!(".{}.spool-{}", name.to_string_lossy(), std::process::id()));
        let file = private_file(&path).map_err(failed)?;
        Ok(Self { path, file: BufWriter::new(file) })
    }

    /// Adds one line.
    pub fn add(&mut self, line: &str) -> Result<(), WriteError> {
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.write_all(b"\n"));
        written.map_err(|source| WriteError::Write { path: self.path.clone(), source })
    }

    /// Hands on every line.
    pub fn each(&mut self, take: &mut dyn FnMut(&str) -> Result<(), WriteError>) -> Result<(), WriteError> {
        let failed = |source| WriteError::Write { path: self.path.clone(), source };
        self.file.flush().map_err(failed)?;
        for line in io::BufRead::lines(io::BufReader::new(File::open(&self.path).map_err(failed)?)) {
            take(&line.map_err(failed)?)?;
        }
        Ok(())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
