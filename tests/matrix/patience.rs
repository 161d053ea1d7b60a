//! Waiting for something, with an end to it.

use std::time::{Duration, Instant};

/// After an outage of the API server the reflectors of Kubernetes' own controllers pause for up to a minute,
/// twice where their first watch is told that it is too old; it is they who keep the copies of a workload's
/// marks, and who make the accounts of a new namespace.
pub const CONTROLLERS_SECONDS: u64 = 150;

/// Asks again until it is so; whether it became so within so many seconds.
pub async fn until(seconds: u64, ask: impl AsyncFn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        if ask().await {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
