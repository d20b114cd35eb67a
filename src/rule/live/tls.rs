//! What a host serves, against the Secret and the Certificate, as a probe met it.

use super::proving;
use crate::api::Object;
use crate::fact::Fact;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, PROGRAM, Witness, quoted};
use crate::objref;
use crate::probe::outcome::tls::{Served, Tls, TlsEnd};
use crate::probe::plan::tls_tasks;
use crate::probe::reading::http01;
use crate::probe::reading::tls::{self as reading, Kind, Reading, default_of, describe, is_for};
use crate::probe::reading::{Network, Verdict};
use crate::probe::task::Task;
use crate::rule::{Family, Gap, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use crate::x509::{Bundle, Certificate};

pub static NO_HANDSHAKE: Rule = Rule {
    id: "tls-probe-no-handshake",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "a host of the certificate refuses the TLS handshake or speaks no TLS, tried by a probe",
    doc: include_str!("../../../docs/rules/tls-probe-no-handshake.md"),
    needs: &[objref::Kind::Certificate],
    explains: &[],
    judge: no_handshake,
};

fn no_handshake(facts: &Facts) -> Judgement {
    let is_refused = |kind: Kind| {
        matches!(
            kind,
            Kind::Road(
                http01::Kind::HttpOn443 | http01::Kind::TlsAlert | http01::Kind::TlsFailed | http01::Kind::EmptyReply
            )
        )
    };
    let asked = asked(facts)?;
    let refused = asked.iter().filter_map(|asked| {
        let met = asked.reading.met.iter().find(|met| is_refused(met.kind))?;
        let says = format!("{}: {} at {} {}", asked.vantage, asked.probe.host, met.address, met.words);
        Some(asked.finding(facts, &NO_HANDSHAKE, says).fix(Fix::manual(reading::advice(met.kind))))
    });
    Ok(refused.collect())
}

pub static DEFAULT_CERTIFICATE: Rule = Rule {
    id: "tls-probe-default-certificate",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "a host of the certificate serves its controller's default certificate, seen by a probe",
    doc: include_str!("../../../docs/rules/tls-probe-default-certificate.md"),
    needs: &[objref::Kind::Certificate],
    explains: &[],
    judge: |facts| each(facts, &DEFAULT_CERTIFICATE, Against::Default),
};

pub static EXPIRED: Rule = Rule {
    id: "tls-probe-expired",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "a host of the certificate serves one that has expired, seen by a probe",
    doc: include_str!("../../../docs/rules/tls-probe-expired.md"),
    needs: &[objref::Kind::Certificate],
    explains: &[],
    judge: |facts| each(facts, &EXPIRED, Against::Expired),
};

pub static OLD_CERTIFICATE: Rule = Rule {
    id: "tls-probe-old-certificate",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "a host serves an older certificate than the Secret holds: it did not take the renewed one in",
    doc: include_str!("../../../docs/rules/tls-probe-old-certificate.md"),
    needs: &[objref::Kind::Certificate, objref::Kind::Secret, objref::Kind::CertificateRequest],
    explains: &["consumer-did-not-reload"],
    judge: |facts| each(facts, &OLD_CERTIFICATE, Against::Old),
};

pub static WRONG_NAME: Rule = Rule {
    id: "tls-probe-wrong-name",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "a host of the certificate serves one that is not for the host, seen by a probe",
    doc: include_str!("../../../docs/rules/tls-probe-wrong-name.md"),
    needs: &[objref::Kind::Certificate, objref::Kind::Secret, objref::Kind::CertificateRequest],
    explains: &[],
    judge: |facts| each(facts, &WRONG_NAME, Against::WrongName),
};

pub static OTHER_CERTIFICATE: Rule = Rule {
    id: "tls-probe-other-certificate",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Risk,
    severity: Severity::Info,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "a host serves another certificate than the Secret holds, good for the host, as a CDN does",
    doc: include_str!("../../../docs/rules/tls-probe-other-certificate.md"),
    needs: &[objref::Kind::Certificate, objref::Kind::Secret, objref::Kind::CertificateRequest],
    explains: &[],
    judge: |facts| each(facts, &OTHER_CERTIFICATE, Against::Other),
};

pub static CHAIN_CUT: Rule = Rule {
    id: "tls-probe-chain-cut",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "a host serves the Secret's certificate without the ones behind it, seen by a probe",
    doc: include_str!("../../../docs/rules/tls-probe-chain-cut.md"),
    needs: &[objref::Kind::Certificate, objref::Kind::Secret, objref::Kind::CertificateRequest],
    explains: &[],
    judge: |facts| each(facts, &CHAIN_CUT, Against::ChainCut),
};

/// What is served, against what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Against {
    Same,
    Default,
    Expired,
    Old,
    WrongName,
    Other,
    ChainCut,
    /// What is stored is not known.
    Unknown,
}

impl Against {
    fn of(facts: &Facts, host: &str, served: &Served, stored: Option<&Bundle>) -> Self {
        let Some(leaf) = served.chain.first() else { return Self::Unknown };
        if default_of(leaf).is_some() {
            return Self::Default;
        }
        let is_stored = |stored: &Bundle| stored.leaf().fingerprint == leaf.fingerprint;
        if stored.is_some_and(|stored| !is_stored(stored) && is_older(leaf, stored.leaf())) {
            return Self::Old;
        }
        if leaf.not_after < facts.now {
            return Self::Expired;
        }
        if !is_for(leaf, host) {
            return Self::WrongName;
        }
        let Some(stored) = stored else { return Self::Unknown };
        if !is_stored(stored) {
            Self::Other
        } else if served.sent < 1 + stored.rest().iter().filter(|one| !one.is_self_signed()).count() {
            Self::ChainCut
        } else {
            Self::Same
        }
    }
}

/// An earlier issue of the same: the same names from before.
fn is_older(served: &Certificate, stored: &Certificate) -> bool {
    let names = |one: &Certificate| {
        let mut names = one.alt_names.dns.clone();
        names.sort_unstable();
        names
    };
    served.not_before < stored.not_before && names(served) == names(stored)
}

/// A host that was asked.
struct Asked<'f> {
    probe: &'f Tls,
    reading: Reading,
    vantage: crate::probe::Vantage,
}

/// The hosts that were asked. Where none was or none can be told of, why.
fn asked<'f>(facts: &'f Facts) -> Result<Vec<Asked<'f>>, Withheld> {
    // Of an issuance under way, what is served now tells nothing.
    let Some(probed) = facts.network_said() else { return Err(Withheld::NotApplicable) };
    let mut asked = Vec::new();
    let mut open = None;
    for task in tls_tasks(facts) {
        let host = task.host.clone();
        match facts.probed(&Task::Tls(task)) {
            Fact::Seen(outcome) => {
                let probe = outcome.as_tls().expect("a task has an outcome of its kind");
                let reading = reading::read(probe, Network::beside(probed, &host), facts.now);
                if reading.verdict == Verdict::Inconclusive {
                    let needs = "the same from a machine that reaches the host".to_owned();
                    open.get_or_insert(Gap { why: reading.words.clone(), needs });
                }
                asked.push(Asked { probe, reading, vantage: probed.vantage });
            }
            Fact::Failed(failure) => {
                open.get_or_insert(Gap::of(&failure));
            }
            Fact::Absent | Fact::Hidden(_) | Fact::NotLooked(_) => {}
        }
    }
    proving(asked, open, |asked| asked.reading.verdict)
}

fn each(facts: &Facts, rule: &'static Rule, wanted: Against) -> Judgement {
    let asked = asked(facts)?;
    let stored = stored(facts);
    let findings = asked.iter().filter_map(|asked| {
        let host = &asked.probe.host;
        let (visit, served) = asked.probe.visits.iter().find_map(|visit| match &visit.end {
            TlsEnd::Served(served) if Against::of(facts, host, served, stored) == wanted => Some((visit, served)),
            TlsEnd::Served(_) | TlsEnd::NotDialled(_) | TlsEnd::NoHandshake(_) => None,
        })?;
        let leaf = served.chain.first()?;
        let what = words(wanted, leaf, served, stored);
        let says = format!("{}: {host} at {} {what}", asked.vantage, visit.address);
        let mut finding = asked.finding(facts, rule, says).evidence(Witness::Probe(asked.vantage), describe(leaf));
        if let Some(stored) = stored {
            finding = finding.evidence(Witness::Data(objref::Kind::Secret), describe(stored.leaf()));
        }
        Some(finding.fix(Fix::manual(advice(wanted))))
    });
    Ok(findings.collect())
}

/// What the Secret holds; where it may not be read, what was issued for it last.
fn stored<'f>(facts: &'f Facts) -> Option<&'f Bundle> {
    facts.stored().ok().or_else(|| facts.answered())
}

fn words(what: Against, leaf: &Certificate, served: &Served, stored: Option<&Bundle>) -> String {
    let until = leaf.not_after;
    match what {
        Against::Default => {
            let whose = default_of(leaf).unwrap_or_default();
            format!("serves {whose} and not the one of this Certificate")
        }
        Against::Expired => format!("serves a certificate that ended at {until}"),
        Against::Old => {
            let newer = stored.map(|stored| stored.leaf().not_before.to_string()).unwrap_or_default();
            format!("serves the certificate of {}, where the Secret has that of {newer}", leaf.not_before)
        }
        Against::WrongName => format!("serves a certificate for {}", leaf.alt_names.dns.join(", ")),
        Against::Other => format!("serves another certificate than the Secret holds, issued by {}", leaf.issuer),
        Against::ChainCut => {
            let whole = stored.map_or(0, |stored| stored.iter().count());
            format!("serves {} of the {whole} certificates in the Secret's tls.crt", served.sent)
        }
        Against::Same | Against::Unknown => String::new(),
    }
}

const fn advice(what: Against) -> &'static str {
    match what {
        Against::Default => reading::advice(Kind::DefaultCertificate),
        Against::Expired => "have the server take the Secret in; where the Secret's own certificate is over, renew it",
        Against::Old => {
            "restart what serves the host, or have it watch the Secret: files mounted with subPath never change, and \
             gateways may keep what they read"
        }
        Against::WrongName => reading::advice(Kind::WrongName),
        Against::Other => "where a CDN serves the host, look at the origin: probe tls HOST --connect-to ADDRESS",
        Against::ChainCut => reading::advice(Kind::ChainIncomplete),
        Against::Same | Against::Unknown => "",
    }
}

impl Asked<'_> {
    fn finding(&self, facts: &Facts, rule: &'static Rule, says: String) -> Finding {
        let about = facts.certificate().map_or_else(|_| facts.chain.subject.clone(), Object::objref);
        let command = format!("{PROGRAM} probe tls {}", quoted(&self.probe.host));
        rule.on(about).says(says).fix(Fix::command("see what each address serves", command))
    }
}
