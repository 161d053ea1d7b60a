//! One case: a debrief from the run that opens it to its proof, on ground of its own, disturbed at one write or message
//! or not at all, and what is known of it when it is over.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::judge::{Evidence, list};
use crate::{
    disturbed::{
        Over, Setup,
        company::{self, Company},
    },
    ground::Ground,
    judge::objects::{Snapshot, is_free},
    lab::Lab,
    patience,
    scenario::Scenario,
};

/// From a restart to the end of the debrief: an undisturbed one, a message that is tried again, and a margin for a busy
/// machine.
pub const LIMIT_SECONDS: u64 = 120;

/// How long a new pod takes once that is mended: so long that the outage is seen.
const MENDED_MILLIS: u32 = 4000;

/// What the operators are configured with: a chat, and two runs at any hour prove what is to be proven.
pub fn config() -> Value {
    // No run begins in the last minutes of a day.
    let is_late = Timestamp::now().to_zoned(TimeZone::UTC).hour() >= 12;
    let policy = json!({
        "timeZone": if is_late { "Etc/GMT+12" } else { "UTC" },
        "hours": "00:00-24:00",
        "days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        "passes": 2,
        "spacing": "1s",
    });
    json!({"chat": {}, "debriefs": {"policy": policy}})
}

/// A case that is under way.
struct Case<'a>(Company<'a>);

/// Runs one case from its namespace to its end.
pub async fn run(lab: &Lab, scenario: &Scenario, setup: &Setup) -> Over<Evidence> {
    let ground = Ground::simulated(lab, scenario).await;
    let case = Case(Company::open(lab, ground, setup).await);
    case.0.ground.start_run().await;
    let is_over = async || case.is_over().await;
    let (_, (fired, over_after)) =
        futures::join!(case.people(), case.0.disturb(setup.rule.as_ref(), LIMIT_SECONDS, is_over));
    case.close(lab, fired, over_after).await
}

impl Case<'_> {
    /// The debrief, where there is one.
    async fn debrief(&self) -> Option<Value> {
        self.0.ground.debriefs().await.into_iter().next()
    }

    async fn is_at(&self, stage: &str) -> bool {
        let is_at = async || {
            self.debrief().await.is_some_and(|debrief| debrief["status"]["stage"] == stage)
        };
        patience::until(LIMIT_SECONDS, is_at).await
    }

    /// What people do: they meet, mend what was slow, say so, and have the operator prove it. Where it does not come so
    /// far they do no more.
    async fn people(&self) -> Option<()> {
        let item = |state: &str| {
            json!([{"id": "a1", "title": "Start sooner", "turnsYes": ["Recovery"], "type": "Recover",
                "horizon": "Immediate", "ownerTeam": "team-web", "state": state}])
        };
        self.is_at("AwaitingDebrief").await.then_some(())?;
        let meeting = json!({"heldAt": Timestamp::now().to_string()});
        let met =
            json!({"impact": {"none": true}, "meeting": meeting, "actionItems": item("Open")});
        self.write(met).await?;
        self.is_at("Acting").await.then_some(())?;
        self.0.ground.mend(MENDED_MILLIS).await.then_some(())?;
        self.write(json!({"actionItems": item("Done"), "scheduleProof": true})).await
    }

    async fn write(&self, spec: Value) -> Option<()> {
        let debrief = self.debrief().await?;
        let patch = Patch::Merge(json!({"spec": spec}));
        let debriefs = self.0.ground.ours("Debrief");
        let name = debrief["metadata"]["name"].as_str()?;
        debriefs.patch(name, &PatchParams::default(), &patch).await.unwrap();
        Some(())
    }

    /// Whether nothing is left to be done.
    async fn is_over(&self) -> bool {
        let Some(debrief) = self.debrief().await else { return false };
        let messages: Vec<&Value> = list(&debrief, "messages").collect();
        let runs = self.0.ground.all("ExperimentRun").await;
        debrief["status"]["endedAt"].is_string()
            && messages.iter().any(|message| message["what"] == "Ended")
            && messages.iter().all(|message| message["delivered"].is_string())
            && runs.iter().all(|run| run["metadata"]["finalizers"].is_null())
            && self.0.ground.experiment().await["status"]["openDebrief"].is_null()
    }

    /// Writes down how everything is, and removes it.
    async fn close(self, lab: &Lab, came: bool, over_after: Option<Duration>) -> Over<Evidence> {
        let company = &self.0;
        let events = company.quiet().await;
        let (ground, proxy) = (&company.ground, &company.proxy);
        let snapshot = Snapshot::take(&lab.client, &lab.kinds, &ground.namespace, is_free).await;
        let evidence = Evidence {
            operator: Lab::operator_user(),
            came,
            over_after,
            over_within: Duration::from_secs(LIMIT_SECONDS),
            debriefs: ground.debriefs().await,
            runs: ground.all("ExperimentRun").await,
            experiment: ground.experiment().await,
            armed: snapshot.armed,
            heard: proxy.heard(),
            fired: *proxy.fired.borrow(),
            ails: company.ails(),
            events,
        };
        let mut writes = company::writes(proxy, evidence.writes());
        writes.extend(evidence.heard.iter().map(|heard| heard.told.clone()));
        self.0.remove().await;
        Over { evidence, writes, after: over_after }
    }
}
