//! Whether a run sends its probes: what was broken must be measured, and what is not broken yet can wait.

use crate::{
    api::ExperimentRun,
    core::stage::{self, Stage},
};

/// When a run sends its probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probing {
    /// As soon as those of other runs leave room: nothing is broken yet.
    WhenThereIsRoom,
    /// At once, whatever others send.
    Now,
    /// Not any more.
    Over,
}

/// When this run sends its probes.
#[must_use]
pub fn probing(run: &ExperimentRun) -> Probing {
    match stage::of_run(run) {
        Stage::Waiting => Probing::WhenThereIsRoom,
        Stage::Intended
        | Stage::Injected
        | Stage::Reverting
        | Stage::Aftermath
        | Stage::Measured => Probing::Now,
        Stage::Complete => Probing::Over,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        api::{ExperimentRunSpec, run::FactName},
        core::{decide::tests::status, guards::abort::tests::plan},
    };

    #[test]
    fn a_run_waits_for_room_only_until_something_may_be_broken() {
        use FactName::{Accepted, Completed, Injected, Journaled, RevertStarted, Reverted};
        let mut run = ExperimentRun::new("r", ExperimentRunSpec::of("e"));
        assert_eq!(probing(&run), Probing::WhenThereIsRoom);
        let order = [Accepted, Journaled, Injected, RevertStarted, Reverted, Completed];
        for (last, expected) in [
            (Accepted, Probing::WhenThereIsRoom),
            (Journaled, Probing::Now),
            (Injected, Probing::Now),
            (RevertStarted, Probing::Now),
            (Reverted, Probing::Now),
            (Completed, Probing::Over),
        ] {
            let until = order.iter().position(|name| *name == last).unwrap();
            let facts: Vec<_> = order[..=until].iter().map(|name| (*name, 0.0)).collect();
            run.status = Some(status(&plan(&json!({})), &facts));
            assert_eq!(probing(&run), expected, "{last:?}");
        }
    }
}
