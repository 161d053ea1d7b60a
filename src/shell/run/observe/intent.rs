//! What was written down of a run before it was created, live: by the day that it is a step of, or by the debrief that
//! schedules it.

use kube::{Api, ResourceExt};

use crate::{
    api::{
        Debrief, GameDayRun,
        run::{ExperimentRun, Guard},
    },
    core::{cluster::Intent, gameday::day},
    debrief::decide,
    shell::{call::call, context::Context},
};

/// What is said of the run now, with the guard that asks; absent for one that somebody has started.
pub(super) async fn intent(
    context: &Context,
    namespace: &str,
    run: &ExperimentRun,
) -> Option<(Guard, Intent)> {
    if let Some(name) = run.spec.game_day.as_deref() {
        return Some((Guard::GameDay, of_day(context, namespace, (run, name)).await));
    }
    let verified = run.spec.verifies.as_deref().filter(|_| run.spec.scheduled)?;
    Some((Guard::Debrief, of_debrief(context, namespace, (run, verified)).await))
}

async fn of_day(context: &Context, namespace: &str, (run, name): (&ExperimentRun, &str)) -> Intent {
    let days: Api<GameDayRun> = Api::namespaced(context.reads.clone(), namespace);
    match call("read the day", days.get_opt(name)).await {
        Ok(Some(day)) if run.spec.dry_run && !day.is_over() => {
            Intent::Written(format!("a rehearsal of game day {name}"))
        }
        Ok(Some(day)) => day::intent(&day, &run.name_any(), run.uid()),
        Ok(None) => Intent::Refused(format!("there is no game day {name}")),
        Err(error) => Intent::Refused(format!("game day {name} cannot be read: {}", error.words())),
    }
}

async fn of_debrief(
    context: &Context,
    namespace: &str,
    (run, name): (&ExperimentRun, &str),
) -> Intent {
    let debriefs: Api<Debrief> = Api::namespaced(context.reads.clone(), namespace);
    match call("read the debrief", debriefs.get_opt(name)).await {
        Ok(Some(debrief)) => decide::intent(&debrief, run, context.calendar.now()),
        Ok(None) => Intent::Refused(format!("there is no debrief {name}")),
        Err(error) => Intent::Refused(format!("debrief {name} cannot be read: {}", error.words())),
    }
}
