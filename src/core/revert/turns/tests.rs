use std::collections::BTreeSet;

use super::*;
use crate::core::signals::pods::tests::at;

const ARMED: &str = "run.1.armed";

fn sighting(namespace: &str, number: usize, need: Need) -> Sighting {
    let name = format!("{namespace}-{number}");
    let label = if need == Need::Tidy { "run.1.revoked" } else { ARMED };
    Sighting {
        kind: Kind::NetworkPolicy,
        namespace: namespace.to_owned(),
        uid: name.clone(),
        name,
        version: "1".to_owned(),
        label: label.to_owned(),
        need,
    }
}

fn faults(namespace: &str, count: usize) -> Vec<Sighting> {
    (0..count).map(|number| sighting(namespace, number, Need::End)).collect()
}

impl Turns {
    fn lists(&mut self, sightings: &[Sighting], seconds: f64) {
        self.begin();
        for sighting in sightings {
            self.see(sighting.clone(), at(seconds));
        }
        self.close(Kind::NetworkPolicy, &Runs::Unknown);
    }

    /// Everything for which there is a turn now, each of which ends as `after`.
    fn work(&mut self, after: After, seconds: f64) -> Vec<String> {
        let mut done = Vec::new();
        while let Some(sighting) = self.next(at(seconds)) {
            done.push(sighting.name.clone());
            self.done(sighting, after, at(seconds));
        }
        done
    }
}

#[test]
fn namespaces_take_turns_however_many_objects_one_has() {
    let mut turns = Turns::default();
    turns.lists(&[faults("a", 1500), faults("b", 2), faults("c", 1)].concat(), 0.0);
    let done = turns.work(After::Refused, 0.0);
    assert_eq!(done[..6], ["a-0", "b-0", "c-0", "a-1", "b-1", "a-2"]);
}

#[test]
fn one_namespace_holds_half_of_the_hands() {
    let mut turns = Turns::default();
    turns.lists(&faults("a", 9), 0.0);
    let hold = |turns: &mut Turns| std::iter::from_fn(|| turns.next(at(0.0))).count();
    assert_eq!(hold(&mut turns), HANDS_IN_ONE);
    turns.lists(&[faults("a", 9), faults("b", 3), faults("c", 9)].concat(), 0.0);
    assert_eq!(hold(&mut turns), HANDS - HANDS_IN_ONE);
    assert_eq!(turns.busy.values().filter(|namespace| *namespace == "b").count(), 2);
}

#[test]
fn what_is_refused_is_tried_by_and_by_and_what_is_new_comes_first() {
    let mut turns = Turns::default();
    let mut hostile = faults("a", 120);
    turns.lists(&hostile, 0.0);
    let first = turns.work(After::Refused, 0.0);
    assert_eq!(first.len(), TURNS);
    turns.lists(&hostile, 10.0);
    let second = turns.work(After::Refused, 10.0);
    assert_eq!(second.len(), TURNS);
    assert!(second.iter().all(|name| !first.contains(name)));
    let new = Sighting { name: "new".into(), uid: "new".into(), ..sighting("a", 0, Need::End) };
    hostile.push(new);
    hostile.insert(0, sighting("a", 999, Need::Tidy));
    turns.lists(&hostile, 20.0);
    let third = turns.work(After::Refused, 20.0);
    assert!(third[..21].contains(&"new".to_owned()), "{third:?}");
    assert!(!third[..21].iter().any(|name| first.contains(name)), "{third:?}");
    assert!(!third[..40].contains(&"a-999".to_owned()), "{third:?}");
}

#[test]
fn each_pause_is_twice_as_long_up_to_a_bound() {
    for (after, expected) in [
        (After::Refused, &[10, 20, 40, 80, 160, 300, 300][..]),
        (After::Unanswered, &[10, 10, 10, 10, 10, 10, 10]),
        (After::Soon, &[1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]),
    ] {
        let mut turns = Turns::default();
        let mut now = at(0.0);
        turns.lists(&faults("a", 1), 0.0);
        for seconds in expected {
            let due = turns.next(now).expect("it is due");
            let pause = Duration::seconds(*seconds);
            assert_eq!(turns.done(due, after, now), Some(pause));
            now = now + pause;
            assert_eq!(turns.next(now.minus(Duration::millis(1))), None, "not before");
        }
    }
}

#[test]
fn a_change_makes_what_was_refused_due_at_once() {
    let mut turns = Turns::default();
    let mut one = faults("a", 1);
    turns.lists(&one, 0.0);
    turns.work(After::Refused, 0.0);
    turns.lists(&one, 5.0);
    assert_eq!(turns.work(After::Refused, 5.0).len(), 0);
    one[0].version = "2".to_owned();
    turns.lists(&one, 6.0);
    assert_eq!(turns.work(After::Refused, 6.0).len(), 1);
    turns.lists(&one, 17.0);
    assert_eq!(turns.work(After::Refused, 17.0).len(), 1, "its pauses begin anew");
}

#[test]
fn what_is_done_rests_until_its_mark_or_its_need_is_another() {
    let mut turns = Turns::default();
    let mut one = [sighting("a", 0, Need::Tidy)];
    let due = |turns: &mut Turns, one: &[Sighting]| {
        turns.lists(one, 0.0);
        turns.work(After::Done, 0.0).len()
    };
    assert_eq!(due(&mut turns, &one), 1);
    one[0].version = "2".to_owned();
    assert_eq!(due(&mut turns, &one), 0);
    one[0].need = Need::Bury;
    assert_eq!(due(&mut turns, &one), 1);
    one[0].label = "other.1.revoked".to_owned();
    assert_eq!(due(&mut turns, &one), 1);
}

#[test]
fn what_is_gone_is_forgotten_and_what_was_not_listed_is_not() {
    let mut turns = Turns::default();
    turns.lists(&faults("a", 3), 0.0);
    turns.work(After::Refused, 0.0);
    // A list that breaks off.
    turns.begin();
    turns.see(sighting("a", 0, Need::End), at(1.0));
    turns.begin();
    turns.close(Kind::Service, &Runs::Unknown);
    assert_eq!((turns.known.len(), turns.waiting["a"].len()), (3, 3));
    turns.lists(&faults("a", 1), 10.0);
    assert_eq!(turns.known.keys().collect::<Vec<_>>(), ["a-0"]);
    assert_eq!(turns.work(After::Elsewhere, 10.0), ["a-0"]);
    turns.lists(&[], 20.0);
    assert!(turns.known.is_empty() && turns.waiting.is_empty());
}

#[test]
fn a_fault_has_lost_its_run_only_where_runs_that_were_listed_later_lack_it() {
    let known = |run: &str| Runs::Known(BTreeSet::from([run.to_owned()]));
    for (runs, is_ended) in [(known("other"), true), (known("run"), false), (Runs::Unknown, false)]
    {
        let mut turns = Turns::default();
        turns.begin();
        turns.see(sighting("a", 0, Need::EndLost), at(0.0));
        assert!(turns.any_lost());
        turns.close(Kind::NetworkPolicy, &runs);
        assert_eq!(turns.next(at(0.0)).is_some(), is_ended, "{runs:?}");
    }
    let mut turns = Turns::default();
    turns.see(sighting("a", 0, Need::End), at(0.0));
    assert!(!turns.any_lost());
}

#[test]
fn nobody_goes_to_an_object_that_somebody_is_at() {
    let mut turns = Turns::default();
    turns.lists(&faults("a", 1), 0.0);
    let held = turns.next(at(0.0)).unwrap();
    turns.lists(&faults("a", 1), 10.0);
    assert_eq!(turns.next(at(10.0)), None);
    turns.done(held, After::Elsewhere, at(10.0));
    turns.lists(&faults("a", 1), 20.0);
    assert!(turns.next(at(20.0)).is_some());
}

#[test]
fn what_an_ended_fault_left_comes_at_once() {
    let mut turns = Turns::default();
    turns.lists(&faults("a", 1), 0.0);
    let due = turns.next(at(0.0)).unwrap();
    turns.done(due, After::Ended, at(0.0));
    let next = turns.next(at(0.0)).unwrap();
    assert_eq!((next.need, next.label.as_str()), (Need::Tidy, "run.1.revoked"));
}
