//! Credential plugins: run once, with kubectl's rules for standard input, and their answer checked.
//!
//! Never keeps a credential on disk and never shows one.

use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use kube::config::{ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;
use tokio::process::Command;

use super::kuberc::look_path;
use super::resolve::{Identity, Plugin, parse_identity};
use crate::env::Env;
use crate::redact::Redacted;

/// What standard input is to a plugin that would like to ask the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdin {
    Terminal,
    NotATerminal,
    /// It is read for something else, such as `-f -`.
    Taken,
}

/// Why a plugin gave no credential, in client-go's words.
#[derive(Debug, Error)]
pub enum ExecError {
    #[error("{0}")]
    Forbidden(String),
    #[error("exec plugin cannot support interactive mode: standard input is {0}")]
    NotInteractive(&'static str),
    #[error(
        "exec: executable {command} not found\n\nIt looks like you are trying to use a client-go credential plugin \
         that is not installed.{}",
        indented(install_hint)
    )]
    NotFound { command: String, install_hint: String },
    #[error("exec: {command}")]
    Start { command: String, source: std::io::Error },
    #[error("exec: executable {command} failed with exit code {code}")]
    Failed { command: String, code: String },
    #[error("exec: executable {command} gave no answer within {}", crate::duration::format_go(limit_of(*after)))]
    TooSlow { command: String, after: Duration },
    #[error("exec: executable {command} printed something that is not an ExecCredential")]
    NotACredential { command: String },
    #[error("exec plugin is configured to use API version {expected}, plugin returned version {got}")]
    Version { expected: String, got: String },
    #[error("{0}")]
    Incomplete(&'static str),
    #[error("the certificate of exec plugin {command} cannot be used: {why}")]
    Certificate { command: String, why: String },
}

/// What a plugin answered.
#[derive(Debug)]
pub(super) struct Credential {
    pub token: Option<Redacted<String>>,
    pub identity: Option<Identity>,
    pub expires: Option<Timestamp>,
}

/// Runs the plugin and reads its answer. Its standard error is the user's; it ends when this future is dropped.
pub(super) async fn run(
    plugin: &Plugin,
    env: &Env,
    stdin: Stdin,
    limit: Option<Duration>,
) -> Result<Credential, ExecError> {
    let config = &plugin.config;
    let command = config.command.clone().unwrap_or_default();
    plugin.policy.permits(&command, |name| look_path(env, name)).map_err(ExecError::Forbidden)?;
    let interactive = is_interactive(config, stdin)?;
    let program = look_path(env, &command).ok_or_else(|| ExecError::NotFound {
        command: command.clone(),
        install_hint: plain(config.install_hint.as_deref().unwrap_or_default()),
    })?;
    let mut child = Command::new(program);
    child
        .args(config.args.iter().flatten())
        .env_clear()
        .envs(env.iter())
        .envs(config.env.iter().flatten().filter_map(|pair| Some((pair.get("name")?, pair.get("value")?))))
        .env("KUBERNETES_EXEC_INFO", exec_info(plugin, interactive))
        .stdin(if interactive { Stdio::inherit() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    let child = child.spawn().map_err(|source| ExecError::Start { command: command.clone(), source })?;
    let done = child.wait_with_output();
    let output = match limit {
        Some(after) => tokio::time::timeout(after, done)
            .await
            .map_err(|_| ExecError::TooSlow { command: command.clone(), after })?,
        None => done.await,
    };
    let output = output.map_err(|source| ExecError::Start { command: command.clone(), source })?;
    if !output.status.success() {
        let code = output.status.code().map_or_else(|| "none (a signal)".to_owned(), |code| code.to_string());
        return Err(ExecError::Failed { command, code });
    }
    read(&output.stdout, config.api_version.as_deref().unwrap_or_default(), &command)
}

fn is_interactive(config: &ExecConfig, stdin: Stdin) -> Result<bool, ExecError> {
    match (config.interactive_mode.as_ref().unwrap_or(&ExecInteractiveMode::IfAvailable), stdin) {
        (ExecInteractiveMode::Never, _) => Ok(false),
        (ExecInteractiveMode::IfAvailable, stdin) => Ok(stdin == Stdin::Terminal),
        (ExecInteractiveMode::Always, Stdin::Terminal) => Ok(true),
        (ExecInteractiveMode::Always, Stdin::NotATerminal) => Err(ExecError::NotInteractive("not a terminal")),
        (ExecInteractiveMode::Always, Stdin::Taken) => {
            Err(ExecError::NotInteractive("unavailable: it is read for another argument"))
        }
    }
}

/// The question the plugin is asked.
fn exec_info(plugin: &Plugin, interactive: bool) -> String {
    let mut spec = json!({"interactive": interactive});
    if plugin.config.provide_cluster_info {
        spec["cluster"] = plugin.cluster.clone();
    }
    let version = plugin.config.api_version.as_deref().unwrap_or_default();
    json!({"kind": "ExecCredential", "apiVersion": version, "spec": spec}).to_string()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    api_version: Option<String>,
    kind: Option<String>,
    status: Option<AnswerStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerStatus {
    expiration_timestamp: Option<Timestamp>,
    token: Option<Redacted<String>>,
    client_certificate_data: Option<String>,
    client_key_data: Option<Redacted<String>>,
}

/// Reads the answer, JSON or YAML as client-go's decoder takes both.
fn read(stdout: &[u8], expected: &str, command: &str) -> Result<Credential, ExecError> {
    // The parser's own message could quote the credential.
    let answer: Answer =
        serde_saphyr::from_slice(stdout).map_err(|_| ExecError::NotACredential { command: command.to_owned() })?;
    if answer.kind.as_deref() != Some("ExecCredential") {
        return Err(ExecError::NotACredential { command: command.to_owned() });
    }
    let got = answer.api_version.unwrap_or_default();
    if got != expected {
        return Err(ExecError::Version { expected: expected.to_owned(), got });
    }
    let status = answer.status.ok_or(ExecError::Incomplete("exec plugin didn't return a status field"))?;
    let token = status.token.filter(|token| !token.expose().is_empty());
    let certificate = status.client_certificate_data.filter(|data| !data.is_empty());
    let key = status.client_key_data.filter(|data| !data.expose().is_empty());
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(
            parse_identity(certificate.as_bytes(), key.expose().as_bytes())
                .map_err(|why| ExecError::Certificate { command: command.to_owned(), why })?,
        ),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(ExecError::Incomplete("exec plugin returned only certificate or key, not both"));
        }
    };
    if token.is_none() && identity.is_none() {
        return Err(ExecError::Incomplete("exec plugin didn't return a token or cert/key pair"));
    }
    Ok(Credential { token, identity, expires: status.expiration_timestamp })
}

/// The hint without control characters: it comes from a file that may be someone else's.
fn plain(hint: &str) -> String {
    let mut out = String::new();
    let mut chars = hint.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // A whole escape sequence goes, not its first character alone.
            if chars.next_if_eq(&'[').is_some() {
                while chars.next_if(|c| !('@'..='~').contains(c)).is_some() {}
                chars.next();
            }
        } else if c == '\n' || !c.is_control() {
            out.push(c);
        }
    }
    out
}

fn indented(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("\n\n{}", hint.trim_end()) }
}

fn limit_of(after: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(after).unwrap_or(jiff::SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "client.authentication.k8s.io/v1";

    fn config(mode: ExecInteractiveMode) -> ExecConfig {
        ExecConfig { interactive_mode: Some(mode), ..ExecConfig::default() }
    }

    #[test]
    fn standard_input_is_given_by_kubectls_rule() {
        use ExecInteractiveMode::{Always, IfAvailable, Never};
        for (mode, stdin, expected) in [
            (Never, Stdin::Terminal, Some(false)),
            (IfAvailable, Stdin::Terminal, Some(true)),
            (IfAvailable, Stdin::NotATerminal, Some(false)),
            (IfAvailable, Stdin::Taken, Some(false)),
            (Always, Stdin::Terminal, Some(true)),
            (Always, Stdin::NotATerminal, None),
            (Always, Stdin::Taken, None),
        ] {
            assert_eq!(is_interactive(&config(mode.clone()), stdin).ok(), expected, "{mode:?} {stdin:?}");
        }
    }

    fn answer(status: &str) -> String {
        format!(r#"{{"kind":"ExecCredential","apiVersion":"{V1}","status":{status}}}"#)
    }

    fn refusal(text: &str) -> String {
        read(text.as_bytes(), V1, "aws").unwrap_err().to_string()
    }

    #[test]
    fn a_token_is_read_with_its_expiry() {
        let text = answer(r#"{"token":"t","expirationTimestamp":"2026-11-22T00:00:00Z"}"#);
        let credential = read(text.as_bytes(), V1, "aws").unwrap();
        assert_eq!(credential.token.unwrap().expose(), "t");
        assert_eq!(credential.expires, Some("2026-11-22T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn an_answer_in_yaml_is_read_too() {
        let text = format!("kind: ExecCredential\napiVersion: {V1}\nstatus:\n  token: t\n");
        assert_eq!(read(text.as_bytes(), V1, "aws").unwrap().token.unwrap().expose(), "t");
    }

    #[test]
    fn half_an_answer_is_refused() {
        assert_eq!(
            refusal(r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1"}"#),
            "exec plugin is configured to use API version client.authentication.k8s.io/v1, plugin returned version \
             client.authentication.k8s.io/v1beta1"
        );
        assert_eq!(refusal(&answer("null")), "exec plugin didn't return a status field");
        assert_eq!(refusal(&answer("{}")), "exec plugin didn't return a token or cert/key pair");
        assert_eq!(
            refusal(&answer(r#"{"clientKeyData":"k"}"#)),
            "exec plugin returned only certificate or key, not both"
        );
    }

    #[test]
    fn what_a_plugin_printed_is_not_repeated() {
        let text = answer(r#"{"token":["hunter2"]}"#);
        assert_eq!(refusal(&text), "exec: executable aws printed something that is not an ExecCredential");
    }

    #[test]
    fn an_install_hint_loses_its_escape_codes() {
        assert_eq!(plain("\u{1b}[31mbrew\u{1b}[0m install x\r\n\u{7}then"), "brew install x\nthen");
    }
}
