//! Seeded chance, and what it makes of texts and JSON.

use std::sync::LazyLock;

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// What readers stumble over: signs of every syntax, controls, spaces of all kinds, marks that nobody sees.
static HOSTILE: LazyLock<Vec<char>> = LazyLock::new(|| {
    "\0\t\n\r\u{b}\u{c}\u{1b}\u{7f}\u{85}\u{a0}\u{ad}\u{301}\u{200b}\u{2028}\u{202e}\u{3000}\u{feff}\
    \u{fffd}\u{1f525}\u{10ffff}\u{e9}\u{df}\u{17f}\u{212a}\u{663} \"'`\\/{}[]()<>=!~,:;.|&*?+-_#%@$^0123456789aAbBnNxXuUzZ"
        .chars()
        .collect()
});

/// The chance of one execution.
pub struct Dice(Rng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    /// Whether something comes up that does so in so many of a hundred throws.
    pub fn chance(&mut self, percent: u8) -> bool {
        self.0.u8(..100) < percent
    }

    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// In so many of a hundred cases one of the usual things, else one of the others.
    pub fn either<'a>(&mut self, percent: u8, usual: &[&'a str], others: &[&'a str]) -> &'a str {
        let is_usual = self.chance(percent);
        self.pick(if is_usual { usual } else { others })
    }

    /// Up to `most` things.
    pub fn some<T>(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| make(self)).collect()
    }

    pub fn char(&mut self) -> char {
        HOSTILE[self.below(HOSTILE.len())]
    }

    /// A hostile text of up to `most` characters.
    pub fn text(&mut self, most: usize) -> String {
        self.some(most, Self::char).into_iter().collect()
    }

    /// The text with a few changes, or, seldom, as it is.
    pub fn mutated(&mut self, text: &str) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..self.below(4) {
            let at = self.below(chars.len() + 1);
            let end = (at + self.below(8)).min(chars.len());
            match self.below(6) {
                0 => drop(chars.drain(at..end)),
                1 => chars.insert(at, self.char()),
                2 => chars.truncate(at),
                3 => {
                    let again: Vec<char> = chars[at..end].to_vec();
                    chars.splice(at..at, again);
                }
                4 => {
                    let more: Vec<char> = self.text(6).chars().collect();
                    chars.splice(at..end, more);
                }
                _ => {
                    let times = self.below(2_000);
                    let one = self.char();
                    chars.splice(at..at, std::iter::repeat_n(one, times));
                }
            }
        }
        chars.into_iter().collect()
    }

    /// Any JSON, not very deep.
    pub fn json(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => Value::Bool(self.chance(50)),
            2 => json!(self.0.i64(..)),
            3 => {
                let numbers = [0.0, -0.0, 1e-300, 1e300, -1e300, 1.8e19, 9.3e18, 253_402_300_800.0];
                json!(numbers[self.below(numbers.len())])
            }
            4 => json!(self.text(8)),
            5 => {
                json!(self.pick(&["", "null", "true", "-1", "1e999", "NaN", "+Inf", "4", "firing"]))
            }
            6 => Value::Array(self.some(4, |dice| dice.json(depth - 1))),
            _ => {
                let entries = self.some(4, |dice| (dice.text(4), dice.json(depth - 1)));
                Value::Object(entries.into_iter().collect::<Map<_, _>>())
            }
        }
    }

    /// Changes one thing somewhere in the value.
    pub fn mutate(&mut self, value: &mut Value) {
        let goes_on = self.chance(85);
        match value {
            Value::Array(items) if goes_on && !items.is_empty() => {
                let at = self.below(items.len());
                match self.below(8) {
                    0 => drop(items.remove(at)),
                    1 => {
                        let again = items[at].clone();
                        items.insert(at, again);
                    }
                    _ => self.mutate(&mut items[at]),
                }
            }
            Value::Object(entries) if goes_on && !entries.is_empty() => {
                let names: Vec<String> = entries.keys().cloned().collect();
                let name = &names[self.below(names.len())];
                match self.below(8) {
                    0 => drop(entries.remove(name)),
                    1 => {
                        let moved = entries.remove(name).unwrap_or_default();
                        entries.insert(self.mutated(name), moved);
                    }
                    _ => entries.get_mut(name).into_iter().for_each(|inner| self.mutate(inner)),
                }
            }
            Value::String(text) if goes_on => *text = self.mutated(text),
            other => *other = self.json(3),
        }
    }
}
