//! Keeps the status of Experiments: whether they are valid, what their runs add up to, and no more
//! finished runs than the configuration keeps.

use std::{sync::Arc, time::Duration};

use kube::{
    Api, ResourceExt,
    runtime::{
        controller::{Action, Config},
        watcher,
    },
};

use super::{
    controller::{self, Feed},
    guarded::Guarded,
    record, warnings,
};
use crate::{
    api::{
        Experiment, ExperimentRun, ExperimentStatus,
        conditions::{self, Status},
    },
    core::{outcome::history, plan::Plan},
    debrief,
    shell::{call::Error, context::Context},
};

/// After an error an Experiment is looked at again so soon.
const PAUSE: Duration = Duration::from_secs(5);
/// How many are judged at once: of each the plan is compiled, and dropped again, and the alert sources' rules are read.
const AT_ONCE: u16 = 8;

/// Looks at every Experiment when it changes and when one of its runs ends.
pub async fn control(context: Arc<Context>, feed: Feed<Experiment>) {
    let experiments = Api::all(context.reads.clone());
    let controller = feed.controller(experiments, watcher::Config::default(), fit);
    let bounded = controller.with_config(Config::default().concurrency(AT_ONCE));
    controller::run(bounded, reconcile, |_| {}, PAUSE, context).await;
}

/// Gives back the room that its lists have beyond their length, which is mostly one: each is read with room for four, and
/// there may be thousands of Experiments.
fn fit(experiment: &mut Experiment) {
    experiment.spec.steady_state.shrink_to_fit();
    experiment.spec.detection.alerts.shrink_to_fit();
    if let Some(status) = &mut experiment.status {
        status.conditions.shrink_to_fit();
    }
}

async fn reconcile(
    experiment: Arc<Guarded<Experiment>>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let Ok(experiment) = &experiment.0 else {
        return Ok(Action::await_change());
    };
    // Before every run was listed, its status would say that there are none.
    context.runs.listed().await;
    context.debriefs.listed().await;
    let heard = context.runs.heard();
    let name = experiment.name_any();
    let runs: Vec<&ExperimentRun> = heard
        .iter()
        .filter(|run| *run.spec.experiment == name)
        .filter(|run| run.metadata.namespace == experiment.metadata.namespace)
        .collect();
    let status = judge(&context, experiment, &runs).await;
    if experiment.status.as_ref() != Some(&status) {
        let what = "write the experiment's status";
        record::apply_status(what, &context.writes, experiment, &status).await?;
    }
    let is_open = |debrief: &str| is_open(&context, experiment, debrief);
    for run in history::superfluous(&runs, context.config.keep_runs, is_open) {
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
    history::add_up(&mut status, runs, |debrief| is_open(context, experiment, debrief));
    let (ready, message) = match Plan::parse(&experiment.spec) {
        Ok(plan) => ((Status::True, "Valid"), valid(context, experiment, &plan).await),
        Err(problems) => {
            let lines =
                problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message));
            ((Status::False, "Invalid"), lines.collect::<Vec<_>>().join("; "))
        }
    };
    let value = (ready.0, ready.1, message.as_str());
    conditions::set(&mut status.conditions, "Ready", value, generation, context.wall.now());
    status
}

/// Whether that debrief of the Experiment's namespace is open, as last heard; one that cannot be read is.
fn is_open(context: &Context, experiment: &Experiment, name: &str) -> bool {
    let namespace = experiment.namespace().unwrap_or_default();
    let known = context.debriefs.get(&namespace, name);
    known.is_some_and(|known| known.0.as_ref().map_or(true, debrief::is_open))
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

/// Deletes one finished run; one that somebody else deleted meanwhile is as good.
async fn prune(context: &Context, run: &ExperimentRun) {
    let name = run.name_any();
    match record::delete("delete the finished run", &context.writes, run).await {
        Ok(()) => tracing::info!(
            run = name,
            "deleted, as keepRuns newer ones of its experiment are finished"
        ),
        Err(error) => tracing::debug!(run = name, %error, "a finished run could not be deleted"),
    }
}
