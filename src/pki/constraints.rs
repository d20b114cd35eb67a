//! Name constraints (RFC 5280 §4.2.1.10) as they are written and read (cert-manager's `pkg/util/pki/nameconstraints.go`,
//! and Go's `crypto/x509`, which writes them the same way).

mod reread;

use std::net::IpAddr;

use thiserror::Error;

pub use reread::Unreadable;
pub(super) use reread::reread;

use super::request::RequestFault;
use super::sans::ia5;
use crate::api::certificate::{NameConstraintItem, NameConstraints};
use crate::x509::Extension;
use crate::x509::der::{self, Reader};

pub(super) const NAME_CONSTRAINTS: &str = "2.5.29.30";

/// Why constraints in a request are refused, in cert-manager's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConstraintsFault {
    #[error("x509: invalid NameConstraints extension")]
    Invalid,
    #[error("x509: empty name constraints extension")]
    Empty,
    #[error("x509: IP constraint contained value of length {0}")]
    IpLength(usize),
    #[error("x509: IP constraint contained invalid mask {0}")]
    Mask(String),
    #[error("x509: invalid constraint value: x509: {0:?} cannot be encoded as an IA5String")]
    NotIa5(String),
    #[error("x509: unsupported NameConstraints tag: {0}")]
    Tag(u8),
}

/// The extension for a spec; absent if it constrains nothing.
pub(super) fn extension(constraints: &NameConstraints) -> Result<Option<Extension>, RequestFault> {
    let side = |item: &Option<NameConstraintItem>| item.as_ref().map_or(Ok(Vec::new()), encode);
    let (permitted, excluded) = (side(&constraints.permitted)?, side(&constraints.excluded)?);
    Ok((!permitted.is_empty() || !excluded.is_empty()).then(|| Extension {
        oid: NAME_CONSTRAINTS.into(),
        critical: constraints.critical,
        value: value(&permitted, &excluded),
    }))
}

/// The same constraints as Go writes them into a certificate: grouped by kind, the addresses masked.
pub(super) fn rewritten(requested: &[u8]) -> Result<Vec<u8>, ConstraintsFault> {
    let mut outer = Reader(requested);
    let whole = outer.next().ok_or(ConstraintsFault::Invalid)?;
    let mut fields = whole.inner(der::SEQUENCE).ok_or(ConstraintsFault::Invalid)?.peekable();
    let mut side = |tag| fields.next_if(|field| field.tag == tag).map(|field| field.content);
    let (permitted, excluded) = (side(der::CONTEXT_0), side(der::CONTEXT_0 + 1));
    if fields.next().is_some() || !outer.0.is_empty() {
        return Err(ConstraintsFault::Invalid);
    }
    let (permitted, excluded) = (permitted.unwrap_or_default(), excluded.unwrap_or_default());
    if permitted.is_empty() && excluded.is_empty() {
        return Err(ConstraintsFault::Empty);
    }
    Ok(value(&regrouped(permitted)?, &regrouped(excluded)?))
}

fn value(permitted: &[u8], excluded: &[u8]) -> Vec<u8> {
    let sides = [(der::CONTEXT_0, permitted), (der::CONTEXT_0 + 1, excluded)];
    der::sequence(sides.iter().filter(|(_, side)| !side.is_empty()).map(|(tag, side)| der::element(*tag, side)))
}

/// DNS domains, IP ranges, mail addresses, URI domains: each a subtree.
fn encode(item: &NameConstraintItem) -> Result<Vec<u8>, RequestFault> {
    let ranges: Vec<Vec<u8>> = item.ip_ranges.iter().map(|text| range(text)).collect::<Result<_, _>>()?;
    let mut trees = Vec::new();
    for text in &item.dns_domains {
        trees.extend(tree(&ia5(2, text)?));
    }
    for range in ranges {
        trees.extend(tree(&der::element(der::PRIMITIVE_0 + 7, &range)));
    }
    for text in &item.email_addresses {
        trees.extend(tree(&ia5(1, text)?));
    }
    for text in &item.uri_domains {
        trees.extend(tree(&ia5(6, text)?));
    }
    Ok(trees)
}

fn tree(base: &[u8]) -> Vec<u8> {
    der::element(der::SEQUENCE, base)
}

/// The first address of a range and its mask (Go's `net.ParseCIDR`).
fn range(text: &str) -> Result<Vec<u8>, RequestFault> {
    let bad = || RequestFault::Cidr(text.to_owned());
    let (ip, length) = text.split_once('/').ok_or_else(bad)?;
    let ip = match ip.parse().map_err(|_| bad())? {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    let length: usize = length.parse().map_err(|_| bad())?;
    if length > ip.len() * 8 {
        return Err(bad());
    }
    let mask: Vec<u8> = (0..ip.len()).map(|byte| !0xff_u8.checked_shr(shift(length, byte)).unwrap_or(0)).collect();
    Ok(masked(&ip, &mask))
}

/// How many bits of a byte a prefix of so many bits covers.
fn shift(length: usize, byte: usize) -> u32 {
    u32::try_from(length.saturating_sub(byte * 8).min(8)).expect("it is eight at most")
}

fn masked(ip: &[u8], mask: &[u8]) -> Vec<u8> {
    ip.iter().zip(mask).map(|(ip, mask)| ip & mask).chain(mask.iter().copied()).collect()
}

fn regrouped(subtrees: &[u8]) -> Result<Vec<u8>, ConstraintsFault> {
    let mut groups: [Vec<u8>; 4] = Default::default();
    let mut reader = Reader(subtrees);
    for subtree in reader.by_ref() {
        let base =
            subtree.inner(der::SEQUENCE).and_then(|mut fields| fields.next()).ok_or(ConstraintsFault::Invalid)?;
        let group = match base.tag.wrapping_sub(der::PRIMITIVE_0) {
            2 => 0,
            7 => 1,
            1 => 2,
            6 => 3,
            _ => return Err(ConstraintsFault::Tag(base.tag)),
        };
        let content = if group == 1 { ip_range(base.content)? } else { ascii(base.content)?.to_vec() };
        groups[group].extend(tree(&der::element(base.tag, &content)));
    }
    if reader.0.is_empty() { Ok(groups.concat()) } else { Err(ConstraintsFault::Invalid) }
}

fn ip_range(content: &[u8]) -> Result<Vec<u8>, ConstraintsFault> {
    if ![8, 32].contains(&content.len()) {
        return Err(ConstraintsFault::IpLength(content.len()));
    }
    let (ip, mask) = content.split_at(content.len() / 2);
    let zeros = mask.iter().skip_while(|byte| **byte == 0xff).enumerate();
    if zeros
        .into_iter()
        .any(|(index, byte)| if index == 0 { byte.leading_ones() + byte.trailing_zeros() < 8 } else { *byte != 0 })
    {
        let hex: Vec<String> = mask.iter().map(|byte| format!("{byte:02x}")).collect();
        return Err(ConstraintsFault::Mask(hex.concat()));
    }
    Ok(masked(ip, mask))
}

fn ascii(content: &[u8]) -> Result<&[u8], ConstraintsFault> {
    if content.is_ascii() {
        return Ok(content);
    }
    Err(ConstraintsFault::NotIa5(String::from_utf8_lossy(content).into_owned()))
}
