//! The matrix: the operator as a real process, killed or paused at each of its writes on a real cluster,
//! and deprived of what it takes to revert a fault; the same for game days and debriefs; judged by the audit log and by
//! the objects that are there. It shares no code with the operator.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a case that cannot be run fails, and the matrix is not the operator"
)]

mod campaign;
mod case;
mod cluster;
mod days;
mod debriefs;
mod disturbed;
mod ground;
mod judge;
mod lab;
mod leak;
#[path = "../on_cluster/support/merge.rs"]
mod merge;
mod operator;
mod patience;
mod proxy;
mod report;
mod scenario;
mod work;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use futures::{StreamExt, stream};
use rand::{SeedableRng, rngs::ChaCha8Rng, seq::SliceRandom};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use lab::{Lab, Places};
use report::Summary;
use work::Work;

/// Disturbs the operator at each of its writes and takes away what it needs, and judges what becomes of
/// the runs.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    places: Places,
    /// The file for what was found.
    #[arg(long)]
    evidence: PathBuf,
    /// Cases at once; default 6, and 12 of debriefs, whose pods are simulated.
    #[arg(long, default_value = "6", default_value_if("debriefs", "true", "12"))]
    at_once: usize,
    /// Begin random cases for so many seconds only, and plant no bugs.
    #[arg(long)]
    sample: Option<u64>,
    /// Of the sample.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Game days instead of runs: disturbed at each of their own writes, and fired while the API server is down.
    #[arg(long)]
    days: bool,
    /// Debriefs instead of runs: disturbed at each write that concerns them, and at each message.
    #[arg(long, conflicts_with = "days")]
    debriefs: bool,
    /// The leak matrix alone.
    #[arg(long)]
    leaks: bool,
    /// Only cases whose line contains this, and no planted bugs.
    #[arg(long)]
    only: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate()).unwrap(), signal(SignalKind::interrupt()).unwrap());
    let more = if args.debriefs { debriefs::config() } else { json!({}) };
    let lab = Lab::open(&args.places, more).await;
    let code = tokio::select! {
        held = matrix(&lab, &args) => if held { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        _ = terminate.recv() => ExitCode::from(143),
        _ = interrupt.recv() => ExitCode::from(130),
    };
    lab.restore().await;
    code
}

async fn matrix(lab: &Lab, args: &Args) -> bool {
    if args.days {
        return days::campaign(lab, args).await;
    }
    if args.debriefs {
        return debriefs::campaign(lab, args).await;
    }
    let scenarios = scenario::all();
    let mut cases: Vec<Work<'_>> = leak::all(&scenarios).into_iter().map(Work::Leak).collect();
    let mut planted = Vec::new();
    if !args.leaks {
        let references = scenarios.iter().map(|scenario| campaign::references(lab, scenario));
        let references: Vec<_> = stream::iter(references).buffered(2).collect().await;
        for (scenario, writes) in scenarios.iter().zip(references) {
            let Some(writes) = writes else {
                return false;
            };
            cases.extend(work::disturbances(scenario, &writes));
        }
        if args.sample.is_none() && args.only.is_none() {
            planted = campaign::plants(lab, &scenarios, args.at_once).await;
        }
    }
    let possible = cases.len();
    if let Some(only) = &args.only {
        cases.retain(|case| case.to_string().contains(only));
    }
    if args.sample.is_some() {
        cases.shuffle(&mut ChaCha8Rng::seed_from_u64(args.seed));
    }
    let limit = args.sample.map(Duration::from_secs);
    let rows = campaign::work_off(lab, cases, (args.at_once, limit)).await;
    let seed = args.sample.map(|_| args.seed);
    conclude(&Summary { seed, possible, rows, planted }, args)
}

fn conclude(summary: &Summary<'_>, args: &Args) -> bool {
    if args.sample.is_none() {
        report::print_tables(&summary.rows);
    }
    std::fs::write(&args.evidence, format!("{:#}\n", summary.json())).unwrap();
    if !summary.planted.is_empty() {
        let caught = summary.planted.iter().filter(|(_, caught)| *caught).count();
        println!("planted: {caught}/{} caught", summary.planted.len());
    }
    for row in summary.rows.iter().filter(|row| !row.is_clean()) {
        println!("not clean: {row}");
    }
    println!("{}", summary.line());
    summary.holds()
}
