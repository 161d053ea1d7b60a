//! Writes a run's status and finalizer; every write carries the version that it is based on.

use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    api::{
        ExperimentRun,
        names::{FIELD_MANAGER, FINALIZER, GROUP},
        run::ExperimentRunStatus,
    },
    shell::{Context, Error, call},
};

fn api(context: &Context, run: &ExperimentRun) -> Api<ExperimentRun> {
    Api::namespaced(context.writes.clone(), &run.namespace().unwrap_or_default())
}

/// Writes the whole status and gives the run as the API server has it then.
///
/// # Errors
/// [`Error::Conflict`] when the run has changed since it was read; what the API server says otherwise.
pub async fn status(
    context: &Context,
    run: &ExperimentRun,
    status: &ExperimentRunStatus,
) -> Result<ExperimentRun, Error> {
    let body = json!({
        "apiVersion": format!("{GROUP}/v1alpha1"),
        "kind": "ExperimentRun",
        "metadata": {
            "name": run.name_any(),
            "uid": run.uid(),
            "resourceVersion": run.resource_version(),
        },
        "status": status,
    });
    let params = PatchParams::apply(FIELD_MANAGER).force().validation_strict();
    let (runs, name, patch) = (api(context, run), run.name_any(), Patch::Apply(&body));
    let written = runs.patch_status(&name, &params, &patch);
    conflict(call("write the run's status", written).await)
}

/// Puts our finalizer on the run.
///
/// # Errors
/// [`Error::Conflict`] when the run has changed since it was read; what the API server says otherwise.
pub async fn add_finalizer(context: &Context, run: &ExperimentRun) -> Result<ExperimentRun, Error> {
    let mut finalizers = run.finalizers().to_vec();
    finalizers.push(FINALIZER.to_owned());
    finalizers_are(context, run, json!(finalizers)).await
}

/// Takes our finalizer off the run, and no other.
///
/// # Errors
/// [`Error::Conflict`] when the run has changed since it was read; what the API server says otherwise.
pub async fn release_finalizer(
    context: &Context,
    run: &ExperimentRun,
) -> Result<ExperimentRun, Error> {
    let others: Vec<_> = run.finalizers().iter().filter(|name| *name != FINALIZER).collect();
    finalizers_are(context, run, json!(others)).await
}

async fn finalizers_are(
    context: &Context,
    run: &ExperimentRun,
    finalizers: Value,
) -> Result<ExperimentRun, Error> {
    let body = json!({"metadata": {
        "uid": run.uid(),
        "resourceVersion": run.resource_version(),
        "finalizers": finalizers,
    }});
    let params =
        PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let (runs, name, patch) = (api(context, run), run.name_any(), Patch::Merge(&body));
    let written = runs.patch(&name, &params, &patch);
    conflict(call("write the run's finalizers", written).await)
}

/// Reads the run live.
///
/// # Errors
/// What the API server says; a run that is gone is no error.
pub async fn read(context: &Context, run: &ExperimentRun) -> Result<Option<ExperimentRun>, Error> {
    let runs: Api<ExperimentRun> =
        Api::namespaced(context.reads.clone(), &run.namespace().unwrap_or_default());
    call("read the run", runs.get_opt(&run.name_any())).await
}

fn conflict<T>(answer: Result<T, Error>) -> Result<T, Error> {
    answer.map_err(|error| if error.code() == Some(409) { Error::Conflict } else { error })
}
