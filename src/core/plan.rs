//! A valid experiment: what the schema could not judge is judged here, once.

use super::{
    hash,
    matcher::{Labels, Matchers},
};
use crate::api::{ExperimentSpec, run::ExperimentRef};

/// An experiment after "parse, don't validate".
#[derive(Clone, Debug)]
pub struct Plan {
    /// The spec as it was written.
    pub spec: ExperimentSpec,
    alerts: Vec<Matchers>,
    aborts: Vec<Matchers>,
}

/// One thing that is wrong with a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `spec.detection.alerts[0]`.
    pub path: String,
    /// What is wrong and how to fix it.
    pub message: String,
}

impl Plan {
    /// Reads a spec that the schema has accepted.
    ///
    /// # Errors
    /// With every problem at once.
    pub fn parse(spec: &ExperimentSpec) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let alerts = matchers("spec.detection.alerts", &spec.detection.alerts, &mut problems);
        let aborts = matchers("spec.guards.abortOn", &spec.guards.abort_on, &mut problems);
        if problems.is_empty() {
            Ok(Self { spec: spec.clone(), alerts, aborts })
        } else {
            Err(problems)
        }
    }

    /// Whether an alert with these labels is one that the experiment expects.
    #[must_use]
    pub fn expects(&self, labels: &Labels) -> bool {
        self.alerts.iter().any(|matchers| matchers.matches(labels))
    }

    /// Whether an alert with these labels ends the run.
    #[must_use]
    pub fn aborts_on(&self, labels: &Labels) -> bool {
        self.aborts.iter().any(|matchers| matchers.matches(labels))
    }

    /// The hashes by which this experiment is known again.
    #[must_use]
    pub fn reference(&self, generation: Option<i64>) -> ExperimentRef {
        ExperimentRef {
            generation,
            spec_hash: hash::of(&self.spec),
            fault_hash: hash::of(&(&self.spec.target, &self.spec.fault)),
        }
    }
}

/// Reads every text of a list; what is wrong is added to `problems`.
fn matchers(path: &str, texts: &[String], problems: &mut Vec<Problem>) -> Vec<Matchers> {
    let mut read = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match Matchers::parse(text) {
            Ok(matchers) => read.push(matchers),
            Err(error) => problems
                .push(Problem { path: format!("{path}[{index}]"), message: error.to_string() }),
        }
    }
    read
}
