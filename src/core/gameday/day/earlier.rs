//! The gate `PassedBefore`: each experiment has passed with the same fault in the namespace before this one.

use std::collections::BTreeMap;

use crate::{
    api::{
        Duration, ExperimentRun, ExperimentSpec, Moment,
        run::{FactName, Verdict},
    },
    core::plan::fault_hash,
};

/// What was read of the namespace before this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predecessor {
    /// Its name.
    pub namespace: String,
    /// What its runs tell, by experiment; or why nobody knows.
    pub runs: BTreeMap<String, Result<Earlier, String>>,
}

/// What the runs of one experiment tell, in the namespace before this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    experiment: String,
    fault: String,
    passed: Option<Past>,
    ended: Option<Past>,
    other: Option<Past>,
}

/// A run that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Past {
    name: String,
    at: Moment,
    verdict: Verdict,
}

impl Earlier {
    /// Nothing yet, of the experiment of that name, which breaks this here.
    #[must_use]
    pub fn of(experiment: &str, spec: &ExperimentSpec) -> Self {
        Self {
            experiment: experiment.to_owned(),
            fault: fault_hash(spec),
            passed: None,
            ended: None,
            other: None,
        }
    }

    /// Takes one more run into account. Labels lie where anybody writes them, so that the spec says whose run it is;
    /// one of a file may measure by easier objectives than the Experiment's.
    pub fn add(&mut self, run: &ExperimentRun) {
        let spec = &run.spec;
        let Some(status) = &run.status else { return };
        let reference = status.journal.as_ref().and_then(|plan| plan.experiment.as_ref());
        let (Some(over), Some(verdict), Some(reference)) =
            (status.fact(FactName::Completed), status.verdict, reference)
        else {
            return;
        };
        if *spec.experiment != *self.experiment || spec.template.is_some() || spec.dry_run {
            return;
        }
        let name = run.metadata.name.clone().unwrap_or_default();
        let past = Past { name, at: over.at, verdict };
        let place = match (reference.fault_hash == self.fault, verdict.is_passed()) {
            (true, true) => &mut self.passed,
            (true, false) => &mut self.ended,
            (false, true) => &mut self.other,
            (false, false) => return,
        };
        if place.as_ref().is_none_or(|known| known.at < past.at) {
            *place = Some(past);
        }
    }

    /// Whether a run has passed at that time or later.
    #[must_use]
    pub fn has_passed_since(&self, since: Moment) -> bool {
        self.passed.as_ref().is_some_and(|passed| passed.at >= since)
    }
}

/// Whether that experiment of the namespace `here` has passed before, and with which words.
pub(super) fn judge(
    experiment: &str,
    (within, now): (Duration, Moment),
    here: &str,
    predecessor: Option<&Predecessor>,
) -> Result<String, String> {
    let Some(Predecessor { namespace, runs }) = predecessor else {
        return Err(format!(
            "namespace {here} has no predecessor in the operator's configuration; let its administrator add it there, \
             as in `predecessors: {{{here}: NAMESPACE}}`, or leave out spec.goNoGo.passedBefore"
        ));
    };
    let earlier = match runs.get(experiment) {
        Some(Ok(earlier)) => earlier,
        Some(Err(error)) => {
            return Err(format!(
                "the runs of Experiment {experiment} in namespace {namespace} cannot be listed: {error}"
            ));
        }
        None => {
            return Err(format!(
                "Experiment {experiment} of this namespace was not read, so that nothing can be compared with it"
            ));
        }
    };
    let remedy = format!("firedrill run {experiment} -n {namespace}");
    match (&earlier.passed, &earlier.ended, &earlier.other) {
        (Some(Past { name, at, .. }), ..) if earlier.has_passed_since(now.minus(within)) => {
            Ok(format!("run {name} passed with this fault in namespace {namespace} at {at}"))
        }
        (Some(Past { name, at, .. }), ..) => Err(format!(
            "run {name} passed with this fault in namespace {namespace} at {at}, more than {within} ago; {remedy}"
        )),
        (None, Some(Past { name, verdict, .. }), _) => Err(format!(
            "no run of Experiment {experiment} has passed with this fault in namespace {namespace}; the last one, \
             {name}, ended with {verdict}; {remedy}"
        )),
        (None, None, Some(Past { name, .. })) => Err(format!(
            "Experiment {experiment} has another target or fault in namespace {namespace}, where run {name} passed; \
             make it the same there, then: {remedy}"
        )),
        (None, None, None) => Err(format!(
            "no run of Experiment {experiment} has passed in namespace {namespace}; those of a file do not count; \
             {remedy}"
        )),
    }
}
