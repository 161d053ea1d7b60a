//! A valid experiment: what the schema could not judge is judged here, once.

use super::hash;
use crate::{
    api::{
        Duration, ExperimentSpec,
        run::{ExperimentRef, Warning},
    },
    core::alerts::{
        expression::Room,
        matcher::{Labels, Matchers},
    },
    faults::{self, Means},
};

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
        let (mut room, mut problems) = (Room::default(), Vec::new());
        let mut read = |path: &str, texts| matchers(path, texts, &mut room, &mut problems);
        let alerts = read("spec.detection.alerts", &spec.detection.alerts);
        let aborts = read("spec.guards.abortOn", &spec.guards.abort_on);
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

    /// Every matcher list of the spec, with its path and its text.
    pub fn watched(&self) -> impl Iterator<Item = (String, &str, &Matchers)> {
        let detection = ("spec.detection.alerts", &self.spec.detection.alerts, &self.alerts);
        let guards = ("spec.guards.abortOn", &self.spec.guards.abort_on, &self.aborts);
        [detection, guards].into_iter().flat_map(|(path, texts, lists)| {
            let lists = texts.iter().zip(lists).enumerate();
            lists
                .map(move |(index, (text, list))| (format!("{path}[{index}]"), text.as_str(), list))
        })
    }

    /// What the spec allows and hardly anybody means.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        self.cut_short().into_iter().collect()
    }

    /// A run that is not back ends before its detection objective has passed.
    fn cut_short(&self) -> Option<Warning> {
        let (back, objective) = (self.spec.recovery.within, self.spec.detection.within);
        let (begins, times) = watch(&self.spec);
        let ends = followed_for(&self.spec);
        let needed: Duration = (objective.std().saturating_sub(begins.std()) / times).into();
        (ends < objective).then(|| Warning {
            about: "spec.recovery.within".to_owned(),
            message: format!(
                "{back} is short beside detection.within {objective}: a run that is not back by then ends {ends} after \
                 the injection, too soon to tell that it was not noticed in time. Set it to at least {needed}"
            ),
        })
    }

    /// The hashes by which this experiment is known again.
    #[must_use]
    pub fn reference(&self, generation: Option<i64>) -> ExperimentRef {
        ExperimentRef {
            generation,
            spec_hash: hash::short(&self.spec),
            fault_hash: fault_hash(&self.spec),
        }
    }
}

/// The hash of what an experiment breaks, whatever else it asks for.
#[must_use]
pub fn fault_hash(spec: &ExperimentSpec) -> String {
    hash::short(&(&spec.target, &spec.fault))
}

/// From when on a run that is not back is watched, after the injection, and for how many times the objective.
fn watch(spec: &ExperimentSpec) -> (Duration, u32) {
    match faults::behaviour(&spec.fault).means {
        Means::Take(_) => (Duration::ZERO, 2),
        // Once more after the revert, twice where what ends with the fault counts.
        Means::Arm(_) => (spec.duration, if spec.recovery.count_fault_ended { 2 } else { 1 }),
    }
}

/// How long after the injection a run that is not back is over; a fault that repeats lasts for its `duration`.
#[must_use]
pub fn followed_for(spec: &ExperimentSpec) -> Duration {
    let (begins, times) = watch(spec);
    let ends: Duration = (begins.std() + spec.recovery.within.std() * times).into();
    let repeats = faults::behaviour(&spec.fault).means.every().is_some();
    if repeats { ends.max(spec.duration) } else { ends }
}

/// Reads the matchers of a list at that path.
///
/// # Errors
/// With every problem at once.
pub fn read_matchers(path: &str, texts: &[String]) -> Result<Vec<Matchers>, Vec<Problem>> {
    let mut problems = Vec::new();
    let read = matchers(path, texts, &mut Room::default(), &mut problems);
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}

/// Reads every text of a list; what is wrong is added to `problems`.
fn matchers(
    path: &str,
    texts: &[String],
    room: &mut Room,
    problems: &mut Vec<Problem>,
) -> Vec<Matchers> {
    let mut read = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match Matchers::parse(text, room) {
            Ok(matchers) => read.push(matchers),
            Err(error) => problems
                .push(Problem { path: format!("{path}[{index}]"), message: error.to_string() }),
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is said of a spec with this fault, duration, detection and recovery objective.
    fn said(fault: &Value, duration: &str, detection: &str, recovery: &str) -> Vec<String> {
        let spec = json!({
            "hypothesis": "h", "owner": "o", "target": {"deployment": "web"},
            "fault": fault, "duration": duration,
            "steadyState": [{"name": "whole", "workload": {}}],
            "detection": {"within": detection, "alerts": ["{a=\"b\"}"]},
            "recovery": {"within": recovery},
        });
        let plan = Plan::parse(&serde_json::from_value(spec).unwrap()).unwrap();
        plan.warnings().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_expressions_of_both_lists_share_one_room_and_each_that_does_not_fit_is_named() {
        let greedy = r#"a=~"\\w{200}","#.repeat(20);
        let (small, equal) = (r#"{a=~"b|c"}"#, r#"{a="b"}"#);
        let spec = json!({
            "hypothesis": "h", "owner": "o", "target": {"deployment": "web"},
            "fault": {"podKill": {"count": 1}}, "duration": "1m",
            "steadyState": [{"name": "whole", "workload": {}}],
            "detection": {"alerts": [small, greedy, equal]},
            "guards": {"abortOn": [equal, greedy, small]},
        });
        let problems = Plan::parse(&serde_json::from_value(spec).unwrap()).unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["spec.detection.alerts[1]", "spec.guards.abortOn[1]"]);
        let says = "\"\\\\w{200}\" is too large a regular expression: compiled, all of an experiment may take 64 KiB";
        assert!(problems.iter().all(|problem| problem.message.starts_with(says)), "{problems:?}");
    }

    #[test]
    fn a_run_that_would_end_before_its_detection_objective_has_passed_is_warned_of() {
        let (kill, outage) = (
            json!({"podKill": {"count": 1}}),
            json!({"dependencyOutage": {"blackhole": {"service": "db"}}}),
        );
        for (fault, duration, detection, recovery, numbers) in [
            (&kill, "10m", "5m", "2m30s", None),
            (&kill, "10m", "5m", "1h", None),
            (&kill, "10m", "5m", "40s", Some(["40s", "5m", "1m20s", "2m30s"])),
            (&outage, "10m", "5m", "10s", None),
            (&outage, "1m", "5m", "4m", None),
            (&outage, "1m", "5m", "2m30s", Some(["2m30s", "5m", "3m30s", "4m"])),
            (&outage, "4m", "5m", "30s", Some(["30s", "5m", "4m30s", "1m"])),
        ] {
            let expected = numbers.map(|[back, objective, ends, needed]| {
                format!(
                    "spec.recovery.within: {back} is short beside detection.within {objective}: a run that is not \
                     back by then ends {ends} after the injection, too soon to tell that it was not noticed in time. \
                     Set it to at least {needed}"
                )
            });
            let expected: Vec<String> = expected.into_iter().collect();
            assert_eq!(said(fault, duration, detection, recovery), expected);
        }
    }
}
