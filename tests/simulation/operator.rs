//! One operator of the simulated world: the loop around the production rules, in memory only.

use firedrill::{
    api::{Duration, ExperimentRun, names, run::FactName},
    config::Config,
    core::{
        alarms::{Channel, Sighting},
        decide::{Decision, Effect, Need, Observed, Report, Subject, decide},
        plan::Plan,
        series::Sample,
        sight::Sight,
        span::Span,
        world::World,
    },
};
use rand::{RngExt, rngs::ChaCha8Rng};

use super::{
    Tally,
    server::{Plant, Server},
};

/// What an operator remembers; a crash forgets all of it.
#[derive(Default)]
pub struct Operator {
    latest: Option<ExperimentRun>,
    sight: Option<Sight>,
    world: Option<World>,
    report: Option<Report>,
    debrief: Option<String>,
}

impl Operator {
    /// Looks as often as it has something to do, at most sixteen times.
    pub fn look(
        &mut self,
        server: &mut Server,
        random: &mut ChaCha8Rng,
        calm: bool,
        tally: &mut Tally,
    ) {
        self.observe(server, random, calm, tally);
        for _ in 0..16 {
            let Some(run) = self.latest.clone() else {
                return;
            };
            let decision = self.decide(server, &run);
            if !self.perform(server, &run, decision, random, calm, tally) {
                return;
            }
        }
    }

    /// Hears of the run, unless its watch is late, and samples the probe, the pods and the alerts.
    fn observe(&mut self, server: &Server, random: &mut ChaCha8Rng, calm: bool, tally: &mut Tally) {
        if calm || self.latest.is_none() || random.random_bool(0.9) {
            self.latest.clone_from(&server.run);
        } else {
            tally.count("stale read");
        }
        let Some(run) = &self.latest else { return };
        let now = server.now;
        let spec = run.effective_spec(None).unwrap().clone();
        let status = run.status.clone().unwrap_or_default();
        let sight = self.sight.get_or_insert_with(|| {
            let mut sight = Sight::new(Some(&spec), now);
            if let Some(journaled) = status.fact(FactName::Journaled) {
                sight.alerts_since = journaled.at;
                if let Some(impact) = &status.impact {
                    sight.inherit(impact);
                }
                sight.start_counting(status.plan.as_ref().unwrap(), now);
            }
            sight
        });
        sight.pods.reset(server.pods.iter().cloned(), now);
        let good = !server.pods.is_empty();
        let detail = if good { String::new() } else { "connection refused".to_owned() };
        sight.probes[0].push(Sample { started: now, ended: now, good, detail });
        let since = sight.alerts_since;
        sight.book.prometheus_answered(since, now);
        let firing = server.down_since.zip(server.alert_after).map(|(down, after)| down + after);
        if let Some(at) = firing.filter(|at| *at <= now) {
            sight.book.report(Sighting {
                channel: Channel::Prometheus,
                labels: [("alertname".to_owned(), "Down".to_owned())].into(),
                fingerprint: None,
                suppressed: false,
                active: true,
                condition_true: Some(Span::new(at, at)),
                firing: Some(Span::new(at, at)),
                notified: None,
            });
        }
    }

    fn decide(&self, server: &Server, run: &ExperimentRun) -> Decision {
        let plan = Plan::parse(run.effective_spec(None).unwrap()).unwrap();
        let config: Config =
            serde_yaml::from_str("{prometheus: {url: 'http://prometheus'}}").unwrap();
        decide(&Observed {
            now: server.now,
            run,
            subject: &Subject::Valid { plan: Box::new(plan), generation: None },
            config: &config,
            own_namespace: false,
            lever: &server.lever_seen(),
            world: self.world.as_ref(),
            sight: self.sight.as_ref().unwrap(),
            report: self.report.as_ref(),
            debrief: self.debrief.as_deref(),
        })
    }

    /// Does one thing; false when there is nothing more to do now.
    fn perform(
        &mut self,
        server: &mut Server,
        run: &ExperimentRun,
        decision: Decision,
        random: &mut ChaCha8Rng,
        calm: bool,
        tally: &mut Tally,
    ) -> bool {
        match decision {
            Decision::Record(status) => {
                let journaled = |run: &ExperimentRun| {
                    run.status
                        .as_ref()
                        .is_some_and(|status| status.fact(FactName::Journaled).is_some())
                };
                let before = journaled(run);
                let written = server.write(run, |run| run.status = Some(*status));
                self.report = None;
                self.written(server, written, tally);
                if let Some(sight) = self
                    .sight
                    .as_mut()
                    .filter(|_| !before && self.latest.as_ref().is_some_and(journaled))
                {
                    sight.book.forget();
                    sight.alerts_since = server.now;
                    sight.start_counting(
                        self.latest
                            .as_ref()
                            .unwrap()
                            .status
                            .as_ref()
                            .unwrap()
                            .plan
                            .as_ref()
                            .unwrap(),
                        server.now,
                    );
                }
            }
            Decision::Act(Effect::AddFinalizer) => {
                let planted = server.plant == Some(Plant::ForgottenFinalizer);
                let put = |run: &mut ExperimentRun| {
                    run.metadata.finalizers = Some(vec![names::FINALIZER.to_owned()]);
                };
                let mut written = if planted { Some(run.clone()) } else { server.write(run, put) };
                if planted {
                    written.iter_mut().for_each(put);
                }
                self.written(server, written, tally);
            }
            Decision::Act(Effect::ReleaseFinalizer) => {
                let written = server.write(run, |run| run.metadata.finalizers = None);
                self.written(server, written, tally);
            }
            Decision::Act(Effect::Send(calls)) => {
                let span = Span::new(server.now, server.now);
                let outcomes = calls
                    .iter()
                    .map(|call| (call.uid().to_owned(), server.send(call, random, calm, tally)));
                self.report = Some(Report { span, outcomes: outcomes.collect() });
            }
            Decision::Act(Effect::OpenDebrief) => {
                server.debriefs += 1;
                self.debrief = Some("debrief-1".to_owned());
            }
            Decision::Look(need) => {
                self.report = None;
                self.read(server, need);
            }
            Decision::WaitUntil(until) => {
                return Duration::between(server.now, until) == Duration::ZERO
                    && until < server.now;
            }
            Decision::Rest => return false,
        }
        true
    }

    fn written(&mut self, server: &Server, written: Option<ExperimentRun>, tally: &mut Tally) {
        if written.is_none() {
            tally.count("conflict");
        }
        self.latest = written.or_else(|| server.run.clone());
    }

    fn read(&mut self, server: &Server, need: Need) {
        match (need, &mut self.world) {
            (Need::Rivals, Some(world)) => world.rivals_read_at = server.now + Duration::micros(1),
            (Need::Target, Some(world)) => world.target_read_at = server.now,
            (_, world) => {
                let mut read = server.world();
                // The server answers a moment after it was asked.
                read.read_at = server.now + Duration::micros(1);
                read.rivals_read_at = read.read_at;
                *world = Some(read);
            }
        }
    }
}
