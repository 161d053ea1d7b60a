//! What the product does about what it sees. Everything is asked of the product itself, each question
//! once: the answers are kept.

use std::{collections::BTreeSet, sync::Arc};

use firedrill::{
    api::{
        Duration, ExperimentRun, Moment, names,
        run::{FactName, TargetRef, Workload},
    },
    config::Config,
    core::{
        cluster::{Changeable, ClusterState, FaultReads, Lever, Namespace, Rank},
        decide::{self, Debriefing, Decision, Effect, Need, Observed, Report, Subject},
        plan::Plan,
        revert::reaping::{self, Runs},
        signals::{Signals, pods::Pod},
        span::Span,
    },
    faults::{Call, Outcome, arming, call::Change, record},
};

use super::{
    cluster::{self, Answer, RUN, Target, Write},
    mixer::Memo,
    table::{Id, Table},
    variant::Variant,
};

/// Where time stands: every write of the run takes a millisecond, and no fault lasts an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clock {
    pub ticks: u8,
    pub hours: u8,
}

impl Clock {
    fn moment(self) -> Moment {
        let beginning = Moment::from_unix_seconds(1_800_000_000.0).unwrap();
        beginning
            + Duration::minutes(60 * u64::from(self.hours))
            + Duration::millis(self.ticks.into())
    }
}

/// A target as it was read, when, and whether what it may leave behind was read with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seen {
    pub target: Id,
    pub clock: Clock,
    pub remains: bool,
}

/// Everything that an operator decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct View {
    pub run: Id,
    pub world: Option<Seen>,
    pub answer: Option<Answer>,
    pub clock: Clock,
}

/// What an operator does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    Look,
    Write(Id),
    Rest,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    pub run: Option<Id>,
    pub target: Id,
    pub answer: Answer,
}

/// The product, asked about numbered values.
pub struct Product {
    pub variant: Variant,
    pub runs: Table<ExperimentRun>,
    pub targets: Table<Target>,
    pub writes: Table<Write>,
    subject: Subject,
    config: Config,
    sight: Signals,
    moves: Memo<View, Move>,
    applied: Memo<(Id, Option<Id>, Id), Applied>,
    sweeps: Memo<(Id, bool, Clock), Option<Id>>,
}

impl Product {
    pub fn new(variant: Variant) -> Self {
        let plan = Plan::parse(&cluster::experiment()).unwrap();
        let beginning = Clock { ticks: 0, hours: 0 }.moment();
        Self {
            variant,
            runs: Table::new(),
            targets: Table::new(),
            writes: Table::new(),
            sight: Signals::new(Some(&plan.spec), beginning),
            subject: Subject::Valid { plan: Arc::new(plan), generation: Some(1) },
            config: Config::default(),
            moves: Memo::default(),
            applied: Memo::default(),
            sweeps: Memo::default(),
        }
    }

    /// How many different questions were asked of the product.
    pub fn questions(&self) -> usize {
        self.moves.len()
    }

    /// What the API server makes of a write.
    pub fn apply(&mut self, write: Id, run: Option<Id>, target: Id) -> Applied {
        if let Some(known) = self.applied.get(&(write, run, target)) {
            return *known;
        }
        let present = run.map(|run| self.runs.get(run));
        let (next, changed, answer) =
            cluster::apply(self.writes.get(write), present, self.targets.get(target));
        let applied = Applied {
            run: next.map(|run| self.runs.id(run)),
            target: self.targets.id(changed),
            answer,
        };
        self.applied.insert((write, run, target), applied);
        applied
    }

    /// What an operator does that sees this.
    pub fn next(&mut self, view: View) -> Move {
        if let Some(known) = self.moves.get(&view) {
            return *known;
        }
        let run = self.runs.get(view.run).clone();
        let target = view.world.map(|seen| self.targets.get(seen.target).clone());
        let shown = target.as_ref().map(|target| self.variant.shows(&run, target));
        let decision = self.decide(&run, shown.as_ref(), view);
        let next = match self.variant.does(decision, &run, target.as_ref(), view.answer) {
            Decision::Record(status) => self.write(Write::Status(version(&run), status)),
            Decision::Act(Effect::AddFinalizer) => {
                self.write(Write::Finalizers(version(&run), vec![names::FINALIZER.to_owned()]))
            }
            Decision::Act(Effect::ReleaseFinalizer) => {
                self.write(Write::Finalizers(version(&run), Vec::new()))
            }
            Decision::Act(Effect::Send(calls)) => {
                let [call] = <[Call; 1]>::try_from(calls).expect("one call at a time");
                self.write(Write::Call(call))
            }
            Decision::Act(Effect::OpenDebrief) => panic!("it was opened"),
            Decision::Look(Need::Cluster) => Move::Look,
            Decision::Look(need) => panic!("{need:?} was just read"),
            Decision::WaitUntil(_) | Decision::Rest => Move::Rest,
        };
        self.moves.insert(view, next);
        next
    }

    fn write(&mut self, write: Write) -> Move {
        Move::Write(self.writes.id(write))
    }

    /// The product's decision; what it waits for by time alone has come.
    fn decide(&self, run: &ExperimentRun, target: Option<&Target>, view: View) -> Decision {
        let now = view.clock.moment();
        let world = view.world.zip(target).map(|(seen, target)| world(target, seen, now));
        let report = view.answer.map(|answer| report(answer, now));
        let asked = |now, debrief| {
            decide::decide(&Observed {
                now,
                run,
                subject: &self.subject,
                config: &self.config,
                own_namespace: false,
                inside: true,
                lever: &Lever::Open,
                is_day_gone: false,
                ahead: Rank::default(),
                cluster: world.as_ref(),
                signals: &self.sight,
                report: report.as_ref(),
                debrief,
                marked: None,
            })
        };
        let opened = Debriefing::Recorded("x-1".to_owned());
        let at = |now| match asked(now, None) {
            // Whether there is one is no part of the protocol.
            Decision::Act(Effect::OpenDebrief) => asked(now, Some(&opened)),
            decision => decision,
        };
        match at(now) {
            Decision::WaitUntil(then) => at(then),
            decision => decision,
        }
    }

    /// The reaper's write when it reads this target, if it writes; `has_run` is what it lists.
    pub fn sweep(&mut self, target: Id, has_run: bool, clock: Clock) -> Option<Id> {
        if let Some(known) = self.sweeps.get(&(target, has_run, clock)) {
            return *known;
        }
        let (object, now) = (self.targets.get(target).object(), clock.moment());
        let runs =
            Runs::Known(has_run.then(|| RUN.to_owned()).into_iter().collect::<BTreeSet<_>>());
        let armed = object.mark().filter(|mark| mark.armed);
        let due = armed.filter(|mark| reaping::is_due(&object, mark, (&runs, None), now));
        let write = due.map(|mark| {
            let patch = arming::disarm(&object, &mark, &record::read(&object).fields, now);
            self.writes.id(Write::Call(Call::Disarm(Change::of(&object, patch))))
        });
        self.sweeps.insert((target, has_run, clock), write);
        write
    }
}

fn version(run: &ExperimentRun) -> String {
    run.metadata.resource_version.clone().unwrap()
}

/// Whether that fact is recorded of the run.
pub fn has(run: &ExperimentRun, fact: FactName) -> bool {
    run.status.as_ref().is_some_and(|status| status.fact(fact).is_some())
}

fn report(answer: Answer, now: Moment) -> Report {
    let outcome = match answer {
        Answer::Accepted => Outcome::Accepted,
        Answer::Changed => Outcome::Changed,
        Answer::Gone => Outcome::Gone,
        Answer::Unknown => Outcome::Unknown("no answer".to_owned()),
    };
    Report { span: Span::new(now, now), outcomes: vec![("web-uid".to_owned(), outcome)] }
}

/// A cluster in which every guard is open.
fn world(target: &Target, seen: Seen, now: Moment) -> ClusterState {
    let read_at = seen.clock.moment();
    let object = target.object();
    let (kind, uid) = (object.kind.to_string(), object.uid().to_owned());
    let reference = TargetRef {
        kind: kind.clone(),
        name: object.name().to_owned(),
        uid: uid.clone(),
        ..TargetRef::default()
    };
    ClusterState {
        read_at,
        target_read_at: read_at,
        rivals_read_at: Some(now),
        lever: Lever::Open,
        namespace: Namespace::Found { enabled: true, protected: false, terminating: false },
        intent: None,
        target: firedrill::core::cluster::Target::Found { reference, desired: 1, rollout: None },
        pods: vec![pod()],
        workloads: vec![Workload { kind, name: "web".to_owned(), uid }],
        budgets: Ok(Vec::new()),
        rivals: Vec::new(),
        fault_reads: Some(FaultReads {
            object: Changeable::Found(object),
            faulty_revisions: seen.remains.then(|| target.faulty_revisions()),
            policy: None,
            dependency_ready: None,
            reaper_seen: Some(now),
        }),
        state: None,
    }
}

fn pod() -> Pod {
    Pod {
        name: "web-sound-1".to_owned(),
        uid: "pod-uid".to_owned(),
        resource_version: "1".to_owned(),
        node: None,
        ready: true,
        ready_since: None,
        ending: false,
        created_at: None,
        owner: None,
        labels: std::collections::BTreeMap::new(),
    }
}
