//! What is printed and written down of the cases.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde_json::{Value, json};

use crate::{
    leak::{Leak, When},
    work::{COLUMNS, Disturbance, Work},
};

/// One case with its judgement.
pub struct Row<'a> {
    pub work: Work<'a>,
    pub complaints: Vec<String>,
    pub clean_after: Option<Duration>,
    /// How long the fault outlasted its deadline; absent where none was armed.
    pub exposure: Option<Duration>,
}

impl<'a> Row<'a> {
    /// A case that broke off by itself.
    pub fn not_run(work: Work<'a>) -> Self {
        let complaints = vec!["the case itself broke off".to_owned()];
        Self { work, complaints, clean_after: None, exposure: None }
    }

    pub fn is_clean(&self) -> bool {
        self.complaints.is_empty()
    }

    /// How long it took, or that it failed.
    fn cell(&self) -> String {
        self.in_cell(self.clean_after)
    }

    fn in_cell(&self, time: Option<Duration>) -> String {
        match time {
            _ if !self.is_clean() => "FAILED".to_owned(),
            Some(time) => format!("{:.1}s", time.as_secs_f64()),
            None => "-".to_owned(),
        }
    }

    fn json(&self) -> Value {
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        let mut row = json!({
            "cleanAfterSeconds": seconds(self.clean_after),
            "exposureSeconds": seconds(self.exposure),
            "complaints": self.complaints,
        });
        let what = match &self.work {
            Work::Crash(Disturbance { scenario, rule, operators }) => json!({
                "scenario": scenario.name, "write": rule.write.to_string(),
                "action": rule.action.to_string(), "operators": operators,
            }),
            Work::Leak(Leak { scenario, event, when }) => json!({
                "scenario": scenario.name, "event": event.words(), "when": format!("{when:?}"),
            }),
        };
        row.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
        row
    }
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let past = self.exposure.map(|time| format!(", exposed {:.1}s", time.as_secs_f64()));
        write!(f, "{} {}{}", self.work, self.cell(), past.unwrap_or_default())?;
        self.complaints.iter().try_for_each(|complaint| write!(f, "\n             {complaint}"))
    }
}

/// A table of cells by line and column; lines keep the order in which they came first.
#[derive(Default)]
pub struct Table(BTreeMap<(usize, String), Vec<String>>);

impl Table {
    pub fn put(&mut self, name: String, (column, of): (usize, usize), cell: String) {
        let place = self.0.keys().find(|(_, known)| *known == name).map(|(place, _)| *place);
        let key = (place.unwrap_or(self.0.len()), name);
        self.0.entry(key).or_insert_with(|| vec![String::new(); of])[column] = cell;
    }

    pub fn print(&self) {
        for ((_, name), cells) in &self.0 {
            let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>8}")).collect();
            println!("{name:60}{}", cells.concat());
        }
    }
}

/// Prints a line per write and a column per disturbance, then a line per event.
pub fn print_tables(rows: &[Row<'_>]) {
    let (mut crashes, mut leaks) = (Table::default(), Table::default());
    for row in rows {
        match &row.work {
            Work::Crash(Disturbance { scenario, rule, operators }) => {
                let is_it = |(_, action, of): &(_, _, _)| (action, of) == (&rule.action, operators);
                let column = COLUMNS.iter().position(is_it).unwrap();
                let name = format!("{} {}", scenario.name, rule.write);
                crashes.put(name, (column, COLUMNS.len()), row.cell());
            }
            Work::Leak(Leak { scenario, event, when }) => {
                let name = format!("{} {}", scenario.name, event.words());
                let column = usize::from(*when == When::Reverting);
                leaks.put(name, (column, 2), row.in_cell(row.exposure));
            }
        }
    }
    if !crashes.0.is_empty() {
        let heads = ["killed, alone", "killed, back late", "killed, beside another"];
        println!("\n{:60}{}{:>8}", "", heads.map(|head| format!("{head:^24}")).concat(), "paused");
        let heads: Vec<String> = COLUMNS.iter().map(|(head, ..)| format!("{head:>8}")).collect();
        println!("{:60}{}", "the write at which it was; seconds to clean", heads.concat());
        crashes.print();
    }
    if !leaks.0.is_empty() {
        let head = "what happened; seconds past the deadline";
        println!("\n{head:60}{:>8}{:>8}", "armed", "revert");
        leaks.print();
    }
}

/// Everything of one call, as it is written down.
pub struct Summary<'a> {
    pub seed: Option<u64>,
    /// How many cases there are, run or not.
    pub possible: usize,
    pub rows: Vec<Row<'a>>,
    /// Each planted bug, and whether its oracles complained.
    pub planted: Vec<(String, bool)>,
}

impl Summary<'_> {
    pub fn holds(&self) -> bool {
        let caught = self.planted.iter().all(|(_, caught)| *caught);
        caught && !self.rows.is_empty() && self.rows.iter().all(Row::is_clean)
    }

    /// The last line.
    pub fn line(&self) -> String {
        let clean = self.rows.iter().filter(|row| row.is_clean()).count();
        let most = |time: fn(&Row<'_>) -> Option<Duration>| {
            self.rows.iter().filter_map(time).max().unwrap_or_default().as_secs_f64()
        };
        let sample = self.seed.map(|seed| format!(" (of {}, seed {seed})", self.possible));
        format!(
            "matrix: {clean}/{} clean{}, slowest to clean {:.1}s, worst exposure past the deadline {:.1}s",
            self.rows.len(),
            sample.unwrap_or_default(),
            most(|row| row.clean_after),
            most(|row| row.exposure),
        )
    }

    pub fn json(&self) -> Value {
        let planted =
            self.planted.iter().map(|(name, caught)| json!({"bug": name, "caught": caught}));
        json!({
            "seed": self.seed,
            "possible": self.possible,
            "planted": planted.collect::<Vec<_>>(),
            "cases": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "line": self.line(),
            "held": self.holds(),
        })
    }
}
