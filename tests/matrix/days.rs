//! Game days: the operator is killed or paused at each write of a day, alone and beside a second one, and the API
//! server is down when plans fire. The runs of a day are the matter of the rest of the matrix.

mod altered;
mod case;
mod judge;
mod outage;

use std::{
    fmt,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, stream};
use rand::{SeedableRng, rngs::ChaCha8Rng, seq::SliceRandom};
use serde_json::{Value, json};

use crate::{
    Args,
    lab::Lab,
    proxy::{
        rule::{Action, Back, Moment, Rule},
        write::{Told, Write},
    },
    report::Table,
    scenario::{self, Scenario},
};
use case::Setup;
use judge::{Evidence, Oracle};

/// What is done at each write, by how many operators, and how a table calls it.
const COLUMNS: [(&str, Action, usize); 5] = [
    ("commit", Action::Kill(Moment::Committed, Back::AtOnce), 1),
    ("before", Action::Kill(Moment::Before, Back::AtOnce), 2),
    ("commit", Action::Kill(Moment::Committed, Back::AtOnce), 2),
    ("answer", Action::Kill(Moment::Answered, Back::AtOnce), 2),
    ("late", Action::Hold, 2),
];
/// How often a day is left alone, so that what differs from day to day is known.
const REFERENCES: usize = 3;
/// No case lasts longer than that.
const CASE_LIMIT: Duration = Duration::from_secs(2 * case::LIMIT_SECONDS + 120);

/// One case.
struct Work {
    rule: Rule,
    operators: usize,
    column: usize,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let company = if self.operators == 1 { "alone" } else { "beside another" };
        write!(f, "{:52} {:20} {company:14}", self.rule.write, self.rule.action)
    }
}

/// One case with its judgement.
struct Row {
    work: Work,
    over_after: Option<Duration>,
    complaints: Vec<String>,
}

impl Row {
    fn cell(&self) -> String {
        match self.over_after {
            Some(after) if self.complaints.is_empty() => format!("{:.1}s", after.as_secs_f64()),
            _ => "FAILED".to_owned(),
        }
    }

    fn json(&self) -> Value {
        let Work { rule, operators, .. } = &self.work;
        json!({
            "write": rule.write.to_string(), "action": rule.action.to_string(), "operators": operators,
            "overAfterSeconds": self.over_after.map(|after| after.as_secs_f64()),
            "complaints": self.complaints,
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.work, self.cell())?;
        self.complaints.iter().try_for_each(|complaint| write!(f, "\n             {complaint}"))
    }
}

/// Everything that was found.
struct Found {
    seed: Option<u64>,
    possible: usize,
    rows: Vec<Row>,
    /// Each oracle, and whether it saw evidence in which its promise is broken.
    altered: Vec<(Oracle, bool)>,
    outage: Vec<outage::Row>,
}

/// Runs it all, or what is asked for; whether everything held.
pub async fn campaign(lab: &Lab, args: &Args) -> bool {
    let scenario = scenario::quick();
    let Some((writes, whole)) = references(lab, &scenario).await else {
        return false;
    };
    let mut works: Vec<Work> = writes.iter().flat_map(at).collect();
    let possible = works.len();
    if let Some(only) = &args.only {
        works.retain(|work| work.to_string().contains(only));
    }
    if args.sample.is_some() {
        works.shuffle(&mut ChaCha8Rng::seed_from_u64(args.seed));
    }
    let limit = args.sample.map(Duration::from_secs);
    let rows = work_off(lab, &scenario, works, (args.at_once, limit)).await;
    let is_all = args.sample.is_none() && args.only.is_none();
    let outage = if is_all { outage::run(lab, &scenario).await } else { Vec::new() };
    let seed = args.sample.map(|_| args.seed);
    let found = Found { seed, possible, rows, altered: altered::all(&whole), outage };
    found.tell(args)
}

/// The writes of an undisturbed day, and what is known of one; `None` when one of them is not all right.
async fn references(lab: &Lab, scenario: &Scenario) -> Option<(Vec<Write>, Evidence)> {
    let days = (0..REFERENCES).map(async |number| {
        let name = format!("day-undisturbed-{number}");
        case::run(lab, scenario, &Setup { name, operators: 1, rule: None }).await
    });
    let days = futures::future::join_all(days).await;
    let mut is_right = true;
    for (oracle, of) in days.iter().flat_map(|over| judge::judge(&over.evidence)) {
        println!("an undisturbed day: {oracle:?}: {of}");
        is_right = false;
    }
    let mut writes: Vec<Write> = Vec::new();
    for write in days.iter().flat_map(|over| &over.writes).map(Told::write) {
        let has = |over: &case::Over| over.writes.iter().any(|told| told.is(&write));
        if is_of_day(&write) && !writes.contains(&write) && days.iter().all(has) {
            writes.push(write);
        }
    }
    let whole = days.into_iter().next()?.evidence;
    let took = whole.over_after.unwrap_or_default().as_secs_f64();
    let (created, go) = whole.lateness().unwrap_or_default();
    println!(
        "an undisturbed day: {} writes of its own in {took:.1}s, created {created:.2}s and a go {go:.2}s after its time",
        writes.len(),
    );
    is_right.then_some((writes, whole))
}

/// Whether it is a write of the plan or of the day, or one that creates or deletes a run.
fn is_of_day(write: &Write) -> bool {
    let ours = ["gamedays/status", "gamedayruns", "gamedayruns/status"];
    ours.contains(&write.resource.as_str())
        || write.resource == "experimentruns" && matches!(write.verb, "create" | "delete")
}

/// Everything that is done at one write.
fn at(write: &Write) -> impl Iterator<Item = Work> {
    COLUMNS.into_iter().enumerate().map(|(column, (_, action, operators))| Work {
        rule: Rule { write: write.clone(), action },
        operators,
        column,
    })
}

/// Runs the cases, some at a time, and prints each as it ends; none begins after `limit`.
async fn work_off(
    lab: &Lab,
    scenario: &Scenario,
    works: Vec<Work>,
    (at_once, limit): (usize, Option<Duration>),
) -> Vec<Row> {
    let (count, began) = (u32::try_from(works.len()).unwrap(), Instant::now());
    let time_is_left =
        |_: &_| std::future::ready(limit.is_none_or(|limit| began.elapsed() < limit));
    let works = stream::iter(works.into_iter().enumerate()).take_while(time_is_left);
    let one = async |(number, work): (usize, Work)| row(lab, scenario, number, work).await;
    let mut over = std::pin::pin!(works.map(one).buffer_unordered(at_once));
    let mut rows = Vec::new();
    while let Some(row) = over.next().await {
        rows.push(row);
        let done = u32::try_from(rows.len()).unwrap();
        let left = (began.elapsed() / done * (count - done)).as_secs();
        println!("{done:4}/{count}, {left:4}s left  {}", rows[rows.len() - 1]);
    }
    rows
}

async fn row(lab: &Lab, scenario: &Scenario, number: usize, work: Work) -> Row {
    let (rule, operators) = (Some(work.rule.clone()), work.operators);
    let setup = Setup { name: format!("day-{number}"), operators, rule };
    let run = AssertUnwindSafe(case::run(lab, scenario, &setup)).catch_unwind();
    let Ok(Ok(over)) = tokio::time::timeout(CASE_LIMIT, run).await else {
        let complaints = vec!["the case itself broke off".to_owned()];
        return Row { work, over_after: None, complaints };
    };
    let complaints = judge::judge(&over.evidence);
    let told = complaints.iter().map(|(oracle, of)| format!("{oracle:?}: {of}"));
    Row { work, over_after: over.evidence.over_after, complaints: told.collect() }
}

impl Found {
    fn holds(&self) -> bool {
        let clean = self.rows.iter().all(|row| row.complaints.is_empty());
        let outage = self.outage.iter().all(|row| row.complaints.is_empty());
        !self.rows.is_empty() && clean && outage && self.altered.iter().all(|(_, seen)| *seen)
    }

    /// Prints everything and writes it down; whether it held.
    fn tell(&self, args: &Args) -> bool {
        if self.seed.is_none() {
            self.print_table();
        }
        for row in &self.outage {
            println!("{}", row.line());
        }
        for (oracle, _) in self.altered.iter().filter(|(_, seen)| !seen) {
            println!("altered evidence NOT SEEN by {oracle:?}");
        }
        for row in self.rows.iter().filter(|row| !row.complaints.is_empty()) {
            println!("not clean: {row}");
        }
        let line = self.line();
        let json = json!({
            "seed": self.seed,
            "possible": self.possible,
            "altered": self.altered.iter().map(|(oracle, seen)| json!({"oracle": format!("{oracle:?}"), "seen": seen})).collect::<Vec<_>>(),
            "cases": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "outage": self.outage.iter().map(outage::Row::json).collect::<Vec<_>>(),
            "line": line,
            "held": self.holds(),
        });
        std::fs::write(&args.evidence, format!("{json:#}\n")).unwrap();
        println!("{line}");
        self.holds()
    }

    fn print_table(&self) {
        let mut table = Table::default();
        for row in &self.rows {
            let place = (row.work.column, COLUMNS.len());
            table.put(row.work.rule.write.to_string(), place, row.cell());
        }
        println!("\n{:60}{:>8}{:^24}{:>8}", "", "alone", "beside another", "paused");
        let heads: Vec<String> = COLUMNS.iter().map(|(head, ..)| format!("{head:>8}")).collect();
        println!(
            "{:60}{}",
            "the write at which it was; seconds to the end of the day",
            heads.concat()
        );
        table.print();
    }

    /// The last line.
    fn line(&self) -> String {
        let clean = self.rows.iter().filter(|row| row.complaints.is_empty()).count();
        let seen = self.altered.iter().filter(|(_, seen)| *seen).count();
        let sample = self.seed.map(|seed| format!(" (of {}, seed {seed})", self.possible));
        let slowest = self.rows.iter().filter_map(|row| row.over_after).max().unwrap_or_default();
        let held = self.outage.iter().filter(|row| row.complaints.is_empty()).count();
        let outage = match self.outage.len() {
            0 => String::new(),
            of => format!(", {held}/{of} outages"),
        };
        format!(
            "game days disturbed: {clean}/{} began once, created each run once and ended Done{}{outage}, slowest end {:.1}s, \
             broken evidence seen {seen}/{}",
            self.rows.len(),
            sample.unwrap_or_default(),
            slowest.as_secs_f64(),
            self.altered.len(),
        )
    }
}
