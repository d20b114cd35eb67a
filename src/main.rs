//! The program: fixes style, time and provider, runs one command, exits.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::FromArgMatches;
use kubectl_cert::cli::{self, Cli};
use kubectl_cert::command::{self, Context, Exit};
use kubectl_cert::connect;
use kubectl_cert::env::Env;
use kubectl_cert::render::{self, Style};

fn main() -> ExitCode {
    let env = Env::from_process();
    let args = cli::connection::normalized(std::env::args_os());
    let program = args.first().map_or_else(String::new, |arg| program_name(Path::new(arg)));
    let parsed = cli::command(&program).try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches));
    let exit = match parsed {
        Ok(cli) => run(cli, &env, program),
        Err(error) => usage(&error, &program),
    };
    ExitCode::from(exit as u8)
}

/// `-v N` as kubectl counts it. Without it nothing is logged: what went wrong is said by the command itself.
fn log(verbosity: i32) {
    let level = match verbosity {
        ..=0 => return,
        1..=3 => "warn",
        4..=5 => "info",
        6..=7 => "debug",
        8.. => "trace",
    };
    // The client library logs whole bodies where it cannot decode them; a body may be a Secret.
    let filter = format!("kubectl_cert={level},kube_client=off");
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).without_time().init();
}

/// How the user called us: `kubectl-cert` on the path is `kubectl cert` to kubectl.
fn program_name(path: &Path) -> String {
    let base = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let base = base.strip_suffix(".exe").unwrap_or(&base);
    match base.strip_prefix("kubectl-") {
        Some(words) => format!("kubectl {}", words.replace('-', " ").replace('_', "-")),
        None => base.to_owned(),
    }
}

/// Help is an answer; anything else that the parser says is a usage error.
fn usage(error: &clap::Error, program: &str) -> Exit {
    if error.use_stderr() {
        let text = error.render().to_string();
        let _ = write!(io::stderr(), "{text}\nSee '{program} --help' for help and examples\n");
        Exit::Trouble
    } else {
        let _ = write!(io::stdout(), "{}", error.render());
        Exit::Good
    }
}

fn run(cli: Cli, env: &Env, program: String) -> Exit {
    connect::install_crypto_provider();
    log(cli.connection.verbosity);
    let columns = terminal_columns();
    let style = Style::decide(cli.color, env, io::stdout().is_terminal(), columns);
    let error_style = Style::decide(cli.color, env, io::stderr().is_terminal(), columns);
    render::style::decide_for_all([style, error_style]);
    let mut stdin = io::stdin();
    let mut out = io::stdout().lock();
    let mut err = io::stderr();
    let mut context = Context {
        env,
        style,
        now: cli.now,
        program,
        flags: cli.connection.flags(),
        probe_map: cli.probe_map.clone(),
        warned: Arc::default(),
        stdin_is_terminal: stdin.is_terminal(),
        stderr_is_terminal: err.is_terminal(),
        stdin: &mut stdin,
        out: &mut out,
        err: &mut err,
    };
    match command::run(cli, &mut context) {
        Ok(exit) => exit,
        Err(failure) => {
            if failure.exit() != Exit::Good {
                let hint = failure.hint();
                let _ = write!(io::stderr(), "{}", render::failure::text(&failure, hint.as_deref(), &error_style));
            }
            failure.exit()
        }
    }
}

fn terminal_columns() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
    Some(usize::from(width.0))
}
