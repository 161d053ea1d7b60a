//! `podKill`: evicts or deletes chosen pods, each by its UID and version.

use super::{Call, Fault, call::PodRef};
use crate::api::{
    experiment::{KillMethod, PodKill},
    run::Victim,
};

impl Fault for PodKill {
    fn inject(&self, victims: &[&Victim]) -> Vec<Call> {
        let grace_seconds = self.grace_period.map(|grace| {
            u32::try_from(grace.std().as_micros().div_ceil(1_000_000)).unwrap_or(u32::MAX)
        });
        let call = |victim: &&Victim| {
            let pod = PodRef {
                name: victim.name.clone(),
                uid: victim.uid.clone(),
                resource_version: victim.resource_version.clone(),
                grace_seconds,
            };
            match self.method {
                KillMethod::Evict => Call::EvictPod(pod),
                KillMethod::Delete => Call::DeletePod(pod),
            }
        };
        victims.iter().map(call).collect()
    }

    fn revoke(&self, survivors: &[&Victim], mark: &str) -> Vec<Call> {
        let call = |victim: &&Victim| Call::MarkPod {
            name: victim.name.clone(),
            uid: victim.uid.clone(),
            mark: mark.to_owned(),
        };
        survivors.iter().map(call).collect()
    }

    fn verb(&self) -> &'static str {
        match self.method {
            KillMethod::Evict => "evict pod",
            KillMethod::Delete => "delete pod",
        }
    }

    fn revert_note(&self) -> &'static str {
        "nothing to restore"
    }
}
