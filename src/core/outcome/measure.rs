//! From the facts to the answers: were we in time, and how well is that known?

use crate::{
    api::{
        Duration, ExperimentSpec, Moment,
        run::{
            AlertRef, Answer, Chain, DetectionResult, DetectionTier, ExperimentRunStatus, FactName,
            Reason, RecoveredBy, RecoveryResult, RecoveryTier, Took,
        },
    },
    core::{
        alerts::AlertFilter,
        outcome::attribution::{Attribution, is_unseen},
        span::Span,
    },
};

/// What the answers depend on beside the facts.
#[derive(Clone, Debug)]
pub struct Basis<'a> {
    /// The spec that ran.
    pub spec: &'a ExperimentSpec,
    /// The facts.
    pub status: &'a ExperimentRunStatus,
    /// Whether one alert source speaks of the whole time that matters; see [`window`].
    pub covered: bool,
    /// Until when alerts were watched for.
    pub watched_until: Moment,
    /// Whether nobody could see at the end if the service was back.
    pub end_unseen: bool,
    /// The alert that counted, where this process saw it.
    pub alert: Option<AlertRef>,
    /// Alerts that did not count.
    pub also_fired: Vec<AlertRef>,
}

impl Basis<'_> {
    fn span(&self, name: FactName) -> Option<Span> {
        self.status.fact(name).map(Span::from)
    }
}

/// Whether `took` lies within `limit`; `Inconclusive` when the limit lies inside the bounds.
#[must_use]
pub fn within(took: Took, limit: Duration) -> Answer {
    if took.max <= limit {
        Answer::Yes
    } else if took.min > limit {
        Answer::No
    } else {
        Answer::Inconclusive
    }
}

/// The time that an alert source must speak of before its silence is a miss.
#[must_use]
pub fn window(spec: &ExperimentSpec, status: &ExperimentRunStatus) -> Option<(Moment, Moment)> {
    let injected = Span::from(status.fact(FactName::Injected)?);
    let from = Span::from(status.fact(spec.detection.from.fact())?);
    Some((injected.not_before, from.at + spec.detection.within))
}

/// The answer to "was it noticed in time?" with its reason where it is `Inconclusive`.
#[must_use]
pub fn detection(basis: &Basis<'_>) -> (DetectionResult, Option<Reason>) {
    let spec = &basis.spec.detection;
    let injected = basis.span(FactName::Injected);
    let impact = basis.span(FactName::ImpactStarted);
    let start = basis.span(spec.from.fact());
    let took = basis.span(spec.until.fact()).zip(start).map(|(end, start)| end.since(start));
    let over_before = over_before_objective(basis, start);
    let (answer, reason) = match took.map(|took| within(took, spec.within)) {
        Some(Answer::Yes) => (Answer::Yes, None),
        Some(Answer::Inconclusive) => (Answer::Inconclusive, Some(Reason::WithinError)),
        _ if impact.is_none() => (Answer::NotExercised, None),
        late => match over_before {
            Answer::Yes => (Answer::NotExercised, None),
            Answer::Inconclusive => (Answer::Inconclusive, Some(doubt(basis, FactName::Mitigated))),
            _ if late.is_none() && !basis.covered => {
                (Answer::Inconclusive, Some(Reason::SourceLost))
            }
            _ if late.is_none() && ends_before_objective(basis) => {
                (Answer::Inconclusive, Some(Reason::ObservationGap))
            }
            _ => (Answer::No, None),
        },
    };
    let result = DetectionResult {
        answer,
        tier: detection_tier(took),
        headline: headline(took, answer),
        took,
        alert: basis.alert.clone().or_else(|| recorded_alert(basis.status)),
        chain: injected.and_then(|injected| chain(basis, injected)),
        also_fired: basis.also_fired.clone(),
    };
    (result, reason)
}

/// Whether the impact was over before the detection objective.
fn over_before_objective(basis: &Basis<'_>, start: Option<Span>) -> Answer {
    let (Some(start), Some(back)) = (start, basis.span(FactName::Mitigated)) else {
        return Answer::No;
    };
    within(back.since(start), basis.spec.detection.within)
}

/// Whether the run was over before the time to notice was.
fn ends_before_objective(basis: &Basis<'_>) -> bool {
    window(basis.spec, basis.status).is_some_and(|(_, to)| to > basis.watched_until)
}

/// Why a limit lies within the bounds of that fact: nobody looked then, or it is not known better.
fn doubt(basis: &Basis<'_>, name: FactName) -> Reason {
    match basis.span(name) {
        Some(span) if is_unseen(basis.status, span) => Reason::ObservationGap,
        _ => Reason::WithinError,
    }
}

fn recorded_alert(status: &ExperimentRunStatus) -> Option<AlertRef> {
    let fact = status.fact(FactName::Firing)?;
    let (labels, source) = (fact.labels.clone(), fact.source.clone());
    (!labels.is_empty()).then_some(AlertRef { labels, fingerprint: None, source, note: None })
}

fn chain(basis: &Basis<'_>, injected: Span) -> Option<Chain> {
    let after = |name| basis.span(name).map(|span| span.since(injected).max);
    let chain = Chain {
        condition_true: after(FactName::ConditionTrue),
        firing: after(FactName::Firing),
        notified: after(FactName::Notified),
    };
    (chain != Chain::default()).then_some(chain)
}

fn detection_tier(took: Option<Took>) -> DetectionTier {
    match took {
        None => DetectionTier::None,
        Some(took) if took.max <= Duration::seconds(30) => DetectionTier::Within30s,
        Some(took) if took.max <= Duration::minutes(5) => DetectionTier::Within5m,
        Some(_) => DetectionTier::Over5m,
    }
}

/// The answer to "was it completely back in time?" with its reason where it is `Inconclusive`.
#[must_use]
pub fn recovery(
    basis: &Basis<'_>,
    attributed: Option<Attribution>,
) -> (RecoveryResult, Option<Reason>) {
    let spec = &basis.spec.recovery;
    let by = attributed.as_ref().and_then(|attributed| attributed.by);
    let fault_ended = by == Some(RecoveredBy::FaultEnded);
    let start =
        if fault_ended && spec.count_fault_ended { FactName::Reverted } else { FactName::Injected };
    let took = basis
        .span(FactName::Recovered)
        .zip(basis.span(start))
        .map(|(recovered, start)| recovered.since(start));
    // Had it been the end of the fault, the answer would be the other one.
    let other_answer = if spec.count_fault_ended { Answer::No } else { Answer::Yes };
    let unsure = attributed.as_ref().is_some_and(|attributed| attributed.may_be_fault_ended);
    let in_time = took.map(|took| within(took, spec.within));
    let (answer, reason) = match in_time {
        _ if basis.span(FactName::ImpactStarted).is_none() => (Answer::NotExercised, None),
        Some(_) if fault_ended && !spec.count_fault_ended => (Answer::No, None),
        Some(answer) if unsure && answer == other_answer => {
            (Answer::Inconclusive, Some(Reason::ObservationGap))
        }
        Some(Answer::Inconclusive) => {
            (Answer::Inconclusive, Some(doubt(basis, FactName::Recovered)))
        }
        Some(answer) => (answer, None),
        None if basis.end_unseen => (Answer::Inconclusive, Some(Reason::ObservationGap)),
        None => (Answer::No, None),
    };
    let result = RecoveryResult {
        answer,
        tier: recovery_tier(took),
        automatic: by == Some(RecoveredBy::Automatic),
        headline: took.map_or_else(|| answer.to_string(), |took| back_after(basis.status, took)),
        took,
        by,
        evidence: attributed.map(|attributed| attributed.evidence),
    };
    (result, reason)
}

fn recovery_tier(took: Option<Took>) -> RecoveryTier {
    match took {
        None => RecoveryTier::None,
        Some(took) if took.max <= Duration::minutes(1) => RecoveryTier::Within1m,
        Some(took) if took.max <= Duration::minutes(10) => RecoveryTier::Within10m,
        Some(took) if took.max <= Duration::minutes(60) => RecoveryTier::Within1h,
        Some(_) => RecoveryTier::Over1h,
    }
}

fn headline(took: Option<Took>, answer: Answer) -> String {
    took.map_or_else(|| answer.to_string(), |took| tenths(took.max).to_string())
}

/// How long it took until the service was back: the most that it can have been, and also the least where nobody
/// looked in between.
#[must_use]
pub fn back_after(status: &ExperimentRunStatus, took: Took) -> String {
    let recovered = status.fact(FactName::Recovered).map(Span::from);
    let (least, most) = (whole_tenths(took.min), tenths(took.max));
    match recovered {
        Some(recovered) if is_unseen(status, recovered) => format!("{least} to {most}"),
        _ => most.to_string(),
    }
}

/// The length rounded down to tenths of a second, so that "at least" holds.
#[must_use]
pub fn whole_tenths(duration: Duration) -> Duration {
    let tenths = duration.std().as_millis() / 100;
    Duration::millis(u64::try_from(tenths * 100).unwrap_or(u64::MAX))
}

/// The length rounded up to tenths of a second: what a headline shows is never too short.
#[must_use]
pub fn tenths(duration: Duration) -> Duration {
    Duration::millis(u64::try_from(duration.std().as_micros().div_ceil(100_000) * 100).unwrap_or(0))
}

/// The alert that counted, by the recorded firing.
#[must_use]
pub fn counted_alert(
    alerts: &crate::core::alerts::AlertHistory,
    alert_filter: &AlertFilter<'_>,
    injected: Moment,
) -> Option<AlertRef> {
    alerts.noticed(alert_filter, injected).map(|report| alert_filter.reference(report, None))
}

#[cfg(test)]
mod tests;
