//! The arrows of ARCHITECTURE.md, and the sizes that keep files readable.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn files(folder: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.clone(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let folder = root.join(folder);
    if folder.is_dir() {
        walk(&folder, &mut found);
    }
    let module = folder.with_extension("rs");
    if module.is_file() {
        found.push((module.clone(), fs::read_to_string(&module).unwrap()));
    }
    found
}

#[track_caller]
fn never(folder: &str, words: &[&str]) {
    let files = files(folder);
    assert!(!files.is_empty(), "there is no src/{folder}");
    for (path, text) in files {
        for word in words {
            assert!(!text.contains(word), "{} contains {word:?}", path.display());
        }
    }
}

const CLIENTS: [&str; 4] = ["Client", "kube::Api", "async fn", "tokio"];

#[test]
fn the_rules_read_no_clock_and_talk_to_nobody() {
    never(
        "core",
        &["kube::", "Instant::now", "Timestamp::now", "SystemTime", "rand::rng", "tracing"],
    );
    never("core", &CLIENTS);
}

#[test]
fn resources_faults_detectors_and_debriefs_are_values() {
    for folder in ["api", "faults", "detectors", "debrief"] {
        never(folder, &CLIENTS);
    }
}

/// Every name by which code could ask which fault it is: what `api/fault.rs` declares but `Fault` itself,
/// and of each variant the key in YAML and the module.
fn names_of_faults() -> BTreeSet<String> {
    let declared = files("api").into_iter().find(|(path, _)| path.ends_with("api/fault.rs"));
    let (_, text) = declared.unwrap();
    let name = |rest: &str| words(rest).next().unwrap().to_owned();
    let types = text.lines().filter_map(|line| {
        line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum ")).map(name)
    });
    let (_, variants) = text.split_once("pub enum Fault {").unwrap();
    let (variants, _) = variants.split_once("\n}").unwrap();
    let variants = variants.lines().filter_map(|line| line.trim().split_once('('));
    let spelled = variants.flat_map(|(variant, _)| {
        let (first, rest) = variant.split_at(1);
        let module = variant.chars().map(|c| {
            if c.is_uppercase() { format!("_{}", c.to_lowercase()) } else { c.to_string() }
        });
        let module = module.collect::<String>().trim_start_matches('_').to_owned();
        [variant.to_owned(), format!("{}{rest}", first.to_lowercase()), module]
    });
    types.filter(|name| name != "Fault").chain(spelled).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// What is built into the product: a test of a rule needs a spec, and so a fault.
fn without_tests(text: &str) -> &str {
    let ends = ["mod tests", "pub(crate) mod tests", "pub(super) mod tests"];
    let ends = ends.iter().filter_map(|end| text.find(&format!("#[cfg(test)]\n{end}")));
    ends.min().map_or(text, |end| &text[..end])
}

fn named_in(text: &str, names: &BTreeSet<String>) -> BTreeSet<String> {
    words(without_tests(text)).filter(|word| names.contains(*word)).map(str::to_owned).collect()
}

#[test]
fn a_fault_is_named_only_where_it_is_declared_and_where_it_answers_for_itself() {
    let names = names_of_faults();
    let own = [files("api"), files("faults")].concat();
    for (path, text) in files("") {
        let is_test = path.ends_with("tests.rs") || path.ends_with("examples.rs");
        if own.iter().any(|(known, _)| *known == path) || is_test {
            continue;
        }
        let found = named_in(&text, &names);
        assert!(found.is_empty(), "{} names {found:?}: ask the fault", path.display());
    }
}

#[test]
fn whoever_asks_which_fault_it_is_is_found() {
    let names = names_of_faults();
    for planted in [
        "if let Fault::PodKill(kill) = &spec.fault {",
        "use crate::api::fault::DependencyOutage;",
        "Some(Egress::Cidr(range)) => block(range),",
        "faults::bad_rollout::behaviour(rollout)",
        "if run.fault_kind == \"podKill\" {",
    ] {
        assert_eq!(named_in(planted, &names).len(), if planted.contains("Cidr") { 2 } else { 1 });
    }
    for asked in ["faults::of(&spec.fault).harm", "/// A pod is killed, a rollout or an outage."] {
        assert!(named_in(asked, &names).is_empty(), "{asked}");
    }
    let test = "fn rule() {}\n#[cfg(test)]\nmod tests {\n    const KIND: &str = \"podKill\";\n}";
    assert!(named_in(test, &names).is_empty());
}

#[test]
fn only_the_command_line_knows_the_command_line() {
    for folder in ["api", "core", "faults", "detectors", "debrief", "shell"] {
        never(folder, &["crate::cli", "println!"]);
    }
}

#[test]
fn the_shell_does_not_decide_by_where_a_run_stands() {
    let words = ["Stage::", "stage::of", "status.stage", "Verdict::", "Answer::"];
    for (path, text) in files("shell") {
        let text = text.split("#[cfg(test)]").next().unwrap();
        for word in words {
            assert!(!text.contains(word), "{} contains {word:?}", path.display());
        }
    }
}

/// Text for people that is read back: what a rule needs to know is a field.
fn details_read_in(text: &str) -> Vec<String> {
    let readers = [
        "starts_with",
        "ends_with",
        "contains",
        "split",
        "rsplit",
        "strip_",
        "find",
        "parse",
        "trim",
    ];
    let text: String = without_tests(text).split_whitespace().collect();
    let reads = readers.iter().flat_map(|reader| {
        [
            format!("detail.{reader}"),
            format!("detail.as_str().{reader}"),
            format!("{reader}(&fact.detail"),
        ]
    });
    reads.filter(|read| text.contains(read.as_str())).collect()
}

#[test]
fn no_detail_is_read_back() {
    let is_test = |path: &Path| path.ends_with("tests.rs") || path.ends_with("examples.rs");
    for (path, text) in files("").into_iter().filter(|(path, _)| !is_test(path)) {
        let found = details_read_in(&text);
        assert!(found.is_empty(), "{} has {found:?}: make it a field", path.display());
    }
    for planted in [
        "fact.detail.starts_with(PARTIAL)",
        "revert\n    .detail\n    .split_once(\": \")",
        "detail.filter(|detail| detail.starts_with(reason))",
        "Matchers::parse(&fact.detail)",
    ] {
        assert_eq!(details_read_in(planted).len(), 1, "{planted}");
    }
    assert!(details_read_in("clean(&guard.detail)").is_empty());
}

#[test]
fn no_file_is_longer_than_people_read() {
    for (path, text) in files("") {
        // The resources are lists of described fields.
        let limit = if path.ends_with("api/run.rs") || path.ends_with("api/experiment.rs") {
            700
        } else {
            400
        };
        let lines = text.lines().count();
        assert!(lines <= limit, "{} has {lines} lines", path.display());
    }
}
