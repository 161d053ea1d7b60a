//! What the command line does when no operator is there, and when it loses one midway, one after the other.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use crate::support::{
    Ground, Operator, Web,
    audit::Audit,
    terminal::{File, Terminal, firedrill},
    turn, verdict, within,
};
use firedrill::api::{
    ExperimentRun,
    run::{FactName, Reason, Verdict},
};
use futures::future::join;
use kube::{
    ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;

const POLLING: &str =
    "{prometheus: {url: 'http://127.0.0.1:9090'}, alertmanager: {url: 'http://127.0.0.1:9093'}}";

async fn runs(ground: &Ground) -> Vec<ExperimentRun> {
    ground.api::<ExperimentRun>().list(&ListParams::default()).await.unwrap().items
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_no_operator_takes_up_is_taken_back_with_the_remedy() {
    let ground = Ground::new("nobody").await;
    let _turn = turn().await;
    let before = ground.pod_uids().await;
    let file = File::experiment("nobody", json!({}));
    let began = Instant::now();
    let output = firedrill(&ground.namespace, &["run", "-f", file.path(), "--wait", "--yes"]);
    let (took, said) = (began.elapsed(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(took >= Duration::from_secs(10) && took < Duration::from_secs(12), "{took:?}");
    assert!(said.contains("no operator took up the run within 10s"), "{said}");
    assert!(said.contains("firedrill operator") && said.contains("--local"), "{said}");
    assert!(runs(&ground).await.is_empty(), "it was taken back");
    assert_eq!(ground.pod_uids().await, before);
}

/// Every kind of write that firedrill made in the namespace: verb and resource.
fn writes(audit: &Audit, ground: &Ground) -> BTreeSet<(String, String)> {
    let ours = audit.writes(|write| write.is_ours() && write.namespace == ground.namespace);
    ours.into_iter().map(|write| (write.verb, write.resource)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn run_local_works_alone_with_the_writes_of_an_operator() {
    let audit = Audit::begin();
    let (alone, beside) = join(Ground::new("local"), Ground::new("operated")).await;
    let _turn = turn().await;
    let file = File::experiment("local", json!({}));
    let config = File::of("local-config", POLLING);
    let local = ["run", "-f", file.path(), "--yes", "--local", "--config", config.path()];
    let output = firedrill(&alone.namespace, &local);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let run = runs(&alone).await.remove(0);
    assert_eq!(verdict(&run), (Some(Verdict::Passed), Some(Reason::HealedBeforeObjective)));
    assert!(run.finalizers().is_empty(), "nothing is left that only an operator could release");

    let _operator = Operator::start(POLLING);
    let output = firedrill(&beside.namespace, &["run", "-f", file.path(), "--yes", "--wait"]);
    assert_eq!(output.status.code(), Some(0));
    let local = writes(&audit, &alone);
    assert!(local.contains(&("create".into(), "pods/eviction".into())), "{local:?}");
    // An operator lets go of the run after its end is told.
    within(10, async || (writes(&audit, &beside) == local).then_some(())).await;
    assert_eq!(writes(&audit, &beside), local);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_reverts_a_local_run_and_waits() {
    let ground = Ground::with("localstop", &Web { warm_up: 20, ..Web::default() }).await;
    let _turn = turn().await;
    let file = File::experiment("localstop", json!({}));
    let local = ["run", "-f", file.path(), "--yes", "--local"];
    let terminal = Terminal::start(&ground.namespace, &local);
    terminal.shows("injected");
    terminal.interrupt();
    let (code, screen) = terminal.ended();
    assert_eq!(code, 130, "{screen}");
    let run = runs(&ground).await.remove(0);
    assert_eq!(verdict(&run), (Some(Verdict::Aborted), Some(Reason::Stopped)));
    assert!(run.status.unwrap().fact(FactName::Reverted).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_ctrl_c_leaves_and_says_what_goes_on() {
    let ground = Ground::with("twice", &Web { warm_up: 20, ..Web::default() }).await;
    let _turn = turn().await;
    let mut operator = Operator::start(POLLING);
    let file = File::experiment("twice", json!({}));
    let terminal =
        Terminal::start(&ground.namespace, &["run", "-f", file.path(), "--wait", "--yes"]);
    terminal.shows("injected");
    // Nobody is there to revert, so that the first Ctrl-C waits.
    operator.kill();
    terminal.interrupt();
    terminal.shows("Ctrl-C again leaves at once");
    let run = runs(&ground).await.remove(0);
    let began = Instant::now();
    terminal.interrupt();
    let (code, screen) = terminal.ended();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let name = run.name_any();
    let goes_on = format!("the operator goes on reverting {name}: firedrill watch {name} -n");
    assert!(screen.contains(&goes_on), "{screen}");
    assert_eq!(code, 130);
    operator.restart();
    assert_eq!(
        verdict(&ground.finished(&run).await),
        (Some(Verdict::Aborted), Some(Reason::Stopped))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_over_without_its_revert_is_5() {
    let ground = Ground::bare("five", json!({})).await;
    let _turn = turn().await;
    let run = ground.run(json!({})).await;
    let at = "2026-01-01T00:00:00.000000Z";
    let fact = |name| json!({"name": name, "at": at, "notBefore": at, "source": "operator"});
    let status = json!({"status": {
        "facts": [fact("journaled"), fact("injected"), fact("completed")],
        "verdict": "Error", "reason": "InjectionDenied", "summary": "the journal was lost",
        "conditions": [{"type": "Complete", "status": "True", "reason": "Error", "message": "", "lastTransitionTime": at}],
    }});
    let runs = ground.api::<ExperimentRun>();
    let (name, params) = (run.name_any(), PatchParams::default());
    runs.patch_status(&name, &params, &Patch::Merge(status)).await.unwrap();
    let output = firedrill(&ground.namespace, &["watch", &name]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("what it broke may still be broken"), "{said}");
}
