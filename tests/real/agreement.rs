//! What we compute, held against what the real controllers made.

use std::fs;
use std::time::Duration;

use kubectl_cert::api::{AcmeIssuer, Certificate, CertificateRequest, ClusterIssuer, Issuer, Order};
use kubectl_cert::chain::names;
use kubectl_cert::x509;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::diagnosis::Diagnosis;
use crate::lab::{Lab, Place, certificate_yaml, text_at, wait_for};

fn read<T: DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).unwrap()
}

/// One Certificate whose chain is held against our names.
struct Subject {
    name: String,
    yaml: String,
    /// How many Challenges its Order gets.
    challenges: usize,
}

impl Subject {
    fn new(name: &str, names: &str, issuer: &str, more: &str, challenges: usize) -> Self {
        let yaml = certificate_yaml(name, names, issuer, more);
        Self { name: name.to_owned(), yaml, challenges }
    }

    /// The same with annotations, which the controllers carry on to the Order.
    fn annotated(mut self, annotations: &str) -> Self {
        let name = format!("{{name: '{}'}}", self.name);
        let with = format!("{{name: '{}', annotations: {{{annotations}}}}}", self.name);
        self.yaml = self.yaml.replacen(&name, &with, 1);
        self
    }
}

/// The ACME part of the issuer that a Certificate names.
fn acme(place: &Place, certificate: &Certificate) -> AcmeIssuer {
    let name = &certificate.spec.issuer_ref.name;
    if certificate.spec.issuer_ref.kind_or_default() == "ClusterIssuer" {
        read::<ClusterIssuer>(place.object("clusterissuer", name)).spec.acme.unwrap()
    } else {
        read::<Issuer>(place.object("issuer", name)).spec.acme.unwrap()
    }
}

#[test]
fn computed_names_are_those_of_the_real_controllers() {
    let lab = Lab::steered();
    lab.controllers_without(&[]);
    lab.cmd("solver off");
    lab.cmd("dns refuse-updates");
    let place = lab.place("agreement");
    let acme_server = &lab.ready.acme;
    place.apply(&format!(
        "apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {{name: many}}\nspec:\n  acme:\n    server: {}\n    \
         caBundle: {}\n    email: lab@example.com\n    profile: shortlived\n    privateKeySecretRef: {{name: many}}\n    \
         solvers:\n    - http01: {{ingress: {{ingressClassName: nginx, serviceType: ClusterIP}}}}\n    - selector: {{dnsNames: \
         [special.example.com]}}\n      http01: {{ingress: {{class: other, podTemplate: {{metadata: {{annotations: {{a: '<b>&c'}}}}, \
         spec: {{nodeSelector: {{kubernetes.io/os: linux}}}}}}}}}}\n    - selector: {{matchLabels: {{use: existing}}}}\n      \
         http01: {{ingress: {{name: shared}}}}\n    - selector: {{dnsZones: [zone.example]}}\n      http01: \
         {{gatewayHTTPRoute: {{parentRefs: [{{name: gw, namespace: infra}}]}}}}\n",
        acme_server.directory, acme_server.ca_bundle
    ));
    let pebble = "{kind: ClusterIssuer, name: pebble}";
    let dns = "{kind: ClusterIssuer, name: pebble-dns}";
    let many = "{kind: Issuer, name: many}";
    let long51 = "a".repeat(49);
    let long52 = "b".repeat(50);
    let long = format!("long.{}.{}-end", "c".repeat(60), "d".repeat(60));
    let dashes = format!("{}--e", "e".repeat(50));
    let longest = format!("{}.{}.{}", "f".repeat(62), "g".repeat(62), "h".repeat(62));
    let address = format!("  ipAddresses: [{}]\n", lab.ready.address);
    let subjects = [
        Subject::new("plain", "[plain.example.com]", pebble, "", 1),
        Subject::new("several", "[b.example.com, a.example.com, c.example.com]", pebble, "  commonName: a.example.com\n", 3),
        Subject::new("wildcard", "['*.wild.example.com', wild.example.com]", dns, "", 2),
        Subject::new("address", "[]", pebble, &address, 1),
        Subject::new(&long51, "[x51.example.com]", pebble, "", 1),
        Subject::new(&long52, "[x52.example.com]", pebble, "", 1),
        Subject::new(&long, "[long.example.com]", pebble, "", 1),
        Subject::new(&dashes, "[dashes.example.com]", pebble, "", 1),
        Subject::new(&longest, "[longest.example.com]", pebble, "", 1),
        Subject::new("profile", "[profile.example.com]", many, "", 1),
        Subject::new("special", "[special.example.com, usual.example.com]", many, "", 2),
        Subject::new("zone", "[a.b.zone.example]", many, "", 1),
        Subject::new("overridden", "[overridden.example.com]", pebble, "", 1)
            .annotated("acme.cert-manager.io/http01-override-ingress-name: edit-me, cert-manager.io/issue-temporary-certificate: 'true'"),
        Subject::new("reclassed", "[reclassed.example.com]", pebble, "", 1)
            .annotated("acme.cert-manager.io/http01-override-ingress-ingressclassname: traefik"),
        Subject::new("duration", "[duration.example.com]", pebble, "  duration: 2160h\n  revisionHistoryLimit: 3\n", 1),
    ];
    for subject in &subjects {
        place.apply(&subject.yaml);
    }
    let mut wrong = Vec::new();
    for subject in &subjects {
        let real = wait_for(&format!("the challenges of {}", subject.name), Duration::from_mins(1), || {
            chain_of(&place, &subject.name).filter(|(_, _, challenges)| challenges.len() == subject.challenges)
        });
        compare(&place, subject, real, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // And so every one of them is found without a list.
    for subject in &subjects {
        let diagnosis = Diagnosis::of(&place, &subject.name);
        assert!(diagnosis.stage.starts_with("challenge-"), "{}: {}", subject.name, diagnosis.output);
    }
}

type Real = (Value, Value, Vec<Value>);

fn controlled_by(object: &Value, owner: &Value) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.is_some_and(|all| all.iter().any(|one| one["uid"] == owner["metadata"]["uid"]))
}

/// The request, the Order and the Challenges of a Certificate, by owner.
fn chain_of(place: &Place, certificate: &str) -> Option<Real> {
    let certificate = place.object("certificate", certificate);
    let request = place.all("certificaterequest").into_iter().find(|one| controlled_by(one, &certificate))?;
    let order = place.all("order").into_iter().find(|one| controlled_by(one, &request))?;
    let challenges = place.all("challenge").into_iter().filter(|one| controlled_by(one, &order)).collect();
    Some((request, order, challenges))
}

fn compare(place: &Place, subject: &Subject, (request, order, challenges): Real, wrong: &mut Vec<String>) {
    let certificate: Certificate = read(place.object("certificate", &subject.name));
    let issuer = acme(place, &certificate);
    let mut expect = |what: &str, computed: &str, real: &str| {
        if computed != real {
            wrong.push(format!("{}: {what}: computed {computed}, real {real}", subject.name));
        }
    };
    let (request_name, order_name) = (text_at(&request, "/metadata/name"), text_at(&order, "/metadata/name"));
    expect("request", &names::request_name(&certificate, 1), request_name);
    expect("order, by the Certificate", &names::expected_order_name(&certificate, 1, Some(&issuer)), order_name);
    let typed: CertificateRequest = read(request.clone());
    let csr = x509::Request::from_pem(&typed.csr_pem().unwrap()).unwrap();
    expect("order, by the request", &names::order_name(&typed, &csr, Some(&issuer)), order_name);
    let typed: Order = read(order.clone());
    let mut computed = names::challenge_names(&typed, &issuer).unwrap();
    computed.sort();
    let mut real: Vec<_> = challenges.iter().map(|one| text_at(one, "/metadata/name").to_owned()).collect();
    real.sort();
    expect("challenges", &computed.join(" "), &real.join(" "));
}

#[test]
fn solver_objects_are_found_by_the_computed_labels() {
    let lab = Lab::steered();
    lab.controllers_without(&[]);
    lab.cmd("solver off");
    let place = lab.place("solver-labels");
    place.certificate("web", "solver-labels.example.com", "pebble");
    let challenge = place.until_first("challenge", |challenge| challenge["status"]["presented"] == true);
    let selector = names::solver_selector(text_at(&challenge, "/spec/dnsName"), text_at(&challenge, "/spec/token"));
    for kind in ["pod", "service", "ingress"] {
        let found = place.kubectl(&["get", kind, "-l", &selector, "-o", "name"]);
        assert_eq!(found.lines().count(), 1, "{kind}: {found:?}");
    }
    let output = place.cert(&["status", "web"]).expect_code(1);
    for object in ["Pod cm-acme-http-solver-", "Service cm-acme-http-solver-", "Ingress cm-acme-http-solver-"] {
        output.says(object);
    }
}

/// What the API server's audit log says that `user` asked for.
fn asked_by(lab: &Lab, user: &str) -> Vec<String> {
    let log = fs::read_to_string(&lab.ready.audit_log).unwrap();
    let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours = entries.filter(|entry| text_at(entry, "/impersonatedUser/username") == user);
    ours.map(|entry| format!("{} {}", text_at(&entry, "/verb"), text_at(&entry, "/requestURI"))).collect()
}

#[test]
fn a_healthy_chain_costs_ten_requests_at_most_and_no_whole_list() {
    let lab = Lab::shared();
    let place = lab.place("budget");
    for (name, issuer) in [("acme", "pebble-fast"), ("ca", "lab-ca")] {
        place.certificate(name, &format!("{name}.budget.example.com"), issuer);
    }
    for (name, command) in [("acme", "diagnose"), ("acme", "status"), ("ca", "diagnose"), ("ca", "status")] {
        place.until(name, "Ready", "True");
        let counter = format!("counter-{name}-{command}");
        place.cert(&[command, name, "--as", &counter, "--as-group", "system:masters"]).expect_code(0);
        let asked = asked_by(lab, &counter);
        assert!((1..=10).contains(&asked.len()), "{command} {name}: {asked:#?}");
        let whole = asked.iter().find(|line| line.starts_with("list ") && !line.contains("Selector="));
        assert_eq!(whole, None, "{command} {name}: {asked:#?}");
        assert!(
            asked.iter().all(|line| line.starts_with("get ") || line.starts_with("list ")),
            "reads only: {asked:#?}"
        );
    }
}

#[test]
fn a_chain_under_way_is_followed_without_a_whole_list() {
    let lab = Lab::shared();
    let place = lab.place("budget-pending");
    place.kubectl(&["create", "secret", "generic", "other"]);
    place.certificate("web", "budget-pending.example.com", "pebble");
    place.until_first("challenge", |_| true);
    place.cert(&["status", "web", "--as", "counter-pending", "--as-group", "system:masters"]).expect_code(1);
    let asked = asked_by(lab, "counter-pending");
    let whole = asked.iter().find(|line| line.starts_with("list ") && !line.contains("Selector="));
    assert_eq!(whole, None, "{asked:#?}");
}
