//! Certificates that are issued over and over: each time burns some of the CA's rate limit.

use jiff::{SignedDuration, Timestamp};

use super::super::{Family, Judgement, Nature, Outlook, Rule, Severity};
use super::{is_acme, issued_at, merge_patch};
use crate::api::{Certificate, Object};
use crate::duration::human;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;

pub static REISSUED_CONSTANTLY: Rule = Rule {
    id: "certificate-reissued-constantly-secretname-change",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Risk,
    severity: Severity::Warning,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the same certificate is issued far more often than its renewal asks for",
    doc: include_str!("../../../docs/rules/certificate-reissued-constantly-secretname-change.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Order, Kind::Issuer, Kind::ClusterIssuer],
    explains: &[],
    judge: reissued_constantly,
};

fn reissued_constantly(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    if let Some(pace) = too_fast(facts, certificate) {
        return Ok(vec![by_revision(facts, certificate, &pace)]);
    }
    Ok(by_release(facts, certificate).into_iter().collect())
}

/// How often a Certificate was issued, and how often its renewal asked for it.
#[derive(Clone, Copy, Debug)]
pub(in crate::rule) struct Pace {
    pub issued: i64,
    pub age: SignedDuration,
    pub last: Timestamp,
    due: i64,
}

/// The pace, if it is more than three times what the renewal asks for, more than once a day, and still going on.
pub(in crate::rule) fn too_fast(facts: &Facts, certificate: &Certificate) -> Option<Pace> {
    let issued = certificate.status.revision?;
    let age = facts.since(certificate.created()?);
    let last = issued_at(facts, certificate)?;
    let (start, renewal) =
        (certificate.status.not_before.as_ref()?.0, certificate.status.renewal_time.as_ref().map(|time| time.0));
    let period = renewal.map_or(age, |renewal| renewal.duration_since(start)).as_secs().max(1);
    let due = age.as_secs() / period + 1;
    let days = age.as_secs() / 86_400;
    let fast = issued >= 6 && issued > 3 * due + 2 && issued > days;
    (fast && facts.since(last) < SignedDuration::from_hours(24)).then_some(Pace { issued, age, last, due })
}

fn by_revision(facts: &Facts, certificate: &Certificate, pace: &Pace) -> Finding {
    let (name, namespace) = (certificate.name(), certificate.objref().namespace_flag());
    let due = if pace.due == 1 { "once".to_owned() } else { format!("{} times", pace.due) };
    REISSUED_CONSTANTLY
        .on(certificate.objref())
        .says(format!("{name} was issued {} times in {}, where {due} was due", pace.issued, human(pace.age)))
        .because("A public CA limits this: Let's Encrypt signs one set of names five times a week, and then refuses for up to a week.")
        .evidence(Witness::Status(Kind::Certificate, "revision"), pace.issued.to_string())
        .evidence(Witness::Metadata(Kind::Certificate), format!("created {} ago", human(pace.age)))
        .evidence(Witness::Computed, format!("the last time was {} ago", human(facts.since(pace.last))))
        .fix(Fix::command(
            "see what asks for a new certificate each time: the reason stands in the events",
            format!("kubectl get events{namespace} --field-selector involvedObject.name={name},reason=Issuing"),
        ))
        .fix(Fix::command(
            "see who changes the Certificate and its Secret",
            format!(
                "kubectl get certificate/{name} secret/{}{namespace} -o yaml --show-managed-fields",
                certificate.spec.secret_name
            ),
        ))
}

/// How many within a week are too many: Let's Encrypt signs five times the same set of names.
const MANY: usize = 3;

/// How many are looked at: more would say nothing new, and cost for each of them.
const ENOUGH: usize = 50;

/// Certificates for the same names under ever new names, as releases with a generated part make them.
fn by_release(facts: &Facts, certificate: &Certificate) -> Option<Finding> {
    if certificate.spec.dns_names.is_empty() || !is_acme(facts) {
        return None;
    }
    let week = SignedDuration::from_hours(7 * 24);
    let is_new = |one: &&Certificate| one.created().is_some_and(|created| facts.since(created) < week);
    if !is_new(&certificate) {
        return None;
    }
    let alike = facts.inventory.certificates_like_in_namespace(certificate).take(ENOUGH).filter(is_new);
    let alike =
        alike.filter(|one| one.name() == certificate.name() || one.spec.secret_name != certificate.spec.secret_name);
    let names: Vec<&str> = alike.map(Object::name).collect();
    if names.len() < MANY || common_start(&names) < 3 {
        return None;
    }
    let stable = names[0][..common_start(&names)].trim_end_matches(['-', '.']).to_owned();
    Some(
        REISSUED_CONSTANTLY
            .on(certificate.objref())
            .says(format!("{} Certificates for the same names were made within a week: {}", names.len(), super::listed(&names)))
            .because(
                "Each new name means a new Secret and a new order for the same set of names. Let's Encrypt signs a set five times a week and then refuses for up to a week.",
            )
            .evidence(Witness::Spec(Kind::Certificate, "dnsNames"), certificate.spec.dns_names.join(", "))
            .evidence(Witness::Metadata(Kind::Certificate), names.join(", "))
            .fix(merge_patch(
                "keep one Secret name over releases, without hash or release number, and one Certificate for it",
                certificate,
                &format!(r#"{{"spec":{{"secretName":"{stable}-tls"}}}}"#),
            ))
            .fix(Fix::manual("in CI and previews, use the CA's staging server")),
    )
}

/// How many bytes all names start with alike.
fn common_start(names: &[&str]) -> usize {
    let Some((first, rest)) = names.split_first() else { return 0 };
    let same = |other: &&str| first.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    rest.iter().map(same).min().unwrap_or(first.len())
}

#[cfg(test)]
mod tests {
    use crate::facts::specimen::Specimen;

    #[test]
    fn revisions_beyond_the_renewals_are_found() {
        let issued = |revision| {
            Specimen::healthy().broken(move |objects| {
                objects.certificate().status.revision = Some(revision);
                let annotations = objects.request().metadata.annotations.as_mut().unwrap();
                annotations.insert("cert-manager.io/certificate-revision".into(), revision.to_string());
            })
        };
        assert_eq!(issued(9).ids(), ["certificate-reissued-constantly-secretname-change"]);
        assert_eq!(issued(5).ids(), Vec::<&str>::new());
    }

    #[test]
    fn what_was_long_ago_is_no_fault() {
        let long_ago = Specimen::healthy().later(60 * 25).broken(|objects| {
            objects.certificate().status.revision = Some(40);
        });
        assert_eq!(long_ago.ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_short_lifetime_is_renewed_often() {
        let hourly = Specimen::healthy().broken(|objects| {
            let certificate = objects.certificate();
            let time = |text: &str| Some(serde_json::from_str(&format!("\"{text}\"")).unwrap());
            certificate.metadata.creation_timestamp = time("2026-11-18T06:30:10Z");
            certificate.status.not_after = time("2026-11-22T07:30:10Z");
            certificate.status.renewal_time = time("2026-11-22T07:10:10Z");
            certificate.status.revision = Some(140);
        });
        assert_eq!(hourly.ids(), Vec::<&str>::new());
    }

    fn release(tag: &str, created: &str) -> String {
        format!(
            "---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {{name: web-{tag}, namespace: shop, creationTimestamp: '{created}'}}\n\
             spec: {{secretName: web-{tag}, dnsNames: [shop.example.com, www.shop.example.com], issuerRef: {{name: letsencrypt, kind: ClusterIssuer}}}}\n"
        )
    }

    #[test]
    fn a_new_name_with_each_release_is_found() {
        let releases = [release("7d9f8", "2026-11-21T06:00:00Z"), release("5b6c7", "2026-11-20T06:00:00Z")].concat();
        assert_eq!(Specimen::healthy().with(&releases).ids(), ["certificate-reissued-constantly-secretname-change"]);
        let old = releases.replace("2026-11-2", "2026-10-2");
        assert_eq!(Specimen::healthy().with(&old).ids(), Vec::<&str>::new());
    }
}
