//! What is new in a day, as lines for people.

use crate::{
    api::{
        GameDayRun, GameDayRunStatus,
        game_day_run::{Approval, GateResult, StepResult},
    },
    cli::view::clean,
};

/// What was already told of a day.
#[derive(Default)]
pub struct Told {
    gates: Vec<GateResult>,
    approvals: usize,
    facts: usize,
    steps: Vec<StepResult>,
    is_over: bool,
}

impl Told {
    /// What is new in it, as lines.
    pub fn news(&mut self, day: &GameDayRun) -> Vec<String> {
        let empty = GameDayRunStatus::default();
        let status = day.status.as_ref().unwrap_or(&empty);
        let mut lines = Vec::new();
        if status.gates != self.gates {
            lines.extend(status.gates.iter().map(gate));
            self.gates.clone_from(&status.gates);
        }
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
        if let (false, Some(outcome), Some(summary)) =
            (self.is_over, status.outcome, &status.summary)
        {
            self.is_over = true;
            lines.push(format!("{outcome}: {}", clean(summary)));
        }
        lines
    }
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
