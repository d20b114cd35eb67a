//! What CA, Vault and Venafi issuers say on the request that they refuse to sign.

use super::progress::renew;
use super::request::failure::{self, Failure};
use super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use crate::api::issuer::VaultIssuer;
use crate::api::{CertificateConditionType, CertificateReason, Object, RequestConditionType, RequestReason};
use crate::chain::IssuerView;
use crate::duration::human;
use crate::engine::Stage;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::{Kind, ObjRef};

/// How long a Venafi server may keep a request for approval before it is worth a word.
const VENAFI_PATIENCE_SECONDS: i64 = 3600;

/// Where the custom fields for Venafi stand.
const CUSTOM_FIELDS: &str = "venafi.cert-manager.io/custom-fields";

pub static CA_SECRET_EQUALS_LEAF: Rule = Rule {
    id: "ca-secret-equals-leaf-secret",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the certificate is stored in the Secret of the CA that signs it",
    doc: include_str!("../../docs/rules/ca-secret-equals-leaf-secret.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Issuer, Kind::ClusterIssuer, Kind::Deployment],
    explains: &[],
    judge: ca_secret_equals_leaf,
};

fn ca_secret_equals_leaf(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let secret = &certificate.spec.secret_name;
    let words = "different from the ca issuer's secretname";
    let said = failure::of_request(facts).filter(|failure| failure.says_any(&[words]));
    let issuer = facts.chain.issuer.seen();
    let equal =
        issuer.is_some_and(|issuer| reads_secret(facts, issuer, certificate.namespace().unwrap_or_default(), secret));
    if !equal && said.is_none() {
        return Ok(vec![]);
    }
    let name = match issuer {
        Some(IssuerView::Builtin { objref, .. }) => objref.to_string(),
        Some(IssuerView::External(_)) | None => "the CA issuer".to_owned(),
    };
    let mut finding = CA_SECRET_EQUALS_LEAF
        .on(certificate.objref())
        .says(format!(
            "{} is stored in Secret {secret}, which is the CA of {name}: each issuance overwrites the CA",
            certificate.objref()
        ))
        .evidence(Witness::Spec(Kind::Certificate, "secretName"), secret);
    if let (true, Some(IssuerView::Builtin { objref, .. })) = (equal, issuer) {
        finding = finding.evidence(Witness::Spec(objref.kind, "ca.secretName"), secret);
    }
    if let Some(Failure { witness, words, .. }) = said {
        finding = finding.evidence(witness, words);
    }
    Ok(vec![
        finding
            .fix(Fix::patch(
                "store the certificate elsewhere",
                format!("spec:\n  secretName: {}-tls", certificate.name()),
            ))
            .fix(Fix::manual(format!(
                "if Secret {secret} no longer holds the CA, put the CA's certificate and key back"
            ))),
    ])
}

/// Whether the issuer signs with this Secret of this namespace.
fn reads_secret(facts: &Facts, issuer: &IssuerView, namespace: &str, secret: &str) -> bool {
    let IssuerView::Builtin { objref, spec, .. } = issuer else { return false };
    let same_name = spec.ca.as_ref().is_some_and(|ca| ca.secret_name == secret);
    let same_namespace = match &objref.namespace {
        Some(theirs) => theirs == namespace,
        None => facts.cluster_resource_namespace() == namespace,
    };
    same_name && same_namespace
}

pub static VAULT_WRONG_PATH: Rule = Rule {
    id: "vault-wrong-path",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the issuer's Vault path is wrong, or its token may not use it",
    doc: include_str!("../../docs/rules/vault-wrong-path.md"),
    needs: &[Kind::CertificateRequest, Kind::Issuer, Kind::ClusterIssuer],
    explains: &[],
    judge: vault_wrong_path,
};

fn vault_wrong_path(facts: &Facts) -> Judgement {
    let failure = vault_failure(facts).ok_or(Withheld::NotApplicable)?;
    let role = after(&failure.words, "unknown role: ");
    let (why, fix) = if failure.says_any(&["unknown role"]) {
        let role = role.unwrap_or_else(|| "of that name".into());
        let mount = vault(facts).map_or_else(|| "MOUNT".to_owned(), |vault| mount_and_role(&vault.path).0);
        let list = Fix::command("compare with the roles that the mount has", format!("vault list {mount}/roles"));
        (format!("the mount has no role {role}"), list)
    } else if failure.says_any(&["no handler for route", "unsupported path"]) {
        (
            "no secrets engine answers there".to_owned(),
            Fix::command("compare with the mounts that Vault has", "vault secrets list"),
        )
    } else if failure.says_any(&["permission denied"]) {
        let path =
            vault(facts).map_or_else(|| "MOUNT/sign/ROLE".to_owned(), |vault| vault.path.trim_matches('/').to_owned());
        let policy = format!("path \"{path}\" {{\n  capabilities = [\"create\", \"update\"]\n}}");
        let fix = Fix::patch("let the policy of the issuer's token or role use exactly this path", policy);
        ("the token's policy does not allow it".to_owned(), fix)
    } else {
        return Ok(vec![]);
    };
    let path = vault(facts).map(|vault| vault.path.clone());
    let at = path.as_ref().map_or_else(|| "the issuer's path".to_owned(), |path| format!("path {path}"));
    let mut finding = VAULT_WRONG_PATH
        .on(failure.object)
        .says(format!("Vault refuses to sign at {at}: {why}"))
        .evidence(failure.witness, failure.words);
    if let (Some(path), Some(issuer)) = (path, issuer(facts)) {
        finding = finding.evidence(Witness::Spec(issuer.kind, "vault.path"), &path);
        if let Some(better) = better_path(&path) {
            finding = finding.fix(set_path(&issuer, &better, "the path is MOUNT/sign/ROLE, without /v1"));
        }
    }
    Ok(vec![with_renewal(finding.fix(fix), facts)])
}

/// The path as it should be written, if its form is wrong.
fn better_path(path: &str) -> Option<String> {
    let bare = path.trim_matches('/');
    let bare = bare.strip_prefix("v1/").unwrap_or(bare);
    let parts: Vec<_> = bare.split('/').collect();
    let better = match parts.as_slice() {
        [mount @ .., "roles", role] if !mount.is_empty() => format!("{}/sign/{role}", mount.join("/")),
        _ => bare.to_owned(),
    };
    (better != path.trim_matches('/')).then_some(better)
}

/// `pki` and `web` out of `pki/sign/web`.
fn mount_and_role(path: &str) -> (String, String) {
    let bare = path.trim_matches('/');
    let bare = bare.strip_prefix("v1/").unwrap_or(bare);
    let verbs = ["/sign/", "/sign-verbatim/", "/issue/", "/roles/"];
    let split = verbs.iter().find_map(|verb| bare.rsplit_once(verb)).unwrap_or((bare, "ROLE"));
    (split.0.to_owned(), split.1.to_owned())
}

pub static VAULT_ISSUE_ENDPOINT: Rule = Rule {
    id: "vault-issue-endpoint",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the issuer uses Vault's issue endpoint, which makes a key of its own",
    doc: include_str!("../../docs/rules/vault-issue-endpoint.md"),
    needs: &[Kind::Certificate, Kind::Issuer, Kind::ClusterIssuer],
    explains: &[],
    judge: vault_issue_endpoint,
};

fn vault_issue_endpoint(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let (Some(vault), Some(issuer)) = (vault(facts), issuer(facts)) else { return Ok(vec![]) };
    // What is stored may be from another path.
    let quiet = matches!(facts.stage, Stage::Settled { .. });
    if !vault.path.contains("/issue/") || quiet {
        return Ok(vec![]);
    }
    let mut finding = VAULT_ISSUE_ENDPOINT
        .on(issuer.clone())
        .says(format!("{issuer} asks Vault at {}, which makes its own key and ignores the request's", vault.path))
        .evidence(Witness::Spec(issuer.kind, "vault.path"), &vault.path);
    if let Some(condition) = certificate.condition(CertificateConditionType::Issuing)
        && condition.reason == Some(CertificateReason::InvalidCertificate)
    {
        finding = finding.evidence(Witness::Condition(Kind::Certificate, "Issuing"), &condition.message);
    }
    let better = vault.path.replacen("/issue/", "/sign/", 1);
    Ok(vec![with_renewal(finding.fix(set_path(&issuer, &better, "sign the request instead")), facts)])
}

fn set_path(issuer: &ObjRef, path: &str, title: &str) -> Fix {
    Fix::command(
        title,
        format!(
            r#"kubectl patch {}{} --type=merge -p '{{"spec":{{"vault":{{"path":"{path}"}}}}}}'"#,
            issuer.kubectl_name(),
            issuer.namespace_flag()
        ),
    )
}

pub static VAULT_ROLE_REFUSES: Rule = Rule {
    id: "vault-role-refuses",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the Vault role does not allow the name or the lifetime",
    doc: include_str!("../../docs/rules/vault-role-refuses.md"),
    needs: &[Kind::CertificateRequest, Kind::Issuer, Kind::ClusterIssuer],
    explains: &[],
    judge: vault_role_refuses,
};

fn vault_role_refuses(facts: &Facts) -> Judgement {
    let failure = vault_failure(facts).ok_or(Withheld::NotApplicable)?;
    let (mount, role) =
        vault(facts).map_or(("MOUNT".to_owned(), "ROLE".to_owned()), |vault| mount_and_role(&vault.path));
    let of_role = if role == "ROLE" { "the Vault role".to_owned() } else { format!("the Vault role {role}") };
    let look = Fix::command("read what the role allows", format!("vault read {mount}/roles/{role}"));
    let name = ["common name ", "subject alternate name ", "alternate name "]
        .iter()
        .find_map(|intro| after(&failure.words, intro));
    let (summary, fix) = if failure.says_any(&["not allowed by this role", "alternate name"]) && name.is_some() {
        let name = name.unwrap_or_default();
        let zone = name.split_once('.').map_or(name.as_str(), |(_, zone)| zone);
        let fix = Fix::command(
            "allow the zone (the list replaces the old one), or take the name out of the Certificate",
            format!("vault patch {mount}/roles/{role} allowed_domains={zone} allow_subdomains=true"),
        );
        (format!("{of_role} does not allow the name {name}"), fix)
    } else if failure.says_any(&["common_name field is required", "require_cn", "common name is required"]) {
        let fix = Fix::command("let the role do without", format!("vault patch {mount}/roles/{role} require_cn=false"));
        (format!("{of_role} wants a common name, and the Certificate has none"), fix)
    } else if failure.says_any(&["ttl would result in", "beyond the expiration of the ca", "exceeds"])
        && failure.says_any(&["ttl", "notafter"])
    {
        let fix = Fix::manual("shorten spec.duration to less than what is left of Vault's CA, or renew that CA");
        (
            format!(
                "{of_role} cannot sign for that long: the certificate would outlive Vault's CA or the role's max_ttl"
            ),
            fix,
        )
    } else {
        return Ok(vec![]);
    };
    let mut finding = VAULT_ROLE_REFUSES.on(failure.object).says(summary).evidence(failure.witness, failure.words);
    if let (Some(vault), Some(issuer)) = (vault(facts), issuer(facts)) {
        finding = finding.evidence(Witness::Spec(issuer.kind, "vault.path"), &vault.path);
    }
    Ok(vec![with_renewal(finding.fix(look).fix(fix), facts)])
}

/// What Vault said when it was asked to sign.
fn vault_failure(facts: &Facts) -> Option<Failure> {
    failure::of_request(facts)
        .filter(|failure| failure.says_any(&["sign certificate by vault", "vault failed to sign"]))
}

pub static VENAFI_REQUEST: Rule = Rule {
    id: "venafi-request",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the Venafi server refuses the request or keeps it waiting",
    doc: include_str!("../../docs/rules/venafi-request.md"),
    needs: &[Kind::CertificateRequest, Kind::Issuer, Kind::ClusterIssuer],
    explains: &[],
    judge: venafi_request,
};

fn venafi_request(facts: &Facts) -> Judgement {
    if let Some(failure) = failure::of_request(facts) {
        return Ok(venafi_failed(facts, failure).into_iter().collect());
    }
    let request = facts.request()?.request;
    let pending =
        request.condition(RequestConditionType::Ready).filter(|ready| ready.reason == Some(RequestReason::Pending));
    let Some(ready) = pending else { return Ok(vec![]) };
    let words = ready.message.to_lowercase();
    let waits = words.contains("certificate is requested") || words.contains("still in a pending state");
    if !waits || !facts.is_older_than(request.created(), VENAFI_PATIENCE_SECONDS) {
        return Ok(vec![]);
    }
    let age = request.created().map_or_else(|| "long".to_owned(), |created| human(facts.since(created)));
    let zone = venafi_zone(facts).map_or_else(String::new, |zone| format!(" of zone {zone}"));
    Ok(vec![
        VENAFI_REQUEST
            .on(request.objref())
            .says(format!(
                "the Venafi server keeps {} pending for {age}: it waits for an approval there",
                request.objref()
            ))
            .evidence(Witness::Condition(Kind::CertificateRequest, "Ready"), &ready.message)
            .fix(Fix::manual(format!("approve it in the server's workflow{zone}; cert-manager asks again by itself"))),
    ])
}

fn venafi_failed(facts: &Facts, failure: Failure) -> Option<Finding> {
    let server = ["from certificate manager", "from venafi", "certificate manager issuer"];
    let (summary, fix) = if failure.says_any(&["venafi.cert-manager.io/custom-fields"]) {
        let fix = Fix::patch(
            "write a JSON list",
            format!(
                "metadata:\n  annotations:\n    {CUSTOM_FIELDS}: '[{{\"name\": \"Cost centre\", \"value\": \"1234\"}}]'"
            ),
        );
        (format!("the annotation {CUSTOM_FIELDS} cannot be used: {}", json_words(facts)), fix)
    } else if failure.says_any(&server) && failure.says_any(&["failed to request"]) {
        let zone = venafi_zone(facts).map_or_else(|| "its zone".to_owned(), |zone| format!("zone {zone}"));
        let fix =
            Fix::manual(format!("change what its words object to: the policy of {zone}, or the Certificate's spec"));
        (format!("the Venafi server does not take the request in {zone}: see its words"), fix)
    } else if failure.says_any(&server) && failure.says_any(&["failed to obtain", "failed to retrieve"]) {
        let fix = Fix::manual("look the request up at the server: it was rejected, withdrawn or failed there");
        ("the Venafi server took the request and gives no certificate for it".to_owned(), fix)
    } else {
        return None;
    };
    let finding = VENAFI_REQUEST.on(failure.object).says(summary).evidence(failure.witness, failure.words).fix(fix);
    Some(with_renewal(finding, facts))
}

/// What is wrong with the custom fields, as far as the annotation was seen.
fn json_words(facts: &Facts) -> String {
    let on_request = facts.request().ok().and_then(|node| node.request.annotation(CUSTOM_FIELDS));
    let on_issuer = match facts.chain.issuer.seen() {
        Some(IssuerView::Builtin { metadata, .. }) => {
            metadata.annotations.as_ref().and_then(|all| all.get(CUSTOM_FIELDS))
        }
        Some(IssuerView::External(_)) | None => None,
    };
    for (place, text) in [("request", on_request), ("issuer", on_issuer.map(String::as_str))] {
        match text.map(serde_json::from_str::<serde_json::Value>) {
            Some(Err(error)) => return format!("on the {place} it is no JSON ({error})"),
            Some(Ok(value)) if !value.is_array() => return format!("on the {place} it is no JSON list"),
            Some(Ok(_)) | None => {}
        }
    }
    "see the words".to_owned()
}

fn venafi_zone(facts: &Facts) -> Option<String> {
    match facts.chain.issuer.seen()? {
        IssuerView::Builtin { spec, .. } => spec.venafi.as_ref().map(|venafi| venafi.zone.clone()),
        IssuerView::External(_) => None,
    }
}

fn vault<'i>(facts: &Facts<'i>) -> Option<&'i VaultIssuer> {
    match facts.chain.issuer.seen()? {
        IssuerView::Builtin { spec, .. } => spec.vault.as_ref(),
        IssuerView::External(_) => None,
    }
}

fn issuer(facts: &Facts) -> Option<ObjRef> {
    match facts.chain.issuer.seen()? {
        IssuerView::Builtin { objref, .. } => Some(objref.clone()),
        IssuerView::External(_) => None,
    }
}

/// The word behind `intro`, without the punctuation around it.
fn after(words: &str, intro: &str) -> Option<String> {
    let word = words.split_once(intro)?.1.split_whitespace().next()?.trim_matches(['"', '\'', ',', '.', ':', ';']);
    (!word.is_empty()).then(|| word.to_owned())
}

fn with_renewal(finding: Finding, facts: &Facts) -> Finding {
    match facts.certificate() {
        Ok(certificate) => finding.fix(renew(&certificate.objref())),
        Err(_) => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::issuer::{CaIssuer, IssuerSpec};
    use crate::facts::specimen::Specimen;

    /// A request that a signer failed with these words; the issuer is changed by `change`.
    fn failed(words: &str, change: impl FnOnce(&mut IssuerSpec)) -> Specimen {
        Specimen::rejected().broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            objects.request().status.conditions[1].message = words.into();
            let spec = &mut objects.cluster_issuer().spec;
            spec.acme = None;
            change(spec);
        })
    }

    fn at_path(path: &str) -> impl FnOnce(&mut IssuerSpec) {
        let path = path.to_owned();
        move |spec| spec.vault = Some(VaultIssuer { path, ..VaultIssuer::default() })
    }

    fn vault_says(code: u16, error: &str) -> String {
        format!(
            "Vault failed to sign certificate: failed to sign certificate by vault: Error making API request.\n\n\
             URL: PUT https://vault.example.com/v1/pki/sign/web\nCode: {code}. Errors:\n\n* {error}"
        )
    }

    #[test]
    fn vaults_words_tell_what_is_wrong_with_the_path() {
        for (code, error, part) in [
            (400, "unknown role: web", "the mount has no role web"),
            (404, "no handler for route \"pki2/sign/web\". route entry not found.", "no secrets engine answers there"),
            (403, "permission denied", "the token's policy does not allow it"),
        ] {
            let wrong = failed(&vault_says(code, error), at_path("pki/sign/web"));
            assert!(wrong.ids().contains(&"vault-wrong-path"), "{error}");
            let report = wrong.judge();
            let finding = report.findings.iter().find(|finding| finding.rule == &VAULT_WRONG_PATH).unwrap();
            assert!(finding.summary.ends_with(part), "{}", finding.summary);
        }
        let other = failed("permission denied", at_path("pki/sign/web"));
        assert!(!other.ids().contains(&"vault-wrong-path"), "not Vault's words");
    }

    #[test]
    fn a_path_in_the_wrong_form_is_rewritten() {
        for (path, expected) in [
            ("pki/sign/web", None),
            ("/pki/sign/web", None),
            ("v1/pki/sign/web", Some("pki/sign/web")),
            ("/v1/pki/sign/web", Some("pki/sign/web")),
            ("pki/roles/web", Some("pki/sign/web")),
            ("team/pki/roles/web", Some("team/pki/sign/web")),
        ] {
            assert_eq!(better_path(path).as_deref(), expected, "{path}");
        }
        assert_eq!(mount_and_role("/v1/team/pki/sign/web"), ("team/pki".into(), "web".into()));
        assert_eq!(mount_and_role("pki"), ("pki".into(), "ROLE".into()));
    }

    #[test]
    fn a_role_that_refuses_is_told_from_a_wrong_path() {
        for (error, part) in [
            ("common name api.shop.example not allowed by this role", "does not allow the name api.shop.example"),
            (
                "subject alternate name db.shop.example not allowed by this role",
                "does not allow the name db.shop.example",
            ),
            ("the common_name field is required, or must be provided in a CSR", "wants a common name"),
            (
                "cannot satisfy request, as TTL would result in notAfter 2027-01-01T00:00:00Z that is beyond the expiration of the CA",
                "for that long",
            ),
        ] {
            let refused = failed(&vault_says(400, error), at_path("pki/sign/web"));
            let ids = refused.ids();
            assert!(ids.contains(&"vault-role-refuses") && !ids.contains(&"vault-wrong-path"), "{error}: {ids:?}");
            let headline = refused.judge().headline;
            assert!(headline.starts_with("the Vault role web") && headline.contains(part), "{headline}");
        }
    }

    #[test]
    fn the_issue_endpoint_is_named_unless_all_is_quiet() {
        let wrong = failed("anything", at_path("pki/issue/web"));
        assert!(wrong.ids().contains(&"vault-issue-endpoint"));
        assert!(!failed("anything", at_path("pki/sign/web")).ids().contains(&"vault-issue-endpoint"));
        let quiet = Specimen::healthy().broken(|objects| {
            let spec = &mut objects.cluster_issuer().spec;
            spec.acme = None;
            at_path("pki/issue/web")(spec);
        });
        assert!(!quiet.ids().contains(&"vault-issue-endpoint"));
    }

    #[test]
    fn a_leaf_in_the_cas_secret_is_told_by_names_or_words() {
        let named = |namespace: &str| {
            let namespace = namespace.to_owned();
            Specimen::dns01().broken(move |objects| {
                objects.issuers[0].spec.acme = None;
                objects.issuers[0].spec.ca = Some(CaIssuer { secret_name: "web-tls".into(), ..CaIssuer::default() });
                objects.issuers[0].metadata.namespace = Some(namespace);
            })
        };
        assert!(named("shop").ids().contains(&"ca-secret-equals-leaf-secret"));
        assert!(!named("elsewhere").ids().contains(&"ca-secret-equals-leaf-secret"));
        let words = "Failed to decode returned certificate: with CA issuers, ensure the Certificate's secretName is different \
                     from the CA issuer's secretName to avoid overwriting the CA secret: bad";
        assert!(failed(words, |_| {}).ids().contains(&"ca-secret-equals-leaf-secret"));
        let cluster =
            failed("other", |spec| spec.ca = Some(CaIssuer { secret_name: "web-tls".into(), ..CaIssuer::default() }));
        assert!(!cluster.ids().contains(&"ca-secret-equals-leaf-secret"), "its Secret is in another namespace");
    }

    #[test]
    fn venafis_three_answers_are_told_apart() {
        for (words, part) in [
            (
                "Failed to request certificate from Certificate Manager: vcert error: CN is required",
                "does not take the request",
            ),
            ("Failed to request certificate from venafi: policy", "does not take the request"),
            ("Failed to obtain certificate from Certificate Manager: rejected", "gives no certificate"),
            (
                "Failed to parse \"web-1\" \"venafi.cert-manager.io/custom-fields\" annotation: invalid character",
                "cannot be used: on the request it is no JSON list",
            ),
        ] {
            let refused = failed(words, |_| {}).broken(|objects| {
                objects.request().metadata.annotations.as_mut().unwrap().insert(CUSTOM_FIELDS.into(), "{}".into());
            });
            assert!(refused.ids().contains(&"venafi-request"), "{words}");
            assert!(refused.judge().headline.contains(part), "{}", refused.judge().headline);
        }
        assert!(!failed("Failed to request certificate", |_| {}).ids().contains(&"venafi-request"));
    }

    #[test]
    fn a_request_that_venafi_keeps_is_told_after_an_hour() {
        let kept = |minutes| {
            Specimen::http01().later(minutes).broken(|objects| {
                objects.orders.clear();
                objects.challenges.clear();
                objects.request().status.conditions[1].message =
                    "certificate still in a pending state, the request will be retried: x".into();
            })
        };
        assert_eq!(kept(61).root(), Some("venafi-request"));
        assert!(!kept(50).ids().contains(&"venafi-request"));
    }
}
