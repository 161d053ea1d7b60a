//! The proof runs that the operator starts by itself, where people ask for that: when the next one is, and what became of
//! the last one. Each is written down before it is created, under a name that follows from the debrief and a number.

use super::{Candidate, Decision, Observed, Started};
use crate::{
    api::{
        Debrief, DebriefStatus, Duration, ExperimentRun, ExperimentRunSpec, ExperimentSpec, Moment,
        Name,
        conditions::{Status, set},
        debrief::{Question, ScheduledRun, Stage, condition},
    },
    core::{calendar::Calendar, cluster::Intent, hash, span::crop},
    debrief::{
        phrase::second,
        proof::{self, is_about_experiment, is_proven, weaker},
        stage,
    },
};

/// How long creating a run is tried where nobody answers.
const CREATE_WITHIN: Duration = Duration::minutes(2);
/// A run that is known to be there, and was not heard of so long after it was written down, is gone.
const GONE_AFTER: Duration = Duration::minutes(10);
/// A run begins at most so long after it was written down, as creating it and its guards take their time. People work on for
/// as long, and for as long as the fault may last.
const LEFT: Duration = Duration::minutes(15);

/// When the next run is.
enum Outlook {
    /// Nobody asks for one.
    Off,
    /// One is written down and not over.
    Running(String),
    /// None as long as that is so: a reason, and in words.
    None(&'static str, String),
    /// Then.
    At(Moment),
    /// Now.
    Now,
}

/// The run that was written down and is not over, as far as was heard.
pub fn pending<'a>(observed: &Observed<'a>, known: &'a DebriefStatus) -> Option<&'a str> {
    let run = known.scheduled.as_ref().filter(|run| run.over_at.is_none())?;
    let is_over = heard(observed, run).is_some_and(|heard| heard.is_over);
    (!is_over).then_some(run.run.as_str())
}

fn heard<'a>(observed: &Observed<'a>, run: &ScheduledRun) -> Option<&'a Candidate> {
    let uid = run.uid.as_ref()?;
    observed.runs.iter().find(|heard| heard.uid == *uid)
}

/// Follows the last run, and writes the next one down where its time has come.
pub fn update(observed: &Observed<'_>, status: &mut DebriefStatus, under_way: Option<&str>) {
    let now = observed.now;
    if let Some(run) = status.scheduled.take() {
        status.scheduled = Some(follow(observed, status, run));
    }
    let mut outlook = outlook(observed, status, under_way);
    if matches!(outlook, Outlook::Now) {
        let run = next(observed.debrief, status, now);
        outlook = Outlook::Running(run.run.clone());
        status.scheduled = Some(run);
    }
    status.next_run = match outlook {
        Outlook::At(at) => Some(at),
        _ => None,
    };
    let problem = status.scheduled.as_ref().and_then(|run| run.problem.clone());
    let (value, reason, words) = match outlook {
        Outlook::Off | Outlook::Now => {
            return status.conditions.retain(|known| known.type_ != condition::SCHEDULED);
        }
        Outlook::Running(run) => (Status::True, "Running", format!("run {run} is to prove it")),
        Outlook::None(reason, words) => (Status::False, reason, words),
        Outlook::At(at) => match problem {
            None => (Status::True, "Planned", format!("the operator runs it at {}", second(at))),
            Some(problem) => {
                let again = format!("; it is tried again at {}", second(at));
                (Status::False, "NotCreated", problem + &again)
            }
        },
    };
    let words = crop(words, 1024);
    let generation = observed.debrief.metadata.generation;
    set(&mut status.conditions, condition::SCHEDULED, (value, reason, &words), generation, now);
}

/// Whether runs are to prove it by themselves now.
fn is_wanted(debrief: &Debrief, status: &DebriefStatus) -> bool {
    debrief.spec.schedule_proof && status.stage == Some(Stage::Verifying)
}

/// What is known by now of the run that was written down.
fn follow(observed: &Observed<'_>, status: &DebriefStatus, mut run: ScheduledRun) -> ScheduledRun {
    if run.over_at.is_some() {
        return run;
    }
    let (debrief, now) = (observed.debrief, observed.now);
    let (is_over, problem) = match (&run.uid, observed.started) {
        (None, _) if !is_wanted(debrief, status) => (true, None),
        (None, Some(Started::Refused(why))) => (true, Some(why.clone())),
        (None, _) if now >= run.at + CREATE_WITHIN => {
            (true, Some(format!("run {} was not created in time", run.run)))
        }
        (None, Some(Started::There(uid))) => {
            run.uid = Some(uid.clone());
            return run;
        }
        (None, None) => (false, None),
        (Some(_), _) => match heard(observed, &run) {
            Some(heard) => (heard.is_over && !heard.is_to_judge(observed, status), None),
            None => (now >= run.at + GONE_AFTER, None),
        },
    };
    if is_over {
        let brought_forward =
            status.questions.iter().any(|question| question.proven_by.contains(&run.run));
        let is_unwanted = run.uid.is_none() && problem.is_none();
        let calendar = Calendar::of(&debrief.spec.policy).ok();
        run.over_at = Some(now);
        run.not_before = calendar
            .filter(|_| !brought_forward && !is_unwanted)
            .map(|calendar| calendar.next_morning(now));
        run.problem = problem.map(|problem| crop(problem, 512));
    }
    run
}

/// The run that is to be created now.
fn next(debrief: &Debrief, status: &DebriefStatus, now: Moment) -> ScheduledRun {
    let number = status.scheduled.as_ref().map_or(0, |run| run.number).saturating_add(1);
    let hash = hash::short(&(debrief.metadata.uid.as_deref(), number));
    let experiment: String =
        debrief.spec.experiment().unwrap_or_default().chars().take(54).collect();
    ScheduledRun {
        // No part of a name ends like that.
        run: format!("{}-{}", experiment.trim_end_matches(['-', '.']), &hash[..8]),
        number,
        at: now,
        uid: None,
        over_at: None,
        problem: None,
        not_before: None,
    }
}

fn outlook(observed: &Observed<'_>, status: &DebriefStatus, under_way: Option<&str>) -> Outlook {
    let (debrief, now) = (observed.debrief, observed.now);
    let spec = &debrief.spec;
    if !spec.schedule_proof || status.ended_at.is_some() {
        return Outlook::Off;
    }
    if let Some(run) = status.scheduled.as_ref().filter(|run| run.over_at.is_none()) {
        return Outlook::Running(run.run.clone());
    }
    let lacking: Vec<_> = status.questions.iter().filter(|question| !is_proven(question)).collect();
    let experiment = match judge(observed, status, &lacking) {
        Ok(experiment) => experiment,
        Err((reason, words)) => return Outlook::None(reason, words),
    };
    if let Some(run) = under_way {
        return Outlook::None("RunUnderWay", format!("run {run} is under way"));
    }
    let Ok(calendar) = Calendar::of(&spec.policy) else {
        return Outlook::None("Invalid", "its policy has no hours".to_owned());
    };
    // One run asks all that lacks, so it waits until each answer would count.
    let counts = lacking.iter().filter_map(|question| question.not_before).max();
    let after = status.scheduled.as_ref().and_then(|run| run.not_before);
    let earliest = counts.max(after).map_or(now, |at| at.max(now));
    match calendar.opens_for(earliest, LEFT + experiment.duration) {
        Some(at) if at <= now => Outlook::Now,
        Some(at) => Outlook::At(at),
        None => Outlook::None("NeverOpen", "by its policy nobody ever works".to_owned()),
    }
}

/// Whether a run of the Experiment as it is would bring the proof forward; else why not.
fn judge<'a>(
    observed: &Observed<'a>,
    status: &DebriefStatus,
    lacking: &[&Question],
) -> Result<&'a ExperimentSpec, (&'static str, String)> {
    let spec = &observed.debrief.spec;
    let Some(name) = spec.experiment() else {
        let words = "no experiment is named that proves it, in spec.incident.experiment";
        return Err(("NoExperiment", words.to_owned()));
    };
    if status.stage != Some(Stage::Verifying) {
        return Err(("NotVerifying", "it waits until everything is done".to_owned()));
    }
    if lacking.is_empty() {
        return Err(("Proven", String::new()));
    }
    if proof::unasked(observed.debrief, status).is_some() {
        let command = status.next_command.as_deref().unwrap_or_default();
        let words = format!("only a larger fault asks what is left, which people start: {command}");
        return Err(("Larger", words));
    }
    if !lacking.iter().any(|question| question.passes < question.needed) {
        let words = "what lacks is an unannounced run, as a step of a game day";
        return Err(("Unannounced", words.to_owned()));
    }
    if let Some(run) = missed_since(status) {
        let words = format!(
            "run {run} has missed again since everything was done: add what else must change, or verify it by hand"
        );
        return Err(("MissedAgain", words));
    }
    let experiment = observed.experiment.ok_or_else(|| {
        ("NoExperiment", format!("there is no Experiment {name} in this namespace"))
    })?;
    let evidence = spec.evidence.as_ref();
    let evidence = evidence.filter(|_| !is_about_experiment(spec, &status.occurrences));
    let compared =
        evidence.map(|was| weaker(was, experiment, &was.victims, Some(was.pods)).refused);
    match compared.unwrap_or_default().first() {
        Some(refused) => {
            Err(("Weaker", format!("Experiment {name} proves nothing now: {refused}")))
        }
        None => Ok(experiment),
    }
}

/// The run that missed last, where since then nothing was done and nothing was passed.
fn missed_since(status: &DebriefStatus) -> Option<&str> {
    let miss = status.occurrences.last()?;
    let is_done = status.items.iter().any(|item| item.done_at.is_some_and(|at| at > miss.at));
    let mut attempts = status.attempts.iter();
    let is_passed = attempts.any(|attempt| attempt.at > miss.at && attempt.refused.is_empty());
    (!is_done && !is_passed).then_some(miss.run.as_str())
}

/// Creates the run that is written down and not known to be there.
pub fn to_start(observed: &Observed<'_>, status: &DebriefStatus) -> Option<Decision> {
    let run = status.scheduled.as_ref()?;
    if run.over_at.is_some() || run.uid.is_some() {
        return None;
    }
    let debrief = observed.debrief;
    let spec = ExperimentRunSpec {
        verifies: debrief.metadata.name.clone().map(Name),
        scheduled: true,
        experiment_hash: observed.experiment.map(hash::short),
        ..ExperimentRunSpec::of(debrief.spec.experiment()?)
    };
    Some(Decision::Start { name: run.run.clone(), spec: Box::new(spec) })
}

/// When something of it changes by itself.
pub fn due(status: &DebriefStatus) -> impl Iterator<Item = Moment> {
    let run = status.scheduled.as_ref().filter(|run| run.over_at.is_none());
    let ends = run.map(|run| match run.uid {
        Some(_) => run.at + GONE_AFTER,
        None => run.at + CREATE_WITHIN,
    });
    status.next_run.into_iter().chain(ends)
}

/// What the debrief, read live, says of the run.
#[must_use]
pub fn intent(debrief: &Debrief, run: &ExperimentRun, now: Moment) -> Intent {
    let name = debrief.metadata.name.as_deref().unwrap_or_default();
    let refused = |why: String| Intent::Refused(format!("debrief {name} {why}"));
    let empty = DebriefStatus::default();
    let status = debrief.status.as_ref().unwrap_or(&empty);
    if !debrief.spec.schedule_proof {
        return refused("asks for no scheduled runs".to_owned());
    }
    let stage = stage::of(&debrief.spec, status, now);
    if stage != Stage::Verifying {
        return refused(format!("is {stage}, and not Verifying"));
    }
    let is_intended = |known: &&ScheduledRun| {
        run.metadata.name.as_ref() == Some(&known.run) && known.over_at.is_none()
    };
    let Some(intended) = status.scheduled.as_ref().filter(is_intended) else {
        return refused("intends no such run".to_owned());
    };
    let latest = intended.at + LEFT;
    match intended.uid.as_deref() {
        Some(known) if known != run.uid() => refused("has had another run of this name".to_owned()),
        _ if !run.has_begun() && now > latest => {
            refused(format!("intended it to begin until {}", second(latest)))
        }
        Some(_) => Intent::Written(format!("debrief {name} intends this run")),
        None => Intent::Unsettled(format!("debrief {name} intends a run of this name")),
    }
}
