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
    let planned = status.and_then(|status| status.journal.as_ref());
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
        let means = faults::behaviour(&spec.fault).means;
        lines.extend(match means {
            Means::Take(_) => victims(plan, now),
            Means::Arm(arming) => changes(plan, arming.consequence(&spec.target), style),
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

/// The object that is changed, and what that does: in the fault's words where it has some, else each field
/// before and after.
fn changes(plan: &Journal, consequence: Option<String>, style: Style) -> Vec<String> {
    let object = |victim: &Victim| format!("  object    {} {}", victim.kind, victim.name);
    let arrow = style.symbol("→", "->");
    let field =
        |change: &FieldChange| format!("{}: {} {arrow} {}", change.name, change.was, change.set);
    let fields: Vec<_> = plan.pre_image.iter().flat_map(|image| &image.fields).map(field).collect();
    let done = match consequence {
        Some(words) if !fields.is_empty() => vec![words],
        _ => fields,
    };
    let done = done.iter().map(|line| format!("            {}", clean(line)));
    plan.victims.iter().map(object).chain(done).collect()
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        super::tests::{PLAIN, run},
        *,
    };
    use crate::core::signals::pods::tests::at;

    /// What is said of the object `kind`/`name` whose field goes from one value to another.
    #[track_caller]
    fn check(fault: &Value, (kind, name): (&str, &str), field: [&str; 3], says: &str) {
        let mut run = run(&[]);
        let plan = run.status.as_mut().unwrap().journal.as_mut().unwrap();
        plan.spec.as_mut().unwrap().fault = serde_json::from_value(fault.clone()).unwrap();
        let victim = json!({"kind": kind, "name": name, "uid": "u", "resourceVersion": "1", "ready": true, "round": 1});
        plan.victims = vec![serde_json::from_value(victim).unwrap()];
        let [name_of_field, was, set] = field;
        let field = json!({"name": name_of_field, "at": "/spec", "was": was, "set": set});
        plan.pre_image =
            Some(serde_json::from_value(json!({"hash": "h", "fields": [field]})).unwrap());
        let screen = planned(&run, at(0.0), PLAIN);
        let said: Vec<_> = screen.lines().skip(3).take(2).collect();
        assert_eq!(said, [format!("  object    {kind} {name}"), format!("            {says}")]);
        run.status.as_mut().unwrap().journal.as_mut().unwrap().pre_image = None;
        assert!(!planned(&run, at(0.0), PLAIN).contains(says), "nothing is said of no change");
    }

    #[test]
    fn a_change_is_told_by_what_it_does_where_its_values_tell_people_nothing() {
        let outage = |outage| json!({"dependencyOutage": outage});
        let observe = json!({"name": "o", "tcp": {"service": "checkout", "port": 1}});
        check(
            &outage(json!({"blackhole": {"service": "db"}})),
            ("Service", "db"),
            ["selector", "null", r#""6ae6da3d""#],
            "Service db would select no pod",
        );
        check(
            &outage(json!({"egress": {"service": "db"}, "observe": observe})),
            ("NetworkPolicy", "firedrill-deployment-checkout"),
            ["inert", r#""true""#, "null"],
            "deployment/checkout would not reach Service db",
        );
        check(
            &outage(json!({"egress": {"cidr": "203.0.113.0/24"}, "observe": observe})),
            ("NetworkPolicy", "firedrill-deployment-checkout"),
            ["inert", r#""true""#, "null"],
            "deployment/checkout would not reach 203.0.113.0/24",
        );
        check(
            &outage(json!({"scaleToZero": {"deployment": "db"}})),
            ("Deployment", "db"),
            ["replicas", "3", "0"],
            "replicas: 3 -> 0",
        );
        check(
            &json!({"badRollout": {"image": "firedrill.invalid/none"}}),
            ("Deployment", "checkout"),
            ["image", r#""shop:1""#, r#""firedrill.invalid/none""#],
            r#"image: "shop:1" -> "firedrill.invalid/none""#,
        );
    }
}
