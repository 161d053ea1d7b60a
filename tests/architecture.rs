//! The arrows of ARCHITECTURE.md, and the sizes that keep files readable.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
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
