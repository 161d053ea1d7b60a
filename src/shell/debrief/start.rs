//! Creates the proof runs that a debrief schedules.

use kube::{Api, ResourceExt};

use crate::{
    api::{Debrief, ExperimentRun, ExperimentRunSpec},
    debrief::decide::Started,
    shell::{
        call::{Error, call},
        context::Context,
        run::create::prepare,
        starter::{Creation, create},
    },
};

/// Creates the run of that name, or finds the one that is there.
///
/// # Errors
/// When it is not known whether it was created.
pub async fn start(
    context: &Context,
    debrief: &Debrief,
    name: &str,
    spec: ExperimentRunSpec,
) -> Result<Started, Error> {
    let namespace = debrief.namespace().unwrap_or_default();
    let run = prepare(ExperimentRun::new(name, spec))?;
    let created = match create(context, "create the run", &namespace, &run, false).await? {
        Creation::Created(created) => created,
        Creation::Refused(words) => return Ok(Started::Refused(words)),
        Creation::Known => {
            let runs: Api<ExperimentRun> = Api::namespaced(context.reads.clone(), &namespace);
            call("read the run", runs.get(name)).await?
        }
    };
    // Nobody but the starter may say that a run is scheduled.
    let is_ours = created.spec.scheduled
        && created.spec.verifies == run.spec.verifies
        && created.spec.experiment == run.spec.experiment;
    Ok(if is_ours {
        tracing::info!(namespace, debrief = debrief.name_any(), run = name, "a proof run is there");
        Started::There(created.uid().to_owned())
    } else {
        Started::Refused(format!("run {name} is there, and the operator has not created it"))
    })
}
