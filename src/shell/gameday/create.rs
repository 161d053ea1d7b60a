//! Creates days and runs as `firedrill-starter` of their namespace: the API server judges at each time whether that
//! may be, and one of the same name that is there already is as good.

use std::fmt::Debug;

use kube::{Api, Client, api::PostParams};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    api::{ExperimentRun, ExperimentRunSpec, GameDay, GameDayRun, GameDayRunSpec, Moment, names},
    core::gameday::day::{Clocks, NotStarted},
    shell::{
        call::{Error, call},
        clients,
        context::Context,
        run::create::prepare,
    },
};

/// What became of asking for an object.
pub enum Creation<K> {
    /// It was created now.
    Created(K),
    /// One of that name is there.
    Known,
    /// The API server did not let us; why.
    Refused(String),
}

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

async fn create<K>(
    context: &Context,
    what: &'static str,
    namespace: &str,
    object: &K,
    dry_run: bool,
) -> Result<Creation<K>, Error>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned,
{
    let client: Client = context.starter(namespace);
    let objects: Api<K> = Api::namespaced(client, namespace);
    let params = PostParams { dry_run, field_manager: Some(names::FIELD_MANAGER.to_owned()) };
    match call(what, objects.create(&params, object)).await {
        Ok(created) => Ok(Creation::Created(created)),
        Err(error) => match error.code() {
            Some(409) => Ok(Creation::Known),
            Some(400 | 403 | 404 | 422) => {
                Ok(Creation::Refused(clients::not_started(&error.words(), namespace)))
            }
            _ => Err(error),
        },
    }
}
