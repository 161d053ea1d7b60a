//! The values of a heading's keys.

use std::collections::BTreeMap;

use super::{
    super::outline::{Problem, Section, Value},
    Reading,
};
use crate::api::Moment;

/// The fields below one heading, and where to tell what is wrong with them.
pub struct Fields<'r, 'a> {
    line: usize,
    found: BTreeMap<&'static str, Value>,
    reading: &'r mut Reading<'a>,
}

impl<'r, 'a> Fields<'r, 'a> {
    /// Those of a section, which may have these keys.
    pub fn of(
        section: &Section<'_>,
        allowed: &[&'static str],
        reading: &'r mut Reading<'a>,
    ) -> Self {
        let found = section.fields(allowed, &mut reading.problems);
        Self { line: section.line, found, reading }
    }

    /// The value as `read` understands it; absent where there is none or it is refused.
    pub fn read<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (line, value) = self.found.remove(key)?;
        let refuse = |why| Problem { line, message: format!("{key}: {why}") };
        read(&value).map_err(|why| self.reading.problems.push(refuse(why))).ok()
    }

    /// The value, which must be there.
    pub fn required<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if !self.found.contains_key(key) {
            let message = format!("{key} lacks: write - {key}: and its value");
            self.reading.problems.push(Problem { line: self.line, message });
        }
        self.read(key, read)
    }

    /// The value as an instant.
    pub fn instant(&mut self, key: &str) -> Option<Moment> {
        let (clock, now) = (self.reading.clock, self.reading.now);
        self.read(key, |text| clock.read(text, now))
    }

    /// The value as it is.
    pub fn text(&mut self, key: &str) -> Option<String> {
        self.read(key, |text| Ok(text.to_owned()))
    }
}

/// `true` or `false`.
pub fn truth(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("\"{}\" is neither true nor false", text.escape_debug()))
}

/// A whole number that is not negative.
pub fn number(text: &str) -> Result<i64, String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ',' | '_')).collect();
    let read = digits.parse().ok().filter(|number| *number >= 0);
    read.ok_or_else(|| format!("\"{}\" is no whole number such as 41208", text.escape_debug()))
}
