//! Sends the calls of a fault, each with its preconditions, and says what became of them.

use futures::future::join_all;
use k8s_openapi::api::{
    apps::v1::{ControllerRevision, ReplicaSet},
    core::v1::Pod,
};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
    core::Request,
};
use serde_json::{Value, json};

use super::{clients, clock::Clock, objects, reader::unread};
use crate::{
    api::names,
    core::{decide::Report, span::Span},
    faults::{Call, Kind, Outcome, call::Exact},
    shell::{
        call::{Error, call},
        context::Context,
    },
};

/// Sends the calls side by side, each as whom it is for, and waits for every answer.
pub async fn send(context: &Context, clock: Clock, namespace: &str, calls: &[Call]) -> Report {
    let injector = context.injector(namespace);
    let sent = clock.now();
    let answers = join_all(calls.iter().map(|call| {
        let client = if call.harms() { &injector } else { &context.writes };
        async { denial(one(client, namespace, call, names::FIELD_MANAGER).await, namespace) }
    }))
    .await;
    let answered = clock.now();
    let outcomes =
        calls.iter().zip(answers).map(|(call, outcome)| (call.uid().to_owned(), outcome));
    Report { span: Span::new(sent, answered), outcomes: outcomes.collect() }
}

/// Sends one call, as that field manager, and says what became of it.
pub async fn one(client: &Client, namespace: &str, request: &Call, manager: &str) -> Outcome {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let answer = match request {
        Call::EvictPod(pod) => {
            let (params, body) = (PostParams::default(), eviction(pod));
            let sent = pods.create_subresource::<_, Value>("eviction", &pod.name, &params, &body);
            call("evict the pod", sent).await.map(drop)
        }
        Call::DeletePod(pod) | Call::FreePod(pod) => delete("delete the pod", pods, pod).await,
        Call::MarkPod { name, uid, mark } => {
            let patch = json!({"metadata": {"uid": uid, "labels": {names::FAULT: mark}}});
            let params =
                PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
            call("mark the pod", pods.patch_metadata(name, &params, &Patch::Merge(patch)))
                .await
                .map(drop)
        }
        Call::DeleteReplicaSet(set) => {
            let sets: Api<ReplicaSet> = Api::namespaced(client.clone(), namespace);
            delete("delete the ReplicaSet", sets, set).await
        }
        Call::DeleteControllerRevision(revision) => {
            let revisions: Api<ControllerRevision> = Api::namespaced(client.clone(), namespace);
            delete("delete the ControllerRevision", revisions, revision).await
        }
        Call::CreatePolicy(body) => create_policy(client, namespace, body).await,
        Call::UpdatePolicy(change) | Call::Arm(change) | Call::Disarm(change) => {
            objects::patch(client, namespace, change, manager).await
        }
    };
    answer.map_or_else(|error| outcome(&error), |()| Outcome::Accepted)
}

/// Deletes an object, exactly as it was journaled.
///
/// # Errors
/// What the API server says.
pub async fn delete<K: Resource>(
    what: &'static str,
    objects: Api<K>,
    exact: &Exact,
) -> Result<(), Error> {
    let request = Request::new(objects.resource_url()).delete(&exact.name, &conditions(exact));
    call(what, unread(&objects.into_client(), request)).await
}

async fn create_policy(client: &Client, namespace: &str, body: &Value) -> Result<(), Error> {
    let policies = objects::api(client, Kind::NetworkPolicy, Some(namespace));
    let params =
        PostParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), dry_run: false };
    let policy = serde_json::from_value(body.clone()).map_err(kube::Error::SerdeError);
    let created = async { policies.create(&params, &policy?).await };
    call("create the NetworkPolicy", created).await.map(drop)
}

/// A refusal of the runner says which grant is missing.
fn denial(outcome: Outcome, namespace: &str) -> Outcome {
    match outcome {
        Outcome::Denied(words) => Outcome::Denied(clients::refusal(&words, namespace)),
        other => other,
    }
}

/// `Api::evict` of kube 5.0 names the options in a way that the API server ignores.
fn eviction(pod: &Exact) -> Value {
    json!({"metadata": {"name": pod.name}, "deleteOptions": conditions(pod)})
}

/// Exactly this object, exactly as it was journaled.
fn conditions(pod: &Exact) -> DeleteParams {
    DeleteParams {
        grace_period_seconds: pod.grace_seconds,
        preconditions: Some(Preconditions {
            uid: Some(pod.uid.clone()),
            resource_version: Some(pod.resource_version.clone()),
        }),
        ..DeleteParams::default()
    }
}

/// What an error means for the act: refused for certain, or unknown.
fn outcome(error: &Error) -> Outcome {
    let Error::Call { source, .. } = error else {
        return Outcome::Unknown(error.to_string());
    };
    let kube::Error::Api(status) = &**source else {
        return Outcome::Unknown(error.to_string());
    };
    let words = status.message.clone();
    let causes =
        status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    let budget = causes.iter().find(|cause| cause.reason == "DisruptionBudget");
    match status.code {
        404 => Outcome::Gone,
        409 if words.contains("UID in the precondition") => Outcome::Gone,
        409 => Outcome::Changed,
        // A failed test of a JSON Patch names no cause.
        422 if causes.is_empty() && words.contains("server rejected our request") => {
            Outcome::Changed
        }
        // A patch by UID of an object that is another one by now.
        422 if words.contains("field is immutable") => Outcome::Gone,
        429 => match budget {
            Some(budget) => Outcome::Refused(budget.message.clone()),
            None => Outcome::Unknown(words),
        },
        400 | 401 | 403 | 405 | 422 => Outcome::Denied(words),
        500 if words.contains("more than one") => Outcome::Denied(words),
        _ => Outcome::Unknown(words),
    }
}
