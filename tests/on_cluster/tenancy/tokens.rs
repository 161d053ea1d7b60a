//! What firedrill's own tokens can do, in whoever's hands they are.

use firedrill::api::names;
use futures::future::join_all;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::{
    POLICY, Tally,
    armed::{self, ARMED, REVOKED, Row},
    bind, granted,
    identity::{Answer, Identity},
    place,
};
use crate::support::Ground;

#[tokio::test]
async fn our_own_tokens_revert_every_fault_and_write_nothing_else() {
    let ground = Ground::bare("rows", json!({})).await;
    let own = own().await;
    let mut tally = Tally::default();
    let rows = armed::rows();
    for (index, row) in rows.iter().enumerate() {
        let name = format!("row-{index}");
        let path = place(&ground, row.api, row.resource, &name, row.object.clone()).await;
        // A field that somebody mended is left alone.
        let mut tried = vec![
            ("the revert".to_owned(), row.revert(), true),
            ("the mark alone".to_owned(), row.disarm(), true),
        ];
        tried.extend(row.wrong().into_iter().map(|(what, patch)| (what, patch, false)));
        // Both are judged by the same policies, so they take turns.
        patches(&own[index % own.len()], &row.name, &path, &tried, &mut tally).await;
    }
    println!("{} kinds of armed targets", rows.len());
    tally.conclude("reverts accepted and anything else refused");
}

/// Both of firedrill's own identities.
pub async fn own() -> [Identity; 2] {
    [Identity::own(names::OPERATOR).await, Identity::own("firedrill-reaper").await]
}

/// Sends patches side by side, each of which may pass or must not.
async fn patches(
    identity: &Identity,
    name: &str,
    path: &str,
    tried: &[(String, Vec<Value>, bool)],
    tally: &mut Tally,
) {
    let answers =
        join_all(tried.iter().map(|(_, patch, _)| identity.would_patch(path, patch))).await;
    for ((what, _, may), answer) in tried.iter().zip(answers) {
        let holds = if *may { answer.is_done() } else { answer.is_refusal(POLICY) };
        tally.expect(holds, || format!("{}, {name}: {what}: {answer:?}", identity.name));
    }
}

/// A mark that somebody changed since the fault was armed.
struct Changed {
    what: &'static str,
    mark: Option<&'static str>,
    /// Whether the fault's annotations are still there.
    annotated: bool,
    /// Whether our mark may be set, and the field be restored with that.
    may: (bool, bool),
}

const CHANGED: [Changed; 6] = [
    Changed { what: "never armed", mark: None, annotated: false, may: (true, false) },
    Changed { what: "mark removed", mark: None, annotated: true, may: (true, true) },
    Changed {
        what: "annotations removed",
        mark: Some(ARMED),
        annotated: false,
        may: (true, false),
    },
    Changed { what: "brought back", mark: Some(REVOKED), annotated: true, may: (true, true) },
    Changed {
        what: "another's fault",
        mark: Some("other.1.armed"),
        annotated: true,
        may: (false, false),
    },
    Changed {
        what: "another's tombstone",
        mark: Some("other.1.revoked"),
        annotated: true,
        may: (true, false),
    },
];

#[tokio::test]
async fn our_own_tokens_restore_only_what_is_left_of_their_fault() {
    let ground = Ground::bare("changed", json!({})).await;
    let own = own().await;
    let mut tally = Tally::default();
    for (index, mut row) in armed::rows().into_iter().enumerate() {
        let whole = row.object.clone();
        for (state, changed) in CHANGED.iter().enumerate() {
            row.object = changed.of(whole.clone());
            let name = format!("row-{index}-{state}");
            let path = place(&ground, row.api, row.resource, &name, row.object.clone()).await;
            let case = format!("{}, {}", row.name, changed.what);
            let identity = &own[(index + state) % own.len()];
            patches(identity, &case, &path, &changed.tried(&row), &mut tally).await;
        }
    }
    tally.conclude(
        "targets whose mark somebody changed: revoked where that is ours, restored where we know",
    );
}

impl Changed {
    fn of(&self, mut object: Value) -> Value {
        let labels = object["metadata"]["labels"].as_object_mut().unwrap();
        match self.mark {
            Some(mark) => labels.insert(names::FAULT.to_owned(), json!(mark)),
            None => labels.remove(names::FAULT),
        };
        if !self.annotated {
            object["metadata"]["annotations"] = json!({"note": "kept"});
        }
        object
    }

    fn tried(&self, row: &Row) -> Vec<(String, Vec<Value>, bool)> {
        let mark = ARMED.replace(".1.", ".2.");
        let arm =
            json!({"op": "add", "path": "/metadata/labels/firedrill.dev~1fault", "value": mark});
        vec![
            ("revoked".to_owned(), row.disarm(), self.may.0),
            ("restored".to_owned(), row.revert(), self.may.1),
            ("restored without a mark".to_owned(), row.restore.clone(), false),
            ("armed".to_owned(), vec![arm], false),
        ]
    }
}

/// Everything harmful that a stolen token could be tried with.
async fn harm(ground: &Ground, identity: &Identity, pod: &str) -> Vec<(&'static str, Answer)> {
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
    let arm = set("/metadata/labels", json!({"firedrill.dev/fault": ARMED}));
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
        granted(&identity, &ground, "create", "experiments").await;
        for (what, answer) in harm(&ground, &identity, &pod).await {
            tally.expect(answer.is_refusal(POLICY), || {
                format!("{name} with every right: {what}: {answer:?}")
            });
        }
    }
    tally.conclude("harmful requests of our own tokens refused");
}
