//! The end of an order: its CSR is sent, and its certificate fetched (`pkg/controller/acmeorders/sync.go`,
//! `third_party/forked/acme/rfc8555.go`).

use super::client::Client;
use super::orders::{RETRIEVE_FAILED, Work};
use crate::api::{AcmeState, Base64Text};
use crate::engine::event::EventType;
use crate::engine::question::acme::{AcmeFailure, AcmeOrder, AcmeRequest};
use crate::engine::turn::{Looked, Trouble, Turn};
use crate::x509::{Certificate, pem};

/// DER certificates, leaf first.
type Chain = Vec<Vec<u8>>;

/// Sends the CSR, once, and stores the certificate.
pub fn finalize(work: &mut Work, turn: &mut Turn) -> Option<Looked> {
    let request = work.order.spec.request.decode().unwrap_or_default();
    // Early releases kept DER and not PEM.
    let csr = pem::blocks(&request).into_iter().next().map_or(request, |block| block.der);
    let issued = issue(&work.client, turn, &work.status.finalize_url, csr)?;
    if let Err(failure) = &issued {
        let status = failure.problem().map(|problem| problem.status);
        // It may have been finalized before.
        if status == Some(403) {
            let url = work.status.url.clone();
            match work.client.order(turn, AcmeRequest::GetOrder { url })? {
                Ok(order) if order.status == AcmeState::Valid => {
                    work.set_state(AcmeState::Valid);
                    return download(work, turn, &order);
                }
                Ok(_) => {}
                // The words are those of the first refusal.
                Err(read) if read.is_of_client() => {
                    work.fail(format!("{RETRIEVE_FAILED}: {failure}"));
                    return Some(Ok(()));
                }
                Err(read) => return Some(Err(Trouble(read.to_string()))),
            }
        }
        if failure.is_of_client() {
            work.fail(format!("Failed to finalize Order: {failure}"));
            return Some(Ok(()));
        }
    }
    match work.refresh(turn)? {
        Ok(_) => {}
        Err(failure) if failure.is_of_client() => {
            work.fail(format!("{RETRIEVE_FAILED}: {failure}"));
            return Some(Ok(()));
        }
        Err(failure) => return Some(Err(Trouble(format!("error syncing order status: {failure}")))),
    }
    let (chain, url) = match issued {
        Ok(issued) => issued,
        Err(failure) => return Some(Err(Trouble(format!("error finalizing order: {failure}")))),
    };
    let chosen = preferred(work, turn, chain, &url)?;
    let chosen = chosen.map_err(|error| Trouble(format!("error retrieving preferred chain: {error}")));
    Some(chosen.map(|chain| store(work, turn, &chain)))
}

/// Fetches the certificate of an order that is valid.
pub fn download(work: &mut Work, turn: &mut Turn, order: &AcmeOrder) -> Option<Looked> {
    if order.status != AcmeState::Valid {
        return Some(Ok(()));
    }
    let url = order.certificate.clone().unwrap_or_default();
    let chain = match work.client.certificate(turn, &url)? {
        Ok(chain) => chain,
        Err(failure) => return Some(work.absorb("Failed to retrieve signed certificate", Err(failure))),
    };
    let chosen = preferred(work, turn, chain, &url)?.map_err(Trouble);
    Some(chosen.map(|chain| store(work, turn, &chain)))
}

/// The client's `CreateOrderCert`: finalizes, waits for the certificate and fetches it.
fn issue(client: &Client, turn: &mut Turn, url: &str, csr: Vec<u8>) -> Option<Result<(Chain, String), AcmeFailure>> {
    let mut order = match client.order(turn, AcmeRequest::Finalize { url: url.to_owned(), csr })? {
        Ok(order) => order,
        Err(failure) => return Some(Err(failure)),
    };
    if order.status != AcmeState::Valid {
        // A server that does not say where the order is cannot be asked again.
        let Some(url) = order.url.filter(|url| !url.is_empty()) else {
            let words = "Post \"\": unsupported protocol scheme \"\"";
            return Some(Err(AcmeFailure::Nonsense(words.to_owned())));
        };
        order = match client.order(turn, AcmeRequest::WaitOrder { url })? {
            Ok(order) => order,
            Err(failure) => return Some(Err(failure)),
        };
    }
    if order.status != AcmeState::Valid {
        let problem = order.error.map(|problem| format!("; problem: {problem}")).unwrap_or_default();
        let url = order.url.unwrap_or_default();
        let words = format!("acme: order {url} status: {}{problem}", order.status.as_str());
        return Some(Err(AcmeFailure::Nonsense(words)));
    }
    let url = order.certificate.unwrap_or_default();
    Some(client.certificate(turn, &url)?.map(|chain| (chain, url)))
}

/// The first chain, the default one before the alternates, whose last certificate was issued by the preferred name.
/// The default one if there is none, or no preference.
fn preferred(work: &Work, turn: &mut Turn, default: Chain, url: &str) -> Option<Result<Chain, String>> {
    let name = &work.issuer.preferred_chain;
    if name.is_empty() {
        return Some(Ok(default));
    }
    match ends_at(&default, name) {
        Ok(true) => return Some(Ok(default)),
        Ok(false) => {}
        Err(error) => return Some(Err(error)),
    }
    let urls = match work.client.alternates(turn, url)? {
        Ok(urls) => urls,
        Err(failure) => return Some(Err(format!("error listing alternate certificate URLs: {failure}"))),
    };
    for url in urls {
        let chain = match work.client.certificate(turn, &url)? {
            Ok(chain) => chain,
            Err(failure) => return Some(Err(format!("error fetching certificate chain from {url}: {failure}"))),
        };
        match ends_at(&chain, name) {
            Ok(true) => return Some(Ok(chain)),
            Ok(false) => {}
            Err(error) => return Some(Err(error)),
        }
    }
    Some(Ok(default))
}

fn ends_at(chain: &Chain, name: &str) -> Result<bool, String> {
    let Some(last) = chain.last() else { return Ok(false) };
    let top = Certificate::from_der(last).map_err(|error| format!("error parsing certificate chain: {error}"))?;
    Ok(top.issuer.common_name() == name)
}

fn store(work: &mut Work, turn: &mut Turn, chain: &Chain) {
    let text: String = chain.iter().map(|der| pem::encode("CERTIFICATE", der)).collect();
    work.status.certificate = Base64Text::encode(text.as_bytes());
    turn.tell(work.order, EventType::Normal, "Complete", "Order completed successfully");
}
