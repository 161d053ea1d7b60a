//! How many runs start at once. What a run reads before it breaks something must be a second old at most, so that of
//! hundreds that start side by side each would read again and again, and none would come to its injection in time.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::shell::shared::Shared;

/// How many runs start at once.
const AT_ONCE: usize = 16;
/// How many of them in one namespace, so that others have room beside one that starts hundreds.
const IN_ONE_NAMESPACE: usize = 8;

/// The runs that start, those that came first before others.
pub struct Starts {
    all: Arc<Semaphore>,
    namespaces: Shared<Semaphore>,
}

/// That a run may start, until this is dropped.
pub struct Start {
    _namespace: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Default for Starts {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_ONCE)), namespaces: Shared::default() }
    }
}

impl Starts {
    /// Waits until a run of that namespace may start; absent only where the process ends.
    pub async fn wait(&self, namespace: &str) -> Option<Start> {
        let of_namespace = self.namespaces.of(namespace, || Semaphore::new(IN_ONE_NAMESPACE));
        let of_namespace = of_namespace.acquire_owned().await.ok()?;
        let of_all = self.all.clone().acquire_owned().await.ok()?;
        Some(Start { _namespace: of_namespace, _all: of_all })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    /// How many runs of that namespace may start now; each of them holds its place.
    fn start(starts: &Starts, namespace: &str, held: &mut Vec<Start>) -> usize {
        let before = held.len();
        while let Some(start) = starts.wait(namespace).now_or_never() {
            held.extend(start);
        }
        held.len() - before
    }

    #[test]
    fn one_namespace_that_starts_many_leaves_room_for_others() {
        let (starts, mut held) = (Starts::default(), Vec::new());
        assert_eq!(start(&starts, "shop", &mut held), IN_ONE_NAMESPACE);
        assert_eq!(start(&starts, "edge", &mut held), AT_ONCE - IN_ONE_NAMESPACE);
        assert_eq!(start(&starts, "other", &mut held), 0);
        held.remove(0);
        assert_eq!(start(&starts, "other", &mut held), 1, "whoever is done makes room");
        held.clear();
        assert_eq!(start(&starts, "shop", &mut held), IN_ONE_NAMESPACE);
        assert_eq!(starts.namespaces.names(), ["shop"], "nothing is kept of the others");
    }

    #[test]
    fn those_that_came_first_start_first() {
        let (starts, mut held) = (Starts::default(), Vec::new());
        start(&starts, "shop", &mut held);
        let (mut first, mut second) =
            (Box::pin(starts.wait("shop")), Box::pin(starts.wait("shop")));
        assert!(
            first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none()
        );
        held.pop();
        assert!(second.as_mut().now_or_never().is_none());
        assert!(first.as_mut().now_or_never().flatten().is_some());
    }
}
