//! What is run in a case: an experiment, the workload under it, and the verdict that it must have.

use std::time::Duration;

use k8s_openapi::api::{apps::v1::Deployment, networking::v1::NetworkPolicy};
use kube::core::ApiResource;
use serde_json::{Value, json};

/// An experiment whose verdict nothing but the fault decides, by a wide margin.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: &'static str,
    /// The Experiment's spec; its target is the Deployment `web` behind the Service `web`.
    pub spec: Value,
    /// Seconds until a new pod of the workload is ready.
    pub warm_up: u32,
    /// Verdict and reason of an undisturbed run.
    pub verdict: (&'static str, &'static str),
    /// What the fault changes; absent for one that takes pods away.
    pub changed: Option<Changed>,
}

/// A field that a fault changes, and that must be restored.
#[derive(Clone, Debug)]
pub struct Changed {
    pub kind: ApiResource,
    pub name: &'static str,
    /// Where the field is.
    pub field: &'static str,
    /// What the fault makes of it.
    pub faulty: Value,
    /// What somebody may make of it meanwhile: neither that nor what it was.
    pub mended: Value,
    /// Whether the object is the fault's own, and so is not there before.
    pub is_created: bool,
}

impl Changed {
    /// Whether an object of that name is broken, by its field alone.
    pub fn is_faulty(&self, object: &Value) -> bool {
        object.is_object() && object.pointer(self.field).unwrap_or(&Value::Null) == &self.faulty
    }

    /// As a snapshot calls the object.
    pub fn called(&self) -> String {
        format!("{} {}", self.kind.kind, self.name)
    }
}

impl Scenario {
    /// Whether the outcome of a run that has broken something, or has not, opens a debrief.
    pub fn opens_debrief(verdict: &str, reason: &str, has_struck: bool) -> bool {
        match verdict {
            "ObjectiveMissed" | "NotRecovered" => true,
            "Aborted" => reason == "Guard" && has_struck,
            _ => false,
        }
    }

    /// How long the fault lasts.
    pub fn duration(&self) -> Duration {
        let seconds = self.spec["duration"].as_str().and_then(|text| text.strip_suffix('s'));
        Duration::from_secs(seconds.unwrap().parse().unwrap())
    }

    /// The same with a fault that is due soon, for cases in which nobody waits for the verdict.
    pub fn hurried(&self) -> Self {
        let mut hurried = self.clone();
        hurried.spec["duration"] = json!("8s");
        hurried.spec["recovery"]["within"] = json!("15s");
        hurried
    }
}

/// Every scenario that the matrix is run for.
pub fn all() -> Vec<Scenario> {
    vec![pod_kill(), bad_rollout(), scale_to_zero(), egress()]
}

/// What the steps of game days run: both pods are evicted and back within seconds.
pub fn quick() -> Scenario {
    let mut spec = spec(&json!({"podKill": {"count": 2}}), "/index.html");
    spec["detection"]["within"] = json!("30s");
    Scenario {
        name: "quick",
        spec,
        warm_up: 1,
        verdict: ("Passed", "ObjectivesMet"),
        changed: None,
    }
}

/// What a debrief is about: both pods are evicted, on simulated nodes, and those that replace them are ready too late,
/// until that is mended.
pub fn slow_start() -> Scenario {
    let mut spec = spec(&json!({"podKill": {"count": 2}}), "/index.html");
    let tcp = json!({"service": "web", "port": 80, "interval": "200ms", "timeout": "1s"});
    spec["steadyState"] = json!([{"name": "answers", "tcp": tcp}]);
    spec["detection"]["within"] = json!("40s");
    spec["recovery"]["within"] = json!("9s");
    Scenario {
        name: "slowStart",
        spec,
        warm_up: 13,
        verdict: ("ObjectiveMissed", "RecoveryMissed"),
        changed: None,
    }
}

/// Both pods are evicted; nobody notices within a second, and the outage lasts many.
fn pod_kill() -> Scenario {
    Scenario {
        name: "podKill",
        spec: spec(&json!({"podKill": {"count": 2}}), "/index.html"),
        warm_up: 8,
        verdict: ("ObjectiveMissed", "DetectionMissed"),
        changed: None,
    }
}

/// All pods are replaced by ones that cannot start.
fn bad_rollout() -> Scenario {
    let image = "firedrill.invalid/none";
    Scenario {
        name: "image",
        spec: spec(&json!({"badRollout": {"image": image}}), "/index.html"),
        warm_up: 0,
        verdict: ("ObjectiveMissed", "DetectionAndRecoveryMissed"),
        changed: Some(Changed {
            kind: ApiResource::erase::<Deployment>(&()),
            name: "web",
            field: "/spec/template/spec/containers/0/image",
            faulty: json!(image),
            mended: json!("registry.local/pause:3.10"),
            is_created: false,
        }),
    }
}

/// The dependency has no pods.
fn scale_to_zero() -> Scenario {
    let fault = json!({"dependencyOutage": {"scaleToZero": {"deployment": "db"}}});
    Scenario {
        name: "scale",
        spec: spec(&fault, "/cgi-bin/db"),
        warm_up: 0,
        verdict: ("ObjectiveMissed", "DetectionAndRecoveryMissed"),
        changed: Some(Changed {
            kind: ApiResource::erase::<Deployment>(&()),
            name: "db",
            field: "/spec/replicas",
            faulty: json!(0),
            mended: json!(2),
            is_created: false,
        }),
    }
}

/// A policy keeps the target from its dependency.
fn egress() -> Scenario {
    let outage = json!({"egress": {"service": "db"}, "observe": probe("/cgi-bin/db")});
    Scenario {
        name: "egress",
        spec: spec(&json!({"dependencyOutage": outage}), "/cgi-bin/db"),
        warm_up: 0,
        verdict: ("ObjectiveMissed", "DetectionAndRecoveryMissed"),
        changed: Some(Changed {
            kind: ApiResource::erase::<NetworkPolicy>(&()),
            name: "firedrill-deployment-web",
            field: "/spec/podSelector/matchLabels/firedrill.dev~1inert",
            faulty: Value::Null,
            mended: json!("mended"),
            is_created: true,
        }),
    }
}

fn probe(path: &str) -> Value {
    // A busy machine answers slowly, and that is no impact.
    let http = json!({
        "service": "web", "port": 80, "path": path, "interval": "500ms", "timeout": "3s",
    });
    json!({"name": "answers", "http": http})
}

fn spec(fault: &Value, path: &str) -> Value {
    json!({
        "hypothesis": "Losing the service is noticed at once.",
        "owner": "team-web",
        "target": {"deployment": "web"},
        "fault": fault,
        "duration": if fault["podKill"].is_null() { "15s" } else { "60s" },
        "steadyState": [probe(path)],
        "detection": {"within": "1s", "alerts": ["{alertname=\"NeverFires\"}"]},
        "recovery": {"within": "2m", "stableFor": "1s"},
        "guards": {"minReady": 0, "steadyFor": "1s"},
    })
}
