//! The one reader of the process environment.
//!
//! It is read once, at the start, into an [`Env`] that is passed on as an argument; nothing else asks the process,
//! and nothing ever changes it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The environment variables as they were at the start of the program.
#[derive(Clone, Debug, Default)]
pub struct Env {
    variables: BTreeMap<OsString, OsString>,
}

impl Env {
    /// The environment of this process.
    pub fn from_process() -> Self {
        let variables = std::env::vars_os().collect();
        Self { variables }
    }

    /// An environment made of the given pairs and nothing else.
    pub fn from_pairs<K: Into<OsString>, V: Into<OsString>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self { variables: pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// The value of a variable, also when it is not text.
    pub fn os(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// The value of a variable if it is set, and text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.os(name).and_then(OsStr::to_str)
    }

    /// The value of a variable if it is set, text, and not empty.
    pub fn nonempty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Whether the variable is set at all, to anything.
    pub fn has(&self, name: &str) -> bool {
        self.os(name).is_some()
    }

    /// All variables, in order of their names: what a child process is given.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The folders of a variable written as `PATH` is.
    pub fn paths(&self, name: &str) -> Vec<PathBuf> {
        let Some(value) = self.os(name) else { return Vec::new() };
        std::env::split_paths(value).filter(|path| !path.as_os_str().is_empty()).collect()
    }

    /// The home folder as client-go finds it: `$HOME`, and on Windows also `%USERPROFILE%`.
    pub fn home(&self) -> Option<PathBuf> {
        let names: &[&str] = if cfg!(windows) { &["HOME", "USERPROFILE"] } else { &["HOME"] };
        names.iter().filter_map(|name| self.os(name)).find(|value| !value.is_empty()).map(PathBuf::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_set_but_not_nonempty() {
        let env = Env::from_pairs([("KUBECONFIG", "")]);
        assert!(env.has("KUBECONFIG"));
        assert_eq!(env.get("KUBECONFIG"), Some(""));
        assert_eq!(env.nonempty("KUBECONFIG"), None);
    }

    #[test]
    fn paths_skip_empty_entries() {
        let joined = std::env::join_paths(["/a", "", "/b"]).unwrap();
        let env = Env::from_pairs([("KUBECONFIG", joined)]);
        assert_eq!(env.paths("KUBECONFIG"), [PathBuf::from("/a"), PathBuf::from("/b")]);
    }

    #[test]
    fn home_is_the_variable_alone() {
        assert_eq!(Env::from_pairs([("HOME", "/home/ada")]).home(), Some(PathBuf::from("/home/ada")));
        assert_eq!(Env::from_pairs([("HOME", "")]).home(), None);
        assert_eq!(Env::default().home(), None);
    }

    #[test]
    fn the_process_environment_is_taken_whole() {
        assert_eq!(Env::from_process().iter().count(), std::env::vars_os().count());
    }
}
