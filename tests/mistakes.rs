//! The mistakes of a first-time user, and the exact words in answer.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{process::Command, sync::LazyLock};

use firedrill::{
    api::{definitions, pattern::Pattern},
    cli::files::read,
};
use regex::Regex;
use serde_json::Value;

/// A valid Experiment; each row of a table changes one place.
const VALID: &str = "\
apiVersion: firedrill.dev/v1alpha1
kind: Experiment
metadata: {name: mistakes, namespace: shop}
spec:
  hypothesis: h
  owner: o
  target: {deployment: web}
  fault: {podKill: {count: 1}}
  duration: 10m
  tolerates: false
  steadyState:
  - {name: answers, http: {service: web, port: 80, path: /healthz}}
  detection: {within: 5m, alerts: ['{alertname=\"X\"}']}
  guards: {minReady: 0}
";

/// What is told of the valid file where `right` is replaced by `wrong`: one line per problem.
#[track_caller]
fn check(right: &str, wrong: &str, told: &str) {
    assert!(VALID.contains(right), "{right:?} is not in the file");
    let Err(report) = read("file.yaml", &VALID.replacen(right, wrong, 1)) else {
        panic!("{wrong:?} was accepted");
    };
    let line = |problem: &Value| {
        let text = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
        format!("{}: {}", text("path"), text("help"))
    };
    let lines: Vec<String> = report.json().as_array().unwrap().iter().map(line).collect();
    assert_eq!(lines, [told], "{wrong:?}");
}

#[test]
fn durations() {
    let check =
        |wrong: &str, told: &str| check("duration: 10m", &format!("duration: {wrong}"), told);
    check("5 minutes", r#"spec.duration: "5 minutes" is no duration: write 5m"#);
    check("\"30\"", r#"spec.duration: "30" is no duration: write 30s, or 30m for minutes"#);
    check(
        "30",
        "spec.duration: a number is given, expected is a duration: write 30s, or 30m for minutes",
    );
    check("soon", r#"spec.duration: "soon" is no duration such as 30s, 5m or 1h30m"#);
    check("-5m", r#"spec.duration: "-5m" is no duration such as 30s, 5m or 1h30m"#);
    check("2h", "spec.duration: duration is between 1s and 1h");
    check(
        "",
        "spec.duration: nothing is given, expected is a duration: When the fault is reverted at the latest, counted from the journal; 1s to 1h",
    );
}

#[test]
fn durations_of_a_kill() {
    let check = |field: &str, told: &str| {
        let wrong = format!("podKill: {{count: 1, {field}: 2h}}");
        self::check("podKill: {count: 1}", &wrong, &format!("spec.fault.podKill.{field}: {told}"));
    };
    check("gracePeriod", "gracePeriod is at most 1h");
    check("every", "every is between 1s and 1h");
}

#[test]
fn matchers() {
    let check = |wrong: &str, told: &str| check(r#"['{alertname="X"}']"#, wrong, told);
    let write = r#"write '{alertname="X"}'"#;
    check("[X]", &format!(r#"spec.detection.alerts[0]: "X" is no matcher: {write}"#));
    check(
        "[alertname==X]",
        &format!(r#"spec.detection.alerts[0]: "alertname==X" is no matcher: {write}"#),
    );
    check(
        "[\"{alertname='X'}\"]",
        &format!(r#"spec.detection.alerts[0]: "{{alertname='X'}}" is no matcher: {write}"#),
    );
    let mapping =
        format!("spec.detection.alerts[0]: a mapping is given, expected is a matcher: {write}");
    check("[{alertname=X}]", &mapping);
    check(r#"[{alertname="X"}]"#, &mapping);
    check("[{alertname: X}]", &mapping);
    check(
        "X",
        r#"spec.detection.alerts: a string is given, expected is a list: write ['{alertname="X"}']"#,
    );
    check(
        "{alertname: X}",
        r#"spec.detection.alerts: a mapping is given, expected is a list: write ['{alertname="X"}']"#,
    );
    check("[]", "spec.detection.alerts: 0 entries are given, allowed are 1 to 16");
    check(
        "['{}']",
        r#"spec.detection.alerts[0]: "{}" is no matcher list of the UTF-8 syntax such as {alertname="CheckoutDown",severity=~"page|critical"}: it names no matcher"#,
    );
    check(
        r#"['{team="a" b="c"}']"#,
        r#"spec.detection.alerts[0]: "{team=\"a\" b=\"c\"}" is no matcher list of the UTF-8 syntax such as {alertname="CheckoutDown",severity=~"page|critical"}: 'b' is character 11, where , or } is expected"#,
    );
    check(
        r#"['{team=~"a\.b"}']"#,
        r#"spec.detection.alerts[0]: "{team=~\"a\\.b\"}" is no matcher list of the UTF-8 syntax such as {alertname="CheckoutDown",severity=~"page|critical"}: of \. at character 10 the classic and the UTF-8 parser of matchers make different things; write \\. for a backslash with . behind it, or the character itself that is meant"#,
    );
    check(
        r#"['{team=~"(a"}']"#,
        r#"spec.detection.alerts[0]: "(a" is no regular expression (unclosed group); write = in place of =~ to compare the text itself"#,
    );
    check(
        r#"['{team=~"a**"}']"#,
        r#"spec.detection.alerts[0]: "a**" is no regular expression of RE2, which matchers are written in, or means something else there: a repetition of a repetition; put the inner one into (?:...)"#,
    );
    check(
        r#"['{team=~"[a-z]{999}(.*b){999}"}']"#,
        r#"spec.detection.alerts[0]: "[a-z]{999}(.*b){999}" is too large a regular expression: compiled, all of an experiment may take 64 KiB together, and this one needs more than the 64 that are left; repeat less often, or write = in place of =~ where that is enough"#,
    );
}

#[test]
fn numbers() {
    let percent = |wrong: &str, told: &str| check("count: 1", &format!("percent: {wrong}"), told);
    percent(
        "\"50%\"",
        "spec.fault.podKill.percent: a string is given, expected is a whole number: write 50",
    );
    percent(
        "50%",
        "spec.fault.podKill.percent: a string is given, expected is a whole number: write 50",
    );
    percent(
        "\"50\"",
        "spec.fault.podKill.percent: a string is given, expected is a whole number: write 50",
    );
    percent("0", "spec.fault.podKill.percent: 0 is given, allowed are 1 to 100");
    check(
        "count: 1",
        "count: two",
        "spec.fault.podKill.count: a string is given, expected is a whole number: write 2",
    );
    check(
        "port: 80",
        "port: 0",
        "spec.steadyState[0].http.port: 0 is given, allowed are 1 to 65535",
    );
    check(
        "port: 80",
        "port: '80'",
        r#"spec.steadyState[0].http.port: "80" is no port such as 80, or http: a name of lower-case letters, digits and -"#,
    );
    check(
        "tolerates: false",
        "tolerates: 'yes'",
        "spec.tolerates: a string is given, expected is true or false: write true",
    );
    check(
        "owner: o",
        "owner: 7",
        "spec.owner: a number is given, expected is a string: write \"7\"",
    );
}

#[test]
fn the_one_fault_and_the_one_target() {
    check(
        "{podKill: {count: 1}}",
        "{podKill: {count: 1}, badRollout: {image: x}}",
        "spec.fault: keep podKill or badRollout, not both",
    );
    check(
        "{podKill: {count: 1}}",
        "{}",
        "spec.fault: name one: podKill, badRollout or dependencyOutage",
    );
    check(
        "{podKill: {count: 1}}",
        "{podkill: {count: 1}}",
        "spec.fault.podkill: did you mean `podKill`?",
    );
    check(
        "count: 1",
        "count: 1, percent: 50",
        "spec.fault.podKill: keep count or percent, not both",
    );
    check("{count: 1}", "{}", "spec.fault.podKill: name one: count or percent");
    check(
        "podKill: {count: 1}",
        "badRollout: {image: x, command: [sh]}",
        "spec.fault.badRollout: keep image or command, not both",
    );
    check(
        "{deployment: web}",
        "{deployment: web, service: web}",
        "spec.target: keep deployment or service, not both",
    );
    check(
        "{deployment: web}",
        "{kind: Deployment, name: web}",
        "spec.target: the kind is the key: write {deployment: web}",
    );
    check(
        "{deployment: web}",
        "{kind: StatefulSet, name: db}",
        "spec.target: the kind is the key: write {statefulSet: db}",
    );
    check(
        "{deployment: web}",
        "web",
        "spec.target: a string is given, expected is a mapping: write {deployment: web}",
    );
    check(
        "{deployment: web}",
        "statefulset/db",
        "spec.target: a string is given, expected is a mapping: write {statefulSet: db}",
    );
}

#[test]
fn names_and_paths() {
    check(
        "{deployment: web}",
        "{deployment: deployment/web}",
        r#"spec.target.deployment: "deployment/web" is no name: write web"#,
    );
    check(
        "{deployment: web}",
        "{deployment: Web}",
        r#"spec.target.deployment: "Web" is no name: write web"#,
    );
    check(
        "{deployment: web}",
        "{deployment: {name: web}}",
        "spec.target.deployment: a mapping is given, expected is a name: write web",
    );
    check(
        "path: /healthz",
        "path: healthz",
        r#"spec.steadyState[0].http.path: "healthz" is no path: write /healthz"#,
    );
    check(
        "name: answers",
        "name: it.answers",
        r#"spec.steadyState[0].name: "it.answers" is no name such as front-page: lower-case letters, digits and -"#,
    );
    check(
        "  owner: o\n",
        "",
        "spec.owner: owner is needed: The team that answers for the target; a role, never a person.",
    );
    check(
        "hypothesis: h",
        "hypothesis: h\n  namespace: shop",
        "spec.namespace: known are detection, duration, fault, guards, hypothesis, owner, recovery, steadyState, target, tolerates",
    );
}

#[test]
fn no_pattern_of_the_schema_is_without_words() {
    fn walk(schema: &Value, path: &str) {
        if let Some(pattern) = schema["pattern"].as_str() {
            assert!(Pattern::of(pattern).is_some(), "{path} has no words for {pattern}");
            assert!(Regex::new(pattern).is_ok(), "{path} is not judged");
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            walk(property, &format!("{path}.{name}"));
        }
        for inner in ["items", "additionalProperties"] {
            if schema[inner].is_object() {
                walk(&schema[inner], path);
            }
        }
    }
    for definition in definitions() {
        let schema = definition.spec.versions[0].schema.clone().unwrap();
        let schema = serde_json::to_value(schema.open_api_v3_schema).unwrap();
        walk(&schema["properties"]["spec"], &definition.spec.names.kind);
    }
}

/// The program's exit code and its words, where no cluster is asked.
#[track_caller]
fn told(arguments: &[&str], code: i32, words: &str) {
    static FILE: LazyLock<String> = LazyLock::new(|| {
        let path = format!("{}/mistakes.yaml", env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(&path, VALID).unwrap();
        path
    });
    let file = FILE.as_str();
    let arguments: Vec<&str> =
        arguments.iter().map(|word| if *word == "FILE" { file } else { word }).collect();
    let output = Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args(["--kubeconfig", "/nowhere"])
        .args(&arguments)
        .env_remove("FIREDRILL_CONFIG")
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(said.trim_end().replace(file, "FILE"), words, "{arguments:?}");
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
}

#[test]
fn a_file_without_f_is_no_experiment() {
    for verb in ["run", "plan"] {
        for file in ["00-base.yaml", "drills/base.yml", "./base", "base.json", "-"] {
            let words = format!(
                "error: {file} is a file and no name of an Experiment; did you mean -f {file}?"
            );
            told(&[verb, file], 2, &words);
        }
    }
    told(
        &["run", "Web_Outage"],
        2,
        "error: \"Web_Outage\" is no name of an Experiment; see `kubectl get experiments`, or name a file with -f",
    );
}

#[test]
fn another_namespace_than_the_files_is_refused_by_every_verb_that_takes_a_file() {
    let problem = "\
error: another namespace
 --> FILE:3:39   metadata.namespace
  |
3 | metadata: {name: mistakes, namespace: shop}
  |                                       ^^^^ the file says namespace shop and -n says podinfo: repeat with -n shop or without -n

FILE: 1 problem in 1 resource; nothing was sent to the cluster.";
    let refused = format!("error: the file is not valid\n{problem}");
    told(&["-n", "podinfo", "run", "-f", "FILE", "--yes"], 2, &refused);
    told(&["-n", "podinfo", "run", "-f", "FILE", "--yes", "--local"], 2, &refused);
    told(&["-n", "podinfo", "plan", "-f", "FILE"], 2, &refused);
    told(&["-n", "podinfo", "validate", "FILE"], 2, problem);
    told(&["-n", "shop", "validate", "FILE"], 0, "FILE: 1 resource, no problem");
    told(&["validate", "FILE"], 0, "FILE: 1 resource, no problem");
    told(
        &["validate", "FILE", "FILE"],
        0,
        "FILE: 1 resource, no problem\nFILE: 1 resource, no problem",
    );
}

#[test]
fn a_protected_namespace_is_refused_by_its_name() {
    let configured = "error: nothing was granted: namespace kube-system is protected by the operator's configuration: nothing is ever broken there; who installs the operator may change its protectedNamespaces, and then names that file with --config";
    told(&["enable", "kube-system", "--yes"], 3, configured);
    told(&["enable", "kube-system", "-o", "yaml"], 3, configured);
    let own = |name: &str| {
        format!(
            "error: nothing was granted: namespace {name} is the operator's own, which is always protected: nothing is ever broken there, and nobody can change that"
        )
    };
    told(&["enable", "firedrill-system", "--yes"], 3, &own("firedrill-system"));
    told(&["enable", "chaos", "--yes", "--operator-namespace", "chaos"], 3, &own("chaos"));
}
