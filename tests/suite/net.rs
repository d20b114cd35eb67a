//! A small Internet on the loopback interface for probes: names, addresses and servers with faults, and the map that
//! the program finds them by.
//!
//! Nothing leaves this machine: with a map the program dials nothing else.

mod dns;
pub mod tls;

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

pub use dns::{Names, Said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-cert");

/// Names, servers and the map to them.
pub struct Net {
    folder: PathBuf,
    names: Names,
    dial: BTreeMap<String, SocketAddr>,
    roots: Option<String>,
}

/// The connections that a server has had.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<Vec<String>>>);

impl Calls {
    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// What was sent, connection by connection.
    pub fn heard(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn push(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }
}

impl Net {
    pub fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("kubectl-cert-net-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self { folder, names: Names::serve(), dial: BTreeMap::new(), roots: None }
    }

    /// One host with one address and an HTTP server on port 80 that always answers so.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let mut net = Self::new();
        net.name("www.example.com", &["45.33.32.1"]);
        net.http("45.33.32.1:80", answer);
        net
    }

    /// The name has these addresses.
    pub fn name(&self, name: &str, addresses: &[&str]) {
        let addresses: Vec<IpAddr> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        self.names.set(name, Said::Addresses(addresses));
    }

    /// Something else is said of the name.
    pub fn says(&self, name: &str, said: Said) {
        self.names.set(name, said);
    }

    /// How often a name was asked for.
    pub fn asked(&self, name: &str) -> usize {
        self.names.asked(name)
    }

    /// Leads an address of the Internet to one of this machine.
    pub fn map(&mut self, address: &str, to: SocketAddr) {
        self.dial.insert(address.to_owned(), to);
    }

    /// A server that reads a request and sends these bytes.
    pub fn http(&mut self, address: &str, answer: impl Into<Vec<u8>>) -> Calls {
        let answer = answer.into();
        self.serve(address, move |mut stream, heard| {
            heard.push(request(&mut stream));
            let _ = stream.write_all(&answer);
        })
    }

    /// A server that sends these bytes to whoever has sent anything.
    pub fn raw(&mut self, address: &str, bytes: impl Into<Vec<u8>>) -> Calls {
        let bytes = bytes.into();
        self.serve(address, move |mut stream, heard| {
            let _ = stream.read(&mut [0; 4096]);
            heard.push(String::new());
            let _ = stream.write_all(&bytes);
        })
    }

    /// A server that does as it likes with each connection.
    pub fn serve(&mut self, address: &str, speak: impl Fn(TcpStream, &Calls) + Send + Sync + 'static) -> Calls {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        self.map(address, listener.local_addr().unwrap());
        let calls = Calls::default();
        let (heard, speak) = (calls.clone(), Arc::new(speak));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { break };
                stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                let (heard, speak) = (heard.clone(), Arc::clone(&speak));
                thread::spawn(move || speak(stream, &heard));
            }
        });
        calls
    }

    /// A port that nobody listens on.
    pub fn closed(&mut self, address: &str) {
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        self.map(address, at);
    }

    /// A file of this world.
    pub fn write(&self, name: &str, text: &str) -> String {
        let file = self.folder.join(name);
        fs::write(&file, text).unwrap();
        file.display().to_string()
    }

    /// The file of `--probe-map`.
    pub fn file(&self) -> String {
        let mut text = format!("resolver: {}\ndial:\n", self.names.at);
        for (address, to) in &self.dial {
            text.push_str(&format!("  '{address}': {to}\n"));
        }
        if self.dial.is_empty() {
            text = text.replace("dial:\n", "dial: {}\n");
        }
        if let Some(roots) = &self.roots {
            let file = self.folder.join("roots.pem");
            fs::write(&file, roots).unwrap();
            text.push_str(&format!("roots: {}\n", file.display()));
        }
        let file = self.folder.join("map.yaml");
        fs::write(&file, text).unwrap();
        file.display().to_string()
    }

    /// Runs the program in this world.
    pub fn run(&self, args: &[&str]) -> Output {
        let map = self.file();
        let mut command = Command::new(PROGRAM);
        command.current_dir(env!("CARGO_MANIFEST_DIR")).env_clear().env("HOME", "/nonexistent");
        command.args(args).args(["--probe-map", &map]).stdin(Stdio::null()).output().unwrap()
    }

    /// The document of a probe, and the exit code.
    pub fn probe(&self, args: &[&str]) -> Probe {
        let output = self.run(&[&["probe"], args, &["-o", "json"]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let document = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{args:?}: {error}: {text}{}", String::from_utf8_lossy(&output.stderr)));
        Probe { document, text, code: output.status.code().unwrap() }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a probe said.
#[derive(Debug)]
pub struct Probe {
    pub document: serde_json::Value,
    pub text: String,
    pub code: i32,
}

impl Probe {
    /// `verdict reason`.
    pub fn said(&self) -> String {
        let word = |name: &str| self.document[name].as_str().unwrap_or_default().to_owned();
        format!("{} {}", word("verdict"), word("reason"))
    }

    pub fn answer(&self) -> &str {
        self.document["answer"].as_str().unwrap()
    }

    pub fn fix(&self) -> &str {
        self.document["fix"].as_str().unwrap_or_default()
    }
}

/// Reads the head of a request.
pub fn request(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut one = [0];
    while !bytes.ends_with(b"\r\n\r\n") && bytes.len() < 65536 {
        match stream.read(&mut one) {
            Ok(0) => break,
            Ok(_) => bytes.push(one[0]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An answer with a status, headers and a body.
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// A redirect.
pub fn redirect(status: &str, location: &str) -> String {
    answer(status, &format!("Location: {location}\r\n"), "")
}
