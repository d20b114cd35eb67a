//! The CAs above the leaves: when they end, and which leaves that cuts short.
//!
//! cert-manager's CA issuer signs leaves that outlive the CA itself, and nobody trusts them from the CA's end on. Where a
//! Certificate of the same cluster makes the CA, its own renewals are played ahead too.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::course::{Course, Fate, Period};
use crate::api::Object;
use crate::chain::{Chain, IssuerView};
use crate::facts::Facts;
use crate::objref::{Kind, ObjRef};
use crate::planned::Change;
use crate::x509::{Bundle, Certificate};

/// A CA issuer's CA.
#[derive(Clone, Debug)]
pub struct Authority {
    pub issuer: ObjRef,
    pub secret: ObjRef,
    /// The name of the CA; empty if its certificate was not seen.
    pub name: String,
    /// When it ends, or a CA above it does; `None` if its certificate was not seen.
    pub ends: Option<Timestamp>,
    /// The Certificate that makes it, if one was seen.
    pub maker: Option<ObjRef>,
    /// When that renews it next, if it does within the range.
    pub renews: Option<Timestamp>,
    /// The leaves that it cuts short.
    pub cut: Vec<ObjRef>,
    to_come: Vec<Period>,
    /// The certificates in its Secret.
    pool: Vec<Certificate>,
}

/// The CAs met so far, by issuer.
#[derive(Default)]
pub(super) struct Authorities {
    known: BTreeMap<ObjRef, Authority>,
}

impl Authorities {
    /// Finds the CAs above the certificates of a course, and where one of them ends first.
    pub(super) fn look_at(
        &mut self,
        facts: &Facts,
        changes: &BTreeMap<ObjRef, Change>,
        course: &mut Course,
        until: Timestamp,
    ) {
        let authority = match facts.issuer() {
            Ok(IssuerView::Builtin { objref, spec, .. }) => spec.ca.as_ref().map(|ca| {
                let known = self.known.entry(objref.clone());
                &*known.or_insert_with(|| Authority::of(facts, objref, &ca.secret_name, changes, until))
            }),
            Ok(IssuerView::External(_)) | Err(_) => None,
        };
        course.cut = cut(facts, authority, course, until);
    }

    /// Those that end before `until` or before a leaf of theirs, the first to end first.
    pub(super) fn ending(self, courses: &[Course], until: Timestamp) -> Vec<Authority> {
        let mut ending: Vec<Authority> = self
            .known
            .into_values()
            .map(|mut authority| {
                authority.cut = authority.cut_among(courses);
                authority
            })
            .filter(|authority| !authority.cut.is_empty() || authority.ends.is_some_and(|ends| ends <= until))
            .collect();
        ending.sort_by_key(|authority| (authority.ends, authority.issuer.clone()));
        ending
    }
}

impl Authority {
    fn of(facts: &Facts, issuer: &ObjRef, secret: &str, changes: &BTreeMap<ObjRef, Change>, until: Timestamp) -> Self {
        let namespace = issuer.namespace.clone().unwrap_or_else(|| facts.cluster_resource_namespace());
        let secret = ObjRef::new(Kind::Secret, Some(&namespace), secret);
        let pool = pool(facts, &secret);
        let own = pool.first().filter(|own| own.is_ca());
        let above = own.and_then(|own| first_end(own, &pool)).map(|(ends, _)| ends);
        let maker = facts.inventory.certificates_for_secret(&namespace, &secret.name).next().map(Object::objref);
        let course = maker.as_ref().and_then(|maker| {
            let facts = Facts::new(facts.inventory, Chain::of(facts.inventory, maker), facts.now);
            Course::of(&facts, changes.get(maker).copied(), until)
        });
        let to_come = course.map(|course| course.to_come).unwrap_or_default();
        Self {
            issuer: issuer.clone(),
            name: own.map(|own| own.subject.common_name().to_owned()).unwrap_or_default(),
            ends: own.map(|own| above.map_or(own.not_after, |above| own.not_after.min(above))),
            renews: to_come.first().map(|period| period.issued),
            cut: Vec::new(),
            maker,
            secret,
            to_come,
            pool,
        }
    }

    /// When the CA that signs at a time ends.
    fn end_of_signer_at(&self, at: Timestamp) -> Option<Timestamp> {
        let renewed = self.to_come.iter().rev().find(|period| period.issued <= at);
        renewed.map(|period| period.ends).or(self.ends)
    }

    /// The name of the CA, or where it is kept.
    fn words(&self) -> String {
        if self.name.is_empty() { format!("the CA of {}", self.issuer) } else { format!("CA {:?}", self.name) }
    }

    fn cut_among(&self, courses: &[Course]) -> Vec<ObjRef> {
        let word = self.words();
        let is_cut = |course: &&Course| match &course.fate {
            Fate::CutShort { authority, .. } => *authority == word,
            Fate::Ended
            | Fate::EndsFirst { .. }
            | Fate::Failing { .. }
            | Fate::UnderWay
            | Fate::FirstIssue
            | Fate::Renews
            | Fate::Quiet => false,
        };
        courses.iter().filter(is_cut).map(|course| course.object.clone()).collect()
    }
}

/// Where a certificate of the course outlives the CA above it, and no other takes its place before that: when, and which
/// CA.
fn cut(facts: &Facts, authority: Option<&Authority>, course: &Course, until: Timestamp) -> Option<(Timestamp, String)> {
    let mut periods = Vec::new();
    if let Some(present) = course.present {
        let above = above_leaf(facts, authority);
        periods.push((present, above));
    }
    for period in &course.to_come {
        let signer =
            authority.and_then(|authority| Some((authority.end_of_signer_at(period.issued)?, authority.words())));
        periods.push((*period, signer));
    }
    let replaced =
        periods.iter().skip(1).map(|(period, _)| Some(period.issued)).chain([course.next.filter(|next| *next > until)]);
    let ends = periods.iter().zip(replaced).filter_map(|((period, signer), replaced)| {
        let (ends, name) = signer.as_ref()?;
        let is_first = *ends < period.ends && replaced.is_none_or(|replaced| *ends < replaced);
        (is_first && *ends <= until).then(|| (*ends, name.clone()))
    });
    // The first is all that matters: after it somebody has to act.
    ends.min()
}

/// The first CA above the leaf in use to end, by the chain that was seen.
fn above_leaf(facts: &Facts, authority: Option<&Authority>) -> Option<(Timestamp, String)> {
    let bundle = facts.stored().ok().or_else(|| facts.answered())?;
    let mut pool: Vec<Certificate> = bundle.rest().to_vec();
    if let Ok(secret) = facts.secret() {
        pool.extend(decoded(secret.bytes("ca.crt").map(|pem| &**pem.expose())));
    }
    if let Some(node) = facts.chain.current() {
        pool.extend(decoded(node.request.status.ca.decode().as_deref()));
    }
    if let Some(authority) = authority {
        pool.extend_from_slice(&authority.pool);
    }
    let (ends, name) = first_end(bundle.leaf(), &pool)?;
    let own = authority.filter(|authority| authority.name == name && !name.is_empty());
    Some((ends, own.map_or_else(|| format!("CA {name:?}"), Authority::words)))
}

/// The certificates of a CA's Secret, the CA itself first.
fn pool(facts: &Facts, secret: &ObjRef) -> Vec<Certificate> {
    let stored = facts.inventory.at::<crate::api::Secret>(secret);
    let Some(secret) = stored.seen() else { return Vec::new() };
    let bytes = |key: &str| secret.bytes(key).map(|pem| &**pem.expose());
    decoded(bytes("tls.crt")).into_iter().chain(decoded(bytes("ca.crt"))).collect()
}

fn decoded(pem: Option<&[u8]>) -> Vec<Certificate> {
    let bundle = pem.and_then(|pem| Bundle::from_pem(pem).ok());
    bundle.map(|bundle| bundle.iter().cloned().collect()).unwrap_or_default()
}

/// The first end among the certificates above `leaf` that the pool holds, and whose it is.
fn first_end(leaf: &Certificate, pool: &[Certificate]) -> Option<(Timestamp, String)> {
    /// Longer chains are loops.
    const DEEPEST: usize = 8;
    let mut ends = Vec::new();
    let mut below = leaf;
    for _ in 0..DEEPEST {
        // Of two with the same key, one made anew, the later one counts: clients find it.
        let parents = pool.iter().filter(|parent| parent.der() != below.der() && below.names_issuer(parent));
        let Some(parent) = parents.max_by_key(|parent| parent.not_after) else { break };
        ends.push((parent.not_after, parent.subject.common_name().to_owned()));
        if parent.is_self_issued() {
            break;
        }
        below = parent;
    }
    ends.into_iter().min()
}
