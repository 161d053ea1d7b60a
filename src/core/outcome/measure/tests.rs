//! Which facts give which answers, one case per line; instants are in seconds after the injection.

use serde_json::json;

use crate::{
    api::{
        experiment::{DetectionFrom, DetectionUntil},
        run::{Gap, Impact, Unobserved},
    },
    core::{guards::abort::tests::plan, outcome::measure::*, signals::pods::tests::at},
};
use Answer::{Inconclusive, No, NotExercised, Yes};
use FactName::{
    ConditionTrue, Firing, ImpactStarted, Injected, Mitigated, Notified, Recovered, Reverted,
};

/// A fact with the last instant known false and the first one known true.
type Seen = (FactName, f64, f64);

const IMPACT: Seen = (ImpactStarted, 0.5, 1.0);

/// A run that allows 20s to notice and 30s to be back.
fn run(seen: &[Seen]) -> (ExperimentSpec, ExperimentRunStatus) {
    let mut spec = plan(&json!({})).spec;
    (spec.detection.within, spec.recovery.within) = (Duration::seconds(20), Duration::seconds(30));
    let fact = |&(name, from, to): &Seen| Span::new(at(from), at(to)).fact(name, "prometheus", "");
    let facts = [(Injected, 0.0, 0.0)].iter().chain(seen).map(fact).collect();
    (spec, ExperimentRunStatus { facts, ..ExperimentRunStatus::default() })
}

/// What is known of it where an alert source told of the whole time, which was a minute.
fn basis<'a>(spec: &'a ExperimentSpec, status: &'a ExperimentRunStatus) -> Basis<'a> {
    let (alert, also_fired) = (None, Vec::new());
    Basis {
        spec,
        status,
        covered: true,
        watched_until: at(60.0),
        end_unseen: false,
        alert,
        also_fired,
    }
}

/// Nobody looked from then to then.
fn unseen(from: f64, to: f64) -> Impact {
    let gap = Gap { from: at(from), to: at(to), of: Unobserved::Probes };
    Impact { gaps: vec![gap], ..Impact::default() }
}

#[test]
fn a_limit_inside_the_bounds_is_inconclusive() {
    let took = |min, max| Took { min: Duration::seconds(min), max: Duration::seconds(max) };
    let limit = Duration::seconds(20);
    assert_eq!(within(took(10, 20), limit), Yes);
    assert_eq!(within(took(21, 22), limit), No);
    assert_eq!(within(took(20, 21), limit), Inconclusive);
}

#[test]
fn a_headline_is_never_shorter_than_the_measurement() {
    assert_eq!(tenths(Duration::micros(35_000_001)).to_string(), "35.1s");
    assert_eq!(tenths(Duration::seconds(35)).to_string(), "35s");
    assert_eq!(whole_tenths(Duration::micros(35_099_999)).to_string(), "35s");
}

#[test]
fn whether_it_was_noticed_in_time() {
    let cases: &[(&[Seen], Answer, Option<Reason>)] = &[
        (&[IMPACT, (Firing, 9.0, 10.0)], Yes, None),
        (&[IMPACT, (Firing, 19.0, 20.0)], Yes, None),
        (&[IMPACT, (Firing, 19.0, 20.5)], Inconclusive, Some(Reason::WithinError)),
        (&[IMPACT, (Firing, 21.0, 22.0)], No, None),
        (&[IMPACT], No, None),
        // Without an impact there was nothing to notice; an alert may still be faster than any probe.
        (&[], NotExercised, None),
        (&[(Firing, 9.0, 10.0)], Yes, None),
        (&[(Firing, 21.0, 22.0)], NotExercised, None),
        // Over before the objective, nobody had to notice.
        (&[IMPACT, (Mitigated, 14.0, 15.0)], NotExercised, None),
        (&[IMPACT, (Mitigated, 14.0, 15.0), (Firing, 9.0, 10.0)], Yes, None),
        (&[IMPACT, (Mitigated, 14.0, 15.0), (Firing, 21.0, 22.0)], NotExercised, None),
        (&[IMPACT, (Mitigated, 19.0, 21.0)], Inconclusive, Some(Reason::WithinError)),
        (&[IMPACT, (Mitigated, 21.0, 22.0)], No, None),
    ];
    for (seen, answer, reason) in cases {
        let (spec, status) = run(seen);
        let (result, why) = detection(&basis(&spec, &status));
        assert_eq!((result.answer, why), (*answer, *reason), "{seen:?}");
    }
}

#[test]
fn silence_is_a_miss_only_where_somebody_would_have_told() {
    let (silence, late): (&[Seen], &[Seen]) = (&[IMPACT], &[IMPACT, (Firing, 21.0, 22.0)]);
    for (seen, covered, watched, answer, reason) in [
        (silence, true, 60.0, No, None),
        (silence, true, 20.0, No, None),
        (silence, true, 19.9, Inconclusive, Some(Reason::ObservationGap)),
        (silence, false, 60.0, Inconclusive, Some(Reason::SourceLost)),
        // What was told is told, whoever else was silent.
        (late, false, 60.0, No, None),
    ] {
        let (spec, status) = run(seen);
        let basis = Basis { covered, watched_until: at(watched), ..basis(&spec, &status) };
        let (result, why) = detection(&basis);
        assert_eq!((result.answer, why), (answer, reason), "{seen:?} {covered} {watched}");
    }
}

#[test]
fn an_end_of_the_impact_that_nobody_saw_leaves_it_open_whether_anybody_had_to_notice() {
    let (spec, mut status) = run(&[IMPACT, (Mitigated, 15.0, 25.0)]);
    status.impact = Some(unseen(16.0, 24.0));
    let (result, why) = detection(&basis(&spec, &status));
    assert_eq!((result.answer, why), (Inconclusive, Some(Reason::ObservationGap)));
}

#[test]
fn the_clock_runs_from_and_until_what_the_experiment_names() {
    let seen = [(ImpactStarted, 5.0, 6.0), (Firing, 24.0, 25.0), (Notified, 27.0, 28.0)];
    for (from, until, answer, took, needed) in [
        (DetectionFrom::Injection, DetectionUntil::Firing, No, "24s 25s", (0.0, 20.0)),
        (DetectionFrom::Impact, DetectionUntil::Firing, Yes, "18s 20s", (0.0, 26.0)),
        (DetectionFrom::Injection, DetectionUntil::Notified, No, "27s 28s", (0.0, 20.0)),
        (DetectionFrom::Impact, DetectionUntil::Notified, No, "21s 23s", (0.0, 26.0)),
    ] {
        let (mut spec, status) = run(&seen);
        (spec.detection.from, spec.detection.until) = (from, until);
        let result = detection(&basis(&spec, &status)).0;
        let bounds = result.took.map(|took| format!("{} {}", took.min, took.max));
        assert_eq!((result.answer, bounds.as_deref()), (answer, Some(took)), "{from:?} {until:?}");
        // The time in which silence counts.
        assert_eq!(window(&spec, &status), Some((at(needed.0), at(needed.1))), "{from:?}");
    }
    let (mut spec, status) = run(&[(Firing, 9.0, 10.0)]);
    spec.detection.from = DetectionFrom::Impact;
    assert_eq!(window(&spec, &status), None, "a clock that never started");
    assert_eq!(detection(&basis(&spec, &status)).0.answer, NotExercised);
}

#[test]
fn how_fast_it_was_noticed_and_back_in_classes() {
    for (second, detected, recovered) in [
        (30.0, DetectionTier::Within30s, RecoveryTier::Within1m),
        (30.1, DetectionTier::Within5m, RecoveryTier::Within1m),
        (60.1, DetectionTier::Within5m, RecoveryTier::Within10m),
        (300.0, DetectionTier::Within5m, RecoveryTier::Within10m),
        (300.1, DetectionTier::Over5m, RecoveryTier::Within10m),
        (600.1, DetectionTier::Over5m, RecoveryTier::Within1h),
        (3600.1, DetectionTier::Over5m, RecoveryTier::Over1h),
    ] {
        let (spec, status) = run(&[IMPACT, (Firing, 1.0, second), (Recovered, 1.0, second)]);
        let basis = basis(&spec, &status);
        let tiers = (detection(&basis).0.tier, recovery(&basis, None).0.tier);
        assert_eq!(tiers, (detected, recovered), "{second}");
    }
    let (spec, status) = run(&[IMPACT]);
    let basis = basis(&spec, &status);
    let tiers = (detection(&basis).0.tier, recovery(&basis, None).0.tier);
    assert_eq!(tiers, (DetectionTier::None, RecoveryTier::None));
}

#[test]
fn the_alerts_instants_count_from_the_injection_and_its_name_stands_in_the_fact() {
    let seen = [IMPACT, (ConditionTrue, 4.0, 5.0), (Firing, 9.0, 10.0), (Notified, 10.0, 11.5)];
    let (spec, mut status) = run(&seen);
    status.facts[3].labels = [("alertname".to_owned(), "Down".to_owned())].into();
    let result = detection(&basis(&spec, &status)).0;
    let chain = result.chain.unwrap();
    let after = [chain.condition_true, chain.firing, chain.notified].map(Option::unwrap);
    assert_eq!(after.map(|after| after.to_string()), ["5s", "10s", "11.5s"]);
    let alert = result.alert.unwrap();
    assert_eq!((alert.labels["alertname"].as_str(), alert.source.as_str()), ("Down", "prometheus"));
}

/// Facts, what brought it back, `countFaultEnded`, the answer and the reason of a doubt.
type Case<'a> = (&'a [Seen], Option<RecoveredBy>, bool, Answer, Option<Reason>);

#[test]
fn whether_it_was_back_in_time() {
    use RecoveredBy::{Automatic, FaultEnded, Rollback};
    let in_time: &[Seen] = &[IMPACT, (Recovered, 28.0, 29.0)];
    let doubtful: &[Seen] = &[IMPACT, (Recovered, 29.0, 31.0)];
    let late: &[Seen] = &[IMPACT, (Recovered, 31.0, 32.0)];
    let soon_ended: &[Seen] = &[IMPACT, (Reverted, 5.0, 5.0), (Recovered, 9.0, 10.0)];
    let late_ended: &[Seen] = &[IMPACT, (Reverted, 40.0, 40.0), (Recovered, 50.0, 51.0)];
    let cases: &[Case] = &[
        (in_time, Some(Automatic), false, Yes, None),
        (in_time, Some(Rollback), false, Yes, None),
        (in_time, None, false, Yes, None),
        (doubtful, Some(Automatic), false, Inconclusive, Some(Reason::WithinError)),
        (late, Some(Automatic), false, No, None),
        (&[IMPACT], None, false, No, None),
        (&[], None, false, NotExercised, None),
        // What ends with the fault is no recovery, however soon; where it counts, it is timed from the revert.
        (soon_ended, Some(FaultEnded), false, No, None),
        (late_ended, Some(FaultEnded), false, No, None),
        (late_ended, Some(FaultEnded), true, Yes, None),
        (late_ended, Some(Automatic), true, No, None),
    ];
    for (seen, by, count_fault_ended, answer, reason) in cases {
        let (mut spec, status) = run(seen);
        spec.recovery.count_fault_ended = *count_fault_ended;
        let attributed =
            Attribution { by: *by, evidence: String::new(), may_be_fault_ended: false };
        let (result, why) = recovery(&basis(&spec, &status), Some(attributed));
        let told = format!("{seen:?} {by:?} {count_fault_ended}");
        assert_eq!((result.answer, why), (*answer, *reason), "{told}");
        assert_eq!((result.by, result.automatic), (*by, *by == Some(Automatic)), "{told}");
    }
}

#[test]
fn a_revert_that_nobody_saw_leaves_open_what_depends_on_it() {
    for (seen, count_fault_ended, answer) in [
        // Back in time, unless it was the end of the fault that brought it back.
        ((Recovered, 10.0, 20.0), false, Inconclusive),
        // Too late, unless that is timed from the revert.
        ((Recovered, 35.0, 45.0), true, Inconclusive),
        ((Recovered, 35.0, 45.0), false, No),
        ((Recovered, 10.0, 20.0), true, Yes),
    ] {
        let (mut spec, status) = run(&[IMPACT, seen]);
        spec.recovery.count_fault_ended = count_fault_ended;
        let attributed =
            Attribution { by: None, evidence: String::new(), may_be_fault_ended: true };
        let (result, why) = recovery(&basis(&spec, &status), Some(attributed));
        let reason = (answer == Inconclusive).then_some(Reason::ObservationGap);
        assert_eq!((result.answer, why), (answer, reason), "{seen:?} {count_fault_ended}");
    }
}

#[test]
fn the_headline_has_both_bounds_only_where_nobody_looked_in_between() {
    for (gap, headline, reason) in [
        (None, "32.1s", Reason::WithinError),
        (Some(unseen(25.0, 30.5)), "29.9s to 32.1s", Reason::ObservationGap),
        (Some(unseen(20.0, 29.9)), "32.1s", Reason::WithinError),
    ] {
        let (spec, mut status) = run(&[IMPACT, (Recovered, 29.95, 32.03)]);
        status.impact = gap;
        let (result, why) = recovery(&basis(&spec, &status), None);
        assert_eq!((result.headline.as_str(), why), (headline, Some(reason)));
    }
    let (spec, status) = run(&[IMPACT]);
    let basis = basis(&spec, &status);
    let headlines = (detection(&basis).0.headline, recovery(&basis, None).0.headline);
    assert_eq!(headlines, ("No".to_owned(), "No".to_owned()));
}
