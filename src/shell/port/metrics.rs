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
    let heard = context.runs.heard();
    match metrics::print(&heard.iter().collect::<Vec<_>>()) {
        Ok(printed) => ([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], printed).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
