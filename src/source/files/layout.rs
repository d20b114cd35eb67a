//! What a file of a bundle is, by its place: objects, the log of one of cert-manager's containers, a time, or nothing.
//!
//! Every layout is told by marks in the path, so that a part of a bundle, or one in a folder more, reads the same.

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::inventory::Run;

/// What a file may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    Objects,
    Log(Writer),
    /// Several logs behind one another, as `kubectl cluster-info dump` writes them.
    Dump,
    /// When must-gather ran.
    Timestamp,
    Other,
}

/// Whose log it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    pub namespace: Option<String>,
    pub pod: String,
    /// Empty if the place does not tell.
    pub container: String,
    pub run: Run,
}

/// What the file at `path` is.
pub fn member(path: &str) -> Member {
    if holds_objects(path) {
        return Member::Objects;
    }
    let parts: Vec<&str> = path.split(['/', '\\', ':']).filter(|part| !part.is_empty()).collect();
    let Some((file, folders)) = parts.split_last() else { return Member::Other };
    match (*file, folders) {
        ("logs.txt", [.., _, _]) => Member::Dump,
        ("timestamp", _) => Member::Timestamp,
        _ => match Path::new(file).extension().and_then(|end| end.to_str()) {
            Some("log" | "txt") => writer(file, folders).filter(is_cert_managers).map_or(Member::Other, Member::Log),
            Some(_) | None => Member::Other,
        },
    }
}

/// Whether a file's name says that it may hold objects.
pub fn holds_objects(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
}

/// Whether a container of cert-manager's wrote a log, as far as its place tells: bundles hold those of others too.
fn is_cert_managers(writer: &Writer) -> bool {
    is_cert_managers_name(&writer.pod) || is_cert_managers_name(&writer.container)
}

/// Whether a Pod or a container of this name is cert-manager's.
pub fn is_cert_managers_name(name: &str) -> bool {
    name.contains("cert-manager") || name.contains("certmanager")
}

fn writer(file: &str, folders: &[&str]) -> Option<Writer> {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let (stem, run) = match stem.strip_suffix("-previous") {
        Some(stem) => (stem, Run::Previous),
        None if stem.starts_with("previous") => (stem, Run::Previous),
        None => (stem, Run::Current),
    };
    let writer = |namespace: Option<&str>, pod: &str, container: &str| {
        Some(Writer { namespace: namespace.map(str::to_owned), pod: pod.into(), container: container.into(), run })
    };
    // must-gather: namespaces/NS/pods/POD/C/C/logs/current.log; crust-gather: namespaces/NS/v1/pod/POD/C/current.log.
    if let Some(at) = folders.iter().rposition(|part| *part == "namespaces")
        && let [namespace, rest @ ..] = &folders[at + 1..]
        && let Some(pods) = rest.iter().position(|part| ["pods", "pod"].contains(part))
        && let [pod, container, ..] = rest[pods + 1..]
    {
        return writer(Some(namespace), pod, container);
    }
    match folders {
        // troubleshoot.sh: cluster-resources/pods/logs/NS/POD/CONTAINER.log.
        [.., "pods", "logs", namespace, pod] => writer(Some(namespace), pod, stem),
        // Its collector of logs: NAME/POD/CONTAINER.log.
        [.., pod] if is_cert_managers_name(stem) && is_cert_managers_name(pod) => writer(None, pod, stem),
        // Anything that somebody saved by hand.
        _ => writer(None, stem, ""),
    }
}

/// The time that must-gather wrote down, in Go's form: `2026-11-22 06:35:00.123 +0000 UTC m=+0.1`; of several lines the
/// last.
pub fn timestamp(text: &str) -> Option<Timestamp> {
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    let mut words = line.split_whitespace();
    let (date, time, zone) = (words.next()?, words.next()?, words.next()?);
    format!("{date}T{time}{zone}").parse().ok()
}

/// Whether a path tells when its bundle was saved, as troubleshoot.sh's do (`support-bundle-2026-11-22T06_35_00`). The
/// zone is that of whoever saved it, so the time itself is better read from the objects.
pub fn is_dated(path: &str) -> bool {
    path.split(['/', '\\', ':']).any(|part| {
        let dated = part.split_once("support-bundle-").and_then(|(_, rest)| rest.get(..19));
        dated.is_some_and(|time| time.replace('_', ":").parse::<DateTime>().is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(namespace: Option<&str>, pod: &str, container: &str, run: Run) -> Member {
        let namespace = namespace.map(str::to_owned);
        Member::Log(Writer { namespace, pod: pod.into(), container: container.into(), run })
    }

    #[test]
    fn logs_are_known_by_their_place() {
        let (ns, pod, container) = (Some("cm"), "cert-manager-5", "cert-manager-controller");
        for (path, run) in [
            (
                "q/namespaces/cm/pods/cert-manager-5/cert-manager-controller/cert-manager-controller/logs/current.log",
                Run::Current,
            ),
            (
                "namespaces/cm/pods/cert-manager-5/cert-manager-controller/cert-manager-controller/logs/previous.log",
                Run::Previous,
            ),
            ("a.zip:namespaces/cm/v1/pod/cert-manager-5/cert-manager-controller/current.log", Run::Current),
            ("s/cluster-resources/pods/logs/cm/cert-manager-5/cert-manager-controller.log", Run::Current),
            ("s/cluster-resources/pods/logs/cm/cert-manager-5/cert-manager-controller-previous.log", Run::Previous),
        ] {
            assert_eq!(member(path), log(ns, pod, container, run), "{path}");
        }
        assert_eq!(
            member("s/logs/cert-manager-5/cert-manager-controller.log"),
            log(None, pod, container, Run::Current)
        );
        assert_eq!(member("here/cert-manager.log"), log(None, "cert-manager", "", Run::Current));
        assert_eq!(member("d/cm/cert-manager-5/logs.txt"), Member::Dump);
        for other in ["namespaces/shop/pods/web-1/web/web/logs/current.log", "notes.txt", "version", "a/b.sh", ""] {
            assert_eq!(member(other), Member::Other, "{other}");
        }
        assert_eq!((member("a/b.YAML"), member("x/timestamp")), (Member::Objects, Member::Timestamp));
    }

    #[test]
    fn times_of_bundles_are_read() {
        let text = "2026-11-22 06:30:00.5 +0000 UTC m=+0.1\n2026-11-22 08:35:00.123456789 +0200 CEST m=+300.1\n";
        assert_eq!(timestamp(text), Some("2026-11-22T06:35:00.123456789Z".parse().unwrap()));
        assert_eq!((timestamp(""), timestamp("soon")), (None, None));
        assert!(is_dated(
            "x/support-bundle-2026-11-22T06_35_00.tar.gz:support-bundle-2026-11-22T06_35_00/version.yaml"
        ));
        assert!(!is_dated("support-bundle-x/2026") && !is_dated("support-bundle-2026-11-22T06_35_0"));
    }
}
