//! How often the cluster is read before something is broken. What is too old to decide on as soon as it was
//! read is not read again at once: an API server that answers slowly would be asked ever more.

use crate::{
    api::{
        Duration, Moment,
        run::{ExperimentRun, FactName},
    },
    core::{
        decide::Need,
        hash,
        plan::Plan,
        stage::{self, Stage},
    },
};

/// Seconds of the longest wait, before its spread; the first is one, each further twice as long.
const LONGEST: u64 = 8;

/// Whether there is time to ask for warnings about a run: nothing holds up one that is under way, or is to begin
/// at once.
#[must_use]
pub fn leaves_time(run: &ExperimentRun, plan: Option<&Plan>) -> bool {
    let taken_up = run.status.as_ref().is_some_and(|s| s.fact(FactName::Accepted).is_some());
    let at_once = plan.is_some_and(|plan| plan.spec.guards.steady_for == Duration::ZERO);
    !taken_up && (run.spec.dry_run || !at_once)
}

/// Whether the run has yet to journal. Before that it can have broken nothing, so that nothing which is to be ended waits
/// for those that start.
#[must_use]
pub fn is_to_start(run: &ExperimentRun) -> bool {
    stage::of_run(run) == Stage::Waiting
}

/// What was read for one run since something else was decided.
#[derive(Debug, Default)]
pub struct Pace {
    looked: Vec<Need>,
    waits: u32,
    not_before: Option<Moment>,
}

impl Pace {
    /// Until when that is not read for the run. Whatever ends a fault is never held up.
    pub fn pause(&mut self, need: Need, run: &ExperimentRun, now: Moment) -> Option<Moment> {
        match stage::of_run(run) {
            Stage::Waiting | Stage::Intended | Stage::Injected => {
                self.look(need, now, run.uid()).err()
            }
            Stage::Reverting | Stage::Aftermath | Stage::Measured | Stage::Complete => None,
        }
    }

    /// Whether that may be read now; else when, spread by the run's UID so that runs do not ask together.
    ///
    /// # Errors
    /// The moment from which on it may be read.
    fn look(&mut self, need: Need, now: Moment, uid: &str) -> Result<(), Moment> {
        if let Some(until) = self.not_before.filter(|until| now < *until) {
            return Err(until);
        }
        if self.not_before.take().is_some() || !self.looked.contains(&need) {
            self.looked.push(need);
            return Ok(());
        }
        let seconds = (1 << self.waits.min(6)).min(LONGEST);
        let spread = hash::short(&(uid, self.waits)).bytes().map(u64::from).sum::<u64>() % 100;
        let wait = Duration::millis(seconds * (500 + 10 * spread));
        self.waits += 1;
        self.looked.clear();
        let until = now + wait;
        self.not_before = Some(until);
        Err(until)
    }

    /// Something else than a look was decided, or the look failed, which is tried again by itself.
    pub fn goes_on(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        api::ExperimentRunSpec,
        core::{decide::tests::status, guards::abort::tests::plan, signals::pods::tests::at},
    };

    fn run() -> ExperimentRun {
        ExperimentRun::new("r", ExperimentRunSpec::of("e"))
    }

    #[test]
    fn a_run_starts_until_it_has_journaled() {
        use FactName::{Accepted, Completed, Injected, Journaled};
        let mut run = run();
        assert!(is_to_start(&run));
        for (facts, expected) in [
            (&[][..], true),
            (&[Accepted], true),
            (&[Accepted, Journaled], false),
            (&[Accepted, Journaled, Injected], false),
            (&[Accepted, Completed], false),
        ] {
            let facts: Vec<_> = facts.iter().map(|name| (*name, 0.0)).collect();
            run.status = Some(status(&plan(&json!({})), &facts));
            assert_eq!(is_to_start(&run), expected, "{facts:?}");
        }
    }

    /// How long it waits when the same is wanted again as soon as it was read.
    fn wait(pace: &mut Pace, now: f64) -> f64 {
        assert_eq!(pace.look(Need::Cluster, at(now), "u"), Ok(()));
        assert_eq!(pace.look(Need::Rivals, at(now), "u"), Ok(()));
        let until = pace.look(Need::Cluster, at(now), "u").unwrap_err();
        assert_eq!(pace.look(Need::Cluster, at(now), "u"), Err(until), "whoever asks meanwhile");
        Duration::between(at(now), until).std().as_secs_f64()
    }

    #[test]
    fn what_is_stale_on_arrival_is_read_ever_more_rarely_until_something_is_decided() {
        let mut pace = Pace::default();
        let mut now = 0.0;
        for seconds in [1.0, 2.0, 4.0, 8.0, 8.0] {
            let waited = wait(&mut pace, now);
            assert!((seconds * 0.5..seconds * 1.5).contains(&waited), "{waited} of {seconds}");
            now += waited;
        }
        pace.goes_on();
        assert!(wait(&mut pace, now) < 1.5);
    }

    #[test]
    fn only_what_may_break_something_is_held_up() {
        use FactName::{Accepted, Injected, Journaled, RevertStarted};
        let plan = plan(&json!({}));
        let order = [Accepted, Journaled, Injected, RevertStarted];
        for (count, is_held_up) in [(1, true), (2, true), (3, true), (4, false)] {
            let facts: Vec<_> = order[..count].iter().map(|name| (*name, 0.0)).collect();
            let mut run = run();
            run.status = Some(status(&plan, &facts));
            let mut pace = Pace::default();
            assert_eq!(pace.pause(Need::Cluster, &run, at(0.0)), None, "the first time");
            let held_up = pace.pause(Need::Cluster, &run, at(0.0)).is_some();
            assert_eq!(held_up, is_held_up, "{:?}", order[count - 1]);
        }
    }

    #[test]
    fn warnings_are_asked_for_where_nobody_waits_for_the_fault() {
        let plans = |steady| plan(&json!({"steadyFor": steady}));
        let mut new = run();
        assert!(leaves_time(&new, Some(&plans("30s"))) && leaves_time(&new, None));
        assert!(!leaves_time(&new, Some(&plans("0s"))), "it is to begin at once");
        new.spec.dry_run = true;
        assert!(leaves_time(&new, Some(&plans("0s"))), "nothing begins");
        new.status = Some(status(&plans("30s"), &[(FactName::Accepted, 0.0)]));
        assert!(!leaves_time(&new, Some(&plans("30s"))), "it is under way");
    }
}
