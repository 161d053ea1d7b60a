//! Before the journal: guards, refusals, and the journal itself.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    arming,
    journaling::{accepted, journal, plan_only, put_guards, refusal},
    observed::{AGAIN, Decision, Effect, Need, Observed, Subject},
    unjudged,
    writing::finish,
};
use crate::{
    api::{
        Duration, Moment,
        run::{ExperimentRunStatus, Fact, FactName, Guard, GuardResult, Reason, Verdict},
    },
    core::{
        cluster::{ClusterState, FRESH},
        decide::preconditions::guard_input,
        guards::{self, blast_radius::BlastRadius},
        outcome::{conditions, measure::tenths},
        stage::Stage,
    },
};

pub(super) fn decide(observed: &Observed<'_>, status: &ExperimentRunStatus) -> Decision {
    if let Some(cause) = observed.stop().filter(|cause| *cause != Reason::Lever) {
        let summary = format!("ended before anything was broken ({cause})");
        return finish(observed, status, (Verdict::Aborted, cause), summary);
    }
    let (plan, generation) = match observed.subject {
        Subject::Valid { plan, generation } => (plan, *generation),
        Subject::Missing(name) => {
            let summary = format!("refused: there is no Experiment {name} in this namespace");
            // What the operator sees of the alert sources and the reaper is told all the same: `doctor` asks so.
            let mut status = status.clone();
            status.journal.get_or_insert_default().warnings.clone_from(&observed.signals.warnings);
            return finish(
                observed,
                &status,
                (Verdict::Error, Reason::ExperimentNotFound),
                summary,
            );
        }
        Subject::Changed(name) => {
            let asked = observed.run.spec.experiment_hash.as_deref().unwrap_or_default();
            let summary = format!(
                "refused: Experiment {name} is another version than {asked}, for which this run was created"
            );
            let end = (Verdict::Error, Reason::ExperimentChanged);
            return finish(observed, status, end, summary);
        }
        Subject::Invalid(problems) => {
            let summary = format!("refused: {}", unjudged::list(problems));
            return finish(observed, status, (Verdict::Error, Reason::InvalidSpec), summary);
        }
        Subject::Unjudgeable(why) => return unjudged::end(observed, status, Stage::Waiting, why),
    };
    if !observed.run.spec.dry_run && !observed.run.is_held() {
        return Decision::Act(Effect::AddFinalizer);
    }
    let accepted = accepted(observed, status, plan, generation);
    if !is_its_turn(observed) {
        let limit = observed.config.caps.concurrency;
        let detail = format!(
            "the operator allows {limit} runs at once (caps.concurrency), and it is not this one's turn"
        );
        let closed = GuardResult { name: Guard::Concurrency, passed: false, detail };
        return until(observed, accepted, &closed, start_by(observed));
    }
    let Some(cluster) = observed.cluster else {
        return Decision::Look(Need::Cluster);
    };
    let guard_input = guard_input(observed, plan, cluster, 1);
    let (results, blast_radius) = guards::judge(&guard_input);
    match guards::first_closed(&results) {
        Some(_) | None
            if !cluster.is_fresh(observed.now)
                && !guards::wait_for_signals(&guard_input, &results) =>
        {
            stale(observed, accepted, cluster, &results, blast_radius)
        }
        None if observed.run.spec.dry_run => plan_only(observed, accepted, &results, blast_radius),
        None => match arming::prepare(observed, plan, cluster) {
            arming::Preparation::Ready => {
                journal(observed, accepted, cluster, &results, blast_radius)
            }
            arming::Preparation::Needs(decision) => decision,
            arming::Preparation::Denied(words) => {
                let summary = format!("refused by the API server: {words}");
                finish(observed, &accepted, (Verdict::Error, Reason::InjectionDenied), summary)
            }
        },
        Some(closed) if closed.name.opens_with_time() => {
            wait(observed, accepted, &results, blast_radius, closed)
        }
        Some(closed) => refuse(observed, accepted, &results, blast_radius, closed),
    }
}

/// Whether nobody comes before the run. Until then nothing is read for it, except at its start deadline: then it is
/// refused by what was read.
fn is_its_turn(observed: &Observed<'_>) -> bool {
    observed.run.spec.dry_run
        || !observed.ahead.is_full(observed.config.caps.concurrency)
        || observed.now >= start_by(observed)
}

/// Looks again, as what was read is too old to break something by it. At the start deadline a guard refuses
/// by what was read, however old; where none does, the reads are too slow to break anything by them.
fn stale(
    observed: &Observed<'_>,
    accepted: ExperimentRunStatus,
    cluster: &ClusterState,
    results: &[GuardResult],
    blast_radius: BlastRadius,
) -> Decision {
    let known = observed.run.status.as_ref().and_then(|status| status.fact(FactName::Accepted));
    if known.is_none() {
        return observed.record(accepted);
    }
    if cluster.read_at < start_by(observed) {
        return Decision::Look(Need::Cluster);
    }
    match guards::first_closed(results) {
        Some(closed) => return refuse(observed, accepted, results, blast_radius, closed),
        None if observed.run.spec.dry_run => {
            return plan_only(observed, accepted, results, blast_radius);
        }
        None => {}
    }
    let age = tenths(Duration::between(cluster.read_at, observed.now));
    let summary = format!(
        "refused: what the guards look at was {age} old once it was read, and may be {FRESH}; waited {}",
        observed.run.spec.start_within
    );
    finish(observed, &accepted, (Verdict::Error, Reason::ReadsTooSlow), summary)
}

/// Writes down which guard is waited for, and why, when that changes; gives up at the start deadline.
fn wait(
    observed: &Observed<'_>,
    status: ExperimentRunStatus,
    results: &[GuardResult],
    blast_radius: BlastRadius,
    closed: &GuardResult,
) -> Decision {
    let start_by = start_by(observed);
    if observed.now >= start_by {
        return refuse(observed, status, results, blast_radius, closed);
    }
    until(observed, status, closed, start_by)
}

/// Writes down what is waited for; once that is known waits a little, to `start_by` at most.
fn until(
    observed: &Observed<'_>,
    mut status: ExperimentRunStatus,
    closed: &GuardResult,
    start_by: Moment,
) -> Decision {
    let known = observed.run.status.as_ref().and_then(|status| {
        crate::api::conditions::get(&status.conditions, crate::api::run::condition::INJECTED)
    });
    if known.is_some_and(|condition| says(condition, closed)) {
        return Decision::WaitUntil((observed.now + AGAIN).min(start_by));
    }
    conditions::update(&mut status, Some(closed), observed.generation(), observed.now);
    Decision::Record(Box::new(status))
}

/// Ends by a guard that is closed: for good, or still at the start deadline.
fn refuse(
    observed: &Observed<'_>,
    mut status: ExperimentRunStatus,
    results: &[GuardResult],
    blast_radius: BlastRadius,
    closed: &GuardResult,
) -> Decision {
    if observed.run.spec.dry_run {
        return plan_only(observed, status, results, blast_radius);
    }
    let verdict = match closed.name {
        Guard::Steady | Guard::AlertsQuiet => Verdict::Inconclusive,
        _ => Verdict::Error,
    };
    let refusal = refusal(closed);
    let summary = if closed.name.opens_with_time() {
        format!("{refusal}, waited {}", observed.run.spec.start_within)
    } else {
        refusal
    };
    put_guards(&mut status, results);
    finish(observed, &status, (verdict, closed.name.into()), summary)
}

/// Until when guards that time can open are waited for. A plan that somebody asks for waits only as long as its steady
/// state needs, and a little for the first answers; a rehearsal of a game day as long as the day does.
fn start_by(observed: &Observed<'_>) -> Moment {
    let spec = &observed.run.spec;
    let began = observed.run.status.as_ref().and_then(|status| status.fact(FactName::Accepted));
    let began = began.map_or(observed.now, |fact: &Fact| fact.at);
    match observed.subject {
        Subject::Valid { plan, .. } if spec.dry_run && spec.game_day.is_none() => {
            began + plan.spec.guards.steady_for + AGAIN + AGAIN + AGAIN
        }
        _ => began + spec.start_within,
    }
}

/// Whether the condition says what is waited for now. The steady state's words count seconds, those of the runs under
/// way others: they are not written each time.
fn says(condition: &Condition, closed: &GuardResult) -> bool {
    let counts = matches!(closed.name, Guard::Steady | Guard::Concurrency);
    condition.reason == closed.name.to_string() && (counts || condition.message == closed.detail)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::{
        api::run::{Warning, condition},
        config::Config,
        core::{
            alerts::tests::PROMETHEUS,
            cluster::{Rank, Target, tests::healthy},
            decide::tests::{self, status},
            guards::abort::tests::{alert, plan},
            outcome::conditions::waited_for,
            signals::{Signals, pods::tests::at},
        },
    };

    /// What is decided at `now` about a run that was taken up at `accepted`, by the cluster as it was at `read`.
    fn decided(accepted: Option<f64>, cluster: ClusterState, read: f64, now: f64) -> Decision {
        let plan = plan(&json!({"steadyFor": "0s"}));
        let status = accepted.map(|accepted| status(&plan, &[(FactName::Accepted, accepted)]));
        let cluster = ClusterState { read_at: at(read), ..cluster };
        let signals = Signals::new(Some(&plan.spec), at(0.0));
        tests::decided(&plan, status, Some(&cluster), &signals, now)
    }

    #[test]
    fn where_reads_are_too_slow_the_run_is_taken_up_looks_again_and_is_refused_in_the_end() {
        let Decision::Record(status) = decided(None, healthy(), 0.0, 1.5) else {
            panic!("it is taken up")
        };
        assert!(status.fact(FactName::Accepted).is_some() && status.verdict.is_none());
        assert_eq!(decided(Some(0.0), healthy(), 0.0, 1.5), Decision::Look(Need::Cluster));
        assert_eq!(decided(Some(0.0), healthy(), 599.0, 601.0), Decision::Look(Need::Cluster));
        let Decision::Record(status) = decided(Some(0.0), healthy(), 600.0, 603.2) else {
            panic!("it is given up")
        };
        assert_eq!(status.reason, Some(Reason::ReadsTooSlow));
        let summary = status.summary.unwrap();
        assert!(summary.contains("3.2s old") && summary.contains("may be 1s"), "{summary}");
    }

    #[test]
    fn where_reads_are_too_slow_and_a_guard_refuses_it_is_the_guard_that_is_told() {
        let empty = ClusterState { target: Target::Missing, ..healthy() };
        assert_eq!(decided(Some(0.0), empty.clone(), 599.0, 601.0), Decision::Look(Need::Cluster));
        let Decision::Record(status) = decided(Some(0.0), empty, 600.0, 603.2) else {
            panic!("it is given up")
        };
        assert_eq!(status.reason, Some(Reason::TargetFound));
        let results = status.journal.unwrap().guards;
        let closed = guards::first_closed(&results).map(|result| result.name);
        assert_eq!(closed, Some(Guard::TargetFound));
    }

    #[test]
    fn while_it_waits_the_condition_says_what_is_so_now_and_no_seconds_are_written() {
        let plan = plan(&json!({"steadyFor": "0s"}));
        let mut signals = Signals::new(Some(&plan.spec), at(0.0));
        signals.alerts.report(alert(PROMETHEUS, "Expected", None));
        let cluster = |read| ClusterState { read_at: at(read), ..healthy() };
        let at_work = status(&plan, &[(FactName::Accepted, 0.0)]);
        let decide = |status, signals: &Signals, now| {
            tests::decided(&plan, Some(status), Some(&cluster(now)), signals, now)
        };
        let Decision::Record(waiting) = decide(at_work, &signals, 1.0) else { panic!("it waits") };
        let told = |status: &ExperimentRunStatus| {
            let injected = crate::api::conditions::get(&status.conditions, condition::INJECTED);
            injected.map(|condition| condition.message.clone()).unwrap()
        };
        assert_eq!(told(&waiting), "Expected is already pending");
        let same = decide(*waiting.clone(), &signals, 2.0);
        assert!(matches!(same, Decision::WaitUntil(_)), "{same:?}");
        signals.alerts.report(alert(PROMETHEUS, "Expected", Some(2.5)));
        let Decision::Record(fired) = decide(*waiting, &signals, 3.0) else {
            panic!("it has fired")
        };
        assert_eq!(told(&fired), "Expected is already firing");

        let steady = |now: f64| GuardResult {
            name: Guard::Steady,
            passed: false,
            detail: format!("good for {now}s of 10s"),
        };
        let mut status = ExperimentRunStatus::default();
        conditions::update(&mut status, Some(&steady(1.0)), None, at(1.0));
        let written = crate::api::conditions::get(&status.conditions, condition::INJECTED).unwrap();
        assert!(says(written, &steady(2.0)));
    }

    #[test]
    fn the_cluster_is_read_again_while_anything_but_probes_and_alerts_keeps_a_run_waiting() {
        let plan = plan(&json!({"steadyFor": "10s"}));
        let signals = Signals::new(Some(&plan.spec), at(0.0));
        let at_work = status(&plan, &[(FactName::Accepted, 0.0)]);
        let decide = |cluster: ClusterState| {
            let cluster = ClusterState { read_at: at(0.0), ..cluster };
            tests::decided(&plan, Some(at_work.clone()), Some(&cluster), &signals, 30.0)
        };
        let is_look = |decision| matches!(decision, Decision::Look(Need::Cluster));
        assert!(!is_look(decide(healthy())), "a probe that has yet to answer answers by itself");
        let mut unready = healthy();
        unready.pods[0].ready = false;
        assert!(is_look(decide(unready)));
        let mut rolling = healthy();
        let Target::Found { rollout, .. } = &mut rolling.target else { panic!("it is there") };
        *rollout = Some("a rollout is under way".to_owned());
        assert!(is_look(decide(rolling)));
    }

    #[test]
    fn while_others_come_before_it_nothing_is_read_for_a_run_and_its_status_is_written_once() {
        let plan = plan(&json!({"steadyFor": "0s"}));
        let limit = usize::try_from(Config::default().caps.concurrency).unwrap();
        let signals = Signals::new(Some(&plan.spec), at(0.0));
        let subject = Subject::Valid { plan: Arc::new(plan.clone()), generation: None };
        let decided = |status: Option<ExperimentRunStatus>, ahead: Rank, now: f64| {
            tests::decided_behind(ahead, (&subject, status, None, &signals), now)
        };
        let full = Rank { under_way: limit - 1, earlier: 1 };
        let Decision::Record(status) = decided(None, full, 1.0) else { panic!("it is taken up") };
        assert_eq!(waited_for(&status).map(|(guard, _)| guard), Some("Concurrency"));
        let more = Rank { under_way: limit, earlier: 9 };
        let waits = Decision::WaitUntil(at(3.0));
        assert_eq!(decided(Some((*status).clone()), more, 2.0), waits);
        let room = Rank { under_way: limit - 1, earlier: 0 };
        let looks = Decision::Look(Need::Cluster);
        assert_eq!(decided(Some((*status).clone()), room, 2.0), looks);
        assert_eq!(decided(Some(*status), more, 1.0 + 600.0), looks, "to say at its deadline why");
    }

    #[test]
    fn what_was_found_out_is_written_with_the_plan_and_told_where_there_is_no_experiment_too() {
        let warning = Warning { about: "reaper".to_owned(), message: "none".to_owned() };
        let plan = plan(&json!({"steadyFor": "0s"}));
        let mut signals = Signals::new(Some(&plan.spec), at(0.0));
        signals.warnings = vec![warning.clone()];
        let cluster = ClusterState { read_at: at(0.0), ..healthy() };
        let valid = Subject::Valid { plan: Arc::new(plan.clone()), generation: None };
        for subject in [valid, Subject::Missing("doctor".to_owned())] {
            let decision = tests::decided_of(&subject, None, Some(&cluster), &signals, 0.5);
            let Decision::Record(status) = decision else { panic!("{decision:?}") };
            assert_eq!(status.journal.unwrap().warnings, std::slice::from_ref(&warning));
        }
    }
}
