//! What led up to the injection and what else happened, told from what the cluster still knows.
//!
//! Nothing is read here; `shell::leadup` brings [`Sources`]. No value of a `ConfigMap` and nothing of
//! a `Secret` is ever part of them.

mod changes;
mod events;
mod revisions;

use k8s_openapi::api::{autoscaling::v2::HorizontalPodAutoscaler, core::v1::Event};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ObjectMeta;

pub use events::{Subjects, at as event_at};
pub use revisions::{Revision, Workload};

use crate::{
    api::{
        Duration, Moment,
        debrief::TimelineEntry,
        run::{ExperimentRunStatus, FactName},
    },
    core::span::crop,
};

/// What led up to a run and what happened meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeadUp {
    /// At most [`ENTRIES_MAX`] entries in order of time.
    pub entries: Vec<TimelineEntry>,
    /// One or a few sentences: how far back this sees, and what it cannot see.
    pub horizon: String,
    /// Revision and images of the target when the fault was injected, one workload per line.
    pub target_state: Vec<String>,
}

/// How many entries a debrief keeps.
pub const ENTRIES_MAX: usize = 200;
/// How many workloads have a line of their own.
const STATES_MAX: usize = 16;
/// The schema's bound of every text.
const TEXT_MAX: usize = 512;

/// The time that a lead-up is about.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    /// What lies before is left out.
    pub since: Moment,
    /// When the fault was injected.
    pub injected: Moment,
    /// What lies after is left out.
    pub until: Moment,
}

impl Period {
    /// From 24 hours before the injection to the last fact; absent where nothing was injected.
    #[must_use]
    pub fn of(status: &ExperimentRunStatus) -> Option<Self> {
        let injected = status.fact(FactName::Injected)?.at;
        let until = status.facts.iter().map(|fact| fact.at).max()?;
        Some(Self { since: injected.minus(Duration::minutes(24 * 60)), injected, until })
    }

    /// Objects carry whole seconds: the second in which the period ends belongs to it.
    fn holds(&self, at: Moment) -> bool {
        self.since <= at && at <= self.until
    }
}

/// What was read of the cluster, as it was answered.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The workloads of the target.
    pub workloads: Vec<Workload>,
    /// Their `ReplicaSet`s and `ControllerRevision`s.
    pub revisions: Vec<Revision>,
    /// Metadata of the `ConfigMap`s that their pod templates name.
    pub config_maps: Vec<ObjectMeta>,
    /// Metadata of the Services of the target and the probes.
    pub services: Vec<ObjectMeta>,
    /// The autoscalers of the workloads.
    pub autoscalers: Vec<HorizontalPodAutoscaler>,
    /// The events about all of them.
    pub events: Vec<Event>,
    /// The oldest event of the namespace, about whatever.
    pub oldest_event: Option<Moment>,
    /// What could not be read, each with the reason.
    pub unread: Vec<String>,
}

/// Tells what led up to a run from what was read.
#[must_use]
pub fn collect(sources: &Sources, period: &Period) -> LeadUp {
    let mut entries = revisions::entries(&sources.workloads, &sources.revisions);
    entries.extend(changes::of_workloads(&sources.workloads));
    entries.extend(changes::of_config_maps(&sources.config_maps));
    entries.extend(changes::of_services(&sources.services));
    entries.extend(changes::of_autoscalers(&sources.autoscalers));
    entries.extend(sources.events.iter().filter_map(|event| events::entry(event, period.since)));
    entries.retain(|entry| period.holds(entry.at));
    let state = |workload| revisions::state(workload, &sources.revisions, period.injected);
    LeadUp {
        entries: most_relevant(entries, period.injected, ENTRIES_MAX),
        horizon: horizon(sources, period),
        target_state: sources.workloads.iter().take(STATES_MAX).map(state).collect(),
    }
}

/// The `max` entries that say most, in order of time: changes before events, those out of the
/// ordinary before the routine of every pod, near before far.
#[must_use]
pub fn most_relevant(
    mut entries: Vec<TimelineEntry>,
    injected: Moment,
    max: usize,
) -> Vec<TimelineEntry> {
    let distance = |at| Duration::between(at, injected).max(Duration::between(injected, at));
    entries.sort_by_key(|entry| (entry.kind == kind::EVENT, is_routine(entry), distance(entry.at)));
    entries.truncate(max);
    entries.sort_by(|a, b| (a.at, &a.source, &a.text).cmp(&(b.at, &b.source, &b.text)));
    entries
}

/// Whether it is an event of the kind that every pod has in its life.
#[must_use]
pub fn is_routine(entry: &TimelineEntry) -> bool {
    const ROUTINE: [&str; 8] = [
        "Scheduled:",
        "Pulling:",
        "Pulled:",
        "Created:",
        "Started:",
        "Killing:",
        "SuccessfulCreate:",
        "SuccessfulDelete:",
    ];
    entry.kind == kind::EVENT && ROUTINE.iter().any(|reason| entry.text.starts_with(reason))
}

/// The kinds of timeline entries.
pub mod kind {
    /// A new revision of a workload.
    pub const ROLLOUT: &str = "rollout";
    /// A change of a `ConfigMap`, a Service or of a workload's other fields.
    pub const CONFIG: &str = "config";
    /// A change of the number of replicas.
    pub const SCALE: &str = "scale";
    /// A Kubernetes event.
    pub const EVENT: &str = "event";
}

fn entry(at: Moment, kind: &str, source: &str, text: String) -> TimelineEntry {
    TimelineEntry {
        at,
        kind: kind.to_owned(),
        source: crop(source.to_owned(), 320),
        text: crop(text, TEXT_MAX),
    }
}

fn moment(time: &Time) -> Moment {
    Moment::new(time.0)
}

fn horizon(sources: &Sources, period: &Period) -> String {
    let day = |at: Moment| at.timestamp().strftime("%d %b %H:%M:%S").to_string();
    let span = Duration::between(period.since, period.injected);
    let events = match sources.oldest_event {
        Some(at) => format!("the oldest one seen here is from {}", day(at)),
        None => "none was left to see".to_owned(),
    };
    let mut sentences = vec![
        format!("This looks back {span}, to {}.", day(period.since)),
        format!("Kubernetes keeps events for about an hour unless it is set otherwise; {events}."),
        "Of each tool only its last write to an object is known, of scaling only what events tell; changes \
         of Secrets, of nodes and of objects that are gone by now are not seen."
            .to_owned(),
    ];
    if !sources.unread.is_empty() {
        sentences.insert(2, format!("Could not be read: {}.", shorten(&sources.unread)));
    }
    crop(sentences.join(" "), TEXT_MAX)
}

/// The first few of a list, and how many more there are.
fn shorten(items: &[String]) -> String {
    const SHOWN: usize = 3;
    let (shown, rest) = items.split_at(items.len().min(SHOWN));
    match rest.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
