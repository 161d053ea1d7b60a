//! What is done for one scenario: it is left alone, bugs are planted, it is disturbed at every write.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, stream};

use crate::{
    case::{self, Over, Setup},
    judge::{Oracle, judge},
    lab::Lab,
    proxy::{
        plant::Plant,
        write::{Told, Write},
    },
    report::{Disturbance, Row},
    scenario::Scenario,
};

/// How often the run is left alone, so that what differs from run to run is known.
const REFERENCES: usize = 3;

/// The writes of an undisturbed run; `None` when one of them is not all right.
pub async fn references(lab: &Lab, scenario: &Scenario) -> Option<Vec<Write>> {
    let setups = (0..REFERENCES).map(|number| Setup {
        name: format!("{}-undisturbed-{number}", scenario.name),
        operators: 1,
        rule: None,
        plant: None,
    });
    let runs = setups.map(async |setup| case::run(lab, scenario, &setup).await);
    let runs = futures::future::join_all(runs).await;
    let complaints: Vec<_> = runs.iter().flat_map(|over| judge(&over.evidence)).collect();
    for complaint in &complaints {
        println!("{}, undisturbed: {complaint}", scenario.name);
    }
    if !complaints.is_empty() {
        return None;
    }
    let (writes, sometimes) = common(&runs);
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

/// What all runs wrote, in the order of the first that wrote it, and what only some did. One run may
/// bring in one write what another brings in two.
fn common(runs: &[Over]) -> (Vec<Write>, Vec<Write>) {
    let mut all: Vec<Write> = Vec::new();
    for write in runs.iter().flat_map(|over| &over.writes).map(Told::write) {
        if !all.contains(&write) {
            all.push(write);
        }
    }
    let has = |over: &Over, write: &Write| over.writes.iter().any(|told| told.is(write));
    all.into_iter().partition(|write| runs.iter().all(|over| has(over, write)))
}

/// Shows that the oracles see: each planted bug, and whether it was caught.
pub async fn plants(lab: &Lab, scenario: &Scenario, at_once: usize) -> Vec<(String, bool)> {
    let one = async |(plant, oracles): (Plant, &[Oracle])| {
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

/// Runs the cases, some at a time, and prints each as it ends; none begins after `limit`.
pub async fn disturb(
    lab: &Lab,
    scenario: &Scenario,
    cases: Vec<Disturbance>,
    (at_once, limit): (usize, Option<Duration>),
) -> Vec<Row> {
    let (count, began) = (u32::try_from(cases.len()).unwrap(), Instant::now());
    let time_is_left =
        |_: &_| std::future::ready(limit.is_none_or(|limit| began.elapsed() < limit));
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
    let (mut rows, mut done) = (Vec::new(), 0);
    let mut over = std::pin::pin!(cases.map(one).buffer_unordered(at_once));
    while let Some(row) = over.next().await {
        done += 1;
        let left = (began.elapsed() / done * (count - done)).as_secs();
        println!("{done:4}/{count}, {left:4}s left  {} {}", row.disturbance, row.cell());
        for complaint in &row.complaints {
            println!("             {complaint}");
        }
        rows.push(row);
    }
    rows
}
