//! Something real that no run has made: its questions and its story, as people told them.

use super::super::{
    clock::Clock,
    markdown::{Table, code, paragraph},
    phrase::{length, offset},
};
use crate::api::{
    DebriefSpec, DebriefStatus, Duration,
    debrief::{Incident, NoticedBy, Objective},
};

/// The two questions; their answers once the operator has concluded them.
pub fn questions(spec: &DebriefSpec, incident: &Incident, status: &DebriefStatus) -> String {
    let mut table = Table::new(["Question", "As people say", "Answer"]);
    let took = |at| length(Duration::between(incident.started_at, at));
    let noticed = incident.noticed_at.map_or_else(
        || format!("at an unknown time, by {}", who(incident.noticed_by)),
        |at| format!("{}, by {}", took(at), who(incident.noticed_by)),
    );
    let back = spec.resolved_at.map_or_else(|| "not yet".to_owned(), took);
    let is_missed =
        |objective| status.questions.iter().any(|question| question.objective == objective);
    let answer = |objective, is_known: bool| match (is_missed(objective), is_known) {
        (true, _) => "**No**",
        (false, true) if status.stage.is_some() => "Yes",
        (false, _) => "–",
    };
    let detection = answer(Objective::Detection, true).to_owned();
    let recovery = answer(Objective::Recovery, spec.resolved_at.is_some()).to_owned();
    table.row(["Was it noticed in time?".to_owned(), noticed, detection]);
    table.row(["Was it completely back in time?".to_owned(), back, recovery]);
    table.print()
}

const fn who(noticed_by: NoticedBy) -> &'static str {
    match noticed_by {
        NoticedBy::Alert => "an alert",
        NoticedBy::Team => "the team",
        NoticedBy::Customer => "a customer",
        NoticedBy::Support => "support",
    }
}

/// When it started, was noticed and was over.
pub fn story(spec: &DebriefSpec, incident: &Incident, clock: &Clock) -> String {
    let zero = incident.started_at;
    let mut table = Table::new(["Time", "After", "What happened"]);
    let noticed =
        incident.noticed_at.map(|at| (at, format!("**Noticed** by {}", who(incident.noticed_by))));
    let back = spec.resolved_at.map(|at| (at, "**Back**".to_owned()));
    let started = Some((zero, "**It started**".to_owned()));
    for (at, what) in [started, noticed, back].into_iter().flatten() {
        table.row([clock.instant(at, zero), offset(zero, at), what]);
    }
    table.print()
}

/// Where the page's story comes from, and what is to prove it.
pub fn source(incident: &Incident) -> String {
    let proof = incident.experiment.as_ref().map_or_else(
        || "No experiment is named yet that is to prove that it cannot happen again.".to_owned(),
        |name| {
            format!("Runs of experiment {} are to prove that it cannot happen again.", code(name))
        },
    );
    paragraph(&format!("This was real; no run has made it, and people have told it. {proof}"))
}
