//! The target's pods: which are ready, since when, and what it cost that some were not.

use std::collections::BTreeMap;

use crate::{
    api::{Duration, Moment, run::Victim},
    core::span::Span,
};

/// One pod as the API server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
    /// The node that it runs on.
    pub node: Option<String>,
    /// Whether its `Ready` condition is true and it is not ending.
    pub ready: bool,
    /// The whole second in which it became ready, by the clock of its node.
    pub ready_since: Option<Moment>,
    /// Whether it has been asked to end, or has ended.
    pub ending: bool,
    /// When it was created.
    pub created_at: Option<Moment>,
    /// UID, kind and name of its controller.
    pub owner: Option<(String, String, String)>,
    /// Its labels, by which disruption budgets find it.
    pub labels: BTreeMap<String, String>,
}

impl Pod {
    /// The revision of the template that it was made from, by its labels.
    #[must_use]
    pub fn revision(&self) -> Option<&String> {
        let labels = ["pod-template-hash", "controller-revision-hash"];
        labels.into_iter().find_map(|label| self.labels.get(label))
    }

    /// The pod as a victim of `round`.
    #[must_use]
    pub fn victim(&self, round: i32) -> Victim {
        Victim {
            kind: "Pod".to_owned(),
            name: self.name.clone(),
            uid: self.uid.clone(),
            resource_version: self.resource_version.clone(),
            node: self.node.clone(),
            ready: self.ready,
            created_at: self.created_at,
            round,
        }
    }
}

/// The pods over time, from a watch.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    pods: BTreeMap<String, Pod>,
    gone: BTreeMap<String, Span>,
    vanished: BTreeMap<String, Moment>,
    desired: Option<usize>,
    /// Revisions that the pods may have without a rollout; empty where that does not matter.
    revisions: Vec<String>,
    newcomer: Option<Span>,
    missing: usize,
    missing_micros: u128,
    whole_since: Option<Span>,
    broken_since: Option<Moment>,
    updated_at: Option<Moment>,
    /// Before this, where this process has seen nothing, it was not whole.
    not_whole_before: Option<Moment>,
}

impl Tracker {
    /// Replaces everything, after a list.
    pub fn reset(&mut self, pods: impl IntoIterator<Item = Pod>, now: Moment) {
        let mut old = std::mem::take(&mut self.pods);
        for pod in pods {
            old.remove(&pod.uid);
            self.take(pod, now);
        }
        for uid in old.keys() {
            self.vanish(uid, now);
        }
        self.settle(now);
    }

    /// Takes up one pod that was added or changed.
    pub fn apply(&mut self, pod: Pod, now: Moment) {
        self.take(pod, now);
        self.settle(now);
    }

    /// Takes one pod away.
    pub fn remove(&mut self, uid: &str, now: Moment) {
        self.pods.remove(uid);
        self.vanish(uid, now);
        self.settle(now);
    }

    /// Sets how many pods there should be, and counts what is missing from `now` on; once.
    pub fn expect(&mut self, desired: usize, now: Moment) {
        if self.desired.is_none() {
            self.desired = Some(desired);
            // Before the first list nothing is missing; nobody has looked yet.
            if self.updated_at.is_some() {
                self.settle(now);
            }
        }
    }

    /// Continues a run that was `injected` while another process looked: pods that are whole at the first look
    /// may have been so ever since.
    pub const fn continue_from(&mut self, injected: Moment) {
        self.not_whole_before = Some(injected);
    }

    /// Sets the revisions that the pods have before a rollout; from then on a pod of another one that is
    /// not ending is a newcomer, and the target is whole only when no pod at all is unready.
    pub fn know(&mut self, revisions: &[String]) {
        self.revisions = revisions.to_vec();
    }

    /// When the first pod of another revision was seen.
    #[must_use]
    pub const fn newcomer(&self) -> Option<Span> {
        self.newcomer
    }

    /// How many pods are ready.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.pods.values().filter(|pod| pod.ready).count()
    }

    /// Since when every desired pod has been ready without a break.
    #[must_use]
    pub const fn whole_since(&self) -> Option<Span> {
        self.whole_since
    }

    /// Since when some desired pod has not been ready, without a break.
    #[must_use]
    pub const fn broken_since(&self) -> Option<Moment> {
        self.broken_since
    }

    /// When the first of `victims` was seen to end.
    #[must_use]
    pub fn first_gone(&self, victims: &[Victim]) -> Option<Span> {
        let gone = victims.iter().filter_map(|victim| self.gone.get(&victim.uid));
        gone.min_by_key(|span| span.at).copied()
    }

    /// Whether that pod is there and not ending.
    #[must_use]
    pub fn is_alive(&self, uid: &str) -> bool {
        self.pods.get(uid).is_some_and(|pod| !pod.ending)
    }

    /// Whether that pod was seen to end.
    #[must_use]
    pub fn is_gone(&self, uid: &str) -> bool {
        self.gone.contains_key(uid)
    }

    /// Whether that pod is there, even if it is ending.
    #[must_use]
    pub fn is_there(&self, uid: &str) -> bool {
        self.pods.contains_key(uid)
    }

    /// When the last of those `victims` that were seen to vanish did so.
    #[must_use]
    pub fn last_vanished(&self, victims: &[Victim]) -> Option<Moment> {
        victims.iter().filter_map(|victim| self.vanished.get(&victim.uid)).max().copied()
    }

    /// Seconds during which a desired pod was not ready, added up over the pods, until `now`.
    #[must_use]
    pub fn unavailable_pod_seconds(&self, now: Moment) -> f64 {
        let micros = self.missing_micros + self.missing_until(now);
        #[expect(clippy::cast_precision_loss, reason = "the microseconds of days fit")]
        let millis = (micros / 1_000) as f64;
        millis / 1e3
    }

    fn take(&mut self, pod: Pod, now: Moment) {
        if pod.ending {
            self.leave(&pod.uid, now);
        }
        if !self.revisions.is_empty()
            && !pod.ending
            && !pod.revision().is_some_and(|own| self.revisions.contains(own))
        {
            let known_absent = self.updated_at.unwrap_or(now);
            self.newcomer.get_or_insert_with(|| Span::new(known_absent, now));
        }
        self.pods.insert(pod.uid.clone(), pod);
    }

    fn vanish(&mut self, uid: &str, now: Moment) {
        self.leave(uid, now);
        self.vanished.insert(uid.to_owned(), now);
    }

    fn leave(&mut self, uid: &str, now: Moment) {
        let known_alive = self.updated_at.unwrap_or(now);
        self.gone.entry(uid.to_owned()).or_insert_with(|| Span::new(known_alive, now));
    }

    fn missing_until(&self, now: Moment) -> u128 {
        let time = self.updated_at.map_or(Duration::ZERO, |since| Duration::between(since, now));
        self.missing as u128 * time.std().as_micros()
    }

    fn settle(&mut self, now: Moment) {
        self.missing_micros += self.missing_until(now);
        self.missing = self.desired.map_or(0, |desired| desired.saturating_sub(self.ready()));
        let unready = |pod: &Pod| !pod.ready && !pod.ending;
        let unsettled = !self.revisions.is_empty() && self.pods.values().any(unready);
        self.whole_since = match (self.desired, self.missing) {
            (Some(_), 0) if !unsettled => self.whole_since.or_else(|| Some(self.became_whole(now))),
            _ => None,
        };
        let broken = self.desired.is_some() && self.whole_since.is_none();
        self.broken_since = broken.then(|| self.broken_since.unwrap_or(now));
        self.updated_at = Some(now);
    }

    /// The last pod became ready after the last observation without it, and in the second that its
    /// node wrote down.
    fn became_whole(&self, now: Moment) -> Span {
        let stamped =
            self.pods.values().filter(|pod| pod.ready).filter_map(|pod| pod.ready_since).max();
        let known = self.updated_at.or(self.not_whole_before);
        Span::new(known.max(stamped).unwrap_or(now), now)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::core::cluster::{ClusterState, tests::healthy};

    pub fn at(seconds: f64) -> Moment {
        Moment::from_unix_seconds(1_800_000_000.0 + seconds).unwrap()
    }

    pub fn pod(number: u32, ready: bool) -> Pod {
        Pod {
            name: format!("pod-{number}"),
            uid: format!("uid-{number}"),
            resource_version: "1".into(),
            node: Some("n1".into()),
            ready,
            ready_since: None,
            ending: false,
            created_at: Some(at(f64::from(number) - 1000.0)),
            owner: None,
            labels: BTreeMap::new(),
        }
    }

    #[test]
    fn missing_pods_cost_pod_seconds_until_they_are_back() {
        let mut tracker = Tracker::default();
        tracker.reset([pod(0, true), pod(1, true)], at(0.0));
        tracker.expect(2, at(0.0));
        tracker.remove("uid-0", at(1.0));
        tracker.remove("uid-1", at(2.0));
        tracker.apply(pod(2, true), at(4.0));
        tracker.apply(pod(3, true), at(5.0));
        assert!((tracker.unavailable_pod_seconds(at(9.0)) - 6.0).abs() < 1e-9);
        assert_eq!(tracker.whole_since(), Some(Span::new(at(4.0), at(5.0))));
        assert_eq!(tracker.broken_since(), None);
    }

    #[test]
    fn a_pod_that_is_ending_is_not_ready_and_counts_as_gone() {
        let mut tracker = Tracker::default();
        tracker.reset([pod(0, true)], at(0.0));
        tracker.expect(1, at(0.0));
        tracker.apply(Pod { ready: false, ending: true, ..pod(0, false) }, at(3.0));
        assert_eq!(
            tracker.first_gone(&[pod(0, true).victim(1)]),
            Some(Span::new(at(0.0), at(3.0)))
        );
        assert_eq!(tracker.whole_since(), None);
    }

    #[test]
    fn the_second_that_the_node_wrote_down_narrows_the_instant() {
        let mut tracker = Tracker::default();
        tracker.reset([], at(0.0));
        tracker.expect(1, at(0.0));
        tracker.apply(Pod { ready_since: Some(at(8.0)), ..pod(0, true) }, at(8.4));
        assert_eq!(tracker.whole_since(), Some(Span::new(at(8.0), at(8.4))));
    }

    #[test]
    fn pods_that_are_whole_at_the_first_look_after_an_absence_became_so_since_the_injection() {
        for (stamped, expected) in [(None, 2.0), (Some(7.0), 7.0)] {
            let mut tracker = Tracker::default();
            tracker.continue_from(at(2.0));
            tracker.expect(1, at(16.0));
            tracker.reset([Pod { ready_since: stamped.map(at), ..pod(0, true) }], at(16.1));
            assert_eq!(tracker.whole_since(), Some(Span::new(at(expected), at(16.1))));
            assert!(tracker.unavailable_pod_seconds(at(17.0)).abs() < 1e-9);
        }
    }

    #[test]
    fn only_what_comes_from_the_new_template_is_a_newcomer_not_what_an_earlier_one_has_left() {
        let of = |revision: &str, number, ready| {
            let labels = BTreeMap::from([("pod-template-hash".to_owned(), revision.to_owned())]);
            Pod { labels, ..pod(number, ready) }
        };
        let left = Pod { ending: true, ..of("broken", 1, false) };
        let cluster = ClusterState { pods: vec![of("good", 0, true), left.clone()], ..healthy() };
        assert_eq!(cluster.revisions(), ["good"]);
        let mut tracker = Tracker::default();
        tracker.reset(cluster.pods.clone(), at(0.0));
        tracker.know(&cluster.revisions());
        tracker.apply(left, at(1.0));
        assert_eq!(tracker.newcomer(), None);
        tracker.apply(of("broken", 2, false), at(2.0));
        assert_eq!(tracker.newcomer(), Some(Span::new(at(1.0), at(2.0))));
    }
}
