//! One timeline of what led up, what was measured and what the cluster did meanwhile.

use super::super::{
    leadup::most_relevant,
    markdown::{Table, code, paragraph, text},
    phrase::{fact, instant, is_whole, length, offset},
};
use crate::api::{
    Duration, Moment,
    debrief::{Evidence, TimelineEntry},
    run::{Fact, FactName},
};

/// A page shows so many entries of the cluster; the record has the rest.
const SHOWN_MAX: usize = 60;

/// The timeline with its horizon; absent where no injection is known.
pub fn section(evidence: &Evidence) -> Option<String> {
    let injected = fact(evidence, FactName::Injected)?;
    let zero = injected.not_before;
    let mut rows: Vec<(Moment, [String; 4])> = evidence
        .facts
        .iter()
        .filter_map(|fact| Some((fact.at, row(evidence, fact, zero)?)))
        .collect();
    let shown = most_relevant(evidence.timeline.clone(), injected.at, SHOWN_MAX);
    rows.extend(shown.chunk_by(is_same_moment).map(|told| {
        let texts: Vec<_> = told.iter().map(|entry| text(&entry.text)).collect();
        let cells = cells(told[0].at, zero, code(&told[0].source), texts.join("; "));
        (end_of_second(told[0].at), cells)
    }));
    rows.sort_by_key(|(at, _)| *at);
    let mut table = Table::new(["Time", "After", "Source", "What happened"]);
    for (_, cells) in rows {
        table.row(cells);
    }
    let hidden = evidence.timeline.len() - shown.len();
    let mut parts = vec![
        table.print().trim_end().to_owned(),
        paragraph(&precision(evidence, zero)),
    ];
    if hidden > 0 {
        parts.push(format!(
            "{hidden} more entries of the cluster are in the record (`-o yaml`)."
        ));
    }
    if !evidence.lead_up_horizon.is_empty() {
        parts.push(paragraph(&text(&evidence.lead_up_horizon)));
    }
    Some(parts.join("\n\n"))
}

/// What one object tells of one instant is one line.
fn is_same_moment(a: &TimelineEntry, b: &TimelineEntry) -> bool {
    a.at == b.at && a.source == b.source
}

fn cells(at: Moment, zero: Moment, source: String, what: String) -> [String; 4] {
    [instant(at, zero), offset(zero, at), source, what]
}

/// What is known to the second only happened before that second was over.
fn end_of_second(at: Moment) -> Moment {
    if is_whole(at) {
        at + Duration::micros(999_999)
    } else {
        at
    }
}

/// The facts that tell the story; how the run was kept is none of it.
fn row(evidence: &Evidence, fact: &Fact, zero: Moment) -> Option<[String; 4]> {
    let held = evidence.objectives.stable_for;
    let counts = |name: &str| {
        evidence
            .objectives
            .detection_until
            .eq_ignore_ascii_case(name)
    };
    let noticed = |name: &str, told: &str| {
        if counts(name) {
            format!("**Noticed**: {told}")
        } else {
            told.to_owned()
        }
    };
    let what = match fact.name {
        FactName::Injected => "**Fault injected**".to_owned(),
        FactName::EffectObserved => "First sign on the target".to_owned(),
        FactName::ImpactStarted => "**Impact starts**".to_owned(),
        FactName::ConditionTrue => "Alert condition true".to_owned(),
        FactName::Firing => noticed("Firing", "alert firing"),
        FactName::Notified => noticed("Notified", "notification delivered"),
        FactName::Mitigated => "Every probe good from here on".to_owned(),
        FactName::Restored => "Desired state as before from here on".to_owned(),
        FactName::Recovered => format!("**Back**: both, and they held for {held}"),
        FactName::Reverted => "Run over".to_owned(),
        FactName::Accepted
        | FactName::Journaled
        | FactName::RevertStarted
        | FactName::Completed => return None,
    };
    let what = match fact.detail.as_str() {
        "" => what,
        detail => format!("{what}: {}", text(detail)),
    };
    let at = if fact.name == FactName::Injected {
        zero
    } else {
        fact.at
    };
    let mut cells = cells(fact.at, zero, text(&fact.source), what);
    cells[1] = offset(zero, at);
    Some(cells)
}

/// How well the instants are known: the widest time between "not yet" and "seen".
fn precision(evidence: &Evidence, zero: Moment) -> String {
    let width = |fact: &Fact| Duration::between(fact.not_before, fact.at);
    let shown = evidence
        .facts
        .iter()
        .filter(|fact| row(evidence, fact, zero).is_some());
    let widest = shown.map(width).max().unwrap_or_default();
    format!(
        "Measured instants are the first at which something was known to be so; the last at which it was known \
         not to be so lies at most {} before. What is shown without fractions is known to the second. *After* \
         counts from {}, the earliest instant at which the fault can have begun.",
        length(widest),
        instant(zero, zero)
    )
}
