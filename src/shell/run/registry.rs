//! What is kept in memory per run: what was seen, and the tasks that look. Nothing here is the truth;
//! a new process begins with an empty registry and continues from the journal.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tokio::{sync::watch, task::AbortHandle};

use crate::{
    api::{ExperimentRun, ExperimentSpec, Moment},
    config::AlertLabels,
    core::{
        alerts::AlertFilter,
        cluster::ClusterState,
        decide::{Debriefing, Marked, Report, Subject, pace::Pace},
        plan::{Plan, Problem},
        signals::Signals,
    },
    shell::{clock::Clock, shared::lock},
};

/// What is kept per run, by UID.
#[derive(Default)]
pub struct Registry(Mutex<HashMap<String, Arc<Entry>>>);

/// What is kept about one run.
pub struct Entry {
    /// What was seen; filled by tasks, read by the rules.
    pub lookout: Arc<Lookout>,
    /// The experiment that the run executes.
    pub subject: Subject,
    /// What the reconciler keeps between two looks.
    pub memory: tokio::sync::Mutex<Memory>,
    tasks: Mutex<Vec<AbortHandle>>,
}

/// What the reconciler keeps between two looks.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each says whether one thing was begun")]
pub struct Memory {
    /// The run as last written or read by this process.
    pub latest: Option<ExperimentRun>,
    /// The last live reads.
    pub cluster: Option<ClusterState>,
    /// Whether the target's pods are watched.
    pub is_watching: bool,
    /// Whether it hears the alert sources.
    pub is_listening: bool,
    /// Whether its probes are sent.
    pub is_probing: bool,
    /// What became of the calls sent last.
    pub report: Option<Report>,
    /// What became of opening the debrief, once that was tried to the end.
    pub debrief: Option<Debriefing>,
    /// What carries the mark of the run's fault, where nobody can judge the run.
    pub marked: Option<Marked>,
    /// Since when it is tried to be opened.
    pub debrief_since: Option<Moment>,
    /// Whether what is seen counts: the intent is written down.
    pub counts: bool,
    /// When the cluster may be read again.
    pub pace: Pace,
}

/// What was seen of one run, and up to where it has been written down.
pub struct Lookout {
    signals: Mutex<(Signals, u64)>,
    /// The version of what was seen up to which everything that deserves it is in the run's status.
    pub persisted: watch::Sender<u64>,
    /// By which everything about the run is measured.
    pub clock: Clock,
    /// The plan, by which alerts are judged.
    pub plan: Option<Arc<Plan>>,
    /// Namespace and name of the run.
    pub run: (String, String),
}

impl Lookout {
    /// Begins with what was seen so far.
    #[must_use]
    pub fn new(
        signals: Signals,
        plan: Option<Arc<Plan>>,
        run: &ExperimentRun,
        clock: Clock,
    ) -> Self {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Self {
            signals: Mutex::new((signals, 0)),
            persisted: watch::Sender::new(0),
            clock,
            plan,
            run: (text(&run.metadata.namespace), text(&run.metadata.name)),
        }
    }

    /// By what alerts are judged; absent where the experiment is not valid.
    #[must_use]
    pub fn alert_filter<'a>(&'a self, labels: AlertLabels<'a>) -> Option<AlertFilter<'a>> {
        Some(AlertFilter { plan: self.plan.as_ref()?, namespace: &self.run.0, labels })
    }

    /// Changes what was seen and gives the version after that.
    pub fn see<T>(&self, change: impl FnOnce(&mut Signals) -> T) -> (T, u64) {
        let mut guard = lock(&self.signals);
        let (signals, version) = &mut *guard;
        *version += 1;
        (change(signals), *version)
    }

    /// Reads what was seen, with its version.
    pub fn read<T>(&self, read: impl FnOnce(&Signals) -> T) -> (T, u64) {
        let guard = lock(&self.signals);
        (read(&guard.0), guard.1)
    }
}

impl Registry {
    /// What is kept about the run with this UID.
    pub fn get(&self, uid: &str) -> Option<Arc<Entry>> {
        lock(&self.0).get(uid).cloned()
    }

    /// The plan of that spec; that of a run that is looked at and has the same, with all that is compiled of it.
    ///
    /// # Errors
    /// With every problem at once.
    pub fn plan(&self, spec: &ExperimentSpec) -> Result<Arc<Plan>, Vec<Problem>> {
        let known = lock(&self.0)
            .values()
            .filter_map(|entry| entry.lookout.plan.as_ref())
            .find(|plan| plan.spec == *spec)
            .cloned();
        known.map_or_else(|| Plan::parse(spec).map(Arc::new), Ok)
    }

    /// Begins to keep something about the run with this UID.
    pub fn insert(&self, uid: &str, lookout: Lookout, subject: Subject) -> Arc<Entry> {
        // One of the same name is gone: somebody has created this one anew.
        self.forget_named(&lookout.run.0, &lookout.run.1);
        let entry = Arc::new(Entry {
            lookout: Arc::new(lookout),
            subject,
            memory: tokio::sync::Mutex::default(),
            tasks: Mutex::default(),
        });
        lock(&self.0).insert(uid.to_owned(), entry.clone());
        entry
    }

    /// Forgets a run and ends its tasks.
    pub fn forget(&self, uid: &str) {
        lock(&self.0).remove(uid);
    }

    /// Forgets the run of that namespace and name, which is gone, and ends its tasks.
    pub fn forget_named(&self, namespace: &str, name: &str) {
        lock(&self.0).retain(|_, entry| {
            let (of_namespace, of_run) = &entry.lookout.run;
            (of_namespace.as_str(), of_run.as_str()) != (namespace, name)
        });
    }

    /// Forgets every run and ends all tasks.
    pub fn forget_all(&self) {
        lock(&self.0).clear();
    }

    /// Every run that is looked at.
    #[must_use]
    pub fn lookouts(&self) -> Vec<Arc<Lookout>> {
        lock(&self.0).values().map(|entry| entry.lookout.clone()).collect()
    }
}

impl Entry {
    /// Whether somebody can judge the run.
    #[must_use]
    pub const fn is_judgeable(&self) -> bool {
        !matches!(self.subject, Subject::Unjudgeable(_))
    }

    /// Ends its tasks; the run is over.
    pub fn stop_looking(&self) {
        lock(&self.tasks).iter().for_each(AbortHandle::abort);
    }

    /// Keeps a task that ends with the entry.
    pub fn keep(&self, task: AbortHandle) {
        lock(&self.tasks).push(task);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.stop_looking();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        api::run::ExperimentRunSpec,
        core::{guards::abort::tests::plan, signals::pods::tests::at},
    };

    #[tokio::test]
    async fn runs_of_the_same_spec_share_one_plan_for_as_long_as_one_of_them_is_looked_at() {
        let registry = Registry::default();
        let spec = plan(&json!({"abortOn": [r#"{a=~"b|c"}"#]})).spec;
        let open = |uid: &str, spec: &ExperimentSpec| {
            let run = ExperimentRun::new(uid, ExperimentRunSpec::of("e"));
            let plan = registry.plan(spec).unwrap();
            let signals = Signals::new(Some(spec), at(0.0));
            let lookout =
                Lookout::new(signals, Some(plan.clone()), &run, Clock::starting_at(at(0.0)));
            registry.insert(uid, lookout, Subject::Valid { plan: plan.clone(), generation: None });
            plan
        };
        let (one, same) = (open("1", &spec), open("2", &spec));
        assert!(Arc::ptr_eq(&one, &same));
        let other = ExperimentSpec { owner: "somebody else".into(), ..spec.clone() };
        assert!(!Arc::ptr_eq(&one, &open("3", &other)));
        registry.forget("1");
        assert!(Arc::ptr_eq(&one, &registry.plan(&spec).unwrap()));
        registry.forget_all();
        assert!(!Arc::ptr_eq(&one, &registry.plan(&spec).unwrap()));
    }
}
