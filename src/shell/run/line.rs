//! The order in which runs start, as of what was heard last.

use std::sync::Mutex;

use crate::{
    api::{Duration, ExperimentRun, Moment},
    core::{self, cluster::Rank},
    shell::{clock::Clock, context::Context, shared::lock},
};

/// Without news it is ordered anew so often, as who does not begin holds up others for some seconds only.
const AGAIN: Duration = Duration::seconds(1);
/// No sooner than that it is ordered anew by news, of which hundreds can come in a second, beside thousands of runs that
/// are over. Who begins by what is so old still counts the others as they are then.
const SOONEST: Duration = Duration::millis(50);

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
    pub fn ahead(&self, context: &Context, run: &ExperimentRun) -> Rank {
        self.read(context, |line| line.ahead(run))
    }

    /// Asks for those to be looked at whose turn it is.
    pub fn call(&self, context: &Context) {
        let called: Vec<_> = self.read(context, |line| {
            line.called().map(|(namespace, name)| (namespace.to_owned(), name.to_owned())).collect()
        });
        for (namespace, name) in called {
            context.runs.request(&namespace, &name);
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
