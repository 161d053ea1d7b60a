//! What is printed and written down of the cases.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde_json::{Value, json};

use crate::proxy::{
    rule::{Action, Moment, Rule},
    write::Write,
};

/// How a write is disturbed, and beside how many others.
#[derive(Clone, Debug)]
pub struct Disturbance {
    pub scenario: &'static str,
    pub rule: Rule,
    pub operators: usize,
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let company = if self.operators == 1 { "alone" } else { "beside another" };
        let Self { scenario, rule, .. } = self;
        write!(f, "{scenario:9} {:52} {:20} {company:14}", rule.write, rule.action)
    }
}

/// One case with its judgement.
pub struct Row {
    pub disturbance: Disturbance,
    pub complaints: Vec<String>,
    pub clean_after: Option<Duration>,
}

impl Row {
    /// A case that broke off by itself.
    pub fn not_run(disturbance: Disturbance) -> Self {
        let complaints = vec!["the case itself broke off".to_owned()];
        Self { disturbance, complaints, clean_after: None }
    }

    pub fn is_clean(&self) -> bool {
        self.complaints.is_empty()
    }

    /// How long it took, or that it failed.
    pub fn cell(&self) -> String {
        match self.clean_after {
            Some(after) if self.is_clean() => format!("{:.1}s", after.as_secs_f64()),
            _ => "FAILED".to_owned(),
        }
    }

    fn json(&self) -> Value {
        let Disturbance { scenario, rule, operators } = &self.disturbance;
        json!({
            "scenario": scenario,
            "write": rule.write.to_string(),
            "action": rule.action.to_string(),
            "operators": operators,
            "cleanAfterSeconds": self.clean_after.map(|after| after.as_secs_f64()),
            "complaints": self.complaints,
        })
    }
}

/// The columns of the table: what is done, and by how many operators.
const COLUMNS: [(&str, Action, usize); 7] = [
    ("before", Action::Kill(Moment::Before), 1),
    ("commit", Action::Kill(Moment::Committed), 1),
    ("answer", Action::Kill(Moment::Answered), 1),
    ("before", Action::Kill(Moment::Before), 2),
    ("commit", Action::Kill(Moment::Committed), 2),
    ("answer", Action::Kill(Moment::Answered), 2),
    ("late", Action::Hold, 2),
];

/// Every disturbance of these writes.
pub fn disturbances(scenario: &'static str, writes: &[Write]) -> Vec<Disturbance> {
    let at = |write: &Write| {
        let rule = |action| Rule { write: write.clone(), action };
        COLUMNS.map(|(_, action, operators)| Disturbance {
            scenario,
            rule: rule(action),
            operators,
        })
    };
    writes.iter().flat_map(at).collect()
}

/// Prints a line per write and a column per disturbance.
pub fn print_table(rows: &[Row]) {
    println!("\n{:62}{:^27}{:^27}{:^9}", "", "killed, alone", "killed, beside another", "paused");
    let heads: Vec<String> = COLUMNS.iter().map(|(head, ..)| format!("{head:>9}")).collect();
    println!("{:62}{}", "the write at which it was", heads.concat());
    let mut lines: BTreeMap<(usize, String), Vec<String>> = BTreeMap::new();
    for row in rows {
        let Disturbance { scenario, rule, operators } = &row.disturbance;
        let name = format!("{scenario} {}", rule.write);
        let place = lines.keys().find(|(_, known)| *known == name).map(|(place, _)| *place);
        let key = (place.unwrap_or(lines.len()), name);
        let cells = lines.entry(key).or_insert_with(|| vec![String::new(); COLUMNS.len()]);
        let column =
            COLUMNS.iter().position(|(_, action, of)| (action, of) == (&rule.action, operators));
        if let Some(cell) = column.and_then(|column| cells.get_mut(column)) {
            *cell = row.cell();
        }
    }
    for ((_, name), cells) in lines {
        let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>9}")).collect();
        println!("{name:62}{}", cells.concat());
    }
}

/// Everything of one call, as it is written down.
pub struct Summary {
    pub seed: Option<u64>,
    /// How many cases there are, run or not.
    pub possible: usize,
    pub rows: Vec<Row>,
    /// Each planted bug, and whether its oracles complained.
    pub planted: Vec<(String, bool)>,
}

impl Summary {
    pub fn holds(&self) -> bool {
        let caught = self.planted.iter().all(|(_, caught)| *caught);
        caught && !self.rows.is_empty() && self.rows.iter().all(Row::is_clean)
    }

    /// The last line.
    pub fn line(&self) -> String {
        let clean = self.rows.iter().filter(|row| row.is_clean()).count();
        let slowest = self.rows.iter().filter_map(|row| row.clean_after).max().unwrap_or_default();
        let sample = self.seed.map(|seed| format!(" (of {}, seed {seed})", self.possible));
        format!(
            "matrix: {clean}/{} clean{}, slowest from restart to clean {:.1}s",
            self.rows.len(),
            sample.unwrap_or_default(),
            slowest.as_secs_f64()
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
