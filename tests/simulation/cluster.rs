//! The rest of the cluster: it replaces pods that end, makes new ones ready, counts budgets and
//! evaluates one alerting rule.

use firedrill::api::names;
use rand::RngExt;
use serde_json::{Value, json};

use super::{call::Call, plant::Plant, server::is_ending, store::Key, world::World};

/// How this world's cluster is.
#[derive(Clone, Debug)]
pub struct Nature {
    /// `Deployment` or `StatefulSet`.
    pub kind: &'static str,
    /// Milliseconds from a pod's creation until it is ready.
    pub warm_up: u64,
    /// Milliseconds from the end's beginning until a pod is gone.
    pub grace: u64,
    /// How many pods the disruption budget wants to stay, if there is one.
    pub budget: Option<usize>,
    /// Milliseconds that the condition must be true until the alert fires, if it ever does.
    pub alert_after: Option<u64>,
}

impl Nature {
    pub fn of(random: &mut impl RngExt) -> Self {
        let stateful = random.random_bool(0.25);
        Self {
            kind: if stateful { "StatefulSet" } else { "Deployment" },
            warm_up: random.random_range(500..9000),
            grace: random.random_range(20..2500),
            budget: random.random_bool(0.2).then(|| random.random_range(0..2)),
            alert_after: random.random_bool(0.6).then(|| random.random_range(500..6000)),
        }
    }

    /// The target's field in an experiment.
    pub fn target(&self) -> &'static str {
        if self.kind == "StatefulSet" { "statefulSet" } else { "deployment" }
    }
}

/// How many pods the target has.
pub const REPLICAS: usize = 2;
/// Every so many milliseconds the rule is evaluated.
pub const EVALUATED_EVERY: u64 = 1000;

impl World {
    /// Sets up the namespace, the target and its pods.
    pub fn furnish(&mut self) {
        let labels = json!({names::ENABLED: "true"});
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"labels": labels}});
        self.bear(&Key::namespace(), namespace);
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {},
            "spec": {"clusterIP": "10.0.0.1", "selector": {"app": "web"}, "ports": [{"port": 80}]}});
        self.bear(&Key::new("services", "shop", "web"), service);
        self.install("web", REPLICAS);
        self.count_budget();
    }

    /// Sets up a workload of that name and its pods.
    pub fn install(&mut self, app: &str, replicas: usize) {
        let workload = json!({"apiVersion": "apps/v1", "kind": self.nature.kind, "metadata": {"uid": app},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": app}}, "serviceName": app,
                "template": {"metadata": {"labels": {"app": app}}, "spec": {"containers": [{"name": app}]}}},
            "status": {"observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas,
                "currentRevision": "1", "updateRevision": "1"}});
        let resource = format!("{}s.apps", self.nature.kind.to_lowercase());
        self.bear(&Key::new(&resource, "shop", app), workload);
        (0..replicas).for_each(|ordinal| self.start_pod(app, ordinal, true));
    }

    fn start_pod(&mut self, app: &str, ordinal: usize, ready: bool) {
        self.pods_born += 1;
        let stateful = self.nature.kind == "StatefulSet";
        let name = format!("{app}-{}", if stateful { ordinal } else { self.pods_born });
        let owner = if stateful { "StatefulSet" } else { "ReplicaSet" };
        let owner_name = if stateful { app.to_owned() } else { format!("{app}-abc") };
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"uid": format!("pod-{}", self.pods_born),
                "labels": {"app": app, "pod-template-hash": "abc"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": owner, "name": owner_name,
                    "uid": app, "controller": true}]},
            "spec": {"nodeName": "node", "containers": [{"name": app}]},
            "status": {"phase": "Running", "conditions": []}});
        let key = Key::new("pods", "shop", &name);
        self.bear(&key, pod);
        if ready {
            self.make_ready(&key);
        } else {
            let rank = self.dice.number(("ready", self.pods_born));
            self.after(self.nature.warm_up, rank, move |world| world.make_ready(&key));
        }
    }

    fn make_ready(&mut self, key: &Key) {
        let second = self.second();
        self.change(key, |pod| {
            if !is_ending(pod) {
                pod["status"]["conditions"] =
                    json!([{"type": "Ready", "status": "True", "lastTransitionTime": second}]);
            }
        });
        self.count_pods();
    }

    /// A call ends a pod.
    pub fn kill(&mut self, call: &Call) {
        let mut key = call.key.clone();
        if self.plant == Some(Plant::SecondVictim) && call.caller.life > 0 {
            let pods = self.store.list("pods", "shop");
            let other =
                pods.into_iter().find(|(other, pod)| **other != key && !is_ending(&pod.value));
            key = other.map_or(key, |(other, _)| other.clone());
        }
        let Some(pod) = self.store.get(&key).filter(|pod| !is_ending(pod)) else { return };
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        self.judge_kill(call, &uid);
        self.tally.count("pod killed");
        self.end_pod(&key);
    }

    /// A pod begins to end; the cluster replaces it.
    pub fn end_pod(&mut self, key: &Key) {
        let second = self.second();
        self.change(key, |pod| pod["metadata"]["deletionTimestamp"] = json!(second));
        self.count_pods();
        let ordinal = key.name.rsplit('-').next().and_then(|number| number.parse().ok());
        let ordinal = ordinal.unwrap_or_default();
        let rank = self.dice.number(("end", key));
        let stateful = self.nature.kind == "StatefulSet";
        let app = self.store.get(key).map(app).unwrap_or_default().to_owned();
        let key = key.clone();
        if !stateful {
            let app = app.clone();
            self.after(20, rank, move |world| world.start_pod(&app, ordinal, false));
        }
        self.after(self.nature.grace, rank, move |world| {
            world.remove(&key);
            if stateful {
                world.start_pod(&app, ordinal, false);
            }
        });
    }

    fn ready_pods(&self) -> usize {
        let pods = self.store.list("pods", "shop");
        let of_web = pods.into_iter().filter(|(_, pod)| app(&pod.value) == "web");
        of_web.filter(|(_, pod)| is_ready(&pod.value)).count()
    }

    /// Whether users of the service are served.
    pub fn is_serving(&self) -> bool {
        self.ready_pods() > 0
    }

    pub fn pod(&self, uid: &str) -> Option<&Value> {
        let pods = self.store.list("pods", "shop");
        let found = pods.into_iter().find(|(_, pod)| pod.value["metadata"]["uid"] == uid);
        found.map(|(_, pod)| &*pod.value)
    }

    /// Notes whether the service is up, and what the budget allows now.
    fn count_pods(&mut self) {
        let (now, up) = (self.millis(), self.is_serving());
        if self.service.last().is_none_or(|(_, before)| *before != up) {
            self.service.push((now, up));
        }
        self.count_budget();
    }

    fn count_budget(&mut self) {
        let Some(wanted) = self.nature.budget else { return };
        let allowed = self.ready_pods().saturating_sub(wanted);
        let key = Key::new("poddisruptionbudgets.policy", "shop", "web");
        if self.store.get(&key).is_none() {
            let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {},
                "spec": {"selector": {"matchLabels": {"app": "web"}}}});
            self.bear(&key, budget);
        }
        self.change(&key, |budget| {
            budget["status"] = json!({"disruptionsAllowed": allowed, "currentHealthy": 0,
                "desiredHealthy": wanted, "expectedPods": REPLICAS});
        });
    }

    /// The words in which the budget refuses, if it does.
    pub fn budget_refusal(&self, pod: &Value) -> Option<String> {
        let (wanted, ready) =
            (self.nature.budget.filter(|_| app(pod) == "web")?, self.ready_pods());
        (is_ready(pod) && ready <= wanted).then(|| {
            format!(
                "The disruption budget web needs {wanted} healthy pods and has {ready} currently"
            )
        })
    }

    /// When the rule was evaluated, and whether the alert was pending or firing, up to `now`.
    pub fn evaluations(&self, from: u64, now: u64) -> Vec<(u64, u64, bool)> {
        let Some(after) = self.nature.alert_after else { return Vec::new() };
        let mut active = None;
        let mut seen = Vec::new();
        for at in (0..=now).step_by(usize::try_from(EVALUATED_EVERY).unwrap_or(1)) {
            let up = self.service.iter().rev().find(|(since, _)| *since <= at);
            let down = up.is_some_and(|(_, up)| !up);
            active = if down { active.or(Some(at)) } else { None };
            if let Some(since) = active.filter(|_| at >= from) {
                seen.push((at, since, at >= since + after));
            }
        }
        seen
    }
}

/// The workload that a pod belongs to.
pub fn app(pod: &Value) -> &str {
    pod["metadata"]["labels"]["app"].as_str().unwrap_or_default()
}

fn is_ready(pod: &Value) -> bool {
    !is_ending(pod) && pod["status"]["conditions"][0]["status"] == "True"
}
