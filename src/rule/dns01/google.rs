//! Google Cloud DNS refuses: key, role, project or zone.
//!
//! Tells by the words of the API as the Challenge's status holds them.

use super::{Family, Judgement, Matter, Nature, Outlook, RETRIES, Rule, Severity, each, has_any, quoted};
use crate::facts::Facts;
use crate::finding::Fix;
use crate::objref::Kind;

pub static GOOGLE: Rule = Rule {
    id: "dns01-google",
    aliases: &[],
    family: Family::Dns01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the Google account may not write the record, or its zone is not found",
    doc: include_str!("../../../docs/rules/dns01-google.md"),
    needs: &[Kind::Challenge, Kind::Event],
    explains: &[],
    judge: google,
};

/// What Google, or cert-manager before it asks Google, does not like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GoogleFault {
    Forbidden,
    NoZone,
    NoCredentials,
    /// The key or the workload identity yields no token.
    NoToken,
}

pub(super) fn fault(words: &str) -> Option<GoogleFault> {
    if words.contains("empty credentials") {
        Some(GoogleFault::NoCredentials)
    } else if has_any(
        words,
        &[
            "Invalid JWT",
            "invalid_grant",
            "cannot fetch token",
            "Unable to get Google Cloud client",
            "Unable to acquire config",
            "Service Account data missing",
            "iam.serviceAccounts.getAccessToken",
        ],
    ) {
        Some(GoogleFault::NoToken)
    } else if has_any(words, &["Error 403", "Permission denied", "PERMISSION_DENIED"]) {
        Some(GoogleFault::Forbidden)
    } else if has_any(words, &["No matching GoogleCloud domain", "Error 404"]) {
        Some(GoogleFault::NoZone)
    } else {
        None
    }
}

fn google(facts: &Facts) -> Judgement {
    each(facts, Matter::Google, |_, trouble| {
        let project = trouble.solver.cloud_dns.as_ref().map_or("", |google| google.project.as_str());
        let (names, issuer) = (trouble.names(), trouble.issuer());
        let finding = trouble.finding(&GOOGLE);
        match fault(&trouble.words).unwrap_or(GoogleFault::Forbidden) {
            GoogleFault::Forbidden => finding
                .says(format!("Google does not let cert-manager use Cloud DNS of project {project}, needed for {names}"))
                .because(format!(
                    "The service account has no role for DNS in that project, or the solver names another project than the \
                     one with the zone (the id is wanted, neither number nor display name). {RETRIES}"
                ))
                .fix(Fix::command(
                    "give the service account the role",
                    format!(
                        "gcloud projects add-iam-policy-binding {} --role=roles/dns.admin \
                         --member=serviceAccount:ACCOUNT@{}.iam.gserviceaccount.com",
                        quoted(project),
                        quoted(project)
                    ),
                )),
            GoogleFault::NoZone => finding
                .says(format!("project {project} has no public Cloud DNS zone for {names}"))
                .because(format!(
                    "cert-manager looks for a managed zone with the DNS name of the zone that its resolver found. It is in \
                     another project, private, or cert-manager found another zone than the public one. {RETRIES}"
                ))
                .fix(Fix::command(
                    "list the zones of the project",
                    format!("gcloud dns managed-zones list --project={}", quoted(project)),
                ))
                .fix(Fix::patch(
                    format!("name project and zone (solver in {issuer})"),
                    "dns01:\n  cloudDNS:\n    project: PROJECT-ID\n    hostedZoneName: MANAGED-ZONE\n",
                )),
            GoogleFault::NoCredentials => finding
                .says(format!("the Cloud DNS solver in {issuer} has no credentials, and may not use those of the pod"))
                .because(format!(
                    "Without serviceAccountSecretRef, cert-manager would use the credentials of its own pod (ambient). For \
                     Issuers that is off by default, for ClusterIssuers it is on. {RETRIES}"
                ))
                .fix(Fix::manual("start the controller with --issuer-ambient-credentials=true, or use a ClusterIssuer"))
                .fix(Fix::patch(
                    format!("or name a key (solver in {issuer})"),
                    "dns01:\n  cloudDNS:\n    serviceAccountSecretRef:\n      name: SECRET\n      key: key.json\n",
                )),
            GoogleFault::NoToken => finding
                .says(format!("cert-manager gets no Google token for Cloud DNS, needed for {names}"))
                .because(format!(
                    "The key of the service account was deleted or is not a JSON key, or the Kubernetes service account of \
                     cert-manager is not bound to a Google one (workload identity). {RETRIES}"
                ))
                .fix(Fix::command(
                    "list the keys of the service account that still exist",
                    format!("gcloud iam service-accounts keys list --iam-account=ACCOUNT@{}.iam.gserviceaccount.com", quoted(project)),
                ))
                .fix(Fix::command(
                    "with workload identity: bind the two accounts",
                    format!(
                        "gcloud iam service-accounts add-iam-policy-binding ACCOUNT@{0}.iam.gserviceaccount.com \
                         --role=roles/iam.workloadIdentityUser \
                         --member='serviceAccount:{0}.svc.id.goog[cert-manager/cert-manager]'",
                        quoted(project)
                    ),
                )),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refused, says};

    const SOLVER: &str = "cloudDNS: {project: shop-prod}";

    #[test]
    fn each_answer_is_told_apart() {
        for (words, part) in [
            ("GoogleCloud API call failed: googleapi: Error 403: Forbidden, forbidden", "does not let"),
            ("No matching GoogleCloud domain found for domain example.com.", "no public Cloud DNS zone"),
            (
                "error instantiating google clouddns challenge solver: unable to construct clouddns provider: empty credentials; perhaps you meant to enable ambient credentials?",
                "no credentials",
            ),
            (
                "GoogleCloud API call failed: Get \"https://dns.googleapis.com\": oauth2: cannot fetch token: 400 Bad Request Response: {\"error\":\"invalid_grant\"}",
                "no Google token",
            ),
        ] {
            let specimen = refused(SOLVER, words);
            assert_eq!(specimen.ids(), ["dns01-google"], "{words}");
            assert!(says(&specimen).contains(part), "{}", says(&specimen));
        }
    }

    #[test]
    fn the_domain_of_a_top_level_zone_is_a_failed_search() {
        let specimen = refused(SOLVER, "No matching GoogleCloud domain found for domain com.");
        assert_eq!(specimen.ids(), ["dns01-zone-search-failed"]);
    }
}
