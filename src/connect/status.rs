//! The server's own words about a request that failed: the API's `Status` object.

use serde::Deserialize;

/// `Status` of `meta/v1`, as far as an error needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Status {
    pub code: u16,
    /// A word for the machine, such as `NotFound`; empty when the server gave none.
    pub reason: String,
    pub message: String,
    pub details: Option<Details>,
}

/// What the failure was about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Details {
    pub name: String,
    pub group: String,
    /// The kind, or the plural resource, as the server chose.
    pub kind: String,
    pub causes: Vec<Cause>,
    /// Seconds to wait before asking again.
    pub retry_after_seconds: u64,
}

/// One thing that is wrong with an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Cause {
    pub field: String,
    pub message: String,
}

impl Status {
    /// Reads the body of a failed answer: a `Status`, or for anything else one made up from the code and the first
    /// line of the text.
    pub(super) fn read(code: u16, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Kinded {
            kind: String,
            #[serde(flatten)]
            status: Status,
        }
        match serde_json::from_slice::<Kinded>(body) {
            Ok(Kinded { kind, status }) if kind == "Status" => Self { code, ..status },
            Ok(_) | Err(_) => {
                let text = String::from_utf8_lossy(body);
                let line: String = text.trim().lines().next().unwrap_or_default().chars().take(300).collect();
                let message = if line.is_empty() || line.starts_with('<') {
                    format!("the server answered with HTTP status {code}")
                } else {
                    line
                };
                Self { code, reason: reason_for(code).to_owned(), message, details: None }
            }
        }
    }

    /// The causes, or none.
    pub fn causes(&self) -> &[Cause] {
        self.details.as_ref().map_or(&[], |details| &details.causes)
    }
}

impl From<kube::core::Status> for Status {
    fn from(status: kube::core::Status) -> Self {
        let kube::core::Status { code, reason, message, details, .. } = status;
        let details = details.map(|details| Details {
            name: details.name,
            group: details.group,
            kind: details.kind,
            causes: details
                .causes
                .into_iter()
                .map(|cause| Cause { field: cause.field, message: cause.message })
                .collect(),
            retry_after_seconds: details.retry_after_seconds.into(),
        });
        Self { code, reason, message, details }
    }
}

/// client-go's word for a status code that came without one.
fn reason_for(code: u16) -> &'static str {
    match code {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        406 => "NotAcceptable",
        409 => "Conflict",
        410 => "Gone",
        413 => "RequestEntityTooLarge",
        415 => "UnsupportedMediaType",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "",
    }
}
