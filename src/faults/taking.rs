//! Takes pods away, each by its UID and version, and keeps a late call from taking one that survived.

use super::call::{Call, Exact};
use crate::api::{Duration, run::Victim};

pub use crate::api::fault::{KillMethod as Method, KillOrder as Order};

/// How a fault takes pods of the target away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taking {
    /// How many.
    pub amount: Amount,
    /// Which first.
    pub order: Order,
    /// By eviction or by deletion.
    pub method: Method,
    /// How long a pod has to end; default its own.
    pub grace_period: Option<Duration>,
    /// After how long again, with new victims, for as long as the fault lasts; default once.
    pub every: Option<Duration>,
}

/// How many pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many.
    Count(i32),
    /// So many percent of the target's, rounded down.
    Percent(i32),
}

impl Taking {
    /// What to send to take `victims` away; sending it twice equals sending it once.
    #[must_use]
    pub fn inject(self, victims: &[&Victim]) -> Vec<Call> {
        let grace_seconds = self.grace_period.map(|grace| {
            u32::try_from(grace.std().as_micros().div_ceil(1_000_000)).unwrap_or(u32::MAX)
        });
        let call = |victim: &&Victim| {
            let pod = Exact {
                name: victim.name.clone(),
                uid: victim.uid.clone(),
                resource_version: victim.resource_version.clone(),
                grace_seconds,
            };
            match self.method {
                Method::Evict => Call::EvictPod(pod),
                Method::Delete => Call::DeletePod(pod),
            }
        };
        victims.iter().map(call).collect()
    }

    /// The injection in a few words.
    pub(super) const fn verb(self) -> &'static str {
        match self.method {
            Method::Evict => "evict pod",
            Method::Delete => "delete pod",
        }
    }
}

/// What to send so that no delayed call can still take one of these, also when none was ever sent.
#[must_use]
pub fn revoke(survivors: &[&Victim], mark: &str) -> Vec<Call> {
    let call = |victim: &&Victim| Call::MarkPod {
        name: victim.name.clone(),
        uid: victim.uid.clone(),
        mark: mark.to_owned(),
    };
    survivors.iter().map(call).collect()
}
