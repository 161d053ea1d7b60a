//! What one run has seen so far: its probes, the target's pods and the alert sources.

pub mod changes;
pub mod pods;
pub mod series;

use crate::{
    api::{
        Duration, ExperimentSpec, Moment,
        experiment::Probe,
        run::{
            ExperimentRunStatus, FactName, Gap, Impact, Journal, ProbeCounts, Since, Unobserved,
            Warning,
        },
    },
    core::{alerts::AlertHistory, span::Span},
    faults::{self, Sign},
};
use pods::Tracker;
use series::{Counts, Series};

/// Everything that was seen; filled by the shell, read by the rules.
#[derive(Clone, Debug)]
pub struct Signals {
    /// The probes that are sampled.
    pub probes: Vec<Series>,
    /// Whether the target itself is one of the probes.
    pub workload: bool,
    /// The target's pods.
    pub pods: Tracker,
    /// The object that the fault changes.
    pub changes: changes::Tracker,
    /// A probe that fails while the fault is real, beside the steady state.
    pub observe: Option<Series>,
    /// Why nothing is sampled yet: the probes of other runs leave no room. Waiting may change that.
    pub withheld: Option<String>,
    /// When something around the target last changed that a live read would tell.
    pub changed_at: Option<Moment>,
    /// When the API server accepted that this process ended the fault.
    pub revoked: Option<Span>,
    /// What the alert sources said.
    pub alerts: AlertHistory,
    /// When this process began to look.
    pub since: Moment,
    /// Since when alerts matter: the start of the look, or the injection if that was earlier.
    pub alerts_since: Moment,
    /// What was found out when the run was taken up that is worth knowing, and refuses nothing.
    pub warnings: Vec<Warning>,
    /// Gaps that lie before, from a process that looked earlier.
    earlier: Vec<Gap>,
    /// The good window that an earlier process had seen begin.
    inherited: Option<Since>,
    baseline: Baseline,
}

/// What an earlier process had counted.
#[derive(Clone, Debug, Default)]
struct Baseline {
    probes: ProbeCounts,
    pod_seconds: f64,
}

impl Signals {
    /// Begins to look at `now`, for the probes of `spec`; without one nothing is sampled.
    #[must_use]
    pub fn new(spec: Option<&ExperimentSpec>, now: Moment) -> Self {
        let declared = spec.map_or(&[][..], |spec| &spec.steady_state);
        let observe = match spec.and_then(|spec| faults::behaviour(&spec.fault).sign) {
            Some(Sign::ProbeFails(probe)) => series(probe),
            _ => None,
        };
        Self {
            probes: declared.iter().filter_map(series).collect(),
            changes: changes::Tracker::default(),
            observe,
            withheld: None,
            changed_at: None,
            revoked: None,
            workload: declared.iter().any(|probe| probe.workload.is_some()),
            pods: Tracker::default(),
            alerts: AlertHistory::default(),
            since: now,
            alerts_since: now,
            warnings: Vec::new(),
            earlier: Vec::new(),
            inherited: None,
            baseline: Baseline::default(),
        }
    }

    /// Continues what an earlier process had seen, by what it wrote down; the time between is a gap.
    pub fn inherit(&mut self, status: &ExperimentRunStatus) {
        let Some(injected) = status.fact(FactName::Injected).map(Span::from) else {
            return;
        };
        let impact = status.impact.clone().unwrap_or_default();
        let from = impact.probes.as_of.unwrap_or(injected.at);
        self.earlier = impact.unseen().cloned().collect();
        self.earlier.push(Gap { from, to: self.since, of: Unobserved::Probes });
        self.inherited = impact.good_since;
        // Where it was good again, the last failure bounds nothing any more.
        let failed = impact.probes.last_failure_at.filter(|_| impact.good_since.is_none());
        for series in self.probes.iter_mut().chain(&mut self.observe) {
            series.continue_from(failed, from);
        }
        self.pods.continue_from(injected.not_before);
        self.baseline =
            Baseline { probes: impact.probes, pod_seconds: impact.unavailable_pod_seconds };
    }

    /// The fault is about to be injected, or was at `injected`: count from here on.
    fn start_counting(&mut self, journal: &Journal, injected: Option<Moment>, now: Moment) {
        self.pods.expect(usize::try_from(journal.count.unwrap_or(0)).unwrap_or(0), now);
        self.changes.expect(journal, injected);
        let sign = journal.spec.as_ref().and_then(|spec| faults::behaviour(&spec.fault).sign);
        if sign == Some(Sign::NewRevision) {
            self.pods.know(&journal.revisions);
        }
        self.probes.iter_mut().chain(&mut self.observe).for_each(Series::start_counting);
    }

    /// Once the intent is written down, by whichever operator, everything counts; gives whether it is.
    pub fn count_if_journaled(&mut self, status: &ExperimentRunStatus, now: Moment) -> bool {
        let Some(journaled) = status.fact(FactName::Journaled) else { return false };
        self.alerts.forget();
        self.alerts_since = journaled.at;
        if let Some(journal) = &status.journal {
            let injected = status.fact(FactName::Injected).map(|fact| fact.at);
            self.start_counting(journal, injected, now);
        }
        true
    }

    /// Every series that is sampled.
    pub fn sampled(&self) -> impl Iterator<Item = &Series> {
        self.probes.iter().chain(&self.observe)
    }

    /// Whether every probe has said how it was at `at`: a sample of then or later has ended, and no failures are being
    /// counted that may become an impact.
    #[must_use]
    pub fn tells_of(&self, at: Moment) -> bool {
        self.probes.iter().all(|series| series.tells_of(at))
    }

    /// Whether every probe speaks of now.
    #[must_use]
    pub fn is_fresh(&self, now: Moment) -> bool {
        self.probes.iter().all(|series| series.is_fresh(now))
    }

    /// When every probe has told of `at`, or of the time when this process began to look, unless that cannot be done.
    #[must_use]
    pub fn tell_by(&self, at: Moment) -> Moment {
        let longest = self.probes.iter().map(Series::tells_within).max().unwrap_or_default();
        self.since.max(at) + longest
    }

    /// Whether nobody can say if everything is good: some probe is not sampled, and nothing that is seen is broken.
    #[must_use]
    pub fn is_unknown(&self, now: Moment) -> bool {
        let fails = |series: &Series| series.is_fresh(now) && series.good_since().is_none();
        !self.is_fresh(now) && !self.probes.iter().any(fails) && self.pods.whole_since().is_some()
    }

    /// Since when everything has been good, if it is; without any probe the pods alone tell.
    #[must_use]
    pub fn good_since(&self) -> Option<Span> {
        let mut windows: Vec<Option<Span>> = self.probes.iter().map(Series::good_since).collect();
        if self.workload || windows.is_empty() {
            windows.push(self.pods.whole_since());
        }
        let since = windows.into_iter().reduce(|a, b| Some(a?.later(b?)))??;
        Some(self.with_inherited(since))
    }

    /// Since when everything has been good after an impact. Where several pods answer, one good sample may have
    /// met the only one that does, so what was good is known only when the next one has ended too. An operator
    /// that has seen nothing fail, because it began to look after another one had, only knows its next samples.
    #[must_use]
    pub fn good_after(&self, impact: Span) -> Option<Span> {
        let since = self.good_since()?;
        let spacing = self.probes.iter().map(Series::spacing).max().unwrap_or_default();
        if since.at > impact.at {
            return Some(Span::new(since.not_before, since.at + spacing));
        }
        Some(Span::new(impact.not_before, impact.at + spacing))
    }

    /// A window that an earlier process saw begin may have ended and begun anew before the first look of this one.
    fn with_inherited(&self, since: Span) -> Span {
        match self.inherited {
            Some(inherited) if self.never_failed() => Span::new(inherited.not_before, since.at),
            _ => since,
        }
    }

    fn never_failed(&self) -> bool {
        self.probes.iter().all(|series| series.counts().failed == 0)
    }

    /// When a sample that ended then was sent at the earliest.
    #[must_use]
    pub fn sent_after(&self, ended: Moment) -> Moment {
        ended.minus(self.probes.iter().map(Series::timeout).max().unwrap_or_default())
    }

    /// When the impact began that is on now, if one is.
    #[must_use]
    pub fn impact_since(&self) -> Option<Span> {
        self.probes.iter().filter_map(Series::impact_since).min_by_key(|span| span.at)
    }

    /// The counted samples and what it cost, until `now`.
    #[must_use]
    pub fn impact(&self, now: Moment) -> Impact {
        let old = &self.baseline.probes;
        let counts: Vec<_> = self.probes.iter().map(Series::counts).collect();
        // What an earlier process wrote down may be as large as the schema lets it be.
        let sum = |old: i64, of: fn(&Counts) -> i64| {
            counts.iter().fold(old, |sum, counts| sum.saturating_add(of(counts)))
        };
        let last = counts.iter().max_by_key(|counts| counts.last_failure_at);
        let first_failure_at = counts.iter().filter_map(|counts| counts.first_failure_at).min();
        let last_failure_at = last.and_then(|counts| counts.last_failure_at);
        let last_failure = last.and_then(|counts| counts.last_failure.clone());
        Impact {
            probes: ProbeCounts {
                total: sum(old.total, |counts| counts.total),
                failed: sum(old.failed, |counts| counts.failed),
                first_failure_at: old.first_failure_at.or(first_failure_at),
                last_failure_at: last_failure_at.or(old.last_failure_at),
                last_failure: last_failure.or_else(|| old.last_failure.clone()),
                as_of: Some(now),
            },
            unavailable_pod_seconds: self.baseline.pod_seconds
                + self.pods.unavailable_pod_seconds(now),
            good_since: None,
            ended_by: None,
            gaps: self.gaps(now),
        }
    }

    /// Every time until `now` during which the probes were not sampled.
    #[must_use]
    pub fn gaps(&self, now: Moment) -> Vec<Gap> {
        let own = self.probes.iter().flat_map(|series| series.gaps(self.since, now));
        let own =
            own.map(|span| Gap { from: span.not_before, to: span.at, of: Unobserved::Probes });
        self.earlier.iter().cloned().chain(own).take(24).collect()
    }
}

/// The series of a probe that is sampled; the target itself is watched.
fn series(probe: &Probe) -> Option<Series> {
    let (interval, timeout, threshold) = match (&probe.http, &probe.tcp) {
        (Some(http), _) => (http.interval, http.timeout, http.failure_threshold),
        (_, Some(tcp)) => (tcp.interval, tcp.timeout, tcp.failure_threshold),
        (None, None) => return None,
    };
    let timeout = timeout.unwrap_or_else(|| default_timeout(interval));
    Some(Series::new(&probe.name, interval, timeout, threshold))
}

/// The smaller of the interval and one second.
#[must_use]
pub fn default_timeout(interval: Duration) -> Duration {
    interval.min(Duration::seconds(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::signals::{pods::tests::at, series::Sample};

    /// Signals whose only probe, each second with a timeout of one, was sampled like this.
    fn signals(samples: &[(f64, bool)]) -> Signals {
        let second = Duration::seconds(1);
        let mut signals = Signals::new(None, at(0.0));
        signals.probes = vec![Series::new("answers", second, second, 1)];
        for &(started, good) in samples {
            let (started, ended) = (at(started), at(started + 0.1));
            signals.probes[0].push(Sample { started, ended, good, detail: String::new() });
        }
        signals
    }

    #[test]
    fn back_is_what_was_good_after_the_impact() {
        let impact = Span::new(at(1.0), at(2.1));
        let seen = signals(&[(1.0, true), (2.0, false), (3.0, true)]);
        assert_eq!(seen.good_after(impact), Some(Span::new(at(2.0), at(5.1))), "one sample more");
    }

    #[test]
    fn a_window_that_began_before_an_impact_that_another_operator_saw_says_nothing_of_what_was_then()
     {
        let unseen = signals(&[(1.5, true), (2.5, true)]);
        let impact = Span::new(at(1.0), at(2.1));
        assert_eq!(unseen.good_after(impact), Some(Span::new(at(1.0), at(4.1))));
    }

    #[test]
    fn what_an_earlier_process_has_counted_may_be_as_large_as_its_field() {
        let injected = Span::new(at(1.0), at(1.0)).fact(FactName::Injected, "api", "");
        let counted = ProbeCounts { total: i64::MAX, ..ProbeCounts::default() };
        let mut status = ExperimentRunStatus { facts: vec![injected], ..Default::default() };
        status.impact = Some(Impact { probes: counted, ..Impact::default() });
        let mut seen = signals(&[]);
        seen.inherit(&status);
        seen.probes[0].start_counting();
        let (started, ended) = (at(2.0), at(2.1));
        seen.probes[0].push(Sample { started, ended, good: true, detail: String::new() });
        assert_eq!(seen.impact(at(3.0)).probes.total, i64::MAX);
    }
}
