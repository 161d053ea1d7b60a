//! The token that senders, and whoever reads, must show.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use subtle::ConstantTimeEq;

use super::again;

/// A bearer token in a file; it is read anew for each request, so that it can be rotated.
pub struct Token(pub(super) PathBuf);

impl Token {
    /// The token in that file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn in_file(file: &Path) -> io::Result<Self> {
        std::fs::read_to_string(file).map(|_| Self(file.to_owned()))
    }

    fn is_shown(&self, headers: &HeaderMap) -> io::Result<bool> {
        let expected = std::fs::read_to_string(&self.0)?;
        let expected = expected.trim();
        // Also what a file holds whose token is being replaced in place.
        if expected.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is empty"));
        }
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        Ok(shown.trim().as_bytes().ct_eq(expected.as_bytes()).into())
    }
}

/// Passes on what shows the token; of anything else not even the body is read.
pub(super) async fn let_in(
    State(token): State<Arc<Token>>,
    request: Request,
    next: Next,
) -> Response {
    match token.is_shown(request.headers()) {
        Ok(true) => next.run(request).await,
        Ok(false) => (StatusCode::UNAUTHORIZED, "a valid bearer token is needed\n").into_response(),
        // A sender that may be right must try again, and not take this for a refusal.
        Err(error) => {
            tracing::warn!(file = %token.0.display(), %error, "the port's token cannot be read");
            again("the operator cannot read the token that it compares with: try again")
        }
    }
}
