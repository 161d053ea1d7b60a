//! Who may do what: firedrill's own tokens can do nothing but remove faults, people reach nothing
//! beyond their own rights, and each refusal says why. The policies and rights are the chart's.

mod approvals;
mod armed;
mod deletions;
mod grants;
mod identity;
mod people;
mod planners;
mod rollouts;
mod tokens;
mod wrong;

use crate::support::{Ground, eventually};
use firedrill::api::names;
use identity::{Answer, Identity};
use k8s_openapi::api::{authorization::v1::SelfSubjectAccessReview, rbac::v1::RoleBinding};
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

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
fn resource(kind: &str, name: &str, spec: impl Into<Value>) -> Value {
    json!({"apiVersion": "firedrill.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec.into()})
}

/// An eviction in the name of the runner.
async fn as_runner(person: &Identity, ground: &Ground, pod: &str) -> Answer {
    let runner = acting(person, ground, names::RUNNER);
    let path = format!("api/v1/namespaces/{}/pods/{pod}/eviction?dryRun=All", ground.namespace);
    let eviction =
        json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}});
    runner.create(&path, &eviction).await
}

/// Somebody who acts as that `ServiceAccount` of the ground.
fn acting(person: &Identity, ground: &Ground, account: &str) -> Identity {
    let client = firedrill::shell::clients::acting_as(&person.client, &ground.namespace, account);
    Identity { name: account.to_owned(), kubeconfig: person.kubeconfig.clone(), client }
}

/// Waits until the API server knows of a right that was just given.
async fn granted(person: &Identity, ground: &Ground, verb: &str, resource: &str) {
    eventually("the right is known", 10, async || {
        may(person, ground, verb, resource).await.then_some(())
    })
    .await;
}

async fn may(person: &Identity, ground: &Ground, verb: &str, resource: &str) -> bool {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review = serde_json::from_value(json!({"spec": {"resourceAttributes": {
        "namespace": ground.namespace, "verb": verb, "group": names::GROUP,
        "resource": resource, "subresource": subresource,
    }}}))
    .unwrap();
    let reviews: Api<SelfSubjectAccessReview> = Api::all(person.client.clone());
    reviews.create(&PostParams::default(), &review).await.unwrap().status.unwrap().allowed
}
