//! Seeded worlds: the production rules over a simulated API server, with crashes, lost, delayed and
//! repeated calls, stale reads, and people who stop, delete and pull the lever at any moment.
//!
//! A seed is a world; `SIMULATION_SEEDS` says how many, `SIMULATION_SEED` which one alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "simulation/operator.rs"]
mod operator;
#[path = "simulation/server.rs"]
mod server;

use std::collections::BTreeMap;

use operator::Operator;
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use server::{Plant, Server};

/// What happened in one world.
#[derive(Default)]
struct Tally(BTreeMap<String, u64>);

impl Tally {
    fn count(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }
}

/// Lives through one world; the error names the promise that did not hold.
fn live(seed: u64, plant: Option<Plant>, tally: &mut Tally) -> Result<(), String> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut server = Server::new(&mut random, plant);
    let mut operators = vec![Operator::default()];
    if random.random_bool(0.3) {
        operators.push(Operator::default());
        tally.count("two operators");
    }
    // Disturbances stop after forty seconds of the world's time; then everything must settle.
    while server.seconds() < 200.0 {
        server.advance(&mut random);
        let calm = server.seconds() > 40.0;
        for operator in &mut operators {
            if !calm && random.random_bool(0.01) {
                *operator = Operator::default();
                tally.count("crash");
            }
            if calm || random.random_bool(0.8) {
                operator.look(&mut server, &mut random, calm, tally);
            }
        }
        if !calm {
            server.disturb(&mut random, tally);
        }
        server.promises()?;
        if server.is_over() {
            break;
        }
    }
    let verdict = server.over()?;
    tally.count(format!("verdict {verdict}"));
    Ok(())
}

fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMULATION_SEEDS").unwrap_or(20_000),
    }
}

#[test]
fn every_promise_holds_in_every_world() {
    let mut tally = Tally::default();
    for seed in seeds() {
        if let Err(broken) = live(seed, None, &mut tally) {
            panic!("SIMULATION_SEED={seed}: {broken}");
        }
    }
    println!("{} worlds:", seeds().count());
    for (what, count) in &tally.0 {
        println!("  {count:>8} {what}");
    }
    if seeds().count() >= 20_000 {
        let expected = [
            "crash",
            "two operators",
            "call lost before",
            "call lost after",
            "call delayed",
            "call repeated",
            "stale read",
            "conflict",
            "stopped",
            "deleted",
            "lever",
            "verdict Passed",
            "verdict ObjectiveMissed",
            "verdict Aborted",
            "verdict Error",
            "verdict NotRecovered",
        ];
        for what in expected {
            assert!(tally.0.contains_key(what), "{what} never came up");
        }
    }
}

#[test]
fn every_planted_bug_is_caught() {
    let plants = [
        Plant::KillBeforeJournal,
        Plant::DeleteWithoutPreconditions,
        Plant::CachedLever,
        Plant::NoRevocation,
        Plant::ForgottenFinalizer,
        Plant::UnfencedStatus,
    ];
    let mut caught = 0;
    for plant in plants {
        let found =
            (0..20_000).find(|seed| live(*seed, Some(plant), &mut Tally::default()).is_err());
        println!("  {plant:?}: caught by seed {found:?}");
        caught += u32::from(found.is_some());
    }
    println!("planted bugs: {caught}/{} caught", plants.len());
    assert_eq!(caught as usize, plants.len());
}
