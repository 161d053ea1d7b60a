//! Receives the notifications of alert sources: an answer of 200 means that every run which is concerned has it in its
//! status; 503 asks the sender to try again.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    routing::post,
};
use futures::future::join_all;
use tokio::time::Instant;

use super::registry::Lookout;
use crate::{
    core::alerts::AlertReport,
    detectors::{self, Push},
    shell::context::Context,
};

/// The largest notification that is read.
const BODY_MAX: usize = 4 << 20;
/// How long a sender waits for the runs' statuses; Alertmanager itself waits longer.
const PERSIST_WITHIN: Duration = Duration::from_secs(8);

/// One per source that notifies, such as `/v1/alertmanager`.
pub fn routes(context: Arc<Context>) -> Router {
    let route = |routes: Router<_>, push: Push| {
        let receive = move |State(context): State<Arc<Context>>, body: Bytes| async move {
            receive(&context, push, &body).await
        };
        routes.route(push.route, post(receive))
    };
    let routes = detectors::pushes().fold(Router::new(), route);
    routes.layer(DefaultBodyLimit::max(BODY_MAX)).with_state(context)
}

async fn receive(context: &Context, push: Push, body: &[u8]) -> (StatusCode, String) {
    let told = match (push.read)(body) {
        Ok(told) => told,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")),
    };
    if persist(context, &told).await {
        (StatusCode::OK, String::new())
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "a run's status could not be written in time\n".to_owned(),
        )
    }
}

/// Hands the alerts to the runs that they concern and waits until they are written down.
async fn persist(context: &Context, told: &[AlertReport]) -> bool {
    let began = Instant::now();
    let labels = context.config.alert_labels();
    let lookouts = context.registry.lookouts();
    let concerned = lookouts.iter().filter_map(|lookout| {
        let alert_filter = lookout.alert_filter(labels)?;
        let received = lookout.clock.now();
        let concerning = told.iter().filter(|report| alert_filter.concerns(report)).cloned();
        let told: Vec<_> = concerning.map(|report| report.delivered(received)).collect();
        (!told.is_empty()).then(|| hand_over(context, lookout, told))
    });
    let written = join_all(concerned).await;
    tracing::debug!(runs = written.len(), waited = ?began.elapsed(), "notification");
    written.into_iter().all(|written| written)
}

async fn hand_over(context: &Context, lookout: &Lookout, alerts: Vec<AlertReport>) -> bool {
    let ((), version) = lookout.see(|signals| {
        for alert in alerts {
            signals.alerts.report(alert);
        }
    });
    context.runs.request(&lookout.run.0, &lookout.run.1);
    let mut persisted = lookout.persisted.subscribe();
    let reached = persisted.wait_for(|reached| *reached >= version);
    matches!(tokio::time::timeout(PERSIST_WITHIN, reached).await, Ok(Ok(_)))
}
