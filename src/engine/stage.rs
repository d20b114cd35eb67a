//! Where an issuance stands.
//!
//! One vocabulary for live chains and for the engine. Never says why: that is for the rules.

use jiff::Timestamp;

/// Where the issuance of one Certificate stands. A variant holds only what is true in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The Secret holds a valid certificate; nothing happens before `renewal`.
    /// `None` if the Certificate is never renewed (`spec.renewal.policy: Disabled`) or the time is not known yet.
    Settled { renewal: Option<Timestamp> },
    /// An issuance is due and the trigger controller has not started it.
    Trigger,
    /// The last issuance failed; the next one starts at `until` (cert-manager's `lastFailureTime` plus back-off).
    BackOff { until: Timestamp },
    /// Issuing, and the key manager has not stored the next private key.
    Key,
    /// The key is there, and the request manager has not created the CertificateRequest.
    Request,
    /// The CertificateRequest is neither approved nor denied.
    Approval,
    /// Approved; the issuer has not answered (not found, not ready, or still signing).
    Issuer,
    /// The CertificateRequest waits for the CA to open the Order (RFC 8555 §7.4).
    Order,
    /// The Order is open; its authorizations are not read, or no Challenge was made for them (RFC 8555 §7.5).
    Authorizations,
    /// A Challenge waits for one of the controller's slots.
    ChallengeQueued,
    /// A Challenge has a slot and is not presented yet.
    ChallengeScheduled,
    /// The response is presented; no self check has spoken yet.
    ChallengePresented,
    /// The self check does not pass yet.
    ChallengeSelfCheck,
    /// The CA was told to validate (RFC 8555 §7.5.1).
    ChallengeAccepted,
    /// All authorizations are valid; the Order is being finalized (RFC 8555 §7.4) or its certificate downloaded.
    Finalize,
    /// The CertificateRequest holds the certificate; the Secret does not yet.
    Issued,
    /// The Secret holds the new certificate; the Certificate's status does not say so yet.
    Stored,
    /// An approver said no.
    Denied,
    /// The issuer said that the request failed or can never work.
    RequestFailed,
    /// The Order is invalid, expired or errored.
    OrderFailed,
    /// A Challenge is invalid, expired or errored.
    ChallengeFailed,
}

impl Stage {
    /// The stage's name in every output, for ever.
    pub const fn id(&self) -> &'static str {
        match self {
            Self::Settled { .. } => "settled",
            Self::Trigger => "trigger",
            Self::BackOff { .. } => "back-off",
            Self::Key => "key",
            Self::Request => "request",
            Self::Approval => "approval",
            Self::Issuer => "issuer",
            Self::Order => "order",
            Self::Authorizations => "authorizations",
            Self::ChallengeQueued => "challenge-queued",
            Self::ChallengeScheduled => "challenge-scheduled",
            Self::ChallengePresented => "challenge-presented",
            Self::ChallengeSelfCheck => "challenge-self-check",
            Self::ChallengeAccepted => "challenge-accepted",
            Self::Finalize => "finalize",
            Self::Issued => "issued",
            Self::Stored => "stored",
            Self::Denied => "denied",
            Self::RequestFailed => "request-failed",
            Self::OrderFailed => "order-failed",
            Self::ChallengeFailed => "challenge-failed",
        }
    }

    /// What is being waited for, as the end of a sentence that starts with the object.
    pub const fn words(&self) -> &'static str {
        match self {
            Self::Settled { .. } => "nothing to do until renewal",
            Self::Trigger => "waiting for cert-manager to start an issuance",
            Self::BackOff { .. } => "waiting out the back-off after a failed issuance",
            Self::Key => "waiting for the new private key",
            Self::Request => "waiting for the CertificateRequest",
            Self::Approval => "waiting for approval of the CertificateRequest",
            Self::Issuer => "waiting for the issuer",
            Self::Order => "waiting for the ACME order",
            Self::Authorizations => "waiting for the order's authorizations and challenges",
            Self::ChallengeQueued => "a challenge waits for its turn",
            Self::ChallengeScheduled => "a challenge is being presented",
            Self::ChallengePresented => "a challenge is presented, the self check starts",
            Self::ChallengeSelfCheck => "waiting for the self check of a challenge",
            Self::ChallengeAccepted => "waiting for the CA to validate a challenge",
            Self::Finalize => "waiting for the CA to sign",
            Self::Issued => "signed, waiting to be stored in the Secret",
            Self::Stored => "stored, waiting for the status to follow",
            Self::Denied => "the CertificateRequest was denied",
            Self::RequestFailed => "the CertificateRequest failed",
            Self::OrderFailed => "the ACME order failed",
            Self::ChallengeFailed => "an ACME challenge failed",
        }
    }

    /// Whether this issuance has ended without a certificate.
    pub const fn is_failed(&self) -> bool {
        match self {
            Self::Denied | Self::RequestFailed | Self::OrderFailed | Self::ChallengeFailed | Self::BackOff { .. } => {
                true
            }
            Self::Settled { .. }
            | Self::Trigger
            | Self::Key
            | Self::Request
            | Self::Approval
            | Self::Issuer
            | Self::Order
            | Self::Authorizations
            | Self::ChallengeQueued
            | Self::ChallengeScheduled
            | Self::ChallengePresented
            | Self::ChallengeSelfCheck
            | Self::ChallengeAccepted
            | Self::Finalize
            | Self::Issued
            | Self::Stored => false,
        }
    }
}
