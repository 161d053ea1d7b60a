//! What a run looks like on a screen: pure functions from its status and the time of day.
//!
//! No number appears that is not in the status or on the local clock.

pub mod block;
pub mod ending;
pub mod log;
pub mod planned;

use std::io::IsTerminal;

pub use block::block;
pub use ending::ending;
pub use log::Log;
pub use planned::planned;

use kube::Resource;
use serde::Serialize;
use serde_json::Value;

use crate::{
    api::{
        Duration, ExperimentRun, Moment,
        run::{ExperimentRunStatus, Fact, FactName, Reason},
    },
    core::{outcome::conditions::waited_for, words},
};

/// How much a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Escape codes for colour.
    pub colour: bool,
    /// Symbols beyond ASCII.
    pub unicode: bool,
    /// Columns.
    pub width: usize,
}

impl Style {
    /// Colour and symbols on a terminal that is not dumb and without `NO_COLOR`.
    #[must_use]
    pub fn detect() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let rich = std::io::stdout().is_terminal() && !dumb;
        let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
        Self { colour: rich && !set("NO_COLOR"), unicode: rich && !set("NO_COLOR"), width }
    }

    fn symbol(self, symbol: &'static str, plain: &'static str) -> &'static str {
        if self.unicode { symbol } else { plain }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }
}

/// Text from the cluster without what could move a cursor or turn a line around.
#[must_use]
pub fn clean(text: &str) -> String {
    let bidi = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| if c == '\n' { ' ' } else { c })
        .filter(|c| !c.is_control() && !bidi(*c))
        .collect()
}

/// The object as data without its managed fields, which say nothing to people.
#[must_use]
pub fn object<K: Resource + Clone + Serialize>(object: &K) -> Value {
    let mut object = object.clone();
    object.meta_mut().managed_fields = None;
    serde_json::to_value(object).unwrap_or_default()
}

/// Rows with columns of one width each.
#[must_use]
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("   ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// One fact as a line: time of day, name, words.
#[must_use]
pub fn line(fact: &Fact) -> String {
    // The guard's name alone says what would have let the run start.
    let refused = fact.name == FactName::Completed && fact.reason.is_some_and(Reason::names_guard);
    let said = match clean(&words::said(fact)) {
        said if said.is_empty() => said,
        guard if refused => format!("  {}", words::refused(&guard)),
        said => format!("  {said}"),
    };
    format!("{}  {:<14}{said}", fact.at.time_of_day(), words::fact(fact.name))
}

/// The guard that is waited for, with its words; a run that is over waits for nothing.
fn waiting(status: &ExperimentRunStatus) -> Option<String> {
    waited_for(status).map(|(guard, detail)| format!("{guard}: {}", clean(detail)))
}

/// How long ago the fact was, or until when it took.
fn since(status: &ExperimentRunStatus, from: FactName, until: Moment) -> Option<Duration> {
    Some(Duration::between(status.fact(from)?.at, until))
}

fn seconds(duration: Duration) -> String {
    Duration::seconds(duration.std().as_secs()).to_string()
}

fn title(run: &ExperimentRun) -> &str {
    run.metadata.name.as_deref().unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub const PLAIN: Style = Style { colour: false, unicode: false, width: 80 };

    pub fn run(facts: &[(&str, &str, &str)]) -> ExperimentRun {
        let fact = |(name, second, detail): &(&str, &str, &str)| {
            let at = format!("2026-11-24T10:40:{second}Z");
            json!({"name": name, "at": at, "notBefore": at, "source": "operator", "detail": detail})
        };
        serde_json::from_value(json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun",
            "metadata": {"name": "slow-alert-8h2kx", "namespace": "shop"},
            "spec": {"experiment": "slow-alert"},
            "status": {
                "facts": facts.iter().map(fact).collect::<Vec<_>>(),
                "plan": {"spec": {
                    "hypothesis": "h", "owner": "o", "target": {"deployment": "checkout"},
                    "fault": {"podKill": {"count": 2}}, "duration": "2m",
                    "steadyState": [{"name": "answers", "tcp": {"service": "checkout", "port": 80}}],
                    "detection": {"within": "20s", "alerts": ["{a=\"b\"}"]}, "recovery": {"within": "1m"},
                }},
                "impact": {"probes": {"total": 27, "failed": 26, "lastFailure": "answers: connection refused"}, "unavailablePodSeconds": 12.5},
            },
        }))
        .unwrap()
    }

    #[test]
    fn text_from_the_cluster_cannot_move_the_cursor() {
        assert_eq!(clean("a\x1b[2Jb\u{202e}c\nd"), "a[2Jbc d");
    }
}
