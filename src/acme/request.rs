//! The engine's requests, one by one, as exchanges with the server (`third_party/forked/acme/{acme,rfc8555}.go`).

use jiff::SignedDuration;
use serde::Serialize;
use serde_json::json;

use super::account::{Account, Accounts};
use super::http::Response;
use super::jws::{self, Jws, Signer};
use super::read;
use super::server::Server;
use crate::clock;
use crate::engine::question::acme::{
    AcmeAccount, AcmeCall, AcmeDirectory, AcmeFailure, AcmeReply, AcmeRequest, ExternalAccount, NewOrder,
};

/// How long a client waits that is not told how long.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A reply, and when to ask again whoever waits for more.
#[derive(Debug)]
pub struct Answered {
    pub reply: AcmeReply,
    pub again: SignedDuration,
}

impl From<AcmeReply> for Answered {
    fn from(reply: AcmeReply) -> Self {
        Self { reply, again: SECOND }
    }
}

/// Sends what a call asks for.
pub async fn answer(server: &mut Server, accounts: &mut Accounts, call: &AcmeCall) -> Result<Answered, AcmeFailure> {
    let directory = server.directory().await?;
    let account = accounts.of(&call.account).map_err(AcmeFailure::Nonsense)?;
    match &call.request {
        AcmeRequest::Directory => {
            return Ok(AcmeReply::Directory(AcmeDirectory { profiles: directory.profiles }).into());
        }
        AcmeRequest::NewAccount { contact, external_account } => {
            let created = create(server, account, contact, external_account.as_ref()).await?;
            return Ok(AcmeReply::Account(created).into());
        }
        AcmeRequest::FindAccount => return Ok(AcmeReply::Account(find(server, account).await?).into()),
        AcmeRequest::UpdateAccount { .. }
        | AcmeRequest::NewOrder(_)
        | AcmeRequest::GetOrder { .. }
        | AcmeRequest::WaitOrder { .. }
        | AcmeRequest::GetAuthorization { .. }
        | AcmeRequest::WaitAuthorization { .. }
        | AcmeRequest::AcceptChallenge { .. }
        | AcmeRequest::Finalize { .. }
        | AcmeRequest::GetCertificate { .. }
        | AcmeRequest::ListAlternates { .. } => name(server, account).await?,
    }
    let nonsense = AcmeFailure::Nonsense;
    let response = match &call.request {
        AcmeRequest::UpdateAccount { contact } => {
            let Some(url) = account.url.clone() else { return Err(no_account()) };
            let payload = if contact.is_empty() { json!({}) } else { json!({ "contact": contact }) };
            let response = server.post(account, &url, &bytes(&payload), &[200]).await?;
            return Ok(AcmeReply::Account(read::account(&response).map_err(nonsense)?).into());
        }
        AcmeRequest::NewOrder(new) => server.post(account, &directory.new_order, &bytes(&order(new)), &[201]).await?,
        AcmeRequest::WaitAuthorization { url, .. } => server.post(account, url, b"", &[200, 202]).await?,
        AcmeRequest::AcceptChallenge { url } => server.post(account, url, b"{}", &[200, 202]).await?,
        AcmeRequest::Finalize { url, csr } => {
            let payload = bytes(&json!({ "csr": read::base64url(csr) }));
            server.post(account, url, &payload, &[200]).await?
        }
        AcmeRequest::GetOrder { url }
        | AcmeRequest::WaitOrder { url }
        | AcmeRequest::GetAuthorization { url }
        | AcmeRequest::GetCertificate { url }
        | AcmeRequest::ListAlternates { url } => server.post(account, url, b"", &[200]).await?,
        AcmeRequest::Directory | AcmeRequest::NewAccount { .. } | AcmeRequest::FindAccount => {
            unreachable!("they are answered above")
        }
    };
    let reply = reply(&call.request, &response)?;
    let again = read::retry_after(&response.headers, clock::now()).filter(|again| !again.is_zero()).unwrap_or(SECOND);
    Ok(Answered { reply, again: again.max(SignedDuration::ZERO) })
}

/// What a good response says.
fn reply(request: &AcmeRequest, response: &Response) -> Result<AcmeReply, AcmeFailure> {
    let reply = match request {
        AcmeRequest::NewOrder(_)
        | AcmeRequest::GetOrder { .. }
        | AcmeRequest::WaitOrder { .. }
        | AcmeRequest::Finalize { .. } => read::order(response).map(AcmeReply::Order),
        AcmeRequest::GetAuthorization { .. } | AcmeRequest::WaitAuthorization { .. } => {
            read::authorization(response).map(AcmeReply::Authorization)
        }
        AcmeRequest::AcceptChallenge { .. } => read::challenge(response).map(AcmeReply::Challenge),
        AcmeRequest::GetCertificate { .. } => read::chain(&response.body).map(AcmeReply::Certificate),
        AcmeRequest::ListAlternates { .. } => Ok(AcmeReply::Alternates(read::links(&response.headers, "alternate"))),
        AcmeRequest::Directory
        | AcmeRequest::NewAccount { .. }
        | AcmeRequest::FindAccount
        | AcmeRequest::UpdateAccount { .. } => read::account(response).map(AcmeReply::Account),
    };
    reply.map_err(AcmeFailure::Nonsense)
}

fn bytes(payload: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(payload).expect("it is made of text")
}

fn order(new: &NewOrder) -> serde_json::Value {
    let identifier =
        |one: &crate::engine::question::acme::Identifier| json!({"type": one.type_(), "value": one.value()});
    let mut order = json!({ "identifiers": new.identifiers.iter().map(identifier).collect::<Vec<_>>() });
    if let Some(end) = new.not_after {
        let seconds = jiff::Timestamp::from_second(end.as_second()).expect("it was one");
        order["notAfter"] = seconds.to_string().into();
    }
    if let Some(profile) = &new.profile {
        order["profile"] = profile.as_str().into();
    }
    order
}

/// The payload of newAccount.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewAccount<'n> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    terms_of_service_agreed: bool,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    contact: &'n [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    external_account_binding: Option<Jws>,
}

async fn create(
    server: &mut Server,
    account: &mut Account,
    contact: &[String],
    external: Option<&ExternalAccount>,
) -> Result<AcmeAccount, AcmeFailure> {
    let directory = server.directory().await?;
    let url = &directory.new_account;
    let binding = external.map(|external| jws::bound(external, &account.jwk, url)).transpose();
    let payload = NewAccount {
        terms_of_service_agreed: !directory.terms.is_empty(),
        contact,
        external_account_binding: binding.map_err(AcmeFailure::Nonsense)?,
    };
    let response = server.post_as(account, Signer::Jwk(&account.jwk), url, &bytes(&payload), &[200, 201]).await?;
    known(account, &response)
}

async fn find(server: &mut Server, account: &mut Account) -> Result<AcmeAccount, AcmeFailure> {
    let directory = server.directory().await?;
    let payload = br#"{"onlyReturnExisting": true}"#;
    let signer = Signer::Jwk(&account.jwk);
    let response = server.post_as(account, signer, &directory.new_account, payload, &[200]).await?;
    known(account, &response)
}

fn known(account: &mut Account, response: &Response) -> Result<AcmeAccount, AcmeFailure> {
    let read = read::account(response).map_err(AcmeFailure::Nonsense)?;
    if !read.url.is_empty() {
        account.url = Some(read.url.clone());
    }
    Ok(read)
}

/// Finds the URL of an account that was not registered in this run.
async fn name(server: &mut Server, account: &mut Account) -> Result<(), AcmeFailure> {
    if account.url.is_some() {
        return Ok(());
    }
    match find(server, account).await {
        // Without a URL, requests are signed with the key itself, and the server says what it makes of that.
        Ok(_) | Err(AcmeFailure::Problem(_)) => Ok(()),
        Err(failure) => Err(failure),
    }
}

fn no_account() -> AcmeFailure {
    AcmeFailure::Nonsense("acme: account does not exist".to_owned())
}
