//! What is run in a case: an experiment, the workload under it, and the verdict that it must have.

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
}

impl Scenario {
    /// Whether the verdict opens a debrief.
    pub fn opens_debrief(&self) -> bool {
        matches!(self.verdict.0, "ObjectiveMissed" | "NotRecovered")
    }
}

/// Every scenario that the matrix is run for.
pub fn all() -> Vec<Scenario> {
    vec![pod_kill()]
}

/// Both pods are evicted; nobody notices within a second, and the outage lasts many.
fn pod_kill() -> Scenario {
    Scenario {
        name: "podKill",
        spec: spec(&json!({"podKill": {"count": 2}})),
        warm_up: 8,
        verdict: ("ObjectiveMissed", "DetectionMissed"),
    }
}

fn spec(fault: &Value) -> Value {
    let probe = json!({
        "service": "web", "port": 80, "path": "/index.html",
        // A busy machine answers slowly, and that is no impact.
        "interval": "500ms", "timeout": "2s",
    });
    json!({
        "hypothesis": "Losing the service is noticed at once.",
        "owner": "team-web",
        "target": {"deployment": "web"},
        "fault": fault,
        "duration": "1m",
        "steadyState": [{"name": "answers", "http": probe}],
        "detection": {"within": "1s", "alerts": ["{alertname=\"NeverFires\"}"]},
        "recovery": {"within": "2m", "stableFor": "1s"},
        "guards": {"minReady": 0, "steadyFor": "1s"},
    })
}
