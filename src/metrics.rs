//! What Prometheus is told, computed from runs and plans as they are watched whenever it asks: nothing is
//! counted in memory, so a restart loses nothing.

use std::fmt::Error;

use prometheus_client::{
    encoding::text,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::api::{ExperimentRun, GameDay, run::FactName};

/// The media type of [`print`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type PerNamespace = Family<[(&'static str, String); 1], Gauge>;
type PerPlan = Family<[(&'static str, String); 2], Gauge>;
type Belongs = fn(&ExperimentRun) -> bool;

/// Name, description, and which runs it counts.
const GAUGES: [(&str, &str, Belongs); 3] = [
    ("firedrill_runs_under_way", "Runs that were taken up and are not over", |run| {
        seen(run, FactName::Accepted) && !run.is_complete()
    }),
    ("firedrill_faults_in_place", "Runs whose fault was injected and is not reverted", |run| {
        seen(run, FactName::Injected) && !seen(run, FactName::Reverted)
    }),
    (
        "firedrill_reverts_failing",
        "Runs whose fault the API server does not let firedrill revert; each says why in its status",
        |run| {
            let status = run.status.as_ref();
            status.is_some_and(|status| status.revert_problem.is_some())
                && !seen(run, FactName::Reverted)
        },
    ),
];

fn seen(run: &ExperimentRun, fact: FactName) -> bool {
    run.status.as_ref().is_some_and(|status| status.fact(fact).is_some())
}

/// The gauges, by namespace and by plan, in the text format of `OpenMetrics`.
///
/// # Errors
/// When they cannot be written into the text.
pub fn print(runs: &[&ExperimentRun], plans: &[&GameDay]) -> Result<String, Error> {
    let mut registry = Registry::default();
    for (name, help, belongs) in GAUGES {
        let family = PerNamespace::default();
        for run in runs {
            let namespace = run.metadata.namespace.clone().unwrap_or_default();
            let gauge = family.get_or_create(&[("namespace", namespace)]);
            if belongs(run) {
                gauge.inc();
            }
        }
        registry.register(name, help, family);
    }
    let family = PerPlan::default();
    for plan in plans {
        let Some(next) = plan.status.as_ref().and_then(|status| status.next) else { continue };
        let name = |name: &Option<String>| name.clone().unwrap_or_default();
        let labels =
            [("namespace", name(&plan.metadata.namespace)), ("gameday", name(&plan.metadata.name))];
        family.get_or_create(&labels).set(next.timestamp().as_second());
    }
    let help =
        "When a GameDay fires next, in seconds since 1970; one that never fires is not there";
    registry.register("firedrill_gameday_next_fire_timestamp_seconds", help, family);
    let mut printed = String::new();
    text::encode(&mut printed, &registry)?;
    Ok(printed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(namespace: &str, facts: &[&str], problem: Option<&str>) -> ExperimentRun {
        let at = "2026-11-24T10:00:00.000000Z";
        let fact = |name: &&str| json!({"name": name, "at": at, "notBefore": at, "source": "api", "detail": ""});
        let facts: Vec<_> = facts.iter().map(fact).collect();
        serde_json::from_value(json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun",
            "metadata": {"name": "r", "namespace": namespace}, "spec": {"experiment": "e"},
            "status": {"facts": facts, "revertProblem": problem},
        }))
        .unwrap()
    }

    #[test]
    fn each_namespace_has_its_counts_and_a_quiet_one_has_zeros() {
        let runs = [
            run("shop", &["accepted", "journaled", "injected", "revertStarted"], Some("forbidden")),
            run("shop", &["accepted"], None),
            run("bank", &["accepted", "injected", "reverted", "completed"], Some("was forbidden")),
        ];
        let printed = print(&runs.each_ref(), &[]).unwrap();
        for line in [
            "firedrill_runs_under_way{namespace=\"shop\"} 2",
            "firedrill_faults_in_place{namespace=\"shop\"} 1",
            "firedrill_reverts_failing{namespace=\"shop\"} 1",
            "firedrill_reverts_failing{namespace=\"bank\"} 0",
        ] {
            assert!(printed.contains(line), "{line}\n{printed}");
        }
    }

    #[test]
    fn a_plan_tells_when_it_fires_next_and_nothing_where_it_does_not() {
        let plan = |name: &str, status| -> GameDay {
            serde_json::from_value(json!({
                "apiVersion": "firedrill.dev/v1alpha1", "kind": "GameDay",
                "metadata": {"name": name, "namespace": "shop"},
                "spec": {"schedule": "0 10 * * *", "steps": []}, "status": status,
            }))
            .unwrap()
        };
        let plans =
            [plan("monthly", json!({"next": "2026-12-01T10:00:00Z"})), plan("off", json!({}))];
        let printed = print(&[], &plans.each_ref()).unwrap();
        let told = printed.lines().filter(|line| line.starts_with("firedrill_gameday"));
        let expected = "firedrill_gameday_next_fire_timestamp_seconds{namespace=\"shop\",gameday=\"monthly\"} 1796119200";
        assert_eq!(told.collect::<Vec<_>>(), [expected]);
    }
}
