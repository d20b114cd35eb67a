//! The machine forms of `diagnose`, over every case: what they promise holds whatever is diagnosed.

use std::fs;
use std::path::Path;

use kubectl_cert::api::Object;
use kubectl_cert::inventory::Inventory;
use kubectl_cert::objref::{Kind, ObjRef};
use kubectl_cert::render::style::decide_for_all;
use kubectl_cert::render::text::Detail;
use kubectl_cert::render::{Style, escape, json, junit, markdown, text, yaml};
use kubectl_cert::report::{Report, SourceLine, TargetReport};
use kubectl_cert::rule::{Gap, Severity};
use kubectl_cert::source::files::{self, Limits};
use serde_json::Value;

use super::cases::Case;

/// A report for each case, as `diagnose` makes it.
fn reports() -> Vec<(String, Report)> {
    let report = |case: &Case| {
        let source = SourceLine::Files { paths: vec![format!("tests/cases/{}", case.name)] };
        let inventory = Inventory::new(case.objects.clone());
        Report::new(case.expect.now, source, &inventory, vec![case.judge(case.objects.clone())])
    };
    Case::all().iter().map(|case| (case.name.clone(), report(case))).collect()
}

fn parsed(report: &Report) -> Value {
    serde_json::from_str(&json::v1::text(report)).expect("JSON")
}

fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value[field].as_array().unwrap_or_else(|| panic!("{field} is a list"))
}

#[test]
fn json_keeps_to_its_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema/diagnosis.v1.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    let check = |name: &str, report: &Report| {
        let document = parsed(report);
        let wrong: Vec<_> = schema.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(wrong.is_empty(), "{name}: {}", wrong.join("\n"));
    };
    for (name, mut report) in reports() {
        check(&name, &report);
        report.source = SourceLine::Cluster { server: "https://127.0.0.1:6443".into() };
        report.troubles.push(Gap { why: "no permission to list secrets".into(), needs: "list secrets".into() });
        check(&name, &report);
        report.targets.clear();
        check(&name, &report);
    }
    // The schema must be able to say no.
    let mut document = parsed(&reports()[0].1);
    document["targets"][0]["more"] = Value::Null;
    assert!(!schema.is_valid(&document));
}

#[test]
fn findings_are_in_the_promised_order_and_counted() {
    for (name, report) in reports() {
        let document = parsed(&report);
        let mut errors = 0;
        for target in list(&document, "targets") {
            let findings = list(target, "findings");
            let nature =
                |finding: &Value| ["cause", "symptom", "risk"].iter().position(|word| finding["nature"] == *word);
            assert!(findings.is_sorted_by_key(nature), "{name}: causes, symptoms, risks");
            errors += findings.iter().filter(|finding| finding["severity"] == "error").count();
            let quiet = findings.iter().all(|finding| finding["severity"] == "info");
            assert!(target["verdict"] != "healthy" || quiet, "{name}: healthy with findings above info");
        }
        assert_eq!(document["summary"]["errors"], errors, "{name}");
    }
}

/// What people read tells a cause once that many targets share; what machines read tells it with each target.
#[test]
fn a_shared_cause_is_told_once_to_people_and_each_time_to_machines() {
    let path = format!("{}/tests/fixtures/one-cause.yaml", env!("CARGO_MANIFEST_DIR"));
    let objects = files::load(&[path], &mut std::io::empty(), Limits::default()).unwrap().objects;
    let inventory = Inventory::new(objects);
    let now = "2026-11-22T06:35:00Z".parse().unwrap();
    let subjects = inventory.certificates.iter().map(Object::objref).chain([ObjRef::new(
        Kind::ClusterIssuer,
        None,
        "letsencrypt",
    )]);
    let judge = |subject: ObjRef| TargetReport::of(&inventory, &subject, now);
    let targets: Vec<_> = subjects.map(judge).collect();
    let report = Report::new(now, SourceLine::Files { paths: Vec::new() }, &inventory, targets);
    assert_eq!(report.targets.len(), 4);
    let told = |text: &str| text.matches("Without an account no order can be placed").count();
    assert_eq!(told(&text::report(&report, Detail::Normal, &Style::PLAIN)), 1);
    assert_eq!(told(&markdown::text(&report)), 1);
    assert_eq!(told(&text::report(&report, Detail::Wide, &Style::PLAIN)), 4);
    assert_eq!(told(&json::v1::text(&report)), 4);
    assert_eq!(told(&yaml::text(&json::v1::Diagnosis::of(&report))), 4);
    let markdown = markdown::text(&report);
    let same = "\n\n- Certificate shop/api is failing, as told above for Certificate blog/www\n\n## ";
    assert!(markdown.contains(same), "{markdown}");
    assert_eq!(markdown.matches("as told above for Certificate blog/www").count(), 3);
}

#[test]
fn yaml_says_what_json_says() {
    for (name, report) in reports() {
        let written = yaml::text(&json::v1::Diagnosis::of(&report));
        let read: Value = serde_saphyr::from_str(&written).unwrap_or_else(|error| panic!("{name}: {error}\n{written}"));
        assert_eq!(read, parsed(&report), "{name}");
    }
}

#[test]
fn junit_is_well_formed_and_fails_as_the_exit_code_does() {
    for (name, report) in reports() {
        for fails in [Some(Severity::Error), Some(Severity::Warning), None] {
            let written = junit::text(&report, fails);
            let tags = tags(&written).unwrap_or_else(|at| panic!("{name}: not well-formed at {at}\n{written}"));
            let cases = tags.iter().filter(|tag| *tag == "testcase").count();
            let failures = tags.iter().filter(|tag| *tag == "failure").count();
            assert_eq!(cases, report.targets.len(), "{name}");
            assert_eq!(failures > 0, fails.is_some_and(|severity| report.reaches(severity)), "{name}");
            assert!(written.contains(&format!("failures=\"{failures}\"")), "{name}");
        }
    }
}

#[test]
fn markdown_opens_with_the_answer_and_closes_its_fences() {
    for (name, report) in reports() {
        let written = markdown::text(&report);
        let answer = format!("is {}", report.targets[0].verdict.id());
        assert!(written.lines().next().is_some_and(|line| line.ends_with(&answer)), "{name}: {written}");
        let fences = written.lines().filter(|line| line.starts_with("```")).count();
        assert_eq!(fences % 2, 0, "{name}");
        assert!(!written.contains("\n\n\n"), "{name}: {written}");
    }
}

#[test]
fn no_form_lets_a_control_character_through() {
    let hostile = "x\u{1b}]0;title\u{7}\u{9b}31m\u{7f}\u{202e}\u{200b}\u{0}";
    for (name, mut report) in reports() {
        report.troubles.push(Gap { why: hostile.into(), needs: hostile.into() });
        report.source = SourceLine::Files { paths: vec![hostile.into()] };
        for target in &mut report.targets {
            poison(target, hostile);
        }
        let forms = [
            ("json", json::v1::text(&report)),
            ("yaml", yaml::text(&json::v1::Diagnosis::of(&report))),
            ("junit", junit::text(&report, Some(Severity::Error))),
            ("markdown", markdown::text(&report)),
            ("text", text::report(&report, text::Detail::Wide, &Style::PLAIN)),
            ("short", text::report(&report, text::Detail::Short, &Style::PLAIN)),
        ];
        for (form, written) in forms {
            let bad = written.chars().find(|c| *c != '\n' && escape::is_hostile(*c));
            assert_eq!(bad, None, "{name}: {form}\n{written:?}");
        }
    }
}

#[test]
fn colour_adds_nothing_but_colour_and_lines_keep_to_the_width() {
    for (name, report) in reports() {
        for (width, detail) in [(80, text::Detail::Normal), (120, text::Detail::Wide), (80, text::Detail::Short)] {
            let plain = Style { width, ..Style::PLAIN };
            let coloured = Style { colour: true, ..plain };
            decide_for_all([coloured, plain]);
            let written = text::report(&report, detail, &coloured);
            let bare = text::report(&report, detail, &plain);
            assert!(written.contains("\u{1b}["), "{name}: no colour");
            assert_eq!(without_colour(&written), bare, "{name} at {width}");
            let too_long = |line: &&str| line.chars().count() > width && prose_could_break(line);
            let long = bare.lines().filter(|_| detail != text::Detail::Short).find(too_long);
            assert_eq!(long, None, "{name} at {width}");
        }
    }
}

/// Whether a line is running text: headings, commands, patches and long single words are never broken.
fn prose_could_break(line: &str) -> bool {
    let indent = line.len() - line.trim_start().len();
    let has_long_word = line.split(' ').any(|word| word.len() > 30);
    indent > 0 && indent < 7 && !has_long_word
}

/// Takes out the sequences that choose colours (ECMA-48 SGR).
fn without_colour(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    first + &parts.map(|part| part.split_once('m').map_or(part, |(_, rest)| rest)).collect::<String>()
}

/// Puts `hostile` wherever the words of others can stand.
fn poison(target: &mut TargetReport, hostile: &str) {
    target.object.name.push_str(hostile);
    target.headline.push_str(hostile);
    if let Some(next) = &mut target.next {
        next.what.push_str(hostile);
    }
    for finding in target.findings.iter_mut().chain(&mut target.folded) {
        finding.object.namespace = Some(hostile.into());
        finding.summary.push_str(hostile);
        finding.explanation.push_str(hostile);
        for evidence in &mut finding.evidence {
            evidence.text.push_str(hostile);
        }
        for fix in &mut finding.fixes {
            fix.title.push_str(hostile);
            for text in fix.command.iter_mut().chain(&mut fix.patch) {
                text.push_str(hostile);
            }
        }
    }
    for withheld in &mut target.withheld {
        withheld.gap = Gap { why: hostile.into(), needs: hostile.into() };
    }
}

/// The names of all opening tags, if every tag is closed in turn and every `&` starts a reference; else the text
/// from the first fault on.
fn tags(xml: &str) -> Result<Vec<String>, &str> {
    let mut open = Vec::new();
    let mut seen = Vec::new();
    let mut rest = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").ok_or(xml)?;
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        let references = ["amp;", "lt;", "gt;", "quot;"];
        if !text.split('&').skip(1).all(|after| references.iter().any(|name| after.starts_with(name))) {
            return Err(rest);
        }
        let end = rest[at..].find('>').ok_or(rest)? + at;
        let tag = &rest[at + 1..end];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop().as_deref() != Some(name) {
                return Err(&rest[at..]);
            }
        } else {
            if tag.matches('"').count() % 2 != 0 {
                return Err(&rest[at..]);
            }
            let name = tag.split(' ').next().unwrap_or_default().to_owned();
            seen.push(name.clone());
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    if open.is_empty() { Ok(seen) } else { Err(rest) }
}
