//! Which of an issuer's solvers answers for a name (cert-manager's `pkg/util/solverpicker`).
//!
//! Sees selectors and what the CA offers; knows no provider.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Ways to prove control of a name that cert-manager knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// RFC 8555 §8.3.
    Http01,
    /// RFC 8555 §8.4.
    Dns01,
}

impl Method {
    /// The CA's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::Dns01 => "dns-01",
        }
    }

    /// The method behind the CA's word, if cert-manager knows it.
    pub fn from_offer(word: &str) -> Option<Self> {
        [Self::Http01, Self::Dns01].into_iter().find(|method| method.as_str() == word)
    }
}

/// One solver of the issuer.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// What it can do; one method, unless the webhook was bypassed.
    pub methods: Vec<Method>,
    pub selector: Option<Selector<'a>>,
}

/// What a solver is meant for. Empty parts match everything.
#[derive(Clone, Copy, Debug)]
pub struct Selector<'a> {
    pub match_labels: &'a BTreeMap<String, String>,
    pub dns_names: &'a [String],
    pub dns_zones: &'a [String],
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The identifier, with `*.` in front for a wildcard.
    pub domain: &'a str,
    /// The challenges that the CA offers, in its order; `None` for one that cert-manager does not know.
    pub offers: &'a [Option<Method>],
    /// The Order's labels, which are the Certificate's.
    pub labels: &'a BTreeMap<String, String>,
}

/// The choice: indexes into the candidates and the offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub solver: usize,
    pub offer: usize,
}

/// Why a solver is out of the question for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The CA offers no challenge of the solver's type.
    Method,
    /// The Order lacks a label.
    Labels,
    /// The name is not in `dnsNames`.
    Names,
    /// The name is in none of `dnsZones`.
    Zones,
}

/// How closely a selector matches: names first, then zone, then labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score {
    names: usize,
    zones: usize,
    labels: usize,
}

/// The solver that cert-manager takes, if any.
pub fn pick(wanted: &Wanted<'_>, candidates: &[Candidate<'_>]) -> Option<Choice> {
    let mut best: Option<(Choice, Score)> = None;
    for (solver, candidate) in candidates.iter().enumerate() {
        let Ok((offer, score)) = judge(wanted, candidate) else { continue };
        // A tie keeps the earlier solver.
        let better = best.is_none_or(|(_, best)| score.cmp(&best) == Ordering::Greater);
        if better {
            best = Some((Choice { solver, offer }, score));
        }
    }
    best.map(|(choice, _)| choice)
}

/// Whether one solver could be taken: the index of the offer it would answer, or what is in the way.
pub fn judge(wanted: &Wanted<'_>, candidate: &Candidate<'_>) -> Result<(usize, Score), Mismatch> {
    let usable = |offer: &Option<Method>| offer.is_some_and(|method| candidate.methods.contains(&method));
    let offer = wanted.offers.iter().position(usable).ok_or(Mismatch::Method)?;
    let Some(selector) = &candidate.selector else { return Ok((offer, Score::default())) };
    Ok((offer, selector.score(wanted)?))
}

impl Selector<'_> {
    fn score(&self, wanted: &Wanted<'_>) -> Result<Score, Mismatch> {
        if self.match_labels.iter().any(|(key, value)| wanted.labels.get(key) != Some(value)) {
            return Err(Mismatch::Labels);
        }
        let names = usize::from(self.dns_names.iter().any(|name| name == wanted.domain));
        if names == 0 && !self.dns_names.is_empty() {
            return Err(Mismatch::Names);
        }
        let zones = self.dns_zones.iter().filter_map(|zone| labels_in_zone(zone, wanted.domain)).max().unwrap_or(0);
        if zones == 0 && !self.dns_zones.is_empty() {
            return Err(Mismatch::Zones);
        }
        Ok(Score { names, zones, labels: self.match_labels.len() })
    }
}

/// How many labels the zone has, if the domain is in it.
fn labels_in_zone(zone: &str, domain: &str) -> Option<usize> {
    let (zone, domain) = (labels(zone), labels(domain));
    let is_suffix = zone.len() <= domain.len()
        && zone.iter().rev().zip(domain.iter().rev()).all(|(a, b)| a.eq_ignore_ascii_case(b));
    is_suffix.then_some(zone.len())
}

fn labels(name: &str) -> Vec<&str> {
    match name.strip_suffix('.').unwrap_or(name) {
        "" => Vec::new(),
        name => name.split('.').collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of a selector; `None` in place of it is a solver without one.
    type Parts = Option<(&'static [(&'static str, &'static str)], &'static [&'static str], &'static [&'static str])>;

    const HTTP: &[Option<Method>] = &[Some(Method::Http01)];
    const BOTH: &[Option<Method>] = &[None, Some(Method::Dns01), Some(Method::Http01)];

    fn picked(domain: &str, offers: &[Option<Method>], solvers: &[(Method, Parts)]) -> Option<usize> {
        let owned: Vec<_> = solvers
            .iter()
            .map(|(method, parts)| {
                let parts = parts.map(|(labels, names, zones)| {
                    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
                    let labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into()));
                    (labels.collect::<BTreeMap<String, String>>(), texts(names), texts(zones))
                });
                (*method, parts)
            })
            .collect();
        let candidates: Vec<_> = owned
            .iter()
            .map(|(method, parts)| Candidate {
                methods: vec![*method],
                selector: parts.as_ref().map(|(match_labels, dns_names, dns_zones)| Selector {
                    match_labels,
                    dns_names,
                    dns_zones,
                }),
            })
            .collect();
        let labels = BTreeMap::from([("team".to_owned(), "shop".to_owned()), ("env".to_owned(), "prod".to_owned())]);
        pick(&Wanted { domain, offers, labels: &labels }, &candidates).map(|choice| choice.solver)
    }

    const ANY: Parts = None;
    const EMPTY: Parts = Some((&[], &[], &[]));
    const NAME: Parts = Some((&[], &["www.example.com"], &[]));
    const ZONE: Parts = Some((&[], &[], &["example.com"]));
    const SUBZONE: Parts = Some((&[], &[], &["org", "WWW.Example.com."]));
    const LABEL: Parts = Some((&[("team", "shop")], &[], &[]));
    const TWO_LABELS: Parts = Some((&[("team", "shop"), ("env", "prod")], &[], &[]));
    const ZONE_LABEL: Parts = Some((&[("team", "shop")], &[], &["example.com"]));
    const NAME_LABEL: Parts = Some((&[("team", "shop")], &["www.example.com"], &[]));
    const NAME_ZONE: Parts = Some((&[], &["www.example.com"], &["example.com"]));

    #[test]
    fn the_closest_selector_wins_and_a_tie_keeps_the_earlier() {
        use Method::{Dns01, Http01};
        for (what, solvers, expected) in [
            ("no solver", &[][..], None),
            ("catch-all", &[ANY], Some(0)),
            ("two catch-alls", &[ANY, ANY], Some(0)),
            ("an empty selector is no better than none", &[ANY, EMPTY], Some(0)),
            ("none is no better than an empty selector", &[EMPTY, ANY], Some(0)),
            ("name over zone", &[SUBZONE, NAME], Some(1)),
            ("name over zone, listed first", &[NAME, SUBZONE], Some(0)),
            ("name over labels", &[TWO_LABELS, NAME], Some(1)),
            ("zone over labels", &[TWO_LABELS, ZONE], Some(1)),
            ("longer zone", &[ZONE, SUBZONE], Some(1)),
            ("longer zone over labels", &[ZONE_LABEL, SUBZONE], Some(1)),
            ("equal zones, more labels", &[ZONE, ZONE_LABEL], Some(1)),
            ("equal names, zone", &[NAME, NAME_ZONE], Some(1)),
            ("equal names, zone over labels", &[NAME_LABEL, NAME_ZONE], Some(1)),
            ("equal names, labels", &[NAME, NAME_LABEL], Some(1)),
            ("more labels", &[LABEL, TWO_LABELS], Some(1)),
            ("label over catch-all", &[ANY, LABEL], Some(1)),
            ("full tie", &[ZONE_LABEL, ZONE_LABEL], Some(0)),
            ("missing label", &[Some((&[("team", "other")][..], &[][..], &[][..]))], None),
            ("name in another case", &[Some((&[], &["WWW.example.com"], &[]))], None),
            ("parent is not in the zone of the child", &[Some((&[], &[], &["a.www.example.com"]))], None),
            ("zones end at labels", &[Some((&[], &[], &["ample.com"]))], None),
            ("the root is no zone", &[Some((&[], &[], &["."]))], None),
            ("name matches but zone does not", &[Some((&[], &["www.example.com"], &["example.org"]))], None),
        ] {
            let solvers: Vec<_> = solvers.iter().map(|parts| (Http01, *parts)).collect();
            assert_eq!(picked("www.example.com", HTTP, &solvers), expected, "{what}");
        }
        assert_eq!(picked("www.example.com", HTTP, &[(Dns01, NAME), (Http01, ANY)]), Some(1));
        assert_eq!(picked("www.example.com", BOTH, &[(Dns01, ANY), (Http01, NAME)]), Some(1));
        assert_eq!(picked("www.example.com", &[], &[(Http01, ANY)]), None);
    }

    #[test]
    fn wildcards_match_their_zone_and_their_own_spelling_only() {
        let offers = &[Some(Method::Dns01)];
        assert_eq!(picked("*.example.com", offers, &[(Method::Dns01, ANY), (Method::Dns01, ZONE)]), Some(1));
        let bare = Some((&[][..], &["example.com"][..], &[][..]));
        let star = Some((&[][..], &["*.example.com"][..], &[][..]));
        assert_eq!(picked("*.example.com", offers, &[(Method::Dns01, bare)]), None);
        assert_eq!(picked("*.example.com", offers, &[(Method::Dns01, star)]), Some(0));
    }

    #[test]
    fn the_answered_offer_is_the_first_that_fits() {
        let labels = BTreeMap::new();
        let candidates = [Candidate { methods: vec![Method::Http01], selector: None }];
        let wanted = Wanted { domain: "a.example", offers: BOTH, labels: &labels };
        assert_eq!(pick(&wanted, &candidates), Some(Choice { solver: 0, offer: 2 }));
        let wanted = Wanted { offers: &[None], ..wanted };
        assert_eq!(judge(&wanted, &candidates[0]), Err(Mismatch::Method));
    }
}
