//! Every fault that changes fields, in every variant, on every kind that it takes: the effect is
//! seen, and after the revert the namespace is as it was but for the tombstone.
//!
//! Beside one operator and one reaper that `make test` has started.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::collections::BTreeMap;

use firedrill::{
    api::{
        ExperimentRun,
        run::{ExperimentRunStatus, FactName, RecoveredBy, Verdict},
    },
    faults::Kind,
    shell::objects,
};
use futures::{StreamExt, stream};
use k8s_openapi::api::{
    apps::v1::{ControllerRevision, Deployment, ReplicaSet},
    core::v1::{ConfigMap, Pod, Service},
    discovery::v1::EndpointSlice,
    networking::v1::NetworkPolicy,
};
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use support::{Ground, eventually, verdict};

/// One fault in one variant on one kind of target.
struct Case {
    name: String,
    target: &'static str,
    fault: Value,
}

const KINDS: [&str; 3] = ["deployment", "statefulSet", "daemonSet"];

/// The variants of `badRollout`, by the field that is broken.
fn rollouts() -> Vec<(&'static str, Value)> {
    vec![
        ("image", json!({"image": "firedrill.invalid/none"})),
        ("command", json!({"command": ["/bin/false"]})),
        ("env-changed", json!({"env": {"name": "MODE", "value": "crash"}})),
        ("env-removed", json!({"env": {"name": "MODE"}})),
        ("env-added", json!({"env": {"name": "CRASH", "value": "yes"}})),
        ("config-map-key", json!({"configMapKey": {"env": "SETTING"}})),
        ("readiness-probe", json!({"readinessProbe": {}})),
        ("resources", json!({"resources": {}})),
    ]
}

/// The variants of `dependencyOutage`; `db` is the dependency and `web` asks it.
fn outages() -> Vec<(&'static str, Value)> {
    let observe = json!({"name": "reaches-db", "http": {"service": "web", "port": 80, "path": "/cgi-bin/db", "interval": "200ms"}});
    let outside = json!({"name": "reaches-outside", "http": {"service": "web", "port": 80, "path": "/cgi-bin/outside", "interval": "200ms"}});
    vec![
        ("blackhole", json!({"blackhole": {"service": "db"}})),
        ("external-name", json!({"externalName": {"service": "outside"}, "observe": outside})),
        ("scale-deployment", json!({"scaleToZero": {"deployment": "db"}})),
        ("scale-stateful-set", json!({"scaleToZero": {"statefulSet": "store"}})),
        ("egress", json!({"egress": {"service": "db"}, "observe": observe})),
    ]
}

fn cases() -> Vec<Case> {
    let rolled = KINDS.into_iter().flat_map(|target| {
        rollouts().into_iter().map(move |(name, fault)| Case {
            name: format!("badRollout {name} on {target}"),
            target,
            fault: json!({"badRollout": fault}),
        })
    });
    let out = outages().into_iter().map(|(name, fault)| Case {
        name: format!("dependencyOutage {name}"),
        target: "deployment",
        fault: json!({"dependencyOutage": fault}),
    });
    rolled.chain(out).collect()
}

/// A page that asks another host and passes on whether that answered.
fn asking(host: &str) -> String {
    format!(
        "printf '#!/bin/sh\\nif echo | nc -w 1 {host} 80 >/dev/null 2>&1; then echo; echo ok; else printf \"Status: 503\\\\r\\\\n\\\\r\\\\n\"; fi\\n'"
    )
}

fn template() -> Value {
    let script = format!(
        "[ \"$MODE\" = serve ] && [ -z \"$CRASH\" ] || exit 1; mkdir -p /tmp/w/cgi-bin; echo ok > /tmp/w/index.html; \
         {} > /tmp/w/cgi-bin/db; {} > /tmp/w/cgi-bin/outside; chmod +x /tmp/w/cgi-bin/*; exec httpd -f -p 8080 -h /tmp/w",
        asking("db"),
        asking("outside")
    );
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [{
            "name": "web", "image": "registry.local/busybox:1", "imagePullPolicy": "Never",
            "command": ["sh", "-c", script],
            "env": [
                {"name": "FIRST", "value": "1"},
                {"name": "MODE", "value": "serve"},
                {"name": "SETTING", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}},
            ],
            "readinessProbe": {"httpGet": {"path": "/index.html", "port": 8080}, "periodSeconds": 1},
        }]},
    })
}

/// A namespace with `web` of that kind, its dependency `db`, `store` and a name outside.
async fn stage(name: &str, target: &str) -> Ground {
    let ground = Ground::bare(name, json!({"firedrill.dev/enabled": "true"})).await;
    let settings = json!({"metadata": {"name": "settings"}, "data": {"colour": "green"}});
    create::<ConfigMap>(&ground, settings).await;
    let selector = json!({"matchLabels": {"app": "web"}});
    let mut spec = json!({"selector": selector, "template": template()});
    let kind = match target {
        "statefulSet" => Kind::StatefulSet,
        "daemonSet" => Kind::DaemonSet,
        _ => Kind::Deployment,
    };
    if kind != Kind::DaemonSet {
        spec["replicas"] = json!(2);
    }
    if kind == Kind::StatefulSet {
        spec["serviceName"] = json!("web");
    }
    dynamic(&ground, kind, json!({"metadata": {"name": "web"}, "spec": spec})).await;
    for (kind, name) in [(Kind::Deployment, "db"), (Kind::StatefulSet, "store")] {
        let mut spec = json!({
            "replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [{
                "name": "c", "image": "registry.local/busybox:1", "imagePullPolicy": "Never",
                "command": ["sh", "-c", "mkdir -p /tmp/w; exec httpd -f -p 8080 -h /tmp/w"]}]}},
        });
        if kind == Kind::StatefulSet {
            spec["serviceName"] = json!(name);
        }
        dynamic(&ground, kind, json!({"metadata": {"name": name}, "spec": spec})).await;
    }
    for name in ["web", "db"] {
        let spec = json!({"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]});
        create::<Service>(&ground, json!({"metadata": {"name": name}, "spec": spec})).await;
    }
    let outside = format!("db.{}.svc.cluster.local", ground.namespace);
    let spec = json!({"type": "ExternalName", "externalName": outside});
    create::<Service>(&ground, json!({"metadata": {"name": "outside"}, "spec": spec})).await;
    settled(&ground, kind, "web").await;
    settled(&ground, Kind::Deployment, "db").await;
    settled(&ground, Kind::StatefulSet, "store").await;
    ground
}

async fn create<K>(ground: &Ground, value: Value)
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + serde::Serialize
        + serde::de::DeserializeOwned
        + Clone
        + std::fmt::Debug,
{
    let object = serde_json::from_value(value).unwrap();
    ground.api::<K>().create(&PostParams::default(), &object).await.unwrap();
}

async fn dynamic(ground: &Ground, kind: Kind, mut value: Value) {
    let api: Api<DynamicObject> = objects::api(&ground.client, kind, Some(&ground.namespace));
    value["apiVersion"] = json!("apps/v1");
    value["kind"] = json!(kind.to_string());
    api.create(&PostParams::default(), &serde_json::from_value(value).unwrap()).await.unwrap();
}

/// Waits until every pod is made from the present template and ready.
async fn settled(ground: &Ground, kind: Kind, name: &str) {
    eventually("the workload is ready", 90, async || {
        let object = read(ground, kind, name).await?;
        let (spec, status) = (&object["spec"], &object["status"]);
        let (desired, ready, updated) = match kind {
            Kind::DaemonSet => ("desiredNumberScheduled", "numberReady", "updatedNumberScheduled"),
            _ => ("replicas", "readyReplicas", "updatedReplicas"),
        };
        let wanted = if kind == Kind::DaemonSet {
            status[desired].as_i64()?
        } else {
            spec["replicas"].as_i64()?
        };
        let current = status["observedGeneration"] == object["metadata"]["generation"];
        let whole =
            status[ready].as_i64() == Some(wanted) && status[updated].as_i64() == Some(wanted);
        let alone = kind == Kind::DaemonSet || status["replicas"].as_i64() == Some(wanted);
        (current && whole && alone && wanted > 0).then_some(())
    })
    .await;
}

async fn read(ground: &Ground, kind: Kind, name: &str) -> Option<Value> {
    let found = objects::read(&ground.client, kind, &ground.namespace, name).await.ok()??;
    Some(found.value)
}

/// Everything in the namespace that a fault may have changed, without what the server writes itself.
async fn snapshot(ground: &Ground) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for kind in [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Service] {
        let api = objects::api(&ground.client, kind, Some(&ground.namespace));
        for item in api.list(&ListParams::default()).await.unwrap() {
            let mut value = serde_json::to_value(&item).unwrap();
            value.as_object_mut().unwrap().remove("status");
            let metadata = value["metadata"].as_object_mut().unwrap();
            for written in ["resourceVersion", "generation", "managedFields"] {
                metadata.remove(written);
            }
            let labels = metadata.get_mut("labels").and_then(Value::as_object_mut);
            if let Some(labels) = labels {
                labels.remove("firedrill.dev/fault");
                if labels.is_empty() {
                    metadata.remove("labels");
                }
            }
            if let Some(annotations) =
                metadata.get_mut("annotations").and_then(Value::as_object_mut)
            {
                annotations.remove("deployment.kubernetes.io/revision");
                annotations.remove("deprecated.daemonset.template.generation");
                if annotations.is_empty() {
                    metadata.remove("annotations");
                }
            }
            found.insert(format!("{kind} {}", item.name_any()), value);
        }
    }
    let revisions = ground.api::<ControllerRevision>().list(&ListParams::default()).await.unwrap();
    for revision in revisions {
        found.insert(format!("ControllerRevision {}", revision.name_any()), json!(revision.data));
    }
    let sets = ground.api::<ReplicaSet>().list(&ListParams::default()).await.unwrap();
    for set in sets {
        let template = set.spec.as_ref().and_then(|spec| spec.template.clone());
        found.insert(
            format!("ReplicaSet {}", set.name_any()),
            serde_json::to_value(template).unwrap(),
        );
    }
    found
}

async fn start(ground: &Ground, case: &Case, change: Value) -> ExperimentRun {
    let mut body = json!({"template": {
        "target": {"deployment": null}, "fault": {"podKill": null}, "duration": "8s", "tolerates": false,
        "steadyState": [{"name": "answers", "http": {"service": "web", "port": 80, "path": "/index.html", "interval": "200ms"}}],
        "recovery": {"within": "60s", "stableFor": "1s"},
    }});
    body["template"]["target"][case.target] = json!("web");
    support::merge(&mut body["template"]["fault"], case.fault.clone());
    support::merge(&mut body, change);
    ground.run(body).await
}

/// Runs one case and says what is wrong, if something is.
async fn exercise(case: Case) -> Result<(), String> {
    let ground = stage("fault", case.target).await;
    let before = snapshot(&ground).await;
    let run = start(&ground, &case, json!({})).await;
    let run = ground.finished(&run).await;
    let status = run.status.clone().unwrap_or_default();
    let outcome = format!("{:?} {}", verdict(&run), status.summary.clone().unwrap_or_default());
    for name in [FactName::Injected, FactName::EffectObserved, FactName::Reverted] {
        if status.fact(name).is_none() {
            return Err(format!("{name:?} was not seen: {outcome}"));
        }
    }
    if matches!(status.verdict, None | Some(Verdict::Error | Verdict::Aborted)) {
        return Err(outcome);
    }
    let kind = match case.target {
        "statefulSet" => Kind::StatefulSet,
        "daemonSet" => Kind::DaemonSet,
        _ => Kind::Deployment,
    };
    for (kind, name) in [(kind, "web"), (Kind::Deployment, "db"), (Kind::StatefulSet, "store")] {
        settled(&ground, kind, name).await;
    }
    let after = snapshot(&ground).await;
    differences(&before, &after)
}

fn differences(
    before: &BTreeMap<String, Value>,
    after: &BTreeMap<String, Value>,
) -> Result<(), String> {
    let names: Vec<_> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (old, new) = (before.get(name), after.get(name));
        if old != new {
            let text = |value: Option<&Value>| value.map(Value::to_string).unwrap_or_default();
            return Err(format!("{name} is not as it was:\n  {}\n  {}", text(old), text(new)));
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_takes_effect_and_leaves_nothing_behind() {
    let cases = cases();
    let count = cases.len();
    let outcomes: Vec<(String, Result<(), String>)> = stream::iter(cases)
        .map(|case| async move { (case.name.clone(), exercise(case).await) })
        .buffer_unordered(4)
        .collect()
        .await;
    let mut failed = Vec::new();
    for (name, outcome) in outcomes {
        match outcome {
            Ok(()) => println!("  ✓ {name}"),
            Err(problem) => {
                println!("  ✗ {name}: {problem}");
                failed.push(name);
            }
        }
    }
    let held = count - failed.len();
    let evidence = json!({"cases": count, "held": held, "failed": failed});
    std::fs::create_dir_all("target/evidence").unwrap();
    std::fs::write("target/evidence/faults.json", evidence.to_string()).unwrap();
    println!("faults: {held}/{count} took effect and left nothing behind");
    assert!(failed.is_empty(), "{failed:?}");
}

fn bad_image() -> Case {
    Case {
        name: "image".to_owned(),
        target: "deployment",
        fault: json!({"badRollout": {"image": "firedrill.invalid/none"}}),
    }
}

/// The variant of `dependencyOutage` of that name.
fn outage(wanted: &str) -> Case {
    let mut found = outages().into_iter().filter(|(name, _)| *name == wanted);
    let fault = json!({"dependencyOutage": found.next().unwrap().1});
    Case { name: wanted.to_owned(), target: "deployment", fault }
}

/// A steady state without which the dependency is out of reach.
fn reaches_db() -> Value {
    json!([{"name": "reaches-db", "tcp": {"service": "db", "port": 80, "interval": "200ms"}}])
}

/// The run after somebody has changed the target in mid-fault.
async fn with_fix(ground: &Ground, fix: impl AsyncFnOnce(&Ground)) -> ExperimentRunStatus {
    let run = start(ground, &bad_image(), json!({"template": {"duration": "30s"}})).await;
    ground.seen(&run, FactName::EffectObserved).await;
    fix(ground).await;
    eventually("the fix is written down", 20, async || {
        let run = ground.api::<ExperimentRun>().get(&run.name_any()).await.ok()?;
        run.status?.impact?.ended_by
    })
    .await;
    ground.stop(&run).await;
    ground.finished(&run).await.status.unwrap()
}

async fn image(ground: &Ground) -> String {
    let web = ground.api::<Deployment>().get("web").await.unwrap();
    web.spec.unwrap().template.spec.unwrap().containers[0].image.clone().unwrap()
}

#[tokio::test]
async fn a_fix_that_somebody_makes_is_left_alone_and_attributed() {
    let ground = stage("fixed", "deployment").await;
    let status = with_fix(&ground, async |ground| {
        let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "registry.local/busybox:1", "imagePullPolicy": "IfNotPresent"}]}}}});
        let params = PatchParams { field_manager: Some("kubectl-set".into()), ..PatchParams::default() };
        ground.api::<Deployment>().patch("web", &params, &Patch::Strategic(patch)).await.unwrap();
    })
    .await;
    let ending = status.impact.unwrap().ended_by.unwrap();
    assert_eq!((ending.restored, ending.by.as_str()), (true, "kubectl-set (Update)"));
    assert_eq!(image(&ground).await, "registry.local/busybox:1");
}

#[tokio::test]
async fn an_undo_in_mid_fault_is_a_rollback_and_the_fault_does_not_come_back() {
    let ground = stage("undone", "deployment").await;
    let status = with_fix(&ground, async |ground| {
        let undo = std::process::Command::new("kubectl")
            .args(["-n", &ground.namespace, "rollout", "undo", "deployment/web"])
            .status();
        assert!(undo.unwrap().success());
    })
    .await;
    assert!(status.impact.unwrap().ended_by.unwrap().restored);
    let web = ground.api::<Deployment>().get("web").await.unwrap();
    let label = web.labels().get("firedrill.dev/fault").cloned().unwrap_or_default();
    assert!(label.ends_with(".revoked"), "{label}");
    assert!(!web.annotations().keys().any(|name| firedrill::api::names::is_of_fault(name)));
    assert_eq!(image(&ground).await, "registry.local/busybox:1");
}

#[tokio::test]
async fn a_recovery_that_only_our_revert_brings_is_no_yes() {
    let ground = stage("ended", "deployment").await;
    let change = json!({"template": {"steadyState": reaches_db(), "detection": {"within": "2s"}}});
    let run = start(&ground, &outage("scale-deployment"), change).await;
    let status = ground.finished(&run).await.status.unwrap();
    let recovery = status.recovery.unwrap();
    assert_eq!(recovery.by, Some(RecoveredBy::FaultEnded), "{recovery:?}");
    assert_eq!(recovery.answer, firedrill::api::run::Answer::No);
    assert_eq!(status.verdict, Some(Verdict::ObjectiveMissed));
}

/// The outage is real at first; then the dependency answers again under its old name.
#[tokio::test]
async fn an_outage_that_ends_early_is_told_with_the_gap_and_proves_nothing() {
    let ground = stage("early", "deployment").await;
    let change = json!({"template": {"steadyState": reaches_db(), "duration": "20s", "detection": {"within": "2s"}, "recovery": {"stableFor": "4s"}}});
    let run = start(&ground, &outage("blackhole"), change).await;
    ground.seen(&run, FactName::EffectObserved).await;
    let pod = ground.api::<Pod>().list(&ListParams::default().labels("app=db")).await.unwrap();
    let pod = pod.items.into_iter().next().unwrap();
    let address = pod.status.unwrap().pod_ip.unwrap();
    let slice = json!({
        "metadata": {"name": "db-by-hand", "labels": {"kubernetes.io/service-name": "db"}},
        "addressType": "IPv4", "ports": [{"port": 8080}], "endpoints": [{"addresses": [address], "conditions": {"ready": true}}],
    });
    create::<EndpointSlice>(&ground, slice).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Inconclusive), "FaultNotObserved"));
    let status = run.status.unwrap();
    let gaps = status.impact.unwrap().gaps;
    let gap = gaps.iter().find(|gap| gap.of == "fault").expect("the gap is written down");
    let reverting = status.facts.iter().find(|fact| fact.name == FactName::RevertStarted).unwrap();
    let injected = status.facts.iter().find(|fact| fact.name == FactName::Injected).unwrap();
    assert!(injected.at < gap.from && gap.from < gap.to && gap.to <= reverting.at, "{gap:?}");
    let summary = status.summary.unwrap_or_default();
    assert!(summary.contains("although nobody had ended it"), "{summary}");
}

#[tokio::test]
async fn an_egress_that_somebody_else_restricts_is_refused_by_name() {
    let ground = stage("closed", "deployment").await;
    let policy = json!({"metadata": {"name": "closed"}, "spec": {
        "podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"], "egress": [{}]}});
    create::<NetworkPolicy>(&ground, policy).await;
    let run = start(&ground, &outage("egress"), json!({})).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Error), "TargetFound"));
    let summary = run.status.unwrap().summary.unwrap_or_default();
    assert!(summary.contains("NetworkPolicy closed"), "{summary}");
}

#[tokio::test]
async fn a_crash_that_kubernetes_would_not_hold_back_needs_min_ready_zero() {
    let ground = stage("unheld", "deployment").await;
    let patch =
        json!([{"op": "remove", "path": "/spec/template/spec/containers/0/readinessProbe"}]);
    let patch: Patch<Deployment> = Patch::Json(serde_json::from_value(patch).unwrap());
    ground.api::<Deployment>().patch("web", &PatchParams::default(), &patch).await.unwrap();
    settled(&ground, Kind::Deployment, "web").await;
    let case = Case {
        name: "command".to_owned(),
        target: "deployment",
        fault: json!({"badRollout": {"command": ["/bin/false"]}}),
    };
    let run = start(&ground, &case, json!({"template": {"guards": {"minReady": 1}}})).await;
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Error), "MinReady"));
    let summary = run.status.unwrap().summary.unwrap_or_default();
    assert!(
        summary.contains("minReadySeconds") && summary.contains("guards.minReady: 0"),
        "{summary}"
    );
}
