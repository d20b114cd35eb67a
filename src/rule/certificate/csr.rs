//! Specs that no certificate signing request can be made from.

use std::net::IpAddr;

use super::super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use super::renew;
use crate::api::Object;
use crate::api::certificate::CertificateSpec;
use crate::engine::Stage;
use crate::facts::Facts;
use crate::finding::{Fix, Witness};
use crate::objref::Kind;
use crate::x509::Name;

/// How long the request manager may take to create a request.
const REQUEST_SECONDS: i64 = 60;

pub static CERTIFICATE_INVALID_CSR: Rule = Rule {
    id: "certificate-invalid-csr",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "no signing request can be made from the spec, and cert-manager does not try again",
    doc: include_str!("../../../docs/rules/certificate-invalid-csr.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Event],
    explains: &[],
    judge: certificate_invalid_csr,
};

fn certificate_invalid_csr(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    if !facts.is_issuing() || facts.chain.in_flight().is_some() {
        return Err(Withheld::NotApplicable);
    }
    let event = facts.fresh_event(certificate, "RequestFailed", facts.issuance_began());
    let said = event.and_then(|event| event.message.as_deref()).filter(|message| message.contains("generate CSR"));
    let culprit = culprit(&certificate.spec);
    let waits = matches!(facts.stage, Stage::Request) && facts.is_older_than(facts.issuance_began(), REQUEST_SECONDS);
    if said.is_none() && !(waits && culprit.is_some()) {
        return Ok(vec![]);
    }
    let name = certificate.name();
    let why = culprit
        .as_ref()
        .map_or_else(|| "from its spec".to_owned(), |(field, value)| format!("with \"{value}\" in {field}"));
    let mut finding = CERTIFICATE_INVALID_CSR
        .on(certificate.objref())
        .says(format!("no signing request can be made for {name} {why}"))
        .because("Without a signing request there is no CertificateRequest, and cert-manager does not try again before the spec changes.")
        .evidence(Witness::Event(Kind::Certificate, "RequestFailed".into()), said.unwrap_or_default());
    if let Some((field, value)) = culprit {
        finding = finding.evidence(Witness::Spec(Kind::Certificate, field), value);
    }
    let edit = format!("kubectl edit certificate {name}{}", certificate.objref().namespace_flag());
    let title = "correct the field: any change of the spec makes cert-manager try again";
    Ok(vec![finding.fix(Fix::command(title, edit)).fix(renew("if it is correct already, start over", certificate))])
}

/// The first field that cannot be encoded, and its value.
fn culprit(spec: &CertificateSpec) -> Option<(&'static str, String)> {
    if !spec.literal_subject.is_empty() && Name::literal(&spec.literal_subject).is_err() {
        return Some(("literalSubject", spec.literal_subject.clone()));
    }
    let first = |values: &[String], is_bad: fn(&String) -> bool| values.iter().find(|value| is_bad(value)).cloned();
    // DNS names, addresses and URIs go into the certificate as ASCII, without any translation.
    let is_foreign = |value: &String| !value.is_ascii();
    let other = || {
        let bad = spec.other_names.iter().find(|other| !is_oid(&other.oid) || other.utf8_value.is_empty())?;
        Some(("otherNames", format!("{}={}", bad.oid, bad.utf8_value)))
    };
    first(&spec.dns_names, is_foreign)
        .map(|value| ("dnsNames", value))
        .or_else(|| Some(("ipAddresses", first(&spec.ip_addresses, |value| value.parse::<IpAddr>().is_err())?)))
        .or_else(|| {
            Some((
                "uris",
                first(&spec.uris, |value| {
                    !value.is_ascii() || value.contains([' ', '\u{7f}']) || !value.contains(':')
                })?,
            ))
        })
        .or_else(|| Some(("emailAddresses", first(&spec.email_addresses, is_foreign)?)))
        .or_else(other)
}

/// A dotted object identifier: at least two numbers, the first 0, 1 or 2.
fn is_oid(text: &str) -> bool {
    let mut parts = text.split('.');
    let first = parts.next().is_some_and(|first| matches!(first, "0" | "1" | "2"));
    let rest: Vec<_> = parts.collect();
    first
        && !rest.is_empty()
        && rest.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::is_oid;
    use crate::facts::specimen::Specimen;

    fn without_request() -> Specimen {
        Specimen::http01().later(1).broken(|objects| {
            objects.requests.clear();
            objects.orders.clear();
            objects.challenges.clear();
        })
    }

    #[test]
    fn a_field_that_cannot_be_encoded_is_found() {
        assert_eq!(without_request().ids(), Vec::<&str>::new());
        let umlaut =
            without_request().broken(|objects| objects.certificate().spec.dns_names.push("bücher.example".into()));
        assert_eq!(umlaut.ids(), ["certificate-invalid-csr"]);
        let address =
            without_request().broken(|objects| objects.certificate().spec.ip_addresses.push("10.0.0.0/8".into()));
        assert_eq!(address.ids(), ["certificate-invalid-csr"]);
        let subject = without_request().broken(|objects| objects.certificate().spec.literal_subject = "CN".into());
        assert_eq!(subject.ids(), ["certificate-invalid-csr"]);
    }

    #[test]
    fn the_event_tells_also_what_we_cannot_see() {
        let event = |at: &str| {
            without_request().with(&format!(
                "apiVersion: v1\nkind: Event\nmetadata: {{name: e, namespace: shop}}\nreason: RequestFailed\nlastTimestamp: '{at}'\n\
                 message: 'Failed to generate CSR: unknown - will not retry'\ninvolvedObject: {{kind: Certificate, namespace: shop, name: web}}\n"
            ))
        };
        assert_eq!(event("2026-11-22T06:29:53Z").ids(), ["certificate-invalid-csr"]);
        assert_eq!(event("2026-11-22T05:29:53Z").ids(), Vec::<&str>::new());
    }

    #[test]
    fn object_identifiers_are_told_from_words() {
        assert!(is_oid("1.3.6.1.4.1.311.20.2.3"));
        assert!(!is_oid("upn") && !is_oid("1") && !is_oid("1..3") && !is_oid("3.1"));
    }
}
