//! What has a course of its own, over several runs: the operator is killed or paused at each of its writes, in a case
//! of its own each. What that is, and what must hold of it, is said by a [`Subject`].

pub mod company;

use std::{
    collections::BTreeSet,
    fmt::{self, Debug},
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, stream};
use rand::{SeedableRng, rngs::ChaCha8Rng, seq::SliceRandom};
use serde_json::{Value, json};

use crate::{
    Args,
    judge::audit::{self, Event},
    lab::Lab,
    proxy::{
        rule::{Action, Rule},
        write::{Told, Write},
    },
    report::Table,
};

/// How often it is left alone, so that what differs from time to time is known.
const REFERENCES: usize = 3;

/// What is done at each write, by how many operators, and how a table calls it.
pub type Column = (&'static str, Action, usize);

/// What is done in a case.
#[derive(Clone, Debug)]
pub struct Setup {
    /// By which its files are found.
    pub name: String,
    pub operators: usize,
    pub rule: Option<Rule>,
}

/// A case that is over.
pub struct Over<E> {
    pub evidence: E,
    /// The operators' writes since it began, in their order.
    pub writes: Vec<Told>,
    /// From the disturbance until it was over.
    pub after: Option<Duration>,
}

/// What is disturbed.
pub trait Subject {
    /// Everything that is known of a case when it is over.
    type Evidence;
    /// What must hold after every case.
    type Oracle: Debug;
    /// In one word.
    const NAME: &str;
    const COLUMNS: &[Column];
    /// The line over the heads of the columns.
    const HEAD: &str;
    /// No case lasts longer than that.
    const LIMIT: Duration;

    /// Runs one case from its namespace to its end.
    async fn run(&self, lab: &Lab, setup: &Setup) -> Over<Self::Evidence>;

    /// Every complaint about a case; none when it was all right.
    fn judge(evidence: &Self::Evidence) -> Vec<(Self::Oracle, String)>;

    /// Each oracle, and whether it complains of evidence in which its promise is broken.
    fn altered(evidence: &Self::Evidence) -> Vec<(Self::Oracle, bool)>;

    /// Whether something is done at that write.
    fn concerns(write: &Write) -> bool;

    /// What is said of a case that was left alone, behind how long it took.
    fn describe(evidence: &Self::Evidence) -> String;

    /// What is written down of a case beside its judgement: an object.
    fn remark(evidence: &Self::Evidence) -> Value;
}

/// One case.
pub struct Work {
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
pub struct Row {
    work: Work,
    over_after: Option<Duration>,
    pub complaints: Vec<String>,
    pub remark: Value,
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
        let mut row = json!({
            "write": rule.write.to_string(), "action": rule.action.to_string(), "operators": operators,
            "overAfterSeconds": self.over_after.map(|after| after.as_secs_f64()),
            "complaints": self.complaints,
        });
        add(&mut row, &self.remark);
        row
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.work, self.cell())?;
        self.complaints.iter().try_for_each(|complaint| write!(f, "\n             {complaint}"))
    }
}

fn add(object: &mut Value, more: &Value) {
    let more = more.as_object().cloned().unwrap_or_default();
    object.as_object_mut().unwrap().extend(more);
}

/// Everything that was found.
pub struct Found<S: Subject> {
    pub seed: Option<u64>,
    pub possible: usize,
    pub rows: Vec<Row>,
    /// See [`Subject::altered`].
    pub altered: Vec<(S::Oracle, bool)>,
}

/// Runs it all, or what is asked for; `None` when what was left alone was not all right.
pub async fn campaign<S: Subject>(lab: &Lab, args: &Args, subject: &S) -> Option<Found<S>> {
    let (writes, whole) = references(lab, subject).await?;
    let mut works: Vec<Work> = writes.iter().flat_map(at::<S>).collect();
    let possible = works.len();
    if let Some(only) = &args.only {
        works.retain(|work| work.to_string().contains(only));
    }
    if args.sample.is_some() {
        works.shuffle(&mut ChaCha8Rng::seed_from_u64(args.seed));
    }
    let limit = args.sample.map(Duration::from_secs);
    let rows = work_off(lab, subject, works, (args.at_once, limit)).await;
    let seed = args.sample.map(|_| args.seed);
    Some(Found { seed, possible, rows, altered: S::altered(&whole) })
}

/// The writes of a case that is left alone, and what is known of one; `None` when one of them is not all right.
async fn references<S: Subject>(lab: &Lab, subject: &S) -> Option<(Vec<Write>, S::Evidence)> {
    let cases = (0..REFERENCES).map(async |number| {
        let name = format!("{}-undisturbed-{number}", S::NAME);
        subject.run(lab, &Setup { name, operators: 1, rule: None }).await
    });
    let cases = futures::future::join_all(cases).await;
    let mut is_right = true;
    for (oracle, of) in cases.iter().flat_map(|over| S::judge(&over.evidence)) {
        println!("an undisturbed {}: {oracle:?}: {of}", S::NAME);
        is_right = false;
    }
    let mut writes: Vec<Write> = Vec::new();
    for write in cases.iter().flat_map(|over| &over.writes).map(Told::write) {
        let has = |over: &Over<_>| over.writes.iter().any(|told| told.is(&write));
        if S::concerns(&write) && !writes.contains(&write) && cases.iter().all(has) {
            writes.push(write);
        }
    }
    let first = cases.into_iter().next()?;
    println!(
        "an undisturbed {}: {} writes of its own in {:.1}s{}",
        S::NAME,
        writes.len(),
        first.after.unwrap_or_default().as_secs_f64(),
        S::describe(&first.evidence),
    );
    is_right.then_some((writes, first.evidence))
}

/// Everything that is done at one write.
fn at<S: Subject>(write: &Write) -> impl Iterator<Item = Work> {
    S::COLUMNS.iter().enumerate().map(|(column, (_, action, operators))| Work {
        rule: Rule { write: write.clone(), action: *action },
        operators: *operators,
        column,
    })
}

/// Runs the cases, some at a time, and prints each as it ends; none begins after `limit`.
async fn work_off<S: Subject>(
    lab: &Lab,
    subject: &S,
    works: Vec<Work>,
    (at_once, limit): (usize, Option<Duration>),
) -> Vec<Row> {
    let (count, began) = (u32::try_from(works.len()).unwrap(), Instant::now());
    let time_is_left =
        |_: &_| std::future::ready(limit.is_none_or(|limit| began.elapsed() < limit));
    let works = stream::iter(works.into_iter().enumerate()).take_while(time_is_left);
    let one = async |(number, work): (usize, Work)| row(lab, subject, number, work).await;
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

async fn row<S: Subject>(lab: &Lab, subject: &S, number: usize, work: Work) -> Row {
    let (rule, operators) = (Some(work.rule.clone()), work.operators);
    let setup = Setup { name: format!("{}-{number}", S::NAME), operators, rule };
    let run = AssertUnwindSafe(subject.run(lab, &setup)).catch_unwind();
    let Ok(Ok(over)) = tokio::time::timeout(S::LIMIT, run).await else {
        let complaints = vec!["the case itself broke off".to_owned()];
        return Row { work, over_after: None, complaints, remark: json!({}) };
    };
    let complaints = S::judge(&over.evidence);
    let told = complaints.iter().map(|(oracle, of)| format!("{oracle:?}: {of}"));
    let (complaints, remark) = (told.collect(), S::remark(&over.evidence));
    Row { work, over_after: over.after, complaints, remark }
}

impl<S: Subject> Found<S> {
    pub fn holds(&self) -> bool {
        let is_clean = self.rows.iter().all(|row| row.complaints.is_empty());
        !self.rows.is_empty() && is_clean && self.altered.iter().all(|(_, seen)| *seen)
    }

    pub fn print(&self) {
        if self.seed.is_none() {
            self.print_table();
        }
        for (oracle, _) in self.altered.iter().filter(|(_, seen)| !seen) {
            println!("altered evidence NOT SEEN by {oracle:?}");
        }
        for row in self.rows.iter().filter(|row| !row.complaints.is_empty()) {
            println!("not clean: {row}");
        }
    }

    fn print_table(&self) {
        let mut table = Table::default();
        for row in &self.rows {
            let place = (row.work.column, S::COLUMNS.len());
            table.put(row.work.rule.write.to_string(), place, row.cell());
        }
        println!("\n{:60}{}", "", S::HEAD);
        let heads: Vec<String> = S::COLUMNS.iter().map(|(head, ..)| format!("{head:>8}")).collect();
        let words = format!("the write at which it was; seconds to the end of the {}", S::NAME);
        println!("{words:60}{}", heads.concat());
        table.print();
    }

    /// How many cases were all right, of how many.
    pub fn clean(&self) -> String {
        let clean = self.rows.iter().filter(|row| row.complaints.is_empty()).count();
        format!("{clean}/{}", self.rows.len())
    }

    /// Of how many a sample is; empty where it is none.
    pub fn sample(&self) -> String {
        let sample = self.seed.map(|seed| format!(" (of {}, seed {seed})", self.possible));
        sample.unwrap_or_default()
    }

    /// How long the slowest took, and how much broken evidence was seen.
    pub fn slowest_and_seen(&self) -> String {
        let slowest = self.rows.iter().filter_map(|row| row.over_after).max().unwrap_or_default();
        let seen = self.altered.iter().filter(|(_, seen)| *seen).count();
        format!(
            "slowest end {:.1}s, broken evidence seen {seen}/{}",
            slowest.as_secs_f64(),
            self.altered.len()
        )
    }

    /// Writes it down, and more, and prints the last line; whether it held.
    pub fn conclude(&self, args: &Args, line: &str, more: &Value, held: bool) -> bool {
        let seen = |(oracle, seen): &(S::Oracle, bool)| json!({"oracle": format!("{oracle:?}"), "seen": seen});
        let mut found = json!({
            "seed": self.seed,
            "possible": self.possible,
            "altered": self.altered.iter().map(seen).collect::<Vec<_>>(),
            "cases": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "line": line,
            "held": held,
        });
        add(&mut found, more);
        std::fs::write(&args.evidence, format!("{found:#}\n")).unwrap();
        println!("{line}");
        held
    }
}

/// Every complaint, beside the oracle that has it.
pub fn complaints<O: Copy>(found: impl IntoIterator<Item = (O, Vec<String>)>) -> Vec<(O, String)> {
    let found = found.into_iter();
    found.flat_map(|(oracle, found)| found.into_iter().map(move |of| (oracle, of))).collect()
}

/// What is wrong where the write at which something was to happen did not come.
pub fn missing(came: bool) -> Vec<String> {
    let came = (!came).then(|| "what was to be disturbed never came".to_owned());
    came.into_iter().collect()
}

/// Those of these writes that changed one of these resources and did not say on what they are based.
pub fn unfenced<'a>(writes: impl Iterator<Item = &'a Event>, resources: &[&str]) -> Vec<String> {
    let is_unfenced = |event: &&Event| {
        resources.contains(&event.resource().as_str())
            && event.verb() == "patch"
            && event.is_committed()
            && !event.request()["metadata"]["resourceVersion"].is_string()
    };
    let found = writes.filter(is_unfenced);
    found.map(|event| format!("{} {} {}", event.verb(), event.resource(), event.name())).collect()
}

/// Whether each pod that one of these runs had journaled was evicted, once, and no other; what was wrong.
pub fn struck(events: &[Event], runs: &[Value]) -> Vec<String> {
    let uid = |event: &&Event| {
        event.request()["deleteOptions"]["preconditions"]["uid"]
            .as_str()
            .unwrap_or("any")
            .to_owned()
    };
    let evictions = audit::done(events, "create", "pods/eviction");
    let evicted: Vec<String> = evictions.iter().map(uid).collect();
    let victims = |run: &Value| run["status"]["plan"]["victims"].as_array().cloned();
    let journaled = runs.iter().filter_map(victims).flatten();
    let journaled: Vec<String> =
        journaled.filter_map(|victim| victim["uid"].as_str().map(str::to_owned)).collect();
    let set = |list: &[String]| list.iter().cloned().collect::<BTreeSet<String>>();
    let is_once = set(&evicted).len() == evicted.len() && set(&evicted) == set(&journaled);
    if is_once { Vec::new() } else { vec![format!("evicted {evicted:?}, journaled {journaled:?}")] }
}
