//! Who ends a fault when the operator cannot, and what is refused when nobody could. Each test has
//! operators and reapers of its own, one after the other.

use crate::{
    faults::{
        client::Host,
        stage::{self, Rolls, stage},
        variants,
    },
    support::{
        Ground, Operator, Reaper, delete, eventually, merge,
        objects::{self, Snapshot, is_free},
        turn, verdict,
    },
};
use firedrill::api::{
    ExperimentRun, names,
    run::{FactName, Reason, Verdict},
};
use futures::future::join_all;
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    coordination::v1::Lease,
    networking::v1::NetworkPolicy,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    core::ApiResource,
};
use serde_json::{Value, json};

/// A rollout that cannot start, reverted after so long.
fn bad_image(duration: &str) -> Value {
    json!({"template": {
        "fault": {"podKill": null, "badRollout": {"image": "firedrill.invalid/none"}},
        "duration": duration, "tolerates": true}})
}

async fn web(ground: &Ground) -> Deployment {
    ground.api::<Deployment>().get("web").await.unwrap()
}

fn is_restored(web: &Deployment) -> bool {
    let template = web.spec.as_ref().and_then(|spec| spec.template.spec.as_ref()).unwrap();
    template.containers[0].image.as_deref() == Some("registry.local/busybox:1")
}

/// Waits until nothing of the fault is left on the target but its tombstone.
async fn clean(ground: &Ground, seconds: u64) {
    eventually("the fault is gone", seconds, async || {
        let web = web(ground).await;
        let mark = web.labels().get(names::FAULT).cloned().unwrap_or_default();
        let sets = ground.api::<ReplicaSet>().list(&ListParams::default()).await.ok()?;
        let gone = mark.ends_with(".revoked")
            && is_restored(&web)
            && !web.annotations().keys().any(|name| names::is_of_fault(name))
            && sets.items.len() == 1;
        gone.then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_reaper_alone_ends_a_fault_that_is_past_its_deadline() {
    let ground = Ground::new("alone").await;
    let (_turn, _reaper) = (turn().await, Reaper::start());
    let mut operator = Operator::start("{}");
    let run = ground.run(bad_image("3s")).await;
    ground.seen(&run, FactName::EffectObserved).await;
    operator.kill();
    clean(&ground, 60).await;
    operator.restart();
    let run = ground.finished(&run).await;
    assert!(run.status.unwrap().fact(FactName::Reverted).is_some());
}

/// A fault on each kind of object that is changed, by the kind of the target.
fn on_every_kind() -> Vec<(&'static str, Value)> {
    let image = json!({"badRollout": {"image": "firedrill.invalid/none"}});
    let egress = json!({"egress": {"service": "db"}, "observe": variants::observe("db")});
    vec![
        ("deployment", image.clone()),
        ("statefulSet", image.clone()),
        ("daemonSet", image),
        ("service", json!({"dependencyOutage": {"blackhole": {"service": "db"}}})),
        ("deployment", json!({"dependencyOutage": egress})),
    ]
}

/// A fault that is on, in a namespace whose objects were as in `before`.
struct Forsaken {
    ground: Ground,
    target: &'static str,
    before: Snapshot,
    run: ExperimentRun,
}

impl Forsaken {
    async fn begin(
        ground: Ground,
        target: &'static str,
        fault: Value,
        kinds: &[ApiResource],
    ) -> Self {
        let before = Snapshot::take(&ground.client, kinds, &ground.namespace, is_free).await;
        let mut template = json!({"target": {"deployment": null}, "fault": {"podKill": null}, "duration": "30m", "tolerates": true});
        template["target"][target] = json!("web");
        merge(&mut template["fault"], fault);
        let run = ground.run(json!({"template": template})).await;
        ground.seen(&run, FactName::EffectObserved).await;
        Self { ground, target, before, run }
    }

    async fn loses_its_run(&self) {
        let runs = self.ground.api::<ExperimentRun>();
        let strip = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        runs.patch(&self.run.name_any(), &PatchParams::default(), &strip).await.unwrap();
        delete(&runs, &self.run.name_any()).await;
    }

    /// Waits until everything is as it was.
    async fn is_over(&self, kinds: &[ApiResource]) {
        let Ground { client, namespace, .. } = &self.ground;
        let is_clean = async || {
            let now = Snapshot::take(client, kinds, namespace, is_free).await;
            (now.armed.is_empty() && self.before.changes(&now).is_empty()).then_some(())
        };
        eventually(&format!("the fault on the {} is gone", self.target), 60, is_clean).await;
        stage::all_settled(&self.ground, self.target).await;
    }
}

/// Ten minutes after its revocation nothing needs the policy any more; it is told that they are over.
async fn is_buried(ground: &Ground) {
    let policies = ground.api::<NetworkPolicy>();
    let long_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(11);
    let old = json!({"metadata": {"annotations": {names::REVOKED_AT: long_ago}}});
    let params = PatchParams::default();
    policies.patch("firedrill-deployment-web", &params, &Patch::Merge(old)).await.unwrap();
    eventually("the policy is deleted", 30, async || {
        policies.get_opt("firedrill-deployment-web").await.ok()?.is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_reaper_ends_a_fault_that_has_lost_its_run_whatever_it_changed() {
    let kinds = objects::kinds(&crate::support::client().await).await;
    let db = Host::service("db");
    let stages = on_every_kind().into_iter().map(async |(target, fault)| {
        (stage("forsaken", target, Rolls::ByDefault, &db).await, target, fault)
    });
    let stages = join_all(stages).await.into_iter();
    let (_turn, _reaper) = (turn().await, Reaper::start());
    let mut operator = Operator::start("{}");
    let begun =
        stages.map(|(ground, target, fault)| Forsaken::begin(ground, target, fault, &kinds));
    let forsaken = join_all(begun).await;
    operator.kill();
    join_all(forsaken.iter().map(Forsaken::loses_its_run)).await;
    for fault in &forsaken {
        fault.is_over(&kinds).await;
    }
    is_buried(&forsaken.last().unwrap().ground).await;
}

#[tokio::test]
async fn an_operator_that_is_killed_in_mid_fault_is_continued_and_the_fault_ends() {
    let ground = Ground::new("killed").await;
    let (_turn, _reaper) = (turn().await, Reaper::start());
    let mut operator = Operator::start("{}");
    for name in [FactName::Journaled, FactName::Injected, FactName::EffectObserved] {
        let run = ground.run(bad_image("10s")).await;
        let before = ground.seen(&run, name).await.status.unwrap();
        operator.kill();
        operator.restart();
        let after = ground.finished(&run).await.status.unwrap();
        assert!(before.facts.iter().all(|fact| after.facts.contains(fact)), "no fact is lost");
        assert!(after.fact(FactName::EffectObserved).is_some(), "{name:?}");
        clean(&ground, 30).await;
        ground.ready(2).await;
    }
}

#[tokio::test]
async fn without_a_reaper_a_fault_that_needs_reverting_is_refused() {
    let ground = Ground::new("unreaped").await;
    let _turn = turn().await;
    let leases: Api<Lease> = Api::namespaced(ground.client.clone(), names::REAPER);
    leases.delete(names::REAPER, &DeleteParams::default()).await.ok();
    let _operator = Operator::start("{}");
    let run = ground.run(bad_image("5s")).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Error), Some(Reason::Reaper)));
    let summary = run.status.unwrap().summary.unwrap_or_default();
    assert!(summary.contains("firedrill reaper"), "{summary}");
    assert!(web(&ground).await.labels().get(names::FAULT).is_none());
}

#[tokio::test]
async fn revoke_ends_every_fault_by_hand_and_frees_the_runs() {
    let ground = Ground::new("revoked").await;
    let (_turn, reaper) = (turn().await, Reaper::start());
    let mut operator = Operator::start("{}");
    let run = ground.run(bad_image("30m")).await;
    ground.seen(&run, FactName::EffectObserved).await;
    operator.kill();
    drop(reaper);
    let revoke = std::process::Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args(["revoke", "--all", "--yes"])
        .env("KUBECONFIG", std::env::var("FIREDRILL_TEST_CLUSTER").unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&revoke.stdout).into_owned();
    assert!(revoke.status.success(), "{said}{}", String::from_utf8_lossy(&revoke.stderr));
    assert!(said.contains(&format!("deployment {}/web", ground.namespace)), "{said}");
    clean(&ground, 30).await;
    let run = ground.api::<ExperimentRun>().get(&run.name_any()).await.unwrap();
    assert!(run.finalizers().is_empty(), "the run can be deleted");
}

/// An overdue policy with a mark, by somebody who may edit the namespace; its annotations say that this field was
/// that.
async fn mark(ground: &Ground, name: &str, (at, was): (&str, &str), note: usize) {
    let policy = json!({
        "metadata": {
            "name": name,
            "labels": {names::FAULT: "0d1c77ae-0000-4000-8000-000000000009.1.armed"},
            "annotations": {
                names::DEADLINE: jiff::Timestamp::now(), "note": "x".repeat(note),
                names::at("x"): at, names::was("x"): was, names::set("x"): "null",
            },
        },
        "spec": {"podSelector": {"matchLabels": {"app": "nobody"}}},
    });
    let policy: NetworkPolicy = serde_json::from_value(policy).unwrap();
    ground.api::<NetworkPolicy>().create(&PostParams::default(), &policy).await.unwrap();
}

#[tokio::test]
async fn what_a_neighbour_marks_holds_up_no_fault_and_takes_no_memory() {
    let (neighbour, ground) =
        futures::join!(Ground::bare("neighbour", json!({})), Ground::new("overdue"));
    let (_turn, reaper) = (turn().await, Reaper::start());
    let before = reaper.peak();
    // A revert would select other pods, which the chart's policies refuse.
    let refused = ("/spec/podSelector/matchLabels/other", "\"pods\"");
    let deep = format!("/spec{}", "/a".repeat(29_999));
    let names: Vec<String> = (0..250).map(|number| format!("refused-{number}")).collect();
    for (number, some) in names.chunks(25).enumerate() {
        let note = if number == 0 { 190_000 } else { 0 };
        join_all(some.iter().map(|name| mark(&neighbour, name, refused, note))).await;
    }
    mark(&neighbour, "deep", (&deep, "1"), 0).await;
    let mut operator = Operator::start("{}");
    let run = ground.run(bad_image("3s")).await;
    ground.seen(&run, FactName::EffectObserved).await;
    operator.kill();
    clean(&ground, 40).await;
    let policies = neighbour.api::<NetworkPolicy>();
    eventually("the deep path is revoked", 15, async || {
        let deep = policies.get("deep").await.ok()?;
        deep.labels()[names::FAULT].ends_with(".revoked").then_some(())
    })
    .await;
    let armed = ListParams::default().labels(names::FAULT);
    let armed = policies.list(&armed).await.unwrap().items;
    let armed = armed.iter().filter(|policy| policy.labels()[names::FAULT].contains(".armed"));
    assert_eq!(armed.count(), names.len(), "none of the others is reverted");
    let grown = reaper.peak() - before;
    assert!(grown < 24 << 10, "it has taken {grown} KiB");
}
