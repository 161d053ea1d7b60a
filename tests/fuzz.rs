//! Seeded campaigns: what people, neighbours and other programs write and firedrill reads, made by grammars and by
//! mutation of what is valid. Nothing panics, what is read is printed and read again alike, what is refused says where,
//! and what is made of an input is bounded.
//!
//! `FUZZ_EXECUTIONS` says how many in all, `FUZZ_SEED` from which seed on, `FUZZ_CAMPAIGN` which campaign alone; a
//! failure names the three that repeat it. Where nobody says, the seed is another one each time, and printed.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and says how long it took"
)]

#[path = "fuzz/answers.rs"]
mod answers;
#[path = "fuzz/campaign.rs"]
mod campaign;
#[path = "fuzz/dice.rs"]
mod dice;
#[path = "fuzz/durations.rs"]
mod durations;
#[path = "fuzz/files.rs"]
mod files;
#[path = "fuzz/grammar.rs"]
mod grammar;
#[path = "fuzz/marks.rs"]
mod marks;
#[path = "fuzz/matchers.rs"]
mod matchers;
#[path = "fuzz/notifications.rs"]
mod notifications;
#[allow(dead_code, reason = "nothing is merged here")]
#[path = "simulation/patch.rs"]
mod patch;
#[path = "fuzz/probes.rs"]
mod probes;

use std::time::Instant;

use campaign::Campaign;
use serde_json::json;

/// So many executions without being asked for more.
const FEW: u64 = 20_000;

const CAMPAIGNS: [Campaign; 8] = [
    Campaign { name: "matchers", share: 300, run: matchers::run },
    Campaign { name: "durations", share: 150, run: durations::run },
    Campaign { name: "files", share: 50, run: files::run },
    Campaign { name: "notifications", share: 170, run: notifications::run },
    Campaign { name: "answers", share: 160, run: answers::run },
    Campaign { name: "probes", share: 10, run: probes::run },
    Campaign { name: "marks", share: 110, run: marks::marks },
    Campaign { name: "faults", share: 50, run: marks::faults },
];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn nothing_that_is_read_breaks_a_promise() {
    let seed = number("FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..1 << 48));
    let executions = number("FUZZ_EXECUTIONS").unwrap_or(FEW);
    let only = std::env::var("FUZZ_CAMPAIGN").ok();
    let is_meant = |campaign: &&Campaign| only.as_ref().is_none_or(|only| only == campaign.name);
    let (mut lines, mut broken, mut all, mut panics) = (Vec::new(), Vec::new(), 0, 0);
    println!(
        "FUZZ_SEED={seed}\n  {:<16}{:>10}{:>10}{:>10}{:>9}",
        "what", "executions", "read", "refused", "seconds"
    );
    for campaign in CAMPAIGNS.iter().filter(is_meant) {
        let began = Instant::now();
        let share = if only.is_some() { executions } else { executions * campaign.share / 1000 };
        let found = campaign.run(seed, share);
        let refused = found.executions - found.read;
        let took = began.elapsed().as_secs_f64();
        println!("  {:<16}{share:>10}{:>10}{refused:>10}{took:>9.1}", campaign.name, found.read);
        if share >= 100 && (found.read == 0 || refused == 0) {
            broken.push(format!("{}: all of them are read, or none is", campaign.name));
        }
        lines.push(found.json(campaign));
        all += share;
        panics += found.panics;
        broken.extend(found.broken);
    }
    for broken in &broken {
        println!("{broken}");
    }
    println!("fuzz: {all} executions, {panics} panics, {} broken promises", broken.len());
    if let Ok(path) = std::env::var("FUZZ_EVIDENCE") {
        let evidence =
            json!({"seed": seed, "executions": all, "panics": panics, "campaigns": lines});
        std::fs::write(path, format!("{evidence:#}\n")).unwrap();
    }
    assert!(broken.is_empty(), "see above");
}

/// No stack is deep enough for them.
#[test]
fn a_file_of_any_depth_is_refused_with_its_place() {
    let lines: Vec<_> = (0..3_000).map(|depth| " ".repeat(depth) + "a:\n").collect();
    let inline = ["- ", "? ", "[", "{a: ", "&a - "].map(|open| open.repeat(100_000));
    for text in inline.into_iter().chain([lines.concat()]) {
        let report = firedrill::cli::files::read("deep.yaml", &text).unwrap_err();
        assert!(report.json()[0]["line"].as_u64().is_some_and(|line| line >= 1));
    }
}
