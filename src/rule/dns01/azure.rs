//! Azure DNS refuses: identity, role or zone.
//!
//! Tells by the words of Azure's API, which the Challenge's status hides and its event holds.

use super::route53::hidden;
use super::said::is_hidden;
use super::{
    Family, Judgement, Matter, Nature, Outlook, RETRIES, Rule, Severity, Trouble, each, has_any, quoted, word_after,
};
use crate::api::solver::AzureDns;
use crate::facts::Facts;
use crate::finding::{Finding, Fix};
use crate::objref::Kind;

pub static AZURE: Rule = Rule {
    id: "dns01-azure",
    aliases: &[],
    family: Family::Dns01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the Azure identity may not write the record, or its zone is not found",
    doc: include_str!("../../../docs/rules/dns01-azure.md"),
    needs: &[Kind::Challenge, Kind::Event],
    explains: &[],
    judge: azure,
};

/// What Azure, or cert-manager before it asks Azure, does not like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AzureFault {
    /// The identity is known and has no role on the zone.
    Role,
    /// No identity is bound to the pod, or it is not clear which one.
    Identity,
    /// The federated credential names another issuer, subject or audience.
    Federation,
    AppSecret,
    Tenant,
    NotAmbient,
    ZoneNotFound,
    /// The status hides the words and the event is gone.
    Hidden,
}

pub(super) fn fault(words: &str) -> Option<AzureFault> {
    if has_any(words, &["AuthorizationFailed", "does not have authorization to perform action"]) {
        Some(AzureFault::Role)
    } else if has_any(words, &["AADSTS7000215", "AADSTS7000222"]) {
        Some(AzureFault::AppSecret)
    } else if has_any(words, &["AADSTS700016", "AADSTS90002"]) {
        Some(AzureFault::Tenant)
    } else if words.contains("AADSTS70021") || words.contains("AADSTS700211") || words.contains("AADSTS700213") {
        Some(AzureFault::Federation)
    } else if words.contains("ClientID was omitted") {
        Some(AzureFault::NotAmbient)
    } else if has_any(
        words,
        &[
            "Identity not found",
            "managed service identity token",
            "ManagedIdentityCredential",
            "Multiple user assigned identities",
        ],
    ) {
        Some(AzureFault::Identity)
    } else if is_hidden(words) && words.contains("Azure") {
        Some(AzureFault::Hidden)
    } else if has_any(
        words,
        &["not found in AzureDNS", "ResourceNotFound", "ResourceGroupNotFound", "ParentResourceNotFound"],
    ) || (words.contains("Zone ") && words.contains(" not found for domain"))
    {
        Some(AzureFault::ZoneNotFound)
    } else {
        None
    }
}

fn azure(facts: &Facts) -> Judgement {
    each(facts, Matter::Azure, |_, trouble| {
        let none = AzureDns::default();
        let solver = trouble.solver.azure_dns.as_ref().unwrap_or(&none);
        let finding = trouble.finding(&AZURE);
        match fault(&trouble.words).unwrap_or(AzureFault::Hidden) {
            AzureFault::Role => of_role(finding, trouble, solver),
            AzureFault::ZoneNotFound => finding
                .says(format!("Azure has no DNS zone for {} in resource group {}", trouble.names(), solver.resource_group_name))
                .because(format!(
                    "cert-manager looks for the zone {} in subscription and resource group of the solver. It is in another \
                     one, or it is a private zone, which cert-manager writes to from 1.20 on and only with zoneType. {RETRIES}",
                    if solver.hosted_zone_name.is_empty() { "that its resolver names" } else { &solver.hosted_zone_name }
                ))
                .fix(Fix::command(
                    "list the zones of the subscription with their resource groups",
                    format!("az network dns zone list --subscription {} -o table", quoted(&solver.subscription_id)),
                ))
                .fix(Fix::patch(
                    format!("name zone and group as they are (solver in {})", trouble.issuer()),
                    "dns01:\n  azureDNS:\n    hostedZoneName: ZONE\n    resourceGroupName: GROUP\n",
                )),
            AzureFault::Hidden => hidden(finding, trouble, "Azure"),
            fault @ (AzureFault::Identity
            | AzureFault::Federation
            | AzureFault::AppSecret
            | AzureFault::Tenant
            | AzureFault::NotAmbient) => of_identity(finding, trouble, solver, fault),
        }
    })
}

fn of_role(finding: Finding, trouble: &Trouble, solver: &AzureDns) -> Finding {
    let zone = if solver.hosted_zone_name.is_empty() { "ZONE" } else { &solver.hosted_zone_name };
    finding
        .says(format!("cert-manager's Azure identity has no role that may write TXT records for {}", trouble.names()))
        .because(format!(
            "Azure knows the identity and refuses the action on the zone. The role is missing, is given on another zone or \
             group, or was given a few minutes ago only. {RETRIES}"
        ))
        .fix(Fix::command(
            "give the identity the role on the zone alone",
            format!(
                "az role assignment create --role 'DNS Zone Contributor' --assignee {} --scope \
                 /subscriptions/{}/resourceGroups/{}/providers/Microsoft.Network/dnsZones/{}",
                quoted(word_after(&trouble.words, "The client '").map_or("CLIENT-ID", |id| id.trim_end_matches('\''))),
                quoted(&solver.subscription_id),
                quoted(&solver.resource_group_name),
                quoted(zone)
            ),
        ))
}

fn of_identity(finding: Finding, trouble: &Trouble, solver: &AzureDns, fault: AzureFault) -> Finding {
    let (names, issuer) = (trouble.names(), trouble.issuer());
    let name_identity = Fix::patch(
        format!("name the identity (solver in {issuer})"),
        "dns01:\n  azureDNS:\n    managedIdentity:\n      clientID: CLIENT-ID\n",
    );
    match fault {
        AzureFault::Federation => finding
            .says(format!("Azure does not trust the service account token of cert-manager, needed for {names}"))
            .because(format!(
                "The federated credential of the identity must name the cluster's OIDC issuer, the audience \
                 api://AzureADTokenExchange and the subject of the controller's service account, usually \
                 system:serviceaccount:cert-manager:cert-manager. One of them differs. {RETRIES}"
            ))
            .fix(Fix::command(
                "show what the identity trusts, and compare it with the cluster",
                "az identity federated-credential list --identity-name IDENTITY --resource-group GROUP \
                 --query '[].[issuer,subject,audiences]'",
            )),
        AzureFault::AppSecret => finding
            .says(format!("the client secret of the Azure application, needed for {names}, is wrong or has expired"))
            .because(format!("Azure knows the application {} and refuses its secret. {RETRIES}", solver.client_id))
            .fix(Fix::command(
                "make a new secret, and store it where the solver's clientSecretSecretRef names it",
                format!("az ad app credential reset --id {}", quoted(&solver.client_id)),
            )),
        AzureFault::Tenant => finding
            .says(format!("Azure finds no application {} in tenant {}", solver.client_id, solver.tenant_id))
            .because(format!("clientID or tenantID of the solver is wrong, or the application was deleted. {RETRIES}"))
            .fix(Fix::command("show the application's tenant", format!("az ad sp show --id {}", quoted(&solver.client_id)))),
        AzureFault::NotAmbient => finding
            .says(format!("the Azure solver in {issuer} names no client, and may not use the identity of the pod"))
            .because(format!(
                "Without clientID, cert-manager would use the identity of its own pod (ambient). For Issuers that is off by \
                 default, for ClusterIssuers it is on. {RETRIES}"
            ))
            .fix(Fix::manual("start the controller with --issuer-ambient-credentials=true, or use a ClusterIssuer"))
            .fix(Fix::manual(format!("or give the solver in {issuer} clientID, tenantID and clientSecretSecretRef"))),
        AzureFault::Identity
        | AzureFault::Role
        | AzureFault::ZoneNotFound
        | AzureFault::Hidden => finding
            .says(format!("cert-manager's pod gets no Azure identity, needed for {names}"))
            .because(format!(
                "No identity is bound to the pod or its node, or there are several and the solver does not say which one. \
                 With workload identity, pod and service account need the label azure.workload.identity/use and the \
                 annotation azure.workload.identity/client-id. {RETRIES}"
            ))
            .fix(name_identity)
            .fix(Fix::command(
                "see the label and annotation of workload identity",
                "kubectl get pods,serviceaccounts -n cert-manager -o yaml | grep azure.workload.identity",
            )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refused, says};

    const SOLVER: &str = "azureDNS: {subscriptionID: 0000, resourceGroupName: dns, hostedZoneName: example.com, clientID: app, tenantID: t}";

    #[test]
    fn each_answer_is_told_apart() {
        for (words, part) in [
            (
                "Zone example.com not found in AzureDNS for domain _acme-challenge.web.example.com. Err: RESPONSE 403: 403 Forbidden ERROR CODE: AuthorizationFailed",
                "no role",
            ),
            (
                "error instantiating azuredns challenge solver: failed to create the managed service identity token: Identity not found",
                "gets no Azure identity",
            ),
            (
                "AADSTS700213: No matching federated identity record found for presented assertion subject",
                "does not trust the service account",
            ),
            ("AADSTS7000222: The provided client secret keys for app are expired.", "client secret"),
            (
                "AADSTS700016: Application with identifier 'app' was not found in the directory",
                "no application app in tenant t",
            ),
            (
                "error instantiating azuredns challenge solver: ClientID was omitted without providing one of `--cluster-issuer-ambient-credentials`",
                "names no client",
            ),
            (
                "Zone example.com not found in AzureDNS for domain _acme-challenge.web.example.com. Err: RESPONSE 404: ResourceNotFound",
                "no DNS zone",
            ),
            (
                "Zone example.com not found in AzureDNS for domain _acme-challenge.web.example.com. Err: <redacted Azure SDK error: azcore.ResponseError: see events and logs for details>",
                "only in cert-manager's log",
            ),
        ] {
            let specimen = refused(SOLVER, words);
            assert_eq!(specimen.ids(), ["dns01-azure"], "{words}");
            assert!(says(&specimen).contains(part), "{}", says(&specimen));
        }
    }

    #[test]
    fn a_server_error_of_azure_is_no_fault_of_the_set_up() {
        assert_eq!(refused(SOLVER, "RESPONSE 503: 503 Service Unavailable").ids(), ["dns01-present-failed"]);
    }
}
