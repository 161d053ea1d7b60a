//! The report of a game day, from the day alone: its runs may be gone.

use super::{
    markdown::{Table, code, paragraph, text},
    phrase,
};
use crate::{
    api::{
        GameDayRun, GameDayRunStatus,
        game_day_run::{DayFactName, StepResult},
    },
    core::words,
};

/// The day as Markdown; what others wrote in it cannot act.
#[must_use]
pub fn report(day: &GameDayRun) -> String {
    let empty = GameDayRunStatus::default();
    let status = day.status.as_ref().unwrap_or(&empty);
    let name = day.metadata.name.as_deref().unwrap_or_default();
    let outcome = status.outcome.map(|outcome| outcome.to_string());
    let outcome = outcome.or_else(|| status.stage.clone()).unwrap_or_else(|| "Planned".to_owned());
    let mut parts = vec![format!("# Game day {}: {}\n", text(name), text(&outcome))];
    if let Some(summary) = &status.summary {
        parts.push(paragraph(&format!("{}.", text(&phrase::capitalized(summary)))));
    }
    parts.push(facts(day, status));
    if let Some(notes) = status.plan.as_ref().and_then(|plan| plan.spec.notes.as_ref()) {
        parts.push(paragraph(&text(notes)));
    }
    if !status.steps.is_empty() {
        parts.push(format!("## Steps\n\n{}", steps(status)));
    }
    if !status.gates.is_empty() {
        parts.push(format!("## Gates\n\n{}", gates(status)));
    }
    if !day.spec.approvals.is_empty() {
        parts.push(format!("## Approvals\n\n{}", approvals(day, status)));
    }
    if !status.announcements.is_empty() {
        parts.push(format!("## Announcements\n\n{}", announcements(status)));
    }
    if !day.spec.improvements.is_empty() {
        let items = day.spec.improvements.iter().map(|item| format!("- {}\n", text(item)));
        parts.push(format!("## What we will do better\n\n{}", items.collect::<String>()));
    }
    parts.iter().map(|part| format!("{}\n", part.trim_end())).collect::<Vec<_>>().join("\n")
}

fn facts(day: &GameDayRun, status: &GameDayRunStatus) -> String {
    let mut table = Table::new(["When (UTC)", "What", ""]);
    let what = |name| match name {
        DayFactName::Announced => "announced",
        DayFactName::Gating => "its gates were looked at",
        DayFactName::Go => "go",
        DayFactName::NoGo => "no-go",
        DayFactName::StopRequested => "halted",
        DayFactName::Cooling => "no further step starts",
        DayFactName::Reported => "over",
    };
    if let Some(begins) = day.begins() {
        let by = match (&day.spec.at, &day.spec.started_by) {
            (Some(_), _) => format!("by the schedule of {}", code(&day.spec.game_day)),
            (None, Some(by)) => format!("{} by {}", code(&day.spec.game_day), text(by)),
            (None, None) => code(&day.spec.game_day),
        };
        table.row([shown(begins), "to begin".to_owned(), by]);
    }
    for fact in &status.facts {
        table.row([shown(fact.at), what(fact.name).to_owned(), text(&fact.detail)]);
    }
    table.print()
}

fn shown(at: crate::api::Moment) -> String {
    at.timestamp().strftime("%a %d %b %Y %H:%M:%S").to_string()
}

fn steps(status: &GameDayRunStatus) -> String {
    let mut table = Table::new(["Step", "Experiment", "Verdict", "Noticed", "Back", "Debrief"]);
    let planned = status.plan.as_ref().map(|plan| plan.spec.steps.as_slice()).unwrap_or_default();
    for (index, step) in status.steps.iter().enumerate() {
        let experiment = planned.get(index).map(|step| code(&step.experiment));
        let verdict = step.verdict.map(|verdict| verdict.to_string());
        table.row([
            text(&step.name),
            experiment.unwrap_or_default(),
            verdict.unwrap_or_else(|| "not run".to_owned()),
            noticed(step),
            back(step),
            step.debrief.as_deref().map(code).unwrap_or_default(),
        ]);
    }
    let told = status.steps.iter().filter_map(|step| {
        let words = step.summary.as_ref().or(step.skipped.as_ref())?;
        Some(format!("\n{}\n", paragraph(&format!("**{}**: {}", text(&step.name), text(words)))))
    });
    format!("{}{}", table.print(), told.collect::<String>())
}

fn noticed(step: &StepResult) -> String {
    let Some(found) = &step.detection else { return String::new() };
    match found.took {
        Some(took) => format!("{}, after {}", found.answer, phrase::took(took)),
        None => found.answer.to_string(),
    }
}

fn back(step: &StepResult) -> String {
    let Some(found) = &step.recovery else { return String::new() };
    let by = found.by.map(|by| format!(" {}", words::recovered(by))).unwrap_or_default();
    match found.took {
        Some(took) => format!("{}, after {}{by}", found.answer, phrase::took(took)),
        None => found.answer.to_string(),
    }
}

fn gates(status: &GameDayRunStatus) -> String {
    let mut table = Table::new(["Gate", "Step", "Open", "Why"]);
    for gate in &status.gates {
        let open = if gate.passed { "yes" } else { "**no**" };
        let cells = [gate.name.to_string(), text(&gate.step), open.to_owned(), text(&gate.detail)];
        table.row(cells);
    }
    table.print()
}

/// Who approved which version, and whether that is the one that ran.
fn approvals(day: &GameDayRun, status: &GameDayRunStatus) -> String {
    let ran = status.plan.as_ref().map(|plan| plan.hash.as_str());
    let mut table = Table::new(["By", "Plan", ""]);
    for approval in &day.spec.approvals {
        let is_own = day.spec.started_by.as_ref() == Some(&approval.by);
        let note = match ran {
            _ if is_own => "does not count: started the day",
            Some(hash) if hash == approval.plan_hash => "the version that ran",
            Some(_) => "does not count: another version ran",
            None => "",
        };
        table.row([text(&approval.by), code(&approval.plan_hash), note.to_owned()]);
    }
    table.print()
}

fn announcements(status: &GameDayRunStatus) -> String {
    let mut table = Table::new(["What", "Step", "Delivered (UTC)", "Tries", "Last problem"]);
    for one in &status.announcements {
        let delivered = one.delivered.map_or_else(|| "**no**".to_owned(), shown);
        let error = one.error.as_deref().map(text).unwrap_or_default();
        table.row([one.what.to_string(), text(&one.step), delivered, one.tries.to_string(), error]);
    }
    table.print()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_day_is_told_whole_without_its_runs_and_what_people_wrote_does_not_act() {
        let day: GameDayRun = serde_json::from_value(json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "GameDayRun",
            "metadata": {"name": "monthly-20261201t1000", "namespace": "shop"},
            "spec": {"gameDay": "monthly", "at": "2026-12-01T10:00:00Z", "improvements": ["<b>page</b> @channel"],
                "approvals": [{"by": "<i>bob</i>", "planHash": "0123456789abcdef"}]},
            "status": {
                "outcome": "Done", "reason": "StepsOver", "summary": "1 of 1 step ran: 1 Passed",
                "facts": [
                    {"name": "announced", "at": "2026-11-30T10:00:00Z"},
                    {"name": "gating", "at": "2026-12-01T10:00:00.5Z"},
                    {"name": "go", "at": "2026-12-01T10:00:01Z", "detail": "every gate is open"},
                    {"name": "reported", "at": "2026-12-01T10:05:00Z", "detail": "Done"},
                ],
                "announcements": [
                    {"what": "Before", "at": "2026-11-30T10:00:00Z", "tries": 2, "delivered": "2026-11-30T10:00:06Z"},
                    {"what": "Injection", "step": "kill", "at": "2026-12-01T10:00:02Z", "tries": 3, "error": "HTTP <500>"},
                ],
                "gates": [{"name": "Lever", "passed": true, "detail": "not engaged"}],
                "steps": [{
                    "name": "kill", "run": "monthly-20261201t1000-kill", "verdict": "Passed",
                    "detection": {"answer": "Yes", "tier": "Within30s", "took": {"min": "20s", "max": "20.4s"}},
                    "recovery": {"answer": "Yes", "tier": "Within1m", "took": {"min": "31s", "max": "31s"}, "by": "Automatic"},
                    "summary": "Passed: noticed after 20.4s",
                }],
            },
        }))
        .unwrap();
        let told = report(&day);
        for line in [
            "# Game day monthly-20261201t1000: Done",
            "1 of 1 step ran: 1 Passed.",
            "| Tue 01 Dec 2026 10:00:00 | to begin",
            "| kill | ",
            "Yes, after 20.4s (at least 20s)",
            "Yes, after 31s by itself",
            "**kill**: Passed: noticed after 20.4s",
            "| Lever | ",
            "| \\<i\\>bob\\</i\\> | `0123456789abcdef` |",
            "| Before    |      | Mon 30 Nov 2026 10:00:06 | 2 ",
            r"| Injection | kill | **no**                   | 3     | HTTP \<500\> ",
            "## What we will do better",
        ] {
            assert!(told.contains(line), "{line:?} is not in\n{told}");
        }
        assert!(!told.contains("<b>") && !told.contains(" @channel"), "{told}");
    }
}
