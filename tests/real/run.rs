//! A program that runs: what it printed, line by line and in the end, and never longer than it may.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::wait_for;

/// What a program left behind.
#[derive(Debug)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    /// The exit code; -1 if a signal ended it.
    pub code: i32,
}

impl Output {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Fails with all that was printed unless the exit code is this.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Fails unless standard output holds this text.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(flat(&self.stdout).contains(text), "no {text:?} in {self}");
        self
    }

    /// Fails unless standard error holds this text.
    #[track_caller]
    pub fn complains(&self, text: &str) -> &Self {
        assert!(flat(&self.stderr).contains(text), "no {text:?} in {self}");
        self
    }
}

/// One line with single blanks: where a text is wrapped does not matter here.
pub fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "exit {}\n--- stdout\n{}--- stderr\n{}---", self.code, self.stdout, self.stderr)
    }
}

/// A program under way. It is killed if it is still running when this value goes.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    /// Lines of standard output that were seen.
    pub seen: Vec<String>,
    complaints: Arc<Mutex<String>>,
    stderr: Option<JoinHandle<()>>,
}

impl Running {
    pub fn start(command: Command) -> Self {
        Self::start_with(command, "")
    }

    /// Starts a program with this on its standard input.
    pub fn start_with(mut command: Command, stdin: &str) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        // A program may end without reading.
        let _ = input.write_all(stdin.as_bytes());
        drop(input);
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut pipe = BufReader::new(child.stderr.take().unwrap());
        let complaints = Arc::new(Mutex::new(String::new()));
        let said = Arc::clone(&complaints);
        let stderr = std::thread::spawn(move || {
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                said.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Self { child, lines, seen: Vec::new(), complaints, stderr: Some(stderr) }
    }

    /// Waits for a line of standard output that fits and returns it. Lines before it are kept in `seen`.
    #[track_caller]
    pub fn line(&mut self, what: &str, deadline: Duration, fits: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + deadline;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if fits(&line) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("no {what} within {deadline:?}; seen:\n{}", self.seen.join("\n"))
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let seen = self.seen.join("\n");
                    panic!("the program ended without {what}: {}\nseen:\n{seen}", self.errors())
                }
            }
        }
    }

    /// Waits until a text stands on standard error.
    #[track_caller]
    pub fn complaint(&self, text: &str, deadline: Duration) {
        let said = || self.complaints.lock().unwrap().contains(text).then_some(());
        wait_for(&format!("{text:?} on standard error"), deadline, said);
    }

    /// Sends it Ctrl-C's signal.
    pub fn interrupt(&self) {
        let status = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end; a program that takes longer is killed and the test fails.
    #[track_caller]
    pub fn output(mut self, deadline: Duration) -> Output {
        let end = Instant::now() + deadline;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("still running after {deadline:?}; seen:\n{}", self.seen.join("\n"))
                }
            }
        }
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        let mut stdout = self.seen.join("\n");
        if !stdout.is_empty() {
            stdout.push('\n');
        }
        Output { stdout, stderr: self.errors(), code }
    }

    fn errors(&mut self) -> String {
        if let Some(thread) = self.stderr.take() {
            let _ = thread.join();
        }
        self.complaints.lock().unwrap().clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
