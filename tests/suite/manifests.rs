//! Manifests in files, folders and standard input, as kubectl takes them to apply.

use std::io::Cursor;

use kubectl_cert::manifest::Manifests;
use kubectl_cert::source::files::{FilesError, Limits};
use kubectl_cert::source::manifests::read;

use crate::sources::Folder;

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}

fn load(paths: &[String], recursive: bool) -> Result<Manifests, FilesError> {
    read(paths, recursive, &mut std::io::empty(), Limits::default())
}

/// The file and name of each object.
fn found(manifests: &Manifests) -> Vec<String> {
    let found = manifests.objects.iter().map(|one| {
        let file = one.place().file;
        let file = file.rsplit(['/', '\\']).next().unwrap_or_default();
        format!("{file} {}", one.name)
    });
    found.collect()
}

#[test]
fn a_folder_is_read_in_order_of_name_and_deeper_only_if_asked() {
    let folder = Folder::new("manifests");
    folder.file("b.yaml", config_map("b"));
    folder.file("a.json", r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}"#);
    folder.file("c.yml", format!("{}---\n{}", config_map("c"), config_map("d")));
    folder.file("notes.txt", "no manifest: [");
    folder.file("deep/e.yaml", config_map("e"));
    let path = [folder.path()];
    assert_eq!(found(&load(&path, false).unwrap()), ["a.json a", "b.yaml b", "c.yml c", "c.yml d"]);
    assert_eq!(found(&load(&path, true).unwrap()), ["a.json a", "b.yaml b", "c.yml c", "c.yml d", "e.yaml e"]);
}

#[test]
fn a_file_that_is_named_may_be_called_anything() {
    let folder = Folder::new("manifest-names");
    let text = folder.file("web.txt", config_map("web"));
    let utf16: Vec<u8> = format!("\u{feff}{}", config_map("wide")).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = folder.file("wide", utf16);
    assert_eq!(found(&load(&[text, wide], false).unwrap()), ["web.txt web", "wide wide"]);
}

#[test]
fn standard_input_is_read_once() {
    let mut stdin = Cursor::new(config_map("piped"));
    let manifests = read(&["-".to_owned()], false, &mut stdin, Limits::default()).unwrap();
    assert_eq!(manifests.objects[0].place().to_string(), "standard input:1:1");
    let twice = ["-".to_owned(), "-".to_owned()];
    assert!(matches!(load(&twice, false), Err(FilesError::StdinTwice)));
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    let folder = Folder::new("manifest-refused");
    let missing = format!("{}/none.yaml", folder.path());
    assert!(matches!(load(&[missing], false), Err(FilesError::Missing { .. })));

    folder.file("deep/a.txt", "");
    assert!(matches!(load(&[folder.path()], true), Err(FilesError::Nothing { .. })));

    let broken = folder.file("broken.yaml", format!("{}  labels: [\n", config_map("a")));
    let error = load(&[broken], false).unwrap_err().to_string();
    assert!(error.contains("broken.yaml: line 5, column 11"), "{error}");

    let large = folder.file("large.yaml", config_map("large"));
    let limits = Limits { file_bytes: 10, ..Limits::default() };
    assert!(matches!(
        read(std::slice::from_ref(&large), false, &mut std::io::empty(), limits),
        Err(FilesError::TooLarge { limit: 10, .. })
    ));
    let limits = Limits { files: 1, ..Limits::default() };
    let both = [large.clone(), large];
    assert!(matches!(read(&both, false, &mut std::io::empty(), limits), Err(FilesError::TooMany { limit: 1, .. })));
}
