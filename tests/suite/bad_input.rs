//! The real binary on saved objects that are broken, huge, hostile or not what was asked for.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// The time at which the healthy specimen is healthy.
const NOW: &str = "2026-11-23T00:00:00Z";

/// A folder for one test's files.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bad-input-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a run left behind.
struct Ran {
    stdout: String,
    stderr: String,
    code: Option<i32>,
    signal: Option<i32>,
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(
            f,
            "exit {:?}, signal {:?}\n--- stdout\n{}--- stderr\n{}---",
            self.code, self.signal, self.stdout, self.stderr
        )
    }
}

impl Ran {
    /// Fails unless the exit code is this and every text was printed, however it is wrapped.
    #[track_caller]
    fn expect(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self}");
        let said = format!("{} {}", self.stdout, self.stderr);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        for text in texts {
            assert!(said.contains(text), "no {text:?} in {self}");
        }
    }
}

/// Runs the binary as of [`NOW`] with an environment that holds nothing.
fn run(args: &[&str]) -> Ran {
    run_as_of(NOW, args)
}

fn run_as_of(now: &str, args: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-cert"))
        .args(args)
        .args(["--now", now])
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran {
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        code: output.status.code(),
        signal: output.status.signal(),
    }
}

/// The healthy chain as a `List`.
fn healthy() -> Value {
    let path = format!("{}/tests/specimens/healthy.yaml", env!("CARGO_MANIFEST_DIR"));
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The object of a kind in a `List`.
fn of_kind<'l>(list: &'l mut Value, kind: &str) -> &'l mut Value {
    list["items"].as_array_mut().unwrap().iter_mut().find(|object| object["kind"] == kind).unwrap()
}

/// Both reading commands, for what must hold of either.
const COMMANDS: [&str; 2] = ["status", "diagnose"];

#[test]
fn broken_yaml_is_told_with_file_line_and_column() {
    let folder = Folder::new("yaml");
    let file = folder.write("broken.yaml", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: [unclosed\n");
    for command in COMMANDS {
        let ran = run(&[command, "--from", &file]);
        ran.expect(2, &["broken.yaml: line "]);
        assert!(ran.stderr.contains(", column "), "{ran}");
        assert!(ran.stderr.contains("line 4") || ran.stderr.contains("line 5"), "{ran}");
    }
    let file = folder.write("broken.json", "{\n  \"kind\": \"List\",\n  \"items\": [}\n");
    run(&["diagnose", "--from", &file]).expect(2, &["broken.json: line 3, column 13"]);
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let folder = Folder::new("binary");
    let file = folder.write("objects.yaml", [0x80, 0x81, 0xfe, 0x00, 0xff]);
    let ran = run(&["diagnose", "--from", &file]);
    ran.expect(2, &["objects.yaml"]);
    assert!(!ran.stderr.contains("panicked"), "{ran}");
}

/// A `.tar.gz` with these members; names are written as they are.
fn tar_gz(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

#[test]
fn a_truncated_archive_is_told_as_such() {
    let folder = Folder::new("truncated");
    let text = healthy().to_string();
    // Compresses badly, so that half of the archive is half of the content.
    let numbers: Vec<_> = (0u64..20_000).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_string()).collect();
    let noise = format!("# {}", numbers.join("\n# "));
    let whole = tar_gz(&[("objects.json", text.as_bytes()), ("noise.yaml", noise.as_bytes())]);
    let file = folder.write("whole.tar.gz", &whole);
    run(&["diagnose", "web", "--from", &file]).expect(0, &["Certificate shop/web"]);
    for part in [whole.len() / 2, 20, 2] {
        let file = folder.write("half.tar.gz", &whole[..part]);
        for command in COMMANDS {
            let ran = run(&[command, "--from", &file]);
            ran.expect(2, &["half.tar.gz", "truncated"]);
        }
    }
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("objects.json", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(text.as_bytes()).unwrap();
    let whole = zip.finish().unwrap().into_inner();
    for part in [whole.len() - 1, whole.len() / 2, 20] {
        let file = folder.write("half.zip", &whole[..part]);
        run(&["diagnose", "--from", &file]).expect(2, &["half.zip", "truncated"]);
    }
}

#[test]
fn an_archive_that_points_outside_itself_is_refused() {
    let folder = Folder::new("outside");
    for name in ["../../etc/objects.json", "/etc/objects.json", "a/../../b.yaml"] {
        let file = folder.write("evil.tar.gz", tar_gz(&[(name, b"{}")]));
        run(&["diagnose", "--from", &file]).expect(2, &["evil.tar.gz", "points outside the archive"]);
    }
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("../../objects.json", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(b"{}").unwrap();
    let file = folder.write("evil.zip", zip.finish().unwrap().into_inner());
    run(&["diagnose", "--from", &file]).expect(2, &["evil.zip", "points outside the archive"]);
}

/// Runs the binary and watches the most memory that it ever holds, in bytes.
fn run_measured(args: &[&str]) -> (Ran, u64) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-cert"))
        .args(args)
        .args(["--now", NOW])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let kilobytes =
            text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kilobytes.unwrap_or(0_u64) << 10);
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (code, signal) = (output.status.code(), output.status.signal());
    (Ran { stdout: text(output.stdout), stderr: text(output.stderr), code, signal }, peak)
}

#[test]
fn a_file_of_200_megabytes_is_read_in_bounded_time_and_memory() {
    let folder = Folder::new("huge");
    let path = folder.0.join("huge.json");
    let mut list = healthy();
    let filler = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "big"}, "data": {"x": "y".repeat(100_000)}}).to_string();
    let mut file = BufWriter::new(File::create(&path).unwrap());
    file.write_all(b"{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [").unwrap();
    for _ in 0..2_000 {
        file.write_all(filler.as_bytes()).unwrap();
        file.write_all(b",\n").unwrap();
    }
    let items: Vec<String> = list["items"].as_array_mut().unwrap().iter().map(Value::to_string).collect();
    file.write_all(items.join(",\n").as_bytes()).unwrap();
    file.write_all(b"]}").unwrap();
    file.flush().unwrap();
    let size = fs::metadata(&path).unwrap().len();
    assert!(size > 200_000_000, "{size}");
    let began = Instant::now();
    let (ran, peak) = run_measured(&["diagnose", "web", "--from", &path.display().to_string()]);
    ran.expect(0, &["Certificate shop/web"]);
    assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
    assert!(peak < 3 * size, "{} MB", peak >> 20);
}

#[test]
fn a_secret_with_garbage_for_a_certificate_is_a_finding() {
    let folder = Folder::new("garbage");
    for garbage in
        ["not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "", "\u{0}\u{1}"]
    {
        let mut list = healthy();
        let encoded = base64(garbage.as_bytes());
        of_kind(&mut list, "Secret")["data"]["tls.crt"] = json!(encoded);
        let file = folder.write("objects.json", list.to_string());
        let ran = run(&["diagnose", "web", "--from", &file]);
        ran.expect(1, &["web-tls", "tls.crt"]);
        let ran = run(&["status", "web", "--from", &file]);
        assert!(ran.stdout.contains("Secret web-tls"), "{ran}");
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn owners_that_own_each_other_end_no_run() {
    let folder = Folder::new("loop");
    let mut list = healthy();
    let owner_of = |object: &Value| {
        json!([{
            "apiVersion": object["apiVersion"], "kind": object["kind"], "controller": true,
            "name": object["metadata"]["name"], "uid": object["metadata"]["uid"],
        }])
    };
    let certificate = owner_of(of_kind(&mut list, "Certificate"));
    let request = owner_of(of_kind(&mut list, "CertificateRequest"));
    of_kind(&mut list, "Certificate")["metadata"]["ownerReferences"] = request.clone();
    of_kind(&mut list, "CertificateRequest")["metadata"]["ownerReferences"] = request;
    of_kind(&mut list, "Secret")["metadata"]["ownerReferences"] = certificate;
    let file = folder.write("objects.json", list.to_string());
    for args in [
        &["status", "web"][..],
        &["diagnose", "web"],
        &["diagnose"],
        &["diagnose", "cr/web-1"],
        &["status"],
        &["diagnose", "secret/web-tls"],
    ] {
        let ran = run(&[args, &["--from", &file]].concat());
        assert!(ran.code.is_some_and(|code| code < 2), "{args:?}: {ran}");
    }
}

#[test]
fn times_in_the_future_are_shown_as_they_are() {
    let folder = Folder::new("future");
    let file = folder.write("objects.json", healthy().to_string());
    // The objects are a year ahead of the clock.
    for args in [&["status", "web"][..], &["status"], &["status", "-o", "wide"], &["diagnose", "web"], &["diagnose"]] {
        let ran = run_as_of("2025-11-23T00:00:00Z", &[args, &["--from", &file]].concat());
        assert!(ran.code.is_some_and(|code| code < 2), "{args:?}: {ran}");
        let negative = ran.stdout.split_whitespace().map(|word| word.trim_start_matches('(')).find(|word| {
            word.strip_prefix('-').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        });
        assert_eq!(negative, None, "{args:?}: {ran}");
    }
}

/// RFC 5280's date for "no well-defined end", which Go and YAML can hold and our times cannot.
#[test]
fn a_date_beyond_the_range_of_times_leaves_the_object_readable() {
    let folder = Folder::new("never");
    let never = "9999-12-31T23:59:59Z";
    let mut list = healthy();
    let certificate = of_kind(&mut list, "Certificate");
    certificate["status"]["notAfter"] = json!(never);
    certificate["status"]["renewalTime"] = json!("9902-03-20T07:11:12Z");
    certificate["metadata"]["annotations"]["example.com/until"] = json!(never);
    certificate["metadata"]["managedFields"] = json!([{"manager": "a", "time": never}]);
    of_kind(&mut list, "Event")["lastTimestamp"] = json!("9999-12-31T23:59:59.999999Z");
    let mut params = rcgen::CertificateParams::new(["shop.example.com".into(), "www.shop.example.com".into()]).unwrap();
    params.not_after = rcgen::date_time_ymd(9999, 12, 31).replace_hour(23).unwrap().replace_minute(59).unwrap();
    params.not_after = params.not_after.replace_second(59).unwrap();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let secret = of_kind(&mut list, "Secret");
    secret["data"]["tls.crt"] = json!(base64(params.self_signed(&key).unwrap().pem().as_bytes()));
    secret["data"]["tls.key"] = json!(base64(key.serialize_pem().as_bytes()));
    let file = folder.write("objects.yaml", serde_saphyr::to_string(&list).unwrap());
    let table = run(&["status", "-n", "shop", "--from", &file]);
    table.expect(0, &["web True settled clusterissuer/letsencrypt never in 7880y"]);
    run(&["status", "web", "--from", &file])
        .expect(0, &["valid until never │ renewal 9902-03-20", "not after never │"]);
    run(&["status", "web", "--from", &file, "-o", "json"]).expect(0, &[r#""at": "9999-12-30T22:00:00Z""#]);
    for args in [&["diagnose", "web"][..], &["diagnose", "-A"], &["diagnose", "secret/web-tls"]] {
        let ran = run(&[args, &["--from", &file]].concat());
        assert!(ran.code.is_some_and(|code| code < 2) && !ran.stdout.contains("Not seen"), "{args:?}: {ran}");
    }
    // Without the Secret nothing is wrong.
    list["items"].as_array_mut().unwrap().retain(|object| object["kind"] != "Secret");
    let file = folder.write("objects.json", list.to_string());
    run(&["diagnose", "web", "--from", &file]).expect(0, &["the certificate has no end and renews in 7880y"]);
    of_kind(&mut list, "Certificate")["status"]["renewalTime"] = json!(never);
    let file = folder.write("objects.json", list.to_string());
    run(&["status", "web", "--from", &file]).expect(0, &["Next: nothing: the renewal is never due"]);
    run(&["diagnose", "web", "--from", &file]).expect(0, &["the present one has no end"]);
    // What is no time stays an error.
    of_kind(&mut list, "Certificate")["status"]["renewalTime"] = json!("never");
    let file = folder.write("objects.json", list.to_string());
    run(&["status", "web", "--from", &file]).expect(2, &["Certificate shop/web"]);
}

#[test]
fn an_unknown_name_comes_with_near_ones() {
    let folder = Folder::new("near");
    let file = folder.write("objects.json", healthy().to_string());
    for command in COMMANDS {
        run(&[command, "wep", "--from", &file, "-n", "shop"])
            .expect(2, &["holds no Certificate \"wep\"", "did you mean web?"]);
        run(&[command, "nothing-like-it", "--from", &file, "-n", "shop"])
            .expect(2, &["holds no Certificate \"nothing-like-it\""]);
    }
    run(&["diagnose", "cr/web-2", "--from", &file, "-n", "shop"]).expect(2, &["did you mean web-1?"]);
    run(&["diagnose", "clusterissuer/letsencript", "--from", &file]).expect(2, &["did you mean letsencrypt?"]);
}

#[test]
fn a_name_of_another_namespace_is_told_with_that_namespace() {
    let folder = Folder::new("elsewhere");
    let file = folder.write("objects.json", healthy().to_string());
    for command in COMMANDS {
        run(&[command, "web", "--from", &file, "-n", "pay"]).expect(2, &["it exists in namespace shop: add -n shop"]);
    }
}

#[test]
fn a_wrong_type_is_told_with_what_can_be_asked() {
    let folder = Folder::new("type");
    let file = folder.write("objects.json", healthy().to_string());
    run(&["diagnose", "certificat/web", "--from", &file])
        .expect(2, &["the server doesn't have a resource type \"certificat\""]);
    run(&["diagnose", "service/web", "--from", &file]).expect(2, &["does not start from Service objects"]);
    run(&["status", "order/web-1-1", "--from", &file]).expect(2, &["does not start from Order objects"]);
    run(&["diagnose", "cert/a/b", "--from", &file]).expect(2, &["cert/a/b"]);
    run(&["diagnose", "cert/", "--from", &file]).expect(2, &["cert/"]);
}

#[test]
fn a_namespace_without_certificates_is_an_answer() {
    let folder = Folder::new("empty");
    let file = folder.write("objects.json", healthy().to_string());
    run(&["status", "--from", &file, "-n", "quiet"]).expect(0, &["No resources found in quiet namespace."]);
    // What is of no namespace does not answer for an empty one.
    let quiet = run(&["diagnose", "--from", &file, "-n", "quiet"]);
    quiet.expect(0, &["nothing to diagnose", "No resources found in quiet namespace. The source has shop."]);
    let empty = folder.write("empty.yaml", "");
    for command in COMMANDS {
        let ran = run(&[command, "--from", &empty]);
        assert!(ran.code.is_some_and(|code| code == 0 || code == 2), "{ran}");
        assert!(!format!("{}{}", ran.stdout, ran.stderr).trim().is_empty(), "{command} says something");
    }
    run(&["diagnose", "web", "--from", &empty]).expect(2, &["holds no Kubernetes objects"]);
}

#[test]
fn a_source_that_is_not_there_is_named() {
    for command in COMMANDS {
        run(&[command, "--from", "/nonexistent/objects.yaml"])
            .expect(2, &["/nonexistent/objects.yaml", "does not exist"]);
        run(&[command, "--from", "-", "--from", "-"])
            .expect(2, &["standard input cannot be used for multiple arguments"]);
    }
    let folder = Folder::new("no-objects");
    folder.write("notes.txt", "nothing");
    run(&["diagnose", "--from", &folder.0.display().to_string()]).expect(2, &["holds no .json, .yaml or .yml file"]);
}

#[test]
fn a_cert_manager_before_1_17_is_told_by_whatever_shows_its_release() {
    let case = |name: &str| format!("{}/tests/cases/{name}", env!("CARGO_MANIFEST_DIR"));
    let told = |name: &str, release: &str, code: i32| {
        let sentence = format!("cert-manager {release} is older than 1.17");
        run_as_of("2026-11-22T07:00:00Z", &["diagnose", "-A", "--from", &case(name)]).expect(code, &[&sentence]);
    };
    // By itself it is a warning.
    told("cert-manager-too-old", "v1.12.3", 0);
    told("cert-manager-too-old-beside-a-cause", "v1.16.5", 1);
    told("cert-manager-too-old-by-its-crds", "v1.9.1", 1);
}
