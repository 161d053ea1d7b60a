//! A run that this version cannot read: what of it can be read, and how its end is written down beside the rest.

use kube::{
    Api, Client, ResourceExt,
    api::{GetParams, ObjectMeta, Patch, PatchParams},
    core::{Request, request},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{
    api::{
        ExperimentRun, ExperimentRunSpec, Moment,
        names::{FIELD_MANAGER, FINALIZER},
        run::{ExperimentRunStatus, Fact},
    },
    core::span::Span,
    shell::{
        call::{self, Error},
        guarded::{Guarded, Unreadable},
        record::conflict,
    },
};

/// What the end of a run writes, beside its facts.
const WRITTEN: [&str; 8] = [
    "observedGeneration",
    "stage",
    "revertProblem",
    "verdict",
    "reason",
    "summary",
    "completionTime",
    "conditions",
];

/// A run as far as it can be read.
#[derive(Debug)]
pub struct Salvaged {
    /// The run; what cannot be read is left out, and an instant that cannot be is now.
    pub run: ExperimentRun,
    /// What cannot be read, by its path; absent where everything can be.
    pub problem: Option<String>,
}

/// Reads the run of that metadata live; one that is gone is no error.
///
/// # Errors
/// What the API server says.
pub async fn read(
    client: &Client,
    metadata: &ObjectMeta,
    now: Moment,
) -> Result<Option<Salvaged>, Error> {
    let runs = api(client, metadata);
    let name = metadata.name.as_deref().unwrap_or_default();
    let found = call::read("read the run", client, live(&runs, name)).await?;
    Ok(found.map(|object| salvage(&object, now)))
}

/// Writes the end of the run into its status, on the version that was read, and leaves everything else there as it
/// is; gives the run as it is then.
///
/// # Errors
/// [`Error::Conflict`] when the run has changed since it was read; what the API server says otherwise.
pub async fn amend(
    what: &'static str,
    client: &Client,
    run: &ExperimentRun,
    (status, now): (&ExperimentRunStatus, Moment),
) -> Result<ExperimentRun, Error> {
    let runs = api(client, &run.metadata);
    let name = run.name_any();
    let object = call::read(what, client, live(&runs, &name)).await?.unwrap_or_default();
    let whole = json!(status);
    let mut amended: Map<_, _> = WRITTEN
        .iter()
        .map(|field| ((*field).to_owned(), whole[*field].clone()))
        .filter(|(field, value)| !value.is_null() || !object["status"][field].is_null())
        .collect();
    amended.insert("facts".to_owned(), facts(&object["status"]["facts"], &whole["facts"]));
    let mut body = on_version(run);
    body["status"] = Value::Object(amended);
    patch(what, client, run, (Some("status"), &body), now).await
}

/// Takes our finalizer off the run, and no other; gives the run as it is then.
///
/// # Errors
/// [`Error::Conflict`] when the run has changed since it was read; what the API server says otherwise.
pub async fn free(
    what: &'static str,
    client: &Client,
    run: &ExperimentRun,
    now: Moment,
) -> Result<ExperimentRun, Error> {
    let others = run.finalizers().iter().filter(|name| *name != FINALIZER);
    let mut body = on_version(run);
    body["metadata"]["finalizers"] = others.map(String::as_str).collect();
    patch(what, client, run, (None, &body), now).await
}

fn on_version(run: &ExperimentRun) -> Value {
    json!({"metadata": {"uid": run.uid(), "resourceVersion": run.resource_version()}})
}

/// Those that are there, whatever they say, and after them those that are new.
fn facts(there: &Value, wanted: &Value) -> Value {
    let there = there.as_array().cloned().unwrap_or_default();
    let is_there = |fact: &Value| there.iter().any(|known| known["name"] == fact["name"]);
    let new: Vec<Value> =
        wanted.as_array().into_iter().flatten().filter(|fact| !is_there(fact)).cloned().collect();
    there.iter().cloned().chain(new).collect()
}

async fn patch(
    what: &'static str,
    client: &Client,
    run: &ExperimentRun,
    (subresource, body): (Option<&str>, &Value),
    now: Moment,
) -> Result<ExperimentRun, Error> {
    let runs = api(client, &run.metadata);
    let (request, name) = (Request::new(runs.resource_url()), run.name_any());
    let params =
        PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(body);
    let request = match subresource {
        Some(subresource) => request.patch_subresource(subresource, &name, &params, &patch),
        None => request.patch(&name, &params, &patch),
    };
    conflict(what, call::send(what, client, request).await).map(|object| salvage(&object, now).run)
}

fn live(runs: &Api<ExperimentRun>, name: &str) -> Result<http::Request<Vec<u8>>, request::Error> {
    Request::new(runs.resource_url()).get(name, &GetParams::default())
}

fn api(client: &Client, metadata: &ObjectMeta) -> Api<ExperimentRun> {
    Api::namespaced(client.clone(), metadata.namespace.as_deref().unwrap_or_default())
}

/// What can be read of a run as of `now`.
fn salvage(object: &Value, now: Moment) -> Salvaged {
    let metadata = match Guarded::<ExperimentRun>::deserialize(object) {
        Ok(Guarded(Ok(run))) => return Salvaged { run, problem: None },
        Ok(Guarded(Err(Unreadable(metadata)))) => metadata,
        Err(_) => ObjectMeta::default(),
    };
    let mut problems = Vec::new();
    let spec = legible("spec", object["spec"].clone(), &mut problems);
    let experiment = object["spec"]["experiment"].as_str().unwrap_or_default();
    let mut run = ExperimentRun::new("", spec.unwrap_or_else(|| ExperimentRunSpec::of(experiment)));
    run.metadata = metadata;
    let mut fields = object["status"].as_object().cloned().unwrap_or_default();
    let facts = fields.remove("facts").unwrap_or_default();
    fields.retain(|field, value| {
        let alone = json!({field.as_str(): value});
        legible::<ExperimentRunStatus>(&format!("status.{field}"), alone, &mut problems).is_some()
    });
    let mut status: ExperimentRunStatus =
        serde_json::from_value(Value::Object(fields)).unwrap_or_default();
    let facts = facts.as_array().into_iter().flatten();
    status.facts = facts.filter_map(|fact| self::fact(fact, now, &mut problems)).collect();
    run.status = Some(status);
    let problem =
        if problems.is_empty() { "it cannot be read".to_owned() } else { problems.join("; ") };
    Salvaged { run, problem: Some(problem) }
}

/// The fact, or that there is one of that name.
fn fact(value: &Value, now: Moment, problems: &mut Vec<String>) -> Option<Fact> {
    let name = value["name"].as_str().unwrap_or_default();
    legible(&format!("status.facts[{name}]"), value.clone(), problems).or_else(|| {
        let name = serde_json::from_value(value["name"].clone()).ok()?;
        Some(Span::new(now, now).fact(name, "operator", ""))
    })
}

/// The value, or a problem more.
fn legible<T: DeserializeOwned>(path: &str, value: Value, problems: &mut Vec<String>) -> Option<T> {
    serde_json::from_value(value)
        .inspect_err(|error| problems.push(format!("{path}: {error}")))
        .ok()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use kube::client::Body;

    use super::*;
    use crate::{api::run::Verdict, core::signals::pods::tests::at};

    fn object(spec: &Value, status: &Value) -> Value {
        json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun",
            "metadata": {"name": "r", "namespace": "shop", "uid": "u", "resourceVersion": "7",
                "finalizers": [FINALIZER]},
            "spec": spec, "status": status,
        })
    }

    fn fact(name: &str, at: &str) -> Value {
        json!({"name": name, "at": at, "notBefore": at, "source": "api"})
    }

    #[test]
    fn what_of_a_run_can_be_read_is_read_and_the_rest_is_told_by_its_path() {
        let (then, beyond) = ("2026-11-24T10:00:00Z", "9999-12-31T23:59:59Z");
        let facts =
            json!([fact("accepted", then), fact("journaled", beyond), fact("unheard-of", then)]);
        let status = json!({
            "facts": facts, "plan": {"deadline": beyond, "epoch": 1}, "verdict": "Unheard",
            "conditions": [{"type": "Complete", "status": "False", "reason": "R", "message": "m", "lastTransitionTime": beyond}],
        });
        let read =
            salvage(&object(&json!({"experiment": "e", "startWithin": "never"}), &status), at(0.0));
        let names: Vec<_> =
            read.run.status.as_ref().unwrap().facts.iter().map(|fact| json!(fact.name)).collect();
        assert_eq!(names, ["accepted", "journaled"]);
        assert_eq!((&*read.run.spec.experiment, read.run.uid()), ("e", "u"));
        assert!(read.run.is_held());
        let problem = read.problem.unwrap();
        for path in [
            "spec: ",
            "status.facts[journaled]: ",
            "status.facts[unheard-of]: ",
            "status.plan: ",
            "status.verdict: ",
            "status.conditions: ",
        ] {
            assert!(problem.contains(path), "{path} in {problem}");
        }
        let whole =
            salvage(&object(&json!({"experiment": "e"}), &json!({"facts": [facts[0]]})), at(0.0));
        assert_eq!(whole.problem, None);
    }

    #[test]
    fn what_is_there_of_the_facts_stays_as_it_is_and_what_is_new_comes_after_it() {
        let strange = json!({"name": "journaled", "at": "9999-12-31T23:59:59Z", "more": 1});
        let wanted = json!([
            fact("journaled", "2026-11-24T10:00:00Z"),
            fact("completed", "2026-11-24T10:00:01Z")
        ]);
        assert_eq!(facts(&json!([strange]), &wanted), json!([strange, wanted[1]]));
        assert_eq!(facts(&Value::Null, &wanted), wanted);
    }

    /// A client of a server that answers everything with that object, and what it was sent.
    fn server(object: &Value) -> (Client, Arc<Mutex<Vec<Value>>>) {
        let (sent, answer) = (Arc::new(Mutex::new(Vec::new())), object.to_string());
        let received = sent.clone();
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let (received, answer) = (received.clone(), answer.clone());
            async move {
                let body = request.into_body().collect_bytes().await.unwrap();
                received.lock().unwrap().extend(serde_json::from_slice::<Value>(&body).ok());
                Ok::<_, kube::Error>(http::Response::new(Body::from(answer.into_bytes())))
            }
        });
        (Client::new(service, "shop"), sent)
    }

    #[tokio::test]
    async fn the_end_is_written_beside_what_nobody_can_read_and_our_finalizer_alone_goes() {
        let (strange, last) = (fact("journaled", "9999-12-31T23:59:59Z"), "9999-12-31T23:59:59Z");
        let there = json!({"facts": [strange], "plan": {"deadline": last}, "revertProblem": "old"});
        let there = object(&json!({"experiment": "e"}), &there);
        let (client, sent) = server(&there);
        let run = salvage(&there, at(0.0)).run;
        let mut status = run.status.clone().unwrap();
        (status.verdict, status.revert_problem) = (Some(Verdict::Error), None);
        amend("write the status", &client, &run, (&status, at(0.0))).await.unwrap();
        free("write the finalizers", &client, &run, at(0.0)).await.unwrap();
        let status = json!({"facts": [strange], "verdict": "Error", "revertProblem": null});
        let ended = json!({"metadata": {"uid": "u", "resourceVersion": "7"}, "status": status});
        let freed = json!({"metadata": {"uid": "u", "resourceVersion": "7", "finalizers": []}});
        assert_eq!(*sent.lock().unwrap(), [ended, freed]);
    }
}
