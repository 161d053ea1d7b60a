//! Seeded worlds: the production operator, core and shell, over a simulated API server, with crashes,
//! lost, late and repeated calls, old lists, late and broken watches, and people who stop, delete, opt
//! out and pull the lever at any moment. In some worlds a plan fires, and runs belong to its day. Time
//! passes as fast as it can be computed.
//!
//! A seed is a world; `SIMULATION_SEEDS` says how many, `SIMULATION_SEED` which one alone. `make test`
//! lives through twenty thousand, with some optimisation; `cargo test --test simulation` alone through few.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "simulation/agenda.rs"]
mod agenda;
#[path = "simulation/answer.rs"]
mod answer;
#[path = "simulation/call.rs"]
mod call;
#[path = "simulation/cluster.rs"]
mod cluster;
#[path = "simulation/crowd.rs"]
mod crowd;
#[path = "simulation/days.rs"]
mod days;
#[path = "simulation/dice.rs"]
mod dice;
#[path = "simulation/game_day.rs"]
mod game_day;
#[path = "simulation/judge.rs"]
mod judge;
#[path = "simulation/live.rs"]
mod live;
#[path = "simulation/monitoring.rs"]
mod monitoring;
#[path = "simulation/network.rs"]
mod network;
#[path = "simulation/patch.rs"]
mod patch;
#[path = "simulation/people.rs"]
mod people;
#[path = "simulation/plant.rs"]
mod plant;
#[path = "simulation/server.rs"]
mod server;
#[path = "simulation/store.rs"]
mod store;
#[path = "simulation/tally.rs"]
mod tally;
#[path = "simulation/watch.rs"]
mod watch;
#[path = "simulation/world.rs"]
mod world;

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use live::live;
use network::Fate;
use people::Act;
use plant::Plant;
use tally::Tally;

/// So many worlds without being asked for more.
const FEW: u64 = 100;
/// In so many worlds everything that can come up must come up.
const MANY: u64 = 20_000;

/// What must come up in many worlds, beside what people do and what becomes of calls.
const EXPECTED: [&str; 28] = [
    "Prometheus silent",
    "a crowd",
    "a crowd in trouble",
    "a day",
    "budget refused",
    "call outlived its sender",
    "conflict",
    "crash",
    "day Done",
    "day Halted",
    "day NoGo",
    "kill fenced off",
    "near miss",
    "pod killed",
    "pod killed by a day",
    "rehearsal",
    "stale list",
    "two operators",
    "two runs",
    "verdict Aborted",
    "verdict Error",
    "verdict Inconclusive",
    "verdict NotRecovered",
    "verdict ObjectiveMissed",
    "verdict Passed",
    "watch cut",
    "watch expired",
    "watch late",
];

fn seeds() -> Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMULATION_SEEDS").unwrap_or(FEW),
    }
}

/// Lives through all these worlds on every core; a broken promise ends it.
fn live_all(seeds: &Range<u64>) -> (Tally, u64) {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let (mut tally, mut trace) = (Tally::default(), 0);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !seeds.contains(&seed) {
                return (tally, trace);
            }
            match live(seed, None) {
                Ok((more, number)) => {
                    tally.add(more);
                    trace ^= number;
                }
                Err(broken) => panic!("SIMULATION_SEED={seed}: {broken}"),
            }
        }
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().fold((Tally::default(), 0), |(mut tally, trace), worker| {
            let (more, number) = worker.join().unwrap();
            tally.add(more);
            (tally, trace ^ number)
        })
    })
}

#[test]
fn every_promise_holds_in_every_world() {
    let seeds = seeds();
    let (tally, trace) = live_all(&seeds);
    println!("{} worlds, trace {trace:016x}:", seeds.end - seeds.start);
    for (what, count) in &tally.0 {
        println!("  {count:>8} {what}");
    }
    if seeds.end - seeds.start >= MANY {
        let fates = Fate::ALL.iter().map(|fate| fate.name());
        let acts = Act::ALL.iter().map(|(act, _)| act.name());
        for what in fates.chain(acts).chain(EXPECTED) {
            assert!(tally.0.contains_key(what), "{what} never came up");
        }
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 0..FEW / 2 {
        assert_eq!(live(seed, None), live(seed, None), "SIMULATION_SEED={seed}");
    }
}

#[test]
fn every_planted_bug_is_caught() {
    let search = |plant| (0..MANY).find_map(|seed| Some((seed, live(seed, Some(plant)).err()?)));
    let found = thread::scope(|scope| {
        let searches = Plant::ALL.map(|plant| scope.spawn(move || search(plant)));
        searches.map(|search| search.join().unwrap())
    });
    for (plant, found) in Plant::ALL.iter().zip(&found) {
        println!("  {plant:?}: {found:?}");
    }
    let caught = found.iter().flatten().count();
    println!("planted bugs: {caught}/{} caught", Plant::ALL.len());
    assert_eq!(caught, Plant::ALL.len());
}
