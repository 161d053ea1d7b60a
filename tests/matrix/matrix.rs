//! The crash matrix: the operator as a real process, killed or paused at each of its writes on a real
//! cluster, and judged by the audit log and by the objects that are there. It shares no code with the
//! operator.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a case that cannot be run fails, and the matrix is not the operator"
)]

mod campaign;
mod case;
mod ground;
mod judge;
mod lab;
mod operator;
mod patience;
mod proxy;
mod report;
mod scenario;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use rand::{SeedableRng, rngs::ChaCha8Rng, seq::SliceRandom};
use tokio::signal::unix::{SignalKind, signal};

use lab::Lab;
use report::Summary;

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
    let limit = args.sample.map(Duration::from_secs);
    for scenario in scenario::all() {
        let Some(writes) = campaign::references(&lab, &scenario).await else {
            return false;
        };
        if args.sample.is_none() {
            summary.planted.extend(campaign::plants(&lab, &scenario, args.at_once).await);
        }
        let mut cases = report::disturbances(scenario.name, &writes);
        summary.possible += cases.len();
        if args.sample.is_some() {
            cases.shuffle(&mut ChaCha8Rng::seed_from_u64(args.seed));
        }
        summary.rows.extend(campaign::disturb(&lab, &scenario, cases, (args.at_once, limit)).await);
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
