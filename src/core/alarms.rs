//! What the alert sources said, and which of it counts as noticing the fault.

mod aside;
mod on;
mod watcher;

pub use aside::UNEXPECTED;
pub use on::NOTIFICATION_HOLDS;
pub use watcher::Watcher;

use super::{matcher::Labels, span::Span};
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
    /// When its last notification arrived; absent where the channel is asked.
    pub pushed: Option<Moment>,
}

impl Sighting {
    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        super::words::alert(&self.labels)
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
    /// Takes up what one channel reports; the earliest notification stays. That an alert is resolved ends
    /// what was notified of it, and tells nothing else.
    pub fn report(&mut self, sighting: Sighting) {
        if sighting.pushed.is_some() && !sighting.active {
            self.resolve(&sighting);
        } else if let Some(old) = self.known(&sighting) {
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

    fn resolve(&mut self, resolved: &Sighting) {
        let fired = |sighting: &Sighting| sighting.firing.map(|firing| firing.at);
        let ended = |old: &&mut Sighting| {
            old.channel == resolved.channel
                && old.labels == resolved.labels
                && fired(old) <= fired(resolved)
        };
        self.sightings.iter_mut().filter(ended).for_each(|old| old.active = false);
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

    /// An alert counts when it is expected, not suppressed, and began after the injection in every
    /// channel that tells when it began.
    fn counts(&self, sighting: &Sighting, watcher: &Watcher<'_>, injected: Moment) -> bool {
        watcher.expects(sighting) && !sighting.suppressed && self.is_new(sighting, injected)
    }

    /// Whether the alert began after the injection in every channel that tells when it began.
    fn is_new(&self, sighting: &Sighting, injected: Moment) -> bool {
        let older = |other: &Sighting| {
            is_part_of(&other.labels, &sighting.labels)
                && other.began().is_some_and(|began| began <= injected)
        };
        !self.sightings.iter().any(older)
    }
}

/// Prometheus' own labels lack the external ones that Alertmanager adds.
fn is_part_of(a: &Labels, b: &Labels) -> bool {
    a.iter().all(|(label, value)| b.get(label) == Some(value))
        || b.iter().all(|(label, value)| a.get(label) == Some(value))
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
