//! Where a run stands, read off its facts. What is stored of it is for people who list runs; nothing here
//! reads that.

use crate::api::{
    ExperimentRun,
    run::{ExperimentRunStatus, FactName, Guard},
};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nothing is written down yet, or guards are waited for.
    Waiting,
    /// The intent is written down, the fault not known to be there.
    Intended,
    /// The fault was accepted.
    Injected,
    /// The revert began.
    Reverting,
    /// Reverted, and still measured.
    Aftermath,
    /// Reverted and measured; a debrief may have to be opened.
    Measured,
    /// Over.
    Complete,
}

/// Reads the stage off the facts.
#[must_use]
pub fn read(status: &ExperimentRunStatus) -> Stage {
    let seen = |name| status.fact(name).is_some();
    if seen(FactName::Completed) {
        Stage::Complete
    } else if seen(FactName::Reverted) {
        if status.verdict.is_some() { Stage::Measured } else { Stage::Aftermath }
    } else if seen(FactName::RevertStarted) {
        Stage::Reverting
    } else if seen(FactName::Injected) {
        Stage::Injected
    } else if seen(FactName::Journaled) {
        Stage::Intended
    } else {
        Stage::Waiting
    }
}

/// The stage of a run; one without a status waits.
#[must_use]
pub fn of_run(run: &ExperimentRun) -> Stage {
    run.status.as_ref().map_or(Stage::Waiting, read)
}

/// The stage in a word for people, with the guard that is waited for.
#[must_use]
pub fn word(status: &ExperimentRunStatus, waiting: Option<Guard>) -> String {
    let word = match read(status) {
        Stage::Waiting => match waiting {
            Some(guard) => return format!("Waiting:{guard}"),
            None => "Waiting",
        },
        Stage::Intended => "Injecting",
        Stage::Injected => "Injected",
        Stage::Reverting => "Reverting",
        Stage::Aftermath => "Measuring",
        Stage::Measured => "Measured",
        Stage::Complete => "Complete",
    };
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        api::run::Verdict,
        core::{
            cluster::tests::healthy,
            decide::tests::{decided, status},
            guards::abort::tests::plan,
            signals::{Signals, pods::tests::at},
        },
    };
    use FactName::{Accepted, Completed, Injected, Journaled, RevertStarted, Reverted};

    #[test]
    fn every_stage_has_its_word_and_none_is_decided_by_what_is_stored() {
        let order = [Accepted, Journaled, Injected, RevertStarted, Reverted, Reverted, Completed];
        let plan = plan(&json!({"steadyFor": "0s"}));
        let signals = Signals::new(Some(&plan.spec), at(0.0));
        let words =
            ["Waiting", "Injecting", "Injected", "Reverting", "Measuring", "Measured", "Complete"];
        for (index, expected) in words.into_iter().enumerate() {
            let facts: Vec<_> = order[..=index].iter().map(|name| (*name, 0.0)).collect();
            let mut status = status(&plan, &facts);
            status.verdict = (index >= 5).then_some(Verdict::Passed);
            assert_eq!(word(&status, None), expected);
            let told = decided(&plan, Some(status.clone()), Some(&healthy()), &signals, 0.5);
            for other in words {
                status.stage = Some(other.to_owned());
                let again = decided(&plan, Some(status.clone()), Some(&healthy()), &signals, 0.5);
                assert_eq!(again, told, "{expected}, but {other} is stored");
            }
        }
        assert_eq!(word(&status(&plan, &[(Accepted, 0.0)]), Some(Guard::Steady)), "Waiting:Steady");
    }
}
