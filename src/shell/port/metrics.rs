//! Tells Prometheus the metrics.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};

use crate::{metrics, shell::context::Context};

/// `/metrics`.
pub fn routes(context: Arc<Context>) -> Router {
    Router::new().route("/metrics", get(serve)).with_state(context)
}

async fn serve(State(context): State<Arc<Context>>) -> impl IntoResponse {
    let (runs, plans) = (context.runs.heard(), context.plans.heard());
    let (runs, plans): (Vec<_>, Vec<_>) = (runs.iter().collect(), plans.iter().collect());
    match metrics::print(&runs, &plans) {
        Ok(printed) => ([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], printed).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
