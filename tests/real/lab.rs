//! One lab as a value: started for tests, steered line by line, ended with the value that holds it.
//!
//! The lab's programs are built by `tests/lab/build` once. Nothing here knows what a test is about.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use crate::run::{Output, Running};

/// The longest that one command of ours or of kubectl may take.
const COMMAND: Duration = Duration::from_mins(1);

/// A running control plane.
pub struct Lab {
    pub ready: Ready,
    control: Mutex<Control>,
    child: Child,
    dir: PathBuf,
}

/// The line that `lab up` prints when all parts are up.
#[derive(Debug, Deserialize)]
pub struct Ready {
    /// The address of all parts, such as 127.80.3.9.
    pub address: String,
    pub server: String,
    pub ca_file: PathBuf,
    pub kubeconfigs: std::collections::BTreeMap<String, PathBuf>,
    pub tokens: std::collections::BTreeMap<String, String>,
    pub client_cert: PathBuf,
    pub client_key: PathBuf,
    pub bin: PathBuf,
    pub logs: PathBuf,
    #[serde(default)]
    pub audit_log: PathBuf,
    pub acme: Acme,
}

/// Where Pebble is.
#[derive(Debug, Deserialize)]
pub struct Acme {
    pub directory: String,
    pub ca_bundle: String,
}

struct Control {
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Lab {
    /// The lab that most tests share: all controllers and the standard ClusterIssuers. It ends with the test program.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Lab> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("shared", &["--issuers", "--audit"]))
    }

    /// A lab with other controllers, for one test at a time: they are restarted as each test wants them.
    pub fn steered() -> MutexGuard<'static, Self> {
        static STEERED: OnceLock<Mutex<Lab>> = OnceLock::new();
        let lab =
            STEERED.get_or_init(|| Mutex::new(Self::start("steered", &["--issuers", "--profiles=default,shortlived"])));
        // A test that failed while it held the lab says nothing about the next one.
        let lab = lab.lock().unwrap_or_else(PoisonError::into_inner);
        for well in ["front pass", "solver on", "dns pass"] {
            lab.cmd(well);
        }
        lab.kubectl(&["delete", "certificates", "--all", "--all-namespaces", "--wait=false"]);
        lab
    }

    /// Starts a lab of one's own; `flags` are those of `lab up`.
    pub fn start(name: &str, flags: &[&str]) -> Self {
        let dir = folder(name);
        let stderr = fs::File::create(dir.join("lab.log")).unwrap();
        let mut child = Command::new(programs().join("bin/lab"))
            .args(["up", "--dir"])
            .arg(&dir)
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            let log = fs::read_to_string(dir.join("lab.log")).unwrap_or_default();
            panic!("the lab did not start; logs are in {}: {log}", dir.display())
        });
        Self { ready, control: Mutex::new(Control { stdin, stdout }), child, dir }
    }

    /// Sends a command, such as `solver off`, and waits until it is done.
    pub fn cmd(&self, line: &str) {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(control.stdin, "{line}").unwrap();
        let mut answer = String::new();
        control.stdout.read_line(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{line}: the lab said {answer:?}"));
        assert_eq!(answer["ok"], true, "{line}: {answer}");
    }

    /// Restarts cert-manager's controllers without those named.
    pub fn controllers_without(&self, left_out: &[&str]) {
        self.cmd("controllers stop");
        let names: String = left_out.iter().fold("*".to_owned(), |names, name| names + ",-" + name);
        self.cmd(&format!("controllers start --controllers={names} --dns01-check-retry-period=1s"));
    }

    /// Runs our program as `user`, with an environment that holds nothing else.
    pub fn cert_as(&self, user: &str, args: &[&str]) -> Output {
        Running::start(self.command(user, args)).output(COMMAND)
    }

    /// Starts our program as admin and lets it run.
    pub fn cert_running(&self, args: &[&str]) -> Running {
        Running::start(self.command("admin", args))
    }

    /// Our program with this user's kubeconfig.
    pub fn command(&self, user: &str, args: &[&str]) -> Command {
        let mut command = self.bare(args);
        command.env("KUBECONFIG", &self.ready.kubeconfigs[user]);
        command
    }

    /// Our program without a kubeconfig.
    pub fn bare(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-cert"));
        command.args(args).env_clear().env("HOME", &self.dir).env("PATH", "/usr/bin:/bin");
        // The lab's names are nobody's business outside.
        if args.contains(&"diagnose") && !args.iter().any(|arg| arg.starts_with("--probe")) {
            command.arg("--probe=none");
        }
        command
    }

    /// What kubectl prints; it must succeed.
    pub fn kubectl(&self, args: &[&str]) -> String {
        self.kubectl_stdin(args, "")
    }

    /// The same, with something to read.
    pub fn kubectl_stdin(&self, args: &[&str], stdin: &str) -> String {
        let output = self.kubectl_with(args, stdin);
        assert_eq!(output.code, 0, "kubectl {args:?}: {}", output.stderr);
        output.stdout
    }

    fn kubectl_with(&self, args: &[&str], stdin: &str) -> Output {
        let mut command = Command::new(self.ready.bin.join("kubectl"));
        command.args(args).env_clear().env("HOME", &self.dir).env("KUBECONFIG", &self.ready.kubeconfigs["admin"]);
        Running::start_with(command, stdin).output(COMMAND)
    }

    /// A folder for files of a test.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.dir.join("tests").join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// A namespace of its own for one test.
    pub fn place(&self, namespace: &str) -> Place<'_> {
        self.kubectl(&["create", "namespace", namespace]);
        Place { lab: self, namespace: namespace.to_owned() }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Closing its standard input would do; this also waits until all parts are gone.
        let control = self.control.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(control.stdin, "quit");
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the lab's logs are in {}", self.dir.display());
        } else {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// A namespace of one test. If the test fails, it says where the logs are and what the controllers last said about it.
pub struct Place<'l> {
    pub lab: &'l Lab,
    pub namespace: String,
}

impl Place<'_> {
    /// Runs our program as admin in this namespace.
    pub fn cert(&self, args: &[&str]) -> Output {
        self.cert_as("admin", args)
    }

    /// Runs our program as `user` in this namespace.
    pub fn cert_as(&self, user: &str, args: &[&str]) -> Output {
        self.lab.cert_as(user, &[args, &["-n", &self.namespace]].concat())
    }

    pub fn kubectl(&self, args: &[&str]) -> String {
        self.lab.kubectl(&[&["-n", &self.namespace], args].concat())
    }

    /// Applies YAML; objects without a namespace go into this one.
    pub fn apply(&self, yaml: &str) {
        let args = ["apply", "-n", &self.namespace, "--server-side", "--force-conflicts", "-f", "-"];
        let output = self.lab.kubectl_with(&args, yaml);
        assert_eq!(output.code, 0, "{}", output.stderr);
    }

    /// A Certificate `name` for `host`, from a ClusterIssuer.
    pub fn certificate(&self, name: &str, host: &str, issuer: &str) {
        self.apply(&certificate_yaml(
            name,
            &format!("[{host}]"),
            &format!("{{kind: ClusterIssuer, name: {issuer}}}"),
            "",
        ));
    }

    /// One object, if it is there.
    pub fn find(&self, kind: &str, name: &str) -> Option<Value> {
        let text = self.kubectl(&["get", kind, name, "--ignore-not-found", "-o", "json"]);
        (!text.is_empty()).then(|| serde_json::from_str(&text).unwrap())
    }

    /// One object that is there.
    pub fn object(&self, kind: &str, name: &str) -> Value {
        self.find(kind, name).unwrap_or_else(|| panic!("no {kind} {name} in {}", self.namespace))
    }

    /// All objects of a kind.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        let list: Value = serde_json::from_str(&self.kubectl(&["get", kind, "-o", "json"])).unwrap();
        list["items"].as_array().unwrap().clone()
    }

    /// Waits until a Certificate's condition has this status.
    pub fn until(&self, certificate: &str, condition: &str, status: &str) {
        let what = format!("Certificate {}/{certificate} to be {condition}={status}", self.namespace);
        wait_for(&what, Duration::from_mins(1), || {
            self.find("certificate", certificate).filter(|object| condition_of(object, condition) == status)
        });
    }

    /// Waits until the first object of a kind fits.
    pub fn until_first(&self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let what = format!("a {kind} in {}", self.namespace);
        wait_for(&what, Duration::from_mins(1), || self.all(kind).into_iter().next().filter(&fits))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut said =
                format!("the lab's logs are in {}; the controllers' last words:\n", self.lab.ready.logs.display());
            let log = fs::read_to_string(self.lab.ready.logs.join("controllers.log")).unwrap_or_default();
            let about: Vec<_> = log.lines().filter(|line| line.contains(&self.namespace)).collect();
            for line in about.iter().rev().take(4).rev() {
                let _ = writeln!(said, "  {}", line.chars().take(160).collect::<String>());
            }
            eprintln!("{said}");
        }
    }
}

/// A Certificate in YAML; `names` and `issuer` in braces, `more` as further lines of its spec.
pub fn certificate_yaml(name: &str, names: &str, issuer: &str, more: &str) -> String {
    format!(
        "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {{name: '{name}'}}\nspec:\n  secretName: '{name}-tls'\n  \
         dnsNames: {names}\n  privateKey: {{algorithm: ECDSA}}\n  issuerRef: {issuer}\n{more}"
    )
}

/// The status of a condition, empty if there is none.
pub fn condition_of<'v>(object: &'v Value, condition: &str) -> &'v str {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions
        .and_then(|all| all.iter().find(|one| one["type"] == condition))
        .and_then(|one| one["status"].as_str())
        .unwrap_or_default()
}

/// The text at a JSON pointer, empty if there is none.
pub fn text_at<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Asks until there is an answer, or the time is over.
pub fn wait_for<T>(what: &str, deadline: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < deadline, "waited {deadline:?} for {what}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// The folder of the lab's programs, built if they are not there.
pub fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/build");
        let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "tests/lab/build failed");
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end().lines().last().unwrap())
    })
}

/// A new folder for a lab. Those of test programs that have ended are taken away first.
fn folder(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("labs");
    for entry in fs::read_dir(&root).into_iter().flatten().flatten() {
        let left = entry.file_name().to_string_lossy().rsplit('-').next().map(str::to_owned);
        if left.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let path = root.join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&path).unwrap();
    path
}
