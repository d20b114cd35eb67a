//! One certificate's chain as a tree.

use jiff::Timestamp;

use super::style::{Style, Tint};
use super::table::relative;
use super::{escape, prose};
use crate::chain::Next;
use crate::duration::human;
use crate::horizon;
use crate::report::tree::{Detail, Node, Tone, Tree};

/// The whole tree; the first two lines are the answer.
pub fn text(tree: &Tree, style: &Style) -> String {
    let mut out = String::new();
    let object = escape::line(&tree.subject.to_string());
    let mut answer = escape::line(&tree.root.state);
    if let Some((stage, _)) = &tree.course {
        answer += &format!("; {} ({})", stage.words(), stage.id());
    }
    prose::hang(&mut out, &format!("{object}: "), &answer, 0, 2, style.width);
    if let Some((_, next)) = &tree.course {
        prose::hang(&mut out, "Next: ", &self::next(next, tree.now), 0, 6, style.width);
    }
    out.push('\n');
    node(&mut out, &tree.root, tree.now, "", "", style);
    out
}

fn next(next: &Next, now: Timestamp) -> String {
    let what = escape::line(&next.what);
    match next.at {
        Some(at) if horizon::is_never(at) => format!("never: {what}"),
        Some(at) => format!("{}, at {at}: {what}", relative(at, now)),
        None => what,
    }
}

fn node(out: &mut String, node: &Node, now: Timestamp, lead: &str, under: &str, style: &Style) {
    let below = if node.children.is_empty() { " " } else { branch(style).down };
    head(out, node, lead, &format!("{under}{below}   "), style);
    let width = node.details.iter().map(|detail| detail.label.chars().count()).max().unwrap_or(0);
    for detail in &node.details {
        self::detail(out, detail, now, &format!("{under}{below}   "), width, style);
    }
    for (index, child) in node.children.iter().enumerate() {
        let branch = branch(style);
        let is_last = index + 1 == node.children.len();
        let (elbow, down) = if is_last { (branch.last, "   ") } else { (branch.more, branch.down_wide) };
        self::node(out, child, now, &format!("{under}{elbow}"), &format!("{under}{down}"), style);
    }
}

/// The line of an object; a state that does not fit beside the title hangs under it.
fn head(out: &mut String, node: &Node, lead: &str, under: &str, style: &Style) {
    let (title, state) = (escape::line(&node.title), escape::line(&node.state));
    let mark = mark(node.tone, style);
    let used = [lead, mark, &title].iter().map(|part| part.chars().count()).sum::<usize>() + " ".len() + "  ".len();
    let shown = format!("{lead}{} {}", style.tint(tint(node.tone), mark), style.tint(Tint::Strong, &title));
    if used + state.chars().count() <= style.width {
        out.push_str(&format!("{shown}  {state}\n"));
        return;
    }
    out.push_str(&format!("{shown}\n"));
    let mut lines = String::new();
    prose::wrap(&mut lines, &state, 0, style.width.saturating_sub(under.chars().count()).max(24));
    for line in lines.lines() {
        out.push_str(&format!("{under}{line}\n"));
    }
}

fn detail(out: &mut String, detail: &Detail, now: Timestamp, lead: &str, width: usize, style: &Style) {
    // Of a time that never comes the text has said all.
    let at = detail.at.filter(|at| !horizon::is_never(*at));
    let age = at.map(|at| if at > now { relative(at, now) } else { format!("{} ago", human(now.duration_since(at))) });
    let text = match age {
        Some(age) if detail.text.is_empty() => age,
        Some(age) => format!("{} ({age})", escape::line(&detail.text)),
        None => escape::line(&detail.text),
    };
    let label = format!("{:width$}", escape::line(&detail.label));
    let indent = lead.chars().count() + width + 2;
    let mut lines = String::new();
    prose::wrap(&mut lines, &text, 0, style.width.saturating_sub(indent).max(24));
    for (index, line) in lines.lines().enumerate() {
        let label = if index == 0 { style.tint(Tint::Faint, &label) } else { " ".repeat(width) };
        out.push_str(format!("{lead}{label}  {line}").trim_end());
        out.push('\n');
    }
}

struct Branch {
    more: &'static str,
    last: &'static str,
    down: &'static str,
    down_wide: &'static str,
}

fn branch(style: &Style) -> Branch {
    if style.unicode {
        Branch { more: "├─ ", last: "└─ ", down: "│", down_wide: "│  " }
    } else {
        Branch { more: "|- ", last: "`- ", down: "|", down_wide: "|  " }
    }
}

fn mark(tone: Tone, style: &Style) -> &'static str {
    match (tone, style.unicode) {
        (Tone::Good, true) => "√",
        (Tone::Busy, true) => "…",
        (Tone::Bad, true) => "×",
        (Tone::Unknown, _) => "?",
        (Tone::Good, false) => "ok",
        (Tone::Busy, false) => "..",
        (Tone::Bad, false) => "!!",
    }
}

fn tint(tone: Tone) -> Tint {
    match tone {
        Tone::Good => Tint::Good,
        Tone::Busy => Tint::Busy,
        Tone::Bad => Tint::Bad,
        Tone::Unknown => Tint::Warn,
    }
}
