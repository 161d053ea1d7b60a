//! When a debrief opens, what it is called, and what a repeat adds to it.

use firedrill::{
    api::{
        Debrief, DebriefStatus, Experiment, ExperimentRun, ExperimentStatus, conditions,
        debrief::{Objective, Severity, Stage, condition},
    },
    debrief::{self, Opening, decide, is_outdated},
};
use serde_json::{Value, json};

use super::runs::{
    concluded, lead_up, moment, never_noticed, not_tolerated, opened, opening, slow_alert, with,
    without,
};

fn open(run: &ExperimentRun) -> Option<Debrief> {
    opened(run)
}

fn holds(status: &DebriefStatus, condition: &str) -> bool {
    conditions::get(&status.conditions, condition).unwrap().status == "True"
}

#[test]
fn only_a_missed_objective_opens_one() {
    for (verdict, opens) in [
        ("ObjectiveMissed", true),
        ("NotRecovered", true),
        ("Passed", false),
        ("Aborted", false),
        ("Error", false),
    ] {
        let run = with(&slow_alert(), &[("/status/verdict", json!(verdict))]);
        assert_eq!(open(&run).is_some(), opens, "{verdict}");
        assert_eq!(debrief::fingerprint(&run).is_some(), opens, "{verdict}");
    }
    assert_eq!(open(&without(&slow_alert(), &["injected"])), None);
    assert_eq!(open(&with(&slow_alert(), &[("/status", Value::Null)])), None);
}

#[test]
fn it_says_what_was_missed_and_how_bad_that_is() {
    for (run, missed, severity, stage) in [
        (slow_alert(), vec![Objective::Detection], Severity::Minor, Stage::AwaitingDebrief),
        (
            never_noticed(),
            vec![Objective::Detection, Objective::Recovery],
            Severity::Major,
            Stage::AwaitingResolution,
        ),
        (not_tolerated(), vec![Objective::Tolerance], Severity::Minor, Stage::AwaitingDebrief),
        (
            with(&slow_alert(), &[("/status/recovery/answer", json!("No"))]),
            vec![Objective::Detection, Objective::Recovery],
            Severity::Moderate,
            Stage::AwaitingDebrief,
        ),
    ] {
        let debrief = open(&run).unwrap();
        let status = debrief.status.unwrap();
        assert_eq!(debrief.spec.evidence.unwrap().missed, missed);
        assert_eq!(debrief.spec.severity, severity);
        assert_eq!(status.stage, Some(stage));
        assert_eq!(holds(&status, condition::RESOLVED), stage == Stage::AwaitingDebrief);
        assert_eq!(status.window.is_some(), stage == Stage::AwaitingDebrief);
    }
}

#[test]
fn the_meeting_lies_one_to_three_days_after_the_resolution() {
    let window = open(&slow_alert()).unwrap().status.unwrap().window.unwrap();
    assert_eq!(window.not_before, moment("2026-11-25T10:41:12.920Z"));
    assert_eq!(window.not_after, moment("2026-11-27T10:41:12.920Z"));
}

#[test]
fn it_is_found_by_its_labels_and_outlives_its_run() {
    let debrief = open(&slow_alert()).unwrap();
    let labels = debrief.metadata.labels.unwrap();
    let labels: Vec<_> =
        labels.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
    assert_eq!(
        labels,
        [
            ("debrief", "true"),
            ("firedrill.dev/experiment", "slow-alert"),
            ("firedrill.dev/run", "slow-alert-8h2kx"),
        ]
    );
    assert_eq!(debrief.metadata.owner_references, None);
    assert_eq!(debrief.metadata.namespace.as_deref(), Some("shop"));
}

#[test]
fn the_same_miss_has_the_same_name_and_another_miss_has_another() {
    let numbered = |changes: &[(&str, Value)], number| {
        let run = with(&slow_alert(), changes);
        let debrief = debrief::open(&run, Opening { number, ..opening(lead_up()) }).unwrap();
        assert_eq!(debrief.spec.fingerprint, debrief::fingerprint(&run));
        debrief.metadata.name.unwrap()
    };
    let name = |changes: &[(&str, Value)]| numbered(changes, 1);
    let same = name(&[]);
    let (prefix, number) = same.rsplit_once('-').unwrap();
    let fingerprint = prefix.strip_prefix("slow-alert-").unwrap();
    assert_eq!((fingerprint.len(), number), (8, "1"));
    assert!(fingerprint.chars().all(|c| c.is_ascii_hexdigit()));
    for pointer in
        ["/metadata/name", "/metadata/uid", "/status/plan/victims/0/name", "/status/plan/seed"]
    {
        assert_eq!(name(&[(pointer, json!("another"))]), same, "{pointer}");
    }
    for (pointer, value) in
        [("/status/detection/took/max", json!("50s")), ("/status/recovery/answer", json!("No"))]
    {
        assert_eq!(name(&[(pointer, value)]), same, "{pointer}: what was missed is no part of it");
    }
    for (pointer, value) in [
        ("/metadata/namespace", json!("bank")),
        ("/spec/experiment", json!("other")),
        ("/status/plan/spec/target", json!({"deployment": "payments"})),
        ("/status/plan/spec/target", json!({"service": "checkout"})),
        ("/status/plan/spec/fault", json!({"badRollout": {"image": "firedrill.invalid/none"}})),
    ] {
        assert_ne!(name(&[(pointer, value)]), same, "{pointer}");
    }
    assert!(numbered(&[], 2).ends_with(&format!("{fingerprint}-2")));
}

#[test]
fn names_fit_63_and_titles_120_characters() {
    let long = "a".repeat(63);
    let changes = [
        ("/spec/experiment", json!(long)),
        ("/status/plan/spec/target", json!({"deployment": long})),
    ];
    let cut = |title: &str| title.contains("aaa…") || title.contains(&long);
    for run in [slow_alert(), never_noticed(), not_tolerated()] {
        let debrief = open(&with(&run, &changes)).unwrap();
        assert!(debrief.metadata.name.unwrap().len() <= 63);
        let title = debrief.spec.title;
        assert!(title.chars().count() <= 120 && cut(&title), "{title}");
    }
}

#[test]
fn titles_say_how_much_was_lost() {
    let title = |victims: usize, pods: i32, round: i32| {
        let run = slow_alert();
        let mut victim =
            serde_json::to_value(&run).unwrap()["status"]["plan"]["victims"][0].clone();
        victim["round"] = json!(round);
        let victims = vec![victim; victims];
        let changes =
            [("/status/plan/victims", json!(victims)), ("/status/plan/count", json!(pods))];
        let title = open(&with(&run, &changes)).unwrap().spec.title;
        title.split_once(" was ").unwrap().0.to_owned()
    };
    assert_eq!(title(1, 1, 1), "Losing the only checkout pod");
    assert_eq!(title(2, 2, 1), "Losing both checkout pods");
    assert_eq!(title(3, 3, 1), "Losing all 3 checkout pods");
    assert_eq!(title(1, 3, 1), "Losing 1 of 3 checkout pods");
    assert_eq!(title(6, 3, 2), "Losing checkout pods again and again");
}

#[test]
fn titles_of_faults_that_take_no_pods_name_what_was_broken() {
    let title = |fault: serde_json::Value, kind: &str, name: &str| {
        let victim = json!({"kind": kind, "name": name, "uid": "u", "resourceVersion": "1", "ready": true, "round": 1});
        let changes =
            [("/status/plan/victims", json!([victim])), ("/status/plan/spec/fault", fault)];
        open(&with(&slow_alert(), &changes))
            .unwrap()
            .spec
            .title
            .split_once(" was ")
            .unwrap()
            .0
            .to_owned()
    };
    let rollout = json!({"badRollout": {"image": "firedrill.invalid/none"}});
    assert_eq!(title(rollout, "Deployment", "checkout"), "A broken rollout of checkout");
    let outage = |fault| json!({"dependencyOutage": fault});
    let blackhole = outage(json!({"blackhole": {"service": "payments"}}));
    assert_eq!(title(blackhole, "Service", "payments"), "Losing payments, which checkout needs,");
    let egress = outage(json!({"egress": {"cidr": "203.0.113.0/24"}}));
    assert_eq!(
        title(egress, "NetworkPolicy", "firedrill-deployment-checkout"),
        "Losing 203.0.113.0/24, which checkout needs,"
    );
}

#[test]
fn the_stage_is_read_off_what_was_done_and_never_off_what_is_stored_of_it() {
    for (run, stage, words) in [
        (slow_alert(), Stage::AwaitingDebrief, "**Awaiting debrief**"),
        (never_noticed(), Stage::AwaitingResolution, "**Awaiting resolution**"),
    ] {
        let mut debrief = open(&run).unwrap();
        let whole = debrief.status.clone().unwrap();
        for stored in
            [None, Some(Stage::AwaitingResolution), Some(Stage::Acting), Some(Stage::Closed)]
        {
            debrief.status.as_mut().unwrap().stage = stored;
            concluded(&mut debrief, "2026-11-24T12:00:00Z");
            assert_eq!(debrief.status, Some(whole.clone()), "{stored:?} is stored");
            assert!(debrief::render(&debrief).contains(words));
        }
        assert_eq!(whole.stage, Some(stage));
    }
}

#[test]
fn a_miss_after_the_end_opens_the_next_one_which_names_what_was_left() {
    let mut ended = open(&slow_alert()).unwrap();
    let items = json!([{"id": "a1", "title": "Two replicas", "type": "Prevent", "horizon": "Short", "ownerTeam": "checkout",
        "state": "Dropped", "dropReason": "the alert is enough"}]);
    ended.spec.action_items = serde_json::from_value(items).unwrap();
    ended.status.as_mut().unwrap().ended_at = Some(moment("2026-12-08T15:00:00Z"));
    let known = [ended];
    assert_eq!(debrief::to_join(&known), None);
    let opening = Opening { number: 2, earlier: &known, ..opening(lead_up()) };
    let recurrence = debrief::open(&slow_alert(), opening).unwrap().spec.recurrence_of.unwrap();
    assert_eq!(Some(&recurrence.name), known[0].metadata.name.as_ref());
    assert_eq!(recurrence.ended_at, Some(moment("2026-12-08T15:00:00Z")));
    assert_eq!(recurrence.left, ["item a1 was dropped: Two replicas (the alert is enough)"]);
}

#[test]
fn a_miss_joins_the_newest_of_its_debriefs_and_the_next_number_follows_the_highest() {
    let name = |number: &str| format!("slow-alert-99c0ba9c-{number}");
    let known = |numbers: &[&str]| -> Vec<Debrief> {
        let named = |number: &&str| {
            let mut debrief = open(&slow_alert()).unwrap();
            debrief.metadata.name = Some(name(number));
            debrief
        };
        numbers.iter().map(named).collect()
    };
    for (numbers, joined, next) in [
        (&[] as &[&str], None, 1),
        (&["1"], Some("1"), 2),
        (&["2", "10", "9"], Some("10"), 11),
        (&["2"], Some("2"), 3),
        (&["again", "1-again", ""], None, 1),
    ] {
        let known = known(numbers);
        let found = debrief::to_join(&known).map(|debrief| debrief.metadata.name.clone().unwrap());
        assert_eq!(found, joined.map(name), "{numbers:?}");
        assert_eq!(debrief::next_number(&known), next, "{numbers:?}");
    }
    let mut known = known(&["1"]);
    known[0].status = None;
    assert!(debrief::to_join(&known).is_some(), "it was opened a moment ago");
}

#[test]
fn the_evidence_is_a_copy_of_the_run() {
    let run = slow_alert();
    let status = run.status.clone().unwrap();
    let evidence = open(&run).unwrap().spec.evidence.unwrap();
    assert_eq!(evidence.facts, status.facts);
    assert_eq!(Some(evidence.impact), status.impact);
    assert_eq!(evidence.measured.time_to_detect, status.detection.as_ref().unwrap().took);
    assert_eq!(evidence.chain, status.detection.unwrap().chain);
    assert_eq!(evidence.measured.time_to_recover, status.recovery.unwrap().took);
    let journal = status.journal.unwrap();
    assert_eq!(evidence.victims, journal.victims);
    assert_eq!(Some(evidence.spec), journal.spec);
    assert_eq!(evidence.state, journal.state);
}

#[test]
fn an_experiment_is_outdated_where_it_names_what_has_ended_or_not_what_its_run_has_opened() {
    let mut debrief = opened(&slow_alert()).unwrap();
    let name = debrief.metadata.name.clone().unwrap();
    let experiment = |namespace: Option<&str>, open: Option<&str>| -> Experiment {
        let run = slow_alert();
        let spec = run.status.unwrap().journal.unwrap().spec.unwrap();
        let mut experiment = Experiment::new(&run.spec.experiment, spec);
        experiment.metadata.namespace = namespace.map(str::to_owned);
        let open_debrief = open.map(str::to_owned);
        experiment.status = Some(ExperimentStatus { open_debrief, ..ExperimentStatus::default() });
        experiment
    };
    let namespace = debrief.metadata.namespace.clone();
    let outdated = |debrief: &Debrief| {
        let here = namespace.as_deref();
        [
            (here, None),
            (here, Some(name.as_str())),
            (here, Some("another")),
            (Some("elsewhere"), None),
        ]
        .map(|(namespace, open)| is_outdated(&experiment(namespace, open), debrief))
    };
    assert_eq!(outdated(&debrief), [true, false, false, false]);
    debrief.status =
        Some(serde_json::from_value(json!({"endedAt": "2026-11-24T12:00:00Z"})).unwrap());
    assert_eq!(outdated(&debrief), [false, true, false, false]);
    // Of one that has ended it is forgotten which experiment it is about.
    decide::forget_details(&mut debrief);
    assert_eq!(outdated(&debrief), [false, true, false, false]);
    let mut by_people = opened(&slow_alert()).unwrap();
    by_people.spec.source.run_ref = None;
    assert_eq!(outdated(&by_people), [false; 4]);
}

#[test]
fn a_run_belongs_to_what_it_has_opened_or_was_judged_in_also_where_that_has_ended() {
    let run = slow_alert();
    let mut opened = open(&run).unwrap();
    opened.status.as_mut().unwrap().ended_at = Some(moment("2026-12-08T15:00:00Z"));
    assert!(debrief::has(&opened, &run), "it has opened it");
    let another = with(&run, &[("/metadata/uid", json!("another"))]);
    assert!(!debrief::has(&opened, &another));
    let miss = json!([{"run": "another", "uid": "another", "at": "2026-11-25T10:00:00Z", "missed": ["Detection"]}]);
    opened.status.as_mut().unwrap().occurrences = serde_json::from_value(miss).unwrap();
    assert!(debrief::has(&opened, &another), "it was judged there");
}
