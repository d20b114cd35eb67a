//! What happens next to a chain, and when.
//!
//! Joins cert-manager's back-off, the renewal time and the expiry; says nothing about whether it will help.

use jiff::Timestamp;

use super::Chain;
use crate::engine::Stage;

/// The next step of an issuance and who takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// `None` if it may happen at any moment, or never.
    pub at: Option<Timestamp>,
    /// Who does what then.
    pub what: String,
}

impl Next {
    fn soon(what: impl Into<String>) -> Self {
        Self { at: None, what: what.into() }
    }

    fn at(at: Timestamp, what: impl Into<String>) -> Self {
        Self { at: Some(at), what: what.into() }
    }
}

/// What follows on `stage`.
pub fn next(chain: &Chain, stage: &Stage) -> Next {
    match stage {
        Stage::Settled { renewal: Some(renewal) } => Next::at(*renewal, "cert-manager starts the renewal"),
        Stage::Settled { renewal: None } => Next::soon("nothing: cert-manager plans no renewal"),
        Stage::Trigger => Next::soon("cert-manager's trigger controller starts an issuance"),
        Stage::BackOff { until } => Next::at(*until, back_off_words(chain)),
        Stage::Key => Next::soon("the key manager stores the next private key"),
        Stage::Request => Next::soon("the request manager creates the CertificateRequest"),
        Stage::Approval => Next::soon("an approver approves or denies the CertificateRequest"),
        Stage::Issuer => Next::soon("the issuer signs, or says why not"),
        Stage::Order => Next::soon("cert-manager opens the order at the CA"),
        Stage::Authorizations => Next::soon("cert-manager creates the Challenges of the order"),
        Stage::ChallengeQueued => Next::soon("the scheduler starts the Challenge when a slot is free"),
        Stage::ChallengeScheduled => Next::soon("cert-manager presents the Challenge and retries with back-off"),
        Stage::ChallengePresented => Next::soon("cert-manager runs the self check"),
        Stage::ChallengeSelfCheck => Next::soon("cert-manager repeats the self check every 10s"),
        Stage::ChallengeAccepted => Next::soon("the CA validates the Challenge"),
        Stage::Finalize => Next::soon("the CA signs and cert-manager downloads the certificate"),
        Stage::Issued => Next::soon("cert-manager stores the certificate in the Secret"),
        Stage::Stored => Next::soon("cert-manager updates the Certificate's status"),
        Stage::Denied | Stage::RequestFailed | Stage::OrderFailed | Stage::ChallengeFailed => {
            Next::soon("cert-manager marks the issuance as failed and backs off")
        }
    }
}

fn back_off_words(chain: &Chain) -> String {
    let attempts = chain.certificate.seen().and_then(|certificate| certificate.status.failed_issuance_attempts);
    match attempts {
        Some(1) => "cert-manager tries again (1 attempt has failed)".into(),
        Some(attempts) if attempts > 1 => format!("cert-manager tries again ({attempts} attempts have failed)"),
        Some(_) | None => "cert-manager tries again".into(),
    }
}
