//! Pebble's challtestsrv, which shows what its management interface is told.

use http::Method;
use serde_json::{Value, json};

use crate::acme::http::{Content, Http};

/// Shows the response to an HTTP-01 challenge.
pub async fn add_http01(http: &Http, base: &str, token: &str, content: &str) -> Result<(), String> {
    tell(http, base, "add-http01", &json!({ "token": token, "content": content })).await
}

/// Takes it away.
pub async fn del_http01(http: &Http, base: &str, token: &str) -> Result<(), String> {
    tell(http, base, "del-http01", &json!({ "token": token })).await
}

/// Makes these the TXT records of a name. It only adds one by one, and removes all at once.
pub async fn set_txt(http: &Http, base: &str, fqdn: &str, values: &[String]) -> Result<(), String> {
    tell(http, base, "clear-txt", &json!({ "host": fqdn })).await?;
    for value in values {
        tell(http, base, "set-txt", &json!({ "host": fqdn, "value": value })).await?;
    }
    Ok(())
}

async fn tell(http: &Http, base: &str, verb: &str, what: &Value) -> Result<(), String> {
    let url = format!("{}/{verb}", base.trim_end_matches('/'));
    let content = Content { type_: "application/json", bytes: what.to_string().into_bytes(), ..Content::default() };
    let response = http.send(Method::POST, &url, content).await?;
    if response.status == 200 { Ok(()) } else { Err(format!("Post \"{url}\": {}", response.status_line())) }
}
