//! Who may know whom, held as data and checked against the sources.
//!
//! Cargo cannot check direction inside one crate; this does. Test code may look anywhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Files that know nothing of cert-manager's chain. Pure: the same answer for the same arguments.
const BASE: &[&str] = &["objref", "redact", "duration", "horizon", "fact", "registered", "public_ca", "host", "x509"];

/// A module, and what its code may name beside itself and [`BASE`]. The longest path that fits a file counts; a path
/// in the second column stands for all below it. `docs/architecture.md` says the same in words.
const LAYERS: &[(&str, &[&str])] = &[
    ("objref", &[]),
    ("redact", &[]),
    ("duration", &[]),
    ("horizon", &[]),
    ("fact", &[]),
    ("registered", &[]),
    ("public_ca", &["registered"]),
    ("host", &[]),
    ("x509", &["horizon"]),
    ("clock", &[]),
    ("env", &[]),
    // The core: pure and total.
    // The controllers work on objects, and on what is in them.
    ("engine", &["api", "pki"]),
    ("api", &[]),
    ("inventory", &["api"]),
    ("pki", &["api"]),
    // What a bundle holds, and its manifest. Only the writer touches a disk.
    ("bundle", &["inventory", "api"]),
    ("bundle::write", &[]),
    // A driver of the engine: a simulated world on a virtual clock.
    ("dryrun", &["engine", "inventory", "api", "pki"]),
    ("chain", &["inventory", "api", "engine", "pki"]),
    // Objects on their way through the engine's front door.
    ("manifest", &["inventory", "api", "engine"]),
    // What can be asked of the network and what came of it are values; asking is below, at the edges.
    ("probe::address", &[]),
    ("probe::task", &[]),
    ("probe::vantage", &[]),
    ("probe::outcome", &["probe::address", "probe::task", "probe::vantage", "probe::Vantage"]),
    ("probe::reading", &["probe::outcome", "probe::address", "probe::task", "probe::Vantage"]),
    ("probe::plan", &["probe::task", "facts", "chain", "api", "engine"]),
    ("facts", &["probe::outcome", "probe::task", "chain", "inventory", "api", "engine", "rule::Gap", "rule::Withheld"]),
    ("finding", &["rule", "probe::Vantage"]),
    (
        "rule",
        &[
            "probe::outcome",
            "probe::reading",
            "probe::plan",
            "probe::task",
            "probe::Vantage",
            "finding",
            "facts",
            "chain",
            "inventory",
            "api",
            "engine",
            "pki",
        ],
    ),
    ("report", &["probe::outcome", "rule", "finding", "facts", "chain", "inventory", "api", "engine"]),
    ("planned", &["inventory", "api", "engine", "pki"]),
    ("forecast", &["planned", "report::row", "facts", "chain", "inventory", "api", "engine", "pki"]),
    ("budget", &["forecast", "planned", "rule::rate_limit", "chain", "inventory", "api"]),
    ("render", &["render::style", "budget", "forecast", "planned", "report", "rule", "finding", "chain", "engine"]),
    ("render::probe", &["render", "probe::reading", "probe::task"]),
    ("render::dry_run", &["render", "dryrun", "manifest", "report", "engine"]),
    ("render::changes", &["render", "dryrun"]),
    ("render::style", &["env"]),
    // The edges.
    ("connect", &["env"]),
    // The other driver's half: the CA's questions, asked over the network.
    ("acme", &["connect", "clock", "dryrun", "engine", "api", "pki"]),
    ("probe", &["probe::address", "probe::task", "probe::vantage", "probe::outcome", "connect::TrustAnything"]),
    ("source", &["facts", "chain", "inventory", "api"]),
    ("source::manifests", &["source::files", "manifest"]),
    // The plan of what to ask next goes by the stage.
    (
        "source::cluster",
        &["connect", "source::decode", "engine::Stage", "engine::shim", "facts", "chain", "inventory", "api"],
    ),
    // The manifest of a bundle says what was looked for.
    ("source::files", &["source::decode", "bundle", "inventory"]),
    ("change", &["change::plan"]),
    ("change::plan", &["chain", "api"]),
    ("change::apply", &["change::plan", "connect", "api"]),
    ("cli", &["connect::Flags", "connect::parse_request_timeout", "render::style"]),
    (
        "command",
        &[
            "cli",
            "probe",
            "source",
            "change",
            "connect",
            "acme",
            "dryrun",
            "render",
            "budget",
            "bundle",
            "forecast",
            "manifest",
            "planned",
            "report",
            "rule",
            "finding",
            "facts",
            "chain",
            "inventory",
            "api",
            "engine",
            "clock",
            "env",
        ],
    ),
];

/// Base files are files of their own: they do not even know each other.
const ALONE: &[&str] = &["objref", "redact", "duration", "horizon", "fact", "registered", "host", "clock", "env"];

#[test]
fn no_module_looks_up_the_layers() {
    let mut against = BTreeSet::new();
    for file in sources() {
        let Some((layer, allowed)) = layer(&file.module) else { continue };
        for path in &file.paths {
            let own = is_below(path, top(&file.module)) && !crosses(&file.module, path);
            let base = !ALONE.contains(&layer) && BASE.iter().any(|base| is_below(path, base));
            if !own && !base && !allowed.iter().any(|allowed| is_below(path, allowed)) {
                against.insert(format!("src/{} uses crate::{}", file.path, path.join("::")));
            }
        }
    }
    assert!(against.is_empty(), "against the layers:\n{}", against.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_module_has_a_layer_and_every_layer_a_module() {
    let sources = sources();
    let lost: Vec<_> = sources
        .iter()
        .filter(|file| !["lib.rs", "main.rs"].contains(&file.path.as_str()) && layer(&file.module).is_none())
        .map(|file| &file.path)
        .collect();
    assert!(lost.is_empty(), "no layer for {lost:?}");
    for (layer, allowed) in LAYERS {
        for path in allowed.iter().chain([layer]) {
            // An item is written behind its module.
            let (module, item) = path.rsplit_once("::").unwrap_or((path, ""));
            let has = |module: &str| sources.iter().any(|file| file.module.join("::") == module);
            let named = sources.iter().any(|file| is_below(&file.module, module) && file.words.contains(item));
            assert!(has(path) || (has(module) && named), "{path} is neither module nor item");
        }
    }
}

#[test]
fn only_the_renderer_knows_colours_and_tables() {
    for file in sources().iter().filter(|file| top(&file.module) != "render") {
        for name in ["colored", "comfy_table"] {
            assert!(!file.words.contains(name), "src/{} names {name}", file.path);
        }
    }
}

#[test]
fn every_module_opens_with_what_it_is_for() {
    for file in sources() {
        assert!(file.text.starts_with("//! "), "src/{} does not open with //!", file.path);
    }
}

#[test]
fn files_are_named_for_what_they_know() {
    for file in sources() {
        let name = Path::new(&file.path).file_stem().unwrap().to_string_lossy().into_owned();
        let vague = ["utils", "util", "helpers", "helper", "common", "types", "misc", "mod"];
        assert!(!vague.contains(&name.as_str()), "src/{}", file.path);
    }
}

/// Clippy refuses these calls elsewhere unless a file says that it expects them; this says which files may.
#[test]
fn only_the_named_files_read_the_clock_and_the_environment() {
    let calls = [
        ("Timestamp::now(", "clock.rs"),
        ("SystemTime::now(", "clock.rs"),
        ("env::var", "env.rs"),
        ("process::exit(", "nowhere"),
        ("thread::sleep(", "nowhere"),
    ];
    for file in sources() {
        for (call, home) in calls {
            assert!(file.path == home || !file.code.contains(call), "src/{} calls {call}", file.path);
        }
    }
}

/// The scanner must see what it is there to see.
#[test]
fn paths_are_found_wherever_they_hide() {
    let text = r#"
        //! [`crate::comment`]
        use crate::{a, b::{C, d::*}, self as us};
        use super::sibling::Thing;
        /* crate::block /* nested */ crate::block */
        fn f<'a>(x: &'a crate::typed::T) -> char { crate::called::<u8>("crate::string", r"crate::raw"); '"' }
        #[cfg(test)]
        mod tests { use crate::tested; }
        #[cfg(test)]
        use crate::tested_too;
        fn g() { super::super::up(); }
    "#;
    let module: Vec<String> = vec!["one".into(), "two".into()];
    let found: BTreeSet<String> =
        paths(&without_tests(&tokens(text)), &module).into_iter().map(|path| path.join("::")).collect();
    let expected = ["a", "b::C", "b::d", "one::sibling::Thing", "typed::T", "called", "up", ""];
    assert_eq!(found, expected.iter().map(|path| (*path).to_owned()).collect());
}

struct Source {
    /// Under `src/`.
    path: String,
    /// `["render", "style"]`.
    module: Vec<String>,
    text: String,
    /// The code alone, without spaces and tests.
    code: String,
    words: BTreeSet<String>,
    /// What it names in this crate, from the crate's root.
    paths: Vec<Vec<String>>,
}

/// The texts of a module's files, tests apart.
pub fn texts_of(module: &str) -> Vec<String> {
    sources().iter().filter(|file| is_below(&file.module, module)).map(|file| file.text.clone()).collect()
}

/// Every source file that is compiled outside tests.
fn sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(scan);
    &SOURCES
}

fn scan() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let texts: Vec<(String, String)> = files
        .iter()
        .map(|file| {
            let path = file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            (path, fs::read_to_string(file).unwrap())
        })
        .collect();
    let only_tested: Vec<Vec<String>> =
        texts.iter().flat_map(|(path, text)| test_modules(&tokens(text), &module(path))).collect();
    let is_test = |module: &[String]| only_tested.iter().any(|test| module.starts_with(test));
    let kept = texts.into_iter().filter(|(path, _)| !is_test(&module(path)));
    kept.map(|(path, text)| {
        let module = module(&path);
        let tokens = without_tests(&tokens(&text));
        let words = tokens.iter().filter(|token| is_word(token)).cloned().collect();
        Source { paths: paths(&tokens, &module), code: tokens.concat(), words, module, text, path }
    })
    .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn module(path: &str) -> Vec<String> {
    path.trim_end_matches(".rs").split('/').map(str::to_owned).collect()
}

fn top(module: &[String]) -> &str {
    module.first().map_or("", String::as_str)
}

fn is_below(path: &[String], prefix: &str) -> bool {
    let prefix: Vec<&str> = prefix.split("::").collect();
    path.len() >= prefix.len() && path.iter().zip(prefix).all(|(a, b)| a == b)
}

/// The longest row of the table that fits.
fn layer(module: &[String]) -> Option<(&'static str, &'static [&'static str])> {
    let fitting = LAYERS.iter().filter(|(name, _)| is_below(module, name));
    fitting.max_by_key(|(name, _)| name.len()).map(|(name, allowed)| (*name, *allowed))
}

/// Whether a path within one folder goes from one row of the table to another.
fn crosses(from: &[String], to: &[String]) -> bool {
    let (Some((from_layer, _)), Some((to_layer, _))) = (layer(from), layer(to)) else { return false };
    from_layer != to_layer && to_layer.contains("::")
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words and signs, without comments, strings, characters, lifetimes and spaces; `::` is one sign.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut tokens: Vec<String> = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let c = at(i);
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && at(i) != '\n' {
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            i = after_block_comment(&chars, i);
        } else if c == '"' {
            i = after_string(&chars, i);
        } else if c == '\'' {
            i = after_quote(&chars, i);
        } else if c.is_alphabetic() || c == '_' {
            let start = i;
            while at(i).is_alphanumeric() || at(i) == '_' {
                i += 1;
            }
            let word: String = chars[start..i].iter().collect();
            let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
            if ["r", "br"].contains(&word.as_str()) && at(i + hashes) == '"' {
                i = after_raw_string(&chars, i + hashes + 1, hashes);
            } else {
                tokens.push(word);
            }
        } else if c == ':' && at(i + 1) == ':' {
            tokens.push("::".into());
            i += 2;
        } else {
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
            i += 1;
        }
    }
    tokens
}

fn after_block_comment(chars: &[char], mut i: usize) -> usize {
    let mut depth = 0;
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

fn after_string(chars: &[char], mut i: usize) -> usize {
    i += 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

fn after_raw_string(chars: &[char], mut i: usize, hashes: usize) -> usize {
    while i < chars.len() {
        if chars[i] == '"' && chars[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes {
            return i + 1 + hashes;
        }
        i += 1;
    }
    i
}

/// Behind a character literal or a lifetime.
fn after_quote(chars: &[char], i: usize) -> usize {
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    if at(i + 1) == '\\' {
        let mut end = i + 3;
        while end < chars.len() && at(end) != '\'' {
            end += 1;
        }
        return end + 1;
    }
    if at(i + 2) == '\'' { i + 3 } else { i + 1 }
}

const CFG_TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

fn starts_test(tokens: &[String]) -> bool {
    tokens.len() >= CFG_TEST.len() && tokens.iter().zip(CFG_TEST).all(|(token, expected)| token == expected)
}

/// Without the items behind `#[cfg(test)]`.
fn without_tests(tokens: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        if starts_test(&tokens[i..]) {
            i = after_item(tokens, i + CFG_TEST.len());
        } else {
            kept.push(tokens[i].clone());
            i += 1;
        }
    }
    kept
}

/// Behind the item that starts at `i`: after its `;`, or after the brace that closes its body.
fn after_item(tokens: &[String], mut i: usize) -> usize {
    let is_use = tokens.get(i).is_some_and(|token| token == "use");
    let mut depth = 0;
    while i < tokens.len() {
        match tokens[i].as_str() {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if depth == 0 && !is_use {
                    return i + 1;
                }
            }
            ";" if depth == 0 => return i + 1,
            _ => {}
        }
        i += 1;
    }
    i
}

/// The modules that are declared in files of their own behind `#[cfg(test)]`.
fn test_modules(tokens: &[String], module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for i in 0..tokens.len() {
        if starts_test(&tokens[i..]) {
            let item = &tokens[i + CFG_TEST.len()..after_item(tokens, i + CFG_TEST.len())];
            if let Some(at) =
                item.iter().position(|token| token == "mod").filter(|at| item.get(at + 2).is_some_and(|t| t == ";"))
            {
                let mut test = module.to_vec();
                test.push(item[at + 1].clone());
                found.push(test);
            }
        }
    }
    found
}

/// Every path that starts at `crate` or `super`, groups spelled out, from the root of the crate.
fn paths(tokens: &[String], module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let starts = tokens[i] == "crate" || tokens[i] == "super";
        let follows = i > 0 && tokens[i - 1] == "::";
        if starts && !follows && tokens.get(i + 1).is_some_and(|token| token == "::") {
            let mut root = module.to_vec();
            if tokens[i] == "crate" {
                root.clear();
            }
            while tokens[i] == "super" {
                root.pop();
                if tokens.get(i + 1).is_none_or(|token| token != "::")
                    || tokens.get(i + 2).is_none_or(|token| token != "super")
                {
                    break;
                }
                i += 2;
            }
            i = tree(tokens, i + 2, &root, &mut found);
        } else {
            i += 1;
        }
    }
    found
}

/// Reads `a::b`, `a::{b, c}`, `a::*` or `self`; returns where it ends.
fn tree(tokens: &[String], mut i: usize, prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    loop {
        match tokens.get(i).map(String::as_str) {
            Some("{") => {
                i += 1;
                while tokens.get(i).is_some_and(|token| token != "}") {
                    i = tree(tokens, i, &path, found);
                    while tokens.get(i).is_some_and(|token| token != "," && token != "}") {
                        i += 1;
                    }
                    i += usize::from(tokens.get(i).is_some_and(|token| token == ","));
                }
                return i + 1;
            }
            Some(word) if is_word(word) && word != "self" => {
                path.push(word.to_owned());
                i += 1;
            }
            _ => break,
        }
        if tokens.get(i).is_none_or(|token| token != "::") {
            break;
        }
        i += 1;
    }
    found.push(path);
    i
}
