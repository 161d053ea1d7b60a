//! Durations: what the schema lets through is read, and printed as what reads alike.

use std::sync::LazyLock;

use firedrill::api::{Duration, pattern};
use regex::Regex;
use serde_json::{Value, json};

use super::{
    campaign::{Fate, Outcome, ensure},
    dice::Dice,
};

static PATTERN: LazyLock<Regex> = LazyLock::new(|| Regex::new(pattern::DURATION).unwrap());

pub fn run(dice: &mut Dice) -> Outcome {
    let text = text(dice);
    let Ok(read) = text.parse::<Duration>() else {
        let fits = PATTERN.is_match(&text) && text.len() <= 24;
        ensure(!fits, || format!("{text:?} is refused, and the schema lets it through"))?;
        ensure(serde_json::from_value::<Duration>(json!(text)).is_err(), || text.clone())?;
        return Ok(Fate::Refused);
    };
    let shown = read.to_string();
    ensure(shown.len() <= 40, || format!("{text:?} is shown as {shown:?}"))?;
    ensure(shown.parse() == Ok(read), || {
        format!("{text:?} is shown as {shown:?}, which reads as {:?}", shown.parse::<Duration>())
    })?;
    let value: Value = serde_json::to_value(read).map_err(|error| error.to_string())?;
    ensure(value == json!(shown), || format!("{text:?} is written as {value}"))?;
    Ok(Fate::Read)
}

fn text(dice: &mut Dice) -> String {
    let part = |dice: &mut Dice| {
        let whole = dice.either(
            90,
            &["0", "1", "30", "007", "59", "60", "999999", "277778"],
            &["1000000", "4294967296", "1e9", ""],
        );
        let fraction = dice.either(
            90,
            &["", "", ".5", ".000001", ".123456", ".999999"],
            &[".9999999", ".", ".5.5"],
        );
        let unit = dice.either(95, &["us", "ms", "s", "m", "h"], &["\u{b5}s", "ns", "d", "", " s"]);
        format!("{whole}{fraction}{unit}")
    };
    let text = dice.some(4, part).concat();
    if dice.chance(20) { dice.mutated(&text) } else { text }
}
