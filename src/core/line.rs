//! In which order runs start where more want to than may be under way at once.

use std::collections::{HashMap, HashSet};

use crate::{
    api::{Duration, ExperimentRun, Moment, run::Guard},
    core::{
        cluster::{Rank, Rival},
        decide::pace,
        outcome::conditions::waited_for,
    },
};

/// A run whose turn it is and that has not begun after so long holds up nobody any more: its namespace may refuse what
/// has to be written of it, or its probes have no room.
const PATIENCE: Duration = Duration::seconds(5);

/// Those that have yet to start, whatever they wait for. Of one namespace who was created first is first; of several, whose
/// namespace has fewer before it, so that one that starts hundreds leaves room for others.
#[derive(Debug, Default)]
pub struct Line {
    under_way: usize,
    /// The runs under way and in line, by namespace.
    loads: HashMap<String, usize>,
    /// In order.
    places: Vec<Place>,
    /// How many hold up whoever comes after them all.
    all: usize,
    /// By UID, of each that has a place.
    turns: HashMap<String, Turn>,
    /// UIDs of those that were let in, as long as nobody has heard of their journal.
    entered: HashSet<String>,
}

/// How many hold up a run, and for how long it has been its turn.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    earlier: usize,
    used: Duration,
    /// As of when, where it still is.
    now: Option<Moment>,
}

impl Turn {
    /// The same at `now`, where it is or is not its turn from then on.
    fn at(self, now: Moment, goes_on: bool, earlier: usize) -> Self {
        let since = self.now.map_or(Duration::ZERO, |then| Duration::between(then, now));
        Self { earlier, used: self.used + since, now: goes_on.then_some(now) }
    }

    fn is_over(self) -> bool {
        self.used >= PATIENCE
    }
}

/// Where a run stands; the smaller, the earlier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    before_in_namespace: usize,
    created_at: Option<Moment>,
    uid: String,
    namespace: String,
    name: String,
    /// Whether it waits for nothing but its turn.
    is_in_line: bool,
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
            is_in_line: is_in_line(run),
        }
    }
}

/// Whether the run waits for its turn and for nothing else.
#[must_use]
pub fn is_in_line(run: &ExperimentRun) -> bool {
    let guard = run.status.as_ref().and_then(waited_for).map(|(guard, _)| guard);
    guard.is_some_and(|guard| guard == Guard::Concurrency.to_string()) && is_to_begin(run)
}

/// Whether the run has yet to start, and is to break something.
fn is_to_begin(run: &ExperimentRun) -> bool {
    let ends = run.metadata.deletion_timestamp.is_some() || run.spec.stop || run.spec.dry_run;
    !ends && pace::is_to_start(run)
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
            if Rival::is(run) || self.has_entered(run) {
                self.under_way += 1;
                *self.load_of(run) += 1;
            } else if is_to_begin(run) {
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
        let turns = std::mem::take(&mut self.turns);
        for place in &waiting {
            let ahead = Rank { under_way: self.under_way, earlier };
            let turn = turns.get(&place.uid).copied().unwrap_or_default();
            let turn = turn.at(now, !ahead.is_full(limit), earlier);
            self.turns.insert(place.uid.clone(), turn);
            earlier += usize::from(!turn.is_over());
        }
        (self.places, self.all) = (waiting, earlier);
    }

    fn load_of(&mut self, run: &ExperimentRun) -> &mut usize {
        self.loads.entry(run.metadata.namespace.clone().unwrap_or_default()).or_default()
    }

    /// Lets that run begin, where fewer than `limit` others are under way among `runs` or were let in.
    pub fn enter<'a>(
        &mut self,
        run: &ExperimentRun,
        runs: impl Iterator<Item = &'a ExperimentRun>,
        limit: i32,
    ) -> bool {
        let (mut entered, mut under_way) = (HashSet::new(), 0);
        for other in runs.filter(|other| other.uid() != run.uid()) {
            let has_entered = self.has_entered(other);
            if has_entered {
                entered.insert(other.uid().to_owned());
            }
            under_way += usize::from(has_entered || Rival::is(other));
        }
        self.entered = entered;
        let has_room = !Rank { under_way, earlier: 0 }.is_full(limit);
        if has_room {
            self.entered.insert(run.uid().to_owned());
        }
        has_room
    }

    /// A run does not begin after all; gives whether it was let in.
    pub fn leave(&mut self, run: &ExperimentRun) -> bool {
        self.entered.remove(run.uid())
    }

    /// Whether it was let in, and nobody has heard of its journal yet.
    fn has_entered(&self, run: &ExperimentRun) -> bool {
        self.entered.contains(run.uid()) && pace::is_to_start(run)
    }

    /// What comes before that run, whether it has a place or is new.
    #[must_use]
    pub fn ahead(&self, run: &ExperimentRun) -> Rank {
        let earlier = |uid: &str| self.turns.get(uid).map(|turn| turn.earlier);
        let earlier = earlier(run.uid()).unwrap_or_else(|| {
            let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
            let own = Place::of(run, self.loads.get(namespace).copied().unwrap_or_default());
            let next = self.places.partition_point(|place| *place < own);
            self.places.get(next).and_then(|place| earlier(&place.uid)).unwrap_or(self.all)
        });
        Rank { under_way: self.under_way, earlier }
    }

    /// Namespace and name of those that wait for their turn alone, and whose turn it is.
    pub fn called(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_called = |place: &&Place| {
            place.is_in_line && self.turns.get(&place.uid).is_some_and(|turn| turn.now.is_some())
        };
        let called = self.places.iter().filter(move |place| is_called(place));
        called.map(|place| (place.namespace.as_str(), place.name.as_str()))
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

    /// Where one may be under way, those are called then, second by second.
    fn calls(runs: &[ExperimentRun], expected: &[(f64, &[&str])]) {
        let mut line = Line::default();
        for (second, expected) in expected {
            line.order(runs.iter(), 1, at(*second));
            assert_eq!(called(&line), *expected, "{second}");
        }
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
        assert_eq!(line.ahead(&runs[0]), Rank { under_way: 1, earlier: 2 });
        let new = run("shop", "d", 4, "new");
        let behind = Rank { under_way: 1, earlier: 3 };
        assert_eq!(line.ahead(&new), behind, "who comes later waits behind them all");
        line.order(runs[..0].iter(), 3, at(0.0));
        assert_eq!(line.ahead(&new), Rank::default());
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
        calls(&runs, &[(0.0, &["a"]), (4.9, &["a"]), (5.0, &["a", "b"])]);
    }

    /// Seconds until each of those who can begin has begun, where some never do; each of them is under way for two.
    fn last_begins(seed: u64) -> (f64, usize) {
        let mut random = fastrand::Rng::with_seed(seed);
        let count = random.usize(1..50);
        let limit = random.i32(1..5);
        let mut runs: Vec<_> = (0..count)
            .map(|number| {
                let namespace = ["shop", "edge", "pay"][random.usize(0..3)];
                run(namespace, &format!("r{number}"), random.i64(0..9), "in line")
            })
            .collect();
        let never: Vec<_> =
            runs.iter().filter(|_| random.u8(0..5) == 0).map(|run| run.uid().to_owned()).collect();
        let (mut line, mut under_way, mut now) = (Line::default(), HashMap::new(), 0.0);
        let mut waiting = count - never.len();
        while waiting > 0 && now < 1000.0 {
            under_way.retain(|_, since| *since + 2.0 > now);
            runs.retain(|run| Rival::of(run).is_none() || under_way.contains_key(run.uid()));
            line.order(runs.iter(), limit, at(now));
            let called: Vec<_> = line.called().map(|(_, name)| name.to_owned()).collect();
            for begun in runs.iter_mut().filter(|run| called.iter().any(|uid| uid == run.uid())) {
                if Rival::of(begun).is_none() && !never.iter().any(|uid| uid == begun.uid()) {
                    let namespace = begun.metadata.namespace.clone().unwrap();
                    *begun = run(&namespace, begun.uid(), 0, "under way");
                    under_way.insert(begun.uid().to_owned(), now);
                    waiting -= 1;
                }
            }
            now += 1.0;
        }
        (now, count)
    }

    #[test]
    fn everybody_begins_in_time_also_where_some_never_do() {
        for seed in 0..200 {
            let (last, count) = last_begins(seed);
            // One at a time at worst: two seconds for each that begins, five for each that never does.
            let bound = f64::from(u32::try_from(count).unwrap()) * 7.0 + 1.0;
            assert!(last <= bound, "seed {seed}: {last} s for {count} runs");
        }
    }

    #[test]
    fn who_waits_for_something_else_keeps_its_place_for_as_long() {
        let runs = [run("shop", "a", 1, "new"), run("shop", "b", 2, "in line")];
        calls(&runs, &[(0.0, &[]), (4.9, &[]), (5.0, &["b"])]);
    }

    #[test]
    fn no_more_begin_than_there_is_room_for_however_many_decide_so_at_once() {
        let mut runs: Vec<_> =
            (0..4).map(|number| run("shop", &format!("r{number}"), number, "new")).collect();
        runs.push(run("edge", "u", 0, "under way"));
        let mut line = Line::default();
        let may = |line: &mut Line, runs: &[ExperimentRun], index: usize| {
            line.enter(&runs[index], runs.iter(), 3)
        };
        assert!(may(&mut line, &runs, 0) && may(&mut line, &runs, 1));
        assert!(!may(&mut line, &runs, 2), "nobody has heard of the journals of both");
        assert!(may(&mut line, &runs, 1), "it tries once more");
        line.order(runs.iter(), 3, at(0.0));
        assert!(line.ahead(&runs[3]).is_full(3), "and nothing is read for those behind them");
        runs[0] = run("shop", "r0", 0, "under way");
        assert!(!may(&mut line, &runs, 2), "one that was heard of counts once");
        assert!(line.leave(&runs[1]) && !line.leave(&runs[1]));
        assert!(may(&mut line, &runs, 2));
        runs.remove(2);
        assert!(may(&mut line, &runs, 2), "one that is gone takes no room");
    }

    #[test]
    fn who_ends_or_only_plans_is_not_in_line() {
        assert!(is_in_line(&run("shop", "a", 1, "in line")));
        assert!(!is_in_line(&run("shop", "a", 1, "new")));
        assert!(is_to_begin(&run("shop", "a", 1, "new")));
        for change in [
            |run: &mut ExperimentRun| run.spec.stop = true,
            |run: &mut ExperimentRun| run.spec.dry_run = true,
            |run: &mut ExperimentRun| {
                run.metadata.deletion_timestamp = run.metadata.creation_timestamp.clone();
            },
        ] {
            let mut ends = run("shop", "a", 1, "in line");
            change(&mut ends);
            assert!(!is_in_line(&ends) && !is_to_begin(&ends));
        }
    }
}
