//! What led up to a run, read from a real API server: rollouts, config changes, scaling, events.

use crate::support::{Ground, eventually};
use firedrill::{
    api::{
        Debrief, Duration, ExperimentRun, Moment,
        debrief::{Policy, Stage, TimelineEntry},
    },
    debrief::{self, LeadUp, leadup::Period},
    shell::{
        clock::{Ahead, Wall},
        debrief::record_with,
        leadup,
    },
};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Pod},
    rbac::v1::RoleBinding,
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;

/// A value that must never be read, let alone be told.
const SECRET_VALUE: &str = "value-that-nobody-reads";

fn now() -> Moment {
    Moment::new(jiff::Timestamp::now())
}

/// Rolls out a second revision that names a `ConfigMap`, edits that, scales to three.
async fn change(ground: &Ground) {
    let settings = json!({"metadata": {"name": "settings"}, "data": {"GREETING": "hello"}});
    let settings: ConfigMap = serde_json::from_value(settings).unwrap();
    ground.api::<ConfigMap>().create(&PostParams::default(), &settings).await.unwrap();
    let rollout = json!({
        "metadata": {"annotations": {"kubernetes.io/change-cause": "greet people"}},
        "spec": {"template": {"spec": {"containers": [{
            "name": "web", "envFrom": [{"configMapRef": {"name": "settings"}}],
        }]}}},
    });
    let params = |manager: &str| PatchParams {
        field_manager: Some(manager.to_owned()),
        ..PatchParams::default()
    };
    let web = ground.api::<Deployment>();
    web.patch("web", &params("kubectl-set"), &Patch::Strategic(rollout)).await.unwrap();
    ground.ready(2).await;
    // Managed fields know whole seconds; within one, a change counts as the creation.
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    let edit = json!({"data": {"GREETING": SECRET_VALUE}});
    let settings = ground.api::<ConfigMap>();
    settings.patch("settings", &params("kubectl-edit"), &Patch::Merge(edit)).await.unwrap();
    let three = json!({"spec": {"replicas": 3}});
    web.patch_scale("web", &params("kubectl"), &Patch::Merge(three)).await.unwrap();
    ground.ready(3).await;
}

/// Kills one pod and gives the run as an operator would have written it.
async fn kill(ground: &Ground) -> ExperimentRun {
    let web = ground.api::<Deployment>().get("web").await.unwrap();
    let replicas = web.spec.as_ref().unwrap().replicas.unwrap();
    let pod = ground.pods().await.remove(0);
    let injected = now();
    ground.api::<Pod>().delete(&pod.name_any(), &DeleteParams::default()).await.unwrap();
    let accepted = now();
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    ground.ready(replicas).await;
    let mut spec = crate::support::spec();
    crate::support::merge(&mut spec, json!({"fault": {"podKill": {"count": 1}}}));
    let fact = |name: &str, not_before: Moment, at: Moment| json!({"name": name, "at": at, "notBefore": not_before, "source": "operator"});
    let end = now();
    let mut reverting = fact("revertStarted", end, end);
    reverting["reason"] = json!("Ended");
    let run = json!({
        "metadata": {"name": "kill-x", "namespace": ground.namespace, "uid": "the-run"},
        "spec": {"experiment": "kill"},
        "status": {
            "plan": {
                "experiment": {"specHash": "aa", "faultHash": "bb"}, "spec": spec, "count": replicas,
                "victims": [{"kind": "Pod", "name": pod.name_any(), "uid": pod.uid(), "resourceVersion": "1", "round": 1}],
                "workloads": [{"kind": "Deployment", "name": "web", "uid": web.uid()}],
            },
            "facts": [
                fact("injected", injected, accepted), fact("recovered", accepted, end), reverting,
            ],
            "detection": {"answer": "No", "tier": "None", "headline": "No"},
            "recovery": {"answer": "Yes", "tier": "Within1m", "automatic": true, "headline": "3s"},
            "verdict": "ObjectiveMissed",
        },
    });
    serde_json::from_value(run).unwrap()
}

/// A client of the user `reader`, who may do nothing until it is granted.
async fn reader() -> Client {
    let path = std::env::var("FIREDRILL_TEST_CLUSTER").unwrap();
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    config.auth_info.impersonate = Some("reader".to_owned());
    Client::try_from(config).unwrap()
}

/// That client once it may do in this namespace what the operator may.
async fn granted(ground: &Ground) -> Client {
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "operator"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "firedrill-operator"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}],
    }))
    .unwrap();
    ground.api::<RoleBinding>().create(&PostParams::default(), &binding).await.unwrap();
    let reader = reader().await;
    let deployments: Api<Deployment> = Api::namespaced(reader.clone(), &ground.namespace);
    // The API server judges by a cache, which has the binding a moment later.
    eventually("the rights are there", 20, async || deployments.get("web").await.ok()).await;
    reader
}

async fn collect(client: &Client, run: &ExperimentRun) -> LeadUp {
    leadup::collect(client, run, &Period::of(run.status.as_ref().unwrap()).unwrap()).await
}

#[track_caller]
fn find<'a>(lead_up: &'a LeadUp, kind: &str, source: &str, says: &str) -> &'a TimelineEntry {
    let fits = |entry: &&TimelineEntry| {
        entry.kind == kind && entry.source.starts_with(source) && entry.text.contains(says)
    };
    lead_up
        .entries
        .iter()
        .find(fits)
        .unwrap_or_else(|| panic!("no {kind} {source} {says:?} in {lead_up:#?}"))
}

#[tokio::test]
async fn the_day_before_is_told_with_the_operators_own_rights_and_nothing_secret() {
    let ground = Ground::new("leadup").await;
    change(&ground).await;
    let run = kill(&ground).await;
    let reader = granted(&ground).await;
    let lead_up = collect(&reader, &run).await;

    find(
        &lead_up,
        "rollout",
        "deployment/web",
        "revision 1 rolled out: web registry.local/busybox:1",
    );
    find(
        &lead_up,
        "rollout",
        "deployment/web",
        "revision 2 rolled out: same images as before; change cause: greet people",
    );
    find(
        &lead_up,
        "rollout",
        "deployment/web",
        "last written by kubectl-set (Update): envFrom of web",
    );
    find(
        &lead_up,
        "config",
        "configmap/settings",
        "last written by kubectl-edit (Update): keys GREETING",
    );
    find(&lead_up, "scale", "deployment/web", "Scaled up replica set web-");
    find(&lead_up, "config", "service/web", "created by");
    let victim = &run.status.as_ref().unwrap().journal.as_ref().unwrap().victims[0].name;
    find(&lead_up, "event", &format!("pod/{victim}"), "Killing");
    assert!(lead_up.entries.is_sorted_by_key(|entry| entry.at));
    assert!(lead_up.horizon.contains("the oldest one seen here is from"), "{}", lead_up.horizon);
    assert!(!lead_up.horizon.contains("Could not be read"), "{}", lead_up.horizon);
    let state = &lead_up.target_state;
    assert!(state[0].starts_with("deployment/web: revision 2 (web-"), "{state:?}");
    assert!(state[0].ends_with("; replicas were set by kubectl"), "{state:?}");
    assert!(!format!("{lead_up:?}").contains(SECRET_VALUE));
}

#[tokio::test]
async fn a_reader_without_rights_says_what_it_could_not_read() {
    let ground = Ground::new("leadup-blind").await;
    let run = kill(&ground).await;
    let lead_up = collect(&reader().await, &run).await;
    assert_eq!(lead_up.entries, []);
    let said = "Could not be read: Deployment web (Forbidden), Service web (Forbidden), the autoscalers (Forbidden) and 1 more.";
    assert!(lead_up.horizon.contains(said), "{}", lead_up.horizon);
}

#[tokio::test]
async fn the_server_takes_the_debrief_once_and_never_lets_its_evidence_change() {
    let ground = Ground::new("leadup-record").await;
    let run = kill(&ground).await;
    let operator = granted(&ground).await;
    let (policy, calendar) = (Policy::default(), Ahead::of(Wall::machine(), Duration::ZERO));
    let held_by = (&policy, &calendar);
    let record = async |run| record_with((&operator, &operator), run, held_by).await.unwrap();
    let name = record(&run).await.unwrap();
    let mut again = run.clone();
    again.metadata.uid = Some("another-run".to_owned());
    for run in [&run, &again] {
        assert_eq!(record(run).await, Some(name.clone()));
    }
    let debriefs: Api<Debrief> = ground.api();
    let found = debriefs.get(&name).await.unwrap();
    assert!(debrief::render(&found).contains("Killing"), "the events are on the page");
    let told = ground
        .becomes("its controller has seen it", 20, &name, |found: &Debrief| found.status.is_some());
    let status = told.await.status.unwrap();
    assert_eq!((status.stage, status.repeats), (Some(Stage::AwaitingDebrief), 0));
    assert_eq!(status.missed.as_deref(), Some("Detection"));

    let forged = Patch::Merge(json!({"spec": {"evidence": {"pods": 7}}}));
    let refused = debriefs.patch(&name, &PatchParams::default(), &forged).await.unwrap_err();
    assert!(refused.to_string().contains("the evidence is written once"), "{refused}");
    let retitled = Patch::Merge(json!({"spec": {"title": "Losing a web pod went unnoticed"}}));
    debriefs.patch(&name, &PatchParams::default(), &retitled).await.unwrap();
}
