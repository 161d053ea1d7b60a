//! The debrief as a Markdown page that reads well raw too: the same sections in the same order for
//! every debrief, each left out where there is nothing to say.

mod attempts;
mod change;
mod detection;
mod exits;
mod findings;
mod forward;
mod impact;
mod incident;
mod items;
mod meant;
mod measured;
mod meeting;
mod prose;
mod questions;
mod timeline;

use super::{
    clock::Clock,
    markdown::{code, paragraph, text},
    phrase, stage,
};
use crate::{
    api::{
        Debrief, DebriefSpec, DebriefStatus,
        debrief::{Evidence, Stage},
    },
    core::words::count,
};

const PREFACE: &str = "\
> **Why this page exists.** We look at how our process and systems let this happen, not at who was there.
> Everyone acted sensibly on what they could see. The goal is that next time every answer below is *yes*.";

/// A heading with what stands below it, if anything does.
type Section = (&'static str, Option<String>);

/// The page as Markdown, by the clock on the team's wall.
#[must_use]
pub fn render(debrief: &Debrief) -> String {
    let empty = DebriefStatus::default();
    let (spec, status) = (&debrief.spec, debrief.status.as_ref().unwrap_or(&empty));
    let Some(clock) = Clock::of(&spec.policy) else { return String::new() };
    let mut page = vec![
        format!("# {}", text(&spec.title)),
        identity(debrief, status, &clock),
        PREFACE.to_owned(),
    ];
    page.extend(spec.evidence.as_deref().map(expected));
    page.extend(spec.evidence.as_ref().map(|e| questions::table(e).trim_end().to_owned()));
    page.extend(
        spec.incident
            .as_ref()
            .map(|incident| incident::questions(spec, incident, status).trim_end().to_owned()),
    );
    for (heading, section) in sections(debrief, status, &clock) {
        if let Some(section) = section {
            page.push(format!("## {heading}\n\n{}", section.trim_end()));
        }
    }
    page.extend(spec.evidence.as_ref().map(|evidence| source(debrief, evidence)));
    page.extend(spec.incident.as_ref().map(incident::source));
    page.join("\n\n") + "\n"
}

/// What people wrote comes between the story and how it was measured; as long as they wrote nothing, that is told with the
/// story.
fn sections(debrief: &Debrief, status: &DebriefStatus, clock: &Clock) -> Vec<Section> {
    let spec = &debrief.spec;
    let (before, after) = people(spec, status, clock);
    let is_silent = before.iter().chain(&after).all(|(_, section)| section.is_none());
    let evidence = spec.evidence.as_ref();
    if is_silent && let Some(evidence) = evidence {
        return measured::whole(evidence, status, clock);
    }
    let story = evidence.map(|evidence| measured::story(evidence, status, clock));
    let detail = evidence.map(|evidence| measured::detail(evidence, clock));
    let incident = spec
        .incident
        .as_ref()
        .map(|incident| vec![(measured::STORY, Some(incident::story(spec, incident, clock)))]);
    let repeats = spec.incident.as_ref().map(|incident| {
        vec![(measured::REPEATS, measured::repeats(status, Some(incident.started_at), clock))]
    });
    let forward = vec![("The path forward", forward::section(debrief, status, clock))];
    let parts = [Some(before), story, incident, repeats, Some(after), Some(forward), detail];
    parts.into_iter().flatten().flatten().collect()
}

/// What people wrote and what the operator concluded of it: before the story, and after it.
fn people(
    spec: &DebriefSpec,
    status: &DebriefStatus,
    clock: &Clock,
) -> (Vec<Section>, Vec<Section>) {
    let findings = spec.findings.as_ref();
    let found = |list: fn(&crate::api::debrief::Findings) -> &[String]| {
        findings.and_then(|findings| prose::list(list(findings)))
    };
    let before = vec![
        ("What it meant for people", spec.impact.as_ref().and_then(meant::section)),
        ("In short", findings.and_then(|findings| findings.summary.as_deref()).map(prose::prose)),
    ];
    let after = vec![
        ("What made this possible", findings.and_then(findings::causes)),
        ("What went well", found(|findings| &findings.went_well)),
        ("Where luck helped", found(|findings| &findings.got_lucky)),
        ("What we change", items::section(spec, status, clock)),
        ("The meeting", meeting::section(spec, status, clock)),
        ("Proof", attempts::section(spec, status, clock)),
        (
            "What led here before",
            spec.recurrence_of.as_ref().map(|earlier| exits::before(earlier, clock)),
        ),
        ("The risk is accepted", exits::accepted(spec, status, clock)),
        (
            "Why nothing is to be learned",
            spec.dismissal.as_ref().map(|dismissal| prose::prose(&dismissal.reason)),
        ),
        ("What is wrong with the numbers", exits::amendments(&spec.amendments, clock)),
    ];
    (before, after)
}

fn identity(debrief: &Debrief, status: &DebriefStatus, clock: &Clock) -> String {
    let (spec, name) = (&debrief.spec, debrief.metadata.name.as_deref().unwrap_or_default());
    let mut parts = vec![code(name), spec.severity.to_string()];
    parts.extend(phrase::opened_as(spec.source.kind).map(str::to_owned));
    parts.extend(status.stage.map(|stage| {
        let ended = status.ended_at.filter(|_| stage == Stage::Closed || stage == Stage::Dismissed);
        let ended = ended.map(|at| format!(" {}", clock.day(at))).unwrap_or_default();
        format!("**{}**{ended}", phrase::words_of(stage))
    }));
    let is_held = spec.meeting.as_ref().is_some_and(|meeting| meeting.held_at.is_some());
    let window = status.window.as_ref().filter(|_| !is_held);
    parts.extend(window.map(|window| {
        let (from, to) = (clock.minute(window.not_before), clock.minute(window.not_after));
        format!("meeting between {from} and {to}")
    }));
    if status.repeats > 0 {
        parts.push(format!("seen {} since", count(status.repeats, "more time")));
    }
    parts.extend(stage::began(spec).map(|at| clock.day(at)));
    parts.push(format!("all times {}", clock.name()));
    parts.join(" · ")
}

fn expected(evidence: &Evidence) -> String {
    let (owner, hypothesis) = (text(&evidence.owner), text(&evidence.hypothesis));
    paragraph(&format!("**Expected** by {owner}: {hypothesis}"))
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
