//! How long the certificates of an issuer live, where none of its certificates tells.
//!
//! cert-manager's own issuers give what is asked for. Public ACME servers give what they give: their lifetimes are data
//! with a date.

use jiff::{SignedDuration, Timestamp};

use crate::api::{AcmeIssuer, CertificateSpec, GoDuration};
use crate::chain::IssuerView;
use crate::pki::template::DEFAULT_DURATION;
use crate::public_ca::host;

/// The hosts of Let's Encrypt, whose lifetimes are known.
const LETS_ENCRYPT: [&str; 2] = ["acme-v02.api.letsencrypt.org", "acme-staging-v02.api.letsencrypt.org"];

/// Let's Encrypt's classic profile (<https://letsencrypt.org/docs/profiles/>, as of 2026-08-05): from a time on, so many
/// days. Before the first of them it is cert-manager's default too, 90 days.
const CLASSIC: [(Timestamp, i64); 2] = [
    // 10 February 2027
    (Timestamp::constant(1_802_217_600, 0), 64),
    // 16 February 2028
    (Timestamp::constant(1_834_272_000, 0), 45),
];

/// What the issuer is expected to give at a time, from what it gave last if that is known.
pub fn expected(
    spec: &CertificateSpec,
    issuer: Option<&IssuerView>,
    given: Option<SignedDuration>,
    at: Timestamp,
) -> SignedDuration {
    let acme = match issuer {
        Some(IssuerView::Builtin { spec, .. }) => spec.acme.as_ref(),
        Some(IssuerView::External(_)) | None => None,
    };
    let own = acme.filter(|acme| !acme.enable_duration_feature).and_then(|acme| of_acme(acme, at));
    match (given, own) {
        // What it gives may become less, and what is less than known was agreed on.
        (Some(given), Some(own)) => given.min(own),
        (Some(given), None) => given,
        (None, Some(own)) => own,
        (None, None) => {
            let asked = spec.duration.as_ref().and_then(GoDuration::parse).filter(SignedDuration::is_positive);
            asked.filter(|_| acme.is_none_or(|acme| acme.enable_duration_feature)).unwrap_or(DEFAULT_DURATION)
        }
    }
}

/// What a public ACME server gives of its own accord, if that is known.
fn of_acme(acme: &AcmeIssuer, at: Timestamp) -> Option<SignedDuration> {
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    if !LETS_ENCRYPT.iter().any(|known| host(&acme.server).eq_ignore_ascii_case(known)) {
        return None;
    }
    Some(match acme.profile.as_str() {
        "shortlived" => SignedDuration::from_hours(160),
        "tlsserver" => days(45),
        _ => {
            let now = CLASSIC.iter().rev().find(|(from, _)| *from <= at);
            now.map_or(DEFAULT_DURATION, |(_, lifetime)| days(*lifetime))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::IssuerSpec;
    use crate::objref::{Kind, ObjRef};

    const NOW: &str = "2026-11-22T07:00:00Z";

    /// Hours that are expected of an ACME issuer.
    fn hours(server: &str, profile: &str, duration: Option<&str>, given: Option<i64>, at: &str) -> i64 {
        let acme = AcmeIssuer { server: server.into(), profile: profile.into(), ..AcmeIssuer::default() };
        let spec = IssuerSpec { acme: Some(acme), ..IssuerSpec::default() };
        let (metadata, status) = Default::default();
        let objref = ObjRef::new(Kind::ClusterIssuer, None, "letsencrypt");
        let view = IssuerView::Builtin { objref, metadata: &metadata, spec: &spec, status: &status };
        let duration = duration.map(|text| GoDuration(text.into()));
        let asked = CertificateSpec { duration, ..CertificateSpec::default() };
        expected(&asked, Some(&view), given.map(SignedDuration::from_hours), at.parse().unwrap()).as_hours()
    }

    #[test]
    fn lets_encrypt_gives_its_own_lifetimes_and_shorter_ones_with_time() {
        let le = "https://acme-v02.api.letsencrypt.org/directory";
        for (profile, duration, given, at, expected) in [
            ("", None, None, NOW, 90 * 24),
            ("classic", Some("8760h"), None, NOW, 90 * 24),
            ("", None, None, "2027-02-09T23:59:59Z", 90 * 24),
            ("", None, None, "2027-02-10T00:00:00Z", 64 * 24),
            ("", None, None, "2028-02-16T00:00:00Z", 45 * 24),
            ("", None, Some(90 * 24), "2027-02-10T00:00:00Z", 64 * 24),
            ("tlsserver", None, None, NOW, 45 * 24),
            ("shortlived", None, None, NOW, 160),
            ("shortlived", None, Some(159), NOW, 159),
        ] {
            assert_eq!(hours(le, profile, duration, given, at), expected, "{profile} {duration:?} {given:?} {at}");
        }
    }

    #[test]
    fn other_acme_servers_are_expected_to_give_what_they_gave() {
        let other = "https://ca.corp.example/acme/acme/directory";
        assert_eq!(hours(other, "shortlived", Some("24h"), None, NOW), 90 * 24);
        assert_eq!(hours(other, "", None, Some(24), "2027-02-10T00:00:00Z"), 24);
    }

    #[test]
    fn cert_managers_own_issuers_give_what_is_asked_for() {
        let hours = |duration: Option<&str>| {
            let duration = duration.map(|text| GoDuration(text.into()));
            let asked = CertificateSpec { duration, ..CertificateSpec::default() };
            expected(&asked, None, None, NOW.parse().unwrap()).as_hours()
        };
        assert_eq!((hours(Some("24h")), hours(None), hours(Some("-1h"))), (24, 90 * 24, 90 * 24));
    }
}
