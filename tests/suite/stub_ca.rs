//! A small ACME server and Vault of plain HTTP on loopback that does as a test tells it: it checks no signature, and every answer
//! can be replaced.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, KeyPair};
use serde_json::{Value, json};

/// What was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    /// The protected header of a signed request.
    pub header: Value,
    /// What was signed; null in a POST-as-GET.
    pub payload: Value,
    pub headers: BTreeMap<String, String>,
    /// The whole body as JSON.
    pub body: Value,
}

/// What is answered.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// Says nothing at all and keeps the connection for so long.
    pub silence: Duration,
}

impl Answer {
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string())
    }

    pub fn problem(status: u16, type_: &str, detail: &str) -> Self {
        let type_ = format!("urn:ietf:params:acme:error:{type_}");
        Self::json(status, &json!({"type": type_, "detail": detail, "status": status}))
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What a test has the server say in place of what it would; `None` leaves it as it is.
type Instead = dyn Fn(&Asked, usize) -> Option<Answer> + Send + Sync;

/// The server. It ends with the test program.
pub struct StubCa {
    pub base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl StubCa {
    /// A CA that issues for whatever it is asked, without challenges, but where `instead` says otherwise. The number is
    /// how often that path was asked for before.
    pub fn start(instead: impl Fn(&Asked, usize) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server =
            Arc::new(Server { base: base.clone(), asked: Arc::clone(&asked), instead: Box::new(instead), ca: ca() });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = Arc::clone(&server);
                std::thread::spawn(move || server.serve(&stream));
            }
        });
        Self { base, asked }
    }

    pub fn directory(&self) -> String {
        format!("{}/dir", self.base)
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

struct Server {
    base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    instead: Box<Instead>,
    ca: CertifiedIssuer<'static, KeyPair>,
}

fn ca() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "Stub Root");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

impl Server {
    fn serve(&self, mut stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(asked) = read(&mut reader) {
            let before = {
                let mut all = self.asked.lock().unwrap();
                let before = all.iter().filter(|known| known.path == asked.path).count();
                all.push(asked.clone());
                before
            };
            let answer = (self.instead)(&asked, before).unwrap_or_else(|| self.answer(&asked));
            if !answer.silence.is_zero() {
                // The client gives up before, and the thread ends with the program.
                std::thread::park_timeout(answer.silence);
                return;
            }
            let mut text = format!("HTTP/1.1 {} X\r\ncontent-length: {}\r\n", answer.status, answer.body.len());
            let nonce = ("replay-nonce", "bm9uY2U".to_owned());
            let has_nonce = answer.headers.iter().any(|(name, _)| *name == "replay-nonce");
            for (name, value) in answer.headers.iter().chain((!has_nonce).then_some(&nonce)) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
            let body = if asked.method == "HEAD" { "" } else { &answer.body };
            if stream.write_all(format!("{text}\r\n{body}").as_bytes()).is_err() {
                return;
            }
        }
        // As a web server answers what is not HTTP; nobody may be there any more to read it.
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let base = &self.base;
        let order = |status: &str| {
            json!({"status": status, "authorizations": [], "identifiers": [], "finalize": format!("{base}/finalize"),
                "certificate": if status == "valid" { json!(format!("{base}/certificate")) } else { Value::Null }})
        };
        match asked.path.as_str() {
            "/dir" => Answer::json(
                200,
                &json!({"newNonce": format!("{base}/nonce"), "newAccount": format!("{base}/account"),
                    "newOrder": format!("{base}/order"), "meta": {"termsOfService": "https://terms.example"}}),
            ),
            "/nonce" => Answer::new(200, ""),
            "/account" => Answer::json(201, &json!({"status": "valid", "contact": asked.payload["contact"]}))
                .with("location", format!("{base}/account/1")),
            "/order" => Answer::json(201, &order("ready")).with("location", format!("{base}/order/1")),
            "/order/1" => {
                let is_over = self.asked.lock().unwrap().iter().any(|known| known.path == "/finalize");
                Answer::json(200, &order(if is_over { "valid" } else { "ready" }))
            }
            "/finalize" => Answer::json(200, &order("valid")).with("location", format!("{base}/order/1")),
            "/certificate" => Answer::new(200, self.issue()),
            "/v1/sys/health" => Answer::new(200, "{}"),
            "/v1/auth/approle/login" | "/v1/auth/kubernetes/login" => {
                Answer::json(200, &json!({"auth": {"client_token": "token-of-login"}}))
            }
            "/v1/pki/sign/web" => {
                let csr = CertificateSigningRequestParams::from_pem(asked.body["csr"].as_str().unwrap()).unwrap();
                let (leaf, ca) = (csr.signed_by(&self.ca).unwrap().pem(), self.ca.pem());
                Answer::json(200, &json!({"data": {"certificate": leaf, "issuing_ca": ca, "ca_chain": [ca]}}))
            }
            _ => Answer::problem(404, "malformed", "there is nothing here"),
        }
    }

    /// A certificate for the last CSR.
    fn issue(&self) -> String {
        let all = self.asked.lock().unwrap();
        let csr = all.iter().rev().find_map(|asked| asked.payload["csr"].as_str()).unwrap();
        let csr = URL_SAFE_NO_PAD.decode(csr).unwrap();
        let csr = CertificateSigningRequestParams::from_der(&csr.into()).unwrap();
        csr.signed_by(&self.ca).unwrap().pem()
    }
}

/// A certificate for a key that nobody asked for.
pub fn foreign_certificate(name: &str) -> String {
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.signed_by(&KeyPair::generate().unwrap(), &ca()).unwrap().pem()
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let jws: Value = serde_json::from_slice(&body).unwrap_or_default();
    let part = |name: &str| {
        let bytes = jws[name].as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    };
    let (header, payload) = (part("protected"), part("payload"));
    Some(Asked { method, path, header, payload, headers, body: jws })
}
