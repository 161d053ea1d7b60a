//! One case: a game day on ground of its own, disturbed at one write or not at all, and what is known of it when it
//! is over.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::judge::{Due, Evidence, has_fact};
use crate::{
    disturbed::{
        Over, Setup,
        company::{self, Company},
    },
    ground::{EXPERIMENT, Ground},
    lab::Lab,
    patience,
    scenario::Scenario,
};

/// Name of the plan.
const PLAN: &str = "p";
/// From a restart to the end of the day: an undisturbed day and a margin for a busy machine.
pub const LIMIT_SECONDS: u64 = 150;
/// How soon after it was made a plan fires.
const SOON_SECONDS: i64 = 3;

/// A case that is under way.
pub struct Case<'a> {
    company: Company<'a>,
    /// When the plan fires.
    pub at: Timestamp,
}

/// Runs one case from its namespace to its end.
pub async fn run(lab: &Lab, scenario: &Scenario, setup: &Setup) -> Over<Evidence> {
    let mut case = Case::open(lab, scenario, setup).await;
    case.plan(SOON_SECONDS, "5m").await;
    let is_over = async || case.is_over().await;
    let (fired, over_after) =
        case.company.disturb(setup.rule.as_ref(), LIMIT_SECONDS, is_over).await;
    case.close(fired, over_after, Due::Done).await
}

impl<'a> Case<'a> {
    /// Everything is there but the plan, and everybody looks.
    pub async fn open(lab: &'a Lab, scenario: &Scenario, setup: &Setup) -> Self {
        let ground = Ground::new(lab, scenario).await;
        let company = Company::open(lab, ground, setup).await;
        Self { company, at: Timestamp::UNIX_EPOCH }
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
        self.company.ground.create("GameDay", PLAN, spec).await;
    }

    /// How long from then until the plan has had its day, and nothing is left to be done for it.
    pub async fn over_after(&self, from: Instant) -> Option<Duration> {
        patience::until(LIMIT_SECONDS, async || self.is_over().await).await.then(|| from.elapsed())
    }

    async fn is_over(&self) -> bool {
        let days = self.company.ground.all("GameDayRun").await;
        let is_over =
            |day: &Value| has_fact(day, "reported") && day["metadata"]["finalizers"].is_null();
        !days.is_empty() && days.iter().all(is_over)
    }

    /// The plan as it is now.
    pub async fn itself(&self) -> Value {
        self.company.ground.all("GameDay").await.into_iter().next().unwrap_or_default()
    }

    /// Writes down how everything is, and removes it.
    pub async fn close(self, came: bool, over_after: Option<Duration>, due: Due) -> Over<Evidence> {
        let company = &self.company;
        let events = company.quiet().await;
        let evidence = Evidence {
            operator: Lab::operator_user(),
            at: self.at,
            came,
            over_after,
            over_within: Duration::from_secs(LIMIT_SECONDS),
            due,
            plan: self.itself().await,
            days: company.ground.all("GameDayRun").await,
            runs: company.ground.all("ExperimentRun").await,
            ails: company.ails(),
            events,
        };
        let writes = company::writes(&company.proxy, evidence.writes());
        self.company.remove().await;
        Over { evidence, writes, after: over_after }
    }
}
