//! Whether CAA records let the CA issue (RFC 8659, RFC 8657), as Boulder looks at them.

use crate::dryrun::outside::network::Network;
use crate::dryrun::world::DnsError;
use crate::engine::question::acme::Problem;

use super::fetch::dns_problem;

/// What is to be issued, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// Without `*.`.
    pub name: &'q str,
    pub is_wildcard: bool,
    /// The domains of the CA.
    pub identities: &'q [String],
    /// The URL of the account.
    pub account: &'q str,
    /// `http-01` or `dns-01`.
    pub method: &'q str,
}

/// One record: `0 issue "letsencrypt.org"`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    flags: u8,
    tag: String,
    value: String,
}

impl Record {
    fn parse(text: &str) -> Option<Self> {
        let (flags, rest) = text.trim().split_once(char::is_whitespace)?;
        let (tag, value) = rest.trim_start().split_once(char::is_whitespace)?;
        let value = value.trim().trim_matches('"').to_owned();
        Some(Self { flags: flags.parse().ok()?, tag: tag.to_ascii_lowercase(), value })
    }
}

/// Refuses what the closest set of records does not allow.
pub fn check(network: &Network<'_>, question: &Question<'_>) -> Result<(), Problem> {
    let name = question.name;
    let mut at = name;
    loop {
        let records = network
            .caa(at)
            .or_else(|error| if error == DnsError::Nxdomain { Ok(Vec::new()) } else { Err(error) })
            .map_err(|error| Problem::new(400, "dns", processing(name, &dns_problem(error, "CAA", at))))?;
        if !records.is_empty() {
            return if allows(&records, question) {
                Ok(())
            } else {
                Err(Problem::new(403, "caa", processing(name, &format!("CAA record for {at} prevents issuance"))))
            };
        }
        match at.split_once('.') {
            Some((_, parent)) => at = parent,
            None => return Ok(()),
        }
    }
}

fn processing(name: &str, what: &str) -> String {
    if what.starts_with("DNS problem") { what.to_owned() } else { format!("While processing CAA for {name}: {what}") }
}

fn allows(texts: &[String], question: &Question<'_>) -> bool {
    const KNOWN: [&str; 5] = ["issue", "issuewild", "iodef", "issuemail", "issuevmc"];
    let Some(records) = texts.iter().map(|text| Record::parse(text)).collect::<Option<Vec<_>>>() else { return false };
    // The bit of the standard, and the one that many write.
    let is_critical = |record: &&Record| record.flags & 0b1000_0001 != 0;
    if records.iter().filter(is_critical).any(|record| !KNOWN.contains(&record.tag.as_str())) {
        return false;
    }
    let of = |tag: &str| records.iter().filter(|record| record.tag == tag).collect::<Vec<_>>();
    let wild = of("issuewild");
    let relevant = if question.is_wildcard && !wild.is_empty() { wild } else { of("issue") };
    relevant.is_empty() || relevant.iter().any(|record| matches(&record.value, question))
}

/// Whether a value names the CA, and its parameters the account and the method.
fn matches(value: &str, question: &Question<'_>) -> bool {
    let mut parts = value.split(';').map(str::trim);
    let domain = parts.next().unwrap_or_default();
    if !question.identities.iter().any(|identity| identity == domain) {
        return false;
    }
    let parameters: Option<Vec<_>> = parts.filter(|part| !part.is_empty()).map(|part| part.split_once('=')).collect();
    let Some(parameters) = parameters else { return false };
    let of = |wanted: &str| {
        parameters.iter().filter(|(tag, _)| tag.trim() == wanted).map(|(_, value)| value.trim()).collect::<Vec<_>>()
    };
    let account = match of("accounturi").as_slice() {
        [] => true,
        [only] => *only == question.account,
        // Nobody is two accounts.
        [_, _, ..] => false,
    };
    let has_method = |methods: &&str| methods.split(',').any(|method| method.trim() == question.method);
    account && of("validationmethods").iter().all(has_method)
}
