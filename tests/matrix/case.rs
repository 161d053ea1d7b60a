//! One case: a run on ground of its own, disturbed at one write or not at all, and what is known of it
//! when it is over.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::{
    disturbed::company::{self, QUIET},
    ground::Ground,
    judge::{
        Due, Evidence, audit,
        objects::{Snapshot, is_free},
    },
    lab::Lab,
    operator::Operator,
    patience,
    proxy::{
        Proxy,
        plant::Plant,
        rule::{Action, Back, Rule},
        write::Told,
    },
    scenario::Scenario,
};

/// From a restart to clean: an undisturbed run and a margin for a busy machine.
const LIMIT_SECONDS: u64 = 75;

/// What is done in a case.
#[derive(Clone, Debug)]
pub struct Setup {
    /// By which its files are found.
    pub name: String,
    pub operators: usize,
    pub rule: Option<Rule>,
    pub plant: Option<Plant>,
}

/// A case that is over.
pub struct Over {
    pub evidence: Evidence,
    /// The run's writes that the audit log shows, in their order.
    pub writes: Vec<Told>,
}

/// Runs one case from its namespace to its end.
pub async fn run(lab: &Lab, scenario: &Scenario, setup: &Setup) -> Over {
    let case = Case::open(lab, scenario, setup).await;
    let mut outcome = Outcome::of(scenario);
    match &setup.rule {
        Some(rule) => case.disturb(rule, &mut outcome).await,
        None => outcome.clean_after = case.clean_after(Instant::now()).await,
    }
    case.close(outcome).await
}

/// What is known of a case beside what is there at its end.
pub struct Outcome {
    /// Whether the moment came at which something was to happen.
    pub came: bool,
    /// How long it took from then to clean.
    pub clean_after: Option<Duration>,
    pub due: Due,
    /// When the API server was there again, where it was away.
    pub answered_again: Option<Timestamp>,
}

impl Outcome {
    /// The outcome when nothing is done.
    pub fn of(scenario: &Scenario) -> Self {
        let (verdict, reason) = scenario.verdict;
        let due = Due::Verdict(verdict, reason);
        Self { came: true, clean_after: None, due, answered_again: None }
    }
}

/// A case that is under way.
pub struct Case<'a> {
    pub lab: &'a Lab,
    pub scenario: &'a Scenario,
    pub ground: Ground,
    pub proxy: Arc<Proxy>,
    pub operators: Vec<Arc<Operator>>,
    /// How the objects must be at the end.
    pub before: Snapshot,
    plant: Option<Plant>,
    log_start: u64,
    serving: JoinSet<()>,
}

impl<'a> Case<'a> {
    /// Everything is there, everybody looks, and the run begins.
    pub async fn open(lab: &'a Lab, scenario: &'a Scenario, setup: &Setup) -> Self {
        let log_start = audit::end(&lab.audit_log);
        let ground = Ground::new(lab, scenario).await;
        let proxy =
            Proxy::new(lab.upstream.clone(), &ground.namespace, setup.rule.clone(), setup.plant);
        let (operators, serving) = company::start(lab, &proxy, &setup.name, setup.operators).await;
        let (before, plant) = (Snapshot::default(), setup.plant);
        let mut case =
            Self { lab, scenario, ground, proxy, operators, before, plant, log_start, serving };
        case.everybody_looks().await;
        case.before = case.snapshot().await;
        case.proxy.begin();
        case.ground.start_run().await;
        case
    }

    /// Writes down how everything is, and removes it.
    pub async fn close(self, outcome: Outcome) -> Over {
        self.is_quiet().await;
        let evidence = Evidence {
            namespace: self.ground.namespace.clone(),
            operator: Lab::operator_user(),
            reaper: Lab::reaper_user(),
            came: outcome.came,
            clean_after: outcome.clean_after,
            clean_within: Duration::from_secs(LIMIT_SECONDS),
            run: self.ground.run().await,
            experiment: self.ground.experiment().await,
            debriefs: self.ground.debriefs().await,
            after: self.snapshot().await,
            ails: self.operators.iter().filter_map(|operator| operator.ails()).collect(),
            events: self.events().await,
            changed: self.scenario.changed.clone(),
            due: outcome.due,
            answered_again: outcome.answered_again,
            ended: Timestamp::now(),
            before: self.before,
        };
        let writes = company::writes(&self.proxy, evidence.writes());
        // A connection that is served holds its operator.
        drop((self.serving, self.operators));
        self.ground.remove().await;
        Over { evidence, writes }
    }

    async fn everybody_looks(&self) {
        let ready = async || {
            self.operators.iter().all(|operator| operator.is_looking())
                && self.ground.is_judged().await
        };
        assert!(patience::until(30, ready).await, "the operators do not look");
    }

    /// Everything in the namespace as it is now.
    pub async fn snapshot(&self) -> Snapshot {
        Snapshot::take(&self.lab.client, &self.lab.kinds, &self.ground.namespace, is_free).await
    }

    /// Does what the rule says.
    async fn disturb(&self, rule: &Rule, outcome: &mut Outcome) {
        let fired = self.fires().await;
        let from = Instant::now();
        outcome.came = fired.is_some();
        let Some(operator) = fired.map(|number| &self.operators[number]) else {
            outcome.clean_after = self.clean_after(from).await;
            return;
        };
        match rule.action {
            Action::Kill(..) if self.plant == Some(Plant::StaysDead) => {}
            Action::Kill(_, Back::AtOnce) => operator.restart(),
            Action::Kill(_, Back::Late) => {
                if self.is_journaled().await {
                    outcome.due = Due::NoPraise;
                }
                self.deadline_passes().await;
                operator.restart();
                outcome.clean_after = self.clean_after(Instant::now()).await;
                return;
            }
            Action::Hold => {
                outcome.clean_after = self.clean_after(from).await;
                operator.resume();
                self.proxy.release();
                return;
            }
        }
        outcome.clean_after = self.clean_after(from).await;
    }

    /// The operator to which the rule was applied; `None` when the run ended without that write.
    pub async fn fires(&self) -> Option<usize> {
        let fired = || self.proxy.fired.borrow().map(|fired| fired.operator);
        let over =
            async || fired().is_some() || (self.is_over().await && self.proxy.is_quiet_for(QUIET));
        patience::until(LIMIT_SECONDS, over).await;
        fired()
    }

    async fn is_journaled(&self) -> bool {
        self.ground.run().await["status"]["plan"]["deadline"].is_string()
    }

    /// Waits until the fault must be gone, and until the reaper has ended it if it is there.
    pub async fn deadline_passes(&self) {
        let run = self.ground.run().await;
        let said = run["status"]["plan"]["deadline"].as_str().and_then(|text| text.parse().ok());
        let duration = self.scenario.duration();
        let deadline: Timestamp = said.unwrap_or_else(|| Timestamp::now() + duration);
        let left = deadline.duration_since(Timestamp::now()).try_into().unwrap_or_default();
        tokio::time::sleep(left).await;
        patience::until(20, async || !self.is_faulty().await).await;
    }

    /// Whether the object that the fault changes is broken.
    pub async fn is_faulty(&self) -> bool {
        match &self.scenario.changed {
            Some(changed) => changed.is_faulty(&self.ground.changed(changed).await),
            None => false,
        }
    }

    /// How long from then until nothing is left to be done.
    pub async fn clean_after(&self, from: Instant) -> Option<Duration> {
        self.over_after(from).await?;
        self.is_unmarked_within(LIMIT_SECONDS).await.then(|| from.elapsed())
    }

    /// How long from then until the run is over and its fault gone.
    pub async fn over_after(&self, from: Instant) -> Option<Duration> {
        let over = async || self.is_over().await && !self.is_faulty().await;
        patience::until(LIMIT_SECONDS, over).await.then(|| from.elapsed())
    }

    /// Waits for Kubernetes' own controllers after an outage.
    pub async fn controllers_catch_up(&self) {
        self.is_unmarked_within(patience::CONTROLLERS_SECONDS).await;
    }

    async fn is_unmarked_within(&self, seconds: u64) -> bool {
        let unmarked = async || self.snapshot().await.armed.is_empty();
        self.scenario.changed.is_none() || patience::until(seconds, unmarked).await
    }

    /// Nothing is left to be done for the run, or it is gone.
    async fn is_over(&self) -> bool {
        let run = self.ground.run().await;
        let mut facts = run["status"]["facts"].as_array().into_iter().flatten();
        run.is_null()
            || facts.any(|fact| fact["name"] == "completed")
                && run["metadata"]["finalizers"].is_null()
                && self.ground.experiment().await["status"]["lastRun"]["name"]
                    == run["metadata"]["name"]
    }

    /// Waits until every operator has looked and nobody writes any more.
    async fn is_quiet(&self) {
        let quiet = async || {
            self.operators.iter().all(|operator| operator.is_looking())
                && self.proxy.is_quiet_for(QUIET)
        };
        patience::until(10, quiet).await;
    }

    /// The audit log of the case, once it has every write that the proxy saw answered.
    async fn events(&self) -> Vec<audit::Event> {
        company::audited(self.lab, &self.proxy, &self.ground.namespace, self.log_start).await
    }
}
