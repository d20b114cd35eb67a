//! The Secrets that issuers read: where they are looked for, and where they are instead.

use super::{Complaint, is_waiting, request_words, says};
use crate::api::{ChallengeType, IssuerReason, Object, Secret};
use crate::facts::{Component, Facts};
use crate::finding::{Fix, PROGRAM, Witness};
use crate::objref::{Kind, ObjRef};
use crate::rule::places::Places;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};

/// How many letters may differ between the key that is named and the one that is there.
const NEAR: usize = 4;

/// The namespace that an issuer's Secrets are read from.
pub(super) struct Home {
    pub(super) namespace: String,
    /// Whether it is known, and not only usual.
    pub(super) is_certain: bool,
}

impl Home {
    /// An Issuer's own namespace; for a ClusterIssuer the controller's `--cluster-resource-namespace`.
    pub(super) fn of(facts: &Facts, issuer: &ObjRef) -> Self {
        if let Some(namespace) = &issuer.namespace {
            return Self { namespace: namespace.clone(), is_certain: true };
        }
        let installation = facts.installation();
        let Some(controller) = installation.of_component(Component::Controller).next() else {
            return Self { namespace: "cert-manager".into(), is_certain: false };
        };
        let namespace = match controller.flag("cluster-resource-namespace") {
            Some("$(POD_NAMESPACE)") => controller.deployment.namespace().unwrap_or_default(),
            Some(given) => given,
            // The default of the program; the chart always sets the flag.
            None => "kube-system",
        };
        Self { namespace: namespace.to_owned(), is_certain: true }
    }

    /// A Secret of this name here, if it was seen.
    pub(super) fn secret<'i>(&self, facts: &Facts<'i>, name: &str) -> Option<&'i Secret> {
        facts.inventory.get::<Secret>(Some(&self.namespace), name).seen().copied()
    }

    /// The other namespaces that hold a Secret of this name.
    pub(super) fn elsewhere(&self, facts: &Facts, name: &str) -> Option<Places> {
        let namespaces = facts.inventory.namespaces_of(Kind::Secret, name);
        Places::of(namespaces.filter(|namespace| *namespace != self.namespace))
    }
}

/// The name of the Secret that the API server has not, by a controller's words: `secrets "x" not found`.
pub(super) fn missing_secret(words: &str) -> Option<&str> {
    let quoted = ["secrets \"", "secret \""].into_iter().find_map(|lead| {
        words.match_indices(lead).find_map(|(at, _)| {
            let (name, after) = words[at + lead.len()..].split_once('"')?;
            after.starts_with(" not found").then_some(name)
        })
    });
    // `Referenced secret NAMESPACE/NAME not found`
    quoted.or_else(|| {
        let (_, after) = words.split_once("eferenced secret ")?;
        let (place, _) = after.split_once(" not found")?;
        place.split_once('/').map(|(_, name)| name)
    })
}

/// The Secret and the key that it lacks, by a controller's words: `the secret "x" does not have key "y"`.
fn missing_key(words: &str) -> Option<(&str, &str)> {
    let (before, after) = words.split_once("does not have key \"")?;
    let key = after.split('"').next()?;
    let secret = before.rsplit('"').nth(1)?;
    Some((secret, key))
}

pub static INVALID_SOLVER_SECRET: Rule = Rule {
    id: "invalid-solver-secret",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the Secret with the DNS provider's credentials is missing, or lacks the key",
    doc: include_str!("../../../docs/rules/invalid-solver-secret.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuer-not-ready"],
    judge: invalid_solver_secret,
};

fn invalid_solver_secret(facts: &Facts) -> Judgement {
    let mut spoken = Vec::new();
    match Complaint::of(facts) {
        Ok(complaint) if complaint.reason() == Some(&IssuerReason::InvalidSolver) => {
            let witness = Witness::Condition(complaint.issuer.kind, "Ready");
            spoken.push((complaint.issuer.clone(), complaint.issuer, witness, complaint.condition.message.as_str()));
        }
        Ok(_) | Err(Withheld::NotApplicable) => spoken.extend(spoken_on_challenges(facts)),
        Err(gap) => return Err(gap),
    }
    let findings = spoken.into_iter().map(|(object, issuer, witness, words)| {
        let home = Home::of(facts, &issuer);
        let finding = INVALID_SOLVER_SECRET.on(object).evidence(witness, words);
        let place = |secret: &str| format!("Secret {}/{secret}", home.namespace);
        if let Some((secret, key)) = missing_key(words) {
            let keys: Vec<&str> = home
                .secret(facts, secret)
                .into_iter()
                .flat_map(|secret| secret.data.keys())
                .map(String::as_str)
                .collect();
            let has = if keys.is_empty() { String::new() } else { format!("keys: {}", keys.join(", ")) };
            let near = |has: &&&str| keys.len() == 1 || strsim::damerau_levenshtein(has, key) <= NEAR;
            let fix = match keys.iter().find(near) {
                Some(meant) => Fix::command(
                    format!("store {meant} as {key}, too; or name {meant} in the solver"),
                    store_again(secret, &home.namespace, meant, key),
                ),
                None => Fix::command(
                    format!("store the credential as {key}"),
                    format!("kubectl edit secret {secret} -n {}", home.namespace),
                ),
            };
            return finding
                .says(format!("{} has no key {key}, which the DNS-01 solver names", place(secret)))
                .because("The provider cannot be asked without its credential, so the issuer is not ready.")
                .evidence(Witness::Data(Kind::Secret), has)
                .fix(fix);
        }
        let secret = missing_secret(words).unwrap_or_default();
        let there = home.elsewhere(facts, secret);
        let seen = there.map_or_else(String::new, |there| format!("Secret {secret} exists in namespace {there}"));
        finding
            .says(format!("{} with the DNS provider's credential does not exist", place(secret)))
            .because(format!("{issuer} reads the credentials of its solvers from namespace {} only.", home.namespace))
            .evidence(Witness::Source, seen)
            .fix(Fix::command(
                "create it there, with the key that the solver names",
                format!("kubectl create secret generic {secret} -n {} --from-literal=KEY='CREDENTIAL'", home.namespace),
            ))
    });
    Ok(findings.collect())
}

/// A command that stores a value under another key, too, without showing it.
fn store_again(secret: &str, namespace: &str, from: &str, to: &str) -> String {
    let path = from.replace('.', "\\.");
    let read = format!("kubectl get secret {secret} -n {namespace} -o jsonpath='{{.data.{path}}}'");
    format!("kubectl patch secret {secret} -n {namespace} -p \"{{\\\"data\\\":{{\\\"{to}\\\":\\\"$({read})\\\"}}}}\"")
}

/// What open DNS-01 Challenges say about Secrets: issuers of older releases do not look at them themselves.
fn spoken_on_challenges<'i>(facts: &Facts<'i>) -> Vec<(ObjRef, ObjRef, Witness, &'i str)> {
    let Ok(challenges) = facts.challenges() else { return Vec::new() };
    challenges
        .iter()
        .filter(|node| node.challenge.spec.type_ == ChallengeType::Dns01)
        .filter_map(|node| {
            let challenge = node.challenge;
            let words = challenge.status.reason.as_str();
            missing_key(words).map(|(name, _)| name).or_else(|| missing_secret(words))?;
            let issuer = challenge.spec.issuer_ref.objref(challenge.namespace().unwrap_or_default())?;
            Some((challenge.objref(), issuer, Witness::Status(Kind::Challenge, "reason"), words))
        })
        .collect()
}

pub static SECRET_IN_WRONG_NAMESPACE: Rule = Rule {
    id: "clusterissuer-secret-in-wrong-namespace",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the ClusterIssuer's Secret is not in the namespace where ClusterIssuers look",
    doc: include_str!("../../../docs/rules/clusterissuer-secret-in-wrong-namespace.md"),
    needs: &[Kind::ClusterIssuer, Kind::Secret, Kind::Deployment],
    explains: &[
        "issuer-not-ready",
        "ca-secret-missing",
        "invalid-solver-secret",
        "acme-eab-missing-or-wrong",
        "acme-account-registration-failed",
        "vault-auth",
        "venafi-setup",
    ],
    judge: secret_in_wrong_namespace,
};

fn secret_in_wrong_namespace(facts: &Facts) -> Judgement {
    let Some((issuer, witness, words)) = cluster_issuer_words(facts)? else { return Ok(vec![]) };
    let Some(name) = missing_secret(words) else { return Ok(vec![]) };
    let home = Home::of(facts, &issuer);
    let Some(everywhere) = Places::of(facts.inventory.namespaces_of(Kind::Secret, name)) else { return Ok(vec![]) };
    let own = facts.chain.subject.namespace.as_deref();
    let own = own.filter(|own| facts.inventory.get::<Secret>(Some(own), name).seen().is_some());
    let there = own.unwrap_or_else(|| everywhere.first());
    if home.is_certain && there == home.namespace {
        // It has been created since.
        return Ok(vec![]);
    }
    let is_usual = home.is_certain || there != home.namespace;
    let looked = if is_usual { format!("in {}", home.namespace) } else { "in another namespace".to_owned() };
    let finding = SECRET_IN_WRONG_NAMESPACE
        .on(issuer.clone())
        .says(format!("Secret {name} is in namespace {there}, and {issuer} looks for it {looked}"))
        .because(
            "A ClusterIssuer belongs to no namespace: it reads its Secrets from the cluster resource namespace, \
             which is the controller's flag --cluster-resource-namespace and mostly cert-manager.",
        )
        .evidence(witness, words)
        .evidence(Witness::Source, format!("Secret {name} exists in namespace {everywhere}"));
    if !is_usual {
        let command = "kubectl get deployments -A -l app.kubernetes.io/component=controller -o yaml | grep \
         cluster-resource-namespace";
        return Ok(vec![
            finding.fix(Fix::command("see where the controller looks, and put the Secret there", command)),
        ]);
    }
    let secret = facts.inventory.get::<Secret>(Some(there), name);
    let writer = facts.inventory.certificates_for_secret(there, name).next();
    let finding = match writer {
        Some(writer) => finding.fix(Fix::manual(format!(
            "make Certificate {} in namespace {} instead of {there}: a copy of its Secret would not be renewed",
            writer.name(),
            home.namespace
        ))),
        None => finding,
    };
    let kind = secret.seen().map_or("Opaque", |secret| secret.type_.as_str());
    let kind = if kind.is_empty() { "Opaque" } else { kind };
    let copy = format!(
        "kubectl get secret {name} -n {there} -o json | jq '{{apiVersion, kind, type: \"{kind}\", data, \
         metadata: {{name: .metadata.name}}}}' \
         | kubectl apply -n {} -f -",
        home.namespace
    );
    let finding = finding.fix(Fix::command("copy it there; the issuer takes it up by itself", copy));
    Ok(vec![match facts.chain.certificate.seen() {
        Some(certificate) if facts.has_failed() => finding.fix(Fix::command(
            "then start a new issuance",
            format!("{PROGRAM} renew {}{}", certificate.name(), certificate.objref().namespace_flag()),
        )),
        Some(_) | None => finding,
    }])
}

/// What a ClusterIssuer, or a signer on its behalf, says about a Secret.
fn cluster_issuer_words<'i>(facts: &Facts<'i>) -> Result<Option<(ObjRef, Witness, &'i str)>, Withheld> {
    match Complaint::of(facts) {
        Ok(complaint)
            if complaint.issuer.kind == Kind::ClusterIssuer && missing_secret(complaint.words()).is_some() =>
        {
            return Ok(Some((
                complaint.issuer.clone(),
                Witness::Condition(Kind::ClusterIssuer, "Ready"),
                complaint.condition.message.as_str(),
            )));
        }
        Ok(_) | Err(Withheld::NotApplicable) => {}
        Err(gap) => {
            // Without the issuer's own words the request may still have spoken.
            if request_words(facts).and_then(missing_secret).is_none() {
                return Err(gap);
            }
        }
    }
    let namespace = facts.chain.subject.namespace.as_deref().unwrap_or_default();
    let issuer = facts.chain.issuer_ref.and_then(|reference| reference.objref(namespace));
    let Some(issuer) = issuer.filter(|issuer| issuer.kind == Kind::ClusterIssuer && is_waiting(facts)) else {
        return Ok(None);
    };
    if let Some(words) =
        request_words(facts).filter(|words| missing_secret(words).is_some() && !says(words, &["annotation"]))
    {
        // A self-signed request's key is in the request's own namespace.
        if !super::self_signed::is_about_own_key(facts, words) {
            return Ok(Some((issuer, Witness::Condition(Kind::CertificateRequest, "Ready"), words)));
        }
    }
    Ok(spoken_on_challenges(facts).into_iter().next().map(|(_, issuer, witness, words)| (issuer, witness, words)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ConditionStatus;
    use crate::facts::specimen::Specimen;

    fn unready(words: &str) -> Specimen {
        Specimen::http01().broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            let condition = &mut objects.cluster_issuer().status.conditions[0];
            condition.status = ConditionStatus::False;
            condition.reason = Some(IssuerReason::InvalidSolver);
            condition.message = words.into();
        })
    }

    fn secret(namespace: &str, name: &str, key: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\nstringData: \
             {{{key}: hidden}}\n"
        )
    }

    const CONTROLLER: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cert-manager, namespace: \
     pki}\nspec:\n  \
        selector: {}\n  template:\n    spec:\n      containers:\n      - {name: c, image: \
        'quay.io/jetstack/cert-manager-controller:v1.21.0', \
        args: ['--cluster-resource-namespace=$(POD_NAMESPACE)']}\n";

    #[test]
    fn words_name_the_secret_and_the_key() {
        assert_eq!(missing_secret(r#"failed to get secret "cf": secrets "cf" not found"#), Some("cf"));
        assert_eq!(missing_secret(r#"secret "cf" not found"#), Some("cf"));
        assert_eq!(missing_secret("Referenced secret pki/root not found: secrets"), Some("root"));
        assert_eq!(missing_secret(r#"the secret "cf" does not have key "token""#), None);
        assert_eq!(missing_key(r#"the secret "cf" does not have key "token""#), Some(("cf", "token")));
    }

    #[test]
    fn a_secret_that_is_nowhere_is_missing() {
        let gone = unready(r#"failed to get secret "cf": secrets "cf" not found"#);
        assert_eq!(gone.ids(), ["invalid-solver-secret", "issuer-not-ready"]);
        assert_eq!(gone.about(Kind::ClusterIssuer, None, "letsencrypt").root(), Some("invalid-solver-secret"));
    }

    #[test]
    fn a_key_of_another_name_is_named() {
        let odd =
            unready(r#"the secret "cf" does not have key "api-token""#).with(&secret("cert-manager", "cf", "token"));
        assert_eq!(odd.ids(), ["invalid-solver-secret", "issuer-not-ready"]);
        let report = odd.judge();
        assert!(
            report.findings[0].fixes[0].title.starts_with(
                "store token as \
         api-token"
            ),
            "{:?}",
            report.findings[0].fixes
        );
        assert!(!format!("{report:?}").contains("hidden"));
    }

    #[test]
    fn a_secret_in_the_apps_namespace_is_in_the_wrong_one() {
        let wrong = unready(r#"failed to get secret "cf": secrets "cf" not found"#)
            .with(&secret("shop", "cf", "token"))
            .with(CONTROLLER);
        assert_eq!(wrong.root(), Some("clusterissuer-secret-in-wrong-namespace"));
        let finding = wrong.judge().findings[0].clone();
        assert!(finding.summary.ends_with("looks for it in pki"), "{}", finding.summary);
        assert!(finding.fixes[0].command.as_ref().unwrap().contains("apply -n pki"));
        // Created since: the controller has not looked again yet.
        let mended = wrong
            .broken(|objects| objects.secrets.retain(|secret| secret.name() != "cf"))
            .with(&secret("pki", "cf", "token"));
        assert_eq!(mended.root(), Some("invalid-solver-secret"));
    }

    #[test]
    fn an_issuers_own_namespace_is_not_the_wrong_one() {
        let issuer = Specimen::dns01().broken(|objects| {
            let condition = &mut objects.issuers[0].status.conditions[0];
            condition.status = ConditionStatus::False;
            condition.reason = Some(IssuerReason::InvalidSolver);
            condition.message = r#"failed to get secret "tsig-x": secrets "tsig-x" not found"#.into();
        });
        assert!(
            !issuer.with(&secret("other", "tsig-x", "key")).ids().contains(&"clusterissuer-secret-in-wrong-namespace")
        );
    }

    #[test]
    fn older_releases_say_it_on_the_challenge() {
        let old = Specimen::dns01().broken(|objects| {
            objects.challenge().status.reason = r#"error getting cloudflare secret: secrets "cf" not found"#.into();
        });
        assert!(old.ids().contains(&"invalid-solver-secret"), "{:?}", old.ids());
        assert!(!Specimen::dns01().ids().contains(&"invalid-solver-secret"));
    }
}
