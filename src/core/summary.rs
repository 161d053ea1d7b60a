//! One sentence with numbers that stands alone, for chats, lists and last lines.

use super::{
    absence,
    measure::{back_after, tenths},
};
use crate::api::{
    Duration, ExperimentSpec,
    run::{Answer, ExperimentRunStatus, FactName, RecoveredBy, Verdict},
};

/// The sentence for a run that was injected.
#[must_use]
pub fn of(
    spec: &ExperimentSpec,
    status: &ExperimentRunStatus,
    verdict: Verdict,
    reason: &str,
) -> String {
    let mut parts = Vec::new();
    match verdict {
        Verdict::Aborted => parts.push(format!("ended early ({})", why(status, reason))),
        Verdict::Inconclusive => {
            let over = gone(status).filter(|_| reason == "FaultNotObserved");
            parts.push(over.unwrap_or_else(|| explain(reason).to_owned()));
        }
        _ => {}
    }
    if status.fact(FactName::ImpactStarted).is_none() {
        if parts.is_empty() {
            parts.push("no visible impact".to_owned());
        }
    } else {
        parts.extend(noticed(spec, status));
        parts.extend(back(spec, status));
    }
    parts.join(", ")
}

/// The reason, with what was written down at the revert where that was for it.
fn why<'a>(status: &'a ExperimentRunStatus, reason: &'a str) -> &'a str {
    let detail = status.fact(FactName::RevertStarted).map(|fact| fact.detail.as_str());
    detail.filter(|detail| detail.starts_with(reason)).unwrap_or(reason)
}

fn noticed(spec: &ExperimentSpec, status: &ExperimentRunStatus) -> Option<String> {
    let detection = status.detection.as_ref()?;
    let objective = spec.detection.within;
    Some(match (detection.took, detection.answer) {
        (Some(took), _) => {
            let name = detection.alert.as_ref().and_then(|alert| alert.labels.get("alertname"));
            let by = name.map(|name| format!(", by {name}")).unwrap_or_default();
            format!("noticed after {} (objective {objective}{by})", tenths(took.max))
        }
        (None, Answer::NotExercised) => {
            format!("over before anybody had to notice (objective {objective})")
        }
        (None, Answer::Inconclusive) => {
            format!("not known whether it was noticed in time (objective {objective})")
        }
        (None, _) => format!("not noticed (objective {objective})"),
    })
}

fn back(spec: &ExperimentSpec, status: &ExperimentRunStatus) -> Option<String> {
    let recovery = status.recovery.as_ref()?;
    let objective = spec.recovery.within;
    let how = match recovery.by {
        Some(RecoveredBy::Automatic) => " by itself",
        Some(RecoveredBy::FaultEnded) => " when the fault ended",
        Some(RecoveredBy::Rollback) => " by a rollback",
        Some(RecoveredBy::Scale) => " by scaling",
        Some(RecoveredBy::Restart) => " by a restart",
        Some(RecoveredBy::Manual) => " by hand",
        None => "",
    };
    Some(match recovery.took {
        Some(took) => {
            format!("back{how} after {} (objective {objective})", back_after(status, took))
        }
        None => format!("not back (objective {objective})"),
    })
}

/// When the fault was over although nobody had ended it, if that was so.
fn gone(status: &ExperimentRunStatus) -> Option<String> {
    let gap = absence::recorded(status).into_iter().next()?;
    let injected = status.fact(FactName::Injected)?.not_before;
    let after = |moment| tenths(Duration::between(injected, moment));
    let (from, to) = (after(gap.from), after(gap.to));
    Some(format!(
        "the fault was not there from {from} to {to} after the injection, although nobody had ended it"
    ))
}

fn explain(reason: &str) -> &str {
    match reason {
        "NoImpact" => "the fault had no visible impact, so nothing was exercised",
        "FaultNotObserved" => "no sign of the fault was seen on the target",
        "FaultPartial" => "some victims were refused",
        "SourceLost" => "no alert source could be asked, so silence proves nothing",
        "ObservationGap" => "the probes were not sampled all the time",
        "WithinError" => "an objective lies within the error of the measurement",
        other => other,
    }
}
