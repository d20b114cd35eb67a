//! `forecast`: when each certificate renews, by day, and which of them end before.

use super::fleet::{Extent, Fleet, range};
use super::{Context, Exit, Failure};
use crate::cli::{ForecastArgs, StatusOutput};
use crate::forecast::Forecast;
use crate::objref::Kind;
use crate::render::forecast::{Detail, names, text};
use crate::render::json::forecast::Document;
use crate::render::{json, yaml};

/// What the reckoning goes by.
const KINDS: [Kind; 7] = [
    Kind::Certificate,
    Kind::CertificateRequest,
    Kind::Order,
    Kind::Challenge,
    Kind::Issuer,
    Kind::ClusterIssuer,
    Kind::Secret,
];

pub fn run(args: &ForecastArgs, context: &mut Context) -> Result<Exit, Failure> {
    // A slip of the pen is told before a cluster is asked.
    range("--until", &args.until, context.now())?;
    let fleet = Fleet::gather(&args.fleet, &KINDS, Extent::Asked, context)?;
    let until = range("--until", &args.until, fleet.now)?;
    let chosen = fleet.chosen();
    let forecast = Forecast::new(&fleet.inventory, &chosen, &fleet.changes, fleet.now, until);
    let unseen = fleet.unseen();
    let document = || Document::of(&forecast, fleet.line.as_ref(), &args.fleet.filename, &unseen);
    let out = match args.output {
        StatusOutput::Table | StatusOutput::Wide if chosen.is_empty() => {
            for gap in &unseen {
                context.note(&format!("Not seen: {}", gap.why));
            }
            fleet.note_empty(context);
            String::new()
        }
        StatusOutput::Table => text(&forecast, &unseen, Detail::Normal, &context.style),
        StatusOutput::Wide => text(&forecast, &unseen, Detail::Wide, &context.style),
        StatusOutput::Json => json::text(&document()),
        StatusOutput::Yaml => yaml::text(&document()),
        StatusOutput::Name => names(&forecast),
    };
    context.write(&out)?;
    if chosen.is_empty() && !unseen.is_empty() {
        return Ok(Exit::Trouble);
    }
    Ok(if forecast.ending().next().is_some() || fleet.refused { Exit::Bad } else { Exit::Good })
}
