//! The controllers of CertificateRequests (`pkg/controller/certificaterequests`).

mod acme;
mod approver;
mod ca;
mod external;
mod report;
mod self_signed;
mod sign;
mod vault;
mod venafi;

pub(super) use approver::approver;
pub(super) use sign::sign;
