//! Orders that the CA refuses for what they ask: their names, their profile, their key.

use super::{Family, Judgement, Nature, Outlook, Rule, Severity, acme, ca_host, issuer_ref, with_renewal};
use crate::api::{KeyAlgorithm, KeyUsage, Object};
use crate::engine::Stage;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;
use crate::rule::Withheld;
use crate::rule::request::failure;

pub static IDENTIFIER_REJECTED: Rule = Rule {
    id: "order-identifier-rejected",
    aliases: &[],
    family: Family::Order,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the CA does not issue for a name in the order",
    doc: include_str!("../../../docs/rules/order-identifier-rejected.md"),
    needs: &[Kind::Order, Kind::Certificate],
    explains: &[],
    judge: identifier_rejected,
};

/// Words of a CA about a name that it will never take.
const REJECTED: [&str; 7] = [
    "error:rejectedidentifier",
    "valid public suffix",
    "at least one dot",
    "contains an invalid character",
    "wildcard characters where they are not allowed",
    "forbidden by policy",
    "policy forbids issuing",
];

fn identifier_rejected(facts: &Facts) -> Judgement {
    let failure =
        failure::of_order(facts).filter(|failure| failure.says_any(&REJECTED)).ok_or(Withheld::NotApplicable)?;
    let all = names(facts);
    let mut culprits: Vec<&str> =
        all.iter().map(String::as_str).filter(|name| holds_name(&failure.words, name)).collect();
    if culprits.is_empty() {
        culprits = all.iter().map(String::as_str).filter(|name| why_never(name).is_some()).collect();
    }
    let who = match culprits.as_slice() {
        [] => "a name of this order".to_owned(),
        names => names.join(", "),
    };
    let why = culprits.iter().find_map(|name| why_never(name)).map_or_else(String::new, |why| format!(": {why}"));
    let finding = IDENTIFIER_REJECTED
        .on(failure.object)
        .says(format!("the CA does not issue for {who}{why}"))
        .evidence(failure.witness, failure.words)
        .evidence(Witness::Spec(Kind::Certificate, "dnsNames"), culprits.join(", "));
    let fix = if culprits.iter().any(|name| is_internal(name)) {
        Fix::patch(
            "take names inside the cluster from a CA issuer of your own; public CAs never sign them",
            "spec:\n  issuerRef:\n    kind: ClusterIssuer\n    name: internal-ca",
        )
    } else {
        Fix::manual(format!("take {who} out of the Certificate, or correct it; the change lifts the back-off"))
    };
    Ok(vec![with_renewal(finding.fix(fix), facts)])
}

/// Why no public CA can ever issue for a name, in a few words.
fn why_never(name: &str) -> Option<&'static str> {
    let bare = name.strip_prefix("*.").unwrap_or(name);
    if bare.contains('*') {
        Some("the star may only be the whole first label")
    } else if bare.contains('_') {
        Some("host names hold no underscore")
    } else if !bare.contains('.') {
        Some("it has no dot")
    } else if is_internal(bare) {
        Some("it is no name of the public DNS")
    } else if !bare.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.') {
        Some("it holds a character that host names may not have")
    } else {
        None
    }
}

/// Whether the name ends in a suffix that is reserved for private use (RFC 6761, RFC 6762, ICANN's `internal`) or is
/// that of a cluster.
fn is_internal(name: &str) -> bool {
    const PRIVATE: [&str; 12] = [
        "svc",
        "local",
        "internal",
        "lan",
        "home",
        "corp",
        "intranet",
        "localdomain",
        "localhost",
        "test",
        "invalid",
        "arpa",
    ];
    let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    PRIVATE.iter().any(|suffix| last.eq_ignore_ascii_case(suffix))
}

/// Whether `words` hold `name` as a whole, not as the end of a longer one.
fn holds_name(words: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '*';
    words.match_indices(name).any(|(start, found)| {
        let before = words[..start].chars().next_back();
        let mut after = words[start + found.len()..].chars();
        let goes_on = match after.next() {
            Some('.') => after.next().is_some_and(is_part),
            Some(c) => is_part(c),
            None => false,
        };
        !goes_on && !before.is_some_and(|c| is_part(c) || c == '.')
    })
}

/// The names that the order asks for.
fn names(facts: &Facts) -> Vec<String> {
    let mut names = match (facts.order(), facts.certificate()) {
        (Ok(node), _) => [node.order.spec.dns_names.clone(), node.order.spec.ip_addresses.clone()].concat(),
        (Err(_), Ok(certificate)) => {
            [certificate.spec.dns_names.clone(), certificate.spec.ip_addresses.clone()].concat()
        }
        (Err(_), Err(_)) => Vec::new(),
    };
    names.sort();
    names.dedup();
    names
}

pub static FINALIZE_BAD_CSR: Rule = Rule {
    id: "order-finalize-badcsr",
    aliases: &[],
    family: Family::Order,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the CA refuses the signing request: its key or its contents",
    doc: include_str!("../../../docs/rules/order-finalize-badcsr.md"),
    needs: &[Kind::Order, Kind::Certificate],
    explains: &[],
    judge: finalize_bad_csr,
};

fn finalize_bad_csr(facts: &Facts) -> Judgement {
    let parts = ["error:badcsr", "error:badpublickey"];
    let failure = failure::of_order(facts).filter(|failure| failure.says_any(&parts)).ok_or(Withheld::NotApplicable)?;
    let suspect = suspect(facts);
    let why = suspect.as_ref().map_or_else(|| "see its words".to_owned(), |(why, _)| why.clone());
    let mut finding = FINALIZE_BAD_CSR
        .on(failure.object)
        .says(format!("the CA refuses the signing request: {why}"))
        .evidence(failure.witness, failure.words);
    if let Ok(certificate) = facts.certificate() {
        let size = certificate.spec.key_size().map(|size| format!(", {size} bits")).unwrap_or_default();
        let text = format!("{}{size}", certificate.spec.key_algorithm());
        finding = finding.evidence(Witness::Spec(Kind::Certificate, "privateKey"), text);
    }
    let fix = suspect.map_or_else(
        || Fix::patch("use a key that every CA takes; the change lifts the back-off", COMMON_KEY),
        |(_, fix)| fix,
    );
    Ok(vec![with_renewal(finding.fix(fix), facts)])
}

const COMMON_KEY: &str = "spec:\n  privateKey:\n    algorithm: ECDSA\n    size: 256\n    rotationPolicy: Always";

/// The part of the Certificate that the CA most likely refuses.
fn suspect(facts: &Facts) -> Option<(String, Fix)> {
    let spec = &facts.certificate().ok()?.spec;
    let common = || Fix::patch("use a key that every CA takes; the change lifts the back-off", COMMON_KEY);
    let size = spec.key_size();
    let odd_key = match (spec.key_algorithm(), size) {
        (KeyAlgorithm::Ed25519, _) => Some("public CAs take no Ed25519 keys".to_owned()),
        (KeyAlgorithm::Ecdsa, Some(521)) => Some("few public CAs take P-521 keys".to_owned()),
        (KeyAlgorithm::Rsa, Some(size)) if size > 4096 => {
            Some(format!("public CAs take RSA keys of up to 4096 bits, not {size}"))
        }
        (KeyAlgorithm::Rsa | KeyAlgorithm::Ecdsa | KeyAlgorithm::Unknown(_), _) => None,
    };
    if let Some(why) = odd_key {
        return Some((why, common()));
    }
    if spec.common_name.len() > 64 {
        let fix = Fix::manual("drop spec.commonName: dnsNames are enough; the change lifts the back-off");
        return Some((format!("spec.commonName has {} bytes, and 64 are allowed", spec.common_name.len()), fix));
    }
    let usages: Vec<_> = spec
        .usages
        .iter()
        .filter(|usage| **usage != KeyUsage::ClientAuth)
        .map(|usage| format!("  - {usage}"))
        .collect();
    (spec.usages.len() != usages.len()).then(|| {
        let patch = format!(
            "spec:\n  usages:\n{}",
            if usages.is_empty() { "  - server auth".into() } else { usages.join("\n") }
        );
        let fix = Fix::patch("drop the usage; the change lifts the back-off", patch);
        ("spec.usages asks for client auth, which public CAs no longer sign".to_owned(), fix)
    })
}

pub static PROFILE_REFUSED: Rule = Rule {
    id: "order-profile-refused",
    aliases: &[],
    family: Family::Order,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the CA does not know the profile that the issuer asks for",
    doc: include_str!("../../../docs/rules/order-profile-refused.md"),
    needs: &[Kind::Order, Kind::ClusterIssuer, Kind::Issuer],
    explains: &[],
    judge: profile_refused,
};

/// The profiles of Let's Encrypt.
const PROFILES: [&str; 3] = ["classic", "tlsserver", "shortlived"];

fn profile_refused(facts: &Facts) -> Judgement {
    let failure = failure::of_order(facts).ok_or(Withheld::NotApplicable)?;
    let none_at_all = failure.says_any(&["does not support profiles"]);
    let this_one =
        ["does not advertise a profile", "set of supported profiles", "error:invalidprofile", "unrecognized profile"];
    if !none_at_all && !failure.says_any(&this_one) {
        return Ok(vec![]);
    }
    let in_order = facts.order().ok().map(|node| node.order.spec.profile.clone());
    let profile = in_order.or_else(|| acme(facts).map(|acme| acme.profile.clone())).unwrap_or_default();
    let near = PROFILES
        .into_iter()
        .find(|known| *known != profile && strsim::osa_distance(known, &profile.to_lowercase()) <= 2);
    let ca = ca_host(facts).unwrap_or_else(|| "the CA".into());
    let summary = match (none_at_all, near) {
        (true, _) => format!("the issuer asks for profile {profile}, and {ca} has no profiles"),
        (false, Some(near)) => format!("{ca} knows no profile {profile}; {near} is near"),
        (false, None) => format!("{ca} knows no profile {profile}"),
    };
    let mut finding = PROFILE_REFUSED.on(failure.object).says(summary).evidence(failure.witness, failure.words);
    if let Some(issuer) = issuer_ref(facts) {
        finding = finding.evidence(Witness::Spec(issuer.kind, "acme.profile"), &profile);
        let patch = |value: &str| {
            format!(
                r#"kubectl patch {}{} --type=merge -p '{{"spec":{{"acme":{{"profile":{value}}}}}}}'"#,
                issuer.kubectl_name(),
                issuer.namespace_flag()
            )
        };
        finding = match near.filter(|_| !none_at_all) {
            Some(near) => {
                finding.fix(Fix::command(format!("correct the profile of {issuer}"), patch(&format!("\"{near}\""))))
            }
            None => finding.fix(Fix::command(format!("take the profile out of {issuer}"), patch("null"))),
        };
    }
    Ok(vec![with_renewal(finding, facts)])
}

pub static TOO_MANY_NAMES: Rule = Rule {
    id: "too-many-names",
    aliases: &[],
    family: Family::Order,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the certificate has more names than the CA puts into one",
    doc: include_str!("../../../docs/rules/too-many-names.md"),
    needs: &[Kind::Order, Kind::Certificate, Kind::ClusterIssuer, Kind::Issuer],
    explains: &[],
    judge: too_many_names,
};

fn too_many_names(facts: &Facts) -> Judgement {
    let count = names(facts).len();
    let said = failure::of_order(facts).filter(|failure| {
        failure.says_any(&["identifiers", "names"])
            && failure.says_any(&["order included more than", "too many identifiers"])
    });
    let limit = limit(facts);
    if let Some(failure) = said {
        let finding = TOO_MANY_NAMES.on(failure.object).evidence(failure.witness, failure.words);
        return Ok(vec![split(finding, facts, count, limit)]);
    }
    // The CA was not asked yet, and its answer is known.
    let certificate = facts.certificate()?;
    let asks = !matches!(facts.stage, Stage::Settled { .. }) && !facts.has_failed();
    match limit {
        Some(limit) if asks && count > limit => {
            Ok(vec![split(TOO_MANY_NAMES.on(certificate.objref()), facts, count, Some(limit))])
        }
        Some(_) | None => Ok(vec![]),
    }
}

fn split(finding: Finding, facts: &Facts, count: usize, limit: Option<usize>) -> Finding {
    let most = limit.map_or_else(|| "fewer".to_owned(), |limit| format!("at most {limit}"));
    let finding = finding
        .says(format!("the certificate asks for {count} names, and the CA puts {most} into one"))
        .evidence(Witness::Computed, format!("{count} names in the order"))
        .fix(Fix::manual(format!(
            "split it into several Certificates with {most} names each, each with its own secretName"
        )));
    with_renewal(finding, facts)
}

/// How many names the CA takes in one order, where that is known.
fn limit(facts: &Facts) -> Option<usize> {
    let host = ca_host(facts)?;
    if !host.ends_with("letsencrypt.org") {
        return None;
    }
    let in_order = facts.order().ok().map(|node| node.order.spec.profile.clone());
    let profile = in_order.or_else(|| acme(facts).map(|acme| acme.profile.clone())).unwrap_or_default();
    Some(if matches!(profile.as_str(), "tlsserver" | "shortlived") { 25 } else { 100 })
}

#[cfg(test)]
mod tests {
    use super::super::tests::errored;
    use super::*;
    use crate::api::certificate::PrivateKeySpec;
    use crate::facts::specimen::Specimen;

    const REJECTED: &str =
        "Failed to create Order: 400 urn:ietf:params:acme:error:rejectedIdentifier: Invalid identifiers requested :: ";

    #[test]
    fn a_rejected_name_is_named_with_the_reason() {
        let svc = errored(&format!(
            "{REJECTED}Cannot issue for \"api.shop.svc\": Domain name does not end with a valid public suffix (TLD)"
        ))
        .broken(|objects| objects.order().spec.dns_names = vec!["shop.svc".into(), "api.shop.svc".into()]);
        assert_eq!(svc.root(), Some("order-identifier-rejected"));
        let report = svc.judge();
        assert_eq!(report.headline, "the CA does not issue for api.shop.svc: it is no name of the public DNS");
        assert!(report.findings[0].fixes[0].patch.is_some());
        let policy =
            errored(&format!("{REJECTED}Cannot issue for \"web.example.com\": The ACME server refuses to issue"));
        assert!(policy.judge().headline.contains("for web.example.com"), "{}", policy.judge().headline);
        let other = errored("Failed to create Order: 400 urn:ietf:params:acme:error:malformed: bad");
        assert!(!other.ids().contains(&"order-identifier-rejected"));
    }

    #[test]
    fn a_name_is_found_whole_only() {
        for (words, name, expected) in [
            ("for \"a.example\": no", "a.example", true),
            ("for b.a.example.", "a.example", false),
            ("for a.example.", "a.example", true),
            ("for a.example.org", "a.example", false),
            ("for xa.example", "a.example", false),
            ("for \"*.a.example\"", "a.example", false),
        ] {
            assert_eq!(holds_name(words, name), expected, "{words}");
        }
    }

    #[test]
    fn a_refused_csr_points_at_the_odd_key() {
        let bad = |algorithm: KeyAlgorithm, size: i64| {
            errored("Failed to finalize Order: 400 urn:ietf:params:acme:error:badCSR: Error finalizing order :: CSR has bad key").broken(|objects| {
                objects.certificate().spec.private_key = Some(PrivateKeySpec { algorithm: Some(algorithm), size, ..PrivateKeySpec::default() });
            })
        };
        for (algorithm, size, part) in [
            (KeyAlgorithm::Ed25519, 0, "Ed25519"),
            (KeyAlgorithm::Ecdsa, 521, "P-521"),
            (KeyAlgorithm::Rsa, 8192, "4096 bits, not 8192"),
            (KeyAlgorithm::Rsa, 2048, "see its words"),
        ] {
            let judged = bad(algorithm, size);
            assert_eq!(judged.root(), Some("order-finalize-badcsr"));
            assert!(judged.judge().headline.contains(part), "{}", judged.judge().headline);
        }
        let client = bad(KeyAlgorithm::Rsa, 2048).broken(|objects| {
            objects.certificate().spec.usages = vec![KeyUsage::ServerAuth, KeyUsage::ClientAuth];
        });
        assert_eq!(client.judge().findings[0].fixes[0].patch.as_deref(), Some("spec:\n  usages:\n  - server auth"));
    }

    #[test]
    fn a_profile_that_the_ca_does_not_know_is_compared_with_those_it_has() {
        let refused =
            |words: &str, profile: &str| errored(words).broken(|objects| objects.order().spec.profile = profile.into());
        let typo = refused(
            "Failed to create Order: acme: certificate authority does not advertise a profile with name shortlive",
            "shortlive",
        );
        assert_eq!(typo.root(), Some("order-profile-refused"));
        assert!(typo.judge().headline.contains("shortlived is near"), "{}", typo.judge().headline);
        let none =
            refused("Failed to create Order: acme: certificate authority does not support profiles", "tlsserver");
        assert!(none.judge().headline.contains("has no profiles"), "{}", none.judge().headline);
        assert!(none.judge().findings[0].fixes[0].command.as_ref().unwrap().contains("\"profile\":null"));
        assert!(!errored("Failed to create Order: 500 profile").ids().contains(&"order-profile-refused"));
    }

    #[test]
    fn too_many_names_are_counted_before_and_after_the_ca_was_asked() {
        let many = |count: usize| -> Vec<String> { (0..count).map(|index| format!("n{index}.example.com")).collect() };
        let said = errored("Failed to create Order: 400 urn:ietf:params:acme:error:malformed: Order included more than 100 identifiers")
            .broken(|objects| objects.order().spec.dns_names = many(101));
        assert_eq!(said.root(), Some("too-many-names"));
        assert!(said.judge().headline.contains("101 names, and the CA puts at most 100"), "{}", said.judge().headline);
        let young = |count: usize, profile: &str| {
            let profile = profile.to_owned();
            Specimen::http01().broken(move |objects| {
                objects.order().spec.dns_names = many(count);
                objects.order().spec.profile = profile;
            })
        };
        assert_eq!(young(101, "").ids(), ["too-many-names"]);
        assert_eq!(young(26, "tlsserver").ids(), ["too-many-names"]);
        assert_eq!(young(100, "").ids(), Vec::<&str>::new());
    }
}
