//! One chain out of a heap of certificates (cert-manager's `pkg/util/pki/parse_certificate_chain.go`).

use thiserror::Error;

use super::template::Template;
use crate::x509::{Certificate, pem};

/// A chain in PEM and its top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PemBundle {
    /// The leaf, and those above it that are not self-signed.
    pub chain: String,
    /// The topmost certificate; absent if there is one certificate that is not self-signed.
    pub ca: Option<String>,
}

/// Why certificates are no chain, in cert-manager's words.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ChainFault {
    #[error("certificate chain is too long, must be less than 1000 certificates")]
    TooLong,
    #[error("certificate chain is malformed or broken")]
    Broken,
}

/// Joins certificates in any order (`ParseSingleCertificateChain`). Doubles count once; all must join into one line.
pub fn single<'c>(certificates: impl IntoIterator<Item = &'c Certificate>) -> Result<PemBundle, ChainFault> {
    let certificates: Vec<&Certificate> = certificates.into_iter().collect();
    let links = Links::among(certificates.iter().copied());
    let order = links.order.iter().map(|at| (certificates[*at].der(), *at)).collect();
    let issues = |child: usize, parent: usize| links.issued[child].contains(&parent);
    join(order, issues, |at| links.self_signed[at], |at| &links.pems[at])
}

/// How certificates chain among themselves.
#[derive(Clone, Debug)]
pub(super) struct Links {
    /// One of each, by the order of the DER.
    order: Vec<usize>,
    /// For each, its issuers: the names chain, and Go's `CheckSignatureFrom` holds.
    issued: Vec<Vec<usize>>,
    /// For each, whether `CheckSignatureFrom` holds with itself.
    self_signed: Vec<bool>,
    pems: Vec<String>,
}

/// A certificate that was just signed and needs no decoding.
pub(super) struct Leaf<'l> {
    pub der: &'l [u8],
    pub template: &'l Template,
    pub signer: &'l Certificate,
}

/// cert-manager joins no more, and without a bound the work grows with the square.
const MAX: usize = 1000;

impl Links {
    pub(super) fn among<'c>(certificates: impl Iterator<Item = &'c Certificate> + Clone) -> Self {
        let all: Vec<&Certificate> = certificates.collect();
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_by_key(|at| all[*at].der());
        order.dedup_by_key(|at| all[*at].der());
        let is_bounded = order.len() <= MAX;
        let issuers = |child: &Certificate| -> Vec<usize> {
            let parents = order.iter().copied().filter(|_| is_bounded);
            parents.filter(|parent| child.issued_by(all[*parent]).is_ok()).collect()
        };
        Self {
            issued: all.iter().map(|child| issuers(child)).collect(),
            self_signed: all.iter().map(|certificate| certificate.signed_by(certificate).is_ok()).collect(),
            pems: all.iter().map(|certificate| pem::encode("CERTIFICATE", certificate.der())).collect(),
            order,
        }
    }

    /// The chain of these certificates and one more, which the signer's key has signed.
    pub(super) fn with_leaf(&self, certificates: &[Certificate], leaf: &Leaf<'_>) -> Result<PemBundle, ChainFault> {
        let own = certificates.len();
        let template = leaf.template;
        let may_sign = template.is_ca && template.usages.may_sign();
        let signed_by = |parent: &Certificate| parent.key == leaf.signer.key && parent.may_sign().is_ok();
        let issues = |child: usize, parent: usize| match (certificates.get(child), certificates.get(parent)) {
            (Some(_), Some(_)) => self.issued[child].contains(&parent),
            (None, Some(parent)) => parent.subject.der == leaf.signer.subject.der && signed_by(parent),
            (Some(child), None) => {
                may_sign && child.issuer.der == template.subject && child.verify(&template.key).is_ok()
            }
            (None, None) => false,
        };
        let self_signed = may_sign && template.key == leaf.signer.key;
        let mut order: Vec<(&[u8], usize)> = self.order.iter().map(|at| (certificates[*at].der(), *at)).collect();
        let at = order.partition_point(|(der, _)| *der < leaf.der);
        order.insert(at, (leaf.der, own));
        let text = pem::encode("CERTIFICATE", leaf.der);
        join(
            order,
            issues,
            |at| self.self_signed.get(at).copied().unwrap_or(self_signed),
            |at| self.pems.get(at).unwrap_or(&text),
        )
    }
}

/// Joins lines of certificates until one is left, in the order in which cert-manager tries them.
fn join<'p>(
    order: Vec<(&[u8], usize)>,
    issues: impl Fn(usize, usize) -> bool,
    self_signed: impl Fn(usize) -> bool,
    text: impl Fn(usize) -> &'p str,
) -> Result<PemBundle, ChainFault> {
    if order.len() > MAX {
        return Err(ChainFault::TooLong);
    }
    // Each line from its lowest certificate to its highest.
    let mut lines: Vec<Vec<usize>> = order.into_iter().map(|(_, at)| vec![at]).collect();
    while lines.len() > 1 {
        let last = lines.pop().unwrap_or_default();
        let goes = |below: &[usize], above: &[usize]| match (below.last(), above.first()) {
            (Some(child), Some(parent)) => issues(*child, *parent),
            (Some(_) | None, _) => false,
        };
        let partner = lines.iter_mut().find(|line| goes(line, &last) || goes(&last, line));
        let partner = partner.ok_or(ChainFault::Broken)?;
        if goes(partner, &last) {
            partner.extend(last);
        } else {
            partner.splice(0..0, last);
        }
    }
    let line = lines.pop().unwrap_or_default();
    let [below @ .., top] = line.as_slice() else { return Err(ChainFault::Broken) };
    let is_root = self_signed(*top);
    if below.is_empty() {
        let chain = text(*top).to_owned();
        return Ok(PemBundle { ca: is_root.then(|| chain.clone()), chain });
    }
    // Go leaves self-signed certificates out wherever they stand.
    let listed = below.iter().chain((!is_root).then_some(top)).filter(|at| !self_signed(**at));
    Ok(PemBundle { chain: listed.map(|at| text(*at)).collect(), ca: Some(text(*top).to_owned()) })
}
