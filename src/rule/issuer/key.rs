//! The key of the ACME account (RFC 8555 §7.3): lost, shared between CAs, or of a kind that cert-manager does not take.

use serde_json::json;

use super::account::Fault;
use super::credentials::Home;
use super::{Complaint, IssuerView, is_waiting, patch, request_words, says};
use crate::api::{AcmeIssuer, IssuerSpec, Object};
use crate::facts::Facts;
use crate::finding::{Finding, Fix, PROGRAM, Witness};
use crate::objref::{Kind, ObjRef};
use crate::public_ca::host;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use crate::x509::{KeyType, PublicKey};

/// What a CA says to an order that is signed by another account's key.
const FOREIGN: &[&str] = &[
    "jws verification error",
    "unable to validate jws",
    "accountdoesnotexist",
    "account does not exist",
    "no account exists",
    "registration host differ",
];

/// What a CA says when it knows the account but not the order, which may also be too old.
const NO_ORDER: &[&str] = &["no order for id"];

pub static LOST_OR_SHARED: Rule = Rule {
    id: "acme-account-key-lost-or-shared",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the ACME account key was lost or replaced, or two issuers share it",
    doc: include_str!("../../../docs/rules/acme-account-key-lost-or-shared.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuer-not-ready", "acme-account-registration-failed"],
    judge: lost_or_shared,
};

fn lost_or_shared(facts: &Facts) -> Judgement {
    if let Ok(complaint) = Complaint::of(facts)
        && let Some(acme) = complaint.spec.acme.as_ref()
        && let Some((Fault::LostKey, _)) = Fault::of(&complaint)
    {
        return Ok(vec![lost(facts, &complaint, acme)]);
    }
    if !is_waiting(facts) {
        return Err(Withheld::NotApplicable);
    }
    let Some((object, witness, words)) = foreign_words(facts) else { return Ok(vec![]) };
    let account = Account::of(facts);
    let twin = account.as_ref().and_then(|account| account.twin(facts));
    let moved = account.as_ref().and_then(Account::moved);
    if !says(words, FOREIGN) && twin.is_none() && moved.is_none() {
        // The order may simply be too old.
        return Ok(vec![]);
    }
    let finding =
        LOST_OR_SHARED.on(object).evidence(witness, words).evidence(Witness::Source, moved.unwrap_or_default());
    let finding = match (&account, &twin) {
        (Some(account), Some(twin)) => {
            let separate = json!({"spec": {"acme": {"privateKeySecretRef": {"name": format!("{}-account", account.issuer.name)}}}});
            finding
                .says(format!(
                    "{} and {twin} share the account key in Secret {}, but not the CA",
                    account.issuer, account.secret
                ))
                .because(
                    "A key makes an account at one CA. When the Secret is made anew for one of the issuers, \
                 the account of the other is lost, and the CA refuses its orders.",
                )
                .evidence(
                    Witness::Spec(account.issuer.kind, "acme.privateKeySecretRef"),
                    format!("{} in both", account.secret),
                )
                .fix(Fix::command("give this issuer a key of its own", patch(&account.issuer, &separate)))
        }
        (_, _) => finding
            .says("the CA does not know the account that the order is signed with")
            .because(
                "The Secret with the account key was deleted or replaced: cert-manager makes a new account without a \
                 word, and the orders of the old one are lost.",
            )
            .outlook(Outlook::ByItself),
    };
    Ok(vec![with_new_order(facts, finding)])
}

/// The orders of the lost account are given up.
fn with_new_order(facts: &Facts, finding: Finding) -> Finding {
    match (facts.chain.certificate.seen(), facts.order()) {
        (Some(certificate), _) => finding.fix(Fix::command(
            "start a new order",
            format!("{PROGRAM} renew {}{}", certificate.name(), certificate.objref().namespace_flag()),
        )),
        (None, Ok(node)) => {
            let order = node.order.objref();
            finding.fix(Fix::command(
                "delete the order; the request opens a new one",
                format!("kubectl delete {}{}", order.kubectl_name(), order.namespace_flag()),
            ))
        }
        (None, Err(_)) => finding,
    }
}

fn lost(facts: &Facts, complaint: &Complaint, acme: &AcmeIssuer) -> Finding {
    let home = Home::of(facts, &complaint.issuer);
    let secret = &acme.private_key_secret_ref.name;
    let make = json!({"spec": {"acme": {"disableAccountKeyGeneration": false}}});
    complaint
        .found(&LOST_OR_SHARED)
        .says(format!(
            "Secret {}/{secret} with the account key is gone, and {} may not make a new \
         one",
            home.namespace, complaint.issuer
        ))
        .because(
            "With disableAccountKeyGeneration the key must be given. Without it there is no account, and no \
         order can be placed.",
        )
        .evidence(Witness::Spec(complaint.issuer.kind, "acme.disableAccountKeyGeneration"), "true")
        .fix(Fix::command(
            "put the key back from a backup",
            format!("kubectl create secret generic {secret} -n {} --from-file=tls.key=ACCOUNT-KEY.pem", home.namespace),
        ))
        .fix(Fix::command("or let cert-manager make a key and a new account", patch(&complaint.issuer, &make)))
}

/// What the CA says about the account, on the deepest object of the present issuance or on the issuer.
fn foreign_words<'i>(facts: &Facts<'i>) -> Option<(ObjRef, Witness, &'i str)> {
    let mut spoken = Vec::new();
    if let Ok(challenges) = facts.challenges() {
        spoken.extend(challenges.iter().map(|node| {
            (node.challenge.objref(), Witness::Status(Kind::Challenge, "reason"), node.challenge.status.reason.as_str())
        }));
    }
    if let Ok(node) = facts.order() {
        spoken.push((node.order.objref(), Witness::Status(Kind::Order, "reason"), node.order.status.reason.as_str()));
    }
    if let (Ok(node), Some(words)) = (facts.request(), request_words(facts)) {
        spoken.push((node.request.objref(), Witness::Condition(Kind::CertificateRequest, "Ready"), words));
    }
    if let Ok(complaint) = Complaint::of(facts) {
        let witness = Witness::Condition(complaint.issuer.kind, "Ready");
        spoken.push((complaint.issuer, witness, complaint.condition.message.as_str()));
    }
    spoken.into_iter().find(|(_, _, words)| says(words, FOREIGN) || says(words, NO_ORDER))
}

/// The issuer's account: whose key it uses, and where it is registered.
struct Account<'i> {
    issuer: ObjRef,
    acme: &'i AcmeIssuer,
    uri: &'i str,
    home: String,
    secret: &'i str,
}

impl<'i> Account<'i> {
    fn of(facts: &Facts<'i>) -> Option<Self> {
        let IssuerView::Builtin { objref, spec, status, .. } = facts.issuer().ok()? else { return None };
        let acme = spec.acme.as_ref()?;
        Some(Self {
            issuer: objref.clone(),
            acme,
            uri: status.acme.as_ref().map_or("", |status| status.uri.as_str()),
            home: Home::of(facts, objref).namespace,
            secret: &acme.private_key_secret_ref.name,
        })
    }

    /// Another issuer that uses the same Secret with another CA.
    fn twin(&self, facts: &Facts) -> Option<ObjRef> {
        let issuers = facts.inventory.issuers_with_account_key(&self.home, self.secret);
        let cluster = facts.inventory.cluster_issuers_with_account_key(self.secret);
        let cluster = cluster.filter(|issuer| Home::of(facts, &issuer.objref()).namespace == self.home);
        let mut all = issuers.map(|it| (it.objref(), &it.spec)).chain(cluster.map(|it| (it.objref(), &it.spec)));
        let is_of_another_ca =
            |spec: &IssuerSpec| spec.acme.as_ref().is_some_and(|acme| host(&acme.server) != host(&self.acme.server));
        all.find(|(object, spec)| *object != self.issuer && is_of_another_ca(spec)).map(|(object, _)| object)
    }

    /// In words, that the account is registered at another CA than the issuer's.
    fn moved(&self) -> Option<String> {
        let (there, here) = (host(self.uri), host(&self.acme.server));
        (!there.is_empty() && there != here)
            .then(|| format!("the account is at {there}, the issuer's server is {here}"))
    }
}

pub static NOT_RSA: Rule = Rule {
    id: "acme-account-key-not-rsa",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the ACME account key in the Secret is not an RSA key",
    doc: include_str!("../../../docs/rules/acme-account-key-not-rsa.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuer-not-ready", "acme-account-registration-failed"],
    judge: not_rsa,
};

fn not_rsa(facts: &Facts) -> Judgement {
    let complaint = Complaint::of(facts)?;
    let acme = complaint.spec.acme.as_ref().ok_or(Withheld::NotApplicable)?;
    let Some((Fault::Key, _)) = Fault::of(&complaint) else { return Ok(vec![]) };
    let home = Home::of(facts, &complaint.issuer);
    let reference = &acme.private_key_secret_ref;
    let key = if reference.key.is_empty() { "tls.key" } else { &reference.key };
    let stored = home.secret(facts, &reference.name);
    let found = stored.and_then(|secret| secret.public_key(key));
    let (holds, evidence) = match found {
        Some(Ok(PublicKey { key_type: KeyType::Rsa(_), .. })) | None => {
            ("holds a key that cert-manager does not take".to_owned(), String::new())
        }
        Some(Ok(public)) => (format!("holds a key of type {}", public.key_type), format!("{key}: {}", public.key_type)),
        Some(Err(_)) => ("holds no private key in PEM".to_owned(), format!("{key}: no private key in PEM")),
    };
    let own = json!({"spec": {"acme": {"privateKeySecretRef": {"name": format!("{}-rsa", reference.name)}}}});
    Ok(vec![
        complaint
            .found(&NOT_RSA)
            .says(format!(
                "Secret {}/{} with the account key of {} {holds}",
                home.namespace, reference.name, complaint.issuer
            ))
            .because(
                "cert-manager signs its ACME requests with RSA only. A key that certbot or acme.sh made is mostly an \
                 elliptic one and cannot be taken over.",
            )
            .evidence(Witness::Data(Kind::Secret), evidence)
            .fix(Fix::command(
                "name a new Secret: cert-manager makes an RSA key and an account for it",
                patch(&complaint.issuer, &own),
            )),
    ])
}

#[cfg(test)]
mod tests {

    use crate::api::{AcmeState, ConditionStatus, IssuerReason};
    use crate::facts::specimen::Specimen;

    fn errored(words: &str) -> Specimen {
        Specimen::http01().broken(|objects| {
            let status = &mut objects.order().status;
            status.state = Some(AcmeState::Errored);
            status.reason = words.into();
        })
    }

    fn unverified(words: &str) -> Specimen {
        Specimen::http01().broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            let condition = &mut objects.cluster_issuer().status.conditions[0];
            condition.status = ConditionStatus::False;
            condition.reason = Some(IssuerReason::ErrVerifyAcmeAccount);
            condition.message = words.into();
        })
    }

    #[test]
    fn an_order_of_another_account_is_found() {
        let lost = errored("Failed to create Order: 400 urn:ietf:params:acme:error:malformed: JWS verification error");
        assert_eq!(lost.root(), Some("acme-account-key-lost-or-shared"));
        let other = errored("Failed to create Order: 400 urn:ietf:params:acme:error:malformed: no such thing");
        assert!(!other.ids().contains(&"acme-account-key-lost-or-shared"));
    }

    #[test]
    fn an_unknown_order_alone_may_be_an_old_one() {
        let words = "Failed to retrieve Order resource: 404 urn:ietf:params:acme:error:malformed: No order for ID 7";
        assert!(!errored(words).ids().contains(&"acme-account-key-lost-or-shared"));
        let moved = errored(words).broken(|objects| {
            objects.cluster_issuer().status.acme.as_mut().unwrap().uri =
                "https://acme-staging-v02.api.letsencrypt.org/acme/acct/1".into();
        });
        assert!(moved.ids().contains(&"acme-account-key-lost-or-shared"));
    }

    #[test]
    fn the_other_issuer_of_a_shared_key_is_named() {
        let shared = errored("malformed: JWS verification error").broken(|objects| {
            let mut staging = objects.cluster_issuer().clone();
            staging.metadata.name = Some("letsencrypt-staging".into());
            staging.spec.acme.as_mut().unwrap().server =
                "https://acme-staging-v02.api.letsencrypt.org/directory".into();
            objects.cluster_issuers.push(staging);
        });
        let finding = shared.judge().findings[0].clone();
        assert_eq!(finding.rule.id, "acme-account-key-lost-or-shared");
        assert!(finding.summary.contains("and ClusterIssuer letsencrypt-staging share"), "{}", finding.summary);
    }

    #[test]
    fn a_lost_key_that_may_not_be_made_anew_is_found() {
        let lost = unverified(
            "Failed to verify ACME account: the ACME issuer config has 'disableAccountKeyGeneration' set to \
             true, but the \
             secret was not found: secrets \"letsencrypt-account\" not found",
        );
        assert_eq!(lost.ids(), ["acme-account-key-lost-or-shared", "issuer-not-ready"]);
    }

    #[test]
    fn an_elliptic_account_key_is_named() {
        let words = r#"ACME private key in "letsencrypt-account" is not of type RSA"#;
        assert_eq!(unverified(words).ids(), ["acme-account-key-not-rsa", "issuer-not-ready"]);
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem().replace('\n', "\n    ");
        let seen = unverified(words).with(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: letsencrypt-account, namespace: \
             cert-manager}}\nstringData:\n  tls.key: |\n    {key}\n"
        ));
        let finding = seen.judge().findings[0].clone();
        assert!(finding.summary.ends_with("holds a key of type ECDSA P-256"), "{}", finding.summary);
        assert!(!format!("{finding:?}").contains("PRIVATE KEY-----"));
        let other = unverified("Failed to verify ACME account: 500 : out of order");
        assert_eq!(other.ids(), ["acme-account-registration-failed", "issuer-not-ready"]);
    }
}
