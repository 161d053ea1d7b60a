//! Reads the bodies of requests: few at once, none that is longer than allowed, and none for ever.

use std::sync::Arc;

use axum::{
    body::{Body, HttpBody},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{Bounds, again};

/// Room for so many bodies at once.
pub struct Bodies {
    room: Arc<Semaphore>,
    bounds: Bounds,
}

/// Why a body is not read.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is longer than allowed.
    #[error("a body may have {0} bytes and this one has more: send less at once")]
    Long(usize),
    /// There is no room for it.
    #[error("other bodies are still being read after {0:?}: try again")]
    Busy(std::time::Duration),
    /// It does not end.
    #[error("the body was not here within {0:?}: try again")]
    Slow(std::time::Duration),
    /// It ended before its end.
    #[error("the body cannot be read: {0}")]
    Cut(#[from] axum::Error),
}

impl Bodies {
    /// Room within these bounds.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { room: Arc::new(Semaphore::new(bounds.bodies)), bounds }
    }

    /// Reads a body; its room is free for others once the permit is dropped.
    ///
    /// # Errors
    /// When it is too long, too slow or cut, or when there is no room for it.
    pub async fn read(&self, body: Body) -> Result<(Vec<u8>, OwnedSemaphorePermit), Refusal> {
        let Bounds { body: max, room_within, body_within, .. } = self.bounds;
        let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if declared > max {
            return Err(Refusal::Long(max));
        }
        let room = timeout(room_within, self.room.clone().acquire_owned()).await;
        let room = room.ok().and_then(Result::ok).ok_or(Refusal::Busy(room_within))?;
        let read = timeout(body_within, collect(body, declared, max)).await;
        Ok((read.unwrap_or(Err(Refusal::Slow(body_within)))?, room))
    }
}

/// The whole body in one piece: one that is collected first and then joined takes twice the memory.
async fn collect(mut body: Body, declared: usize, max: usize) -> Result<Vec<u8>, Refusal> {
    let mut read = Vec::with_capacity(declared);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if read.len() + data.len() > max {
            return Err(Refusal::Long(max));
        }
        read.extend_from_slice(&data);
    }
    Ok(read)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            // Not 408, which is not tried again by those who notify.
            Self::Busy(_) | Self::Slow(_) => return again(&self.to_string()),
            Self::Long(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Cut(_) => StatusCode::BAD_REQUEST,
        };
        (status, format!("{self}\n")).into_response()
    }
}
