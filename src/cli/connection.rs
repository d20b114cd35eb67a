//! kubectl's global flags as clap arguments, with pflag's habits: they work in any place, switches take `=false`,
//! and underscores do for dashes.
//!
//! Only reads words; [`connect::resolve`](crate::connect::resolve) says what they mean.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::TypedValueParser as _;
use clap::{ArgAction, Args};

use crate::connect::{Flags, parse_request_timeout};
use crate::redact::Redacted;

const HEADING: &str = "Connection";

/// The flags of `kubectl options`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = HEADING)]
pub struct Connection {
    /// Use this kubeconfig file and no other
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// The kubeconfig context to use
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,

    /// The kubeconfig cluster to use
    #[arg(long, global = true, value_name = "NAME")]
    pub cluster: Option<String>,

    /// The kubeconfig user to use
    #[arg(long, global = true, value_name = "NAME")]
    pub user: Option<String>,

    /// The namespace to work in
    #[arg(short, long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,

    /// The address of the API server
    #[arg(short, long, global = true, value_name = "URL")]
    pub server: Option<String>,

    /// Bearer token for the API server
    #[arg(long, global = true, value_name = "TOKEN", value_parser = secret(), allow_hyphen_values = true)]
    pub token: Option<Redacted<String>>,

    /// File with a client certificate for TLS
    #[arg(long, global = true, value_name = "FILE")]
    pub client_certificate: Option<PathBuf>,

    /// File with the key of the client certificate
    #[arg(long, global = true, value_name = "FILE")]
    pub client_key: Option<PathBuf>,

    /// File with the certificate of the authority that vouches for the API server
    #[arg(long, global = true, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,

    /// Do not check the API server's certificate; anyone on the way can then read and change everything
    #[arg(long, global = true, value_name = "BOOL", value_parser = switch, action = ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true,
          hide_possible_values = true)]
    pub insecure_skip_tls_verify: bool,

    /// The name that the API server's certificate must be valid for, instead of its host name
    #[arg(long, global = true, value_name = "NAME")]
    pub tls_server_name: Option<String>,

    /// Act as this user
    #[arg(long = "as", global = true, value_name = "USER")]
    pub as_user: Option<String>,

    /// Act as a member of this group; may be given several times
    #[arg(long, global = true, value_name = "GROUP", action = ArgAction::Append)]
    pub as_group: Vec<String>,

    /// Act as the user with this UID
    #[arg(long, global = true, value_name = "UID")]
    pub as_uid: Option<String>,

    /// Extra information about the user to act as; may be given several times
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = pair, action = ArgAction::Append)]
    pub as_user_extra: Vec<(String, String)>,

    #[arg(long, global = true, hide = true)]
    pub username: Option<String>,

    #[arg(long, global = true, hide = true, value_parser = secret(), allow_hyphen_values = true)]
    pub password: Option<Redacted<String>>,

    /// The most that one request may take: seconds, or a duration like 1m30s; 0 is no limit
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_request_timeout,
          allow_hyphen_values = true, default_value = "0", hide_default_value = true)]
    pub request_timeout: Duration,

    /// Folder for kubectl's caches
    #[arg(long, global = true, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,

    /// Do not ask the API server for compressed answers
    #[arg(long, global = true, value_name = "BOOL", value_parser = switch, action = ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true)]
    pub disable_compression: bool,

    /// Exit with 1 if the API server sent a warning
    #[arg(long, global = true, value_name = "BOOL", value_parser = switch, action = ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true)]
    pub warnings_as_errors: bool,

    /// How much to log, from 0 to 10
    #[arg(
        short = 'v',
        long = "v",
        global = true,
        value_name = "LEVEL",
        default_value_t = 0,
        hide_default_value = true,
        allow_negative_numbers = true
    )]
    pub verbosity: i32,
}

impl Connection {
    /// The part that says where and as whom.
    pub fn flags(&self) -> Flags {
        Flags {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            cluster: self.cluster.clone(),
            user: self.user.clone(),
            namespace: self.namespace.clone(),
            server: self.server.clone(),
            token: self.token.clone(),
            client_certificate: self.client_certificate.clone(),
            client_key: self.client_key.clone(),
            certificate_authority: self.certificate_authority.clone(),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            tls_server_name: self.tls_server_name.clone(),
            impersonate_user: self.as_user.clone(),
            impersonate_groups: self.as_group.clone(),
            impersonate_uid: self.as_uid.clone(),
            impersonate_extra: self.as_user_extra.clone(),
            username: self.username.clone(),
            password: self.password.clone(),
            request_timeout: Some(self.request_timeout).filter(|limit| !limit.is_zero()),
            disable_compression: self.disable_compression,
        }
    }
}

/// The words of the command line as clap wants them: `--all_namespaces` becomes `--all-namespaces`, as pflag
/// normalises names; values and whatever follows `--` stay as they are.
pub fn normalized(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut only_operands = false;
    words
        .into_iter()
        .map(|word| {
            let Some(text) = word.to_str().filter(|_| !only_operands) else { return word };
            only_operands = text == "--";
            let Some(flag) = text.strip_prefix("--") else { return word };
            let (name, value) = flag.split_at(flag.find('=').unwrap_or(flag.len()));
            if name.contains('_') { format!("--{}{value}", name.replace('_', "-")).into() } else { word }
        })
        .collect()
}

/// A boolean as Go's `strconv.ParseBool` reads it.
pub fn switch(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
    }
}

pub fn secret() -> impl clap::builder::TypedValueParser<Value = Redacted<String>> {
    clap::builder::StringValueParser::new().map(Redacted::new)
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("it must be KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser, Subcommand};

    use super::*;

    #[derive(Parser, Debug)]
    struct Root {
        #[command(flatten)]
        connection: Connection,
        #[command(subcommand)]
        command: Command,
    }

    #[derive(Subcommand, Debug)]
    enum Command {
        Status { names: Vec<String> },
    }

    fn parse(line: &str) -> Result<Root, clap::Error> {
        let words = std::iter::once("kubectl-cert").chain(line.split_whitespace()).map(OsString::from);
        Root::try_parse_from(normalized(words))
    }

    fn connection(line: &str) -> Connection {
        parse(line).unwrap().connection
    }

    #[test]
    fn clap_finds_nothing_wrong_with_the_flags() {
        Root::command().debug_assert();
    }

    #[test]
    fn a_namespace_is_taken_in_every_place_and_form() {
        for line in [
            "-n shop status web",
            "status web -n shop",
            "status -nshop web",
            "status -n=shop web",
            "status --namespace shop web",
            "--namespace=shop status web",
        ] {
            let root = parse(line).unwrap();
            assert_eq!(root.connection.namespace.as_deref(), Some("shop"), "{line}");
            let Command::Status { names } = root.command;
            assert_eq!(names, ["web"], "{line}");
        }
    }

    #[test]
    fn switches_take_gos_booleans_behind_an_equals_sign() {
        for (line, expected) in [
            ("status", false),
            ("status --insecure-skip-tls-verify", true),
            ("status --insecure-skip-tls-verify=false", false),
            ("status --insecure-skip-tls-verify=T", true),
            ("status --insecure_skip_tls_verify=1", true),
            ("--insecure-skip-tls-verify=0 status", false),
        ] {
            assert_eq!(connection(line).insecure_skip_tls_verify, expected, "{line}");
        }
        assert!(parse("status --insecure-skip-tls-verify=yes").is_err());
        // A word behind a switch is an argument, not its value.
        let Command::Status { names } = parse("status --disable-compression web").unwrap().command;
        assert_eq!(names, ["web"]);
    }

    #[test]
    fn lists_are_repeated_and_not_split_at_commas() {
        let flags =
            connection("status --as ada --as-group a,b --as-group c --as-user-extra k=1 --as-user-extra k=2=3").flags();
        assert_eq!(flags.impersonate_groups, ["a,b", "c"]);
        assert_eq!(flags.impersonate_extra, [("k".into(), "1".into()), ("k".into(), "2=3".into())]);
        assert!(parse("status --as-user-extra k").is_err());
    }

    #[test]
    fn verbosity_has_kubectls_forms() {
        for line in ["status -v 6", "status -v6", "status -v=6", "status --v=6", "-v 6 status"] {
            assert_eq!(connection(line).verbosity, 6, "{line}");
        }
    }

    #[test]
    fn request_timeouts_may_be_none_by_name() {
        assert_eq!(connection("status --request-timeout 0").flags().request_timeout, None);
        assert_eq!(connection("status --request-timeout=1m").flags().request_timeout, Some(Duration::from_mins(1)));
        assert!(parse("status --request-timeout -1s").unwrap_err().to_string().contains("Invalid timeout value"));
    }

    #[test]
    fn tokens_do_not_show_when_arguments_are_printed() {
        let root = parse("status --token hunter2 --password -hunter3").unwrap();
        assert!(!format!("{root:?}").contains("hunter"));
        assert_eq!(root.connection.flags().token.unwrap().expose(), "hunter2");
    }

    #[test]
    fn underscores_stay_in_values_and_behind_two_dashes() {
        let words = ["x", "--cache_dir=a_b", "c_d", "--", "--e_f"].map(OsString::from);
        assert_eq!(normalized(words), ["x", "--cache-dir=a_b", "c_d", "--", "--e_f"].map(OsString::from));
    }

    #[test]
    fn help_shows_the_flags_under_one_heading_and_hides_the_old_ones() {
        let help = Root::command().render_long_help().to_string();
        assert!(help.contains("Connection:"), "{help}");
        assert!(!help.contains("--password"), "{help}");
    }
}
