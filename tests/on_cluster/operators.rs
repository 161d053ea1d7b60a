//! What becomes of runs when operators come, go, and lose what they ask. Each test has operators of
//! its own, one after the other, without the one that the other tests share.

mod absence;
mod chat;
mod predecessor;

use std::{
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    time::Duration,
};

use crate::support::{Ground, Operator, Reaper, Web, eventually, state, turn, verdict};
use firedrill::api::{
    Debrief, Experiment, ExperimentRun, GameDay, GameDayRun, GameDayRunSpec,
    run::{ExperimentRunStatus, FactName, Reason, Verdict},
};
use k8s_openapi::api::{apps::v1::Deployment, events::v1::Event};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

const POLLING: &str =
    "{prometheus: {url: 'http://127.0.0.1:9090'}, alertmanager: {url: 'http://127.0.0.1:9093'}}";

/// A run that is missed: the outage outlasts an objective of two seconds, and nothing notices.
fn missed() -> serde_json::Value {
    json!({"template": {"detection": {"within": "2s"}}})
}

/// UIDs of the journaled victims.
fn victims(status: &ExperimentRunStatus) -> Vec<&str> {
    let plan = status.journal.as_ref().unwrap();
    plan.victims.iter().map(|victim| victim.uid.as_str()).collect()
}

async fn debriefs(ground: &Ground) -> usize {
    ground.api::<Debrief>().list(&ListParams::default()).await.unwrap().items.len()
}

#[tokio::test]
async fn of_finished_runs_the_newest_are_kept_and_those_with_a_debrief() {
    let ground = Ground::with("kept", &Web { warm_up: 5, ..Web::default() }).await;
    let _turn = turn().await;
    let _operator = Operator::start(&POLLING.replacen('{', "{keepRuns: 1, ", 1));
    let spec = serde_json::from_value(crate::support::spec()).unwrap();
    let experiment = Experiment::new("kill", spec);
    ground.api::<Experiment>().create(&PostParams::default(), &experiment).await.unwrap();
    let debriefed = ground.finished(&ground.run(missed()).await).await;
    let mut newest = String::new();
    for _ in 0..3 {
        let run = ground.run(json!({"template": {"target": {"deployment": "none"}}})).await;
        newest = ground.finished(&run).await.name_any();
    }
    let mut due = vec![debriefed.name_any(), newest];
    due.sort();
    eventually("the older ones are deleted", 20, async || {
        let runs = ground.api::<ExperimentRun>().list(&ListParams::default()).await.ok()?;
        let mut left: Vec<_> = runs.items.iter().map(ResourceExt::name_any).collect();
        left.sort();
        (left == due).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_operator_that_starts_says_of_no_experiment_that_it_has_no_runs() {
    let ground = Ground::new("starts").await;
    let _turn = turn().await;
    let mut operator = Operator::start("{}");
    let spec = serde_json::from_value(crate::support::spec()).unwrap();
    let experiment = Experiment::new("kill", spec);
    ground.api::<Experiment>().create(&PostParams::default(), &experiment).await.unwrap();
    let run = ground.finished(&ground.run(json!({})).await).await.name_any();
    let knows = |experiment: &Experiment| {
        let last = experiment.status.as_ref().and_then(|status| status.last_run.as_ref());
        last.is_some_and(|last| last.name == run)
    };
    let before = ground.becomes("the Experiment knows of the run", 20, "kill", knows).await;
    for _ in 0..5 {
        operator.kill();
        operator.restart();
        // It has looked at the Experiments when it answers for a new one.
        let mut next = experiment.clone();
        next.metadata.name = Some("next".to_owned());
        ground.api::<Experiment>().create(&PostParams::default(), &next).await.unwrap();
        ground.becomes("it is judged", 20, "next", |next: &Experiment| next.status.is_some()).await;
        ground.api::<Experiment>().delete("next", &DeleteParams::default()).await.unwrap();
        let after = ground.api::<Experiment>().get("kill").await.unwrap();
        assert_eq!(after.resource_version(), before.resource_version(), "nothing was written");
        eventually("it is gone", 10, async || {
            ground.api::<Experiment>().get_opt("next").await.unwrap().is_none().then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn of_days_that_are_over_the_newest_are_kept() {
    let ground = Ground::bare("days", json!({"firedrill.dev/enabled": "true"})).await;
    let _turn = turn().await;
    let _operator = Operator::start("{keepDays: 1}");
    let spec = json!({
        "startAt": "2999-01-01T10:00:00Z", "steps": [{"name": "one", "experiment": "none"}],
    });
    let plan = GameDay::new("p", serde_json::from_value(spec).unwrap());
    ground.api::<GameDay>().create(&PostParams::default(), &plan).await.unwrap();
    for name in ["a", "b", "c"] {
        let day = GameDayRun::new(name, GameDayRunSpec::of("p"));
        ground.api::<GameDayRun>().create(&PostParams::default(), &day).await.unwrap();
        // Creation is known to the second only.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    eventually("the older ones are deleted", 30, async || {
        let days = ground.api::<GameDayRun>().list(&ListParams::default()).await.ok()?;
        let left: Vec<_> = days.items.iter().map(ResourceExt::name_any).collect();
        (left == ["c"] && days.items[0].is_over()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn two_operators_at_once_kill_once_and_open_one_debrief() {
    let ground = Ground::with("two", &Web { warm_up: 5, ..Web::default() }).await;
    let _turn = turn().await;
    let _both = (Operator::start(POLLING), Operator::start(POLLING));
    let run = ground.run(missed()).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::ObjectiveMissed), Some(Reason::DetectionMissed)));
    assert_eq!(run.status.unwrap().journal.unwrap().victims.len(), 2);
    assert_eq!(debriefs(&ground).await, 1);
}

#[tokio::test]
async fn an_operator_that_is_killed_midway_is_continued_from_the_journal() {
    let ground = Ground::with("killed", &Web { warm_up: 8, ..Web::default() }).await;
    let _turn = turn().await;
    let mut operator = Operator::start(POLLING);
    for name in [FactName::Journaled, FactName::ImpactStarted] {
        let run = ground.run(missed()).await;
        let before = ground.seen(&run, name).await;
        operator.kill();
        operator.restart();
        let run = ground.finished(&run).await;
        let (before, after) = (before.status.unwrap(), run.status.clone().unwrap());
        assert_eq!(
            verdict(&run),
            (Some(Verdict::ObjectiveMissed), Some(Reason::DetectionMissed)),
            "{name:?}"
        );
        assert!(before.facts.iter().all(|fact| after.facts.contains(fact)), "no fact is lost");
        // A victim that has changed is journaled again, but it is the same one.
        assert_eq!(victims(&before), victims(&after), "no second victim");
        ground.ready(2).await;
    }
    assert_eq!(debriefs(&ground).await, 1);
}

#[tokio::test]
async fn an_operator_ends_within_a_second_and_reverts_nothing() {
    let ground = Ground::with("ends", &Web { warm_up: 10, ..Web::default() }).await;
    let _turn = turn().await;
    let mut operator = Operator::start(POLLING);
    let run = ground.run(missed()).await;
    let run = ground.seen(&run, FactName::ImpactStarted).await;
    let took = operator.terminate();
    assert!(took < Duration::from_secs(1), "it took {took:?}");
    let now = ground.api::<firedrill::api::ExperimentRun>().get(&run.name_any()).await.unwrap();
    assert!(now.status.unwrap().fact(FactName::RevertStarted).is_none());
    operator.restart();
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::ObjectiveMissed), Some(Reason::DetectionMissed)));
}

#[tokio::test]
async fn a_miss_proves_nothing_when_no_alert_source_answers() {
    let ground = Ground::with("silent", &Web { warm_up: 5, ..Web::default() }).await;
    let _turn = turn().await;
    let _operator = Operator::start(
        "{prometheus: {url: 'http://127.0.0.1:1'}, alertmanager: {url: 'http://127.0.0.1:1'}}",
    );
    let run = ground.run(missed()).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Inconclusive), Some(Reason::SourceLost)));
    assert_eq!(debriefs(&ground).await, 0);
}

#[tokio::test]
async fn one_alert_source_alone_is_enough() {
    let ground = Ground::with("alone", &Web { warm_up: 5, ..Web::default() }).await;
    let _turn = turn().await;
    for config in [
        "{prometheus: {url: 'http://127.0.0.1:9090'}}",
        "{alertmanager: {url: 'http://127.0.0.1:9093'}}",
    ] {
        ground.ready(2).await;
        let _operator = Operator::start(config);
        let run = ground.run(missed()).await;
        let run = ground.finished(&run).await;
        assert_eq!(
            verdict(&run),
            (Some(Verdict::ObjectiveMissed), Some(Reason::DetectionMissed)),
            "{config}"
        );
    }
}

#[tokio::test]
async fn without_any_alert_source_a_miss_is_inconclusive() {
    let ground = Ground::with("none", &Web { warm_up: 5, ..Web::default() }).await;
    let _turn = turn().await;
    let _operator = Operator::start("{}");
    let run = ground.run(missed()).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Inconclusive), Some(Reason::SourceLost)));
}

#[tokio::test]
async fn more_runs_than_the_operator_allows_wait_and_are_refused() {
    let first = Ground::with("busy", &Web { warm_up: 10, ..Web::default() }).await;
    let second = Ground::new("waits").await;
    let _turn = turn().await;
    let _operator = Operator::start("{caps: {concurrency: 1}}");
    let running = first.run(json!({})).await;
    first.seen(&running, FactName::Injected).await;
    let waiting = second.run(json!({"startWithin": "2s"})).await;
    let refused = second.finished(&waiting).await;
    assert_eq!(verdict(&refused), (Some(Verdict::Error), Some(Reason::Concurrency)));
    first.finished(&running).await;
}

#[tokio::test]
async fn a_notification_needs_the_token_and_is_answered_when_it_is_written_down() {
    let ground = Ground::with("webhook", &Web { warm_up: 12, ..Web::default() }).await;
    let _turn = turn().await;
    let token = std::env::temp_dir().join(format!("firedrill-token-{}", std::process::id()));
    std::fs::write(&token, "a-secret\n").unwrap();
    let config =
        format!("{{webhook: {{listen: '127.0.0.1:9481', tokenFile: '{}'}}}}", token.display());
    let _operator = Operator::start(&config);
    let alerts = json!(["{alertname=\"Told\"}"]);
    let run = ground.run(json!({"template": {"detection": {"alerts": alerts}}})).await;
    ground.seen(&run, FactName::ImpactStarted).await;
    let body = json!({"version": "4", "alerts": [{
        "status": "firing", "labels": {"alertname": "Told", "namespace": ground.namespace},
        "startsAt": jiff::Timestamp::now(), "fingerprint": "f00d"}]})
    .to_string();
    let post = async |token: &str, body: &str| {
        let client = reqwest::Client::new();
        let request = client.post("http://127.0.0.1:9481/v1/alertmanager").bearer_auth(token);
        request.body(body.to_owned()).send().await.unwrap().status().as_u16()
    };
    assert_eq!(post("wrong", &body).await, 401);
    assert_eq!(post("a-secret", "{}").await, 400);
    assert_eq!(post("a-secret", &body).await, 200);
    let runs = ground.api::<firedrill::api::ExperimentRun>();
    let now = runs.get(&run.name_any()).await.unwrap().status.unwrap();
    assert!(now.fact(FactName::Notified).is_some(), "a 200 means that it is written down");
    assert_eq!(now.fact(FactName::Firing).map(|fact| fact.source.as_str()), Some("webhook"));
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Passed), Some(Reason::ObjectivesMet)));
    std::fs::remove_file(token).ok();
}

/// Somebody took our annotations away, so the policy no longer lets us restore what they said.
#[tokio::test]
async fn a_revert_that_cannot_succeed_is_told_with_the_command_that_ends_it() {
    let ground = Ground::new("refused").await;
    let _turn = turn().await;
    let token = std::env::temp_dir().join(format!("firedrill-metrics-{}", std::process::id()));
    std::fs::write(&token, "a-secret\n").unwrap();
    let config =
        format!("{{webhook: {{listen: '127.0.0.1:9482', tokenFile: '{}'}}}}", token.display());
    let (_operator, _reaper) = (Operator::start(&config), Reaper::start());
    let fault = json!({"podKill": null, "badRollout": {"image": "firedrill.invalid/none"}});
    let run = ground.run(json!({"template": {"fault": fault, "duration": "1m"}})).await;
    ground.seen(&run, FactName::Injected).await;
    let deployments = ground.api::<Deployment>();
    let web = deployments.get("web").await.unwrap();
    let ours = web.annotations().keys().filter(|name| firedrill::api::names::is_of_fault(name));
    let gone: serde_json::Map<_, _> = ours.map(|name| (name.clone(), json!(null))).collect();
    let patch = Patch::Merge(json!({"metadata": {"annotations": gone}}));
    deployments.patch("web", &PatchParams::default(), &patch).await.unwrap();
    let asked = std::time::Instant::now();
    ground.stop(&run).await;
    let runs = ground.api::<firedrill::api::ExperimentRun>();
    let problem = eventually("the run says that the revert fails", 30, async || {
        let status = runs.get(&run.name_any()).await.ok()?.status?;
        let reverted = status.conditions.iter().find(|condition| condition.type_ == "Reverted")?;
        (reverted.reason == "RevertFails").then(|| reverted.message.clone())
    })
    .await;
    println!("told after {:.1?} (at most 30): {problem}", asked.elapsed());
    eventually("events say so", 10, async || {
        let events = ground.api::<Event>().list(&ListParams::default()).await.ok()?;
        let about = |kind: &str| {
            events.items.iter().any(|event| {
                let of = event.regarding.as_ref().and_then(|about| about.kind.as_deref());
                event.reason.as_deref() == Some("RevertFails") && of == Some(kind)
            })
        };
        (about("ExperimentRun") && about("Deployment")).then_some(())
    })
    .await;
    let metrics = async |token: &str| {
        let request =
            reqwest::Client::new().get("http://127.0.0.1:9482/metrics").bearer_auth(token);
        request.send().await.unwrap().text().await.unwrap()
    };
    assert!(!metrics("wrong").await.contains("firedrill_"));
    let line = format!("firedrill_reverts_failing{{namespace=\"{}\"}} 1", ground.namespace);
    let printed = metrics("a-secret").await;
    assert!(printed.contains(&line), "{printed}");
    let (_, command) = problem.split_once("ends the fault by: ").unwrap();
    assert!(Command::new("bash").args(["-c", command]).status().unwrap().success(), "{command}");
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Aborted), Some(Reason::Stopped)));
    assert!(!metrics("a-secret").await.contains(&line));
    std::fs::remove_file(token).ok();
}

/// A port that nobody has.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn an_operator_is_ready_once_everything_is_listed_that_it_watches() {
    let _turn = turn().await;
    let (never, ready) = (free_port(), free_port());
    // The agent that enforces network policies may not list Experiments, and its calls are nobody's of ours.
    let kubeconfig = state().join("pki/netpol.kubeconfig");
    let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
    command.arg("--kubeconfig").arg(kubeconfig).args(["operator", "--ready-port"]);
    command.arg(never.to_string()).env_remove("FIREDRILL_CONFIG").env("RUST_LOG", "firedrill=info");
    let mut lame = command.stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(lame.stderr.take().unwrap()).lines().map_while(Result::ok);
    let denied = |line: &String| line.contains("a watch failed") && line.contains("/experiments\"");
    assert_eq!(log.filter(denied).take(3).count(), 3, "it may not list and says so");
    assert!(TcpStream::connect(("127.0.0.1", never)).is_err(), "it is not ready");
    lame.kill().unwrap();
    lame.wait().unwrap();
    let _operator = Operator::start_with(POLLING, &["--ready-port", &ready.to_string()]);
    eventually("it is ready", 20, async || TcpStream::connect(("127.0.0.1", ready)).ok()).await;
}
