//! One case: a game day on ground of its own, disturbed at one write or not at all, and what is known of it when it
//! is over.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::judge::{Due, Evidence, has_fact};
use crate::{
    case::{QUIET, audited, company},
    ground::{EXPERIMENT, Ground},
    judge::audit,
    lab::Lab,
    operator::Operator,
    patience,
    proxy::{
        Proxy,
        rule::{Action, Rule},
        write::Told,
    },
    scenario::Scenario,
};

/// Name of the plan.
const PLAN: &str = "p";
/// From a restart to the end of the day: an undisturbed day and a margin for a busy machine.
pub const LIMIT_SECONDS: u64 = 150;
/// How soon after it was made a plan fires.
const SOON_SECONDS: i64 = 3;

/// What is done in a case.
#[derive(Clone, Debug)]
pub struct Setup {
    /// By which its files are found.
    pub name: String,
    pub operators: usize,
    pub rule: Option<Rule>,
}

/// A case that is over.
pub struct Over {
    pub evidence: Evidence,
    /// The operators' writes since the plan was there, in their order.
    pub writes: Vec<Told>,
}

/// A case that is under way.
pub struct Case<'a> {
    lab: &'a Lab,
    pub ground: Ground,
    pub proxy: Arc<Proxy>,
    pub operators: Vec<Arc<Operator>>,
    /// When the plan fires.
    pub at: Timestamp,
    log_start: u64,
    serving: JoinSet<()>,
}

/// Runs one case from its namespace to its end.
pub async fn run(lab: &Lab, scenario: &Scenario, setup: &Setup) -> Over {
    let mut case = Case::open(lab, scenario, setup).await;
    case.plan(SOON_SECONDS, "5m").await;
    let (has_come, over_after) = match &setup.rule {
        Some(rule) => case.disturb(rule).await,
        None => (true, case.over_after(Instant::now()).await),
    };
    case.close(has_come, over_after, Due::Done).await
}

impl<'a> Case<'a> {
    /// Everything is there but the plan, and everybody looks.
    pub async fn open(lab: &'a Lab, scenario: &Scenario, setup: &Setup) -> Self {
        let log_start = audit::end(&lab.audit_log);
        let ground = Ground::new(lab, scenario).await;
        let upstream = lab.upstream.clone();
        let proxy = Proxy::new(upstream, &ground.namespace, setup.rule.clone(), None);
        let (operators, serving) = company(lab, &proxy, &setup.name, setup.operators).await;
        let at = Timestamp::UNIX_EPOCH;
        let case = Self { lab, ground, proxy, operators, at, log_start, serving };
        let ready = async || {
            case.operators.iter().all(|operator| operator.is_looking())
                && case.ground.is_judged().await
        };
        assert!(patience::until(30, ready).await, "the operators do not look");
        case.proxy.begin();
        case
    }

    /// Makes the plan, of two steps, which fires in so many seconds.
    pub async fn plan(&mut self, seconds: i64, deadline: &str) {
        self.at = Timestamp::from_second(Timestamp::now().as_second() + seconds).unwrap();
        let spec = json!({
            "startAt": self.at.to_string(),
            "startingDeadline": deadline,
            "goNoGo": {"steadyFor": "10s"},
            "announce": {"before": "0s"},
            "steps": [
                {"name": "one", "experiment": EXPERIMENT},
                {"name": "two", "experiment": EXPERIMENT, "gap": "0s"},
            ],
        });
        self.ground.create("GameDay", PLAN, spec).await;
    }

    /// Does what the rule says: whether its moment came, and how long it took from then until the day was over.
    async fn disturb(&self, rule: &Rule) -> (bool, Option<Duration>) {
        let fired = || *self.proxy.fired.borrow();
        let done =
            async || fired().is_some() || (self.is_over().await && self.proxy.is_quiet_for(QUIET));
        patience::until(LIMIT_SECONDS, done).await;
        let from = Instant::now();
        let Some(operator) = fired().map(|number| &self.operators[number]) else {
            return (false, self.over_after(from).await);
        };
        if rule.action == Action::Hold {
            let over_after = self.over_after(from).await;
            operator.resume();
            self.proxy.release();
            return (true, over_after);
        }
        operator.restart();
        (true, self.over_after(from).await)
    }

    /// How long from then until the plan has had its day, and nothing is left to be done for it.
    pub async fn over_after(&self, from: Instant) -> Option<Duration> {
        patience::until(LIMIT_SECONDS, async || self.is_over().await).await.then(|| from.elapsed())
    }

    async fn is_over(&self) -> bool {
        let days = self.ground.all("GameDayRun").await;
        let is_over =
            |day: &Value| has_fact(day, "reported") && day["metadata"]["finalizers"].is_null();
        !days.is_empty() && days.iter().all(is_over)
    }

    /// The plan as it is now.
    pub async fn itself(&self) -> Value {
        self.ground.all("GameDay").await.into_iter().next().unwrap_or_default()
    }

    /// Writes down how everything is, and removes it.
    pub async fn close(self, came: bool, over_after: Option<Duration>, due: Due) -> Over {
        let quiet = async || {
            self.operators.iter().all(|operator| operator.is_looking())
                && self.proxy.is_quiet_for(QUIET)
        };
        patience::until(10, quiet).await;
        let (proxy, namespace) = (&self.proxy, &self.ground.namespace);
        let evidence = Evidence {
            operator: Lab::operator_user(),
            at: self.at,
            came,
            over_after,
            over_within: Duration::from_secs(LIMIT_SECONDS),
            due,
            plan: self.itself().await,
            days: self.ground.all("GameDayRun").await,
            runs: self.ground.all("ExperimentRun").await,
            ails: self.operators.iter().filter_map(|operator| operator.ails()).collect(),
            events: audited(self.lab, proxy, namespace, self.log_start).await,
        };
        let forwarded = proxy.forwarded();
        let told = |event: &audit::Event| {
            forwarded.iter().find(|one| one.audit_id == event.id()).map(|one| one.told.clone())
        };
        let writes = evidence.writes().filter_map(told).collect();
        // A connection that is served holds its operator.
        drop((self.serving, self.operators));
        self.ground.remove().await;
        Over { evidence, writes }
    }
}
