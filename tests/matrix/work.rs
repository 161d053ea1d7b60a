//! The cases: what is disturbed, how, and in which company.

use std::fmt;

use crate::{
    case::{self, Over, Setup},
    lab::Lab,
    leak::{self, Leak},
    proxy::{
        rule::{Action, Back, Moment, Rule},
        write::Write,
    },
    scenario::Scenario,
};

/// One case.
#[derive(Clone, Debug)]
pub enum Work<'a> {
    Crash(Disturbance<'a>),
    Leak(Leak<'a>),
}

impl Work<'_> {
    /// Whether it touches what other cases need.
    pub fn is_alone(&self) -> bool {
        matches!(self, Self::Leak(leak) if leak.event.is_alone())
    }

    pub async fn run(&self, lab: &Lab, name: String) -> Over {
        match self {
            Self::Crash(Disturbance { scenario, rule, operators }) => {
                let (rule, operators) = (Some(rule.clone()), *operators);
                let setup = Setup { name, operators, rule, plant: None };
                case::run(lab, scenario, &setup).await
            }
            Self::Leak(leak) => leak::run(lab, *leak, name, None).await,
        }
    }
}

impl fmt::Display for Work<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash(disturbance) => disturbance.fmt(f),
            Self::Leak(leak) => leak.fmt(f),
        }
    }
}

/// How a write is disturbed, and beside how many others.
#[derive(Clone, Debug)]
pub struct Disturbance<'a> {
    pub scenario: &'a Scenario,
    pub rule: Rule,
    pub operators: usize,
}

impl fmt::Display for Disturbance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let company = if self.operators == 1 { "alone" } else { "beside another" };
        let Self { scenario, rule, .. } = self;
        write!(f, "{:7} {:52} {:30} {company:14}", scenario.name, rule.write, rule.action)
    }
}

/// What is done at each write, by how many operators, and how a table calls it.
pub const COLUMNS: [(&str, Action, usize); 10] = [
    ("before", Action::Kill(Moment::Before, Back::AtOnce), 1),
    ("commit", Action::Kill(Moment::Committed, Back::AtOnce), 1),
    ("answer", Action::Kill(Moment::Answered, Back::AtOnce), 1),
    ("before", Action::Kill(Moment::Before, Back::Late), 1),
    ("commit", Action::Kill(Moment::Committed, Back::Late), 1),
    ("answer", Action::Kill(Moment::Answered, Back::Late), 1),
    ("before", Action::Kill(Moment::Before, Back::AtOnce), 2),
    ("commit", Action::Kill(Moment::Committed, Back::AtOnce), 2),
    ("answer", Action::Kill(Moment::Answered, Back::AtOnce), 2),
    ("late", Action::Hold, 2),
];

/// Every disturbance of these writes. What arms nothing has no deadline to come back after; what is
/// created differs from what is changed in the writes to it alone.
pub fn disturbances<'a>(scenario: &'a Scenario, writes: &[Write]) -> Vec<Work<'a>> {
    let is_late = |action| matches!(action, Action::Kill(_, Back::Late));
    let columns = COLUMNS
        .into_iter()
        .filter(|(_, action, _)| scenario.changed.is_some() || !is_late(*action));
    let columns: Vec<_> = columns.collect();
    let at = |write: &Write| {
        let write = write.clone();
        columns.iter().map(move |(_, action, operators)| {
            let rule = Rule { write: write.clone(), action: *action };
            Work::Crash(Disturbance { scenario, rule, operators: *operators })
        })
    };
    let concerns = |write: &&Write| match &scenario.changed {
        Some(changed) => !changed.is_created || write.resource == changed.kind.plural,
        None => true,
    };
    writes.iter().filter(concerns).flat_map(at).collect()
}
