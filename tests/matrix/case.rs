//! One case: a run on ground of its own, disturbed at one write or not at all, and what is known of it
//! when it is over.

use std::{
    collections::HashSet,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    ground::Ground,
    judge::{Evidence, audit, objects::Snapshot},
    lab::Lab,
    operator::Operator,
    patience,
    proxy::{
        Proxy,
        plant::Plant,
        rule::{Action, Rule},
        write::Told,
    },
    scenario::Scenario,
};

/// From a restart to clean: an undisturbed run and a margin for a busy machine.
const LIMIT_SECONDS: u64 = 60;
/// What is late comes within this.
const QUIET: Duration = Duration::from_secs(1);

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
    let start = audit::end(&lab.audit_log);
    let ground = Ground::new(lab, scenario).await;
    let proxy =
        Proxy::new(lab.upstream.clone(), &ground.namespace, setup.rule.clone(), setup.plant);
    let mut serving = JoinSet::new();
    let mut operators = Vec::new();
    for number in 0..setup.operators {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let files = lab.files(&format!("{}-{number}", setup.name), port);
        let operator = Arc::new(Operator::start(number, files));
        serving.spawn(proxy.clone().serve(operator.clone(), listener));
        operators.push(operator);
    }
    let case = Case { ground, proxy, operators, plant: setup.plant };
    case.everybody_looks().await;
    let before = case.snapshot(lab).await;
    case.proxy.begin();
    case.ground.start_run().await;
    let (write_came, clean_after) = case.disturb(setup.rule.as_ref()).await;
    case.is_quiet().await;
    let evidence = Evidence {
        namespace: case.ground.namespace.clone(),
        operator: Lab::operator_user(),
        came: write_came,
        clean_after,
        clean_within: Duration::from_secs(LIMIT_SECONDS),
        run: case.ground.run().await,
        experiment: case.ground.experiment().await,
        debriefs: case.ground.debriefs().await,
        before,
        after: case.snapshot(lab).await,
        ails: case.operators.iter().filter_map(|operator| operator.ails()).collect(),
        events: case.events(lab, start).await,
        verdict: (scenario.verdict.0.to_owned(), scenario.verdict.1.to_owned()),
        debriefs_due: usize::from(scenario.opens_debrief()),
    };
    let writes = case.writes(&evidence);
    drop(case.operators);
    case.ground.remove().await;
    Over { evidence, writes }
}

struct Case {
    ground: Ground,
    proxy: Arc<Proxy>,
    operators: Vec<Arc<Operator>>,
    plant: Option<Plant>,
}

impl Case {
    async fn everybody_looks(&self) {
        let ready = async || {
            self.operators.iter().all(|operator| operator.is_looking())
                && self.ground.is_judged().await
        };
        assert!(patience::until(30, ready).await, "the operators do not look");
    }

    async fn snapshot(&self, lab: &Lab) -> Snapshot {
        Snapshot::take(&lab.client, &lab.kinds, &self.ground.namespace).await
    }

    /// Does what the rule says; whether its write came, and how long it took from then to clean.
    async fn disturb(&self, rule: Option<&Rule>) -> (bool, Option<Duration>) {
        let Some(rule) = rule else {
            return (true, self.clean_after(Instant::now()).await);
        };
        let Some(number) = self.fires().await else {
            return (false, self.clean_after(Instant::now()).await);
        };
        let operator = &self.operators[number];
        let from = Instant::now();
        match rule.action {
            Action::Kill(_) if self.plant == Some(Plant::StaysDead) => {}
            Action::Kill(_) => operator.restart(),
            Action::Hold => {
                let clean_after = self.clean_after(from).await;
                operator.resume();
                self.proxy.release();
                return (true, clean_after);
            }
        }
        (true, self.clean_after(from).await)
    }

    /// The operator to which the rule was applied; `None` when the run ended without that write.
    async fn fires(&self) -> Option<usize> {
        let fired = || *self.proxy.fired.borrow();
        let over =
            async || fired().is_some() || (self.is_clean().await && self.proxy.is_quiet_for(QUIET));
        patience::until(LIMIT_SECONDS, over).await;
        fired()
    }

    async fn clean_after(&self, from: Instant) -> Option<Duration> {
        let clean = patience::until(LIMIT_SECONDS, async || self.is_clean().await).await;
        clean.then(|| from.elapsed())
    }

    /// Nothing is left to be done for the run.
    async fn is_clean(&self) -> bool {
        let run = self.ground.run().await;
        let mut facts = run["status"]["facts"].as_array().into_iter().flatten();
        facts.any(|fact| fact["name"] == "completed")
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
    async fn events(&self, lab: &Lab, start: u64) -> Vec<audit::Event> {
        let ids: HashSet<String> =
            self.proxy.forwarded().into_iter().map(|forwarded| forwarded.audit_id).collect();
        let read = || audit::read(&lab.audit_log, start, &self.ground.namespace, &ids);
        let whole = async || {
            let found: HashSet<String> = read().iter().map(|event| event.id().to_owned()).collect();
            ids.is_subset(&found)
        };
        assert!(patience::until(10, whole).await, "the audit log lacks a write that was answered");
        read()
    }

    /// The writes of the operators since the run began, as the audit log has them.
    fn writes(&self, evidence: &Evidence) -> Vec<Told> {
        let forwarded = self.proxy.forwarded();
        let told = |event: &audit::Event| {
            forwarded.iter().find(|one| one.audit_id == event.id()).map(|one| one.told.clone())
        };
        evidence.writes().filter_map(told).collect()
    }
}
