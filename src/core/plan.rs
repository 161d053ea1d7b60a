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
        let (mut alerts, mut problems) = (Vec::new(), Vec::new());
        for (index, text) in spec.detection.alerts.iter().enumerate() {
            match Matchers::parse(text) {
                Ok(matchers) => alerts.push(matchers),
                Err(error) => problems.push(Problem {
                    path: format!("spec.detection.alerts[{index}]"),
                    message: error.to_string(),
                }),
            }
        }
        if problems.is_empty() { Ok(Self { spec: spec.clone(), alerts }) } else { Err(problems) }
    }

    /// Whether an alert with these labels is one that the experiment expects.
    ///
    /// An alert that carries `namespace_label` counts only for runs of that namespace; an empty
    /// `namespace_label` switches that off.
    #[must_use]
    pub fn expects(&self, labels: &Labels, namespace: &str, namespace_label: &str) -> bool {
        let elsewhere = !namespace_label.is_empty()
            && labels.get(namespace_label).is_some_and(|value| value != namespace);
        !elsewhere && self.alerts.iter().any(|matchers| matchers.matches(labels))
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
