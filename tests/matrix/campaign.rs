//! What is done for the scenarios: they are left alone, bugs are planted, they are disturbed.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, stream};

use crate::{
    case::{self, Over, Setup},
    judge::{self, Evidence, Oracle, judge},
    lab::Lab,
    leak,
    proxy::{
        plant::Plant,
        write::{Told, Write},
    },
    report::Row,
    scenario::Scenario,
    work::Work,
};

/// How often a run is left alone, so that what differs from run to run is known.
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
pub async fn plants(lab: &Lab, scenarios: &[Scenario], at_once: usize) -> Vec<(String, bool)> {
    let crashes = scenarios
        .iter()
        .flat_map(|scenario| Plant::of(scenario).iter().map(move |plant| (scenario, plant)));
    let crash = async |(scenario, (plant, oracles)): (&Scenario, &(Plant, &[Oracle]))| {
        let (rule, operators) = (plant.rule(), plant.operators());
        let name = format!("{}-{plant:?}", scenario.name);
        let setup = Setup { name: name.clone(), operators, rule, plant: Some(*plant) };
        let mut over = case::run(lab, scenario, &setup).await;
        for _ in 1..BEGINNINGS {
            if is_caught(oracles, &over) || !judge::effects::reaper_was_first(&over.evidence) {
                break;
            }
            println!("         begun anew, the reaper was first: {name}");
            over = case::run(lab, scenario, &setup).await;
        }
        catches(name, oracles, &over)
    };
    let mut caught: Vec<_> =
        stream::iter(crashes).map(crash).buffer_unordered(at_once).collect().await;
    // One of these stops the reaper of all cases.
    for (leak, plant, oracle) in leak::plants(scenarios) {
        let name = format!("{}-{:?}-{plant:?}", leak.scenario.name, leak.event);
        let over = leak::run(lab, leak, name.clone(), Some(plant)).await;
        caught.push(catches(name, &[oracle], &over));
    }
    caught
}

fn is_caught(oracles: &[Oracle], over: &Over) -> bool {
    let complaints = judge(&over.evidence);
    oracles.iter().all(|of| complaints.iter().any(|one| one.oracle == *of))
}

fn catches(name: String, oracles: &[Oracle], over: &Over) -> (String, bool) {
    let caught = is_caught(oracles, over);
    let words = if caught { "caught by" } else { "NOT CAUGHT by" };
    println!("planted: {name:32} {words} {oracles:?}");
    if !caught {
        for complaint in judge(&over.evidence) {
            println!("             {complaint}");
        }
    }
    (name, caught)
}

/// Runs the cases, some at a time, and prints each as it ends; none begins after `limit`. Those that
/// touch what others need come last, one by one.
pub async fn work_off<'a>(
    lab: &Lab,
    cases: Vec<Work<'a>>,
    (at_once, limit): (usize, Option<Duration>),
) -> Vec<Row<'a>> {
    let (count, began) = (u32::try_from(cases.len()).unwrap(), Instant::now());
    let time_is_left =
        |_: &_| std::future::ready(limit.is_none_or(|limit| began.elapsed() < limit));
    let (alone, together): (Vec<_>, Vec<_>) =
        cases.into_iter().enumerate().partition(|(_, work)| work.is_alone());
    let one = async |(number, work): (usize, Work<'a>)| row(lab, number, work).await;
    let mut rows = Vec::new();
    for (works, at_once) in [(together, at_once), (alone, 1)] {
        let works = stream::iter(works).take_while(time_is_left);
        let mut over = std::pin::pin!(works.map(one).buffer_unordered(at_once));
        while let Some(row) = over.next().await {
            rows.push(row);
            let done = u32::try_from(rows.len()).unwrap();
            let left = (began.elapsed() / done * (count - done)).as_secs();
            println!("{done:4}/{count}, {left:4}s left  {}", rows[rows.len() - 1]);
        }
    }
    rows
}

/// How often a case is begun until what is to happen comes: on a busy machine the reaper may be first.
const BEGINNINGS: usize = 3;
/// No case lasts longer than that.
const CASE_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Runs one case and judges it. It is begun anew where nothing but that was wrong, that what is to
/// happen did not come, and the audit log has that the reaper was at it.
async fn row<'a>(lab: &Lab, number: usize, work: Work<'a>) -> Row<'a> {
    let mut beginning = 1;
    loop {
        let Some(evidence) = once(lab, number, &work).await else {
            return Row::not_run(work);
        };
        let complaints = judge(&evidence);
        let only_missed = !complaints.is_empty()
            && complaints.iter().all(|complaint| complaint.oracle == Oracle::Came);
        let is_forestalled = only_missed && judge::effects::reaper_was_first(&evidence);
        if is_forestalled && beginning < BEGINNINGS {
            println!("     begun anew, the reaper was first: {work}");
            beginning += 1;
            continue;
        }
        let complaints = complaints.iter().map(ToString::to_string).collect();
        let exposure = judge::effects::exposure(&evidence);
        return Row { work, complaints, clean_after: evidence.clean_after, exposure };
    }
}

/// One case from its namespace to its end; what it took away it gives back, also when it breaks off.
async fn once(lab: &Lab, number: usize, work: &Work<'_>) -> Option<Evidence> {
    let run = AssertUnwindSafe(work.run(lab, format!("case-{number}"))).catch_unwind();
    let over = tokio::time::timeout(CASE_LIMIT, run).await;
    if work.is_alone() {
        lab.restore().await;
    }
    over.ok()?.ok().map(|over| over.evidence)
}
