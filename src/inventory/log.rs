//! What containers wrote to their logs: the lines that complain, and the objects that each of them concerns.
//!
//! cert-manager logs with klog, as text or as JSON. A line names its object in `resource_name` and its neighbours, or its
//! error has `NAMESPACE/NAME` in it. Lines that complain of nothing are not kept. Nothing here judges.

mod line;

use std::collections::BTreeMap;

pub use line::LogLine;

/// What one container wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodLog {
    /// `None` where the file's place does not tell.
    pub namespace: Option<String>,
    pub pod: String,
    /// Empty where the file's place does not tell.
    pub container: String,
    pub run: Run,
    /// The lines that complain, oldest first.
    pub lines: Vec<LogLine>,
}

/// Which run of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Run {
    /// The one before the last restart.
    Previous,
    Current,
}

impl PodLog {
    /// The most lines that are kept of one log: the newest.
    const MOST: usize = 20_000;

    /// Reads the end of a log.
    pub fn read(namespace: Option<&str>, pod: &str, container: &str, run: Run, text: &str) -> Self {
        let mut lines: Vec<_> = line::complaints(text);
        let surplus = lines.len().saturating_sub(Self::MOST);
        lines.drain(..surplus);
        let (namespace, pod, container) = (namespace.map(str::to_owned), pod.to_owned(), container.to_owned());
        Self { namespace, pod, container, run, lines }
    }

    /// `NAMESPACE/POD`, with the container where it is told.
    pub fn place(&self) -> String {
        let namespace = self.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let container = if self.container.is_empty() { String::new() } else { format!(" ({})", self.container) };
        let former = match self.run {
            Run::Previous => ", before its last restart",
            Run::Current => "",
        };
        format!("{namespace}{}{container}{former}", self.pod)
    }
}

/// All logs of a source, with an index of the objects that their lines concern.
#[derive(Clone, Debug, Default)]
pub struct Logs {
    logs: Vec<PodLog>,
    /// By namespace (empty for cluster-scoped objects) and name.
    by_object: BTreeMap<(String, String), Vec<(usize, usize)>>,
}

/// A line, and the log that it stands in.
pub type Spoken<'l> = (&'l PodLog, &'l LogLine);

impl Logs {
    /// Indexes logs. Of several of one container the first given counts.
    pub(super) fn new(mut logs: Vec<PodLog>) -> Self {
        let key = |log: &PodLog| (log.namespace.clone(), log.pod.clone(), log.container.clone(), log.run);
        logs.sort_by_cached_key(key);
        logs.dedup_by(|later, first| key(later) == key(first));
        let mut by_object: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (at, log) in logs.iter().enumerate() {
            for (line_at, line) in log.lines.iter().enumerate() {
                for place in line.concerned() {
                    by_object.entry(place).or_default().push((at, line_at));
                }
            }
        }
        Self { logs, by_object }
    }

    /// The lines that concern an object of this kind, namespace and name; oldest first within each log.
    pub fn about(
        &self,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> impl DoubleEndedIterator<Item = Spoken<'_>> {
        let place = (namespace.unwrap_or_default().to_owned(), name.to_owned());
        let found = self.by_object.get(&place).map(Vec::as_slice).unwrap_or_default();
        let spoken = found.iter().map(|(log, line)| (&self.logs[*log], &self.logs[*log].lines[*line]));
        spoken.filter(move |(_, line)| line.may_concern(kind, &place))
    }

    /// Every line of the logs.
    pub fn lines(&self) -> impl Iterator<Item = Spoken<'_>> {
        self.logs.iter().flat_map(|log| log.lines.iter().map(move |line| (log, line)))
    }

    /// Whether there is any log.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
I1125 17:53:32.480941   15766 setup.go:125] \"generating acme account private key\" logger=\"cert-manager.controller\" resource_name=\"pebble\" resource_namespace=\"\" resource_kind=\"ClusterIssuer\"
E1125 17:54:01.858705   13628 sync.go:332] \"failed to create Order resource due to bad request, marking Order as failed\" err=<
\t400 urn:ietf:params:acme:error:rejectedIdentifier: refused: \"blocked.example\"
 > logger=\"cert-manager.controller\" resource_name=\"web-1-23\" resource_namespace=\"shop\" resource_kind=\"Order\" resource_version=\"v1\"
E1125 17:54:02.858705   13628 controller.go:162] \"re-queuing item due to error processing\" err=\"secrets \\\"x\\\" is forbidden: shop/web\" logger=\"cert-manager.controller\"
";

    fn about(logs: &Logs, kind: &str, namespace: Option<&str>, name: &str) -> usize {
        logs.about(kind, namespace, name).count()
    }

    #[test]
    fn complaints_are_found_by_the_object_that_they_concern() {
        let log = PodLog::read(Some("cert-manager"), "cm-1", "controller", Run::Current, LOG);
        assert_eq!(log.lines.len(), 2, "what complains of nothing is not kept");
        let logs = Logs::new(vec![log.clone(), log]);
        assert_eq!(about(&logs, "Order", Some("shop"), "web-1-23"), 1);
        assert_eq!(about(&logs, "Challenge", Some("shop"), "web-1-23"), 0, "the line says that it is an Order");
        assert_eq!(about(&logs, "Certificate", Some("shop"), "web"), 1, "named in the error");
        assert_eq!(about(&logs, "ClusterIssuer", None, "pebble"), 0);
        let (place, line) = logs.about("Order", Some("shop"), "web-1-23").next().unwrap();
        assert_eq!(place.place(), "cert-manager/cm-1 (controller)");
        assert!(line.error.contains("rejectedIdentifier"), "{}", line.error);
    }

    #[test]
    fn a_log_of_json_is_read_like_one_of_text() {
        let text = r#"{"ts":1763942042000.1,"caller":"acmechallenges/sync.go:285","msg":"propagation check failed","logger":"cert-manager.controller","resource_name":"web-1-2-3","resource_namespace":"shop","resource_kind":"Challenge","err":"wrong status code '404', expected '200'"}
{"ts":1763942042001.1,"caller":"x.go:1","msg":"fine","v":0}
"#;
        let logs = Logs::new(vec![PodLog::read(None, "cm-1", "", Run::Previous, text)]);
        let (log, line) = logs.about("Challenge", Some("shop"), "web-1-2-3").next().unwrap();
        assert_eq!(log.place(), "cm-1, before its last restart");
        assert_eq!(
            (line.message.as_str(), line.error.as_str()),
            ("propagation check failed", "wrong status code '404', expected '200'")
        );
        assert_eq!(logs.lines().count(), 1);
    }

    #[test]
    fn only_the_newest_lines_of_a_long_log_are_kept() {
        let line = |n: usize| format!("E1125 17:54:02.858705 1 a.go:1] \"no {n}\" err=\"x\"\n");
        let text: String = (0..=PodLog::MOST).map(line).collect();
        let log = PodLog::read(None, "a", "", Run::Current, &text);
        assert_eq!((log.lines.len(), log.lines[0].message.as_str()), (PodLog::MOST, "no 1"));
    }
}
