//! The committed definitions are the generated ones, people find a description on every field, and the chart takes
//! every alert source.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use firedrill::{api::definitions, cli::crds::yaml, detectors::SOURCES};
use kube::{ResourceExt, core::cel::Validator};
use serde_json::{Value, json};

#[test]
fn the_committed_definitions_are_the_generated_ones() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/firedrill/templates/crds");
    for definition in definitions() {
        let path = format!("{folder}/{}.yaml", definition.name_any());
        let generated = yaml(definition.clone()).unwrap();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(&path, &generated).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == generated, "{path} is not what the types say; run `make crds`");
    }
}

#[test]
fn the_chart_takes_the_key_of_every_alert_source() {
    const ENDPOINT: &str = "{\"$ref\": \"#/definitions/endpoint\"},";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/firedrill/values.schema.json");
    let committed = std::fs::read_to_string(path).unwrap();
    let is_source = |line: &&str| line.ends_with(ENDPOINT);
    let before = committed.lines().take_while(|line| !is_source(line)).map(str::to_owned);
    let after = committed.lines().skip_while(|line| !is_source(line)).skip_while(is_source);
    let keys = SOURCES.iter().map(|source| source.channel.name);
    let generated = before
        .chain(keys.map(|key| format!("        \"{key}\": {ENDPOINT}")))
        .chain(after.map(str::to_owned));
    let generated = generated.map(|line| line + "\n").collect::<String>();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &generated).unwrap();
        return;
    }
    assert!(committed == generated, "{path} does not name the alert sources; run `make crds`");
}

#[test]
fn every_field_has_a_description_and_a_format_that_the_server_knows() {
    for definition in definitions() {
        let schema = definition.spec.versions[0].schema.clone().unwrap();
        let schema = serde_json::to_value(schema.open_api_v3_schema).unwrap();
        let kind = definition.spec.names.kind.clone();
        for part in ["spec", "status"] {
            walk(&schema["properties"][part], &format!("{kind}.{part}"), true);
        }
    }
}

fn walk(schema: &Value, path: &str, top: bool) {
    // The conditions' own schema comes from Kubernetes.
    if path.ends_with(".conditions[]") || schema.is_null() {
        return;
    }
    if !top {
        let described = schema["description"].as_str().is_some_and(|text| !text.is_empty());
        assert!(described || path.ends_with("[]"), "{path} has no description");
    }
    if let Some(format) = schema["format"].as_str() {
        assert!(["int32", "int64", "double", "date-time"].contains(&format), "{path}: {format}");
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(property, &format!("{path}.{name}"), false);
    }
    if schema["items"].is_object() {
        walk(&schema["items"], &format!("{path}[]"), false);
    }
}

#[test]
fn a_fact_that_is_written_down_is_neither_changed_nor_removed() {
    let fact = |name, second| json!({"name": name, "at": format!("2026-11-24T10:40:{second}Z")});
    let facts = |facts: &[Value]| json!({"metadata": {"name": "x"}, "status": {"facts": facts}});
    let with_facts = ["ExperimentRun", "GameDayRun"];
    let kinds = definitions().iter().filter(|one| with_facts.contains(&&*one.spec.names.kind));
    for definition in kinds.clone() {
        let schema = json!(definition.spec.versions[0].schema)["openAPIV3Schema"].clone();
        let old = facts(&[fact("a", "31")]);
        let judge = |new: &Value| Validator::new().validate(&schema, new, Some(&old));
        for new in [old.clone(), facts(&[fact("b", "30"), fact("a", "31")])] {
            assert!(judge(&new).is_ok(), "{new}");
        }
        for new in [
            facts(&[fact("a", "32")]),
            facts(&[fact("b", "31")]),
            facts(&[]),
            json!({"metadata": {"name": "x"}, "status": {}}),
            json!({"metadata": {"name": "x"}}),
        ] {
            let errors = judge(&new).expect_err("a fact was changed or removed");
            assert_eq!(errors.as_slice().len(), 1, "{new}");
            assert!(errors.as_slice()[0].message.contains("written once"), "{new}");
        }
    }
    assert_eq!(kinds.count(), with_facts.len());
}
