use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{
    api::{
        ExperimentRun, ExperimentRunSpec, names,
        run::{Gap, Since, Unobserved, Victim},
    },
    config::Config,
    core::{
        cluster::{
            ClusterState, Lever, Rank,
            tests::{fault_reads, healthy},
        },
        decide::{Debriefing, Report, decide, tests::status},
        guards::abort::tests::plan,
        signals::{
            Signals,
            pods::{Pod, tests::at},
        },
        span::Span,
    },
    faults::Kind,
};
use FactName::{Accepted, EffectObserved, ImpactStarted, Injected, RevertStarted, Reverted};

/// The facts of a run in their usual order, up to the last one before it is measured.
const ORDER: [FactName; 7] = [
    Accepted,
    FactName::Journaled,
    Injected,
    EffectObserved,
    ImpactStarted,
    RevertStarted,
    Reverted,
];

fn broken_rollout() -> Plan {
    let mut spec = plan(&json!({"steadyFor": "0s"})).spec;
    let fault = json!({"badRollout": {"image": "firedrill.invalid/none"}});
    spec.fault = serde_json::from_value(fault).unwrap();
    spec.target = serde_json::from_value(json!({"deployment": "web"})).unwrap();
    Plan::parse(&spec).unwrap()
}

fn repeated_kill() -> Plan {
    let mut spec = plan(&json!({"steadyFor": "0s", "minReady": 0})).spec;
    let fault = json!({"podKill": {"count": 1, "every": "10s"}});
    spec.fault = serde_json::from_value(fault).unwrap();
    Plan::parse(&spec).unwrap()
}

/// What an operator has written of a run of that plan with the first `count` facts.
fn written(plan: &Plan, count: usize) -> ExperimentRunStatus {
    let facts: Vec<_> = ORDER[..count].iter().map(|name| (*name, 0.0)).collect();
    let mut status = status(plan, &facts);
    let reverting = status.facts.iter_mut().filter(|fact| fact.name == RevertStarted);
    reverting.for_each(|fact| fact.reason = Some(Reason::Duration));
    let victim = json!({"kind": "Deployment", "name": "web", "uid": "web", "resourceVersion": "1", "round": 1});
    if let Some(journal) = &mut status.journal {
        journal.deadline = Some(at(60.0));
        journal.epoch = Some(1);
        journal.victims = vec![serde_json::from_value::<Victim>(victim).unwrap()];
    }
    status
}

type Garbage = (&'static str, fn(&mut ExperimentRunStatus));

fn moment(text: &str) -> Moment {
    serde_json::from_value(json!(text)).unwrap()
}

fn last() -> Moment {
    moment("9999-12-30T00:00:00Z")
}

fn first() -> Moment {
    moment("-009999-01-03T00:00:00Z")
}

fn journal(status: &mut ExperimentRunStatus) -> &mut Journal {
    status.journal.get_or_insert_default()
}

fn impact(status: &mut ExperimentRunStatus) -> &mut Impact {
    status.impact.get_or_insert_default()
}

fn each_fact(status: &mut ExperimentRunStatus, change: fn(&mut Fact)) {
    status.facts.iter_mut().for_each(change);
}

/// What an admin or a bug has written, with the path that is told; of any run that was journaled.
const TOLD: [Garbage; 16] = [
    ("status.plan.spec is missing", |status| status.journal = None),
    ("status.plan.spec is missing", |status| journal(status).spec = None),
    ("status.plan.deadline is missing", |status| journal(status).deadline = None),
    ("status.plan.deadline: 9999-", |status| journal(status).deadline = Some(last())),
    ("status.plan.deadline: -9999-", |status| journal(status).deadline = Some(first())),
    ("status.plan.deadline: ", |status| journal(status).deadline = Some(at(7300.0))),
    ("status.plan.epoch: 2147483647", |status| journal(status).epoch = Some(i32::MAX)),
    ("status.plan.epoch: -1", |status| journal(status).epoch = Some(-1)),
    ("status.facts[", |status| each_fact(status, |fact| fact.at = last())),
    ("status.facts[", |status| each_fact(status, |fact| fact.at = first())),
    ("status.facts[", |status| each_fact(status, |fact| fact.not_before = last())),
    ("status.facts[", |status| each_fact(status, |fact| fact.not_before = first())),
    ("status.impact.probes.asOf: ", |status| impact(status).probes.as_of = Some(last())),
    ("status.impact.probes.lastFailureAt: ", |status| {
        impact(status).probes.last_failure_at = Some(first());
    }),
    ("status.impact.goodSince: ", |status| {
        impact(status).good_since = Some(Since { not_before: first(), at: last() });
    }),
    ("status.impact.gaps: ", |status| {
        impact(status).gaps = vec![Gap { from: last(), to: first(), of: Unobserved::Fault }; 32];
    }),
];

/// What the run can be judged with.
const HARMLESS: [Garbage; 6] = [
    ("nothing", |_| {}),
    ("counters", |status| {
        let probes = &mut impact(status).probes;
        (probes.total, probes.failed) = (i64::MAX, i64::MIN);
    }),
    ("pod-seconds", |status| impact(status).unavailable_pod_seconds = f64::MAX),
    ("counts", |status| journal(status).count = Some(i32::MAX)),
    ("rounds", |status| {
        journal(status).victims.iter_mut().for_each(|victim| victim.round = i32::MAX);
    }),
    ("words", |status| status.revert_problem = Some("x".repeat(4096))),
];

fn marked(found: Result<Option<Object>, String>) -> Marked {
    Marked { read_at: at(0.0), found }
}

/// An object that carries the mark of the run's fault, whatever its number.
fn armed() -> Object {
    let value = json!({
        "metadata": {"name": "web", "uid": "web", "labels": {names::FAULT: "run.7.armed"},
            "annotations": {names::at("replicas"): "/spec/replicas", names::was("replicas"): "3", names::set("replicas"): "0"}},
        "spec": {"replicas": 0},
    });
    Object { kind: Kind::Deployment, value }
}

/// A run that goes on by itself until it is let go.
struct Life {
    run: ExperimentRun,
    subject: Subject,
    now: f64,
    writes: usize,
    sent: Vec<Call>,
    looks: usize,
}

impl Life {
    fn of(subject: Subject, status: ExperimentRunStatus) -> Self {
        let mut run = ExperimentRun::new("x-1", ExperimentRunSpec::of("x"));
        run.metadata.namespace = Some("shop".to_owned());
        run.metadata.uid = Some("run".to_owned());
        run.metadata.finalizers = Some(vec![names::FINALIZER.to_owned()]);
        run.status = Some(status);
        Self { run, subject, now: 1.0, writes: 0, sent: Vec::new(), looks: 0 }
    }

    /// The pods, as the calls that were sent left them.
    fn pods(&self) -> Vec<Pod> {
        let mut pods = healthy().pods;
        for call in &self.sent {
            match call {
                Call::EvictPod(exact) => pods.retain(|pod| pod.uid != exact.uid),
                Call::MarkPod { uid, mark, .. } => {
                    let marked = pods.iter_mut().filter(|pod| pod.uid == *uid);
                    for pod in marked {
                        pod.labels.insert(names::FAULT.to_owned(), mark.clone());
                    }
                }
                _ => {}
            }
        }
        pods
    }

    /// Whether it is let go within a day, where it is deleted after ten minutes.
    fn ends(&mut self) -> bool {
        let plan = match &self.subject {
            Subject::Valid { plan, .. } => Some(plan.spec.clone()),
            _ => None,
        };
        let mut signals = Signals::new(plan.as_ref(), at(0.0));
        if let Some(status) = &self.run.status {
            signals.inherit(status);
            signals.count_if_journaled(status, at(self.now));
        }
        let (mut cluster, mut report, mut debrief, mut found) = (None, None, None, None);
        while self.now < 86_400.0 && self.writes + self.looks < 10_000 {
            let decision = decide(&Observed {
                now: at(self.now),
                run: &self.run,
                subject: &self.subject,
                is_day_gone: false,
                ahead: Rank::default(),
                config: &Config::default(),
                own_namespace: false,
                inside: true,
                lever: &Lever::Open,
                cluster: cluster.as_ref(),
                signals: &signals,
                report: report.as_ref(),
                debrief: debrief.as_ref(),
                marked: found.as_ref(),
            });
            self.now += 0.01;
            if self.now > 600.0 {
                self.run.metadata.deletion_timestamp = Some(
                    k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(600.0).timestamp()),
                );
            }
            match decision {
                Decision::Record(status) => {
                    self.writes += 1;
                    report = None;
                    self.run.status = Some(*status);
                }
                Decision::Act(Effect::Send(calls)) => {
                    let outcomes =
                        calls.iter().map(|call| (call.uid().to_owned(), Outcome::Accepted));
                    let span = Span::new(at(self.now), at(self.now));
                    report = Some(Report { span, outcomes: outcomes.collect() });
                    self.sent.extend(calls);
                }
                Decision::Act(Effect::OpenDebrief) => debrief = Some(Debriefing::Failed),
                Decision::Act(Effect::ReleaseFinalizer) => return true,
                Decision::Act(Effect::AddFinalizer) => return false,
                Decision::Look(Need::Marked) => {
                    self.looks += 1;
                    report = None;
                    let is_reverted = self.sent.iter().any(|call| matches!(call, Call::Disarm(_)));
                    found = Some(marked(Ok((!is_reverted).then(armed))));
                }
                Decision::Look(_) => {
                    self.looks += 1;
                    report = None;
                    let read_at = at(self.now);
                    let reads = Some(fault_reads());
                    cluster = Some(ClusterState {
                        read_at,
                        target_read_at: read_at,
                        rivals_read_at: Some(read_at),
                        fault_reads: reads,
                        pods: self.pods(),
                        ..healthy()
                    });
                    self.now += 0.5;
                }
                Decision::WaitUntil(until) => {
                    let wait = Duration::between(at(self.now), until).as_secs_f64();
                    self.now += wait.clamp(0.02, 1.0);
                }
                Decision::Rest => self.now += 1.0,
            }
        }
        false
    }
}

fn valid(plan: &Plan) -> Subject {
    Subject::Valid { plan: Arc::new(plan.clone()), generation: None }
}

#[test]
fn a_run_that_nobody_can_judge_is_reverted_by_the_mark_and_let_go_in_words() {
    let plan = broken_rollout();
    let mut tried = 0;
    for count in 2..=ORDER.len() {
        for (says, spoil) in TOLD {
            let mut status = written(&plan, count);
            spoil(&mut status);
            let mut life = Life::of(valid(&plan), status);
            assert!(life.ends(), "{says} after {count} facts");
            let sent: Vec<_> =
                life.sent.iter().map(|call| matches!(call, Call::Disarm(_))).collect();
            assert_eq!(sent, [true], "{says} after {count} facts");
            assert!(
                life.now < 5.0 && life.writes == 1,
                "{says}: {} writes, {}s",
                life.writes,
                life.now
            );
            let status = life.run.status.unwrap();
            assert_eq!(
                (status.verdict, status.reason),
                (Some(Verdict::Error), Some(Reason::InvalidSpec))
            );
            let summary = status.summary.clone().unwrap();
            assert!(summary.contains(says), "{says} after {count} facts: {summary}");
            assert!(status.fact(Reverted).is_some(), "{says} after {count} facts");
            tried += 1;
        }
    }
    assert_eq!(tried, 96);
}

#[test]
fn a_run_that_cannot_be_read_ends_like_that_wherever_it_stands() {
    let plan = broken_rollout();
    for count in 0..=ORDER.len() {
        let subject = Subject::Unjudgeable("status.plan: 9999 is no year".to_owned());
        let mut life =
            Life::of(subject, ExperimentRunStatus { journal: None, ..written(&plan, count) });
        assert!(life.ends() && life.sent.len() == 1 && life.writes == 1, "{count} facts");
        let status = life.run.status.unwrap();
        let says =
            "cannot be judged: status.plan: 9999 is no year; nothing carries the mark of its fault";
        assert_eq!(status.summary.as_deref(), Some(says));
        assert_eq!(status.fact(Reverted).is_some(), count > 1, "{count} facts");
    }
}

#[test]
fn whatever_else_is_written_every_run_ends_and_is_written_no_more_often_than_it_changes() {
    for plan in [broken_rollout(), repeated_kill()] {
        for count in 0..=ORDER.len() {
            for (what, spoil) in HARMLESS.iter().chain(&TOLD) {
                let mut status = written(&plan, count);
                spoil(&mut status);
                let mut life = Life::of(valid(&plan), status);
                let what = format!("{}: {what}", plan.spec.fault.name());
                assert!(life.ends(), "{what} after {count} facts");
                assert!(life.writes < 80, "{what} after {count} facts: {} writes", life.writes);
            }
        }
    }
}

#[test]
fn a_revert_that_is_refused_is_told_and_holds_the_run() {
    let plan = broken_rollout();
    let status = ExperimentRunStatus { journal: None, ..written(&plan, 3) };
    let mut life = Life::of(valid(&plan), status);
    let signals = Signals::new(None, at(0.0));
    let report = |outcome| Report {
        span: Span::new(at(19.0), at(19.0)),
        outcomes: vec![("web".to_owned(), outcome)],
    };
    let found = marked(Ok(Some(armed())));
    let decided = |run: &ExperimentRun, report: Option<&Report>, now| {
        decide(&Observed {
            now: at(now),
            run,
            subject: &valid(&plan),
            is_day_gone: false,
            ahead: Rank::default(),
            config: &Config::default(),
            own_namespace: false,
            inside: true,
            lever: &Lever::Open,
            cluster: None,
            signals: &signals,
            report,
            debrief: None,
            marked: Some(&found),
        })
    };
    let denied = report(Outcome::Denied("no".to_owned()));
    let Decision::Record(told) = decided(&life.run, Some(&denied), 20.0) else { panic!() };
    let problem = told.revert_problem.clone().unwrap();
    assert!(
        problem.starts_with("no; whoever may change it ends the fault by: kubectl"),
        "{problem}"
    );
    assert!(told.fact(FactName::Completed).is_none());
    life.run.status = Some(*told);
    assert!(matches!(decided(&life.run, Some(&denied), 20.0), Decision::WaitUntil(_)));
    assert_eq!(decided(&life.run, Some(&denied), 60.0), Decision::Look(Need::Marked));
}
