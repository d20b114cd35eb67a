//! `dry-run` from the outside: its examples, its forms, its exit codes, and what it makes of bad input.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-cert");
const NOW: &str = "2026-03-01T00:00:00Z";
const CA: &str = "tests/fixtures/dry-run/ca.yaml";

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_clear().env("HOME", "/nonexistent").stdin(Stdio::null());
    command.args(["dry-run", "--now", NOW]).args(args);
    command
}

fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

fn said(args: &[&str]) -> (Option<i32>, String, String) {
    let output = run(args);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A file of its own for a test.
fn file(name: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dry-run");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

fn items(args: &[&str]) -> Vec<Value> {
    let (_, out, _) = said(args);
    let list: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((list["apiVersion"].as_str(), list["kind"].as_str()), (Some("v1"), Some("List")));
    list["items"].as_array().unwrap().clone()
}

fn kinds(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| format!("{}/{}", item["kind"], item["metadata"]["name"]).replace('"', "")).collect()
}

#[test]
fn the_objects_at_the_end_are_a_list_in_a_fixed_order() {
    let found = items(&["-f", CA, "-o", "json"]);
    assert_eq!(
        kinds(&found),
        [
            "Certificate/root",
            "Certificate/web-tls",
            "CertificateRequest/root-1",
            "CertificateRequest/web-tls-1",
            "Secret/root-tls",
            "Secret/web-tls"
        ]
    );
    assert_eq!(found[0]["status"]["revision"], 1);
    let (code, yaml, _) = said(&["-f", CA, "-o", "yaml"]);
    let list: Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!((code, kinds(list["items"].as_array().unwrap())), (Some(0), kinds(&found)));
    let names = |seed: &str| {
        let (_, out, _) = said(&["-f", CA, "-o", "trace", "--seed", seed]);
        out
    };
    assert_eq!(names("7"), names("7"));
    assert_ne!(names("7"), names("8"));
}

#[test]
fn private_keys_are_shown_only_if_that_is_asked_for() {
    use base64::Engine as _;
    let keys = |args: &[&str]| {
        let all = items(args);
        let decode = |text: &Value| {
            let bytes = base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        let secrets = all.iter().filter(|item| item["kind"] == "Secret");
        secrets
            .map(|secret| (decode(&secret["data"]["tls.key"]), decode(&secret["data"]["tls.crt"])))
            .collect::<Vec<_>>()
    };
    for (key, certificate) in keys(&["-f", CA, "-o", "json"]) {
        assert!(key.contains("--show-private-key") && certificate.starts_with("-----BEGIN CERTIFICATE"), "{key}");
    }
    for (key, _) in keys(&["-f", CA, "-o", "json", "--show-private-key"]) {
        assert!(key.contains("PRIVATE KEY"), "{key}");
    }
    for form in ["text", "trace", "yaml"] {
        let (_, out, err) = said(&["-f", CA, "-o", form]);
        assert!(!out.contains("PRIVATE") && !err.contains("PRIVATE"), "{form}");
    }
}

#[test]
fn every_line_of_the_trace_is_a_json_object() {
    let (code, out, _) = said(&["-f", CA, "-o", "trace"]);
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(code, Some(0));
    assert!(lines.len() > 20 && lines.iter().all(|line| line["at"].is_string() && line["actor"].is_string()));
    assert!(lines.iter().any(|line| line["controller"] == "certificates-issuing"), "{out}");
}

#[test]
fn what_comes_out_can_be_put_in_again() {
    let (_, yaml, _) = said(&["-f", CA, "-o", "yaml", "--show-private-key"]);
    let saved = file("saved.yaml", &yaml);
    let from = saved.to_str().unwrap();
    let (code, out, _) = said(&["-f", CA, "--from", from, "-o", "trace"]);
    assert_eq!(code, Some(0));
    let requests =
        out.lines().filter(|line| line.contains("\"verb\":\"create\"") && line.contains("CertificateRequest"));
    assert_eq!(requests.count(), 0, "nothing is issued again: {out}");
}

#[test]
fn a_diff_tells_what_is_issued_anew_and_why() {
    let (_, yaml, _) = said(&["-f", CA, "-o", "yaml", "--show-private-key"]);
    // The list at the end has no issuers: they are put beside it.
    let text = fs::read_to_string(CA).unwrap();
    let issuers: Vec<_> =
        text.split("---\n").filter(|one| one.contains("kind: Issuer") && !one.contains("kind: Cert")).collect();
    let saved = file("before.yaml", &format!("{yaml}---\n{}", issuers.join("---\n")));
    let changed = file("after.yaml", &text.replace("commonName: root.example.com", "commonName: other.example.com"));
    let args = ["--from", saved.to_str().unwrap(), "-f", changed.to_str().unwrap(), "--diff"];
    let (code, out, _) = said(&args);
    assert_eq!(code, Some(0), "{out}");
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "1 certificate would be issued anew because of these manifests",
        "changed Certificate shop/root spec.commonName: root.example.com → other.example.com",
        "- Certificate shop/root at 2026-03-01T00:00:00Z: Fields on existing CertificateRequest resource not up to date: [spec.commonName] (RequestChanged)",
    ] {
        assert!(words.contains(expected), "{expected}: {out}");
    }
    let (_, json, _) = said(&[&args[..], &["-o", "json"]].concat());
    let diff: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(diff["kind"], "Changes");
    let causes: Vec<_> =
        diff["issued"].as_array().unwrap().iter().map(|one| (&one["certificate"]["name"], &one["cause"])).collect();
    assert_eq!(format!("{causes:?}"), r#"[(String("root"), String("changed"))]"#);

    let same = ["--from", saved.to_str().unwrap(), "-f", CA, "--diff"];
    let (code, out, _) = said(&same);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.starts_with("no certificate that exists would be issued anew because of these manifests"), "{out}");
}

#[test]
fn folders_and_kustomizations_are_read() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dry-run-folder");
    fs::create_dir_all(folder.join("deep")).unwrap();
    fs::copy(CA, folder.join("deep/ca.yaml")).unwrap();
    fs::write(
        folder.join("issuer.yaml"),
        "apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: a}\nspec: {selfSigned: {}}\n",
    )
    .unwrap();
    let path = folder.to_str().unwrap();
    assert_eq!(items(&["-f", path, "-o", "json"]).len(), 0);
    assert_eq!(items(&["-f", path, "-R", "-o", "json"]).len(), 6);

    // Stands in for kustomize, which need not be there.
    let kustomize = folder.join("kustomize");
    fs::write(&kustomize, format!("#!/bin/sh\n[ \"$1\" = build ] && /bin/cat {path}/deep/ca.yaml\n")).unwrap();
    fs::set_permissions(&kustomize, fs::Permissions::from_mode(0o755)).unwrap();
    let output = command(&["-k", "overlay", "-o", "trace"]).env("PATH", path).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stdout.len() > 1000);
    let output = command(&["-k", "overlay"]).env("PATH", "/nonexistent").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("neither kubectl nor kustomize"), "{output:?}");
}

#[test]
fn exit_code_2_for_what_cannot_be_played() {
    let world =
        file("wrong.yaml", "apiVersion: cert.kubectl.dev/v1\nkind: World\ndns:\n  records: [{name: a, type: MX}]\n");
    let world = world.to_str().unwrap();
    let broken = file("broken.yaml", "kind: [\n");
    for (args, words) in [
        (&[][..], "must specify one of -f, -k, --from and --live"),
        (&["-f", "no/such/file"], "does not exist"),
        (&["-f", broken.to_str().unwrap()], "line"),
        (&["-f", CA, "--world", "no/such/world"], "does not exist"),
        (&["-f", CA, "--world", world], "wrong.yaml:4:"),
        (&["-f", CA, "--until", "0s"], "nothing would be played"),
        (&["-f", CA, "--until=-1h"], "negative"),
        (&["-f", CA, "--until", "soon"], "invalid --until"),
        (&["-f", CA, "--until", "99999999d"], "beyond the last time"),
        (&["-f", CA, "--until", "99999999999999999999d"], "invalid --until"),
        (&["-f", CA, "--from", "-", "-f", "-"], "standard input"),
        (&["-f", CA, "--live", "--from", CA], "cannot be used with"),
        (&["-f", CA, "--diff"], "--diff compares manifests"),
        (&["-f", CA, "--from", CA, "--diff", "-o", "trace"], "--diff has no trace"),
    ] {
        let (code, out, err) = said(args);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}: {err}");
        assert!(err.contains(words), "{args:?}: {err}");
    }
}

#[test]
fn bad_manifests_are_told_with_their_place_and_the_rest_is_played() {
    let text = fs::read_to_string(CA).unwrap();
    let wrong = "---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: empty, namespace: shop}\nspec: {secretName: e, issuerRef: {name: ca}}\n";
    let unknown = "---\napiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: shop}\n";
    let field = text.replace("isCA: true", "isCA: true\n  isca: true");
    let many = file("many.yaml", &format!("{field}{wrong}{unknown}"));
    let path = many.to_str().unwrap();
    let (code, out, _) = said(&["-f", path]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.starts_with("1 manifest is refused; both certificates are ready"), "{out}");
    // Where a line breaks depends on how long the path is.
    let flowing = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in ["Refused: ", "many.yaml:", "Certificate empty:", "unknown field \"spec.isca\"", "Widget w:"] {
        assert!(flowing.contains(words), "{words}: {out}");
    }
    let (code, out, err) = said(&["-f", path, "-o", "json"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("Certificate empty:") && serde_json::from_str::<Value>(&out).is_ok(), "{err}");
}

#[test]
fn issuers_that_others_play_stop_there_and_say_so() {
    let text = fs::read_to_string(CA).unwrap();
    let foreign =
        text.replace("issuerRef: {name: self, kind: Issuer}", "issuerRef: {name: m, kind: Mint, group: example.com}");
    let path = file(
        "foreign.yaml",
        foreign.split("---\napiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: ca").next().unwrap(),
    );
    let path = path.to_str().unwrap();
    // cert-manager's own approver leaves such requests alone, and that is a finding.
    let (code, out, _) = said(&["-f", path]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("request-never-approved"), "{out}");
    let world =
        file("approving.yaml", "apiVersion: cert.kubectl.dev/v1\nkind: World\napproval: {otherwise: approve}\n");
    let (code, out, _) = said(&["-f", path, "--world", world.to_str().unwrap()]);
    assert_eq!(code, Some(2), "{out}");
    assert!(out.contains("cannot be played to the end"), "{out}");
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("only the controller of example.com can tell whether Mint m issues"), "{out}");
}

#[test]
fn world_files_and_their_schema_agree() {
    let schema: Value = serde_json::from_str(&fs::read_to_string("docs/schema/world.v1.json").unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let page = fs::read_to_string("docs/world.md").unwrap();
    let example = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap().to_owned();
    let mut worlds = vec![("docs/world.md".to_owned(), example)];
    for folder in fs::read_dir("docs/examples/dry-run").unwrap() {
        let path = folder.unwrap().path().join("world.yaml");
        if path.exists() {
            worlds.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    worlds.sort();
    assert!(worlds.len() > 4);
    for (name, text) in &worlds {
        let value: Value = serde_saphyr::from_str(text).unwrap();
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
        kubectl_cert::dryrun::world::read(name, text).unwrap();
    }
    // What the schema has, the reader knows: each property, by itself, is no unknown word to it.
    for property in schema["properties"].as_object().unwrap().keys() {
        let head = "apiVersion: cert.kubectl.dev/v1\nkind: World\n";
        let known = ["apiVersion", "kind"].contains(&property.as_str());
        let text = if known { head.to_owned() } else { format!("{head}{property}: 7\n") };
        let said = kubectl_cert::dryrun::world::read("w", &text).map_or_else(|fault| fault.what, |_| String::new());
        assert!(!said.contains("unknown field"), "{property}: {said}");
    }
}

#[test]
fn every_example_has_a_transcript() {
    let transcripts = fs::read_to_string("tests/suite/cli/dry-run.trycmd").unwrap();
    let folders = fs::read_dir("docs/examples/dry-run").unwrap().map(Result::unwrap).filter(|one| one.path().is_dir());
    for folder in folders {
        let name = folder.file_name().into_string().unwrap();
        assert!(transcripts.contains(&format!("docs/examples/dry-run/{name}")), "{name}");
    }
}
