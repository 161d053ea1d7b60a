//! What is written into the status of a day.

use super::observed::{Decision, Observed, Stage};
use crate::{
    api::{
        GameDayRunStatus,
        conditions::{Status, set},
        game_day_run::{DayFact, DayFactName, Notice, Outcome, condition},
    },
    core::span::crop,
};

/// How long a text of a status may be.
const WORDS: usize = 512;

/// Adds a fact as of now; one that is there stays as it is.
pub(super) fn note(
    observed: &Observed<'_>,
    status: &mut GameDayRunStatus,
    name: DayFactName,
    detail: &str,
) {
    if status.fact(name).is_none() {
        let detail = words(detail);
        status.facts.push(DayFact { name, at: observed.now, detail });
    }
}

/// The text, no longer than the schema lets it be.
pub(super) fn words(text: &str) -> String {
    crop(text.to_owned(), WORDS)
}

/// Writes that status, with what is read off its facts.
pub(super) fn record(observed: &Observed<'_>, mut status: GameDayRunStatus) -> Decision {
    let generation = observed.day.metadata.generation;
    let mut conditions = std::mem::take(&mut status.conditions);
    let mut put = |type_, value| set(&mut conditions, type_, value, generation, observed.now);
    put(condition::ANNOUNCED, announced(&status));
    put(condition::GO, go(&status));
    let stage = Stage::of(&status);
    put(
        condition::RUNNING,
        match stage {
            Stage::Running => (Status::True, "Running", "steps run, or will"),
            Stage::Cooling => (Status::True, "Cooling", "no further step starts"),
            Stage::Reported => (Status::False, "Over", "no step runs"),
            Stage::Planned | Stage::Announced | Stage::Gating => {
                (Status::False, "NotYet", "the day has not begun")
            }
        },
    );
    let outcome = status.outcome.map(|outcome| outcome.to_string());
    let summary = status.summary.clone().unwrap_or_default();
    put(
        condition::REPORTED,
        match (&outcome, stage) {
            (Some(outcome), Stage::Reported) => (Status::True, outcome.as_str(), summary.as_str()),
            _ => (Status::False, "UnderWay", "the day is not over"),
        },
    );
    status.conditions = conditions;
    status.stage = Some(stage.word().to_owned());
    status.observed_generation = generation;
    Decision::Record(Box::new(status))
}

fn announced(status: &GameDayRunStatus) -> (Status, &'static str, &str) {
    let before = status.announcements.iter().find(|one| one.what == Notice::Before);
    match before {
        None => (Status::Unknown, "NotYet", "nobody was to be told yet"),
        Some(before) => match (before.delivered, &before.error) {
            (Some(_), _) => (Status::True, "Delivered", "people were told of the day"),
            (None, Some(error)) => (Status::False, "Undelivered", error.as_str()),
            (None, None) => (Status::Unknown, "NotYet", "it is being told"),
        },
    }
}

fn go(status: &GameDayRunStatus) -> (Status, &'static str, &str) {
    let closed = status.gates.iter().find(|gate| !gate.passed).map(|gate| gate.detail.as_str());
    if status.fact(DayFactName::Go).is_some() {
        (Status::True, "Go", "every gate was open")
    } else if status.outcome == Some(Outcome::NoGo) {
        (Status::False, "NoGo", closed.unwrap_or_default())
    } else if let Some(closed) = closed {
        (Status::Unknown, "Waiting", closed)
    } else {
        (Status::Unknown, "NotYet", "the gates were not looked at yet")
    }
}
