//! The program as a user meets it: transcripts, exit codes, streams.
//!
//! `UPDATE=1 cargo test` writes the transcripts anew.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-cert");
const BROKEN: [&str; 4] = ["--from", "tests/cases/http01-404", "--now", "2026-11-22T06:35:00Z"];

/// The program in the root of the checkout, in an empty environment.
fn program(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_clear().env("HOME", "/nonexistent").args(args);
    command
}

fn run(args: &[&str]) -> Output {
    program(args).stdin(Stdio::null()).output().unwrap()
}

fn code(args: &[&str]) -> i32 {
    let output = run(args);
    output.status.code().unwrap_or_else(|| panic!("{args:?}: {output:?}"))
}

#[test]
fn transcripts_are_what_the_program_says() {
    if super::is_set("UPDATE") && !super::is_set("TRYCMD") {
        // trycmd takes its order from the environment only, which a test must not change for the others.
        let args = ["--exact", "cli::transcripts_are_what_the_program_says"];
        let status = Command::new(std::env::current_exe().unwrap()).args(args).env("TRYCMD", "overwrite").status();
        assert!(status.unwrap().success());
        return;
    }
    trycmd::TestCases::new()
        .register_bin("kubectl", Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/cli/kubectl"))
        .env("KUBECTL_CERT", PROGRAM)
        .case("tests/suite/cli/*.trycmd")
        .case("README.md");
}

#[test]
fn exit_code_0_the_answer_is_good() {
    let healthy = ["diagnose", "--from", "tests/specimens/healthy.yaml", "--now", "2026-11-22T07:00:00Z"];
    assert_eq!(code(&healthy), 0);
    assert_eq!(code(&[&healthy[..], &["web", "-n", "shop", "--fail-on", "warning"]].concat()), 0);
    let status = [&["status"][..], &healthy[1..]].concat();
    assert_eq!(code(&status), 0);
    assert_eq!(code(&[&status[..], &["web", "-n", "shop"]].concat()), 0);
    assert_eq!(code(&["explain"]), 0);
    assert_eq!(code(&["version", "--client"]), 0);
    assert_eq!(code(&["--help"]), 0);
    assert_eq!(code(&[]), 0);
}

#[test]
fn exit_code_1_the_answer_is_bad_whatever_the_form() {
    for form in ["text", "short", "wide", "json", "yaml", "junit", "markdown"] {
        let args = [&["diagnose", "-n", "shop", "web", "-o", form][..], &BROKEN].concat();
        let output = run(&args);
        assert_eq!(output.status.code(), Some(1), "{form}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{form}: {output:?}");
        assert_eq!(code(&[&args[..], &["--fail-on", "never"]].concat()), 0, "{form}");
        assert_eq!(code(&[&args[..], &["--fail-on=warning"]].concat()), 1, "{form}");
    }
}

#[test]
fn exit_code_2_the_tool_could_not_do_its_job() {
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = format!("http://{refused}");
    for args in [
        &["diagnose", "--no-such-flag"][..],
        &["no-such-command"],
        &["diagnose", "--from", "no/such/path"],
        &["diagnose", "--from", "Cargo.toml"],
        &["diagnose", "no-such-type/web", "--from", "tests/cases/http01-404"],
        &["diagnose", "no-such-name", "-n", "shop", "--from", "tests/cases/http01-404"],
        &["diagnose", "--now", "tomorrow"],
        &["explain", "no-such-rule"],
        &["diagnose", "--server", &server],
        &["diagnose", "--kubeconfig", "no/such/kubeconfig"],
    ] {
        let output = run(args);
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {words}");
        assert!(!words.is_empty(), "{args:?} says why");
        assert!(!words.contains("panicked"), "{args:?}: {words}");
    }
}

#[test]
fn exit_code_1_of_status_says_not_ready_whatever_the_form() {
    for form in ["table", "wide", "json", "yaml", "name"] {
        for name in [&[][..], &["web", "-n", "shop"]] {
            let output = run(&[&["status", "-o", form][..], name, &BROKEN].concat());
            assert_eq!(output.status.code(), Some(1), "{form} {name:?}: {output:?}");
            assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{form} {name:?}: {output:?}");
        }
    }
}

#[test]
fn exit_code_of_a_forecast_and_a_budget_is_that_of_the_answer_whatever_the_form() {
    let fleet = ["--from", "tests/specimens/fleet.yaml", "--now", "2026-11-22T07:00:00Z"];
    for form in ["table", "wide", "json", "yaml", "name"] {
        assert_eq!(code(&[&["forecast", "-o", form][..], &fleet].concat()), 1, "{form}");
        assert_eq!(code(&[&["forecast", "-n", "preview", "-o", form][..], &fleet].concat()), 0, "{form}");
    }
    let now = &fleet[2..];
    for form in ["table", "wide", "json", "yaml"] {
        assert_eq!(code(&[&["budget", "-o", form, "-f", "tests/specimens/many.yaml"][..], now].concat()), 1, "{form}");
        assert_eq!(
            code(&[&["budget", "-o", form, "-f", "tests/specimens/planned.yaml"][..], now].concat()),
            0,
            "{form}"
        );
    }
    for command in ["forecast", "budget"] {
        assert_eq!(code(&[command, "-f", "tests/specimens/refused.yaml"]), 1, "{command}");
        assert_eq!(code(&[command, "-f", "no/such/path"]), 2, "{command}");
        assert_eq!(code(&[command, "--until", "0h", "-f", "tests/specimens/planned.yaml"]), 2, "{command}");
    }
}

/// Interrupted while a server that never answers is waited for.
#[cfg(unix)]
#[test]
fn exit_code_130_interrupted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let mut child = program(&["diagnose", "web", "--server", &server])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It has connected and asked: now it waits for us.
    let (mut connection, _) = listener.accept().unwrap();
    assert_ne!(connection.read(&mut [0; 1024]).unwrap(), 0);
    let kill = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// `kubectl cert … | head -1` is no failure.
#[test]
fn a_closed_pipe_is_exit_code_0() {
    let mut child = program(&["diagnose", "--from", "-", "--fail-on", "never", "-o", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The reader goes before the program has anything to write: it still waits for the objects.
    drop(child.stdout.take());
    let objects =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/http01-404/objects.yaml")).unwrap();
    child.stdin.take().unwrap().write_all(&objects).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn every_code_is_in_the_docs() {
    let page = include_str!("../../docs/exit-codes.md");
    for code in ["| 0 |", "| 1 |", "| 2 |", "| 130 |"] {
        assert!(page.contains(code), "{code}");
    }
}
