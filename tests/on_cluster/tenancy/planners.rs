//! Who may plan and start game days, and that to be the starter gives nothing.

use firedrill::{
    api::{ExperimentRun, GameDayRun, game_day_run::GameDayRunSpec, names},
    cli::grants::Grants,
};
use http::Method;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::{Answer, Tally, acting, bind, granted, identity::Identity, resource, user};
use crate::support::{Ground, spec};

fn plan(name: &str, change: impl Fn(&mut Value)) -> Value {
    let mut spec = json!({
        "startAt": "2999-01-01T10:00:00Z", "steps": [{"name": "one", "experiment": "kill"}],
    });
    change(&mut spec);
    resource("GameDay", name, spec)
}

#[tokio::test]
async fn who_may_not_start_runs_plans_none_and_the_starter_starts_by_a_schedule_alone() {
    let ground = Ground::bare("planners", json!({"firedrill.dev/enabled": "true"})).await;
    let namespace = ground.namespace.clone();
    Grants::scheduled(&namespace, names::OPERATOR_NAMESPACE).apply(&ground.client).await.unwrap();
    let (editor, starter) = (Identity::person("editor").await, Identity::person("starter").await);
    bind(&ground, "editor", "edit", &user("editor")).await;
    bind(&ground, "starter", "edit", &user("starter")).await;
    bind(&ground, "starter", "firedrill-run", &user("starter")).await;
    granted(&editor, &ground, "create", "gamedays").await;
    granted(&starter, &ground, "create", "gamedayruns").await;
    let folder = format!("apis/firedrill.dev/v1alpha1/namespaces/{namespace}");
    let (plans, days, runs) = (
        format!("{folder}/gamedays"),
        format!("{folder}/gamedayruns"),
        format!("{folder}/experimentruns"),
    );
    let mut tally = Tally::default();
    let mut refused = |what: &str, words: &str, answer: Answer| {
        tally.expect(answer.is_refusal(words), || format!("{what}: {answer:?}"));
    };
    let may_not = "may not create experimentruns in namespace";
    refused("a plan of an editor", may_not, editor.create(&plans, &plan("a", |_| {})).await);
    let answer = starter.create(&plans, &plan("p", |_| {})).await;
    assert!(answer.is_done(), "{answer:?}");
    let one = format!("{plans}/p");
    let patch = async |who: &Identity, body: Value| {
        who.ask(Method::PATCH, &one, "merge-patch+json", &body).await
    };
    let noted = json!({"spec": {"notes": "x"}});
    refused("a change by an editor", may_not, patch(&editor, noted.clone()).await);
    let both = json!({"spec": {"suspend": true, "notes": "x"}});
    refused("a change beside suspend", may_not, patch(&editor, both).await);
    let answer = patch(&editor, json!({"spec": {"suspend": true}})).await;
    assert!(answer.is_done(), "an editor suspends: {answer:?}");
    refused("a resumption", may_not, patch(&editor, json!({"spec": {"suspend": false}})).await);

    let day = |spec: Value| resource("GameDayRun", "by-hand", spec);
    let by_schedule = "a day with a time is created by its schedule alone";
    let at = json!({"gameDay": "p", "at": "2999-01-01T10:00:00Z"});
    refused("a time by hand", by_schedule, starter.create(&days, &day(at.clone())).await);
    let other = json!({"gameDay": "p", "startedBy": "ann"});
    refused("another's name", "spec.startedBy: says ann", starter.create(&days, &day(other)).await);
    refused(
        "a day of an editor",
        "cannot create resource",
        editor.create(&days, &day(json!({"gameDay": "p"}))).await,
    );

    // The role edit holds `impersonate serviceaccounts`.
    let acting = acting(&editor, &ground, names::STARTER);
    let alone = "firedrill-starter creates days of a schedule alone";
    refused("a day by hand", alone, acting.create(&days, &day(json!({"gameDay": "p"}))).await);
    refused("another name", alone, acting.create(&days, &day(at.clone())).await);
    let steps = "firedrill-starter creates steps of game days, their rehearsals and scheduled proof runs alone";
    let run = |spec: Value| resource("ExperimentRun", "r", spec);
    refused(
        "a run of no day",
        steps,
        acting.create(&runs, &run(json!({"experiment": "kill"}))).await,
    );
    let template = json!({"experiment": "kill", "gameDay": "d", "template": spec()});
    refused("a template", "denied request: ", acting.create(&runs, &run(template)).await);
    let may_not = "cannot create resource";
    let secret = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}});
    let maps = format!("api/v1/namespaces/{namespace}/configmaps");
    refused("anything else", may_not, acting.create(&maps, &secret).await);

    let operator = Identity::own(names::OPERATOR).await;
    let own = run(json!({"experiment": "kill", "gameDay": "d"}));
    refused("a run of the operator itself", may_not, operator.create(&runs, &own).await);
    let begun = GameDayRun::new("forged", GameDayRunSpec::of("p"));
    ground.api::<GameDayRun>().create(&PostParams::default(), &begun).await.unwrap();
    let forged = json!({"status": {"steps": [{"name": "one", "run": "mine"}]}});
    let status = format!("{days}/forged/status");
    let answer = editor.ask(Method::PATCH, &status, "merge-patch+json", &forged).await;
    refused("a forged status", "cannot patch resource", answer);
    tally.conclude("ways to a game day without the right");
    assert!(
        ground
            .api::<ExperimentRun>()
            .list(&kube::api::ListParams::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
}
