//! Game days: the operator is killed or paused at each write of a day, alone and beside a second one, and the API
//! server is down when plans fire. The runs of a day are the matter of the rest of the matrix.

mod altered;
mod case;
mod judge;
mod outage;

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
use judge::{Evidence, OF_A_DAY, Oracle};

/// Game days, each of two steps of that scenario.
struct Days(Scenario);

impl Subject for Days {
    type Evidence = Evidence;
    type Oracle = Oracle;
    const NAME: &str = "day";
    const COLUMNS: &[Column] = &[
        ("commit", Action::Kill(Moment::Committed, Back::AtOnce), 1),
        ("before", Action::Kill(Moment::Before, Back::AtOnce), 2),
        ("commit", Action::Kill(Moment::Committed, Back::AtOnce), 2),
        ("answer", Action::Kill(Moment::Answered, Back::AtOnce), 2),
        ("late", Action::Hold, 2),
    ];
    const HEAD: &str = "   alone     beside another       paused";
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

    /// Whether it is a write of the plan or of the day, or one that creates or deletes a run.
    fn concerns(write: &Write) -> bool {
        OF_A_DAY.contains(&write.resource.as_str())
            || write.resource == "experimentruns" && matches!(write.verb, "create" | "delete")
    }

    fn describe(evidence: &Evidence) -> String {
        let (created, go) = evidence.lateness().unwrap_or_default();
        format!(", created {created:.2}s and a go {go:.2}s after its time")
    }

    fn remark(_: &Evidence) -> Value {
        json!({})
    }
}

/// Runs it all, or what is asked for; whether everything held.
pub async fn campaign(lab: &Lab, args: &Args) -> bool {
    let days = Days(scenario::quick());
    let Some(found) = disturbed::campaign(lab, args, &days).await else {
        return false;
    };
    let is_all = args.sample.is_none() && args.only.is_none();
    let outage = if is_all { outage::run(lab, &days.0).await } else { Vec::new() };
    found.print();
    for row in &outage {
        println!("{}", row.line());
    }
    let held = outage.iter().filter(|row| row.complaints.is_empty()).count();
    let words = match outage.len() {
        0 => String::new(),
        of => format!(", {held}/{of} outages"),
    };
    let line = format!(
        "game days disturbed: {} began once, created each run once and ended Done{}{words}, {}",
        found.clean(),
        found.sample(),
        found.slowest_and_seen(),
    );
    let more = json!({"outage": outage.iter().map(outage::Row::json).collect::<Vec<_>>()});
    let is_held = found.holds() && held == outage.len();
    found.conclude(args, &line, &more, is_held)
}
