//! The conditions that end a run early while it is under way: an alert that fires, a probe that keeps
//! failing, and alert sources that have fallen silent where an alert is watched for.

use super::{
    alarms::{Book, Watcher},
    matcher,
    measure::tenths,
    sight::Sight,
};
use crate::api::{Duration, Moment, experiment::Guards};

/// What the conditions are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Watch<'a> {
    /// The plan and how alerts are judged.
    pub watcher: Watcher<'a>,
    /// When the intent was written down.
    pub journaled: Moment,
    /// What was seen so far.
    pub sight: &'a Sight,
}

/// A condition that holds from an instant on unless something else is seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// When the run must end.
    pub at: Moment,
    /// Why, with numbers.
    pub why: String,
}

/// How long every alert source may be silent where one is to end the run.
const SILENCE_MAX: Duration = Duration::seconds(30);

impl Watch<'_> {
    /// The condition that holds, or is the next to hold; `now` is what its words speak of.
    #[must_use]
    pub fn due(&self, now: Moment) -> Option<Due> {
        let conditions = [self.alert(), self.probe(now), self.silence(now)];
        conditions.into_iter().flatten().min_by_key(|due| due.at)
    }

    fn alert(&self) -> Option<Due> {
        let (at, alert) = self.sight.book.aborting(&self.watcher, self.journaled)?;
        let name = alert.labels.get("alertname").map_or("an alert", String::as_str);
        let labels = matcher::print(&alert.labels);
        Some(Due { at, why: format!("{name} fired, which guards.abortOn names: {labels}") })
    }

    /// The probe that has failed longest; a failure counts from its own beginning, whenever that was.
    fn probe(&self, now: Moment) -> Option<Due> {
        let spec = &self.watcher.plan.spec;
        let limit = spec.guards.abort_when_probe_fails_for?;
        let sampled = self.sight.probes.iter().filter_map(|series| {
            let said = series.last().map(|last| last.detail.clone()).unwrap_or_default();
            Some((series.impact_since()?.at, series.name.as_str(), said))
        });
        let whole = spec.steady_state.iter().find(|probe| probe.workload.is_some());
        let workload = whole.and_then(|probe| {
            let said = format!("{} pods are ready", self.sight.pods.ready());
            Some((self.sight.pods.broken_since()?, probe.name.as_str(), said))
        });
        let (since, name, said) = sampled.chain(workload).min_by_key(|(since, ..)| *since)?;
        let lasted = tenths(Duration::between(since, now));
        let why = format!(
            "probe {name} has failed for {lasted}, guards.abortWhenProbeFailsFor is {limit}: {said}"
        );
        Some(Due { at: since + limit, why })
    }

    fn silence(&self, now: Moment) -> Option<Due> {
        let (book, guards) = (&self.sight.book, &self.watcher.plan.spec.guards);
        if guards.abort_on.is_empty() {
            return None;
        }
        let heard = book.last_answer().unwrap_or(self.sight.since);
        let lasted = tenths(Duration::between(heard, now));
        let why = format!(
            "no alert source has answered for {lasted}, so nobody sees the alerts of guards.abortOn: {}",
            unreachable(book)
        );
        Some(Due { at: heard + SILENCE_MAX, why })
    }
}

/// The conditions in words; absent where there are none.
#[must_use]
pub fn words(guards: &Guards) -> Option<String> {
    let alerts = guards.abort_on.join(" or ");
    let alerts = (!alerts.is_empty()).then(|| format!("when {alerts} fires"));
    let probe = guards.abort_when_probe_fails_for;
    let probe = probe.map(|limit| format!("when a probe has failed for {limit}"));
    let conditions: Vec<String> = alerts.into_iter().chain(probe).collect();
    (!conditions.is_empty()).then(|| format!("ends early {}", conditions.join(", or ")))
}

/// The sources that did not answer last time, each with its error.
#[must_use]
pub fn unreachable(book: &Book) -> String {
    let failures = book.failures().iter();
    let words: Vec<String> = failures
        .map(|(channel, error)| format!("{} cannot be reached: {error}", channel.name()))
        .collect();
    words.join("; ")
}
