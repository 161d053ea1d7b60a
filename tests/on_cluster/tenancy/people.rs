//! What people can do: what they could do by hand, and nothing by way of firedrill.

use firedrill::api::{
    ExperimentRun, names,
    run::{Reason, Verdict},
};
use http::Method;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, Role, RoleBinding};
use kube::{Api, ResourceExt, api::PostParams};
use serde_json::{Value, json};

use super::{
    Tally, armed, as_runner, bind, granted,
    identity::{Answer, Identity},
    may, place, resource, user,
};
use crate::support::{self, Ground, Operator, audit::Audit, eventually, merge, spec, verdict};

/// The default experiment with a change.
fn changed(change: Value) -> Value {
    let mut spec = spec();
    merge(&mut spec, change);
    spec
}

/// A person who may write and start experiments in `ground`, and change its workloads, but not delete
/// or evict its pods.
async fn harmless(ground: &Ground) -> Identity {
    let person = Identity::person("harmless").await;
    let role: Role = serde_json::from_value(json!({
        "metadata": {"name": "harmless"},
        "rules": [
            {"apiGroups": ["firedrill.dev"], "resources": ["experiments", "experimentruns"], "verbs": ["*"]},
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "patch"]},
            {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "list", "patch"]},
        ],
    }))
    .unwrap();
    ground.api::<Role>().create(&PostParams::default(), &role).await.unwrap();
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "harmless"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "harmless"},
        "subjects": user(&person.name),
    }))
    .unwrap();
    ground.api::<RoleBinding>().create(&PostParams::default(), &binding).await.unwrap();
    granted(&person, ground, "create", "experiments").await;
    person
}

#[tokio::test]
async fn a_person_breaks_nothing_that_he_could_not_break_himself() {
    let _operator = Operator::start("{}");
    let (here, there) = (Ground::new("here").await, Ground::new("there").await);
    let theirs = resource("Experiment", "theirs", spec());
    place(&there, "apis/firedrill.dev/v1alpha1", "experiments", "theirs", theirs).await;
    let person = harmless(&here).await;
    let audit = Audit::begin();
    let mut tally = Tally::default();
    for (what, words, answer) in refused_at_once(&here, &there, &person).await {
        let refused = matches!(answer.code, 403 | 422) && answer.words.contains(&words);
        tally.expect(refused, || format!("{what}: expected {words:?}: {answer:?}"));
    }
    for (what, words, answer) in other_faults(&here, &person).await {
        let holds = if words.is_empty() { answer.is_done() } else { answer.is_refusal(words) };
        tally.expect(holds, || format!("{what}: expected {words:?}: {answer:?}"));
    }
    for (what, reason, run) in accepted_in_vain(&here, &there, &person).await {
        let run = here.finished(&run).await;
        let summary = run.status.clone().unwrap().summary.unwrap_or_default();
        let ended = verdict(&run) == (Some(Verdict::Error), Some(reason));
        tally.expect(ended && !summary.is_empty(), || {
            format!("{what}: {:?}: {summary}", verdict(&run))
        });
    }
    let outside = audit.writes(|write| {
        write.namespace == there.namespace && write.is_done() && !write.is_cluster_s_own()
    });
    tally.expect(outside.is_empty(), || format!("effects outside: {outside:?}"));
    let inside = audit.writes(|write| write.namespace == here.namespace && write.harms_pods());
    tally.expect(inside.is_empty(), || format!("effects inside: {inside:?}"));
    tally.conclude("attempts of a person without the right to delete pods, each without effect and with its reason");
}

/// What the API server refuses to a harmless person, each with the words that say why.
async fn refused_at_once(
    here: &Ground,
    there: &Ground,
    person: &Identity,
) -> Vec<(&'static str, String, Answer)> {
    let folder = |ground: &Ground, kind: &str| {
        format!("apis/firedrill.dev/v1alpha1/namespaces/{}/{kind}", ground.namespace)
    };
    let (experiments, runs) = (folder(here, "experiments"), folder(here, "experimentruns"));
    let experiment = |name: &str, change: Value| resource("Experiment", name, changed(change));
    let template = |change: Value| json!({"experiment": "mine", "template": changed(change)});
    let delete = json!({"fault": {"podKill": {"method": "Delete"}}});
    let outside = json!({"target": {"deployment": format!("../{}/web", there.namespace)}});
    let mut tried: Vec<(&'static str, String, Answer)> = Vec::new();
    let mut note = |what, words: &str, answer| tried.push((what, words.to_owned(), answer));
    note(
        "an Experiment that evicts",
        "spec.fault.podKill: harmless may not create pods/eviction in namespace",
        person.create(&experiments, &experiment("mine", json!({}))).await,
    );
    note(
        "an Experiment that deletes",
        "spec.fault.podKill: harmless may not delete pods in namespace",
        person.create(&experiments, &experiment("mine", delete.clone())).await,
    );
    note(
        "a run that evicts",
        "spec.template.fault.podKill: harmless may not create pods/eviction",
        person.create(&runs, &resource("ExperimentRun", "mine", template(json!({})))).await,
    );
    note(
        "a run that deletes",
        "spec.template.fault.podKill: harmless may not delete pods",
        person.create(&runs, &resource("ExperimentRun", "mine", template(delete))).await,
    );
    note(
        "a target in another namespace",
        "spec.template.target.deployment",
        person.create(&runs, &resource("ExperimentRun", "mine", template(outside))).await,
    );
    note(
        "an Experiment of another namespace",
        "spec.experiment",
        person
            .create(
                &runs,
                &resource(
                    "ExperimentRun",
                    "mine",
                    json!({"experiment": format!("{}/theirs", there.namespace)}),
                ),
            )
            .await,
    );
    note(
        "an Experiment elsewhere",
        "cannot create resource \"experiments\"",
        person.create(&folder(there, "experiments"), &experiment("mine", json!({}))).await,
    );
    note(
        "a run elsewhere",
        "cannot create resource \"experimentruns\"",
        person
            .create(
                &folder(there, "experimentruns"),
                &resource("ExperimentRun", "mine", json!({"experiment": "theirs"})),
            )
            .await,
    );
    for (what, ground) in [("the runner's rights", here), ("the runner's rights elsewhere", there)]
    {
        note(what, "cannot impersonate", as_runner(person, ground, "any").await);
    }
    let pods = format!("api/v1/namespaces/{}/pods", here.namespace);
    note(
        "a deletion",
        "cannot delete resource \"pods\"",
        person.would_delete(&format!("{pods}/any")).await,
    );
    let label = [
        json!({"op": "add", "path": "/metadata/labels", "value": {"firedrill.dev/enabled": "true"}}),
    ];
    note(
        "an opt-in elsewhere",
        "cannot patch resource \"namespaces\"",
        person.would_patch(&format!("api/v1/namespaces/{}", there.namespace), &label).await,
    );
    note(
        "a Lease that says that a reaper lives",
        "cannot create resource \"leases\"",
        person
            .create(
                "apis/coordination.k8s.io/v1/namespaces/firedrill-reaper/leases",
                &json!({"metadata": {"name": "firedrill-reaper"}}),
            )
            .await,
    );
    tried
}

/// Experiments with faults that change objects: what is said where the person may not change such
/// objects by hand; nothing where that is allowed.
async fn other_faults(
    here: &Ground,
    person: &Identity,
) -> Vec<(&'static str, &'static str, Answer)> {
    let path =
        format!("apis/firedrill.dev/v1alpha1/namespaces/{}/experiments?dryRun=All", here.namespace);
    let observe = json!({"name": "answers", "tcp": {"service": "web", "port": 80}});
    let rollout = json!({"badRollout": {"image": "firedrill.invalid/none"}});
    let outage = |change: Value| {
        let mut outage = json!({"observe": observe});
        merge(&mut outage, change);
        json!({"dependencyOutage": outage})
    };
    let mut answers = Vec::new();
    for (what, words, target, fault) in [
        ("a rollout of a Deployment", "", "deployment", rollout.clone()),
        (
            "a rollout of a StatefulSet",
            "spec.fault.badRollout: harmless may not patch statefulsets",
            "statefulSet",
            rollout.clone(),
        ),
        (
            "a rollout of a DaemonSet",
            "spec.fault.badRollout: harmless may not patch daemonsets",
            "daemonSet",
            rollout,
        ),
        ("a blackhole", "", "deployment", outage(json!({"blackhole": {"service": "web"}}))),
        ("a swapped name", "", "deployment", outage(json!({"externalName": {"service": "web"}}))),
        (
            "a blocked egress",
            "spec.fault.dependencyOutage.egress: harmless may not create networkpolicies",
            "deployment",
            outage(json!({"egress": {"service": "web"}})),
        ),
        (
            "a Deployment scaled to zero",
            "",
            "deployment",
            outage(json!({"scaleToZero": {"deployment": "web"}})),
        ),
        (
            "a StatefulSet scaled to zero",
            "spec.fault.dependencyOutage.scaleToZero: harmless may not patch statefulsets",
            "deployment",
            outage(json!({"scaleToZero": {"statefulSet": "web"}})),
        ),
    ] {
        let mut spec = changed(json!({"target": null, "fault": null}));
        spec["target"] = json!({target: "web"});
        spec["fault"] = fault;
        answers.push((
            what,
            words,
            person.create(&path, &resource("Experiment", "other", spec)).await,
        ));
    }
    answers
}

/// Runs that the API server takes from a harmless person and that come to nothing, each with its reason.
async fn accepted_in_vain(
    here: &Ground,
    there: &Ground,
    person: &Identity,
) -> Vec<(&'static str, Reason, ExperimentRun)> {
    let folder =
        format!("apis/firedrill.dev/v1alpha1/namespaces/{}/experimentruns", here.namespace);
    let web = format!("apis/apps/v1/namespaces/{}/deployments/web", here.namespace);
    // A forged fault on a target of their own: nothing comes of it that they could not write by hand.
    let forged = json!({"metadata": {
        "labels": {"firedrill.dev/fault": armed::ARMED},
        "annotations": {"firedrill.dev/deadline": "2026-01-01T00:00:00.000000Z", "firedrill.dev/was-image": "\"evil\""},
    }});
    assert!(person.ask(Method::PATCH, &web, "merge-patch+json", &forged).await.is_done());
    // A forged journal that names the other namespace's pods as victims.
    let victim = there.pods().await[0].clone();
    let mut run = resource("ExperimentRun", "forged", json!({"experiment": "absent"}));
    run["metadata"]["labels"] =
        json!({"firedrill.dev/run": "forged", "firedrill.dev/experiment": "theirs"});
    run["metadata"]["finalizers"] = json!([names::FINALIZER]);
    run["status"] = json!({"plan": {"victims": [{"kind": "Pod", "name": victim.name_any(), "uid": victim.uid(), "resourceVersion": victim.resource_version(), "ready": true, "round": 1}]}});
    let mut runs = Vec::new();
    for (what, reason, run) in [
        ("a forged journal", Reason::ExperimentNotFound, run),
        (
            "an Experiment that is only elsewhere",
            Reason::ExperimentNotFound,
            resource("ExperimentRun", "elsewhere", json!({"experiment": "theirs"})),
        ),
    ] {
        let answer = person.create(&folder, &run).await;
        assert!(answer.is_done(), "{what}: {answer:?}");
        let created = here
            .api::<ExperimentRun>()
            .get(run["metadata"]["name"].as_str().unwrap())
            .await
            .unwrap();
        runs.push((what, reason, created));
    }
    runs
}

#[tokio::test]
async fn the_lever_names_nobody_but_who_pulls_it() {
    let person = Identity::person("puller").await;
    let client = support::client().await;
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    let binding = serde_json::from_value(json!({
        "metadata": {"generateName": "firedrill-test-lever-"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "firedrill-lever"},
        "subjects": user("puller"),
    }))
    .unwrap();
    let binding = bindings.create(&PostParams::default(), &binding).await.unwrap();
    let lever = |by: Value| resource("SafetyLever", "cluster", json!({"engaged": true, "by": by}));
    let path = "apis/firedrill.dev/v1alpha1/safetylevers?dryRun=All";
    eventually("the right is known", 10, async || {
        person.create(path, &lever(json!("puller"))).await.is_done().then_some(())
    })
    .await;
    let mut answers = Vec::new();
    for by in [json!("puller"), json!(null), json!("somebody else")] {
        answers.push(person.create(path, &lever(by)).await);
    }
    support::delete(&bindings, &binding.name_any()).await;
    assert!(answers[0].is_done() && answers[1].is_done(), "{answers:?}");
    assert!(answers[2].is_refusal("spec.by: is somebody else, and you are puller"), "{answers:?}");
}

#[tokio::test]
async fn an_object_has_no_more_finalizers_than_somebody_may_wait_for() {
    let ground = Ground::bare("finalizers", json!({})).await;
    let person = Identity::person("patient").await;
    bind(&ground, "patient", "edit", &user("patient")).await;
    granted(&person, &ground, "create", "experiments").await;
    let path = format!(
        "apis/firedrill.dev/v1alpha1/namespaces/{}/experiments?dryRun=All",
        ground.namespace
    );
    let with = |count: usize| {
        let mut experiment = resource("Experiment", "patient", spec());
        let finalizers: Vec<_> = (0..count).map(|number| format!("a.example/{number}")).collect();
        experiment["metadata"]["finalizers"] = json!(finalizers);
        experiment
    };
    assert!(person.create(&path, &with(16)).await.is_done());
    let refusal = "metadata.finalizers: has 17, and at most 16 are allowed";
    assert!(person.create(&path, &with(17)).await.is_refusal(refusal));
}

#[tokio::test]
async fn no_aggregated_role_starts_runs() {
    let ground = Ground::bare("roles", json!({})).await;
    let mut tally = Tally::default();
    for (role, creates, stops) in [
        ("view", false, false),
        ("edit", false, true),
        ("admin", false, true),
        ("firedrill-run", true, false),
    ] {
        let person = Identity::person(role).await;
        bind(&ground, role, role, &user(role)).await;
        granted(&person, &ground, if creates { "create" } else { "get" }, "experimentruns").await;
        for (verb, expected) in [("create", creates), ("patch", stops), ("delete", stops)] {
            let allowed = may(&person, &ground, verb, "experimentruns").await;
            tally.expect(allowed == expected, || format!("{role} may {verb} runs: {allowed}"));
        }
        let forges = may(&person, &ground, "patch", "experimentruns/status").await;
        tally.expect(!forges, || format!("{role} may write the status of runs"));
    }
    tally.conclude("roles of people as they should be");
}
