//! World files into a [`World`], or what is wrong and where.

use super::World;
use super::values::Server;

/// Why a world file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}")]
pub struct WorldFault {
    pub file: String,
    /// From 1.
    pub line: u64,
    pub column: u64,
    pub what: String,
}

/// Reads the text of a world file.
pub fn read(file: &str, text: &str) -> Result<World, WorldFault> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let world: World = serde_saphyr::from_str_with_options(text, options).map_err(|error| fault(file, &error))?;
    match contradiction(&world) {
        None => Ok(world),
        Some((needle, what)) => Err(at_text(file, text, &needle, what)),
    }
}

fn fault(file: &str, error: &serde_saphyr::Error) -> WorldFault {
    let at = error.location();
    let words = error.to_string();
    WorldFault {
        file: file.to_owned(),
        line: at.map_or(1, |at| at.line()),
        column: at.map_or(1, |at| at.column()),
        what: without_place(words.lines().next().unwrap_or_default()).to_owned(),
    }
}

/// The reader's words without the place, which is said in front.
fn without_place(words: &str) -> &str {
    let words = words.strip_prefix("error: ").unwrap_or(words);
    let words = match words.strip_prefix("line ") {
        Some(rest) => rest.split_once(": ").map_or(words, |(_, rest)| rest),
        None => words,
    };
    words.rfind(" at line ").map_or(words, |at| &words[..at])
}

/// What no single value shows: things that exclude each other. The first part is a text that stands at the place.
fn contradiction(world: &World) -> Option<(String, String)> {
    for record in &world.dns.records {
        if record.error.is_some() && !record.values.is_empty() {
            let what = format!("the record of {} has values and an error: only one of them can be", record.name.0);
            return Some((record.name.0.clone(), what));
        }
    }
    for answer in &world.http {
        let kinds =
            [answer.error.is_some(), answer.redirect.is_some(), answer.status.is_some() && answer.redirect.is_none()];
        let url = &answer.url.0;
        if !kinds.contains(&true) {
            let what = format!("the answer of {url} is empty: it needs a status, a redirect or an error");
            return Some((url.clone(), what));
        }
        if answer.error.is_some() && (answer.redirect.is_some() || answer.status.is_some()) {
            let what = format!("{url} gives an error and an answer: only one of them can be");
            return Some((url.clone(), what));
        }
        if let (Some(_), Some(status)) = (&answer.redirect, answer.status)
            && !(300..400).contains(&status.0)
        {
            let what = format!("{url} redirects with status {}, which is none of a redirect", status.0);
            return Some((url.clone(), what));
        }
    }
    let mut seen = Vec::new();
    for ca in &world.cas {
        let name = match &ca.server {
            Server::All => "*",
            Server::Directory(url) => url,
        };
        if seen.contains(&name) {
            return Some((name.to_owned(), format!("the CA {name} stands here twice")));
        }
        seen.push(name);
    }
    None
}

/// The fault at the last place where a text stands.
fn at_text(file: &str, text: &str, needle: &str, what: String) -> WorldFault {
    let lowered = text.to_ascii_lowercase();
    let at = lowered.rfind(&needle.to_ascii_lowercase()).unwrap_or(0);
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    WorldFault {
        file: file.to_owned(),
        line: before.matches('\n').count() as u64 + 1,
        column: text[line_start..at].chars().count() as u64 + 1,
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dryrun::world::{Decision, RecordType};
    use crate::engine::controller::Controller;

    const HEAD: &str = "apiVersion: cert.kubectl.dev/v1\nkind: World\n";

    fn good(text: &str) -> World {
        read("world.yaml", &format!("{HEAD}{text}")).unwrap_or_else(|fault| panic!("{fault}"))
    }

    fn wrong(text: &str) -> String {
        match read("world.yaml", text) {
            Ok(world) => panic!("{world:?}"),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn the_example_in_the_document_is_read() {
        let page = include_str!("../../../docs/world.md");
        let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let world = read("world.md", example).unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(world.dns.records[0].type_, RecordType::A);
        assert_eq!(world.approval.unwrap().rules[0].decision, Decision::Deny);
        assert_eq!(world.cas.len(), 1);
        assert!(world.controller.flags().shim.gateway_api);
    }

    #[test]
    fn mistakes_are_told_with_line_and_column() {
        let of = |text: &str| wrong(&format!("{HEAD}{text}"));
        for (said, place, words) in [
            (of("dnss: {}\n"), "world.yaml:3:1: ", "dnss"),
            (of("dns:\n  records:\n  - {name: a.example.com, type: MX}\n"), "world.yaml:5:", "MX"),
            (of("dns:\n  records:\n  - {name: 'a b', type: A}\n"), "world.yaml:5:12: ", "\"a b\" is not a DNS name"),
            (of("dns: {propagation: soon}\n"), "world.yaml:3:20: ", "\"soon\" is not a duration"),
            (of("http:\n- url: ftp://a.example.com/\n  status: 200\n"), "world.yaml:4:8: ", "its scheme is another"),
            (of("http:\n- url: http://a.example.com\n"), "world.yaml:4:8: ", "put / behind the host"),
            (of("http:\n- url: http://a.example.com/\n"), "world.yaml:4:8: ", "needs a status, a redirect or an error"),
            (of("http:\n- url: http://a.example.com/\n  status: 99\n"), "world.yaml:5:11: ", "99 is not the status"),
            (
                of("controller:\n  flags: [--enable-gateways]\n"),
                "world.yaml:4:11: ",
                "--enable-gateways is not known here",
            ),
            (of("controller:\n  version: '1.12'\n"), "world.yaml:4:12: ", "only the releases of 1.21 are"),
            (of("cas:\n- server: '*'\n- server: '*'\n"), "world.yaml:5:", "stands here twice"),
            (of("cas:\n- server: example.com\n"), "world.yaml:4:11: ", "the URL of an ACME directory"),
            (of("cas: [\n"), "world.yaml:", ""),
            (of("cas: {}\n"), "world.yaml:3:", ""),
            (wrong("kind: World\n"), "world.yaml:1:1: ", "apiVersion"),
            (wrong("apiVersion: v1\nkind: World\n"), "world.yaml:1:13: ", "the version cert.kubectl.dev/v1"),
            (wrong(""), "world.yaml:1:1: ", ""),
        ] {
            assert!(said.starts_with(place) && said.contains(words), "{said} -- not {place} {words}");
        }
    }

    #[test]
    fn a_key_is_not_quoted() {
        let text = "cas:\n- server: '*'\n  externalAccounts: [{keyId: a, macKey: 'hunter2='}]\n";
        let said = wrong(&format!("{HEAD}{text}"));
        assert!(!said.contains("hunter2") && said.starts_with("world.yaml:5:"), "{said}");
    }

    #[test]
    fn flags_are_taken_as_cert_manager_takes_them() {
        let flags = good(
            "controller:\n  namespace: pki\n  flags: ['--controllers=*,-ingress-shim', --enable-gateway-api,\n    \
             --enable-gateway-api-listenerset, '--certificate-request-minimum-backoff-duration=10m', --v=2]\n",
        )
        .controller
        .flags();
        assert_eq!(flags.disabled.into_iter().collect::<Vec<_>>(), [Controller::IngressShim]);
        assert_eq!((flags.cluster_resource_namespace.as_str(), flags.back_off.min.as_mins()), ("pki", 10));
        // The flag for ListenerSets does nothing without its gate.
        assert!(flags.shim.gateway_api && !flags.shim.listener_sets);
    }
}
