//! Opening and joining survive lost calls, crashes and a second operator: one debrief, each run once.

use firedrill::{
    api::{
        Debrief, ExperimentRun,
        debrief::{DebriefFactName, Stage},
    },
    debrief::{self, LeadUp},
    shell::{call::Error, debrief::record_with},
};
use serde_json::json;

use super::{
    runs::{slow_alert, with},
    server::{Lost, Server},
};

async fn record(server: &Server, run: &ExperimentRun) -> Result<Option<String>, Error> {
    record_with(&server.client(), &server.client(), run).await
}

/// Tries until it works, as the reconcile loop does.
async fn persist(server: &Server, run: &ExperimentRun) -> String {
    for _ in 0..5 {
        if let Ok(name) = record(server, run).await {
            return name.unwrap();
        }
    }
    panic!("it never worked: {:?}", server.calls());
}

fn second_run() -> ExperimentRun {
    with(
        &slow_alert(),
        &[("/metadata/uid", json!("second")), ("/metadata/name", json!("slow-alert-m4d7q"))],
    )
}

#[track_caller]
fn check(debrief: &Debrief, repeats: i32) {
    let status = debrief.status.clone().unwrap();
    assert_eq!(status.stage, Some(Stage::AwaitingDebrief));
    assert!(status.fact(DebriefFactName::Resolved).is_some());
    assert_eq!(status.missed.as_deref(), Some("Detection"));
    assert_eq!(status.observed_generation, Some(1));
    assert_eq!(
        (status.repeats, status.occurrences.len()),
        (repeats, usize::try_from(repeats).unwrap())
    );
    assert_eq!(debrief.spec.source.run_ref.name, "slow-alert-8h2kx");
}

#[tokio::test]
async fn a_miss_opens_one_debrief_and_a_repeat_joins_it() {
    let server = Server::default();
    let name = persist(&server, &slow_alert()).await;
    let expected = debrief::open(&slow_alert(), LeadUp::default(), 1).unwrap();
    assert_eq!(Some(&name), expected.metadata.name.as_ref());
    check(&server.debrief().unwrap(), 0);
    assert_eq!(persist(&server, &second_run()).await, name);
    check(&server.debrief().unwrap(), 1);
    assert_eq!(persist(&server, &second_run()).await, name);
    check(&server.debrief().unwrap(), 1);
    assert_eq!(server.creations(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_of_the_cluster_is_named_and_stops_nothing() {
    let server = Server::default();
    persist(&server, &slow_alert()).await;
    let evidence = server.debrief().unwrap().spec.evidence;
    let horizon = evidence.lead_up_horizon;
    assert!(
        horizon.contains(
            "Could not be read: Deployment checkout (Forbidden), Service checkout (Forbidden)"
        ),
        "{horizon}"
    );
    assert_eq!(evidence.timeline, []);
}

#[tokio::test]
async fn a_run_that_opens_none_asks_nothing() {
    let server = Server::default();
    let passed = with(&slow_alert(), &[("/status/verdict", json!("Passed"))]);
    assert_eq!(record(&server, &passed).await.unwrap(), None);
    assert_eq!(server.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_namespace_that_goes_leaves_no_debrief_and_no_error() {
    let server = Server::default();
    server.terminate();
    assert_eq!(record(&server, &slow_alert()).await.unwrap(), None);
}

#[tokio::test]
async fn every_lost_call_and_answer_is_made_up_for() {
    let calls = {
        let server = Server::default();
        persist(&server, &slow_alert()).await;
        persist(&server, &second_run()).await;
        server.calls()
    };
    let writes = calls.iter().filter(|call| !call.starts_with("GET")).count();
    assert_eq!(writes, 3, "create, its status, the join: {calls:?}");
    let mut cases = 0;
    for (number, call) in calls.iter().enumerate() {
        for lost in [Lost::Call, Lost::Answer] {
            let server = Server::default();
            server.lose(number, lost);
            persist(&server, &slow_alert()).await;
            persist(&server, &second_run()).await;
            check(&server.debrief().unwrap(), 1);
            assert_eq!(server.creations(), 1, "{lost:?} of {call}");
            cases += 1;
        }
    }
    println!("{cases}/{cases} lost calls and answers");
}

#[tokio::test]
async fn two_operators_open_it_once() {
    let server = Server::default();
    let (run, again) = (slow_alert(), second_run());
    let (a, b, c) =
        tokio::join!(persist(&server, &run), persist(&server, &run), persist(&server, &again));
    assert_eq!((&a, &a), (&b, &c));
    // Whichever opened it: the other run is the one repeat.
    let debrief = server.debrief().unwrap();
    let status = debrief.status.unwrap();
    assert_eq!((status.repeats, status.stage), (1, Some(Stage::AwaitingDebrief)));
    assert_ne!(status.occurrences[0].uid, debrief.spec.source.run_ref.uid);
    assert_eq!(server.creations(), 1);
}
