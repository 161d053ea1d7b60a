//! The simulated API server and the world behind it: a run, two pods, people, and calls on their way.

use firedrill::{
    api::{
        Duration, ExperimentRun, ExperimentRunSpec, Moment, names,
        run::{ExperimentRunStatus, FactName, TargetRef, Verdict, Workload},
    },
    core::{
        pods::Pod,
        world::{Lever, Namespace, Target, World},
    },
    faults::{Call, Outcome},
};
use rand::{RngExt, rngs::ChaCha8Rng};
use serde_json::json;

use super::Tally;

/// A bug that is planted in the way between the rules and the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The journal's write is acknowledged and lost.
    KillBeforeJournal,
    /// Evictions carry no UID and no version.
    DeleteWithoutPreconditions,
    /// The lever is read once and never again.
    CachedLever,
    /// The marks of a revert are not written.
    NoRevocation,
    /// The finalizer is never put on.
    ForgottenFinalizer,
    /// Status writes carry no version.
    UnfencedStatus,
}

/// Everything outside of the operators.
pub struct Server {
    pub now: Moment,
    start: Moment,
    pub run: Option<ExperimentRun>,
    version: u64,
    pub pods: Vec<Pod>,
    /// When a missing pod is replaced.
    replacements: Vec<Moment>,
    born: u64,
    warm_up: Duration,
    pub lever: bool,
    lever_since: Option<Moment>,
    stop_since: Option<Moment>,
    /// Calls that are still on their way.
    delayed: Vec<(Moment, Call)>,
    killed: Vec<String>,
    broken: Option<String>,
    pub plant: Option<Plant>,
    pub down_since: Option<Moment>,
    pub alert_after: Option<Duration>,
    last: Option<ExperimentRunStatus>,
    pub debriefs: u64,
}

const TICK: Duration = Duration::millis(200);

impl Server {
    pub fn new(random: &mut ChaCha8Rng, plant: Option<Plant>) -> Self {
        let start = Moment::from_unix_seconds(1_800_000_000.0).unwrap();
        let within = ["3s", "20s"][random.random_range(0..2)];
        let recovery = ["5s", "60s"][random.random_range(0..2)];
        let spec: ExperimentRunSpec = serde_json::from_value(json!({
            "experiment": "sim", "startWithin": "20s", "template": {
                "hypothesis": "h", "owner": "o", "target": {"deployment": "web"},
                "fault": {"podKill": {"count": 2}}, "duration": "30s",
                "steadyState": [{"name": "answers", "tcp": {"service": "web", "port": 80, "interval": "200ms"}}],
                "detection": {"within": within, "alerts": ["{alertname=\"Down\"}"]},
                "recovery": {"within": recovery, "stableFor": "2s"},
                "guards": {"minReady": 0, "steadyFor": "1s"}}}))
        .unwrap();
        let mut run = ExperimentRun::new("sim-1", spec);
        run.metadata.namespace = Some("shop".into());
        run.metadata.uid = Some(format!("run-{}", random.random::<u32>()));
        run.metadata.resource_version = Some("1".into());
        let mut server = Self {
            now: start,
            start,
            run: Some(run),
            version: 1,
            pods: Vec::new(),
            replacements: Vec::new(),
            born: 0,
            warm_up: Duration::millis(random.random_range(500..9000)),
            lever: false,
            lever_since: None,
            stop_since: None,
            delayed: Vec::new(),
            killed: Vec::new(),
            broken: None,
            plant,
            down_since: None,
            alert_after: random
                .random_bool(0.6)
                .then(|| Duration::millis(random.random_range(500..6000))),
            last: None,
            debriefs: 0,
        };
        server.birth();
        server.birth();
        server
    }

    pub fn seconds(&self) -> f64 {
        Duration::between(self.start, self.now).as_secs_f64()
    }

    fn birth(&mut self) {
        self.born += 1;
        self.version += 1;
        self.pods.push(Pod {
            name: format!("web-{}", self.born),
            uid: format!("pod-{}", self.born),
            resource_version: self.version.to_string(),
            node: None,
            ready: true,
            ready_since: None,
            ending: false,
            created_at: Some(self.now),
            owner: None,
            labels: std::collections::BTreeMap::new(),
        });
    }

    /// A fifth of a second passes: calls arrive, pods are replaced.
    pub fn advance(&mut self, random: &mut ChaCha8Rng) {
        self.now = self.now + TICK;
        let now = self.now;
        let (due, later) =
            std::mem::take(&mut self.delayed).into_iter().partition(|(at, _)| *at <= now);
        self.delayed = later;
        let due: Vec<(Moment, Call)> = due;
        for (_, call) in due {
            self.deliver(&call);
        }
        let ready = self.replacements.iter().filter(|at| **at <= now).count();
        self.replacements.retain(|at| *at > now);
        (0..ready).for_each(|_| self.birth());
        // Somebody else touches a pod now and then, which changes its version.
        if random.random_bool(0.005) && !self.pods.is_empty() {
            self.version += 1;
            let version = self.version.to_string();
            let index = random.random_range(0..self.pods.len());
            self.pods[index].resource_version = version;
        }
        let down = self.pods.is_empty();
        self.down_since = if down { self.down_since.or(Some(now)) } else { None };
    }

    pub fn disturb(&mut self, random: &mut ChaCha8Rng, tally: &mut Tally) {
        if random.random_bool(0.002) && !self.lever {
            self.lever = true;
            self.lever_since = Some(self.now);
            tally.count("lever");
        }
        let Some(run) = &mut self.run else { return };
        if random.random_bool(0.002) && !run.spec.stop {
            run.spec.stop = true;
            self.stop_since.get_or_insert(self.now);
            self.version += 1;
            run.metadata.resource_version = Some(self.version.to_string());
            tally.count("stopped");
        }
        if random.random_bool(0.001) && run.metadata.deletion_timestamp.is_none() {
            let time = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(self.now.timestamp());
            run.metadata.deletion_timestamp = Some(time);
            self.stop_since.get_or_insert(self.now);
            self.version += 1;
            run.metadata.resource_version = Some(self.version.to_string());
            tally.count("deleted");
            self.collect();
        }
    }

    /// An object that is being deleted goes with its last finalizer.
    fn collect(&mut self) {
        let gone = self.run.as_ref().is_some_and(|run| {
            run.metadata.deletion_timestamp.is_some()
                && run.metadata.finalizers.as_deref().unwrap_or_default().is_empty()
        });
        if gone {
            self.last = self.run.take().and_then(|run| run.status);
        }
    }

    /// What a live read would see.
    pub fn world(&self) -> World {
        World {
            read_at: self.now,
            target_read_at: self.now,
            rivals_read_at: self.now,
            lever: self.lever_seen(),
            namespace: Namespace::Found { enabled: true, protected: false, terminating: false },
            target: Target::Found {
                reference: TargetRef {
                    kind: "Deployment".into(),
                    name: "web".into(),
                    uid: "web".into(),
                    generation: Some(1),
                    ..TargetRef::default()
                },
                desired: 2,
                rollout: None,
            },
            pods: self.pods.clone(),
            workloads: vec![Workload {
                kind: "Deployment".into(),
                name: "web".into(),
                uid: "web".into(),
            }],
            budgets: Vec::new(),
            rivals: Vec::new(),
            scene: None,
        }
    }

    pub fn lever_seen(&self) -> Lever {
        if self.lever && self.plant != Some(Plant::CachedLever) {
            Lever::Engaged { by: "people".into(), reason: "enough".into() }
        } else {
            Lever::Open
        }
    }

    /// Writes the run when it is based on the present version.
    pub fn write(
        &mut self,
        base: &ExperimentRun,
        change: impl FnOnce(&mut ExperimentRun),
    ) -> Option<ExperimentRun> {
        let plant = self.plant;
        let run = self.run.as_mut().filter(|run| {
            run.metadata.resource_version == base.metadata.resource_version
                || plant == Some(Plant::UnfencedStatus)
        })?;
        let mut next = run.clone();
        change(&mut next);
        let facts = |run: &ExperimentRun| run.status.clone().unwrap_or_default().facts;
        let (old, new) = (facts(run), facts(&next));
        if let Some(fact) = old.iter().find(|fact| !new.contains(fact)) {
            let lost = || format!("the fact {:?} was changed or lost", fact.name);
            self.broken.get_or_insert_with(lost);
        }
        self.version += 1;
        next.metadata.resource_version = Some(self.version.to_string());
        if plant == Some(Plant::KillBeforeJournal)
            && new.len() > old.len()
            && new.last().is_some_and(|fact| fact.name == FactName::Journaled)
        {
            return Some(next);
        }
        *run = next.clone();
        self.collect();
        Some(next)
    }

    /// Sends one call: it may be lost on the way there or back, come late, or come twice.
    pub fn send(
        &mut self,
        request: &Call,
        random: &mut ChaCha8Rng,
        calm: bool,
        tally: &mut Tally,
    ) -> Outcome {
        if calm {
            return self.deliver(request);
        }
        match random.random_range(0..100) {
            0..6 => {
                tally.count("call lost before");
                Outcome::Unknown("lost".into())
            }
            6..12 => {
                tally.count("call lost after");
                self.deliver(request);
                Outcome::Unknown("lost".into())
            }
            12..20 => {
                tally.count("call delayed");
                let late = Duration::millis(random.random_range(1000..15_000));
                self.delayed.push((self.now + late, request.clone()));
                Outcome::Unknown("late".into())
            }
            20..26 => {
                tally.count("call repeated");
                let late = Duration::millis(random.random_range(1000..15_000));
                self.delayed.push((self.now + late, request.clone()));
                self.deliver(request)
            }
            _ => self.deliver(request),
        }
    }

    fn deliver(&mut self, call: &Call) -> Outcome {
        match call {
            Call::EvictPod(pod) | Call::DeletePod(pod) => {
                let fenced = self.plant != Some(Plant::DeleteWithoutPreconditions);
                let found = if fenced {
                    self.pods.iter().position(|found| found.name == pod.name)
                } else {
                    (!self.pods.is_empty()).then_some(0)
                };
                let Some(index) = found else {
                    return Outcome::Gone;
                };
                if fenced && self.pods[index].uid != pod.uid {
                    return Outcome::Gone;
                }
                if fenced && self.pods[index].resource_version != pod.resource_version {
                    return Outcome::Changed;
                }
                self.kill(index);
                Outcome::Accepted
            }
            Call::MarkPod { uid, mark, .. } => {
                if self.plant == Some(Plant::NoRevocation) {
                    return Outcome::Accepted;
                }
                self.version += 1;
                let version = self.version.to_string();
                match self.pods.iter_mut().find(|pod| pod.uid == *uid) {
                    Some(pod) => {
                        pod.labels.insert(names::FAULT.to_owned(), mark.clone());
                        pod.resource_version = version;
                        Outcome::Accepted
                    }
                    None => Outcome::Gone,
                }
            }
        }
    }

    /// A pod is killed: the promises about harm are judged here, by the world and not by the run.
    fn kill(&mut self, index: usize) {
        let pod = self.pods.remove(index);
        self.replacements.push(self.now + self.warm_up);
        let journal = self
            .run
            .as_ref()
            .map(|run| run.status.clone().unwrap_or_default())
            .or_else(|| self.last.clone());
        let status = journal.unwrap_or_default();
        let victims = status.plan.as_ref().map(|plan| plan.victims.clone()).unwrap_or_default();
        let mut broken = |what: String| {
            self.broken.get_or_insert(what);
        };
        if !victims.iter().any(|victim| victim.uid == pod.uid) {
            broken(format!("{} was killed and is in no journal", pod.uid));
        }
        if status.fact(FactName::Reverted).is_some() {
            broken(format!("{} was killed after the run was reverted", pod.uid));
        }
        if self
            .run
            .as_ref()
            .is_none_or(|run| run.metadata.finalizers.as_deref().unwrap_or_default().is_empty())
        {
            broken(format!("{} was killed while nothing held the run", pod.uid));
        }
        let sent_before = status.fact(FactName::Injected).is_some()
            || self.delayed.iter().any(|(_, call)| call.uid() == pod.uid);
        let late = |since: Option<Moment>| {
            since.is_some_and(|since| Duration::between(since, self.now) > Duration::seconds(20))
        };
        if !sent_before && (late(self.lever_since) || late(self.stop_since)) {
            broken(format!("{} was killed long after everything was to stop", pod.uid));
        }
        if self.lever_since.is_some_and(|since| {
            status.fact(FactName::Journaled).is_some_and(|fact| fact.at > since + TICK)
        }) {
            broken(format!("{} was journaled and killed after the lever was engaged", pod.uid));
        }
        self.killed.push(pod.uid);
        if self.killed.len() > 2 {
            broken("a third pod was killed, two were asked for".to_owned());
        }
    }

    pub fn promises(&self) -> Result<(), String> {
        match &self.broken {
            Some(broken) => Err(format!("after {:.1}s {broken}", self.seconds())),
            None => Ok(()),
        }
    }

    pub fn is_over(&self) -> bool {
        let settled = self.delayed.is_empty() && self.replacements.is_empty();
        settled
            && self.run.as_ref().is_none_or(|run| {
                run.is_complete()
                    && run.metadata.finalizers.as_deref().unwrap_or_default().is_empty()
            })
    }

    /// The verdict of a run that ended as it must.
    pub fn over(&self) -> Result<Verdict, String> {
        if !self.is_over() {
            let facts =
                self.run.as_ref().and_then(|run| run.status.clone()).unwrap_or_default().facts;
            let names: Vec<_> = facts.iter().map(|fact| fact.name).collect();
            return Err(format!("the run did not end; it has {names:?}"));
        }
        let status =
            self.run.as_ref().and_then(|run| run.status.clone()).or_else(|| self.last.clone());
        // A run that was deleted before anybody looked has no status, and nothing was broken.
        let verdict = status.unwrap_or_default().verdict;
        Ok(verdict.unwrap_or(Verdict::Aborted))
    }
}
