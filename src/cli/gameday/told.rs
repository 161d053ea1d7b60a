//! What is new in a day, as lines for people.

use kube::ResourceExt;

use crate::{
    api::{
        GameDayRun, GameDayRunStatus,
        game_day_run::{Announcement, Approval, GateResult, StepResult},
    },
    cli::view::clean,
    core::words::count,
};

/// What was already told of a day.
#[derive(Default)]
pub struct Told {
    is_known: bool,
    gates: Vec<GateResult>,
    approvals: usize,
    facts: usize,
    steps: Vec<StepResult>,
    announcements: Vec<Announcement>,
    is_over: bool,
}

impl Told {
    /// What is new in it, as lines.
    pub fn news(&mut self, day: &GameDayRun) -> Vec<String> {
        let empty = GameDayRunStatus::default();
        let status = day.status.as_ref().unwrap_or(&empty);
        let mut lines = Vec::new();
        if !self.is_known {
            self.is_known = true;
            lines.push(headline(day));
        }
        let news = status.gates.iter().filter(|gate| is_news(&self.gates, gate));
        lines.extend(news.map(gate));
        self.gates.clone_from(&status.gates);
        let given = &day.spec.approvals;
        for Approval { by, plan_hash } in given.iter().skip(self.approvals) {
            lines.push(format!("approved by {}, plan {}", clean(by), clean(plan_hash)));
        }
        self.approvals = self.approvals.max(given.len());
        for fact in status.facts.iter().skip(self.facts) {
            let at = fact.at.time_of_day();
            let name = serde_json::to_value(fact.name).unwrap_or_default();
            let name = name.as_str().unwrap_or_default().to_owned();
            lines.push(format!("{at}  {name:<14} {}", clean(&fact.detail)).trim_end().to_owned());
        }
        self.facts = self.facts.max(status.facts.len());
        for (index, step) in status.steps.iter().enumerate() {
            if self.steps.get(index) != Some(step) {
                lines.extend(told(step));
            }
        }
        self.steps.clone_from(&status.steps);
        for (index, one) in status.announcements.iter().enumerate() {
            lines.extend(announced(self.announcements.get(index), one));
        }
        self.announcements.clone_from(&status.announcements);
        if let (false, Some(outcome), Some(summary)) =
            (self.is_over, status.outcome, &status.summary)
        {
            self.is_over = true;
            lines.push(format!("{outcome}: {}", clean(summary)));
        }
        lines
    }
}

/// Which day it is, of which plan and for when, and how far it is.
fn headline(day: &GameDayRun) -> String {
    let plan = clean(&day.spec.game_day);
    let begins =
        day.begins().map(|at| format!(", for {}", at.timestamp().strftime("%Y-%m-%d %H:%M UTC")));
    let dry_run = if day.spec.dry_run { ", a dry run: the gates alone" } else { "" };
    let stage = day.status.as_ref().and_then(|status| status.stage.as_deref()).unwrap_or("Planned");
    let (name, begins) = (day.name_any(), begins.unwrap_or_default());
    format!("{name}: game day {plan}{begins}{dry_run}, {}", clean(stage))
}

/// Whether a gate was not told before, has opened or closed, or is closed for another reason: the words of an open one
/// change with every look.
fn is_news(told: &[GateResult], gate: &GateResult) -> bool {
    let known = told.iter().find(|known| (known.name, &known.step) == (gate.name, &gate.step));
    known.is_none_or(|known| {
        known.passed != gate.passed || !gate.passed && known.detail != gate.detail
    })
}

fn gate(gate: &GateResult) -> String {
    let open = if gate.passed { "open  " } else { "closed" };
    let name = if gate.step.is_empty() {
        gate.name.to_string()
    } else {
        format!("{}/{}", gate.name, clean(&gate.step))
    };
    format!("gate {name:<24} {open}  {}", clean(&gate.detail))
}

/// That it was delivered, or why not yet.
fn announced(before: Option<&Announcement>, one: &Announcement) -> Option<String> {
    let step = if one.step.is_empty() { String::new() } else { format!("/{}", clean(&one.step)) };
    let name = format!("told {}{step}", one.what);
    let was_delivered = before.is_some_and(|before| before.delivered.is_some());
    let known = before.and_then(|before| before.error.as_ref());
    match (one.delivered, &one.error) {
        (Some(at), _) if !was_delivered => Some(format!("{}  {name}", at.time_of_day())),
        (None, Some(error)) if known != Some(error) => {
            let tried = count(one.tries, "attempt");
            Some(format!("{name}: not yet, after {tried}: {}", clean(error)))
        }
        _ => None,
    }
}

fn told(step: &StepResult) -> Option<String> {
    let name = clean(&step.name);
    let words = match (step.verdict, &step.skipped, step.started_at, &step.run) {
        (Some(_), ..) => step.summary.clone().unwrap_or_default(),
        (None, Some(skipped), ..) => format!("not run: {skipped}"),
        (None, None, Some(_), Some(run)) => format!("run {run} has started"),
        _ => return None,
    };
    Some(format!("step {name:<16} {}", clean(&words)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::GameDayRunSpec;

    #[test]
    fn a_gate_is_told_again_when_it_opens_closes_or_is_closed_for_another_reason() {
        let day = |passed: bool, detail: &str| {
            let mut day = GameDayRun::new("monthly-x", GameDayRunSpec::of("monthly"));
            let gates = json!([{"name": "Clock", "passed": passed, "detail": detail}]);
            let status = json!({"facts": [], "stage": "Gating", "gates": gates});
            day.status = Some(serde_json::from_value(status).unwrap());
            day
        };
        let mut told = Told::default();
        let gate = |open: &str, detail: &str| format!("gate {:<24} {open:<6}  {detail}", "Clock");
        let first = ["monthly-x: game day monthly, Gating".to_owned(), gate("open", "1s apart")];
        assert_eq!(told.news(&day(true, "1s apart")), first);
        for (passed, detail, expected) in [
            (true, "2s apart", None),
            (false, "7s apart", Some("closed")),
            (false, "7s apart", None),
            (false, "8s apart", Some("closed")),
            (true, "1s apart", Some("open")),
        ] {
            let expected: Vec<_> = expected.map(|open| gate(open, detail)).into_iter().collect();
            assert_eq!(told.news(&day(passed, detail)), expected, "{passed} {detail}");
        }
    }
}
