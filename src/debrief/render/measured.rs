//! What was measured, section by section: the story, and how that was measured.

use super::{
    super::{
        clock::Clock,
        markdown::{Table, code, paragraph, text},
        phrase,
    },
    Section, change, detection, impact, timeline,
};
use crate::{
    api::{
        DebriefStatus, Moment,
        debrief::{Evidence, Objective},
        run::{FactName, RecoveredBy},
    },
    core::words,
};

/// Heading of the story.
pub const STORY: &str = "What happened (from the moment it really started)";
/// Heading of the repeats.
pub const REPEATS: &str = "Again since then";

/// All of it, as long as people have written nothing.
pub fn whole(evidence: &Evidence, status: &DebriefStatus, clock: &Clock) -> Vec<Section> {
    let story = timeline::section(evidence, clock).map(|story| match horizon(evidence, clock) {
        Some(horizon) => format!("{story}\n\n{horizon}"),
        None => story,
    });
    vec![
        (STORY, story),
        ("What it was like before", before(evidence)),
        ("Impact", impact::section(evidence, clock)),
        ("How detection came about", detection::section(evidence)),
        ("How it came back", back(evidence)),
        ("What must change", change::section(evidence)),
        ("What else fired", also_fired(evidence)),
        (REPEATS, repeats(status, injected(evidence), clock)),
    ]
}

/// What happened, and what follows from it.
pub fn story(evidence: &Evidence, status: &DebriefStatus, clock: &Clock) -> Vec<Section> {
    vec![
        (STORY, timeline::section(evidence, clock)),
        ("What it was like before", before(evidence)),
        ("Impact", impact::section(evidence, clock)),
        ("How it came back", back(evidence)),
        ("What must change", change::section(evidence)),
        (REPEATS, repeats(status, injected(evidence), clock)),
    ]
}

/// How that was measured, and how far back it sees.
pub fn detail(evidence: &Evidence, clock: &Clock) -> Vec<Section> {
    vec![
        ("How detection came about", detection::section(evidence)),
        ("What else fired", also_fired(evidence)),
        ("How far back this looks", horizon(evidence, clock)),
    ]
}

/// When the fault can have begun.
pub fn injected(evidence: &Evidence) -> Option<Moment> {
    phrase::fact(evidence, FactName::Injected).map(|fact| fact.not_before)
}

/// Its instants were put into words when it was read, in UTC.
fn horizon(evidence: &Evidence, clock: &Clock) -> Option<String> {
    let written = text(&evidence.lead_up_horizon);
    let zone = if clock.name() == "UTC" { "" } else { " These times are UTC." };
    (!written.is_empty()).then(|| paragraph(&format!("{written}{zone}")))
}

fn before(evidence: &Evidence) -> Option<String> {
    let lines: Vec<_> =
        evidence.target_state.iter().map(|line| format!("- {}", code(line))).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What brought the service back, and what shows it.
fn back(evidence: &Evidence) -> Option<String> {
    let how = match evidence.recovered_by? {
        RecoveredBy::Automatic => "By itself; nobody had to do anything",
        RecoveredBy::Rollback => "By a change of the target's pod template",
        RecoveredBy::Scale => "By a change of the number of replicas",
        RecoveredBy::Restart => "By a restart of the target",
        RecoveredBy::Manual => "By another change of the target",
        RecoveredBy::FaultEnded => "Only after the fault was taken away again",
    };
    let shown = evidence.recovery_evidence.as_deref();
    Some(match shown {
        Some(shown) => format!("{how}: {}.", text(shown)),
        None => format!("{how}."),
    })
}

fn also_fired(evidence: &Evidence) -> Option<String> {
    let mut table = Table::new(["Alert", "Labels", "Told by", "Why it did not count"]);
    for alert in &evidence.also_fired {
        let note = alert.note.as_deref().unwrap_or("no alert that was expected");
        table.row([
            code(words::alert(&alert.labels)),
            detection::labels(alert).map_or_else(|| "none".to_owned(), |labels| code(&labels)),
            text(&alert.source),
            text(note),
        ]);
    }
    table.has_rows().then(|| table.print())
}

/// The same miss again, by the day on which it was first.
pub fn repeats(status: &DebriefStatus, first: Option<Moment>, clock: &Clock) -> Option<String> {
    let mut table = Table::new(["When", "Run", "Noticed after", "Back after"]);
    for occurrence in &status.occurrences {
        let length = |took: Option<_>| took.map_or_else(|| "–".to_owned(), phrase::took);
        table.row([
            clock.instant(occurrence.at, first.unwrap_or(occurrence.at)),
            code(&occurrence.run),
            length(occurrence.time_to_detect),
            if occurrence.missed == [Objective::Conclusion] {
                "a guard ended the run".to_owned()
            } else {
                length(occurrence.time_to_recover)
            },
        ]);
    }
    table.has_rows().then(|| table.print())
}
