//! One timeline of what led up, what was measured and what the cluster did meanwhile.

use super::super::{
    clock::Clock,
    leadup::{is_routine, most_relevant},
    markdown::{Table, code, paragraph, text},
    phrase::{fact, fine, is_near_miss, is_whole, offset},
};
use crate::api::{
    Duration, Moment,
    debrief::{Evidence, TimelineEntry},
    run::{Fact, FactName},
};

/// A page shows so many entries of the cluster; the record has the rest.
const SHOWN_MAX: usize = 60;

/// The timeline; absent where no injection is known.
pub fn section(evidence: &Evidence, clock: &Clock) -> Option<String> {
    let zero = fact(evidence, FactName::Injected)?.not_before;
    let facts = evidence.facts.iter();
    let mut rows: Vec<Row> =
        facts.filter_map(|fact| measured(evidence, fact, zero, clock)).collect();
    let shown = worth_telling(evidence, zero);
    rows.extend(shown.chunk_by(is_same_moment).map(|told| remembered(told, zero, clock)));
    rows.sort_by_key(|row| row.order);
    let mut table = Table::new(["Time", "After", "Source", "What happened"]);
    for row in rows {
        table.row(row.cells);
    }
    let mut parts =
        vec![table.print().trim_end().to_owned(), paragraph(&precision(evidence, zero, clock))];
    let hidden = evidence.timeline.len() - shown.len();
    if hidden > 0 {
        let entries = if hidden == 1 { "entry" } else { "entries" };
        parts.push(format!(
            "{hidden} more {entries} of the cluster's own routine: in the record (`-o yaml`)."
        ));
    }
    Some(parts.join("\n\n"))
}

/// A line of the table, and where it stands.
struct Row {
    order: Moment,
    cells: [String; 4],
}

/// What the cluster tells; the routine of pods only from the injection on, where it is the recovery.
fn worth_telling(evidence: &Evidence, zero: Moment) -> Vec<TimelineEntry> {
    let led_up = |entry: &TimelineEntry| end_of_second(entry.at) < zero;
    let entries = evidence.timeline.iter();
    let told = entries.filter(|entry| !(led_up(entry) && is_routine(entry)));
    most_relevant(told.cloned().collect(), zero, SHOWN_MAX)
}

/// What one object tells of one instant is one line.
fn is_same_moment(a: &TimelineEntry, b: &TimelineEntry) -> bool {
    a.at == b.at && a.source == b.source
}

fn remembered(told: &[TimelineEntry], zero: Moment, clock: &Clock) -> Row {
    let (at, source) = (told[0].at, code(&told[0].source));
    let texts: Vec<_> = told.iter().map(|entry| text(&entry.text)).collect();
    let cells = [clock.instant(at, zero), offset(zero, at), source, texts.join("; ")];
    Row { order: end_of_second(at), cells }
}

/// What is known to the second only happened before that second was over.
fn end_of_second(at: Moment) -> Moment {
    if is_whole(at) { at + Duration::micros(999_999) } else { at }
}

/// A fact that tells the story; how the run was kept is none of it.
fn measured(evidence: &Evidence, fact: &Fact, zero: Moment, clock: &Clock) -> Option<Row> {
    let mut what = words(evidence, fact.name)?;
    // The fault can have begun with the call; its answer came later.
    let at = if fact.name == FactName::Injected { zero } else { fact.at };
    if at != fact.at {
        what = format!("{what}, accepted by {}", clock.instant(fact.at, zero));
    }
    let ended = fact.name == FactName::RevertStarted;
    let said = if ended { fact.detail.clone() } else { crate::core::words::said(fact) };
    if !said.is_empty() {
        what = format!("{what}: {}", text(&said));
    }
    let cells = [clock.instant(at, zero), offset(zero, at), text(&fact.source), what];
    Some(Row { order: at, cells })
}

fn words(evidence: &Evidence, name: FactName) -> Option<String> {
    let (until, held) = (evidence.objectives.detection_until, evidence.objectives.stable_for);
    let noticed = if name == until.fact() { "**Noticed**: " } else { "" };
    Some(match name {
        FactName::Injected => "**Fault injected**".to_owned(),
        FactName::EffectObserved => "First sign on the target".to_owned(),
        FactName::ImpactStarted => "**Impact starts**".to_owned(),
        FactName::ConditionTrue => "Alert condition true".to_owned(),
        FactName::Firing => format!("{noticed}alert firing"),
        FactName::Notified => format!("{noticed}notification delivered"),
        FactName::Mitigated => "Every probe good from here on".to_owned(),
        // The target of an outage is as before all the time: what it depends on is not.
        FactName::Restored if evidence.dependency.is_some() => return None,
        FactName::Restored => "Desired state as before from here on".to_owned(),
        FactName::Recovered if evidence.dependency.is_some() => {
            format!("**Back**, and it held for {held}")
        }
        FactName::Recovered => format!("**Back**: both, and they held for {held}"),
        FactName::Reverted if evidence.took_pods() => "Run over".to_owned(),
        FactName::Reverted => "**Fault taken back**".to_owned(),
        FactName::RevertStarted if is_near_miss(evidence) => "**A guard ends the run**".to_owned(),
        FactName::Accepted
        | FactName::Journaled
        | FactName::RevertStarted
        | FactName::Completed => return None,
    })
}

/// How well the instants are known: the widest time between "not yet" and "seen".
fn precision(evidence: &Evidence, zero: Moment, clock: &Clock) -> String {
    let width = |fact: &Fact| Duration::between(fact.not_before, fact.at);
    let shown = evidence.facts.iter().filter(|fact| words(evidence, fact.name).is_some());
    let widest = shown.map(width).max().unwrap_or_default();
    format!(
        "Measured instants are the first at which something was known to be so; the last at which it was known \
         not to be so lies at most {} before. What is shown without fractions is known to the second. *After* \
         counts from {}, the earliest instant at which the fault can have begun.",
        fine(widest),
        clock.instant(zero, zero)
    )
}
