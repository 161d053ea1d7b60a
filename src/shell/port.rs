//! The operator's one port. Whoever shows its token is let in to the routes that its parts bring; this knows
//! none of them.

pub mod metrics;
mod token;

pub use token::Token;

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, middleware};
use tokio::net::TcpListener;

/// Listens on `address` for those who show the token, until the task is aborted.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(address: SocketAddr, token: Token, routes: Router) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    axum::serve(listener, guarded(token, routes)).await
}

/// The routes, for those who show the token.
fn guarded(token: Token, routes: Router) -> Router {
    routes.route_layer(middleware::from_fn_with_state(Arc::new(token), token::let_in))
}

#[cfg(test)]
mod tests {
    use axum::{
        body::Body,
        http::{Request, StatusCode, header},
        routing::{get, post},
    };
    use tower::ServiceExt;

    use super::*;

    /// The answer to a request that shows that token, where the port's own is `secret`.
    async fn answer(method: &str, path: &str, shown: Option<&str>) -> StatusCode {
        let file = std::env::temp_dir().join(format!("firedrill-token-{}", std::process::id()));
        std::fs::write(&file, "secret\n").unwrap();
        let token = Token::in_file(&file).unwrap();
        let routes = Router::new().route("/read", get(|| async {}));
        let routes = routes.merge(Router::new().route("/write", post(|_: String| async {})));
        let request = Request::builder().method(method).uri(path);
        let request = match shown {
            Some(shown) => request.header(header::AUTHORIZATION, shown),
            None => request,
        };
        let request = request.body(Body::empty()).unwrap();
        guarded(token, routes).oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn every_route_is_for_those_alone_who_show_the_token() {
        for (method, path) in [("GET", "/read"), ("POST", "/write")] {
            assert_eq!(answer(method, path, Some("Bearer secret")).await, StatusCode::OK);
            for shown in [None, Some("Bearer"), Some("Bearer other"), Some("Basic secret")] {
                let answer = answer(method, path, shown).await;
                assert_eq!(answer, StatusCode::UNAUTHORIZED, "{shown:?} for {path}");
            }
        }
        assert_eq!(answer("GET", "/other", Some("Bearer secret")).await, StatusCode::NOT_FOUND);
    }
}
