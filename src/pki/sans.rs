//! Subject alternative names as they are written (cert-manager's `pkg/util/pki/sans.go`).

use std::net::IpAddr;

use super::request::{Gates, RequestFault};
use crate::api::certificate::CertificateSpec;
use crate::x509::Extension;
use crate::x509::der;

pub(super) const SUBJECT_ALT_NAME: &str = "2.5.29.17";

/// The names of a spec, parsed as far as they need to be.
pub(super) struct Sans<'s> {
    spec: &'s CertificateSpec,
    ips: Vec<Vec<u8>>,
    /// Each a `GeneralName` in DER.
    others: Vec<Vec<u8>>,
}

impl<'s> Sans<'s> {
    pub(super) fn of(spec: &'s CertificateSpec, gates: Gates) -> Result<Self, RequestFault> {
        let ips = ips(&spec.ip_addresses)?;
        let mut others = Vec::new();
        for other in spec.other_names.iter().filter(|_| gates.other_names) {
            let oid = oid(&other.oid)?;
            if other.utf8_value.is_empty() {
                return Err(RequestFault::EmptyOtherName);
            }
            let value = der::element(der::UTF8_STRING, other.utf8_value.as_bytes());
            others.push(der::constructed(
                der::CONTEXT_0,
                [der::element(der::OID, &oid), der::element(der::CONTEXT_0, &value)],
            ));
        }
        Ok(Self { spec, ips, others })
    }

    pub(super) fn is_empty(&self) -> bool {
        let spec = self.spec;
        let texts = [&spec.dns_names, &spec.email_addresses, &spec.uris];
        texts.iter().all(|list| list.is_empty()) && self.ips.is_empty() && self.others.is_empty()
    }

    /// The extension, in Go's order: DNS names, mail addresses, IP addresses, URIs, and then the others.
    pub(super) fn extension(&self, critical: bool) -> Result<Extension, RequestFault> {
        let mut names = Vec::new();
        for text in &self.spec.dns_names {
            names.push(ia5(2, text)?);
        }
        for text in &self.spec.email_addresses {
            names.push(ia5(1, text)?);
        }
        names.extend(self.ips.iter().map(|ip| der::element(der::PRIMITIVE_0 + 7, ip)));
        for text in &self.spec.uris {
            names.push(ia5(6, text)?);
        }
        names.extend(self.others.iter().cloned());
        Ok(Extension { oid: SUBJECT_ALT_NAME.into(), critical, value: der::sequence(names) })
    }
}

/// A `GeneralName` that is an `IA5String`: ASCII.
pub(super) fn ia5(tag: u8, text: &str) -> Result<Vec<u8>, RequestFault> {
    if !text.is_ascii() {
        return Err(RequestFault::NotIa5(text.to_owned()));
    }
    Ok(der::element(der::PRIMITIVE_0 + tag, text.as_bytes()))
}

/// Four or sixteen bytes for each; IPv4 in IPv6 counts as IPv4. An address with a zone makes cert-manager drop them all
/// without a word.
fn ips(texts: &[String]) -> Result<Vec<Vec<u8>>, RequestFault> {
    let mut ips = Vec::new();
    for text in texts {
        if text.split_once('%').is_some_and(|(ip, zone)| !zone.is_empty() && ip.parse::<std::net::Ipv6Addr>().is_ok()) {
            return Ok(Vec::new());
        }
        let ip: IpAddr = text.parse().map_err(|_| RequestFault::Ip(text.clone()))?;
        ips.push(match ip.to_canonical() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        });
    }
    Ok(ips)
}

/// The content of an OID; its text is read number by number, as Go's `strconv.Atoi` reads them.
fn oid(text: &str) -> Result<Vec<u8>, RequestFault> {
    if text.is_empty() {
        return Err(RequestFault::EmptyOid);
    }
    for arc in text.split('.') {
        let digits = arc.strip_prefix(['+', '-']).unwrap_or(arc);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(RequestFault::OidSyntax(arc.to_owned()));
        }
        if arc.parse::<i64>().is_err() {
            return Err(RequestFault::OidRange(arc.to_owned()));
        }
    }
    der::oid(text).ok_or(RequestFault::InvalidOid)
}
