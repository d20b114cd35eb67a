//! The user's own policy on credential plugins, from kuberc.
//!
//! Nothing else of kuberc applies to a plugin of kubectl: its defaults and aliases are for kubectl's own commands.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::files::Files;
use super::refusal::ConnectError;
use crate::env::Env;

/// Which credential plugins may run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PluginPolicy {
    #[default]
    AllowAll,
    DenyAll,
    /// Only these commands, compared by the file they stand for.
    Allowlist(Vec<String>),
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    credential_plugin_policy: Option<String>,
    credential_plugin_allowlist: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
struct Entry {
    /// Called `name` in the first release that had it.
    #[serde(alias = "name")]
    command: String,
}

/// Reads the policy before `plugin` runs. No file, or `KUBERC=off`, allows all; a file that cannot be understood is
/// an error, as it may be there to forbid.
pub(super) fn policy(env: &Env, files: &impl Files, plugin: &str) -> Result<PluginPolicy, ConnectError> {
    let Some(path) = path(env) else { return Ok(PluginPolicy::AllowAll) };
    let refused = |why: String| ConnectError::Policy { path: path.clone(), plugin: plugin.to_owned(), why };
    let bytes = match files.read(&path) {
        Ok(bytes) => bytes,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(PluginPolicy::AllowAll),
        Err(err) => return Err(refused(err.to_string())),
    };
    let text = String::from_utf8(bytes).map_err(|_| refused("it is not UTF-8".to_owned()))?;
    let documents: Vec<Wire> = serde_saphyr::from_multiple(&text)
        .map_err(|err| refused(err.without_snippet().to_string().lines().next().unwrap_or_default().to_owned()))?;
    // As kubectl: the first document it understands.
    let wire = documents.into_iter().next().unwrap_or_default();
    match wire.credential_plugin_policy.as_deref() {
        None | Some("" | "AllowAll") => Ok(PluginPolicy::AllowAll),
        Some("DenyAll") => Ok(PluginPolicy::DenyAll),
        Some("Allowlist") => Ok(PluginPolicy::Allowlist(
            wire.credential_plugin_allowlist.into_iter().flatten().map(|entry| entry.command).collect(),
        )),
        Some(other) => Err(refused(format!("unknown credentialPluginPolicy {other:?}"))),
    }
}

fn path(env: &Env) -> Option<PathBuf> {
    match env.nonempty("KUBERC") {
        Some("off") => None,
        Some(path) => Some(PathBuf::from(path)),
        None => env.home().map(|home| home.join(".kube").join("kuberc")),
    }
}

impl PluginPolicy {
    /// Whether the command may run, and if not, why.
    pub(super) fn permits(&self, command: &str, find: impl Fn(&str) -> Option<PathBuf>) -> Result<(), String> {
        match self {
            Self::AllowAll => Ok(()),
            Self::DenyAll => Err(format!("plugin {command:?} not allowed: policy set to \"DenyAll\"")),
            Self::Allowlist(allowed) => {
                let same = |entry: &String| -> bool {
                    matches!((find(entry), find(command)), (Some(entry), Some(command)) if entry == command)
                };
                if allowed.iter().any(same) {
                    Ok(())
                } else {
                    Err(format!("plugin {command:?} is not permitted by the credential plugin allowlist"))
                }
            }
        }
    }
}

/// Finds a command as a shell would: a path as it is, a bare name in the folders of `PATH`.
pub(super) fn look_path(env: &Env, command: &str) -> Option<PathBuf> {
    if command.contains(std::path::MAIN_SEPARATOR) {
        return is_program(Path::new(command)).then(|| PathBuf::from(command));
    }
    env.paths("PATH").into_iter().map(|folder| folder.join(command)).find(|path| is_program(path))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file() || path.with_extension("exe").is_file()
}

#[cfg(test)]
mod tests {
    use super::super::files::testing::Table;
    use super::*;

    fn read(text: &str) -> Result<PluginPolicy, ConnectError> {
        let env = Env::from_pairs([("HOME", "/home/ada")]);
        policy(&env, &Table::new([("/home/ada/.kube/kuberc", text)]), "aws")
    }

    #[test]
    fn the_policy_is_read_from_the_home_folder() {
        assert_eq!(read("kind: Preference\naliases: []\n").unwrap(), PluginPolicy::AllowAll);
        assert_eq!(read("credentialPluginPolicy: DenyAll\n").unwrap(), PluginPolicy::DenyAll);
        let list = "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{command: aws}, {name: gke}]\n";
        assert_eq!(read(list).unwrap(), PluginPolicy::Allowlist(vec!["aws".to_owned(), "gke".to_owned()]));
    }

    #[test]
    fn a_policy_that_cannot_be_read_forbids() {
        for text in ["credentialPluginPolicy: Sometimes\n", "credentialPluginPolicy: [\n"] {
            let err = read(text).unwrap_err().to_string();
            assert!(err.contains("it may forbid the credential plugin \"aws\""), "{err}");
        }
    }

    #[test]
    fn the_file_can_be_elsewhere_or_switched_off() {
        let files = Table::new([("/etc/kuberc", "credentialPluginPolicy: DenyAll")]);
        let with =
            |value: &str| policy(&Env::from_pairs([("KUBERC", value), ("HOME", "/home/ada")]), &files, "aws").unwrap();
        assert_eq!(with("/etc/kuberc"), PluginPolicy::DenyAll);
        assert_eq!(with("off"), PluginPolicy::AllowAll);
        assert_eq!(with("/nowhere"), PluginPolicy::AllowAll);
    }

    #[test]
    fn an_allowlist_compares_the_files_that_the_names_stand_for() {
        let find = |name: &str| (name != "missing").then(|| Path::new("/bin").join(name.trim_start_matches("/bin/")));
        let policy = PluginPolicy::Allowlist(vec!["aws".to_owned(), "missing".to_owned()]);
        assert_eq!(policy.permits("aws", find), Ok(()));
        assert_eq!(policy.permits("/bin/aws", find), Ok(()));
        assert!(policy.permits("gke", find).is_err());
        assert!(policy.permits("missing", find).is_err());
        assert!(PluginPolicy::DenyAll.permits("aws", find).unwrap_err().contains("DenyAll"));
    }
}
