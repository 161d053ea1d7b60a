//! Matcher lists: by their reader, and by the schema's pattern, which the API server has.

use std::sync::LazyLock;

use firedrill::{
    api::pattern::MATCHERS,
    core::alerts::{
        expression::Room,
        matcher::{Labels, Matchers, ParseError, print},
    },
};
use regex::Regex;

use super::{
    campaign::{Fate, Outcome, ensure},
    dice::Dice,
    grammar,
};

static PATTERN: LazyLock<Regex> = LazyLock::new(|| Regex::new(MATCHERS).unwrap());

/// Longer than what is said of a text of any length.
const LONGEST_WORDS: usize = 1500;

pub fn run(dice: &mut Dice) -> Outcome {
    let text = grammar::matchers(dice);
    let fits = PATTERN.is_match(&text);
    let fate = match Matchers::parse(&text, &mut Room::default()) {
        Ok(read) => {
            ensure(fits, || format!("{text:?} is read, and the schema refuses it"))?;
            reads_back(&read.labels())?;
            // Whatever it says of them.
            let _either_way = read.matches(&labels(dice));
            Fate::Read
        }
        Err(error) => {
            let words = error.to_string();
            ensure(words.len() < LONGEST_WORDS, || {
                format!("{text:?}: {} bytes of words", words.len())
            })?;
            // The two that no pattern of a bearable length tells apart.
            let is_known = words.contains("a space behind the }")
                || words.ends_with("it ends where , or } is expected")
                    && text.trim_end().ends_with(',');
            let is_right = match error {
                ParseError::Syntax(..) => !fits || is_known,
                ParseError::Expression(..) => fits,
            };
            ensure(is_right, || format!("{text:?}: {words}, and the schema has another opinion"))?;
            Fate::Refused
        }
    };
    reads_back(&labels(dice))?;
    Ok(fate)
}

/// Labels are printed as a list that reads as these labels, unless something in them must not reach a terminal.
fn reads_back(labels: &Labels) -> Result<(), String> {
    let printed = print(labels);
    let is_hidden = |c: char| c.is_control() || matches!(c, '\u{202e}' | '\u{feff}' | '\u{200b}');
    ensure(!printed.contains(is_hidden), || format!("{printed:?} is not fit for a terminal"))?;
    if labels.is_empty() || printed.contains("\\U") {
        return Ok(());
    }
    let read = Matchers::parse(&printed, &mut Room::default());
    let read = read.map_err(|error| format!("{labels:?} is printed as {printed:?}: {error}"))?;
    ensure(read.labels() == *labels && read.matches(labels), || {
        format!("{labels:?} is printed as {printed:?}, which reads as {:?}", read.labels())
    })
}

fn labels(dice: &mut Dice) -> Labels {
    dice.some(3, |dice| (dice.text(4), grammar::text(dice))).into_iter().collect()
}
