//! The conditions of a debrief: each step of the way, and what it lacks.

use crate::{
    api::{
        Debrief, DebriefStatus, Moment,
        conditions::{Status, set},
        debrief::{ItemState, Stage, condition},
    },
    core::{calendar::Calendar, span::crop},
    debrief::{phrase::second, proof, stage},
};

/// Brings the conditions up to date.
pub fn update(debrief: &Debrief, status: &mut DebriefStatus, under_way: Option<&str>, now: Moment) {
    let spec = &debrief.spec;
    let lacking = stage::lacking(spec, status, now);
    let open: Vec<_> = spec
        .action_items
        .iter()
        .filter(|item| item.state == ItemState::Open)
        .map(|item| item.id.as_str())
        .collect();
    let unproven: Vec<_> = status
        .questions
        .iter()
        .filter(|question| !proof::is_proven(question))
        .map(|question| {
            let (objective, passes, needed) =
                (question.objective, question.passes, question.needed);
            format!("{objective} {passes} of {needed}: {}", question.lacks)
        })
        .collect();
    let values = [
        (
            condition::RESOLVED,
            match (stage::back(spec, now), stage::resolved(spec, now)) {
                (Some(at), _) => {
                    (Status::True, "Back", format!("the service was completely back at {}", second(at)))
                }
                (None, Some(at)) => (
                    Status::True,
                    "FaultOver",
                    format!(
                        "the fault was over at {}; nobody has measured when the service was back, and firedrill debrief \
                         resolved says it",
                        second(at)
                    ),
                ),
                (None, None) => (
                    Status::False,
                    "NotMeasured",
                    "no run has measured that the service was back; say when it was: firedrill debrief resolved".to_owned(),
                ),
            },
        ),
        (condition::HELD, yes_or("Held", "Lacks", &lacking)),
        (condition::ITEMS_FINISHED, yes_or("Finished", "Open", &open)),
        (condition::PROVEN, yes_or("Proven", "NotProven", &unproven)),
        (condition::CLOSED, closed(debrief, status, under_way, now)),
    ];
    let generation = debrief.metadata.generation;
    for (type_, (value, reason, message)) in values {
        let message = crop(message, 1024);
        set(&mut status.conditions, type_, (value, reason, &message), generation, now);
    }
}

/// True where nothing lacks.
fn yes_or(
    yes: &'static str,
    no: &'static str,
    lacks: &[impl AsRef<str>],
) -> (Status, &'static str, String) {
    let lacks: Vec<_> = lacks.iter().map(AsRef::as_ref).collect();
    if lacks.is_empty() {
        (Status::True, yes, String::new())
    } else {
        (Status::False, no, lacks.join("; "))
    }
}

fn closed(
    debrief: &Debrief,
    status: &DebriefStatus,
    under_way: Option<&str>,
    now: Moment,
) -> (Status, &'static str, String) {
    let spec = &debrief.spec;
    if let Err(problems) = Calendar::of(&spec.policy) {
        let words = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message));
        return (Status::False, "Invalid", words.collect::<Vec<_>>().join("; "));
    }
    match status.stage {
        Some(Stage::Closed) => (Status::True, "Proven", proven(status)),
        Some(Stage::Dismissed) => {
            let reason = spec.dismissal.as_ref().map(|dismissal| dismissal.reason.clone());
            (Status::True, "Dismissed", reason.unwrap_or_default())
        }
        Some(Stage::ClosedUnverified) => {
            let review = spec.accepted_risk.as_ref().map(|risk| second(risk.review_at));
            let review = review.unwrap_or_default();
            (
                Status::False,
                "AcceptedRisk",
                format!("the risk is accepted, and reviewed at {review}"),
            )
        }
        Some(Stage::AwaitingResolution) => (Status::False, "AwaitingResolution", String::new()),
        Some(Stage::AwaitingDebrief) => {
            (Status::False, "AwaitingDebrief", not_accepted(debrief, status, now))
        }
        Some(Stage::Acting) => (Status::False, "Acting", not_accepted(debrief, status, now)),
        Some(Stage::Verifying) | None => match under_way {
            Some(run) if status.questions.iter().all(proof::is_proven) => (
                Status::False,
                "RunUnderWay",
                format!("it closes once run {run} is over and judged, which may miss again"),
            ),
            _ => (Status::False, "Verifying", not_accepted(debrief, status, now)),
        },
    }
}

/// By which runs every question was answered.
fn proven(status: &DebriefStatus) -> String {
    let told = status
        .questions
        .iter()
        .map(|question| format!("{} by {}", question.objective, question.proven_by.join(", ")));
    told.collect::<Vec<_>>().join("; ")
}

/// Why an acceptance of the risk does not count, where there is one.
fn not_accepted(debrief: &Debrief, status: &DebriefStatus, now: Moment) -> String {
    let (Some(risk), Some(seen)) = (&debrief.spec.accepted_risk, &status.acceptance) else {
        return String::new();
    };
    let (review, latest) = (risk.review_at, stage::latest_review(seen.since));
    if review > latest {
        return format!(
            "acceptedRisk.reviewAt: {} is more than {} days ahead; choose {} or before",
            second(review),
            stage::REVIEW_DAYS,
            second(latest)
        );
    }
    if review <= now {
        return format!("the risk was accepted until {}; accept it anew, or go on", second(review));
    }
    String::new()
}
