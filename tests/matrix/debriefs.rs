//! Debriefs: the operator is killed or paused at each write that concerns a debrief, and at each message that people
//! get of it, alone and beside a second one, on its way from the run that opens it to its proof.

mod altered;
mod case;
mod judge;

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    Args,
    disturbed::{self, Column, Over, Setup, Subject},
    lab::Lab,
    proxy::{
        rule::{Action, Back, Moment},
        write::Write,
    },
    scenario::{self, Scenario},
};
pub use case::config;
use judge::{Evidence, Oracle};

/// Debriefs that a run of that scenario opens.
struct Debriefs(Scenario);

impl Subject for Debriefs {
    type Evidence = Evidence;
    type Oracle = Oracle;
    const NAME: &str = "debrief";
    const COLUMNS: &[Column] = &[
        ("before", Action::Kill(Moment::Before, Back::AtOnce), 1),
        ("commit", Action::Kill(Moment::Committed, Back::AtOnce), 1),
        ("answer", Action::Kill(Moment::Answered, Back::AtOnce), 1),
        ("before", Action::Kill(Moment::Before, Back::AtOnce), 2),
        ("commit", Action::Kill(Moment::Committed, Back::AtOnce), 2),
        ("answer", Action::Kill(Moment::Answered, Back::AtOnce), 2),
        ("alone", Action::Hold, 1),
        ("beside", Action::Hold, 2),
    ];
    const HEAD: &str = "     killed, alone      killed, beside another      paused";
    const LIMIT: Duration = Duration::from_secs(2 * case::LIMIT_SECONDS + 120);

    async fn run(&self, lab: &Lab, setup: &Setup) -> Over<Evidence> {
        case::run(lab, &self.0, setup).await
    }

    fn judge(evidence: &Evidence) -> Vec<(Oracle, String)> {
        judge::judge(evidence)
    }

    fn altered(evidence: &Evidence) -> Vec<(Oracle, bool)> {
        altered::all(evidence)
    }

    /// Whether it is a write of the debrief or of its status, an event of it, the creation of a run that is to prove
    /// it, or a message.
    fn concerns(write: &Write) -> bool {
        match write.resource.as_str() {
            "debriefs" | "debriefs/status" | "chat" => true,
            "experimentruns" => write.verb == "create",
            "events" => write.news.as_ref().is_some_and(|news| news.starts_with("Debrief")),
            _ => false,
        }
    }

    fn describe(evidence: &Evidence) -> String {
        format!(", {} messages", evidence.heard.len())
    }

    fn remark(evidence: &Evidence) -> Value {
        let (lost, late) = judge::told::twice(evidence);
        json!({"messages": evidence.heard.len(), "twiceAsAnswerLost": lost, "twiceAsSentLate": late})
    }
}

/// Runs it all, or what is asked for; whether everything held.
pub async fn campaign(lab: &Lab, args: &Args) -> bool {
    let debriefs = Debriefs(scenario::slow_start());
    let Some(found) = disturbed::campaign(lab, args, &debriefs).await else {
        return false;
    };
    found.print();
    let sum =
        |key: &str| -> u64 { found.rows.iter().filter_map(|row| row.remark[key].as_u64()).sum() };
    let (messages, lost, late) =
        (sum("messages"), sum("twiceAsAnswerLost"), sum("twiceAsSentLate"));
    println!(
        "told twice where the answer was lost: {lost}; where a paused operator sent it late: {late}; of {messages} messages"
    );
    let line = format!(
        "debriefs disturbed: {} told each message, judged each run once and ended Closed with its proof{}, {lost} told twice \
         where the answer was lost and {late} where it was sent late, {}",
        found.clean(),
        found.sample(),
        found.slowest_and_seen(),
    );
    let more = json!({"messages": messages, "twiceAsAnswerLost": lost, "twiceAsSentLate": late});
    found.conclude(args, &line, &more, found.holds())
}
