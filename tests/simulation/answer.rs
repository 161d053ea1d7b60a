//! What the API server answers: an object, a refusal in the API server's own shape, or a stream.

use axum::body::{Body, Bytes};
use futures::StreamExt;
use http::{Response, StatusCode};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::store::Object;

/// An answer on its way back.
pub enum Answer {
    Body(StatusCode, Bytes),
    /// Lines that come as long as the sender lives.
    Lines(mpsc::UnboundedReceiver<Bytes>),
}

impl Answer {
    pub fn object(object: &Object) -> Self {
        Self::Body(StatusCode::OK, object.bytes.clone())
    }

    pub fn created(object: &Object) -> Self {
        Self::Body(StatusCode::CREATED, object.bytes.clone())
    }

    /// A refusal; `causes` are pairs of reason and message.
    pub fn refusal(code: u16, reason: &str, message: &str, causes: &[(&str, &str)]) -> Self {
        let causes: Vec<_> = causes
            .iter()
            .map(|(reason, message)| json!({"reason": reason, "message": message}))
            .collect();
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "reason": reason, "message": message, "code": code, "details": {"causes": causes},
        });
        let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::Body(code, status.to_string().into())
    }

    pub fn not_found() -> Self {
        Self::refusal(404, "NotFound", "there is none of that name", &[])
    }

    pub fn conflict(message: &str) -> Self {
        Self::refusal(409, "Conflict", message, &[])
    }

    pub fn invalid(message: &str) -> Self {
        Self::refusal(422, "Invalid", message, &[("FieldValueInvalid", message)])
    }

    pub fn code(&self) -> u16 {
        match self {
            Self::Body(code, _) => code.as_u16(),
            Self::Lines(_) => 200,
        }
    }

    pub fn response(self) -> Response<Body> {
        let code = self.code();
        let body = match self {
            Self::Body(_, bytes) => Body::from(bytes),
            Self::Lines(lines) => {
                Body::from_stream(UnboundedReceiverStream::new(lines).map(Ok::<_, std::io::Error>))
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
        response
    }
}
