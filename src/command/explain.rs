//! `explain`: the page of one rule, or the list. Touches neither cluster nor files.

use super::{Context, Exit, Failure};
use crate::cli::{ExplainArgs, ExplainOutput};
use crate::render::rules;
use crate::rule::{REGISTRY, by_id};

pub fn run(args: &ExplainArgs, context: &mut Context) -> Result<Exit, Failure> {
    let text = match (&args.rule, args.output) {
        (None, ExplainOutput::Text) => rules::list(REGISTRY, &context.style),
        (None, ExplainOutput::Json) => rules::list_json(REGISTRY),
        (Some(id), output) => {
            // Ids are in lower case.
            let lower = id.to_ascii_lowercase();
            let rule = by_id(&lower).ok_or_else(|| Failure::UnknownRule { id: id.clone(), near: near(&lower) })?;
            match output {
                ExplainOutput::Text => rules::page(rule, &context.program, &context.style),
                ExplainOutput::Json => rules::page_json(rule),
            }
        }
    };
    context.write(&text)?;
    Ok(Exit::Good)
}

/// `; did you mean http01-404?`
fn near(id: &str) -> String {
    REGISTRY
        .iter()
        .map(|rule| (strsim::damerau_levenshtein(rule.id, id), rule.id))
        .filter(|(distance, candidate)| *distance <= 3 || candidate.contains(id))
        .min()
        .map(|(_, candidate)| format!("; did you mean {candidate}?"))
        .unwrap_or_default()
}
