//! What people read keeps to the width of their terminal: trees and reports of every case, and the pages of the rules.
//!
//! Longer lines are those that nobody may break: commands, patches, and single long words such as names and URLs.

use kubectl_cert::chain::Chain;
use kubectl_cert::facts::Facts;
use kubectl_cert::inventory::Inventory;
use kubectl_cert::render::text::{self, Detail};
use kubectl_cert::render::{Style, rules, tree};
use kubectl_cert::report::tree::{Requests, Tree};
use kubectl_cert::report::{Report, SourceLine};
use kubectl_cert::rule::REGISTRY;

use super::cases::Case;

const WIDTHS: [usize; 3] = [60, 80, 120];
/// Names of objects and words of a cloud that no line breaks.
const LONG_WORD: usize = 30;
/// How far a line to paste is indented.
const PASTED: &str = "       ";

/// Fails on a line that is longer than the width and could have been broken.
#[track_caller]
fn check(what: &str, written: &str, width: usize) {
    let has_long_word = |line: &str| line.split(' ').any(|word| word.chars().count() > LONG_WORD);
    let may_be_long = |line: &str| has_long_word(line) || line.starts_with(PASTED);
    let too_long = written.lines().find(|line| line.chars().count() > width && !may_be_long(line));
    assert_eq!(too_long, None, "{what} at {width}");
}

#[test]
fn trees_and_reports_keep_to_the_width() {
    for case in Case::all() {
        let inventory = Inventory::new(case.objects.clone());
        let facts = Facts::new(&inventory, Chain::of(&inventory, &case.subject()), case.expect.now);
        let shown = Tree::of(&facts, Requests::All);
        let source = SourceLine::Files { paths: vec![format!("tests/cases/{}", case.name)] };
        let report = Report::new(case.expect.now, source, &inventory, vec![case.judge(case.objects.clone())]);
        for width in WIDTHS {
            let style = Style { width, columns: Some(width), ..Style::PLAIN };
            check(&case.name, &tree::text(&shown, &style), width);
            check(&case.name, &text::report(&report, Detail::Wide, &style), width);
        }
    }
}

#[test]
fn pages_keep_to_the_width_and_lose_no_word() {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for rule in REGISTRY {
        for width in WIDTHS {
            let page = rules::page(rule, "kubectl cert", &Style { width, ..Style::PLAIN });
            // The heading is replaced by the rule's line.
            assert!(words(&page).ends_with(&words(rule.doc)[2..]), "{} at {width}:\n{page}", rule.id);
            check(rule.id, &without_code(&page), width);
        }
    }
}

/// The page without its code blocks, and with code within prose as one word.
fn without_code(page: &str) -> String {
    let prose: String = page.split("```").step_by(2).collect();
    let spans = prose.split('`').enumerate();
    spans.map(|(index, part)| if index % 2 == 0 { part.to_owned() } else { part.replace(' ', "_") }).collect()
}
