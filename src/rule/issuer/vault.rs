//! Vault issuers: Vault does not answer, or does not let cert-manager in.

use super::credentials::{Home, missing_secret};
use super::{Complaint, NETWORK, TLS, curl_inside, request_words, says};
use crate::api::issuer::VaultIssuer;
use crate::api::{IssuerReason, Secret};
use crate::chain::IssuerView;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::{Kind, ObjRef};
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};

/// Who says what about a Vault issuer.
struct Spoken<'i> {
    issuer: ObjRef,
    vault: &'i VaultIssuer,
    witness: Witness,
    words: &'i str,
}

impl<'i> Spoken<'i> {
    /// The issuer's condition, else the signer's word on the request: a Vault may fail after the issuer was ready.
    fn of(facts: &Facts<'i>) -> Result<Self, Withheld> {
        match Complaint::of(facts) {
            Ok(complaint) => {
                let vault = complaint.spec.vault.as_ref().ok_or(Withheld::NotApplicable)?;
                if complaint.reason() != Some(&IssuerReason::VaultError) {
                    return Err(Withheld::NotApplicable);
                }
                let witness = Witness::Condition(complaint.issuer.kind, "Ready");
                return Ok(Self { words: complaint.words(), issuer: complaint.issuer, vault, witness });
            }
            Err(Withheld::NotApplicable) => {}
            Err(gap) => return Err(gap),
        }
        let words = request_words(facts).ok_or(Withheld::NotApplicable)?;
        let IssuerView::Builtin { objref, spec, .. } = super::waited_for(facts)? else {
            return Err(Withheld::NotApplicable);
        };
        let vault = spec.vault.as_ref().ok_or(Withheld::NotApplicable)?;
        if !says(words, &["failed to initialise vault client", "required secret resource not found"]) {
            return Err(Withheld::NotApplicable);
        }
        let witness = Witness::Condition(Kind::CertificateRequest, "Ready");
        Ok(Self { issuer: objref.clone(), vault, witness, words })
    }

    /// Whether Vault was not reached, or was in no state to answer.
    fn is_out_of_reach(&self) -> bool {
        const STATE: &[&str] = &[
            "vault is sealed",
            "is not initialized",
            "sys/health",
            "ca bundle",
            "http response to https",
            "code: 503",
            "code: 502",
            "code: 504",
        ];
        says(self.words, STATE) || says(self.words, NETWORK) || says(self.words, TLS)
    }

    fn found(&self, rule: &'static Rule) -> Finding {
        rule.on(self.issuer.clone()).evidence(self.witness.clone(), self.words)
    }
}

pub static UNREACHABLE_OR_SEALED: Rule = Rule {
    id: "vault-unreachable-or-sealed",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the Vault server is sealed, or the controller gets no answer from it",
    doc: include_str!("../../../docs/rules/vault-unreachable-or-sealed.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuer-not-ready"],
    judge: unreachable_or_sealed,
};

fn unreachable_or_sealed(facts: &Facts) -> Judgement {
    let spoken = Spoken::of(facts)?;
    if !spoken.is_out_of_reach() {
        return Ok(vec![]);
    }
    let server = &spoken.vault.server;
    let finding =
        spoken.found(&UNREACHABLE_OR_SEALED).evidence(Witness::Spec(spoken.issuer.kind, "vault.server"), server);
    let health = curl_inside(facts, &format!("{}/v1/sys/health", server.trim_end_matches('/')));
    Ok(vec![if says(spoken.words, &["is sealed"]) {
        finding
            .says(format!("the Vault at {server} is sealed"))
            .because(
                "A sealed Vault keeps its keys locked and signs nothing. It is sealed after each restart, \
             unless it unseals itself.",
            )
            .fix(Fix::command(
                "unseal it; the issuer is ready again by itself",
                format!(
                    "vault operator unseal \
             -address='{server}'"
                ),
            ))
    } else if says(spoken.words, &["is not initialized"]) {
        finding
            .says(format!("the Vault at {server} was never initialized"))
            .because(
                "A Vault without its first set-up has no keys and signs nothing. The address may be that of \
             a fresh replica.",
            )
            .fix(Fix::command("look at it", health))
    } else if says(spoken.words, TLS) || says(spoken.words, &["ca bundle"]) {
        let trust = match (&spoken.vault.ca_bundle_secret_ref, spoken.vault.ca_bundle.is_empty()) {
            (Some(reference), _) => format!("caBundleSecretRef {}", reference.name),
            (None, false) => "caBundle is set".to_owned(),
            (None, true) => "neither caBundle nor caBundleSecretRef is set".to_owned(),
        };
        finding
            .says(format!("the controller does not trust the certificate of the Vault at {server}"))
            .because("Vault mostly shows a certificate of a private CA. The issuer must name that CA's root.")
            .evidence(Witness::Spec(spoken.issuer.kind, "vault.caBundle"), trust)
            .fix(Fix::patch(
                "give the root that signed Vault's certificate",
                "spec:\n  vault:\n    caBundle: BASE64-OF-THE-PEM\n",
            ))
            .fix(Fix::command("see which certificate it shows", health))
    } else {
        finding
            .says(format!("the controller gets no answer from the Vault at {server}"))
            .outlook(Outlook::Unknown)
            .because("The connection fails, or a proxy answers in Vault's place. The controller tries again by itself.")
            .fix(Fix::command("ask it from inside the cluster, as the controller does", health))
    }])
}

pub static AUTH: Rule = Rule {
    id: "vault-auth",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "cert-manager cannot log in to Vault",
    doc: include_str!("../../../docs/rules/vault-auth.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuer-not-ready"],
    judge: auth,
};

fn auth(facts: &Facts) -> Judgement {
    let spoken = Spoken::of(facts)?;
    if spoken.is_out_of_reach() {
        return Ok(vec![]);
    }
    let (issuer, words) = (&spoken.issuer, spoken.words);
    let finding = spoken
        .found(&AUTH)
        .evidence(Witness::Spec(issuer.kind, "vault.auth"), method(spoken.vault))
        .because("The issuer must log in before it can sign, so every request waits.");
    Ok(vec![if let Some(account) = denied_account(words) {
        token_denied(facts, &spoken, finding, account)
    } else if missing_secret(words).is_some() || says(words, &["no data for"]) {
        credential_missing(facts, &spoken, finding)
    } else if says(words, &["audience"]) {
        finding
            .says(format!("Vault does not accept the audience of the token that {issuer} logs in with"))
            .because(format!(
                "The token is made for the audience {}. The role in Vault must be bound to it.",
                audience(issuer)
            ))
            .fix(Fix::command(
                "bind the role to it",
                vault_role(spoken.vault, &format!("audience='{}'", audience(issuer))),
            ))
    } else if says(words, &["permission denied", "code: 403", "not authorized", "code: 400", "invalid role"]) {
        denied(finding, &spoken)
    } else {
        finding
            .says(format!("the Vault login of {issuer} is not complete: {words}"))
            .because("The controller checks the fields before it asks Vault, so nothing has reached Vault yet.")
            .fix(Fix::patch(
                "give one method with all of its fields, such as this one",
                "spec:\n  vault:\n    auth:\n      kubernetes:\n        mountPath: /v1/auth/kubernetes\n        \
                 role: ROLE\n        serviceAccountRef:\n          name: SERVICE-ACCOUNT\n",
            ))
    }])
}

fn denied(finding: Finding, spoken: &Spoken) -> Finding {
    let finding = finding.says(format!("Vault does not let {} in", spoken.issuer));
    if let Some(kubernetes) = &spoken.vault.auth.kubernetes {
        let account = kubernetes
            .service_account_ref
            .as_ref()
            .map_or("the ServiceAccount of the Secret", |account| account.name.as_str());
        let namespace = spoken.issuer.namespace.as_deref().unwrap_or("cert-manager");
        return finding
            .because(format!(
                "The role {} in Vault must be bound to the ServiceAccount {account} in namespace {namespace}, \
                 and its policy must \
                 allow {}.",
                kubernetes.role, spoken.vault.path
            ))
            .fix(Fix::command(
                "bind the role to that account",
                vault_role(
                    spoken.vault,
                    &format!("bound_service_account_names='{account}' bound_service_account_namespaces='{namespace}'"),
                ),
            ));
    }
    finding
        .because("The token, or the pair of role id and secret id, is wrong, has expired or was revoked.")
        .fix(Fix::command("see whether Vault knows the token, and store a new one in the Secret", "vault token lookup"))
}

fn credential_missing(facts: &Facts, spoken: &Spoken, finding: Finding) -> Finding {
    let home = Home::of(facts, &spoken.issuer);
    let auth = &spoken.vault.auth;
    let references = [
        auth.token_secret_ref.as_ref(),
        auth.app_role.as_ref().map(|role| &role.secret_ref),
        auth.kubernetes.as_ref().map(|kubernetes| &kubernetes.secret_ref),
    ];
    let named = missing_secret(spoken.words);
    let reference =
        references.into_iter().flatten().find(|reference| named.is_none_or(|named| named == reference.name));
    let secret = named.or(reference.map(|reference| reference.name.as_str())).unwrap_or_default();
    let key = reference.map(|reference| reference.key.as_str()).filter(|key| !key.is_empty()).unwrap_or("token");
    let stored: Option<&Secret> = home.secret(facts, secret);
    let has: Vec<&str> = stored.into_iter().flat_map(|secret| secret.data.keys()).map(String::as_str).collect();
    let has = if has.is_empty() { String::new() } else { format!("keys: {}", has.join(", ")) };
    let what = if named.is_some() { "does not exist".to_owned() } else { format!("has no key {key}") };
    finding
        .says(format!("Secret {}/{secret} with the Vault credential of {} {what}", home.namespace, spoken.issuer))
        .because("The controller reads it before it asks Vault. It is taken up by itself when it appears.")
        .evidence(Witness::Data(Kind::Secret), has)
        .fix(Fix::command(
            "create it",
            format!("kubectl create secret generic {secret} -n {} --from-literal={key}='CREDENTIAL'", home.namespace),
        ))
}

fn token_denied(facts: &Facts, spoken: &Spoken, finding: Finding, account: &str) -> Finding {
    let home = Home::of(facts, &spoken.issuer);
    let usual = || format!("{}:cert-manager", super::controller(facts).namespace.unwrap_or_default());
    let user = spoken.words.split_once("system:serviceaccount:").and_then(|(_, after)| after.split('"').next());
    let controller = user.map_or_else(usual, str::to_owned);
    let namespace = &home.namespace;
    finding
        .says(format!("cert-manager may not ask for a token of ServiceAccount {namespace}/{account}"))
        .because(
            "To log in, the controller asks Kubernetes for a token of that account. Nothing allows that by \
         default.",
        )
        .fix(Fix::command(
            "allow exactly that",
            format!(
                "kubectl create role vault-token -n {namespace} --verb=create --resource=serviceaccounts/token \
                 --resource-name={account}\n\
                 kubectl create rolebinding vault-token -n {namespace} --role=vault-token --serviceaccount={controller}"
            ),
        ))
}

/// The account of `serviceaccounts "x" is forbidden: ... cannot create resource "serviceaccounts/token"`.
fn denied_account(words: &str) -> Option<&str> {
    let (_, after) = words.split_once("serviceaccounts \"")?;
    let (account, after) = after.split_once('"')?;
    after.contains("forbidden").then_some(account)
}

/// The audience that cert-manager adds for an issuer.
fn audience(issuer: &ObjRef) -> String {
    match &issuer.namespace {
        Some(namespace) => format!("vault://{namespace}/{}", issuer.name),
        None => format!("vault://{}", issuer.name),
    }
}

fn vault_role(vault: &VaultIssuer, change: &str) -> String {
    let (mount, role) = vault
        .auth
        .kubernetes
        .as_ref()
        .map_or(("", "ROLE"), |kubernetes| (kubernetes.mount_path.as_str(), kubernetes.role.as_str()));
    let mount = mount.trim_start_matches("/v1/").trim_matches('/');
    let mount = if mount.is_empty() { "auth/kubernetes" } else { mount };
    format!("vault patch {mount}/role/{role} {change}")
}

/// The login in words.
fn method(vault: &VaultIssuer) -> String {
    let auth = &vault.auth;
    if let Some(token) = &auth.token_secret_ref {
        return format!("tokenSecretRef {}", token.name);
    }
    if let Some(role) = &auth.app_role {
        return format!("appRole at {}", role.path);
    }
    if let Some(kubernetes) = &auth.kubernetes {
        let account = kubernetes.service_account_ref.as_ref().map_or("", |account| account.name.as_str());
        let by = if account.is_empty() { kubernetes.secret_ref.name.as_str() } else { account };
        let by = if by.is_empty() { "neither secretRef nor serviceAccountRef" } else { by };
        return format!("kubernetes, role {}, {by}", kubernetes.role);
    }
    if auth.client_certificate.is_some() {
        return "clientCertificate".into();
    }
    if auth.aws.is_some() { "aws".into() } else { "no method".into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::issuer::{VaultAuth, VaultKubernetes};
    use crate::api::issuer_ref::ServiceAccountRef;
    use crate::api::{ConditionStatus, IssuerSpec};
    use crate::facts::specimen::Specimen;

    fn vault() -> Specimen {
        Specimen::http01().broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            let kubernetes = VaultKubernetes {
                role: "web".into(),
                service_account_ref: Some(ServiceAccountRef { name: "vault-issuer".into(), audiences: vec![] }),
                ..VaultKubernetes::default()
            };
            let auth = VaultAuth { kubernetes: Some(kubernetes), ..VaultAuth::default() };
            let vault = VaultIssuer {
                auth,
                server: "https://vault.corp.example:8200".into(),
                path: "pki/sign/web".into(),
                ..VaultIssuer::default()
            };
            objects.cluster_issuer().spec = IssuerSpec { vault: Some(vault), ..IssuerSpec::default() };
        })
    }

    fn unready(words: &str) -> Specimen {
        vault().broken(|objects| {
            let condition = &mut objects.cluster_issuer().status.conditions[0];
            condition.status = ConditionStatus::False;
            condition.reason = Some(IssuerReason::VaultError);
            condition.message = words.into();
        })
    }

    fn summary(specimen: &Specimen) -> String {
        specimen.judge().findings[0].summary.clone()
    }

    #[test]
    fn each_word_goes_to_one_of_the_two() {
        for (words, id, summary_has) in [
            (
                "Failed to verify Vault is initialized and unsealed: Vault is sealed",
                "vault-unreachable-or-sealed",
                "is sealed",
            ),
            (
                "Failed to verify Vault is initialized and unsealed: Vault is not initialized",
                "vault-unreachable-or-sealed",
                "never initialized",
            ),
            (
                "Failed to initialize Vault client: error calling Vault server: dial tcp 10.0.0.1:8200: connect: \
                 connection refused",
                "vault-unreachable-or-sealed",
                "no answer",
            ),
            (
                "error calling Vault server: x509: certificate signed by unknown authority",
                "vault-unreachable-or-sealed",
                "does not trust",
            ),
            (
                "Failed to initialize Vault client: error calling Vault server: Code: 403. Errors: permission denied",
                "vault-auth",
                "does not let",
            ),
            (
                r#"serviceaccounts "vault-issuer" is forbidden: User cannot create resource "serviceaccounts/token""#,
                "vault-auth",
                "may not ask for a token of ServiceAccount cert-manager/vault-issuer",
            ),
            (r#"Failed to initialize Vault client: secrets "vault-token" not found"#, "vault-auth", "does not exist"),
            ("Errors: * invalid audience (aud) claim", "vault-auth", "audience"),
            (
                "Vault Kubernetes auth requires either secretRef.name or serviceAccountRef.name to be set",
                "vault-auth",
                "not complete",
            ),
        ] {
            let specimen = unready(words);
            assert_eq!(specimen.ids(), [id, "issuer-not-ready"], "{words}");
            assert!(summary(&specimen).contains(summary_has), "{}", summary(&specimen));
            assert_eq!(specimen.about(Kind::ClusterIssuer, None, "letsencrypt").root(), Some(id), "{words}");
        }
    }

    #[test]
    fn the_signers_word_counts_when_the_issuer_is_ready() {
        let later = |words: &str| {
            vault().broken(|objects| {
                for condition in objects.request().status.conditions.iter_mut().filter(|condition| !condition.is_true())
                {
                    condition.message = words.into();
                }
            })
        };
        assert_eq!(later("Failed to initialise vault client for signing: permission denied").ids(), ["vault-auth"]);
        assert_eq!(
            later("Failed to initialise vault client for signing: dial tcp: i/o timeout").ids(),
            ["vault-unreachable-or-sealed"]
        );
        assert_eq!(later("busy").ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_role_is_bound_under_its_own_mount() {
        let mut issuer = VaultIssuer::default();
        assert!(vault_role(&issuer, "x=1").starts_with("vault patch auth/kubernetes/role/ROLE"));
        issuer.auth.kubernetes = Some(VaultKubernetes {
            mount_path: "/v1/auth/k8s-eu".into(),
            role: "web".into(),
            ..VaultKubernetes::default()
        });
        assert_eq!(vault_role(&issuer, "x=1"), "vault patch auth/k8s-eu/role/web x=1");
    }
}
