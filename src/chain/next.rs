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
        Stage::BackOff { until } => Next::at(*until, back_off_words(chain, *until)),
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

fn back_off_words(chain: &Chain, until: Timestamp) -> String {
    let status = chain.certificate.seen().map(|certificate| &certificate.status);
    let failures = match status.and_then(|status| status.failed_issuance_attempts) {
        Some(1) => " (1 attempt has failed)".to_owned(),
        Some(attempts) if attempts > 1 => format!(" ({attempts} attempts have failed)"),
        Some(_) | None => String::new(),
    };
    let expiry = status.and_then(|status| status.not_after.as_ref()).map(|time| time.0);
    let too_late = expiry.filter(|expiry| *expiry < until);
    let warning = too_late.map_or_else(String::new, |expiry| format!(", after the certificate's end at {expiry}"));
    format!("cert-manager tries again{failures}{warning}")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::api::Certificate;
    use crate::fact::Fact;
    use crate::inventory::Inventory;
    use crate::objref::{Kind, ObjRef};

    /// What is said of a back-off that ends at noon, for a certificate that ends at `expiry`.
    fn words(attempts: Option<i64>, expiry: Option<&str>) -> String {
        let mut certificate = Certificate::default();
        certificate.status.failed_issuance_attempts = attempts;
        certificate.status.not_after = expiry.map(|time| Time(time.parse().unwrap()));
        let inventory = Inventory::default();
        let subject = ObjRef::new(Kind::Certificate, Some("shop"), "web");
        let chain = Chain { certificate: Fact::Seen(&certificate), ..Chain::of(&inventory, &subject) };
        next(&chain, &Stage::BackOff { until: "2026-03-01T12:00:00Z".parse().unwrap() }).what
    }

    #[test]
    fn a_back_off_tells_its_failures_and_an_expiry_that_comes_first() {
        for (attempts, expiry, expected) in [
            (None, None, "cert-manager tries again"),
            (Some(1), None, "cert-manager tries again (1 attempt has failed)"),
            (Some(3), Some("2026-03-01T12:00:00Z"), "cert-manager tries again (3 attempts have failed)"),
            (
                Some(1),
                Some("2026-03-01T11:59:59Z"),
                "cert-manager tries again (1 attempt has failed), after the certificate's end at 2026-03-01T11:59:59Z",
            ),
        ] {
            assert_eq!(words(attempts, expiry), expected);
        }
    }
}
