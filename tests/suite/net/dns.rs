//! A resolver that says of each name what it is told to say.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

/// What is said of a name.
#[derive(Clone, Debug)]
pub enum Said {
    Addresses(Vec<IpAddr>),
    /// It is another name.
    Alias(String),
    /// One answer after another; the last one stays.
    InTurn(Vec<Said>),
    NoData,
    ServFail,
    /// Nothing.
    Silence,
}

#[derive(Default)]
struct Zone {
    said: BTreeMap<String, Said>,
    asked: BTreeMap<String, usize>,
}

/// The names that are known; any other does not exist.
#[derive(Clone)]
pub struct Names {
    pub at: SocketAddr,
    zone: Arc<Mutex<Zone>>,
}

impl Names {
    pub fn serve() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let names = Self { at: socket.local_addr().unwrap(), zone: Arc::default() };
        let zone = Arc::clone(&names.zone);
        thread::spawn(move || {
            let mut message = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut message) {
                if let Some(reply) = reply(&message[..length], &mut zone.lock().unwrap()) {
                    let _ = socket.send_to(&reply, from);
                }
            }
        });
        names
    }

    pub fn set(&self, name: &str, said: Said) {
        self.zone.lock().unwrap().said.insert(name.to_owned(), said);
    }

    pub fn asked(&self, name: &str) -> usize {
        self.zone.lock().unwrap().asked.get(name).copied().unwrap_or_default()
    }
}

/// RFC 1035 §4.1: the same identification and question, and an answer.
fn reply(query: &[u8], zone: &mut Zone) -> Option<Vec<u8>> {
    let mut name = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        name.push(String::from_utf8_lossy(query.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
    let question = &query[12..at + 4];
    let mut name = name.join(".");
    let turn = zone.asked.entry(name.clone()).or_default();
    *turn += 1;
    // A and AAAA of one look-up are one turn.
    let turn = (*turn - 1) / 2;
    let mut answers = Vec::new();
    let mut code = 0;
    loop {
        let said = match zone.said.get(&name) {
            Some(Said::InTurn(said)) => said.get(turn.min(said.len() - 1)),
            said => said,
        };
        match said {
            Some(Said::Addresses(addresses)) => {
                for address in addresses {
                    match (address, kind) {
                        (IpAddr::V4(ip), 1) => answers.push(record(&name, 1, &ip.octets())),
                        (IpAddr::V6(ip), 28) => answers.push(record(&name, 28, &ip.octets())),
                        _ => {}
                    }
                }
            }
            Some(Said::Alias(target)) => {
                answers.push(record(&name, 5, &labels(target)));
                name = target.clone();
                continue;
            }
            Some(Said::NoData) => {}
            Some(Said::ServFail) => code = 2,
            Some(Said::Silence) => return None,
            Some(Said::InTurn(_)) | None => code = 3,
        }
        break;
    }
    let mut message = query[..2].to_vec();
    message.extend([0x81, 0x80 | code, 0, 1]);
    message.extend(u16::try_from(answers.len()).unwrap().to_be_bytes());
    message.extend([0, 0, 0, 0]);
    message.extend(question);
    message.extend(answers.concat());
    Some(message)
}

fn record(name: &str, kind: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = labels(name);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1, 0, 0, 0, 60]);
    bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    bytes.extend(data);
    bytes
}

fn labels(name: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = name
        .split('.')
        .flat_map(|label| std::iter::once(u8::try_from(label.len()).unwrap()).chain(label.bytes()))
        .collect();
    bytes.push(0);
    bytes
}
