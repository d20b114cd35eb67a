//! Saved objects in every form load into the same inventory, and nothing gets out of its bounds.

use std::fs;
use std::io::{Cursor, Write};
use std::path::PathBuf;

use kubectl_cert::api::Object;
use kubectl_cert::inventory::Objects;
use kubectl_cert::source::files::{FilesError, Limits, load};

const CERTIFICATE: &str = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web, namespace: shop}\nspec: {secretName: web-tls, issuerRef: {name: le}}\n";
const ORDER: &str = r#"{"apiVersion":"acme.cert-manager.io/v1","kind":"Order","metadata":{"name":"web-1-1","namespace":"shop"},"spec":{}}"#;

/// A folder of its own for each test, gone with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kubectl-cert-sources-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    pub fn path(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn read(paths: &[String]) -> Result<Objects, FilesError> {
    load(paths, &mut std::io::empty(), Limits::default()).map(|loaded| loaded.objects)
}

fn names(objects: &Objects) -> Vec<&str> {
    objects.certificates.iter().map(Object::name).chain(objects.orders.iter().map(Object::name)).collect()
}

fn tar_gz(members: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // `append_data` refuses names that point outside; a hostile archive does not ask.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        archive.append(&header, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn zip(members: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn documents_lists_and_arrays_hold_the_same_objects() {
    let folder = Folder::new("forms");
    let indented = CERTIFICATE.replace('\n', "\n  ");
    let forms = [
        ("many.yaml", format!("---\n{CERTIFICATE}---\n# nothing\n---\n{ORDER}\n")),
        ("list.yaml", format!("apiVersion: v1\nkind: List\nitems:\n- {indented}\n- {ORDER}\n")),
        (
            "array.json",
            format!(
                "[{{\"apiVersion\":\"cert-manager.io/v1\",\"kind\":\"Certificate\",\"metadata\":{{\"name\":\"web\"}}}},{ORDER}]"
            ),
        ),
        (
            "one-behind-another.json",
            format!(
                "{{\"apiVersion\":\"cert-manager.io/v1\",\"kind\":\"CertificateList\",\"items\":[{{\"metadata\":{{\"name\":\"web\"}}}}]}}\n{ORDER}"
            ),
        ),
        ("no-extension", format!("{CERTIFICATE}---\n{ORDER}\n")),
    ];
    for (name, content) in forms {
        let path = folder.file(name, content);
        assert_eq!(names(&read(&[path]).unwrap()), ["web", "web-1-1"], "{name}");
    }
}

#[test]
fn standard_input_is_a_file_and_is_read_once() {
    let mut stdin = Cursor::new(CERTIFICATE);
    let loaded = load(&["-".to_owned()], &mut stdin, Limits::default()).unwrap();
    assert_eq!(names(&loaded.objects), ["web"]);
    let twice = load(&["-".to_owned(), "-".to_owned()], &mut Cursor::new(CERTIFICATE), Limits::default());
    assert!(matches!(twice, Err(FilesError::StdinTwice)));
}

#[test]
fn a_tree_in_any_layout_loads_and_other_files_are_passed_over() {
    let folder = Folder::new("tree");
    folder.file("a/deep/down/cert.YAML", CERTIFICATE);
    folder.file("orders.json", ORDER);
    folder.file("pod/logs.txt", "kind: Certificate");
    assert_eq!(names(&read(&[folder.path()]).unwrap()), ["web", "web-1-1"]);
    let empty = Folder::new("empty-tree");
    empty.file("logs.txt", "nothing");
    assert!(matches!(read(&[empty.path()]), Err(FilesError::Nothing { .. })));
}

#[test]
fn archives_load_whatever_they_are_called() {
    let folder = Folder::new("archives");
    let members = [("x/cert.yaml", CERTIFICATE), ("x/order.json", ORDER), ("x/notes.md", "no")];
    for (name, bytes) in [("a.tar.gz", tar_gz(&members)), ("a.zip", zip(&members)), ("a.bin", tar_gz(&members))] {
        let path = folder.file(name, bytes);
        assert_eq!(names(&read(&[path]).unwrap()), ["web", "web-1-1"], "{name}");
    }
}

#[test]
fn archives_that_point_outside_or_end_early_are_refused() {
    let folder = Folder::new("bad-archives");
    for (name, bytes) in [
        ("up.tar.gz", tar_gz(&[("../cert.yaml", CERTIFICATE)])),
        ("root.tar.gz", tar_gz(&[("/etc/cert.yaml", CERTIFICATE)])),
        ("up.zip", zip(&[("a/../../cert.yaml", CERTIFICATE)])),
    ] {
        let error = read(&[folder.file(name, bytes)]).unwrap_err().to_string();
        assert!(error.contains("points outside"), "{name}: {error}");
    }
    let whole = tar_gz(&[("cert.yaml", &CERTIFICATE.repeat(500))]);
    let error = read(&[folder.file("cut.tar.gz", &whole[..whole.len() / 2])]).unwrap_err().to_string();
    assert!(error.contains("truncated"), "{error}");
    let whole = zip(&[("cert.yaml", CERTIFICATE)]);
    assert!(matches!(read(&[folder.file("cut.zip", &whole[..whole.len() / 2])]), Err(FilesError::Archive { .. })));
}

#[test]
fn limits_hold_for_files_members_and_totals() {
    let folder = Folder::new("limits");
    let big = folder.file("big.yaml", " ".repeat(5000));
    let archive = folder.file("bomb.tar.gz", tar_gz(&[("a.yaml", &" ".repeat(5000))]));
    let many = folder.file("many.zip", zip(&[("a.yaml", ""), ("b.yaml", ""), ("c.yaml", "")]));
    let limits = Limits { file_bytes: 4000, total_bytes: 6000, files: 2 };
    let read = |path: &String| load(std::slice::from_ref(path), &mut std::io::empty(), limits).map(|_| ());
    assert!(matches!(read(&big), Err(FilesError::TooLarge { .. })));
    assert!(matches!(read(&archive), Err(FilesError::TooLarge { .. })));
    assert!(matches!(read(&many), Err(FilesError::TooMany { .. })));
}

#[test]
fn a_broken_file_that_was_named_ends_the_run_and_one_of_many_is_noted() {
    let folder = Folder::new("broken");
    folder.file("good.yaml", CERTIFICATE);
    let broken = folder.file("broken.yaml", "kind: Certificate\nmetadata:\n  name: [web\nspec: {}\n");
    let Err(FilesError::Syntax { file, line, column, .. }) = read(&[broken]) else { panic!("a syntax error") };
    assert!(file.ends_with("broken.yaml") && line >= 3 && column >= 1, "{file}:{line}:{column}");
    let objects = read(&[folder.path()]).unwrap();
    assert_eq!(names(&objects), ["web"]);
    assert!(objects.unread[0].said.contains("broken.yaml"), "{:?}", objects.unread);
}

#[test]
fn an_object_that_does_not_fit_its_type_is_named_and_the_rest_stays() {
    let folder = Folder::new("misfit");
    let misfit = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: odd, namespace: shop}\nspec: {dnsNames: one.example.com}\n";
    let path = folder.file("both.yaml", format!("{misfit}---\n{CERTIFICATE}"));
    let objects = read(&[path]).unwrap();
    assert_eq!(names(&objects), ["web"]);
    assert!(objects.unread[0].asked.contains("Certificate shop/odd"), "{:?}", objects.unread);
}

#[test]
fn other_encodings_are_read_and_no_text_is_refused_with_its_place() {
    let folder = Folder::new("encodings");
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(CERTIFICATE.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(names(&read(&[folder.file("utf16.yaml", utf16)]).unwrap()), ["web"]);
    let bom = [b"\xef\xbb\xbf", CERTIFICATE.as_bytes()].concat();
    assert_eq!(names(&read(&[folder.file("bom.yaml", bom)]).unwrap()), ["web"]);
    let Err(FilesError::Syntax { line, column, .. }) = read(&[folder.file("latin1.yaml", b"a: b\nc: \xe9\n")]) else {
        panic!("no text")
    };
    assert_eq!((line, column), (2, 4));
}

#[test]
fn the_time_that_a_bundle_records_is_kept() {
    let folder = Folder::new("recorded");
    folder.file("kubectl-cert/manifest.json", r#"{"time": "2026-01-02T03:04:05Z"}"#);
    folder.file("cert.yaml", CERTIFICATE);
    let loaded = load(&[folder.path()], &mut std::io::empty(), Limits::default()).unwrap();
    assert_eq!(loaded.recorded, Some("2026-01-02T03:04:05Z".parse().unwrap()));
}

#[test]
fn a_source_without_any_object_is_an_error() {
    let folder = Folder::new("no-objects");
    for (name, content) in [("hello.txt", "hello world"), ("empty.yaml", ""), ("values.yaml", "replicas: 1\n")] {
        let path = folder.file(name, content);
        let error = read(std::slice::from_ref(&path)).unwrap_err();
        assert_eq!(error.to_string(), format!("{path} holds no Kubernetes objects"));
    }
    let error = read(&[folder.path()]).unwrap_err();
    assert!(matches!(error, FilesError::NoObjects { .. }), "{error}");
    let error = load(&["-".to_owned()], &mut Cursor::new(""), Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "standard input holds no Kubernetes objects");
    folder.file("broken.yaml", "a: [b\nc: d\n");
    let error = read(&[folder.path()]).unwrap_err().to_string();
    assert!(error.contains("no Kubernetes objects; read ") && error.contains("broken.yaml"), "{error}");
    // An empty list is an answer, and so are objects of other kinds.
    for content in ["apiVersion: v1\nkind: List\nitems: []\n", "apiVersion: v1\nkind: ConfigMap\n"] {
        assert_eq!(names(&read(&[folder.file("list.yaml", content)]).unwrap()), [""; 0]);
    }
}

#[test]
fn versions_that_are_not_read_are_counted_for_the_whole_source() {
    let folder = Folder::new("versions");
    let old = CERTIFICATE.replace("cert-manager.io/v1", "cert-manager.io/v1alpha2");
    folder.file("a.yaml", &old);
    folder.file("b.yaml", format!("{old}---\n{CERTIFICATE}"));
    let objects = read(&[folder.path()]).unwrap();
    assert_eq!(names(&objects), ["web"]);
    let said: Vec<_> = objects.unread.iter().map(|failure| failure.said.as_str()).collect();
    assert_eq!(said, ["2 Certificates of cert-manager.io/v1alpha2 are not read: only v1 is served since 1.6"]);
}
