//! The port as those meet it who connect to it.

use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use axum::{
    body::Body,
    extract::State,
    http::Request,
    routing::{get, post},
};
use tower::ServiceExt;

use super::*;

/// A file with that text, which no other test writes.
fn file(name: &str, text: &str) -> PathBuf {
    let file = std::env::temp_dir().join(format!("firedrill-{name}-{}", std::process::id()));
    std::fs::write(&file, text).unwrap();
    file
}

/// The port's token is `secret`. Its file is written once, as the tests run side by side and a file that is being
/// written is empty for a moment.
fn token() -> Token {
    static FILE: LazyLock<PathBuf> = LazyLock::new(|| file("token", "secret\n"));
    Token::in_file(&FILE).unwrap()
}

/// Says how long a body was.
async fn write(State(bodies): State<Arc<Bodies>>, body: Body) -> Response {
    match bodies.read(body).await {
        Ok((read, _room)) => format!("{} bytes\n", read.len()).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// Three routes, of which one never answers.
fn routes(bounds: Bounds) -> Router {
    let routes = Router::new().route("/read", get(|| async { "read\n" }));
    let routes = routes.route("/wait", get(|| async { std::future::pending::<()>().await }));
    routes.route("/write", post(write)).with_state(Arc::new(Bodies::new(bounds)))
}

/// The port with these bounds.
fn open(bounds: Bounds) -> SocketAddr {
    let listener = listen("127.0.0.1:0".parse().unwrap(), &bounds).unwrap();
    let address = listener.local_addr().unwrap();
    let routes = guarded(token(), routes(bounds));
    tokio::spawn(async move { hold(&listener, &routes, bounds).await });
    address
}

/// A client that has said that.
async fn client(port: SocketAddr, said: &str) -> TcpStream {
    client_at("127.0.0.1", port, said).await
}

/// The same from another address of this machine.
async fn client_at(own: &str, port: SocketAddr, said: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(own.parse().unwrap(), 0)).unwrap();
    let mut stream = socket.connect(port).await.unwrap();
    stream.write_all(said.as_bytes()).await.unwrap();
    stream
}

/// Everything that a client is told until its connection ends, in whichever way.
async fn told(client: &mut TcpStream) -> String {
    let mut told = Vec::new();
    let ended = timeout(Duration::from_secs(20), client.read_to_end(&mut told)).await;
    ended.expect("the connection does not end").ok();
    String::from_utf8(told).unwrap()
}

fn request(method: &str, path: &str, token: &str, rest: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{rest}\r\n")
}

fn with_length(length: usize, token: &str) -> String {
    request("POST", "/write", token, &format!("content-length: {length}\r\n"))
}

const SOON: Duration = Duration::from_millis(100);

#[tokio::test]
async fn every_route_is_for_those_alone_who_show_the_token() {
    let answer = async |method: &str, path: &str, shown: Option<&str>| {
        let request = Request::builder().method(method).uri(path);
        let request = match shown {
            Some(shown) => request.header(header::AUTHORIZATION, shown),
            None => request,
        };
        let request = request.body(Body::empty()).unwrap();
        guarded(token(), routes(BOUNDS)).oneshot(request).await.unwrap().status()
    };
    for (method, path) in [("GET", "/read"), ("POST", "/write")] {
        assert_eq!(answer(method, path, Some("Bearer secret")).await, StatusCode::OK);
        for shown in [None, Some("Bearer"), Some("Bearer other"), Some("Basic secret")] {
            let answer = answer(method, path, shown).await;
            assert_eq!(answer, StatusCode::UNAUTHORIZED, "{shown:?} for {path}");
        }
    }
    assert_eq!(answer("GET", "/other", Some("Bearer secret")).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn whoever_may_be_right_is_not_refused_while_the_token_cannot_be_read() {
    let answer = async |file: &Path| {
        let request = Request::get("/read").header(header::AUTHORIZATION, "Bearer secret");
        let request = request.body(Body::empty()).unwrap();
        let token = Token(file.to_owned());
        guarded(token, routes(BOUNDS)).oneshot(request).await.unwrap().status()
    };
    let file = file("empty-token", "\n");
    assert_eq!(answer(&file).await, StatusCode::SERVICE_UNAVAILABLE);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(answer(&file).await, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn without_the_token_a_request_is_answered_before_its_body_is_there() {
    let mut client = client(open(BOUNDS), &with_length(4_000_000, "wrong")).await;
    let told = told(&mut client).await;
    assert!(told.starts_with("HTTP/1.1 401 ") && told.contains("bearer token"), "{told}");
}

#[tokio::test]
async fn a_client_that_sends_all_before_it_reads_is_told_all_the_same() {
    let port = open(Bounds { answer_within: Duration::from_secs(20), ..BOUNDS });
    for (length, token, status) in [(4_000_000, "wrong", "401"), (8_000_000, "secret", "413")] {
        let mut client = client(port, &with_length(length, token)).await;
        let body = vec![b'x'; length / 2];
        client.write_all(&body).await.unwrap();
        let told = told(&mut client).await;
        assert!(told.starts_with(&format!("HTTP/1.1 {status} ")), "{told}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_ask_to_the_end_is_closed() {
    let port = open(Bounds { head_within: SOON, ..BOUNDS });
    for said in ["", "GET /read HTTP/1.1\r\nhost: x\r\nauthor"] {
        assert_eq!(told(&mut client(port, said).await).await, "", "{said:?}");
    }
    let mut slow = client(port, "GET /read HTTP/1.1\r\n").await;
    let drips = async {
        while slow.write_all(b"a: b\r\n").await.is_ok() {
            sleep(SOON / 5).await;
        }
    };
    timeout(Duration::from_secs(20), drips).await.expect("what drips in is no head in time");
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let mut client = client(open(BOUNDS), &request("GET", "/read", "secret", "")).await;
    assert!(told(&mut client).await.starts_with("HTTP/1.1 200 "));
    let long = request("GET", "/read", &"x".repeat(BOUNDS.head), "");
    let mut client = self::client(open(BOUNDS), &long).await;
    let refused = told(&mut client).await;
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 431 "), "{refused}");
}

#[tokio::test]
async fn a_body_that_never_ends_is_not_waited_for() {
    let port = open(Bounds { body_within: SOON, ..BOUNDS });
    let mut client = client(port, &format!("{}abc", with_length(10, "secret"))).await;
    let told = told(&mut client).await;
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("was not here within"), "{told}");
}

#[tokio::test]
async fn no_connection_outlives_its_bound() {
    let port = open(Bounds { connection_within: SOON, ..BOUNDS });
    let mut client = client(port, &request("GET", "/wait", "secret", "")).await;
    assert_eq!(told(&mut client).await, "");
}

#[tokio::test]
async fn a_body_may_be_as_long_as_the_bound_and_no_longer() {
    let port = open(Bounds { body: 8, ..BOUNDS });
    let chunked = request("POST", "/write", "secret", "transfer-encoding: chunked\r\n");
    for (said, expected) in [
        (format!("{}12345678", with_length(8, "secret")), "200"),
        (format!("{chunked}4\r\n1234\r\n4\r\n5678\r\n0\r\n\r\n"), "200"),
        // Nothing of it is sent: by its length alone.
        (with_length(9, "secret"), "413"),
        (format!("{chunked}4\r\n1234\r\n5\r\n56789\r\n"), "413"),
    ] {
        let told = told(&mut client(port, &said).await).await;
        assert!(told.starts_with(&format!("HTTP/1.1 {expected} ")), "{said}: {told}");
        assert!(expected != "413" || told.contains("may have 8 bytes"), "{told}");
    }
}

#[tokio::test]
async fn while_bodies_are_read_others_wait_for_a_bounded_time_and_are_told_to_try_again() {
    let port = open(Bounds { bodies: 1, room_within: SOON, ..BOUNDS });
    let small = format!("{}1234", with_length(4, "secret"));
    let mut first = client(port, &format!("{}abc", with_length(10, "secret"))).await;
    let busy = loop {
        let told = told(&mut client(port, &small).await).await;
        // It may have been faster than the first one.
        if !told.starts_with("HTTP/1.1 200 ") {
            break told;
        }
    };
    assert!(busy.starts_with("HTTP/1.1 503 ") && busy.contains("\r\nretry-after: 1\r\n"), "{busy}");
    first.write_all(b"defghij").await.unwrap();
    assert!(told(&mut first).await.ends_with("10 bytes\n"));
    assert!(told(&mut client(port, &small).await).await.ends_with("4 bytes\n"));
}

#[tokio::test]
async fn one_peer_has_so_many_connections_and_leaves_others_theirs() {
    let port = open(Bounds { per_peer: 1, ..BOUNDS });
    let _silent = client(port, "").await;
    let told_too_many = told(&mut client(port, "").await).await;
    assert!(told_too_many.starts_with("HTTP/1.1 503 "), "{told_too_many}");
    assert!(told_too_many.contains("\r\nretry-after: 1\r\n"), "{told_too_many}");
    let asks = request("GET", "/read", "secret", "");
    let told = told(&mut client_at("127.0.0.2", port, &asks).await).await;
    assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
}

#[tokio::test]
async fn all_peers_have_so_many_connections_and_one_that_ends_makes_room() {
    let port = open(Bounds { connections: 2, ..BOUNDS });
    let silent = client(port, "").await;
    let _other = client_at("127.0.0.2", port, "").await;
    assert!(told(&mut client_at("127.0.0.3", port, "").await).await.starts_with("HTTP/1.1 503 "));
    drop(silent);
    let asks = request("GET", "/read", "secret", "");
    let served = async {
        while !told(&mut client_at("127.0.0.3", port, &asks).await).await.contains(" 200 OK") {
            sleep(SOON / 10).await;
        }
    };
    timeout(Duration::from_secs(20), served).await.expect("no room is made");
}

#[tokio::test]
async fn a_client_that_would_keep_its_connection_asks_again_by_another_one() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let (port, client) = (open(BOUNDS), reqwest::Client::builder().no_proxy().build().unwrap());
    for _ in 0..3 {
        let request = client.get(format!("http://{port}/read")).bearer_auth("secret");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()[header::CONNECTION], "close");
        assert_eq!(answer.text().await.unwrap(), "read\n");
    }
}
