//! When a run is over, in one line each.

use serde_json::json;

use super::{
    tests::{INJECTED, ended, image, journaled, killed, rollout, within},
    *,
};
use crate::{
    api::{mark::Mark, run::Journal},
    core::{decide::tests, signals::pods::tests::at, words},
};

/// When a kill that is injected at 10 is over by these facts and samples, with 5s to be back, proven by 2s; its pods
/// are whole again from then on, if ever.
fn over_at(
    fault: &serde_json::Value,
    facts: &[(FactName, f64)],
    samples: &str,
    whole: Option<f64>,
) -> Option<String> {
    let mut plan = within(5);
    plan.spec.fault = serde_json::from_value(json!({ "podKill": fault })).unwrap();
    let facts = [&INJECTED[..3], facts].concat();
    let status =
        journaled(&plan, Journal { deadline: Some(at(30.0)), ..Journal::default() }, &facts);
    let mut signals = killed(&plan, samples, whole.unwrap_or(11.0));
    if whole.is_none() {
        signals.pods.remove("uid-2", at(11.0));
    }
    let mut instants = (0..400).map(|tenths| 11.0 + f64::from(tenths) / 10.0);
    let over = instants.find(|&now| ended(&plan, status.clone(), &signals, now).is_some())?;
    Some(format!("{over:.1}"))
}

#[test]
#[rustfmt::skip]
fn a_kill_is_over_when_it_is_proven_back_or_when_that_is_too_late() {
    let once = json!({"count": 1});
    let again = json!({"count": 1, "every": "1m"});
    let impact = &[(FactName::ImpactStarted, 11.0)][..];
    for (fault, facts, samples, whole, over) in [
        // One sample after the first good one; the target is a probe too, so that its pods may be the last.
        (&once, impact, "----+++++", Some(14.5), "19.1"),
        (&once, impact, "-++++++++++", Some(17.0), "21.0"),
        // Twice the time allowed, whether the probes or the pods are not as before.
        (&once, impact, "-----------", Some(14.5), "20.0"),
        (&once, impact, "-++++++++++", None, "20.0"),
        // Without an impact the pods alone are waited for, and once only.
        (&once, &[], "+++++++", Some(14.5), "16.5"),
        (&once, &[], "+++++++", None, "15.0"),
        // A sample that is under way then may be the first that fails.
        (&once, &[], "++++++", Some(14.5), "22.6"),
        // One that repeats lasts for its duration.
        (&again, impact, "----++++++++++++++++", Some(14.5), "30.0"),
        (&again, &[], "++++++++++++++++++++", Some(14.5), "30.0"),
    ] {
        let told = format!("{fault} {facts:?} {samples} {whole:?}");
        assert_eq!(over_at(fault, facts, samples, whole).as_deref(), Some(over), "{told}");
    }
}

/// When a rollout that is injected at 10 and may last until 44 is first reverted or over, and with which cause, where
/// its samples fail until then and are good from then on.
fn next_at(seconds: u64, counts: bool, facts: &[(FactName, f64)], good: usize) -> Option<String> {
    let mut plan = rollout();
    plan.spec.recovery.within = Duration::seconds(seconds);
    plan.spec.recovery.count_fault_ended = counts;
    let (cluster, journal) = image("bad", &Mark::armed("run", 1), "firedrill");
    let seen = [&INJECTED[..3], &[(FactName::EffectObserved, 10.1)], facts].concat();
    let mut status = journaled(&plan, journal, &seen);
    let known = status.fact(FactName::RevertStarted).is_some();
    let samples = "-".repeat(good - 11) + &"+".repeat(120 - good);
    let signals = killed(&plan, &samples, 14.5);
    for now in (0..800).map(|tenths| 11.0 + f64::from(tenths) / 10.0) {
        let cluster = ClusterState { read_at: at(now), target_read_at: at(now), ..cluster.clone() };
        while let Decision::Record(next) =
            tests::decided(&plan, Some(status.clone()), Some(&cluster), &signals, now)
        {
            status = *next;
            let revert = status.fact(FactName::RevertStarted).filter(|_| !known);
            let over =
                revert.map(words::said).or_else(|| status.reason.map(|reason| reason.to_string()));
            if let Some(cause) = over {
                return Some(format!("{now:.1} {cause}"));
            }
        }
    }
    None
}

#[test]
#[rustfmt::skip]
fn a_change_of_fields_is_reverted_at_its_deadline_and_measured_on() {
    let impact = &[(FactName::ImpactStarted, 11.0)][..];
    let reverted = &[(FactName::ImpactStarted, 11.0), (FactName::RevertStarted, 44.0), (FactName::Reverted, 44.5)][..];
    for (seconds, counts, facts, good, next) in [
        // However soon it should have been back, and although the probes are good: the template is not as it was.
        (5, false, impact, 100, "44.0 Duration"),
        (60, false, impact, 100, "44.0 Duration"),
        (60, false, impact, 20, "44.0 Duration"),
        // Without an impact there is nothing to measure on.
        (60, false, &[], 11, "44.0 Ended"),
        // Back after the revert, or once more the time allowed, twice where what ends with the fault counts.
        (5, false, reverted, 47, "51.1 RecoveryMissed"),
        (5, false, reverted, 100, "49.5 StillBroken"),
        (5, true, reverted, 100, "54.5 StillBroken"),
    ] {
        let told = format!("{seconds} {counts} {facts:?} {good}");
        assert_eq!(next_at(seconds, counts, facts, good).as_deref(), Some(next), "{told}");
    }
}
