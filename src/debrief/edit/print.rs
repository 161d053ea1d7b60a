//! The text that people edit, with what to write where.

use std::fmt::Display;

use super::{
    People,
    text::{block, line},
};
use crate::{
    api::{
        Moment,
        debrief::{ActionItem, Findings, Meeting, PeopleImpact, Steps},
    },
    debrief::clock::Clock,
};

const HELP: &str = "\
<!-- What people write of this debrief. Save and leave to write it; leave it as it is to write nothing.
     Comments such as this one are not kept. A key without a value says nothing. A line of text that is to begin
     with # is written with \\# . What was measured is not here: it never changes. -->";
const IMPACT: &str = "<!-- What it meant for people, or none: true where nobody noticed. A cost is written 6900 EUR. -->";
const MEETING: &str = "<!-- heldAt counts when it is past and after the service was back. The facilitator is a role. -->";
const FINDINGS: &str = "<!-- Systems and processes, never people. -->";
const FACTORS: &str = "\
<!-- One a line, as - Kind: what it is. Kinds: CodeChange, ConfigChange, ThirdParty, Infrastructure, Capacity,
     Process, Tooling, Documentation, Observability. -->";
const ITEMS: &str = "\
<!-- ### a1: What is to change
     - turnsYes: the missed objectives that it turns to Yes, of Detection, Recovery, Tolerance
     - type: Prevent, Detect, Mitigate, Recover, Process or Investigate
     - horizon: Immediate (14 days), Short (30) or Long (90)
     - ownerTeam: the team that does it
     - dueAt: where that is not what the horizon says
     - state: Open, Done or Dropped; one that is Dropped has a dropReason, and none is taken away
     - steps: where something is replaced: none, or what is done of add, verify, subtract
     - ticket: where its ticket is -->";
const CHECKPOINTS: &str = "<!-- ### 2026-12-15 10:00, and below it what was said -->";
const RISK: &str =
    "<!-- The risk is accepted until its review, at most 90 days ahead; with a reason. -->";
const DISMISSAL: &str = "<!-- Why there is nothing to learn here. -->";
const AMENDMENTS: &str =
    "<!-- ### 2026-12-15 10:00, and below it what is wrong with what was measured -->";

/// The text; instants are written by that clock.
#[must_use]
pub fn print(people: &People, clock: &Clock) -> String {
    let at = |at: Option<Moment>| at.map(|at| clock.written(at)).unwrap_or_default();
    let help = format!("{HELP}\n<!-- Instants without a zone are those of {}. -->", clock.name());
    let mut out = Page(vec![format!("# {}", line(&people.title)), help]);
    out.fields(&[
        ("severity", people.severity.to_string()),
        ("resolvedAt", at(people.resolved_at)),
    ]);
    out.impact(people.impact.as_ref());
    out.section("## Meeting", MEETING);
    if people.meeting.as_ref() != Some(&Meeting::default()) {
        let meeting = people.meeting.clone().unwrap_or_default();
        out.fields(&[
            ("scheduledAt", at(meeting.scheduled_at)),
            ("heldAt", at(meeting.held_at)),
            ("facilitator", optional(meeting.facilitator.as_deref())),
        ]);
    }
    out.findings(people.findings.as_ref());
    out.section("## Action items", ITEMS);
    for item in &people.action_items {
        out.item(item, at(item.due_at));
    }
    out.section("## Checkpoints", CHECKPOINTS);
    for checkpoint in &people.checkpoints {
        out.text(
            &format!("### {}", clock.written(checkpoint.held_at)),
            checkpoint.notes.as_deref(),
        );
    }
    let risk = people.accepted_risk.as_ref();
    out.section("## Accepted risk", RISK);
    out.fields(&[("reviewAt", at(risk.map(|risk| risk.review_at)))]);
    out.text("### Reason", risk.map(|risk| risk.reason.as_str()));
    out.section("## Dismissal", DISMISSAL);
    out.text("### Reason", people.dismissal.as_ref().map(|dismissal| dismissal.reason.as_str()));
    out.section("## Amendments", AMENDMENTS);
    for amendment in &people.amendments {
        out.text(&format!("### {}", clock.written(amendment.at)), Some(&amendment.text));
    }
    out.0.join("\n\n") + "\n"
}

fn optional(text: Option<&str>) -> String {
    text.map(line).unwrap_or_default()
}

fn number(number: Option<i64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn listed<T: Display>(words: &[T]) -> String {
    words.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// The parts of the text, each with an empty line between.
struct Page(Vec<String>);

impl Page {
    fn section(&mut self, heading: &str, help: &str) {
        self.0.push(format!("{heading}\n{help}"));
    }

    fn text(&mut self, heading: &str, text: Option<&str>) {
        self.0.push(heading.to_owned());
        self.0.extend(text.map(block));
    }

    fn fields(&mut self, fields: &[(&str, String)]) {
        let fields = fields.iter().map(|(key, value)| format!("- {key}: {value}"));
        let lines: Vec<_> = fields.map(|line| line.trim_end().to_owned()).collect();
        self.0.push(lines.join("\n"));
    }

    fn entries(&mut self, heading: &str, help: &str, entries: impl Iterator<Item = String>) {
        self.0.push(format!("{heading}{help}"));
        let entries: Vec<_> = entries.map(|entry| format!("- {entry}")).collect();
        self.0.extend((!entries.is_empty()).then(|| entries.join("\n")));
    }

    fn impact(&mut self, impact: Option<&PeopleImpact>) {
        let impact = impact.cloned().unwrap_or_default();
        let cost = impact.estimated_cost.map(|cost| format!("{} {}", cost.amount, cost.currency));
        self.section("## Impact", IMPACT);
        self.fields(&[
            ("none", if impact.none { "true".to_owned() } else { String::new() }),
            ("customersAffected", number(impact.customers_affected)),
            ("complaints", number(impact.complaints)),
            ("estimatedCost", cost.unwrap_or_default()),
        ]);
        self.text("### Narrative", impact.narrative.as_deref());
    }

    fn findings(&mut self, findings: Option<&Findings>) {
        self.section("## Findings", FINDINGS);
        if findings == Some(&Findings::default()) {
            return;
        }
        let findings = findings.cloned().unwrap_or_default();
        self.text("### Summary", findings.summary.as_deref());
        let factors = findings.contributing_factors.iter();
        let factors = factors.map(|factor| format!("{}: {}", factor.category, line(&factor.text)));
        self.entries("### Contributing factors\n", FACTORS, factors);
        self.text("### Why surprised", findings.why_surprised.as_deref());
        self.entries("### Went well", "", findings.went_well.iter().map(|entry| line(entry)));
        self.entries("### Got lucky", "", findings.got_lucky.iter().map(|entry| line(entry)));
    }

    fn item(&mut self, item: &ActionItem, due_at: String) {
        self.0.push(format!("### {}: {}", item.id, line(&item.title)));
        self.fields(&[
            ("turnsYes", listed(&item.turns_yes)),
            ("type", item.type_.to_string()),
            ("horizon", item.horizon.to_string()),
            ("ownerTeam", line(&item.owner_team)),
            ("dueAt", due_at),
            ("state", item.state.to_string()),
            ("dropReason", optional(item.drop_reason.as_deref())),
            ("steps", item.steps.map(steps).unwrap_or_default()),
            ("ticket", optional(item.ticket.as_deref())),
        ]);
    }
}

fn steps(steps: Steps) -> String {
    let done = [(steps.add, "add"), (steps.verify, "verify"), (steps.subtract, "subtract")];
    let done: Vec<_> = done.iter().filter(|(is_done, _)| *is_done).map(|(_, step)| *step).collect();
    if done.is_empty() { "none".to_owned() } else { done.join(", ") }
}
