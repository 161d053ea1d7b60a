//! Opening and joining survive lost calls, crashes and a second operator: one debrief, each run once.

use firedrill::{
    api::{Duration, ExperimentRun, debrief::Policy},
    shell::{
        call::Error,
        clock::{Ahead, Wall},
        debrief::record_with,
    },
};
use serde_json::json;

use super::{
    runs::{opened, slow_alert, with},
    server::{Lost, Server},
};

async fn record(server: &Server, run: &ExperimentRun) -> Result<Option<String>, Error> {
    let client = server.client();
    let calendar = Ahead::of(Wall::machine(), Duration::ZERO);
    record_with((&client, &client), run, (&Policy::default(), &calendar)).await
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

/// The debrief is that of the first run, and its status is nobody's but its own controller's.
#[track_caller]
fn check(server: &Server) {
    let debrief = server.debrief().unwrap();
    assert_eq!(debrief.status, None);
    assert_eq!(debrief.spec.source.run_ref.unwrap().name, "slow-alert-8h2kx");
    assert_eq!(server.creations(), 1);
}

#[tokio::test]
async fn a_miss_opens_one_debrief_and_a_repeat_joins_it() {
    let server = Server::default();
    let name = persist(&server, &slow_alert()).await;
    let expected = opened(&slow_alert()).unwrap();
    assert_eq!(Some(&name), expected.metadata.name.as_ref());
    for _ in 0..2 {
        assert_eq!(persist(&server, &second_run()).await, name);
        check(&server);
    }
}

#[tokio::test]
async fn a_miss_of_a_run_that_verifies_a_debrief_belongs_to_that_one() {
    let server = Server::default();
    let name = persist(&server, &slow_alert()).await;
    let verifies = [("/spec/experiment", json!("larger")), ("/spec/verifies", json!(name))];
    let larger = with(&second_run(), &verifies);
    assert_eq!(persist(&server, &larger).await, name);
    check(&server);
    let other = with(&larger, &[("/status/plan/spec/target", json!({"deployment": "payments"}))]);
    // This server holds one debrief: that it is to hold another is refused.
    assert!(record(&server, &other).await.is_err(), "another target is another miss");
}

#[tokio::test]
async fn what_cannot_be_read_of_the_cluster_is_named_and_stops_nothing() {
    let server = Server::default();
    persist(&server, &slow_alert()).await;
    let evidence = server.debrief().unwrap().spec.evidence.unwrap();
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
    assert_eq!(writes, 1, "it is created: {calls:?}");
    let mut cases = 0;
    for (number, call) in calls.iter().enumerate() {
        for lost in [Lost::Call, Lost::Answer] {
            let server = Server::default();
            server.lose(number, lost);
            persist(&server, &slow_alert()).await;
            persist(&server, &second_run()).await;
            assert_eq!(server.creations(), 1, "{lost:?} of {call}");
            check(&server);
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
    assert_eq!(server.creations(), 1);
}
