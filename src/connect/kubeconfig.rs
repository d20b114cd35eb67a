//! The kubeconfig files: which ones count, reading them, merging them as client-go does.
//!
//! Says nothing yet about which of their entries apply, and never quotes a file's text in an error.

use std::io;
use std::path::{Path, PathBuf};

use kube::config::{AuthInfo, Kubeconfig};

use super::files::Files;
use super::flags::Flags;
use super::refusal::ConnectError;
use crate::env::Env;

/// What all files together say.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub config: Kubeconfig,
    /// The files that were looked for, in order.
    pub looked_at: Vec<PathBuf>,
    /// Things to tell the user that are no errors, such as `KUBECONFIG` naming only files that are not there.
    pub warnings: Vec<String>,
}

/// Reads the file of `--kubeconfig` alone, else those of `KUBECONFIG`, else `~/.kube/config`.
pub(super) fn load(flags: &Flags, env: &Env, files: &impl Files) -> Result<Loaded, ConnectError> {
    if let Some(path) = flags.kubeconfig.as_ref().filter(|path| !path.as_os_str().is_empty()) {
        return match files.read(path) {
            Ok(bytes) => Ok(Loaded { config: parse(path, bytes)?, looked_at: vec![path.clone()], warnings: vec![] }),
            Err(source) => Err(ConnectError::ReadConfig { path: path.clone(), source }),
        };
    }
    let mut paths = env.paths("KUBECONFIG");
    let named = !paths.is_empty();
    if !named {
        paths.extend(env.home().map(|home| home.join(".kube").join("config")));
    }
    let mut loaded = Loaded::default();
    let mut found = false;
    for path in paths {
        if loaded.looked_at.contains(&path) {
            continue;
        }
        match files.read(&path) {
            Ok(bytes) => {
                found = true;
                let next = parse(&path, bytes)?;
                loaded.config = merge(loaded.config, next, &path)?;
            }
            Err(source) if source.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(ConnectError::ReadConfig { path, source }),
        }
        loaded.looked_at.push(path);
    }
    if named && !found {
        let list: Vec<String> = loaded.looked_at.iter().map(|path| path.display().to_string()).collect();
        loaded.warnings.push(format!("config file not found: {}", list.join(", ")));
    }
    Ok(loaded)
}

/// Reads one file: every document in it, paths made absolute against its folder.
fn parse(path: &Path, bytes: Vec<u8>) -> Result<Kubeconfig, ConnectError> {
    let text = decode(bytes).map_err(|source| ConnectError::ReadConfig { path: path.to_owned(), source })?;
    // Snippets would quote the file, tokens and keys included.
    let options = serde_saphyr::options! { with_snippet: false };
    let documents: Vec<Kubeconfig> = serde_saphyr::from_multiple_with_options(&text, options).map_err(|err| {
        let err = err.without_snippet();
        ConnectError::ParseConfig {
            path: path.to_owned(),
            line: err.location().map_or(0, |location| location.line()),
            column: err.location().map_or(0, |location| location.column()),
            why: unquoted(&err.to_string()),
        }
    })?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    documents.into_iter().try_fold(Kubeconfig::default(), |merged, mut document| {
        // An empty word is no word: the next file may still say it.
        document.current_context = document.current_context.filter(|name| !name.is_empty());
        anchor(&mut document, folder);
        merge(merged, document, path)
    })
}

fn merge(earlier: Kubeconfig, next: Kubeconfig, path: &Path) -> Result<Kubeconfig, ConnectError> {
    earlier.merge(next).map_err(|err| ConnectError::ParseConfig {
        path: path.to_owned(),
        line: 0,
        column: 0,
        why: err.to_string(),
    })
}

/// UTF-8 with or without a byte order mark, or UTF-16 with one, as Windows editors leave it.
fn decode(bytes: Vec<u8>) -> io::Result<String> {
    let invalid = |encoding: &str| io::Error::new(io::ErrorKind::InvalidData, format!("not valid {encoding}"));
    let utf16 = |read: fn([u8; 2]) -> u16, bytes: &[u8]| {
        let units: Vec<u16> =
            bytes.chunks(2).map(|pair| read([pair[0], pair.get(1).copied().unwrap_or_default()])).collect();
        String::from_utf16(&units).map_err(|_| invalid("UTF-16"))
    };
    match bytes.as_slice() {
        [0xFF, 0xFE, rest @ ..] => utf16(u16::from_le_bytes, rest),
        [0xFE, 0xFF, rest @ ..] => utf16(u16::from_be_bytes, rest),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8(rest.to_vec()).map_err(|_| invalid("UTF-8")),
        _ => String::from_utf8(bytes).map_err(|_| invalid("UTF-8")),
    }
}

/// Makes the paths in a file relative to its folder.
fn anchor(config: &mut Kubeconfig, folder: &Path) {
    for cluster in config.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        absolute(&mut cluster.certificate_authority, folder);
    }
    for user in config.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        let AuthInfo { client_certificate, client_key, token_file, exec, .. } = user;
        absolute(client_certificate, folder);
        absolute(client_key, folder);
        absolute(token_file, folder);
        if let Some(exec) = exec
            && exec.command.as_deref().is_some_and(|command| command.contains(std::path::MAIN_SEPARATOR))
        {
            absolute(&mut exec.command, folder);
        }
    }
}

fn absolute(path: &mut Option<String>, folder: &Path) {
    if let Some(path) = path
        && !path.is_empty()
        && Path::new(path.as_str()).is_relative()
    {
        *path = folder.join(path.as_str()).to_string_lossy().into_owned();
    }
}

/// The first line of a parser's message without what it quotes: that may be a token in the wrong place.
fn unquoted(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    // The place is said before.
    let line = line.split(" at line ").next().unwrap_or_default();
    let mut quoted = false;
    let mut out = String::new();
    for part in line.split('"') {
        if quoted && part.len() > 24 {
            out.push_str("\"...\"");
        } else if quoted {
            out.push('"');
            out.push_str(part);
            out.push('"');
        } else {
            out.push_str(part);
        }
        quoted = !quoted;
    }
    out
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::super::files::testing::Table;
    use super::*;

    fn config(context: &str, server: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {context}\nclusters:\n- name: c\n  cluster: {{server: \
             '{server}', certificate-authority: ca.crt}}\n"
        )
    }

    fn env(kubeconfig: &str) -> Env {
        Env::from_pairs([("KUBECONFIG", kubeconfig), ("HOME", "/home/ada")])
    }

    fn server(loaded: &Loaded) -> Option<&str> {
        loaded.config.clusters.first()?.cluster.as_ref()?.server.as_deref()
    }

    #[test]
    fn a_missing_entry_of_kubeconfig_is_skipped() {
        let files = Table::new([("/b", config("x", "https://b").as_str())]);
        let loaded = load(&Flags::default(), &env("/a:/b"), &files).unwrap();
        assert_eq!(server(&loaded), Some("https://b"));
        assert_eq!(loaded.warnings, Vec::<String>::new());
        assert_eq!(loaded.looked_at, [PathBuf::from("/a"), PathBuf::from("/b")]);
    }

    #[test]
    fn a_warning_says_when_every_entry_is_missing() {
        let loaded = load(&Flags::default(), &env("/a:/b"), &Table::default()).unwrap();
        assert_eq!(loaded.warnings, ["config file not found: /a, /b"]);
        let quiet = load(&Flags::default(), &env(""), &Table::default()).unwrap();
        assert_eq!(quiet.warnings, Vec::<String>::new());
        assert_eq!(quiet.looked_at, [PathBuf::from("/home/ada/.kube/config")]);
    }

    #[test]
    fn the_first_file_wins_but_an_empty_word_does_not() {
        let files =
            Table::new([("/a", config("''", "https://a").as_str()), ("/b", config("later", "https://b").as_str())]);
        let loaded = load(&Flags::default(), &env("/a:/b"), &files).unwrap();
        assert_eq!(server(&loaded), Some("https://a"));
        assert_eq!(loaded.config.current_context.as_deref(), Some("later"));
    }

    #[test]
    fn the_flag_names_the_only_file_and_it_must_exist() {
        let flags = Flags { kubeconfig: Some("/a".into()), ..Flags::default() };
        let files = Table::new([("/b", config("x", "https://b").as_str())]);
        let err = load(&flags, &env("/b"), &files).unwrap_err();
        assert_eq!(err.to_string(), "error: stat /a: no such file or directory");
    }

    #[test]
    fn paths_are_relative_to_the_file_that_holds_them() {
        let text = "users:\n- name: u\n  user:\n    tokenFile: t\n    client-key: /abs/k\n    exec: {command: bin/x}\n\
                    - name: v\n  user: {exec: {command: aws}}\n";
        let files = Table::new([("/etc/kube/a", text)]);
        let loaded = load(&Flags::default(), &env("/etc/kube/a"), &files).unwrap();
        let users: Vec<&AuthInfo> =
            loaded.config.auth_infos.iter().map(|named| named.auth_info.as_ref().unwrap()).collect();
        assert_eq!(users[0].token_file.as_deref(), Some("/etc/kube/t"));
        assert_eq!(users[0].client_key.as_deref(), Some("/abs/k"));
        assert_eq!(users[0].exec.as_ref().unwrap().command.as_deref(), Some("/etc/kube/bin/x"));
        assert_eq!(users[1].exec.as_ref().unwrap().command.as_deref(), Some("aws"));
    }

    #[test]
    fn a_broken_file_is_named_with_its_line_and_its_secrets_stay_in_it() {
        let text = "users:\n- name: u\n  user: \"LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0t\"\n";
        let files = Table::new([("/a", text)]);
        let err = load(&Flags::default(), &env("/a"), &files).unwrap_err().to_string();
        assert!(err.starts_with("error: error loading config file \"/a\": line 3, column "), "{err}");
        assert!(!err.contains("LS0tLS1CRUdJ"), "{err}");
    }

    #[test]
    fn windows_encodings_are_read() {
        let text = "users: [{name: u, user: {token: \u{fc}}}]";
        let wide = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            std::iter::once(0xFEFFu16).chain(text.encode_utf16()).flat_map(order).collect()
        };
        for bytes in [wide(u16::to_le_bytes), wide(u16::to_be_bytes), [b"\xEF\xBB\xBF", text.as_bytes()].concat()] {
            let files = Table::default().bytes("/a", &bytes);
            let loaded = load(&Flags::default(), &env("/a"), &files).unwrap();
            let user = loaded.config.auth_infos[0].auth_info.as_ref().unwrap();
            assert_eq!(user.token.as_ref().unwrap().expose_secret(), "\u{fc}");
        }
    }
}
