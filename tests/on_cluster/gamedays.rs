//! Game days on a real cluster: fired by their time, gated, run in order, ended, reported. Beside one operator.

mod announce;
mod gates;

use std::process::Command;

use firedrill::{
    api::{
        Experiment, ExperimentRun, GameDay, GameDayRun, GameDayRunSpec, Moment,
        game_day_run::{self, DayFactName, DayReason, Gate, Outcome},
        run::{FactName, Reason, Verdict},
    },
    cli::grants::Grants,
};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::{Value, json};

use crate::support::{Ground, Operator, Web, eventually, merge, spec, verdict};

const POLLING: &str =
    "{prometheus: {url: 'http://127.0.0.1:9090'}, alertmanager: {url: 'http://127.0.0.1:9093'}}";

/// A ground on which game days may start, with the Experiment `kill`.
pub async fn scheduled(name: &str, web: &Web) -> Ground {
    let ground = Ground::with(name, web).await;
    let operator = firedrill::api::names::OPERATOR_NAMESPACE;
    Grants::scheduled(&ground.namespace, operator).apply(&ground.client).await.unwrap();
    experiment(&ground).await;
    ground
}

async fn experiment(ground: &Ground) {
    let experiment = Experiment::new("kill", serde_json::from_value(spec()).unwrap());
    ground.api::<Experiment>().create(&PostParams::default(), &experiment).await.unwrap();
}

/// So many seconds from now.
pub fn soon(seconds: i64) -> Moment {
    Moment::new(jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds))
}

/// Creates the plan `p` of two steps, with this spec over it.
pub async fn plan(ground: &Ground, change: Value) -> GameDay {
    let mut spec = json!({
        "steps": [
            {"name": "one", "experiment": "kill"},
            {"name": "two", "experiment": "kill", "gap": "0s"},
        ],
        "goNoGo": {"steadyFor": "10s", "noFiring": [], "alertsExist": false},
    });
    merge(&mut spec, change);
    let plan = GameDay::new("p", serde_json::from_value(spec).unwrap());
    ground.api::<GameDay>().create(&PostParams::default(), &plan).await.unwrap()
}

/// A plan that nobody waits for.
async fn distant(ground: &Ground, change: Value) -> GameDay {
    let mut spec = json!({"startAt": "2999-01-01T10:00:00Z"});
    merge(&mut spec, change);
    plan(ground, spec).await
}

/// Begins a day by hand.
pub async fn by_hand(ground: &Ground, name: &str) -> GameDayRun {
    let day = GameDayRun::new(name, GameDayRunSpec::of("p"));
    ground.api::<GameDayRun>().create(&PostParams::default(), &day).await.unwrap()
}

pub async fn over(ground: &Ground, name: &str) -> GameDayRun {
    ground
        .becomes("the day is over", 150, name, |day: &GameDayRun| day.is_over() && !day.is_held())
        .await
}

pub fn outcome(day: &GameDayRun) -> (Option<Outcome>, Option<DayReason>) {
    let status = day.status.as_ref().unwrap();
    (status.outcome, status.reason)
}

pub async fn runs(ground: &Ground) -> Vec<ExperimentRun> {
    ground.api::<ExperimentRun>().list(&ListParams::default()).await.unwrap().items
}

/// What the command says of this ground, and how it ends.
fn firedrill(ground: &Ground, arguments: &[&str]) -> (Option<i32>, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args(["--kubeconfig", &std::env::var("FIREDRILL_TEST_CLUSTER").unwrap()])
        .args(["-n", &ground.namespace])
        .args(arguments)
        .output()
        .unwrap();
    let said = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn a_plan_fires_at_its_time_its_steps_run_in_order_and_its_report_outlives_its_runs() {
    let ground = scheduled("fires", &Web::default()).await;
    let at = soon(3);
    plan(&ground, json!({"startAt": at, "notes": "bring coffee"})).await;
    let name = game_day_run::name("p", at);
    let day = over(&ground, &name).await;
    assert_eq!(outcome(&day), (Some(Outcome::Done), Some(DayReason::StepsOver)));
    let status = day.status.clone().unwrap();
    assert_eq!(status.summary.as_deref(), Some("2 of 2 steps ran: 2 Passed"));
    assert!(status.gates.iter().all(|gate| gate.passed), "{:?}", status.gates);
    let (one, two) = (&status.steps[0], &status.steps[1]);
    assert!(two.started_at.unwrap() >= one.started_at.unwrap());
    assert!(two.started_at.unwrap() + firedrill::api::Duration::seconds(1) > one.over_at.unwrap());
    let began = day.fact(DayFactName::Gating).unwrap().at;
    assert!(began >= at, "{began} is before {at}");
    let mut created: Vec<_> = runs(&ground).await.iter().map(ResourceExt::name_any).collect();
    created.sort();
    assert_eq!(created, [format!("{name}-one"), format!("{name}-two")]);
    let plan = ground.api::<GameDay>().get("p").await.unwrap().status.unwrap();
    assert_eq!((plan.last_fire, plan.last_day.as_ref()), (Some(at), Some(&name)));
    assert_eq!(plan.last_day_uid.as_deref(), Some(day.uid()));

    let all = DeleteParams::default();
    ground.api::<ExperimentRun>().delete_collection(&all, &ListParams::default()).await.unwrap();
    let note = "page sooner";
    let (code, said) = firedrill(&ground, &["gameday", "report", &name, "--note", note]);
    for line in ["2 of 2 steps ran: 2 Passed.", "bring coffee", "- page sooner", "**two**: "] {
        assert!(code == Some(0) && said.contains(line), "{line:?} is not in\n{said}");
    }
    let (code, said) = firedrill(&ground, &["gameday", "list"]);
    assert!(code == Some(0) && said.contains(&name) && said.contains("Done"), "{said}");
    let (code, said) = firedrill(&ground, &["gameday", "show", &name, "--watch"]);
    assert!(code == Some(0) && said.contains("Done: 2 of 2 steps ran: 2 Passed"), "{said}");
}

#[tokio::test]
async fn a_closed_gate_makes_a_no_go_that_says_what_to_do_and_creates_nothing() {
    let ground = Ground::with("closed", &Web::default()).await;
    distant(&ground, json!({})).await;
    let refused = async |name: &str, gate: Gate, words: &str| {
        by_hand(&ground, name).await;
        let day = over(&ground, name).await;
        assert_eq!(outcome(&day), (Some(Outcome::NoGo), Some(gate.into())), "{:?}", day.status);
        let summary = day.status.unwrap().summary.unwrap();
        assert!(summary.contains(words), "{summary}");
    };
    refused("none", Gate::Experiments, "there is no Experiment kill in this namespace").await;
    experiment(&ground).await;
    let remedy = format!("firedrill enable {} --scheduled", ground.namespace);
    refused("unscheduled", Gate::Starter, &remedy).await;
    let suspend = json!({"spec": {"suspend": true}});
    let plans = ground.api::<GameDay>();
    let patch = kube::api::Patch::Merge(suspend);
    plans.patch("p", &kube::api::PatchParams::default(), &patch).await.unwrap();
    refused("suspended", Gate::Plan, "GameDay p is suspended; set spec.suspend to false").await;
    plans.delete("p", &DeleteParams::default()).await.unwrap();
    refused("planless", Gate::Plan, "there is no GameDay p in this namespace").await;
    assert!(runs(&ground).await.is_empty());
}

#[tokio::test]
async fn another_run_is_waited_for_and_then_the_day_begins() {
    let ground = scheduled("waits", &Web { warm_up: 20, ..Web::default() }).await;
    distant(&ground, json!({"steps": [{"name": "one", "experiment": "kill"}]})).await;
    let other = ground.run(json!({})).await;
    ground.seen(&other, FactName::Injected).await;
    by_hand(&ground, "patient").await;
    ground
        .becomes("it waits for the run", 30, "patient", |day: &GameDayRun| {
            let gates = day.status.iter().flat_map(|status| &status.gates);
            gates.clone().any(|gate| gate.name == Gate::NoOtherRun && !gate.passed)
        })
        .await;
    ground.stop(&other).await;
    ground.finished(&other).await;
    let day = over(&ground, "patient").await;
    assert_eq!(outcome(&day).0, Some(Outcome::Done), "{:?}", day.status);
}

#[tokio::test]
async fn an_abort_reverts_what_runs_and_no_further_step_starts() {
    let ground = scheduled("aborted", &Web { warm_up: 20, ..Web::default() }).await;
    distant(&ground, json!({})).await;
    by_hand(&ground, "cut").await;
    let run = ground
        .becomes("the first step breaks something", 60, "cut-one", |run: &ExperimentRun| {
            let status = run.status.as_ref();
            status.is_some_and(|status| status.fact(FactName::Injected).is_some())
        })
        .await;
    let (code, said) = firedrill(&ground, &["gameday", "abort", "cut", "--reason", "it hurts"]);
    assert!(code == Some(0) && said.contains("no further step starts"), "{said}");
    let day = over(&ground, "cut").await;
    assert_eq!(outcome(&day), (Some(Outcome::Halted), Some(DayReason::Stopped)));
    let status = day.status.unwrap();
    assert!(status.summary.unwrap().contains("somebody stopped it: it hurts"));
    assert!(status.steps[1].run.is_none());
    assert_eq!(
        verdict(&ground.finished(&run).await),
        (Some(Verdict::Aborted), Some(Reason::Stopped))
    );
    assert_eq!(runs(&ground).await.len(), 1);
}

#[tokio::test]
async fn a_day_that_is_deleted_stops_its_run_and_is_not_born_again() {
    let ground = scheduled("deleted", &Web { warm_up: 20, ..Web::default() }).await;
    let at = soon(2);
    plan(&ground, json!({"startAt": at})).await;
    let name = game_day_run::name("p", at);
    let run = format!("{name}-one");
    ground.becomes("a step runs", 60, &run, ExperimentRun::is_taken_up).await;
    ground.api::<GameDayRun>().delete(&name, &DeleteParams::default()).await.unwrap();
    eventually("the day is gone", 90, async || {
        ground.api::<GameDayRun>().get_opt(&name).await.unwrap().is_none().then_some(())
    })
    .await;
    let run = ground.api::<ExperimentRun>().get(&run).await.unwrap();
    assert_eq!(verdict(&run), (Some(Verdict::Aborted), Some(Reason::Stopped)));
    // It is still within the deadline of its time: a plan that looks again must not fire for it once more.
    let patch = json!({"metadata": {"annotations": {"look": "again"}}});
    let patch = kube::api::Patch::Merge(patch);
    let params = kube::api::PatchParams::default();
    ground.api::<GameDay>().patch("p", &params, &patch).await.unwrap();
    let spec = GameDayRunSpec { dry_run: true, ..GameDayRunSpec::of("p") };
    let next = GameDayRun::new("next", spec);
    ground.api::<GameDayRun>().create(&PostParams::default(), &next).await.unwrap();
    let next = over(&ground, "next").await;
    assert_eq!(outcome(&next), (Some(Outcome::Done), Some(DayReason::DryRun)));
    assert!(ground.api::<GameDayRun>().get_opt(&name).await.unwrap().is_none());
}

#[tokio::test]
async fn beside_a_second_operator_that_is_killed_again_and_again_each_step_runs_once() {
    let ground = scheduled("twice", &Web::default()).await;
    // It looks at the days of the other tests too, which ask the alert sources.
    let mut second = Operator::start(POLLING);
    let at = soon(3);
    plan(
        &ground,
        json!({"startAt": at, "concurrency": 2, "steps": [
            {"name": "one", "experiment": "kill", "after": []},
            {"name": "two", "experiment": "kill", "after": ["one"], "gap": "0s"},
            {"name": "three", "experiment": "kill", "after": ["two"], "gap": "0s"},
        ]}),
    )
    .await;
    let name = game_day_run::name("p", at);
    let ended = async { over(&ground, &name).await };
    let mut ended = std::pin::pin!(ended);
    let day = loop {
        tokio::select! {
            day = &mut ended => break day,
            () = tokio::time::sleep(std::time::Duration::from_millis(1700)) => {
                second.kill();
                second.restart();
            }
        }
    };
    assert_eq!(outcome(&day), (Some(Outcome::Done), Some(DayReason::StepsOver)));
    let runs = runs(&ground).await;
    let mut evicted: Vec<usize> = Vec::new();
    for run in &runs {
        evicted.push(run.status.as_ref().unwrap().journal.as_ref().unwrap().victims.len());
    }
    assert_eq!((runs.len(), evicted), (3, vec![2, 2, 2]));
}

#[tokio::test]
async fn a_run_that_its_day_does_not_intend_breaks_nothing() {
    let ground = scheduled("claims", &Web::default()).await;
    distant(&ground, json!({})).await;
    by_hand(&ground, "stopped").await;
    let (code, said) = firedrill(&ground, &["gameday", "abort", "stopped", "--reason", "x"]);
    assert_eq!(code, Some(0), "{said}");
    over(&ground, "stopped").await;
    let before = ground.pod_uids().await;
    for (change, reason, words) in [
        (json!({"gameDay": "none"}), Reason::GameDay, "there is no game day none"),
        (json!({"gameDay": "stopped"}), Reason::GameDay, "game day stopped is not under way"),
        (
            json!({"template": null, "experimentHash": "0123456789abcdef"}),
            Reason::ExperimentChanged,
            "Experiment kill is another version than 0123456789abcdef",
        ),
    ] {
        let run = ground.finished(&ground.run(change).await).await;
        assert_eq!(verdict(&run), (Some(Verdict::Error), Some(reason)));
        let summary = run.status.unwrap().summary.unwrap();
        assert!(summary.contains(words), "{summary}");
    }
    assert_eq!(ground.pod_uids().await, before);
}
