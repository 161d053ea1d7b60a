//! What the alert sources said, and which of it counts as noticing the fault.

mod aside;
mod channel;
mod on;
mod watcher;

pub use aside::UNEXPECTED;
pub use channel::Channel;
pub use watcher::Watcher;

use super::{matcher::Labels, span::Span};
use crate::api::{Duration, Moment, run::AlertRef};

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
            source: self.channel.name.to_owned(),
            note: note.map(str::to_owned),
        }
    }

    /// The alert of a notification that arrived at `received`: that it is resolved is not what calls people.
    #[must_use]
    pub fn delivered(self, received: Moment) -> Self {
        let fired = self.firing.filter(|_| self.active);
        let notified = fired.map(|fired| Span::new(fired.not_before, received));
        Self { notified, pushed: Some(received), ..self }
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

/// The longest time between two answers that speak of their instants in which an alert cannot come and go unseen.
const POLL_GAP: Duration = Duration::seconds(15);

/// A source that can be asked, and what came of it.
#[derive(Clone, Debug)]
struct Polled {
    channel: Channel,
    is_configured: bool,
    coverage: Option<Coverage>,
    failure: Option<String>,
}

/// Everything that was reported during one run.
#[derive(Clone, Debug, Default)]
pub struct Book {
    sightings: Vec<Sighting>,
    polled: Vec<Polled>,
}

/// How many reports are kept before one must concern the experiment to be taken up.
const SIGHTINGS_MAX: usize = 256;

impl Book {
    /// An empty book of the sources that can be asked, each with whether it is configured.
    pub fn of(sources: impl IntoIterator<Item = (Channel, bool)>) -> Self {
        let polled = sources.into_iter().map(|(channel, is_configured)| Polled {
            channel,
            is_configured,
            coverage: None,
            failure: None,
        });
        Self { sightings: Vec::new(), polled: polled.collect() }
    }

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
                && (old.channel.has_history || old.firing == sighting.firing)
        })
    }

    /// A digest that differs when something was reported that others must hear of.
    #[must_use]
    pub fn state(&self) -> (usize, usize, usize, usize) {
        let count = |wanted: fn(&Sighting) -> bool| {
            self.sightings.iter().filter(|sighting| wanted(sighting)).count()
        };
        let active = count(|sighting| sighting.active);
        (count(|sighting| sighting.firing.is_some()), active, self.asked(), self.failures().count())
    }

    /// Notes that a source answered what was asked at `now` about the time since `since`.
    pub fn answered(&mut self, channel: Channel, since: Moment, now: Moment) {
        let Some(polled) = self.polled(channel) else { return };
        let continued = polled.coverage.filter(|old| Duration::between(old.until, now) <= POLL_GAP);
        let instant = continued.map_or(now, |old| old.since);
        let since = if channel.has_history { since } else { instant };
        polled.coverage = Some(Coverage { since, until: now });
        polled.failure = None;
    }

    /// Notes that a source did not answer.
    pub fn failed(&mut self, channel: Channel, error: String) {
        if let Some(polled) = self.polled(channel) {
            polled.failure = Some(error);
        }
    }

    fn polled(&mut self, channel: Channel) -> Option<&mut Polled> {
        self.polled.iter_mut().find(|polled| polled.channel == channel)
    }

    /// The sources that did not answer last time, with their error.
    pub fn failures(&self) -> impl Iterator<Item = (Channel, &str)> {
        self.polled.iter().filter_map(|polled| Some((polled.channel, polled.failure.as_deref()?)))
    }

    /// The sources that can be asked, configured or not.
    pub fn sources(&self) -> impl Iterator<Item = Channel> {
        self.polled.iter().map(|polled| polled.channel)
    }

    /// How many sources are configured to be asked.
    #[must_use]
    pub fn configured(&self) -> usize {
        self.polled.iter().filter(|polled| polled.is_configured).count()
    }

    /// How many sources have answered or failed to.
    #[must_use]
    pub fn asked(&self) -> usize {
        let heard = |polled: &&Polled| polled.coverage.is_some() || polled.failure.is_some();
        self.polled.iter().filter(heard).count()
    }

    fn coverages(&self) -> impl Iterator<Item = Coverage> {
        self.polled.iter().filter_map(|polled| polled.coverage)
    }

    /// Whether one polled source speaks of the whole time from `from` to `to`.
    #[must_use]
    pub fn covers(&self, from: Moment, to: Moment) -> bool {
        self.coverages().any(|coverage| coverage.since <= from && coverage.until >= to)
    }

    /// When a polled source answered last.
    #[must_use]
    pub fn last_answer(&self) -> Option<Moment> {
        self.coverages().map(|coverage| coverage.until).max()
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

/// One source's labels may lack what is added on the way to another, as Prometheus' lack the external ones that
/// Alertmanager has.
fn is_part_of(a: &Labels, b: &Labels) -> bool {
    a.iter().all(|(label, value)| b.get(label) == Some(value))
        || b.iter().all(|(label, value)| a.get(label) == Some(value))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        core::abort::tests::{alert, plan, watcher},
        detectors::{alertmanager, prometheus},
    };

    pub const PROMETHEUS: Channel = prometheus::SOURCE.channel;
    pub const ALERTMANAGER: Channel = alertmanager::SOURCE.channel;
    pub const WEBHOOK: Channel = alertmanager::WEBHOOK;

    /// A book of both, where both are configured.
    pub fn book() -> Book {
        Book::of([(PROMETHEUS, true), (ALERTMANAGER, true)])
    }

    #[test]
    fn an_alert_that_concerns_the_experiment_is_never_crowded_out() {
        let plan = plan(&serde_json::json!({"abortOn": ["{alertname=\"Bad\"}"]}));
        let (watcher, channel) = (watcher(&plan), ALERTMANAGER);
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
