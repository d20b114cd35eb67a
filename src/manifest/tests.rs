//! Manifests as people write them, and as they should not.

use serde_json::json;

use super::admit::{Applying, LetIn, admit};
use super::*;
use crate::api::Object as _;
use crate::engine::admission::{Requester, UnknownFields};

const CERTIFICATE: &str = "\
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: web
spec:
  secretName: web-tls
  dnsNames: [a.example.com]
  issuerRef:
    name: ca
";

fn read(text: &str) -> Manifests {
    let mut manifests = Manifests::default();
    manifests.add("web.yaml", text).unwrap_or_else(|fault| panic!("{fault}: {text}"));
    manifests
}

/// The notes about a text, as they are said.
fn said(text: &str) -> Vec<String> {
    read(text).notes.iter().map(ToString::to_string).collect()
}

fn jane() -> Requester {
    Requester { username: "jane".into(), ..Requester::default() }
}

fn applied(text: &str, unknown: UnknownFields) -> LetIn {
    admit(read(text), [], Applying { namespace: "shop".into(), unknown, by: jane() })
}

fn told(text: &str) -> Vec<String> {
    applied(text, UnknownFields::Drop).notes.iter().map(ToString::to_string).collect()
}

fn without(line: &str) -> String {
    CERTIFICATE.replace(&format!("{line}\n"), "")
}

#[test]
fn documents_lists_and_json_are_read() {
    let many = format!("{CERTIFICATE}---\n# nothing\n---\n{}...\n", CERTIFICATE.replace("web", "api"));
    let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}}\n\
                - apiVersion: v1\n  kind: List\n  items: [{apiVersion: v1, kind: Secret, metadata: {name: b}}]\n";
    let typed = r#"{"apiVersion":"v1","kind":"SecretList","items":[{"metadata":{"name":"a"}}]} {"apiVersion":"v1","kind":"Secret","metadata":{"name":"b"}}"#;
    let names = |text: &str| read(text).objects.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&many), ["web", "api"]);
    assert_eq!(names(list), ["a", "b"]);
    assert_eq!(names(typed), ["a", "b"]);
    assert_eq!(read(typed).objects[0].value, json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}));
    assert_eq!(names("{apiVersion: v1, kind: Secret, metadata: {name: flow}}"), ["flow"]);
    assert_eq!(names(""), Vec::<String>::new());
}

#[test]
fn fields_are_found_in_every_notation() {
    let text = format!(
        "# a comment\n{CERTIFICATE}---\n  {{\"apiVersion\": \"v1\", \"kind\": \"Secret\",\n  \"metadata\": {{\"name\": \"a\"}}}}\n"
    );
    let objects = read(&text).objects;
    let place = |index: usize, path: Path| objects[index].place_of(&path).to_string();
    let spec = Path::new("spec");
    assert_eq!(place(0, Path::root()), "web.yaml:2:1");
    assert_eq!(place(0, spec.child("secretName")), "web.yaml:7:3");
    assert_eq!(place(0, spec.child("dnsNames").index(0)), "web.yaml:8:14");
    assert_eq!(place(0, spec.below(&["issuerRef", "name"])), "web.yaml:10:5");
    assert_eq!(place(1, Path::new("metadata").child("name")), "web.yaml:13:16");
    // What is not there is looked for where it would be.
    assert_eq!(place(0, spec.below(&["issuerRef", "kind", "group"])), "web.yaml:9:3");
    assert_eq!(place(0, Path::new("status")), "web.yaml:2:1");

    let list = "{\"apiVersion\": \"v1\", \"kind\": \"List\",\n \"items\": [\n  {\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": \"a\"}}]}";
    let objects = read(list).objects;
    assert_eq!(objects[0].place().to_string(), "web.yaml:3:3");
    assert_eq!(objects[0].place_of(&Path::new("kind")).to_string(), "web.yaml:3:24");
}

#[test]
fn anchors_and_merges_give_the_fields_of_what_they_name() {
    let text = "x: &x {a: 1, b: 1}\nlist: [&y {b: 2}]\nmerged: {b: 0, <<: *x, c: *x}\nboth: {<<: [*y, *x]}\n";
    let parsed = yaml::documents(text).unwrap();
    let value = &parsed[0].value;
    assert_eq!(value["merged"], json!({"a": 1, "b": 1, "c": {"a": 1, "b": 1}}));
    assert_eq!(value["both"], json!({"a": 1, "b": 2}));
}

#[test]
fn the_last_of_equal_keys_counts_and_is_told() {
    let text = CERTIFICATE.replace("  secretName: web-tls\n", "  secretName: old\n  secretName: web-tls\n");
    assert_eq!(read(&text).objects[0].value["spec"]["secretName"], "web-tls");
    assert_eq!(said(&text), ["web.yaml:7:3: spec.secretName is given again; the last one counts"]);
    assert_eq!(read(&text).objects[0].place_of(&Path::new("spec").child("secretName")).to_string(), "web.yaml:7:3");
}

#[test]
fn what_is_no_object_is_said_with_its_place() {
    for (text, note) in [
        (without("apiVersion: cert-manager.io/v1"), "web.yaml:1:1: apiVersion not set"),
        (without("kind: Certificate"), "web.yaml:1:1: kind not set"),
        (without("  name: web"), "web.yaml:3:1: resource name may not be empty"),
        (
            CERTIFICATE.replace("  name: web", "  generateName: web-"),
            "web.yaml:4:3: from web-: cannot use generate name with apply",
        ),
        (CERTIFICATE.replace("cert-manager.io/v1", "5"), "web.yaml:1:1: apiVersion isn't string type"),
        ("- a\n".into(), "web.yaml:1:1: invalid object to validate"),
        ("a\n".into(), "web.yaml:1:1: invalid object to validate"),
        ("apiVersion: v1\nkind: List\nitems: {}\n".into(), "web.yaml:3:1: invalid object to validate"),
        ("apiVersion: v1\nkind: List\nitems: [{kind: Secret}]\n".into(), "web.yaml:3:9: apiVersion not set"),
    ] {
        assert_eq!(said(&text), [note], "{text}");
        assert!(read(&text).objects.is_empty());
    }
}

#[test]
fn broken_text_is_said_with_its_place() {
    for (text, at) in [
        ("a: b: c\n", (1, 5)),
        ("a: [b\nc: d\n", (2, 2)),
        ("a: *nowhere\n", (1, 4)),
        ("a: !!int x\n", (1, 10)),
        ("{\"a\": ]}", (1, 7)),
        ("a: .nan\n", (1, 4)),
        ("? [a]\n: b\n", (1, 3)),
    ] {
        let fault = Manifests::default().add("web.yaml", text).unwrap_err();
        assert_eq!((fault.at.line, fault.at.column), at, "{text}: {fault}");
    }
}

#[test]
fn nothing_grows_without_end() {
    for (before, open, close) in [("", "[", "]"), ("--- ", "{a: ", "}"), ("", "- ", "")] {
        let deep = format!("{before}{}x{}", open.repeat(101), close.repeat(101));
        let fault = Manifests::default().add("x", &deep).unwrap_err();
        assert_eq!(fault.what, "values lie more than 100 deep", "{open}");
        assert!(Manifests::default().add("x", &open.repeat(50_000)).is_err(), "{open}");
    }
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        bomb += &format!("a{level}: &a{level} [{}]\n", before.trim_end_matches(", "));
    }
    assert!(Manifests::default().add("x", &bomb).unwrap_err().what.contains("aliases"), "aliases of aliases");
}

/// Each object is told of, and none looks through all that stands before it.
#[test]
fn many_objects_with_something_to_say_are_no_trouble() {
    let odd = CERTIFICATE.replace("  secretName", "  dnsName: a\n  secretName");
    let documents = vec![odd.clone(); 2_000].join("---\n");
    let let_in = applied(&documents, UnknownFields::Drop);
    assert_eq!(let_in.notes.iter().filter(|note| matches!(note.said, Said::UnknownField { .. })).count(), 2_000);
    // Eleven lines each; the field is in the sixth.
    assert_eq!(let_in.notes.last().unwrap().place.at, Position { line: 1_999 * 11 + 6, column: 3 });

    let indented = format!("  {}", odd.trim_end().replace('\n', "\n  "));
    let item = format!("- {}\n", indented.trim_start());
    let list = format!("apiVersion: v1\nkind: List\nitems:\n{}", item.repeat(300));
    let let_in = applied(&list, UnknownFields::Drop);
    let places: std::collections::BTreeSet<_> = let_in.notes.iter().map(|note| note.place.at).collect();
    // As far as they are looked for, each in its place.
    assert!((100..300).contains(&places.len()), "{}", places.len());
}

#[test]
fn what_is_let_in_has_a_namespace_and_its_type() {
    let text = format!(
        "{CERTIFICATE}---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: web, namespace: other}}\nspec: {{rules: []}}\n\
         ---\napiVersion: awspca.cert-manager.io/v1beta1\nkind: AWSPCAIssuer\nmetadata: {{name: pca}}\n"
    );
    let let_in = applied(&text, UnknownFields::Refuse);
    assert_eq!(let_in.notes, []);
    assert_eq!(let_in.objects.certificates[0].namespace(), Some("shop"));
    assert_eq!(let_in.objects.ingresses[0].namespace(), Some("other"));
    assert_eq!(let_in.objects.external_issuers[0].kind, "AWSPCAIssuer");
}

#[test]
fn unknown_fields_are_dropped_and_said_or_refused() {
    let text = CERTIFICATE.replace("  secretName", "  dnsName: a\n  secretName");
    assert_eq!(told(&text), ["web.yaml:6:3: Certificate web: unknown field \"spec.dnsName\""]);
    let strict = applied(&text, UnknownFields::Refuse);
    assert_eq!(strict.objects.certificates.len(), 0);
    assert!(strict.notes[0].said.to_string().ends_with("strict decoding error: unknown field \"spec.dnsName\""));

    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  bar: 2\n  ports:\n  - port: 80\n    foo: 1\n";
    assert_eq!(
        told(service),
        [
            "web.yaml:5:3: Service a: unknown field \"spec.bar\"",
            "web.yaml:8:5: Service a: unknown field \"spec.ports[0].foo\""
        ]
    );
    // Of a Gateway only a part is known here.
    let gateway =
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: a}\nspec: {infrastructure: {}}\n";
    assert_eq!(told(gateway), Vec::<String>::new());
}

#[test]
fn refusals_stand_where_the_field_stands() {
    let wrong = CERTIFICATE.replace("  secretName: web-tls", "  secretName: Web_TLS");
    let notes = told(&wrong);
    assert!(
        notes[0].starts_with("web.yaml:6:3: Certificate web: admission webhook \"webhook.cert-manager.io\" denied"),
        "{notes:?}"
    );
    let missing = without("  secretName: web-tls");
    assert_eq!(
        told(&missing),
        [
            "web.yaml:5:1: Certificate web: Certificate.cert-manager.io \"web\" is invalid: spec.secretName: Required value"
        ]
    );
    assert_eq!(applied(&missing, UnknownFields::Drop).refusals().count(), 1);
}

#[test]
fn other_kinds_and_versions_are_carried_or_said() {
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    let let_in = applied(other, UnknownFields::Refuse);
    assert_eq!(let_in.carried.len(), 1);
    assert_eq!(let_in.notes[0].to_string(), "web.yaml:1:1: ConfigMap a: ConfigMap of v1 is not known here");
    assert_eq!(let_in.refusals().count(), 0);
    let old = CERTIFICATE.replace("cert-manager.io/v1", "cert-manager.io/v1alpha2");
    assert_eq!(
        told(&old),
        [
            "web.yaml:1:1: Certificate web: no matches for kind \"Certificate\" in version \"cert-manager.io/v1alpha2\": only v1 is served since 1.6"
        ]
    );
}

#[test]
fn a_secret_is_judged_without_being_quoted() {
    let secret = |rest: &str| told(&format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\n{rest}\n"));
    assert_eq!(secret("data: {a: '#MARKER'}"), ["web.yaml:1:1: Secret a: illegal base64 data at input byte 0"]);
    assert_eq!(
        secret("stringData: {a: [MARKER]}"),
        ["web.yaml:1:1: Secret a: a field does not have the type that this kind wants"]
    );
    assert_eq!(secret("stringdata: {a: b}"), ["web.yaml:4:1: Secret a: unknown field \"stringdata\""]);
}

#[test]
fn a_secret_without_a_type_is_opaque_and_its_texts_are_data() {
    let let_in =
        applied("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {k: v}\n", UnknownFields::Refuse);
    let [secret] = let_in.objects.secrets.as_slice() else { panic!("{:?}", let_in.notes) };
    assert_eq!((secret.type_.as_str(), &**secret.bytes("k").unwrap().expose()), ("Opaque", b"v".as_slice()));
}

#[test]
fn what_stands_there_already_is_changed() {
    let text = format!("{CERTIFICATE}---\n{}", CERTIFICATE.replace("a.example.com", "b.example.com"));
    let let_in = applied(&text, UnknownFields::Drop);
    assert_eq!(let_in.notes[0].said, Said::Again);
    let [only] = let_in.objects.certificates.as_slice() else { panic!("{:?}", let_in.objects.certificates) };
    assert_eq!(only.spec.dns_names, ["b.example.com"]);

    let stored = json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "labels": {"a": "b"}},
        "spec": {"secretName": "web-tls", "issuerRef": {"name": "ca"}, "commonName": "old"},
        "status": {"revision": 3}});
    let manifests = read(&CERTIFICATE.replace("  name: web\n", "  name: web\n  labels: {c: d}\n"));
    let there = [(ObjRef::new(Kind::Certificate, Some("shop"), "web"), stored)];
    let applying = Applying { namespace: "shop".into(), unknown: UnknownFields::Drop, by: jane() };
    let changed = admit(manifests, there, applying);
    assert_eq!(changed.notes, []);
    let certificate = &changed.objects.certificates[0];
    assert_eq!((certificate.uid(), certificate.label("a"), certificate.label("c")), (Some("u"), Some("b"), Some("d")));
    assert_eq!((certificate.spec.common_name.as_str(), certificate.status.revision), ("", Some(3)));
}
