//! Files as `validate` reads them: each problem has a place in the file, and what is read is read again alike.

use std::sync::LazyLock;

use firedrill::cli::files::{self, Report, Resource};
use serde_json::{Value, json};

use super::{
    campaign::{Fate, Outcome, ensure},
    dice::Dice,
};

/// Documents, good and bad ones.
static SEEDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let text = |path: &str| {
        std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let corpus =
        ["tests/manifests/good.yaml", "tests/manifests/bad.yaml", "experiments/start-here.yaml"];
    let documents = corpus.map(text).join("\n---\n");
    documents.split("---\n").map(str::to_owned).collect()
});

pub fn run(dice: &mut Dice) -> Outcome {
    let text = text(dice);
    match files::read("file.yaml", &text) {
        Ok(resources) => {
            for resource in &resources {
                let has_words =
                    files::warnings(resource).iter().all(|warning| warning.contains(": "));
                ensure(has_words, || format!("{text:?}: a warning without a place"))?;
                reads_again(resource, &text)?;
            }
            Ok(Fate::Read)
        }
        Err(report) => {
            places(&report, &text)?;
            Ok(Fate::Refused)
        }
    }
}

fn text(dice: &mut Dice) -> String {
    let seed = &SEEDS[dice.below(SEEDS.len())];
    match dice.below(10) {
        0 => yaml(dice, 4),
        1 => format!(
            "apiVersion: firedrill.dev/v1alpha1\nkind: Experiment\nspec:\n  {}\n",
            yaml(dice, 3)
        ),
        2..5 => {
            let Ok(mut value) =
                serde_json::from_str::<Value>(seed.lines().last().unwrap_or_default())
            else {
                return dice.mutated(seed);
            };
            (0..=dice.below(3)).for_each(|_| dice.mutate(&mut value));
            let listed = json!({"kind": "List", "items": [value, dice.json(2)]});
            if dice.chance(10) { listed.to_string() } else { value.to_string() }
        }
        5 => format!("{seed}\n---\n{}", yaml(dice, 2)),
        _ => dice.mutated(seed),
    }
}

/// YAML in its many styles, right or not.
fn yaml(dice: &mut Dice, depth: usize) -> String {
    let inner = |dice: &mut Dice| if depth == 0 { dice.text(4) } else { yaml(dice, depth - 1) };
    match dice.below(12) {
        0 => format!("&a {}", inner(dice)),
        1 => "*a".to_owned(),
        2 => format!("!!{} {}", dice.pick(&["str", "int", "map", "x", "binary"]), inner(dice)),
        3 => format!("|{}\n  {}\n", dice.pick(&["", "-", "+", "9", "0"]), dice.text(8)),
        4 => format!(">\n {}", dice.text(8)),
        5 => format!("[{}, {}]", inner(dice), inner(dice)),
        6 => format!("{{{}: {}, <<: {}}}", dice.text(2), inner(dice), inner(dice)),
        7 => format!("? {}\n: {}", inner(dice), inner(dice)),
        8 => format!("- {}\n- {}", inner(dice), inner(dice)),
        9 => format!("%TAG ! x\n--- {}\n...\n", inner(dice)),
        10 => dice
            .pick(&[
                "0x1F",
                "1e400",
                ".nan",
                "-.inf",
                "0o7",
                "2026-01-01",
                "~",
                "yes",
                "''",
                "\"\\ud800\"",
                "99999999999999999999",
            ])
            .to_owned(),
        _ => format!("\"{}\"", dice.text(6)),
    }
}

/// What was read, written and read once more.
fn reads_again(resource: &Resource, text: &str) -> Result<(), String> {
    let written = match resource {
        Resource::Experiment(experiment) => serde_json::to_string(experiment),
        Resource::Run(run) => serde_json::to_string(run),
        Resource::GameDay(plan) => serde_json::to_string(plan),
        Resource::Ours(_) | Resource::Other(_) => return Ok(()),
    };
    let written = written.map_err(|error| format!("{text:?}: {error}"))?;
    let again = files::read("again.json", &written).map_err(|report| {
        format!("{text:?} is read, and what is written of it is not: {report}")
    })?;
    let rewritten = match again.as_slice() {
        [Resource::Experiment(experiment)] => serde_json::to_string(experiment),
        [Resource::Run(run)] => serde_json::to_string(run),
        [Resource::GameDay(plan)] => serde_json::to_string(plan),
        _ => return Err(format!("{text:?} is read again as {again:?}")),
    };
    ensure(rewritten.is_ok_and(|rewritten| rewritten == written), || {
        format!("{text:?} is written as {written}, and then otherwise")
    })
}

/// Every problem has a place in the file and words, and nothing that a terminal would obey.
fn places(report: &Report, text: &str) -> Result<(), String> {
    let problems = report.json();
    let problems = problems.as_array().map_or(&[][..], Vec::as_slice);
    ensure(!problems.is_empty(), || format!("{text:?} is refused without a problem"))?;
    // What is cut off is told at the end of the file, which is behind its last line.
    let lines = text.matches(['\n', '\r']).count() as u64 + 2;
    for problem in problems {
        let number = |key: &str| problem[key].as_u64().unwrap_or_default();
        let is_there = (1..=lines).contains(&number("line")) && number("column") >= 1;
        let has_words = ["problem", "help"].iter().all(|key| problem[key] != "");
        ensure(is_there && has_words, || format!("{text:?}: {problem}"))?;
    }
    let shown = report.to_string();
    let is_obeyed = |c: char| c != '\n' && c.is_control() || c == '\u{202e}';
    ensure(!shown.contains(is_obeyed), || format!("{text:?} is told as {shown:?}"))
}
