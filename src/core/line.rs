//! In which order runs start where more want to than may be under way at once.

use std::collections::HashMap;

use crate::{
    api::{Duration, ExperimentRun, Moment, run::Guard},
    core::{
        cluster::{Ahead, Rival},
        outcome::conditions::waited_for,
        stage::{self, Stage},
    },
};

/// A run whose turn it is and that has not begun after so long holds up nobody any more: its namespace may refuse what
/// has to be written of it, or its probes have no room.
const PATIENCE: Duration = Duration::seconds(5);

/// Those that wait for their turn. Of one namespace who was created first is first; of several, whose namespace has
/// fewer before it, so that one that starts hundreds leaves room for others.
#[derive(Debug, Default)]
pub struct Line {
    under_way: usize,
    /// The runs under way and in line, by namespace.
    loads: HashMap<String, usize>,
    /// In order, with how many before hold it up.
    places: Vec<(Place, usize)>,
    /// How many hold up whoever comes after them all.
    all: usize,
    /// Since when it is the turn of a run, by UID.
    called: HashMap<String, Moment>,
}

/// Where a run stands; the smaller, the earlier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    before_in_namespace: usize,
    created_at: Option<Moment>,
    uid: String,
    namespace: String,
    name: String,
}

impl Place {
    fn of(run: &ExperimentRun, before_in_namespace: usize) -> Self {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let created_at = run.metadata.creation_timestamp.as_ref();
        Self {
            before_in_namespace,
            created_at: created_at.map(|time| Moment::new(time.0)),
            uid: run.uid().to_owned(),
            namespace: text(&run.metadata.namespace),
            name: text(&run.metadata.name),
        }
    }
}

/// Whether the run waits for its turn and for nothing else.
#[must_use]
pub fn is_in_line(run: &ExperimentRun) -> bool {
    let ends = run.metadata.deletion_timestamp.is_some() || run.spec.stop || run.spec.dry_run;
    let guard = run.status.as_ref().and_then(waited_for).map(|(guard, _)| guard);
    let waits = guard.is_some_and(|guard| guard == Guard::Concurrency.to_string());
    waits && !ends && stage::of_run(run) == Stage::Waiting
}

impl Line {
    /// Orders the runs anew, where `limit` may be under way at once.
    pub fn order<'a>(
        &mut self,
        runs: impl Iterator<Item = &'a ExperimentRun>,
        limit: i32,
        now: Moment,
    ) {
        (self.under_way, self.loads) = (0, HashMap::new());
        let mut waiting: Vec<Place> = Vec::new();
        for run in runs {
            if Rival::of(run).is_some() {
                self.under_way += 1;
                *self.load_of(run) += 1;
            } else if is_in_line(run) {
                waiting.push(Place::of(run, 0));
            }
        }
        waiting.sort_unstable();
        for place in &mut waiting {
            let load = self.loads.entry(place.namespace.clone()).or_default();
            place.before_in_namespace = *load;
            *load += 1;
        }
        waiting.sort_unstable();
        let mut earlier = 0;
        let called = std::mem::take(&mut self.called);
        self.places.clear();
        for place in waiting {
            let ahead = Ahead { under_way: self.under_way, earlier };
            let since = called.get(&place.uid).copied();
            if !ahead.is_full(limit) {
                self.called.insert(place.uid.clone(), since.unwrap_or(now));
            }
            self.places.push((place, earlier));
            let is_stuck = since.is_some_and(|since| Duration::between(since, now) >= PATIENCE);
            earlier += usize::from(!is_stuck);
        }
        self.all = earlier;
    }

    fn load_of(&mut self, run: &ExperimentRun) -> &mut usize {
        self.loads.entry(run.metadata.namespace.clone().unwrap_or_default()).or_default()
    }

    /// What comes before that run, whether it is in line or new.
    #[must_use]
    pub fn ahead(&self, run: &ExperimentRun) -> Ahead {
        let known = self.places.iter().find(|(place, _)| place.uid == run.uid());
        let earlier = if let Some((_, earlier)) = known {
            *earlier
        } else {
            let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
            let own = Place::of(run, self.loads.get(namespace).copied().unwrap_or_default());
            let next = self.places.partition_point(|(place, _)| *place < own);
            self.places.get(next).map_or(self.all, |(_, earlier)| *earlier)
        };
        Ahead { under_way: self.under_way, earlier }
    }

    /// Namespace and name of those whose turn it is.
    pub fn called(&self) -> impl Iterator<Item = (&str, &str)> {
        let called = self.places.iter().filter(|(place, _)| self.called.contains_key(&place.uid));
        called.map(|(place, _)| (place.namespace.as_str(), place.name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::signals::pods::tests::at;

    /// A run of that namespace, created then: under way, in line, or new.
    fn run(namespace: &str, name: &str, second: i64, is: &str) -> ExperimentRun {
        let facts = |names: &[&str]| -> Vec<_> {
            let fact =
                |name| json!({"name": name, "at": at(0.0), "notBefore": at(0.0), "source": "x"});
            names.iter().map(fact).collect()
        };
        let status = match is {
            "under way" => json!({"facts": facts(&["accepted", "journaled"]), "plan": {}}),
            "in line" => json!({"facts": facts(&["accepted"]), "conditions": [{
                "type": "Injected", "status": "False", "reason": "Concurrency", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z"}]}),
            _ => json!({}),
        };
        let created = jiff::Timestamp::from_second(1_800_000_000 + second).unwrap().to_string();
        serde_json::from_value(json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun",
            "metadata": {"namespace": namespace, "name": name, "uid": name, "creationTimestamp": created},
            "spec": {"experiment": "x"}, "status": status,
        }))
        .unwrap()
    }

    fn called(line: &Line) -> Vec<&str> {
        line.called().map(|(_, name)| name).collect()
    }

    #[test]
    fn of_one_namespace_who_was_created_first_is_first_and_no_more_than_there_is_room_for() {
        let runs = [
            run("shop", "c", 3, "in line"),
            run("shop", "a", 1, "in line"),
            run("shop", "b", 2, "in line"),
            run("shop", "u", 0, "under way"),
        ];
        let mut line = Line::default();
        line.order(runs.iter(), 3, at(0.0));
        assert_eq!(called(&line), ["a", "b"]);
        let full: Vec<_> = runs.iter().map(|run| line.ahead(run).is_full(3)).collect();
        assert_eq!(full[..3], [true, false, false]);
        assert_eq!(line.ahead(&runs[0]), Ahead { under_way: 1, earlier: 2 });
        let new = run("shop", "d", 4, "new");
        let behind = Ahead { under_way: 1, earlier: 3 };
        assert_eq!(line.ahead(&new), behind, "who comes later waits behind them all");
        line.order(runs[..0].iter(), 3, at(0.0));
        assert_eq!(line.ahead(&new), Ahead::default());
        assert_eq!(called(&line), <[&str; 0]>::default());
    }

    #[test]
    fn a_namespace_that_starts_many_leaves_room_for_others() {
        let mut runs: Vec<_> =
            (0..9).map(|number| run("shop", &format!("s{number}"), number, "in line")).collect();
        runs.push(run("edge", "e", 99, "in line"));
        let mut line = Line::default();
        line.order(runs.iter(), 2, at(0.0));
        assert_eq!(called(&line), ["s0", "e"]);
        runs.push(run("shop", "u", 0, "under way"));
        line.order(runs.iter(), 2, at(0.0));
        assert_eq!(called(&line), ["e"]);
    }

    #[test]
    fn who_does_not_begin_when_it_is_its_turn_holds_up_the_others_for_five_seconds() {
        let runs = [run("shop", "a", 1, "in line"), run("shop", "b", 2, "in line")];
        let mut line = Line::default();
        for (second, expected) in [(0.0, &["a"][..]), (4.9, &["a"]), (5.0, &["a", "b"])] {
            line.order(runs.iter(), 1, at(second));
            assert_eq!(called(&line), expected, "{second}");
        }
    }

    #[test]
    fn who_ends_or_only_plans_is_not_in_line() {
        assert!(is_in_line(&run("shop", "a", 1, "in line")));
        assert!(!is_in_line(&run("shop", "a", 1, "new")));
        for change in [
            |run: &mut ExperimentRun| run.spec.stop = true,
            |run: &mut ExperimentRun| run.spec.dry_run = true,
            |run: &mut ExperimentRun| {
                run.metadata.deletion_timestamp = run.metadata.creation_timestamp.clone();
            },
        ] {
            let mut ends = run("shop", "a", 1, "in line");
            change(&mut ends);
            assert!(!is_in_line(&ends));
        }
    }
}
