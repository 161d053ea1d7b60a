//! The protocol of a game day, checked exhaustively on the product's own decisions: two operators that both fire and
//! both lead the day, writes that are late, repeated or lost, watches that are behind, crashes, people who stop, delete,
//! suspend, edit and pull the lever at any moment.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and says how long it took"
)]

#[path = "protocol/cases.rs"]
mod cases;
#[path = "protocol/explore.rs"]
mod explore;
#[path = "gameday_protocol/judge.rs"]
mod judge;
#[path = "protocol/mixer.rs"]
mod mixer;
#[path = "gameday_protocol/model.rs"]
mod model;
#[path = "gameday_protocol/objects.rs"]
mod objects;
#[path = "gameday_protocol/operator.rs"]
mod operator;
#[path = "gameday_protocol/people.rs"]
mod people;
#[path = "gameday_protocol/product.rs"]
mod product;
#[path = "gameday_protocol/state.rs"]
mod state;
#[path = "protocol/table.rs"]
mod table;
#[path = "gameday_protocol/variant.rs"]
mod variant;

use cases::explore_all;
use explore::{Explored, explore};
use judge::Seldom;
use model::{Bounds, Model};
use variant::Variant;

/// Two operators, whose writes arrive as late as may be or not at all, and a plan with one step.
const NOTHING: Bounds = Bounds { steps: 1, late: 0, losses: 0, repeats: 0, people: 0 };
/// What can be gone through without being asked for more.
const FEW: [Bounds; 1] = [NOTHING];
/// What `PROTOCOL_FULL` asks for.
const FULL: [Bounds; 2] = [Bounds { losses: 1, ..NOTHING }, Bounds { steps: 2, ..NOTHING }];
/// What `PROTOCOL_FULL=all` asks for beside that, which takes many minutes.
const ALL: [Bounds; 3] = [
    Bounds { people: 1, ..NOTHING },
    Bounds { late: 1, ..NOTHING },
    Bounds { repeats: 1, ..NOTHING },
];
/// Enough to catch each of the broken protocols.
const BROKEN: [(Variant, Bounds); 7] = [
    (Variant::CreateBeforeIntent, NOTHING),
    (Variant::RandomNames, NOTHING),
    (Variant::NameAlone, Bounds { people: 1, ..NOTHING }),
    (Variant::BlindRun, Bounds { people: 1, ..NOTHING }),
    (Variant::LastFireFirst, NOTHING),
    (Variant::NoFinalizer, Bounds { people: 1, ..NOTHING }),
    (Variant::NoLiveRead, Bounds { late: 1, people: 1, ..NOTHING }),
];

#[test]
fn no_state_of_the_protocol_breaks_a_promise() {
    println!("the product's own protocol of a game day, two operators:");
    let asked = std::env::var("PROTOCOL_FULL");
    let is_all = asked.as_deref() == Ok("all");
    let bounds = match asked {
        Ok(_) if is_all => [&FULL[..], &ALL].concat(),
        Ok(_) => FULL.to_vec(),
        Err(_) => FEW.to_vec(),
    };
    let cases: Vec<_> = bounds.into_iter().map(|bounds| (Variant::AsItIs, bounds)).collect();
    let found = explore_all(&cases);
    let states: usize = found.iter().map(|explored| explored.states).sum();
    let ever = |what: fn(&Seldom) -> bool| found.iter().any(|explored| what(&explored.seldom));
    assert!(
        found.iter().all(|explored| explored.broken.is_none()),
        "a promise is broken, see above"
    );
    assert!(ever(|seldom| seldom.done), "no day was ever done");
    assert!(ever(|seldom| seldom.refused), "no gate was ever closed");
    if is_all {
        assert!(ever(|seldom| seldom.halted), "no day was halted after something had struck");
        assert!(ever(|seldom| seldom.gone), "no day that was deleted was ever gone");
        assert!(ever(|seldom| seldom.second), "no write that was late created a second day");
    }
    println!("protocol of a game day: {states} states, every promise held in each");
}

#[test]
fn every_broken_protocol_is_caught() {
    println!("broken protocols of a game day:");
    let found = explore_all(&BROKEN);
    let caught = found.iter().filter(|explored| explored.broken.is_some()).count();
    println!("broken protocols of a game day: caught {caught}/{}", found.len());
    assert_eq!(caught, found.len());
}
