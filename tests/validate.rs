//! Good files pass, and every bad one is refused at the field that is wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "on_cluster/validation/generated.rs"]
mod generated;
#[path = "on_cluster/validation/values.rs"]
mod values;

use std::process::Command;

use firedrill::{api::definitions, cli::files::read};

/// The documents of a corpus, each with the field that its comment names.
fn documents(name: &str) -> Vec<(String, String)> {
    let path = format!("{}/tests/manifests/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let field = |document: &str| {
        let comment = document.lines().find_map(|line| line.strip_prefix("# "));
        comment.unwrap_or_default().to_owned()
    };
    text.split("---\n").skip(1).map(|document| (field(document), document.to_owned())).collect()
}

#[test]
fn every_good_document_passes() {
    for name in ["good.yaml", "whole.yaml"] {
        for (_, document) in documents(name) {
            if let Err(report) = read(name, &document) {
                panic!("{document}\n{report}");
            }
        }
    }
}

#[test]
fn what_files_are_generated_from_holds_every_field() {
    for definition in definitions() {
        let kind = &definition.spec.names.kind;
        assert_eq!(generated::missing(kind), [""; 0], "{kind}");
    }
}

#[test]
fn every_refusal_of_whatever_somebody_writes_has_a_place_and_a_remedy() {
    let (changes, fields) = generated::size();
    let (mut accepted, mut refused) = (0, 0);
    for file in generated::files(1, 200) {
        let said = format!("{} in {}: {}", file.kind, file.namespace, file.changed);
        let Err(report) = read("file", &file.text) else {
            accepted += 1;
            continue;
        };
        refused += 1;
        for problem in report.json().as_array().unwrap() {
            let is_told = |key: &str| problem[key].as_str().is_some_and(|text| !text.is_empty());
            assert!(is_told("path") && is_told("help"), "{said}: {problem}");
        }
    }
    println!("{accepted} accepted, {refused} refused, of {changes} changes of {fields} fields");
    assert!(accepted > 10 && refused > 100, "{accepted} accepted, {refused} refused");
}

/// What is told of a valid Experiment with this at that place of it; nothing where it is accepted.
fn told(place: &str, into: &str) -> Vec<String> {
    let (_, document) = documents("good.yaml").swap_remove(0);
    let mut value: serde_json::Value =
        document.lines().find_map(|line| serde_json::from_str(line).ok()).unwrap();
    let (parent, key) = place.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap()[key] = "@".into();
    let text = value.to_string().replace("\"@\"", &format!(" {into}"));
    let report = read("file", &text).err().map(|report| report.json());
    let problems = report.as_ref().and_then(|report| report.as_array()).into_iter().flatten();
    let line = |problem: &serde_json::Value| {
        format!("{}: {}", problem["path"].as_str().unwrap(), problem["help"].as_str().unwrap())
    };
    problems.map(line).collect()
}

#[test]
fn what_the_server_drops_is_nothing() {
    for (place, into) in [
        ("/spec/guards", "null"),
        ("/spec/recovery", "{within: ~, stableFor: null}"),
        ("/spec/tolerates", "null"),
        ("/spec/target", "{deployment: web, service: null}"),
        ("/spec/guards", "{maxUnavailable: null}"),
        ("/spec/fault", "{podKill: {count: 1, percent: null}, badRollout: null}"),
        ("/status", "null"),
        ("/status", "\"x\""),
        ("/status", "{lastRun: 5, conditions: [{type: 7}]}"),
        ("/metadata/labels", "null"),
        ("/metadata/labels", "{a: null}"),
        ("/metadata/annotations", "{a: any text}"),
        ("/spec/tolerates", "yes"),
    ] {
        assert_eq!(told(place, into), [""; 0], "{place}: {into}");
    }
}

#[test]
fn what_the_server_refuses_is_told_with_its_place() {
    for (place, into, line) in [
        (
            "/spec/hypothesis",
            "null",
            "spec.hypothesis: nothing is given, expected is a string: One sentence: what people expect to happen",
        ),
        (
            "/spec/owner",
            "yes",
            "spec.owner: true or false is given, expected is a string: write \"true\"",
        ),
        (
            "/spec/target",
            "{deployment: null}",
            "spec.target: name one: deployment, statefulSet, daemonSet or service",
        ),
        (
            "/spec/detection/alerts",
            "['{a=\"b\"}', null]",
            "spec.detection.alerts[1]: nothing is given, expected is a matcher",
        ),
        (
            "/spec/detection/alerts",
            "[\"\\u00a0{a=\\\"b\\\"}\"]",
            "spec.detection.alerts[0]: \"\\u{a0}{a=\\\"b\\\"}\" is no matcher list of the UTF-8 syntax such as {alertname=\"CheckoutDown\",severity=~\"page|critical\"}: character 1 is a space that the classic and the UTF-8 parser of matchers do not skip in the same places; write an ordinary one",
        ),
        (
            "/spec/fault",
            "{badRollout: {resources: {cpu: 1}}}",
            "spec.fault.badRollout.resources.cpu: it has no settings",
        ),
        (
            "/spec/guards",
            "{maxUnavailable: 99999999999}",
            "spec.guards.maxUnavailable: 99999999999 is given, allowed are -2147483648 to 2147483647",
        ),
        (
            "/spec/guards",
            "{maxUnavailable: 1.5}",
            "spec.guards.maxUnavailable: a number is given, expected is a whole number or a string",
        ),
        (
            "/status",
            "{extra: 1}",
            "status.extra: known are answers, conditions, fault, lastRun, observedGeneration, openDebrief, target",
        ),
        ("/metadata", "null", "metadata: metadata.name is needed"),
        ("/metadata", "x", "metadata: a string is given, expected is a mapping"),
        (
            "/metadata/name",
            "5",
            "metadata.name: a number is given, expected is a string: write \"5\"",
        ),
        (
            "/metadata/name",
            "A",
            "metadata.name: \"A\" must be lower-case letters, digits, - and ., and begin and end with a letter or digit",
        ),
        (
            "/metadata/name",
            "abcdefghij-abcdefghij-abcdefghij-abcdefghij-abcdefg",
            "metadata.name: an Experiment's name has at most 50 characters, so that its runs' names fit 63",
        ),
        ("/metadata/labels", "[a]", "metadata.labels: a list is given, expected is a mapping"),
        (
            "/metadata/labels",
            "{a: 5}",
            "metadata.labels.a: a number is given, expected is a string: write \"5\"",
        ),
        (
            "/metadata/labels",
            "{a: b c}",
            "metadata.labels.a: \"b c\" is no value of a label: letters, digits, -, _ and ., at most 63, a letter or digit at each end",
        ),
        ("/metadata/label", "{a: b}", "metadata.label: did you mean `labels`?"),
    ] {
        assert_eq!(told(place, into), [line], "{place}: {into}");
    }
}

#[test]
fn every_bad_document_is_refused_at_the_field_that_is_wrong() {
    for (field, document) in documents("bad.yaml") {
        let Err(report) = read("bad.yaml", &document) else { panic!("{document} was accepted") };
        let report = report.json();
        let paths: Vec<&str> = report
            .as_array()
            .unwrap()
            .iter()
            .map(|problem| problem["path"].as_str().unwrap())
            .collect();
        assert!(paths.contains(&field.as_str()), "{document}: expected {field:?}, got {paths:?}");
    }
}

#[test]
fn every_experiment_that_we_hand_out_passes() {
    let folder = format!("{}/experiments", env!("CARGO_MANIFEST_DIR"));
    let read_text = |path: &str| std::fs::read_to_string(format!("{folder}/{path}")).unwrap();
    let page = read_text("README.md");
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let files = [
        "start-here.yaml",
        "demo/1-heals-by-itself.yaml",
        "demo/2-noticed-in-time.yaml",
        "demo/3-alert-waits-too-long.yaml",
    ];
    for file in files {
        assert!(page.contains(&format!("({file})")), "README.md does not know {file}");
    }
    for text in files.map(read_text).iter().map(String::as_str).chain([example]) {
        if let Err(report) = read("experiment", text) {
            panic!("{text}\n{report}");
        }
    }
}

#[test]
fn there_are_two_hundred_of_them() {
    assert!(documents("good.yaml").len() + documents("bad.yaml").len() >= 200);
}

#[test]
fn every_problem_is_told_at_once_with_its_place_and_a_near_miss() {
    let text = "\
apiVersion: firedrill.dev/v1alpha1
kind: Experiment
metadata: {name: broken, namespace: shop}
spec:
  hypotesis: a typo in a key
  owner: team-checkout
  target: {deployment: checkout, service: checkout}
  fault:
    podKill: {count: two}
";
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("printf '%s' '{text}' | {} validate -", env!("CARGO_BIN_EXE_firedrill")))
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2), "{shown}");
    for part in [
        "--> standard input:5:3   spec.hypotesis",
        "did you mean `hypothesis`?",
        "exactly one of deployment, statefulSet, daemonSet, service, found 2",
        "standard input:7:34   spec.target",
        "standard input:9:22   spec.fault.podKill.count",
        "a string is given, expected is a whole number",
        "missing field",
        "standard input: 7 problems in 1 resource; nothing was sent to the cluster.",
    ] {
        assert!(shown.contains(part), "{part:?} is missing in\n{shown}");
    }
}

#[test]
fn a_file_that_is_no_yaml_and_somebody_elses_resource_are_told_apart() {
    assert!(read("x", "a: [").unwrap_err().to_string().contains("no YAML"));
    assert!(read("x", "apiVersion: v1\nkind: Pod\n").is_ok());
    let unknown =
        read("x", "apiVersion: firedrill.dev/v1alpha1\nkind: Experimint\nmetadata: {name: x}\n");
    assert!(
        unknown
            .unwrap_err()
            .to_string()
            .contains("Experimint of firedrill.dev/v1alpha1 is not known")
    );
}

#[test]
fn a_recovery_objective_that_ends_the_run_before_the_detection_objective_is_a_warning() {
    let text = include_str!("../experiments/start-here.yaml");
    assert!(text.contains("  recovery: "), "its recovery can be changed");
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("  recovery: ")).collect();
    let text = format!("{}\n  recovery: {{within: 1m}}\n", lines.join("\n"));
    let resources = read("x", &text).unwrap();
    let warnings: Vec<_> = resources.iter().flat_map(firedrill::cli::files::warnings).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("spec.recovery.within: 1m is short beside detection.within 5m")
    );
}

#[test]
fn a_matcher_that_an_alert_source_in_classic_mode_would_refuse_is_a_warning() {
    let (_, document) = documents("good.yaml").remove(0);
    let warnings = |alerts: &str| {
        let text = document.replace(r#""{alertname=\"A\"}""#, alerts);
        assert!(text.contains(alerts), "its alerts can be changed");
        let resources = read("x", &text).unwrap();
        resources.iter().flat_map(firedrill::cli::files::warnings).collect::<Vec<_>>()
    };
    assert!(warnings(r#""{a:b=~c, d!=\"e\"}""#).is_empty());
    let told = warnings(r#""{a:b=~c}", "{\"a b\"!~\"c\"}""#);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("spec.detection.alerts[1]: the UTF-8 parser"), "{told:?}");
}
