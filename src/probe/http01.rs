//! Fetches the path of an HTTP-01 challenge as Let's Encrypt does, each address by itself.
//!
//! Sends one GET for each address and redirect, and says what came back; compares the body with the key authorization
//! and forgets that.

use std::net::IpAddr;

use futures::future::join_all;
use tokio::time::Instant;
use url::Url;

use super::edge::Edge;
use super::http::{NoReply, Reply, get};
use super::outcome::http01::{Answer, Body, End, Expects, Hop, Http01, Silence, Visit};
use super::outcome::sign::signs;
use super::redirect;
use super::task::Http01Task;
use crate::probe::outcome::lookup::Lookup;

/// Addresses that are visited; a name may have any number.
pub(super) const MOST_ADDRESSES: usize = 8;
/// A body of this size is refused by Let's Encrypt unread (Boulder `maxResponseSize`).
const CA_READS: usize = 128;
/// The longest title that is kept, in characters.
const TITLE: usize = 80;
/// What stands for the token in what is shown.
const TOKEN: &str = "TOKEN";

/// Asks what the task says.
pub async fn probe(task: &Http01Task, edge: &Edge) -> Http01 {
    let lookup = match task.connect_to {
        Some(address) => Lookup::literal(address),
        None => edge.resolver.addresses(&task.host).await,
    };
    let addresses = lookup.addresses();
    let token = task.token.as_ref().map_or_else(random_token, |token| token.expose().clone());
    let visits = addresses.iter().take(MOST_ADDRESSES).map(|address| {
        let visitor = Visitor { task, edge, token: &token };
        visitor.visit(*address)
    });
    Http01 {
        host: task.host.clone(),
        port: task.port,
        expects: match (&task.expected, &task.token) {
            (Some(_), _) => Expects::KeyAuthorization,
            (None, Some(_)) => Expects::Token,
            (None, None) => Expects::NotFound,
        },
        visits: join_all(visits).await,
        left_out: addresses.len().saturating_sub(MOST_ADDRESSES),
        lookup,
    }
}

/// A token of the right shape (RFC 8555 §8.3) that no challenge has.
fn random_token() -> String {
    use base64::Engine as _;
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has randomness");
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

struct Visitor<'v> {
    task: &'v Http01Task,
    edge: &'v Edge,
    token: &'v str,
}

impl Visitor<'_> {
    async fn visit(self, address: IpAddr) -> Visit {
        let start = Instant::now();
        let mut hops = Vec::new();
        let end = match self.first() {
            Some(url) => self.follow(url, address, &mut hops).await,
            None => End::NoAnswer {
                url: self.task.host.clone(),
                address,
                silence: Silence::Other("the name makes no URL".into()),
            },
        };
        Visit { address, hops, end, elapsed: start.elapsed() }
    }

    /// Where the CA begins.
    fn first(&self) -> Option<Url> {
        let host = &self.task.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        format!("http://{host}:{}/.well-known/acme-challenge/{}", self.task.port, self.token).parse().ok()
    }

    async fn follow(&self, first: Url, visited: IpAddr, hops: &mut Vec<Hop>) -> End {
        let mut been = vec![first.clone()];
        let mut address = visited;
        loop {
            let url = been.last().expect("it holds the first URL");
            let reply = match get(&self.edge.dial, url, address).await {
                Ok(reply) => reply,
                Err(NoReply::NotDialled(refusal)) => {
                    return End::NotDialled { url: self.shown(url.as_str()), address, refusal };
                }
                Err(NoReply::Silence(silence)) => {
                    return End::NoAnswer { url: self.shown(url.as_str()), address, silence };
                }
            };
            let location = reply
                .headers
                .get(http::header::LOCATION)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            let Some(location) = location.filter(|_| redirect::is_redirect(reply.status)) else {
                return End::Answer(self.answer(url, address, &reply));
            };
            let (status, shown) = (reply.status, self.shown(&location));
            let next = match redirect::target(url, status, &location, &been) {
                Ok(next) => next,
                Err(fault) => {
                    return End::BadRedirect { url: self.shown(url.as_str()), status, location: shown, fault };
                }
            };
            hops.push(Hop { url: self.shown(url.as_str()), address, status, location: shown });
            if next.host_str() == first.host_str() {
                address = visited;
            } else {
                match self.elsewhere(&next).await {
                    Ok(there) => address = there,
                    Err(lookup) => return End::NoAddress { url: self.shown(next.as_str()), lookup },
                }
            }
            been.push(next);
        }
    }

    /// The address that Let's Encrypt takes of another host: the first IPv6 one, else the first IPv4 one. There is no
    /// second try on the way of a redirect.
    async fn elsewhere(&self, url: &Url) -> Result<IpAddr, Lookup> {
        let host = url.host_str().unwrap_or_default();
        let lookup = match redirect::literal(host) {
            Some(ip) => Lookup::literal(ip),
            None => self.edge.resolver.addresses(host).await,
        };
        lookup.addresses().first().copied().ok_or(lookup)
    }

    fn answer(&self, url: &Url, address: IpAddr, reply: &Reply) -> Answer {
        let text = String::from_utf8_lossy(&reply.body);
        let headers = reply.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let headers: Vec<_> = headers.collect();
        let server =
            reply.headers.get(http::header::SERVER).map(|value| cut(&String::from_utf8_lossy(value.as_bytes())));
        Answer {
            url: self.shown(url.as_str()),
            address,
            status: reply.status,
            server,
            signs: signs(&headers, &text),
            body: self.body(&reply.body, &text),
            length: reply.body.len(),
            title: title(&text),
        }
    }

    fn body(&self, bytes: &[u8], text: &str) -> Body {
        let expected = self.task.expected.as_ref().map(|expected| expected.expose().as_str());
        let trimmed = text.trim_end();
        let start = text.trim_start().to_ascii_lowercase();
        if expected.is_some_and(|expected| expected.as_bytes() == bytes) {
            Body::Expected
        } else if expected == Some(trimmed) && bytes.len() < CA_READS {
            Body::ExpectedThenSpace
        } else if trimmed.is_empty() {
            Body::Empty
        } else if ["<!doctype", "<html", "<head", "<body", "<?xml"].iter().any(|tag| start.starts_with(tag)) {
            Body::Html
        } else if bytes.len() >= CA_READS {
            Body::TooLong
        } else {
            match trimmed.split_once('.') {
                Some((token, thumbprint)) if token == self.token && is_base64url(thumbprint, 43) => {
                    if expected.is_some() { Body::OtherAccount } else { Body::OfToken }
                }
                Some((token, thumbprint)) if is_base64url(thumbprint, 43) && is_base64url(token, 22) => {
                    Body::OtherToken
                }
                Some(_) | None => Body::Other,
            }
        }
    }

    /// Without the token: who has it and sees the path answered can do nothing, but it is not ours to show.
    fn shown(&self, text: &str) -> String {
        cut_to(&text.replace(self.token, TOKEN), 200)
    }
}

fn is_base64url(text: &str, at_least: usize) -> bool {
    text.len() >= at_least && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// What stands between the tags of a page's title.
fn title(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let open = start + lower[start..].find('>')? + 1;
    let end = lower[open..].find("</title").map_or(lower.len(), |end| open + end);
    let words = text[open..end].split_whitespace().collect::<Vec<_>>().join(" ");
    (!words.is_empty()).then(|| cut(&words))
}

fn cut(text: &str) -> String {
    cut_to(text, TITLE)
}

fn cut_to(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
