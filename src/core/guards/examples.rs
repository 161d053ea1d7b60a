//! What each guard says: one case per line, on the way from a run that nothing stands in the way of.

use serde_json::{Value, json};

use super::*;
use crate::{
    api::mark::Mark,
    core::{
        alerts::tests::PROMETHEUS,
        cluster::{
            Budget, Changeable, FaultReads, Lever,
            tests::{fault_reads, healthy},
        },
        guards::abort::tests::{alert, alert_filter, plan, sample},
        plan::Plan,
        signals::{
            pods::tests::{at, pod},
            series::Series,
        },
    },
    faults::{Kind, Object},
};

/// One of two pods is to be evicted; the probe has been good for twelve seconds.
struct Case {
    plan: Plan,
    config: Config,
    protected: bool,
    cluster: ClusterState,
    signals: Signals,
}

/// What the guard says of the run after that change: that it may break something, or why not.
#[track_caller]
fn check(guard: Guard, change: impl FnOnce(&mut Case), says: Result<&str, &str>) {
    let plan = plan(&json!({}));
    let mut signals = Signals::new(Some(&plan.spec), at(0.0));
    sample(&mut signals, 0.0, "+++++++++++++");
    let (config, cluster) = (Config::default(), healthy());
    let mut case = Case { plan, config, protected: false, cluster, signals };
    change(&mut case);
    let (results, _) = judge(&GuardInput {
        now: at(13.0),
        uid: "run",
        alert_filter: alert_filter(&case.plan),
        config: &case.config,
        inside: true,
        protected: case.protected,
        cluster: &case.cluster,
        signals: &case.signals,
        round: 1,
    });
    let result = results.iter().find(|result| result.name == guard).unwrap();
    let said = if result.passed { Ok(&*result.detail) } else { Err(&*result.detail) };
    assert_eq!(said, says);
}

/// The fault of the plan, as people write it.
fn fault(case: &mut Case, fault: &Value) {
    case.plan.spec.fault = serde_json::from_value(fault.clone()).unwrap();
}

fn kill(case: &mut Case, parameters: &Value) {
    fault(case, &json!({ "podKill": parameters }));
}

/// A fault that changes fields, on a target that carries this mark.
fn rollout(case: &mut Case, mark: Option<&Mark>) {
    fault(case, &json!({"badRollout": {"image": "bad"}}));
    let label = mark.map(Mark::to_string);
    let value = json!({
        "metadata": {"uid": "u", "labels": {"firedrill.dev/fault": label}},
        "spec": {
            "replicas": 2, "strategy": {"type": "RollingUpdate"},
            "template": {"spec": {"containers": [{"name": "web", "image": "good"}]}},
        },
    });
    let object = Changeable::Found(Object { kind: Kind::Deployment, value });
    case.cluster.fault_reads =
        Some(FaultReads { object, reaper_seen: Some(at(0.0)), ..fault_reads() });
}

fn rival(case: &mut Case, name: &str, workload: &str) {
    case.cluster.rivals.push(Rival {
        name: name.to_owned(),
        uid: name.to_owned(),
        injected: true,
        workloads: vec![workload.to_owned()],
    });
}

fn own(case: &mut Case, workload: &str) {
    let (kind, name) = ("Deployment".to_owned(), "web".to_owned());
    case.cluster.workloads =
        vec![crate::api::run::Workload { kind, name, uid: workload.to_owned() }];
}

/// A budget that protects both pods.
fn budget(case: &mut Case, allowed: i32) {
    let pods = vec!["uid-0".to_owned(), "uid-1".to_owned()];
    case.cluster.budgets = Ok(vec![Budget { name: "web".to_owned(), allowed, pods }]);
}

const fn namespace(enabled: bool, protected: bool, terminating: bool) -> Namespace {
    Namespace::Found { enabled, protected, terminating }
}

fn refused() -> String {
    "refused".to_owned()
}

#[test]
fn nothing_stands_in_the_way_of_the_run_that_the_cases_begin_with() {
    let all = [
        (Guard::Enabled, "namespace opted in"),
        (Guard::NotProtected, "namespace not protected"),
        (Guard::Lever, "lever not engaged"),
        (Guard::Caps, "1 of at most 10 pods, 1m of at most 1h"),
        (Guard::TargetFound, "deployment/web has 2 pods"),
        (Guard::ServicesFound, "0 of 1 probes have a Service with their port"),
        (Guard::MinReady, "leaves 1 ready pods of at least 1"),
        (Guard::MaxUnavailable, "1 of 2 pods unavailable, no limit set"),
        (Guard::DisruptionBudget, "the API server asks the disruption budgets at the eviction"),
        (Guard::NoRollout, "no rollout under way"),
        (Guard::Steady, "steady for 10s"),
        (Guard::AlertsQuiet, "no alert source is configured to be asked"),
        (Guard::TargetFree, "no other run has this target"),
        (Guard::Concurrency, "0 other runs under way of at most 20"),
    ];
    for (guard, says) in all {
        check(guard, |_| {}, Ok(says));
    }
}

#[test]
#[rustfmt::skip]
fn whether_the_namespace_allows_it() {
    let is = |namespace| move |case: &mut Case| case.cluster.namespace = namespace;
    check(Guard::Enabled, is(namespace(false, false, false)), Err("namespace shop has not opted in: firedrill enable shop"));
    check(Guard::Enabled, |case| { is(namespace(false, false, false))(case); case.config.opt_in = false; }, Ok("namespace opted in"));
    check(Guard::Enabled, is(namespace(true, false, true)), Err("namespace shop is being deleted"));
    check(Guard::Enabled, is(Namespace::Unreadable(refused())), Err("namespace shop cannot be read: refused"));
    check(Guard::NotProtected, is(namespace(true, true, false)), Err("the namespace carries firedrill.dev/protected=true"));
    check(Guard::NotProtected, |case| case.protected = true, Err("the operator's configuration protects the namespace"));
}

#[test]
#[rustfmt::skip]
fn a_lever_that_is_engaged_or_that_nobody_can_read_stops_everything() {
    let engaged = Lever::Engaged { by: "ann".to_owned(), reason: "incident".to_owned() };
    let is = |lever| move |case: &mut Case| case.cluster.lever = lever;
    check(Guard::Lever, is(engaged), Err("engaged by ann: incident; firedrill resume releases it"));
    check(Guard::Lever, is(Lever::Unreadable(refused())), Err("unreadable, which counts as engaged: refused; firedrill resume releases it"));
}

#[test]
#[rustfmt::skip]
fn caps_refuse_and_never_clamp() {
    check(Guard::Caps, |case| { case.config.caps.count = 1; kill(case, &json!({"count": 2})); }, Err("2 pods, the operator allows 1 (caps.count)"));
    check(Guard::Caps, |case| { case.config.caps.percent = 50; kill(case, &json!({"percent": 60})); }, Err("60%, the operator allows 50% (caps.percent)"));
    check(Guard::Caps, |case| { case.config.caps.percent = 50; kill(case, &json!({"percent": 50})); }, Ok("1 of at most 10 pods, 1m of at most 1h"));
    check(Guard::Caps, |case| case.config.caps.duration = Duration::seconds(59), Err("1m, the operator allows 59s (caps.duration)"));
    let probes = |intervals: &'static [u64], allowed| move |case: &mut Case| {
        case.config.caps.probes_per_second = allowed;
        case.signals.probes = intervals.iter().map(|millis| Series::new("p", Duration::millis(*millis), Duration::seconds(1), 1)).collect();
    };
    check(Guard::Caps, probes(&[100; 8], 80), Ok("1 of at most 10 pods, 1m of at most 1h"));
    check(Guard::Caps, probes(&[100; 8], 79), Err("its probes send 80 requests a second, the operator allows 79 in a namespace (caps.probesPerSecond): lengthen their interval"));
    check(Guard::Caps, probes(&[100, 3000], 10), Err("its probes send 10.4 requests a second, the operator allows 10 in a namespace (caps.probesPerSecond): lengthen their interval"));
    check(Guard::Caps, probes(&[60_000], 0), Err("its probes send 0.1 requests a second, the operator allows 0 in a namespace (caps.probesPerSecond): lengthen their interval"));
    check(Guard::Caps, probes(&[], 0), Ok("1 of at most 10 pods, 1m of at most 1h"));
}

#[test]
#[rustfmt::skip]
fn the_target_must_be_there_with_the_pods_that_are_to_be_taken() {
    check(Guard::TargetFound, |case| case.cluster.target = Target::Missing, Err("there is no deployment/web in namespace shop"));
    check(Guard::TargetFound, |case| case.cluster.target = Target::Unreadable(refused()), Err("deployment/web cannot be read: refused"));
    check(Guard::TargetFound, |case| case.cluster.pods.clear(), Err("deployment/web has no running pods"));
    check(Guard::TargetFound, |case| case.cluster.pods.iter_mut().for_each(|pod| pod.ending = true), Err("deployment/web has no running pods"));
    check(Guard::TargetFound, |case| kill(case, &json!({"count": 3})), Err("3 pods are to be taken, deployment/web has 2"));
    check(Guard::TargetFound, |case| kill(case, &json!({"percent": 49})), Err("the percentage of 2 pods rounds down to 0; choose a larger one or a count"));
    let gone = |case: &mut Case| { rollout(case, None); case.cluster.fault_reads = Some(fault_reads()); };
    check(Guard::TargetFound, gone, Err("there is no deployment web in this namespace"));
}

#[test]
#[rustfmt::skip]
fn enough_pods_must_be_left() {
    let both = |case: &mut Case| kill(case, &json!({"count": 2}));
    check(Guard::MinReady, both, Err("needs 1, would leave 0. Set guards.minReady: 0 to allow it"));
    check(Guard::MinReady, |case| { both(case); case.plan.spec.guards.min_ready = 0; }, Ok("leaves 0 ready pods of at least 0"));
    let limit = |limit: IntOrString| move |case: &mut Case| case.plan.spec.guards.max_unavailable = Some(limit);
    check(Guard::MaxUnavailable, limit(IntOrString::Int(0)), Err("allows 0 of 2 pods to be unavailable, 1 would be"));
    check(Guard::MaxUnavailable, limit(IntOrString::Int(1)), Ok("1 of 2 pods unavailable, at most 1"));
    check(Guard::MaxUnavailable, limit(IntOrString::String("49%".to_owned())), Err("allows 0 of 2 pods to be unavailable, 1 would be"));
    check(Guard::MaxUnavailable, limit(IntOrString::String("50%".to_owned())), Ok("1 of 2 pods unavailable, at most 1"));
    // A pod that is not ready is unavailable already.
    let sick = |case: &mut Case| case.cluster.pods = vec![pod(0, false), pod(1, false)];
    check(Guard::MinReady, sick, Err("needs 1, would leave 0. Set guards.minReady: 0 to allow it"));
}

#[test]
#[rustfmt::skip]
fn disruption_budgets_are_asked_beforehand_for_evictions() {
    check(Guard::DisruptionBudget, |case| budget(case, 0), Err("budget web allows 0 evictions now, 1 are needed"));
    check(Guard::DisruptionBudget, |case| budget(case, 1), Ok("1 disruption budgets allow it"));
    check(Guard::DisruptionBudget, |case| { budget(case, 1); kill(case, &json!({"count": 2})); }, Err("budget web allows 1 evictions now, 2 are needed"));
    check(Guard::DisruptionBudget, |case| kill(case, &json!({"count": 2})), Ok("no disruption budget protects the target"));
    check(Guard::DisruptionBudget, |case| { budget(case, 0); kill(case, &json!({"count": 1, "method": "Delete"})); }, Ok("method Delete asks no disruption budget"));
    check(Guard::DisruptionBudget, |case| { budget(case, 0); rollout(case, None); }, Ok("a change of fields asks no disruption budget"));
    check(Guard::DisruptionBudget, |case| case.cluster.budgets = Err(refused()), Err("the disruption budgets cannot be listed: refused"));
}

#[test]
#[rustfmt::skip]
fn nobody_else_may_be_at_the_target() {
    let rolling = |case: &mut Case| if let Target::Found { rollout, .. } = &mut case.cluster.target { *rollout = Some("1 of 2 pods are updated".to_owned()) };
    check(Guard::NoRollout, rolling, Err("1 of 2 pods are updated"));
    check(Guard::TargetFree, |case| { own(case, "w"); rival(case, "other", "w"); }, Err("run other has the same target"));
    check(Guard::TargetFree, |case| { own(case, "w"); rival(case, "other", "v"); }, Ok("no other run has this target"));
    check(Guard::TargetFree, |case| { own(case, "w"); rival(case, "run", "w"); }, Ok("no other run has this target"));
    check(Guard::TargetFree, |case| rollout(case, Some(&Mark::armed("other", 1))), Err("the run with UID other has changed the same object"));
    check(Guard::TargetFree, |case| rollout(case, Some(&Mark::revoked("other", 1))), Ok("no other run has this target"));
    let limit = |case: &mut Case| case.config.caps.concurrency = 1;
    check(Guard::Concurrency, |case| { limit(case); rival(case, "other", "v"); }, Err("1 runs are under way, the operator allows 1 (caps.concurrency)"));
    check(Guard::Concurrency, |case| { limit(case); rival(case, "run", "w"); }, Ok("0 other runs under way of at most 1"));
    check(Guard::Concurrency, |case| case.signals.withheld = Some("no room".to_owned()), Err("no room"));
}

#[test]
#[rustfmt::skip]
fn the_steady_state_must_have_held_until_now() {
    let fresh = |case: &mut Case| case.signals = Signals::new(Some(&case.plan.spec), at(0.0));
    check(Guard::Steady, fresh, Err("probe answers has not answered yet"));
    check(Guard::Steady, |case| { fresh(case); sample(&mut case.signals, 8.0, "-+++++"); }, Err("probe answers good for 3.9s of 10s"));
    check(Guard::Steady, |case| sample(&mut case.signals, 13.0, "-"), Err("probe answers fails: HTTP 503"));
    check(Guard::Steady, |case| { fresh(case); sample(&mut case.signals, 0.0, "++"); }, Err("probe answers has stopped answering"));
    check(Guard::Steady, |case| case.cluster.pods[0].ready = false, Err("1 of 2 pods are ready"));
    check(Guard::Steady, |case| { fresh(case); case.plan.spec.guards.steady_for = Duration::ZERO; }, Ok("steady for 0s"));
    check(Guard::ServicesFound, |case| case.signals.probes[0].unreachable = Some("there is no Service web".to_owned()), Err("probe answers: there is no Service web"));
}

#[test]
#[rustfmt::skip]
fn an_alert_that_counts_must_not_be_on_already() {
    let on = |name: &'static str, fired| move |case: &mut Case| case.signals.alerts.report(alert(PROMETHEUS, name, fired));
    check(Guard::AlertsQuiet, on("Expected", Some(1.0)), Err("Expected is already firing"));
    check(Guard::AlertsQuiet, on("Expected", None), Err("Expected is already pending"));
    check(Guard::AlertsQuiet, on("Other", Some(1.0)), Ok("no alert source is configured to be asked"));
}

#[test]
#[rustfmt::skip]
fn a_fault_that_must_be_reverted_needs_a_reaper() {
    let seen = |seen: Option<f64>, read: f64| move |case: &mut Case| {
        rollout(case, None);
        case.cluster.read_at = at(read);
        case.cluster.fault_reads.as_mut().unwrap().reaper_seen = seen.map(at);
    };
    check(Guard::Reaper, seen(Some(0.0), 30.0), Ok("a reaper lives that would end the fault if the operator could not"));
    check(Guard::Reaper, seen(Some(0.0), 30.1), Err("the reaper was last seen 30.1s ago: start one with `firedrill reaper`; the chart installs it"));
    check(Guard::Reaper, seen(None, 30.0), Err("no reaper was ever seen here: start one with `firedrill reaper`; the chart installs it"));
}

#[test]
fn what_no_waiting_opens_is_told_before_what_time_may_open() {
    let result = |name, passed| GuardResult { name, passed, detail: String::new() };
    let closed = |results: &[GuardResult]| first_closed(results).map(|result| result.name);
    let (steady, caps) = (result(Guard::Steady, false), result(Guard::Caps, false));
    assert_eq!(closed(&[result(Guard::Enabled, true)]), None);
    assert_eq!(closed(&[result(Guard::Enabled, true), steady.clone()]), Some(Guard::Steady));
    assert_eq!(closed(&[steady, caps]), Some(Guard::Caps));
}
