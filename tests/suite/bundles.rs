//! The same cluster saved in every layout that bundles have: as a folder, `.tar.gz` and `.zip` each gives the same
//! diagnosis, and what a layout leaves out is unknown.

use std::collections::BTreeSet;
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::sources::Folder;

const NOW: &str = "2026-11-22T06:37:00Z";

/// Files of a bundle: path and content.
type Files = Vec<(String, String)>;

/// A broken chain and a controller that is killed again and again, as the API server gave them.
fn cluster() -> Vec<Value> {
    let read = |case: &&str| -> Vec<Value> {
        let path = format!("{}/tests/cases/{case}/objects.yaml", env!("CARGO_MANIFEST_DIR"));
        serde_saphyr::from_multiple(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let mut known = BTreeSet::new();
    let name =
        |object: &Value| ["/kind", "/metadata/namespace", "/metadata/name"].map(|at| text(object, at).to_owned());
    ["http01-404", "controller-oom"].iter().flat_map(read).filter(|object| known.insert(name(object))).collect()
}

/// What the controller wrote about the broken chain.
const SAID: &str = "E1122 06:34:57.001122       1 sync.go:285] \"propagation check failed\" err=\"wrong status code '404', expected '200'\" \
    logger=\"cert-manager.controller\" resource_name=\"web-1-1922310271-2182183280\" resource_namespace=\"shop\" \
    resource_kind=\"Challenge\" resource_version=\"v1\" dnsName=\"shop.example.com\" type=\"HTTP-01\"\n";

fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn group(object: &Value) -> &str {
    text(object, "/apiVersion").split_once('/').map_or("core", |(group, _)| group)
}

fn plural(object: &Value) -> String {
    let kind = text(object, "/kind").to_lowercase();
    if kind.ends_with('s') { format!("{kind}es") } else { format!("{kind}s") }
}

fn yaml(value: &Value) -> String {
    format!("---\n{}", serde_saphyr::to_string(value).unwrap())
}

/// The objects of a kind in a namespace, in an envelope.
fn list_of(objects: &[Value], kind: &str, namespace: &str, list: &str) -> String {
    let of = |object: &&Value| text(object, "/kind") == kind && text(object, "/metadata/namespace") == namespace;
    let items: Vec<&Value> = objects.iter().filter(of).collect();
    json!({"apiVersion": text(items[0], "/apiVersion"), "kind": list, "metadata": {}, "items": items}).to_string()
}

/// Where the controller's Pod is, and its name.
fn controller(objects: &[Value]) -> (String, String) {
    let pod = objects.iter().find(|object| text(object, "/kind") == "Pod").unwrap();
    (text(pod, "/metadata/namespace").to_owned(), text(pod, "/metadata/name").to_owned())
}

/// `oc adm must-gather`: a folder for the image, one file for each custom object, lists of the others.
fn must_gather(objects: &[Value]) -> Files {
    let mut files: Files = vec![
        (
            "must-gather.local.5/timestamp".into(),
            "2026-11-22 06:36:00.1 +0000 UTC m=+0.1\n2026-11-22 06:37:00 +0000 UTC m=+60.1\n".into(),
        ),
        ("must-gather.local.5/version".into(), "must-gather\n4.17\n".into()),
    ];
    let root = "must-gather.local.5/quay-io-openshift-must-gather-sha256-0a";
    for object in objects {
        let (group, plural, name) = (group(object), plural(object), text(object, "/metadata/name"));
        let path = match text(object, "/metadata/namespace") {
            "" => format!("{root}/cluster-scoped-resources/{group}/{plural}/{name}.yaml"),
            namespace if ["core", "apps"].contains(&group) => {
                let list = list_of(objects, text(object, "/kind"), namespace, "List");
                let value: Value = serde_json::from_str(&list).unwrap();
                files.push((format!("{root}/namespaces/{namespace}/{group}/{plural}.yaml"), yaml(&value)));
                continue;
            }
            namespace => format!("{root}/namespaces/{namespace}/{group}/{plural}/{name}.yaml"),
        };
        files.push((path, yaml(object)));
    }
    let (namespace, pod) = controller(objects);
    let logs = format!("{root}/namespaces/{namespace}/pods/{pod}/cert-manager-controller/cert-manager-controller/logs");
    files.push((format!("{logs}/current.log"), SAID.into()));
    files.push((format!("{logs}/previous.log"), String::new()));
    // Pods are saved a second time beside their logs.
    let copy = objects.iter().find(|object| text(object, "/kind") == "Pod").unwrap();
    files.push((format!("{root}/namespaces/{namespace}/pods/{pod}/{pod}.yaml"), yaml(copy)));
    files
}

/// troubleshoot.sh: arrays of custom objects, as JSON and YAML; typed lists of the others.
fn support_bundle(objects: &[Value]) -> Files {
    let root = "support-bundle-2026-11-22T06_37_00";
    let mut files: Files = vec![
        (
            format!("{root}/version.yaml"),
            "apiVersion: troubleshoot.sh/v1beta2\nkind: SupportBundle\nspec:\n  versionNumber: v0.120.0\n".into(),
        ),
        (
            format!("{root}/certificates/certificates.json"),
            "[{\"source\": {\"secretName\": \"web-tls\"}, \"certificateChain\": []}]".into(),
        ),
        (
            format!("{root}/secrets/shop/web-tls.json"),
            "{\"namespace\":\"shop\",\"name\":\"web-tls\",\"key\":\"\",\"secretExists\":false,\"keyExists\":false}"
                .into(),
        ),
        (format!("{root}/cluster-resources/auth-cani-list/shop.json"), "{\"resourceRules\": []}".into()),
    ];
    for object in objects {
        let (kind, namespace) = (text(object, "/kind"), text(object, "/metadata/namespace"));
        let here = format!("{root}/cluster-resources");
        match group(object) {
            "core" | "apps" => {
                let list = list_of(objects, kind, namespace, &format!("{kind}List"));
                files.push((format!("{here}/{}/{namespace}.json", plural(object)), list));
            }
            "networking.k8s.io" => {
                files.push((
                    format!("{here}/ingress/{namespace}.json"),
                    list_of(objects, kind, namespace, "IngressList"),
                ));
            }
            group => {
                let same =
                    |other: &&Value| text(other, "/kind") == kind && text(other, "/metadata/namespace") == namespace;
                let array: Vec<&Value> = objects.iter().filter(same).collect();
                let place = if namespace.is_empty() { String::new() } else { format!("/{namespace}") };
                let path = format!("{here}/custom-resources/{}.{group}{place}", plural(object));
                files.push((format!("{path}.json"), json!(array).to_string()));
                files.push((format!("{path}.yaml"), yaml(&json!(array))));
            }
        }
    }
    let (namespace, pod) = controller(objects);
    let log = format!("{root}/cluster-resources/pods/logs/{namespace}/{pod}/cert-manager-controller.log");
    files.push((log, SAID.into()));
    files
}

/// crust-gather: a file for each object, under apiVersion and kind in small letters.
fn crust_gather(objects: &[Value]) -> Files {
    let folder = |object: &Value| {
        let api_version = text(object, "/apiVersion").to_lowercase().replace('/', "-");
        format!("{api_version}/{}", text(object, "/kind").to_lowercase())
    };
    let mut files: Files = vec![("crust-gather/version.yaml".into(), "major: '1'\nminor: '37'\n".into())];
    for object in objects {
        let (folder, name) = (folder(object), text(object, "/metadata/name"));
        let path = match text(object, "/metadata/namespace") {
            "" => format!("crust-gather/cluster/{folder}/{name}.yaml"),
            namespace => format!("crust-gather/namespaces/{namespace}/{folder}/{name}.yaml"),
        };
        files.push((path, yaml(object)));
    }
    let (namespace, pod) = controller(objects);
    let log = format!("crust-gather/namespaces/{namespace}/v1/pod/{pod}/cert-manager-controller/current.log");
    files.push((log, SAID.into()));
    files
}

/// Lists as `kubectl get -o yaml` writes them, anywhere; a log as `kubectl logs` writes it.
fn plain(objects: &[Value]) -> Files {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects, "metadata": {"resourceVersion": ""}});
    vec![
        ("saved/all.yaml".into(), serde_saphyr::to_string(&list).unwrap()),
        ("saved/cert-manager.log".into(), SAID.into()),
    ]
}

/// `kubectl cluster-info dump --output-directory`: built-in kinds alone.
fn cluster_info(objects: &[Value]) -> Files {
    let (namespace, pod) = controller(objects);
    let empty = |kind: &str| json!({"apiVersion": "v1", "kind": kind, "items": []}).to_string();
    let log = |container: &str, text: &str| {
        format!(
            "==== START logs for container {container} of pod {namespace}/{pod} ====\n{text}==== END logs for container \
             {container} of pod {namespace}/{pod} ====\n"
        )
    };
    vec![
        ("nodes.json".into(), empty("NodeList")),
        (format!("{namespace}/events.json"), empty("EventList")),
        (format!("{namespace}/services.json"), empty("ServiceList")),
        (format!("{namespace}/deployments.json"), list_of(objects, "Deployment", &namespace, "DeploymentList")),
        (format!("{namespace}/pods.json"), list_of(objects, "Pod", &namespace, "PodList")),
        (format!("{namespace}/{pod}/logs.txt"), log("cert-manager-controller", SAID)),
    ]
}

fn tar_gz(files: &[(String, String)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn zip(files: &[(String, String)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut known = BTreeSet::new();
    for (name, content) in files.iter().filter(|(name, _)| known.insert(name)) {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// The bundle in its three forms.
fn forms(home: &Folder, files: &[(String, String)]) -> [String; 3] {
    for (name, content) in files {
        home.file(&format!("folder/{name}"), content);
    }
    let folder = Path::new(&home.path()).join("folder").display().to_string();
    [folder, home.file("bundle.tar.gz", tar_gz(files)), home.file("bundle.zip", zip(files))]
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kubectl-cert")).args(args).env_clear().stdin(Stdio::null()).output().unwrap()
}

/// What `diagnose -A -o json` says of a source, its name and the time apart.
fn diagnosis(source: &[&str], more: &[&str]) -> Value {
    let from: Vec<&str> = source.iter().flat_map(|path| ["--from", path]).collect();
    let output = run(&[&["diagnose", "-A", "-o", "json"], &from[..], more].concat());
    let mut said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{source:?}: {output:?}"));
    said.as_object_mut().unwrap().remove("source");
    said
}

/// The findings of one target, by rule.
fn rules<'v>(diagnosis: &'v Value, kind: &str) -> Vec<&'v str> {
    let targets = diagnosis["targets"].as_array().unwrap();
    let target = targets.iter().find(|target| text(target, "/object/kind") == kind).unwrap();
    target["findings"].as_array().unwrap().iter().map(|finding| text(finding, "/rule")).collect()
}

/// The quotes from logs in a diagnosis.
fn quotes(diagnosis: &Value) -> Vec<String> {
    let findings =
        diagnosis["targets"].as_array().unwrap().iter().flat_map(|target| target["findings"].as_array().unwrap());
    let evidence = findings.flat_map(|finding| finding["evidence"].as_array().unwrap());
    let said = evidence.filter(|one| text(one, "/source").starts_with("log of "));
    said.map(|one| format!("{}: {}", text(one, "/source"), text(one, "/text"))).collect()
}

/// A layout with all objects gives the diagnosis of the objects themselves, with what the log says.
#[track_caller]
fn gives_the_same(name: &str, files: &[(String, String)]) {
    let home = Folder::new(&format!("bundle-{name}"));
    let reference = Folder::new(&format!("bundle-{name}-reference"));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": cluster()});
    let objects = reference.file("objects.json", list.to_string());
    let mut expected = diagnosis(&[&objects], &["--now", NOW]);
    assert_eq!(quotes(&expected), Vec::<String>::new());
    for path in forms(&home, files) {
        let mut said = diagnosis(&[&path], &["--now", NOW]);
        let quotes = quotes(&said);
        assert_eq!(quotes.len(), 1, "{path}: {quotes:?}");
        assert!(quotes[0].contains("cert-manager") && quotes[0].contains("propagation check failed"), "{quotes:?}");
        for diagnosis in [&mut said, &mut expected] {
            for target in diagnosis["targets"].as_array_mut().unwrap() {
                for finding in target["findings"].as_array_mut().unwrap() {
                    finding["evidence"]
                        .as_array_mut()
                        .unwrap()
                        .retain(|one| !text(one, "/source").starts_with("log of "));
                }
            }
        }
        assert_eq!(said, expected, "{path}");
    }
}

#[test]
fn a_must_gather_is_read() {
    gives_the_same("must-gather", &must_gather(&cluster()));
}

#[test]
fn a_support_bundle_of_troubleshoot_is_read() {
    gives_the_same("support-bundle", &support_bundle(&cluster()));
}

#[test]
fn an_archive_of_crust_gather_is_read() {
    gives_the_same("crust-gather", &crust_gather(&cluster()));
}

#[test]
fn a_plain_tree_is_read() {
    gives_the_same("plain", &plain(&cluster()));
}

#[test]
fn a_dump_of_cluster_info_tells_of_the_controller_and_leaves_the_rest_unknown() {
    let files = cluster_info(&cluster());
    let home = Folder::new("bundle-cluster-info");
    let mut sources = forms(&home, &files).to_vec();
    // Without --output-directory all of it is one text.
    let text: String = files.iter().flat_map(|(_, content)| [content.as_str(), "\n"]).collect();
    sources.push(home.file("dump.txt", text));
    for source in &sources {
        let said = diagnosis(&[source], &["--now", NOW]);
        assert_eq!(rules(&said, "Deployment")[0], "controller-oom", "{source}: {said}");
        assert!(!said.to_string().contains("does not exist"), "{said}");
        // Beside the custom resources, saved as the page says, the dump's log is evidence.
        let custom: Vec<Value> =
            cluster().into_iter().filter(|object| group(object).ends_with("cert-manager.io")).collect();
        let custom = home.file("custom.json", json!({"apiVersion": "v1", "kind": "List", "items": custom}).to_string());
        let both = diagnosis(&[source, &custom], &["--now", NOW]);
        assert_eq!(quotes(&both).len(), 1, "{source}: {both}");
    }
    let output = run(&["diagnose", "web", "-n", "shop", "--from", &sources[0]]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && words.contains("the source holds no Certificate"), "{words}");
}

#[test]
fn a_bundle_is_judged_as_of_the_time_that_it_records() {
    let at = |name: &str, files: &[(String, String)]| {
        let home = Folder::new(&format!("bundle-time-{name}"));
        forms(&home, files).map(|path| text(&diagnosis(&[&path], &[]), "/now").to_owned())
    };
    let objects = cluster();
    let recorded = NOW.to_owned();
    assert_eq!(at("must-gather", &must_gather(&objects)), [recorded.clone(), recorded.clone(), recorded]);
    // The name of a support bundle has no zone: the newest time of its objects is that of the cluster.
    let newest = "2026-11-22T06:29:52Z";
    for now in at("support-bundle", &support_bundle(&objects)) {
        assert_eq!(now, newest);
    }
    for now in at("plain", &plain(&objects)) {
        assert!(now.as_str() > NOW, "no time is recorded, so it is the real one: {now}");
    }
    // A clock that was ahead.
    let mut ahead = must_gather(&objects);
    ahead[0].1 = "2999-11-22 06:36:00.1 +0000 UTC m=+0.1\n".into();
    for now in at("ahead", &ahead) {
        assert!(now.as_str() < "2999", "{now}");
    }
}
