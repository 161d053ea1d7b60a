//! What is to be done next about a debrief, for people; the operator concludes its stage by itself.

use kube::ResourceExt;

use crate::{
    api::{
        Debrief, DebriefStatus, Moment, conditions,
        debrief::{ItemState, condition},
    },
    debrief::{clock::Clock, plain, stage},
};

/// The next step in a few words.
pub fn next(debrief: &Debrief, clock: &Clock, now: Moment) -> String {
    let spec = &debrief.spec;
    let status = debrief.status.clone().unwrap_or_default();
    let name = debrief.name_any();
    let place = debrief.namespace().unwrap_or_default();
    let command = |step: &str| format!("firedrill debrief {step} -n {place}");
    let words = if spec.dismissal.is_some() {
        "nothing; it is over".to_owned()
    } else if let Some(ended) = status.ended_at {
        format!(
            "nothing; it ended {} and what is written later changes nothing of that",
            clock.minute(ended)
        )
    } else if let Some(risk) = spec.accepted_risk.as_ref().filter(|risk| risk.review_at > now) {
        format!("the review {}", clock.minute(risk.review_at))
    } else if stage::resolved(spec, now).is_none() {
        format!(
            "say when the service was completely back: {}",
            command(&format!("resolved {name} --at TIME"))
        )
    } else {
        let lacking = stage::lacking(spec, &status, now);
        let open = spec.action_items.iter().filter(|item| item.state == ItemState::Open);
        let open: Vec<_> = open.map(|item| item.id.as_str()).collect();
        match (lacking.is_empty(), open.first()) {
            (false, _) => format!("it still lacks {}", lacking.join("; ")),
            (true, Some(first)) => {
                format!(
                    "do {}, then {}",
                    open.join(", "),
                    command(&format!("item done {name} {first}"))
                )
            }
            (true, None) if spec.experiment().is_none() => {
                "name the experiment that proves it, in spec.incident.experiment".to_owned()
            }
            (true, None) => {
                let verify = command(&format!("verify {name}"));
                match (status.next_run, running(&status)) {
                    (Some(at), _) => {
                        format!(
                            "the operator runs it {}; or prove it before: {verify}",
                            clock.minute(at)
                        )
                    }
                    (None, Some(run)) => format!("the operator's run {run} is to prove it"),
                    (None, None) if is_asked(debrief, &status) => {
                        format!(
                            "the operator says when it runs it: {}",
                            command(&format!("show {name}"))
                        )
                    }
                    (None, None) => format!("prove it: {verify}"),
                }
            }
        }
    };
    plain(&words)
}

/// Whether people have asked for scheduled runs, and the operator has not said yet what it makes of that.
fn is_asked(debrief: &Debrief, status: &DebriefStatus) -> bool {
    let is_said = conditions::get(&status.conditions, condition::SCHEDULED).is_some();
    debrief.spec.schedule_proof && !is_said
}

/// The proof run that the operator has under way.
fn running(status: &DebriefStatus) -> Option<&str> {
    let run = status.scheduled.as_ref().filter(|run| run.over_at.is_none())?;
    Some(run.run.as_str())
}
