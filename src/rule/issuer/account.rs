//! Why the CA has no account for an ACME issuer (RFC 8555 §7.3), by the words of the issuer's Ready condition.

use serde_json::json;

use super::credentials::missing_secret;
use super::directory::meant;
use super::{Complaint, NETWORK, TLS, curl_inside, patch, restart, says};
use crate::api::{AcmeIssuer, IssuerReason};
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;
use crate::public_ca::{PublicCa, host};
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use crate::x509::Bundle;

/// What is wrong with an ACME issuer. Every failure of its account is exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Server,
    Email,
    Binding,
    Tls,
    /// The account key is of a kind that cert-manager does not take.
    Key,
    /// The account key is gone, and the issuer forbids a new one.
    LostKey,
    Other,
}

impl Fault {
    /// The fault that a complaint speaks of; `None` if it is not about the account.
    pub(super) fn of(complaint: &Complaint) -> Option<(Self, &'static str)> {
        let acme = complaint.spec.acme.as_ref()?;
        let fault = match complaint.reason()? {
            IssuerReason::InvalidConfig | IssuerReason::InvalidUrl => Self::Server,
            IssuerReason::ErrVerifyAcmeAccount => Self::of_verification(complaint.words()),
            IssuerReason::ErrRegisterAcmeAccount | IssuerReason::ErrUpdateAcmeAccount => {
                Self::of_registration(acme, complaint.words())
            }
            IssuerReason::AcmeAccountRegistered
            | IssuerReason::InvalidSolver
            | IssuerReason::KeyPairVerified
            | IssuerReason::ErrGetKeyPair
            | IssuerReason::ErrInvalidKeyPair
            | IssuerReason::IsReady
            | IssuerReason::VaultVerified
            | IssuerReason::VaultError
            | IssuerReason::VenafiStarted
            | IssuerReason::VenafiStartedLegacy
            | IssuerReason::ErrorSetup
            | IssuerReason::AuthFailed
            | IssuerReason::Unknown(_) => return None,
        };
        Some((fault, PublicCa::of_server(&acme.server).map_or("the CA", |directory| directory.name)))
    }

    fn of_verification(words: &str) -> Self {
        if says(words, &["disableaccountkeygeneration"]) {
            Self::LostKey
        } else if says(words, &["not of type rsa", "private key is invalid", "decoding private key", "parsing"]) {
            Self::Key
        } else {
            Self::Other
        }
    }

    fn of_registration(acme: &AcmeIssuer, words: &str) -> Self {
        const CONTACT: &[&str] = &["invalidcontact", "unsupportedcontact", "contact email", "contact domain"];
        const BINDING: &[&str] = &["externalaccountrequired", "external account binding", "externalaccountbinding"];
        const SERVER: &[&str] =
            &[" 404 ", " 405 ", "invalid character '<'", "unsupported protocol scheme", "http response to https"];
        let binding_secret = acme.external_account_binding.as_ref().map(|binding| binding.key_secret_ref.name.as_str());
        if says(words, CONTACT) {
            Self::Email
        } else if says(words, BINDING) || (binding_secret.is_some() && missing_secret(words) == binding_secret) {
            Self::Binding
        } else if says(words, TLS) && PublicCa::of_server(&acme.server).is_none() {
            Self::Tls
        } else if says(words, SERVER) || (says(words, &["no such host"]) && meant(&acme.server).is_some()) {
            Self::Server
        } else {
            Self::Other
        }
    }
}

/// The complaint and its ACME part, if its fault is `wanted`.
pub(super) fn complaint<'i>(
    facts: &Facts<'i>,
    wanted: Fault,
) -> Result<Option<(Complaint<'i>, &'i AcmeIssuer, &'static str)>, Withheld> {
    let complaint = Complaint::of(facts)?;
    let acme = complaint.spec.acme.as_ref().ok_or(Withheld::NotApplicable)?;
    Ok(match Fault::of(&complaint) {
        Some((fault, ca)) if fault == wanted => Some((complaint, acme, ca)),
        Some(_) | None => None,
    })
}

pub static REGISTRATION_FAILED: Rule = Rule {
    id: "acme-account-registration-failed",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the ACME issuer could not register its account with the CA",
    doc: include_str!("../../../docs/rules/acme-account-registration-failed.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuer-not-ready"],
    judge: registration_failed,
};

fn registration_failed(facts: &Facts) -> Judgement {
    let Some((complaint, acme, ca)) = complaint(facts, Fault::Other)? else { return Ok(vec![]) };
    let (words, server) = (complaint.words(), acme.server.as_str());
    let refused = is_refusal(words);
    let (outlook, what, why, mend) = if !refused && says(words, &["no such host", "server misbehaving", "lookup "]) {
        (
            Outlook::UntilMended,
            format!("the cluster's DNS gives no address for {}", host(server)),
            "The controller looks the CA up with the cluster's DNS before it can talk to it. It tries again by itself.",
            "see whether the name resolves inside the cluster; mend CoreDNS or its upstream",
        )
    } else if !refused && says(words, TLS) {
        (
            Outlook::UntilMended,
            format!("the controller does not trust who answers for {}", host(server)),
            "A public CA shows a certificate that everybody trusts, so something in between answers in its place, \
             such as a proxy that opens TLS. It tries again by itself.",
            "see whose certificate it is; exempt the CA's host from TLS inspection, or give the proxy's CA as \
             spec.acme.caBundle",
        )
    } else if !refused && says(words, NETWORK) {
        (
            Outlook::Unknown,
            format!("the controller gets no connection to {}", host(server)),
            "Nothing was asked of the CA yet: the connection itself fails. It tries again by itself.",
            "see whether the CA can be reached from inside the cluster; open the egress, or set HTTPS_PROXY for \
             the controller",
        )
    } else if refused && says(words, &["ratelimited", "too many"]) {
        (
            Outlook::Halted,
            format!("{ca} limits new accounts and refuses this one for now"),
            "cert-manager does not ask again after a refusal (status 4xx) until the issuer changes or the controller \
             starts anew, so the issuer stays as it is when the limit has passed.",
            "see what the CA answers; wait until the limit has passed",
        )
    } else if refused {
        (
            Outlook::Halted,
            format!("{ca} gave no account to {}", complaint.issuer),
            "Without an account no order can be placed. cert-manager does not ask again after a refusal (status 4xx) \
             until the issuer changes or the controller starts anew.",
            "see whether the directory answers, and mend what the CA's words speak of",
        )
    } else {
        (
            Outlook::ByItself,
            format!("{ca} gave no account to {}", complaint.issuer),
            "Without an account no order can be placed. This is no refusal (status 4xx), so it tries again by itself.",
            "see what the directory answers",
        )
    };
    let finding = complaint
        .found(&REGISTRATION_FAILED)
        .says(format!("{} has no ACME account: {what}", complaint.issuer))
        .outlook(outlook)
        .because(why)
        .evidence(Witness::Spec(complaint.issuer.kind, "acme.server"), server)
        .fix(Fix::command(mend, curl_inside(facts, server)));
    Ok(vec![if refused {
        finding.fix(Fix::command("then let the controller ask again, unless the issuer was changed", restart(facts)))
    } else {
        finding
    }])
}

/// Whether the words are an answer with status 4xx, as in `429 urn:ietf:params:acme:error:rateLimited: ...`.
fn is_refusal(words: &str) -> bool {
    let status =
        words.split_whitespace().find(|word| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit()));
    status.is_some_and(|status| status.starts_with('4'))
}

pub static EMAIL_FORBIDDEN: Rule = Rule {
    id: "acme-email-forbidden",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the CA does not accept the contact address of the ACME account",
    doc: include_str!("../../../docs/rules/acme-email-forbidden.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuer-not-ready", "acme-account-registration-failed"],
    judge: email_forbidden,
};

fn email_forbidden(facts: &Facts) -> Judgement {
    let Some((complaint, acme, ca)) = complaint(facts, Fault::Email)? else { return Ok(vec![]) };
    let domain = acme.email.rsplit_once('@').map_or("", |(_, domain)| domain);
    let why = if domain.starts_with("example.")
        || matches!(domain.rsplit('.').next(), Some("example" | "test" | "invalid"))
    {
        "It is a sample from a tutorial: such domains receive no mail."
    } else if !domain.contains('.') {
        "It is no address at a public domain."
    } else {
        "The CA's words say what it has against it."
    };
    let real = patch(&complaint.issuer, &json!({"spec": {"acme": {"email": "YOU@YOUR-DOMAIN"}}}));
    let none = patch(&complaint.issuer, &json!({"spec": {"acme": {"email": null}}}));
    let mut fixes = vec![
        Fix::command("give an address that is read; the account is registered by itself then", real),
        Fix::command("or leave it out: most CAs do without, Let's Encrypt among them", none),
    ];
    if ca.starts_with("Let's Encrypt") {
        fixes.reverse();
        fixes[0].title = "leave it out: Let's Encrypt sends no mail any more".into();
        fixes[1].title = "or give an address that is read".into();
    }
    let finding = complaint
        .found(&EMAIL_FORBIDDEN)
        .says(format!("{ca} refuses the contact address {} of {}", acme.email, complaint.issuer))
        .because(format!(
            "{why} Without an account no order can be placed, and a refusal is not tried again by itself."
        ))
        .evidence(Witness::Spec(complaint.issuer.kind, "acme.email"), &acme.email);
    Ok(vec![fixes.into_iter().fold(finding, Finding::fix)])
}

pub static PRIVATE_SERVER_TLS: Rule = Rule {
    id: "acme-private-server-tls",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the controller does not trust the certificate of the private ACME server",
    doc: include_str!("../../../docs/rules/acme-private-server-tls.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuer-not-ready", "acme-account-registration-failed"],
    judge: private_server_tls,
};

fn private_server_tls(facts: &Facts) -> Judgement {
    let Some((complaint, acme, _)) = complaint(facts, Fault::Tls)? else { return Ok(vec![]) };
    let (server, words) = (host(&acme.server), complaint.words());
    let finding = complaint
        .found(&PRIVATE_SERVER_TLS)
        .evidence(Witness::Spec(complaint.issuer.kind, "acme.server"), &acme.server);
    let show = format!("openssl s_client -connect {} -showcerts </dev/null", authority(&acme.server));
    let bundle = acme.ca_bundle.decode().map(|pem| Bundle::from_pem(&pem));
    let give = Fix::command(
        "give the root that signed the server's certificate",
        patch(&complaint.issuer, &json!({"spec": {"acme": {"caBundle": "BASE64-OF-THE-PEM"}}})),
    );
    let finding =
        if says(words, &["expired", "not yet valid", "valid for", "doesn't contain any ip sans", "legacy common name"])
        {
            finding
                .says(format!("the certificate that {server} shows is not good for it"))
                .because(
                    "The server's own certificate is out of date or for another name. A caBundle does not help \
             against that.",
                )
                .fix(Fix::command("look at it, and renew it at the server", show))
        } else if acme.ca_bundle.is_empty() {
            finding
                .says(format!("the controller does not trust {server}, and {} has no caBundle", complaint.issuer))
                .because(
                    "The controller trusts the roots of its image only. A private ACME server (step-ca, Pebble) \
             is unknown to it.",
                )
                .evidence(Witness::Spec(complaint.issuer.kind, "acme.caBundle"), "not set")
                .fix(give)
                .fix(Fix::command("see who signed it", show))
        } else if bundle.is_none_or(|bundle| bundle.is_err()) {
            finding
                .says(format!("the caBundle of {} holds no certificates", complaint.issuer))
                .because("It must be base64 of PEM certificates. What does not decode is no root to trust.")
                .evidence(Witness::Spec(complaint.issuer.kind, "acme.caBundle"), "no PEM certificates")
                .fix(give)
        } else {
            finding
                .says(format!("the caBundle of {} does not hold the root that signed {server}", complaint.issuer))
                .because("The root was changed, or the server does not send its intermediate certificate along.")
                .fix(Fix::command("see which chain it sends", show))
                .fix(give)
        };
    Ok(vec![finding])
}

/// `host:port` of a URL.
fn authority(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains(':') { authority.to_owned() } else { format!("{authority}:443") }
}

pub static OLD_OR_WRONG_SERVER: Rule = Rule {
    id: "acme-old-or-wrong-server",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "spec.acme.server is not the URL of an ACME directory",
    doc: include_str!("../../../docs/rules/acme-old-or-wrong-server.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuer-not-ready", "acme-account-registration-failed"],
    judge: old_or_wrong_server,
};

fn old_or_wrong_server(facts: &Facts) -> Judgement {
    let Some((complaint, acme, _)) = complaint(facts, Fault::Server)? else { return Ok(vec![]) };
    let server = &acme.server;
    let why = if says(complaint.words(), &["v1 endpoint"]) {
        "It is the first version of the protocol, which is switched off."
    } else if says(complaint.words(), &["failed to parse"]) {
        "It is no URL."
    } else if server.starts_with("http://") {
        "It starts with http, and a directory is served over https."
    } else {
        "What answers there is not a directory: its path is wrong, or the host is another one."
    };
    let finding = complaint
        .found(&OLD_OR_WRONG_SERVER)
        .because(format!("{why} The controller reads the directory first and cannot ask for an account without it."))
        .evidence(Witness::Spec(complaint.issuer.kind, "acme.server"), server);
    Ok(vec![match meant(server) {
        Some(meant) => finding.says(format!("{server} is no ACME directory; {meant} is")).fix(Fix::command(
            "give that address",
            patch(&complaint.issuer, &json!({"spec": {"acme": {"server": meant}}})),
        )),
        None => finding
            .says(format!("{server} of {} is no ACME directory", complaint.issuer))
            .fix(Fix::command(
                "find the address that answers with JSON that holds newAccount",
                curl_inside(facts, server),
            ))
            .fix(Fix::command(
                "and give it",
                patch(&complaint.issuer, &json!({"spec": {"acme": {"server": "DIRECTORY-URL"}}})),
            )),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Base64Text, ConditionStatus};
    use crate::facts::specimen::Specimen;

    /// ClusterIssuer letsencrypt says `words`; the first issuance waits for it.
    fn refused(reason: IssuerReason, words: &str, change: impl FnOnce(&mut AcmeIssuer)) -> Specimen {
        Specimen::http01().broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            let issuer = objects.cluster_issuer();
            let condition = &mut issuer.status.conditions[0];
            condition.status = ConditionStatus::False;
            condition.reason = Some(reason);
            condition.message = words.into();
            change(issuer.spec.acme.as_mut().unwrap());
        })
    }

    fn unregistered(words: &str, change: impl FnOnce(&mut AcmeIssuer)) -> Specimen {
        refused(IssuerReason::ErrRegisterAcmeAccount, &format!("Failed to register ACME account: {words}"), change)
    }

    fn summary(specimen: &Specimen) -> String {
        specimen.judge().findings[0].summary.clone()
    }

    #[test]
    fn each_word_has_its_fault() {
        let private = "https://ca.corp.example/acme/acme/directory";
        for (words, id) in [
            (r#"400 urn:ietf:params:acme:error:invalidContact: contact email "x" is invalid"#, "acme-email-forbidden"),
            ("invalid contact domain. Contact emails @example.com are forbidden", "acme-email-forbidden"),
            ("400 urn:ietf:params:acme:error:externalAccountRequired: no binding", "acme-eab-missing-or-wrong"),
            (
                "tls: failed to verify certificate: x509: certificate signed by unknown authority",
                "acme-private-server-tls",
            ),
            ("404 page not found", "acme-old-or-wrong-server"),
            ("invalid character '<' looking for beginning of value", "acme-old-or-wrong-server"),
            (
                r#"Get "https://ca": dial tcp: lookup ca on 10.96.0.10:53: server misbehaving"#,
                "acme-account-registration-failed",
            ),
            ("429 urn:ietf:params:acme:error:rateLimited: too many registrations", "acme-account-registration-failed"),
            ("503 : ", "acme-account-registration-failed"),
        ] {
            let specimen = unregistered(words, |acme| acme.server = private.into());
            assert_eq!(specimen.ids(), [id, "issuer-not-ready"], "{words}");
            let itself = specimen.about(Kind::ClusterIssuer, None, "letsencrypt");
            assert_eq!(itself.ids(), [id, "issuer-not-ready"], "{words}");
        }
    }

    #[test]
    fn a_restart_is_advised_only_where_nothing_is_tried_again() {
        for (words, restart) in [
            ("429 urn:ietf:params:acme:error:rateLimited: too many registrations", true),
            ("403 urn:ietf:params:acme:error:unauthorized: lookup of the account timed out", true),
            ("503 : ", false),
            ("Get \"https://ca\": dial tcp: lookup ca on 10.96.0.10:53: no such host", false),
            ("Get \"https://ca\": dial tcp 192.0.2.1:443: i/o timeout", false),
        ] {
            let finding = unregistered(words, |_| ()).judge().findings[0].clone();
            assert_eq!(finding.rule.id, "acme-account-registration-failed", "{words}");
            let again = finding.explanation.contains("tries again by itself");
            let restarts = finding.fixes.iter().filter_map(|fix| fix.command.as_ref());
            let restarts = restarts.filter(|command| command.contains("rollout restart")).count();
            assert_eq!((again, restarts), (!restart, usize::from(restart)), "{words}");
        }
    }

    #[test]
    fn a_ready_issuer_is_not_accused_for_its_sample_address() {
        let sample = Specimen::http01().broken(|objects| {
            objects.cluster_issuer().spec.acme.as_mut().unwrap().email = "admin@example.com".into();
        });
        assert_eq!(sample.ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_public_server_with_a_strange_certificate_is_a_matter_of_the_network() {
        let proxy =
            unregistered("tls: failed to verify certificate: x509: certificate signed by unknown authority", |_| ());
        assert_eq!(proxy.root(), Some("acme-account-registration-failed"));
        assert!(summary(&proxy).contains("does not trust who answers"), "{}", summary(&proxy));
    }

    #[test]
    fn a_bundle_that_does_not_decode_is_told_from_one_that_does_not_fit() {
        let words = "x509: certificate signed by unknown authority";
        let with = |bundle: &[u8]| {
            unregistered(words, |acme| {
                acme.server = "https://ca.corp.example/directory".into();
                acme.ca_bundle = Base64Text::encode(bundle);
            })
        };
        assert!(summary(&with(b"not a certificate")).contains("holds no certificates"));
        let specimen = Specimen::healthy();
        let pem = specimen.objects.secrets[0].bytes("tls.crt").unwrap().expose().clone();
        assert!(summary(&with(&pem)).contains("does not hold the root"));
        let expired = unregistered("x509: certificate has expired or is not yet valid", |acme| {
            acme.server = "https://ca.corp.example".into();
        });
        assert!(summary(&expired).contains("not good for it"));
    }

    #[test]
    fn the_address_that_was_meant_is_named() {
        let v1 = refused(
            IssuerReason::InvalidConfig,
            "Your ACME server URL is set to a v1 endpoint (https://acme-v01.api.letsencrypt.org/directory).",
            |acme| acme.server = "https://acme-v01.api.letsencrypt.org/directory".into(),
        );
        assert_eq!(v1.ids(), ["acme-old-or-wrong-server", "issuer-not-ready"]);
        assert!(summary(&v1).ends_with("https://acme-v02.api.letsencrypt.org/directory is"), "{}", summary(&v1));
        let slip = unregistered("dial tcp: lookup acme-v02.api.letsencypt.org: no such host", |acme| {
            acme.server = "https://acme-v02.api.letsencypt.org/directory".into();
        });
        assert_eq!(slip.root(), Some("acme-old-or-wrong-server"));
    }
}
