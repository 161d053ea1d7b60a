//! Garbage with an administrator's rights in the status of runs, in marks, pre-images and deadlines on whatever faults
//! change, before operator and reaper start and while they run: no panic, no harmful call, and everything ends.
//!
//! `GARBAGE` says of how many runs (default 40; half as many objects), `GARBAGE_SEED` from which seed, and
//! `GARBAGE_EVIDENCE` where the numbers go.

mod marks;
mod processes;
mod runs;
mod status;
mod values;

use std::{collections::BTreeSet, time::Instant};

use crate::{
    faults::stage::create,
    support::{
        Ground, Web,
        audit::{Audit, Write},
        turn,
    },
};
use k8s_openapi::api::core::v1::Service;
use processes::Process;
use serde_json::json;
use values::Dice;

/// Runs of one namespace, with operators and reapers of their own.
const BATCH: usize = 2 * HALF;
/// Those that are there before operator and reaper start, and as many while they run.
const HALF: usize = 20;
/// So often a run's status is written at most: no run changes more often in the time that it is given here.
const MOST_WRITES: usize = 40;

/// What was tried, and what went another way than it must.
#[derive(Default)]
struct Tally {
    runs: usize,
    objects: usize,
    taken: usize,
    refused: usize,
    most_writes: usize,
    wrong: Vec<String>,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test]
async fn whatever_is_written_into_runs_and_marks_nothing_is_harmed_and_everything_ends() {
    let began = Instant::now();
    let count = number("GARBAGE").map_or(BATCH, |count| usize::try_from(count).unwrap());
    let seed = number("GARBAGE_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("garbage: seed {seed}");
    let mut tally = Tally::default();
    for batch in 0..count.div_ceil(BATCH) {
        let size = BATCH.min(count - batch * BATCH);
        let dice = Dice::new(seed.wrapping_add(u64::try_from(batch).unwrap()));
        one(size, dice, &mut tally).await;
        println!("garbage: {} runs, {} wrong so far", tally.runs, tally.wrong.len());
    }
    let Tally { runs, objects, taken, refused, most_writes, wrong } = &tally;
    let (of, good) = (runs + objects, runs + objects - wrong.len().min(runs + objects));
    let seconds = began.elapsed().as_secs();
    if let Ok(path) = std::env::var("GARBAGE_EVIDENCE") {
        let evidence = json!({
            "seed": seed, "runs": runs, "objects": objects, "fieldsTaken": taken, "fieldsRefused": refused,
            "mostWritesOfOneRun": most_writes, "seconds": seconds, "wrong": wrong,
        });
        std::fs::write(path, format!("{evidence:#}\n")).unwrap();
    }
    println!(
        "garbage: {runs} runs and {objects} marked objects, {taken} fields taken and {refused} refused by the API server, at most {most_writes} writes of a run's status, {seconds}s"
    );
    println!("garbage: {good}/{of} ended, and nothing was harmed");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One namespace: half of it before operator and reaper start, half of it while they run.
async fn one(size: usize, mut dice: Dice, tally: &mut Tally) {
    let ground = Ground::bare("garbage", json!({"firedrill.dev/enabled": "true"})).await;
    ground.deploy(&Web { replicas: 1, warm_up: 0, probe: false }).await;
    let db = json!({"metadata": {"name": "db"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}});
    create::<Service>(&ground, db).await;
    let pods = ground.pod_uids().await;
    let _turn = turn().await;
    let audit = Audit::begin();
    let (mut written, mut marked) = (Vec::new(), Vec::new());
    runs::plant(&ground, size / 2, &mut dice, tally, &mut written).await;
    marks::plant(&ground, size / 4, &mut dice, &written, &mut marked).await;
    let early = marked.len();
    let mut operator = Process::operator();
    let mut reaper = Process::reaper();
    runs::plant(&ground, size - size / 2, &mut dice, tally, &mut written).await;
    marks::plant(&ground, size / 2 - size / 4, &mut dice, &written, &mut marked).await;

    tally.wrong.extend(runs::end(&ground, &written, &marked[..early]).await);
    tally.wrong.extend(marks::end(&ground, &marked, &reaper).await);
    tally.wrong.extend(operator.problem());
    tally.wrong.extend(reaper.problem());
    if ground.pod_uids().await != pods {
        tally.wrong.push(format!("{}: a pod was harmed", ground.namespace));
    }
    judge(
        &audit.writes(|write| write.is_ours() && write.namespace == ground.namespace),
        &marked,
        tally,
    );
    tally.runs += written.len();
    tally.objects += marked.len();
}

/// Holds what operator and reaper wrote against what the marks name.
fn judge(writes: &[Write], marked: &[marks::Case], tally: &mut Tally) {
    let named: BTreeSet<_> = marked.iter().map(marks::Case::resource).collect();
    // A workload's revisions are named after it.
    let is_revision = |write: &Write| {
        matches!(&*write.resource, "replicasets" | "controllerrevisions")
            && named.iter().any(|(_, name)| write.name.starts_with(&format!("{name}-")))
    };
    let is_meant = |write: &&Write| {
        let own = ["experimentruns", "debriefs", "events"];
        own.contains(&write.resource.split('/').next().unwrap_or_default())
            || write.user == write.as_whom
                && (named.contains(&(&*write.resource, &*write.name)) || is_revision(write))
    };
    let other = writes.iter().filter(|write| !is_meant(write));
    tally.wrong.extend(other.map(|write| format!("no mark names this: {write:?}")));
    let of_runs = writes.iter().filter(|write| write.resource == "experimentruns/status");
    let mut written: Vec<&str> = of_runs.map(|write| write.name.as_str()).collect();
    written.sort_unstable();
    for of_one in written.chunk_by(|one, other| one == other) {
        tally.most_writes = tally.most_writes.max(of_one.len());
        if of_one.len() > MOST_WRITES {
            tally.wrong.push(format!(
                "{}: its status was written {} times",
                of_one[0],
                of_one.len()
            ));
        }
    }
}
