//! What follows of a debrief's spec, of the runs that were judged and of the present instant.

use super::conditions;
use crate::{
    api::{
        Debrief, DebriefSpec, DebriefStatus, Moment,
        debrief::{
            Acceptance, ActionItem, ItemState, ItemStatus, Notice, Objective, Stage, Window,
        },
        run::{FactName, RecoveredBy},
    },
    core::calendar::Calendar,
    debrief::{
        phrase::fact,
        proof::{self, Judged},
        stage,
    },
};

/// So many attempts and so many repeats are kept.
const KEPT: usize = 100;

/// The status that follows, with a run that was judged now, where one of its runs is still under way and which.
#[must_use]
pub fn conclude(
    debrief: &Debrief,
    judged: Option<Judged>,
    under_way: Option<&str>,
    now: Moment,
) -> DebriefStatus {
    let spec = &debrief.spec;
    let mut status = debrief.status.clone().unwrap_or_default();
    let missed_again = matches!(judged, Some(Judged::Missed(_)));
    match judged {
        Some(Judged::Missed(miss)) => {
            status.occurrences.push(miss);
            status.repeats = status.repeats.saturating_add(1);
        }
        Some(Judged::Tried(attempt)) => status.attempts.push(attempt),
        Some(Judged::Nothing) | None => {}
    }
    forget_oldest(&mut status);
    if status.ended_at.is_some() && (!missed_again || spec.dismissal.is_some()) {
        // What is written into it later changes nothing of how it ended.
        return status;
    }
    if status.ended_at.take().is_some() {
        // Its end is told once more.
        status.messages.retain(|message| message.what != Notice::Ended);
    }
    status.observed_generation = debrief.metadata.generation;
    let before = status.acceptance.take();
    status.acceptance = acceptance(spec, before, now);
    status.items = items(spec, &status, now);
    let missed = stage::missed(spec, &status, now);
    let names: Vec<_> = missed.iter().map(Objective::to_string).collect();
    status.missed = Some(names.join(","));
    let questions = missed.iter().map(|objective| proof::count(spec, &status, *objective));
    status.questions = questions.collect();
    status.window = window(spec, now);
    let finished = spec.action_items.iter().filter(|item| item.state != ItemState::Open).count();
    status.items_finished = Some(format!("{finished}/{}", spec.action_items.len()));
    let stage = stage::of(spec, &status, now);
    let is_proven = status.questions.iter().all(proof::is_proven);
    status.stage = Some(match stage {
        Stage::Verifying if is_proven && under_way.is_none() => Stage::Closed,
        stage => stage,
    });
    if matches!(status.stage, Some(Stage::Closed | Stage::Dismissed)) {
        status.ended_at = Some(now);
    }
    status.due = due(spec, &status);
    status.next_command = next_command(debrief, &status);
    conditions::update(debrief, &mut status, under_way, now);
    status
}

/// Keeps the newest; what is older is not judged again.
fn forget_oldest(status: &mut DebriefStatus) {
    status.attempts.sort_by_key(|attempt| attempt.at);
    status.occurrences.sort_by_key(|miss| miss.at);
    let surplus = status.attempts.len().saturating_sub(KEPT);
    let attempts = status.attempts.drain(..surplus).map(|attempt| attempt.at).max();
    let surplus = status.occurrences.len().saturating_sub(KEPT);
    let misses = status.occurrences.drain(..surplus).map(|miss| miss.at).max();
    status.judged_until = status.judged_until.max(attempts).max(misses);
}

/// Since when the risk is accepted; another review is another acceptance.
fn acceptance(spec: &DebriefSpec, before: Option<Acceptance>, now: Moment) -> Option<Acceptance> {
    let Some(risk) = &spec.accepted_risk else { return before };
    let renewals = match &before {
        Some(seen) if seen.review_at == risk.review_at => return before,
        Some(seen) => seen.renewals.saturating_add(1),
        None => 0,
    };
    Some(Acceptance { since: now, review_at: risk.review_at, renewals })
}

fn items(spec: &DebriefSpec, status: &DebriefStatus, now: Moment) -> Vec<ItemStatus> {
    let of = |item: &ActionItem| {
        let known = status.items.iter().find(|known| known.id == item.id);
        let done_at = (item.state == ItemState::Done)
            .then(|| known.and_then(|known| known.done_at).unwrap_or(now));
        let first_due =
            known.and_then(|known| known.first_due).or_else(|| stage::due_of(spec, item));
        ItemStatus { id: item.id.clone(), done_at, first_due }
    };
    spec.action_items.iter().map(of).collect()
}

/// When to meet; not known while the impact is still on.
fn window(spec: &DebriefSpec, now: Moment) -> Option<Window> {
    let resolved = stage::resolved(spec, now)?;
    let evidence = spec.evidence.as_ref();
    let by_hand = evidence.is_none_or(|evidence| {
        !matches!(
            evidence.recovered_by,
            None | Some(RecoveredBy::Automatic | RecoveredBy::FaultEnded)
        )
    });
    let injected = evidence.and_then(|evidence| fact(evidence, FactName::Injected));
    let injected = injected.map(|fact| fact.at);
    let began = injected.or_else(|| spec.incident.as_ref().map(|incident| incident.started_at));
    let during = (began.unwrap_or(resolved), resolved);
    // A zone that nobody knows is told by a condition.
    let calendar = Calendar::of(&spec.policy).ok();
    let (not_before, not_after) = calendar.map_or_else(
        || (resolved + spec.policy.meeting_after, resolved + spec.policy.meeting_within),
        |calendar| calendar.meeting(&spec.policy, during, by_hand),
    );
    Some(Window { not_before, not_after })
}

/// Until when the next thing is to be done.
fn due(spec: &DebriefSpec, status: &DebriefStatus) -> Option<Moment> {
    match status.stage? {
        Stage::AwaitingDebrief => {
            let scheduled = spec.meeting.as_ref().and_then(|meeting| meeting.scheduled_at);
            scheduled.or_else(|| status.window.as_ref().map(|window| window.not_after))
        }
        Stage::Acting => {
            let open = spec.action_items.iter().filter(|item| item.state == ItemState::Open);
            open.filter_map(|item| stage::due_of(spec, item)).min()
        }
        Stage::ClosedUnverified => status.acceptance.as_ref().map(|seen| seen.review_at),
        Stage::AwaitingResolution | Stage::Verifying | Stage::Closed | Stage::Dismissed => None,
    }
}

/// What people type to bring the proof forward.
fn next_command(debrief: &Debrief, status: &DebriefStatus) -> Option<String> {
    let name = debrief.metadata.name.as_deref()?;
    let namespace = debrief.metadata.namespace.as_deref()?;
    let asks = status.questions.iter().any(|question| !proof::is_proven(question));
    let may = matches!(status.stage, Some(Stage::Acting | Stage::Verifying));
    let larger = proof::unasked(debrief, status).map_or("", |_| " --larger");
    (may && asks && debrief.spec.experiment().is_some())
        .then(|| format!("firedrill debrief verify {name} -n {namespace}{larger}"))
}
