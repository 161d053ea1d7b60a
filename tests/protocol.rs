//! The protocol of a fault, checked exhaustively on the product's own decisions and patches: two
//! operators that both lead, writes that are late, repeated or lost, old reads, crashes, deletion and
//! the deadline at any moment, somebody else at the target, an admin who strips the finalizer.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "protocol/cluster.rs"]
mod cluster;
#[path = "protocol/explore.rs"]
mod explore;
#[path = "protocol/judge.rs"]
mod judge;
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

use model::{Bounds, Model};
use variant::Variant;

#[test]
fn probe() {
    let number = |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let bounds = Bounds { writes: number("W", 8), losses: number("L", 1), repeats: number("R", 1), others: number("O", 0), forced: number("F", 0) == 1 };
    let variants = if number("V", 0) == 1 { Variant::BROKEN.to_vec() } else { vec![Variant::AsItIs] };
    for variant in variants {
        let mut model = Model::new(variant, bounds);
        let explored = explore::explore(&mut model);
        println!("{variant:?} {bounds:?}: {} states, depth {}, {} questions, {:?} {:?} runs {} targets {} writes {}", explored.states, explored.depth, explored.questions, explored.took, explored.seldom, model.product.runs.len(), model.product.targets.len(), model.product.writes.len());
        if let Some((what, story)) = explored.broken {
            println!("{what:?} after {} steps", story.len());
            for line in story { println!("   {line}"); }
        }
    }
}
