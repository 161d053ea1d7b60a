//! The loop: observe, decide, perform, record; at most 16 times, then somebody else's turn.

use std::{borrow::Cow, sync::Arc};

use kube::{ResourceExt, api::ObjectMeta, runtime::controller::Action};

use super::{
    line,
    look::look,
    lookout, observe,
    registry::{Entry, Lookout, Memory},
    salvage::{self, Salvaged},
    subject::{is_day_gone, subject},
    turns,
};
use crate::{
    api::{
        Duration, ExperimentRun, Moment,
        names::{FIELD_MANAGER, FINALIZER},
        run::{ExperimentRunStatus, Warning},
    },
    core::{
        cluster::{Lever, Rank},
        decide::{self, Debriefing, Decision, Effect, Observed, Report, Subject, pace},
        line::is_in_line,
        plan::Plan,
        signals::Signals,
    },
    detectors,
    faults::{Call, Outcome},
    shell::{
        call::Error,
        clock::Clock,
        context::Context,
        controller::version,
        debrief,
        guarded::{Guarded, Unreadable},
        perform, record, warnings,
    },
};

/// So long after its end a run that is being deleted is not heard of any more, and is forgotten.
const GONE_AFTER: std::time::Duration = std::time::Duration::from_secs(5);

/// No run needs more steps than this in one go.
pub const STEPS_MAX: usize = 16;

/// Looks at a run and does what is to be done now.
///
/// # Errors
/// When the API server refuses or does not answer; the run is looked at again later.
pub async fn reconcile(
    watched: Arc<Guarded<ExperimentRun>>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    // At its start an operator looks at every run that is kept, at once: what a look takes of memory is for the others.
    match &watched.0 {
        Ok(run) if run.is_released() => Ok(let_go(&context, run)),
        _ => Box::pin(look_after(&watched, &context)).await,
    }
}

/// What is left to do about a run that is over and let go.
fn let_go(context: &Context, run: &ExperimentRun) -> Action {
    context.registry.forget(run.uid());
    context.line.call(context);
    // Its Experiment is judged by the runs as they are watched, and this one is among them now.
    let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
    context.experiments.request(namespace, &run.spec.experiment);
    if let Some(day) = &run.spec.game_day {
        context.days.request(namespace, day);
    }
    debrief::control::request(context, run);
    Action::await_change()
}

async fn look_after(
    watched: &Guarded<ExperimentRun>,
    context: &Arc<Context>,
) -> Result<Action, Error> {
    let (run, problem) = match &watched.0 {
        Ok(run) => (Cow::Borrowed(run), None),
        Err(Unreadable(metadata)) => {
            let Some(live) = read(context, metadata).await? else {
                context.registry.forget(metadata.uid.as_deref().unwrap_or_default());
                return Ok(Action::await_change());
            };
            (Cow::Owned(live.run), live.problem)
        }
    };
    if run.is_released() {
        return Ok(let_go(context, &run));
    }
    // Who waits for others to end does nothing, and needs no room for that.
    let is_held = is_in_line(&run) && line::is_full(context, line::ahead(context, &run));
    let _start = if problem.is_none() && pace::is_to_start(&run) && !is_held {
        context.starts.wait(&run.namespace().unwrap_or_default()).await
    } else {
        None
    };
    let entry = open(context, &run, problem).await?;
    let mut memory = entry.memory.lock().await;
    memory.latest = Some(newest(memory.latest.take(), &run));
    for _ in 0..STEPS_MAX {
        match step(context, &entry, &mut memory).await {
            Ok(Step::Again) => {}
            Ok(Step::Until(until)) => {
                let wait = Duration::between(entry.lookout.clock.now(), until).std();
                return Ok(Action::requeue(wait.max(std::time::Duration::from_millis(20))));
            }
            Ok(Step::Over) => {
                entry.stop_looking();
                // Until then it is known that nothing is left to do, whatever of its last changes is still heard.
                return Ok(if run.metadata.deletion_timestamp.is_some() {
                    Action::requeue(GONE_AFTER)
                } else {
                    Action::await_change()
                });
            }
            Ok(Step::Refused(words)) => {
                let subject = Subject::Unjudgeable(words);
                keep(context, &run, subject, Vec::new());
                return Ok(Action::requeue(std::time::Duration::ZERO));
            }
            Err(Error::Conflict(_)) => match read(context, &run.metadata).await? {
                Some(Salvaged { run: live, problem })
                    if live.uid() == run.uid() && (problem.is_none() || !entry.is_judgeable()) =>
                {
                    memory.latest = Some(live);
                }
                // It is gone, or cannot be read any more: the watch brings it.
                _ => {
                    context.registry.forget(run.uid());
                    return Ok(Action::await_change());
                }
            },
            // Somebody took the finalizer off while it was looked at: its probes and polls end now, not at the next look.
            Err(error) if error.code() == Some(404) => {
                let live = read(context, &run.metadata).await?;
                if live.is_some_and(|live| live.run.uid() == run.uid()) {
                    return Err(error);
                }
                context.registry.forget(run.uid());
                return Ok(Action::await_change());
            }
            Err(error) => return Err(error),
        }
    }
    Err(Error::TooManySteps(STEPS_MAX))
}

/// Reads the run live, as far as it can be read; one that is gone is no error.
async fn read(context: &Context, metadata: &ObjectMeta) -> Result<Option<Salvaged>, Error> {
    salvage::read(&context.reads, metadata, context.wall.now()).await
}

enum Step {
    Again,
    Until(Moment),
    Over,
    /// The API server will never take what is to be written of the run, for that reason.
    Refused(String),
}

/// What is kept about the run, which may not be readable for that reason.
async fn open(
    context: &Context,
    run: &ExperimentRun,
    problem: Option<String>,
) -> Result<Arc<Entry>, Error> {
    let known = context.registry.get(run.uid());
    if let Some(entry) = known.filter(|entry| problem.is_none() || !entry.is_judgeable()) {
        return Ok(entry);
    }
    let subject = match problem {
        Some(words) => Subject::Unjudgeable(words),
        None => subject(context, run).await?,
    };
    let warnings = if pace::leaves_time(run, plan_of(&subject).map(|plan| &**plan)) {
        warnings::of_run(context, &run.namespace().unwrap_or_default(), &subject).await
    } else {
        Vec::new()
    };
    Ok(keep(context, run, subject, warnings))
}

/// Begins to look at the run, by that subject.
fn keep(
    context: &Context,
    run: &ExperimentRun,
    subject: Subject,
    warnings: Vec<Warning>,
) -> Arc<Entry> {
    let (clock, plan) = (context.wall.clock(), plan_of(&subject).cloned());
    let status = run.status.clone().unwrap_or_default();
    let mut signals = Signals::new(plan.as_deref().map(|plan| &plan.spec), clock.now());
    // One that is under way is continued from what its status has.
    signals.inherit(&status);
    signals.warnings = warnings;
    signals.alerts = detectors::history(&context.config);
    context.registry.insert(run.uid(), Lookout::new(signals, plan, run, clock), subject)
}

const fn plan_of(subject: &Subject) -> Option<&Arc<Plan>> {
    match subject {
        Subject::Valid { plan, .. } => Some(plan),
        Subject::Missing(_)
        | Subject::Changed(_)
        | Subject::Invalid(_)
        | Subject::Unjudgeable(_) => None,
    }
}

/// The newer of what this process wrote last and what the watch brought.
fn newest(ours: Option<ExperimentRun>, watched: &ExperimentRun) -> ExperimentRun {
    match ours {
        Some(ours) if version(&ours) >= version(watched) => ours,
        _ => watched.clone(),
    }
}

async fn step(
    context: &Arc<Context>,
    entry: &Arc<Entry>,
    memory: &mut Memory,
) -> Result<Step, Error> {
    let Some(run) = memory.latest.clone() else {
        return Ok(Step::Over);
    };
    if let Some(status) = run.status.as_ref().filter(|_| !memory.counts) {
        let now = entry.lookout.clock.now();
        (memory.counts, _) = entry.lookout.see(|signals| signals.count_if_journaled(status, now));
    }
    let ahead = line::ahead(context, &run);
    if let Some(plan) = entry.lookout.plan.as_ref().filter(|_| !line::is_full(context, ahead)) {
        lookout::start(context, entry, memory, &run, &plan.spec);
    }
    let (decision, version) = line::held_to_room(context, &run, ahead, |ahead| {
        consider(context, entry, memory, &run, ahead)
    });
    tracing::debug!(run = run.name_any(), decision = decision.name(), "decided");
    if !matches!(decision, Decision::Look(_)) {
        memory.pace.goes_on();
    }
    match decision {
        Decision::Record(status) => {
            let written = match write(context, entry, &run, &status).await {
                Err(error) if error.code() == Some(422) && entry.is_judgeable() => {
                    let words = error.words();
                    return Ok(Step::Refused(format!("its status cannot be written: {words}")));
                }
                written => written?,
            };
            memory.report = None;
            turns::log(Some(&run), &written);
            context.events.announce(Some(&run), &written, entry.lookout.clock.now()).await;
            memory.latest = Some(written);
        }
        Decision::Act(effect) => act(context, entry, memory, &run, effect).await?,
        Decision::Look(need) => {
            if let Some(until) = memory.pace.pause(need, &run, entry.lookout.clock.now()) {
                return Ok(Step::Until(until));
            }
            let looked = look(context, entry, memory, &run, need).await;
            looked.inspect_err(|_| memory.pace.goes_on())?;
        }
        Decision::WaitUntil(until) => {
            entry.lookout.persisted.send_replace(version);
            return Ok(Step::Until(until));
        }
        Decision::Rest => {
            entry.lookout.persisted.send_replace(version);
            return Ok(Step::Over);
        }
    }
    Ok(Step::Again)
}

/// Writes the status; of a run that nobody can judge the end alone, beside whatever is there.
async fn write(
    context: &Context,
    entry: &Entry,
    run: &ExperimentRun,
    status: &ExperimentRunStatus,
) -> Result<ExperimentRun, Error> {
    let what = "write the run's status";
    if entry.is_judgeable() {
        return record::apply_status(what, &context.writes, run, status).await;
    }
    salvage::amend(what, &context.writes, run, (status, entry.lookout.clock.now())).await
}

fn consider(
    context: &Context,
    entry: &Entry,
    memory: &Memory,
    run: &ExperimentRun,
    ahead: Rank,
) -> (Decision, u64) {
    let namespace = run.namespace().unwrap_or_default();
    let lever = context
        .lever
        .borrow()
        .as_ref()
        .map_or(Lever::Open, |lever| observe::judge_lever(lever, &namespace));
    entry.lookout.read(|signals| {
        decide::decide(&Observed {
            now: entry.lookout.clock.now(),
            run,
            subject: &entry.subject,
            config: &context.config,
            own_namespace: context.own_namespace.as_deref() == Some(&namespace),
            inside: context.own_namespace.is_some(),
            lever: &lever,
            is_day_gone: is_day_gone(context, run),
            ahead,
            cluster: memory.cluster.as_ref(),
            signals,
            report: memory.report.as_ref(),
            debrief: memory.debrief.as_ref(),
            marked: memory.marked.as_ref(),
        })
    })
}

async fn act(
    context: &Context,
    entry: &Entry,
    memory: &mut Memory,
    run: &ExperimentRun,
    effect: Effect,
) -> Result<(), Error> {
    let finalizers = "write the run's finalizers";
    match effect {
        Effect::AddFinalizer => {
            let ours = (FINALIZER, FIELD_MANAGER);
            let held = record::add_finalizer(finalizers, &context.writes, run, ours);
            memory.latest = Some(held.await?);
        }
        Effect::ReleaseFinalizer if !entry.is_judgeable() => {
            let now = entry.lookout.clock.now();
            memory.latest = Some(salvage::free(finalizers, &context.writes, run, now).await?);
        }
        Effect::ReleaseFinalizer => {
            let ours = (FINALIZER, FIELD_MANAGER);
            let free = record::remove_finalizer(finalizers, &context.writes, run, ours);
            memory.latest = Some(free.await?);
        }
        Effect::Send(calls) => {
            let namespace = &entry.lookout.run.0;
            let report = perform::send(context, entry.lookout.clock, namespace, &calls).await;
            if is_revoked(&calls, &report) {
                entry.lookout.see(|signals| *signals.revoked.get_or_insert(report.span));
            }
            memory.report = Some(report);
        }
        Effect::OpenDebrief => {
            let since = *memory.debrief_since.get_or_insert_with(|| entry.lookout.clock.now());
            memory.debrief = Some(open_debrief(context, run, since, entry.lookout.clock).await?);
        }
    }
    Ok(())
}

/// Whether the API server accepted that these calls end the fault.
fn is_revoked(calls: &[Call], report: &Report) -> bool {
    let mut answered = calls.iter().zip(&report.outcomes);
    answered
        .any(|(call, (_, outcome))| matches!((call, outcome), (Call::Disarm(_), Outcome::Accepted)))
}

/// How long a debrief is tried to be opened; then the run completes without one, and says so.
const DEBRIEF_WITHIN: Duration = Duration::minutes(1);

async fn open_debrief(
    context: &Context,
    run: &ExperimentRun,
    since: Moment,
    clock: Clock,
) -> Result<Debriefing, Error> {
    match debrief::record(context, run).await {
        Err(error) if Duration::between(since, clock.now()) >= DEBRIEF_WITHIN => {
            tracing::error!(run = run.name_any(), %error, "no debrief could be opened");
            Ok(Debriefing::Failed)
        }
        opened => opened.map(|name| name.map_or(Debriefing::Failed, Debriefing::Recorded)),
    }
}
