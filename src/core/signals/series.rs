//! The samples of one probe, reduced to what a run needs to know.

use crate::{
    api::{Duration, Moment},
    core::span::Span,
};

/// One sample of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it was sent.
    pub started: Moment,
    /// When its answer was there, or its timeout over.
    pub ended: Moment,
    /// Whether the service was healthy.
    pub good: bool,
    /// What a failed one said.
    pub detail: String,
}

/// The samples of one probe.
#[derive(Clone, Debug)]
pub struct Series {
    /// Name of the probe.
    pub name: String,
    /// The address that is asked, once it is known.
    pub address: Option<std::net::SocketAddr>,
    /// Why there is no address for it, which no waiting changes.
    pub unreachable: Option<String>,
    /// What was lacking here when a sample was due and could not be sent, since the last one that was.
    pub unsent: Option<String>,
    interval: Duration,
    /// The longest time from the end of one sample to the end of the next.
    spacing: Duration,
    /// The longest time between two samples that is no gap.
    patience: Duration,
    /// How long after any instant it has told of it at the latest.
    tells_within: Duration,
    threshold: usize,
    timeout: Duration,
    /// Until when an earlier process has told of it.
    known_until: Option<Moment>,
    last: Option<Sample>,
    good_since: Option<Span>,
    failing_since: Option<Span>,
    failures_in_a_row: usize,
    counting: bool,
    counts: Counts,
    gaps: Vec<Span>,
}

/// What was counted since the injection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All samples.
    pub total: i64,
    /// The failed ones.
    pub failed: i64,
    /// When the first failed one ended.
    pub first_failure_at: Option<Moment>,
    /// When the last failed one ended.
    pub last_failure_at: Option<Moment>,
    /// What the last failed one said.
    pub last_failure: Option<String>,
}

impl Series {
    /// An empty series; `threshold` failures in a row are an impact.
    #[must_use]
    pub fn new(name: &str, interval: Duration, timeout: Duration, threshold: i32) -> Self {
        let (threshold, spacing) = (threshold.max(1), interval + timeout);
        let patience = spacing + interval + Duration::seconds(1);
        Self {
            name: name.to_owned(),
            address: None,
            unreachable: None,
            unsent: None,
            interval,
            spacing,
            patience,
            tells_within: patience + spacing.times(threshold),
            threshold: usize::try_from(threshold).unwrap_or(1),
            timeout,
            known_until: None,
            last: None,
            good_since: None,
            failing_since: None,
            failures_in_a_row: 0,
            counting: false,
            counts: Counts::default(),
            gaps: Vec::new(),
        }
    }

    /// How long a sample may take.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Continues what an earlier process had sampled, by what that one wrote down: whatever changed since the
    /// last sample that it can have told of may have changed at any time since then.
    pub fn continue_from(&mut self, last_failure: Option<Moment>, as_of: Moment) {
        let last_started = as_of.minus(self.spacing).minus(self.timeout);
        self.known_until = Some(last_failure.map_or(last_started, |at| at.minus(self.timeout)));
    }

    /// Takes up a sample; samples come in order.
    pub fn push(&mut self, sample: Sample) {
        self.unsent = None;
        let after_gap = self.note_gap(&sample);
        if self.counting {
            self.count(&sample);
        }
        // Before the sample that differs, the last other one shows how it was when that was sent.
        let known = self.last.as_ref().map(|last| last.started).or(self.known_until);
        let change = Span::new(known.unwrap_or(sample.started), sample.ended);
        if sample.good {
            // What was in the gap is not known: the window may have begun only then.
            self.good_since = match self.good_since {
                Some(since) if after_gap => Some(Span::new(since.not_before, sample.ended)),
                since => since.or(Some(change)),
            };
            self.failing_since = None;
            self.failures_in_a_row = 0;
        } else {
            self.failing_since = self.failing_since.or(Some(change));
            self.failures_in_a_row += 1;
            if self.failures_in_a_row >= self.threshold {
                self.good_since = None;
            }
        }
        self.last = Some(sample);
    }

    /// Counts samples from here on: the fault is about to be injected.
    pub fn start_counting(&mut self) {
        self.counting = true;
    }

    /// Since when it has been good without an impact.
    #[must_use]
    pub const fn good_since(&self) -> Option<Span> {
        self.good_since
    }

    /// How often it is sampled.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// How long after any instant its next sample has ended at the latest.
    #[must_use]
    pub const fn spacing(&self) -> Duration {
        self.spacing
    }

    /// Since when it has been failing, once the failures are an impact.
    #[must_use]
    pub fn impact_since(&self) -> Option<Span> {
        self.failing_since.filter(|_| self.failures_in_a_row >= self.threshold)
    }

    /// Whether a sample of `at` or later has ended, and is not one of failures that may become an impact.
    #[must_use]
    pub fn tells_of(&self, at: Moment) -> bool {
        let is_counted = (1..self.threshold).contains(&self.failures_in_a_row);
        !is_counted && self.last.as_ref().is_some_and(|last| last.started >= at)
    }

    /// How long after any instant it has told of it at the latest, unless it cannot be sampled.
    #[must_use]
    pub const fn tells_within(&self) -> Duration {
        self.tells_within
    }

    /// Whether its last sample is recent enough to speak of now.
    #[must_use]
    pub fn is_fresh(&self, now: Moment) -> bool {
        self.last.as_ref().is_some_and(|last| Duration::between(last.ended, now) <= self.patience)
    }

    /// What was counted since the injection.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The last sample.
    #[must_use]
    pub const fn last(&self) -> Option<&Sample> {
        self.last.as_ref()
    }

    /// Times until `now` during which no sample was taken although one was due, since the look began at `since`.
    pub fn gaps(&self, since: Moment, now: Moment) -> impl Iterator<Item = Span> {
        let last = self.last.as_ref().map_or(since, |last| last.ended);
        let lasts = Duration::between(last, now) > self.patience;
        self.gaps.iter().copied().chain(lasts.then(|| Span::new(last, now)))
    }

    /// Whether a sample was due before this one that was not taken.
    fn note_gap(&mut self, sample: &Sample) -> bool {
        let Some(last) = &self.last else { return false };
        let is_gap = Duration::between(last.ended, sample.ended) > self.patience;
        if is_gap && self.gaps.len() < 16 {
            self.gaps.push(Span::new(last.ended, sample.started));
        }
        is_gap
    }

    fn count(&mut self, sample: &Sample) {
        self.counts.total += 1;
        if !sample.good {
            self.counts.failed += 1;
            self.counts.first_failure_at = self.counts.first_failure_at.or(Some(sample.ended));
            self.counts.last_failure_at = Some(sample.ended);
            self.counts.last_failure = Some(format!("{}: {}", self.name, sample.detail));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::signals::pods::tests::at;

    fn series(threshold: i32, pattern: &str) -> Series {
        let mut series =
            Series::new("answers", Duration::seconds(1), Duration::seconds(1), threshold);
        series.start_counting();
        for (second, c) in pattern.chars().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "a handful of samples")]
            let started = second as f64;
            series.push(Sample {
                started: at(started),
                ended: at(started + 0.1),
                good: c == '+',
                detail: "refused".into(),
            });
        }
        series
    }

    #[test]
    fn an_impact_lies_between_the_last_good_sample_and_the_end_of_the_first_failed_one() {
        assert_eq!(series(1, "++-").impact_since(), Some(Span::new(at(1.0), at(2.1))));
    }

    #[test]
    fn nothing_is_told_before_a_sample_of_then_has_ended_and_while_failures_are_counted() {
        let seen = series(3, "++--");
        let last = seen.last().unwrap().started;
        assert!(!seen.tells_of(last), "one more failure would be an impact");
        let seen = series(3, "++--+");
        let last = seen.last().unwrap().started;
        assert!(seen.tells_of(last) && !seen.tells_of(last + Duration::millis(1)));
        assert!(series(1, "-").tells_of(at(0.0)), "an impact is told");
    }

    #[test]
    fn too_few_failures_in_a_row_are_no_impact_and_the_impact_began_with_the_first() {
        assert_eq!(series(3, "++--").impact_since(), None);
        assert_eq!(series(3, "++---").impact_since(), Some(Span::new(at(1.0), at(2.1))));
        assert_eq!(series(3, "++--+").good_since(), Some(Span::new(at(0.0), at(0.1))));
    }

    #[test]
    fn it_is_good_again_between_the_last_failed_sample_and_the_end_of_the_first_good_one() {
        assert_eq!(series(1, "+--++").good_since(), Some(Span::new(at(2.0), at(3.1))));
    }

    #[test]
    fn every_sample_since_the_injection_is_counted() {
        let counts = series(1, "+--+-").counts().clone();
        assert_eq!((counts.total, counts.failed), (5, 3));
        assert_eq!(counts.last_failure_at, Some(at(4.1)));
        assert_eq!(counts.last_failure.as_deref(), Some("answers: refused"));
    }

    #[test]
    fn a_time_without_samples_is_a_gap() {
        let mut series = series(1, "++");
        series.push(Sample {
            started: at(20.0),
            ended: at(20.1),
            good: true,
            detail: String::new(),
        });
        let gap = Span::new(at(1.1), at(20.0));
        assert!(series.gaps(at(0.0), at(24.1)).eq([gap]));
        assert!(series.gaps(at(0.0), at(24.2)).eq([gap, Span::new(at(20.1), at(24.2))]));
    }

    /// One sample, a tenth of a second long.
    fn sample(started: f64, good: bool) -> Sample {
        Sample { started: at(started), ended: at(started + 0.1), good, detail: String::new() }
    }

    #[test]
    fn a_good_window_that_goes_on_behind_a_gap_may_have_begun_in_it() {
        let mut series = series(1, "-++");
        series.push(sample(20.0, true));
        assert_eq!(series.good_since(), Some(Span::new(at(0.0), at(20.1))));
    }

    #[test]
    fn what_an_earlier_process_saw_last_bounds_what_this_one_sees_first() {
        for (last_failure, good, expected) in [
            // It failed at 5, one second of timeout before the sample was over.
            (Some(6.0), true, Span::new(at(5.0), at(17.1))),
            // It did not fail: the last sample before 8 ended at 6 or later, and began a timeout before.
            (None, true, Span::new(at(5.0), at(17.1))),
            (None, false, Span::new(at(5.0), at(17.1))),
        ] {
            let second = Duration::seconds(1);
            let mut series = Series::new("answers", second, second, 1);
            series.continue_from(last_failure.map(at), at(8.0));
            series.push(sample(17.0, good));
            let seen = if good { series.good_since() } else { series.impact_since() };
            assert_eq!(seen, Some(expected), "{last_failure:?} {good}");
        }
    }
}
