//! `.tar.gz`, `.tar` and `.zip`, recognised by their first bytes.
//!
//! Nothing is unpacked to disk. Absolute names and `..` are refused, links are passed over. Of a log only its end is kept.

use std::io::{self, Cursor, Read};
use std::path::{Component, Path};

use super::layout::{Member, member};
use super::{FilesError, Limits, tail};

/// What kind of archive it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    TarGz,
    Tar,
    Zip,
}

/// The archive's format, if it is one.
pub fn format(bytes: &[u8]) -> Option<Format> {
    match bytes {
        [0x1f, 0x8b, ..] => Some(Format::TarGz),
        [b'P', b'K', 3 | 5 | 7, ..] => Some(Format::Zip),
        _ if bytes.get(257..262) == Some(b"ustar") => Some(Format::Tar),
        _ => None,
    }
}

type Visit<'a> = &'a mut dyn FnMut(&str, &Member, &[u8]) -> Result<(), FilesError>;

/// Calls `visit` with name, nature and content of every file that may hold something.
pub fn each_file(format: Format, name: &str, bytes: &[u8], limits: Limits, visit: Visit) -> Result<(), FilesError> {
    match format {
        Format::TarGz => tar_files(name, flate2::read::MultiGzDecoder::new(bytes), limits, visit),
        Format::Tar => tar_files(name, bytes, limits, visit),
        Format::Zip => zip_files(name, bytes, limits, visit),
    }
}

fn tar_files(name: &str, bytes: impl Read, limits: Limits, visit: Visit) -> Result<(), FilesError> {
    let broken = |error: io::Error| FilesError::Archive { file: name.to_owned(), what: broken_words(&error) };
    // The decompressed stream as a whole is bounded too: members that are passed over must be read all the same.
    let mut archive = tar::Archive::new(bytes.take(limits.total_bytes.saturating_add(1 << 20)));
    let mut count = 0;
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        count += 1;
        if count > limits.files {
            return Err(FilesError::TooMany { file: name.to_owned(), limit: limits.files });
        }
        let path = entry.path().map_err(broken)?.into_owned();
        let path = checked(name, &path)?;
        if entry.header().entry_type().is_file() {
            visit_one(&mut entry, name, &path, limits, visit)?;
        }
    }
    Ok(())
}

fn zip_files(name: &str, bytes: &[u8], limits: Limits, visit: Visit) -> Result<(), FilesError> {
    let broken = |error: zip::result::ZipError| FilesError::Archive { file: name.to_owned(), what: error.to_string() };
    // A zip archive's list of members is its end.
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
        let what = format!("the archive is truncated, or no zip archive: {error}");
        FilesError::Archive { file: name.to_owned(), what }
    })?;
    if archive.len() > limits.files {
        return Err(FilesError::TooMany { file: name.to_owned(), limit: limits.files });
    }
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(broken)?;
        let path = checked(name, Path::new(file.name().map_err(broken)?.as_ref()))?;
        if file.is_file() {
            visit_one(&mut file, name, &path, limits, visit)?;
        }
    }
    Ok(())
}

/// Hands on one file if it may hold something.
fn visit_one(from: &mut dyn Read, archive: &str, path: &str, limits: Limits, visit: Visit) -> Result<(), FilesError> {
    let member = member(path);
    let content = match member {
        Member::Other => return Ok(()),
        Member::Objects | Member::Timestamp => bounded(from, archive, path, limits)?,
        Member::Log(_) | Member::Dump => tail(from)
            .map_err(|error| FilesError::Archive { file: format!("{archive}:{path}"), what: broken_words(&error) })?,
    };
    visit(path, &member, &content)
}

/// The member's name, unless it points outside.
fn checked(archive: &str, path: &Path) -> Result<String, FilesError> {
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if inside {
        Ok(path.to_string_lossy().into_owned())
    } else {
        Err(FilesError::Archive {
            file: archive.to_owned(),
            what: format!("the name {} points outside the archive", path.display()),
        })
    }
}

fn bounded(from: &mut dyn Read, archive: &str, member: &str, limits: Limits) -> Result<Vec<u8>, FilesError> {
    let mut content = Vec::new();
    from.take(limits.file_bytes + 1)
        .read_to_end(&mut content)
        .map_err(|error| FilesError::Archive { file: format!("{archive}:{member}"), what: broken_words(&error) })?;
    if content.len() as u64 > limits.file_bytes {
        return Err(FilesError::TooLarge { file: format!("{archive}:{member}"), limit: limits.file_bytes });
    }
    Ok(content)
}

fn broken_words(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        "the archive ends too early: it is truncated".into()
    } else {
        format!("the archive is broken: {error}")
    }
}
