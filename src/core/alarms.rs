//! What the alert sources said, and which of it counts as noticing the fault.

use super::{matcher::Labels, plan::Plan, span::Span};
use crate::api::{Duration, Moment, run::AlertRef};

/// Where something about an alert came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Prometheus' own series, by polling.
    Prometheus,
    /// Alertmanager's API, by polling.
    Alertmanager,
    /// Alertmanager's notification, by push.
    Webhook,
}

impl Channel {
    /// Its name as facts have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Alertmanager => "alertmanager",
            Self::Webhook => "webhook",
        }
    }
}

/// One alert as one channel reports it; a later report of the same one replaces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Who reports it.
    pub channel: Channel,
    /// Its labels.
    pub labels: Labels,
    /// Alertmanager's fingerprint.
    pub fingerprint: Option<String>,
    /// Whether it is silenced or inhibited.
    pub suppressed: bool,
    /// Whether it is pending or firing by the channel's last word.
    pub active: bool,
    /// When its condition became true, where the channel tells.
    pub condition_true: Option<Span>,
    /// When it fired; absent while it is pending.
    pub firing: Option<Span>,
    /// When its notification was delivered.
    pub notified: Option<Span>,
}

impl Sighting {
    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.labels.get("alertname").map_or("an alert", String::as_str)
    }

    /// The alert by its labels.
    #[must_use]
    pub fn reference(&self, note: Option<&str>) -> AlertRef {
        AlertRef {
            labels: self.labels.clone(),
            fingerprint: self.fingerprint.clone(),
            source: self.channel.name().to_owned(),
            note: note.map(str::to_owned),
        }
    }

    /// The earliest instant at which the alert is known to have been pending or firing.
    fn began(&self) -> Option<Moment> {
        [self.condition_true, self.firing].into_iter().flatten().map(|span| span.at).min()
    }
}

/// How long one polled source has answered without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The earliest instant that its answers speak of.
    pub since: Moment,
    /// The latest one.
    pub until: Moment,
}

/// The longest time between two answers of Alertmanager in which an alert cannot come and go unseen.
const POLL_GAP: Duration = Duration::seconds(15);

/// After so long Alertmanager has an alert that fires in Prometheus, and was asked for it.
const DELIVERY: Duration = Duration::seconds(3);

/// Everything that was reported during one run.
#[derive(Clone, Debug, Default)]
pub struct Book {
    sightings: Vec<Sighting>,
    prometheus: Option<Coverage>,
    alertmanager: Option<Coverage>,
    failures: Vec<(Channel, String)>,
}

/// How many reports are kept before one must concern the experiment to be taken up.
const SIGHTINGS_MAX: usize = 256;

impl Book {
    /// Takes up what one channel reports; the earliest notification stays.
    pub fn report(&mut self, sighting: Sighting) {
        if let Some(old) = self.known(&sighting) {
            let notified = old.notified.or(sighting.notified);
            *old = Sighting { notified, ..sighting };
        } else {
            self.sightings.push(sighting);
        }
    }

    /// Takes up everything that a polled channel knows: what it no longer names is over. Of alerts
    /// that do not concern the experiment only so many are kept.
    pub fn replace(
        &mut self,
        channel: Channel,
        sightings: Vec<Sighting>,
        concerns: impl Fn(&Sighting) -> bool,
    ) {
        for old in self.sightings.iter_mut().filter(|old| old.channel == channel) {
            old.active = false;
        }
        for sighting in sightings {
            let room = self.sightings.len() < SIGHTINGS_MAX;
            if room || concerns(&sighting) || self.known(&sighting).is_some() {
                self.report(sighting);
            }
        }
    }

    /// The earlier report of the same alert by the same channel.
    fn known(&mut self, sighting: &Sighting) -> Option<&mut Sighting> {
        self.sightings.iter_mut().find(|old| {
            old.channel == sighting.channel
                && old.labels == sighting.labels
                && (old.channel == Channel::Prometheus || old.firing == sighting.firing)
        })
    }

    /// A digest that differs when something was reported that others must hear of.
    #[must_use]
    pub fn state(&self) -> (usize, usize, usize, usize) {
        let count = |wanted: fn(&Sighting) -> bool| {
            self.sightings.iter().filter(|sighting| wanted(sighting)).count()
        };
        let active = count(|sighting| sighting.active);
        (count(|sighting| sighting.firing.is_some()), active, self.asked(), self.failures.len())
    }

    /// Notes that Prometheus answered for the whole time since `since`.
    pub fn prometheus_answered(&mut self, since: Moment, now: Moment) {
        self.prometheus = Some(Coverage { since, until: now });
        self.failures.retain(|(channel, _)| *channel != Channel::Prometheus);
    }

    /// Notes that Alertmanager answered for this instant.
    pub fn alertmanager_answered(&mut self, now: Moment) {
        let continued =
            self.alertmanager.filter(|old| Duration::between(old.until, now) <= POLL_GAP);
        let since = continued.map_or(now, |old| old.since);
        self.alertmanager = Some(Coverage { since, until: now });
        self.failures.retain(|(channel, _)| *channel != Channel::Alertmanager);
    }

    /// Notes that a polled source did not answer.
    pub fn failed(&mut self, channel: Channel, error: String) {
        self.failures.retain(|(other, _)| *other != channel);
        self.failures.push((channel, error));
    }

    /// The polled sources that did not answer last time, with their error.
    #[must_use]
    pub fn failures(&self) -> &[(Channel, String)] {
        &self.failures
    }

    /// How many polled sources have answered or failed to.
    #[must_use]
    pub fn asked(&self) -> usize {
        let failed = |channel| self.failures.iter().any(|(other, _)| *other == channel);
        let prometheus = self.prometheus.is_some() || failed(Channel::Prometheus);
        let alertmanager = self.alertmanager.is_some() || failed(Channel::Alertmanager);
        usize::from(prometheus) + usize::from(alertmanager)
    }

    /// Whether one polled source speaks of the whole time from `from` to `to`.
    #[must_use]
    pub fn covers(&self, from: Moment, to: Moment) -> bool {
        let covers = |coverage: Coverage| coverage.since <= from && coverage.until >= to;
        [self.prometheus, self.alertmanager].into_iter().flatten().any(covers)
    }

    /// When a polled source answered last.
    #[must_use]
    pub fn last_answer(&self) -> Option<Moment> {
        [self.prometheus, self.alertmanager].into_iter().flatten().map(|source| source.until).max()
    }

    /// The first alert that the experiment expects or ends at and that is pending or firing now,
    /// suppressed ones apart.
    #[must_use]
    pub fn noisy(&self, watcher: &Watcher<'_>) -> Option<&Sighting> {
        self.sightings.iter().filter(|sighting| sighting.active && !sighting.suppressed).find(
            |sighting| {
                let aborts = watcher.aborts_on(sighting) && !self.is_silenced(sighting);
                watcher.expects(sighting) || aborts
            },
        )
    }

    /// The first alert that ends a run which was journaled at `since`, and from when on it does: it
    /// is firing, or fired since then.
    #[must_use]
    pub fn aborting(&self, watcher: &Watcher<'_>, since: Moment) -> Option<(Moment, &Sighting)> {
        let aborts = |sighting: &&Sighting| {
            watcher.aborts_on(sighting) && !sighting.suppressed && !self.is_silenced(sighting)
        };
        let counted = self.sightings.iter().filter(aborts).filter_map(|sighting| {
            let fired = sighting.firing?.at;
            let counts = sighting.active || fired >= since;
            counts.then(|| (fired + self.delivery(sighting), sighting))
        });
        counted.min_by_key(|(at, _)| *at)
    }

    /// How long to wait for Alertmanager's word on an alert: only it knows what is silenced.
    fn delivery(&self, sighting: &Sighting) -> Duration {
        let failed = self.failures.iter().any(|(channel, _)| *channel == Channel::Alertmanager);
        let answers = self.alertmanager.is_some() && !failed;
        if answers && sighting.channel == Channel::Prometheus { DELIVERY } else { Duration::ZERO }
    }

    /// Whether Alertmanager suppresses what Prometheus says is on.
    fn is_silenced(&self, sighting: &Sighting) -> bool {
        let silences = |other: &Sighting| {
            other.suppressed && other.active && is_part_of(&sighting.labels, &other.labels)
        };
        sighting.channel == Channel::Prometheus && self.sightings.iter().any(silences)
    }

    /// Forgets what was seen before the injection; what is still on is reported again.
    pub fn forget(&mut self) {
        self.sightings.clear();
    }

    /// The first alert that counts as noticing, by its firing.
    #[must_use]
    pub fn noticed(&self, watcher: &Watcher<'_>, injected: Moment) -> Option<&Sighting> {
        let counted =
            self.sightings.iter().filter(|sighting| self.counts(sighting, watcher, injected));
        counted
            .filter(|sighting| sighting.firing.is_some())
            .min_by_key(|sighting| sighting.firing.map(|firing| (firing.at, firing.not_before)))
    }

    /// When the condition of a counted alert became true; of `labels`' alert where that is known.
    #[must_use]
    pub fn condition_true(
        &self,
        watcher: &Watcher<'_>,
        injected: Moment,
    ) -> Option<(Span, &Sighting)> {
        let counted =
            self.sightings.iter().filter(|sighting| self.counts(sighting, watcher, injected));
        counted
            .filter_map(|sighting| Some((sighting.condition_true?, sighting)))
            .min_by_key(|(span, _)| span.at)
    }

    /// When the first notification of a counted alert was delivered.
    #[must_use]
    pub fn notified(&self, watcher: &Watcher<'_>, injected: Moment) -> Option<(Span, &Sighting)> {
        let counted =
            self.sightings.iter().filter(|sighting| self.counts(sighting, watcher, injected));
        counted
            .filter_map(|sighting| Some((sighting.notified?, sighting)))
            .min_by_key(|(span, _)| span.at)
    }

    /// Alerts that fired since the injection and do not count, at most 16, each with the reason.
    #[must_use]
    pub fn also_fired(&self, watcher: &Watcher<'_>, injected: Moment) -> Vec<AlertRef> {
        let mut seen: Vec<AlertRef> = Vec::new();
        let fired =
            |sighting: &&Sighting| sighting.firing.is_some_and(|firing| firing.at >= injected);
        for sighting in self.sightings.iter().filter(fired) {
            let reason = match (watcher.expects(sighting), sighting.suppressed) {
                (true, true) => Some("silenced or inhibited"),
                (true, false) if !self.counts(sighting, watcher, injected) => {
                    Some("began before the injection")
                }
                (true, false) => None,
                (false, _) => Some("not among detection.alerts"),
            };
            let new = |alert: &AlertRef| seen.iter().all(|old| old.labels != alert.labels);
            if let Some(alert) = reason.map(|reason| sighting.reference(Some(reason))).filter(new) {
                seen.push(alert);
            }
        }
        seen.truncate(16);
        seen
    }

    /// An alert counts when it is expected, not suppressed, and began after the injection in every
    /// channel that tells when it began.
    fn counts(&self, sighting: &Sighting, watcher: &Watcher<'_>, injected: Moment) -> bool {
        let older = |other: &Sighting| {
            is_part_of(&other.labels, &sighting.labels)
                && other.began().is_some_and(|began| began <= injected)
        };
        watcher.expects(sighting) && !sighting.suppressed && !self.sightings.iter().any(older)
    }
}

/// Prometheus' own labels lack the external ones that Alertmanager adds.
fn is_part_of(a: &Labels, b: &Labels) -> bool {
    a.iter().all(|(label, value)| b.get(label) == Some(value))
        || b.iter().all(|(label, value)| a.get(label) == Some(value))
}

/// For whom alerts are judged: the plan, its namespace, and the label that names namespaces.
#[derive(Clone, Copy, Debug)]
pub struct Watcher<'a> {
    /// The experiment.
    pub plan: &'a Plan,
    /// Its namespace.
    pub namespace: &'a str,
    /// `alertmanager.namespaceLabel` of the configuration.
    pub namespace_label: &'a str,
}

impl Watcher<'_> {
    /// Whether the experiment expects this alert.
    #[must_use]
    pub fn expects(&self, sighting: &Sighting) -> bool {
        self.is_here(sighting) && self.plan.expects(&sighting.labels)
    }

    /// Whether this alert ends the run.
    #[must_use]
    pub fn aborts_on(&self, sighting: &Sighting) -> bool {
        self.is_here(sighting) && self.plan.aborts_on(&sighting.labels)
    }

    /// Whether this alert means anything to the experiment.
    #[must_use]
    pub fn concerns(&self, sighting: &Sighting) -> bool {
        self.expects(sighting) || self.aborts_on(sighting)
    }

    /// An alert that carries the label counts only for runs of that namespace; an empty label
    /// switches that off.
    fn is_here(&self, sighting: &Sighting) -> bool {
        let named = sighting.labels.get(self.namespace_label);
        self.namespace_label.is_empty() || named.is_none_or(|named| named == self.namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::abort::tests::{alert, plan, watcher};

    #[test]
    fn an_alert_that_concerns_the_experiment_is_never_crowded_out() {
        let plan = plan(&serde_json::json!({"abortOn": ["{alertname=\"Bad\"}"]}));
        let (watcher, channel) = (watcher(&plan), Channel::Alertmanager);
        let mut all: Vec<Sighting> = (0..2 * SIGHTINGS_MAX)
            .map(|number| alert(channel, &format!("Other{number}"), Some(1.0)))
            .collect();
        all.extend(["Bad", "Expected"].map(|name| alert(channel, name, Some(1.0))));
        let mut book = Book::default();
        for _ in 0..2 {
            book.replace(channel, all.clone(), |sighting| watcher.concerns(sighting));
            assert_eq!(book.sightings.len(), SIGHTINGS_MAX + 2);
            assert!(book.sightings.iter().all(|sighting| sighting.active));
        }
        book.replace(channel, Vec::new(), |sighting| watcher.concerns(sighting));
        assert!(book.sightings.iter().all(|sighting| !sighting.active));
    }
}
