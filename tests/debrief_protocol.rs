//! The protocol of a debrief, checked exhaustively on the product's own decisions: three runs, people who meet, finish the
//! item, accept, dismiss and try again at any moment, and operators that may be behind, crash and lose answers. Time is
//! five instants between which something becomes due.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and says how long it took"
)]

#[path = "protocol/cases.rs"]
mod cases;
#[path = "debrief_protocol/explore.rs"]
mod explore;
#[path = "debrief_protocol/judge.rs"]
mod judge;
#[path = "protocol/mixer.rs"]
mod mixer;
#[path = "debrief_protocol/model.rs"]
mod model;
#[path = "debrief_protocol/objects.rs"]
mod objects;
#[path = "debrief_protocol/state.rs"]
mod state;
#[path = "debrief_protocol/table.rs"]
mod table;

use cases::explore_all;
use explore::{Explored, explore};
use model::{Bounds, Model, Variant};

/// One operator, two runs of which one must pass, and people who meet and finish their item.
const ALONE: Bounds = Bounds {
    operators: 1,
    runs: 2,
    people: 2,
    exits: false,
    passes: 1,
    losses: 0,
    stale: 0,
    schedules: false,
};
/// Two operators that see the present, and lose nothing.
const BOTH: Bounds = Bounds { operators: 2, runs: 1, people: 0, ..ALONE };
/// One operator that starts runs by itself; people may ask for none any more.
const SCHEDULED: Bounds = Bounds { schedules: true, people: 3, ..ALONE };
/// What can be gone through without being asked for more.
const FEW: [Bounds; 5] = [
    Bounds { runs: 1, ..ALONE },
    Bounds { runs: 1, people: 1, exits: true, ..ALONE },
    Bounds { runs: 1, people: 1, losses: 1, ..ALONE },
    BOTH,
    Bounds { runs: 1, ..SCHEDULED },
];
/// What `PROTOCOL_FULL` asks for beside that, which takes many minutes.
const FULL: [Bounds; 9] = [
    ALONE,
    Bounds { passes: 2, ..ALONE },
    Bounds { runs: 1, exits: true, ..ALONE },
    Bounds { people: 1, ..BOTH },
    Bounds { losses: 1, ..BOTH },
    Bounds { stale: 1, ..BOTH },
    Bounds { passes: 2, people: 2, ..SCHEDULED },
    Bounds { runs: 1, losses: 1, ..SCHEDULED },
    Bounds { operators: 2, runs: 1, people: 2, ..SCHEDULED },
];
/// Enough to catch each of the broken protocols.
const BROKEN: [(Variant, Bounds); 7] = [
    (Variant::SentBeforeClaimed, Bounds { runs: 0, ..BOTH }),
    (Variant::JudgedTwice, BOTH),
    (Variant::DoneAtBelieved, ALONE),
    (Variant::ClosedOverARun, ALONE),
    (Variant::TimerInMemory, Bounds { runs: 0, people: 0, losses: 1, ..ALONE }),
    (Variant::AnswerForgotten, Bounds { runs: 0, ..ALONE }),
    (Variant::CreatedBeforeIntended, Bounds { runs: 1, people: 2, ..SCHEDULED }),
];

#[test]
fn no_state_of_the_protocol_breaks_a_promise() {
    println!("the product's own protocol of a debrief:");
    let is_full = std::env::var_os("PROTOCOL_FULL").is_some();
    let bounds = if is_full { [&FEW[..], &FULL].concat() } else { FEW.to_vec() };
    let cases: Vec<_> = bounds.into_iter().map(|bounds| (Variant::AsItIs, bounds)).collect();
    let found = explore_all(&cases);
    let states: usize = found.iter().map(|explored| explored.states).sum();
    assert!(
        found.iter().all(|explored| explored.broken.is_none()),
        "a promise is broken, see above"
    );
    for what in [
        "scheduled",
        "scheduled in vain",
        "closed",
        "dismissed",
        "accepted",
        "reminded",
        "missed again",
        "retried",
        "told twice",
    ] {
        assert!(found.iter().any(|explored| explored.seldom.contains(what)), "never {what}");
    }
    let is_reopened = found.iter().any(|explored| explored.seldom.contains("reopened"));
    assert!(is_reopened || !is_full, "never reopened");
    println!("protocol of a debrief: {states} states, every promise held in each");
}

#[test]
fn every_broken_protocol_is_caught() {
    println!("broken protocols of a debrief:");
    let found = explore_all(&BROKEN);
    let caught = found.iter().filter(|explored| explored.broken.is_some()).count();
    println!("broken protocols of a debrief: caught {caught}/{}", found.len());
    assert_eq!(caught, found.len());
}
