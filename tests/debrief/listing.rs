//! `firedrill debrief list` and `show`: tables for people, data for programs, remedies for errors.

use clap::Parser;
use firedrill::{
    api::Debrief,
    cli::{
        debrief::{ListArgs, ListOutput, ShowArgs, ShowOutput, Verb, listed, show, shown},
        exit::Exit,
    },
    debrief,
};
use serde_json::Value;

use super::{
    runs::{moment, never_noticed, opened, slow_alert},
    server::{Lost, Server},
};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

fn debriefs() -> Vec<Debrief> {
    let mut debriefs = [slow_alert(), never_noticed()].map(|run| opened(&run).unwrap());
    for debrief in &mut debriefs {
        let created = serde_json::from_str("\"2026-11-24T10:41:18Z\"").unwrap();
        debrief.metadata.creation_timestamp = Some(created);
        debrief.metadata.managed_fields = Some(vec![]);
    }
    debriefs.into()
}

#[track_caller]
fn check(all_namespaces: bool, at: &str, expected: &str) {
    let args = ListArgs { all_namespaces, ..ListArgs::default() };
    assert_eq!(listed(&debriefs(), &args, moment(at)).unwrap(), expected);
}

#[test]
fn a_table_shows_the_stage_and_when_the_meeting_is_due() {
    check(
        false,
        "2026-11-24T10:45:20Z",
        "\
NAME                    STAGE                MISSED               SEVERITY   ITEMS   DUE     REPEATS   AGE
slow-alert-99c0ba9c-1   AwaitingDebrief      Detection            Minor      0/0     in 2d   0         4m
slow-alert-99c0ba9c-1   AwaitingResolution   Detection,Recovery   Major      0/0     -       0         4m
",
    );
    check(
        true,
        "2026-11-27T15:45:20Z",
        "\
NAMESPACE   NAME                    STAGE                MISSED               SEVERITY   ITEMS   DUE      REPEATS   AGE
shop        slow-alert-99c0ba9c-1   AwaitingDebrief      Detection            Minor      0/0     5h ago   0         3d
shop        slow-alert-99c0ba9c-1   AwaitingResolution   Detection,Recovery   Major      0/0     -        0         3d
",
    );
}

#[test]
fn what_is_due_first_comes_first_and_the_rest_by_age() {
    let named = |name: &str, due: Option<&str>, created: &str, owner: &str| {
        let mut debrief = debriefs().remove(0);
        debrief.metadata.name = Some(name.to_owned());
        debrief.metadata.creation_timestamp =
            Some(serde_json::from_value(serde_json::json!(created)).unwrap());
        debrief.status.as_mut().unwrap().due = due.map(moment);
        debrief.spec.evidence.as_mut().unwrap().owner = owner.to_owned();
        debrief
    };
    let mut done = named("done", None, "2026-11-01T00:00:00Z", "web");
    done.status.as_mut().unwrap().ended_at = Some(moment("2026-11-02T00:00:00Z"));
    done.spec.action_items = serde_json::from_value(serde_json::json!([{
        "id": "a1", "title": "x", "type": "Detect", "horizon": "Short", "ownerTeam": "checkout"}]))
    .unwrap();
    let debriefs = vec![
        named("young", None, "2026-11-24T00:00:00Z", "web"),
        named("old", None, "2026-11-20T00:00:00Z", "checkout"),
        named("later", Some("2026-12-02T00:00:00Z"), "2026-11-24T00:00:00Z", "web"),
        done,
        named("soon", Some("2026-12-01T00:00:00Z"), "2026-11-25T00:00:00Z", "checkout"),
    ];
    let order = |mine: Option<&str>, all: bool| {
        let args = ListArgs {
            mine: mine.map(str::to_owned),
            all,
            output: ListOutput::Name,
            ..ListArgs::default()
        };
        let lines = listed(&debriefs, &args, moment("2026-11-26T00:00:00Z")).unwrap();
        lines.lines().map(|line| line.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(order(None, true), ["soon", "later", "done", "old", "young"]);
    assert_eq!(order(None, false), ["soon", "later", "old", "young"]);
    assert_eq!(order(Some("checkout"), true), ["soon", "done", "old"]);
    assert_eq!(order(Some("checkout"), false), ["soon", "old"]);
}

#[test]
fn data_is_what_the_cluster_holds() {
    let args = |output| ListArgs { output, ..ListArgs::default() };
    let list = |output| listed(&debriefs(), &args(output), moment("2026-11-24T10:45:20Z")).unwrap();
    let json: Value = serde_json::from_str(&list(ListOutput::Json)).unwrap();
    assert_eq!((&json["kind"], json["items"].as_array().unwrap().len()), (&Value::from("List"), 2));
    let yaml: Value = serde_yaml::from_str(&list(ListOutput::Yaml)).unwrap();
    assert_eq!(yaml, json);
    assert_eq!(
        list(ListOutput::Name),
        "debrief.firedrill.dev/slow-alert-99c0ba9c-1\ndebrief.firedrill.dev/slow-alert-99c0ba9c-1\n"
    );
    let one = &debriefs()[0];
    let json: Value = serde_json::from_str(&shown(one, ShowOutput::Json).unwrap()).unwrap();
    assert_eq!(json["apiVersion"], "firedrill.dev/v1alpha1");
    assert_eq!(json["metadata"]["managedFields"], Value::Null);
    let yaml: Value = serde_yaml::from_str(&shown(one, ShowOutput::Yaml).unwrap()).unwrap();
    assert_eq!(yaml, json);
    assert_eq!(shown(one, ShowOutput::Markdown).unwrap(), debrief::render(one));
}

#[test]
fn the_flags_are_kubectls() {
    let list = Cli::parse_from(["debrief", "list", "-A", "-o", "yaml"]).verb;
    assert!(matches!(
        list,
        Verb::List(ListArgs { all_namespaces: true, output: ListOutput::Yaml, .. })
    ));
    let show = Cli::parse_from(["debrief", "show", "x"]).verb;
    assert!(
        matches!(show, Verb::Show(ShowArgs { name, output: ShowOutput::Markdown }) if name == "x")
    );
}

#[tokio::test]
async fn a_name_that_does_not_exist_says_how_to_find_those_that_do() {
    let args = ShowArgs { name: "nowhere".to_owned(), output: ShowOutput::Markdown };
    let server = Server::default();
    let error = show(server.client(), "shop", &args).await.unwrap_err();
    assert_eq!(error.exit, Exit::Invalid);
    assert_eq!(
        error.to_string(),
        "there is no debrief nowhere in namespace shop; `firedrill debrief list -n shop` shows those that exist"
    );
    server.lose(1, Lost::Call);
    let error = show(server.client(), "shop", &args).await.unwrap_err();
    assert_eq!(error.exit, Exit::Infrastructure, "{error}");
}
