//! `podKill`: evicts or deletes chosen pods, each by its UID and version.

use super::{Call, call::Exact};
use crate::api::{
    fault::{KillMethod, PodKill},
    run::Victim,
};

/// What to send to take `victims` away; sending it twice equals sending it once.
#[must_use]
pub fn inject(kill: &PodKill, victims: &[&Victim]) -> Vec<Call> {
    let grace_seconds = kill.grace_period.map(|grace| {
        u32::try_from(grace.std().as_micros().div_ceil(1_000_000)).unwrap_or(u32::MAX)
    });
    let call = |victim: &&Victim| {
        let pod = Exact {
            name: victim.name.clone(),
            uid: victim.uid.clone(),
            resource_version: victim.resource_version.clone(),
            grace_seconds,
        };
        match kill.method {
            KillMethod::Evict => Call::EvictPod(pod),
            KillMethod::Delete => Call::DeletePod(pod),
        }
    };
    victims.iter().map(call).collect()
}

/// What to send so that no delayed kill can still land, also when none was ever sent.
#[must_use]
pub fn revoke(survivors: &[&Victim], mark: &str) -> Vec<Call> {
    let call = |victim: &&Victim| Call::MarkPod {
        name: victim.name.clone(),
        uid: victim.uid.clone(),
        mark: mark.to_owned(),
    };
    survivors.iter().map(call).collect()
}

/// The injection in a few words.
#[must_use]
pub const fn verb(kill: &PodKill) -> &'static str {
    match kill.method {
        KillMethod::Evict => "evict pod",
        KillMethod::Delete => "delete pod",
    }
}
