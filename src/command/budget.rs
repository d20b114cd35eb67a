//! `budget`: issuance set against the rate limits of the CA.

use super::fleet::{Extent, Fleet, range};
use super::{Context, Exit, Failure};
use crate::budget::Budget;
use crate::cli::{BudgetArgs, BudgetOutput};
use crate::objref::Kind;
use crate::render::budget::{Detail, text};
use crate::render::json::budget::Document;
use crate::render::{json, yaml};

/// What the counting goes by.
const KINDS: [Kind; 7] = [
    Kind::Certificate,
    Kind::CertificateRequest,
    Kind::Order,
    Kind::Challenge,
    Kind::Issuer,
    Kind::ClusterIssuer,
    Kind::Secret,
];

pub fn run(args: &BudgetArgs, context: &mut Context) -> Result<Exit, Failure> {
    // A slip of the pen is told before a cluster is asked.
    range("--until", &args.until, context.now())?;
    let fleet = Fleet::gather(&args.fleet, &KINDS, Extent::Everything, context)?;
    let until = range("--until", &args.until, fleet.now)?;
    let budget = Budget::new(&fleet.inventory, &fleet.chosen(), &fleet.changes, fleet.now, until);
    let unseen = fleet.unseen();
    let document = || Document::of(&budget, fleet.line.as_ref(), &args.fleet.filename, &unseen);
    let out = match args.output {
        BudgetOutput::Table => text(&budget, &args.fleet.filename, &unseen, Detail::Normal, &context.style),
        BudgetOutput::Wide => text(&budget, &args.fleet.filename, &unseen, Detail::Wide, &context.style),
        BudgetOutput::Json => json::text(&document()),
        BudgetOutput::Yaml => yaml::text(&document()),
    };
    context.write(&out)?;
    if fleet.inventory.certificates.is_empty() && !unseen.is_empty() {
        return Ok(Exit::Trouble);
    }
    Ok(if budget.is_short() || fleet.refused { Exit::Bad } else { Exit::Good })
}
