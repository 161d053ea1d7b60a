//! Looks at every debrief when it changes, when a run that concerns it is over, and when something of it is due; it alone
//! writes a debrief's status.

use std::{sync::Arc, time};

use futures::TryStreamExt;
use kube::{
    Api, ResourceExt,
    api::{ListParams, VersionMatch},
    runtime::{
        controller::{Action, Config},
        watcher,
    },
};

use super::{start::start, tell};
use crate::{
    api::{
        Debrief, DebriefStatus, Duration, Experiment, ExperimentRun, ExperimentSpec,
        debrief::Notice,
    },
    debrief::{
        self,
        decide::{self, Candidate, Decision, Delivery, Observed, Told},
        remind::{self, Peer},
    },
    shell::{
        call::{Error, call},
        context::Context,
        controller::{self, Feed},
        guarded::Guarded,
        list, record,
    },
};

/// After an error a debrief is looked at again so soon.
const PAUSE: time::Duration = time::Duration::from_secs(5);
/// How many are looked at at once.
const AT_ONCE: u16 = 8;
/// So many are listed at once.
const PAGE: u32 = 50;
/// Where a debrief has ended so long ago, its Experiment's status tells that already.
const ENDED_JUST_NOW: Duration = Duration::minutes(60);
/// No debrief needs more steps than this in one go: each of its runs is read, and recorded.
const STEPS_MAX: usize = 256;

/// Looks at every debrief.
pub async fn control(context: Arc<Context>, feed: Feed<Debrief>) {
    let debriefs = Api::all(context.reads.clone());
    let controller = feed.controller(debriefs, watcher::Config::default(), decide::forget_details);
    let bounded = controller.with_config(Config::default().concurrency(AT_ONCE));
    controller::run(bounded, reconcile, |_| {}, PAUSE, context).await;
}

async fn reconcile(debrief: Arc<Guarded<Debrief>>, context: Arc<Context>) -> Result<Action, Error> {
    let Ok(heard) = &debrief.0 else { return Ok(Action::await_change()) };
    // Before every run was listed, none would be under way.
    context.runs.listed().await;
    request_experiment(&context, heard);
    let mut latest = heard.clone();
    if debrief::has_ended(heard) {
        if !decide::is_unfinished(heard, &candidates(&context, heard)) {
            return Ok(Action::await_change());
        }
        // Nearly everything of it was forgotten.
        latest = read(&context, heard).await?;
    }
    let (mut run, mut passed_over, mut told, mut started) = (None, Vec::new(), None, None);
    for _ in 0..STEPS_MAX {
        let now = context.calendar.now();
        let runs = candidates(&context, &latest);
        let peers = || peers(&context, &latest);
        let experiment = experiment(&context, &latest).await;
        let decision = decide::decide(&Observed {
            now,
            debrief: &latest,
            runs: &runs,
            run: run.as_ref(),
            passed_over: &passed_over,
            peers: &peers,
            told: told.as_ref(),
            experiment: experiment.as_ref(),
            started: started.as_ref(),
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
            Decision::Record(status) => match write(&context, &latest, &status).await {
                // Until the watch has told of the other one, it would be claimed at once again.
                Ok(_) if is_left(told.as_ref()) => return Ok(Action::requeue(PAUSE)),
                Ok(written) => {
                    (latest, run, told, started) = (written, None, None, None);
                }
                // What became of a message is known here alone: forgotten, it would be told again. One that was left to
                // another debrief may be claimed anew by now.
                Err(Error::Conflict(_)) if told.is_some() && !is_left(told.as_ref()) => {
                    (latest, run) = (read(&context, &latest).await?, None);
                }
                Err(error) => return Err(error),
            },
            Decision::Tell { claim, what, key, text, until } => {
                latest = write(&context, &latest, &claim).await?;
                told = if is_left_to_another(&context, &latest, what).await? {
                    let delivery = Delivery::LeftToAnother;
                    Some(Told { what, at: context.calendar.now(), delivery })
                } else {
                    tell::tell(&context, &latest, what, (&key, &text), until).await
                };
                if told.is_none() {
                    latest = read(&context, &latest).await?;
                }
            }
            Decision::Start { name, spec } => {
                let live = read(&context, &latest).await?;
                // As the watch may be behind, the run may be known to be there, or be over.
                if live.metadata.resource_version == latest.metadata.resource_version {
                    started = Some(start(&context, &latest, &name, *spec).await?);
                } else {
                    latest = live;
                }
            }
            Decision::WaitUntil(until) => {
                return Ok(Action::requeue(Duration::between(now, until).std()));
            }
            Decision::Rest => return Ok(Action::await_change()),
        }
    }
    Err(Error::TooManySteps(STEPS_MAX))
}

fn is_left(told: Option<&Told>) -> bool {
    told.is_some_and(|told| told.delivery == Delivery::LeftToAnother)
}

/// The runs that may concern the debrief, as last heard.
fn candidates(context: &Context, debrief: &Debrief) -> Vec<Candidate> {
    let heard = context.runs.heard();
    let candidates = heard.iter().filter_map(|run| Candidate::of(debrief, run));
    let shown = |run: Candidate| Candidate {
        created_at: run.created_at.map(|at| context.calendar.shown(at)),
        ..run
    };
    candidates.map(shown).collect()
}

/// The debrief's Experiment as last heard, where something may be decided on it.
async fn experiment(context: &Context, debrief: &Debrief) -> Option<ExperimentSpec> {
    let name = debrief.spec.experiment().filter(|_| debrief.spec.schedule_proof)?;
    // Before every one was listed, there would be none.
    context.experiments.listed().await;
    let heard = context.experiments.get(debrief.metadata.namespace.as_deref()?, name)?;
    heard.0.as_ref().ok().map(|experiment| experiment.spec.clone())
}

/// What every debrief of the same team has to do with its reminder, as last heard.
fn peers(context: &Context, debrief: &Debrief) -> Vec<Peer> {
    peers_of(context, debrief, context.debriefs.heard().iter())
}

/// What those that are of the same team have to do with its reminder.
fn peers_of<'a>(
    context: &Context,
    debrief: &Debrief,
    others: impl Iterator<Item = &'a Debrief>,
) -> Vec<Peer> {
    let (own, now) = (tell::team(context, debrief), context.calendar.now());
    let is_same = |other: &&Debrief| {
        let (team, name) = tell::team(context, other);
        name == own.1 && team.map(std::ptr::from_ref) == own.0.map(std::ptr::from_ref)
    };
    others.filter(is_same).map(|debrief| Peer::of(debrief, now)).collect()
}

/// Whether the message is a reminder that another debrief of the team carries, by all that are open since `claimed` was
/// written.
async fn is_left_to_another(
    context: &Context,
    claimed: &Debrief,
    what: Notice,
) -> Result<bool, Error> {
    let messages = claimed.status.iter().flat_map(|status| &status.messages);
    let day =
        messages.filter(|message| message.what == what).find_map(|message| message.day.clone());
    let Some(day) = day else { return Ok(false) };
    let is_open = |debrief: &&Debrief| debrief::is_open(debrief);
    let heard = peers_of(context, claimed, context.debriefs.heard().iter().filter(is_open));
    let version = claimed.resource_version().unwrap_or_default();
    let open = ListParams::default().fields("status.endedAt=").limit(PAGE);
    let debriefs: Api<Guarded<Debrief>> = Api::all(context.reads.clone());
    let pages = list::pages(
        "list the open debriefs",
        &debriefs,
        open.at(&version).matching(VersionMatch::NotOlderThan),
    );
    let mut live = Vec::new();
    let mut pages = std::pin::pin!(pages);
    while let Some(page) = pages.try_next().await? {
        live.extend(peers_of(
            context,
            claimed,
            page.items.iter().filter_map(|debrief| debrief.0.as_ref().ok()),
        ));
    }
    Ok(remind::is_left_to_another(claimed, &day, &heard, &live))
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
    let found = call("read the run", runs.get_opt(name)).await?;
    Ok(found.map(|run| context.calendar.of_run(run)))
}

async fn write(
    context: &Context,
    debrief: &Debrief,
    status: &DebriefStatus,
) -> Result<Debrief, Error> {
    let what = "write the debrief's status";
    let written = record::apply_status(what, &context.writes, debrief, status).await?;
    let (namespace, name) = (debrief.namespace().unwrap_or_default(), debrief.name_any());
    if let Some(said) = decide::news(debrief.status.as_ref(), status) {
        tracing::info!(namespace, debrief = name, said, "a debrief goes on");
    }
    Ok(written)
}

/// Asks for the Experiment to be looked at whose status says otherwise than what was heard of the debrief. What was only
/// written is not enough: whoever looks at an Experiment goes by what was heard.
fn request_experiment(context: &Context, heard: &Debrief) {
    let namespace = heard.metadata.namespace.as_deref().unwrap_or_default();
    let request = |experiment: &Experiment| {
        if debrief::is_outdated(experiment, heard) {
            let name = experiment.metadata.name.as_deref().unwrap_or_default();
            context.experiments.request(namespace, name);
        }
    };
    if let Some(name) = heard.spec.experiment() {
        let known = context.experiments.get(namespace, name);
        known.iter().filter_map(|known| known.0.as_ref().ok()).for_each(request);
        return;
    }
    // Of one that has ended it is forgotten which it is about; at its start an operator looks at every Experiment anyway.
    let ended_at = heard.status.as_ref().and_then(|status| status.ended_at);
    if ended_at.is_some_and(|at| at + ENDED_JUST_NOW > context.calendar.now()) {
        context.experiments.heard().iter().for_each(request);
    }
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
        if is_ours && debrief::is_open(debrief) {
            context
                .debriefs
                .request(namespace, debrief.metadata.name.as_deref().unwrap_or_default());
        }
    }
}
