//! What the lever promises, with the machine to itself.

use crate::support::{
    Ground, Operator, Reaper, Web,
    audit::{Audit, Write},
    delete, verdict,
};
use firedrill::api::{
    SafetyLever, names,
    run::{FactName, Reason, Verdict},
};
use futures::future::join_all;
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use serde_json::json;

/// How many faults the lever ends at once, and how often.
const LEVER: (usize, usize) = (5, 10);

/// By the audit log: from the answer to whoever engaged the lever to the answer to what reverts.
#[tokio::test]
async fn the_lever_ends_a_fault_within_two_seconds_each_time_of_fifty() {
    let (at_once, rounds) = LEVER;
    let _reaper = Reaper::start();
    let _operator = Operator::start("{}");
    let one = Web { replicas: 1, warm_up: 0, ..Web::default() };
    let grounds = join_all((0..at_once).map(|_| Ground::with("lever", &one))).await;
    let levers: Api<SafetyLever> = Api::all(grounds[0].client.clone());
    // What a try that failed left behind would end each of these.
    levers.delete(names::LEVER, &DeleteParams::default()).await.ok();
    let mut took = Vec::new();
    for _ in 0..rounds {
        let fault = json!({"podKill": null, "dependencyOutage": {"blackhole": {"service": "web"}}});
        let runs = grounds.iter().map(|ground| {
            ground.run(json!({"template": {"fault": fault, "duration": "30m", "tolerates": true}}))
        });
        let runs = join_all(runs).await;
        let each = || grounds.iter().zip(&runs);
        join_all(each().map(|(ground, run)| ground.seen(run, FactName::EffectObserved))).await;
        let audit = Audit::begin();
        let scope: Vec<_> = grounds.iter().map(|ground| &ground.namespace).collect();
        let lever = json!({"metadata": {"name": names::LEVER}, "spec": {"engaged": true, "scope": {"namespaces": scope}}});
        let lever = serde_json::from_value(lever).unwrap();
        levers.create(&PostParams::default(), &lever).await.unwrap();
        let over = join_all(each().map(|(ground, run)| ground.finished(run))).await;
        for run in over {
            assert_eq!(verdict(&run), (Some(Verdict::Aborted), Some(Reason::Lever)));
        }
        delete(&levers, names::LEVER).await;
        let writes = audit.writes(Write::is_done);
        let first = |resource: &str, namespace: &str| {
            let mut of = writes.iter().filter(|write| write.resource == resource);
            of.find(|write| write.namespace == namespace).unwrap().answered
        };
        let engaged = first("safetylevers", "");
        took.extend(
            scope.iter().map(|namespace| {
                first("services", namespace).duration_since(engaged).as_secs_f64()
            }),
        );
    }
    took.sort_by(f64::total_cmp);
    let (count, slowest) = (took.len(), took[took.len() - 1]);
    println!(
        "the lever ended {count} faults: median {:.2}s, slowest {slowest:.2}s",
        took[count / 2]
    );
    assert_eq!(count, at_once * rounds);
    assert!(slowest < 2.0, "{took:?}");
}
