//! Sends the calls of a fault, each with its preconditions, and says what became of them.

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::{Value, json};

use super::{Context, Error, call};
use crate::{
    api::names,
    core::{decide::Report, span::Span},
    faults::{Call, Outcome, call::PodRef},
};

/// Sends the calls side by side and waits for every answer.
pub async fn send(context: &Context, namespace: &str, calls: &[Call]) -> Report {
    let pods: Api<Pod> = Api::namespaced(context.writes.clone(), namespace);
    let sent = context.clock.now();
    let answers = join_all(calls.iter().map(|call| one(&pods, call))).await;
    let answered = context.clock.now();
    let outcomes =
        calls.iter().zip(answers).map(|(call, outcome)| (call.uid().to_owned(), outcome));
    Report { span: Span::new(sent, answered), outcomes: outcomes.collect() }
}

async fn one(pods: &Api<Pod>, request: &Call) -> Outcome {
    let answer = match request {
        Call::EvictPod(pod) => {
            let body = eviction(pod);
            let params = PostParams::default();
            let sent =
                pods.create_subresource::<Value, Value>("eviction", &pod.name, &params, &body);
            call("evict the pod", sent).await.map(drop)
        }
        Call::DeletePod(pod) => {
            call("delete the pod", pods.delete(&pod.name, &conditions(pod))).await.map(drop)
        }
        Call::MarkPod { name, uid, mark } => {
            let patch = json!({"metadata": {"uid": uid, "labels": {names::FAULT: mark}}});
            let params = PatchParams {
                field_manager: Some(names::FIELD_MANAGER.to_owned()),
                ..PatchParams::default()
            };
            call("mark the pod", pods.patch_metadata(name, &params, &Patch::Merge(patch)))
                .await
                .map(drop)
        }
    };
    answer.map_or_else(|error| outcome(&error), |()| Outcome::Accepted)
}

/// The client library misspells `deleteOptions`, and the API server ignores what it does not know.
fn eviction(pod: &PodRef) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod.name},
        "deleteOptions": conditions(pod),
    })
}

/// Exactly this object, exactly as it was journaled.
fn conditions(pod: &PodRef) -> DeleteParams {
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
