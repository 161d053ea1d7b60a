//! The debrief as a Markdown page that reads well raw too: the same sections in the same order for
//! every debrief, each left out where there is nothing to say.

mod change;
mod detection;
mod impact;
mod questions;
mod timeline;

use super::{
    markdown::{Table, code, paragraph, text},
    phrase,
};
use crate::{
    api::{
        Debrief, DebriefStatus, Moment,
        debrief::Evidence,
        run::{FactName, RecoveredBy},
    },
    core::words::{self, count},
};

const PREFACE: &str = "\
> **Why this page exists.** We look at how our process and systems let this happen, not at who was there.
> Everyone acted sensibly on what they could see. The goal is that next time every answer below is *yes*.";

/// The page as Markdown.
#[must_use]
pub fn render(debrief: &Debrief) -> String {
    let empty = DebriefStatus::default();
    let status = debrief.status.as_ref().unwrap_or(&empty);
    let mut page = vec![
        format!("# {}", text(&debrief.spec.title)),
        identity(debrief, status),
        PREFACE.to_owned(),
    ];
    let evidence = debrief.spec.evidence.as_ref();
    page.extend(evidence.into_iter().flat_map(|evidence| {
        [expected(evidence), questions::table(evidence).trim_end().to_owned()]
    }));
    let measured = evidence.map(|evidence| measured(evidence, status)).into_iter().flatten();
    for (heading, section) in measured {
        if let Some(section) = section {
            page.push(format!("## {heading}\n\n{}", section.trim_end()));
        }
    }
    page.extend(evidence.map(|evidence| source(debrief, evidence)));
    page.join("\n\n") + "\n"
}

/// What was measured, section by section.
fn measured(evidence: &Evidence, status: &DebriefStatus) -> [(&'static str, Option<String>); 8] {
    [
        ("What happened (from the moment it really started)", timeline::section(evidence)),
        ("What it was like before", before(evidence)),
        ("Impact", impact::section(evidence)),
        ("How detection came about", detection::section(evidence)),
        ("How it came back", back(evidence)),
        ("What must change", change::section(evidence)),
        ("What else fired", also_fired(evidence)),
        ("Again since then", repeats(status, injected(evidence))),
    ]
}

fn identity(debrief: &Debrief, status: &DebriefStatus) -> String {
    let name = debrief.metadata.name.as_deref().unwrap_or_default();
    let mut parts = vec![code(name), debrief.spec.severity.to_string()];
    parts.extend(status.stage.map(|stage| format!("**{}**", phrase::words_of(stage))));
    parts.extend(status.window.as_ref().map(phrase::meeting));
    if status.repeats > 0 {
        parts.push(format!("seen {} since", count(status.repeats, "more time")));
    }
    let began = debrief.spec.evidence.as_ref().and_then(injected);
    parts.extend(began.map(|at| at.timestamp().strftime("%d %b %Y").to_string()));
    parts.push("all times UTC".to_owned());
    parts.join(" · ")
}

fn expected(evidence: &Evidence) -> String {
    let (owner, hypothesis) = (text(&evidence.owner), text(&evidence.hypothesis));
    paragraph(&format!("**Expected** by {owner}: {hypothesis}"))
}

fn injected(evidence: &Evidence) -> Option<Moment> {
    phrase::fact(evidence, FactName::Injected).map(|fact| fact.not_before)
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

fn repeats(status: &DebriefStatus, injected: Option<Moment>) -> Option<String> {
    let mut table = Table::new(["When", "Run", "Noticed after", "Back after"]);
    for occurrence in &status.occurrences {
        let length = |took: Option<_>| took.map_or_else(|| "–".to_owned(), phrase::took);
        table.row([
            phrase::instant(occurrence.at, injected.unwrap_or(occurrence.at)),
            code(&occurrence.run),
            length(occurrence.time_to_detect),
            length(occurrence.time_to_recover),
        ]);
    }
    table.has_rows().then(|| table.print())
}

fn source(debrief: &Debrief, evidence: &Evidence) -> String {
    let run = debrief.spec.source.run_ref.as_ref().map(|run| run.name.as_str());
    let generation = evidence.experiment.generation;
    let generation =
        generation.map(|generation| format!(" (generation {generation})")).unwrap_or_default();
    let namespace = debrief.metadata.namespace.as_deref().unwrap_or_default();
    paragraph(&format!(
        "The numbers on this page are those of run {} of experiment {}{generation} in namespace {}. \
         A gap in the story? Tell {}.",
        code(run.unwrap_or_default()),
        code(&evidence.experiment_name),
        code(namespace),
        text(&evidence.owner)
    ))
}
