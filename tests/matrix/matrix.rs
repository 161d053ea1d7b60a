//! The crash matrix: the operator as a real process, killed or paused at each of its writes on a real
//! cluster, and judged by the audit log and by the objects that are there. It shares no code with the
//! operator.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a case that cannot be run fails, and the matrix is not the operator"
)]

mod case;
mod ground;
mod judge;
mod lab;
mod operator;
mod patience;
mod proxy;
mod report;
mod scenario;

use std::{
    panic::AssertUnwindSafe,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use futures::{FutureExt, StreamExt, stream};
use rand::{SeedableRng, rngs::ChaCha8Rng, seq::SliceRandom};
use tokio::signal::unix::{SignalKind, signal};

use case::Setup;
use judge::judge;
use lab::Lab;
use proxy::{plant::Plant, write::Write};
use report::{Disturbance, Row, Summary};
use scenario::Scenario;

/// Kills the operator at each of its writes, and judges what becomes of the run.
#[derive(Parser)]
struct Args {
    /// The administrator's kubeconfig.
    #[arg(long, env = "FIREDRILL_TEST_CLUSTER")]
    kubeconfig: PathBuf,
    /// The API server's audit log.
    #[arg(long, env)]
    audit_log: PathBuf,
    /// The firedrill program.
    #[arg(long)]
    binary: PathBuf,
    /// Where logs of operators go.
    #[arg(long)]
    folder: PathBuf,
    /// The file for what was found.
    #[arg(long)]
    evidence: PathBuf,
    /// Cases at once.
    #[arg(long, default_value_t = 4)]
    at_once: usize,
    /// Begin random cases for so many seconds only, and plant no bugs.
    #[arg(long)]
    sample: Option<u64>,
    /// Of the sample.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate()).unwrap(), signal(SignalKind::interrupt()).unwrap());
    tokio::select! {
        held = matrix(&args) => if held { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        _ = terminate.recv() => ExitCode::from(143),
        _ = interrupt.recv() => ExitCode::from(130),
    }
}

async fn matrix(args: &Args) -> bool {
    let lab = Lab::open(&args.kubeconfig, &args.audit_log, &args.binary, &args.folder).await;
    let mut summary = Summary {
        seed: args.sample.map(|_| args.seed),
        possible: 0,
        rows: Vec::new(),
        planted: Vec::new(),
    };
    for scenario in scenario::all() {
        let Some(writes) = references(&lab, &scenario).await else {
            return false;
        };
        if args.sample.is_none() {
            summary.planted.extend(plants(&lab, &scenario, args.at_once).await);
        }
        let mut cases = report::disturbances(scenario.name, &writes);
        summary.possible += cases.len();
        if args.sample.is_some() {
            cases.shuffle(&mut ChaCha8Rng::seed_from_u64(args.seed));
        }
        summary.rows.extend(disturb(&lab, &scenario, cases, args).await);
    }
    conclude(&summary, args)
}

fn conclude(summary: &Summary, args: &Args) -> bool {
    if args.sample.is_none() {
        report::print_table(&summary.rows);
    }
    std::fs::write(&args.evidence, format!("{:#}\n", summary.json())).unwrap();
    if !summary.planted.is_empty() {
        let caught = summary.planted.iter().filter(|(_, caught)| *caught).count();
        println!("planted: {caught}/{} caught", summary.planted.len());
    }
    println!("{}", summary.line());
    summary.holds()
}

/// How often the run is left alone, so that what differs from run to run is known.
const REFERENCES: usize = 3;

/// The writes of an undisturbed run; `None` when one of them is not all right.
async fn references(lab: &Lab, scenario: &Scenario) -> Option<Vec<Write>> {
    let setups = (0..REFERENCES).map(|number| Setup {
        name: format!("{}-undisturbed-{number}", scenario.name),
        operators: 1,
        rule: None,
        plant: None,
    });
    let runs = setups.map(async |setup| case::run(lab, scenario, &setup).await);
    let runs = futures::future::join_all(runs).await;
    for complaint in runs.iter().flat_map(|over| judge(&over.evidence)) {
        println!("{}, undisturbed: {complaint}", scenario.name);
        return None;
    }
    let (writes, sometimes) = common(runs.iter().map(|over| over.writes.as_slice()));
    let took = runs.iter().filter_map(|over| over.evidence.clean_after).max().unwrap_or_default();
    println!(
        "{}, undisturbed: {} writes, {} ({}) in {:.1}s, {REFERENCES} of {REFERENCES} times",
        scenario.name,
        writes.len(),
        scenario.verdict.0,
        scenario.verdict.1,
        took.as_secs_f64()
    );
    for write in sometimes {
        println!("  not in every run, so nothing is done at it: {write}");
    }
    Some(writes)
}

/// What all runs wrote, in the order of the first that wrote it, and what only some did.
fn common<'a>(runs: impl Iterator<Item = &'a [Write]> + Clone) -> (Vec<Write>, Vec<Write>) {
    let mut all: Vec<Write> = Vec::new();
    for write in runs.clone().flatten() {
        if !all.contains(write) {
            all.push(write.clone());
        }
    }
    all.into_iter().partition(|write| runs.clone().all(|run| run.contains(write)))
}

/// Shows that the oracles see: each planted bug, and whether it was caught.
async fn plants(lab: &Lab, scenario: &Scenario, at_once: usize) -> Vec<(String, bool)> {
    let one = async |(plant, oracles): (Plant, &[judge::Oracle])| {
        let name = format!("{plant:?}");
        let setup = Setup {
            name: format!("{}-{name}", scenario.name),
            operators: 1,
            rule: plant.rule(),
            plant: Some(plant),
        };
        let over = case::run(lab, scenario, &setup).await;
        let complaints = judge(&over.evidence);
        let caught = oracles.iter().all(|of| complaints.iter().any(|one| one.oracle == *of));
        let words = if caught { "caught by" } else { "NOT CAUGHT by" };
        println!("planted: {} {name:24} {words} {oracles:?}", scenario.name);
        (name, caught)
    };
    stream::iter(Plant::ALL).map(one).buffer_unordered(at_once).collect().await
}

/// Runs the cases, some at a time, and prints each as it ends.
async fn disturb(lab: &Lab, scenario: &Scenario, cases: Vec<Disturbance>, args: &Args) -> Vec<Row> {
    let (count, began) = (cases.len(), Instant::now());
    let time_is_left = |_: &_| {
        let left = args.sample.is_none_or(|seconds| began.elapsed() < Duration::from_secs(seconds));
        std::future::ready(left)
    };
    let one = async |(number, disturbance): (usize, Disturbance)| {
        let setup = Setup {
            name: format!("{}-{number}", scenario.name),
            operators: disturbance.operators,
            rule: Some(disturbance.rule.clone()),
            plant: None,
        };
        let over = AssertUnwindSafe(case::run(lab, scenario, &setup)).catch_unwind().await;
        let (complaints, clean_after) = match over {
            Ok(over) => (judge(&over.evidence), over.evidence.clean_after),
            Err(_) => return Row::not_run(disturbance),
        };
        let complaints = complaints.iter().map(ToString::to_string).collect();
        Row { disturbance, complaints, clean_after }
    };
    let cases = stream::iter(cases.into_iter().enumerate()).take_while(time_is_left);
    let mut rows = Vec::new();
    let mut over = std::pin::pin!(cases.map(one).buffer_unordered(args.at_once));
    while let Some(row) = over.next().await {
        let seconds = began.elapsed().as_secs();
        println!("{:4}/{count} {seconds:4}s  {} {}", rows.len() + 1, row.disturbance, row.cell());
        row.complaints.iter().for_each(|complaint| println!("             {complaint}"));
        rows.push(row);
    }
    rows
}
