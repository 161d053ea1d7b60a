//! Every fault in every variant, on every kind that it takes: the effect is seen, also by clients
//! on new and on kept connections, and the namespace is as it was but for the tombstone.
//!
//! Beside one operator and one reaper that `make test` has started.

pub mod client;
pub mod fix;
pub mod outside;
pub mod stage;
pub mod variants;

use std::cmp::Reverse;

use crate::support::{
    Ground,
    audit::Audit,
    eventually,
    objects::{self, Snapshot},
    verdict,
};
use client::Host;
use firedrill::{
    api::{
        ExperimentRun,
        run::{FactName, Reason, RecoveredBy, Verdict},
    },
    faults::Kind,
};
use fix::Fix;
use futures::{StreamExt, future::join_all, stream};
use k8s_openapi::api::{
    apps::v1::Deployment, core::v1::Pod, discovery::v1::EndpointSlice,
    networking::v1::NetworkPolicy,
};
use kube::{
    ResourceExt,
    api::{DynamicObject, ListParams, Patch, PatchParams},
    core::ApiResource,
};
use outside::Outside;
use serde_json::{Value, json};
use stage::{Rolls, create, settled, stage};
use variants::Variant;

/// An experiment with that fault on `web`, as a change of [`support::spec`]; it lasts until it is stopped,
/// also where a busy machine lets a probe fail once.
fn experiment(target: &str, fault: &Value) -> Value {
    let mut spec = json!({
        "target": {"deployment": null}, "fault": {"podKill": null}, "duration": "5m", "tolerates": false,
        "recovery": {"within": "10m", "stableFor": "5m"},
    });
    spec["target"][target] = json!("web");
    if fault.get("podKill").is_some() {
        spec["fault"]["podKill"] = json!({"count": null});
    }
    crate::support::merge(&mut spec["fault"], fault.clone());
    spec
}

async fn start(ground: &Ground, target: &str, fault: &Value, change: Value) -> ExperimentRun {
    let mut body = json!({"template": experiment(target, fault)});
    crate::support::merge(&mut body, change);
    ground.run(body).await
}

/// Asks for the plan of such an experiment.
async fn plan(ground: &Ground, target: &str, fault: &Value) {
    let mut spec = crate::support::spec();
    crate::support::merge(&mut spec, experiment(target, fault));
    let namespace = &ground.namespace;
    let experiment = json!({
        "apiVersion": "firedrill.dev/v1alpha1", "kind": "Experiment",
        "metadata": {"name": "planned", "namespace": namespace}, "spec": spec});
    let path = std::env::temp_dir().join(format!("{namespace}-plan.json"));
    std::fs::write(&path, experiment.to_string()).unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_firedrill"));
    command.args(["plan", "-n", namespace, "-f"]).arg(&path);
    let kubeconfig = std::env::var("FIREDRILL_TEST_CLUSTER").unwrap();
    let output = command.env("KUBECONFIG", kubeconfig).output().await.unwrap();
    std::fs::remove_file(path).ok();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("guards "), "{said} {}", String::from_utf8_lossy(&output.stderr));
}

/// What must be as it was: what nobody controls, and the revisions that a workload can be rolled back to.
fn counts(kind: &str, object: &DynamicObject) -> bool {
    objects::is_free(kind, object) || matches!(kind, "ReplicaSet" | "ControllerRevision")
}

/// A namespace in which the variants are tried one after the other on one kind of target.
struct Lane {
    ground: Ground,
    target: String,
    kinds: Vec<ApiResource>,
}

impl Lane {
    async fn new(target: &str, outside: &Host) -> Self {
        let ground = stage("fault", target, Rolls::AllAtOnce, outside).await;
        let kinds = objects::kinds(&ground.client).await;
        Self { ground, target: target.to_owned(), kinds }
    }

    async fn snapshot(&self) -> Snapshot {
        Snapshot::take(&self.ground.client, &self.kinds, &self.ground.namespace, counts).await
    }

    /// Runs one variant until it has been seen; what its clients saw, else what is wrong.
    async fn exercise(&self, variant: &Variant) -> Result<String, String> {
        let ground = &self.ground;
        client::are_answered(ground, variant).await?;
        let before = self.snapshot().await;
        self.plans(variant).await?;
        let run = start(ground, &self.target, &variant.fault, json!({})).await;
        let seen = self.is_seen(variant, &run).await;
        ground.stop(&run).await;
        let run = ground.finished(&run).await;
        let seen = seen.map_err(|problem| format!("{problem} ({})", outcome(&run)))?;
        if verdict(&run) != (Some(Verdict::Aborted), Some(Reason::Stopped)) {
            return Err(format!("it was not stopped: {}", outcome(&run)));
        }
        stage::all_settled(ground, &self.target).await;
        client::are_answered(ground, variant).await?;
        let changes = before.changes(&self.snapshot().await);
        if changes.is_empty() { Ok(seen) } else { Err(changes.join("\n  ")) }
    }

    /// Waits until the run has seen the fault, and the clients too; what they saw.
    async fn is_seen(&self, variant: &Variant, run: &ExperimentRun) -> Result<String, String> {
        let runs = self.ground.api::<ExperimentRun>();
        let injected = crate::support::within(60, async || {
            let status = runs.get(&run.name_any()).await.ok()?.status?;
            let fact = |name| status.facts.iter().find(|fact| fact.name == name);
            fact(FactName::EffectObserved)?;
            Some(fact(FactName::Injected)?.at)
        });
        let injected = injected.await.ok_or("the run did not see the effect")?;
        client::see(&self.ground, variant, injected).await
    }

    /// Nobody writes anything for a plan but the run that plans, whatever it says.
    async fn plans(&self, variant: &Variant) -> Result<(), String> {
        let audit = Audit::begin();
        plan(&self.ground, &self.target, &variant.fault).await;
        let wrote = audit.writes(|write| {
            let plans = write.resource.starts_with("experimentruns");
            write.namespace == self.ground.namespace && write.is_ours() && !plans
        });
        if wrote.is_empty() { Ok(()) } else { Err(format!("a plan wrote {wrote:?}")) }
    }
}

fn outcome(run: &ExperimentRun) -> String {
    let summary = run.status.as_ref().and_then(|status| status.summary.as_deref());
    format!("{:?} {}", verdict(run), summary.unwrap_or_default())
}

/// How many namespaces are tried at once.
const LANES: usize = 6;

/// Every one of these variants on one kind of target, one after the other.
async fn try_all(
    target: String,
    variants: Vec<Variant>,
    outside: &Outside,
) -> Vec<(String, Result<String, String>)> {
    let lane = Lane::new(&target, &outside.host()).await;
    let mut outcomes = Vec::new();
    for variant in variants {
        let outcome = lane.exercise(&variant).await;
        outcomes.push((format!("{} on {target}", variant.name), outcome));
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_takes_effect_on_every_kind_and_leaves_nothing_behind() {
    let outside = Outside::answers().await;
    let lanes = variants::targets().into_iter().flat_map(|target| {
        let faults = variants::faults(&target);
        let cidr = outside.cidr();
        faults.into_iter().map(move |fault| (target.clone(), variants::of(&fault, &cidr)))
    });
    let mut lanes: Vec<_> = lanes.collect();
    // The longest first, so that none of them is left alone at the end.
    lanes.sort_by_key(|(_, variants)| Reverse(variants.len()));
    let lanes = lanes.into_iter().map(|(target, variants)| try_all(target, variants, &outside));
    let outcomes: Vec<_> = stream::iter(lanes).buffer_unordered(LANES).collect().await;
    let outcomes: Vec<_> = outcomes.into_iter().flatten().collect();
    let mut failed = Vec::new();
    for (name, outcome) in &outcomes {
        match outcome {
            Ok(seen) => println!("  ✓ {name:55} {seen}"),
            Err(problem) => {
                println!("  ✗ {name:55} {problem}");
                failed.push(name);
            }
        }
    }
    let (count, held) = (outcomes.len(), outcomes.len() - failed.len());
    let evidence = json!({"cases": count, "held": held, "failed": failed});
    std::fs::create_dir_all("target/evidence").unwrap();
    std::fs::write("target/evidence/faults.json", evidence.to_string()).unwrap();
    println!("faults: {held}/{count} took effect and left nothing behind");
    assert!(failed.is_empty(), "{failed:?}");
}

/// What people do about a bad image, each way on a workload of that kind.
async fn mend(target: &str) {
    let host = Host::service("db");
    let ground = stage("mended", target, Rolls::ByDefault, &host).await;
    let web = stage::web(stage::kind(target), Rolls::ByDefault, &host);
    for fix in Fix::ALL {
        let run = start(
            &ground,
            target,
            &bad_image(),
            json!({"template": {"duration": "60s", "guards": {"minReady": 1}}}),
        )
        .await;
        ground.seen(&run, FactName::EffectObserved).await;
        fix.happen(&ground, stage::kind(target), web.clone());
        let ending = eventually("the fix is written down", 20, async || {
            let run = ground.api::<ExperimentRun>().get(&run.name_any()).await.ok()?;
            run.status?.impact?.ended_by
        })
        .await;
        ground.stop(&run).await;
        let status = ground.finished(&run).await.status.unwrap();
        let words = format!("{fix:?} on {target}");
        assert_eq!((ending.restored, ending.by.as_str()), (true, fix.by()), "{words}");
        assert_eq!(status.impact.unwrap().ended_by.unwrap().by, fix.by(), "{words}");
        let left = stage::read(&ground, stage::kind(target), "web").await.unwrap();
        let container = &left["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], fix::IMAGE, "{words}");
        assert_eq!(container["imagePullPolicy"], fix.leaves(), "{words}");
        let mark = left["metadata"]["labels"]["firedrill.dev/fault"].as_str().unwrap_or_default();
        assert!(mark.ends_with(".revoked"), "{words}: {mark}");
        let mut annotations = left["metadata"]["annotations"].as_object().into_iter().flatten();
        let of_fault = annotations.find(|(name, _)| firedrill::api::names::is_of_fault(name));
        assert_eq!(of_fault, None, "{words}");
        fix::begin_anew(&ground, &web);
        settled(&ground, stage::kind(target), "web").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fix_that_somebody_makes_is_left_alone_and_attributed() {
    join_all(["deployment", "statefulSet", "daemonSet"].map(mend)).await;
}

fn outage(of: &Value) -> Value {
    json!({"dependencyOutage": of})
}

fn bad_image() -> Value {
    json!({"badRollout": {"image": fix::BROKEN}})
}

/// A namespace with a Deployment as it is rolled out by default.
async fn deployed(name: &str) -> Ground {
    stage(name, "deployment", Rolls::ByDefault, &Host::service("db")).await
}

/// A steady state without which the dependency is out of reach.
fn reaches_db() -> Value {
    json!([{"name": "reaches-db", "tcp": {"service": "db", "port": 80, "interval": "200ms"}}])
}

#[tokio::test]
async fn a_recovery_that_only_our_revert_brings_is_no_yes() {
    let ground = deployed("ended").await;
    let change = json!({"template": {"steadyState": reaches_db(), "duration": "8s", "detection": {"within": "2s"}, "recovery": {"within": "60s", "stableFor": "1s"}}});
    let run = start(
        &ground,
        "deployment",
        &outage(&json!({"scaleToZero": {"deployment": "db"}})),
        change,
    )
    .await;
    let status = ground.finished(&run).await.status.unwrap();
    let recovery = status.recovery.unwrap();
    assert_eq!(recovery.by, Some(RecoveredBy::FaultEnded), "{recovery:?}");
    assert_eq!(recovery.answer, firedrill::api::run::Answer::No);
    assert_eq!(status.verdict, Some(Verdict::ObjectiveMissed));
}

/// The outage is real at first; then the dependency answers again under its old name.
#[tokio::test]
async fn an_outage_that_ends_early_is_told_with_the_gap_and_proves_nothing() {
    let ground = deployed("early").await;
    let change = json!({"template": {"steadyState": reaches_db(), "duration": "20s", "detection": {"within": "2s"}, "recovery": {"within": "60s", "stableFor": "4s"}}});
    let run =
        start(&ground, "deployment", &outage(&json!({"blackhole": {"service": "db"}})), change)
            .await;
    ground.seen(&run, FactName::EffectObserved).await;
    let pod = ground.api::<Pod>().list(&ListParams::default().labels("app=db")).await.unwrap();
    let pod = pod.items.into_iter().next().unwrap();
    let address = pod.status.unwrap().pod_ip.unwrap();
    let slice = json!({
        "metadata": {"name": "db-by-hand", "labels": {"kubernetes.io/service-name": "db"}},
        "addressType": "IPv4", "ports": [{"name": "http", "port": 8080}], "endpoints": [{"addresses": [address], "conditions": {"ready": true}}],
    });
    create::<EndpointSlice>(&ground, slice).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Inconclusive), Some(Reason::FaultNotObserved)));
    let status = run.status.unwrap();
    let gaps = status.impact.unwrap().gaps;
    let gap = gaps.iter().find(|gap| gap.is_of_fault()).expect("the gap is written down");
    let reverting = status.facts.iter().find(|fact| fact.name == FactName::RevertStarted).unwrap();
    let injected = status.facts.iter().find(|fact| fact.name == FactName::Injected).unwrap();
    assert!(injected.at < gap.from && gap.from < gap.to && gap.to <= reverting.at, "{gap:?}");
    let summary = status.summary.unwrap_or_default();
    assert!(summary.contains("although nobody had ended it"), "{summary}");
}

#[tokio::test]
async fn an_egress_that_somebody_else_restricts_is_refused_by_name_and_given_back_once_it_is() {
    let ground = deployed("closed").await;
    // By a label that one pod alone has, which no selector and no template of the workload names.
    let pods = ground.api::<Pod>();
    let pod = pods.list(&ListParams::default().labels("app=web")).await.unwrap().items.remove(0);
    let secure = Patch::Merge(json!({"metadata": {"labels": {"tier": "secure"}}}));
    pods.patch(&pod.name_any(), &PatchParams::default(), &secure).await.unwrap();
    let policy = json!({"metadata": {"name": "closed"}, "spec": {
        "podSelector": {"matchLabels": {"tier": "secure"}}, "policyTypes": ["Egress"], "egress": [{}]}});
    create::<NetworkPolicy>(&ground, policy.clone()).await;
    let fault = outage(&json!({"egress": {"service": "db"}, "observe": variants::observe("db")}));
    let run = start(&ground, "deployment", &fault, json!({})).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Error), Some(Reason::TargetFound)));
    let summary = run.status.unwrap().summary.unwrap_or_default();
    assert!(summary.contains("NetworkPolicy closed"), "{summary}");

    crate::support::delete(&ground.api::<NetworkPolicy>(), "closed").await;
    let change = json!({"template": {"duration": "60s", "guards": {"minReady": 1}}});
    let run = start(&ground, "deployment", &fault, change).await;
    ground.seen(&run, FactName::EffectObserved).await;
    create::<NetworkPolicy>(&ground, policy).await;
    let run = ground.finished(&run).await;
    let status = run.status.unwrap();
    let reverting = status.facts.iter().find(|fact| fact.name == FactName::RevertStarted).unwrap();
    assert_eq!(reverting.reason, Some(Reason::Guard));
    assert!(reverting.detail.contains("NetworkPolicy closed"), "{}", reverting.detail);
}

/// The addresses that the policy of an egress outage leaves out.
async fn left_out(ground: &Ground) -> (String, String) {
    let policy = ground.api::<NetworkPolicy>().get("firedrill-deployment-web").await.unwrap();
    let mark = policy.labels().get("firedrill.dev/fault").cloned().unwrap_or_default();
    (serde_json::to_string(&policy.spec.unwrap().egress).unwrap(), mark)
}

#[tokio::test]
async fn an_egress_outage_follows_the_dependency_until_somebody_opens_it() {
    let ground = deployed("followed").await;
    let fault = outage(&json!({"egress": {"service": "db"}, "observe": variants::observe("db")}));
    let change = json!({"template": {"duration": "60s", "guards": {"minReady": 1}}});
    let run = start(&ground, "deployment", &fault, change).await;
    ground.seen(&run, FactName::EffectObserved).await;
    let (_, armed) = left_out(&ground).await;
    let pods = ground.api::<Pod>();
    let of_db = ListParams::default().labels("app=db");
    let old = pods.list(&of_db).await.unwrap().items.remove(0).name_any();
    crate::support::delete(&pods, &old).await;
    settled(&ground, Kind::Deployment, "db").await;
    let follows = async || {
        let now = pods.list(&of_db).await.ok()?.items;
        let pod = now.into_iter().find(|pod| pod.name_any() != old)?;
        let address = format!("{}/32", pod.status?.pod_ip?);
        let (addresses, mark) = left_out(&ground).await;
        (addresses.contains(&address) && mark == armed).then_some(())
    };
    eventually("the policy leaves out the new pod, under the same mark", 20, follows).await;

    let open = json!({"spec": {"egress": [{}]}});
    let by_hand =
        PatchParams { field_manager: Some("kubectl-edit".into()), ..PatchParams::default() };
    let policies = ground.api::<NetworkPolicy>();
    policies.patch("firedrill-deployment-web", &by_hand, &Patch::Merge(open)).await.unwrap();
    let new = pods.list(&of_db).await.unwrap().items.remove(0).name_any();
    crate::support::delete(&pods, &new).await;
    settled(&ground, Kind::Deployment, "db").await;
    ground.stop(&run).await;
    ground.finished(&run).await;
    let (addresses, mark) = left_out(&ground).await;
    assert_eq!((addresses.as_str(), mark.ends_with(".revoked")), ("[{}]", true), "{mark}");
}

#[tokio::test]
async fn a_crash_that_kubernetes_would_not_hold_back_needs_min_ready_zero() {
    let ground = deployed("unheld").await;
    let patch =
        json!([{"op": "remove", "path": "/spec/template/spec/containers/0/readinessProbe"}]);
    let patch: Patch<Deployment> = Patch::Json(serde_json::from_value(patch).unwrap());
    ground.api::<Deployment>().patch("web", &PatchParams::default(), &patch).await.unwrap();
    settled(&ground, Kind::Deployment, "web").await;
    let fault = json!({"badRollout": {"command": ["/bin/false"]}});
    let change = json!({"template": {"guards": {"minReady": 1}}});
    let run = start(&ground, "deployment", &fault, change).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Error), Some(Reason::MinReady)));
    let summary = run.status.unwrap().summary.unwrap_or_default();
    assert!(
        summary.contains("minReadySeconds") && summary.contains("guards.minReady: 0"),
        "{summary}"
    );
}
