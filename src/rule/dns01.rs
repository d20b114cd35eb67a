//! DNS-01 challenges (RFC 8555 §8.4): why the TXT record is not written, not seen, or not accepted.
//!
//! What the controllers say about a Challenge is sorted into one [`Matter`], so that exactly one rule of the family
//! speaks about it. Goes by the words of status and events; asks no name server and knows no zone's content.

mod azure;
mod cloudflare;
mod cname;
mod credentials;
mod google;
mod other_provider;
mod propagation;
mod resolver;
mod route53;
mod said;
mod validation;
mod webhook;

use super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use crate::api::solver::Dns01Solver;
use crate::api::{AcmeState, Challenge, ChallengeType, Object};
use crate::chain::ChallengeNode;
use crate::facts::Facts;
use crate::finding::{Finding, Witness, quoted};

pub use azure::AZURE;
pub use cloudflare::CLOUDFLARE;
pub use cname::CNAME_DELEGATION;
pub use credentials::CREDENTIALS_MISSING;
pub use google::GOOGLE;
pub use other_provider::{PRESENT_FAILED, RFC2136_AND_OTHERS};
pub use propagation::{NOT_PROPAGATED, SPLIT_HORIZON};
pub use resolver::{PORT_53_BLOCKED, ZONE_SEARCH_FAILED};
pub use route53::ROUTE53;
pub use validation::{DNSSEC_OR_NS_BROKEN, STALE_TXT_RECORDS};
pub use webhook::{WEBHOOK_SOLVER_RBAC, WEBHOOK_SOLVER_UNAVAILABLE};

/// A record is presented again by itself; `DefaultACMERateLimiter` in `pkg/controller/util.go`.
const RETRIES: &str = "cert-manager tries again by itself, with pauses that grow from 5 seconds to half an hour.";

/// What one Challenge is held up by: each has one rule, and each rule has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matter {
    Credentials,
    WebhookRbac,
    WebhookUnavailable,
    Cname,
    SplitHorizon,
    Port53,
    ZoneSearch,
    Cloudflare,
    Route53,
    Azure,
    Google,
    OtherProvider,
    PresentFailed,
    NotPropagated,
    BrokenZone,
    StaleTxt,
}

/// The step of the Challenge that the words are about (`pkg/controller/acmechallenges/sync.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The record could not be written.
    Present,
    /// cert-manager does not see the record.
    SelfCheck,
    /// The CA did not accept it; this Challenge is over.
    Validation,
}

/// A Challenge that is held up, and the others that are held up in the same way.
struct Trouble<'i> {
    challenge: &'i Challenge,
    solver: &'i Dns01Solver,
    phase: Phase,
    /// The fullest words there are.
    words: String,
    evidence: Vec<(Witness, String)>,
    others: Vec<&'i Challenge>,
}

/// The Challenges held up by `wanted`, those of one kind and one solver taken together.
fn troubles<'i>(facts: &Facts<'i>, wanted: Matter) -> Result<Vec<Trouble<'i>>, Withheld> {
    // Presented a moment ago, with the words of a failure before it still in the status.
    let just_presented = |node: &&ChallengeNode<'i>| node.is_presented() && !node.challenge.status.presented;
    let nodes = facts.challenges()?;
    let challenges: Vec<&'i Challenge> =
        nodes.iter().filter(|node| !just_presented(node)).map(|node| node.challenge).collect();
    if challenges.iter().all(|challenge| challenge.spec.type_ != ChallengeType::Dns01) {
        return Err(Withheld::NotApplicable);
    }
    let mut found: Vec<Trouble<'i>> = Vec::new();
    for trouble in challenges.into_iter().filter_map(|challenge| said::trouble(facts, challenge)) {
        let is_wanted = matter(facts, &trouble).is_some_and(|matter| {
            matter == wanted && facts.is_older_than(trouble.began(), grace(matter, trouble.phase))
        });
        if !is_wanted {
            continue;
        }
        match found.iter_mut().find(|known| known.is_like(&trouble)) {
            Some(known) => known.others.push(trouble.challenge),
            None => found.push(trouble),
        }
    }
    Ok(found)
}

/// A rule that has something to say about every trouble of its matter.
fn each(facts: &Facts, matter: Matter, say: impl Fn(&Facts, &Trouble) -> Finding) -> Judgement {
    Ok(troubles(facts, matter)?.iter().map(|trouble| say(facts, trouble)).collect())
}

/// The first that fits, from what is certain to what is left over.
fn matter(facts: &Facts, trouble: &Trouble) -> Option<Matter> {
    match trouble.phase {
        Phase::Present => Some(while_presenting(trouble)),
        Phase::SelfCheck => Some(while_checking(facts, trouble)),
        Phase::Validation => validation::matter(&trouble.words),
    }
}

fn while_presenting(trouble: &Trouble) -> Matter {
    let words = &trouble.words;
    let solver = trouble.solver;
    if credentials::is_about_a_secret(words) {
        Matter::Credentials
    } else if solver.webhook.is_some() && webhook::is_forbidden(words) {
        Matter::WebhookRbac
    } else if solver.webhook.is_some() && webhook::is_unavailable(words) {
        Matter::WebhookUnavailable
    } else if cname::fault(trouble).is_some() {
        Matter::Cname
    } else if propagation::nearer_zone(trouble).is_some() {
        Matter::SplitHorizon
    } else if resolver::blocked_server(words).is_some() {
        Matter::Port53
    } else if resolver::zone_fault(words).is_some() {
        Matter::ZoneSearch
    } else if solver.cloudflare.is_some() && cloudflare::fault(trouble).is_some() {
        Matter::Cloudflare
    } else if solver.route53.is_some() && route53::fault(words).is_some() {
        Matter::Route53
    } else if solver.azure_dns.is_some() && azure::fault(words).is_some() {
        Matter::Azure
    } else if solver.cloud_dns.is_some() && google::fault(words).is_some() {
        Matter::Google
    } else if other_provider::fault(trouble).is_some() {
        Matter::OtherProvider
    } else {
        Matter::PresentFailed
    }
}

fn while_checking(facts: &Facts, trouble: &Trouble) -> Matter {
    let words = &trouble.words;
    if cname::is_loop(words) {
        Matter::Cname
    } else if resolver::blocked_server(words).is_some() {
        Matter::Port53
    } else if validation::refusing_server(words).is_some() {
        Matter::BrokenZone
    } else if resolver::zone_fault(words).is_some() {
        Matter::ZoneSearch
    } else if propagation::suspects_split_horizon(facts, trouble) {
        Matter::SplitHorizon
    } else {
        Matter::NotPropagated
    }
}

/// Seconds for which a matter may pass by itself.
fn grace(matter: Matter, phase: Phase) -> i64 {
    const SECOND_TRY: i64 = 60;
    const NAME_SERVERS: i64 = 120;
    match matter {
        Matter::NotPropagated => propagation::PATIENCE_SECONDS,
        Matter::Port53 | Matter::ZoneSearch | Matter::BrokenZone if phase == Phase::SelfCheck => NAME_SERVERS,
        Matter::Port53 | Matter::ZoneSearch | Matter::WebhookUnavailable | Matter::PresentFailed => SECOND_TRY,
        Matter::Credentials
        | Matter::WebhookRbac
        | Matter::Cname
        | Matter::SplitHorizon
        | Matter::Cloudflare
        | Matter::Route53
        | Matter::Azure
        | Matter::Google
        | Matter::OtherProvider
        | Matter::BrokenZone
        | Matter::StaleTxt => 0,
    }
}

impl<'i> Trouble<'i> {
    fn dns_name(&self) -> &'i str {
        &self.challenge.spec.dns_name
    }

    /// `web.example.com`, or with how many more names.
    fn names(&self) -> String {
        let name = self.dns_name();
        match self.others.len() {
            0 => name.to_owned(),
            1 => format!("{name} and 1 more name"),
            more => format!("{name} and {more} more names"),
        }
    }

    /// The name that the TXT record stands under.
    fn record(&self) -> String {
        format!("_acme-challenge.{}", self.dns_name())
    }

    /// When the step began that does not get on.
    fn began(&self) -> Option<jiff::Timestamp> {
        let presented = self.challenge.status.presented_at.as_ref().map(|time| time.0);
        match self.phase {
            Phase::SelfCheck => presented.or_else(|| self.challenge.created()),
            Phase::Present | Phase::Validation => self.challenge.created(),
        }
    }

    /// The same words through the same solver, but for names and numbers.
    fn is_like(&self, other: &Self) -> bool {
        let gist = |trouble: &Self| -> String {
            trouble.words.replace(trouble.dns_name(), "").chars().filter(|c| !c.is_ascii_digit()).collect()
        };
        self.phase == other.phase && self.solver == other.solver && gist(self) == gist(other)
    }

    /// Starts the finding of `rule`, with all words as evidence.
    fn finding(&self, rule: &'static Rule) -> Finding {
        let mut finding = rule.on(self.challenge.objref());
        for (witness, words) in &self.evidence {
            finding = finding.evidence(witness.clone(), words);
        }
        let others: Vec<_> = self.others.iter().map(|challenge| challenge.spec.dns_name.as_str()).collect();
        if others.is_empty() {
            return finding;
        }
        finding.evidence(Witness::Computed, format!("the same holds for {}", others.join(", ")))
    }

    /// `ClusterIssuer letsencrypt`, the place where the solver is written down.
    fn issuer(&self) -> String {
        let reference = &self.challenge.spec.issuer_ref;
        reference
            .objref(self.challenge.namespace().unwrap_or_default())
            .map_or_else(|| format!("{} {}", reference.kind_or_default(), reference.name), |object| object.to_string())
    }

    /// What happens next if nobody does anything.
    fn retries(&self) -> &'static str {
        match self.phase {
            Phase::Present => RETRIES,
            Phase::SelfCheck => "cert-manager asks again every 10 seconds.",
            Phase::Validation => "This challenge is over; a new issuance is needed.",
        }
    }

    /// ` -n NAMESPACE` of the Challenge.
    fn namespace_flag(&self) -> String {
        self.challenge.objref().namespace_flag()
    }
}

/// Whether `name` is `zone` or lies below it, whatever the case and the closing dots.
fn is_within(name: &str, zone: &str) -> bool {
    let tidy = |text: &str| text.trim_end_matches('.').to_ascii_lowercase();
    let (name, zone) = (tidy(name), tidy(zone));
    name == zone || name.strip_suffix(&zone).is_some_and(|head| head.ends_with('.'))
}

/// The word that follows `start` in `text`, without quotes and closing punctuation.
fn word_after<'t>(text: &'t str, start: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    let word = rest.split(|c: char| c.is_whitespace() || "\"',;)".contains(c)).find(|word| !word.is_empty())?;
    Some(word.trim_end_matches(['.', ':']))
}

/// The zone that a provider says it does not have: `example.com` of `zone example.com. not found in Route 53 …`.
fn zone_not_found(words: &str) -> Option<&str> {
    if let Some(zone) = word_after(words, "No matching GoogleCloud domain found for domain ") {
        return Some(zone);
    }
    let (before, after) = words.split_once(" not found ")?;
    let (before, zone) = before.rsplit_once(' ').unwrap_or(("", before));
    let is_zone = before.rsplit(' ').next().is_some_and(|word| word.eq_ignore_ascii_case("zone"));
    (is_zone && (after.starts_with("in ") || after.starts_with("for "))).then(|| zone.trim_end_matches('.'))
}

/// Whether any of `needles` is in `words`, in any case.
fn has_any(words: &str, needles: &[&str]) -> bool {
    let words = words.to_ascii_lowercase();
    needles.iter().any(|needle| words.contains(&needle.to_ascii_lowercase()))
}

/// Whether the Challenge will not be looked at again.
fn is_over(challenge: &Challenge) -> bool {
    challenge.status.state.as_ref().is_some_and(AcmeState::is_failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::specimen::Specimen;

    /// The DNS-01 specimen with one provider and the words of a failed attempt to present.
    pub(super) fn refused(solver: &str, words: &str) -> Specimen {
        let solver: Dns01Solver = serde_saphyr::from_str(solver).expect("a solver");
        let words = words.to_owned();
        Specimen::dns01().later(2).broken(move |objects| {
            objects.unpresent();
            let challenge = objects.challenge();
            challenge.spec.solver.dns01 = Some(solver);
            challenge.status.reason = words;
        })
    }

    /// The DNS-01 specimen with the words of a self check, so many minutes after it was presented.
    pub(super) fn unseen(minutes: i64, words: &str) -> Specimen {
        let words = format!("Waiting for DNS-01 challenge propagation: {words}");
        Specimen::dns01().later(minutes).broken(move |objects| objects.challenge().status.reason = words)
    }

    /// The DNS-01 specimen after the CA said no.
    pub(super) fn invalid(words: &str) -> Specimen {
        let words = format!("Error accepting authorization: acme: authorization error for web.example.com: {words}");
        Specimen::dns01().later(2).broken(move |objects| {
            let status = &mut objects.challenge().status;
            status.state = Some(AcmeState::Invalid);
            status.reason = words;
            status.processing = false;
            status.presented = false;
        })
    }

    /// The first finding's summary.
    pub(super) fn says(specimen: &Specimen) -> String {
        specimen.judge().findings.first().map(|finding| finding.summary.clone()).unwrap_or_default()
    }

    #[test]
    fn a_young_challenge_is_no_fault() {
        assert_eq!(Specimen::dns01().ids(), Vec::<&str>::new());
    }

    #[test]
    fn the_same_trouble_of_several_names_is_told_once() {
        let two =
            refused("cloudflare: {}", "Found no Zones for domain _acme-challenge.web.example.com.").broken(|objects| {
                let mut twin = objects.challenge().clone();
                twin.metadata.name = Some("twin".into());
                twin.metadata.uid = Some("twin".into());
                twin.spec.dns_name = "api.example.com".into();
                twin.status.reason = "Found no Zones for domain _acme-challenge.api.example.com.".into();
                objects.challenges.push(twin);
            });
        assert_eq!(two.ids(), ["dns01-cloudflare"]);
        assert!(says(&two).contains("1 more name"), "{}", says(&two));
    }

    #[test]
    fn names_lie_within_zones_by_whole_labels() {
        assert!(is_within("_acme-challenge.Web.example.com.", "example.com"));
        assert!(is_within("example.com", "example.com."));
        assert!(!is_within("web.badexample.com", "example.com"));
    }

    #[test]
    fn the_zone_that_a_provider_lacks_is_read_from_its_words() {
        let route53 =
            "failed to determine Route 53 hosted zone ID: zone web.example.com. not found in Route 53 for domain x.";
        assert_eq!(zone_not_found(route53), Some("web.example.com"));
        assert_eq!(zone_not_found("Zone example.com not found in AzureDNS for domain x. Err: y"), Some("example.com"));
        assert_eq!(zone_not_found("No matching GoogleCloud domain found for domain com."), Some("com"));
        assert_eq!(zone_not_found("secrets \"zone\" not found"), None);
    }

    #[test]
    fn hostile_names_are_quoted_in_commands() {
        assert_eq!(quoted("web.example.com"), "web.example.com");
        assert_eq!(quoted("a;rm -rf /"), "'a;rm -rf /'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
