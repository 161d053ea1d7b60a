//! The leak matrix: while a fault is armed, or while it is being reverted, somebody takes away what it
//! takes to revert it. Whatever that was, the fault goes away and nothing hangs.

mod event;

use std::{fmt, time::Instant};

use crate::{
    case::{Case, Outcome, Over, Setup},
    judge::{Due, Oracle},
    lab::Lab,
    patience,
    proxy::{
        plant::Plant,
        rule::{Action, Back, Moment, Rule},
        write::Write,
    },
    scenario::Scenario,
};
pub use event::Event;

/// When it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The fault is there.
    Armed,
    /// The operator is about to send the write that reverts it.
    Reverting,
}

/// One thing that happens to one fault at one time.
#[derive(Clone, Copy, Debug)]
pub struct Leak<'a> {
    pub scenario: &'a Scenario,
    pub event: Event,
    pub when: When,
}

impl fmt::Display for Leak<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, event, when } = self;
        write!(f, "{:7} {:52} {:45}", scenario.name, event.words(), format!("{when:?}"))
    }
}

/// Everything that may happen to these faults.
pub fn all(scenarios: &[Scenario]) -> Vec<Leak<'_>> {
    let of = |scenario| {
        let events = Event::ALL.into_iter().filter(move |event| event.concerns(scenario));
        events.flat_map(move |event| {
            [When::Armed, When::Reverting].map(|when| Leak { scenario, event, when })
        })
    };
    scenarios.iter().filter(|scenario| scenario.changed.is_some()).flat_map(of).collect()
}

/// The bugs that these cases are shown to catch, each with the oracle that must complain of it.
pub fn plants(scenarios: &[Scenario]) -> Vec<(Leak<'_>, Plant, Oracle)> {
    let planted = [
        ("egress", Event::DeleteRun, Plant::SkipsRevert, Oracle::Reverted),
        ("image", Event::PersonEdits, Plant::OverwritesFix, Oracle::Objects),
        ("scale", Event::OperatorDown, Plant::ReaperSleeps, Oracle::Exposure),
    ];
    let leak = |name, event| {
        let scenario = scenarios.iter().find(|scenario| scenario.name == name)?;
        Some(Leak { scenario, event, when: When::Armed })
    };
    let planted = planted.into_iter();
    planted
        .filter_map(|(name, event, plant, oracle)| Some((leak(name, event)?, plant, oracle)))
        .collect()
}

/// Runs one case.
pub async fn run(lab: &Lab, leak: Leak<'_>, name: String, plant: Option<Plant>) -> Over {
    let scenario = leak.scenario.hurried();
    let setup = Setup { name, operators: 1, rule: rule(leak), plant };
    let mut case = Case::open(lab, &scenario, &setup).await;
    let mut outcome = Outcome::of(&scenario);
    outcome.due = leak.event.due();
    outcome.came = patience::until(60, async || case.is_faulty().await).await;
    if outcome.came && leak.when == When::Reverting {
        // Before the deadline, so that the reaper is not first.
        case.ground.stop_run().await;
        outcome.came = case.fires().await.is_some();
    }
    let mut from = Instant::now();
    if outcome.came {
        if plant == Some(Plant::ReaperSleeps) {
            lab.pause_reaper();
        }
        leak.event.happen(&mut case, leak.when, &mut outcome).await;
        from = Instant::now();
        if leak.when == When::Reverting && leak.event != Event::OperatorDown {
            case.operators[0].resume();
            case.proxy.release();
        }
        leak.event.follow(&case).await;
        lab.resume_reaper();
    }
    outcome.clean_after = match leak.event {
        Event::ApiServerDown => {
            let over_after = case.over_after(from).await;
            case.controllers_catch_up().await;
            over_after
        }
        _ => case.clean_after(from).await,
    };
    if leak.event == Event::DeleteNamespace {
        let gone = async || case.ground.itself().await.is_null();
        outcome.clean_after = patience::until(60, gone).await.then(|| from.elapsed());
    }
    case.close(outcome).await
}

/// The write that reverts the fault is held back; an operator that dies takes it along.
fn rule(leak: Leak<'_>) -> Option<Rule> {
    let changed = leak.scenario.changed.as_ref().filter(|_| leak.when == When::Reverting)?;
    let action = match leak.event {
        Event::OperatorDown => Action::Kill(Moment::Before, Back::Late),
        _ => Action::Hold,
    };
    let write = Write {
        verb: "patch",
        resource: changed.kind.plural.clone(),
        news: Some("revoked".to_owned()),
        nth: 1,
    };
    Some(Rule { write, action })
}

impl Event {
    /// What must have become of the run.
    fn due(self) -> Due {
        match self {
            Self::DeleteRun | Self::StripFinalizer | Self::DeleteNamespace | Self::DeleteKind => {
                Due::Gone
            }
            _ => Due::Anything,
        }
    }
}
