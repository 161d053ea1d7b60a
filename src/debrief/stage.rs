//! Where a debrief stands, read off what was done. What is stored of it is for people who list debriefs; nothing here
//! reads that.

use super::phrase::{fact, second};
use crate::api::{
    Debrief, DebriefSpec, DebriefStatus, Duration, Experiment, Moment,
    debrief::{ActionItem, Horizon, ItemState, NoticedBy, Objective, Stage},
    run::FactName,
};

/// Of a real incident: noticed in time, and completely back in time.
const DETECTION: Duration = Duration::minutes(5);
/// See [`DETECTION`].
const RECOVERY: Duration = Duration::minutes(60);

/// A risk is accepted for at most so many days at once.
pub const REVIEW_DAYS: u64 = 90;

/// Reads the stage off what was done until `now`.
pub(super) fn of(spec: &DebriefSpec, status: &DebriefStatus, now: Moment) -> Stage {
    if spec.dismissal.is_some() {
        return Stage::Dismissed;
    }
    if status.ended_at.is_some() {
        return Stage::Closed;
    }
    if is_accepted(spec, status, now) {
        return Stage::ClosedUnverified;
    }
    if resolved(spec, now).is_none() {
        return Stage::AwaitingResolution;
    }
    if !lacking(spec, status, now).is_empty() {
        return Stage::AwaitingDebrief;
    }
    if spec.action_items.iter().any(|item| item.state == ItemState::Open) {
        return Stage::Acting;
    }
    Stage::Verifying
}

/// Whether the same miss joins this debrief; else it opens the next one.
#[must_use]
pub fn is_open(debrief: &Debrief) -> bool {
    debrief.spec.dismissal.is_none() && !has_ended(debrief)
}

/// Whether the operator has seen it end.
#[must_use]
pub fn has_ended(debrief: &Debrief) -> bool {
    debrief.status.as_ref().is_some_and(|status| status.ended_at.is_some())
}

/// Whether the status of an Experiment says otherwise of a debrief than is so: it names one that is not open any more, or
/// none where a run of it has opened this one.
#[must_use]
pub fn is_outdated(experiment: &Experiment, debrief: &Debrief) -> bool {
    if experiment.metadata.namespace != debrief.metadata.namespace {
        return false;
    }
    let named = experiment.status.as_ref().and_then(|status| status.open_debrief.as_deref());
    if !is_open(debrief) {
        return named.is_some() && named == debrief.metadata.name.as_deref();
    }
    let is_its = debrief.spec.source.run_ref.is_some()
        && debrief.spec.experiment() == experiment.metadata.name.as_deref();
    is_its && named.is_none()
}

/// When the service was completely back, as measured, else as people say; where neither tells and no objective of the
/// experiment was missed, when the fault was over.
#[must_use]
pub fn resolved(spec: &DebriefSpec, now: Moment) -> Option<Moment> {
    back(spec, now).or_else(|| {
        let evidence = spec.evidence.as_ref();
        let evidence = evidence.filter(|evidence| evidence.missed == [Objective::Conclusion])?;
        Some(fact(evidence, FactName::Reverted)?.at)
    })
}

/// When the service was completely back, as measured, else as people say.
#[must_use]
pub fn back(spec: &DebriefSpec, now: Moment) -> Option<Moment> {
    measured_end(spec).or_else(|| spec.resolved_at.filter(|at| *at <= now))
}

/// What was over at the instant that [`resolved`] gives.
#[must_use]
pub fn what_was_over(spec: &DebriefSpec, now: Moment) -> &'static str {
    if back(spec, now).is_some() { "the service was back" } else { "the fault was over" }
}

/// When a run has measured that the service was completely back.
#[must_use]
pub fn measured_end(spec: &DebriefSpec) -> Option<Moment> {
    Some(fact(spec.evidence.as_ref()?, FactName::Recovered)?.at)
}

/// When the fault can have begun at the earliest, or the incident did.
#[must_use]
pub fn began(spec: &DebriefSpec) -> Option<Moment> {
    let evidence = spec.evidence.as_ref();
    let injected = evidence.and_then(|evidence| fact(evidence, FactName::Injected));
    let injected = injected.map(|fact| fact.not_before);
    injected.or_else(|| spec.incident.as_ref().map(|incident| incident.started_at))
}

/// Whether the risk is accepted now: its review is ahead, and not further than may be.
fn is_accepted(spec: &DebriefSpec, status: &DebriefStatus, now: Moment) -> bool {
    let (Some(risk), Some(seen)) = (&spec.accepted_risk, &status.acceptance) else {
        return false;
    };
    risk.review_at == seen.review_at
        && now < risk.review_at
        && risk.review_at <= latest_review(seen.since)
}

/// The last instant at which a risk that is accepted at `since` must be reviewed.
#[must_use]
pub fn latest_review(since: Moment) -> Moment {
    since + Duration::minutes(REVIEW_DAYS * 24 * 60)
}

/// What the meeting lacks, each with where it is to be written.
#[must_use]
pub fn lacking(spec: &DebriefSpec, status: &DebriefStatus, now: Moment) -> Vec<String> {
    let mut lacks = Vec::new();
    match (spec.held_at(), resolved(spec, now)) {
        (None, _) => lacks.push("meeting.heldAt: the meeting was not held".to_owned()),
        (Some(held), _) if held > now => {
            lacks.push(format!("meeting.heldAt: {} is still to come", second(held)));
        }
        (Some(held), Some(resolved)) if held < resolved => {
            lacks.push(format!(
                "meeting.heldAt: {} is before {} at {}",
                second(held),
                what_was_over(spec, now),
                second(resolved)
            ));
        }
        (Some(_), _) => {}
    }
    if spec.impact.is_none() {
        lacks.push("impact: what it meant for people, or none: true".to_owned());
    }
    let turned = |objective: &Objective| {
        let items = spec.action_items.iter().filter(|item| item.state != ItemState::Dropped);
        items.flat_map(|item| &item.turns_yes).any(|turned| turned == objective)
    };
    let missed = missed(spec, status, now);
    let needs_item = |objective: &&Objective| **objective != Objective::Conclusion;
    for objective in missed.iter().filter(needs_item).filter(|objective| !turned(objective)) {
        lacks.push(format!("actionItems: none of them turns {objective} to Yes (turnsYes)"));
    }
    lacks
}

/// Every objective that was missed, by the run that opened it, by what people say of an incident, or since then.
pub(super) fn missed(spec: &DebriefSpec, status: &DebriefStatus, now: Moment) -> Vec<Objective> {
    let mut missed: Vec<Objective> =
        spec.evidence.iter().flat_map(|evidence| evidence.missed.clone()).collect();
    missed.extend(status.occurrences.iter().flat_map(|miss| miss.missed.clone()));
    if let Some(incident) = &spec.incident {
        let took =
            incident.noticed_at.map(|noticed| Duration::between(incident.started_at, noticed));
        let by_people = matches!(incident.noticed_by, NoticedBy::Customer | NoticedBy::Support);
        if by_people || took.is_none_or(|took| took > DETECTION) {
            missed.push(Objective::Detection);
        }
        let back = resolved(spec, now);
        let took = back.map(|back| Duration::between(incident.started_at, back));
        if took.unwrap_or_else(|| Duration::between(incident.started_at, now)) > RECOVERY {
            missed.push(Objective::Recovery);
        }
    }
    missed.sort_unstable();
    missed.dedup();
    missed
}

/// When an item is due: as it says, else by its horizon from the meeting on.
pub(super) fn due_of(spec: &DebriefSpec, item: &ActionItem) -> Option<Moment> {
    let days = match item.horizon {
        Horizon::Immediate => 14,
        Horizon::Short => 30,
        Horizon::Long => 90,
    };
    item.due_at.or_else(|| spec.held_at().map(|held| held + Duration::minutes(days * 24 * 60)))
}
