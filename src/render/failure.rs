//! A failed run in words: every cause once.

use std::error::Error;

use super::style::Tint;
use super::{Style, escape, prose};

/// `error: ...`, with the causes that are not said yet behind it. Words that kubectl's users know stay as they are.
pub fn text(failure: &dyn Error, hint: Option<&str>, style: &Style) -> String {
    let mut said = failure.to_string();
    let mut cause = failure.source();
    while let Some(error) = cause {
        let words = error.to_string();
        // The system's own words end in its number for them.
        let bare = words.split(" (os error ").next().unwrap_or_default().to_lowercase();
        if !bare.is_empty() && !said.to_lowercase().contains(&bare) {
            said = format!("{said}: {words}");
        }
        cause = error.source();
    }
    let said = said.lines().map(escape::line).collect::<Vec<_>>().join("\n");
    let opens_itself = ["error:", "Error ", "The connection to the server", "Unable to connect", "The "]
        .iter()
        .any(|start| said.starts_with(start));
    let mut out =
        if opens_itself { format!("{said}\n") } else { format!("{} {said}\n", style.tint(Tint::Bad, "error:")) };
    if let Some(hint) = hint {
        prose::hang(&mut out, "hint: ", &escape::line(hint), 0, 6, style.width);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the plan")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("disk on \u{1b}[31mfire")]
    struct Inner;

    #[test]
    fn every_cause_is_said_once_and_escaped() {
        assert_eq!(text(&Outer(Inner), None, &Style::PLAIN), "error: cannot read the plan: disk on ^[[31mfire\n");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("stat x: no such file or directory")]
    struct Missing(#[source] std::io::Error);

    #[test]
    fn the_systems_words_are_known_by_what_they_say() {
        let missing = Missing(std::io::Error::from_raw_os_error(2));
        assert_eq!(text(&missing, None, &Style::PLAIN), "error: stat x: no such file or directory\n");
    }
}
