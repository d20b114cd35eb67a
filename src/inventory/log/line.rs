//! One line of klog's, as text (`E1125 17:54:02.858705 1 sync.go:332] "message" key="value"`) or as JSON.

use std::collections::BTreeMap;

use serde_json::Value;

/// A line that complains: of severity W, E or F, or with an error among its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogLine {
    pub message: String,
    /// The value of `err` or `error`, empty if there is none.
    pub error: String,
    /// The line as it was written, on one line.
    pub text: String,
    /// Kind, namespace and name of the objects that the line says it is about.
    named: Vec<(String, String, String)>,
    /// Every `NAMESPACE/NAME` in its text.
    mentioned: Vec<(String, String)>,
}

/// The longest line that is kept whole.
const LONGEST: usize = 4_000;

/// The lines that complain, in their order.
pub(super) fn complaints(text: &str) -> Vec<LogLine> {
    whole_lines(text).into_iter().filter_map(|line| LogLine::read(&line)).collect()
}

/// klog writes a value of several lines as `key=<`, the lines behind a tab each, and ` >`: such are one line again.
fn whole_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        let goes_on = is_open && (line.starts_with('\t') || line.starts_with(" >"));
        if let Some(last) = lines.last_mut().filter(|_| goes_on) {
            is_open = !line.starts_with(" >") || line.ends_with("=<");
            if last.len() < LONGEST {
                last.push('\n');
                last.push_str(line);
            }
        } else {
            is_open = line.ends_with("=<");
            lines.push(line.to_owned());
        }
    }
    lines
}

impl LogLine {
    fn read(line: &str) -> Option<Self> {
        let line = line.trim_end();
        let (is_bad, message, values) = if line.starts_with('{') { json(line)? } else { klog(line)? };
        let value = |key: &str| values.get(key).cloned().unwrap_or_default();
        let error = [value("err"), value("error")].into_iter().find(|error| !error.is_empty()).unwrap_or_default();
        // Two writers met: the next try comes at once, and nothing is wrong.
        let is_a_race =
            message.contains("optimistic locking") || error.contains("please apply your changes to the latest");
        if (!is_bad && error.is_empty()) || is_a_race {
            return None;
        }
        let named = ["resource", "related_resource"].into_iter().filter_map(|of| {
            let part = |part: &str| value(&format!("{of}_{part}"));
            Some((part("kind"), part("namespace"), part("name"))).filter(|(_, _, name)| !name.is_empty())
        });
        let text = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let named = named.collect();
        let mentioned = mentions(&message).chain(mentions(&error)).chain(mentions(&value("key"))).collect();
        Some(Self { message, error, text: text.chars().take(LONGEST).collect(), named, mentioned })
    }

    /// Namespace and name of everything that the line names.
    pub(super) fn concerned(&self) -> impl Iterator<Item = (String, String)> {
        let named = self.named.iter().map(|(_, namespace, name)| (namespace.clone(), name.clone()));
        let mut all: Vec<_> = named.chain(self.mentioned.iter().cloned()).collect();
        all.sort();
        all.dedup();
        all.into_iter()
    }

    /// Whether the object there may be of this kind: the line says so, or says no kind.
    pub(super) fn may_concern(&self, kind: &str, place: &(String, String)) -> bool {
        let at = |(_, namespace, name): &&(String, String, String)| *namespace == place.0 && *name == place.1;
        let mut kinds = self.named.iter().filter(at).map(|(kind, _, _)| kind.as_str()).peekable();
        match kinds.peek() {
            Some(_) => kinds.any(|named| named == kind || named.is_empty()),
            None => self.mentioned.contains(place),
        }
    }
}

type Read = (bool, String, BTreeMap<String, String>);

/// A line of klog's text format; `None` for any other.
fn klog(line: &str) -> Option<Read> {
    let severity = line.chars().next()?;
    let dated = line.get(1..5)?.bytes().all(|byte| byte.is_ascii_digit()) && line.as_bytes().get(5) == Some(&b' ');
    let (_, rest) = line.split_once("] ")?;
    if !dated || !"IWEF".contains(severity) {
        return None;
    }
    let is_bad = severity != 'I';
    if !rest.starts_with('"') {
        return Some((is_bad, rest.to_owned(), BTreeMap::new()));
    }
    let (message, mut rest) = quoted(rest)?;
    let mut values = BTreeMap::new();
    while let Some((key, after)) = rest.trim_start().split_once('=') {
        let (value, after) = value(after);
        values.insert(key.to_owned(), value);
        rest = after;
    }
    Some((is_bad, message, values))
}

/// A value, and what stands behind it.
fn value(text: &str) -> (String, &str) {
    if let Some(found) = quoted(text) {
        return found;
    }
    if let Some(block) = text.strip_prefix("<\n") {
        let (block, after) = block.split_once("\n >").unwrap_or((block, ""));
        return (block.split('\n').map(str::trim).collect::<Vec<_>>().join(" "), after);
    }
    let end = text.find(' ').unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
}

/// The text in quotes that `text` begins with, as Go's `%q` writes it, and what stands behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut out = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((out, &inner[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' | 'r' | 't' => out.push(' '),
                other => out.push(other),
            },
            other => out.push(other),
        }
    }
    // A line that was cut off.
    Some((out, ""))
}

/// A line of klog's JSON format: an error has `err`, anything else a verbosity.
fn json(line: &str) -> Option<Read> {
    let Value::Object(members) = serde_json::from_str(line).ok()? else { return None };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let message = members.get("msg").map(text)?;
    let is_bad = members.get("level").is_some_and(|level| !["info", "debug"].contains(&text(level).as_str()));
    let is_error = !members.contains_key("v") && members.contains_key("err");
    Some((is_bad || is_error, message, members.iter().map(|(key, value)| (key.clone(), text(value))).collect()))
}

/// Every `NAMESPACE/NAME` in a text.
fn mentions(text: &str) -> impl Iterator<Item = (String, String)> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || "-./".contains(char);
    text.split(move |char| !is_part(char)).filter_map(|word| {
        let (namespace, name) = word.trim_matches(['.', '/']).split_once('/')?;
        let fits = !namespace.is_empty() && !name.is_empty() && !name.contains('/') && !namespace.contains('.');
        fits.then(|| (namespace.to_owned(), name.to_owned()))
    })
}
