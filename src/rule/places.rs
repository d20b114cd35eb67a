//! The namespaces in which a thing is, as a sentence names them.
//!
//! Never all of them: in a large cluster that would be long to say, and to say again for each target.

use std::fmt;

/// How many are named.
const NAMED: usize = 5;

/// The first few namespaces, and whether there are others.
pub(super) struct Places {
    named: Vec<String>,
    are_all: bool,
}

impl Places {
    /// `None` where there is no namespace at all.
    pub(super) fn of<'n>(namespaces: impl Iterator<Item = &'n str>) -> Option<Self> {
        let mut namespaces = namespaces.map(str::to_owned);
        let named: Vec<String> = namespaces.by_ref().take(NAMED).collect();
        (!named.is_empty()).then(|| Self { named, are_all: namespaces.next().is_none() })
    }

    pub(super) fn first(&self) -> &str {
        &self.named[0]
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.named.join(", "))?;
        f.write_str(if self.are_all { "" } else { " and others" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_named_and_more_are_others() {
        let of = |names: &str| Places::of(names.split_terminator(' ')).map(|places| places.to_string());
        assert_eq!(of(""), None);
        assert_eq!(of("a"), Some("a".into()));
        assert_eq!(of("a b c d e"), Some("a, b, c, d, e".into()));
        assert_eq!(of("a b c d e f g"), Some("a, b, c, d, e and others".into()));
    }
}
