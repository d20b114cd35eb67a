//! Which identifiers the CA issues for.

use super::Ca;
use crate::engine::question::acme::{Identifier, NewOrder, Problem, Subproblem};

/// Endings of names that no public CA issues for.
const PRIVATE: [&str; 10] =
    ["local", "localhost", "internal", "lan", "corp", "home", "svc", "test", "example", "invalid"];

impl Ca {
    /// Refuses an order for its identifiers. Of several faults the first is named and the others counted.
    pub(super) fn check_names(&self, wanted: &NewOrder) -> Result<(), Problem> {
        let mut faults: Vec<(&Identifier, String)> = Vec::new();
        for identifier in &wanted.identifiers {
            let refused = self.refused(identifier.value());
            let fault =
                refused.or_else(|| if self.settings.is_public { public_fault(identifier, wanted) } else { None });
            faults.extend(fault.map(|fault| (identifier, fault)));
        }
        let Some((first, what)) = faults.first() else { return Ok(()) };
        let lead = format!("Invalid identifiers requested :: Cannot issue for {:?}: {what}", first.value());
        if faults.len() == 1 {
            return Err(Problem::new(400, "rejectedIdentifier", lead));
        }
        let more = faults.len() - 1;
        let (noun, plural) = if more == 1 { ("problem", "") } else { ("problem", "s") };
        let detail = format!("{lead} (and {more} more {noun}{plural}. Refer to sub-problems for more information.)");
        let mut problem = Problem::new(400, "rejectedIdentifier", detail);
        problem.subproblems = faults
            .iter()
            .map(|(identifier, what)| Subproblem {
                type_: problem.type_.clone(),
                detail: format!("Cannot issue for {:?}: {what}", identifier.value()),
                identifier: Some((*identifier).clone()),
            })
            .collect();
        Err(problem)
    }

    /// The world file's word.
    fn refused(&self, name: &str) -> Option<String> {
        let refused = self.settings.entry.as_ref()?.refused.iter().find(|refused| refused.names.has(name))?;
        let policy =
            "The ACME server refuses to issue a certificate for this domain name, because it is forbidden by policy";
        Some(refused.detail.clone().unwrap_or_else(|| policy.to_owned()))
    }

    /// Two names of which one covers the other.
    pub(super) fn check_redundant(&self, wanted: &NewOrder) -> Result<(), Problem> {
        if !self.settings.is_public {
            return Ok(());
        }
        let names: Vec<_> = wanted.identifiers.iter().map(Identifier::value).collect();
        let covered = names.iter().find(|name| {
            let below = name.split_once('.').map(|(_, zone)| format!("*.{zone}"));
            !name.starts_with('*') && below.is_some_and(|star| names.contains(&star.as_str()))
        });
        let Some(name) = covered else { return Ok(()) };
        let detail = format!(
            "Domain name {name:?} is redundant with a wildcard domain in the same request. Remove one or the other from \
             the certificate request."
        );
        Err(Problem::new(400, "malformed", detail))
    }
}

/// What is wrong with an identifier by the rules of public CAs, in Boulder's words.
fn public_fault(identifier: &Identifier, wanted: &NewOrder) -> Option<String> {
    let name = match identifier {
        Identifier::Ip(_) if wanted.profile.as_deref() == Some("shortlived") => return None,
        Identifier::Ip(_) => {
            let profile = wanted.profile.as_deref().unwrap_or("classic");
            return Some(format!("Profile {profile:?} does not permit ip type identifiers"));
        }
        Identifier::Dns(name) => name,
    };
    let base = name.strip_prefix("*.").unwrap_or(name);
    let labels: Vec<_> = base.split('.').collect();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let last = labels.last().copied().unwrap_or_default();
    let words = if base.contains('*') {
        "Domain name has more than one wildcard"
    } else if base.parse::<std::net::IpAddr>().is_ok() {
        "Identifier type is DNS but value is an IP address"
    } else if base.len() > 253 {
        "Domain name is longer than 253 bytes"
    } else if labels.iter().any(|label| label.is_empty()) {
        "Domain name contains two dots in a row"
    } else if labels.iter().any(|label| label.len() > 63) {
        "Domain contains a label longer than 63 bytes"
    } else if !labels.iter().all(|label| label.bytes().all(fits) && !label.starts_with('-') && !label.ends_with('-')) {
        "Domain name contains an invalid character"
    } else if labels.len() < 2 {
        "Domain name needs at least one dot"
    } else if labels.len() > 10 {
        "Domain name has more than 10 labels (parts)"
    } else if PRIVATE.contains(&last) || last.bytes().all(|byte| byte.is_ascii_digit()) {
        "Domain name does not end with a valid public suffix (TLD)"
    } else {
        return None;
    };
    Some(words.to_owned())
}
