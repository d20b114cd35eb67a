//! Cloudflare refuses the credentials or the zone.
//!
//! Tells by the API's error numbers, and by the shape of the Secret where it was seen.

use super::credentials::{Oddity, Shape, oddity};
use super::{Family, Judgement, Matter, Nature, Outlook, RETRIES, Rule, Severity, Trouble, each, has_any, quoted};
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;

pub static CLOUDFLARE: Rule = Rule {
    id: "dns01-cloudflare",
    aliases: &[],
    family: Family::Dns01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the Cloudflare credentials are refused, or do not reach the zone",
    doc: include_str!("../../../docs/rules/dns01-cloudflare.md"),
    needs: &[Kind::Challenge, Kind::Event, Kind::Secret, Kind::Deployment],
    explains: &[],
    judge: cloudflare,
};

/// What Cloudflare, or cert-manager before it asks Cloudflare, does not like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloudflareFault {
    BothGiven,
    NoneGiven,
    LineBreak,
    /// 6003 with 6103 or 6111: not the shape that the header wants.
    Format,
    /// 9109, 10000 and their like: known or not, it may not do this.
    Denied,
    NoZone,
    FreeDomain,
}

pub(super) fn fault(trouble: &Trouble) -> Option<CloudflareFault> {
    const FREE: [&str; 5] = [".cf", ".ga", ".gq", ".ml", ".tk"];
    let words = &trouble.words;
    let code = |codes: &[&str]| codes.iter().any(|code| words.contains(&format!(" {code}: ")));
    if has_any(words, &["both present", "be both present"]) {
        Some(CloudflareFault::BothGiven)
    } else if words.contains("contain a newline") {
        Some(CloudflareFault::LineBreak)
    } else if words.contains("no Cloudflare credential") {
        Some(CloudflareFault::NoneGiven)
    } else if code(&["6003", "6103", "6111", "9106", "9107"]) {
        Some(CloudflareFault::Format)
    } else if code(&["9103", "9109", "10000", "10001"]) || has_any(words, &["zone.list", "to list zones"]) {
        Some(CloudflareFault::Denied)
    } else if words.contains("Found no Zones for domain") {
        Some(CloudflareFault::NoZone)
    } else if words.contains("/dns_records") && FREE.iter().any(|free| trouble.dns_name().ends_with(free)) {
        Some(CloudflareFault::FreeDomain)
    } else {
        None
    }
}

fn cloudflare(facts: &Facts) -> Judgement {
    each(facts, Matter::Cloudflare, |facts, trouble| {
        let finding = trouble.finding(&CLOUDFLARE);
        let fault = fault(trouble).unwrap_or(CloudflareFault::Denied);
        let blames_value = matches!(
            fault,
            CloudflareFault::LineBreak | CloudflareFault::Format | CloudflareFault::Denied | CloudflareFault::NoneGiven
        );
        match oddity(facts, trouble, is_mistaken).filter(|_| blames_value) {
            Some(oddity) => of_value(finding, trouble, &oddity),
            None => of_words(finding, trouble, fault),
        }
    })
}

/// Whether a value of this shape in this field cannot work.
fn is_mistaken(field: &'static str, shape: Shape) -> bool {
    match shape {
        Shape::Empty | Shape::LineBreak | Shape::Blank => true,
        Shape::CloudflareKey => field.ends_with("apiTokenSecretRef"),
        Shape::CloudflareToken => field.ends_with("apiKeySecretRef"),
        Shape::Other => false,
    }
}

/// The Secret was seen, and shows the mistake.
fn of_value(finding: Finding, trouble: &Trouble, oddity: &Oddity) -> Finding {
    let place = oddity.place();
    let data = Witness::Data(Kind::Secret);
    match oddity.what {
        Shape::Empty => finding
            .says(format!("{place} is empty: Cloudflare gets no credentials for {}", trouble.names()))
            .because(format!("The solver's {} leads to an empty value. {RETRIES}", oddity.field))
            .evidence(data, "0 bytes")
            .fix(new_token(trouble)),
        Shape::LineBreak | Shape::Blank => finding
            .says(format!("{place} has white space around the credentials, so Cloudflare refuses them"))
            .because(format!(
                "The value goes into an HTTP header as it is. A line break at its end, as 'echo' or an editor adds it, \
                 makes it another value. {RETRIES}"
            ))
            .evidence(
                data,
                if oddity.what == Shape::LineBreak { "ends with a line break" } else { "begins or ends with a blank" },
            )
            .fix(oddity.trim()),
        Shape::CloudflareKey => finding
            .says(format!("{place} looks like Cloudflare's global API key, but {} wants an API token", oddity.field))
            .because(format!(
                "Global API keys have 37 hexadecimal digits and go together with an e-mail address; API tokens have 40 \
                 letters and digits. Cloudflare refuses one in the place of the other. {RETRIES}"
            ))
            .evidence(data, "37 hexadecimal characters")
            .fix(new_token(trouble))
            .fix(Fix::patch(
                format!("or, less safe, use the global key (solver in {})", trouble.issuer()),
                reference_patch("apiKeySecretRef", oddity, "    email: ACCOUNT-EMAIL\n"),
            )),
        Shape::CloudflareToken | Shape::Other => finding
            .says(format!("{place} looks like an API token, but {} wants Cloudflare's global API key", oddity.field))
            .because(format!(
                "API tokens have 40 letters and digits and belong under apiTokenSecretRef; global API keys have 37 \
                 hexadecimal digits. Cloudflare refuses one in the place of the other. {RETRIES}"
            ))
            .evidence(data, "40 letters and digits")
            .fix(Fix::patch(
                format!("name it as what it is, and drop apiKeySecretRef and email (solver in {})", trouble.issuer()),
                reference_patch("apiTokenSecretRef", oddity, ""),
            )),
    }
}

fn reference_patch(field: &str, oddity: &Oddity, more: &str) -> String {
    format!(
        "dns01:\n  cloudflare:\n{more}    {field}:\n      name: {}\n      key: {}\n",
        oddity.secret.name, oddity.key
    )
}

fn of_words(finding: Finding, trouble: &Trouble, fault: CloudflareFault) -> Finding {
    let names = trouble.names();
    let issuer = trouble.issuer();
    let (says, because) = match fault {
        CloudflareFault::BothGiven => (
            format!("the solver in {issuer} names both an API key and an API token"),
            "cert-manager does not choose between the two.".to_owned(),
        ),
        CloudflareFault::NoneGiven => (
            format!("the Cloudflare solver in {issuer} has no usable credentials"),
            "An API token is missing, or an API key without its account's e-mail address.".to_owned(),
        ),
        CloudflareFault::LineBreak => (
            format!("the Cloudflare credentials for {names} contain a line break"),
            "The value goes into an HTTP header as it is, so cert-manager refuses to send it.".to_owned(),
        ),
        CloudflareFault::Format => (
            format!("Cloudflare says that the credentials for {names} have the wrong form"),
            "That is its answer to an API token in the place of the global API key or the reverse, to a line break at \
             the end of the value, and to a key without its e-mail address."
                .to_owned(),
        ),
        CloudflareFault::Denied => (
            format!("Cloudflare does not let the credentials read or write the zone of {names}"),
            "The token is revoked, expired, or lacks a permission: cert-manager needs Zone:Read to find the zone and \
             DNS:Edit to write the record, both for this zone."
                .to_owned(),
        ),
        CloudflareFault::NoZone => (
            format!("the Cloudflare credentials show no zone for {names}"),
            "The token may not read the zone (permission Zone:Read, zone resources), or the zone is in another account \
             or not at Cloudflare at all."
                .to_owned(),
        ),
        CloudflareFault::FreeDomain => (
            format!("Cloudflare does not take records of {names} over its API"),
            "Cloudflare blocks DNS changes over the API for the free top-level domains cf, ga, gq, ml and tk.".to_owned(),
        ),
    };
    let finding = finding.says(says).because(format!("{because} {RETRIES}"));
    match fault {
        CloudflareFault::BothGiven => finding.fix(Fix::patch(
            format!("keep the token (solver in {issuer})"),
            "dns01:\n  cloudflare:\n    apiKeySecretRef: null\n    email: null\n",
        )),
        CloudflareFault::FreeDomain => finding.fix(Fix::manual(
            "delegate _acme-challenge by CNAME to a zone of another domain, with cnameStrategy: Follow, or use HTTP-01",
        )),
        CloudflareFault::NoZone => finding
            .fix(Fix::command(
                "see whose name servers the public DNS names; Cloudflare's end in ns.cloudflare.com",
                format!("dig +trace NS {}", quoted(trouble.dns_name())),
            ))
            .fix(new_token(trouble)),
        CloudflareFault::NoneGiven | CloudflareFault::LineBreak | CloudflareFault::Format | CloudflareFault::Denied => {
            finding.fix(verify(trouble)).fix(new_token(trouble))
        }
    }
}

fn new_token(trouble: &Trouble) -> Fix {
    Fix::manual(format!(
        "make an API token with Zone:Zone:Read and Zone:DNS:Edit for the zone of {}, store it without a line break, and \
         name it under apiTokenSecretRef in {}",
        trouble.dns_name(),
        trouble.issuer()
    ))
}

fn verify(trouble: &Trouble) -> Fix {
    let token = trouble.solver.cloudflare.as_ref().and_then(|cloudflare| cloudflare.api_token_secret_ref.as_ref());
    let Some(token) = token else {
        return Fix::manual(
            "see which it is: 37 hexadecimal digits are a global API key, 40 letters and digits a token",
        );
    };
    let flag = match trouble.challenge.spec.issuer_ref.own_kind() {
        Some(Kind::ClusterIssuer) => " -n cert-manager".to_owned(),
        Some(_) | None => trouble.namespace_flag(),
    };
    let path = token.key.replace('.', "\\.");
    Fix::command(
        "let Cloudflare judge the token",
        format!(
            "curl -sH \"Authorization: Bearer $(kubectl get secret {}{flag} -o jsonpath='{{.data.{path}}}' | base64 -d)\" \
             https://api.cloudflare.com/client/v4/user/tokens/verify",
            token.name
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refused, says};
    use crate::facts::specimen::Specimen;

    const TOKEN: &str = "cloudflare: {apiTokenSecretRef: {name: cf, key: token}}";
    const KEY: &str = "cloudflare: {email: a@example.com, apiKeySecretRef: {name: cf, key: token}}";
    const FORMAT: &str = "while attempting to find Zones for domain _acme-challenge.web.example.com.\nwhile querying the \
        Cloudflare API for GET \"/zones?name=example.com\" \n\t Error: 6003: Invalid request headers<- 6103: Invalid format for X-Auth-Key header";

    fn with_value(specimen: Specimen, value: &str) -> Specimen {
        specimen.with(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: cf, namespace: shop}}\nstringData: {{token: \"{value}\"}}\n"
        ))
    }

    #[test]
    fn each_answer_is_told_apart() {
        for (words, part) in [
            (FORMAT, "wrong form"),
            (
                "while querying the Cloudflare API for GET \"/zones\" \n\t Error: 9109: Invalid access token",
                "does not let",
            ),
            (
                "while querying the Cloudflare API for GET \"/zones\" \n\t Error: 10000: Authentication error",
                "does not let",
            ),
            ("Found no Zones for domain _acme-challenge.web.example.com.", "show no zone"),
            (
                "error instantiating cloudflare challenge solver: the Cloudflare API token is invalid (does the API token contain a newline?)",
                "line break",
            ),
            ("API key and API token secret references are both present", "both"),
        ] {
            let specimen = refused(TOKEN, words);
            assert_eq!(specimen.ids(), ["dns01-cloudflare"], "{words}");
            assert!(says(&specimen).contains(part), "{}", says(&specimen));
        }
    }

    #[test]
    fn the_secret_shows_the_mistake_and_not_its_value() {
        let token = "v1.0-abcdefghijklmnopqrstuvwxyz_ABCDEFGH".replace('.', "x");
        assert_eq!(token.len(), 40);
        let swapped = with_value(refused(KEY, FORMAT), &token);
        assert!(
            says(&swapped).contains("looks like an API token, but cloudflare.apiKeySecretRef"),
            "{}",
            says(&swapped)
        );
        let global = with_value(refused(TOKEN, FORMAT), &"a1".repeat(18).replacen('a', "aa", 1));
        assert!(says(&global).contains("global API key"), "{}", says(&global));
        let broken = with_value(refused(TOKEN, FORMAT), &format!("{token}\\n"));
        assert!(says(&broken).contains("white space"), "{}", says(&broken));
        for specimen in [swapped, global, broken] {
            assert!(!format!("{:?}", specimen.judge()).contains("abcdefghij"));
        }
    }

    #[test]
    fn a_right_value_leaves_the_blame_with_the_permissions() {
        let denied = refused(
            TOKEN,
            "while querying the Cloudflare API for GET \"/zones\" \n\t Error: 9109: Invalid access token",
        );
        assert!(says(&with_value(denied, &"z".repeat(40))).contains("does not let"));
    }

    #[test]
    fn what_cloudflare_says_of_itself_is_no_fault_of_the_credentials() {
        let down = refused(TOKEN, "while querying the Cloudflare API for GET \"/zones\": EOF");
        assert_eq!(down.ids(), ["dns01-present-failed"]);
    }
}
