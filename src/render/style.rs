//! How output may look: decided once, at start, per stream.

use colored::{Color, Colorize};

use crate::env::Env;

/// What a renderer may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns for prose.
    pub width: usize,
    /// Columns for tables: those of the terminal or of `COLUMNS`. Without either, as in a pipe, tables are whole.
    pub columns: Option<usize>,
    pub colour: bool,
    /// Whether signs beyond ASCII may be used.
    pub unicode: bool,
}

/// The value of `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColourChoice {
    #[default]
    Auto,
    Always,
    Never,
}

/// Meanings that may be coloured. Meaning never rests on colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tint {
    Bad,
    Warn,
    Good,
    Busy,
    Faint,
    Strong,
}

impl Style {
    /// No colour, 80 columns: what a pipe gets.
    pub const PLAIN: Self = Self { width: 80, columns: None, colour: false, unicode: true };

    /// Decides for one stream: `--color`, `NO_COLOR`, `CLICOLOR_FORCE`, `TERM=dumb`, `CLICOLOR=0`, terminal; the
    /// first that speaks wins.
    pub fn decide(choice: ColourChoice, env: &Env, is_terminal: bool, columns: Option<usize>) -> Self {
        let colour = match choice {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto if env.get("NO_COLOR").is_some() => false,
            ColourChoice::Auto if env.get("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            ColourChoice::Auto if env.get("TERM") == Some("dumb") || env.get("CLICOLOR") == Some("0") => false,
            ColourChoice::Auto => is_terminal,
        };
        let locale =
            ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| env.get(name).filter(|v| !v.is_empty()));
        let unicode = locale.is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let columns = columns.or_else(|| env.get("COLUMNS").and_then(|value| value.parse().ok()));
        Self { width: prose_width(columns), columns, colour, unicode }
    }

    /// `text` in the colour of its meaning, or as it is.
    pub fn tint(&self, tint: Tint, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        match tint {
            Tint::Bad => text.color(Color::Red).bold(),
            Tint::Warn => text.color(Color::Yellow),
            Tint::Good => text.color(Color::Green),
            Tint::Busy => text.color(Color::Cyan),
            Tint::Faint => text.dimmed(),
            Tint::Strong => text.bold(),
        }
        .to_string()
    }
}

/// Stops the colour library from deciding for itself: [`Style::tint`] is asked for each stream.
pub fn decide_for_all(styles: [Style; 2]) {
    colored::control::set_override(styles.iter().any(|style| style.colour));
}

/// kubectl wraps prose at the largest of 120, 100 and 80 that fits; narrower terminals get what they have.
fn prose_width(columns: Option<usize>) -> usize {
    match columns {
        Some(columns) => [120, 100, 80].into_iter().find(|width| *width <= columns).unwrap_or(columns.max(40)),
        None => 80,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(choice: ColourChoice, env: &[(&str, &str)], is_terminal: bool) -> bool {
        Style::decide(choice, &Env::from_pairs(env.iter().copied()), is_terminal, None).colour
    }

    #[test]
    fn the_first_word_about_colour_wins() {
        use ColourChoice::{Always, Auto, Never};
        assert!(colour(Auto, &[], true));
        assert!(!colour(Auto, &[], false));
        assert!(!colour(Auto, &[("NO_COLOR", "")], true));
        assert!(!colour(Auto, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], true));
        assert!(colour(Auto, &[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], false));
        assert!(!colour(Auto, &[("TERM", "dumb")], true));
        assert!(!colour(Auto, &[("CLICOLOR", "0")], true));
        assert!(colour(Always, &[("NO_COLOR", "1")], false));
        assert!(!colour(Never, &[("CLICOLOR_FORCE", "1")], true));
    }

    #[test]
    fn prose_is_wrapped_as_kubectl_wraps_it() {
        for (columns, width) in [(Some(200), 120), (Some(119), 100), (Some(99), 80), (Some(60), 60), (None, 80)] {
            assert_eq!(prose_width(columns), width, "{columns:?}");
        }
    }
}
