//! The API server is down when two plans fire: the one whose deadline is later has its day, late; of the other it is
//! written down that its time was missed, and nothing runs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    case::Case,
    judge::{Due, Evidence, judge},
};
use crate::{
    disturbed::{Over, Setup},
    lab::Lab,
    patience,
    scenario::Scenario,
};

/// How soon after they were made the plans fire.
const FIRE_SECONDS: i64 = 15;
/// How long before that the API server is killed.
const BEFORE: Duration = Duration::from_secs(3);
/// The shortest deadline that a plan can have, and how much longer the API server stays away.
const DEADLINE: Duration = Duration::from_secs(60);
const LONGER: Duration = Duration::from_secs(5);

/// What became of one of the plans.
pub struct Row {
    words: &'static str,
    /// How long after its time the day was created, and the go written.
    pub lateness: Option<(f64, f64)>,
    pub complaints: Vec<String>,
}

impl Row {
    /// As a line, for people.
    pub fn line(&self) -> String {
        let late = self.lateness.map_or_else(String::new, |(created, go)| {
            format!(", its day created {created:.1}s after its time and a go after {go:.1}s")
        });
        let held = if self.complaints.is_empty() { "held" } else { "FAILED" };
        let complaints: Vec<String> =
            self.complaints.iter().map(|complaint| format!("\n             {complaint}")).collect();
        format!("{:60}{held:>8}{late}{}", self.words, complaints.concat())
    }

    pub fn json(&self) -> Value {
        let (created, go) = self.lateness.unzip();
        json!({
            "case": self.words, "createdLateSeconds": created, "goLateSeconds": go,
            "complaints": self.complaints,
        })
    }
}

/// Runs both plans over one outage.
pub async fn run(lab: &Lab, scenario: &Scenario) -> Vec<Row> {
    // Kubernetes' own controllers come back late after an outage, and the pods with them.
    let mut patient = scenario.clone();
    patient.spec["recovery"]["within"] = json!(format!("{}s", patience::CONTROLLERS_SECONDS + 60));
    let setup = |name: &str| Setup { name: name.to_owned(), operators: 2, rule: None };
    let mut late = Case::open(lab, &patient, &setup("outage-late")).await;
    let mut missed = Case::open(lab, &patient, &setup("outage-missed")).await;
    missed.plan(FIRE_SECONDS, "1m").await;
    late.plan(FIRE_SECONDS, "10m").await;
    until(missed.at, BEFORE, true).await;
    lab.api_server.kill();
    until(missed.at, DEADLINE + LONGER, false).await;
    lab.api_server.start().await;
    let from = Instant::now();
    let is_told = async || !missed.itself().await["status"]["missed"].is_null();
    let told = patience::until(60, is_told).await.then(|| from.elapsed());
    let mut over = None;
    while over.is_none() && from.elapsed() < Duration::from_secs(3 * patience::CONTROLLERS_SECONDS)
    {
        over = late.over_after(Instant::now()).await.map(|_| from.elapsed());
    }
    vec![
        row(
            "the API server is down over the fire, within the deadline",
            late.close(true, over, Due::Done).await,
        ),
        row(
            "the API server is down over the fire and the deadline",
            missed.close(true, told, Due::Missed).await,
        ),
    ]
}

/// Waits until so long before that instant, or after it.
async fn until(at: jiff::Timestamp, apart: Duration, is_before: bool) {
    let apart = jiff::SignedDuration::try_from(apart).unwrap();
    let then = if is_before { at - apart } else { at + apart };
    let left = then.duration_since(jiff::Timestamp::now());
    tokio::time::sleep(left.try_into().unwrap_or_default()).await;
}

fn row(words: &'static str, over: Over<Evidence>) -> Row {
    let mut evidence = over.evidence;
    // How soon the workload is back is its controllers' matter.
    evidence.over_within = Duration::from_secs(3 * patience::CONTROLLERS_SECONDS);
    let lateness = evidence.lateness();
    let mut complaints: Vec<String> =
        judge(&evidence).iter().map(|(oracle, of)| format!("{oracle:?}: {of}")).collect();
    if evidence.due == Due::Done
        && lateness.is_none_or(|(created, _)| created < DEADLINE.as_secs_f64())
    {
        complaints.push(format!("the outage did not delay the day: {lateness:?}"));
    }
    Row { words, lateness, complaints }
}
