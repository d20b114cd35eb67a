//! The table of certificates, laid out as kubectl lays out its tables.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, TableStyle, Width};
use jiff::Timestamp;

use super::escape;
use super::style::{Style, Tint};
use crate::duration::human;
use crate::horizon;
use crate::report::row::{Row, Urgency};

/// Which columns to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each column group is there or not")]
pub struct Columns {
    /// NAMESPACE in front.
    pub namespace: bool,
    /// SECRET, NAMES, REVISION, NEXT TRY and MESSAGE behind.
    pub wide: bool,
    /// LABELS last.
    pub labels: bool,
    pub headers: bool,
}

/// The least width of a column, and the space behind it, as kubectl has them.
const LEAST: usize = 6;
const SPACE: usize = 3;

/// The rows in the order given; nothing at all where there are none.
pub fn certificates(rows: &[Row], columns: Columns, now: Timestamp, style: &Style) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let headers = headers(columns);
    let cells: Vec<Vec<String>> = rows.iter().map(|row| cells(row, columns, now)).collect();
    let kept = match style.columns.filter(|_| !columns.wide && !columns.labels) {
        Some(limit) => fitting(&headers, &cells, limit),
        None => (0..headers.len()).collect(),
    };
    let head = columns.headers.then(|| kept.iter().map(|column| headers[*column].to_owned()).collect());
    let body = cells.iter().map(|row| kept.iter().map(|column| row[*column].clone()).collect());
    let text = laid_out(head.into_iter().chain(body));
    let skipped = usize::from(columns.headers);
    let mut out = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end();
        // A row is coloured as a whole, after the layout: colour codes in cells would count as width.
        match index.checked_sub(skipped).and_then(|index| rows.get(index)) {
            Some(row) => out.push_str(&match tint(row.urgency) {
                Some(tint) => style.tint(tint, line),
                None => line.to_owned(),
            }),
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// Any rows, the names of the columns first, laid out the same way.
pub fn plain(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = String::new();
    for line in laid_out(rows).lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn laid_out(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = empty_table();
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(6)));
        column.set_cell_alignment(CellAlignment::Left);
    }
    table.trim_fmt()
}

/// The columns that fit a terminal: where they do not all, the ones go that are missed least, and a row never wraps.
/// `-o wide` has them all.
fn fitting(headers: &[&str], rows: &[Vec<String>], limit: usize) -> Vec<usize> {
    const DISPENSABLE: [&str; 3] = ["AGE", "RENEWS", "ISSUER"];
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headers[column].len(), LEAST]).max().unwrap_or(LEAST)
    };
    let mut kept: Vec<usize> = (0..headers.len()).collect();
    for header in DISPENSABLE {
        // The last column needs no space behind it.
        let needed: usize = kept.iter().map(|column| width(*column) + SPACE).sum();
        if needed <= limit + SPACE {
            break;
        }
        kept.retain(|column| headers[*column] != header);
    }
    kept
}

fn empty_table() -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::default());
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn headers(columns: Columns) -> Vec<&'static str> {
    let mut headers = vec!["NAME", "READY", "STAGE", "ISSUER", "EXPIRES", "RENEWS", "AGE"];
    if columns.namespace {
        headers.insert(0, "NAMESPACE");
    }
    if columns.wide {
        headers.extend(["SECRET", "NAMES", "REVISION", "NEXT TRY", "MESSAGE"]);
    }
    if columns.labels {
        headers.push("LABELS");
    }
    headers
}

fn cells(row: &Row, columns: Columns, now: Timestamp) -> Vec<String> {
    let none = || "<none>".to_owned();
    let mut cells = vec![
        escape::cell(&row.name),
        row.ready.as_deref().map_or_else(|| "<unknown>".to_owned(), escape::cell),
        row.stage.to_owned(),
        escape::cell(&row.issuer),
        row.expires.map_or_else(none, |at| expiry(at, now)),
        row.renews.map_or_else(none, |at| relative(at, now)),
        row.created.map_or_else(|| "<unknown>".to_owned(), |at| human(now.duration_since(at))),
    ];
    if columns.namespace {
        cells.insert(0, escape::cell(&row.namespace));
    }
    if columns.wide {
        let names = if row.names.is_empty() { none() } else { escape::cell(&row.names.join(",")) };
        let message = if row.message.is_empty() { none() } else { escape::cell(&row.message) };
        cells.extend([
            escape::cell(&row.secret),
            names,
            row.revision.map_or_else(none, |revision| revision.to_string()),
            row.next_try.map_or_else(none, |at| relative(at, now)),
            message,
        ]);
    }
    if columns.labels {
        let labels: Vec<_> = row.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        cells.push(if labels.is_empty() { none() } else { escape::cell(&labels.join(",")) });
    }
    cells
}

/// `in 29d`, `expired 3d ago` or `never`.
pub fn expiry(at: Timestamp, now: Timestamp) -> String {
    if at < now { format!("expired {} ago", human(now.duration_since(at))) } else { relative(at, now) }
}

/// `in 29d`, `3d ago` or `never`.
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    if horizon::is_never(at) {
        "never".to_owned()
    } else if at < now {
        format!("{} ago", human(now.duration_since(at)))
    } else {
        format!("in {}", human(at.duration_since(now)))
    }
}

fn tint(urgency: Urgency) -> Option<Tint> {
    match urgency {
        Urgency::Expired | Urgency::Failed => Some(Tint::Bad),
        Urgency::NotReady | Urgency::RenewalFailed => Some(Tint::Warn),
        Urgency::Issuing | Urgency::RenewalDue => Some(Tint::Busy),
        Urgency::Quiet => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_loses_columns_and_never_a_name() {
        let headers = ["NAMESPACE", "NAME", "READY", "STAGE", "ISSUER", "EXPIRES", "RENEWS", "AGE"];
        let row = ["shop", "web", "True", "settled", "clusterissuer/letsencrypt", "in 60d", "in 30d", "30d"];
        let rows = vec![row.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>()];
        let shown = |limit| -> String {
            fitting(&headers, &rows, limit).into_iter().map(|column| headers[column].chars().next().unwrap()).collect()
        };
        // Widths are 9, 6, 6, 7, 25, 7, 6 and 6, with 3 in between: 93.
        assert_eq!((shown(93).as_str(), shown(92).as_str()), ("NNRSIERA", "NNRSIER"));
        assert_eq!((shown(84).as_str(), shown(83).as_str()), ("NNRSIER", "NNRSIE"));
        assert_eq!((shown(75).as_str(), shown(74).as_str(), shown(10).as_str()), ("NNRSIE", "NNRSE", "NNRSE"));
    }
}
