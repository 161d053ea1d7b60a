//! Candidates, order and seed to the exact victims; the same seed always chooses the same ones.

use rand::{SeedableRng, rngs::ChaCha8Rng, seq::SliceRandom};

use crate::{
    api::run::Victim,
    core::{hash, signals::pods::Pod},
    faults::taking::{Amount, Order},
};

/// The seed of a run, from its UID: 16 hexadecimal digits, recorded in the journal.
#[must_use]
pub fn seed(run_uid: &str) -> String {
    hash::digest(run_uid.as_bytes())
}

/// How many of `pods` are taken: the count, or the percentage rounded down.
#[must_use]
pub fn wanted(amount: Amount, pods: usize) -> usize {
    let number = |value: i32| usize::try_from(value).unwrap_or(0);
    match amount {
        Amount::Count(count) => number(count),
        Amount::Percent(percent) => pods * number(percent) / 100,
    }
}

/// The victims of one round, in the order in which they are taken.
///
/// Only pods that are not already ending are candidates; fewer than wanted are chosen when there
/// are fewer.
#[must_use]
pub fn choose(order: Order, pods: &[Pod], seed: &str, round: i32, wanted: usize) -> Vec<Victim> {
    let mut candidates: Vec<&Pod> = pods.iter().filter(|pod| !pod.ending).collect();
    candidates.sort_by(|a, b| (a.created_at, &a.uid).cmp(&(b.created_at, &b.uid)));
    match order {
        Order::Oldest => {}
        Order::Newest => candidates.reverse(),
        Order::Random => {
            let number = u64::from_str_radix(seed, 16).unwrap_or_default();
            let stream = u64::try_from(round).unwrap_or_default();
            let mut random = ChaCha8Rng::seed_from_u64(number.wrapping_add(stream));
            candidates.shuffle(&mut random);
        }
    }
    candidates.into_iter().take(wanted).map(|pod| pod.victim(round)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::signals::pods::tests::pod;

    fn names(order: Order, seed: &str) -> Vec<String> {
        let pods: Vec<Pod> = (0..6).map(|age| pod(age, true)).collect();
        choose(order, &pods, seed, 1, 2).into_iter().map(|victim| victim.name).collect()
    }

    #[test]
    fn oldest_and_newest_go_by_age() {
        assert_eq!(names(Order::Oldest, "0"), ["pod-0", "pod-1"]);
        assert_eq!(names(Order::Newest, "0"), ["pod-5", "pod-4"]);
    }

    #[test]
    fn the_same_seed_chooses_the_same_pods_and_another_one_others() {
        let chosen = |seed: &str| names(Order::Random, seed);
        assert_eq!(chosen("7f3a"), chosen("7f3a"));
        assert!((0..20).any(|n| chosen(&format!("{n:x}")) != chosen("7f3a")));
    }

    #[test]
    fn a_pod_that_is_ending_is_no_candidate() {
        let mut pods = vec![pod(0, true), pod(1, true)];
        pods[0].ending = true;
        assert_eq!(choose(Order::Oldest, &pods, "0", 1, 2).len(), 1);
    }

    #[test]
    fn a_percentage_rounds_down() {
        assert_eq!([1, 3, 4].map(|pods| wanted(Amount::Percent(50), pods)), [0, 1, 2]);
    }
}
