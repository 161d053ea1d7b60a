//! What the alert sources said, and which of it counts as noticing the fault.

mod aside;
mod channel;
pub mod expression;
mod filter;
mod kept;
pub mod matcher;
mod on;
pub mod rules;
mod syntax;

pub use aside::UNEXPECTED;
pub use channel::Channel;
pub use filter::AlertFilter;
pub use kept::{Heard, KEPT_MAX};
pub use on::firing;

use crate::{
    api::{Duration, Moment},
    core::span::Span,
};
use matcher::Labels;

/// One alert as one channel reports it; a later report of the same one replaces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertReport {
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

impl AlertReport {
    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        crate::core::words::alert(&self.labels)
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
pub struct AlertHistory {
    reports: Vec<AlertReport>,
    polled: Vec<Polled>,
    overlooked: bool,
}

impl AlertHistory {
    /// The history of the sources that can be asked, empty, each with whether it is configured.
    pub fn of(sources: impl IntoIterator<Item = (Channel, bool)>) -> Self {
        let polled = sources.into_iter().map(|(channel, is_configured)| Polled {
            channel,
            is_configured,
            coverage: None,
            failure: None,
        });
        Self { polled: polled.collect(), ..Self::default() }
    }

    /// Takes up what one channel reports, as long as there is room; the earliest notification stays. That an alert
    /// is resolved ends what was notified of it, and tells nothing else.
    pub fn report(&mut self, report: AlertReport) {
        if report.pushed.is_some() && !report.active {
            self.resolve(&report);
        } else if let Some(old) = self.known(&report) {
            let notified = old.notified.or(report.notified);
            *old = AlertReport { notified, ..report };
        } else {
            self.keep(report);
        }
    }

    /// Takes up everything that a polled channel tells: what it no longer names is over. Of alerts
    /// that do not concern the experiment only so many are kept.
    pub fn replace(&mut self, channel: Channel, heard: Heard) {
        for old in self.reports.iter_mut().filter(|old| old.channel == channel) {
            old.active = false;
        }
        self.overlooked |= heard.is_cut;
        for (report, concerns) in heard.reports {
            if self.has_room_for_any() || concerns || self.known(&report).is_some() {
                self.report(report);
            }
        }
    }

    fn resolve(&mut self, resolved: &AlertReport) {
        let fired = |report: &AlertReport| report.firing.map(|firing| firing.at);
        let ended = |old: &&mut AlertReport| {
            old.channel == resolved.channel
                && old.labels == resolved.labels
                && fired(old) <= fired(resolved)
        };
        self.reports.iter_mut().filter(ended).for_each(|old| old.active = false);
    }

    /// The earlier report of the same alert by the same channel.
    fn known(&mut self, report: &AlertReport) -> Option<&mut AlertReport> {
        self.reports.iter_mut().find(|old| {
            old.channel == report.channel
                && old.labels == report.labels
                && (old.channel.has_history || old.firing == report.firing)
        })
    }

    /// A digest that differs when something was reported that others must hear of.
    #[must_use]
    pub fn state(&self) -> (usize, usize, usize, usize) {
        let count = |wanted: fn(&AlertReport) -> bool| {
            self.reports.iter().filter(|report| wanted(report)).count()
        };
        let active = count(|report| report.active);
        (count(|report| report.firing.is_some()), active, self.asked(), self.failures().count())
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

    /// Whether one polled source speaks of the whole time from `from` to `to`, and all of it was kept.
    #[must_use]
    pub fn covers(&self, from: Moment, to: Moment) -> bool {
        !self.overlooked
            && self.coverages().any(|coverage| coverage.since <= from && coverage.until >= to)
    }

    /// When a polled source answered last.
    #[must_use]
    pub fn last_answer(&self) -> Option<Moment> {
        self.coverages().map(|coverage| coverage.until).max()
    }

    /// Forgets what was seen before the injection; what is still on is reported again.
    pub fn forget(&mut self) {
        self.reports.clear();
        self.overlooked = false;
    }

    /// The first alert that counts as noticing, by its firing.
    #[must_use]
    pub fn noticed(
        &self,
        alert_filter: &AlertFilter<'_>,
        injected: Moment,
    ) -> Option<&AlertReport> {
        self.counted(alert_filter, injected)
            .filter(|report| report.firing.is_some())
            .min_by_key(|report| report.firing.map(|firing| (firing.at, firing.not_before)))
    }

    /// When the condition of a counted alert became true, the earliest of them.
    #[must_use]
    pub fn condition_true(
        &self,
        alert_filter: &AlertFilter<'_>,
        injected: Moment,
    ) -> Option<(Span, &AlertReport)> {
        let counted = self.counted(alert_filter, injected);
        earliest(counted.map(|report| (report.condition_true, report)))
    }

    /// When the first notification of a counted alert was delivered.
    #[must_use]
    pub fn notified(
        &self,
        alert_filter: &AlertFilter<'_>,
        injected: Moment,
    ) -> Option<(Span, &AlertReport)> {
        let counted = self.counted(alert_filter, injected);
        earliest(counted.map(|report| (report.notified, report)))
    }

    /// The alerts that count.
    fn counted<'a>(
        &'a self,
        alert_filter: &AlertFilter<'_>,
        injected: Moment,
    ) -> impl Iterator<Item = &'a AlertReport> {
        self.reports.iter().filter(move |report| self.counts(report, alert_filter, injected))
    }

    /// An alert counts when it is expected, not suppressed, and began after the injection in every
    /// channel that tells when it began.
    fn counts(
        &self,
        report: &AlertReport,
        alert_filter: &AlertFilter<'_>,
        injected: Moment,
    ) -> bool {
        alert_filter.expects(report) && !report.suppressed && self.is_new(report, injected)
    }

    /// Whether the alert began after the injection in every channel that tells when it began.
    fn is_new(&self, report: &AlertReport, injected: Moment) -> bool {
        let older = |other: &AlertReport| {
            is_part_of(&other.labels, &report.labels)
                && other.began().is_some_and(|began| began <= injected)
        };
        !self.reports.iter().any(older)
    }
}

/// The report of the earliest instant, with that.
fn earliest<'a>(
    instants: impl Iterator<Item = (Option<Span>, &'a AlertReport)>,
) -> Option<(Span, &'a AlertReport)> {
    let known = instants.filter_map(|(span, report)| Some((span?, report)));
    known.min_by_key(|(span, _)| span.at)
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
    use crate::detectors::{alertmanager, prometheus};

    pub const PROMETHEUS: Channel = prometheus::SOURCE.channel;
    pub const ALERTMANAGER: Channel = alertmanager::SOURCE.channel;
    pub const WEBHOOK: Channel = alertmanager::WEBHOOK;

    /// The history of both, where both are configured.
    pub fn alerts() -> AlertHistory {
        AlertHistory::of([(PROMETHEUS, true), (ALERTMANAGER, true)])
    }
}
