//! The protocol of a fault, checked exhaustively on the product's own decisions and patches: two
//! operators that both lead, writes that are late, repeated or lost, old reads, crashes, deletion and
//! the deadline at any moment, somebody else at the target, an admin who strips the finalizer.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and says how long it took"
)]

#[path = "protocol/cases.rs"]
mod cases;
#[path = "protocol/cluster.rs"]
mod cluster;
#[path = "protocol/explore.rs"]
mod explore;
#[path = "protocol/judge.rs"]
mod judge;
#[path = "protocol/mixer.rs"]
mod mixer;
#[path = "protocol/model.rs"]
mod model;
#[path = "protocol/operator.rs"]
mod operator;
#[allow(dead_code, reason = "the run is not patched here")]
#[path = "simulation/patch.rs"]
mod patch;
#[path = "protocol/state.rs"]
mod state;
#[path = "protocol/table.rs"]
mod table;
#[path = "protocol/variant.rs"]
mod variant;

use cases::explore_all;
use explore::{Explored, explore};
use model::{Bounds, Model};
use variant::Variant;

/// What can be gone through without being asked for more.
const FEW: Bounds = Bounds { writes: 8, losses: 0, repeats: 0, others: 0, forced: false };
/// What `PROTOCOL_FULL` asks for: without an admin who strips the finalizer, and with one.
const FULL: [Bounds; 2] = [
    Bounds { writes: 8, losses: 1, repeats: 1, others: 0, forced: false },
    Bounds { writes: 8, losses: 1, repeats: 0, others: 0, forced: true },
];
/// Enough to catch what is broken.
const ENOUGH: Bounds = Bounds { writes: 10, losses: 1, repeats: 1, others: 0, forced: false };

#[test]
fn no_state_of_the_protocol_breaks_a_promise() {
    println!("the product's own protocol, two operators:");
    let bounds = if std::env::var_os("PROTOCOL_FULL").is_some() {
        FULL
    } else {
        [FEW, Bounds { forced: true, ..FEW }]
    };
    let found = explore_all(&bounds.map(|bounds| (Variant::AsItIs, bounds)));
    let states: usize = found.iter().map(|explored| explored.states).sum();
    for Explored { broken, seldom, .. } in &found {
        assert!(broken.is_none(), "a promise is broken, see above");
        assert!(seldom.injected, "no fault was ever there and recorded");
        assert!(seldom.complete, "no run with a fault ever completed");
        assert!(seldom.gone, "no run was ever gone after its revert");
    }
    println!("protocol: {states} states, every promise held in each");
}

#[test]
fn every_broken_protocol_is_caught() {
    println!("broken protocols:");
    let found = explore_all(&Variant::BROKEN.map(|variant| (variant, ENOUGH)));
    let caught = found.iter().filter(|explored| explored.broken.is_some()).count();
    println!("broken protocols: caught {caught}/{}", found.len());
    assert_eq!(caught, found.len());
}
