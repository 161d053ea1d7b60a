//! Looks at every debrief when it changes, when a run that concerns it is over, and when something of it is due; it alone
//! writes a debrief's status.

use std::{sync::Arc, time};

use kube::{
    Api, ResourceExt,
    runtime::{
        controller::{Action, Config},
        watcher,
    },
};

use crate::{
    api::{Debrief, DebriefStatus, Duration, ExperimentRun, Moment, run::FactName},
    debrief::{
        self,
        decide::{Candidate, Decision, Observed, decide},
    },
    shell::{
        call::{Error, call},
        context::Context,
        controller::{self, Feed},
        guarded::Guarded,
        record,
    },
};

/// After an error a debrief is looked at again so soon.
const PAUSE: time::Duration = time::Duration::from_secs(5);
/// How many are looked at at once.
const AT_ONCE: u16 = 8;
/// No debrief needs more steps than this in one go: each of its runs is read, and recorded.
const STEPS_MAX: usize = 256;

/// Looks at every debrief.
pub async fn control(context: Arc<Context>, feed: Feed<Debrief>) {
    let debriefs = Api::all(context.reads.clone());
    let controller = feed.controller(debriefs, watcher::Config::default(), forget_details);
    let bounded = controller.with_config(Config::default().concurrency(AT_ONCE));
    controller::run(bounded, reconcile, |_| {}, PAUSE, context).await;
}

/// Forgets what no rule reads: the story, and of a debrief that has ended nearly everything.
fn forget_details(debrief: &mut Debrief) {
    if let Some(evidence) = &mut debrief.spec.evidence {
        evidence.timeline = Vec::new();
        evidence.also_fired = Vec::new();
        evidence.facts.retain(|fact| matches!(fact.name, FactName::Injected | FactName::Recovered));
        evidence.facts.iter_mut().for_each(|fact| fact.labels.clear());
    }
    debrief.spec.findings = None;
    debrief.spec.amendments = Vec::new();
    if is_ended(debrief) {
        debrief.spec.evidence = None;
        debrief.spec.action_items = Vec::new();
        if let Some(status) = &mut debrief.status {
            status.conditions = Vec::new();
            status.attempts = Vec::new();
        }
    }
}

fn is_ended(debrief: &Debrief) -> bool {
    debrief.status.as_ref().is_some_and(|status| status.ended_at.is_some())
}

async fn reconcile(debrief: Arc<Guarded<Debrief>>, context: Arc<Context>) -> Result<Action, Error> {
    let Ok(heard) = &debrief.0 else { return Ok(Action::await_change()) };
    // Before every run was listed, none would be under way.
    context.runs.listed().await;
    if is_ended(heard) && !candidates(&context, heard).iter().any(|run| is_unknown(heard, run)) {
        return Ok(Action::await_change());
    }
    let mut latest = if is_ended(heard) { read(&context, heard).await? } else { heard.clone() };
    let (mut run, mut passed_over) = (None, Vec::new());
    for _ in 0..STEPS_MAX {
        let now = context.wall.now();
        let runs = candidates(&context, &latest);
        let decision = decide(&Observed {
            now,
            debrief: &latest,
            runs: &runs,
            run: run.as_ref(),
            passed_over: &passed_over,
        });
        match decision {
            Decision::Look { name, uid } => match read_run(&context, &latest, &name).await? {
                Some(found) if found.uid() == uid => run = Some(found),
                _ => passed_over.push(uid),
            },
            Decision::PassOver(uid) => {
                run = None;
                passed_over.push(uid);
            }
            Decision::Record(status) => {
                latest = write(&context, &latest, &status).await?;
                run = None;
            }
            Decision::WaitUntil(until) => {
                return Ok(Action::requeue(Duration::between(now, until).std()));
            }
            Decision::Rest => return Ok(Action::await_change()),
        }
    }
    Err(Error::TooManySteps(STEPS_MAX))
}

/// Whether a run that joins a debrief that has ended was not judged: its repeats are all kept.
fn is_unknown(debrief: &Debrief, run: &Candidate) -> bool {
    let opened_it =
        debrief.spec.source.run_ref.as_ref().is_some_and(|opened| opened.uid == run.uid);
    let status = debrief.status.as_ref();
    let is_known = status.is_some_and(|status| {
        status.occurrences.iter().any(|miss| miss.uid == run.uid)
            || status.judged_until.is_some_and(|until| run.created_at <= Some(until))
    });
    run.joins && run.is_over && !opened_it && !is_known
}

/// The runs of its experiment, those that say they verify it, and those that join it, as last heard.
fn candidates(context: &Context, debrief: &Debrief) -> Vec<Candidate> {
    let (name, experiment) = (debrief.metadata.name.as_deref(), debrief.spec.experiment());
    let heard = context.runs.heard();
    let of = |run: &ExperimentRun| {
        let status = run.status.as_ref();
        let joins = status.is_some_and(|status| status.debrief.as_deref() == name);
        let verifies = run.spec.verifies.as_deref() == name;
        let is_same = experiment == Some(&*run.spec.experiment) && run.spec.verifies.is_none();
        (!run.spec.dry_run && (joins || verifies || is_same)).then(|| Candidate {
            name: run.name_any(),
            uid: run.uid().to_owned(),
            created_at: run.metadata.creation_timestamp.as_ref().map(|time| Moment::new(time.0)),
            is_over: run.is_complete(),
            joins,
            has_struck: status.is_some_and(|status| status.fact(FactName::Injected).is_some()),
        })
    };
    let same = |run: &&ExperimentRun| run.metadata.namespace == debrief.metadata.namespace;
    heard.iter().filter(same).filter_map(of).collect()
}

/// The debrief, live; one that is gone is a conflict, as whoever deleted it is heard of.
async fn read(context: &Context, debrief: &Debrief) -> Result<Debrief, Error> {
    let namespace = debrief.namespace().unwrap_or_default();
    let debriefs: Api<Debrief> = Api::namespaced(context.reads.clone(), &namespace);
    let what = "read the debrief";
    call(what, debriefs.get_opt(&debrief.name_any())).await?.ok_or(Error::Conflict(what))
}

async fn read_run(
    context: &Context,
    debrief: &Debrief,
    name: &str,
) -> Result<Option<ExperimentRun>, Error> {
    let namespace = debrief.namespace().unwrap_or_default();
    let runs: Api<ExperimentRun> = Api::namespaced(context.reads.clone(), &namespace);
    call("read the run", runs.get_opt(name)).await
}

async fn write(
    context: &Context,
    debrief: &Debrief,
    status: &DebriefStatus,
) -> Result<Debrief, Error> {
    let what = "write the debrief's status";
    let written = record::apply_status(what, &context.writes, debrief, status).await?;
    let (namespace, name) = (debrief.namespace().unwrap_or_default(), debrief.name_any());
    let before = debrief.status.as_ref().and_then(|status| status.stage);
    if let Some(stage) = status.stage.filter(|stage| Some(*stage) != before) {
        tracing::info!(namespace, debrief = name, %stage, "a debrief goes on");
        let experiment = debrief.spec.experiment().unwrap_or_default();
        // Its status names the debrief that is open.
        context.experiments.request(&namespace, experiment);
    }
    Ok(written)
}

/// Asks for every debrief that a run which is over may concern to be looked at.
pub fn request(context: &Context, run: &ExperimentRun) {
    let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
    let named = [
        run.status.as_ref().and_then(|status| status.debrief.as_deref()),
        run.spec.verifies.as_deref(),
    ];
    for name in named.into_iter().flatten() {
        context.debriefs.request(namespace, name);
    }
    for debrief in context.debriefs.heard().iter() {
        let is_ours = debrief.spec.experiment() == Some(&*run.spec.experiment)
            && debrief.metadata.namespace == run.metadata.namespace;
        if is_ours && debrief::stage::is_open(debrief) {
            context
                .debriefs
                .request(namespace, debrief.metadata.name.as_deref().unwrap_or_default());
        }
    }
}
