//! Creates days and their runs; one of the same name that is there already is as good.

use crate::{
    api::{ExperimentRun, ExperimentRunSpec, GameDay, GameDayRun, GameDayRunSpec, Moment, names},
    core::gameday::day::{Clocks, NotStarted},
    shell::{
        call::Error,
        context::Context,
        run::create::prepare,
        starter::{Creation, create},
    },
};

/// Creates the day of that name.
///
/// # Errors
/// When it is not known whether it was created.
pub async fn day(
    context: &Context,
    plan: &GameDay,
    name: &str,
    spec: GameDayRunSpec,
) -> Result<Creation<GameDayRun>, Error> {
    let namespace = plan.metadata.namespace.as_deref().unwrap_or_default();
    let mut day = GameDayRun::new(name, spec);
    day.metadata.finalizers = Some(vec![names::DAY_FINALIZER.to_owned()]);
    let label = (names::GAME_DAY.to_owned(), plan.metadata.name.clone().unwrap_or_default());
    day.metadata.labels = Some([label].into());
    create(context, "create the day", namespace, &day, false).await
}

/// Creates the run of that name.
///
/// # Errors
/// When it is not known whether it was created.
pub async fn run(
    context: &Context,
    day: &GameDayRun,
    name: &str,
    spec: ExperimentRunSpec,
) -> Result<Creation<ExperimentRun>, Error> {
    let namespace = day.metadata.namespace.as_deref().unwrap_or_default();
    create(context, "create the run", namespace, &prepared(day, name, spec)?, false).await
}

/// Asks whether the run of that name would be created, and gives what both clocks show.
///
/// # Errors
/// With the words of who does not let us, or of the call that failed.
pub async fn rehearse(
    context: &Context,
    day: &GameDayRun,
    name: &str,
    spec: ExperimentRunSpec,
) -> Result<Clocks, NotStarted> {
    let namespace = day.metadata.namespace.as_deref().unwrap_or_default();
    let run = prepared(day, name, spec).map_err(|error| NotStarted::Refused(error.to_string()))?;
    let answer = create(context, "ask for the run", namespace, &run, true).await;
    match answer.map_err(|error| NotStarted::Unanswered(error.to_string()))? {
        Creation::Created(run) => {
            let created = run.metadata.creation_timestamp.map(|time| Moment::new(time.0));
            let clocks = |theirs| Clocks { theirs, ours: context.wall.now() };
            let untold = "the API server did not say when it would be created";
            created.map(clocks).ok_or_else(|| NotStarted::Unanswered(untold.to_owned()))
        }
        Creation::Known => Err(NotStarted::Refused(format!("a run {name} is there already"))),
        Creation::Refused(words) => Err(NotStarted::Refused(words)),
    }
}

fn prepared(day: &GameDayRun, name: &str, spec: ExperimentRunSpec) -> Result<ExperimentRun, Error> {
    let mut run = ExperimentRun::new(name, spec);
    let label = (names::GAME_DAY.to_owned(), day.spec.game_day.to_string());
    run.metadata.labels = Some([label].into());
    prepare(run)
}
