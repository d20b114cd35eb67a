//! What the controllers, the CAs and the API server say about each fault, word for word, and the rule that hears it.
//!
//! Messages change over releases, and a rule that no longer hears its own falls silent without a failure. The sentences are
//! those of cert-manager's source and of what people report; where several are listed, each is enough.

mod sentences;

use self::sentences::{DNS01, HTTP01, ISSUERS, ORDERS, REQUESTS, SECRETS, SIGNERS};
use crate::api::solver::Dns01Solver;
use crate::api::{AcmeState, CertificateReason, ConditionStatus, IssuerReason, RequestReason};
use crate::facts::specimen::Specimen;
use crate::inventory::Objects;
use crate::objref::Kind;
use crate::rule::{Nature, by_id};

/// Where a sentence stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// The condition Ready of an issuer of Let's Encrypt, with this reason.
    Issuer(&'static str),
    /// The same, of an ACME server of one's own.
    OwnIssuer(&'static str),
    /// The condition Ready of an issuer with this spec, with this reason.
    Typed(&'static str, &'static str),
    /// The condition Ready of the request that an issuer with this spec failed.
    Unsigned(&'static str),
    /// The condition Ready of the request that waits; the issuer was not seen.
    Waiting,
    /// The condition Ready of the request that failed.
    Failed,
    /// An event on the request that nobody approves, with this reason.
    Unapproved(&'static str),
    /// `status.reason` of the Order that errored.
    Order,
    /// The CA's answer to the HTTP-01 Challenge.
    Refused,
    /// The self check of HTTP-01.
    Check,
    /// What presenting the HTTP-01 Challenge ended with.
    Unpresented,
    /// What presenting the DNS-01 Challenge ended with, through this solver.
    Record(&'static str),
    /// The self check of DNS-01, so many minutes after the record was written.
    Unseen(i64),
    /// The CA's answer to the DNS-01 Challenge.
    RecordRefused,
    /// The event Solver on an Order without Challenges.
    Unsolved,
    /// `status.reason` of the Challenge that ended in this state.
    Ended(&'static str),
    /// The event `RequestFailed` on the Certificate: the API server's answer to a new request.
    Call,
    /// The condition Ready of a Certificate whose issuance failed, with this reason.
    Unready(&'static str),
}

use Place::{
    Call, Check, Ended, Failed, Issuer, Order, OwnIssuer, Record, RecordRefused, Refused, Typed, Unapproved,
    Unpresented, Unready, Unseen, Unsigned, Unsolved, Waiting,
};

fn staged(place: Place, words: &str) -> Specimen {
    match place {
        Issuer(reason) => issuer(reason, words, "https://acme-v02.api.letsencrypt.org/directory"),
        OwnIssuer(reason) => issuer(reason, words, "https://ca.example.com/"),
        Typed(spec, reason) => issuer(reason, words, "").broken(|objects| {
            objects.cluster_issuer().spec = serde_saphyr::from_str(spec).expect("an issuer's spec");
        }),
        Unsigned(spec) => request(words, &RequestReason::Failed).broken(|objects| {
            objects.cluster_issuer().spec = serde_saphyr::from_str(spec).expect("an issuer's spec");
        }),
        Unsolved => unsolved(words),
        Waiting => request(words, &RequestReason::Pending).broken(|objects| objects.cluster_issuers.clear()),
        Failed => request(words, &RequestReason::Failed),
        Unapproved(reason) => unapproved(reason, words),
        Order => Specimen::rejected().broken(|objects| {
            objects.certificate().spec.dns_names = vec!["web.example.com".into()];
            objects.challenges.clear();
            objects.order().status.state = Some(AcmeState::Errored);
            objects.order().status.reason = words.into();
        }),
        Refused => {
            Specimen::rejected().broken(|objects| objects.challenge().status.reason = authorization_error(words))
        }
        Check => Specimen::http01().later(10).broken(|objects| {
            objects.challenges.truncate(1);
            objects.challenge().status.reason = format!("Waiting for HTTP-01 challenge propagation: {words}");
            // No kubelet runs where the specimen is from.
            objects.pods.clear();
        }),
        Unpresented => Specimen::http01().later(3).broken(|objects| {
            objects.challenges.truncate(1);
            objects.unpresent();
            objects.challenge().status.reason = words.into();
            objects.pods.clear();
        }),
        Record(solver) => record(solver, words),
        Unseen(minutes) => Specimen::dns01().later(minutes).broken(|objects| {
            objects.challenge().status.reason = format!("Waiting for DNS-01 challenge propagation: {words}");
        }),
        RecordRefused => ended(Specimen::dns01().later(2), AcmeState::Invalid, &authorization_error(words)),
        Ended(state) => ended(Specimen::http01().later(3), AcmeState::from(state), words),
        Call => call(words),
        Unready(reason) => Specimen::rejected().broken(|objects| {
            let conditions = &mut objects.certificate().status.conditions;
            for ready in conditions.iter_mut().filter(|condition| condition.type_.as_str() == "Ready") {
                ready.reason = Some(CertificateReason::from(reason));
                ready.message = words.into();
            }
        }),
    }
}

fn authorization_error(words: &str) -> String {
    format!("Error accepting authorization: acme: authorization error for web.example.com: {words}")
}

fn issuer(reason: &str, words: &str, server: &str) -> Specimen {
    Specimen::http01().about(Kind::ClusterIssuer, None, "letsencrypt").broken(|objects| {
        let issuer = objects.cluster_issuer();
        issuer.spec.acme.as_mut().expect("the specimen is an ACME issuer").server = server.into();
        let condition = &mut issuer.status.conditions[0];
        condition.status = ConditionStatus::False;
        condition.reason = Some(IssuerReason::from(reason));
        condition.message = words.into();
    })
}

/// The request that waits or failed before there is an Order.
fn request(words: &str, reason: &RequestReason) -> Specimen {
    Specimen::http01().later(10).broken(|objects| {
        objects.orders.clear();
        objects.challenges.clear();
        for ready in objects.request().status.conditions.iter_mut().filter(|condition| !condition.is_true()) {
            ready.reason = Some(reason.clone());
            ready.message = words.into();
        }
    })
}

fn event(kind: &str, name: &str, reason: &str, words: &str) -> String {
    let words = serde_json::to_string(words).expect("text is JSON");
    format!(
        "apiVersion: v1\nkind: Event\nmetadata: {{name: said, namespace: shop}}\nreason: {reason}\ntype: Warning\nlastTimestamp: \
         '2026-11-22T06:38:00Z'\nmessage: {words}\ninvolvedObject: {{kind: {kind}, namespace: shop, name: {name}}}\n"
    )
}

fn unapproved(reason: &str, words: &str) -> Specimen {
    let waiting = Specimen::http01().later(10).broken(|objects| {
        objects.orders.clear();
        objects.challenges.clear();
        objects.request().status.conditions.clear();
        // They tell of the approval that is taken away here.
        objects.events.clear();
    });
    let name = waiting.objects.requests[0].metadata.name.clone().unwrap_or_default();
    waiting.with(&event("CertificateRequest", &name, reason, words))
}

/// The issuer's solvers were not seen.
fn unsolved(words: &str) -> Specimen {
    let order = Specimen::http01().later(3).broken(|objects| {
        objects.challenges.clear();
        objects.cluster_issuers.clear();
    });
    let name = order.objects.orders[0].metadata.name.clone().unwrap_or_default();
    order.with(&event("Order", &name, "Solver", words))
}

fn call(words: &str) -> Specimen {
    let without_request = |objects: &mut Objects| {
        objects.requests.clear();
        objects.orders.clear();
        objects.challenges.clear();
    };
    Specimen::http01().later(10).broken(without_request).with(&event("Certificate", "web", "RequestFailed", words))
}

fn record(solver: &str, words: &str) -> Specimen {
    let solver: Dns01Solver = serde_saphyr::from_str(solver).expect("a solver");
    Specimen::dns01().later(2).broken(|objects| {
        objects.unpresent();
        let challenge = objects.challenge();
        challenge.spec.solver.dns01 = Some(solver);
        challenge.status.reason = words.into();
    })
}

fn ended(specimen: Specimen, state: AcmeState, words: &str) -> Specimen {
    specimen.broken(|objects| {
        objects.challenges.truncate(1);
        let status = &mut objects.challenge().status;
        status.state = Some(state);
        status.reason = words.into();
        status.processing = false;
        status.presented = false;
    })
}

#[test]
fn each_sentence_is_heard_by_the_rule_of_its_fault() {
    let all = [ISSUERS, REQUESTS, ORDERS, HTTP01, DNS01, SIGNERS, SECRETS].concat();
    let unheard: Vec<String> = all
        .iter()
        .filter_map(|(rule, place, words)| {
            let ids = staged(*place, words).ids();
            (!ids.contains(rule)).then(|| format!("{rule} does not hear {words:?} ({place:?}); heard by {ids:?}"))
        })
        .collect();
    assert!(unheard.is_empty(), "{} of {} are not heard:\n{}", unheard.len(), all.len(), unheard.join("\n"));
}

/// Look-alikes: the first cause is that of the sentence, not of a neighbour with like words. A symptom comes after what
/// brings it about.
#[test]
fn no_other_cause_comes_before_it() {
    let all = [ISSUERS, REQUESTS, ORDERS, HTTP01, DNS01, SIGNERS, SECRETS].concat();
    let is_cause = |id: &str| by_id(id).is_some_and(|rule| rule.nature == Nature::Cause);
    let wrong: Vec<String> = all
        .iter()
        .filter(|(rule, ..)| is_cause(rule))
        .filter_map(|(rule, place, words)| {
            let root = staged(*place, words).root();
            (root != Some(rule)).then(|| format!("{rule}: {root:?} comes first for {words:?} ({place:?})"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}
