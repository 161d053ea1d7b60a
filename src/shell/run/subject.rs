//! What a run executes, and whether the day that it is a step of is still there.

use kube::{Api, ResourceExt};

use crate::{
    api::{Experiment, ExperimentRun},
    core::{decide::Subject, hash, plan::Problem},
    shell::{
        call::{Error, call},
        context::Context,
    },
};

/// Whether the day that the run is a step of is not there any more, as far as the watch tells.
#[must_use]
pub fn is_day_gone(context: &Context, run: &ExperimentRun) -> bool {
    let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
    let day = run.spec.game_day.as_ref().filter(|_| run.has_begun());
    day.is_some_and(|day| context.days.is_gone(namespace, day))
}

/// Whether the Experiment is the version that the run asks for; most ask for none.
fn is_asked_for(run: &ExperimentRun, experiment: &Experiment) -> bool {
    let asked = run.spec.experiment_hash.as_ref();
    asked.is_none_or(|asked| *asked == hash::short(&experiment.spec))
}

/// The experiment that the run executes: the journal's, the template's, or the Experiment as it is.
///
/// # Errors
/// When the API server refuses or does not answer.
pub async fn subject(context: &Context, run: &ExperimentRun) -> Result<Subject, Error> {
    let valid = |spec, generation| match context.registry.plan(spec) {
        Ok(plan) => Subject::Valid { plan, generation },
        Err(problems) => Subject::Invalid(problems),
    };
    if let Some(spec) = run.effective_spec(None) {
        return Ok(valid(spec, None));
    }
    let name = &run.spec.experiment;
    let experiments: Api<Experiment> =
        Api::namespaced(context.reads.clone(), &run.namespace().unwrap_or_default());
    match call("read the Experiment", experiments.get_opt(name)).await {
        Ok(Some(experiment)) if !is_asked_for(run, &experiment) => {
            Ok(Subject::Changed(name.to_string()))
        }
        Ok(Some(mut experiment)) => {
            let steady_for = &mut experiment.spec.guards.steady_for;
            *steady_for = (*steady_for).max(run.spec.steady_for.unwrap_or_default());
            Ok(valid(&experiment.spec, experiment.metadata.generation))
        }
        Ok(None) => Ok(Subject::Missing(name.to_string())),
        Err(error) if error.is_unreadable() => {
            let message = format!("{error}: apply it again as `firedrill validate` accepts it");
            Ok(Subject::Invalid(vec![Problem { path: "spec".to_owned(), message }]))
        }
        Err(error) => Err(error),
    }
}
