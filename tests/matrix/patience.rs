//! Waiting for something, with an end to it.

use std::time::{Duration, Instant};

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
