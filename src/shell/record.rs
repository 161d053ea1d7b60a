//! Writes what we keep on an object, its status and our finalizer; every write carries the version that it
//! is based on.

use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
    core::object::HasStatus,
};
use serde::Serialize;
use serde_json::json;

use crate::{
    api::names::FIELD_MANAGER,
    shell::call::{Error, Namespaced, call},
};

fn api<K: Namespaced>(client: &Client, object: &K) -> Api<K> {
    Api::namespaced(client.clone(), &object.namespace().unwrap_or_default())
}

/// Writes the whole status, whoever wrote what is there, and gives the object as the API server has it then.
///
/// # Errors
/// [`Error::Conflict`] when the object has changed since it was read; what the API server says otherwise.
pub async fn apply_status<K>(
    what: &'static str,
    client: &Client,
    object: &K,
    status: &K::Status,
) -> Result<K, Error>
where
    K: Namespaced + HasStatus<Status: Serialize>,
{
    let body = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {
            "name": object.name_any(),
            "uid": object.uid(),
            "resourceVersion": object.resource_version(),
        },
        "status": status,
    });
    let params = PatchParams::apply(FIELD_MANAGER).force().validation_strict();
    let (objects, name, patch) = (api(client, object), object.name_any(), Patch::Apply(&body));
    conflict(what, call(what, objects.patch_status(&name, &params, &patch)).await)
}

/// Puts a finalizer of ours on the object, as that field manager.
///
/// # Errors
/// [`Error::Conflict`] when the object has changed since it was read; what the API server says otherwise.
pub async fn add_finalizer<K: Namespaced>(
    what: &'static str,
    client: &Client,
    object: &K,
    (finalizer, manager): (&str, &str),
) -> Result<K, Error> {
    let mut finalizers: Vec<_> = object.finalizers().iter().map(String::as_str).collect();
    finalizers.push(finalizer);
    finalizers_are(what, client, object, manager, &finalizers).await
}

/// Takes that finalizer off the object, and no other, as that field manager.
///
/// # Errors
/// [`Error::Conflict`] when the object has changed since it was read; what the API server says otherwise.
pub async fn remove_finalizer<K: Namespaced>(
    what: &'static str,
    client: &Client,
    object: &K,
    (finalizer, manager): (&str, &str),
) -> Result<K, Error> {
    let others = object.finalizers().iter().map(String::as_str);
    let others: Vec<_> = others.filter(|name| *name != finalizer).collect();
    finalizers_are(what, client, object, manager, &others).await
}

/// Deletes exactly this object, not another one of its name.
///
/// # Errors
/// What the API server says.
pub async fn delete<K: Namespaced>(
    what: &'static str,
    client: &Client,
    object: &K,
) -> Result<(), Error> {
    let preconditions = Preconditions { uid: object.uid(), ..Preconditions::default() };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    call(what, api(client, object).delete(&object.name_any(), &params)).await.map(drop)
}

async fn finalizers_are<K: Namespaced>(
    what: &'static str,
    client: &Client,
    object: &K,
    manager: &str,
    finalizers: &[&str],
) -> Result<K, Error> {
    let body = json!({"metadata": {
        "uid": object.uid(),
        "resourceVersion": object.resource_version(),
        "finalizers": finalizers,
    }});
    let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
    let (objects, name, patch) = (api(client, object), object.name_any(), Patch::Merge(&body));
    conflict(what, call(what, objects.patch(&name, &params, &patch)).await)
}

/// Says so where the object has changed since it was read.
///
/// # Errors
/// [`Error::Conflict`] then; what the API server says otherwise.
pub fn conflict<T>(what: &'static str, answer: Result<T, Error>) -> Result<T, Error> {
    answer.map_err(|error| if error.code() == Some(409) { Error::Conflict(what) } else { error })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::Value;

    use super::*;
    use crate::api::{ExperimentRun, names::FINALIZER};

    /// A client of a server that answers that, and what it was sent.
    fn server(status: u16, answer: Value) -> (Client, Arc<Mutex<Vec<Value>>>) {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let received = sent.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (received, answer) = (received.clone(), answer.clone());
            async move {
                let body = request.into_body().collect_bytes().await.unwrap();
                received.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                let answer = Body::from(answer.to_string().into_bytes());
                Ok::<_, kube::Error>(Response::builder().status(status).body(answer).unwrap())
            }
        });
        (Client::new(service, "shop"), sent)
    }

    fn run() -> ExperimentRun {
        serde_json::from_value(json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun",
            "metadata": {"name": "r", "namespace": "shop", "uid": "u", "resourceVersion": "7",
                "finalizers": ["a.example/first", FINALIZER, "b.example/last"]},
            "spec": {"experiment": "e"},
        }))
        .unwrap()
    }

    #[tokio::test]
    async fn our_finalizer_alone_is_taken_off_and_only_of_what_was_read() {
        let (client, sent) = server(200, json!(run()));
        remove_finalizer("free the run", &client, &run(), (FINALIZER, "m")).await.unwrap();
        let others = ["a.example/first", "b.example/last"];
        let expected =
            json!({"metadata": {"uid": "u", "resourceVersion": "7", "finalizers": others}});
        assert_eq!(*sent.lock().unwrap(), [expected]);
    }

    #[tokio::test]
    async fn a_status_is_written_on_the_version_that_was_read_or_not_at_all() {
        let status = crate::api::run::ExperimentRunStatus::default();
        let (client, sent) = server(200, json!(run()));
        apply_status("write the status", &client, &run(), &status).await.unwrap();
        let metadata = json!({"name": "r", "uid": "u", "resourceVersion": "7"});
        assert_eq!(sent.lock().unwrap()[0]["metadata"], metadata);
        let refusal = json!({"kind": "Status", "status": "Failure", "message": "", "reason": "Conflict", "code": 409});
        let (client, _) = server(409, refusal);
        let written = apply_status("write the status", &client, &run(), &status).await;
        assert!(matches!(written, Err(Error::Conflict("write the status"))), "{written:?}");
    }
}
