//! The screen of `firedrill plan`: victims, calls, guards, and the refusal with what to do.

use super::{Style, clean, seconds};
use crate::{
    api::{
        Duration, ExperimentRun, Moment,
        run::{FieldChange, GuardResult, Journal, Victim},
    },
    faults::{self, Means},
};

/// The screen for a dry run that is over, at `now`.
#[must_use]
pub fn planned(run: &ExperimentRun, now: Moment, style: Style) -> String {
    let status = run.status.as_ref();
    let planned = status.and_then(|status| status.plan.as_ref());
    let Some(plan) = planned.filter(|plan| plan.spec.is_some()) else {
        return clean(
            status.and_then(|status| status.summary.as_deref()).unwrap_or("nothing was planned"),
        );
    };
    let mut lines = Vec::new();
    if let Some(spec) = &plan.spec {
        let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
        let dot = style.symbol("·", "-");
        lines.push(format!(
            "{}  {dot}  {namespace}  {dot}  {}",
            run.spec.experiment,
            spec.fault.name()
        ));
        lines.push(format!("  {}", clean(&spec.hypothesis)));
        lines.push(String::new());
        let means = faults::of(&spec.fault).means;
        lines.extend(match means {
            Means::Take(_) => victims(plan, now),
            Means::Arm(_) => changes(plan, style),
        });
        let times = style.symbol("×", "x");
        lines.push(format!(
            "  calls     {} {times} {}, nothing else. Revert: {}",
            plan.victims.len(),
            means.verb(),
            means.revert_note()
        ));
    }
    for (index, guard) in plan.guards.iter().enumerate() {
        let label = if index == 0 { "guards" } else { "" };
        lines.push(format!("  {label:<8}  {}", mark(guard, style)));
    }
    for (index, warning) in plan.warnings.iter().enumerate() {
        let label = if index == 0 { "warnings" } else { "" };
        lines.push(format!("  {label:<8}  {} {}", style.bad("!"), clean(&warning.to_string())));
    }
    lines.push(String::new());
    lines.push(clean(status.and_then(|status| status.summary.as_deref()).unwrap_or_default()));
    lines.join("\n")
}

/// The object that is changed, and each of its fields before and after.
fn changes(plan: &Journal, style: Style) -> Vec<String> {
    let object = |victim: &Victim| format!("  object    {} {}", victim.kind, victim.name);
    let arrow = style.symbol("→", "->");
    let fields = plan.pre_image.iter().flat_map(|image| &image.fields);
    let field = |change: &FieldChange| {
        format!(
            "            {}: {} {arrow} {}",
            change.name,
            clean(&change.was),
            clean(&change.set)
        )
    };
    plan.victims.iter().map(object).chain(fields.map(field)).collect()
}

fn victims(plan: &Journal, now: Moment) -> Vec<String> {
    let seed = plan.seed.as_deref().unwrap_or_default();
    let head = format!(
        "  victims   {} of {} pods (this plan's seed {seed}; a run draws its own)",
        plan.victims.len(),
        plan.count.unwrap_or_default()
    );
    let line = |victim: &Victim| {
        let node = victim.node.as_deref().unwrap_or("no node");
        let ready = if victim.ready { "Ready" } else { "not ready" };
        let age = victim.created_at.map(|at| seconds(Duration::between(at, now)));
        format!(
            "            {}   uid {}   {node}   {ready} {}",
            victim.name,
            victim.uid,
            age.unwrap_or_default()
        )
    };
    std::iter::once(head).chain(plan.victims.iter().map(line)).collect()
}

fn mark(guard: &GuardResult, style: Style) -> String {
    let detail = clean(&guard.detail);
    if guard.passed {
        format!("{} {detail}", style.good(style.symbol("✓", "+")))
    } else {
        format!("{} {}: {detail}", style.bad(style.symbol("✗", "x")), guard.name)
    }
}
