//! Live reads of what gates and steps look at, side by side; a read that fails is an answer too.

mod alerts;

use std::{collections::BTreeMap, fmt::Debug};

use futures::future::join_all;
use kube::{Api, ResourceExt, api::ListParams};
use serde::de::DeserializeOwned;

use super::{create, earlier};
use crate::{
    api::{
        Duration, Experiment, ExperimentRun, GameDay, GameDayRun,
        game_day::{GoNoGo, Step},
    },
    core::{
        gameday::day::{
            Found, GateReads, OtherDay, Others, Rollout, StartReads, StepReads, gates::run_of,
            rehearsal_name,
        },
        hash,
    },
    shell::{
        call::{Error, Namespaced, call},
        context::Context,
        guarded::Guarded,
        reader::{Part, Reader},
        run::observe,
    },
};

/// Reads what the gates look at.
pub async fn gates(context: &Context, day: &GameDayRun) -> GateReads {
    let read_at = context.calendar.now();
    let namespace = day.namespace().unwrap_or_default();
    let (plan, lever, others, rollouts) = futures::join!(
        find::<GameDay>("read the plan", context, &namespace, &day.spec.game_day),
        observe::lever(context, &namespace),
        others(context, &namespace, day),
        rollouts(context, &namespace),
    );
    let (steps, asked) = match &plan {
        Found::There(plan) => (plan.spec.steps.clone(), plan.spec.gates()),
        Found::Missing | Found::Unreadable(_) => (Vec::new(), GoNoGo::default()),
    };
    let mut names: Vec<&str> = steps.iter().map(|step| &*step.experiment).collect();
    names.sort_unstable();
    names.dedup();
    let rehearsals = join_all(names.iter().map(async |name| {
        let run = rehearsal_name(day.uid(), name);
        ((*name).to_owned(), find("read the rehearsal", context, &namespace, &run).await)
    }));
    let experiments = join_all(names.iter().map(async |name| {
        let found = find::<Experiment>("read the Experiment", context, &namespace, name).await;
        let spec = match found {
            Found::There(experiment) => Found::There(experiment.spec),
            Found::Missing => Found::Missing,
            Found::Unreadable(error) => Found::Unreadable(error),
        };
        ((*name).to_owned(), spec)
    }));
    let (experiments, rehearsals, firing, error_budget) = futures::join!(
        experiments,
        rehearsals,
        alerts::firing(context, &namespace, &asked),
        alerts::error_budget(context, &namespace, &asked),
    );
    let experiments: BTreeMap<_, _> = experiments.into_iter().collect();
    let expected = alerts::expected(context, &namespace, &experiments).await;
    let starter = join_all(steps.iter().map(async |step: &Step| {
        let hash = match experiments.get(&*step.experiment) {
            Some(Found::There(spec)) => Some(hash::short(spec)),
            _ => None,
        };
        let (name, spec) = run_of(&day.name_any(), step, hash, Duration::minutes(10));
        (step.name.clone(), create::rehearse(context, day, &name, spec).await)
    }));
    let earlier = earlier::predecessor(context, &namespace, &plan, &experiments);
    let (starter, predecessor) = futures::join!(starter, earlier);
    let starter = starter.into_iter().collect();
    let rehearsals = rehearsals.into_iter().collect();
    GateReads {
        read_at,
        plan,
        lever,
        experiments,
        starter,
        expected,
        rehearsals,
        firing,
        rollouts,
        error_budget,
        others,
        predecessor,
    }
}

/// Reads what a step looks at before it starts.
pub async fn start(context: &Context, day: &GameDayRun) -> StartReads {
    let read_at = context.calendar.now();
    let namespace = day.namespace().unwrap_or_default();
    let status = day.status.as_ref();
    let mut steps = status.iter().flat_map(|status| &status.steps);
    let has_started = steps.any(|step| step.run.is_some());
    let asked = status.and_then(|status| status.plan.as_ref()).map(|plan| plan.spec.gates());
    let asked = asked.unwrap_or_default();
    let days =
        async { if has_started { Ok(Vec::new()) } else { days(context, &namespace, day).await } };
    let (plan, days, firing, rollouts) = futures::join!(
        find::<GameDay>("read the plan", context, &namespace, &day.spec.game_day),
        days,
        alerts::firing(context, &namespace, &asked),
        rollouts(context, &namespace),
    );
    let days = days.map_err(|error| error.to_string());
    StartReads { read_at, plan, days, firing, rollouts }
}

async fn rollouts(context: &Context, namespace: &str) -> Result<Vec<Rollout>, String> {
    observe::rollouts(context, namespace).await.map_err(|error| error.to_string())
}

/// Reads the runs of the steps.
pub async fn steps(context: &Context, day: &GameDayRun) -> StepReads {
    let read_at = context.calendar.now();
    let namespace = day.namespace().unwrap_or_default();
    let steps = day.status.iter().flat_map(|status| &status.steps);
    let live = steps.filter_map(|step| {
        let run = step.run.as_deref().filter(|_| step.over_at.is_none())?;
        Some((step.name.clone(), run.to_owned()))
    });
    let runs = join_all(live.map(async |(step, run)| {
        let found = find::<ExperimentRun>("read the run", context, &namespace, &run).await;
        let found = match found {
            Found::There(run) => Found::There(context.calendar.of_run(run)),
            other => other,
        };
        (step, found)
    }));
    StepReads { read_at, runs: runs.await.into_iter().collect() }
}

async fn find<K: Namespaced>(
    what: &'static str,
    context: &Context,
    namespace: &str,
    name: &str,
) -> Found<K> {
    let objects: Api<K> = Api::namespaced(context.reads.clone(), namespace);
    match call(what, objects.get_opt(name)).await {
        Ok(Some(object)) => Found::There(object),
        Ok(None) => Found::Missing,
        Err(error) => Found::Unreadable(error.words()),
    }
}

/// What else is live in the namespace of the day.
async fn others(context: &Context, namespace: &str, day: &GameDayRun) -> Result<Others, String> {
    let (runs, days) = futures::join!(runs(context, namespace, day), days(context, namespace, day));
    let told = |error: Error| error.to_string();
    Ok(Others { runs: runs.map_err(told)?, days: days.map_err(told)? })
}

/// The runs that are not over, which may break something, and are not of this day.
async fn runs(context: &Context, namespace: &str, day: &GameDayRun) -> Result<Vec<String>, Error> {
    let under_way = ListParams::default().fields("status.completionTime=");
    let (mut found, own) = (Vec::new(), day.name_any());
    let is_other = |run: &Guarded<ExperimentRun>| match &run.0 {
        Ok(run) => !run.spec.dry_run && run.spec.game_day.as_deref() != Some(&own),
        Err(_) => true,
    };
    let take = |run: Guarded<ExperimentRun>| found.extend(is_other(&run).then(|| run.name_any()));
    list("list the runs", context, namespace, under_way, take).await?;
    Ok(found)
}

/// The other days that have begun and are not over.
async fn days(
    context: &Context,
    namespace: &str,
    day: &GameDayRun,
) -> Result<Vec<OtherDay>, Error> {
    let mut found = Vec::new();
    let take = |other: Guarded<GameDayRun>| {
        let Ok(other) = other.0 else { return };
        let is_live = other.has_begun() && !other.is_over();
        if !is_live || other.uid() == day.uid() {
            return;
        }
        let mut steps = other.status.iter().flat_map(|status| &status.steps);
        let version = other.metadata.resource_version.as_deref();
        found.push(OtherDay {
            name: other.name_any(),
            version: version.and_then(|version| version.parse().ok()).unwrap_or(0),
            has_started: steps.any(|step| step.run.is_some()),
        });
    };
    list("list the days", context, namespace, ListParams::default(), take).await?;
    Ok(found)
}

async fn list<K>(
    what: &'static str,
    context: &Context,
    namespace: &str,
    params: ListParams,
    take: impl FnMut(Guarded<K>),
) -> Result<(), Error>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let objects: Api<Guarded<K>> = Api::namespaced(context.reads.clone(), namespace);
    let reader = Reader::new(context.reads.clone());
    reader.list(what, objects.resource_url(), (Part::Typed, params), take).await.map(drop)
}
