//! Goes through many cases of a protocol at once.

use std::thread;

use super::{Bounds, Explored, Model, Variant, explore};

/// Goes through all of these at once, and prints a line for each.
pub fn explore_all(cases: &[(Variant, Bounds)]) -> Vec<Explored> {
    let found: Vec<Explored> = thread::scope(|scope| {
        let search =
            |&(variant, bounds)| scope.spawn(move || explore(&mut Model::new(variant, bounds)));
        let searches: Vec<_> = cases.iter().map(search).collect();
        searches.into_iter().map(|search| search.join().unwrap()).collect()
    });
    for ((variant, bounds), explored) in cases.iter().zip(&found) {
        let Explored { states, depth, questions, took, .. } = explored;
        println!(
            "  {:<18} {bounds}  {states:>9} states  {depth:>2} deep  {questions:>6} decisions  {:>5.1} s",
            format!("{variant:?}"),
            took.as_secs_f64()
        );
        if let Some((what, story)) = &explored.broken {
            println!("    {what:?} after {} steps:", story.len());
            for step in story {
                println!("      {step}");
            }
        }
    }
    found
}
