//! The output of `kubectl cluster-info dump`: lists in JSON, and logs between marks.
//!
//! Without `--output-directory` all of it is one text; with it, each Pod has a file of logs.

/// A part of such a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'t> {
    Objects(&'t str),
    Log { namespace: &'t str, pod: &'t str, container: &'t str, text: &'t str },
}

const START: &str = "==== START logs for container ";
const END: &str = "==== END logs for container ";

/// The parts of a text that holds logs between marks; `None` if it holds none.
pub fn parts(text: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = line_start(rest, START) {
        let (before, log) = rest.split_at(at);
        let (mark, body) = log.split_once('\n').unwrap_or((log, ""));
        let Some((container, namespace, pod)) = writer(mark) else { break };
        // What a container writes may look like a mark: only the one of its own ends it.
        let end = mark.replacen(START, END, 1);
        let (text, after) = match line_start(body, &end) {
            Some(at) => (&body[..at], body[at..].split_once('\n').map_or("", |(_, after)| after)),
            None => (body, ""),
        };
        if !before.trim().is_empty() {
            parts.push(Part::Objects(before));
        }
        parts.push(Part::Log { namespace, pod, container, text });
        rest = after;
    }
    if parts.is_empty() {
        return None;
    }
    if !rest.trim().is_empty() {
        parts.push(Part::Objects(rest));
    }
    Some(parts)
}

/// Where the first line begins that begins so.
fn line_start(text: &str, with: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = text.get(from..)?.find(with) {
        let at = from + found;
        if at == 0 || text.as_bytes()[at - 1] == b'\n' {
            return Some(at);
        }
        from = at + with.len();
    }
    None
}

/// Container, namespace and Pod of `... container C of pod NS/POD ====`.
fn writer(mark: &str) -> Option<(&str, &str, &str)> {
    let (container, place) = mark.strip_prefix(START)?.split_once(" of pod ")?;
    let (namespace, pod) = place.trim_end().strip_suffix(" ====")?.split_once('/')?;
    Some((container, namespace, pod))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_and_logs_are_told_apart_whatever_a_log_says() {
        let text = "{\"kind\": \"List\"}\n==== START logs for container a of pod x/p ====\n{\n==== END logs for container b of pod x/p ====\n\
                    ==== END logs for container a of pod x/p ====\n{}\n==== START logs for container b of pod x/p ====\nlast";
        assert_eq!(
            parts(text).unwrap(),
            [
                Part::Objects("{\"kind\": \"List\"}\n"),
                Part::Log {
                    namespace: "x",
                    pod: "p",
                    container: "a",
                    text: "{\n==== END logs for container b of pod x/p ====\n"
                },
                Part::Objects("{}\n"),
                Part::Log { namespace: "x", pod: "p", container: "b", text: "last" },
            ]
        );
        assert_eq!(parts("{}"), None);
        assert_eq!(parts("a: ==== START logs for container a of pod x/p ===="), None);
        assert_eq!(parts("==== START logs for container a"), None);
    }
}
