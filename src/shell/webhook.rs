//! The operator's one port, for those who show its token. It receives Alertmanager's notifications:
//! an answer of 200 means that every run which is concerned has it in its status; 503 asks the sender
//! to try again. And it tells Prometheus the metrics.

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use futures::future::join_all;
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;

use super::{Context, run::registry::Lookout};
use crate::{
    api::{Duration as Span, Moment},
    config::Webhook,
    core::alarms::Sighting,
    detectors::alertmanager,
    metrics,
};

/// The largest notification that is read.
const BODY_MAX: usize = 4 << 20;
/// How long a sender waits for the runs' statuses; Alertmanager itself waits longer.
const PERSIST_WITHIN: Duration = Duration::from_secs(8);

struct Receiver {
    context: Arc<Context>,
    token_file: PathBuf,
}

/// Listens until `shutdown` resolves.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(
    context: Arc<Context>,
    config: Webhook,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let listener = TcpListener::bind(config.listen).await?;
    let receiver = Arc::new(Receiver { context, token_file: config.token_file });
    let router = Router::new()
        .route("/v1/alertmanager", post(receive))
        .route("/metrics", get(tell))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(receiver);
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let arrived = receiver.context.clock.now();
    if !receiver.knows(&headers) {
        return (STRANGER.0, STRANGER.1.to_owned());
    }
    let seen = match alertmanager::read_notification(&body, arrived) {
        Ok(seen) => seen,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")),
    };
    if receiver.persist(&seen, arrived).await {
        (StatusCode::OK, String::new())
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "a run's status could not be written in time\n".to_owned(),
        )
    }
}

const STRANGER: (StatusCode, &str) = (StatusCode::UNAUTHORIZED, "a valid bearer token is needed\n");

async fn tell(State(receiver): State<Arc<Receiver>>, headers: HeaderMap) -> impl IntoResponse {
    if !receiver.knows(&headers) {
        return STRANGER.into_response();
    }
    let heard = receiver.context.runs.heard();
    match metrics::print(&heard.iter().collect::<Vec<_>>()) {
        Ok(printed) => ([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], printed).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl Receiver {
    /// Whether the sender shows the token; the file is read anew, so that it can be rotated.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let Ok(expected) = std::fs::read_to_string(&self.token_file) else {
            return false;
        };
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let expected = expected.trim();
        !expected.is_empty() && bool::from(shown.trim().as_bytes().ct_eq(expected.as_bytes()))
    }

    /// Hands the alerts to the runs that they concern and waits until they are written down.
    async fn persist(&self, seen: &[Sighting], received: Moment) -> bool {
        let label = self.context.config.namespace_label();
        let lookouts = self.context.registry.lookouts();
        let concerned = lookouts.iter().filter_map(|lookout| {
            let watcher = lookout.watcher(label)?;
            let told: Vec<Sighting> =
                seen.iter().filter(|sighting| watcher.concerns(sighting)).cloned().collect();
            (!told.is_empty()).then(|| self.hand_over(lookout, told))
        });
        let written = join_all(concerned).await;
        tracing::debug!(runs = written.len(), waited = %Span::between(received, self.context.clock.now()), "notification");
        written.into_iter().all(|written| written)
    }

    async fn hand_over(&self, lookout: &Lookout, alerts: Vec<Sighting>) -> bool {
        let ((), version) = lookout.see(|sight| {
            for alert in alerts {
                sight.book.report(alert);
            }
        });
        self.context.runs.request(&lookout.run.0, &lookout.run.1);
        let mut persisted = lookout.persisted.subscribe();
        let reached = persisted.wait_for(|reached| *reached >= version);
        matches!(tokio::time::timeout(PERSIST_WITHIN, reached).await, Ok(Ok(_)))
    }
}
