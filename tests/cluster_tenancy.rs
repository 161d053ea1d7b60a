//! Who may do what: firedrill's own tokens can do nothing but remove faults, people reach nothing
//! beyond their own rights, and each refusal says why. The policies and rights are the chart's.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]

#[path = "tenancy/armed.rs"]
mod armed;
#[path = "tenancy/audit.rs"]
mod audit;
#[path = "tenancy/identity.rs"]
mod identity;
mod support;

use armed::Row;
use audit::Audit;
use firedrill::api::{
    ExperimentRun, names,
    run::{FactName, Verdict},
};
use http::Method;
use identity::Identity;
use k8s_openapi::api::{
    core::v1::{Pod, ServiceAccount},
    rbac::v1::{Role, RoleBinding},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, PostParams},
};
use serde_json::{Value, json};
use support::{Ground, Operator, Web, eventually, merge, spec, verdict};

const POLICY: &str = "ValidatingAdmissionPolicy 'firedrill-";

/// What was tried, and what went another way than it must.
#[derive(Default)]
struct Tally {
    tried: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.tried += 1;
        if !holds {
            self.wrong.push(what());
        }
    }

    /// Prints `n/n` and fails unless everything held.
    fn conclude(self, what: &str) {
        println!("{what}: {}/{}", self.tried - self.wrong.len(), self.tried);
        assert!(self.tried > 0 && self.wrong.is_empty(), "{}", self.wrong.join("\n"));
    }
}

/// Creates an object as the test's administrator and gives its path.
async fn place(
    ground: &Ground,
    api: &str,
    resource: &str,
    name: &str,
    mut object: Value,
) -> String {
    object["metadata"]["name"] = json!(name);
    let folder = format!("{api}/namespaces/{}/{resource}", ground.namespace);
    let request = http::Request::post(format!("/{folder}?fieldValidation=Strict"));
    let request = request.header("Content-Type", "application/json");
    let body = serde_json::to_vec(&object).unwrap();
    ground.client.request::<Value>(request.body(body).unwrap()).await.unwrap();
    format!("{folder}/{name}")
}

#[tokio::test]
async fn our_own_tokens_revert_every_fault_and_write_nothing_else() {
    let ground = Ground::bare("rows", json!({})).await;
    let own = [Identity::own(names::OPERATOR).await, Identity::own("firedrill-reaper").await];
    let mut tally = Tally::default();
    let rows = armed::rows();
    for (index, row) in rows.iter().enumerate() {
        let path =
            place(&ground, row.api, row.resource, &format!("row-{index}"), row.object.clone())
                .await;
        for identity in &own {
            row_by(identity, row, &path, &mut tally).await;
        }
    }
    println!("{} kinds of armed targets", rows.len());
    tally.conclude("reverts accepted and anything else refused");
}

async fn row_by(identity: &Identity, row: &Row, path: &str, tally: &mut Tally) {
    let by = &identity.name;
    let answer = identity.would_patch(path, &row.revert()).await;
    tally.expect(answer.is_done(), || format!("{by}, {}: the revert: {answer:?}", row.name));
    // A field that somebody mended is left alone.
    let answer = identity.would_patch(path, &row.disarm()).await;
    tally.expect(answer.is_done(), || format!("{by}, {}: the mark alone: {answer:?}", row.name));
    for (what, patch) in row.wrong() {
        let answer = identity.would_patch(path, &patch).await;
        tally.expect(answer.is_refusal(POLICY), || {
            format!("{by}, {}: {what}: {answer:?}", row.name)
        });
    }
}

#[tokio::test]
async fn our_own_tokens_leave_what_is_not_armed_as_it_is() {
    let ground = Ground::bare("unarmed", json!({})).await;
    let own = [Identity::own(names::OPERATOR).await, Identity::own("firedrill-reaper").await];
    let mut tally = Tally::default();
    for (index, row) in armed::rows().iter().enumerate() {
        let mut object = row.object.clone();
        object["metadata"]["labels"].as_object_mut().unwrap().remove(names::FAULT);
        let path = place(&ground, row.api, row.resource, &format!("row-{index}"), object).await;
        let mark = |value: &str| json!({"op": "add", "path": "/metadata/labels/firedrill.dev~1fault", "value": value});
        let ours: Vec<Value> = row.disarm().split_off(1);
        let tombstone = [vec![mark(armed::REVOKED)], ours].concat();
        for identity in &own {
            let by = &identity.name;
            let answer = identity.would_patch(&path, &tombstone).await;
            tally.expect(answer.is_done(), || {
                format!("{by}, {}: a tombstone: {answer:?}", row.name)
            });
            let restored = [tombstone.clone(), row.restore.clone()].concat();
            for (what, patch) in [
                ("armed", vec![mark(armed::ARMED)]),
                ("restored", restored),
                ("restored without a mark", row.restore.clone()),
            ] {
                let answer = identity.would_patch(&path, &patch).await;
                tally.expect(answer.is_refusal(POLICY), || {
                    format!("{by}, {}: {what}: {answer:?}", row.name)
                });
            }
        }
    }
    tally.conclude("unarmed targets marked as revoked and otherwise left alone");
}

#[tokio::test]
async fn our_own_tokens_delete_only_what_a_revert_deletes() {
    let ground = Ground::bare("deletes", json!({})).await;
    let own = [Identity::own(names::OPERATOR).await, Identity::own("firedrill-reaper").await];
    let mut tally = Tally::default();
    let cases =
        [stuck_pods(&ground).await, replica_sets(&ground).await, policies(&ground).await].concat();
    for (what, path, deletable) in cases {
        for identity in &own {
            let answer = identity.would_delete(&path).await;
            // Only the reaper takes revoked policies away; the operator has no right to.
            let may = !(path.contains("networkpolicies") && identity.name == names::OPERATOR);
            let holds = match (deletable, may) {
                (true, true) => answer.is_done(),
                (_, false) => answer.code == 403,
                (false, true) => answer.is_refusal(POLICY),
            };
            tally.expect(holds, || format!("{}: {what}: {answer:?}", identity.name));
        }
    }
    tally.conclude("deletions as a revert needs them, and no other");
}

/// What is deleted, where it is, and whether that may be.
type Case = (&'static str, String, bool);

/// A pod of a `StatefulSet` that is ready, one that is not, and one of a Deployment that is not.
async fn stuck_pods(ground: &Ground) -> Vec<Case> {
    let workload = |kind: &str, command: &str| {
        let container = json!({
            "name": "web", "image": "registry.local/busybox:1", "imagePullPolicy": "Never", "command": ["sleep", "600"],
            "readinessProbe": {"exec": {"command": [command]}, "periodSeconds": 1},
        });
        json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": {},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": command}}, "template": {
                "metadata": {"labels": {"app": command, "kind": kind}},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}}},
        })
    };
    let named = |mut object: Value| {
        object["spec"]["serviceName"] = json!("none");
        object
    };
    place(ground, "apis/apps/v1", "statefulsets", "ready", named(workload("StatefulSet", "true")))
        .await;
    place(ground, "apis/apps/v1", "statefulsets", "stuck", named(workload("StatefulSet", "false")))
        .await;
    place(ground, "apis/apps/v1", "deployments", "plain", workload("Deployment", "false")).await;
    let pods: Api<Pod> = ground.api();
    let path = |name: &str| format!("api/v1/namespaces/{}/pods/{name}", ground.namespace);
    let labels = kube::api::ListParams::default().labels("kind=Deployment");
    let plain = eventually("the Deployment has a pod", 30, async || {
        Some(pods.list(&labels).await.ok()?.items.first()?.name_any())
    })
    .await;
    eventually("the StatefulSets have pods, one ready", 60, async || {
        let ready = pods.get("ready-0").await.ok()?.status?.conditions?;
        let ready = ready.iter().any(|found| found.type_ == "Ready" && found.status == "True");
        (ready && pods.get("stuck-0").await.is_ok()).then_some(())
    })
    .await;
    vec![
        ("a stuck pod of a StatefulSet", path("stuck-0"), true),
        ("a ready pod of a StatefulSet", path("ready-0"), false),
        ("a pod of a Deployment", path(&plain), false),
    ]
}

async fn replica_sets(ground: &Ground) -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, name, replicas, at, deletable) in [
        (
            "the ReplicaSet of a bad rollout",
            "faulty",
            0,
            Some("/spec/template/spec/containers/name=web/image"),
            true,
        ),
        (
            "a ReplicaSet of a Deployment that was scaled",
            "scaled",
            0,
            Some("/spec/replicas"),
            false,
        ),
        ("somebody's ReplicaSet", "other", 0, None, false),
        (
            "a ReplicaSet that has pods",
            "serving",
            1,
            Some("/spec/template/spec/containers/name=web/image"),
            false,
        ),
    ] {
        let annotations = at.map_or(json!({}), |at| json!({"firedrill.dev/at-image": at}));
        let set = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"annotations": annotations},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"set": name}}, "template": {
                "metadata": {"labels": {"set": name}},
                "spec": {"nodeSelector": {"nowhere": "true"}, "containers": [{"name": "web", "image": "registry.local/pause:3.10"}]}}},
        });
        cases.push((
            what,
            place(ground, "apis/apps/v1", "replicasets", name, set).await,
            deletable,
        ));
    }
    cases
}

async fn policies(ground: &Ground) -> Vec<Case> {
    let mut cases = Vec::new();
    let revoked = json!({"firedrill.dev/fault": armed::REVOKED, "firedrill.dev/run": "run"});
    let armed = json!({"firedrill.dev/fault": armed::ARMED, "firedrill.dev/run": "run"});
    let inert = json!({"role": "web", "firedrill.dev/inert": "true"});
    for (what, name, labels, pods, deletable) in [
        ("a revoked policy", "revoked", revoked.clone(), inert.clone(), true),
        ("an armed policy", "armed", armed, json!({"role": "web"}), false),
        (
            "a policy that is called revoked and works",
            "working",
            revoked,
            json!({"role": "web"}),
            false,
        ),
        ("somebody's policy", "other", json!({}), inert.clone(), false),
        (
            "a policy of no run",
            "stray",
            json!({"firedrill.dev/fault": armed::REVOKED}),
            inert,
            false,
        ),
    ] {
        let policy = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"labels": labels},
            "spec": {"podSelector": {"matchLabels": pods}, "policyTypes": ["Egress"]},
        });
        let path =
            place(ground, "apis/networking.k8s.io/v1", "networkpolicies", name, policy).await;
        cases.push((what, path, deletable));
    }
    cases
}

/// Everything harmful that a stolen token could be tried with.
async fn harm(
    ground: &Ground,
    identity: &Identity,
    pod: &str,
) -> Vec<(&'static str, identity::Answer)> {
    let space = |api: &str| format!("{api}/namespaces/{}", ground.namespace);
    let (core, apps) = (space("api/v1"), space("apis/apps/v1"));
    let network = space("apis/networking.k8s.io/v1");
    let web = format!("{apps}/deployments/web");
    let evict = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": ground.namespace}});
    let set = |path: &str, value: Value| vec![json!({"op": "add", "path": path, "value": value})];
    let container = json!([{"name": "evil", "image": "evil"}]);
    let evil = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "evil"}, "spec": {"containers": container}});
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "evil"}, "spec": {"podSelector": {}}});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "evil"}});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "evil"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}});
    let arm = set("/metadata/labels", json!({"firedrill.dev/fault": armed::ARMED}));
    vec![
        ("arm", identity.would_patch(&web, &arm).await),
        (
            "swap an image",
            identity
                .would_patch(&web, &set("/spec/template/spec/containers/0/image", json!("evil")))
                .await,
        ),
        ("scale", identity.would_patch(&web, &set("/spec/replicas", json!(0))).await),
        (
            "scale by the subresource",
            identity.would_patch(&format!("{web}/scale"), &set("/spec/replicas", json!(0))).await,
        ),
        ("delete a workload", identity.would_delete(&web).await),
        ("delete a pod", identity.would_delete(&format!("{core}/pods/{pod}")).await),
        (
            "evict a pod",
            identity.create(&format!("{core}/pods/{pod}/eviction?dryRun=All"), &evict).await,
        ),
        ("create a pod", identity.create(&format!("{core}/pods?dryRun=All"), &evil).await),
        (
            "arm a Service",
            identity
                .would_patch(
                    &format!("{core}/services/web"),
                    &set("/spec/selector/evil", json!("1")),
                )
                .await,
        ),
        ("delete a Service", identity.would_delete(&format!("{core}/services/web")).await),
        (
            "create a policy",
            identity.create(&format!("{network}/networkpolicies?dryRun=All"), &policy).await,
        ),
        (
            "delete a policy",
            identity.would_delete(&format!("{network}/networkpolicies/theirs")).await,
        ),
        ("create a Secret", identity.create(&format!("{core}/secrets?dryRun=All"), &secret).await),
        (
            "create a RoleBinding",
            identity
                .create(
                    &format!(
                        "{}/rolebindings?dryRun=All",
                        space("apis/rbac.authorization.k8s.io/v1")
                    ),
                    &binding,
                )
                .await,
        ),
        ("delete the namespace", identity.would_delete(&core).await),
    ]
}

#[tokio::test]
async fn our_own_tokens_cannot_break_anything_even_with_every_right() {
    let ground = Ground::new("stolen").await;
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {}, "spec": {"podSelector": {"matchLabels": {"a": "b"}}}});
    place(&ground, "apis/networking.k8s.io/v1", "networkpolicies", "theirs", policy).await;
    let pod = ground.pods().await[0].name_any();
    let mut tally = Tally::default();
    for (name, of) in
        [(names::OPERATOR, names::OPERATOR_NAMESPACE), ("firedrill-reaper", "firedrill-reaper")]
    {
        let identity = Identity::own(name).await;
        for (what, answer) in harm(&ground, &identity, &pod).await {
            tally.expect(answer.code == 403, || format!("{name}: {what}: {answer:?}"));
        }
        let account = json!([{"kind": "ServiceAccount", "name": name, "namespace": of}]);
        bind(&ground, name, "cluster-admin", &account).await;
        // Rights that are granted hold at once; the policies must refuse all the same.
        for (what, answer) in harm(&ground, &identity, &pod).await {
            tally.expect(answer.is_refusal(POLICY), || {
                format!("{name} with every right: {what}: {answer:?}")
            });
        }
    }
    tally.conclude("harmful requests of our own tokens refused");
}

/// Binds a `ClusterRole` in the ground's namespace.
async fn bind(ground: &Ground, name: &str, role: &str, subjects: &Value) {
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"name": format!("{name}-{role}")},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    }))
    .unwrap();
    ground.api::<RoleBinding>().create(&PostParams::default(), &binding).await.unwrap();
}

fn user(name: &str) -> Value {
    json!([{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name}])
}

/// What people write: an Experiment, a run of one, a run with a template.
fn resource(kind: &str, name: &str, body: Value) -> Value {
    json!({"apiVersion": "firedrill.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": body})
}

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
    for (what, reason, run) in accepted_in_vain(&here, &there, &person).await {
        let run = here.finished(&run).await;
        let summary = run.status.clone().unwrap().summary.unwrap_or_default();
        let ended = verdict(&run) == (Some(Verdict::Error), reason);
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
) -> Vec<(&'static str, String, identity::Answer)> {
    let folder = |ground: &Ground, kind: &str| {
        format!("apis/firedrill.dev/v1alpha1/namespaces/{}/{kind}", ground.namespace)
    };
    let (experiments, runs) = (folder(here, "experiments"), folder(here, "experimentruns"));
    let experiment = |name: &str, change: Value| resource("Experiment", name, changed(change));
    let template = |change: Value| json!({"experiment": "mine", "template": changed(change)});
    let delete = json!({"fault": {"podKill": {"method": "Delete"}}});
    let outside = json!({"target": {"deployment": format!("../{}/web", there.namespace)}});
    let mut tried: Vec<(&'static str, String, identity::Answer)> = Vec::new();
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

/// An eviction in the name of the runner.
async fn as_runner(person: &Identity, ground: &Ground, pod: &str) -> identity::Answer {
    let client = firedrill::shell::clients::runner(&person.client, &ground.namespace);
    let name = names::RUNNER.to_owned();
    let runner = Identity { name, kubeconfig: person.kubeconfig.clone(), client };
    let path = format!("api/v1/namespaces/{}/pods/{pod}/eviction?dryRun=All", ground.namespace);
    let eviction =
        json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}});
    runner.create(&path, &eviction).await
}

/// Runs that the API server takes from a harmless person and that come to nothing, each with its reason.
async fn accepted_in_vain(
    here: &Ground,
    there: &Ground,
    person: &Identity,
) -> Vec<(&'static str, &'static str, ExperimentRun)> {
    let folder =
        format!("apis/firedrill.dev/v1alpha1/namespaces/{}/experimentruns", here.namespace);
    let web = format!("apis/apps/v1/namespaces/{}/deployments/web", here.namespace);
    // A forged fault on a target of his own: nothing that he may not write himself comes of it.
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
        ("a forged journal", "ExperimentNotFound", run),
        (
            "an Experiment that is only elsewhere",
            "ExperimentNotFound",
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
async fn an_owner_enables_his_namespace_and_disable_ends_what_is_live() {
    let _operator = Operator::start("{}");
    let ground =
        Ground::with_labels("owned", &Web { warm_up: 20, ..Web::default() }, json!({})).await;
    let owner = Identity::person("owner").await;
    bind(&ground, "owner", "admin", &user("owner")).await;
    bind(&ground, "owner", "firedrill-run", &user("owner")).await;
    let namespace = ground.namespace.as_str();
    let (code, said) = owner.firedrill(&["enable", namespace]);
    assert!(code == Some(2) && said.contains("repeat with --yes"), "{said}");
    // He owns everything in the namespace, but not the namespace: what is missing is named.
    let (code, said) = owner.firedrill(&["enable", namespace, "--yes"]);
    let named =
        said.contains(&format!("kubectl label namespace {namespace} firedrill.dev/enabled=true"));
    assert!(
        code == Some(4) && named && said.contains("cannot patch resource \"namespaces\""),
        "{said}"
    );
    firedrill::cli::enable::opt(&ground.client, namespace, Some("true")).await.unwrap();

    let audit = Audit::begin();
    let run = resource("ExperimentRun", "mine", json!({"experiment": "mine", "template": spec()}));
    let answer = owner
        .create(&format!("apis/firedrill.dev/v1alpha1/namespaces/{namespace}/experimentruns"), &run)
        .await;
    assert!(answer.is_done(), "{answer:?}");
    let run = ground.api::<ExperimentRun>().get("mine").await.unwrap();
    ground.seen(&run, FactName::Injected).await;
    let evictions =
        audit.writes(|write| write.namespace == namespace && write.harms_pods() && write.is_done());
    let by_runner = evictions.iter().all(|write| {
        write.as_whom == names::runner_user(namespace) && write.user.ends_with(names::OPERATOR)
    });
    assert!(!evictions.is_empty() && by_runner, "{evictions:?}");

    let (code, said) = owner.firedrill(&["disable", namespace, "--yes"]);
    assert!(code == Some(4) && said.contains("experimentrun/mine is over"), "{said}");
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Aborted), "Stopped"));
    for absent in [
        ground.api::<ServiceAccount>().get_opt(names::RUNNER).await.unwrap().is_none(),
        ground.api::<Role>().get_opt(names::RUNNER).await.unwrap().is_none(),
        ground.api::<Role>().get_opt(names::IMPERSONATOR).await.unwrap().is_none(),
        ground.api::<RoleBinding>().get_opt(names::RUNNER).await.unwrap().is_none(),
        ground.api::<RoleBinding>().get_opt(names::IMPERSONATOR).await.unwrap().is_none(),
    ] {
        assert!(absent, "a grant is left");
    }
}

#[tokio::test]
async fn a_missing_grant_is_named_with_its_remedy() {
    let _operator = Operator::start("{}");
    let ground = Ground::new("denied").await;
    let remedy = format!("firedrill enable {}", ground.namespace);
    let admin = Identity {
        kubeconfig: std::env::var("FIREDRILL_TEST_CLUSTER").unwrap().into(),
        ..Identity::own(names::OPERATOR).await
    };
    let (_, said) = admin.firedrill(&["doctor", "-n", &ground.namespace]);
    assert!(said.contains("lets the operator inject as firedrill-runner"), "{said}");
    let mut tally = Tally::default();
    for binding in [names::RUNNER, names::IMPERSONATOR] {
        ground.api::<RoleBinding>().delete(binding, &DeleteParams::default()).await.unwrap();
        if binding == names::IMPERSONATOR {
            firedrill::cli::grants::Grants::of(&ground.namespace, "elsewhere")
                .apply(&ground.client)
                .await
                .unwrap();
            forgotten(&ground).await;
        }
        let run = ground.run(json!({})).await;
        let run = ground.finished(&run).await;
        let summary = run.status.clone().unwrap().summary.unwrap_or_default();
        let ended = verdict(&run) == (Some(Verdict::Error), "InjectionDenied");
        let said = summary.contains(&format!("RoleBinding {binding}")) && summary.contains(&remedy);
        tally.expect(ended && said, || format!("{binding}: {:?}: {summary}", verdict(&run)));
        let (code, said) = admin.firedrill(&["doctor", "-n", &ground.namespace]);
        let told = code == Some(4) && said.contains(&remedy);
        tally.expect(told, || format!("doctor without {binding}: {said}"));
    }
    tally.conclude("missing grants named, by the run and by doctor");
}

/// Waits until the API server has forgotten that the operator could act as the runner: it remembers
/// each call that it granted for some seconds.
async fn forgotten(ground: &Ground) {
    let operator = Identity::own(names::OPERATOR).await;
    for pod in ground.pods().await {
        eventually("the operator may no longer act as the runner", 30, async || {
            let answer = as_runner(&operator, ground, &pod.name_any()).await;
            answer.words.contains("cannot impersonate").then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn the_lever_names_nobody_but_who_pulls_it() {
    let person = Identity::person("puller").await;
    let client = support::client().await;
    let bindings: Api<k8s_openapi::api::rbac::v1::ClusterRoleBinding> = Api::all(client.clone());
    let binding = serde_json::from_value(json!({
        "metadata": {"generateName": "firedrill-test-lever-"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "firedrill-lever"},
        "subjects": user("puller"),
    }))
    .unwrap();
    let binding = bindings.create(&PostParams::default(), &binding).await.unwrap();
    let lever = |by: Value| resource("SafetyLever", "cluster", json!({"engaged": true, "by": by}));
    let mut answers = Vec::new();
    for by in [json!("puller"), json!(null), json!("somebody else")] {
        answers.push(
            person.create("apis/firedrill.dev/v1alpha1/safetylevers?dryRun=All", &lever(by)).await,
        );
    }
    support::delete(&bindings, &binding.name_any()).await;
    assert!(answers[0].is_done() && answers[1].is_done(), "{answers:?}");
    assert!(answers[2].is_refusal("spec.by: is somebody else, and you are puller"), "{answers:?}");
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
        let known = if creates { "create" } else { "get" };
        eventually("the binding is known", 10, async || {
            may(&person, &ground, known, "experimentruns").await.then_some(())
        })
        .await;
        for (verb, expected) in [("create", creates), ("patch", stops), ("delete", stops)] {
            let allowed = may(&person, &ground, verb, "experimentruns").await;
            tally.expect(allowed == expected, || format!("{role} may {verb} runs: {allowed}"));
        }
        let forges = may(&person, &ground, "patch", "experimentruns/status").await;
        tally.expect(!forges, || format!("{role} may write the status of runs"));
    }
    tally.conclude("roles of people as they should be");
}

async fn may(person: &Identity, ground: &Ground, verb: &str, resource: &str) -> bool {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review = serde_json::from_value(json!({"spec": {"resourceAttributes": {
        "namespace": ground.namespace, "verb": verb, "group": names::GROUP,
        "resource": resource, "subresource": subresource,
    }}}))
    .unwrap();
    let reviews: Api<k8s_openapi::api::authorization::v1::SelfSubjectAccessReview> =
        Api::all(person.client.clone());
    reviews.create(&PostParams::default(), &review).await.unwrap().status.unwrap().allowed
}
