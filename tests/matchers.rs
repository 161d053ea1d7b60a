//! Matcher lists, by the seed: firedrill reads each as Alertmanager's own code does, or `validate` says the difference.
//!
//! `ALERTMANAGER_MATCHERS` is the program that reads them by Alertmanager's code (`tests/cluster/build.sh matchers`),
//! `MATCHERS` says how many, `MATCHERS_SEED` from which seed on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "fuzz/dice.rs"]
#[allow(dead_code, reason = "no JSON is made here")]
mod dice;
#[path = "fuzz/grammar.rs"]
mod grammar;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    io::Write,
    process::{Command, Stdio},
    thread,
};

use dice::Dice;
use firedrill::core::alerts::{
    expression::{Refusal, Room},
    matcher::{Matchers, ParseError},
};
use serde::Deserialize;
use serde_json::json;

/// So many without being asked for more.
const FEW: u64 = 1_000;

/// A text, and values to hold against its matchers.
struct Asked {
    text: String,
    values: Vec<String>,
}

/// What each of Alertmanager's parsers makes of a text; its default is to ask both.
#[derive(Deserialize)]
struct Told {
    classic: Reading,
    utf8: Reading,
    default: Reading,
}

#[derive(Deserialize, PartialEq)]
struct Reading {
    error: String,
    matchers: Option<Vec<Matcher>>,
}

#[derive(Deserialize, PartialEq)]
struct Matcher {
    name: String,
    sign: String,
    value: String,
    /// Whether it holds on each of the values.
    holds: Vec<bool>,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

fn asked(seed: u64) -> Asked {
    let mut dice = Dice::new(seed);
    let text = grammar::matchers(&mut dice);
    let parts = text.split(['"', '=', '~', ',', '}']).map(|part| part.trim().to_owned());
    let parts: Vec<String> = parts.filter(|part| part.len() < 80).take(12).collect();
    let made = (0..8).map(|_| grammar::text(&mut dice));
    let few =
        ["", "a", "b", "ab", "\n", "k", "aa", "_", "\u{e9}", "\u{212a}", "9"].map(str::to_owned);
    Asked { text, values: made.chain(parts).chain(few).collect() }
}

/// What Alertmanager's code says of all of them.
fn tell(all: &[Asked]) -> Vec<Told> {
    let program = std::env::var("ALERTMANAGER_MATCHERS").expect(
        "ALERTMANAGER_MATCHERS names the program that tests/cluster/build.sh matchers builds",
    );
    let mut program =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = program.stdin.take().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            for Asked { text, values } in all {
                writeln!(input, "{}", json!({"text": text, "values": values})).unwrap();
            }
        });
        let output = program.wait_with_output().unwrap();
        assert!(output.status.success());
        let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    })
}

impl Reading {
    fn matchers(&self) -> Option<&[Matcher]> {
        self.matchers.as_deref().filter(|matchers| !matchers.is_empty() && self.error.is_empty())
    }
}

/// How the two readings of a text compare; an error is a difference that nobody is told.
fn compare(Asked { text, values }: &Asked, told: &Told) -> Result<&'static str, String> {
    let read = Matchers::parse(text, &mut Room::default());
    let utf8 = told.utf8.matchers();
    match read {
        Ok(read) => {
            let theirs =
                utf8.ok_or_else(|| format!("Alertmanager refuses it: {}", told.utf8.error))?;
            if told.default != told.utf8 {
                return Err("Alertmanager itself reads it by its classic parser".to_owned());
            }
            if read.is_classic() != told.classic.matchers().is_some() {
                return Err(format!("classic mode: {:?}", told.classic.error));
            }
            if read.is_classic() && told.classic != told.utf8 {
                return Err("the classic parser reads something else".to_owned());
            }
            same(&read, theirs, values)?;
            Ok(if read.is_classic() {
                "read alike"
            } else {
                "read alike, not in classic mode: warned"
            })
        }
        Err(ParseError::Syntax(_, flaw)) => {
            let words = flaw.to_string();
            match utf8 {
                None if told.classic.matchers().is_some() => {
                    Ok("the classic parser's alone: refused, with the place")
                }
                None => Ok("refused by both"),
                Some(_) if words.contains("parser of matchers do not skip") => {
                    Ok("a space that only one skips everywhere: refused, in words")
                }
                Some(_)
                    if words.contains("parser of matchers make different things")
                        && told.classic != told.utf8 =>
                {
                    Ok("the parsers differ, or one refuses it: refused, in words")
                }
                Some(_) => Err(format!("it is refused: {words}")),
            }
        }
        Err(ParseError::Expression(_, refusal)) => match (utf8, refusal) {
            (None, _) if told.default.matchers().is_some() => {
                Err("its default reads it".to_owned())
            }
            (None, _) => Ok("refused by both"),
            (Some(_), Refusal::Room(_)) => Ok("an expression that is too large: refused, in words"),
            (Some(_), _) => Ok("an expression of Go's alone: refused, in words"),
        },
    }
}

/// Whether both hold on the same values, label by label.
fn same(read: &Matchers, theirs: &[Matcher], values: &[String]) -> Result<(), String> {
    let names: BTreeSet<&str> = theirs.iter().map(|matcher| matcher.name.as_str()).collect();
    let own = RefCell::new(BTreeSet::new());
    read.conflict(|label| {
        own.borrow_mut().insert(label.to_owned());
        None
    });
    let own = own.into_inner();
    if own.iter().map(String::as_str).collect::<BTreeSet<_>>() != names {
        return Err(format!("the labels are {own:?} and {names:?}"));
    }
    let equal = theirs.iter().filter(|matcher| matcher.sign == "=");
    let equal: BTreeMap<_, _> =
        equal.map(|matcher| (matcher.name.clone(), matcher.value.clone())).collect();
    if read.labels() != equal {
        return Err(format!("the values are {:?} and {equal:?}", read.labels()));
    }
    for name in names {
        for (index, value) in values.iter().enumerate() {
            let mut theirs = theirs.iter().filter(|matcher| matcher.name == name);
            let theirs = theirs.all(|matcher| matcher.holds[index]);
            let own = read.conflict(|label| (label == name).then_some(value)).is_none();
            if own != theirs {
                return Err(format!("{name} on {value:?}: {own} and {theirs}"));
            }
        }
    }
    Ok(())
}

#[test]
fn matchers_read_as_they_do_to_alertmanager() {
    let seed = number("MATCHERS_SEED").unwrap_or_else(|| fastrand::u64(..1 << 48));
    let count = number("MATCHERS").unwrap_or(FEW);
    let all: Vec<Asked> = (0..count).map(|number| asked(seed.wrapping_add(number))).collect();
    let told = tell(&all);
    assert_eq!(told.len(), all.len(), "the program has answered to each");
    let (mut rows, mut wrong) = (BTreeMap::<&str, u64>::new(), Vec::new());
    for (number, (asked, told)) in (0..).zip(all.iter().zip(&told)) {
        match compare(asked, told) {
            Ok(row) => *rows.entry(row).or_default() += 1,
            Err(difference) => {
                let seed = seed.wrapping_add(number);
                wrong.push(format!(
                    "MATCHERS_SEED={seed} MATCHERS=1: {:?}: {difference}",
                    asked.text
                ));
            }
        }
    }
    println!("MATCHERS_SEED={seed}");
    for (row, count) in &rows {
        println!("  {count:>8}  {row}");
    }
    wrong.iter().take(20).for_each(|wrong| println!("{wrong}"));
    let values: usize = all.iter().map(|asked| asked.values.len()).sum();
    println!(
        "matchers: {count} texts and {values} values, {} differences to Alertmanager that are not said",
        wrong.len()
    );
    if let Ok(path) = std::env::var("MATCHERS_EVIDENCE") {
        let evidence = json!({"seed": seed, "texts": count, "values": values, "rows": rows, "differences": wrong});
        std::fs::write(path, format!("{evidence:#}\n")).unwrap();
    }
    assert!(wrong.is_empty(), "see above");
    assert!(rows.get("read alike").is_some_and(|alike| *alike >= count / 10), "hardly any is read");
}
