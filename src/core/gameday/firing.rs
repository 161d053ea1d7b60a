//! What is to be done about a plan: which day it creates when, and what its status says.
//!
//! Any number of operators decide alike without a leader: a day's name follows from its plan and its time, and the
//! plan's status names the UID of the one day that may begin for a time.

use crate::{
    api::{
        Duration, GameDay, GameDayRun, GameDayRunSpec, GameDayStatus, Moment,
        conditions::{self, Status},
        game_day::{Missed, SeenSince},
        game_day_run,
    },
    config::ClosedDays,
    core::gameday::{
        plan,
        schedule::{Due, Schedule},
    },
};

/// How soon the wall clock is asked anew, at the latest: it may have been set.
const AT_LEAST: Duration = Duration::minutes(1);
/// How soon it is tried again to create a day that was refused.
const REFUSED: Duration = Duration::seconds(30);

/// Everything that a decision about a plan may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The present instant, of the wall clock.
    pub now: Moment,
    /// The plan as last read or written.
    pub plan: &'a GameDay,
    /// Its days as last heard, and the one that this process has just created or found.
    pub days: &'a [GameDayRun],
    /// The days on which the configuration lets nothing start.
    pub blackouts: &'a [ClosedDays],
    /// Why the API server did not create the day that this process asked for last.
    pub refused: Option<&'a str>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Write the status.
    Record(Box<GameDayStatus>),
    /// Create the day of that name, as the starter.
    Create {
        /// Name of the day.
        name: String,
        /// What it is.
        spec: Box<GameDayRunSpec>,
    },
    /// Nothing to do before that instant, unless something is heard.
    WaitUntil(Moment),
}

/// Decides one thing.
#[must_use]
pub fn decide(observed: &Observed<'_>) -> Decision {
    let Observed { now, plan, refused, .. } = *observed;
    let known = plan.status.clone().unwrap_or_default();
    let mut status = GameDayStatus {
        observed_generation: plan.metadata.generation,
        since: Some(since(plan, &known, now)),
        ..known.clone()
    };
    let problems = plan::broken_rules(&plan.spec);
    let schedule = Schedule::parse(&plan.spec).ok().filter(|_| problems.is_empty());
    let schedule = schedule.map(|schedule| schedule.and_closed(observed.blackouts));
    let due = schedule.as_ref().map(|schedule| take_up(observed, &mut status, schedule));
    let next = schedule.as_ref().filter(|_| !plan.spec.suspend);
    status.next = next.and_then(|schedule| schedule.opens(now));
    let problem = problems.first().map(|problem| format!("{}: {}", problem.path, problem.message));
    let never = schedule.as_ref().and_then(|schedule| plan::never(&plan.spec, schedule, now));
    // What the API server said last holds until it creates the day: written anew at each look, it would be heard, and
    // lead to the next look at once.
    let is_due = due.as_ref().is_some_and(|due| due.fire.is_some());
    let last =
        conditions::get(&known.conditions, "Ready").filter(|ready| ready.reason == "Refused");
    let last = last.filter(|_| is_due).map(|ready| ready.message.as_str());
    let (value, reason, message) = match (problem, refused.or(last), never, status.next) {
        (Some(problem), ..) => (Status::False, "Invalid", problem),
        (None, Some(words), ..) => (Status::False, "Refused", words.to_owned()),
        (None, None, Some(never), _) => {
            (Status::False, "NeverFires", format!("{}: {}", never.path, never.message))
        }
        (None, None, None, Some(next)) => (Status::True, "Fires", format!("fires next at {next}")),
        (None, None, None, None) => {
            (Status::True, "Suspended", "suspended: nothing fires".to_owned())
        }
    };
    let ready = (value, reason, message.as_str());
    conditions::set(&mut status.conditions, "Ready", ready, plan.metadata.generation, now);
    if status != known {
        return Decision::Record(Box::new(status));
    }
    match due.and_then(|due| due.fire) {
        Some(at) if refused.is_none() => {
            let plan = plan.metadata.name.as_deref().unwrap_or_default();
            let name = game_day_run::name(plan, at);
            let spec = Box::new(GameDayRunSpec::at(plan, at));
            Decision::Create { name, spec }
        }
        Some(_) => Decision::WaitUntil(now + REFUSED),
        None => {
            let next = schedule.as_ref().and_then(|schedule| schedule.fires(now).next());
            let latest = now + AT_LEAST;
            Decision::WaitUntil(next.map_or(latest, |fire| fire.at.min(latest)))
        }
    }
}

/// Since when the plan as it is counts: no change of it, and no end of a suspension, fires anything that lies before.
fn since(plan: &GameDay, known: &GameDayStatus, now: Moment) -> SeenSince {
    let generation = plan.metadata.generation.unwrap_or_default();
    if let Some(since) = known.since.as_ref().filter(|since| since.generation == generation) {
        return since.clone();
    }
    let created = plan.metadata.creation_timestamp.as_ref().map(|time| Moment::new(time.0));
    let created = created.filter(|_| generation == 1 && known.since.is_none());
    SeenSince { generation, at: created.unwrap_or(now) }
}

/// What is due, once the days that are there and what was missed are written into the status. A day is taken up
/// however late that is: it is held until it was.
fn take_up(observed: &Observed<'_>, status: &mut GameDayStatus, schedule: &Schedule) -> Due {
    let since = status.since.as_ref().map_or(observed.now, |since| since.at);
    let done = since.max(status.last_fire.unwrap_or(since));
    let plan = observed.plan.metadata.name.as_deref().unwrap_or_default();
    let is_new = |day: &&GameDayRun| {
        let Some(at) = day.spec.at else { return false };
        let is_one = || schedule.fires(at.minus(Duration::micros(1))).next();
        done < at
            && at <= observed.now
            && day.metadata.name == Some(game_day_run::name(plan, at))
            && is_one().is_some_and(|fire| fire.at == at)
    };
    if let Some(day) = observed.days.iter().filter(is_new).max_by_key(|day| day.spec.at) {
        status.last_fire = day.spec.at;
        status.last_day.clone_from(&day.metadata.name);
        status.last_day_uid = Some(day.uid().to_owned());
    }
    let deadline = observed.plan.spec.starting_deadline;
    let due = schedule.due(since, status.last_fire, observed.now, deadline);
    if let Some(missed) = due.missed.clone().filter(|missed| is_later(missed, status)) {
        status.missed = Some(missed);
    }
    due
}

fn is_later(missed: &Missed, status: &GameDayStatus) -> bool {
    status.missed.as_ref().is_none_or(|known| known.at < missed.at)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::game_day::MissedReason;

    fn moment(text: &str) -> Moment {
        serde_json::from_value(json!(text)).unwrap()
    }

    /// A plan for ten o'clock on each day, created at nine.
    fn plan(spec: &Value) -> GameDay {
        let mut plan = json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "GameDay",
            "metadata": {"name": "p", "namespace": "shop", "uid": "p", "generation": 1,
                "creationTimestamp": "2026-12-01T09:00:00Z"},
            "spec": {"schedule": "0 10 * * *", "steps": [{"name": "one", "experiment": "x"}]},
        });
        for (key, value) in spec.as_object().unwrap() {
            plan["spec"][key] = value.clone();
        }
        serde_json::from_value(plan).unwrap()
    }

    /// Everything that one operator does at that instant: it writes, and creates days, of which it gives the names.
    fn look(plan: &mut GameDay, days: &mut Vec<GameDayRun>, now: &str) -> Vec<String> {
        let mut created = Vec::new();
        for _ in 0..10 {
            let now = moment(now);
            let observed = Observed { now, plan, days, blackouts: &[], refused: None };
            match decide(&observed) {
                Decision::Record(status) => plan.status = Some(*status),
                Decision::Create { name, spec } => {
                    let mut day = GameDayRun::new(&name, *spec);
                    day.metadata.uid = Some(format!("{name}, {}", days.len()));
                    created.push(name);
                    days.push(day);
                }
                Decision::WaitUntil(until) => {
                    assert!(until > now && until <= now + AT_LEAST);
                    return created;
                }
            }
        }
        panic!("it never waits")
    }

    fn status(plan: &GameDay) -> &GameDayStatus {
        plan.status.as_ref().unwrap()
    }

    #[test]
    fn a_plan_fires_once_for_each_time_and_never_before() {
        let (mut plan, mut days) = (plan(&json!({})), Vec::new());
        assert!(look(&mut plan, &mut days, "2026-12-01T09:59:59.999Z").is_empty());
        assert_eq!(status(&plan).next, Some(moment("2026-12-01T10:00:00Z")));
        assert_eq!(look(&mut plan, &mut days, "2026-12-01T10:00:00Z"), ["p-20261201t1000"]);
        let taken_up = status(&plan);
        assert_eq!(taken_up.last_fire, Some(moment("2026-12-01T10:00:00Z")));
        assert_eq!(taken_up.last_day_uid.as_deref(), Some("p-20261201t1000, 0"));
        for now in ["2026-12-01T10:00:00.1Z", "2026-12-01T10:29:00Z", "2026-12-02T09:59:59Z"] {
            assert!(look(&mut plan, &mut days, now).is_empty(), "{now}");
        }
        days.clear();
        assert!(look(&mut plan, &mut days, "2026-12-01T10:05:00Z").is_empty(), "it was deleted");
        assert_eq!(look(&mut plan, &mut days, "2026-12-02T10:00:30Z"), ["p-20261202t1000"]);
    }

    #[test]
    fn a_day_that_is_there_is_taken_up_and_not_created_again() {
        let (mut first, mut days) = (plan(&json!({})), Vec::new());
        let mut second = first.clone();
        look(&mut first, &mut days, "2026-12-01T10:00:00Z");
        // The other operator has heard of the day, and not of what the plan says of it.
        assert!(look(&mut second, &mut days, "2026-12-01T10:00:01Z").is_empty());
        assert_eq!(status(&second).last_day_uid, status(&first).last_day_uid);
        assert_eq!(days.len(), 1);
    }

    #[test]
    fn a_day_is_taken_up_however_late_that_is() {
        let (mut plan, mut days) = (plan(&json!({})), Vec::new());
        let at = moment("2026-12-01T10:00:00Z");
        days.push(GameDayRun::new("p-20261201t1000", GameDayRunSpec::at("p", at)));
        assert!(look(&mut plan, &mut days, "2026-12-01T18:00:00Z").is_empty());
        assert_eq!((status(&plan).last_fire, &status(&plan).missed), (Some(at), &None));
    }

    #[test]
    fn what_lies_before_a_change_or_a_resumption_is_never_made_up_for() {
        let (mut plan, mut days) = (plan(&json!({"suspend": true})), Vec::new());
        assert!(look(&mut plan, &mut days, "2026-12-01T10:00:00Z").is_empty());
        let missed = status(&plan).missed.clone().unwrap();
        assert_eq!(
            (missed.at, missed.reason),
            (moment("2026-12-01T10:00:00Z"), MissedReason::Suspended)
        );
        plan.spec.suspend = false;
        plan.metadata.generation = Some(2);
        assert!(look(&mut plan, &mut days, "2026-12-01T10:05:00Z").is_empty());
        assert_eq!(status(&plan).since.as_ref().unwrap().at, moment("2026-12-01T10:05:00Z"));
        plan.spec.schedule = Some("4 10 * * *".to_owned());
        plan.metadata.generation = Some(3);
        assert!(look(&mut plan, &mut days, "2026-12-01T10:06:00Z").is_empty());
        assert_eq!(look(&mut plan, &mut days, "2026-12-02T10:04:00Z"), ["p-20261202t1004"]);
    }

    #[test]
    fn what_nobody_looked_at_in_time_is_missed_once_however_much_it_was() {
        let (mut plan, mut days) = (plan(&json!({})), Vec::new());
        look(&mut plan, &mut days, "2026-12-01T09:00:00Z");
        assert!(look(&mut plan, &mut days, "2036-12-01T10:31:00Z").is_empty());
        let missed = status(&plan).missed.clone().unwrap();
        assert_eq!(
            (missed.at, missed.reason),
            (moment("2036-12-01T10:00:00Z"), MissedReason::DeadlinePassed)
        );
        assert_eq!(look(&mut plan, &mut days, "2036-12-02T10:29:59Z"), ["p-20361202t1000"]);
    }

    #[test]
    fn a_day_for_a_time_that_is_none_of_the_plan_changes_nothing() {
        let (mut plan, mut days) = (plan(&json!({})), Vec::new());
        for at in ["2030-01-01T10:00:00Z", "2026-12-01T09:30:00Z"] {
            let at = moment(at);
            let name = game_day_run::name("p", at);
            days.push(GameDayRun::new(&name, GameDayRunSpec::at("p", at)));
        }
        assert_eq!(look(&mut plan, &mut days, "2026-12-01T10:00:00Z"), ["p-20261201t1000"]);
    }

    #[test]
    fn a_day_that_is_refused_is_asked_for_again_and_again_and_told_once() {
        let (mut plan, days) = (plan(&json!({})), Vec::new());
        let mut look = |now: &str| {
            let (mut asked, mut written) = (0, 0);
            for _ in 0..10 {
                let now = moment(now);
                let refused = (asked > 0).then_some("no right");
                match decide(&Observed { now, plan: &plan, days: &days, refused }) {
                    Decision::Record(status) => {
                        plan.status = Some(*status);
                        written += 1;
                    }
                    Decision::Create { .. } => asked += 1,
                    Decision::WaitUntil(until) if asked > 0 => {
                        assert_eq!(until, now + REFUSED);
                        break;
                    }
                    Decision::WaitUntil(_) => break,
                }
            }
            (asked, written)
        };
        assert_eq!(look("2026-12-01T10:00:00Z"), (1, 2), "it fires, and is refused");
        for now in ["2026-12-01T10:00:00.1Z", "2026-12-01T10:00:30Z", "2026-12-01T10:29:00Z"] {
            assert_eq!(look(now), (1, 0), "{now}");
        }
        assert_eq!(look("2026-12-01T10:30:01Z"), (0, 1), "that time was missed");
        let status = status(&plan);
        assert_eq!(status.missed.as_ref().unwrap().reason, MissedReason::DeadlinePassed);
        assert_eq!(conditions::get(&status.conditions, "Ready").unwrap().reason, "Fires");
    }

    #[test]
    fn what_is_wrong_is_told_in_the_condition_and_fires_nothing() {
        let ready = |spec: &Value, refused: Option<&str>| {
            let plan = plan(spec);
            let now = moment("2026-12-01T10:00:00Z");
            let observed = Observed { now, plan: &plan, days: &[], blackouts: &[], refused };
            let Decision::Record(status) = decide(&observed) else { panic!("it is written") };
            let ready = conditions::get(&status.conditions, "Ready").unwrap();
            format!("{} {}: {}", ready.status, ready.reason, ready.message)
        };
        for (spec, refused, told) in [
            (json!({"schedule": "*/5 10 * * *"}), None, "False Invalid: spec.schedule: minute "),
            (json!({"schedule": "0 10 30 2 *"}), None, "False NeverFires: spec.schedule: "),
            (json!({"suspend": true}), None, "True Suspended: suspended: nothing fires"),
            (json!({}), Some("no right"), "False Refused: no right"),
            (json!({}), None, "True Fires: fires next at 2026-12-02T10:00:00"),
        ] {
            let ready = ready(&spec, refused);
            assert!(ready.starts_with(told), "{ready}");
        }
    }
}
