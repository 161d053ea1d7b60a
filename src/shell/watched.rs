//! Watches that never end and never fail: what goes wrong is logged, and they are taken up again.

use std::{fmt::Debug, time::Duration};

use backon::ExponentialBuilder;
use futures::{StreamExt, stream::BoxStream};
use kube::{
    Api, Resource,
    runtime::{
        WatchStreamExt,
        watcher::{Config, Event, ExponentialBackoff, watcher},
    },
};
use serde::de::DeserializeOwned;

/// How long one watch lasts before it is taken up again, in seconds; the server may end it earlier.
pub const WATCH_SECONDS: u32 = 60;

/// Objects per answer of a list, which are in memory as a whole before what is kept of each is left: one can be of
/// 1.5 MB, as much as etcd takes.
const PAGE: u32 = 8;

/// The first pause after a failure; each further one is twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// With as much again at random, so that an API server that comes back is not met by all at once.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What happens to the objects, by watch.
///
/// After an outage of the API server it is there again within four seconds. The pauses that clients of
/// Kubernetes make otherwise grow to a minute, in which nobody would hear the lever. And where a
/// [`Controller`](kube::runtime::Controller) hears of an error, it delays whatever else triggers it; here
/// it hears of none.
#[must_use]
pub fn watched<K>(api: Api<K>, config: Config) -> BoxStream<'static, Event<K>>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let pauses = ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_jitter()
        .without_max_times();
    let path = api.resource_url().to_owned();
    watcher(api, config.timeout(WATCH_SECONDS).page_size(PAGE))
        .backoff(ExponentialBackoff::from(pauses))
        .filter_map(move |event| {
            let event = event.inspect_err(
                |error| tracing::warn!(path, %error, "a watch failed; it is taken up again"),
            );
            std::future::ready(event.ok())
        })
        .boxed()
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::client::Body;
    use serde_json::json;
    use tokio::time::Instant;

    use super::*;

    const OUTAGE: Duration = Duration::from_secs(600);

    #[tokio::test(start_paused = true)]
    async fn after_a_long_outage_a_watch_hears_again_within_four_seconds() {
        let began = Instant::now();
        let list = json!({"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {"resourceVersion": "1"}, "items": []});
        let news = json!({"type": "ADDED", "object": {"metadata": {"name": "settings", "resourceVersion": "2"}}});
        let server = tower::service_fn(move |request: Request<Body>| {
            let query = request.uri().query().unwrap_or_default();
            let watches = query.contains("watch=true");
            assert!(watches || query.contains("limit=8"), "{query}");
            let answer = if watches { format!("{news}\n") } else { list.to_string() };
            std::future::ready(if watches && began.elapsed() < OUTAGE {
                Err(std::io::Error::other("connection refused"))
            } else {
                Ok(Response::new(Body::from(answer.into_bytes())))
            })
        });
        let client = kube::Client::new(server, "default");
        let mut events = watched(Api::<ConfigMap>::all(client), Config::default());
        assert!(matches!(events.next().await, Some(Event::Init)));
        assert!(matches!(events.next().await, Some(Event::InitDone)));
        assert!(began.elapsed() < OUTAGE);
        assert!(matches!(events.next().await, Some(Event::Apply(_))));
        let heard = began.elapsed();
        assert!(heard <= OUTAGE + Duration::from_secs(4), "{heard:?}");
    }
}
