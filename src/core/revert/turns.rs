//! Whose turn it is: in which order, and how often, the reaper goes to the objects that need it.
//!
//! Whoever may edit a namespace can make as many marked objects in it as he likes, and such that no revert of
//! them is ever accepted. So namespaces take turns, each has so many per list and half of the hands; and
//! what was refused is tried ever more rarely, until it changes.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
};

use super::reaping::{Need, Runs};
use crate::{
    api::{Duration, Moment, mark::Mark},
    faults::{Kind, Object},
};

/// Time from one list of the marked objects to the next.
pub const SWEEP_EVERY: Duration = Duration::seconds(10);
/// How many objects are gone to side by side.
pub const HANDS: usize = 8;
/// How many of them are in one namespace.
const HANDS_IN_ONE: usize = HANDS / 2;
/// How many objects of one kind a namespace has a turn for from one list to the next: five requests a second
/// at the most for what is refused, and far more faults than a namespace ever has at once.
const TURNS: usize = 50;
/// The pause before something is looked at again that its controllers are still at; each further one is twice
/// as long.
const FIRST_LOOK: Duration = Duration::seconds(1);
/// The same for what was refused.
const FIRST_RETRY: Duration = Duration::seconds(10);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::minutes(5);

/// A marked object as a list shows it, and what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its version.
    pub version: String,
    /// Its mark, whatever that says.
    pub label: String,
    /// What it needs.
    pub need: Need,
}

impl Sighting {
    /// The object with what it needs.
    #[must_use]
    pub fn of(object: &Object, need: Need) -> Self {
        Self {
            kind: object.kind,
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
            uid: object.uid().to_owned(),
            version: object.resource_version().to_owned(),
            label: object.label().unwrap_or_default().to_owned(),
            need,
        }
    }

    /// The same object once its fault was ended.
    #[must_use]
    pub fn revoked(self) -> Self {
        let mark = self.label.parse::<Mark>();
        let label = mark.map_or(self.label, |mark| mark.revocation().to_string());
        Self { label, need: Need::Tidy, ..self }
    }

    fn is_urgent(&self) -> bool {
        matches!(self.need, Need::End | Need::EndLost)
    }
}

/// What came of going to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Its fault is ended; what that left behind comes next.
    Ended,
    /// Nothing is left to do as long as its mark stays.
    Done,
    /// Somebody else is at it; it is to be looked at again soon.
    Soon,
    /// It is not there any more, or not as it was listed; the next list tells.
    Elsewhere,
    /// It was refused.
    Refused,
    /// Nobody answered, which is no reason to wait any longer the next time.
    Unanswered,
}

/// What is remembered of an object that was gone to, as long as it needs the same.
#[derive(Debug)]
struct Known {
    kind: Kind,
    label: String,
    need: Need,
    version: String,
    /// How often in vain.
    times: u32,
    /// When it is gone to again; absent where nothing is left to do.
    next: Option<Moment>,
    /// The last list that showed it.
    list: u64,
}

/// The objects that need the reaper, and whose turn it is.
#[derive(Debug, Default)]
pub struct Turns {
    /// Number of the list under way.
    list: u64,
    /// By namespace, what the list under way has shown.
    listed: BTreeMap<String, Vec<Sighting>>,
    /// By namespace, what waits for its turn, the most urgent first.
    waiting: BTreeMap<String, Vec<Sighting>>,
    /// By UID, the namespaces of the objects that somebody is at.
    busy: BTreeMap<String, String>,
    /// The namespace that had the last turn.
    last: String,
    /// By UID, what was gone to.
    known: BTreeMap<String, Known>,
}

impl Turns {
    /// A list of one kind begins.
    pub fn begin(&mut self) {
        self.list += 1;
        self.listed.clear();
    }

    /// The list shows this.
    pub fn see(&mut self, sighting: Sighting, now: Moment) {
        if let Some(known) = self.known.get_mut(&sighting.uid) {
            known.list = self.list;
            if (&known.label, known.need) != (&sighting.label, sighting.need) {
                self.known.remove(&sighting.uid);
            } else if let Some(next) = known.next {
                if known.version != sighting.version {
                    known.version.clone_from(&sighting.version);
                    (known.times, known.next) = (0, Some(now));
                } else if next > now + SWEEP_EVERY {
                    return;
                }
            } else {
                return;
            }
        }
        if self.busy.contains_key(&sighting.uid) {
            return;
        }
        let listed = self.listed.entry(sighting.namespace.clone()).or_default();
        listed.push(sighting);
        if listed.len() >= 2 * TURNS {
            shorten(listed, &self.known);
        }
    }

    /// Whether the list shows a fault that is due only because its run is not known. The run may have begun
    /// after the runs were listed, so they must be listed once more.
    #[must_use]
    pub fn any_lost(&self) -> bool {
        self.listed.values().flatten().any(|sighting| sighting.need == Need::EndLost)
    }

    /// The list of that kind was read to its end, and there were these `runs` then.
    pub fn close(&mut self, kind: Kind, runs: &Runs) {
        let Self { list, listed, waiting, busy, known, .. } = self;
        known.retain(|uid, known| {
            known.kind != kind || known.list == *list || busy.contains_key(uid)
        });
        for of_namespace in waiting.values_mut() {
            of_namespace.retain(|sighting| sighting.kind != kind);
        }
        for (namespace, mut sightings) in std::mem::take(listed) {
            sightings.retain(|sighting| sighting.need != Need::EndLost || has_lost(sighting, runs));
            shorten(&mut sightings, known);
            let of_namespace = waiting.entry(namespace).or_default();
            of_namespace.append(&mut sightings);
            of_namespace.sort_by_key(|sighting| order(sighting, known));
        }
        waiting.retain(|_, sightings| !sightings.is_empty());
    }

    /// The next one that somebody is to go to, if there is one and a hand is free.
    pub fn next(&mut self, now: Moment) -> Option<Sighting> {
        if self.busy.len() >= HANDS {
            return None;
        }
        let after = (Excluded(self.last.as_str()), Unbounded);
        let round = self.waiting.range::<str, _>(after).chain(&self.waiting);
        let is_next = |sighting: &Sighting| {
            let known = self.known.get(&sighting.uid);
            known.is_none_or(|known| known.next.is_some_and(|next| next <= now))
        };
        let (namespace, index) = round
            .filter(|(namespace, _)| {
                self.busy.values().filter(|busy| busy == namespace).count() < HANDS_IN_ONE
            })
            .find_map(|(namespace, sightings)| {
                Some((namespace.clone(), sightings.iter().position(is_next)?))
            })?;
        let sighting = self.waiting.get_mut(&namespace)?.remove(index);
        self.busy.insert(sighting.uid.clone(), namespace.clone());
        self.last = namespace;
        Some(sighting)
    }

    /// What came of going to this one; says after which pause it is gone to again.
    pub fn done(&mut self, sighting: Sighting, after: After, now: Moment) -> Option<Duration> {
        self.busy.remove(&sighting.uid);
        let sighting = if after == After::Ended { sighting.revoked() } else { sighting };
        let known = self.known.get(&sighting.uid);
        let same = known
            .filter(|known| (&known.label, known.need) == (&sighting.label, sighting.need))
            .map_or(0, |known| known.times);
        let (times, pause) = match after {
            After::Ended => (0, Some(Duration::ZERO)),
            After::Done => (0, None),
            After::Soon | After::Elsewhere => (same + 1, Some(pause(FIRST_LOOK, same))),
            After::Refused => (same + 1, Some(pause(FIRST_RETRY, same))),
            After::Unanswered => (same, Some(FIRST_RETRY)),
        };
        let known = Known {
            kind: sighting.kind,
            label: sighting.label.clone(),
            need: sighting.need,
            version: sighting.version.clone(),
            times,
            next: pause.map(|pause| now + pause),
            list: self.list,
        };
        self.known.insert(sighting.uid.clone(), known);
        // What is not there waits for the next list, not for its turn.
        if pause.is_some() && after != After::Elsewhere {
            self.waiting.entry(sighting.namespace.clone()).or_default().push(sighting);
        }
        pause
    }
}

/// Keeps those for which there is a turn, in their order.
fn shorten(sightings: &mut Vec<Sighting>, known: &BTreeMap<String, Known>) {
    sightings.sort_by_key(|sighting| order(sighting, known));
    sightings.truncate(TURNS);
}

/// Faults come before what they leave, and what was never refused before what was.
fn order(sighting: &Sighting, known: &BTreeMap<String, Known>) -> (bool, u32) {
    (!sighting.is_urgent(), known.get(&sighting.uid).map_or(0, |known| known.times))
}

fn has_lost(sighting: &Sighting, runs: &Runs) -> bool {
    sighting.label.parse::<Mark>().is_ok_and(|mark| runs.lack(&mark.run))
}

fn pause(first: Duration, times: u32) -> Duration {
    let seconds = first.std().as_secs().saturating_mul(1 << times.min(30));
    Duration::seconds(seconds).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests;
