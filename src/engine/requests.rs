//! The controllers of CertificateRequests (`pkg/controller/certificaterequests`).

mod approver;
mod ca;
mod report;
mod self_signed;
mod sign;

pub(super) use approver::approver;
pub(super) use sign::sign;
