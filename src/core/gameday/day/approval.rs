//! The gate `Approval`: enough people have approved exactly what would run.

use std::collections::BTreeSet;

use crate::{
    api::{GameDayRun, game_day_run::DayPlan},
    core::words::count,
};

/// Whether that many people have approved this version of the plan, and with which words; whoever started the day by
/// hand is none of them.
pub(super) fn judge(
    day: &GameDayRun,
    needed: i32,
    plan: Option<&DayPlan>,
) -> Result<String, String> {
    let needed = usize::try_from(needed).unwrap_or_default();
    if needed == 0 {
        return Ok("no approvals are needed".to_owned());
    }
    let Some(plan) = plan else {
        let what = "nobody knows which version is to be approved, as an Experiment of the plan was not read";
        return Err(what.to_owned());
    };
    let starter = day.spec.started_by.as_deref();
    if day.spec.at.is_none() && starter.is_none() {
        return Err(format!(
            "spec.startedBy does not say who started this day and so may not approve it; begin one with: firedrill \
             gameday start {}",
            day.spec.game_day
        ));
    }
    let hash = &plan.hash;
    let given = day.spec.approvals.iter().filter(|approval| approval.plan_hash == *hash);
    let given: BTreeSet<&str> = given.map(|approval| approval.by.as_str()).collect();
    let counted: Vec<&str> = given.iter().copied().filter(|by| Some(*by) != starter).collect();
    let number = counted.len();
    if number >= needed {
        let by = counted.join(", ");
        return Ok(format!("{number} of {needed} approvals for plan {hash}, by {by}"));
    }
    let other = day.spec.approvals.iter().filter(|approval| approval.plan_hash != *hash).count();
    let other = (other > 0).then(|| format!("; {} for another version", count(other, "approval")));
    let own = starter.filter(|starter| given.contains(starter));
    let own = own.map(|starter| format!("; {starter} started the day and does not count"));
    Err(format!(
        "{number} of {needed} approvals for plan {hash}; firedrill gameday approve {} -n {}{}{}",
        day.metadata.name.as_deref().unwrap_or_default(),
        day.metadata.namespace.as_deref().unwrap_or_default(),
        other.unwrap_or_default(),
        own.unwrap_or_default(),
    ))
}
