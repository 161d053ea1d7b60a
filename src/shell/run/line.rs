//! The order in which runs start, as of what was heard last.

use std::sync::Mutex;

use crate::{
    api::{Duration, ExperimentRun, Moment},
    core::{
        self,
        cluster::Rank,
        decide::{Decision, pace},
    },
    shell::{clock::Clock, context::Context, shared::lock},
};

/// Without news it is ordered anew so often, as who does not begin holds up others for some seconds only.
const AGAIN: Duration = Duration::seconds(1);
/// No sooner than that it is ordered anew by news, of which hundreds can come in a second, beside thousands of runs that
/// are over. Who begins by what is so old still counts the others as they are then.
const SOONEST: Duration = Duration::millis(50);

/// What comes before the run, where it has yet to start.
pub fn ahead(context: &Context, run: &ExperimentRun) -> Rank {
    let starts = pace::is_to_start(run) && !run.spec.dry_run;
    if starts { context.line.ahead(context, run) } else { Rank::default() }
}

/// Whether it is not the turn of whoever has so many before it.
pub fn is_full(context: &Context, ahead: Rank) -> bool {
    ahead.is_full(context.config.caps.concurrency)
}

/// What is decided for a run that comes behind `ahead`. One that would begin stands in line instead where no room is left:
/// of all that decide so in the same moment none has heard of the others' journals.
pub fn held_to_room(
    context: &Context,
    run: &ExperimentRun,
    ahead: Rank,
    consider: impl Fn(Rank) -> (Decision, u64),
) -> (Decision, u64) {
    let (decision, version) = consider(ahead);
    if !pace::is_to_start(run) {
        return (decision, version);
    }
    if !decision.begins() {
        context.line.leave(context, run);
        return (decision, version);
    }
    if context.line.enter(context, run) {
        return (decision, version);
    }
    let limit = usize::try_from(context.config.caps.concurrency).unwrap_or(0);
    let (decision, version) = consider(Rank { under_way: ahead.under_way.max(limit), ..ahead });
    if decision.begins() {
        // Its time to start is over: a guard tells why, by what is heard of the others by then.
        return (Decision::WaitUntil(context.line.clock.now() + SOONEST), version);
    }
    (decision, version)
}

/// Orders the runs once for all who ask before something new is heard.
pub struct Line {
    clock: Clock,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// As of how many events, and when.
    as_of: Option<(u64, Moment)>,
    line: core::line::Line,
}

impl Line {
    /// Nobody is in line yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, known: Mutex::default() }
    }

    /// What comes before that run.
    fn ahead(&self, context: &Context, run: &ExperimentRun) -> Rank {
        self.read(context, |line| line.ahead(run))
    }

    /// Asks for those to be looked at whose turn it is.
    pub fn call(&self, context: &Context) {
        let called: Vec<_> = self.read(context, |line| {
            line.called().map(|(namespace, name)| (namespace.to_owned(), name.to_owned())).collect()
        });
        for (namespace, name) in called {
            // It may be over since the runs were ordered: whoever is let go asks for others here.
            let known = context.runs.get(&namespace, &name);
            if known.is_some_and(|known| known.0.as_ref().is_ok_and(core::line::is_in_line)) {
                context.runs.request(&namespace, &name);
            }
        }
    }

    /// Lets that run begin, where there is room.
    fn enter(&self, context: &Context, run: &ExperimentRun) -> bool {
        let heard = context.runs.heard();
        lock(&self.known).line.enter(run, heard.iter(), context.config.caps.concurrency)
    }

    /// A run does not begin after all: who waits for its room is asked for.
    fn leave(&self, context: &Context, run: &ExperimentRun) {
        let had_entered = lock(&self.known).line.leave(run);
        if had_entered {
            self.call(context);
        }
    }

    fn read<T>(&self, context: &Context, read: impl FnOnce(&core::line::Line) -> T) -> T {
        let mut known = lock(&self.known);
        let (events, now) = (context.runs.events(), self.clock.now());
        let is_known = known
            .as_of
            .is_some_and(|(then, at)| now < at + if then == events { AGAIN } else { SOONEST });
        if !is_known {
            known.as_of = Some((events, now));
            let heard = context.runs.heard();
            known.line.order(heard.iter(), context.config.caps.concurrency, now);
        }
        read(&known.line)
    }
}
