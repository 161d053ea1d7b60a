//! Keeps the status of Experiments: whether they are valid, what their runs add up to, and no more
//! finished runs than the configuration keeps.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
    core::DeserializeGuard,
    runtime::{
        Controller, WatchStreamExt,
        controller::Action,
        reflector::{ObjectRef, Store},
        watcher,
    },
};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::{Context, Error, call, operator::Stored, warnings, watched::watched};
use crate::{
    api::{
        Experiment, ExperimentRun, ExperimentStatus,
        conditions::{self, Status},
        names::{FIELD_MANAGER, GROUP},
    },
    core::{ledger, plan::Plan},
};

/// An Experiment as it is watched: one that cannot be read must not stop the others.
pub type Guarded = DeserializeGuard<Experiment>;

/// Looks at every Experiment when it changes and when one of its runs ends.
pub async fn control(
    context: Arc<Context>,
    (reader, writer): Stored<Guarded>,
    triggered: mpsc::UnboundedReceiver<ObjectRef<Guarded>>,
) {
    let experiments: Api<Guarded> = Api::all(context.reads.clone());
    let events = watched(experiments, watcher::Config::default()).map(Ok);
    Controller::for_stream(events.reflect(writer).applied_objects(), reader)
        .reconcile_on(UnboundedReceiverStream::new(triggered))
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_secs(5)), context)
        .for_each(|outcome| async {
            if let Err(error) = outcome {
                tracing::debug!(%error, "an Experiment could not be looked at");
            }
        })
        .await;
}

async fn reconcile(experiment: Arc<Guarded>, context: Arc<Context>) -> Result<Action, Error> {
    let Ok(experiment) = &experiment.0 else {
        return Ok(Action::await_change());
    };
    let all = context.runs.get().map(Store::state).unwrap_or_default();
    let runs: Vec<&ExperimentRun> = all
        .iter()
        .filter_map(|run| run.0.as_ref().ok())
        .filter(|run| run.namespace() == experiment.namespace())
        .filter(|run| *run.spec.experiment == experiment.name_any())
        .collect();
    let status = judge(&context, experiment, &runs).await;
    if experiment.status.as_ref() != Some(&status) {
        write(&context, experiment, &status).await?;
    }
    for run in ledger::superfluous(&runs, context.config.keep_runs) {
        prune(&context, run).await;
    }
    Ok(Action::await_change())
}

async fn judge(
    context: &Context,
    experiment: &Experiment,
    runs: &[&ExperimentRun],
) -> ExperimentStatus {
    let mut status = experiment.status.clone().unwrap_or_default();
    let generation = experiment.metadata.generation;
    status.observed_generation = generation;
    status.fault = Some(experiment.spec.fault.name().to_owned());
    status.target = Some(experiment.spec.target.to_string());
    ledger::add_up(&mut status, runs);
    let (ready, message) = match Plan::parse(&experiment.spec) {
        Ok(plan) => ((Status::True, "Valid"), valid(context, experiment, &plan).await),
        Err(problems) => {
            let lines =
                problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message));
            ((Status::False, "Invalid"), lines.collect::<Vec<_>>().join("; "))
        }
    };
    let value = (ready.0, ready.1, message.as_str());
    conditions::set(&mut status.conditions, "Ready", value, generation, context.clock.now());
    status
}

/// What `Ready` says of an Experiment that is valid: nothing of what it warns of is a reason not to be ready.
async fn valid(context: &Context, experiment: &Experiment, plan: &Plan) -> String {
    let namespace = experiment.namespace().unwrap_or_default();
    let warnings = warnings::of_experiment(context, &namespace, plan).await;
    if warnings.is_empty() {
        return "the spec is valid".to_owned();
    }
    let words: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    format!("valid, but {}", words.join("; "))
}

async fn write(
    context: &Context,
    experiment: &Experiment,
    status: &ExperimentStatus,
) -> Result<(), Error> {
    let name = experiment.name_any();
    let body = json!({
        "apiVersion": format!("{GROUP}/v1alpha1"),
        "kind": "Experiment",
        "metadata": {
            "name": name,
            "uid": experiment.uid(),
            "resourceVersion": experiment.resource_version(),
        },
        "status": status,
    });
    let experiments: Api<Experiment> =
        Api::namespaced(context.writes.clone(), &experiment.namespace().unwrap_or_default());
    let params = PatchParams::apply(FIELD_MANAGER).force().validation_strict();
    let patch = Patch::Apply(&body);
    let written = experiments.patch_status(&name, &params, &patch);
    call("write the experiment's status", written).await.map(drop)
}

/// Deletes one finished run; one that somebody else deleted meanwhile is as good.
async fn prune(context: &Context, run: &ExperimentRun) {
    let runs: Api<ExperimentRun> =
        Api::namespaced(context.writes.clone(), &run.namespace().unwrap_or_default());
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: run.uid().to_owned().into(),
            ..Preconditions::default()
        }),
        ..DeleteParams::default()
    };
    let name = run.name_any();
    match call("delete the finished run", runs.delete(&name, &params)).await {
        Ok(_) => tracing::info!(
            run = name,
            "deleted, as keepRuns newer ones of its experiment are finished"
        ),
        Err(error) => tracing::debug!(run = name, %error, "a finished run could not be deleted"),
    }
}
