//! A campaign: executions, each from a seed of its own, and what must hold in every one.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use serde_json::{Value, json};

use super::dice::Dice;

/// What became of an input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was read.
    Read,
    /// It was refused, as it should be.
    Refused,
}

/// What held in an execution, or the promise that was broken, with the input.
pub type Outcome = Result<Fate, String>;

/// Something that is read.
pub struct Campaign {
    pub name: &'static str,
    /// How many of a thousand executions.
    pub share: u64,
    pub run: fn(&mut Dice) -> Outcome,
}

/// What came of a campaign.
#[derive(Default)]
pub struct Found {
    pub executions: u64,
    pub read: u64,
    pub panics: u64,
    /// The first broken promises, each with its seed.
    pub broken: Vec<String>,
}

/// How many broken promises are told.
const TOLD: usize = 3;

/// That something must be so.
pub fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

impl Campaign {
    /// So many executions, on every core; the seed of each is one more than that of the one before.
    pub fn run(&self, seed: u64, executions: u64) -> Found {
        let next = AtomicU64::new(0);
        let work = || {
            let mut found = Found::default();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= executions {
                    return found;
                }
                self.execute(seed.wrapping_add(number), &mut found);
            }
        };
        thread::scope(|scope| {
            let workers = thread::available_parallelism().map_or(1, usize::from);
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let ended = workers.into_iter().map(|worker| worker.join().unwrap());
            ended.fold(Found::default(), Found::and)
        })
    }

    fn execute(&self, seed: u64, found: &mut Found) {
        found.executions += 1;
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.run)(&mut Dice::new(seed))));
        let broken = match outcome {
            Ok(Ok(fate)) => {
                found.read += u64::from(fate == Fate::Read);
                return;
            }
            Ok(Err(broken)) => broken,
            Err(_) => {
                found.panics += 1;
                "a panic, see above".to_owned()
            }
        };
        found.broken.push(format!(
            "FUZZ_CAMPAIGN={} FUZZ_SEED={seed} FUZZ_EXECUTIONS=1: {broken}",
            self.name
        ));
        found.broken.truncate(TOLD);
    }
}

impl Found {
    fn and(mut self, more: Self) -> Self {
        self.executions += more.executions;
        self.read += more.read;
        self.panics += more.panics;
        self.broken.extend(more.broken);
        self.broken.truncate(TOLD);
        self
    }

    pub fn json(&self, campaign: &Campaign) -> Value {
        json!({
            "campaign": campaign.name, "executions": self.executions, "read": self.read,
            "refused": self.executions - self.read, "panics": self.panics, "broken": self.broken,
        })
    }
}
