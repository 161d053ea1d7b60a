//! Runs with garbage in their status, and what becomes of them.

use std::time::Duration;

use firedrill::api::{ExperimentRun, names};
use futures::future::join_all;
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    runtime::wait::await_condition,
};
use serde_json::{Value, json};

use super::{HALF, Tally, marks, status, values::Dice};
use crate::support::{Ground, merge, spec};

/// So long a run may take to end by itself; what waits for a guard is deleted then.
const BY_ITSELF: Duration = Duration::from_secs(12);
/// So long a run may take to be let go once it is deleted.
const DELETED: Duration = Duration::from_secs(20);
/// So long it may take from when somebody takes its mark away: a revert is tried again after 30 s at the latest.
const FREED: Duration = Duration::from_secs(45);

/// A run, and what was written into its status.
pub struct Case {
    pub name: String,
    pub uid: String,
    written: Vec<(String, Value)>,
}

/// The faults of the runs.
pub fn faults() -> [Value; 3] {
    [
        json!({"podKill": {"count": 1}}),
        json!({"badRollout": {"image": "firedrill.invalid/none"}}),
        json!({"dependencyOutage": {"blackhole": {"service": "db"}}}),
    ]
}

/// An object as it is, whatever that says.
fn api(ground: &Ground) -> Api<DynamicObject> {
    let resource = ApiResource::erase::<ExperimentRun>(&());
    Api::namespaced_with(ground.client.clone(), &ground.namespace, &resource)
}

/// Makes so many more runs, which wait for an hour of a steady state, and writes into their status.
pub async fn plant(
    ground: &Ground,
    count: usize,
    dice: &mut Dice,
    tally: &mut Tally,
    cases: &mut Vec<Case>,
) {
    for _ in 0..count {
        let mut template = spec();
        let change = json!({
            "fault": dice.of(&faults()), "tolerates": true, "duration": "1s",
            "recovery": {"within": "2s"}, "detection": {"within": "2s"},
            "guards": {"steadyFor": "1h"},
        });
        template["fault"] = json!({});
        merge(&mut template, change);
        let body = json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun",
            "metadata": {"generateName": "garbage-", "finalizers": [names::FINALIZER]},
            "spec": {"experiment": "garbage", "startWithin": "2h", "template": template},
        });
        let run = serde_json::from_value(body).unwrap();
        let run = api(ground).create(&PostParams::default(), &run).await.unwrap();
        let known = status::known(cases.len() % HALF, &template);
        let fields = known.unwrap_or_else(|| status::fields(dice, &template));
        let mut written = Vec::new();
        for (field, value) in fields {
            let patch = Patch::Merge(json!({"status": {field.as_str(): value}}));
            let params =
                PatchParams { field_manager: Some("admin".to_owned()), ..PatchParams::default() };
            if api(ground).patch_status(&run.name_any(), &params, &patch).await.is_ok() {
                tally.taken += 1;
                written.push((field, value));
            } else {
                tally.refused += 1;
            }
        }
        cases.push(Case { name: run.name_any(), uid: run.uid().unwrap(), written });
    }
}

/// What is not as it must be at the end: every run is over and let go, or is so once it is deleted; one whose revert the
/// API server refuses says so, and is let go when somebody takes its mark away. `early` are the objects that were there
/// before the operator.
pub async fn end(ground: &Ground, cases: &[Case], early: &[marks::Case]) -> Vec<String> {
    let ends = cases.iter().map(|case| async move {
        let runs = api(ground);
        let over = |run: Option<&DynamicObject>| is_over(run);
        let problem = if becomes(&runs, case, BY_ITSELF, over).await {
            unjudged_and_armed(ground, case, early).await
        } else {
            None
        };
        runs.delete(&case.name, &DeleteParams::default()).await.ok();
        let gone = |run: Option<&DynamicObject>| run.is_none();
        if becomes(&runs, case, DELETED, gone).await {
            return problem;
        }
        let status =
            runs.get_opt(&case.name).await.ok().flatten().map(|run| run.data["status"].clone());
        let is_told = status.as_ref().is_some_and(|status| status["revertProblem"].is_string());
        if is_told {
            marks::take_away(ground, &case.uid).await;
        }
        if is_told && becomes(&runs, case, FREED, gone).await {
            return problem;
        }
        Some(format!("run {} is not let go: {:?}, as it is: {status:?}", case.name, case.written))
    });
    join_all(ends).await.into_iter().flatten().collect()
}

/// Whether the run becomes so in time.
async fn becomes(
    runs: &Api<DynamicObject>,
    case: &Case,
    within: Duration,
    is: impl Fn(Option<&DynamicObject>) -> bool,
) -> bool {
    let watched = await_condition(runs.clone(), &case.name, is);
    tokio::time::timeout(within, watched).await.is_ok_and(|watched| watched.is_ok())
}

fn is_over(run: Option<&DynamicObject>) -> bool {
    let Some(run) = run else { return true };
    let facts = run.data["status"]["facts"].as_array();
    let is_complete = facts.into_iter().flatten().any(|fact| fact["name"] == "completed");
    is_complete && !run.finalizers().iter().any(|name| name == names::FINALIZER)
}

/// A run that nobody could judge says that nothing carries its mark; whether something does that was there before.
async fn unjudged_and_armed(ground: &Ground, case: &Case, early: &[marks::Case]) -> Option<String> {
    let run = api(ground).get_opt(&case.name).await.ok()??;
    let summary = run.data["status"]["summary"].as_str().unwrap_or_default().to_owned();
    if !summary.starts_with("cannot be judged") {
        return None;
    }
    let mut armed = marks::armed(ground, &case.uid).await;
    armed.retain(|(kind, name)| early.iter().any(|case| case.is(*kind, name)));
    (!armed.is_empty()).then(|| format!("run {} says {summary}, but {armed:?} carry it", case.name))
}
