//! The gate `PassedBefore`: which run of the namespace before this one counts.

use std::collections::BTreeMap;

use super::*;
use crate::core::plan::fault_hash;

/// A run of `x` in the namespace before this one, over that many hours before the first second, with this over it.
fn earlier(name: &str, hours: f64, change: &Value) -> ExperimentRun {
    let over = at(-3600.0 * hours).to_string();
    let mut run = json!({
        "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun",
        "metadata": {"name": name, "namespace": "shop-staging"},
        "spec": {"experiment": "x"},
        "status": {
            "plan": {"experiment": {"generation": 1, "specHash": "s", "faultHash": fault_hash(&spec())}},
            "facts": [{"name": "completed", "at": over, "notBefore": over, "source": "operator"}],
            "verdict": "Passed",
        },
    });
    for (pointer, value) in change.as_object().unwrap() {
        let (folder, key) = pointer.rsplit_once('/').unwrap();
        run.pointer_mut(folder).unwrap()[key] = value.clone();
    }
    serde_json::from_value(run).unwrap()
}

/// What the gate says for step `one` where these runs are there.
fn said(within: &str, runs: &[ExperimentRun]) -> (bool, String) {
    let mut known = Earlier::of("x", &spec());
    for run in runs {
        known.add(run);
    }
    let runs = [("x".to_owned(), Ok(known))].into();
    answer(within, Some(Predecessor { namespace: "shop-staging".to_owned(), runs }))
}

fn answer(within: &str, predecessor: Option<Predecessor>) -> (bool, String) {
    let mut world = World::new(&json!({"goNoGo": {"passedBefore": {"within": within}}}));
    world.record();
    world.open_gates();
    world.gates.as_mut().unwrap().predecessor = predecessor;
    world.record();
    let status = world.day.status.as_ref().unwrap();
    let gates = status.gates.iter().filter(|gate| gate.name == Gate::PassedBefore);
    let gates: Vec<_> = gates.collect();
    assert_eq!(gates.iter().map(|gate| &*gate.step).collect::<Vec<_>>(), ["one", "two"]);
    let expected = (!gates[0].passed).then_some(DayReason::PassedBefore);
    assert_eq!(status.reason, expected, "it is not waited for");
    (gates[0].passed, gates[0].detail.clone())
}

#[test]
fn a_run_of_the_same_experiment_and_fault_that_passed_in_time_opens_the_gate() {
    let end = |hours: f64| at(-3600.0 * hours);
    let remedy = "firedrill run x -n shop-staging";
    let none = format!(
        "no run of Experiment x has passed in namespace shop-staging; those of a file do not count; {remedy}"
    );
    let same = json!({});
    let other_fault = json!({"/status/plan/experiment/faultHash": "0123456789abcdef"});
    for (what, runs, passed, words) in [
        ("no run", vec![], false, none.clone()),
        (
            "in time",
            vec![earlier("a", 335.0, &same)],
            true,
            format!("run a passed with this fault in namespace shop-staging at {}", end(335.0)),
        ),
        (
            "the last one counts",
            vec![earlier("b", 3.0, &same), earlier("a", 400.0, &same), earlier("c", 5.0, &same)],
            true,
            format!("run b passed with this fault in namespace shop-staging at {}", end(3.0)),
        ),
        (
            "too long ago",
            vec![earlier("a", 337.0, &same)],
            false,
            format!(
                "run a passed with this fault in namespace shop-staging at {}, more than 336h ago; {remedy}",
                end(337.0)
            ),
        ),
        (
            "another verdict",
            vec![
                earlier("a", 3.0, &json!({"/status/verdict": "ObjectiveMissed"})),
                earlier("b", 2.0, &json!({"/status/verdict": "Inconclusive"})),
            ],
            false,
            format!(
                "no run of Experiment x has passed with this fault in namespace shop-staging; the last one, b, ended \
                 with Inconclusive; {remedy}"
            ),
        ),
        (
            "another fault",
            vec![earlier("a", 3.0, &other_fault)],
            false,
            format!(
                "Experiment x has another target or fault in namespace shop-staging, where run a passed; make it the \
                 same there, then: {remedy}"
            ),
        ),
        (
            "a label alone",
            vec![earlier("a", 3.0, &json!({"/spec/experiment": "y"}))],
            false,
            none.clone(),
        ),
        (
            "a file",
            vec![earlier("a", 3.0, &json!({"/spec/template": spec()}))],
            false,
            none.clone(),
        ),
        ("a dry run", vec![earlier("a", 3.0, &json!({"/spec/dryRun": true}))], false, none.clone()),
        ("not over", vec![earlier("a", 3.0, &json!({"/status/facts": []}))], false, none.clone()),
        ("nothing planned", vec![earlier("a", 3.0, &json!({"/status/plan": {}}))], false, none),
    ] {
        assert_eq!(said("336h", &runs), (passed, words), "{what}");
    }
}

#[test]
fn where_nothing_can_be_compared_the_gate_is_closed_with_a_remedy() {
    let words = "namespace shop has no predecessor in the operator's configuration; let its administrator add it there, \
                 as in `predecessors: {shop: NAMESPACE}`, or leave out spec.goNoGo.passedBefore";
    assert_eq!(answer("1h", None), (false, words.to_owned()));
    let of = |runs| Some(Predecessor { namespace: "shop-staging".to_owned(), runs });
    let refused = [("x".to_owned(), Err("refused".to_owned()))].into();
    let words = "the runs of Experiment x in namespace shop-staging cannot be listed: refused";
    assert_eq!(answer("1h", of(refused)), (false, words.to_owned()));
    let words =
        "Experiment x of this namespace was not read, so that nothing can be compared with it";
    assert_eq!(answer("1h", of(BTreeMap::new())), (false, words.to_owned()));
}

#[test]
fn where_it_is_not_asked_for_the_gate_is_open_and_says_so() {
    let world = World::gone(&json!({}));
    let gates = &world.day.status.as_ref().unwrap().gates;
    let found: Vec<_> = gates.iter().filter(|gate| gate.name == Gate::PassedBefore).collect();
    assert_eq!((found.len(), found[0].passed), (1, true));
    assert_eq!((found[0].step.as_str(), found[0].detail.as_str()), ("", "not asked for"));
}
